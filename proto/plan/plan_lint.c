/* plan_lint: what parses but is not right, or still has to be confirmed. */
#include <stdio.h>
#include <string.h>

#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

enum { PLAN_LINT_TEXT_LEN_MAX = 383 };

struct plan_lint_work {
    const struct plan *plan;
    void (*found)(void *ctx, const struct plan_finding *finding);
    void *ctx;
    size_t grave_count;
};

static void plan_lint_tell(struct plan_lint_work *work, bool grave, const char *code,
                           enum plan_part_index part, size_t line, const char *what, const char *zh,
                           const char *en)
{
    char text_zh[PLAN_LINT_TEXT_LEN_MAX + 1];
    char text_en[PLAN_LINT_TEXT_LEN_MAX + 1];
    struct plan_finding finding = {grave, code, plan_part_names[part], line, text_zh, text_en};

    (void)snprintf(text_zh, sizeof text_zh, "%.100s：%s", what, zh);
    (void)snprintf(text_en, sizeof text_en, "%.100s: %s", what, en);
    if (grave) work->grave_count++;
    if (work->found) work->found(work->ctx, &finding);
}

/* ---- units and areas --------------------------------------------------------------------------
 */

static bool plan_lint_named_in(const struct plan *plan, const struct plan_named *list, size_t count,
                               uint16_t unit)
{
    for (size_t i = 0; i < count; i++) {
        if (!list[i].group && list[i].index == unit) return true;
        if (!list[i].group) continue;
        const struct plan_group *group = &plan->groups[list[i].index];
        for (size_t j = 0; j < group->member_count; j++) {
            if (group->members[j].unit == unit) return true;
        }
    }
    return false;
}

static bool plan_lint_unit_used(const struct plan *plan, uint16_t unit)
{
    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *task = &plan->tasks[i];
        if (plan_lint_named_in(plan, task->lead, task->lead_count, unit)) return true;
        if (plan_lint_named_in(plan, task->coop, task->coop_count, unit)) return true;
    }
    for (size_t i = 0; i < plan->duty_count; i++) {
        if (plan_lint_named_in(plan, plan->duties[i].units, plan->duties[i].unit_count, unit))
            return true;
    }
    return false;
}

static void plan_lint_units(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;

    for (uint16_t i = 0; i < plan->unit_count; i++) {
        const struct plan_unit *unit = &plan->units[i];
        size_t line = plan->unit_lines[i];
        bool own_area = false;
        for (size_t j = 0; j < plan->area_count; j++)
            own_area = own_area || (unit->area && strcmp(plan->areas[j].code, unit->area) == 0 &&
                                    plan->areas[j].street == unit->current);
        if (unit->kind == PLAN_UNIT_STREET && unit->successor == PLAN_UNIT_NONE && !own_area)
            plan_lint_tell(work, true, "street-without-area", PLAN_PART_UNITS, line, unit->key,
                           "街道没有区划代码，按地址无法到达",
                           "a street office without an area is never reached by address");
        if (unit->kind != PLAN_UNIT_STREET && unit->area)
            plan_lint_tell(work, true, "area-without-street", PLAN_PART_UNITS, line, unit->key,
                           "只有街道可有区划代码", "only street offices have an area");
        if (unit->successor == PLAN_UNIT_NONE && !plan_lint_unit_used(plan, i))
            plan_lint_tell(work, false, "unit-unused", PLAN_PART_UNITS, line, unit->key,
                           "没有任何条款或职责提到该单位", "no clause or duty names this unit");
        if (unit->to_confirm[0])
            plan_lint_tell(work, false, "to-confirm", PLAN_PART_UNITS, line, unit->key, "待确认",
                           "to be confirmed");
    }
    for (size_t i = 0; i < plan->area_count; i++) {
        const struct plan_area *area = &plan->areas[i];
        if (strlen(area->code) == 9 && area->street == PLAN_UNIT_NONE)
            plan_lint_tell(work, true, "area-without-street", PLAN_PART_AREAS, 0, area->code,
                           "街道区划没有对应的街道办事处", "a street's code without its office");
        if (strncmp(area->code, plan->about.district, 6) != 0)
            plan_lint_tell(work, true, "area-outside", PLAN_PART_AREAS, 0, area->code, "不在本区",
                           "outside the district");
    }
}

static void plan_lint_groups(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;

    for (size_t i = 0; i < plan->group_count; i++) {
        const struct plan_group *group = &plan->groups[i];
        if (group->member_count == 0)
            plan_lint_tell(work, true, "group-empty", PLAN_PART_GROUPS, 0, group->key, "没有成员",
                           "has no members");
        for (size_t j = 0; j < group->member_count; j++) {
            if (!group->members[j].to_confirm[0]) continue;
            plan_lint_tell(work, false, "to-confirm", PLAN_PART_GROUPS, 0,
                           plan->units[group->members[j].unit].key, "成员身份待确认",
                           "membership to be confirmed");
        }
    }
}

/* ---- tasks and duties -------------------------------------------------------------------------
 */

static bool plan_lint_clause_used(const struct plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->kind_count; i++) {
        const struct plan_kind *kind = &plan->kinds[i];
        for (size_t j = 0; j < kind->clause_count; j++) {
            if (strcmp(kind->clauses[j], id) == 0) return true;
        }
        for (size_t j = 0; j < kind->row_count; j++) {
            if (strcmp(plan_rows(kind)[j].clause, id) == 0) return true;
        }
    }
    return false;
}

