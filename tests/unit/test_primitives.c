/* Wycheproof vectors against the suite, from LEADBUS_SHARED/vectors/wycheproof; skipped where that
 * is absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/suite.h"

static const struct suite *suite;

/* The fields of one vector, decoded; each named after the JSON field. */
static struct bytes hex_at(json_t *vector, const char *name, struct buf *buf)
{
    const char *text = json_string_value(json_object_get(vector, name));
    assert_non_null(text);
    size_t len = strlen(text) / 2;
    buf_reset(buf);
    uint8_t *data = buf_grow(buf, len + 1);
    assert_int_equal(hex_decode(text, strlen(text), data, len, NULL), 0);
    return bytes_of(data, len);
}

static bool flagged(json_t *vector, const char *flag)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(vector, "flags"), i, item)
    {
        if (strcmp(json_string_value(item), flag) == 0) return true;
    }
    return false;
}

static bool valid(json_t *vector)
{
    return strcmp(json_string_value(json_object_get(vector, "result")), "invalid") != 0;
}

static void blame(json_t *vector)
{
    fail_msg("vector %d (%s)", (int)json_integer_value(json_object_get(vector, "tcId")),
             json_string_value(json_object_get(vector, "comment")));
}

/* Runs every vector of the file; check() says whether the suite behaves as the vector wants. */
static void judge(const char *name, bool (*check)(json_t *group, json_t *vector), size_t count)
{
    const char *folder = getenv("LEADBUS_SHARED");
    char path[4096];
    json_error_t error;
    snprintf(path, sizeof path, "%s/vectors/wycheproof/%s", folder ? folder : LEADBUS_SHARED, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        print_message("no %s: set LEADBUS_SHARED to the folder that holds vectors/\n", path);
        skip();
    }
    json_t *root = json_loadf(file, 0, &error);
    fclose(file);
    if (!root) fail_msg("%s: %s", path, error.text);
    size_t done = 0;
    size_t i;
    json_t *group;
    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        size_t k;
        json_t *vector;
        json_array_foreach(json_object_get(group, "tests"), k, vector)
        {
            if (!check(group, vector)) blame(vector);
            done += 1;
        }
    }
    json_decref(root);
    assert_int_equal(done, count);
}

static bool hkdf_holds(json_t *group, json_t *vector)
{
    struct buf ikm = {0};
    struct buf salt = {0};
    struct buf info = {0};
    struct buf okm = {0};
    struct bytes expected = hex_at(vector, "okm", &okm);
    size_t size = (size_t)json_integer_value(json_object_get(vector, "size"));
    bool good = true;
    (void)group;
    /* Asking for more than 255 blocks is our own bug and CHECKed; a caller cannot get there. */
    if (!valid(vector)) {
        good = size > 255 * 32;
    } else {
        uint8_t prk[SUITE_KEY_LEN];
        uint8_t key[255 * 32];
        assert_true(size <= sizeof key && size == expected.len);
        suite->extract(hex_at(vector, "salt", &salt), hex_at(vector, "ikm", &ikm), prk);
        suite->expand(prk, hex_at(vector, "info", &info), key, size);
        good = bytes_equal(bytes_of(key, size), expected);
    }
    buf_fini(&ikm);
    buf_fini(&salt);
    buf_fini(&info);
    buf_fini(&okm);
    return good;
}

/* HKDF-Extract is HMAC with the salt as its key. */
static bool hmac_holds(json_t *group, json_t *vector)
{
    struct buf key = {0};
    struct buf message = {0};
    struct buf tag = {0};
    uint8_t mac[SUITE_KEY_LEN];
    struct bytes expected = hex_at(vector, "tag", &tag);
    (void)group;
    assert_true(expected.len <= sizeof mac);
    suite->extract(hex_at(vector, "key", &key), hex_at(vector, "msg", &message), mac);
    bool good = bytes_equal(bytes_of(mac, expected.len), expected) == valid(vector);
    buf_fini(&key);
    buf_fini(&message);
    buf_fini(&tag);
    return good;
}

static bool x25519_holds(json_t *group, json_t *vector)
{
    struct buf secret = {0};
    struct buf public_key = {0};
    struct buf shared = {0};
    uint8_t got[SUITE_KEY_LEN];
    struct bytes expected = hex_at(vector, "shared", &shared);
    struct bytes peer = hex_at(vector, "public", &public_key);
    bool zero = sodium_is_zero(expected.data, expected.len) == 1;
    bool good;
    (void)group;
    assert_int_equal(peer.len, SUITE_PUBLIC_LEN);
    assert_int_equal(expected.len, SUITE_KEY_LEN);
    int result = suite->agree(hex_at(vector, "private", &secret).data, peer.data, got);
    if (zero)
        good = result == E_KEY_WEAK;
    else
        good = result == 0 && memcmp(got, expected.data, sizeof got) == 0;
    /* A key that gives zero, or has a second spelling, must be found before it is certified. */
    if (flagged(vector, "ZeroSharedSecret") || flagged(vector, "NonCanonicalPublic"))
        good = good && suite->check_agree_key(peer.data) == E_KEY_WEAK;
    buf_fini(&secret);
    buf_fini(&public_key);
    buf_fini(&shared);
    return good;
}

