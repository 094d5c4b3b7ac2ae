/* From a request to a message in the outbox: values, sections, files, and the answer. */
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "clients/agent/api.h"
#include "clients/agent/casefile.h"
#include "clients/agent/render.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/chains.h"

int api_path_id(const struct http_request *request, uint8_t ret_id[16], struct error *ret_error)
{
    if (uuid_parse_text(request->id, ret_id, NULL))
        return error_say(ret_error, E_BAD_VALUE, "id", "应为 UUID", "a UUID");
    return 0;
}

int api_string(const json_t *object, const char *key, const char **ret_text,
               struct error *ret_error)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return 0;
    if (!json_is_string(value))
        return error_say(ret_error, E_BAD_VALUE, key, "应为字符串", "a string");
    if (payload_json_is_blank(json_string_value(value)))
        return error_say(ret_error, E_MISSING_FIELD, key, "模板中的空白：填写或删除此项",
                         "a blank of the template: fill it in, or remove it");
    *ret_text = json_string_value(value);
    return 0;
}

int api_officer_check(const char *text, struct error *ret_error)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len && len <= LIMIT_OFFICER_LEN_MAX; i++)
        if (text[i] <= ' ' || text[i] > '~') len = SIZE_MAX - 1;
    if (len > LIMIT_OFFICER_LEN_MAX)
        return error_say(
            ret_error, E_BAD_VALUE, "officer",
            "经办人代码：至多 %d 个英文字母、数字或符号，无空格，如 dzg-4",
            "an officer code: at most %d letters, digits or signs, no blanks, as in dzg-4",
            LIMIT_OFFICER_LEN_MAX);
    return 0;
}

int api_officer(const json_t *object, const char **ret_text, struct error *ret_error)
{
    const char *text = NULL;
    int status = api_string(object, "officer", &text, ret_error);
    if (!status && text) status = api_officer_check(text, ret_error);
    if (!status && text) *ret_text = text;
    return status;
}

int api_time(const json_t *object, const char *key, uint64_t *ret_ms, struct error *ret_error)
{
    const json_t *value = json_object_get(object, key);
    if (!value) return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0 &&
        (uint64_t)json_integer_value(value) <= CODES_TIME_MS_MAX) {
        *ret_ms = (uint64_t)json_integer_value(value);
        return 0;
    }
    if (json_is_string(value) && codes_time_parse(json_string_value(value), ret_ms)) return 0;
    (void)error_set(ret_error, E_BAD_VALUE, key, "%s", payload_check_text(PAYLOAD_TIME, LANG_EN));
    (void)error_note_zh(ret_error, "%s", payload_check_text(PAYLOAD_TIME, LANG_ZH));
    return E_BAD_VALUE;
}

int api_id(const json_t *object, const char *key, uint8_t ret_id[16], const uint8_t **ret_set,
           struct error *ret_error)
{
    const char *text = NULL;
    int status = api_string(object, key, &text, ret_error);
    if (status || !text || !*text) return status;
    if (uuid_parse_text(text, ret_id, NULL))
        return error_say(ret_error, E_BAD_VALUE, key, "应为 UUID", "a UUID");
    *ret_set = ret_id;
    return 0;
}

void api_draft_fini(struct api_draft *draft)
{
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) {
        if (draft->payloads[i].len) sodium_memzero(draft->payloads[i].data, draft->payloads[i].len);
        buf_fini(&draft->payloads[i]);
    }
    json_decref(draft->remarks);
    *draft = (struct api_draft){0};
}

/* The header's area decides which street receives it; the contents name one of their own. */
static bool other_street(const struct api_draft *draft, const json_t *section)
{
    static const char *const fields[] = {"street", "area"};
    enum { STREET_LEN = 9 };
    const char *area = draft->draft.area;
    bool other = false;
    for (size_t i = 0; area && strlen(area) >= STREET_LEN && i < 2; i++) {
        const char *own = json_string_value(json_object_get(section, fields[i]));
        other = other || (own && strlen(own) >= STREET_LEN && strncmp(own, area, STREET_LEN) != 0);
    }
    return other;
}

/* An alert that is over before it is issued asks nobody to act; a revision may end one. */
static bool past_alert(const struct api_draft *draft, uint64_t until_ms, uint64_t now_ms)
{
    bool opens = !draft->draft.parent && !draft->draft.thread;
    return draft->kind->family == PLAN_FAMILY_ALERT && draft->kind->act == PLAN_ACT_NONE && opens &&
           until_ms != 0 && until_ms <= now_ms;
}

