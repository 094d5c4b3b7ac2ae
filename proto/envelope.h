/* envelope: bytes <-> meaning. Seal, sign, decode, verify, open, rewrap.
 *
 * The exact bytes are specified in docs/PROTOCOL.md, with vectors. Everything that is signed or
 * hashed is taken as received; nothing is ever re-encoded. Decoding is bounded by limits.h and by
 * the arena given. Pure: entropy is an argument, and every seal must be given fresh entropy.
 * Thread-safe: no state. */
#ifndef PROTO_ENVELOPE_H
#define PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/schema/envelope.pb-c.h"
#include "proto/suite.h"

enum { ENVELOPE_LANE_URGENT = 0, ENVELOPE_LANE_NORMAL = 1, ENVELOPE_LANE_COUNT = 2 };
enum { ENVELOPE_ACT_SIGN = 1, ENVELOPE_ACT_COPY = 2 };

/* A decoded envelope. Everything borrows from the input bytes and the arena. */
struct envelope {
    struct bytes header, wraps, manifest, signature;
    size_t section_count;
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    struct bytes ciphertexts[LIMIT_SECTION_COUNT_MAX]; /* empty: not carried to this reader */
    const Leadbus__Header *head;                       /* checked: see envelope_decode */
    const Leadbus__Manifest *contents;
    uint8_t hash[SUITE_HASH_LEN]; /* H = SHA256("leadbus/1 header\0" || header) */
    size_t recipient_count;
    struct bytes wrap[LIMIT_RECIPIENT_COUNT_MAX]; /* wrap_i; empty = unkeyed */
};

static inline unsigned envelope_lane(const Leadbus__Header *head)
{
    return head->urgency == 1 ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL;
}

/* Decodes and checks form: every length, count and charset; unknown fields refused; ids 16 bytes;
 * slugs valid; sections and recipients distinct (E_RECIPIENT_DUPLICATE); counts of wraps, commits
 * and manifest entries equal the header's; each wrap present exactly where epoch != 0 and exactly
 * as long as its section count demands; suite known. Computes H. Verifies no signature. The arena
 * must have been made with a cap (LIMIT_FRAME_BYTES_MAX * 4 is ample). E_BAD_FORM, E_TRUNCATED,
 * E_TOO_LARGE, E_UNKNOWN_FIELD, E_BAD_VALUE, E_SUITE_UNSUPPORTED, E_RECIPIENT_DUPLICATE,
 * E_MISSING_FIELD (an empty part), E_KEY_WEAK (session key) with field set: refuse the sender with
 * it. Flag UNKEYED must stand exactly where a recipient has no epoch; manifest sizes must be those
 * of a bucket, attachments distinct, in the order of their sections and within the limits. */
int envelope_decode(struct bytes input, struct arena *arena, struct envelope *ret,
                    struct error *ret_error) MUST_USE;
/* The same from an already unpacked protobuf Envelope (inside a Frame), which must outlive ret. */
int envelope_from_message(const Leadbus__Envelope *message, struct arena *arena,
                          struct envelope *ret, struct error *ret_error) MUST_USE;
/* The same from a journal record's parts (no ciphertexts). */
int envelope_from_record(struct bytes header, struct bytes wraps, const struct bytes *commits,
                         size_t commit_count, struct bytes manifest, struct bytes signature,
                         struct arena *arena, struct envelope *ret,
                         struct error *ret_error) MUST_USE;

/* H of header bytes, whether they are well formed or not: what a refused envelope is called by. */
void envelope_header_hash(struct bytes header, uint8_t ret_hash[SUITE_HASH_LEN]);

/* SIG = Ed25519("leadbus/1 envelope\0" || H || SHA256(wraps) || commits || SHA256(manifest)).
 * E_SIGNATURE_INVALID. */
int envelope_verify(const struct envelope *envelope,
                    const uint8_t identity[SUITE_PUBLIC_LEN]) MUST_USE;

/* SHA-256 and size of every carried ciphertext against the manifest. need_all: an empty one is an
 * error too (the broker's check). E_SECTION_HASH with the section's name. */
int envelope_check_ciphertexts(const struct envelope *envelope, bool need_all,
                               struct error *ret_error) MUST_USE;

/* Index of a unit among the recipients, or -1. */
int envelope_recipient_find(const struct envelope *envelope, const char *unit);

/* KEK_i, the key-encryption key between a sender's session and a recipient's epoch. The same
 * function at both ends: the sender passes (session secret, epoch public), the recipient (epoch
 * secret, session public) as own_secret, peer_public. Callers cache it per (session key, serial,
 * unit, epoch): it costs one X25519. E_KEY_WEAK; E_SUITE_UNSUPPORTED;
 * E_BAD_VALUE: a name that is no unit key. */
struct envelope_kek_input {
    uint32_t suite;
    const uint8_t *own_secret;     /* 32 */
    const uint8_t *peer_public;    /* 32 */
    const uint8_t *session_public; /* 32 */
    const uint8_t *epoch_public;   /* 32 */
    const char *from;
    uint64_t serial;
    const char *unit;
    uint64_t epoch;
};
int envelope_kek(const struct envelope_kek_input *input, uint8_t ret_kek[SUITE_KEY_LEN]) MUST_USE;

/* Fingerprint of an epoch public key as it stands in Recipient.epoch_key: the first 16 bytes of its
 * SHA-256. */
void envelope_epoch_fingerprint(const uint8_t epoch_public[SUITE_PUBLIC_LEN],
                                uint8_t ret_fingerprint[16]);

