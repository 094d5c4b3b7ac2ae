#include "clients/agent/casefile.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/payload/payload.h"
#include "proto/plan/day.h"

#define DAY_MS 86400000ull

const char *casefile_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

bool casefile_ended(const json_t *record)
{
    return json_object_get(record, "ended_at") != NULL;
}

/* The first visit that was planned and not made; NULL: none. */
json_t *casefile_next_visit(const json_t *record)
{
    const json_t *visits = json_object_get(record, "visits");
    json_t *next = NULL;
    for (size_t i = 0; i < json_array_size(visits) && !casefile_ended(record); i++) {
        json_t *visit = json_array_get(visits, i);
        if (json_object_get(visit, "visited_on")) continue;
        if (!next || strcmp(casefile_text(visit, "on"), casefile_text(next, "on")) < 0)
            next = visit;
    }
    return next;
}

/* When its day is over; 0: nothing is to be done. */
uint64_t casefile_due(const json_t *record)
{
    uint64_t day_ms;
    const json_t *visit = casefile_next_visit(record);
    return visit && day_parse(casefile_text(visit, "on"), &day_ms) ? day_ms + DAY_MS : 0;
}

void casefile_now(char ret[CODES_TIME_TEXT_LEN + 1])
{
    codes_time_text(agent_now_ms(), ret);
}

int casefile_save(struct agent *agent, const struct casefile *file, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    char *text = json_dumps(file->record, JSON_COMPACT);
    CHECK(text != NULL);
    struct leadbus_local local = {
        .due_ms = casefile_due(file->record), .data = text, .len = strlen(text)};
    memcpy(local.id, file->id, 16);
    int status = leadbus_local_put(agent->lb, &local, &trouble);
    if (!status) status = leadbus_commit(agent->lb, &trouble);
    sodium_memzero(text, strlen(text));
    free(text);
    return status ? agent_error(&trouble, ret_error) : 0;
}

struct named {
    const char *pseudonym;
    uint8_t id[16];
    size_t count;
};

static int name_one(void *ctx, const struct leadbus_local *local)
{
    struct named *named = ctx;
    json_t *record = json_loadb(local->data, local->len, 0, NULL);
    if (record && strcmp(casefile_text(record, "pseudonym"), named->pseudonym) == 0) {
        memcpy(named->id, local->id, 16);
        named->count++;
    }
    json_decref(record);
    return 0;
}

/* A file is named by its id, or by its pseudonym where no other one has the same. */
static int find(struct agent *agent, const char *text, uint8_t ret_id[16], struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    struct named named = {.pseudonym = text};
    if (!uuid_parse_text(text, ret_id, NULL)) return 0;
    if (leadbus_local_each(agent->lb, CASEFILES_MAX, name_one, &named, &trouble))
        return agent_error(&trouble, ret_error);
    if (named.count == 0)
        return error_say(ret_error, E_NOT_FOUND, "id", "没有这个编号或代号的档案",
                         "no file has this id or pseudonym");
    if (named.count > 1)
        return error_say(ret_error, E_BAD_VALUE, "id", "%zu 份档案用这个代号，请给出编号",
                         "%zu files have this pseudonym: give the id", named.count);
    memcpy(ret_id, named.id, 16);
    return 0;
}

int casefile_load(struct agent *agent, const char *id, struct casefile *file,
                  struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    void *data = NULL;
    size_t len = 0;
    int status = find(agent, id, file->id, ret_error);
    if (status) return status;
    status = leadbus_local_get(agent->lb, file->id, &data, &len, &trouble);
    if (status) return agent_error(&trouble, ret_error);
    file->record = json_loadb(data, len, 0, NULL);
    sodium_memzero(data, len);
    leadbus_free(data);
    if (file->record) return 0;
    return error_say(ret_error, E_BAD_FORM, "id", "档案的存储内容损坏", "damaged in the store");
}