/* A reason for coming early says something of a message that has something to come before. */
static int check_early(const struct agent *agent, const struct api_draft *draft,
                       const char *section, struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    const char *topic = draft->draft.topic ? draft->draft.topic : "";
    if (chains_may_come_early(agent->plan, draft->kind, topic)) return 0;
    (void)snprintf(field, sizeof field, "%s.gap_reason", section);
    return error_say(ret_error, E_BAD_VALUE, field,
                     "方案的环节表中没有 %s%s%s 可以先行的规定：请删除此项",
                     "the plan's chains do not let %s%s%s come early: leave it out",
                     draft->kind->slug, *topic ? "/" : "", topic);
}

int api_draft_section(struct agent *agent, struct api_draft *draft, size_t section,
                      const json_t *object, struct error *ret_error)
{
    const struct plan_section *rule = &draft->kind->sections[section];
    const struct payload_message *message = payload_find(rule->message);
    if (!message)
        return error_say(ret_error, E_PAYLOAD_INVALID, rule->name, "本程序没有结构 %s，请升级",
                         "this program has no %s", rule->message);
    struct buf *payload = &draft->payloads[draft->draft.section_count];
    struct payload_context context = {
        .section = rule->name, .as_stated = draft->kind->exempt, .topic = draft->draft.topic};
    struct payload_report report = {0};
    int status = payload_json_read(message, object, rule->name, payload, ret_error);
    if (!status) status = payload_check(message, buf_bytes(payload), &context, &report, ret_error);
    if (!status) status = casefile_check_section(agent, draft, rule->name, object, ret_error);
    if (status) {
        agent->counts.payload_refused++;
        return status;
    }
    for (size_t i = 0; i < report.count && i < PAYLOAD_REMARK_COUNT_MAX; i++)
        json_array_append_new(draft->remarks, json_string(report.fields[i]));
    if (report.count) draft->draft.flags |= LEADBUS_DRAFT_AS_STATED;
    /* The bus sees the header alone, and tells who is concerned when the end has come. */
    uint64_t now_ms = agent_now_ms();
    if (draft->kind->may_expire && !draft->draft.expires_ms && report.until_ms > now_ms &&
        report.until_ms - now_ms < LIMIT_EXPIRY_AHEAD_MS)
        draft->draft.expires_ms = report.until_ms;
    if (past_alert(draft, report.until_ms, now_ms)) {
        char field[ERROR_FIELD_LEN_MAX + 1];
        (void)snprintf(field, sizeof field, "%s.valid_until", rule->name);
        agent->counts.payload_refused++;
        return error_say(ret_error, E_BAD_VALUE, field,
                         "有效期已过：首次发布的警报须写明将来的时间",
                         "it is over already: a new alert is valid until a time to come");
    }
    if (draft->kind->dated && agent_due_ms(&report)) draft->draft.due_ms = agent_due_ms(&report);
    if (report.early && check_early(agent, draft, rule->name, ret_error)) {
        agent->counts.payload_refused++;
        return E_BAD_VALUE;
    }
    if (report.early) draft->draft.flags |= LEADBUS_DRAFT_EARLY;
    if (report.paper) draft->draft.flags |= LEADBUS_DRAFT_LATE;
    if (report.paper && !draft->draft.occurred_ms) {
        agent->counts.payload_refused++;
        return error_say(ret_error, E_MISSING_FIELD, "occurred_at",
                         "纸质单据先行的，须写明发生时间", "a paper came first: say when that was");
    }
    draft->area_differs = draft->area_differs || other_street(draft, object);
    draft->sections[draft->draft.section_count++] =
        (struct leadbus_section){rule->name, payload->data, payload->len};
    return 0;
}

static int missing_section(const struct plan_kind *kind, const struct plan_section *rule,
                           struct error *ret_error)
{
    const struct payload_message *message = payload_find(rule->message);
    (void)error_set(ret_error, E_MISSING_FIELD, rule->name, "a section of %s: %s", kind->slug,
                    message ? message->label_en : rule->message);
    (void)error_note_zh(ret_error, "“%s”须有此部分：%s", kind->name_zh,
                        message ? message->label_zh : rule->message);
    return E_MISSING_FIELD;
}

int api_draft_sections(struct agent *agent, struct api_draft *draft, const json_t *sections,
                       bool need_all, struct error *ret_error)
{
    const char *names[LIMIT_SECTION_COUNT_MAX + 1] = {0};
    int status = 0;
    if (sections && !json_is_object(sections))
        return error_say(ret_error, E_BAD_VALUE, "sections", "应为对象", "an object");
    for (size_t i = 0; i < draft->kind->section_count; i++)
        names[i] = draft->kind->sections[i].name;
    status = sections ? http_only_keys(sections, names, "sections", ret_error) : 0;
    for (size_t i = 0; !status && i < draft->kind->section_count; i++) {
        const struct plan_section *rule = &draft->kind->sections[i];
        const json_t *object = json_object_get(sections, rule->name);
        if (object)
            status = api_draft_section(agent, draft, i, object, ret_error);
        else if (!rule->optional && need_all)
            status = missing_section(draft->kind, rule, ret_error);
    }
    draft->draft.sections = draft->sections;
    return status;
}

