#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/record.h"

enum { ENDPOINT_COUNT_MAX = 8, ENDPOINT_LEN_MAX = 255, SUITE_NUMBER_MAX = 31 };

static int copy_keys(const Leadbus__Certificate *from, struct trust_certificate *to,
                     struct error *ret_error)
{
    const struct suite *suite = suite_find(SUITE_1);
    if (from->identity.len != SUITE_PUBLIC_LEN || from->witness.len != SUITE_PUBLIC_LEN ||
        from->transport.len != SUITE_PUBLIC_LEN)
        return error_set(ret_error, E_BAD_FORM, "directory", "key length of serial %" PRIu64,
                         from->serial);
    memcpy(to->identity, from->identity.data, SUITE_PUBLIC_LEN);
    memcpy(to->witness, from->witness.data, SUITE_PUBLIC_LEN);
    memcpy(to->transport, from->transport.data, SUITE_PUBLIC_LEN);
    if (suite->check_sign_key(to->identity) < 0 || suite->check_sign_key(to->witness) < 0 ||
        suite->check_agree_key(to->transport) < 0)
        return error_set(ret_error, E_KEY_WEAK, "directory", "serial %" PRIu64 " of %s",
                         from->serial, from->unit);
    return 0;
}

static int copy_certificate(const Leadbus__Certificate *from, struct trust_certificate *to,
                            struct error *ret_error)
{
    if (from->serial == 0 || from->serial > INT64_MAX || !slug_valid(from->unit) ||
        from->role < LEADBUS__ROLE__ROLE_UNIT || from->role > LEADBUS__ROLE__ROLE_OFFICE ||
        from->not_before_ms >= from->not_after_ms || from->n_suites == 0)
        return error_set(ret_error, E_BAD_FORM, "directory", "certificate with serial %" PRIu64,
                         from->serial);
    to->serial = from->serial;
    to->unit = from->unit;
    to->role = from->role;
    to->not_before_ms = from->not_before_ms;
    to->not_after_ms = from->not_after_ms;
    for (size_t i = 0; i < from->n_suites; i++) {
        if (from->suites[i] == 0 || from->suites[i] > SUITE_NUMBER_MAX)
            return error_set(ret_error, E_BAD_FORM, "directory", "suite %" PRIu32 " of %s",
                             from->suites[i], from->unit);
        to->suites |= (uint32_t)1 << from->suites[i];
    }
    return copy_keys(from, to, ret_error);
}

/* qsort has no context argument and this room has no state: the pairs carry what they are
 * compared by. */
struct order {
    const struct trust_certificate *certificate;
    uint32_t index;
};

static int by_unit_then_newest(const void *left, const void *right)
{
    const struct trust_certificate *a = ((const struct order *)left)->certificate;
    const struct trust_certificate *b = ((const struct order *)right)->certificate;
    int units = strcmp(a->unit, b->unit);
    if (units != 0) return units;
    return a->serial < b->serial ? 1 : -1;
}

static void sort_by_unit(struct trust_bundle *bundle, struct order *orders)
{
    for (uint32_t i = 0; i < bundle->certificate_count; i++)
        orders[i] = (struct order){&bundle->certificates[i], i};
    if (bundle->certificate_count > 0)
        qsort(orders, bundle->certificate_count, sizeof *orders, by_unit_then_newest);
    for (uint32_t i = 0; i < bundle->certificate_count; i++) bundle->by_unit[i] = orders[i].index;
}

static int index_certificate(struct trust_bundle *bundle, size_t i, struct error *ret_error)
{
    const struct trust_certificate *certificate = &bundle->certificates[i];
    bool fresh = false;
    uint64_t *slot = map_put(&bundle->by_serial, &certificate->serial, &fresh);
    if (!fresh)
        return error_set(ret_error, E_BAD_FORM, "directory", "serial %" PRIu64 " is there twice",
                         certificate->serial);
    *slot = i;
    slot = map_put(&bundle->by_transport, certificate->transport, &fresh);
    if (!fresh) {
        /* A renewed certificate may keep its key; two parties may not share one. */
        const struct trust_certificate *other = &bundle->certificates[*slot];
        if (strcmp(other->unit, certificate->unit) != 0 || other->role != certificate->role)
            return error_set(ret_error, E_BAD_FORM, "directory",
                             "serials %" PRIu64 " and %" PRIu64 " have one transport key",
                             other->serial, certificate->serial);
        if (other->serial > certificate->serial) return 0;
    }
    *slot = i;
    return 0;
}

