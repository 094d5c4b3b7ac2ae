/* Acts in the core: the lifecycle's table on real envelopes, state by state, act by act and role by
 * role; and what the table does not say: transfers, releases, mergers, what binds, time. */
#include "proto/plan/calendar.h"
#include "tests/lib/term.h"
#include "tests/mission/scene.h"

/* ---- the table ----------------------------------------------------------------------------------
 */

/* Who does what on a thread of one kind; `leg` must sign. */
struct cast {
    const char *kind, *topic;
    const char *leg, *originator, *copy; /* copy NULL: nobody has one */
    const char *target;                  /* whom it may be passed on to without a release */
};
static const struct cast casts[] = {
    {"lead.exploitation", "forced-labour", "police-hedong", "education", "hrss", "civil-affairs"},
    {"handoff.service-referral", "schooling", "education", "civil-affairs", NULL, NULL},
    {"notice.verify", "foreign-marriage", "police-hedong", "civil-affairs", NULL, NULL},
    {"alert.missing-child", "issue", "education", "police-hedong", NULL, NULL},
    {"handoff.victim", NULL, "civil-affairs", "police-hedong", NULL, NULL},
};
static const char office[] = "joint-conference-office", stranger[] = "media-center";

/* How a leg comes into each state. */
struct step {
    enum plan_act act;
    enum lifecycle_role role;
    const char *topic;
};
enum { STEP_COUNT_MAX = 5 };
#define LEG(act)                                                                                   \
    {                                                                                              \
        PLAN_ACT_##act, LIFECYCLE_ROLE_LEG, NULL                                                   \
    }
#define LEG_AS(act, as)                                                                            \
    {                                                                                              \
        PLAN_ACT_##act, LIFECYCLE_ROLE_LEG, as                                                     \
    }
#define SENDER(act)                                                                                \
    {                                                                                              \
        PLAN_ACT_##act, LIFECYCLE_ROLE_ORIGINATOR, NULL                                            \
    }
#define OFFICE(act)                                                                                \
    {                                                                                              \
        PLAN_ACT_##act, LIFECYCLE_ROLE_OFFICE, NULL                                                \
    }
static const struct {
    enum lifecycle_state state;
    struct step steps[STEP_COUNT_MAX];
} ways[] = {
    {LIFECYCLE_SUBMITTED, {{0}}},
    {LIFECYCLE_DELIVERED, {{PLAN_ACT_DELIVER, LIFECYCLE_ROLE_BUS, NULL}}},
    {LIFECYCLE_SIGNED, {LEG(SIGN)}},
    {LIFECYCLE_ACCEPTED, {LEG(SIGN), LEG(ACCEPT)}},
    {LIFECYCLE_RETURNED, {LEG(SIGN), LEG_AS(RETURN, "not-competent")}},
    {LIFECYCLE_PROGRESS, {LEG(SIGN), LEG(ACCEPT), LEG(PROGRESS)}},
    {LIFECYCLE_CLOSED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done")}},
    {LIFECYCLE_CLOSED, {LEG(SIGN), LEG_AS(CLOSE, "confirmed")}},
    {LIFECYCLE_STOOD_DOWN, {SENDER(STAND_DOWN)}},
    {LIFECYCLE_GONE_OUT, {LEG(SIGN), LEG(ACCEPT), LEG(GO_OUT)}},
    {LIFECYCLE_TRANSFERRED, {LEG(SIGN), LEG_AS(TRANSFER, "agreed")}},
    {LIFECYCLE_MERGED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "merged")}},
    {LIFECYCLE_WITHDRAWN, {SENDER(WITHDRAW)}},
    {LIFECYCLE_OBJECTED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), SENDER(OBJECT)}},
    {LIFECYCLE_UPHELD,
     {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), SENDER(OBJECT), OFFICE(UPHOLD)}},
    {LIFECYCLE_REOPENED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), OFFICE(REOPEN)}},
};

struct stage {
    struct scene *scene;
    const struct cast *cast;
    struct district_letter *lead, *other; /* `other`: the same on another thread */
};

