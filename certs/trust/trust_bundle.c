#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/base/check.h"
#include "proto/note.h"
#include "proto/record.h"

static int decode_outer(struct trust_bundle *bundle, const Leadbus__Bundle **ret,
                        struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int rc = message_decode(&leadbus__bundle__descriptor, bytes_of(bundle->copy, bundle->copy_len),
                            &bundle->arena, &message, ret_error);
    if (rc < 0) return rc;
    const Leadbus__Bundle *outer = (const Leadbus__Bundle *)message;
    if (outer->n_parts > LIMIT_BUNDLE_PART_COUNT_MAX)
        return error_set(ret_error, E_TOO_LARGE, "parts", "%zu, at most %d", outer->n_parts,
                         LIMIT_BUNDLE_PART_COUNT_MAX);
    *ret = outer;
    return 0;
}

/* Roots at or below the one held are history and are passed over: what is held was trusted before.
 */
static int walk_roots(const Leadbus__Bundle *outer, struct trust_root *root,
                      struct error *ret_error)
{
    for (size_t i = 0; i < outer->n_roots; i++) {
        struct bytes data = trust_binary(outer->roots[i]);
        struct note note;
        struct trust_root listed;
        int rc = note_parse(data, &note, ret_error);
        if (rc == 0) rc = trust_root_parse(note.text, &listed, ret_error);
        if (rc < 0) return rc;
        if (listed.version <= root->version) continue;
        rc = trust_root_advance(root, data, root, ret_error);
        if (rc < 0) return rc;
    }
    return 0;
}

static int open_manifest(struct trust_bundle *bundle, const Leadbus__Bundle *outer,
                         struct error *ret_error)
{
    struct note note;
    struct trust_manifest *manifest = &bundle->manifest;
    bundle->note = trust_binary(outer->manifest);
    int rc = note_parse(bundle->note, &note, ret_error);
    if (rc == 0)
        rc = trust_signers(&bundle->root, bundle->note, bundle->root.threshold_bundle, NULL,
                           ret_error);
    if (rc == 0) rc = trust_manifest_parse(note.text, manifest, ret_error);
    if (rc < 0) return rc;
    if (strcmp(manifest->bus, bundle->root.bus) != 0)
        return error_set(ret_error, E_NOTE_INVALID, "manifest:bus", "%s, the root's is %s",
                         manifest->bus, bundle->root.bus);
    if (manifest->root_version != bundle->root.version)
        return error_set(ret_error, E_NOTE_INVALID, "manifest:root",
                         "made under root %" PRIu64 ", the newest known is %" PRIu64,
                         manifest->root_version, bundle->root.version);
    return 0;
}

static int check_parts(struct trust_bundle *bundle, const Leadbus__Bundle *outer,
                       struct error *ret_error)
{
    const struct trust_manifest *manifest = &bundle->manifest;
    for (size_t i = 0; i < manifest->part_count || i < outer->n_parts; i++) {
        if (i >= outer->n_parts)
            return error_set(ret_error, E_BAD_FORM, manifest->parts[i].name, "the part is missing");
        const Leadbus__BundlePart *from = outer->parts[i];
        if (i >= manifest->part_count || strcmp(from->name, manifest->parts[i].name) != 0)
            return error_set(ret_error, E_BAD_FORM, "parts",
                             "part %zu (%.63s) is not the manifest's", i, from->name);
        struct trust_part *part = &bundle->parts[i];
        part->name = from->name;
        part->content = trust_binary(from->content);
        if (part->content.len != manifest->parts[i].size)
            return error_set(ret_error, E_NOTE_INVALID, part->name,
                             "%zu bytes, the manifest says %" PRIu64, part->content.len,
                             manifest->parts[i].size);
        sha256(part->content, part->sha256);
        if (memcmp(part->sha256, manifest->parts[i].sha256, 32) != 0)
            return error_set(ret_error, E_NOTE_INVALID, part->name,
                             "the content is not the one signed");
        bundle->part_count = i + 1;
    }
    return 0;
}