static int build_certificates(struct trust_bundle *bundle, struct error *ret_error)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {0};
    size_t count = bundle->directory->n_certificates;
    map_init(&bundle->by_serial, 8, hash_key);
    map_init(&bundle->by_transport, 32, hash_key);
    bundle->certificates = calloc(count + 1, sizeof *bundle->certificates);
    bundle->by_unit = calloc(count + 1, sizeof *bundle->by_unit);
    struct order *orders = calloc(count + 1, sizeof *orders);
    int rc = bundle->certificates && bundle->by_unit && orders
                 ? 0
                 : error_set(ret_error, E_NO_MEMORY, "directory", "%zu certificates", count);
    if (rc == 0) rc = map_reserve(&bundle->by_serial, count, ret_error);
    if (rc == 0) rc = map_reserve(&bundle->by_transport, count, ret_error);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = copy_certificate(bundle->directory->certificates[i], &bundle->certificates[i],
                              ret_error);
        if (rc == 0) rc = index_certificate(bundle, i, ret_error);
        if (rc == 0) bundle->certificate_count = i + 1;
    }
    if (rc == 0) sort_by_unit(bundle, orders);
    free(orders);
    return rc;
}

static int apply_revocations(struct trust_bundle *bundle, struct error *ret_error)
{
    const Leadbus__Revocations *list = bundle->revocations;
    if (list->number != bundle->manifest.revocation)
        return error_set(ret_error, E_BAD_FORM, "revocations",
                         "number %" PRIu64 ", the manifest says %" PRIu64, list->number,
                         bundle->manifest.revocation);
    uint64_t last = 0;
    for (size_t i = 0; i < list->n_revoked; i++) {
        const Leadbus__Revocation *row = list->revoked[i];
        if (row->serial <= last || !slug_valid(row->reason))
            return error_set(ret_error, E_BAD_FORM, "revocations",
                             "serial %" PRIu64 ": order or reason", row->serial);
        last = row->serial;
        /* A certificate may have left the directory; its revocation stays. */
        const uint64_t *index = map_find(&bundle->by_serial, &row->serial);
        if (!index) continue;
        bundle->certificates[*index].revoked = true;
        bundle->certificates[*index].revoked_ms = row->time_ms;
    }
    return 0;
}

/* By unit, then role: two that were never revoked and whose times overlap would leave open which
 * one speaks. */
static int check_overlaps(const struct trust_bundle *bundle, struct error *ret_error)
{
    for (size_t i = 0; i < bundle->certificate_count; i++) {
        const struct trust_certificate *a = &bundle->certificates[bundle->by_unit[i]];
        for (size_t k = i + 1; k < bundle->certificate_count; k++) {
            const struct trust_certificate *b = &bundle->certificates[bundle->by_unit[k]];
            if (strcmp(a->unit, b->unit) != 0) break;
            if (a->role != b->role || a->revoked || b->revoked) continue;
            if (a->not_before_ms < b->not_after_ms && b->not_before_ms < a->not_after_ms)
                return error_set(ret_error, E_BAD_FORM, "directory",
                                 "serials %" PRIu64 " and %" PRIu64 " of %s are valid at once",
                                 b->serial, a->serial, a->unit);
        }
    }
    return 0;
}

/* A key prepared before the certificate existed carries serial 0: any certificate of its unit whose
 * identity signed it will do, revoked ones apart. */
