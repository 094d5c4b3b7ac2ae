/* Processes die at any moment and nothing is lost, doubled or made up: leads flow between four
 * units, and in every cycle the broker, a unit, or both are ended by kill -9 and started again, a
 * unit sometimes as leadbus-agent, sometimes as a program over the library, over the same store.
 *
 * scenario_kill [CYCLES [SEED]], or LEADBUS_KILL_CYCLES and LEADBUS_KILL_SEED: 50 cycles unless
 * told otherwise; without a seed a new one is drawn and printed. The same seed gives the same kills
 * after the same number of events; what the scheduler does between them is its own. */
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/record.h"
#include "proto/tlogproof.h"
#include "tests/scenario/runner.h"

enum { CYCLES_DEFAULT = 50, STALL_MS = 30000, DRAIN_MS = 60000, MOMENT_US_MAX = 5000 };

/* Both lanes: reports are urgent, referrals are not. */
static const char REPORT[] =
    "{\"kind\":\"lead.mandatory-report\",\"sections\":{"
    "\"summary\":{\"pseudonym\":\"V@N@\",\"signs\":[\"7\"],\"danger\":\"likely\"},"
    "\"full\":{\"what\":\"第 @N@ 件\"},\"reporter\":{\"role\":\"medical\"}}}";
static const char REFERRAL[] =
    "{\"kind\":\"handoff.service-referral\",\"topic\":\"schooling\",\"sections\":{"
    "\"summary\":{\"pseudonym\":\"V@N@\",\"service\":\"schooling\",\"consent\":\"by-guardian\"},"
    "\"full\":{\"service\":\"schooling\",\"person\":{\"role\":\"victim\"},\"need\":\"第 @N@ "
    "件\"}}}";

enum { SCHOOL, POLICE, PROCURATORATE, CIVIL, RUNNER_COUNT };
static const struct {
    enum town_unit who;
    const char *draft;
    unsigned from; /* bit of each unit whose leads it gets */
} UNITS[RUNNER_COUNT] = {{TOWN_EDUCATION, REPORT, 1 << CIVIL},
                         {TOWN_POLICE, NULL, 1 << SCHOOL},
                         {TOWN_PROCURATORATE, NULL, 1 << SCHOOL},
                         {TOWN_CIVIL_AFFAIRS, REFERRAL, 1 << SCHOOL}};

static struct {
    uint64_t cycles, seed, random;
    struct town town;
    struct runner runners[RUNNER_COUNT];
    struct runner *list[RUNNER_COUNT];
    uint64_t broker_kills, unit_kills, agent_kills;
    char origin[256];
    json_t *status;
} bus;

/* splitmix64 (public domain, Vigna): the whole choice of the test follows from the seed. */
static uint64_t draw(uint64_t below)
{
    uint64_t z = (bus.random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

static uint64_t events(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < RUNNER_COUNT; i++) count += bus.runners[i].event_count;
    return count;
}

static void show_state(void)
{
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        const struct runner *runner = &bus.runners[i];
        print_message("  %s: goal %" PRIu64 ", taken %" PRIu64 ", receipted %" PRIu64
                      ", received %" PRIu64 ", other %" PRIu64 " %s\n",
                      runner->unit, runner->goal, runner->taken_count, runner->receipted_count,
                      runner->received_count, runner->other_count, runner->trouble);
    }
    print_message("  seed %" PRIu64 ", kept in %s when LEADBUS_KEEP is set\n", bus.seed,
                  bus.town.folder);
}

static void no_trouble(void)
{
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        if (!bus.runners[i].trouble[0]) continue;
        show_state();
        fail_msg("%s: %s", bus.runners[i].unit, bus.runners[i].trouble);
    }
}

static void wait_for_events(uint64_t count)
{
    uint64_t end = events() + count;
    long long deadline_ms = runner_now_ms() + STALL_MS;
    while (events() < end) {
        if (!runner_wait(bus.list, RUNNER_COUNT, deadline_ms)) {
            show_state();
            fail_msg("nothing moves for %d s", STALL_MS / 1000);
        }
        no_trouble();
    }
}

/* A moment between two events, finer than any event. */
static void spend_us(uint64_t us)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long end_ns = now.tv_sec * 1000000000ll + now.tv_nsec + (long long)us * 1000;
    do clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec * 1000000000ll + now.tv_nsec < end_ns);
}

