/* content: one attachment under the rule of its kind, as the two ends call it. What is in files of
 * all formats is check_content.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/content/content.h"
#include "proto/plan/plan.h"

/* A whole JPEG as far as its form goes, with a comment or without. */
#define JPEG_TABLE "\377\333\0\003x"
#define JPEG_FRAME "\377\300\0\013\010\0\020\0\020\001\001\021\0"
#define JPEG_SCAN  "\377\332\0\010\001\001\0\0?\0scan\377\331"
static const char bare[] = "\377\330" JPEG_TABLE JPEG_FRAME JPEG_SCAN;
static const char commented[] = "\377\330\377\376\0\010secret" JPEG_TABLE JPEG_FRAME JPEG_SCAN;
static const char sound[] = "ID3\004\0\0\0\0\0\0....";
static const char profile[] = "D3S1358 15,16; vWA 14,18; FGA 21,24; TH01 7,9.3";
static const char trace[] = "ABIF\0\145tdir";

static struct bytes bytes_of_array(const char *array, size_t size)
{
    return bytes_of(array, size - 1);
}
#define FILE_OF(array) bytes_of_array(array, sizeof(array))

static const struct content_rule all = {
    .path = "attachment \"x\"",
    .classes = CONTENT_PHOTO | CONTENT_DOCUMENT | CONTENT_MEDIA,
    .confirm_no_dna = true,
};

static int outgoing(struct bytes data, struct content_rule rule, struct buf *ret_clean,
                    struct content_report *ret_report, struct error *ret_error)
{
    memset(ret_error, 0, sizeof *ret_error);
    return content_check_outgoing(data, &rule, ret_clean, ret_report, ret_error);
}

static int incoming(struct bytes data, struct content_rule rule, struct error *ret_error)
{
    memset(ret_error, 0, sizeof *ret_error);
    return content_check_incoming(data, &rule, NULL, ret_error);
}

/* Both ends look, and only where the kind has no personal data. */
static void numbers_of_people_are_found_at_both_ends(void **state)
{
    (void)state;
    struct error error;
    struct content_report report;
    struct content_rule rule = {.path = "attachment", .classes = CONTENT_DOCUMENT};
    static const char *const texts[] = {"证件 11010519491231002X", "请电 13912345678"};
    for (size_t i = 0; i < 2; i++) {
        struct bytes data = bytes_of_str(texts[i]);
        rule.no_numbers = false;
        assert_int_equal(outgoing(data, rule, NULL, &report, &error), 0);
        assert_int_equal(incoming(data, rule, &error), 0);
        rule.no_numbers = true;
        assert_int_equal(outgoing(data, rule, NULL, &report, &error), E_FORBIDDEN_CONTENT);
        assert_int_equal(incoming(data, rule, &error), E_FORBIDDEN_CONTENT);
        assert_string_equal(error.field, "attachment");
        assert_non_null(strstr(error_detail(&error, LANG_ZH), i ? "电话号码" : "公民身份号码"));
    }
}

static void a_photo_leaves_clean_and_arrives_only_so(void **state)
{
    (void)state;
    struct buf clean = {0};
    struct content_report report = {0};
    struct error error;
    assert_int_equal(outgoing(FILE_OF(commented), all, &clean, &report, &error), 0);
    assert_true(bytes_equal(buf_bytes(&clean), FILE_OF(bare)));
    assert_int_equal(report.removed_bytes, sizeof commented - sizeof bare);
    assert_int_equal(report.picture_count, 1);
    assert_int_equal(report.type.class, CONTENT_PHOTO);
    assert_int_equal(incoming(buf_bytes(&clean), all, &error), 0);
    assert_int_equal(incoming(FILE_OF(commented), all, &error), E_FORBIDDEN_CONTENT);
    assert_string_equal(error.field, all.path);
    assert_int_equal(outgoing(FILE_OF(commented), all, NULL, &report, &error), 0);
    assert_int_equal(report.removed_bytes, sizeof commented - sizeof bare);
    buf_fini(&clean);
}

static void other_files_are_sealed_as_they_are(void **state)
{
    (void)state;
    struct buf clean = {0};
    struct content_report report = {0};
    struct error error;
    struct content_rule rule = all;
    rule.confirm_no_dna = false;
    assert_int_equal(outgoing(bytes_of_str("x"), rule, &clean, &report, &error), 0);
    assert_int_equal(clean.len, 0);
    assert_int_equal(report.type.class, CONTENT_DOCUMENT);
    assert_int_equal(report.picture_count + report.unread_count, 0);
    assert_int_equal(incoming(bytes_of_str("x"), rule, &error), 0);
    assert_int_equal(outgoing(bytes_of(NULL, 0), rule, &clean, &report, &error), 0);
}

