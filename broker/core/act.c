/* What an act does to the legs: whose leg is meant, what the acting unit is to it, and which facts
 * hold. The lifecycle's table decides. */
#include <string.h>

#include "broker/core/core_inner.h"
#include "proto/plan/calendar.h"

static const struct plan_kind *kind_of(const struct core *core, const struct core_message *message)
{
    return &core->kinds[message->kind]->kind;
}

static uint32_t slot_of(const struct core *core, const struct core_message *message)
{
    return (uint32_t)(message - core->messages);
}

static bool leg_ended(const struct core *core, const struct core_message *message,
                      const struct core_party *party)
{
    const struct core_message *lead = &core->messages[message->lead];
    return lifecycle_leg_done(kind_of(core, lead), (enum lifecycle_state)party->state);
}

/* The leg of a unit for a message: it had to sign for it, or it was passed on to it. */
static bool leg_find(const struct core *core, const struct core_message *message, uint16_t unit,
                     uint32_t *ret_about, uint8_t *ret_leg)
{
    bool passed = core->threads[message->thread].passed;
    for (uint32_t m = slot_of(core, message); m != CORE_NONE;
         m = passed ? core->messages[m].next : CORE_NONE) {
        const struct core_message *one = &core->messages[m];
        if (one != message &&
            (one->lead != message->lead || kind_of(core, one)->act != PLAN_ACT_TRANSFER))
            continue;
        for (uint8_t i = 0; i < one->party_count; i++) {
            const struct core_party *party = &core->parties[one->party + i];
            if (!(party->bits & CORE_PARTY_LEG) || !core_unit_same(core, party->unit, unit))
                continue;
            *ret_about = m;
            *ret_leg = i;
            return true;
        }
    }
    return false;
}

static const struct core_thread *thread_of(const struct core *core, const struct core_act *act)
{
    return &core->threads[act->thread];
}

static const struct core_message *parent_of(const struct core *core, const struct core_act *act)
{
    return &core->messages[act->parent];
}

static const struct plan *plan_of(const struct core_act *act)
{
    return trust_bundle_plan(act->installed->bundle);
}

static bool unit_is(const struct core *core, const struct core_act *act, uint16_t unit,
                    enum plan_unit_duty duty)
{
    const struct plan *plan = plan_of(act);
    uint16_t planned = plan_unit_with_duty(plan, duty);
    return planned != PLAN_UNIT_NONE &&
           core_unit_same(core, act->installed->unit_of_plan[planned], unit);
}

/* What the acting unit is to a leg. */
static uint32_t roles_of(const struct core *core, const struct core_act *act,
                         const struct core_message *message, const struct core_party *party)
{
    uint32_t roles = 0;
    if (core_unit_same(core, party->unit, act->from)) roles |= 1u << LIFECYCLE_ROLE_LEG;
    if (core_unit_same(core, core->messages[message->lead].from, act->from))
        roles |= 1u << LIFECYCLE_ROLE_ORIGINATOR;
    if (unit_is(core, act, act->from, PLAN_DUTY_OFFICE)) roles |= 1u << LIFECYCLE_ROLE_OFFICE;
    if (roles == 0)
        roles = core_thread_has(core, thread_of(core, act), act->from) ? 1u << LIFECYCLE_ROLE_COPY
                                                                       : 1u << LIFECYCLE_ROLE_NONE;
    return roles;
}

/* ---- facts --------------------------------------------------------------------------------------
 */

/* Whoever acts by law needs nobody's leave; nor is any needed towards a unit that must sign for
 * such a message anyway. */
static bool free_by_plan(const struct core *core, const struct core_act *act,
                         const struct core_message *lead)
{
    const struct plan *plan = plan_of(act);
    const struct plan_unit *from = plan_unit(plan, act->installed->plan_of_unit[act->from]);
    const struct core_kind *held = core->kinds[lead->kind];
    const struct plan_kind *kind = plan_kind_find(plan, held->slug);
    if (from && (from->kind == PLAN_UNIT_COURT || from->kind == PLAN_UNIT_PROCURATORATE))
        return true;
    if (unit_is(core, act, act->from, PLAN_DUTY_POLICE)) return true;
    if (!kind) return false; /* the present plan has no such kind: ask */
    const struct plan_topic *topic =
        lead->topic ? plan_topic_find(kind, held->topics[lead->topic - 1]) : NULL;
    return route_signs(plan, kind, topic, act->installed->plan_of_unit[act->target], act->now_ms);
}

