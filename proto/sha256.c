#include "proto/sha256.h"

#include <nettle/hkdf.h>
#include <nettle/hmac.h>
#include <sodium.h>
#include <string.h>

#include "proto/base/check.h"

enum { EXPAND_LEN_MAX = 255 * SHA256_LEN };

void sha256_begin(struct sha256_state *state)
{
    sha256_init(&state->ctx);
}

void sha256_add(struct sha256_state *state, struct bytes input)
{
    if (input.len > 0) sha256_update(&state->ctx, input.len, input.data);
}

void sha256_end(struct sha256_state *state, uint8_t ret_hash[SHA256_LEN])
{
    sha256_digest(&state->ctx, SHA256_LEN, ret_hash);
}

void sha256(struct bytes input, uint8_t ret_hash[SHA256_LEN])
{
    struct sha256_state state;
    sha256_begin(&state);
    sha256_add(&state, input);
    sha256_end(&state, ret_hash);
}

void sha256_labelled(const char *label, struct bytes input, uint8_t ret_hash[SHA256_LEN])
{
    struct sha256_state state;
    sha256_begin(&state);
    sha256_add(&state, bytes_of(label, strlen(label) + 1));
    sha256_add(&state, input);
    sha256_end(&state, ret_hash);
}

/* With the types that Nettle's HKDF wants, which takes any MAC. */
static void mac_add(void *ctx, size_t len, const uint8_t *data)
{
    hmac_sha256_update((struct hmac_sha256_ctx *)ctx, len, data);
}

static void mac_end(void *ctx, size_t len, uint8_t *ret)
{
    hmac_sha256_digest((struct hmac_sha256_ctx *)ctx, len, ret);
}

void sha256_hkdf_extract(struct bytes salt, struct bytes secret, uint8_t ret_prk[SHA256_LEN])
{
    struct hmac_sha256_ctx mac;
    hmac_sha256_set_key(&mac, salt.len, salt.data);
    hkdf_extract(&mac, mac_add, mac_end, SHA256_LEN, secret.len, secret.data, ret_prk);
    sodium_memzero(&mac, sizeof mac);
}

void sha256_hkdf_expand(const uint8_t prk[SHA256_LEN], struct bytes info, uint8_t *ret_key,
                        size_t len)
{
    CHECK(len <= EXPAND_LEN_MAX);
    struct hmac_sha256_ctx mac;
    hmac_sha256_set_key(&mac, SHA256_LEN, prk);
    hkdf_expand(&mac, mac_add, mac_end, SHA256_LEN, info.len, info.data, len, ret_key);
    sodium_memzero(&mac, sizeof mac);
}
