/* An inspection with real agents: the office asks by a day, the members hand in, the office sees
 * who has and who has not, sends one report back and takes it the second time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/plan/day.h"
#include "tests/scenario/agents.h"

enum { OFFICE, SCHOOL, POLICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_OFFICE, TOWN_EDUCATION, TOWN_POLICE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, ARGUMENTS_LEN = 512 };

static struct agents agents;

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

static void write_in(const char *name, const char *text)
{
    char path[AGENTS_PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", agents.town.folder, name);
    CHECK(file_write_atomic(path, bytes_of_str(text), 0600, NULL) == 0);
}

static void day_in(unsigned days, char ret[DAY_TEXT_LEN])
{
    day_text(((uint64_t)time(NULL) + days * 86400ull) * 1000, ret);
}

static json_t *run(size_t agent, const char *format, const char *id, const char *more)
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "%s %s --json --wait 20 %s", format, id, more);
    return agents_must_json(&agents, agent, arguments, output);
}

static void must(size_t agent, const char *act, const char *id, const char *more)
{
    json_decref(run(agent, act, id, more));
}

static int code_of(size_t agent, const char *act, const char *id, const char *more,
                   char output[OUTPUT_LEN])
{
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "%s %s --wait 20 %s", act, id, more);
    return agents_run(&agents, agent, arguments, output);
}

/* The leg of a unit as an agent has it; *ret_state and *ret_due of it. */
static void leg_of(size_t agent, const char *thread, const char *unit, char ret_state[32],
                   char ret_due[64])
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    size_t i;
    json_t *leg;
    snprintf(arguments, sizeof arguments, "thread %s --json", thread);
    json_t *all = agents_must_json(&agents, agent, arguments, output);
    *ret_state = *ret_due = 0;
    json_array_foreach(json_object_get(all, "legs"), i, leg)
    {
        if (strcmp(json_string_value(json_object_get(leg, "unit")), unit) != 0 ||
            strcmp(json_string_value(json_object_get(leg, "kind")), "supervision.inspection") != 0)
            continue;
        const char *due = json_string_value(json_object_get(leg, "due_at"));
        snprintf(ret_state, 32, "%s", json_string_value(json_object_get(leg, "state")));
        snprintf(ret_due, 64, "%s", due ? due : "");
    }
    json_decref(all);
}

static void state_is(size_t agent, const char *thread, const char *unit, const char *expected)
{
    char state[32], due[64];
    enum { TURN_MAX = 400 };
    for (int i = 0; i < TURN_MAX; i++) {
        leg_of(agent, thread, unit, state, due);
        if (strcmp(state, expected) == 0) return;
    }
    fail_msg("%s is %s, not %s", unit, state, expected);
}

static void ask(const char *topic, unsigned days, char ret_thread[37])
{
    char text[1024], day[DAY_TEXT_LEN], more[128];
    day_in(days, day);
    snprintf(text, sizeof text,
             "{\"sections\":{\"notice\":{\"subjects\":[\"self-check\"],\"questions\":\"请自查。\","
             "\"due_on\":\"%s\"}}}",
             day);
    write_in("inspection.json", text);
    snprintf(more, sizeof more, "--topic %s --file inspection.json --officer o-1", topic);
    json_t *sent = run(OFFICE, "send", "supervision.inspection", more);
    snprintf(ret_thread, 37, "%s", json_string_value(json_object_get(sent, "thread")));
    json_decref(sent);
}

#define PERIOD "--set period_from=2026-01-01 --set period_to=2026-12-31 "

static void a_report_is_asked_for_handed_in_and_reviewed(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char thread[37], day[DAY_TEXT_LEN], found[32], due[64], number[24], more[256];
    ask("self-check", 20, thread);
    day_in(20, day);
    (void)agents_wait_for(&agents, SCHOOL, "supervision.inspection");
    (void)agents_wait_for(&agents, POLICE, "supervision.inspection");
    must(SCHOOL, "sign", thread, "");
    must(POLICE, "sign", thread, "");
    must(POLICE, "accept", thread, "");
    must(POLICE, "progress", thread, "--set step=rectification-plan --text 方案已定");
    /* Nothing but a report ends it, and the day is the office's. */
    assert_int_equal(code_of(SCHOOL, "close", thread, "--outcome done", output), 75);
    assert_int_equal(code_of(SCHOOL, "hand-in", thread, PERIOD "--set type=rectification", output),
                     65);
    assert_non_null(strstr(output, "problems"));
    must(SCHOOL, "hand-in", thread, PERIOD "--set type=self-check --text 已自查");
    long report = agents_wait_for(&agents, OFFICE, "supervision.assessment");
    snprintf(number, sizeof number, "%ld", report);
    /* Who has handed in, and who has yet to by when. */
    state_is(OFFICE, thread, "education", "closed");
    state_is(OFFICE, thread, "police-hedong", "progress");
    leg_of(OFFICE, thread, "police-hedong", found, due);
    if (strncmp(due, day, 10) != 0 || strcmp(due + 10, "T16:00:00.000Z") != 0)
        fail_msg("%s, not %s", due, day);
    /* Back, with a reason and a day; then it is owed again. */
    assert_int_equal(
        code_of(OFFICE, "review", number, "--outcome sent-back --text 缺培训记录", output), 65);
    assert_non_null(strstr(output, "due_on"));
    day_in(30, day);
    snprintf(more, sizeof more, "--outcome sent-back --text 缺培训记录 --set due_on=%s", day);
    assert_int_equal(code_of(SCHOOL, "review", thread, more, output), 77);
    must(OFFICE, "review", number, more);
    (void)agents_wait_for(&agents, SCHOOL, "supervision.review");
    state_is(SCHOOL, thread, "education", "reopened");
    assert_int_equal(agents_run_in(&agents, SCHOOL, "zh", "inbox --due", output), 0);
    if (!strstr(output, "督导检查与整改")) fail_msg("%s", output);
    /* As the example of `leadbus kinds` is, or its one section alone. */
    write_in("fields.json", "{\"kind\":\"supervision.assessment\",\"sections\":{\"notice\":{"
                            "\"type\":\"rectification\",\"period_from\":\"2026-01-01\","
                            "\"period_to\":\"2026-12-31\",\"problems\":\"缺记录\"}}}");
    must(SCHOOL, "hand-in", thread, "--file fields.json --set problems=已补培训");
    report = agents_wait_after(&agents, OFFICE, "supervision.assessment", report);
    snprintf(number, sizeof number, "%ld", report);
    /* Which of two is meant has to be said. */
    assert_int_equal(code_of(OFFICE, "review", thread, "--outcome accepted", output), 65);
    must(OFFICE, "review", number, "--outcome accepted");
    state_is(OFFICE, thread, "education", "upheld");
    state_is(SCHOOL, thread, "education", "upheld");
}

