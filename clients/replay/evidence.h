/* evidence: one file that proves one lead, to somebody who holds nothing but the public keys of the
 * root of trust. docs/EVIDENCE.md specifies it: root notes, the bundles that certify the keys, the
 * record with its inclusion proof, and for every recipient the acknowledgement that covers it, tied
 * to it by the running hash of its queue.
 *
 * Making it needs a story (story.h) and the audit that it came from. Checking it reads hostile
 * bytes: bounded, every fault a code. */
#ifndef CLIENTS_REPLAY_EVIDENCE_H
#define CLIENTS_REPLAY_EVIDENCE_H

#include "clients/replay/audit.h"
#include "clients/replay/story.h"
#include "proto/checkpoint.h"
#include "proto/note.h"

#define EVIDENCE_FORMAT "leadbus-evidence/1"
enum {
    EVIDENCE_BYTES_MAX = 64 * 1024 * 1024,
    EVIDENCE_ENTRY_COUNT_MAX = 1000000,
    EVIDENCE_KEY_COUNT_MAX = TRUST_KEY_COUNT_MAX,
};

/* Appends the file's text. E_TOO_LARGE, and as store.h. */
int evidence_make(struct audit *audit, const struct story *story, struct buf *ret_text,
                  struct error *ret_error) MUST_USE;

/* Whom the reader trusts: a root note (the caller vouches for it), or keys of which `threshold`
 * must have signed a root note of the file. */
struct evidence_trust {
    struct bytes root_note; /* empty: by keys */
    struct note_key keys[EVIDENCE_KEY_COUNT_MAX];
    size_t key_count;
    size_t threshold;
};

/* What was proved about one recipient or one later act. Borrows the result's arena. */
struct evidence_receipt {
    const char *unit;
    uint64_t position, index, time_ms;
    uint32_t exception; /* 0: taken as it is */
};
struct evidence_act {
    const char *from, *officer, *kind, *topic;
    uint64_t index, time_ms;
};

struct evidence {
    struct arena arena;
    struct buf record; /* bytes that the envelope borrows */
    struct envelope envelope;
    uint64_t index, time_ms;
    uint32_t accepted_flags;
    struct checkpoint checkpoint; /* the newest head that any proof stands under */
    size_t root_count;
    struct trust_root roots[STORY_BUNDLE_COUNT_MAX + 1]; /* trusted, each by the one before */
    size_t bundle_count;
    struct trust_bundle *bundles[STORY_BUNDLE_COUNT_MAX]; /* [0]: the one it was routed by */
    size_t receipt_count;
    struct evidence_receipt receipts[LIMIT_RECIPIENT_COUNT_MAX];
    size_t act_count;
    struct evidence_act *acts;
    size_t log_key_count;
    struct note_key log_keys[STORY_BUNDLE_COUNT_MAX];
};

/* Checks everything; *ret is filled as far as it holds and must be evidence_fini'd in any case.
 * E_BAD_JSON, E_BAD_FORM, E_UNKNOWN_FIELD, E_MISSING_FIELD, E_TOO_LARGE: no such file;
 * E_NOTE_INVALID, E_THRESHOLD_NOT_MET: not certified by whom the reader trusts; E_UNKNOWN_SENDER,
 * E_SIGNATURE_INVALID, E_PROOF_INVALID, E_ACK_MISMATCH, ...: it does not prove what it claims. */
int evidence_check(struct bytes text, const struct evidence_trust *trust, struct evidence *ret,
                   struct error *ret_error) MUST_USE;
void evidence_fini(struct evidence *evidence);

#endif
