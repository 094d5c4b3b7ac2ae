#include "clients/plan/derive/derive.h"

#include <stdlib.h>
#include <string.h>

#include "clients/plan/derive/check.h"
#include "clients/plan/derive/encoding.h"
#include "clients/plan/derive/names.h"
#include "clients/plan/derive/rows.h"
#include "proto/base/check.h"

enum { CELL_LEN_MAX = 3000 };

/* What is built on the way, and freed when the rows stand. */
struct work {
    struct source source;
    struct text text;
    struct tables tables;
    struct outline outline;
    struct clauses clauses;
    struct buf drafts;
    unsigned *name_flags; /* by clause */
    struct findings *findings;
};

struct derive {
    struct findings findings;
    struct buf strings; /* all strings of the rows, each with a terminator */
    const char **names; /* of all rows, one after the other */
    struct derive_row *rows;
    size_t row_count;
};

/* ---- names of forms and flags -----------------------------------------------------------------
 */

const char *derive_form_name(enum derive_form form)
{
    static const char *const names[DERIVE_FORM_COUNT] = {"bracket", "label", "sentence", "table",
                                                         "scope"};
    return form < DERIVE_FORM_COUNT ? names[form] : "";
}

const char *derive_flag_name(size_t index)
{
    static const char *const names[DERIVE_FLAG_COUNT] = {
        "no-coop",   "group",    "generic", "nested",      "shared-prefix", "ranked",
        "et-cetera", "deadline", "leader",  "shared-duty", "line-split",    "name-split"};
    return index < DERIVE_FLAG_COUNT ? names[index] : "";
}

static unsigned flags_of(const struct clause *clause, unsigned names)
{
    static const struct {
        unsigned from, to;
    } by_names[] = {{NAMES_RANKED, DERIVE_RANKED},     {NAMES_GROUP, DERIVE_GROUP},
                    {NAMES_GENERIC, DERIVE_GENERIC},   {NAMES_NESTED, DERIVE_NESTED},
                    {NAMES_BROKEN, DERIVE_NAME_SPLIT}, {NAMES_SHARED_PREFIX, DERIVE_SHARED_PREFIX}};
    static const struct {
        unsigned from, to;
    } by_roles[] = {{ROLES_ET_CETERA, DERIVE_ET_CETERA},
                    {ROLES_DEADLINE, DERIVE_DEADLINE},
                    {ROLES_LEADER, DERIVE_LEADER},
                    {ROLES_SHARED, DERIVE_SHARED_DUTY}};
    unsigned flags = 0;
    for (size_t i = 0; i < sizeof by_names / sizeof by_names[0]; i++)
        if (names & by_names[i].from) flags |= by_names[i].to;
    for (size_t i = 0; i < sizeof by_roles / sizeof by_roles[0]; i++)
        if (clause->roles.flags & by_roles[i].from) flags |= by_roles[i].to;
    if (!roles_has(&clause->roles, ROLE_COOP)) flags |= DERIVE_NO_COOP;
    if (clause->line_first != clause->line_last) flags |= DERIVE_LINE_SPLIT;
    return flags;
}

/* ---- rows of tables as clauses ----------------------------------------------------------------
 */

