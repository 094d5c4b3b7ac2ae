/* A broker in bad surroundings: a disk that does not keep, a clock that jumps, a ZAP handler that
 * nobody asks. It must say so, stop or stand still, and promise nothing. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/bent.h"
#include "tests/scenario/caller.h"
#include "tests/scenario/runner.h"

enum { SECOND_MS = 1000, HOUR_MS = 3600 * SECOND_MS, DEADLINE_MS = 20000 };
static const int64_t DAY_MS = 24ll * HOUR_MS;

static struct town town;
static struct bent *bent;

static int set_up(void **state)
{
    char path[RUNNER_PATH_LEN_MAX];
    (void)state;
    town_init(&town);
    town.program = LEADBUSD_BENT;
    snprintf(path, sizeof path, "%s/bent", town.folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, sizeof *bent) == 0);
    bent = mmap(NULL, sizeof *bent, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bent != MAP_FAILED);
    (void)close(fd);
    return setenv(BENT_VARIABLE, path, 1);
}

static int tear_down(void **state)
{
    (void)state;
    town_fini(&town);
    return munmap(bent, sizeof *bent);
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

static bool log_has_by_then(json_t *status, void *ctx)
{
    (void)status;
    return log_has(ctx);
}

/* The broker looks at its clock and writes its status every second. */
static bool log_says_in_time(const char *text)
{
    return runner_status_wait(&town, log_has_by_then, (void *)(uintptr_t)text, DEADLINE_MS);
}

static void seal(uint64_t seq, struct sealed *ret)
{
    struct town_lead lead = {.seq = seq, .bundle = 1};
    memset(lead.id, (int)seq, sizeof lead.id);
    town_seal(&town, TOWN_EDUCATION, &lead, ret);
}

/* ---- connections -------------------------------------------------------------------------------
 */
static void a_broker_whose_zap_handler_is_not_asked_does_not_start(void **state)
{
    (void)state;
    bent->zap_absent = 1;
    assert_false(town_start_broker(&town));
    assert_int_equal(process_wait_end(&town.broker, DEADLINE_MS), EX_IOERR);
    assert_true(log_has("zap_not_enforced"));
    assert_false(log_has("event=listening"));
    bent->zap_absent = 0;
    assert_true(town_start_broker(&town));
    assert_true(log_has("event=listening"));
}

static void a_bundle_that_is_refused_while_it_runs_is_named(void **state)
{
    (void)state;
    char path[2 * PROCESS_PATH_LEN_MAX], told[2 * PROCESS_PATH_LEN_MAX + 16];
    struct error error = {0};
    assert_true(town_start_broker(&town));
    (void)snprintf(path, sizeof path, "%s/bundle", town.folder);
    (void)snprintf(told, sizeof told, "field=%s", path);
    assert_int_equal(file_write_atomic(path, bytes_of_str("no bundle\n"), 0600, &error), 0);
    assert_false(log_has(told));
    process_signal(&town.broker, SIGHUP);
    assert_true(log_says_in_time("event=bundle_refused"));
    assert_true(log_has(told));
}

/* ---- the disk ----------------------------------------------------------------------------------
 */
static void what_the_disk_did_not_keep_gets_no_receipt_and_ends_the_broker(void **state)
{
    (void)state;
    struct caller school, police;
    struct sealed sealed[2];
    const Leadbus__Frame *frame;
    assert_true(town_start_broker(&town));
    caller_open(&school, &town, &town.keyrings[TOWN_EDUCATION], true);
    caller_open(&police, &town, &town.keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&school, &town, 16));
    assert_true(caller_greet(&police, &town, 16));
    for (uint64_t i = 0; i < 2; i++) seal(i + 1, &sealed[i]);
    caller_submit(&school, buf_bytes(&sealed[0].bytes));
    frame = caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT);
    assert_non_null(frame);
    uint64_t index = frame->receipt->index;
    assert_non_null(caller_expect(&police, LEADBUS__FRAME__BODY_DELIVERY));

    bent->syncs_fail = 1;
    caller_submit(&school, buf_bytes(&sealed[1].bytes));
    assert_int_equal(process_wait_end(&town.broker, DEADLINE_MS), EX_IOERR);
    assert_true(log_has("event=journal_failed"));
    /* Everything that it ever sent has come when the connection is seen to end. */
    assert_true(caller_wait_disconnected(&school));
    assert_true(caller_wait_disconnected(&police));
    while ((frame = caller_receive(&school, 0)))
        assert_int_not_equal(frame->body_case, LEADBUS__FRAME__BODY_RECEIPT);
    while ((frame = caller_receive(&police, 0)))
        assert_int_not_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
    caller_close(&school);
    caller_close(&police);

    /* On a disk that keeps again: the first where it was, the second once. */
    bent->syncs_fail = 0;
    assert_true(town_start_broker(&town));
    caller_open(&school, &town, &town.keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, &town, 16));
    for (uint64_t i = 0; i < 2; i++) {
        caller_submit(&school, buf_bytes(&sealed[i].bytes));
        frame = caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT);
        assert_non_null(frame);
        if (i == 0) assert_int_equal(frame->receipt->index, index);
        if (i == 1) assert_true(frame->receipt->index > index);
        sealed_fini(&sealed[i]);
    }
    caller_close(&school);
}

