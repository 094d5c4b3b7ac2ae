#include "clients/plan/derive/text.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

/* ---- characters -------------------------------------------------------------------------------
 */

uint32_t text_next(struct bytes bytes, size_t *at)
{
    const uint8_t *data = bytes.data + *at;
    if (data[0] < 0x80) {
        *at += 1;
        return data[0];
    }
    size_t len = data[0] >= 0xf0 ? 4 : data[0] >= 0xe0 ? 3 : 2;
    CHECK(len <= bytes.len - *at);
    uint32_t point = data[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) point = point << 6 | (data[i] & 0x3fu);
    *at += len;
    return point;
}

bool text_is_space(uint32_t point)
{
    return point == ' ' || (point >= '\t' && point <= '\r') || point == 0x85 || point == 0xa0 ||
           point == 0x1680 || (point >= 0x2000 && point <= 0x200a) || point == 0x2028 ||
           point == 0x2029 || point == 0x202f || point == 0x205f || point == 0x3000 ||
           point == 0x3164;
}

bool text_is_nothing(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xad || point == 0xfeff ||
           (point >= 0x200b && point <= 0x200f) || (point >= 0x202a && point <= 0x202e) ||
           (point >= 0x2060 && point <= 0x2064) || (point >= 0xfe00 && point <= 0xfe0f);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

void source_fini(struct source *source)
{
    free(source->lines);
    *source = (struct source){0};
}

static bool line_is_empty(struct bytes bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (!text_is_space(point) && !text_is_nothing(point)) return false;
    }
    return true;
}

/* Where the line that starts at `at` ends, and where the next one starts. Other separators of
 * Unicode end a line but are no line of an editor: *ret_counts. */
static size_t line_end(struct bytes bytes, size_t at, size_t *ret_next, bool *ret_counts,
                       bool *ret_page)
{
    *ret_counts = true;
    *ret_page = false;
    while (at < bytes.len) {
        size_t start = at;
        uint8_t byte = bytes.data[at];
        if (byte == '\n' || byte == '\r') {
            *ret_next = at + 1;
            if (byte == '\r' && at + 1 < bytes.len && bytes.data[at + 1] == '\n')
                *ret_next = at + 2;
            return at;
        }
        uint32_t point = text_next(bytes, &at);
        if (point == '\f' || point == '\v' || point == 0x85 || point == 0x2028 || point == 0x2029) {
            *ret_next = at;
            *ret_counts = false;
            *ret_page = point == '\f';
            return start;
        }
    }
    *ret_next = at;
    return at;
}

static int split(struct source *source, struct error *ret_error)
{
    struct buf lines = {0};
    size_t number = 1, blanks = 0;
    bool blank = false, page = false, counts = false, feed = false;
    for (size_t at = 0, next = 0; at < source->bytes.len; at = next) {
        size_t end = line_end(source->bytes, at, &next, &counts, &feed);
        struct bytes line = bytes_of(source->bytes.data + at, end - at);
        if (line_is_empty(line)) {
            blank = blank || counts;
        } else if (lines.len / sizeof(struct source_line) == TEXT_LINE_COUNT_MAX) {
            buf_fini(&lines);
            return error_say(ret_error, E_TOO_LARGE, "text", "超过 %d 行", "more than %d lines",
                             TEXT_LINE_COUNT_MAX);
        } else {
            struct source_line row = {.at = (uint32_t)at,
                                      .len = (uint32_t)(end - at),
                                      .number = (uint32_t)number,
                                      .blank_before = blank,
                                      .page_before = page};
            buf_append(&lines, &row, sizeof row);
            blanks += blank;
            blank = page = false;
        }
        page = page || feed;
        number += counts;
    }
    source->lines = (struct source_line *)(void *)lines.data;
    source->line_count = lines.len / sizeof *source->lines;
    source->double_spaced = source->line_count > 4 && blanks * 10 >= source->line_count * 7;
    return 0;
}

