/* clause: where a text assigns duties, and to whom.
 *
 * Brackets (`（L负责，C配合）`), labelled lists (`牵头单位：L`), sentences (`由L牵头，会同C…`) and
 * sentences about several items (`以上任务均由L负责`). Words of roles in running text are no
 * assignment; a sentence counts only where its item has no bracket or label. Pure; linear. */
#ifndef CLIENTS_PLAN_DERIVE_CLAUSE_H
#define CLIENTS_PLAN_DERIVE_CLAUSE_H

#include "clients/plan/derive/finding.h"
#include "clients/plan/derive/outline.h"
#include "clients/plan/derive/roles.h"

enum clause_form { CLAUSE_BRACKET, CLAUSE_LABEL, CLAUSE_SENTENCE, CLAUSE_TABLE, CLAUSE_SCOPE };
enum clause_scope { SCOPE_NONE, SCOPE_ABOVE, SCOPE_BELOW };

struct clause {
    uint32_t from, to; /* characters of the text; of a row of a table both where the table stands */
    uint32_t line_first, line_last;
    uint32_t item; /* of the outline */
    uint8_t form;  /* enum clause_form */
    uint8_t scope; /* enum clause_scope */
    bool own_line; /* begins a line */
    bool dropped;
    bool bare;        /* CLAUSE_BRACKET: no word says what the units in it do */
    bool duty;        /* CLAUSE_SENTENCE: L负责X, without 由 */
    uint32_t named;   /* CLAUSE_SCOPE: how many items it says it is about; 0: it does not say */
    uint64_t numbers; /* CLAUSE_SCOPE: the items that it names, as bits; 0: all there are */
    uint32_t row;     /* CLAUSE_TABLE: of the tables */
    struct roles roles;
    struct buf taken; /* struct span: every name found, also those that a finding took out again */
};

struct clauses {
    struct buf list; /* struct clause, by from */
};

void clauses_find(struct clauses *clauses, const struct text *text, const struct outline *outline,
                  struct findings *findings);
/* `L负责X` in running text, where the plan gives its tasks to units in another way, may be a task
 * or say how the plan is run: leaves it to a person. Kept are those that name who cooperates, lists
 * of them, and those of plans that have nothing else. Once all clauses are there. */
void clauses_settle_duties(const struct clauses *clauses, const struct outline *outline,
                           struct findings *findings, const struct text *text);
void clauses_fini(struct clauses *clauses);
size_t clauses_count(const struct clauses *clauses);
struct clause *clauses_at(const struct clauses *clauses, size_t index);
void clauses_add(struct clauses *clauses, const struct clause *take_clause);

#endif
