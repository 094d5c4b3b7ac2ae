/* suite: every cryptographic primitive of the bus behind one table, chosen by the suite byte.
 *
 * Suite 1: Ed25519 (RFC 8032), X25519 (RFC 7748), HKDF-SHA-256 (RFC 5869), ChaCha20-Poly1305 IETF
 * (RFC 8439), SHA-256. No module calls a primitive of the envelope except through here, so that a
 * second suite is one more row. Pure: entropy is an argument. Secrets that this module makes on its
 * stack are wiped. Sizes are those of suite 1 and the largest allowed. */
#ifndef PROTO_SUITE_H
#define PROTO_SUITE_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/sha256.h"

enum {
    SUITE_1 = 1,
    SUITE_HASH_LEN = 32,
    SUITE_KEY_LEN = 32,         /* AEAD, section and epoch keys */
    SUITE_PUBLIC_LEN = 32,      /* Ed25519 and X25519 public keys */
    SUITE_SIGN_SECRET_LEN = 64, /* libsodium's form: seed || public */
    SUITE_SIGNATURE_LEN = 64,
    SUITE_TAG_LEN = 16,
    SUITE_NONCE_LEN = 12,
};

struct suite {
    uint32_t number;
    void (*hash)(struct bytes input, uint8_t ret_hash[SUITE_HASH_LEN]);
    /* HKDF-Extract and -Expand; expand's len <= 255 * 32, CHECKed. */
    void (*extract)(struct bytes salt, struct bytes secret, uint8_t ret_prk[SUITE_KEY_LEN]);
    void (*expand)(const uint8_t prk[SUITE_KEY_LEN], struct bytes info, uint8_t *ret_key,
                   size_t len);
    /* E_KEY_WEAK when the shared secret is all zero. */
    int (*agree)(const uint8_t secret[SUITE_KEY_LEN], const uint8_t public_key[SUITE_PUBLIC_LEN],
                 uint8_t ret_shared[SUITE_KEY_LEN]);
    void (*public_of)(const uint8_t secret[SUITE_KEY_LEN], uint8_t ret_public[SUITE_PUBLIC_LEN]);
    /* Nonce zero: every key is used once (docs/PROTOCOL.md says why). ret has input.len +
     * SUITE_TAG_LEN bytes. */
    void (*seal)(const uint8_t key[SUITE_KEY_LEN], struct bytes ad, struct bytes plain,
                 uint8_t *ret_cipher);
    /* E_DECRYPT_FAILED; ret has cipher.len - SUITE_TAG_LEN bytes, untouched on failure. */
    int (*open)(const uint8_t key[SUITE_KEY_LEN], struct bytes ad, struct bytes cipher,
                uint8_t *ret_plain);
    /* One chunk of a stream: the key serves that stream alone, the nonce counts its chunks
     * (proto/attachment.h). Lengths and errors as seal and open. */
    void (*seal_chunk)(const uint8_t key[SUITE_KEY_LEN], const uint8_t nonce[SUITE_NONCE_LEN],
                       struct bytes plain, uint8_t *ret_cipher);
    int (*open_chunk)(const uint8_t key[SUITE_KEY_LEN], const uint8_t nonce[SUITE_NONCE_LEN],
                      struct bytes cipher, uint8_t *ret_plain);
    void (*sign)(const uint8_t secret[SUITE_SIGN_SECRET_LEN], struct bytes message,
                 uint8_t ret_signature[64]);
    int (*verify)(const uint8_t public_key[SUITE_PUBLIC_LEN], struct bytes message,
                  struct bytes signature);
    /* E_KEY_WEAK for small-order or non-canonical keys. */
    int (*check_sign_key)(const uint8_t public_key[SUITE_PUBLIC_LEN]);
    int (*check_agree_key)(const uint8_t public_key[SUITE_PUBLIC_LEN]);
};

/* NULL: no such suite (E_SUITE_UNSUPPORTED for the caller). */
const struct suite *suite_find(uint32_t number);

/* Ed25519 over label || 0x00 || SHA256(body): hello, ack, epoch, rewrap, request.
 * E_SIGNATURE_INVALID. */
void signed_body_sign(const char *label, struct bytes body,
                      const uint8_t secret[SUITE_SIGN_SECRET_LEN], uint8_t ret_signature[64]);
int signed_body_verify(const char *label, struct bytes body, struct bytes signature,
                       const uint8_t public_key[SUITE_PUBLIC_LEN]) MUST_USE;
#define SIGNED_HELLO   "leadbus/1 hello"
#define SIGNED_ACK     "leadbus/1 ack"
#define SIGNED_EPOCH   "leadbus/1 epoch"
#define SIGNED_REWRAP  "leadbus/1 rewrap"
#define SIGNED_REQUEST "leadbus/1 request"

#endif
