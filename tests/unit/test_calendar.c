/* Periods: office hours, working days, the notices of the state, and the clocks of the plan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "proto/plan/calendar.h"
#include "proto/plan/day.h"
#include "proto/plan/plan.h"
#include "tests/lib/plan_files.h"

/* "2026-02-13 16:30" in China Standard Time. */
static uint64_t at(const char *text)
{
    char day[DAY_TEXT_LEN] = {0};
    uint64_t ms;
    unsigned hour, minute;
    memcpy(day, text, 10);
    assert_true(day_parse(day, &ms));
    assert_int_equal(sscanf(text + 11, "%2u:%2u", &hour, &minute), 2);
    return ms + ((uint64_t)hour * 60 + minute) * 60000;
}

static int setup(void **state)
{
    *state = plan_files_parse();
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    plan_free(*state);
    return 0;
}

struct period {
    const char *from;
    uint32_t limit;
    enum calendar_unit unit;
    const char *until;
};

static void a_period_is_a_year_a_quarter_a_month_or_a_day(void **state)
{
    (void)state;
    static const struct {
        const char *text, *from, *until;
    } cases[] = {
        {"2026", "2026-01-01", "2027-01-01"},    {"2026-Q1", "2026-01-01", "2026-04-01"},
        {"2026-Q4", "2026-10-01", "2027-01-01"}, {"2024-02", "2024-02-01", "2024-03-01"},
        {"2026-12", "2026-12-01", "2027-01-01"}, {"2024-02-29", "2024-02-29", "2024-03-01"}};
    static const char *const wrong[] = {
        "",           "26",     "2026-", "2026-13", "2026-00", "2026-Q0", "2026-Q5",    "2026/03",
        "2026-02-29", "2026-3", "2999",  "1969",    "2026-1 ", "x026-03", "2026-03-100"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t from_ms = 0, until_ms = 0, wanted_ms = 0;
        assert_true(day_period(cases[i].text, &from_ms, &until_ms));
        assert_true(day_parse(cases[i].from, &wanted_ms));
        assert_int_equal(from_ms, wanted_ms);
        assert_true(day_parse(cases[i].until, &wanted_ms));
        assert_int_equal(until_ms, wanted_ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        uint64_t from_ms = 1, until_ms = 2;
        if (day_period(wrong[i], &from_ms, &until_ms)) fail_msg("%s", wrong[i]);
        assert_int_equal(from_ms + until_ms, 3);
    }
}

static void periods_of_2026_end_where_the_notice_says(void **state)
{
    static const struct period periods[] = {
        {"2026-03-02 09:00", 10, CALENDAR_MINUTES, "2026-03-02 09:10"},
        {"2026-02-14 23:30", 24, CALENDAR_HOURS, "2026-02-15 23:30"},
        /* an ordinary week */
        {"2026-03-02 09:00", 1, CALENDAR_WORK_DAYS, "2026-03-03 17:30"},
        {"2026-03-06 17:00", 1, CALENDAR_WORK_DAYS, "2026-03-09 17:30"},
        {"2026-03-07 10:00", 1, CALENDAR_WORK_DAYS, "2026-03-09 17:30"},
        {"2026-03-06 16:30", 2, CALENDAR_WORK_HOURS, "2026-03-09 09:30"},
        {"2026-03-06 11:30", 1, CALENDAR_WORK_HOURS, "2026-03-06 14:00"},
        {"2026-03-06 07:00", 8, CALENDAR_WORK_HOURS, "2026-03-09 09:00"},
        {"2026-03-06 08:30", 3, CALENDAR_WORK_HOURS, "2026-03-06 11:30"},
        /* Spring Festival: Friday 13, a Saturday worked, nine days off */
        {"2026-02-13 10:00", 1, CALENDAR_WORK_DAYS, "2026-02-14 17:30"},
        {"2026-02-14 10:00", 1, CALENDAR_WORK_DAYS, "2026-02-24 17:30"},
        {"2026-02-14 17:00", 1, CALENDAR_WORK_HOURS, "2026-02-24 09:00"},
        {"2026-02-13 10:00", 3, CALENDAR_DAYS, "2026-02-25 00:00"},
        /* a Saturday worked in exchange, and the Sunday after it */
        {"2026-02-27 10:00", 1, CALENDAR_WORK_DAYS, "2026-02-28 17:30"},
        {"2026-02-28 10:00", 1, CALENDAR_WORK_DAYS, "2026-03-02 17:30"},
        /* National Day: the last of thirty days falls into it */
        {"2026-09-02 08:00", 30, CALENDAR_DAYS, "2026-10-09 00:00"},
        {"2026-12-31 18:00", 1, CALENDAR_MINUTES, "2026-12-31 18:01"},
    };
    const struct calendar *calendar = plan_calendar(*state);
    for (size_t i = 0; i < sizeof periods / sizeof *periods; i++) {
        const struct period *period = &periods[i];
        bool assumed = true;
        uint64_t until =
            calendar_deadline(calendar, at(period->from), period->limit, period->unit, &assumed);
        if (until != at(period->until))
            fail_msg("%s + %u %s", period->from, period->limit, calendar_unit_name(period->unit));
        assert_false(assumed);
    }
}

/* The slow way: minute by minute. */
static uint64_t minute_by_minute(const struct calendar *calendar, uint64_t from_ms,
                                 uint64_t minutes)
{
    uint64_t at_ms = from_ms;
    while (minutes > 0) {
        uint32_t day = day_number(at_ms);
        uint64_t of_day = (at_ms - day_start_ms(day)) / 60000;
        bool inside = false;
        for (size_t i = 0; i < calendar->hours_count; i++)
            inside = inside || (of_day >= calendar->hours[i].from_minute &&
                                of_day < calendar->hours[i].to_minute);
        if (inside && calendar_works(calendar, day)) minutes--;
        at_ms += 60000;
    }
    return at_ms;
}

static void office_hours_agree_with_counting_minutes(void **state)
{
    const struct calendar *calendar = plan_calendar(*state);
    uint64_t from_ms = at("2026-01-01 00:00");
    for (uint32_t i = 0; i < 300; i++, from_ms += (uint64_t)(i * 37 % 1440 + 61) * 60000) {
        uint32_t limit = 1 + i % 40;
        uint64_t until = calendar_deadline(calendar, from_ms, limit, CALENDAR_WORK_HOURS, NULL);
        assert_int_equal(until, minute_by_minute(calendar, from_ms, (uint64_t)limit * 60));
        assert_int_equal(calendar_work_ms(calendar, from_ms, until), (uint64_t)limit * 3600000);
        /* One minute earlier the period is not over. */
        assert_int_equal(calendar_work_ms(calendar, from_ms, until - 60000),
                         (uint64_t)limit * 3600000 - 60000);
    }
    assert_int_equal(calendar_work_ms(calendar, from_ms, from_ms), 0);
    assert_int_equal(calendar_work_ms(calendar, from_ms, from_ms - 1), 0);
}

static void a_year_without_a_notice_is_said(void **state)
{
    const struct calendar *calendar = plan_calendar(*state);
    bool assumed = false;
    uint64_t until =
        calendar_deadline(calendar, at("2026-12-31 10:00"), 1, CALENDAR_WORK_DAYS, &assumed);
    assert_true(assumed);
    assert_int_equal(until, at("2027-01-01 17:30")); /* a Friday: by weekdays alone */
    assert_true(calendar_knows(calendar, day_number(at("2026-12-31 10:00"))));
    assert_false(calendar_knows(calendar, day_number(at("2027-01-01 10:00"))));
    /* What counts no days needs none. */
    assumed = true;
    (void)calendar_deadline(calendar, at("2026-12-31 23:00"), 5, CALENDAR_HOURS, &assumed);
    assert_false(assumed);
}

static void extremes_end_within_the_calendar(void **state)
{
    const struct calendar none = {0};
    const uint64_t moments[] = {0, 1, day_start_ms(DAY_NUMBER_MAX), UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned unit = 0; unit < CALENDAR_UNIT_COUNT; unit++) {
            uint64_t until =
                calendar_deadline(&none, moments[i], UINT32_MAX, (enum calendar_unit)unit, NULL);
            assert_true(until <= day_start_ms(DAY_NUMBER_MAX));
            assert_true(moments[i] >= day_start_ms(DAY_NUMBER_MAX) || until > moments[i]);
        }
    }
    assert_int_equal(day_weekday(day_number(at("2026-11-25 00:00"))), 3);
    assert_int_equal(day_number(at("2999-12-31 23:59")), DAY_NUMBER_MAX);
    for (uint32_t day = 0; day < DAY_NUMBER_MAX; day += 211) {
        char text[DAY_TEXT_LEN];
        uint64_t ms;
        day_text(day_start_ms(day), text);
        assert_true(day_parse(text, &ms));
        assert_int_equal(ms, day_start_ms(day));
        assert_int_equal(day_number(ms), day);
        assert_int_equal(day_year(day), strtoul(text, NULL, 10));
    }
}

