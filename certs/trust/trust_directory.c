#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/base/calendar.h"
#include "proto/base/check.h"
#include "proto/base/map.h"
#include "proto/record.h"

enum { ENDPOINT_COUNT_MAX = 8, ENDPOINT_LEN_MAX = 255 };
static const uint64_t epoch_span_max_ms = 400ull * 24 * 3600 * 1000;

static int certificate_read(const Leadbus__Certificate *from, struct trust_certificate *to,
                            struct error *ret_error)
{
    const struct suite *suite = suite_find(SUITE_1);
    char field[48];
    snprintf(field, sizeof field, "directory.serial=%" PRIu64, from->serial);
    if (from->serial == 0 || !slug_valid(from->unit) || from->role <= LEADBUS__ROLE__ROLE_NONE ||
        from->role > LEADBUS__ROLE__ROLE_OFFICE || from->not_before_ms >= from->not_after_ms ||
        from->identity.len != 32 || from->witness.len != 32 || from->transport.len != 32)
        return error_say(ret_error, E_BAD_VALUE, field, "证书格式不合规",
                         "not a well formed certificate");
    *to = (struct trust_certificate){.serial = from->serial,
                                     .unit = from->unit,
                                     .role = from->role,
                                     .not_before_ms = from->not_before_ms,
                                     .not_after_ms = from->not_after_ms};
    for (size_t i = 0; i < from->n_suites; i++) {
        if (from->suites[i] == 0 || from->suites[i] > 31)
            return error_say(ret_error, E_BAD_VALUE, field, "密码套件 %u", "suite %u",
                             from->suites[i]);
        to->suites |= 1u << from->suites[i];
    }
    memcpy(to->identity, from->identity.data, 32);
    memcpy(to->witness, from->witness.data, 32);
    memcpy(to->transport, from->transport.data, 32);
    if (suite->check_sign_key(to->identity) != 0 || suite->check_sign_key(to->witness) != 0 ||
        suite->check_agree_key(to->transport) != 0)
        return error_say(ret_error, E_KEY_WEAK, field, "单位 %s", "unit %s", from->unit);
    return 0;
}

static int compare_serials(const void *a, const void *b)
{
    const struct trust_certificate *x = a, *y = b;
    return x->serial < y->serial ? -1 : x->serial > y->serial;
}

static int revocations_read(struct trust_bundle *bundle, struct error *ret_error)
{
    const Leadbus__Revocations *revocations = bundle->revocations;
    if (revocations->number != bundle->stated.revocation)
        return error_say(ret_error, E_BAD_VALUE, "revocations",
                         "编号为 %" PRIu64 "，清单中为 %" PRIu64,
                         "number %" PRIu64 ", the manifest has %" PRIu64, revocations->number,
                         bundle->stated.revocation);
    for (size_t i = 0; i < revocations->n_revoked; i++) {
        const Leadbus__Revocation *one = revocations->revoked[i];
        if (!slug_valid(one->reason) ||
            (i > 0 && one->serial <= revocations->revoked[i - 1]->serial))
            return error_say(ret_error, E_BAD_VALUE, "revocations",
                             "序列号 %" PRIu64 "：次序不对，或没有原因代码",
                             "serial %" PRIu64 ": out of order, or no reason code", one->serial);
        struct trust_certificate key = {.serial = one->serial}, *found;
        found = bundle->certificate_count == 0
                    ? NULL
                    : bsearch(&key, bundle->certificates, bundle->certificate_count, sizeof key,
                              compare_serials);
        /* A revoked certificate may have left the directory since. */
        if (!found) continue;
        found->revoked = true;
        found->revoked_ms = one->time_ms;
    }
    return 0;
}

static bool overlap(const struct trust_certificate *a, const struct trust_certificate *b)
{
    return !a->revoked && !b->revoked && a->role == b->role && strcmp(a->unit, b->unit) == 0 &&
           a->not_before_ms < b->not_after_ms && b->not_before_ms < a->not_after_ms;
}

