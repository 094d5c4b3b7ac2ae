#include "tests/sim/memo.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/sha256.h"
#include "tests/lib/district.h"

enum { PLACE_COUNT = 1 << 15 };

enum question { EMPTY, VERIFY, POINT, SIGN, BASE };

struct place {
    uint8_t hash[SHA256_LEN];
    enum question question;
    int answer;
    uint8_t made[crypto_sign_BYTES]; /* SIGN, BASE: what was made */
};

/* The place of a question; *ret_known: the answer stands there. */
static struct place *place_of(enum question question, struct bytes key, struct bytes signature,
                              struct bytes message, bool *ret_known)
{
    static struct place *places;
    struct sha256_state state;
    uint8_t hash[SHA256_LEN];
    if (!places) places = (struct place *)calloc(PLACE_COUNT, sizeof *places);
    CHECK(places != NULL);
    /* Both have one length for each question, and the message is what is left. */
    sha256_begin(&state);
    sha256_add(&state, key);
    sha256_add(&state, signature);
    sha256_add(&state, message);
    sha256_end(&state, hash);
    struct place *place = &places[load_u64(hash) % PLACE_COUNT];
    *ret_known = place->question == question && memcmp(place->hash, hash, SHA256_LEN) == 0;
    place->question = question;
    memcpy(place->hash, hash, SHA256_LEN);
    return place;
}

typedef int verify(const unsigned char *signature, const unsigned char *message,
                   unsigned long long len, const unsigned char *public_key);
verify __real_crypto_sign_ed25519_verify_detached, __wrap_crypto_sign_ed25519_verify_detached,
    __real_crypto_sign_verify_detached, __wrap_crypto_sign_verify_detached;

static int ask_verify(verify *real, const unsigned char *signature, const unsigned char *message,
                      unsigned long long len, const unsigned char *public_key)
{
    bool known;
    struct place *place =
        place_of(VERIFY, bytes_of(public_key, crypto_sign_PUBLICKEYBYTES),
                 bytes_of(signature, crypto_sign_BYTES), bytes_of(message, (size_t)len), &known);
    if (!known) place->answer = real(signature, message, len, public_key);
    return place->answer;
}

int __wrap_crypto_sign_ed25519_verify_detached(const unsigned char *signature,
                                               const unsigned char *message, unsigned long long len,
                                               const unsigned char *public_key)
{
    return ask_verify(__real_crypto_sign_ed25519_verify_detached, signature, message, len,
                      public_key);
}

int __wrap_crypto_sign_verify_detached(const unsigned char *signature, const unsigned char *message,
                                       unsigned long long len, const unsigned char *public_key)
{
    return ask_verify(__real_crypto_sign_verify_detached, signature, message, len, public_key);
}

int __real_crypto_core_ed25519_is_valid_point(const unsigned char *point);
int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *point);
int __wrap_crypto_core_ed25519_is_valid_point(const unsigned char *point)
{
    bool known;
    struct place *place = place_of(POINT, bytes_of(point, crypto_core_ed25519_BYTES),
                                   (struct bytes){0}, (struct bytes){0}, &known);
    if (!known) place->answer = __real_crypto_core_ed25519_is_valid_point(point);
    return place->answer;
}

typedef int sign(unsigned char *ret_signature, unsigned long long *ret_len,
                 const unsigned char *message, unsigned long long len,
                 const unsigned char *secret_key);
sign __real_crypto_sign_ed25519_detached, __wrap_crypto_sign_ed25519_detached;

int __wrap_crypto_sign_ed25519_detached(unsigned char *ret_signature, unsigned long long *ret_len,
                                        const unsigned char *message, unsigned long long len,
                                        const unsigned char *secret_key)
{
    bool known;
    struct place *place = place_of(SIGN, bytes_of(secret_key, crypto_sign_SECRETKEYBYTES),
                                   (struct bytes){0}, bytes_of(message, (size_t)len), &known);
    if (!known)
        place->answer =
            __real_crypto_sign_ed25519_detached(place->made, NULL, message, len, secret_key);
    memcpy(ret_signature, place->made, crypto_sign_BYTES);
    if (ret_len) *ret_len = crypto_sign_BYTES;
    return place->answer;
}

typedef int base(unsigned char *ret_public, const unsigned char *secret);
base __real_crypto_scalarmult_curve25519_base, __wrap_crypto_scalarmult_curve25519_base;

int __wrap_crypto_scalarmult_curve25519_base(unsigned char *ret_public, const unsigned char *secret)
{
    bool known;
    struct place *place = place_of(BASE, bytes_of(secret, crypto_scalarmult_curve25519_SCALARBYTES),
                                   (struct bytes){0}, (struct bytes){0}, &known);
    if (!known) place->answer = __real_crypto_scalarmult_curve25519_base(place->made, secret);
    memcpy(ret_public, place->made, crypto_scalarmult_curve25519_BYTES);
    return place->answer;
}

void memo_warm(void)
{
    CHECK(sodium_init() >= 0);
    struct district *district = district_new();
    district_free(district);
}
