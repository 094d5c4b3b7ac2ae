/* Who may be told of a file, and is: a thread on the bus for each unit. */
#include <stdio.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/casefile.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"
#include "proto/plan/day.h"
#include "proto/plan/route.h"

static const char ACCESS_KIND[] = "file.access", END_KIND[] = "file.end";

struct letter {
    const char *kind, *topic, *officer, *target;
    const uint8_t *parent; /* 16 bytes; NULL: it opens a thread */
    json_t *take_full;
};

/* The pseudonym of the file that the thread was opened for; false: not known here. */
static bool pseudonym_of(struct agent *agent, const struct leadbus_draft *draft, char *ret,
                         size_t cap)
{
    leadbus_message *message = NULL;
    uint8_t thread[16];
    const uint8_t *id = draft->thread ? draft->thread : draft->parent;
    if (!id || leadbus_message_get(agent->lb, id, &message, NULL)) return false;
    memcpy(thread, leadbus_message_item(message)->thread, 16);
    leadbus_message_free(message);
    if (leadbus_message_get(agent->lb, thread, &message, NULL)) return false;
    json_t *sections = render_sections(agent, message);
    const char *text = casefile_text(json_object_get(sections, "full"), "pseudonym");
    (void)snprintf(ret, cap, "%s", text);
    json_decref(sections);
    leadbus_message_free(message);
    return *ret != 0;
}

int casefile_check_section(struct agent *agent, const struct api_draft *draft, const char *section,
                           const json_t *object, struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1], own[64], today[DAY_TEXT_LEN];
    enum plan_act act = draft->kind->act;
    const char *given = casefile_text(object, "pseudonym");
    const char *day = casefile_text(object, "delete_on");
    if (act != PLAN_ACT_INFORM && act != PLAN_ACT_END_ACCESS) return 0;
    if (*given && pseudonym_of(agent, &draft->draft, own, sizeof own) && strcmp(given, own) != 0) {
        (void)snprintf(field, sizeof field, "%s.pseudonym", section);
        return error_say(ret_error, E_BAD_VALUE, field, "档案不符：这条授权线索是档案 %s 的",
                         "another file: access was given to %s on this thread", own);
    }
    day_text(agent_now_ms(), today);
    if (act != PLAN_ACT_END_ACCESS || !*day || strcmp(day, today) >= 0) return 0;
    (void)snprintf(field, sizeof field, "%s.delete_on", section);
    return error_say(ret_error, E_BAD_VALUE, field, "这一天已经过去：应为今天（%s）或以后",
                     "that day is over: today (%s) or later", today);
}

int casefile_want_reason(const struct agent *agent, const char *reason, struct error *ret_error)
{
    enum { LIST_LEN_MAX = ERROR_DETAIL_LEN_MAX - 32 };
    char list[LIST_LEN_MAX + 1];
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, END_KIND) : NULL;
    if (reason && *reason && (!kind || plan_topic_find(kind, reason))) return 0;
    if (!kind) return casefile_want(reason, "reason", ret_error);
    route_topic_list(kind, LANG_EN, sizeof list, list);
    int code = reason && *reason ? E_BAD_VALUE : E_MISSING_FIELD;
    (void)error_set(ret_error, code, "reason", "one of: %s", list);
    route_topic_list(kind, LANG_ZH, sizeof list, list);
    (void)error_note_zh(ret_error, "可填：%s", list);
    return code;
}

