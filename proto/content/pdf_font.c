/* What the codes of a font read: its ToUnicode map, its encoding, or a guess where there is
 * neither. */
#include <string.h>

#include "proto/content/pdf.h"
#include "proto/content/plain.h"

enum { PAGE_COUNT = 256, CODE_COUNT_MAX = 65536 };
/* Where codes are glyph numbers: most TrueType fonts have ASCII at 3 and on, Adobe-GB1 at 1 and on.
 */
enum { OFFSET_TRUETYPE = 29, OFFSET_GB1 = 31 };

static const struct pdf_font ascii_font = {.code_len = 1};

static void pack(uint32_t *packed, size_t *count, char c)
{
    if (c == PLAIN_NONE || *count == PDF_CODE_CHARACTERS) return;
    *packed |= (uint32_t)(uint8_t)c << (8 * *count);
    ++*count;
}

/* UTF-16 of a map's right side. */
static uint32_t packed_of(struct bytes utf16)
{
    uint32_t packed = 0;
    size_t count = 0;
    uint32_t c = 0;
    while (text_take(&utf16, TEXT_UTF16BE, &c)) pack(&packed, &count, plain_of(c));
    return packed;
}

/* Memory that is zero; NULL at the bound. */
static void *zeroed(struct pdf *pdf, size_t len)
{
    void *memory = examine_alloc(pdf->examine, len);
    if (memory) memset(memory, 0, len);
    return memory;
}

static bool map_begin(struct pdf *pdf, struct pdf_font *font)
{
    if (!font->pages) font->pages = zeroed(pdf, PAGE_COUNT * sizeof *font->pages);
    return font->pages != NULL;
}

/* False: no memory left. */
static bool map_put(struct pdf *pdf, struct pdf_font *font, uint32_t code, uint32_t packed)
{
    uint32_t **page = &font->pages[code >> 8 & 0xff];
    if (code >= CODE_COUNT_MAX) return true;
    if (!*page) *page = zeroed(pdf, 256 * sizeof **page);
    if (!*page) return false;
    (*page)[code & 0xff] = packed;
    return true;
}

/* ---- ToUnicode ------------------------------------------------------------------------------- */

enum { SIDE_BYTES_MAX = 16 };

static struct bytes side_of(const struct pdf_token *token, uint8_t side[SIDE_BYTES_MAX])
{
    struct pdf_string string = pdf_string_of(token);
    size_t len = 0;
    while (len < SIDE_BYTES_MAX && pdf_string_take(&string, &side[len])) len++;
    return bytes_of(side, len);
}

static bool code_of(const struct pdf_token *token, uint32_t *ret_code)
{
    uint8_t side[SIDE_BYTES_MAX];
    struct bytes bytes = side_of(token, side);
    if (token->kind != PDF_HEX || !bytes.len || bytes.len > 2) return false;
    *ret_code = bytes.len == 1 ? bytes.data[0] : load_u16(bytes.data);
    return true;
}

static bool range_to(struct pdf *pdf, struct pdf_font *font, uint32_t low, uint32_t high,
                     struct bytes first)
{
    uint8_t side[SIDE_BYTES_MAX];
    if (first.len) memcpy(side, first.data, first.len);
    for (uint32_t code = low; code <= high && first.len >= 2; code++) {
        if (!map_put(pdf, font, code, packed_of(bytes_of(side, first.len)))) return false;
        store_u16(side + first.len - 2, (uint16_t)(load_u16(side + first.len - 2) + 1));
    }
    return true;
}

/* "<00> <1f> <0041>" or "<00> <02> [<0041> <0042> <0043>]". */
static bool take_range(struct pdf *pdf, struct pdf_lex *lex, const struct pdf_token *from,
                       struct pdf_font *font)
{
    struct pdf_token token;
    uint8_t side[SIDE_BYTES_MAX];
    uint32_t low = 0;
    uint32_t high = 0;
    bool fits = code_of(from, &low);
    if (!pdf_next(lex, &token)) return true;
    fits = code_of(&token, &high) && fits && high >= low;
    if (!pdf_next(lex, &token)) return true;
    if (fits && examine_charge(pdf->examine, high - low)) return false;
    if (token.kind == PDF_HEX) {
        if (fits) return range_to(pdf, font, low, high, side_of(&token, side));
    } else if (token.kind == PDF_ARRAY) {
        while (pdf_next(lex, &token) && token.kind == PDF_HEX) {
            if (fits && low <= high && !map_put(pdf, font, low, packed_of(side_of(&token, side))))
                return false;
            low++;
        }
    }
    return true;
}

