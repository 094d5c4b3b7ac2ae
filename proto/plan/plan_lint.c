/* plan_lint: the driver, waivers, and what units, tasks and duties may have wrong. */
#include "proto/plan/plan_lint.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_lint_inner.h"
#include "proto/plan/route.h"

#define CLASS_GRAVE PLAN_FINDING_GRAVE
#define CLASS_NOTE  PLAN_FINDING_NOTE
#define CLASS_OPEN  PLAN_FINDING_OPEN

static const struct {
    const char *code;
    enum plan_finding_class class;
    const char *zh, *en;
} plan_lint_table[PLAN_LINT_CODE_COUNT] = {
#define X(name, code, class, zh, en) {code, CLASS_##class, zh, en},
#include "proto/plan/lint.def"
#undef X
};

const char *plan_lint_code_at(size_t index, enum plan_finding_class *ret_class)
{
    if (index >= PLAN_LINT_CODE_COUNT) return NULL;
    if (ret_class) *ret_class = plan_lint_table[index].class;
    return plan_lint_table[index].code;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static const struct plan_waiver *plan_lint_waiver(struct plan_lint_work *work, const char *code,
                                                  const char *subject)
{
    const struct plan *plan = work->plan;
    for (size_t i = 0; i < plan->waiver_count; i++) {
        const struct plan_waiver *waiver = &plan->waivers[i];
        if (strcmp(waiver->code, code) != 0 || strcmp(waiver->subject, subject) != 0) continue;
        work->waived[i / 64] |= (uint64_t)1 << (i % 64);
        return waiver;
    }
    return NULL;
}

void plan_lint_tell(struct plan_lint_work *work, enum plan_lint_code code,
                    enum plan_part_index part, size_t line, const char *subject,
                    const char *detail_zh, const char *detail_en)
{
    char text_zh[PLAN_FINDING_TEXT_LEN_MAX + 1];
    char text_en[PLAN_FINDING_TEXT_LEN_MAX + 1];
    struct plan_finding finding = {
        .class = plan_lint_table[code].class,
        .code = plan_lint_table[code].code,
        .table = plan_part_names[part],
        .line = line,
        .subject = subject,
        .text_zh = text_zh,
        .text_en = text_en,
    };

    const char *zh = detail_zh ? detail_zh : "";
    const char *en = detail_en ? detail_en : zh;
    (void)snprintf(text_zh, sizeof text_zh, "%s：%s%s%s%s", subject, plan_lint_table[code].zh,
                   zh[0] ? "（" : "", zh, zh[0] ? "）" : "");
    (void)snprintf(text_en, sizeof text_en, "%s: %s%s%s%s", subject, plan_lint_table[code].en,
                   en[0] ? " (" : "", en, en[0] ? ")" : "");
    if (finding.class == PLAN_FINDING_NOTE)
        finding.waiver = plan_lint_waiver(work, finding.code, subject);
    if (finding.waiver) finding.class = PLAN_FINDING_WAIVED;
    work->grave_count += finding.class == PLAN_FINDING_GRAVE;
    if (work->found) work->found(work->ctx, &finding);
}

static void plan_lint_append(char *text, size_t size, size_t *len, const char *separator,
                             const char *more)
{
    int put = snprintf(text + *len, size - *len, "%s%s", *len ? separator : "", more);
    *len += (size_t)put;
}

void plan_lint_name(struct plan_lint_names *names, const char *zh, const char *en)
{
    enum { ROOM_FOR_COUNT = 32 };
    size_t zh_need = names->zh_len + strlen(zh) + ROOM_FOR_COUNT;
    size_t en_need = names->en_len + strlen(en) + ROOM_FOR_COUNT;
    if (names->left_out || zh_need > sizeof names->zh || en_need > sizeof names->en) {
        names->left_out++;
        return;
    }
    plan_lint_append(names->zh, sizeof names->zh, &names->zh_len, "、", zh);
    plan_lint_append(names->en, sizeof names->en, &names->en_len, ", ", en);
}

void plan_lint_names_end(struct plan_lint_names *names)
{
    if (!names->left_out) return;
    (void)snprintf(names->zh + names->zh_len, sizeof names->zh - names->zh_len, " 等另 %zu 个",
                   names->left_out);
    (void)snprintf(names->en + names->en_len, sizeof names->en - names->en_len, " and %zu more",
                   names->left_out);
}

/* ---- units, areas, groups ---------------------------------------------------------------------
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

static bool plan_lint_in_streets(const struct plan *plan, uint16_t unit)
{
    for (size_t i = 0; i < plan->group_count; i++) {
        const struct plan_group *group = &plan->groups[i];
        for (size_t j = 0; j < group->member_count && group->streets; j++)
            if (plan->units[group->members[j].unit].current == unit) return true;
    }
    return false;
}

/* An office that is reached by its street: through its area, and as a member of a group. */
static void plan_lint_street(struct plan_lint_work *work, uint16_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_unit *unit = &plan->units[index];
    struct plan_lint_names groups = {.zh = ""};
    char zh[64] = "", en[64] = "";
    bool own_area = false;

    for (size_t j = 0; j < plan->area_count; j++)
        own_area = own_area || (unit->area && strcmp(plan->areas[j].code, unit->area) == 0 &&
                                plan->areas[j].street == unit->current);
    if (unit->area) {
        (void)snprintf(zh, sizeof zh, "areas.tsv 中没有其区划 %s 的对应行", unit->area);
        (void)snprintf(en, sizeof en, "no row of areas.tsv gives its area %s to it", unit->area);
    }
    if (!own_area)
        plan_lint_tell(work, PLAN_LINT_STREET_WITHOUT_AREA, PLAN_PART_UNITS, unit->line, unit->key,
                       zh, en);
    if (plan_lint_in_streets(plan, index)) return;
    for (size_t i = 0; i < plan->group_count; i++)
        if (plan->groups[i].streets)
            plan_lint_name(&groups, plan->groups[i].key, plan->groups[i].key);
    plan_lint_names_end(&groups);
    plan_lint_tell(work, PLAN_LINT_STREET_WITHOUT_GROUP, PLAN_PART_UNITS, unit->line, unit->key,
                   groups.zh, groups.en);
}

static void plan_lint_unit(struct plan_lint_work *work, uint16_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_unit *unit = &plan->units[index];

    if (unit->kind == PLAN_UNIT_STREET && unit->successor == PLAN_UNIT_NONE)
        plan_lint_street(work, index);
    if (unit->kind != PLAN_UNIT_STREET && unit->area)
        plan_lint_tell(work, PLAN_LINT_AREA_WITHOUT_STREET, PLAN_PART_UNITS, unit->line, unit->key,
                       unit->area, NULL);
    /* A street office that no group has is told so already. */
    bool street = unit->kind == PLAN_UNIT_STREET && !plan_lint_in_streets(plan, index);
    if (unit->successor == PLAN_UNIT_NONE && !street && !plan_lint_unit_used(plan, index))
        plan_lint_tell(work, PLAN_LINT_UNIT_UNUSED, PLAN_PART_UNITS, unit->line, unit->key, NULL,
                       NULL);
}

static void plan_lint_areas(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;
    for (size_t i = 0; i < plan->area_count; i++) {
        const struct plan_area *area = &plan->areas[i];
        if (strlen(area->code) == 9 && area->street == PLAN_UNIT_NONE)
            plan_lint_tell(work, PLAN_LINT_AREA_WITHOUT_STREET, PLAN_PART_AREAS, area->line,
                           area->code, NULL, NULL);
        if (strncmp(area->code, plan->about.district, 6) != 0)
            plan_lint_tell(work, PLAN_LINT_AREA_OUTSIDE, PLAN_PART_AREAS, area->line, area->code,
                           plan->about.district, NULL);
        if (!area->name_en[0])
            plan_lint_tell(work, PLAN_LINT_ENGLISH_MISSING, PLAN_PART_AREAS, area->line, area->code,
                           NULL, NULL);
    }
}

static bool plan_lint_group_on(const struct plan_group *group, uint64_t at_ms)
{
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        if (member->valid_from_ms <= at_ms && at_ms < member->valid_to_ms) return true;
    }
    return false;
}

