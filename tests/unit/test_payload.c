/* payload: the rules of sections, and JSON by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/base/limits.h"
#include "proto/payload/attached.h"
#include "proto/payload/codes.h"
#include "proto/payload/payload.h"
#include "proto/payload/payload_cross.h"
#include "proto/payload/payload_json.h"
#include "proto/payload/text.h"
#include "proto/plan/plan.h"
#include "tests/lib/plan_files.h"

static struct bytes text(const char *string)
{
    return bytes_of_str(string);
}

/* JSON of one section, read and checked as the agent does it. */
static int check_json(const char *name, const char *json, bool as_stated, const char *topic,
                      struct payload_report *ret_report, struct error *ret_error)
{
    const struct payload_message *message = payload_find(name);
    struct payload_context context = {.section = "full", .as_stated = as_stated, .topic = topic};
    struct buf section = {0};
    json_t *object = NULL;
    assert_non_null(message);
    memset(ret_error, 0, sizeof *ret_error);
    int status = payload_json_parse(text(json), &object, ret_error);
    if (!status) status = payload_json_read(message, object, "full", &section, ret_error);
    if (!status)
        status = payload_check(message, buf_bytes(&section), &context, ret_report, ret_error);
    json_decref(object);
    buf_fini(&section);
    return status;
}

static void expect(const char *name, const char *json, int code, const char *field)
{
    struct error error;
    int status = check_json(name, json, false, NULL, NULL, &error);
    if (status != code || strcmp(error.field, field) != 0)
        print_error("%s: %s at \"%s\" (%s)\n", json, error_name(status), error.field, error.detail);
    assert_int_equal(status, code);
    assert_string_equal(error.field, field);
}

/* The message of a section, which kinds.tsv names. */
static const struct payload_message *message_of(const struct plan_kind *kind, size_t section)
{
    const char *name = kind->sections[section].message;
    const struct payload_message *message = payload_find(name);
    if (!message)
        fail_msg("kinds.tsv:%zu: %s: section %s: fields.def has no MESSAGE(%s, ...)", kind->line,
                 kind->slug, kind->sections[section].name, name);
    return message;
}

/* Everything else walks descriptor and rows side by side. */
static void every_field_has_one_row_in_tag_order(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; payload_at(i); i++) {
        const struct payload_message *message = payload_at(i);
        const ProtobufCMessageDescriptor *descriptor = message->descriptor;
        size_t f = 0;
        while (f < message->field_count && f < descriptor->n_fields &&
               strcmp(message->fields[f].name, descriptor->fields[f].name) == 0)
            f++;
        if (f == message->field_count && f == descriptor->n_fields) continue;
        bool has = f < descriptor->n_fields;
        print_error("fields.def: %s: payload.proto has %s (%u) here, the row is %s; one FIELD per "
                    "field, in the order of the numbers\n",
                    message->name, has ? descriptor->fields[f].name : "no field",
                    has ? descriptor->fields[f].id : 0,
                    f < message->field_count ? message->fields[f].name : "missing");
        wrong++;
    }
    if (wrong) fail_msg("%zu messages of payload.proto and fields.def differ", wrong);
}

static void every_row_fits_its_field(void **state)
{
    (void)state;
    for (size_t i = 0; payload_at(i); i++) {
        const struct payload_message *message = payload_at(i);
        assert_string_equal(message->descriptor->short_name, message->name);
        for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
            const struct payload_field *rule = &message->fields[f];
            const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
            assert_int_equal(rule->count_max > 0, field->label == PROTOBUF_C_LABEL_REPEATED);
            assert_int_equal(rule->check >= PAYLOAD_MESSAGE,
                             field->type == PROTOBUF_C_TYPE_MESSAGE);
            /* Files are found by the field's number alone. */
            assert_int_equal(rule->check == PAYLOAD_ATTACHMENT, field->id == ATTACHED_FIELD);
            assert_int_equal(rule->check == PAYLOAD_ATTACHMENT,
                             field->descriptor == &leadbus__payload__attachment__descriptor);
            assert_int_equal(rule->check < PAYLOAD_TIME, field->type == PROTOBUF_C_TYPE_STRING);
            assert_int_equal(rule->check == PAYLOAD_TIME, field->type == PROTOBUF_C_TYPE_UINT64);
            assert_int_equal(rule->check == PAYLOAD_CODE, rule->list->count > 0);
            if (rule->check < PAYLOAD_TIME && rule->check != PAYLOAD_CODE)
                assert_true(rule->len_max > 0);
            if (rule->check == PAYLOAD_MESSAGE)
                assert_non_null(payload_of_descriptor(field->descriptor));
            assert_true(rule->label_zh[0] && rule->label_en[0]);
        }
    }
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *message,
                                                   const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(message, name);
}

/* rules.def names fields that are there, of a type that its rule can compare. */
static void every_rule_fits_its_message(void **state)
{
    (void)state;
    size_t count = 0;
    for (; payload_rule_at(count); count++) {
        const struct payload_rule *rule = payload_rule_at(count);
        const struct payload_message *message = payload_of_descriptor(rule->message);
        assert_non_null(message);
        assert_true(rule->text_zh[0] && rule->text_en[0]);
        bool topic = strcmp(rule->field, PAYLOAD_RULE_TOPIC) == 0;
        const ProtobufCFieldDescriptor *field = field_named(rule->message, rule->field);
        if (!topic && !field)
            fail_msg("rules.def: a rule of %s is about %s, a field that it does not have",
                     message->name, rule->field);
        bool any = strcmp(rule->value, "*") == 0 || strcmp(rule->value, "-") == 0;
        bool number = rule->value[0] == '>';
        if (number) {
            assert_int_equal(field->type, PROTOBUF_C_TYPE_UINT32);
            assert_int_equal(strspn(rule->value + 1, "0123456789"), strlen(rule->value) - 1);
        }
        if (rule->value[0] && !any && !topic && !number) {
            assert_int_equal(field->type, PROTOBUF_C_TYPE_STRING);
            const struct payload_list *list =
                message->fields[field - message->descriptor->fields].list;
            if (list->count > 0 && !payload_code_find(list, rule->value))
                fail_msg("%s.%s is never %s", message->name, rule->field, rule->value);
        }
        char others[256];
        snprintf(others, sizeof others, "%s", rule->other);
        for (char *rest = others, *one; rest && *rest && (one = strsep(&rest, "|"));)
            if (!field_named(rule->message, one))
                fail_msg("rules.def: the rule of %s about %s names %s, a field that it does not "
                         "have",
                         message->name, rule->field, one);
        bool wants_other =
            rule->kind != PAYLOAD_RULE_SAME_AS_TOPIC && rule->kind != PAYLOAD_RULE_REFUSES;
        assert_int_equal(wants_other, rule->other[0] != 0);
        if (rule->kind == PAYLOAD_RULE_NOT_BEFORE || rule->kind == PAYLOAD_RULE_AFTER) {
            assert_int_equal(field->type, field_named(rule->message, rule->other)->type);
            assert_true(field->type == PROTOBUF_C_TYPE_UINT64 ||
                        message->fields[field - message->descriptor->fields].check == PAYLOAD_DATE);
        }
    }
    assert_true(count > 10);
}