static void pictures_and_recordings_need_a_person(void **state)
{
    (void)state;
    struct buf clean = {0};
    struct error error;
    struct content_rule rule = all;
    rule.confirm_no_dna = false;
    struct bytes files[] = {FILE_OF(bare), FILE_OF(sound)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outgoing(files[i], rule, &clean, NULL, &error), E_MISSING_FIELD);
        assert_string_equal(error.field, "confirm_no_dna");
        assert_int_equal(clean.len, 0);
        assert_int_equal(incoming(files[i], rule, &error), E_MISSING_FIELD);
        assert_int_equal(incoming(files[i], all, &error), 0);
    }
}

static void a_kind_takes_what_it_takes(void **state)
{
    (void)state;
    struct buf clean = {0};
    struct error error;
    static const char unknown[] = "\1\2\3\377\376";
    const struct {
        struct bytes file;
        unsigned class;
    } files[] = {{FILE_OF(bare), CONTENT_PHOTO},
                 {bytes_of_str("x"), CONTENT_DOCUMENT},
                 {FILE_OF(sound), CONTENT_MEDIA},
                 {FILE_OF(unknown), CONTENT_UNKNOWN}};
    for (size_t i = 0; i < 4; i++)
        for (unsigned classes = 0; classes < 8; classes++) {
            struct content_rule rule = all;
            rule.classes = classes;
            int expected = classes & files[i].class ? 0 : E_BAD_VALUE;
            assert_int_equal(outgoing(files[i].file, rule, &clean, NULL, &error), expected);
            if (expected) assert_non_null(strstr(error.detail, "allowed:"));
            assert_int_equal(incoming(files[i].file, rule, &error), expected);
        }
    buf_fini(&clean);
}

/* No confirmation and no rule lets a profile through; that it is one is said before all else. */
static void a_profile_is_refused_under_any_rule(void **state)
{
    (void)state;
    struct buf clean = {0};
    struct error error;
    struct bytes files[] = {bytes_of_str(profile), FILE_OF(trace)};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(outgoing(files[i], all, &clean, NULL, &error), E_FORBIDDEN_CONTENT);
        assert_string_equal(error.field, all.path);
        assert_int_equal(incoming(files[i], all, &error), E_FORBIDDEN_CONTENT);
    }
    struct content_rule photos = all;
    photos.classes = CONTENT_PHOTO;
    assert_int_equal(outgoing(FILE_OF(trace), photos, &clean, NULL, &error), E_FORBIDDEN_CONTENT);
    assert_int_equal(clean.len, 0);
}

static void a_photo_that_cannot_be_cleaned_stays(void **state)
{
    (void)state;
    static const char heic[] = "\0\0\0\030ftypheic\0\0\0\0mif1heic";
    struct buf clean = {0};
    struct error error;
    assert_int_equal(outgoing(FILE_OF(heic), all, &clean, NULL, &error), E_CONTENT_UNEXAMINABLE);
    assert_non_null(strstr(error.detail, "JPEG"));
    assert_int_equal(outgoing(bytes_of(bare, sizeof bare - 3), all, &clean, NULL, &error),
                     E_TRUNCATED);
    assert_int_equal(clean.len, 0);
}

/* The agents hand a kind's bits on as they are. */
static void classes_are_the_plans(void **state)
{
    (void)state;
    assert_int_equal(CONTENT_PHOTO, PLAN_ATTACHMENT_PHOTO);
    assert_int_equal(CONTENT_DOCUMENT, PLAN_ATTACHMENT_DOCUMENT);
    assert_int_equal(CONTENT_MEDIA, PLAN_ATTACHMENT_MEDIA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_people_are_found_at_both_ends),
        cmocka_unit_test(a_photo_leaves_clean_and_arrives_only_so),
        cmocka_unit_test(other_files_are_sealed_as_they_are),
        cmocka_unit_test(pictures_and_recordings_need_a_person),
        cmocka_unit_test(a_kind_takes_what_it_takes),
        cmocka_unit_test(a_profile_is_refused_under_any_rule),
        cmocka_unit_test(a_photo_that_cannot_be_cleaned_stays),
        cmocka_unit_test(classes_are_the_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
