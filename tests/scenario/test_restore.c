/* The journal is backed up while the broker runs, and put back: one that has all goes on, one that
 * went back is served to nobody who saw more, and nothing that the agents hold is lost meanwhile.
 * By a recorded act it goes on under another name, and what the backup lacked comes back to it.
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

enum { SCHOOL, POLICE, CIVIL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 200 };

static struct agents agents;
static char output[OUTPUT_LEN];

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    /* It would follow a journal that went back as far as it has not seen more: not its turn yet. */
    assert_int_equal(process_stop(&agents.processes[CIVIL], PROCESS_DEADLINE_MS), 0);
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

/* ---- under another name -------------------------------------------------------------------------
 */

/* What `leadbus ARGUMENTS` prints has the text, at last. */
static bool comes_true(size_t agent, const char *arguments, const char *text, bool wanted)
{
    static char ignored[OUTPUT_LEN];
    for (int turn = 0; turn < TURN_MAX; turn++) {
        (void)agents_run(&agents, agent, arguments, output);
        if ((strstr(output, text) != NULL) == wanted) return true;
        (void)agents_run(&agents, agent, "inbox --json --wait 1 --after 1000000", ignored);
    }
    return false;
}

static long count_of(size_t agent, const char *list, const char *name)
{
    json_t *status = agents_must_json(&agents, agent, "status --json", output);
    long count = (long)json_integer_value(json_object_get(json_object_get(status, list), name));
    json_decref(status);
    return count;
}

/* Its proofs have come to a head over more than that: they trail by a second. */
static bool trusts_beyond(size_t agent, long size)
{
    static char ignored[OUTPUT_LEN];
    for (int turn = 0; turn < TURN_MAX; turn++) {
        if (count_of(agent, "trust", "checkpoint_size") > size) return true;
        (void)agents_run(&agents, agent, "inbox --json --wait 1 --after 1000000", ignored);
    }
    return false;
}

static long index_of(size_t agent, const char *id)
{
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %s --json", id);
    json_t *message = agents_must_json(&agents, agent, arguments, output);
    long index = (long)json_integer_value(json_object_get(message, "index"));
    json_decref(message);
    return index;
}

/* The name that the operator is told, from what the act printed. */
static void record_act(char ret_origin[128])
{
    char command[512];
    struct buf text = {0};
    struct error error = {0};
    char path[AGENTS_PATH_LEN];
    snprintf(command, sizeof command,
             "('%s' --config leadbusd.conf --restored 'disk lost in the flood' >act.out)",
             LEADBUSD);
    assert_int_equal(run(command), 0);
    snprintf(path, sizeof path, "%s/act.out", agents.town.folder);
    assert_int_equal(file_read(path, 65536, &text, &error), 0);
    buf_append_u8(&text, 0);
    const char *line = strstr((char *)text.data, "under the name\n");
    assert_non_null(line);
    line = strchr(line, '\n') + 1;
    size_t len = strcspn(line, "\n");
    assert_in_range(len, 1, 127);
    memcpy(ret_origin, line, len);
    ret_origin[len] = '\0';
    buf_fini(&text);
}

/* How many messages of that id the journal has. */
static int times_in(const char *journal, const char *id)
{
    char command[512];
    snprintf(command, sizeof command,
             "('%s' list --root root %s | grep -c '%s' >times); test \"$(cat times)\" = 1",
             LEADBUS_REPLAY, journal, id);
    return run(command);
}

static void confirm(size_t agent, const char *origin)
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, "confirm-restored %s", origin);
    agents_must(&agents, agent, arguments, output);
}

static void file_of(const char *name, struct buf *ret)
{
    char path[AGENTS_PATH_LEN];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", agents.town.folder, name);
    assert_int_equal(file_read(path, 1 << 20, ret, &error), 0);
}

/* The disk is lost with all that came after the backup. The act is recorded, the units say yes, and
 * everything is in the journal again: once, and with one effect at everybody. */