/* A kind that takes files has them in the message of one section; no other kind's plan says so. */
static void kinds_that_take_files_have_the_field(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t takers = 0;
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        int section = plan_attachment_section(kind);
        assert_int_equal(section >= 0, kind->attachments != 0);
        if (section < 0) continue;
        takers++;
        assert_false(kind->sections[section].police);
        const struct payload_message *message = message_of(kind, (size_t)section);
        if (!protobuf_c_message_descriptor_get_field(message->descriptor, ATTACHED_FIELD))
            fail_msg("%s takes files: %s needs `repeated Attachment attachments = %d;` in "
                     "payload.proto and its FIELD row",
                     kind->slug, message->name, ATTACHED_FIELD);
    }
    assert_true(takers > 5);
    plan_free(plan);
}

/* A form in Chinese and one in English: of every code, and each code once. */
static void every_code_has_two_names(void **state)
{
    (void)state;
    for (size_t i = 0; payload_at(i); i++) {
        const struct payload_message *message = payload_at(i);
        assert_true(message->label_zh[0] && message->label_en[0]);
        for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
            const struct payload_list *list = message->fields[f].list;
            for (size_t c = 0; c < list->count; c++) {
                const struct payload_code *code = &list->codes[c];
                if (!code->code[0] || !code->text_zh[0] || !code->text_en[0])
                    fail_msg("list %s, code %zu", list->name, c);
                assert_ptr_equal(payload_code_find(list, code->code), code);
            }
        }
    }
}

static void no_message_has_a_field_for_markers(void **state)
{
    (void)state;
    static const char *const words[] = {"dna",    "locus", "loci",    "allele",
                                        "marker", "str_",  "genotype"};
    for (size_t i = 0; payload_at(i); i++)
        for (unsigned f = 0; f < payload_at(i)->descriptor->n_fields; f++)
            for (size_t w = 0; w < sizeof words / sizeof *words; w++)
                assert_null(strstr(payload_at(i)->fields[f].name, words[w]));
}

static void id_numbers(void **state)
{
    (void)state;
    assert_true(codes_id_number("11010519491231002X")); /* the example of GB 11643 */
    assert_true(codes_id_number("11010519491231002x"));
    assert_true(codes_id_number("110105491231002"));
    assert_false(codes_id_number("110105194912310021"));
    assert_false(codes_id_number("11010519491231002"));
    assert_false(codes_id_number("11010519490231002X")); /* 31 February */
    assert_false(codes_id_number("110105490231002"));
    assert_false(codes_id_number("1101051949123100ZX"));
    assert_false(codes_id_number(""));
}

static void credit_codes(void **state)
{
    (void)state;
    assert_true(codes_uscc("11120221000192727Q")); /* two public bodies' real codes */
    assert_true(codes_uscc("11500242709477420M"));
    assert_false(codes_uscc("11120221000192727R"));
    assert_false(codes_uscc("11120221000192737Q"));
    assert_false(codes_uscc("1112022100019272"));
    assert_false(codes_uscc("I1120221000192727Q"));
    assert_false(codes_uscc("11120221000192727q"));
}

/* A wrong inner character with an outer one made to fit is still wrong. */
static void credit_code_checks_the_subject_code_too(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    char code[] = "11120221000192728Q";
    for (size_t i = 0; alphabet[i]; i++) {
        code[17] = alphabet[i];
        assert_false(codes_uscc(code));
    }
}

