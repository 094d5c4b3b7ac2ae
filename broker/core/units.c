/* Units, kinds and bundles of the core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"
#include "proto/plan/cited.h"

uint16_t core_unit_find(const struct core *core, const char *key)
{
    if (core->now.bundle) {
        uint16_t planned = plan_unit_find(trust_bundle_plan(core->now.bundle), key);
        if (planned != PLAN_UNIT_NONE) return core->now.unit_of_plan[planned];
    }
    /* Units of an older plan that the one in force does not name any more. */
    for (size_t i = 0; i < core->unit_count; i++)
        if (strcmp(core->units[i]->key, key) == 0) return (uint16_t)i;
    return CORE_UNIT_NONE;
}

uint16_t core_unit_put(struct core *core, const char *key)
{
    for (size_t i = 0; i < core->unit_count; i++)
        if (strcmp(core->units[i]->key, key) == 0) return (uint16_t)i;
    CHECK(core->unit_count < LIMIT_UNIT_COUNT_MAX); /* admit has counted them */
    CHECK(strlen(key) <= LIMIT_SLUG_LEN_MAX);
    struct core_unit *unit = calloc(1, sizeof *unit);
    CHECK(unit != NULL);
    memcpy(unit->key, key, strlen(key));
    core->units[core->unit_count] = unit;
    return (uint16_t)core->unit_count++;
}

uint16_t core_unit_office(const struct core *core)
{
    if (!core->now.bundle) return CORE_UNIT_NONE;
    uint16_t office = plan_unit_with_duty(trust_bundle_plan(core->now.bundle), PLAN_DUTY_OFFICE);
    return office == PLAN_UNIT_NONE ? (uint16_t)CORE_UNIT_NONE : core->now.unit_of_plan[office];
}

bool core_unit_same(const struct core *core, uint16_t a, uint16_t b)
{
    if (a == b) return true;
    if (a >= core->unit_count || b >= core->unit_count) return false;
    return core->now.plan_of_unit[a] != PLAN_UNIT_NONE &&
           core->now.plan_of_unit[a] == core->now.plan_of_unit[b];
}

uint16_t core_unit_now(const struct core *core, uint16_t unit)
{
    uint16_t planned =
        unit == CORE_UNIT_NONE ? (uint16_t)PLAN_UNIT_NONE : core->now.plan_of_unit[unit];
    return planned == PLAN_UNIT_NONE ? unit : core->now.unit_of_plan[planned];
}

static bool kind_equal(const struct plan_kind *a, const struct plan_kind *b)
{
    return a->expects == b->expects && a->returnable == b->returnable &&
           a->last_resort == b->last_resort && a->exempt == b->exempt && a->family == b->family &&
           a->act == b->act && a->reported == b->reported && a->erased == b->erased;
}

uint16_t core_kind_topic(const struct core_kind *kind, const char *topic)
{
    size_t i = 0;
    if (!topic[0]) return 0;
    while (i < kind->topic_count && strcmp(kind->topics[i], topic) != 0) i++;
    return i < kind->topic_count ? (uint16_t)(i + 1) : (uint16_t)CORE_TOPIC_NONE;
}

static void kind_put_topics(struct core_kind *row, const struct plan_kind *kind)
{
    for (size_t i = 0; i < kind->topic_count; i++) {
        size_t k = 0;
        while (k < row->topic_count && strcmp(row->topics[k], kind->topics[i].slug) != 0) k++;
        if (k < row->topic_count) continue;
        row->topics =
            core_grow(row->topics, &row->topic_cap, row->topic_count + 1, sizeof *row->topics);
        CHECK(row->topic_count < UINT16_MAX - 1);
        (void)snprintf(row->topics[row->topic_count++], sizeof *row->topics, "%s",
                       kind->topics[i].slug);
    }
}

