/* The lifecycle's table over the wire: a real broker, and units that send every act in every state
 * as every role, whatever their own agent would have said. What the table allows is receipted, the
 * rest is refused with a code, and the journal is decided again afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/route.h"
#include "tests/lib/term.h"
#include "tests/scenario/caller.h"

enum { PARTICIPANT_COUNT_MAX = 16, STEP_COUNT_MAX = 5 };

/* The roles on a mandatory report from the school. */
static const enum town_unit ROLES[LIFECYCLE_ROLE_COUNT] = {
    [LIFECYCLE_ROLE_LEG] = TOWN_POLICE,         [LIFECYCLE_ROLE_ORIGINATOR] = TOWN_EDUCATION,
    [LIFECYCLE_ROLE_COPY] = TOWN_PROCURATORATE, [LIFECYCLE_ROLE_OFFICE] = TOWN_OFFICE,
    [LIFECYCLE_ROLE_BUS] = TOWN_BROKER, /* sends nothing */
    [LIFECYCLE_ROLE_NONE] = TOWN_HEALTH,
};
static const char target[] = "justice";

/* How its leg comes into each state. */
struct step {
    enum plan_act act;
    enum lifecycle_role role;
    const char *topic;
};
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
    {LIFECYCLE_SIGNED, {LEG(SIGN)}},
    {LIFECYCLE_ACCEPTED, {LEG(SIGN), LEG(ACCEPT)}},
    {LIFECYCLE_PROGRESS, {LEG(SIGN), LEG(ACCEPT), LEG(PROGRESS)}},
    {LIFECYCLE_CLOSED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done")}},
    {LIFECYCLE_GONE_OUT, {LEG(SIGN), LEG(ACCEPT), LEG(GO_OUT)}},
    {LIFECYCLE_TRANSFERRED, {LEG(SIGN), LEG_AS(TRANSFER, "agreed")}},
    {LIFECYCLE_MERGED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "merged")}},
    {LIFECYCLE_OBJECTED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), SENDER(OBJECT)}},
    {LIFECYCLE_UPHELD,
     {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), SENDER(OBJECT), OFFICE(UPHOLD)}},
    {LIFECYCLE_REOPENED, {LEG(SIGN), LEG(ACCEPT), LEG_AS(CLOSE, "done"), OFFICE(REOPEN)}},
};

static struct {
    struct town town;
    struct caller callers[TOWN_UNIT_COUNT];
    uint64_t seqs[TOWN_UNIT_COUNT][ENVELOPE_LANE_COUNT];
    uint64_t passed_on; /* index of the transfer whose story is told */
} bus;

struct thread {
    uint8_t id[16];
    uint64_t index; /* behind its newest message */
    struct route_participant participants[PARTICIPANT_COUNT_MAX];
    size_t participant_count;
};

static const struct plan_kind *kind_of_act(enum plan_act act)
{
    size_t i = 0;
    while (plan_kind(bus.town.plan, i)->act != act) i++;
    return plan_kind(bus.town.plan, i);
}

static void join(struct thread *thread, const char *unit, enum route_role role)
{
    uint16_t number = plan_unit_find(bus.town.plan, unit);
    for (size_t i = 0; i < thread->participant_count; i++) {
        struct route_participant *one = &thread->participants[i];
        if (one->unit != number) continue;
        one->role = route_role_join(one->role, role);
        return;
    }
    assert_true(thread->participant_count < PARTICIPANT_COUNT_MAX);
    thread->participants[thread->participant_count++] = (struct route_participant){number, role};
}

