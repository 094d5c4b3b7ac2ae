/* Rows of outbox and inbox. */
#include <string.h>

#include "clients/lib/box_inner.h"

/* ---- outbox
 * --------------------------------------------------------------------------------------- */

static void out_bind(sqlite3_stmt *statement, const struct box_out *row)
{
    box_bind_u64(statement, 1, row->number);
    if (sqlite3_bind_parameter_count(statement) == 24) {
        sqlite_bind_bytes(statement, 2, bytes_of(row->id, 16));
        sqlite_bind_bytes(statement, 3, bytes_of(row->thread, 16));
        sqlite_bind_bytes(statement, 4, bytes_of(row->parent, 16));
    }
    sqlite_bind_bytes(statement, 5, bytes_of(row->hash, 32));
    sqlite_bind_text(statement, 6, row->kind);
    sqlite_bind_text(statement, 7, row->topic);
    box_bind_u64(statement, 8,
                 (uint64_t)(row->state == BOX_OUT_SENT ? BOX_OUT_QUEUED : row->state));
    box_bind_u64(statement, 9, row->lane);
    box_bind_u64(statement, 10, row->seq);
    box_bind_u64(statement, 11, row->created_ms);
    box_bind_u64(statement, 12, row->retry_ms);
    box_bind_u64(statement, 13, row->attempts);
    (void)sqlite3_bind_int(statement, 14, row->code);
    sqlite_bind_text(statement, 15, row->field);
    sqlite_bind_text(statement, 16, row->detail);
    box_bind_u64(statement, 17, row->index);
    box_bind_u64(statement, 18, row->record_ms);
    box_bind_u64(statement, 19, row->checkpoint_size);
    box_bind_u64(statement, 20, row->rules);
    box_bind_u64(statement, 21, row->accepted_flags);
    box_bind_u64(statement, 22, row->provisional);
    sqlite_bind_text(statement, 23, row->detail_zh);
    (void)sqlite3_bind_int(statement, 24, row->again);
}

static void out_read(sqlite3_stmt *statement, struct box_out *row)
{
    memset(row, 0, sizeof *row);
    row->number = box_u64(statement, 0);
    box_fixed(statement, 1, row->id, 16);
    box_fixed(statement, 2, row->thread, 16);
    box_fixed(statement, 3, row->parent, 16);
    box_fixed(statement, 4, row->hash, 32);
    box_text(statement, 5, row->kind, sizeof row->kind);
    box_text(statement, 6, row->topic, sizeof row->topic);
    row->state = sqlite3_column_int(statement, 7);
    row->lane = (unsigned)sqlite3_column_int(statement, 8);
    row->seq = box_u64(statement, 9);
    row->created_ms = box_u64(statement, 10);
    row->retry_ms = box_u64(statement, 11);
    row->attempts = (uint32_t)box_u64(statement, 12);
    row->code = sqlite3_column_int(statement, 13);
    box_text(statement, 14, row->field, sizeof row->field);
    box_text(statement, 15, row->detail, sizeof row->detail);
    row->index = box_u64(statement, 16);
    row->record_ms = box_u64(statement, 17);
    row->checkpoint_size = box_u64(statement, 18);
    row->rules = (uint32_t)box_u64(statement, 19);
    row->accepted_flags = (uint32_t)box_u64(statement, 20);
    row->provisional = box_u64(statement, 21) != 0;
    box_text(statement, 22, row->detail_zh, sizeof row->detail_zh);
    row->again = sqlite3_column_int(statement, 23);
}

int box_out_walk(struct box *box, sqlite3_stmt *statement,
                 int (*each)(void *ctx, const struct box_out *row), void *ctx,
                 struct error *ret_error)
{
    int r = 0;
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_out row;
        out_read(statement, &row);
        r = each(ctx, &row);
    }
    (void)sqlite3_reset(statement);
    return r;
}

static int out_body_put(struct box *box, uint64_t number, struct bytes envelope,
                        struct bytes sealed, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_BODY_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    sqlite_bind_bytes(statement, 2, envelope);
    sqlite_bind_bytes(statement, 3, sealed);
    return box_run(box, statement, ret_error);
}

int box_out_add(struct box *box, struct box_out *row, struct bytes envelope, struct bytes sealed,
                struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_ADD, true, &statement, ret_error);
    if (r < 0) return r;
    if (row->number == 0) row->number = box->out_last + 1;
    out_bind(statement, row);
    r = box_run(box, statement, ret_error);
    if (r == 0) r = out_body_put(box, row->number, envelope, sealed, ret_error);
    if (r == 0 && row->number > box->out_last) box->out_last = row->number;
    return r;
}

int box_out_update(struct box *box, const struct box_out *row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_UPDATE, true, &statement, ret_error);
    if (r < 0) return r;
    out_bind(statement, row);
    return box_run(box, statement, ret_error);
}

int box_out_reseal(struct box *box, uint64_t number, struct bytes envelope, struct bytes sealed,
                   struct error *ret_error)
{
    return out_body_put(box, number, envelope, sealed, ret_error);
}

