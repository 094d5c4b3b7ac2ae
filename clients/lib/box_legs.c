/* What this unit owes, by what is due first. */
#include "clients/lib/box_inner.h"

int box_leg_put(struct box *box, const struct box_leg *leg, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LEG_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(leg->thread, 16));
    sqlite_bind_bytes(statement, 2, bytes_of(leg->message, 16));
    box_bind_u64(statement, 3, leg->due_ms);
    return box_run(box, statement, ret_error);
}

int box_legs_forget(struct box *box, const uint8_t thread[16], struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LEG_FORGET, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    return box_run(box, statement, ret_error);
}

int box_legs_due(struct box *box, const struct box_leg *after, size_t limit,
                 int (*each)(void *ctx, const struct box_leg *leg), void *ctx,
                 struct error *ret_error)
{
    static const struct box_leg first;
    const struct box_leg *from = after ? after : &first;
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LEG_EACH, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, from->due_ms);
    sqlite_bind_bytes(statement, 2, bytes_of(from->thread, 16));
    sqlite_bind_bytes(statement, 3, bytes_of(from->message, 16));
    box_bind_u64(statement, 4, limit);
    while (r == 0 && (r = box_step(box, statement, ret_error)) == 1) {
        struct box_leg leg = {.due_ms = box_u64(statement, 2)};
        box_fixed(statement, 0, leg.thread, 16);
        box_fixed(statement, 1, leg.message, 16);
        r = each(ctx, &leg);
    }
    (void)sqlite3_reset(statement);
    return r;
}

int box_legs_count(struct box *box, uint64_t now_ms, uint64_t *ret_owed, uint64_t *ret_overdue,
                   struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LEG_COUNT, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, now_ms);
    r = box_step(box, statement, ret_error);
    if (r < 0) return r;
    *ret_owed = box_u64(statement, 0);
    *ret_overdue = box_u64(statement, 1);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_about_add(struct box *box, const uint8_t thread[16], uint64_t number,
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_ABOUT_ADD, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    box_bind_u64(statement, 2, number);
    return box_run(box, statement, ret_error);
}

/* ---- who inside the unit was told ---------------------------------------------------------------
 */

static void ladder_read(sqlite3_stmt *statement, struct box_ladder *ret_row)
{
    box_fixed(statement, 0, ret_row->thread, 16);
    box_fixed(statement, 1, ret_row->message, 16);
    ret_row->next = (unsigned)box_u64(statement, 2);
    ret_row->next_ms = box_u64(statement, 3);
    for (int i = 0; i < BOX_LADDER_STEPS; i++) {
        ret_row->told_ms[i] = box_u64(statement, 4 + i);
        ret_row->result[i] = sqlite3_column_int(statement, 4 + BOX_LADDER_STEPS + i);
    }
    ret_row->shown = box_u64(statement, 4 + 2 * BOX_LADDER_STEPS);
    ret_row->shown_ms = box_u64(statement, 5 + 2 * BOX_LADDER_STEPS);
    ret_row->again_ms = box_u64(statement, 6 + 2 * BOX_LADDER_STEPS);
}

static int ladder_one(struct box *box, sqlite3_stmt *statement, struct box_ladder *ret_row,
                      struct error *ret_error)
{
    int r = box_step(box, statement, ret_error);
    if (r == 0)
        return error_say(ret_error, E_NOT_FOUND, "ladder", "没有待通知的", "nobody is to be told");
    if (r < 0) return r;
    ladder_read(statement, ret_row);
    (void)sqlite3_reset(statement);
    return 0;
}

int box_ladder_get(struct box *box, const uint8_t thread[16], const uint8_t message[16],
                   struct box_ladder *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LADDER_GET, false, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(thread, 16));
    sqlite_bind_bytes(statement, 2, bytes_of(message, 16));
    return ladder_one(box, statement, ret_row, ret_error);
}

int box_ladder_next(struct box *box, struct box_ladder *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LADDER_NEXT, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, BOX_LADDER_NO_STEP);
    return ladder_one(box, statement, ret_row, ret_error);
}

int box_ladder_open(struct box *box, struct box_ladder *ret_row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LADDER_OPEN, false, &statement, ret_error);
    return r < 0 ? r : ladder_one(box, statement, ret_row, ret_error);
}

int box_ladder_again(struct box *box, bool after, size_t limit,
                     int (*each)(void *ctx, const struct box_ladder *row), void *ctx,
                     struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    struct box_ladder row;
    int r = box_prepare(box, BOX_LADDER_AGAIN, false, &statement, ret_error);
    if (r < 0) return r;
    box_bind_u64(statement, 1, BOX_LADDER_NO_STEP);
    (void)sqlite3_bind_int(statement, 2, after);
    box_bind_u64(statement, 3, limit < INT64_MAX ? limit : INT64_MAX);
    while ((r = box_step(box, statement, ret_error)) == 1) {
        ladder_read(statement, &row);
        r = each(ctx, &row);
        if (r != 0) break;
    }
    (void)sqlite3_reset(statement);
    return r < 0 ? r : 0;
}

int box_ladder_put(struct box *box, const struct box_ladder *row, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = box_prepare(box, BOX_LADDER_PUT, true, &statement, ret_error);
    if (r < 0) return r;
    sqlite_bind_bytes(statement, 1, bytes_of(row->thread, 16));
    sqlite_bind_bytes(statement, 2, bytes_of(row->message, 16));
    box_bind_u64(statement, 3, row->next);
    box_bind_u64(statement, 4, row->next_ms);
    for (int i = 0; i < BOX_LADDER_STEPS; i++) {
        box_bind_u64(statement, 5 + i, row->told_ms[i]);
        (void)sqlite3_bind_int(statement, 5 + BOX_LADDER_STEPS + i, row->result[i]);
    }
    box_bind_u64(statement, 5 + 2 * BOX_LADDER_STEPS, row->shown);
    box_bind_u64(statement, 6 + 2 * BOX_LADDER_STEPS, row->shown_ms);
    box_bind_u64(statement, 7 + 2 * BOX_LADDER_STEPS, row->again_ms);
    return box_run(box, statement, ret_error);
}
