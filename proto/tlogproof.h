/* tlogproof: a receipt that proves itself off line (c2sp.org/tlog-proof@v1): a text with the index
 * of a record in the journal, its inclusion proof and the signed checkpoint under which it holds.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>                 only where there is extra data; not authenticated by anything
 *     index <decimal>
 *     <base64(hash)>                 one line for each hash of the inclusion proof, the leaf's
 * sibling first (empty line) <the checkpoint's signed note, verbatim>
 *
 * File extension .tlog-proof. The record's own bytes are not in it: the verifier has them.
 * Limits: LIMIT_TLOGPROOF_BYTES_MAX, LIMIT_PROOF_EXTRA_BYTES_MAX, LIMIT_PROOF_HASH_COUNT_MAX.
 * Pure; thread-safe; outputs untouched on failure. */
#ifndef PROTO_TLOGPROOF_H
#define PROTO_TLOGPROOF_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "proto/note.h"

struct tlogproof {
    struct bytes extra; /* empty: no extra line */
    uint64_t index;
    struct merkle_proof inclusion;
    struct bytes checkpoint; /* the signed note */
};

/* Appends the text. The views need only last for the call. E_BAD_VALUE: extra over its limit, or
 * the checkpoint is not a well-formed note (its signatures are not verified). */
int tlogproof_format(const struct tlogproof *proof, struct buf *buf,
                     struct error *ret_error) MUST_USE;
/* Splits and checks the form; verifies nothing. ret_proof->checkpoint borrows `text`; extra is
 * decoded into *ret_extra (replacing what it held) and borrows that. E_TOO_LARGE, or
 * E_PROOF_INVALID for any fault of form. */
int tlogproof_parse(struct bytes text, struct tlogproof *ret_proof, struct buf *ret_extra,
                    struct error *ret_error) MUST_USE;

/* Is `record` in the journal of log_key (type NOTE_KEY_ED25519, its name the origin)? Checks the
 * checkpoint's signature and the inclusion. ret_checkpoint (may be NULL) and ret_index (may be
 * NULL) say under which head and where. E_PROOF_INVALID, E_TOO_LARGE: malformed, or the record is
 * not the one proved; E_NOTE_INVALID, E_ORIGIN_MISMATCH: as checkpoint_verify; E_BAD_VALUE: log_key
 * is of another type. */
int tlogproof_verify(struct bytes text, struct bytes record, const struct note_key *log_key,
                     struct checkpoint *ret_checkpoint, uint64_t *ret_index,
                     struct error *ret_error) MUST_USE;
/* The same for the parts already parsed (or taken from the wire's Receipt) and a leaf hash. */
int tlogproof_verify_parts(const struct tlogproof *proof, const uint8_t leaf_hash[static 32],
                           const struct note_key *log_key, struct checkpoint *ret_checkpoint,
                           struct error *ret_error) MUST_USE;

#endif
