/* JPEG: segments up to the end of the picture. What is not needed to decode it goes. */
#include <string.h>

#include "proto/content/image.h"

enum {
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP0 = 0xe0,
    APP1 = 0xe1,
    APP2 = 0xe2,
    APP14 = 0xee,
    APP15 = 0xef,
    COM = 0xfe,
    JFIF_LEN = 14, /* without a thumbnail, without the length */
};

struct jpeg {
    struct bytes data;
    size_t at;
    struct exif exif;
    bool keep_location;
    const char *path;
    struct error *error;
};

static bool begins(struct bytes body, const char *text, size_t len)
{
    return body.len >= len && memcmp(body.data, text, len) == 0;
}

static int truncated(const struct jpeg *jpeg)
{
    return error_say(jpeg->error, E_TRUNCATED, jpeg->path,
                     "JPEG 在第 %zu 字节处中断，请发送完整照片",
                     "a JPEG that ends at byte %zu, before its picture does; send the whole photo",
                     jpeg->data.len);
}

/* The marker at the place, past fill bytes; it is taken. */
static int take_marker(struct jpeg *jpeg, uint8_t *ret_marker)
{
    if (jpeg->at >= jpeg->data.len) return truncated(jpeg);
    if (jpeg->data.data[jpeg->at] != 0xff)
        return error_say(jpeg->error, E_BAD_FORM, jpeg->path,
                         "第 %zu 字节处不是 JPEG 标记，文件已损坏", "no JPEG marker at byte %zu",
                         jpeg->at);
    while (jpeg->at < jpeg->data.len && jpeg->data.data[jpeg->at] == 0xff) jpeg->at++;
    if (jpeg->at >= jpeg->data.len) return truncated(jpeg);
    *ret_marker = jpeg->data.data[jpeg->at++];
    return 0;
}

static bool stands_alone(uint8_t marker)
{
    return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7);
}

static int take_body(struct jpeg *jpeg, struct bytes *ret_body)
{
    if (jpeg->data.len - jpeg->at < 2) return truncated(jpeg);
    size_t len = load_u16(jpeg->data.data + jpeg->at);
    if (len < 2)
        return error_say(jpeg->error, E_BAD_FORM, jpeg->path, "JPEG 段长度有误，文件已损坏",
                         "a JPEG segment of no length");
    if (len > jpeg->data.len - jpeg->at) return truncated(jpeg);
    *ret_body = bytes_of(jpeg->data.data + jpeg->at + 2, len - 2);
    jpeg->at += len;
    return 0;
}

/* Entropy-coded data: up to a marker that is no restart and no escaped 0xff. */
static void take_scan(struct jpeg *jpeg, struct buf *out)
{
    size_t from = jpeg->at;
    const uint8_t *data = jpeg->data.data;
    while (jpeg->at < jpeg->data.len) {
        if (data[jpeg->at] != 0xff) {
            jpeg->at++;
        } else if (jpeg->at + 1 < jpeg->data.len &&
                   (data[jpeg->at + 1] == 0 || stands_alone(data[jpeg->at + 1]))) {
            jpeg->at += 2;
        } else {
            break;
        }
    }
    buf_append(out, data + from, jpeg->at - from);
}

static void put_segment(struct buf *out, uint8_t marker, struct bytes body)
{
    buf_append_u8(out, 0xff);
    buf_append_u8(out, marker);
    buf_append_u16(out, (uint16_t)(body.len + 2));
    buf_append_bytes(out, body);
}

/* Colour: JFIF without its thumbnail, the ICC profile, Adobe's note on the colour transform. */
static void put_application(struct buf *out, uint8_t marker, struct bytes body)
{
    if (marker == APP0 && begins(body, "JFIF", 5) && body.len >= JFIF_LEN) {
        uint8_t head[JFIF_LEN];
        memcpy(head, body.data, sizeof head);
        head[12] = head[13] = 0;
        put_segment(out, APP0, bytes_of(head, sizeof head));
    } else if ((marker == APP2 && begins(body, "ICC_PROFILE", 12)) ||
               (marker == APP14 && begins(body, "Adobe", 5) && body.len == 12)) {
        put_segment(out, marker, body);
    }
}

static void put_exif(struct buf *out, const struct exif *exif)
{
    struct buf body = {0};
    if (!exif_worth(exif)) return;
    buf_append(&body, "Exif\0", 6);
    exif_write(exif, &body);
    put_segment(out, APP1, buf_bytes(&body));
    image_wipe(&body);
}

/* The EXIF is wanted in front of everything, and known only after the head was read. */
static int read_exif(struct jpeg *jpeg)
{
    uint8_t marker = 0;
    struct bytes body = {0};
    size_t start = jpeg->at;
    int status = 0;
    while (!(status = take_marker(jpeg, &marker)) && marker != SOS && marker != EOI) {
        if (stands_alone(marker)) continue;
        status = take_body(jpeg, &body);
        if (status) return status;
        if (marker == APP1 && begins(body, "Exif\0", 6))
            exif_read(bytes_of(body.data + 6, body.len - 6), jpeg->keep_location, &jpeg->exif);
    }
    jpeg->at = start;
    return status;
}

static int strip(struct jpeg *jpeg, struct buf *out)
{
    uint8_t marker = 0;
    struct bytes body = {0};
    bool scanned = false;
    int status = 0;
    while (!(status = take_marker(jpeg, &marker)) && marker != EOI) {
        if (stands_alone(marker)) continue;
        if (marker == SOI)
            return error_say(jpeg->error, E_BAD_FORM, jpeg->path, "JPEG 内又有 JPEG，文件已损坏",
                             "a JPEG within the JPEG");
        status = take_body(jpeg, &body);
        if (status) return status;
        if (marker >= APP0 && marker <= APP15) {
            put_application(out, marker, body);
        } else if (marker != COM) {
            put_segment(out, marker, body);
        }
        if (marker == SOS) {
            scanned = true;
            take_scan(jpeg, out);
        }
    }
    if (!status && !scanned)
        return error_say(jpeg->error, E_BAD_FORM, jpeg->path, "JPEG 内没有图像",
                         "a JPEG without a picture");
    return status;
}

int image_strip_jpeg(struct bytes data, bool keep_location, const char *path, struct buf *ret_clean,
                     struct error *ret_error)
{
    struct jpeg jpeg = {
        .data = data, .at = 2, .keep_location = keep_location, .path = path, .error = ret_error};
    int status = read_exif(&jpeg);
    if (status) return status;
    buf_append_u8(ret_clean, 0xff);
    buf_append_u8(ret_clean, SOI);
    put_exif(ret_clean, &jpeg.exif);
    status = strip(&jpeg, ret_clean);
    if (status) return status;
    buf_append_u8(ret_clean, 0xff);
    buf_append_u8(ret_clean, EOI);
    return 0;
}
