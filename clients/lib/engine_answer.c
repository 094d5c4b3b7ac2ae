/* What the broker answers to a message: a receipt, or a refusal and what to do about it. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"
#include "clients/lib/engine_seal.h"

static struct engine_pending *pending_find(struct engine *engine, ProtobufCBinaryData id)
{
    return id.len == 16 ? map_find_pointer(&engine->pending_of, id.data) : NULL;
}

/* ---- receipts
 * ------------------------------------------------------------------------------------ */

static int receipt_prove(struct engine *engine, const struct engine_pending *pending,
                         const Leadbus__Receipt *receipt, const struct envelope *envelope,
                         struct checkpoint *ret_head, struct error *ret_error)
{
    struct merkle_proof path;
    struct buf record = {0};
    uint8_t leaf[32];
    if (receipt->header_hash.len != 32 || memcmp(receipt->header_hash.data, pending->hash, 32) != 0)
        return error_set(ret_error, E_PROOF_INVALID, "header_hash", "of another message");
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
    row.attempts = pending->attempts;
    row.retry_ms = 0;
    row.code = 0;
    row.field[0] = row.detail[0] = 0;
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
    struct engine_pending *pending = pending_find(engine, receipt->id);
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
        if (r == 0) count_receipted(engine, &envelope, receipt->index);
        box_lazy(engine->box, false);
    }
    if (r < 0) {
        if (ret_error) *ret_error = error;
        goto out;
    }
    memcpy(id, pending->id, 16);
    engine_pending_settle(engine, pending);
    engine->stats.out_state[BOX_OUT_RECEIPTED]++;
    engine_tell(engine, ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD, id);
out:
    arena_fini(&arena);
    buf_fini(&bytes);
    return r;
}

/* ---- sealing again
 * --------------------------------------------------------------------------------- */

int engine_row_refused(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                       const struct error *why, struct error *ret_error)
{
    struct box_out row;
    uint8_t id[16];
    memcpy(id, pending->id, 16);
    int r = box_out_find(engine->box, id, &row, ret_error);
    if (r < 0) return r;
    row.state = BOX_OUT_REFUSED;
    row.code = why->code;
    row.attempts = pending->attempts;
    row.retry_ms = 0;
    engine_copy(row.field, sizeof row.field, why->field);
    engine_copy(row.detail, sizeof row.detail, why->detail);
    r = box_out_update(engine->box, &row, ret_error);
    if (r == 0) r = engine_thread_rebuild(engine, moment, row.thread, ret_error);
    if (r < 0) return r;
    engine_transfers_cancel(engine, id);
    engine_pending_settle(engine, pending);
    engine->stats.out_state[BOX_OUT_REFUSED]++;
    engine_note(engine, moment, why);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD, id);
    return 0;
}

/* The draft of a row, from the header that was sealed and the content kept. */
static void draft_of(const Leadbus__Header *head, const struct content *content,
                     struct seal_section sections[LIMIT_SECTION_COUNT_MAX],
                     struct engine_draft *ret)
{
    for (size_t i = 0; i < content->section_count; i++) {
        sections[i].name = content->sections[i].name;
        sections[i].plaintext = content->sections[i].payload;
    }
    *ret = (struct engine_draft){
        .kind = head->kind,
        .topic = head->topic,
        .area = head->area,
        .officer = head->officer,
        .purpose = head->purpose,
        .id = head->id.data,
        .sections = sections,
        .section_count = content->section_count,
        .occurred_ms = head->occurred_ms,
        .expires_ms = head->expires_ms,
        .flags = head->flags & (LEADBUS__HEADER_FLAG__HEADER_FLAG_AS_STATED |
                                LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE),
    };
}

