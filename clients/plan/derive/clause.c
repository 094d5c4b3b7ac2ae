#include "clients/plan/derive/clause.h"

#include "clients/plan/derive/brackets.h"
#include "proto/base/check.h"

enum { BRACKET_LEN_MAX = 3000, REGION_LEN_MAX = 3000, SENTENCE_LEN_MAX = 400 };

struct finder {
    struct clauses *clauses;
    const struct text *text;
    const struct outline *outline;
    struct findings *findings;
    struct span all;
    struct buf brackets;
    size_t bracket;        /* the next one */
    size_t item;           /* that `at` is in */
    size_t item_end;       /* where the next one starts */
    size_t sentence_until; /* no sentence begins before */
    size_t word;           /* the next word of a role, or 由, behind the last 由 */
};

void clauses_fini(struct clauses *clauses)
{
    for (size_t i = 0; i < clauses_count(clauses); i++) roles_fini(&clauses_at(clauses, i)->roles);
    buf_fini(&clauses->list);
}

size_t clauses_count(const struct clauses *clauses)
{
    return clauses->list.len / sizeof(struct clause);
}

struct clause *clauses_at(const struct clauses *clauses, size_t index)
{
    CHECK(index < clauses_count(clauses));
    return (struct clause *)(void *)clauses->list.data + index;
}

void clauses_add(struct clauses *clauses, const struct clause *take_clause)
{
    buf_append(&clauses->list, take_clause, sizeof *take_clause);
}

/* ---- helpers ----------------------------------------------------------------------------------
 */

static void add(struct finder *finder, enum clause_form form, size_t from, size_t to,
                struct roles *take_roles)
{
    struct clause clause = {.from = (uint32_t)from,
                            .to = (uint32_t)to,
                            .line_first = (uint32_t)text_line_of(finder->text, from),
                            .line_last = (uint32_t)text_line_of(finder->text, to - 1),
                            .item = (uint32_t)finder->item,
                            .form = (uint8_t)form,
                            .own_line = (finder->all.c[from] & WORDS_LINE) != 0,
                            .roles = *take_roles};
    clauses_add(finder->clauses, &clause);
    *take_roles = (struct roles){0};
}

static void note(struct finder *finder, enum finding_code code, size_t from, size_t to)
{
    findings_add(finder->findings, code, text_line_of(finder->text, from),
                 span_sub(finder->all, from, to));
}

/* ---- sentences about several items ------------------------------------------------------------
 */

/* 以上任务, 以下各项工作: what it refers to; *ret_len is the length. */
static enum clause_scope scope_start(struct span span, size_t *ret_len)
{
    static const struct {
        const uint32_t *word;
        enum clause_scope scope;
    } starts[] = {{U"以上", SCOPE_ABOVE},   {U"上述", SCOPE_ABOVE}, {U"上列", SCOPE_ABOVE},
                  {U"前述", SCOPE_ABOVE},   {U"以下", SCOPE_BELOW}, {U"下列", SCOPE_BELOW},
                  {U"本部分", SCOPE_ABOVE}, {U"本章", SCOPE_ABOVE}, {U"本节", SCOPE_ABOVE}};
    static const uint32_t *const things[] = {U"任务", U"工作", U"事项", U"措施", U"内容", U"项目",
                                             U"条款", U"各项", U"各条", U"职责", U"条目"};
    enum { REFERENCE_LEN_MAX = 16 };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (!span_starts(span, starts[i].word)) continue;
        size_t len = span.len < REFERENCE_LEN_MAX ? span.len : REFERENCE_LEN_MAX;
        size_t end = span_find_any(span_sub(span, 0, len), U",。;、:");
        struct span reference = span_sub(span, 0, end == SPAN_NONE ? len : end);
        for (size_t j = 0; j < sizeof things / sizeof things[0]; j++) {
            size_t at = span_find(reference, things[j]);
            if (at == SPAN_NONE) continue;
            size_t after = at + words_len(things[j]);
            if (after <= *ret_len) continue;
            *ret_len = after;
        }
        return *ret_len > 0 ? starts[i].scope : SCOPE_NONE;
    }
    return SCOPE_NONE;
}

