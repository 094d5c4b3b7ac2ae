#include "proto/content/image.h"

#include <sodium.h>
#include <string.h>

/* ---- EXIF: a TIFF directory, of which three entries matter -------------------------------------
 */

enum {
    TAG_ORIENTATION = 0x112,
    TAG_GPS = 0x8825,
    TAG_LATITUDE_REF = 1,
    TAG_LATITUDE = 2,
    TAG_LONGITUDE_REF = 3,
    TAG_LONGITUDE = 4,
    TYPE_ASCII = 2,
    TYPE_SHORT = 3,
    TYPE_LONG = 4,
    TYPE_RATIONAL = 5,
    ENTRY_LEN = 12,
};

struct tiff {
    struct bytes data;
    bool big;
};

static uint32_t tiff_16(const struct tiff *tiff, size_t at)
{
    const uint8_t *p = tiff->data.data + at;
    return tiff->big ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
}

static uint32_t tiff_32(const struct tiff *tiff, size_t at)
{
    uint32_t first = tiff_16(tiff, at);
    uint32_t second = tiff_16(tiff, at + 2);
    return tiff->big ? first << 16 | second : second << 16 | first;
}

struct entry {
    uint32_t tag;
    uint32_t type;
    uint32_t count;
    size_t value_at; /* of the four bytes that are the value or say where it is */
};

/* The next entry of the directory at *at; false behind the last one that is whole. */
static bool entry_next(const struct tiff *tiff, size_t *at, size_t *left, struct entry *ret_entry)
{
    if (!*left || tiff->data.len - *at < ENTRY_LEN) return false;
    *ret_entry =
        (struct entry){tiff_16(tiff, *at), tiff_16(tiff, *at + 2), tiff_32(tiff, *at + 4), *at + 8};
    *at += ENTRY_LEN;
    --*left;
    return true;
}

static bool directory_at(const struct tiff *tiff, uint32_t place, size_t *ret_at, size_t *ret_count)
{
    if (place > tiff->data.len || tiff->data.len - place < 2) return false;
    *ret_count = tiff_16(tiff, place);
    *ret_at = place + 2;
    return true;
}

/* Degrees, minutes, seconds: six numbers, made big endian; no fraction has a zero below. */
static bool read_angle(const struct tiff *tiff, const struct entry *entry, uint8_t angle[24])
{
    uint32_t place = tiff_32(tiff, entry->value_at);
    if (entry->type != TYPE_RATIONAL || entry->count != 3) return false;
    if (place > tiff->data.len || tiff->data.len - place < 24) return false;
    for (size_t i = 0; i < 6; i++) {
        uint32_t value = tiff_32(tiff, place + 4 * i);
        if (i % 2 && !value) return false;
        store_u32(angle + 4 * i, value);
    }
    return true;
}

static bool read_ref(const struct tiff *tiff, const struct entry *entry, const char *allowed,
                     uint8_t *ret_ref)
{
    uint8_t ref = tiff->data.data[entry->value_at];
    if (entry->type != TYPE_ASCII || entry->count != 2) return false;
    if (ref != (uint8_t)allowed[0] && ref != (uint8_t)allowed[1]) return false;
    *ret_ref = ref;
    return true;
}

static void read_place(const struct tiff *tiff, uint32_t place, struct exif *exif)
{
    struct entry entry;
    size_t at = 0;
    size_t left = 0;
    unsigned found = 0;
    if (!directory_at(tiff, place, &at, &left)) return;
    while (entry_next(tiff, &at, &left, &entry)) {
        bool fits = false;
        switch (entry.tag) {
        case TAG_LATITUDE_REF: fits = read_ref(tiff, &entry, "NS", &exif->latitude_ref); break;
        case TAG_LONGITUDE_REF: fits = read_ref(tiff, &entry, "EW", &exif->longitude_ref); break;
        case TAG_LATITUDE: fits = read_angle(tiff, &entry, exif->latitude); break;
        case TAG_LONGITUDE: fits = read_angle(tiff, &entry, exif->longitude); break;
        default: break;
        }
        if (fits) found |= 1u << entry.tag;
    }
    exif->has_place = found == (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4);
}