static void what_the_backup_lacked_comes_back(void **state)
{
    (void)state;
    char before[37], lead[37], other[37], arguments[256], origin[128];
    struct buf kept = {0}, former = {0};
    agents_start(&agents, CIVIL);
    send_report("before-the-backup", true, before);
    assert_true(comes_true(POLICE, "inbox --json", before, true));
    assert_true(comes_true(CIVIL, "inbox --json", before, true));
    /* One unit sees nothing more: it will have nothing to give up. */
    assert_int_equal(process_stop(&agents.processes[CIVIL], PROCESS_DEADLINE_MS), 0);
    assert_int_equal(backup("flood.db"), 0);

    send_report("after-the-backup", true, lead);
    assert_int_equal(run("(echo 'seen at the gate at eight' >note.txt)"), 0);
    send_report("after-it-too --attach note.txt", true, other);
    assert_true(comes_true(POLICE, "inbox --json", other, true));
    snprintf(arguments, sizeof arguments, "sign %s --officer 0421 --wait 20", lead);
    agents_must(&agents, POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "accept %s --officer 0421 --wait 20", lead);
    agents_must(&agents, POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "receipt %s >kept.tlog-proof", lead);
    agents_must(&agents, SCHOOL, arguments, output);
    assert_true(comes_true(SCHOOL, "inbox --json", "receipt.accepted", true));
    assert_true(trusts_beyond(SCHOOL, index_of(SCHOOL, other)));
    assert_true(trusts_beyond(POLICE, index_of(SCHOOL, other)));
    long police_received = count_of(POLICE, "inbox", "received");
    long school_received = count_of(SCHOOL, "inbox", "received");
    long school_sent = count_of(SCHOOL, "outbox", "receipted");
    long police_sent = count_of(POLICE, "outbox", "receipted");

    stop_broker();
    assert_int_equal(run("rm -rf state && mkdir -m 700 state && cp flood.db state/journal.db && "
                         "chmod 600 state/journal.db"),
                     0);
    char command[512];
    snprintf(command, sizeof command, "'%s' --config leadbusd.conf --restored ''", LEADBUSD);
    assert_int_not_equal(run(command), 0); /* without a reason it is none */
    record_act(origin);
    assert_true(town_start_broker(&agents.town));
    assert_int_not_equal(run(command), 0); /* it serves */

    /* Both stand still, and say why; nothing of theirs is touched. */
    assert_true(status_has(SCHOOL, origin));
    assert_true(status_has(POLICE, origin));
    assert_int_equal(count_of(SCHOOL, "outbox", "receipted"), school_sent);
    assert_int_not_equal(agents_run(&agents, SCHOOL, "doctor", output), 0);
    assert_non_null(strstr(output, origin));
    assert_int_not_equal(
        agents_run(&agents, SCHOOL, "confirm-restored test.leadbus/00000000", output), 0);
    assert_true(status_has(SCHOOL, origin));
    /* What is done meanwhile on a lead that the journal does not have waits for it. */
    snprintf(arguments, sizeof arguments, "sign %s --officer 0421", other);
    agents_must(&agents, POLICE, arguments, output);

    /* The acts come ahead of what they are about: they are patient. */
    confirm(POLICE, origin);
    assert_true(comes_true(POLICE, "outbox --json --state queued", "thread_unknown", true));
    confirm(SCHOOL, origin);
    agents_start(&agents, CIVIL);
    assert_true(comes_true(SCHOOL, "outbox --json --state queued", "\"id\"", false));
    assert_true(comes_true(POLICE, "outbox --json --state queued", "\"id\"", false));
    assert_true(comes_true(CIVIL, "inbox --json", lead, true));
    assert_true(comes_true(CIVIL, "inbox --json", other, true));
    assert_true(log_has("event=restored_unconfirmed unit=education"));
    assert_true(log_has("event=restored_unconfirmed unit=police-hedong"));
    assert_false(log_has("event=restored_unconfirmed unit=civil-affairs"));

    /* All is there again, as receipted, and nobody got anything twice. */
    send_report("and-on-it-goes", true, before);
    assert_true(comes_true(POLICE, "inbox --json", before, true));
    assert_true(comes_true(SCHOOL, "inbox --json", other, true));
    assert_int_equal(count_of(SCHOOL, "outbox", "receipted"), school_sent + 1);
    assert_int_equal(count_of(POLICE, "outbox", "receipted"), police_sent + 1);
    assert_int_equal(count_of(SCHOOL, "outbox", "refused"), 0);
    assert_int_equal(count_of(POLICE, "outbox", "refused"), 0);
    assert_int_equal(count_of(POLICE, "inbox", "received"), police_received + 1);
    assert_int_equal(count_of(SCHOOL, "inbox", "received"), school_received + 1);
    assert_int_equal(count_of(POLICE, "inbox", "exceptions"), 0);
    agents_must(&agents, POLICE, "inbox --json", output);
    assert_null(strstr(output, "\"proved\": false"));
    assert_null(strstr(output, "\"proved\":false"));
    snprintf(arguments, sizeof arguments, "thread %s", lead);
    agents_must(&agents, SCHOOL, arguments, output);

    /* The receipt of before is kept as it was; the new one is another. */
    snprintf(arguments, sizeof arguments, "receipt --former 1 %s >former.tlog-proof", lead);
    agents_must(&agents, SCHOOL, arguments, output);
    snprintf(arguments, sizeof arguments, "receipt %s >new.tlog-proof", lead);
    agents_must(&agents, SCHOOL, arguments, output);
    file_of("kept.tlog-proof", &kept);
    file_of("former.tlog-proof", &former);
    assert_true(bytes_equal(buf_bytes(&kept), buf_bytes(&former)));
    buf_fini(&kept);
    buf_fini(&former);

    stop_broker();
    assert_int_equal(run("cp state/journal.db again.db"), 0);
    assert_int_equal(replay("verify --chunks state/chunks", "again.db"), 0);
    assert_int_equal(run("find state/chunks -name 0000 | grep -q ."), 0); /* uploaded again */
    assert_int_equal(replay("replay", "again.db"), 0);
    assert_int_equal(replay("replay --checkpoint new.tlog-proof", "again.db"), 0);
    assert_int_equal(replay("verify --checkpoint kept.tlog-proof", "again.db"), 1);
    assert_int_equal(times_in("again.db", lead), 0);
    assert_int_equal(times_in("again.db", other), 0);
    assert_true(town_start_broker(&agents.town));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backup_is_whole_and_replaces_nothing),
        cmocka_unit_test(a_copy_of_a_damaged_journal_is_refused),
        cmocka_unit_test(a_backup_that_has_all_goes_on),
        cmocka_unit_test(a_journal_that_went_back_is_refused_and_nothing_is_lost),
        cmocka_unit_test(what_the_backup_lacked_comes_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