/* 以上三项任务: how many; 0: it does not say. */
static uint32_t scope_count(struct span reference)
{
    uint32_t value = 0;
    for (size_t i = 0; i < reference.len; i++) {
        struct span rest = span_sub(reference, i, reference.len);
        size_t len = words_arabic(rest, &value);
        if (len == 0) len = words_chinese(rest, &value);
        if (len > 0 && len < rest.len && (rest.f[len] == U'项' || rest.f[len] == U'条'))
            return value;
    }
    return 0;
}

/* Behind the reference: 均由…负责, or a label. False: neither. */
static bool scope_roles(struct span span, struct roles *ret)
{
    static const uint32_t *const adverbs[] = {U"均", U"都", U"统一", U"全部", U"一律", U"的"};
    enum { EXCEPT_LEN_MAX = 16 };
    enum role role = ROLE_NONE;
    /* 除另有注明外: what has units of its own keeps them anyway. */
    size_t except = span_starts(span, U"除") ? span_find(span, U"外") : SPAN_NONE;
    if (except != SPAN_NONE && except < EXCEPT_LEN_MAX) span = span_sub(span, except + 1, span.len);
    span = span_trim(span);
    for (size_t i = 0; i < sizeof adverbs / sizeof adverbs[0]; i++)
        if (span_starts(span, adverbs[i])) span = span_sub(span, words_len(adverbs[i]), span.len);
    if (span_starts(span, U"由")) {
        /* A verb with nobody before it introduces nobody. */
        struct verb verb = words_verb(span_sub(span, 1, span.len));
        if (verb.kind == VERB_NONE || verb.at == 0) return false;
        return roles_sentence(span_sub(span, 1, span.len), ret);
    }
    if (words_label_start(span, &role) == 0 || span_find_any(span, U":") == SPAN_NONE) return false;
    size_t good = 0, bad = 0;
    roles_parse(span, ROLE_NONE, ret);
    roles_quality(ret, &good, &bad);
    if (good > 0) return true;
    roles_fini(ret);
    return false;
}

static size_t sentence_end(const struct finder *finder, size_t at)
{
    size_t end =
        at + SENTENCE_LEN_MAX < finder->item_end ? at + SENTENCE_LEN_MAX : finder->item_end;
    size_t stop = span_find_any(span_sub(finder->all, at, end), U"。");
    return stop == SPAN_NONE ? end : at + stop + 1;
}

/* Up to limit, or to the end of the sentence. *ret_to is where it ends. */
static bool try_scope(struct finder *finder, size_t at, size_t limit, size_t *ret_to)
{
    size_t len = 0;
    struct roles roles = {0};
    enum clause_scope scope = scope_start(span_sub(finder->all, at, limit), &len);
    if (scope == SCOPE_NONE) return false;
    size_t end = sentence_end(finder, at);
    if (end > limit) end = limit;
    if (end <= at + len || !scope_roles(span_sub(finder->all, at + len, end), &roles)) return false;
    add(finder, CLAUSE_SCOPE, at, end, &roles);
    struct clause *clause = clauses_at(finder->clauses, clauses_count(finder->clauses) - 1);
    clause->scope = (uint8_t)scope;
    clause->named = scope_count(span_sub(finder->all, at, at + len));
    *ret_to = end;
    return true;
}

/* ---- brackets ---------------------------------------------------------------------------------
 */

static bool good_enough(const struct roles *roles)
{
    size_t good = 0, bad = 0;
    roles_quality(roles, &good, &bad);
    bool role =
        roles_has(roles, ROLE_HEAD) || roles_has(roles, ROLE_LEAD) || roles_has(roles, ROLE_COOP);
    return roles->verb_count > 0 && role && good > 0 && bad <= good;
}

/* A closing bracket whose opening one is lost: an assignment if all that stands before it in the
 * sentence is one. */
static bool try_unopened(struct finder *finder, const struct bracket *bracket, size_t *ret_to)
{
    struct roles roles;
    size_t good = 0, bad = 0;
    roles_parse(span_sub(finder->all, bracket->open, bracket->close), ROLE_NONE, &roles);
    roles_quality(&roles, &good, &bad);
    if (!good_enough(&roles) || bad > 0) {
        roles_fini(&roles);
        return false;
    }
    *ret_to = bracket->close + 1;
    note(finder, FINDING_BRACKET_CLOSE, bracket->open, *ret_to);
    add(finder, CLAUSE_BRACKET, bracket->open, *ret_to, &roles);
    return true;
}

