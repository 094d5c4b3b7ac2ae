/* Clocks: pure, on the plan's table and the calendar of 2026; and in the core, where what falls due
 * becomes a record that its unit and the office are told of. */
#include <stdio.h>

#include "proto/plan/calendar.h"
#include "proto/plan/day.h"
#include "tests/mission/scene.h"

#define MINUTE_MS (60ull * 1000)
#define HOUR_MS   (60 * MINUTE_MS)

/* ---- pure ---------------------------------------------------------------------------------------
 */

/* "2026-02-13 16:30" in China Standard Time. */
static uint64_t at(const char *text)
{
    char day[DAY_TEXT_LEN] = {0};
    uint64_t ms;
    unsigned hour, minute;
    memcpy(day, text, 10);
    assert_true(day_parse(day, &ms));
    assert_int_equal(sscanf(text + 11, "%2u:%2u", &hour, &minute), 2);
    return ms + ((uint64_t)hour * 60 + minute) * MINUTE_MS;
}

static struct clocks_terms terms_of(const struct scene *scene, const char *kind)
{
    const struct plan_kind *row = scene_kind(scene, kind);
    return (struct clocks_terms){.plan = scene->plan, .kind = row, .expect = row, .topic = ""};
}

static uint64_t due(const struct clocks *clocks, enum plan_clock_index clock)
{
    return (uint64_t)clocks->due_s[clock] * CLOCKS_SECOND_MS;
}

static void step(struct clocks *clocks, const struct clocks_terms *terms, enum plan_act act,
                 enum lifecycle_state next, uint32_t effects, const char *when)
{
    const struct lifecycle_step taken = {next, effects};
    clocks_step(clocks, terms, &taken, act, true, at(when));
}

/* Signed for within a working day, which the holiday moves. */
static void a_holiday_moves_what_is_counted_in_working_days(void **state)
{
    struct clocks_terms terms = terms_of(*state, "handoff.service-referral");
    struct clocks clocks;
    clocks_begin(&clocks, &terms, at("2026-02-13 16:00"));
    /* The Saturday is worked in exchange; from Sunday on it is Spring Festival. */
    assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN), at("2026-02-14 17:30"));
    clocks_begin(&clocks, &terms, at("2026-02-14 09:00"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN), at("2026-02-24 17:30"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_ACCEPT), at("2026-02-26 17:30"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_CLOSE), 0); /* counts from being accepted */
    /* Minutes run day and night. */
    struct clocks_terms urgent = terms_of(*state, "lead.street-minor");
    clocks_begin(&clocks, &urgent, at("2026-02-17 03:00"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN), at("2026-02-17 03:10"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_PROGRESS), 0);
}

static void each_step_stops_and_starts_its_clocks(void **state)
{
    struct clocks_terms terms = terms_of(*state, "lead.suspected-trafficking");
    struct clocks clocks;
    enum plan_clock_index first;
    uint64_t first_ms;
    clocks_begin(&clocks, &terms, at("2026-03-02 09:00"));
    assert_true(clocks_next(&clocks, &first, &first_ms));
    assert_int_equal(first, PLAN_CLOCK_DELIVER);
    assert_int_equal(first_ms, at("2026-03-02 09:01"));
    step(&clocks, &terms, PLAN_ACT_SIGN, LIFECYCLE_SIGNED, 0, "2026-03-02 09:05");
    assert_int_equal(clocks.missed, 1u << PLAN_CLOCK_DELIVER); /* late, though nobody said so */
    assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN), 0);
    assert_int_equal(due(&clocks, PLAN_CLOCK_ACCEPT), at("2026-03-02 10:00"));
    step(&clocks, &terms, PLAN_ACT_ACCEPT, LIFECYCLE_ACCEPTED, 0, "2026-03-02 10:00");
    assert_true(clocks.missed & 1u << PLAN_CLOCK_ACCEPT); /* in time is before, not at */
    assert_int_equal(due(&clocks, PLAN_CLOCK_PROGRESS), at("2026-03-05 24:00"));
    step(&clocks, &terms, PLAN_ACT_PROGRESS, LIFECYCLE_PROGRESS, 0, "2026-03-03 09:00");
    uint32_t word_s = clocks.at_s[PLAN_CLOCK_PROGRESS];
    step(&clocks, &terms, PLAN_ACT_PROGRESS, LIFECYCLE_PROGRESS, 0, "2026-03-09 09:00");
    assert_int_equal(clocks.at_s[PLAN_CLOCK_PROGRESS], word_s); /* the first word counts */
    step(&clocks, &terms, PLAN_ACT_CLOSE, LIFECYCLE_CLOSED, LIFECYCLE_EFFECT_ENDS,
         "2026-03-10 09:00");
    assert_int_equal(clocks.ended_by, PLAN_ACT_CLOSE);
    assert_false(clocks_next(&clocks, &first, &first_ms));
    /* Taken up again, it is to be closed anew. */
    step(&clocks, &terms, PLAN_ACT_REOPEN, LIFECYCLE_REOPENED, LIFECYCLE_EFFECT_RESUMES,
         "2026-03-11 09:00");
    assert_int_equal(clocks.ended_s, 0);
    assert_true(due(&clocks, PLAN_CLOCK_CLOSE) > at("2026-05-09 09:00"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN), 0);
}

