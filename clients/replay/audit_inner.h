/* audit_inner: the walk's state, shared by audit.c (the walk) and audit_check.c (one record's
 * checks). */
#ifndef CLIENTS_REPLAY_AUDIT_INNER_H
#define CLIENTS_REPLAY_AUDIT_INNER_H

#include "clients/replay/audit.h"
#include "proto/checkpoint.h"
#include "proto/note.h"

enum {
    AUDIT_LOG_KEY_COUNT_MAX = 64,
    AUDIT_PENDING_COUNT_MAX = 16, /* checkpoints older than the bundle that certifies their key */
    AUDIT_ARENA_BYTES_MAX = 8 * 1024 * 1024,
};

/* An origin that the journal had, and the record that ended it. */
struct audit_former {
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    uint64_t end;
};

struct audit {
    const struct audit_options *options;
    struct store *store;
    struct core *core; /* NULL with AUDIT_RECORDS */
    struct merkle_frontier frontier;
    struct arena arena;
    struct buf bytes, hashes, blob, note;
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    char bus[LIMIT_NOTE_NAME_LEN_MAX + 1];
    size_t former_count;
    struct audit_former formers[LIMIT_RESTORED_COUNT_MAX];
    uint8_t genesis_root[32];
    bool root_known, anchored;
    struct trust_root root;
    struct trust_bundle *bundle, *previous;
    /* Bundles are opened twice when folding: core owns one of them. */
    struct trust_bundle *take_for_core;
    size_t log_key_count;
    uint8_t log_keys[AUDIT_LOG_KEY_COUNT_MAX][32];
    size_t pending_count;
    uint64_t pending[AUDIT_PENDING_COUNT_MAX];
    uint64_t seen_size; /* a head named by an envelope, whose root is: */
    uint8_t seen_root[32];
    uint64_t checkpoint_size;
    struct buf checkpoint_note;
    struct core_effects effects;
    struct core_routing routing; /* of the envelope at hand */
    struct audit_totals totals;
};

/* What one record's checks found out, for the fold and the hook. */
struct audit_seen {
    uint64_t time_ms; /* the record's */
    struct envelope envelope;
    const Leadbus__AckBody *ack;
    bool is_envelope;
    bool is_signed;          /* a signature was verified, under: */
    uint8_t signing_key[32]; /* the identity key of the certificate that the record names */
};

/* Everything about one record but the tree: form, digests of what stands beside it, signatures.
 * Installs bundles. On failure error.field is "records[i]..." */
int audit_check_record(struct audit *audit, uint64_t index, const Leadbus__Record *record,
                       struct audit_seen *ret_seen, struct error *ret_error) MUST_USE;

/* A backup that was put back: the head that it states is the journal's own, and the name is new. */
int audit_check_restored(struct audit *audit, uint64_t index, const Leadbus__Restored *record,
                         struct error *ret_error) MUST_USE;
/* After the walk: the head that somebody kept is of this very journal. */
int audit_check_held(struct audit *audit, struct error *ret_error) MUST_USE;

/* Counts a record's attachments and checks what is there of their chunks. */
int audit_check_chunks(struct audit *audit, uint64_t index, const Leadbus__Manifest *manifest,
                       struct error *ret_error) MUST_USE;

/* After the walk: the file holds what was walked and nothing else. E_JOURNAL_CORRUPT, E_IO. */
int audit_check_file(const struct audit *audit, struct error *ret_error) MUST_USE;

/* Fills error with "records[i]<suffix>" in front of what went wrong there, in both languages: `zh`
 * and `en` as in error_say. */
#define audit_fault(ret_error, code, index, suffix, zh, en, ...)                                   \
    error_pass(code, ((void)audit_fault_note(ret_error, code, index, suffix, en, ##__VA_ARGS__),   \
                      error_note_zh(ret_error, zh, ##__VA_ARGS__)))
int audit_fault_note(struct error *ret_error, int code, uint64_t index, const char *suffix,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same for an error that another module filled. */
int audit_fault_from(struct error *ret_error, int code, uint64_t index, const char *suffix,
                     const struct error *cause);

#endif
