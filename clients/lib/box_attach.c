/* Attachments' rows. Their chunks are files beside the store (proto/host/chunks.h). */
#include <string.h>

#include "clients/lib/box_inner.h"
#include "proto/host/sqlite.h"

static void row_bind(sqlite3_stmt *statement, const struct box_attachment *row, bool all)
{
    box_bind_u64(statement, 1, row->number);
    sqlite_bind_bytes(statement, 3, bytes_of(row->message, 16));
    box_bind_u64(statement, 4, row->ordinal);
    (void)sqlite3_bind_int(statement, 7, row->state);
    (void)sqlite3_bind_int(statement, 8, row->code);
    box_bind_u64(statement, 9, row->lane);
    box_bind_u64(statement, 10, row->index);
    (void)sqlite3_bind_int(statement, 12, row->kept);
    if (!all) return;
    sqlite_bind_bytes(statement, 2, bytes_of(row->id, 16));
    sqlite_bind_bytes(statement, 5, bytes_of(row->root, 32));
    box_bind_u64(statement, 6, row->stream_len);
    box_bind_u64(statement, 11, row->created_ms);
    sqlite_bind_text(statement, 13, row->from);
}

static void row_read(sqlite3_stmt *statement, struct box_attachment *row)
{
    memset(row, 0, sizeof *row);
    row->number = box_u64(statement, 0);
    box_fixed(statement, 1, row->id, 16);
    box_fixed(statement, 2, row->message, 16);
    row->ordinal = (uint32_t)box_u64(statement, 3);
    box_fixed(statement, 4, row->root, 32);
    row->stream_len = box_u64(statement, 5);
    row->state = sqlite3_column_int(statement, 6);
    row->code = sqlite3_column_int(statement, 7);
    row->lane = (unsigned)sqlite3_column_int(statement, 8);
    row->index = box_u64(statement, 9);
    row->created_ms = box_u64(statement, 10);
    row->kept = sqlite3_column_int(statement, 11) != 0;
    box_text(statement, 12, row->from, sizeof row->from);
}

static int one_number(struct box *box, sqlite3_stmt *statement, uint64_t *ret,
                      struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret = box_u64(statement, 0);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_attachment_add(struct box *box, struct box_attachment *row, struct bytes sealed,
                       struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    uint64_t last = 0;
    int r = box_prepare(box, BOX_ATTACHMENT_LAST, true, &statement, ret_error);
    if (r == 0) r = one_number(box, statement, &last, ret_error);
    if (r == 0) r = box_prepare(box, BOX_ATTACHMENT_ADD, true, &statement, ret_error);
    if (r < 0) return r;
    row->number = last + 1;
    row_bind(statement, row, true);
    sqlite_bind_bytes(statement, 14, sealed);
    return box_run(box, statement, ret_error);
}

int box_attachment_update(struct box *box, const struct box_attachment *row,
                          struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_UPDATE, true, &statement, ret_error);
    if (r < 0) return r;
    row_bind(statement, row, false);
    return box_run(box, statement, ret_error);
}

static int by_number(struct box *box, enum box_statement which, uint64_t number,
                     struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, which, true, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    return box_run(box, statement, ret_error);
}

int box_attachment_unseal(struct box *box, uint64_t number, struct error *ret_error)
{
    return by_number(box, BOX_ATTACHMENT_UNSEAL, number, ret_error);
}

int box_attachment_delete(struct box *box, uint64_t number, struct error *ret_error)
{
    return by_number(box, BOX_ATTACHMENT_DELETE, number, ret_error);
}

int box_attachment_find(struct box *box, const uint8_t id[16], struct box_attachment *ret_row,
                        struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_FIND, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(id, 16));
    r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "id", "没有这个附件", "no such attachment");
    if (r < 0) return r;
    row_read(statement, ret_row);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_attachment_sealed(struct box *box, uint64_t number, struct buf *ret_sealed,
                          struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_SEALED, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, number);
    r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "attachment", "本地没有此项", "not in the store");
    if (r < 0) return r;
    buf_append_bytes(ret_sealed, sqlite_column_bytes(statement, 0));
    (void)sqlite3_reset(statement);
    return 0;
}

static int gather(struct box *box, sqlite3_stmt *statement, struct box_attachment *ret_rows,
                  size_t cap, size_t *ret_count, struct error *ret_error)
{
    size_t count = 0;
    int r = 0;
    while (count < cap && (r = box_step(box, statement, ret_error)) == 1)
        row_read(statement, &ret_rows[count++]);
    (void)sqlite3_reset(statement);
    if (r < 0) return r;
    *ret_count = count;
    return 0;
}

int box_attachments_of(struct box *box, const uint8_t message[16], struct box_attachment *ret_rows,
                       size_t cap, size_t *ret_count, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_MESSAGE, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(message, 16));
    return gather(box, statement, ret_rows, cap, ret_count, ret_error);
}

int box_attachments_idle(struct box *box, uint64_t before_ms, struct box_attachment *ret_rows,
                         size_t cap, size_t *ret_count, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_IDLE, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, before_ms);
    return gather(box, statement, ret_rows, cap, ret_count, ret_error);
}

int box_attachments_refused(struct box *box, unsigned lane, struct box_attachment *ret_rows,
                            size_t cap, size_t *ret_count, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_REFUSED_LIST, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, lane);
    return gather(box, statement, ret_rows, cap, ret_count, ret_error);
}

int box_attachment_close(struct box *box, uint64_t number, struct error *ret_error)
{
    return by_number(box, BOX_ATTACHMENT_CLOSE, number, ret_error);
}

int box_attachments_pending(struct box *box,
                            int (*each)(void *ctx, const struct box_attachment *row), void *ctx,
                            struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_PENDING, false, &statement, ret_error);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_attachment row;
        row_read(statement, &row);
        r = each(ctx, &row);
    }
    (void)sqlite3_reset(statement);
    return r;
}

int box_attachment_kept(struct box *box, const struct box_attachment *row, struct box_kept *ret,
                        struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_KEPT, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(row->root, 32));
    box_bind_u64(statement, 2, row->stream_len);
    sqlite_bind_text(statement, 3, row->from);
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    ret->root = sqlite3_column_int(statement, 0) != 0;
    ret->stream = sqlite3_column_int(statement, 1) != 0;
    ret->of_sender = sqlite3_column_int(statement, 2) != 0;
    (void)sqlite3_reset(statement);
    return 0;
}

int box_attachment_bytes(struct box *box, uint64_t *ret_bytes, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_BYTES, false, &statement, ret_error);
    return r < 0 ? r : one_number(box, statement, ret_bytes, ret_error);
}

int box_attachment_shares(struct box *box, int (*each)(void *ctx, const char *unit, uint64_t bytes),
                          void *ctx, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ATTACHMENT_SHARES, false, &statement, ret_error);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        char unit[BOX_NAME_LEN];
        box_text(statement, 0, unit, sizeof unit);
        r = each(ctx, unit, box_u64(statement, 1));
    }
    (void)sqlite3_reset(statement);
    return r;
}
