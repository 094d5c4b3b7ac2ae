/* Rewraps: which are owed to others, and which came to us ahead of what they open. */
#include "clients/lib/box_inner.h"

static int rewrap_change(struct box *box, enum box_statement which, const char *unit,
                         uint64_t number, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, unit);
    box_bind_u64(statement, 2, number);
    return box_run(box, statement, ret_error);
}

int box_rewrap_owe(struct box *box, const char *unit, uint64_t number, bool *ret_new,
                   struct error *ret_error)
{
    int r = rewrap_change(box, BOX_REWRAP_OWE, unit, number, ret_error);
    if (r == 0) *ret_new = sqlite3_changes(box->db) > 0;
    return r;
}

int box_rewrap_done(struct box *box, const char *unit, uint64_t number, struct error *ret_error)
{
    return rewrap_change(box, BOX_REWRAP_DONE, unit, number, ret_error);
}

int box_rewrap_units(struct box *box, int (*each)(void *ctx, const char *unit), void *ctx,
                     struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_REWRAP_UNITS, false, &statement, ret_error);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        char unit[BOX_NAME_LEN];
        box_text(statement, 0, unit, sizeof unit);
        r = each(ctx, unit);
    }
    (void)sqlite3_reset(statement);
    return r;
}

int box_rewrap_first(struct box *box, const char *unit, uint64_t *ret_number,
                     struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_REWRAP_FIRST, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_text(statement, 1, unit);
    r = box_step(box, statement, ret_error);
    if (r == 1) *ret_number = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return r == 1 ? 0 : r == 0 ? E_NOT_FOUND : r;
}

int box_rewrap_count(struct box *box, uint64_t *ret_count, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_REWRAP_COUNT, false, &statement, ret_error);
    if (r < 0) return r;
    r = box_step(box, statement, ret_error);
    if (r == 1) *ret_count = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int box_early_put(struct box *box, const uint8_t hash[32], uint64_t made_ms, struct bytes record,
                  size_t cap, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_EARLY_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(hash, 32));
    box_bind_u64(statement, 2, made_ms);
    sqlite_bind_bytes(statement, 3, record);
    box_bind_u64(statement, 4, cap);
    return box_run(box, statement, ret_error);
}

int box_early_each(struct box *box, const uint8_t hash[32],
                   int (*each)(void *ctx, struct bytes record), void *ctx, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_EARLY_EACH, false, &statement, ret_error);
    if (r == 0) sqlite_bind_bytes(statement, 1, bytes_of(hash, 32));
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1)
        r = each(ctx, sqlite_column_bytes(statement, 0));
    (void)sqlite3_reset(statement);
    return r;
}

int box_early_done(struct box *box, const uint8_t hash[32], struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_EARLY_DONE, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(hash, 32));
    return box_run(box, statement, ret_error);
}

int box_early_expire(struct box *box, uint64_t before_ms, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_EARLY_EXPIRE, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, before_ms);
    return box_run(box, statement, ret_error);
}