static const struct plan_kind *kind_of_act(const struct scene *scene, enum plan_act act)
{
    for (size_t i = 0; i < plan_kind_count(scene->plan); i++)
        if (plan_kind(scene->plan, i)->act == act) return plan_kind(scene->plan, i);
    return NULL;
}

static const char *unit_of(const struct cast *cast, enum lifecycle_role role)
{
    switch (role) {
    case LIFECYCLE_ROLE_LEG: return cast->leg;
    case LIFECYCLE_ROLE_ORIGINATOR: return cast->originator;
    case LIFECYCLE_ROLE_COPY: return cast->copy;
    case LIFECYCLE_ROLE_OFFICE: return office;
    case LIFECYCLE_ROLE_NONE: return stranger;
    case LIFECYCLE_ROLE_BUS:
    case LIFECYCLE_ROLE_COUNT: break;
    }
    return NULL;
}

static struct district_draft draft_of(const struct stage *stage, enum plan_act act,
                                      enum lifecycle_role role, const char *topic)
{
    const struct plan_kind *kind = kind_of_act(stage->scene, act);
    struct district_draft draft = {.kind = kind->slug,
                                   .topic = topic,
                                   .area = SCENE_AREA,
                                   .from = unit_of(stage->cast, role),
                                   .parent = stage->lead};
    if (!topic && kind->topic_required) draft.topic = kind->topics[0].slug;
    if (act == PLAN_ACT_TRANSFER || act == PLAN_ACT_ASK_RELEASE)
        draft.target = stage->cast->target ? stage->cast->target : stranger;
    bool merged = topic && strcmp(topic, "merged") == 0;
    if (act == PLAN_ACT_LINK || merged) draft.other = stage->other;
    return draft;
}

static struct district_letter *open_thread(struct scene *scene, const struct cast *cast)
{
    struct district_letter *lead =
        scene_send_early(scene, cast->kind, cast->topic, cast->originator, NULL);
    assert_int_not_equal(scene_leg(scene, lead, cast->leg), LIFECYCLE_STATE_COUNT);
    return lead;
}

/* Walks a way; false where the kind does not go it. */
static bool walk(const struct stage *stage, const struct step *steps)
{
    for (size_t i = 0; i < STEP_COUNT_MAX && steps[i].act != PLAN_ACT_NONE; i++) {
        if (steps[i].act == PLAN_ACT_DELIVER) {
            bool urgent = plan_kind_urgency(scene_kind(stage->scene, stage->cast->kind),
                                            stage->cast->topic) == 1;
            scene_acknowledge(stage->scene, stage->cast->leg,
                              urgent ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL);
            continue;
        }
        struct district_draft draft = draft_of(stage, steps[i].act, steps[i].role, steps[i].topic);
        if (scene_try(stage->scene, &draft) != 0) return false;
        (void)scene_send_draft(stage->scene, &draft);
    }
    return true;
}

static uint32_t facts_of(const struct stage *stage, enum lifecycle_state state, enum plan_act act,
                         enum lifecycle_role role, const char *topic)
{
    uint32_t facts = lifecycle_topic_facts(act, topic) | LIFECYCLE_FACT_IN_TIME;
    facts |= term_facts(stage->scene->plan, scene_kind(stage->scene, stage->cast->kind),
                        stage->cast->topic, state);
    if (stage->cast->target) facts |= LIFECYCLE_FACT_FREE;
    if (role != LIFECYCLE_ROLE_OFFICE && role != LIFECYCLE_ROLE_NONE)
        facts |= LIFECYCLE_FACT_OTHER | LIFECYCLE_FACT_JOINABLE;
    return facts;
}

struct tally {
    size_t passed, refused;
};

