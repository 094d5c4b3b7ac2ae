/* Folding an accepted envelope. */
#include <string.h>

#include "broker/core/core_inner.h"

static uint32_t message_add(struct core *core, const struct core_folding *folding,
                            const struct core_letter *letter, const struct core_act *act)
{
    core->messages = core_grow(core->messages, &core->message_cap, core->message_count + 1,
                               sizeof *core->messages);
    CHECK(core->message_count < CORE_NONE);
    uint32_t slot = (uint32_t)core->message_count++;
    struct core_message *message = &core->messages[slot];
    *message = (struct core_message){
        .index = folding->index,
        .thread = act->thread,
        .next = CORE_NONE,
        .party = (uint32_t)core->party_count,
        .item = CORE_NONE,
        .lead = slot,
        .about = act->about,
        .other = act->other,
        .from = act->from,
        .kind = letter->kind,
        .topic = letter->topic,
        .target = act->target,
        .leg = act->leg,
        .time_ms = folding->time_ms,
        .bits = (uint8_t)(letter->police << CORE_MESSAGE_POLICE_SHIFT),
        .party_count = letter->recipient_count,
        .urgency = letter->urgency,
    };
    memcpy(message->id, letter->id, sizeof message->id);
    places_add(&core->message_of, letter->id_hash, slot);
    core->hashes = core_grow(core->hashes, &core->hash_cap, slot + 1, sizeof *core->hashes);
    memcpy(core->hashes[slot], letter->hash, sizeof *core->hashes);
    places_add(&core->hash_of, letter->hash_hash, slot);
    /* What later acts ask about an act. */
    if (act->effects & LIFECYCLE_EFFECT_GIVES) message->target = core->messages[act->parent].target;
    if (act->effects & LIFECYCLE_EFFECT_MOVES) message->lead = core->messages[act->about].lead;
    if (act->effects & LIFECYCLE_EFFECT_ASKS) core_ask(core, slot, act->installed);
    return slot;
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

static void thread_append(struct core *core, uint32_t slot)
{
    struct core_thread *thread = &core->threads[core->messages[slot].thread];
    if (thread->first == CORE_NONE)
        thread->first = slot;
    else
        core->messages[thread->last].next = slot;
    thread->last = slot;
}

/* Who has it now is primary where the unit that passed it on was. */
static bool leg_primary(const struct core *core, const struct core_act *act)
{
    const struct core_message *message = &core->messages[act->about];
    return (core->parties[message->party + act->leg].bits & CORE_PARTY_PRIMARY) != 0;
}

/* Recipients: who may open what, whose leg it is, and a place in every queue. */
static void fold_recipients(struct core *core, const struct core_folding *folding,
                            const struct core_letter *letter, const struct core_act *act,
                            uint32_t message, uint32_t item)
{
    struct core_thread *thread = &core->threads[act->thread];
    bool legs = plan_kind_makes_legs(act->kind), primary = true;
    core->parties = core_grow(core->parties, &core->party_cap,
                              core->party_count + letter->recipient_count, sizeof *core->parties);
    for (uint8_t i = 0; i < letter->recipient_count; i++) {
        const struct core_addressee *one = &letter->recipients[i];
        struct core_unit *unit = core->units[one->unit];
        bool moves = (act->effects & LIFECYCLE_EFFECT_MOVES) && one->unit == act->target;
        unsigned bits = (unsigned)one->sections << CORE_PARTY_SECTION_SHIFT;
        if (one->signs) bits |= CORE_PARTY_SIGN;
        if (moves || (one->signs && legs)) bits |= CORE_PARTY_LEG;
        if (moves ? leg_primary(core, act) : one->signs && primary) bits |= CORE_PARTY_PRIMARY;
        if (one->signs) primary = false;
        uint32_t clocks = CORE_NONE;
        if ((bits & CORE_PARTY_LEG) && folding->rules > 1)
            clocks = core_clocks_new(core, message, i, one->clause, act);
        core->parties[core->party_count++] =
            (struct core_party){one->unit, LIFECYCLE_SUBMITTED, (uint8_t)bits, message, clocks};
        core_thread_join(thread, one->unit,
                         route_role_recipient(act->kind, (bits & CORE_PARTY_LEG) != 0),
                         folding->index + 1);
        uint64_t position = core_lane_push(core, one->unit, letter->lane, item,
                                           one->unkeyed ? CORE_ENTRY_UNKEYED : 0);
        unit->accepted++;
        unit->waiting++;
        core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_QUEUED,
                                                               .index = folding->index,
                                                               .unit = unit->key,
                                                               .lane = letter->lane,
                                                               .position = position});
    }
}

