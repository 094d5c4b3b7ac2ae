/* leadbus: the C library of a unit on the bus. Stable ABI.
 *
 * A handle is one unit on this machine: its keyring, its store (outbox, inbox, threads) and its
 * connection to the broker. What is handed to leadbus_submit is checked, routed by the plan, sealed
 * to the units that the plan names, signed and durable before the call returns; the network may be
 * down. What arrives is verified, proved to stand in the journal, opened, stored durably and only
 * then acknowledged. Nothing is dropped silently: every message that was accepted has a row with a
 * state, every refusal a code.
 *
 * Driving it. The library starts no thread and installs no signal handler. Either call leadbus_wait
 * in a loop, or put leadbus_fd into an event loop: wait until it is readable or leadbus_timeout_ms
 * has passed, then call leadbus_process. The descriptor is edge-triggered: after every call of any
 * function of this header ask leadbus_timeout_ms again, it is 0 while something is left to do.
 *
 * Threads. A handle belongs to one thread at a time; there is no global state, so several handles
 * may be used by several threads.
 *
 * Errors. Functions return 0 or a negative code; *ret_error (may be NULL) gets code, stable name,
 * field and detail. Results are untouched on failure. Names and numbers never change meaning. After
 * "io", "disk_full" or "no_memory" of a call that writes, nothing of that call has happened, but
 * the handle is of no more use: close it and open again.
 *
 * Memory. `const` pointers inside results are borrowed from the result and live as long as it does;
 * in a callback, until it returns. What comes as `**ret_x` is the caller's and goes back by the
 * function named there. Inputs are borrowed for the call. Strings are UTF-8.
 *
 * Growth. Structs that the caller fills or that are filled for the caller start with `size`, which
 * the caller sets to sizeof. Fields are only ever added at the end; fields beyond `size` are
 * neither read nor written. Structs handed out by pointer only grow at the end; never make arrays
 * of them part of your own ABI. */
#ifndef LEADBUS_H
#define LEADBUS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEADBUS_ABI_VERSION 1
#if defined(__GNUC__)
#define LEADBUS_API __attribute__((visibility("default")))
#else
#define LEADBUS_API
#endif

typedef struct leadbus leadbus;

enum { LEADBUS_ID_LEN = 16 };

struct leadbus_error {
    int code;            /* 0 or negative */
    char name[32];       /* "route_mismatch": stable */
    char field[96];      /* path of the field at fault, or empty */
    char detail[256];    /* what was found and what is allowed, in English; never plaintext or a
                            secret */
    char detail_zh[256]; /* the same in Chinese, or empty */
};

enum leadbus_lang { LEADBUS_LANG_ZH, LEADBUS_LANG_EN };
/* What a code means and what to do; static. */
LEADBUS_API const char *leadbus_error_text(int code, enum leadbus_lang lang);
LEADBUS_API const char *leadbus_error_name(int code);
LEADBUS_API const char *leadbus_version(void);

/* ---- opening ----------------------------------------------------------------------------------
 */

/* What `changed` tells; bits may come together. */
enum leadbus_change {
    LEADBUS_CHANGED_INBOX = 1,       /* id: of the message that arrived (NULL: a notice) */
    LEADBUS_CHANGED_OUTBOX = 2,      /* id: of the message whose state changed */
    LEADBUS_CHANGED_THREAD = 4,      /* id: of the thread */
    LEADBUS_CHANGED_CONNECTION = 8,  /* connected or not: ask leadbus_stats; id NULL */
    LEADBUS_CHANGED_BUNDLE = 16,     /* another bundle is in force here; id NULL */
    LEADBUS_CHANGED_ATTACHMENT = 32, /* id: of the message of which a file went on or came */
};

struct leadbus_attachment;
typedef struct leadbus_reader leadbus_reader;

/* What a header says of a message's sections. */
struct leadbus_marks {
    const char *kind, *topic; /* topic "": none */
    uint32_t flags;           /* leadbus_draft_flag */
    uint64_t occurred_ms, expires_ms, due_ms;
};

struct leadbus_options {
    size_t size;            /* sizeof(struct leadbus_options) */
    const char *store_path; /* SQLite file, created when absent; one handle at a time */
    const char *keyring_path;
    const void *passphrase; /* of the keyring; kept in locked memory, since epoch keys rotate */
    size_t passphrase_len;
    const void *root; /* the signed root note to begin trust with */
    size_t root_len;
    const void *bundle; /* a bundle to begin with, or NULL once the store holds one; the newer
                           of both is used */
    size_t bundle_len;
    const char *endpoint;  /* NULL: the brokers of the bundle, in turn */
    uint32_t send_window;  /* submitted and not yet receipted; 0 = 256 */
    uint32_t credit;       /* deliveries in flight to us per lane; 0 = 256 */
    uint64_t outbox_max;   /* rows not yet receipted; 0 = 100000. Above: "outbox_full" */
    uint64_t session_ms;   /* how long one session key is used for sealing; 0 = 15 min */
    uint64_t epoch_ms;     /* life of one of our receiving keys; 0 = 7 days */
    uint32_t epochs_ahead; /* published ahead; 0 = 5 */
    /* Does this payload fit the kind's schema? Asked before sealing (the error goes to the caller
     * of submit) and after opening (then the message is stored with the code and the broker is told
     * by an exception). `marks` is what the header says of it, which must follow from the sections.
     * 0 = yes. NULL: everything fits. Must not call the library. */
    int (*check_section)(void *ctx, const struct leadbus_marks *marks, const char *section,
                         const void *data, size_t len, struct leadbus_error *ret_error);
    /* Something changed durably; a receipt alone is told when it is proved and is durable here a
     * moment later (lost in a crash, it comes again and is the same). Called from within
     * leadbus_process, _wait, _submit, _commit. May call functions that read; must not call
     * process, wait, submit, close. NULL: not told. */
    void (*changed)(void *ctx, unsigned changes, const uint8_t *id);
    void *ctx; /* of both callbacks */
    /* UTC milliseconds; NULL = the system's clock. For simulations and tests. */
    uint64_t (*now_ms)(void *ctx);
    /* Folder of attachments, kept as the encrypted chunks that they travel as; created when first
     * used. NULL: store_path with "-chunks" behind it. */
    const char *attachments_path;
    /* Bytes in it; 0 = 16 GiB. A file counts once, however many messages name it. Above: a new file
     * is "outbox_full". What one unit sent us takes at most half of what all others leave of it;
     * beyond that share its files are not fetched (LEADBUS_ATTACHMENT_NO_ROOM), until room comes
     * free or the bound is raised; those of others are. */
    uint64_t attachments_max;
    /* May this file, which came with a message of `kind`, be handed to people here? Asked once,
     * when all of it has come and is what its sender signed; `reader` gives its bytes, for the time
     * of the call. 0 = yes; a code: its bytes are removed, and the attachment is REFUSED with that
     * code. NULL: all may. Must not call the library otherwise. */
    int (*check_attachment)(void *ctx, const char *kind,
                            const struct leadbus_attachment *attachment, leadbus_reader *reader,
                            struct leadbus_error *ret_error);
    /* The same for a look that takes longer than this loop may be held up: the file comes in pieces
     * while it is read, from offset 0 on (which begins anew, whatever was before), and with len 0
     * at its end, when all of it is what its sender signed. The last call alone may answer
     * LEADBUS_LATER; after leadbus_examined it is asked again. Use one of the two. */
    int (*examine_attachment)(void *ctx, const char *kind,
                              const struct leadbus_attachment *attachment, uint64_t offset,
                              const void *piece, size_t len, struct leadbus_error *ret_error);
};
enum { LEADBUS_LATER = 1 };