static void areas_dates_phones(void **state)
{
    (void)state;
    static const char *const good_phones[] = {"13800138000",
                                              "022-12345678",
                                              "12345678",
                                              "110",
                                              "12338",
                                              "+86 138 0013 8000",
                                              "+1 202 555 0100",
                                              "(022)12345678",
                                              "022-12345678-801",
                                              "4008001234"};
    static const char *const bad_phones[] = {
        "", "1", "12800138000", "abc", "1380013800012", "-110", "138001380001380013800138001"};
    assert_true(codes_area("120102"));
    assert_true(codes_area("120102003"));
    assert_true(codes_area("120102003001"));
    assert_false(codes_area("1201020"));
    assert_false(codes_area("000000"));
    static const char *const elsewhere[] = {"100000", "160102", "240102", "380102", "490102",
                                            "550102", "600102", "720102", "830102", "999999"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        assert_false(codes_area(elsewhere[i]));
    static const char *const everywhere[] = {"110000", "150102", "230102", "370102", "460102",
                                             "500102", "540102", "650102", "710000", "820000"};
    for (size_t i = 0; i < sizeof everywhere / sizeof *everywhere; i++)
        assert_true(codes_area(everywhere[i]));
    assert_false(codes_area("12010x"));
    assert_true(codes_date("2024-02-29"));
    assert_false(codes_date("2023-02-29"));
    assert_false(codes_date("2100-02-29"));
    assert_false(codes_date("2026-13-01"));
    assert_false(codes_date("2026-1-01"));
    assert_false(codes_date("2026/01/01"));
    for (size_t i = 0; i < sizeof good_phones / sizeof *good_phones; i++)
        assert_true(codes_phone(good_phones[i]));
    for (size_t i = 0; i < sizeof bad_phones / sizeof *bad_phones; i++)
        assert_false(codes_phone(bad_phones[i]));
}

static void smaller_codes(void **state)
{
    (void)state;
    assert_true(codes_certificate("U120012345"));
    assert_false(codes_certificate("u120012345"));
    assert_false(codes_certificate("1200123456"));
    assert_true(codes_country("VNM"));
    assert_false(codes_country("vnm"));
    assert_true(codes_pseudonym("V1"));
    assert_false(codes_pseudonym("1V"));
    assert_false(codes_pseudonym("V13800138000")); /* no phone number in disguise */
    assert_false(codes_pseudonym("王某"));
    assert_true(codes_sample("HD-2026-0017"));
    assert_true(codes_sample("12010220260001"));
    assert_false(codes_sample("HD-17"));
    assert_false(codes_sample("15/16,9.3,14/18"));
    assert_false(codes_sample("-2026-0017"));
    assert_false(codes_sample("hd-2026-0017"));
    assert_true(codes_uuid("0b5c0c7e-2f0e-4f43-9a2b-7f2f1f0f3a11"));
    assert_false(codes_uuid("0B5C0C7E-2F0E-4F43-9A2B-7F2F1F0F3A11"));
    assert_false(codes_uuid("0b5c0c7e2f0e4f439a2b7f2f1f0f3a11"));
    assert_true(codes_url("https://example.cn/v/17?id=9"));
    assert_true(codes_url("http://例子.中国/帖子"));
    assert_false(codes_url("https://"));
    assert_false(codes_url("javascript:alert(1)"));
    assert_false(codes_url("xhttps://example.cn/"));
    assert_false(codes_url("https://example.cn/ a"));
    assert_true(codes_document("E12345678"));
    assert_false(codes_document("E123 45678"));
}

static void times_go_to_ms_and_back(void **state)
{
    (void)state;
    uint64_t ms = 0;
    char back[CODES_TIME_TEXT_LEN + 1];
    assert_true(codes_time_parse("2026-03-02T14:20:00.5+08:00", &ms));
    codes_time_text(ms, back);
    assert_string_equal(back, "2026-03-02T06:20:00.500Z");
    assert_true(codes_time_parse("2000-02-29T23:59:60Z", &ms));
    codes_time_text(ms, back);
    assert_string_equal(back, "2000-02-29T23:59:59.999Z");
    assert_true(codes_time_parse("1970-01-01T00:00:00Z", &ms));
    assert_int_equal(ms, 0);
    codes_time_text(CODES_TIME_MS_MAX, back);
    assert_string_equal(back, "2199-12-31T23:59:59.999Z");
    static const char *const bad[] = {
        "2026-03-02 14:20:00Z",  "2026-03-02T14:20:00",      "2026-02-30T14:20:00Z",
        "2026-03-02T24:00:00Z",  "2026-03-02T14:20Z",        "1969-12-31T23:59:59Z",
        "2026-03-02T14:20:00.Z", "2026-03-02T14:20:00+8:00", ""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(codes_time_parse(bad[i], &ms));
}

static void utf8_is_strict_and_takes_rare_names(void **state)
{
    (void)state;
    size_t count = 0;
    assert_int_equal(text_check(text("阿依古丽·买买提"), false, &count), TEXT_FINE);
    assert_int_equal(count, 8);
    assert_int_equal(text_check(text("\xf0\xa0\x80\x80\xf0\xb0\x80\x80"), false, &count),
                     TEXT_FINE);
    assert_int_equal(count, 2); /* extensions B and G */
    assert_int_equal(text_check(text("\xee\x80\x80"), false, &count), TEXT_FINE); /* private use */
    static const char *const broken[] = {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                         "\xe4\xb8", "\xff",         "\x80"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        assert_int_equal(text_check(text(broken[i]), false, &count), TEXT_NOT_UTF8);
    assert_int_equal(text_check(text("a\x1b[2J"), true, &count), TEXT_CONTROL);
    assert_int_equal(text_check(text("a\xe2\x80\xae"
                                     "b"),
                                true, &count),
                     TEXT_CONTROL);
    assert_int_equal(text_check(text("a\nb"), true, &count), TEXT_FINE);
    assert_int_equal(text_check(text("a\nb"), false, &count), TEXT_MANY_LINES);
    expect("LeadFull", "{\"what\":\"x\",\"persons\":[{\"name\":\"\\u202e\"}]}", E_BAD_VALUE,
           "full.persons[0].name");
}

static void dna_profiles_are_refused_and_talk_about_dna_is_not(void **state)
{
    (void)state;
    struct error error;
    static const char *const profiles[] = {
        "{\"what\":\"D3S1358: 15,16; vWA: 14,18; FGA 21/24; TH01 7 9.3\"}",
        "{\"what\":\"D3S1358为15、16，ｖＷＡ　14/18，D8S1179 13,14，D21S11 29,31.2\"}",
        "{\"what\":\"Penta D 9,12|Penta E 5,11|AMEL X,Y|DYS391 10|DYS19 15\"}",
        "{\"what\":\"D3S1358 15,16; vWA 14,18\",\"actions_taken\":\"FGA 21,24; D18S51 13,15\"}",
        ("{\"what\":\"x\",\"persons\":[{\"features\":\"D3S1358 15,16 vWA 14,18 FGA 21,24 TH01 "
         "7,9\"}]}"),
    };
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        assert_int_equal(check_json("LeadFull", profiles[i], true, NULL, NULL, &error),
                         E_FORBIDDEN_CONTENT);
    assert_int_equal(check_json("LeadFull",
                                "{\"what\":\"已按D3S1358、vWA、FGA、TH01、TPOX等21个基因座送检\"}",
                                false, NULL, NULL, &error),
                     0);
    /* three loci are not a profile, whichever fields they stand in */
    assert_int_equal(check_json("LeadFull",
                                "{\"what\":\"D3S1358 15,16; vWA 14,18\",\"place\":\"FGA 21,24\"}",
                                false, NULL, NULL, &error),
                     0);
    /* a name that ends one field and a number that begins the next are no result */
    assert_int_equal(check_json("LeadFull",
                                "{\"what\":\"D3S1358 15,16; vWA 14,18; FGA 21,24; TH01\","
                                "\"place\":\"7，9 号楼\"}",
                                false, NULL, NULL, &error),
                     0);
}

static void bulletins_have_no_personal_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"身份证11010519491231002X", "电话138-0013-8000",
                                      "联系022-12345678"};
    static const struct {
        const char *field, *json;
    } places[] = {
        {"full.title", "{\"topic\":\"risk\",\"title\":\"%s\",\"text\":\"x\"}"},
        {"full.text", "{\"topic\":\"risk\",\"title\":\"x\",\"text\":\"%s\"}"},
        {"full.reference_number",
         "{\"topic\":\"risk\",\"title\":\"x\",\"text\":\"x\",\"reference_number\":\"%s\"}"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            char json[256];
            const char *at = strstr(places[k].json, "%s");
            snprintf(json, sizeof json, "%.*s%s%s", (int)(at - places[k].json), places[k].json,
                     bad[i], at + 2);
            expect("Bulletin", json, E_FORBIDDEN_CONTENT, places[k].field);
        }
    expect(
        "Bulletin",
        "{\"topic\":\"risk\",\"title\":\"2026年3月2日 10:30\",\"text\":\"2026-02-01至2026-02-28，"
        "共12345678件，拨打110\",\"reference_number\":\"河公发〔2026〕12号\"}",
        0, "");
}

static void an_office_gives_its_telephone_in_its_field(void **state)
{
    (void)state;
    static const char *const good[] = {"022-12345678", "12338", "110", "400-800-1234", "12345678"};
    static const char *const bad[] = {"13800138000", "138 0013 8000", "+86 138-0013-8000"};
    char json[256];
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        snprintf(json, sizeof json,
                 "{\"topic\":\"risk\",\"title\":\"x\",\"text\":\"x\",\"contact_phone\":\"%s\"}",
                 good[i]);
        expect("Bulletin", json, 0, "");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(json, sizeof json,
                 "{\"topic\":\"risk\",\"title\":\"x\",\"text\":\"x\",\"contact_phone\":\"%s\"}",
                 bad[i]);
        expect("Bulletin", json, E_BAD_VALUE, "full.contact_phone");
    }
}

static void errors_name_the_path(void **state)
{
    (void)state;
    expect("LeadFull", "{}", E_MISSING_FIELD, "full.what");
    expect("LeadFull", "{\"what\":\"\"}", E_MISSING_FIELD, "full.what");
    expect("LeadFull", "{\"what\":\"x\",\"persons\":[{},{\"id_number\":\"110105194912310021\"}]}",
           E_BAD_VALUE, "full.persons[1].id_number");
    expect("LeadFull", "{\"what\":\"x\",\"persons\":[{\"id_number\":\"unknown\"}]}", 0, "");
    expect("LeadFull", "{\"what\":\"x\",\"persons\":[{\"nick\":\"y\"}]}", E_UNKNOWN_FIELD,
           "full.persons[0].nick");
    expect("LeadFull", "{\"what\":\"x\",\"persons\":{}}", E_BAD_VALUE, "full.persons");
    expect("LeadFull", "{\"what\":7}", E_BAD_VALUE, "full.what");
    expect("LeadFull", "{\"what\":null}", E_BAD_VALUE, "full.what");
    expect("LeadFull", "{\"what\":\"x\",\"seen_at\":\"yesterday\"}", E_BAD_VALUE, "full.seen_at");
    expect("LeadFull", "{\"what\":\"x\",\"seen_at\":99999999999999}", E_BAD_VALUE, "full.seen_at");
    expect("LeadFull", "{\"what\":\"x\",\"area\":\"12\"}", E_BAD_VALUE, "full.area");
    expect("LeadSummary", "{\"suspicion\":\"child-trafficking\",\"danger\":\"a-bit\"}", E_BAD_VALUE,
           "full.danger");
    expect("MandatorySummary", "{\"danger\":\"unknown\",\"signs\":[\"7\",\"10\"]}", E_BAD_VALUE,
           "full.signs[1]");
    expect("MandatorySummary", "{\"danger\":\"unknown\",\"signs\":[]}", E_MISSING_FIELD,
           "full.signs");
    expect("Urge", "{\"reason\":\"sign\",\"reason\":\"close\"}", E_BAD_JSON, "");
    expect("Urge", "{\"reason\":\"sign\"", E_BAD_JSON, "");
    expect("Urge", "[]", E_BAD_JSON, "");
    expect("Urge", "{\"reason\":[[[[[[[[[[[[[[1]]]]]]]]]]]]]]}", E_BAD_JSON, "");
}

static void a_fault_of_syntax_is_told_in_chinese(void **state)
{
    (void)state;
    static const struct {
        const char *text, *zh, *en;
    } cases[] = {
        {"{\"a\" 1}", "第 1 行第 6 列：应为半角冒号", "':' expected"},
        {"{\"a\": 1,\n \"b\": [1 2]}", "第 2 行第 10 列：应为逗号或 ]（均为半角）", "']' expected"},
        {"{\"a\": 1 \"b\": 2}", "应为逗号或 }（均为半角）", "'}' expected"},
        {"{\"a\": 1,}", "应为双引号括起的字段名，或 }", "string or '}' expected"},
        {"“a”: 1", "应以 { 开头", "'[' or '{' expected"},
        {"{\"a\": “男孩”}", "无法识别：字符串须用半角双引号括起", "invalid token"},
        {"{\"a\": }", "此处不应有这个符号", "unexpected token"},
        {"{\"a\": \"x\ny\"}", "字符串中换行须写作 \\n", "unexpected newline"},
        {"{\"a\": \"\\x\"}", "反斜杠之后的字符无效", "invalid escape"},
        {"{\"a\": \"x", "内容提前结束", "premature end of input"},
        {"{} {}", "对象之后还有内容", "end of file expected"},
        {"{\"a\": 1, \"a\": 2}", "字段重复", "duplicate object key"},
        {"{\"a\": 123456789012345678901234567890}", "数字过大", "too big integer"},
        {"{\"a\": \"\xff\"}", "不是 UTF-8", "unable to decode byte"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error error = {0};
        json_t *object = NULL;
        assert_int_equal(payload_json_parse(bytes_of_str(cases[i].text), &object, &error),
                         E_BAD_JSON);
        if (!strstr(error.detail_zh, cases[i].zh) || !strstr(error.detail, cases[i].en))
            fail_msg("%s: '%s' '%s'", cases[i].text, error.detail_zh, error.detail);
        /* What stands near a fault may be a person's data. */
        assert_null(strstr(error.detail, "男孩"));
        assert_null(strstr(error.detail_zh, "男孩"));
    }
}

static void what_does_not_check_travels_as_stated_where_nothing_may_wait(void **state)
{
    (void)state;
    struct payload_report report;
    struct error error;
    const char *json = "{\"what\":\"x\",\"contact_phone\":\"call me\",\"organisation_uscc\":\"A1\","
                       "\"persons\":[{\"id_number\":\"110105194912310021\","
                       "\"birth_date\":\"1949-02-30\"}]}";
    assert_int_equal(check_json("LeadFull", json, true, NULL, &report, &error), 0);
    assert_int_equal(report.count, 4);
    assert_string_equal(report.fields[0], "full.persons[0].id_number");
    assert_int_equal(check_json("LeadFull", json, false, NULL, &report, &error), E_BAD_VALUE);
    /* closed codes and bounds are not "stated values" */
    assert_int_equal(check_json("LeadSummary", "{\"suspicion\":\"x\",\"danger\":\"likely\"}", true,
                                NULL, &report, &error),
                     E_BAD_VALUE);
    json = "{\"what\":\"x\",\"persons\":[{\"id_number\":\"1101051949123100212\"}]}";
    assert_int_equal(check_json("LeadFull", json, true, NULL, &report, &error), E_TOO_LARGE);
}

static void bounds_hold_at_their_edge(void **state)
{
    (void)state;
    char json[13000];
    char what[12004] = "";
    for (size_t i = 0; i < 4000; i++) memcpy(what + 3 * i, "\xe4\xb8\xad", 4);
    snprintf(json, sizeof json, "{\"what\":\"%s\"}", what);
    expect("LeadFull", json, 0, "");
    snprintf(json, sizeof json, "{\"what\":\"%sx\"}", what);
    expect("LeadFull", json, E_TOO_LARGE, "full.what");
    size_t len = (size_t)snprintf(json, sizeof json, "{\"what\":\"x\",\"persons\":[");
    for (size_t i = 0; i < 21; i++)
        len += (size_t)snprintf(json + len, sizeof json - len, "%s{}", i ? "," : "");
    snprintf(json + len, sizeof json - len, "]}");
    expect("LeadFull", json, E_TOO_LARGE, "full.persons");
    snprintf(strrchr(json, ','), 4, "]}");
    expect("LeadFull", json, 0, "");
    struct error error;
    static const uint8_t zeros[LIMIT_PLAINTEXT_BYTES_MAX + 1];
    struct payload_context context = {.section = "full"};
    assert_int_equal(payload_check(payload_find("LeadFull"), bytes_of(zeros, sizeof zeros),
                                   &context, NULL, &error),
                     E_TOO_LARGE);
}

static void hostile_bytes_are_refused(void **state)
{
    (void)state;
    struct error error;
    struct payload_context context = {.section = "notice"};
    const struct payload_message *urge = payload_find("Urge");
    static const uint8_t reason[] = {0x0a, 4, 's', 'i', 'g', 'n'};
    static const uint8_t unknown[] = {0x0a, 4, 's', 'i', 'g', 'n', 0x78, 1};
    static const uint8_t cut[] = {0x0a, 5, 's', 'i', 'g', 'n'};
    static const uint8_t wrong_wire[] = {0x08, 1};
    assert_int_equal(payload_check(urge, bytes_of(reason, 6), &context, NULL, &error), 0);
    assert_int_equal(payload_check(urge, bytes_of(unknown, 8), &context, NULL, &error),
                     E_UNKNOWN_FIELD);
    assert_int_equal(payload_check(urge, bytes_of(cut, 6), &context, NULL, &error), E_BAD_FORM);
    assert_true(payload_check(urge, bytes_of(wrong_wire, 2), &context, NULL, &error) != 0);
    assert_int_equal(payload_check(urge, bytes_of(NULL, 0), &context, NULL, &error),
                     E_MISSING_FIELD);
    /* every truncation and every single flipped byte of a real section ends in a verdict */
    const struct payload_message *full = payload_find("LeadFull");
    json_t *example = payload_json_example(full);
    struct buf section = {0};
    assert_int_equal(payload_json_read(full, example, "full", &section, &error), 0);
    json_decref(example);
    for (size_t i = 0; i < section.len; i++) {
        int status = payload_check(full, bytes_of(section.data, i), &context, NULL, &error);
        assert_true(status == 0 || error.code == status);
        section.data[i] ^= 0x85;
        status = payload_check(full, buf_bytes(&section), &context, NULL, &error);
        assert_true(status == 0 || error.code == status);
        section.data[i] ^= 0x85;
    }
    buf_fini(&section);
}

static void rules_over_several_fields(void **state)
{
    (void)state;
    struct error error;
    const char *closed = "{\"officer_name\":\"张\"}";
    assert_int_equal(check_json("ReceiptClosed", closed, false, "no-case", NULL, &error),
                     E_MISSING_FIELD);
    assert_string_equal(error.field, "full.text");
    assert_int_equal(check_json("ReceiptClosed", closed, false, "unfounded", NULL, &error), 0);
    const char *work = "{\"service\":\"employment\",\"need\":\"x\",\"person\":{\"age_years\":15}}";
    assert_int_equal(check_json("ReferralFull", work, false, "employment", NULL, &error),
                     E_BAD_VALUE);
    work = "{\"service\":\"employment\",\"need\":\"x\",\"person\":{\"age_years\":16}}";
    assert_int_equal(check_json("ReferralFull", work, false, "employment", NULL, &error), 0);
    assert_int_equal(check_json("ReferralFull", work, false, "schooling", NULL, &error),
                     E_BAD_VALUE);
    assert_string_equal(error.field, "full.service");
    expect("MissingChildAlert",
           "{\"revision\":1,\"place\":\"x\",\"lost_at\":\"2026-03-02T16:00:00Z\",\"contact_phone\":"
           "\"110\",\"valid_until\":\"2026-03-02T15:00:00Z\"}",
           E_BAD_VALUE, "full.valid_until");
    expect("VerifyFull",
           "{\"purpose\":\"identity\",\"legal_basis\":\"minors-law-62\",\"subject\":{},"
           "\"period_from\":\"2026-02-02\",\"period_to\":\"2026-02-01\"}",
           E_BAD_VALUE, "full.period_to");
}

/* A section as the table below writes it, with a topic, and what becomes of it. */
static void rules_of_the_catalogue(void **state)
{
    (void)state;
    static const struct {
        const char *message, *topic, *json;
        int code;
        const char *field;
    } rows[] = {
        /* a victim is asked once */
        {"InterviewFull", "",
         "{\"case_number\":\"1\",\"session\":1,\"planned_at\":\"2026-03-03T09:30:00+08:00\","
         "\"venue\":\"one-stop\",\"attendees\":[\"guardian\"],\"recording\":\"yes\"}",
         0, ""},
        {"InterviewFull", "",
         "{\"case_number\":\"1\",\"session\":2,\"planned_at\":\"2026-03-03T09:30:00+08:00\","
         "\"venue\":\"one-stop\",\"attendees\":[\"guardian\"],\"recording\":\"yes\"}",
         E_MISSING_FIELD, "full.repeat_reason"},
        {"InterviewFull", "",
         "{\"case_number\":\"1\",\"session\":2,\"planned_at\":\"2026-03-03T09:30:00+08:00\","
         "\"venue\":\"one-stop\",\"attendees\":[\"guardian\"],\"recording\":\"yes\","
         "\"repeat_reason\":\"new-facts\"}",
         E_MISSING_FIELD, "full.earlier_record"},
        /* the buyer's household is no placement, under any name */
        {"SettlementSummary", "",
         "{\"pseudonym\":\"V1\",\"placement\":\"buyer\",\"household\":\"pending\"}", E_BAD_VALUE,
         "full.placement"},
        {"SettlementFull", "",
         "{\"person\":{},\"placement\":\"welfare-home\",\"from\":\"2026-06-01\",\"household\":"
         "\"pending\",\"kin_search\":\"goes-on\"}",
         E_MISSING_FIELD, "full.gap_reason"},
        {"SettlementFull", "",
         "{\"person\":{},\"placement\":\"welfare-home\",\"from\":\"2026-06-01\",\"household\":"
         "\"pending\",\"kin_search\":\"goes-on\",\"gap_reason\":\"x\"}",
         0, ""},
        {"SettlementFull", "",
         "{\"person\":{},\"placement\":\"adoption\",\"from\":\"2026-06-01\",\"household\":"
         "\"pending\",\"kin_search\":\"goes-on\",\"gap_reason\":\"x\"}",
         E_MISSING_FIELD, "full.not_found_certificate"},
        /* a conclusion, its number, and nothing of what is in the sample */
        {"SampleConclusionFull", "",
         "{\"sample_number\":\"HD-2026-0017\",\"conclusion\":\"confirmed\",\"concluded_on\":"
         "\"2026-03-09\",\"reviewed_by\":\"x\",\"kin\":\"mother\"}",
         E_MISSING_FIELD, "full.opinion_number"},
        {"SampleConclusionFull", "",
         "{\"sample_number\":\"HD-2026-0017\",\"taken_on\":\"2026-03-10\",\"conclusion\":"
         "\"excluded\",\"concluded_on\":\"2026-03-09\",\"reviewed_by\":\"x\"}",
         E_BAD_VALUE, "full.concluded_on"},
        {"SampleConclusionFull", "",
         "{\"sample_number\":\"15/16 14/18\",\"conclusion\":\"pending\",\"concluded_on\":"
         "\"2026-03-09\",\"reviewed_by\":\"x\"}",
         E_BAD_VALUE, "full.sample_number"},
        {"HouseholdSummary", "",
         "{\"doubt\":\"other\",\"registration\":\"held\",\"sampling\":\"no-match\"}", E_BAD_VALUE,
         "full.sampling"},
        /* a request has no result, a result has one */
        {"MedicalFull", "request", "{\"person\":{},\"tests\":[\"general\"],\"result\":\"fit\"}",
         E_BAD_VALUE, "full.result"},
        {"MedicalFull", "result", "{\"person\":{},\"tests\":[\"general\"]}", E_MISSING_FIELD,
         "full.result"},
        /* finance pays without who or about whom */
        {"DecisionFull", "reward",
         "{\"decision_number\":\"1\",\"decided_on\":\"2026-03-02\",\"payment_code\":\"J1\","
         "\"amount_yuan\":1,\"person\":{\"name\":\"x\"}}",
         E_BAD_VALUE, "full.person"},
        {"DecisionFull", "credit",
         "{\"decision_number\":\"1\",\"decided_on\":\"2026-03-02\",\"person\":{},"
         "\"credit_ground\":\"false-adoption\",\"reporter_pseudonym\":\"R1\"}",
         E_BAD_VALUE, "full.reporter_pseudonym"},
        /* sealed records of juveniles never travel */
        {"AftercareFull", "",
         "{\"person\":{},\"adult_at_offence\":\"no\",\"released_on\":\"2026-03-10\",\"measures\":"
         "[\"visit\"],\"risk\":\"low\"}",
         E_BAD_VALUE, "full.adult_at_offence"},
        {"AftercareFull", "",
         "{\"person\":{},\"adult_at_offence\":\"unknown\",\"released_on\":\"2026-03-10\","
         "\"measures\":[\"visit\"],\"risk\":\"low\"}",
         E_BAD_VALUE, "full.adult_at_offence"},
        /* under the guidance of the city, by its reference */
        {"ForeignVictimFull", "return-home",
         "{\"person\":{},\"step\":\"escort\",\"consent\":\"given\"}", E_MISSING_FIELD,
         "full.municipal_reference"},
        /* published with an approval, withdrawn with a reason; no number of a person in it */
        {"KinNotice", "publish",
         "{\"notice_number\":\"1\",\"publish_from\":\"2026-03-03\",\"publish_to\":"
         "\"2026-05-02\",\"text\":\"x\",\"contact\":\"x\",\"contact_phone\":\"110\"}",
         E_MISSING_FIELD, "full.approval_number"},
        {"KinNotice", "withdraw",
         "{\"notice_number\":\"1\",\"approval_number\":\"2\",\"publish_from\":\"2026-03-03\","
         "\"publish_to\":\"2026-05-02\",\"text\":\"x\",\"contact\":\"x\",\"contact_phone\":"
         "\"110\"}",
         E_MISSING_FIELD, "full.withdraw_reason"},
        {"KinNotice", "publish",
         "{\"notice_number\":\"1\",\"approval_number\":\"2\",\"publish_from\":\"2026-03-03\","
         "\"publish_to\":\"2026-05-02\",\"text\":\"11010519491231002X\",\"contact\":\"x\","
         "\"contact_phone\":\"110\"}",
         E_FORBIDDEN_CONTENT, "full.text"},
        /* suspected trafficking is reported at once, not as a gap in attendance */
        {"EnrolmentSummary", "",
         "{\"doubt\":\"absent\",\"guardian_contact\":\"reached\",\"trafficking_suspected\":"
         "\"yes\"}",
         E_BAD_VALUE, "full.trafficking_suspected"},
        {"Campaign", "",
         "{\"material\":\"article\",\"title\":\"x\",\"text\":\"x\",\"from_a_case\":\"yes\","
         "\"approval_number\":\"1\"}",
         E_MISSING_FIELD, "full.anonymised_by"},
        {"Listing", "street",
         "{\"reason\":\"repeated\",\"condition\":\"x\",\"reference_number\":\"1\"}",
         E_MISSING_FIELD, "full.street"},
        {"RiskAlert", "weather", "{\"risk\":\"weather\",\"title\":\"x\",\"text\":\"x\"}",
         E_MISSING_FIELD, "full.weather"},
        {"GuardianshipFull", "decision",
         "{\"persons\":[{}],\"ground\":\"neglect\",\"measure\":\"revoke\",\"circumstances\":"
         "\"x\"}",
         E_MISSING_FIELD, "full.judgment_number"},
        {"CaseFull", "judgment", "{\"case_number\":\"1\",\"charges\":[\"buying\"]}",
         E_MISSING_FIELD, "full.outcome"},
        {"CaseFull", "supervision",
         "{\"case_number\":\"1\",\"charges\":[\"buying\"],\"outcome\":\"not-opened\"}",
         E_MISSING_FIELD, "full.no_case_ground"},
        {"Assessment", "",
         "{\"type\":\"yearly\",\"period_from\":\"2026-01-01\",\"period_to\":\"2026-12-31\","
         "\"figures\":[{\"kind\":\"lead.online\"}]}",
         E_MISSING_FIELD, "full.journal_size"},
        {"OnlineFull", "", "{\"what\":\"x\",\"url\":\"javascript:alert(1)\"}", E_BAD_VALUE,
         "full.url"},
        {"Inspection", "judicial",
         "{\"subjects\":[\"no-case\"],\"questions\":\"x\",\"due_on\":\"2026-03-31\",\"threads\":"
         "[\"7\"]}",
         E_BAD_VALUE, "full.threads[0]"},
        /* a community is closer than a street: not in what copies may open */
        {"CommunitySummary", "at-risk", "{\"doubt\":\"other\",\"street\":\"120102003007\"}",
         E_TOO_LARGE, "full.street"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error;
        int status = check_json(rows[i].message, rows[i].json, false, rows[i].topic, NULL, &error);
        if (status != rows[i].code || strcmp(error.field, rows[i].field) != 0)
            fail_msg("%s %s: %s at \"%s\" (%s)", rows[i].message, rows[i].json, error_name(status),
                     error.field, error.detail);
    }
}

/* Where nothing may be held up, a field that another one wants is a remark. */
static void a_missing_companion_is_a_remark_where_nothing_may_wait(void **state)
{
    (void)state;
    struct payload_report report;
    struct error error;
    const char *json = "{\"what\":\"x\",\"latitude_udeg\":39123456,\"longitude_udeg\":117234567}";
    assert_int_equal(check_json("StreetMinorFull", json, false, NULL, NULL, &error),
                     E_MISSING_FIELD);
    assert_string_equal(error.field, "full.datum");
    assert_int_equal(check_json("StreetMinorFull", json, true, NULL, &report, &error), 0);
    assert_int_equal(report.count, 1);
    assert_string_equal(report.fields[0], "full.datum");
}

static void what_a_header_says_of_a_section_is_found_in_it(void **state)
{
    (void)state;
    static const struct {
        const char *message, *field, *json;
        bool early, paper;
        uint64_t until_ms;
    } rows[] = {
        {"HandoffFull", "gap_reason", "\"须先送医\"", true, false, 0},
        {"HandoffFull", "paper_number", "\"交接 7\"", false, true, 0},
        {"ReceiptAccepted", "paper_number", "\"交接 7\"", false, true, 0},
        {"MedicalFull", "gap_reason", "\"须先送医\"", true, false, 0},
        {"ReunionFull", "gap_reason", "\"亲属已到\"", true, false, 0},
        {"SettlementFull", "gap_reason", "\"须先入院\"", true, false, 0},
        {"MissingChildAlert", "valid_until", "\"2026-03-04T16:05:00+08:00\"", false, false,
         1772611500000ull},
        {"MissingChildCancel", "revision", "2", false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct payload_message *message = payload_find(rows[i].message);
        struct payload_context context = {.section = "full", .topic = ""};
        struct payload_report report = {0};
        struct error error = {0};
        struct buf section = {0};
        assert_non_null(message);
        json_t *example = payload_json_example(message);
        json_object_set_new(example, rows[i].field,
                            json_loads(rows[i].json, JSON_DECODE_ANY, NULL));
        assert_int_equal(payload_json_read(message, example, "full", &section, &error), 0);
        assert_int_equal(payload_check(message, buf_bytes(&section), &context, &report, &error), 0);
        assert_int_equal(report.early, rows[i].early);
        assert_int_equal(report.paper, rows[i].paper);
        assert_int_equal(report.until_ms, rows[i].until_ms);
        json_decref(example);
        buf_fini(&section);
    }
}

static void json_comes_back_as_it_went(void **state)
{
    (void)state;
    struct error error;
    for (size_t i = 0; payload_at(i); i++) {
        const struct payload_message *message = payload_at(i);
        struct buf first = {0};
        struct buf second = {0};
        json_t *example = payload_json_example(message);
        json_t *written = NULL;
        assert_int_equal(payload_json_read(message, example, "x", &first, &error), 0);
        assert_int_equal(payload_json_write(message, buf_bytes(&first), &written, &error), 0);
        assert_int_equal(payload_json_read(message, written, "x", &second, &error), 0);
        assert_true(first.len > 0);
        assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        assert_int_equal(json_object_size(example), json_object_size(written));
        json_decref(example);
        json_decref(written);
        buf_fini(&first);
        buf_fini(&second);
    }
}

static void every_kind_has_messages_whose_examples_pass(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t s = 0; s < kind->section_count; s++) {
            const struct payload_message *message = message_of(kind, s);
            /* as GET /v1/kinds/{kind} gives it: with the first topic */
            struct payload_context context = {.section = kind->sections[s].name,
                                              .topic =
                                                  kind->topic_count ? kind->topics[0].slug : ""};
            struct buf section = {0};
            struct error error = {0};
            json_t *example = payload_json_example(message);
            int status = payload_json_read(message, example, context.section, &section, &error);
            if (!status)
                status = payload_check(message, buf_bytes(&section), &context, NULL, &error);
            if (status)
                fail_msg("%s: the examples of %s in fields.def: %s %s: %s", kind->slug,
                         message->name, error_name(status), error.field, error.detail);
            json_decref(example);
            buf_fini(&section);
        }
    }
    plan_free(plan);
}

/* What copies may open is codes, dates, the street, the pseudonym, counts; where the section is
 * marked small-group also a nationality or an organisation. A community (12 digits) is closer than
 * a street. */
static bool fits_copies(const struct payload_field *rule, bool small_group)
{
    switch (rule->check) {
    case PAYLOAD_CODE:
    case PAYLOAD_PSEUDONYM:
    case PAYLOAD_DATE:
    case PAYLOAD_NUMBER:
    case PAYLOAD_BOOL: return true;
    case PAYLOAD_AREA: return rule->len_max <= 9;
    case PAYLOAD_COUNTRY:
    case PAYLOAD_USCC: return small_group;
    default: return false;
    }
}

static bool names_small_groups(const struct payload_message *message)
{
    for (unsigned f = 0; f < message->descriptor->n_fields; f++)
        if (message->fields[f].check == PAYLOAD_COUNTRY || message->fields[f].check == PAYLOAD_USCC)
            return true;
    return false;
}

static void what_copies_may_open_has_no_name_and_no_text(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t seen = 0;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t s = 0; s < kind->section_count; s++) {
            const struct plan_section *section = &kind->sections[s];
            if (!section->copy || kind->level < 2) continue;
            const struct payload_message *message = message_of(kind, s);
            seen++;
            for (unsigned f = 0; f < message->descriptor->n_fields; f++)
                if (!fits_copies(&message->fields[f], section->small_group))
                    fail_msg("%s: copies may open section %s, which is no place for %s.%s: codes, "
                             "days, counts, a street, a pseudonym (with the mark small-group a "
                             "country or a credit code)",
                             kind->slug, section->name, message->name, message->fields[f].name);
            /* no mark without its need */
            if (section->small_group != names_small_groups(message))
                fail_msg("%s: take the mark small-group from section %s in kinds.tsv: %s has no "
                         "country and no credit code",
                         kind->slug, section->name, message->name);
        }
    }
    assert_true(seen > 0);
    const struct payload_field *text_rule = &payload_find("LeadFull")->fields[0];
    assert_false(fits_copies(text_rule, true));
    plan_free(plan);
}

