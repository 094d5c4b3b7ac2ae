/* sha256: SHA-256 (FIPS 180-4), HMAC (RFC 2104) and HKDF (RFC 5869) over it, by Nettle.
 *
 * Nettle takes the processor's SHA instructions where it has them, which is four times as fast as
 * without: a lead is hashed some dozens of times on its way (docs/adr/0005). Everything in the tree
 * hashes through here. Pure; cannot fail. A state is plain memory: it may be copied, and needs no
 * end. */
#ifndef PROTO_SHA256_H
#define PROTO_SHA256_H

#include <nettle/sha2.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum { SHA256_LEN = 32 };

struct sha256_state {
    struct sha256_ctx ctx;
};

/* In pieces: begin, add as often as wanted, end. After its end a state is to be begun again. */
void sha256_begin(struct sha256_state *state);
void sha256_add(struct sha256_state *state, struct bytes input);
void sha256_end(struct sha256_state *state, uint8_t ret_hash[SHA256_LEN]);

/* At once. */
void sha256(struct bytes input, uint8_t ret_hash[SHA256_LEN]);
/* Over a zero-terminated label (its zero included) and the bytes: every domain-separated hash of
 * the bus. */
void sha256_labelled(const char *label, struct bytes input, uint8_t ret_hash[SHA256_LEN]);

/* HKDF-Extract; HKDF-Expand, len <= 255 * 32, CHECKed. What is kept of keys on the way is wiped. */
void sha256_hkdf_extract(struct bytes salt, struct bytes secret, uint8_t ret_prk[SHA256_LEN]);
void sha256_hkdf_expand(const uint8_t prk[SHA256_LEN], struct bytes info, uint8_t *ret_key,
                        size_t len);

#endif