/* Opens keyring, store and bundle and starts connecting (in the background of process). *ret_lb is
 * the caller's to leadbus_close. Errors: keyring_sealed, keyring_permissions, store_locked,
 * store_version, bundle_unknown (none given and none held), note_invalid and threshold_not_met (the
 * bundle does not verify), unknown_sender (the bundle has no certificate of this keyring), io,
 * bad_value (an option; field names it). */
LEADBUS_API int leadbus_open(const struct leadbus_options *options, leadbus **ret_lb,
                             struct leadbus_error *ret_error);
/* Commits what is staged, closes the connection (at most a second) and wipes all keys. NULL
 * accepted. */
LEADBUS_API void leadbus_close(leadbus *lb);

/* ---- event loop -------------------------------------------------------------------------------
 */

LEADBUS_API int leadbus_fd(leadbus *lb);
/* Poll events to wait for on it: POLLIN. */
LEADBUS_API short leadbus_events(leadbus *lb);
/* Milliseconds until process must be called even if the descriptor stays silent; 0 = now. Never
 * above 60000. */
LEADBUS_API int leadbus_timeout_ms(leadbus *lb);
/* Takes what has arrived, in one transaction per call, and sends what is due. Does not wait for the
 * network. Errors: io, disk_full, no_memory: the handle is of no more use. Everything that a peer
 * does wrong is counted and shown in leadbus_stats instead. */
LEADBUS_API int leadbus_process(leadbus *lb, struct leadbus_error *ret_error);
/* Waits until something happened or timeout_ms have passed, then processes. Returns 1 when
 * something was processed, 0 at the timeout, or as process. */
LEADBUS_API int leadbus_wait(leadbus *lb, int timeout_ms, struct leadbus_error *ret_error);

/* ---- sending ----------------------------------------------------------------------------------
 */

struct leadbus_section {
    const char *name; /* as kinds.tsv names it: "summary" */
    const void *data; /* the payload message's protobuf bytes */
    size_t len;
};

enum leadbus_draft_flag {
    LEADBUS_DRAFT_AS_STATED = 1, /* a value does not check and travels as stated */
    LEADBUS_DRAFT_LATE = 2,      /* entered later than it occurred */
    LEADBUS_DRAFT_EARLY = 16,    /* a section states why it comes before a step that should have
                                    come first; what is missing stays owed on the thread */
};

/* A file that goes with a draft. */
struct leadbus_draft_attachment {
    uint8_t id[16]; /* of leadbus_uploaded */
    int confirmed;  /* 1: the person who sends has looked, and it shows no DNA profile */
};

struct leadbus_draft {
    size_t size;
    const char *kind;
    const char *topic;     /* NULL or "": none. Of receipt.closed: the outcome */
    const char *area;      /* NULL or "": unknown */
    const char *officer;   /* officer code, or NULL */
    const char *purpose;   /* purpose code, or NULL */
    const uint8_t *thread; /* 16 bytes; NULL: the parent's, or a new one */
    const uint8_t *parent; /* 16 bytes, the message answered or acted on; NULL: none */
    const struct leadbus_section *sections;
    size_t section_count;
    uint64_t occurred_ms; /* 0, or when it happened on paper */
    uint64_t expires_ms;  /* 0, or UTC ms; only kinds that may expire */
    uint32_t flags;       /* leadbus_draft_flag */
    /* NULL, or 1..255 bytes: the same key with the same draft returns the first id; with another
     * draft "idempotency_conflict". Kept 30 days. */
    const char *idempotency_key;
    const uint8_t *id; /* NULL: a new one is made; or 16 bytes of the caller's own, unique */
    const struct leadbus_draft_attachment *attachments; /* in order; see leadbus_upload_begin */
    size_t attachment_count;
    const char *target; /* of a transfer and a request for its release: the unit; else NULL */
    const uint8_t
        *other;      /* of a link and of closing as merged: 16 bytes, the other thread; else NULL */
    uint64_t due_ms; /* 0, or UTC ms, by when it is to be closed; only kinds that are dated */
};

/* Checks, routes, seals, signs and makes durable. ret_id has 16 bytes. Errors: those of the plan
 * (kind_unknown, topic_unknown, sender_not_allowed, area_unknown, route_empty, level_mismatch),
 * of the lifecycle (lifecycle_order, lifecycle_role, return_not_allowed, parent_unknown,
 * thread_unknown, thread_closed), of the payload (payload_invalid or what check_section said),
 * expiry_not_allowed, too_large, attachment_not_allowed (of the kind, or a message has that file
 * already), not_found (attachments[i].id), missing_field (attachments[i].confirm_no_dna),
 * idempotency_conflict, outbox_full, bundle_expired, cert_expired,
 * cert_revoked, io, disk_full. */
LEADBUS_API int leadbus_submit(leadbus *lb, const struct leadbus_draft *draft, uint8_t *ret_id,
                               struct leadbus_error *ret_error);
/* The same in two steps, so that many share one commit: after stage the message has its id but is
 * not durable and is not sent; commit makes all staged ones durable together. leadbus_process
 * commits too. Tell nobody that it is taken before commit returned 0. */
LEADBUS_API int leadbus_stage(leadbus *lb, const struct leadbus_draft *draft, uint8_t *ret_id,
                              struct leadbus_error *ret_error);
LEADBUS_API int leadbus_commit(leadbus *lb, struct leadbus_error *ret_error);

/* An act on a message that was received (or, for urge and stand-down, sent): the kind receipt.* of
 * the act, with the message as parent. `outcome`: topic of the act's kind (closed: required;
 * returned: optional), else NULL. `officer`: the code of who acts, required: an act is a person's.
 * `data` is the payload of the kind's first section. */
