/* Acts on a thread by name: what they refer to, their payload, their order. */
#include <stdio.h>
#include <string.h>

#include "clients/agent/api.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/route.h"

static enum plan_act act_of_name(const char *name)
{
    for (int act = PLAN_ACT_SIGN; act < PLAN_ACT_COUNT; act++)
        if (strcmp(plan_act_name((enum plan_act)act), name) == 0) return (enum plan_act)act;
    return PLAN_ACT_NONE;
}

/* The acts that the plan in force has kinds for. */
static int act_unknown(const struct plan *plan, const char *name, struct error *ret_error)
{
    char list[ERROR_DETAIL_LEN_MAX + 1] = "";
    size_t len = 0;
    for (int act = PLAN_ACT_SIGN; act < PLAN_ACT_COUNT; act++) {
        if (!plan_kind_of_act(plan, (enum plan_act)act)) continue;
        int more = snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "",
                            plan_act_name((enum plan_act)act));
        if (more > 0 && (size_t)more < sizeof list - len) len += (size_t)more;
    }
    list[len] = 0;
    (void)error_set(ret_error, name ? E_BAD_VALUE : E_MISSING_FIELD, "act", "one of: %.200s", list);
    (void)error_note_zh(ret_error, "可填：%.200s", list);
    return name ? E_BAD_VALUE : E_MISSING_FIELD;
}

/* The program knows the act, and the bundle in force is older than it. */
static int act_of_newer_plan(const struct plan *plan, enum plan_act act, struct error *ret_error)
{
    const char *of = plan_about(plan)->name;
    (void)error_set(
        ret_error, E_KIND_UNKNOWN, "act",
        "the plan in force (%.60s) has no kind that does %s: the authority signs a bundle "
        "with a plan that has one",
        of, plan_act_name(act));
    (void)error_note_zh(ret_error, "现行方案（%.60s）没有“%s”的种类：请授权机构签发含有它的方案包",
                        of, lifecycle_act_text(act, LANG_ZH));
    return E_KIND_UNKNOWN;
}

/* What an act refers to when it is no unit's own leg: the newest message of the kind of another act
 * that came to us or that we sent. */
static enum plan_act refers_to(enum plan_act act)
{
    if (act == PLAN_ACT_RELEASE) return PLAN_ACT_ASK_RELEASE;
    if (act == PLAN_ACT_OBJECT) return PLAN_ACT_CLOSE;
    if (act == PLAN_ACT_REVIEW) return PLAN_ACT_HAND_IN;
    if (act == PLAN_ACT_UPHOLD || act == PLAN_ACT_REOPEN) return PLAN_ACT_OBJECT;
    return PLAN_ACT_NONE;
}

static const uint8_t *newest_of_act(const struct agent *agent, const leadbus_thread *thread,
                                    enum plan_act act)
{
    for (size_t i = leadbus_thread_item_count(thread); act != PLAN_ACT_NONE && i-- > 0;) {
        const struct leadbus_item *item = leadbus_thread_item(thread, i);
        const struct plan_kind *kind = plan_kind_find(agent->plan, item->kind);
        if (kind && kind->act == act) return item->id;
    }
    return NULL;
}

/* Acts that the office does about a leg of another unit. */
static bool about_others(enum plan_act act)
{
    return act == PLAN_ACT_EXTEND || act == PLAN_ACT_PAUSE || act == PLAN_ACT_RESUME;
}

/* How well an act suits a leg: some are about legs of some kinds alone, or rather about those whose
 * clocks stand still, or run. */
enum fit { FIT_OTHER_KIND, FIT_KIND, FIT_WELL, FIT_COUNT };

