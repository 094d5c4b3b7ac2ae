/* The lifecycle table: what may follow what on a leg. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/plan/lifecycle.h"
#include "tests/lib/plan_files.h"

static struct plan *plan;

static int setup(void **state)
{
    (void)state;
    plan = plan_files_parse();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plan_free(plan);
    return 0;
}

static const struct plan_kind *kind_of(const char *slug)
{
    const struct plan_kind *kind = plan_kind_find(plan, slug);
    assert_non_null(kind);
    return kind;
}

/* Walks acts given as letters: d s a r p c u x(stand down). Returns the first error, or 0. */
static int walk(const char *slug, const char *acts, enum lifecycle_state *ret_state)
{
    static const char letters[] = "dsarpcux";
    static const enum plan_act values[] = {PLAN_ACT_DELIVER, PLAN_ACT_SIGN,      PLAN_ACT_ACCEPT,
                                           PLAN_ACT_RETURN,  PLAN_ACT_PROGRESS,  PLAN_ACT_CLOSE,
                                           PLAN_ACT_URGE,    PLAN_ACT_STAND_DOWN};
    enum lifecycle_state state = LIFECYCLE_SUBMITTED;

    for (; *acts; acts++) {
        size_t index = (size_t)(strchr(letters, *acts) - letters);
        enum lifecycle_role role = LIFECYCLE_ROLE_LEG;
        struct lifecycle_step step;
        if (*acts == 'd') role = LIFECYCLE_ROLE_BUS;
        if (*acts == 'u') role = LIFECYCLE_ROLE_OFFICE;
        if (*acts == 'x') role = LIFECYCLE_ROLE_ORIGINATOR;
        int r = lifecycle_next(kind_of(slug), state, values[index], role, &step, NULL);
        if (r < 0) return r;
        state = step.next;
    }
    if (ret_state) *ret_state = state;
    return 0;
}

