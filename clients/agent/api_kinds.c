#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/route.h"

static json_t *strings(const char *const *list, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) json_array_append_new(array, json_string(list[i]));
    return array;
}

/* May this unit open a thread with it, or with this topic of it; NULL: any. */
static bool may_send(const struct agent *agent, const struct plan_kind *kind,
                     const struct plan_topic *topic)
{
    uint16_t unit = plan_unit_current(agent->plan, agent->unit);
    if (kind->senders.reference && (!topic || !topic->senders || topic->senders->reference))
        return true;
    return unit != PLAN_UNIT_NONE &&
           route_sender_allowed(agent->plan, kind, topic, unit, agent_now_ms(), PLAN_UNIT_NONE);
}

static json_t *topics_json(const struct agent *agent, const struct plan_kind *kind)
{
    json_t *array = json_array();
    for (size_t i = 0; i < kind->topic_count; i++) {
        const struct plan_topic *topic = &kind->topics[i];
        json_array_append_new(array, json_pack("{s:s,s:s,s:s,s:i,s:b}", "topic", topic->slug,
                                               "name_zh", topic->name_zh, "name_en", topic->name_en,
                                               "urgency", (int)topic->urgency, "may_send",
                                               may_send(agent, kind, topic)));
    }
    return array;
}

static json_t *expects_json(const struct plan_kind *kind)
{
    json_t *array = json_array();
    for (int act = PLAN_ACT_DELIVER; act < PLAN_ACT_COUNT; act++)
        if (plan_kind_expects(kind, (enum plan_act)act))
            json_array_append_new(array, json_string(plan_act_name((enum plan_act)act)));
    return array;
}

static json_t *attachments_json(const struct plan_kind *kind)
{
    static const char *const words[] = {"photo", "document", "media", "location"};
    json_t *array = json_array();
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (kind->attachments >> i & 1) json_array_append_new(array, json_string(words[i]));
    return array;
}

static json_t *kind_json(const struct agent *agent, const struct plan_kind *kind)
{
    static const char *const positions[] = {"opens", "follows", "either"};
    json_t *object = json_object();
    json_t *sections = json_array();
    for (size_t i = 0; i < kind->section_count; i++)
        json_array_append_new(sections,
                              json_pack("{s:s,s:b,s:b,s:b,s:b}", "name", kind->sections[i].name,
                                        "required", !kind->sections[i].optional, "copies_may_open",
                                        kind->sections[i].copy, "small_group",
                                        kind->sections[i].small_group, "police_only",
                                        kind->sections[i].police));
    render_set(object, "kind", kind->slug);
    render_set(object, "name_zh", kind->name_zh);
    render_set(object, "name_en", kind->name_en);
    render_set(object, "family", plan_family_name(kind->family));
    json_object_set_new(object, "urgency", json_integer(kind->urgency));
    json_object_set_new(object, "level", json_integer(kind->level));
    json_object_set_new(object, "tags", strings(kind->tags, kind->tag_count));
    json_object_set_new(object, "topics", topics_json(agent, kind));
    json_object_set_new(object, "topic_required", json_boolean(kind->topic_required));
    render_set(object, "position", positions[kind->position]);
    json_object_set_new(object, "sections", sections);
    json_object_set_new(object, "expects", expects_json(kind));
    json_object_set_new(object, "may_expire", json_boolean(kind->may_expire));
    json_object_set_new(object, "returnable", json_boolean(kind->returnable));
    json_object_set_new(object, "attachments", attachments_json(kind));
    json_object_set_new(object, "retention_days",
                        kind->retention_days == PLAN_RETENTION_CASE
                            ? json_null()
                            : json_integer(kind->retention_days));
    json_object_set_new(object, "clauses", strings(kind->clauses, kind->clause_count));
    json_object_set_new(object, "may_send", json_boolean(may_send(agent, kind, NULL)));
    return object;
}

int api_kinds(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    (void)request;
    (void)ret_error;
    json_t *items = json_array();
    for (size_t i = 0; i < plan_kind_count(agent->plan); i++)
        json_array_append_new(items, kind_json(agent, plan_kind(agent->plan, i)));
    reply->json = json_pack("{s:o,s:s,s:I}", "items", items, "plan", plan_about(agent->plan)->name,
                            "bundle", (json_int_t)agent->plan_bundle);
    return 0;
}

/* The body of POST /v1/messages for this kind, as one would fill it in. */
static json_t *example_json(const struct agent *agent, const struct plan_kind *kind)
{
    json_t *object = json_object();
    json_t *sections = json_object();
    render_set(object, "kind", kind->slug);
    if (kind->topic_count) render_set(object, "topic", kind->topics[0].slug);
    for (size_t i = 0; i < plan_area_count(agent->plan); i++)
        if (plan_area(agent->plan, i)->street != PLAN_UNIT_NONE) {
            render_set(object, "area", plan_area(agent->plan, i)->code);
            break;
        }
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct payload_message *message = payload_find(kind->sections[i].message);
        if (message)
            json_object_set_new(sections, kind->sections[i].name, payload_json_example(message));
    }
    json_object_set_new(object, "sections", sections);
    return object;
}

int api_kind(struct agent *agent, struct http_request *request, struct http_reply *reply,
             struct error *ret_error)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, request->id);
    if (!kind)
        return error_say(ret_error, E_NOT_FOUND, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    json_t *properties = json_object();
    json_t *required = json_array();
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct payload_message *message = payload_find(kind->sections[i].message);
        if (!message) continue;
        json_object_set_new(properties, kind->sections[i].name, payload_json_schema(message));
        if (!kind->sections[i].optional)
            json_array_append_new(required, json_string(kind->sections[i].name));
    }
    reply->json = kind_json(agent, kind);
    json_object_set_new(reply->json, "schema",
                        json_pack("{s:s,s:s,s:o,s:o,s:b}", "$schema",
                                  "https://json-schema.org/draft/2020-12/schema", "type", "object",
                                  "properties", properties, "required", required,
                                  "additionalProperties", 0));
    json_object_set_new(reply->json, "example", example_json(agent, kind));
    return 0;
}
