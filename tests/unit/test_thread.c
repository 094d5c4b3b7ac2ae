/* The fold of a thread's headers: legs that come through transfers which were sent to others; and a
 * store that was folded before those were followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/lib/engine_inner.h"
#include "tests/unit/fake_broker.h"

enum { STEP_MS = 1000 };
static const char police[] = "police-hedong", civil[] = "civil-affairs";
static const char health[] = "health", women[] = "womens-federation", justice[] = "justice";

static const struct plan *plan_of(const struct fake *fake)
{
    return trust_bundle_plan(fake->units[0].engine->bundle);
}

static void fold_lead(struct thread *thread, const struct fake *fake, const char *self, uint8_t id,
                      uint64_t index, const char *const *signers, size_t count)
{
    Leadbus__Header head = LEADBUS__HEADER__INIT;
    Leadbus__Recipient recipients[2], *list[2];
    uint8_t ids[16] = {id};
    CHECK(count <= 2);
    for (size_t i = 0; i < count; i++) {
        leadbus__recipient__init(&recipients[i]);
        recipients[i].unit = (char *)(uintptr_t)signers[i];
        recipients[i].act = ROUTE_SIGN;
        list[i] = &recipients[i];
    }
    head.id = fake_binary(ids, 16);
    head.thread = fake_binary(thread->id, 16);
    head.kind = (char *)(uintptr_t) "anomaly.enrolment";
    head.from = (char *)(uintptr_t) "education";
    head.urgency = 3;
    head.recipients = list;
    head.n_recipients = count;
    thread_apply(thread, plan_of(fake), self, &head, index, STEP_MS * (index + 1));
}

static void fold_transfer(struct thread *thread, const struct fake *fake, const char *self,
                          uint8_t id, uint8_t parent, const char *from, const char *target,
                          uint64_t index)
{
    Leadbus__Header head = LEADBUS__HEADER__INIT;
    Leadbus__Recipient recipient = LEADBUS__RECIPIENT__INIT, *list[] = {&recipient};
    uint8_t ids[16] = {id}, parents[16] = {parent};
    recipient.unit = (char *)(uintptr_t)target;
    recipient.act = ROUTE_SIGN;
    head.id = fake_binary(ids, 16);
    head.thread = fake_binary(thread->id, 16);
    head.parent = fake_binary(parents, 16);
    head.kind = (char *)(uintptr_t) "receipt.transferred";
    head.topic = (char *)(uintptr_t) "agreed";
    head.from = (char *)(uintptr_t)from;
    head.target = (char *)(uintptr_t)target;
    head.urgency = 3;
    head.recipients = list;
    head.n_recipients = 1;
    thread_apply(thread, plan_of(fake), self, &head, index, STEP_MS * (index + 1));
}

/* Of many messages: what is for others is kept up to a number, and that there is more is said; what
 * is this unit's own is kept all the same, or it could not be signed for. */
static void own_legs_are_kept_when_there_are_too_many(void **state)
{
    const struct fake *fake = *state;
    static const uint8_t id[16] = {0};
    const char *const signers[] = {civil, justice};
    struct thread thread, again;
    struct buf bytes = {0};
    uint8_t last[16] = {0xff, 0xff};
    thread_init(&thread, id);
    for (size_t i = 0; i <= THREAD_LEG_COUNT_MAX; i++) {
        fold_lead(&thread, fake, justice, 1, i, signers, 2);
        assert_int_equal(thread.cut, i * 2 >= THREAD_LEG_COUNT_MAX);
        /* Another message with the next one. */
        for (size_t k = 0; k < thread.leg_count; k++)
            if (thread.legs[k].message[0] == 1) {
                thread.legs[k].message[0] = 2;
                thread.legs[k].message[1] = (uint8_t)i;
                thread.legs[k].message[2] = (uint8_t)(i >> 8);
            }
    }
    last[0] = 2;
    last[1] = (uint8_t)THREAD_LEG_COUNT_MAX;
    last[2] = (uint8_t)(THREAD_LEG_COUNT_MAX >> 8);
    assert_non_null(thread_leg_of(&thread, justice, last));
    assert_null(thread_leg_of(&thread, civil, last));
    assert_true(thread.leg_count <= THREAD_OWN_LEG_COUNT_MAX);
    thread_encode(&thread, &bytes);
    thread_init(&again, id);
    assert_int_equal(thread_decode(buf_bytes(&bytes), &again, NULL), 0);
    assert_true(again.cut);
    assert_int_equal(again.leg_count, thread.leg_count);
    buf_fini(&bytes);
    thread_fini(&thread);
    thread_fini(&again);
}

