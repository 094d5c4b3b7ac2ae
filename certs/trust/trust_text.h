/* trust_text: the two texts that the authority signs, to and from bytes, signatures left aside.
 *
 * For trust itself, for who makes these texts (leadbus-ca) and for showing them. What is parsed
 * here is not trusted: trust_root_open and trust_bundle_open decide that. Each text has exactly one
 * accepted spelling, so formatting what was parsed gives the same bytes. Pure; thread-safe; outputs
 * untouched on failure. */
#ifndef CERTS_TRUST_TRUST_TEXT_H
#define CERTS_TRUST_TRUST_TEXT_H

#include "certs/trust/trust.h"
#include "proto/base/limits.h"

enum { TRUST_PART_NAME_LEN_MAX = 63 };

struct trust_manifest_part {
    char name[TRUST_PART_NAME_LEN_MAX + 1];
    uint8_t sha256[32];
    uint64_t size;
};
struct trust_manifest {
    char bus[TRUST_BUS_LEN_MAX + 1];
    uint64_t version, issued_ms, expires_ms, hard_limit_ms;
    uint32_t min_suite;
    uint64_t revocation;
    uint8_t previous[32];
    uint64_t root_version;
    size_t part_count;
    struct trust_manifest_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
};

/* A name of printable ASCII without blanks and plus, 1..TRUST_BUS_LEN_MAX: buses and key names. */
bool trust_name_valid(const char *name);

/* A root's text (struct note .text); checks form, that thresholds can be met, that keys are
 * distinct and strong. ret->hash is left zero. E_NOTE_INVALID, E_KEY_WEAK. */
int trust_root_parse(struct bytes text, struct trust_root *ret, struct error *ret_error) MUST_USE;
/* Appends the text. E_BAD_VALUE: it would not parse. */
int trust_root_format(const struct trust_root *root, struct buf *buf,
                      struct error *ret_error) MUST_USE;

/* A manifest's text; times in order, part names distinct. E_NOTE_INVALID. */
int trust_manifest_parse(struct bytes text, struct trust_manifest *ret,
                         struct error *ret_error) MUST_USE;
int trust_manifest_format(const struct trust_manifest *manifest, struct buf *buf,
                          struct error *ret_error) MUST_USE;

/* Who of a root's keys signed a note: bit i for keys[i]; a bad signature of one of them is
 * E_NOTE_INVALID. E_THRESHOLD_NOT_MET: fewer distinct keys than `threshold`; 0 asks for none. */
int trust_signers(const struct trust_root *root, struct bytes note, unsigned threshold,
                  uint64_t *ret_mask, struct error *ret_error) MUST_USE;

#endif
