/* bytes: borrowed views, a growing buffer, big-endian integers, hex and base64. Pure. */
#ifndef PROTO_BASE_BYTES_H
#define PROTO_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "proto/base/error.h"

/* A borrowed view: valid as long as what it points into. {NULL, 0} is empty. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){(const uint8_t *)data, len};
}
struct bytes bytes_of_str(const char *text);      /* without the terminator */
bool bytes_equal(struct bytes a, struct bytes b); /* not constant time: never for secrets */

/* A growing buffer that owns its memory. {0} is a valid empty one. Out of memory is our
 * environment: buf_* CHECKs on allocation failure, sizes being bounded by limits.h before anything
 * is appended. */
struct buf {
    uint8_t *data;
    size_t len;
    size_t cap;
};
void buf_fini(struct buf *buf);                      /* frees; {0} again; NULL accepted */
void buf_reset(struct buf *buf);                     /* len = 0, memory kept */
uint8_t *buf_grow_more(struct buf *buf, size_t len); /* buf_grow where memory must be taken */

/* Room for len more bytes, counted in; returns their start. */
static inline uint8_t *buf_grow(struct buf *buf, size_t len)
{
    if (len > buf->cap - buf->len || !buf->data) return buf_grow_more(buf, len);
    uint8_t *start = buf->data + buf->len;
    buf->len += len;
    return start;
}

static inline struct bytes buf_bytes(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->len};
}

/* Big endian. A digest is made of millions of these, so they are here and not behind a call. */
static inline uint16_t load_u16(const uint8_t *data)
{
    return (uint16_t)((unsigned)data[0] << 8 | data[1]);
}
static inline uint32_t load_u32(const uint8_t *data)
{
    return (uint32_t)load_u16(data) << 16 | load_u16(data + 2);
}
static inline uint64_t load_u64(const uint8_t *data)
{
    return (uint64_t)load_u32(data) << 32 | load_u32(data + 4);
}
static inline void store_u16(uint8_t *data, uint16_t value)
{
    data[0] = (uint8_t)(value >> 8);
    data[1] = (uint8_t)value;
}
static inline void store_u32(uint8_t *data, uint32_t value)
{
    store_u16(data, (uint16_t)(value >> 16));
    store_u16(data + 2, (uint16_t)value);
}
static inline void store_u64(uint8_t *data, uint64_t value)
{
    store_u32(data, (uint32_t)(value >> 32));
    store_u32(data + 4, (uint32_t)value);
}

static inline void buf_append(struct buf *buf, const void *data, size_t len)
{
    if (len > 0) memcpy(buf_grow(buf, len), data, len);
}
static inline void buf_append_u8(struct buf *buf, uint8_t value)
{
    *buf_grow(buf, 1) = value;
}
static inline void buf_append_u16(struct buf *buf, uint16_t value)
{
    store_u16(buf_grow(buf, 2), value);
}
static inline void buf_append_u32(struct buf *buf, uint32_t value)
{
    store_u32(buf_grow(buf, 4), value);
}
static inline void buf_append_u64(struct buf *buf, uint64_t value)
{
    store_u64(buf_grow(buf, 8), value);
}
void buf_append_bytes(struct buf *buf, struct bytes bytes);
void buf_append_str(struct buf *buf, const char *text);
/* u16 length, then the bytes: the length prefix of every HKDF info field. len <= 65535 is CHECKed.
 */
void buf_append_prefixed(struct buf *buf, struct bytes bytes);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lower-case hex; ret_text has room for 2*len+1. Parsing is strict: even length, exact size,
 * E_BAD_FORM otherwise. */
void hex_encode(struct bytes bytes, char *ret_text);
int hex_decode(const char *text, size_t text_len, uint8_t *ret_data, size_t len,
               struct error *ret_error) MUST_USE;
/* RFC 4648 section 4, padded, strict (non-canonical trailing bits refused). */
void base64_append(struct buf *buf, struct bytes bytes);
int base64_decode(const char *text, size_t text_len, struct buf *ret_buf,
                  struct error *ret_error) MUST_USE;

/* UUID bytes to the canonical 36 characters and back. */
void uuid_text(const uint8_t id[16], char ret_text[37]);
int uuid_parse_text(const char *text, uint8_t ret_id[16], struct error *ret_error) MUST_USE;

/* [a-z0-9][a-z0-9.-]*, 1..LIMIT_SLUG_LEN_MAX: unit keys, kinds, topics, section names. */
bool slug_valid(const char *text);

#endif
