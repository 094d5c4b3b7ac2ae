#include <stdlib.h>

#include "clients/plan/derive/clause_inner.h"
#include "proto/base/check.h"

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

/* 负责解释, 负责日常工作: duties of the plan's own, no task. */
static bool is_own_duty(struct span span)
{
    static const uint32_t *const words[] = {U"负责解释", U"负责日常工作", U"负责日常事务",
                                            U"牵头负责解释"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_find(span, words[i]) != SPAN_NONE) return true;
    return false;
}

void clause_try_sentence(struct finder *finder, size_t at)
{
    static const uint32_t before[] = U"理自事经缘来";
    struct roles roles;
    for (size_t i = 0; at > 0 && before[i]; i++)
        if (finder->all.f[at - 1] == before[i]) return;
    if (!introduces_word(finder, at) || finder->word == at + 1) return;
    size_t end = clause_sentence_end(finder, at);
    struct span span = span_sub(finder->all, at + 1, end);
    if (is_own_duty(span)) return;
    if (!roles_sentence(span, &roles)) return;
    finder->sentence_until = end;
    if (names_items(finder, at)) {
        clause_note(finder, FINDING_SCOPE_ITEMS, at, end);
        roles_fini(&roles);
        return;
    }
    clause_add_found(finder, CLAUSE_SENTENCE, at, end, &roles);
}

/* Is what stands between the item's number and `at` no more than its title? */
static bool behind_title(const struct finder *finder, size_t at)
{
    enum { TITLE_LEN_MAX = 30 };
    size_t body = outline_item(finder->outline, finder->item)->body, from = at;
    while (from > body && at - from <= TITLE_LEN_MAX && finder->all.f[from - 1] != U'。') from--;
    return from <= at && at - from <= TITLE_LEN_MAX &&
           span_find_any(span_sub(finder->all, from, at), U",;、") == SPAN_NONE;
}

/* L负责，C配合。 A whole sentence of nothing but units and their roles. */
void clause_try_plain(struct finder *finder, size_t at)
{
    enum { PLAIN_LEN_MAX = 200 };
    struct roles roles;
    size_t good = 0, bad = 0;
    uint32_t before = at > 0 ? finder->all.f[at - 1] : U'。';
    bool starts =
        before == U'。' || at == outline_item(finder->outline, finder->item)->body ||
        ((finder->all.c[at] & WORDS_LINE) != 0 && !clause_ends_list(before) && before != U'由') ||
        ((finder->all.c[at] & WORDS_GAP) != 0 && behind_title(finder, at));
    if (!starts || !words_ideograph(finder->all.f[at])) return;
    size_t end = clause_sentence_end(finder, at);
    if (end - at > PLAIN_LEN_MAX) return;
    /* The unit's verb is near, or this is prose. */
    size_t stop = span_find_any(span_sub(finder->all, at, end), U"、,;。");
    struct span first = span_sub(finder->all, at, stop == SPAN_NONE ? end : at + stop);
    if (words_verb(first).at == 0 && !words_unit(first)) return;
    if (span_find(first, U"由") != SPAN_NONE || roles_begin_later(first)) return;
    roles_parse(span_sub(finder->all, at, end), ROLE_NONE, &roles);
    roles_quality(&roles, &good, &bad);
    bool plain = bad == 0 && good > 0 && roles_count(&roles) == good &&
                 !(roles.flags & ROLES_DUTY_TEXT) &&
                 (roles_has(&roles, ROLE_HEAD) || roles_has(&roles, ROLE_LEAD));
    bool begins = false;
    for (size_t i = 0; i < roles_count(&roles); i++) {
        struct span name = roles_name(&roles, i)->span;
        begins = begins || words_begins(name);
        plain = plain && !words_role_noun(name);
    }
    if (!plain || !begins) {
        roles_fini(&roles);
        return;
    }
    finder->sentence_until = end;
    clause_add_found(finder, CLAUSE_SENTENCE, at, end, &roles);
}

/* 区委农办要…，负责…: among duties it is one. */
static void look_at_must(struct finder *finder, size_t at, struct span span)
{
    static const uint32_t *const words[] = {U"要", U"应", U"须", U"作为"};
    size_t len = words_unit_start(span);
    if (len == 0 || len >= span.len || !words_certain(span_sub(span, 0, len))) return;
    bool must = false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        must = must || span_starts(span_sub(span, len, span.len), words[i]);
    struct claim claim = {(uint32_t)at, (uint32_t)finder->item, false};
    if (must) buf_append(&finder->claims, &claim, sizeof claim);
}