static void lifecycle_walks_the_chain(void **unused)
{
    (void)unused;
    static const struct {
        const char *kind;
        const char *acts;
        int code;
        enum lifecycle_state state;
    } cases[] = {
        {"lead.suspected-trafficking", "dsac", 0, LIFECYCLE_CLOSED},
        {"lead.suspected-trafficking", "dsapppc", 0, LIFECYCLE_CLOSED},
        {"lead.suspected-trafficking", "sdac", 0, LIFECYCLE_CLOSED}, /* receipt before delivery */
        {"lead.suspected-trafficking", "udusuaupu", 0, LIFECYCLE_PROGRESS},
        {"lead.suspected-trafficking", "da", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dss", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsc", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsp", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsaa", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsacp", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsacc", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsacu", E_LIFECYCLE_ORDER, 0},
        {"lead.suspected-trafficking", "dsr", E_RETURN_NOT_ALLOWED, 0},
        {"lead.suspected-trafficking", "dsx", E_LIFECYCLE_ORDER, 0}, /* no alert */
        {"handoff.victim", "dsr", E_RETURN_NOT_ALLOWED, 0},          /* last resort */
        {"handoff.service-referral", "dsr", 0, LIFECYCLE_RETURNED},
        {"handoff.service-referral", "dr", E_LIFECYCLE_ORDER, 0},
        {"handoff.service-referral", "dsar", E_LIFECYCLE_ORDER, 0},
        {"handoff.service-referral", "dsra", E_LIFECYCLE_ORDER, 0},
        {"lead.street-minor", "dsapc", 0, LIFECYCLE_CLOSED}, /* progress is welcome unexpected */
        {"notice.verify", "dsc", 0, LIFECYCLE_CLOSED},       /* expects no accept */
        {"notice.verify", "dsa", E_LIFECYCLE_ORDER, 0},
        {"alert.missing-child", "ds", 0, LIFECYCLE_SIGNED},
        {"alert.missing-child", "dsa", E_LIFECYCLE_ORDER, 0},
        {"alert.missing-child", "dsc", E_LIFECYCLE_ORDER, 0},
        {"alert.missing-child", "dsp", E_LIFECYCLE_ORDER, 0},
        {"alert.missing-child", "dx", 0, LIFECYCLE_STOOD_DOWN},
        {"alert.missing-child", "dsx", 0, LIFECYCLE_STOOD_DOWN},
        {"alert.missing-child", "dxs", E_LIFECYCLE_ORDER, 0},
        {"alert.missing-child", "dxd", 0, LIFECYCLE_STOOD_DOWN},
        {"receipt.signed", "s", E_LIFECYCLE_ORDER, 0}, /* a receipt is not signed for */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum lifecycle_state state = LIFECYCLE_SUBMITTED;
        int r = walk(cases[i].kind, cases[i].acts, &state);
        if (r != cases[i].code || (r == 0 && state != cases[i].state))
            fail_msg("%s %s: %s, %s", cases[i].kind, cases[i].acts, error_name(r),
                     lifecycle_state_name(state));
    }
}

static void lifecycle_refuses_other_roles(void **unused)
{
    (void)unused;
    const struct plan_kind *kind = kind_of("lead.suspected-trafficking");
    static const enum plan_act own[] = {PLAN_ACT_SIGN, PLAN_ACT_ACCEPT, PLAN_ACT_RETURN,
                                        PLAN_ACT_PROGRESS, PLAN_ACT_CLOSE};
    struct lifecycle_step step = {LIFECYCLE_CLOSED, 99};

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        for (int role = LIFECYCLE_ROLE_ORIGINATOR; role < LIFECYCLE_ROLE_COUNT; role++)
            assert_int_equal(lifecycle_next(kind, LIFECYCLE_DELIVERED, own[i],
                                            (enum lifecycle_role)role, &step, NULL),
                             E_LIFECYCLE_ROLE);
    }
    assert_int_equal(
        lifecycle_next(kind, LIFECYCLE_DELIVERED, PLAN_ACT_URGE, LIFECYCLE_ROLE_COPY, &step, NULL),
        E_LIFECYCLE_ROLE);
    assert_int_equal(lifecycle_next(kind, LIFECYCLE_DELIVERED, PLAN_ACT_DELIVER, LIFECYCLE_ROLE_LEG,
                                    &step, NULL),
                     E_LIFECYCLE_ROLE);
    assert_int_equal(lifecycle_next(kind_of("alert.missing-child"), LIFECYCLE_DELIVERED,
                                    PLAN_ACT_STAND_DOWN, LIFECYCLE_ROLE_OFFICE, &step, NULL),
                     E_LIFECYCLE_ROLE);
    assert_int_equal(step.effects, 99); /* untouched */
}

static void lifecycle_takes_any_number(void **unused)
{
    (void)unused;
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        for (int state = -1; state <= LIFECYCLE_STATE_COUNT; state++) {
            for (int act = -1; act <= PLAN_ACT_COUNT; act++) {
                for (int role = -1; role <= LIFECYCLE_ROLE_COUNT; role++) {
                    struct lifecycle_step step;
                    int r =
                        lifecycle_next(plan_kind(plan, k), (enum lifecycle_state)state,
                                       (enum plan_act)act, (enum lifecycle_role)role, &step, NULL);
                    assert_true(r <= 0);
                    if (r == 0) assert_in_range(step.next, 0, LIFECYCLE_STATE_COUNT - 1);
                }
            }
        }
    }
}

static void lifecycle_signing_implies_delivery(void **unused)
{
    (void)unused;
    struct lifecycle_step step;
    assert_int_equal(lifecycle_next(kind_of("handoff.victim"), LIFECYCLE_SUBMITTED, PLAN_ACT_SIGN,
                                    LIFECYCLE_ROLE_LEG, &step, NULL),
                     0);
    assert_int_equal(step.effects, LIFECYCLE_EFFECT_DELIVERED);
    assert_int_equal(lifecycle_next(kind_of("handoff.victim"), LIFECYCLE_DELIVERED, PLAN_ACT_SIGN,
                                    LIFECYCLE_ROLE_LEG, &step, NULL),
                     0);
    assert_int_equal(step.effects, 0);
}

