/* check: what the drafted rows leave out of the text, found without regard to how they were read.
 *
 * A unit that stands in an assignment and in none of its columns, an element of a list whose
 * neighbours were taken, an item without a row among items that have one, a list of units without a
 * role, a number that was taken for none: each is a finding. No rule of the grammar is used for it,
 * so that a fault of the grammar shows. Pure; linear in the text. */
#ifndef CLIENTS_PLAN_DERIVE_CHECK_H
#define CLIENTS_PLAN_DERIVE_CHECK_H

#include "clients/plan/derive/rows.h"

/* Last of all: adds to the findings. `drafts` holds struct draft. */
void check_drafts(const struct buf *drafts, const struct clauses *clauses,
                  const struct outline *outline, const struct text *text,
                  const struct tables *tables, struct findings *findings);

#endif