static void a_broker_on_a_disk_that_does_not_sync_does_not_start(void **state)
{
    (void)state;
    bent->syncs_fail = 1;
    assert_false(town_start_broker(&town));
    assert_int_equal(process_wait_end(&town.broker, DEADLINE_MS), EX_IOERR);
    assert_true(log_has("event=start_failed"));
}

/* ---- the journal -------------------------------------------------------------------------------
 */
static void change_journal(const char *sql)
{
    char path[RUNNER_PATH_LEN_MAX];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/state/journal.db", town.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_journal_that_is_not_what_was_signed_is_not_served(void **state)
{
    static const char *const changes[] = {
        "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)",
        "UPDATE records SET hashes = zeroblob(length(hashes)) WHERE seq = (SELECT max(seq) FROM "
        "records)",
        "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)",
        "UPDATE checkpoints SET note = CAST(note || x'20' AS BLOB) WHERE size = (SELECT max(size) "
        "FROM checkpoints)",
    };
    char command[4 * RUNNER_PATH_LEN_MAX];
    (void)state;
    assert_true(town_start_broker(&town));
    assert_int_equal(process_stop(&town.broker, PROCESS_DEADLINE_MS), 0);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        snprintf(command, sizeof command, "cp '%s'/state/journal.db '%s'/whole.db", town.folder,
                 town.folder);
        assert_int_equal(system(command), 0);
        change_journal(changes[i]);
        assert_false(town_start_broker(&town));
        assert_int_equal(process_wait_end(&town.broker, DEADLINE_MS), EX_PROTOCOL);
        snprintf(command, sizeof command,
                 "rm -f '%s'/state/journal.db-* && mv '%s'/whole.db '%s'/state/journal.db",
                 town.folder, town.folder, town.folder);
        assert_int_equal(system(command), 0);
    }
    assert_true(town_start_broker(&town));
}

static bool wal_is(json_t *status, void *ctx)
{
    return json_is_true(json_object_get(status, "wal_large")) == *(bool *)ctx;
}

static uint64_t wal_bytes(void)
{
    json_t *status = runner_status(&town);
    assert_non_null(status);
    uint64_t bytes = runner_figure(status, "wal_bytes");
    json_decref(status);
    return bytes;
}

/* Somebody keeps the journal open in another program: what is appended cannot be moved out of the
 * WAL. The broker goes on, says so, and says when it is over. */
static void a_wal_that_somebody_holds_up_is_an_alarm_until_it_is_moved(void **state)
{
    enum { ALARM_BYTES = 1048576, PAGE_BYTES = 4096, LEAD_MAX = 1000 };
    char path[RUNNER_PATH_LEN_MAX];
    sqlite3 *reader = NULL;
    struct caller school;
    struct stat about;
    bool large = true;
    (void)state;
    town.more_config = "[limits]\nwal_alarm = 1M\n";
    assert_true(town_start_broker(&town));
    snprintf(path, sizeof path, "%s/state/journal.db", town.folder);
    assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM records", NULL, NULL, NULL),
                     SQLITE_OK);
    snprintf(path, sizeof path, "%s/state/journal.db-wal", town.folder);
    caller_open(&school, &town, &town.keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, &town, 0));
    for (uint64_t seq = 1;; seq++) {
        struct sealed sealed;
        struct town_lead lead = {.seq = seq, .bundle = 1, .id = {(uint8_t)seq}};
        lead.id[1] = (uint8_t)(seq >> 8);
        assert_true(seq <= LEAD_MAX);
        town_seal(&town, TOWN_EDUCATION, &lead, &sealed);
        caller_submit(&school, buf_bytes(&sealed.bytes));
        assert_non_null(caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT));
        sealed_fini(&sealed);
        assert_int_equal(stat(path, &about), 0);
        if (about.st_size > ALARM_BYTES + 64 * PAGE_BYTES) break;
    }
    assert_true(runner_status_wait(&town, wal_is, &large, DEADLINE_MS));
    assert_true(wal_bytes() >= ALARM_BYTES);
    assert_true(log_says_in_time("event=wal_large"));
    assert_false(log_has("event=wal_moved"));

    large = false;
    assert_int_equal(sqlite3_close_v2(reader), SQLITE_OK);
    assert_true(runner_status_wait(&town, wal_is, &large, DEADLINE_MS));
    assert_true(wal_bytes() < ALARM_BYTES);
    assert_true(log_says_in_time("event=wal_moved"));
    caller_close(&school);
    town.more_config = NULL;
}

