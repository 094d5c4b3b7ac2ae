/* A missing child, in the core: the alert goes to the area first and wider by revision, is stood
 * down to exactly those who got any of it, and each of them says that it is deleted there. */
#include "tests/mission/scene.h"

static const char ALERT[] = "alert.missing-child", OVER[] = "alert.missing-child-cancel",
                  DELETED[] = "receipt.deleted", police[] = "police-hedong";

static struct district_letter *alert(struct scene *scene, const char *topic, const char *area,
                                     const struct district_letter *parent)
{
    struct district_draft draft = {.kind = ALERT,
                                   .topic = topic,
                                   .area = area,
                                   .from = police,
                                   .parent = parent,
                                   .expires_ms = scene->district->now_ms + DISTRICT_DAY_MS};
    return scene_send_draft(scene, &draft);
}

static bool has(const struct district_letter *letter, const char *unit)
{
    return envelope_recipient_find(&letter->envelope, unit) >= 0;
}

static size_t count(const struct district_letter *letter)
{
    return letter->envelope.head->n_recipients;
}

/* The street office of the area is offline all along: nothing is acknowledged for it. */
static void widened_twice_and_stood_down_with_one_agent_offline(void **state)
{
    struct scene *scene = *state;
    struct district_letter *first = alert(scene, "issue", SCENE_AREA, NULL);
    assert_int_equal(count(first), 3);
    assert_true(has(first, SCENE_STREET) && has(first, "traffic-police-hedong") &&
                has(first, "education"));
    /* Others may not revise it, and nobody issues it twice. */
    expect_refused(scene, ALERT, "district", "education", first, E_SENDER_NOT_ALLOWED);
    expect_refused(scene, ALERT, "issue", police, first, E_CHAIN_ORDER);
    expect_refused(scene, ALERT, "", police, first, E_TOPIC_UNKNOWN);
    /* A sighting comes in and is passed on: its new reader has the sighting, and no alert. */
    struct district_letter *seen =
        scene_send(scene, "lead.suspected-trafficking", "", "education", first);
    (void)scene_send(scene, "receipt.signed", "", police, seen);
    scene_acknowledge(scene, "education", ENVELOPE_LANE_URGENT);
    struct district_letter *wider = alert(scene, "streets", "", first);
    assert_int_equal(count(wider), 15);
    struct district_letter *widest = alert(scene, "district", "", wider);
    assert_int_equal(count(widest), plan_unit_count(scene->plan) - 2); /* police and office */
    assert_true(has(widest, SCENE_STREET) && has(widest, "housing"));
    /* Narrower is not possible: a revision goes to all that had one. */
    struct district_letter *last = alert(scene, "update", SCENE_AREA, widest);
    assert_int_equal(count(last), count(widest));
    struct district_letter *over = scene_send(scene, OVER, "", police, last);
    assert_int_equal(count(over), count(widest));
    for (size_t i = 0; i < count(over); i++)
        assert_true(has(widest, over->envelope.head->recipients[i]->unit));
    /* Everything waits for who was offline, the stand-down last; none of it is live any more. */
    const struct district_letter *all[] = {first, wider, widest, last};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(scene_waits(scene, all[i], SCENE_STREET), ENVELOPE_LANE_URGENT);
        assert_int_equal(scene_leg(scene, all[i], SCENE_STREET), LIFECYCLE_STOOD_DOWN);
    }
    assert_int_equal(scene_waits(scene, over, SCENE_STREET), ENVELOPE_LANE_URGENT);
    expect_refused(scene, ALERT, "update", police, over, E_CHAIN_ORDER);
    expect_refused(scene, OVER, "", police, over, E_LIFECYCLE_ROLE);
    expect_refused(scene, "receipt.signed", "", SCENE_STREET, last, E_LIFECYCLE_ORDER);
    /* Past its end nobody is told: it was stood down. */
    scene->district->now_ms += DISTRICT_DAY_MS / 2;
    assert_int_equal(scene_alarms(scene, police), 0);
}

