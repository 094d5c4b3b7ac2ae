/* Threads that outlive things: a thread across five units, units that become one, a plan that
 * changes while leads are on their way, weeks with holidays. Virtual time. */
#include "proto/plan/calendar.h"
#include "tests/mission/scene.h"

#define MINUTE_MS (60ull * 1000)

static const char police[] = "police-hedong", office[] = "joint-conference-office";

static uint64_t due(const struct scene *scene, const struct district_letter *lead, const char *unit,
                    enum plan_clock_index clock)
{
    struct core_leg leg = scene_leg_view(scene, lead, unit);
    return (uint64_t)leg.clocks.due_s[clock] * CLOCKS_SECOND_MS;
}

static struct district_letter *passed_on(struct scene *scene, const char *from, const char *target,
                                         const struct district_letter *lead)
{
    struct district_draft draft = {.kind = "receipt.transferred",
                                   .topic = "agreed",
                                   .from = from,
                                   .target = target,
                                   .parent = lead};
    return scene_send_draft(scene, &draft);
}

/* A referral comes back, goes to the right unit, which passes it on; the office puts it on the
 * list, it is closed, objected to, taken up again and closed for good. */
static void a_thread_goes_over_five_units(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead =
        scene_send(scene, "lead.exploitation", "begging", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    scene->district->now_ms += 5 * MINUTE_MS;
    (void)passed_on(scene, police, "women-children-office", lead);
    assert_int_equal(due(scene, lead, police, PLAN_CLOCK_ACCEPT), 0); /* it owes nothing more */
    struct core_leg legs[8];
    bool known;
    assert_int_equal(core_thread_legs(scene->core, lead->thread, legs, 8, &known), 2);
    /* The new unit has the whole of its terms. */
    assert_int_equal((uint64_t)legs[1].clocks.due_s[PLAN_CLOCK_SIGN] * CLOCKS_SECOND_MS,
                     scene->district->now_ms + 10 * MINUTE_MS);
    scene->district->now_ms += 11 * MINUTE_MS;
    assert_true(scene_tick(scene) > 0);
    (void)scene_send(scene, "receipt.signed", "", "women-children-office", lead);
    (void)scene_send(scene, "receipt.accepted", "", "women-children-office", lead);
    struct district_letter *listed = scene_send(scene, "supervision.listing", "case", police, lead);
    assert_true(core_thread_listed(scene->core, lead->thread));
    struct district_letter *closed =
        scene_send(scene, "receipt.closed", "unfounded", "women-children-office", lead);
    struct district_letter *objected =
        scene_send(scene, "receipt.objected", "", "education", closed);
    (void)scene_send(scene, "supervision.reopening", "", office, objected);
    assert_int_equal(core_thread_legs(scene->core, lead->thread, legs, 8, &known), 3);
    assert_int_equal(legs[1].state, LIFECYCLE_REOPENED);
    assert_true(legs[1].clocks.due_s[PLAN_CLOCK_CLOSE] > 0);
    assert_true(legs[1].clocks.missed & 1u << PLAN_CLOCK_SIGN); /* that it was late stays */
    (void)scene_send(scene, "receipt.closed", "settled", "women-children-office", lead);
    (void)scene_send(scene, "supervision.listing", "lift-case", office, listed);
    assert_false(core_thread_listed(scene->core, lead->thread));
}

/* What goes back is sent to another, on the same thread. */
static void what_is_returned_goes_to_another(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "health", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", lead);
    (void)scene_send(scene, "receipt.accepted", "", "civil-affairs", lead);
    /* An immediate lead is passed on, never sent back. */
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    expect_refused(scene, "receipt.returned", "not-competent", police, lead, E_RETURN_NOT_ALLOWED);
    struct district_letter *first =
        scene_send(scene, "handoff.service-referral", "schooling", "civil-affairs", lead);
    (void)scene_send(scene, "receipt.signed", "", "education", first);
    (void)scene_send(scene, "receipt.returned", "not-competent", "education", first);
    struct core_leg leg = scene_leg_view(scene, first, "education");
    assert_int_equal(leg.clocks.ended_by, PLAN_ACT_RETURN);
    struct district_letter *second =
        scene_send(scene, "handoff.service-referral", "employment", "civil-affairs", lead);
    assert_memory_equal(second->thread, lead->thread, 16);
    (void)scene_send(scene, "receipt.signed", "", "hrss", second);
    (void)scene_send(scene, "receipt.accepted", "", "hrss", second);
    (void)scene_send(scene, "receipt.closed", "done", "hrss", second);
    assert_int_equal(scene_leg(scene, first, "education"), LIFECYCLE_RETURNED);
    assert_int_equal(scene_leg(scene, lead, "civil-affairs"), LIFECYCLE_ACCEPTED);
}

/* Two units become one while a lead is with the first: the second goes on with its leg. */
static void units_that_become_one_go_on_with_their_legs(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead =
        scene_send(scene, "handoff.service-referral", "employment", police, NULL);
    (void)scene_send(scene, "receipt.signed", "", "hrss", lead);
    uint64_t accept_ms = due(scene, lead, "hrss", PLAN_CLOCK_ACCEPT);
    assert_true(accept_ms > scene->district->now_ms);
    expect_refused(scene, "receipt.accepted", "", "health", lead, E_THREAD_UNKNOWN);
    district_edit(scene->district, 2, "units.tsv",
                  "天津市河东区人力资源和社会保障局\tbureau\t-\t-\t-\t-\n",
                  "天津市河东区人力资源和社会保障局\tbureau\t-\t-\thealth\t-\n");
    scene_install(scene, 2);
    assert_int_equal(due(scene, lead, "hrss", PLAN_CLOCK_ACCEPT), accept_ms);
    /* It is late: the unit that is there now is urged, not the one that was. */
    scene->district->now_ms = accept_ms;
    struct core_entry entry;
    uint8_t running[32];
    uint64_t position;
    core_acknowledged(scene->core, "health", ENVELOPE_LANE_NORMAL, &position, running);
    assert_false(core_entry_after(scene->core, "health", ENVELOPE_LANE_NORMAL, position, &entry));
    assert_true(scene_tick(scene) > 0);
    assert_true(core_entry_after(scene->core, "health", ENVELOPE_LANE_NORMAL, position, &entry));
    assert_int_equal(entry.type, CORE_ENTRY_NOTICE);
    (void)scene_send(scene, "receipt.accepted", "", "health", lead);
    struct district_letter *progress = scene_send(scene, "receipt.progress", "", "health", lead);
    assert_int_equal(scene_waits(scene, progress, police), ENVELOPE_LANE_NORMAL);
    (void)scene_send(scene, "receipt.closed", "done", "health", lead);
    assert_int_equal(scene_leg(scene, lead, "hrss"), LIFECYCLE_CLOSED);
}

/* What was given a moment keeps it; what begins later goes by the plan of then. */
static void another_plan_moves_no_moment_that_was_given(void **state)
{
    struct scene *scene = *state;
    struct district_letter *before = scene_send(scene, "lead.street-minor", "", "education", NULL);
    uint64_t sign_ms = due(scene, before, police, PLAN_CLOCK_SIGN);
    district_edit(scene->district, 2, "clocks.tsv", "1\t-\tsign\tsubmitted\t10\tminutes",
                  "1\t-\tsign\tsubmitted\t30\tminutes");
    district_edit(scene->district, 2, "clocks.tsv", "1\t-\tclose\taccepted\t60\tdays",
                  "1\t-\tclose\taccepted\t10\tdays");
    scene_install(scene, 2);
    struct district_letter *after = scene_send(scene, "lead.street-minor", "", "health", NULL);
    assert_int_equal(due(scene, before, police, PLAN_CLOCK_SIGN), sign_ms);
    assert_int_equal(due(scene, after, police, PLAN_CLOCK_SIGN),
                     scene->district->now_ms + 30 * MINUTE_MS);
    (void)scene_send(scene, "receipt.signed", "", police, before);
    (void)scene_send(scene, "receipt.accepted", "", police, before);
    assert_int_equal(due(scene, before, police, PLAN_CLOCK_CLOSE),
                     calendar_deadline(plan_calendar(scene->plan), scene->district->now_ms, 10,
                                       CALENDAR_DAYS, NULL));
    /* What was sealed by the plan before, and comes within its grace, runs by that one. */
    struct district_draft late = {
        .kind = "lead.street-minor", .area = SCENE_AREA, .from = "hrss", .bundle = 1};
    struct district_letter *sealed = scene_send_draft(scene, &late);
    assert_int_equal(due(scene, sealed, police, PLAN_CLOCK_SIGN),
                     scene->district->now_ms + 10 * MINUTE_MS);
}

/* A lead whose term to close is ten days, from then on. */
static struct district_letter *accepted(struct scene *scene)
{
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, "receipt.accepted", "", police, lead);
    return lead;
}

