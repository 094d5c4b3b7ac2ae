/* engine: everything a unit does on the bus, without the network: seal, send within a window,
 * believe receipts, take deliveries, acknowledge, keep keys and bundle fresh.
 *
 * Sans-I/O: time and entropy come in with every call as a `struct moment`; frames come in through
 * engine_frame and go out through engine_out; the box is written through box.h. The engine never
 * reads a clock, draws entropy or opens a socket, so that the same code runs in a simulator
 * over ":memory:" boxes. Attachments' chunks alone are files, read and written by chunks.h in a
 * folder of the driver's; without one there are no attachments.
 *
 * One rule keeps I1 and I2: after one or more events the driver calls engine_flush, then
 * box_commit, and only then sends what engine_out holds. If box_commit fails nothing may be sent
 * and the engine must be thrown away. A submit is answered only after the commit.
 *
 * Hostile bytes from the broker never stop it: the frame is refused and counted, the error stands
 * in `stats`, and the connection is given up (engine_wants_reset) where going on makes no sense.
 * Errors returned are those of the environment alone, where nothing else is said. One thread. */
#ifndef CLIENTS_LIB_ENGINE_H
#define CLIENTS_LIB_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "certs/keyring/keyring.h"
#include "certs/trust/trust.h"
#include "clients/lib/box.h"
#include "clients/lib/thread.h"
#include "proto/attachment.h"
#include "proto/base/arena.h"
#include "proto/base/map.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/host/chunks.h"
#include "proto/note.h"
#include "proto/record.h"
#include "proto/schema/payload.pb-c.h"
#include "proto/sha256.h"

/* The time and 32 fresh random bytes of one call; everything random inside is drawn from these. */
struct moment {
    uint64_t now_ms;
    uint8_t entropy[32];
    uint64_t drawn;
};
void moment_draw(struct moment *moment, void *ret, size_t len);

enum { ENGINE_LANES = ENVELOPE_LANE_COUNT };

/* A file of a message, with what opens it. Wiped by engine_file_fini. */
struct engine_file {
    struct engine *engine;
    struct box_attachment row;
    char kind[BOX_NAME_LEN], section[BOX_NAME_LEN];
    char name[LIMIT_ATTACHMENT_NAME_BYTES_MAX + 1];
    char media_type[LIMIT_ATTACHMENT_TYPE_BYTES_MAX + 1];
    uint64_t size;
    uint8_t key[SUITE_KEY_LEN], sha256[32];
    bool confirmed;
    struct buf leaves; /* once something was read */
};

struct leadbus_marks; /* leadbus.h */
struct engine_options {
    uint32_t send_window, credit;
    uint64_t outbox_max, session_ms;
    int (*check_section)(void *ctx, const struct leadbus_marks *marks, const char *section,
                         struct bytes payload, struct error *ret_error);
    /* Folder of the attachments' chunks; NULL: none can be sent, and none is fetched. */
    const char *chunks;
    uint64_t attachment_bytes_max; /* of padded streams kept in it; 0: no bound */
    /* May this file be read here? Asked when all of it is here and is what its sender signed. NULL:
     * any may. */
    int (*check_attachment)(void *ctx, struct engine_file *file, struct error *ret_error);
    /* The same for a look that takes long: the bytes in pieces as they are read, from offset 0 on
     * (which begins anew, whatever was before), and an empty piece at the end, when the whole is
     * what its sender signed. That alone may answer 1: not decided yet; after engine_examined it is
     * asked again. Either of the two, or none. */
    int (*examine_attachment)(void *ctx, const struct engine_file *file, uint64_t offset,
                              struct bytes piece, struct error *ret_error);
    /* Told when something became different; durable once the box is committed. */
    void (*changed)(void *ctx, unsigned changes, const uint8_t *id);
    void *ctx;
};

enum engine_change { /* the numbers of enum leadbus_change */
                     ENGINE_CHANGED_INBOX = 1,
                     ENGINE_CHANGED_OUTBOX = 2,
                     ENGINE_CHANGED_THREAD = 4,
                     ENGINE_CHANGED_CONNECTION = 8,
                     ENGINE_CHANGED_BUNDLE = 16,
                     ENGINE_CHANGED_ATTACHMENT = 32,
};