/* A field of this message, or of one inside it, whose check is not among the allowed ones. */
static const struct payload_field *field_outside(const struct payload_message *message,
                                                 bool (*allowed)(const struct payload_field *rule))
{
    for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
        const struct payload_field *rule = &message->fields[f];
        const struct payload_field *inner = NULL;
        if (rule->check == PAYLOAD_MESSAGE)
            inner = field_outside(payload_of_descriptor(message->descriptor->fields[f].descriptor),
                                  allowed);
        else if (!allowed(rule))
            inner = rule;
        if (inner) return inner;
    }
    return NULL;
}

/* Levels C0 and C1 have no personal data: texts are searched for numbers, nobody is named but who
 * answers for it in office. */
static bool fits_public(const struct payload_field *rule)
{
    switch (rule->check) {
    case PAYLOAD_TEXT: /* PUBLIC_TEXT, PUBLIC_REFERENCE and PUBLIC_PHONE are for these levels */
    case PAYLOAD_REFERENCE:
    case PAYLOAD_PHONE:
    case PAYLOAD_ID_NUMBER:
    case PAYLOAD_DOCUMENT:
    case PAYLOAD_CERTIFICATE:
    case PAYLOAD_SAMPLE: return false;
    case PAYLOAD_NAME: return strcmp(rule->name, "anonymised_by") == 0;
    default: return true;
    }
}