static void close_in_ten_days(struct scene *scene)
{
    district_edit(scene->district, 2, "clocks.tsv", "1\t-\tclose\taccepted\t60\tdays",
                  "1\t-\tclose\taccepted\t10\tdays");
    scene_install(scene, 2);
}

static void a_term_is_extended_up_to_its_last_millisecond(void **state)
{
    struct scene *scene = *state;
    close_in_ten_days(scene);
    struct district_letter *one = accepted(scene), *other = accepted(scene);
    uint64_t due_ms = due(scene, one, police, PLAN_CLOCK_CLOSE);
    assert_int_equal(due(scene, other, police, PLAN_CLOCK_CLOSE), due_ms);
    scene->district->now_ms = due_ms - 1;
    (void)scene_tick(scene); /* what else was due */
    (void)scene_send(scene, "receipt.extended", "", police, one);
    assert_true(due(scene, one, police, PLAN_CLOCK_CLOSE) > due_ms);
    scene->district->now_ms = due_ms;
    expect_refused(scene, "receipt.extended", "", police, other, E_DEADLINE_OVER);
    assert_true(scene_tick(scene) > 0);
    assert_int_equal(scene_leg_view(scene, one, police).clocks.missed >> PLAN_CLOCK_CLOSE & 1, 0);
    assert_int_equal(scene_leg_view(scene, other, police).clocks.missed >> PLAN_CLOCK_CLOSE & 1, 1);
    expect_refused(scene, "receipt.extended", "", office, other, E_DEADLINE_OVER);
}

