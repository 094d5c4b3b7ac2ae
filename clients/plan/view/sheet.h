/* sheet: the paper that the office of the joint conference signs: everything that the tables hold
 * for now and that somebody must settle (待确认). What, where in the tables, what stands there now,
 * why it is open. Pure. */
#ifndef CLIENTS_PLAN_VIEW_SHEET_H
#define CLIENTS_PLAN_VIEW_SHEET_H

#include "proto/base/bytes.h"
#include "proto/plan/plan_lint.h"

enum sheet_form {
    SHEET_TEXT,
    SHEET_TSV,  /* table line subject name what value why, one row an item, a header row */
    SHEET_HTML, /* one file, no script, for A4 */
};

/* `digest` is the hex SHA-256 of the tables: the paper says which ones it is about. Returns the
 * number of items. */
size_t sheet_write(const struct plan *plan, const char *digest, enum sheet_form form,
                   enum lang lang, struct buf *ret_buf);

#endif