static bool read_map(struct pdf *pdf, struct bytes data, struct pdf_font *font)
{
    struct pdf_lex lex = {data};
    struct pdf_token token;
    enum { NOTHING, SPACES, CHARACTERS, RANGES } part = NOTHING;
    uint8_t side[SIDE_BYTES_MAX];
    uint32_t code = 0;
    if (!map_begin(pdf, font)) return false;
    while (pdf_next(&lex, &token)) {
        if (token.kind == PDF_WORD) {
            part = pdf_is(&token, PDF_WORD, "begincodespacerange") ? SPACES
                   : pdf_is(&token, PDF_WORD, "beginbfchar")       ? CHARACTERS
                   : pdf_is(&token, PDF_WORD, "beginbfrange")      ? RANGES
                                                                   : NOTHING;
        } else if (token.kind != PDF_HEX || part == NOTHING) {
            continue;
        } else if (part == SPACES) {
            size_t len = side_of(&token, side).len;
            if (len == 1 || len == 2) font->code_len = len;
        } else if (part == CHARACTERS) {
            bool fits = code_of(&token, &code);
            if (pdf_next(&lex, &token) && token.kind == PDF_HEX && fits &&
                !map_put(pdf, font, code, packed_of(side_of(&token, side))))
                return false;
        } else if (!take_range(pdf, &lex, &token, font)) {
            return false;
        }
    }
    return true;
}

/* ---- encodings ------------------------------------------------------------------------------- */

/* "three", "D", "uni0033": what glyph names say. */
static char of_glyph_name(struct bytes name)
{
    static const struct {
        const char *name;
        char plain;
    } known[] = {{"zero", '0'},      {"one", '1'},       {"two", '2'},        {"three", '3'},
                 {"four", '4'},      {"five", '5'},      {"six", '6'},        {"seven", '7'},
                 {"eight", '8'},     {"nine", '9'},      {"period", '.'},     {"comma", ','},
                 {"slash", '/'},     {"hyphen", '-'},    {"space", ' '},      {"colon", ':'},
                 {"semicolon", ';'}, {"parenleft", '('}, {"parenright", ')'}, {"percent", '%'}};
    if (name.len == 1) return plain_of(name.data[0]);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal(name, bytes_of_str(known[i].name)))
            return plain_of((uint8_t)known[i].plain);
    if (name.len == 7 && memcmp(name.data, "uni", 3) == 0) {
        uint8_t unit[2];
        if (!hex_decode((const char *)name.data + 3, 4, unit, 2, NULL))
            return plain_of(load_u16(unit));
    }
    return PLAIN_OTHER;
}

static bool read_differences(struct pdf *pdf, struct bytes differences, struct pdf_font *font)
{
    struct pdf_lex lex = {differences};
    struct pdf_token token;
    uint32_t code = 0;
    if (!map_begin(pdf, font)) return false;
    while (pdf_next(&lex, &token)) {
        if (token.kind == PDF_NUMBER && token.number >= 0 && token.number < 256)
            code = (uint32_t)token.number;
        else if (token.kind == PDF_NAME && code < 256 &&
                 !map_put(pdf, font, code++, (uint8_t)of_glyph_name(token.text)))
            return false;
    }
    return true;
}

static bool name_has(struct bytes name, const char *part)
{
    return pdf_search(name, 0, part) < name.len;
}

/* The collection of a composite font's glyphs: Adobe-GB1, or another. */
static bool is_gb1(struct pdf *pdf, struct bytes dictionary)
{
    struct bytes value;
    struct bytes system;
    struct pdf_token token;
    if (!pdf_get(pdf, dictionary, "DescendantFonts", &value)) return false;
    struct pdf_lex lex = {value};
    if (pdf_is_array(value)) {
        pdf_next(&lex, &token);
        if (!pdf_value(&lex, &value)) return false;
        value = pdf_resolve(pdf, value);
    }
    if (!pdf_get(pdf, value, "CIDSystemInfo", &system)) return false;
    return pdf_get(pdf, system, "Ordering", &value) && name_has(value, "GB1");
}

