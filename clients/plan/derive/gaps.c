#include "clients/plan/derive/gaps.h"

enum trait {
    TRAIT_DONE = 1, /* the others have been found */
    TRAIT_UNIT = 2,
    TRAIT_WHOLE = 4,
    TRAIT_BEGINS = 8,
    TRAIT_TAIL = 16,
    TRAIT_STARTS = 32,
    TRAIT_KNOWN = 64,
};

/* A span between two white spaces, from place `from` to place `to`; place 0 is the beginning. */
struct board {
    struct span span;
    const struct gaps_known *known;
    size_t places[GAPS_MAX + 1];
    size_t count; /* of pieces: places 0 .. count */
    bool loose;   /* spaces within lines are what separates units here */
    uint8_t traits[GAPS_MAX + 1][GAPS_MAX + 1];
};

/* 区委 before 政法委 is half a name. */
static bool is_half(struct span left, struct span right)
{
    static const uint32_t *const halves[] = {U"区委", U"市委", U"省委", U"县委", U"州委", U"党委",
                                             U"团",   U"市",   U"区",   U"县",   U"省",   U"镇"};
    for (size_t i = 0; i < sizeof halves / sizeof halves[0]; i++)
        if (span_is(left, halves[i])) return words_prefix(right) == 0;
    return false;
}

static struct span part(const struct board *board, size_t from, size_t to)
{
    return span_sub(board->span, board->places[from], board->places[to]);
}

static unsigned traits(struct board *board, size_t from, size_t to)
{
    uint8_t *found = &board->traits[from][to];
    if (*found & TRAIT_DONE) return *found;
    struct span span = part(board, from, to);
    unsigned bits = TRAIT_DONE;
    if (words_unit(span)) bits |= TRAIT_UNIT;
    if (words_whole_unit(span)) bits |= TRAIT_WHOLE;
    if (words_begins(span)) bits |= TRAIT_BEGINS;
    if (words_tail(span)) bits |= TRAIT_TAIL;
    if (words_starts_name(span)) bits |= TRAIT_STARTS;
    if (board->known->has(board->known->ctx, span)) bits |= TRAIT_KNOWN;
    *found = (uint8_t)bits;
    return bits;
}

/* Is the white space at a place a line break? */
static bool is_line(const struct board *board, size_t place)
{
    return (board->span.c[board->places[place]] & WORDS_LINE) != 0;
}

/* How bad it is to take [from, to) as one name: not known as one, not beginning like one, or made
 * of two that could stand alone. A line break cuts names more often than a space does, unless
 * spaces are what separates names here. */
static unsigned badness(struct board *board, size_t from, size_t to)
{
    unsigned whole = traits(board, from, to);
    if (!(whole & TRAIT_UNIT)) return 1000;
    if (whole & TRAIT_KNOWN) return 0;
    size_t len = board->places[to] - board->places[from];
    bool tail = (whole & TRAIT_TAIL) != 0 || (len == 2 && !(whole & TRAIT_WHOLE));
    unsigned bad = tail ? 20 : whole & TRAIT_BEGINS ? 1 : 6;
    for (size_t at = from + 1; at < to; at++) {
        unsigned left = traits(board, from, at), right = traits(board, at, to);
        if (!(left & TRAIT_UNIT) || (right & TRAIT_TAIL) ||
            is_half(part(board, from, at), part(board, at, to)))
            continue;
        if ((right & TRAIT_UNIT) && (right & TRAIT_BEGINS)) bad += 10;
        if (!(left & TRAIT_WHOLE)) continue;
        if ((right & TRAIT_UNIT) && (board->loose || !is_line(board, at))) bad += 8;
        if ((right & TRAIT_UNIT) && (left & TRAIT_KNOWN)) bad += 4;
        if (!(right & TRAIT_UNIT) && board->places[to] - board->places[at] <= 2) bad += 3;
    }
    return bad;
}

