#include <inttypes.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "broker/shell/journal.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/record.h"

enum { KEYS_BYTES_MAX = LIMIT_FRAME_BYTES_MAX - 65536, KEYS_COUNT_MAX = 4096 };

static void group_add_blobs(struct group_record *record, const struct job *job,
                            const struct trust_bundle *bundle)
{
    if (job && job->envelope) {
        record->blobs = job->envelope->ciphertexts;
        record->blob_count = job->envelope->section_count;
    }
    if (!bundle) return;
    size_t count = trust_bundle_part_count(bundle);
    record->own_blobs = (struct bytes *)calloc(count ? count : 1, sizeof *record->own_blobs);
    CHECK(record->own_blobs != NULL);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        uint8_t sha[32];
        trust_bundle_part(bundle, i, &name, &record->own_blobs[i], sha);
    }
    record->blobs = record->own_blobs;
    record->blob_count = count;
}

int request_admit(struct engine *engine, const struct core_request *request, struct job *job,
                  struct trust_bundle *bundle, struct core_verdict *ret_verdict)
{
    struct group *group = engine->open;
    CHECK(!group_full(group));
    struct group_record *record = &group->records[group->count];
    *ret_verdict = (struct core_verdict){0};
    int code = core_admit(engine->core, request, &record->bytes, ret_verdict);
    if (code) {
        buf_fini(&record->bytes);
        return code;
    }
    uint64_t index = core_size(engine->core);
    if (group->count == 0) group->first = index;
    group_add_blobs(record, request->type == CORE_SUBMIT ? job : NULL, bundle);
    struct error error = {0};
    code =
        core_apply(engine->core, index, buf_bytes(&record->bytes), bundle, &group->effects, &error);
    if (code) log_failure(LOG_LEVEL_ERROR, "core_disagrees", code, &error);
    CHECK(code == 0);
    record->job = job;
    record->time_ms = core_time_ms(engine->core);
    record->accepted_flags = ret_verdict->accepted_flags;
    group->bytes += record->bytes.len + (job ? job->frame_len : 0);
    group->count++;
    if (request->type == CORE_TICK) engine->last_tick_index = index + 1;
    if (request->type == CORE_BUNDLE) engine->last_bundle_index = index + 1;
    return 0;
}

/* ---- answers that read state ------------------------------------------------------------------
 */

static void answer_refused(struct engine *engine, const struct job *job,
                           const struct core_verdict *verdict)
{
    reply_note_refusal(engine, job, verdict->code, &verdict->error);
    struct buf bytes = {0};
    reply_refusal_encode(job, verdict, &bytes);
    reply_when_durable(engine, &job->peer, verdict->read_index, &bytes);
}

static void answer_duplicate(struct engine *engine, const struct job *job,
                             const struct core_verdict *verdict)
{
    counters_refused(engine->parts.counters, E_DUPLICATE);
    reply_duplicate(engine, &job->peer, verdict->index);
}

/* ---- requests ---------------------------------------------------------------------------------
 */

/* The head that a sender says it has seen must be one of this journal: otherwise one of the two was
 * told another story. (One beyond the journal is refused in the core.) */
static int check_seen(struct engine *engine, struct session *session,
                      const struct envelope *envelope, struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    uint8_t root[32];
    if (head->seen_size == 0 || head->seen_size > tree_size(engine->tree)) return 0;
    if (head->seen_size != session->seen_size) {
        int code = tree_root_at(engine->tree, head->seen_size, root, ret_error);
        if (code) return code;
        session->seen_size = head->seen_size;
        memcpy(session->seen_root, root, sizeof root);
    }
    if (memcmp(session->seen_root, head->seen_root.data, 32) == 0) return 0;
    log_error("journal_disputed", log_text("unit", session->unit),
              log_u64("serial", session->serial), log_u64("seen_size", head->seen_size),
              log_u64("size", tree_size(engine->tree)));
    return error_say(ret_error, E_JOURNAL_FORKED, "seen_root",
                     "%" PRIu64 " 条记录时的树根与本日志不同", "another root at size %" PRIu64,
                     head->seen_size);
}

static bool handle_submit(struct engine *engine, struct session *session, struct job *job)
{
    struct error error = {0};
    int disputed = check_seen(engine, session, job->envelope, &error);
    if (disputed) {
        reply_refuse(engine, job, disputed, &error);
        return false;
    }
    struct core_request request = {.type = CORE_SUBMIT,
                                   .now_ms = clock_now_ms(),
                                   .conn_serial = job->serial,
                                   .signature_checked = job->signature_checked,
                                   .envelope = job->envelope};
    memcpy(request.checked_key, job->checked_key, sizeof request.checked_key);
    request.attachments_durable = attach_durable(engine, job->envelope);
    struct core_verdict verdict;
    int code = request_admit(engine, &request, job, NULL, &verdict);
    if (code == E_DUPLICATE) {
        answer_duplicate(engine, job, &verdict);
    } else if (code) {
        answer_refused(engine, job, &verdict);
    } else {
        counters_add(&engine->parts.counters->accepted, 1);
        attach_accepted(engine, job->envelope, core_size(engine->core) - 1);
    }
    return code == 0;
}