enum leadbus_act {
    LEADBUS_ACT_SIGN = 2,         /* 签收 receipt.signed */
    LEADBUS_ACT_ACCEPT = 3,       /* 受理 receipt.accepted */
    LEADBUS_ACT_RETURN = 4,       /* 退回 receipt.returned */
    LEADBUS_ACT_PROGRESS = 5,     /* 反馈 receipt.progress */
    LEADBUS_ACT_CLOSE = 6,        /* 办结 receipt.closed */
    LEADBUS_ACT_URGE = 7,         /* 催办 supervision.urge */
    LEADBUS_ACT_STAND_DOWN = 8,   /* 解除 alert.missing-child-cancel */
    LEADBUS_ACT_TRANSFER = 9,     /* 转办 receipt.transferred: leadbus_submit, with a target */
    LEADBUS_ACT_ASK_RELEASE = 10, /* 请求放行 receipt.release-asked: likewise */
    LEADBUS_ACT_RELEASE = 11,     /* 答复放行 receipt.released, parent: the request */
    LEADBUS_ACT_GO_OUT = 12, /* 登记转出 notice.gone-out: leadbus_submit, with both sections */
    LEADBUS_ACT_WITHDRAW = 13, /* 撤回 notice.withdrawal */
    LEADBUS_ACT_OBJECT = 14,   /* 提出异议 receipt.objected, parent: the closing */
    LEADBUS_ACT_UPHOLD = 15,   /* 维持办结 supervision.upholding, parent: the objection */
    LEADBUS_ACT_REOPEN = 16,  /* 重新办理 supervision.reopening, parent: objection or closing */
    LEADBUS_ACT_HAND_IN = 22, /* 报送 supervision.assessment, parent: what asks for it */
    LEADBUS_ACT_REVIEW = 23,  /* 复核 supervision.review, parent: what was handed in; with due_ms:
                                 leadbus_submit */
    LEADBUS_ACT_INFORM = 24,  /* 更新告知 file.update, on a thread opened by file.access */
    LEADBUS_ACT_END_ACCESS = 25,       /* 终止查阅 file.end, likewise */
    LEADBUS_ACT_CONFIRM_DELETION = 26, /* 确认删除 receipt.deleted, parent: the stand-down; deletes
                                          here the content and files of what was stood down */
    LEADBUS_ACT_LINK = 17, /* 关联 notice.link: leadbus_submit, with the other thread */
};
LEADBUS_API int leadbus_act(leadbus *lb, enum leadbus_act act, const uint8_t *parent,
                            const char *officer, const char *outcome, const void *data, size_t len,
                            uint8_t *ret_id, struct leadbus_error *ret_error);

/* ---- files to send ------------------------------------------------------------------------------
 *
 * A file is sealed before the message that it goes with: in pieces, as they come, into encrypted
 * chunks on disk, so that a file of any size takes a few MiB of memory. What it got as its id is
 * named by one draft afterwards; what no draft has named within a day is removed. The chunks go to
 * the broker before the message does, each acknowledged as durable, and are gone on with where they
 * stood after a crash of either side. */

struct leadbus_file {
    size_t size;
    const char *kind;       /* of the message that it is for: another does not take it. NULL: any */
    const char *name;       /* file name: 1..255 bytes, one line, no folders */
    const char *media_type; /* "image/jpeg" */
    int needs_confirm;      /* 1: a draft may name it with `confirmed` alone */
};
struct leadbus_uploaded {
    size_t size;
    uint8_t id[16];
    uint64_t bytes;
    uint8_t sha256[32];
};
typedef struct leadbus_upload leadbus_upload;

/* kind_unknown, attachment_not_allowed (the kind takes none, or there is no folder), bad_value and
 * missing_field (name, media_type), outbox_full. Borrows the handle: end or abort it before
 * leadbus_close. Several may be open at a time. */
LEADBUS_API int leadbus_upload_begin(leadbus *lb, const struct leadbus_file *file,
                                     leadbus_upload **ret_upload, struct leadbus_error *ret_error);
/* The next piece, of any length. too_large, outbox_full, disk_full, io: nothing but abort is left.
 */
LEADBUS_API int leadbus_upload_write(leadbus_upload *upload, const void *data, size_t len,
                                     struct leadbus_error *ret_error);
/* The end of the file: durable on return. Takes the upload, also on failure. bad_value: empty. */
LEADBUS_API int leadbus_upload_end(leadbus_upload *take_upload,
                                   struct leadbus_uploaded *ret_uploaded,
                                   struct leadbus_error *ret_error);
LEADBUS_API void leadbus_upload_abort(leadbus_upload *take_upload); /* NULL accepted */
/* All of it in one call. `read` puts up to `cap` bytes into data and returns how many, 0 at the
 * end, or a negative code. */
LEADBUS_API int leadbus_attach(leadbus *lb, const struct leadbus_file *file,
                               long (*read)(void *ctx, void *data, size_t cap), void *ctx,
                               struct leadbus_uploaded *ret_uploaded,
                               struct leadbus_error *ret_error);
/* From where the descriptor stands to its end. */
LEADBUS_API int leadbus_attach_fd(leadbus *lb, const struct leadbus_file *file, int fd,
                                  struct leadbus_uploaded *ret_uploaded,
                                  struct leadbus_error *ret_error);
/* Takes back what no draft has named. not_found; attachment_not_allowed: a message has it. */
LEADBUS_API int leadbus_attach_drop(leadbus *lb, const uint8_t *id,
                                    struct leadbus_error *ret_error);

/* ---- preview: who would receive it and why ------------------------------------------------------
 */

typedef struct leadbus_preview leadbus_preview;

struct leadbus_recipient {
    const char *unit;
    const char *name_zh, *name_en;
    int must_sign;                         /* 1: must sign for it; 0: a copy */
    int primary;                           /* 主责 */
    const char *citation;                  /* "lead:2.1.3.1" */
    const char *citation_zh, *citation_en; /* what it points to, in words; may be empty */
    const char *reason_zh, *reason_en;     /* why the row is there; may be empty */
    uint32_t sections; /* bit i: may open section i of the draft (as leadbus_preview_section) */
    int keyed;         /* 0: has published no receiving key; gets it when somebody rewraps */
};
struct leadbus_skipped {
    const char *unit;
    const char *name_zh, *name_en;
    const char *clause; /* the clause that names it */
    const char *reason_zh, *reason_en;
};
/* draft->sections may be empty: then all sections of the kind are assumed. Errors: as submit's of
 * plan, thread and lifecycle. Free with leadbus_preview_free. */
LEADBUS_API int leadbus_preview_make(leadbus *lb, const struct leadbus_draft *draft,
                                     leadbus_preview **ret_preview,
                                     struct leadbus_error *ret_error);
LEADBUS_API void leadbus_preview_free(leadbus_preview *preview);
LEADBUS_API size_t leadbus_preview_recipient_count(const leadbus_preview *preview);
LEADBUS_API const struct leadbus_recipient *
leadbus_preview_recipient(const leadbus_preview *preview, size_t i);
LEADBUS_API size_t leadbus_preview_skipped_count(const leadbus_preview *preview);
LEADBUS_API const struct leadbus_skipped *leadbus_preview_skipped(const leadbus_preview *preview,
                                                                  size_t i);
