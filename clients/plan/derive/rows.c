#include "clients/plan/derive/rows.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct drafter {
    struct buf *drafts;
    const struct clauses *clauses;
    struct outline *outline;
    const struct text *text;
    const struct tables *tables;
    struct findings *findings;
    bool *own;       /* by item: it has a clause */
    bool *below;     /* it or one below it has */
    uint32_t *count; /* clauses of the item */
    bool *numbered;  /* by division: items with numbers have clauses */
    size_t dash_depth;
    size_t row_item;             /* of the last row of a table */
    size_t scope_root, scope_to; /* what the last sentence about several items has covered */
};

static struct span title_of(const struct drafter *drafter, size_t item)
{
    size_t from = outline_item(drafter->outline, item)->at;
    size_t end = outline_end(drafter->outline, item, drafter->text);
    return text_span(drafter->text, from, end);
}

static size_t line_of(const struct drafter *drafter, size_t item)
{
    return text_line_of(drafter->text, outline_item(drafter->outline, item)->at);
}

/* ---- which item a clause is for ---------------------------------------------------------------
 */

/* What is known of the items below one, by the upper one's index. */
struct below {
    uint32_t items, with_clause;
    uint32_t own_leaves; /* with a clause of their own and nothing below */
    uint32_t last;
};

/* One of several on a line, or ①. */
static bool is_inline(const struct outline_item *item)
{
    return item->form == OUTLINE_CIRCLE || item->inlined;
}

static bool is_tail_clause(const struct drafter *drafter, const struct clause *clause)
{
    const struct outline_item *item = outline_item(drafter->outline, clause->item);
    bool form = clause->form == CLAUSE_BRACKET || clause->form == CLAUSE_LABEL;
    return !clause->dropped && form && (clause->own_line || is_inline(item)) &&
           item->form != OUTLINE_ROOT && drafter->count[clause->item] == 1 && !item->children;
}

/* Units on a line of their own behind the last of several items: for that one, or for all? Where no
 * items of the text have clauses one by one, they are for the level above; otherwise a person must
 * say. */
static void settle_tails(struct drafter *drafter)
{
    size_t count = outline_count(drafter->outline);
    struct below *below = calloc(count, sizeof *below);
    bool one_by_one = false;
    CHECK(below != NULL);
    for (size_t i = 1; i < count; i++) {
        const struct outline_item *item = outline_item(drafter->outline, i);
        if (item->form == OUTLINE_ROOT) continue;
        struct below *above = &below[item->parent];
        above->items++;
        above->with_clause += drafter->below[i];
        above->own_leaves += drafter->own[i] && !item->children;
        above->last = (uint32_t)i;
    }
    for (size_t i = 0; i < count; i++) one_by_one = one_by_one || below[i].own_leaves > 1;
    for (size_t i = 0; i < clauses_count(drafter->clauses); i++) {
        struct clause *clause = clauses_at(drafter->clauses, i);
        const struct outline_item *item = outline_item(drafter->outline, clause->item);
        const struct below *siblings = &below[item->parent];
        if (!is_tail_clause(drafter, clause) || siblings->items < 2 || siblings->with_clause != 1 ||
            siblings->last != clause->item || drafter->own[item->parent])
            continue;
        bool unclear = (one_by_one && !is_inline(item)) ||
                       outline_item(drafter->outline, item->parent)->form == OUTLINE_ROOT;
        findings_add(drafter->findings, unclear ? FINDING_SCOPE_UNCLEAR : FINDING_SCOPE_PARENT,
                     clause->line_first, title_of(drafter, item->parent));
        if (unclear) continue;
        drafter->count[clause->item]--;
        drafter->own[clause->item] = false;
        clause->item = item->parent;
        drafter->count[clause->item]++;
        drafter->own[clause->item] = true;
    }
    free(below);
}

