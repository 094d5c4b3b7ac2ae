/* What goes wrong for one lead or one unit and must not for any other: leads that cannot be opened,
 * leads that expire, units that were away, a unit that is there twice, and an acknowledgement that
 * crosses its own resending. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/record.h"
#include "tests/scenario/caller.h"
#include "tests/scenario/runner.h"

#define PASSPHRASE "a passphrase for tests"
enum { DEADLINE_MS = 20000, LOOK_MS = 200, UNIT_MAX = 4, ITEM_MAX = 256, BURST = 70, BEHIND = 30 };

static struct town town;
static leadbus *units[UNIT_MAX]; /* those that are open */

static int set_up(void **state)
{
    (void)state;
    memset(units, 0, sizeof units);
    town_init(&town);
    return town_start_broker(&town) ? 0 : 1;
}

static void shut(leadbus *lb)
{
    for (size_t i = 0; i < UNIT_MAX; i++)
        if (units[i] == lb) units[i] = NULL;
    leadbus_close(lb);
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < UNIT_MAX; i++) shut(units[i]);
    town_fini(&town);
    return 0;
}

/* ---- units in this process ---------------------------------------------------------------------
 */
struct opening {
    enum town_unit who;
    const char *name; /* of its files; another name: another instance of the unit */
    uint32_t credit;
    int (*check)(void *ctx, const struct leadbus_marks *marks, const char *section,
                 const void *data, size_t len, struct leadbus_error *ret_error);
};

static leadbus *open_unit(const struct opening *opening)
{
    char store[RUNNER_PATH_LEN_MAX], keyring_path[RUNNER_PATH_LEN_MAX], path[RUNNER_PATH_LEN_MAX];
    struct buf root = {0}, bundle = {0};
    struct error error = {0};
    struct leadbus_error trouble = {0};
    leadbus *lb = NULL;
    snprintf(store, sizeof store, "%s/%s.store", town.folder, opening->name);
    snprintf(keyring_path, sizeof keyring_path, "%s/%s.keyring", town.folder, opening->name);
    if (!file_exists(keyring_path)) {
        struct keyring keyring = town.keyrings[opening->who];
        /* A keyring that was copied and used elsewhere has another instance. */
        keyring.instance[0] ^= (uint8_t)opening->name[0];
        assert_int_equal(keyring_save(&keyring, keyring_path, bytes_of_str(PASSPHRASE), &error), 0);
        keyring_fini(&keyring);
    }
    snprintf(path, sizeof path, "%s/root", town.folder);
    assert_int_equal(file_read(path, (size_t)1 << 20, &root, &error), 0);
    snprintf(path, sizeof path, "%s/bundle", town.folder);
    assert_int_equal(file_read(path, (size_t)16 << 20, &bundle, &error), 0);
    const struct leadbus_options options = {.size = sizeof options,
                                            .store_path = store,
                                            .keyring_path = keyring_path,
                                            .passphrase = PASSPHRASE,
                                            .passphrase_len = strlen(PASSPHRASE),
                                            .root = root.data,
                                            .root_len = root.len,
                                            .bundle = bundle.data,
                                            .bundle_len = bundle.len,
                                            .endpoint = town.endpoint,
                                            .credit = opening->credit,
                                            .check_section = opening->check};
    int code = leadbus_open(&options, &lb, &trouble);
    if (code) fail_msg("%s: %s %s %s", opening->name, trouble.name, trouble.field, trouble.detail);
    buf_fini(&root);
    buf_fini(&bundle);
    size_t i = 0;
    while (units[i]) i++;
    assert_true(i < UNIT_MAX);
    units[i] = lb;
    return lb;
}

/* Runs all units until the condition holds. */
static bool run_until(bool (*holds)(void *ctx), void *ctx)
{
    long long deadline_ms = runner_now_ms() + DEADLINE_MS;
    while (!holds(ctx)) {
        struct pollfd fds[UNIT_MAX];
        nfds_t count = 0;
        long long left_ms = deadline_ms - runner_now_ms();
        if (left_ms <= 0) return false;
        if (left_ms > LOOK_MS) left_ms = LOOK_MS; /* conditions may lie outside of the units */
        for (size_t i = 0; i < UNIT_MAX; i++) {
            if (!units[i]) continue;
            fds[count++] = (struct pollfd){leadbus_fd(units[i]), POLLIN, 0};
            if (leadbus_timeout_ms(units[i]) < left_ms) left_ms = leadbus_timeout_ms(units[i]);
        }
        (void)poll(fds, count, (int)left_ms);
        for (size_t i = 0; i < UNIT_MAX; i++)
            if (units[i]) assert_int_equal(leadbus_process(units[i], NULL), 0);
    }
    return true;
}

