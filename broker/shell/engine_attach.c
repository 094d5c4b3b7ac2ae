/* Attachments: announced, stored and fetched chunk by chunk. The disk is another thread's; here is
 * decided who may, and what is told. */
#include "broker/shell/clock.h"
#include "broker/shell/engine_inner.h"
#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/host/log.h"

enum { SWEEP_BURST = 16, BUSY_MS = 200 };

/* ---- tasks for the disk -------------------------------------------------------------------------
 */

static struct disk_task *task_new(enum disk_what what, const struct job *job,
                                  const uint8_t root[32])
{
    struct disk_task *task = (struct disk_task *)calloc(1, sizeof *task);
    CHECK(task != NULL);
    task->what = what;
    memcpy(task->root, root, sizeof task->root);
    if (job) {
        task->peer = job->peer;
        task->serial = job->serial;
    }
    return task;
}

static ProtobufCBinaryData data_of(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static uint32_t retry_ms(int code)
{
    if (!error_retryable(code)) return 0;
    return code == E_BUSY ? BUSY_MS : UPLOADS_RETRY_MS;
}

static void refuse_for(struct engine *engine, const struct job *job, int code,
                       const struct error *error, uint32_t retry_after_ms)
{
    struct core_verdict verdict = {.code = code, .error = *error, .retry_after_ms = retry_after_ms};
    reply_note_refusal(engine, job, code, error);
    struct buf bytes = {0};
    reply_refusal_encode(job, &verdict, &bytes);
    net_send(engine->parts.net, &job->peer, &bytes);
}

static void refuse(struct engine *engine, const struct job *job, int code,
                   const struct error *error)
{
    refuse_for(engine, job, code, error, retry_ms(code));
}

/* Where the job that asked is gone. */
static void refuse_task(struct engine *engine, const struct disk_task *task, const char *field,
                        int code)
{
    Leadbus__Refusal refusal = LEADBUS__REFUSAL__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct error told = task->error;
    reply_note_task(engine, task->serial, field, code, &task->error);
    reply_public(code, &told);
    refusal.code = (uint32_t)-code;
    refusal.field = (char *)(uintptr_t)field;
    refusal.detail = told.detail;
    refusal.detail_zh = told.detail_zh;
    refusal.retry_after_ms = retry_ms(code);
    refusal.root = data_of(task->root, 32);
    frame.body_case = LEADBUS__FRAME__BODY_REFUSAL;
    frame.refusal = &refusal;
    reply_frame(engine, &task->peer, &frame);
}

/* False: the disk has no room; the peer is told. */
static bool offer(struct engine *engine, struct job *job, struct disk_task *take_task)
{
    struct error error = {0};
    if (disk_offer(engine->parts.disk, take_task)) return true;
    take_task->job = NULL; /* still the caller's */
    disk_task_free(take_task);
    int code = error_say(&error, E_BUSY, NULL, "磁盘来不及写入", "the disk is behind");
    refuse(engine, job, code, &error);
    return false;
}

/* ---- in -----------------------------------------------------------------------------------------
 */

static void reply_upload(struct engine *engine, const struct peer *peer, const uint8_t root[32],
                         const uint8_t present[CHUNKS_PRESENT_LEN], bool complete)
{
    Leadbus__Upload upload = LEADBUS__UPLOAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    upload.root = data_of(root, 32);
    upload.present = data_of(present, chunks_present_len(present));
    upload.window = UPLOADS_WINDOW;
    upload.complete = complete;
    frame.body_case = LEADBUS__FRAME__BODY_UPLOAD;
    frame.upload = &upload;
    reply_frame(engine, peer, &frame);
}

static void reply_stored(struct engine *engine, const struct peer *peer, const uint8_t root[32],
                         uint32_t number, bool complete)
{
    Leadbus__ChunkStored stored = LEADBUS__CHUNK_STORED__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    stored.root = data_of(root, 32);
    stored.number = number;
    stored.complete = complete;
    frame.body_case = LEADBUS__FRAME__BODY_CHUNK_STORED;
    frame.chunk_stored = &stored;
    reply_frame(engine, peer, &frame);
}

static bool is_complete(const struct upload *upload)
{
    return upload->state == UPLOAD_COMPLETE || upload->state == UPLOAD_ACCEPTED;
}

static int open_upload(struct engine *engine, struct session *session, struct job *job,
                       struct error *ret_error)
{
    const Leadbus__OpenUpload *open = job->frame->open_upload;
    struct upload *upload = uploads_find(engine->parts.uploads, open->root.data);
    if (upload && strcmp(upload->unit, session->unit) != 0)
        return error_say(ret_error, E_IDENTITY_MISMATCH, "open_upload.root", "另一单位正在上传它",
                         "another unit is uploading it");
    if (upload && upload->state == UPLOAD_ERASING)
        return error_say(ret_error, E_BUSY, "open_upload.root", "正在放弃它",
                         "it is being given up");
    if (upload) {
        upload->touched_ms = clock_now_ms();
        /* One that is being opened answers when that is done. */
        if (upload->state != UPLOAD_OPENING)
            reply_upload(engine, &job->peer, upload->root, upload->present, is_complete(upload));
        return 0;
    }
    int code = uploads_add(engine->parts.uploads, session->unit, open->root.data, open->size,
                           bytes_of(open->leaves.data, open->leaves.len), clock_now_ms(), &upload,
                           ret_error);
    if (code) return code;
    struct disk_task *task = task_new(DISK_OPEN, job, upload->root);
    memcpy(task->unit, upload->unit, sizeof task->unit);
    task->stream_len = upload->stream_len;
    task->index = tree_size(engine->tree);
    buf_append_bytes(&task->leaves, buf_bytes(&upload->leaves));
    if (offer(engine, job, task))
        upload->busy++;
    else
        uploads_remove(engine->parts.uploads, upload);
    return 0;
}

static void opened(struct engine *engine, const struct disk_task *task, struct upload *upload)
{
    static const uint8_t nothing[CHUNKS_PRESENT_LEN];
    if (!task->code) {
        upload->state = UPLOAD_OPEN;
        reply_upload(engine, &task->peer, upload->root, nothing, false);
        return;
    }
    /* Accepted with an earlier envelope: nothing is to be sent, unless it was erased since. */
    bool whole = task->code == E_DUPLICATE && task->present_count == upload->chunk_count;
    if (whole)
        reply_upload(engine, &task->peer, upload->root, task->present, true);
    else
        refuse_task(engine, task, "open_upload",
                    task->code == E_DUPLICATE ? E_ATTACHMENT_ERASED : task->code);
    uploads_remove(engine->parts.uploads, upload);
}

/* True: the job went to the disk. */
static bool put_chunk(struct engine *engine, struct session *session, struct job *job,
                      int *ret_code, struct error *ret_error)
{
    const Leadbus__PutChunk *put = job->frame->put_chunk;
    struct upload *upload = uploads_find(engine->parts.uploads, put->root.data);
    *ret_code = 0;
    if (!upload || strcmp(upload->unit, session->unit) != 0 || upload->state == UPLOAD_ERASING ||
        upload->state == UPLOAD_OPENING) {
        *ret_code = error_say(ret_error, E_NOT_FOUND, "put_chunk.root", "请先登记（OpenUpload）",
                              "announce it first");
        return false;
    }
    if (put->number >= upload->chunk_count ||
        put->data.len != attachment_chunk_len(upload->stream_len, put->number)) {
        *ret_code = error_say(ret_error, E_CHUNK_INVALID, "put_chunk.data", "分块 %u，%zu 字节",
                              "chunk %u of %zu bytes", put->number, put->data.len);
        return false;
    }
    if (chunks_has(upload->present, put->number)) {
        reply_stored(engine, &job->peer, upload->root, put->number, is_complete(upload));
        return false;
    }
    if (session->put_count >= UPLOADS_WINDOW) {
        *ret_code = error_say(ret_error, E_BUSY, "put_chunk", "在途超过 %d 块",
                              "more than %d on their way", UPLOADS_WINDOW);
        return false;
    }
    struct disk_task *task = task_new(DISK_PUT, job, upload->root);
    task->number = put->number;
    task->data = bytes_of(put->data.data, put->data.len);
    task->job = job;
    memcpy(task->leaf, upload->leaves.data + (size_t)put->number * MERKLE_HASH_LEN, 32);
    if (!offer(engine, job, task)) return false;
    upload->busy++;
    session->put_count++;
    return true;
}

/* All chunks are there: their names on the disk, too, before anybody hears of it. */
static void seal(struct engine *engine, const struct disk_task *put, struct upload *upload)
{
    struct disk_task *task = task_new(DISK_SEAL, NULL, upload->root);
    task->peer = put->peer;
    task->serial = put->serial;
    task->number = put->number;
    /* The put whose answer this is has just left its place. */
    CHECK(disk_offer(engine->parts.disk, task));
    upload->state = UPLOAD_SEALING;
    upload->busy++;
}

static void stored(struct engine *engine, struct disk_task *task, struct upload *upload)
{
    struct session *session = session_by_peer(engine, task->serial, &task->peer);
    if (session && session->put_count) session->put_count--;
    if (task->code) {
        refuse(engine, task->job, task->code, &task->error);
        return;
    }
    counters_add(&engine->parts.counters->chunks_in, 1);
    if (uploads_stored(upload, task->number, clock_now_ms()))
        seal(engine, task, upload);
    else
        reply_stored(engine, &task->peer, upload->root, task->number, is_complete(upload));
}

static void sealed(struct engine *engine, const struct disk_task *task, struct upload *upload)
{
    if (task->code) {
        /* After a failed sync the disk's word of these chunks is worth nothing: all anew. */
        log_failure(LOG_LEVEL_ERROR, "upload_failed", task->code, &task->error);
        refuse_task(engine, task, "put_chunk", task->code);
        upload->state = UPLOAD_OPEN;
        memset(upload->present, 0, sizeof upload->present);
        upload->present_count = 0;
        return;
    }
    upload->state = UPLOAD_COMPLETE;
    reply_stored(engine, &task->peer, upload->root, task->number, true);
}

/* ---- accepted -----------------------------------------------------------------------------------
 */

uint32_t attach_durable(struct engine *engine, const struct envelope *envelope)
{
    uint32_t durable = 0;
    for (size_t i = 0; i < envelope->contents->n_attachments; i++) {
        const Leadbus__Attachment *one = envelope->contents->attachments[i];
        const struct upload *upload = uploads_find(engine->parts.uploads, one->root.data);
        bool whole = upload ? upload->stream_len == one->size && is_complete(upload) &&
                                  strcmp(upload->unit, envelope->head->from) == 0
                            : disk_whole(engine->parts.chunks, one->root.data, one->size);
        if (whole) durable |= 1u << i;
    }
    return durable;
}

void attach_accepted(struct engine *engine, const struct envelope *envelope, uint64_t index)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < envelope->contents->n_attachments; i++)
        bytes += envelope->contents->attachments[i]->size;
    if (bytes)
        uploads_accepted(engine->parts.uploads, envelope->head->from, bytes,
                         core_time_ms(engine->core));
    for (size_t i = 0; i < envelope->contents->n_attachments; i++) {
        struct upload *upload =
            uploads_find(engine->parts.uploads, envelope->contents->attachments[i]->root.data);
        if (!upload || upload->state == UPLOAD_ACCEPTED) continue;
        upload->state = UPLOAD_ACCEPTED;
        upload->accepted_index = index;
    }
}

