/* What the office must still settle: the words of the to_confirm columns, and configured values. */
#include <stdio.h>
#include <string.h>

#include "proto/plan/day.h"
#include "proto/plan/plan_lint_inner.h"

enum { PLAN_OPEN_VALUE_LEN_MAX = PLAN_FIELD_LEN_MAX + 64 };

struct plan_open_work {
    void (*item)(void *ctx, const struct plan_open_item *item);
    void *ctx;
    size_t count;
};

static const struct {
    const char *word, *what_zh, *what_en, *why_zh, *why_en;
} plan_open_words[] = {
#define X(word, what_zh, what_en, why_zh, why_en) {word, what_zh, what_en, why_zh, why_en},
#include "proto/plan/confirm.def"
#undef X
};

static void plan_open_tell(struct plan_open_work *work, enum plan_part_index part,
                           struct plan_open_item *item, const char *word)
{
    item->table = plan_part_names[part];
    item->word = word;
    item->what_zh = word;
    item->what_en = word;
    item->why_zh = "";
    item->why_en = "";
    for (size_t i = 0; i < sizeof plan_open_words / sizeof plan_open_words[0]; i++) {
        if (strcmp(plan_open_words[i].word, word) != 0) continue;
        item->what_zh = plan_open_words[i].what_zh;
        item->what_en = plan_open_words[i].what_en;
        item->why_zh = plan_open_words[i].why_zh;
        item->why_en = plan_open_words[i].why_en;
    }
    work->count++;
    if (work->item) work->item(work->ctx, item);
}

/* Each word of a to_confirm field. */
static void plan_open_field(struct plan_open_work *work, enum plan_part_index part,
                            struct plan_open_item item, const char *field)
{
    while (field[0]) {
        char word[PLAN_FIELD_LEN_MAX + 1];
        size_t len = strcspn(field, ",");
        (void)snprintf(word, sizeof word, "%.*s", (int)len, field);
        plan_open_tell(work, part, &item, word);
        field += len + (field[len] == ',');
    }
}

static void plan_open_units(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->unit_count; i++) {
        const struct plan_unit *unit = &plan->units[i];
        const char *field = unit->to_confirm;
        while (field[0]) { /* the value depends on the word */
            char word[PLAN_FIELD_LEN_MAX + 1];
            size_t len = strcspn(field, ",");
            bool area = len == 4 && strncmp(field, "area", 4) == 0;
            (void)snprintf(word, sizeof word, "%.*s", (int)len, field);
            const char *value = area ? unit->area ? unit->area : "" : unit->full_zh;
            struct plan_open_item item = {.line = unit->line,
                                          .subject = unit->key,
                                          .name_zh = unit->name_zh,
                                          .name_en = unit->name_en,
                                          .value_zh = value,
                                          .value_en = value};
            plan_open_tell(work, PLAN_PART_UNITS, &item, word);
            field += len + (field[len] == ',');
        }
    }
}

static void plan_open_group(struct plan_open_work *work, const struct plan *plan,
                            const struct plan_group *group)
{
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        const struct plan_unit *unit = &plan->units[member->unit];
        char subject[2 * LIMIT_SLUG_LEN_MAX + 2];
        char from[DAY_TEXT_LEN], to[DAY_TEXT_LEN] = "";
        char value_zh[PLAN_OPEN_VALUE_LEN_MAX + 1], value_en[PLAN_OPEN_VALUE_LEN_MAX + 1];
        if (!member->to_confirm[0]) continue;
        (void)snprintf(subject, sizeof subject, "%s/%s", group->key, unit->key);
        day_text(member->valid_from_ms, from);
        if (member->valid_to_ms != UINT64_MAX) day_text(member->valid_to_ms, to);
        (void)snprintf(value_zh, sizeof value_zh, "%s，%s 起%s%s", group->name_zh, from,
                       to[0] ? "，至 " : "", to);
        (void)snprintf(value_en, sizeof value_en, "%s, from %s%s%s", group->name_en, from,
                       to[0] ? " to " : "", to);
        struct plan_open_item item = {.line = member->line,
                                      .subject = subject,
                                      .name_zh = unit->name_zh,
                                      .name_en = unit->name_en,
                                      .value_zh = value_zh,
                                      .value_en = value_en};
        plan_open_field(work, PLAN_PART_GROUPS, item, member->to_confirm);
    }
}

static void plan_open_duties(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->duty_count; i++) {
        const struct plan_duty *duty = &plan->duties[i];
        struct plan_lint_names names = {.zh = ""};
        for (size_t j = 0; j < duty->unit_count; j++) {
            struct plan_named named = duty->units[j];
            plan_lint_name(&names, plan_named_zh(plan, named), plan_named_en(plan, named));
        }
        plan_lint_names_end(&names);
        struct plan_open_item item = {.line = duty->line,
                                      .subject = duty->id,
                                      .name_zh = duty->text_zh,
                                      .name_en = duty->text_en,
                                      .value_zh = names.zh,
                                      .value_en = names.en};
        plan_open_field(work, PLAN_PART_DUTIES, item, duty->to_confirm);
    }
}

