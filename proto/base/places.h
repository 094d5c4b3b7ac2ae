/* places: where in an array the entry of a key stands. For arrays of the core's state that only
 * grow, whose entries hold their own key of one fixed length (8, 16 or 32 bytes).
 *
 * A hash table of 8 bytes a slot, open addressing with linear probing: half of it bits of the hash,
 * which are compared first, half the place. Keys are looked at where they stand, so that a look-up
 * costs one line of the table and the entry that is wanted anyway. Keys are hashed with SipHash-2-4
 * under the hash_key given at init: who chooses keys cannot choose collisions as long as that is
 * secret. Nothing that is written, hashed or decided may depend on it, so there is no walk.
 *
 * Memory: load after growth is between 0.53 and 0.8, so at most 16 bytes an entry (from 64 entries
 * on). Growing moves everything in order, without a key: O(len), amortised O(1). It never shrinks.
 *
 * Pure; no I/O, clock or entropy. Not thread-safe: one owner. */
#ifndef PROTO_BASE_PLACES_H
#define PROTO_BASE_PLACES_H

#include <stddef.h>
#include <stdint.h>

enum { PLACES_HASH_KEY_LEN = 16, PLACES_KEY_LEN_MAX = 32 };
#define PLACES_NONE UINT32_MAX

struct places {
    uint64_t *slots; /* 0 empty; else the hash in the upper half and 1 + place in the lower */
    size_t cap, len;
    size_t key_len;
    uint8_t hash_key[PLACES_HASH_KEY_LEN];
};

/* The array: the key of its first entry, and how far the next one's is. */
struct places_keys {
    const void *first;
    size_t stride;
};

/* An empty table; allocates nothing. key_len is 8, 16 or 32 (CHECKed). */
void places_init(struct places *places, size_t key_len,
                 const uint8_t hash_key[static PLACES_HASH_KEY_LEN]);
/* NULL and zeroed ones accepted. */
void places_fini(struct places *places);

/* For the calls below: hashed once, however often it is asked for. */
uint32_t places_hash(const struct places *places, const void *key);
/* It will be asked for soon: brought close to the processor. Changes nothing. */
void places_expect(const struct places *places, uint32_t hash);
/* The first place whose hash is like it, its key not looked at: for bringing that entry close.
 * PLACES_NONE: it is certainly not there. */
uint32_t places_guess(const struct places *places, uint32_t hash);
/* The place of the key, or PLACES_NONE. */
uint32_t places_find(const struct places *places, uint32_t hash, const void *key,
                     struct places_keys keys);
/* A key that is not there yet. At most 2^31 of them (CHECKed); out of memory is a CHECK as well. */
void places_add(struct places *places, uint32_t hash, uint32_t place);

/* Bytes held. */
size_t places_memory_bytes(const struct places *places);

#endif