/* created_ms stays as long as the bus will take it; what could not go in time is late. */
static void renew_created(const struct engine *engine, const struct moment *moment,
                          const struct box_out *row, struct engine_draft *draft,
                          uint64_t *ret_created_ms)
{
    uint64_t bus_ms = engine_bus_ms(engine, moment);
    *ret_created_ms = row->created_ms;
    if (row->code != E_CREATED_OUT_OF_RANGE && row->code != E_EPOCH_EXPIRED &&
        row->created_ms + LIMIT_CREATED_AGE_MS > bus_ms)
        return;
    *ret_created_ms = bus_ms;
    draft->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE;
    if (!draft->occurred_ms) draft->occurred_ms = row->created_ms;
}

static int reseal_write(struct engine *engine, struct engine_pending *pending,
                        const struct seal_job *job, struct box_out *row, struct error *ret_error)
{
    memcpy(row->hash, job->sealed.hash, 32);
    row->created_ms = job->created_ms;
    row->attempts = pending->attempts;
    int r = box_out_reseal(engine->box, row->number, buf_bytes(&job->sealed.bytes),
                           buf_bytes(&job->content), ret_error);
    if (r == 0) r = box_out_update(engine->box, row, ret_error);
    if (r == 0) memcpy(pending->hash, row->hash, 32);
    return r;
}

/* 0: sealed anew; 1: it cannot be, and the row says why. */
int engine_reseal(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                  struct error *ret_error)
{
    struct buf bytes = {0}, kept = {0};
    struct content content = {0};
    struct envelope old;
    struct arena arena;
    struct engine_draft draft;
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    struct box_out row;
    struct engine_thread thread = {0};
    struct seal_job *job = calloc(1, sizeof *job);
    struct error error = {0};
    struct box_in parent;
    CHECK(job != NULL);
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = box_out_find(engine->box, pending->id, &row, &error);
    if (r == 0) r = box_out_body(engine->box, row.number, &bytes, &kept, &error);
    if (r == 0) r = envelope_decode(buf_bytes(&bytes), &arena, &old, &error);
    if (r == 0) r = content_open(engine, row.thread, row.id, buf_bytes(&kept), &content, &error);
    if (r == 0) r = engine_thread_load(engine, moment, row.thread, &thread, &error);
    if (r != 0) goto out;
    draft_of(old.head, &content, sections, &draft);
    *job = (struct seal_job){.moment = moment,
                             .draft = &draft,
                             .seq = row.seq,
                             .known_size = thread.thread.known_size,
                             .from_zero = pending->from_zero};
    renew_created(engine, moment, &row, &draft, &job->created_ms);
    memcpy(job->thread_key, thread.key, 32);
    if (memcmp(row.thread, row.id, 16) != 0) {
        job->place.follows = true;
        memcpy(job->place.thread, row.thread, 16);
        memcpy(job->place.parent, row.parent, 16);
        bool received = box_in_find(engine->box, row.parent, &parent, NULL) == 0;
        engine_copy(job->place.reference, BOX_NAME_LEN,
                    received ? parent.from : engine->keyring->unit);
    }
    r = seal_job_run(engine, job, &thread.thread, &error);
    if (r < 0 && !engine_own_trouble(r)) {
        r = engine_row_refused(engine, moment, pending, &error, ret_error);
        if (r == 0) r = 1;
        error.code = 0;
        goto out;
    }
    if (r == 0) r = reseal_write(engine, pending, job, &row, &error);
    if (r == 0) pending->wants = ENGINE_WANT_NOTHING;
out:
    if (r < 0 && error.code != 0 && ret_error) *ret_error = error;
    seal_job_fini(job);
    free(job);
    engine_thread_fini(&thread);
    content_fini(&content);
    arena_fini(&arena);
    buf_fini(&bytes);
    buf_fini(&kept);
    return r;
}

/* ---- refusals
 * ---------------------------------------------------------------------------------------- */

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

static uint64_t backoff_ms(const struct engine_pending *pending)
{
    uint32_t shift = pending->attempts > 8 ? 8 : pending->attempts;
    uint64_t wait_ms = (uint64_t)ENGINE_RETRY_MS << shift;
    return wait_ms > ENGINE_RETRY_MAX_MS ? ENGINE_RETRY_MAX_MS : wait_ms;
}

