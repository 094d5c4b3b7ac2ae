#include "broker/core/core.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

struct core *core_new(const uint8_t hash_key[16])
{
    struct core *core = calloc(1, sizeof *core);
    CHECK(core != NULL);
    memcpy(core->hash_key, hash_key, sizeof core->hash_key);
    map_init(&core->sender_of, 8, hash_key);
    places_init(&core->message_of, 16, hash_key);
    places_init(&core->hash_of, 32, hash_key);
    map_init(&core->rewrap_of, 32, hash_key);
    map_init(&core->alarm_of, 8, hash_key);
    core->past.by_rank = true;
    leadbus__configured__init(&core->config);
    core->config.credit_max = LIMIT_CREDIT_MAX;
    core->config.created_skew_ms = LIMIT_CREATED_SKEW_MS;
    core->config.created_age_ms = LIMIT_CREATED_AGE_MS;
    core->config.bundle_grace_ms = LIMIT_BUNDLE_GRACE_MS;
    core->item_free = CORE_NONE;
    core->units = calloc(LIMIT_UNIT_COUNT_MAX, sizeof *core->units);
    core->scratch = calloc(1, sizeof *core->scratch);
    CHECK(core->units != NULL);
    CHECK(core->scratch != NULL);
    /* A bundle's roots and a record's longest list of numbers both fit. */
    core->admitted = calloc(1, sizeof *core->admitted);
    CHECK(core->admitted != NULL);
    arena_init(core->scratch, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
    return core;
}

void core_free(struct core *core)
{
    if (!core) return;
    for (size_t i = 0; i < core->unit_count; i++) {
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
            free(core->units[i]->lanes[lane].ring);
            buf_fini(&core->units[i]->lanes[lane].past.steps);
            free(core->units[i]->lanes[lane].past.marks);
        }
        free(core->units[i]);
    }
    free(core->units);
    for (size_t i = 0; i < core->kind_count; i++) {
        free(core->kinds[i]->topics);
        free(core->kinds[i]);
    }
    free(core->kinds);
    for (size_t i = 0; i < core->key_count; i++) {
        buf_fini(&core->keys[i].body);
        buf_fini(&core->keys[i].signature);
    }
    free(core->keys);
    for (size_t i = 0; i < core->sender_count; i++)
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++)
            free(core->senders[i].lanes[lane].seen);
    free(core->senders);
    for (size_t i = 0; i < core->thread_count; i++)
        if (core->threads[i].far_cap > 0) free(core->threads[i].far);
    free(core->threads);
    free(core->messages);
    free(core->hashes);
    free(core->parties);
    free(core->rewraps);
    free(core->formers);
    free(core->items);
    core_heap_fini(&core->due);
    core_heap_fini(&core->past);
    free(core->clocks);
    free(core->clauses);
    for (size_t i = 0; i < core->chain_count; i++) free(core->chains[i].steps);
    free(core->chains);
    free(core->alarms);
    map_fini(&core->sender_of);
    places_fini(&core->message_of);
    places_fini(&core->hash_of);
    map_fini(&core->rewrap_of);
    map_fini(&core->alarm_of);
    trust_bundle_free(core->now.bundle);
    trust_bundle_free(core->before.bundle);
    free(core->now.clauses);
    free(core->before.clauses);
    arena_fini(core->scratch);
    free(core->scratch);
    buf_fini(&core->admitted->record);
    free(core->admitted);
    free(core);
}

uint64_t core_size(const struct core *core)
{
    return core->size;
}

uint64_t core_time_ms(const struct core *core)
{
    return core->time_ms;
}

const char *core_origin(const struct core *core)
{
    return core->origin;
}

size_t core_former_count(const struct core *core)
{
    return core->former_count;
}

const char *core_former_at(const struct core *core, size_t i, uint64_t *ret_end)
{
    CHECK(i < core->former_count);
    *ret_end = core->formers[i].end;
    return core->formers[i].origin;
}

const Leadbus__Configured *core_config(const struct core *core)
{
    return &core->config;
}

const struct trust_bundle *core_bundle(const struct core *core)
{
    return core->now.bundle;
}

const struct trust_bundle *core_bundle_previous(const struct core *core)
{
    return core->before.bundle;
}