/* ---- page furniture ---------------------------------------------------------------------------
 */

enum { SHORT_LEN_MAX = 64 };

/* The folded characters of a line without spaces; SHORT_LEN_MAX + 1 for a longer line. */
static size_t line_fold(const struct source *source, const struct source_line *line,
                        uint32_t ret[static SHORT_LEN_MAX + 1])
{
    struct bytes bytes = bytes_of(source->bytes.data + line->at, line->len);
    size_t len = 0;
    for (size_t at = 0; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (text_is_space(point) || text_is_nothing(point)) continue;
        if (len == SHORT_LEN_MAX) return SHORT_LEN_MAX + 1;
        ret[len++] = words_fold(point);
    }
    return len;
}

/* "- 3 -", "第3页", "第 3 页 共 9 页", "3/9", "Page 3". */
static bool is_framed_number(struct span line)
{
    uint32_t value = 0;
    size_t left = 0, right = line.len;
    while (left < right && (words_dash(line.f[left]) || line.f[left] == U'·')) left++;
    while (right > left && (words_dash(line.f[right - 1]) || line.f[right - 1] == U'·')) right--;
    struct span inner = span_sub(line, left, right);
    if (left > 0 && right < line.len && words_arabic(inner, &value) == inner.len) return true;
    if (span_starts(line, U"第") && span_ends(line, U"页") && line.len <= 12) {
        struct span rest = span_sub(line, 1, line.len);
        size_t len = words_arabic(rest, &value);
        if (len == 0) len = words_chinese(rest, &value);
        return len > 0 && rest.f[len] == U'页';
    }
    if (span_starts(line, U"Page") || span_starts(line, U"PAGE"))
        return line.len <= 12 && words_arabic(span_sub(line, 4, line.len), &value) > 0;
    size_t first = words_arabic(line, &value);
    if (first == 0 || first + 1 >= line.len || line.f[first] != '/') return false;
    return words_arabic(span_sub(line, first + 1, line.len), &value) == line.len - first - 1;
}

static bool is_contents(struct span line)
{
    size_t digits = 0, dots = 0, at = line.len;
    while (at > 0 && words_digit(line.f[at - 1])) at--, digits++;
    while (at > 0 && (line.f[at - 1] == '.' || line.f[at - 1] == U'·' || line.f[at - 1] == U'…'))
        dots += line.f[--at] == U'…' ? 3 : 1;
    return digits > 0 && digits <= 4 && dots >= 4;
}

/* 2.工作措施, 一、总则, 第一章 */
static bool is_item(struct span line)
{
    uint32_t value = 0;
    if (line.f[0] == '(' || line.f[0] == U'第' || words_dash(line.f[0])) return true;
    size_t len = words_arabic(line, &value);
    if (len == 0) len = words_chinese(line, &value);
    return len > 0 && len < line.len &&
           (line.f[len] == '.' || line.f[len] == U'、' || line.f[len] == ')');
}

/* A head names no role, ends no sentence and starts no item; a unit's name is none either. */
static bool is_head_like(struct span line)
{
    static const uint32_t never[] = U"。,;、:";
    if (line.len < 4 || line.len > 40 || words_unit(line) || is_item(line)) return false;
    bool word = false;
    size_t depth = 0;
    for (size_t i = 0; i < line.len; i++) {
        word = word || words_ideograph(line.f[i]);
        if (words_opens(line.f[i])) depth++;
        if (words_closes(line.f[i]) && depth-- == 0) return false;
        for (size_t j = 0; never[j]; j++)
            if (line.f[i] == never[j]) return false;
        if (words_role_at(line, i)) return false;
    }
    return word && depth == 0;
}

/* Of the characters but digits: a head may hold the page's number. */
static uint64_t head_hash(struct span line)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < line.len; i++)
        if (!words_digit(line.f[i])) hash = (hash ^ line.f[i]) * 0x100000001b3u;
    return hash;
}

