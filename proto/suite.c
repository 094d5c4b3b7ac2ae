#include "proto/suite.h"

#include <sodium.h>
#include <string.h>

#include "proto/base/check.h"

enum { LABEL_LEN_MAX = 63 };

static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static int suite1_agree(const uint8_t secret[SUITE_KEY_LEN],
                        const uint8_t public_key[SUITE_PUBLIC_LEN],
                        uint8_t ret_shared[SUITE_KEY_LEN])
{
    uint8_t shared[SUITE_KEY_LEN];
    int result = 0;
    if (crypto_scalarmult_curve25519(shared, secret, public_key) != 0 ||
        sodium_is_zero(shared, sizeof shared))
        result = E_KEY_WEAK;
    else
        memcpy(ret_shared, shared, sizeof shared);
    sodium_memzero(shared, sizeof shared);
    return result;
}

static void suite1_public_of(const uint8_t secret[SUITE_KEY_LEN],
                             uint8_t ret_public[SUITE_PUBLIC_LEN])
{
    /* Fails for no clamped scalar: the base point's order is prime. */
    int result = crypto_scalarmult_curve25519_base(ret_public, secret);
    CHECK(result == 0);
}

static void seal_with(const uint8_t key[SUITE_KEY_LEN], const uint8_t nonce[SUITE_NONCE_LEN],
                      struct bytes ad, struct bytes plain, uint8_t *ret_cipher)
{
    crypto_aead_chacha20poly1305_ietf_encrypt(ret_cipher, NULL, plain.data, plain.len, ad.data,
                                              ad.len, NULL, nonce, key);
}

static int open_with(const uint8_t key[SUITE_KEY_LEN], const uint8_t nonce[SUITE_NONCE_LEN],
                     struct bytes ad, struct bytes cipher, uint8_t *ret_plain)
{
    if (cipher.len < SUITE_TAG_LEN) return E_DECRYPT_FAILED;
    size_t len = cipher.len - SUITE_TAG_LEN;
    /* Two steps, as the library's single one zeroes the output when the tag is wrong: first the tag
     * alone (no output given), then the key stream, which the AEAD starts at block 1. */
    if (crypto_aead_chacha20poly1305_ietf_decrypt_detached(
            NULL, NULL, cipher.data, len, cipher.data + len, ad.data, ad.len, nonce, key) != 0)
        return E_DECRYPT_FAILED;
    if (len > 0) crypto_stream_chacha20_ietf_xor_ic(ret_plain, cipher.data, len, nonce, 1, key);
    return 0;
}

static void suite1_seal(const uint8_t key[SUITE_KEY_LEN], struct bytes ad, struct bytes plain,
                        uint8_t *ret_cipher)
{
    seal_with(key, zero_nonce, ad, plain, ret_cipher);
}

static int suite1_open(const uint8_t key[SUITE_KEY_LEN], struct bytes ad, struct bytes cipher,
                       uint8_t *ret_plain)
{
    return open_with(key, zero_nonce, ad, cipher, ret_plain);
}

static void suite1_seal_chunk(const uint8_t key[SUITE_KEY_LEN],
                              const uint8_t nonce[SUITE_NONCE_LEN], struct bytes plain,
                              uint8_t *ret_cipher)
{
    seal_with(key, nonce, (struct bytes){0}, plain, ret_cipher);
}

static int suite1_open_chunk(const uint8_t key[SUITE_KEY_LEN], const uint8_t nonce[SUITE_NONCE_LEN],
                             struct bytes cipher, uint8_t *ret_plain)
{
    return open_with(key, nonce, (struct bytes){0}, cipher, ret_plain);
}

static void suite1_sign(const uint8_t secret[SUITE_SIGN_SECRET_LEN], struct bytes message,
                        uint8_t ret_signature[SUITE_SIGNATURE_LEN])
{
    crypto_sign_ed25519_detached(ret_signature, NULL, message.data, message.len, secret);
}

