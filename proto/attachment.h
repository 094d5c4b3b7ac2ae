/* attachment: files that go with an envelope, as streams of encrypted chunks.
 *
 * A file is one stream: its bytes, then zeros up to a padded length that hides how long it is to
 * within some three percent. The stream is cut into chunks of LIMIT_CHUNK_PLAIN_BYTES, the last one
 * shorter, and each is sealed under one fresh random key with the STREAM nonce (an 11-byte counter
 * and a byte that is 1 for the last chunk), so that a stream cut short, put in another order or
 * continued does not open. A key serves one stream once: changed content means a new key. The
 * leaves are the RFC 6962 leaf hashes of the encrypted chunks, the root over them stands in the
 * envelope's signed manifest. docs/PROTOCOL.md, "Attachments", has the bytes; tests/vectors/
 * attachment.json a worked example.
 *
 * Pure: the key is an argument. Memory is bounded: a sealer holds two chunks, everything else is
 * the caller's. Thread-safe on distinct objects. */
#ifndef PROTO_ATTACHMENT_H
#define PROTO_ATTACHMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/merkle.h"
#include "proto/suite.h"

enum {
    ATTACHMENT_STREAM_LEN_MIN = 1024,
    ATTACHMENT_LEAVES_LEN_MAX = LIMIT_CHUNK_COUNT_MAX * MERKLE_HASH_LEN,
};

/* Length of the padded stream of a file: the file's own with all but its most significant bits
 * rounded up (Padme), at least ATTACHMENT_STREAM_LEN_MIN. 0: no such file may be sent (empty, or
 * above LIMIT_ATTACHMENT_BYTES_MAX when padded). */
uint64_t attachment_stream_len(uint64_t size);
/* Whether a stream can be of that length. */
bool attachment_stream_valid(uint64_t stream_len);
/* Chunks of a valid stream, and the encrypted length of one of them. */
uint64_t attachment_chunk_count(uint64_t stream_len);
size_t attachment_chunk_len(uint64_t stream_len, uint64_t number);

/* Seals chunk `number` of a stream; plain is exactly what attachment_chunk_len says less the tag
 * (CHECKed), ret_chunk has room for it with the tag. */
void attachment_chunk_seal(const struct suite *suite, const uint8_t key[SUITE_KEY_LEN],
                           uint64_t stream_len, uint64_t number, struct bytes plain,
                           uint8_t *ret_chunk);
/* E_DECRYPT_FAILED (E_CHUNK_INVALID for a wrong length), ret_plain untouched. */
int attachment_chunk_open(const struct suite *suite, const uint8_t key[SUITE_KEY_LEN],
                          uint64_t stream_len, uint64_t number, struct bytes chunk,
                          uint8_t *ret_plain) MUST_USE;

/* The root over concatenated leaves. E_CHUNK_INVALID: not as many as the stream has chunks, or
 * another root. What a signed manifest says of an attachment is checked by this once; then each
 * chunk by attachment_chunk_check. */
void attachment_root(struct bytes leaves, uint8_t ret_root[MERKLE_HASH_LEN]);
int attachment_leaves_check(struct bytes leaves, uint64_t stream_len,
                            const uint8_t root[MERKLE_HASH_LEN], struct error *ret_error) MUST_USE;
/* Length and hash of an encrypted chunk against leaves that were checked. E_CHUNK_INVALID. */
int attachment_chunk_check(struct bytes leaves, uint64_t stream_len, uint64_t number,
                           struct bytes chunk, struct error *ret_error) MUST_USE;

/* Seals a file whose length need not be known before its end. */
struct attachment_sealer {
    const struct suite *suite;
    /* Takes a chunk; borrowed until it returns. Non-zero ends the sealing and is returned. */
    int (*emit)(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error);
    void *ctx;
    uint8_t key[SUITE_KEY_LEN];
    uint64_t size;            /* of the file so far */
    uint64_t number;          /* of the next chunk */
    size_t filled;            /* bytes of it that are here */
    uint8_t *plain;           /* a chunk */
    uint8_t *chunk;           /* the same, encrypted */
    struct buf leaves;        /* of the chunks emitted */
    struct sha256_state hash; /* over the file */
};

struct attachment_sealed {
    uint64_t size, stream_len;
    uint8_t root[MERKLE_HASH_LEN];
    uint8_t sha256[32]; /* of the file */
};

/* key: 32 fresh random bytes, copied. */
void attachment_sealer_init(struct attachment_sealer *sealer, const struct suite *suite,
                            const uint8_t key[SUITE_KEY_LEN],
                            int (*emit)(void *ctx, uint64_t number, struct bytes chunk,
                                        struct error *ret_error),
                            void *ctx);
/* Wipes and frees. NULL and zeroed ones accepted. */
void attachment_sealer_fini(struct attachment_sealer *sealer);
/* More of the file. E_TOO_LARGE past what may be sent, or what emit returned; after an error the
 * sealer is of no more use. */
int attachment_sealer_add(struct attachment_sealer *sealer, struct bytes piece,
                          struct error *ret_error) MUST_USE;
/* The end of the file: emits what is left. sealer->leaves are complete then. E_BAD_VALUE for an
 * empty file; what emit returned. */
int attachment_sealer_end(struct attachment_sealer *sealer, struct attachment_sealed *ret,
                          struct error *ret_error) MUST_USE;

#endif
