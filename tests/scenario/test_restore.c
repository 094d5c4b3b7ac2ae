/* The journal is backed up while the broker runs, and put back: one that has all goes on, one that
 * went back is served to nobody who saw more, and nothing that the agents hold is lost meanwhile.
 */
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 200 };

static struct agents agents;
static char output[OUTPUT_LEN];

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

/* A command in the town's folder; its exit code. */
static int run(const char *command)
{
    char line[4096];
    snprintf(line, sizeof line, "cd '%s' && LANG=en && export LANG && %s >>run.out 2>&1",
             agents.town.folder, command);
    int status = system(line);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int backup(const char *to)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' --config leadbusd.conf --backup %s", LEADBUSD, to);
    return run(command);
}

static int replay(const char *what, const char *journal)
{
    char command[512];
    snprintf(command, sizeof command, "'%s' %s --root root %s", LEADBUS_REPLAY, what, journal);
    return run(command);
}

static void stop_broker(void)
{
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
}

/* As an operator does it: the copy in the journal's place, and nothing of the old one beside it. */
static void put_back(const char *copy)
{
    char command[512];
    snprintf(command, sizeof command,
             "rm -f state/journal.db state/journal.db-wal state/journal.db-shm && "
             "cp %s state/journal.db && chmod 600 state/journal.db",
             copy);
    assert_int_equal(run(command), 0);
    assert_true(town_start_broker(&agents.town));
}

/* Sends a report that says `what`; waits for the receipt where it should come. Its id. */
static void send_report(const char *what, bool wait, char ret_id[37])
{
    char arguments[256];
    snprintf(arguments, sizeof arguments,
             "send lead.mandatory-report --json --file report.json --set full.what=%s%s", what,
             wait ? " --wait 20" : "");
    json_t *sent = agents_must_json(&agents, SCHOOL, arguments, output);
    if (wait) assert_string_equal(json_string_value(json_object_get(sent, "state")), "receipted");
    snprintf(ret_id, 37, "%s", json_string_value(json_object_get(sent, "id")));
    json_decref(sent);
}

/* The police have it, to be read. */
static void assert_arrives(const char *what, long *number)
{
    char arguments[64];
    *number = agents_wait_after(&agents, POLICE, "lead.mandatory-report", *number);
    snprintf(arguments, sizeof arguments, "show %ld", *number);
    agents_must(&agents, POLICE, arguments, output);
    if (!strstr(output, what)) fail_msg("not %s: %s", what, output);
}

static bool status_has(size_t agent, const char *text)
{
    for (int turn = 0; turn < TURN_MAX; turn++) {
        (void)agents_run(&agents, agent, "status --json", output);
        if (strstr(output, text)) return true;
        /* Its next change of state, or a second, whichever comes first. */
        static char ignored[OUTPUT_LEN];
        (void)agents_run(&agents, agent, "inbox --json --wait 1 --after 1000000", ignored);
    }
    return false;
}

static bool log_has(const char *text)
{
    struct buf log = {0};
    struct error error = {0};
    CHECK(file_read(agents.town.log, (size_t)16 << 20, &log, &error) == 0);
    bool has = memmem(log.data, log.len, text, strlen(text)) != NULL;
    buf_fini(&log);
    return has;
}

static void a_backup_is_whole_and_replaces_nothing(void **state)
{
    (void)state;
    char id[37];
    long number = 0;
    struct stat about;
    char path[512];
    send_report("first", true, id);
    assert_arrives("first", &number);
    assert_int_equal(backup("one.db"), 0);
    snprintf(path, sizeof path, "%s/one.db", agents.town.folder);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(replay("replay", "one.db"), 0);
    off_t size = about.st_size;
    assert_int_not_equal(backup("one.db"), 0);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_size, size);
    assert_int_not_equal(backup("/nowhere/one.db"), 0);
    assert_int_equal(run("mkdir empty && sed 's,^state = .*,state = '\"$PWD\"'/empty,' "
                         "leadbusd.conf | tee empty.conf"),
                     0);
    char command[512];
    snprintf(command, sizeof command, "'%s' --config empty.conf --backup two.db", LEADBUSD);
    assert_int_equal(run(command), EX_NOINPUT);
    assert_int_equal(run("test ! -e two.db"), 0);
}