static bool released(const struct core *core, const struct core_act *act, uint32_t about,
                     uint8_t leg)
{
    for (uint32_t m = about; m != CORE_NONE; m = core->messages[m].next) {
        const struct core_message *one = &core->messages[m];
        if (kind_of(core, one)->act == PLAN_ACT_RELEASE && one->about == about && one->leg == leg &&
            one->target != CORE_UNIT_NONE && core_unit_same(core, one->target, act->target))
            return true;
    }
    return false;
}

/* What is merged goes on in a leg that is itself closed one day: one that is only signed for, as of
 * an urge or a bulletin, would let the matter end with it, and two threads end in each other. */
static bool joinable(const struct core *core, const struct core_act *act)
{
    for (uint32_t m = core->threads[act->other].first; m != CORE_NONE; m = core->messages[m].next) {
        const struct core_message *message = &core->messages[m];
        const struct plan_kind *kind = kind_of(core, &core->messages[message->lead]);
        if (!plan_kind_expects(kind, PLAN_ACT_CLOSE) || kind->reported || kind->erased) continue;
        for (size_t i = 0; i < message->party_count; i++) {
            const struct core_party *party = &core->parties[message->party + i];
            if ((party->bits & CORE_PARTY_LEG) && core_unit_same(core, party->unit, act->from) &&
                !leg_ended(core, message, party))
                return true;
        }
    }
    return false;
}

/* Somebody has accepted what the leg is about, and it goes on. */
static bool leg_taken(const struct core *core, const struct core_act *act,
                      const struct core_message *message, const struct core_party *party)
{
    return act->rules > 1 && (core->messages[message->lead].bits & CORE_MESSAGE_TAKEN) &&
           !leg_ended(core, message, party);
}

static uint32_t facts_of(const struct core *core, const struct core_act *act, uint32_t about,
                         uint8_t leg)
{
    const struct core_message *message = &core->messages[about];
    const struct core_message *lead = &core->messages[message->lead];
    const struct core_party *party = &core->parties[message->party + leg];
    uint32_t facts = act->facts;
    bool passes = act->act == PLAN_ACT_TRANSFER || act->act == PLAN_ACT_ASK_RELEASE;
    if (thread_of(core, act)->listed) facts |= LIFECYCLE_FACT_LISTED;
    if (leg_taken(core, act, message, party)) facts |= LIFECYCLE_FACT_TAKEN;
    if (thread_of(core, act)->bound && unit_is(core, act, party->unit, PLAN_DUTY_POLICE))
        facts |= LIFECYCLE_FACT_BOUND;
    if (passes && (free_by_plan(core, act, lead) || released(core, act, about, leg)))
        facts |= LIFECYCLE_FACT_FREE;
    if (act->act == PLAN_ACT_RELEASE && parent_of(core, act)->bits & CORE_MESSAGE_ASKS) {
        facts |= LIFECYCLE_FACT_ASKED;
        if (core_answer_late(parent_of(core, act), act->now_ms)) facts |= LIFECYCLE_FACT_WAITED;
    }
    if (act->act == PLAN_ACT_OBJECT &&
        act->now_ms < calendar_deadline(plan_calendar(plan_of(act)),
                                        core->messages[party->last].time_ms,
                                        LIFECYCLE_OBJECTION_DAYS, CALENDAR_WORK_DAYS, NULL))
        facts |= LIFECYCLE_FACT_IN_TIME;
    if (act->act == PLAN_ACT_EXTEND || act->act == PLAN_ACT_PAUSE || act->act == PLAN_ACT_RESUME)
        facts |= core_clock_facts(core, party, act);
    if (act->other != CORE_NONE) facts |= LIFECYCLE_FACT_OTHER;
    if (act->other != CORE_NONE && (act->facts & LIFECYCLE_FACT_MERGES) && joinable(core, act))
        facts |= LIFECYCLE_FACT_JOINABLE;
    return facts;
}

