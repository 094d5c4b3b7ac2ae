/* The broker's clock: what it believes, and how it goes on when the wall clock jumps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "broker/shell/clock.h"

#define START_MS  1800000000000ull
#define MINUTE_MS 60000ull
#define DAY_MS    (24 * 60 * MINUTE_MS)

static uint64_t wall, monotonic;

static uint64_t read_ms(bool of_wall)
{
    return of_wall ? wall : monotonic;
}

/* Time goes by; both clocks show it. */
static void pass(uint64_t ms)
{
    wall += ms;
    monotonic += ms;
}

static int setup(void **state)
{
    (void)state;
    wall = START_MS;
    monotonic = 5000;
    clock_use(read_ms);
    clock_start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_use(NULL);
    return 0;
}

static void both_clocks_in_step_are_believed(void **state)
{
    (void)state;
    pass(DAY_MS);
    assert_int_equal(clock_now_ms(), START_MS + DAY_MS);
    wall += 900; /* set right by a little */
    assert_int_equal(clock_now_ms(), START_MS + DAY_MS + 900);
    struct clock_alarms alarms = clock_alarms_take();
    assert_false(alarms.suspect || alarms.backward);
}

static void a_little_backward_waits(void **state)
{
    (void)state;
    pass(10000);
    assert_int_equal(clock_now_ms(), START_MS + 10000);
    wall -= 2000;
    assert_int_equal(clock_now_ms(), START_MS + 10000);
    assert_true(clock_alarms_take().backward);
    assert_false(clock_alarms_take().backward); /* said once */
    pass(3000);
    assert_int_equal(clock_now_ms(), START_MS + 11000);
    assert_false(clock_alarms_take().suspect);
}

static void a_jump_changes_nothing_until_it_is_confirmed(void **state)
{
    (void)state;
    const int64_t month_ms = (int64_t)(30 * DAY_MS);
    for (int forward = 0; forward < 2; forward++) {
        (void)setup(NULL);
        pass(MINUTE_MS);
        assert_int_equal(clock_now_ms(), START_MS + MINUTE_MS);
        wall = forward ? wall + (uint64_t)month_ms : wall - (uint64_t)month_ms;
        pass(MINUTE_MS);
        assert_int_equal(clock_now_ms(), START_MS + 2 * MINUTE_MS); /* as if nothing had been */
        struct clock_alarms alarms = clock_alarms_take();
        assert_true(alarms.suspect);
        assert_int_equal(alarms.departure_ms, forward ? month_ms : -month_ms);
        /* Set right again it is believed no sooner: who set it must say so. */
        wall = START_MS + 2 * MINUTE_MS;
        assert_true(clock_alarms_take().suspect);
        clock_confirm();
        assert_false(clock_alarms_take().suspect);
        pass(MINUTE_MS);
        assert_int_equal(clock_now_ms(), START_MS + 3 * MINUTE_MS);
    }
}

static void a_confirmed_jump_forward_is_taken(void **state)
{
    (void)state;
    wall += DAY_MS;
    assert_int_equal(clock_now_ms(), START_MS);
    clock_confirm();
    assert_int_equal(clock_now_ms(), START_MS + DAY_MS);
    assert_false(clock_alarms_take().suspect);
}

static void what_was_handed_out_is_not_taken_back(void **state)
{
    (void)state;
    pass(10 * MINUTE_MS);
    (void)clock_now_ms();
    wall -= 5 * MINUTE_MS;
    (void)clock_now_ms();
    clock_confirm(); /* it had been five minutes ahead */
    assert_int_equal(clock_now_ms(), START_MS + 10 * MINUTE_MS);
    pass(4 * MINUTE_MS);
    assert_int_equal(clock_now_ms(), START_MS + 10 * MINUTE_MS);
    pass(2 * MINUTE_MS);
    assert_int_equal(clock_now_ms(), START_MS + 11 * MINUTE_MS);
}

static void the_wall_can_be_asked_for_as_it_is(void **state)
{
    (void)state;
    pass(MINUTE_MS);
    wall += DAY_MS;
    assert_int_equal(clock_now_ms(), START_MS + MINUTE_MS);
    assert_int_equal(clock_wall_ms(), START_MS + MINUTE_MS + DAY_MS);
    clock_confirm();
    uint64_t ahead_ms = clock_now_ms();
    wall -= DAY_MS;
    clock_confirm();
    assert_int_equal(clock_now_ms(), ahead_ms);
    assert_int_equal(clock_wall_ms(), START_MS + MINUTE_MS);
}

static void a_journal_far_from_the_wall_is_gone_on_from(void **state)
{
    (void)state;
    static const struct {
        int64_t last_ms; /* relative to the wall */
        bool suspect;
    } cases[] = {{-(int64_t)(6 * DAY_MS), false},
                 {-(int64_t)(8 * DAY_MS), true},
                 {30000, false},
                 {(int64_t)DAY_MS, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)setup(NULL);
        uint64_t last_ms = (uint64_t)((int64_t)START_MS + cases[i].last_ms);
        clock_compare_journal(last_ms);
        assert_int_equal(clock_alarms_take().suspect, cases[i].suspect);
        pass(MINUTE_MS);
        uint64_t expected = START_MS + MINUTE_MS;
        if (cases[i].suspect) expected = last_ms + MINUTE_MS;
        assert_int_equal(clock_now_ms(), expected);
        clock_confirm();
        bool ahead = last_ms > START_MS + MINUTE_MS;
        assert_int_equal(clock_now_ms(), ahead ? last_ms + MINUTE_MS : START_MS + MINUTE_MS);
    }
    (void)setup(NULL);
    clock_compare_journal(0); /* an empty one says nothing */
    assert_false(clock_alarms_take().suspect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(both_clocks_in_step_are_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_little_backward_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_jump_changes_nothing_until_it_is_confirmed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_confirmed_jump_forward_is_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_handed_out_is_not_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(the_wall_can_be_asked_for_as_it_is, setup, teardown),
        cmocka_unit_test_setup_teardown(a_journal_far_from_the_wall_is_gone_on_from, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("unit.clock", tests, NULL, NULL);
}