static void cycle(uint64_t number)
{
    uint64_t reports = 10 + draw(40), referrals = 10 + draw(30);
    uint64_t after = draw(80), us = draw(MOMENT_US_MAX);
    uint64_t what = draw(3), first = draw(2);
    struct runner *victim = &bus.runners[draw(RUNNER_COUNT)];
    bool as_agent = draw(2);
    bool broker = what != 1, unit = what != 0;
    runner_goal(&bus.runners[SCHOOL], bus.runners[SCHOOL].goal + reports);
    runner_goal(&bus.runners[CIVIL], bus.runners[CIVIL].goal + referrals);
    wait_for_events(after);
    spend_us(us);
    if (broker && first) process_kill(&bus.town.broker);
    if (unit) runner_kill(victim);
    if (broker && !first) process_kill(&bus.town.broker);
    bus.broker_kills += broker;
    bus.unit_kills += unit;
    bus.agent_kills += unit && victim->agent;
    print_message("cycle %" PRIu64 ": after %" PRIu64 " events and %" PRIu64
                  " us killed %s%s%s%s\n",
                  number, after, us, broker ? "the broker" : "", broker && unit ? " and " : "",
                  unit ? victim->unit : "",
                  !unit           ? ""
                  : victim->agent ? " (agent)"
                                  : " (library)");
    if (unit) assert_true(runner_start(victim, as_agent));
    if (broker) assert_true(town_start_broker(&bus.town));
    no_trouble();
}

static uint64_t expected(size_t receiver)
{
    uint64_t count = 0;
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        if (UNITS[receiver].from & 1u << i) count += bus.runners[i].goal;
    return count;
}

static bool drained(void)
{
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        if ((UNITS[i].draft && bus.runners[i].receipted_count < bus.runners[i].goal) ||
            bus.runners[i].received_count < expected(i))
            return false;
    return true;
}

static void drain(void)
{
    long long deadline_ms = runner_now_ms() + DRAIN_MS;
    while (!drained()) {
        if (!runner_wait(bus.list, RUNNER_COUNT, deadline_ms)) {
            show_state();
            fail_msg("not drained within %d s", DRAIN_MS / 1000);
        }
        no_trouble();
    }
}

/* ---- what the broker says ----------------------------------------------------------------------
 */
static bool all_acknowledged(json_t *status, void *ctx)
{
    (void)ctx;
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        const json_t *row = runner_status_unit(status, bus.runners[i].unit);
        if (!row || runner_figure(row, "waiting") > 0 ||
            runner_figure(row, "delivered") < expected(i))
            return false;
    }
    return true;
}

static void check_accounts(void)
{
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(bus.status, "units"), i, row)
    {
        uint64_t sum = runner_figure(row, "delivered") + runner_figure(row, "waiting") +
                       runner_figure(row, "expired") + runner_figure(row, "undeliverable") +
                       runner_figure(row, "withdrawn");
        assert_int_equal(runner_figure(row, "accepted"), sum);
    }
    for (size_t unit = 0; unit < RUNNER_COUNT; unit++) {
        row = runner_status_unit(bus.status, bus.runners[unit].unit);
        assert_non_null(row);
        assert_int_equal(runner_figure(row, "accepted"), expected(unit));
        assert_int_equal(runner_figure(row, "delivered"), expected(unit));
    }
}

/* ---- what the units hold -----------------------------------------------------------------------
 */
struct outbox_check {
    const struct runner *runner;
    uint64_t count;
};

static bool is_lead_of(const struct runner *runner, const uint8_t id[16])
{
    for (uint64_t n = 0; n < runner->goal; n++)
        if (memcmp(runner->leads[n].id, id, 16) == 0) return true;
    return false;
}

static int check_outgoing(void *ctx, const struct leadbus_outgoing *outgoing)
{
    struct outbox_check *check = ctx;
    assert_int_equal(outgoing->state, LEADBUS_RECEIPTED);
    assert_true(is_lead_of(check->runner, outgoing->id));
    check->count++;
    return 0;
}

/* The receipt proves the record, and the record is this lead's. */
static void check_receipt(leadbus *lb, const uint8_t id[16], const struct note_key *log_key)
{
    struct arena arena;
    struct error error = {0};
    struct leadbus_error trouble = {0};
    char *text;
    uint8_t *bytes;
    size_t text_len, len;
    const Leadbus__Record *record;
    const ProtobufCMessage *head;
    uint64_t index;
    assert_int_equal(leadbus_receipt(lb, id, &text, &text_len, &trouble), 0);
    assert_int_equal(leadbus_record(lb, id, &bytes, &len, &trouble), 0);
    assert_int_equal(tlogproof_verify(bytes_of(text, text_len), bytes_of(bytes, len), log_key, NULL,
                                      &index, &error),
                     0);
    arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(record_decode(bytes_of(bytes, len), &arena, &record, &error), 0);
    assert_int_equal(record->what_case, LEADBUS__RECORD__WHAT_ACCEPTED);
    const ProtobufCBinaryData *header = &record->accepted->header;
    assert_int_equal(message_decode(&leadbus__header__descriptor,
                                    bytes_of(header->data, header->len), &arena, &head, &error),
                     0);
    assert_memory_equal(((const Leadbus__Header *)head)->id.data, id, 16);
    arena_fini(&arena);
    leadbus_free(text);
    leadbus_free(bytes);
}