static void every_urgency_has_every_clock(void **state)
{
    const struct plan *plan = *state;
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        for (unsigned c = 0; c < PLAN_CLOCK_COUNT; c++) {
            const struct plan_clock *clock =
                plan_clock_of(plan, kind, NULL, (enum plan_clock_index)c);
            assert_non_null(clock);
            assert_int_equal(clock->clock, c);
            assert_true(clock->urgency == kind->urgency || strcmp(clock->kind, kind->slug) == 0);
            assert_true(clock->source_zh[0] && clock->source_en[0] && clock->to_confirm[0]);
            /* Whoever must act at once has minutes or hours, at night too. */
            if (kind->urgency == 1 && c <= PLAN_CLOCK_ACCEPT)
                assert_true(clock->unit == CALENDAR_MINUTES || clock->unit == CALENDAR_HOURS);
        }
    }
    const struct plan_kind *request = plan_kind_find(plan, "handoff.dna-request");
    assert_string_equal(plan_clock_of(plan, request, NULL, PLAN_CLOCK_CLOSE)->kind, request->slug);
    /* A topic that is more pressing than its kind has the clocks of that urgency. */
    const struct plan_kind *workplace = plan_kind_find(plan, "lead.workplace");
    assert_int_equal(plan_clock_of(plan, workplace, "child-labour", PLAN_CLOCK_SIGN)->urgency, 1);
    assert_int_equal(plan_clock_of(plan, workplace, "labour", PLAN_CLOCK_SIGN)->urgency, 2);
}