/* The first character of the text below a physical line. */
static size_t text_after_line(const struct text *text, uint32_t number)
{
    const struct text_line *lines = (const struct text_line *)(const void *)text->lines.data;
    size_t low = 0, high = text->lines.len / sizeof *lines, count = high;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (lines[middle].number <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count ? lines[low].first : text_len(text);
}

static void take_names(struct roles *into, const struct roles *from)
{
    buf_append(&into->names, from->names.data, from->names.len);
    into->flags |= from->flags;
    into->verb_count += from->verb_count;
    if (from->et_cetera.len > 0) into->et_cetera = from->et_cetera;
}

static void add_row_clause(struct work *work, size_t index)
{
    const struct table_row *row = tables_row(&work->tables, index);
    size_t at = text_after_line(&work->text, row->line_first);
    struct clause clause = {.from = (uint32_t)at,
                            .to = (uint32_t)at,
                            .line_first = row->line_first,
                            .line_last = row->line_last,
                            .form = CLAUSE_TABLE,
                            .row = (uint32_t)index};
    /* The heading above the row: what follows it in the text may be the next one. */
    clause.item = (uint32_t)outline_find(&work->outline, at > 0 ? at - 1 : 0);
    for (size_t i = 0; i < row->cell_count; i++) {
        const struct table_cell *cell = &row->cells[i];
        struct span span = text_span(&work->tables.cells, cell->from, cell->to);
        struct roles roles;
        if (span.len > CELL_LEN_MAX) {
            findings_add(work->findings, FINDING_LIST_LONG, row->line_first, span);
            continue;
        }
        roles_parse(span, cell->role, &roles);
        take_names(&clause.roles, &roles);
        roles_fini(&roles);
    }
    if (roles_count(&clause.roles) == 0) {
        roles_fini(&clause.roles);
        return;
    }
    clauses_add(&work->clauses, &clause);
}

static int compare_clauses(const void *left, const void *right)
{
    const struct clause *a = left, *b = right;
    if (a->from != b->from) return a->from < b->from ? -1 : 1;
    bool table_a = a->form == CLAUSE_TABLE, table_b = b->form == CLAUSE_TABLE;
    if (table_a != table_b) return table_a ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* ---- strings ----------------------------------------------------------------------------------
 */

static size_t add_string(struct derive *derive, struct span span)
{
    size_t at = derive->strings.len;
    text_utf8(&derive->strings, span);
    return at;
}

static size_t add_id(struct derive *derive, const struct draft *draft)
{
    size_t at = derive->strings.len;
    for (size_t i = 0; i < draft->id_count; i++)
        buf_printf(&derive->strings, "%s%u", i ? "." : "", draft->id[i]);
    buf_append_u8(&derive->strings, 0);
    return at;
}

/* The beginning of what shall be done: up to the first stop. */
static struct span title_span(struct span span)
{
    enum { TITLE_LEN_MAX = 40 };
    size_t len = 0;
    while (len < span.len && len < TITLE_LEN_MAX && span.f[len] != U'。' && span.f[len] != ';' &&
           !(len > 8 && (span.f[len] == ',' || span.f[len] == ':')))
        len++;
    return span_trim(span_sub(span, 0, len));
}

static struct span draft_title(const struct work *work, const struct draft *draft)
{
    const struct clause *clause = clauses_at(&work->clauses, draft->clause);
    if (clause->form == CLAUSE_TABLE) {
        const struct table_row *row = tables_row(&work->tables, clause->row);
        return title_span(text_span(&work->tables.cells, row->title_from, row->title_to));
    }
    const struct outline_item *item = outline_item(&work->outline, draft->item);
    size_t end = outline_end(&work->outline, draft->item, &work->text);
    size_t from = item->body < end ? item->body : end;
    if (clause->item == draft->item && clause->from >= from && clause->from < end)
        end = clause->from;
    /* Behind an earlier clause of the same item another sentence begins. */
    if (draft->clause > 0) {
        const struct clause *before = clauses_at(&work->clauses, draft->clause - 1);
        if (before->item == clause->item && before->to > from && before->to <= end)
            from = before->to;
    }
    /* Without numbers the task is the line before the clause. */
    enum { LINE_LEN_MAX = 200 };
    if (item->form == OUTLINE_ROOT && end > from) {
        struct span all = text_span(&work->text, from, end);
        size_t at = all.len, least = at > LINE_LEN_MAX ? at - LINE_LEN_MAX : 0;
        while (at > least && (at == all.len || !(all.c[at] & WORDS_LINE))) at--;
        from += at;
    }
    return title_span(text_span(&work->text, from, end));
}

/* Where the strings of a row begin, until they no longer move. */
struct offsets {
    size_t id, title;
};

static void add_row(struct derive *derive, const struct work *work, size_t index,
                    struct offsets *offsets, struct buf *names)
{
    const struct draft *draft = (const struct draft *)(const void *)work->drafts.data + index;
    const struct clause *clause = clauses_at(&work->clauses, draft->clause);
    struct derive_row *row = &derive->rows[index];
    static const enum role roles[] = {ROLE_LEAD, ROLE_COOP};
    offsets->id = add_id(derive, draft);
    offsets->title = add_string(derive, draft_title(work, draft));
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = 0; i < roles_count(&clause->roles); i++) {
            const struct role_name *name = roles_name(&clause->roles, i);
            if (name->role != roles[half]) continue;
            size_t at = add_string(derive, name->span);
            buf_append(names, &at, sizeof at);
            if (half == 0)
                row->lead_count++;
            else
                row->coop_count++;
        }
    }
    row->line_first = clause->line_first;
    row->line_last = clause->line_last;
    row->form = (enum derive_form)clause->form;
    row->flags = flags_of(clause, work->name_flags[draft->clause]);
}