/* *ret_to is one past the closing bracket. */
static bool try_bracket(struct finder *finder, const struct bracket *bracket, size_t *ret_to)
{
    struct roles roles;
    bool opened = words_opens(finder->all.f[bracket->open]);
    size_t from = bracket->open, to = bracket->close;
    if (to - from > BRACKET_LEN_MAX) {
        if (bracket->closed) note(finder, FINDING_LIST_LONG, from, to);
        return false;
    }
    if (!opened) return try_unopened(finder, bracket, ret_to);
    if (!bracket->closed) {
        size_t stop = span_find_any(span_sub(finder->all, from + 1, to), U"。");
        if (stop != SPAN_NONE) to = from + 1 + stop;
    }
    if (try_scope(finder, from + 1, to, ret_to)) {
        clauses_at(finder->clauses, clauses_count(finder->clauses) - 1)->from = (uint32_t)from;
        *ret_to = to + bracket->closed;
        return true;
    }
    roles_parse(span_sub(finder->all, from + 1, to), ROLE_NONE, &roles);
    if (!good_enough(&roles)) {
        if (roles.verb_count > 0 && roles_count(&roles) > 0)
            note(finder, FINDING_PROSE_BRACKET, from, to + bracket->closed);
        roles_fini(&roles);
        return false;
    }
    if (!bracket->closed) note(finder, FINDING_BRACKET_OPEN, from, to);
    *ret_to = to + bracket->closed;
    add(finder, CLAUSE_BRACKET, from, *ret_to, &roles);
    return true;
}

/* （市教育局、市财政局） at the end of a sentence: units, but in which role? */
static void look_at_bare(struct finder *finder, size_t at)
{
    enum { BARE_LEN_MAX = 200 };
    bool behind = at > 0 && finder->all.f[at - 1] == U'。';
    if (at + 1 >= finder->all.len || !words_ideograph(finder->all.f[at + 1])) return;
    size_t end = at + BARE_LEN_MAX < finder->all.len ? at + BARE_LEN_MAX : finder->all.len;
    size_t close = span_close(span_sub(finder->all, at, end), 0);
    if (close == SPAN_NONE || close < 3) return;
    size_t next = at + close + 1;
    if (!behind && next != finder->item_end && next < finder->all.len &&
        !(finder->all.c[next] & WORDS_LINE))
        return;
    struct span inside = span_sub(finder->all, at + 1, at + close);
    size_t count = 0;
    for (struct span rest = inside; rest.len > 0;) {
        size_t stop = span_find_any(rest, U"、,;");
        struct span name = span_sub(rest, 0, stop == SPAN_NONE ? rest.len : stop);
        if (!words_unit(name) || (!behind && !words_begins(name))) return;
        count++;
        if (stop == SPAN_NONE) break;
        rest = span_sub(rest, stop + 1, rest.len);
    }
    if (count > 1 || words_prefix(inside) > 0) note(finder, FINDING_BRACKET_BARE, at, next);
}

/* ---- labelled lists ---------------------------------------------------------------------------
 */

static bool ends_list(uint32_t folded)
{
    return folded == U'、' || folded == ',' || folded == ':' || folded == ';' || folded == '/' ||
           folded == U'和' || folded == U'及' || folded == U'与';
}

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
    if (ends_list(last) && last != ';') return true;
    size_t tail = at;
    while (tail > from && !ends_list(finder->all.f[tail - 1]) &&
           (tail == at || !(finder->all.c[tail] & WORDS_GAP)))
        tail--;
    struct span line = span_sub(finder->all, at, line_end(finder, at, end));
    size_t stop = span_find_any(line, U"、,;");
    size_t head = 1, most = stop == SPAN_NONE ? line.len : stop;
    while (head < most && !(line.c[head] & WORDS_GAP) && !words_opens(line.f[head])) head++;
    /* A label that the line break cuts. */
    if (label_at(finder, tail, end, &role) > at - tail) return true;
    bool units = all_units(line);
    if (finder->all.c[at] & WORDS_BLANK) return units && words_prefix(line) > 0;
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
        bool fresh =
            (flags & WORDS_GAP) != 0 || ends_list(before) || before == ')' || before == U'。';
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
        if (folded == U'」' || folded == U'』' || folded == U'”') return at;
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
        note(finder, FINDING_LIST_LONG, region->from, end);
        return false;
    }
    struct span span = span_sub(finder->all, region->from, end);
    roles_parse(span, ROLE_NONE, &roles);
    roles_quality(&roles, &good, &bad);
    bool line = (finder->all.c[region->from] & WORDS_LINE) != 0;
    if (good == 0 && (bad == 0 || !line)) {
        if (line && region->role != ROLE_OTHER)
            note(finder, FINDING_LABEL_EMPTY, region->from, end);
        roles_fini(&roles);
        return false;
    }
    add(finder, CLAUSE_LABEL, region->from, end, &roles);
    *ret_to = end;
    return true;
}

