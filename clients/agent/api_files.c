/* Files of victims (专门档案): the index that their keeper has. Who may be told what of one stands
 * on the bus, on a thread for each unit (file.access, file.update, file.end); which threads a file
 * is about, when somebody is to visit and who looked into it stands here alone, sealed. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/day.h"
#include "proto/plan/route.h"

enum {
    FILES_MAX = 10000,
    FILE_THREADS_MAX = 256,
    FILE_UNITS_MAX = 64,
    FILE_VISITS_MAX = 512,
    FILE_LOOKS_MAX = 4096,
    FILE_TOLD_THREADS_MAX = 32, /* as the payload takes them */
};
#define DAY_MS 86400000ull

static const char ACCESS_KIND[] = "file.access";

/* One file at hand: its record as JSON, which is what the store has. */
struct casefile {
    uint8_t id[16];
    json_t *record;
    json_t *sent; /* what an act sent, by unit */
};

/* ---- records ------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool ended(const json_t *record)
{
    return json_object_get(record, "ended_at") != NULL;
}

/* The first visit that was planned and not made; NULL: none. */
static json_t *next_visit(const json_t *record)
{
    const json_t *visits = json_object_get(record, "visits");
    json_t *next = NULL;
    for (size_t i = 0; i < json_array_size(visits) && !ended(record); i++) {
        json_t *visit = json_array_get(visits, i);
        if (json_object_get(visit, "visited_on")) continue;
        if (!next || strcmp(text_of(visit, "on"), text_of(next, "on")) < 0) next = visit;
    }
    return next;
}

/* When its day is over; 0: nothing is to be done. */
static uint64_t due_of(const json_t *record)
{
    uint64_t day_ms;
    const json_t *visit = next_visit(record);
    return visit && day_parse(text_of(visit, "on"), &day_ms) ? day_ms + DAY_MS : 0;
}

static void now_text(char ret[CODES_TIME_TEXT_LEN + 1])
{
    codes_time_text(agent_now_ms(), ret);
}

static int save(struct agent *agent, const struct casefile *file, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    char *text = json_dumps(file->record, JSON_COMPACT);
    CHECK(text != NULL);
    struct leadbus_local local = {
        .due_ms = due_of(file->record), .data = text, .len = strlen(text)};
    memcpy(local.id, file->id, 16);
    int status = leadbus_local_put(agent->lb, &local, &trouble);
    if (!status) status = leadbus_commit(agent->lb, &trouble);
    sodium_memzero(text, strlen(text));
    free(text);
    return status ? agent_error(&trouble, ret_error) : 0;
}

static int load(struct agent *agent, const char *id, struct casefile *file, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    void *data = NULL;
    size_t len = 0;
    if (uuid_parse_text(id, file->id, NULL))
        return error_say(ret_error, E_BAD_VALUE, "id", "应为 UUID", "a UUID");
    int status = leadbus_local_get(agent->lb, file->id, &data, &len, &trouble);
    if (status) return agent_error(&trouble, ret_error);
    file->record = json_loadb(data, len, 0, NULL);
    sodium_memzero(data, len);
    leadbus_free(data);
    if (file->record) return 0;
    return error_say(ret_error, E_BAD_FORM, "id", "档案的存储内容损坏", "damaged in the store");
}

static void casefile_fini(struct casefile *file)
{
    json_decref(file->record);
    json_decref(file->sent);
}

static json_t *list_of(json_t *record, const char *key)
{
    json_t *list = json_object_get(record, key);
    if (!list) {
        list = json_array();
        json_object_set_new(record, key, list);
    }
    return list;
}

static int room(const json_t *list, size_t max, const char *field, struct error *ret_error)
{
    if (json_array_size(list) < max) return 0;
    return error_say(ret_error, E_TOO_LARGE, field, "已有 %zu 项，最多 %zu 项",
                     "%zu there are, at most %zu", json_array_size(list), max);
}

/* The unit's entry on the access list; NULL: it has none, or not any more. */
static json_t *access_of(const json_t *record, const char *unit)
{
    const json_t *list = json_object_get(record, "access");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        if (strcmp(text_of(entry, "unit"), unit) == 0 && !json_object_get(entry, "ended_at"))
            return entry;
    }
    return NULL;
}