enum engine_link { ENGINE_DOWN, ENGINE_CONNECTED, ENGINE_GREETED };

struct engine_key {
    char unit[BOX_NAME_LEN];
    uint64_t serial, epoch, not_before_ms, not_after_ms;
    uint8_t public_key[32];
    uint8_t kek[32];      /* under the session of the number beside it */
    uint64_t kek_session; /* 0: none */
};

/* A message not settled yet. */
struct engine_pending {
    TAILQ_ENTRY(engine_pending) link;
    uint64_t number, seq, retry_ms;
    uint8_t id[16], parent[16], hash[32];
    uint8_t lane;
    bool sent, staged; /* staged: not committed yet */
    uint8_t wants;     /* enum engine_want: before it may be sent again */
    uint8_t uploads;   /* attachments that the broker does not have yet */
    uint8_t again;     /* enum box_again */
    bool adrift;       /* its number is behind the window: it needs another one */
    bool from_zero;    /* reseal with k = 0, so that the broker says who is on the thread */
    uint32_t attempts;
};
enum engine_want { ENGINE_WANT_NOTHING, ENGINE_WANT_RESEAL, ENGINE_WANT_BUNDLE, ENGINE_WANT_KEYS };
TAILQ_HEAD(engine_queue, engine_pending);

/* An attachment that is to be sent or fetched: one of each at work at a time, urgent ones first. */
enum engine_transfer_state {
    TRANSFER_IDLE,
    TRANSFER_ASKED,    /* OpenUpload or GetLeaves is on its way */
    TRANSFER_RUNNING,  /* chunks are */
    TRANSFER_CHECKING, /* all of it is here and is being looked through */
};
enum { ENGINE_TRANSFER_WINDOW = 2 };
struct engine_check {
    struct engine_file file;
    struct sha256_state hash;
    uint64_t number; /* of the chunk that is next */
    uint64_t offset; /* of the piece that is next */
    bool same;       /* it is what its sender signed */
    bool waits;      /* for engine_examined */
};
struct engine_transfer {
    TAILQ_ENTRY(engine_transfer) link;
    struct box_attachment row;
    bool out;
    enum engine_transfer_state state;
    uint64_t retry_ms; /* not before */
    uint64_t heard_ms; /* since when there was no answer */
    uint32_t count, done_count, flight_count, window;
    uint32_t flight[ENGINE_TRANSFER_WINDOW];
    uint32_t attempts;
    uint8_t present[CHUNKS_PRESENT_LEN];
    struct buf leaves;
    struct engine_check *check;
};
TAILQ_HEAD(engine_transfers, engine_transfer);
struct engine_share {
    char unit[BOX_NAME_LEN];
    uint64_t bytes;
};

struct engine_exception {
    uint64_t position, index;
    uint32_t code;
    uint8_t running[32];
};

/* Positions that were acknowledged and are not in this store: it was put back from an older copy.
 */
struct engine_again {
    uint64_t at, until; /* had up to; wanted up to: equal when there is nothing to ask for */
    uint8_t running[32], until_running[32];
    uint64_t asked;    /* position up to which a request is on its way; 0: none */
    uint64_t retry_ms; /* when to ask once more */
    bool dirty;
};

