#include "proto/plan/route.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_inner.h"

enum { ROUTE_PLACE_NONE = 0xff };

/* What one computation carries along. */
struct route_work {
    const struct route_query *query;
    const struct plan *plan;
    struct route *route;
    int topic; /* index, or -1 */
    uint16_t from;
    uint16_t street;    /* of the area, or PLAN_UNIT_NONE */
    uint16_t reference; /* current unit of the sender of the parent, or PLAN_UNIT_NONE */
    uint16_t target;    /* likewise, whom it is passed on to */
    bool named_origin;  /* a sign row named the sender */
    bool wanted_street;
    bool full;               /* no room for one more */
    struct plan_unit_set in; /* units that the route has */
};

static const char *route_or_empty(const char *text)
{
    return text ? text : "";
}

static const char *route_shown(const char *text)
{
    return text && text[0] ? text : "(empty)";
}

/* ---- adding -----------------------------------------------------------------------------------
 */

static void route_add(struct route_work *work, const struct plan_row *row, uint16_t unit)
{
    struct route *route = work->route;
    uint32_t all = (1u << route->kind->section_count) - 1;
    uint32_t sections = row->sections;

    unit = work->plan->units[unit].current;
    if (unit == work->from) {
        if (row->act == ROUTE_SIGN) work->named_origin = true;
        return;
    }
    if (sections == PLAN_SECTIONS_COPIES) sections = plan_copy_sections(route->kind);
    sections &= all;
    if (plan_unit_set_has(&work->in, unit)) {
        for (size_t i = 0; i < route->recipient_count; i++) {
            struct route_recipient *other = &route->recipients[i];
            if (other->unit == unit && other->act == row->act) other->sections |= sections;
        }
        return;
    }
    if (route->recipient_count == LIMIT_RECIPIENT_COUNT_MAX) {
        work->full = true;
        return;
    }
    plan_unit_set_add(&work->in, unit);
    route->recipients[route->recipient_count] = (struct route_recipient){
        .unit = unit,
        .act = row->act,
        .primary = route->recipient_count == 0 && row->act == ROUTE_SIGN,
        .sections = sections,
        .citation = row->citation,
    };
    route->recipient_count++;
}

static void route_add_group(struct route_work *work, const struct plan_row *row, uint16_t index)
{
    const struct plan_group *group = &work->plan->groups[index];
    uint64_t at_ms = work->query->at_ms;

    if (!row->all && !group->streets) return; /* a lint error: nobody is meant by accident */
    if (!row->all) work->wanted_street = true;
    if (!row->all && work->street == PLAN_UNIT_NONE) return;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        if (at_ms < member->valid_from_ms || at_ms >= member->valid_to_ms) continue;
        if (!row->all && work->plan->units[member->unit].current != work->street) continue;
        route_add(work, row, member->unit);
    }
}

/* Does a row that looks at the thread mean who has this role on it? */
static bool route_means_role(const struct plan_row *row, enum route_role role)
{
    if (row->source == PLAN_ROW_THREAD_SIGNERS) return route_role_of(role) == ROUTE_ROLE_SIGNER;
    if (row->source == PLAN_ROW_ALERTED) return (role & ROUTE_ROLE_ALERTED) != 0;
    return row->source == PLAN_ROW_THREAD;
}

static void route_walk_row(struct route_work *work, const struct plan_row *row)
{
    const struct route_query *query = work->query;

    for (size_t i = 0; row->source >= PLAN_ROW_THREAD && i < query->participant_count; i++) {
        const struct route_participant *one = &query->participants[i];
        if (route_means_role(row, one->role) && one->unit < work->plan->unit_count)
            route_add(work, row, one->unit);
    }
    if (row->source == PLAN_ROW_SENDER || row->source == PLAN_ROW_TARGET) {
        uint16_t unit = row->source == PLAN_ROW_SENDER ? work->reference : work->target;
        if (unit != PLAN_UNIT_NONE) route_add(work, row, unit);
        return;
    }
    for (size_t i = 0; i < row->named_count; i++) {
        if (row->named[i].group)
            route_add_group(work, row, row->named[i].index);
        else if (row->via < 0 ||
                 plan_group_has(work->plan, (size_t)row->via, row->named[i].index, query->at_ms))
            route_add(work, row, row->named[i].index);
    }
}