/* False: too many white spaces, or so many that they say nothing. */
static bool find_places(struct board *board)
{
    struct span span = board->span;
    size_t depth = 0;
    for (size_t i = 0; i < span.len; i++) {
        if (i > 0 && depth == 0 && (span.c[i] & WORDS_GAP) && !words_opens(span.f[i])) {
            if (board->count == GAPS_MAX - 1) return false;
            board->places[++board->count] = i;
        }
        if (words_opens(span.f[i])) depth++;
        if (words_closes(span.f[i]) && depth > 0) depth--;
    }
    board->places[++board->count] = span.len;
    return span.len <= 3 || (board->count - 1) * 2 < span.len - 1;
}

static bool is_loose(struct board *board)
{
    for (size_t at = 1; at < board->count; at++)
        if (!is_line(board, at) && (traits(board, at - 1, at) & TRAIT_WHOLE) &&
            (traits(board, at, at + 1) & TRAIT_STARTS))
            return true;
    return false;
}

/* A unit with a place of its own that no name ends with: not 市人民政府, 省分行. */
static bool stands_alone(struct span span)
{
    return span.len > 3 && words_prefix(span) > 0 && words_certain(span) &&
           span_find(span, U"政府") == SPAN_NONE;
}

/* Does a part look wrong, or could what is joined be two? */
static enum gaps_doubt doubt_of(struct board *board, size_t from, size_t to, bool only)
{
    unsigned whole = traits(board, from, to);
    if (whole & TRAIT_KNOWN) return GAPS_SURE;
    for (size_t at = from + 1; at < to; at++) {
        unsigned left = traits(board, from, at), right = traits(board, at, to);
        if ((left & TRAIT_WHOLE) && (right & TRAIT_UNIT) && (right & TRAIT_STARTS) &&
            !is_half(part(board, from, at), part(board, at, to)))
            return GAPS_JOINED;
        /* A heading, and behind its line a unit. */
        if (is_line(board, at) && !(left & (TRAIT_UNIT | TRAIT_BEGINS)) &&
            ((right & TRAIT_KNOWN) || stands_alone(part(board, at, to))))
            return GAPS_JOINED;
    }
    return only || (whole & TRAIT_BEGINS) ? GAPS_SURE : GAPS_CUT;
}

/* The cheapest way to cut, by the cheapest ways to cut what stands before. */
static size_t cut(struct board *board, size_t ret_ends[static GAPS_MAX], enum gaps_doubt *ret_doubt)
{
    enum { NAME_LEN_MAX = 40 };
    size_t from[GAPS_MAX + 1] = {0}, parts = 0;
    unsigned best[GAPS_MAX + 1] = {0};
    for (size_t end = 1; end <= board->count; end++) {
        best[end] = UINT32_MAX;
        for (size_t begin = end; begin-- > 0;) {
            if (board->places[end] - board->places[begin] > NAME_LEN_MAX) break;
            unsigned bad = best[begin] + badness(board, begin, end);
            if (best[begin] == UINT32_MAX || bad > best[end]) continue;
            best[end] = bad;
            from[end] = begin;
        }
        if (best[end] == UINT32_MAX) return 1;
    }
    if (best[board->count] >= 1000) return 1;
    for (size_t end = board->count; end > 0; end = from[end]) parts++;
    for (size_t end = board->count, i = parts; end > 0; end = from[end]) {
        enum gaps_doubt doubt = doubt_of(board, from[end], end, parts == 1);
        if (doubt != GAPS_SURE) *ret_doubt = doubt;
        ret_ends[--i] = board->places[end];
    }
    return parts;
}

size_t gaps_cut(struct span span, const struct gaps_known *known, size_t ret_ends[static GAPS_MAX],
                enum gaps_doubt *ret_doubt)
{
    struct board board = {.span = span, .known = known};
    *ret_doubt = GAPS_SURE;
    ret_ends[0] = span.len;
    if (known->has(known->ctx, span) || !find_places(&board)) return 1;
    board.loose = is_loose(&board);
    return cut(&board, ret_ends, ret_doubt);
}
