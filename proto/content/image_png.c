/* PNG: chunks up to IEND. Those that show the picture stay, by name; all others go. */
#include <string.h>

#include "proto/content/image.h"
#include "proto/content/inflate.h"

enum { SIGNATURE_LEN = 8, CHUNK_LEN_MIN = 12, HEADER_LEN = 13 };

static bool is_kept(const uint8_t *type)
{
    static const char *const kept[] = {"IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM",
                                       "sRGB", "iCCP", "cICP", "sBIT", "bKGD", "hIST", "pHYs",
                                       "sPLT", "mDCV", "cLLI", "acTL", "fcTL", "fdAT"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (memcmp(type, kept[i], 4) == 0) return true;
    return false;
}

static void put_chunk(struct buf *out, const char *type, struct bytes body)
{
    size_t from = out->len + 4;
    buf_append_u32(out, (uint32_t)body.len);
    buf_append(out, type, 4);
    buf_append_bytes(out, body);
    buf_append_u32(out, inflate_crc32(bytes_of(out->data + from, body.len + 4)));
}

/* The chunk at a place, whole and with a CRC that fits. */
static int chunk_at(struct bytes data, size_t at, const char *path, struct bytes *ret_body,
                    struct error *ret_error)
{
    if (data.len - at < CHUNK_LEN_MIN)
        return error_say(ret_error, E_TRUNCATED, path, "PNG 在第 %zu 字节处中断，请发送完整图片",
                         "a PNG that ends at byte %zu, before its picture does; send the whole one",
                         data.len);
    size_t len = load_u32(data.data + at);
    if (len > data.len - at - CHUNK_LEN_MIN)
        return error_say(ret_error, E_TRUNCATED, path, "PNG 数据块超出文件，请发送完整图片",
                         "a PNG chunk longer than the file");
    struct bytes body = bytes_of(data.data + at + 8, len);
    struct bytes summed = bytes_of(data.data + at + 4, len + 4);
    if (inflate_crc32(summed) != load_u32(body.data + len))
        return error_say(ret_error, E_BAD_FORM, path,
                         "第 %zu 字节处 PNG 数据块校验不符，文件已损坏",
                         "a PNG chunk with a wrong CRC at byte %zu", at);
    *ret_body = body;
    return 0;
}

/* Checks all chunks and reads the EXIF, which stands anywhere. */
static int read_chunks(struct bytes data, bool keep_location, const char *path, struct exif *exif,
                       struct error *ret_error)
{
    struct bytes body = {0};
    bool ended = false;
    bool has_picture = false;
    for (size_t at = SIGNATURE_LEN; !ended; at += body.len + CHUNK_LEN_MIN) {
        int status = chunk_at(data, at, path, &body, ret_error);
        if (status) return status;
        const uint8_t *type = data.data + at + 4;
        bool first = at == SIGNATURE_LEN;
        if (first != (memcmp(type, "IHDR", 4) == 0) || (first && body.len != HEADER_LEN))
            return error_say(ret_error, E_BAD_FORM, path, "PNG 文件头有误，文件已损坏",
                             "a PNG without its one header");
        if (!(type[0] & 0x20) && !is_kept(type))
            return error_say(ret_error, E_BAD_FORM, path, "PNG 含未知的关键数据块，请转换为 JPEG",
                             "a critical PNG chunk that is not known; convert it to JPEG");
        if (memcmp(type, "eXIf", 4) == 0) exif_read(body, keep_location, exif);
        if (memcmp(type, "IDAT", 4) == 0) has_picture = true;
        ended = memcmp(type, "IEND", 4) == 0;
    }
    if (has_picture) return 0;
    return error_say(ret_error, E_BAD_FORM, path, "PNG 内没有图像", "a PNG without a picture");
}

int image_strip_png(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                    struct error *ret_error)
{
    struct exif exif = {0};
    int status = read_chunks(data, keep_location, path, &exif, ret_error);
    if (status) return status;
    buf_append(ret_clean, data.data, SIGNATURE_LEN);
    for (size_t at = SIGNATURE_LEN;;) {
        size_t len = load_u32(data.data + at) + (size_t)CHUNK_LEN_MIN;
        const uint8_t *type = data.data + at + 4;
        if (is_kept(type)) buf_append(ret_clean, data.data + at, len);
        if (at == SIGNATURE_LEN && exif_worth(&exif)) {
            struct buf tiff = {0};
            exif_write(&exif, &tiff);
            put_chunk(ret_clean, "eXIf", buf_bytes(&tiff));
            image_wipe(&tiff);
        }
        if (memcmp(type, "IEND", 4) == 0) return 0;
        at += len;
    }
}
