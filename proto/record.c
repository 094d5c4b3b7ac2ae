#include "proto/record.h"

#include <string.h>

#include "proto/base/check.h"
#include "proto/line.h"

/* The arena, and whether it ever had to say no: a refusal for size is told from one for form. */
struct bounded {
    struct arena *arena;
    bool exhausted;
};

static void *bounded_alloc(void *data, size_t len)
{
    struct bounded *bounded = data;
    void *piece = arena_alloc(bounded->arena, len);
    if (!piece) bounded->exhausted = true;
    return piece;
}

static void bounded_free(void *data, void *piece)
{
    (void)data;
    (void)piece;
}

/* Where field `field` of `message` keeps its values, and how many; 0 for a oneof's other members.
 */
static size_t field_values(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                           const void **ret_values)
{
    const char *base = (const char *)message;
    *ret_values = base + field->offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        *ret_values = *(const void *const *)(base + field->offset);
        return *(const size_t *)(base + field->quantifier_offset);
    }
    if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
        return *(const uint32_t *)(base + field->quantifier_offset) == field->id ? 1 : 0;
    return 1;
}

bool message_has_unknown(const ProtobufCMessage *message)
{
    if (message->n_unknown_fields > 0) return true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_MESSAGE) continue;
        const void *values;
        size_t count = field_values(message, field, &values);
        const ProtobufCMessage *const *children = values;
        for (size_t k = 0; k < count; k++)
            if (children[k] && message_has_unknown(children[k])) return true;
    }
    return false;
}

static bool text_valid(const char *text)
{
    size_t len = 0;
    for (; text[len]; len++)
        if ((unsigned char)text[len] < 0x20 || (unsigned char)text[len] > 0x7e)
            return line_text_valid(bytes_of_str(text));
    return true;
}

/* proto3 strings are UTF-8, which protobuf-c leaves to its users. */
static bool strings_valid(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const void *values;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING)
            continue;
        size_t count = field_values(message, field, &values);
        for (size_t k = 0; k < count; k++) {
            const void *value = ((const void *const *)values)[k];
            if (!value) continue;
            if (field->type == PROTOBUF_C_TYPE_MESSAGE ? !strings_valid(value) : !text_valid(value))
                return false;
        }
    }
    return true;
}

void message_encode(const ProtobufCMessage *message, struct buf *ret_bytes)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *data = buf_grow(ret_bytes, len);
    size_t packed = protobuf_c_message_pack(message, data);
    CHECK(packed == len);
}

static int unpack(const ProtobufCMessageDescriptor *descriptor, struct bytes input,
                  struct arena *arena, ProtobufCMessage **ret, struct error *ret_error)
{
    struct bounded bounded = {.arena = arena};
    ProtobufCAllocator allocator = {bounded_alloc, bounded_free, &bounded};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, input.len, input.data);
    if (message) {
        *ret = message;
        return 0;
    }
    if (bounded.exhausted)
        return error_say(ret_error, E_TOO_LARGE, descriptor->short_name, "展开后超过 %zu 字节",
                         "unpacks to more than %zu bytes", arena->cap_bytes);
    return error_say(ret_error, E_BAD_FORM, descriptor->short_name,
                     "%zu 字节不是这种 protobuf 消息", "%zu bytes are not this protobuf message",
                     input.len);
}

/* What is not written in the fewest bytes has a second meaning somewhere: a field given twice, a
 * default spelt out, a long varint, a NUL that cuts a string short for a reader in C. */
static int check_strict(const ProtobufCMessage *message, struct bytes input,
                        struct error *ret_error)
{
    const char *name = message->descriptor->short_name;
    if (message_has_unknown(message))
        return error_say(ret_error, E_UNKNOWN_FIELD, name, "含有未定义的字段",
                         "a field that the schema does not have");
    if (protobuf_c_message_get_packed_size(message) != input.len)
        return error_say(ret_error, E_BAD_FORM, name, "不是最短编码",
                         "not the shortest encoding of its fields");
    if (!strings_valid(message))
        return error_say(ret_error, E_BAD_FORM, name, "含有非 UTF-8 文本",
                         "a string that is not plain UTF-8 text");
    return 0;
}

int message_decode(const ProtobufCMessageDescriptor *descriptor, struct bytes input,
                   struct arena *arena, const ProtobufCMessage **ret, struct error *ret_error)
{
    ProtobufCMessage *message;
    int result = unpack(descriptor, input, arena, &message, ret_error);
    if (result == 0) result = check_strict(message, input, ret_error);
    if (result == 0) *ret = message;
    return result;
}

