/* What the office asks of the members and how it is answered, in the core: a day that is set,
 * reports that are handed in, accepted or sent back, and who is late. */
#include "proto/plan/day.h"
#include "tests/mission/scene.h"

static const char office[] = "joint-conference-office", police[] = "police-hedong";
static const char INSPECTION[] = "supervision.inspection", REPORT[] = "supervision.assessment",
                  REVIEW[] = "supervision.review";

static uint64_t days_on(const struct scene *scene, unsigned days)
{
    return day_start_ms(day_number(scene->district->now_ms) + days + 1);
}

static struct district_letter *ask(struct scene *scene, const char *topic, uint64_t due_ms)
{
    struct district_draft draft = {
        .kind = INSPECTION, .topic = topic, .from = office, .due_ms = due_ms};
    return scene_send_draft(scene, &draft);
}

static struct district_letter *review(struct scene *scene, const struct district_letter *report,
                                      const char *outcome, uint64_t due_ms)
{
    struct district_draft draft = {
        .kind = REVIEW, .topic = outcome, .from = office, .parent = report, .due_ms = due_ms};
    return scene_send_draft(scene, &draft);
}

static uint64_t term(const struct scene *scene, const struct district_letter *asked,
                     const char *unit)
{
    struct core_leg leg = scene_leg_view(scene, asked, unit);
    return (uint64_t)leg.clocks.due_s[PLAN_CLOCK_CLOSE] * CLOCKS_SECOND_MS;
}

static bool missed(const struct scene *scene, const struct district_letter *asked, const char *unit)
{
    return (scene_leg_view(scene, asked, unit).clocks.missed >> PLAN_CLOCK_CLOSE & 1) != 0;
}

/* Each unit answers for itself; nobody else of the thread is told what is said to one. */
static void an_inspection_is_answered_reviewed_and_over(void **state)
{
    struct scene *scene = *state;
    uint64_t due_ms = days_on(scene, 20);
    struct district_letter *asked = ask(scene, "implementation", due_ms);
    assert_int_equal(term(scene, asked, "court"), due_ms);
    assert_int_equal(term(scene, asked, "health"), due_ms);
    expect_refused(scene, REPORT, "", "court", asked, E_LIFECYCLE_ORDER); /* sign first */
    (void)scene_send(scene, "receipt.signed", "", "court", asked);
    (void)scene_send(scene, "receipt.accepted", "", "court", asked);
    (void)scene_send(scene, "receipt.progress", "", "court", asked);
    assert_int_equal(term(scene, asked, "court"), due_ms);
    expect_refused(scene, "receipt.closed", "done", "court", asked, E_LIFECYCLE_ORDER);
    expect_refused(scene, "receipt.extended", "", "court", asked, E_EXTENSION_NOT_ALLOWED);
    struct district_letter *report = scene_send(scene, REPORT, "", "court", asked);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_CLOSED);
    /* Once: the one that is reviewed would not be the one that counts. */
    expect_refused(scene, REPORT, "", "court", asked, E_LIFECYCLE_ORDER);
    expect_refused(scene, REPORT, "", "court", report, E_LIFECYCLE_ORDER);
    assert_int_equal(scene_leg(scene, asked, "health"), LIFECYCLE_SUBMITTED);
    assert_true(scene_waits(scene, report, office) >= 0);
    assert_int_equal(scene_waits(scene, report, "health"), -1);
    /* Sent back: owed again, by the day that is set now. */
    uint64_t again_ms = days_on(scene, 30);
    struct district_letter *back = review(scene, report, "sent-back", again_ms);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_REOPENED);
    assert_int_equal(term(scene, asked, "court"), again_ms);
    assert_int_equal(scene_waits(scene, back, "health"), -1);
    assert_int_equal(scene_waits(scene, back, "court"), ENVELOPE_LANE_NORMAL);
    /* In answer to what sent it back, it is the same leg. */
    (void)scene_send(scene, "receipt.signed", "", "court", back);
    report = scene_send(scene, REPORT, "", "court", back);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_CLOSED);
    expect_refused(scene, REVIEW, "accepted", "procuratorate", report, E_LIFECYCLE_ROLE);
    (void)review(scene, report, "accepted", 0);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_UPHELD);
    expect_refused(scene, REPORT, "", "court", asked, E_LIFECYCLE_ORDER);
    expect_refused(scene, REVIEW, "accepted", office, report, E_OUTCOME_NOT_ALLOWED);
    assert_false(missed(scene, asked, "court"));
}

static size_t told(struct scene *scene, const char *unit)
{
    struct core_entry entry;
    uint64_t position;
    uint8_t running[32];
    size_t count = 0;
    core_acknowledged(scene->core, unit, ENVELOPE_LANE_NORMAL, &position, running);
    while (core_entry_after(scene->core, unit, ENVELOPE_LANE_NORMAL, position, &entry)) {
        position = entry.position;
        count += entry.type == CORE_ENTRY_NOTICE;
    }
    return count;
}

