#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_cross.h"
#include "proto/payload/payload_json.h"

static void set_string(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, json_string(value));
}

static void set_codes(json_t *schema, const struct payload_list *list)
{
    json_t *codes = json_array();
    json_t *labels = json_object();
    for (size_t i = 0; i < list->count; i++) {
        json_array_append_new(codes, json_string(list->codes[i].code));
        json_object_set_new(
            labels, list->codes[i].code,
            json_pack("{s:s,s:s}", "zh", list->codes[i].text_zh, "en", list->codes[i].text_en));
    }
    json_object_set_new(schema, "enum", codes);
    json_object_set_new(schema, "x-labels", labels);
}

static json_t *value_schema(const struct payload_field *rule, const ProtobufCFieldDescriptor *field)
{
    json_t *schema = json_object();
    switch (rule->check) {
    case PAYLOAD_MESSAGE:
        json_decref(schema);
        return payload_json_schema(payload_of_descriptor(field->descriptor));
    case PAYLOAD_CODE:
        set_string(schema, "type", "string");
        set_codes(schema, rule->list);
        break;
    case PAYLOAD_TIME:
        set_string(schema, "type", "string");
        set_string(schema, "format", "date-time");
        break;
    case PAYLOAD_NUMBER:
    case PAYLOAD_LATITUDE:
    case PAYLOAD_LONGITUDE:
        set_string(schema, "type", "integer");
        json_object_set_new(schema, "maximum", json_integer(rule->len_max));
        json_object_set_new(
            schema, "minimum",
            json_integer(rule->check == PAYLOAD_NUMBER ? 0 : -(json_int_t)rule->len_max));
        break;
    case PAYLOAD_BOOL: set_string(schema, "type", "boolean"); break;
    default:
        set_string(schema, "type", "string");
        json_object_set_new(schema, "maxLength", json_integer(rule->len_max));
        break;
    }
    set_string(schema, "x-check", payload_check_name(rule->check));
    json_object_set_new(schema, "description",
                        json_sprintf("%s / %s", payload_check_text(rule->check, LANG_ZH),
                                     payload_check_text(rule->check, LANG_EN)));
    return schema;
}

static json_t *field_schema(const struct payload_field *rule, const ProtobufCFieldDescriptor *field)
{
    json_t *schema = value_schema(rule, field);
    if (rule->count_max) {
        schema = json_pack("{s:s,s:I,s:o}", "type", "array", "maxItems",
                           (json_int_t)rule->count_max, "items", schema);
        if (rule->required) json_object_set_new(schema, "minItems", json_integer(1));
    }
    json_object_set_new(schema, "title", json_sprintf("%s / %s", rule->label_zh, rule->label_en));
    return schema;
}

/* "a|b" as a list. */
static json_t *names_json(const char *names)
{
    json_t *list = json_array();
    for (const char *at = names; *at; at += strcspn(at, "|") + (strchr(at, '|') != NULL))
        json_array_append_new(list, json_stringn(at, strcspn(at, "|")));
    return list;
}

/* What says the same of the same fields, for another topic; NULL: nothing does. */
static json_t *rule_like(const json_t *rules, const char *field, const char *text_zh)
{
    for (size_t i = 0; i < json_array_size(rules); i++) {
        json_t *one = json_array_get(rules, i);
        if (strcmp(json_string_value(json_object_get(one, "field")), field) == 0 &&
            strcmp(json_string_value(json_object_get(one, "zh")), text_zh) == 0)
            return one;
    }
    return NULL;
}

/* The rules of rules.def that concern this message, in words. */
static json_t *rules_json(const struct payload_message *message)
{
    json_t *array = json_array();
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        bool other = rule->kind == PAYLOAD_RULE_NEEDS || rule->kind == PAYLOAD_RULE_EXCLUDES;
        const char *field = other ? rule->other : rule->field;
        if (rule->message != message->descriptor) continue;
        json_t *one = rule_like(array, field, rule->text_zh);
        if (!one) {
            one = json_pack("{s:s,s:o,s:s,s:s}", "field", field, "fields", names_json(field), "zh",
                            rule->text_zh, "en", rule->text_en);
            json_array_append_new(array, one);
        }
        if (strcmp(rule->field, PAYLOAD_RULE_TOPIC) != 0) continue;
        json_t *topics = json_object_get(one, "topics");
        if (!topics) {
            topics = json_array();
            json_object_set_new(one, "topics", topics);
        }
        json_array_append_new(topics, json_string(rule->value));
    }
    return array;
}

json_t *payload_json_schema(const struct payload_message *message)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const struct payload_field *rule = &message->fields[i];
        if (rule->check == PAYLOAD_ATTACHMENT) continue;
        json_object_set_new(properties, rule->name,
                            field_schema(rule, &message->descriptor->fields[i]));
        if (rule->required) json_array_append_new(required, json_string(rule->name));
    }
    json_t *schema = json_object();
    set_string(schema, "type", "object");
    json_object_set_new(schema, "title",
                        json_sprintf("%s / %s", message->label_zh, message->label_en));
    json_object_set_new(schema, "properties", properties);
    json_object_set_new(schema, "required", required);
    json_object_set_new(schema, "additionalProperties", json_false());
    json_t *rules = rules_json(message);
    if (json_array_size(rules) > 0)
        json_object_set_new(schema, "x-rules", rules);
    else
        json_decref(rules);
    return schema;
}