/* C4: references, codes and times, never content. */
static bool fits_investigation(const struct payload_field *rule)
{
    return rule->check != PAYLOAD_TEXT && rule->check != PAYLOAD_PUBLIC_TEXT &&
           rule->check != PAYLOAD_ID_NUMBER && rule->check != PAYLOAD_URL;
}

static void levels_bound_what_a_section_may_hold(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        /* An alert names the child by law; a receipt names its officer to the one it answers. */
        bool named = strncmp(kind->slug, "alert.missing-child", 19) == 0 ||
                     kind->family == PLAN_FAMILY_RECEIPT;
        for (size_t s = 0; s < kind->section_count; s++) {
            const struct payload_message *message = message_of(kind, s);
            const struct payload_field *field = NULL;
            if (kind->level <= 1 && !named) field = field_outside(message, fits_public);
            if (kind->level == 4) field = field_outside(message, fits_investigation);
            if (field)
                fail_msg("%s of level C%u has %s.%s", kind->slug, kind->level, message->name,
                         field->name);
        }
    }
    assert_non_null(field_outside(payload_find("HandoffFull"), fits_public));
    assert_non_null(field_outside(payload_find("HandoffFull"), fits_investigation));
    plan_free(plan);
}

/* ---- topics ------------------------------------------------------------------------------------
 */