void exif_read(struct bytes data, bool keep_location, struct exif *exif)
{
    struct tiff tiff = {data, false};
    struct entry entry;
    size_t at = 0;
    size_t left = 0;
    if (data.len < 8 || (memcmp(data.data, "II*\0", 4) != 0 && memcmp(data.data, "MM\0*", 4) != 0))
        return;
    tiff.big = data.data[0] == 'M';
    if (!directory_at(&tiff, tiff_32(&tiff, 4), &at, &left)) return;
    while (entry_next(&tiff, &at, &left, &entry)) {
        uint32_t value = tiff_16(&tiff, entry.value_at);
        if (entry.tag == TAG_ORIENTATION && entry.type == TYPE_SHORT && value >= 1 && value <= 8)
            exif->orientation = value;
        if (entry.tag == TAG_GPS && entry.type == TYPE_LONG && keep_location)
            read_place(&tiff, tiff_32(&tiff, entry.value_at), exif);
    }
}

bool exif_worth(const struct exif *exif)
{
    return exif->orientation > 1 || exif->has_place;
}

static void put_entry(struct buf *out, uint16_t tag, uint16_t type, uint32_t count, uint32_t value)
{
    buf_append_u16(out, tag);
    buf_append_u16(out, type);
    buf_append_u32(out, count);
    buf_append_u32(out, value);
}

void exif_write(const struct exif *exif, struct buf *out)
{
    enum { HEAD = 8, COUNT = 2, NEXT = 4 };
    unsigned orientation = exif->orientation ? exif->orientation : 1;
    uint16_t count = exif->has_place ? 2 : 1;
    uint32_t places = HEAD + COUNT + (uint32_t)count * ENTRY_LEN + NEXT;
    uint32_t angles = places + COUNT + 4 * ENTRY_LEN + NEXT;
    buf_append(out, "MM\0*\0\0\0\010", HEAD);
    buf_append_u16(out, count);
    put_entry(out, TAG_ORIENTATION, TYPE_SHORT, 1, (uint32_t)orientation << 16);
    if (exif->has_place) put_entry(out, TAG_GPS, TYPE_LONG, 1, places);
    buf_append_u32(out, 0);
    if (!exif->has_place) return;
    buf_append_u16(out, 4);
    put_entry(out, TAG_LATITUDE_REF, TYPE_ASCII, 2, (uint32_t)exif->latitude_ref << 24);
    put_entry(out, TAG_LATITUDE, TYPE_RATIONAL, 3, angles);
    put_entry(out, TAG_LONGITUDE_REF, TYPE_ASCII, 2, (uint32_t)exif->longitude_ref << 24);
    put_entry(out, TAG_LONGITUDE, TYPE_RATIONAL, 3, angles + 24);
    buf_append_u32(out, 0);
    buf_append(out, exif->latitude, sizeof exif->latitude);
    buf_append(out, exif->longitude, sizeof exif->longitude);
}

void image_reserve(struct buf *buf, size_t len)
{
    enum { EXIF_ROOM = 512 };
    buf_grow(buf, len + EXIF_ROOM);
    buf->len -= len + EXIF_ROOM;
}

void image_wipe(struct buf *buf)
{
    if (buf->cap) sodium_memzero(buf->data, buf->cap);
    buf_fini(buf);
}

/* ---- the whole --------------------------------------------------------------------------------
 */

int content_image_strip(struct bytes data, bool keep_location, const char *path,
                        struct buf *ret_clean, size_t *ret_removed_bytes, struct error *ret_error)
{
    struct buf clean = {0};
    int status = 0;
    if (data.len > CONTENT_PHOTO_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, path, "%zu 字节，最多 %d", "%zu bytes; at most %d",
                         data.len, CONTENT_PHOTO_BYTES_MAX);
    image_reserve(&clean, data.len);
    switch (content_type_detect(data).format) {
    case FORMAT_JPEG:
        status = image_strip_jpeg(data, keep_location, path, &clean, ret_error);
        break;
    case FORMAT_PNG: status = image_strip_png(data, keep_location, path, &clean, ret_error); break;
    case FORMAT_WEBP:
        status = image_strip_webp(data, keep_location, path, &clean, ret_error);
        break;
    case FORMAT_OTHER_PICTURE:
        status = error_say(ret_error, E_CONTENT_UNEXAMINABLE, path,
                           "%s 无法去除拍摄地点和设备信息，请转换为 JPEG 或 PNG",
                           "%s: place and device cannot be taken out; convert it to JPEG or PNG",
                           content_type_detect(data).media_type);
        break;
    default:
        status = error_say(ret_error, E_BAD_FORM, path, "不是图片；可发 JPEG、PNG、WebP",
                           "no picture; allowed: JPEG, PNG, WebP");
        break;
    }
    if (!status) {
        if (ret_removed_bytes) *ret_removed_bytes = data.len > clean.len ? data.len - clean.len : 0;
        if (ret_clean) buf_append_bytes(ret_clean, buf_bytes(&clean));
    }
    image_wipe(&clean);
    return status;
}