static int decode_part(struct trust_bundle *bundle, const char *name,
                       const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessage **ret,
                       struct error *ret_error)
{
    size_t i = 0;
    while (i < bundle->part_count && strcmp(bundle->parts[i].name, name) != 0) i++;
    if (i == bundle->part_count)
        return error_set(ret_error, E_BAD_FORM, name, "the bundle has no such part");
    return message_decode(descriptor, bundle->parts[i].content, &bundle->arena, ret, ret_error);
}

static int parse_plan(struct trust_bundle *bundle, struct error *ret_error)
{
    struct plan_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    for (size_t i = 0; i < bundle->part_count; i++)
        parts[i] = (struct plan_part){bundle->parts[i].name, bundle->parts[i].content};
    return plan_parse(parts, bundle->part_count, &bundle->plan, ret_error);
}

static int open_parts(struct trust_bundle *bundle, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int rc = decode_part(bundle, "directory", &leadbus__directory__descriptor, &message, ret_error);
    if (rc < 0) return rc;
    bundle->directory = (const Leadbus__Directory *)message;
    rc = decode_part(bundle, "revocations", &leadbus__revocations__descriptor, &message, ret_error);
    if (rc < 0) return rc;
    bundle->revocations = (const Leadbus__Revocations *)message;
    rc = decode_part(bundle, "brokers", &leadbus__brokers__descriptor, &message, ret_error);
    if (rc < 0) return rc;
    bundle->brokers = (const Leadbus__Brokers *)message;
    rc = trust_directory_build(bundle, ret_error);
    if (rc == 0) rc = parse_plan(bundle, ret_error);
    return rc;
}

int trust_bundle_open(struct bytes input, const struct trust_root *root, struct trust_bundle **ret,
                      struct error *ret_error)
{
    const Leadbus__Bundle *outer = NULL;
    if (input.len > LIMIT_BUNDLE_BYTES_MAX)
        return error_set(ret_error, E_TOO_LARGE, "bundle", "%zu bytes, at most %d", input.len,
                         LIMIT_BUNDLE_BYTES_MAX);
    struct trust_bundle *bundle = calloc(1, sizeof *bundle);
    uint8_t *copy = malloc(input.len + 1);
    if (!bundle || !copy) {
        free(bundle);
        free(copy);
        return error_set(ret_error, E_NO_MEMORY, "bundle", "%zu bytes", input.len);
    }
    if (input.len > 0) memcpy(copy, input.data, input.len);
    bundle->copy = copy;
    bundle->copy_len = input.len;
    bundle->root = *root;
    /* Certificates and epoch keys unpack to about three times their size. */
    arena_init(&bundle->arena, input.len * 6 + (1 << 16));
    int rc = decode_outer(bundle, &outer, ret_error);
    if (rc == 0) rc = walk_roots(outer, &bundle->root, ret_error);
    if (rc == 0) rc = open_manifest(bundle, outer, ret_error);
    if (rc == 0) rc = check_parts(bundle, outer, ret_error);
    if (rc == 0) rc = open_parts(bundle, ret_error);
    if (rc < 0) {
        trust_bundle_free(bundle);
        return rc;
    }
    *ret = bundle;
    return 0;
}

