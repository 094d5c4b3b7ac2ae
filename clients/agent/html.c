#include "clients/agent/html.h"

#include "proto/base/utf8.h"

static const char *escaped(uint32_t character)
{
    switch (character) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

/* Not seen on paper, or changes how what is seen is read. */
static bool unseen(uint32_t character)
{
    return character == 0xad || character == 0x61c ||
           (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) ||
           (character >= 0x2060 && character <= 0x206f) || character == 0xfeff ||
           (character >= 0xfff9 && character <= 0xfffb) ||
           (character >= 0xe0000 && character <= 0xe0fff);
}

void html_text(struct buf *buf, const char *text)
{
    struct bytes rest = bytes_of_str(text);
    while (rest.len > 0) {
        uint32_t character = 0;
        size_t len = utf8_next(rest, &character);
        bool control = character < 0x20 || (character >= 0x7f && character <= 0x9f);
        const char *instead = len > 0 ? escaped(character) : NULL;
        if (len == 0 || (control && character != '\n'))
            buf_append_str(buf, "\xef\xbf\xbd");
        else if (instead)
            buf_append_str(buf, instead);
        else if (unseen(character))
            buf_printf(buf, "[U+%04X]", (unsigned)character);
        else
            buf_append(buf, rest.data, len);
        if (len == 0) len = 1;
        rest = bytes_of(rest.data + len, rest.len - len);
    }
}