struct engine_lane {
    uint64_t position; /* in the inbox, exceptions apart */
    uint8_t running[32];
    uint64_t told;   /* acknowledged on this connection */
    uint64_t acked;  /* what the journal holds */
    bool due;        /* acknowledge (again) */
    uint64_t due_ms; /* since when; 0 = at once */
    bool dirty;
    struct engine_exception *exceptions; /* above acked */
    size_t exception_count, exception_cap;
    uint64_t seq; /* last one used */
    /* Of one message whose attachments were refused after it was taken: told in an acknowledgement
     * of its own. Their rows. */
    uint64_t late[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t late_count;
    bool late_sent, late_known; /* known: the journal holds it, our rows not yet */
    bool apart;                 /* the inbox has not every position of it from 1 on */
    struct engine_again again;
    struct engine_queue waiting, sent;
};

/* What others could not open of ours, made anew for them one at a time. */
struct engine_rewrap {
    uint64_t owed;
    uint64_t scan_ms; /* when to look for one whose reader has a key now */
    bool active;      /* one is on its way: */
    char unit[BOX_NAME_LEN];
    uint64_t number;
    uint8_t hash[32];
    struct buf frame;
    uint64_t retry_ms;
    uint64_t hold_ms;           /* one was refused: nothing before that time, keys or not */
    char put_off[BOX_NAME_LEN]; /* the unit whose turn is over for now */
};

/* A KEK of a sender's session, for opening. */
enum { ENGINE_KEK_CACHE = 64, ENGINE_HELD_MAX = 8192 };
struct engine_kek {
    uint8_t session[32], kek[32];
    uint64_t serial, epoch, used;
};

/* A thread that the joint-conference office asks the broker for, one at a time. */
struct engine_watch {
    bool active;
    uint8_t id[16];
    uint64_t after, asked_ms;
    uint64_t answered_ms; /* 0: never */
    int code;             /* of that answer */
    struct thread anew;
};

struct engine_frame_out {
    STAILQ_ENTRY(engine_frame_out) link;
    struct buf bytes;
};
STAILQ_HEAD(engine_out, engine_frame_out);

struct engine_head {
    struct checkpoint checkpoint;
    struct buf note;
    bool held;
};

/* A journal put back from a backup, as the broker showed it: what people must say yes to. */
struct engine_restored {
    bool shown;
    uint8_t leaf[32]; /* of the record that says so */
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    char reason[LIMIT_REASON_LEN_MAX + 1];
    uint64_t time_ms;
    uint64_t size, seen_size;     /* records that the backup has, and that we know of */
    uint64_t out_count, in_count; /* ours to be sent again; what came beyond it */
};

struct engine_stats {
    uint64_t frames_in, frames_out, refused_frames;
    uint64_t out_state[5], in_type[5];
    uint64_t connected_ms, heard_ms;
    int64_t clock_offset_ms;
    uint64_t bus_ms;
    bool provisional;
    struct error last, alarm;
    uint64_t last_ms, alarm_ms;
};

struct engine {
    struct engine_options options;
    struct box *box;
    const struct keyring *keyring;
    struct trust_root root;
    struct trust_bundle *bundle, *previous; /* previous: another version that a delivery named */
    uint8_t storage_key[32];
    const struct suite *suite;

    enum engine_link link;
    bool reset; /* the connection must be made anew */
    uint64_t reset_after_ms;
    uint64_t linked_ms, pinged_ms, keys_asked_ms, bundle_asked_ms, proof_ms, expired_ms;
    uint64_t keys_index; /* journal index up to which keys are held */
    bool keys_known;
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1]; /* "" before the first greeting */

    bool crossed;           /* the journal was put back once: no running hash leads over that */
    struct checkpoint seen; /* the head that we greeted with */
    struct engine_restored restored;
    bool confirmed; /* people said yes to the record of that leaf, over a backup of that size */
    uint8_t confirmed_leaf[32];
    uint64_t confirmed_size;

    struct engine_head trusted; /* for good, durable */
    struct engine_head latest;  /* signed, extends trusted as far as a later proof will show */
    uint64_t kept_size;         /* newest checkpoint in the box */
    struct {
        uint64_t size;
        uint8_t root[32];
    } asked[2];
    size_t asked_count, answered_count;
    struct engine_head answer;

    struct engine_lane lanes[ENGINE_LANES];
    uint64_t sent_count, pending_count;
    struct map pending_of; /* id -> engine_pending */

    struct box_peer *peers;
    bool *peer_dirty;
    size_t peer_count, peer_cap;
    struct engine_key *keys; /* by unit, then certificate, then epoch */
    size_t key_count, key_cap;

    uint8_t session_secret[32], session_public[32];
    uint64_t session_number, session_ms;