static struct leadbus_stats stats_of(leadbus *lb)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    leadbus_stats(lb, &stats);
    return stats;
}

static bool is_connected(void *lb)
{
    return stats_of(lb).connected;
}

static bool all_receipted(void *lb)
{
    struct leadbus_stats stats = stats_of(lb);
    assert_int_equal(stats.refused, 0);
    return stats.queued == 0 && stats.sent == 0;
}

struct inbox_wait {
    leadbus *lb;
    uint64_t count;
};
static bool inbox_has(void *ctx)
{
    const struct inbox_wait *wait = ctx;
    return leadbus_inbox_last(wait->lb) >= wait->count;
}

struct inbox {
    size_t count;
    struct row {
        int type, notice, code;
        uint8_t id[16];
        uint64_t position, number;
        char from[64];
    } rows[ITEM_MAX];
};

static int keep_item(void *ctx, const struct leadbus_item *item)
{
    struct inbox *inbox = ctx;
    assert_true(inbox->count < ITEM_MAX);
    struct row *row = &inbox->rows[inbox->count++];
    *row = (struct row){.type = item->type,
                        .notice = item->notice,
                        .code = item->code,
                        .position = item->position,
                        .number = item->number};
    memcpy(row->id, item->id, 16);
    snprintf(row->from, sizeof row->from, "%s", item->from);
    return 0;
}

/* The inbox once it has so many items. */
static void await_inbox(leadbus *lb, uint64_t count, struct inbox *ret)
{
    struct inbox_wait wait = {lb, count};
    bool came = run_until(inbox_has, &wait);
    memset(ret, 0, sizeof *ret);
    assert_int_equal(leadbus_inbox_each(lb, 0, ITEM_MAX, keep_item, ret, NULL), 0);
    if (!came) {
        struct leadbus_stats stats = stats_of(lb);
        fail_msg("%s has %zu of %llu; last error %s %s %s", stats.unit, ret->count,
                 (unsigned long long)count, stats.last_error.name, stats.last_error.field,
                 stats.last_error.detail);
    }
    assert_int_equal(ret->count, count);
}

static void submit(leadbus *lb, const struct leadbus_draft *draft, uint8_t ret_id[16])
{
    struct leadbus_error error = {0};
    int code = leadbus_submit(lb, draft, ret_id, &error);
    if (code) fail_msg("submit: %s %s %s", error.name, error.field, error.detail);
}

static void submit_report(leadbus *lb, const char *text, uint8_t ret_id[16])
{
    const struct leadbus_section sections[] = {{"summary", "s", 1}, {"full", text, strlen(text)}};
    const struct leadbus_draft draft = {.size = sizeof draft,
                                        .kind = "lead.mandatory-report",
                                        .sections = sections,
                                        .section_count = 2};
    submit(lb, &draft, ret_id);
}

/* ---- accounts ----------------------------------------------------------------------------------
 */
struct account {
    const char *unit;
    uint64_t delivered, expired, undeliverable;
};
static bool adds_up(void *ctx)
{
    const struct account *want = ctx;
    json_t *status = runner_status(&town);
    const json_t *row = status ? runner_status_unit(status, want->unit) : NULL;
    bool same =
        row && runner_figure(row, "waiting") == 0 &&
        runner_figure(row, "delivered") == want->delivered &&
        runner_figure(row, "expired") == want->expired &&
        runner_figure(row, "undeliverable") == want->undeliverable &&
        runner_figure(row, "accepted") == want->delivered + want->expired + want->undeliverable;
    json_decref(status);
    return same;
}