/* The rewrap stands at that index; said when it is durable. */
static void answer_rewrap(struct engine *engine, const struct job *job, uint64_t index,
                          uint64_t read_size)
{
    Leadbus__RewrapDone done = LEADBUS__REWRAP_DONE__INIT;
    done.header_hash = job->rewrap->header_hash;
    done.unit = job->rewrap->unit;
    done.index = index;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_REWRAP_DONE;
    frame.rewrap_done = &done;
    struct buf bytes = {0};
    reply_encode(&frame, &bytes);
    reply_when_durable(engine, &job->peer, read_size, &bytes);
}

static int admit_signed(struct engine *engine, struct job *job, enum core_request_type type,
                        ProtobufCBinaryData body, ProtobufCBinaryData signature,
                        struct core_verdict *ret_verdict)
{
    struct core_request request = {
        .type = type,
        .now_ms = clock_now_ms(),
        .conn_serial = job->serial,
        .signature_checked = job->signature_checked,
        .signed_body = {bytes_of(body.data, body.len), bytes_of(signature.data, signature.len)}};
    memcpy(request.checked_key, job->checked_key, sizeof request.checked_key);
    return request_admit(engine, &request, job, NULL, ret_verdict);
}

/* Nothing new in it: say what stands, once that is durable. */
static void answer_acknowledged(struct engine *engine, const struct session *session,
                                const struct job *job, const struct core_verdict *verdict)
{
    uint64_t read_index = verdict->read_index ? verdict->read_index : core_size(engine->core);
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        Leadbus__Acked acked = LEADBUS__ACKED__INIT;
        uint8_t running[32];
        acked.lane = lane;
        core_acknowledged(engine->core, session->unit, lane, &acked.position, running);
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        frame.body_case = LEADBUS__FRAME__BODY_ACKED;
        frame.acked = &acked;
        struct buf bytes = {0};
        reply_encode(&frame, &bytes);
        reply_when_durable(engine, &job->peer, read_index, &bytes);
    }
}

static bool handle_ack(struct engine *engine, const struct session *session, struct job *job)
{
    struct core_verdict verdict;
    const Leadbus__Ack *ack = job->frame->ack;
    int code = admit_signed(engine, job, CORE_ACK, ack->body, ack->signature, &verdict);
    if (code == E_DUPLICATE)
        answer_acknowledged(engine, session, job, &verdict);
    else if (code)
        answer_refused(engine, job, &verdict);
    return code == 0;
}

static bool handle_publish_key(struct engine *engine, struct job *job)
{
    struct core_verdict verdict;
    const Leadbus__PublishKey *key = job->frame->publish_key;
    int code = admit_signed(engine, job, CORE_PUBLISH_KEY, key->body, key->signature, &verdict);
    if (code) answer_refused(engine, job, &verdict);
    return code == 0;
}

static bool handle_rewrap(struct engine *engine, struct job *job)
{
    struct core_verdict verdict;
    const Leadbus__SubmitRewrap *rewrap = job->frame->submit_rewrap;
    int code = admit_signed(engine, job, CORE_REWRAP, rewrap->body, rewrap->signature, &verdict);
    uint64_t size = core_size(engine->core);
    if (code == 0) {
        answer_rewrap(engine, job, size - 1, size);
    } else if (code == E_DUPLICATE) {
        counters_refused(engine->parts.counters, code);
        answer_rewrap(engine, job, verdict.index, size);
    } else {
        answer_refused(engine, job, &verdict);
    }
    return code == 0;
}

