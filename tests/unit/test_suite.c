/* suite: weak keys, agreement, signatures under labels; the published vectors are
 * test_primitives.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <string.h>
#include <cmocka.h>

#include "proto/suite.h"

static const struct suite *suite;

static void only_suite_1_is_known(void **state)
{
    (void)state;
    assert_non_null(suite_find(1));
    assert_null(suite_find(0));
    assert_null(suite_find(2));
    assert_null(suite_find(UINT32_MAX));
    assert_null(suite_find(257)); /* no byte of a larger number */
}

/* Little-endian p + delta for a delta from -1 to 18. */
static void near_prime(int delta, uint8_t ret_value[32])
{
    memset(ret_value, 0xff, 32);
    ret_value[0] = (uint8_t)(0xed + delta);
    ret_value[31] = 0x7f;
}

static void every_key_whose_agreement_is_zero_is_weak(void **state)
{
    uint8_t key[32] = {0};
    uint8_t secret[32];
    uint8_t shared[32];
    (void)state;
    memset(secret, 0x55, sizeof secret);
    for (int low = 0; low < 2; low++) {
        memset(key, 0, sizeof key);
        key[0] = (uint8_t)low;
        assert_int_equal(suite->check_agree_key(key), E_KEY_WEAK);
        memset(shared, 0xaa, sizeof shared);
        assert_int_equal(suite->agree(secret, key, shared), E_KEY_WEAK);
        for (size_t i = 0; i < sizeof shared; i++) assert_int_equal(shared[i], 0xaa);
    }
    near_prime(-1, key);
    assert_int_equal(suite->agree(secret, key, shared), E_KEY_WEAK);
    assert_int_equal(suite->check_agree_key(key), E_KEY_WEAK);
}

static void second_spellings_are_weak(void **state)
{
    uint8_t key[32];
    (void)state;
    for (int delta = 0; delta < 19; delta++) { /* p .. 2^255 - 1 */
        near_prime(delta, key);
        assert_int_equal(suite->check_agree_key(key), E_KEY_WEAK);
    }
    near_prime(-2, key);
    assert_int_equal(suite->check_agree_key(key), 0);
    key[31] |= 0x80;
    assert_int_equal(suite->check_agree_key(key), E_KEY_WEAK);
    memset(key, 0, sizeof key);
    key[0] = 9;
    assert_int_equal(suite->check_agree_key(key), 0);
    key[31] = 0x80;
    assert_int_equal(suite->check_agree_key(key), E_KEY_WEAK);
}

static void weak_signing_keys_are_refused(void **state)
{
    uint8_t key[32] = {0};
    uint8_t secret[64];
    const uint8_t seed[32] = {3};
    (void)state;
    assert_int_equal(suite->check_sign_key(key), E_KEY_WEAK); /* order 4 */
    key[0] = 1;
    assert_int_equal(suite->check_sign_key(key), E_KEY_WEAK); /* the neutral element */
    near_prime(-1, key);
    assert_int_equal(suite->check_sign_key(key), E_KEY_WEAK); /* order 2 */
    near_prime(0, key);
    assert_int_equal(suite->check_sign_key(key), E_KEY_WEAK); /* zero spelt otherwise */
    crypto_sign_seed_keypair(key, secret, seed);
    assert_int_equal(suite->check_sign_key(key), 0);
}

static void agreement_is_the_same_from_both_ends(void **state)
{
    uint8_t secrets[2][32];
    uint8_t publics[2][32];
    uint8_t shared[2][32];
    (void)state;
    memset(secrets[0], 0x11, 32);
    memset(secrets[1], 0x22, 32);
    for (size_t i = 0; i < 2; i++) suite->public_of(secrets[i], publics[i]);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(suite->agree(secrets[i], publics[1 - i], shared[i]), 0);
    assert_memory_equal(shared[0], shared[1], 32);
}

