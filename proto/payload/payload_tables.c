/* The tables: lists.def and fields.def, read several times. */
#include <string.h>

#include "proto/base/check.h"
#include "proto/payload/payload.h"
#include "proto/schema/payload.pb-c.h"

#define LIST(list)         static const struct payload_code codes_##list[] = {
#define CODE(code, zh, en) {code, zh, en},
#define END_LIST(list)                                                                             \
    }                                                                                              \
    ;                                                                                              \
    static const struct payload_list list_##list = {#list, codes_##list,                           \
                                                    sizeof codes_##list / sizeof *codes_##list};
#include "proto/payload/lists.def"
#undef LIST
#undef CODE
#undef END_LIST
static const struct payload_list list_none = {"none", NULL, 0};

#define MESSAGE(message, c_name, zh, en) static const struct payload_field fields_##c_name[] = {
#define FIELD(name, check, need, len, count, list, example, zh, en)                                \
    {#name, PAYLOAD_##check, (need) != 0, len, count, &list_##list, example, zh, en},
#define END(c_name)                                                                                \
    }                                                                                              \
    ;                                                                                              \
    enum { FIELD_COUNT_##c_name = sizeof fields_##c_name / sizeof *fields_##c_name };
#include "proto/payload/fields.def"
#undef MESSAGE
#undef FIELD
#undef END

static const struct payload_message messages[] = {
#define MESSAGE(message, c_name, zh, en)                                                           \
    {                                                                                              \
        #message,                                                                                  \
        &leadbus__payload__##c_name##__descriptor,                                                 \
        fields_##c_name,                                                                           \
        FIELD_COUNT_##c_name,                                                                      \
        zh,                                                                                        \
        en},
#define FIELD(name, check, need, len, count, list, example, zh, en)
#define END(c_name)
#include "proto/payload/fields.def"
#undef MESSAGE
#undef FIELD
#undef END
};
enum { MESSAGE_COUNT = sizeof messages / sizeof *messages };

/* Fields are walked by the descriptor, their rules beside them. */
static const struct payload_message *fitting(const struct payload_message *message)
{
    CHECK(message->field_count == message->descriptor->n_fields);
    return message;
}

const struct payload_message *payload_find(const char *name)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (strcmp(messages[i].name, name) == 0) return fitting(&messages[i]);
    return NULL;
}

const struct payload_message *payload_of_descriptor(const ProtobufCMessageDescriptor *descriptor)
{
    for (size_t i = 0; i < MESSAGE_COUNT; i++)
        if (messages[i].descriptor == descriptor) return fitting(&messages[i]);
    return NULL;
}

const struct payload_message *payload_at(size_t index)
{
    return index < MESSAGE_COUNT ? &messages[index] : NULL;
}

const struct payload_code *payload_code_find(const struct payload_list *list, const char *code)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->codes[i].code, code) == 0) return &list->codes[i];
    return NULL;
}

static const struct {
    const char *name;
    const char *zh;
    const char *en;
} checks[] = {
    [PAYLOAD_TEXT] = {"text", "文本，可多行", "text, several lines"},
    [PAYLOAD_PUBLIC_TEXT] = {"public_text", "文本，不得含身份号码和电话号码",
                             "text without identity numbers and phone numbers"},
    [PAYLOAD_NAME] = {"name", "姓名，一行", "a name, one line"},
    [PAYLOAD_REFERENCE] = {"reference", "编号或文号，一行", "a reference number, one line"},
    [PAYLOAD_PUBLIC_REFERENCE] = {"public_reference", "编号或文号，一行，不得含身份号码和电话号码",
                                  "a reference number, one line, no identity or phone number"},
    [PAYLOAD_PUBLIC_PHONE] = {"public_phone", "办公电话，不得为手机号码",
                              "an office's telephone number, no mobile one"},
    [PAYLOAD_CODE] = {"code", "代码，须在列表内", "one of the listed codes"},
    [PAYLOAD_PSEUDONYM] = {"pseudonym", "代号，如 V1：大写字母开头，大写字母、数字和连字符",
                           "a pseudonym such as V1: a capital letter, then capitals, digits, '-'"},
    [PAYLOAD_UNIT] = {"unit", "单位代码，如 civil-affairs", "a unit key such as civil-affairs"},
    [PAYLOAD_KIND] = {"kind", "消息种类，如 anomaly.birth",
                      "a kind of message such as anomaly.birth"},
    [PAYLOAD_UUID] = {"uuid", "UUID，小写", "a UUID in lower case"},
    [PAYLOAD_URL] = {"url", "http 或 https 网址，不含空格",
                     "an http or https address without spaces"},
    [PAYLOAD_AREA] = {"area", "GB/T 2260 区划代码，6、9 或 12 位数字",
                      "a GB/T 2260 area code of 6, 9 or 12 digits"},
    [PAYLOAD_SHA256] = {"sha256", "64 位小写十六进制", "64 lower-case hex digits"},
    [PAYLOAD_ID_NUMBER] = {"id_number", "公民身份号码（GB 11643），18 位或旧 15 位，或 unknown",
                           "an identity number (GB 11643) of 18 or 15 characters, or unknown"},
    [PAYLOAD_USCC] = {"uscc", "统一社会信用代码（GB 32100），18 位",
                      "a unified social credit code (GB 32100) of 18 characters"},
    [PAYLOAD_DATE] = {"date", "真实存在的日期 YYYY-MM-DD", "a day that exists, YYYY-MM-DD"},
    [PAYLOAD_PHONE] = {"phone", "电话号码", "a telephone number"},
    [PAYLOAD_DOCUMENT] = {"document", "证件号码，5 至 20 位大写字母和数字",
                          "a document number of 5 to 20 capitals and digits"},
    [PAYLOAD_CERTIFICATE] = {"certificate", "出生医学证明编号，1 个大写字母加 9 位数字",
                             "a birth certificate number: one capital letter and nine digits"},
    [PAYLOAD_SAMPLE] = {"sample", "样本编号，6 至 32 位大写字母、数字和连字符，至少 4 个数字",
                        "a sample number: 6 to 32 capitals, digits and '-', at least four digits"},
    [PAYLOAD_COUNTRY] = {"country", "三位大写国家代码（GB/T 2659）",
                         "a country code of three capital letters (GB/T 2659)"},
    [PAYLOAD_TIME] = {"time", "RFC 3339 时间（含时区）或毫秒数",
                      "an RFC 3339 time with its zone, or ms since 1970"},
    [PAYLOAD_NUMBER] = {"number", "整数", "a whole number"},
    [PAYLOAD_LATITUDE] = {"latitude", "纬度，百万分之一度", "a latitude in millionths of a degree"},
    [PAYLOAD_LONGITUDE] = {"longitude", "经度，百万分之一度",
                           "a longitude in millionths of a degree"},
    [PAYLOAD_BOOL] = {"bool", "true 或 false", "true or false"},
    [PAYLOAD_MESSAGE] = {"message", "对象", "an object"},
    [PAYLOAD_ATTACHMENT] = {"attachment", "附件：先上传，发送时引用其编号",
                            "a file: uploaded first, then named in the request that sends"},
};

const char *payload_check_text(enum payload_check_kind check, enum lang lang)
{
    return lang == LANG_ZH ? checks[check].zh : checks[check].en;
}

const char *payload_check_name(enum payload_check_kind check)
{
    return checks[check].name;
}
