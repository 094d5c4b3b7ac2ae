/* The chains of threads in the core: which steps have come, what is owed, who has custody. */
#include <stdlib.h>

#include "broker/core/core_inner.h"

/* A step's name as it is kept, 1 + place in core->clauses. */
static uint16_t step_kept(const struct core_installed *installed, size_t step)
{
    const struct plan *plan = trust_bundle_plan(installed->bundle);
    return installed->clauses[plan_task_count(plan) + plan_duty_count(plan) + step];
}

/* What has come on the thread, in the numbers of that plan. */
static void chain_load(const struct core *core, const struct core_installed *installed,
                       uint32_t thread, struct chains *ret)
{
    const struct core_chain *held = thread == CORE_NONE || core->threads[thread].chain == CORE_NONE
                                        ? NULL
                                        : &core->chains[core->threads[thread].chain];
    size_t count = plan_step_count(trust_bundle_plan(installed->bundle));
    *ret = (struct chains){0};
    for (size_t i = 0; held && i < held->step_count; i++) {
        const struct core_step *step = &held->steps[i];
        for (size_t k = 0; k < count; k++) {
            if (step_kept(installed, k) != step->name) continue;
            ret->done |= (uint64_t)(step->at_ms != 0) << k;
            ret->owed |= (uint64_t)step->owed << k;
            ret->moot |= (uint64_t)step->moot << k;
            ret->at_ms[k] = step->at_ms;
            ret->recorded_ms[k] = step->recorded_ms;
        }
    }
}

static void holder_load(const struct core *core, const struct core_act *act,
                        struct chains_event *ret)
{
    uint32_t chain =
        act->thread == CORE_NONE ? (uint32_t)CORE_NONE : core->threads[act->thread].chain;
    ret->holding_unit = PLAN_UNIT_NONE;
    if (chain == CORE_NONE) return;
    const struct chains_custody *custody = &core->chains[chain].custody;
    ret->holder = custody->holder;
    ret->holding_ms = custody->since_ms;
    if (custody->holder == CHAINS_UNIT)
        ret->holding_unit = act->installed->plan_of_unit[custody->unit];
}

static struct core_chain *chain_of(struct core *core, uint32_t thread)
{
    struct core_thread *held = &core->threads[thread];
    if (held->chain != CORE_NONE) return &core->chains[held->chain];
    core->chains =
        core_grow(core->chains, &core->chain_cap, core->chain_count + 1, sizeof *core->chains);
    CHECK(core->chain_count < CORE_NONE);
    held->chain = (uint32_t)core->chain_count++;
    core->chains[held->chain] = (struct core_chain){.thread = thread, .alarm = CORE_NONE};
    return &core->chains[held->chain];
}

static struct core_step *step_put(struct core_chain *chain, uint16_t name)
{
    for (size_t i = 0; i < chain->step_count; i++)
        if (chain->steps[i].name == name) return &chain->steps[i];
    chain->steps =
        core_grow(chain->steps, &chain->step_cap, chain->step_count + 1, sizeof *chain->steps);
    chain->steps[chain->step_count] = (struct core_step){.name = name};
    return &chain->steps[chain->step_count++];
}

/* Steps of other plans stay as they are. */
static void chain_keep(struct core *core, struct core_act *act, const struct chains_change *change)
{
    const struct core_installed *installed = act->installed;
    size_t count = plan_step_count(trust_bundle_plan(installed->bundle));
    struct core_chain *chain = chain_of(core, act->thread);
    for (size_t k = 0; k < count; k++) {
        bool done = (change->done >> k & 1) != 0, owed = (change->owed >> k & 1) != 0;
        bool moot = (change->moot >> k & 1) != 0;
        if (!done && !owed && !moot) continue;
        struct core_step *step = step_put(chain, step_kept(installed, k));
        if (done) step->at_ms = change->at_ms;
        if (done) step->recorded_ms = change->recorded_ms;
        step->owed = !done && !moot && (step->owed || owed);
        step->moot = moot || (step->moot && !done && !owed);
    }
    act->giver = chain->custody.holder == CHAINS_UNIT ? chain->custody.unit : CORE_UNIT_NONE;
    act->gap = chains_custody(&chain->custody, change, act->from, act->occurred_ms);
    act->again = change->again;
    act->until = change->until;
    act->cut = change->cut;
    act->cut_ms = change->cut_ms;
    act->ends = change->ends;
}

int core_chain(const struct core *core, struct core *change, struct core_act *act,
               struct error *ret_error)
{
    struct chains chains;
    struct chains_change step;
    const struct plan *plan = trust_bundle_plan(act->installed->bundle);
    if (act->rules < 2 || plan_step_count(plan) == 0) return 0;
    struct chains_event event = {
        .plan = plan,
        .kind = act->kind,
        .topic = act->topic,
        .from = act->installed->plan_of_unit[act->from],
        .opens = act->parent == CORE_NONE,
        .early = act->early,
        .occurred_ms = act->occurred_ms,
        .now_ms = act->now_ms,
    };
    if (act->act == PLAN_ACT_ACCEPT && act->about != CORE_NONE) {
        const struct core_message *lead = &core->messages[core->messages[act->about].lead];
        const struct core_kind *held = core->kinds[lead->kind];
        event.accepts = plan_kind_find(plan, held->slug);
        event.accepts_topic = lead->topic ? held->topics[lead->topic - 1] : "";
    }
    chain_load(core, act->installed, act->thread, &chains);
    holder_load(core, act, &event);
    int r = chains_next(&chains, &event, &step, ret_error);
    if (r == 0 && change && (step.done | step.moot) != 0) chain_keep(change, act, &step);
    return r;
}

/* ---- views --------------------------------------------------------------------------------------
 */

static const struct core_chain *chain_find(const struct core *core, const uint8_t thread_id[16])
{
    const struct core_thread *thread = core_thread_find(core, bytes_of(thread_id, 16));
    return thread && thread->chain != CORE_NONE ? &core->chains[thread->chain] : NULL;
}

size_t core_thread_steps(const struct core *core, const uint8_t thread[16],
                         struct core_thread_step *ret_steps, size_t cap)
{
    const struct core_chain *chain = chain_find(core, thread);
    if (!chain) return 0;
    for (size_t i = 0; i < chain->step_count && i < cap; i++) {
        const struct core_step *step = &chain->steps[i];
        ret_steps[i] =
            (struct core_thread_step){step->name > 0 ? core->clauses[step->name - 1] : "",
                                      step->at_ms, step->recorded_ms, step->owed, step->moot};
    }
    return chain->step_count;
}

struct core_thread_custody core_thread_custody(const struct core *core, const uint8_t thread[16])
{
    const struct core_chain *chain = chain_find(core, thread);
    struct core_thread_custody view = {.unit = ""};
    if (!chain) return view;
    view.custody = chain->custody;
    if (chain->custody.holder == CHAINS_UNIT) view.unit = core->units[chain->custody.unit]->key;
    return view;
}
