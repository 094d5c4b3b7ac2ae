/* Every file that broker and agent read or write, made unreadable, read-only, a folder, empty,
 * absent, a link to nowhere: what the program then does stands in files.def, case by case. Where it
 * does not start it ends with the exit code of its trouble, says the trouble's code, the file at
 * fault and something in both languages; where it starts, what it can do without it goes on. Put
 * right, it starts again, nothing of before is lost, and a lead goes from the one end to the other.
 *
 * fault_files [--every]: what was put right is checked after each case, not after each file alone.
 * Runs as nobody where it is started as root: permissions bind nobody else. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/agents.h"

enum { NOBODY = 65534, SKIPPED = 77, READY = 0, PATH_LEN = AGENTS_PATH_LEN };
enum program { BROKER, AGENT };
enum state { UNREADABLE, READ_ONLY, FOLDER, EMPTY, ABSENT, DANGLING, STATE_COUNT };
static const char *const STATES[] = {"UNREADABLE", "READ_ONLY", "FOLDER",
                                     "EMPTY",      "ABSENT",    "DANGLING"};

struct outcome {
    enum { CANNOT, STARTS, ENDS } way;
    int status;
    const char *code; /* NULL: nothing is the matter */
};
static const struct row {
    enum program program;
    const char *file;
    struct outcome outcomes[STATE_COUNT];
} ROWS[] = {
#define NA                                                                                         \
    {                                                                                              \
        CANNOT, 0, NULL                                                                            \
    }
#define OK                                                                                         \
    {                                                                                              \
        STARTS, READY, NULL                                                                        \
    }
#define TELLS(code)                                                                                \
    {                                                                                              \
        STARTS, READY, code                                                                        \
    }
#define STOP(exit, code)                                                                           \
    {                                                                                              \
        ENDS, exit, code                                                                           \
    }
#define FILE_ROW(program, file, ...) {program, file, {__VA_ARGS__}},
#include "tests/fault/files.def"
#undef FILE_ROW
#undef STOP
#undef TELLS
#undef OK
#undef NA
};

static struct agents agents;
static char output[AGENTS_OUTPUT_LEN], sent[64];
static bool every;

static void path_of(const char *file, const char *suffix, char ret[PATH_LEN])
{
    (void)snprintf(ret, PATH_LEN, "%s/%s%s", agents.town.folder, file, suffix);
}

/* ---- a file made wrong, and right again -------------------------------------------------------*/

static mode_t mode_of(const char *path)
{
    struct stat state;
    return lstat(path, &state) == 0 ? state.st_mode : 0;
}

