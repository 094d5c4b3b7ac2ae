/* The chains: the table on every set of steps, and the core on a thread that goes through one. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/plan/chains.h"
#include "tests/lib/plan_files.h"
#include "tests/mission/scene.h"

enum { MINUTE_MS = 60 * 1000, STEP_MAX = 16 };

/* ---- the table ----------------------------------------------------------------------------------
 */

static size_t step_number(const struct plan *plan, const char *step)
{
    size_t i = 0;
    while (i < plan_step_count(plan) && strcmp(plan_step(plan, i)->step, step) != 0) i++;
    assert_true(i < plan_step_count(plan));
    return i;
}

/* A unit that a row is about, and the topic: NULL and "" where it says nothing. */
static uint16_t unit_of_row(const struct plan *plan, const struct plan_chain_row *row)
{
    if (row->by_count == 0) return plan_unit_find(plan, "police-hedong");
    return row->by[0].group ? plan_group(plan, row->by[0].index)->members[0].unit
                            : row->by[0].index;
}

static struct chains_event event_of_row(const struct plan *plan, const struct plan_chain_row *row,
                                        size_t kind, uint64_t at_ms)
{
    const struct plan_kind *found = plan_kind_find(plan, row->kinds[kind]);
    const char *topic = row->topic_count > 0 ? row->topics[0] : "";
    struct chains_event event = {.plan = plan,
                                 .kind = found,
                                 .topic = topic,
                                 .from = unit_of_row(plan, row),
                                 .opens = row->on == PLAN_CHAIN_OPEN,
                                 .occurred_ms = at_ms,
                                 .now_ms = at_ms};
    if (row->on != PLAN_CHAIN_ACCEPT) return event;
    event.kind = plan_kind_find(plan, "receipt.accepted");
    event.topic = "";
    event.accepts = found;
    event.accepts_topic = topic;
    return event;
}

/* The same table, read from its rows in another way: one after the other, no masks of needs. */
static bool may_come(const struct plan *plan, const struct plan_chain_row *row,
                     const struct chains *chains, uint64_t at_ms, uint64_t *ret_missing,
                     bool *ret_counts)
{
    bool begun = false, barred = false;
    *ret_missing = 0;
    *ret_counts = true;
    for (size_t step = 0; step < plan_step_count(plan); step++) {
        if (!(chains->done >> step & 1)) continue;
        barred = barred || (row->bars >> step & 1);
        if (strcmp(plan_step(plan, step)->chain, plan_step(plan, row->step)->chain) != 0) continue;
        for (size_t i = 0; i < plan_chain_row_count(plan); i++)
            begun =
                begun || (plan_chain_row(plan, i)->step == step && !plan_chain_row(plan, i)->alone);
    }
    for (size_t i = 0; i < row->after_count; i++) {
        bool one = false;
        for (size_t step = 0; step < plan_step_count(plan); step++) {
            uint64_t days = row->over >> step & 1 ? plan_step(plan, step)->period_days + 15 : 0;
            one =
                one || ((row->after[i] >> step & 1) && (chains->done >> step & 1) &&
                        chains->at_ms[step] <= at_ms &&
                        (days == 0 || chains->recorded_ms[step] + days * DISTRICT_DAY_MS <= at_ms));
        }
        if (!one) *ret_missing |= row->after[i];
    }
    if (row->alone && !begun) { /* it is a message like others */
        *ret_counts = row->early || *ret_missing == 0;
        *ret_missing = 0;
        return true;
    }
    return !barred && *ret_missing == 0;
}