static void what_is_left_of_a_paused_clock_stays_left(void **state)
{
    struct clocks_terms terms = terms_of(*state, "lead.suspected-trafficking");
    struct clocks clocks;
    enum plan_clock_index first;
    uint64_t first_ms;
    clocks_begin(&clocks, &terms, at("2026-03-02 09:00"));
    step(&clocks, &terms, PLAN_ACT_SIGN, LIFECYCLE_SIGNED, 0, "2026-03-02 09:00");
    step(&clocks, &terms, PLAN_ACT_ACCEPT, LIFECYCLE_ACCEPTED, 0, "2026-03-02 09:30");
    uint64_t close_ms = due(&clocks, PLAN_CLOCK_CLOSE);
    step(&clocks, &terms, PLAN_ACT_PAUSE, LIFECYCLE_ACCEPTED, LIFECYCLE_EFFECT_PAUSES,
         "2026-03-03 09:00");
    assert_false(clocks_next(&clocks, &first, &first_ms));
    assert_false(clocks_run(&clocks, PLAN_CLOCK_CLOSE, close_ms));
    assert_true(clocks_facts(&clocks, &terms, at("2026-03-03 09:00")) & LIFECYCLE_FACT_PAUSED);
    step(&clocks, &terms, PLAN_ACT_RESUME, LIFECYCLE_ACCEPTED, LIFECYCLE_EFFECT_CONTINUES,
         "2026-03-13 09:00");
    assert_int_equal(due(&clocks, PLAN_CLOCK_CLOSE), close_ms + 10 * 24 * HOUR_MS);
    assert_true(clocks_run(&clocks, PLAN_CLOCK_CLOSE, close_ms + 10 * 24 * HOUR_MS));
    assert_int_equal(clocks.missed, 0);
}

/* What a kind does not expect is not waited for, and what would follow it follows what is. */
static void clocks_run_for_what_the_kind_expects(void **state)
{
    struct scene *scene = *state;
    for (size_t k = 0; k < plan_kind_count(scene->plan); k++) {
        const struct plan_kind *kind = plan_kind(scene->plan, k);
        struct clocks_terms terms = {
            .plan = scene->plan, .kind = kind, .expect = kind, .topic = ""};
        struct clocks clocks;
        if (!plan_kind_makes_legs(kind)) continue;
        clocks_begin(&clocks, &terms, at("2026-03-02 09:00"));
        assert_true(due(&clocks, PLAN_CLOCK_DELIVER) > 0);
        assert_int_equal(due(&clocks, PLAN_CLOCK_SIGN) > 0, plan_kind_expects(kind, PLAN_ACT_SIGN));
        enum lifecycle_state state_now = LIFECYCLE_SUBMITTED;
        if (plan_kind_expects(kind, PLAN_ACT_SIGN))
            step(&clocks, &terms, PLAN_ACT_SIGN, state_now = LIFECYCLE_SIGNED, 0,
                 "2026-03-02 09:00");
        if (plan_kind_expects(kind, PLAN_ACT_ACCEPT))
            step(&clocks, &terms, PLAN_ACT_ACCEPT, state_now = LIFECYCLE_ACCEPTED, 0,
                 "2026-03-02 09:00");
        if (plan_kind_expects(kind, PLAN_ACT_PROGRESS))
            step(&clocks, &terms, PLAN_ACT_PROGRESS, state_now = LIFECYCLE_PROGRESS, 0,
                 "2026-03-02 09:00");
        bool closes = plan_kind_expects(kind, PLAN_ACT_CLOSE);
        if ((due(&clocks, PLAN_CLOCK_CLOSE) > 0) != closes) fail_msg("%s: closing", kind->slug);
        if (state_now != LIFECYCLE_SUBMITTED && !closes && clocks.ended_s == 0)
            fail_msg("%s never ends", kind->slug);
    }
}