/* False: it cannot be made so. */
static bool make_wrong(const char *file, enum state state, mode_t *ret_mode)
{
    char path[PATH_LEN], aside[PATH_LEN];
    path_of(file, "", path);
    path_of(file, ".aside", aside);
    *ret_mode = mode_of(path);
    bool there = *ret_mode != 0;
    bool folder = S_ISDIR(*ret_mode);
    if (state == UNREADABLE) return there && chmod(path, 0) == 0;
    if (state == READ_ONLY) return there && chmod(path, folder ? 0500 : 0400) == 0;
    if (state == FOLDER && folder) return false;
    if (there) CHECK(rename(path, aside) == 0);
    if (state == FOLDER) CHECK(mkdir(path, 0700) == 0);
    if (state == EMPTY && folder) CHECK(mkdir(path, 0700) == 0);
    if (state == EMPTY && !folder) CHECK(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    if (state == DANGLING) CHECK(symlink("nowhere/at-all", path) == 0);
    return true;
}

static void make_right(const char *file, enum state state, mode_t mode)
{
    char path[PATH_LEN], aside[PATH_LEN];
    path_of(file, "", path);
    path_of(file, ".aside", aside);
    if (state == UNREADABLE || state == READ_ONLY) {
        CHECK(chmod(path, mode & 07777) == 0);
        return;
    }
    if (mode_of(path)) process_folder_remove(path);
    if (mode) CHECK(rename(aside, path) == 0);
}

/* ---- the programs -----------------------------------------------------------------------------*/

static struct process *process_of(enum program program)
{
    return program == BROKER ? &agents.town.broker : &agents.processes[0];
}

static void stop(enum program program)
{
    struct process *process = process_of(program);
    if (process->pid) assert_int_equal(process_stop(process, PROCESS_DEADLINE_MS), 0);
}

/* As town_start_broker and agents_start, but for the configuration, which is the case's, and for
 * what it says, which goes into `said`. READY, or its exit code. */
static int start(enum program program, char said[AGENTS_OUTPUT_LEN])
{
    struct process *process = process_of(program);
    char config[PATH_LEN], log[PATH_LEN];
    path_of(program == BROKER ? "leadbusd.conf" : "education.conf", "", config);
    path_of("said", "", log);
    (void)unlink(log);
    const char *argv[] = {program == BROKER ? LEADBUSD : LEADBUS_AGENT, "--config", config, NULL};
    process_start(process, agents.town.folder, log, argv);
    bool ready = process_wait_ready(process, PROCESS_DEADLINE_MS);
    int status = ready ? READY : process_wait_end(process, PROCESS_DEADLINE_MS);
    agents_read_in(&agents, "said", said);
    return status;
}

/* ---- what must hold when all is right ---------------------------------------------------------*/

static uint64_t index_of(const json_t *outgoing)
{
    return (uint64_t)json_integer_value(json_object_get(outgoing, "index"));
}

/* What was there is there, and the journal goes on from where it was. */
static void check_right(void)
{
    static uint64_t newest;
    char arguments[128];
    for (int program = BROKER; program <= AGENT; program++) {
        if (process_of((enum program)program)->pid) continue;
        if (start((enum program)program, output) != READY) fail_msg("put right: %s", output);
    }
    (void)snprintf(arguments, sizeof arguments, "show --json %s", sent);
    json_decref(agents_must_json(&agents, 0, arguments, output));
    json_t *answer = agents_must_json(
        &agents, 0, "send anomaly.enrolment --json --wait 60 --file lead.json", output);
    if (index_of(answer) <= newest) fail_msg("behind %llu: %s", (unsigned long long)newest, output);
    newest = index_of(answer);
    json_decref(answer);
}

/* A broker that comes back is looked for only after a while: so none waits for it. */
static void stop_both(void)
{
    stop(AGENT);
    stop(BROKER);
}

/* ---- a case -----------------------------------------------------------------------------------*/

static void refute(const struct row *row, enum state state, const char *what, int status)
{
    fail_msg("%s %s %s: %s (ended with %d)\n%s", row->program == BROKER ? "broker" : "agent",
             row->file, STATES[state], what, status, output);
}

static void check_said(const struct row *row, enum state state, bool zh, int status)
{
    const struct outcome *wanted = &row->outcomes[state];
    char code[64], path[PATH_LEN];
    path_of(row->file, "", path);
    (void)snprintf(code, sizeof code, "code=%s", wanted->code);
    if (!strstr(output, code)) {
        (void)snprintf(code, sizeof code, "[%s]", wanted->code);
        if (!strstr(output, code)) refute(row, state, wanted->code, status);
    }
    if (!strstr(output, path)) refute(row, state, "does not name the file", status);
    if (status != READY && !strstr(output, zh ? "：" : ": "))
        refute(row, state, "says nothing to people", status);
}

static void run_case(const struct row *row, enum state state)
{
    static bool zh;
    const struct outcome *wanted = &row->outcomes[state];
    mode_t mode = 0;
    if (wanted->way == CANNOT) return;
    zh = !zh;
    CHECK(setenv("LANG", zh ? "zh_CN.UTF-8" : "en_US.UTF-8", 1) == 0);
    if (!make_wrong(row->file, state, &mode)) refute(row, state, "cannot be made so", 0);
    int status = start(row->program, output);
    if (status != wanted->status) refute(row, state, "ends otherwise", status);
    if (status == READY && process_stop(process_of(row->program), PROCESS_DEADLINE_MS) != 0)
        refute(row, state, "does not end well", status);
    if (status == READY) agents_read_in(&agents, "said", output);
    if (wanted->code) check_said(row, state, zh, status);
    if (!wanted->code && strstr(output, "level=error")) refute(row, state, "complains", status);
    make_right(row->file, state, mode);
    CHECK(setenv("LANG", "en_US.UTF-8", 1) == 0);
}

static void every_file_may_be_wrong_and_nothing_is_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        stop_both();
        for (int how = 0; how < STATE_COUNT; how++) {
            run_case(&ROWS[i], (enum state)how);
            if (every) check_right();
            if (every) stop_both();
        }
        check_right();
    }
}

static int set_up(void **state)
{
    (void)state;
    static const enum town_unit units[] = {TOWN_EDUCATION};
    CHECK(setenv("LANG", "en_US.UTF-8", 1) == 0);
    agents_init(&agents, units, 1);
    agents_must(&agents, 0, "kinds anomaly.enrolment --example > lead.json", output);
    agents_write_in(&agents, "note.txt", "a note\n", 0600);
    json_t *answer = agents_must_json(
        &agents, 0, "send anomaly.enrolment --json --wait 60 --file lead.json --attach note.txt",
        output);
    (void)snprintf(sent, sizeof sent, "%s", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

int main(int argc, char **argv)
{
    every = argc == 2 && strcmp(argv[1], "--every") == 0;
    if (argc > 2 || (argc == 2 && !every)) return 64;
    if (geteuid() == 0 && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY))) {
        printf("skipped: no user that permissions bind: %s\n", strerror(errno));
        return SKIPPED;
    }
    if (access(LEADBUSD, X_OK) || access(LEADBUS_AGENT, X_OK)) {
        printf("skipped: the programs are out of reach of user %d\n", (int)geteuid());
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_may_be_wrong_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
