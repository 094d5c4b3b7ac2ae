#include "clients/plan/derive/clause_inner.h"

/* ---- labelled lists ---------------------------------------------------------------------------
 */

/* The label that begins at `at`; its length with the colon, 0: none. */
static size_t label_at(const struct finder *finder, size_t at, size_t end, enum role *ret_role)
{
    enum { LABEL_LEN_MAX = 24 };
    size_t start = 0, stop = at + LABEL_LEN_MAX < end ? at + LABEL_LEN_MAX : end;
    struct span span = span_sub(finder->all, at, stop);
    size_t colon = span_find_any(span, U":");
    if (colon != SPAN_NONE) {
        enum role role = words_label(span_sub(span, 0, colon), &start);
        if (role != ROLE_NONE && start == 0) {
            *ret_role = role;
            return colon + 1;
        }
    }
    size_t len = words_label_start(span, ret_role);
    bool apart = len > 0 && len < span.len && (span.c[len] & WORDS_GAP) != 0;
    return apart ? len : 0;
}

static size_t line_end(const struct finder *finder, size_t at, size_t end)
{
    size_t stop = at + 1;
    while (stop < end && !(finder->all.c[stop] & WORDS_LINE) && finder->all.f[stop] != U'。')
        stop++;
    return stop;
}

/* A unit, or several with white space between them. */
static bool is_units(struct span name)
{
    if (name.len == 0 || words_unit(name)) return true;
    size_t from = 0;
    for (size_t i = 1; i <= name.len; i++) {
        if (i < name.len && !(name.c[i] & WORDS_GAP)) continue;
        if (!words_unit(span_sub(name, from, i))) return false;
        from = i;
    }
    return true;
}

static bool all_units(struct span span)
{
    for (;;) {
        size_t stop = span_find_any(span, U"、,;");
        struct span name = span_trim(span_sub(span, 0, stop == SPAN_NONE ? span.len : stop));
        if (!is_units(name)) return false;
        if (stop == SPAN_NONE) return true;
        span = span_sub(span, stop + 1, span.len);
    }
}

/* From `at` up to a separator, a bracket or white space within a line, over line breaks. */
static struct span name_over_lines(const struct finder *finder, size_t at, size_t end)
{
    enum { NAME_LEN_MAX = 40 };
    size_t stop = at + 1;
    while (stop < end && stop - at < NAME_LEN_MAX) {
        uint32_t flags = finder->all.c[stop];
        uint32_t folded = finder->all.f[stop];
        if (((flags & WORDS_GAP) && !(flags & WORDS_LINE)) || folded == U'、' || folded == ',' ||
            folded == ';' || folded == ':' || folded == U'。' || words_opens(folded) ||
            words_closes(folded))
            break;
        stop++;
    }
    return span_sub(finder->all, at, stop);
}

/* Does the list behind a label go on in the line that begins at `at`? `from` is where the list
 * begins. */
static bool list_goes_on(const struct finder *finder, size_t from, size_t at, size_t end,
                         enum role label)
{
    enum role role = ROLE_NONE;
    if (at == from) return true; /* a label alone on its line */
    if (label_at(finder, at, end, &role) > 0) return true;
    if (label == ROLE_SKIP) return false;
    uint32_t last = finder->all.f[at - 1];
    uint32_t next = finder->all.f[at];
    if (last == U'、' || last == ',' || next == U'、' || next == ',' || next == ';' ||
        next == ':' || next == ')' || next == '(')
        return true;
    if (clause_ends_list(last) && last != ';') return true;
    size_t tail = at;
    while (tail > from && !clause_ends_list(finder->all.f[tail - 1]) &&
           (tail == at || !(finder->all.c[tail] & WORDS_GAP)))
        tail--;
    struct span line = span_sub(finder->all, at, line_end(finder, at, end));
    size_t stop = span_find_any(line, U"、,;");
    size_t head = 1, most = stop == SPAN_NONE ? line.len : stop;
    while (head < most && !(line.c[head] & WORDS_GAP) && !words_opens(line.f[head])) head++;
    /* A label that the line break cuts. */
    if (label_at(finder, tail, end, &role) > at - tail) return true;
    bool units = all_units(line);
    /* Empty lines around a page number mean nothing. */
    bool blank = (finder->all.c[at] & (WORDS_BLANK | WORDS_PAGE)) == WORDS_BLANK;
    if (blank) return units && words_prefix(line) > 0;
    if (units) return true;
    /* A name that the line break cuts, or the next one of the list. */
    struct span first = span_sub(line, 0, head);
    bool joined = words_unit(span_sub(finder->all, tail, at + head));
    bool whole = words_whole_unit(span_sub(finder->all, tail, at));
    bool listed = head < line.len && (line.f[head] == U'、' || words_opens(line.f[head]) ||
                                      (line.c[head] & WORDS_GAP));
    if (joined && (!whole || listed || head == line.len)) return true;
    /* The next name may itself run over the end of its line. */
    struct span over = name_over_lines(finder, at, end);
    if (head == line.len && words_begins(over) && words_unit(over)) return true;
    return words_unit(first) && (!whole || (listed && words_begins(first)));
}