static void mark_items(struct drafter *drafter)
{
    for (size_t i = 0; i < clauses_count(drafter->clauses); i++) {
        const struct clause *clause = clauses_at(drafter->clauses, i);
        if (clause->dropped || clause->form == CLAUSE_SCOPE) continue;
        if (clause->form != CLAUSE_TABLE) {
            drafter->own[clause->item] = true;
            drafter->count[clause->item]++;
        }
        const struct outline_item *owner = outline_item(drafter->outline, clause->item);
        if (owner->form != OUTLINE_ROOT) drafter->numbered[owner->division] = true;
        uint32_t item = clause->item;
        while (!drafter->below[item]) {
            drafter->below[item] = true;
            item = outline_item(drafter->outline, item)->parent;
        }
    }
}

/* ---- ids --------------------------------------------------------------------------------------
 */

static struct draft *draft_at(const struct drafter *drafter, size_t index)
{
    return (struct draft *)(void *)drafter->drafts->data + index;
}

static size_t draft_count(const struct drafter *drafter)
{
    return drafter->drafts->len / sizeof(struct draft);
}

static struct draft *add_draft(struct drafter *drafter, size_t clause, size_t item, size_t order)
{
    struct draft draft = {.clause = (uint32_t)clause,
                          .item = (uint32_t)item,
                          .order = (uint32_t)order,
                          .division = outline_item(drafter->outline, item)->division};
    draft.id_count = (uint8_t)outline_id(drafter->outline, item, drafter->dash_depth, draft.id);
    buf_append(drafter->drafts, &draft, sizeof draft);
    return draft_at(drafter, draft_count(drafter) - 1);
}

static void append_id(struct draft *draft, uint32_t number)
{
    if (draft->id_count < ROWS_ID_MAX) draft->id[draft->id_count++] = number;
}

/* Rows of a table: their own numbers behind those of the heading above; without any, one more than
 * the row before. */
static void draft_row(struct drafter *drafter, size_t clause, uint32_t *last)
{
    const struct clause *row = clauses_at(drafter->clauses, clause);
    const struct table_row *table = tables_row(drafter->tables, row->row);
    struct draft *draft = add_draft(drafter, clause, row->item, row->from);
    bool says_again = table->dotted && draft->id_count > 0 && draft->id[0] == table->numbers[0];
    if (says_again) draft->id_count = 0;
    for (size_t i = 0; i < table->number_count; i++) append_id(draft, table->numbers[i]);
    /* Counted anew below every heading. */
    if (drafter->row_item != row->item) *last = 0;
    drafter->row_item = row->item;
    if (table->number_count == 0) append_id(draft, *last + 1);
    *last = draft->id[draft->id_count - 1];
}

static bool is_root(const struct drafter *drafter, size_t item)
{
    return outline_item(drafter->outline, item)->form == OUTLINE_ROOT;
}

/* The items above or below a sentence that have no clause: those at its own level, and below them.
 */
static void draft_scope(struct drafter *drafter, size_t index)
{
    const struct clause *clause = clauses_at(drafter->clauses, index);
    size_t count = outline_count(drafter->outline);
    size_t item = clause->item, drafted = 0;
    bool below = clause->scope == SCOPE_BELOW;
    bool inside = below && outline_item(drafter->outline, item)->children;
    size_t root =
        is_root(drafter, item) || inside ? item : outline_item(drafter->outline, item)->parent;
    size_t from = below ? item + 1 : root, to = below ? count : item + 1;
    if (drafter->scope_to > from && drafter->scope_root == root) from = drafter->scope_to;
    drafter->scope_root = root;
    for (size_t i = from; i < to; i++) {
        const struct outline_item *other = outline_item(drafter->outline, i);
        size_t up = i;
        while (up > root && !is_root(drafter, up)) up = outline_item(drafter->outline, up)->parent;
        if (up != root && below) {
            to = i;
            break;
        }
        if (up != root || other->children || drafter->own[i] || other->form == OUTLINE_ROOT)
            continue;
        bool named = other->values[0] < 64 && (clause->numbers >> other->values[0] & 1) != 0;
        if (clause->numbers != 0 && !named) continue;
        /* An item that is nothing but the sentence is none of the tasks. */
        if (i == item && clause->from <= other->body + 1u) continue;
        (void)add_draft(drafter, index, i, other->at);
        drafter->own[i] = true;
        drafted++;
    }
    drafter->scope_to = from > to ? from : to;
    struct span excerpt = text_span(drafter->text, clause->from, clause->to);
    size_t wanted = clause->named;
    for (uint64_t rest = clause->numbers; rest != 0; rest &= rest - 1)
        wanted = rest == clause->numbers ? 1 : wanted + 1;
    if (wanted > 0 && wanted != drafted)
        findings_add(drafter->findings, FINDING_SCOPE_ITEMS, clause->line_first, excerpt);
    findings_add(drafter->findings, drafted > 0 ? FINDING_SCOPE_APPLIED : FINDING_SCOPE_EMPTY,
                 clause->line_first, excerpt);
}

