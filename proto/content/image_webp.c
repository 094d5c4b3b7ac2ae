/* WebP: the chunks of a RIFF. Picture, animation, transparency and colour profile stay. */
#include <string.h>

#include "proto/content/image.h"

enum {
    RIFF_LEN = 12,
    CHUNK_HEAD_LEN = 8,
    EXTENDED_LEN = 10,
    FRAME_HEAD_LEN = 16,
    FLAG_XMP = 0x04,
    FLAG_EXIF = 0x08,
};

/* RIFF is little endian. */
static uint32_t le32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_le32(struct buf *out, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) buf_append_u8(out, (uint8_t)(value >> (8 * i)));
}

struct chunk {
    const uint8_t *type;
    struct bytes body;
};

static bool is_type(const struct chunk *chunk, const char *type)
{
    return memcmp(chunk->type, type, 4) == 0;
}

/* Takes a chunk off the front of a row of them; false where none is whole. */
static bool take_chunk(struct bytes *row, struct chunk *ret_chunk)
{
    if (row->len < CHUNK_HEAD_LEN) return false;
    size_t len = le32(row->data + 4);
    if (len > row->len - CHUNK_HEAD_LEN) return false;
    *ret_chunk = (struct chunk){row->data, bytes_of(row->data + CHUNK_HEAD_LEN, len)};
    size_t whole = CHUNK_HEAD_LEN + len + len % 2;
    if (whole > row->len) whole = row->len;
    row->data += whole;
    row->len -= whole;
    return true;
}

static void put_chunk(struct buf *out, const char *type, struct bytes body)
{
    buf_append(out, type, 4);
    put_le32(out, (uint32_t)body.len);
    buf_append_bytes(out, body);
    if (body.len % 2) buf_append_u8(out, 0);
}

static bool is_picture(const struct chunk *chunk)
{
    return is_type(chunk, "VP8 ") || is_type(chunk, "VP8L");
}

/* A frame of an animation has chunks of its own, where others may hide. */
static bool put_frame(struct buf *out, struct bytes body)
{
    struct buf frame = {0};
    struct chunk chunk;
    bool has_picture = false;
    if (body.len < FRAME_HEAD_LEN) return false;
    struct bytes rest = bytes_of(body.data + FRAME_HEAD_LEN, body.len - FRAME_HEAD_LEN);
    image_reserve(&frame, body.len);
    buf_append(&frame, body.data, FRAME_HEAD_LEN);
    while (take_chunk(&rest, &chunk)) {
        has_picture = has_picture || is_picture(&chunk);
        if (is_picture(&chunk) || is_type(&chunk, "ALPH"))
            put_chunk(&frame, (const char *)chunk.type, chunk.body);
    }
    put_chunk(out, "ANMF", buf_bytes(&frame));
    image_wipe(&frame);
    return has_picture;
}

static void put_extended(struct buf *out, struct bytes body, const struct exif *exif)
{
    uint8_t head[EXTENDED_LEN];
    memcpy(head, body.data, sizeof head);
    head[0] = (uint8_t)(head[0] & ~(FLAG_XMP | FLAG_EXIF));
    if (exif_worth(exif)) head[0] |= FLAG_EXIF;
    put_chunk(out, "VP8X", bytes_of(head, sizeof head));
}

static void read_exif(struct bytes row, bool keep_location, struct exif *exif)
{
    struct chunk chunk;
    while (take_chunk(&row, &chunk)) {
        if (!is_type(&chunk, "EXIF")) continue;
        bool headed = chunk.body.len >= 6 && memcmp(chunk.body.data, "Exif\0", 6) == 0;
        size_t head = headed ? 6 : 0;
        exif_read(bytes_of(chunk.body.data + head, chunk.body.len - head), keep_location, exif);
    }
}

/* Everything behind the RIFF head. False: no picture, or a chunk out of form. */
static bool put_chunks(struct buf *out, struct bytes row, const struct exif *exif)
{
    struct chunk chunk;
    bool has_picture = false;
    bool extended = false;
    bool fits = true;
    while (fits && take_chunk(&row, &chunk)) {
        if (is_type(&chunk, "VP8X")) {
            fits = chunk.body.len == EXTENDED_LEN && !extended && !has_picture;
            if (fits) put_extended(out, chunk.body, exif);
            extended = true;
        } else if (is_type(&chunk, "ANMF")) {
            fits = put_frame(out, chunk.body);
            has_picture = true;
        } else if (is_picture(&chunk) || is_type(&chunk, "ALPH") || is_type(&chunk, "ICCP") ||
                   is_type(&chunk, "ANIM")) {
            put_chunk(out, (const char *)chunk.type, chunk.body);
            has_picture = has_picture || is_picture(&chunk);
        }
    }
    if (extended && exif_worth(exif)) {
        struct buf tiff = {0};
        exif_write(exif, &tiff);
        put_chunk(out, "EXIF", buf_bytes(&tiff));
        image_wipe(&tiff);
    }
    return fits && has_picture && !row.len;
}

int image_strip_webp(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                     struct error *ret_error)
{
    struct exif exif = {0};
    struct buf chunks = {0};
    size_t len = le32(data.data + 4);
    if (len < 4 || len > data.len - 8)
        return error_say(ret_error, E_TRUNCATED, path, "WebP 不完整，请发送完整图片",
                         "a WebP that ends before its picture does; send the whole one");
    struct bytes row = bytes_of(data.data + RIFF_LEN, len - 4);
    read_exif(row, keep_location, &exif);
    image_reserve(&chunks, row.len);
    bool fits = put_chunks(&chunks, row, &exif);
    if (fits) {
        buf_append_str(ret_clean, "RIFF");
        put_le32(ret_clean, (uint32_t)(chunks.len + 4));
        buf_append_str(ret_clean, "WEBP");
        buf_append_bytes(ret_clean, buf_bytes(&chunks));
    }
    image_wipe(&chunks);
    if (fits) return 0;
    return error_say(ret_error, E_BAD_FORM, path, "WebP 数据块有误，文件已损坏",
                     "a WebP whose chunks do not fit");
}