static void make_rows(struct derive *derive, const struct work *work)
{
    size_t count = work->drafts.len / sizeof(struct draft);
    struct buf names = {0};
    struct offsets *offsets = calloc(count + 1, sizeof *offsets);
    derive->rows = calloc(count + 1, sizeof *derive->rows);
    CHECK(offsets != NULL && derive->rows != NULL);
    derive->row_count = count;
    for (size_t i = 0; i < count; i++) add_row(derive, work, i, &offsets[i], &names);
    size_t name_count = names.len / sizeof(size_t);
    derive->names = calloc(name_count + 1, sizeof *derive->names);
    CHECK(derive->names != NULL);
    const char *strings = (const char *)derive->strings.data;
    for (size_t i = 0; i < name_count; i++) {
        size_t at = 0;
        memcpy(&at, names.data + i * sizeof at, sizeof at);
        derive->names[i] = strings + at;
    }
    size_t next = 0;
    for (size_t i = 0; i < count; i++) {
        struct derive_row *row = &derive->rows[i];
        row->id = strings + offsets[i].id;
        row->title = strings + offsets[i].title;
        row->lead = derive->names + next;
        next += row->lead_count;
        row->coop = derive->names + next;
        next += row->coop_count;
    }
    free(offsets);
    buf_fini(&names);
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void note_furniture(struct work *work)
{
    struct text text = {0};
    bool contents = false;
    for (size_t i = 0; i < work->source.line_count; i++) {
        const struct source_line *line = &work->source.lines[i];
        if (line->use != SOURCE_HEAD && (line->use != SOURCE_CONTENTS || contents)) continue;
        contents = contents || line->use == SOURCE_CONTENTS;
        size_t from = text_len(&text);
        text_append(&text, bytes_of(work->source.bytes.data + line->at, line->len), 0,
                    line->number);
        findings_add(work->findings,
                     line->use == SOURCE_HEAD ? FINDING_HEAD_DROPPED : FINDING_CONTENTS,
                     line->number, text_span(&text, from, text_len(&text)));
    }
    text_fini(&text);
}

static void work_fini(struct work *work)
{
    source_fini(&work->source);
    text_fini(&work->text);
    tables_fini(&work->tables);
    outline_fini(&work->outline);
    clauses_fini(&work->clauses);
    buf_fini(&work->drafts);
    free(work->name_flags);
}

static int analyse(struct work *work, struct error *ret_error)
{
    note_furniture(work);
    tables_read(&work->tables, &work->source, work->findings);
    text_build(&work->text, &work->source);
    outline_build(&work->outline, &work->text, work->findings);
    clauses_find(&work->clauses, &work->text, &work->outline, work->findings);
    size_t count = clauses_count(&work->clauses) + tables_count(&work->tables);
    if (count > DERIVE_CLAUSE_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "text", "多于 %d 处分工",
                         "more than %d assignments", DERIVE_CLAUSE_COUNT_MAX);
    for (size_t i = 0; i < tables_count(&work->tables); i++) add_row_clause(work, i);
    count = clauses_count(&work->clauses);
    if (count > 0) qsort(work->clauses.list.data, count, sizeof(struct clause), compare_clauses);
    clauses_settle_duties(&work->clauses, &work->outline, work->findings, &work->text);
    work->name_flags = calloc(count + 1, sizeof *work->name_flags);
    CHECK(work->name_flags != NULL);
    names_refine(&work->clauses, work->findings, work->name_flags);
    for (size_t i = 0; i < count; i++) {
        struct clause *clause = clauses_at(&work->clauses, i);
        clause->dropped = clause->dropped || roles_count(&clause->roles) == 0;
    }
    rows_draft(&work->drafts, &work->clauses, &work->outline, &work->text, &work->tables,
               work->findings);
    check_drafts(&work->drafts, &work->clauses, &work->outline, &work->text, &work->tables,
                 work->findings);
    return 0;
}

int derive_run(struct bytes text, struct derive **ret, struct error *ret_error)
{
    if (text.len > DERIVE_TEXT_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "text", "超过 %d 字节", "more than %d bytes",
                         DERIVE_TEXT_BYTES_MAX);
    int code = encoding_check(text, ret_error);
    if (code != 0) return code;
    struct derive *derive = calloc(1, sizeof *derive);
    if (!derive) return error_set(ret_error, E_NO_MEMORY, NULL, "derive");
    struct work work = {.findings = &derive->findings};
    code = source_read(text, &work.source, ret_error);
    if (code == 0) code = analyse(&work, ret_error);
    if (code != 0) goto out;
    make_rows(derive, &work);
    if (derive->row_count == 0)
        findings_add(&derive->findings, FINDING_NO_CLAUSE, 0, (struct span){0});
    findings_sort(&derive->findings);
    *ret = derive;
    derive = NULL;
out:
    work_fini(&work);
    derive_free(derive);
    return code;
}

void derive_free(struct derive *derive)
{
    if (!derive) return;
    findings_fini(&derive->findings);
    buf_fini(&derive->strings);
    free(derive->names);
    free(derive->rows);
    free(derive);
}

size_t derive_row_count(const struct derive *derive)
{
    return derive->row_count;
}

const struct derive_row *derive_row(const struct derive *derive, size_t index)
{
    CHECK(index < derive->row_count);
    return &derive->rows[index];
}

size_t derive_finding_count(const struct derive *derive)
{
    return derive->findings.list.len / sizeof(struct finding);
}

struct derive_finding derive_finding(const struct derive *derive, size_t index)
{
    CHECK(index < derive_finding_count(derive));
    const struct finding *finding =
        (const struct finding *)(const void *)derive->findings.list.data + index;
    return (struct derive_finding){.code = finding_slug(finding->code),
                                   .undecided = finding_undecided(finding->code),
                                   .line = finding->line,
                                   .detail = (const char *)derive->findings.strings.data +
                                             finding->detail,
                                   .zh = finding_text(finding->code, LANG_ZH),
                                   .en = finding_text(finding->code, LANG_EN)};
}

size_t derive_undecided_count(const struct derive *derive)
{
    size_t count = 0;
    for (int code = 0; code < FINDING_COUNT; code++)
        if (finding_undecided((enum finding_code)code)) count += derive->findings.counts[code];
    return count;
}