/* One act by one role with one topic, against the table. */
static void ask(const struct stage *stage, enum lifecycle_state state, enum plan_act act,
                enum lifecycle_role role, const char *topic, struct tally *tally)
{
    struct lifecycle_step step;
    struct district_draft draft = draft_of(stage, act, role, topic);
    struct lifecycle_query query = {scene_kind(stage->scene, stage->cast->kind), state, act,
                                    LIFECYCLE_ROLE_BIT(role),
                                    facts_of(stage, state, act, role, topic)};
    int expected = lifecycle_next(&query, &step, NULL);
    int r = scene_try(stage->scene, &draft);
    bool whole = lifecycle_act_on_thread(act);
    /* What the plan's tables refuse before the lifecycle is asked; and other legs of the thread,
     * which may be in another state. */
    bool before = r == E_SENDER_NOT_ALLOWED || r == E_ROUTE_EMPTY || r == E_THREAD_UNKNOWN ||
                  r == E_TOPIC_UNKNOWN || r == E_TARGET_NOT_ALLOWED;
    bool same = r == expected || (whole && (r == 0) == (expected == 0));
    if (expected != 0 && before) same = true;
    if (r == E_SENDER_NOT_ALLOWED || r == E_TOPIC_UNKNOWN) same = true; /* the plan's matter */
    /* Another leg of the thread may be where this one is no more. */
    if (whole && r == 0 && scene_leg_count(stage->scene, stage->lead) > 1) same = true;
    if (!same)
        fail_msg("%s, %s, %s %s by %s: %s, the table says %s", stage->cast->kind,
                 lifecycle_state_name(state), plan_act_name(act), topic ? topic : "",
                 lifecycle_role_name(role), error_name(r), error_name(expected));
    if (r == 0)
        tally->passed++;
    else
        tally->refused++;
}

static void ask_all(const struct stage *stage, enum lifecycle_state state, struct tally *tally)
{
    for (int a = PLAN_ACT_SIGN; a < PLAN_ACT_COUNT; a++) {
        enum plan_act act = (enum plan_act)a;
        const struct plan_kind *kind = kind_of_act(stage->scene, act);
        assert_non_null(kind);
        for (int role = 0; role < LIFECYCLE_ROLE_COUNT; role++) {
            const char *unit = unit_of(stage->cast, (enum lifecycle_role)role);
            if (!unit) continue;
            /* an alert goes to nearly everybody */
            if (role != LIFECYCLE_ROLE_LEG &&
                (scene_leg(stage->scene, stage->lead, unit) != LIFECYCLE_STATE_COUNT ||
                 (role == LIFECYCLE_ROLE_NONE &&
                  scene_waits(stage->scene, stage->lead, unit) >= 0)))
                continue;
            if (!kind->topic_required)
                ask(stage, state, act, (enum lifecycle_role)role, NULL, tally);
            for (size_t t = 0; t < kind->topic_count; t++)
                ask(stage, state, act, (enum lifecycle_role)role, kind->topics[t].slug, tally);
        }
    }
}

static void acts_in_the_core_are_the_table(void **unused)
{
    (void)unused;
    bool seen[LIFECYCLE_STATE_COUNT] = {false};
    struct tally tally = {0};
    for (size_t c = 0; c < sizeof casts / sizeof *casts; c++) {
        void *state = NULL;
        assert_int_equal(scene_set_up(&state), 0);
        struct stage stage = {.scene = state, .cast = &casts[c]};
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            stage.lead = open_thread(stage.scene, stage.cast);
            stage.other = open_thread(stage.scene, stage.cast);
            if (!walk(&stage, ways[w].steps) ||
                scene_leg(stage.scene, stage.lead, stage.cast->leg) != ways[w].state)
                continue; /* not this kind's way */
            seen[ways[w].state] = true;
            ask_all(&stage, ways[w].state, &tally);
        }
        assert_int_equal(scene_tear_down(&state), 0);
    }
    for (int i = 0; i < LIFECYCLE_STATE_COUNT; i++)
        if (!seen[i]) fail_msg("%s was not tried", lifecycle_state_name((enum lifecycle_state)i));
    print_message("%zu passed, %zu refused\n", tally.passed, tally.refused);
    assert_true(tally.passed > 500 && tally.refused > 3000);
}

/* ---- what the table does not say ----------------------------------------------------------------
 */