static void leg_is(const struct thread *thread, const char *unit, uint8_t message, int state,
                   bool primary)
{
    const uint8_t id[16] = {message};
    const struct thread_leg *leg = thread_leg_of(thread, unit, id);
    if (!leg) fail_msg("no leg of %s", unit);
    if ((int)leg->state != state) fail_msg("%s: %d", unit, leg->state);
    assert_int_equal(leg->primary, primary);
    assert_string_equal(leg->from, "education");
    assert_string_equal(leg->kind, "anomaly.enrolment");
}

static void through_units_that_it_never_heard_of(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {1};
    static const char *const signers[] = {police, civil};
    /* The transfer answers the lead; or the one before, which is not here. */
    for (uint8_t parent = 1; parent <= 9; parent += 8) {
        struct thread thread;
        thread_init(&thread, id);
        fold_lead(&thread, fake, justice, 1, 0, signers, 1);
        fold_transfer(&thread, fake, justice, 5, parent, women, justice, 7);
        assert_int_equal(thread.leg_count, 3);
        leg_is(&thread, police, 1, LIFECYCLE_TRANSFERRED, true);
        leg_is(&thread, women, 1, LIFECYCLE_TRANSFERRED, true);
        leg_is(&thread, justice, 1, LIFECYCLE_DELIVERED, true);
        const struct thread_leg *leg = thread_leg_of(&thread, justice, id);
        assert_int_equal(leg->changed_ms, STEP_MS * 8);
        assert_true(leg->clocks.due_s[PLAN_CLOCK_SIGN] != 0);
        assert_string_equal(leg->reads_as, police);
        /* Once, however often it is folded; and one that comes late changes nothing of it. */
        fold_transfer(&thread, fake, justice, 5, parent, women, justice, 7);
        fold_transfer(&thread, fake, justice, 4, 1, police, health, 3);
        leg_is(&thread, justice, 1, LIFECYCLE_DELIVERED, true);
        assert_int_equal(thread.leg_count, 4);
        thread_fini(&thread);
    }
}

static void of_two_who_could_have_passed_it_on_neither_is_said_to(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {1};
    static const char *const signers[] = {police, civil};
    struct thread thread;
    thread_init(&thread, id);
    fold_lead(&thread, fake, women, 1, 0, signers, 2);
    fold_transfer(&thread, fake, women, 5, 1, health, women, 7);
    leg_is(&thread, police, 1, LIFECYCLE_SUBMITTED, true);
    leg_is(&thread, civil, 1, LIFECYCLE_SUBMITTED, false);
    leg_is(&thread, health, 1, LIFECYCLE_TRANSFERRED, false);
    leg_is(&thread, women, 1, LIFECYCLE_DELIVERED, false);
    /* From here on it is known whose leg it is. */
    fold_transfer(&thread, fake, women, 6, 1, women, justice, 8);
    leg_is(&thread, women, 1, LIFECYCLE_TRANSFERRED, false);
    leg_is(&thread, justice, 1, LIFECYCLE_SUBMITTED, false);
    thread_fini(&thread);
}

/* Two had to sign, and the broker says by whom it came here: that one's leg it is, and the other's
 * is as it was. What follows is folded as before, and all of it is kept. */
