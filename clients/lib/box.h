/* box: what a unit keeps on disk: outbox, inbox, threads, peers, keys, bundles, checkpoints.
 *
 * One SQLite file in WAL mode, synchronous=FULL, held exclusively. Writes are collected in one
 * transaction that the first write opens and box_commit makes durable: nothing that was written
 * may be told to anybody before. Content (payloads, section keys) comes in sealed under thread keys
 * and the thread keys under the storage key: this module never sees plaintext. After a failed write
 * or commit the handle is dead. Names in the clear are those of envelope headers. One thread.
 *
 * Every function: E_IO, E_DISK_FULL or E_NO_MEMORY for the environment; finders E_NOT_FOUND. */
#ifndef CLIENTS_LIB_BOX_H
#define CLIENTS_LIB_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"

enum { BOX_NAME_LEN = LIMIT_SLUG_LEN_MAX + 1 };

struct box;

/* E_STORE_LOCKED: another process has it open; E_STORE_VERSION: made by a newer program. ":memory:"
 * for simulations. */
int box_open(const char *path, struct box **ret_box, struct error *ret_error) MUST_USE;
void box_close(struct box *box); /* what was not committed is not there afterwards */
int box_commit(struct box *box, struct error *ret_error) MUST_USE;
bool box_dirty(const struct box *box);
/* What is written while lazy can be had again from the broker (receipts): nobody needs to wait
 * until it is durable, it goes with the next commit. Pressing: something else was written too. */
void box_lazy(struct box *box, bool lazy);
bool box_pressing(const struct box *box);

/* ---- single values ----------------------------------------------------------------------------
 */
int box_value_get(struct box *box, const char *name, struct buf *ret_value,
                  struct error *ret_error) MUST_USE;
int box_value_put(struct box *box, const char *name, struct bytes value,
                  struct error *ret_error) MUST_USE;

/* ---- outbox -----------------------------------------------------------------------------------
 */
enum { BOX_OUT_QUEUED = 1, BOX_OUT_SENT = 2, BOX_OUT_RECEIPTED = 3, BOX_OUT_REFUSED = 4 };

struct box_out {
    uint64_t number; /* order of submission, from 1 */
    uint8_t id[16], thread[16], parent[16], hash[32];
    char kind[BOX_NAME_LEN], topic[BOX_NAME_LEN];
    int state; /* QUEUED on disk while it is SENT in memory */
    unsigned lane;
    uint64_t seq, created_ms, retry_ms;
    uint32_t attempts;
    int code;
    char field[ERROR_FIELD_LEN_MAX + 1], detail[ERROR_DETAIL_LEN_MAX + 1];
    char detail_zh[ERROR_DETAIL_LEN_MAX + 1];
    uint64_t index, record_ms, checkpoint_size;
    uint32_t rules, accepted_flags;
    bool provisional;
    int again; /* enum box_again */
};
/* Sent again to a journal that was put back from a backup. Until it has its receipt. */
enum box_again {
    BOX_AGAIN_NOT,
    BOX_AGAIN_PROOF, /* the journal has it; its receipt is under a head that the journal lacks */
    BOX_AGAIN_SEND,  /* the journal may lack what it refers to, until that comes back */
    BOX_AGAIN_SEAL,  /* the same, and to be sealed anew first */
};
/* number 0: the next one, put into row. */
int box_out_add(struct box *box, struct box_out *row, struct bytes envelope, struct bytes sealed,
                struct error *ret_error) MUST_USE;
/* Everything but number, id, thread, parent. */
int box_out_update(struct box *box, const struct box_out *row, struct error *ret_error) MUST_USE;
int box_out_reseal(struct box *box, uint64_t number, struct bytes envelope, struct bytes sealed,
                   struct error *ret_error) MUST_USE;
/* ret_sealed may be NULL. */
int box_out_body(struct box *box, uint64_t number, struct buf *ret_envelope, struct buf *ret_sealed,
                 struct error *ret_error) MUST_USE;
int box_out_receipt_put(struct box *box, uint64_t number, struct bytes inclusion,
                        struct error *ret_error) MUST_USE;
int box_out_receipt_get(struct box *box, uint64_t number, struct buf *ret_inclusion,
                        struct error *ret_error) MUST_USE;
