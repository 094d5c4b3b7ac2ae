#include "proto/payload/payload_cross.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/payload/payload.h"
#include "proto/schema/payload.pb-c.h"

static const struct payload_rule rules[] = {
#define RULE(c_name, rule, field, value, other, zh, en)                                            \
    {&leadbus__payload__##c_name##__descriptor, PAYLOAD_RULE_##rule, field, value, other, zh, en},
#include "proto/payload/rules.def"
#undef RULE
};

const struct payload_rule *payload_rule_at(size_t index)
{
    return index < sizeof rules / sizeof *rules ? &rules[index] : NULL;
}

struct place {
    const struct payload_cross *cross;
    const ProtobufCMessage *content;
    const char *path;
    struct error *error;
};

static const char *topic_of(const struct place *place)
{
    return place->cross->topic ? place->cross->topic : "";
}

static int refuse(const struct place *place, int code, const char *field, const char *zh,
                  const char *en)
{
    char path[ERROR_FIELD_LEN_MAX + 1];
    snprintf(path, sizeof path, "%s.%s", place->path, field);
    (void)error_set(place->error, code, path, "%s", en);
    (void)error_note_zh(place->error, "%s", zh);
    return code;
}

/* The field of that name; rules.def names no others (a test sees to it). len: of the name. */
static const ProtobufCFieldDescriptor *field_of(const struct place *place, const char *name,
                                                size_t len)
{
    const ProtobufCMessageDescriptor *descriptor = place->content->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const char *own = descriptor->fields[i].name;
        if (strlen(own) == len && memcmp(own, name, len) == 0) return &descriptor->fields[i];
    }
    CHECK(false);
    return NULL;
}

static bool stated(const struct place *place, const char *name, size_t len)
{
    if (name[0] == '@') return topic_of(place)[0] != 0;
    return payload_stated(place->content, field_of(place, name, len));
}

/* A string, or one of several, equals the value; a number is greater than it says. */
static bool equals(const struct place *place, const char *name, const char *value)
{
    if (strcmp(value, "*") == 0) return stated(place, name, strlen(name));
    if (strcmp(value, "-") == 0) return !stated(place, name, strlen(name));
    if (name[0] == '@') return strcmp(topic_of(place), value) == 0;
    const ProtobufCFieldDescriptor *field = field_of(place, name, strlen(name));
    const void *member = payload_member(place->content, field);
    if (field->type == PROTOBUF_C_TYPE_UINT32) {
        uint32_t bound = 0;
        for (const char *at = value + 1; *at; at++) bound = bound * 10 + (uint32_t)(*at - '0');
        return *(const uint32_t *)member > bound;
    }
    CHECK(field->type == PROTOBUF_C_TYPE_STRING);
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return strcmp(*(const char *const *)member, value) == 0;
    const char *const *elements = *(const char *const *const *)member;
    for (size_t i = 0; i < payload_count(place->content, field); i++)
        if (strcmp(elements[i], value) == 0) return true;
    return false;
}

/* Days are strings that sort as they should, times numbers. */
static int order(const struct place *place, const char *a, const char *b)
{
    const ProtobufCFieldDescriptor *field = field_of(place, a, strlen(a));
    const void *one = payload_member(place->content, field);
    const void *other = payload_member(place->content, field_of(place, b, strlen(b)));
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return strcmp(*(const char *const *)one, *(const char *const *)other);
    CHECK(field->type == PROTOBUF_C_TYPE_UINT64);
    uint64_t first = *(const uint64_t *)one;
    uint64_t second = *(const uint64_t *)other;
    return (first > second) - (first < second);
}

/* The first of the fields "a|b" that is stated, as *ret_len characters of them; NULL: none. */
static const char *first_stated(const struct place *place, const char *names, size_t *ret_len)
{
    for (; *names; names += *ret_len + (names[*ret_len] == '|')) {
        *ret_len = strcspn(names, "|");
        if (stated(place, names, *ret_len)) return names;
    }
    return NULL;
}

static int missing(const struct place *place, const struct payload_rule *rule)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    snprintf(field, sizeof field, "%.*s", (int)strcspn(rule->other, "|"), rule->other);
    if (!place->cross->as_stated)
        return refuse(place, E_MISSING_FIELD, field, rule->text_zh, rule->text_en);
    char path[ERROR_FIELD_LEN_MAX + 1];
    snprintf(path, sizeof path, "%s.%s", place->path, field);
    place->cross->remark(place->cross->ctx, path);
    return 0;
}

static int excluded(const struct place *place, const struct payload_rule *rule)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    size_t len = 0;
    const char *other = first_stated(place, rule->other, &len);
    if (!other) return 0;
    snprintf(field, sizeof field, "%.*s", (int)len, other);
    return refuse(place, E_BAD_VALUE, field, rule->text_zh, rule->text_en);
}

static int apply(const struct place *place, const struct payload_rule *rule)
{
    size_t len = 0;
    switch (rule->kind) {
    case PAYLOAD_RULE_SAME_AS_TOPIC:
        if (!topic_of(place)[0] || equals(place, rule->field, topic_of(place))) return 0;
        return refuse(place, E_BAD_VALUE, rule->field, rule->text_zh, rule->text_en);
    case PAYLOAD_RULE_NEEDS:
        if (!equals(place, rule->field, rule->value) || first_stated(place, rule->other, &len))
            return 0;
        return missing(place, rule);
    case PAYLOAD_RULE_EXCLUDES:
        return equals(place, rule->field, rule->value) ? excluded(place, rule) : 0;
    case PAYLOAD_RULE_REFUSES:
        if (!equals(place, rule->field, rule->value)) return 0;
        return refuse(place, E_BAD_VALUE, rule->field, rule->text_zh, rule->text_en);
    case PAYLOAD_RULE_NOT_BEFORE:
    case PAYLOAD_RULE_AFTER:
        if (!stated(place, rule->field, strlen(rule->field)) ||
            !stated(place, rule->other, strlen(rule->other)))
            return 0;
        if (order(place, rule->field, rule->other) >= (rule->kind == PAYLOAD_RULE_AFTER ? 1 : 0))
            return 0;
        return refuse(place, E_BAD_VALUE, rule->field, rule->text_zh, rule->text_en);
    }
    return 0;
}

/* Work is for those of 16 and over: a rule about a field of a field, and a number. */
static int referral_age(const struct place *place)
{
    if (place->content->descriptor != &leadbus__payload__referral_full__descriptor) return 0;
    const Leadbus__Payload__ReferralFull *full =
        (const Leadbus__Payload__ReferralFull *)place->content;
    if (strcmp(full->service, "employment") != 0 || !full->person) return 0;
    if (full->person->age_years >= 16) return 0;
    return refuse(place, full->person->age_years ? E_BAD_VALUE : E_MISSING_FIELD,
                  "person.age_years", "就业服务只面向年满 16 周岁者",
                  "employment is for persons of 16 years and over");
}

int payload_cross_check(const ProtobufCMessage *content, const struct payload_cross *cross,
                        const char *path, struct error *ret_error)
{
    struct place place = {cross, content, path, ret_error};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].message != content->descriptor) continue;
        int status = apply(&place, &rules[i]);
        if (status) return status;
    }
    return referral_age(&place);
}