static int stage(struct agent *agent, const struct letter *letter, uint8_t ret_id[16],
                 struct error *ret_error)
{
    struct api_draft draft = {.remarks = json_array()};
    struct leadbus_error trouble = {0};
    json_t *sections = json_pack("{s:o}", "full", letter->take_full);
    draft.kind = agent->plan ? plan_kind_find(agent->plan, letter->kind) : NULL;
    draft.draft = (struct leadbus_draft){.size = sizeof draft.draft,
                                         .kind = letter->kind,
                                         .topic = letter->topic,
                                         .officer = letter->officer,
                                         .target = letter->target,
                                         .parent = letter->parent};
    int status = draft.kind ? api_draft_sections(agent, &draft, sections, true, ret_error)
                            : error_say(ret_error, E_KIND_UNKNOWN, "kind",
                                        "现行方案没有专门档案的种类", "the plan has no such kind");
    if (!status && leadbus_stage(agent->lb, &draft.draft, ret_id, &trouble))
        status = agent_error(&trouble, ret_error);
    api_draft_fini(&draft);
    json_decref(sections);
    return status;
}

static void note_sent(const struct agent *agent, struct casefile *file, const char *unit,
                      const uint8_t id[16])
{
    json_t *one = json_object();
    if (!file->sent) file->sent = json_array();
    render_set_unit(agent, one, "unit", unit);
    render_set_id(one, "id", id);
    json_array_append_new(file->sent, one);
}

static int grant(struct agent *agent, struct casefile *file, const char *unit, const char *purpose,
                 const char *officer, const char *text, struct error *ret_error)
{
    json_t *list = casefile_list(file->record, "access");
    char at[CODES_TIME_TEXT_LEN + 1], thread[37];
    uint8_t id[16];
    int status = casefile_room(list, CASEFILE_UNITS_MAX, "unit", ret_error);
    if (status) return status;
    if (casefile_access(file->record, unit))
        return error_say(ret_error, E_BAD_VALUE, "unit", "该单位已可查阅", "it has access already");
    json_t *full = json_pack("{s:s,s:s}", "pseudonym", casefile_text(file->record, "pseudonym"),
                             "purpose", purpose);
    casefile_put(full, "text", text);
    const struct letter letter = {
        .kind = ACCESS_KIND, .officer = officer, .target = unit, .take_full = full};
    status = stage(agent, &letter, id, ret_error);
    if (status) return status;
    uuid_text(id, thread);
    casefile_now(at);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "unit", unit, "thread", thread,
                                          "purpose", purpose, "officer", officer, "at", at));
    note_sent(agent, file, unit, id);
    return 0;
}

static bool is_on(const leadbus_thread *thread, const char *unit)
{
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++)
        if (strcmp(leadbus_thread_leg(thread, i)->unit, unit) == 0) return true;
    return false;
}

int casefile_inform(struct agent *agent, struct casefile *file, const struct casefile_news *news,
                    struct error *ret_error)
{
    const json_t *list = json_object_get(file->record, "access");
    int status = 0;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *unit = casefile_text(entry, "unit");
        uint8_t parent[16], id[16];
        if (json_object_get(entry, "ended_at")) continue;
        if (news->thread && !is_on(news->view, unit)) continue;
        CHECK(uuid_parse_text(casefile_text(entry, "thread"), parent, NULL) == 0);
        json_t *full =
            json_pack("{s:s,s:s,s:s}", "pseudonym", casefile_text(file->record, "pseudonym"),
                      "change", news->change, "changed_on", news->on);
        casefile_put(full, "next_visit_on", news->next_on);
        casefile_put(full, "text", news->text);
        if (news->thread) json_object_set_new(full, "threads", json_pack("[s]", news->thread));
        const struct letter letter = {
            .kind = "file.update", .officer = news->officer, .parent = parent, .take_full = full};
        status = stage(agent, &letter, id, ret_error);
        if (!status) note_sent(agent, file, unit, id);
    }
    return status;
}