int box_out_find(struct box *box, const uint8_t id[16], struct box_out *ret_row,
                 struct error *ret_error) MUST_USE;
int box_out_get(struct box *box, uint64_t number, struct box_out *ret_row,
                struct error *ret_error) MUST_USE;
/* The receipted one whose record stands at a journal index. */
int box_out_at(struct box *box, uint64_t index, struct box_out *ret_row,
               struct error *ret_error) MUST_USE;
/* Those not settled, oldest first. each: 0 to go on, else the walk ends with it. */
int box_out_pending(struct box *box, int (*each)(void *ctx, const struct box_out *row), void *ctx,
                    struct error *ret_error) MUST_USE;
/* Newest first; states: bits 1 << state, 0 = all. */
int box_out_each(struct box *box, unsigned states, size_t limit,
                 int (*each)(void *ctx, const struct box_out *row), void *ctx,
                 struct error *ret_error) MUST_USE;
int box_out_of_thread(struct box *box, const uint8_t thread[16],
                      int (*each)(void *ctx, const struct box_out *row), void *ctx,
                      struct error *ret_error) MUST_USE;
/* Rows of a state as they are on disk. */
int box_out_count(struct box *box, int state, uint64_t *ret_count,
                  struct error *ret_error) MUST_USE;

/* Idempotency keys. E_NOT_FOUND when the key is new. */
int box_once_find(struct box *box, const char *key, uint8_t ret_digest[32], uint8_t ret_id[16],
                  struct error *ret_error) MUST_USE;
int box_once_put(struct box *box, const char *key, const uint8_t digest[32], const uint8_t id[16],
                 uint64_t now_ms, struct error *ret_error) MUST_USE;
int box_once_expire(struct box *box, uint64_t before_ms, struct error *ret_error) MUST_USE;

/* ---- inbox ------------------------------------------------------------------------------------
 */
enum { BOX_IN_MESSAGE = 1, BOX_IN_NOTICE = 2, BOX_IN_TOMBSTONE = 3, BOX_IN_EXCEPTION = 4 };

struct box_in {
    uint64_t number; /* order of arrival, from 1 */
    int type, notice, code;
    uint8_t id[16], thread[16], parent[16], hash[32];
    char kind[BOX_NAME_LEN], topic[BOX_NAME_LEN], from[BOX_NAME_LEN];
    unsigned lane;
    uint64_t position, index, record_ms, received_ms, missing, count;
    bool proved, must_sign;
    uint8_t running[32]; /* of the lane at its position; kept for exceptions */
};
/* record: the journal record's bytes (for a message without a proof: of the record as it would be).
 * sealed: sections under the thread key, or empty. envelope: kept where it could not be opened. */
int box_in_add(struct box *box, struct box_in *row, struct bytes record, struct bytes sealed,
               struct bytes envelope, struct error *ret_error) MUST_USE;
/* type, hash, notice, code, lane, position, index, record_ms, proved, must_sign, and the bodies
 * where not empty. */
int box_in_update(struct box *box, const struct box_in *row, struct bytes record,
                  struct bytes sealed, struct error *ret_error) MUST_USE;
int box_in_find(struct box *box, const uint8_t id[16], struct box_in *ret_row,
                struct error *ret_error) MUST_USE;
/* An exception by its H. */
int box_in_unopened(struct box *box, const uint8_t hash[32], struct box_in *ret_row,
                    struct error *ret_error) MUST_USE;
int box_in_get(struct box *box, uint64_t number, struct box_in *ret_row,
               struct error *ret_error) MUST_USE;
/* Buffers may be NULL. */
int box_in_body(struct box *box, uint64_t number, struct buf *ret_record, struct buf *ret_sealed,
                struct buf *ret_envelope, struct error *ret_error) MUST_USE;
int box_in_each(struct box *box, uint64_t after, size_t limit,
                int (*each)(void *ctx, const struct box_in *row), void *ctx,
                struct error *ret_error) MUST_USE;
/* Newest first, below a number. */
int box_in_newest(struct box *box, uint64_t before, size_t limit,
                  int (*each)(void *ctx, const struct box_in *row), void *ctx,
                  struct error *ret_error) MUST_USE;
