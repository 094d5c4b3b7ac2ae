#include "proto/content/markup.h"

#include <string.h>

#include "proto/base/utf8.h"
#include "proto/content/examine.h"
#include "proto/content/plain.h"

void markup_init(struct markup *markup, struct bytes utf8)
{
    *markup = (struct markup){.rest = utf8};
}

static void skip(struct markup *markup, size_t len)
{
    markup->rest.data += len;
    markup->rest.len -= len;
}

static bool at(const struct markup *markup, const char *text)
{
    size_t len = strlen(text);
    return markup->rest.len >= len && memcmp(markup->rest.data, text, len) == 0;
}

/* Skips up to and with `end`; to the end of all where it is missing. */
static void skip_past(struct markup *markup, const char *end)
{
    size_t len = strlen(end);
    while (markup->rest.len) {
        const uint8_t *found = memchr(markup->rest.data, end[0], markup->rest.len);
        if (!found) break;
        skip(markup, (size_t)(found - markup->rest.data));
        if (at(markup, end)) {
            skip(markup, len);
            return;
        }
        skip(markup, 1);
    }
    skip(markup, markup->rest.len);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

static bool is_name_start(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* The tag at the front, which begins with '<' and a name or '/' and a name. */
static enum markup_event take_tag(struct markup *markup)
{
    bool closes = markup->rest.data[1] == '/';
    const uint8_t *data = markup->rest.data;
    size_t len = markup->rest.len;
    size_t i = closes ? 2 : 1;
    size_t from = i;
    for (; i < len && data[i] != '>' && data[i] != '/' && !is_space(data[i]); i++)
        if (data[i] == ':') from = i + 1;
    markup->name = bytes_of(data + from, i - from);
    size_t attributes = i;
    uint8_t quote = 0;
    for (; i < len && (quote || data[i] != '>'); i++) {
        if (quote)
            quote = data[i] == quote ? 0 : quote;
        else if (data[i] == '"' || data[i] == '\'')
            quote = data[i];
    }
    markup->empty = i > attributes && i < len && data[i - 1] == '/';
    markup->attributes = bytes_of(data + attributes, i - attributes - (markup->empty ? 1 : 0));
    skip(markup, i < len ? i + 1 : len);
    return closes ? MARKUP_CLOSE : MARKUP_OPEN;
}

static size_t number_reference(struct bytes text, uint32_t *ret_character)
{
    bool hex = text.len > 2 && (text.data[2] == 'x' || text.data[2] == 'X');
    uint32_t value = 0;
    size_t i = hex ? 3 : 2;
    size_t first = i;
    for (; i < text.len && i - first < 8; i++) {
        uint8_t c = text.data[i];
        uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
                         : hex && (c | 0x20) >= 'a' && (c | 0x20) <= 'f'
                             ? (uint32_t)((c | 0x20) - 'a' + 10)
                             : 99;
        if (digit == 99) break;
        value = value * (hex ? 16 : 10) + digit;
    }
    if (i == first || i >= text.len || text.data[i] != ';' || value > 0x10ffff) return 0;
    *ret_character = value;
    return i + 1;
}

/* How long the reference at the front is; 0: it is no reference. */
static size_t reference(struct bytes text, uint32_t *ret_character)
{
    static const struct {
        const char *text;
        uint32_t character;
    } known[] = {{"&lt;", '<'},    {"&gt;", '>'},     {"&amp;", '&'},    {"&quot;", '"'},
                 {"&apos;", '\''}, {"&nbsp;", 0xa0},  {"&ensp;", ' '},   {"&emsp;", ' '},
                 {"&comma;", ','}, {"&sol;", '/'},    {"&period;", '.'}, {"&shy;", 0xad},
                 {"&ndash;", '-'}, {"&hyphen;", '-'}, {"&zwnj;", 0x200c}};
    if (text.len > 3 && text.data[1] == '#') return number_reference(text, ret_character);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t len = strlen(known[i].text);
        if (text.len < len || memcmp(text.data, known[i].text, len) != 0) continue;
        *ret_character = known[i].character;
        return len;
    }
    return 0;
}

enum markup_event markup_next(struct markup *markup)
{
    while (markup->rest.len) {
        const uint8_t *data = markup->rest.data;
        size_t len = 0;
        if (markup->in_cdata) {
            if (at(markup, "]]>")) {
                markup->in_cdata = false;
                skip(markup, 3);
                continue;
            }
        } else if (data[0] == '<' && markup->rest.len > 1) {
            if (at(markup, "<![CDATA[")) {
                markup->in_cdata = true;
                skip(markup, 9);
                continue;
            }
            if (at(markup, "<!--")) {
                skip(markup, 4);
                skip_past(markup, "-->");
                continue;
            }
            if (data[1] == '?' || data[1] == '!') {
                skip_past(markup, ">");
                continue;
            }
            if (is_name_start(data[1]) ||
                (data[1] == '/' && markup->rest.len > 2 && is_name_start(data[2])))
                return take_tag(markup);
        } else if (data[0] == '&') {
            len = reference(markup->rest, &markup->character);
        }
        if (!len) len = utf8_next(markup->rest, &markup->character);
        if (!len) markup->character = 0xfffd;
        skip(markup, len ? len : 1);
        return MARKUP_CHARACTER;
    }
    return MARKUP_END;
}

static bool same(struct bytes name, const char *other)
{
    size_t len = strlen(other);
    if (name.len != len) return false;
    for (size_t i = 0; i < len; i++) {
        uint8_t a = name.data[i];
        char b = other[i];
        if ((a >= 'A' && a <= 'Z' ? a + 32 : a) != (b >= 'A' && b <= 'Z' ? b + 32 : b))
            return false;
    }
    return true;
}

bool markup_named(const struct markup *markup, const char *name)
{
    return same(markup->name, name);
}

struct bytes markup_attribute(const struct markup *markup, const char *name)
{
    const uint8_t *data = markup->attributes.data;
    size_t len = markup->attributes.len;
    size_t i = 0;
    while (i < len) {
        while (i < len && (is_space(data[i]) || data[i] == '/')) i++;
        size_t from = i;
        while (i < len && data[i] != '=' && !is_space(data[i])) i++;
        struct bytes found = bytes_of(data + from, i - from);
        while (i < len && is_space(data[i])) i++;
        if (i >= len || data[i] != '=') continue;
        i++;
        while (i < len && is_space(data[i])) i++;
        if (i >= len) break;
        bool quoted = data[i] == '"' || data[i] == '\'';
        uint8_t quote = data[i];
        size_t value = quoted ? ++i : i;
        while (i < len && (quoted ? data[i] != quote : !is_space(data[i]))) i++;
        if (same(found, name)) return bytes_of(data + value, i - value);
        if (quoted && i < len) i++;
    }
    return bytes_of(NULL, 0);
}

/* ---- the look -------------------------------------------------------------------------------- */

/* Elements that end a line or a cell; at any other tag a word may go on. */
static char border_of(const struct markup *markup)
{
    static const char *const lines[] = {"p",        "tr",        "br", "li", "div",
                                        "row",      "table-row", "h",  "si", "line-break",
                                        "TextCode", "h1",        "h2", "h3"};
    static const char *const cells[] = {"tc",   "td",         "th", "c",  "tab",   "v",
                                        "cell", "table-cell", "f",  "is", "option"};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        if (markup_named(markup, cells[i])) return '\t';
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (markup_named(markup, lines[i])) return '\n';
    if (markup_named(markup, "s")) return ' ';             /* ODF: spaces */
    if (markup_named(markup, "noBreakHyphen")) return '-'; /* OOXML */
    return PLAIN_NONE;
}

/* Elements that only files of laboratories have: CODIS import files of the FBI, NIEM biometrics. */
struct laboratory {
    bool codis;
    bool locus;
    bool allele;
};

static void laboratory_see(struct laboratory *seen, const struct markup *markup)
{
    seen->codis = seen->codis || markup_named(markup, "CODISImportFile") ||
                  markup_named(markup, "CODISRapidImportFile") ||
                  markup_named(markup, "DNASTRProfile") ||
                  markup_named(markup, "DNAAlleleCall1Text");
    seen->locus = seen->locus || markup_named(markup, "LOCUS") || markup_named(markup, "LOCUSNAME");
    seen->allele = seen->allele || markup_named(markup, "ALLELEVALUE");
}

/* Twice: with a border at every tag, and with one only where a line or cell ends, because a word
 * processor cuts words into pieces. */
static bool scan_elements(struct examine *examine, struct bytes utf8, struct laboratory *seen)
{
    struct markup markup;
    struct str_scan parted = {0};
    struct str_scan joined = {0};
    enum markup_event event;
    markup_init(&markup, utf8);
    while ((event = markup_next(&markup)) != MARKUP_END && !parted.found && !joined.found) {
        if (event == MARKUP_CHARACTER) {
            char c = plain_of(markup.character);
            str_scan_put(&parted, c);
            str_scan_put(&joined, c);
            examine_number(examine, c);
            continue;
        }
        if (event == MARKUP_OPEN) laboratory_see(seen, &markup);
        str_scan_put(&parted, '\t');
        str_scan_put(&joined, border_of(&markup));
        examine_number(examine, border_of(&markup));
    }
    return str_scan_found(&parted) || str_scan_found(&joined);
}

/* Everything as it stands, attributes too. */
static bool scan_source(struct bytes utf8)
{
    struct str_scan scan = {0};
    str_scan_text(&scan, utf8);
    return str_scan_found(&scan);
}

int examine_markup(struct examine *examine, struct bytes data)
{
    struct bytes utf8 = {0};
    struct laboratory seen = {0};
    int status = examine_charge(examine, data.len);
    if (!status) status = examine_utf8(examine, data, &utf8);
    if (status) return status;
    bool found = scan_elements(examine, utf8, &seen);
    if (seen.codis || (seen.locus && seen.allele)) return examine_refuse(examine, REFUSAL_DATABASE);
    if (found || scan_source(utf8)) return examine_refuse(examine, REFUSAL_TYPED);
    return examine_numbers_end(examine);
}