static void route_walk(struct route_work *work, const struct plan_row *rows, size_t count,
                       enum plan_row_when when, enum route_act act)
{
    for (size_t i = 0; i < count; i++) {
        const struct plan_row *row = &rows[i];
        if (row->when != when || row->act != act) continue;
        if (row->topic >= 0 && row->topic != work->topic) continue;
        route_walk_row(work, row);
    }
}

/* ---- the question -----------------------------------------------------------------------------
 */

static bool route_sender_of(const struct plan *plan, const struct plan_senders *senders,
                            uint16_t from, uint64_t at_ms, uint16_t reference_sender)
{
    if (senders->any || plan_unit_set_has(&senders->units, from)) return true;
    if (senders->reference && reference_sender < plan->unit_count &&
        plan->units[reference_sender].current == from)
        return true;
    for (size_t i = 0; i < senders->group_count; i++) {
        if (plan_group_has(plan, senders->groups[i], from, at_ms)) return true;
    }
    return false;
}

bool route_sender_allowed(const struct plan *plan, const struct plan_kind *kind,
                          const struct plan_topic *topic, uint16_t from, uint64_t at_ms,
                          uint16_t reference_sender)
{
    if (from >= plan->unit_count) return false;
    from = plan->units[from].current;
    if (topic && topic->senders &&
        !route_sender_of(plan, topic->senders, from, at_ms, reference_sender))
        return false;
    return route_sender_of(plan, &kind->senders, from, at_ms, reference_sender);
}

void route_topic_list(const struct plan_kind *kind, enum lang lang, size_t size, char *ret_list)
{
    size_t len = 0;

    CHECK(size >= sizeof " ...");
    ret_list[0] = '\0';
    for (size_t i = 0; i < kind->topic_count; i++) {
        const struct plan_topic *topic = &kind->topics[i];
        char one[2 * LIMIT_SLUG_LEN_MAX + 64];
        int put = lang == LANG_ZH ? snprintf(one, sizeof one, "%s%s %.60s", i ? "、" : "",
                                             topic->slug, topic->name_zh)
                                  : snprintf(one, sizeof one, "%s%s", i ? ", " : "", topic->slug);
        if (put < 0 || (size_t)put >= sizeof one || len + (size_t)put + sizeof " ..." > size) {
            memcpy(ret_list + len, " ...", sizeof " ...");
            return;
        }
        memcpy(ret_list + len, one, (size_t)put + 1);
        len += (size_t)put;
    }
}

static int route_topic_refuse(const struct plan_kind *kind, const char *topic,
                              struct error *ret_error)
{
    enum { SHOWN_MAX = 40 };
    char list[ERROR_DETAIL_LEN_MAX + 1];

    if (kind->topic_count == 0)
        return error_say(ret_error, E_TOPIC_UNKNOWN, "topic", "该种类没有主题，却给出了 %.*s",
                         "this kind has no topics, and %.*s is given", SHOWN_MAX, topic);
    route_topic_list(kind, LANG_EN, sizeof list - 2 * SHOWN_MAX, list);
    if (topic[0])
        (void)error_set(ret_error, E_TOPIC_UNKNOWN, "topic", "%.*s is none of: %s", SHOWN_MAX,
                        topic, list);
    else
        (void)error_set(ret_error, E_TOPIC_UNKNOWN, "topic", "a topic is required: one of %s",
                        list);
    route_topic_list(kind, LANG_ZH, sizeof list - 2 * SHOWN_MAX, list);
    if (topic[0])
        (void)error_note_zh(ret_error, "没有主题 %.*s；可用：%s", SHOWN_MAX, topic, list);
    else
        (void)error_note_zh(ret_error, "须给出主题；可用：%s", list);
    return E_TOPIC_UNKNOWN;
}