static void a_stand_down_reaches_only_who_got_a_revision(void **state)
{
    struct scene *scene = *state;
    struct district_letter *first = alert(scene, "issue", SCENE_AREA, NULL);
    struct district_letter *seen =
        scene_send(scene, "lead.suspected-trafficking", "", "education", first);
    (void)scene_send(scene, "receipt.signed", "", police, seen);
    (void)scene_send(scene, "receipt.accepted", "", police, seen);
    struct district_draft pass = {
        .kind = "receipt.transferred", .topic = "other-unit", .from = police, .parent = seen};
    pass.target = "civil-affairs";
    for (size_t i = 0; i < scene_kind(scene, "receipt.transferred")->topic_count; i++) {
        pass.topic = scene_kind(scene, "receipt.transferred")->topics[i].slug;
        if (scene_try(scene, &pass) == 0) break;
    }
    /* Whether the sighting may be passed on is its own matter; the office joins the thread too. */
    (void)scene_send(scene, "supervision.urge", "", "joint-conference-office", first);
    struct district_letter *over = scene_send(scene, OVER, "", police, first);
    assert_int_equal(count(over), 3);
    assert_false(has(over, "civil-affairs"));
    assert_false(has(over, "procuratorate"));
    assert_false(has(over, "joint-conference-office"));
}

static void each_confirms_for_itself_and_who_has_not_is_late(void **state)
{
    struct scene *scene = *state;
    struct district_letter *first = alert(scene, "issue", SCENE_AREA, NULL);
    expect_refused(scene, DELETED, "", SCENE_STREET, first, E_LIFECYCLE_ORDER); /* it is live */
    struct district_letter *over = scene_send(scene, OVER, "", police, first);
    expect_refused(scene, DELETED, "", SCENE_STREET, over, E_LIFECYCLE_ORDER); /* sign first */
    (void)scene_send(scene, "receipt.signed", "", SCENE_STREET, over);
    expect_refused(scene, "receipt.closed", "done", SCENE_STREET, over, E_LIFECYCLE_ORDER);
    expect_refused(scene, DELETED, "", police, over, E_ROUTE_EMPTY);
    struct district_letter *gone = scene_send(scene, DELETED, "", SCENE_STREET, over);
    assert_int_equal(count(gone), 1); /* who issued it is told, and nobody else */
    assert_true(has(gone, police));
    assert_int_equal(scene_leg(scene, over, SCENE_STREET), LIFECYCLE_CLOSED);
    assert_int_equal(scene_leg(scene, over, "education"), LIFECYCLE_SUBMITTED);
    expect_refused(scene, DELETED, "", SCENE_STREET, over, E_LIFECYCLE_ORDER); /* once */
    scene->district->now_ms += DISTRICT_DAY_MS;
    assert_true(scene_tick(scene) > 0);
    assert_true(scene_leg_view(scene, over, "education").clocks.missed >> PLAN_CLOCK_CLOSE & 1);
    assert_false(scene_leg_view(scene, over, SCENE_STREET).clocks.missed >> PLAN_CLOCK_CLOSE & 1);
}

/* A widening that names no alert would be an alert of its own, which no stand-down reaches. */
static void a_revision_without_its_alert_is_refused(void **state)
{
    struct scene *scene = *state;
    static const char *const topics[] = {"update", "streets", "district"};
    for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
        struct district_draft draft = {.kind = ALERT,
                                       .topic = topics[i],
                                       .area = SCENE_AREA,
                                       .from = police,
                                       .expires_ms = scene->district->now_ms + DISTRICT_DAY_MS};
        expect_draft_refused(scene, &draft, E_LIFECYCLE_ORDER);
    }
    /* Nor does one become a widening by naming something else, on that thread or on another. */
    const struct district_letter *first = alert(scene, "issue", SCENE_AREA, NULL);
    struct district_letter *seen =
        scene_send(scene, "lead.suspected-trafficking", "", "education", first);
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "health", NULL);
    struct district_letter *risk = scene_send(scene, "alert.risk", "trend", police, NULL);
    (void)scene_send(scene, "receipt.signed", "", police, seen);
    const struct district_letter *named[] = {seen, lead, risk};
    static const int codes[] = {E_LIFECYCLE_ORDER, E_LIFECYCLE_ORDER, E_CHAIN_ORDER};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        struct district_draft draft = {.kind = ALERT,
                                       .topic = "streets",
                                       .from = police,
                                       .parent = named[i],
                                       .expires_ms = scene->district->now_ms + DISTRICT_DAY_MS};
        expect_draft_refused(scene, &draft, codes[i]);
    }
    (void)alert(scene, "streets", "", first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(widened_twice_and_stood_down_with_one_agent_offline),
        scene_test(a_revision_without_its_alert_is_refused),
        scene_test(a_stand_down_reaches_only_who_got_a_revision),
        scene_test(each_confirms_for_itself_and_who_has_not_is_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