/* The newest row of that slug; another one when the lifecycle of the kind has changed. */
static uint16_t kind_put(struct core *core, const struct plan_kind *kind)
{
    for (size_t i = core->kind_count; i-- > 0;) {
        if (strcmp(core->kinds[i]->slug, kind->slug) != 0) continue;
        if (kind_equal(&core->kinds[i]->kind, kind)) return (uint16_t)i;
    }
    struct core_kind *row = calloc(1, sizeof *row);
    CHECK(row != NULL);
    CHECK(strlen(kind->slug) <= LIMIT_SLUG_LEN_MAX);
    CHECK(core->kind_count < UINT16_MAX);
    memcpy(row->slug, kind->slug, strlen(kind->slug));
    row->kind.slug = row->slug;
    row->kind.expects = kind->expects;
    row->kind.returnable = kind->returnable;
    row->kind.last_resort = kind->last_resort;
    row->kind.exempt = kind->exempt;
    row->kind.reported = kind->reported;
    row->kind.erased = kind->erased;
    row->kind.family = kind->family;
    row->kind.act = kind->act;
    core->kinds =
        core_grow(core->kinds, &core->kind_cap, core->kind_count + 1, sizeof *core->kinds);
    core->kinds[core->kind_count] = row;
    return (uint16_t)core->kind_count++;
}

static uint16_t clause_put(struct core *core, const char *id)
{
    size_t i = 0;
    while (i < core->clause_count && strcmp(core->clauses[i], id) != 0) i++;
    if (i < core->clause_count) return (uint16_t)(i + 1);
    if (core->clause_count == UINT16_MAX - 1) return 0; /* counted without its clause */
    core->clauses =
        core_grow(core->clauses, &core->clause_cap, core->clause_count + 1, sizeof *core->clauses);
    (void)snprintf(core->clauses[core->clause_count], sizeof *core->clauses, "%s", id);
    return (uint16_t)++core->clause_count;
}

uint16_t core_clause(const struct core_installed *installed, const char *citation)
{
    const struct plan *plan = trust_bundle_plan(installed->bundle);
    const struct plan_task *task;
    const struct plan_duty *duty;
    if (!cited_find(plan, citation, &task, &duty)) return 0;
    return task ? installed->clauses[task - plan_task(plan, 0)]
                : installed->clauses[plan_task_count(plan) + (size_t)(duty - plan_duty(plan, 0))];
}

static void installed_map_units(const struct core *core, struct core_installed *installed)
{
    const struct plan *plan = trust_bundle_plan(installed->bundle);
    for (size_t i = 0; i < core->unit_count; i++)
        installed->plan_of_unit[i] = plan_unit_current(plan, core->units[i]->key);
}

void core_install(struct core *core, struct trust_bundle *take_bundle, uint64_t index,
                  uint64_t time_ms)
{
    const struct plan *plan = trust_bundle_plan(take_bundle);
    trust_bundle_free(core->before.bundle);
    free(core->before.clauses);
    core->before = core->now;
    core->now = (struct core_installed){.bundle = take_bundle, .since_ms = time_ms, .index = index};
    for (size_t i = 0; i < plan_unit_count(plan); i++)
        core->now.unit_of_plan[i] = core_unit_put(core, plan_unit(plan, (uint16_t)i)->key);
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        uint16_t kind = kind_put(core, plan_kind(plan, i));
        core->now.kind_of_plan[i] = kind;
        kind_put_topics(core->kinds[kind], plan_kind(plan, i));
    }
    size_t tasks = plan_task_count(plan), duties = plan_duty_count(plan);
    size_t steps = plan_step_count(plan);
    core->now.clauses = calloc(tasks + duties + steps + 1, sizeof *core->now.clauses);
    CHECK(core->now.clauses != NULL);
    for (size_t i = 0; i < tasks; i++)
        core->now.clauses[i] = clause_put(core, plan_task(plan, i)->id);
    for (size_t i = 0; i < duties; i++)
        core->now.clauses[tasks + i] = clause_put(core, plan_duty(plan, i)->id);
    for (size_t i = 0; i < steps; i++) {
        char name[LIMIT_SLUG_LEN_MAX + 1];
        const struct plan_step *step = plan_step(plan, i);
        (void)snprintf(name, sizeof name, "%s/%s", step->chain, step->step);
        core->now.clauses[tasks + duties + i] = clause_put(core, name);
    }
    installed_map_units(core, &core->now);
    if (core->before.bundle) installed_map_units(core, &core->before);
    const struct trust_root *root = trust_bundle_root(take_bundle);
    memcpy(core->root, root->hash, sizeof core->root);
    core->root_version = root->version;
}