static void plan_open_kinds(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->kind_count; i++) {
        const struct plan_kind *kind = &plan->kinds[i];
        char value_zh[64] = "同案卷", value_en[64] = "as the case file";
        if (kind->retention_days != PLAN_RETENTION_CASE) {
            (void)snprintf(value_zh, sizeof value_zh, "办结后 %u 天", kind->retention_days);
            (void)snprintf(value_en, sizeof value_en, "%u days after closing",
                           kind->retention_days);
        }
        struct plan_open_item item = {.line = kind->line,
                                      .subject = kind->slug,
                                      .name_zh = kind->name_zh,
                                      .name_en = kind->name_en,
                                      .value_zh = value_zh,
                                      .value_en = value_en};
        plan_open_tell(work, PLAN_PART_KINDS, &item, "retention");
    }
}

static void plan_open_clocks(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->clock_count; i++) {
        const struct plan_clock *clock = &plan->clocks[i];
        char subject[LIMIT_SLUG_LEN_MAX + 16], value_zh[PLAN_OPEN_VALUE_LEN_MAX + 1],
            value_en[PLAN_OPEN_VALUE_LEN_MAX + 1];
        const char *unit = calendar_unit_name(clock->unit);
        if (clock->urgency)
            (void)snprintf(subject, sizeof subject, "%u/%s", clock->urgency,
                           plan_clock_name(clock->clock));
        else
            (void)snprintf(subject, sizeof subject, "%s/%s", clock->kind,
                           plan_clock_name(clock->clock));
        (void)snprintf(value_zh, sizeof value_zh, "%u %s（%s）", clock->limit,
                       calendar_unit_zh(clock->unit), clock->source_zh);
        (void)snprintf(value_en, sizeof value_en, "%u %s (%s)", clock->limit, unit,
                       clock->source_en);
        struct plan_open_item item = {.line = clock->line,
                                      .subject = subject,
                                      .name_zh = plan_clock_zh(clock->clock),
                                      .name_en = plan_clock_name(clock->clock),
                                      .value_zh = value_zh,
                                      .value_en = value_en};
        plan_open_field(work, PLAN_PART_CLOCKS, item, clock->to_confirm);
    }
}

static void plan_open_calendar(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->calendar_row_count; i++) {
        const struct plan_calendar_row *row = &plan->calendar_rows[i];
        char subject[2 * PLAN_FIELD_LEN_MAX + 2];
        (void)snprintf(subject, sizeof subject, "%s/%s", row->from, row->to);
        struct plan_open_item item = {.line = row->line,
                                      .subject = subject,
                                      .name_zh = row->name_zh,
                                      .name_en = row->name_en,
                                      .value_zh = row->source,
                                      .value_en = row->source};
        plan_open_field(work, PLAN_PART_CALENDAR, item, row->to_confirm);
    }
}

static void plan_open_chains(struct plan_open_work *work, const struct plan *plan)
{
    for (size_t i = 0; i < plan->chain_row_count; i++) {
        const struct plan_chain_row *row = &plan->chain_rows[i];
        const struct plan_step *step = &plan->steps[row->step];
        char subject[LIMIT_SLUG_LEN_MAX + 1], value_zh[PLAN_OPEN_VALUE_LEN_MAX + 1],
            value_en[PLAN_OPEN_VALUE_LEN_MAX + 1];
        (void)snprintf(subject, sizeof subject, "%s/%s", step->chain, step->step);
        (void)snprintf(value_zh, sizeof value_zh, "%s", row->reason_zh);
        (void)snprintf(value_en, sizeof value_en, "%s", row->reason_en);
        if (step->period_days) {
            (void)snprintf(value_zh, sizeof value_zh, "%u 天（%s）", step->period_days,
                           row->reason_zh);
            (void)snprintf(value_en, sizeof value_en, "%u days (%s)", step->period_days,
                           row->reason_en);
        } else if (row->gap_minutes) {
            (void)snprintf(value_zh, sizeof value_zh, "间隔不超过 %u 分钟（%s）", row->gap_minutes,
                           row->reason_zh);
            (void)snprintf(value_en, sizeof value_en, "a gap of %u minutes at most (%s)",
                           row->gap_minutes, row->reason_en);
        }
        struct plan_open_item item = {.line = row->line,
                                      .subject = subject,
                                      .name_zh = step->name_zh,
                                      .name_en = step->name_en,
                                      .value_zh = value_zh,
                                      .value_en = value_en};
        plan_open_field(work, PLAN_PART_CHAINS, item, row->to_confirm);
    }
}

size_t plan_open(const struct plan *plan,
                 void (*item)(void *ctx, const struct plan_open_item *item), void *ctx)
{
    struct plan_open_work work = {.item = item, .ctx = ctx};

    plan_open_units(&work, plan);
    for (size_t i = 0; i < plan->group_count; i++) plan_open_group(&work, plan, &plan->groups[i]);
    plan_open_duties(&work, plan);
    plan_open_kinds(&work, plan);
    plan_open_clocks(&work, plan);
    plan_open_calendar(&work, plan);
    plan_open_chains(&work, plan);
    return work.count;
}