static int end_access(struct agent *agent, struct casefile *file, json_t *entry, const char *reason,
                      const char *delete_on, const char *officer, const char *text,
                      struct error *ret_error)
{
    uint8_t parent[16], id[16];
    char at[CODES_TIME_TEXT_LEN + 1];
    CHECK(uuid_parse_text(casefile_text(entry, "thread"), parent, NULL) == 0);
    json_t *full = json_pack("{s:s,s:s,s:s}", "pseudonym", casefile_text(file->record, "pseudonym"),
                             "reason", reason, "delete_on", delete_on);
    casefile_put(full, "text", text);
    const struct letter letter = {
        .kind = END_KIND, .topic = reason, .officer = officer, .parent = parent, .take_full = full};
    int status = stage(agent, &letter, id, ret_error);
    if (status) return status;
    casefile_now(at);
    casefile_put(entry, "ended_at", at);
    casefile_put(entry, "reason", reason);
    note_sent(agent, file, casefile_text(entry, "unit"), id);
    return 0;
}

int casefile_end(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                 struct error *ret_error)
{
    json_t *list = casefile_list(file->record, "access");
    char at[CODES_TIME_TEXT_LEN + 1];
    int status = casefile_want_reason(agent, wanted->reason, ret_error);
    if (!status) status = casefile_want_day(wanted->delete_on, "delete_on", true, ret_error);
    if (!status && strcmp(wanted->reason, "revoked") == 0)
        status = error_say(ret_error, E_BAD_VALUE, "reason", "revoked 只用于收回一个单位的查阅",
                           "revoked is about the access of one unit");
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        json_t *entry = json_array_get(list, i);
        if (!json_object_get(entry, "ended_at"))
            status = end_access(agent, file, entry, wanted->reason, wanted->delete_on,
                                wanted->officer, wanted->text, ret_error);
    }
    if (status) return status;
    casefile_now(at);
    casefile_put(file->record, "ended_at", at);
    casefile_put(file->record, "reason", wanted->reason);
    casefile_put(file->record, "delete_on", wanted->delete_on);
    return 0;
}

int casefile_grant(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                   struct error *ret_error)
{
    int status = casefile_want(wanted->unit, "unit", ret_error);
    if (!status) status = casefile_want(wanted->purpose, "purpose", ret_error);
    return status ? status
                  : grant(agent, file, wanted->unit, wanted->purpose, wanted->officer, wanted->text,
                          ret_error);
}

int casefile_revoke(struct agent *agent, struct casefile *file,
                    const struct casefile_wanted *wanted, struct error *ret_error)
{
    int status = casefile_want(wanted->unit, "unit", ret_error);
    if (!status) status = casefile_want_day(wanted->delete_on, "delete_on", true, ret_error);
    if (status) return status;
    json_t *entry = casefile_access(file->record, wanted->unit);
    if (!entry)
        return error_say(ret_error, E_BAD_VALUE, "unit", "该单位没有查阅授权",
                         "that unit has no access");
    return end_access(agent, file, entry, "revoked", wanted->delete_on, wanted->officer,
                      wanted->text, ret_error);
}

/* Other units that the plan has keep files: they have access from the beginning. */
int casefile_grant_keepers(struct agent *agent, struct casefile *file,
                           const struct casefile_wanted *wanted, struct error *ret_error)
{
    const struct plan *plan = agent->plan;
    const struct plan_kind *kind = plan ? plan_kind_find(plan, ACCESS_KIND) : NULL;
    uint16_t own = plan ? plan_unit_current(plan, agent->unit) : PLAN_UNIT_NONE;
    uint64_t now_ms = agent_now_ms();
    int status = 0;
    if (!kind || !route_sender_allowed(plan, kind, NULL, own, now_ms, PLAN_UNIT_NONE))
        return error_say(ret_error, E_SENDER_NOT_ALLOWED, "kind", "按方案本单位不保管专门档案",
                         "by the plan this unit keeps no files");
    for (uint16_t u = 0; u < plan_unit_count(plan) && !status; u++) {
        if (u == own || plan_unit_current(plan, plan_unit(plan, u)->key) != u) continue;
        if (route_sender_allowed(plan, kind, NULL, u, now_ms, PLAN_UNIT_NONE))
            status = grant(agent, file, plan_unit(plan, u)->key, wanted->purpose, wanted->officer,
                           wanted->text, ret_error);
    }
    return status;
}