void attach_tidy(struct engine *engine)
{
    size_t begun = 0;
    for (struct upload *one = uploads_next(engine->parts.uploads, NULL); one && begun < SWEEP_BURST;
         one = uploads_next(engine->parts.uploads, one)) {
        if (one->state != UPLOAD_ACCEPTED || one->busy ||
            one->accepted_index >= tree_size(engine->tree))
            continue;
        struct disk_task *task = task_new(DISK_SETTLE, NULL, one->root);
        if (!disk_offer(engine->parts.disk, task)) {
            disk_task_free(task);
            return;
        }
        one->busy++;
        begun++;
    }
    struct upload *upload;
    while (begun++ < SWEEP_BURST &&
           (upload = uploads_expired(engine->parts.uploads, clock_now_ms())) != NULL) {
        struct disk_task *task = task_new(DISK_ERASE, NULL, upload->root);
        if (!disk_offer(engine->parts.disk, task)) {
            disk_task_free(task);
            upload->state = UPLOAD_OPEN; /* next time */
            return;
        }
        upload->busy++;
    }
}

/* ---- out ----------------------------------------------------------------------------------------
 */

/* May this unit have it? By the header alone: who may open the section that it goes with. */
static int find_readable(struct engine *engine, const struct session *session, uint64_t index,
                         ProtobufCBinaryData root, const Leadbus__Attachment **ret,
                         struct error *ret_error)
{
    const struct lead *lead = NULL;
    const Leadbus__Attachment *found = NULL;
    int code = E_NOT_FOUND;
    if (index < tree_size(engine->tree)) code = lead_cache_get(engine->leads, index, &lead, NULL);
    int at = code ? -1 : envelope_recipient_find(&lead->envelope, session->unit);
    uint32_t readable = code ? 0 : core_readable(engine->core, session->unit, index);
    if (at >= 0) readable |= lead->envelope.head->recipients[at]->sections;
    /* Who was not written to is told no more than who invents a number. */
    if (at < 0 && readable == 0)
        return error_say(ret_error, E_NOT_FOUND, "index", "没有发给本单位的这条消息",
                         "no such message to this unit");
    const Leadbus__Manifest *manifest = lead->envelope.contents;
    for (size_t i = 0; i < manifest->n_attachments; i++)
        if (memcmp(manifest->attachments[i]->root.data, root.data, 32) == 0)
            found = manifest->attachments[i];
    if (!found)
        return error_say(ret_error, E_NOT_FOUND, "root", "不属于此消息", "not of this message");
    if (!(readable >> found->section & 1))
        return error_say(ret_error, E_NOT_A_RECIPIENT, "root", "属于 %s 无权打开的部分",
                         "of a section that %s may not open", session->unit);
    *ret = found;
    return 0;
}

