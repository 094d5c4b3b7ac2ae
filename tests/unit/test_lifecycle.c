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

/* One step by one role; the facts are the kind's own. */
static int step_of(const struct plan_kind *kind, enum lifecycle_state state, enum plan_act act,
                   enum lifecycle_role role, struct lifecycle_step *ret_step,
                   struct error *ret_error)
{
    struct lifecycle_query query = {kind, state, act, LIFECYCLE_ROLE_BIT(role), 0};
    return lifecycle_next(&query, ret_step, ret_error);
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
        int r = step_of(kind_of(slug), state, values[index], role, &step, NULL);
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
            assert_int_equal(
                step_of(kind, LIFECYCLE_DELIVERED, own[i], (enum lifecycle_role)role, &step, NULL),
                E_LIFECYCLE_ROLE);
    }
    assert_int_equal(
        step_of(kind, LIFECYCLE_DELIVERED, PLAN_ACT_URGE, LIFECYCLE_ROLE_COPY, &step, NULL),
        E_LIFECYCLE_ROLE);
    assert_int_equal(
        step_of(kind, LIFECYCLE_DELIVERED, PLAN_ACT_DELIVER, LIFECYCLE_ROLE_LEG, &step, NULL),
        E_LIFECYCLE_ROLE);
    assert_int_equal(step_of(kind_of("alert.missing-child"), LIFECYCLE_DELIVERED,
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
                for (int role = 0; role <= LIFECYCLE_ROLE_COUNT; role++) {
                    struct lifecycle_step step;
                    int r = step_of(plan_kind(plan, k), (enum lifecycle_state)state,
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
    assert_int_equal(step_of(kind_of("handoff.victim"), LIFECYCLE_SUBMITTED, PLAN_ACT_SIGN,
                             LIFECYCLE_ROLE_LEG, &step, NULL),
                     0);
    assert_int_equal(step.effects, LIFECYCLE_EFFECT_TELLS);
    assert_int_equal(step_of(kind_of("handoff.victim"), LIFECYCLE_DELIVERED, PLAN_ACT_SIGN,
                             LIFECYCLE_ROLE_LEG, &step, NULL),
                     0);
    assert_int_equal(step.effects, 0);
}

/* Two rows never fit one case: what one needs, the other bars. */
static void lifecycle_rows_decide_once(void **unused)
{
    (void)unused;
    size_t count = 0;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].states != 0 && rows[i].roles != 0);
        assert_int_equal(rows[i].needs & rows[i].bars, 0);
        for (size_t j = i + 1; j < count; j++) {
            bool same = rows[i].act == rows[j].act && (rows[i].states & rows[j].states) != 0 &&
                        (rows[i].roles & rows[j].roles) != 0;
            bool apart = (rows[i].needs & rows[j].bars) != 0 || (rows[i].bars & rows[j].needs) != 0;
            if (same && !apart) fail_msg("rows %zu and %zu fit one case", i, j);
        }
    }
}

/* What the table says of one case, read off row by row. */
static const struct lifecycle_row *row_of(int state, int act, uint32_t roles, uint32_t facts,
                                          bool *ret_role_may)
{
    size_t count = 0;
    const struct lifecycle_row *rows = lifecycle_rows(&count), *found = NULL;
    *ret_role_may = false;
    for (size_t i = 0; i < count; i++) {
        if ((int)rows[i].act != act || (rows[i].roles & roles) == 0) continue;
        *ret_role_may = true;
        bool fits = (rows[i].states >> state & 1) != 0 &&
                    (rows[i].needs & facts) == rows[i].needs && (rows[i].bars & facts) == 0;
        if (fits && !found) found = &rows[i];
    }
    return found;
}

/* Every state, act and role, with every set of facts that some row of the act asks about: what the
 * table allows passes and leads where it says, everything else is refused with a code. */
