/* The clocks of legs in the core: the plan's terms of a leg, and what falls due because of them. */
#include "broker/core/core_inner.h"

/* The plan's word on the kind and topic of a lead. */
static struct clocks_terms terms_of(const struct core *core, const struct core_installed *installed,
                                    const struct core_message *lead)
{
    const struct core_kind *held = core->kinds[lead->kind];
    const struct plan *plan = trust_bundle_plan(installed->bundle);
    return (struct clocks_terms){
        .plan = plan,
        .kind = plan_kind_find(plan, held->slug),
        .expect = &held->kind,
        .topic = lead->topic ? held->topics[lead->topic - 1] : "",
        .raised = core->threads[lead->thread].raised,
    };
}

static const struct core_message *lead_of(const struct core *core, const struct core_clocks *leg)
{
    return &core->messages[core->messages[leg->message].lead];
}

/* What runs to another moment than before falls due then. */
static void push_changed(struct core *core, uint32_t slot, const struct clocks *before)
{
    const struct core_clocks *leg = &core->clocks[slot];
    bool resumed = before->paused_s != 0 && leg->clocks.paused_s == 0;
    for (uint32_t i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        uint64_t due_ms = (uint64_t)leg->clocks.due_s[i] * CLOCKS_SECOND_MS;
        bool changed = leg->clocks.due_s[i] != before->due_s[i];
        if (due_ms != 0 && (changed || resumed))
            core_heap_push(&core->due,
                           (struct core_due){.at_ms = due_ms,
                                             .index = core->messages[leg->message].index,
                                             .slot = slot,
                                             .what = (uint16_t)i});
    }
}

uint32_t core_clocks_new(struct core *core, uint32_t message, uint8_t place, uint16_t clause,
                         const struct core_act *act)
{
    static const struct clocks none;
    core->clocks =
        core_grow(core->clocks, &core->clock_cap, core->clock_count + 1, sizeof *core->clocks);
    CHECK(core->clock_count < CORE_NONE);
    uint32_t slot = (uint32_t)core->clock_count++;
    struct core_clocks *leg = &core->clocks[slot];
    *leg = (struct core_clocks){.message = message, .place = place, .clause = clause};
    struct clocks_terms terms = terms_of(core, act->installed, lead_of(core, leg));
    terms.set_ms = act->due_ms;
    clocks_begin(&leg->clocks, &terms, core->messages[message].time_ms);
    push_changed(core, slot, &none);
    return slot;
}

uint32_t core_clock_facts(const struct core *core, const struct core_party *party,
                          const struct core_act *act)
{
    if (party->clocks == CORE_NONE) return 0;
    const struct core_clocks *leg = &core->clocks[party->clocks];
    struct clocks_terms terms = terms_of(core, act->installed, lead_of(core, leg));
    return clocks_facts(&leg->clocks, &terms, act->now_ms);
}

void core_clock_step(struct core *core, const struct core_party *party,
                     const struct lifecycle_step *step, const struct core_act *act)
{
    if (party->clocks == CORE_NONE) return;
    struct core_clocks *leg = &core->clocks[party->clocks];
    struct clocks before = leg->clocks;
    struct clocks_terms terms = terms_of(core, act->installed, lead_of(core, leg));
    terms.set_ms = act->due_ms;
    clocks_step(&leg->clocks, &terms, step, act->act, core_unit_same(core, party->unit, act->from),
                act->now_ms);
    push_changed(core, party->clocks, &before);
}

void core_clocks_raise(struct core *core, const struct core_thread *thread,
                       const struct core_act *act)
{
    for (uint32_t m = thread->first; m != CORE_NONE; m = core->messages[m].next) {
        const struct core_message *message = &core->messages[m];
        for (size_t i = 0; i < message->party_count; i++) {
            uint32_t slot = core->parties[message->party + i].clocks;
            if (slot == CORE_NONE) continue;
            struct core_clocks *leg = &core->clocks[slot];
            struct clocks before = leg->clocks;
            struct clocks_terms terms = terms_of(core, act->installed, lead_of(core, leg));
            clocks_raise(&leg->clocks, &terms, act->now_ms);
            push_changed(core, slot, &before);
        }
    }
}

void core_clock_expect(const struct core *core, const struct core_party *party)
{
    if (party->clocks == CORE_NONE) return;
    const struct core_clocks *leg = &core->clocks[party->clocks];
    __builtin_prefetch(leg);
    __builtin_prefetch((const uint8_t *)(leg + 1) - 1);
}

void core_clock_delivered(struct core *core, const struct core_party *party, uint64_t time_ms)
{
    if (party->clocks == CORE_NONE) return;
    struct core_clocks *leg = &core->clocks[party->clocks];
    clocks_delivered(&leg->clocks, &core->kinds[lead_of(core, leg)->kind]->kind, time_ms);
}

/* ---- answers about a release --------------------------------------------------------------------
 */

void core_ask(struct core *core, uint32_t slot, const struct core_installed *installed)
{
    struct core_message *message = &core->messages[slot];
    message->bits |= CORE_MESSAGE_ASKS;
    const struct core_message *lead = &core->messages[core->messages[message->about].lead];
    struct clocks_terms terms = terms_of(core, installed, lead);
    message->due_ms = clocks_answer_due(&terms, message->time_ms);
    if (message->due_ms != 0)
        core_heap_push(&core->due, (struct core_due){.at_ms = message->due_ms,
                                                     .index = message->index,
                                                     .slot = slot,
                                                     .what = PLAN_CLOCK_RELEASE});
}

void core_answer(struct core *core, uint32_t slot)
{
    core->messages[slot].bits &= (uint8_t)~CORE_MESSAGE_ASKS;
}

bool core_answer_late(const struct core_message *message, uint64_t now_ms)
{
    return message->due_ms != 0 && now_ms >= message->due_ms;
}

bool core_asks(const struct core_message *message)
{
    return (message->bits & CORE_MESSAGE_ASKS) && !(message->bits & CORE_MESSAGE_OVERDUE);
}

uint16_t core_asked(const struct core *core, const struct core_message *message)
{
    return core->messages[core->messages[message->about].lead].from;
}

/* ---- what a tick names --------------------------------------------------------------------------
 */

static struct core_clocks *leg_of(struct core *core, const struct core_message *message,
                                  uint16_t unit)
{
    for (size_t i = 0; i < message->party_count; i++) {
        const struct core_party *party = &core->parties[message->party + i];
        if (party->unit == unit && party->clocks != CORE_NONE) return &core->clocks[party->clocks];
    }
    return NULL;
}

bool core_miss(struct core *core, struct core_message *message, uint16_t unit, uint32_t clock,
               uint64_t due_ms)
{
    if (clock == 1 + PLAN_CLOCK_RELEASE) {
        bool asks = core_asks(message) && core_asked(core, message) == unit;
        if (!asks || due_ms != message->due_ms) return false;
        message->bits |= CORE_MESSAGE_OVERDUE;
        return true;
    }
    struct core_clocks *leg = leg_of(core, message, unit);
    if (!leg || clock == 0 || clock > PLAN_CLOCK_LEG_COUNT) return false;
    enum plan_clock_index index = (enum plan_clock_index)(clock - 1);
    if (!clocks_run(&leg->clocks, index, due_ms)) return false;
    clocks_miss(&leg->clocks, index);
    return true;
}