int box_in_of_thread(struct box *box, const uint8_t thread[16],
                     int (*each)(void *ctx, const struct box_in *row), void *ctx,
                     struct error *ret_error) MUST_USE;
/* Exceptions of a lane above a position, ascending. */
int box_in_exceptions(struct box *box, unsigned lane, uint64_t after,
                      int (*each)(void *ctx, const struct box_in *row), void *ctx,
                      struct error *ret_error) MUST_USE;
/* Its content goes, for good; the row and its record stay. */
int box_in_erase(struct box *box, uint64_t number, struct error *ret_error) MUST_USE;
uint64_t box_in_last(const struct box *box);
int box_in_count(struct box *box, int type, uint64_t *ret_count, struct error *ret_error) MUST_USE;

/* ---- a journal put back from a backup ----------------------------------------------------------
 *
 * `size` is the backup's: the journal lacks the records from there on that this store knows of. */
struct box_lost {
    uint64_t out_count, in_count; /* our messages, and what came */
    uint64_t head_count;          /* receipts under heads that the journal lacks */
};
int box_lost_count(struct box *box, uint64_t size, struct box_lost *ret,
                   struct error *ret_error) MUST_USE;
/* Messages whose record or head is lost, by number; those whose record is not, newest first. */
int box_lost_each(struct box *box, uint64_t size, int (*each)(void *ctx, const struct box_out *row),
                  void *ctx, struct error *ret_error) MUST_USE;
int box_lost_before(struct box *box, uint64_t size,
                    int (*each)(void *ctx, const struct box_out *row), void *ctx,
                    struct error *ret_error) MUST_USE;
/* How many messages of a unit came in a lane and are lost. */
int box_lost_senders(struct box *box, uint64_t size,
                     int (*each)(void *ctx, const char *unit, unsigned lane, uint64_t count),
                     void *ctx, struct error *ret_error) MUST_USE;
/* What came is no longer proved; messages that wait are BOX_AGAIN_SEND; keys and heads from there
 * are forgotten. */
int box_lost_forget(struct box *box, uint64_t size, struct error *ret_error) MUST_USE;
/* Exceptions of a lane above a position come again under another one. */
int box_lost_places(struct box *box, unsigned lane, uint64_t position,
                    struct error *ret_error) MUST_USE;
/* The newest head kept of at most that size. */
int box_head_within(struct box *box, uint64_t size, struct buf *ret_note,
                    struct error *ret_error) MUST_USE;
/* Did this notice come before? */
int box_in_has_notice(struct box *box, uint64_t index, const uint8_t hash[32], bool *ret_has,
                      struct error *ret_error) MUST_USE;

/* A receipt of an origin that the journal had before, with all that it was about. */
struct box_former {
    char origin[256];
    uint64_t index, record_ms;
    uint32_t rules, accepted_flags;
    struct buf envelope, inclusion, note;
};
void box_former_fini(struct box_former *former);
int box_former_put(struct box *box, uint64_t number, const struct box_former *former,
                   struct error *ret_error) MUST_USE;
/* The newest but `skip` of a message. */
int box_former_get(struct box *box, uint64_t number, size_t skip, struct box_former *ret,
                   struct error *ret_error) MUST_USE;

/* ---- attachments --------------------------------------------------------------------------------
 */
enum {
    BOX_ATTACHMENT_LOCAL = 1,   /* sealed here, not yet named by a message */
    BOX_ATTACHMENT_WAITING = 2, /* of a message in the outbox: the broker does not have it yet */
    BOX_ATTACHMENT_SENT = 3,
    BOX_ATTACHMENT_WANTED = 4, /* of a message in the inbox: to be fetched and looked at; with
                                  E_ATTACHMENT_ROOM as its code, once there is room */
    BOX_ATTACHMENT_HERE = 5,
    BOX_ATTACHMENT_REFUSED =
        6, /* code says why; its chunks are not kept; the bus is to hear of it */
    BOX_ATTACHMENT_CLOSED = 7, /* the same, and the bus knows, or need not know */
};
struct box_attachment {
    uint64_t number; /* from 1 */
    uint8_t id[16];  /* local */
    uint8_t message[16];
    uint32_t ordinal; /* among the message's, as its manifest has them */
    uint8_t root[32];
    uint64_t stream_len;
    int state, code;
    unsigned lane;
    uint64_t index; /* of the message, where it came to us; 0: not proved yet */
    uint64_t created_ms;
    bool kept;               /* has room in the folder: its chunks are there, or on their way */
    char from[BOX_NAME_LEN]; /* who sent it to us; "": our own */
};
/* number is given. sealed: the entry (attached.h) under the storage key while it is LOCAL. */
int box_attachment_add(struct box *box, struct box_attachment *row, struct bytes sealed,
                       struct error *ret_error) MUST_USE;
