/* Who inside the unit is told of what waits to be signed for. */
#include <string.h>

#include "clients/lib/client_view.h"

void leadbus_rung_repeat(leadbus *lb, uint64_t every_ms, int ranks)
{
    lb->repeat_ms = every_ms;
    lb->rankless = ranks == 0;
}

/* Until when a message holds; 0: it does not say, or has not come. */
static int end_of(leadbus *lb, const uint8_t message[16], uint64_t *ret_ms, struct error *ret_error)
{
    struct box_in in;
    struct buf body = {0};
    struct arena arena;
    *ret_ms = 0;
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    int r = box_in_find(lb->box, message, &in, ret_error);
    if (r == 0) r = box_in_body(lb->box, in.number, &body, NULL, NULL, ret_error);
    const Leadbus__Header *head = r == 0 ? view_head_of(buf_bytes(&body), false, &arena) : NULL;
    if (head) *ret_ms = head->expires_ms;
    arena_fini(&arena);
    buf_fini(&body);
    return r == E_NOT_FOUND ? 0 : r;
}

struct first {
    bool any;
    struct box_ladder row;
};

static int take_first(void *ctx, const struct box_ladder *row)
{
    *(struct first *)ctx = (struct first){true, *row};
    return 1;
}

/* The repetition that comes first. What would come past its message's end is none: it leaves the
 * index. E_NOT_FOUND: there is none. */
static int next_repetition(leadbus *lb, struct box_ladder *ret_row, uint64_t *ret_at_ms,
                           struct error *ret_error)
{
    bool left = false;
    int r = 0;
    for (;;) {
        struct first first = {0};
        uint64_t end_ms = 0;
        r = box_ladder_again(lb->box, !lb->rankless, 1, take_first, &first, ret_error);
        if (r == 0 && first.any) r = end_of(lb, first.row.message, &end_ms, ret_error);
        if (r < 0) return r;
        *ret_row = first.row;
        *ret_at_ms = first.row.again_ms + lb->repeat_ms;
        bool over =
            first.any && end_ms != 0 && (*ret_at_ms >= end_ms || client_now_ms(lb) >= end_ms);
        if (!over) {
            if (left) r = box_commit(lb->box, ret_error);
            return r < 0 || first.any ? r : E_NOT_FOUND;
        }
        first.row.again_ms = BOX_LADDER_NO_STEP;
        r = box_ladder_put(lb->box, &first.row, ret_error);
        if (r < 0) return r;
        left = true;
    }
}

int leadbus_rung_next(leadbus *lb, struct leadbus_rung *ret_rung, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_ladder row = {0};
    struct box_ladder repeated = {0};
    uint64_t repeat_ms = BOX_LADDER_NO_STEP;
    struct leadbus_rung rung = {.kind = ""};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = lb->repeat_ms ? next_repetition(lb, &repeated, &repeat_ms, &error) : E_NOT_FOUND;
    if (r < 0 && r != E_NOT_FOUND) return client_failed(ret_error, &error);
    bool repeats = r == 0;
    r = lb->rankless ? E_NOT_FOUND : box_ladder_next(lb->box, &row, &error);
    if (r < 0 && r != E_NOT_FOUND) return client_failed(ret_error, &error);
    repeats = repeats && (r < 0 || repeat_ms < row.next_ms);
    if (r < 0 && !repeats) {
        (void)error_say(&error, r, "ladder", "没有待通知的", "nobody is to be told");
        return client_failed(ret_error, &error);
    }
    rung.rank = (int)row.next;
    rung.at_ms = row.next_ms;
    rung.again = row.next < BOX_LADDER_STEPS && row.told_ms[row.next] != 0;
    if (repeats) {
        row = repeated;
        rung.rank = LEADBUS_RANK_ALL;
        rung.at_ms = repeat_ms;
        rung.again = 1;
    }
    memcpy(rung.thread, row.thread, 16);
    memcpy(rung.id, row.message, 16);
    rung.shown = row.shown;
    r = box_in_find(lb->box, row.message, &lb->rung_row, &error);
    if (r < 0 && r != E_NOT_FOUND) return client_failed(ret_error, &error);
    if (r == 0) rung.kind = lb->rung_row.kind;
    if (r == 0) rung.from_ms = lb->rung_row.received_ms;
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
    bool repeats = rung->rank == LEADBUS_RANK_ALL;
    bool comes = repeats ? row.again_ms != BOX_LADDER_NO_STEP &&
                               (lb->rankless || row.next_ms == BOX_LADDER_NO_STEP)
                         : rung->rank >= 0 && row.next == (unsigned)rung->rank;
    if (r == 0 && !comes)
        r = error_say(&error, E_BAD_VALUE, "rank", "不是下一个要通知的", "not the next to be told");
    if (r < 0) return client_failed(ret_error, &error);
    row.shown_ms = client_now_ms(lb);
    if (row.again_ms != BOX_LADDER_NO_STEP) row.again_ms = row.shown_ms;
    if (!repeats) {
        bool again = row.told_ms[row.next] != 0;
        row.told_ms[row.next] = row.shown_ms;
        row.result[row.next] = again ? LEADBUS_RUNG_AGAIN : LEADBUS_RUNG_OPEN;
        row.next++;
        row.next_ms = next_of(lb, &row, row.next);
    }
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
    bool repeats = rung->rank == LEADBUS_RANK_ALL;
    bool begun = repeats ? row.shown_ms != 0 : rung->rank >= 0 && (unsigned)rung->rank < row.next;
    if (r == 0 && !begun) r = error_say(&error, E_BAD_VALUE, "rank", "尚未开始通知", "not begun");
    if (r < 0) return client_failed(ret_error, &error);
    if (result == LEADBUS_RUNG_TOLD) row.shown++;
    if (!repeats) row.result[rung->rank] = (int)result;
    bool follows =
        !repeats && result == LEADBUS_RUNG_NOBODY && row.next == (unsigned)rung->rank + 1;
    if (follows && row.next_ms != BOX_LADDER_NO_STEP) row.next_ms = client_now_ms(lb);
    r = box_ladder_put(lb->box, &row, &error);
    if (r == 0) r = box_commit(lb->box, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}
