#include "proto/payload/payload.h"

#include <string.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/content/personal.h"
#include "proto/content/str_scan.h"
#include "proto/payload/attached.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload_cross.h"
#include "proto/payload/text.h"

enum { ALLOWED_LEN_MAX = ERROR_DETAIL_LEN_MAX - 48 };

/* One walk over one section. */
struct walk {
    const struct payload_context *context;
    struct payload_report report;
    struct error *error;
    struct str_scan dna; /* over all texts of the section */
    char path[ERROR_FIELD_LEN_MAX + 1];
};

/* Appends ".name" or ".name[i]" to the path; what does not fit is cut, which only shortens a
 * message. Returns the old length, for path_cut. */
static size_t path_push(struct walk *walk, const char *name, bool indexed, size_t index)
{
    size_t len = strlen(walk->path);
    char digits[24] = "";
    if (indexed) {
        size_t at = sizeof digits - 1;
        digits[--at] = ']';
        do digits[--at] = (char)('0' + index % 10);
        while ((index /= 10) > 0);
        digits[--at] = '[';
        memmove(digits, digits + at, sizeof digits - at);
    }
    const char *parts[] = {len ? "." : "", name, digits};
    size_t end = len;
    for (size_t i = 0; i < 3; i++)
        for (const char *c = parts[i]; *c && end < sizeof walk->path - 1; c++)
            walk->path[end++] = *c;
    walk->path[end] = 0;
    return len;
}

static void remark(void *ctx, const char *path)
{
    struct payload_report *report = ctx;
    if (report->count < PAYLOAD_REMARK_COUNT_MAX) {
        size_t len = strnlen(path, ERROR_FIELD_LEN_MAX);
        memcpy(report->fields[report->count], path, len);
        report->fields[report->count][len] = 0;
    }
    report->count++;
}

static bool stated_value_holds(enum payload_check_kind check, const char *text)
{
    switch (check) {
    case PAYLOAD_ID_NUMBER: return strcmp(text, "unknown") == 0 || codes_id_number(text);
    case PAYLOAD_USCC: return codes_uscc(text);
    case PAYLOAD_DATE: return codes_date(text);
    case PAYLOAD_PHONE: return codes_phone(text);
    case PAYLOAD_PUBLIC_PHONE: return codes_office_phone(text);
    case PAYLOAD_DOCUMENT: return codes_document(text);
    case PAYLOAD_CERTIFICATE: return codes_certificate(text);
    case PAYLOAD_SAMPLE: return codes_sample(text);
    case PAYLOAD_COUNTRY: return codes_country(text);
    case PAYLOAD_PSEUDONYM: return codes_pseudonym(text);
    case PAYLOAD_UNIT:
    case PAYLOAD_KIND: return slug_valid(text);
    case PAYLOAD_UUID: return codes_uuid(text);
    case PAYLOAD_URL: return codes_url(text);
    case PAYLOAD_AREA: return codes_area(text);
    case PAYLOAD_SHA256: return codes_sha256(text);
    default: return true;
    }
}

static bool may_be_as_stated(enum payload_check_kind check)
{
    return check >= PAYLOAD_ID_NUMBER && check <= PAYLOAD_COUNTRY;
}

/* What the field may hold, in words or as the list of its codes, each with its name: as many whole
 * ones as fit. */
static const char *allowed(const struct payload_field *rule, enum lang lang,
                           char codes[ALLOWED_LEN_MAX])
{
    if (rule->check != PAYLOAD_CODE) return payload_check_text(rule->check, lang);
    const char *head = lang == LANG_ZH ? "可填：" : "one of: ";
    const char *between = lang == LANG_ZH ? "、" : ", ";
    size_t len = strlen(head);
    memcpy(codes, head, len + 1);
    for (size_t i = 0; i < rule->list->count; i++) {
        const struct payload_code *code = &rule->list->codes[i];
        const char *parts[] = {i ? between : "", code->code, lang == LANG_ZH ? " " : "",
                               lang == LANG_ZH ? code->text_zh : ""};
        size_t more = 0;
        for (size_t k = 0; k < 4; k++) more += strlen(parts[k]);
        if (len + more + sizeof " ..." > ALLOWED_LEN_MAX) {
            memcpy(codes + len, " ...", sizeof " ...");
            break;
        }
        for (size_t k = 0; k < 4; k++)
            for (const char *at = parts[k]; *at; at++) codes[len++] = *at;
        codes[len] = 0;
    }
    return codes;
}