static void the_broker_names_by_whom_it_came(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {1};
    static const char *const signers[] = {police, civil};
    char *by_police[] = {(char *)(uintptr_t)police, (char *)(uintptr_t)justice,
                         (char *)(uintptr_t)health};
    char *by_civil[] = {(char *)(uintptr_t)civil, (char *)(uintptr_t)health};
    char *bad[] = {(char *)(uintptr_t)police, (char *)(uintptr_t) "no unit"};
    for (int first = 0; first < 2; first++) {
        struct thread thread, again;
        struct buf bytes = {0};
        thread_init(&thread, id);
        fold_lead(&thread, fake, women, 1, 0, signers, 2);
        thread_came_by(&thread, id, bad, 2);
        thread_came_by(&thread, id, bad, 0);
        assert_int_equal(thread.path_count, 0);
        thread_came_by(&thread, id, first ? by_police : by_civil, first ? 3 : 2);
        thread_encode(&thread, &bytes);
        thread_init(&again, id);
        assert_int_equal(thread_decode(buf_bytes(&bytes), &again, NULL), 0);
        fold_transfer(&again, fake, women, 5, 1, health, women, 7);
        leg_is(&again, police, 1, first ? LIFECYCLE_TRANSFERRED : LIFECYCLE_SUBMITTED, true);
        leg_is(&again, civil, 1, first ? LIFECYCLE_SUBMITTED : LIFECYCLE_TRANSFERRED, false);
        leg_is(&again, health, 1, LIFECYCLE_TRANSFERRED, first);
        leg_is(&again, women, 1, LIFECYCLE_DELIVERED, first);
        if (first) leg_is(&again, justice, 1, LIFECYCLE_TRANSFERRED, true);
        assert_int_equal(again.leg_count, first ? 5 : 4);
        const struct thread_leg *leg = thread_leg_of(&again, women, id);
        assert_string_equal(leg->reads_as, first ? police : civil);
        /* And of a transfer on the way here that it did get. */
        if (first) {
            struct thread seen;
            thread_init(&seen, id);
            fold_lead(&seen, fake, women, 1, 0, signers, 2);
            thread_came_by(&seen, id, by_police, 3);
            fold_transfer(&seen, fake, women, 4, 1, justice, health, 6);
            leg_is(&seen, police, 1, LIFECYCLE_TRANSFERRED, true);
            leg_is(&seen, health, 1, LIFECYCLE_SUBMITTED, true);
            fold_transfer(&seen, fake, women, 5, 1, health, women, 7);
            leg_is(&seen, women, 1, LIFECYCLE_DELIVERED, true);
            assert_int_equal(seen.leg_count, 5);
            thread_fini(&seen);
        }
        fold_transfer(&again, fake, women, 6, 1, women, "court", 8);
        leg_is(&again, "court", 1, LIFECYCLE_SUBMITTED, first);
        buf_fini(&bytes);
        thread_fini(&thread);
        thread_fini(&again);
    }
}

/* A part that this unit has is its own until it passes it on itself: neither what the broker says
 * nor what would fit takes it away. */
static void nobody_passes_on_what_this_unit_has(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {1};
    static const char *const both[] = {police, civil}, *const alone[] = {civil};
    char *by_us[] = {(char *)(uintptr_t)civil, (char *)(uintptr_t)health};
    char *through_us[] = {(char *)(uintptr_t)police, (char *)(uintptr_t)civil,
                          (char *)(uintptr_t)health};
    for (int i = 0; i < 3; i++) {
        struct thread thread;
        thread_init(&thread, id);
        fold_lead(&thread, fake, civil, 1, 0, i < 2 ? both : alone, i < 2 ? 2 : 1);
        if (i < 2) thread_came_by(&thread, id, i == 0 ? by_us : through_us, i == 0 ? 2 : 3);
        fold_transfer(&thread, fake, civil, 5, 1, health, women, 7);
        assert_int_equal(thread_leg_of(&thread, civil, id)->state, LIFECYCLE_DELIVERED);
        if (i < 2) leg_is(&thread, police, 1, LIFECYCLE_TRANSFERRED, true);
        thread_fini(&thread);
    }
}

/* What is on its way is no proof that there is such a leg, and what cannot be told is not guessed.
 */
