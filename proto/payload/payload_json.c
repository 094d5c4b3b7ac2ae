#include "proto/payload/payload_json.h"

#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/payload/codes.h"

/* jansson's own cap is far above what a section can need, and recursion is paid in stack. */
static bool too_deep(struct bytes text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > PAYLOAD_JSON_DEPTH_MAX) return true;
        } else if ((c == '}' || c == ']') && depth) {
            depth--;
        }
    }
    return false;
}

static const char *fault_zh(const json_error_t *fault)
{
    static const struct {
        const char *en, *zh;
    } words[] = {
        {"':' expected", "应为半角冒号"},
        {"']' expected", "应为逗号或 ]（均为半角）"},
        {"'}' expected", "应为逗号或 }（均为半角）"},
        {"string or '}' expected", "应为双引号括起的字段名，或 }"},
        {"'[' or '{' expected", "应以 { 开头"},
        {"unexpected newline", "字符串中换行须写作 \\n"},
        {"unexpected token", "此处不应有这个符号"},
        {"invalid token", "无法识别：字符串须用半角双引号括起"},
        {"invalid escape", "反斜杠之后的字符无效"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(fault->text, words[i].en) == 0) return words[i].zh;
    switch (json_error_code(fault)) {
    case json_error_premature_end_of_input: return "内容提前结束，缺少 }、] 或引号";
    case json_error_end_of_input_expected: return "对象之后还有内容";
    case json_error_invalid_utf8: return "不是 UTF-8";
    case json_error_duplicate_key: return "字段重复";
    case json_error_numeric_overflow: return "数字过大";
    case json_error_null_character:
    case json_error_null_byte_in_key: return "含有零字符";
    case json_error_stack_overflow: return "层数过多";
    default: return "不符合 JSON 语法";
    }
}

int payload_json_fault(const json_error_t *fault, const char *field, struct error *ret_error)
{
    json_error_t trouble = *fault;
    char *near = strstr(trouble.text, " near ");
    if (near) *near = 0;
    (void)error_set(ret_error, E_BAD_JSON, field, "line %d, column %d: %s", trouble.line,
                    trouble.column, trouble.text);
    (void)error_note_zh(ret_error, "第 %d 行第 %d 列：%s", trouble.line, trouble.column,
                        fault_zh(&trouble));
    return E_BAD_JSON;
}

int payload_json_parse(struct bytes text, json_t **ret_object, struct error *ret_error)
{
    json_error_t trouble;
    if (!text.len)
        return error_say(ret_error, E_BAD_JSON, NULL, "空内容；应为一个对象",
                         "empty; an object is expected");
    if (too_deep(text))
        return error_say(ret_error, E_BAD_JSON, NULL, "超过 %d 层", "more than %d levels",
                         PAYLOAD_JSON_DEPTH_MAX);
    json_t *object =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &trouble);
    if (!object) return payload_json_fault(&trouble, NULL, ret_error);
    if (!json_is_object(object)) {
        json_decref(object);
        return error_say(ret_error, E_BAD_JSON, NULL, "应为一个对象", "an object is expected");
    }
    *ret_object = object;
    return 0;
}

struct reading {
    struct arena arena;
    struct error *error;
};

static int wrong_type(struct reading *reading, const char *path, const char *zh, const char *en)
{
    (void)error_set(reading->error, E_BAD_VALUE, path, "%s", en);
    (void)error_note_zh(reading->error, "%s", zh);
    return E_BAD_VALUE;
}

static int wrong_value(struct reading *reading, const char *path, enum payload_check_kind check)
{
    return wrong_type(reading, path, payload_check_text(check, LANG_ZH),
                      payload_check_text(check, LANG_EN));
}

static int no_room(struct reading *reading, const char *path)
{
    return error_say(reading->error, E_TOO_LARGE, path, "该部分过大", "the section is too large");
}

static int read_message(struct reading *reading, const struct payload_message *message,
                        const json_t *object, const char *path, ProtobufCMessage **ret_content);

static int read_string(struct reading *reading, const json_t *value, const char *path,
                       char **ret_string)
{
    if (!json_is_string(value)) return wrong_type(reading, path, "应为字符串", "a string");
    size_t len = json_string_length(value);
    char *copy = arena_alloc(&reading->arena, len + 1);
    if (!copy) return no_room(reading, path);
    memcpy(copy, json_string_value(value), len);
    copy[len] = 0;
    *ret_string = copy;
    return 0;
}

