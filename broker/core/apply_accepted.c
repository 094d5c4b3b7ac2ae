/* Folding an accepted envelope. */
#include <string.h>

#include "broker/core/core_inner.h"

/* The plan that it was routed by. */
static const struct core_installed *routed_by(const struct core *core, const Leadbus__Header *head)
{
    if (core->now.bundle && trust_bundle_version(core->now.bundle) == head->bundle)
        return &core->now;
    if (core->before.bundle && trust_bundle_version(core->before.bundle) == head->bundle)
        return &core->before;
    return NULL;
}

/* The header's sections that are for the police alone. */
static uint32_t police_sections(const struct plan_kind *kind, const Leadbus__Header *head)
{
    uint32_t police = 0;
    for (size_t i = 0; i < head->n_sections; i++)
        for (size_t k = 0; k < kind->section_count; k++)
            if (kind->sections[k].police && strcmp(kind->sections[k].name, head->sections[i]) == 0)
                police |= 1u << i;
    return police;
}

static uint32_t message_add(struct core *core, const struct core_folding *folding,
                            const Leadbus__Header *head, const struct plan_kind *plan_kind,
                            uint16_t kind, uint16_t from, uint32_t thread)
{
    core->messages = core_grow(core->messages, &core->message_cap, core->message_count + 1,
                               sizeof *core->messages);
    CHECK(core->message_count < CORE_NONE);
    uint32_t slot = (uint32_t)core->message_count++;
    struct core_message *message = &core->messages[slot];
    uint32_t police = police_sections(plan_kind, head);
    *message = (struct core_message){
        .index = folding->index,
        .thread = thread,
        .next = CORE_NONE,
        .party = (uint32_t)core->party_count,
        .item = CORE_NONE,
        .lead = slot,
        .about = CORE_NONE,
        .other = CORE_NONE,
        .from = from,
        .kind = kind,
        .topic = core_kind_topic(core->kinds[kind], head->topic),
        .target = CORE_UNIT_NONE,
        .leg = CORE_LEG_NONE,
        .time_ms = folding->time_ms,
        .bits = (uint8_t)(police << CORE_MESSAGE_POLICE_SHIFT),
        .party_count = (uint8_t)head->n_recipients,
        .urgency = (uint8_t)head->urgency,
    };
    memcpy(message->id, head->id.data, sizeof message->id);
    *map_put(&core->message_of, message->id, NULL) = slot;
    return slot;
}

/* What later acts ask about an act. */
static void message_act(struct core *core, uint32_t slot, const struct core_act *act)
{
    struct core_message *message = &core->messages[slot];
    message->about = act->about;
    message->leg = act->leg;
    message->target = act->target;
    if (act->effects & LIFECYCLE_EFFECT_GIVES) message->target = act->parent->target;
    if (act->effects & LIFECYCLE_EFFECT_MOVES) message->lead = core->messages[act->about].lead;
    if (act->effects & LIFECYCLE_EFFECT_ASKS) core_ask(core, slot, act->installed);
    if (act->other) message->other = (uint32_t)(act->other - core->threads);
}

static uint32_t thread_add(struct core *core)
{
    core->threads =
        core_grow(core->threads, &core->thread_cap, core->thread_count + 1, sizeof *core->threads);
    CHECK(core->thread_count < CORE_NONE);
    core->threads[core->thread_count] =
        (struct core_thread){.first = CORE_NONE, .last = CORE_NONE, .chain = CORE_NONE};
    return (uint32_t)core->thread_count++;
}

/* Who has it now is primary where the unit that passed it on was. */
static bool leg_primary(const struct core *core, const struct core_act *act)
{
    const struct core_message *message = &core->messages[act->about];
    return (core->parties[message->party + act->leg].bits & CORE_PARTY_PRIMARY) != 0;
}