/* The title of an item, up to a line break, a stop or `limit`. */
static struct span title_of(const struct finder *finder, size_t index, size_t limit)
{
    enum { TITLE_LEN_MAX = 40 };
    size_t from = outline_item(finder->outline, index)->body, to = from + 1;
    while (to < limit && to - from < TITLE_LEN_MAX && !(finder->all.c[to] & WORDS_LINE) &&
           finder->all.f[to] != U'。' && finder->all.f[to] != ':')
        to++;
    return span_trim(span_sub(finder->all, from < limit ? from : limit, to < limit ? to : limit));
}

/* 二、区卫健局 and below it 1.负责…: the heading is who is responsible. */
static bool try_headed(struct finder *finder, size_t at)
{
    size_t index = finder->item;
    const struct outline_item *item = outline_item(finder->outline, index);
    struct span span = span_sub(finder->all, at, clause_sentence_end(finder, at));
    struct verb verb = words_verb(span);
    if (verb.kind != VERB_ROLE || verb.at != 0 || verb.weak || item->form == OUTLINE_ROOT)
        return false;
    if (at == item->body) index = item->parent;
    if (outline_item(finder->outline, index)->form == OUTLINE_ROOT) return false;
    struct span title = title_of(finder, index, at);
    if (!words_certain(title)) return false;
    struct roles roles = {.verb_count = 1};
    struct role_name name = {title, verb.role == ROLE_COOP ? ROLE_COOP : ROLE_LEAD, true, false};
    buf_append(&roles.names, &name, sizeof name);
    roles_goes_on(span, &roles);
    finder->sentence_until = at + span.len;
    clause_add_found(finder, CLAUSE_SENTENCE, at, at + span.len, &roles);
    clauses_at(finder->clauses, clauses_count(finder->clauses) - 1)->duty = true;
    return true;
}

void clause_try_duty(struct finder *finder, size_t at)
{
    struct roles roles;
    size_t len = 0;
    uint32_t before = at > 0 ? finder->all.f[at - 1] : U'。';
    bool body = at == outline_item(finder->outline, finder->item)->body;
    bool line = (finder->all.c[at] & WORDS_LINE) != 0;
    bool gap = (finder->all.c[at] & WORDS_GAP) != 0;
    bool starts = body || before == U'。' || before == ';' || (gap && behind_title(finder, at));
    if (!starts || !words_ideograph(finder->all.f[at])) return;
    size_t end = clause_sentence_end(finder, at);
    struct span span = span_sub(finder->all, at, end);
    bool numbered = outline_item(finder->outline, finder->item)->form != OUTLINE_ROOT;
    if (is_own_duty(span)) return;
    if ((body || line) && try_headed(finder, at)) return;
    if (!roles_duty(span, body && numbered, &len, &roles)) {
        look_at_must(finder, at, span);
        return;
    }
    finder->sentence_until = at + len;
    clause_add_found(finder, CLAUSE_SENTENCE, at, at + len, &roles);
    clauses_at(finder->clauses, clauses_count(finder->clauses) - 1)->duty = true;
}

bool clause_is_prose(const struct finder *finder, size_t at)
{
    static const uint32_t *const words[] = {U"负责", U"牵头", U"配合"};
    struct span span = span_sub(finder->all, at, finder->item_end);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(span, words[i]))
            return !span_starts(span_sub(span, 2, span.len), U"人") &&
                   !span_starts(span_sub(span, 2, span.len), U"同志");
    return false;
}

static void note_prose(struct finder *finder, size_t at, enum finding_code code)
{
    enum { BEFORE = 10, AFTER = 12 };
    size_t body = outline_item(finder->outline, finder->item)->body;
    size_t from = at > body + BEFORE ? at - BEFORE : body < at ? body : at;
    size_t to = at + AFTER < finder->item_end ? at + AFTER : finder->item_end;
    findings_add(finder->findings, code, text_line_of(finder->text, at),
                 span_sub(finder->all, from, to));
}

