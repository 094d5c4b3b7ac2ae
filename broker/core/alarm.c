/* What is told because of a thread's chains: a custody with a gap before it, an alert past its end
 * that nobody has stood down, a step that should come once and comes again, a report that was not
 * answered in time, a step before a period that it should have waited for. Each becomes a record
 * of its own, which says whom it is told to. */
#include <string.h>

#include "broker/core/core_inner.h"

struct alarm_key {
    uint8_t bytes[8];
};
static struct alarm_key alarm_key(uint32_t message, uint32_t what)
{
    struct alarm_key key;
    uint64_t both = (uint64_t)message << 32 | what;
    memcpy(key.bytes, &both, sizeof key.bytes);
    return key;
}

static uint32_t alarm_find(const struct core *core, uint32_t message, uint32_t what)
{
    struct alarm_key key = alarm_key(message, what);
    const uint64_t *found = map_find(&core->alarm_of, key.bytes);
    return found ? (uint32_t)*found : (uint32_t)CORE_NONE;
}

static void alarm_add(struct core *core, uint32_t slot, enum core_alarm_what what, uint16_t unit,
                      uint64_t at_ms, uint64_t from_ms, uint64_t until_ms)
{
    core->alarms =
        core_grow(core->alarms, &core->alarm_cap, core->alarm_count + 1, sizeof *core->alarms);
    CHECK(core->alarm_count < CORE_NONE);
    uint32_t alarm = (uint32_t)core->alarm_count++;
    core->alarms[alarm] = (struct core_alarm){.message = slot,
                                              .unit = unit,
                                              .what = (uint8_t)what,
                                              .from_ms = from_ms,
                                              .until_ms = until_ms};
    struct alarm_key key = alarm_key(slot, what);
    *map_put(&core->alarm_of, key.bytes, NULL) = alarm;
    core_heap_push(&core->due,
                   (struct core_due){.at_ms = at_ms,
                                     .index = core->messages[slot].index,
                                     .slot = alarm,
                                     .what = (uint16_t)(CORE_DUE_ALARM + (unsigned)what)});
}

void core_alarms(struct core *core, uint32_t slot, const struct core_act *act, uint64_t expires_ms)
{
    const struct core_message *message = &core->messages[slot];
    uint32_t place = core->threads[message->thread].chain;
    if (place == CORE_NONE) return;
    struct core_chain *chain = &core->chains[place];
    uint64_t now_ms = message->time_ms;
    if (act->gap)
        alarm_add(core, slot, CORE_ALARM_GAP, act->giver, now_ms, chain->custody.gap_from_ms,
                  chain->custody.gap_until_ms);
    if (act->again) alarm_add(core, slot, CORE_ALARM_AGAIN, CORE_UNIT_NONE, now_ms, 0, 0);
    if (act->cut)
        alarm_add(core, slot, CORE_ALARM_CUT, CORE_UNIT_NONE, now_ms, act->cut_ms, now_ms);
    if (!act->ends && !(act->until && expires_ms != 0)) return;
    /* The newest revision's end counts, and none once the chain has come to its own. */
    if (chain->alarm != CORE_NONE) core->alarms[chain->alarm].done = true;
    chain->alarm = CORE_NONE;
    if (act->ends) return;
    chain->alarm = (uint32_t)core->alarm_count;
    alarm_add(core, slot, CORE_ALARM_END, CORE_UNIT_NONE, expires_ms, now_ms, expires_ms);
}

static bool supervises(const struct core *core, uint16_t unit)
{
    uint16_t planned = core->now.plan_of_unit[unit];
    return planned != PLAN_UNIT_NONE &&
           plan_unit(trust_bundle_plan(core->now.bundle), planned)->kind == PLAN_UNIT_PROCURATORATE;
}