static int bad_value(struct walk *walk, const struct payload_field *rule)
{
    char codes[ALLOWED_LEN_MAX];
    (void)error_set(walk->error, E_BAD_VALUE, walk->path, "%s", allowed(rule, LANG_EN, codes));
    (void)error_note_zh(walk->error, "%s", allowed(rule, LANG_ZH, codes));
    return E_BAD_VALUE;
}

static int missing(struct walk *walk, const struct payload_field *rule)
{
    char codes[ALLOWED_LEN_MAX];
    (void)error_set(walk->error, E_MISSING_FIELD, walk->path, "%s; %s", rule->label_en,
                    allowed(rule, LANG_EN, codes));
    (void)error_note_zh(walk->error, "%s；%s", rule->label_zh, allowed(rule, LANG_ZH, codes));
    return E_MISSING_FIELD;
}

static bool is_public(enum payload_check_kind check)
{
    return check == PAYLOAD_PUBLIC_TEXT || check == PAYLOAD_PUBLIC_REFERENCE;
}

/* Loci count together over all texts of the section; a row of a table does not go on in the next.
 */
static int check_dna(struct walk *walk, struct bytes text)
{
    str_scan_text(&walk->dna, text);
    str_scan_break(&walk->dna);
    if (!walk->dna.found) return 0;
    return error_say(walk->error, E_FORBIDDEN_CONTENT, walk->path,
                     "含 STR 分型结果：DNA 数据不得传输，只写样本编号与结论",
                     "results of STR typing: a DNA profile never travels; name the sample and the "
                     "conclusion");
}

static int check_public(struct walk *walk, struct bytes text)
{
    if (personal_has_id_number(text))
        return error_say(walk->error, E_FORBIDDEN_CONTENT, walk->path,
                         "含公民身份号码：此级别不得含个人信息，请删除",
                         "an identity number: no personal data at this level; leave it out");
    if (personal_has_phone(text))
        return error_say(walk->error, E_FORBIDDEN_CONTENT, walk->path,
                         "含电话号码：此级别不得含个人信息；单位公开电话请填在联系电话一栏",
                         "a phone number: no personal data at this level; an office's own number "
                         "goes into its contact field");
    return 0;
}

/* Form and bound of any string, then what it must not say. */
static int check_text(struct walk *walk, const struct payload_field *rule, const char *value)
{
    struct bytes text = bytes_of_str(value);
    size_t count = 0;
    bool lines = rule->check == PAYLOAD_TEXT || rule->check == PAYLOAD_PUBLIC_TEXT;
    switch (text_check(text, lines, &count)) {
    case TEXT_NOT_UTF8:
        return error_say(walk->error, E_BAD_VALUE, walk->path, "第 %zu 个字符起不是 UTF-8",
                         "not UTF-8 at character %zu", count);
    case TEXT_CONTROL:
        return error_say(walk->error, E_BAD_VALUE, walk->path, "第 %zu 个字符是控制符或方向符",
                         "a control or direction character at character %zu", count);
    case TEXT_MANY_LINES:
        return error_say(walk->error, E_BAD_VALUE, walk->path, "只能一行", "one line only");
    case TEXT_FINE: break;
    }
    if (rule->len_max && count > rule->len_max)
        return error_say(walk->error, E_TOO_LARGE, walk->path, "%zu 个字符，最多 %u 个",
                         "%zu characters; at most %u", count, (unsigned)rule->len_max);
    int status = check_dna(walk, text);
    if (status) return status;
    return is_public(rule->check) ? check_public(walk, text) : 0;
}

static int check_string(struct walk *walk, const struct payload_field *rule, const char *value)
{
    int status = check_text(walk, rule, value);
    if (status) return status;
    if (rule->check == PAYLOAD_CODE)
        return payload_code_find(rule->list, value) ? 0 : bad_value(walk, rule);
    if (stated_value_holds(rule->check, value)) return 0;
    if (!walk->context->as_stated || !may_be_as_stated(rule->check)) return bad_value(walk, rule);
    remark(&walk->report, walk->path);
    return 0;
}

static int check_number(struct walk *walk, const struct payload_field *rule, int64_t value)
{
    bool is_signed = rule->check == PAYLOAD_LATITUDE || rule->check == PAYLOAD_LONGITUDE;
    int64_t max = rule->len_max;
    int64_t min = is_signed ? -max : 0;
    if (value >= min && value <= max) return 0;
    return error_say(walk->error, E_BAD_VALUE, walk->path, "应在 %lld 到 %lld 之间", "%lld to %lld",
                     (long long)min, (long long)max);
}