static int suite1_verify(const uint8_t public_key[SUITE_PUBLIC_LEN], struct bytes message,
                         struct bytes signature)
{
    if (signature.len != SUITE_SIGNATURE_LEN) return E_SIGNATURE_INVALID;
    if (crypto_sign_ed25519_verify_detached(signature.data, message.data, message.len,
                                            public_key) != 0)
        return E_SIGNATURE_INVALID;
    return 0;
}

static int suite1_check_sign_key(const uint8_t public_key[SUITE_PUBLIC_LEN])
{
    /* On the curve, canonical, in the prime-order subgroup and not of small order. */
    return crypto_core_ed25519_is_valid_point(public_key) == 1 ? 0 : E_KEY_WEAK;
}

/* The u-coordinates, in their canonical spelling, of every point of low order on Curve25519 and its
 * twist: 0, 1, -1 and the two of order 8. A table, as this is asked for every envelope and a trial
 * agreement costs as much as a verification. */
static const uint8_t low_order[5][SUITE_PUBLIC_LEN] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

/* Below 2^255 - 19, little endian: the one spelling that X25519 itself would ever put out. */
static bool field_canonical(const uint8_t value[SUITE_PUBLIC_LEN])
{
    if (value[31] < 0x7f) return true;
    if (value[31] > 0x7f) return false;
    for (size_t i = 30; i > 0; i--)
        if (value[i] != 0xff) return true;
    return value[0] < 0xed;
}

static int suite1_check_agree_key(const uint8_t public_key[SUITE_PUBLIC_LEN])
{
    if (!field_canonical(public_key)) return E_KEY_WEAK;
    for (size_t i = 0; i < sizeof low_order / sizeof low_order[0]; i++)
        if (memcmp(public_key, low_order[i], SUITE_PUBLIC_LEN) == 0) return E_KEY_WEAK;
    return 0;
}

static const struct suite suite1 = {
    .number = SUITE_1,
    .hash = sha256,
    .extract = sha256_hkdf_extract,
    .expand = sha256_hkdf_expand,
    .agree = suite1_agree,
    .public_of = suite1_public_of,
    .seal = suite1_seal,
    .open = suite1_open,
    .seal_chunk = suite1_seal_chunk,
    .open_chunk = suite1_open_chunk,
    .sign = suite1_sign,
    .verify = suite1_verify,
    .check_sign_key = suite1_check_sign_key,
    .check_agree_key = suite1_check_agree_key,
};

const struct suite *suite_find(uint32_t number)
{
    return number == SUITE_1 ? &suite1 : NULL;
}

/* label || 0x00 || SHA256(body) */
static struct bytes signed_body_message(const char *label, struct bytes body,
                                        uint8_t ret_message[LABEL_LEN_MAX + 1 + SUITE_HASH_LEN])
{
    size_t label_len = strlen(label) + 1;
    CHECK(label_len <= LABEL_LEN_MAX + 1);
    memcpy(ret_message, label, label_len);
    sha256(body, ret_message + label_len);
    return bytes_of(ret_message, label_len + SUITE_HASH_LEN);
}

void signed_body_sign(const char *label, struct bytes body,
                      const uint8_t secret[SUITE_SIGN_SECRET_LEN],
                      uint8_t ret_signature[SUITE_SIGNATURE_LEN])
{
    uint8_t message[LABEL_LEN_MAX + 1 + SUITE_HASH_LEN];
    suite1_sign(secret, signed_body_message(label, body, message), ret_signature);
}

int signed_body_verify(const char *label, struct bytes body, struct bytes signature,
                       const uint8_t public_key[SUITE_PUBLIC_LEN])
{
    uint8_t message[LABEL_LEN_MAX + 1 + SUITE_HASH_LEN];
    return suite1_verify(public_key, signed_body_message(label, body, message), signature);
}
