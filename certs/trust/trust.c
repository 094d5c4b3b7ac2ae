#include "certs/trust/trust.h"

#include <inttypes.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/note.h"
#include "proto/record.h"

#define EPOCH_SPAN_MAX_MS (400ull * 24 * 3600 * 1000)

/* ---- roots */

int trust_signers(const struct trust_root *root, struct bytes data, unsigned threshold,
                  uint64_t *ret_mask, struct error *ret_error)
{
    struct note note;
    struct note_key keys[TRUST_KEY_COUNT_MAX];
    int rc = note_parse(data, &note, ret_error);
    if (rc < 0) return rc;
    for (size_t i = 0; i < root->key_count; i++) {
        rc = note_key_init(&keys[i], root->keys[i].name, NOTE_KEY_ED25519, root->keys[i].public_key,
                           ret_error);
        if (rc < 0) return rc;
    }
    uint64_t mask = 0;
    rc = note_verify(&note, keys, root->key_count, threshold ? threshold : 1, &mask, ret_error);
    /* Not even one of them. */
    if (rc == E_THRESHOLD_NOT_MET && threshold == 0) {
        mask = 0;
        rc = 0;
    }
    if (rc < 0) return rc;
    if (ret_mask) *ret_mask = mask;
    return 0;
}

static int root_open(struct bytes data, struct trust_root *ret, struct error *ret_error)
{
    struct note note;
    struct trust_root root;
    int rc = note_parse(data, &note, ret_error);
    if (rc == E_TOO_LARGE) rc = error_set(ret_error, E_NOTE_INVALID, "root", "larger than a note");
    if (rc == 0) rc = trust_root_parse(note.text, &root, ret_error);
    if (rc == 0) rc = trust_signers(&root, data, root.threshold_root, NULL, ret_error);
    if (rc < 0) return rc;
    sha256(data, root.hash);
    *ret = root;
    return 0;
}

int trust_root_open(struct bytes note, struct trust_root *ret, struct error *ret_error)
{
    return root_open(note, ret, ret_error);
}

int trust_root_advance(const struct trust_root *current, struct bytes note, struct trust_root *ret,
                       struct error *ret_error)
{
    struct trust_root next;
    int rc = root_open(note, &next, ret_error);
    if (rc < 0) return rc;
    if (strcmp(next.bus, current->bus) != 0)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "root", "is of the bus %s", next.bus);
    if (current->version == UINT64_MAX || next.version != current->version + 1)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "root",
                         "version %" PRIu64 " cannot follow %" PRIu64, next.version,
                         current->version);
    rc = trust_signers(current, note, current->threshold_root, NULL, ret_error);
    if (rc < 0) return rc;
    *ret = next;
    return 0;
}

/* ---- verdicts */

const struct trust_certificate *trust_certificate_by_serial(const struct trust_bundle *bundle,
                                                            uint64_t serial)
{
    const uint64_t *index = map_find(&bundle->by_serial, &serial);
    return index ? &bundle->certificates[*index] : NULL;
}

const struct trust_certificate *trust_certificate_by_transport(const struct trust_bundle *bundle,
                                                               const uint8_t transport[32])
{
    const uint64_t *index = map_find(&bundle->by_transport, transport);
    return index ? &bundle->certificates[*index] : NULL;
}

static bool revoked_at(const struct trust_certificate *certificate, uint64_t at_ms)
{
    return certificate->revoked && at_ms >= certificate->revoked_ms;
}

static bool speaks_for_unit(Leadbus__Role role)
{
    return role == LEADBUS__ROLE__ROLE_UNIT || role == LEADBUS__ROLE__ROLE_OFFICE ||
           role == LEADBUS__ROLE__ROLE_BROKER;
}

