/* Rich text: the characters between the control words, with lines and cells as borders. */
#include <string.h>

#include "proto/content/examine.h"
#include "proto/content/plain.h"

enum { WORD_LEN_MAX = 31, GROUP_DEPTH_MAX = 256 };

struct rtf {
    struct bytes rest;
    struct str_scan scan;
    struct examine *examine;
    size_t depth;
    size_t skipped_from; /* depth of the group that is no text; 0: none */
    bool picture;
    bool object;
    unsigned fallback; /* characters that stand for a \u */
    unsigned after;    /* fallback characters still to come */
    uint8_t lead;      /* first byte of a pair of GBK */
};

static void put(struct rtf *rtf, char c)
{
    if (rtf->skipped_from) return;
    str_scan_put(&rtf->scan, c);
    examine_number(rtf->examine, c);
}

/* A byte of the document's code page: ASCII, or half of a pair. */
static void put_byte(struct rtf *rtf, uint8_t byte)
{
    uint8_t pair[2] = {rtf->lead, byte};
    uint32_t c = 0;
    if (rtf->after) {
        rtf->after--;
        return;
    }
    if (rtf->lead) {
        rtf->lead = 0;
        bool paired = plain_gb18030(bytes_of(pair, 2), &c) == 2;
        put(rtf, paired ? plain_of(c) : PLAIN_OTHER);
        if (paired) return;
    }
    if (byte < 0x80)
        put(rtf, plain_of(byte));
    else
        rtf->lead = byte;
}

static void word_end(struct rtf *rtf, const char *word, bool has_number, long number)
{
    static const char *const no_text[] = {"fonttbl",   "colortbl",  "stylesheet",
                                          "listtable", "themedata", "datastore",
                                          "objdata",   "pict",      "latentstyles"};
    static const char *const lines[] = {"par", "line", "row", "page", "sect", "nestrow"};
    static const char *const cells[] = {"cell", "tab", "nestcell"};
    if (strcmp(word, "pict") == 0) rtf->picture = true;
    if (strcmp(word, "objdata") == 0) rtf->object = true;
    if (strcmp(word, "uc") == 0 && has_number)
        rtf->fallback = number >= 0 && number <= 8 ? (unsigned)number : 1;
    if (strcmp(word, "u") == 0 && has_number) {
        put(rtf, plain_of((uint32_t)(number < 0 ? number + 65536 : number) & 0xffff));
        rtf->after = rtf->fallback;
    }
    for (size_t i = 0; i < sizeof no_text / sizeof *no_text; i++)
        if (strcmp(word, no_text[i]) == 0 && !rtf->skipped_from) rtf->skipped_from = rtf->depth;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (strcmp(word, lines[i]) == 0) put(rtf, '\n');
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (strcmp(word, cells[i]) == 0) put(rtf, '\t');
}

static uint8_t take(struct rtf *rtf)
{
    uint8_t c = rtf->rest.data[0];
    rtf->rest.data++;
    rtf->rest.len--;
    return c;
}

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A control word with its number, and the space behind it. */
static void take_word(struct rtf *rtf)
{
    char word[WORD_LEN_MAX + 1];
    size_t len = 0;
    long number = 0;
    size_t digits = 0;
    while (rtf->rest.len &&
           ((rtf->rest.data[0] | 0x20) >= 'a' && (rtf->rest.data[0] | 0x20) <= 'z')) {
        uint8_t c = take(rtf);
        if (len < WORD_LEN_MAX) word[len++] = (char)c;
    }
    word[len] = 0;
    bool negative = rtf->rest.len && rtf->rest.data[0] == '-';
    if (negative) take(rtf);
    while (rtf->rest.len && plain_is_digit((char)rtf->rest.data[0])) {
        uint8_t c = take(rtf);
        if (digits++ < 9) number = number * 10 + (c - '0');
    }
    if (rtf->rest.len && rtf->rest.data[0] == ' ') take(rtf);
    if (strcmp(word, "bin") == 0 && !negative) { /* so many bytes of anything */
        size_t count = (size_t)number < rtf->rest.len ? (size_t)number : rtf->rest.len;
        rtf->rest.data += count;
        rtf->rest.len -= count;
    }
    word_end(rtf, word, digits > 0, negative ? -number : number);
}

static void take_control(struct rtf *rtf)
{
    if (!rtf->rest.len) return;
    uint8_t c = rtf->rest.data[0];
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
        take_word(rtf);
        return;
    }
    take(rtf);
    if (c == '\'' && rtf->rest.len >= 2) {
        int high = hex_of(rtf->rest.data[0]);
        int low = hex_of(rtf->rest.data[1]);
        if (high < 0 || low < 0) return;
        rtf->rest.data += 2;
        rtf->rest.len -= 2;
        put_byte(rtf, (uint8_t)(high * 16 + low));
    } else if (c == '~') {
        put(rtf, ' ');
    } else if (c == '_') {
        put(rtf, '-');
    } else if (c == '\n' || c == '\r') {
        put(rtf, '\n');
    } else if (c == '\\' || c == '{' || c == '}') {
        put_byte(rtf, c);
    }
}

int examine_rtf(struct examine *examine, struct bytes data)
{
    struct rtf rtf = {.rest = data, .examine = examine, .fallback = 1};
    int status = examine_charge(examine, data.len);
    if (status) return status;
    while (rtf.rest.len && !rtf.scan.found) {
        uint8_t c = take(&rtf);
        if (c == '{') {
            if (++rtf.depth > GROUP_DEPTH_MAX) return examine_refuse(examine, REFUSAL_RICH_TEXT);
        } else if (c == '}') {
            if (rtf.skipped_from == rtf.depth) rtf.skipped_from = 0;
            if (rtf.depth) rtf.depth--;
        } else if (c == '\\') {
            take_control(&rtf);
        } else if (c != '\n' && c != '\r') {
            put_byte(&rtf, c);
        }
    }
    if (str_scan_found(&rtf.scan)) return examine_refuse(examine, REFUSAL_TYPED);
    if (rtf.object) return examine_refuse(examine, REFUSAL_OBJECT);
    if (rtf.picture) examine->report.picture_count++;
    return examine_numbers_end(examine);
}
