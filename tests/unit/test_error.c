/* error: the table is consistent, names are stable and lower case, details never overflow. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/error.h"

static size_t row_count(void)
{
    size_t count = 0;
    while (error_code_at(count)) count++;
    return count;
}

static void every_code_is_negative_and_distinct(void **state)
{
    (void)state;
    assert_true(row_count() > 50);
    for (size_t i = 0; i < row_count(); i++) {
        assert_true(error_code_at(i) < 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(error_code_at(i), error_code_at(k));
            assert_string_not_equal(error_name(error_code_at(i)), error_name(error_code_at(k)));
        }
    }
}

static void names_are_lower_case_and_lead_back_to_their_code(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count(); i++) {
        int code = error_code_at(i);
        const char *name = error_name(code);
        for (const char *c = name; *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_');
        assert_int_equal(error_code_of(name), code);
    }
    assert_string_equal(error_name(E_BAD_FORM), "bad_form");
    assert_string_equal(error_name(E_ROUTE_MISMATCH), "route_mismatch");
    assert_string_equal(error_name(0), "ok");
}

static void unknown_codes_and_names_are_harmless(void **state)
{
    (void)state;
    static const int codes[] = {1, INT_MAX, INT_MIN, -999999};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        assert_string_equal(error_name(codes[i]), "unknown");
        assert_non_null(error_text(codes[i], LANG_ZH));
        assert_non_null(error_text(codes[i], LANG_EN));
        assert_int_equal(error_class(codes[i]), ERROR_CLASS_ENVIRONMENT);
        assert_false(error_retryable(codes[i]));
    }
    assert_int_equal(error_code_of(""), 0);
    assert_int_equal(error_code_of("BAD_FORM"), 0);
    assert_int_equal(error_code_of("bad_for"), 0);
    assert_int_equal(error_code_at(SIZE_MAX), 0);
}

static void every_code_has_a_text_in_both_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count(); i++) {
        const char *zh = error_text(error_code_at(i), LANG_ZH);
        const char *en = error_text(error_code_at(i), LANG_EN);
        assert_true(strlen(zh) > 0 && ((unsigned char)zh[0] >= 0x80 || strlen(zh) > 6));
        assert_true(strlen(en) > 0);
        for (const char *c = en; *c; c++) assert_true((unsigned char)*c < 0x80);
        assert_string_not_equal(zh, en);
    }
}

static void a_busy_code_is_always_retryable(void **state)
{
    (void)state;
    for (size_t i = 0; i < row_count(); i++)
        if (error_class(error_code_at(i)) == ERROR_CLASS_BUSY)
            assert_true(error_retryable(error_code_at(i)));
}

static void details_are_cut_to_their_room_and_terminated(void **state)
{
    (void)state;
    struct {
        struct error error;
        unsigned char guard[64];
    } fenced;
    memset(&fenced, 0xa5, sizeof fenced);
    char field[4096], detail[4096];
    memset(field, 'f', sizeof field - 1);
    memset(detail, 'd', sizeof detail - 1);
    field[sizeof field - 1] = detail[sizeof detail - 1] = '\0';
    assert_int_equal(error_set(&fenced.error, E_BAD_FORM, field, "%s", detail), E_BAD_FORM);
    assert_int_equal(fenced.error.code, E_BAD_FORM);
    assert_int_equal(strlen(fenced.error.field), sizeof fenced.error.field - 1);
    assert_int_equal(strlen(fenced.error.detail), sizeof fenced.error.detail - 1);
    for (size_t i = 0; i < sizeof fenced.guard; i++) assert_int_equal(fenced.guard[i], 0xa5);
}

static void a_detail_has_two_languages_and_falls_back_to_english(void **state)
{
    (void)state;
    struct error error;
    assert_int_equal(error_say(&error, E_BAD_VALUE, "age", "%d 到 %d", "%d to %d", 1, 9),
                     E_BAD_VALUE);
    assert_string_equal(error_detail(&error, LANG_ZH), "1 到 9");
    assert_string_equal(error_detail(&error, LANG_EN), "1 to 9");
    assert_int_equal(error_set(&error, E_BAD_FORM, NULL, "row %d", 12), E_BAD_FORM);
    assert_string_equal(error_detail(&error, LANG_ZH), "row 12"); /* nothing of the last one */
    assert_int_equal(error_say(NULL, E_BAD_FORM, NULL, "无", "none"), E_BAD_FORM);
}