/* message, ordinal, state, code, lane, index, kept. */
int box_attachment_update(struct box *box, const struct box_attachment *row,
                          struct error *ret_error) MUST_USE;
int box_attachment_unseal(struct box *box, uint64_t number, struct error *ret_error) MUST_USE;
int box_attachment_delete(struct box *box, uint64_t number, struct error *ret_error) MUST_USE;
int box_attachment_find(struct box *box, const uint8_t id[16], struct box_attachment *ret_row,
                        struct error *ret_error) MUST_USE;
int box_attachment_sealed(struct box *box, uint64_t number, struct buf *ret_sealed,
                          struct error *ret_error) MUST_USE;
/* Those of a message in order; those that wait to be sent or fetched; LOCAL ones made before a
 * time. At most `cap` rows into ret_rows, their number into *ret_count: the walks are short, and
 * the caller changes rows while it goes. */
int box_attachments_of(struct box *box, const uint8_t message[16], struct box_attachment *ret_rows,
                       size_t cap, size_t *ret_count, struct error *ret_error) MUST_USE;
int box_attachments_pending(struct box *box,
                            int (*each)(void *ctx, const struct box_attachment *row), void *ctx,
                            struct error *ret_error) MUST_USE;
int box_attachments_idle(struct box *box, uint64_t before_ms, struct box_attachment *ret_rows,
                         size_t cap, size_t *ret_count, struct error *ret_error) MUST_USE;
/* REFUSED ones of a lane, those of the lowest index. */
int box_attachments_refused(struct box *box, unsigned lane, struct box_attachment *ret_rows,
                            size_t cap, size_t *ret_count, struct error *ret_error) MUST_USE;
int box_attachment_close(struct box *box, uint64_t number, struct error *ret_error) MUST_USE;
/* Is there a row, kept, with the root of this one; with its root and size; with both and its
 * sender? */
struct box_kept {
    bool root, stream, of_sender;
};
int box_attachment_kept(struct box *box, const struct box_attachment *row, struct box_kept *ret,
                        struct error *ret_error) MUST_USE;
/* Padded sizes of what is kept, each root once; and of what each other unit sent. */
int box_attachment_bytes(struct box *box, uint64_t *ret_bytes, struct error *ret_error) MUST_USE;
int box_attachment_shares(struct box *box, int (*each)(void *ctx, const char *unit, uint64_t bytes),
                          void *ctx, struct error *ret_error) MUST_USE;

/* ---- numbers that messages have in common ------------------------------------------------------
 *
 * Blind: the caller's keyed hash of what a number is and of the number. Entries go with the content
 * of their message. */
enum { BOX_BLIND_LEN = 16, BOX_SAME_COUNT_MAX = 512 /* of one message */ };

struct box_same {
    uint8_t thread[16];
    char what[16];
};
int box_same_add(struct box *box, const uint8_t blind[BOX_BLIND_LEN], const uint8_t thread[16],
                 const uint8_t message[16], const char *what, struct error *ret_error) MUST_USE;
/* Other threads than the message's own in which one of its numbers stands, each once for each
 * `what`; at most cap of them, in the order of `what`. *ret_more: there are further ones. Its cost
 * grows with the numbers of the message and with cap, not with the store. */
int box_same_of(struct box *box, const uint8_t message[16], struct box_same *ret, size_t cap,
                size_t *ret_count, bool *ret_more, struct error *ret_error) MUST_USE;
int box_same_drop(struct box *box, const uint8_t message[16], struct error *ret_error) MUST_USE;

/* ---- threads ----------------------------------------------------------------------------------
 */
