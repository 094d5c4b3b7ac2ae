/* Deciding about the broker's own records, and which file decides about the rest. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

static bool name_fits(const char *name, bool required)
{
    if (!name) return !required;
    size_t len = strlen(name);
    if (len > CORE_ORIGIN_LEN_MAX || (required && len == 0)) return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] < 0x21 || name[i] > 0x7e) return false;
    return true;
}

static int admit_genesis(const struct core *core, const struct core_request *request,
                         uint64_t now_ms, struct buf *ret_record, struct core_verdict *verdict)
{
    static char none[] = "";
    if (core->size > 0)
        return error_say(&verdict->error, E_DUPLICATE, "genesis", "这份日志已有来源标识",
                         "this journal has its origin");
    if (!name_fits(request->genesis.origin, true))
        return error_say(&verdict->error, E_BAD_VALUE, "origin", "应为 1 到 %d 个可见字符",
                         "1..%d visible characters", CORE_ORIGIN_LEN_MAX);
    if (!name_fits(request->genesis.bus, true))
        return error_say(&verdict->error, E_BAD_VALUE, "bus", "应为 1 到 %d 个可见字符",
                         "1..%d visible characters", CORE_ORIGIN_LEN_MAX);
    if (!name_fits(request->genesis.previous_origin, false))
        return error_say(&verdict->error, E_BAD_VALUE, "previous_origin", "至多 %d 个字符",
                         "at most %d characters", CORE_ORIGIN_LEN_MAX);
    Leadbus__Genesis genesis = LEADBUS__GENESIS__INIT;
    genesis.origin = (char *)(uintptr_t)request->genesis.origin;
    genesis.bus = (char *)(uintptr_t)request->genesis.bus;
    genesis.root = core_data(bytes_of(request->genesis.root, 32));
    genesis.store_version = 1;
    genesis.previous_origin = request->genesis.previous_origin
                                  ? (char *)(uintptr_t)request->genesis.previous_origin
                                  : none;
    genesis.previous_checkpoint = core_data(request->genesis.previous_checkpoint);
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_GENESIS);
    record.genesis = &genesis;
    return record_encode(&record, ret_record, &verdict->error);
}

/* The root note that the bundle carries last, as received; empty when it carries none. */
static int bundle_root_note(const struct core *core, const struct trust_bundle *bundle,
                            struct bytes *ret_note, struct error *ret_error)
{
    ProtobufCAllocator allocator = arena_allocator(core->scratch);
    struct bytes bytes = trust_bundle_bytes(bundle);
    const Leadbus__Bundle *message = leadbus__bundle__unpack(&allocator, bytes.len, bytes.data);
    if (!message) return error_say(ret_error, E_BAD_FORM, "bundle", "无法解读", "does not decode");
    *ret_note = message->n_roots ? core_binary(message->roots[message->n_roots - 1])
                                 : (struct bytes){NULL, 0};
    return 0;
}

static int check_bundle(const struct core *core, const struct trust_bundle *bundle,
                        struct error *ret_error)
{
    if (strcmp(trust_bundle_bus(bundle), core->bus) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "bus", "方案包属于 %s，本总线为 %s",
                         "the bundle is of %s, this is %s", trust_bundle_bus(bundle), core->bus);
    if (core->now.bundle) {
        int r = trust_bundle_check_successor(core->now.bundle, bundle, ret_error);
        if (r != 0) return r;
    }
    const struct trust_root *root = trust_bundle_root(bundle);
    bool same_root = memcmp(root->hash, core->root, sizeof core->root) == 0;
    if (!same_root && root->version <= core->root_version)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "root",
                         "信任根第 %llu 版不能接在现行的第 %llu 版之后",
                         "root %llu is not a successor of the one in force (%llu)",
                         (unsigned long long)root->version, (unsigned long long)core->root_version);
    const struct plan *plan = trust_bundle_plan(bundle);
    size_t new_units = 0;
    for (size_t i = 0; i < plan_unit_count(plan); i++)
        if (core_unit_find(core, plan_unit(plan, (uint16_t)i)->key) == CORE_UNIT_NONE) new_units++;
    if (core->unit_count + new_units > LIMIT_UNIT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "plan/units.tsv",
                         "这份日志历次方案共有 %zu 个单位，至多 %d 个",
                         "%zu units in all the plans of this journal, at most %d",
                         core->unit_count + new_units, LIMIT_UNIT_COUNT_MAX);
    return 0;
}

