#include "proto/base/map.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"

enum { CAP_MIN = 16, TAG_USED = 0x80 };

_Static_assert(MAP_HASH_KEY_LEN == crypto_shorthash_KEYBYTES, "the hash key is SipHash's");

static uint64_t hash_of(const struct map *map, const void *key)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, key, map->key_words * 8, map->hash_key);
    return load_u64(hash);
}

/* The high bits choose the slot, so any capacity works; the low bits make the tag. */
static size_t home_of(uint64_t hash, size_t cap)
{
    return (size_t)((unsigned __int128)hash * cap >> 64);
}

static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(TAG_USED | (hash & 0x7f));
}

static uint64_t *slot_at(const struct map *map, size_t i)
{
    return map->slots + i * (map->key_words + 1);
}

static size_t after(const struct map *map, size_t i)
{
    return i + 1 == map->cap ? 0 : i + 1;
}

/* Entries that a capacity takes before it grows: four fifths. */
static size_t room_of(size_t cap)
{
    return cap / 5 * 4;
}

void map_init(struct map *map, size_t key_len, const uint8_t hash_key[static MAP_HASH_KEY_LEN])
{
    CHECK(key_len == 8 || key_len == 16 || key_len == MAP_KEY_LEN_MAX);
    *map = (struct map){.key_words = key_len / 8};
    memcpy(map->hash_key, hash_key, MAP_HASH_KEY_LEN);
}

void map_fini(struct map *map)
{
    if (!map) return;
    free(map->slots);
    free(map->tags);
    sodium_memzero(map, sizeof *map);
}

/* The slot that holds key, or the empty one where it belongs. The map has an empty slot. */
static size_t probe(const struct map *map, const void *key, uint64_t hash)
{
    uint8_t tag = tag_of(hash);
    size_t i = home_of(hash, map->cap);
    while (map->tags[i]) {
        if (map->tags[i] == tag && memcmp(slot_at(map, i), key, map->key_words * 8) == 0) break;
        i = after(map, i);
    }
    return i;
}

/* Moves everything into arrays of cap slots. */
static int rehash(struct map *map, size_t cap, struct error *ret_error)
{
    size_t words = map->key_words + 1;
    const struct map old = *map;
    uint64_t *slots = cap <= SIZE_MAX / 8 / words ? malloc(cap * words * 8) : NULL;
    uint8_t *tags = calloc(cap, 1);
    if (!slots || !tags) {
        free(slots);
        free(tags);
        return error_set(ret_error, E_NO_MEMORY, NULL, "no memory for a map of %zu slots", cap);
    }
    map->slots = slots;
    map->tags = tags;
    map->cap = cap;
    for (size_t i = 0; i < old.cap; i++) {
        if (!old.tags[i]) continue;
        uint64_t hash = hash_of(map, slot_at(&old, i));
        size_t k = probe(map, slot_at(&old, i), hash);
        memcpy(slot_at(map, k), slot_at(&old, i), words * 8);
        tags[k] = tag_of(hash);
    }
    free(old.slots);
    free(old.tags);
    return 0;
}

int map_reserve(struct map *map, size_t count, struct error *ret_error)
{
    if (count > SIZE_MAX / 4 - map->len)
        return error_set(ret_error, E_NO_MEMORY, NULL, "no memory for %zu more entries", count);
    size_t cap = map->cap ? map->cap : CAP_MIN;
    while (room_of(cap) < map->len + count) cap += cap / 2;
    return cap == map->cap ? 0 : rehash(map, cap, ret_error);
}

uint64_t *map_find(const struct map *map, const void *key)
{
    if (map->len == 0) return NULL;
    size_t i = probe(map, key, hash_of(map, key));
    return map->tags[i] ? slot_at(map, i) + map->key_words : NULL;
}

uint64_t *map_put(struct map *map, const void *key, bool *ret_new)
{
    uint64_t hash = hash_of(map, key);
    size_t i = map->cap > 0 ? probe(map, key, hash) : 0;
    bool new = map->cap == 0 || !map->tags[i];
    if (ret_new) *ret_new = new;
    if (!new) return slot_at(map, i) + map->key_words;
    size_t cap = map->cap;
    int grown = map_reserve(map, 1, NULL);
    CHECK(grown == 0);
    if (map->cap != cap) i = probe(map, key, hash);
    memcpy(slot_at(map, i), key, map->key_words * 8);
    map->tags[i] = tag_of(hash);
    map->len++;
    uint64_t *value = slot_at(map, i) + map->key_words;
    *value = 0;
    return value;
}

/* Whether walking on from `from` one meets `to` no later than `until`; all three are slots. */
static bool reaches(size_t from, size_t to, size_t until)
{
    return from <= until ? from <= to && to <= until : from <= to || to <= until;
}

bool map_delete(struct map *map, const void *key, uint64_t *ret_value)
{
    if (map->len == 0) return false;
    size_t hole = probe(map, key, hash_of(map, key));
    if (!map->tags[hole]) return false;
    if (ret_value) *ret_value = slot_at(map, hole)[map->key_words];
    /* Whatever stands behind the hole and could no longer be found across it moves into it. */
    for (size_t i = after(map, hole); map->tags[i]; i = after(map, i)) {
        size_t home = home_of(hash_of(map, slot_at(map, i)), map->cap);
        if (!reaches(home, hole, i)) continue;
        memcpy(slot_at(map, hole), slot_at(map, i), (map->key_words + 1) * 8);
        map->tags[hole] = map->tags[i];
        hole = i;
    }
    map->tags[hole] = 0;
    map->len--;
    return true;
}

/* Keys stand at the start of an entry's slot; qsort has no context, so each length has its own. */
static int compare_8(const void *a, const void *b)
{
    return memcmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key, 8);
}

static int compare_16(const void *a, const void *b)
{
    return memcmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key, 16);
}

static int compare_32(const void *a, const void *b)
{
    return memcmp(((const struct map_entry *)a)->key, ((const struct map_entry *)b)->key, 32);
}

int map_sorted(const struct map *map, struct map_entry **ret_entries, size_t *ret_len,
               struct error *ret_error)
{
    struct map_entry *entries = NULL;
    size_t len = 0;
    if (map->len > 0) {
        entries = calloc(map->len, sizeof *entries);
        if (!entries)
            return error_set(ret_error, E_NO_MEMORY, NULL, "no memory to sort %zu", map->len);
        for (size_t i = 0; i < map->cap; i++) {
            if (!map->tags[i]) continue;
            const uint64_t *slot = slot_at(map, i);
            entries[len++] = (struct map_entry){(const uint8_t *)slot, slot[map->key_words]};
        }
        qsort(entries, len, sizeof *entries,
              map->key_words == 1   ? compare_8
              : map->key_words == 2 ? compare_16
                                    : compare_32);
    }
    *ret_entries = entries;
    *ret_len = len;
    return 0;
}

void map_drain(struct map *map, void (*take)(uint64_t take_value))
{
    for (size_t i = 0; i < map->cap; i++) {
        if (!map->tags[i]) continue;
        map->tags[i] = 0;
        map->len--;
        take(slot_at(map, i)[map->key_words]);
    }
}

size_t map_memory_bytes(const struct map *map)
{
    return map->cap * ((map->key_words + 1) * 8 + 1);
}