static void lifecycle_is_its_table(void **unused)
{
    (void)unused;
    static const char *const slugs[] = {"lead.suspected-trafficking",
                                        "handoff.victim",
                                        "handoff.service-referral",
                                        "notice.verify",
                                        "alert.missing-child",
                                        "alert.risk",
                                        "receipt.signed"};
    size_t count = 0, allowed = 0, refused = 0;
    const struct lifecycle_row *rows = lifecycle_rows(&count);
    for (size_t k = 0; k < sizeof slugs / sizeof *slugs; k++) {
        const struct plan_kind *kind = kind_of(slugs[k]);
        for (int act = 0; act < PLAN_ACT_COUNT; act++) {
            uint32_t asked = 0, own = lifecycle_kind_facts(kind);
            for (size_t i = 0; i < count; i++)
                if ((int)rows[i].act == act) asked |= rows[i].needs | rows[i].bars;
            asked &=
                ~(uint32_t)(LIFECYCLE_FACT_EXEMPT * 2 - 1); /* the kind's own are as they are */
            for (uint32_t facts = asked;; facts = (facts - 1) & asked) {
                for (int state = 0; state < LIFECYCLE_STATE_COUNT; state++) {
                    for (uint32_t roles = 1; roles < 1u << LIFECYCLE_ROLE_COUNT; roles++) {
                        bool role_may;
                        struct lifecycle_query query = {kind, (enum lifecycle_state)state,
                                                        (enum plan_act)act, roles, facts};
                        struct lifecycle_step step = {LIFECYCLE_STATE_COUNT, 0};
                        struct error error = {0};
                        const struct lifecycle_row *row =
                            row_of(state, act, roles, facts | own, &role_may);
                        int r = lifecycle_next(&query, &step, &error);
                        if (row) {
                            int next = row->next == LIFECYCLE_SAME ? state : row->next;
                            assert_int_equal(r, 0);
                            assert_int_equal(step.next, next);
                            assert_int_equal(step.effects, row->effects);
                            allowed++;
                            continue;
                        }
                        assert_true(r < 0 && error.code == r);
                        assert_int_equal(step.next, LIFECYCLE_STATE_COUNT); /* untouched */
                        assert_int_equal(r == E_LIFECYCLE_ROLE, !role_may);
                        assert_true(error_detail(&error, LANG_ZH)[0] & 0x80);
                        refused++;
                    }
                }
                if (facts == 0) break;
            }
        }
    }
    assert_true(allowed > 10000 && refused > 10000);
}