static void assert_account(struct account account)
{
    if (run_until(adds_up, &account)) return;
    json_t *status = runner_status(&town);
    (void)json_dumpf(runner_status_unit(status, account.unit), stderr, JSON_INDENT(1));
    json_decref(status);
    fail_msg("the account of %s is another one", account.unit);
}

static void assert_replays(void)
{
    char command[4 * RUNNER_PATH_LEN_MAX];
    assert_int_equal(process_stop(&town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(command, sizeof command,
             "cp '%s'/state/journal.db '%s'/copy.db && '%s' replay --root '%s'/root --json "
             "'%s'/copy.db >'%s'/replay.json",
             town.folder, town.folder, LEADBUS_REPLAY, town.folder, town.folder, town.folder);
    assert_int_equal(system(command), 0);
}

static bool log_has(const char *text)
{
    struct buf log = {0};
    struct error error = {0};
    assert_int_equal(file_read(town.log, (size_t)16 << 20, &log, &error), 0);
    bool has = memmem(log.data, log.len, text, strlen(text)) != NULL;
    buf_fini(&log);
    return has;
}

/* ---- leads that cannot be opened ---------------------------------------------------------------
 */
static int refuse_the_bad_one(void *ctx, const struct leadbus_marks *marks, const char *section,
                              const void *data, size_t len, struct leadbus_error *ret_error)
{
    (void)ctx;
    (void)marks;
    (void)ret_error;
    bool bad = strcmp(section, "full") == 0 && len == 3 && memcmp(data, "bad", 3) == 0;
    return bad ? -1 : 0;
}

/* The sender and the office have been told by a notice that says whose message it was. */
static void assert_told(leadbus *lb, const uint8_t id[16], int code)
{
    struct inbox inbox;
    await_inbox(lb, 1, &inbox);
    assert_int_equal(inbox.rows[0].type, LEADBUS_ITEM_NOTICE);
    assert_int_equal(inbox.rows[0].notice, LEADBUS_NOTICE_EXCEPTION);
    assert_string_equal(inbox.rows[0].from, "police-hedong");
    if (id) assert_memory_equal(inbox.rows[0].id, id, 16);
    if (code) assert_int_equal(inbox.rows[0].code, code);
}

static void a_payload_that_does_not_fit_is_reported_and_the_queue_goes_on(void **state)
{
    (void)state;
    uint8_t ids[3][16];
    struct inbox inbox;
    leadbus *school = open_unit(&(struct opening){TOWN_EDUCATION, "school", 0, NULL});
    leadbus *police = open_unit(&(struct opening){TOWN_POLICE, "police", 0, refuse_the_bad_one});
    leadbus *office = open_unit(&(struct opening){TOWN_OFFICE, "office", 0, NULL});
    submit_report(school, "good", ids[0]);
    submit_report(school, "bad", ids[1]);
    submit_report(school, "good again", ids[2]);
    await_inbox(police, 3, &inbox);
    for (size_t i = 0; i < 3; i++) {
        assert_memory_equal(inbox.rows[i].id, ids[i], 16);
        assert_int_equal(inbox.rows[i].position, i + 1);
    }
    assert_int_equal(inbox.rows[0].type, LEADBUS_ITEM_MESSAGE);
    assert_int_equal(inbox.rows[1].type, LEADBUS_ITEM_EXCEPTION);
    assert_int_equal(inbox.rows[2].type, LEADBUS_ITEM_MESSAGE);
    int code = inbox.rows[1].code;
    assert_int_not_equal(code, 0);
    assert_told(school, ids[1], code);
    assert_told(office, NULL, code);
    assert_account((struct account){"police-hedong", 2, 0, 1});
    assert_replays();
}

static void a_lead_sealed_to_a_wrong_key_is_reported_and_the_queue_goes_on(void **state)
{
    (void)state;
    struct caller school;
    struct inbox inbox;
    leadbus *police = open_unit(&(struct opening){TOWN_POLICE, "police", 0, NULL});
    leadbus *office = open_unit(&(struct opening){TOWN_OFFICE, "office", 0, NULL});
    caller_open(&school, &town, &town.keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, &town, 16));
    for (uint64_t seq = 1; seq <= 3; seq++) {
        struct sealed sealed;
        struct town_lead lead = {
            .seq = seq, .bundle = 1, .deaf = seq == 2 ? TOWN_POLICE : TOWN_BROKER};
        memset(lead.id, (int)seq, sizeof lead.id);
        town_seal(&town, TOWN_EDUCATION, &lead, &sealed);
        caller_submit(&school, buf_bytes(&sealed.bytes));
        assert_non_null(caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT));
        sealed_fini(&sealed);
    }
    await_inbox(police, 3, &inbox);
    assert_int_equal(inbox.rows[0].type, LEADBUS_ITEM_MESSAGE);
    assert_int_equal(inbox.rows[1].type, LEADBUS_ITEM_EXCEPTION);
    assert_int_equal(inbox.rows[2].type, LEADBUS_ITEM_MESSAGE);
    assert_int_not_equal(inbox.rows[1].code, 0);
    assert_told(office, NULL, inbox.rows[1].code);
    /* The sender is told on its own queue. */
    const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_DELIVERY);
    assert_non_null(frame);
    assert_int_equal(frame->delivery->what_case, LEADBUS__DELIVERY__WHAT_NOTICE);
    caller_close(&school);
    assert_account((struct account){"police-hedong", 2, 0, 1});
    assert_replays();
}