/* The unit that running text says a word of a role of; false: none. */
static bool claim_at(const struct finder *finder, size_t at, struct claim *ret)
{
    enum { NAME_LEN_MAX = 30 };
    bool shared = false;
    size_t body = outline_item(finder->outline, finder->item)->body, from = at;
    while (from > body && at - from < NAME_LEN_MAX && !clause_ends_list(finder->all.f[from - 1]) &&
           finder->all.f[from - 1] != U'。' && !words_opens(finder->all.f[from - 1]))
        from--;
    struct span name = words_strip(span_sub(finder->all, from, at), &shared);
    uint32_t before = from > 0 ? finder->all.f[from - 1] : U'。';
    /* The name may stand on a line of its own, or behind 由. */
    for (size_t i = name.len; i-- > 1;)
        if (name.f[i] == U'由' ||
            ((name.c[i] & WORDS_LINE) && words_prefix(span_sub(name, i, name.len)) > 0))
            return false;
    ret->at = (uint32_t)at;
    ret->item = (uint32_t)finder->item;
    ret->certain = words_prefix(name) > 0 && words_certain(name);
    return ret->certain || ((before == U'。' || before == U'、') && words_unit(name) &&
                            !words_generic(name) && words_whole_unit(name));
}

void clause_note_prose(struct finder *finder, size_t at)
{
    struct claim claim;
    if (claim_at(finder, at, &claim)) {
        buf_append(&finder->claims, &claim, sizeof claim);
        return;
    }
    note_prose(finder, at, FINDING_PROSE);
}

void clause_settle_claims(struct finder *finder)
{
    const struct claim *claims = (const struct claim *)(const void *)finder->claims.data;
    size_t next = 0, count = clauses_count(finder->clauses);
    bool taken = false, duty = false; /* of the item of the claim before */
    for (size_t i = 0; i < finder->claims.len / sizeof *claims; i++) {
        if (i == 0 || claims[i].item != claims[i - 1].item) taken = duty = false;
        for (; next < count && clauses_at(finder->clauses, next)->item <= claims[i].item; next++) {
            const struct clause *clause = clauses_at(finder->clauses, next);
            if (clause->item != claims[i].item || clause->dropped) continue;
            taken = true;
            duty = duty || clause->duty;
        }
        bool unclear = claims[i].certain ? !taken || duty : duty;
        finder->item = claims[i].item;
        finder->item_end = outline_end(finder->outline, finder->item, finder->text);
        note_prose(finder, claims[i].at, unclear ? FINDING_DUTY_PROSE : FINDING_PROSE);
    }
}

/* ---- sentences that are prose -----------------------------------------------------------------
 */

static bool is_other(const struct clause *clause)
{
    return !clause->bare && clause->form != CLAUSE_SENTENCE && clause->form != CLAUSE_SCOPE;
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
        if (name->role == ROLE_HEAD || name->role == ROLE_LEAD)
            return words_begins(name->span) || words_certain(name->span);
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
        clause_note(finder, FINDING_PROSE, clause->from, clause->to);
    }
}

static bool says_coop(const struct clause *clause)
{
    const struct roles *roles = &clause->roles;
    return roles_has(roles, ROLE_COOP) ||
           (roles_has(roles, ROLE_HEAD) && roles_has(roles, ROLE_LEAD));
}

/* （市教育局） beside another assignment of the item, or a sentence that names both, explains
 * something; beside a sentence that only makes somebody responsible it is the assignment. In a text
 * without numbers nothing is beside anything. */
static void drop_bare(struct finder *finder, size_t from, size_t to, bool other)
{
    bool both = other, bare = false;
    if (outline_item(finder->outline, clauses_at(finder->clauses, from)->item)->form ==
        OUTLINE_ROOT)
        return;
    for (size_t i = from; i < to; i++) {
        const struct clause *clause = clauses_at(finder->clauses, i);
        bare = bare || clause->bare;
        both = both || (!clause->bare && !clause->dropped && says_coop(clause));
    }
    for (size_t i = from; bare && i < to; i++) {
        struct clause *clause = clauses_at(finder->clauses, i);
        if (clause->bare != both || clause->dropped) continue;
        clause->dropped = true;
        if (!both) clause_note(finder, FINDING_PROSE, clause->from, clause->to);
    }
}

