/* sha256: by pieces as at once, and the same as another library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <string.h>
#include <cmocka.h>

#include "proto/sha256.h"

enum { LEN_MAX = 700 };
static uint8_t data[LEN_MAX];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < LEN_MAX; i++) data[i] = (uint8_t)(i * 167 + (i >> 8) * 13 + 5);
    return 0;
}

static void every_length_and_every_cut_gives_the_same_hash(void **state)
{
    (void)state;
    for (size_t len = 0; len < LEN_MAX; len++) {
        uint8_t expected[32], got[32];
        crypto_hash_sha256(expected, data, len);
        sha256(bytes_of(data, len), got);
        assert_memory_equal(got, expected, 32);
        size_t step = len / 9 + 1;
        for (size_t cut = 0; cut <= len; cut += step) {
            struct sha256_state state_at, copy;
            sha256_begin(&state_at);
            sha256_add(&state_at, bytes_of(data, cut));
            copy = state_at;
            sha256_add(&state_at, bytes_of(data + cut, len - cut));
            sha256_end(&state_at, got);
            assert_memory_equal(got, expected, 32);
            sha256_add(&copy, bytes_of(data + cut, len - cut));
            sha256_add(&copy, (struct bytes){0});
            sha256_end(&copy, got);
            assert_memory_equal(got, expected, 32);
        }
    }
}

/* Keys shorter than a block, a block, and longer: RFC 2104 treats them apart. */
static void extract_is_the_mac_under_the_salt(void **state)
{
    (void)state;
    for (size_t key_len = 0; key_len < 200; key_len++) {
        crypto_auth_hmacsha256_state mac;
        uint8_t expected[32], got[32];
        crypto_auth_hmacsha256_init(&mac, data, key_len);
        crypto_auth_hmacsha256_update(&mac, data + 200, key_len * 2);
        crypto_auth_hmacsha256_final(&mac, expected);
        sha256_hkdf_extract(bytes_of(data, key_len), bytes_of(data + 200, key_len * 2), got);
        assert_memory_equal(got, expected, 32);
    }
}

/* Test case 1 of RFC 5869, and that a longer key begins as the shorter one. */
static void expand_gives_what_the_rfc_says(void **state)
{
    (void)state;
    uint8_t prk[32], long_key[255 * 32], key[42];
    static const uint8_t salt[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static const uint8_t info[] = {0xf0, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9};
    static const uint8_t expected[42] = {
        0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36,
        0x2f, 0x2a, 0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56,
        0xec, 0xc4, 0xc5, 0xbf, 0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65};
    uint8_t secret[22];
    memset(secret, 0x0b, sizeof secret);
    sha256_hkdf_extract(bytes_of(salt, sizeof salt), bytes_of(secret, sizeof secret), prk);
    sha256_hkdf_expand(prk, bytes_of(info, sizeof info), key, sizeof key);
    assert_memory_equal(key, expected, sizeof key);
    sha256_hkdf_expand(prk, bytes_of(info, sizeof info), long_key, sizeof long_key);
    assert_memory_equal(long_key, key, sizeof key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_and_every_cut_gives_the_same_hash),
        cmocka_unit_test(extract_is_the_mac_under_the_salt),
        cmocka_unit_test(expand_gives_what_the_rfc_says),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, setup, NULL);
}
