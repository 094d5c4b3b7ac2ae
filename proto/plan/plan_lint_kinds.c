/* What kinds and topics may have wrong, and names that stand twice. */
#include <stdio.h>
#include <string.h>

#include "proto/plan/plan_lint_inner.h"
#include "proto/plan/route.h"

/* ---- names ------------------------------------------------------------------------------------
 */

static bool plan_lint_same(const char *a, const char *b)
{
    return a[0] && strcmp(a, b) == 0;
}

static bool plan_lint_same_unit(const struct plan_unit *a, const struct plan_unit *b)
{
    return plan_lint_same(a->name_zh, b->name_zh) || plan_lint_same(a->full_zh, b->full_zh) ||
           plan_lint_same(a->name_zh, b->full_zh) || plan_lint_same(a->full_zh, b->name_zh) ||
           plan_lint_same(a->name_en, b->name_en);
}

static void plan_lint_unit_twice(struct plan_lint_work *work, uint16_t index)
{
    const struct plan *plan = work->plan;
    const struct plan_unit *unit = &plan->units[index];

    /* A unit that has a successor often leaves it its name. */
    if (unit->successor != PLAN_UNIT_NONE) return;
    for (uint16_t i = 0; i < plan->unit_count; i++) {
        const struct plan_unit *other = &plan->units[i];
        if (i >= index || other->successor != PLAN_UNIT_NONE) continue;
        if (!plan_lint_same_unit(unit, other)) continue;
        plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_UNITS, unit->line, unit->key,
                       other->key, NULL);
        return;
    }
    for (size_t i = 0; i < plan->group_count; i++) {
        if (!plan_lint_same(unit->name_zh, plan->groups[i].name_zh)) continue;
        plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_UNITS, unit->line, unit->key,
                       plan->groups[i].key, NULL);
        return;
    }
}

void plan_lint_names_twice(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;

    for (uint16_t i = 0; i < plan->unit_count; i++) plan_lint_unit_twice(work, i);
    for (size_t i = 0; i < plan->group_count; i++) {
        size_t j = 0;
        while (j < i && !plan_lint_same(plan->groups[i].name_zh, plan->groups[j].name_zh)) j++;
        if (j < i)
            plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_GROUPS, plan->groups[i].line,
                           plan->groups[i].key, plan->groups[j].key, NULL);
    }
    for (size_t i = 0; i < plan->area_count; i++) {
        size_t j = 0;
        while (j < i && !plan_lint_same(plan->areas[i].name_zh, plan->areas[j].name_zh)) j++;
        if (j < i)
            plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_AREAS, plan->areas[i].line,
                           plan->areas[i].code, plan->areas[j].code, NULL);
    }
    for (size_t i = 0; i < plan->kind_count; i++) {
        const struct plan_kind *kind = &plan->kinds[i];
        size_t j = 0;
        while (j < i && !plan_lint_same(kind->name_zh, plan->kinds[j].name_zh) &&
               !plan_lint_same(kind->name_en, plan->kinds[j].name_en))
            j++;
        if (j < i)
            plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_KINDS, kind->line, kind->slug,
                           plan->kinds[j].slug, NULL);
    }
}

/* ---- who reaches whom -------------------------------------------------------------------------
 */

static const char *plan_lint_topic_subject(const struct plan_kind *kind,
                                           const struct plan_topic *topic,
                                           char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1])
{
    (void)snprintf(subject, PLAN_LINT_SUBJECT_LEN_MAX + 1, "%s%s%s", kind->slug, topic ? "/" : "",
                   topic ? topic->slug : "");
    return subject;
}

static void plan_lint_join(struct plan_unit_set *set, const struct plan_unit_set *other)
{
    for (size_t i = 0; i < PLAN_UNIT_SET_WORDS; i++) set->words[i] |= other->words[i];
}

static size_t plan_lint_size(const struct plan_unit_set *set)
{
    size_t count = 0;
    for (uint16_t i = 0; i < LIMIT_UNIT_COUNT_MAX; i++) count += plan_unit_set_has(set, i);
    return count;
}

static bool plan_lint_has_other(const struct plan_unit_set *set, uint16_t unit)
{
    return plan_lint_size(set) > (plan_unit_set_has(set, unit) ? 1u : 0u);
}

/* Whom the rows of one topic address on the plan's date, in whatever street. */
struct plan_lint_reach {
    struct plan_unit_set signs, copies; /* of rows walked always */
    struct plan_unit_set origin_only;
    struct plan_unit_set fallback;
    bool thread; /* and whoever is on the thread */
};

