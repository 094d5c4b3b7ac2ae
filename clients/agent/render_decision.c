/* What waits for a decision, and the commands that give it. */
#include <string.h>

#include "clients/agent/render.h"
#include "proto/plan/lifecycle.h"

static void add(json_t *list, const char *act, const char *id, const char *options)
{
    json_array_append_new(list, json_sprintf("leadbus %s %s %s", act, id, options));
}

/* What came back goes out again with what was missing, is shown to be the same matter as another
 * one, or left the bus; what its reason asks for comes first. */
static void add_returned(json_t *list, const struct leadbus_decision *decision, const char *about)
{
    bool duplicate = strcmp(decision->topic, "duplicate") == 0;
    size_t first = duplicate ? 1 : strcmp(decision->topic, "other-area") == 0 ? 2 : 0;
    for (size_t i = 0; i < 3; i++) {
        size_t which = (first + i) % 3;
        if (which == 0)
            json_array_append_new(list, json_sprintf("leadbus send %s --parent %s --file FILE",
                                                     decision->kind, about));
        if (which == 1) add(list, "link", about, "--other ID --reason same-matter");
        if (which == 2) add(list, "go-out", about, "--file FILE");
    }
}

static json_t *commands_json(const struct leadbus_decision *decision)
{
    json_t *list = json_array();
    char id[37], about[37];
    uuid_text(decision->message, id);
    uuid_text(decision->about, about);
    switch ((enum plan_act)decision->act) {
    case PLAN_ACT_ASK_RELEASE:
        add(list, "release", id, "--outcome granted --text TEXT");
        add(list, "release", id, "--outcome denied --text TEXT");
        break;
    case PLAN_ACT_OBJECT:
        add(list, "uphold", id, "--reason CODE --text TEXT");
        add(list, "reopen", id, "--reason CODE --text TEXT");
        break;
    case PLAN_ACT_HAND_IN:
        add(list, "review", id, "--outcome accepted");
        add(list, "review", id, "--outcome sent-back --text TEXT --set due_on=DAY");
        break;
    case PLAN_ACT_RETURN: add_returned(list, decision, about); break;
    default: break;
    }
    return list;
}

json_t *render_decision(const struct agent *agent, const struct leadbus_decision *decision)
{
    json_t *object = json_object();
    enum plan_act act = (enum plan_act)decision->act;
    render_set(object, "asked", plan_act_name(act));
    render_set(object, "asked_zh", lifecycle_act_text(act, LANG_ZH));
    render_set(object, "asked_en", lifecycle_act_text(act, LANG_EN));
    render_set_id(object, "message", decision->message);
    render_set_id(object, "about", decision->about);
    render_set_unit(agent, object, "unit", decision->unit);
    render_set_unit(agent, object, "from", decision->from);
    render_set(object, "owed_zh", decision->owed_zh);
    render_set(object, "owed_en", decision->owed_en);
    render_set_time(object, "asked_at", decision->asked_ms);
    render_set_time(object, "due_at", decision->due_ms);
    if (decision->due_ms) json_object_set_new(object, "overdue", json_boolean(decision->overdue));
    json_object_set_new(object, "own", json_boolean(decision->own));
    if (decision->escalated) json_object_set_new(object, "escalated", json_true());
    if (decision->own) json_object_set_new(object, "commands", commands_json(decision));
    return object;
}