static void lifecycle_rows_decide_once(void **unused)
{
    (void)unused;
    size_t count = 0;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = i + 1; j < count; j++) {
            bool same = rows[i].state == rows[j].state && rows[i].act == rows[j].act &&
                        (rows[i].roles & rows[j].roles) != 0;
            assert_false(same);
        }
    }
}

static void lifecycle_closes_a_thread_when_all_legs_are_done(void **unused)
{
    (void)unused;
    const struct plan_kind *lead = kind_of("lead.street-minor");
    const struct plan_kind *alert = kind_of("alert.missing-child");
    const struct plan_kind *referral = kind_of("handoff.service-referral");

    assert_int_equal(lifecycle_thread(NULL, 0), LIFECYCLE_THREAD_NONE);
    struct lifecycle_leg legs[] = {{lead, LIFECYCLE_CLOSED, true},
                                   {lead, LIFECYCLE_PROGRESS, false}};
    assert_int_equal(lifecycle_thread(legs, 2), LIFECYCLE_THREAD_OPEN);
    legs[1].state = LIFECYCLE_CLOSED;
    assert_int_equal(lifecycle_thread(legs, 2), LIFECYCLE_THREAD_CLOSED);
    legs[0].state = LIFECYCLE_SIGNED; /* the primary has not closed */
    assert_int_equal(lifecycle_thread(legs, 2), LIFECYCLE_THREAD_OPEN);
    struct lifecycle_leg alerted[] = {{alert, LIFECYCLE_SIGNED, true},
                                      {alert, LIFECYCLE_DELIVERED, false}};
    assert_int_equal(lifecycle_thread(alerted, 2), LIFECYCLE_THREAD_OPEN);
    alerted[1].state = LIFECYCLE_STOOD_DOWN;
    assert_int_equal(lifecycle_thread(alerted, 2), LIFECYCLE_THREAD_CLOSED);
    struct lifecycle_leg returned[] = {{referral, LIFECYCLE_RETURNED, true},
                                       {referral, LIFECYCLE_CLOSED, true}};
    assert_int_equal(lifecycle_thread(returned, 1), LIFECYCLE_THREAD_OPEN);
    assert_int_equal(lifecycle_thread(returned, 2), LIFECYCLE_THREAD_CLOSED);
}

static void lifecycle_knows_when_a_leg_owes_nothing_more(void **unused)
{
    (void)unused;
    const struct plan_kind *alert = kind_of("alert.missing-child");
    const struct plan_kind *verify = kind_of("notice.verify");
    assert_false(lifecycle_leg_done(alert, LIFECYCLE_SUBMITTED));
    assert_false(lifecycle_leg_done(alert, LIFECYCLE_DELIVERED));
    assert_true(lifecycle_leg_done(alert, LIFECYCLE_SIGNED));
    assert_false(lifecycle_leg_done(verify, LIFECYCLE_SIGNED));
    assert_true(lifecycle_leg_done(verify, LIFECYCLE_CLOSED));
}

static void lifecycle_names_every_state_in_both_languages(void **unused)
{
    (void)unused;
    for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++) {
        assert_string_not_equal(lifecycle_state_name((enum lifecycle_state)state), "unknown");
        assert_true(lifecycle_state_text((enum lifecycle_state)state, LANG_ZH)[0] & 0x80);
        assert_false(lifecycle_state_text((enum lifecycle_state)state, LANG_EN)[0] & 0x80);
    }
    assert_string_equal(lifecycle_state_text(LIFECYCLE_SIGNED, LANG_ZH), "已签收");
    assert_string_equal(lifecycle_act_text(PLAN_ACT_URGE, LANG_ZH), "催办");
}