static const json_t *thread_entry(const json_t *record, const char *thread)
{
    const json_t *list = json_object_get(record, "threads");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(text_of(json_array_get(list, i), "thread"), thread) == 0)
            return json_array_get(list, i);
    return NULL;
}

/* ---- what the bus is told -----------------------------------------------------------------------
 */

struct letter {
    const char *kind, *topic, *officer, *target;
    const uint8_t *parent; /* 16 bytes; NULL: it opens a thread */
    json_t *take_full;
};

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

static void note_sent(struct casefile *file, const char *unit, const uint8_t id[16])
{
    json_t *one = json_object();
    if (!file->sent) file->sent = json_array();
    render_set(one, "unit", unit);
    render_set_id(one, "id", id);
    json_array_append_new(file->sent, one);
}

static void put_text(json_t *object, const char *key, const char *text)
{
    if (text && *text) json_object_set_new(object, key, json_string(text));
}

static int grant(struct agent *agent, struct casefile *file, const char *unit, const char *purpose,
                 const char *officer, const char *text, struct error *ret_error)
{
    json_t *list = list_of(file->record, "access");
    char at[CODES_TIME_TEXT_LEN + 1], thread[37];
    uint8_t id[16];
    int status = room(list, FILE_UNITS_MAX, "unit", ret_error);
    if (status) return status;
    if (access_of(file->record, unit))
        return error_say(ret_error, E_BAD_VALUE, "unit", "该单位已可查阅", "it has access already");
    json_t *full =
        json_pack("{s:s,s:s}", "pseudonym", text_of(file->record, "pseudonym"), "purpose", purpose);
    put_text(full, "text", text);
    const struct letter letter = {
        .kind = ACCESS_KIND, .officer = officer, .target = unit, .take_full = full};
    status = stage(agent, &letter, id, ret_error);
    if (status) return status;
    uuid_text(id, thread);
    now_text(at);
    json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "unit", unit, "thread", thread,
                                          "purpose", purpose, "officer", officer, "at", at));
    note_sent(file, unit, id);
    return 0;
}

/* Told to each unit that has access; of threads, those that it is on itself. */
struct news {
    const char *change, *on, *next_on, *officer, *text;
    const char *thread; /* NULL: it is about none */
    leadbus_thread *view;
};

static bool is_on(const leadbus_thread *thread, const char *unit)
{
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++)
        if (strcmp(leadbus_thread_leg(thread, i)->unit, unit) == 0) return true;
    return false;
}

static int inform(struct agent *agent, struct casefile *file, const struct news *news,
                  struct error *ret_error)
{
    const json_t *list = json_object_get(file->record, "access");
    int status = 0;
    for (size_t i = 0; i < json_array_size(list) && !status; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *unit = text_of(entry, "unit");
        uint8_t parent[16], id[16];
        if (json_object_get(entry, "ended_at")) continue;
        if (news->thread && !is_on(news->view, unit)) continue;
        CHECK(uuid_parse_text(text_of(entry, "thread"), parent, NULL) == 0);
        json_t *full = json_pack("{s:s,s:s,s:s}", "pseudonym", text_of(file->record, "pseudonym"),
                                 "change", news->change, "changed_on", news->on);
        put_text(full, "next_visit_on", news->next_on);
        put_text(full, "text", news->text);
        if (news->thread) json_object_set_new(full, "threads", json_pack("[s]", news->thread));
        const struct letter letter = {
            .kind = "file.update", .officer = news->officer, .parent = parent, .take_full = full};
        status = stage(agent, &letter, id, ret_error);
        if (!status) note_sent(file, unit, id);
    }
    return status;
}

static int end_access(struct agent *agent, struct casefile *file, json_t *entry, const char *reason,
                      const char *delete_on, const char *officer, const char *text,
                      struct error *ret_error)
{
    uint8_t parent[16], id[16];
    char at[CODES_TIME_TEXT_LEN + 1];
    CHECK(uuid_parse_text(text_of(entry, "thread"), parent, NULL) == 0);
    json_t *full = json_pack("{s:s,s:s,s:s}", "pseudonym", text_of(file->record, "pseudonym"),
                             "reason", reason, "delete_on", delete_on);
    put_text(full, "text", text);
    const struct letter letter = {.kind = "file.end",
                                  .topic = reason,
                                  .officer = officer,
                                  .parent = parent,
                                  .take_full = full};
    int status = stage(agent, &letter, id, ret_error);
    if (status) return status;
    now_text(at);
    put_text(entry, "ended_at", at);
    put_text(entry, "reason", reason);
    note_sent(file, text_of(entry, "unit"), id);
    return 0;
}