static enum fit fit_of(const struct agent *agent, enum plan_act act, const struct leadbus_leg *leg)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, leg->kind);
    if (act == PLAN_ACT_HAND_IN && !(kind && kind->reported)) return FIT_OTHER_KIND;
    if (act == PLAN_ACT_CONFIRM_DELETION && !(kind && kind->erased)) return FIT_OTHER_KIND;
    /* An urge, or a listing, has legs of its own, which are signed for and nothing more. */
    if (act != PLAN_ACT_SIGN && kind &&
        (kind->act == PLAN_ACT_URGE || kind->act == PLAN_ACT_SUPERVISE))
        return FIT_OTHER_KIND;
    if (act == PLAN_ACT_PAUSE && leg->paused) return FIT_KIND;
    if (act == PLAN_ACT_RESUME && !leg->paused) return FIT_KIND;
    return FIT_WELL;
}

/* Our newest leg that suits the act best and is not done, else our newest; where the office rules
 * about others, their newest that is not done. Borrowed from the thread; NULL: none. */
static const uint8_t *choose_leg(const struct agent *agent, const leadbus_thread *thread,
                                 enum plan_act act)
{
    const uint8_t *ours[FIT_COUNT] = {NULL}, *theirs[FIT_COUNT] = {NULL};
    bool open[FIT_COUNT] = {false};
    bool any_kind = !lifecycle_act_is_note(act); /* and is told why not */
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++) {
        const struct leadbus_leg *leg = leadbus_thread_leg(thread, i);
        enum fit fit = fit_of(agent, act, leg);
        if (!leg->done) theirs[fit] = leg->message;
        if (strcmp(leg->unit, agent->unit) != 0 || (open[fit] && leg->done)) continue;
        ours[fit] = leg->message;
        open[fit] = !leg->done;
    }
    for (int fit = FIT_COUNT - 1; fit >= (any_kind ? FIT_OTHER_KIND : FIT_KIND); fit--) {
        if (ours[fit]) return ours[fit];
        if (about_others(act) && theirs[fit]) return theirs[fit];
    }
    return NULL;
}

/* Of several reports on a thread nobody knows which one is meant. */
static int which_is_missing(const struct agent *agent, const leadbus_thread *thread,
                            enum plan_act act, struct error *ret_error)
{
    size_t count = 0;
    for (size_t i = 0; act == PLAN_ACT_REVIEW && i < leadbus_thread_item_count(thread); i++) {
        const struct plan_kind *kind =
            plan_kind_find(agent->plan, leadbus_thread_item(thread, i)->kind);
        count += kind && kind->act == PLAN_ACT_HAND_IN;
    }
    if (count < 2) return 0;
    return error_say(
        ret_error, E_MISSING_FIELD, "message", "此线索上有 %zu 份报送，请写明所复核的一份",
        "%zu reports were handed in on this thread: name the one that is meant", count);
}

/* The message that an act of ours on this thread means: that of a leg (the library says why it
 * refuses); for acts on the whole thread our own first message, else the first one there is. */
static int choose_parent(struct agent *agent, const uint8_t thread_id[16], enum plan_act act,
                         uint8_t ret_parent[16], struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    leadbus_thread *thread = NULL;
    bool whole = lifecycle_act_on_thread(act) || act == PLAN_ACT_LINK;
    const uint8_t *found = NULL;
    bool own_found = false;
    if (leadbus_thread_get(agent->lb, thread_id, &thread, &trouble))
        return agent_error(&trouble, ret_error);
    int status = which_is_missing(agent, thread, act, ret_error);
    if (status) {
        leadbus_thread_free(thread);
        return status;
    }
    const uint8_t *before = newest_of_act(agent, thread, refers_to(act));
    if (!before)
        before = act == PLAN_ACT_REOPEN ? newest_of_act(agent, thread, PLAN_ACT_CLOSE) : NULL;
    if (!whole) found = choose_leg(agent, thread, act);
    if (!found && lifecycle_act_is_note(act)) whole = true;
    for (size_t i = 0; whole && i < leadbus_thread_item_count(thread); i++) {
        const struct leadbus_item *item = leadbus_thread_item(thread, i);
        bool own = item->type == LEADBUS_ITEM_SENT;
        if (!own && item->type != LEADBUS_ITEM_MESSAGE) continue;
        if (!found || (own && !own_found)) found = item->id;
        own_found = own_found || own;
    }
    if (before) found = before;
    if (whole && !found && leadbus_thread_leg_count(thread) > 0) found = thread_id; /* asked for */
    if (found) memcpy(ret_parent, found, 16);
    leadbus_thread_free(thread);
    if (found) return 0;
    return error_say(ret_error, E_LIFECYCLE_ROLE, "act", "本单位在此线索上没有须签收的消息",
                     "this unit has nothing to sign for on this thread");
}