static void every_step_waits_for_every_set_of_others_as_the_table_says(void **state)
{
    const struct plan *plan = ((struct scene *)*state)->plan;
    size_t steps = plan_step_count(plan), taken = 0, refused = 0, uncounted = 0;
    uint64_t start_ms = 1800000000000ull, late_ms = start_ms + 90 * DISTRICT_DAY_MS;
    assert_true(steps >= 9 && steps <= STEP_MAX);
    for (size_t i = 0; i < plan_chain_row_count(plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(plan, i);
        for (uint64_t set = 0; set < (uint64_t)1 << steps; set++) {
            struct chains chains = {.done = set};
            struct chains_change change;
            struct error error = {0};
            uint64_t missing;
            bool counts;
            for (size_t s = 0; s < steps; s++) {
                if (!(set >> s & 1)) continue;
                chains.at_ms[s] = start_ms + s * MINUTE_MS;
                chains.recorded_ms[s] = chains.at_ms[s] + MINUTE_MS;
            }
            struct chains_event event = event_of_row(plan, row, set % row->kind_count, late_ms);
            /* What opens a thread finds it empty, and takes a step of another row first. */
            if (event.opens && set != 0) continue;
            if (event.opens) continue;
            if (row->on == PLAN_CHAIN_WAIVE) { /* where it is owed, and nowhere else */
                assert_int_equal(chains_next(&chains, &event, &change, &error), E_CHAIN_ORDER);
                chains.done &= ~((uint64_t)1 << row->step);
                chains.owed = (uint64_t)1 << row->step;
                assert_int_equal(chains_next(&chains, &event, &change, &error), 0);
                assert_int_equal(change.moot, chains.owed);
                assert_int_equal(change.done, 0);
                continue;
            }
            bool may = may_come(plan, row, &chains, late_ms, &missing, &counts);
            int r = chains_next(&chains, &event, &change, &error);
            assert_int_equal(r, may ? 0 : E_CHAIN_ORDER);
            if (may) {
                taken++;
                assert_int_equal(change.done >> row->step & 1, counts);
                assert_int_equal(change.owed, 0);
                uncounted += !counts;
                continue;
            }
            refused++;
            assert_string_equal(error.field, "kind");
            assert_non_null(strstr(error.detail_zh, plan_step(plan, row->step)->name_zh));
            assert_non_null(strstr(error.detail, plan_step(plan, row->step)->name_en));
            /* With a reason it comes early where the table lets it, and what is missing is owed. */
            event.early = true;
            bool early = row->early && !(row->bars & set);
            assert_int_equal(chains_next(&chains, &event, &change, NULL),
                             early ? 0 : E_CHAIN_ORDER);
            if (early) assert_int_equal(change.owed, missing & ~set);
        }
    }
    print_message("%zu taken, %zu refused\n", taken, refused);
    assert_true(taken > 1000 && refused > 1000 && uncounted > 100);
}

/* Kinds and topics that no row lets come early have no use for the flag. */
static void what_may_not_come_early_is_known(void **state)
{
    const struct scene *scene = *state;
    static const struct {
        const char *kind, *topic;
        bool early;
    } rows[] = {{"handoff.victim", "", true},
                {"handoff.medical", "request", true},
                {"handoff.medical", "result", false},
                {"handoff.medical", "", false},
                {"handoff.settlement", "", true},
                {"handoff.reunion", "", true},
                {"lead.street-minor", "", false},
                {"receipt.accepted", "", false},
                {"handoff.kin-notice", "publish", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct plan_kind *kind = plan_kind_find(scene->plan, rows[i].kind);
        assert_non_null(kind);
        if (chains_may_come_early(scene->plan, kind, rows[i].topic) != rows[i].early)
            fail_msg("%s %s", rows[i].kind, rows[i].topic);
    }
}

/* The flag says that a section states why: there must be a field for it, for no copy to read. */
static void what_may_come_early_has_room_for_its_reason(void **state)
{
    const struct scene *scene = *state;
    size_t early = 0;
    for (size_t i = 0; i < plan_chain_row_count(scene->plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(scene->plan, i);
        for (size_t k = 0; row->early && k < row->kind_count; k++, early++) {
            const struct plan_kind *kind = scene_kind(scene, row->kinds[k]);
            bool room = false;
            for (size_t s = 0; s < kind->section_count; s++) {
                bool has = scene_field(scene_message(scene, kind->slug, kind->sections[s].name),
                                       "gap_reason") != NULL;
                assert_false(has && kind->sections[s].copy);
                room = room || has;
            }
            if (!room) fail_msg("%s has no field gap_reason", kind->slug);
        }
    }
    assert_true(early >= 4);
}

/* Whatever a chain asks, nothing holds up a lead, nor what is done about one. */
static void no_report_waits_for_a_step(void **state)
{
    const struct plan *plan = ((struct scene *)*state)->plan;
    for (size_t i = 0; i < plan_chain_row_count(plan); i++) {
        const struct plan_chain_row *row = plan_chain_row(plan, i);
        for (size_t k = 0; k < row->kind_count; k++) {
            const struct plan_kind *kind = plan_kind_find(plan, row->kinds[k]);
            bool waits = row->on != PLAN_CHAIN_ACCEPT && (row->after_count > 0 || row->bars != 0);
            assert_false(waits && kind->family == PLAN_FAMILY_LEAD);
        }
    }
    /* Every exempt lead goes onto a thread in any state, and is signed for and accepted there. */
    struct chains chains = {.done = plan_chain_steps(plan, 0)};
    struct chains_change change;
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        struct chains_event event = {.plan = plan,
                                     .kind = kind,
                                     .topic = "",
                                     .from = plan_unit_find(plan, "police-hedong"),
                                     .now_ms = 1};
        if (kind->family != PLAN_FAMILY_LEAD) continue;
        assert_int_equal(chains_next(&chains, &event, &change, NULL), 0);
        event.accepts = kind;
        event.accepts_topic = "";
        event.kind = plan_kind_find(plan, "receipt.accepted");
        assert_int_equal(chains_next(&chains, &event, &change, NULL), 0);
    }
}

static void order_is_by_the_times_stated(void **state)
{
    const struct plan *plan = ((struct scene *)*state)->plan;
    const struct plan_chain_row *handover = NULL;
    for (size_t i = 0; i < plan_chain_row_count(plan); i++)
        if (plan_chain_row(plan, i)->step == step_number(plan, "handover"))
            handover = plan_chain_row(plan, i);
    assert_non_null(handover);
    uint64_t ten_ms = 1800000000000ull;
    size_t dna = step_number(plan, "dna"), take_over = step_number(plan, "take-over");
    struct chains chains = {.done = (uint64_t)1 << dna | (uint64_t)1 << take_over};
    struct chains_change change;
    struct error error = {0};
    chains.at_ms[take_over] = ten_ms - MINUTE_MS;
    chains.at_ms[dna] = ten_ms;
    struct chains_event event = event_of_row(plan, handover, 0, ten_ms - 1);
    event.now_ms = ten_ms + DISTRICT_DAY_MS; /* entered a day later, and it was too early then */
    assert_int_equal(chains_next(&chains, &event, &change, &error), E_CHAIN_ORDER);
    assert_non_null(strstr(error.detail, "came later by the times stated"));
    event.occurred_ms = ten_ms;
    assert_int_equal(chains_next(&chains, &event, &change, &error), 0);
    assert_int_equal(change.at_ms, ten_ms);
    event.occurred_ms = 0; /* nothing stated: its record */
    assert_int_equal(chains_next(&chains, &event, &change, &error), 0);
    assert_int_equal(change.at_ms, event.now_ms);
    event.occurred_ms = event.now_ms + 1; /* a plan is no fact */
    assert_int_equal(chains_next(&chains, &event, &change, &error), 0);
    assert_int_equal(change.at_ms, event.now_ms);
}

/* ---- a thread -----------------------------------------------------------------------------------
 */

struct line {
    const char *step, *kind, *topic, *from;
    bool on_handover; /* refers to the handover and not to the lead */
};
static const struct line rescue[] = {
    {"", "receipt.signed", "", "police-hedong", false},
    {"take-over", "receipt.accepted", "", "police-hedong", false},
    {"dna", "handoff.dna-conclusion", "", "police-hedong", false},
    {"handover", "handoff.victim", "", "police-hedong", false},
    {"", "receipt.signed", "", "civil-affairs", true},
    {"received", "receipt.accepted", "", "civil-affairs", true},
    {"medical-request", "handoff.medical", "request", "civil-affairs", false},
    {"medical", "handoff.medical", "result", "health", false},
    {"kin-notice", "handoff.kin-notice", "publish", "civil-affairs", false},
    {"settlement", "handoff.settlement", "", "civil-affairs", false},
    {"reunion", "handoff.reunion", "", "police-hedong", false},
    {"case-file", "notice.case-file", "", "civil-affairs", false},
};
enum { RESCUE_COUNT = sizeof rescue / sizeof *rescue };

struct run {
    struct scene *scene;
    struct district_letter *lead, *handover;
    uint64_t done;
    uint64_t at_ms[PLAN_STEP_COUNT_MAX];
};

static struct run begin(struct scene *scene)
{
    struct run run = {.scene = scene};
    run.lead = scene_send(scene, "lead.exploitation", "begging", "education", NULL);
    return run;
}

static struct district_draft draft_of(const struct run *run, const struct line *line)
{
    return (struct district_draft){.kind = line->kind,
                                   .topic = line->topic,
                                   .area = SCENE_AREA,
                                   .from = line->from,
                                   .parent = line->on_handover ? run->handover : run->lead};
}

static void go(struct run *run, size_t i, bool early, uint64_t occurred_ms)
{
    struct district_draft draft = draft_of(run, &rescue[i]);
    draft.early = early;
    draft.occurred_ms = occurred_ms;
    struct district_letter *letter = scene_send_draft(run->scene, &draft);
    if (strcmp(rescue[i].step, "handover") == 0) run->handover = letter;
    if (!rescue[i].step[0]) return;
    size_t step = step_number(run->scene->plan, rescue[i].step);
    run->done |= (uint64_t)1 << step;
    run->at_ms[step] = occurred_ms ? occurred_ms : run->scene->district->now_ms;
}

static size_t line_number(const char *step)
{
    size_t i = 0;
    while (strcmp(rescue[i].step, step) != 0) i++;
    return i;
}

static void go_until(struct run *run, const char *step)
{
    size_t last = line_number(step);
    for (size_t i = 0; i <= last; i++) go(run, i, false, 0);
}

/* After every prefix each later step is tried: taken where the table lets it, else refused with the
 * code and the name of what is missing. */
static void a_thread_takes_its_steps_in_order_and_no_other(void **state)
{
    struct run run = begin(*state);
    const struct plan *plan = run.scene->plan;
    size_t refused = 0;
    for (size_t i = 0; i < RESCUE_COUNT; i++) {
        for (size_t k = i + 1; k < RESCUE_COUNT; k++) {
            const struct plan_chain_row *row = NULL;
            struct chains chains = {.done = run.done};
            uint64_t missing;
            bool counts;
            if (!rescue[k].step[0] || (rescue[k].on_handover && !run.handover)) continue;
            for (size_t r = 0; r < plan_chain_row_count(plan); r++)
                if (plan_chain_row(plan, r)->step == step_number(plan, rescue[k].step) &&
                    plan_chain_row(plan, r)->on == PLAN_CHAIN_SEND)
                    row = plan_chain_row(plan, r);
            if (!row) continue; /* an act: its order is the lifecycle's as well */
            memcpy(chains.at_ms, run.at_ms, sizeof run.at_ms);
            memcpy(chains.recorded_ms, run.at_ms, sizeof run.at_ms);
            bool may = may_come(plan, row, &chains, run.scene->district->now_ms, &missing, &counts);
            struct district_draft draft = draft_of(&run, &rescue[k]);
            int r = scene_try(run.scene, &draft);
            if (r == E_THREAD_UNKNOWN) continue; /* not on the thread yet */
            if (r != (may ? 0 : E_CHAIN_ORDER))
                fail_msg("%s after %zu: %s", rescue[k].step, i, error_name(r));
            refused += !may;
        }
        if (strcmp(rescue[i].step, "reunion") == 0) { /* settled: the two exclude each other */
            struct district_draft draft = draft_of(&run, &rescue[i]);
            expect_draft_refused(run.scene, &draft, E_CHAIN_ORDER);
            continue;
        }
        if (strcmp(rescue[i].step, "settlement") == 0)
            run.scene->district->now_ms += 45 * DISTRICT_DAY_MS;
        run.scene->district->now_ms += MINUTE_MS;
        go(&run, i, false, 0);
    }
    assert_true(refused > 20);
    struct core_thread_step steps[STEP_MAX];
    size_t count = core_thread_steps(run.scene->core, run.lead->id, steps, STEP_MAX);
    uint64_t chain = plan_chain_steps(plan, step_number(plan, "dna"));
    size_t all = 0;
    for (; chain; chain &= chain - 1) all++;
    assert_int_equal(count, all - 1); /* all but the reunion */
    for (size_t i = 0; i < count; i++) assert_false(steps[i].owed);
}

static bool owes(const struct run *run, const char *name)
{
    struct core_thread_step steps[STEP_MAX];
    size_t count = core_thread_steps(run->scene->core, run->lead->id, steps, STEP_MAX);
    for (size_t i = 0; i < count; i++)
        if (strcmp(steps[i].step, name) == 0) return steps[i].owed;
    return false;
}

static void care_comes_before_papers_and_they_stay_owed(void **state)
{
    struct run run = begin(*state);
    go_until(&run, "take-over");
    size_t handover = line_number("handover");
    struct district_draft draft = draft_of(&run, &rescue[handover]);
    expect_draft_refused(run.scene, &draft, E_CHAIN_ORDER);
    go(&run, handover, true, 0);
    assert_true(owes(&run, "rescue/dna"));
    for (size_t i = handover + 1; i <= line_number("kin-notice"); i++) go(&run, i, false, 0);
    assert_true(owes(&run, "rescue/dna")); /* and what follows does not make up for it */
    run.scene->district->now_ms += 45 * DISTRICT_DAY_MS;
    draft = draft_of(&run, &rescue[line_number("settlement")]);
    expect_draft_refused(run.scene, &draft, E_CHAIN_ORDER);
    go(&run, line_number("dna"), false, 0);
    assert_false(owes(&run, "rescue/dna"));
    go(&run, line_number("settlement"), false, 0);
}

static bool is_moot(const struct run *run, const char *name)
{
    struct core_thread_step steps[STEP_MAX];
    size_t count = core_thread_steps(run->scene->core, run->lead->id, steps, STEP_MAX);
    for (size_t i = 0; i < count; i++)
        if (strcmp(steps[i].step, name) == 0) return steps[i].moot;
    return false;
}

/* What is owed is needed no more when one of those says so whom the table names; then nothing waits
 * for it, and it may come all the same. */
static void what_is_owed_is_waived_by_whom_the_table_names(void **state)
{
    static const char moot[] = "notice.moot";
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "take-over");
    expect_refused(scene, moot, "dna", "police-hedong", run.lead, E_CHAIN_ORDER); /* not owed */
    size_t handover = line_number("handover");
    go(&run, handover, true, 0);
    assert_true(owes(&run, "rescue/dna"));
    for (size_t i = handover + 1; i <= line_number("kin-notice"); i++) go(&run, i, false, 0);
    scene->district->now_ms += 45 * DISTRICT_DAY_MS;
    struct district_draft settles = draft_of(&run, &rescue[line_number("settlement")]);
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    expect_refused(scene, moot, "dna", "civil-affairs", run.lead, E_SENDER_NOT_ALLOWED);
    expect_refused(scene, moot, "dna", "education", run.lead, E_SENDER_NOT_ALLOWED);
    expect_refused(scene, moot, "medical", "health", run.lead, E_CHAIN_ORDER); /* it has come */
    (void)scene_send(scene, moot, "dna", "joint-conference-office", run.lead);
    assert_false(owes(&run, "rescue/dna"));
    assert_true(is_moot(&run, "rescue/dna"));
    expect_refused(scene, moot, "dna", "police-hedong", run.lead, E_CHAIN_ORDER); /* once */
    expect_draft_refused(scene, &settles, 0);
    go(&run, line_number("dna"), false, 0);
    assert_false(is_moot(&run, "rescue/dna"));
    go(&run, line_number("settlement"), false, 0);
}

/* The search for kin is a leg of its own; nothing that settles a child closes it. */
static void settlement_leaves_the_search_for_kin_open(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "handover");
    struct district_letter *search =
        scene_send(scene, "handoff.dna-request", "", "civil-affairs", run.lead);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", search);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", search);
    for (size_t i = line_number("handover") + 1; i <= line_number("kin-notice"); i++)
        go(&run, i, false, 0);
    scene->district->now_ms += 45 * DISTRICT_DAY_MS;
    struct district_draft draft = draft_of(&run, &rescue[line_number("settlement")]);
    struct district_letter *settled = scene_send_draft(scene, &draft);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", settled);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", settled);
    (void)scene_send(scene, "receipt.closed", "settled", "police-hedong", settled);
    assert_int_equal(scene_leg(scene, settled, "police-hedong"), LIFECYCLE_CLOSED);
    assert_int_equal(scene_leg(scene, search, "police-hedong"), LIFECYCLE_ACCEPTED);
    assert_int_equal(scene_leg_view(scene, search, "police-hedong").clocks.ended_s, 0);
    (void)scene_send(scene, "handoff.dna-conclusion", "", "police-hedong", run.lead);
}