static void composite_encoding(struct pdf *pdf, struct bytes dictionary, struct pdf_font *font)
{
    struct bytes encoding = {0};
    pdf_get(pdf, dictionary, "Encoding", &encoding);
    font->code_len = 2;
    if (encoding.len && encoding.data[0] == '/' &&
        (name_has(encoding, "UCS2") || name_has(encoding, "UTF16"))) {
        font->is_utf16 = true;
    } else if (encoding.len && encoding.data[0] == '/' && name_has(encoding, "GB")) {
        font->code_len = 0;
    } else {
        font->offset = is_gb1(pdf, dictionary) ? OFFSET_GB1 : OFFSET_TRUETYPE;
        font->is_unread = true;
    }
}

/* A stream's font object keeps what was read: one look for however many pages. */
static const struct pdf_font *read_font(struct pdf *pdf, struct bytes dictionary)
{
    struct bytes value;
    uint32_t number = 0;
    bool picture = false;
    struct bytes data = {0};
    if (++pdf->font_count > PDF_FONT_COUNT_MAX) return NULL;
    struct pdf_font *font = examine_alloc(pdf->examine, sizeof *font);
    if (!font) return NULL;
    *font = ascii_font;
    bool composite = pdf_get(pdf, dictionary, "Subtype", &value) && pdf_is_name(value, "Type0");
    if (composite) composite_encoding(pdf, dictionary, font);
    if (pdf_find(dictionary, "ToUnicode", &value) && pdf_reference(value, &number)) {
        const struct pdf_object *object = pdf_object_of(pdf, number);
        if (object && object->has_stream) {
            if (pdf_stream(pdf, object, pdf->scratch, &data, &picture)) return NULL;
            if (composite) *font = (struct pdf_font){.code_len = 2};
            if (!read_map(pdf, data, font)) return NULL;
            return font;
        }
    }
    if (!composite && pdf_get(pdf, dictionary, "Encoding", &value) && pdf_is_dictionary(value) &&
        pdf_get(pdf, value, "Differences", &value) && !read_differences(pdf, value, font))
        return NULL;
    return font;
}

const struct pdf_font *pdf_font_of(struct pdf *pdf, struct bytes fonts, struct bytes name)
{
    char key[64];
    struct bytes value;
    uint32_t number = 0;
    if (!name.len || name.len >= sizeof key || memchr(name.data, 0, name.len)) return &ascii_font;
    memcpy(key, name.data, name.len);
    key[name.len] = 0;
    if (examine_charge(pdf->examine, fonts.len)) return NULL;
    if (!pdf_find(fonts, key, &value)) return &ascii_font;
    if (!pdf_reference(value, &number)) return read_font(pdf, value);
    struct pdf_object *object = pdf_object_of(pdf, number);
    if (!object) return &ascii_font;
    if (!object->font) object->font = read_font(pdf, object->value);
    return object->font;
}

/* ---- codes ----------------------------------------------------------------------------------- */

static bool take_gbk(struct pdf_string *string, uint32_t *ret_packed)
{
    uint8_t pair[2] = {0, 0};
    uint32_t c = 0;
    size_t count = 0;
    if (!pdf_string_take(string, &pair[0])) return false;
    bool two = pair[0] >= 0x81 && pdf_string_take(string, &pair[1]);
    *ret_packed = 0;
    if (plain_gb18030(bytes_of(pair, two ? 2 : 1), &c)) pack(ret_packed, &count, plain_of(c));
    return true;
}

bool pdf_font_take(const struct pdf_font *font, struct pdf_string *string, uint32_t *ret_packed)
{
    uint8_t byte = 0;
    size_t count = 0;
    if (font->code_len == 0) return take_gbk(string, ret_packed);
    if (!pdf_string_take(string, &byte)) return false;
    uint32_t code = byte;
    if (font->code_len == 2) {
        if (!pdf_string_take(string, &byte)) byte = 0;
        code = code << 8 | byte;
    }
    if (font->pages) {
        const uint32_t *page = font->pages[code >> 8];
        *ret_packed = page ? page[code & 0xff] : 0;
        if (*ret_packed) return true;
        if (font->code_len == 2) code = 0xfffd;
    }
    code += (uint32_t)font->offset;
    if (!font->is_utf16 && code > 0x7e) code = 0xfffd;
    *ret_packed = 0;
    pack(ret_packed, &count, plain_of(code));
    return true;
}