static void draft_clause(struct drafter *drafter, size_t index, uint32_t *nth)
{
    const struct clause *clause = clauses_at(drafter->clauses, index);
    struct draft *draft = add_draft(drafter, index, clause->item, clause->from);
    uint32_t number = ++nth[clause->item];
    if (is_root(drafter, clause->item)) {
        if (drafter->numbered[draft->division]) append_id(draft, 0);
        append_id(draft, number);
    } else if (drafter->count[clause->item] > 1) {
        append_id(draft, number);
        if (number == 2)
            findings_add(drafter->findings, FINDING_SEVERAL, clause->line_first,
                         title_of(drafter, clause->item));
    }
}

static int compare_order(const void *left, const void *right)
{
    const struct draft *a = left, *b = right;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return a->clause < b->clause ? -1 : a->clause > b->clause;
}

/* The first annex or body with rows keeps its ids; those of the others begin above 100. */
static void number_divisions(struct drafter *drafter)
{
    uint32_t first = UINT32_MAX, last = UINT32_MAX, number = 100;
    for (size_t i = 0; i < draft_count(drafter); i++) {
        struct draft *draft = draft_at(drafter, i);
        if (first == UINT32_MAX) first = last = draft->division;
        if (draft->division == first) continue;
        if (draft->division != last) {
            number++;
            findings_add(drafter->findings, FINDING_DIVISION,
                         clauses_at(drafter->clauses, draft->clause)->line_first, (struct span){0});
        }
        last = draft->division;
        memmove(draft->id + 1, draft->id, (ROWS_ID_MAX - 1) * sizeof draft->id[0]);
        draft->id[0] = number;
        if (draft->id_count < ROWS_ID_MAX) draft->id_count++;
    }
}

static int compare_ids(const void *left, const void *right)
{
    const struct draft *a = *(const struct draft *const *)left;
    const struct draft *b = *(const struct draft *const *)right;
    size_t count = a->id_count < b->id_count ? a->id_count : b->id_count;
    for (size_t i = 0; i < count; i++)
        if (a->id[i] != b->id[i]) return a->id[i] < b->id[i] ? -1 : 1;
    return a->id_count < b->id_count ? -1 : a->id_count > b->id_count;
}

static void find_repeated(struct drafter *drafter)
{
    size_t count = draft_count(drafter);
    struct draft **sorted = calloc(count + 1, sizeof *sorted);
    CHECK(sorted != NULL);
    for (size_t i = 0; i < count; i++) sorted[i] = draft_at(drafter, i);
    qsort(sorted, count, sizeof *sorted, compare_ids);
    for (size_t i = 1; i < count; i++) {
        if (compare_ids(&sorted[i - 1], &sorted[i]) != 0) continue;
        const struct clause *clause = clauses_at(drafter->clauses, sorted[i]->clause);
        findings_add(drafter->findings, FINDING_ID_REPEATED, clause->line_first,
                     title_of(drafter, sorted[i]->item));
    }
    free(sorted);
}

