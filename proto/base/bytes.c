#include "proto/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"

struct bytes bytes_of_str(const char *text)
{
    return bytes_of(text, strlen(text));
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void buf_fini(struct buf *buf)
{
    if (!buf) return;
    free(buf->data);
    *buf = (struct buf){0};
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
}

uint8_t *buf_grow_more(struct buf *buf, size_t len)
{
    CHECK(len <= SIZE_MAX / 2 - buf->len);
    if (buf->len + len > buf->cap) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap < buf->len + len) cap *= 2;
        uint8_t *data = realloc(buf->data, cap);
        CHECK(data != NULL);
        buf->data = data;
        buf->cap = cap;
    }
    uint8_t *start = buf->data ? buf->data + buf->len : NULL;
    buf->len += len;
    return start;
}

void buf_append_bytes(struct buf *buf, struct bytes bytes)
{
    buf_append(buf, bytes.data, bytes.len);
}

void buf_append_str(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_append_prefixed(struct buf *buf, struct bytes bytes)
{
    CHECK(bytes.len <= UINT16_MAX);
    buf_append_u16(buf, (uint16_t)bytes.len);
    buf_append_bytes(buf, bytes);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    CHECK(len >= 0);
    char *start = (char *)buf_grow(buf, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(start, (size_t)len + 1, format, args);
    va_end(args);
    buf->len -= 1;
}

void hex_encode(struct bytes bytes, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        ret_text[2 * i] = digits[bytes.data[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    ret_text[2 * bytes.len] = '\0';
}

enum { NO_DIGIT = 255 };

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A' + 10);
    return NO_DIGIT;
}

int hex_decode(const char *text, size_t text_len, uint8_t *ret_data, size_t len,
               struct error *ret_error)
{
    if (text_len % 2 != 0 || text_len / 2 != len)
        return error_say(ret_error, E_BAD_FORM, NULL, "应为 %zu 字节的十六进制，得到 %zu 位",
                         "expected %zu bytes in hex, got %zu digits", len, text_len);
    for (size_t i = 0; i < text_len; i++)
        if (hex_digit(text[i]) == NO_DIGIT)
            return error_say(ret_error, E_BAD_FORM, NULL, "第 %zu 位（从 0 数起）不是十六进制数字",
                             "not a hex digit at %zu", i);
    for (size_t i = 0; i < len; i++)
        ret_data[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
    return 0;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buf *buf, struct bytes bytes)
{
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)bytes.data[i] << 16;
        if (left > 1) group |= (uint32_t)bytes.data[i + 1] << 8;
        if (left > 2) group |= bytes.data[i + 2];
        buf_append_u8(buf, (uint8_t)base64_alphabet[group >> 18]);
        buf_append_u8(buf, (uint8_t)base64_alphabet[group >> 12 & 63]);
        buf_append_u8(buf, left > 1 ? (uint8_t)base64_alphabet[group >> 6 & 63] : '=');
        buf_append_u8(buf, left > 2 ? (uint8_t)base64_alphabet[group & 63] : '=');
    }
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
}

int base64_decode(const char *text, size_t text_len, struct buf *ret_buf, struct error *ret_error)
{
    if (text_len % 4 != 0)
        return error_say(ret_error, E_BAD_FORM, NULL, "base64 的长度不是 4 的倍数",
                         "base64 length is not a multiple of four");
    size_t kept = ret_buf->len;
    for (size_t i = 0; i < text_len; i += 4) {
        bool last = i + 4 == text_len;
        int pad = last && text[i + 3] == '=' ? (text[i + 2] == '=' ? 2 : 1) : 0;
        uint32_t group = 0;
        for (int k = 0; k < 4; k++) {
            int digit = k >= 4 - pad ? 0 : base64_digit(text[i + (size_t)k]);
            if (digit < 0) goto bad;
            group = group << 6 | (uint32_t)digit;
        }
        if ((pad == 1 && (group & 0xff)) || (pad == 2 && (group & 0xffff))) goto bad;
        buf_append_u8(ret_buf, (uint8_t)(group >> 16));
        if (pad < 2) buf_append_u8(ret_buf, (uint8_t)(group >> 8));
        if (pad < 1) buf_append_u8(ret_buf, (uint8_t)group);
    }
    return 0;
bad:
    ret_buf->len = kept;
    return error_say(ret_error, E_BAD_FORM, NULL, "不是 base64", "not base64");
}

void uuid_text(const uint8_t id[16], char ret_text[37])
{
    char hex[33];
    hex_encode(bytes_of(id, 16), hex);
    snprintf(ret_text, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

int uuid_parse_text(const char *text, uint8_t ret_id[16], struct error *ret_error)
{
    char hex[33];
    size_t len = 0;
    if (strlen(text) != 36)
        return error_say(ret_error, E_BAD_FORM, NULL, "编号应有 36 个字符",
                         "an id has 36 characters");
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash != (text[i] == '-'))
            return error_say(ret_error, E_BAD_FORM, NULL, "不是编号：连字符缺失或位置不对",
                             "not an id: dash expected or misplaced");
        if (!dash) hex[len++] = text[i];
    }
    return hex_decode(hex, 32, ret_id, 16, ret_error);
}

bool slug_valid(const char *text)
{
    size_t len = 0;
    for (; text[len]; len++) {
        char c = text[len];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!alnum && (len == 0 || (c != '.' && c != '-'))) return false;
        if (len >= LIMIT_SLUG_LEN_MAX) return false;
    }
    return len > 0;
}
