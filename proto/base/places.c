#include "proto/base/places.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"

enum { CAP_MIN = 16 };
static const size_t len_max = (size_t)1 << 31;

_Static_assert(PLACES_HASH_KEY_LEN == crypto_shorthash_KEYBYTES, "the hash key is SipHash's");

void places_init(struct places *places, size_t key_len,
                 const uint8_t hash_key[static PLACES_HASH_KEY_LEN])
{
    CHECK(key_len == 8 || key_len == 16 || key_len == PLACES_KEY_LEN_MAX);
    *places = (struct places){.key_len = key_len};
    memcpy(places->hash_key, hash_key, PLACES_HASH_KEY_LEN);
}

void places_fini(struct places *places)
{
    if (!places) return;
    free(places->slots);
    sodium_memzero(places, sizeof *places);
}

uint32_t places_hash(const struct places *places, const void *key)
{
    uint8_t hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, key, places->key_len, places->hash_key);
    return (uint32_t)(load_u64(hash) >> 32);
}

/* In proportion, so that any capacity works and slots stand nearly in the order of their hashes. */
static size_t home_of(uint32_t hash, size_t cap)
{
    return (size_t)((unsigned __int128)hash * cap >> 32);
}

static size_t after(const struct places *places, size_t i)
{
    return i + 1 == places->cap ? 0 : i + 1;
}

void places_expect(const struct places *places, uint32_t hash)
{
    if (places->cap > 0) __builtin_prefetch(&places->slots[home_of(hash, places->cap)]);
}

uint32_t places_guess(const struct places *places, uint32_t hash)
{
    if (places->cap == 0) return PLACES_NONE;
    size_t i = home_of(hash, places->cap);
    while (places->slots[i] != 0 && places->slots[i] >> 32 != hash) i = after(places, i);
    return places->slots[i] != 0 ? (uint32_t)places->slots[i] - 1 : PLACES_NONE;
}

uint32_t places_find(const struct places *places, uint32_t hash, const void *key,
                     struct places_keys keys)
{
    if (places->cap == 0) return PLACES_NONE;
    for (size_t i = home_of(hash, places->cap); places->slots[i] != 0; i = after(places, i)) {
        if (places->slots[i] >> 32 != hash) continue;
        uint32_t place = (uint32_t)places->slots[i] - 1;
        const uint8_t *stands = (const uint8_t *)keys.first + place * keys.stride;
        if (memcmp(stands, key, places->key_len) == 0) return place;
    }
    return PLACES_NONE;
}

static void put(struct places *places, uint64_t slot)
{
    size_t i = home_of((uint32_t)(slot >> 32), places->cap);
    while (places->slots[i] != 0) i = after(places, i);
    places->slots[i] = slot;
}

static void grow(struct places *places)
{
    const struct places old = *places;
    places->cap = old.cap ? old.cap + old.cap / 2 : CAP_MIN;
    places->slots = calloc(places->cap, sizeof *places->slots);
    CHECK(places->slots != NULL);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slots[i] != 0) put(places, old.slots[i]);
    free(old.slots);
}

void places_add(struct places *places, uint32_t hash, uint32_t place)
{
    CHECK(places->len < len_max);
    CHECK(place < PLACES_NONE);
    if (places->len >= places->cap / 5 * 4) grow(places);
    put(places, (uint64_t)hash << 32 | (place + 1));
    places->len++;
}

size_t places_memory_bytes(const struct places *places)
{
    return places->cap * sizeof *places->slots;
}
