#include "proto/payload/text.h"

#include "proto/base/utf8.h"

static bool forbidden(uint32_t c)
{
    if (c < 0x20) return c != '\n' && c != '\t';
    if (c >= 0x7f && c <= 0x9f) return true;
    if (c >= 0x200b && c <= 0x200f)
        return c != 0x200c && c != 0x200d; /* joiners belong to scripts */
    if (c >= 0x2028 && c <= 0x202e) return true;
    if (c >= 0x2060 && c <= 0x206f) return true;
    if (c >= 0xfdd0 && c <= 0xfdef) return true;
    return c == 0xfeff || (c & 0xfffe) == 0xfffe;
}

enum text_fault text_check(struct bytes text, bool many_lines, size_t *ret_count)
{
    *ret_count = 0;
    while (text.len) {
        uint32_t character = 0;
        size_t len = utf8_next(text, &character);
        if (!len) return TEXT_NOT_UTF8;
        if (forbidden(character)) return TEXT_CONTROL;
        if (!many_lines && character < 0x20) return TEXT_MANY_LINES;
        text.data += len;
        text.len -= len;
        ++*ret_count;
    }
    return TEXT_FINE;
}