static void plan_lint_reach(const struct plan_lint_rows *rows, int topic,
                            const struct plan_lint_rows *fallback, struct plan_lint_reach *ret)
{
    const struct plan_kind *kind = rows->kind;
    *ret = (struct plan_lint_reach){.thread = false};
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *row = &rows->rows[i];
        if (!plan_lint_applies(row, topic)) continue;
        ret->thread = ret->thread || row->source >= PLAN_ROW_THREAD;
        struct plan_unit_set *set = row->act == 1 ? &ret->signs : &ret->copies;
        if (row->when == PLAN_ROW_OWN_HOST) continue; /* of the thread, not of the kind */
        plan_lint_join(row->when == PLAN_ROW_ALWAYS ? set : &ret->origin_only, &rows->on_date[i]);
    }
    if (kind->family != PLAN_FAMILY_LEAD && kind->family != PLAN_FAMILY_ANOMALY &&
        kind->family != PLAN_FAMILY_HANDOFF)
        return;
    for (size_t i = 0; i < fallback->count; i++)
        plan_lint_join(&ret->fallback, &fallback->on_date[i]);
}

/* The rules of route.h, over all streets at once. */
static bool plan_lint_reaches(const struct plan_lint_reach *reach, uint16_t from)
{
    if (reach->thread || plan_lint_has_other(&reach->signs, from) ||
        plan_lint_has_other(&reach->copies, from))
        return true;
    if (plan_unit_set_has(&reach->signs, from))
        return plan_lint_has_other(&reach->origin_only, from);
    return plan_lint_has_other(&reach->fallback, from);
}

static void plan_lint_senders(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                              const struct plan_lint_rows *fallback)
{
    const struct plan *plan = work->plan;
    const struct plan_kind *kind = rows->kind;
    bool any = kind->senders.reference; /* it comes with a thread */

    for (int topic = kind->topic_required ? 0 : -1; topic < (int)kind->topic_count; topic++) {
        const struct plan_topic *found = topic < 0 ? NULL : &kind->topics[topic];
        struct plan_lint_names names = {.zh = ""};
        struct plan_lint_reach reach;
        char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1];
        bool lost = false;
        plan_lint_reach(rows, topic, fallback, &reach);
        for (uint16_t i = 0; i < plan->unit_count; i++) {
            if (plan->units[i].successor != PLAN_UNIT_NONE ||
                !route_sender_allowed(plan, kind, found, i, plan->about.date_ms, PLAN_UNIT_NONE))
                continue;
            bool reaches = plan_lint_reaches(&reach, i);
            any = any || reaches;
            lost = lost || !reaches;
            if (!reaches) plan_lint_name(&names, plan->units[i].name_zh, plan->units[i].name_en);
        }
        plan_lint_names_end(&names);
        if (lost)
            plan_lint_tell(work, PLAN_LINT_SENDER_REACHES_NOBODY,
                           found ? PLAN_PART_TOPICS : PLAN_PART_KINDS,
                           found ? found->line : kind->line,
                           plan_lint_topic_subject(kind, found, subject), names.zh, names.en);
    }
    if (!any)
        plan_lint_tell(work, PLAN_LINT_KIND_REACHES_NOBODY, PLAN_PART_KINDS, kind->line, kind->slug,
                       NULL, NULL);
}

/* ---- kinds ------------------------------------------------------------------------------------
 */

static void plan_lint_topic(struct plan_lint_work *work, const struct plan_lint_rows *rows,
                            int topic)
{
    const struct plan_kind *kind = rows->kind;
    struct plan_unit_set units = {{0}};
    size_t count = 0, signs = 0;
    const struct plan_topic *found = topic < 0 ? NULL : &kind->topics[topic];
    size_t line = found ? found->line : kind->line;
    enum plan_part_index part = found ? PLAN_PART_TOPICS : PLAN_PART_KINDS;
    char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1];

    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *row = &rows->rows[i];
        if (!plan_lint_applies(row, topic)) continue;
        count++;
        signs += row->when == PLAN_ROW_ALWAYS && row->act == 1;
        plan_lint_join(&units, &rows->ever[i]);
    }
    (void)plan_lint_topic_subject(kind, found, subject);
    if (count == 0)
        plan_lint_tell(work, PLAN_LINT_TOPIC_UNROUTED, part, line, subject, NULL, NULL);
    else if (signs == 0)
        plan_lint_tell(work, PLAN_LINT_KIND_WITHOUT_SIGN, part, line, subject, NULL, NULL);
    if (plan_lint_size(&units) > LIMIT_RECIPIENT_COUNT_MAX)
        plan_lint_tell(work, PLAN_LINT_ROUTE_TOO_WIDE, part, line, subject, NULL, NULL);
}

