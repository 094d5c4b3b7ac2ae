#include "clients/lib/engine.h"

#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

/* ---- small
 * ---------------------------------------------------------------------------------------- */

void engine_emit_bytes(struct engine *engine, struct buf *take_bytes)
{
    struct engine_frame_out *frame = calloc(1, sizeof *frame);
    CHECK(frame != NULL);
    frame->bytes = *take_bytes;
    *take_bytes = (struct buf){0};
    STAILQ_INSERT_TAIL(&engine->out, frame, link);
    engine->stats.frames_out++;
}

void engine_emit(struct engine *engine, const Leadbus__Frame *frame)
{
    struct buf bytes = {0};
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

/* ---- heads
 * ---------------------------------------------------------------------------------------- */

int engine_proof_of(ProtobufCBinaryData *hashes, size_t count, struct merkle_proof *ret,
                    struct error *ret_error)
{
    int r = 0;
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < count && r == 0; i++)
        r = merkle_proof_add(ret, engine_bytes(hashes[i]), ret_error);
    return r;
}

static void head_set(struct engine_head *head, const struct checkpoint *checkpoint,
                     struct bytes note)
{
    struct buf copy = {0};
    buf_append_bytes(&copy, note);
    buf_fini(&head->note);
    head->note = copy;
    head->checkpoint = *checkpoint;
    head->held = true;
}

static int head_verify(struct engine *engine, struct bytes note, struct checkpoint *ret,
                       struct error *ret_error)
{
    int r = error_set(ret_error, E_UNKNOWN_SENDER, "checkpoint", "the bundle has no broker");
    for (size_t i = 0; i < trust_certificate_count(engine->bundle); i++) {
        const struct trust_certificate *one = trust_certificate_at(engine->bundle, i);
        if (one->role != LEADBUS__ROLE__ROLE_BROKER || one->revoked) continue;
        r = checkpoint_verify(note, engine->origin, one->witness, ret, ret_error);
        if (r == 0) break;
    }
    return r;
}

/* Two heads of one journal: the smaller one cannot be the newer one, and one size has one root. */
static int head_compare(const struct engine_head *held, const struct checkpoint *given,
                        struct error *ret_error)
{
    const struct checkpoint *own = &held->checkpoint;
    if (!held->held) return 0;
    if (given->size < own->size)
        return error_set(ret_error, E_JOURNAL_FORKED, "checkpoint",
                         "size %llu after %llu: the journal went back",
                         (unsigned long long)given->size, (unsigned long long)own->size);
    if (given->size == own->size && memcmp(given->root, own->root, 32) != 0)
        return error_set(ret_error, E_JOURNAL_FORKED, "checkpoint", "two roots of size %llu",
                         (unsigned long long)given->size);
    return 0;
}

int engine_head_check(struct engine *engine, struct bytes note, struct checkpoint *ret,
                      struct error *ret_error)
{
    if (engine->latest.held && bytes_equal(note, buf_bytes(&engine->latest.note))) {
        *ret = engine->latest.checkpoint;
        return 0;
    }
    struct checkpoint checkpoint;
    int r = head_verify(engine, note, &checkpoint, ret_error);
    if (r == 0) r = head_compare(&engine->trusted, &checkpoint, ret_error);
    if (r == 0) r = head_compare(&engine->latest, &checkpoint, ret_error);
    if (r < 0) return r;
    head_set(&engine->latest, &checkpoint, note);
    *ret = checkpoint;
    return 0;
}

int engine_head_trust(struct engine *engine, const struct checkpoint *checkpoint, struct bytes note,
                      struct error *ret_error)
{
    int r = box_value_put(engine->box, "trusted", note, ret_error);
    if (r == 0) head_set(&engine->trusted, checkpoint, note);
    return r;
}

/* Asks for the proofs that lead from what is trusted, and from the newest head believed so far, to
 * one newer head. Both must come out at the same one: then all three are of one journal. */