/* ---- time, absence, doubles --------------------------------------------------------------------
 */
static void what_expires_before_it_is_delivered_leaves_a_tombstone_and_a_notice(void **state)
{
    (void)state;
    struct timespec now;
    struct inbox inbox;
    uint8_t lead[16], id[16];
    leadbus *police = open_unit(&(struct opening){TOWN_POLICE, "police", 0, NULL});
    assert_true(run_until(is_connected, police));
    clock_gettime(CLOCK_REALTIME, &now);
    const struct leadbus_section section = {"notice", "text", 4};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = "notice.bulletin",
                                  .sections = &section,
                                  .section_count = 1,
                                  .expires_ms = (uint64_t)now.tv_sec * 1000 + 1500};
    submit(police, &draft, id);
    assert_true(run_until(all_receipted, police));
    await_inbox(police, 1, &inbox);
    assert_int_equal(inbox.rows[0].type, LEADBUS_ITEM_NOTICE);
    assert_int_equal(inbox.rows[0].notice, LEADBUS_NOTICE_EXPIRED);
    /* The unit that was away: a tombstone in place of the message, and what comes after it. */
    draft.expires_ms = 0;
    submit(police, &draft, lead);
    leadbus *school = open_unit(&(struct opening){TOWN_EDUCATION, "school", 0, NULL});
    await_inbox(school, 2, &inbox);
    assert_int_equal(inbox.rows[0].type, LEADBUS_ITEM_TOMBSTONE);
    assert_memory_equal(inbox.rows[0].id, id, 16);
    assert_int_equal(inbox.rows[1].type, LEADBUS_ITEM_MESSAGE);
    assert_memory_equal(inbox.rows[1].id, lead, 16);
    assert_account((struct account){"education", 1, 1, 0});
    assert_replays();
}

static void a_unit_that_was_away_catches_up_in_order(void **state)
{
    (void)state;
    enum { BEFORE = 5, AWAY = 60 };
    uint8_t ids[BEFORE + AWAY][16];
    struct inbox inbox;
    const struct opening away = {TOWN_POLICE, "police", 4, NULL};
    leadbus *school = open_unit(&(struct opening){TOWN_EDUCATION, "school", 0, NULL});
    leadbus *police = open_unit(&away);
    for (size_t i = 0; i < BEFORE; i++) submit_report(school, "before", ids[i]);
    await_inbox(police, BEFORE, &inbox);
    shut(police);
    for (size_t i = BEFORE; i < BEFORE + AWAY; i++) submit_report(school, "away", ids[i]);
    assert_true(run_until(all_receipted, school));
    police = open_unit(&away);
    await_inbox(police, BEFORE + AWAY, &inbox);
    for (size_t i = 0; i < BEFORE + AWAY; i++) {
        assert_int_equal(inbox.rows[i].type, LEADBUS_ITEM_MESSAGE);
        assert_int_equal(inbox.rows[i].number, i + 1);
        assert_int_equal(inbox.rows[i].position, i + 1);
        assert_memory_equal(inbox.rows[i].id, ids[i], 16);
    }
    assert_account((struct account){"police-hedong", BEFORE + AWAY, 0, 0});
}