/* The table is read as it is meant, too: what stands in words about it, case by case. */
static void lifecycle_keeps_its_promises(void **unused)
{
    (void)unused;
    enum {
        LEG = 1 << LIFECYCLE_ROLE_LEG,
        ORIGINATOR = 1 << LIFECYCLE_ROLE_ORIGINATOR,
        OFFICE = 1 << LIFECYCLE_ROLE_OFFICE,
        COPY = 1 << LIFECYCLE_ROLE_COPY,
        BUS = 1 << LIFECYCLE_ROLE_BUS
    };
    static const struct {
        const char *kind;
        enum lifecycle_state state;
        enum plan_act act;
        uint32_t roles, facts;
        int code;
        enum lifecycle_state next;
    } cases[] = {
        /* Only the leg's unit closes it. */
        {"lead.street-minor", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE, COPY, 0, E_LIFECYCLE_ROLE, 0},
        {"lead.street-minor", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE, OFFICE, 0, E_LIFECYCLE_ROLE, 0},
        {"lead.street-minor", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE, BUS, 0, E_LIFECYCLE_ROLE, 0},
        {"lead.street-minor", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE, ORIGINATOR, 0, E_LIFECYCLE_ROLE,
         0},
        {"lead.street-minor", LIFECYCLE_ACCEPTED, PLAN_ACT_CLOSE, LEG | OFFICE, 0, 0,
         LIFECYCLE_CLOSED},
        /* A misdirected immediate lead is passed on, never back; a last resort is neither. */
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RETURN, LEG, 0, E_RETURN_NOT_ALLOWED, 0},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_TRANSFER, LEG, 0, E_RELEASE_NEEDED, 0},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_TRANSFER, LEG, LIFECYCLE_FACT_FREE, 0,
         LIFECYCLE_TRANSFERRED},
        {"handoff.victim", LIFECYCLE_SIGNED, PLAN_ACT_TRANSFER, LEG, LIFECYCLE_FACT_FREE,
         E_RETURN_NOT_ALLOWED, 0},
        {"lead.street-minor", LIFECYCLE_DELIVERED, PLAN_ACT_TRANSFER, LEG, LIFECYCLE_FACT_FREE,
         E_LIFECYCLE_ORDER, 0},
        /* The originator answers, the office when it has waited. */
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RELEASE, ORIGINATOR, LIFECYCLE_FACT_ASKED,
         0, LIFECYCLE_SIGNED},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RELEASE, OFFICE, LIFECYCLE_FACT_ASKED,
         E_NOT_YET, 0},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RELEASE, OFFICE,
         LIFECYCLE_FACT_ASKED | LIFECYCLE_FACT_WAITED, 0, LIFECYCLE_SIGNED},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RELEASE, LEG, LIFECYCLE_FACT_ASKED,
         E_LIFECYCLE_ROLE, 0},
        {"lead.street-minor", LIFECYCLE_SIGNED, PLAN_ACT_RELEASE, ORIGINATOR, 0, E_LIFECYCLE_ORDER,
         0},
        /* A case of child trafficking: only solved, or merged with another that it binds too. */
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE, LEG, LIFECYCLE_FACT_BOUND,
         E_OUTCOME_NOT_ALLOWED, 0},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE, LEG,
         LIFECYCLE_FACT_BOUND | LIFECYCLE_FACT_SOLVES, 0, LIFECYCLE_CLOSED},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE, LEG,
         LIFECYCLE_FACT_BOUND | LIFECYCLE_FACT_MERGES | LIFECYCLE_FACT_JOINABLE, 0,
         LIFECYCLE_MERGED},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_TRANSFER, LEG,
         LIFECYCLE_FACT_BOUND | LIFECYCLE_FACT_FREE, E_OUTCOME_NOT_ALLOWED, 0},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE, LEG, LIFECYCLE_FACT_MERGES,
         E_OTHER_THREAD, 0},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_CLOSE, LEG, LIFECYCLE_FACT_LEAVES,
         E_OUTCOME_NOT_ALLOWED, 0},
        {"lead.street-minor", LIFECYCLE_GONE_OUT, PLAN_ACT_CLOSE, LEG, LIFECYCLE_FACT_LEAVES, 0,
         LIFECYCLE_CLOSED},
        /* A withdrawal is a note where nothing may be held up, and where it was accepted. */
        {"lead.street-minor", LIFECYCLE_DELIVERED, PLAN_ACT_WITHDRAW, ORIGINATOR, 0, 0,
         LIFECYCLE_DELIVERED},
        {"handoff.service-referral", LIFECYCLE_DELIVERED, PLAN_ACT_WITHDRAW, ORIGINATOR, 0, 0,
         LIFECYCLE_WITHDRAWN},
        {"handoff.service-referral", LIFECYCLE_ACCEPTED, PLAN_ACT_WITHDRAW, ORIGINATOR, 0, 0,
         LIFECYCLE_ACCEPTED},
        /* After the end. */
        {"lead.street-minor", LIFECYCLE_CLOSED, PLAN_ACT_OBJECT, ORIGINATOR, 0, E_OBJECTION_LATE,
         0},
        {"lead.street-minor", LIFECYCLE_CLOSED, PLAN_ACT_OBJECT, ORIGINATOR, LIFECYCLE_FACT_IN_TIME,
         0, LIFECYCLE_OBJECTED},
        {"lead.street-minor", LIFECYCLE_CLOSED, PLAN_ACT_OBJECT, COPY, LIFECYCLE_FACT_IN_TIME,
         E_LIFECYCLE_ROLE, 0},
        {"lead.street-minor", LIFECYCLE_UPHELD, PLAN_ACT_OBJECT, ORIGINATOR, LIFECYCLE_FACT_IN_TIME,
         E_LIFECYCLE_ORDER, 0},
        {"lead.street-minor", LIFECYCLE_OBJECTED, PLAN_ACT_REOPEN, OFFICE, 0, 0,
         LIFECYCLE_REOPENED},
        {"lead.street-minor", LIFECYCLE_CLOSED, PLAN_ACT_REOPEN, ORIGINATOR, 0, E_LIFECYCLE_ROLE,
         0},
        {"lead.street-minor", LIFECYCLE_REOPENED, PLAN_ACT_CLOSE, LEG, 0, 0, LIFECYCLE_CLOSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lifecycle_query query = {kind_of(cases[i].kind), cases[i].state, cases[i].act,
                                        cases[i].roles, cases[i].facts};
        struct lifecycle_step step = {LIFECYCLE_SUBMITTED, 0};
        struct error error = {0};
        int r = lifecycle_next(&query, &step, &error);
        if (r != cases[i].code || (r == 0 && step.next != cases[i].next))
            fail_msg("case %zu: %s, %s", i, error_name(r), lifecycle_state_name(step.next));
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

/* What is in the way is said as it is: a fact that is missing in other words than one that holds.
 */
static void lifecycle_says_which_fact_is_in_the_way(void **unused)
{
    (void)unused;
    enum { OFFICE = 1u << LIFECYCLE_ROLE_OFFICE, UNIT = 1u << LIFECYCLE_ROLE_LEG };
    static const struct {
        const char *kind;
        enum lifecycle_state state;
        enum plan_act act;
        uint32_t roles, facts;
        const char *zh, *en;
    } rows[] = {
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_RESUME, OFFICE, 0, "计时没有中止",
         "its clocks are not paused"},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_PAUSE, OFFICE,
         LIFECYCLE_FACT_RUNS | LIFECYCLE_FACT_PAUSED, "：计时已中止", ": its clocks are paused"},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_SUPERVISE, OFFICE, LIFECYCLE_FACT_LIFTS,
         "该线索未挂牌督办", "the thread is not under supervision"},
        {"lead.street-minor", LIFECYCLE_PROGRESS, PLAN_ACT_SUPERVISE, OFFICE, LIFECYCLE_FACT_LISTED,
         "该线索已挂牌督办", "the thread is under supervision already"},
        {"lead.street-minor", LIFECYCLE_CLOSED, PLAN_ACT_URGE, OFFICE, 0,
         "承办单位办理已结束：已办结", "the other unit's part is over: closed"},
        {"alert.missing-child", LIFECYCLE_SIGNED, PLAN_ACT_CONFIRM_DELETION, UNIT, 0,
         "警报尚未解除", "the alert has not been stood down"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct lifecycle_step step;
        struct error error = {0};
        struct plan_kind nameless = *kind_of(rows[i].kind);
        struct lifecycle_query query = {.kind = kind_of(rows[i].kind),
                                        .state = rows[i].state,
                                        .act = rows[i].act,
                                        .roles = rows[i].roles,
                                        .facts = rows[i].facts};
        assert_int_equal(lifecycle_next(&query, &step, &error), E_LIFECYCLE_ORDER);
        if (!strstr(error_detail(&error, LANG_ZH), rows[i].zh))
            fail_msg("%zu: %s", i, error_detail(&error, LANG_ZH));
        if (!strstr(error_detail(&error, LANG_EN), rows[i].en))
            fail_msg("%zu: %s", i, error_detail(&error, LANG_EN));
        nameless.name_zh = NULL; /* as the broker keeps kinds of older plans */
        query.kind = &nameless;
        assert_int_equal(lifecycle_next(&query, &step, &error), E_LIFECYCLE_ORDER);
        assert_null(strstr(error_detail(&error, LANG_ZH), "(null)"));
    }
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
        assert_int_equal(step_of(kind_of(rows[i].kind), rows[i].state, rows[i].act,
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
        cmocka_unit_test(lifecycle_says_which_fact_is_in_the_way),
        cmocka_unit_test(lifecycle_refuses_other_roles),
        cmocka_unit_test(lifecycle_takes_any_number),
        cmocka_unit_test(lifecycle_signing_implies_delivery),
        cmocka_unit_test(lifecycle_rows_decide_once),
        cmocka_unit_test(lifecycle_is_its_table),
        cmocka_unit_test(lifecycle_keeps_its_promises),
        cmocka_unit_test(lifecycle_closes_a_thread_when_all_legs_are_done),
        cmocka_unit_test(lifecycle_knows_when_a_leg_owes_nothing_more),
        cmocka_unit_test(lifecycle_names_every_state_in_both_languages),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