/* ---- in the core --------------------------------------------------------------------------------
 */

static size_t notices_of(const struct scene *scene, const char *unit)
{
    size_t count = 0;
    struct core_entry entry;
    uint8_t running[32];
    uint64_t position;
    core_acknowledged(scene->core, unit, ENVELOPE_LANE_NORMAL, &position, running);
    while (core_entry_after(scene->core, unit, ENVELOPE_LANE_NORMAL, position, &entry)) {
        position = entry.position;
        if (entry.type == CORE_ENTRY_NOTICE) count++;
    }
    return count;
}

static void wait_until(struct scene *scene, uint64_t due_ms, size_t ticks)
{
    uint64_t now_ms = scene->district->now_ms;
    assert_true(due_ms > now_ms);
    scene->district->now_ms = due_ms - 1;
    assert_int_equal(scene_tick(scene), 0);
    scene->district->now_ms = due_ms;
    assert_int_equal(scene_tick(scene), ticks);
}

static const char office[] = "joint-conference-office", police[] = "police-hedong";

/* When the police have to close it. */
static uint64_t term_of(const struct scene *scene, const struct district_letter *lead)
{
    struct core_leg leg = scene_leg_view(scene, lead, police);
    return due(&leg.clocks, PLAN_CLOCK_CLOSE);
}

static void whoever_is_late_is_urged_and_the_office_knows(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead =
        scene_send(scene, "lead.suspected-trafficking", "", "education", NULL);
    struct core_leg leg = scene_leg_view(scene, lead, police);
    uint64_t sent_ms = scene->district->now_ms;
    assert_int_equal(due(&leg.clocks, PLAN_CLOCK_DELIVER), sent_ms + MINUTE_MS);
    assert_string_equal(leg.clause, "2.1.1");
    assert_int_equal(core_next_deadline_ms(scene->core), sent_ms + MINUTE_MS);
    wait_until(scene, sent_ms + MINUTE_MS, 1);
    assert_int_equal(notices_of(scene, police), 1);
    assert_int_equal(notices_of(scene, office), 1);
    assert_int_equal(notices_of(scene, "education"), 0);
    wait_until(scene, sent_ms + 10 * MINUTE_MS, 1);
    leg = scene_leg_view(scene, lead, police);
    assert_int_equal(leg.clocks.missed, 1u << PLAN_CLOCK_DELIVER | 1u << PLAN_CLOCK_SIGN);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, "receipt.accepted", "", police, lead);
    leg = scene_leg_view(scene, lead, police);
    assert_int_equal(leg.clocks.missed, 1u << PLAN_CLOCK_DELIVER | 1u << PLAN_CLOCK_SIGN);
    assert_int_equal(due(&leg.clocks, PLAN_CLOCK_ACCEPT), 0);
    assert_true(due(&leg.clocks, PLAN_CLOCK_CLOSE) > 0);
    assert_int_equal(notices_of(scene, office), 2);
}

/* No record names two units: nobody learns who else is late. */
static void one_record_names_one_unit(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    struct core_leg leg = scene_leg_view(scene, lead, police);
    assert_true(scene_leg_count(scene, lead) >= 2);
    size_t units = scene_leg_count(scene, lead);
    wait_until(scene, due(&leg.clocks, PLAN_CLOCK_DELIVER), units);
    assert_int_equal(notices_of(scene, police), 1);
    assert_int_equal(notices_of(scene, "civil-affairs"), 1);
    assert_int_equal(notices_of(scene, office), units);
    /* A thousand of one unit are one record. */
    for (int i = 0; i < 20; i++) (void)scene_send(scene, "lead.public-tip", "", "health", NULL);
    scene->district->now_ms += 11 * MINUTE_MS;
    size_t before = notices_of(scene, office);
    (void)scene_tick(scene);
    assert_true(notices_of(scene, office) - before <= units + 2);
}