static void plan_lint_groups(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;
    for (size_t i = 0; i < plan->group_count; i++) {
        const struct plan_group *group = &plan->groups[i];
        if (group->member_count == 0)
            plan_lint_tell(work, PLAN_LINT_GROUP_EMPTY, PLAN_PART_GROUPS, group->line, group->key,
                           NULL, NULL);
        else if (!plan_lint_group_on(group, plan->about.date_ms))
            plan_lint_tell(work, PLAN_LINT_GROUP_EMPTY_ON_DATE, PLAN_PART_GROUPS, group->line,
                           group->key, plan->about.date, NULL);
        if (!group->name_en[0])
            plan_lint_tell(work, PLAN_LINT_ENGLISH_MISSING, PLAN_PART_GROUPS, group->line,
                           group->key, NULL, NULL);
    }
}

void plan_lint_units(struct plan_lint_work *work)
{
    for (uint16_t i = 0; i < work->plan->unit_count; i++) plan_lint_unit(work, i);
    plan_lint_areas(work);
    plan_lint_groups(work);
}

/* ---- tasks and duties -------------------------------------------------------------------------
 */

static bool plan_lint_cited_in(const struct plan_row *rows, size_t count, const char *id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].clause, id) == 0) return true;
    }
    return false;
}

static bool plan_lint_clause_used(const struct plan *plan, const char *id)
{
    for (size_t i = 0; i < plan->kind_count; i++) {
        const struct plan_kind *kind = &plan->kinds[i];
        for (size_t j = 0; j < kind->clause_count; j++) {
            if (strcmp(kind->clauses[j], id) == 0) return true;
        }
        if (plan_lint_cited_in(kind->rows, kind->row_count, id)) return true;
    }
    return plan_lint_cited_in(plan->fallback, plan->fallback_count, id);
}