static void of_two_instances_the_newest_is_served_and_the_broker_says_so(void **state)
{
    (void)state;
    uint8_t id[16];
    struct inbox inbox;
    leadbus *first = open_unit(&(struct opening){TOWN_POLICE, "police", 0, NULL});
    assert_true(run_until(is_connected, first));
    assert_false(log_has("event=cloned_agent"));
    leadbus *second = open_unit(&(struct opening){TOWN_POLICE, "copy", 0, NULL});
    assert_true(run_until(is_connected, second));
    assert_true(log_has("event=cloned_agent unit=police-hedong"));
    leadbus *school = open_unit(&(struct opening){TOWN_EDUCATION, "school", 0, NULL});
    submit_report(school, "to whom", id);
    await_inbox(second, 1, &inbox);
    assert_memory_equal(inbox.rows[0].id, id, 16);
    assert_int_equal(leadbus_inbox_last(first), 0);
    assert_account((struct account){"police-hedong", 1, 0, 0});
}

/* ---- an acknowledgement that crosses its own resending -----------------------------------------
 */
static void take_deliveries(struct caller *caller, uint64_t count)
{
    while (caller->lanes[0].position < count)
        assert_non_null(caller_expect(caller, LEADBUS__FRAME__BODY_DELIVERY));
}

/* The unit has BURST leads from before, has never acknowledged one, and acknowledges them all as
 * soon as it is back, while the broker sends them again. What comes behind them must chain on. */
static void an_acknowledgement_from_before_keeps_the_chain(void **state)
{
    (void)state;
    struct caller school, police;
    caller_open(&school, &town, &town.keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, &town, 16));
    for (uint64_t seq = 1; seq <= BURST + BEHIND; seq++) {
        struct sealed sealed;
        struct town_lead lead = {.seq = seq, .bundle = 1};
        memset(lead.id, (int)seq, sizeof lead.id);
        town_seal(&town, TOWN_EDUCATION, &lead, &sealed);
        caller_submit(&school, buf_bytes(&sealed.bytes));
        assert_non_null(caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT));
        sealed_fini(&sealed);
    }
    caller_open(&police, &town, &town.keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&police, &town, 256));
    take_deliveries(&police, BURST);
    uint8_t chain[32], before[32];
    memcpy(before, police.lanes[0].running, 32);
    take_deliveries(&police, BURST + BEHIND);
    memcpy(chain, police.lanes[0].running, 32);
    caller_send_hello(&police, &town, 256, NULL, NULL);
    police.lanes[0].position = BURST;
    memcpy(police.lanes[0].running, before, 32);
    caller_ack(&police, 0);
    assert_non_null(caller_expect(&police, LEADBUS__FRAME__BODY_WELCOME));
    do assert_non_null(caller_expect(&police, LEADBUS__FRAME__BODY_DELIVERY));
    while (police.lanes[0].position < BURST + BEHIND);
    assert_memory_equal(police.lanes[0].running, chain, 32);
    caller_ack(&police, 0);
    /* Closed before it is heard, it would be lost with the connection. */
    const Leadbus__Frame *acked;
    do acked = caller_expect(&police, LEADBUS__FRAME__BODY_ACKED);
    while (acked && acked->acked->position < BURST + BEHIND);
    assert_non_null(acked);
    caller_close(&police);
    caller_close(&school);
    assert_account((struct account){"police-hedong", BURST + BEHIND, 0, 0});
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* scenario_exception [NAME]: only the tests whose name matches. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_payload_that_does_not_fit_is_reported_and_the_queue_goes_on),
        TEST(a_lead_sealed_to_a_wrong_key_is_reported_and_the_queue_goes_on),
        TEST(what_expires_before_it_is_delivered_leaves_a_tombstone_and_a_notice),
        TEST(a_unit_that_was_away_catches_up_in_order),
        TEST(of_two_instances_the_newest_is_served_and_the_broker_says_so),
        TEST(an_acknowledgement_from_before_keeps_the_chain),
    };
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("exception", tests, NULL, NULL);
}
