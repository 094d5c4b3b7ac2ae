/* This unit's own figures (考核), and what each of them was counted from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"
#include "proto/plan/assess_form.h"
#include "proto/plan/day.h"

enum { WHY_NOTHING = ASSESS_COUNTS, WHY_ALL };

struct stats {
    struct agent *agent;
    unsigned by;
    uint64_t from_ms, until_ms;
    const char *task, *kind; /* NULL: all */
    size_t why;              /* a count's column, or one of the above */
    struct assess *assess;
    struct api_list legs; /* behind `why` */
    char **names;         /* what the assessment borrows: of kinds and tasks, each once */
    size_t name_count, name_cap;
    uint64_t by_later_plan;
    int status;
};

/* ---- what is wanted -----------------------------------------------------------------------------
 */

static int read_day(const struct http_request *request, const char *name, uint64_t *ret_ms,
                    struct error *ret_error)
{
    const char *text = http_query(request, name);
    if (!text || day_parse(text, ret_ms)) return 0;
    return error_say(ret_error, E_BAD_VALUE, name, "应为日期，如 2026-01-01",
                     "a day, as 2026-01-01");
}

static int read_period(const struct http_request *request, struct stats *stats,
                       struct error *ret_error)
{
    const char *period = http_query(request, "period");
    stats->until_ms = UINT64_MAX;
    if (period && (http_query(request, "from") || http_query(request, "until")))
        return error_say(ret_error, E_BAD_VALUE, "period", "不与 from、until 同用",
                         "does not go with from or until");
    if (period && !day_period(period, &stats->from_ms, &stats->until_ms))
        return error_say(ret_error, E_BAD_VALUE, "period",
                         "应为年、季、月或日：2026、2026-Q1、2026-03、2026-03-10",
                         "a year, quarter, month or day: 2026, 2026-Q1, 2026-03, 2026-03-10");
    int status = read_day(request, "from", &stats->from_ms, ret_error);
    if (!status) status = read_day(request, "until", &stats->until_ms, ret_error);
    if (!status && stats->from_ms >= stats->until_ms)
        status = error_say(ret_error, E_BAD_VALUE, "until", "应晚于 from", "is to be after from");
    return status;
}

/* "overdue" is the column overdue_count. */
static int read_why(const struct http_request *request, struct stats *stats,
                    struct error *ret_error)
{
    const char *why = http_query(request, "why");
    char name[64];
    stats->why = why && strcmp(why, "all") == 0 ? WHY_ALL : WHY_NOTHING;
    if (!why || stats->why == WHY_ALL) return 0;
    (void)snprintf(name, sizeof name, "%s_count", why);
    stats->why = 0;
    while (stats->why < ASSESS_COUNTS && strcmp(name, assess_count_name(stats->why)) != 0)
        stats->why++;
    if (stats->why < ASSESS_COUNTS) return 0;
    return error_say(ret_error, E_BAD_VALUE, "why",
                     "应为 all 或一项数字的名称（不带 _count），如 overdue、missed_sign",
                     "all, or a count's name without _count, as overdue or missed_sign");
}

/* ---- legs ---------------------------------------------------------------------------------------
 */

static struct clocks clocks_of(const struct leadbus_own_leg *leg)
{
    struct clocks clocks = {.ended_s = (uint32_t)(leg->ended_ms / CLOCKS_SECOND_MS),
                            .ended_by = (uint8_t)leg->ended_by,
                            .extended = leg->extended != 0};
    for (int i = 0; i < LEADBUS_TERM_COUNT; i++) {
        clocks.at_s[i] = (uint32_t)(leg->terms[i].at_ms / CLOCKS_SECOND_MS);
        if (leg->terms[i].missed) clocks_miss(&clocks, (enum plan_clock_index)i);
    }
    return clocks;
}

static json_t *terms_json(const struct leadbus_own_leg *leg)
{
    json_t *terms = json_array();
    for (int i = 0; i < LEADBUS_TERM_COUNT; i++) {
        const struct leadbus_term *term = &leg->terms[i];
        if (!term->due_ms && !term->at_ms && !term->missed) continue;
        json_t *one = json_object();
        render_set(one, "term", term->term);
        render_set(one, "term_zh", term->term_zh);
        render_set(one, "term_en", term->term_en);
        render_set_time(one, "due_at", term->due_ms);
        render_set_time(one, "at", term->at_ms);
        json_object_set_new(one, "missed", json_boolean(term->missed));
        if (term->record)
            json_object_set_new(one, "record", json_integer((json_int_t)term->record));
        json_array_append_new(terms, one);
    }
    return terms;
}

