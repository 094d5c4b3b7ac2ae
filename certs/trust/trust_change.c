#include <inttypes.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/record.h"

static struct bytes binary(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

/* ---- what comes in: requests */

static int check_request_body(const Leadbus__EnrolmentRequestBody *body, struct error *ret_error)
{
    const struct suite *suite = suite_find(SUITE_1);
    if (!slug_valid(body->unit))
        return error_say(ret_error, E_BAD_VALUE, "unit", "不是单位代码", "is no unit key");
    if (body->role < LEADBUS__ROLE__ROLE_UNIT || body->role > LEADBUS__ROLE__ROLE_OFFICE)
        return error_set(ret_error, E_BAD_VALUE, "role", "%d", (int)body->role);
    if (body->identity.len != SUITE_PUBLIC_LEN || body->witness.len != SUITE_PUBLIC_LEN ||
        body->transport.len != SUITE_PUBLIC_LEN)
        return error_say(ret_error, E_BAD_VALUE, body->unit, "密钥应为 32 字节",
                         "keys have 32 bytes");
    if (suite->check_sign_key(body->identity.data) < 0)
        return error_say(ret_error, E_KEY_WEAK, "identity", "单位 %s", "of %s", body->unit);
    if (suite->check_sign_key(body->witness.data) < 0)
        return error_say(ret_error, E_KEY_WEAK, "witness", "单位 %s", "of %s", body->unit);
    if (suite->check_agree_key(body->transport.data) < 0)
        return error_say(ret_error, E_KEY_WEAK, "transport", "单位 %s", "of %s", body->unit);
    if (memcmp(body->identity.data, body->witness.data, SUITE_PUBLIC_LEN) == 0)
        return error_say(ret_error, E_BAD_VALUE, "witness", "与 %s 的身份密钥相同",
                         "is the identity key of %s", body->unit);
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
    rc = message_decode(&leadbus__enrolment_request_body__descriptor, binary(outer->body), arena,
                        &message, ret_error);
    if (rc < 0) return rc;
    const Leadbus__EnrolmentRequestBody *body = (const Leadbus__EnrolmentRequestBody *)message;
    rc = check_request_body(body, ret_error);
    if (rc < 0) return rc;
    if (outer->signature.len != SUITE_SIGNATURE_LEN ||
        signed_body_verify(SIGNED_REQUEST, binary(outer->body), binary(outer->signature),
                           body->identity.data) < 0)
        return error_say(ret_error, E_REQUEST_INVALID, "signature", "单位 %s", "of %s", body->unit);
    struct trust_certificate self = {.unit = body->unit, .role = body->role};
    memcpy(self.identity, body->identity.data, SUITE_PUBLIC_LEN);
    uint64_t last = 0;
    for (size_t i = 0; i < body->n_epoch_keys; i++) {
        const Leadbus__EpochKeyBody *epoch = NULL;
        rc = trust_epoch_key_check(&self, body->epoch_keys[i], arena, &epoch, ret_error);
        if (rc == E_SIGNATURE_INVALID || rc == E_IDENTITY_MISMATCH)
            rc = error_say(ret_error, E_REQUEST_INVALID, "epoch_keys",
                           "第 %zu 把（从 0 数起），单位 %s", "key %zu of %s", i, body->unit);
        if (rc == 0 && epoch->epoch <= last)
            rc = error_say(ret_error, E_BAD_VALUE, "epoch_keys", "单位 %s 的次序不对",
                           "of %s are not in order", body->unit);
        if (rc < 0) return rc;
        last = epoch->epoch;
    }
    *ret_body = body;
    return 0;
}

/* ---- what comes next: bundles */

static bool still_revoked(const struct trust_bundle *bundle, const Leadbus__Revocation *row)
{
    for (size_t i = 0; i < bundle->revocations->n_revoked; i++)
        if (bundle->revocations->revoked[i]->serial == row->serial)
            return bundle->revocations->revoked[i]->time_ms <= row->time_ms;
    return false;
}

int trust_bundle_check_successor(const struct trust_bundle *current,
                                 const struct trust_bundle *next, struct error *ret_error)
{
    const struct trust_manifest *old = &current->stated;
    const struct trust_manifest *new = &next->stated;
    if (strcmp(old->bus, new->bus) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "bus", "%s，应为 %s", "%s, not %s", new->bus,
                         old->bus);
    if (new->version <= old->version)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "version",
                         "版本 %" PRIu64 "，现行为 %" PRIu64, "%" PRIu64 " after %" PRIu64,
                         new->version, old->version);
    if (new->root_version < old->root_version || new->revocation < old->revocation ||
        new->issued_ms < old->issued_ms)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "manifest",
                         "信任根版本、吊销序号或签发时间倒退",
                         "root, revocation number or issue time goes back");
    for (size_t i = 0; i < current->revocations->n_revoked; i++)
        if (!still_revoked(next, current->revocations->revoked[i]))
            return error_say(ret_error, E_BUNDLE_ROLLBACK, "revocations",
                             "证书 %" PRIu64 " 的吊销被撤回", "serial %" PRIu64 " is taken back",
                             current->revocations->revoked[i]->serial);
    uint8_t hash[32];
    sha256(current->manifest.text, hash);
    if (new->version == old->version + 1 && memcmp(hash, new->previous, sizeof hash) != 0)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "previous",
                         "与版本 %" PRIu64 " 的清单不是同一份",
                         "is another manifest than that of version %" PRIu64, old->version);
    return 0;
}