static bool ed25519_holds(json_t *group, json_t *vector)
{
    struct buf public_key = {0};
    struct buf message = {0};
    struct buf signature = {0};
    struct bytes key = hex_at(json_object_get(group, "publicKey"), "pk", &public_key);
    assert_int_equal(key.len, SUITE_PUBLIC_LEN);
    int result =
        suite->verify(key.data, hex_at(vector, "msg", &message), hex_at(vector, "sig", &signature));
    buf_fini(&public_key);
    buf_fini(&message);
    buf_fini(&signature);
    return result == (valid(vector) ? 0 : E_SIGNATURE_INVALID);
}

/* The suite seals under nonce zero only, which no vector has. So the library's AEAD is held against
 * the vector, and the suite against the library on the vector's key, data and message. */
static bool chacha_holds(json_t *group, json_t *vector)
{
    struct buf fields[6] = {0};
    struct bytes key = hex_at(vector, "key", &fields[0]);
    struct bytes nonce = hex_at(vector, "iv", &fields[1]);
    struct bytes ad = hex_at(vector, "aad", &fields[2]);
    struct bytes plain = hex_at(vector, "msg", &fields[3]);
    struct bytes cipher = hex_at(vector, "ct", &fields[4]);
    struct bytes tag = hex_at(vector, "tag", &fields[5]);
    const uint8_t zero[crypto_aead_chacha20poly1305_IETF_NPUBBYTES] = {0};
    struct buf sealed = {0};
    struct buf ours = {0};
    bool good = true;
    (void)group;
    assert_int_equal(key.len, SUITE_KEY_LEN);
    if (nonce.len != sizeof zero) goto out; /* cannot be said to the suite */
    buf_grow(&sealed, plain.len + SUITE_TAG_LEN);
    buf_grow(&ours, plain.len + SUITE_TAG_LEN);
    crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data, NULL, plain.data, plain.len, ad.data,
                                              ad.len, NULL, nonce.data, key.data);
    good = memcmp(sealed.data, cipher.data, cipher.len) == 0;
    good = good && (memcmp(sealed.data + plain.len, tag.data, tag.len) == 0) == valid(vector);

    crypto_aead_chacha20poly1305_ietf_encrypt(sealed.data, NULL, plain.data, plain.len, ad.data,
                                              ad.len, NULL, zero, key.data);
    suite->seal(key.data, ad, plain, ours.data);
    good = good && bytes_equal(buf_bytes(&sealed), buf_bytes(&ours));
    memset(sealed.data, 0, sealed.len);
    good = good && suite->open(key.data, ad, buf_bytes(&ours), sealed.data) == 0;
    good = good && (plain.len == 0 || memcmp(sealed.data, plain.data, plain.len) == 0);
    ours.data[ours.len - 1] ^= 1;
    good = good && suite->open(key.data, ad, buf_bytes(&ours), sealed.data) == E_DECRYPT_FAILED;
out:
    for (size_t i = 0; i < 6; i++) buf_fini(&fields[i]);
    buf_fini(&sealed);
    buf_fini(&ours);
    return good;
}

static void hkdf_gives_the_published_keys(void **state)
{
    (void)state;
    judge("hkdf_sha256_test.json", hkdf_holds, 86);
}

static void extract_is_the_published_hmac(void **state)
{
    (void)state;
    judge("hmac_sha256_test.json", hmac_holds, 174);
}

static void agreement_gives_the_published_secrets_and_refuses_zero(void **state)
{
    (void)state;
    judge("x25519_test.json", x25519_holds, 518);
}

static void signatures_get_the_published_verdicts(void **state)
{
    (void)state;
    judge("ed25519_test.json", ed25519_holds, 151);
}

static void sealing_is_the_published_aead(void **state)
{
    (void)state;
    judge("chacha20_poly1305_test.json", chacha_holds, 325);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hkdf_gives_the_published_keys),
        cmocka_unit_test(extract_is_the_published_hmac),
        cmocka_unit_test(agreement_gives_the_published_secrets_and_refuses_zero),
        cmocka_unit_test(signatures_get_the_published_verdicts),
        cmocka_unit_test(sealing_is_the_published_aead),
    };
    if (sodium_init() < 0) return 1;
    suite = suite_find(SUITE_1);
    return suite ? cmocka_run_group_tests(tests, NULL, NULL) : 1;
}