/* The figures of one leg alone say what it was counted as. */
static json_t *leg_json(const struct stats *stats, const struct leadbus_own_leg *leg,
                        const struct assess_row *counted)
{
    json_t *object = json_object();
    json_t *as = json_array();
    for (size_t i = 0; i < ASSESS_COUNTS; i++)
        if (assess_count(counted, i)) json_array_append_new(as, json_string(assess_count_name(i)));
    render_set_id(object, "thread", leg->thread);
    render_set_id(object, "id", leg->message);
    render_set(object, "kind", leg->kind);
    render_set(object, "topic", leg->topic);
    render_set(object, "from", leg->from);
    render_set_names(stats->agent, object, leg->kind, leg->topic, leg->from);
    render_set(object, "task", leg->clause);
    render_set_citation(stats->agent, object, leg->citation);
    render_set_time(object, "since", leg->since_ms);
    json_object_set_new(object, "record", json_integer((json_int_t)leg->index));
    render_set(object, "state", leg->state);
    render_set(object, "state_zh", leg->state_zh);
    render_set(object, "state_en", leg->state_en);
    render_set_time(object, "ended_at", leg->ended_ms);
    json_object_set_new(object, "counted", as);
    json_object_set_new(object, "terms", terms_json(leg));
    json_object_set_new(object, "extensions", json_integer(leg->extensions));
    json_object_set_new(object, "paused_for_s",
                        json_integer((json_int_t)(leg->paused_for_ms / CLOCKS_SECOND_MS)));
    json_object_set_new(object, "paused", json_boolean(leg->paused));
    json_object_set_new(object, "plan_known", json_boolean(leg->plan_known));
    return object;
}

static const char *kept(struct stats *stats, const char *text)
{
    for (size_t i = 0; i < stats->name_count; i++)
        if (strcmp(stats->names[i], text) == 0) return stats->names[i];
    if (stats->name_count == stats->name_cap) {
        stats->name_cap = stats->name_cap ? stats->name_cap * 2 : 64;
        stats->names = realloc(stats->names, stats->name_cap * sizeof *stats->names);
        CHECK(stats->names != NULL);
    }
    char *copy = strdup(text);
    CHECK(copy != NULL);
    stats->names[stats->name_count++] = copy;
    return copy;
}

static int add_leg(void *ctx, const struct leadbus_own_leg *leg)
{
    struct stats *stats = ctx;
    const struct assess_row *counted;
    if (stats->task && strcmp(stats->task, leg->clause) != 0) return 0;
    if (stats->kind && strcmp(stats->kind, leg->kind) != 0) return 0;
    const struct assess_leg one = {.unit = stats->agent->unit,
                                   .kind = kept(stats, leg->kind),
                                   .clause = kept(stats, leg->clause),
                                   .since_ms = leg->since_ms,
                                   .clocks = clocks_of(leg)};
    assess_add(stats->assess, &one);
    if (!leg->plan_known) stats->by_later_plan++;
    if (stats->why == WHY_NOTHING) return 0;
    struct assess *alone = assess_new(0, 0, UINT64_MAX);
    assess_add(alone, &one);
    CHECK(assess_rows(alone, &counted) == 1);
    if ((stats->why == WHY_ALL || assess_count(counted, stats->why)) && !stats->legs.more)
        (void)api_list_add(&stats->legs, leg_json(stats, leg, counted));
    assess_free(alone);
    return 0;
}

/* ---- the answer ---------------------------------------------------------------------------------
 */

static void add_limit(json_t *limits, const char *name, uint64_t count, const char *zh,
                      const char *en)
{
    json_t *one = json_object();
    render_set(one, "name", name);
    if (count) json_object_set_new(one, "count", json_integer((json_int_t)count));
    render_set(one, "text_zh", zh);
    render_set(one, "text_en", en);
    json_array_append_new(limits, one);
}