static void check_sender(const struct runner *runner)
{
    struct outbox_check check = {runner, 0};
    struct leadbus_error trouble = {0};
    struct error error = {0};
    struct note_key log_key;
    leadbus *lb = runner_open(runner);
    assert_non_null(lb);
    assert_int_equal(note_key_init(&log_key, bus.origin, NOTE_KEY_ED25519,
                                   bus.town.keyrings[TOWN_BROKER].witness_public, &error),
                     0);
    assert_int_equal(leadbus_outbox_each(lb, 0, SIZE_MAX, check_outgoing, &check, &trouble), 0);
    assert_int_equal(check.count, runner->goal);
    for (uint64_t n = 0; n < runner->goal; n++) {
        assert_true(runner->leads[n].receipted);
        check_receipt(lb, runner->leads[n].id, &log_key);
    }
    leadbus_close(lb);
}

struct inbox_check {
    size_t receiver;
    unsigned char *seen[RUNNER_COUNT]; /* by sender and number */
    uint64_t count, last_position[2];
};

static size_t sender_of(const char *unit)
{
    size_t i = 0;
    while (i < RUNNER_COUNT && strcmp(bus.runners[i].unit, unit) != 0) i++;
    return i;
}

static int check_item(void *ctx, const struct leadbus_item *item)
{
    struct inbox_check *check = ctx;
    size_t from = sender_of(item->from);
    if (item->type != LEADBUS_ITEM_MESSAGE || from == RUNNER_COUNT ||
        !(UNITS[check->receiver].from & 1u << from))
        fail_msg("%s: item %" PRIu64 " of type %d notice %d code %d %s from %s",
                 bus.runners[check->receiver].unit, item->number, item->type, item->notice,
                 item->code, item->kind, item->from);
    assert_true(item->proved);
    assert_int_equal(item->missing_before, 0);
    assert_true(item->position > check->last_position[item->lane]);
    check->last_position[item->lane] = item->position;
    const struct runner *sender = &bus.runners[from];
    uint64_t n = 0;
    while (n < sender->goal && memcmp(sender->leads[n].id, item->id, 16) != 0) n++;
    if (n == sender->goal) fail_msg("a message that nobody submitted");
    if (check->seen[from][n]) fail_msg("lead %" PRIu64 " twice in one inbox", n + 1);
    check->seen[from][n] = 1;
    check->count++;
    return 0;
}

/* What it can read is the very lead that was submitted under that number. */
static void check_content(leadbus *lb, const struct runner *sender, uint64_t n)
{
    leadbus_message *message;
    struct leadbus_error trouble = {0};
    struct leadbus_section section;
    char mark[32];
    assert_int_equal(leadbus_message_get(lb, sender->leads[n].id, &message, &trouble), 0);
    assert_true(leadbus_message_section(message, 0, &section));
    assert_string_equal(section.name, "summary");
    int len = snprintf(mark, sizeof mark, "V%" PRIu64, n + 1);
    /* Field 1, a string: tag, length, text. */
    assert_true(section.len >= (size_t)len + 2);
    assert_int_equal(((const uint8_t *)section.data)[1], len);
    assert_memory_equal((const uint8_t *)section.data + 2, mark, (size_t)len);
    leadbus_message_free(message);
}

static void check_receiver(size_t receiver)
{
    struct inbox_check check = {.receiver = receiver};
    struct leadbus_error trouble = {0};
    leadbus *lb = runner_open(&bus.runners[receiver]);
    assert_non_null(lb);
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        check.seen[i] = test_calloc(bus.runners[i].goal + 1, 1);
    assert_int_equal(leadbus_inbox_each(lb, 0, SIZE_MAX, check_item, &check, &trouble), 0);
    assert_int_equal(check.count, expected(receiver));
    for (size_t i = 0; i < RUNNER_COUNT; i++)
        for (uint64_t n = 0; UNITS[receiver].from & 1u << i && n < bus.runners[i].goal; n++) {
            assert_true(check.seen[i][n]);
            check_content(lb, &bus.runners[i], n);
        }
    for (size_t i = 0; i < RUNNER_COUNT; i++) test_free(check.seen[i]);
    leadbus_close(lb);
}