bool core_entry_after(const struct core *core, const char *unit, unsigned lane, uint64_t position,
                      struct core_entry *ret_entry)
{
    uint16_t u = core_unit_find(core, unit);
    if (u == CORE_UNIT_NONE || lane >= ENVELOPE_LANE_COUNT) return false;
    const struct core_lane *queue = &core->units[u]->lanes[lane];
    if (position < queue->acked) position = queue->acked;
    const struct core_place *place = core_lane_at(queue, position + 1);
    if (!place) return false;
    const struct core_item *item = &core->items[place->item];
    ret_entry->type = (place->flags & CORE_ENTRY_IS_NOTICE) ? CORE_ENTRY_NOTICE
                      : item->expired                       ? CORE_ENTRY_TOMBSTONE
                                                            : CORE_ENTRY_LEAD;
    ret_entry->position = position + 1;
    ret_entry->index = place->index;
    memcpy(ret_entry->item_hash, item->hash, sizeof ret_entry->item_hash);
    return true;
}

void core_acknowledged(const struct core *core, const char *unit, unsigned lane,
                       uint64_t *ret_position, uint8_t ret_running[32])
{
    uint16_t u = core_unit_find(core, unit);
    *ret_position = 0;
    memset(ret_running, 0, 32);
    if (u == CORE_UNIT_NONE || lane >= ENVELOPE_LANE_COUNT) return;
    *ret_position = core->units[u]->lanes[lane].acked;
    memcpy(ret_running, core->units[u]->lanes[lane].running, 32);
}

uint64_t core_seq(const struct core *core, uint64_t serial, unsigned lane)
{
    const struct core_sender *sender = core_sender_find(core, serial);
    return sender && lane < ENVELOPE_LANE_COUNT ? sender->lanes[lane].highest : 0;
}

size_t core_epoch_key_count(const struct core *core)
{
    return core->key_count;
}

void core_epoch_key_at(const struct core *core, size_t i, struct bytes *ret_body,
                       struct bytes *ret_signature, uint64_t *ret_index)
{
    CHECK(i < core->key_count);
    *ret_body = buf_bytes(&core->keys[i].body);
    *ret_signature = buf_bytes(&core->keys[i].signature);
    *ret_index = core->keys[i].index;
}

uint64_t core_keys_index(const struct core *core)
{
    return core->keys_index;
}

size_t core_unit_count(const struct core *core)
{
    return core->unit_count;
}

void core_unit_stats(const struct core *core, size_t i, struct core_unit_stats *ret_stats)
{
    CHECK(i < core->unit_count);
    const struct core_unit *unit = core->units[i];
    *ret_stats = (struct core_unit_stats){
        .unit = unit->key,
        .accepted = unit->accepted,
        .delivered = unit->delivered,
        .waiting = unit->waiting,
        .expired = unit->expired,
        .undeliverable = unit->undeliverable,
        .withdrawn = unit->withdrawn,
        .oldest_waiting_index = UINT64_MAX,
    };
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        const struct core_lane *queue = &unit->lanes[lane];
        for (uint32_t k = 0; k < queue->count; k++) {
            const struct core_place *place = &queue->ring[(queue->head + k) & (queue->cap - 1)];
            if (place->flags & (CORE_ENTRY_IS_NOTICE | CORE_ENTRY_TOLD)) continue;
            if (place->index < ret_stats->oldest_waiting_index)
                ret_stats->oldest_waiting_index = place->index;
            break;
        }
    }
}

bool core_stats_balanced(const struct core *core)
{
    for (size_t i = 0; i < core->unit_count; i++) {
        const struct core_unit *unit = core->units[i];
        uint64_t waiting = 0;
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
            const struct core_lane *queue = &unit->lanes[lane];
            for (uint32_t k = 0; k < queue->count; k++)
                if (!(queue->ring[(queue->head + k) & (queue->cap - 1)].flags &
                      (CORE_ENTRY_IS_NOTICE | CORE_ENTRY_TOLD)))
                    waiting++;
        }
        if (waiting != unit->waiting) return false;
        if (unit->accepted !=
            unit->delivered + unit->waiting + unit->expired + unit->undeliverable + unit->withdrawn)
            return false;
    }
    return true;
}

uint32_t core_readable(const struct core *core, const char *unit_key, uint64_t index)
{
    const struct core_message *message = core_message_at(core, index);
    uint16_t unit = core_unit_find(core, unit_key);
    return message && unit != CORE_UNIT_NONE ? core_reader_find(core, message, unit).sections : 0;
}