static int compare_hashes(const void *left, const void *right)
{
    uint64_t a, b;
    memcpy(&a, left, sizeof a);
    memcpy(&b, right, sizeof b);
    return a < b ? -1 : a > b;
}

/* Where a head may stand: beside a page break, or among the first lines. */
static bool is_edge(const struct source *source, size_t index)
{
    enum { FIRST_LINES = 6 };
    bool last = index + 1 < source->line_count && source->lines[index + 1].page_before;
    return index < FIRST_LINES || source->lines[index].page_before || last;
}

/* Lines that stand at a page break and at another, or at the beginning, word for word, are running
 * heads. */
static void mark_heads(struct source *source)
{
    uint32_t folded[SHORT_LEN_MAX + 1];
    struct buf hashes = {0};
    for (size_t i = 0; i < source->line_count; i++) {
        if (!is_edge(source, i)) continue;
        size_t len = line_fold(source, &source->lines[i], folded);
        uint64_t hash = head_hash((struct span){folded, folded, len > SHORT_LEN_MAX ? 0 : len});
        buf_append(&hashes, &hash, sizeof hash);
    }
    size_t count = hashes.len / sizeof(uint64_t);
    if (count > 0) qsort(hashes.data, count, sizeof(uint64_t), compare_hashes);
    for (size_t i = 0; i < source->line_count; i++) {
        struct source_line *line = &source->lines[i];
        bool last = i + 1 < source->line_count && source->lines[i + 1].page_before;
        if (line->use != SOURCE_TEXT || !(line->page_before || last)) continue;
        size_t len = line_fold(source, line, folded);
        struct span span = {folded, folded, len};
        if (len > SHORT_LEN_MAX || !is_head_like(span)) continue;
        uint64_t hash = head_hash(span);
        const uint8_t *found = bsearch(&hash, hashes.data, count, sizeof hash, compare_hashes);
        bool again = (found + sizeof hash < hashes.data + hashes.len &&
                      compare_hashes(found + sizeof hash, &hash) == 0) ||
                     (found > hashes.data && compare_hashes(found - sizeof hash, &hash) == 0);
        if (again) line->use = SOURCE_HEAD;
    }
    buf_fini(&hashes);
}

static bool is_number(struct span line)
{
    uint32_t value = 0;
    return line.len <= 3 && words_arabic(line, &value) == line.len && line.len > 0;
}

static void mark_numbers(struct source *source)
{
    uint32_t folded[SHORT_LEN_MAX + 1];
    for (size_t i = 0; i < source->line_count; i++) {
        struct source_line *line = &source->lines[i];
        size_t len = line_fold(source, line, folded);
        if (len > SHORT_LEN_MAX) continue;
        struct span span = {folded, folded, len};
        bool edge =
            line->page_before || i + 1 == source->line_count || source->lines[i + 1].page_before;
        if (is_framed_number(span) || (edge && is_number(span)))
            line->use = SOURCE_NUMBER;
        else if (is_contents(span))
            line->use = SOURCE_CONTENTS;
    }
    bool any = false;
    for (size_t i = 0; i < source->line_count; i++) {
        struct source_line *line = &source->lines[i];
        if (i > 0 && source->lines[i - 1].use == SOURCE_NUMBER) line->page_before = true;
        if (i > 0 && line->use == SOURCE_NUMBER) line->page_before = true;
        any = any || line->page_before;
    }
    if (any) mark_heads(source);
}

int source_read(struct bytes bytes, struct source *ret, struct error *ret_error)
{
    struct source source = {.bytes = bytes};
    if (bytes.len > TEXT_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "text", "超过 %d 字节", "more than %d bytes",
                         TEXT_BYTES_MAX);
    int code = split(&source, ret_error);
    if (code != 0) return code;
    mark_numbers(&source);
    *ret = source;
    return 0;
}