static int fetch(struct engine *engine, struct session *session, struct job *job,
                 struct error *ret_error)
{
    const Leadbus__Frame *frame = job->frame;
    bool chunk = frame->body_case == LEADBUS__FRAME__BODY_GET_CHUNK;
    uint64_t index = chunk ? frame->get_chunk->index : frame->get_leaves->index;
    ProtobufCBinaryData root = chunk ? frame->get_chunk->root : frame->get_leaves->root;
    const Leadbus__Attachment *attachment;
    int code = find_readable(engine, session, index, root, &attachment, ret_error);
    if (code) return code;
    if (chunk && frame->get_chunk->number >= attachment->chunks)
        return error_say(ret_error, E_NOT_FOUND, "get_chunk.number", "%u，共 %llu 块", "%u of %llu",
                         frame->get_chunk->number, (unsigned long long)attachment->chunks);
    if (session->read_count >= UPLOADS_WINDOW)
        return error_say(ret_error, E_BUSY, "get_chunk", "同时请求超过 %d 块",
                         "more than %d asked for", UPLOADS_WINDOW);
    struct disk_task *task = task_new(chunk ? DISK_CHUNK : DISK_LEAVES, job, root.data);
    task->index = index;
    task->stream_len = attachment->size;
    if (chunk) task->number = frame->get_chunk->number;
    if (offer(engine, job, task)) session->read_count++;
    return 0;
}

