#include "clients/plan/derive/words_inner.h"

#include "proto/base/check.h"

/* ---- characters -------------------------------------------------------------------------------
 */

static const uint32_t traditional[][2] = {
#define X(from, to) {from, to},
#include "clients/plan/derive/traditional.def"
#undef X
};
enum { TRADITIONAL_COUNT = sizeof traditional / sizeof traditional[0] };

static uint32_t fold_punctuation(uint32_t point)
{
    switch (point) {
    case U'【':
    case U'〔':
    case U'［':
    case U'〖':
    case U'〈':
    case '<':
    case '{': return '[';
    case U'】':
    case U'〕':
    case U'］':
    case U'〗':
    case U'〉':
    case '>':
    case '}': return ']';
    case U'﹙':
    case U'︵':
    case U'⟮': return '(';
    case U'﹚':
    case U'︶':
    case U'⟯': return ')';
    case U'∶':
    case U'﹕':
    case U'︰': return ':';
    case U'﹔': return ';';
    case U'﹐': return ',';
    case U'﹑':
    case U'､': return U'、';
    case U'｡': return U'。';
    case U'．':
    case U'﹒':
    case U'․': return '.';
    case U'〇': return U'零';
    default: return point;
    }
}

uint32_t words_fold(uint32_t point)
{
    if (point < 0x80)
        return point == '{' || point == '<' ? '[' : point == '}' || point == '>' ? ']' : point;
    if (point >= 0xff01 && point <= 0xff5e) point -= 0xff01 - 0x21;
    size_t low = 0, high = TRADITIONAL_COUNT;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (traditional[middle][0] == point) return traditional[middle][1];
        if (traditional[middle][0] < point)
            low = middle + 1;
        else
            high = middle;
    }
    return fold_punctuation(point);
}

bool words_opens(uint32_t folded)
{
    return folded == '(' || folded == '[';
}

bool words_closes(uint32_t folded)
{
    return folded == ')' || folded == ']';
}

bool words_dash(uint32_t folded)
{
    return folded == '-' || (folded >= 0x2010 && folded <= 0x2015) || folded == 0x2500 ||
           folded == 0x2501 || folded == 0x2212 || folded == 0xfe58 || folded == 0xfe63 ||
           folded == U'～' || folded == '~' || folded == U'﹣';
}

bool words_ideograph(uint32_t point)
{
    return (point >= 0x3400 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff) ||
           (point >= 0x20000 && point <= 0x3fffd);
}

/* ---- spans ------------------------------------------------------------------------------------
 */

size_t words_len(const uint32_t *word)
{
    size_t len = 0;
    while (word[len]) len++;
    return len;
}

bool span_starts(struct span span, const uint32_t *word)
{
    size_t i = 0;
    while (i < span.len && word[i] && span.f[i] == word[i]) i++;
    return !word[i];
}

bool span_is(struct span span, const uint32_t *word)
{
    return span_starts(span, word) && words_len(word) == span.len;
}

bool span_ends(struct span span, const uint32_t *word)
{
    size_t len = words_len(word);
    return len <= span.len && span_starts(span_sub(span, span.len - len, span.len), word);
}

size_t span_find(struct span span, const uint32_t *word)
{
    for (size_t i = 0; i < span.len; i++)
        if (span.f[i] == word[0] && span_starts(span_sub(span, i, span.len), word)) return i;
    return SPAN_NONE;
}

bool span_equal(struct span a, struct span b)
{
    size_t i = 0;
    if (a.len != b.len) return false;
    while (i < a.len && a.f[i] == b.f[i]) i++;
    return i == a.len;
}

bool words_is_any(uint32_t folded, const uint32_t *set)
{
    while (*set && *set != folded) set++;
    return *set != 0;
}

size_t words_ends_any(struct span span, const uint32_t *const *words, size_t count)
{
    if (span.len == 0) return 0;
    uint32_t last = span.f[span.len - 1];
    for (size_t i = 0; i < count; i++) {
        size_t len = words_len(words[i]);
        if (words[i][len - 1] == last && span_ends(span, words[i])) return len;
    }
    return 0;
}
size_t span_find_any(struct span span, const uint32_t *set)
{
    size_t depth = 0;
    for (size_t i = 0; i < span.len; i++) {
        if (depth == 0 && words_is_any(span.f[i], set)) return i;
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && depth > 0) depth--;
    }
    return SPAN_NONE;
}

size_t words_starts_any(struct span span, const uint32_t *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span.len > 0 && words[i][0] == span.f[0] && span_starts(span, words[i]))
            return words_len(words[i]);
    return 0;
}

size_t span_close(struct span span, size_t at)
{
    size_t depth = 0;
    for (size_t i = at; i < span.len; i++) {
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && --depth == 0) return i;
    }
    return SPAN_NONE;
}

size_t span_open(struct span span, size_t at)
{
    size_t depth = 0;
    for (size_t i = at + 1; i-- > 0;) {
        if (words_closes(span.f[i])) depth++;
        if (words_opens(span.f[i]) && --depth == 0) return i;
    }
    return SPAN_NONE;
}

static bool is_ornament(uint32_t folded)
{
    static const uint32_t set[] = U"、,;:.。·*★☆※#&!！?？\"'“”‘’「」『』《》<>/|…●■◆▲△";
    return words_is_any(folded, set);
}

/* 村“两委”: a closing quotation mark whose opening one stands inside. */
static bool ends_quoted(struct span span)
{
    static const uint32_t closing[] = U"”’」』》", opening[] = U"“‘「『《";
    uint32_t last = span.f[span.len - 1];
    for (size_t i = 0; closing[i]; i++)
        for (size_t j = 0; closing[i] == last && j < span.len; j++)
            if (span.f[j] == opening[i]) return true;
    return false;
}

struct span span_trim(struct span span)
{
    while (span.len > 0 && is_ornament(span.f[0])) span = span_sub(span, 1, span.len);
    while (span.len > 0 && is_ornament(span.f[span.len - 1]) && !ends_quoted(span)) span.len--;
    return span;
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

size_t words_arabic(struct span span, uint32_t *ret_value)
{
    enum { DIGITS_MAX = 4 };
    uint32_t value = 0;
    size_t len = 0;
    while (len < span.len && words_digit(span.f[len])) {
        if (len == DIGITS_MAX) return 0;
        value = value * 10 + span.f[len++] - '0';
    }
    if (len == 0 || value == 0) return 0;
    *ret_value = value;
    return len;
}

static int chinese_digit(uint32_t folded)
{
    static const uint32_t digits[] = U"零一二三四五六七八九";
    for (int i = 0; i < 10; i++)
        if (digits[i] == folded) return i;
    return folded == U'两' ? 2 : -1;
}

size_t words_chinese(struct span span, uint32_t *ret_value)
{
    uint32_t value = 0, pending = 0;
    size_t len = 0;
    bool scaled = false;
    for (; len < span.len && len < 7; len++) {
        int digit = chinese_digit(span.f[len]);
        uint32_t scale = span.f[len] == U'十' ? 10 : span.f[len] == U'百' ? 100 : 0;
        if (digit < 0 && scale == 0) break;
        if (scale) {
            value += (pending ? pending : 1) * scale;
            pending = 0;
            scaled = true;
        } else {
            pending = scaled ? (uint32_t)digit : pending * 10 + (uint32_t)digit;
        }
    }
    value += pending;
    if (len == 0 || value == 0 || value > 9999) return 0;
    *ret_value = value;
    return len;
}
