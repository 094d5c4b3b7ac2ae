/* floor_keys: the fixed keys of the floor and its driver. They keep no secret: only loopback, only
 * a measurement. */
#ifndef TESTS_BENCH_RIVALS_FLOOR_KEYS_H
#define TESTS_BENCH_RIVALS_FLOOR_KEYS_H

#include <sodium.h>
#include <stdint.h>
#include <string.h>

enum {
    FLOOR_HEAD_LEN = 1 + 8 + crypto_sign_BYTES, /* 'P', number, signature over what follows */
    FLOOR_GROUP_MAX = 256,                      /* messages of one fdatasync */
    FLOOR_ACKS_MAX = 64,                        /* acknowledgements of one frame */
    FLOOR_FRAME_MAX = 8192
};

static inline void floor_transport_keys(uint8_t public_key[32], uint8_t secret[32])
{
    memset(secret, 7, 32);
    (void)crypto_scalarmult_base(public_key, secret);
}

static inline void floor_sign_keys(uint8_t public_key[32], uint8_t secret[64])
{
    uint8_t seed[32];
    memset(seed, 9, sizeof seed);
    (void)crypto_sign_seed_keypair(public_key, secret, seed);
}

static inline void floor_box_keys(size_t consumer, uint8_t public_key[32], uint8_t secret[32])
{
    uint8_t seed[32];
    memset(seed, (int)(11 + consumer), sizeof seed);
    (void)crypto_box_seed_keypair(public_key, secret, seed);
}

#endif
