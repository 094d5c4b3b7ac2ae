/* note: text signed by one or more keys (c2sp.org/signed-note), and timestamped cosignatures
 * (c2sp.org/tlog-cosignature).
 *
 *     text, ends with a newline
 *     (empty line)
 *     — <key name> <base64(4 bytes key id || signature)>        one line for each signature
 *
 * The text runs to the last empty line. Everything is UTF-8 without control characters other than
 * newline. A key is known by name and id together; id = SHA-256(name || 0A || type || public
 * key)[:4]. Nothing in the text may be believed before note_verify says 0.
 *
 * Limits: LIMIT_NOTE_BYTES_MAX, LIMIT_NOTE_SIGNATURE_COUNT_MAX lines, names of
 * LIMIT_NOTE_NAME_LEN_MAX bytes. At most 64 keys are asked about at once. Only Ed25519 types are
 * verified; lines of other types are unknown signatures and ignored. Pure; thread-safe on distinct
 * objects; outputs untouched on failure (a buf may have grown its memory, not its length). Signing
 * is deterministic (RFC 8032): no entropy. Secret keys are libsodium's 64 bytes (seed || public
 * key). */
#ifndef PROTO_NOTE_H
#define PROTO_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"

enum note_key_type {
    NOTE_KEY_ED25519 = 0x01,     /* signs the text */
    NOTE_KEY_COSIGNATURE = 0x04, /* signs "cosignature/v1", a time in seconds and the text */
};

/* A verifier key. */
struct note_key {
    char name[LIMIT_NOTE_NAME_LEN_MAX + 1];
    uint8_t type; /* enum note_key_type */
    uint8_t id[4];
    uint8_t public_key[32];
};

/* 1..255 bytes of UTF-8 without control characters, Unicode spaces and plus. */
bool note_name_valid(struct bytes name);
/* Computes the id. E_BAD_VALUE: the name or the type is not allowed. */
int note_key_init(struct note_key *ret_key, const char *name, enum note_key_type type,
                  const uint8_t public_key[static 32], struct error *ret_error) MUST_USE;
/* The text form "name+hex id+base64(type || public key)", and back. E_BAD_FORM: not of that form,
 * another length, or the id is not the one computed; E_SUITE_UNSUPPORTED: a type that we do not
 * verify. */
void note_key_format(const struct note_key *key, struct buf *buf);
int note_key_parse(struct bytes text, struct note_key *ret_key, struct error *ret_error) MUST_USE;

/* One signature line; views into the note. */
struct note_signature {
    struct bytes
        line; /* all of it with its newline, to be copied into another note of the same text */
    struct bytes name;
    struct bytes base64; /* of id and signature; known to be strict base64 of at least 5 bytes */
    uint8_t id[4];
};
struct note {
    struct bytes text; /* with its last newline */
    size_t signature_count;
    struct note_signature signatures[LIMIT_NOTE_SIGNATURE_COUNT_MAX];
};

/* Splits and checks the form; verifies nothing. The views borrow `data`, which must outlive them.
 * Linear in its length. E_TOO_LARGE: more bytes or lines than the limits; E_NOTE_INVALID: any other
 * fault of form. */
int note_parse(struct bytes data, struct note *ret_note, struct error *ret_error) MUST_USE;
/* Is this a text that may be signed: UTF-8, no control characters, ends with a newline, and leaves
 * room for signatures? */
bool note_text_valid(struct bytes text);

/* Verifies every line whose name and id are those of a key given; others are ignored. Bit i of
 * *ret_valid_mask (may be NULL) says that keys[i] signed. A distinct public key counts once towards
 * the threshold, however many names and lines carry it. E_NOTE_INVALID: a known key's signature
 * does not verify, whatever else does; reject the note. E_THRESHOLD_NOT_MET: fewer than `threshold`
 * distinct keys signed. E_BAD_VALUE: threshold 0 or key_count over 64. */
int note_verify(const struct note *note, const struct note_key *keys, size_t key_count,
                size_t threshold, uint64_t *ret_valid_mask, struct error *ret_error) MUST_USE;
/* As note_verify with this one NOTE_KEY_COSIGNATURE key; gives the newest time in seconds that it
 * signed. */
int note_verify_cosignature(const struct note *note, const struct note_key *key,
                            uint64_t *ret_time_s, struct error *ret_error) MUST_USE;

/* Making a note: note_begin writes the text and the empty line into `buf`, which must be empty;
 * then each append adds a line. An append works as well on a note received (put its bytes, and
 * nothing else, into `buf`). E_BAD_VALUE: the text or the name is not allowed, or time_s is over
 * 2^63 - 1; E_BAD_FORM: `buf` holds no note; E_TOO_LARGE: a limit. */
int note_begin(struct buf *buf, struct bytes text, struct error *ret_error) MUST_USE;
int note_append_signature(struct buf *buf, const char *name, const uint8_t secret_key[static 64],
                          struct error *ret_error) MUST_USE;
int note_append_cosignature(struct buf *buf, const char *name, const uint8_t secret_key[static 64],
                            uint64_t time_s, struct error *ret_error) MUST_USE;

#endif