static void a_detail_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t ahead = 0; ahead < 4; ahead++) {
        struct error error;
        char text[600] = "xxx";
        for (size_t at = ahead; at + 4 < sizeof text; at += 3) memcpy(text + at, "\xe7\xba\xbf", 4);
        (void)error_say(&error, E_BAD_VALUE, text, "%s", "%s", text);
        const char *cut[] = {error.field, error.detail, error.detail_zh};
        const size_t room[] = {ERROR_FIELD_LEN_MAX, ERROR_DETAIL_LEN_MAX, ERROR_DETAIL_LEN_MAX};
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal((strlen(cut[i]) - ahead) % 3, 0);
            assert_true(strlen(cut[i]) + 3 > room[i]);
        }
    }
}

static void a_cause_is_carried_in_both_languages(void **state)
{
    (void)state;
    struct error cause, error = {0};
    (void)error_say(&cause, E_NOTE_INVALID, "note", "没有签名", "no signature");
    assert_int_equal(error_carry(&error, E_BAD_VALUE, "--root", &cause), E_BAD_VALUE);
    assert_int_equal(error.code, E_BAD_VALUE);
    assert_string_equal(error.field, "--root");
    assert_string_equal(error.detail, "no signature");
    assert_string_equal(error.detail_zh, "没有签名");
    /* In place, under the field that it has. */
    assert_int_equal(error_carry(&cause, E_BAD_FORM, cause.field, &cause), E_BAD_FORM);
    assert_string_equal(cause.field, "note");
    assert_string_equal(cause.detail_zh, "没有签名");
    assert_int_equal(error_carry(NULL, E_BAD_FORM, "x", &cause), E_BAD_FORM);
}

static void a_fault_says_in_which_file(void **state)
{
    (void)state;
    struct error error;
    (void)error_say(&error, E_NOTE_INVALID, "note", "没有签名", "no signature");
    assert_int_equal(error_in(&error, E_NOTE_INVALID, "/etc/leadbus/bundle"), E_NOTE_INVALID);
    assert_string_equal(error.field, "/etc/leadbus/bundle");
    assert_string_equal(error.detail, "note: no signature");
    assert_string_equal(error.detail_zh, "note: 没有签名");
    /* What names the file already is left alone, and so are success and another's error. */
    assert_int_equal(error_in(&error, E_NOTE_INVALID, "/etc/leadbus/bundle"), E_NOTE_INVALID);
    assert_string_equal(error.detail, "note: no signature");
    assert_int_equal(error_in(&error, 0, "/etc/leadbus/root.note"), 0);
    assert_int_equal(error_in(&error, E_BAD_FORM, "/etc/leadbus/root.note"), E_BAD_FORM);
    assert_string_equal(error.field, "/etc/leadbus/bundle");
    assert_int_equal(error_in(NULL, E_BAD_FORM, "x"), E_BAD_FORM);
    /* Of a long path the end is kept, whole characters of it; a full detail does not overflow. */
    char path[400], detail[400];
    for (size_t at = 0; at + 4 < sizeof path; at += 3) memcpy(path + at, "\xe7\xba\xbf", 4);
    memset(detail, 'd', sizeof detail - 1);
    detail[sizeof detail - 1] = 0;
    (void)error_say(&error, E_BAD_FORM, "part", "%s", "%s", detail);
    assert_int_equal(error_in(&error, E_BAD_FORM, path), E_BAD_FORM);
    assert_true(strlen(error.field) + 3 > ERROR_FIELD_LEN_MAX && strlen(error.field) % 3 == 0);
    assert_int_equal(strncmp(error.detail, "part: ddd", 9), 0);
    assert_int_equal(strlen(error.detail), ERROR_DETAIL_LEN_MAX);
}

static void a_null_error_still_returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, E_BAD_FORM, "field", "%d", 1), E_BAD_FORM);
    struct error error;
    assert_int_equal(error_set(&error, E_BAD_FORM, NULL, "row %d", 12), E_BAD_FORM);
    assert_string_equal(error.field, "");
    assert_string_equal(error.detail, "row 12");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_negative_and_distinct),
        cmocka_unit_test(names_are_lower_case_and_lead_back_to_their_code),
        cmocka_unit_test(unknown_codes_and_names_are_harmless),
        cmocka_unit_test(every_code_has_a_text_in_both_languages),
        cmocka_unit_test(a_busy_code_is_always_retryable),
        cmocka_unit_test(details_are_cut_to_their_room_and_terminated),
        cmocka_unit_test(a_detail_has_two_languages_and_falls_back_to_english),
        cmocka_unit_test(a_detail_is_cut_between_characters),
        cmocka_unit_test(a_cause_is_carried_in_both_languages),
        cmocka_unit_test(a_fault_says_in_which_file),
        cmocka_unit_test(a_null_error_still_returns_the_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