static int admit_bundle(const struct core *core, const struct core_request *request,
                        uint64_t now_ms, struct buf *ret_record, struct core_verdict *verdict)
{
    const struct trust_bundle *bundle = request->bundle;
    struct bytes manifest = trust_bundle_manifest(bundle), note;
    if (core->now.bundle && bytes_equal(manifest, trust_bundle_manifest(core->now.bundle))) {
        verdict->index = core->now.index;
        return error_say(&verdict->error, E_DUPLICATE, "bundle", "第 %llu 版已在使用",
                         "version %llu is in force",
                         (unsigned long long)trust_bundle_version(bundle));
    }
    int r = check_bundle(core, bundle, &verdict->error);
    if (r == 0) r = bundle_root_note(core, bundle, &note, &verdict->error);
    if (r != 0) return r;

    Leadbus__BlobDigest digests[LIMIT_BUNDLE_PART_COUNT_MAX];
    Leadbus__BlobDigest *parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    uint8_t hashes[LIMIT_BUNDLE_PART_COUNT_MAX][32];
    size_t count = trust_bundle_part_count(bundle);
    if (count > LIMIT_BUNDLE_PART_COUNT_MAX)
        return error_set(&verdict->error, E_TOO_LARGE, "parts", "%zu", count);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        struct bytes content;
        trust_bundle_part(bundle, i, &name, &content, hashes[i]);
        leadbus__blob_digest__init(&digests[i]);
        digests[i].sha256 = core_data(bytes_of(hashes[i], 32));
        digests[i].size = content.len;
        parts[i] = &digests[i];
    }
    Leadbus__BundleInstalled installed = LEADBUS__BUNDLE_INSTALLED__INIT;
    installed.version = trust_bundle_version(bundle);
    installed.manifest = core_data(manifest);
    installed.n_parts = count;
    installed.parts = parts;
    installed.root = core_data(note);
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_BUNDLE);
    record.bundle = &installed;
    return record_encode(&record, ret_record, &verdict->error);
}

static bool config_equal(const Leadbus__Configured *a, const Leadbus__Configured *b)
{
    return a->credit_max == b->credit_max && a->created_skew_ms == b->created_skew_ms &&
           a->created_age_ms == b->created_age_ms && a->bundle_grace_ms == b->bundle_grace_ms &&
           a->quota_per_minute == b->quota_per_minute && a->waiting_max == b->waiting_max &&
           a->attachment_bytes_max == b->attachment_bytes_max;
}

static int admit_configured(const struct core *core, const struct core_request *request,
                            uint64_t now_ms, struct buf *ret_record, struct core_verdict *verdict)
{
    Leadbus__Configured wanted = *request->configured;
    if (core->config_index > 0 && config_equal(&wanted, &core->config)) {
        verdict->index = core->config_index;
        return error_say(&verdict->error, E_DUPLICATE, "configured", "没有变化", "as it is");
    }
    if (wanted.credit_max < 1 || wanted.credit_max > LIMIT_CREDIT_MAX)
        return error_set(&verdict->error, E_BAD_VALUE, "credit_max", "%u, 1..%d",
                         (unsigned)wanted.credit_max, LIMIT_CREDIT_MAX);
    if (wanted.created_skew_ms > LIMIT_CREATED_SKEW_MS)
        return error_say(&verdict->error, E_BAD_VALUE, "created_skew_ms", "至多 %llu",
                         "at most %llu", (unsigned long long)LIMIT_CREATED_SKEW_MS);
    if (wanted.created_age_ms < 1 || wanted.created_age_ms > LIMIT_CREATED_AGE_MS)
        return error_set(&verdict->error, E_BAD_VALUE, "created_age_ms", "1..%llu",
                         (unsigned long long)LIMIT_CREATED_AGE_MS);
    if (wanted.bundle_grace_ms > LIMIT_BUNDLE_GRACE_MS)
        return error_say(&verdict->error, E_BAD_VALUE, "bundle_grace_ms", "至多 %llu",
                         "at most %llu", (unsigned long long)LIMIT_BUNDLE_GRACE_MS);
    if (wanted.attachment_bytes_max > LIMIT_ATTACHMENT_BYTES_MAX)
        return error_say(&verdict->error, E_BAD_VALUE, "attachment_bytes_max", "至多 %d",
                         "at most %d", LIMIT_ATTACHMENT_BYTES_MAX);
    wanted.base = (ProtobufCMessage)PROTOBUF_C_MESSAGE_INIT(&leadbus__configured__descriptor);
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_CONFIGURED);
    record.configured = &wanted;
    return record_encode(&record, ret_record, &verdict->error);
}