static int route_prepare(struct route_work *work, struct error *ret_error)
{
    const struct route_query *query = work->query;
    const struct plan *plan = work->plan;
    const char *topic = route_or_empty(query->topic);
    const char *area = route_or_empty(query->area);
    const struct plan_kind *kind = plan_kind_find(plan, query->kind);
    const struct plan_topic *found = NULL;

    if (!kind)
        return error_set(ret_error, E_KIND_UNKNOWN, "kind", "%.*s", LIMIT_SLUG_LEN_MAX,
                         route_shown(query->kind));
    work->topic = -1;
    if (topic[0]) {
        found = plan_topic_find(kind, topic);
        if (!found) return route_topic_refuse(kind, topic, ret_error);
        work->topic = (int)(found - kind->topics);
    } else if (kind->topic_required) {
        return route_topic_refuse(kind, topic, ret_error);
    }
    work->from = plan_unit_current(plan, query->from);
    if (work->from == PLAN_UNIT_NONE)
        return error_set(ret_error, E_UNIT_UNKNOWN, "from", "%.*s", LIMIT_SLUG_LEN_MAX,
                         route_shown(query->from));
    work->reference = plan_unit_current(plan, query->reference_sender);
    work->target = plan_unit_current(plan, query->target);
    if (!route_sender_allowed(plan, kind, found, work->from, query->at_ms, work->reference)) {
        (void)error_set(ret_error, E_SENDER_NOT_ALLOWED, "from", "%s may not send %s%s%s",
                        query->from, kind->slug, found ? " " : "", found ? found->slug : "");
        (void)error_note_zh(ret_error, "%s不能发送“%s”%s%s", plan->units[work->from].name_zh,
                            kind->name_zh, found ? "，主题" : "", found ? found->name_zh : "");
        return E_SENDER_NOT_ALLOWED;
    }
    work->street = PLAN_UNIT_NONE;
    if (area[0]) {
        if (!plan_area_well_formed(area))
            return error_say(ret_error, E_AREA_UNKNOWN, "area", "%.*s：应为 6、9 或 12 位数字",
                             "%.*s: 6, 9 or 12 digits wanted", LIMIT_AREA_LEN_MAX, area);
        const struct plan_area *place = plan_area_find(plan, area);
        if (place && place->street != PLAN_UNIT_NONE) work->street = place->street;
    }
    work->route->kind = kind;
    work->route->flags = 0;
    work->route->recipient_count = 0;
    return 0;
}

static bool route_may_readdress(const struct plan_kind *kind)
{
    return kind->family == PLAN_FAMILY_LEAD || kind->family == PLAN_FAMILY_ANOMALY ||
           kind->family == PLAN_FAMILY_HANDOFF;
}

/* The street came into it: as the one of the area. */
static bool route_has_street(const struct route_work *work)
{
    return work->street != PLAN_UNIT_NONE &&
           (plan_unit_set_has(&work->in, work->street) || work->street == work->from);
}

/* Does the office act on a unit in which it sits? */
static bool route_on_host(const struct route_work *work)
{
    const struct plan *plan = work->plan;
    const struct route_query *query = work->query;
    const struct plan_group *hosts = plan_group_find(plan, "office-host");
    if (!hosts || work->from != plan_unit_with_duty(plan, PLAN_DUTY_OFFICE)) return false;
    if (query->host != ROUTE_HOST_BY_THREAD) return query->host == ROUTE_HOST_THERE;
    size_t group = (size_t)(hosts - plan_group(plan, 0));
    for (size_t i = 0; i < query->participant_count; i++)
        if (route_role_of(query->participants[i].role) == ROUTE_ROLE_SIGNER &&
            plan_group_has(plan, group, query->participants[i].unit, query->at_ms))
            return true;
    for (size_t i = 0; i < work->route->recipient_count; i++)
        if (work->route->recipients[i].act == ROUTE_SIGN &&
            plan_group_has(plan, group, work->route->recipients[i].unit, query->at_ms))
            return true;
    return false;
}

