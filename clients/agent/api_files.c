/* Files of victims (专门档案) as their keeper asks for them: casefile.h. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/casefile.h"
#include "clients/agent/render.h"
#include "proto/payload/payload_json.h"

static int read_wanted(const struct http_request *request, json_t **ret_body,
                       struct casefile_wanted *wanted, struct error *ret_error)
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

/* ---- handlers -----------------------------------------------------------------------------------
 */

static json_t *summary(const struct casefile *file)
{
    static const char *const keys[] = {"pseudonym", "purpose", "opened_at",
                                       "ended_at",  "reason",  "delete_on"};
    json_t *object = json_object();
    const json_t *visit = casefile_next_visit(file->record);
    render_set_id(object, "id", file->id);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        casefile_put(object, keys[i], casefile_text(file->record, keys[i]));
    casefile_words(object);
    if (visit) {
        casefile_put(object, "next_visit_on", casefile_text(visit, "on"));
        json_object_set_new(object, "overdue",
                            json_boolean(agent_now_ms() >= casefile_due(file->record)));
    }
    return object;
}

static void answer(struct http_reply *reply, const struct casefile *file, unsigned http_status)
{
    reply->json = summary(file);
    reply->status = http_status;
    json_object_set_new(reply->json, "sent", file->sent ? json_incref(file->sent) : json_array());
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
    struct casefile_wanted wanted = {0};
    struct casefile file = {.record = json_object()};
    json_t *body = NULL;
    char at[CODES_TIME_TEXT_LEN + 1], pseudonym[13];
    int status = read_wanted(request, &body, &wanted, ret_error);
    if (!status) status = casefile_want(wanted.purpose, "purpose", ret_error);
    if (!status) {
        randombytes_buf(file.id, sizeof file.id);
        draw_pseudonym(pseudonym);
        casefile_now(at);
        casefile_put(file.record, "pseudonym", pseudonym);
        casefile_put(file.record, "purpose", wanted.purpose);
        casefile_put(file.record, "officer", wanted.officer);
        casefile_put(file.record, "opened_at", at);
    }
    leadbus_thread *view = NULL; /* before anybody is told of the file */
    if (!status && wanted.thread)
        status = casefile_check_thread(agent, &file, wanted.thread, &view, ret_error);
    leadbus_thread_free(view);
    if (!status) status = casefile_grant_keepers(agent, &file, &wanted, ret_error);
    if (!status && wanted.thread)
        json_array_append_new(casefile_list(file.record, "threads"),
                              json_pack("{s:s,s:s,s:s}", "thread", wanted.thread, "officer",
                                        wanted.officer, "at", at));
    if (!status) status = casefile_save(agent, &file, ret_error);
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
        int (*run)(struct agent *agent, struct casefile *file, const struct casefile_wanted *wanted,
                   struct error *ret_error);
    } acts[] = {{"add", casefile_add},
                {"grant", casefile_grant},
                {"revoke", casefile_revoke},
                {"visit", casefile_visit},
                {"end", casefile_end}};
    struct casefile_wanted wanted = {0};
    struct casefile file = {0};
    json_t *body = NULL;
    size_t at = 0;
    int status = casefile_load(agent, request->id, &file, ret_error);
    if (!status) status = read_wanted(request, &body, &wanted, ret_error);
    if (!status) status = casefile_want(wanted.act, "act", ret_error);
    while (!status && at < sizeof acts / sizeof *acts && strcmp(acts[at].name, wanted.act) != 0)
        at++;
    if (!status && at == sizeof acts / sizeof *acts)
        status = error_say(ret_error, E_BAD_VALUE, "act", "应为 add、grant、revoke、visit 或 end",
                           "add, grant, revoke, visit or end");
    if (!status && casefile_ended(file.record))
        status = error_say(ret_error, E_THREAD_CLOSED, "id", "档案已终止", "the file has ended");
    if (!status) status = acts[at].run(agent, &file, &wanted, ret_error);
    /* What was staged for some units before another one failed goes, and the record says so. */
    if (!status || file.sent) {
        int kept = casefile_save(agent, &file, status ? NULL : ret_error);
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
    json_t *list = casefile_list(file->record, "looks");
    int status = casefile_room(list, CASEFILE_LOOKS_MAX, "looks", ret_error);
    if (status) return status;
    casefile_now(at);
    json_array_append_new(
        list, json_pack("{s:s,s:s,s:s}", "at", at, "officer", officer, "purpose", purpose));
    return 0;
}

/* The words of every code in a whole file, and of a visit that was planned and is not to come any
 * more. */
static void set_words(const struct agent *agent, json_t *file)
{
    static const char *const lists[] = {"access", "looks", "visits"};
    casefile_words(file);
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
        const json_t *list = json_object_get(file, lists[k]);
        for (size_t i = 0; i < json_array_size(list); i++) {
            json_t *one = json_array_get(list, i);
            char unit[64];
            (void)snprintf(unit, sizeof unit, "%s", casefile_text(one, "unit"));
            casefile_words(one);
            render_set_unit(agent, one, "unit", unit);
            if (k == 2 && casefile_ended(file) && !json_object_get(one, "visited_on"))
                json_object_set_new(one, "cancelled", json_true());
        }
    }
}

int api_file(struct agent *agent, struct http_request *request, struct http_reply *reply,
             struct error *ret_error)
{
    struct casefile file = {0};
    const char *officer = http_query(request, "officer");
    const char *purpose = http_query(request, "purpose");
    int status = casefile_load(agent, request->id, &file, ret_error);
    if (!status) status = casefile_want(officer, "officer", ret_error);
    if (!status) status = api_officer_check(officer, ret_error);
    if (!status) status = casefile_want(purpose, "purpose", ret_error);
    if (!status) status = casefile_check_purpose(purpose, ret_error);
    if (!status) status = note_look(&file, officer, purpose, ret_error);
    if (!status) status = casefile_save(agent, &file, ret_error);
    if (!status) {
        reply->json = json_deep_copy(file.record);
        set_words(agent, reply->json);
        render_set_id(reply->json, "id", file.id);
    }
    casefile_fini(&file);
    return status;
}