static void joined(struct thread *thread, const struct sealed *sealed, const struct plan_kind *kind,
                   uint64_t index)
{
    struct arena arena;
    struct envelope envelope;
    arena_init(&arena, (size_t)4 << 20);
    assert_int_equal(envelope_decode(buf_bytes(&sealed->bytes), &arena, &envelope, NULL), 0);
    const Leadbus__Header *head = envelope.head;
    if (thread->participant_count == 0) join(thread, head->from, ROUTE_ROLE_ORIGINATOR);
    for (size_t i = 0; i < head->n_recipients; i++) {
        bool legs =
            plan_kind_makes_legs(kind) || strcmp(head->recipients[i]->unit, head->target) == 0;
        join(thread, head->recipients[i]->unit,
             route_role_recipient(kind, legs && head->recipients[i]->act == ROUTE_SIGN));
    }
    thread->index = index + 1;
    arena_fini(&arena);
}

/* Sent and answered: 0 and the thread has grown, or the code of the refusal. */
static int submit(struct thread *thread, enum town_unit from, const struct plan_kind *kind,
                  const struct town_act *act)
{
    const char *topic = act && act->topic ? act->topic : "";
    uint64_t *seq = &bus.seqs[from][plan_kind_urgency(kind, topic) == 1 ? 0 : 1];
    struct sealed sealed;
    struct town_lead lead = {.seq = *seq + 1, .bundle = 1, .kind = kind->slug, .act = act};
    randombytes_buf(lead.id, sizeof lead.id);
    lead.id[6] = (uint8_t)((lead.id[6] & 0x0f) | 0x40);
    lead.id[8] = (uint8_t)((lead.id[8] & 0x3f) | 0x80);
    int code = town_try_seal(&bus.town, from, &lead, &sealed);
    if (code != 0) return code;
    caller_submit(&bus.callers[from], buf_bytes(&sealed.bytes));
    const Leadbus__Frame *frame;
    do {
        frame = caller_receive(&bus.callers[from], CALLER_DEADLINE_MS);
        assert_non_null(frame);
    } while (frame->body_case != LEADBUS__FRAME__BODY_RECEIPT &&
             frame->body_case != LEADBUS__FRAME__BODY_REFUSAL);
    if (frame->body_case == LEADBUS__FRAME__BODY_RECEIPT) {
        (*seq)++;
        if (!act) memcpy(thread->id, lead.id, 16);
        joined(thread, &sealed, kind, frame->receipt->index);
    } else {
        code = -(int)frame->refusal->code;
    }
    sealed_fini(&sealed);
    return code;
}

static int send_act(struct thread *thread, const struct thread *other, enum plan_act act,
                    enum lifecycle_role role, const char *topic)
{
    const struct plan_kind *kind = kind_of_act(act);
    if (!topic && kind->topic_required) topic = kind->topics[0].slug;
    bool passes = act == PLAN_ACT_TRANSFER || act == PLAN_ACT_ASK_RELEASE;
    bool links = act == PLAN_ACT_LINK || (topic && strcmp(topic, "merged") == 0);
    struct town_act sent = {.thread = thread->id,
                            .parent = thread->id,
                            .parent_from = bus.town.keyrings[TOWN_EDUCATION].unit,
                            .topic = topic,
                            .target = passes ? target : NULL,
                            .other = links ? other->id : NULL,
                            .thread_index = thread->index,
                            .participants = thread->participants,
                            .participant_count = thread->participant_count};
    return submit(thread, ROLES[role], kind, &sent);
}

/* A thread whose leg is where the way leads, and another one beside it. */
static void walk(struct thread *thread, struct thread *other, const struct step *steps)
{
    const struct plan_kind *kind = plan_kind_find(bus.town.plan, "lead.mandatory-report");
    memset(thread, 0, sizeof *thread);
    memset(other, 0, sizeof *other);
    assert_int_equal(submit(thread, TOWN_EDUCATION, kind, NULL), 0);
    assert_int_equal(submit(other, TOWN_EDUCATION, kind, NULL), 0);
    for (size_t i = 0; i < STEP_COUNT_MAX && steps[i].act != PLAN_ACT_NONE; i++)
        assert_int_equal(send_act(thread, other, steps[i].act, steps[i].role, steps[i].topic), 0);
}