/* ---- what an auditor says ----------------------------------------------------------------------
 */
static json_t *replay(void)
{
    char command[4 * RUNNER_PATH_LEN_MAX];
    const char *folder = bus.town.folder;
    json_error_t trouble;
    snprintf(command, sizeof command,
             "cp '%s'/state/journal.db '%s'/copy.db && '%s' replay --root '%s'/root --json "
             "'%s'/copy.db",
             folder, folder, LEADBUS_REPLAY, folder, folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    json_t *answer = json_loadf(pipe, JSON_DISABLE_EOF_CHECK, &trouble);
    assert_int_equal(pclose(pipe), 0);
    assert_non_null(answer);
    return answer;
}

static void check_replay(void)
{
    static const char *const names[] = {"accepted", "delivered",     "waiting",
                                        "expired",  "undeliverable", "withdrawn"};
    json_t *answer = replay(), *row;
    size_t i;
    assert_true(json_is_true(json_object_get(answer, "holds")));
    json_array_foreach(json_object_get(bus.status, "units"), i, row)
    {
        const json_t *same =
            runner_status_unit(answer, json_string_value(json_object_get(row, "unit")));
        assert_non_null(same);
        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            assert_int_equal(runner_figure(row, names[k]), runner_figure(same, names[k]));
    }
    assert_int_equal(runner_figure(answer, "start_count"), bus.broker_kills + 1);
    json_decref(answer);
}

static void nothing_is_lost_doubled_or_made_up(void **state)
{
    (void)state;
    long long began_ms = runner_now_ms();
    for (size_t i = 0; i < RUNNER_COUNT; i++) assert_true(runner_start(bus.list[i], i % 2));
    for (uint64_t i = 1; i <= bus.cycles; i++) cycle(i);
    drain();
    if (!runner_status_wait(&bus.town, all_acknowledged, NULL, DRAIN_MS)) {
        show_state();
        fail_msg("not everything is acknowledged after %d s", DRAIN_MS / 1000);
    }
    for (size_t i = 0; i < RUNNER_COUNT; i++) assert_int_equal(runner_stop(bus.list[i]), 0);
    no_trouble();
    assert_int_equal(process_stop(&bus.town.broker, PROCESS_DEADLINE_MS), 0);
    bus.status = runner_status(&bus.town);
    assert_non_null(bus.status);
    snprintf(bus.origin, sizeof bus.origin, "%s",
             json_string_value(json_object_get(bus.status, "origin")));
    check_accounts();
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        if (UNITS[i].draft) check_sender(&bus.runners[i]);
        check_receiver(i);
    }
    check_replay();
    uint64_t leads = bus.runners[SCHOOL].goal + bus.runners[CIVIL].goal;
    print_message("seed %" PRIu64 ": %" PRIu64 " cycles, %" PRIu64 " broker kills, %" PRIu64
                  " unit kills (%" PRIu64 " agents), %" PRIu64 " leads, %" PRIu64
                  " deliveries, %.1f s\n",
                  bus.seed, bus.cycles, bus.broker_kills, bus.unit_kills, bus.agent_kills, leads,
                  expected(0) + expected(1) + expected(2) + expected(3),
                  (double)(runner_now_ms() - began_ms) / 1000);
}

static int set_up(void **state)
{
    (void)state;
    bus.random = bus.seed;
    town_init(&bus.town);
    for (size_t i = 0; i < RUNNER_COUNT; i++) {
        runner_init(&bus.runners[i], &bus.town, UNITS[i].who, bus.town.endpoint, UNITS[i].draft);
        bus.list[i] = &bus.runners[i];
    }
    return town_start_broker(&bus.town) ? 0 : 1;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < RUNNER_COUNT; i++) runner_fini(&bus.runners[i]);
    json_decref(bus.status);
    town_fini(&bus.town);
    return 0;
}

static uint64_t number_of(int argc, char **argv, int position, const char *name, uint64_t otherwise)
{
    const char *text = argc > position ? argv[position] : getenv(name);
    return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_lost_doubled_or_made_up)};
    uint32_t fresh;
    CHECK(sodium_init() >= 0);
    fresh = randombytes_random();
    signal(SIGPIPE, SIG_IGN);
    bus.cycles = number_of(argc, argv, 1, "LEADBUS_KILL_CYCLES", CYCLES_DEFAULT);
    bus.seed = number_of(argc, argv, 2, "LEADBUS_KILL_SEED", fresh);
    print_message("seed %" PRIu64 ", %" PRIu64 " cycles\n", bus.seed, bus.cycles);
    return cmocka_run_group_tests_name("kill", tests, set_up, tear_down);
}