/* A label that begins here, at the start of a line, a sentence or an item, or behind a gap. */
static bool try_label(struct finder *finder, size_t at, size_t *ret_to)
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
    struct region region = {at, at + len, role};
    return try_region(finder, &region, ret_to);
}

/* ---- sentences --------------------------------------------------------------------------------
 */

/* 第1至3项任务由: which items it means is not for us to say. */
static bool names_items(const struct finder *finder, size_t at)
{
    enum { BACK = 20 };
    size_t from = outline_item(finder->outline, finder->item)->body;
    if (at > from + BACK) from = at - BACK;
    bool item = false;
    for (size_t i = at; i > from; i--) {
        uint32_t folded = finder->all.f[i - 1];
        if (folded == U'。' || folded == ',' || folded == ';') return false;
        bool number = i > from + 1 && words_digit(finder->all.f[i - 2]);
        item = item || folded == U'项' || folded == U'条' || folded == U'款';
        if (folded == U'第') return item;
        if (number && item && (folded == U'项' || folded == U'条')) return true;
    }
    return false;
}

/* Only the last 由 before a word of a role can introduce the units of that word. */
static bool introduces_word(struct finder *finder, size_t at)
{
    enum { NAMES_LEN_MAX = 200 };
    if (finder->word <= at) {
        finder->word = at + 1;
        while (finder->word < finder->item_end && finder->all.f[finder->word] != U'由' &&
               !words_role_at(finder->all, finder->word))
            finder->word++;
    }
    size_t word = finder->word;
    return word < finder->item_end && finder->all.f[word] != U'由' && word - at <= NAMES_LEN_MAX;
}

static void try_sentence(struct finder *finder, size_t at)
{
    static const uint32_t before[] = U"理自事经缘来";
    struct roles roles;
    for (size_t i = 0; at > 0 && before[i]; i++)
        if (finder->all.f[at - 1] == before[i]) return;
    if (!introduces_word(finder, at) || finder->word == at + 1) return;
    size_t end = sentence_end(finder, at);
    struct span span = span_sub(finder->all, at + 1, end);
    if (span_find(span, U"负责解释") != SPAN_NONE || span_find(span, U"负责日常工作") != SPAN_NONE)
        return;
    if (!roles_sentence(span, &roles)) return;
    finder->sentence_until = end;
    if (names_items(finder, at)) {
        note(finder, FINDING_SCOPE_ITEMS, at, end);
        roles_fini(&roles);
        return;
    }
    add(finder, CLAUSE_SENTENCE, at, end, &roles);
}