static struct district_letter *sign_and_accept(struct scene *scene, const char *unit,
                                               const struct district_letter *lead)
{
    (void)scene_send(scene, "receipt.signed", "", unit, lead);
    return scene_send(scene, "receipt.accepted", "", unit, lead);
}

static int pass_on(struct scene *scene, const char *kind, const char *from, const char *target,
                   const struct district_letter *lead, bool take)
{
    struct district_draft draft = {.kind = kind,
                                   .topic =
                                       strcmp(kind, "receipt.transferred") == 0 ? "agreed" : "",
                                   .from = from,
                                   .target = target,
                                   .parent = lead};
    int r = scene_try(scene, &draft);
    if (r == 0 && take) (void)scene_send_draft(scene, &draft);
    return r;
}

/* The police need nobody's leave. Who has it now answers the sender of the lead, and closes it. */
static void what_is_passed_on_has_a_leg_of_its_own(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead =
        scene_send(scene, "lead.exploitation", "begging", "education", NULL);
    const char passes[] = "receipt.transferred";
    assert_int_equal(pass_on(scene, passes, "police-hedong", "civil-affairs", lead, false),
                     E_LIFECYCLE_ORDER); /* signed for first */
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    assert_int_equal(pass_on(scene, passes, "police-hedong", "education", lead, false),
                     E_TARGET_NOT_ALLOWED); /* never back */
    assert_int_equal(pass_on(scene, passes, "police-hedong", "police-hedong", lead, false),
                     E_TARGET_NOT_ALLOWED);
    assert_int_equal(pass_on(scene, passes, "police-hedong", "nobody", lead, false),
                     E_TARGET_NOT_ALLOWED);
    assert_int_equal(pass_on(scene, passes, "police-hedong", NULL, lead, false),
                     E_TARGET_NOT_ALLOWED);
    assert_int_equal(pass_on(scene, passes, "police-hedong", "women-children-office", lead, true),
                     0);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_TRANSFERRED);
    expect_refused(scene, "receipt.accepted", "", "police-hedong", lead, E_LIFECYCLE_ORDER);
    /* The new leg is reached by the lead itself. */
    struct district_letter *accepted = sign_and_accept(scene, "women-children-office", lead);
    assert_int_equal(scene_waits(scene, accepted, "education"), ENVELOPE_LANE_NORMAL);
    assert_int_equal(pass_on(scene, passes, "women-children-office", "police-hedong", lead, false),
                     E_TARGET_NOT_ALLOWED); /* had it before */
    expect_refused(scene, "receipt.closed", "done", "police-hedong", lead, E_LIFECYCLE_ORDER);
    (void)scene_send(scene, "receipt.closed", "done", "women-children-office", lead);
    struct core_leg legs[8];
    bool known;
    assert_int_equal(core_thread_legs(scene->core, lead->thread, legs, 8, &known), 2);
    assert_int_equal(legs[1].state, LIFECYCLE_CLOSED);
    assert_true(legs[0].primary && legs[1].primary);
}

/* Others ask the sender first, but towards a unit that must sign for such a message anyway. */
/* What one unit has accepted is not taken back from another, nor from whom it was passed on to: the
 * unit that works on it would be left with a matter that ended elsewhere. */
