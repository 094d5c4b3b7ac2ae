/* Invented plans in the manner of many places, each with the table that a reader takes from it:
 * documents/NAME.txt and documents/NAME.tsv, whose first line lists what must be left undecided.
 *
 * A row that is drafted otherwise than a reader takes it stands as it is drafted, with ? before it;
 * as the reader takes it, with - before it, stands what is drafted so or not at all. About both a
 * person must be asked at their lines: a wrong row that nobody is asked about is the worst fault.
 */
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

/* Is anything undecided at these lines? */
static bool is_asked(const struct derive *derive, size_t first, size_t last)
{
    for (size_t i = 0; i < derive_finding_count(derive); i++) {
        struct derive_finding finding = derive_finding(derive, i);
        if (finding.undecided && finding.line >= first && finding.line <= last) return true;
    }
    return false;
}

/* Takes the marks out of a table, and the rows that are not drafted; each marked one is asked
 * about. */
static void take_marks(const char *name, struct bytes text, const struct buf *want, struct buf *ret)
{
    struct derive *derive = derived_of(text);
    for (size_t at = 0, end = 0; at < want->len; at = end + 1) {
        const char *line = (const char *)want->data + at;
        for (end = at; end < want->len && want->data[end] != '\n';) end++;
        bool wrong = line[0] == '?', missed = line[0] == '-';
        if (!missed) buf_append(ret, line + wrong, end - at - wrong);
        if (!missed) buf_append_u8(ret, '\n');
        if (!wrong && !missed) continue;
        size_t first = 0, last = 0;
        const char *lines = line + (end - at);
        while (lines[-1] != '\t') lines--;
        assert_int_equal(sscanf(lines, "%zu-%zu", &first, &last), 2);
        if (!is_asked(derive, first, last))
            fail_msg("%s: nobody is asked about %.*s", name, (int)(end - at), line);
    }
    buf_append_u8(ret, 0);
    derive_free(derive);
}

static void check_document(const char *name)
{
    char path[512];
    struct buf got = {0}, drafted = {0};
    (void)snprintf(path, sizeof path, FOLDER "%s", name);
    struct buf text = derived_read(path);
    assert_true(text.len > 0);
    (void)snprintf(path + strlen(path) - 3, 4, "tsv");
    struct buf want = derived_read(path);
    assert_true(want.len > 0);
    derive_as_file(buf_bytes(&text), &got);
    take_marks(name, buf_bytes(&text), &want, &drafted);
    if (strcmp((const char *)got.data, (const char *)drafted.data) != 0)
        fail_msg("%s: wanted\n%sgot\n%s", name, (const char *)drafted.data, (const char *)got.data);
    buf_fini(&drafted);
    buf_fini(&got);
    buf_fini(&want);
    buf_fini(&text);
}

static void every_document_gives_its_table(void **unused)
{
    enum { LEAST = 110 };
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