LEADBUS_API size_t leadbus_preview_section_count(const leadbus_preview *preview);
LEADBUS_API const char *leadbus_preview_section(const leadbus_preview *preview, size_t i);
enum leadbus_preview_flag {
    LEADBUS_PREVIEW_READDRESSED = 1,  /* no rule matched: police in full, office as notice */
    LEADBUS_PREVIEW_ONLY_ORIGIN = 2,  /* all who must sign are the sender itself */
    LEADBUS_PREVIEW_AREA_UNKNOWN = 4, /* a street was wanted and none is addressed */
};
LEADBUS_API uint32_t leadbus_preview_flags(const leadbus_preview *preview);

/* ---- outbox -------------------------------------------------------------------------------------
 */

enum leadbus_outbox_state {
    LEADBUS_QUEUED = 1,    /* durable here, waits for the network or for a time */
    LEADBUS_SENT = 2,      /* on the wire, no answer yet */
    LEADBUS_RECEIPTED = 3, /* proved to stand in the journal: cannot be denied or lost any more */
    LEADBUS_REFUSED = 4,   /* for good; code says why */
};
struct leadbus_outgoing {
    size_t size;
    uint8_t id[16], thread[16];
    int state; /* leadbus_outbox_state */
    char kind[48], topic[48];
    uint64_t created_ms;
    uint32_t attempts;          /* times it was put on the wire */
    uint64_t retry_ms;          /* QUEUED: not before then; 0 = as soon as possible */
    uint64_t index;             /* RECEIPTED: journal index */
    uint64_t record_ms;         /* RECEIPTED: record time */
    int provisional;            /* RECEIPTED by a broker that no witness has vouched for yet */
    struct leadbus_error error; /* REFUSED: why; QUEUED: why the last attempt was put off */
};
/* not_found. Fills up to ret_outgoing->size bytes. */
LEADBUS_API int leadbus_outbox_get(leadbus *lb, const uint8_t *id,
                                   struct leadbus_outgoing *ret_outgoing,
                                   struct leadbus_error *ret_error);
/* Newest first, those whose state is in `states` (bits 1 << state; 0 = all), at most `limit`.
 * `each` returns 0 to go on. */
LEADBUS_API int leadbus_outbox_each(leadbus *lb, unsigned states, size_t limit,
                                    int (*each)(void *ctx, const struct leadbus_outgoing *outgoing),
                                    void *ctx, struct leadbus_error *ret_error);
/* The receipt as c2sp.org/tlog-proof text, which proves itself off line together with the record's
 * bytes (leadbus_record). Free both with leadbus_free. not_found: none yet. */
LEADBUS_API int leadbus_receipt(leadbus *lb, const uint8_t *id, char **ret_text, size_t *ret_len,
                                struct leadbus_error *ret_error);
LEADBUS_API int leadbus_record(leadbus *lb, const uint8_t *id, uint8_t **ret_record,
                               size_t *ret_len, struct leadbus_error *ret_error);
/* Receipts of origins that the journal had before it was put back from a backup, the newest first
 * (nth from 1), and the record that each proves. They stay statements that the broker signed. The
 * outputs may be NULL. not_found: no such one. */
LEADBUS_API int leadbus_former(leadbus *lb, const uint8_t *id, size_t nth, char **ret_text,
                               size_t *ret_len, uint8_t **ret_record, size_t *ret_record_len,
                               struct leadbus_error *ret_error);
LEADBUS_API void leadbus_free(void *take_memory);

/* ---- inbox and messages
 * --------------------------------------------------------------------------- */

enum leadbus_item_type {
    LEADBUS_ITEM_MESSAGE = 1,
    LEADBUS_ITEM_NOTICE = 2,    /* a journal record about something of ours: `notice` says what */
    LEADBUS_ITEM_TOMBSTONE = 3, /* expired before it was delivered */
    LEADBUS_ITEM_EXCEPTION = 4, /* could not be opened or does not fit: `code`; it was reported */
    LEADBUS_ITEM_SENT = 5,      /* in threads only: our own message */
};
enum leadbus_notice {
    LEADBUS_NOTICE_NONE = 0,
    LEADBUS_NOTICE_EXPIRED = 1,   /* messages ran out of time; `count` of them */
    LEADBUS_NOTICE_EXCEPTION = 2, /* unit `from` could not take message `id`, or an attachment of
                                     it: `code` */
    LEADBUS_NOTICE_REWRAPPED = 3, /* unit `from` rewrapped message `id` for a reader */
    LEADBUS_NOTICE_OTHER = 4,
    LEADBUS_NOTICE_OVERDUE = 5, /* unit `from` did not keep `count` of its terms, of `thread` where
                                   all are of one. To that unit and the joint-conference office */
    LEADBUS_NOTICE_GAP = 6,     /* of `thread`: for some time nobody seems to have had the person in
                                   their care */
    LEADBUS_NOTICE_ALERT_END = 7, /* of `thread`: an alert is past its end and was not stood down */
    LEADBUS_NOTICE_AGAIN = 8,     /* of `thread`: what should come once has come again */
    LEADBUS_NOTICE_UNANSWERED = 9, /* of `thread`: a report was not answered in time. To the
                                      procuratorate that supervises it */
    LEADBUS_NOTICE_CUT = 10, /* of `thread`: a step came, with a reason, before a period was over
                                that it has to wait for. To its sender, the procuratorate and the
                                joint-conference office */
};
/* ---- who inside the unit is told
 *
 * While something waits to be signed for, the ranks of the unit's roster are told one after the
 * other: who is on duty at once, the deputy when half of the term to sign is over, the head at
 * three quarters. At its end the bus tells the office. The library keeps when each is due and that
 * it was told; who that is and how is the caller's.
 *
 * An alert that is immediate by its kind is told again, to all of them, after every interval that
 * leadbus_rung_repeat sets, until it is signed for, stood down or past its end. */
