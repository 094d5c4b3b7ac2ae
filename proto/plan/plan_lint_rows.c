/* What recipient rows may have wrong: selectors that take nobody, rows that do nothing, signers
 * that cannot act. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_lint_inner.h"

/* Whom a row may select: with a date, then; without, ever. */
static void plan_lint_select(const struct plan *plan, const struct plan_row *row,
                             const uint64_t *at_ms, struct plan_unit_set *set)
{
    for (size_t i = 0; i < row->named_count; i++) {
        uint16_t index = row->named[i].index;
        if (!row->named[i].group) {
            if (row->via < 0 || !at_ms || plan_group_has(plan, (size_t)row->via, index, *at_ms))
                plan_unit_set_add(set, plan->units[index].current);
            continue;
        }
        const struct plan_group *group = &plan->groups[index];
        if (!row->all && !group->streets) continue;
        for (size_t j = 0; j < group->member_count; j++) {
            const struct plan_member *member = &group->members[j];
            if (!at_ms || (member->valid_from_ms <= *at_ms && *at_ms < member->valid_to_ms))
                plan_unit_set_add(set, plan->units[member->unit].current);
        }
    }
}

void plan_lint_rows_init(const struct plan *plan, const struct plan_kind *kind,
                         struct plan_lint_rows *rows)
{
    size_t count = kind ? kind->row_count : plan->fallback_count;
    *rows = (struct plan_lint_rows){
        .kind = kind, .rows = kind ? kind->rows : plan->fallback, .count = count};
    rows->ever = calloc(count + 1, sizeof *rows->ever);
    rows->on_date = calloc(count + 1, sizeof *rows->on_date);
    CHECK(rows->ever && rows->on_date);
    for (size_t i = 0; i < count; i++) {
        plan_lint_select(plan, &rows->rows[i], NULL, &rows->ever[i]);
        plan_lint_select(plan, &rows->rows[i], &plan->about.date_ms, &rows->on_date[i]);
    }
}

void plan_lint_rows_fini(struct plan_lint_rows *rows)
{
    free(rows->ever);
    free(rows->on_date);
}

void plan_lint_tell_row(struct plan_lint_work *work, enum plan_lint_code code,
                        const struct plan_kind *kind, const struct plan_row *row,
                        const char *detail_zh, const char *detail_en)
{
    char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1];
    bool topic = kind && row->topic >= 0;
    (void)snprintf(subject, sizeof subject, "%s%s%s %s", kind ? kind->slug : "*", topic ? "/" : "",
                   topic ? kind->topics[row->topic].slug : "", row->citation);
    plan_lint_tell(work, code, PLAN_PART_ROUTES, row->line, subject, detail_zh, detail_en);
}

/* ---- who is selected, and when ----------------------------------------------------------------
 */

/* One way in which a row selects a unit. */
struct plan_lint_way {
    uint64_t from_ms, to_ms;
    bool street; /* only where the area is the unit's own */
};

/* The ways in which the row selects the unit, one a call from *cursor = 0 on. */
static bool plan_lint_next_way(const struct plan *plan, const struct plan_row *row, uint16_t unit,
                               size_t *cursor, struct plan_lint_way *ret_way)
{
    size_t at = 0;
    for (size_t i = 0; i < row->named_count; i++) {
        struct plan_named named = row->named[i];
        bool direct = !named.group;
        const struct plan_group *group = NULL;
        if (!direct) group = &plan->groups[named.index];
        if (direct && row->via >= 0) group = &plan->groups[row->via];
        if (direct && plan->units[named.index].current != unit) continue;
        if (!direct && !row->all && !group->streets) continue;
        for (size_t j = 0; j < (group ? group->member_count : 1); j++) {
            const struct plan_member *member = group ? &group->members[j] : NULL;
            if (member && plan->units[member->unit].current != unit) continue;
            if (at++ < *cursor) continue;
            *cursor = at;
            *ret_way = (struct plan_lint_way){member ? member->valid_from_ms : 0,
                                              member ? member->valid_to_ms : UINT64_MAX,
                                              !direct && !row->all};
            return true;
        }
    }
    return false;
}

