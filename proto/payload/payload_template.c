#include <string.h>

#include "proto/base/check.h"
#include "proto/payload/payload_cross.h"
#include "proto/payload/payload_json.h"

enum { BLANK_LEN_MAX = 1024 };

json_t *payload_json_example(const struct payload_message *message)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const struct payload_field *rule = &message->fields[i];
        if (!rule->example) continue;
        json_t *value = json_loads(rule->example, JSON_DECODE_ANY, NULL);
        CHECK(value); /* an example that is not JSON is a mistake in fields.def */
        if (rule->check == PAYLOAD_MESSAGE) {
            json_t *own = payload_json_example(
                payload_of_descriptor(message->descriptor->fields[i].descriptor));
            json_object_update(own, value);
            json_decref(value);
            value = own;
        }
        if (rule->count_max) value = json_pack("[o]", value);
        json_object_set_new(object, rule->name, value);
    }
    return object;
}

bool payload_json_is_blank(const char *text)
{
    size_t len = strlen(text);
    return len >= 4 && text[0] == '<' && text[1] == '<' && text[len - 2] == '>' &&
           text[len - 1] == '>';
}

json_t *payload_json_blank(bool required, const char *label_zh, const char *label_en,
                           const char *allowed)
{
    return json_sprintf("<<%s %s %s: %s>>",
                        required ? "必填 required:" : "选填 optional:", label_zh, label_en,
                        allowed);
}

/* The codes with their names, as many as fit. */
static void codes_text(const struct payload_list *list, char ret_text[BLANK_LEN_MAX])
{
    struct buf text = {0};
    for (size_t i = 0; i < list->count; i++) {
        const struct payload_code *code = &list->codes[i];
        size_t before = text.len;
        buf_printf(&text, "%s%s %s %s", i ? " | " : "", code->code, code->text_zh, code->text_en);
        if (text.len + sizeof " | ..." <= BLANK_LEN_MAX) continue;
        text.len = before;
        buf_append_str(&text, " | ...");
        break;
    }
    CHECK(text.len < BLANK_LEN_MAX);
    if (text.len) memcpy(ret_text, text.data, text.len);
    ret_text[text.len] = 0;
    buf_fini(&text);
}

static json_t *field_blank(const struct payload_field *rule)
{
    char text[BLANK_LEN_MAX];
    if (rule->check == PAYLOAD_CODE) {
        codes_text(rule->list, text);
        return payload_json_blank(rule->required, rule->label_zh, rule->label_en, text);
    }
    struct buf words = {0};
    buf_printf(&words, "%s / %s", payload_check_text(rule->check, LANG_ZH),
               payload_check_text(rule->check, LANG_EN));
    buf_append_u8(&words, 0);
    json_t *blank = payload_json_blank(rule->required, rule->label_zh, rule->label_en,
                                       (const char *)words.data);
    buf_fini(&words);
    return blank;
}

json_t *payload_json_template(const struct payload_message *message)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const struct payload_field *rule = &message->fields[i];
        if (rule->check == PAYLOAD_ATTACHMENT) continue;
        json_t *value = rule->check == PAYLOAD_MESSAGE
                            ? payload_json_template(
                                  payload_of_descriptor(message->descriptor->fields[i].descriptor))
                            : field_blank(rule);
        if (rule->count_max) value = json_pack("[o]", value);
        json_object_set_new(object, rule->name, value);
    }
    return object;
}

void payload_json_set_topic(const struct payload_message *message, const char *topic,
                            json_t *object)
{
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        if (rule->message == message->descriptor && rule->kind == PAYLOAD_RULE_SAME_AS_TOPIC)
            json_object_set_new(object, rule->field, json_string(topic));
    }
}

/* ---- an example for a topic ---------------------------------------------------------------------
 */

static const struct payload_field *field_named(const struct payload_message *message,
                                               const char *name, size_t len)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (strlen(message->fields[i].name) == len &&
            memcmp(message->fields[i].name, name, len) == 0)
            return &message->fields[i];
    return NULL;
}

/* A value of a field that is in no example but where a topic wants it. */
static json_t *sample(const struct payload_message *message, const struct payload_field *field)
{
    if (field->example) return json_loads(field->example, JSON_DECODE_ANY, NULL);
    switch (field->check) {
    case PAYLOAD_CODE: return json_string(field->list->codes[0].code);
    case PAYLOAD_DATE: return json_string("2026-03-02");
    case PAYLOAD_TIME: return json_string("2026-03-02T09:00:00+08:00");
    case PAYLOAD_REFERENCE:
    case PAYLOAD_PUBLIC_REFERENCE: return json_string("河东示例〔2026〕1号");
    case PAYLOAD_NAME: return json_string("张某某");
    case PAYLOAD_TEXT:
    case PAYLOAD_PUBLIC_TEXT: return json_string("示例：写明理由与经过。");
    case PAYLOAD_AREA: return json_string("120102002");
    case PAYLOAD_NUMBER: return json_integer(1);
    case PAYLOAD_BOOL: return json_true();
    case PAYLOAD_MESSAGE:
        return payload_json_example(
            payload_of_descriptor(message->descriptor->fields[field - message->fields].descriptor));
    default: return NULL;
    }
}

/* May the field be left in, or put there, for this topic? */
static bool is_excluded(const struct payload_message *message, const char *topic, const char *name,
                        size_t len)
{
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        if (rule->message != message->descriptor || rule->kind != PAYLOAD_RULE_EXCLUDES ||
            strcmp(rule->field, PAYLOAD_RULE_TOPIC) != 0 || strcmp(rule->value, topic) != 0)
            continue;
        for (const char *at = rule->other; *at; at += strcspn(at, "|") + (strchr(at, '|') != NULL))
            if (strcspn(at, "|") == len && memcmp(at, name, len) == 0) return true;
    }
    return false;
}

/* Does the rule ask for something that the example has not? */
static bool is_wanted(const struct payload_rule *rule, const char *topic, const json_t *object)
{
    if (strcmp(rule->field, PAYLOAD_RULE_TOPIC) == 0) {
        if (strcmp(rule->value, topic) != 0) return false;
    } else {
        const json_t *value = json_object_get(object, rule->field);
        const char *text = json_string_value(value);
        bool holds = strcmp(rule->value, "*") == 0   ? value != NULL
                     : strcmp(rule->value, "-") == 0 ? value == NULL
                                                     : text && strcmp(rule->value, text) == 0;
        if (!holds) return false;
    }
    for (const char *at = rule->other; *at; at += strcspn(at, "|") + (strchr(at, '|') != NULL)) {
        char name[64];
        size_t len = strcspn(at, "|");
        CHECK(len < sizeof name);
        memcpy(name, at, len);
        name[len] = 0;
        if (json_object_get(object, name)) return false;
    }
    return true;
}

void payload_json_fit_topic(const struct payload_message *message, const char *topic,
                            json_t *object)
{
    payload_json_set_topic(message, topic, object);
    for (size_t i = 0; i < message->field_count; i++) {
        const char *name = message->fields[i].name;
        if (is_excluded(message, topic, name, strlen(name))) json_object_del(object, name);
    }
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        size_t len = strcspn(rule->other, "|");
        if (rule->message != message->descriptor || rule->kind != PAYLOAD_RULE_NEEDS ||
            !is_wanted(rule, topic, object) || is_excluded(message, topic, rule->other, len))
            continue;
        const struct payload_field *field = field_named(message, rule->other, len);
        CHECK(field);
        json_t *value = sample(message, field);
        if (!value) continue;
        if (field->count_max) value = json_pack("[o]", value);
        json_object_set_new(object, field->name, value);
    }
}
