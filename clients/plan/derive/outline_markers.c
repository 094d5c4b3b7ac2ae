#include "clients/plan/derive/outline_markers.h"

/* ---- numbers at the start of an item ----------------------------------------------------------
 */

static struct marker marker_of(enum outline_form form, uint32_t value, size_t len)
{
    struct marker marker = {.form = form, .count = 1, .len = len};
    marker.values[0] = value;
    return marker;
}

bool marker_follows(struct span span, size_t at, const uint32_t *set)
{
    if (at >= span.len) return false;
    while (*set && *set != span.f[at]) set++;
    return *set != 0;
}

/* 第一章, 第二条; not 第二条规定 in the middle of a sentence. */
static struct marker marker_ordinal(struct span span)
{
    static const struct {
        const uint32_t *word;
        enum outline_form form;
    } rows[] = {{U"部分", OUTLINE_PART},  {U"编", OUTLINE_PART},    {U"篇", OUTLINE_PART},
                {U"章", OUTLINE_CHAPTER}, {U"节", OUTLINE_SECTION}, {U"条", OUTLINE_ARTICLE}};
    uint32_t value = 0;
    struct span rest = span_sub(span, 1, span.len);
    size_t len = words_chinese(rest, &value);
    if (len == 0) len = words_arabic(rest, &value);
    if (len == 0) return (struct marker){0};
    rest = span_sub(rest, len, rest.len);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t word = words_len(rows[i].word);
        if (!span_starts(rest, rows[i].word)) continue;
        if (marker_follows(rest, word, U"规款项、和之的至,所第及与中")) break;
        return marker_of(rows[i].form, value, 1 + len + word);
    }
    return (struct marker){0};
}

/* (一), (1); not the (二) of 第(二)项. */
static struct marker marker_bracket(struct span span)
{
    uint32_t value = 0;
    struct span rest = span_sub(span, 1, span.len);
    size_t len = words_chinese(rest, &value);
    enum outline_form form = len ? OUTLINE_CN_BRACKET : OUTLINE_N_BRACKET;
    if (len == 0) len = words_arabic(rest, &value);
    if (len == 0 || len >= rest.len || rest.f[len] != ')' || value > 199) return (struct marker){0};
    len += 2;
    if (marker_follows(span, len, U"项款条类中所至和、") && span.f[len] != U'、')
        return (struct marker){0};
    /* （三）、（四）项 is no item. */
    if (marker_follows(span, len, U"、") && len + 3 < span.len && span.f[len + 1] == '(' &&
        words_closes(span.f[len + 3]))
        return (struct marker){0};
    if (marker_follows(span, len, U"、.")) len++;
    return marker_of(form, value, len);
}

/* 1. 1、 1) 1.1 1.1.1; not 1.5亿, 2.5%. */
static struct marker marker_digits(struct span span)
{
    enum { NUMBER_MAX = 999 }; /* of tasks that are numbered through; four digits are years */
    struct marker marker = {.form = OUTLINE_DOTTED};
    uint32_t value = 0;
    size_t at = words_arabic(span, &value);
    if (at == 0 || value > NUMBER_MAX) return (struct marker){0};
    if (marker_follows(span, at, U")")) return marker_of(OUTLINE_N_HALF, value, at + 1);
    if (marker_follows(span, at, U"、")) {
        /* 1、2、3号楼 is no item. */
        uint32_t next = 0;
        size_t more = words_arabic(span_sub(span, at + 1, span.len), &next);
        if (more > 0 && marker_follows(span, at + 1 + more, U"、")) return (struct marker){0};
        return marker_of(OUTLINE_N, value, at + 1);
    }
    /* 2 任务分工, in a text with 2.1. */
    if (at < span.len && (span.c[at] & WORDS_GAP) && !(span.c[at] & WORDS_LINE) &&
        words_ideograph(span.f[at])) {
        marker.values[marker.count++] = value;
        marker.len = at;
        return marker;
    }
    if (!marker_follows(span, at, U".")) return (struct marker){0};
    size_t first = at + 1;
    marker.values[marker.count++] = value;
    while (marker.count < OUTLINE_DOTTED_MAX && marker_follows(span, at, U".")) {
        size_t len = words_arabic(span_sub(span, at + 1, span.len), &value);
        if (len == 0 || len > 2) break;
        marker.values[marker.count++] = value;
        at += 1 + len;
    }
    if (marker.count == 1) {
        bool year = first + 4 < span.len && span.f[first + 4] == U'年';
        if (first < span.len && words_digit(span.f[first]) && !year) return (struct marker){0};
        return marker_of(OUTLINE_N, value, first);
    }
    if (marker_follows(span, at, U"亿万千百十%倍个元米人岁年月日号度公分以至‰°"))
        return (struct marker){0};
    if (marker_follows(span, at, U".、")) at++;
    marker.len = at;
    return marker;
}