/* What comes next is what the table would take next. */
static void lifecycle_owes_the_next_act(void **unused)
{
    (void)unused;
    static const struct {
        const char *kind;
        enum lifecycle_state state;
        enum plan_act owed;
    } rows[] = {
        {"lead.suspected-trafficking", LIFECYCLE_SUBMITTED, PLAN_ACT_SIGN},
        {"lead.suspected-trafficking", LIFECYCLE_DELIVERED, PLAN_ACT_SIGN},
        {"lead.suspected-trafficking", LIFECYCLE_SIGNED, PLAN_ACT_ACCEPT},
        {"lead.suspected-trafficking", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE},
        {"lead.suspected-trafficking", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE},
        {"lead.suspected-trafficking", LIFECYCLE_CLOSED, PLAN_ACT_NONE},
        {"handoff.service-referral", LIFECYCLE_RETURNED, PLAN_ACT_NONE},
        {"notice.verify", LIFECYCLE_SIGNED, PLAN_ACT_CLOSE},
        {"alert.missing-child", LIFECYCLE_DELIVERED, PLAN_ACT_SIGN},
        {"alert.missing-child", LIFECYCLE_SIGNED, PLAN_ACT_NONE},
        {"alert.missing-child", LIFECYCLE_STOOD_DOWN, PLAN_ACT_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(lifecycle_owed(kind_of(rows[i].kind), rows[i].state), rows[i].owed);
}

/* Who tries an act too early or twice is told which one comes first, in both languages. */
static void lifecycle_says_what_comes_first(void **unused)
{
    (void)unused;
    static const struct {
        const char *kind;
        enum lifecycle_state state;
        enum plan_act act;
        const char *zh, *en;
    } rows[] = {
        {"lead.suspected-trafficking", LIFECYCLE_DELIVERED, PLAN_ACT_CLOSE, "请先签收，再受理",
         "sign for it first, then accept it"},
        {"lead.suspected-trafficking", LIFECYCLE_DELIVERED, PLAN_ACT_ACCEPT, "请先签收",
         "sign for it first"},
        {"lead.suspected-trafficking", LIFECYCLE_SIGNED, PLAN_ACT_PROGRESS, "请先受理",
         "accept it first"},
        {"lead.suspected-trafficking", LIFECYCLE_SIGNED, PLAN_ACT_SIGN, "本单位已签收，无须重复",
         "this unit has signed for it already"},
        {"lead.suspected-trafficking", LIFECYCLE_PROGRESS, PLAN_ACT_ACCEPT,
         "本单位已受理，无须重复", "this unit has accepted it already"},
        {"lead.suspected-trafficking", LIFECYCLE_CLOSED, PLAN_ACT_CLOSE, "本单位办理已结束：已办结",
         "this unit's part is over: closed"},
        {"handoff.service-referral", LIFECYCLE_ACCEPTED, PLAN_ACT_RETURN,
         "本单位已受理，不能再退回", "this unit has accepted it: it is not returned any more"},
        {"notice.bulletin", LIFECYCLE_SIGNED, PLAN_ACT_CLOSE, "“情况通报与线索通报”无须办结",
         "notice.bulletin: nobody has to close it"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lifecycle_step step;
        struct error error = {0};
        assert_int_equal(lifecycle_next(kind_of(rows[i].kind), rows[i].state, rows[i].act,
                                        LIFECYCLE_ROLE_LEG, &step, &error),
                         E_LIFECYCLE_ORDER);
        assert_string_equal(error_detail(&error, LANG_ZH), rows[i].zh);
        assert_string_equal(error_detail(&error, LANG_EN), rows[i].en);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifecycle_walks_the_chain),
        cmocka_unit_test(lifecycle_owes_the_next_act),
        cmocka_unit_test(lifecycle_says_what_comes_first),
        cmocka_unit_test(lifecycle_refuses_other_roles),
        cmocka_unit_test(lifecycle_takes_any_number),
        cmocka_unit_test(lifecycle_signing_implies_delivery),
        cmocka_unit_test(lifecycle_rows_decide_once),
        cmocka_unit_test(lifecycle_closes_a_thread_when_all_legs_are_done),
        cmocka_unit_test(lifecycle_knows_when_a_leg_owes_nothing_more),
        cmocka_unit_test(lifecycle_names_every_state_in_both_languages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