static int admit_start(const struct core *core, const struct core_request *request, uint64_t now_ms,
                       struct buf *ret_record, struct core_verdict *verdict)
{
    uint8_t digest[32];
    if (!name_fits(request->version, true))
        return error_say(&verdict->error, E_BAD_VALUE, "version", "应为 1 到 %d 个可见字符",
                         "1..%d visible characters", CORE_ORIGIN_LEN_MAX);
    core_digest_by(core, core_rules(request), digest);
    Leadbus__Started started = LEADBUS__STARTED__INIT;
    started.version = (char *)(uintptr_t)request->version;
    started.state_digest = core_data(bytes_of(digest, sizeof digest));
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_STARTED);
    record.started = &started;
    return record_encode(&record, ret_record, &verdict->error);
}

static int admit(const struct core *core, const struct core_request *request, uint64_t now_ms,
                 struct buf *ret_record, struct core_verdict *verdict)
{
    bool own = request->type != CORE_SUBMIT && request->type != CORE_ACK &&
               request->type != CORE_PUBLISH_KEY && request->type != CORE_REWRAP;
    if (own && request->conn_serial != 0)
        return error_say(&verdict->error, E_ROLE_NOT_ALLOWED, "type", "此类记录只由总线自身写入",
                         "only the broker itself writes this record");
    if (core->size == 0 && request->type != CORE_GENESIS)
        return error_say(&verdict->error, E_ORIGIN_MISMATCH, "genesis", "日志尚无来源标识",
                         "the journal has no origin yet");
    switch (request->type) {
    case CORE_GENESIS: return admit_genesis(core, request, now_ms, ret_record, verdict);
    case CORE_BUNDLE: return admit_bundle(core, request, now_ms, ret_record, verdict);
    case CORE_CONFIGURE: return admit_configured(core, request, now_ms, ret_record, verdict);
    case CORE_START: return admit_start(core, request, now_ms, ret_record, verdict);
    case CORE_SUBMIT: return core_admit_submit(core, request, now_ms, ret_record, verdict);
    case CORE_ACK: return core_admit_ack(core, request, now_ms, ret_record, verdict);
    case CORE_PUBLISH_KEY: return core_admit_key(core, request, now_ms, ret_record, verdict);
    case CORE_REWRAP: return core_admit_rewrap(core, request, now_ms, ret_record, verdict);
    case CORE_TICK: return core_admit_tick(core, request, now_ms, ret_record, verdict);
    case CORE_RESTORE: return core_admit_restored(core, request, now_ms, ret_record, verdict);
    }
    return error_say(&verdict->error, E_BAD_VALUE, "type", "没有这种请求", "no such request");
}

int core_admit(const struct core *core, const struct core_request *request, struct buf *ret_record,
               struct core_verdict *ret_verdict)
{
    CHECK(!core->broken);
    size_t before = ret_record->len;
    memset(ret_verdict, 0, sizeof *ret_verdict);
    uint64_t now_ms = request->now_ms > core->time_ms ? request->now_ms : core->time_ms;
    arena_reset(core->scratch);
    int r = admit(core, request, now_ms, ret_record, ret_verdict);
    if (r != 0) ret_record->len = before;
    if (r == 0) ret_verdict->error = (struct error){0};
    ret_verdict->code = r;
    ret_verdict->read_index = core->size;
    return r;
}