static void fetched(struct engine *engine, struct disk_task *task)
{
    struct session *session = session_by_peer(engine, task->serial, &task->peer);
    if (!session) return; /* it will ask again */
    if (session->read_count) session->read_count--;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    Leadbus__Leaves leaves = LEADBUS__LEAVES__INIT;
    Leadbus__Chunk chunk = LEADBUS__CHUNK__INIT;
    ProtobufCBinaryData root = data_of(task->root, 32),
                        out = data_of(task->out.data, task->out.len);
    if (task->code) {
        refuse_task(engine, task, task->what == DISK_CHUNK ? "get_chunk" : "get_leaves",
                    task->code);
        return;
    }
    if (task->what == DISK_LEAVES) {
        leaves.index = task->index;
        leaves.root = root;
        leaves.leaves = out;
        frame.body_case = LEADBUS__FRAME__BODY_LEAVES;
        frame.leaves = &leaves;
    } else {
        chunk.index = task->index;
        chunk.root = root;
        chunk.number = task->number;
        chunk.data = out;
        frame.body_case = LEADBUS__FRAME__BODY_CHUNK;
        frame.chunk = &chunk;
        counters_add(&engine->parts.counters->chunks_out, 1);
    }
    reply_frame(engine, &task->peer, &frame);
}

