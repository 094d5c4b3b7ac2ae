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
