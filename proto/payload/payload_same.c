#include "proto/payload/payload_same.h"

#include <string.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/payload/attached.h"
#include "proto/schema/payload.pb-c.h"

static const struct payload_same rows[] = {
#define SAME(c_name, field, what, zh, en)                                                          \
    {&leadbus__payload__##c_name##__descriptor, field, what, zh, en},
#include "proto/payload/same.def"
#undef SAME
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

const struct payload_same *payload_same_at(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct payload_same *payload_same_find(const char *what)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(rows[i].what, what) == 0) return &rows[i];
    return NULL;
}

/* ---- folding ----------------------------------------------------------------------------------
 */

/* One character of a text that is UTF-8 or nearly so: its length in bytes, and its ASCII letter or
 * digit where it is one in any width; 0 for others. */
static size_t character(const unsigned char *at, char *ret_ascii)
{
    size_t len = at[0] < 0xc0 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        if ((at[i] & 0xc0) != 0x80) len = i; /* cut short */
    unsigned code = at[0];
    if (len == 3) code = (at[0] & 15u) << 12 | (at[1] & 63u) << 6 | (at[2] & 63u);
    if (code >= 0xff01 && code <= 0xff5e) code -= 0xfee0; /* full width */
    if (code >= 'a' && code <= 'z') code -= 'a' - 'A';
    bool kept = (code >= 'A' && code <= 'Z') || (code >= '0' && code <= '9');
    *ret_ascii = kept ? (char)code : 0;
    return len;
}

/* A character that stands between the parts of a number and not for any of it. */
static bool between(const unsigned char *at, size_t len)
{
    if (len == 1) return true;                                                      /* ASCII */
    if (len == 2) return at[0] == 0xc2 && at[1] == 0xb7;                            /* · */
    if (len == 3 && at[0] == 0xef && (at[1] == 0xbc || at[1] == 0xbd)) return true; /* （－ */
    return len == 3 && ((at[0] == 0xe2 && at[1] == 0x80) ||                         /* dashes */
                        (at[0] == 0xe3 && at[1] == 0x80)); /* 〔 〕 、 */
}

size_t payload_same_fold(const char *value, char ret_text[static PAYLOAD_SAME_LEN_MAX + 1])
{
    size_t len = 0, signs = 0;
    unsigned digits = 0;
    for (const unsigned char *at = (const unsigned char *)value; *at;) {
        char ascii = 0;
        size_t step = character(at, &ascii);
        const char *from = ascii ? &ascii : (const char *)at;
        size_t more = ascii ? 1 : between(at, step) ? 0 : step;
        if (len + more > PAYLOAD_SAME_LEN_MAX) break; /* the schema's fields are shorter */
        memcpy(ret_text + len, from, more);
        len += more;
        signs += ascii != 0;
        if (ascii >= '0' && ascii <= '9') digits |= 1u << (ascii - '0');
        at += step;
    }
    ret_text[len] = 0;
    return signs >= 4 && (digits & (digits - 1)) != 0 ? len : 0;
}

/* ---- walking ----------------------------------------------------------------------------------
 */

struct walk {
    int (*each)(void *ctx, const struct payload_same *same, struct bytes number);
    void *ctx;
};

static const struct payload_same *row_of(const ProtobufCMessage *content, const char *field)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].message == content->descriptor && strcmp(rows[i].field, field) == 0)
            return &rows[i];
    return NULL;
}

static int walk_message(const struct walk *walk, const ProtobufCMessage *content, size_t depth);

static int walk_value(const struct walk *walk, const ProtobufCMessage *content,
                      const ProtobufCFieldDescriptor *field, const void *member, size_t depth)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        const ProtobufCMessage *inner = *(const ProtobufCMessage *const *)member;
        bool file = field->descriptor == &leadbus__payload__attachment__descriptor;
        return inner && !file ? walk_message(walk, inner, depth + 1) : 0;
    }
    const struct payload_same *same =
        field->type == PROTOBUF_C_TYPE_STRING ? row_of(content, field->name) : NULL;
    char text[PAYLOAD_SAME_LEN_MAX + 1];
    size_t len = same ? payload_same_fold(*(const char *const *)member, text) : 0;
    return len ? walk->each(walk->ctx, same, bytes_of(text, len)) : 0;
}

static int walk_message(const struct walk *walk, const ProtobufCMessage *content, size_t depth)
{
    CHECK(depth < PAYLOAD_DEPTH_MAX);
    for (unsigned i = 0; i < content->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &content->descriptor->fields[i];
        const void *member = payload_member(content, field);
        int r = 0;
        if (field->label != PROTOBUF_C_LABEL_REPEATED) {
            r = walk_value(walk, content, field, member, depth);
        } else if (field->type == PROTOBUF_C_TYPE_STRING ||
                   field->type == PROTOBUF_C_TYPE_MESSAGE) {
            const void *const *elements = *(const void *const *const *)member;
            for (size_t k = 0; k < payload_count(content, field) && r == 0; k++)
                r = walk_value(walk, content, field, &elements[k], depth);
        }
        if (r) return r;
    }
    return 0;
}

int payload_same_each(const struct payload_message *message, struct bytes section,
                      int (*each)(void *ctx, const struct payload_same *same, struct bytes number),
                      void *ctx)
{
    struct arena arena;
    const struct walk walk = {each, ctx};
    if (section.len > LIMIT_PLAINTEXT_BYTES_MAX) return 0;
    arena_init(&arena, PAYLOAD_UNPACKED_BYTES_MAX);
    ProtobufCAllocator allocator = arena_allocator(&arena);
    const ProtobufCMessage *content =
        protobuf_c_message_unpack(message->descriptor, &allocator, section.len, section.data);
    int r = content ? walk_message(&walk, content, 0) : 0;
    arena_fini(&arena);
    return r;
}
