/* What the broker answers to a message: a receipt, or a refusal and what to do about it. */
#include "clients/lib/engine_transfer.h"

/* ---- receipts ---------------------------------------------------------------------------------
 */

static int receipt_prove(struct engine *engine, const struct engine_pending *pending,
                         const Leadbus__Receipt *receipt, const struct envelope *envelope,
                         struct checkpoint *ret_head, struct error *ret_error)
{
    struct merkle_proof path;
    struct buf record = {0};
    uint8_t leaf[32];
    if (receipt->header_hash.len != 32 || memcmp(receipt->header_hash.data, pending->hash, 32) != 0)
        return error_say(ret_error, E_PROOF_INVALID, "header_hash", "属于另一条消息",
                         "of another message");
    int r = record_of_accepted(receipt->rules, receipt->time_ms, receipt->accepted_flags, envelope,
                               &record, ret_error);
    if (r == 0) merkle_leaf_hash(buf_bytes(&record), leaf);
    if (r == 0)
        r = engine_head_check(engine, engine_bytes(receipt->checkpoint), ret_head, ret_error);
    if (r == 0) r = engine_proof_of(receipt->inclusion, receipt->n_inclusion, &path, ret_error);
    if (r == 0)
        r = merkle_verify_inclusion(leaf, receipt->index, ret_head->size, &path, ret_head->root,
                                    ret_error);
    buf_fini(&record);
    return r;
}

static int receipt_keep(struct engine *engine, struct moment *moment,
                        const struct engine_pending *pending, const Leadbus__Receipt *receipt,
                        const struct envelope *envelope, const struct checkpoint *head,
                        struct error *ret_error)
{
    struct box_out row;
    struct engine_thread thread;
    uint8_t path[LIMIT_PROOF_HASH_COUNT_MAX * 32];
    size_t len = 0;
    int r = box_out_find(engine->box, pending->id, &row, ret_error);
    if (r != 0) return r;
    row.state = BOX_OUT_RECEIPTED;
    row.index = receipt->index;
    row.record_ms = receipt->time_ms;
    row.checkpoint_size = head->size;
    row.rules = receipt->rules;
    row.accepted_flags = receipt->accepted_flags;
    row.provisional = receipt->provisional;
    row.again = BOX_AGAIN_NOT;
    row.attempts = pending->attempts;
    row.retry_ms = 0;
    row.code = 0;
    row.field[0] = row.detail[0] = row.detail_zh[0] = 0;
    r = box_out_update(engine->box, &row, ret_error);
    for (size_t i = 0; i < receipt->n_inclusion; i++, len += 32)
        memcpy(path + len, receipt->inclusion[i].data, 32);
    if (r == 0) r = box_out_receipt_put(engine->box, row.number, bytes_of(path, len), ret_error);
    /* One head serves a whole group of receipts. */
    if (r == 0 && engine->kept_size != head->size) {
        r = box_checkpoint_put(engine->box, head->size, engine_bytes(receipt->checkpoint),
                               ret_error);
        if (r == 0) engine->kept_size = head->size;
    }
    if (r == 0) r = engine_thread_load(engine, moment, row.thread, &thread, ret_error);
    if (r < 0) return r;
    if (pending->again != BOX_AGAIN_PROOF) /* the thread has that one at its place */
        thread_apply(&thread.thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                     envelope->head, receipt->index, receipt->time_ms);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    return r;
}

/* One envelope more that each of them must have. */
static void count_receipted(struct engine *engine, const struct envelope *envelope, uint64_t index)
{
    for (size_t i = 0; i < envelope->head->n_recipients; i++) {
        struct box_peer *peer =
            engine_peer(engine, envelope->head->recipients[i]->unit, envelope_lane(envelope->head));
        peer->out_count++;
        if (index >= peer->out_index) {
            peer->out_index = index;
            memcpy(peer->out_hash, envelope->hash, 32);
        }
        engine_peer_changed(engine, peer);
    }
}

