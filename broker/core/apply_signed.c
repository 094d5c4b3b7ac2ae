/* Folding acknowledgements, epoch keys and rewraps. */
#include <string.h>

#include "broker/core/core_inner.h"

/* What one acknowledged entry means for its unit. */
static void settle_entry(struct core *core, struct core_unit *unit, uint16_t unit_index,
                         const struct core_place *place, bool exception, uint64_t time_ms)
{
    if (place->flags & CORE_ENTRY_UNKEYED) unit->unkeyed--;
    if (place->flags & CORE_ENTRY_IS_NOTICE) return;
    const struct core_item *item = &core->items[place->item];
    bool told = (place->flags & CORE_ENTRY_TOLD) != 0;
    if (!told) unit->waiting--;
    if (item->expired) {
        if (!told) unit->expired++;
        return;
    }
    if (exception) {
        if (!told) unit->undeliverable++;
        return;
    }
    if (!told) unit->delivered++;
    const struct core_message *message = &core->messages[item->message];
    struct core_party *party = core_party_find(core, message, unit_index);
    if (!party || !(party->bits & CORE_PARTY_LEG)) return;
    struct lifecycle_step step;
    struct lifecycle_query query = {
        .kind = &core->kinds[message->kind]->kind,
        .state = (enum lifecycle_state)party->state,
        .act = PLAN_ACT_DELIVER,
        .roles = LIFECYCLE_ROLE_BIT(LIFECYCLE_ROLE_BUS),
    };
    if (lifecycle_next(&query, &step, NULL) == 0) party->state = (uint8_t)step.next;
    core_clock_delivered(core, party, time_ms);
}

/* Pops the acknowledged entries; the senders of what could not be taken go to ret_told. */
static int fold_ack(struct core *core, uint64_t time_ms, uint16_t unit_index,
                    const Leadbus__AckBody *body, uint16_t *ret_told, size_t *ret_count)
{
    struct core_unit *unit = core->units[unit_index];
    struct core_lane *lane = &unit->lanes[body->lane];
    uint8_t running[32];
    size_t next = 0, count = 0;
    memcpy(running, lane->running, sizeof running);
    while (lane->acked < body->position) {
        const struct core_place *place = core_lane_at(lane, lane->acked + 1);
        if (!place) return E_JOURNAL_CORRUPT;
        const struct core_item *item = &core->items[place->item];
        bool exception =
            next < body->n_exceptions && body->exceptions[next]->position == lane->acked + 1;
        if (exception && body->exceptions[next++]->index != place->index) return E_JOURNAL_CORRUPT;
        lane_running(core->origin, running, place->index, item->hash, running);
        if (exception && !(place->flags & CORE_ENTRY_IS_NOTICE) && !item->expired)
            ret_told[count++] = core->messages[item->message].from;
        settle_entry(core, unit, unit_index, place, exception, time_ms);
        core_lane_pop(core, lane);
    }
    if (next != body->n_exceptions || body->running.len != 32 ||
        memcmp(body->running.data, running, 32) != 0)
        return E_JOURNAL_CORRUPT;
    memcpy(lane->running, running, sizeof running);
    *ret_count = count;
    return 0;
}

/* Marks those who could not take what came after a lead; its sender goes to ret_told. */
static int fold_late(struct core *core, uint16_t unit, const Leadbus__AckBody *body,
                     uint16_t *ret_told, size_t *count)
{
    for (size_t i = 0; i < body->n_late; i++) {
        const struct core_message *message = core_message_at(core, body->late[i]->index);
        struct core_party *party = message ? core_reader_find(core, message, unit).party : NULL;
        if (!party || party->bits & CORE_PARTY_LATE) return E_JOURNAL_CORRUPT;
        party->bits |= CORE_PARTY_LATE;
        ret_told[(*count)++] = message->from;
    }
    return 0;
}

int core_apply_ack(struct core *core, const struct core_folding *folding,
                   const Leadbus__Acknowledged *acknowledged, struct error *ret_error)
{
    const ProtobufCMessage *message;
    uint16_t told[2 * LIMIT_EXCEPTION_COUNT_MAX + 1];
    size_t count = 0;
    int r = message_decode(&leadbus__ack_body__descriptor, core_binary(acknowledged->body),
                           core->scratch, &message, ret_error);
    if (r != 0) return r;
    const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
    uint16_t unit = core_unit_find(core, body->unit);
    if (unit == CORE_UNIT_NONE || body->lane >= ENVELOPE_LANE_COUNT ||
        body->n_exceptions > LIMIT_EXCEPTION_COUNT_MAX ||
        body->n_late > LIMIT_EXCEPTION_COUNT_MAX ||
        body->position < core->units[unit]->lanes[body->lane].acked ||
        (body->position == core->units[unit]->lanes[body->lane].acked && body->n_late == 0) ||
        fold_ack(core, folding->time_ms, unit, body, told, &count) != 0 ||
        fold_late(core, unit, body, told, &count) != 0)
        return core_corrupt(ret_error, folding->index, "acknowledges what is not in the queue");
    core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_ACKED,
                                                           .index = folding->index,
                                                           .unit = core->units[unit]->key,
                                                           .serial = body->serial,
                                                           .lane = body->lane,
                                                           .position = body->position});
    if (count > 0) {
        told[count++] = core_unit_office(core);
        core_notify(core, told, count, folding->bytes, folding->index, folding->effects);
    }
    return 0;
}