/* 【牵头单位：L】【配合单位：C】 */
static void join_brackets(struct finder *finder, size_t second)
{
    struct clause *left = clauses_at(finder->clauses, second - 1);
    struct clause *right = clauses_at(finder->clauses, second);
    bool beside = left->form == CLAUSE_BRACKET && right->form == CLAUSE_BRACKET &&
                  right->from <= left->to + 1 && !left->dropped && !right->dropped;
    if (!beside || !leads(&left->roles) || roles_has(&left->roles, ROLE_COOP) ||
        leads(&right->roles) || !roles_has(&right->roles, ROLE_COOP))
        return;
    join(left, right);
    right->from = left->from;
    left->dropped = true;
}

/* Sentences of items that have a bracket or a label are prose. In a text without numbers, where all
 * is one item, those that hold the bracket or stand right before it. */
void clause_drop_sentences(struct finder *finder)
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
        drop_bare(finder, from, to, other);
        for (size_t i = from + 1; i < to; i++) join_brackets(finder, i);
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
                clause_note(finder, FINDING_PROSE, clause->from, clause->to);
        }
    }
}

/* A duty of an item of its own counts with those of the items beside it. */
static uint32_t duty_level(const struct clause *clause, const struct outline *outline)
{
    const struct outline_item *item = outline_item(outline, clause->item);
    return item->form == OUTLINE_ROOT || item->children ? clause->item : item->parent;
}

/* Does the duty begin its item or a line, without a title before it? */
static bool heads_item(const struct clause *clause, const struct outline *outline)
{
    return clause->own_line || clause->from == outline_item(outline, clause->item)->body;
}

/* Does a section about how the plan is run hold the item: 保障措施, 工作要求? */
static bool is_about_plan(const struct clause *clause, const struct outline *outline,
                          const struct text *text)
{
    static const uint32_t *const words[] = {U"保障",     U"组织领导", U"工作要求", U"组织实施",
                                            U"有关要求", U"附则",     U"督导检查", U"督查考核"};
    enum { TITLE_LEN_MAX = 14 };
    for (uint32_t i = clause->item;;) {
        const struct outline_item *item = outline_item(outline, i);
        size_t end = item->body + TITLE_LEN_MAX, stop = outline_end(outline, i, text);
        struct span title = text_span(text, item->body, end < stop ? end : stop);
        for (size_t j = 1; j < title.len; j++)
            if ((title.c[j] & WORDS_LINE) || title.f[j] == U'。') title.len = j;
        for (size_t j = 0; item->form != OUTLINE_ROOT && j < sizeof words / sizeof words[0]; j++)
            if (span_find(title, words[j]) != SPAN_NONE && item->children) return true;
        if (item->form == OUTLINE_ROOT) return false;
        i = item->parent;
    }
}

void clauses_settle_duties(const struct clauses *clauses, const struct outline *outline,
                           struct findings *findings, const struct text *text)
{
    bool other = false;
    /* By level: duties that begin an item or a line; some that say who cooperates. */
    uint32_t *count = calloc(outline_count(outline), sizeof *count);
    bool *coop = calloc(outline_count(outline), sizeof *coop);
    CHECK(count != NULL && coop != NULL);
    for (size_t i = 0; i < clauses_count(clauses); i++) {
        const struct clause *clause = clauses_at(clauses, i);
        if (clause->dropped) continue;
        other = other || !clause->duty;
        if (!clause->duty) continue;
        uint32_t level = duty_level(clause, outline);
        count[level] += heads_item(clause, outline);
        coop[level] = coop[level] || says_coop(clause);
    }
    for (size_t i = 0; other && i < clauses_count(clauses); i++) {
        struct clause *clause = clauses_at(clauses, i);
        if (clause->dropped || !clause->duty) continue;
        uint32_t level = duty_level(clause, outline);
        bool heads = heads_item(clause, outline);
        /* A负责X，B负责Y shares a task out. */
        bool shares = clause->roles.verb_count > 1;
        bool listed = says_coop(clause) || shares || coop[level] || (heads && count[level] > 1);
        /* An item that begins with who heads it is a task. */
        if (heads && roles_has(&clause->roles, ROLE_HEAD)) listed = true;
        if (listed && !is_about_plan(clause, outline, text)) continue;
        clause->dropped = true;
        findings_add(findings, FINDING_DUTY_PROSE, clause->line_first,
                     text_span(text, clause->from, clause->to));
    }
    free(count);
    free(coop);
}
