/* The plan of 2022 against the table that was checked by hand: every clause, unit and line. Skipped
 * where text or table is absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/plan/derived.h"

enum { GOLD_SKIP = 77 };

static struct buf text, gold;

/* Columns id, lead, coop and src_lines of the gold table in the form of derived_rows. */
static void gold_rows(struct buf *lines)
{
    bool header = true;
    char *rest = (char *)gold.data;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        char *fields[5];
        if (line[0] == '\0' || line[0] == '#') continue;
        for (size_t i = 0; i < 5; i++) {
            fields[i] = strsep(&line, "\t");
            assert_non_null(fields[i]);
        }
        if (!header)
            buf_printf(lines, "%s\t%s\t%s\t%s\n", fields[0], fields[3], fields[4], fields[2]);
        header = false;
    }
    buf_append_u8(lines, 0);
}

static void the_plan_gives_the_gold_table(void **unused)
{
    (void)unused;
    struct buf want = {0}, got = {0};
    struct derive *derive = derived_of(buf_bytes(&text));
    size_t leads = 0, coops = 0, without = 0;
    gold_rows(&want);
    derived_rows(&got, derive);
    buf_append_u8(&got, 0);
    assert_string_equal((const char *)got.data, (const char *)want.data);
    for (size_t i = 0; i < derive_row_count(derive); i++) {
        const struct derive_row *row = derive_row(derive, i);
        leads += row->lead_count;
        coops += row->coop_count;
        without += (row->flags & DERIVE_NO_COOP) != 0;
        assert_int_equal(row->form, DERIVE_BRACKET);
    }
    assert_int_equal(derive_row_count(derive), 73);
    assert_int_equal(leads, 138);
    assert_int_equal(coops, 180);
    assert_int_equal(without, 18);
    assert_int_equal(derive_undecided_count(derive), 0);
    derive_free(derive);
    buf_fini(&want);
    buf_fini(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_plan_gives_the_gold_table)};
    text = derived_read(LEADBUS_SHARED "/seeds/hedong-plan-2022.txt");
    gold = derived_read(LEADBUS_SHARED "/gold/plan.tsv");
    if (text.len == 0 || gold.len == 0) {
        (void)puts("no text or gold table: skipped");
        return GOLD_SKIP;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_fini(&text);
    buf_fini(&gold);
    return failed;
}