static int certificates_check(const struct trust_bundle *bundle, struct error *ret_error)
{
    for (size_t i = 0; i < bundle->certificate_count; i++) {
        const struct trust_certificate *one = &bundle->certificates[i];
        for (size_t k = 0; k < i; k++) {
            const struct trust_certificate *other = &bundle->certificates[k];
            if (one->serial == other->serial)
                return error_say(ret_error, E_BAD_VALUE, "directory", "序列号 %" PRIu64 " 重复",
                                 "serial %" PRIu64 " stands twice", one->serial);
            if (memcmp(one->identity, other->identity, 32) == 0 ||
                memcmp(one->transport, other->transport, 32) == 0)
                return error_say(ret_error, E_BAD_VALUE, "directory",
                                 "序列号 %" PRIu64 " 与 %" PRIu64 " 使用同一把密钥",
                                 "serials %" PRIu64 " and %" PRIu64 " share a key", other->serial,
                                 one->serial);
            if (overlap(one, other))
                return error_say(ret_error, E_BAD_VALUE, "directory",
                                 "单位 %s 有两份有效证书，序列号 %" PRIu64 " 与 %" PRIu64,
                                 "%s has two valid certificates, serials %" PRIu64 " and %" PRIu64,
                                 one->unit, other->serial, one->serial);
        }
    }
    return 0;
}

/* E_BAD_VALUE when the set holds this certificate's epoch number already: each counts its own. */
static int epoch_note_number(struct map *seen, uint64_t serial, const Leadbus__EpochKeyBody *body,
                             struct error *ret_error)
{
    uint8_t key[16];
    bool fresh = false;
    store_u64(key, serial);
    store_u64(key + 8, body->epoch);
    int code = map_reserve(seen, 1, ret_error);
    if (code != 0) return code;
    (void)map_put(seen, key, &fresh);
    return fresh ? 0
                 : error_say(ret_error, E_BAD_VALUE, "directory",
                             "时段密钥 %" PRIu64 "（单位 %s）重复",
                             "epoch %" PRIu64 " of %s stands twice", body->epoch, body->unit);
}

static int epoch_keys_check(struct trust_bundle *bundle, struct map *seen, struct error *ret_error)
{
    size_t count = bundle->directory->n_epoch_keys;
    bundle->epoch_serials = calloc(count ? count : 1, sizeof *bundle->epoch_serials);
    if (!bundle->epoch_serials) return error_set(ret_error, E_NO_MEMORY, NULL, "directory");
    for (size_t i = 0; i < count; i++) {
        const Leadbus__EpochKey *key = bundle->directory->epoch_keys[i];
        const ProtobufCMessage *message;
        int code = message_decode(&leadbus__epoch_key_body__descriptor,
                                  bytes_of(key->body.data, key->body.len), &bundle->arena, &message,
                                  ret_error);
        if (code != 0) return code;
        const Leadbus__EpochKeyBody *body = (const Leadbus__EpochKeyBody *)message;
        /* Prepared before the serial was known: serial 0, then the unit's own certificate decides.
         */
        const struct trust_certificate *certificate = NULL;
        for (size_t k = 0; k < bundle->certificate_count && !certificate; k++) {
            const struct trust_certificate *one = &bundle->certificates[k];
            if (body->serial != 0 ? one->serial == body->serial
                                  : strcmp(one->unit, body->unit) == 0)
                if (trust_epoch_key_check(one, key, &bundle->arena, &body, NULL) == 0)
                    certificate = one;
        }
        if (!certificate)
            return error_say(ret_error, E_SIGNATURE_INVALID, "directory",
                             "时段密钥 %" PRIu64 "（单位 %.47s）没有该单位任何证书的签名",
                             "epoch key %" PRIu64 " of %.47s is signed by none of its certificates",
                             body->epoch, body->unit);
        bundle->epoch_serials[i] = certificate->serial;
        code = epoch_note_number(seen, certificate->serial, body, ret_error);
        if (code != 0) return code;
    }
    return 0;
}

static bool endpoint_valid(const char *text)
{
    size_t len = strnlen(text, ENDPOINT_LEN_MAX + 1);
    if (len == 0 || len > ENDPOINT_LEN_MAX) return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~') return false;
    return true;
}

