#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"
#include "proto/plan/chains.h"
#include "proto/plan/lifecycle.h"

enum { THREAD_WAIT_MS = 10000 };

static int add_thread(void *ctx, const struct leadbus_thread_summary *one)
{
    struct api_list *list = ctx;
    json_t *object = json_object();
    render_set_id(object, "id", one->thread);
    render_set(object, "kind", one->kind);
    render_set(object, "topic", one->topic);
    render_set(object, "area", one->area);
    render_set(object, "from", one->from);
    render_set_names(list->agent, object, one->kind, one->topic, one->from);
    json_object_set_new(object, "urgency", json_integer(one->urgency));
    render_set_time(object, "opened_at", one->opened_ms);
    render_set_time(object, "changed_at", one->changed_ms);
    json_object_set_new(object, "message_count", json_integer((json_int_t)one->message_count));
    render_set(object, "status", render_thread_state(one->status));
    render_set(object, "leg", one->leg);
    render_set(object, "leg_zh", one->leg_zh);
    render_set(object, "leg_en", one->leg_en);
    return api_list_add(list, object) ? 0 : 1;
}

int api_threads(struct agent *agent, struct http_request *request, struct http_reply *reply,
                struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    struct api_list list = {0};
    int status = api_list_begin(agent, request, &list, ret_error);
    if (status) return status;
    if (leadbus_thread_each(agent->lb, (size_t)list.limit + 1, add_thread, &list, &trouble)) {
        json_decref(list.items);
        return agent_error(&trouble, ret_error);
    }
    reply->json = json_pack("{s:o,s:b}", "items", list.items, "more", list.more);
    return 0;
}

/* What it ended with: a topic of the act that ended it. */
static const struct plan_topic *outcome_of(const struct agent *agent, const struct leadbus_leg *leg)
{
    static const struct {
        enum lifecycle_state state;
        enum plan_act act;
    } rows[] = {
        {LIFECYCLE_RETURNED, PLAN_ACT_RETURN},    {LIFECYCLE_TRANSFERRED, PLAN_ACT_TRANSFER},
        {LIFECYCLE_WITHDRAWN, PLAN_ACT_WITHDRAW}, {LIFECYCLE_WITHDRAWN, PLAN_ACT_END_ACCESS},
        {LIFECYCLE_CLOSED, PLAN_ACT_CLOSE},       {LIFECYCLE_CLOSED, PLAN_ACT_HAND_IN}};
    const struct plan_topic *found = NULL;
    for (size_t i = 0; agent->plan && leg->outcome[0] && !found && i < sizeof rows / sizeof *rows;
         i++) {
        const struct plan_kind *kind = plan_kind_of_act(agent->plan, rows[i].act);
        if (kind && (strcmp(leg->state, lifecycle_state_name(rows[i].state)) == 0 ||
                     rows[i].act == PLAN_ACT_CLOSE))
            found = plan_topic_find(kind, leg->outcome);
    }
    return found;
}

static json_t *leg_json(const struct agent *agent, const struct leadbus_leg *leg)
{
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, leg->kind) : NULL;
    const struct plan_topic *outcome = outcome_of(agent, leg);
    json_t *object = json_object();
    render_set(object, "unit", leg->unit);
    render_set(object, "name_zh", leg->name_zh);
    render_set(object, "name_en", leg->name_en);
    render_set_id(object, "message", leg->message);
    render_set(object, "kind", leg->kind);
    if (kind) render_set(object, "kind_zh", kind->name_zh);
    if (kind) render_set(object, "kind_en", kind->name_en);
    json_object_set_new(object, "primary", json_boolean(leg->primary));
    json_object_set_new(object, "done", json_boolean(leg->done));
    render_set(object, "state", leg->state);
    render_set(object, "state_zh", leg->state_zh);
    render_set(object, "state_en", leg->state_en);
    render_set_time(object, "changed_at", leg->changed_ms);
    render_set_time(object, "signed_at", leg->signed_ms);
    render_set(object, "outcome", leg->outcome);
    const struct render_due due = {leg->due_ms, leg->due,     leg->due_zh,
                                   leg->due_en, leg->overdue, leg->paused};
    render_set_due(object, &due);
    if (!leg->done) render_set_close(object, leg->close_ms, leg->extended);
    if (leg->missed) json_object_set_new(object, "missed_count", json_integer(leg->missed));
    if (outcome) render_set(object, "outcome_zh", outcome->name_zh);
    if (outcome) render_set(object, "outcome_en", outcome->name_en);
    return object;
}

