/* trust: roots, bundles, certificates and the verdict on a key. Pure.
 *
 * The authority's keys and thresholds stand in a *root note* (a C2SP signed note, text below); the
 * root of version N+1 is signed by the thresholds of N and of N+1. A *bundle* is one atomic file: a
 * manifest (signed note) by a threshold of the root's keys, over the sha256 and length of every
 * part. Certificates are rows of the part "directory": the manifest's signatures are the
 * authority's signatures on them. A distinct key counts once. Versions only grow. docs/PROTOCOL.md
 * has the texts.
 *
 * The text of a root note, one item a line, in this order, decimals without leading zeros:
 *     leadbus/root/v1
 *     bus <name>
 *     version <n>
 *     expires <ms>
 *     threshold-root <m>
 *     threshold-bundle <m>
 *     key <verifier key>            (one a line, at least one)
 *
 * The text of a manifest:
 *     leadbus/bundle/v1
 *     bus <name>
 *     version <n>
 *     issued <ms>
 *     expires <ms>                  alarm from here on
 *     hard-limit <ms>               past it only immediate leads and mandatory reports are sent
 *     min-suite <n>
 *     revocation <n>
 *     previous <sha256 hex>         of the previous manifest's text, or 64 zeros
 *     root <version>
 *     part <name> <sha256 hex> <length>   (one a line, in order)
 */
#ifndef CERTS_TRUST_TRUST_H
#define CERTS_TRUST_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/plan/plan.h"
#include "proto/schema/bundle.pb-c.h"
#include "proto/suite.h"

enum { TRUST_KEY_COUNT_MAX = 32, TRUST_BUS_LEN_MAX = 127 };

/* A root in force. Borrowed by nobody: a plain value. */
struct trust_root {
    char bus[TRUST_BUS_LEN_MAX + 1];
    uint64_t version;
    uint64_t expires_ms;
    unsigned threshold_root;
    unsigned threshold_bundle;
    size_t key_count;
    struct {
        char name[TRUST_BUS_LEN_MAX + 1];
        uint8_t public_key[SUITE_PUBLIC_LEN];
    } keys[TRUST_KEY_COUNT_MAX];
    uint8_t hash[32]; /* SHA-256 of the note as received */
};

/* Reads the first root on trust in its place of storage: checks form, own threshold and key
 * strength, not expiry. E_NOTE_INVALID, E_THRESHOLD_NOT_MET, E_KEY_WEAK. */
int trust_root_open(struct bytes note, struct trust_root *ret, struct error *ret_error) MUST_USE;
/* A successor: signed by the thresholds of both, version exactly one more, same bus.
 * E_BUNDLE_ROLLBACK otherwise. */
int trust_root_advance(const struct trust_root *current, struct bytes note, struct trust_root *ret,
                       struct error *ret_error) MUST_USE;

struct trust_certificate {
    uint64_t serial;
    const char *unit; /* borrowed from the bundle */
    Leadbus__Role role;
    uint64_t not_before_ms, not_after_ms;
    uint32_t suites; /* bit n = suite n allowed */
    uint8_t identity[32], witness[32], transport[32];
    bool revoked;
    uint64_t revoked_ms;
};

/* An opened bundle: immutable, reference counted by the caller's own means, freed by
 * trust_bundle_free. */
struct trust_bundle;

/* Opens encoded Bundle bytes (copied). Walks bundle.roots from *root upwards (each advance checked)
 * and verifies the manifest under the newest; every part's hash and length; decodes directory,
 * revocations, brokers; refuses weak keys, duplicate serials, two valid certificates of one (unit,
 * role), unknown parts being ignored; parses the plan (parts named plan/...). Expiry is not judged
 * here (see verdicts). E_NOTE_INVALID, E_THRESHOLD_NOT_MET, E_BUNDLE_ROLLBACK (a root that does not
 * follow), E_TRUNCATED (a part is missing), E_SECTION_HASH (a part is not the one signed),
 * E_BAD_FORM, E_UNKNOWN_FIELD, E_BAD_VALUE (a row of the directory, revocations, brokers),
 * E_SIGNATURE_INVALID (an epoch key), E_TOO_LARGE, E_KEY_WEAK, E_BAD_TABLE. *root is not changed;
 * trust_bundle_root() gives the newest root accepted on the way.
 */
int trust_bundle_open(struct bytes bundle, const struct trust_root *root, struct trust_bundle **ret,
                      struct error *ret_error) MUST_USE;
void trust_bundle_free(struct trust_bundle *bundle);