static uint32_t facts_of(enum plan_act act, enum lifecycle_role role, const char *topic)
{
    uint32_t facts = lifecycle_topic_facts(act, topic) | LIFECYCLE_FACT_FREE; /* the police */
    if (act == PLAN_ACT_OBJECT) facts |= LIFECYCLE_FACT_IN_TIME;
    if (role == LIFECYCLE_ROLE_LEG || role == LIFECYCLE_ROLE_ORIGINATOR)
        facts |= LIFECYCLE_FACT_OTHER | LIFECYCLE_FACT_JOINABLE;
    return facts;
}

struct tally {
    size_t passed, refused;
};

static void ask(size_t way, struct thread *base, struct thread *other, enum plan_act act,
                enum lifecycle_role role, const char *topic, struct tally *tally)
{
    const struct plan_kind *lead = plan_kind_find(bus.town.plan, "lead.mandatory-report");
    struct lifecycle_step step;
    struct lifecycle_query query = {lead, ways[way].state, act, LIFECYCLE_ROLE_BIT(role),
                                    facts_of(act, role, topic) |
                                        term_facts(bus.town.plan, lead, "", ways[way].state)};
    int expected = lifecycle_next(&query, &step, NULL);
    struct thread fresh, beside;
    if (expected == 0) walk(&fresh, &beside, ways[way].steps);
    int r =
        send_act(expected == 0 ? &fresh : base, expected == 0 ? &beside : other, act, role, topic);
    /* What the tables refuse before the lifecycle is asked, and other legs of the thread. */
    bool before = r == E_SENDER_NOT_ALLOWED || r == E_ROUTE_EMPTY || r == E_TOPIC_UNKNOWN ||
                  (expected != 0 && (r == E_THREAD_UNKNOWN || r == E_TARGET_NOT_ALLOWED));
    bool elsewhere = lifecycle_act_on_thread(act) && (ways[way].state == LIFECYCLE_GONE_OUT ||
                                                      ways[way].state == LIFECYCLE_TRANSFERRED);
    if (r != expected && !before && !elsewhere)
        fail_msg("%s, %s %s by %s: %s, the table says %s", lifecycle_state_name(ways[way].state),
                 plan_act_name(act), topic ? topic : "", lifecycle_role_name(role), error_name(r),
                 error_name(expected));
    if (r == 0)
        tally->passed++;
    else
        tally->refused++;
}

static void acts_over_the_wire_are_the_table(void **state)
{
    (void)state;
    struct tally tally = {0};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++) {
        struct thread base, other;
        walk(&base, &other, ways[way].steps);
        for (int a = PLAN_ACT_SIGN; a < PLAN_ACT_COUNT; a++) {
            const struct plan_kind *kind = kind_of_act((enum plan_act)a);
            for (int role = 0; role < LIFECYCLE_ROLE_COUNT; role++) {
                if (role == LIFECYCLE_ROLE_BUS) continue;
                if (!kind->topic_required)
                    ask(way, &base, &other, (enum plan_act)a, (enum lifecycle_role)role, NULL,
                        &tally);
                for (size_t t = 0; t < kind->topic_count; t++)
                    ask(way, &base, &other, (enum plan_act)a, (enum lifecycle_role)role,
                        kind->topics[t].slug, &tally);
            }
        }
    }
    print_message("%zu receipted, %zu refused\n", tally.passed, tally.refused);
    assert_true(tally.passed > 100 && tally.refused > 1000);
}

