/* diff_inner: what the files of diff share. Nobody else includes it. */
#ifndef CLIENTS_PLAN_VIEW_DIFF_INNER_H
#define CLIENTS_PLAN_VIEW_DIFF_INNER_H

#include "clients/plan/view/diff.h"
#include "proto/base/bytes.h"

/* Zeroed memory that lives as long as the diff. */
void *diff_keep(struct diff *diff, size_t count, size_t size);
const char *diff_keep_text(struct diff *diff, const char *text);

/* Cells as the tables write them; "-" is empty. */
void diff_cell_named(const struct plan *plan, const struct plan_named *list, size_t count,
                     struct buf *buf);

/* The second half of diff_plans. */
void diff_routes(struct diff *diff, const struct plan *before, const struct plan *after,
                 uint64_t at_ms);

#endif
