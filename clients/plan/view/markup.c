#include "clients/plan/view/markup.h"

#include <string.h>

void markup_text(struct buf *buf, const char *text)
{
    while (text[0]) {
        size_t plain = strcspn(text, "&<>\"'");
        buf_append(buf, text, plain);
        text += plain;
        if (!text[0]) break;
        switch (text[0]) {
        case '&': buf_append_str(buf, "&amp;"); break;
        case '<': buf_append_str(buf, "&lt;"); break;
        case '>': buf_append_str(buf, "&gt;"); break;
        case '"': buf_append_str(buf, "&quot;"); break;
        default: buf_append_str(buf, "&#39;"); break;
        }
        text++;
    }
}