/* The papers were signed while the network was down, in the right order; they are entered in the
 * right order too, days later. */
static void papers_entered_late_stand_where_they_were_signed(void **state)
{
    struct run run = begin(*state);
    go_until(&run, "take-over");
    uint64_t start_ms = run.scene->district->now_ms;
    run.scene->district->now_ms += 3 * DISTRICT_DAY_MS;
    size_t dna = line_number("dna"), handover = line_number("handover");
    go(&run, dna, false, start_ms + 60 * MINUTE_MS);
    struct district_draft draft = draft_of(&run, &rescue[handover]);
    draft.occurred_ms = start_ms + 30 * MINUTE_MS;
    expect_draft_refused(run.scene, &draft, E_CHAIN_ORDER); /* handed over before it was taken */
    go(&run, handover, false, start_ms + 90 * MINUTE_MS);
    struct core_thread_step steps[STEP_MAX];
    (void)core_thread_steps(run.scene->core, run.lead->id, steps, STEP_MAX);
    assert_string_equal(steps[2].step, "rescue/handover");
    assert_int_equal(steps[2].at_ms, start_ms + 90 * MINUTE_MS);
}

/* The thirty days of the notice are the law's. Everything on one thread, dated back as its senders
 * like: it moves the order of the papers, and not the day on which the notice became known. */
