#include "proto/attachment.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

/* ---- lengths ------------------------------------------------------------------------------------
 */

/* A length keeps as many bits below its first as the number of bits that its exponent takes, and is
 * rounded up there: at most 1/32 more from 64 KiB on, and few lengths to tell apart. */
static uint64_t padded(uint64_t len)
{
    unsigned exponent = 63 - (unsigned)__builtin_clzll(len);
    unsigned kept = 64 - (unsigned)__builtin_clzll(exponent);
    uint64_t mask = (1ull << (exponent - kept)) - 1;
    return (len + mask) & ~mask;
}

uint64_t attachment_stream_len(uint64_t size)
{
    if (size == 0 || size > LIMIT_ATTACHMENT_BYTES_MAX) return 0;
    if (size < ATTACHMENT_STREAM_LEN_MIN) return ATTACHMENT_STREAM_LEN_MIN;
    return padded(size); /* the largest size is a power of two, so this is not above it */
}

bool attachment_stream_valid(uint64_t stream_len)
{
    return stream_len != 0 && attachment_stream_len(stream_len) == stream_len;
}

uint64_t attachment_chunk_count(uint64_t stream_len)
{
    return (stream_len + LIMIT_CHUNK_PLAIN_BYTES - 1) / LIMIT_CHUNK_PLAIN_BYTES;
}

static bool is_last(uint64_t stream_len, uint64_t number)
{
    return number + 1 == attachment_chunk_count(stream_len);
}

size_t attachment_chunk_len(uint64_t stream_len, uint64_t number)
{
    CHECK(number < attachment_chunk_count(stream_len));
    uint64_t rest = stream_len - number * LIMIT_CHUNK_PLAIN_BYTES;
    return (size_t)(is_last(stream_len, number) ? rest : LIMIT_CHUNK_PLAIN_BYTES) + SUITE_TAG_LEN;
}

/* ---- chunks -------------------------------------------------------------------------------------
 */

static void nonce_of(uint64_t number, bool last, uint8_t ret_nonce[SUITE_NONCE_LEN])
{
    memset(ret_nonce, 0, SUITE_NONCE_LEN);
    store_u64(ret_nonce + 3, number);
    ret_nonce[SUITE_NONCE_LEN - 1] = last;
}

void attachment_chunk_seal(const struct suite *suite, const uint8_t key[SUITE_KEY_LEN],
                           uint64_t stream_len, uint64_t number, struct bytes plain,
                           uint8_t *ret_chunk)
{
    uint8_t nonce[SUITE_NONCE_LEN];
    CHECK(plain.len + SUITE_TAG_LEN == attachment_chunk_len(stream_len, number));
    nonce_of(number, is_last(stream_len, number), nonce);
    suite->seal_chunk(key, nonce, plain, ret_chunk);
}

int attachment_chunk_open(const struct suite *suite, const uint8_t key[SUITE_KEY_LEN],
                          uint64_t stream_len, uint64_t number, struct bytes chunk,
                          uint8_t *ret_plain)
{
    uint8_t nonce[SUITE_NONCE_LEN];
    if (chunk.len != attachment_chunk_len(stream_len, number)) return E_CHUNK_INVALID;
    nonce_of(number, is_last(stream_len, number), nonce);
    return suite->open_chunk(key, nonce, chunk, ret_plain);
}

/* ---- leaves -------------------------------------------------------------------------------------
 */

void attachment_root(struct bytes leaves, uint8_t ret_root[MERKLE_HASH_LEN])
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    for (size_t at = 0; at + MERKLE_HASH_LEN <= leaves.len; at += MERKLE_HASH_LEN)
        merkle_frontier_append(&frontier, leaves.data + at, NULL);
    merkle_frontier_root(&frontier, ret_root);
}

int attachment_leaves_check(struct bytes leaves, uint64_t stream_len,
                            const uint8_t root[MERKLE_HASH_LEN], struct error *ret_error)
{
    uint8_t computed[MERKLE_HASH_LEN];
    if (!attachment_stream_valid(stream_len))
        return error_say(ret_error, E_CHUNK_INVALID, "size", "%llu 不是填充后的长度",
                         "%llu is no padded length", (unsigned long long)stream_len);
    uint64_t count = attachment_chunk_count(stream_len);
    if (leaves.len != count * MERKLE_HASH_LEN)
        return error_say(ret_error, E_CHUNK_INVALID, "leaves", "%zu 字节，对应 %llu 个分块",
                         "%zu bytes for %llu chunks", leaves.len, (unsigned long long)count);
    attachment_root(leaves, computed);
    if (memcmp(computed, root, sizeof computed) != 0)
        return error_say(ret_error, E_CHUNK_INVALID, "leaves", "与所签的根不符",
                         "another root than the signed one");
    return 0;
}

