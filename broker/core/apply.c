/* Folding: the record's type decides who does it. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

static int apply_genesis(struct core *core, const struct core_folding *folding,
                         const Leadbus__Genesis *genesis, struct error *ret_error)
{
    if (folding->index != 0) return core_corrupt(ret_error, folding->index, "a second genesis");
    size_t origin_len = strlen(genesis->origin), bus_len = strlen(genesis->bus);
    if (origin_len == 0 || origin_len > CORE_ORIGIN_LEN_MAX || bus_len == 0 ||
        bus_len > CORE_ORIGIN_LEN_MAX || genesis->root.len != sizeof core->root)
        return core_corrupt(ret_error, folding->index, "not a genesis");
    memcpy(core->origin, genesis->origin, origin_len + 1);
    memcpy(core->bus, genesis->bus, bus_len + 1);
    memcpy(core->root, genesis->root.data, sizeof core->root);
    return 0;
}

/* The keys that the directory carries; they were verified when the bundle was opened. */
static int apply_bundle_keys(struct core *core, const struct core_folding *folding,
                             const struct trust_bundle *bundle, struct error *ret_error)
{
    for (size_t i = 0; i < trust_bundle_epoch_key_count(bundle); i++) {
        const Leadbus__EpochKey *key = trust_bundle_epoch_key(bundle, i);
        const ProtobufCMessage *body;
        int r = message_decode(&leadbus__epoch_key_body__descriptor, core_binary(key->body),
                               core->scratch, &body, ret_error);
        if (r != 0) return r;
        const Leadbus__EpochKeyBody *epoch = (const Leadbus__EpochKeyBody *)body;
        /* A certificate may stand in the directory for a unit that the plan does not know. */
        if (core_unit_find(core, epoch->unit) == CORE_UNIT_NONE) continue;
        r = core_key_put(core, epoch, trust_bundle_epoch_key_serial(bundle, i),
                         core_binary(key->body), core_binary(key->signature), folding->index,
                         folding->time_ms);
        if (r != 0) return r;
    }
    return 0;
}

static int apply_bundle(struct core *core, const struct core_folding *folding,
                        const Leadbus__BundleInstalled *installed, struct trust_bundle **take,
                        struct error *ret_error)
{
    struct trust_bundle *bundle = *take;
    if (!bundle) return core_corrupt(ret_error, folding->index, "its bundle is not there");
    if (trust_bundle_version(bundle) != installed->version ||
        !bytes_equal(trust_bundle_manifest(bundle), core_binary(installed->manifest)) ||
        strcmp(trust_bundle_bus(bundle), core->bus) != 0 ||
        (core->now.bundle && trust_bundle_version(core->now.bundle) >= installed->version))
        return core_corrupt(ret_error, folding->index, "another bundle than the record's");
    *take = NULL;
    core_install(core, bundle, folding->index, folding->time_ms);
    core_effect_add(folding->effects,
                    (struct core_effect){.type = CORE_EFFECT_BUNDLE, .index = folding->index});
    return apply_bundle_keys(core, folding, bundle, ret_error);
}

static void apply_configured(struct core *core, const struct core_folding *folding,
                             const Leadbus__Configured *configured)
{
    core->config.credit_max = configured->credit_max;
    core->config.created_skew_ms = configured->created_skew_ms;
    core->config.created_age_ms = configured->created_age_ms;
    core->config.bundle_grace_ms = configured->bundle_grace_ms;
    core->config.quota_per_minute = configured->quota_per_minute;
    core->config.waiting_max = configured->waiting_max;
    core->config.attachment_bytes_max = configured->attachment_bytes_max;
    core->config_index = folding->index;
}

static int apply(struct core *core, const struct core_folding *folding,
                 const struct core_decoded *decoded, struct trust_bundle **take,
                 struct error *ret_error)
{
    const Leadbus__Record *record = decoded->record;
    switch (record->what_case) {
    case LEADBUS__RECORD__WHAT_GENESIS:
        return apply_genesis(core, folding, record->genesis, ret_error);
    case LEADBUS__RECORD__WHAT_BUNDLE:
        return apply_bundle(core, folding, record->bundle, take, ret_error);
    case LEADBUS__RECORD__WHAT_CONFIGURED:
        apply_configured(core, folding, record->configured);
        return 0;
    case LEADBUS__RECORD__WHAT_STARTED: return 0;
    case LEADBUS__RECORD__WHAT_ACCEPTED:
        return core_apply_accepted(core, folding, decoded, ret_error);
    case LEADBUS__RECORD__WHAT_ACKNOWLEDGED:
        return core_apply_ack(core, folding, record->acknowledged, ret_error);
    case LEADBUS__RECORD__WHAT_KEY_PUBLISHED:
        return core_apply_key(core, folding, record->key_published, ret_error);
    case LEADBUS__RECORD__WHAT_TICK: return core_apply_tick(core, folding, record->tick, ret_error);
    case LEADBUS__RECORD__WHAT_REWRAPPED:
        return core_apply_rewrap(core, folding, record->rewrapped, ret_error);
    case LEADBUS__RECORD__WHAT_RESTORED:
        return core_apply_restored(core, folding, record->restored, ret_error);
    case LEADBUS__RECORD__WHAT__NOT_SET:
    case _LEADBUS__RECORD__WHAT__CASE_IS_INT_SIZE: break;
    }
    return core_corrupt(ret_error, folding->index, "no known body");
}