/* What mends it; ENGINE_WANT_NOTHING with *ret_final: nothing does. */
static enum engine_want remedy(struct engine *engine, const struct moment *moment,
                               struct engine_pending *pending, int code, bool *ret_final)
{
    static const uint8_t nobody[16];
    bool follows = memcmp(pending->parent, nobody, 16) != 0;
    *ret_final = false;
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

int engine_refusal(struct engine *engine, struct moment *moment, const Leadbus__Refusal *refusal,
                   struct error *ret_error)
{
    struct engine_pending *pending = pending_find(engine, refusal->id);
    struct error why;
    struct box_out row;
    bool final;
    (void)error_set(&why, -(int)(refusal->code & 0xffff), refusal->field, "%.255s",
                    refusal->detail);
    if (refusal->root.len == 32)
        return engine_transfer_refused(engine, moment, refusal, &why, ret_error);
    if (!pending) {
        /* Of the connection, or of something that is no message: before the greeting it ends it. */
        int r = 0;
        if (engine_rewrap_refused(engine, moment, refusal, &why, &r, ret_error)) return r;
        engine_note(engine, moment, &why);
        if (strncmp(refusal->field, "get_delivered", 13) == 0)
            engine_again_refused(engine, moment, refusal->retry_after_ms);
        if (engine->link == ENGINE_CONNECTED) {
            engine->reset = true;
            engine->reset_after_ms =
                moment->now_ms +
                (refusal->retry_after_ms ? refusal->retry_after_ms : 10 * ENGINE_RESET_MS);
            if (why.code == E_SEEN_AHEAD || why.code == E_JOURNAL_FORKED)
                engine_alarm(engine, moment, &why);
        }
        return 0;
    }
    /* Of an earlier sealing: the one that counts is still on its way. */
    if (!pending->sent ||
        (refusal->header_hash.len == 32 && memcmp(refusal->header_hash.data, pending->hash, 32)))
        return 0;
    enum engine_want want = remedy(engine, moment, pending, why.code, &final);
    if (final) return engine_row_refused(engine, moment, pending, &why, ret_error);
    if (why.code == E_SEEN_AHEAD || why.code == E_JOURNAL_FORKED)
        engine_alarm(engine, moment, &why);
    int r = 0;
    if (why.code == E_THREAD_MOVED)
        r = take_participants(engine, moment, pending, refusal, ret_error);
    if (r == 0) r = box_out_find(engine->box, pending->id, &row, ret_error);
    if (r < 0) return r;
    engine_pending_wait(engine, pending);
    if (why.code == E_ATTACHMENT_MISSING) r = engine_attach_again(engine, pending, ret_error);
    if (r < 0) return r;
    uint64_t wait_ms = refusal->retry_after_ms ? refusal->retry_after_ms : backoff_ms(pending);
    bool at_once = want == ENGINE_WANT_RESEAL && pending->attempts < ENGINE_AT_ONCE_MAX;
    pending->wants = (uint8_t)want;
    pending->retry_ms = at_once ? 0 : moment->now_ms + wait_ms;
    row.retry_ms = pending->retry_ms;
    row.attempts = pending->attempts;
    row.code = why.code;
    engine_copy(row.field, sizeof row.field, why.field);
    engine_copy(row.detail, sizeof row.detail, why.detail);
    r = box_out_update(engine->box, &row, ret_error);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX, row.id);
    return r;
}

/* ---- threads from the beginning
 * ------------------------------------------------------------------- */

struct rebuild_row {
    uint64_t order, time_ms, number;
    bool own;
};
struct rebuild {
    struct rebuild_row *rows;
    size_t count, cap;
};