/* ---- both ---------------------------------------------------------------------------------------
 */

bool attach_handle(struct engine *engine, struct session *session, struct job *job, bool *ret_kept)
{
    struct error error = {0};
    int code;
    switch (job->frame->body_case) {
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD: code = open_upload(engine, session, job, &error); break;
    case LEADBUS__FRAME__BODY_PUT_CHUNK:
        *ret_kept = put_chunk(engine, session, job, &code, &error);
        break;
    case LEADBUS__FRAME__BODY_GET_LEAVES:
    case LEADBUS__FRAME__BODY_GET_CHUNK: code = fetch(engine, session, job, &error); break;
    default: return false;
    }
    uint32_t wait_ms = retry_ms(code);
    if (code == E_QUOTA && job->frame->body_case == LEADBUS__FRAME__BODY_OPEN_UPLOAD)
        wait_ms = uploads_wait_ms(engine->parts.uploads, session->unit,
                                  job->frame->open_upload->size, clock_now_ms());
    if (code) refuse_for(engine, job, code, &error, wait_ms);
    return true;
}

static void collect_upload(struct engine *engine, struct disk_task *task)
{
    struct upload *upload = uploads_find(engine->parts.uploads, task->root);
    CHECK(upload != NULL && upload->busy > 0);
    upload->busy--;
    switch (task->what) {
    case DISK_OPEN: opened(engine, task, upload); return;
    case DISK_PUT: stored(engine, task, upload); return;
    case DISK_SEAL: sealed(engine, task, upload); return;
    case DISK_ERASE: counters_add(&engine->parts.counters->uploads_erased, 1); break;
    case DISK_SETTLE:
    case DISK_LEAVES:
    case DISK_CHUNK: break;
    }
    /* A mark that stayed is looked at when the broker starts. */
    if (task->code) log_failure(LOG_LEVEL_ERROR, "upload_failed", task->code, &task->error);
    uploads_remove(engine->parts.uploads, upload);
}

void attach_collect(struct engine *engine)
{
    disk_clear(engine->parts.disk);
    for (struct disk_task *task; (task = disk_take(engine->parts.disk)) != NULL;) {
        if (task->what == DISK_LEAVES || task->what == DISK_CHUNK)
            fetched(engine, task);
        else
            collect_upload(engine, task);
        disk_task_free(task);
    }
}
