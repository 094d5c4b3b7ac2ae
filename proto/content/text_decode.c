#include "proto/content/text_decode.h"

#include "proto/base/utf8.h"
#include "proto/content/plain.h"

enum { REPLACEMENT = 0xfffd };

static bool is_control(uint32_t c)
{
    /* tab to carriage return, end of file, escape: old programs write them */
    return (c < 0x20 && !(c >= 8 && c <= 13) && c != 0x1a && c != 0x1b) || c == 0x7f;
}

static bool all_fit(struct bytes data, size_t (*next)(struct bytes, uint32_t *))
{
    while (data.len) {
        uint32_t character = 0;
        size_t len = next(data, &character);
        if (!len || is_control(character)) return false;
        data.data += len;
        data.len -= len;
    }
    return true;
}

static uint32_t unit_at(const uint8_t *data, bool big)
{
    return big ? (uint32_t)(data[0] << 8 | data[1]) : (uint32_t)(data[1] << 8 | data[0]);
}

/* Nine of ten units are ASCII, Han, or the punctuation and full-width forms that go with it. */
static bool mostly_utf16(struct bytes data, bool big)
{
    size_t usual = 0;
    size_t count = data.len / 2;
    if (data.len % 2 || count < 2) return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t c = unit_at(data.data + 2 * i, big);
        if (is_control(c)) return false;
        usual += c < 0x7f || (c >= 0x3000 && c <= 0x303f) || (c >= 0x4e00 && c <= 0x9fff) ||
                 (c >= 0xff00 && c <= 0xffef);
    }
    return usual >= count - count / 10;
}

static bool only_utf16(struct bytes data, bool big)
{
    if (data.len % 2) return false;
    for (size_t i = 0; i < data.len; i += 2)
        if (is_control(unit_at(data.data + i, big))) return false;
    return true;
}

enum text_encoding text_encoding_of(struct bytes data)
{
    if (data.len >= 2 && data.data[0] == 0xff && data.data[1] == 0xfe)
        return only_utf16(data, false) ? TEXT_UTF16LE : TEXT_BINARY;
    if (data.len >= 2 && data.data[0] == 0xfe && data.data[1] == 0xff)
        return only_utf16(data, true) ? TEXT_UTF16BE : TEXT_BINARY;
    if (all_fit(data, utf8_next)) return TEXT_UTF8;
    if (mostly_utf16(data, false)) return TEXT_UTF16LE;
    if (mostly_utf16(data, true)) return TEXT_UTF16BE;
    if (all_fit(data, plain_gb18030)) return TEXT_GB18030;
    return TEXT_BINARY;
}

static size_t utf16_next(struct bytes text, bool big, uint32_t *ret_character)
{
    if (text.len < 2) {
        *ret_character = REPLACEMENT;
        return text.len;
    }
    uint32_t c = unit_at(text.data, big);
    *ret_character = c;
    if (c < 0xd800 || c > 0xdfff) return 2;
    *ret_character = REPLACEMENT;
    if (c > 0xdbff || text.len < 4) return 2;
    uint32_t low = unit_at(text.data + 2, big);
    if (low < 0xdc00 || low > 0xdfff) return 2;
    *ret_character = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    return 4;
}

bool text_take(struct bytes *text, enum text_encoding encoding, uint32_t *ret_character)
{
    size_t len = 0;
    if (!text->len) return false;
    if (encoding == TEXT_UTF16LE || encoding == TEXT_UTF16BE)
        len = utf16_next(*text, encoding == TEXT_UTF16BE, ret_character);
    else if (encoding == TEXT_GB18030)
        len = plain_gb18030(*text, ret_character);
    else
        len = utf8_next(*text, ret_character);
    if (!len) {
        *ret_character = REPLACEMENT;
        len = 1;
    }
    text->data += len;
    text->len -= len;
    return true;
}

size_t text_start(struct bytes data, enum text_encoding encoding, char *ret_start, size_t cap)
{
    size_t len = 0;
    uint32_t c = 0;
    while (len < cap && text_take(&data, encoding, &c)) {
        if (!len && (c == 0xfeff || c == ' ' || (c >= 9 && c <= 13))) continue;
        ret_start[len++] = (char)(c < 0x80 ? c : 1);
    }
    return len;
}

size_t text_utf8_bytes_max(size_t len)
{
    return len * 3 + 4;
}

void text_to_utf8(struct bytes data, enum text_encoding encoding, uint8_t *ret_utf8,
                  size_t *ret_len)
{
    size_t len = 0;
    uint32_t c = 0;
    while (text_take(&data, encoding, &c)) {
        if (c < 0x80) {
            ret_utf8[len++] = (uint8_t)c;
        } else if (c < 0x800) {
            ret_utf8[len++] = (uint8_t)(0xc0 | c >> 6);
            ret_utf8[len++] = (uint8_t)(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            ret_utf8[len++] = (uint8_t)(0xe0 | c >> 12);
            ret_utf8[len++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            ret_utf8[len++] = (uint8_t)(0x80 | (c & 0x3f));
        } else {
            ret_utf8[len++] = (uint8_t)(0xf0 | c >> 18);
            ret_utf8[len++] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
            ret_utf8[len++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            ret_utf8[len++] = (uint8_t)(0x80 | (c & 0x3f));
        }
    }
    *ret_len = len;
}
