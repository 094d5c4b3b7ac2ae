/* engine_inner: what the files of the engine share. Not for anyone else. All of it belongs to the
 * engine's thread. */
#ifndef BROKER_SHELL_ENGINE_INNER_H
#define BROKER_SHELL_ENGINE_INNER_H

#include <pthread.h>
#include <stdatomic.h>

#include "broker/shell/engine.h"
#include "broker/shell/lead.h"
#include "broker/shell/tree.h"
#include "proto/base/limits.h"

enum {
    HELD_COUNT_MAX = 4096,              /* answers that wait for durability */
    PUMP_BURST = 64,                    /* deliveries to one unit before another has its turn */
    FLIGHT_BYTES_MAX = 8 * 1024 * 1024, /* unacknowledged bytes on the way in one lane */
    REFUSAL_LOG_PER_MINUTE = 10,        /* of one code; the rest are counted */
    /* Bundles and keys that a unit may be sent in a while, over all its connections: one that asks
     * and does not read fills so much memory and no more before its silence ends it. */
    BULK_BYTES_MAX = 16 * 1024 * 1024,
    BULK_WINDOW_MS = 10000,
};

struct lane {
    uint64_t acked, sent; /* positions */
    uint8_t running[32];  /* at `sent` */
    uint32_t window;
    uint32_t *sizes; /* LIMIT_CREDIT_MAX, frame bytes by position: what is in flight */
    size_t flight_bytes;
};

struct session {
    uint64_t serial;
    char unit[LIMIT_SLUG_LEN_MAX + 1];
    struct peer peer;
    uint8_t instance[16];
    uint64_t since_ms, heard_ms;
    uint64_t takeover_ms; /* since when takeovers are counted */
    uint32_t takeover_count;
    uint64_t bulk_since_ms;
    size_t bulk_bytes;
    uint64_t seen_size; /* the newest head named by its envelopes that was found in this journal */
    uint8_t seen_root[32];
    bool wants_pump;
    uint32_t put_count, read_count; /* of its chunks, at the disk */
    uint64_t welcome_size; /* its Welcome read state up to here: nothing is delivered before */
    struct lane lanes[ENVELOPE_LANE_COUNT];
};

/* An answer that read state up to read_index. */
struct held {
    struct held *next;
    uint64_t read_index;
    struct peer peer;
    struct buf frame;   /* ready, or empty: */
    uint64_t duplicate; /* the receipt of this record is to be made */
};

struct engine {
    struct engine_parts parts;
    struct core *core;
    struct tree *tree;
    struct lead_cache *leads;
    struct session **sessions;
    size_t session_count;
    struct group *open,
        *spare;            /* the one being filled; one to fill next, when the writer has none */
    struct group *written; /* with the writer */
    struct held *held_first, *held_last;
    size_t held_count;
    uint64_t last_tick_index;   /* plus one; 0 = none */
    uint64_t last_bundle_index; /* plus one */
    uint64_t keys_index;        /* of the newest durable epoch key */
    bool ticks_stopped;
    bool wal_large;
    uint64_t wal_said_ms;
    uint64_t status_at_ms, minute_at_ms, validity_at_ms;
    uint32_t logged[COUNTERS_CODE_MAX]; /* refusals of a code logged in this minute */
    int control_bell;
    pthread_t thread;
    pthread_mutex_t mutex; /* over the next four */
    struct buf offered_bundle, offered_path;
    struct buf status;
    bool stopping;
    atomic_uint_fast64_t rounds;
};

/* engine_reply.c: frames out. The peer is told; nothing is kept. */
void reply_frame(struct engine *engine, const struct peer *peer, Leadbus__Frame *frame);
void reply_encode(Leadbus__Frame *frame, struct buf *ret_bytes);
void reply_refusal_encode(const struct job *job, const struct core_verdict *verdict,
                          struct buf *ret_bytes);
/* Counts, logs a sample, tells the peer at once. */
void reply_refuse(struct engine *engine, const struct job *job, int code,
                  const struct error *error);
void reply_note_refusal(struct engine *engine, const struct job *job, int code,
                        const struct error *error);
/* Counts and logs a sample, where the job that asked is gone. */
void reply_note_task(struct engine *engine, uint64_t serial, const char *request, int code,
                     const struct error *error);
/* What another machine may read of it: nothing of our own paths and disks. */
void reply_public(int code, struct error *error);
/* The receipt of a durable lead. */
void reply_receipt(struct engine *engine, const struct peer *peer, const struct lead *lead,
                   bool duplicate);