int route_compute(const struct route_query *query, struct route *ret_route, struct error *ret_error)
{
    struct route_work work = {.query = query, .plan = query->plan, .route = ret_route};

    int r = route_prepare(&work, ret_error);
    if (r < 0) return r;
    const struct plan *plan = work.plan;
    const struct plan_kind *kind = ret_route->kind;
    const struct plan_row *rows = kind->rows;
    size_t count = kind->row_count;

    route_walk(&work, rows, count, PLAN_ROW_ALWAYS, ROUTE_SIGN);
    bool only_origin = ret_route->recipient_count == 0 && work.named_origin;
    bool no_rule =
        ret_route->recipient_count == 0 && !work.named_origin && route_may_readdress(kind);
    if (only_origin) route_walk(&work, rows, count, PLAN_ROW_ORIGIN_ONLY, ROUTE_SIGN);
    if (no_rule)
        route_walk(&work, plan->fallback, plan->fallback_count, PLAN_ROW_NO_RULE, ROUTE_SIGN);
    route_walk(&work, rows, count, PLAN_ROW_ALWAYS, ROUTE_COPY);
    if (only_origin) route_walk(&work, rows, count, PLAN_ROW_ORIGIN_ONLY, ROUTE_COPY);
    if (no_rule)
        route_walk(&work, plan->fallback, plan->fallback_count, PLAN_ROW_NO_RULE, ROUTE_COPY);
    size_t before = ret_route->recipient_count;
    if (route_on_host(&work)) route_walk(&work, rows, count, PLAN_ROW_OWN_HOST, ROUTE_COPY);
    if (ret_route->recipient_count > before) ret_route->flags |= ROUTE_FLAG_OWN_HOST;
    if (work.full)
        return error_say(ret_error, E_TOO_LARGE, "recipients", "超过 %d 个接收单位", "more than %d",
                         LIMIT_RECIPIENT_COUNT_MAX);
    if (ret_route->recipient_count == 0) {
        bool lost = kind->position == PLAN_FOLLOWS && work.reference == PLAN_UNIT_NONE;
        (void)error_set(ret_error, E_ROUTE_EMPTY, "recipients", "nobody receives %s from %s%s",
                        kind->slug, plan->units[work.from].key,
                        lost ? " without the sender of a parent" : "");
        (void)error_note_zh(ret_error, "%s发送的“%s”没有接收单位%s", plan->units[work.from].name_zh,
                            kind->name_zh, lost ? "：缺少所答复的消息" : "");
        return E_ROUTE_EMPTY;
    }
    if (only_origin) ret_route->flags |= ROUTE_FLAG_ONLY_ORIGIN_LEFT;
    if (no_rule) ret_route->flags |= ROUTE_FLAG_READDRESSED;
    if (work.wanted_street && !route_has_street(&work)) ret_route->flags |= ROUTE_FLAG_AREA_UNKNOWN;
    return 0;
}

bool route_signs(const struct plan *plan, const struct plan_kind *kind,
                 const struct plan_topic *topic, uint16_t target, uint64_t at_ms)
{
    for (size_t i = 0; target < plan->unit_count && i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        if (row->act != ROUTE_SIGN || row->when == PLAN_ROW_NO_RULE) continue;
        if (row->topic >= 0 && (!topic || row->topic != topic - kind->topics)) continue;
        for (size_t k = 0; k < row->named_count; k++) {
            uint16_t named = row->named[k].index;
            if (row->named[k].group ? plan_group_has(plan, named, target, at_ms)
                                    : plan->units[named].current == plan->units[target].current)
                return true;
        }
    }
    return false;
}

/* ---- header and route -------------------------------------------------------------------------
 */

int route_restrict(struct route *route, const char *const *sections, size_t count,
                   struct error *ret_error)
{
    const struct plan_kind *kind = route->kind;
    uint8_t place[LIMIT_SECTION_COUNT_MAX]; /* section of the kind -> section of the header */
    size_t next = 0;

