/* Who inside the unit is told of what waits to be signed for. */
#include <string.h>

#include "clients/lib/client_view.h"

int leadbus_rung_next(leadbus *lb, struct leadbus_rung *ret_rung, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_ladder row = {0};
    struct leadbus_rung rung = {.kind = ""};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_ladder_next(lb->box, &row, &error);
    if (r < 0) return client_failed(ret_error, &error);
    memcpy(rung.thread, row.thread, 16);
    memcpy(rung.id, row.message, 16);
    rung.rank = (int)row.next;
    rung.at_ms = row.next_ms;
    rung.again = row.next < BOX_LADDER_STEPS && row.told_ms[row.next] != 0;
    r = box_in_find(lb->box, row.message, &lb->rung_row, &error);
    if (r < 0 && r != E_NOT_FOUND) return client_failed(ret_error, &error);
    if (r == 0) rung.kind = lb->rung_row.kind;
    rung.size = ret_rung->size;
    view_fill(ret_rung, &rung, sizeof rung);
    return 0;
}

/* When a rank is due; the thread knows. */
static uint64_t next_of(leadbus *lb, const struct box_ladder *row, unsigned rank)
{
    struct buf state = {0};
    struct thread thread;
    uint64_t at_ms[THREAD_STEP_COUNT];
    uint64_t next_ms = BOX_LADDER_NO_STEP;
    thread_init(&thread, row->thread);
    if (rank < THREAD_STEP_COUNT && box_thread_get(lb->box, row->thread, NULL, &state, NULL) == 0 &&
        thread_decode(buf_bytes(&state), &thread, NULL) == 0) {
        const struct thread_leg *leg = thread_leg_of(&thread, lb->keyring.unit, row->message);
        if (leg && thread_leg_steps(leg, trust_bundle_plan(lb->engine->bundle), at_ms) &&
            at_ms[rank] != 0)
            next_ms = at_ms[rank];
    }
    thread_fini(&thread);
    buf_fini(&state);
    return next_ms;
}

int leadbus_rung_resume(leadbus *lb, uint64_t *ret_count, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_ladder row = {0};
    int r = 0;
    *ret_count = 0;
    if (lb->dead) return client_failed(ret_error, &lb->death);
    while (r == 0 && (r = box_ladder_open(lb->box, &row, &error)) == 0) {
        unsigned rank = row.next - 1;
        uint64_t at_ms = next_of(lb, &row, rank);
        if (at_ms == BOX_LADDER_NO_STEP) { /* it is signed for, or has no term any more */
            row.result[rank] = LEADBUS_RUNG_AGAIN;
        } else {
            row.next = rank;
            row.next_ms = at_ms;
            ++*ret_count;
        }
        r = box_ladder_put(lb->box, &row, &error);
    }
    if (r == E_NOT_FOUND) r = box_commit(lb->box, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_rung_begin(leadbus *lb, const struct leadbus_rung *rung,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_ladder row = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_ladder_get(lb->box, rung->thread, rung->id, &row, &error);
    if (r == 0 && (rung->rank < 0 || row.next != (unsigned)rung->rank))
        r = error_say(&error, E_BAD_VALUE, "rank", "不是下一个要通知的", "not the next to be told");
    if (r < 0) return client_failed(ret_error, &error);
    bool again = row.told_ms[row.next] != 0;
    row.told_ms[row.next] = client_now_ms(lb);
    row.result[row.next] = again ? LEADBUS_RUNG_AGAIN : LEADBUS_RUNG_OPEN;
    row.next++;
    row.next_ms = next_of(lb, &row, row.next);
    r = box_ladder_put(lb->box, &row, &error);
    if (r == 0) r = box_commit(lb->box, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_rung_end(leadbus *lb, const struct leadbus_rung *rung, enum leadbus_rung_result result,
                     struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_ladder row = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_ladder_get(lb->box, rung->thread, rung->id, &row, &error);
    if (r == 0 && (rung->rank < 0 || (unsigned)rung->rank >= row.next))
        r = error_say(&error, E_BAD_VALUE, "rank", "尚未开始通知", "not begun");
    if (r < 0) return client_failed(ret_error, &error);
    row.result[rung->rank] = result;
    bool follows = result == LEADBUS_RUNG_NOBODY && row.next == (unsigned)rung->rank + 1;
    if (follows && row.next_ms != BOX_LADDER_NO_STEP) row.next_ms = client_now_ms(lb);
    r = box_ladder_put(lb->box, &row, &error);
    if (r == 0) r = box_commit(lb->box, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}