static void a_period_runs_from_its_record_whatever_is_stated(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    uint64_t start_ms = scene->district->now_ms, old_ms = start_ms - 10000 * DISTRICT_DAY_MS;
    for (size_t i = 0; i <= line_number("kin-notice"); i++)
        go(&run, i, false, old_ms + i * MINUTE_MS);
    struct district_draft settles = draft_of(&run, &rescue[line_number("settlement")]);
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    settles.occurred_ms = start_ms - DISTRICT_DAY_MS; /* nor does that of what waits for it */
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    struct core_thread_step steps[STEP_MAX];
    size_t count = core_thread_steps(scene->core, run.lead->id, steps, STEP_MAX);
    assert_string_equal(steps[count - 1].step, "rescue/kin-notice");
    assert_int_equal(steps[count - 1].at_ms, old_ms + line_number("kin-notice") * MINUTE_MS);
    uint64_t end_ms = chains_period_end(scene->plan, step_number(scene->plan, "kin-notice"),
                                        steps[count - 1].recorded_ms);
    assert_true(end_ms > start_ms + 30 * DISTRICT_DAY_MS);
    settles.occurred_ms = 0;
    scene->district->now_ms = end_ms - 1;
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    scene->district->now_ms = end_ms;
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0);
    (void)scene_send_draft(scene, &settles);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0); /* nothing was cut short */
}