int box_out_body(struct box *box, uint64_t number, struct buf *ret_envelope, struct buf *ret_sealed,
                 struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_BODY_GET, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, "outbox", "没有正文", "no body");
    if (r < 0) return r;
    if (ret_envelope) buf_append_bytes(ret_envelope, sqlite_column_bytes(statement, 0));
    if (ret_sealed) buf_append_bytes(ret_sealed, sqlite_column_bytes(statement, 1));
    (void)sqlite3_reset(statement);
    return 0;
}

static int out_one(struct box *box, sqlite3_stmt *statement, struct box_out *ret_row,
                   struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, "id", "不在发件箱中", "not in the outbox");
    if (r < 0) return r;
    out_read(statement, ret_row);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_out_find(struct box *box, const uint8_t id[16], struct box_out *ret_row,
                 struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_FIND, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(id, 16));
    return out_one(box, statement, ret_row, ret_error);
}

int box_out_get(struct box *box, uint64_t number, struct box_out *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_GET, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    return out_one(box, statement, ret_row, ret_error);
}

int box_out_at(struct box *box, uint64_t index, struct box_out *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_AT, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, index);
    return out_one(box, statement, ret_row, ret_error);
}

int box_out_pending(struct box *box, int (*each)(void *ctx, const struct box_out *row), void *ctx,
                    struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_PENDING, false, &statement, ret_error);
    return r < 0 ? r : box_out_walk(box, statement, each, ctx, ret_error);
}

int box_out_each(struct box *box, unsigned states, size_t limit,
                 int (*each)(void *ctx, const struct box_out *row), void *ctx,
                 struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_EACH, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, states ? states : ~0u);
    box_bind_u64(statement, 2, limit);
    return box_out_walk(box, statement, each, ctx, ret_error);
}

int box_out_of_thread(struct box *box, const uint8_t thread[16],
                      int (*each)(void *ctx, const struct box_out *row), void *ctx,
                      struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_OUT_THREAD, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    return box_out_walk(box, statement, each, ctx, ret_error);
}

static int box_counted(struct box *box, enum box_statement which, int value, uint64_t *ret_count,
                       struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, false, &statement, ret_error);
    if (r < 0) return r;
    (void)sqlite3_bind_int(statement, 1, value);
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret_count = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_out_count(struct box *box, int state, uint64_t *ret_count, struct error *ret_error)
{
    return box_counted(box, BOX_OUT_COUNT, state, ret_count, ret_error);
}

/* ---- inbox
 * ---------------------------------------------------------------------------------------- */

static void in_bind(sqlite3_stmt *statement, const struct box_in *row, bool all)
{
    box_bind_u64(statement, 1, row->number);
    (void)sqlite3_bind_int(statement, 2, row->type);
    (void)sqlite3_bind_int(statement, 3, row->notice);
    (void)sqlite3_bind_int(statement, 4, row->code);
    box_bind_u64(statement, 12, row->lane);
    box_bind_u64(statement, 13, row->position);
    box_bind_u64(statement, 14, row->index);
    box_bind_u64(statement, 15, row->record_ms);
    box_bind_u64(statement, 19, row->proved);
    box_bind_u64(statement, 20, row->must_sign);
    bool exception = row->type == BOX_IN_EXCEPTION;
    sqlite_bind_bytes(statement, 21, bytes_of(row->running, exception ? 32 : 0));
    sqlite_bind_bytes(statement, 8, bytes_of(row->hash, 32));
    if (!all) return;
    sqlite_bind_bytes(statement, 5, bytes_of(row->id, 16));
    sqlite_bind_bytes(statement, 6, bytes_of(row->thread, 16));
    sqlite_bind_bytes(statement, 7, bytes_of(row->parent, 16));
    sqlite_bind_text(statement, 9, row->kind);
    sqlite_bind_text(statement, 10, row->topic);
    sqlite_bind_text(statement, 11, row->from);
    box_bind_u64(statement, 16, row->received_ms);
    box_bind_u64(statement, 17, row->missing);
    box_bind_u64(statement, 18, row->count);
}

static void in_read(sqlite3_stmt *statement, struct box_in *row)
{
    memset(row, 0, sizeof *row);
    row->number = box_u64(statement, 0);
    row->type = sqlite3_column_int(statement, 1);
    row->notice = sqlite3_column_int(statement, 2);
    row->code = sqlite3_column_int(statement, 3);
    box_fixed(statement, 4, row->id, 16);
    box_fixed(statement, 5, row->thread, 16);
    box_fixed(statement, 6, row->parent, 16);
    box_fixed(statement, 7, row->hash, 32);
    box_text(statement, 8, row->kind, sizeof row->kind);
    box_text(statement, 9, row->topic, sizeof row->topic);
    box_text(statement, 10, row->from, sizeof row->from);
    row->lane = (unsigned)sqlite3_column_int(statement, 11);
    row->position = box_u64(statement, 12);
    row->index = box_u64(statement, 13);
    row->record_ms = box_u64(statement, 14);
    row->received_ms = box_u64(statement, 15);
    row->missing = box_u64(statement, 16);
    row->count = box_u64(statement, 17);
    row->proved = box_u64(statement, 18) != 0;
    row->must_sign = box_u64(statement, 19) != 0;
    box_fixed(statement, 20, row->running, 32);
}