static bool plan_lint_way_covered(const struct plan *plan, const struct plan_row *row,
                                  uint16_t unit, const struct plan_lint_way *way)
{
    struct plan_lint_way other;
    for (size_t cursor = 0; plan_lint_next_way(plan, row, unit, &cursor, &other);) {
        if (other.from_ms <= way->from_ms && other.to_ms >= way->to_ms &&
            (!other.street || way->street))
            return true;
    }
    return false;
}

/* ---- rows that do nothing ---------------------------------------------------------------------
 */

/* The order in which route_compute walks; rows of equal phase in table order. */
static int plan_lint_phase(const struct plan_row *row)
{
    return (row->act == 2) * 2 + (row->when == PLAN_ROW_ORIGIN_ONLY);
}

/* May row `a`, where it selects a unit, leave nothing for row `b` to do for that unit? */
static bool plan_lint_may_cover(const struct plan_row *a, const struct plan_row *b)
{
    int phase_a = plan_lint_phase(a);
    int phase_b = plan_lint_phase(b);
    if (phase_a > phase_b || (phase_a == phase_b && a->line >= b->line)) return false;
    if (a->topic >= 0 && a->topic != b->topic) return false;
    /* An origin-only row counts where those who always sign are the sender alone; so rows that
     * always sign take nobody there. */
    if (a->when != b->when && !(a->when == PLAN_ROW_ALWAYS && a->act == 2)) return false;
    return a->act != b->act || (a->sections & b->sections) == b->sections;
}

static bool plan_lint_unit_covered(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                                   size_t index, uint16_t unit)
{
    const struct plan *plan = work->plan;
    const struct plan_row *row = &rows->rows[index];
    struct plan_lint_way way;

    for (size_t cursor = 0; plan_lint_next_way(plan, row, unit, &cursor, &way);) {
        bool covered = false;
        for (size_t i = 0; i < rows->count && !covered; i++)
            covered = plan_unit_set_has(&rows->ever[i], unit) &&
                      plan_lint_may_cover(&rows->rows[i], row) &&
                      plan_lint_way_covered(plan, &rows->rows[i], unit, &way);
        if (!covered) return false;
    }
    return true;
}

/* Does row `a` have a part in covering row `b`? */
static bool plan_lint_shades(const struct plan_lint_rows *rows, size_t a, size_t b)
{
    bool shares =
        rows->rows[b].source >= PLAN_ROW_THREAD && rows->rows[a].source == rows->rows[b].source;
    for (size_t i = 0; i < PLAN_UNIT_SET_WORDS; i++)
        shares = shares || (rows->ever[a].words[i] & rows->ever[b].words[i]) != 0;
    return shares && plan_lint_may_cover(&rows->rows[a], &rows->rows[b]);
}

static void plan_lint_shadowed(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                               size_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_row *row = &rows->rows[index];
    bool any = false;
    char lines[64];

    if (row->source >= PLAN_ROW_THREAD) {
        for (size_t i = 0; i < rows->count; i++) any = any || plan_lint_shades(rows, i, index);
    }
    for (uint16_t unit = 0; unit < plan->unit_count; unit++) {
        if (!plan_unit_set_has(&rows->ever[index], unit)) continue;
        if (!plan_lint_unit_covered(work, rows, index, unit)) return;
        any = true;
    }
    if (!any) return; /* it selects nobody, which is told elsewhere */
    size_t first = 0;
    while (first < rows->count && !plan_lint_shades(rows, first, index)) first++;
    CHECK(first < rows->count);
    (void)snprintf(lines, sizeof lines, "routes.tsv:%zu", rows->rows[first].line);
    plan_lint_tell_row(work, PLAN_LINT_ROW_SHADOWED, rows->kind, row, lines, NULL);
}

/* ---- signers that cannot act ------------------------------------------------------------------
 */

/* Sections that say more than copies get, and that not only the police may open. */
static uint32_t plan_lint_full_sections(const struct plan_kind *kind)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < kind->section_count; i++) {
        if (!kind->sections[i].copy && !kind->sections[i].police) mask |= 1u << i;
    }
    return mask;
}

