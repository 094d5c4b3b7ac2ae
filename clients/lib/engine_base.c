/* What every other file of engine stands on: frames out, what went wrong, what the broker is asked
 * for. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/engine_inner.h"

void moment_draw(struct moment *moment, void *ret, size_t len)
{
    uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES] = {0};
    store_u64(nonce, moment->drawn++);
    crypto_stream_chacha20_ietf(ret, len, nonce, moment->entropy);
}

void engine_make_id(struct moment *moment, uint8_t ret_id[16])
{
    uint8_t time[8];
    moment_draw(moment, ret_id, 16);
    store_u64(time, moment->now_ms);
    memcpy(ret_id, time + 2, 6);
    ret_id[6] = (uint8_t)((ret_id[6] & 0x0f) | 0x70);
    ret_id[8] = (uint8_t)((ret_id[8] & 0x3f) | 0x80);
}

/* ---- frames out -------------------------------------------------------------------------------
 */

void engine_emit_bytes(struct engine *engine, struct buf *take_bytes)
{
    struct engine_frame_out *frame = calloc(1, sizeof *frame);
    CHECK(frame != NULL);
    frame->bytes = *take_bytes;
    *take_bytes = (struct buf){0};
    STAILQ_INSERT_TAIL(&engine->out, frame, link);
    engine->stats.frames_out++;
}

void engine_emit(struct engine *engine, Leadbus__Frame *frame)
{
    struct buf bytes = {0};
    frame->version = 1;
    message_encode(&frame->base, &bytes);
    engine_emit_bytes(engine, &bytes);
}

bool engine_out(struct engine *engine, struct buf *ret_frame)
{
    struct engine_frame_out *frame = STAILQ_FIRST(&engine->out);
    if (!frame) return false;
    STAILQ_REMOVE_HEAD(&engine->out, link);
    *ret_frame = frame->bytes;
    free(frame);
    return true;
}

int engine_ask_bundle(struct engine *engine, const struct moment *moment, uint64_t version)
{
    if (engine->bundle_asked_ms && moment->now_ms - engine->bundle_asked_ms < ENGINE_ASK_AGAIN_MS)
        return 0;
    engine->bundle_asked_ms = moment->now_ms;
    Leadbus__GetBundle ask = LEADBUS__GET_BUNDLE__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ask.version = version;
    frame.body_case = LEADBUS__FRAME__BODY_GET_BUNDLE;
    frame.get_bundle = &ask;
    engine_emit(engine, &frame);
    return 0;
}

int engine_ask_keys(struct engine *engine, const struct moment *moment, bool all)
{
    if (engine->keys_asked_ms && moment->now_ms - engine->keys_asked_ms < ENGINE_ASK_AGAIN_MS)
        return 0;
    engine->keys_asked_ms = moment->now_ms;
    Leadbus__GetKeys ask = LEADBUS__GET_KEYS__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ask.after_index = all ? 0 : engine->keys_index;
    frame.body_case = LEADBUS__FRAME__BODY_GET_KEYS;
    frame.get_keys = &ask;
    engine_emit(engine, &frame);
    return 0;
}

/* ---- what went wrong --------------------------------------------------------------------------
 */

void engine_note(struct engine *engine, const struct moment *moment, const struct error *error)
{
    engine->stats.last = *error;
    engine->stats.last_ms = moment->now_ms;
}

void engine_alarm(struct engine *engine, const struct moment *moment, const struct error *error)
{
    engine_note(engine, moment, error);
    engine->stats.alarm = *error;
    engine->stats.alarm_ms = moment->now_ms;
    engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
}

void engine_alarm_over(struct engine *engine)
{
    int code = engine->stats.alarm.code;
    if (code != E_SEEN_AHEAD && code != E_JOURNAL_FORKED) return;
    engine->stats.alarm = (struct error){0};
    engine->stats.alarm_ms = 0;
}

void engine_refuse(struct engine *engine, const struct moment *moment, const struct error *error)
{
    engine->stats.refused_frames++;
    if (error_class(error->code) == ERROR_CLASS_PROOF)
        engine_alarm(engine, moment, error);
    else
        engine_note(engine, moment, error);
    engine->reset = true;
    engine->reset_after_ms = moment->now_ms + ENGINE_RESET_MS;
}

void engine_tell(struct engine *engine, unsigned changes, const uint8_t *id)
{
    if (engine->options.changed) engine->options.changed(engine->options.ctx, changes, id);
}

bool engine_wants_reset(struct engine *engine, uint64_t *ret_after_ms)
{
    bool wants = engine->reset;
    engine->reset = false;
    *ret_after_ms = engine->reset_after_ms;
    return wants;
}

/* ---- bundles held -----------------------------------------------------------------------------
 */

struct trust_bundle *engine_bundle_of(struct engine *engine, uint64_t version)
{
    if (trust_bundle_version(engine->bundle) == version) return engine->bundle;
    if (engine->previous && trust_bundle_version(engine->previous) == version)
        return engine->previous;
    struct buf bytes = {0};
    struct trust_bundle *older = NULL;
    if (box_bundle_get(engine->box, version, &bytes, NULL) == 0 &&
        trust_bundle_open(buf_bytes(&bytes), &engine->root, &older, NULL) == 0) {
        trust_bundle_free(engine->previous);
        engine->previous = older;
    }
    buf_fini(&bytes);
    return older;
}
