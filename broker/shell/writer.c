#include "broker/shell/writer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/host/log.h"
#include "proto/host/queue.h"

enum { IDLE_MS = 200, WAL_AGAIN_BYTES = 262144 };

struct writer {
    struct store *store;
    struct merkle_frontier frontier;
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    const uint8_t *log_secret;
    struct store_record *rows; /* GROUP_RECORD_COUNT_MAX */
    struct queue in, out;
    pthread_mutex_t mutex; /* over the store, the frontier and the next */
    uint64_t commits;
    _Atomic uint64_t wal_bytes;
    bool running;
    pthread_t thread;
};

void group_reset(struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        struct group_record *record = &group->records[i];
        buf_fini(&record->bytes);
        buf_fini(&record->hashes);
        free(record->own_blobs);
        job_free(record->job);
        *record = (struct group_record){0};
    }
    group->count = 0;
    group->bytes = 0;
    group->effects.count = 0;
    buf_reset(&group->checkpoint);
}

void group_free(struct group *group)
{
    if (!group) return;
    group_reset(group);
    core_effects_fini(&group->effects);
    buf_fini(&group->checkpoint);
    free(group);
}

int writer_new(struct store *take_store, const struct merkle_frontier *frontier, const char *origin,
               const uint8_t log_secret[static 64], struct writer **ret_writer,
               struct error *ret_error)
{
    struct writer *writer = (struct writer *)calloc(1, sizeof *writer);
    if (!writer) return error_set(ret_error, E_NO_MEMORY, NULL, "writer");
    CHECK(pthread_mutex_init(&writer->mutex, NULL) == 0);
    writer->frontier = *frontier;
    writer->log_secret = log_secret;
    if (origin) writer_set_origin(writer, origin);
    int code = 0;
    writer->rows = (struct store_record *)calloc(GROUP_RECORD_COUNT_MAX, sizeof *writer->rows);
    if (!writer->rows) code = error_set(ret_error, E_NO_MEMORY, NULL, "writer");
    if (!code) code = queue_init(&writer->in, 1, false, ret_error);
    if (!code) code = queue_init(&writer->out, 1, true, ret_error);
    if (code) {
        writer_free(writer);
        return code;
    }
    writer->store = take_store;
    *ret_writer = writer;
    return 0;
}

void writer_free(struct writer *writer)
{
    if (!writer) return;
    if (writer->running) {
        queue_close(&writer->in);
        pthread_join(writer->thread, NULL);
    }
    queue_fini(&writer->in);
    queue_fini(&writer->out);
    free(writer->rows);
    store_close(writer->store);
    pthread_mutex_destroy(&writer->mutex);
    free(writer);
}

void writer_set_origin(struct writer *writer, const char *origin)
{
    size_t len = strlen(origin);
    CHECK(len < sizeof writer->origin);
    memcpy(writer->origin, origin, len + 1);
}

static int commit(struct writer *writer, struct group *group, struct error *ret_error)
{
    struct merkle_frontier frontier = writer->frontier;
    CHECK(group->first == frontier.size);
    for (size_t i = 0; i < group->count; i++) {
        struct group_record *record = &group->records[i];
        uint8_t leaf[32], nodes[MERKLE_LEVEL_COUNT_MAX][32];
        merkle_leaf_hash(buf_bytes(&record->bytes), leaf);
        size_t node_count = merkle_frontier_append(&frontier, leaf, nodes);
        buf_append(&record->hashes, leaf, sizeof leaf);
        if (node_count) buf_append(&record->hashes, nodes, node_count * 32);
        writer->rows[i] = (struct store_record){.bytes = buf_bytes(&record->bytes),
                                                .hashes = buf_bytes(&record->hashes),
                                                .blobs = record->blobs,
                                                .blob_count = record->blob_count};
    }
    struct checkpoint head = {.size = frontier.size};
    memcpy(head.origin, writer->origin, sizeof head.origin);
    merkle_frontier_root(&frontier, head.root);
    int code = checkpoint_sign(&head, writer->log_secret, &group->checkpoint, ret_error);
    if (!code)
        code = store_append(writer->store, group->first, writer->rows, group->count,
                            buf_bytes(&group->checkpoint), ret_error);
    if (!code) writer->frontier = frontier;
    return code;
}

int writer_commit(struct writer *writer, struct group *group, struct error *ret_error)
{
    pthread_mutex_lock(&writer->mutex);
    int code = commit(writer, group, ret_error);
    writer->commits++;
    writer->wal_bytes = store_wal_bytes(writer->store);
    pthread_mutex_unlock(&writer->mutex);
    return code;
}

/* The state may be ahead of the disk by now, and nothing that was not durable has been told. */
static void commit_or_exit(struct writer *writer, struct group *group)
{
    struct error error = {0};
    int code = writer_commit(writer, group, &error);
    if (!code) return;
    log_failure(LOG_LEVEL_ERROR, "journal_failed", code, &error);
    _exit(EX_IOERR);
}

/* Moves the WAL when nothing was written since the last look; again, while a reader holds it up. */
static void look_idle(struct writer *writer, uint64_t *seen, bool *due)
{
    struct error error = {0};
    pthread_mutex_lock(&writer->mutex);
    int code = 0;
    if (*seen != writer->commits)
        *due = true;
    else if (*due) {
        code = store_idle(writer->store, &error);
        writer->wal_bytes = store_wal_bytes(writer->store);
        *due = writer->wal_bytes >= WAL_AGAIN_BYTES;
    }
    *seen = writer->commits;
    pthread_mutex_unlock(&writer->mutex);
    if (!code) return;
    log_failure(LOG_LEVEL_ERROR, "journal_failed", code, &error);
    _exit(EX_IOERR);
}

static void *run(void *ctx)
{
    struct writer *writer = ctx;
    uint64_t seen = 0;
    bool due = false;
    for (;;) {
        bool timed_out = false;
        struct group *group = (struct group *)queue_pop_within(&writer->in, IDLE_MS, &timed_out);
        if (group) {
            commit_or_exit(writer, group);
            CHECK(queue_push(&writer->out, group));
        } else if (timed_out) {
            look_idle(writer, &seen, &due);
        } else {
            return NULL;
        }
    }
}

uint64_t writer_wal_bytes(const struct writer *writer)
{
    return writer->wal_bytes;
}

int writer_start(struct writer *writer, struct error *ret_error)
{
    if (pthread_create(&writer->thread, NULL, run, writer))
        return error_set(ret_error, E_NO_MEMORY, NULL, "thread of the writer");
    writer->running = true;
    return 0;
}

void writer_give(struct writer *writer, struct group *group)
{
    CHECK(queue_try_push(&writer->in, group));
}

void writer_write(struct writer *writer, struct group *group)
{
    commit_or_exit(writer, group);
}

struct group *writer_take(struct writer *writer)
{
    return (struct group *)queue_try_pop(&writer->out);
}

int writer_fd(const struct writer *writer)
{
    return queue_event_fd(&writer->out);
}

void writer_clear(struct writer *writer)
{
    queue_event_clear(&writer->out);
}