int core_apply_key(struct core *core, const struct core_folding *folding,
                   const Leadbus__KeyPublished *published, struct error *ret_error)
{
    const ProtobufCMessage *message;
    int r = message_decode(&leadbus__epoch_key_body__descriptor, core_binary(published->body),
                           core->scratch, &message, ret_error);
    if (r != 0) return r;
    const Leadbus__EpochKeyBody *body = (const Leadbus__EpochKeyBody *)message;
    uint16_t index = core_unit_find(core, body->unit);
    struct core_sender *sender = core_sender_put(core, body->serial);
    if (index == CORE_UNIT_NONE || body->epoch <= sender->epoch)
        return core_corrupt(ret_error, folding->index, "not the certificate's next epoch key");
    r = core_key_put(core, body, body->serial, core_binary(published->body),
                     core_binary(published->signature), folding->index, folding->time_ms);
    if (r != 0) return r;
    uint64_t day = folding->time_ms / CORE_DAY_MS;
    if (sender->keys_day != day) sender->keys_count = 0;
    sender->keys_day = day;
    sender->keys_count++;
    core_sender_count(sender, folding->time_ms);
    core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_KEY,
                                                           .index = folding->index,
                                                           .unit = core->units[index]->key,
                                                           .serial = body->serial});
    /* Who wrote to the unit while it had no key may now rewrap. */
    const struct core_unit *unit = core->units[index];
    uint16_t told[LIMIT_UNIT_COUNT_MAX];
    bool marked[LIMIT_UNIT_COUNT_MAX] = {false};
    size_t count = 0;
    for (unsigned lane = 0; unit->unkeyed > 0 && lane < ENVELOPE_LANE_COUNT; lane++) {
        const struct core_lane *queue = &unit->lanes[lane];
        for (uint32_t i = 0; i < queue->count; i++) {
            const struct core_place *place = &queue->ring[(queue->head + i) & (queue->cap - 1)];
            if (!(place->flags & CORE_ENTRY_UNKEYED)) continue;
            uint16_t from = core->messages[core->items[place->item].message].from;
            if (marked[from]) continue;
            marked[from] = true;
            told[count++] = from;
        }
    }
    core_notify(core, told, count, folding->bytes, folding->index, folding->effects);
    return 0;
}

int core_apply_rewrap(struct core *core, const struct core_folding *folding,
                      const Leadbus__Rewrapped *rewrapped, struct error *ret_error)
{
    const Leadbus__RewrapBody *body;
    int r = envelope_rewrap_decode(core_binary(rewrapped->body), core->scratch, &body, ret_error);
    if (r != 0) return r;
    uint16_t unit = core_unit_find(core, body->unit), from = core_unit_find(core, body->from);
    const struct core_message *message = core_message_of_hash(core, body->header_hash.data);
    struct bytes raw = core_binary(rewrapped->body);
    struct core_verdict verdict = {0};
    if (unit == CORE_UNIT_NONE || from == CORE_UNIT_NONE || !message ||
        core_rewrap_check(core, body, raw, from, unit, &verdict) != 0)
        return core_corrupt(ret_error, folding->index, "rewraps what is not there, or again");
    core_rewrap_note(core, body, raw, from, unit, folding->index);
    core_sender_count(core_sender_put(core, body->serial), folding->time_ms);
    /* It waits for its key no longer: nobody is told again. */
    struct core_lane *lanes = core->units[unit]->lanes;
    struct core_place *place =
        core_lane_find(&lanes[message->urgency == 1 ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL],
                       message->index);
    if (place && (place->flags & CORE_ENTRY_UNKEYED)) {
        place->flags &= ~(uint32_t)CORE_ENTRY_UNKEYED;
        core->units[unit]->unkeyed--;
    }
    /* What was passed on comes with the notice, and is as pressing as it was. */
    unsigned lane = ENVELOPE_LANE_NORMAL;
    if (message->urgency == 1 && core_reader_find(core, message, unit).transfer != CORE_NONE)
        lane = ENVELOPE_LANE_URGENT;
    core_notify_on(core, lane, &unit, 1, folding->bytes, folding->index, folding->effects);
    return 0;
}