static bool repeats_topic(const ProtobufCMessageDescriptor *message, const char *field)
{
    for (size_t i = 0; payload_rule_at(i); i++) {
        const struct payload_rule *rule = payload_rule_at(i);
        if (rule->kind == PAYLOAD_RULE_SAME_AS_TOPIC && rule->message == message &&
            strcmp(rule->field, field) == 0)
            return true;
    }
    return false;
}

/* A code of the list that is no topic, or a topic that is no code; NULL: they are the same. */
static const char *odd_one(const struct payload_list *list, const struct plan_kind *kind,
                           bool *ret_topic)
{
    for (size_t t = 0; t < kind->topic_count; t++) {
        *ret_topic = true;
        if (!payload_code_find(list, kind->topics[t].slug)) return kind->topics[t].slug;
    }
    for (size_t c = 0; c < list->count; c++) {
        *ret_topic = false;
        if (!plan_topic_find(kind, list->codes[c].code)) return list->codes[c].code;
    }
    return NULL;
}

/* The c_name by which rules.def knows a message: "lead_summary". */
static const char *c_name_of(const struct payload_message *message, char name[64])
{
    size_t len = 0;
    for (const char *at = message->name; *at && len + 2 < 64; at++) {
        bool upper = *at >= 'A' && *at <= 'Z';
        if (upper && len > 0) name[len++] = '_';
        name[len++] = (char)(upper ? *at - 'A' + 'a' : *at);
    }
    name[len] = 0;
    return name;
}