/* ---- the clock ---------------------------------------------------------------------------------
 */
/* A bulletin that runs out in an hour, taken by the broker. */
static void send_bulletin(void)
{
    struct caller police;
    struct sealed sealed;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct town_lead lead = {.seq = 1,
                                   .bundle = 1,
                                   .id = {1},
                                   .kind = "notice.bulletin",
                                   .expires_ms = (uint64_t)now.tv_sec * SECOND_MS + HOUR_MS};
    town_seal(&town, TOWN_POLICE, &lead, &sealed);
    caller_open(&police, &town, &town.keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&police, &town, 0));
    caller_submit(&police, buf_bytes(&sealed.bytes));
    assert_non_null(caller_expect(&police, LEADBUS__FRAME__BODY_RECEIPT));
    sealed_fini(&sealed);
    caller_close(&police);
}

/* How many records of time having run out the journal has, by the word of the replay. */
static uint64_t ticks(void)
{
    char command[4 * RUNNER_PATH_LEN_MAX];
    json_error_t trouble;
    assert_int_equal(process_stop(&town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(command, sizeof command,
             "cp '%s'/state/journal.db '%s'/copy.db && '%s' replay --root '%s'/root --json "
             "'%s'/copy.db",
             town.folder, town.folder, LEADBUS_REPLAY, town.folder, town.folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    json_t *answer = json_loadf(pipe, JSON_DISABLE_EOF_CHECK, &trouble);
    assert_int_equal(pclose(pipe), 0);
    assert_non_null(answer);
    uint64_t count = runner_figure(answer, "tick_count");
    json_decref(answer);
    return count;
}

/* Two statuses more: the broker has been through its rounds with the clock as it stands. */
static bool next_status(json_t *status, void *ctx)
{
    uint64_t *rounds = ctx;
    (void)status;
    return ++*rounds > 2;
}

static void wait_rounds(void)
{
    uint64_t rounds = 0;
    assert_true(runner_status_wait(&town, next_status, &rounds, DEADLINE_MS));
}

static void in_good_time_a_bulletin_runs_out(void **state)
{
    (void)state;
    assert_true(town_start_broker(&town));
    send_bulletin();
    assert_int_equal(ticks(), 0);
    bent->clock_ms = 2 * (int64_t)HOUR_MS; /* the broker was away for two hours */
    assert_true(town_start_broker(&town));
    wait_rounds();
    assert_false(log_has("event=clock_suspect"));
    assert_int_equal(ticks(), 1);
}

static void a_start_a_week_after_the_journal_expires_nothing(void **state)
{
    (void)state;
    assert_true(town_start_broker(&town));
    send_bulletin();
    assert_int_equal(ticks(), 0);
    bent->clock_ms = 8 * DAY_MS;
    assert_true(town_start_broker(&town));
    assert_true(log_says_in_time("event=clock_suspect"));
    wait_rounds();
    assert_int_equal(ticks(), 0);
}

static void a_clock_that_jumps_while_it_runs_expires_nothing(void **state)
{
    (void)state;
    assert_true(town_start_broker(&town));
    send_bulletin();
    wait_rounds();
    assert_false(log_has("event=clock_suspect"));
    bent->clock_ms = 2 * (int64_t)HOUR_MS;
    assert_true(log_says_in_time("event=clock_suspect"));
    wait_rounds();
    assert_int_equal(ticks(), 0);
}

static void a_clock_set_back_is_told_and_time_stands(void **state)
{
    (void)state;
    assert_true(town_start_broker(&town));
    send_bulletin();
    bent->clock_ms = -30 * (int64_t)SECOND_MS; /* within what it takes for slewing */
    assert_true(log_says_in_time("event=clock_set_back"));
    assert_false(log_has("event=clock_suspect"));
    /* Record time does not fall, or the replay would not hold. */
    assert_int_equal(ticks(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* scenario_faults [NAME]: only the tests whose name matches. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(a_bundle_that_is_refused_while_it_runs_is_named),
        TEST(a_broker_whose_zap_handler_is_not_asked_does_not_start),
        TEST(what_the_disk_did_not_keep_gets_no_receipt_and_ends_the_broker),
        TEST(a_broker_on_a_disk_that_does_not_sync_does_not_start),
        TEST(a_journal_that_is_not_what_was_signed_is_not_served),
        TEST(a_wal_that_somebody_holds_up_is_an_alarm_until_it_is_moved),
        TEST(in_good_time_a_bulletin_runs_out),
        TEST(a_start_a_week_after_the_journal_expires_nothing),
        TEST(a_clock_that_jumps_while_it_runs_expires_nothing),
        TEST(a_clock_set_back_is_told_and_time_stands),
    };
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
