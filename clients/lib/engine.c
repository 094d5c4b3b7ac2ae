#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine.h"
#include "clients/lib/engine_inner.h"

/* ---- frames -----------------------------------------------------------------------------------
 */

static int held_again(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    size_t count = engine->held_count;
    struct buf *held = engine->held;
    int r = 0;
    engine->held = NULL;
    engine->held_count = engine->held_cap = 0;
    for (size_t i = 0; i < count; i++) {
        if (r == 0) r = engine_frame(engine, moment, buf_bytes(&held[i]), ret_error);
        buf_fini(&held[i]);
    }
    free(held);
    return r;
}

static int on_bundle(struct engine *engine, struct moment *moment,
                     const Leadbus__BundleReply *reply, struct error *ret_error)
{
    int r = engine_bundle_reply(engine, moment, reply, ret_error);
    if (r != 0) return r < 0 ? r : 0;
    return held_again(engine, moment, ret_error);
}

static int on_frame(struct engine *engine, struct moment *moment, const Leadbus__Frame *frame,
                    struct bytes bytes, struct error *ret_error)
{
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_WELCOME:
        return engine_welcome(engine, moment, frame->welcome, ret_error);
    case LEADBUS__FRAME__BODY_RECEIPT:
        return engine_receipt(engine, moment, frame->receipt, ret_error);
    case LEADBUS__FRAME__BODY_REFUSAL:
        if (frame->refusal->code == -E_NOT_GREETED && engine->link != ENGINE_DOWN) {
            /* The broker was restarted behind the same address. */
            if (engine->link == ENGINE_GREETED) {
                engine->reset = true;
                engine->reset_after_ms = moment->now_ms;
            }
            return 0;
        }
        return engine_refusal(engine, moment, frame->refusal, ret_error);
    case LEADBUS__FRAME__BODY_DELIVERY:
        return engine_delivery(engine, moment, frame->delivery, bytes, ret_error);
    case LEADBUS__FRAME__BODY_BUNDLE: return on_bundle(engine, moment, frame->bundle, ret_error);
    case LEADBUS__FRAME__BODY_KEYS:
        return engine_keys_reply(engine, moment, frame->keys, ret_error);
    case LEADBUS__FRAME__BODY_PROOF: return engine_proof(engine, moment, frame->proof, ret_error);
    case LEADBUS__FRAME__BODY_THREAD:
        return engine_thread_reply(engine, moment, frame->thread, ret_error);
    case LEADBUS__FRAME__BODY_REWRAP_DONE:
        return engine_rewrap_done(engine, frame->rewrap_done, ret_error);
    case LEADBUS__FRAME__BODY_ACKED:
        engine_lane_acked(engine, frame->acked->lane, frame->acked->position);
        return 0;
    case LEADBUS__FRAME__BODY_PONG: engine_pong(engine, moment, frame->pong); return 0;
    case LEADBUS__FRAME__BODY_UPLOAD:
        return engine_upload(engine, moment, frame->upload, ret_error);
    case LEADBUS__FRAME__BODY_CHUNK_STORED:
        return engine_chunk_stored(engine, moment, frame->chunk_stored, ret_error);
    case LEADBUS__FRAME__BODY_LEAVES:
        return engine_leaves(engine, moment, frame->leaves, ret_error);
    case LEADBUS__FRAME__BODY_CHUNK: return engine_chunk(engine, moment, frame->chunk, ret_error);
    case LEADBUS__FRAME__BODY__NOT_SET:
    case LEADBUS__FRAME__BODY_HELLO:
    case LEADBUS__FRAME__BODY_SUBMIT:
    case LEADBUS__FRAME__BODY_ACK:
    case LEADBUS__FRAME__BODY_CREDIT:
    case LEADBUS__FRAME__BODY_GET_BUNDLE:
    case LEADBUS__FRAME__BODY_GET_KEYS:
    case LEADBUS__FRAME__BODY_PUBLISH_KEY:
    case LEADBUS__FRAME__BODY_GET_PROOF:
    case LEADBUS__FRAME__BODY_PING:
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP:
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD:
    case LEADBUS__FRAME__BODY_PUT_CHUNK:
    case LEADBUS__FRAME__BODY_GET_LEAVES:
    case LEADBUS__FRAME__BODY_GET_CHUNK:
    case LEADBUS__FRAME__BODY_GET_DELIVERED:
    case LEADBUS__FRAME__BODY_GET_THREAD:
    default: break;
    }
    struct error error;
    (void)error_say(&error, E_BAD_VALUE, "body", "第 %d 类报文不是发给代理的",
                    "frame %d is not for an agent", (int)frame->body_case);
    engine->stats.refused_frames++;
    engine_note(engine, moment, &error);
    return 0;
}