static size_t check_topic_list(const struct plan_kind *kind, const struct payload_message *message,
                               const struct payload_field *rule)
{
    char name[64];
    bool topic = false;
    const char *odd = odd_one(rule->list, kind, &topic);
    bool repeats = repeats_topic(message->descriptor, rule->name);
    if (!repeats && odd) return 0;
    if (!repeats)
        fail_msg("%s: %s.%s has the topics' codes: add RULE(%s, SAME_AS_TOPIC, \"%s\", ...) to "
                 "rules.def",
                 kind->slug, message->name, rule->name, c_name_of(message, name), rule->name);
    if (odd && topic)
        fail_msg("%s: nobody could send the topic %s: %s.%s repeats the topic, and its list %s has "
                 "no CODE(\"%s\", ...) in lists.def",
                 kind->slug, odd, message->name, rule->name, rule->list->name, odd);
    if (odd)
        fail_msg("%s: %s.%s repeats the topic, and %s of its list %s is no topic in topics.tsv",
                 kind->slug, message->name, rule->name, odd, rule->list->name);
    return 1;
}

/* A field that repeats the topic has exactly its codes, and one that has them repeats it. */
static void lists_that_repeat_topics_are_those_of_the_plan(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t seen = 0, rules = 0;
    for (size_t i = 0; payload_rule_at(i); i++)
        rules += payload_rule_at(i)->kind == PAYLOAD_RULE_SAME_AS_TOPIC;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t s = 0; s < kind->section_count && kind->topic_count > 0; s++) {
            const struct payload_message *message = message_of(kind, s);
            for (unsigned f = 0; f < message->descriptor->n_fields; f++)
                if (message->fields[f].check == PAYLOAD_CODE)
                    seen += check_topic_list(kind, message, &message->fields[f]);
        }
    }
    if (seen < rules)
        fail_msg("%zu rules SAME_AS_TOPIC, %zu of them about a code of a kind with topics", rules,
                 seen);
    plan_free(plan);
}