/* ---- threads ------------------------------------------------------------------------------------
 */

struct search {
    const char *thread;
    uint8_t own[16];
    char pseudonym[32]; /* of another open file that has it */
};

static int search_one(void *ctx, const struct leadbus_local *local)
{
    struct search *search = ctx;
    json_t *record = json_loadb(local->data, local->len, 0, NULL);
    bool other = memcmp(local->id, search->own, 16) != 0;
    if (record && other && !ended(record) && thread_entry(record, search->thread))
        (void)snprintf(search->pseudonym, sizeof search->pseudonym, "%s",
                       text_of(record, "pseudonym"));
    json_decref(record);
    return search->pseudonym[0] != 0;
}

/* Only what this unit has messages of, of no file, and in no other file. */
static int check_thread(struct agent *agent, const struct casefile *file, const char *text,
                        leadbus_thread **ret_thread, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    struct search search = {.thread = text};
    uint8_t id[16];
    if (uuid_parse_text(text, id, NULL))
        return error_say(ret_error, E_BAD_VALUE, "thread", "应为 UUID", "a UUID");
    if (thread_entry(file->record, text))
        return error_say(ret_error, E_BAD_VALUE, "thread", "已在此档案中", "it is in this file");
    memcpy(search.own, file->id, 16);
    if (leadbus_local_each(agent->lb, FILES_MAX, search_one, &search, &trouble))
        return agent_error(&trouble, ret_error);
    if (search.pseudonym[0])
        return error_say(ret_error, E_BAD_VALUE, "thread", "已在档案 %s 中", "it is in the file %s",
                         search.pseudonym);
    if (leadbus_thread_get(agent->lb, id, ret_thread, &trouble) ||
        leadbus_thread_item_count(*ret_thread) == 0)
        return error_say(ret_error, E_THREAD_UNKNOWN, "thread", "本单位未参与这条线索",
                         "this unit is not on that thread");
    if (strncmp(leadbus_thread_item(*ret_thread, 0)->kind, "file.", 5) == 0)
        return error_say(ret_error, E_BAD_VALUE, "thread", "是查阅授权，不是案件线索",
                         "a thread on which access is given is none that a file is about");
    return 0;
}

static int add_thread(struct agent *agent, struct casefile *file, const char *text,
                      const char *officer, struct error *ret_error)
{
    leadbus_thread *view = NULL;
    char at[CODES_TIME_TEXT_LEN + 1], today[DAY_TEXT_LEN];
    json_t *list = list_of(file->record, "threads");
    int status = room(list, FILE_THREADS_MAX, "thread", ret_error);
    if (!status) status = check_thread(agent, file, text, &view, ret_error);
    if (!status) {
        day_text(agent_now_ms(), today);
        now_text(at);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s}", "thread", text, "officer", officer, "at", at));
        const struct news news = {.change = "thread-added",
                                  .on = today,
                                  .officer = officer,
                                  .thread = text,
                                  .view = view};
        status = inform(agent, file, &news, ret_error);
    }
    leadbus_thread_free(view);
    return status;
}

/* ---- acts ---------------------------------------------------------------------------------------
 */

struct wanted {
    const char *act, *officer, *purpose, *thread, *unit, *reason, *on, *visited_on, *next_on;
    const char *delete_on, *text;
};