/* What seal needs for one recipient. */
struct seal_recipient {
    const char *unit;
    uint32_t act; /* ENVELOPE_ACT_* */
    const char *citation;
    uint32_t sections;           /* bits */
    uint64_t epoch;              /* 0 = unkeyed: no wrap is made */
    const uint8_t *epoch_public; /* 32, or NULL when unkeyed */
    const uint8_t *kek;          /* 32, or NULL when unkeyed */
    /* 1 + the receipted envelopes to this unit in this lane, and H of the newest of them, or zeros
     */
    uint64_t pair_seq;
    uint8_t previous_hash[SUITE_HASH_LEN];
};

struct seal_section {
    const char *name;
    struct bytes plaintext; /* the payload's protobuf bytes */
};

/* What the manifest says of one attachment (proto/attachment.h). */
struct seal_attachment {
    uint32_t section;
    uint64_t stream_len;
    uint8_t root[SUITE_HASH_LEN];
};

/* Everything of the header but salt, sections, recipients and flag UNKEYED (which follows from
 * them) is taken from `head`, borrowed for the
 * call. */
struct seal_input {
    const Leadbus__Header *head;
    const struct seal_section *sections;
    size_t section_count;
    const struct seal_attachment *attachments; /* in the order of their sections */
    size_t attachment_count;
    const struct seal_recipient *recipients;
    size_t recipient_count;
    const uint8_t *identity_secret; /* SUITE_SIGN_SECRET_LEN */
    const uint8_t
        *entropy; /* ENVELOPE_SEAL_ENTROPY_LEN fresh random bytes: salt, then section keys */
};
enum { ENVELOPE_SEAL_ENTROPY_LEN = 32 + LIMIT_SECTION_COUNT_MAX * 32 };

struct sealed {
    struct buf bytes; /* the encoded Envelope */
    uint8_t hash[SUITE_HASH_LEN];
    uint8_t section_keys[LIMIT_SECTION_COUNT_MAX]
                        [SUITE_KEY_LEN]; /* for a later rewrap: keep them under the thread key */
};
/* ret is the caller's to sealed_fini, which wipes. E_TOO_LARGE, E_RECIPIENT_DUPLICATE, E_BAD_VALUE:
 * the caller's draft is wrong. */
int envelope_seal(const struct seal_input *input, struct sealed *ret,
                  struct error *ret_error) MUST_USE;
void sealed_fini(struct sealed *sealed);

struct opened {
    struct buf sections[LIMIT_SECTION_COUNT_MAX]; /* payload bytes, padding removed; empty where not
                                                     allowed */
    bool present[LIMIT_SECTION_COUNT_MAX];
    uint8_t keys[LIMIT_SECTION_COUNT_MAX][SUITE_KEY_LEN];
    uint64_t pair_seq;
    uint8_t previous_hash[SUITE_HASH_LEN];
};
/* Unwrap, check commits (constant time), decrypt, compare the copy of H. The caller has verified
 * signature and ciphertext hashes. E_NOT_A_RECIPIENT, E_WRAP_INVALID, E_COMMIT_MISMATCH,
 * E_DECRYPT_FAILED, E_HEADER_COPY_MISMATCH,
 * E_BAD_FORM (length or padding inside), E_SECTION_HASH (a section that this unit may open is not
 * carried), E_REWRAP_NEEDED (unkeyed): acknowledge with an exception of that code. ret is the
 * caller's to opened_fini, which wipes; untouched on failure. */
int envelope_open(const struct envelope *envelope, const char *unit,
                  const uint8_t kek[SUITE_KEY_LEN], struct opened *ret,
                  struct error *ret_error) MUST_USE;
void opened_fini(struct opened *opened);

/* Rewrap: the original section keys, sealed to `unit`'s epoch key, bound to the original H and
 * signed by who does it. KEK as envelope_kek with the rewrap's own session key; wrap key =
 * Expand(KEK, "leadbus/1 rewrap" 00 || LP(H) || LP(salt)),
 * LP being a 16-bit length and the bytes; plaintext: the section keys in order; ad: H. ret_body is
 * appended to. E_BAD_VALUE, E_KEY_WEAK. */
struct rewrap_input {
    const struct envelope *original;
    const char *from;
    uint64_t serial;
    const char *unit;
    uint64_t epoch;
    const uint8_t *epoch_public;
    const uint8_t *kek;
    const uint8_t *session_public;
    uint32_t sections; /* bits; keys[i] is read where bit i is set */
    const uint8_t (*keys)[SUITE_KEY_LEN];
    uint64_t created_ms;
    const uint8_t *identity_secret;
    const uint8_t *salt; /* 32 fresh random bytes */
};
int envelope_rewrap(const struct rewrap_input *input, struct buf *ret_body,
                    uint8_t ret_signature[64], struct error *ret_error) MUST_USE;
/* Strict, as every signed body; lengths, names and key strength checked. Its signature is
 * signed_body_verify's. */
int envelope_rewrap_decode(struct bytes input, struct arena *arena, const Leadbus__RewrapBody **ret,
                           struct error *ret_error) MUST_USE;
/* Opens the original with a decoded rewrap; pair_seq and previous_hash are zero. Errors as
 * envelope_open; E_HEADER_COPY_MISMATCH: the rewrap is of another envelope. */
int envelope_open_rewrapped(const struct envelope *original, const Leadbus__RewrapBody *rewrap,
                            const uint8_t kek[SUITE_KEY_LEN], struct opened *ret,
                            struct error *ret_error) MUST_USE;

/* Running hash of a unit's lane: running_n = SHA256("leadbus/1 lane\0" || origin || 00 ||
 * running_{n-1} || u64 index || item hash), running_0 = zeros; item hash = H of an envelope, or the
 * leaf hash of a notice's record. */
void lane_running(const char *origin, const uint8_t previous[32], uint64_t index,
                  const uint8_t item_hash[32], uint8_t ret_running[32]);

#endif