static int check_epoch_key(const struct trust_bundle *bundle, const Leadbus__EpochKey *key,
                           struct arena *arena, const Leadbus__EpochKeyBody **ret_body,
                           struct error *ret_error)
{
    int rc = error_set(ret_error, E_BAD_FORM, "directory", "an epoch key of nobody");
    const ProtobufCMessage *message = NULL;
    int code = message_decode(&leadbus__epoch_key_body__descriptor, trust_binary(key->body), arena,
                              &message, ret_error);
    if (code < 0) return code;
    const Leadbus__EpochKeyBody *body = (const Leadbus__EpochKeyBody *)message;
    for (size_t i = 0; i < bundle->certificate_count; i++) {
        const struct trust_certificate *certificate = &bundle->certificates[i];
        if (certificate->revoked || strcmp(certificate->unit, body->unit) != 0) continue;
        if (body->serial != 0 && body->serial != certificate->serial) continue;
        rc = trust_epoch_key_check(certificate, key, arena, ret_body, ret_error);
        if (rc == 0) return 0;
    }
    if (rc == E_BAD_FORM)
        rc = error_set(ret_error, E_BAD_FORM, "directory", "an epoch key of %.48s, not enrolled",
                       body->unit);
    return rc;
}

static int check_epoch_keys(struct trust_bundle *bundle, struct error *ret_error)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {0};
    int rc = 0;
    struct map seen;
    struct arena arena;
    struct buf name = {0};
    map_init(&seen, 32, hash_key);
    arena_init(&arena, 1 << 20);
    for (size_t i = 0; rc == 0 && i < bundle->directory->n_epoch_keys; i++) {
        const Leadbus__EpochKeyBody *body = NULL;
        arena_reset(&arena);
        rc = check_epoch_key(bundle, bundle->directory->epoch_keys[i], &arena, &body, ret_error);
        if (rc < 0) break;
        uint8_t key[32];
        bool fresh = false;
        buf_reset(&name);
        buf_append_u64(&name, body->epoch);
        buf_append_str(&name, body->unit);
        sha256(buf_bytes(&name), key);
        rc = map_reserve(&seen, 1, ret_error);
        if (rc < 0) break;
        (void)map_put(&seen, key, &fresh);
        if (!fresh)
            rc = error_set(ret_error, E_BAD_FORM, "directory",
                           "epoch %" PRIu64 " of %s is there twice", body->epoch, body->unit);
    }
    buf_fini(&name);
    arena_fini(&arena);
    map_fini(&seen);
    return rc;
}

static bool endpoint_valid(const char *text)
{
    size_t len = strnlen(text, ENDPOINT_LEN_MAX + 1);
    if (len == 0 || len > ENDPOINT_LEN_MAX) return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~') return false;
    return true;
}

static int check_brokers(const struct trust_bundle *bundle, struct error *ret_error)
{
    for (size_t i = 0; i < bundle->brokers->n_brokers; i++) {
        const Leadbus__BrokerAddress *broker = bundle->brokers->brokers[i];
        const struct trust_certificate *certificate =
            trust_certificate_by_serial(bundle, broker->serial);
        if (!certificate || certificate->role != LEADBUS__ROLE__ROLE_BROKER)
            return error_set(ret_error, E_BAD_FORM, "brokers", "serial %" PRIu64 " is no broker's",
                             broker->serial);
        bool good = broker->n_endpoints > 0 && broker->n_endpoints <= ENDPOINT_COUNT_MAX;
        for (size_t k = 0; good && k < broker->n_endpoints; k++)
            good = endpoint_valid(broker->endpoints[k]);
        if (!good)
            return error_set(ret_error, E_BAD_FORM, "brokers", "endpoints of serial %" PRIu64,
                             broker->serial);
    }
    return 0;
}

int trust_directory_build(struct trust_bundle *bundle, struct error *ret_error)
{
    int rc = build_certificates(bundle, ret_error);
    if (rc == 0) rc = apply_revocations(bundle, ret_error);
    if (rc == 0) rc = check_overlaps(bundle, ret_error);
    if (rc == 0) rc = check_epoch_keys(bundle, ret_error);
    if (rc == 0) rc = check_brokers(bundle, ret_error);
    return rc;
}