struct box_thread {
    uint8_t thread[16];
    uint64_t changed_ms;
};
/* key: the thread key, sealed; state: as thread.h encodes it. Buffers may be NULL. */
int box_thread_get(struct box *box, const uint8_t thread[16], struct buf *ret_key,
                   struct buf *ret_state, struct error *ret_error) MUST_USE;
int box_thread_put(struct box *box, const uint8_t thread[16], struct bytes key, struct bytes state,
                   uint64_t changed_ms, struct error *ret_error) MUST_USE;
int box_thread_each(struct box *box, size_t limit,
                    int (*each)(void *ctx, const uint8_t thread[16], uint64_t changed_ms,
                                struct bytes state),
                    void *ctx, struct error *ret_error) MUST_USE;

/* ---- what this unit owes ------------------------------------------------------------------------
 *
 * One row for each message that an open leg of its own is about, or that asks for its decision: an
 * index that follows from the threads. */
#define BOX_LEG_NO_TERM ((uint64_t)INT64_MAX) /* nothing runs: listed last */
struct box_leg {
    uint64_t due_ms; /* what is owed next is to be done before */
    uint8_t thread[16], message[16];
};
int box_leg_put(struct box *box, const struct box_leg *leg, struct error *ret_error) MUST_USE;
/* All of a thread. */
int box_legs_forget(struct box *box, const uint8_t thread[16], struct error *ret_error) MUST_USE;
/* What is due first on top, behind `after` (NULL: from the first). Its cost grows with `limit`, not
 * with the store. */
int box_legs_due(struct box *box, const struct box_leg *after, size_t limit,
                 int (*each)(void *ctx, const struct box_leg *leg), void *ctx,
                 struct error *ret_error) MUST_USE;
/* The notice of that inbox number is about the thread; and all that are, in order of arrival. */
/* Open legs, and of them those that were due by now_ms. */
int box_legs_count(struct box *box, uint64_t now_ms, uint64_t *ret_owed, uint64_t *ret_overdue,
                   struct error *ret_error) MUST_USE;
int box_about_add(struct box *box, const uint8_t thread[16], uint64_t number,
                  struct error *ret_error) MUST_USE;
int box_about_of(struct box *box, const uint8_t thread[16],
                 int (*each)(void *ctx, const struct box_in *row), void *ctx,
                 struct error *ret_error) MUST_USE;

/* ---- who inside the unit was told ---------------------------------------------------------------
 *
 * A row for each leg of ours that waited to be signed for. Ranks and moments, no names. */
enum { BOX_LADDER_STEPS = 3 };
#define BOX_LADDER_NO_STEP ((uint64_t)INT64_MAX) /* nothing more is told */
struct box_ladder {
    uint8_t thread[16], message[16];
    unsigned next;    /* the step that is told next */
    uint64_t next_ms; /* when */
    uint64_t told_ms[BOX_LADDER_STEPS];
    int result[BOX_LADDER_STEPS]; /* of leadbus_rung_result; 0: not told, or no end of it is known
                                   */
    uint64_t shown;    /* how often somebody was told, of all steps and the repetitions */
    uint64_t shown_ms; /* when somebody was last to be told; 0: not yet */
    uint64_t again_ms; /* what is repeated until it is signed for: since when nobody was told;
                          BOX_LADDER_NO_STEP: it is not repeated, or waits no more */
};
int box_ladder_get(struct box *box, const uint8_t thread[16], const uint8_t message[16],
                   struct box_ladder *ret_row, struct error *ret_error) MUST_USE;
int box_ladder_put(struct box *box, const struct box_ladder *row, struct error *ret_error) MUST_USE;
/* One of an open leg whose last step was begun and has no end; E_NOT_FOUND. */
int box_ladder_open(struct box *box, struct box_ladder *ret_row, struct error *ret_error) MUST_USE;
/* The one whose step comes first; E_NOT_FOUND. One step down an index. */
int box_ladder_next(struct box *box, struct box_ladder *ret_row, struct error *ret_error) MUST_USE;
/* Of what is repeated, those of which nobody was told for longest, at most `limit`; with `after`:
 * only those of which no step is to come. */
int box_ladder_again(struct box *box, bool after, size_t limit,
                     int (*each)(void *ctx, const struct box_ladder *row), void *ctx,
                     struct error *ret_error) MUST_USE;