enum leadbus_rank { LEADBUS_RANK_DUTY, LEADBUS_RANK_DEPUTY, LEADBUS_RANK_HEAD, LEADBUS_RANK_ALL };
enum { LEADBUS_RANK_COUNT = 3 }; /* without ALL, which is a repetition */
enum leadbus_rung_result {
    LEADBUS_RUNG_OPEN = 0, /* begun, and no end of it is known yet */
    LEADBUS_RUNG_TOLD = 1,
    LEADBUS_RUNG_FAILED = 2, /* the attempt failed */
    LEADBUS_RUNG_NOBODY =
        3, /* nobody of that rank was on the roster: the next one follows at once */
    LEADBUS_RUNG_AGAIN = 4, /* begun a second time, and no end of it is known: not begun again */
};
/* What an item says of one. */
struct leadbus_told {
    uint64_t at_ms; /* when it was begun; 0: not yet */
    int result;     /* leadbus_rung_result */
};
struct leadbus_rung {
    size_t size;
    uint8_t thread[16], id[16]; /* of the message that waits */
    const char *kind;           /* of it; "" where that has not come yet. Until the next call */
    int rank;                   /* leadbus_rank */
    uint64_t at_ms;             /* it is due then */
    int again; /* 1: it was begun before, and its end is not known: somebody may be told twice; or
                  it is a repetition */
    uint64_t shown;   /* how often somebody has been told of it */
    uint64_t from_ms; /* it came here then; 0: it has not come yet */
};

/* A term that was not kept, as the journal names it. */
struct leadbus_missed {
    uint8_t thread[16];
    uint64_t index;                       /* of the message whose leg it is a term of */
    const char *term, *term_zh, *term_en; /* "sign", as `due` of leadbus_leg; static */
    uint64_t due_ms;                      /* it had to be done before */
};
/* An act that waits for a decision: a request for a release (its sender decides, and the
 * joint-conference office where it does not in time), an objection (the office), something returned
 * (who sent it), a report (who asked for it). */
struct leadbus_decision {
    int act; /* leadbus_act that asks: ask-release, object, return, hand-in; 0: nothing waits */
    uint8_t message[16], about[16]; /* of that act; of the message that it is about, zeros where
                                       that is not known here */
    const char *unit, *from;        /* who decides, who asks: keys; "" where not known here */
    const char *kind;               /* of the message that it is about; "" likewise */
    const char *owed_zh, *owed_en;  /* what is to be decided; static */
    const char *topic;              /* of the act: why it was returned; "" */
    uint64_t asked_ms, due_ms;      /* due_ms 0: no clock of the plan runs */
    int own;                        /* this unit decides */
    int overdue, escalated;         /* as the office, who was asked not having answered in time */
};

struct leadbus_item {
    uint64_t number; /* local, ascending in order of arrival, from 1; 0 for our own messages */
    int type;        /* leadbus_item_type */
    int notice;      /* leadbus_notice */
    int code;        /* of an exception; 0 otherwise */
    uint8_t id[16], thread[16], parent[16]; /* zeros where there is none */
    const char *kind, *topic, *from, *officer, *area, *purpose, *citation; /* never NULL */
    uint32_t urgency, level, flags; /* flags: HeaderFlag of envelope.proto */
    int must_sign;                  /* we must sign for it */
    int proved;                     /* its inclusion in the journal was proved */
    uint32_t lane;
    uint64_t position, index; /* of our lane; of the journal */
    uint64_t created_ms, occurred_ms, expires_ms, record_ms, received_ms;
    uint64_t count;
    uint64_t missing_before; /* messages of this sender to us that have not arrived before this */
    int state;               /* SENT: leadbus_outbox_state */
    /* How far we are with what we must sign for: "delivered", "signed"; "" where nothing is owed.
     */
    const char *leg, *leg_zh, *leg_en; /* static */
    int leg_done;                      /* nothing more is owed */
    int leg_next;                      /* leadbus_act that comes next; 0 when done */
    /* As in leadbus_leg. */
    uint64_t due_ms;
    const char *due, *due_zh, *due_en; /* static */
    int overdue, paused;
    uint64_t close_ms;
    int extended;
    int raised; /* the urgency by which the thread's clocks run while it is under supervision; 0 */
    /* Of an act in a thread: the term that had passed when it was done; "" where it was in time. */
    const char *late, *late_zh, *late_en; /* static */
    const struct leadbus_missed *missed; /* of a notice that terms were not kept; in a thread, those
                                            of that thread */
    size_t missed_count;
    struct leadbus_told told[LEADBUS_RANK_COUNT]; /* where we must sign for it */
    int deleted; /* of a message that was got whole: its content was deleted here (confirm-deletion)
                  */
    /* An alert that waits to be signed for and is told again until it is; how often somebody here
     * was told, and when last (0: not yet). */
    int repeats;
    uint64_t shown, shown_ms;
    /* Of what leadbus_inbox_due gives: this unit is to decide about it. It may have to be signed
     * for as well. */
    struct leadbus_decision decision;
    const char *target; /* whom it is passed on or addressed to by name: a key; "" */
};
/* In order of number, from `after` (exclusive; 0 = the first), at most `limit`; without sections.
 * `each` returns 0 to go on. */
LEADBUS_API int leadbus_inbox_each(leadbus *lb, uint64_t after, size_t limit,
                                   int (*each)(void *ctx, const struct leadbus_item *item),
                                   void *ctx, struct leadbus_error *ret_error);
/* The same, newest first: those below `before` (exclusive; 0 = from the last one). */
LEADBUS_API int leadbus_inbox_newest(leadbus *lb, uint64_t before, size_t limit,
                                     int (*each)(void *ctx, const struct leadbus_item *item),
                                     void *ctx, struct leadbus_error *ret_error);
/* What this unit still owes, legs and decisions, what is due first on top, what has no term running
 * last. The item is the message that the leg is about, or that asks for the decision; number 0 and
 * most else empty where it has not come yet. Goes on behind `after`: due_ms (of the leg, or of the
 * decision; the earlier one), thread and id of the last item that was given (NULL: from the first).
 * The cost grows with `limit`, not with the store. */
struct leadbus_due_place {
    uint64_t due_ms;
    uint8_t thread[16], id[16];
};
LEADBUS_API int leadbus_inbox_due(leadbus *lb, const struct leadbus_due_place *after, size_t limit,
                                  int (*each)(void *ctx, const struct leadbus_item *item),
                                  void *ctx, struct leadbus_error *ret_error);
/* The alerts that nobody here has signed for and that are not over, those of which nobody was told
 * for longest on top. */
LEADBUS_API int leadbus_inbox_unsigned(leadbus *lb, size_t limit,
                                       int (*each)(void *ctx, const struct leadbus_item *item),
                                       void *ctx, struct leadbus_error *ret_error);
/* What is repeated is given every every_ms from now on (0, as after opening: never), by rank ALL:
 * after the last rank. ranks 0: there is no roster; no rank is given, and it begins with the
 * delivery. However long nobody asked, it is given once. */
LEADBUS_API void leadbus_rung_repeat(leadbus *lb, uint64_t every_ms, int ranks);
/* The rung that comes first, due or not; not_found: nothing waits. One look at an index. */
LEADBUS_API int leadbus_rung_next(leadbus *lb, struct leadbus_rung *ret_rung,
                                  struct leadbus_error *ret_error);
/* Once, after opening, before the first rung is asked for: what was begun and whose end is not
 * known, as after a crash, is due again, and marked; once, and only while its message still waits.
 */
