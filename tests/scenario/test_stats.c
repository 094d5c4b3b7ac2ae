/* A unit's own figures against those of the audit: real agents, a broker whose clock goes on, and
 * leadbus-replay on the same journal. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "tests/lib/command.h"
#include "tests/scenario/agents.h"
#include "tests/scenario/bent.h"

enum { SCHOOL, POLICE, CIVIL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS};
enum { PATH_LEN = AGENTS_PATH_LEN, OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 400 };
#define SPLIT "--by unit,task,kind --csv"

static struct agents agents;
static struct bent *bent;

/* Later by so much; the broker was away meanwhile. */
static void pass(int64_t ms)
{
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    bent->clock_ms += ms;
    assert_true(town_start_broker(&agents.town));
}

static int set_up(void **state)
{
    static char output[OUTPUT_LEN];
    char path[PATH_LEN];
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    snprintf(path, sizeof path, "%s/bent", agents.town.folder);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(fd >= 0 && ftruncate(fd, sizeof *bent) == 0);
    bent = mmap(NULL, sizeof *bent, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(bent != MAP_FAILED && setenv(BENT_VARIABLE, path, 1) == 0);
    (void)close(fd);
    agents.town.program = LEADBUSD_BENT;
    pass(0);
    agents_must(&agents, SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
    agents_must(&agents, SCHOOL, "kinds lead.street-minor --example > minor.json", output);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int clean = agents_fini(&agents);
    return clean | munmap(bent, sizeof *bent);
}

static int run(const char *command, char output[OUTPUT_LEN])
{
    return command_run(agents.town.folder, command, output, OUTPUT_LEN);
}

static void send(const char *kind, const char *file, char ret_id[37])
{
    static char output[OUTPUT_LEN];
    char arguments[128];
    snprintf(arguments, sizeof arguments, "send %s --json --wait 60 --file %s", kind, file);
    json_t *sent = agents_must_json(&agents, SCHOOL, arguments, output);
    snprintf(ret_id, 37, "%s", json_string_value(json_object_get(sent, "id")));
    json_decref(sent);
}

static void act(size_t who, const char *act, const char *id, const char *more)
{
    static char output[OUTPUT_LEN];
    char arguments[256];
    snprintf(arguments, sizeof arguments, "%s %s %s --wait 60", act, id, more);
    agents_must(&agents, who, arguments, output);
}

static void wait_for(size_t who, const char *id)
{
    static char output[OUTPUT_LEN];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %s", id);
    for (int turn = 0; turn < TURN_MAX; turn++)
        if (agents_run(&agents, who, arguments, output) == 0) return;
    fail_msg("%s did not come: %s", id, output);
}

/* The figures of one unit as the audit has them. */
static void audited(size_t who, const char *arguments, char output[OUTPUT_LEN])
{
    char command[1024];
    snprintf(command, sizeof command,
             "rm -f copy.db && '%s' --config leadbusd.conf --backup copy.db >/dev/null && '%s' "
             "stats --root root --unit %s %s copy.db",
             LEADBUSD_BENT, LEADBUS_REPLAY, agents.keys[who], arguments);
    if (run(command, output) != 0) fail_msg("%s", output);
}

/* What the agent says, once it has heard of everything. */
static void same_as_audited(size_t who, const char *arguments)
{
    static char own[OUTPUT_LEN], theirs[OUTPUT_LEN];
    char command[256];
    snprintf(command, sizeof command, "stats %s", arguments);
    audited(who, arguments, theirs);
    for (int turn = 0; turn < TURN_MAX; turn++) {
        agents_must(&agents, who, command, own);
        if (strcmp(own, theirs) == 0) return;
    }
    fail_msg("the unit: %s\nthe audit: %s", own, theirs);
}

static json_t *why(size_t who, const char *figure)
{
    static char output[OUTPUT_LEN];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "stats --json --why %s", figure);
    return agents_must_json(&agents, who, arguments, output);
}

static const json_t *leg_of(const json_t *answer, const char *id)
{
    const json_t *legs = json_object_get(answer, "legs");
    for (size_t i = 0; i < json_array_size(legs); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(legs, i), "id")), id) == 0)
            return json_array_get(legs, i);
    return NULL;
}

static const json_t *term_of(const json_t *leg, const char *term)
{
    const json_t *terms = json_object_get(leg, "terms");
    for (size_t i = 0; i < json_array_size(terms); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(terms, i), "term")), term) == 0)
            return json_array_get(terms, i);
    return NULL;
}

static json_int_t count_of(const json_t *answer, const char *name)
{
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    return json_integer_value(json_object_get(row, name));
}