int engine_receipt(struct engine *engine, struct moment *moment, const Leadbus__Receipt *receipt,
                   struct error *ret_error)
{
    struct engine_pending *pending = engine_pending_find(engine, receipt->id);
    struct envelope envelope;
    struct checkpoint head;
    struct arena arena;
    struct buf bytes = {0};
    struct error error = {0};
    uint8_t id[16];
    if (!pending) return 0; /* settled: the broker answered twice */
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = box_out_body(engine->box, pending->number, &bytes, NULL, &error);
    if (r == 0) r = envelope_decode(buf_bytes(&bytes), &arena, &envelope, &error);
    if (r == 0) {
        r = receipt_prove(engine, pending, receipt, &envelope, &head, &error);
        if (r != 0) {
            engine_refuse(engine, moment, &error);
            r = 0;
            goto out;
        }
        /* Lost in a crash, it is asked for again and is the same one. */
        box_lazy(engine->box, true);
        r = receipt_keep(engine, moment, pending, receipt, &envelope, &head, &error);
        if (r == 0) r = engine_rewrap_receipted(engine, &envelope, pending->number, &error);
        if (r == 0 && pending->again != BOX_AGAIN_PROOF) /* that one was counted */
            count_receipted(engine, &envelope, receipt->index);
        box_lazy(engine->box, false);
    }
    if (r < 0) {
        if (ret_error) *ret_error = error;
        goto out;
    }
    memcpy(id, pending->id, 16);
    if (pending->again) engine_outbox_wake(engine);
    engine_pending_settle(engine, pending);
    engine->stats.out_state[BOX_OUT_RECEIPTED]++;
    engine_tell(engine, ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD, id);
out:
    arena_fini(&arena);
    buf_fini(&bytes);
    return r;
}

/* ---- refusals ---------------------------------------------------------------------------------
 */

static int take_participants(struct engine *engine, struct moment *moment,
                             const struct engine_pending *pending, const Leadbus__Refusal *refusal,
                             struct error *ret_error)
{
    struct box_out row;
    struct engine_thread thread;
    if (refusal->n_participant_roles != refusal->n_participants)
        return error_set(ret_error, E_BAD_FORM, "participant_roles", "%zu of %zu",
                         refusal->n_participant_roles, refusal->n_participants);
    int r = box_out_find(engine->box, pending->id, &row, ret_error);
    if (r == 0) r = engine_thread_load(engine, moment, row.thread, &thread, ret_error);
    if (r < 0) return r;
    thread_moved(&thread.thread, refusal->participants, refusal->participant_roles,
                 refusal->n_participants, refusal->thread_index);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    return r;
}

/* What a message that is sent again may refer to, and others have not sent again yet. */
static bool comes_back(int code)
{
    return code == E_THREAD_UNKNOWN || code == E_PARENT_UNKNOWN || code == E_LIFECYCLE_ORDER ||
           code == E_LIFECYCLE_ROLE || code == E_ROUTE_MISMATCH || code == E_OTHER_THREAD ||
           code == E_TARGET_NOT_ALLOWED || code == E_RELEASE_NEEDED || code == E_NOT_YET ||
           code == E_THREAD_CLOSED;
}

/* What mends it; ENGINE_WANT_NOTHING with *ret_final: nothing does. */
static enum engine_want remedy(struct engine *engine, const struct moment *moment,
                               struct engine_pending *pending, int code, bool *ret_final)
{
    static const uint8_t nobody[16];
    bool follows = memcmp(pending->parent, nobody, 16) != 0;
    *ret_final = false;
    if (pending->again && comes_back(code)) {
        pending->from_zero = follows && !pending->from_zero && code == E_ROUTE_MISMATCH;
        return ENGINE_WANT_RESEAL;
    }
    if (pending->again && code == E_SEQ_WINDOW) pending->adrift = true;
    if (pending->again &&
        (code == E_SEEN_AHEAD || code == E_JOURNAL_FORKED || code == E_SEQ_WINDOW))
        return ENGINE_WANT_RESEAL;
    switch (code) {
    case E_BUNDLE_STALE:
    case E_BUNDLE_UNKNOWN: engine_ask_bundle(engine, moment, 0); return ENGINE_WANT_BUNDLE;
    case E_EPOCH_UNKNOWN:
    case E_EPOCH_EXPIRED: engine_ask_keys(engine, moment, true); return ENGINE_WANT_KEYS;
    case E_ROUTE_MISMATCH:
        if (follows && !pending->from_zero) {
            pending->from_zero = true;
            return ENGINE_WANT_RESEAL;
        }
        break;
    case E_THREAD_MOVED: pending->from_zero = false; return ENGINE_WANT_RESEAL;
    case E_CREATED_OUT_OF_RANGE: return ENGINE_WANT_RESEAL;
    case E_ATTACHMENT_MISSING:
    case E_SEQ_WINDOW:
    case E_SEEN_AHEAD:
    case E_JOURNAL_FORKED:
    case E_DUPLICATE:
    case E_NOT_GREETED:
    case E_BUSY:
    case E_QUOTA:
    case E_STOPPING:
    case E_CLOCK_SUSPECT:
    case E_IO:
    case E_NO_MEMORY:
    case E_DISK_FULL: return ENGINE_WANT_NOTHING;
    default: break;
    }
    *ret_final = true;
    return ENGINE_WANT_NOTHING;
}