void casefile_fini(struct casefile *file)
{
    json_decref(file->record);
    json_decref(file->sent);
}

json_t *casefile_list(json_t *record, const char *key)
{
    json_t *list = json_object_get(record, key);
    if (!list) {
        list = json_array();
        json_object_set_new(record, key, list);
    }
    return list;
}

int casefile_room(const json_t *list, size_t max, const char *field, struct error *ret_error)
{
    if (json_array_size(list) < max) return 0;
    return error_say(ret_error, E_TOO_LARGE, field, "已有 %zu 项，最多 %zu 项",
                     "%zu there are, at most %zu", json_array_size(list), max);
}

/* The unit's entry on the access list; NULL: it has none, or not any more. */
json_t *casefile_access(const json_t *record, const char *unit)
{
    const json_t *list = json_object_get(record, "access");
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        if (strcmp(casefile_text(entry, "unit"), unit) == 0 && !json_object_get(entry, "ended_at"))
            return entry;
    }
    return NULL;
}

const json_t *casefile_thread(const json_t *record, const char *thread)
{
    const json_t *list = json_object_get(record, "threads");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(casefile_text(json_array_get(list, i), "thread"), thread) == 0)
            return json_array_get(list, i);
    return NULL;
}

void casefile_put(json_t *object, const char *key, const char *text)
{
    if (text && *text) json_object_set_new(object, key, json_string(text));
}

int casefile_want(const char *value, const char *field, struct error *ret_error)
{
    if (value && *value) return 0;
    return error_say(ret_error, E_MISSING_FIELD, field, "必填", "required");
}

int casefile_want_day(const char *value, const char *field, bool needed, struct error *ret_error)
{
    uint64_t day_ms;
    int status = needed ? casefile_want(value, field, ret_error) : 0;
    if (status || !value || day_parse(value, &day_ms)) return status;
    return error_say(ret_error, E_BAD_VALUE, field, "应为日期，如 2026-01-01",
                     "a day, as 2026-01-01");
}

static const struct payload_list *codes_of(const char *message, const char *field)
{
    const struct payload_message *found = payload_find(message);
    for (size_t i = 0; found && i < found->field_count; i++)
        if (strcmp(found->fields[i].name, field) == 0) return found->fields[i].list;
    return NULL;
}

int casefile_check_purpose(const char *purpose, struct error *ret_error)
{
    const struct payload_list *list = codes_of("FileAccess", "purpose");
    struct buf texts[2] = {{0}, {0}};
    if (payload_code_find(list, purpose)) return 0;
    for (size_t i = 0; i < list->count; i++) {
        buf_printf(&texts[0], "%s%s %s", i ? "、" : "", list->codes[i].code,
                   list->codes[i].text_zh);
        buf_printf(&texts[1], "%s%s %s", i ? ", " : "", list->codes[i].code,
                   list->codes[i].text_en);
    }
    buf_append_u8(&texts[0], 0);
    buf_append_u8(&texts[1], 0);
    (void)error_set(ret_error, E_BAD_VALUE, "purpose", "one of: %s", (const char *)texts[1].data);
    (void)error_note_zh(ret_error, "可填：%s", (const char *)texts[0].data);
    buf_fini(&texts[0]);
    buf_fini(&texts[1]);
    return E_BAD_VALUE;
}

void casefile_words(json_t *object)
{
    static const char *const keys[][2] = {{"purpose", "FileAccess"}, {"reason", "FileEnd"}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct payload_list *list = codes_of(keys[i][1], keys[i][0]);
        const struct payload_code *code =
            list ? payload_code_find(list, casefile_text(object, keys[i][0])) : NULL;
        char name[32];
        if (!code) continue;
        (void)snprintf(name, sizeof name, "%s_zh", keys[i][0]);
        casefile_put(object, name, code->text_zh);
        (void)snprintf(name, sizeof name, "%s_en", keys[i][0]);
        casefile_put(object, name, code->text_en);
    }
}