static void handle_get_bundle(struct engine *engine, struct session *session, const struct job *job)
{
    uint64_t version = job->frame->get_bundle->version;
    const struct trust_bundle *bundle = reply_bundle(engine);
    const struct trust_bundle *previous = core_bundle_previous(engine->core);
    struct error error = {0};
    if (version && version != trust_bundle_version(bundle)) {
        if (!previous || version != trust_bundle_version(previous)) {
            int code =
                error_set(&error, E_BUNDLE_UNKNOWN, "get_bundle.version", "%" PRIu64, version);
            reply_refuse(engine, job, code, &error);
            return;
        }
        bundle = previous;
    }
    struct bytes bytes = trust_bundle_bytes(bundle);
    if (bytes.len > LIMIT_FRAME_BYTES_MAX - 64) {
        int code = error_say(&error, E_TOO_LARGE, "get_bundle", "%zu 字节放不进一帧",
                             "%zu bytes do not fit a frame", bytes.len);
        reply_refuse(engine, job, code, &error);
        return;
    }
    int code = session_take_bulk(session, bytes.len, &error);
    if (code) {
        reply_refuse(engine, job, code, &error);
        return;
    }
    Leadbus__BundleReply reply = LEADBUS__BUNDLE_REPLY__INIT;
    reply.bundle = (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_BUNDLE;
    frame.bundle = &reply;
    reply_frame(engine, &job->peer, &frame);
}

/* Pages end between two journal indexes, so that "after that index" misses none. */
static void handle_get_keys(struct engine *engine, struct session *session, const struct job *job)
{
    uint64_t after = job->frame->get_keys->after_index;
    size_t count = core_epoch_key_count(engine->core), taken = 0, bytes_len = 0;
    Leadbus__EpochKey *keys = (Leadbus__EpochKey *)calloc(count ? count : 1, sizeof *keys);
    Leadbus__EpochKey **list = (Leadbus__EpochKey **)calloc(count ? count : 1, sizeof *list);
    CHECK(keys && list);
    Leadbus__Keys reply = LEADBUS__KEYS__INIT;
    reply.keys_index = after;
    bool cut = false;
    for (size_t i = 0; i < count && !cut; i++) {
        struct bytes body, signature;
        uint64_t index;
        core_epoch_key_at(engine->core, i, &body, &signature, &index);
        if ((after && index <= after) || index >= tree_size(engine->tree)) continue;
        cut = (taken >= KEYS_COUNT_MAX || bytes_len > KEYS_BYTES_MAX) && index != reply.keys_index;
        if (cut) break;
        leadbus__epoch_key__init(&keys[taken]);
        keys[taken].body = (ProtobufCBinaryData){body.len, (uint8_t *)(uintptr_t)body.data};
        keys[taken].signature =
            (ProtobufCBinaryData){signature.len, (uint8_t *)(uintptr_t)signature.data};
        list[taken] = &keys[taken];
        taken++;
        bytes_len += body.len + signature.len + 16;
        if (index > reply.keys_index) reply.keys_index = index;
    }
    reply.n_keys = taken;
    reply.keys = list;
    struct error error = {0};
    int code = session_take_bulk(session, bytes_len, &error);
    if (code) {
        reply_refuse(engine, job, code, &error);
    } else {
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        frame.body_case = LEADBUS__FRAME__BODY_KEYS;
        frame.keys = &reply;
        reply_frame(engine, &job->peer, &frame);
    }
    free((void *)list);
    free(keys);
}

static void handle_get_proof(struct engine *engine, const struct job *job)
{
    const Leadbus__GetProof *wanted = job->frame->get_proof;
    struct merkle_proof consistency = {0};
    struct error error = {0};
    int code = 0;
    if (wanted->id.len)
        code = error_say(&error, E_NOT_FOUND, "get_proof.id", "请重发该消息：回执带有证明",
                         "send the message again: its receipt carries the proof");
    if (!code && wanted->from_size)
        code = tree_consistency(engine->tree, wanted->from_size, &consistency, &error);
    if (code) {
        reply_refuse(engine, job, code, &error);
        return;
    }
    ProtobufCBinaryData hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    struct bytes checkpoint = tree_checkpoint(engine->tree);
    Leadbus__Proof proof = LEADBUS__PROOF__INIT;
    proof.checkpoint = (ProtobufCBinaryData){checkpoint.len, (uint8_t *)(uintptr_t)checkpoint.data};
    proof.n_consistency = reply_proof(&consistency, hashes);
    proof.consistency = hashes;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_PROOF;
    frame.proof = &proof;
    reply_frame(engine, &job->peer, &frame);
}

static void handle_get_delivered(struct engine *engine, struct session *session,
                                 const struct job *job)
{
    const Leadbus__GetDelivered *wanted = job->frame->get_delivered;
    struct error error = {0};
    int code = 0;
    if (wanted->lane >= ENVELOPE_LANE_COUNT)
        code = error_set(&error, E_BAD_VALUE, "get_delivered.lane", "%u", wanted->lane);
    else if (wanted->count == 0)
        code = error_set(&error, E_BAD_VALUE, "get_delivered.count", "0");
    else
        code = deliver_again(engine, session, wanted->lane, wanted->after, wanted->count, &error);
    if (code) reply_refuse(engine, job, code, &error);
}

static void handle_ping(struct engine *engine, const struct job *job)
{
    Leadbus__Pong pong = LEADBUS__PONG__INIT;
    pong.nonce = job->frame->ping->nonce;
    pong.time_ms = clock_now_ms();
    pong.keys_index = engine->keys_index;
    pong.bundle = trust_bundle_version(reply_bundle(engine));
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_PONG;
    frame.pong = &pong;
    reply_frame(engine, &job->peer, &frame);
}

static bool handle_greeted(struct engine *engine, struct session *session, struct job *job)
{
    const Leadbus__Frame *frame = job->frame;
    struct error error = {0};
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_SUBMIT: return handle_submit(engine, session, job);
    case LEADBUS__FRAME__BODY_ACK: return handle_ack(engine, session, job);
    case LEADBUS__FRAME__BODY_PUBLISH_KEY: return handle_publish_key(engine, job);
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP: return handle_rewrap(engine, job);
    case LEADBUS__FRAME__BODY_CREDIT:
        if (frame->credit->lane < ENVELOPE_LANE_COUNT) {
            session_credit(engine, session, frame->credit->lane, frame->credit->window);
            return false;
        }
        reply_refuse(engine, job,
                     error_set(&error, E_BAD_VALUE, "credit.lane", "%u", frame->credit->lane),
                     &error);
        return false;
    case LEADBUS__FRAME__BODY_GET_BUNDLE: handle_get_bundle(engine, session, job); return false;
    case LEADBUS__FRAME__BODY_GET_KEYS: handle_get_keys(engine, session, job); return false;
    case LEADBUS__FRAME__BODY_GET_PROOF: handle_get_proof(engine, job); return false;
    case LEADBUS__FRAME__BODY_GET_DELIVERED:
        handle_get_delivered(engine, session, job);
        return false;
    case LEADBUS__FRAME__BODY_GET_THREAD: thread_answer(engine, session, job); return false;
    case LEADBUS__FRAME__BODY_PING: handle_ping(engine, job); return false;
    default: break;
    }
    bool kept = false;
    if (!attach_handle(engine, session, job, &kept))
        reply_refuse(engine, job,
                     error_say(&error, E_BAD_FORM, "frame", "不是请求", "not a request"), &error);
    return kept;
}