/* One character that is a number: ①, ⑴, ⒈, ㈠. */
static struct marker marker_circle(uint32_t point)
{
    static const struct {
        uint32_t first, count;
        enum outline_form form;
    } ranges[] = {{0x2460, 20, OUTLINE_CIRCLE}, {0x2474, 20, OUTLINE_N_BRACKET},
                  {0x2488, 20, OUTLINE_N},      {0x2776, 10, OUTLINE_CIRCLE},
                  {0x2780, 10, OUTLINE_CIRCLE}, {0x3220, 10, OUTLINE_CN_BRACKET}};
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (point >= ranges[i].first && point < ranges[i].first + ranges[i].count)
            return marker_of(ranges[i].form, point - ranges[i].first + 1, 1);
    return (struct marker){0};
}

static struct marker marker_dash(struct span span)
{
    static const uint32_t bullets[] = U"●•■◆▲○◇□➢►▶◎";
    size_t len = 0;
    while (len < span.len && len < 6 && words_dash(span.f[len]) && span.f[len] != '~') len++;
    bool item = len >= 2 || ((len == 1 || marker_follows(span, 0, bullets)) && span.len > 1 &&
                             words_ideograph(span.f[1]));
    if (!item || len == span.len) return (struct marker){0};
    return marker_of(OUTLINE_DASH, 1, len > 0 ? len : 1);
}

struct marker marker_read(struct span span)
{
    uint32_t first = span.f[0], value = 0;
    if (first == U'第') return marker_ordinal(span);
    if (first == '(') return marker_bracket(span);
    if (words_digit(first)) return marker_digits(span);
    size_t len = words_chinese(span, &value);
    if (len > 0 && value < 200 && marker_follows(span, len, U"、.")) {
        /* 一、二、三产业 is no item. */
        uint32_t next = 0;
        struct span rest = span_sub(span, len + 1, span.len);
        size_t more = words_chinese(rest, &next);
        if (more > 0 && marker_follows(rest, more, U"、")) return (struct marker){0};
        return marker_of(OUTLINE_CN, value, len + 1);
    }
    struct marker circle = marker_circle(span.c[0] & WORDS_POINT);
    return circle.form != OUTLINE_ROOT ? circle : marker_dash(span);
}

/* ---- of a whole text --------------------------------------------------------------------------
 */

bool markers_have_dotted(const struct text *text)
{
    enum { LOOK = 16, NUMBERS = 200 };
    bool seen[NUMBERS] = {[1] = true};
    const struct text_line *lines = (const struct text_line *)(const void *)text->lines.data;
    size_t count = text->lines.len / sizeof *lines, len = text_len(text);
    for (size_t i = 0; i < count; i++) {
        size_t at = lines[i].first, end = at + LOOK < len ? at + LOOK : len;
        struct marker marker = marker_digits(text_span(text, at, end));
        if (marker.form != OUTLINE_DOTTED) continue;
        if (marker.count == 1) seen[marker.values[0]] = true;
        if (marker.count == 2 && marker.values[1] == 1 && seen[marker.values[0]]) return true;
    }
    return false;
}

bool markers_run_together(const struct text *text)
{
    enum { LINE_LEN_MAX = 60, LOOK = 16 };
    const struct text_line *lines = (const struct text_line *)(const void *)text->lines.data;
    size_t count = text->lines.len / sizeof *lines, len = text_len(text), items = 0;
    if (count == 0 || len / count <= LINE_LEN_MAX) return false;
    for (size_t i = 0; i < count && items < 2; i++) {
        size_t at = lines[i].first;
        items += marker_read(text_span(text, at, at + LOOK < len ? at + LOOK : len)).form !=
                 OUTLINE_ROOT;
    }
    return items < 2;
}