/* A day that was not kept is told to the unit and the office and counted; so is the next one. */
static void a_day_that_was_not_kept_is_urged_each_time(void **state)
{
    struct scene *scene = *state;
    struct district_letter *asked = ask(scene, "self-check", days_on(scene, 20));
    (void)scene_send(scene, "receipt.signed", "", "court", asked);
    (void)scene_send(scene, REPORT, "", "court", asked);
    (void)scene_send(scene, "receipt.signed", "", SCENE_STREET, asked);
    scene->district->now_ms = days_on(scene, 20) - 1;
    (void)scene_tick(scene);
    size_t court = told(scene, "court"), street = told(scene, SCENE_STREET);
    size_t of_office = told(scene, office);
    assert_false(missed(scene, asked, SCENE_STREET));
    scene->district->now_ms++;
    (void)scene_tick(scene);
    assert_true(missed(scene, asked, SCENE_STREET));
    assert_false(missed(scene, asked, "court"));
    assert_int_equal(told(scene, "court"), court);
    assert_int_equal(told(scene, SCENE_STREET), street + 1);
    assert_true(told(scene, office) > of_office);
    struct district_letter *late = scene_send(scene, REPORT, "", SCENE_STREET, asked);
    assert_int_equal(scene_leg(scene, asked, SCENE_STREET), LIFECYCLE_CLOSED);
    (void)review(scene, late, "sent-back", days_on(scene, 5));
    street = told(scene, SCENE_STREET);
    scene->district->now_ms = days_on(scene, 5);
    (void)scene_tick(scene);
    assert_int_equal(told(scene, SCENE_STREET), street + 1);
    /* The office gives more time, nobody else does. */
    late = ask(scene, "programme", days_on(scene, 3));
    uint64_t first_ms = term(scene, late, "court");
    expect_refused(scene, "receipt.extended", "", "court", late, E_EXTENSION_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.extended", "", office, late);
    assert_true(term(scene, late, "court") > first_ms);
}

static void nobody_sets_a_day_where_none_is_set(void **state)
{
    struct scene *scene = *state;
    uint64_t now_ms = scene->district->now_ms;
    struct district_draft draft = {
        .kind = "lead.public-tip", .from = "health", .due_ms = now_ms + 1};
    expect_draft_refused(scene, &draft, E_BAD_VALUE);
    draft = (struct district_draft){
        .kind = INSPECTION, .topic = "programme", .from = office, .due_ms = now_ms};
    expect_draft_refused(scene, &draft, E_BAD_VALUE);
    draft.due_ms = now_ms + LIMIT_DUE_AHEAD_MS + 1;
    expect_draft_refused(scene, &draft, E_BAD_VALUE);
    draft.due_ms = now_ms + LIMIT_DUE_AHEAD_MS;
    expect_draft_refused(scene, &draft, 0);
    /* Who was asked answers itself. */
    struct district_letter *asked = ask(scene, "implementation", days_on(scene, 9));
    (void)scene_send(scene, "receipt.signed", "", police, asked);
    draft = (struct district_draft){.kind = "receipt.transferred",
                                    .topic = "agreed",
                                    .from = police,
                                    .target = "st-dongxin",
                                    .parent = asked};
    expect_draft_refused(scene, &draft, E_RETURN_NOT_ALLOWED);
}

/* A report that nobody asked for is a thread of its own; on another matter it ends nothing. */
static void a_report_that_nobody_asked_for_ends_nothing(void **state)
{
    struct scene *scene = *state;
    struct district_letter *own = scene_send(scene, REPORT, "", "hrss", NULL);
    assert_int_equal(scene_leg(scene, own, office), LIFECYCLE_SUBMITTED);
    assert_false(core_thread_listed(scene->core, own->thread));
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "health", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, REPORT, "", police, lead);
    assert_int_equal(scene_leg(scene, lead, police), LIFECYCLE_SIGNED);
    /* What the procuratorate asks it reviews itself. */
    struct district_letter *asked =
        scene_send(scene, INSPECTION, "judicial", "procuratorate", NULL);
    (void)scene_send(scene, "receipt.signed", "", "court", asked);
    struct district_letter *report = scene_send(scene, REPORT, "", "court", asked);
    assert_true(scene_waits(scene, report, "procuratorate") >= 0);
    expect_refused(scene, REVIEW, "accepted", office, report, E_LIFECYCLE_ROLE);
    (void)scene_send(scene, REVIEW, "accepted", "procuratorate", report);
    assert_int_equal(scene_leg(scene, asked, "court"), LIFECYCLE_UPHELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(an_inspection_is_answered_reviewed_and_over),
        scene_test(a_day_that_was_not_kept_is_urged_each_time),
        scene_test(nobody_sets_a_day_where_none_is_set),
        scene_test(a_report_that_nobody_asked_for_ends_nothing),
    };
    return cmocka_run_group_tests_name("unit.inspection", tests, NULL, NULL);
}
