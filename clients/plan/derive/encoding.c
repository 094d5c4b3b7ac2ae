#include "clients/plan/derive/encoding.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/utf8.h"

/* Files that people hand over in place of their text, by their first bytes. */
static const struct {
    const char *magic;
    size_t len;
    const char *what;
} others[] = {
    {"\xff\xfe", 2, "UTF-16"},     {"\xfe\xff", 2, "UTF-16"},      {"%PDF-", 5, "PDF (pdftotext)"},
    {"PK\x03\x04", 4, "DOCX/ZIP"}, {"\xd0\xcf\x11\xe0", 4, "DOC"}, {"{\\rtf", 5, "RTF"},
    {"\x1f\x8b", 2, "gzip"},
};

int encoding_check(struct bytes text, struct error *ret_error)
{
    size_t line = 1;
    char field[32];
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (text.len >= others[i].len && memcmp(text.data, others[i].magic, others[i].len) == 0)
            return error_say(ret_error, E_BAD_FORM, "1", "这是 %s：应为 UTF-8 文本",
                             "%s: UTF-8 text wanted", others[i].what);
    for (size_t at = 0; at < text.len;) {
        uint32_t character = 0;
        size_t len = utf8_next(bytes_of(text.data + at, text.len - at), &character);
        if (len == 0 || text.data[at] == 0) {
            (void)snprintf(field, sizeof field, "%zu", line);
            if (text.data[at] == 0)
                return error_say(ret_error, E_BAD_FORM, field,
                                 "第 %zu 字节为零（UTF-16？可用 iconv -f UTF-16 -t UTF-8 转换）",
                                 "NUL at byte %zu (UTF-16? iconv -f UTF-16 -t UTF-8)", at);
            return error_say(ret_error, E_BAD_FORM, field,
                             "第 %zu 字节 0x%02x 不是 UTF-8（可用 iconv -f GB18030 -t UTF-8 转换）",
                             "no UTF-8 at byte %zu: 0x%02x (iconv -f GB18030 -t UTF-8)", at,
                             text.data[at]);
        }
        if (text.data[at] == '\n') line++;
        at += len;
    }
    return 0;
}
