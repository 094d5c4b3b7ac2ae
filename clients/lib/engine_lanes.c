/* Lanes: how far each has come, and what of it is acknowledged. */
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

static void exception_add(struct engine_lane *lane, struct engine_exception one)
{
    if (lane->exception_count == lane->exception_cap) {
        lane->exception_cap = lane->exception_cap ? lane->exception_cap * 2 : 16;
        lane->exceptions =
            realloc(lane->exceptions, lane->exception_cap * sizeof *lane->exceptions);
        CHECK(lane->exceptions != NULL);
    }
    lane->exceptions[lane->exception_count++] = one;
}

void engine_lane_except(struct engine_lane *lane, const struct box_in *row)
{
    struct engine_exception one = {row->position, row->index, (uint32_t)-row->code, {0}};
    memcpy(one.running, row->running, 32);
    exception_add(lane, one);
}

static int load_exception(void *ctx, const struct box_in *row)
{
    engine_lane_except(ctx, row);
    return 0;
}

static void lane_name(char ret[8], unsigned lane)
{
    (void)snprintf(ret, 8, "lane%u", lane);
}

int engine_lanes_load(struct engine *engine, struct error *ret_error)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        struct buf value = {0};
        char name[8];
        lane_name(name, i);
        int r = box_value_get(engine->box, name, &value, ret_error);
        if (r == 0 && value.len == 56) {
            lane->position = load_u64(value.data);
            memcpy(lane->running, value.data + 8, 32);
            lane->seq = load_u64(value.data + 40);
            lane->acked = lane->told = load_u64(value.data + 48);
        }
        (void)snprintf(name, sizeof name, "apart%u", i);
        buf_reset(&value);
        if (r == 0 || r == E_NOT_FOUND) r = box_value_get(engine->box, name, &value, ret_error);
        lane->apart = r == 0 && value.len == 1 && value.data[0];
        buf_fini(&value);
        if (r == 0 || r == E_NOT_FOUND)
            r = box_in_exceptions(engine->box, i, lane->acked, load_exception, lane, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

void engine_lane_acked(struct engine *engine, unsigned number, uint64_t position)
{
    if (number >= ENGINE_LANES) return;
    struct engine_lane *lane = &engine->lanes[number];
    if (lane->late_sent && position == lane->position) lane->late_known = true;
    if (position <= lane->acked || position > lane->position) return;
    lane->acked = position; /* kept with the next delivery: WELCOME tells it again */
    if (lane->told < position) lane->told = position;
    size_t gone = 0;
    while (gone < lane->exception_count && lane->exceptions[gone].position <= position) gone++;
    lane->exception_count -= gone;
    if (gone > 0)
        memmove(lane->exceptions, lane->exceptions + gone,
                lane->exception_count * sizeof *lane->exceptions);
}

int engine_lane_apart(struct engine *engine, unsigned number, bool apart, struct error *ret_error)
{
    const uint8_t value = apart;
    char name[8];
    engine->lanes[number].apart = apart;
    for (size_t i = 0; i < engine->peer_count; i++) {
        if (engine->peers[i].lane != number || !engine->peers[i].in_known) continue;
        engine->peers[i].in_known = false;
        engine_peer_changed(engine, &engine->peers[i]);
    }
    (void)snprintf(name, sizeof name, "apart%u", number);
    return box_value_put(engine->box, name, bytes_of(&value, 1), ret_error);
}

/* ---- acknowledging ----------------------------------------------------------------------------
 */

static void emit_ack(struct engine *engine, const struct moment *moment, unsigned number,
                     uint64_t position, const uint8_t running[32],
                     const struct engine_exception *exceptions, size_t count,
                     Leadbus__Exception *late)
{
    Leadbus__Exception rows[LIMIT_EXCEPTION_COUNT_MAX];
    Leadbus__Exception *list[LIMIT_EXCEPTION_COUNT_MAX];
    Leadbus__AckBody body = LEADBUS__ACK_BODY__INIT;
    Leadbus__Ack ack = LEADBUS__ACK__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    uint8_t signature[SUITE_SIGNATURE_LEN];
    struct buf bytes = {0};
    for (size_t i = 0; i < count; i++) {
        leadbus__exception__init(&rows[i]);
        rows[i].position = exceptions[i].position;
        rows[i].index = exceptions[i].index;
        rows[i].code = exceptions[i].code;
        list[i] = &rows[i];
    }
    body.origin = engine->origin;
    body.unit = engine_text(engine->keyring->unit);
    body.serial = engine->keyring->serial;
    body.lane = number;
    body.position = position;
    body.running = engine_binary(bytes_of(running, 32));
    body.n_exceptions = count;
    body.exceptions = list;
    body.n_late = late ? 1 : 0;
    body.late = &late;
    body.time_ms = moment->now_ms;
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_ACK, buf_bytes(&bytes), engine->keyring->identity_secret, signature);
    ack.body = engine_binary(buf_bytes(&bytes));
    ack.signature = engine_binary(bytes_of(signature, sizeof signature));
    frame.body_case = LEADBUS__FRAME__BODY_ACK;
    frame.ack = &ack;
    engine_emit(engine, &frame);
    buf_fini(&bytes);
}