int engine_frame(struct engine *engine, struct moment *moment, struct bytes bytes,
                 struct error *ret_error)
{
    const Leadbus__Frame *frame = NULL;
    struct error error = {0};
    /* After a refusal nothing of this connection counts any more. */
    if (engine->link == ENGINE_DOWN || engine->reset) return 0;
    engine->stats.frames_in++;
    engine->stats.heard_ms = moment->now_ms;
    struct arena arena = engine->arena;
    arena_init(&engine->arena, ENGINE_ARENA_BYTES_MAX);
    int r = frame_decode(bytes, &arena, &frame, &error);
    if (r < 0) {
        engine->stats.refused_frames++;
        engine_note(engine, moment, &error);
        r = 0;
    } else {
        r = on_frame(engine, moment, frame, bytes, ret_error);
    }
    arena_fini(&engine->arena);
    arena_reset(&arena);
    engine->arena = arena;
    return r;
}

/* ---- time -------------------------------------------------------------------------------------
 */

int engine_tick(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (engine_due(moment, engine->expired_ms, 3600 * 1000)) {
        uint64_t keep_ms = (uint64_t)ENGINE_ONCE_DAYS * 24 * 3600 * 1000;
        engine->expired_ms = moment->now_ms;
        if (moment->now_ms > keep_ms) {
            int r = box_once_expire(engine->box, moment->now_ms - keep_ms, ret_error);
            if (r == 0) r = box_early_expire(engine->box, moment->now_ms - keep_ms, ret_error);
            if (r == 0) r = engine_keys_expire(engine, engine_bus_ms(engine, moment), ret_error);
            if (r == 0) r = engine_attach_sweep(engine, moment, ret_error);
            if (r < 0) return r;
        }
    }
    engine_connection_tick(engine, moment);
    if (engine->reset || engine->link != ENGINE_GREETED) return 0;
    engine_heads_tick(engine, moment);
    if (!engine->keys_known) engine_ask_keys(engine, moment, false);
    return 0;
}