void reply_acked(struct engine *engine, const struct peer *peer, unsigned lane, uint64_t position);
/* Sends the frame when the journal is durable up to read_size, at once if it is. */
void reply_when_durable(struct engine *engine, const struct peer *peer, uint64_t read_size,
                        struct buf *take_frame);
/* The receipt of a record, marked duplicate, when it is durable. */
void reply_duplicate(struct engine *engine, const struct peer *peer, uint64_t index);
/* What was waiting for what is durable now. */
void reply_release(struct engine *engine);
/* The bundle in force as far as the journal is durable. */
const struct trust_bundle *reply_bundle(const struct engine *engine);
/* Fills pointers for a repeated bytes field from a proof; `ret_hashes` has room. */
size_t reply_proof(struct merkle_proof *proof,
                   ProtobufCBinaryData ret_hashes[LIMIT_PROOF_HASH_COUNT_MAX]);

/* engine_restored.c: how the journal came from an earlier origin to the one it has. */
struct restorations;
/* False: it never had that origin. *ret_first: which restoration of core_former_at is the first
 * that an agent with that origin has not seen; all of them where it is "". */
bool restored_since(const struct engine *engine, const char *origin, size_t *ret_first);
/* From that one on into the welcome, which borrows them until restored_free. The store's errors. */
int restored_fill(struct engine *engine, size_t first, Leadbus__Welcome *welcome,
                  struct restorations **ret, struct error *ret_error) MUST_USE;
void restored_free(struct restorations *all); /* NULL accepted */

/* engine_session.c */
struct session *session_by_peer(struct engine *engine, uint64_t serial, const struct peer *peer);
struct session *session_by_unit(struct engine *engine, const char *unit);
/* E_*: the HELLO is refused. */
int session_hello(struct engine *engine, const struct job *job, struct error *ret_error) MUST_USE;
void session_gone(struct engine *engine, const struct peer *peer);
void session_close(struct engine *engine, struct session *session, const char *reason);
void session_acked(struct engine *engine, struct session *session, unsigned lane);
void session_credit(struct engine *engine, struct session *session, uint32_t lane, uint32_t window);
/* E_BUSY: the session has had its share of large answers for now. */
int session_take_bulk(struct session *session, size_t bytes, struct error *ret_error) MUST_USE;

/* engine_thread.c: the records of a thread, for the joint-conference office. */
void thread_answer(struct engine *engine, struct session *session, const struct job *job);

/* engine_deliver.c: sends what credit allows. True: there is more to send now. */
bool deliver_pump(struct engine *engine, struct session *session);
/* Sends acknowledged entries of the session's own lane again, at most count behind a position. What
 * was sent before an error has been sent. E_NOT_FOUND, E_BUSY (too much in too short a time). */
int deliver_again(struct engine *engine, struct session *session, unsigned lane, uint64_t after,
                  size_t count, struct error *ret_error) MUST_USE;

/* engine_request.c: one verified frame. */
void request_handle(struct engine *engine, struct job *take_job);
/* Admits and folds a request into the open group; take_job and take_bundle may be NULL. 0, or the
 * verdict's code. On 0 the job belongs to the group, otherwise to the caller. */
int request_admit(struct engine *engine, const struct core_request *request, struct job *job,
                  struct trust_bundle *bundle, struct core_verdict *ret_verdict);
void request_bundle(struct engine *engine, struct bytes bundle, const char *path);

/* engine_attach.c: attachments on their way in and out. */
bool attach_handle(struct engine *engine, struct session *session, struct job *job, bool *ret_kept);
/* For core: bit i where every chunk of the envelope's attachment i is durable. */
uint32_t attach_durable(struct engine *engine, const struct envelope *envelope);
/* The envelope is in the record at `index`. */
void attach_accepted(struct engine *engine, const struct envelope *envelope, uint64_t index);
/* What the disk has done. */
void attach_collect(struct engine *engine);
/* Marks of what is durable go, and so does what nobody continued. */
void attach_tidy(struct engine *engine);

/* engine_status.c */
/* The journal cannot be read, or is not what was written: nothing behind that record would ever be
 * delivered, and nobody would hear of it. Says so and ends the process. */
_Noreturn void engine_fatal(const char *event, int code, const struct error *error);
void status_refresh(struct engine *engine);
/* Says hourly what has run out or is about to: the bundle, the broker's own certificate. */
void status_watch_validity(struct engine *engine, uint64_t now_ms);
/* Has the journal's WAL passed its bound, or come back? Said at once, and every minute meanwhile.
 */
void status_watch_wal(struct engine *engine, uint64_t monotonic_ms);

#endif