static void nothing_is_inherited_from_nothing(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {1};
    static const char *const signers[] = {police};
    struct thread thread;
    thread_init(&thread, id);
    fold_transfer(&thread, fake, women, 5, 1, health, women, 7); /* the lead is not here */
    assert_int_equal(thread.leg_count, 0);
    thread_fini(&thread);
    thread_init(&thread, id);
    fold_lead(&thread, fake, women, 1, 0, signers, 1);
    fold_transfer(&thread, fake, women, 5, 1, health, women, THREAD_PENDING);
    assert_int_equal(thread.leg_count, 1);
    fold_lead(&thread, fake, women, 2, 2, signers, 1);
    fold_transfer(&thread, fake, women, 6, 9, health, women, 7); /* of which of the two? */
    assert_int_equal(thread.leg_count, 2);
    fold_transfer(&thread, fake, women, 7, 2, health, women, 8);
    leg_is(&thread, women, 2, LIFECYCLE_DELIVERED, true);
    leg_is(&thread, police, 1, LIFECYCLE_SUBMITTED, true);
    thread_fini(&thread);
}

/* ---- questions ----------------------------------------------------------------------------------
 */

enum { LEAD = 1, ASK = 11, ANSWER = 12 };

static void fold_act(struct thread *thread, const struct fake *fake, const char *self,
                     const char *kind, const char *topic, const char *from, uint8_t id,
                     uint8_t parent, uint64_t index)
{
    Leadbus__Header head = LEADBUS__HEADER__INIT;
    uint8_t ids[16] = {id}, parents[16] = {parent};
    head.id = fake_binary(ids, 16);
    head.thread = fake_binary(thread->id, 16);
    head.parent = fake_binary(parents, 16);
    head.kind = (char *)(uintptr_t)kind;
    head.topic = (char *)(uintptr_t)topic;
    head.from = (char *)(uintptr_t)from;
    head.target = (char *)(uintptr_t)(strcmp(kind, "receipt.release-asked") == 0 ? women : "");
    head.urgency = 1;
    uint64_t at_ms = index == THREAD_PENDING ? 1 : STEP_MS * (index + 1);
    thread_apply(thread, plan_of(fake), self, &head, index, at_ms);
}

/* How many this unit is to decide; the first of them. */
static size_t own_decisions(const struct thread *thread, const struct fake *fake, const char *self,
                            struct thread_decision *ret)
{
    struct thread_decision one;
    size_t count = 0;
    for (size_t i = 0; thread_decision(thread, plan_of(fake), self, i, &one); i++)
        if (one.own && count++ == 0 && ret) *ret = one;
    return count;
}

static void begin(struct thread *thread, const struct fake *fake, const char *self)
{
    static const char *const signers[] = {civil};
    const uint8_t id[16] = {LEAD};
    thread_init(thread, id);
    fold_lead(thread, fake, self, LEAD, 0, signers, 1);
    fold_act(thread, fake, self, "receipt.signed", "", civil, 2, LEAD, 1);
}

/* As the store has it. */
static void kept(struct thread *thread)
{
    struct buf bytes = {0};
    struct thread again;
    thread_encode(thread, &bytes);
    thread_init(&again, thread->id);
    assert_int_equal(thread_decode(buf_bytes(&bytes), &again, NULL), 0);
    buf_fini(&bytes);
    thread_fini(thread);
    *thread = again;
}

static void a_release_waits_for_the_sender_and_then_for_the_office(void **state)
{
    const struct fake *fake = *state;
    static const char office[] = "joint-conference-office", school[] = "education";
    static const char *const readers[] = {school, office, civil};
    for (size_t i = 0; i < 3; i++) {
        struct thread thread;
        struct thread_decision one = {0};
        const char *self = readers[i];
        begin(&thread, fake, self);
        assert_int_equal(own_decisions(&thread, fake, self, NULL), 0);
        fold_act(&thread, fake, self, "receipt.release-asked", "", civil, ASK, LEAD,
                 THREAD_PENDING);
        fold_act(&thread, fake, self, "receipt.release-asked", "", civil, ASK, LEAD, 5);
        kept(&thread);
        assert_int_equal(thread.question_count, 1);
        /* By the record's time, however often it was folded. */
        assert_int_equal(thread.questions[0].at_ms, STEP_MS * 6);
        assert_true(thread.questions[0].due_ms > STEP_MS * 6);
        assert_int_equal(own_decisions(&thread, fake, self, &one), i == 0);
        if (i == 0) assert_string_equal(one.question->from, civil);
        if (i == 0) assert_false(one.escalated);
        assert_false(thread_unanswered(&thread, 4, school, 9999));
        assert_true(thread_unanswered(&thread, 5, school, 9999));
        kept(&thread);
        assert_int_equal(own_decisions(&thread, fake, self, &one), i < 2);
        if (i == 1) assert_true(one.escalated && one.question->due_ms == 9999);
        fold_act(&thread, fake, self, "receipt.released", "denied", school, ANSWER, ASK, 7);
        assert_int_equal(thread.question_count, 0);
        thread_fini(&thread);
    }
}