/* L负责，C配合。 A whole sentence of nothing but units and their roles. */
static void try_plain(struct finder *finder, size_t at)
{
    enum { PLAIN_LEN_MAX = 200 };
    struct roles roles;
    size_t good = 0, bad = 0;
    uint32_t before = at > 0 ? finder->all.f[at - 1] : U'。';
    bool starts = before == U'。' || at == outline_item(finder->outline, finder->item)->body ||
                  ((finder->all.c[at] & WORDS_LINE) != 0 && !ends_list(before) && before != U'由');
    if (!starts || !words_ideograph(finder->all.f[at])) return;
    size_t end = sentence_end(finder, at);
    if (end - at > PLAIN_LEN_MAX) return;
    /* The unit's verb is near, or this is prose. */
    size_t stop = span_find_any(span_sub(finder->all, at, end), U"、,;。");
    struct span first = span_sub(finder->all, at, stop == SPAN_NONE ? end : at + stop);
    if (words_verb(first).at == 0 && !words_unit(first)) return;
    if (span_find(first, U"由") != SPAN_NONE) return;
    roles_parse(span_sub(finder->all, at, end), ROLE_NONE, &roles);
    roles_quality(&roles, &good, &bad);
    bool plain = bad == 0 && good > 0 && roles_count(&roles) == good &&
                 !(roles.flags & ROLES_DUTY_TEXT) &&
                 (roles_has(&roles, ROLE_HEAD) || roles_has(&roles, ROLE_LEAD));
    bool begins = false;
    for (size_t i = 0; i < roles_count(&roles); i++)
        begins = begins || words_begins(roles_name(&roles, i)->span);
    if (!plain || !begins) {
        roles_fini(&roles);
        return;
    }
    finder->sentence_until = end;
    add(finder, CLAUSE_SENTENCE, at, end, &roles);
}

static bool is_prose(const struct finder *finder, size_t at)
{
    static const uint32_t *const words[] = {U"负责", U"牵头", U"配合"};
    struct span span = span_sub(finder->all, at, finder->item_end);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(span, words[i]))
            return !span_starts(span_sub(span, 2, span.len), U"人") &&
                   !span_starts(span_sub(span, 2, span.len), U"同志");
    return false;
}

static void note_prose(struct finder *finder, size_t at)
{
    enum { BEFORE = 10, AFTER = 12 };
    size_t body = outline_item(finder->outline, finder->item)->body;
    size_t from = at > body + BEFORE ? at - BEFORE : body < at ? body : at;
    size_t to = at + AFTER < finder->item_end ? at + AFTER : finder->item_end;
    findings_add(finder->findings, FINDING_PROSE, text_line_of(finder->text, at),
                 span_sub(finder->all, from, to));
}

/* ---- the walk ---------------------------------------------------------------------------------
 */

static const struct bracket *bracket_here(struct finder *finder, size_t at)
{
    const struct bracket *list = (const struct bracket *)(const void *)finder->brackets.data;
    size_t count = finder->brackets.len / sizeof *list;
    while (finder->bracket < count && list[finder->bracket].open < at) finder->bracket++;
    bool here = finder->bracket < count && list[finder->bracket].open == at;
    return here ? &list[finder->bracket] : NULL;
}

/* Enters the next item when `at` reaches it; the first character behind its number. */
static size_t enter_item(struct finder *finder, size_t at)
{
    while (at == finder->item_end && at < finder->all.len) {
        finder->item++;
        finder->item_end = outline_end(finder->outline, finder->item, finder->text);
        uint32_t body = outline_item(finder->outline, finder->item)->body;
        at = body > at ? body : at;
    }
    return at;
}

/* 排在首位的为牵头单位: the order of the names says who leads; it is kept. */
static void look_at_first(struct finder *finder, size_t at)
{
    static const uint32_t *const words[] = {U"首位", U"第一位", U"第一个", U"排名第一", U"首个"};
    enum { NEAR = 16 };
    size_t end = at + NEAR < finder->item_end ? at + NEAR : finder->item_end;
    struct span span = span_sub(finder->all, at, end);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(span, words[i]) && span_find(span, U"牵头") != SPAN_NONE)
            note(finder, FINDING_FIRST_LEADS, at, end);
}

static size_t step(struct finder *finder, size_t at)
{
    size_t to = at + 1;
    uint32_t folded = finder->all.f[at];
    const struct bracket *bracket = bracket_here(finder, at);
    if (bracket && (try_bracket(finder, bracket, &to) || words_opens(folded))) return to;
    if (words_opens(folded)) look_at_bare(finder, at);
    if (folded == U'首' || folded == U'第' || folded == U'排') look_at_first(finder, at);
    if (at >= finder->sentence_until && (folded == U'以' || folded == U'上' || folded == U'前' ||
                                         folded == U'下' || folded == U'本')) {
        if (try_scope(finder, at, finder->item_end, &to)) return to;
    }
    if (try_label(finder, at, &to)) return to;
    if (folded == U'由' && at >= finder->sentence_until) try_sentence(finder, at);
    if (at >= finder->sentence_until) try_plain(finder, at);
    if (at >= finder->sentence_until && is_prose(finder, at)) note_prose(finder, at);
    return at + 1;
}