static void proof_ask(struct engine *engine, const struct moment *moment)
{
    const struct engine_head *heads[2] = {&engine->trusted, &engine->latest};
    engine->asked_count = engine->answered_count = 0;
    engine->proof_ms = moment->now_ms;
    for (size_t i = 0; i < 2; i++) {
        const struct checkpoint *from = &heads[i]->checkpoint;
        if (from->size == 0) continue;
        Leadbus__GetProof ask = LEADBUS__GET_PROOF__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        ask.from_size = from->size;
        frame.version = 1;
        frame.body_case = LEADBUS__FRAME__BODY_GET_PROOF;
        frame.get_proof = &ask;
        engine_emit(engine, &frame);
        engine->asked[engine->asked_count].size = from->size;
        memcpy(engine->asked[engine->asked_count++].root, from->root, 32);
    }
}

static int on_proof(struct engine *engine, struct moment *moment, const Leadbus__Proof *proof,
                    struct error *ret_error)
{
    struct checkpoint head = {0}, from = {0};
    struct merkle_proof path;
    struct error error = {0};
    if (engine->answered_count >= engine->asked_count) return 0;
    int r = engine_head_check(engine, engine_bytes(proof->checkpoint), &head, &error);
    if (r == 0) r = engine_proof_of(proof->consistency, proof->n_consistency, &path, &error);
    if (r == 0) {
        from = head;
        from.size = engine->asked[engine->answered_count].size;
        memcpy(from.root, engine->asked[engine->answered_count].root, 32);
        r = checkpoint_verify_extends(&from, &head, &path, &error);
    }
    if (r < 0) {
        if (r == E_PROOF_INVALID)
            (void)error_set(&error, E_JOURNAL_FORKED, "consistency", "from %llu to %llu",
                            (unsigned long long)from.size, (unsigned long long)head.size);
        engine_refuse(engine, moment, &error);
        return 0;
    }
    bool last = ++engine->answered_count == engine->asked_count;
    bool same = engine->answered_count == 1 || head.size == engine->answer.checkpoint.size;
    head_set(&engine->answer, &head, engine_bytes(proof->checkpoint));
    if (!last || !same) return 0;
    return engine_head_trust(engine, &head, engine_bytes(proof->checkpoint), ret_error);
}