/* What this unit cannot know is said, not guessed. */
static json_t *limits_json(const struct stats *stats, const struct leadbus_own_state *state)
{
    json_t *limits = json_array();
    add_limit(
        limits, "undelivered", 0,
        "总线上已有、尚未送达本单位的事项不在其中；日志可能比本单位所知更新",
        "what the bus has for this unit and has not delivered is not in here; the journal may "
        "be further than this unit knows");
    add_limit(limits, "delivery", 0, "何时送达以总线日志为准，本单位只知道日志记明的超期送达",
              "when a lead counts as delivered is the journal's to say: here only what it has "
              "called late is known");
    if (state->pending)
        add_limit(limits, "pending", state->pending, "本单位已发出、尚无总线回执的消息未计入",
                  "messages of this unit without a receipt are not counted yet");
    if (state->expired)
        add_limit(limits, "expired", state->expired, "送达前已失效的消息未计入，日志中计入",
                  "messages that ran out of time before they came are not counted here, and are in "
                  "the journal");
    if (stats->by_later_plan)
        add_limit(limits, "plan", stats->by_later_plan,
                  "这些事项开始时的方案本单位已不再保存，其期限按现行方案列出；日志记明的超期不受"
                  "影响",
                  "the plan under which these began is no longer held here: their terms are shown "
                  "by the one in force; what the journal has called late stands");
    return limits;
}

static json_t *rows_json(const struct stats *stats)
{
    const struct assess_row *rows;
    json_t *list = json_array();
    size_t count = assess_rows(stats->assess, &rows);
    for (size_t i = 0; i < count; i++) {
        struct buf text = {0};
        assess_json(&rows[i], stats->by, false, &text);
        json_t *row = json_loadb((const char *)text.data, text.len, 0, NULL);
        CHECK(row != NULL);
        const struct plan_kind *kind =
            stats->agent->plan ? plan_kind_find(stats->agent->plan, rows[i].kind) : NULL;
        const struct plan_task *task =
            stats->agent->plan ? plan_task_find(stats->agent->plan, rows[i].clause) : NULL;
        if (kind) render_set(row, "kind_zh", kind->name_zh);
        if (kind) render_set(row, "kind_en", kind->name_en);
        if (task) render_set(row, "task_zh", task->title_zh);
        if (task) render_set(row, "task_en", task->title_en);
        json_array_append_new(list, row);
        buf_fini(&text);
    }
    return list;
}

static void fill(struct stats *stats, const struct leadbus_own_state *state,
                 struct http_reply *reply)
{
    const struct plan *plan = stats->agent->plan;
    uint16_t unit = plan ? plan_unit_find(plan, stats->agent->unit) : PLAN_UNIT_NONE;
    json_t *answer = json_object();
    render_set(answer, "unit", stats->agent->unit);
    if (unit != PLAN_UNIT_NONE) render_set(answer, "unit_zh", plan_unit(plan, unit)->name_zh);
    if (unit != PLAN_UNIT_NONE) render_set(answer, "unit_en", plan_unit(plan, unit)->name_en);
    render_set_time(answer, "from", stats->from_ms);
    if (stats->until_ms != UINT64_MAX) render_set_time(answer, "until", stats->until_ms);
    json_object_set_new(answer, "record_count", json_integer((json_int_t)state->record_count));
    render_set_time(answer, "as_of", state->record_ms);
    json_object_set_new(answer, "rows", rows_json(stats));
    if (stats->why != WHY_NOTHING) {
        json_object_set(answer, "legs", stats->legs.items);
        json_object_set_new(answer, "more", json_boolean(stats->legs.more));
    }
    json_object_set_new(answer, "limits", limits_json(stats, state));
    reply->json = answer;
}

int api_stats(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    struct stats stats = {.agent = agent, .by = ASSESS_BY_UNIT};
    struct leadbus_own_state state = {.size = sizeof state};
    struct leadbus_error trouble = {0};
    const char *by = http_query(request, "by");
    stats.task = http_query(request, "task");
    stats.kind = http_query(request, "kind");
    int status = read_period(request, &stats, ret_error);
    if (!status && by) status = assess_by_parse(by, &stats.by, ret_error);
    if (!status) status = read_why(request, &stats, ret_error);
    if (!status) status = api_list_begin(agent, request, &stats.legs, ret_error);
    if (status) return status;
    stats.assess = assess_new(stats.by, stats.from_ms, stats.until_ms);
    if (leadbus_own_legs(agent->lb, stats.from_ms, stats.until_ms, add_leg, &stats, &state,
                         &trouble))
        status = agent_error(&trouble, ret_error);
    else
        fill(&stats, &state, reply);
    assess_free(stats.assess);
    for (size_t i = 0; i < stats.name_count; i++) free(stats.names[i]);
    free(stats.names);
    json_decref(stats.legs.items);
    return status;
}