static int brokers_check(const struct trust_bundle *bundle, struct error *ret_error)
{
    for (size_t i = 0; i < bundle->brokers->n_brokers; i++) {
        const Leadbus__BrokerAddress *broker = bundle->brokers->brokers[i];
        const struct trust_certificate *one = trust_certificate_by_serial(bundle, broker->serial);
        bool good = one && one->role == LEADBUS__ROLE__ROLE_BROKER && broker->n_endpoints > 0 &&
                    broker->n_endpoints <= ENDPOINT_COUNT_MAX;
        for (size_t k = 0; good && k < broker->n_endpoints; k++)
            good = endpoint_valid(broker->endpoints[k]);
        if (!good)
            return error_say(ret_error, E_BAD_VALUE, "brokers",
                             "序列号 %" PRIu64 "：不是总线服务的证书，或地址不合规",
                             "serial %" PRIu64 ": no broker's, or its endpoints", broker->serial);
    }
    return 0;
}

int trust_directory_read(struct trust_bundle *bundle, struct error *ret_error)
{
    const Leadbus__Directory *directory = bundle->directory;
    size_t count = directory->n_certificates;
    bundle->certificates = calloc(count ? count : 1, sizeof *bundle->certificates);
    if (!bundle->certificates) return error_set(ret_error, E_NO_MEMORY, NULL, "directory");
    if (count > (size_t)LIMIT_UNIT_COUNT_MAX * 8)
        return error_say(ret_error, E_TOO_LARGE, "directory", "多于 %d 份证书",
                         "more than %d certificates", LIMIT_UNIT_COUNT_MAX * 8);
    for (size_t i = 0; i < count; i++) {
        int code =
            certificate_read(directory->certificates[i], &bundle->certificates[i], ret_error);
        if (code != 0) return code;
    }
    bundle->certificate_count = count;
    if (count > 1)
        qsort(bundle->certificates, count, sizeof *bundle->certificates, compare_serials);
    int code = revocations_read(bundle, ret_error);
    if (code == 0) code = certificates_check(bundle, ret_error);
    if (code == 0) {
        /* What is asked of this set came signed by the authority: no secret hash key is needed. */
        static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {0};
        struct map seen;
        map_init(&seen, 16, hash_key);
        code = epoch_keys_check(bundle, &seen, ret_error);
        map_fini(&seen);
    }
    if (code == 0) code = brokers_check(bundle, ret_error);
    return code;
}

size_t trust_certificate_count(const struct trust_bundle *bundle)
{
    return bundle->certificate_count;
}

const struct trust_certificate *trust_certificate_at(const struct trust_bundle *bundle, size_t i)
{
    CHECK(i < bundle->certificate_count);
    return &bundle->certificates[i];
}

const struct trust_certificate *trust_certificate_by_serial(const struct trust_bundle *bundle,
                                                            uint64_t serial)
{
    struct trust_certificate key = {.serial = serial};
    if (bundle->certificate_count == 0) return NULL;
    return bsearch(&key, bundle->certificates, bundle->certificate_count, sizeof key,
                   compare_serials);
}

const struct trust_certificate *trust_certificate_by_transport(const struct trust_bundle *bundle,
                                                               const uint8_t transport[32])
{
    for (size_t i = 0; i < bundle->certificate_count; i++)
        if (memcmp(bundle->certificates[i].transport, transport, 32) == 0)
            return &bundle->certificates[i];
    return NULL;
}

static bool revoked_at(const struct trust_certificate *certificate, uint64_t at_ms)
{
    return certificate->revoked && at_ms >= certificate->revoked_ms;
}

/* Operators and auditors bear the name of their unit and do not speak for it. */
static bool speaks_for_unit(Leadbus__Role role)
{
    return role == LEADBUS__ROLE__ROLE_UNIT || role == LEADBUS__ROLE__ROLE_OFFICE ||
           role == LEADBUS__ROLE__ROLE_BROKER;
}

const struct trust_certificate *trust_certificate_of_unit(const struct trust_bundle *bundle,
                                                          const char *unit, uint64_t at_ms)
{
    for (size_t i = bundle->certificate_count; i > 0; i--) {
        const struct trust_certificate *one = &bundle->certificates[i - 1];
        if (strcmp(one->unit, unit) == 0 && speaks_for_unit(one->role) && !revoked_at(one, at_ms) &&
            one->not_before_ms <= at_ms && at_ms < one->not_after_ms)
            return one;
    }
    return NULL;
}

