/* Messages, threads, participants and legs. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

struct core_message *core_message_find(const struct core *core, struct bytes id)
{
    if (id.len != 16) return NULL;
    const uint64_t *slot = map_find(&core->message_of, id.data);
    return slot ? &core->messages[*slot] : NULL;
}

/* Messages stand in the order of their indexes. */
struct core_message *core_message_at(const struct core *core, uint64_t index)
{
    size_t low = 0, high = core->message_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (core->messages[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < core->message_count && core->messages[low].index == index;
    return found ? &core->messages[low] : NULL;
}

struct core_message *core_message_of_hash(const struct core *core, const uint8_t hash[32])
{
    const uint64_t *slot = map_find(&core->hash_of, hash);
    return slot ? &core->messages[*slot] : NULL;
}

/* A thread is called by the id of the message that opened it. */
struct core_thread *core_thread_find(const struct core *core, struct bytes id)
{
    const struct core_message *message = core_message_find(core, id);
    if (!message) return NULL;
    struct core_thread *thread = &core->threads[message->thread];
    return &core->messages[thread->first] == message ? thread : NULL;
}

int core_thread_messages(const struct core *core, const char *unit, struct bytes id, uint64_t after,
                         uint64_t *ret_indexes, size_t cap, size_t *ret_count, bool *ret_more,
                         struct error *ret_error)
{
    const struct core_thread *thread = core_thread_find(core, id);
    uint16_t asking = core_unit_find(core, unit);
    *ret_count = 0;
    *ret_more = false;
    /* Nobody else learns which threads there are. */
    if (!thread || asking == CORE_UNIT_NONE ||
        !core_unit_same(core, asking, core_unit_office(core)))
        return error_say(ret_error, E_THREAD_UNKNOWN, "get_thread.id", "本单位没有这条线索",
                         "no such thread of this unit");
    for (uint32_t m = thread->first; m != CORE_NONE; m = core->messages[m].next) {
        if (core->messages[m].index <= after) continue;
        *ret_more = *ret_count == cap;
        if (*ret_more) break;
        ret_indexes[(*ret_count)++] = core->messages[m].index;
    }
    return 0;
}

bool core_thread_has(const struct core *core, const struct core_thread *thread, uint16_t unit)
{
    for (size_t i = 0; i < thread->participant_count; i++)
        if (core_unit_same(core, thread->participants[i].unit, unit)) return true;
    return false;
}

size_t core_thread_participants(const struct core *core, const struct core_installed *installed,
                                const struct core_thread *thread,
                                struct route_participant *ret_participants, size_t cap)
{
    size_t count = 0;
    (void)core;
    for (size_t i = 0; i < thread->participant_count && count < cap; i++) {
        const struct core_participant *participant = &thread->participants[i];
        uint16_t unit = installed->plan_of_unit[participant->unit];
        if (unit == PLAN_UNIT_NONE) continue;
        size_t k = 0;
        while (k < count && ret_participants[k].unit != unit) k++;
        if (k == count) {
            ret_participants[count++] =
                (struct route_participant){unit, (enum route_role)participant->role};
        } else { /* two units that have become one */
            ret_participants[k].role =
                route_role_join(ret_participants[k].role, (enum route_role)participant->role);
        }
    }
    return count;
}

void core_thread_join(struct core_thread *thread, uint16_t unit, enum route_role role,
                      uint64_t size)
{
    for (size_t i = 0; i < thread->participant_count; i++) {
        if (thread->participants[i].unit != unit) continue;
        enum route_role old = (enum route_role)thread->participants[i].role;
        enum route_role joined = route_role_join(old, role);
        /* Another role may be another route: who did not see it come is told. */
        if (joined != old) thread->changed_size = size;
        thread->participants[i].role = (uint8_t)joined;
        return;
    }
    if (thread->participant_count == thread->participant_cap) {
        uint32_t cap = thread->participant_cap ? thread->participant_cap * 2 : 4;
        struct core_participant *grown =
            realloc(thread->participants, cap * sizeof *thread->participants);
        CHECK(grown != NULL);
        thread->participants = grown;
        thread->participant_cap = cap;
    }
    thread->participants[thread->participant_count++] =
        (struct core_participant){unit, (uint8_t)role};
    thread->changed_size = size;
}

struct core_party *core_party_find(const struct core *core, const struct core_message *message,
                                   uint16_t unit)
{
    for (size_t i = 0; i < message->party_count; i++) {
        struct core_party *party = &core->parties[message->party + i];
        if (core_unit_same(core, party->unit, unit)) return party;
    }
    return NULL;
}

/* A leg that was signed for counts as delivered, also when the acknowledgement comes later. */
static void leg_told(struct core *core, const struct core_message *message,
                     const struct core_party *party)
{
    struct core_unit *unit = core->units[party->unit];
    unsigned lane = message->urgency == 1 ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL;
    struct core_place *place = core_lane_find(&unit->lanes[lane], message->index);
    if (!place || (place->flags & CORE_ENTRY_TOLD)) return;
    place->flags |= CORE_ENTRY_TOLD;
    unit->waiting--;
    unit->delivered++;
}

/* One leg's step. */
static int leg_act(const struct core *core, struct core *change, enum plan_act act,
                   const struct core_message *message, size_t party, enum lifecycle_role role,
                   struct error *ret_error)
{
    struct lifecycle_step step;
    const struct core_party *leg = &core->parties[message->party + party];
    struct lifecycle_query query = {
        .kind = &core->kinds[message->kind]->kind,
        .state = (enum lifecycle_state)leg->state,
        .act = act,
        .roles = LIFECYCLE_ROLE_BIT(role),
    };
    int r = lifecycle_next(&query, &step, ret_error);
    if (r != 0 || !change) return r;
    change->parties[message->party + party].state = (uint8_t)step.next;
    if (step.effects & LIFECYCLE_EFFECT_TELLS) leg_told(change, message, leg);
    return 0;
}

/* Urge and stand-down: every leg that it fits; at least one must. */
static int thread_act_all(const struct core *core, struct core *change, enum plan_act act,
                          const struct core_thread *thread, uint16_t from, struct error *ret_error)
{
    struct error order = {0}, role_error = {0};
    bool office = core_unit_same(core, from, core_unit_office(core));
    bool done = false;
    for (uint32_t m = thread->first; m != CORE_NONE; m = core->messages[m].next) {
        const struct core_message *message = &core->messages[m];
        for (size_t i = 0; i < message->party_count; i++) {
            const struct core_party *party = &core->parties[message->party + i];
            if (!(party->bits & CORE_PARTY_LEG)) continue;
            enum lifecycle_role role = LIFECYCLE_ROLE_COPY;
            if (core_unit_same(core, message->from, from))
                role = LIFECYCLE_ROLE_ORIGINATOR;
            else if (office)
                role = LIFECYCLE_ROLE_OFFICE;
            else if (core_unit_same(core, party->unit, from))
                role = LIFECYCLE_ROLE_LEG;
            struct error error = {0};
            int r = leg_act(core, change, act, message, i, role, &error);
            if (r == 0)
                done = true;
            else if (r == E_LIFECYCLE_ORDER)
                order = error;
            else if (role_error.code == 0)
                role_error = error;
        }
    }
    if (done) return 0;
    if (role_error.code != 0) {
        if (ret_error) *ret_error = role_error;
        return role_error.code;
    }
    if (order.code == 0)
        return error_say(ret_error, E_LIFECYCLE_ORDER, NULL, "此线索没有未办结的承办单位",
                         "no leg of this thread is open");
    order.field[0] = 0; /* it is about the thread */
    if (ret_error) *ret_error = order;
    return E_LIFECYCLE_ORDER;
}

int core_thread_act(const struct core *core, struct core *change, enum plan_act act,
                    const struct core_thread *thread, const struct core_message *parent,
                    uint16_t from, struct error *ret_error)
{
    if (act == PLAN_ACT_NONE) return 0;
    if (act == PLAN_ACT_URGE || act == PLAN_ACT_STAND_DOWN)
        return thread_act_all(core, change, act, thread, from, ret_error);
    for (size_t i = 0; i < parent->party_count; i++) {
        const struct core_party *party = &core->parties[parent->party + i];
        if ((party->bits & CORE_PARTY_LEG) && core_unit_same(core, party->unit, from))
            return leg_act(core, change, act, parent, i, LIFECYCLE_ROLE_LEG, ret_error);
    }
    return error_say(ret_error, E_LIFECYCLE_ROLE, "parent", "%s：所引消息不须本单位签收",
                     "%s: the unit does not have to sign for the message referred to",
                     plan_act_name(act));
}