/* Of what the bus refused: why. */
static void set_refusal(const struct agent *agent, const struct leadbus_item *item, json_t *object)
{
    struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
    if (item->type != LEADBUS_ITEM_SENT || item->state != LEADBUS_REFUSED ||
        leadbus_outbox_get(agent->lb, item->id, &outgoing, NULL))
        return;
    json_object_set_new(object, "error", render_error(&outgoing.error));
}

/* What is said of an act is short and is what the timeline is read for; leads are fetched one by
 * one. */
static json_t *timeline_json(const struct agent *agent, const struct leadbus_item *item)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, item->kind);
    leadbus_message *message = NULL;
    json_t *object = render_item(agent, item);
    set_refusal(agent, item, object);
    if (!kind || kind->act == PLAN_ACT_NONE ||
        leadbus_message_get(agent->lb, item->id, &message, NULL))
        return object;
    json_object_set_new(object, "sections", render_sections(agent, message));
    leadbus_message_free(message);
    return object;
}

/* The steps of chains and who has the person in their care; nothing where there is neither. */
static void chains_json(const struct agent *agent, const leadbus_thread *thread, json_t *object)
{
    struct leadbus_step step;
    struct leadbus_custody custody;
    json_t *steps = json_array();
    for (size_t i = 0; leadbus_thread_step(thread, i, &step); i++) {
        json_t *one = json_object();
        render_set(one, "step", step.step);
        render_set(one, "name_zh", step.name_zh);
        render_set(one, "name_en", step.name_en);
        render_set_time(one, "at", step.at_ms);
        render_set_time(one, "period_until", step.until_ms);
        if (step.owed) json_object_set_new(one, "owed", json_true());
        if (step.moot) json_object_set_new(one, "moot", json_true());
        json_array_append_new(steps, one);
    }
    if (json_array_size(steps) > 0)
        json_object_set_new(object, "steps", steps);
    else
        json_decref(steps);
    leadbus_thread_custody(thread, &custody);
    if (strcmp(custody.holder, "nobody") == 0) return;
    json_t *one = json_object();
    render_set(one, "holder", custody.holder);
    for (int i = 0; i < CHAINS_HOLDER_COUNT; i++) {
        if (strcmp(custody.holder, chains_holder_name((enum chains_holder)i)) != 0) continue;
        render_set(one, "holder_zh", chains_holder_text((enum chains_holder)i, LANG_ZH));
        render_set(one, "holder_en", chains_holder_text((enum chains_holder)i, LANG_EN));
    }
    render_set_unit(agent, one, "unit", custody.unit);
    render_set_time(one, "since", custody.since_ms);
    if (custody.gap_count > 0) {
        json_object_set_new(one, "gap_count", json_integer((json_int_t)custody.gap_count));
        render_set_time(one, "gap_from", custody.gap_from_ms);
        render_set_time(one, "gap_until", custody.gap_until_ms);
    }
    json_object_set_new(object, "custody", one);
}

/* Of a stand-down: who has confirmed that it is deleted there, and who has not. */
static void deletion_json(const struct agent *agent, const leadbus_thread *thread, json_t *object)
{
    json_t *sides[2] = {json_array(), json_array()};
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++) {
        const struct leadbus_leg *leg = leadbus_thread_leg(thread, i);
        const struct plan_kind *kind = plan_kind_find(agent->plan, leg->kind);
        if (!kind || !kind->erased) continue;
        json_t *one = json_object();
        render_set(one, "unit", leg->unit);
        render_set(one, "name_zh", leg->name_zh);
        render_set(one, "name_en", leg->name_en);
        if (leg->done) render_set_time(one, "at", leg->changed_ms);
        if (!leg->done) render_set_time(one, "due_at", leg->due_ms);
        if (!leg->done && leg->overdue) json_object_set_new(one, "overdue", json_true());
        json_array_append_new(sides[leg->done ? 0 : 1], one);
    }
    if (json_array_size(sides[0]) + json_array_size(sides[1]) > 0)
        json_object_set_new(object, "deletion",
                            json_pack("{s:O,s:O}", "confirmed", sides[0], "missing", sides[1]));
    json_decref(sides[0]);
    json_decref(sides[1]);
}