static void plan_lint_topics(struct plan_lint_work *work, const struct plan_lint_rows *rows)
{
    const struct plan_kind *kind = rows->kind;
    char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1];

    for (int topic = kind->topic_required ? 0 : -1; topic < (int)kind->topic_count; topic++)
        plan_lint_topic(work, rows, topic);
    for (size_t i = 0; i < kind->topic_count; i++) {
        const struct plan_topic *topic = &kind->topics[i];
        size_t j = 0;
        while (j < i && !plan_lint_same(topic->name_zh, kind->topics[j].name_zh)) j++;
        (void)plan_lint_topic_subject(kind, topic, subject);
        if (j < i)
            plan_lint_tell(work, PLAN_LINT_NAME_DUPLICATED, PLAN_PART_TOPICS, topic->line, subject,
                           kind->topics[j].slug, NULL);
        if (!topic->name_en[0])
            plan_lint_tell(work, PLAN_LINT_ENGLISH_MISSING, PLAN_PART_TOPICS, topic->line, subject,
                           NULL, NULL);
    }
}

static bool plan_lint_is_lead(const struct plan_kind *kind)
{
    return kind->family == PLAN_FAMILY_LEAD || kind->family == PLAN_FAMILY_ANOMALY;
}

static void plan_lint_flags(struct plan_lint_work *work, const struct plan_kind *kind)
{
    char subject[PLAN_LINT_SUBJECT_LEN_MAX + 1];

    if (kind->exempt && kind->may_expire)
        plan_lint_tell(work, PLAN_LINT_EXEMPT_EXPIRES, PLAN_PART_KINDS, kind->line, kind->slug,
                       NULL, NULL);
    if (kind->exempt || !plan_lint_is_lead(kind)) return;
    if (kind->urgency == 1)
        plan_lint_tell(work, PLAN_LINT_IMMEDIATE_NOT_EXEMPT, PLAN_PART_KINDS, kind->line,
                       kind->slug, NULL, NULL);
    for (size_t i = 0; i < kind->topic_count && kind->urgency != 1; i++) {
        if (kind->topics[i].urgency == 1)
            plan_lint_tell(work, PLAN_LINT_IMMEDIATE_NOT_EXEMPT, PLAN_PART_TOPICS,
                           kind->topics[i].line,
                           plan_lint_topic_subject(kind, &kind->topics[i], subject), NULL, NULL);
    }
}

/* Every act that is owed, or allowed, needs a kind of message that does it. */
static void plan_lint_answers(struct plan_lint_work *work, const struct plan_kind *kind)
{
    const struct plan *plan = work->plan;

    for (int act = PLAN_ACT_SIGN; act <= PLAN_ACT_CLOSE; act++) {
        bool wanted = plan_kind_expects(kind, (enum plan_act)act) ||
                      (act == PLAN_ACT_RETURN && kind->returnable);
        for (size_t i = 0; wanted && i < plan->kind_count; i++)
            wanted = plan->kinds[i].act != (enum plan_act)act;
        if (wanted)
            plan_lint_tell(work, PLAN_LINT_KIND_UNANSWERABLE, PLAN_PART_KINDS, kind->line,
                           kind->slug, plan_act_name((enum plan_act)act), NULL);
    }
}

void plan_lint_kinds(struct plan_lint_work *work)
{
    const struct plan *plan = work->plan;
    struct plan_lint_rows fallback;
    bool fallback_signs = false;

    plan_lint_rows_init(plan, NULL, &fallback);
    for (size_t i = 0; i < plan->kind_count; i++) {
        struct plan_lint_rows rows;
        plan_lint_rows_init(plan, &plan->kinds[i], &rows);
        plan_lint_topics(work, &rows);
        plan_lint_flags(work, rows.kind);
        plan_lint_answers(work, rows.kind);
        plan_lint_senders(work, &rows, &fallback);
        plan_lint_rows_check(work, &rows);
        plan_lint_rows_fini(&rows);
    }
    plan_lint_rows_check(work, &fallback);
    for (size_t i = 0; i < fallback.count; i++)
        fallback_signs = fallback_signs ||
                         (fallback.rows[i].act == 1 && plan_lint_size(&fallback.on_date[i]) > 0);
    plan_lint_rows_fini(&fallback);
    if (!fallback_signs)
        plan_lint_tell(work, PLAN_LINT_NO_FALLBACK, PLAN_PART_ROUTES, 0, "*", NULL, NULL);
}