LEADBUS_API int leadbus_rung_resume(leadbus *lb, uint64_t *ret_count,
                                    struct leadbus_error *ret_error);
/* The rung is begun now, durably: from here on it is given again by leadbus_rung_resume alone; a
 * repetition when its interval is over. Then how it ended. */
LEADBUS_API int leadbus_rung_begin(leadbus *lb, const struct leadbus_rung *rung,
                                   struct leadbus_error *ret_error);
LEADBUS_API int leadbus_rung_end(leadbus *lb, const struct leadbus_rung *rung,
                                 enum leadbus_rung_result result, struct leadbus_error *ret_error);
LEADBUS_API uint64_t leadbus_inbox_last(leadbus *lb); /* highest number; 0 = empty */

typedef struct leadbus_message leadbus_message;
/* One message with what we may read of it, by id, received or our own. Wiped and freed by
 * leadbus_message_free. not_found. */
LEADBUS_API int leadbus_message_get(leadbus *lb, const uint8_t *id, leadbus_message **ret_message,
                                    struct leadbus_error *ret_error);
/* By inbox number: for notices and exceptions too. */
LEADBUS_API int leadbus_inbox_get(leadbus *lb, uint64_t number, leadbus_message **ret_message,
                                  struct leadbus_error *ret_error);
LEADBUS_API void leadbus_message_free(leadbus_message *message);
LEADBUS_API const struct leadbus_item *leadbus_message_item(const leadbus_message *message);
LEADBUS_API size_t leadbus_message_section_count(const leadbus_message *message);
/* 1, or 0 where i is out of range. Sections that we may not open are not listed. */
LEADBUS_API int leadbus_message_section(const leadbus_message *message, size_t i,
                                        struct leadbus_section *ret_section);
/* All recipients, as the header states them: unit, must_sign, citation, sections, keyed, primary;
 * the citation and its reason in the words of the plan in force. */
LEADBUS_API size_t leadbus_message_recipient_count(const leadbus_message *message);
LEADBUS_API const struct leadbus_recipient *
leadbus_message_recipient(const leadbus_message *message, size_t i);

/* ---- the same number elsewhere
 * -------------------------------------------------------------------
 *
 * Two leads about one person or thing often share a number: identity, birth certificate, number
 * plate, case. The store has a blind index of them, keyed by the unit's secrets, of what this unit
 * may open and of what it sent itself. Nobody else learns of a match; it goes with the content. */

struct leadbus_same {
    uint8_t thread[16];
    const char *what, *what_zh, *what_en; /* which number: "certificate"; static */
};
/* Other threads that have a number of message `id`, at most cap of them; *ret_more: there are more.
 * A message that is not here has none. */
LEADBUS_API int leadbus_same_numbers(leadbus *lb, const uint8_t *id, struct leadbus_same *ret_same,
                                     size_t cap, size_t *ret_count, int *ret_more,
                                     struct leadbus_error *ret_error);

/* Revisions of an alert rise by one, and a stand-down names the last that was issued: the number
 * that alert `id`, or its stand-down, states, and the one that should come by what this unit has of
 * its thread from before it. 0: it states none; nothing can be said. A message that is out of order
 * is kept and signed for like others. not_found. */
LEADBUS_API int leadbus_alert_revision(leadbus *lb, const uint8_t *id, uint32_t *ret_stated,
                                       uint32_t *ret_expected, struct leadbus_error *ret_error);

/* ---- files of messages --------------------------------------------------------------------------
 *
 * Files of a message that arrived are fetched behind it, a few chunks at a time; each chunk is held
 * against what the sender signed before it is stored, and the whole against the sender's SHA-256
 * before anybody may read it. Those of our own messages can be read at once. */

enum leadbus_attachment_state {
    LEADBUS_ATTACHMENT_SENDING = 2, /* ours: the broker does not have all of it yet */
    LEADBUS_ATTACHMENT_SENT = 3,
    LEADBUS_ATTACHMENT_FETCHING = 4,
    LEADBUS_ATTACHMENT_HERE = 5,
    LEADBUS_ATTACHMENT_REFUSED = 6, /* `code` says why; its bytes are not kept. Where the content
                                       was refused here, the sender is told */
    LEADBUS_ATTACHMENT_NO_ROOM = 7, /* above its sender's share of attachments_max (`code` is
                                       attachment_room): fetched when there is room */
};
struct leadbus_attachment {
    size_t size;
    const char *section, *name, *media_type; /* as the sender names them */
    uint64_t bytes;
    uint8_t sha256[32];
    int confirmed; /* the sender confirmed that it shows no DNA profile */
    int state;     /* leadbus_attachment_state */
    int code;
    uint32_t chunks, chunks_done; /* of SENDING and FETCHING: how far it is */
};
/* Files of sections that we may not open are not listed. */
LEADBUS_API size_t leadbus_message_attachment_count(const leadbus_message *message);
/* 1, or 0 where i is out of range. Texts are borrowed from the message. */
LEADBUS_API int leadbus_message_attachment(const leadbus_message *message, size_t i,
                                           struct leadbus_attachment *ret_attachment);
/* Opens the i-th for reading. not_found; attachment_pending: not all of it is here;
 * attachment_room; the code of a REFUSED one. Borrows the handle: close it before leadbus_close. */
LEADBUS_API int leadbus_attachment_open(leadbus *lb, const uint8_t *message, size_t i,
                                        leadbus_reader **ret_reader,
                                        struct leadbus_error *ret_error);
/* Up to cap bytes from `offset`; *ret_len 0: behind the end. Holds one decrypted chunk in memory.
 * chunk_invalid, not_found: our disk does not have what was stored; it is fetched again, where it
 * was sent to us. */
LEADBUS_API int leadbus_attachment_read(leadbus_reader *reader, uint64_t offset, void *ret_data,
                                        size_t cap, size_t *ret_len,
                                        struct leadbus_error *ret_error);
LEADBUS_API void leadbus_attachment_close(leadbus_reader *take_reader); /* wipes; NULL accepted */

/* What examine_attachment answered LEADBUS_LATER to is decided: process asks it again. */
LEADBUS_API void leadbus_examined(leadbus *lb);

/* ---- threads
 * ------------------------------------------------------------------------------------- */

typedef struct leadbus_thread leadbus_thread;

enum leadbus_thread_state { LEADBUS_THREAD_NONE, LEADBUS_THREAD_OPEN, LEADBUS_THREAD_CLOSED };