/* Recipients: who may open what, whose leg it is, and a place in every queue. */
static int fold_recipients(struct core *core, const struct core_folding *folding,
                           const Leadbus__Header *head, const struct plan_kind *kind,
                           const struct core_act *act, uint32_t message, uint32_t item,
                           struct error *ret_error)
{
    struct core_thread *thread = &core->threads[core->messages[message].thread];
    unsigned lane = envelope_lane(head);
    bool legs = plan_kind_makes_legs(kind), primary = true;
    core->parties = core_grow(core->parties, &core->party_cap,
                              core->party_count + head->n_recipients, sizeof *core->parties);
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        uint16_t unit = core_unit_find(core, recipient->unit);
        if (unit == CORE_UNIT_NONE)
            return core_corrupt(ret_error, folding->index, "an unknown recipient");
        bool sign = recipient->act == ENVELOPE_ACT_SIGN;
        bool moves = (act->effects & LIFECYCLE_EFFECT_MOVES) && unit == act->target;
        unsigned bits = (recipient->sections & 0xf) << CORE_PARTY_SECTION_SHIFT;
        if (sign) bits |= CORE_PARTY_SIGN;
        if (moves || (sign && legs)) bits |= CORE_PARTY_LEG;
        if (moves ? leg_primary(core, act) : sign && primary) bits |= CORE_PARTY_PRIMARY;
        if (sign) primary = false;
        uint32_t clocks = CORE_NONE;
        if ((bits & CORE_PARTY_LEG) && folding->rules > 1)
            clocks = core_clocks_new(core, message, (uint8_t)i,
                                     core_clause(act->installed, recipient->citation), act);
        core->parties[core->party_count++] =
            (struct core_party){unit, LIFECYCLE_SUBMITTED, (uint8_t)bits, message, clocks};
        core_thread_join(thread, unit, bits & CORE_PARTY_LEG ? ROUTE_ROLE_SIGNER : ROUTE_ROLE_COPY,
                         folding->index + 1);
        uint64_t position =
            core_lane_push(core, unit, lane, item, recipient->epoch == 0 ? CORE_ENTRY_UNKEYED : 0);
        core->units[unit]->accepted++;
        core->units[unit]->waiting++;
        core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_QUEUED,
                                                               .index = folding->index,
                                                               .unit = core->units[unit]->key,
                                                               .lane = lane,
                                                               .position = position});
    }
    return 0;
}

static void fold_sender(struct core *core, const struct core_folding *folding,
                        const Leadbus__Header *head, const uint8_t hash[32])
{
    struct core_sender *sender = core_sender_put(core, head->serial);
    core_sender_note(sender, envelope_lane(head), head->seq, folding->index, hash);
    core_sender_count(sender, folding->time_ms);
}

static int check_foldable(const struct core *core, const struct core_folding *folding,
                          const Leadbus__Header *head, struct error *ret_error)
{
    const struct core_sender *sender = core_sender_find(core, head->serial);
    unsigned lane = envelope_lane(head);
    uint64_t highest = sender ? sender->lanes[lane].highest : 0;
    if (head->id.len != 16 || head->thread.len != 16 || head->n_recipients == 0 ||
        head->n_recipients > LIMIT_RECIPIENT_COUNT_MAX)
        return core_corrupt(ret_error, folding->index, "not a header");
    if (head->seq == 0 || head->seq > highest + LIMIT_SEQ_WINDOW ||
        core_sender_seen(sender, lane, head->seq) || core_message_find(core, core_binary(head->id)))
        return core_corrupt(ret_error, folding->index, "a replay");
    if (core_unit_find(core, head->from) == CORE_UNIT_NONE)
        return core_corrupt(ret_error, folding->index, "an unknown sender");
    return 0;
}