    for (size_t i = 0; i < kind->section_count; i++) {
        bool here = next < count && strcmp(sections[next], kind->sections[i].name) == 0;
        place[i] = here ? (uint8_t)next++ : ROUTE_PLACE_NONE;
        if (!here && !kind->sections[i].optional)
            return error_say(ret_error, E_LEVEL_MISMATCH, "sections", "缺少 %s 部分或位置不对",
                             "%s is missing or misplaced", kind->sections[i].name);
    }
    if (next != count)
        return error_say(ret_error, E_LEVEL_MISMATCH, "sections", "此处不应有 %.*s 部分",
                         "%.*s is not expected here", LIMIT_SLUG_LEN_MAX, sections[next]);
    for (size_t i = 0; i < route->recipient_count; i++) {
        uint32_t mask = 0;
        for (size_t j = 0; j < kind->section_count; j++) {
            if ((route->recipients[i].sections >> j & 1) != 0 && place[j] != ROUTE_PLACE_NONE)
                mask |= 1u << place[j];
        }
        route->recipients[i].sections = mask;
    }
    return 0;
}

static size_t route_find(const struct plan *plan, const struct route *route, const char *unit)
{
    size_t at = 0;
    while (at < route->recipient_count &&
           strcmp(plan->units[route->recipients[at].unit].key, unit) != 0)
        at++;
    return at;
}

static int route_differs(struct error *ret_error, size_t at, int code, const char *what_zh,
                         const char *what, const char *unit)
{
    char field[48];
    (void)snprintf(field, sizeof field, "recipients[%zu]", at);
    (void)error_set(ret_error, code, field, "%s: %.*s", what, LIMIT_SLUG_LEN_MAX, unit);
    (void)error_note_zh(ret_error, "%s：%.*s", what_zh, LIMIT_SLUG_LEN_MAX, unit);
    return code;
}

int route_compare(const struct plan *plan, const struct route *route,
                  const struct route_stated *stated, size_t count, struct error *ret_error)
{
    for (size_t i = 0; i < count; i++) {
        bool same = i < route->recipient_count &&
                    strcmp(plan->units[route->recipients[i].unit].key, stated[i].unit) == 0;
        if (!same) {
            for (size_t j = 0; j < i; j++) {
                if (strcmp(stated[j].unit, stated[i].unit) == 0)
                    return route_differs(ret_error, i, E_RECIPIENT_DUPLICATE, "重复的接收单位",
                                         "twice", stated[i].unit);
            }
            if (route_find(plan, route, stated[i].unit) == route->recipient_count)
                return route_differs(ret_error, i, E_ROUTE_MISMATCH, "按规则不应有的接收单位",
                                     "added", stated[i].unit);
            const char *wanted = plan->units[route->recipients[i].unit].key;
            for (size_t j = i; j < count; j++) {
                if (strcmp(stated[j].unit, wanted) == 0)
                    return route_differs(ret_error, i, E_ROUTE_MISMATCH, "接收单位次序不对",
                                         "out of order", stated[i].unit);
            }
            return route_differs(ret_error, i, E_ROUTE_MISMATCH, "缺少接收单位", "missing", wanted);
        }
        const struct route_recipient *own = &route->recipients[i];
        if (own->act != stated[i].act)
            return route_differs(ret_error, i, E_ROUTE_MISMATCH, "签收或抄送不对", "wrong act",
                                 stated[i].unit);
        if (strcmp(own->citation, stated[i].citation) != 0)
            return route_differs(ret_error, i, E_ROUTE_MISMATCH, "依据不对", "wrong citation",
                                 stated[i].unit);
        if (own->sections != stated[i].sections)
            return route_differs(ret_error, i, E_ROUTE_MISMATCH, "可阅的内容部分不对",
                                 "wrong sections", stated[i].unit);
    }
    if (count < route->recipient_count)
        return route_differs(ret_error, count, E_ROUTE_MISMATCH, "缺少接收单位", "missing",
                             plan->units[route->recipients[count].unit].key);
    return 0;
}