/* What waits for a decision, of whoever is to give it; nothing where nothing does. */
static void decisions_json(const struct agent *agent, const leadbus_thread *thread, json_t *object)
{
    struct leadbus_decision decision;
    json_t *list = json_array();
    for (size_t i = 0; leadbus_thread_decision(thread, i, &decision); i++)
        json_array_append_new(list, render_decision(agent, &decision));
    if (json_array_size(list) > 0) json_object_set(object, "decisions", list);
    json_decref(list);
}

bool api_thread_waits(struct agent *agent, struct http_request *request, struct http_reply *reply,
                      const uint8_t id[16], int *status, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    int asked = leadbus_thread_ask(agent->lb, id, &trouble);
    if (asked == 1 || asked == E_ROLE_NOT_ALLOWED || asked == E_THREAD_UNKNOWN) return false;
    /* What is busy with another thread is free within seconds. */
    if ((asked == 0 || asked == E_BUSY) && http_wait(request, reply, THREAD_WAIT_MS)) return true;
    if (asked == 0)
        *status = error_say(ret_error, E_NETWORK, "thread", "总线未在 %d 秒内答复",
                            "the bus did not answer within %d s", THREAD_WAIT_MS / 1000);
    else
        *status = agent_error(&trouble, ret_error);
    return false;
}

/* Is there more of it here than what the bus said, and than copies of what others did? */
static bool is_known(const leadbus_thread *thread)
{
    for (size_t i = 0; i < leadbus_thread_item_count(thread); i++) {
        const struct leadbus_item *item = leadbus_thread_item(thread, i);
        bool opening = memcmp(item->id, item->thread, 16) == 0;
        bool message = item->type != LEADBUS_ITEM_NOTICE;
        if (message && (opening || leadbus_thread_leg_count(thread) > 0)) return true;
    }
    return false;
}

int api_thread(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    leadbus_thread *thread = NULL;
    int status = api_path_id(request, id, ret_error);
    if (status) return status;
    if (leadbus_thread_get(agent->lb, id, &thread, &trouble))
        status = agent_error(&trouble, ret_error);
    /* A thread that this unit has no message of is known by what the bus said of it. */
    if ((status == E_NOT_FOUND || (thread && !is_known(thread))) &&
        api_thread_waits(agent, request, reply, id, &status, ret_error)) {
        leadbus_thread_free(thread);
        return 0;
    }
    if (!thread) return status;
    json_t *timeline = json_array();
    json_t *legs = json_array();
    for (size_t i = 0; i < leadbus_thread_item_count(thread); i++)
        json_array_append_new(timeline, timeline_json(agent, leadbus_thread_item(thread, i)));
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++)
        json_array_append_new(legs, leg_json(agent, leadbus_thread_leg(thread, i)));
    reply->json = json_object();
    render_set_id(reply->json, "id", id);
    render_set(reply->json, "status", render_thread_state(leadbus_thread_status(thread)));
    if (leadbus_thread_listed(thread)) json_object_set_new(reply->json, "listed", json_true());
    if (leadbus_thread_cut(thread)) json_object_set_new(reply->json, "legs_more", json_true());
    if (leadbus_thread_raised(thread))
        json_object_set_new(reply->json, "urgency_raised",
                            json_integer(leadbus_thread_raised(thread)));
    chains_json(agent, thread, reply->json);
    decisions_json(agent, thread, reply->json);
    deletion_json(agent, thread, reply->json);
    json_object_set_new(reply->json, "timeline", timeline);
    json_object_set_new(reply->json, "legs", legs);
    leadbus_thread_free(thread);
    return 0;
}