/* The thread it belongs to, made when it opens one; its act done on the legs there are. */
static int fold_thread(struct core *core, const struct core_folding *folding,
                       const Leadbus__Header *head, const struct core_installed *installed,
                       const struct plan_kind *kind, uint16_t from, uint32_t *ret_thread,
                       struct core_act *ret_act, struct error *ret_error)
{
    bool opens = bytes_equal(core_binary(head->id), core_binary(head->thread));
    const struct core_message *parent =
        opens ? NULL : core_message_find(core, core_binary(head->parent));
    core_act_init(core, head, parent, installed, kind, from, folding->time_ms, folding->rules,
                  ret_act);
    if (opens) {
        *ret_thread = thread_add(core);
        core_thread_join(&core->threads[*ret_thread], from, ROUTE_ROLE_ORIGINATOR,
                         folding->index + 1);
        int r = core_act(core, NULL, CORE_NONE, ret_act, ret_error);
        if (r == 0 && (ret_act->effects & LIFECYCLE_EFFECT_LISTS)) {
            core->threads[*ret_thread].listed = true;
            core->threads[*ret_thread].raised = ret_act->urgency;
        }
        return r;
    }
    /* A thread is called by the id of the message that opened it. */
    if (!parent || !bytes_equal(bytes_of(core->messages[ret_act->thread->first].id, 16),
                                core_binary(head->thread)))
        return core_corrupt(ret_error, folding->index, "an unknown thread or parent");
    *ret_thread = parent->thread;
    return core_act(core, core, (uint32_t)core->message_count, ret_act, ret_error);
}

int core_apply_accepted(struct core *core, const struct core_folding *folding,
                        const Leadbus__Accepted *accepted, struct error *ret_error)
{
    const ProtobufCMessage *decoded = NULL;
    uint8_t hash[32];
    uint32_t thread = CORE_NONE;
    struct bytes header = core_binary(accepted->header);
    int r = folding->admitted ? message_decode_known(&leadbus__header__descriptor, header,
                                                     core->scratch, &decoded, ret_error)
                              : message_decode(&leadbus__header__descriptor, header, core->scratch,
                                               &decoded, ret_error);
    if (r != 0) return r;
    const Leadbus__Header *head = (const Leadbus__Header *)decoded;
    r = check_foldable(core, folding, head, ret_error);
    if (r != 0) return r;
    const struct core_installed *installed = routed_by(core, head);
    const struct plan_kind *kind =
        installed ? plan_kind_find(trust_bundle_plan(installed->bundle), head->kind) : NULL;
    if (!kind) return core_corrupt(ret_error, folding->index, "an unknown bundle or kind");
    size_t kind_index = 0;
    while (plan_kind(trust_bundle_plan(installed->bundle), kind_index) != kind) kind_index++;
    uint16_t from = core_unit_find(core, head->from);
    struct core_act act;
    r = fold_thread(core, folding, head, installed, kind, from, &thread, &act, ret_error);
    if (r == 0) r = core_chain(core, core, thread, &act, ret_error);
    if (r != 0) return r;

    if (folding->admitted)
        memcpy(hash, folding->admitted->hash, sizeof hash);
    else
        sha256_labelled("leadbus/1 header", core_binary(accepted->header), hash);
    uint32_t message =
        message_add(core, folding, head, kind, installed->kind_of_plan[kind_index], from, thread);
    message_act(core, message, &act);
    *map_put(&core->hash_of, hash, NULL) = message;
    uint32_t item = core_item_new(core, hash, folding->index, head->expires_ms, message);
    core->messages[message].item = item;
    core_alarms(core, message, &act, head->expires_ms);
    struct core_thread *held = &core->threads[thread];
    if (held->first == CORE_NONE)
        held->first = message;
    else
        core->messages[held->last].next = message;
    held->last = message;
    fold_sender(core, folding, head, hash);
    core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_RECEIPT,
                                                           .index = folding->index,
                                                           .unit = core->units[from]->key,
                                                           .serial = head->serial,
                                                           .lane = envelope_lane(head)});
    return fold_recipients(core, folding, head, kind, &act, message, item, ret_error);
}
