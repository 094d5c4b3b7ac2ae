/* map: a hash map from keys of one fixed length (8, 16 or 32 bytes) to a u64 or a pointer.
 *
 * For the core's state: ids of envelopes, threads and units. Open addressing with linear probing in
 * one array; a delete shifts back, so there are no tombstones and a lookup stays short whatever
 * came before. Keys are hashed with SipHash-2-4 under the hash_key given at init: entropy is an
 * argument, and who chooses keys cannot choose collisions as long as the hash_key is secret.
 *
 * Order: the place of an entry depends on the hash_key and on history. Nothing that is written,
 * hashed or decided may depend on it, so there is no unordered walk; map_sorted gives key order.
 *
 * Memory: a slot is key, value and one tag byte; load after growth is between 0.53 and 0.8, so a
 * map of 16-byte keys costs at most 24 bytes per entry beyond the 24 of key and value (from 64
 * entries on). Growing moves everything: O(len), amortised O(1). It never shrinks.
 *
 * Pure; no I/O, clock or entropy. Not thread-safe: one owner. */
#ifndef PROTO_BASE_MAP_H
#define PROTO_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

enum { MAP_HASH_KEY_LEN = 16, MAP_KEY_LEN_MAX = 32 };

struct map {
    uint64_t *slots; /* cap slots of key_words + 1 words: the key's bytes, then the value */
    uint8_t *tags;   /* cap bytes: 0 empty, otherwise 0x80 and seven bits of the hash */
    size_t cap;
    size_t len;
    size_t key_words;
    uint8_t hash_key[MAP_HASH_KEY_LEN];
};

/* One entry as map_sorted lists it; key points into the map. */
struct map_entry {
    const uint8_t *key;
    uint64_t value;
};

/* An empty map; allocates nothing. key_len is 8, 16 or 32 (CHECKed). */
void map_init(struct map *map, size_t key_len, const uint8_t hash_key[static MAP_HASH_KEY_LEN]);
/* Frees the memory, not what values point to (see map_drain). NULL and zeroed maps accepted. */
void map_fini(struct map *map);

/* The value of a key, or NULL. Borrowed: valid until the next put, delete, reserve or fini. */
uint64_t *map_find(const struct map *map, const void *key);
/* The value of a key, added as 0 if it is new; ret_new (may be NULL) says whether it was. Borrowed
 * as above. Out of memory is a CHECK, since apply cannot fail: who must be able to refuse calls
 * map_reserve first. */
uint64_t *map_put(struct map *map, const void *key, bool *ret_new);
/* Takes a key out; ret_value (may be NULL) gets its value. False when it was not there. */
bool map_delete(struct map *map, const void *key, uint64_t *ret_value);

/* Room for count more entries without allocating. E_NO_MEMORY: the map is as it was. */
int map_reserve(struct map *map, size_t count, struct error *ret_error) MUST_USE;

/* Every entry in ascending order of key bytes: *ret_entries is the caller's to free(), its keys are
 * borrowed from the map; NULL and 0 for an empty map. E_NO_MEMORY. O(n log n). */
int map_sorted(const struct map *map, struct map_entry **ret_entries, size_t *ret_len,
               struct error *ret_error) MUST_USE;
/* Empties the map, handing each value once to take in no order at all; memory is kept. take must
 * not touch the map. For freeing what values point to. */
void map_drain(struct map *map, void (*take)(uint64_t take_value));

/* Bytes held for slots and tags. */
size_t map_memory_bytes(const struct map *map);

/* Values as pointers. */
static inline void *map_find_pointer(const struct map *map, const void *key)
{
    const uint64_t *value = map_find(map, key);
    return value ? (void *)(uintptr_t)*value : NULL;
}
static inline void map_put_pointer(struct map *map, const void *key, void *pointer)
{
    *map_put(map, key, NULL) = (uint64_t)(uintptr_t)pointer;
}

#endif
