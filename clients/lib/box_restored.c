/* What a journal that was put back from a backup no longer has. */
#include <string.h>

#include "clients/lib/box_inner.h"

static int counted(struct box *box, enum box_statement which, uint64_t size, uint64_t *ret,
                   struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, size);
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_lost_count(struct box *box, uint64_t size, struct box_lost *ret, struct error *ret_error)
{
    int r = counted(box, BOX_LOST_OUT, size, &ret->out_count, ret_error);
    if (r == 0) r = counted(box, BOX_LOST_HEAD, size, &ret->head_count, ret_error);
    return r < 0 ? r : counted(box, BOX_LOST_IN, size, &ret->in_count, ret_error);
}

static int walk(struct box *box, enum box_statement which, uint64_t size,
                int (*each)(void *ctx, const struct box_out *row), void *ctx,
                struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, size);
    return box_out_walk(box, statement, each, ctx, ret_error);
}

int box_lost_each(struct box *box, uint64_t size, int (*each)(void *ctx, const struct box_out *row),
                  void *ctx, struct error *ret_error)
{
    return walk(box, BOX_LOST_EACH, size, each, ctx, ret_error);
}

int box_lost_before(struct box *box, uint64_t size,
                    int (*each)(void *ctx, const struct box_out *row), void *ctx,
                    struct error *ret_error)
{
    return walk(box, BOX_LOST_BEFORE, size, each, ctx, ret_error);
}

int box_lost_senders(struct box *box, uint64_t size,
                     int (*each)(void *ctx, const char *unit, unsigned lane, uint64_t count),
                     void *ctx, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOST_SENDERS, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, size);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        char unit[BOX_NAME_LEN];
        box_text(statement, 0, unit, sizeof unit);
        r = each(ctx, unit, (unsigned)sqlite3_column_int(statement, 1), box_u64(statement, 2));
    }
    (void)sqlite3_reset(statement);
    return r;
}

/* A statement that changes rows by one number, or by none. */
static int change(struct box *box, enum box_statement which, uint64_t size, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, true, &statement, ret_error);
    if (r < 0) return r;
    if (sqlite3_bind_parameter_count(statement) > 0) box_bind_u64(statement, 1, size);
    return box_run(box, statement, ret_error);
}

int box_lost_forget(struct box *box, uint64_t size, struct error *ret_error)
{
    static const enum box_statement all[] = {BOX_LOST_QUEUED, BOX_LOST_MARK, BOX_LOST_FILES,
                                             BOX_LOST_KEYS, BOX_LOST_HEADS};
    int r = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all && r == 0; i++)
        r = change(box, all[i], size, ret_error);
    return r;
}

int box_lost_places(struct box *box, unsigned lane, uint64_t position, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOST_PLACES, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, lane);
    box_bind_u64(statement, 2, position);
    return box_run(box, statement, ret_error);
}

int box_head_within(struct box *box, uint64_t size, struct buf *ret_note, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LOST_HEAD_KEPT, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, size);
    r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "store", "没有这一大小的检查点",
                         "no head of that size");
    if (r < 0) return r;
    buf_append_bytes(ret_note, sqlite_column_bytes(statement, 0));
    (void)sqlite3_reset(statement);
    return 0;
}

int box_in_has_notice(struct box *box, uint64_t index, const uint8_t hash[32], bool *ret_has,
                      struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_NOTICED, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, index);
    sqlite_bind_bytes(statement, 2, bytes_of(hash, 32));
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret_has = box_u64(statement, 0) > 0;
    (void)sqlite3_reset(statement);
    return 0;
}

/* ---- receipts of before -----------------------------------------------------------------------
 */

void box_former_fini(struct box_former *former)
{
    buf_fini(&former->envelope);
    buf_fini(&former->inclusion);
    buf_fini(&former->note);
}

int box_former_put(struct box *box, uint64_t number, const struct box_former *former,
                   struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_FORMER_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    sqlite_bind_text(statement, 2, former->origin);
    box_bind_u64(statement, 3, former->index);
    box_bind_u64(statement, 4, former->record_ms);
    box_bind_u64(statement, 5, former->rules);
    box_bind_u64(statement, 6, former->accepted_flags);
    sqlite_bind_bytes(statement, 7, buf_bytes(&former->envelope));
    sqlite_bind_bytes(statement, 8, buf_bytes(&former->inclusion));
    sqlite_bind_bytes(statement, 9, buf_bytes(&former->note));
    return box_run(box, statement, ret_error);
}

int box_former_get(struct box *box, uint64_t number, size_t skip, struct box_former *ret,
                   struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    memset(ret, 0, sizeof *ret);
    int r = box_prepare(box, BOX_FORMER_GET, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    box_bind_u64(statement, 2, skip);
    r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "id", "没有此前名称下的回执",
                         "no receipt of an earlier origin");
    if (r < 0) return r;
    box_text(statement, 0, ret->origin, sizeof ret->origin);
    ret->index = box_u64(statement, 1);
    ret->record_ms = box_u64(statement, 2);
    ret->rules = (uint32_t)box_u64(statement, 3);
    ret->accepted_flags = (uint32_t)box_u64(statement, 4);
    buf_append_bytes(&ret->envelope, sqlite_column_bytes(statement, 5));
    buf_append_bytes(&ret->inclusion, sqlite_column_bytes(statement, 6));
    buf_append_bytes(&ret->note, sqlite_column_bytes(statement, 7));
    (void)sqlite3_reset(statement);
    return 0;
}