bool core_passed_on(const struct core *core, const char *unit_key, struct bytes hash,
                    uint64_t *ret_index)
{
    uint16_t unit = core_unit_find(core, unit_key);
    const struct core_message *message =
        hash.len == 32 ? core_message_of_hash(core, hash.data) : NULL;
    if (!message || unit == CORE_UNIT_NONE ||
        core_reader_find(core, message, unit).transfer == CORE_NONE)
        return false;
    *ret_index = message->index;
    return true;
}

size_t core_passed_by(const struct core *core, const char *unit_key, uint64_t index,
                      const char **ret_units, size_t cap)
{
    const struct core_message *message = core_message_at(core, index);
    uint16_t unit = core_unit_find(core, unit_key);
    if (!message || unit == CORE_UNIT_NONE) return 0;
    uint32_t last = core_reader_find(core, message, unit).transfer;
    if (last == CORE_NONE) return 0;
    /* A transfer is about the leg that it ends: from the last one back to the recipient's. */
    size_t count = 0, at;
    uint32_t m;
    for (m = last; core->messages[m].lead != m; m = core->messages[m].about) count++;
    for (m = last, at = count; core->messages[m].lead != m; m = core->messages[m].about) {
        const struct core_message *transfer = &core->messages[m];
        const struct core_message *about = &core->messages[transfer->about];
        if (--at < cap)
            ret_units[at] = core->units[core->parties[about->party + transfer->leg].unit]->key;
    }
    return count;
}

static struct core_leg leg_view(const struct core *core, const struct core_message *message,
                                const struct core_party *party)
{
    struct core_leg leg = {
        .unit = core->units[party->unit]->key,
        .kind = core->kinds[core->messages[message->lead].kind]->slug,
        .index = message->index,
        .since_ms = message->time_ms,
        .state = (enum lifecycle_state)party->state,
        .primary = (party->bits & CORE_PARTY_PRIMARY) != 0,
        .clause = "",
    };
    if (party->clocks == CORE_NONE) return leg;
    const struct core_clocks *clocks = &core->clocks[party->clocks];
    leg.clocks = clocks->clocks;
    if (clocks->clause > 0) leg.clause = core->clauses[clocks->clause - 1];
    return leg;
}

size_t core_thread_legs(const struct core *core, const uint8_t thread_id[16],
                        struct core_leg *ret_legs, size_t cap, bool *ret_known)
{
    const struct core_thread *thread = core_thread_find(core, bytes_of(thread_id, 16));
    size_t count = 0;
    *ret_known = thread != NULL;
    if (!thread) return 0;
    for (uint32_t m = thread->first; m != CORE_NONE; m = core->messages[m].next) {
        const struct core_message *message = &core->messages[m];
        for (size_t i = 0; i < message->party_count; i++) {
            const struct core_party *party = &core->parties[message->party + i];
            if (!(party->bits & CORE_PARTY_LEG)) continue;
            if (count < cap) ret_legs[count] = leg_view(core, message, party);
            count++;
        }
    }
    return count;
}

bool core_thread_listed(const struct core *core, const uint8_t thread_id[16])
{
    const struct core_thread *thread = core_thread_find(core, bytes_of(thread_id, 16));
    return thread && thread->listed;
}

unsigned core_thread_raised(const struct core *core, const uint8_t thread_id[16])
{
    const struct core_thread *thread = core_thread_find(core, bytes_of(thread_id, 16));
    return thread ? thread->raised : 0;
}

void core_legs(const struct core *core, uint64_t from_ms, uint64_t until_ms,
               void (*each)(void *ctx, const struct core_leg *leg), void *ctx)
{
    size_t end = core_message_from(core, CORE_MESSAGE_TIME, until_ms);
    for (size_t m = core_message_from(core, CORE_MESSAGE_TIME, from_ms); m < end; m++) {
        const struct core_message *message = &core->messages[m];
        for (size_t i = 0; i < message->party_count; i++) {
            const struct core_party *party = &core->parties[message->party + i];
            if (!(party->bits & CORE_PARTY_LEG)) continue;
            struct core_leg leg = leg_view(core, message, party);
            each(ctx, &leg);
        }
    }
}
