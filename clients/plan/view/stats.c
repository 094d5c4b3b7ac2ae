#include "clients/plan/view/stats.h"

#include <string.h>

#include "proto/plan/route.h"

/* ---- clauses ----------------------------------------------------------------------------------
 */

static bool stats_names(const struct plan *plan, const struct plan_named *list, size_t count,
                        struct plan_named named)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].group != named.group) continue;
        if (named.group && list[i].index == named.index) return true;
        if (!named.group && plan_unit(plan, list[i].index)->current == named.index) return true;
    }
    return false;
}

static bool stats_task_used(const struct plan *plan, const char *id)
{
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        for (size_t j = 0; j < kind->clause_count; j++) {
            if (strcmp(kind->clauses[j], id) == 0) return true;
        }
        for (size_t j = 0; j < kind->row_count; j++) {
            if (strcmp(kind->rows[j].clause, id) == 0) return true;
        }
    }
    return false;
}

static void stats_tasks(const struct plan *plan, struct stats *stats)
{
    stats->tasks = plan_task_count(plan);
    for (size_t i = 0; i < stats->tasks; i++) {
        const struct plan_task *task = plan_task(plan, i);
        stats->tasks_with_coop += task->coop_count > 0;
        stats->lead_mentions += task->lead_count;
        stats->coop_mentions += task->coop_count;
        if (!stats_task_used(plan, task->id)) stats->unrouted[stats->unrouted_count++] = task;
    }
}

static void stats_add_named(const struct plan *plan, struct plan_named named, struct stats *stats)
{
    struct stats_named *row = &stats->named[stats->named_count++];
    *row = (struct stats_named){.named = named};
    for (size_t i = 0; i < plan_task_count(plan); i++) {
        const struct plan_task *task = plan_task(plan, i);
        row->lead += stats_names(plan, task->lead, task->lead_count, named);
        row->coop += stats_names(plan, task->coop, task->coop_count, named);
    }
    for (size_t i = 0; i < plan_duty_count(plan); i++) {
        const struct plan_duty *duty = plan_duty(plan, i);
        row->duties += stats_names(plan, duty->units, duty->unit_count, named);
    }
    if (!named.group && row->lead == 0 && row->coop > 0) stats->never_lead++;
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

/* Adds whom a row takes; true where it takes the street of the area. */
static bool stats_row_units(const struct plan *plan, const struct plan_row *row,
                            struct plan_unit_set *set)
{
    uint64_t at_ms = plan_about(plan)->date_ms;
    bool street = false;
    for (size_t i = 0; i < row->named_count; i++) {
        struct plan_named named = row->named[i];
        if (!named.group) {
            if (row->via < 0 || plan_group_has(plan, (size_t)row->via, named.index, at_ms))
                plan_unit_set_add(set, plan_unit(plan, named.index)->current);
            continue;
        }
        const struct plan_group *group = plan_group(plan, named.index);
        street = street || (!row->all && group->streets);
        for (size_t j = 0; j < group->member_count && row->all; j++) {
            const struct plan_member *member = &group->members[j];
            if (member->valid_from_ms <= at_ms && at_ms < member->valid_to_ms)
                plan_unit_set_add(set, plan_unit(plan, member->unit)->current);
        }
    }
    return street;
}

static void stats_one_kind(const struct plan *plan, const struct plan_kind *kind,
                           struct stats *stats)
{
    struct stats_kind *row = &stats->kinds[stats->kind_count++];
    struct plan_unit_set sets[2] = {{{0}}, {{0}}};

    *row = (struct stats_kind){.kind = kind};
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *of = &kind->rows[i];
        bool sign = of->act == ROUTE_SIGN;
        if (of->when != PLAN_ROW_ALWAYS) continue;
        if (of->source == PLAN_ROW_THREAD || of->source == PLAN_ROW_ALERTED)
            *(sign ? &row->sign_thread : &row->copy_thread) = true;
        if (of->source == PLAN_ROW_SENDER)
            *(sign ? &row->sign_reference : &row->copy_reference) = true;
        if (stats_row_units(plan, of, &sets[sign ? 0 : 1]))
            *(sign ? &row->sign_street : &row->copy_street) = true;
    }
    for (size_t i = 0; i < stats->named_count; i++) {
        struct stats_named *named = &stats->named[i];
        uint16_t unit = named->named.index;
        if (named->named.group) continue;
        bool signs = plan_unit_set_has(&sets[0], unit);
        bool copies = !signs && plan_unit_set_has(&sets[1], unit);
        bool sends =
            route_sender_allowed(plan, kind, NULL, unit, plan_about(plan)->date_ms, PLAN_UNIT_NONE);
        row->signs += signs;
        row->copies += copies;
        row->senders += sends;
        named->signs += signs;
        named->copies += copies;
        named->sends += sends;
    }
    stats->families[kind->family]++;
    stats->topics += kind->topic_count;
    stats->rows += kind->row_count;
}

void stats_compute(const struct plan *plan, struct stats *ret)
{
    size_t fallback_count = 0;

    memset(ret, 0, sizeof *ret);
    (void)plan_fallback(plan, &fallback_count);
    ret->rows = fallback_count;
    ret->areas = plan_area_count(plan);
    ret->groups = plan_group_count(plan);
    ret->duties = plan_duty_count(plan);
    stats_tasks(plan, ret);
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        const struct plan_unit *unit = plan_unit(plan, i);
        if (unit->successor != PLAN_UNIT_NONE) continue;
        ret->units++;
        ret->streets += unit->kind == PLAN_UNIT_STREET;
        stats_add_named(plan, (struct plan_named){false, i}, ret);
    }
    for (size_t i = 0; i < ret->groups; i++)
        stats_add_named(plan, (struct plan_named){true, (uint16_t)i}, ret);
    for (size_t i = 0; i < plan_kind_count(plan); i++)
        stats_one_kind(plan, plan_kind(plan, i), ret);
}