const struct trust_certificate *trust_certificate_of_unit(const struct trust_bundle *bundle,
                                                          const char *unit, uint64_t at_ms)
{
    size_t low = 0;
    size_t high = bundle->certificate_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(bundle->certificates[bundle->by_unit[middle]].unit, unit) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < bundle->certificate_count; low++) {
        const struct trust_certificate *found = &bundle->certificates[bundle->by_unit[low]];
        if (strcmp(found->unit, unit) != 0) return NULL;
        if (speaks_for_unit(found->role) && !revoked_at(found, at_ms) &&
            at_ms >= found->not_before_ms && at_ms < found->not_after_ms)
            return found;
    }
    return NULL;
}

int trust_verdict(const struct trust_bundle *bundle, uint64_t serial, const char *unit,
                  uint64_t at_ms, uint32_t suite, const struct trust_certificate **ret_certificate,
                  struct error *ret_error)
{
    const struct trust_certificate *found = trust_certificate_by_serial(bundle, serial);
    if (!found)
        return error_set(ret_error, E_UNKNOWN_SENDER, "serial",
                         "%" PRIu64 " is not in bundle %" PRIu64, serial, bundle->manifest.version);
    if (unit && strcmp(unit, found->unit) != 0)
        return error_set(ret_error, E_IDENTITY_MISMATCH, "unit", "serial %" PRIu64 " is of %s",
                         serial, found->unit);
    if (revoked_at(found, at_ms))
        return error_set(ret_error, E_CERT_REVOKED, "serial", "%" PRIu64 " was revoked at %" PRIu64,
                         serial, found->revoked_ms);
    if (at_ms < found->not_before_ms)
        return error_set(ret_error, E_CERT_EXPIRED, "serial",
                         "%" PRIu64 " is valid from %" PRIu64 " on, this is %" PRIu64, serial,
                         found->not_before_ms, at_ms);
    if (at_ms >= found->not_after_ms)
        return error_set(ret_error, E_CERT_EXPIRED, "serial",
                         "%" PRIu64 " was valid until %" PRIu64 ", this is %" PRIu64, serial,
                         found->not_after_ms, at_ms);
    if (!suite_find(suite) || suite < bundle->manifest.min_suite)
        return error_set(ret_error, E_SUITE_UNSUPPORTED, "suite",
                         "%" PRIu32 ", at least %" PRIu32 " is wanted", suite,
                         bundle->manifest.min_suite);
    if (suite > 31 || !(found->suites >> suite & 1))
        return error_set(ret_error, E_CERT_UNKNOWN_SUITE, "suite",
                         "%" PRIu32 " is not allowed to serial %" PRIu64, suite, serial);
    *ret_certificate = found;
    return 0;
}

/* ---- epoch keys and requests */

int trust_epoch_key_check(const struct trust_certificate *certificate, const Leadbus__EpochKey *key,
                          struct arena *arena, const Leadbus__EpochKeyBody **ret_body,
                          struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int rc = message_decode(&leadbus__epoch_key_body__descriptor, trust_binary(key->body), arena,
                            &message, ret_error);
    if (rc < 0) return rc;
    const Leadbus__EpochKeyBody *body = (const Leadbus__EpochKeyBody *)message;
    if (strcmp(body->unit, certificate->unit) != 0 ||
        (body->serial != 0 && body->serial != certificate->serial))
        return error_set(ret_error, E_IDENTITY_MISMATCH, "epoch_key",
                         "of %.48s serial %" PRIu64 ", not of %s serial %" PRIu64, body->unit,
                         body->serial, certificate->unit, certificate->serial);
    if (body->epoch == 0 || body->not_before_ms >= body->not_after_ms ||
        body->not_after_ms - body->not_before_ms > EPOCH_SPAN_MAX_MS ||
        body->public_key.len != SUITE_PUBLIC_LEN)
        return error_set(ret_error, E_BAD_VALUE, "epoch_key",
                         "number, key length or validity of epoch %" PRIu64, body->epoch);
    if (suite_find(SUITE_1)->check_agree_key(body->public_key.data) < 0)
        return error_set(ret_error, E_KEY_WEAK, "epoch_key", "epoch %" PRIu64 " of %s", body->epoch,
                         certificate->unit);
    if (key->signature.len != SUITE_SIGNATURE_LEN ||
        signed_body_verify(SIGNED_EPOCH, trust_binary(key->body), trust_binary(key->signature),
                           certificate->identity) < 0)
        return error_set(ret_error, E_SIGNATURE_INVALID, "epoch_key", "epoch %" PRIu64 " of %s",
                         body->epoch, certificate->unit);
    *ret_body = body;
    return 0;
}