static void fold_sender(struct core *core, const struct core_folding *folding,
                        const struct core_letter *letter)
{
    struct core_sender *sender = core_sender_put(core, letter->serial);
    core_sender_note(sender, letter->lane, letter->seq, folding->index, letter->hash);
    core_sender_count(sender, folding->time_ms);
}

/* Its act done on the legs there are, and the thread made that it opens. */
static int fold_act(struct core *core, const struct core_folding *folding, struct core_act *act,
                    struct error *ret_error)
{
    bool opens = act->parent == CORE_NONE;
    int r = core_act(core, core, (uint32_t)core->message_count, act, ret_error);
    if (r == 0 && opens) {
        act->thread = thread_add(core);
        core_thread_join(&core->threads[act->thread], act->from, ROUTE_ROLE_ORIGINATOR,
                         folding->index + 1);
        if (act->effects & LIFECYCLE_EFFECT_LISTS) {
            core->threads[act->thread].listed = true;
            core->threads[act->thread].raised = act->urgency;
        }
    }
    return r != 0 ? r : core_chain(core, core, act, ret_error);
}

int core_apply_letter(struct core *core, const struct core_folding *folding,
                      const struct core_letter *letter, struct error *ret_error)
{
    struct core_act act = letter->act;
    int r = fold_act(core, folding, &act, ret_error);
    if (r != 0) return r;
    uint32_t message = message_add(core, folding, letter, &act);
    uint32_t item = core_item_new(core, letter->hash, folding->index, letter->expires_ms, message);
    core->messages[message].item = item;
    core_alarms(core, message, &act, letter->expires_ms);
    thread_append(core, message);
    fold_sender(core, folding, letter);
    core_effect_add(folding->effects, (struct core_effect){.type = CORE_EFFECT_RECEIPT,
                                                           .index = folding->index,
                                                           .unit = core->units[act.from]->key,
                                                           .serial = letter->serial,
                                                           .lane = letter->lane});
    fold_recipients(core, folding, letter, &act, message, item);
    return 0;
}

static int check_new(const struct core *core, const struct core_folding *folding,
                     const struct core_letter *letter, struct error *ret_error)
{
    const struct core_sender *sender = core_sender_find(core, letter->serial);
    uint64_t highest = sender ? sender->lanes[letter->lane].highest : 0;
    if (letter->seq == 0 || letter->seq > highest + LIMIT_SEQ_WINDOW ||
        core_sender_seen(sender, letter->lane, letter->seq) ||
        core_message_place(core, letter->id_hash, letter->id) != CORE_NONE)
        return core_corrupt(ret_error, folding->index, "a replay");
    return 0;
}

int core_apply_accepted(struct core *core, const struct core_folding *folding,
                        const struct core_decoded *decoded, struct error *ret_error)
{
    struct core_letter letter;
    int r = core_letter_begin(core, decoded->header, decoded->hash, &letter, ret_error);
    if (r == 0)
        r = core_letter_read(core, decoded->header, folding->time_ms, folding->rules, &letter,
                             ret_error);
    if (r == 0) r = check_new(core, folding, &letter, ret_error);
    return r != 0 ? r : core_apply_letter(core, folding, &letter, ret_error);
}
