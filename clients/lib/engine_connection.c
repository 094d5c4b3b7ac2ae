/* One connection: the greeting, what the broker says to it, and whether it is still there. */
#include "clients/lib/engine_inner.h"

/* ---- greeting ---------------------------------------------------------------------------------
 */

static void greet(struct engine *engine, const struct moment *moment)
{
    Leadbus__HelloBody body = LEADBUS__HELLO_BODY__INIT;
    Leadbus__LanePosition lanes[ENGINE_LANES];
    Leadbus__LanePosition *list[ENGINE_LANES];
    Leadbus__Hello hello = LEADBUS__HELLO__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    const struct keyring *keyring = engine->keyring;
    uint8_t signature[SUITE_SIGNATURE_LEN];
    struct buf bytes = {0};
    body.bus = engine_text(trust_bundle_bus(engine->bundle));
    body.unit = engine_text(keyring->unit);
    body.serial = keyring->serial;
    body.instance = engine_binary(bytes_of(keyring->instance, 16));
    body.time_ms = moment->now_ms;
    body.bundle = trust_bundle_version(engine->bundle);
    body.origin = engine->origin;
    engine_restored_greet(engine);
    if (engine->seen.size > 0) {
        body.seen_size = engine->seen.size;
        body.seen_root = engine_binary(bytes_of(engine->seen.root, 32));
    }
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        leadbus__lane_position__init(&lanes[i]);
        lanes[i].lane = i;
        lanes[i].position = engine->lanes[i].position;
        lanes[i].running = engine_binary(bytes_of(engine->lanes[i].running, 32));
        list[i] = &lanes[i];
    }
    body.n_lanes = ENGINE_LANES;
    body.lanes = list;
    body.credit = engine->options.credit;
    body.transport_key = engine_binary(bytes_of(keyring->transport_public, 32));
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_HELLO, buf_bytes(&bytes), keyring->identity_secret, signature);
    hello.body = engine_binary(buf_bytes(&bytes));
    hello.signature = engine_binary(bytes_of(signature, sizeof signature));
    frame.body_case = LEADBUS__FRAME__BODY_HELLO;
    frame.hello = &hello;
    engine_emit(engine, &frame);
    buf_fini(&bytes);
    engine->linked_ms = moment->now_ms;
}

/* What belongs to one connection. */
static void forget(struct engine *engine)
{
    struct buf frame;
    while (engine_out(engine, &frame)) buf_fini(&frame);
    engine_outbox_unsent(engine);
    engine_transfers_unsent(engine);
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        engine->lanes[i].told = engine->lanes[i].acked;
        engine->lanes[i].late_sent = false;
    }
    engine_held_forget(engine);
    engine->asked_count = engine->answered_count = 0;
    engine_again_forget(engine);
    engine_watch_forget(engine);
    engine_rewrap_forget(engine);
    engine->keys_asked_ms = engine->bundle_asked_ms = 0;
    engine->keys_known = false;
}

int engine_connected(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    (void)ret_error;
    forget(engine);
    engine->link = ENGINE_CONNECTED;
    engine->reset = false;
    greet(engine, moment);
    return 0;
}

void engine_disconnected(struct engine *engine, struct moment *moment)
{
    bool was = engine->link == ENGINE_GREETED;
    forget(engine);
    engine->link = ENGINE_DOWN;
    engine->reset = false;
    if (was) {
        engine->stats.connected_ms = moment->now_ms;
        engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
    }
}

/* The head that the broker greets with, against what we hold. */
static int welcome_head(struct engine *engine, struct moment *moment,
                        const Leadbus__Welcome *welcome, struct error *ret_error)
{
    struct checkpoint head;
    struct merkle_proof path;
    struct bytes note = engine_bytes(welcome->checkpoint);
    if (!note_name_valid(bytes_of_str(welcome->origin)))
        return error_say(ret_error, E_BAD_VALUE, "origin", "不是合规的名称", "not a name");
    if (engine->origin[0] && strcmp(engine->origin, welcome->origin) != 0)
        return engine_restored_welcome(engine, moment, welcome, ret_error);
    int r = engine_restored_over(engine, ret_error);
    if (r < 0) return r;
    bool first = engine->origin[0] == 0;
    if (first) engine_copy(engine->origin, sizeof engine->origin, welcome->origin);
    /* Heads of an earlier connection that were never proved do not bind the broker we now meet. */
    engine_heads_restart(engine);
    r = engine_head_check(engine, note, &head, ret_error);
    if (r == 0 && engine->trusted.held) {
        r = engine_proof_of(welcome->consistency, welcome->n_consistency, &path, ret_error);
        if (r == 0)
            r = checkpoint_verify_extends(&engine->trusted.checkpoint, &head, &path, ret_error);
        if (r == E_PROOF_INVALID)
            r = error_say(ret_error, E_JOURNAL_FORKED, "consistency", "从 %llu 到 %llu",
                          "from %llu to %llu", (unsigned long long)engine->trusted.checkpoint.size,
                          (unsigned long long)head.size);
    }
    if (r == 0 && first)
        r = box_value_put(engine->box, "origin", bytes_of_str(engine->origin), ret_error);
    if (r == 0) r = engine_head_trust(engine, &head, note, ret_error);
    if (r < 0 && first) engine->origin[0] = 0;
    return r;
}

