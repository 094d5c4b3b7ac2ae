/* Epoch keys. Their numbers count per certificate: a unit that is enrolled again begins anew, and
 * what its earlier certificate published is no key any more once that certificate is gone. */
#include <string.h>

#include "broker/core/core_inner.h"

bool core_key_live(const struct core *core, const struct core_epoch_key *key, uint64_t at_ms)
{
    const struct trust_certificate *certificate;
    return core->now.bundle &&
           trust_verdict(core->now.bundle, key->serial, core->units[key->unit]->key, at_ms, SUITE_1,
                         &certificate, NULL) == 0;
}

static const struct core_epoch_key *key_at(const struct core *core, uint32_t place)
{
    return place ? &core->keys[place - 1] : NULL;
}

const struct core_epoch_key *core_key_find(const struct core *core, uint16_t unit, uint64_t epoch,
                                           struct bytes fingerprint, uint64_t at_ms, bool *ret_live)
{
    const struct core_epoch_key *dead = NULL;
    *ret_live = false;
    for (const struct core_epoch_key *key = key_at(core, core->units[unit]->keys); key;
         key = key_at(core, key->older)) {
        if (key->epoch != epoch ||
            !bytes_equal(fingerprint, bytes_of(key->fingerprint, sizeof key->fingerprint)))
            continue;
        *ret_live = core_key_live(core, key, at_ms);
        if (*ret_live) return key;
        if (!dead) dead = key;
    }
    return dead;
}

bool core_key_offered(const struct core *core, uint16_t unit,
                      const struct core_installed *installed, uint64_t at_ms)
{
    for (const struct core_epoch_key *key = key_at(core, core->units[unit]->keys); key;
         key = key_at(core, key->older))
        if (key->not_before_ms <= at_ms && at_ms < key->not_after_ms &&
            core_key_live(core, key, at_ms) &&
            trust_certificate_by_serial(installed->bundle, key->serial))
            return true;
    return false;
}

size_t core_key_usable_count(const struct core *core, uint64_t serial, uint16_t unit,
                             uint64_t at_ms)
{
    size_t count = 0;
    for (const struct core_epoch_key *key = key_at(core, core->units[unit]->keys); key;
         key = key_at(core, key->older))
        if (key->serial == serial && key->not_after_ms >= at_ms) count++;
    return count;
}

const struct core_epoch_key *core_key_of_serial(const struct core *core, uint16_t unit,
                                                uint64_t serial, uint64_t epoch)
{
    for (const struct core_epoch_key *key = key_at(core, core->units[unit]->keys); key;
         key = key_at(core, key->older))
        if (key->serial == serial && key->epoch == epoch) return key;
    return NULL;
}

/* Nothing sealed to a key may still arrive once it is this old: it is forgotten. */
static bool key_old(uint64_t not_after_ms, uint64_t time_ms)
{
    const uint64_t kept_ms = LIMIT_CREATED_AGE_MS + LIMIT_CREATED_SKEW_MS;
    return time_ms > kept_ms && not_after_ms < time_ms - kept_ms;
}

static void key_link(struct core *core, uint32_t at)
{
    struct core_unit *unit = core->units[core->keys[at].unit];
    core->keys[at].older = unit->keys;
    unit->keys = at + 1;
}

static void keys_prune(struct core *core, uint64_t time_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < core->key_count; i++) {
        struct core_epoch_key *key = &core->keys[i];
        if (key_old(key->not_after_ms, time_ms)) {
            buf_fini(&key->body);
            buf_fini(&key->signature);
        } else {
            core->keys[kept++] = *key;
        }
    }
    if (kept == core->key_count) return;
    core->key_count = kept;
    for (size_t i = 0; i < core->unit_count; i++) core->units[i]->keys = 0;
    for (uint32_t i = 0; i < kept; i++) key_link(core, i);
}

int core_key_put(struct core *core, const Leadbus__EpochKeyBody *body, uint64_t serial,
                 struct bytes raw, struct bytes signature, uint64_t index, uint64_t time_ms)
{
    uint16_t unit = core_unit_find(core, body->unit);
    if (unit == CORE_UNIT_NONE || body->public_key.len != SUITE_PUBLIC_LEN)
        return E_JOURNAL_CORRUPT;
    struct core_epoch_key key = {
        .unit = unit,
        .serial = serial,
        .epoch = body->epoch,
        .not_before_ms = body->not_before_ms,
        .not_after_ms = body->not_after_ms,
        .index = index,
    };
    envelope_epoch_fingerprint(body->public_key.data, key.fingerprint);
    struct core_sender *sender = core_sender_put(core, serial);
    if (body->epoch > sender->epoch) sender->epoch = body->epoch;
    const struct core_epoch_key *known = core_key_of_serial(core, unit, serial, body->epoch);
    if (key_old(body->not_after_ms, time_ms) ||
        (known && memcmp(known->fingerprint, key.fingerprint, sizeof key.fingerprint) == 0))
        return 0; /* a bundle repeats what is known, or what has been forgotten */
    keys_prune(core, time_ms);
    buf_append_bytes(&key.body, raw);
    buf_append_bytes(&key.signature, signature);
    CHECK(core->key_count < CORE_NONE);
    core->keys = core_grow(core->keys, &core->key_cap, core->key_count + 1, sizeof *core->keys);
    core->keys[core->key_count] = key;
    key_link(core, (uint32_t)core->key_count++);
    core->keys_index = index;
    return 0;
}
