/* chunks: attachments on disk, as the encrypted chunks that they travel as.
 *
 *     <folder>/ab/<root, 64 hex digits>/leaves    leaf hashes of all chunks, 32 bytes each
 *     <folder>/ab/<root, 64 hex digits>/0000      chunk 0, and so on: four digits, decimal
 *
 * where ab are the root's first two digits. The root is the Merkle root over the chunks, so a name
 * says what must be inside; who reads checks it (proto/attachment.h). A file is there whole or not
 * at all: written beside, fsynced, renamed. That its name is durable is said by chunks_sync, once
 * for all chunks of an attachment. Erasing an attachment removes its folder.
 *
 * Files are 0600, folders 0700. Nothing here knows a key. Impure. One writer per attachment at a
 * time; readers at any time. Errors: E_DISK_FULL, E_IO with the path as field, E_NOT_FOUND. */
#ifndef PROTO_HOST_CHUNKS_H
#define PROTO_HOST_CHUNKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"

enum {
    CHUNKS_ROOT_LEN = 32,
    CHUNKS_PRESENT_LEN = LIMIT_CHUNK_COUNT_MAX / 8, /* a bit for each chunk, lowest first */
};

/* Makes the attachment's folder and its leaves, durable on return. One that is there is left. */
int chunks_begin(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct bytes leaves,
                 struct error *ret_error) MUST_USE;
/* What was stored under a name of the caller's own, since the root is known only at the end, gets
 * its leaves and its root's name, all durable on return. E_DUPLICATE: the root is there. */
int chunks_adopt(const char *folder, const uint8_t name[CHUNKS_ROOT_LEN],
                 const uint8_t root[CHUNKS_ROOT_LEN], struct bytes leaves,
                 struct error *ret_error) MUST_USE;
/* Appends the leaves. E_NOT_FOUND: no such attachment. */
int chunks_leaves(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], struct buf *ret_leaves,
                  struct error *ret_error) MUST_USE;
/* The chunk's bytes are on the disk when it returns; its name is after the next chunks_sync. */
int chunks_put(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
               struct bytes chunk, struct error *ret_error) MUST_USE;
int chunks_sync(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN],
                struct error *ret_error) MUST_USE;
/* Appends the chunk. E_NOT_FOUND: erased or never there. E_TOO_LARGE: no chunk. */
int chunks_get(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
               struct buf *ret_chunk, struct error *ret_error) MUST_USE;
/* Which of the first `count` chunks are there (may be NULL), and how many. */
uint32_t chunks_present(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t count,
                        uint8_t ret_present[CHUNKS_PRESENT_LEN]);
/* Removes one chunk, durably; its leaf stays. E_NOT_FOUND. */
int chunks_erase_one(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN], uint32_t number,
                     struct error *ret_error) MUST_USE;
/* Removes an attachment, durably. One that is not there is no error. */
int chunks_erase(const char *folder, const uint8_t root[CHUNKS_ROOT_LEN],
                 struct error *ret_error) MUST_USE;
/* Every attachment's root, in no order; non-zero of `each` ends the walk and is returned. What is
 * no attachment's folder is passed over. A folder that is not there is an empty one. */
int chunks_walk(const char *folder, int (*each)(void *ctx, const uint8_t root[CHUNKS_ROOT_LEN]),
                void *ctx, struct error *ret_error) MUST_USE;

static inline bool chunks_has(const uint8_t present[CHUNKS_PRESENT_LEN], uint32_t number)
{
    return number < LIMIT_CHUNK_COUNT_MAX && (present[number / 8] >> number % 8 & 1);
}
static inline void chunks_set(uint8_t present[CHUNKS_PRESENT_LEN], uint32_t number)
{
    present[number / 8] |= (uint8_t)(1u << number % 8);
}
/* Bytes of the bitmap that are worth sending. */
static inline size_t chunks_present_len(const uint8_t present[CHUNKS_PRESENT_LEN])
{
    size_t len = CHUNKS_PRESENT_LEN;
    while (len > 0 && present[len - 1] == 0) len--;
    return len;
}

#endif
