#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/record.h"

void reply_encode(Leadbus__Frame *frame, struct buf *ret_bytes)
{
    frame->version = 1;
    message_encode(&frame->base, ret_bytes);
}

void reply_frame(struct engine *engine, const struct peer *peer, Leadbus__Frame *frame)
{
    struct buf bytes = {0};
    reply_encode(frame, &bytes);
    net_send(engine->parts.net, peer, &bytes);
}

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text; /* protobuf-c's structs are not const; packing only reads */
}

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

/* What a refused request was, where no envelope says it. */
static const char *request_name(const struct job *job)
{
    if (!job->frame) return "frame";
    switch (job->frame->body_case) {
    case LEADBUS__FRAME__BODY_HELLO: return "hello";
    case LEADBUS__FRAME__BODY_SUBMIT: return "submit";
    case LEADBUS__FRAME__BODY_ACK: return "ack";
    case LEADBUS__FRAME__BODY_CREDIT: return "credit";
    case LEADBUS__FRAME__BODY_GET_BUNDLE: return "get_bundle";
    case LEADBUS__FRAME__BODY_GET_KEYS: return "get_keys";
    case LEADBUS__FRAME__BODY_PUBLISH_KEY: return "publish_key";
    case LEADBUS__FRAME__BODY_GET_PROOF: return "get_proof";
    case LEADBUS__FRAME__BODY_PING: return "ping";
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP: return "submit_rewrap";
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD: return "open_upload";
    case LEADBUS__FRAME__BODY_PUT_CHUNK: return "put_chunk";
    case LEADBUS__FRAME__BODY_GET_LEAVES: return "get_leaves";
    case LEADBUS__FRAME__BODY_GET_CHUNK: return "get_chunk";
    case LEADBUS__FRAME__BODY_GET_DELIVERED: return "get_delivered";
    case LEADBUS__FRAME__BODY_GET_THREAD: return "get_thread";
    default: return "frame";
    }
}

/* Which attachment a refused request was about. */
static ProtobufCBinaryData request_root(const struct job *job)
{
    ProtobufCBinaryData root = {0};
    if (!job->frame) return root;
    switch (job->frame->body_case) {
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD: root = job->frame->open_upload->root; break;
    case LEADBUS__FRAME__BODY_PUT_CHUNK: root = job->frame->put_chunk->root; break;
    case LEADBUS__FRAME__BODY_GET_LEAVES: root = job->frame->get_leaves->root; break;
    case LEADBUS__FRAME__BODY_GET_CHUNK: root = job->frame->get_chunk->root; break;
    default: break;
    }
    return root.len == SUITE_HASH_LEN ? root : (ProtobufCBinaryData){0};
}

void reply_refusal_encode(const struct job *job, const struct core_verdict *verdict,
                          struct buf *ret_bytes)
{
    Leadbus__Refusal refusal = LEADBUS__REFUSAL__INIT;
    char *participants[LIMIT_RECIPIENT_COUNT_MAX];
    uint32_t roles[LIMIT_RECIPIENT_COUNT_MAX];
    /* H needs no form: a sender with several on their way must know which one was refused. */
    if (job->envelope) refusal.id = job->envelope->head->id;
    if (job->has_hash) refusal.header_hash = data_of(bytes_of(job->header_hash, SUITE_HASH_LEN));
    if (job->rewrap) refusal.header_hash = job->rewrap->header_hash;
    struct error told = verdict->error;
    reply_public(verdict->code, &told);
    refusal.code = (uint32_t)-verdict->code;
    refusal.field = text_of(told.field[0] ? told.field : request_name(job));
    refusal.detail = told.detail;
    refusal.detail_zh = told.detail_zh;
    refusal.retry_after_ms = verdict->retry_after_ms;
    if (!refusal.retry_after_ms && error_class(verdict->code) == ERROR_CLASS_BUSY)
        refusal.retry_after_ms = 1000;
    for (size_t i = 0; i < verdict->participant_count; i++) {
        participants[i] = text_of(verdict->participants[i]);
        roles[i] = verdict->participant_roles[i];
    }
    refusal.n_participants = verdict->participant_count;
    refusal.participants = participants;
    refusal.n_participant_roles = verdict->participant_count;
    refusal.participant_roles = roles;
    refusal.thread_index = verdict->thread_index;
    refusal.root = request_root(job);
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_REFUSAL;
    frame.refusal = &refusal;
    reply_encode(&frame, ret_bytes);
}

void reply_note_task(struct engine *engine, uint64_t serial, const char *request, int code,
                     const struct error *error)
{
    counters_refused(engine->parts.counters, code);
    if (-code >= COUNTERS_CODE_MAX || engine->logged[-code] >= REFUSAL_LOG_PER_MINUTE) return;
    engine->logged[-code]++;
    log_warn("refused", log_u64("serial", serial), log_text("request", request), log_code(code),
             log_text("field", error->field), log_text("detail", error->detail));
}

void reply_note_refusal(struct engine *engine, const struct job *job, int code,
                        const struct error *error)
{
    reply_note_task(engine, job->serial, request_name(job), code, error);
}