/* Paused under one plan and let run again under another: what was left is left, to the second, and
 * the term may be extended meanwhile, also when its moment would have passed. */
static void a_pause_outlives_a_plan(void **state)
{
    struct scene *scene = *state;
    close_in_ten_days(scene);
    struct district_letter *lead = accepted(scene), *beside = accepted(scene);
    uint64_t due_ms = due(scene, lead, police, PLAN_CLOCK_CLOSE);
    uint64_t paused_ms = due_ms - 1;
    scene->district->now_ms = paused_ms;
    (void)scene_tick(scene);
    (void)scene_send(scene, "supervision.pausing", "", office, lead);
    (void)scene_send(scene, "supervision.pausing", "", office, beside);
    district_edit(scene->district, 3, "clocks.tsv", "1\t-\tclose\taccepted\t10\tdays",
                  "1\t-\tclose\taccepted\t3\tdays");
    scene_install(scene, 3);
    scene->district->now_ms += 20 * DISTRICT_DAY_MS;
    (void)scene_tick(scene);
    assert_int_equal(scene_leg_view(scene, lead, police).clocks.missed >> PLAN_CLOCK_CLOSE & 1, 0);
    assert_int_equal(due(scene, lead, police, PLAN_CLOCK_CLOSE), due_ms);
    expect_refused(scene, "supervision.pausing", "", office, lead, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "receipt.extended", "", office, beside);
    (void)scene_send(scene, "supervision.resuming", "", office, lead);
    (void)scene_send(scene, "supervision.resuming", "", office, beside);
    uint64_t left_ms = due(scene, lead, police, PLAN_CLOCK_CLOSE) - scene->district->now_ms;
    assert_true(left_ms >= 1 && left_ms <= 2000); /* whole seconds, in its favour */
    assert_true(due(scene, beside, police, PLAN_CLOCK_CLOSE) >
                scene->district->now_ms + DISTRICT_DAY_MS);
    scene->district->now_ms += left_ms;
    assert_true(scene_tick(scene) > 0);
    assert_int_equal(scene_leg_view(scene, lead, police).clocks.missed >> PLAN_CLOCK_CLOSE & 1, 1);
    assert_int_equal(scene_leg_view(scene, beside, police).clocks.missed >> PLAN_CLOCK_CLOSE & 1,
                     0);
}

/* A clock that is set back is clamped: nothing is taken back, and nothing is due twice. */
static void a_clock_set_back_makes_nothing_due(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    uint64_t deliver_ms = due(scene, lead, police, PLAN_CLOCK_DELIVER);
    scene->district->now_ms = deliver_ms;
    size_t ticks = scene_tick(scene);
    assert_true(ticks > 0);
    uint64_t size = core_size(scene->core);
    scene->district->now_ms -= 30 * DISTRICT_DAY_MS;
    assert_int_equal(scene_tick(scene), 0);
    assert_int_equal(core_size(scene->core), size);
    assert_int_equal(core_time_ms(scene->core), deliver_ms);
    scene->district->now_ms = deliver_ms + 1;
    assert_int_equal(scene_tick(scene), 0);
}