static void what_was_accepted_is_not_taken_back(void **state)
{
    struct scene *scene = *state;
    static const char police[] = "police-hedong", WITHDRAWAL[] = "notice.withdrawal";
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "health", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, lead);
    (void)scene_send(scene, "receipt.accepted", "", police, lead);
    struct district_draft passes = {.kind = "receipt.transferred", .topic = "agreed"};
    passes.from = police;
    passes.target = "court";
    passes.parent = lead;
    struct district_letter *passed = scene_send_draft(scene, &passes);
    expect_refused(scene, WITHDRAWAL, "", "health", lead, E_LIFECYCLE_ORDER);
    assert_int_equal(scene_leg(scene, passed, "court"), LIFECYCLE_SUBMITTED);
    /* Two had to sign, and one of them has accepted. */
    struct district_letter *both = scene_send(scene, "anomaly.enrolment", "", "education", NULL);
    assert_true(both->envelope.head->n_recipients > 1);
    (void)scene_send(scene, "receipt.signed", "", police, both);
    (void)scene_send(scene, "receipt.accepted", "", police, both);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", both);
    expect_refused(scene, WITHDRAWAL, "", "education", both, E_LIFECYCLE_ORDER);
    assert_int_equal(scene_leg(scene, both, "civil-affairs"), LIFECYCLE_SIGNED);
    /* Passed on before anybody had accepted it, it may still be taken back. */
    struct district_letter *fresh = scene_send(scene, "lead.public-tip", "", "health", NULL);
    (void)scene_send(scene, "receipt.signed", "", police, fresh);
    passes.parent = fresh;
    passed = scene_send_draft(scene, &passes);
    (void)scene_send(scene, WITHDRAWAL, "", "health", fresh);
    assert_int_equal(scene_leg(scene, passed, "court"), LIFECYCLE_WITHDRAWN);
    /* Another message of the sender's on the thread, which nobody has accepted, is its own. */
    (void)scene_send(scene, "receipt.accepted", "", "civil-affairs", both);
    struct district_letter *urge = scene_send(scene, "supervision.urge", "", "education", both);
    (void)scene_send(scene, WITHDRAWAL, "", "education", both);
    assert_int_equal(scene_leg(scene, urge, police), LIFECYCLE_WITHDRAWN);
    assert_int_equal(scene_leg(scene, both, police), LIFECYCLE_ACCEPTED);
}

static void what_needs_a_release_is_asked_for(void **state)
{
    struct scene *scene = *state;
    const char passes[] = "receipt.transferred", asks[] = "receipt.release-asked";
    struct district_letter *lead =
        scene_send(scene, "handoff.service-referral", "schooling", "civil-affairs", NULL);
    (void)scene_send(scene, "receipt.signed", "", "education", lead);
    assert_int_equal(pass_on(scene, passes, "education", "health", lead, false), E_RELEASE_NEEDED);
    expect_refused(scene, "receipt.released", "granted", "civil-affairs", lead, E_LIFECYCLE_ORDER);
    struct district_draft draft = {
        .kind = asks, .from = "education", .target = "health", .parent = lead};
    struct district_letter *asked = scene_send_draft(scene, &draft);
    expect_refused(scene, "receipt.released", "granted", "hrss", asked, E_THREAD_UNKNOWN);
    expect_refused(scene, "receipt.released", "granted", "joint-conference-office", asked,
                   E_NOT_YET);
    (void)scene_send(scene, "receipt.released", "denied", "civil-affairs", asked);
    expect_refused(scene, "receipt.released", "granted", "civil-affairs", asked,
                   E_LIFECYCLE_ORDER); /* answered */
    assert_int_equal(pass_on(scene, passes, "education", "health", lead, false), E_RELEASE_NEEDED);
    assert_int_equal(scene_leg(scene, lead, "education"), LIFECYCLE_SIGNED);
    asked = scene_send_draft(scene, &draft);
    (void)scene_send(scene, "receipt.released", "granted", "civil-affairs", asked);
    assert_int_equal(pass_on(scene, passes, "education", "justice", lead, false), E_RELEASE_NEEDED);
    assert_int_equal(pass_on(scene, passes, "education", "health", lead, true), 0);
    assert_int_equal(scene_leg(scene, lead, "education"), LIFECYCLE_TRANSFERRED);
}

/* Of an immediate lead the office answers after an hour, not before. */
static void the_office_releases_what_waited_too_long(void **state)
{
    struct scene *scene = *state;
    const uint64_t hour_ms = 3600 * 1000;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", lead);
    struct district_draft draft = {.kind = "receipt.release-asked",
                                   .from = "civil-affairs",
                                   .target = "womens-federation",
                                   .parent = lead};
    struct district_letter *asked = scene_send_draft(scene, &draft);
    scene->district->now_ms += hour_ms - 1;
    expect_refused(scene, "receipt.released", "granted", "joint-conference-office", asked,
                   E_NOT_YET);
    scene->district->now_ms += 1;
    (void)scene_send(scene, "receipt.released", "granted", "joint-conference-office", asked);
    assert_int_equal(
        pass_on(scene, "receipt.transferred", "civil-affairs", "womens-federation", lead, true), 0);
}