/* ---- the run of characters --------------------------------------------------------------------
 */

void text_fini(struct text *text)
{
    buf_fini(&text->points);
    buf_fini(&text->folded);
    buf_fini(&text->lines);
}

size_t text_len(const struct text *text)
{
    return text->points.len / sizeof(uint32_t);
}

struct span text_span(const struct text *text, size_t from, size_t to)
{
    CHECK(from <= to && to <= text_len(text));
    if (to == 0) return (struct span){0};
    return (struct span){(const uint32_t *)(const void *)text->points.data + from,
                         (const uint32_t *)(const void *)text->folded.data + from, to - from};
}

size_t text_line_of(const struct text *text, size_t at)
{
    const struct text_line *lines = (const struct text_line *)(const void *)text->lines.data;
    size_t low = 0, high = text->lines.len / sizeof *lines;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (lines[middle].first <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? lines[low - 1].number : 0;
}

void text_append(struct text *text, struct bytes bytes, uint32_t flags, size_t number)
{
    size_t columns = 0;
    bool first = true;
    struct text_line line = {(uint32_t)text_len(text), (uint32_t)number};
    for (size_t at = 0; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (text_is_space(point)) {
            columns += point == '\t' || point == 0x3000 ? 2 : 1;
            continue;
        }
        if (text_is_nothing(point)) continue;
        if (first) {
            buf_append(&text->lines, &line, sizeof line);
        } else {
            flags = columns >= 2 ? WORDS_GAP | WORDS_WIDE : columns == 1 ? WORDS_GAP : 0;
        }
        uint32_t folded = words_fold(point);
        point |= flags;
        buf_append(&text->points, &point, sizeof point);
        buf_append(&text->folded, &folded, sizeof folded);
        columns = 0;
        first = false;
    }
}

void text_build(struct text *text, const struct source *source)
{
    uint32_t folded[SHORT_LEN_MAX + 1];
    uint32_t carried = 0;
    for (size_t i = 0; i < source->line_count; i++) {
        const struct source_line *line = &source->lines[i];
        if (line->blank_before && !source->double_spaced) carried |= WORDS_BLANK;
        if (line->page_before) carried |= WORDS_PAGE;
        size_t len = line_fold(source, line, folded);
        /* A number alone on a line, and no row of a table, is a page's. */
        bool number = len <= SHORT_LEN_MAX && is_number((struct span){folded, folded, len});
        if (line->use == SOURCE_TABLE) carried |= WORDS_BLANK;
        if (line->use != SOURCE_TEXT || number) continue;
        text_append(text, bytes_of(source->bytes.data + line->at, line->len),
                    carried | WORDS_GAP | WORDS_WIDE | WORDS_LINE, line->number);
        carried = 0;
    }
}

void text_utf8(struct buf *buf, struct span span)
{
    for (size_t i = 0; i < span.len; i++) {
        uint32_t point = span.c[i] & WORDS_POINT;
        if (point < 0x80) {
            buf_append_u8(buf, (uint8_t)point);
        } else if (point < 0x800) {
            buf_append_u8(buf, (uint8_t)(0xc0 | point >> 6));
            buf_append_u8(buf, (uint8_t)(0x80 | (point & 0x3f)));
        } else if (point < 0x10000) {
            buf_append_u8(buf, (uint8_t)(0xe0 | point >> 12));
            buf_append_u8(buf, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
            buf_append_u8(buf, (uint8_t)(0x80 | (point & 0x3f)));
        } else {
            buf_append_u8(buf, (uint8_t)(0xf0 | point >> 18));
            buf_append_u8(buf, (uint8_t)(0x80 | (point >> 12 & 0x3f)));
            buf_append_u8(buf, (uint8_t)(0x80 | (point >> 6 & 0x3f)));
            buf_append_u8(buf, (uint8_t)(0x80 | (point & 0x3f)));
        }
    }
    buf_append_u8(buf, 0);
}
