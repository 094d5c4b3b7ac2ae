/* What this unit's own programs keep in its store. */
#include "clients/lib/box_inner.h"

int box_local_put(struct box *box, const struct box_local *row, struct bytes body,
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOCAL_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(row->id, 16));
    box_bind_u64(statement, 2, row->due_ms);
    sqlite_bind_bytes(statement, 3, body);
    return box_run(box, statement, ret_error);
}

static struct box_local row_of(sqlite3_stmt *statement)
{
    struct box_local row = {.due_ms = box_u64(statement, 1)};
    box_fixed(statement, 0, row.id, sizeof row.id);
    return row;
}

int box_local_get(struct box *box, const uint8_t id[16], struct box_local *ret_row,
                  struct buf *ret_body, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOCAL_GET, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(id, 16));
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, "id", "没有这一份", "none such");
    *ret_row = row_of(statement);
    buf_append_bytes(ret_body, sqlite_column_bytes(statement, 2));
    (void)sqlite3_reset(statement);
    return 0;
}

int box_local_each(struct box *box, const struct box_local *after, size_t limit,
                   int (*each)(void *ctx, const struct box_local *row, struct bytes body),
                   void *ctx, struct error *ret_error)
{
    static const struct box_local first;
    const struct box_local *from = after ? after : &first;
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOCAL_EACH, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, from->due_ms);
    sqlite_bind_bytes(statement, 2, bytes_of(from->id, 16));
    box_bind_u64(statement, 3, limit);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_local row = row_of(statement);
        r = each(ctx, &row, sqlite_column_bytes(statement, 2));
    }
    (void)sqlite3_reset(statement);
    return r;
}
