#include "broker/shell/reading.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/arena.h"
#include "proto/base/check.h"
#include "proto/host/queue.h"

enum { BATCH_COUNT = 4, BATCH_RECORD_COUNT = 32, BATCH_BYTES = 64 * 1024 };

struct batch {
    struct buf bytes;
    struct arena arena;
    size_t count;
    size_t starts[BATCH_RECORD_COUNT + 1]; /* in bytes */
    struct reading_record records[BATCH_RECORD_COUNT];
};

struct reading {
    struct store *store;
    uint64_t from;
    struct batch batches[BATCH_COUNT];
    struct queue empty, filled;
    struct batch *batch; /* being filled */
    int code;            /* of the walk, when filled is closed */
    struct error error;
};

/* Decoded once the batch is whole, as its bytes may move until then. */
static void decode(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct reading_record *record = &batch->records[i];
        size_t start = batch->starts[i];
        record->bytes = bytes_of(batch->bytes.data + start, batch->starts[i + 1] - start);
        if (core_decode(record->bytes, &batch->arena, &record->decoded, NULL))
            record->decoded.record = NULL;
    }
}

/* False: nobody folds any more. */
static bool hand_over(struct reading *reading)
{
    decode(reading->batch);
    if (!queue_push(&reading->filled, reading->batch)) return false;
    reading->batch = (struct batch *)queue_pop(&reading->empty);
    return reading->batch != NULL;
}

static int take(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes)
{
    struct reading *reading = ctx;
    (void)hashes;
    struct batch *batch = reading->batch;
    if (batch->count == BATCH_RECORD_COUNT ||
        (batch->count && batch->bytes.len + bytes.len > BATCH_BYTES)) {
        if (!hand_over(reading)) return -1; /* ends the walk; nobody asks for its result */
        batch = reading->batch;
    }
    batch->starts[batch->count] = batch->bytes.len;
    batch->records[batch->count++].index = index;
    buf_append_bytes(&batch->bytes, bytes);
    batch->starts[batch->count] = batch->bytes.len;
    return 0;
}

static void *run(void *ctx)
{
    struct reading *reading = ctx;
    reading->batch = (struct batch *)queue_pop(&reading->empty);
    reading->code = store_walk(reading->store, reading->from, take, reading, &reading->error);
    if (!reading->code && reading->batch->count) (void)hand_over(reading);
    queue_close(&reading->filled);
    return NULL;
}

static int fold(struct reading *reading, int (*each)(void *, const struct reading_record *),
                void *ctx)
{
    struct batch *batch;
    int code = 0;
    while (!code && (batch = (struct batch *)queue_pop(&reading->filled))) {
        for (size_t i = 0; !code && i < batch->count; i++) code = each(ctx, &batch->records[i]);
        batch->count = 0;
        buf_reset(&batch->bytes);
        arena_reset(&batch->arena);
        if (!code) CHECK(queue_push(&reading->empty, batch));
    }
    return code;
}

int reading_walk(struct store *store, uint64_t from,
                 int (*each)(void *ctx, const struct reading_record *record), void *ctx,
                 struct error *ret_error)
{
    pthread_t thread;
    struct reading *reading = (struct reading *)calloc(1, sizeof *reading);
    if (!reading) return error_set(ret_error, E_NO_MEMORY, NULL, "reading");
    reading->store = store;
    reading->from = from;
    int code = queue_init(&reading->empty, BATCH_COUNT, false, ret_error);
    if (!code) code = queue_init(&reading->filled, BATCH_COUNT, false, ret_error);
    for (size_t i = 0; !code && i < BATCH_COUNT; i++) {
        arena_init(&reading->batches[i].arena,
                   (size_t)LIMIT_RECORD_BYTES_MAX * 16 + (size_t)BATCH_BYTES * 16);
        CHECK(queue_push(&reading->empty, &reading->batches[i]));
    }
    if (!code && pthread_create(&thread, NULL, run, reading))
        code = error_set(ret_error, E_NO_MEMORY, NULL, "thread that reads");
    if (!code) {
        code = fold(reading, each, ctx);
        queue_close(&reading->empty);
        queue_close(&reading->filled);
        pthread_join(thread, NULL);
        if (!code && reading->code) {
            code = reading->code;
            if (ret_error) *ret_error = reading->error;
        }
    }
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        buf_fini(&reading->batches[i].bytes);
        arena_fini(&reading->batches[i].arena);
    }
    queue_fini(&reading->empty);
    queue_fini(&reading->filled);
    free(reading);
    return code;
}