/* ---- steps --------------------------------------------------------------------------------------
 */

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

/* Says why not, with the name that the plan in force has for the kind: the core keeps its slug. */
static int leg_refuse(const struct core_act *act, const struct lifecycle_query *query,
                      struct error *ret_error)
{
    struct lifecycle_step ignored;
    struct plan_kind kind = *query->kind;
    struct lifecycle_query named = *query;
    const struct plan_kind *now = plan_kind_find(plan_of(act), kind.slug);
    if (now) kind.name_zh = now->name_zh;
    named.kind = &kind;
    return lifecycle_next(&named, &ignored, ret_error);
}

/* One leg's step. */
static int leg_act(const struct core *core, struct core *change, uint32_t slot,
                   struct core_act *act, uint32_t about, uint8_t leg, struct error *ret_error)
{
    struct lifecycle_step step;
    const struct core_message *message = &core->messages[about];
    const struct core_party *party = &core->parties[message->party + leg];
    struct lifecycle_query query = {
        .kind = kind_of(core, &core->messages[message->lead]),
        .state = (enum lifecycle_state)party->state,
        .act = act->act,
        .roles = roles_of(core, act, message, party),
        .facts = facts_of(core, act, about, leg),
    };
    int r = lifecycle_next(&query, &step, NULL);
    if (r != 0) return leg_refuse(act, &query, ret_error);
    act->effects |= step.effects;
    if (!change) {
        core_clock_expect(core, party);
        return 0;
    }
    struct core_party *moved = &change->parties[message->party + leg];
    if (moved->state != step.next) moved->last = slot;
    moved->state = (uint8_t)step.next;
    if (act->act == PLAN_ACT_ACCEPT) change->messages[message->lead].bits |= CORE_MESSAGE_TAKEN;
    if (step.effects & LIFECYCLE_EFFECT_TELLS) leg_told(change, message, party);
    core_clock_step(change, moved, &step, act);
    return 0;
}

/* Every leg that it fits, of one message or (CORE_NONE) of the whole thread; at least one must. */
static int act_all(const struct core *core, struct core *change, uint32_t slot,
                   struct core_act *act, uint32_t only, struct error *ret_error)
{
    struct error order = {0}, role_error = {0};
    bool done = false;
    uint32_t m = only != CORE_NONE ? only : thread_of(core, act)->first;
    for (; m != CORE_NONE; m = only != CORE_NONE ? CORE_NONE : core->messages[m].next) {
        for (uint8_t i = 0; i < core->messages[m].party_count; i++) {
            if (!(core->parties[core->messages[m].party + i].bits & CORE_PARTY_LEG)) continue;
            struct error error = {0};
            int r = leg_act(core, change, slot, act, m, i, &error);
            /* What is taken back is taken back from all who have not accepted it, or from nobody:
             * a unit whose leg stays is not told otherwise by the message. */
            const struct core_party *party = &core->parties[core->messages[m].party + i];
            bool stays = act->act == PLAN_ACT_WITHDRAW && r == E_LIFECYCLE_ORDER &&
                         leg_taken(core, act, &core->messages[m], party);
            if (stays) {
                if (ret_error) *ret_error = error;
                if (ret_error) ret_error->field[0] = 0; /* it is about the thread */
                return r;
            }
            if (r == 0)
                done = true;
            else if (r != E_LIFECYCLE_ROLE)
                order = error;
            else if (role_error.code == 0)
                role_error = error;
        }
    }
    if (done) return 0;
    if (role_error.code == 0 && order.code == 0 && lifecycle_act_is_note(act->act)) return 0;
    const struct error *why = role_error.code != 0 ? &role_error : &order;
    if (why->code == 0 && only != CORE_NONE)
        return error_say(ret_error, E_LIFECYCLE_ROLE, "parent", "%s：所引消息不须签收",
                         "%s: nobody has to sign for the message referred to",
                         plan_act_name(act->act));
    if (why->code == 0)
        return error_say(ret_error, E_LIFECYCLE_ORDER, NULL, "%s：此线索没有未办结的承办单位",
                         "%s: no leg of this thread is open", plan_act_name(act->act));
    if (ret_error) *ret_error = *why;
    if (ret_error && only == CORE_NONE) ret_error->field[0] = 0; /* it is about the thread */
    return why->code;
}

