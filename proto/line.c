#include "proto/line.h"

#include <string.h>

#include "proto/base/utf8.h"

bool line_next(struct bytes *rest, struct bytes *ret_line)
{
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end) return false;
    size_t len = (size_t)(end - rest->data);
    *ret_line = bytes_of(rest->data, len);
    *rest = bytes_of(rest->data + len + 1, rest->len - len - 1);
    return true;
}

bool line_skip(struct bytes *line, const char *prefix)
{
    size_t len = strlen(prefix);
    if (line->len < len || memcmp(line->data, prefix, len) != 0) return false;
    *line = bytes_of(line->data + len, line->len - len);
    return true;
}

bool line_u64(struct bytes line, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (line.len == 0 || line.len > 20) return false;
    if (line.data[0] == '0' && line.len > 1) return false;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < '0' || line.data[i] > '9') return false;
        uint64_t digit = (uint64_t)(line.data[i] - '0');
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *ret_value = value;
    return true;
}

bool line_hash(struct bytes line, uint8_t ret_hash[static 32])
{
    /* The length is known beforehand, so hostile lines cost nothing. */
    if (line.len != 44) return false;
    struct buf buf = {0};
    bool good = base64_decode((const char *)line.data, line.len, &buf, NULL) == 0 && buf.len == 32;
    if (good) memcpy(ret_hash, buf.data, 32);
    buf_fini(&buf);
    return good;
}

bool line_text_valid(struct bytes text)
{
    for (size_t i = 0; i < text.len;) {
        if (text.data[i] < 0x20 && text.data[i] != '\n') return false;
        uint32_t character = 0;
        size_t len = utf8_next(bytes_of(text.data + i, text.len - i), &character);
        if (len == 0) return false;
        i += len;
    }
    return true;
}