/* Who cannot wait says why, and who supervises hears of it: of a notice that has not run its days,
 * and of one that nobody has published. */
static void a_period_that_is_cut_short_is_told(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "kin-notice");
    scene->district->now_ms += 7 * DISTRICT_DAY_MS;
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0);
    go(&run, line_number("settlement"), true, 0);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 1);
    struct run other = begin(scene);
    go_until(&other, "medical");
    go(&other, line_number("settlement"), true, 0);
    assert_true(owes(&other, "rescue/kin-notice"));
    assert_int_equal(scene_alarms(scene, "procuratorate"), 1);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0); /* once */
    /* Care that comes before papers cuts no period. */
    struct run third = begin(scene);
    go_until(&third, "take-over");
    go(&third, line_number("handover"), true, 0);
    assert_int_equal(scene_alarms(scene, "procuratorate"), 0);
}

/* What came on the thread before anybody had taken the person over is no step of the chain: but
 * care, which may come before everything, and what followed that. */
static void what_came_before_the_chain_counts_for_nothing(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    run.lead = scene_send(scene, "lead.street-minor", "", "health", NULL);
    uint64_t old_ms = scene->district->now_ms - 10000 * DISTRICT_DAY_MS;
    go(&run, 0, false, 0); /* the police sign */
    struct district_draft signs = {.kind = "receipt.signed", .parent = run.lead};
    signs.from = "civil-affairs";
    (void)scene_send_draft(scene, &signs);
    go(&run, line_number("kin-notice"), false, old_ms);
    go(&run, line_number("dna"), false, old_ms);
    go(&run, line_number("medical-request"), false, old_ms);
    go(&run, line_number("medical"), false, old_ms);
    struct core_thread_step steps[STEP_MAX];
    size_t count = core_thread_steps(scene->core, run.lead->id, steps, STEP_MAX);
    assert_int_equal(count, 2);
    assert_string_equal(steps[0].step, "rescue/medical-request");
    assert_string_equal(steps[1].step, "rescue/medical");
    go(&run, line_number("take-over"), false, 0);
    signs.kind = "receipt.accepted";
    (void)scene_send_draft(scene, &signs); /* civil affairs have the child */
    struct district_draft settles = draft_of(&run, &rescue[line_number("settlement")]);
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    go(&run, line_number("dna"), false, 0);
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    go(&run, line_number("kin-notice"), false, 0);
    uint64_t now_ms = scene->district->now_ms;
    expect_draft_refused(scene, &settles, E_CHAIN_ORDER);
    scene->district->now_ms =
        chains_period_end(scene->plan, step_number(scene->plan, "kin-notice"), now_ms);
    (void)scene_send_draft(scene, &settles);
}

/* ---- custody ------------------------------------------------------------------------------------
 */

static void expect_custody(const struct run *run, enum chains_holder holder, const char *unit)
{
    struct core_thread_custody view = core_thread_custody(run->scene->core, run->lead->id);
    assert_int_equal(view.custody.holder, holder);
    assert_string_equal(view.unit, unit);
}

static void custody_goes_from_hand_to_hand(void **state)
{
    struct run run = begin(*state);
    expect_custody(&run, CHAINS_NOBODY, "");
    go_until(&run, "take-over");
    expect_custody(&run, CHAINS_UNIT, "police-hedong");
    for (size_t i = line_number("take-over") + 1; i < line_number("received"); i++)
        go(&run, i, false, 0);
    expect_custody(&run, CHAINS_UNIT, "police-hedong"); /* until who receives has signed */
    for (size_t i = line_number("received"); i <= line_number("kin-notice"); i++)
        go(&run, i, false, 0);
    expect_custody(&run, CHAINS_UNIT, "civil-affairs");
    go(&run, line_number("reunion"), false, 0);
    expect_custody(&run, CHAINS_FAMILY, "");
    assert_int_equal(core_thread_custody(run.scene->core, run.lead->id).custody.gap_count, 0);
}

static struct district_letter *hand_over(const struct run *run, uint64_t occurred_ms)
{
    struct district_draft draft = draft_of(run, &rescue[line_number("handover")]);
    draft.occurred_ms = occurred_ms;
    return scene_send_draft(run->scene, &draft);
}

/* Whoever has given the child away lets go of nobody, however the paper is dated: it would make a
 * gap in the custody of who has the child. */