/* The unit that it was passed on to signs for the lead itself, and the office lists the thread. */
static void what_was_passed_on_goes_on(void **state)
{
    (void)state;
    static const struct step steps[STEP_COUNT_MAX] = {LEG(SIGN)};
    struct thread thread, other;
    walk(&thread, &other, steps);
    struct town_act act = {.thread = thread.id,
                           .parent = thread.id,
                           .parent_from = bus.town.keyrings[TOWN_EDUCATION].unit,
                           .topic = "agreed",
                           .target = bus.town.keyrings[TOWN_HEALTH].unit,
                           .thread_index = thread.index,
                           .participants = thread.participants,
                           .participant_count = thread.participant_count};
    assert_int_equal(submit(&thread, TOWN_POLICE, kind_of_act(PLAN_ACT_TRANSFER), &act), 0);
    bus.passed_on = thread.index - 1;
    act.topic = act.target = NULL;
    act.thread_index = thread.index;
    act.participant_count = thread.participant_count;
    assert_int_equal(submit(&thread, TOWN_HEALTH, kind_of_act(PLAN_ACT_SIGN), &act), 0);
    assert_int_equal(send_act(&thread, &other, PLAN_ACT_SUPERVISE, LIFECYCLE_ROLE_OFFICE, "case"),
                     0);
}

static size_t times(const char *text, const char *word)
{
    size_t count = 0;
    while ((text = strstr(text, word)) != NULL) count++, text++;
    return count;
}

static void every_sort_of_record_is_explained(void **state)
{
    (void)state;
    char command[4 * PROCESS_PATH_LEN_MAX];
    static char output[65536];
    size_t count = town_explain(&bus.town, LEADBUS_REPLAY, TOWN_EXPLAIN_SORTS);
    print_message("%zu explained\n", count);
    assert_true(count > 20);
    snprintf(command, sizeof command,
             "LANG=en '%s' explain --json --root '%s/root' '%s/state/journal.db' %llu",
             LEADBUS_REPLAY, bus.town.folder, bus.town.folder, (unsigned long long)bus.passed_on);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = 0;
    assert_int_equal(pclose(pipe), 0);
    /* What it came to, though all of it refers to the lead; not what went before. */
    assert_int_equal(times(output, "\"record_hash\""), 1 + 2);
    assert_int_equal(times(output, "\"receipt.signed\""), 1);
    assert_int_equal(times(output, "\"supervision.listing\""), 1);
    assert_int_equal(times(output, "\"answers_it\": false"), 2);
    assert_int_equal(times(output, "\"target\": \"health\""), 1);
}

/* By the broker's journal alone, without the broker. */
static void every_record_is_decided_again(void **state)
{
    (void)state;
    char command[4 * PROCESS_PATH_LEN_MAX], output[4096];
    assert_int_equal(process_stop(&bus.town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(command, sizeof command,
             "LANG=en '%s' replay --root '%s/root' '%s/state/journal.db' 2>&1", LEADBUS_REPLAY,
             bus.town.folder, bus.town.folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = 0;
    int status = pclose(pipe);
    if (status != 0) fail_msg("%s", output);
}

static int set_up(void **state)
{
    (void)state;
    static const enum town_unit units[] = {TOWN_POLICE, TOWN_EDUCATION, TOWN_PROCURATORATE,
                                           TOWN_OFFICE, TOWN_HEALTH};
    town_init(&bus.town);
    town_write_bundle(&bus.town, 1);
    assert_true(town_start_broker(&bus.town));
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        caller_open(&bus.callers[units[i]], &bus.town, &bus.town.keyrings[units[i]], true);
        assert_true(caller_greet(&bus.callers[units[i]], &bus.town, 1));
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < TOWN_UNIT_COUNT; i++)
        if (bus.callers[i].socket) caller_close(&bus.callers[i]);
    town_fini(&bus.town);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(acts_over_the_wire_are_the_table),
                                       cmocka_unit_test(what_was_passed_on_goes_on),
                                       cmocka_unit_test(every_record_is_decided_again),
                                       cmocka_unit_test(every_sort_of_record_is_explained)};
    CHECK(sodium_init() >= 0);
    return cmocka_run_group_tests_name("scenario.legs", tests, set_up, tear_down);
}