/* Sealed as the scene's letters are, and kept by nobody. */
static void send_draft(struct scene *scene, const struct district_draft *draft)
{
    int code = 0;
    struct core_verdict verdict;
    struct error error;
    struct buf record = {0};
    struct district_letter *letter = district_seal(scene->district, draft, &code);
    assert_non_null(letter);
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = scene->district->now_ms};
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, scene->district->units[letter->from].identity, 32);
    assert_int_equal(core_admit(scene->core, &request, &record, &verdict), 0);
    assert_int_equal(
        core_apply(scene->core, core_size(scene->core), buf_bytes(&record), NULL, NULL, &error), 0);
    buf_fini(&record);
    district_letter_free(letter);
}

static void send_one(struct scene *scene)
{
    struct district_draft draft = {
        .kind = "lead.exploitation", .topic = "begging", .area = SCENE_AREA, .from = "education"};
    send_draft(scene, &draft);
}

/* After an outage more may be due at once than one record holds. */
static void terms_that_run_out_together_are_told_in_as_many_records_as_they_need(void **state)
{
    enum { LEAD_COUNT = 2500 };
    struct scene *scene = *state;
    size_t missed = 0, records = 0;
    uint64_t last_index = 0;
    for (int i = 0; i < LEAD_COUNT; i++) send_one(scene);
    scene->district->now_ms = core_next_deadline_ms(scene->core);
    struct core_request request = {.type = CORE_TICK, .now_ms = scene->district->now_ms};
    for (;;) {
        struct core_verdict verdict;
        struct error error;
        struct arena arena;
        const Leadbus__Record *decoded;
        struct buf record = {0};
        int r = core_admit(scene->core, &request, &record, &verdict);
        if (r != 0) {
            assert_int_equal(r, E_NOT_FOUND);
            break;
        }
        assert_true(record.len <= LIMIT_RECORD_BYTES_MAX);
        arena_init(&arena, (size_t)LIMIT_RECORD_BYTES_MAX * 8);
        assert_int_equal(record_decode(buf_bytes(&record), &arena, &decoded, &error), 0);
        for (size_t i = 0; i < decoded->tick->n_missed; i++) {
            assert_true(decoded->tick->missed[i]->index > last_index);
            last_index = decoded->tick->missed[i]->index;
        }
        /* All but the last are as full as can be. */
        missed += decoded->tick->n_missed;
        if (missed < LEAD_COUNT) assert_true(record.len > LIMIT_RECORD_BYTES_MAX - 64);
        records++;
        arena_fini(&arena);
        assert_int_equal(
            core_apply(scene->core, core_size(scene->core), buf_bytes(&record), NULL, NULL, &error),
            0);
        buf_fini(&record);
    }
    assert_int_equal(missed, LEAD_COUNT);
    assert_int_equal(records, 2);
    assert_true(core_next_deadline_ms(scene->core) > scene->district->now_ms);
}

/* Ten thousand acts on one thread, urges among them, each of which makes a leg. */
static void a_thread_of_ten_thousand_acts_goes_on(void **state)
{
    enum { ACT_COUNT = 10000, URGE_EVERY = 10, SEEN = 4 };
    struct scene *scene = *state;
    struct district_letter *lead = accepted(scene);
    for (int i = 0; i < ACT_COUNT; i++) {
        bool urges = i % URGE_EVERY == 0;
        struct district_draft draft = {.kind = urges ? "supervision.urge" : "receipt.progress",
                                       .area = SCENE_AREA,
                                       .from = urges ? "education" : police,
                                       .parent = lead,
                                       .thread_index = core_size(scene->core)};
        send_draft(scene, &draft);
    }
    bool known;
    struct core_leg legs[SEEN];
    assert_true(core_thread_legs(scene->core, lead->thread, legs, SEEN, &known) > ACT_COUNT / 10);
    (void)scene_send(scene, "receipt.closed", "unfounded", police, lead);
    assert_true(core_thread_legs(scene->core, lead->thread, legs, SEEN, &known) > 4);
    assert_string_equal(legs[0].unit, "civil-affairs");
    assert_string_equal(legs[1].unit, police);
    assert_int_equal(legs[1].state, LIFECYCLE_CLOSED);
    assert_int_equal(legs[0].state, LIFECYCLE_SUBMITTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(a_thread_goes_over_five_units),
        scene_test(what_is_returned_goes_to_another),
        scene_test(a_term_is_extended_up_to_its_last_millisecond),
        scene_test(a_pause_outlives_a_plan),
        scene_test(a_thread_of_ten_thousand_acts_goes_on),
        scene_test(units_that_become_one_go_on_with_their_legs),
        scene_test(another_plan_moves_no_moment_that_was_given),
        scene_test(a_clock_set_back_makes_nothing_due),
        scene_test(terms_that_run_out_together_are_told_in_as_many_records_as_they_need),
    };
    return cmocka_run_group_tests_name("unit.long_threads", tests, NULL, NULL);
}