void core_alarm_missed(struct core *core, uint32_t slot, enum plan_clock_index clock,
                       uint64_t due_ms, uint64_t now_ms)
{
    const struct core_message *message = &core->messages[slot];
    const struct plan_kind *kind = &core->kinds[core->messages[message->lead].kind]->kind;
    bool answers = clock == PLAN_CLOCK_ACCEPT || clock == PLAN_CLOCK_PROGRESS;
    bool supervised = false;
    if (!answers || kind->family != PLAN_FAMILY_LEAD || !kind->exempt ||
        alarm_find(core, slot, CORE_ALARM_UNANSWERED) != CORE_NONE)
        return;
    for (size_t i = 0; i < message->party_count; i++)
        supervised = supervised || supervises(core, core->parties[message->party + i].unit);
    if (supervised)
        alarm_add(core, slot, CORE_ALARM_UNANSWERED, CORE_UNIT_NONE, now_ms, message->time_ms,
                  due_ms);
}

bool core_alarm_live(const struct core *core, uint32_t alarm)
{
    return !core->alarms[alarm].done;
}

enum { TOLD_SUPERVISING_MAX = LIMIT_RECIPIENT_COUNT_MAX };

static void tell(const struct core *core, struct core_told *told, uint16_t unit)
{
    uint16_t now = core_unit_now(core, unit);
    if (now == CORE_UNIT_NONE) return;
    for (size_t i = 0; i < told->count; i++)
        if (told->units[i] == now) return;
    told->units[told->count++] = now;
}

void core_alarm_told(const struct core *core, uint32_t slot, struct core_told *ret)
{
    const struct core_alarm *alarm = &core->alarms[slot];
    const struct core_message *message = &core->messages[alarm->message];
    const struct plan *plan = trust_bundle_plan(core->now.bundle);
    ret->count = 0;
    switch ((enum core_alarm_what)alarm->what) {
    case CORE_ALARM_GAP:
        tell(core, ret, alarm->unit);
        tell(core, ret, message->from);
        tell(core, ret, core->now.unit_of_plan[plan_unit_with_duty(plan, PLAN_DUTY_POLICE)]);
        break;
    case CORE_ALARM_END: tell(core, ret, message->from); break;
    case CORE_ALARM_UNANSWERED:
        for (size_t i = 0; i < message->party_count; i++)
            if (supervises(core, core->parties[message->party + i].unit))
                tell(core, ret, core->parties[message->party + i].unit);
        break;
    case CORE_ALARM_CUT:
        tell(core, ret, message->from);
        for (uint16_t i = 0; i < plan_unit_count(plan) && ret->count < TOLD_SUPERVISING_MAX; i++)
            if (plan_unit(plan, i)->kind == PLAN_UNIT_PROCURATORATE)
                tell(core, ret, core->now.unit_of_plan[i]);
        break;
    case CORE_ALARM_AGAIN:
        for (size_t i = 0; i < message->party_count; i++)
            tell(core, ret, core->parties[message->party + i].unit);
        break;
    }
    tell(core, ret, core_unit_office(core));
}

int core_apply_alarm(struct core *core, const struct core_folding *folding,
                     const Leadbus__Alarm *said, struct error *ret_error)
{
    const struct core_message *message = core_message_at(core, said->index);
    uint32_t slot = message ? alarm_find(core, (uint32_t)(message - core->messages), said->what)
                            : (uint32_t)CORE_NONE;
    if (slot == CORE_NONE || !core_alarm_live(core, slot))
        return core_corrupt(ret_error, folding->index, "an alarm that nothing raised");
    struct core_alarm *alarm = &core->alarms[slot];
    struct core_told told;
    core_alarm_told(core, slot, &told);
    bool same = said->from_ms == alarm->from_ms && said->until_ms == alarm->until_ms &&
                said->n_told == told.count;
    for (size_t i = 0; same && i < told.count; i++)
        same = strcmp(said->told[i], core->units[told.units[i]]->key) == 0;
    if (!same || (alarm->what == CORE_ALARM_END && alarm->until_ms > folding->time_ms))
        return core_corrupt(ret_error, folding->index, "another alarm than was raised");
    alarm->done = true;
    core_notify(core, told.units, told.count, folding->bytes, folding->index, folding->effects);
    return 0;
}