static void plan_lint_tasks(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;

    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *task = &plan->tasks[i];
        if (task->lead_count == 0)
            plan_lint_tell(work, true, "task-without-lead", PLAN_PART_TASKS, plan->task_lines[i],
                           task->id, "没有负责单位", "no unit leads");
        if (!plan_lint_clause_used(plan, task->id))
            plan_lint_tell(work, false, "clause-without-kind", PLAN_PART_TASKS, plan->task_lines[i],
                           task->id, "没有消息种类对应该条款", "no kind derives from this clause");
    }
    for (size_t i = 0; i < plan->duty_count; i++) {
        if (plan->duties[i].to_confirm[0])
            plan_lint_tell(work, false, "to-confirm", PLAN_PART_DUTIES, 0, plan->duties[i].id,
                           "待确认", "to be confirmed");
    }
}

/* ---- kinds and rows ---------------------------------------------------------------------------
 */

/* Upper bound of the recipients of the rows for one topic, whatever date and thread. */
static size_t plan_lint_width(const struct plan *plan, const struct plan_kind *kind, int topic)
{
    struct plan_unit_set units = {{0}};
    size_t count = 0;

    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &plan_rows(kind)[i];
        if (row->topic >= 0 && row->topic != topic) continue;
        for (size_t j = 0; j < row->named_count; j++) {
            if (!row->named[j].group) {
                plan_unit_set_add(&units, plan->units[row->named[j].index].current);
                continue;
            }
            const struct plan_group *group = &plan->groups[row->named[j].index];
            for (size_t k = 0; k < group->member_count; k++)
                plan_unit_set_add(&units, plan->units[group->members[k].unit].current);
        }
    }
    for (uint16_t i = 0; i < plan->unit_count; i++) count += plan_unit_set_has(&units, i);
    return count;
}

static bool plan_lint_has_sign(const struct plan_kind *kind, int topic)
{
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &plan_rows(kind)[i];
        if (row->when == PLAN_ROW_ALWAYS && row->act == 1 &&
            (row->topic < 0 || row->topic == topic))
            return true;
    }
    return false;
}

static void plan_lint_row(struct plan_lint_work *work, const struct plan_row *row)
{
    const struct plan *plan = work->plan;

    if (row->source < PLAN_ROW_THREAD && row->named_count == 0)
        plan_lint_tell(work, true, "selector-empty", PLAN_PART_ROUTES, row->line, row->citation,
                       "选择符不匹配任何单位", "the selector matches nobody");
    for (size_t i = 0; i < row->named_count; i++) {
        if (row->named[i].group && !row->all && !plan->groups[row->named[i].index].streets)
            plan_lint_tell(work, true, "group-not-expanded", PLAN_PART_ROUTES, row->line,
                           row->citation, "成员单位组须写明 all，否则不选任何单位",
                           "a group of units selects nobody unless the row says all");
    }
}

static void plan_lint_kind(struct plan_lint_work *work, size_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_kind *kind = &plan->kinds[index];
    size_t line = plan->kind_lines[index];

    for (size_t i = 0; i < kind->row_count; i++) plan_lint_row(work, &plan_rows(kind)[i]);
    for (int topic = kind->topic_required ? 0 : -1; topic < (int)kind->topic_count; topic++) {
        const char *name = topic < 0 ? kind->slug : kind->topics[topic].slug;
        if (!plan_lint_has_sign(kind, topic))
            plan_lint_tell(work, true, "kind-without-sign", PLAN_PART_KINDS, line, name,
                           "没有必须签收的单位", "nobody has to sign for it");
        if (plan_lint_width(plan, kind, topic) > LIMIT_RECIPIENT_COUNT_MAX)
            plan_lint_tell(work, true, "route-too-wide", PLAN_PART_KINDS, line, name,
                           "接收单位可能超过上限", "may have more recipients than the limit");
    }
    for (int act = PLAN_ACT_SIGN; act <= PLAN_ACT_CLOSE; act++) {
        bool wanted = plan_kind_expects(kind, (enum plan_act)act) ||
                      (act == PLAN_ACT_RETURN && kind->returnable);
        for (size_t i = 0; wanted && i < plan->kind_count; i++)
            wanted = plan->kinds[i].act != (enum plan_act)act;
        if (wanted)
            plan_lint_tell(work, true, "kind-unanswerable", PLAN_PART_KINDS, line, kind->slug,
                           "没有可用于应答的回执种类", "no kind exists with which to answer it");
    }
}

size_t plan_lint(const struct plan *plan,
                 void (*found)(void *ctx, const struct plan_finding *finding), void *ctx)
{
    struct plan_lint_work work = {.plan = plan, .found = found, .ctx = ctx};

    plan_lint_units(&work);
    plan_lint_groups(&work);
    plan_lint_tasks(&work);
    for (size_t i = 0; i < plan->kind_count; i++) plan_lint_kind(&work, i);
    for (size_t i = 0; i < plan->fallback_count; i++) plan_lint_row(&work, &plan->fallback[i]);
    if (plan->fallback_count == 0)
        plan_lint_tell(&work, true, "no-fallback", PLAN_PART_ROUTES, 0, "*",
                       "没有无规则可循时的去处", "no rows for what no rule matches");
    return work.grave_count;
}