static int check_request_body(const Leadbus__EnrolmentRequestBody *body, struct error *ret_error)
{
    const struct suite *suite = suite_find(SUITE_1);
    if (!slug_valid(body->unit)) return error_set(ret_error, E_BAD_VALUE, "unit", "is no unit key");
    if (body->role < LEADBUS__ROLE__ROLE_UNIT || body->role > LEADBUS__ROLE__ROLE_OFFICE)
        return error_set(ret_error, E_BAD_VALUE, "role", "%d", (int)body->role);
    if (body->identity.len != SUITE_PUBLIC_LEN || body->witness.len != SUITE_PUBLIC_LEN ||
        body->transport.len != SUITE_PUBLIC_LEN)
        return error_set(ret_error, E_BAD_VALUE, body->unit, "keys have 32 bytes");
    if (suite->check_sign_key(body->identity.data) < 0)
        return error_set(ret_error, E_KEY_WEAK, "identity", "of %s", body->unit);
    if (suite->check_sign_key(body->witness.data) < 0)
        return error_set(ret_error, E_KEY_WEAK, "witness", "of %s", body->unit);
    if (suite->check_agree_key(body->transport.data) < 0)
        return error_set(ret_error, E_KEY_WEAK, "transport", "of %s", body->unit);
    if (memcmp(body->identity.data, body->witness.data, SUITE_PUBLIC_LEN) == 0)
        return error_set(ret_error, E_BAD_VALUE, "witness", "is the identity key of %s",
                         body->unit);
    return 0;
}

int trust_request_open(struct bytes request, struct arena *arena,
                       const Leadbus__EnrolmentRequestBody **ret_body, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int rc = message_decode(&leadbus__enrolment_request__descriptor, request, arena, &message,
                            ret_error);
    if (rc < 0) return rc;
    const Leadbus__EnrolmentRequest *outer = (const Leadbus__EnrolmentRequest *)message;
    rc = message_decode(&leadbus__enrolment_request_body__descriptor, trust_binary(outer->body),
                        arena, &message, ret_error);
    if (rc < 0) return rc;
    const Leadbus__EnrolmentRequestBody *body = (const Leadbus__EnrolmentRequestBody *)message;
    rc = check_request_body(body, ret_error);
    if (rc < 0) return rc;
    if (outer->signature.len != SUITE_SIGNATURE_LEN ||
        signed_body_verify(SIGNED_REQUEST, trust_binary(outer->body),
                           trust_binary(outer->signature), body->identity.data) < 0)
        return error_set(ret_error, E_REQUEST_INVALID, "signature", "of %s", body->unit);
    struct trust_certificate self = {.unit = body->unit, .role = body->role};
    memcpy(self.identity, body->identity.data, SUITE_PUBLIC_LEN);
    uint64_t last = 0;
    for (size_t i = 0; i < body->n_epoch_keys; i++) {
        const Leadbus__EpochKeyBody *epoch = NULL;
        rc = trust_epoch_key_check(&self, body->epoch_keys[i], arena, &epoch, ret_error);
        if (rc == E_SIGNATURE_INVALID || rc == E_IDENTITY_MISMATCH)
            rc = error_set(ret_error, E_REQUEST_INVALID, "epoch_keys", "key %zu of %s", i,
                           body->unit);
        if (rc == 0 && epoch->epoch <= last)
            rc = error_set(ret_error, E_BAD_VALUE, "epoch_keys", "of %s are not in order",
                           body->unit);
        if (rc < 0) return rc;
        last = epoch->epoch;
    }
    *ret_body = body;
    return 0;
}
