/* inflate: DEFLATE with a hard bound on what comes out, over zlib.
 *
 * zlib's own memory is wiped before it is freed: it holds a window of plaintext. Pure; thread-safe.
 */
#ifndef PROTO_CONTENT_INFLATE_H
#define PROTO_CONTENT_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

enum inflate_verdict {
    INFLATE_FINE,
    INFLATE_DAMAGED,   /* not DEFLATE, or its end is missing */
    INFLATE_TOO_LARGE, /* more than the bound, which was reached */
    INFLATE_NO_MEMORY,
};

/* Raw DEFLATE into exactly `len` bytes: fewer are damage, more are too large. */
enum inflate_verdict inflate_exact(struct bytes packed, uint8_t *ret_data, size_t len);

/* zlib's format into memory of the arena, at most len_max bytes. Data that breaks off gives what
 * there was up to there (readers of PDF do so too) and INFLATE_FINE, unless there was nothing. */
enum inflate_verdict inflate_growing(struct bytes packed, size_t len_max, struct arena *arena,
                                     struct bytes *ret_data);

/* CRC-32 of ISO 3309, as zip and PNG have it. */
uint32_t inflate_crc32(struct bytes data);

#endif