static void change_journal(const char *sql)
{
    char path[AGENTS_PATH_LEN];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/state/journal.db", agents.town.folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* What the disk changed is no backup: it is told, and no file is left that somebody would trust. */
static void a_copy_of_a_damaged_journal_is_refused(void **state)
{
    (void)state;
    stop_broker();
    assert_int_equal(run("cp -r state whole"), 0);
    static const char *const changes[] = {
        "UPDATE records SET bytes = CAST(bytes || x'00' AS BLOB) WHERE seq = 1",
        "DELETE FROM records WHERE seq = (SELECT max(seq) FROM records)",
        "DELETE FROM records WHERE seq = 1",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        change_journal(changes[i]);
        assert_int_equal(backup("bad.db"), EX_PROTOCOL);
        assert_int_equal(run("test ! -e bad.db && rm -rf state && cp -r whole state"), 0);
    }
    assert_true(town_start_broker(&agents.town));
}

/* Everything that was receipted is in it: nobody notices but by the time it took. */
static void a_backup_that_has_all_goes_on(void **state)
{
    (void)state;
    char id[37];
    long number = 0;
    assert_arrives("first", &number);
    assert_int_equal(backup("whole.db"), 0);
    stop_broker();
    put_back("whole.db");
    send_report("second", true, id);
    assert_arrives("second", &number);
}

/* It went back behind what agents have seen: they do not take it for the journal, keep what they
 * have, and go on with the newest one as soon as that is back. */
static void a_journal_that_went_back_is_refused_and_nothing_is_lost(void **state)
{
    (void)state;
    char id[37], arguments[128];
    long number = 0;
    assert_arrives("first", &number);
    assert_arrives("second", &number);
    stop_broker();
    assert_int_equal(run("cp state/journal.db newest.db && cp state/journal.db-wal newest.db-wal "
                         "2>/dev/null || true"),
                     0);
    put_back("one.db");
    assert_true(status_has(SCHOOL, "seen_ahead"));
    assert_true(status_has(POLICE, "seen_ahead"));
    assert_int_equal(agents_run(&agents, SCHOOL, "doctor", output), 1);
    assert_non_null(strstr(output, "the bus's journal is not the one that this unit has seen"));
    assert_null(strstr(output, "check address and network"));
    assert_true(log_has("event=journal_disputed"));
    /* What is sent meanwhile is taken and waits; what came before is there to be read. */
    send_report("third", false, id);
    agents_must(&agents, SCHOOL, "outbox --json", output);
    assert_non_null(strstr(output, id));
    assert_non_null(strstr(output, "queued"));
    snprintf(arguments, sizeof arguments, "show %ld", number);
    agents_must(&agents, POLICE, arguments, output);
    assert_non_null(strstr(output, "second"));

    stop_broker();
    assert_int_equal(replay("replay", "one.db"), 0);
    put_back("newest.db");
    assert_arrives("third", &number);
    agents_must(&agents, SCHOOL, "outbox --json", output);
    assert_null(strstr(output, "queued"));
    stop_broker();
    assert_int_equal(run("cp state/journal.db final.db"), 0);
    assert_int_equal(replay("replay", "final.db"), 0);
    assert_true(town_start_broker(&agents.town));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_whole_and_replaces_nothing),
        cmocka_unit_test(a_copy_of_a_damaged_journal_is_refused),
        cmocka_unit_test(a_backup_that_has_all_goes_on),
        cmocka_unit_test(a_journal_that_went_back_is_refused_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
