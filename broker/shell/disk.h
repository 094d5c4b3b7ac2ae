/* disk: the thread that touches attachments on the disk, so that no other waits for it.
 *
 * Tasks go in order. What an upload's life is on the disk: a mark (`<folder>/pending/<root>`, whose
 * it is and since when) before its folder, its folder and leaves before a chunk, its folder synced
 * before it is called complete, its mark removed once an envelope that names it is in the journal,
 * mark and folder removed when it is given up. So after any crash a folder without a mark belongs
 * to the journal, and a mark says what is left to do (disk_scan).
 *
 * Bounds: DISK_TASK_COUNT_MAX tasks inside, of which DISK_PUT_COUNT_MAX hold a chunk. A chunk read
 * is checked against its leaf: what the disk changed is not passed on. */
#ifndef BROKER_SHELL_DISK_H
#define BROKER_SHELL_DISK_H

#include "broker/shell/job.h"
#include "proto/base/limits.h"
#include "proto/host/chunks.h"

#define DISK_RESERVE_BYTES_MAX ((uint64_t)1 << 30)
enum { DISK_TASK_COUNT_MAX = 128, DISK_PUT_COUNT_MAX = 16, DISK_READ_COUNT_MAX = 16 };

enum disk_what {
    DISK_OPEN,   /* marks and makes it; where it is there without a mark: says what is left of it */
    DISK_PUT,    /* checks the chunk against its leaf and stores it */
    DISK_SEAL,   /* makes the folder durable */
    DISK_SETTLE, /* removes the mark */
    DISK_ERASE,  /* removes folder, then mark */
    DISK_LEAVES, /* reads the leaves */
    DISK_CHUNK,  /* reads a chunk and checks it against its leaf */
};

struct disk_task {
    enum disk_what what;
    struct peer peer; /* who asked */
    uint64_t serial;
    uint8_t root[32];
    uint64_t stream_len;
    uint64_t index;  /* of the envelope (LEAVES, CHUNK), or the journal's size (OPEN) */
    uint32_t number; /* of the chunk */
    char unit[LIMIT_SLUG_LEN_MAX + 1];
    struct buf leaves; /* OPEN */
    uint8_t leaf[32];  /* PUT */
    struct job *job;   /* PUT: the frame that holds `data` */
    struct bytes data;
    /* outcome */
    int code; /* of OPEN: E_DUPLICATE: it is there without a mark */
    struct error error;
    uint8_t present[CHUNKS_PRESENT_LEN]; /* OPEN */
    uint32_t present_count;
    struct buf out; /* LEAVES, CHUNK */
};
void disk_task_free(struct disk_task *task);

struct disk;

/* The folder is made when it is needed. E_NO_MEMORY; E_BAD_VALUE: its path is too long. */
int disk_start(const char *folder, struct disk **ret_disk, struct error *ret_error) MUST_USE;
/* Finishes what is inside. NULL accepted. */
void disk_stop(struct disk *take_disk);

/* From one thread. False: at a bound; the task stays the caller's. */
bool disk_offer(struct disk *disk, struct disk_task *take_task) MUST_USE;
/* From one thread: the next that is done, or NULL. The caller frees. */
struct disk_task *disk_take(struct disk *disk);
int disk_fd(const struct disk *disk); /* readable when one may be done; clear, then take */
void disk_clear(struct disk *disk);
/* Tasks inside. */
size_t disk_count(const struct disk *disk);

/* Is every chunk of an attachment there that no mark speaks of? For envelopes that name one again.
 */
bool disk_whole(const char *folder, const uint8_t root[32], uint64_t stream_len);

/* At start, on the caller's thread: every mark with what is there behind it. Marks without a folder
 * and what a crash left half done are removed. */
struct disk_found {
    const uint8_t *root;
    const char *unit;
    uint64_t size; /* the journal's, when it was begun */
    uint64_t stream_len;
    struct bytes leaves;
    const uint8_t *present;
    uint32_t present_count;
};
int disk_scan(const char *folder,
              int (*each)(void *ctx, const struct disk_found *found, struct error *ret_error),
              void *ctx, struct error *ret_error) MUST_USE;
/* The same as DISK_SETTLE, at start. */
int disk_settle(const char *folder, const uint8_t root[32], struct error *ret_error) MUST_USE;

#endif
