#include "certs/trust/trust.h"

#include <stdlib.h>
#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/base/check.h"
#include "proto/record.h"

static int roots_walk(struct trust_bundle *bundle, const struct trust_root *root,
                      struct error *ret_error)
{
    bundle->root = *root;
    for (size_t i = 0; i < bundle->message->n_roots; i++) {
        struct bytes note = bytes_of(bundle->message->roots[i].data, bundle->message->roots[i].len);
        uint8_t hash[32];
        sha256(note, hash);
        /* Roots up to the one that is held are carried for those who hold an older one. */
        if (memcmp(hash, bundle->root.hash, sizeof hash) == 0) continue;
        struct trust_root listed;
        int code = trust_root_open(note, &listed, ret_error);
        if (code != 0) return code;
        if (listed.version < bundle->root.version) continue;
        struct trust_root next;
        code = trust_root_advance(&bundle->root, note, &next, ret_error);
        if (code != 0) return code;
        bundle->root = next;
    }
    return 0;
}

static int parts_check(struct trust_bundle *bundle, struct error *ret_error)
{
    const Leadbus__Bundle *message = bundle->message;
    const struct trust_manifest *stated = &bundle->stated;
    for (size_t i = 0; i < stated->part_count; i++) {
        const struct trust_manifest_part *line = &stated->parts[i];
        if (i >= message->n_parts)
            return error_say(ret_error, E_TRUNCATED, line->name, "缺少此部分",
                             "the part is missing");
        struct trust_part *part = &bundle->parts[i];
        part->name = message->parts[i]->name;
        part->content = bytes_of(message->parts[i]->content.data, message->parts[i]->content.len);
        if (strcmp(part->name, line->name) != 0)
            return error_say(ret_error, E_BAD_FORM, "part", "%.60s 与清单次序不符",
                             "%.60s stands out of the manifest's order", part->name);
        sha256(part->content, part->sha256);
        if (part->content.len != line->size || memcmp(part->sha256, line->sha256, 32) != 0)
            return error_say(ret_error, E_SECTION_HASH, part->name, "长度或哈希与清单不符",
                             "length or hash is not the manifest's");
        bundle->part_count = i + 1;
    }
    if (bundle->part_count != message->n_parts)
        return error_say(ret_error, E_BAD_FORM, "part", "含有清单之外的部分",
                         "a part that the manifest does not have");
    return 0;
}

static int manifest_open(struct trust_bundle *bundle, struct error *ret_error)
{
    const Leadbus__Bundle *message = bundle->message;
    const struct trust_manifest *stated = &bundle->stated;
    int code = note_parse(bytes_of(message->manifest.data, message->manifest.len),
                          &bundle->manifest, ret_error);
    if (code == 0)
        code = trust_root_verify(&bundle->root, &bundle->manifest, bundle->root.threshold_bundle,
                                 NULL, ret_error);
    if (code == 0) code = trust_manifest_parse(bundle->manifest.text, &bundle->stated, ret_error);
    if (code != 0) return code;
    if (strcmp(stated->bus, bundle->root.bus) != 0)
        return error_say(ret_error, E_NOTE_INVALID, "bus", "是另一总线 %s 的方案包",
                         "a bundle of another bus: %s", stated->bus);
    if (stated->root_version != bundle->root.version)
        return error_say(
            ret_error, E_NOTE_INVALID, "root", "按信任根第 %llu 版签发，本地为第 %llu 版",
            "made under root %llu, held is %llu", (unsigned long long)stated->root_version,
            (unsigned long long)bundle->root.version);
    return parts_check(bundle, ret_error);
}

static const struct trust_part *part_find(const struct trust_bundle *bundle, const char *name)
{
    for (size_t i = 0; i < bundle->part_count; i++)
        if (strcmp(bundle->parts[i].name, name) == 0) return &bundle->parts[i];
    return NULL;
}

static int part_decode(struct trust_bundle *bundle, const char *name,
                       const ProtobufCMessageDescriptor *descriptor, const ProtobufCMessage **ret,
                       struct error *ret_error)
{
    const struct trust_part *part = part_find(bundle, name);
    if (!part)
        return error_say(ret_error, E_MISSING_FIELD, name, "方案包中没有此部分",
                         "the bundle has no such part");
    return message_decode(descriptor, part->content, &bundle->arena, ret, ret_error);
}