static bool plan_lint_opens_elsewhere(const struct plan_lint_rows *rows, size_t index,
                                      uint16_t unit, uint32_t full)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *other = &rows->rows[i];
        if (other->act == 1 && (other->sections & full) != 0 &&
            other->when == rows->rows[index].when &&
            (other->topic < 0 || other->topic == rows->rows[index].topic) &&
            plan_unit_set_has(&rows->ever[i], unit))
            return true;
    }
    return false;
}

static void plan_lint_signer(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                             size_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_row *row = &rows->rows[index];
    uint32_t full = rows->kind ? plan_lint_full_sections(rows->kind) : 0;
    struct plan_lint_names names = {.zh = ""};
    bool told = row->source >= PLAN_ROW_THREAD;

    if (row->act != 1 || full == 0 || (row->sections & full) != 0) return;
    for (uint16_t unit = 0; unit < plan->unit_count; unit++) {
        if (!plan_unit_set_has(&rows->ever[index], unit)) continue;
        if (plan_lint_opens_elsewhere(rows, index, unit, full)) continue;
        plan_lint_name(&names, plan->units[unit].name_zh, plan->units[unit].name_en);
        told = true;
    }
    plan_lint_names_end(&names);
    if (told)
        plan_lint_tell_row(work, PLAN_LINT_SIGNER_CANNOT_ACT, rows->kind, row, names.zh, names.en);
}

/* ---- selectors --------------------------------------------------------------------------------
 */

/* The unit or group of a selector that takes nobody may stand in the other half of the bracket. */
static void plan_lint_empty(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                            const struct plan_row *row)
{
    const struct plan *plan = work->plan;
    const struct plan_task *task = plan_task_find(plan, row->clause);
    const char *key = strchr(row->citation, '=');
    bool lead = row->source == PLAN_ROW_LEAD;
    char zh[160] = "", en[160] = "";

    for (size_t i = 0; task && key && i < (lead ? task->coop_count : task->lead_count); i++) {
        struct plan_named named = lead ? task->coop[i] : task->lead[i];
        if (strcmp(plan_named_key(plan, named), key + 1) != 0) continue;
        (void)snprintf(zh, sizeof zh, "%s 在 %s 中是%s单位，请写 %s:", key + 1, row->clause,
                       lead ? "配合" : "负责", lead ? "coop" : "lead");
        (void)snprintf(en, sizeof en, "%s %s in %s: write %s:", key + 1,
                       lead ? "cooperates" : "leads", row->clause, lead ? "coop" : "lead");
    }
    plan_lint_tell_row(work, PLAN_LINT_SELECTOR_EMPTY, rows->kind, row, zh, en);
}

static void plan_lint_selector(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                               size_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_row *row = &rows->rows[index];

    if (row->source < PLAN_ROW_THREAD && row->named_count == 0) plan_lint_empty(work, rows, row);
    for (size_t i = 0; i < row->named_count; i++) {
        if (!row->named[i].group || row->all || plan->groups[row->named[i].index].streets) continue;
        plan_lint_tell_row(work, PLAN_LINT_GROUP_NOT_EXPANDED, rows->kind, row,
                           plan_named_zh(plan, row->named[i]), plan_named_en(plan, row->named[i]));
    }
    if (row->via >= 0 &&
        !plan_group_has(plan, (size_t)row->via, row->named[0].index, plan->about.date_ms))
        plan_lint_tell_row(work, PLAN_LINT_SELECTOR_NOT_MEMBER, rows->kind, row,
                           plan->groups[row->via].name_zh, plan->groups[row->via].name_en);
    if (!row->reason_en[0])
        plan_lint_tell_row(work, PLAN_LINT_ENGLISH_MISSING, rows->kind, row, NULL, NULL);
}

void plan_lint_rows_check(struct plan_lint_work *work, const struct plan_lint_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        plan_lint_selector(work, rows, i);
        plan_lint_signer(work, rows, i);
        plan_lint_shadowed(work, rows, i);
    }
}