/* ---- peers: what went to a unit and came from it, in one lane
 * --------------------------------------
 */
struct box_peer {
    char unit[BOX_NAME_LEN];
    unsigned lane;
    uint64_t out_count, out_index; /* receipted; the newest of them in the journal */
    uint8_t out_hash[32];
    uint64_t in_serial, in_count; /* from that certificate */
    uint8_t in_hash[32];          /* the last of them */
    bool in_known;                /* in_count can be held against the sender's own count */
};
int box_peer_put(struct box *box, const struct box_peer *peer, struct error *ret_error) MUST_USE;
int box_peer_each(struct box *box, int (*each)(void *ctx, const struct box_peer *peer), void *ctx,
                  struct error *ret_error) MUST_USE;

/* ---- rewraps: owed to a unit, of the message of that number; and those that came before what they
 * open
 */
int box_rewrap_owe(struct box *box, const char *unit, uint64_t number, bool *ret_new,
                   struct error *ret_error) MUST_USE;
int box_rewrap_done(struct box *box, const char *unit, uint64_t number,
                    struct error *ret_error) MUST_USE;
int box_rewrap_units(struct box *box, int (*each)(void *ctx, const char *unit), void *ctx,
                     struct error *ret_error) MUST_USE;
/* The oldest owed to a unit. */
int box_rewrap_first(struct box *box, const char *unit, uint64_t *ret_number,
                     struct error *ret_error) MUST_USE;
int box_rewrap_count(struct box *box, uint64_t *ret_count, struct error *ret_error) MUST_USE;
/* At most cap are kept of one H; the rest is dropped. */
int box_early_put(struct box *box, const uint8_t hash[32], uint64_t made_ms, struct bytes record,
                  size_t cap, struct error *ret_error) MUST_USE;
int box_early_each(struct box *box, const uint8_t hash[32],
                   int (*each)(void *ctx, struct bytes record), void *ctx,
                   struct error *ret_error) MUST_USE;
int box_early_done(struct box *box, const uint8_t hash[32], struct error *ret_error) MUST_USE;
int box_early_expire(struct box *box, uint64_t before_ms, struct error *ret_error) MUST_USE;

/* ---- what this unit's own programs keep ---------------------------------------------------------
 *
 * Bodies come in sealed. */
struct box_local {
    uint8_t id[16];
    uint64_t due_ms; /* BOX_LEG_NO_TERM: nothing is due */
};
int box_local_put(struct box *box, const struct box_local *row, struct bytes body,
                  struct error *ret_error) MUST_USE;
int box_local_get(struct box *box, const uint8_t id[16], struct box_local *ret_row,
                  struct buf *ret_body, struct error *ret_error) MUST_USE;
/* What is due first on top, behind `after` (NULL: from the first). */
int box_local_each(struct box *box, const struct box_local *after, size_t limit,
                   int (*each)(void *ctx, const struct box_local *row, struct bytes body),
                   void *ctx, struct error *ret_error) MUST_USE;

/* ---- epoch keys, bundles, checkpoints
 * ------------------------------------------------------------ */
struct box_key {
    const char *unit;
    uint64_t serial, epoch, until_ms;
};
int box_key_put(struct box *box, const struct box_key *key, struct bytes epoch_key,
                struct error *ret_error) MUST_USE;
int box_key_expire(struct box *box, uint64_t before_ms, struct error *ret_error) MUST_USE;
int box_key_each(struct box *box, int (*each)(void *ctx, struct bytes epoch_key), void *ctx,
                 struct error *ret_error) MUST_USE;
/* Keeps the newest few. version 0 on get: the newest. */
int box_bundle_put(struct box *box, uint64_t version, struct bytes bundle,
                   struct error *ret_error) MUST_USE;
int box_bundle_get(struct box *box, uint64_t version, struct buf *ret_bundle,
                   struct error *ret_error) MUST_USE;
int box_checkpoint_put(struct box *box, uint64_t size, struct bytes note,
                       struct error *ret_error) MUST_USE;
int box_checkpoint_get(struct box *box, uint64_t size, struct buf *ret_note,
                       struct error *ret_error) MUST_USE;

#endif