static int read_time(struct reading *reading, const json_t *value, const char *path,
                     uint64_t *ret_ms)
{
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *ret_ms = (uint64_t)json_integer_value(value);
        return 0;
    }
    const char *text = json_string_value(value);
    if (text && !*text) return 0;
    if (!text || !codes_time_parse(text, ret_ms)) return wrong_value(reading, path, PAYLOAD_TIME);
    return 0;
}

static int read_integer(struct reading *reading, const json_t *value, const char *path, int64_t min,
                        int64_t max, int64_t *ret_value)
{
    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max)
        return wrong_type(reading, path, "应为范围内的整数", "a whole number in range");
    *ret_value = json_integer_value(value);
    return 0;
}

/* One value into its place in the message (or in the array of a repeated field). */
static int read_value(struct reading *reading, const ProtobufCFieldDescriptor *field,
                      const json_t *value, const char *path, void *member)
{
    int64_t number = 0;
    int status = 0;
    if (json_is_string(value) && payload_json_is_blank(json_string_value(value)))
        return error_say(reading->error, E_MISSING_FIELD, path, "模板中的空白：填写或删除此项",
                         "a blank of the template: fill it in, or remove it");
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return read_string(reading, value, path, (char **)member);
    case PROTOBUF_C_TYPE_MESSAGE:
        if (!json_is_object(value)) return wrong_type(reading, path, "应为对象", "an object");
        return read_message(reading, payload_of_descriptor(field->descriptor), value, path,
                            (ProtobufCMessage **)member);
    case PROTOBUF_C_TYPE_UINT64: return read_time(reading, value, path, (uint64_t *)member);
    case PROTOBUF_C_TYPE_UINT32:
        status = read_integer(reading, value, path, 0, UINT32_MAX, &number);
        if (!status) *(uint32_t *)member = (uint32_t)number;
        return status;
    case PROTOBUF_C_TYPE_SINT32:
        status = read_integer(reading, value, path, INT32_MIN, INT32_MAX, &number);
        if (!status) *(int32_t *)member = (int32_t)number;
        return status;
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(value))
            return wrong_type(reading, path, "应为 true 或 false", "true or false");
        *(protobuf_c_boolean *)member = json_is_true(value);
        return 0;
    default: CHECK(false); return E_BAD_FORM;
    }
}

static int read_repeated(struct reading *reading, const ProtobufCFieldDescriptor *field,
                         uint32_t count_max, const json_t *array, const char *path, void *content)
{
    if (!json_is_array(array)) return wrong_type(reading, path, "应为列表", "a list");
    size_t count = json_array_size(array);
    if (count > count_max)
        return error_say(reading->error, E_TOO_LARGE, path, "%zu 项，最多 %u 项",
                         "%zu of them; at most %u", count, (unsigned)count_max);
    if (!count) return 0;
    void **elements = arena_alloc(&reading->arena, count * sizeof *elements);
    if (!elements) return no_room(reading, path);
    for (size_t i = 0; i < count; i++) {
        char at[ERROR_FIELD_LEN_MAX + 1];
        snprintf(at, sizeof at, "%s[%zu]", path, i);
        elements[i] = NULL;
        int status = read_value(reading, field, json_array_get(array, i), at, &elements[i]);
        if (status) return status;
    }
    *(void ***)(void *)((char *)content + field->offset) = elements;
    *(size_t *)(void *)((char *)content + field->quantifier_offset) = count;
    return 0;
}