static int read_wanted(const struct http_request *request, json_t **ret_body, struct wanted *wanted,
                       struct error *ret_error)
{
    static const char *const keys[] = {"act",     "officer",   "purpose", "thread",
                                       "unit",    "reason",    "on",      "visited_on",
                                       "next_on", "delete_on", "text",    NULL};
    const struct {
        const char *key;
        const char **value;
    } rows[] = {{"act", &wanted->act},
                {"purpose", &wanted->purpose},
                {"thread", &wanted->thread},
                {"unit", &wanted->unit},
                {"reason", &wanted->reason},
                {"on", &wanted->on},
                {"visited_on", &wanted->visited_on},
                {"next_on", &wanted->next_on},
                {"delete_on", &wanted->delete_on},
                {"text", &wanted->text}};
    int status = payload_json_parse(buf_bytes(&request->body), ret_body, ret_error);
    if (!status) status = http_only_keys(*ret_body, keys, "", ret_error);
    if (!status) status = api_officer(*ret_body, &wanted->officer, ret_error);
    for (size_t i = 0; i < sizeof rows / sizeof *rows && !status; i++)
        status = api_string(*ret_body, rows[i].key, rows[i].value, ret_error);
    if (!status && !wanted->officer)
        status = error_say(ret_error, E_MISSING_FIELD, "officer", "须写明经办人代码",
                           "name the officer who acts");
    return status;
}

static int want(const char *value, const char *field, struct error *ret_error)
{
    if (value && *value) return 0;
    return error_say(ret_error, E_MISSING_FIELD, field, "必填", "required");
}

static int want_day(const char *value, const char *field, bool needed, struct error *ret_error)
{
    uint64_t day_ms;
    int status = needed ? want(value, field, ret_error) : 0;
    if (status || !value || day_parse(value, &day_ms)) return status;
    return error_say(ret_error, E_BAD_VALUE, field, "应为日期，如 2026-01-01",
                     "a day, as 2026-01-01");
}

static int plan_visit(struct casefile *file, const char *on, struct error *ret_error)
{
    json_t *list = list_of(file->record, "visits");
    int status = room(list, FILE_VISITS_MAX, "on", ret_error);
    if (!status) json_array_append_new(list, json_pack("{s:s}", "on", on));
    return status;
}

static int act_visit(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                     struct error *ret_error)
{
    char at[CODES_TIME_TEXT_LEN + 1];
    int status = want_day(wanted->on, "on", !wanted->visited_on, ret_error);
    if (!status) status = want_day(wanted->visited_on, "visited_on", false, ret_error);
    if (!status) status = want_day(wanted->next_on, "next_on", false, ret_error);
    if (status) return status;
    if (!wanted->visited_on) return plan_visit(file, wanted->on, ret_error);
    char today[DAY_TEXT_LEN];
    day_text(agent_now_ms(), today);
    if (strcmp(wanted->visited_on, today) > 0)
        return error_say(ret_error, E_BAD_VALUE, "visited_on", "还没有到这一天",
                         "that day is still to come");
    json_t *visit = next_visit(file->record);
    if (!visit) { /* one that nobody planned */
        status = plan_visit(file, wanted->visited_on, ret_error);
        if (status) return status;
        visit = next_visit(file->record);
    }
    now_text(at);
    put_text(visit, "visited_on", wanted->visited_on);
    put_text(visit, "officer", wanted->officer);
    put_text(visit, "at", at);
    put_text(visit, "text", wanted->text);
    if (wanted->next_on) status = plan_visit(file, wanted->next_on, ret_error);
    const struct news news = {.change = "visited",
                              .on = wanted->visited_on,
                              .next_on = wanted->next_on,
                              .officer = wanted->officer,
                              .text = wanted->text};
    return status ? status : inform(agent, file, &news, ret_error);
}

static int act_end(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                   struct error *ret_error)
{
    json_t *list = list_of(file->record, "access");
    char at[CODES_TIME_TEXT_LEN + 1];
    int status = want(wanted->reason, "reason", ret_error);
    if (!status) status = want_day(wanted->delete_on, "delete_on", true, ret_error);
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
    now_text(at);
    put_text(file->record, "ended_at", at);
    put_text(file->record, "reason", wanted->reason);
    put_text(file->record, "delete_on", wanted->delete_on);
    return 0;
}

static int act_grant(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                     struct error *ret_error)
{
    int status = want(wanted->unit, "unit", ret_error);
    if (!status) status = want(wanted->purpose, "purpose", ret_error);
    return status ? status
                  : grant(agent, file, wanted->unit, wanted->purpose, wanted->officer, wanted->text,
                          ret_error);
}