int trust_verdict(const struct trust_bundle *bundle, uint64_t serial, const char *unit,
                  uint64_t at_ms, uint32_t suite, const struct trust_certificate **ret_certificate,
                  struct error *ret_error)
{
    const struct trust_certificate *one = trust_certificate_by_serial(bundle, serial);
    if (!one)
        return error_say(ret_error, E_UNKNOWN_SENDER, "serial", "没有证书 %" PRIu64,
                         "no certificate %" PRIu64, serial);
    if (unit && strcmp(one->unit, unit) != 0)
        return error_say(ret_error, E_IDENTITY_MISMATCH, "from",
                         "证书 %" PRIu64 " 属于 %s，不属于 %.47s",
                         "certificate %" PRIu64 " is of %s, not of %.47s", serial, one->unit, unit);
    if (revoked_at(one, at_ms))
        return error_say(ret_error, E_CERT_REVOKED, "serial", "证书 %" PRIu64 "（%s）",
                         "certificate %" PRIu64 " of %s", serial, one->unit);
    if (at_ms < one->not_before_ms || at_ms >= one->not_after_ms) {
        char from[CALENDAR_TEXT_LEN + 1], to[CALENDAR_TEXT_LEN + 1], now[CALENDAR_TEXT_LEN + 1];
        calendar_text(one->not_before_ms, from);
        calendar_text(one->not_after_ms, to);
        calendar_text(at_ms, now);
        return error_say(ret_error, E_CERT_EXPIRED, "serial",
                         "证书 %" PRIu64 "（%s）有效期为 %s 至 %s，现在是 %s",
                         "certificate %" PRIu64 " of %s is valid from %s to %s, now is %s", serial,
                         one->unit, from, to, now);
    }
    if (suite < bundle->stated.min_suite || !suite_find(suite))
        return error_say(ret_error, E_SUITE_UNSUPPORTED, "suite", "%u，至少应为 %u",
                         "%u; at least %u is wanted", suite, (unsigned)bundle->stated.min_suite);
    if (suite > 31 || !(one->suites >> suite & 1))
        return error_set(ret_error, E_CERT_UNKNOWN_SUITE, "suite", "%u", suite);
    *ret_certificate = one;
    return 0;
}

int trust_epoch_key_check(const struct trust_certificate *certificate, const Leadbus__EpochKey *key,
                          struct arena *arena, const Leadbus__EpochKeyBody **ret_body,
                          struct error *ret_error)
{
    struct bytes bytes = bytes_of(key->body.data, key->body.len);
    const ProtobufCMessage *message;
    int code =
        message_decode(&leadbus__epoch_key_body__descriptor, bytes, arena, &message, ret_error);
    if (code != 0) return code;
    const Leadbus__EpochKeyBody *body = (const Leadbus__EpochKeyBody *)message;
    if (strcmp(body->unit, certificate->unit) != 0 ||
        (body->serial != 0 && body->serial != certificate->serial))
        return error_say(ret_error, E_IDENTITY_MISMATCH, "unit", "是 %.47s 的密钥，证书属于 %s",
                         "the key of %.47s, the certificate of %s", body->unit, certificate->unit);
    if (body->epoch == 0 || body->public_key.len != 32 ||
        body->not_before_ms >= body->not_after_ms ||
        body->not_after_ms - body->not_before_ms > epoch_span_max_ms)
        return error_say(ret_error, E_BAD_VALUE, "epoch",
                         "编号从 1 起，密钥 32 字节，有效期最长 400 天",
                         "number from 1, 32 byte key, a span of at most 400 days");
    if (suite_find(SUITE_1)->check_agree_key(body->public_key.data) != 0)
        return error_say(ret_error, E_KEY_WEAK, "public_key", "时段 %" PRIu64, "epoch %" PRIu64,
                         body->epoch);
    if (signed_body_verify(SIGNED_EPOCH, bytes, bytes_of(key->signature.data, key->signature.len),
                           certificate->identity) != 0)
        return error_say(ret_error, E_SIGNATURE_INVALID, "signature", "%2$s 的时段 %1$" PRIu64,
                         "epoch %" PRIu64 " of %s", body->epoch, certificate->unit);
    *ret_body = body;
    return 0;
}
