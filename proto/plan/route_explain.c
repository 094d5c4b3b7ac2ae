/* Why: the part of route.h that people read. Not for the hot path. */
#include <string.h>

#include "proto/plan/plan_inner.h"
#include "proto/plan/route.h"

struct route_explain_work {
    const struct route_query *query;
    const struct plan *plan;
    const struct route *route;
    const struct plan_topic *topic;
    bool street_known;
    struct plan_unit_set seen;
    struct route_skip *skips;
    size_t cap;
    size_t count;
};

static bool route_explain_has_recipient(const struct route *route, uint16_t unit)
{
    for (size_t i = 0; i < route->recipient_count; i++) {
        if (route->recipients[i].unit == unit) return true;
    }
    return false;
}

static bool route_explain_row_applies(const struct route_explain_work *work,
                                      const struct plan_row *row)
{
    return row->topic < 0 || &work->route->kind->topics[row->topic] == work->topic;
}

/* What a row of this kind has to do with a unit that did not get the message. */
static enum route_skip_reason route_explain_reason(const struct route_explain_work *work,
                                                   uint16_t unit)
{
    const struct plan_kind *kind = work->route->kind;
    const struct plan *plan = work->plan;
    enum route_skip_reason reason = ROUTE_SKIP_NO_ROW;

    if (plan_unit_current(plan, work->query->from) == unit) return ROUTE_SKIP_ORIGIN;
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        if (row->when != PLAN_ROW_ALWAYS) continue;
        for (size_t j = 0; j < row->named_count; j++) {
            bool group = row->named[j].group;
            uint16_t index = row->named[j].index;
            if (!group && plan->units[index].current != unit) continue;
            if (!group && row->via >= 0 &&
                !plan_group_has(plan, (size_t)row->via, unit, work->query->at_ms)) {
                reason = ROUTE_SKIP_NOT_MEMBER;
                continue;
            }
            if (group && !plan_group_has(plan, index, unit, work->query->at_ms)) {
                for (size_t k = 0; k < plan->groups[index].member_count; k++) {
                    if (plan->units[plan->groups[index].members[k].unit].current == unit)
                        reason = ROUTE_SKIP_NOT_MEMBER;
                }
                continue;
            }
            if (!route_explain_row_applies(work, row)) return ROUTE_SKIP_OTHER_TOPIC;
            if (group && !row->all)
                return work->street_known ? ROUTE_SKIP_OTHER_STREET : ROUTE_SKIP_AREA_UNKNOWN;
        }
    }
    return reason;
}

static void route_explain_unit(struct route_explain_work *work, const char *clause, uint16_t unit,
                               bool lead)
{
    unit = work->plan->units[unit].current;
    if (plan_unit_set_has(&work->seen, unit)) return;
    plan_unit_set_add(&work->seen, unit);
    if (route_explain_has_recipient(work->route, unit)) return;
    if (work->count < work->cap)
        work->skips[work->count] =
            (struct route_skip){unit, route_explain_reason(work, unit), clause, lead};
    work->count++;
}

/* A group is taken apart only where a row of the kind means its members: all of them, or one. */
static void route_explain_group(struct route_explain_work *work, const char *clause, uint16_t index,
                                bool lead)
{
    const struct plan_kind *kind = work->route->kind;
    const struct plan_group *group = &work->plan->groups[index];
    bool meant = false;

    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        for (size_t j = 0; j < row->named_count; j++)
            meant = meant || (row->named[j].group && row->named[j].index == index);
        if (row->via == (int)index) route_explain_unit(work, clause, row->named[0].index, lead);
    }
    for (size_t j = 0; meant && j < group->member_count; j++)
        route_explain_unit(work, clause, group->members[j].unit, lead);
}

static void route_explain_list(struct route_explain_work *work, const char *clause,
                               const struct plan_named *list, size_t count, bool lead)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].group)
            route_explain_group(work, clause, list[i].index, lead);
        else
            route_explain_unit(work, clause, list[i].index, lead);
    }
}

static void route_explain_clause(struct route_explain_work *work, const char *clause)
{
    const struct plan_task *task = plan_task_find(work->plan, clause);
    if (!task) return;
    route_explain_list(work, task->id, task->lead, task->lead_count, true);
    route_explain_list(work, task->id, task->coop, task->coop_count, false);
}

size_t route_explain(const struct route_query *query, const struct route *route,
                     struct route_skip *ret_skips, size_t cap)
{
    const struct plan_kind *kind = route->kind;
    const char *area = query->area ? query->area : "";
    const struct plan_area *found = plan_area_find(query->plan, area);
    struct route_explain_work work = {
        .query = query,
        .plan = query->plan,
        .route = route,
        .topic = query->topic ? plan_topic_find(kind, query->topic) : NULL,
        .street_known = found && found->street != PLAN_UNIT_NONE,
        .skips = ret_skips,
        .cap = cap,
    };

    /* The clauses that were applied come first: their reasons are the more telling ones. */
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        if (row->source <= PLAN_ROW_TEXT && route_explain_row_applies(&work, row))
            route_explain_clause(&work, row->clause);
    }
    for (size_t i = 0; i < kind->clause_count; i++) route_explain_clause(&work, kind->clauses[i]);
    return work.count;
}

const char *route_skip_text(enum route_skip_reason reason, enum lang lang)
{
    static const char *const texts[][2] = {
        {"该单位就是发送单位", "it is the sender"},
        {"不是事发地街道", "a street office, not the one of the area"},
        {"区划不明，未发送任何街道", "the area names no street, so no street office is addressed"},
        {"另一主题才涉及该单位", "concerned with another topic only"},
        {"当日不是成员单位", "not a member of the group on that day"},
        {"条款中列名，但本种类无需其知悉", "named in the clause, but this kind does not need it"},
    };
    if ((unsigned)reason >= sizeof texts / sizeof texts[0]) return "";
    return texts[reason][lang == LANG_EN];
}

static const char *route_explain_row_reason(const struct plan_row *rows, size_t count,
                                            const char *citation, enum lang lang)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].citation, citation) != 0) continue;
        return lang == LANG_EN && rows[i].reason_en[0] ? rows[i].reason_en : rows[i].reason_zh;
    }
    return NULL;
}

const char *route_reason(const struct plan *plan, const struct plan_kind *kind,
                         const char *citation, enum lang lang)
{
    const char *reason = route_explain_row_reason(kind->rows, kind->row_count, citation, lang);
    if (reason) return reason;
    return route_explain_row_reason(plan->fallback, plan->fallback_count, citation, lang);
}

const char *route_citation_text(const struct plan *plan, const char *citation, enum lang lang)
{
    static const char *const sources[] = {"lead:", "coop:", "text:", "duty:"};
    char id[LIMIT_CITATION_LEN_MAX + 1];
    size_t source = 0;

    while (source < 4 && strncmp(citation, sources[source], 5) != 0) source++;
    if (source == 4) return NULL;
    size_t len = strcspn(citation + 5, "=");
    if (len >= sizeof id) return NULL;
    memcpy(id, citation + 5, len);
    id[len] = '\0';
    if (source == 3) {
        const struct plan_duty *duty = plan_duty_find(plan, id);
        if (!duty) return NULL;
        return lang == LANG_EN && duty->text_en[0] ? duty->text_en : duty->text_zh;
    }
    const struct plan_task *task = plan_task_find(plan, id);
    if (!task) return NULL;
    return lang == LANG_EN && task->title_en[0] ? task->title_en : task->title_zh;
}