static int check_message(struct walk *walk, const struct payload_message *message,
                         const ProtobufCMessage *content, size_t depth);

/* A file's name is free text like any other. */
static int check_attachment(struct walk *walk, const Leadbus__Payload__Attachment *attachment)
{
    int status = attached_check(attachment, walk->path, walk->error);
    return status ? status : check_dna(walk, bytes_of_str(attachment->name));
}

/* One value: of a plain field, or one element of a repeated one. Absent plain values are sorted out
 * before. */
static int check_value(struct walk *walk, const struct payload_field *rule,
                       const ProtobufCFieldDescriptor *field, const void *member, size_t depth)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return check_string(walk, rule, *(const char *const *)member);
    case PROTOBUF_C_TYPE_UINT32: return check_number(walk, rule, *(const uint32_t *)member);
    case PROTOBUF_C_TYPE_SINT32: return check_number(walk, rule, *(const int32_t *)member);
    case PROTOBUF_C_TYPE_UINT64:
        if (*(const uint64_t *)member <= CODES_TIME_MS_MAX) return 0;
        return bad_value(walk, rule);
    case PROTOBUF_C_TYPE_BOOL: return 0;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (rule->check == PAYLOAD_ATTACHMENT)
            return check_attachment(walk, *(const Leadbus__Payload__Attachment *const *)member);
        return check_message(walk, payload_of_descriptor(field->descriptor),
                             *(const ProtobufCMessage *const *)member, depth + 1);
    default: CHECK(false); return E_BAD_FORM;
    }
}

bool payload_stated(const ProtobufCMessage *content, const ProtobufCFieldDescriptor *field)
{
    const void *member = payload_member(content, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) return payload_count(content, field) > 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: return **(const char *const *)member != 0;
    case PROTOBUF_C_TYPE_MESSAGE: return *(const ProtobufCMessage *const *)member != NULL;
    case PROTOBUF_C_TYPE_UINT64: return *(const uint64_t *)member != 0;
    case PROTOBUF_C_TYPE_UINT32: return *(const uint32_t *)member != 0;
    case PROTOBUF_C_TYPE_SINT32: return *(const int32_t *)member != 0;
    case PROTOBUF_C_TYPE_BOOL: return *(const protobuf_c_boolean *)member != 0;
    default: CHECK(false); return false;
    }
}

static int check_repeated(struct walk *walk, const struct payload_field *rule,
                          const ProtobufCFieldDescriptor *field, const ProtobufCMessage *content,
                          size_t depth)
{
    size_t count = payload_count(content, field);
    const char *const *elements = *(const char *const *const *)payload_member(content, field);
    if (count > rule->count_max || (rule->required && !count)) {
        size_t len = path_push(walk, rule->name, false, 0);
        int status = count ? error_say(walk->error, E_TOO_LARGE, walk->path, "%zu 项，最多 %u 项",
                                       "%zu of them; at most %u", count, (unsigned)rule->count_max)
                           : missing(walk, rule);
        walk->path[len] = 0;
        return status;
    }
    /* Only strings and messages repeat: both are arrays of pointers. */
    for (size_t i = 0; i < count; i++) {
        size_t len = path_push(walk, rule->name, true, i);
        int status = check_value(walk, rule, field, &elements[i], depth);
        walk->path[len] = 0;
        if (status) return status;
    }
    return 0;
}

static int check_field(struct walk *walk, const struct payload_field *rule,
                       const ProtobufCFieldDescriptor *field, const ProtobufCMessage *content,
                       size_t depth)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return check_repeated(walk, rule, field, content, depth);
    const void *member = payload_member(content, field);
    size_t len = path_push(walk, rule->name, false, 0);
    int status = 0;
    if (payload_stated(content, field))
        status = check_value(walk, rule, field, member, depth);
    else if (rule->required)
        status = missing(walk, rule);
    walk->path[len] = 0;
    return status;
}

static int check_message(struct walk *walk, const struct payload_message *message,
                         const ProtobufCMessage *content, size_t depth)
{
    CHECK(message);
    CHECK(content->descriptor == message->descriptor);
    CHECK(depth < PAYLOAD_DEPTH_MAX);
    if (content->n_unknown_fields)
        return error_say(walk->error, E_UNKNOWN_FIELD, walk->path, "%s 没有编号为 %u 的字段",
                         "%s has no field with number %u", message->name,
                         (unsigned)content->unknown_fields[0].tag);
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        int status =
            check_field(walk, &message->fields[i], &message->descriptor->fields[i], content, depth);
        if (status) return status;
    }
    struct payload_cross cross = {walk->context->topic, walk->context->as_stated, remark,
                                  &walk->report};
    return payload_cross_check(content, &cross, walk->path, walk->error);
}