struct leadbus_leg {
    const char *unit;
    const char *name_zh, *name_en;
    uint8_t message[16]; /* that made the leg */
    const char *kind;
    int primary;
    int done;
    const char *state;               /* "signed" */
    const char *state_zh, *state_en; /* "已签收", "signed for" */
    uint64_t changed_ms;             /* record time of the last act on it */
    const char *outcome;             /* closed: its topic; else "" */
    uint64_t due_ms;                 /* what it owes next is to be done before; 0: nothing runs */
    const char *due;                 /* "sign", "accept", "progress", "close", "deliver"; "" */
    const char *due_zh, *due_en;
    int overdue;        /* that moment has passed, by this machine's clock */
    int missed;         /* how many of its terms were not kept so far */
    int paused;         /* its clocks stand still */
    uint64_t close_ms;  /* it is to be closed before, whatever comes first; 0: no such term runs */
    int extended;       /* the unit itself has moved that moment, which it may once */
    uint64_t signed_ms; /* when it was signed for; 0: it was not, or that did not come here */
};
/* What this unit knows of the thread; each fact was in a message that it sent or got, or in what
 * leadbus_thread_ask brought. not_found. */
LEADBUS_API int leadbus_thread_get(leadbus *lb, const uint8_t *thread, leadbus_thread **ret_thread,
                                   struct leadbus_error *ret_error);
/* For the joint-conference office, which may see the headers of threads that it is not on: asks the
 * bus for them. 0: asked, LEADBUS_CHANGED_THREAD tells when the answer is stored (without messages:
 * legs only; then the office may urge); 1: answered a few seconds ago, nothing newer is asked for.
 * role_not_allowed: another unit; network: not connected; busy: another thread is being asked for;
 * thread_unknown: the bus has just said so. */
LEADBUS_API int leadbus_thread_ask(leadbus *lb, const uint8_t *thread,
                                   struct leadbus_error *ret_error);
LEADBUS_API void leadbus_thread_free(leadbus_thread *thread);
/* Stages the deletion of the contents and files of all that came on the thread; headers and proofs
 * stay, and each item says that it is deleted. leadbus_commit makes it durable. io, disk_full. */
LEADBUS_API int leadbus_thread_erase(leadbus *lb, const uint8_t *thread,
                                     struct leadbus_error *ret_error);
LEADBUS_API int leadbus_thread_status(const leadbus_thread *thread); /* leadbus_thread_state */
LEADBUS_API int leadbus_thread_listed(const leadbus_thread *thread); /* 1: under supervision */
/* 1: it has more legs than are kept here (4,096; its own beyond that). The bus has them all. */
LEADBUS_API int leadbus_thread_cut(const leadbus_thread *thread);
/* The urgency by which its clocks run since then, 1 to 4; 0: each by its own. */
LEADBUS_API int leadbus_thread_raised(const leadbus_thread *thread);
/* A step of one of the plan's chains, "rescue/handover", as far as this unit had the messages. */
struct leadbus_step {
    const char *step, *name_zh, *name_en; /* names: "" where the plan has it no more */
    uint64_t at_ms;                       /* as stated; 0: it has not come */
    uint64_t until_ms; /* the period that it runs is over then; 0: it has none, or has not come */
    int owed;          /* 1: it was wanted before something that came early */
    int moot;          /* 1: it was, and one of the units that the plan names said why it is
                          needed no more */
};
/* What waits on the thread for a decision, this unit's own and those of others. 0 where i is out of
 * range; the strings live as long as the thread. */
LEADBUS_API int leadbus_thread_decision(const leadbus_thread *thread, size_t i,
                                        struct leadbus_decision *ret);
LEADBUS_API size_t leadbus_thread_step_count(const leadbus_thread *thread);
/* 0 where i is out of range; the strings live as long as the thread. */
LEADBUS_API int leadbus_thread_step(const leadbus_thread *thread, size_t i,
                                    struct leadbus_step *ret);
struct leadbus_custody {
    const char *holder; /* "nobody", "unit", "family", "placement" */
    const char *unit;   /* its key; "": no unit has it */
    uint64_t since_ms;
    uint32_t gap_count;
    uint64_t gap_from_ms, gap_until_ms; /* the newest; 0: none */
};
/* Who has the person of the thread in their care; the strings live as long as the thread. */
LEADBUS_API void leadbus_thread_custody(const leadbus_thread *thread, struct leadbus_custody *ret);
LEADBUS_API size_t leadbus_thread_item_count(const leadbus_thread *thread);
/* Journal order, our own not yet receipted ones last; without sections. Notices that terms of the
 * thread were not kept stand among them. */
LEADBUS_API const struct leadbus_item *leadbus_thread_item(const leadbus_thread *thread, size_t i);
LEADBUS_API size_t leadbus_thread_leg_count(const leadbus_thread *thread);
LEADBUS_API const struct leadbus_leg *leadbus_thread_leg(const leadbus_thread *thread, size_t i);

struct leadbus_thread_summary {
    uint8_t thread[16];
    const char *kind, *topic, *area, *from; /* of the opening message, as far as known */
    uint32_t urgency;
    uint64_t opened_ms, changed_ms;
    uint64_t message_count;
    int status; /* leadbus_thread_state */
    /* State of our own newest leg that is not done; else of our newest one about a matter (an urge
     * that was signed for says nothing of it), else of our newest; or "". */
    const char *leg;
    const char *leg_zh, *leg_en;
};
/* What a thread began with, as far as known here: of one whose first message did not come here the
 * kind of what its units are about. "" where that is not known either. */
struct leadbus_opening {
    char kind[64], topic[64], from[64];
};
/* not_found. One row. */
LEADBUS_API int leadbus_thread_opening(leadbus *lb, const uint8_t *thread,
                                       struct leadbus_opening *ret_opening,
                                       struct leadbus_error *ret_error);
/* Newest change first, at most `limit`. */
LEADBUS_API int leadbus_thread_each(leadbus *lb, size_t limit,
                                    int (*each)(void *ctx,
                                                const struct leadbus_thread_summary *one),
                                    void *ctx, struct leadbus_error *ret_error);

/* ---- what a unit's own programs keep ------------------------------------------------------------
 *
 * Records of the caller's own beside the messages, sealed at rest as those are, and durable in the
 * same commit as what was staged. */
struct leadbus_local {
    uint8_t id[16];
    uint64_t due_ms; /* something is to be done by then; 0: nothing */
    const void *data;
    size_t len;
};
/* Stages; leadbus_commit makes it durable. One with the same id is replaced. io, disk_full. */
LEADBUS_API int leadbus_local_put(leadbus *lb, const struct leadbus_local *local,
                                  struct leadbus_error *ret_error);
/* not_found. ret_data goes back by leadbus_free. */
LEADBUS_API int leadbus_local_get(leadbus *lb, const uint8_t *id, void **ret_data, size_t *ret_len,
                                  struct leadbus_error *ret_error);
/* What is due first on top, at most `limit`; `data` lives until `each` returns (0: go on). */
LEADBUS_API int leadbus_local_each(leadbus *lb, size_t limit,
                                   int (*each)(void *ctx, const struct leadbus_local *local),
                                   void *ctx, struct leadbus_error *ret_error);