/* One cumulative acknowledgement; more only where exceptions are too many for one. */
static void lane_ack(struct engine *engine, const struct moment *moment, unsigned number)
{
    struct engine_lane *lane = &engine->lanes[number];
    size_t first = 0;
    while (first < lane->exception_count && lane->exceptions[first].position <= lane->told) first++;
    while (lane->exception_count - first > LIMIT_EXCEPTION_COUNT_MAX) {
        const struct engine_exception *end =
            &lane->exceptions[first + LIMIT_EXCEPTION_COUNT_MAX - 1];
        emit_ack(engine, moment, number, end->position, end->running, &lane->exceptions[first],
                 LIMIT_EXCEPTION_COUNT_MAX, NULL);
        lane->told = end->position;
        first += LIMIT_EXCEPTION_COUNT_MAX;
    }
    const struct engine_exception *rest = lane->exceptions ? lane->exceptions + first : NULL;
    emit_ack(engine, moment, number, lane->position, lane->running, rest,
             lane->exception_count - first, NULL);
    lane->told = lane->position;
    lane->due = false;
}

uint64_t engine_ack_ms(const struct engine *engine)
{
    const struct engine_lane *lane = &engine->lanes[ENVELOPE_LANE_NORMAL];
    if (!lane->due || engine->link != ENGINE_GREETED || lane->position == 0) return UINT64_MAX;
    return lane->due_ms + ENGINE_ACK_MS;
}

/* One signature, one record and one verification speak for a run of deliveries; what is urgent, or
 * wrong, is told at once. */
static bool ack_now(const struct engine *engine, const struct moment *moment, unsigned number)
{
    const struct engine_lane *lane = &engine->lanes[number];
    if (!lane->due || engine->link != ENGINE_GREETED || lane->position == 0) return false;
    bool exception = lane->exception_count > 0 &&
                     lane->exceptions[lane->exception_count - 1].position > lane->told;
    return number == ENVELOPE_LANE_URGENT || exception ||
           lane->position - lane->told >= ENGINE_ACK_COUNT || moment->now_ms < lane->due_ms ||
           moment->now_ms - lane->due_ms >= ENGINE_ACK_MS;
}

/* When all is acknowledged and answered, so that the next answer is the one to this. */
static int lane_late(struct engine *engine, const struct moment *moment, unsigned number,
                     struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[number];
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count = 0;
    if (lane->late_sent || engine->link != ENGINE_GREETED || lane->position == 0 ||
        lane->acked != lane->position)
        return 0;
    int r = box_attachments_refused(engine->box, number, rows, LIMIT_ATTACHMENT_COUNT_MAX, &count,
                                    ret_error);
    if (r < 0 || count == 0) return r;
    Leadbus__Exception late = LEADBUS__EXCEPTION__INIT;
    late.index = rows[0].index;
    late.code = (uint32_t)-rows[0].code;
    for (size_t i = 0; i < count; i++) lane->late[i] = rows[i].number;
    lane->late_count = count;
    lane->late_sent = true;
    emit_ack(engine, moment, number, lane->position, lane->running, NULL, 0, &late);
    return 0;
}

/* The journal holds what was reported: here it is closed. */
static int lane_late_known(struct engine *engine, unsigned number, struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[number];
    int r = 0;
    for (size_t i = 0; i < lane->late_count && r == 0; i++)
        r = box_attachment_close(engine->box, lane->late[i], ret_error);
    lane->late_count = 0;
    lane->late_sent = lane->late_known = false;
    return r;
}

static int lates_flush(struct engine *engine, const struct moment *moment, struct error *ret_error)
{
    bool left = false;
    int r = 0;
    for (unsigned i = 0; i < ENGINE_LANES && r == 0; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        if (lane->late_known) r = lane_late_known(engine, i, ret_error);
        if (r == 0) r = lane_late(engine, moment, i, ret_error);
        if (lane->late_sent || lane->acked != lane->position) left = true;
    }
    /* All lanes were asked, and none had any. */
    if (r == 0 && engine->link == ENGINE_GREETED) engine->late = left;
    return r;
}

int engine_lanes_flush(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        if (lane->dirty) {
            uint8_t value[56];
            char name[8];
            store_u64(value, lane->position);
            memcpy(value + 8, lane->running, 32);
            store_u64(value + 40, lane->seq);
            store_u64(value + 48, lane->acked);
            lane_name(name, i);
            int r = box_value_put(engine->box, name, bytes_of(value, sizeof value), ret_error);
            if (r < 0) return r;
            lane->dirty = false;
        }
        if (ack_now(engine, moment, i)) lane_ack(engine, moment, i);
    }
    return engine->late ? lates_flush(engine, moment, ret_error) : 0;
}