int attachment_chunk_check(struct bytes leaves, uint64_t stream_len, uint64_t number,
                           struct bytes chunk, struct error *ret_error)
{
    uint8_t leaf[MERKLE_HASH_LEN];
    if (number >= attachment_chunk_count(stream_len) || leaves.len < (number + 1) * MERKLE_HASH_LEN)
        return error_set(ret_error, E_CHUNK_INVALID, "number", "%llu", (unsigned long long)number);
    if (chunk.len != attachment_chunk_len(stream_len, number))
        return error_say(ret_error, E_CHUNK_INVALID, "chunk",
                         "第 %llu 块有 %zu 字节，应为 %zu 字节",
                         "number %llu has %zu bytes, not %zu", (unsigned long long)number,
                         chunk.len, attachment_chunk_len(stream_len, number));
    merkle_leaf_hash(chunk, leaf);
    if (memcmp(leaf, leaves.data + number * MERKLE_HASH_LEN, sizeof leaf) != 0)
        return error_say(ret_error, E_CHUNK_INVALID, "chunk", "第 %llu 块的摘要不符",
                         "number %llu has another hash", (unsigned long long)number);
    return 0;
}

/* ---- sealing a file -----------------------------------------------------------------------------
 */

void attachment_sealer_init(
    struct attachment_sealer *sealer, const struct suite *suite, const uint8_t key[SUITE_KEY_LEN],
    int (*emit)(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error), void *ctx)
{
    memset(sealer, 0, sizeof *sealer);
    sealer->suite = suite;
    sealer->emit = emit;
    sealer->ctx = ctx;
    memcpy(sealer->key, key, sizeof sealer->key);
    sealer->plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    sealer->chunk = malloc(LIMIT_CHUNK_BYTES_MAX);
    CHECK(sealer->plain != NULL && sealer->chunk != NULL);
    sha256_begin(&sealer->hash);
}

void attachment_sealer_fini(struct attachment_sealer *sealer)
{
    if (!sealer) return;
    if (sealer->plain) sodium_memzero(sealer->plain, LIMIT_CHUNK_PLAIN_BYTES);
    free(sealer->plain);
    free(sealer->chunk);
    buf_fini(&sealer->leaves);
    sodium_memzero(sealer, sizeof *sealer);
}

static int emit_chunk(struct attachment_sealer *sealer, bool last, struct error *ret_error)
{
    uint8_t nonce[SUITE_NONCE_LEN], leaf[MERKLE_HASH_LEN];
    struct bytes chunk = bytes_of(sealer->chunk, sealer->filled + SUITE_TAG_LEN);
    nonce_of(sealer->number, last, nonce);
    sealer->suite->seal_chunk(sealer->key, nonce, bytes_of(sealer->plain, sealer->filled),
                              sealer->chunk);
    merkle_leaf_hash(chunk, leaf);
    buf_append(&sealer->leaves, leaf, sizeof leaf);
    sealer->filled = 0;
    return sealer->emit(sealer->ctx, sealer->number++, chunk, ret_error);
}

/* A full chunk waits for the byte behind it, since only then it is known not to be the last. */
static int add(struct attachment_sealer *sealer, const uint8_t *data, uint64_t len,
               struct error *ret_error)
{
    while (len > 0) {
        if (sealer->filled == LIMIT_CHUNK_PLAIN_BYTES) {
            int r = emit_chunk(sealer, false, ret_error);
            if (r != 0) return r;
        }
        size_t room = LIMIT_CHUNK_PLAIN_BYTES - sealer->filled;
        size_t taken = len < room ? (size_t)len : room;
        if (data) {
            memcpy(sealer->plain + sealer->filled, data, taken);
            data += taken;
        } else {
            memset(sealer->plain + sealer->filled, 0, taken);
        }
        sealer->filled += taken;
        len -= taken;
    }
    return 0;
}

int attachment_sealer_add(struct attachment_sealer *sealer, struct bytes piece,
                          struct error *ret_error)
{
    if (piece.len > LIMIT_ATTACHMENT_BYTES_MAX - sealer->size)
        return error_say(ret_error, E_TOO_LARGE, "attachment", "至多 %d 字节", "at most %d bytes",
                         LIMIT_ATTACHMENT_BYTES_MAX);
    if (piece.len == 0) return 0;
    sealer->size += piece.len;
    sha256_add(&sealer->hash, piece);
    return add(sealer, piece.data, piece.len, ret_error);
}

int attachment_sealer_end(struct attachment_sealer *sealer, struct attachment_sealed *ret,
                          struct error *ret_error)
{
    struct attachment_sealed sealed = {.size = sealer->size,
                                       .stream_len = attachment_stream_len(sealer->size)};
    if (sealer->size == 0)
        return error_say(ret_error, E_BAD_VALUE, "attachment", "空文件", "an empty file");
    CHECK(sealed.stream_len >= sealed.size);
    int r = add(sealer, NULL, sealed.stream_len - sealed.size, ret_error);
    if (r == 0) r = emit_chunk(sealer, true, ret_error);
    if (r != 0) return r;
    CHECK(sealer->number == attachment_chunk_count(sealed.stream_len));
    sha256_end(&sealer->hash, sealed.sha256);
    attachment_root(buf_bytes(&sealer->leaves), sealed.root);
    *ret = sealed;
    return 0;
}