    struct engine_kek keks[ENGINE_KEK_CACHE];
    uint64_t kek_clock;

    struct engine_transfers transfers; /* by lane, then number */
    struct engine_transfers roomless;  /* to be fetched, once there is room */
    struct engine_transfer *up, *down; /* at work */
    uint64_t attachment_bytes;         /* kept in the folder, each root once */
    uint64_t uploading_bytes;          /* of files that the driver is sealing */
    struct engine_share *shares;       /* of those bytes, by who sent them */
    size_t share_count, share_cap;
    bool late; /* there may be some of which the bus has not heard */

    struct engine_rewrap rewrap;
    struct engine_watch watch;

    struct buf *held; /* deliveries that wait for a bundle */
    size_t held_count, held_cap;

    struct engine_out out;
    struct arena arena;
    struct engine_stats stats;
};

/* A file that goes with a message, by its local id. */
struct engine_attach {
    const uint8_t *id;
    bool confirmed; /* a person looked: no DNA profile in it */
};

/* A draft, checked for form by the caller. Borrowed. */
struct engine_draft {
    const char *kind, *topic, *area, *officer, *purpose;
    const char *target;                          /* key of the unit that it is passed on to */
    const uint8_t *id, *thread, *parent, *other; /* 16 bytes or NULL */
    const struct seal_section *sections;
    size_t section_count;
    const struct engine_attach *attachments;
    size_t attachment_count;
    uint64_t occurred_ms, expires_ms, due_ms;
    uint32_t flags;
};

/* Loads what the box has. take_bundle: the newer of what was given and what was kept; taken on
 * success. keyring, box: borrowed for life. E_UNKNOWN_SENDER and the other verdicts: the bundle has
 * no valid certificate for the keyring. */
int engine_new(const struct engine_options *options, struct box *box, const struct keyring *keyring,
               const struct trust_root *root, struct trust_bundle *take_bundle,
               struct moment *moment, struct engine **ret_engine, struct error *ret_error) MUST_USE;
void engine_free(struct engine *engine);

/* ---- events --------------------------------------------------------------------------------- */
int engine_connected(struct engine *engine, struct moment *moment,
                     struct error *ret_error) MUST_USE;
void engine_disconnected(struct engine *engine, struct moment *moment);
int engine_frame(struct engine *engine, struct moment *moment, struct bytes frame,
                 struct error *ret_error) MUST_USE;
/* What is due by time. */
int engine_tick(struct engine *engine, struct moment *moment, struct error *ret_error) MUST_USE;
/* Routes, checks, seals and puts the message into the outbox: durable after the next commit.
 * Errors as leadbus_stage. */
int engine_stage(struct engine *engine, struct moment *moment, const struct engine_draft *draft,
                 uint8_t ret_id[16], struct error *ret_error) MUST_USE;
/* Who would receive it. ret_thread: of thread_init, the caller's to thread_fini. */
int engine_route(struct engine *engine, const struct engine_draft *draft, uint64_t now_ms,
                 struct route *ret_route, struct route_query *ret_query,
                 struct route_participant participants[LIMIT_UNIT_COUNT_MAX],
                 struct thread *ret_thread, struct error *ret_error) MUST_USE;
int engine_bundle_install(struct engine *engine, struct moment *moment, struct bytes bundle,
                          struct error *ret_error) MUST_USE;
/* Own receiving keys that the bus does not have yet are published; call after the keyring changed
 * and was saved. */
int engine_publish(struct engine *engine, struct moment *moment, struct error *ret_error) MUST_USE;

/* Asks the broker for the headers of a thread that this unit need not be on: what is known of the
 * thread is then what they say, and acts on the whole thread may be sent. 0: asked, and
 * ENGINE_CHANGED_THREAD tells when it is here; 1: answered a few seconds ago. E_ROLE_NOT_ALLOWED:
 * this is not the joint-conference office; E_NETWORK: there is no connection; E_BUSY: another one
 * is on its way; E_THREAD_UNKNOWN: the broker said so just now. */