static void a_case_of_child_trafficking_is_closed_by_solved_alone(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    struct district_letter *again = scene_send(scene, "lead.street-minor", "", "health", NULL);
    (void)sign_and_accept(scene, "police-hedong", lead);
    (void)sign_and_accept(scene, "civil-affairs", lead);
    (void)sign_and_accept(scene, "police-hedong", again);
    expect_refused(scene, "receipt.progress", "child-case", "civil-affairs", lead,
                   E_SENDER_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.progress", "child-case", "police-hedong", lead);
    const struct plan_kind *closing = scene_kind(scene, "receipt.closed");
    for (size_t i = 0; i < closing->topic_count; i++) {
        const char *outcome = closing->topics[i].slug;
        if (strcmp(outcome, "solved") == 0 || strcmp(outcome, "merged") == 0) continue;
        expect_refused(scene, "receipt.closed", outcome, "police-hedong", lead,
                       E_OUTCOME_NOT_ALLOWED);
    }
    assert_int_equal(
        pass_on(scene, "receipt.transferred", "police-hedong", "procuratorate", lead, false),
        E_OUTCOME_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.closed", "settled", "civil-affairs", lead); /* its own part */
    /* Merged with another thread, it binds that one. */
    (void)scene_send(scene, "receipt.progress", "", "police-hedong", again);
    struct district_draft merged = {.kind = "receipt.closed",
                                    .topic = "merged",
                                    .from = "police-hedong",
                                    .parent = lead,
                                    .other = again};
    (void)scene_send_draft(scene, &merged);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_MERGED);
    expect_refused(scene, "receipt.closed", "unfounded", "police-hedong", again,
                   E_OUTCOME_NOT_ALLOWED);
    (void)scene_send(scene, "receipt.closed", "solved", "police-hedong", again);
    /* Not into a thread where it has nothing open, nor into this one. */
    (void)scene_send(scene, "supervision.reopening", "", "joint-conference-office", lead);
    merged.parent = lead;
    assert_int_equal(scene_try(scene, &merged), E_OTHER_THREAD);
    merged.other = lead;
    assert_int_equal(scene_try(scene, &merged), E_OTHER_THREAD);
    expect_refused(scene, "receipt.closed", "unfounded", "police-hedong", lead,
                   E_OUTCOME_NOT_ALLOWED);
}

/* Two threads do not end in each other, nor a case in a thread where all that is left is to sign
 * for a notice. */
static void what_is_merged_goes_on_in_a_leg_that_is_closed(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.street-minor", "", "education", NULL);
    struct district_letter *again = scene_send(scene, "lead.street-minor", "", "health", NULL);
    (void)sign_and_accept(scene, "police-hedong", lead);
    (void)sign_and_accept(scene, "police-hedong", again);
    (void)scene_send(scene, "receipt.progress", "child-case", "police-hedong", lead);
    struct district_letter *urged =
        scene_send(scene, "supervision.urge", "", "joint-conference-office", again);
    struct district_draft merged = {.kind = "receipt.closed",
                                    .topic = "merged",
                                    .from = "police-hedong",
                                    .parent = again,
                                    .other = lead};
    (void)scene_send_draft(scene, &merged);
    merged.parent = lead;
    merged.other = again;
    assert_int_equal(scene_try(scene, &merged), E_OTHER_THREAD);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", urged);
    (void)scene_send(scene, "supervision.reopening", "", "joint-conference-office", again);
    (void)scene_send_draft(scene, &merged);
    expect_refused(scene, "receipt.closed", "unfounded", "police-hedong", again,
                   E_OUTCOME_NOT_ALLOWED);
}

static void an_objection_has_five_working_days(void **state)
{
    struct scene *scene = *state;
    const uint64_t day_ms = 24 * 3600 * 1000, minute_ms = 60 * 1000;
    struct district_letter *lead = scene_send(scene, "lead.public-tip", "", "education", NULL);
    (void)sign_and_accept(scene, "police-hedong", lead);
    struct district_letter *closed =
        scene_send(scene, "receipt.closed", "unfounded", "police-hedong", lead);
    uint64_t end_ms = calendar_deadline(plan_calendar(scene->plan), scene->district->now_ms, 5,
                                        CALENDAR_WORK_DAYS, NULL);
    assert_true(end_ms > scene->district->now_ms + 6 * day_ms); /* a weekend lies between */
    scene->district->now_ms = end_ms - minute_ms;
    struct district_draft objection = {
        .kind = "receipt.objected", .from = "education", .parent = closed, .seen_size = 0};
    assert_int_equal(scene_try(scene, &objection), 0);
    scene->district->now_ms = end_ms;
    assert_int_equal(scene_try(scene, &objection), E_OBJECTION_LATE);
    scene->district->now_ms = end_ms - minute_ms;
    struct district_letter *objected = scene_send_draft(scene, &objection);
    assert_int_equal(scene_waits(scene, objected, "joint-conference-office"), ENVELOPE_LANE_NORMAL);
    /* The office reopens it, and it is closed anew. */
    struct district_letter *reopened =
        scene_send(scene, "supervision.reopening", "", "joint-conference-office", objected);
    assert_int_equal(scene_waits(scene, reopened, "police-hedong"), ENVELOPE_LANE_NORMAL);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_REOPENED);
    closed = scene_send(scene, "receipt.closed", "case-opened", "police-hedong", lead);
    objection.parent = closed;
    objected = scene_send_draft(scene, &objection);
    (void)scene_send(scene, "supervision.upholding", "", "joint-conference-office", objected);
    assert_int_equal(scene_leg(scene, lead, "police-hedong"), LIFECYCLE_UPHELD);
    assert_int_equal(scene_try(scene, &objection), E_LIFECYCLE_ORDER);
}