static int in_walk(struct box *box, sqlite3_stmt *statement,
                   int (*each)(void *ctx, const struct box_in *row), void *ctx,
                   struct error *ret_error)
{
    int r = 0;
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_in row;
        in_read(statement, &row);
        r = each(ctx, &row);
    }
    (void)sqlite3_reset(statement);
    return r;
}

static int in_one(struct box *box, sqlite3_stmt *statement, struct box_in *ret_row,
                  struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, "id", "不在收件箱中", "not in the inbox");
    if (r < 0) return r;
    in_read(statement, ret_row);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_in_add(struct box *box, struct box_in *row, struct bytes record, struct bytes sealed,
               struct bytes envelope, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_ADD, true, &statement, ret_error);
    if (r < 0) return r;
    row->number = box->in_last + 1;
    in_bind(statement, row, true);
    r = box_run(box, statement, ret_error);
    if (r == 0) r = box_prepare(box, BOX_IN_BODY_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, row->number);
    sqlite_bind_bytes(statement, 2, record);
    sqlite_bind_bytes(statement, 3, sealed);
    sqlite_bind_bytes(statement, 4, envelope);
    r = box_run(box, statement, ret_error);
    if (r == 0) box->in_last = row->number;
    return r;
}

int box_in_update(struct box *box, const struct box_in *row, struct bytes record,
                  struct bytes sealed, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_UPDATE, true, &statement, ret_error);
    if (r < 0) return r;
    in_bind(statement, row, false);
    r = box_run(box, statement, ret_error);
    if (r < 0 || (record.len == 0 && sealed.len == 0)) return r;
    r = box_prepare(box, BOX_IN_BODY_UPDATE, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, row->number);
    if (record.len) sqlite_bind_bytes(statement, 2, record);
    if (sealed.len) sqlite_bind_bytes(statement, 3, sealed);
    return box_run(box, statement, ret_error);
}

int box_in_erase(struct box *box, uint64_t number, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_BODY_ERASE, true, &statement, ret_error);
    if (r < 0) return r;
    box->erased = true;
    box_bind_u64(statement, 1, number);
    return box_run(box, statement, ret_error);
}

int box_in_find(struct box *box, const uint8_t id[16], struct box_in *ret_row,
                struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_FIND, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(id, 16));
    return in_one(box, statement, ret_row, ret_error);
}

int box_in_unopened(struct box *box, const uint8_t hash[32], struct box_in *ret_row,
                    struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_UNOPENED, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(hash, 32));
    return in_one(box, statement, ret_row, ret_error);
}

int box_in_get(struct box *box, uint64_t number, struct box_in *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_GET, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    return in_one(box, statement, ret_row, ret_error);
}

int box_in_body(struct box *box, uint64_t number, struct buf *ret_record, struct buf *ret_sealed,
                struct buf *ret_envelope, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_BODY_GET, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    r = box_step(box, statement, ret_error);
    if (r == 0) return error_say(ret_error, E_NOT_FOUND, "inbox", "没有正文", "no body");
    if (r < 0) return r;
    if (ret_record) buf_append_bytes(ret_record, sqlite_column_bytes(statement, 0));
    if (ret_sealed) buf_append_bytes(ret_sealed, sqlite_column_bytes(statement, 1));
    if (ret_envelope) buf_append_bytes(ret_envelope, sqlite_column_bytes(statement, 2));
    (void)sqlite3_reset(statement);
    return 0;
}

int box_in_each(struct box *box, uint64_t after, size_t limit,
                int (*each)(void *ctx, const struct box_in *row), void *ctx,
                struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_EACH, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, after);
    box_bind_u64(statement, 2, limit);
    return in_walk(box, statement, each, ctx, ret_error);
}

int box_in_newest(struct box *box, uint64_t before, size_t limit,
                  int (*each)(void *ctx, const struct box_in *row), void *ctx,
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_NEWEST, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, before);
    box_bind_u64(statement, 2, limit);
    return in_walk(box, statement, each, ctx, ret_error);
}

int box_in_of_thread(struct box *box, const uint8_t thread[16],
                     int (*each)(void *ctx, const struct box_in *row), void *ctx,
                     struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_THREAD, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    return in_walk(box, statement, each, ctx, ret_error);
}

int box_about_of(struct box *box, const uint8_t thread[16],
                 int (*each)(void *ctx, const struct box_in *row), void *ctx,
                 struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ABOUT_OF, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    return in_walk(box, statement, each, ctx, ret_error);
}

int box_in_exceptions(struct box *box, unsigned lane, uint64_t after,
                      int (*each)(void *ctx, const struct box_in *row), void *ctx,
                      struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_IN_EXCEPTIONS, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, lane);
    box_bind_u64(statement, 2, after);
    return in_walk(box, statement, each, ctx, ret_error);
}

uint64_t box_in_last(const struct box *box)
{
    return box->in_last;
}

int box_in_count(struct box *box, int type, uint64_t *ret_count, struct error *ret_error)
{
    return box_counted(box, BOX_IN_COUNT, type, ret_count, ret_error);
}