static void what_is_overtaken_waits_no_more(void **state)
{
    const struct fake *fake = *state;
    struct thread thread;
    begin(&thread, fake, "education");
    fold_act(&thread, fake, "education", "receipt.release-asked", "", civil, ASK, LEAD, 5);
    assert_int_equal(own_decisions(&thread, fake, "education", NULL), 1);
    fold_act(&thread, fake, "education", "receipt.returned", "insufficient", civil, 13, LEAD, 6);
    struct thread_decision one = {0};
    assert_int_equal(own_decisions(&thread, fake, "education", &one), 1);
    assert_int_equal(one.question->act, PLAN_ACT_RETURN);
    assert_string_equal(one.question->topic, "insufficient");
    /* Asked of others, it is settled; what is folded twice settles what came before it alone. */
    static const char *const signers[] = {police};
    fold_lead(&thread, fake, "education", 3, 7, signers, 1);
    assert_int_equal(thread.question_count, 0);
    thread_fini(&thread);
}

/* The office hears of a request, and of what comes of it, without the lead: what is over by other
 * ways is not its to decide any more. */
static void what_nobody_can_answer_any_more_is_not_owed(void **state)
{
    const struct fake *fake = *state;
    static const char office[] = "joint-conference-office";
    static const struct {
        const char *kind, *topic, *from;
        uint8_t parent;
        bool over;
    } rows[] = {{"receipt.closed", "unfounded", civil, LEAD, true},
                {"receipt.returned", "insufficient", civil, LEAD, true},
                {"notice.withdrawal", "", "education", LEAD, true},
                {"receipt.transferred", "agreed", civil, LEAD, true},
                {"receipt.closed", "unfounded", civil, 9, false}, /* another part of the same */
                {"receipt.closed", "unfounded", police, LEAD, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint8_t id[16] = {LEAD};
        struct thread thread;
        thread_init(&thread, id);
        fold_act(&thread, fake, office, "receipt.release-asked", "", civil, ASK, LEAD, 5);
        assert_true(thread_unanswered(&thread, 5, "education", 9999));
        assert_int_equal(own_decisions(&thread, fake, office, NULL), 1);
        fold_act(&thread, fake, office, rows[i].kind, rows[i].topic, rows[i].from, 13,
                 rows[i].parent, 8);
        if (own_decisions(&thread, fake, office, NULL) != !rows[i].over) fail_msg("%zu", i);
        thread_fini(&thread);
    }
}

/* Other units' programs may send what ours do not: an answer to nothing answers nothing. */
static void a_release_of_nothing_settles_nothing(void **state)
{
    const struct fake *fake = *state;
    struct thread thread;
    begin(&thread, fake, "education");
    fold_act(&thread, fake, "education", "receipt.release-asked", "", civil, ASK, LEAD, 5);
    Leadbus__Header head = LEADBUS__HEADER__INIT;
    uint8_t ids[16] = {ANSWER};
    head.id = fake_binary(ids, 16);
    head.thread = fake_binary(thread.id, 16);
    head.kind = (char *)(uintptr_t) "receipt.released";
    head.from = (char *)(uintptr_t)civil;
    thread_apply(&thread, plan_of(fake), "education", &head, 6, STEP_MS * 7);
    assert_int_equal(own_decisions(&thread, fake, "education", NULL), 1);
    thread_fini(&thread);
}

/* Nobody tells a sender when another machine had it: who signs late did not get it late. */
static void of_a_delivery_elsewhere_no_term_runs(void **state)
{
    const struct fake *fake = *state;
    const uint8_t lead[16] = {LEAD};
    enum plan_clock_index clock;
    uint64_t due_ms = 0;
    static const char *const signers[] = {civil};
    struct thread thread;
    thread_init(&thread, lead);
    fold_lead(&thread, fake, "education", LEAD, 0, signers, 1);
    const struct thread_leg *leg = thread_leg_of(&thread, civil, lead);
    assert_non_null(leg);
    assert_true(!clocks_next(&leg->clocks, &clock, &due_ms) || clock != PLAN_CLOCK_DELIVER);
    fold_act(&thread, fake, "education", "receipt.signed", "", civil, 3, LEAD, 10000000);
    leg = thread_leg_of(&thread, civil, lead);
    assert_int_equal(leg->state, LIFECYCLE_SIGNED);
    assert_false(leg->clocks.missed >> PLAN_CLOCK_DELIVER & 1);
    thread_fini(&thread);
    begin(&thread, fake, civil); /* its own machine knows */
    leg = thread_leg_of(&thread, civil, lead);
    assert_int_not_equal(leg->clocks.at_s[PLAN_CLOCK_DELIVER], 0);
    thread_fini(&thread);
}

/* Who passed it on is sent the progress and the closing, not what was signed and accepted before.
 */
static void what_was_not_sent_here_came_before_all_the_same(void **state)
{
    const struct fake *fake = *state;
    static const char *const signers[] = {civil};
    const uint8_t lead[16] = {LEAD};
    struct thread thread;
    thread_init(&thread, lead);
    fold_lead(&thread, fake, police, LEAD, 0, signers, 1);
    fold_act(&thread, fake, police, "receipt.progress", "", women, 3, LEAD, 4);
    leg_is(&thread, civil, LEAD, LIFECYCLE_SUBMITTED, true); /* another unit's word */
    fold_act(&thread, fake, police, "receipt.progress", "", civil, 4, LEAD, THREAD_PENDING);
    leg_is(&thread, civil, LEAD, LIFECYCLE_SUBMITTED, true);
    fold_act(&thread, fake, police, "receipt.progress", "", civil, 4, LEAD, 5);
    leg_is(&thread, civil, LEAD, LIFECYCLE_PROGRESS, true);
    thread_fini(&thread);
    thread_init(&thread, lead);
    fold_lead(&thread, fake, police, LEAD, 0, signers, 1);
    fold_act(&thread, fake, police, "receipt.closed", "unfounded", civil, 4, LEAD, 10000000);
    leg_is(&thread, civil, LEAD, LIFECYCLE_CLOSED, true);
    const struct thread_leg *leg = thread_leg_of(&thread, civil, lead);
    assert_string_equal(leg->outcome, "unfounded");
    assert_int_equal(leg->clocks.missed, 0);
    thread_fini(&thread);
}

static void an_objection_waits_for_the_office(void **state)
{
    const struct fake *fake = *state;
    static const char office[] = "joint-conference-office";
    struct thread thread;
    for (int told = 0; told < 2; told++) { /* of the lead, or of the objection alone */
        const uint8_t id[16] = {LEAD};
        if (told)
            begin(&thread, fake, office);
        else
            thread_init(&thread, id);
        if (told) fold_act(&thread, fake, office, "receipt.accepted", "", civil, 3, LEAD, 2);
        if (told) fold_act(&thread, fake, office, "receipt.closed", "unfounded", civil, 4, LEAD, 3);
        fold_act(&thread, fake, office, "receipt.objected", "", "education", ASK, 4, 5);
        kept(&thread);
        struct thread_decision one = {0};
        assert_int_equal(own_decisions(&thread, fake, office, &one), 1);
        assert_string_equal(one.unit, office);
        assert_true((one.leg != NULL) == (told == 1));
        assert_int_equal(own_decisions(&thread, fake, civil, NULL), 0);
        fold_act(&thread, fake, office, "supervision.upholding", "", office, ANSWER, ASK, 7);
        assert_int_equal(thread.question_count, 0);
        thread_fini(&thread);
    }
}

static void of_very_many_questions_by_one_unit_its_newest_are_kept(void **state)
{
    const struct fake *fake = *state;
    const uint8_t id[16] = {LEAD};
    struct thread thread;
    thread_init(&thread, id);
    fold_act(&thread, fake, police, "receipt.objected", "", civil, 3, 2, 0);
    for (uint64_t i = 0; i < THREAD_QUESTION_COUNT_MAX + 10; i++) {
        Leadbus__Header head = LEADBUS__HEADER__INIT;
        uint8_t ids[16] = {ASK};
        store_u64(ids + 8, i);
        head.id = fake_binary(ids, 16);
        head.thread = fake_binary(thread.id, 16);
        head.parent = fake_binary(thread.id, 16);
        head.kind = (char *)(uintptr_t) "receipt.objected";
        head.from = (char *)(uintptr_t) "education";
        thread_apply(&thread, plan_of(fake), police, &head, i, STEP_MS * (i + 1));
    }
    kept(&thread);
    assert_int_equal(thread.question_count, THREAD_QUESTION_COUNT_MAX);
    assert_string_equal(thread.questions[0].from, civil);
    assert_int_equal(thread.questions[1].index, 11);
    thread_fini(&thread);
}

/* A store whose threads were folded by other rules: what is ours to sign is due again. */
static void a_start_mends_what_was_folded_before(void **state)
{
    struct fake *fake = *state;
    struct fake_unit *unit = &fake->units[1];
    char path[] = "/tmp/leadbus-thread-XXXXXX", side[64];
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    const uint8_t before[] = {3};
    struct engine_draft draft = {
        .kind = "lead.mandatory-report", .topic = "", .area = "", .officer = "O-1", .purpose = ""};
    const struct seal_section sections[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                            {"full", {(const uint8_t *)"what", 4}}};
    struct engine_thread thread;
    uint8_t id[16];
    uint64_t owed, overdue;
    int descriptor = mkstemp(path);
    CHECK(descriptor >= 0 && close(descriptor) == 0);
    engine_free(unit->engine);
    box_close(unit->box);
    fake_start(fake, unit, path, NULL);
    fake_online(fake, unit);
    draft.sections = sections;
    draft.section_count = 2;
    assert_int_equal(engine_stage(fake->units[0].engine, fake_moment(fake), &draft, id, NULL), 0);
    fake_run(fake);
    assert_int_equal(engine_thread_load(unit->engine, fake_moment(fake), id, &thread, NULL), 0);
    assert_int_equal(thread.thread.leg_count, 1);
    thread.thread.leg_count = thread.thread.act_count = 0;
    assert_int_equal(box_legs_forget(unit->box, id, NULL), 0);
    assert_int_equal(engine_thread_save(unit->engine, fake_moment(fake), &thread, NULL), 0);
    engine_thread_fini(&thread);
    assert_int_equal(box_value_put(unit->box, "legs", bytes_of(before, 1), NULL), 0);
    assert_int_equal(box_commit(unit->box, NULL), 0);
    engine_free(unit->engine);
    box_close(unit->box);
    fake_start(fake, unit, path, NULL);
    assert_int_equal(engine_thread_load(unit->engine, NULL, id, &thread, NULL), 0);
    assert_int_equal(thread.thread.leg_count, 1);
    engine_thread_fini(&thread);
    assert_int_equal(box_legs_count(unit->box, 0, &owed, &overdue, NULL), 0);
    assert_int_equal(owed, 1);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(side, sizeof side, "%s%s", path, suffixes[i]);
        (void)unlink(side);
    }
}

static int setup(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    (void)fake_add(&fake, "education");
    (void)fake_add(&fake, police);
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    *state = &fake;
    return 0;
}

static int teardown(void **state)
{
    fake_fini(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(through_units_that_it_never_heard_of, setup, teardown),
        cmocka_unit_test_setup_teardown(of_two_who_could_have_passed_it_on_neither_is_said_to,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_broker_names_by_whom_it_came, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_passes_on_what_this_unit_has, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_inherited_from_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_release_waits_for_the_sender_and_then_for_the_office,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_overtaken_waits_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_nobody_can_answer_any_more_is_not_owed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_release_of_nothing_settles_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(an_objection_waits_for_the_office, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_delivery_elsewhere_no_term_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_not_sent_here_came_before_all_the_same, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(of_very_many_questions_by_one_unit_its_newest_are_kept,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(own_legs_are_kept_when_there_are_too_many, setup, teardown),
        cmocka_unit_test_setup_teardown(a_start_mends_what_was_folded_before, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