static int bad_attachment(size_t i, const char *key, int code, const char *why_zh,
                          const char *why_en, struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(field, sizeof field, "attachments[%zu]%s", i, key);
    (void)error_set(ret_error, code, field, "%s", why_en);
    (void)error_note_zh(ret_error, "%s", why_zh);
    return code;
}

static int read_attachment(const json_t *object, size_t i, struct leadbus_draft_attachment *ret,
                           struct error *ret_error)
{
    static const char *const keys[] = {"id", "confirm_no_dna", NULL};
    char path[32];
    if (!json_is_object(object))
        return bad_attachment(i, "", E_BAD_VALUE, "应为含 id 和 confirm_no_dna 的对象",
                              "an object with id and confirm_no_dna", ret_error);
    (void)snprintf(path, sizeof path, "attachments[%zu]", i);
    int status = http_only_keys(object, keys, path, ret_error);
    if (status) return status;
    const json_t *id = json_object_get(object, "id");
    const json_t *confirm = json_object_get(object, "confirm_no_dna");
    if (!id)
        return bad_attachment(i, ".id", E_MISSING_FIELD, "POST /v1/attachments 返回的编号",
                              "of POST /v1/attachments", ret_error);
    if (!json_is_string(id) || uuid_parse_text(json_string_value(id), ret->id, NULL))
        return bad_attachment(i, ".id", E_BAD_VALUE, "应为 UUID", "a UUID", ret_error);
    if (confirm && !json_is_boolean(confirm))
        return bad_attachment(i, ".confirm_no_dna", E_BAD_VALUE, "true 或 false", "true or false",
                              ret_error);
    ret->confirmed = json_is_true(confirm);
    return 0;
}

static int read_attachments(struct api_draft *draft, const json_t *list, struct error *ret_error)
{
    int status = 0;
    if (!list) return 0;
    if (!json_is_array(list))
        return error_say(ret_error, E_BAD_VALUE, "attachments", "应为列表", "a list");
    if (json_array_size(list) > LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "attachments", "%zu 个，最多 %d 个",
                         "%zu, at most %d", json_array_size(list), LIMIT_ATTACHMENT_COUNT_MAX);
    for (size_t i = 0; !status && i < json_array_size(list); i++)
        status = read_attachment(json_array_get(list, i), i, &draft->attachments[i], ret_error);
    draft->draft.attachments = draft->attachments;
    draft->draft.attachment_count = json_array_size(list);
    return status;
}

int api_draft_read(struct agent *agent, const struct http_request *request, bool need_all,
                   json_t **ret_body, struct api_draft *draft, struct error *ret_error)
{
    static const char *const keys[] = {"kind",    "topic",       "area",        "officer",
                                       "purpose", "sections",    "occurred_at", "target",
                                       "other",   "expires_at",  "thread",      "parent",
                                       "late",    "attachments", NULL};
    json_t *body = NULL;
    int status = payload_json_parse(buf_bytes(&request->body), &body, ret_error);
    if (status) return status;
    *ret_body = body;
    struct leadbus_draft *to = &draft->draft;
    to->size = sizeof *to;
    draft->remarks = json_array();
    status = http_only_keys(body, keys, "", ret_error);
    if (!status) status = api_string(body, "kind", &to->kind, ret_error);
    if (!status) status = api_string(body, "topic", &to->topic, ret_error);
    if (!status) status = api_string(body, "area", &to->area, ret_error);
    if (!status) status = api_officer(body, &to->officer, ret_error);
    if (!status) status = api_string(body, "purpose", &to->purpose, ret_error);
    if (!status) status = api_time(body, "occurred_at", &to->occurred_ms, ret_error);
    if (!status) status = api_time(body, "expires_at", &to->expires_ms, ret_error);
    if (!status) status = api_id(body, "thread", draft->thread, &to->thread, ret_error);
    if (!status) status = api_id(body, "parent", draft->parent, &to->parent, ret_error);
    if (!status) status = api_string(body, "target", &to->target, ret_error);
    if (!status) status = api_id(body, "other", draft->other, &to->other, ret_error);
    if (!status) status = read_attachments(draft, json_object_get(body, "attachments"), ret_error);
    if (status) return status;
    const json_t *late = json_object_get(body, "late");
    if (late && !json_is_boolean(late))
        return error_say(ret_error, E_BAD_VALUE, "late", "应为 true 或 false", "true or false");
    if (json_is_true(late)) to->flags |= LEADBUS_DRAFT_LATE;
    if (!to->kind)
        return error_say(ret_error, E_MISSING_FIELD, "kind", "种类，见 /v1/kinds",
                         "a kind of /v1/kinds");
    draft->kind = plan_kind_find(agent->plan, to->kind);
    if (!draft->kind)
        return error_say(ret_error, E_KIND_UNKNOWN, "kind", "方案中没有这个种类",
                         "none of the plan's kinds");
    /* Before the contents, some of which must repeat it. */
    const struct plan_topic *topic = NULL;
    status =
        api_topic(draft->kind, to->topic && *to->topic ? to->topic : NULL, true, &topic, ret_error);
    if (status) return status;
    return api_draft_sections(agent, draft, json_object_get(body, "sections"), need_all, ret_error);
}

