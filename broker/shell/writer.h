/* writer: makes groups of records durable: tree hashes, the signed checkpoint, one transaction.
 *
 * One group is with the writer at a time; the core fills the next one meanwhile. After any failure
 * of the store the process ends at once with EX_IOERR and releases nothing: what was not durable
 * has never been told to anybody. */
#ifndef BROKER_SHELL_WRITER_H
#define BROKER_SHELL_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "broker/shell/job.h"
#include "broker/store/store.h"
#include "proto/merkle.h"

enum { GROUP_RECORD_COUNT_MAX = 512, GROUP_BYTES_MAX = 16 * 1024 * 1024 };

struct group_record {
    struct buf bytes;
    struct buf hashes; /* filled by the writer */
    const struct bytes *blobs;
    size_t blob_count;
    struct bytes
        *own_blobs;  /* the array behind blobs where it is ours; its contents are borrowed */
    struct job *job; /* whose frame it was; NULL for the broker's own records */
    uint64_t time_ms;
    uint32_t accepted_flags;
};

struct group {
    uint64_t first; /* index of records[0] */
    size_t count;
    size_t bytes;
    struct group_record records[GROUP_RECORD_COUNT_MAX];
    struct core_effects effects; /* of all of them, in order */
    struct buf checkpoint;       /* filled by the writer */
};

static inline bool group_full(const struct group *group)
{
    return group->count == GROUP_RECORD_COUNT_MAX || group->bytes >= GROUP_BYTES_MAX;
}
/* For the next use: frees what the records hold. */
void group_reset(struct group *group);
void group_free(struct group *group);

struct writer;

/* The store's handle and the frontier of what it holds go over to the writer, which closes the
 * handle in writer_free. log_secret is borrowed. E_NO_MEMORY. */
int writer_new(struct store *take_store, const struct merkle_frontier *frontier, const char *origin,
               const uint8_t log_secret[static 64], struct writer **ret_writer,
               struct error *ret_error) MUST_USE;
void writer_free(struct writer *writer);
/* The origin of an empty journal is known once its first record is made. */
void writer_set_origin(struct writer *writer, const char *origin);

/* On the caller's thread, while the writer has no group: durable on 0. Errors of the store: end the
 * process. */
int writer_commit(struct writer *writer, struct group *group, struct error *ret_error) MUST_USE;

/* As store_wal_bytes, from any thread, as of the last group or idle moment. */
uint64_t writer_wal_bytes(const struct writer *writer);

/* Starts the thread that takes groups and moves the WAL in idle moments. */
int writer_start(struct writer *writer, struct error *ret_error) MUST_USE;
/* The group is the writer's until writer_take gives it back. CHECKs that the writer has none. */
void writer_give(struct writer *writer, struct group *group);
/* The group given, durable now; NULL: not yet, or none was given. */
struct group *writer_take(struct writer *writer);
/* As writer_give and writer_take in one, without the thread: durable when it returns. A group that
 * is alone is there sooner this way. */
void writer_write(struct writer *writer, struct group *group);
/* Polls readable when a group is durable. */
int writer_fd(const struct writer *writer);
void writer_clear(struct writer *writer);

#endif