static bool is_other(const struct clause *clause)
{
    return clause->form != CLAUSE_SENTENCE && clause->form != CLAUSE_SCOPE;
}

static bool leads(const struct roles *roles)
{
    return roles_has(roles, ROLE_HEAD) || roles_has(roles, ROLE_LEAD);
}

/* 由L牵头（C配合）: the bracket's units behind those of the sentence. */
static void join(struct clause *sentence, struct clause *bracket)
{
    struct buf names = sentence->roles.names;
    buf_append_bytes(&names, buf_bytes(&bracket->roles.names));
    sentence->roles.names = (struct buf){0};
    buf_fini(&bracket->roles.names);
    bracket->roles.names = names;
    bracket->roles.flags |= sentence->roles.flags;
    bracket->line_first = sentence->line_first;
}

/* Does the first lead of a sentence begin like a unit's name? 刑侦部门 does not. */
static bool is_named(const struct clause *clause)
{
    for (size_t i = 0; i < roles_count(&clause->roles); i++) {
        const struct role_name *name = roles_name(&clause->roles, i);
        if (name->role == ROLE_HEAD || name->role == ROLE_LEAD) return words_begins(name->span);
    }
    return false;
}

/* Of several sentences of an item those whose lead has no place of its own are prose, if another's
 * has. */
static void drop_unnamed(struct finder *finder, size_t from, size_t to)
{
    bool named = false;
    if (outline_item(finder->outline, clauses_at(finder->clauses, from)->item)->form ==
        OUTLINE_ROOT)
        return;
    for (size_t i = from; i < to; i++)
        named = named || (clauses_at(finder->clauses, i)->form == CLAUSE_SENTENCE &&
                          is_named(clauses_at(finder->clauses, i)));
    for (size_t i = from; named && i < to; i++) {
        struct clause *clause = clauses_at(finder->clauses, i);
        if (clause->form != CLAUSE_SENTENCE || is_named(clause)) continue;
        clause->dropped = true;
        note(finder, FINDING_PROSE, clause->from, clause->to);
    }
}

/* Sentences of items that have a bracket or a label are prose. In a text without numbers, where all
 * is one item, those that hold the bracket or stand right before it. */
static void drop_sentences(struct finder *finder)
{
    struct clauses *clauses = finder->clauses;
    size_t count = clauses_count(clauses);
    for (size_t from = 0, to = 0; from < count; from = to) {
        bool other = false;
        uint32_t item = clauses_at(clauses, from)->item;
        bool root = outline_item(finder->outline, item)->form == OUTLINE_ROOT;
        for (to = from; to < count && clauses_at(clauses, to)->item == item; to++)
            other = other || is_other(clauses_at(clauses, to));
        drop_unnamed(finder, from, to);
        struct clause *next = NULL; /* the bracket or label behind the sentence */
        for (size_t i = to; other && i-- > from;) {
            struct clause *clause = clauses_at(clauses, i);
            if (is_other(clause)) next = clause;
            bool beside = next && next->from <= clause->to;
            if (clause->form != CLAUSE_SENTENCE || clause->dropped || (root && !beside)) continue;
            clause->dropped = true;
            if (beside && !leads(&next->roles) && leads(&clause->roles))
                join(clause, next);
            else
                note(finder, FINDING_PROSE, clause->from, clause->to);
        }
    }
}

void clauses_find(struct clauses *clauses, const struct text *text, const struct outline *outline,
                  struct findings *findings)
{
    struct finder finder = {.clauses = clauses,
                            .text = text,
                            .outline = outline,
                            .findings = findings,
                            .all = text_span(text, 0, text_len(text))};
    finder.item_end = outline_end(outline, 0, text);
    brackets_find(&finder.brackets, text, outline, findings);
    for (size_t at = enter_item(&finder, 0); at < finder.all.len; at = enter_item(&finder, at))
        at = step(&finder, at);
    drop_sentences(&finder);
    buf_fini(&finder.brackets);
}
