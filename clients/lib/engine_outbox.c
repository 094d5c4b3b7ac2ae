/* Messages that are not settled: those that wait and those that were sent, and how they end. */
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

struct engine_pending *engine_pending_new(struct engine *engine, const struct box_out *row)
{
    struct engine_pending *pending = calloc(1, sizeof *pending);
    CHECK(pending != NULL);
    pending->number = row->number;
    pending->seq = row->seq;
    pending->retry_ms = row->retry_ms;
    pending->lane = (uint8_t)row->lane;
    pending->attempts = row->attempts;
    pending->again = (uint8_t)row->again;
    if (row->again == BOX_AGAIN_SEAL) pending->wants = ENGINE_WANT_RESEAL;
    memcpy(pending->id, row->id, 16);
    memcpy(pending->parent, row->parent, 16);
    memcpy(pending->hash, row->hash, 32);
    TAILQ_INSERT_TAIL(&engine->lanes[row->lane].waiting, pending, link);
    map_put_pointer(&engine->pending_of, pending->id, pending);
    engine->pending_count++;
    return pending;
}

static int load_pending(void *ctx, const struct box_out *row)
{
    struct engine *engine = ctx;
    if (row->lane < ENGINE_LANES) engine_pending_new(engine, row);
    return 0;
}

int engine_outbox_load(struct engine *engine, struct error *ret_error)
{
    return box_out_pending(engine->box, load_pending, engine, ret_error);
}

void engine_outbox_free(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_queue *queues[2] = {&engine->lanes[i].waiting, &engine->lanes[i].sent};
        for (size_t q = 0; q < 2; q++) {
            struct engine_pending *pending;
            while ((pending = TAILQ_FIRST(queues[q])) != NULL) {
                TAILQ_REMOVE(queues[q], pending, link);
                map_delete(&engine->pending_of, pending->id, NULL);
                free(pending);
            }
        }
    }
    engine->pending_count = engine->sent_count = 0;
}

void engine_pending_wait(struct engine *engine, struct engine_pending *pending)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    if (pending->sent) {
        TAILQ_REMOVE(&lane->sent, pending, link);
        engine->sent_count--;
        engine->stats.out_state[BOX_OUT_SENT]--;
        engine->stats.out_state[BOX_OUT_QUEUED]++;
    } else {
        TAILQ_REMOVE(&lane->waiting, pending, link);
    }
    pending->sent = false;
    struct engine_pending *at = TAILQ_FIRST(&lane->waiting);
    while (at && at->number < pending->number) at = TAILQ_NEXT(at, link);
    if (at)
        TAILQ_INSERT_BEFORE(at, pending, link);
    else
        TAILQ_INSERT_TAIL(&lane->waiting, pending, link);
}

void engine_pending_settle(struct engine *engine, struct engine_pending *pending)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    TAILQ_REMOVE(pending->sent ? &lane->sent : &lane->waiting, pending, link);
    engine->stats.out_state[pending->sent ? BOX_OUT_SENT : BOX_OUT_QUEUED]--;
    if (pending->sent) engine->sent_count--;
    map_delete(&engine->pending_of, pending->id, NULL);
    engine->pending_count--;
    free(pending);
}

void engine_outbox_unsent(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_pending *pending;
        while ((pending = TAILQ_LAST(&engine->lanes[i].sent, engine_queue)) != NULL)
            engine_pending_wait(engine, pending);
    }
}

void engine_outbox_release(struct engine *engine, enum engine_want want)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_pending *pending;
        TAILQ_FOREACH(pending, &engine->lanes[i].waiting, link)
        {
            if (pending->wants != want) continue;
            pending->wants = ENGINE_WANT_RESEAL;
            /* At once, unless that has not helped before: then no faster than the backoff. */
            if (pending->attempts < ENGINE_AT_ONCE_MAX) pending->retry_ms = 0;
        }
    }
}

void engine_outbox_wake(struct engine *engine)
{
    struct engine_pending *pending;
    for (size_t i = 0; i < ENGINE_LANES; i++)
        TAILQ_FOREACH(pending, &engine->lanes[i].waiting, link)
    if (pending->again && pending->wants <= ENGINE_WANT_RESEAL) pending->retry_ms = 0;
}

uint64_t engine_backoff_ms(const struct engine_pending *pending)
{
    uint32_t shift = pending->attempts > 8 ? 8 : pending->attempts;
    uint64_t wait_ms = (uint64_t)ENGINE_RETRY_MS << shift;
    return wait_ms > ENGINE_RETRY_MAX_MS ? ENGINE_RETRY_MAX_MS : wait_ms;
}

void engine_row_why(struct box_out *row, const struct error *why)
{
    row->code = why->code;
    engine_copy(row->field, sizeof row->field, why->field);
    engine_copy(row->detail, sizeof row->detail, why->detail);
    engine_copy(row->detail_zh, sizeof row->detail_zh, why->detail_zh);
}

int engine_row_refused(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                       const struct error *why, struct error *ret_error)
{
    struct box_out row;
    uint8_t id[16];
    memcpy(id, pending->id, 16);
    int r = box_out_find(engine->box, id, &row, ret_error);
    if (r < 0) return r;
    row.state = BOX_OUT_REFUSED;
    row.attempts = pending->attempts;
    row.retry_ms = 0;
    engine_row_why(&row, why);
    r = box_out_update(engine->box, &row, ret_error);
    if (r == 0) r = engine_thread_rebuild(engine, moment, row.thread, ret_error);
    if (r == 0) r = box_same_drop(engine->box, id, ret_error); /* nobody else has it */
    if (r < 0) return r;
    engine_transfers_cancel(engine, id);
    engine_pending_settle(engine, pending);
    engine->stats.out_state[BOX_OUT_REFUSED]++;
    engine_note(engine, moment, why);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD, id);
    return 0;
}