static int act_revoke(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                      struct error *ret_error)
{
    int status = want(wanted->unit, "unit", ret_error);
    if (!status) status = want_day(wanted->delete_on, "delete_on", true, ret_error);
    if (status) return status;
    json_t *entry = access_of(file->record, wanted->unit);
    if (!entry)
        return error_say(ret_error, E_BAD_VALUE, "unit", "该单位没有查阅授权",
                         "that unit has no access");
    return end_access(agent, file, entry, "revoked", wanted->delete_on, wanted->officer,
                      wanted->text, ret_error);
}

static int act_add(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                   struct error *ret_error)
{
    int status = want(wanted->thread, "thread", ret_error);
    return status ? status : add_thread(agent, file, wanted->thread, wanted->officer, ret_error);
}

/* ---- handlers -----------------------------------------------------------------------------------
 */

static json_t *summary(const struct casefile *file)
{
    static const char *const keys[] = {"pseudonym", "purpose", "opened_at",
                                       "ended_at",  "reason",  "delete_on"};
    json_t *object = json_object();
    const json_t *visit = next_visit(file->record);
    render_set_id(object, "id", file->id);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        put_text(object, keys[i], text_of(file->record, keys[i]));
    if (visit) {
        put_text(object, "next_visit_on", text_of(visit, "on"));
        json_object_set_new(object, "overdue",
                            json_boolean(agent_now_ms() >= due_of(file->record)));
    }
    return object;
}

static void answer(struct http_reply *reply, const struct casefile *file, unsigned http_status)
{
    reply->json = summary(file);
    reply->status = http_status;
    json_object_set_new(reply->json, "sent", file->sent ? json_incref(file->sent) : json_array());
}

/* Other units that the plan has keep files: they have access from the beginning. */
static int grant_keepers(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                         struct error *ret_error)
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

/* Says nothing about whom it is. Letters alone: a pseudonym with many digits could be a number of
 * somebody's, and is refused. */
static void draw_pseudonym(char ret[13])
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    (void)snprintf(ret, 13, "F-");
    for (int i = 2; i < 12; i++) ret[i] = letters[randombytes_uniform(sizeof letters - 1)];
    ret[12] = 0;
}

int api_file_open(struct agent *agent, struct http_request *request, struct http_reply *reply,
                  struct error *ret_error)
{
    struct wanted wanted = {0};
    struct casefile file = {.record = json_object()};
    json_t *body = NULL;
    char at[CODES_TIME_TEXT_LEN + 1], pseudonym[13];
    int status = read_wanted(request, &body, &wanted, ret_error);
    if (!status) status = want(wanted.purpose, "purpose", ret_error);
    if (!status) {
        randombytes_buf(file.id, sizeof file.id);
        draw_pseudonym(pseudonym);
        now_text(at);
        put_text(file.record, "pseudonym", pseudonym);
        put_text(file.record, "purpose", wanted.purpose);
        put_text(file.record, "officer", wanted.officer);
        put_text(file.record, "opened_at", at);
    }
    leadbus_thread *view = NULL; /* before anybody is told of the file */
    if (!status && wanted.thread)
        status = check_thread(agent, &file, wanted.thread, &view, ret_error);
    leadbus_thread_free(view);
    if (!status) status = grant_keepers(agent, &file, &wanted, ret_error);
    if (!status && wanted.thread)
        json_array_append_new(list_of(file.record, "threads"),
                              json_pack("{s:s,s:s,s:s}", "thread", wanted.thread, "officer",
                                        wanted.officer, "at", at));
    if (!status) status = save(agent, &file, ret_error);
    if (!status) answer(reply, &file, 201);
    casefile_fini(&file);
    json_decref(body);
    return status;
}

