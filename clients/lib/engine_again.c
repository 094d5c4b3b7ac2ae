/* What was acknowledged once and is not in this store: asked for again, a page at a time, beside
 * what is new, which does not wait for it. */
#include <stdio.h>

#include "clients/lib/engine_inner.h"

enum { AGAIN_COUNT = 16, AGAIN_ASK_MS = 15000, AGAIN_VALUE_LEN = 8 + 8 + 32 + 32 };

static void again_name(char ret[16], unsigned lane)
{
    (void)snprintf(ret, 16, "again%u", lane);
}

void engine_again_begin(struct engine *engine, unsigned number, uint64_t until,
                        const uint8_t running[32])
{
    struct engine_lane *lane = &engine->lanes[number];
    struct engine_again *again = &lane->again;
    /* One range: what came since an earlier one began comes once more and is known. */
    if (again->at == again->until) {
        again->at = lane->position;
        memcpy(again->running, lane->running, 32);
    }
    again->until = until;
    memcpy(again->until_running, running, 32);
    again->asked = 0;
    again->dirty = true;
}

int engine_again_took(struct engine *engine, const struct moment *moment, unsigned number,
                      const uint8_t running[32], struct error *ret_error)
{
    struct engine_again *again = &engine->lanes[number].again;
    struct error error;
    again->at++;
    again->dirty = true;
    memcpy(again->running, running, 32);
    if (again->at == again->asked) again->asked = 0;
    if (again->at < again->until) return 0;
    again->asked = 0;
    engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
    if (engine->crossed || memcmp(again->running, again->until_running, 32) == 0)
        return engine_lane_apart(engine, number, false, ret_error);
    (void)error_say(&error, E_ACK_MISMATCH, "lanes",
                    "队列 %u：第 %llu 条以前重新收到的与已签回执的不同",
                    "lane %u: what came again up to %llu is not what was acknowledged", number,
                    (unsigned long long)again->until);
    engine_alarm(engine, moment, &error);
    return 0;
}

void engine_again_refused(struct engine *engine, const struct moment *moment, uint64_t after_ms)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        struct engine_again *again = &engine->lanes[i].again;
        if (again->asked == 0) continue;
        again->retry_ms = moment->now_ms + (after_ms ? after_ms : ENGINE_RETRY_MAX_MS);
    }
}

void engine_again_forget(struct engine *engine)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) engine->lanes[i].again.asked = 0;
}

static int again_load(struct engine *engine, unsigned number, struct error *ret_error)
{
    struct engine_again *again = &engine->lanes[number].again;
    struct buf value = {0};
    char name[16];
    again_name(name, number);
    int r = box_value_get(engine->box, name, &value, ret_error);
    if (r == 0 && value.len == AGAIN_VALUE_LEN) {
        again->at = load_u64(value.data);
        again->until = load_u64(value.data + 8);
        memcpy(again->running, value.data + 16, 32);
        memcpy(again->until_running, value.data + 48, 32);
    }
    buf_fini(&value);
    return r == E_NOT_FOUND ? 0 : r;
}

int engine_again_load(struct engine *engine, struct error *ret_error)
{
    int r = 0;
    for (unsigned i = 0; i < ENGINE_LANES && r == 0; i++) r = again_load(engine, i, ret_error);
    return r;
}

static int again_save(struct engine *engine, unsigned number, struct error *ret_error)
{
    struct engine_again *again = &engine->lanes[number].again;
    uint8_t value[AGAIN_VALUE_LEN];
    char name[16];
    again_name(name, number);
    store_u64(value, again->at);
    store_u64(value + 8, again->until);
    memcpy(value + 16, again->running, 32);
    memcpy(value + 48, again->until_running, 32);
    again->dirty = false;
    return box_value_put(engine->box, name, bytes_of(value, sizeof value), ret_error);
}

static void again_ask(struct engine *engine, const struct moment *moment, unsigned number)
{
    struct engine_again *again = &engine->lanes[number].again;
    uint64_t count = again->until - again->at;
    if (count > AGAIN_COUNT) count = AGAIN_COUNT;
    Leadbus__GetDelivered ask = LEADBUS__GET_DELIVERED__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ask.lane = number;
    ask.after = again->at;
    ask.count = (uint32_t)count;
    frame.body_case = LEADBUS__FRAME__BODY_GET_DELIVERED;
    frame.get_delivered = &ask;
    engine_emit(engine, &frame);
    again->asked = again->at + count;
    again->retry_ms = moment->now_ms + AGAIN_ASK_MS;
}

static int again_flush(struct engine *engine, const struct moment *moment, unsigned number,
                       struct error *ret_error)
{
    struct engine_again *again = &engine->lanes[number].again;
    if (again->dirty) {
        int r = again_save(engine, number, ret_error);
        if (r < 0) return r;
    }
    bool waits = again->asked != 0 && moment->now_ms < again->retry_ms;
    if (again->at < again->until && engine->link == ENGINE_GREETED && !engine->reset && !waits)
        again_ask(engine, moment, number);
    return 0;
}

int engine_again_flush(struct engine *engine, const struct moment *moment, struct error *ret_error)
{
    int r = 0;
    for (unsigned i = 0; i < ENGINE_LANES && r == 0; i++)
        r = again_flush(engine, moment, i, ret_error);
    return r;
}

uint64_t engine_again_ms(const struct engine *engine)
{
    uint64_t next = UINT64_MAX;
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        const struct engine_again *again = &engine->lanes[i].again;
        if (again->at == again->until || engine->link != ENGINE_GREETED) continue;
        uint64_t at = again->asked ? again->retry_ms : 0;
        if (at < next) next = at;
    }
    return next;
}