/* True: the job went into the group. */
static bool handle(struct engine *engine, struct job *job)
{
    struct error error = job->error;
    struct session *session = session_by_peer(engine, job->serial, &job->peer);
    if (session) session->heard_ms = clock_now_ms();
    const struct trust_certificate *certificate;
    int code = trust_verdict(core_bundle(engine->core), job->serial, NULL, clock_now_ms(), SUITE_1,
                             &certificate, &error);
    if (code) {
        if (session) session_close(engine, session, error_name(code));
        reply_refuse(engine, job, code, &error);
        return false;
    }
    if (job->code) {
        reply_refuse(engine, job, job->code, &job->error);
        return false;
    }
    if (job->frame->body_case == LEADBUS__FRAME__BODY_HELLO) {
        code = session_hello(engine, job, &error);
        if (code) reply_refuse(engine, job, code, &error);
        return false;
    }
    if (!session) {
        code = error_say(&error, E_NOT_GREETED, NULL, "请先握手（HELLO），或本连接已被另一连接接替",
                         "HELLO first, or another connection took over");
        reply_refuse(engine, job, code, &error);
        return false;
    }
    return handle_greeted(engine, session, job);
}

void request_handle(struct engine *engine, struct job *take_job)
{
    if (!handle(engine, take_job)) job_free(take_job);
}

void request_bundle(struct engine *engine, struct bytes bytes, const char *path)
{
    const struct trust_bundle *current = core_bundle(engine->core);
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    int code = trust_bundle_open(bytes, trust_bundle_root(current), &bundle, &error);
    if (!code && trust_bundle_version(bundle) == trust_bundle_version(current)) {
        trust_bundle_free(bundle);
        return;
    }
    if (!code) code = journal_check_root_step(trust_bundle_root(current), bundle, &error);
    struct core_request request = {.type = CORE_BUNDLE, .now_ms = clock_now_ms(), .bundle = bundle};
    struct core_verdict verdict = {0};
    if (!code) {
        code = request_admit(engine, &request, NULL, bundle, &verdict);
        error = verdict.error;
    }
    if (code) {
        (void)error_in(&error, code, path);
        log_failure(LOG_LEVEL_ERROR, "bundle_refused", code, &error);
        trust_bundle_free(bundle);
        return;
    }
    log_info("bundle_installed", log_u64("version", trust_bundle_version(bundle)),
             log_u64("index", core_size(engine->core) - 1));
}