/* Threads are linked by who is on both; what was split off is a thread of its own. */
static void threads_are_linked_by_who_is_on_both(void **state)
{
    struct scene *scene = *state;
    struct district_letter *one = scene_send(scene, "lead.public-tip", "", "education", NULL);
    struct district_letter *two = scene_send(scene, "lead.public-tip", "", "health", NULL);
    struct district_draft link = {.kind = "notice.link",
                                  .topic = "same-matter",
                                  .from = "police-hedong",
                                  .parent = one,
                                  .other = two};
    assert_int_equal(scene_try(scene, &link), E_LIFECYCLE_ORDER); /* it has not looked at it */
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", one);
    (void)scene_send_draft(scene, &link);
    link.other = NULL;
    assert_int_equal(scene_try(scene, &link), E_OTHER_THREAD);
    link = (struct district_draft){
        .kind = "notice.link", .topic = "split", .from = "education", .parent = one, .other = two};
    assert_int_equal(scene_try(scene, &link), E_OTHER_THREAD); /* it is not on that one */
    link.other = scene_send(scene, "lead.public-tip", "", "education", NULL);
    (void)scene_send_draft(scene, &link);
    /* Another thread and another unit stand nowhere else. */
    struct district_draft progress = {
        .kind = "receipt.signed", .from = "police-hedong", .parent = two, .other = one};
    assert_int_equal(scene_try(scene, &progress), E_BAD_VALUE);
    progress.other = NULL;
    progress.target = "health";
    assert_int_equal(scene_try(scene, &progress), E_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(acts_in_the_core_are_the_table),
        scene_test(what_is_passed_on_has_a_leg_of_its_own),
        scene_test(what_was_accepted_is_not_taken_back),
        scene_test(what_needs_a_release_is_asked_for),
        scene_test(the_office_releases_what_waited_too_long),
        scene_test(a_case_of_child_trafficking_is_closed_by_solved_alone),
        scene_test(what_is_merged_goes_on_in_a_leg_that_is_closed),
        scene_test(an_objection_has_five_working_days),
        scene_test(threads_are_linked_by_who_is_on_both),
    };
    return cmocka_run_group_tests_name("unit.acts", tests, NULL, NULL);
}