/* A varint at *at; false: none that fits. */
static bool varint(struct bytes input, size_t *at, uint64_t *ret)
{
    *ret = 0;
    for (unsigned shift = 0; shift < 64 && *at < input.len; shift += 7) {
        uint8_t byte = input.data[(*at)++];
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

bool message_peek(struct bytes message, unsigned number, struct bytes *ret_field)
{
    enum { VARINT = 0, LENGTH = 2 };
    size_t at = 0;
    uint64_t tag, value;
    while (varint(message, &at, &tag) && varint(message, &at, &value)) {
        if ((tag & 7) == VARINT) continue;
        if ((tag & 7) != LENGTH || value > message.len - at)
            return false; /* the schema has no other kinds */
        *ret_field = bytes_of(message.data + at, (size_t)value);
        if (tag >> 3 == number) return true;
        at += (size_t)value;
    }
    return false;
}

int record_encode(const Leadbus__Record *record, struct buf *ret_bytes, struct error *ret_error)
{
    size_t len = leadbus__record__get_packed_size(record);
    if (len > LIMIT_RECORD_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "Record", "%zu 字节，最多 %d 字节",
                         "%zu bytes, at most %d", len, LIMIT_RECORD_BYTES_MAX);
    message_encode(&record->base, ret_bytes);
    return 0;
}

int record_decode(struct bytes input, struct arena *arena, const Leadbus__Record **ret,
                  struct error *ret_error)
{
    const ProtobufCMessage *message;
    if (input.len > LIMIT_RECORD_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "Record", "%zu 字节，最多 %d 字节",
                         "%zu bytes, at most %d", input.len, LIMIT_RECORD_BYTES_MAX);
    int result = message_decode(&leadbus__record__descriptor, input, arena, &message, ret_error);
    if (result != 0)
        return result == E_UNKNOWN_FIELD
                   ? error_say(ret_error, E_BAD_FORM, "Record", "含有未定义的字段",
                               "a field that the schema does not have")
                   : result;
    const Leadbus__Record *record = (const Leadbus__Record *)message;
    if (record->what_case == LEADBUS__RECORD__WHAT__NOT_SET)
        return error_say(ret_error, E_BAD_FORM, "what", "记录没有内容", "a record without a body");
    uint8_t *again = arena_alloc(arena, input.len);
    if (!again)
        return error_say(ret_error, E_TOO_LARGE, "Record", "没有空间重新编码",
                         "no room left to encode it again");
    /* The length is already known to be equal; this is about the order of fields. */
    protobuf_c_message_pack(message, again);
    if (memcmp(again, input.data, input.len) != 0)
        return error_say(ret_error, E_BAD_FORM, "Record", "不是规范编码",
                         "not the canonical encoding");
    *ret = record;
    return 0;
}

static ProtobufCBinaryData binary(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

int record_of_accepted(uint32_t rules, uint64_t time_ms, uint32_t accepted_flags,
                       const struct envelope *envelope, struct buf *ret_bytes,
                       struct error *ret_error)
{
    ProtobufCBinaryData commits[LIMIT_SECTION_COUNT_MAX];
    for (size_t i = 0; i < envelope->section_count; i++) commits[i] = binary(envelope->commits[i]);
    Leadbus__Accepted accepted = LEADBUS__ACCEPTED__INIT;
    accepted.header = binary(envelope->header);
    accepted.wraps = binary(envelope->wraps);
    accepted.n_commits = envelope->section_count;
    accepted.commits = commits;
    accepted.manifest = binary(envelope->manifest);
    accepted.signature = binary(envelope->signature);
    accepted.flags = accepted_flags;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    record.rules = rules;
    record.time_ms = time_ms;
    record.what_case = LEADBUS__RECORD__WHAT_ACCEPTED;
    record.accepted = &accepted;
    return record_encode(&record, ret_bytes, ret_error);
}

int frame_decode(struct bytes input, struct arena *arena, const Leadbus__Frame **ret,
                 struct error *ret_error)
{
    if (input.len > LIMIT_FRAME_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "Frame", "%zu 字节，最多 %d 字节",
                         "%zu bytes, at most %d", input.len, LIMIT_FRAME_BYTES_MAX);
    ProtobufCMessage *message;
    int result = unpack(&leadbus__frame__descriptor, input, arena, &message, ret_error);
    if (result != 0) return result;
    /* The version first: a later one may well have fields that this one has not. */
    const Leadbus__Frame *frame = (const Leadbus__Frame *)message;
    if (frame->version != 1)
        return error_say(ret_error, E_VERSION_UNSUPPORTED, "version", "%u，应为 1", "%u, not 1",
                         (unsigned)frame->version);
    result = check_strict(message, input, ret_error);
    if (result != 0) return result;
    if (frame->body_case == LEADBUS__FRAME__BODY__NOT_SET)
        return error_say(ret_error, E_BAD_FORM, "body", "帧没有内容", "a frame without a body");
    *ret = frame;
    return 0;
}