const struct trust_root *trust_bundle_root(const struct trust_bundle *bundle);
const char *trust_bundle_bus(const struct trust_bundle *bundle);
uint64_t trust_bundle_version(const struct trust_bundle *bundle);
uint64_t trust_bundle_issued_ms(const struct trust_bundle *bundle);
uint64_t trust_bundle_expires_ms(const struct trust_bundle *bundle);
uint64_t trust_bundle_hard_limit_ms(const struct trust_bundle *bundle);
uint32_t trust_bundle_min_suite(const struct trust_bundle *bundle);
const struct plan *trust_bundle_plan(const struct trust_bundle *bundle);
struct bytes
trust_bundle_bytes(const struct trust_bundle *bundle); /* the encoded Bundle as received */
struct bytes
trust_bundle_manifest(const struct trust_bundle *bundle); /* the signed note as received */
size_t trust_bundle_part_count(const struct trust_bundle *bundle);
void trust_bundle_part(const struct trust_bundle *bundle, size_t i, const char **ret_name,
                       struct bytes *ret_content, uint8_t ret_sha256[32]);
size_t trust_bundle_broker_count(const struct trust_bundle *bundle);
const Leadbus__BrokerAddress *trust_bundle_broker(const struct trust_bundle *bundle, size_t i);
size_t trust_bundle_epoch_key_count(const struct trust_bundle *bundle);
const Leadbus__EpochKey *trust_bundle_epoch_key(const struct trust_bundle *bundle,
                                                size_t i); /* verified under its unit's identity */
/* The certificate whose identity signed it. A key made before its certificate says serial 0. */
uint64_t trust_bundle_epoch_key_serial(const struct trust_bundle *bundle, size_t i);

size_t trust_certificate_count(const struct trust_bundle *bundle);
const struct trust_certificate *trust_certificate_at(const struct trust_bundle *bundle, size_t i);
const struct trust_certificate *trust_certificate_by_serial(const struct trust_bundle *bundle,
                                                            uint64_t serial);
const struct trust_certificate *trust_certificate_by_transport(const struct trust_bundle *bundle,
                                                               const uint8_t transport[32]);
/* The certificate of a unit (role unit, office or broker) valid at a time, the newest serial first;
 * NULL when none. */
const struct trust_certificate *trust_certificate_of_unit(const struct trust_bundle *bundle,
                                                          const char *unit, uint64_t at_ms);

/* THE verdict: may this serial act as `unit` at that time with that suite? at_ms is a record's time
 * or the caller's own clock, never a time that the sender claims: a certificate is good until the
 * moment of its revocation, so that what was admitted before stays readable. 0 and
 * *ret_certificate, or E_UNKNOWN_SENDER, E_IDENTITY_MISMATCH (unit differs), E_CERT_REVOKED,
 * E_CERT_EXPIRED, E_CERT_UNKNOWN_SUITE, E_SUITE_UNSUPPORTED (below min-suite). Every caller,
 * broker, agent and replay, asks here and nowhere else. unit NULL = any. */
int trust_verdict(const struct trust_bundle *bundle, uint64_t serial, const char *unit,
                  uint64_t at_ms, uint32_t suite, const struct trust_certificate **ret_certificate,
                  struct error *ret_error) MUST_USE;

/* Verifies an epoch key announcement: form, validity span sane (<= 400 days), signed by the
 * certificate's identity. E_SIGNATURE_INVALID, E_IDENTITY_MISMATCH, E_KEY_WEAK, E_BAD_VALUE. */
int trust_epoch_key_check(const struct trust_certificate *certificate, const Leadbus__EpochKey *key,
                          struct arena *arena, const Leadbus__EpochKeyBody **ret_body,
                          struct error *ret_error) MUST_USE;

/* May `next` follow `current`? Same bus, a greater version, a root, a revocation number and an
 * issue time that are not older, no revocation taken back, and, for the very next version, the
 * previous manifest's hash. E_BUNDLE_ROLLBACK, E_ORIGIN_MISMATCH (another bus): keep the current
 * one, raise alarm. */
int trust_bundle_check_successor(const struct trust_bundle *current,
                                 const struct trust_bundle *next, struct error *ret_error) MUST_USE;

/* Opens an encoded EnrolmentRequest: form, weak keys, proof of possession of the identity key, and
 * the epoch keys in it (signed by that identity, serial 0, distinct epochs). Whether the unit may
 * be enrolled is the authority's to say. The body borrows from the arena. E_BAD_FORM,
 * E_UNKNOWN_FIELD, E_TOO_LARGE, E_BAD_VALUE, E_KEY_WEAK, E_REQUEST_INVALID (a signature does not
 * hold). */
int trust_request_open(struct bytes request, struct arena *arena,
                       const Leadbus__EnrolmentRequestBody **ret_body,
                       struct error *ret_error) MUST_USE;

#endif