static bool has_topic_rule(const struct payload_message *message)
{
    for (size_t i = 0; payload_rule_at(i); i++)
        if (payload_rule_at(i)->message == message->descriptor &&
            strcmp(payload_rule_at(i)->field, PAYLOAD_RULE_TOPIC) == 0)
            return true;
    return false;
}

/* The example as somebody would fill it in who sends this topic. */
static void check_example(const struct plan_kind *kind, size_t s, const char *topic)
{
    const struct payload_message *message = message_of(kind, s);
    struct payload_context context = {.section = kind->sections[s].name, .topic = topic};
    struct buf section = {0};
    struct error error = {0};
    json_t *example = payload_json_example(message);
    payload_json_set_topic(message, topic, example);
    int status = payload_json_read(message, example, context.section, &section, &error);
    if (!status) status = payload_check(message, buf_bytes(&section), &context, NULL, &error);
    if (status)
        fail_msg("%s, topic %s: the examples of %s in fields.def: %s %s: %s", kind->slug, topic,
                 message->name, error_name(status), error.field, error.detail);
    json_decref(example);
    buf_fini(&section);
}

/* Where no rule asks one topic for what another may not have, the example goes with each. */
static void every_topic_can_be_sent(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t seen = 0;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        for (size_t s = 0; s < kind->section_count; s++) {
            if (has_topic_rule(message_of(kind, s))) continue;
            for (size_t t = 0; t < kind->topic_count; t++, seen++)
                check_example(kind, s, kind->topics[t].slug);
        }
    }
    assert_true(seen > plan_kind_count(plan));
    plan_free(plan);
}

/* Whom it is about was born in the years in which a minor of today was. */
static void check_age(const struct plan_kind *kind, const char *field, const json_t *person)
{
    const char *birth = json_string_value(json_object_get(person, "birth_date"));
    const char *role = json_string_value(json_object_get(person, "role"));
    bool about = role && (strcmp(role, "minor") == 0 || strcmp(role, "victim") == 0);
    if (birth && about && strcmp(birth, "2010") < 0)
        fail_msg("%s is tagged MINOR, and %s of its example is born %s: EXAMPLE_CHILD in "
                 "fields.def",
                 kind->slug, field, birth);
}

/* Who fills in a template of a kind about minors finds a minor in it. */
static void examples_about_minors_have_minors(void **state)
{
    (void)state;
    struct plan *plan = plan_files_parse();
    size_t seen = 0;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        const struct plan_kind *kind = plan_kind(plan, k);
        bool minor = false;
        for (size_t t = 0; t < kind->tag_count; t++)
            minor = minor || strcmp(kind->tags[t], "MINOR") == 0;
        for (size_t s = 0; s < kind->section_count && minor; s++) {
            json_t *example = payload_json_example(message_of(kind, s));
            const char *field = NULL;
            json_t *value = NULL;
            json_object_foreach(example, field, value)
            {
                if (strncmp(field, "person", 6) != 0) continue;
                check_age(kind, field, json_is_array(value) ? json_array_get(value, 0) : value);
                seen++;
            }
            json_decref(example);
        }
    }
    assert_true(seen > 8);
    plan_free(plan);
}

/* Checking content walks the tables side by side: it is tried when they fit. */
int main(void)
{
    const struct CMUnitTest counts[] = {cmocka_unit_test(every_field_has_one_row_in_tag_order)};
    const struct CMUnitTest rows[] = {cmocka_unit_test(every_row_fits_its_field),
                                      cmocka_unit_test(every_rule_fits_its_message)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_that_take_files_have_the_field),
        cmocka_unit_test(every_code_has_two_names),
        cmocka_unit_test(no_message_has_a_field_for_markers),
        cmocka_unit_test(id_numbers),
        cmocka_unit_test(credit_codes),
        cmocka_unit_test(credit_code_checks_the_subject_code_too),
        cmocka_unit_test(areas_dates_phones),
        cmocka_unit_test(smaller_codes),
        cmocka_unit_test(times_go_to_ms_and_back),
        cmocka_unit_test(utf8_is_strict_and_takes_rare_names),
        cmocka_unit_test(dna_profiles_are_refused_and_talk_about_dna_is_not),
        cmocka_unit_test(bulletins_have_no_personal_numbers),
        cmocka_unit_test(an_office_gives_its_telephone_in_its_field),
        cmocka_unit_test(errors_name_the_path),
        cmocka_unit_test(a_fault_of_syntax_is_told_in_chinese),
        cmocka_unit_test(what_does_not_check_travels_as_stated_where_nothing_may_wait),
        cmocka_unit_test(bounds_hold_at_their_edge),
        cmocka_unit_test(hostile_bytes_are_refused),
        cmocka_unit_test(rules_over_several_fields),
        cmocka_unit_test(rules_of_the_catalogue),
        cmocka_unit_test(a_missing_companion_is_a_remark_where_nothing_may_wait),
        cmocka_unit_test(what_a_header_says_of_a_section_is_found_in_it),
        cmocka_unit_test(json_comes_back_as_it_went),
        cmocka_unit_test(every_kind_has_messages_whose_examples_pass),
        cmocka_unit_test(what_copies_may_open_has_no_name_and_no_text),
        cmocka_unit_test(levels_bound_what_a_section_may_hold),
        cmocka_unit_test(lists_that_repeat_topics_are_those_of_the_plan),
        cmocka_unit_test(every_topic_can_be_sent),
        cmocka_unit_test(examples_about_minors_have_minors),
    };
    int failed = cmocka_run_group_tests(counts, NULL, NULL);
    if (!failed) failed = cmocka_run_group_tests(rows, NULL, NULL);
    if (failed) {
        (void)fputs("the other tests wait until payload.proto and its tables fit\n", stderr);
        return failed;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