/* What admit cannot have written. */
static int check_record(const struct core *core, uint64_t index, const Leadbus__Record *record,
                        struct error *ret_error)
{
    if (record->rules == 0 || record->rules > RECORD_RULES_VERSION)
        return core_corrupt(ret_error, index, "decided by rules that are not known");
    if (record->rules < core->rules)
        return core_corrupt(ret_error, index, "decided by rules older than those before it");
    if (record->time_ms < core->time_ms)
        return core_corrupt(ret_error, index, "before the record ahead of it");
    if ((record->what_case == LEADBUS__RECORD__WHAT_GENESIS) != (index == 0))
        return core_corrupt(ret_error, index, "the genesis is the first record");
    return 0;
}

int core_decode(struct bytes record, struct arena *arena, struct core_decoded *ret,
                struct error *ret_error)
{
    *ret = (struct core_decoded){.bytes = record};
    int r = record_decode(record, arena, &ret->record, ret_error);
    if (r != 0 || ret->record->what_case != LEADBUS__RECORD__WHAT_ACCEPTED) return r;
    const ProtobufCMessage *message;
    struct bytes header = core_binary(ret->record->accepted->header);
    r = message_decode(&leadbus__header__descriptor, header, arena, &message, ret_error);
    if (r != 0) return r;
    ret->header = (const Leadbus__Header *)message;
    envelope_header_hash(header, ret->hash);
    return 0;
}

static int apply_decoded(struct core *core, struct core_folding *folding,
                         const struct core_decoded *decoded, struct trust_bundle **take,
                         struct error *ret_error)
{
    int r = check_record(core, folding->index, decoded->record, ret_error);
    if (r != 0) return r;
    folding->time_ms = decoded->record->time_ms;
    folding->rules = decoded->record->rules;
    return apply(core, folding, decoded, take, ret_error);
}

static int apply_bytes(struct core *core, struct core_folding *folding, struct trust_bundle **take,
                       struct error *ret_error)
{
    struct core_decoded decoded;
    arena_reset(core->scratch);
    int r = core_decode(folding->bytes, core->scratch, &decoded, ret_error);
    return r != 0 ? r : apply_decoded(core, folding, &decoded, take, ret_error);
}

/* Is it what was admitted last, and is the state still that which it was admitted on? */
static bool is_admitted(const struct core *core, const struct core_folding *folding)
{
    const struct core_admitted *admitted = core->admitted;
    return admitted->record.len > 0 && admitted->size == folding->index &&
           admitted->rules >= core->rules &&
           bytes_equal(folding->bytes, buf_bytes(&admitted->record));
}

static int apply_admitted(struct core *core, struct core_folding *folding, struct error *ret_error)
{
    folding->time_ms = core->admitted->time_ms;
    folding->rules = core->admitted->rules;
    return core_apply_letter(core, folding, &core->admitted->letter, ret_error);
}

/* After the fold: `r` is its result, `error` what it said. */
static int settle(struct core *core, const struct core_folding *folding, int r,
                  const struct error *error, struct error *ret_error)
{
    if (r != 0) {
        core->broken = true;
        if (error->code == E_JOURNAL_CORRUPT) {
            if (ret_error) *ret_error = *error;
            return E_JOURNAL_CORRUPT;
        }
        return error_set(ret_error, E_JOURNAL_CORRUPT, error->field, "record %llu: %.200s",
                         (unsigned long long)folding->index, error->detail);
    }
    core->time_ms = folding->time_ms;
    core->rules = folding->rules;
    core->size = folding->index + 1;
    core_due_settle(core);
    return 0;
}

int core_apply(struct core *core, uint64_t index, struct bytes record,
               struct trust_bundle *take_bundle, struct core_effects *effects,
               struct error *ret_error)
{
    CHECK(!core->broken);
    CHECK(index == core->size);
    struct error error = {0};
    struct core_folding folding = {.index = index, .bytes = record, .effects = effects};
    int r = is_admitted(core, &folding) ? apply_admitted(core, &folding, &error)
                                        : apply_bytes(core, &folding, &take_bundle, &error);
    trust_bundle_free(take_bundle);
    return settle(core, &folding, r, &error, ret_error);
}

int core_apply_decoded(struct core *core, uint64_t index, const struct core_decoded *decoded,
                       struct trust_bundle *take_bundle, struct core_effects *effects,
                       struct error *ret_error)
{
    CHECK(!core->broken);
    CHECK(index == core->size);
    struct error error = {0};
    struct core_folding folding = {.index = index, .bytes = decoded->bytes, .effects = effects};
    arena_reset(core->scratch);
    int r = apply_decoded(core, &folding, decoded, &take_bundle, &error);
    trust_bundle_free(take_bundle);
    return settle(core, &folding, r, &error, ret_error);
}
