/* The header says what the sections say: held by the sending agent before it is sealed, and by each
 * receiving one after it is opened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "clients/agent/agent.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/day.h"
#include "tests/lib/plan_files.h"

static struct agent agent;

static int set_up(void **state)
{
    (void)state;
    agent.plan = plan_files_parse();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plan_free(agent.plan);
    return 0;
}

/* The example of the section with one field set, under a header with these marks: the answer, and
 * the field that it is about. */
static int check(const struct leadbus_marks *marks, const char *section, const char *message,
                 const char *field, const char *value, struct leadbus_error *ret_error)
{
    const struct payload_message *found = payload_find(message);
    json_t *object = payload_json_example(found);
    struct buf bytes = {0};
    struct error error = {0};
    memset(ret_error, 0, sizeof *ret_error);
    if (field) json_object_set_new(object, field, value ? json_string(value) : json_null());
    if (field && !value) json_object_del(object, field);
    assert_int_equal(payload_json_read(found, object, section, &bytes, &error), 0);
    int r = agent_check_section(&agent, marks, section, bytes.data, bytes.len, ret_error);
    buf_fini(&bytes);
    json_decref(object);
    return r;
}

static void who_comes_early_says_why_and_the_header_that_it_does(void **state)
{
    (void)state;
    struct leadbus_error error;
    struct leadbus_marks marks = {.kind = "handoff.victim", .topic = ""};
    assert_int_equal(check(&marks, "full", "HandoffFull", NULL, NULL, &error), 0);
    marks.flags = LEADBUS_DRAFT_EARLY;
    assert_int_equal(check(&marks, "full", "HandoffFull", NULL, NULL, &error), E_MISSING_FIELD);
    assert_string_equal(error.field, "full.gap_reason");
    assert_int_equal(check(&marks, "full", "HandoffFull", "gap_reason", "伤重先送医", &error), 0);
    /* The reason stands in one section; others have no room for it and are not asked. */
    assert_int_equal(check(&marks, "summary", "HandoffSummary", NULL, NULL, &error), 0);
    marks.flags = 0;
    assert_int_equal(check(&marks, "full", "HandoffFull", "gap_reason", "伤重先送医", &error),
                     E_BAD_VALUE);
    assert_string_equal(error.field, "full.gap_reason");
}

static void a_paper_has_its_time_in_the_header(void **state)
{
    (void)state;
    struct leadbus_error error;
    struct leadbus_marks marks = {.kind = "handoff.victim", .topic = ""};
    for (int i = 0; i < 4; i++) {
        marks.flags = i & 1 ? LEADBUS_DRAFT_LATE : 0;
        marks.occurred_ms = i & 2 ? 1 : 0;
        int r = check(&marks, "full", "HandoffFull", "paper_number", "交接 7", &error);
        assert_int_equal(r, i == 3 ? 0 : E_BAD_VALUE);
        if (r) assert_string_equal(error.field, "full.paper_number");
    }
    marks = (struct leadbus_marks){.kind = "receipt.accepted", .topic = ""};
    assert_int_equal(check(&marks, "receipt", "ReceiptAccepted", "paper_number", "交接 7", &error),
                     E_BAD_VALUE);
}

static void the_day_that_is_set_is_the_sections(void **state)
{
    (void)state;
    uint64_t start_ms;
    struct leadbus_error error;
    struct leadbus_marks marks = {.kind = "supervision.inspection", .topic = "implementation"};
    assert_true(day_parse("2026-03-31", &start_ms));
    marks.due_ms = start_ms + 24ull * 3600 * 1000;
    assert_int_equal(check(&marks, "notice", "Inspection", "due_on", "2026-03-31", &error), 0);
    assert_int_equal(check(&marks, "notice", "Inspection", "due_on", "2026-04-01", &error),
                     E_BAD_VALUE);
    assert_string_equal(error.field, "notice.due_on");
    marks.due_ms = 0;
    assert_int_equal(check(&marks, "notice", "Inspection", "due_on", "2026-03-31", &error),
                     E_BAD_VALUE);
    /* None where the section has none. */
    marks = (struct leadbus_marks){.kind = "supervision.review", .topic = "accepted"};
    assert_int_equal(check(&marks, "notice", "Review", NULL, NULL, &error), 0);
    marks.due_ms = start_ms;
    assert_int_equal(check(&marks, "notice", "Review", NULL, NULL, &error), E_BAD_VALUE);
    assert_true(agent.counts.payload_refused > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_comes_early_says_why_and_the_header_that_it_does),
        cmocka_unit_test(a_paper_has_its_time_in_the_header),
        cmocka_unit_test(the_day_that_is_set_is_the_sections),
    };
    return cmocka_run_group_tests_name("unit.marks", tests, set_up, tear_down);
}