/* Where the journal holds more of ours than we do, an older store was put back. */
static int welcome_state(struct engine *engine, struct moment *moment,
                         const Leadbus__Welcome *welcome, struct error *ret_error)
{
    (void)ret_error;
    for (size_t i = 0; i < welcome->n_seqs; i++) {
        const Leadbus__SeqState *one = welcome->seqs[i];
        if (one->lane >= ENGINE_LANES) continue;
        struct engine_lane *lane = &engine->lanes[one->lane];
        if (one->seq > lane->seq) {
            lane->seq = one->seq;
            lane->dirty = true;
        }
    }
    for (size_t i = 0; i < welcome->n_lanes; i++) {
        const Leadbus__LanePosition *one = welcome->lanes[i];
        if (one->lane >= ENGINE_LANES || one->running.len != 32) continue;
        struct engine_lane *lane = &engine->lanes[one->lane];
        if (one->position > lane->position) {
            struct error error;
            (void)error_say(&error, E_NOT_FOUND, "inbox",
                            "通道 %u：曾确认到第 %llu 件，本库只到第 %llu 件，其余正从总线补收",
                            "lane %u: acknowledged up to %llu once, this store ends at %llu: the "
                            "rest is fetched from the bus again",
                            one->lane, (unsigned long long)one->position,
                            (unsigned long long)lane->position);
            engine_note(engine, moment, &error);
            engine_again_begin(engine, one->lane, one->position, one->running.data);
            lane->position = one->position;
            memcpy(lane->running, one->running.data, 32);
            lane->dirty = true;
            int r = engine_lane_apart(engine, one->lane, true, ret_error);
            if (r < 0) return r;
        } else if (one->position == lane->position && one->position > 0 &&
                   memcmp(one->running.data, lane->running, 32) != 0) {
            return error_say(ret_error, E_ACK_MISMATCH, "lanes", "队列 %u 的历史与本单位所记不同",
                             "lane %u has another history", one->lane);
        }
        engine_lane_acked(engine, one->lane, one->position);
        lane->told = one->position;
        lane->due = lane->position > one->position;
        lane->due_ms = 0;
    }
    return 0;
}

static void heard_of(struct engine *engine, const struct moment *moment, uint64_t bundle,
                     uint64_t keys_index)
{
    if (bundle > trust_bundle_version(engine->bundle)) engine_ask_bundle(engine, moment, 0);
    if (keys_index > engine->keys_index || !engine->keys_known)
        engine_ask_keys(engine, moment, false);
}

int engine_welcome(struct engine *engine, struct moment *moment, const Leadbus__Welcome *welcome,
                   struct error *ret_error)
{
    struct error error = {0};
    if (engine->link != ENGINE_CONNECTED) return 0;
    int r = welcome_head(engine, moment, welcome, &error);
    if (r == 0 && welcome->n_restored > 0 && !engine->crossed) {
        const uint8_t yes = 1;
        engine->crossed = true;
        r = box_value_put(engine->box, "crossed", bytes_of(&yes, 1), &error);
    }
    if (r == 0) r = welcome_state(engine, moment, welcome, &error);
    if (r < 0) {
        if (engine_own_trouble(r)) {
            if (ret_error) *ret_error = error;
            return r;
        }
        engine_refuse(engine, moment, &error);
        if (r == E_JOURNAL_RESTORED) engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
        engine->reset_after_ms = moment->now_ms + 10 * ENGINE_RESET_MS;
        return 0;
    }
    engine->link = ENGINE_GREETED;
    engine_alarm_over(engine);
    engine->stats.connected_ms = moment->now_ms;
    engine->stats.provisional = welcome->provisional;
    engine->stats.clock_offset_ms = (int64_t)(welcome->time_ms - moment->now_ms);
    engine->stats.bus_ms = welcome->time_ms;
    engine->pinged_ms = engine->proof_ms = moment->now_ms;
    heard_of(engine, moment, welcome->bundle, welcome->keys_index);
    engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
    return 0;
}

/* ---- time -------------------------------------------------------------------------------------
 */

static void ping(struct engine *engine, struct moment *moment)
{
    Leadbus__Ping body = LEADBUS__PING__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    moment_draw(moment, &body.nonce, sizeof body.nonce);
    frame.body_case = LEADBUS__FRAME__BODY_PING;
    frame.ping = &body;
    engine_emit(engine, &frame);
    engine->pinged_ms = moment->now_ms;
}

static void give_up(struct engine *engine, const struct moment *moment, const char *zh,
                    const char *en)
{
    struct error error;
    (void)error_set(&error, E_NETWORK, "broker", "%s", en);
    (void)error_note_zh(&error, "%s", zh);
    engine_note(engine, moment, &error);
    engine->reset = true;
    engine->reset_after_ms = moment->now_ms;
}

void engine_pong(struct engine *engine, const struct moment *moment, const Leadbus__Pong *pong)
{
    engine->stats.clock_offset_ms = (int64_t)(pong->time_ms - moment->now_ms);
    engine->stats.bus_ms = pong->time_ms;
    if (engine->link == ENGINE_GREETED) heard_of(engine, moment, pong->bundle, pong->keys_index);
}

void engine_connection_tick(struct engine *engine, struct moment *moment)
{
    if (engine->reset) return;
    if (engine->link == ENGINE_CONNECTED &&
        engine_due(moment, engine->linked_ms, ENGINE_GREETING_MS))
        give_up(engine, moment, "总线没有应答握手", "no answer to the greeting");
    if (engine->link != ENGINE_GREETED) return;
    if (engine_due(moment, engine->stats.heard_ms, ENGINE_SILENT_MS))
        give_up(engine, moment, "总线没有回音", "silent");
    else if (engine_due(moment, engine->pinged_ms, ENGINE_PING_MS))
        ping(engine, moment);
}

uint64_t engine_connection_next_ms(const struct engine *engine)
{
    if (engine->link == ENGINE_CONNECTED) return engine->linked_ms + ENGINE_GREETING_MS;
    return engine->link == ENGINE_GREETED ? engine->pinged_ms + ENGINE_PING_MS : UINT64_MAX;
}