static void only_who_has_the_person_hands_over(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "dna");
    scene->district->now_ms += DISTRICT_DAY_MS;
    go(&run, line_number("handover"), false, 0);
    struct district_letter *twice = hand_over(&run, 0);
    go(&run, line_number("received") - 1, false, 0);
    go(&run, line_number("received"), false, 0);
    uint64_t since_ms = core_thread_custody(scene->core, run.lead->id).custody.since_ms;
    scene->district->now_ms += DISTRICT_DAY_MS;
    struct district_draft draft = draft_of(&run, &rescue[line_number("handover")]);
    expect_draft_refused(scene, &draft, E_CHAIN_ORDER);
    draft.occurred_ms = scene->district->now_ms - 60 * MINUTE_MS;
    expect_draft_refused(scene, &draft, E_CHAIN_ORDER);
    draft.early = true;
    expect_draft_refused(scene, &draft, E_CHAIN_ORDER);
    /* One that was sent twice is accepted twice, and the child came once. */
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", twice);
    (void)scene_send(scene, "receipt.accepted", "", "civil-affairs", twice);
    expect_custody(&run, CHAINS_UNIT, "civil-affairs");
    struct core_thread_custody view = core_thread_custody(scene->core, run.lead->id);
    assert_int_equal(view.custody.since_ms, since_ms);
    assert_int_equal(view.custody.gap_count, 0);
    assert_int_equal(scene_alarms(scene, "joint-conference-office"), 0);
}

/* With the family the child is with the family. A new matter is a new thread. */
static void nobody_takes_back_who_went_home(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "handover");
    struct district_letter *late = hand_over(&run, 0);
    (void)scene_send(scene, "receipt.signed", "", "civil-affairs", late);
    for (size_t i = line_number("handover") + 1; i <= line_number("kin-notice"); i++)
        go(&run, i, false, 0);
    scene->district->now_ms += DISTRICT_DAY_MS;
    go(&run, line_number("reunion"), false, 0);
    scene->district->now_ms += DISTRICT_DAY_MS;
    struct district_draft draft = draft_of(&run, &rescue[line_number("handover")]);
    expect_draft_refused(scene, &draft, E_CHAIN_ORDER);
    expect_refused(scene, "receipt.accepted", "", "civil-affairs", late, E_CHAIN_ORDER);
    expect_custody(&run, CHAINS_FAMILY, "");
    struct run again = begin(scene);
    go_until(&again, "received");
    expect_custody(&again, CHAINS_UNIT, "civil-affairs");
}

/* Home early, with a reason; the papers of how it went there follow, and move nobody. */
static void papers_that_follow_a_reunion_move_nobody(void **state)
{
    struct run run = begin(*state);
    struct scene *scene = run.scene;
    go_until(&run, "dna");
    scene->district->now_ms += DISTRICT_DAY_MS;
    uint64_t given_ms = scene->district->now_ms - 120 * MINUTE_MS;
    go(&run, line_number("reunion"), true, given_ms + 60 * MINUTE_MS);
    expect_custody(&run, CHAINS_FAMILY, "");
    assert_true(owes(&run, "rescue/received"));
    go(&run, line_number("handover"), false, given_ms);
    go(&run, line_number("received") - 1, false, 0);
    go(&run, line_number("received"), false, given_ms + 30 * MINUTE_MS);
    assert_false(owes(&run, "rescue/received"));
    expect_custody(&run, CHAINS_FAMILY, "");
    assert_int_equal(core_thread_custody(scene->core, run.lead->id).custody.gap_count, 0);
}

static void a_thread_that_the_police_open_is_theirs(void **state)
{
    struct run run = {.scene = *state};
    run.lead = scene_send(run.scene, "handoff.dna-conclusion", "", "police-hedong", NULL);
    expect_custody(&run, CHAINS_UNIT, "police-hedong");
    run.handover = scene_send(run.scene, "handoff.victim", "", "police-hedong", run.lead);
    run.lead = scene_send(run.scene, "lead.street-minor", "", SCENE_STREET, NULL);
    (void)scene_send(run.scene, "receipt.signed", "", "civil-affairs", run.lead);
    (void)scene_send(run.scene, "receipt.accepted", "", "civil-affairs", run.lead);
    expect_custody(&run, CHAINS_UNIT, "civil-affairs");
    (void)scene_send(run.scene, "receipt.signed", "", "police-hedong", run.lead);
    (void)scene_send(run.scene, "receipt.accepted", "", "police-hedong", run.lead);
    expect_custody(&run, CHAINS_UNIT, "civil-affairs"); /* who was first has it */
}

static size_t alarms_until(struct scene *scene, uint64_t until_ms)
{
    scene->district->now_ms = until_ms;
    return scene_alarms(scene, "joint-conference-office");
}

static void hours_in_nobodys_custody_are_a_gap(void **state)
{
    struct run run = begin(*state);
    size_t received = line_number("received");
    go_until(&run, "dna");
    uint64_t given_ms = run.scene->district->now_ms + 60 * MINUTE_MS;
    run.scene->district->now_ms += DISTRICT_DAY_MS;
    go(&run, line_number("handover"), false, given_ms);
    go(&run, received - 1, false, 0);
    go(&run, received, false, given_ms + 16 * MINUTE_MS);
    struct core_thread_custody view = core_thread_custody(run.scene->core, run.lead->id);
    assert_string_equal(view.unit, "civil-affairs");
    assert_int_equal(view.custody.since_ms, given_ms + 16 * MINUTE_MS);
    assert_int_equal(view.custody.gap_count, 1);
    assert_int_equal(view.custody.gap_from_ms, given_ms);
    assert_int_equal(view.custody.gap_until_ms, given_ms + 16 * MINUTE_MS);
    assert_true(core_next_deadline_ms(run.scene->core) <= run.scene->district->now_ms);
    assert_int_equal(alarms_until(run.scene, run.scene->district->now_ms), 1);
    assert_int_equal(alarms_until(run.scene, run.scene->district->now_ms), 0); /* told once */
}