/* ---- greeting
 * --------------------------------------------------------------------------------------- */

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
    if (engine->trusted.held && engine->trusted.checkpoint.size > 0) {
        body.seen_size = engine->trusted.checkpoint.size;
        body.seen_root = engine_binary(bytes_of(engine->trusted.checkpoint.root, 32));
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
    frame.version = 1;
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
    for (size_t i = 0; i < engine->held_count; i++) buf_fini(&engine->held[i]);
    engine->held_count = 0;
    engine->asked_count = engine->answered_count = 0;
    engine_again_forget(engine);
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
static int welcome_head(struct engine *engine, const Leadbus__Welcome *welcome,
                        struct error *ret_error)
{
    struct checkpoint head;
    struct merkle_proof path;
    struct bytes note = engine_bytes(welcome->checkpoint);
    if (engine->origin[0] && strcmp(engine->origin, welcome->origin) != 0)
        return error_set(ret_error, E_ORIGIN_MISMATCH, "origin", "%.100s, we hold %.100s",
                         welcome->origin, engine->origin);
    if (!note_name_valid(bytes_of_str(welcome->origin)))
        return error_set(ret_error, E_BAD_VALUE, "origin", "not a name");
    bool first = engine->origin[0] == 0;
    if (first) engine_copy(engine->origin, sizeof engine->origin, welcome->origin);
    /* Heads of an earlier connection that were never proved do not bind the broker we now meet. */
    if (engine->trusted.held)
        head_set(&engine->latest, &engine->trusted.checkpoint, buf_bytes(&engine->trusted.note));
    int r = engine_head_check(engine, note, &head, ret_error);
    if (r == 0 && engine->trusted.held) {
        r = engine_proof_of(welcome->consistency, welcome->n_consistency, &path, ret_error);
        if (r == 0)
            r = checkpoint_verify_extends(&engine->trusted.checkpoint, &head, &path, ret_error);
        if (r == E_PROOF_INVALID)
            r = error_set(ret_error, E_JOURNAL_FORKED, "consistency", "from %llu to %llu",
                          (unsigned long long)engine->trusted.checkpoint.size,
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
            (void)error_set(&error, E_NOT_FOUND, "inbox",
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
            return error_set(ret_error, E_ACK_MISMATCH, "lanes", "lane %u has another history",
                             one->lane);
        }
        engine_lane_acked(engine, one->lane, one->position);
        lane->told = one->position;
        lane->due = lane->position > one->position;
        lane->due_ms = 0;
    }
    return 0;
}

int engine_ask_bundle(struct engine *engine, const struct moment *moment, uint64_t version)
{
    if (engine->bundle_asked_ms && moment->now_ms - engine->bundle_asked_ms < ENGINE_ASK_AGAIN_MS)
        return 0;
    engine->bundle_asked_ms = moment->now_ms;
    Leadbus__GetBundle ask = LEADBUS__GET_BUNDLE__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ask.version = version;
    frame.version = 1;
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
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_GET_KEYS;
    frame.get_keys = &ask;
    engine_emit(engine, &frame);
    return 0;
}

static void heard_of(struct engine *engine, const struct moment *moment, uint64_t bundle,
                     uint64_t keys_index)
{
    if (bundle > trust_bundle_version(engine->bundle)) engine_ask_bundle(engine, moment, 0);
    if (keys_index > engine->keys_index || !engine->keys_known)
        engine_ask_keys(engine, moment, false);
}

static int on_welcome(struct engine *engine, struct moment *moment, const Leadbus__Welcome *welcome,
                      struct error *ret_error)
{
    struct error error = {0};
    if (engine->link != ENGINE_CONNECTED) return 0;
    int r = welcome_head(engine, welcome, &error);
    if (r == 0) r = welcome_state(engine, moment, welcome, &error);
    if (r < 0) {
        if (engine_own_trouble(r)) {
            if (ret_error) *ret_error = error;
            return r;
        }
        engine_refuse(engine, moment, &error);
        engine->reset_after_ms = moment->now_ms + 10 * ENGINE_RESET_MS;
        return 0;
    }
    engine->link = ENGINE_GREETED;
    engine->stats.connected_ms = moment->now_ms;
    engine->stats.provisional = welcome->provisional;
    engine->stats.clock_offset_ms = (int64_t)(welcome->time_ms - moment->now_ms);
    engine->pinged_ms = engine->proof_ms = moment->now_ms;
    heard_of(engine, moment, welcome->bundle, welcome->keys_index);
    engine_tell(engine, ENGINE_CHANGED_CONNECTION, NULL);
    return 0;
}

/* ---- bundles and keys
 * ----------------------------------------------------------------------------- */

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

static int keys_index_set(struct engine *engine, uint64_t index, struct error *ret_error)
{
    uint8_t value[8];
    engine->keys_index = index;
    store_u64(value, index);
    return box_value_put(engine->box, "keys_index", bytes_of(value, 8), ret_error);
}

int engine_bundle_install(struct engine *engine, struct moment *moment, struct bytes bytes,
                          struct error *ret_error)
{
    struct trust_bundle *bundle = NULL;
    int r = trust_bundle_open(bytes, &engine->root, &bundle, ret_error);
    if (r < 0) return r;
    uint64_t version = trust_bundle_version(bundle), held = trust_bundle_version(engine->bundle);
    if (strcmp(trust_bundle_bus(bundle), trust_bundle_bus(engine->bundle)) != 0)
        r = error_set(ret_error, E_NOTE_INVALID, "bus", "%s", trust_bundle_bus(bundle));
    else if (version < held)
        r = error_set(ret_error, E_BUNDLE_ROLLBACK, "version", "%llu, we hold %llu",
                      (unsigned long long)version, (unsigned long long)held);
    if (r < 0 || version == held) {
        trust_bundle_free(bundle);
        return r;
    }
    r = box_bundle_put(engine->box, version, bytes, ret_error);
    if (r < 0) {
        trust_bundle_free(bundle);
        return r;
    }
    trust_bundle_free(engine->previous);
    engine->previous = engine->bundle;
    engine->bundle = bundle;
    engine_keys_load(engine);
    engine_rewrap_wake(engine, true);
    /* Keys of certificates that were not known yet have been passed by: from the first one again.
     */
    r = keys_index_set(engine, 0, ret_error);
    if (r < 0) return r;
    if (engine->link == ENGINE_GREETED) engine_ask_keys(engine, moment, true);
    engine_outbox_release(engine, ENGINE_WANT_BUNDLE);
    engine_tell(engine, ENGINE_CHANGED_BUNDLE, NULL);
    return 0;
}

static int on_bundle(struct engine *engine, struct moment *moment,
                     const Leadbus__BundleReply *reply, struct error *ret_error)
{
    struct error error = {0};
    engine->bundle_asked_ms = 0;
    int r = engine_bundle_install(engine, moment, engine_bytes(reply->bundle), &error);
    if (r < 0 && engine_own_trouble(r)) {
        if (ret_error) *ret_error = error;
        return r;
    }
    if (r < 0) {
        engine->stats.refused_frames++;
        engine_note(engine, moment, &error);
        return 0;
    }
    engine_outbox_release(engine, ENGINE_WANT_BUNDLE);
    return held_again(engine, moment, ret_error);
}

int engine_publish(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    int r = 0;
    if (engine->link != ENGINE_GREETED || !engine->keys_known) return 0;
    for (size_t i = 0; i < engine->keyring->epoch_count && r == 0; i++) {
        const struct keyring_epoch *epoch = &engine->keyring->epochs[i];
        if (engine_key_known(engine, engine->keyring->unit, engine->keyring->serial, epoch->number,
                             epoch->public_key))
            continue;
        /* The bus takes none that is nearly over. */
        if (epoch->not_after_ms < engine_bus_ms(engine, moment) + LIMIT_EPOCH_VALID_MS) continue;
        struct buf bytes = {0};
        const ProtobufCMessage *message = NULL;
        struct arena arena;
        arena_init(&arena, 65536);
        keyring_epoch_announce(engine->keyring, epoch, &bytes);
        r = message_decode(&leadbus__epoch_key__descriptor, buf_bytes(&bytes), &arena, &message,
                           ret_error);
        if (r == 0) {
            const Leadbus__EpochKey *key = (const Leadbus__EpochKey *)message;
            Leadbus__PublishKey publish = LEADBUS__PUBLISH_KEY__INIT;
            Leadbus__Frame frame = LEADBUS__FRAME__INIT;
            publish.body = key->body;
            publish.signature = key->signature;
            frame.version = 1;
            frame.body_case = LEADBUS__FRAME__BODY_PUBLISH_KEY;
            frame.publish_key = &publish;
            engine_emit(engine, &frame);
        }
        arena_fini(&arena);
        buf_fini(&bytes);
    }
    return r;
}

static int on_keys(struct engine *engine, struct moment *moment, const Leadbus__Keys *keys,
                   struct error *ret_error)
{
    struct error error = {0};
    for (size_t i = 0; i < keys->n_keys; i++) {
        int r = engine_key_take(engine, keys->keys[i], true, &error);
        if (engine_own_trouble(r)) {
            if (ret_error) *ret_error = error;
            return r;
        }
        /* One bad key is that unit's trouble; the others are taken. One whose certificate is not in
         * the bundle held is nobody's: it is gone, or comes with the next bundle. */
        if (r < 0 && r != E_UNKNOWN_SENDER) engine_note(engine, moment, &error);
    }
    engine->keys_asked_ms = 0;
    if (keys->keys_index > engine->keys_index) {
        int r = keys_index_set(engine, keys->keys_index, ret_error);
        if (r < 0) return r;
    }
    bool first = !engine->keys_known;
    engine->keys_known = true;
    engine_outbox_release(engine, ENGINE_WANT_KEYS);
    engine_rewrap_wake(engine, false);
    return first ? engine_publish(engine, moment, ret_error) : 0;
}

/* ---- frames
 * ------------------------------------------------------------------------------------------ */

static int on_frame(struct engine *engine, struct moment *moment, const Leadbus__Frame *frame,
                    struct bytes bytes, struct error *ret_error)
{
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_WELCOME: return on_welcome(engine, moment, frame->welcome, ret_error);
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
    case LEADBUS__FRAME__BODY_KEYS: return on_keys(engine, moment, frame->keys, ret_error);
    case LEADBUS__FRAME__BODY_PROOF: return on_proof(engine, moment, frame->proof, ret_error);
    case LEADBUS__FRAME__BODY_REWRAP_DONE:
        return engine_rewrap_done(engine, frame->rewrap_done, ret_error);
    case LEADBUS__FRAME__BODY_ACKED:
        engine_lane_acked(engine, frame->acked->lane, frame->acked->position);
        return 0;
    case LEADBUS__FRAME__BODY_PONG:
        engine->stats.clock_offset_ms = (int64_t)(frame->pong->time_ms - moment->now_ms);
        if (engine->link == ENGINE_GREETED)
            heard_of(engine, moment, frame->pong->bundle, frame->pong->keys_index);
        return 0;
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
    default: break;
    }
    struct error error;
    (void)error_set(&error, E_BAD_VALUE, "body", "frame %d is not for an agent",
                    (int)frame->body_case);
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

/* ---- time
 * ------------------------------------------------------------------------------------------ */

static void ping(struct engine *engine, struct moment *moment)
{
    Leadbus__Ping body = LEADBUS__PING__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    moment_draw(moment, &body.nonce, sizeof body.nonce);
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_PING;
    frame.ping = &body;
    engine_emit(engine, &frame);
    engine->pinged_ms = moment->now_ms;
}

static bool due(const struct moment *moment, uint64_t since_ms, uint64_t after_ms)
{
    return moment->now_ms < since_ms || moment->now_ms - since_ms >= after_ms;
}

static void give_up(struct engine *engine, const struct moment *moment, const char *why)
{
    struct error error;
    (void)error_set(&error, E_NETWORK, "broker", "%s", why);
    engine_note(engine, moment, &error);
    engine->reset = true;
    engine->reset_after_ms = moment->now_ms;
}

int engine_tick(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (due(moment, engine->expired_ms, 3600 * 1000)) {
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
    if (engine->reset) return 0;
    if (engine->link == ENGINE_CONNECTED && due(moment, engine->linked_ms, ENGINE_GREETING_MS))
        give_up(engine, moment, "no answer to the greeting");
    if (engine->link != ENGINE_GREETED) return 0;
    if (due(moment, engine->stats.heard_ms, ENGINE_SILENT_MS)) {
        give_up(engine, moment, "silent");
        return 0;
    }
    if (due(moment, engine->pinged_ms, ENGINE_PING_MS)) ping(engine, moment);
    bool answered = engine->answered_count == engine->asked_count;
    if (engine->latest.held && engine->trusted.held &&
        engine->latest.checkpoint.size > engine->trusted.checkpoint.size &&
        due(moment, engine->proof_ms, answered ? ENGINE_PROOF_MS : ENGINE_ASK_AGAIN_MS * 2))
        proof_ask(engine, moment);
    if (!engine->keys_known) engine_ask_keys(engine, moment, false);
    return 0;
}

uint64_t engine_next_ms(const struct engine *engine)
{
    uint64_t next = engine->expired_ms + 3600 * 1000;
    if (engine->reset) return 0;
    if (engine_transfers_next_ms(engine) < next) next = engine_transfers_next_ms(engine);
    if (engine->link == ENGINE_CONNECTED && engine->linked_ms + ENGINE_GREETING_MS < next)
        next = engine->linked_ms + ENGINE_GREETING_MS;
    if (engine->link == ENGINE_GREETED) {
        uint64_t at = engine->pinged_ms + ENGINE_PING_MS;
        if (at < next) next = at;
        if (engine->latest.checkpoint.size > engine->trusted.checkpoint.size) {
            bool answered = engine->answered_count == engine->asked_count;
            at = engine->proof_ms + (answered ? ENGINE_PROOF_MS : ENGINE_ASK_AGAIN_MS * 2);
            if (at < next) next = at;
        }
        at = engine_outbox_next_ms(engine);
        if (at < next) next = at;
        at = engine_ack_ms(engine);
        if (at < next) next = at;
        at = engine_again_ms(engine);
        if (at < next) next = at;
        at = engine_rewrap_ms(engine);
        if (at < next) next = at;
    }
    return next;
}

/* ---- life
 * ------------------------------------------------------------------------------------------ */

static int load_peer(void *ctx, const struct box_peer *peer)
{
    struct engine *engine = ctx;
    if (peer->lane < ENGINE_LANES) *engine_peer(engine, peer->unit, peer->lane) = *peer;
    return 0;
}

static int load_heads(struct engine *engine, struct error *ret_error)
{
    struct buf value = {0};
    struct note note;
    struct checkpoint checkpoint;
    int r = box_value_get(engine->box, "origin", &value, ret_error);
    if (r == 0 && value.len < sizeof engine->origin) {
        memcpy(engine->origin, value.data, value.len);
        engine->origin[value.len] = 0;
    }
    buf_reset(&value);
    if (r == 0) r = box_value_get(engine->box, "trusted", &value, ret_error);
    /* Our own note, verified when it came; the broker's key may have been renewed since. */
    if (r == 0) r = note_parse(buf_bytes(&value), &note, ret_error);
    if (r == 0) r = checkpoint_parse(note.text, &checkpoint, ret_error);
    if (r == 0) {
        head_set(&engine->trusted, &checkpoint, buf_bytes(&value));
        head_set(&engine->latest, &checkpoint, buf_bytes(&value));
    }
    buf_reset(&value);
    if (r == 0 || r == E_NOT_FOUND) r = box_value_get(engine->box, "keys_index", &value, ret_error);
    if (r == 0 && value.len == 8) engine->keys_index = load_u64(value.data);
    buf_fini(&value);
    return r == E_NOT_FOUND ? 0 : r;
}

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
    if (r == 0) r = load_heads(engine, ret_error);
    if (r == 0) r = load_counts(engine, ret_error);
    if (r == 0) r = box_peer_each(box, load_peer, engine, ret_error);
    if (r == 0) engine_keys_load(engine);
    if (r == 0) r = engine_lanes_load(engine, ret_error);
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
    for (size_t i = 0; i < engine->held_count; i++) buf_fini(&engine->held[i]);
    free(engine->held);
    buf_fini(&engine->trusted.note);
    buf_fini(&engine->latest.note);
    buf_fini(&engine->answer.note);
    buf_fini(&engine->rewrap.frame);
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

static int peers_flush(struct engine *engine, struct error *ret_error)
{
    int r = 0;
    /* They go with what they count: receipts wait for company, the inbox for nothing. */
    box_lazy(engine->box, true);
    for (size_t i = 0; i < engine->peer_count && r == 0; i++) {
        if (!engine->peer_dirty[i]) continue;
        r = box_peer_put(engine->box, &engine->peers[i], ret_error);
        engine->peer_dirty[i] = false;
    }
    box_lazy(engine->box, false);
    return r;
}

int engine_flush(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    int r = engine_transfers_pump(engine, moment, ret_error);
    if (r == 0) r = engine_outbox_fill(engine, moment, ret_error);
    if (r == 0) r = engine_lanes_flush(engine, moment, ret_error);
    if (r == 0) r = engine_rewrap_flush(engine, moment, ret_error);
    if (r == 0) r = peers_flush(engine, ret_error);
    return r;
}
