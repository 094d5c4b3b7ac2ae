#include "clients/plan/derive/brackets.h"
#include "clients/plan/derive/clause_inner.h"

enum { BRACKET_LEN_MAX = 3000 };

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
    clause_note(finder, FINDING_BRACKET_CLOSE, bracket->open, *ret_to);
    clause_add_found(finder, CLAUSE_BRACKET, bracket->open, *ret_to, &roles);
    return true;
}

/* *ret_to is one past the closing bracket. */
static bool try_bracket(struct finder *finder, const struct bracket *bracket, size_t *ret_to)
{
    struct roles roles;
    bool opened = words_opens(finder->all.f[bracket->open]);
    size_t from = bracket->open, to = bracket->close;
    if (to - from > BRACKET_LEN_MAX) {
        if (bracket->closed) clause_note(finder, FINDING_LIST_LONG, from, to);
        return false;
    }
    if (!opened) return try_unopened(finder, bracket, ret_to);
    if (!bracket->closed) {
        size_t stop = span_find_any(span_sub(finder->all, from + 1, to), U"。");
        if (stop != SPAN_NONE) to = from + 1 + stop;
    }
    if (clause_try_scope(finder, from + 1, to, ret_to)) {
        clauses_at(finder->clauses, clauses_count(finder->clauses) - 1)->from = (uint32_t)from;
        *ret_to = to + bracket->closed;
        return true;
    }
    roles_parse(span_sub(finder->all, from + 1, to), ROLE_NONE, &roles);
    if (!good_enough(&roles)) {
        if (roles.verb_count > 0 && roles_count(&roles) > 0)
            clause_note(finder, FINDING_PROSE_BRACKET, from, to + bracket->closed);
        roles_fini(&roles);
        return false;
    }
    if (!bracket->closed) clause_note(finder, FINDING_BRACKET_OPEN, from, to);
    *ret_to = to + bracket->closed;
    clause_add_found(finder, CLAUSE_BRACKET, from, *ret_to, &roles);
    return true;
}

/* Does what stands before `at`, back to a separator, end like a unit's name? */
static bool follows_unit(const struct finder *finder, size_t at)
{
    enum { NAME_LEN_MAX = 20 };
    size_t body = outline_item(finder->outline, finder->item)->body, from = at;
    while (from > body && at - from < NAME_LEN_MAX && !clause_ends_list(finder->all.f[from - 1]) &&
           finder->all.f[from - 1] != U'。')
        from--;
    for (; from + 2 < at; from++) {
        struct span name = span_sub(finder->all, from, at);
        if (words_begins(name) && words_unit(name)) return true;
    }
    return false;
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
    /* 市市场监管局（知识产权局）: a double name, in a list. */
    if (next < finder->item_end &&
        (clause_ends_list(finder->all.f[next]) || words_role_at(finder->all, next)))
        return;
    if (!behind && follows_unit(finder, at)) return;
    struct span inside = span_sub(finder->all, at + 1, at + close);
    size_t count = 0;
    for (struct span rest = inside; rest.len > 0;) {
        size_t stop = span_find_any(rest, U"、,;");
        struct span name = span_trim(span_sub(rest, 0, stop == SPAN_NONE ? rest.len : stop));
        bool time = count > 0 && words_deadline(name);
        /* （市公安局、市应急局会商研判）: units, and what they do. */
        size_t unit = words_unit_start(name);
        bool acts = unit > 0 && unit < name.len && words_certain(span_sub(name, 0, unit));
        if (acts && words_prefix(name) > 0) {
            clause_note(finder, FINDING_ROLE_MISSING, at, next);
            return;
        }
        if (!time &&
            (!words_unit(name) || (!behind && !words_begins(name) && !words_certain(name))))
            return;
        count++;
        if (stop == SPAN_NONE) break;
        rest = span_sub(rest, stop + 1, rest.len);
    }
    if (count == 1 && words_prefix(inside) == 0) return; /* （住建局）: or what was said before */
    struct roles roles;
    roles_parse(inside, ROLE_LEAD, &roles);
    clause_note(finder, FINDING_BRACKET_BARE, at, next);
    clause_add_found(finder, CLAUSE_BRACKET, at, next, &roles);
    clauses_at(finder->clauses, clauses_count(finder->clauses) - 1)->bare = true;
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
            clause_note(finder, FINDING_FIRST_LEADS, at, end);
}

static size_t step(struct finder *finder, size_t at)
{
    size_t to = at + 1;
    uint32_t folded = finder->all.f[at];
    bool line = (finder->all.c[at] & WORDS_LINE) != 0 || at == 0 || finder->all.f[at - 1] == U'。';
    if (line && (folded == '(' || folded == U'第') && at >= finder->sentence_until &&
        clause_try_scope(finder, at, finder->item_end, &to))
        return to;
    const struct bracket *bracket = bracket_here(finder, at);
    if (bracket && try_bracket(finder, bracket, &to)) return to;
    if (words_opens(folded)) look_at_bare(finder, at);
    if (folded == U'首' || folded == U'第' || folded == U'排') look_at_first(finder, at);
    if (at >= finder->sentence_until && (folded == U'以' || folded == U'上' || folded == U'前' ||
                                         folded == U'下' || folded == U'本')) {
        if (clause_try_scope(finder, at, finder->item_end, &to)) return to;
    }
    if (clause_try_label(finder, at, &to)) return to;
    if (folded == U'由' && at >= finder->sentence_until) clause_try_sentence(finder, at);
    if (at >= finder->sentence_until) clause_try_plain(finder, at);
    if (at >= finder->sentence_until) clause_try_duty(finder, at);
    if (at >= finder->sentence_until && clause_is_prose(finder, at)) clause_note_prose(finder, at);
    return at + 1;
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
    clause_drop_sentences(&finder);
    clause_settle_claims(&finder);
    buf_fini(&finder.brackets);
    buf_fini(&finder.claims);
}