static void a_unit_counts_itself_as_the_audit_does(void **state)
{
    (void)state;
    const int64_t minute_ms = 60000;
    char prompt[37], late[37], slow[37], minor[37];
    send("lead.mandatory-report", "report.json", prompt);
    send("lead.mandatory-report", "report.json", late);
    send("lead.mandatory-report", "report.json", slow);
    send("lead.street-minor", "minor.json", minor);
    wait_for(POLICE, minor);
    wait_for(CIVIL, minor);
    act(POLICE, "sign", prompt, "");
    act(POLICE, "accept", prompt, "--set reference_number=N-1");
    act(POLICE, "close", prompt, "--outcome unfounded --text x");
    act(POLICE, "sign", slow, "");
    act(CIVIL, "sign", minor, "");
    same_as_audited(POLICE, SPLIT);
    same_as_audited(CIVIL, SPLIT);

    /* Ten minutes to sign have gone by, and the bus says so in the journal. (An agent whose clock
     * is a quarter of an hour off is not let in.) */
    pass(11 * minute_ms);
    same_as_audited(POLICE, SPLIT);
    same_as_audited(CIVIL, SPLIT);
    json_t *answer = why(POLICE, "missed_sign");
    assert_int_equal(json_array_size(json_object_get(answer, "legs")), 2);
    const json_t *term = term_of(leg_of(answer, late), "sign");
    assert_true(json_integer_value(json_object_get(term, "record")) > 0);
    assert_true(json_is_true(json_object_get(term, "missed")));
    assert_null(json_object_get(term, "at"));
    assert_non_null(json_object_get(term, "due_at"));
    json_decref(answer);

    act(POLICE, "sign", late, "");
    act(POLICE, "accept", late, "--set reference_number=N-1");
    act(POLICE, "accept", slow, "--set reference_number=N-1");
    act(CIVIL, "accept", minor, "--set reference_number=N-1");
    same_as_audited(POLICE, SPLIT);
    same_as_audited(CIVIL, SPLIT);
    same_as_audited(SCHOOL, SPLIT);
    same_as_audited(POLICE, "--by unit --csv");
    same_as_audited(POLICE, "--by task --csv --from 2020-01-01 --until 2999-01-01");
    same_as_audited(POLICE, "--by kind --csv --until 2020-01-01");

    /* What each figure was counted from. */
    answer = why(POLICE, "overdue");
    assert_int_equal(json_array_size(json_object_get(answer, "legs")), 2);
    assert_int_equal(count_of(answer, "overdue_count"), 2);
    assert_int_equal(count_of(answer, "received_count"), 4);
    assert_int_equal(count_of(answer, "signed_in_time_count"), 2);
    assert_null(leg_of(answer, prompt));
    assert_null(leg_of(answer, slow));
    const json_t *leg = leg_of(answer, late);
    assert_true(json_is_true(json_object_get(term_of(leg, "sign"), "missed")));
    assert_non_null(json_object_get(term_of(leg, "sign"), "at"));
    assert_false(json_is_true(json_object_get(term_of(leg, "accept"), "missed")));
    assert_non_null(json_object_get(term_of(leg, "accept"), "due_at"));
    assert_non_null(json_object_get(leg, "task"));
    assert_true(json_is_true(json_object_get(leg, "plan_known")));
    json_decref(answer);
    answer = why(POLICE, "closed");
    assert_int_equal(json_array_size(json_object_get(answer, "legs")), 1);
    assert_non_null(leg_of(answer, prompt));
    json_decref(answer);
}

static void what_has_no_receipt_is_not_counted_and_said(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN], before[OUTPUT_LEN], after[OUTPUT_LEN];
    char id[37], arguments[128];
    send("lead.mandatory-report", "report.json", id);
    wait_for(POLICE, id);
    same_as_audited(POLICE, SPLIT);
    agents_must(&agents, POLICE, "stats " SPLIT, before);
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(arguments, sizeof arguments, "sign %s", id);
    (void)agents_run(&agents, POLICE, arguments, output);
    agents_must(&agents, POLICE, "stats " SPLIT, after);
    assert_string_equal(before, after);
    agents_must(&agents, POLICE, "stats --why all", output);
    if (!strstr(output, "1: messages of this unit without a receipt")) fail_msg("%s", output);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", "stats --why overdue", output), 0);
    if (!strstr(output, "考核数字") || !strstr(output, "由来（overdue）：") ||
        !strstr(output, "，超期") || !strstr(output, "本单位不能得知的："))
        fail_msg("%s", output);
    assert_true(town_start_broker(&agents.town));
    for (int turn = 0; turn < TURN_MAX && strcmp(before, after) == 0; turn++)
        agents_must(&agents, POLICE, "stats " SPLIT, after);
    assert_string_not_equal(before, after);
    same_as_audited(POLICE, SPLIT);
}

static void a_wrong_question_is_told_what_is_right(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    static const struct {
        const char *arguments, *words;
    } cases[] = {{"--period 2026-13", "2026-Q1"},
                 {"--period 2026-Q5", "2026-Q1"},
                 {"--period 2026 --from 2026-01-01", "from or until"},
                 {"--from 2026-02-30", "2026-01-01"},
                 {"--from 2026-03-01 --until 2026-03-01", "after from"},
                 {"--by officer", "unit, task and kind"},
                 {"--by ,task", "unit, task and kind"},
                 {"--why luck", "missed_sign"},
                 {"--limit 501", "1 to 500"},
                 {"--csv --json", "--json"},
                 {"more", "no operands"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char arguments[128];
        snprintf(arguments, sizeof arguments, "stats %s", cases[i].arguments);
        int status = agents_run(&agents, POLICE, arguments, output);
        if (status == 0 || !strstr(output, cases[i].words))
            fail_msg("%s: %d %s", arguments, status, output);
    }
    agents_must(&agents, POLICE, "stats --task no-such --csv", output);
    assert_null(strchr(strchr(output, '\n') + 1, '\n')); /* the header alone */
    agents_must(&agents, POLICE, "stats --why all --limit 1", output);
    assert_non_null(strstr(output, "there are more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unit_counts_itself_as_the_audit_does),
        cmocka_unit_test(what_has_no_receipt_is_not_counted_and_said),
        cmocka_unit_test(a_wrong_question_is_told_what_is_right),
    };
    return cmocka_run_group_tests_name("scenario.stats", tests, set_up, tear_down);
}