static void a_quarter_of_an_hour_is_no_gap(void **state)
{
    struct run run = begin(*state);
    size_t received = line_number("received");
    go_until(&run, "dna");
    uint64_t given_ms = run.scene->district->now_ms + 60 * MINUTE_MS;
    run.scene->district->now_ms += DISTRICT_DAY_MS;
    go(&run, line_number("handover"), false, given_ms);
    go(&run, received - 1, false, 0);
    go(&run, received, false, given_ms + 15 * MINUTE_MS);
    assert_int_equal(core_thread_custody(run.scene->core, run.lead->id).custody.gap_count, 0);
}

/* ---- what is told -------------------------------------------------------------------------------
 */

static struct district_letter *alert(struct scene *scene, const char *topic, uint64_t end_ms,
                                     const struct district_letter *parent)
{
    struct district_draft draft = {.kind = "alert.missing-child",
                                   .topic = topic,
                                   .area = SCENE_AREA,
                                   .from = "police-hedong",
                                   .expires_ms = end_ms,
                                   .parent = parent};
    return scene_send_draft(scene, &draft);
}

static void an_alert_past_its_end_is_told_and_does_not_just_end(void **state)
{
    struct scene *scene = *state;
    uint64_t end_ms = scene->district->now_ms + DISTRICT_DAY_MS;
    struct district_letter *first = alert(scene, "issue", end_ms, NULL);
    assert_int_equal(alarms_until(scene, end_ms - 1), 0);
    assert_int_equal(alarms_until(scene, end_ms), 1);
    assert_int_equal(alarms_until(scene, end_ms + DISTRICT_DAY_MS), 0);
    assert_int_not_equal(scene_leg(scene, first, SCENE_STREET), LIFECYCLE_STOOD_DOWN);
}

static void a_revision_moves_the_end_of_an_alert(void **state)
{
    struct scene *scene = *state;
    uint64_t end_ms = scene->district->now_ms + DISTRICT_DAY_MS;
    struct district_letter *first = alert(scene, "issue", end_ms, NULL);
    (void)alert(scene, "update", end_ms + DISTRICT_DAY_MS, first);
    assert_int_equal(alarms_until(scene, end_ms), 0);
    assert_int_equal(alarms_until(scene, end_ms + DISTRICT_DAY_MS), 1);
}

static void what_is_stood_down_in_time_is_not_told(void **state)
{
    struct scene *scene = *state;
    uint64_t end_ms = scene->district->now_ms + DISTRICT_DAY_MS;
    struct district_letter *first = alert(scene, "issue", end_ms, NULL);
    struct district_letter *over =
        scene_send(scene, "alert.missing-child-cancel", "", "police-hedong", first);
    assert_int_equal(alarms_until(scene, end_ms), 0);
    struct district_draft more = {.kind = "alert.missing-child",
                                  .topic = "update",
                                  .area = SCENE_AREA,
                                  .from = "police-hedong",
                                  .parent = first};
    expect_draft_refused(scene, &more, E_CHAIN_ORDER);
    /* Each that had it signs that it is withdrawn; who has not is seen. */
    (void)scene_send(scene, "receipt.signed", "", SCENE_STREET, over);
    assert_int_equal(scene_leg(scene, over, SCENE_STREET), LIFECYCLE_SIGNED);
    assert_int_equal(scene_leg(scene, over, "education"), LIFECYCLE_SUBMITTED);
}

static void a_second_interview_is_told_and_not_refused(void **state)
{
    struct scene *scene = *state;
    struct district_letter *lead = scene_send(scene, "lead.exploitation", "sexual", "health", NULL);
    (void)scene_send(scene, "handoff.interview", "", "police-hedong", lead);
    assert_int_equal(alarms_until(scene, scene->district->now_ms), 0);
    (void)scene_send(scene, "handoff.interview", "", "police-hedong", lead);
    assert_int_equal(alarms_until(scene, scene->district->now_ms), 1);
    (void)scene_send(scene, "handoff.interview", "", "police-hedong", lead);
    assert_int_equal(alarms_until(scene, scene->district->now_ms), 1);
}