/* A programme of the year is text, and perhaps a document; who sends one unasked opens a thread. */
static void a_programme_is_handed_in_asked_or_not(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char thread[37];
    ask("programme", 10, thread);
    (void)agents_wait_after(&agents, POLICE, "supervision.inspection", 1);
    must(POLICE, "sign", thread, "");
    assert_int_equal(code_of(POLICE, "hand-in", thread, PERIOD "--set type=programme", output), 65);
    must(POLICE, "hand-in", thread, PERIOD "--set type=programme --text 全年四次排查");
    state_is(POLICE, thread, "police-hedong", "closed");
    /* As a document, sent like any other message, it ends the part just so. */
    (void)agents_wait_after(&agents, SCHOOL, "supervision.inspection", 1);
    must(SCHOOL, "sign", thread, "");
    write_in("plan.txt", "一季度：排查。\n");
    write_in("document.json",
             "{\"sections\":{\"notice\":{\"type\":\"programme\","
             "\"period_from\":\"2026-01-01\",\"period_to\":\"2026-12-31\",\"text\":\"见附件\"}}}");
    char more[128];
    snprintf(more, sizeof more, "--file document.json --attach plan.txt --parent %s --officer s-1",
             thread);
    must(SCHOOL, "send", "supervision.assessment", more);
    state_is(OFFICE, thread, "education", "closed");
    write_in("programme.json",
             "{\"sections\":{\"notice\":{\"type\":\"programme\",\"period_from\":\"2026-01-01\","
             "\"period_to\":\"2026-12-31\",\"text\":\"全年计划\"}}}");
    json_t *sent =
        run(SCHOOL, "send", "supervision.assessment", "--file programme.json --officer s-1");
    assert_non_null(json_object_get(sent, "thread"));
    json_decref(sent);
    /* A day in the past is none. */
    write_in("inspection.json",
             "{\"sections\":{\"notice\":{\"subjects\":[\"programme\"],\"questions\":\"?\","
             "\"due_on\":\"2026-01-31\"}}}");
    assert_int_equal(code_of(OFFICE, "send", "supervision.inspection",
                             "--topic programme --file inspection.json", output),
                     65);
    assert_non_null(strstr(output, "due_on"));
}

/* By the journal alone: decided again, and the figures of who handed in. */
static void the_figures_are_the_journals(void **state)
{
    (void)state;
    static const char *const modes[] = {"replay", "stats --by unit,kind --csv"};
    static char output[OUTPUT_LEN];
    char command[4 * AGENTS_PATH_LEN];
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        snprintf(command, sizeof command,
                 "LANG=en '%s' %s --root '%s/root' '%s/state/journal.db' 2>&1", LEADBUS_REPLAY,
                 modes[i], agents.town.folder, agents.town.folder);
        FILE *pipe = popen(command, "r");
        assert_non_null(pipe);
        output[fread(output, 1, sizeof output - 1, pipe)] = 0;
        if (pclose(pipe) != 0) fail_msg("%s", output);
    }
    if (!strstr(output, "education,,supervision.inspection,2,2,2,0,0,0,0,0,0,0,0,2,0,0,"))
        fail_msg("%s", output);
    assert_true(town_explain(&agents.town, LEADBUS_REPLAY, TOWN_EXPLAIN_ALL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_asked_for_handed_in_and_reviewed),
        cmocka_unit_test(a_programme_is_handed_in_asked_or_not),
        cmocka_unit_test(the_figures_are_the_journals),
    };
    return cmocka_run_group_tests_name("scenario.inspection", tests, set_up, tear_down);
}
