/* The list of what was found, and what all finders ask. */
#include "clients/plan/derive/clause_inner.h"
#include "proto/base/check.h"

void clauses_fini(struct clauses *clauses)
{
    for (size_t i = 0; i < clauses_count(clauses); i++) {
        roles_fini(&clauses_at(clauses, i)->roles);
        buf_fini(&clauses_at(clauses, i)->taken);
    }
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

void clause_add_found(struct finder *finder, enum clause_form form, size_t from, size_t to,
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

void clause_note(struct finder *finder, enum finding_code code, size_t from, size_t to)
{
    findings_add(finder->findings, code, text_line_of(finder->text, from),
                 span_sub(finder->all, from, to));
}

size_t clause_sentence_end(const struct finder *finder, size_t at)
{
    size_t end =
        at + SENTENCE_LEN_MAX < finder->item_end ? at + SENTENCE_LEN_MAX : finder->item_end;
    size_t stop = span_find_any(span_sub(finder->all, at, end), U"。");
    return stop == SPAN_NONE ? end : at + stop + 1;
}

bool clause_ends_list(uint32_t folded)
{
    return folded == U'、' || folded == ',' || folded == ':' || folded == ';' || folded == '/' ||
           folded == U'和' || folded == U'及' || folded == U'与';
}