enum { REGION_LEN_MAX = 3000 };

struct region {
    size_t from; /* where the label begins */
    size_t list; /* where the list behind the label begins */
    enum role role;
};

/* Where a list behind a label ends, further labels included. */
static size_t region_end(const struct finder *finder, const struct region *region)
{
    size_t limit = region->from + REGION_LEN_MAX < finder->item_end ? region->from + REGION_LEN_MAX
                                                                    : finder->item_end;
    size_t depth = 0, list = region->list;
    unsigned seen = 1u << region->role;
    enum role label = region->role;
    for (size_t at = region->list; at < limit; at++) {
        uint32_t folded = finder->all.f[at];
        uint32_t flags = finder->all.c[at];
        if (depth == 0 && at > list && (flags & WORDS_LINE) != 0 &&
            !list_goes_on(finder, list, at, limit, label))
            return at;
        uint32_t before = at > 0 ? finder->all.f[at - 1] : 0;
        bool fresh = (flags & WORDS_GAP) != 0 || clause_ends_list(before) || before == ')' ||
                     before == U'。';
        enum role role = ROLE_NONE;
        size_t len = depth == 0 && fresh && at > list ? label_at(finder, at, limit, &role) : 0;
        if (len > 0) {
            if (role != ROLE_SKIP && (seen & 1u << role) != 0) return at;
            seen |= 1u << role;
            label = role;
            list = at + len;
            at = list - 1;
            continue;
        }
        if (words_opens(folded)) depth++;
        if (words_closes(folded) && depth-- == 0) return at;
        bool quote = folded == U'」' || folded == U'』' || folded == U'”';
        if (quote && depth == 0) return at;
        /* Behind a stop another label of the same clause may follow. */
        if (folded == U'。' && depth == 0 &&
            (label_at(finder, at + 1, limit, &role) == 0 || role == ROLE_OTHER ||
             (seen & 1u << role) != 0))
            return at;
    }
    return limit;
}

static bool try_region(struct finder *finder, const struct region *region, size_t *ret_to)
{
    struct roles roles;
    size_t good = 0, bad = 0;
    size_t end = region_end(finder, region);
    if (end <= region->from) return false;
    if (end - region->from == REGION_LEN_MAX) {
        clause_note(finder, FINDING_LIST_LONG, region->from, end);
        return false;
    }
    struct span span = span_sub(finder->all, region->from, end);
    roles_parse(span, ROLE_NONE, &roles);
    roles_quality(&roles, &good, &bad);
    bool line = (finder->all.c[region->from] & WORDS_LINE) != 0;
    if (good == 0 && (bad == 0 || !line)) {
        if (line && region->role != ROLE_OTHER)
            clause_note(finder, FINDING_LABEL_EMPTY, region->from, end);
        roles_fini(&roles);
        return false;
    }
    clause_add_found(finder, CLAUSE_LABEL, region->from, end, &roles);
    *ret_to = end;
    return true;
}

/* A label that begins here, at the start of a line, a sentence or an item, or behind a gap. */
bool clause_try_label(struct finder *finder, size_t at, size_t *ret_to)
{
    static const uint32_t behind[] = U"。;,！？“”‘’「」『』》：";
    enum role role = ROLE_NONE;
    uint32_t before = at > 0 ? finder->all.f[at - 1] : U'。';
    bool fresh = (finder->all.c[at] & WORDS_GAP) != 0 || words_closes(before) ||
                 words_opens(before) || at == outline_item(finder->outline, finder->item)->body;
    for (size_t i = 0; !fresh && behind[i]; i++) fresh = behind[i] == before;
    if (!fresh) return false;
    size_t len = label_at(finder, at, finder->item_end, &role);
    if (len == 0 || role == ROLE_SKIP || role == ROLE_OTHER) return false;
    /* 成员单位 of a body; only behind who heads it do they cooperate. */
    if (span_starts(span_sub(finder->all, at, at + len), U"成员")) return false;
    struct region region = {at, at + len, role};
    return try_region(finder, &region, ret_to);
}