static void who_supervises_reports_hears_of_one_that_is_not_answered(void **state)
{
    struct scene *scene = *state;
    uint64_t now_ms = scene->district->now_ms;
    struct district_letter *lead =
        scene_send(scene, "lead.suspected-trafficking", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    assert_int_equal(alarms_until(scene, now_ms + 30 * DISTRICT_DAY_MS), 0); /* nobody supervises */
    now_ms = scene->district->now_ms;
    struct district_letter *report =
        scene_send(scene, "lead.mandatory-report", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", report);
    scene->district->now_ms = now_ms + 30 * DISTRICT_DAY_MS;
    assert_int_equal(scene_alarms(scene, "procuratorate"), 1);
    report = scene_send(scene, "lead.mandatory-report", "", "education", NULL);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", report);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", report);
    (void)scene_send(scene, "receipt.progress", "", "police-hedong", report);
    assert_int_equal(alarms_until(scene, now_ms + 90 * DISTRICT_DAY_MS), 0);
}

/* ---- the file -----------------------------------------------------------------------------------
 */

static const struct {
    const char *old, *new, *says;
} wrongs[] = {
    {"\nrescue\tdna\tsend\t", "\nrescue\tdna\tgive\t", "on give is not a known word"},
    {"\nrescue\tdna\tsend\thandoff.dna-conclusion", "\nrescue\tdna\tsend\thandoff.nothing",
     "no kind handoff.nothing"},
    {"\ttake-over,dna\t-\tearly\t", "\ttake-over,medical\t-\tearly\t", "no step medical above"},
    {"\ttake-over,dna\t-\tearly\t", "\ttake-over|dna\t-\tearly\t", "it must be plain what is owed"},
    {"\ttake-over,dna\t-\tearly\t", "\ttake-over,dna:over\t-\tearly\t", "step dna has no period"},
    {"\ttake-over,dna\t-\tearly\t", "\ttake-over,dna\t-\tsoon\t", "flag soon"},
    {"\ttake-over,dna\t-\tearly\t", "\ttake-over,dna\tdna\tearly\t", "needed and barred"},
    {"\tsettlement\tearly,alone\t", "\tnothing\tearly,alone\t", "no step nothing"},
    {"\t-\talone\t-\t30d\t", "\t-\talone\t-\t30x\t", "period: 30d, or 15m"},
    {"\t-\talone\t-\t30d\t", "\t-\talone\t-\t30m\t", "minutes belong to who takes custody"},
    {"\tearly\toffer\t", "\tearly\tgive\t", "custody give is not a known word"},
    {"\nrescue\tmedical\tsend\thandoff.medical\tresult",
     "\nrescue\tmedical\tsend\thandoff.medical\tx", "handoff.medical has no topic x"},
    {"\nrescue\tmedical\tsend\thandoff.medical\tresult\thealth",
     "\nrescue\tmedical\tsend\tlead.online\t-\thealth", "a lead waits for nothing"},
    {"\nrescue\tmedical\tsend\thandoff.medical\tresult\thealth",
     "\nrescue\tmedical\tsend\treceipt.signed\t-\thealth", "its order is the lifecycle's"},
    {"\nrescue\tdna\twaive\tnotice.moot\tdna\tpolice-hedong,joint-conference-office\t-\t-\t-",
     "\nrescue\tdna\twaive\tnotice.moot\tdna\tpolice-hedong,joint-conference-office\t-\t-\tearly",
     "early: it waits for nothing"},
    {"\nrescue\tdna\twaive\tnotice.moot\tdna\tpolice-hedong,joint-conference-office\t",
     "\nrescue\tdna\twaive\tnotice.moot\tdna\t-\t", "it names by whom"},
    {"\t解救移交\tRescue and handover\t", "\t-\tRescue and handover\t", "chain_zh"},
    {"\nrescue\tdna\tsend\t", "\nother\tdna\tsend\t", "chain_zh"},
    {"\nrescue\tcase-file\t", "\nrescue\tdna\t", "the rows of step dna stand together"},
};

static void a_wrong_table_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        struct plan_files files;
        struct plan *plan = NULL;
        struct error error = {0};
        plan_files_load(&files);
        plan_files_replace(&files, "chains.tsv", wrongs[i].old, wrongs[i].new);
        assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT_MAX, &plan, &error), E_BAD_TABLE);
        if (!strstr(error.detail, wrongs[i].says)) fail_msg("%zu: %s", i, error.detail);
        assert_int_equal(strncmp(error.field, "plan/chains.tsv:", 16), 0);
        plan_files_free(&files);
    }
}

static void a_plan_without_chains_orders_nothing(void **state)
{
    (void)state;
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};
    struct chains chains = {0};
    struct chains_change change;
    plan_files_load(&files);
    struct plan_part *part = plan_files_part(&files, "chains.tsv");
    const char *name = part->name;
    part->name = "plan/other.tsv";
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT_MAX, &plan, &error), 0);
    part->name = name;
    struct chains_event event = {.plan = plan,
                                 .kind = plan_kind_find(plan, "handoff.settlement"),
                                 .topic = "",
                                 .from = plan_unit_find(plan, "civil-affairs"),
                                 .opens = true,
                                 .now_ms = 1};
    assert_int_equal(chains_next(&chains, &event, &change, &error), 0);
    assert_int_equal(change.done, 0);
    plan_free(plan);
    plan_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(every_step_waits_for_every_set_of_others_as_the_table_says),
        scene_test(what_may_not_come_early_is_known),
        scene_test(what_may_come_early_has_room_for_its_reason),
        scene_test(no_report_waits_for_a_step),
        scene_test(order_is_by_the_times_stated),
        scene_test(a_thread_takes_its_steps_in_order_and_no_other),
        scene_test(care_comes_before_papers_and_they_stay_owed),
        scene_test(what_is_owed_is_waived_by_whom_the_table_names),
        scene_test(settlement_leaves_the_search_for_kin_open),
        scene_test(papers_entered_late_stand_where_they_were_signed),
        scene_test(a_period_runs_from_its_record_whatever_is_stated),
        scene_test(a_period_that_is_cut_short_is_told),
        scene_test(what_came_before_the_chain_counts_for_nothing),
        scene_test(custody_goes_from_hand_to_hand),
        scene_test(only_who_has_the_person_hands_over),
        scene_test(nobody_takes_back_who_went_home),
        scene_test(papers_that_follow_a_reunion_move_nobody),
        scene_test(a_thread_that_the_police_open_is_theirs),
        scene_test(hours_in_nobodys_custody_are_a_gap),
        scene_test(a_quarter_of_an_hour_is_no_gap),
        scene_test(an_alert_past_its_end_is_told_and_does_not_just_end),
        scene_test(a_revision_moves_the_end_of_an_alert),
        scene_test(what_is_stood_down_in_time_is_not_told),
        scene_test(a_second_interview_is_told_and_not_refused),
        scene_test(who_supervises_reports_hears_of_one_that_is_not_answered),
        cmocka_unit_test(a_wrong_table_is_refused_with_its_line),
        cmocka_unit_test(a_plan_without_chains_orders_nothing),
    };
    return cmocka_run_group_tests_name("unit.chains", tests, NULL, NULL);
}