static int bundle_read(struct trust_bundle *bundle, const struct trust_root *root,
                       struct error *ret_error)
{
    const ProtobufCMessage *message, *directory, *revocations, *brokers;
    int code = message_decode(&leadbus__bundle__descriptor, buf_bytes(&bundle->bytes),
                              &bundle->arena, &message, ret_error);
    if (code != 0) return code;
    bundle->message = (const Leadbus__Bundle *)message;
    code = roots_walk(bundle, root, ret_error);
    if (code == 0) code = manifest_open(bundle, ret_error);
    if (code == 0)
        code = part_decode(bundle, "directory", &leadbus__directory__descriptor, &directory,
                           ret_error);
    if (code == 0)
        code = part_decode(bundle, "revocations", &leadbus__revocations__descriptor, &revocations,
                           ret_error);
    if (code == 0)
        code = part_decode(bundle, "brokers", &leadbus__brokers__descriptor, &brokers, ret_error);
    if (code != 0) return code;
    bundle->directory = (const Leadbus__Directory *)directory;
    bundle->brokers = (const Leadbus__Brokers *)brokers;
    bundle->revocations = (const Leadbus__Revocations *)revocations;
    return trust_directory_read(bundle, ret_error);
}

static int plan_read(struct trust_bundle *bundle, struct error *ret_error)
{
    struct plan_part parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    for (size_t i = 0; i < bundle->part_count; i++)
        parts[i] = (struct plan_part){bundle->parts[i].name, bundle->parts[i].content};
    return plan_parse(parts, bundle->part_count, &bundle->plan, ret_error);
}

int trust_bundle_open(struct bytes input, const struct trust_root *root, struct trust_bundle **ret,
                      struct error *ret_error)
{
    if (input.len > LIMIT_BUNDLE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "bundle", "超过 %d 字节", "more than %d bytes",
                         LIMIT_BUNDLE_BYTES_MAX);
    struct trust_bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle) return error_set(ret_error, E_NO_MEMORY, NULL, "bundle");
    buf_append_bytes(&bundle->bytes, input);
    arena_init(&bundle->arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
    int code = bundle_read(bundle, root, ret_error);
    if (code == 0) code = plan_read(bundle, ret_error);
    if (code != 0) {
        trust_bundle_free(bundle);
        return code;
    }
    *ret = bundle;
    return 0;
}

void trust_bundle_free(struct trust_bundle *bundle)
{
    if (!bundle) return;
    plan_free(bundle->plan);
    free(bundle->certificates);
    free(bundle->epoch_serials);
    arena_fini(&bundle->arena);
    buf_fini(&bundle->bytes);
    free(bundle);
}

const struct trust_root *trust_bundle_root(const struct trust_bundle *bundle)
{
    return &bundle->root;
}

const char *trust_bundle_bus(const struct trust_bundle *bundle)
{
    return bundle->stated.bus;
}

uint64_t trust_bundle_version(const struct trust_bundle *bundle)
{
    return bundle->stated.version;
}

uint64_t trust_bundle_issued_ms(const struct trust_bundle *bundle)
{
    return bundle->stated.issued_ms;
}

uint64_t trust_bundle_expires_ms(const struct trust_bundle *bundle)
{
    return bundle->stated.expires_ms;
}

uint64_t trust_bundle_hard_limit_ms(const struct trust_bundle *bundle)
{
    return bundle->stated.hard_limit_ms;
}

uint32_t trust_bundle_min_suite(const struct trust_bundle *bundle)
{
    return bundle->stated.min_suite;
}

const struct plan *trust_bundle_plan(const struct trust_bundle *bundle)
{
    return bundle->plan;
}

struct bytes trust_bundle_bytes(const struct trust_bundle *bundle)
{
    return buf_bytes(&bundle->bytes);
}

struct bytes trust_bundle_manifest(const struct trust_bundle *bundle)
{
    return bytes_of(bundle->message->manifest.data, bundle->message->manifest.len);
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
    CHECK(i < bundle->brokers->n_brokers);
    return bundle->brokers->brokers[i];
}

size_t trust_bundle_epoch_key_count(const struct trust_bundle *bundle)
{
    return bundle->directory->n_epoch_keys;
}

const Leadbus__EpochKey *trust_bundle_epoch_key(const struct trust_bundle *bundle, size_t i)
{
    CHECK(i < bundle->directory->n_epoch_keys);
    return bundle->directory->epoch_keys[i];
}

uint64_t trust_bundle_epoch_key_serial(const struct trust_bundle *bundle, size_t i)
{
    CHECK(i < bundle->directory->n_epoch_keys);
    return bundle->epoch_serials[i];
}
