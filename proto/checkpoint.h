/* checkpoint: the signed head of a journal (c2sp.org/tlog-checkpoint): a note whose text is three
 * lines,
 *
 *     <origin>
 *     <tree size, decimal>
 *     <base64(root hash)>
 *
 * and perhaps extension lines, which are allowed, covered by the signature and otherwise ignored.
 * The log's key is named by the origin. Witnesses add lines with note_append_cosignature. Pure;
 * thread-safe; outputs untouched on failure. */
#ifndef PROTO_CHECKPOINT_H
#define PROTO_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"
#include "proto/merkle.h"

struct checkpoint {
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1]; /* note_name_valid: it is also the log key's name */
    uint64_t size;
    uint8_t root[32];
};

/* From a note's text (struct note .text), signatures left aside: for what is verified elsewhere.
 * E_NOTE_INVALID: not exactly of that form (leading zeros, more than 64 bits, a root that is not 32
 * bytes, empty extension lines; an empty tree's root other than SHA-256("")). */
int checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint,
                     struct error *ret_error) MUST_USE;
/* Appends the three lines. E_BAD_VALUE: the origin is no valid key name. */
int checkpoint_format(const struct checkpoint *checkpoint, struct buf *buf,
                      struct error *ret_error) MUST_USE;

/* The signed note, in place of whatever *ret_note held; the key signs under the origin's name. One
 * Ed25519 signature. E_BAD_VALUE as above. secret_key: libsodium's 64 bytes. */
int checkpoint_sign(const struct checkpoint *checkpoint, const uint8_t secret_key[static 64],
                    struct buf *ret_note, struct error *ret_error) MUST_USE;
/* Parses the note, verifies the log's signature and gives the head. E_NOTE_INVALID, E_TOO_LARGE:
 * malformed, or the log key's signature is missing or bad; E_ORIGIN_MISMATCH: another journal's
 * checkpoint (found before the signature). */
int checkpoint_verify(struct bytes note_data, const char *origin,
                      const uint8_t log_public_key[static 32], struct checkpoint *ret_checkpoint,
                      struct error *ret_error) MUST_USE;

/* Does `newer` extend `older`, both verified heads? The rule by which a holder moves on to a newer
 * head. From an older head of size 0 there is nothing to prove (the proof must be empty).
 * E_ORIGIN_MISMATCH: of two journals; E_PROOF_INVALID: smaller, or the proof does not hold: keep
 * the older, raise alarm. */
int checkpoint_verify_extends(const struct checkpoint *older, const struct checkpoint *newer,
                              const struct merkle_proof *proof, struct error *ret_error) MUST_USE;

#endif
