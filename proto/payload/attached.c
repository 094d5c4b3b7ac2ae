#include "proto/payload/attached.h"

#include <stdio.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/payload/text.h"
#include "proto/record.h"

/* ---- one entry ----------------------------------------------------------------------------------
 */

bool attached_name_valid(const char *name)
{
    size_t len = strlen(name), count = 0;
    if (len == 0 || len > LIMIT_ATTACHMENT_NAME_BYTES_MAX) return false;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return false;
    /* Neither kind of slash: a name is shown and saved on systems of both. */
    if (strcspn(name, "/\\") < len) return false;
    return text_check(bytes_of_str(name), false, &count) == TEXT_FINE;
}

/* RFC 6838 names, in lower case, without parameters. */
static size_t token_len(const char *text)
{
    size_t len = 0;
    while ((text[len] >= 'a' && text[len] <= 'z') || (text[len] >= '0' && text[len] <= '9') ||
           (len > 0 && text[len] && strchr("!#$&-^_.+", text[len])))
        len++;
    return len;
}

bool attached_type_valid(const char *media_type)
{
    size_t first = token_len(media_type);
    if (first == 0 || media_type[first] != '/') return false;
    size_t second = token_len(media_type + first + 1);
    return second > 0 && media_type[first + 1 + second] == 0 &&
           first + 1 + second <= LIMIT_ATTACHMENT_TYPE_BYTES_MAX;
}

static int bad(const char *path, const char *field, const char *zh, const char *en,
               struct error *ret_error)
{
    char whole[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(whole, sizeof whole, "%.70s.%s", path, field);
    (void)error_set(ret_error, E_BAD_VALUE, whole, "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_BAD_VALUE;
}

int attached_check(const Leadbus__Payload__Attachment *attachment, const char *path,
                   struct error *ret_error)
{
    if (attachment->base.n_unknown_fields)
        return error_say(ret_error, E_UNKNOWN_FIELD, path, "没有编号为 %u 的字段",
                         "no field with number %u",
                         (unsigned)attachment->base.unknown_fields[0].tag);
    if (attachment->key.len != SUITE_KEY_LEN)
        return bad(path, "key", "应为 32 字节", "32 bytes", ret_error);
    if (attachment->root.len != MERKLE_HASH_LEN)
        return bad(path, "root", "应为 32 字节", "32 bytes", ret_error);
    if (attachment->sha256.len != 32)
        return bad(path, "sha256", "应为 32 字节", "32 bytes", ret_error);
    if (attachment_stream_len(attachment->size) == 0)
        return bad(path, "size", "为空，或超过可发送的大小", "empty, or larger than may be sent",
                   ret_error);
    if (!attached_name_valid(attachment->name))
        return bad(path, "name", "应为一行的文件名，不含文件夹",
                   "a file name of one line without folders", ret_error);
    if (!attached_type_valid(attachment->media_type))
        return bad(path, "media_type", "应为小写的媒体类型", "a media type in lower case",
                   ret_error);
    return 0;
}

/* ---- in a section -------------------------------------------------------------------------------
 */

static void append_varint(struct buf *buf, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) buf_append_u8(buf, (uint8_t)(value | 0x80));
    buf_append_u8(buf, (uint8_t)value);
}

void attached_append(const Leadbus__Payload__Attachment *attachment, struct buf *section)
{
    append_varint(section, ATTACHED_FIELD << 3 | 2);
    append_varint(section, leadbus__payload__attachment__get_packed_size(attachment));
    message_encode(&attachment->base, section);
}

static bool take_varint(struct bytes *rest, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        uint8_t byte = rest->data[0];
        *rest = bytes_of(rest->data + 1, rest->len - 1);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *ret_value = value;
        return true;
    }
    return false;
}

static bool take(struct bytes *rest, uint64_t len, struct bytes *ret)
{
    if (len > rest->len) return false;
    *ret = bytes_of(rest->data, (size_t)len);
    *rest = bytes_of(rest->data + len, rest->len - (size_t)len);
    return true;
}

/* The next top-level field; false: no well-formed one. */
static bool take_field(struct bytes *rest, uint64_t *ret_number, unsigned *ret_type,
                       struct bytes *ret_value)
{
    uint64_t tag = 0, number = 0;
    if (!take_varint(rest, &tag)) return false;
    *ret_number = tag >> 3;
    *ret_type = tag & 7;
    switch (*ret_type) {
    case 0: return take_varint(rest, &number);
    case 1: return take(rest, 8, ret_value);
    case 2: return take_varint(rest, &number) && take(rest, number, ret_value);
    case 5: return take(rest, 4, ret_value);
    default: return false;
    }
}

static int add(struct attached *attached, struct bytes entry, const char *section,
               struct arena *arena, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    char path[ERROR_FIELD_LEN_MAX + 1];
    if (attached->count == LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, section, "多于 %d 个附件",
                         "more than %d attachments", LIMIT_ATTACHMENT_COUNT_MAX);
    int r = message_decode(&leadbus__payload__attachment__descriptor, entry, arena, &message,
                           ret_error);
    if (r != 0) return r;
    const Leadbus__Payload__Attachment *one = (const Leadbus__Payload__Attachment *)message;
    (void)snprintf(path, sizeof path, "%.47s.attachments[%zu]", section, attached->count);
    r = attached_check(one, path, ret_error);
    for (size_t i = 0; r == 0 && i < attached->count; i++)
        if (memcmp(attached->items[i]->root.data, one->root.data, MERKLE_HASH_LEN) == 0)
            r = bad(path, "root", "同一附件重复", "the same attachment twice", ret_error);
    if (r == 0) attached->items[attached->count++] = one;
    return r;
}

int attached_list(struct bytes payload, const char *section, struct arena *arena,
                  struct attached *ret, struct error *ret_error)
{
    struct attached attached = {0};
    struct bytes rest = payload;
    while (rest.len > 0) {
        uint64_t number = 0;
        unsigned type = 0;
        struct bytes value = {0};
        if (!take_field(&rest, &number, &type, &value) || (number == ATTACHED_FIELD && type != 2))
            return error_say(ret_error, E_BAD_FORM, section, "不是 protobuf 消息",
                             "not a protobuf message");
        if (number != ATTACHED_FIELD) continue;
        int r = add(&attached, value, section, arena, ret_error);
        if (r != 0) return r;
    }
    *ret = attached;
    return 0;
}