static void plan_lint_tasks(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;

    for (size_t i = 0; i < plan->task_count; i++) {
        const struct plan_task *task = &plan->tasks[i];
        if (task->lead_count + task->coop_count == 0)
            plan_lint_tell(work, PLAN_LINT_TASK_WITHOUT_UNIT, PLAN_PART_TASKS, task->line, task->id,
                           task->title_zh, task->title_en);
        else if (task->lead_count == 0)
            plan_lint_tell(work, PLAN_LINT_TASK_WITHOUT_LEAD, PLAN_PART_TASKS, task->line, task->id,
                           task->title_zh, task->title_en);
        if (!plan_lint_clause_used(plan, task->id))
            plan_lint_tell(work, PLAN_LINT_CLAUSE_WITHOUT_KIND, PLAN_PART_TASKS, task->line,
                           task->id, task->title_zh, task->title_en);
        if (!task->title_en[0])
            plan_lint_tell(work, PLAN_LINT_ENGLISH_MISSING, PLAN_PART_TASKS, task->line, task->id,
                           NULL, NULL);
    }
    for (size_t i = 0; i < plan->duty_count; i++) {
        const struct plan_duty *duty = &plan->duties[i];
        /* The selectors of the bus itself are there whether a plan uses them or not. */
        bool of_bus = strcmp(duty->source, "bus") == 0;
        if (!of_bus && !plan_lint_clause_used(plan, duty->id))
            plan_lint_tell(work, PLAN_LINT_DUTY_UNUSED, PLAN_PART_DUTIES, duty->line, duty->id,
                           duty->text_zh, duty->text_en);
        if (!duty->text_en[0])
            plan_lint_tell(work, PLAN_LINT_ENGLISH_MISSING, PLAN_PART_DUTIES, duty->line, duty->id,
                           NULL, NULL);
    }
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

/* A plan without clocks is whole; one with some of them is not. */
static void plan_lint_clocks(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;
    bool days = false, hours = false;
    if (plan->clock_count == 0) return;
    for (unsigned urgency = 1; urgency <= 4; urgency++) {
        for (unsigned clock = 0; clock < PLAN_CLOCK_COUNT; clock++) {
            char subject[32];
            if (plan->clock_of_urgency[urgency][clock] != 0) continue;
            (void)snprintf(subject, sizeof subject, "%u/%s", urgency,
                           plan_clock_name((enum plan_clock_index)clock));
            plan_lint_tell(work, PLAN_LINT_CLOCK_MISSING, PLAN_PART_CLOCKS, 0, subject,
                           plan_clock_zh((enum plan_clock_index)clock),
                           plan_clock_name((enum plan_clock_index)clock));
        }
    }
    for (size_t i = 0; i < plan->clock_count; i++) {
        hours = hours || plan->clocks[i].unit == CALENDAR_WORK_HOURS;
        days = days || plan->clocks[i].unit >= CALENDAR_DAYS;
    }
    if (days && plan->calendar.year_count == 0)
        plan_lint_tell(work, PLAN_LINT_CALENDAR_WITHOUT_YEAR, PLAN_PART_CALENDAR, 0, "calendar",
                       NULL, NULL);
    if (hours && plan->calendar.hours_count == 0)
        plan_lint_tell(work, PLAN_LINT_CALENDAR_WITHOUT_HOURS, PLAN_PART_CALENDAR, 0, "calendar",
                       NULL, NULL);
}

/* ---- chains -----------------------------------------------------------------------------------
 */

static bool plan_lint_row_fits(const struct plan *plan, const struct plan_chain_row *row,
                               const struct plan_kind *kind, const struct plan_topic *topic,
                               uint16_t unit)
{
    uint64_t at_ms = plan->about.date_ms;
    if (row->on == PLAN_CHAIN_ACCEPT) return route_signs(plan, kind, topic, unit, at_ms);
    return route_sender_allowed(plan, kind, topic, unit, at_ms, PLAN_UNIT_NONE);
}

static bool plan_lint_named_has(const struct plan *plan, const struct plan_chain_row *row,
                                uint16_t unit)
{
    for (size_t i = 0; i < row->by_count; i++) {
        struct plan_named by = row->by[i];
        if (by.group ? plan_group_has(plan, by.index, unit, plan->about.date_ms)
                     : plan->units[by.index].current == unit)
            return true;
    }
    return row->by_count == 0;
}

/* With one of the row's topics, or of the kind's where the row names none. */
static bool plan_lint_brings(const struct plan *plan, const struct plan_chain_row *row,
                             const struct plan_kind *kind, uint16_t unit)
{
    for (size_t t = 0; t < row->topic_count; t++)
        if (plan_lint_row_fits(plan, row, kind, plan_topic_find(kind, row->topics[t]), unit))
            return true;
    for (size_t t = 0; row->topic_count == 0 && t < kind->topic_count; t++)
        if (plan_lint_row_fits(plan, row, kind, &kind->topics[t], unit)) return true;
    return row->topic_count == 0 && plan_lint_row_fits(plan, row, kind, NULL, unit);
}

/* For each kind of a row somebody among its units who can bring it about. */
static void plan_lint_chain_row(struct plan_lint_work *work, const struct plan_chain_row *row)
{
    const struct plan *plan = work->plan;
    const struct plan_step *step = &plan->steps[row->step];
    for (size_t k = 0; k < row->kind_count; k++) {
        const struct plan_kind *kind = plan_kind_find(plan, row->kinds[k]);
        char subject[3 * LIMIT_SLUG_LEN_MAX];
        bool comes = false;
        for (uint16_t u = 0; !comes && u < plan->unit_count; u++)
            comes = plan_lint_named_has(plan, row, u) && plan_lint_brings(plan, row, kind, u);
        if (comes) continue;
        (void)snprintf(subject, sizeof subject, "%s/%s %s", step->chain, step->step, kind->slug);
        plan_lint_tell(work, PLAN_LINT_STEP_NEVER_COMES, PLAN_PART_CHAINS, row->line, subject,
                       step->name_zh, step->name_en);
    }
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static void plan_lint_open_item(void *ctx, const struct plan_open_item *item)
{
    size_t part = 0;
    while (strcmp(plan_part_names[part], item->table) != 0) part++;
    plan_lint_tell(ctx, PLAN_LINT_TO_CONFIRM, (enum plan_part_index)part, item->line, item->subject,
                   item->what_zh, item->what_en);
}

static void plan_lint_waivers(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;
    /* A waiver of this finding itself would be used by it. */
    for (size_t i = 0; i < plan->waiver_count; i++) {
        const struct plan_waiver *waiver = &plan->waivers[i];
        if ((work->waived[i / 64] >> (i % 64) & 1) != 0) continue;
        plan_lint_tell(work, PLAN_LINT_WAIVER_UNUSED, PLAN_PART_WAIVERS, waiver->line,
                       waiver->subject, waiver->code, NULL);
    }
}

size_t plan_lint(const struct plan *plan,
                 void (*found)(void *ctx, const struct plan_finding *finding), void *ctx)
{
    struct plan_lint_work work = {.plan = plan, .found = found, .ctx = ctx};

    plan_lint_units(&work);
    plan_lint_names_twice(&work);
    plan_lint_tasks(&work);
    plan_lint_kinds(&work);
    plan_lint_clocks(&work);
    for (size_t i = 0; i < plan->chain_row_count; i++)
        plan_lint_chain_row(&work, &plan->chain_rows[i]);
    (void)plan_open(plan, plan_lint_open_item, &work);
    plan_lint_waivers(&work);
    return work.grave_count;
}

size_t plan_lint_keys(const struct plan *plan, const struct plan_key_holders *holders,
                      void (*found)(void *ctx, const struct plan_finding *finding), void *ctx)
{
    struct plan_lint_work work = {.plan = plan, .found = found, .ctx = ctx};

    for (uint16_t i = 0; i < plan->unit_count; i++) {
        const struct plan_unit *unit = &plan->units[i];
        if (unit->successor != PLAN_UNIT_NONE) continue;
        if (!plan_unit_set_has(&holders->certified, i))
            plan_lint_tell(&work, PLAN_LINT_UNIT_WITHOUT_CERTIFICATE, PLAN_PART_UNITS, unit->line,
                           unit->key, unit->name_zh, unit->name_en);
        else if (!plan_unit_set_has(&holders->keyed, i))
            plan_lint_tell(&work, PLAN_LINT_UNIT_WITHOUT_KEY, PLAN_PART_UNITS, unit->line,
                           unit->key, unit->name_zh, unit->name_en);
    }
    return work.grave_count;
}