/* Everything that is not about the act itself is the receipt's payload. */
static json_t *payload_of_body(const json_t *body, bool reason_is_topic)
{
    static const char *const own[] = {"act",     "officer", "outcome", "topic",
                                      "message", "target",  "other",   "occurred_at"};
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = body};
    json_t *payload = json_copy(held.out);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) json_object_del(payload, own[i]);
    if (reason_is_topic) json_object_del(payload, "reason");
    return payload;
}

/* The reason of most acts with topics is the topic; some have both. */
static bool reason_is_topic(const struct plan_kind *kind)
{
    const struct payload_message *message = payload_find(kind->sections[0].message);
    if (kind->topic_count == 0) return false;
    for (size_t i = 0; message && i < message->field_count; i++)
        if (strcmp(message->fields[i].name, "reason") == 0) return false;
    return true;
}

/* What a caller names the topic of an act by. */
static const char *topic_field(const struct plan_kind *kind)
{
    if (kind->act == PLAN_ACT_CLOSE || kind->act == PLAN_ACT_RELEASE ||
        kind->act == PLAN_ACT_REVIEW || kind->act == PLAN_ACT_END_ACCESS)
        return "outcome";
    return reason_is_topic(kind) ? "reason" : "topic";
}

static int topic_missing(const struct plan_kind *kind, struct error *ret_error)
{
    enum { LIST_LEN_MAX = ERROR_DETAIL_LEN_MAX - 32 };
    char list[LIST_LEN_MAX + 1];
    route_topic_list(kind, LANG_EN, sizeof list, list);
    (void)error_set(ret_error, E_MISSING_FIELD, topic_field(kind), "one of: %s", list);
    route_topic_list(kind, LANG_ZH, sizeof list, list);
    (void)error_note_zh(ret_error, "可填：%s", list);
    return E_MISSING_FIELD;
}

/* Is the act in order? Told before its contents are: nobody words a reason for what may not be. */
static int check_order(struct agent *agent, const struct api_draft *draft, struct error *ret_error)
{
    struct leadbus_draft probe = draft->draft;
    struct leadbus_error trouble = {0};
    leadbus_preview *preview = NULL;
    int status = 0;
    size_t topic = 0;
    bool any = draft->kind->topic_required && !probe.topic;
    /* Which outcomes may be depends on what is closed: one of them does. */
    do {
        if (any) probe.topic = draft->kind->topics[topic].slug;
        status = leadbus_preview_make(agent->lb, &probe, &preview, &trouble);
    } while (any && status == E_TOPIC_UNKNOWN && ++topic < draft->kind->topic_count);
    if (status == E_TOPIC_UNKNOWN)
        (void)snprintf(trouble.field, sizeof trouble.field, "%s", topic_field(draft->kind));
    if (status) return agent_error(&trouble, ret_error);
    leadbus_preview_free(preview);
    return 0;
}

/* An act whose kind has several sections has them by name, and nothing beside them. */
static int read_sections_of_act(struct agent *agent, struct api_draft *draft, const json_t *payload,
                                struct error *ret_error)
{
    static const char *const known[] = {"sections", NULL};
    int status = http_only_keys(payload, known, "", ret_error);
    if (status) return status;
    return api_draft_sections(agent, draft, json_object_get(payload, "sections"), true, ret_error);
}