/* Whom something may be passed on to: not back, and to nobody who had it before. */
static int check_target(const struct core *core, const struct core_act *act, uint32_t about,
                        struct error *ret_error)
{
    const struct core_message *lead = &core->messages[core->messages[about].lead];
    uint32_t had;
    uint8_t leg;
    if (act->target == CORE_UNIT_NONE ||
        act->installed->plan_of_unit[act->target] == PLAN_UNIT_NONE)
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "方案中没有这个单位",
                         "no unit of this plan is named");
    if (core_unit_same(core, act->target, act->from))
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "所指的是本单位",
                         "it is this unit itself");
    if (core_unit_same(core, act->target, lead->from))
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "所指的是发送单位，不得转回",
                         "it is the unit that sent it");
    if (leg_find(core, lead, act->target, &had, &leg))
        return error_say(ret_error, E_TARGET_NOT_ALLOWED, "target", "该单位已承办或曾承办",
                         "it has or had to sign for it already");
    return 0;
}

/* What it does beyond the leg. */
static void act_thread(struct core *core, const struct core_act *act)
{
    struct core_thread *thread = &core->threads[act->thread];
    if (act->effects & LIFECYCLE_EFFECT_BINDS) thread->bound = true;
    if (act->effects & LIFECYCLE_EFFECT_LISTS) {
        thread->listed = true;
        thread->raised = act->urgency;
        core_clocks_raise(core, thread, act);
    }
    if (act->effects & LIFECYCLE_EFFECT_UNLISTS) {
        thread->listed = false;
        thread->raised = 0;
    }
    if (act->effects & LIFECYCLE_EFFECT_MOVES) thread->passed = true;
    if ((act->effects & LIFECYCLE_EFFECT_JOINS) && thread->bound)
        core->threads[act->other].bound = true;
    if (act->effects & LIFECYCLE_EFFECT_ANSWERS) core_answer(core, act->parent);
}

int core_act(const struct core *core, struct core *change, uint32_t slot, struct core_act *act,
             struct error *ret_error)
{
    int r = 0;
    if (act->act == PLAN_ACT_NONE && act->parent == CORE_NONE)
        return lifecycle_check_opening(act->kind, act->topic, ret_error);
    if (act->act == PLAN_ACT_NONE)
        return act->rules > 1
                   ? lifecycle_check_parent(act->kind, act->topic,
                                            kind_of(core, parent_of(core, act)), ret_error)
                   : 0;
    if (act->parent == CORE_NONE) { /* it opens the thread that it is about */
        if (act->act == PLAN_ACT_SUPERVISE) act->effects = LIFECYCLE_EFFECT_LISTS;
        return lifecycle_check_opening(act->kind, act->topic, ret_error);
    }
    const struct core_message *parent = parent_of(core, act);
    bool of_parent = parent->leg != CORE_LEG_NONE && lifecycle_act_of_parent(act->act);
    if (!lifecycle_act_on_thread(act->act) &&
        (of_parent || !leg_find(core, parent, act->from, &act->about, &act->leg)) &&
        parent->leg != CORE_LEG_NONE) {
        act->about = parent->about;
        act->leg = parent->leg;
    }
    if (act->leg == CORE_LEG_NONE) {
        bool whole = lifecycle_act_on_thread(act->act);
        r = act_all(core, change, slot, act, whole ? (uint32_t)CORE_NONE : act->parent, ret_error);
    } else {
        if (act->act == PLAN_ACT_TRANSFER || act->act == PLAN_ACT_ASK_RELEASE)
            r = check_target(core, act, act->about, ret_error);
        if (r == 0) r = leg_act(core, change, slot, act, act->about, act->leg, ret_error);
    }
    if (r == 0 && change) act_thread(change, act);
    return r;
}