static bool states(const ProtobufCMessage *content, const char *name)
{
    const ProtobufCMessageDescriptor *descriptor = content->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (strcmp(descriptor->fields[i].name, name) == 0)
            return payload_stated(content, &descriptor->fields[i]);
    return false;
}

static const char *day_of(const ProtobufCMessage *content, const char *name)
{
    const ProtobufCMessageDescriptor *descriptor = content->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (strcmp(descriptor->fields[i].name, name) == 0 &&
            descriptor->fields[i].type == PROTOBUF_C_TYPE_STRING &&
            descriptor->fields[i].label != PROTOBUF_C_LABEL_REPEATED)
            return *(const char *const *)payload_member(content, &descriptor->fields[i]);
    return "";
}

bool payload_has_field(const struct payload_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (strcmp(message->fields[i].name, name) == 0) return true;
    return false;
}

static uint64_t moment_of(const ProtobufCMessage *content, const char *name)
{
    const ProtobufCMessageDescriptor *descriptor = content->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        if (strcmp(descriptor->fields[i].name, name) == 0 &&
            descriptor->fields[i].type == PROTOBUF_C_TYPE_UINT64)
            return *(const uint64_t *)payload_member(content, &descriptor->fields[i]);
    return 0;
}

uint32_t payload_revision(const struct payload_message *message, struct bytes section)
{
    struct arena arena;
    uint32_t revision = 0;
    if (section.len > LIMIT_PLAINTEXT_BYTES_MAX) return 0;
    arena_init(&arena, PAYLOAD_UNPACKED_BYTES_MAX);
    ProtobufCAllocator allocator = arena_allocator(&arena);
    const ProtobufCMessage *content =
        protobuf_c_message_unpack(message->descriptor, &allocator, section.len, section.data);
    for (unsigned i = 0; content && i < content->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &content->descriptor->fields[i];
        if (strcmp(field->name, "revision") == 0 && field->type == PROTOBUF_C_TYPE_UINT32 &&
            field->label != PROTOBUF_C_LABEL_REPEATED)
            revision = *(const uint32_t *)payload_member(content, field);
    }
    arena_fini(&arena);
    return revision;
}

int payload_check_content(const struct payload_message *message, const ProtobufCMessage *content,
                          const struct payload_context *context, struct payload_report *ret_report,
                          struct error *ret_error)
{
    struct walk walk = {.context = context, .error = ret_error};
    path_push(&walk, context->section ? context->section : "", false, 0);
    int status = check_message(&walk, message, content, 0);
    if (status) return status;
    walk.report.early = states(content, "gap_reason");
    walk.report.paper = states(content, "paper_number");
    walk.report.until_ms = moment_of(content, "valid_until");
    const char *due_on = day_of(content, "due_on");
    if (strlen(due_on) < sizeof walk.report.due_on)
        memcpy(walk.report.due_on, due_on, strlen(due_on) + 1);
    if (ret_report) *ret_report = walk.report;
    return 0;
}

int payload_open(const struct payload_message *message, struct bytes section,
                 const struct payload_context *context, struct arena *arena,
                 const ProtobufCMessage **ret_content, struct payload_report *ret_report,
                 struct error *ret_error)
{
    if (section.len > LIMIT_PLAINTEXT_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, context->section, "%zu 字节，最多 %d 字节",
                         "%zu bytes; at most %d", section.len, LIMIT_PLAINTEXT_BYTES_MAX);
    ProtobufCAllocator allocator = arena_allocator(arena);
    ProtobufCMessage *content =
        protobuf_c_message_unpack(message->descriptor, &allocator, section.len, section.data);
    if (!content)
        return error_say(ret_error, E_BAD_FORM, context->section, "不是 %s", "not a %s",
                         message->name);
    int status = payload_check_content(message, content, context, ret_report, ret_error);
    if (status) return status;
    *ret_content = content;
    return 0;
}

int payload_check(const struct payload_message *message, struct bytes section,
                  const struct payload_context *context, struct payload_report *ret_report,
                  struct error *ret_error)
{
    struct arena arena;
    const ProtobufCMessage *content = NULL;
    arena_init(&arena, PAYLOAD_UNPACKED_BYTES_MAX);
    int status = payload_open(message, section, context, &arena, &content, ret_report, ret_error);
    arena_fini(&arena);
    return status;
}
