#include "clients/plan/derive/check.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct checker {
    const struct buf *drafts;
    const struct clauses *clauses;
    const struct outline *outline;
    const struct text *text;
    const struct tables *tables;
    struct findings *findings;
    struct buf lines; /* uint32_t each, ascending: those with something undecided */
    size_t line;      /* the last that was reported here */
};

static int compare_lines(const void *left, const void *right)
{
    const uint32_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static void list_lines(struct checker *checker)
{
    const struct finding *list = (const struct finding *)(const void *)checker->findings->list.data;
    for (size_t i = 0; i < checker->findings->list.len / sizeof *list; i++)
        if (finding_undecided(list[i].code))
            buf_append(&checker->lines, &list[i].line, sizeof list[i].line);
    size_t count = checker->lines.len / sizeof(uint32_t);
    if (count > 0) qsort(checker->lines.data, count, sizeof(uint32_t), compare_lines);
}

/* A line about which a person is asked already. */
static bool is_listed(const struct checker *checker, size_t line)
{
    uint32_t number = (uint32_t)line;
    size_t count = checker->lines.len / sizeof number;
    return count > 0 &&
           bsearch(&number, checker->lines.data, count, sizeof number, compare_lines) != NULL;
}

/* ---- within an assignment ---------------------------------------------------------------------
 */

/* A span of an assignment, and which of its characters belong to names. */
struct region {
    struct span span;
    bool *named;
    const struct clause *clause;
};

static bool is_separator(uint32_t folded)
{
    return folded == U'、' || folded == ',' || folded == ';' || folded == U'。' || folded == ':' ||
           words_opens(folded) || words_closes(folded);
}

static void mark_names(struct region *region)
{
    const struct span *names = (const struct span *)(const void *)region->clause->taken.data;
    const uint32_t *begin = region->span.c, *end = region->span.c + region->span.len;
    for (size_t i = 0; i < region->clause->taken.len / sizeof *names; i++) {
        if (names[i].c < begin || names[i].c >= end) continue;
        size_t from = (size_t)(names[i].c - begin);
        for (size_t j = from; j < from + names[i].len && j < region->span.len; j++)
            region->named[j] = true;
    }
}

static void report(struct checker *checker, const struct region *region, enum finding_code code,
                   size_t from, size_t to)
{
    struct span span = span_sub(region->span, from, to);
    size_t line = region->clause->line_first;
    if (region->clause->form != CLAUSE_TABLE)
        line = text_line_of(
            checker->text,
            (size_t)(span.c - (const uint32_t *)(const void *)checker->text->points.data));
    if (is_listed(checker, line) || line == checker->line) return;
    checker->line = line;
    findings_add(checker->findings, code, line, span);
}

/* The label at the start of what is left of a span; its length, 0: none. */
static size_t label_at(struct span span, size_t at, enum role *ret_role)
{
    enum { LABEL_LEN_MAX = 24 };
    size_t end = at + LABEL_LEN_MAX < span.len ? at + LABEL_LEN_MAX : span.len;
    return words_label_start(span_sub(span, at, end), ret_role);
}

/* The length of the words of roles and labels that a chunk begins with. */
static size_t said_first(struct span span)
{
    size_t at = 0;
    for (;;) {
        struct span rest = span_sub(span, at, span.len);
        enum role role = ROLE_NONE;
        struct verb verb = words_verb(rest);
        size_t len = label_at(span, at, &role);
        bool shared = false;
        bool said =
            verb.kind != VERB_NONE && words_strip(span_sub(rest, 0, verb.at), &shared).len == 0;
        if (len == 0 && said) len = verb.at + verb.len;
        if (len == 0) return at;
        at += len;
    }
}

/* 市教育局局长 何某: the unit that ends at `at` says whose officer somebody is. */
static bool is_person(struct span chunk, size_t at)
{
    enum { TITLE_LEN_MAX = 4 };
    for (size_t len = 2; len <= TITLE_LEN_MAX && at + len <= chunk.len; len++)
        if (words_person(span_sub(chunk, at, at + len))) return true;
    return words_person(chunk);
}

/* A unit in what no name covers. */
static void find_left(struct checker *checker, const struct region *region)
{
    for (size_t from = 0, to = 0; from < region->span.len; from = to + 1) {
        to = from;
        while (to < region->span.len && !region->named[to] && !is_separator(region->span.f[to]))
            to++;
        size_t len = 0;
        from += said_first(span_sub(region->span, from, to));
        bool open = region->clause->form != CLAUSE_SENTENCE;
        size_t at = words_find_unit(span_sub(region->span, from, to), open, &len);
        if (at != SPAN_NONE && !is_person(span_sub(region->span, from, to), at + len))
            report(checker, region, FINDING_UNIT_LEFT, from + at, from + at + len);
    }
}

/* An element of a list beside one that is a name. */
static void look_beside(struct checker *checker, const struct region *region, size_t mark)
{
    size_t from = mark, to = mark + 1, len = region->span.len;
    bool before = mark > 0 && region->named[mark - 1];
    bool after = mark + 1 < len && region->named[mark + 1];
    if (before == after) return;
    while (from > 0 && !is_separator(region->span.f[from - 1]) && !region->named[from - 1]) from--;
    while (to < len && !is_separator(region->span.f[to]) && !region->named[to]) to++;
    struct span left =
        before ? span_sub(region->span, mark + 1, to) : span_sub(region->span, from, mark);
    struct verb verb = words_verb(left);
    bool said = verb.kind != VERB_NONE && verb.at == 0; /* A牵头、B配合 */
    if (left.len == 0 || said || words_deadline(left) || words_person(left)) return;
    report(checker, region, FINDING_LIST_CUT, before ? mark + 1 : from, before ? to : mark);
}

static void check_region(struct checker *checker, const struct clause *clause, struct span span)
{
    struct region region = {span, calloc(span.len + 1, sizeof(bool)), clause};
    CHECK(region.named != NULL);
    mark_names(&region);
    find_left(checker, &region);
    for (size_t i = 0; i < span.len; i++)
        if (span.f[i] == U'、' && !region.named[i]) look_beside(checker, &region, i);
    free(region.named);
}

static void check_clause(struct checker *checker, const struct clause *clause)
{
    if (clause->form != CLAUSE_TABLE) {
        struct span span = text_span(checker->text, clause->from, clause->to);
        /* What a further sentence says of other items has its finding. */
        for (size_t i = 0; (clause->roles.flags & ROLES_OTHERS) && i < span.len; i++)
            if (span.f[i] == U'。') span.len = i;
        check_region(checker, clause, span);
        return;
    }
    const struct table_row *row = tables_row(checker->tables, clause->row);
    for (size_t i = 0; i < row->cell_count; i++)
        check_region(checker, clause,
                     text_span(&checker->tables->cells, row->cells[i].from, row->cells[i].to));
}

/* ---- outside of them --------------------------------------------------------------------------
 */

/* A list of units, each with a place of its own, but for those whom the text is sent to: where it
 * begins; SPAN_NONE: none. */
static size_t find_list(struct span span)
{
    size_t before = SPAN_NONE;
    bool sent = false;
    for (size_t from = 0, to = 0; from < span.len; from = to + 1) {
        to = from;
        while (to < span.len && !is_separator(span.f[to])) to++;
        struct span chunk = span_sub(span, from, to);
        sent = sent || span_ends(chunk, U"抄送") || span_ends(chunk, U"主送") ||
               span_ends(chunk, U"分送");
        if (sent) {
            sent = to < span.len && span.f[to] != U'。';
            continue;
        }
        size_t len = 0, at = words_find_unit(span_sub(span, from, to), false, &len);
        bool begins = at == 0, ends = at != SPAN_NONE && from + at + len == to;
        if (before != SPAN_NONE && begins) return before;
        before = ends && to < span.len && span.f[to] == U'、' ? from + at : SPAN_NONE;
    }
    return SPAN_NONE;
}

/* A unit that stands apart in its line, as a cell of a table without a head does. */
static size_t find_cell(struct span span)
{
    for (size_t at = 1; at < span.len; at++) {
        if ((span.c[at] & WORDS_WIDE) == 0 || (span.c[at] & WORDS_LINE) != 0) continue;
        size_t end = at + 1;
        while (end < span.len && (span.c[end] & (WORDS_WIDE | WORDS_LINE)) == 0 &&
               !is_separator(span.f[end]))
            end++;
        struct span cell = span_sub(span, at, end);
        if (words_prefix(cell) > 0 && words_certain(cell)) return at;
    }
    return SPAN_NONE;
}

/* 牵头单位 配合单位, 责任单位 完成时限: the head of a table whose cells the dump has run together.
 */
static size_t find_head(struct span span)
{
    enum { COLUMN_LEN_MAX = 6 };
    for (size_t at = 0; at < span.len; at++) {
        enum role role = ROLE_NONE, next = ROLE_NONE;
        if (!words_role_at(span, at)) continue;
        size_t len = label_at(span, at, &role);
        if (len == 0 || role == ROLE_OTHER || at + len >= span.len) continue;
        struct span rest = span_sub(span, at + len, span.len);
        if (label_at(span, at + len, &next) > 0 && next != role) return at;
        for (size_t i = 4; i <= COLUMN_LEN_MAX && i <= rest.len; i++)
            if (words_column(span_sub(rest, 0, i)) && !is_separator(rest.f[0])) return at;
    }
    return SPAN_NONE;
}

/* Which items have a row, and which have leaves below them that have one. */
struct levels {
    bool *own, *above;
};

static void find_levels(const struct checker *checker, struct levels *levels)
{
    const struct draft *drafts = (const struct draft *)(const void *)checker->drafts->data;
    size_t count = outline_count(checker->outline);
    levels->own = calloc(count, sizeof(bool));
    levels->above = calloc(count, sizeof(bool));
    CHECK(levels->own && levels->above);
    for (size_t i = 0; i < checker->drafts->len / sizeof *drafts; i++)
        levels->own[drafts[i].item] = true;
    for (size_t i = 0; i < count; i++) {
        const struct outline_item *item = outline_item(checker->outline, i);
        if (levels->own[i] && !item->children) levels->above[item->parent] = true;
    }
}

/* Items without a row: a list of units, or a unit where the items beside it have rows. */
static void check_items(struct checker *checker, const struct levels *levels)
{
    for (size_t i = 0; i < outline_count(checker->outline); i++) {
        const struct outline_item *item = outline_item(checker->outline, i);
        size_t from = item->body, end = outline_end(checker->outline, i, checker->text), len = 0;
        if (levels->own[i] || from >= end) continue;
        struct span span = text_span(checker->text, from, end);
        enum finding_code code = FINDING_TABLE_EMPTY;
        size_t at = find_head(span);
        if (at == SPAN_NONE) {
            code = FINDING_UNITS_PROSE;
            at = find_list(span);
            if (at == SPAN_NONE) at = find_cell(span);
        }
        bool beside = item->form != OUTLINE_ROOT && !item->children && levels->above[item->parent];
        if (at == SPAN_NONE && beside) {
            code = FINDING_ITEM_UNITS;
            at = words_find_unit(span, true, &len);
        }
        if (at == SPAN_NONE) continue;
        size_t line = text_line_of(checker->text, from + at);
        if (!is_listed(checker, line))
            findings_add(checker->findings, code, line, span_sub(span, at, span.len));
    }
}

/* A number that was taken for none, and an assignment behind it that has the number before. */
static void check_numbers(struct checker *checker)
{
    const uint32_t *refused = (const uint32_t *)(const void *)checker->outline->refused.data;
    size_t next = 0, count = clauses_count(checker->clauses), len = text_len(checker->text);
    for (size_t i = 0; i < checker->outline->refused.len / sizeof *refused; i++) {
        size_t item = outline_find(checker->outline, refused[i]);
        size_t end = outline_end(checker->outline, item, checker->text);
        while (next < count && (clauses_at(checker->clauses, next)->from < refused[i] ||
                                clauses_at(checker->clauses, next)->dropped))
            next++;
        if (next == count || clauses_at(checker->clauses, next)->from >= end) continue;
        findings_add(checker->findings, FINDING_NUMBER_ODD, text_line_of(checker->text, refused[i]),
                     text_span(checker->text, refused[i], end < len ? end : len));
    }
}

void check_drafts(const struct buf *drafts, const struct clauses *clauses,
                  const struct outline *outline, const struct text *text,
                  const struct tables *tables, struct findings *findings)
{
    struct checker checker = {drafts, clauses, outline, text, tables, findings, {0}, 0};
    struct levels levels = {0};
    list_lines(&checker);
    for (size_t i = 0; i < clauses_count(clauses); i++)
        if (!clauses_at(clauses, i)->dropped) check_clause(&checker, clauses_at(clauses, i));
    find_levels(&checker, &levels);
    check_items(&checker, &levels);
    check_numbers(&checker);
    free(levels.own);
    free(levels.above);
    buf_fini(&checker.lines);
}