/* ---- how this unit kept its terms ---------------------------------------------------------------
 *
 * What the assessment (考核) counts, of this unit alone and from what it holds: its own legs, with
 * the moments that the journal gave them. What it sent and has no receipt for does not count yet;
 * what the bus holds for it and has not delivered is not known here. */

struct leadbus_term {
    const char *term, *term_zh, *term_en; /* "sign"; static */
    uint64_t due_ms;                      /* it had to be done before; 0: it did not run, or the
                                             bus alone knows (delivery, unless it was missed) */
    uint64_t at_ms;                       /* it was done, whole seconds; 0: not, or not yet */
    int missed;
    uint64_t record; /* that says so, by its journal index; 0: none came here, as of what was done
                        late before anybody said so */
};
enum { LEADBUS_TERM_COUNT = 5 };
struct leadbus_own_leg {
    uint8_t thread[16], message[16]; /* that the leg is about */
    const char *kind, *topic, *from; /* of it */
    const char *clause, *citation;   /* task or duty that makes it ours; "": none */
    uint64_t index, since_ms;        /* of the record that began the leg */
    const char *state, *state_zh, *state_en;
    struct leadbus_term terms[LEADBUS_TERM_COUNT];
    uint64_t ended_ms;      /* nothing is owed any more; 0: something is */
    int ended_by;           /* leadbus_act of its end; 0: none of those, or not ended */
    int extended;           /* by this unit itself */
    uint32_t extensions;    /* by whomever */
    uint64_t paused_for_ms; /* in all, without the pause that lasts */
    int paused;
    int plan_known; /* 0: the plan that it began under is no longer held; its due moments are by a
                       later one */
};
struct leadbus_own_state {
    size_t size;
    uint64_t record_count; /* the newest record held here is before this one */
    uint64_t record_ms;    /* its time */
    uint64_t pending;      /* messages of ours without a receipt */
    uint64_t expired;      /* messages that ran out of time before they came: not counted */
};
/* Every leg of this unit that began in [from_ms, until_ms), threads in no order, within one in the
 * journal's. `each` returns 0 to go on; strings and the leg live until it returns. Folds the
 * headers of each thread that has one: the cost grows with the messages of those. ret_state may be
 * NULL. */
LEADBUS_API int leadbus_own_legs(leadbus *lb, uint64_t from_ms, uint64_t until_ms,
                                 int (*each)(void *ctx, const struct leadbus_own_leg *leg),
                                 void *ctx, struct leadbus_own_state *ret_state,
                                 struct leadbus_error *ret_error);

/* ---- state
 * --------------------------------------------------------------------------------------- */

struct leadbus_stats {
    size_t size;
    char unit[64];
    uint64_t serial;
    char bus[128], origin[256], endpoint[256];
    int connected;           /* 1: greeted by the broker */
    uint64_t connected_ms;   /* since when, or since when not */
    uint64_t heard_ms;       /* last frame from the broker; 0 = never */
    int64_t clock_offset_ms; /* broker's time minus ours, at the last greeting or pong */
    int provisional;         /* the broker serves without a witness's word */
    uint64_t queued, sent, receipted, refused;          /* outbox rows by state */
    uint64_t received, notices, tombstones, exceptions; /* inbox rows by type */
    uint64_t position[2];     /* per lane (0 urgent, 1 normal): durable here */
    uint64_t acknowledged[2]; /* per lane: the broker's journal holds our acknowledgement */
    uint64_t bundle;          /* version in force here */
    uint64_t bundle_expires_ms, bundle_hard_limit_ms;
    uint64_t certificate_not_after_ms; /* of a revoked one: since when */
    uint64_t checkpoint_size;          /* newest checkpoint trusted for good */
    uint8_t checkpoint_root[32];
    uint64_t epoch, epoch_not_after_ms;             /* our newest published receiving key */
    uint64_t frames_in, frames_out, refused_frames; /* refused: from the broker and not believed */
    struct leadbus_error last_error;                /* last thing that went wrong, with its time */
    uint64_t last_error_ms;
    uint64_t alarm_ms; /* a proof of the broker's did not hold; 0: none, or it is over: the journal
                          with all that was seen answers again. Tell the authority: the journal
                          may be forked */
    struct leadbus_error alarm;
    uint64_t uploads, downloads; /* attachments to be sent, and to be fetched */
    uint64_t attachment_bytes;   /* in the folder, or just coming */
    uint64_t again[2]; /* per lane: acknowledged once, not in this store, still to be fetched again:
                          the store was put back from an older copy */
    uint64_t rewraps;  /* owed to recipients who had no key, or lost it, until they have one */
    uint64_t roomless; /* of `downloads`: those that wait for room */
    uint64_t owed, overdue; /* what this unit has yet to do, and of that what has passed its term */
    uint64_t bus_ms;        /* the bus's time, as it said it last; 0: not since this was opened */
};
/* Fills up to ret_stats->size bytes. */
LEADBUS_API void leadbus_stats(leadbus *lb, struct leadbus_stats *ret_stats);

/* The bus was put back from a backup that lacks what this unit has seen: nothing is sent or
 * received until somebody at the unit says that it is right. */
struct leadbus_restored {
    size_t size;
    char origin[256]; /* the journal's new name: the bus's operator says it, by another way */
    char reason[256]; /* in the operator's words */
    uint64_t time_ms; /* of the act */
    uint64_t backup_size, seen_size; /* records that the backup has; that were seen here */
    uint64_t send_again, received; /* our messages with a receipt beyond it; what came from there */
};
/* 1: the broker shows one that waits for a word. 0: no; nothing is filled in. */
LEADBUS_API int leadbus_restored(leadbus *lb, struct leadbus_restored *ret_restored);
/* Goes along with it: what was receipted beyond the backup is sent again, each message once for
 * whoever has it already. not_found: none is shown; origin_mismatch: one of another name. */
LEADBUS_API int leadbus_confirm_restored(leadbus *lb, const char *origin,
                                         struct leadbus_error *ret_error);

/* Installs a newer bundle that came by another way (a file). bundle_rollback, note_invalid,
 * threshold_not_met, bad_form, bad_table, io. */
LEADBUS_API int leadbus_bundle_install(leadbus *lb, const void *bundle, size_t len,
                                       struct leadbus_error *ret_error);
/* The encoded bundle in force; borrowed until the next call that is not a reading one. */
LEADBUS_API void leadbus_bundle(leadbus *lb, const void **ret_bundle, size_t *ret_len);
/* The newest checkpoint (signed note) trusted; empty when none. Borrowed as above. */
LEADBUS_API void leadbus_checkpoint(leadbus *lb, const void **ret_note, size_t *ret_len);

#ifdef __cplusplus
}
#endif

#endif