static void opening_what_was_changed_leaves_the_output_alone(void **state)
{
    const uint8_t key[32] = {1};
    uint8_t cipher[64 + SUITE_TAG_LEN];
    uint8_t plain[64];
    struct bytes ad = bytes_of("ad", 2);
    (void)state;
    memset(plain, 0x42, sizeof plain);
    suite->seal(key, ad, bytes_of(plain, sizeof plain), cipher);
    for (size_t bit = 0; bit < sizeof cipher * 8; bit++) {
        memset(plain, 0xaa, sizeof plain);
        cipher[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(suite->open(key, ad, bytes_of(cipher, sizeof cipher), plain),
                         E_DECRYPT_FAILED);
        cipher[bit / 8] ^= (uint8_t)(1u << bit % 8);
        for (size_t i = 0; i < sizeof plain; i++) assert_int_equal(plain[i], 0xaa);
    }
    for (size_t len = 0; len < sizeof cipher; len++)
        assert_int_equal(suite->open(key, ad, bytes_of(cipher, len), plain), E_DECRYPT_FAILED);
    assert_int_equal(suite->open(key, bytes_of("aD", 2), bytes_of(cipher, sizeof cipher), plain),
                     E_DECRYPT_FAILED);
    assert_int_equal(suite->open(key, ad, bytes_of(cipher, sizeof cipher), plain), 0);
    for (size_t i = 0; i < sizeof plain; i++) assert_int_equal(plain[i], 0x42);
}

static void the_empty_plaintext_has_a_tag_too(void **state)
{
    const uint8_t key[32] = {2};
    uint8_t cipher[SUITE_TAG_LEN];
    (void)state;
    suite->seal(key, (struct bytes){0}, (struct bytes){0}, cipher);
    assert_int_equal(suite->open(key, (struct bytes){0}, bytes_of(cipher, sizeof cipher), NULL), 0);
    cipher[0] ^= 1;
    assert_int_equal(suite->open(key, (struct bytes){0}, bytes_of(cipher, sizeof cipher), NULL),
                     E_DECRYPT_FAILED);
}

static void labels_keep_hashes_and_signatures_apart(void **state)
{
    uint8_t a[32];
    uint8_t b[32];
    uint8_t signature[64];
    uint8_t public_key[32];
    uint8_t secret[64];
    const uint8_t seed[32] = {4};
    struct bytes body = bytes_of("body", 4);
    static const char *const labels[] = {SIGNED_HELLO, SIGNED_ACK, SIGNED_EPOCH, SIGNED_REWRAP,
                                         SIGNED_REQUEST};
    (void)state;
    sha256_labelled("ab", bytes_of("c", 1), a);
    sha256_labelled("a", bytes_of("bc", 2), b);
    assert_memory_not_equal(a, b, 32);
    sha256(bytes_of("ab\0c", 4), b);
    assert_memory_equal(a, b, 32);
    crypto_sign_seed_keypair(public_key, secret, seed);
    for (size_t i = 0; i < 5; i++) {
        signed_body_sign(labels[i], body, secret, signature);
        for (size_t k = 0; k < 5; k++)
            assert_int_equal(
                signed_body_verify(labels[k], body, bytes_of(signature, 64), public_key),
                i == k ? 0 : E_SIGNATURE_INVALID);
        assert_int_equal(
            signed_body_verify(labels[i], bytes_of("bodY", 4), bytes_of(signature, 64), public_key),
            E_SIGNATURE_INVALID);
        assert_int_equal(signed_body_verify(labels[i], body, bytes_of(signature, 63), public_key),
                         E_SIGNATURE_INVALID);
    }
}

static void expanding_gives_prefixes_of_one_stream(void **state)
{
    const uint8_t prk[32] = {5};
    uint8_t all[255 * 32];
    uint8_t part[255 * 32];
    static const size_t lens[] = {0, 1, 31, 32, 33, 64, 65, 255 * 32 - 1, 255 * 32};
    (void)state;
    suite->expand(prk, bytes_of("info", 4), all, sizeof all);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        suite->expand(prk, bytes_of("info", 4), part, lens[i]);
        if (lens[i] > 0) assert_memory_equal(part, all, lens[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_suite_1_is_known),
        cmocka_unit_test(every_key_whose_agreement_is_zero_is_weak),
        cmocka_unit_test(second_spellings_are_weak),
        cmocka_unit_test(weak_signing_keys_are_refused),
        cmocka_unit_test(agreement_is_the_same_from_both_ends),
        cmocka_unit_test(opening_what_was_changed_leaves_the_output_alone),
        cmocka_unit_test(the_empty_plaintext_has_a_tag_too),
        cmocka_unit_test(labels_keep_hashes_and_signatures_apart),
        cmocka_unit_test(expanding_gives_prefixes_of_one_stream),
    };
    suite = suite_find(SUITE_1);
    if (sodium_init() < 0 || !suite) return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
