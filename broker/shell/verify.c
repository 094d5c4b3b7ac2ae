#include "broker/shell/verify.h"

#include <pthread.h>
#include <unistd.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/host/queue.h"
#include "proto/record.h"
#include "proto/suite.h"

enum { ARENA_FRAMES = 4 };

struct verify {
    struct queue input;
    struct directory_box *directories;
    int room_bell;
    int done_bell;
    pthread_mutex_t mutex;
    struct job *done[VERIFY_JOB_COUNT_MAX]; /* by sequence */
    uint64_t next_in, next_out;
    size_t bytes;
    bool refused; /* an offer was, since there was room */
    size_t thread_count;
    pthread_t threads[VERIFY_THREAD_MAX];
};

static const struct directory_entry *identity_of(const struct directory *directory, uint64_t serial)
{
    return directory ? directory_by_serial(directory, serial) : NULL;
}

static int check_submit(const struct directory *directory, struct job *job)
{
    const Leadbus__Submit *submit = job->frame->submit;
    if (!submit->envelope)
        return error_say(&job->error, E_MISSING_FIELD, "submit.envelope", "没有信封",
                         "no envelope");
    struct envelope *envelope = (struct envelope *)arena_alloc(&job->arena, sizeof *envelope);
    if (!envelope) return error_set(&job->error, E_TOO_LARGE, "submit.envelope", "arena");
    envelope_header_hash(bytes_of(submit->envelope->header.data, submit->envelope->header.len),
                         job->header_hash);
    job->has_hash = true;
    int code = envelope_from_message(submit->envelope, &job->arena, envelope, &job->error);
    if (code) return code;
    job->envelope = envelope;
    code = envelope_check_ciphertexts(envelope, true, &job->error);
    if (code) return code;
    const struct directory_entry *entry = identity_of(directory, envelope->head->serial);
    if (!entry) return 0; /* the core says what it thinks of an unknown serial */
    code = envelope_verify(envelope, entry->identity);
    if (code)
        return error_say(&job->error, code, "signature", "证书 %llu 的签名", "of serial %llu",
                         (unsigned long long)envelope->head->serial);
    memcpy(job->checked_key, entry->identity, sizeof job->checked_key);
    job->signature_checked = true;
    return 0;
}

/* What is signed by the identity of the connection's own certificate. */
static int check_signed(const struct directory *directory, struct job *job, const char *label,
                        ProtobufCBinaryData body, ProtobufCBinaryData signature)
{
    const struct directory_entry *entry = identity_of(directory, job->serial);
    if (!entry) return 0;
    int code = signed_body_verify(label, bytes_of(body.data, body.len),
                                  bytes_of(signature.data, signature.len), entry->identity);
    if (code) return error_say(&job->error, code, "signature", "与所签内容不符（%s）", "%s", label);
    memcpy(job->checked_key, entry->identity, sizeof job->checked_key);
    job->signature_checked = true;
    return 0;
}

static int check_rewrap(const struct directory *directory, struct job *job)
{
    const Leadbus__SubmitRewrap *submit = job->frame->submit_rewrap;
    int code = envelope_rewrap_decode(bytes_of(submit->body.data, submit->body.len), &job->arena,
                                      &job->rewrap, &job->error);
    if (code) {
        job->rewrap = NULL;
        return code;
    }
    return check_signed(directory, job, SIGNED_REWRAP, submit->body, submit->signature);
}

static int check_root(struct job *job, const char *field, ProtobufCBinaryData root)
{
    if (root.len == SUITE_HASH_LEN) return 0;
    return error_say(&job->error, E_BAD_VALUE, field, "%zu 字节，应为 32 字节", "%zu bytes, not 32",
                     root.len);
}

static int check_open_upload(struct job *job)
{
    const Leadbus__OpenUpload *open = job->frame->open_upload;
    int code = check_root(job, "open_upload.root", open->root);
    if (code) return code;
    return attachment_leaves_check(bytes_of(open->leaves.data, open->leaves.len), open->size,
                                   open->root.data, &job->error);
}

static int check_number(struct job *job, const char *field, uint32_t number)
{
    if (number < LIMIT_CHUNK_COUNT_MAX) return 0;
    return error_set(&job->error, E_BAD_VALUE, field, "%u", number);
}

static int check_put_chunk(struct job *job)
{
    const Leadbus__PutChunk *put = job->frame->put_chunk;
    int code = check_root(job, "put_chunk.root", put->root);
    if (!code) code = check_number(job, "put_chunk.number", put->number);
    if (!code && put->data.len > LIMIT_CHUNK_BYTES_MAX)
        code = error_say(&job->error, E_TOO_LARGE, "put_chunk.data", "%zu 字节，最多 %d 字节",
                         "%zu bytes, at most %d", put->data.len, LIMIT_CHUNK_BYTES_MAX);
    return code;
}

static int check_get_chunk(struct job *job)
{
    int code = check_root(job, "get_chunk.root", job->frame->get_chunk->root);
    return code ? code : check_number(job, "get_chunk.number", job->frame->get_chunk->number);
}