struct wrong {
    const char *table, *old, *new;
};

static void wrong_tables_are_refused_with_their_line(void **state)
{
    static const struct wrong wrongs[] = {
        {"calendar.tsv", "08:30\t12:00", "8:30\t12:00"},
        {"calendar.tsv", "08:30\t12:00", "08:30\t24:01"},
        {"calendar.tsv", "08:30\t12:00", "12:00\t08:30"},
        {"calendar.tsv", "08:30\t12:00", "08:30\t13:31"},
        {"calendar.tsv", "2026-12-31\tyear", "2026-12-30\tyear"},
        {"calendar.tsv", "2026-01-01\t2026-12-31\tyear", "2025-01-01\t2025-12-31\tyear"},
        {"calendar.tsv", "2026-01-01\t2026-01-03\toff", "2026-01-01\t2026-01-04\toff"},
        {"calendar.tsv", "2026-01-01\t2026-01-03\toff", "2026-01-03\t2026-01-01\toff"},
        {"calendar.tsv", "2026-01-01\t2026-01-03\toff", "2026-01-01\t2026-01-03\tfree"},
        {"calendar.tsv", "2026-02-14\t2026-02-14", "2026-02-30\t2026-02-30"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "5\t-\tsign\tsubmitted\t10"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\tsign\tsubmitted\t0"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\tsign\tsubmitted\t3661"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\tsign\tsubmitted\t-3"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\tsigned\tsubmitted\t10"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\tsign\tborn\t10"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\t-\taccept\tsubmitted\t10"},
        {"clocks.tsv", "1\t-\tsign\tsubmitted\t10", "1\tlead.online\tsign\tsubmitted\t10"},
        {"clocks.tsv", "-\thandoff.kin-notice", "-\thandoff.nothing"},
        {"clocks.tsv", "-\thandoff.kin-notice", "-\t-"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct plan_files files;
        struct plan *plan = NULL;
        struct error error = {0};
        plan_files_load(&files);
        plan_files_replace(&files, wrongs[i].table, wrongs[i].old, wrongs[i].new);
        if (plan_parse(files.parts, PLAN_PART_COUNT_MAX, &plan, &error) != E_BAD_TABLE)
            fail_msg("%s: %s", wrongs[i].table, wrongs[i].new);
        assert_memory_equal(error.field, "plan/c", 6);
        plan_files_free(&files);
    }
}

static void a_plan_may_have_neither(void **state)
{
    struct plan_files files;
    struct plan *plan = NULL;
    (void)state;
    plan_files_load(&files);
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    const struct plan_kind *kind = plan_kind(plan, 0);
    assert_null(plan_clock_of(plan, kind, NULL, PLAN_CLOCK_SIGN));
    assert_true(calendar_works(plan_calendar(plan), day_number(at("2026-02-16 09:00"))));
    plan_free(plan);
    plan_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_period_is_a_year_a_quarter_a_month_or_a_day),
        cmocka_unit_test(periods_of_2026_end_where_the_notice_says),
        cmocka_unit_test(office_hours_agree_with_counting_minutes),
        cmocka_unit_test(a_year_without_a_notice_is_said),
        cmocka_unit_test(extremes_end_within_the_calendar),
        cmocka_unit_test(every_urgency_has_every_clock),
        cmocka_unit_test(wrong_tables_are_refused_with_their_line),
        cmocka_unit_test(a_plan_may_have_neither),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