static void nothing_is_due_of_what_was_done(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "education", NULL);
    scene_acknowledge(scene, police, ENVELOPE_LANE_NORMAL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, "receipt.accepted", "", police, lead);
    (void)scene_send(scene, "receipt.closed", "unfounded", police, lead);
    scene->district->now_ms += 50 * DISTRICT_DAY_MS;
    /* The sender has not signed for what it was answered; that is its own leg. */
    struct core_leg leg = scene_leg_view(scene, lead, police);
    assert_int_equal(leg.clocks.missed, 0);
    (void)scene_tick(scene);
    leg = scene_leg_view(scene, lead, police);
    assert_int_equal(leg.clocks.missed, 0);
    assert_int_equal(core_next_deadline_ms(scene->core), UINT64_MAX);
}

static struct district_letter *taken(struct scene *scene)
{
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, "receipt.accepted", "", police, lead);
    return lead;
}

static void a_unit_extends_its_term_once_and_the_office_more_often(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = taken(scene);
    uint64_t first_ms = term_of(scene, lead);
    expect_refused(scene, "receipt.extended", "", "education", lead, E_LIFECYCLE_ROLE);
    (void)scene_send(scene, "receipt.extended", "", police, lead);
    struct core_leg leg = scene_leg_view(scene, lead, police);
    assert_int_equal(
        due(&leg.clocks, PLAN_CLOCK_CLOSE),
        calendar_deadline(plan_calendar(scene->plan), first_ms, 30, CALENDAR_DAYS, NULL));
    expect_refused(scene, "receipt.extended", "", police, lead, E_EXTENSION_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.extended", "", office, lead);
    assert_true(term_of(scene, lead) > due(&leg.clocks, PLAN_CLOCK_CLOSE));
    /* What is over is not extended. */
    lead = scene_send(scene, "handoff.dna-request", "", "civil-affairs", NULL);
    uint64_t due_ms = term_of(scene, lead);
    scene->district->now_ms = due_ms - 1;
    struct district_draft draft = {.kind = "receipt.extended", .from = police, .parent = lead};
    assert_int_equal(scene_try(scene, &draft), 0);
    scene->district->now_ms = due_ms;
    assert_int_equal(scene_try(scene, &draft), E_DEADLINE_OVER);
    (void)scene_tick(scene);
    assert_int_equal(scene_try(scene, &draft), E_DEADLINE_OVER);
}

static void the_office_stops_the_clocks_and_they_go_on(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = taken(scene);
    uint64_t close_ms = term_of(scene, lead);
    expect_refused(scene, "supervision.pausing", "", police, lead, E_SENDER_NOT_ALLOWED);
    expect_refused(scene, "supervision.resuming", "", police, lead, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "supervision.pausing", "", office, lead);
    expect_refused(scene, "supervision.pausing", "", office, lead, E_LIFECYCLE_ORDER);
    scene->district->now_ms += 40 * DISTRICT_DAY_MS;
    (void)scene_tick(scene);
    assert_int_equal(scene_leg_view(scene, lead, police).clocks.missed, 0);
    (void)scene_send(scene, "supervision.resuming", "", police, lead);
    struct core_leg leg = scene_leg_view(scene, lead, police);
    assert_int_equal(due(&leg.clocks, PLAN_CLOCK_CLOSE), close_ms + 40 * DISTRICT_DAY_MS);
    assert_int_equal(leg.clocks.missed, 0);
}

/* Who is asked for a release and does not answer is urged; then the office may. */
static void an_unanswered_request_for_a_release_is_told(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", lead);
    struct district_draft draft = {.kind = "receipt.release-asked",
                                   .from = "civil-affairs",
                                   .target = "womens-federation",
                                   .parent = lead};
    struct district_letter *asked = scene_send_draft(scene, &draft);
    scene->district->now_ms += HOUR_MS - 1;
    (void)scene_tick(scene);
    size_t before = notices_of(scene, "education"), of_office = notices_of(scene, office);
    scene->district->now_ms += 1;
    (void)scene_tick(scene);
    assert_int_equal(notices_of(scene, "education"), before + 1);
    assert_true(notices_of(scene, office) > of_office);
    (void)scene_send(scene, "receipt.released", "granted", office, asked);
    assert_int_equal(scene_tick(scene), 0);
}

/* Listed by the office or the police, lifted by the office alone, whatever the legs do meanwhile.
 */
static void what_is_supervised_stays_so_until_the_office_lifts_it(void **state)
{
    struct scene *scene = *state;
    const char listing[] = "supervision.listing";
    struct district_letter *lead = taken(scene);
    expect_refused(scene, listing, "lift-case", office, lead, E_LIFECYCLE_ORDER);
    expect_refused(scene, listing, "case", "education", lead, E_SENDER_NOT_ALLOWED);
    assert_false(core_thread_listed(scene->core, lead->thread));
    struct district_letter *listed = scene_send(scene, listing, "case", police, lead);
    assert_true(core_thread_listed(scene->core, lead->thread));
    expect_refused(scene, listing, "case", police, lead, E_LIFECYCLE_ORDER);
    expect_refused(scene, "receipt.extended", "", police, lead, E_LIFECYCLE_ORDER);
    expect_refused(scene, listing, "lift-case", police, lead, E_SENDER_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.closed", "unfounded", police, lead);
    assert_true(core_thread_listed(scene->core, lead->thread));
    (void)scene_send(scene, listing, "lift-case", office, listed);
    assert_false(core_thread_listed(scene->core, lead->thread));
    /* A street is put on the list by a thread of its own. */
    struct district_letter *street = scene_send(scene, listing, "street", office, NULL);
    assert_true(core_thread_listed(scene->core, street->thread));
    assert_int_equal(scene_leg(scene, street, SCENE_STREET), LIFECYCLE_SUBMITTED);
    expect_refused(scene, listing, "lift-street", office, NULL, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, listing, "lift-street", office, street);
    assert_false(core_thread_listed(scene->core, street->thread));
}

static uint64_t due_of(const struct scene *scene, const struct district_letter *letter,
                       const char *unit, enum plan_clock_index clock)
{
    struct core_leg leg = scene_leg_view(scene, letter, unit);
    return due(&leg.clocks, clock);
}

/* What is open on a listed thread is due by the listing's urgency, and never later than it was. */
static void a_listing_raises_the_urgency_of_its_thread(void **state)
{
    struct scene *scene = *state;
    const struct calendar *calendar = plan_calendar(scene->plan);
    static const char listing[] = "supervision.listing", school[] = "education";
    assert_int_equal(plan_kind_urgency(scene_kind(scene, listing), "case"), 2);
    scene->district->now_ms = at("2023-11-15 09:00");
    struct district_letter *slow =
        scene_send(scene, "handoff.service-referral", "schooling", "civil-affairs", NULL);
    uint64_t sign_ms = due_of(scene, slow, school, PLAN_CLOCK_SIGN);
    uint64_t accept_ms = due_of(scene, slow, school, PLAN_CLOCK_ACCEPT);
    scene->district->now_ms = at("2023-11-15 10:00");
    uint64_t now_ms = scene->district->now_ms;
    struct district_letter *listed = scene_send(scene, listing, "case", office, slow);
    assert_int_equal(core_thread_raised(scene->core, slow->thread), 2);
    assert_int_equal(due_of(scene, slow, school, PLAN_CLOCK_SIGN),
                     calendar_deadline(calendar, now_ms, 2, CALENDAR_WORK_HOURS, NULL));
    assert_int_equal(due_of(scene, slow, school, PLAN_CLOCK_ACCEPT), now_ms + 24 * HOUR_MS);
    assert_true(due_of(scene, slow, school, PLAN_CLOCK_SIGN) < sign_ms);
    assert_true(due_of(scene, slow, school, PLAN_CLOCK_ACCEPT) < accept_ms);
    /* What starts meanwhile goes by it too. */
    (void)scene_send(scene, "receipt.signed", "", school, slow);
    (void)scene_send(scene, "receipt.accepted", "", school, slow);
    assert_int_equal(due_of(scene, slow, school, PLAN_CLOCK_PROGRESS),
                     calendar_deadline(calendar, now_ms, 3, CALENDAR_WORK_DAYS, NULL));
    scene->district->now_ms = due_of(scene, slow, school, PLAN_CLOCK_PROGRESS);
    assert_true(scene_tick(scene) > 0);
    assert_true(scene_leg_view(scene, slow, school).clocks.missed >> PLAN_CLOCK_PROGRESS & 1);
    /* Lifted, moments that were given stay; what starts then goes by its own. */
    (void)scene_send(scene, listing, "lift-case", office, listed);
    assert_int_equal(core_thread_raised(scene->core, slow->thread), 0);
    /* What is more pressing is left alone, and so is a clock that has less. */
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", school, NULL);
    struct core_leg before = scene_leg_view(scene, lead, police);
    scene->district->now_ms += MINUTE_MS / 2;
    (void)scene_send(scene, listing, "case", office, lead);
    struct core_leg after = scene_leg_view(scene, lead, police);
    assert_memory_equal(before.clocks.due_s, after.clocks.due_s, sizeof before.clocks.due_s);
}

/* Paused and listed: each has as much left as it has by the two, once they run again. */
static void a_listing_during_a_pause_counts_from_the_listing(void **state)
{
    struct scene *scene = *state;
    struct clocks_terms terms = terms_of(scene, "handoff.service-referral");
    struct clocks clocks;
    clocks_begin(&clocks, &terms, at("2026-03-02 09:00"));
    step(&clocks, &terms, PLAN_ACT_PAUSE, LIFECYCLE_SUBMITTED, LIFECYCLE_EFFECT_PAUSES,
         "2026-03-02 10:00");
    terms.raised = 2;
    clocks_raise(&clocks, &terms, at("2026-03-04 10:00"));
    step(&clocks, &terms, PLAN_ACT_RESUME, LIFECYCLE_SUBMITTED, LIFECYCLE_EFFECT_CONTINUES,
         "2026-03-06 10:00");
    assert_int_equal(due(&clocks, PLAN_CLOCK_ACCEPT), at("2026-03-07 10:00"));
    /* A day that was set is not moved. */
    terms = terms_of(scene, "supervision.inspection");
    terms.set_ms = at("2026-12-31 00:00");
    clocks_begin(&clocks, &terms, at("2026-03-02 09:00"));
    terms.raised = 1;
    clocks_raise(&clocks, &terms, at("2026-03-02 10:00"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_CLOSE), at("2026-12-31 00:00"));
    assert_int_equal(due(&clocks, PLAN_CLOCK_ACCEPT), at("2026-03-02 11:00"));
}

/* The office sits with the police: what it does about them is seen by the procuratorate. */
static void what_the_office_does_about_its_host_is_seen(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = taken(scene);
    struct district_letter *urge = scene_send(scene, "supervision.urge", "", office, lead);
    assert_int_equal(scene_waits(scene, urge, "procuratorate"), ENVELOPE_LANE_NORMAL);
    assert_true(
        strstr(urge->envelope.head->recipients[urge->envelope.head->n_recipients - 1]->citation,
               "duty:own-host") != NULL);
    /* Not what it does about others, nor what others do about the police. */
    struct district_letter *other =
        scene_send(scene, "handoff.service-referral", "employment", "civil-affairs", NULL);
    urge = scene_send(scene, "supervision.urge", "", office, other);
    assert_int_equal(scene_waits(scene, urge, "procuratorate"), -1);
    lead = taken(scene);
    urge = scene_send(scene, "supervision.urge", "", "education", lead);
    assert_int_equal(scene_waits(scene, urge, "procuratorate"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(a_holiday_moves_what_is_counted_in_working_days),
        scene_test(each_step_stops_and_starts_its_clocks),
        scene_test(what_is_left_of_a_paused_clock_stays_left),
        scene_test(clocks_run_for_what_the_kind_expects),
        scene_test(whoever_is_late_is_urged_and_the_office_knows),
        scene_test(one_record_names_one_unit),
        scene_test(nothing_is_due_of_what_was_done),
        scene_test(a_unit_extends_its_term_once_and_the_office_more_often),
        scene_test(the_office_stops_the_clocks_and_they_go_on),
        scene_test(an_unanswered_request_for_a_release_is_told),
        scene_test(what_the_office_does_about_its_host_is_seen),
        scene_test(what_is_supervised_stays_so_until_the_office_lifts_it),
        scene_test(a_listing_raises_the_urgency_of_its_thread),
        scene_test(a_listing_during_a_pause_counts_from_the_listing),
    };
    return cmocka_run_group_tests_name("unit.clocks", tests, NULL, NULL);
}