int engine_thread_ask(struct engine *engine, const struct moment *moment, const uint8_t id[16],
                      struct error *ret_error) MUST_USE;

/* People say that the journal which the broker showed in `restored`, put back from a backup, is the
 * one to go on with; `origin` is its new name, as the bus's operator told them. Durable after the
 * next commit; the connection is made anew. E_NOT_FOUND: none was shown; E_ORIGIN_MISMATCH: one of
 * another name. */
int engine_restored_confirm(struct engine *engine, struct moment *moment, const char *origin,
                            struct error *ret_error) MUST_USE;

/* Acknowledges what was taken, fills the window, writes counters. The last thing before a commit.
 */
int engine_flush(struct engine *engine, struct moment *moment, struct error *ret_error) MUST_USE;
/* When engine_tick has something to do; UINT64_MAX: never. */
uint64_t engine_next_ms(const struct engine *engine);
/* The frame that goes first, taken by the caller (buf_fini); false: none. */
bool engine_out(struct engine *engine, struct buf *ret_frame);
/* The peer is of no use: disconnect, connect anew not before *ret_after_ms. Said once. */
bool engine_wants_reset(struct engine *engine, uint64_t *ret_after_ms);

/* ---- attachments --------------------------------------------------------------------------------
 */
/* A file sealed into chunks under `root` in the folder is there, to go with a message of `kind`
 * some time: durable after the next commit. needs_confirm: a message may name it only with the
 * confirmation that no DNA profile is in it. E_OUTBOX_FULL: no room. */
int engine_attach_add(struct engine *engine, struct moment *moment, const char *kind,
                      const Leadbus__Payload__Attachment *entry, bool needs_confirm,
                      uint8_t ret_id[16], struct error *ret_error) MUST_USE;
/* Takes it back, chunks and all. E_NOT_FOUND; E_ATTACHMENT_NOT_ALLOWED: a message has it. */
int engine_attach_drop(struct engine *engine, const uint8_t id[16],
                       struct error *ret_error) MUST_USE;
/* The file behind a row of a message. E_NOT_FOUND. */
int engine_file_open(struct engine *engine, const struct box_attachment *row,
                     struct engine_file *ret, struct error *ret_error) MUST_USE;
void engine_file_fini(struct engine_file *file);
/* Chunk `number` of the file: read, held against its leaf, opened. ret_plain has room for a chunk;
 * *ret_len is what of it belongs to the file. E_CHUNK_INVALID, E_NOT_FOUND (not here), E_IO. */
int engine_file_read(struct engine_file *file, uint64_t number, uint8_t *ret_plain, size_t *ret_len,
                     struct error *ret_error) MUST_USE;
/* What was read of a file that is here was not what was stored: one that was sent to us is fetched
 * again, as far as it lacks. */
void engine_file_damaged(struct engine *engine, const struct box_attachment *row);
/* What examine_attachment had not decided is decided. */
void engine_examined(struct engine *engine);
/* The transfer of a row; NULL: there is nothing to do for it. */
const struct engine_transfer *engine_transfer_find(const struct engine *engine, uint64_t number);

/* ---- revisions of an alert ----------------------------------------------------------------------
 */
/* The number that an alert or its stand-down (16 bytes: its id) states, and the one that should
 * come by what is here of its thread from before it. 0: none, or nothing can be said. */
int engine_revision_find(struct engine *engine, const uint8_t id[16], uint32_t *ret_stated,
                         uint32_t *ret_expected, struct error *ret_error) MUST_USE;

/* ---- content at rest ----------------------------------------------------------------------------
 */
struct content_section {
    char name[BOX_NAME_LEN];
    uint8_t key[SUITE_KEY_LEN];
    struct bytes payload; /* into the opened content */
};
struct content {
    struct buf plain; /* wiped by content_fini */
    size_t section_count;
    struct content_section sections[LIMIT_SECTION_COUNT_MAX];
};
int content_open(struct engine *engine, const uint8_t thread[16], const uint8_t id[16],
                 struct bytes sealed, struct content *ret, struct error *ret_error) MUST_USE;
void content_fini(struct content *content);

#endif