static int read_message(struct reading *reading, const struct payload_message *message,
                        const json_t *object, const char *path, ProtobufCMessage **ret_content)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    ProtobufCMessage *content = arena_alloc(&reading->arena, descriptor->sizeof_message);
    if (!content) return no_room(reading, path);
    protobuf_c_message_init(descriptor, content);
    void *walk = NULL;
    /* jansson's iterators take a non-const object but do not change it. */
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = object};
    for (walk = json_object_iter(held.out); walk; walk = json_object_iter_next(held.out, walk)) {
        char at[ERROR_FIELD_LEN_MAX + 1];
        const char *name = json_object_iter_key(walk);
        snprintf(at, sizeof at, "%s.%.47s", path, name);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
        if (!field)
            return error_say(reading->error, E_UNKNOWN_FIELD, at, "%s 没有这个字段",
                             "%s has no such field", message->name);
        const json_t *value = json_object_iter_value(walk);
        size_t index = (size_t)(field - descriptor->fields);
        if (message->fields[index].check == PAYLOAD_ATTACHMENT)
            return wrong_value(reading, at, PAYLOAD_ATTACHMENT);
        int status = field->label == PROTOBUF_C_LABEL_REPEATED
                         ? read_repeated(reading, field, message->fields[index].count_max, value,
                                         at, content)
                         : read_value(reading, field, value, at, (char *)content + field->offset);
        if (status) return status;
    }
    *ret_content = content;
    return 0;
}

int payload_json_read(const struct payload_message *message, const json_t *object, const char *path,
                      struct buf *ret_section, struct error *ret_error)
{
    struct reading reading = {.error = ret_error};
    ProtobufCMessage *content = NULL;
    if (!json_is_object(object))
        return error_say(ret_error, E_BAD_VALUE, path, "应为对象", "an object");
    arena_init(&reading.arena, PAYLOAD_UNPACKED_BYTES_MAX);
    int status = read_message(&reading, message, object, path, &content);
    if (!status) {
        size_t len = protobuf_c_message_get_packed_size(content);
        if (len > LIMIT_PLAINTEXT_BYTES_MAX)
            status = error_say(ret_error, E_TOO_LARGE, path, "%zu 字节，最多 %d 字节",
                               "%zu bytes; at most %d", len, LIMIT_PLAINTEXT_BYTES_MAX);
        else if (len)
            protobuf_c_message_pack(content, buf_grow(ret_section, len));
    }
    arena_fini(&reading.arena);
    return status;
}

static json_t *write_message(const struct payload_message *message,
                             const ProtobufCMessage *content);

/* NULL: not stated. */
static json_t *write_value(const ProtobufCFieldDescriptor *field, const void *member, bool element)
{
    const char *text = NULL;
    char time[CODES_TIME_TEXT_LEN + 1];
    uint64_t ms = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)member;
        return *text || element ? json_string(text) : NULL;
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)member;
        return inner ? write_message(payload_of_descriptor(field->descriptor), inner) : NULL;
    }
    case PROTOBUF_C_TYPE_UINT64:
        ms = *(const uint64_t *)member;
        if (!ms) return NULL;
        /* Only what passed payload_check gets here; a time beyond it is shown at the bound. */
        codes_time_text(ms <= CODES_TIME_MS_MAX ? ms : CODES_TIME_MS_MAX, time);
        return json_string(time);
    case PROTOBUF_C_TYPE_UINT32:
        return *(const uint32_t *)member ? json_integer(*(const uint32_t *)member) : NULL;
    case PROTOBUF_C_TYPE_SINT32:
        return *(const int32_t *)member ? json_integer(*(const int32_t *)member) : NULL;
    case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)member ? json_true() : NULL;
    default: CHECK(false); return NULL;
    }
}

static json_t *write_message(const struct payload_message *message, const ProtobufCMessage *content)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const void *member = payload_member(content, field);
        json_t *value = NULL;
        if (message->fields[i].check == PAYLOAD_ATTACHMENT) continue;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = payload_count(content, field);
            const char *const *elements = *(const char *const *const *)member;
            value = count ? json_array() : NULL;
            for (size_t k = 0; k < count; k++)
                json_array_append_new(value, write_value(field, &elements[k], true));
        } else {
            value = write_value(field, member, false);
        }
        if (value) json_object_set_new(object, field->name, value);
    }
    return object;
}

int payload_json_write(const struct payload_message *message, struct bytes section,
                       json_t **ret_object, struct error *ret_error)
{
    struct arena arena;
    int status = 0;
    arena_init(&arena, PAYLOAD_UNPACKED_BYTES_MAX);
    ProtobufCAllocator allocator = arena_allocator(&arena);
    ProtobufCMessage *content =
        protobuf_c_message_unpack(message->descriptor, &allocator, section.len, section.data);
    if (content)
        *ret_object = write_message(message, content);
    else
        status = error_say(ret_error, E_BAD_FORM, NULL, "不是 %s", "not a %s", message->name);
    arena_fini(&arena);
    return status;
}
