/* Messages, threads, participants and legs. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

static struct places_keys ids_of(const struct core *core)
{
    return (struct places_keys){core->messages ? core->messages[0].id : NULL,
                                sizeof *core->messages};
}

uint32_t core_message_place(const struct core *core, uint32_t hash, const uint8_t id[16])
{
    return places_find(&core->message_of, hash, id, ids_of(core));
}

struct core_message *core_message_find(const struct core *core, struct bytes id)
{
    if (id.len != 16) return NULL;
    uint32_t place = core_message_place(core, places_hash(&core->message_of, id.data), id.data);
    return place == CORE_NONE ? NULL : &core->messages[place];
}

/* Messages stand in the order of their indexes, and record time never falls. */
size_t core_message_from(const struct core *core, enum core_message_order order, uint64_t value)
{
    size_t low = 0, high = core->message_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct core_message *message = &core->messages[middle];
        if ((order == CORE_MESSAGE_INDEX ? message->index : message->time_ms) < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct core_message *core_message_at(const struct core *core, uint64_t index)
{
    size_t place = core_message_from(core, CORE_MESSAGE_INDEX, index);
    bool found = place < core->message_count && core->messages[place].index == index;
    return found ? &core->messages[place] : NULL;
}

struct core_message *core_message_of_hash(const struct core *core, const uint8_t hash[32])
{
    uint32_t place = places_find(&core->hash_of, places_hash(&core->hash_of, hash), hash,
                                 (struct places_keys){core->hashes, sizeof *core->hashes});
    return place == CORE_NONE ? NULL : &core->messages[place];
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

bool core_message_index(const struct core *core, struct bytes id, uint64_t *ret_index)
{
    const struct core_message *message = core_message_find(core, id);
    if (message) *ret_index = message->index;
    return message != NULL;
}

bool core_subject_at(const struct core *core, uint64_t index, struct core_subject *ret)
{
    const struct core_message *message = core_message_at(core, index);
    *ret = (struct core_subject){.target = ""};
    if (!message) return false;
    ret->has_leg = message->leg != CORE_LEG_NONE;
    if (ret->has_leg) ret->about = core->messages[message->about].index;
    ret->whole = lifecycle_act_on_thread(core->kinds[message->kind]->kind.act);
    for (size_t i = 0; i < message->party_count; i++)
        if (core->parties[message->party + i].bits & CORE_PARTY_LEG) ret->legs = true;
    if (message->target != CORE_UNIT_NONE) ret->target = core->units[message->target]->key;
    return true;
}

const struct core_participant *core_thread_list(const struct core_thread *thread)
{
    return thread->far_cap > 0 ? thread->far : thread->near;
}

bool core_thread_has(const struct core *core, const struct core_thread *thread, uint16_t unit)
{
    const struct core_participant *participants = core_thread_list(thread);
    for (size_t i = 0; i < thread->participant_count; i++)
        if (core_unit_same(core, participants[i].unit, unit)) return true;
    return false;
}

size_t core_thread_participants(const struct core *core, const struct core_installed *installed,
                                const struct core_thread *thread,
                                struct route_participant *ret_participants, size_t cap)
{
    const struct core_participant *participants = core_thread_list(thread);
    size_t count = 0;
    (void)core;
    for (size_t i = 0; i < thread->participant_count && count < cap; i++) {
        const struct core_participant *participant = &participants[i];
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

/* Room for one more. */
static struct core_participant *participants_grow(struct core_thread *thread)
{
    struct core_participant *list = thread->far_cap > 0 ? thread->far : thread->near;
    uint16_t cap = thread->far_cap > 0 ? thread->far_cap : (uint16_t)CORE_PARTICIPANT_NEAR_COUNT;
    if (thread->participant_count < cap) return list;
    struct core_participant *grown = calloc((size_t)cap * 2, sizeof *grown);
    CHECK(grown != NULL);
    memcpy(grown, list, cap * sizeof *grown);
    if (thread->far_cap > 0) free(thread->far);
    thread->far = grown;
    thread->far_cap = (uint16_t)(cap * 2);
    return grown;
}

void core_thread_join(struct core_thread *thread, uint16_t unit, enum route_role role,
                      uint64_t size)
{
    struct core_participant *list = thread->far_cap > 0 ? thread->far : thread->near;
    for (size_t i = 0; i < thread->participant_count; i++) {
        if (list[i].unit != unit) continue;
        enum route_role old = (enum route_role)list[i].role;
        enum route_role joined = route_role_join(old, role);
        /* Another role may be another route: who did not see it come is told. */
        if (joined != old) thread->changed_size = size;
        list[i].role = (uint8_t)joined;
        return;
    }
    list = participants_grow(thread);
    list[thread->participant_count++] = (struct core_participant){unit, (uint8_t)role};
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

/* The sections of a leg's message that its unit may open: its own of a recipient, and where it was
 * passed on those of who had it before, but what is for the police alone never moves on. Each step
 * is another unit's. */
static uint32_t leg_sections(const struct core *core, uint32_t about, uint8_t leg)
{
    uint32_t police = 0;
    while (core->messages[about].lead != about) {
        const struct core_message *transfer = &core->messages[about];
        police = core->messages[transfer->lead].bits >> CORE_MESSAGE_POLICE_SHIFT;
        about = transfer->about;
        leg = transfer->leg;
    }
    const struct core_party *party = &core->parties[core->messages[about].party + leg];
    return (uint32_t)party->bits >> CORE_PARTY_SECTION_SHIFT & ~police;
}

struct core_reader core_reader_find(const struct core *core, const struct core_message *message,
                                    uint16_t unit)
{
    struct core_reader reader = {core_party_find(core, message, unit), 0, CORE_NONE};
    uint32_t lead = (uint32_t)(message - core->messages);
    if (reader.party) reader.sections = (uint32_t)reader.party->bits >> CORE_PARTY_SECTION_SHIFT;
    bool passed = core->threads[message->thread].passed;
    for (uint32_t m = passed ? message->next : CORE_NONE; m != CORE_NONE;
         m = core->messages[m].next) {
        const struct core_message *one = &core->messages[m];
        if (one->lead != lead || !core_unit_same(core, one->target, unit)) continue;
        reader.transfer = m;
        reader.sections |= leg_sections(core, m, 0);
        if (!reader.party) reader.party = core_party_find(core, one, unit);
        break; /* nobody has it twice */
    }
    return reader;
}
