/* audit: one walk over a journal, trusting nothing that stands in it but the root of trust.
 *
 * Record by record, in order: leaf hash and stored tree nodes against the record's bytes; the
 * record's form; section ciphertexts and bundle parts against their digests; every signature
 * (envelopes, acknowledgements, epoch keys, rewraps, bundle manifests) under keys that the root's
 * threshold certified; every signed checkpoint against the root of the tree at its size. From
 * AUDIT_FOLD on the records are folded by the broker's own core: acknowledgements must be of what
 * stands in the unit's queue, with its running hash, ticks of what is due, nothing is taken twice.
 * With AUDIT_DECIDE every record is decided again ahead of that (the bytes must come out the same),
 * and state digests that the broker wrote down are compared.
 *
 * The walk stops at the first fault and names it. Erased sections and chunks of attachments are
 * counted, not faults: the record and every proof stay. No network, no keys, no clock. Impure:
 * reads the journal. One thread.
 */
#ifndef CLIENTS_REPLAY_AUDIT_H
#define CLIENTS_REPLAY_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/core/core.h"
#include "broker/store/store.h"

/* What a hook is shown of a record that has passed every check. Borrowed until it returns. */
struct audit_record {
    uint64_t index;
    struct bytes bytes;
    uint8_t leaf[32];
    const Leadbus__Record *record;
    const struct envelope *envelope;     /* NULL unless the record is an accepted envelope */
    const Leadbus__AckBody *ack;         /* NULL unless it is an acknowledgement */
    const struct core_routing *routing;  /* of an envelope, as it was decided by; else as effects */
    const struct core_effects *effects;  /* from AUDIT_FOLD on, or NULL */
    const struct trust_bundle *bundle;   /* in force after this record; NULL before the first */
    const struct trust_bundle *previous; /* the one before it, or NULL */
    const struct core *core;             /* the same */
};

enum audit_depth { AUDIT_RECORDS, AUDIT_FOLD, AUDIT_DECIDE };

struct audit_options {
    const char *path;
    struct bytes root_note; /* empty: the root named by the journal itself (warned of) */
    /* A head that somebody else kept: a checkpoint's note or a whole tlog-proof. Without one a
     * journal cut at an older signed head looks whole. Empty: none. */
    struct bytes held;
    /* Folder with the chunks of attachments (proto/host/chunks.h); NULL: they are not looked at. */
    const char *chunks;
    enum audit_depth depth;
    /* Called for each record; non-zero ends the walk and is returned. NULL: none. */
    int (*each)(void *ctx, const struct audit_record *record, struct error *ret_error);
    /* Called now and then with how far it is. NULL: none. */
    void (*progress)(void *ctx, uint64_t done, uint64_t size);
    void *ctx;
};

struct audit_totals {
    uint64_t size; /* records checked */
    uint64_t accepted, acknowledged, bundles, keys, rewraps, ticks, starts, configured;
    uint64_t signatures, checkpoints, blobs, blobs_erased, nodes;
    uint64_t attachments, chunks, chunks_erased;
    uint64_t first_ms, last_ms;
};

/* Does the file begin as a journal does: an SQLite database with a journal's mark? E_BAD_FORM: it
 * is something else; what cannot be read is left to audit_check_copy. */
int audit_check_kind(const char *path, struct error *ret_error) MUST_USE;
/* Is there a file, and nobody writing to it (no write-ahead log)? E_IO, E_STORE_LOCKED. audit_run
 * asks first, too. */
int audit_check_copy(const char *path, struct error *ret_error) MUST_USE;

struct audit; /* the walk's state, alive after it for who wants to ask further */

/* Walks. *ret_audit is given also on failure (to say how far it came), NULL only where the journal
 * could not be opened; free it with audit_free. On failure error.field names the place
 * ("records[12].hashes", "records[3].blobs[0]", "records[3].attachments[0].chunks[7]",
 * "checkpoints[13]") and error.detail what is wrong.
 * E_IO, E_STORE_VERSION, E_STORE_LOCKED: environment; everything else: the journal does not hold.
 */
int audit_run(const struct audit_options *options, struct audit **ret_audit,
              struct error *ret_error) MUST_USE;
void audit_free(struct audit *audit);

const struct audit_totals *audit_totals(const struct audit *audit);
const char *audit_origin(const struct audit *audit); /* "" before record 0 */
/* Origins that it had before backups were put back, oldest first; and the record that ended each.
 */
size_t audit_former_count(const struct audit *audit);
const char *audit_former(const struct audit *audit, size_t i, uint64_t *ret_end);
const struct core *audit_core(const struct audit *audit); /* NULL with AUDIT_RECORDS */
const struct trust_bundle *audit_bundle(const struct audit *audit);
void audit_root(const struct audit *audit, uint8_t ret_root[32]); /* of the tree walked */
bool audit_anchored(const struct audit *audit); /* a root note was given and it is the journal's */
struct store *audit_store(struct audit *audit);
/* The newest checkpoint's note, verified, and its size; NULL note before any. */
struct bytes audit_checkpoint(const struct audit *audit, uint64_t *ret_size);

#endif