/* The log has the whole of it. */
void reply_public(int code, struct error *error)
{
    if (error_class(code) == ERROR_CLASS_ENVIRONMENT) {
        error->field[0] = 0;
        if (code == E_DISK_FULL)
            (void)error_say(error, code, NULL,
                            "总线磁盘已满，或余量须留给日志；运维人员腾出空间后自动继续",
                            "the broker's disk is full, or what is left is kept for the journal: "
                            "it goes on when its operator has made room");
        else
            (void)error_say(error, code, NULL, "总线自身出现故障，已记入其日志；恢复后自动继续",
                            "trouble of the broker's own, which its log has: it goes on when that "
                            "is mended");
    } else if (strchr(error->field, '/')) {
        error->field[0] = 0; /* a path of ours */
    }
}

void reply_refuse(struct engine *engine, const struct job *job, int code, const struct error *error)
{
    struct core_verdict verdict = {.code = code, .error = *error};
    reply_note_refusal(engine, job, code, error);
    struct buf bytes = {0};
    reply_refusal_encode(job, &verdict, &bytes);
    net_send(engine->parts.net, &job->peer, &bytes);
}

size_t reply_proof(struct merkle_proof *proof,
                   ProtobufCBinaryData ret_hashes[LIMIT_PROOF_HASH_COUNT_MAX])
{
    for (size_t i = 0; i < proof->count; i++)
        ret_hashes[i] = (ProtobufCBinaryData){MERKLE_HASH_LEN, proof->hashes[i]};
    return proof->count;
}

void reply_receipt(struct engine *engine, const struct peer *peer, const struct lead *lead,
                   bool duplicate)
{
    struct merkle_proof proof;
    struct error error = {0};
    int code = tree_inclusion(engine->tree, lead->index, &proof, &error);
    if (code) {
        log_failure(LOG_LEVEL_ERROR, "proof_failed", code, &error);
        return;
    }
    ProtobufCBinaryData hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__Receipt receipt = LEADBUS__RECEIPT__INIT;
    receipt.id = lead->envelope.head->id;
    receipt.header_hash = data_of(bytes_of(lead->envelope.hash, SUITE_HASH_LEN));
    receipt.index = lead->index;
    receipt.n_inclusion = reply_proof(&proof, hashes);
    receipt.inclusion = hashes;
    receipt.checkpoint = data_of(tree_checkpoint(engine->tree));
    receipt.time_ms = lead->time_ms;
    receipt.duplicate = duplicate;
    receipt.accepted_flags = lead->accepted_flags;
    receipt.rules = lead->rules;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_RECEIPT;
    frame.receipt = &receipt;
    reply_frame(engine, peer, &frame);
    counters_add(&engine->parts.counters->receipts, 1);
}

static struct held *hold(struct engine *engine, const struct peer *peer, uint64_t read_index)
{
    struct held *held = (struct held *)calloc(1, sizeof *held);
    CHECK(held != NULL);
    held->read_index = read_index;
    held->peer = *peer;
    if (engine->held_last)
        engine->held_last->next = held;
    else
        engine->held_first = held;
    engine->held_last = held;
    engine->held_count++;
    return held;
}

void reply_when_durable(struct engine *engine, const struct peer *peer, uint64_t read_size,
                        struct buf *take_frame)
{
    if (read_size <= tree_size(engine->tree)) {
        net_send(engine->parts.net, peer, take_frame);
        return;
    }
    hold(engine, peer, read_size)->frame = *take_frame;
    *take_frame = (struct buf){0};
}

void reply_duplicate(struct engine *engine, const struct peer *peer, uint64_t index)
{
    hold(engine, peer, index + 1)->duplicate = index + 1;
}

void reply_release(struct engine *engine)
{
    uint64_t size = tree_size(engine->tree);
    struct held **place = &engine->held_first;
    struct held *last = NULL;
    while (*place) {
        struct held *held = *place;
        if (held->read_index > size) {
            last = held;
            place = &held->next;
            continue;
        }
        const struct lead *lead;
        struct error error = {0};
        int code = 0;
        if (!held->duplicate)
            net_send(engine->parts.net, &held->peer, &held->frame);
        else if (!(code = lead_cache_get(engine->leads, held->duplicate - 1, &lead, &error)))
            reply_receipt(engine, &held->peer, lead, true);
        if (code) log_failure(LOG_LEVEL_ERROR, "receipt_failed", code, &error);
        *place = held->next;
        buf_fini(&held->frame);
        free(held);
        engine->held_count--;
    }
    engine->held_last = last;
}

const struct trust_bundle *reply_bundle(const struct engine *engine)
{
    const struct trust_bundle *previous = core_bundle_previous(engine->core);
    return engine->last_bundle_index > tree_size(engine->tree) && previous
               ? previous
               : core_bundle(engine->core);
}

void reply_acked(struct engine *engine, const struct peer *peer, unsigned lane, uint64_t position)
{
    Leadbus__Acked acked = LEADBUS__ACKED__INIT;
    acked.lane = lane;
    acked.position = position;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_ACKED;
    frame.acked = &acked;
    reply_frame(engine, peer, &frame);
}
