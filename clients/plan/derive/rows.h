/* rows: from clauses to rows with ids. Pure. */
#ifndef CLIENTS_PLAN_DERIVE_ROWS_H
#define CLIENTS_PLAN_DERIVE_ROWS_H

#include "clients/plan/derive/clause.h"
#include "clients/plan/derive/outline.h"
#include "clients/plan/derive/table.h"

enum { ROWS_ID_MAX = OUTLINE_ID_MAX + TABLE_NUMBER_MAX + 2 };

/* A row before its strings: a clause for an item. Clauses about several items make several. */
struct draft {
    uint32_t clause;
    uint32_t item;
    uint32_t order; /* position in the text */
    uint32_t division;
    uint8_t id_count;
    uint32_t id[ROWS_ID_MAX];
};

/* Appends struct draft in the order of rows. Marks outline levels that are no part of ids, gives
 * clauses behind the last item of a level to the level where the whole text does so. */
void rows_draft(struct buf *drafts, const struct clauses *clauses, struct outline *outline,
                const struct text *text, const struct tables *tables, struct findings *findings);

#endif