static void rebuild_add(struct rebuild *rebuild, struct rebuild_row row)
{
    if (rebuild->count == rebuild->cap) {
        rebuild->cap = rebuild->cap ? rebuild->cap * 2 : 16;
        rebuild->rows = realloc(rebuild->rows, rebuild->cap * sizeof *rebuild->rows);
        CHECK(rebuild->rows != NULL);
    }
    rebuild->rows[rebuild->count++] = row;
}

static int rebuild_out(void *ctx, const struct box_out *row)
{
    if (row->state != BOX_OUT_REFUSED)
        rebuild_add(ctx, (struct rebuild_row){
                             row->state == BOX_OUT_RECEIPTED ? row->index : THREAD_PENDING,
                             row->record_ms ? row->record_ms : row->created_ms, row->number, true});
    return 0;
}

static int rebuild_in(void *ctx, const struct box_in *row)
{
    if (row->type == BOX_IN_MESSAGE)
        rebuild_add(ctx, (struct rebuild_row){row->index, row->record_ms, row->number, false});
    return 0;
}

static int rebuild_order(const void *a, const void *b)
{
    const struct rebuild_row *left = a, *right = b;
    if (left->order != right->order) return left->order < right->order ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static int rebuild_fold(struct engine *engine, const struct rebuild_row *row, struct thread *thread,
                        struct error *ret_error)
{
    struct buf bytes = {0};
    struct arena arena;
    struct envelope envelope;
    const Leadbus__Record *record = NULL;
    const ProtobufCMessage *head = NULL;
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = row->own ? box_out_body(engine->box, row->number, &bytes, NULL, ret_error)
                     : box_in_body(engine->box, row->number, &bytes, NULL, NULL, ret_error);
    if (r == 0 && row->own) {
        r = envelope_decode(buf_bytes(&bytes), &arena, &envelope, ret_error);
        if (r == 0) head = &envelope.head->base;
    } else if (r == 0) {
        r = record_decode(buf_bytes(&bytes), &arena, &record, ret_error);
        if (r == 0 && record->what_case == LEADBUS__RECORD__WHAT_ACCEPTED)
            r = message_decode(&leadbus__header__descriptor, engine_bytes(record->accepted->header),
                               &arena, &head, ret_error);
    }
    if (r == 0 && head)
        thread_apply(thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                     (const Leadbus__Header *)head, row->order, row->time_ms);
    arena_fini(&arena);
    buf_fini(&bytes);
    return r;
}

int engine_thread_rebuild(struct engine *engine, struct moment *moment, const uint8_t id[16],
                          struct error *ret_error)
{
    struct rebuild rebuild = {0};
    struct engine_thread thread;
    struct thread anew;
    int r = engine_thread_load(engine, moment, id, &thread, ret_error);
    if (r < 0) return r;
    thread_init(&anew, id);
    r = box_out_of_thread(engine->box, id, rebuild_out, &rebuild, ret_error);
    if (r == 0) r = box_in_of_thread(engine->box, id, rebuild_in, &rebuild, ret_error);
    if (rebuild.count > 0) qsort(rebuild.rows, rebuild.count, sizeof *rebuild.rows, rebuild_order);
    for (size_t i = 0; i < rebuild.count && r == 0; i++)
        r = rebuild_fold(engine, &rebuild.rows[i], &anew, ret_error);
    if (r == 0) {
        /* What the broker said of participants stays. */
        struct thread_participant *participants = thread.thread.participants;
        size_t count = thread.thread.participant_count, cap = thread.thread.participant_cap;
        thread.thread.participants = anew.participants;
        anew.participants = participants;
        anew.participant_count = count;
        anew.participant_cap = cap;
        anew.known_size = thread.thread.known_size;
        thread_fini(&thread.thread);
        thread.thread = anew;
        memset(&anew, 0, sizeof anew);
        r = engine_thread_save(engine, moment, &thread, ret_error);
    }
    thread_fini(&anew);
    engine_thread_fini(&thread);
    free(rebuild.rows);
    return r;
}
