#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/example.h"
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

static json_t *named_json(const char *key, const char *name, const char *name_zh,
                          const char *name_en)
{
    return json_pack("{s:s,s:s,s:s}", key, name, "name_zh", name_zh, "name_en", name_en);
}

/* Who may send it, as the plan words it: any unit, units, groups, who is answered. */
static json_t *senders_json(const struct agent *agent, const struct plan_senders *senders)
{
    json_t *units = json_array();
    json_t *groups = json_array();
    for (uint16_t i = 0; i < plan_unit_count(agent->plan); i++) {
        const struct plan_unit *unit = plan_unit(agent->plan, i);
        if (unit->current == i && plan_unit_set_has(&senders->units, i))
            json_array_append_new(units,
                                  named_json("unit", unit->key, unit->name_zh, unit->name_en));
    }
    for (size_t i = 0; i < senders->group_count; i++) {
        const struct plan_group *group = plan_group(agent->plan, senders->groups[i]);
        json_array_append_new(groups,
                              named_json("group", group->key, group->name_zh, group->name_en));
    }
    return json_pack("{s:b,s:b,s:o,s:o}", "any", senders->any, "sender_of_reference",
                     senders->reference, "units", units, "groups", groups);
}

static json_t *topics_json(const struct agent *agent, const struct plan_kind *kind)
{
    json_t *array = json_array();
    for (size_t i = 0; i < kind->topic_count; i++) {
        const struct plan_topic *topic = &kind->topics[i];
        json_t *object = named_json("topic", topic->slug, topic->name_zh, topic->name_en);
        json_object_set_new(object, "urgency", json_integer(topic->urgency));
        json_object_set_new(object, "may_send", json_boolean(may_send(agent, kind, topic)));
        if (topic->senders)
            json_object_set_new(object, "senders", senders_json(agent, topic->senders));
        json_array_append_new(array, object);
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
    json_object_set_new(object, "outcomes", strings(kind->outcomes, kind->outcome_count));
    json_object_set_new(object, "may_expire", json_boolean(kind->may_expire));
    json_object_set_new(object, "returnable", json_boolean(kind->returnable));
    json_object_set_new(object, "attachments", attachments_json(kind));
    json_object_set_new(object, "retention_days",
                        kind->retention_days == PLAN_RETENTION_CASE
                            ? json_null()
                            : json_integer(kind->retention_days));
    json_object_set_new(object, "clauses", strings(kind->clauses, kind->clause_count));
    json_object_set_new(object, "senders", senders_json(agent, &kind->senders));
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

static json_t *templates_json(const struct plan_kind *kind, const char *topic)
{
    json_t *sections = json_object();
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct payload_message *message = payload_find(kind->sections[i].message);
        if (!message) continue;
        json_t *section = payload_json_template(message);
        if (topic) payload_json_set_topic(message, topic, section);
        json_object_set_new(sections, kind->sections[i].name, section);
    }
    return sections;
}

/* The same to be filled in: it passes nowhere before it is. */
static json_t *template_json(const struct plan_kind *kind, const struct plan_topic *topic)
{
    json_t *object = json_object();
    render_set(object, "kind", kind->slug);
    if (topic) {
        render_set(object, "topic", topic->slug);
    } else if (kind->topic_count) {
        char list[1024];
        route_topic_list(kind, LANG_ZH, sizeof list, list);
        json_object_set_new(object, "topic",
                            payload_json_blank(kind->topic_required, "主题", "topic", list));
    }
    json_object_set_new(object, "area",
                        payload_json_blank(false, "街道代码", "street code",
                                           payload_check_text(PAYLOAD_AREA, LANG_ZH)));
    json_object_set_new(object, "sections", templates_json(kind, topic ? topic->slug : NULL));
    return object;
}

int api_topic(const struct plan_kind *kind, const char *slug, bool wanted,
              const struct plan_topic **ret_topic, struct error *ret_error)
{
    enum { LIST_LEN_MAX = ERROR_DETAIL_LEN_MAX - 48 };
    char list[LIST_LEN_MAX + 1];
    *ret_topic = slug ? plan_topic_find(kind, slug) : NULL;
    if (*ret_topic || (!slug && !(wanted && kind->topic_required))) return 0;
    if (kind->topic_count == 0)
        return error_say(ret_error, E_TOPIC_UNKNOWN, "topic", "该种类没有主题",
                         "this kind has no topics");
    route_topic_list(kind, LANG_EN, sizeof list, list);
    (void)error_set(ret_error, E_TOPIC_UNKNOWN, "topic", "%sone of: %s",
                    slug ? "" : "a topic is required: ", list);
    route_topic_list(kind, LANG_ZH, sizeof list, list);
    (void)error_note_zh(ret_error, "%s可填：%s", slug ? "" : "须给出主题；", list);
    return E_TOPIC_UNKNOWN;
}

int api_kind(struct agent *agent, struct http_request *request, struct http_reply *reply,
             struct error *ret_error)
{
    const struct plan_kind *kind = plan_kind_find(agent->plan, request->id);
    if (!kind)
        return error_say(ret_error, E_NOT_FOUND, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    const struct plan_topic *topic = NULL;
    int status = api_topic(kind, http_query(request, "topic"), false, &topic, ret_error);
    if (status) return status;
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
    json_object_set_new(reply->json, "example",
                        example_json(agent->plan, kind, topic, agent_now_ms()));
    json_object_set_new(reply->json, "template", template_json(kind, topic));
    return 0;
}