uint64_t engine_next_ms(const struct engine *engine)
{
    uint64_t next = engine->expired_ms + 3600 * 1000;
    if (engine->reset) return 0;
    const uint64_t any[] = {engine_transfers_next_ms(engine), engine_connection_next_ms(engine)};
    for (size_t i = 0; i < sizeof any / sizeof *any; i++)
        if (any[i] < next) next = any[i];
    if (engine->link != ENGINE_GREETED) return next;
    const uint64_t greeted[] = {engine_heads_next_ms(engine), engine_outbox_next_ms(engine),
                                engine_ack_ms(engine), engine_again_ms(engine),
                                engine_rewrap_ms(engine)};
    for (size_t i = 0; i < sizeof greeted / sizeof *greeted; i++)
        if (greeted[i] < next) next = greeted[i];
    return next;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static int load_counts(struct engine *engine, struct error *ret_error)
{
    int r = 0;
    for (int i = 1; i <= 4 && r == 0; i++) {
        r = box_out_count(engine->box, i, &engine->stats.out_state[i], ret_error);
        if (r == 0) r = box_in_count(engine->box, i, &engine->stats.in_type[i], ret_error);
    }
    return r;
}

int engine_new(const struct engine_options *options, struct box *box, const struct keyring *keyring,
               const struct trust_root *root, struct trust_bundle *take_bundle,
               struct moment *moment, struct engine **ret_engine, struct error *ret_error)
{
    const struct trust_certificate *certificate = NULL;
    uint8_t prk[SUITE_KEY_LEN], hash_key[MAP_HASH_KEY_LEN];
    int r = trust_verdict(take_bundle, keyring->serial, keyring->unit, moment->now_ms, SUITE_1,
                          &certificate, ret_error);
    /* An expired certificate still receives and shows what is here; sending says what is wrong. */
    if (r < 0 && r != E_CERT_EXPIRED && r != E_CERT_REVOKED) return r;
    struct engine *engine = calloc(1, sizeof *engine);
    if (!engine) return error_set(ret_error, E_NO_MEMORY, NULL, "engine");
    engine->options = *options;
    engine->box = box;
    engine->keyring = keyring;
    engine->root = *root;
    engine->bundle = take_bundle;
    engine->suite = suite_find(SUITE_1);
    engine->expired_ms = moment->now_ms;
    STAILQ_INIT(&engine->out);
    TAILQ_INIT(&engine->transfers);
    TAILQ_INIT(&engine->roomless);
    arena_init(&engine->arena, ENGINE_ARENA_BYTES_MAX);
    moment_draw(moment, hash_key, sizeof hash_key);
    map_init(&engine->pending_of, 16, hash_key);
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        TAILQ_INIT(&engine->lanes[i].waiting);
        TAILQ_INIT(&engine->lanes[i].sent);
    }
    engine->suite->extract(bytes_of_str("leadbus/1 storage"),
                           bytes_of(keyring->identity_secret, 32), prk);
    engine->suite->expand(prk, bytes_of("leadbus/1 storage", 18), engine->storage_key, 32);
    sodium_memzero(prk, sizeof prk);

    struct buf kept = {0};
    uint64_t version = trust_bundle_version(take_bundle);
    r = box_bundle_get(box, version, &kept, ret_error);
    if (r == E_NOT_FOUND)
        r = box_bundle_put(box, version, trust_bundle_bytes(take_bundle), ret_error);
    buf_fini(&kept);
    if (r == 0) r = engine_legs_load(engine, moment, ret_error);
    if (r == 0) r = engine_heads_load(engine, ret_error);
    if (r == 0) r = engine_restored_load(engine, ret_error);
    if (r == 0) r = engine_keys_index_load(engine, ret_error);
    if (r == 0) r = load_counts(engine, ret_error);
    if (r == 0) r = engine_peers_load(engine, ret_error);
    if (r == 0) engine_keys_load(engine);
    if (r == 0) r = engine_lanes_load(engine, ret_error);
    if (r == 0) r = engine_again_load(engine, ret_error);
    if (r == 0) r = engine_outbox_load(engine, ret_error);
    if (r == 0) r = engine_rewrap_load(engine, ret_error);
    if (r == 0) r = engine_transfers_load(engine, ret_error);
    engine->late = true;
    if (r < 0) {
        engine->bundle = NULL; /* still the caller's */
        engine_free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine) return;
    struct buf frame;
    while (engine_out(engine, &frame)) buf_fini(&frame);
    engine_outbox_free(engine);
    engine_transfers_free(engine);
    map_fini(&engine->pending_of);
    for (size_t i = 0; i < ENGINE_LANES; i++) free(engine->lanes[i].exceptions);
    engine_held_forget(engine);
    free(engine->held);
    buf_fini(&engine->trusted.note);
    buf_fini(&engine->latest.note);
    buf_fini(&engine->answer.note);
    buf_fini(&engine->rewrap.frame);
    thread_fini(&engine->watch.anew);
    trust_bundle_free(engine->bundle);
    trust_bundle_free(engine->previous);
    free(engine->peers);
    free(engine->peer_dirty);
    if (engine->keys) sodium_memzero(engine->keys, engine->key_cap * sizeof *engine->keys);
    free(engine->keys);
    arena_fini(&engine->arena);
    sodium_memzero(engine, sizeof *engine);
    free(engine);
}

/* A file is looked through whether or not there is a broker. */
static int transfers_pump(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (!engine->options.chunks) return 0;
    int r = engine_fetch_check(engine, moment, ret_error);
    if (r < 0 || engine->link != ENGINE_GREETED || engine->reset) return r;
    r = engine_uploads_pump(engine, moment, ret_error);
    return r < 0 ? r : engine_fetches_pump(engine, moment, ret_error);
}

int engine_flush(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    int r = transfers_pump(engine, moment, ret_error);
    if (r == 0) r = engine_outbox_fill(engine, moment, ret_error);
    if (r == 0) r = engine_again_flush(engine, moment, ret_error);
    if (r == 0) r = engine_lanes_flush(engine, moment, ret_error);
    if (r == 0) r = engine_rewrap_flush(engine, moment, ret_error);
    if (r == 0) r = engine_peers_flush(engine, ret_error);
    return r;
}
