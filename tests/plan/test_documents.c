/* Invented plans in the manner of many places, each with the table that a reader takes from it:
 * documents/NAME.txt and documents/NAME.tsv, whose first line lists what must be left undecided. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/plan/derived.h"

#define FOLDER LEADBUS_SOURCE_DIR "/tests/plan/documents/"

/* The result in the form of the .tsv file. */
static void derive_as_file(struct bytes text, struct buf *ret)
{
    struct derive *derive = derived_of(text);
    buf_append_str(ret, "# undecided:");
    derived_findings(ret, derive, true);
    buf_append_str(ret, "\n");
    derived_rows(ret, derive);
    buf_append_u8(ret, 0);
    derive_free(derive);
}

static void check_document(const char *name)
{
    char path[512];
    struct buf got = {0};
    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    struct buf text = derived_read(path);
    assert_true(text.len > 0);
    (void)snprintf(path + strlen(path) - 3, 4, "tsv");
    struct buf want = derived_read(path);
    assert_true(want.len > 0);
    derive_as_file(buf_bytes(&text), &got);
    if (strcmp((const char *)got.data, (const char *)want.data) != 0)
        fail_msg("%s: wanted\n%sgot\n%s", name, (const char *)want.data, (const char *)got.data);
    buf_fini(&got);
    buf_fini(&want);
    buf_fini(&text);
}

static void every_document_gives_its_table(void **unused)
{
    enum { LEAST = 60 };
    (void)unused;
    size_t count = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".txt") != 0) continue;
        check_document(entry->d_name);
        count++;
    }
    assert_int_equal(closedir(folder), 0);
    assert_true(count >= LEAST);
}

/* The same document as Windows, an old Mac or a word processor saves it. */
static void line_ends_and_marks_make_no_difference(void **unused)
{
    static const char *const ends[] = {"\r\n", "\r"};
    (void)unused;
    struct buf text = derived_read(FOLDER "city-labels.txt"), want = {0};
    derive_as_file(buf_bytes(&text), &want);
    for (size_t i = 0; i < 2; i++) {
        struct buf other = {0}, got = {0};
        buf_append_str(&other, "\xef\xbb\xbf");
        for (size_t at = 0; at < text.len; at++) {
            if (text.data[at] == '\n')
                buf_append_str(&other, ends[i]);
            else
                buf_append_u8(&other, text.data[at]);
        }
        derive_as_file(buf_bytes(&other), &got);
        assert_string_equal((const char *)got.data, (const char *)want.data);
        buf_fini(&got);
        buf_fini(&other);
    }
    buf_fini(&want);
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_document_gives_its_table),
        cmocka_unit_test(line_ends_and_marks_make_no_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
