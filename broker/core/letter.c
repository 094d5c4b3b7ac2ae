/* An envelope in the core's own numbers: read once, whether it is decided about, folded, or both.
 */
#include <string.h>

#include "broker/core/core_inner.h"

const struct core_installed *core_routed_by(const struct core *core, const Leadbus__Header *head)
{
    if (core->now.bundle && trust_bundle_version(core->now.bundle) == head->bundle)
        return &core->now;
    if (core->before.bundle && trust_bundle_version(core->before.bundle) == head->bundle)
        return &core->before;
    return NULL;
}

static uint8_t police_sections(const struct plan_kind *kind, const Leadbus__Header *head)
{
    unsigned police = 0;
    for (size_t i = 0; i < head->n_sections; i++)
        for (size_t k = 0; k < kind->section_count; k++)
            if (kind->sections[k].police && strcmp(kind->sections[k].name, head->sections[i]) == 0)
                police |= 1u << i;
    return (uint8_t)police;
}

/* The thread that it follows on, by the message that it refers to. A thread is called by the id of
 * the message that opened it. */
static bool read_thread(const struct core *core, const Leadbus__Header *head, struct core_act *act)
{
    if (bytes_equal(core_binary(head->id), core_binary(head->thread))) return true;
    const struct core_message *parent = core_message_find(core, core_binary(head->parent));
    if (!parent) return false;
    act->parent = (uint32_t)(parent - core->messages);
    act->thread = parent->thread;
    const struct core_message *first = &core->messages[core->threads[act->thread].first];
    return bytes_equal(bytes_of(first->id, sizeof first->id), core_binary(head->thread));
}

static void read_named(const struct core *core, const Leadbus__Header *head, struct core_act *act)
{
    if (head->target[0]) act->target = core_unit_find(core, head->target);
    const struct core_thread *other =
        head->other.len > 0 ? core_thread_find(core, core_binary(head->other)) : NULL;
    uint32_t place = other ? (uint32_t)(other - core->threads) : (uint32_t)CORE_NONE;
    if (other && place != act->thread && core_thread_has(core, other, act->from))
        act->other = place;
}

static bool read_recipients(const struct core *core, const Leadbus__Header *head,
                            struct core_letter *ret)
{
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        struct core_addressee *addressee = &ret->recipients[i];
        *addressee = (struct core_addressee){
            .unit = core_unit_find(core, recipient->unit),
            .clause = core_clause(ret->act.installed, recipient->citation),
            .sections = recipient->sections & 0xf,
            .signs = recipient->act == ENVELOPE_ACT_SIGN,
            .unkeyed = recipient->epoch == 0,
        };
        if (addressee->unit == CORE_UNIT_NONE) return false;
    }
    ret->recipient_count = (uint8_t)head->n_recipients;
    return true;
}

int core_letter_begin(const struct core *core, const Leadbus__Header *head, const uint8_t hash[32],
                      struct core_letter *ret, struct error *ret_error)
{
    if (head->id.len != sizeof ret->id || head->thread.len != sizeof ret->id)
        return core_corrupt(ret_error, core->size, "not a header");
    memcpy(ret->id, head->id.data, sizeof ret->id);
    memcpy(ret->hash, hash, sizeof ret->hash);
    ret->id_hash = places_hash(&core->message_of, ret->id);
    ret->hash_hash = places_hash(&core->hash_of, ret->hash);
    ret->thread_hash = places_hash(&core->message_of, head->thread.data);
    places_expect(&core->message_of, ret->id_hash);
    places_expect(&core->message_of, ret->thread_hash);
    places_expect(&core->hash_of, ret->hash_hash);
    return 0;
}

void core_letter_expect(const struct core *core, const struct core_letter *letter,
                        enum core_letter_step step)
{
    uint32_t place = places_guess(&core->message_of, letter->thread_hash);
    if (place == PLACES_NONE) return;
    const struct core_message *message = &core->messages[place];
    if (step == CORE_LETTER_OPENING) {
        __builtin_prefetch(message);
        __builtin_prefetch((const uint8_t *)(message + 1) - 1);
        return;
    }
    const struct core_thread *thread = &core->threads[message->thread];
    __builtin_prefetch(thread);
    __builtin_prefetch((const uint8_t *)(thread + 1) - 1);
    __builtin_prefetch(&core->parties[message->party]);
}

int core_letter_read(const struct core *core, const Leadbus__Header *head, uint64_t now_ms,
                     uint32_t rules, struct core_letter *letter, struct error *ret_error)
{
    struct core_act *act = &letter->act;
    const struct core_installed *installed = core_routed_by(core, head);
    const struct plan *plan = installed ? trust_bundle_plan(installed->bundle) : NULL;
    const struct plan_kind *kind = plan ? plan_kind_find(plan, head->kind) : NULL;
    if (head->n_recipients == 0 || head->n_recipients > LIMIT_RECIPIENT_COUNT_MAX)
        return core_corrupt(ret_error, core->size, "not a header");
    if (!kind) return core_corrupt(ret_error, core->size, "an unknown bundle or kind");
    *act = (struct core_act){
        .act = kind->act,
        .kind = kind,
        .facts = rules > 1 ? lifecycle_topic_facts(kind->act, head->topic) : 0,
        .thread = CORE_NONE,
        .parent = CORE_NONE,
        .other = CORE_NONE,
        .from = core_unit_find(core, head->from),
        .target = CORE_UNIT_NONE,
        .installed = installed,
        .now_ms = now_ms,
        .occurred_ms = head->occurred_ms,
        .urgency = (uint8_t)head->urgency,
        .due_ms = head->due_ms,
        .rules = rules,
        .early = (head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY) != 0,
        .about = CORE_NONE,
        .leg = CORE_LEG_NONE,
    };
    letter->serial = head->serial;
    letter->seq = head->seq;
    letter->expires_ms = head->expires_ms;
    letter->kind = installed->kind_of_plan[kind - plan_kind(plan, 0)];
    letter->topic = core_kind_topic(core->kinds[letter->kind], head->topic);
    letter->urgency = (uint8_t)head->urgency;
    letter->lane = (uint8_t)envelope_lane(head);
    letter->police = police_sections(kind, head);
    if (act->from == CORE_UNIT_NONE)
        return core_corrupt(ret_error, core->size, "an unknown sender");
    if (letter->topic == CORE_TOPIC_NONE)
        return core_corrupt(ret_error, core->size, "an unknown topic");
    act->topic = letter->topic ? core->kinds[letter->kind]->topics[letter->topic - 1] : "";
    if (!read_thread(core, head, act))
        return core_corrupt(ret_error, core->size, "an unknown thread or parent");
    read_named(core, head, act);
    if (!read_recipients(core, head, letter))
        return core_corrupt(ret_error, core->size, "an unknown recipient");
    return 0;
}