static int read_act(struct agent *agent, const struct http_request *request, const json_t *body,
                    struct api_draft *draft, struct error *ret_error)
{
    const char *name = NULL;
    struct leadbus_draft *to = &draft->draft;
    int status = api_string(body, "act", &name, ret_error);
    if (status) return status;
    enum plan_act act = name ? act_of_name(name) : PLAN_ACT_NONE;
    draft->kind = act == PLAN_ACT_NONE ? NULL : plan_kind_of_act(agent->plan, act);
    if (!draft->kind && act != PLAN_ACT_NONE) return act_of_newer_plan(agent->plan, act, ret_error);
    if (!draft->kind) return act_unknown(agent->plan, name, ret_error);
    to->size = sizeof *to;
    to->kind = draft->kind->slug;
    draft->remarks = json_array();
    if (reason_is_topic(draft->kind)) status = api_string(body, "reason", &to->topic, ret_error);
    if (!status) status = api_string(body, "outcome", &to->topic, ret_error);
    if (!status) status = api_string(body, "topic", &to->topic, ret_error);
    if (!status && act == PLAN_ACT_END_ACCESS && !to->topic)
        status = api_string(body, "reason", &to->topic, ret_error);
    if (!status) status = api_officer(body, &to->officer, ret_error);
    if (!status) status = api_time(body, "occurred_at", &to->occurred_ms, ret_error);
    if (!status) status = api_id(body, "message", draft->parent, &to->parent, ret_error);
    if (!status) status = api_string(body, "target", &to->target, ret_error);
    if (!status) status = api_id(body, "other", draft->other, &to->other, ret_error);
    if (!status) status = api_path_id(request, draft->thread, ret_error);
    if (!status && !to->parent) {
        status = choose_parent(agent, draft->thread, act, draft->parent, ret_error);
        to->parent = draft->parent;
    }
    if (status) return status;
    to->thread = draft->thread;
    status = check_order(agent, draft, ret_error);
    if (!status) status = lifecycle_check_officer(draft->kind, to->officer, ret_error);
    if (!status)
        status =
            lifecycle_check_named(draft->kind, to->topic, to->target, to->other != NULL, ret_error);
    if (!status && draft->kind->topic_required && !to->topic)
        status = topic_missing(draft->kind, ret_error);
    if (status) return status;
    json_t *payload = payload_of_body(body, reason_is_topic(draft->kind));
    /* Why access ends is the topic and stands in the section as well: said once. */
    if (act == PLAN_ACT_END_ACCESS && !json_object_get(payload, "reason"))
        json_object_set_new(payload, "reason", json_string(to->topic));
    if (draft->kind->section_count > 1)
        status = read_sections_of_act(agent, draft, payload, ret_error);
    else
        status = api_draft_section(agent, draft, 0, payload, ret_error);
    to->sections = draft->sections;
    json_decref(payload);
    return status;
}

bool api_thread_elsewhere(const struct api_draft *draft, int status)
{
    if (!draft->kind) return false;
    enum plan_act act = draft->kind->act;
    bool ruling = about_others(act) || act == PLAN_ACT_UPHOLD || act == PLAN_ACT_REOPEN;
    if (!ruling && !lifecycle_act_on_thread(act)) return false;
    return status == E_NOT_FOUND || status == E_THREAD_UNKNOWN || status == E_PARENT_UNKNOWN ||
           status == E_LIFECYCLE_ROLE;
}

int api_act(struct agent *agent, struct http_request *request, struct http_reply *reply,
            struct error *ret_error)
{
    if (request->submitted) return api_submitted(agent, request, reply, ret_error);
    struct api_draft draft = {0};
    json_t *body = NULL;
    int status = payload_json_parse(buf_bytes(&request->body), &body, ret_error);
    if (!status) status = read_act(agent, request, body, &draft, ret_error);
    if (api_thread_elsewhere(&draft, status) &&
        api_thread_waits(agent, request, reply, draft.thread, &status, ret_error))
        status = 0;
    else if (!status)
        status = api_draft_submit(agent, request, &draft, reply, ret_error);
    api_draft_fini(&draft);
    json_decref(body);
    return status;
}