int api_file_act(struct agent *agent, struct http_request *request, struct http_reply *reply,
                 struct error *ret_error)
{
    static const struct {
        const char *name;
        int (*run)(struct agent *agent, struct casefile *file, const struct wanted *wanted,
                   struct error *ret_error);
    } acts[] = {{"add", act_add},
                {"grant", act_grant},
                {"revoke", act_revoke},
                {"visit", act_visit},
                {"end", act_end}};
    struct wanted wanted = {0};
    struct casefile file = {0};
    json_t *body = NULL;
    size_t at = 0;
    int status = load(agent, request->id, &file, ret_error);
    if (!status) status = read_wanted(request, &body, &wanted, ret_error);
    if (!status) status = want(wanted.act, "act", ret_error);
    while (!status && at < sizeof acts / sizeof *acts && strcmp(acts[at].name, wanted.act) != 0)
        at++;
    if (!status && at == sizeof acts / sizeof *acts)
        status = error_say(ret_error, E_BAD_VALUE, "act", "应为 add、grant、revoke、visit 或 end",
                           "add, grant, revoke, visit or end");
    if (!status && ended(file.record))
        status = error_say(ret_error, E_THREAD_CLOSED, "id", "档案已终止", "the file has ended");
    if (!status) status = acts[at].run(agent, &file, &wanted, ret_error);
    /* What was staged for some units before another one failed goes, and the record says so. */
    if (!status || file.sent) {
        int kept = save(agent, &file, status ? NULL : ret_error);
        if (!status) status = kept;
    }
    if (!status) answer(reply, &file, 200);
    casefile_fini(&file);
    json_decref(body);
    return status;
}

static int list_one(void *ctx, const struct leadbus_local *local)
{
    struct api_list *list = ctx;
    struct casefile file = {.record = json_loadb(local->data, local->len, 0, NULL)};
    bool going = true;
    memcpy(file.id, local->id, 16);
    if (file.record) going = api_list_add(list, summary(&file));
    casefile_fini(&file);
    return going ? 0 : 1;
}

int api_files(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    struct api_list list = {0};
    int status = api_list_begin(agent, request, &list, ret_error);
    if (status) return status;
    if (leadbus_local_each(agent->lb, (size_t)list.limit + 1, list_one, &list, &trouble)) {
        json_decref(list.items);
        return agent_error(&trouble, ret_error);
    }
    reply->json = json_pack("{s:o,s:b}", "items", list.items, "more", list.more);
    return 0;
}

static int due_one(void *ctx, const struct leadbus_local *local)
{
    if (local->due_ms == 0) return 1; /* they come last */
    return list_one(ctx, local);
}

json_t *api_file_visits(struct agent *agent)
{
    struct api_list list = {.agent = agent, .items = json_array(), .limit = API_LIST_COUNT_MAX};
    (void)leadbus_local_each(agent->lb, API_LIST_COUNT_MAX, due_one, &list, NULL);
    return list.items;
}

/* Who looks into it says who they are and what for, and that is kept. */
static int note_look(struct casefile *file, const char *officer, const char *purpose,
                     struct error *ret_error)
{
    char at[CODES_TIME_TEXT_LEN + 1];
    json_t *list = list_of(file->record, "looks");
    int status = room(list, FILE_LOOKS_MAX, "looks", ret_error);
    if (status) return status;
    now_text(at);
    json_array_append_new(
        list, json_pack("{s:s,s:s,s:s}", "at", at, "officer", officer, "purpose", purpose));
    return 0;
}

int api_file(struct agent *agent, struct http_request *request, struct http_reply *reply,
             struct error *ret_error)
{
    struct casefile file = {0};
    const char *officer = http_query(request, "officer");
    const char *purpose = http_query(request, "purpose");
    int status = load(agent, request->id, &file, ret_error);
    if (!status) status = want(officer, "officer", ret_error);
    if (!status) status = want(purpose, "purpose", ret_error);
    const struct payload_message *message = payload_find("FileAccess");
    const struct payload_list *list = NULL;
    for (size_t i = 0; i < message->field_count; i++)
        if (strcmp(message->fields[i].name, "purpose") == 0) list = message->fields[i].list;
    if (!status && !payload_code_find(list, purpose))
        status = error_say(ret_error, E_BAD_VALUE, "purpose", "不是所列的用途",
                           "none of the purposes there are");
    if (!status) status = note_look(&file, officer, purpose, ret_error);
    if (!status) status = save(agent, &file, ret_error);
    if (!status) {
        reply->json = json_deep_copy(file.record);
        render_set_id(reply->json, "id", file.id);
    }
    casefile_fini(&file);
    return status;
}
