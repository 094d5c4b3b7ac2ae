/* From the rows of the outbox onto the wire, as far as the window reaches. */
#include "clients/lib/engine_inner.h"

static uint64_t lowest_seq(const struct engine_lane *lane)
{
    uint64_t lowest = UINT64_MAX;
    const struct engine_pending *pending;
    TAILQ_FOREACH(pending, &lane->sent, link)
    if (pending->seq < lowest) lowest = pending->seq;
    pending = TAILQ_FIRST(&lane->waiting);
    /* What waits for others to come back must not hold up what does not. */
    while (pending && pending->again && pending->attempts > 0) pending = TAILQ_NEXT(pending, link);
    if (pending && pending->seq < lowest) lowest = pending->seq;
    return lowest;
}

static uint8_t *put_varint(uint8_t *at, size_t value)
{
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* Frame{version 1, submit{envelope}} around envelope bytes that go as they were signed, without
 * being decoded again. */
static void emit_submit(struct engine *engine, struct bytes envelope)
{
    uint8_t inner[12], head[32];
    size_t inner_len = (size_t)(put_varint(inner, envelope.len) - inner);
    uint8_t *at = head;
    struct buf bytes = {0};
    *at++ = 0x08;
    *at++ = 1;
    *at++ = 0x1a;
    at = put_varint(at, 1 + inner_len + envelope.len);
    *at++ = 0x0a;
    at = put_varint(at, envelope.len);
    (void)buf_grow(&bytes, 32 + envelope.len);
    buf_reset(&bytes);
    buf_append(&bytes, head, (size_t)(at - head));
    buf_append_bytes(&bytes, envelope);
    engine_emit_bytes(engine, &bytes);
}

static int send_one(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                    struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    struct buf envelope = {0};
    if (pending->wants == ENGINE_WANT_RESEAL) {
        int r = engine_reseal(engine, moment, pending, ret_error);
        if (r != 0) return r < 0 ? r : 0;
    }
    int r = box_out_body(engine->box, pending->number, &envelope, NULL, ret_error);
    if (r == 0) {
        emit_submit(engine, buf_bytes(&envelope));
        TAILQ_REMOVE(&lane->waiting, pending, link);
        TAILQ_INSERT_TAIL(&lane->sent, pending, link);
        pending->sent = true;
        pending->attempts++;
        engine->sent_count++;
        engine->stats.out_state[BOX_OUT_QUEUED]--;
        engine->stats.out_state[BOX_OUT_SENT]++;
    }
    buf_fini(&envelope);
    return r;
}

int engine_outbox_fill(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    /* Routes and keys are those of the bus only once its keys are known. */
    if (engine->link != ENGINE_GREETED || engine->reset || !engine->keys_known) return 0;
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        struct engine_pending *next = TAILQ_FIRST(&lane->waiting);
        if (!next) continue;
        uint64_t lowest = lowest_seq(lane);
        size_t looked = 0;
        while (next && engine->sent_count < engine->options.send_window) {
            struct engine_pending *pending = next;
            next = TAILQ_NEXT(pending, link);
            /* Those put off in front of it must not make this a walk over the whole outbox. */
            if (++looked > 4 * (size_t)LIMIT_SEQ_WINDOW) break;
            if (pending->seq >= lowest + LIMIT_SEQ_WINDOW - 1) break;
            if (pending->retry_ms > moment->now_ms) continue;
            pending->retry_ms = 0;
            if (pending->wants > ENGINE_WANT_RESEAL) {
                /* The answer did not come, or did not help: ask again. */
                if (pending->wants == ENGINE_WANT_BUNDLE)
                    engine_ask_bundle(engine, moment, 0);
                else
                    engine_ask_keys(engine, moment, true);
                pending->retry_ms = moment->now_ms + ENGINE_ASK_AGAIN_MS;
                continue;
            }
            if (map_find(&engine->pending_of, pending->parent)) continue;
            if (pending->uploads > 0) continue;
            int r = send_one(engine, moment, pending, ret_error);
            if (r < 0) return r;
        }
    }
    return 0;
}

uint64_t engine_outbox_next_ms(const struct engine *engine)
{
    uint64_t next = UINT64_MAX;
    if (engine->sent_count >= engine->options.send_window || !engine->keys_known) return next;
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        const struct engine_pending *pending;
        size_t looked = 0;
        TAILQ_FOREACH(pending, &engine->lanes[i].waiting, link)
        {
            if (++looked > 64) break;
            /* What waits for an answer, or was kept out by the window, goes on with it. */
            if (pending->retry_ms && pending->retry_ms < next) next = pending->retry_ms;
        }
    }
    return next;
}