static int check(const struct directory *directory, struct job *job)
{
    arena_init(&job->arena, (size_t)LIMIT_FRAME_BYTES_MAX * ARENA_FRAMES);
    int code = frame_decode(buf_bytes(&job->input), &job->arena, &job->frame, &job->error);
    buf_fini(&job->input);
    if (code) {
        job->frame = NULL;
        return code;
    }
    const Leadbus__Frame *frame = job->frame;
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_SUBMIT: return check_submit(directory, job);
    case LEADBUS__FRAME__BODY_HELLO:
        return check_signed(directory, job, SIGNED_HELLO, frame->hello->body,
                            frame->hello->signature);
    case LEADBUS__FRAME__BODY_ACK:
        return check_signed(directory, job, SIGNED_ACK, frame->ack->body, frame->ack->signature);
    case LEADBUS__FRAME__BODY_PUBLISH_KEY:
        return check_signed(directory, job, SIGNED_EPOCH, frame->publish_key->body,
                            frame->publish_key->signature);
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP: return check_rewrap(directory, job);
    case LEADBUS__FRAME__BODY_OPEN_UPLOAD: return check_open_upload(job);
    case LEADBUS__FRAME__BODY_PUT_CHUNK: return check_put_chunk(job);
    case LEADBUS__FRAME__BODY_GET_LEAVES:
        return check_root(job, "get_leaves.root", frame->get_leaves->root);
    case LEADBUS__FRAME__BODY_GET_CHUNK: return check_get_chunk(job);
    default: return 0;
    }
}

static void check_and_pass_on(struct verify *verify, struct job *job)
{
    const struct directory *directory = directory_get(verify->directories);
    job->code = check(directory, job);
    directory_put(directory);
    pthread_mutex_lock(&verify->mutex);
    verify->done[job->sequence % VERIFY_JOB_COUNT_MAX] = job;
    bool is_next = job->sequence == verify->next_out;
    pthread_mutex_unlock(&verify->mutex);
    if (is_next) bell_ring(verify->done_bell);
}

static void *work(void *ctx)
{
    struct verify *verify = ctx;
    for (struct job *job; (job = (struct job *)queue_pop(&verify->input));)
        check_and_pass_on(verify, job);
    return NULL;
}

int verify_start(size_t thread_count, struct directory_box *directories, int room_bell,
                 struct verify **ret_verify, struct error *ret_error)
{
    CHECK(thread_count > 0 && thread_count <= VERIFY_THREAD_MAX);
    struct verify *verify = (struct verify *)calloc(1, sizeof *verify);
    if (!verify) return error_set(ret_error, E_NO_MEMORY, NULL, "verify pool");
    verify->directories = directories;
    verify->room_bell = room_bell;
    verify->done_bell = -1;
    CHECK(pthread_mutex_init(&verify->mutex, NULL) == 0);
    int code = queue_init(&verify->input, VERIFY_JOB_COUNT_MAX, false, ret_error);
    if (!code) code = bell_init(&verify->done_bell, ret_error);
    while (!code && verify->thread_count < thread_count) {
        if (pthread_create(&verify->threads[verify->thread_count], NULL, work, verify))
            code = error_set(ret_error, E_NO_MEMORY, NULL, "thread of the verify pool");
        else
            verify->thread_count++;
    }
    if (code) {
        verify_stop(verify);
        return code;
    }
    *ret_verify = verify;
    return 0;
}

void verify_stop(struct verify *take_verify)
{
    if (!take_verify) return;
    if (take_verify->input.items) queue_close(&take_verify->input);
    for (size_t i = 0; i < take_verify->thread_count; i++)
        pthread_join(take_verify->threads[i], NULL);
    for (size_t i = 0; i < VERIFY_JOB_COUNT_MAX; i++) job_free(take_verify->done[i]);
    queue_fini(&take_verify->input);
    if (take_verify->done_bell >= 0) close(take_verify->done_bell);
    pthread_mutex_destroy(&take_verify->mutex);
    free(take_verify);
}

bool verify_offer(struct verify *verify, struct job *take_job, bool here)
{
    size_t len = take_job->frame_len;
    pthread_mutex_lock(&verify->mutex);
    bool ok = verify->next_in - verify->next_out < VERIFY_JOB_COUNT_MAX &&
              (verify->bytes == 0 || verify->bytes + len <= VERIFY_BYTES_MAX);
    here = here && verify->next_in == verify->next_out;
    if (ok) {
        take_job->sequence = verify->next_in++;
        verify->bytes += len;
    }
    verify->refused = !ok;
    pthread_mutex_unlock(&verify->mutex);
    if (ok && here)
        check_and_pass_on(verify, take_job);
    else if (ok)
        CHECK(queue_push(&verify->input, take_job)); /* as many as may be inside at all */
    return ok;
}

struct job *verify_take(struct verify *verify)
{
    pthread_mutex_lock(&verify->mutex);
    struct job **place = &verify->done[verify->next_out % VERIFY_JOB_COUNT_MAX];
    struct job *job = *place;
    bool ring = false;
    if (job) {
        *place = NULL;
        verify->next_out++;
        verify->bytes -= job->frame_len;
        ring = verify->refused;
        verify->refused = false;
    }
    pthread_mutex_unlock(&verify->mutex);
    if (ring) bell_ring(verify->room_bell);
    return job;
}

int verify_fd(const struct verify *verify)
{
    return verify->done_bell;
}

void verify_clear(struct verify *verify)
{
    bell_clear(verify->done_bell);
}

size_t verify_count(struct verify *verify)
{
    pthread_mutex_lock(&verify->mutex);
    size_t count = (size_t)(verify->next_in - verify->next_out);
    pthread_mutex_unlock(&verify->mutex);
    return count;
}