void trust_bundle_free(struct trust_bundle *bundle)
{
    if (!bundle) return;
    plan_free(bundle->plan);
    map_fini(&bundle->by_serial);
    map_fini(&bundle->by_transport);
    free(bundle->certificates);
    free(bundle->by_unit);
    arena_fini(&bundle->arena);
    free(bundle->copy);
    free(bundle);
}

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
    const struct trust_manifest *old = &current->manifest;
    const struct trust_manifest *new = &next->manifest;
    if (strcmp(old->bus, new->bus) != 0)
        return error_set(ret_error, E_ORIGIN_MISMATCH, "bus", "%s, not %s", new->bus, old->bus);
    if (new->version <= old->version)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "version", "%" PRIu64 " after %" PRIu64,
                         new->version, old->version);
    if (new->root_version < old->root_version || new->revocation < old->revocation ||
        new->issued_ms < old->issued_ms)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "manifest",
                         "root, revocation number or issue time goes back");
    for (size_t i = 0; i < current->revocations->n_revoked; i++)
        if (!still_revoked(next, current->revocations->revoked[i]))
            return error_set(ret_error, E_BUNDLE_ROLLBACK, "revocations",
                             "serial %" PRIu64 " is taken back",
                             current->revocations->revoked[i]->serial);
    struct note note;
    uint8_t hash[32];
    CHECK(note_parse(current->note, &note, NULL) == 0);
    sha256(note.text, hash);
    if (new->version == old->version + 1 && memcmp(hash, new->previous, sizeof hash) != 0)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "previous",
                         "is another manifest than that of version %" PRIu64, old->version);
    return 0;
}

/* ---- reading */

const struct trust_root *trust_bundle_root(const struct trust_bundle *bundle)
{
    return &bundle->root;
}
const char *trust_bundle_bus(const struct trust_bundle *bundle)
{
    return bundle->manifest.bus;
}
uint64_t trust_bundle_version(const struct trust_bundle *bundle)
{
    return bundle->manifest.version;
}
uint64_t trust_bundle_issued_ms(const struct trust_bundle *bundle)
{
    return bundle->manifest.issued_ms;
}
uint64_t trust_bundle_expires_ms(const struct trust_bundle *bundle)
{
    return bundle->manifest.expires_ms;
}
uint64_t trust_bundle_hard_limit_ms(const struct trust_bundle *bundle)
{
    return bundle->manifest.hard_limit_ms;
}
uint32_t trust_bundle_min_suite(const struct trust_bundle *bundle)
{
    return bundle->manifest.min_suite;
}
const struct plan *trust_bundle_plan(const struct trust_bundle *bundle)
{
    return bundle->plan;
}
struct bytes trust_bundle_bytes(const struct trust_bundle *bundle)
{
    return bytes_of(bundle->copy, bundle->copy_len);
}
struct bytes trust_bundle_manifest(const struct trust_bundle *bundle)
{
    return bundle->note;
}
size_t trust_bundle_part_count(const struct trust_bundle *bundle)
{
    return bundle->part_count;
}
void trust_bundle_part(const struct trust_bundle *bundle, size_t i, const char **ret_name,
                       struct bytes *ret_content, uint8_t ret_sha256[32])
{
    CHECK(i < bundle->part_count);
    *ret_name = bundle->parts[i].name;
    *ret_content = bundle->parts[i].content;
    memcpy(ret_sha256, bundle->parts[i].sha256, 32);
}
size_t trust_bundle_broker_count(const struct trust_bundle *bundle)
{
    return bundle->brokers->n_brokers;
}
const Leadbus__BrokerAddress *trust_bundle_broker(const struct trust_bundle *bundle, size_t i)
{
    return i < bundle->brokers->n_brokers ? bundle->brokers->brokers[i] : NULL;
}
size_t trust_bundle_epoch_key_count(const struct trust_bundle *bundle)
{
    return bundle->directory->n_epoch_keys;
}
const Leadbus__EpochKey *trust_bundle_epoch_key(const struct trust_bundle *bundle, size_t i)
{
    return i < bundle->directory->n_epoch_keys ? bundle->directory->epoch_keys[i] : NULL;
}
size_t trust_certificate_count(const struct trust_bundle *bundle)
{
    return bundle->certificate_count;
}
const struct trust_certificate *trust_certificate_at(const struct trust_bundle *bundle, size_t i)
{
    return i < bundle->certificate_count ? &bundle->certificates[i] : NULL;
}