static int transfer_refused(struct engine *engine, struct moment *moment,
                            const Leadbus__Refusal *refusal, const struct error *why,
                            struct error *ret_error)
{
    engine_note(engine, moment, why);
    if (transfer_at_work(engine, true, refusal->root))
        return engine_upload_refused(engine, moment, refusal, why, ret_error);
    return engine_fetch_refused(engine, moment, refusal, why, ret_error);
}

/* Of the connection, or of something that is no message: before the greeting it ends it. */
static int other_refused(struct engine *engine, struct moment *moment,
                         const Leadbus__Refusal *refusal, const struct error *why,
                         struct error *ret_error)
{
    int r = 0;
    if (engine_rewrap_refused(engine, moment, refusal, why, &r, ret_error)) return r;
    engine_note(engine, moment, why);
    if (strncmp(refusal->field, "get_delivered", 13) == 0)
        engine_again_refused(engine, moment, refusal->retry_after_ms);
    if (strncmp(refusal->field, "get_thread", 10) == 0)
        engine_watch_refused(engine, moment, why->code);
    if (engine->link == ENGINE_CONNECTED) {
        engine->reset = true;
        engine->reset_after_ms = moment->now_ms + (refusal->retry_after_ms ? refusal->retry_after_ms
                                                                           : 10 * ENGINE_RESET_MS);
        if (why->code == E_SEEN_AHEAD || why->code == E_JOURNAL_FORKED)
            engine_alarm(engine, moment, why);
    }
    return 0;
}

int engine_refusal(struct engine *engine, struct moment *moment, const Leadbus__Refusal *refusal,
                   struct error *ret_error)
{
    struct engine_pending *pending = engine_pending_find(engine, refusal->id);
    struct error why;
    struct box_out row;
    bool final;
    (void)error_set(&why, -(int)(refusal->code & 0xffff), refusal->field, "%.255s",
                    refusal->detail);
    if (refusal->detail_zh[0]) (void)error_note_zh(&why, "%s", refusal->detail_zh);
    if (refusal->root.len == 32) return transfer_refused(engine, moment, refusal, &why, ret_error);
    if (!pending) return other_refused(engine, moment, refusal, &why, ret_error);
    /* Of an earlier sealing: the one that counts is still on its way. */
    if (!pending->sent ||
        (refusal->header_hash.len == 32 && memcmp(refusal->header_hash.data, pending->hash, 32)))
        return 0;
    enum engine_want want = remedy(engine, moment, pending, why.code, &final);
    if (final) return engine_row_refused(engine, moment, pending, &why, ret_error);
    if (!pending->again && (why.code == E_SEEN_AHEAD || why.code == E_JOURNAL_FORKED))
        engine_alarm(engine, moment, &why);
    int r = 0;
    if (why.code == E_THREAD_MOVED)
        r = take_participants(engine, moment, pending, refusal, ret_error);
    if (r == 0) r = box_out_find(engine->box, pending->id, &row, ret_error);
    if (r < 0) return r;
    engine_pending_wait(engine, pending);
    if (why.code == E_ATTACHMENT_MISSING) r = engine_attach_again(engine, pending, ret_error);
    if (r < 0) return r;
    uint64_t wait_ms =
        refusal->retry_after_ms ? refusal->retry_after_ms : engine_backoff_ms(pending);
    bool at_once = want == ENGINE_WANT_RESEAL && pending->attempts < ENGINE_AT_ONCE_MAX &&
                   !(pending->again && comes_back(why.code));
    pending->wants = (uint8_t)want;
    pending->retry_ms = at_once ? 0 : moment->now_ms + wait_ms;
    row.retry_ms = pending->retry_ms;
    row.attempts = pending->attempts;
    engine_row_why(&row, &why);
    r = box_out_update(engine->box, &row, ret_error);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX, row.id);
    return r;
}