/* Leaves without a clause among items that have one. */
static void find_bare(struct drafter *drafter)
{
    size_t count = outline_count(drafter->outline);
    bool *level = calloc(count, sizeof *level);
    bool *duty = calloc(count, sizeof *duty);
    CHECK(level != NULL && duty != NULL);
    for (size_t i = 0; i < clauses_count(drafter->clauses); i++) {
        const struct clause *clause = clauses_at(drafter->clauses, i);
        if (clause->duty && !clause->dropped)
            duty[outline_item(drafter->outline, clause->item)->parent] = true;
    }
    for (size_t i = 0; i < count; i++)
        if (drafter->own[i] && !outline_item(drafter->outline, i)->children)
            level[outline_item(drafter->outline, i)->parent] = true;
    for (size_t i = 0; i < count; i++) {
        const struct outline_item *item = outline_item(drafter->outline, i);
        if (item->form == OUTLINE_ROOT || item->children || drafter->own[i] || item->clear ||
            !level[item->parent])
            continue;
        /* Among items that begin with who is responsible, one that begins with a unit. */
        struct span body =
            text_span(drafter->text, item->body, outline_end(drafter->outline, i, drafter->text));
        size_t name = duty[item->parent] ? words_unit_start(body) : 0;
        bool unit = name > 0 && words_certain(span_sub(body, 0, name));
        findings_add(drafter->findings, unit ? FINDING_ROLE_MISSING : FINDING_ITEM_BARE,
                     line_of(drafter, i), title_of(drafter, i));
    }
    free(level);
    free(duty);
}

/* The deepest number that dashes with clauses stand under. */
static size_t find_dash_depth(const struct drafter *drafter)
{
    size_t depth = 0;
    for (size_t i = 0; i < outline_count(drafter->outline); i++) {
        const struct outline_item *item = outline_item(drafter->outline, i);
        if (item->form != OUTLINE_DASH || !drafter->own[i]) continue;
        size_t above = outline_depth(drafter->outline, item->parent);
        depth = above > depth ? above : depth;
    }
    return depth;
}

static void draft_all(struct drafter *drafter)
{
    uint32_t *nth = calloc(outline_count(drafter->outline), sizeof *nth);
    uint32_t last = 0;
    CHECK(nth != NULL);
    for (size_t i = 0; i < clauses_count(drafter->clauses); i++) {
        const struct clause *clause = clauses_at(drafter->clauses, i);
        if (clause->dropped) continue;
        if (clause->form == CLAUSE_TABLE)
            draft_row(drafter, i, &last);
        else if (clause->form == CLAUSE_SCOPE)
            draft_scope(drafter, i);
        else
            draft_clause(drafter, i, nth);
    }
    free(nth);
    if (drafter->drafts->len > 0)
        qsort(drafter->drafts->data, draft_count(drafter), sizeof(struct draft), compare_order);
    number_divisions(drafter);
    find_repeated(drafter);
    find_bare(drafter);
}

void rows_draft(struct buf *drafts, const struct clauses *clauses, struct outline *outline,
                const struct text *text, const struct tables *tables, struct findings *findings)
{
    size_t count = outline_count(outline);
    struct drafter drafter = {.drafts = drafts,
                              .clauses = clauses,
                              .outline = outline,
                              .text = text,
                              .tables = tables,
                              .findings = findings,
                              .own = calloc(count, sizeof(bool)),
                              .below = calloc(count, sizeof(bool)),
                              .count = calloc(count, sizeof(uint32_t)),
                              .numbered = calloc(count, sizeof(bool))};
    CHECK(drafter.own && drafter.below && drafter.count && drafter.numbered);
    mark_items(&drafter);
    outline_clear(outline, text, drafter.below);
    settle_tails(&drafter);
    drafter.dash_depth = find_dash_depth(&drafter);
    draft_all(&drafter);
    free(drafter.own);
    free(drafter.below);
    free(drafter.count);
    free(drafter.numbered);
}