/* The recipients that have published no receiving key: they get the message when somebody who holds
 * it seals it again for them. */
static json_t *unkeyed_json(const struct agent *agent, const uint8_t id[16])
{
    leadbus_message *message = NULL;
    json_t *list = json_array();
    if (leadbus_message_get(agent->lb, id, &message, NULL)) return list;
    for (size_t i = 0; i < leadbus_message_recipient_count(message); i++) {
        const struct leadbus_recipient *one = leadbus_message_recipient(message, i);
        if (one->keyed) continue;
        json_array_append_new(list, json_pack("{s:s,s:s,s:s}", "unit", one->unit, "name_zh",
                                              one->name_zh, "name_en", one->name_en));
    }
    leadbus_message_free(message);
    return list;
}

static int accepted(struct agent *agent, struct http_request *request, struct http_reply *reply,
                    struct error *ret_error)
{
    struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
    struct leadbus_error trouble = {0};
    if (leadbus_outbox_get(agent->lb, request->submitted_id, &outgoing, &trouble))
        return agent_error(&trouble, ret_error);
    reply->status = 202;
    reply->json = render_outgoing(agent, &outgoing);
    if (json_array_size(request->remarks))
        json_object_set(reply->json, "as_stated", request->remarks);
    json_object_set_new(reply->json, "unkeyed", unkeyed_json(agent, request->submitted_id));
    return 0;
}

int api_submitted(struct agent *agent, struct http_request *request, struct http_reply *reply,
                  struct error *ret_error)
{
    const char *wait = http_query(request, "wait");
    struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
    struct leadbus_error trouble = {0};
    uint64_t timeout_s = 0;
    int status = http_query_number(request, "timeout", 10, API_WAIT_S_MAX, &timeout_s, ret_error);
    if (status) return status;
    if (!wait) return accepted(agent, request, reply, ret_error);
    if (leadbus_outbox_get(agent->lb, request->submitted_id, &outgoing, &trouble))
        return agent_error(&trouble, ret_error);
    if (outgoing.state == LEADBUS_REFUSED) return agent_error(&outgoing.error, ret_error);
    if (outgoing.state != LEADBUS_RECEIPTED && http_wait(request, reply, timeout_s * 1000))
        return 0;
    return accepted(agent, request, reply, ret_error);
}

int api_draft_submit(struct agent *agent, struct http_request *request, struct api_draft *draft,
                     struct http_reply *reply, struct error *ret_error)
{
    const char *wait = http_query(request, "wait");
    const char *key = http_header(request, "Idempotency-Key");
    struct leadbus_error trouble = {0};
    uint64_t timeout_s = 0;
    if (wait && strcmp(wait, "receipt") != 0)
        return error_say(ret_error, E_BAD_VALUE, "wait", "只能为 receipt", "receipt");
    int status = http_query_number(request, "timeout", 10, API_WAIT_S_MAX, &timeout_s, ret_error);
    if (status) return status;
    if (key && (!*key || strlen(key) > 255))
        return error_say(ret_error, E_BAD_VALUE, "Idempotency-Key", "1 至 255 字节",
                         "1 to 255 bytes");
    draft->draft.idempotency_key = key;
    if (leadbus_submit(agent->lb, &draft->draft, request->submitted_id, &trouble))
        return agent_error(&trouble, ret_error);
    request->submitted = true;
    if (request->wait_until_ms > 1)
        request->wait_until_ms = 0; /* it waits for something else now */
    request->remarks = json_incref(draft->remarks);
    agent->counts.submitted++;
    return api_submitted(agent, request, reply, ret_error);
}
