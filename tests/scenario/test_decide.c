/* What a person is told of an act: that it was handed over, what the bus made of it, and that it is
 * done only when it is. Real agents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, CIVIL, OFFICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS,
                                                  TOWN_OFFICE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, ARGUMENTS_LEN = 512, TURN_MAX = 400 };

static struct agents agents;
static char output[OUTPUT_LEN];

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
    agents_must(&agents, SCHOOL, "kinds lead.street-minor --example > minor.json", output);
    agents_must(&agents, CIVIL, "kinds handoff.medical --topic result --example > result.json",
                output);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

/* ---- steps --------------------------------------------------------------------------------------
 */

static int try_act(size_t agent, const char *act, const char *id, const char *more)
{
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "%s %s %s", act, id, more);
    return agents_run(&agents, agent, arguments, output);
}

static void must(size_t agent, const char *act, const char *id, const char *more)
{
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "%s %s --wait 20 %s", act, id, more);
    agents_must(&agents, agent, arguments, output);
}

static void has(const char *words)
{
    if (!strstr(output, words)) fail_msg("no %s: %s", words, output);
}

static void has_not(const char *words)
{
    if (strstr(output, words)) fail_msg("%s: %s", words, output);
}

static void send(const char *kind, const char *file, char ret_id[37])
{
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "send %s --json --wait 20 --file %s", kind, file);
    json_t *sent = agents_must_json(&agents, SCHOOL, arguments, output);
    snprintf(ret_id, 37, "%s", json_string_value(json_object_get(sent, "thread")));
    json_decref(sent);
}

/* Runs a command until its output has the words. */
static void until(size_t agent, const char *lang, const char *arguments, const char *words)
{
    for (int i = 0; i < TURN_MAX; i++)
        if (agents_run_in(&agents, agent, lang, arguments, output) == 0 && strstr(output, words))
            return;
    fail_msg("%s: no %s: %s", arguments, words, output);
}

static void thread_until(size_t agent, const char *lang, const char *id, const char *words)
{
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "thread %s", id);
    until(agent, lang, arguments, words);
}

/* Civil affairs asks the school whether it may be passed on. */
static void ask_release(char ret_id[37])
{
    send("lead.street-minor", "minor.json", ret_id);
    thread_until(CIVIL, "en", ret_id, "delivered");
    must(CIVIL, "sign", ret_id, "");
    must(CIVIL, "ask-release", ret_id, "--text x --to procuratorate");
    thread_until(SCHOOL, "en", ret_id, "Release asked for");
}

/* ---- what is said of an act ---------------------------------------------------------------------
 */

static void nothing_is_called_done_before_the_bus_has_it(void **state)
{
    (void)state;
    char id[37], arguments[ARGUMENTS_LEN];
    send("lead.mandatory-report", "report.json", id);
    thread_until(POLICE, "en", id, "delivered");
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(arguments, sizeof arguments, "sign %s", id);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", arguments, output), 0);
    has("签收：已交出，待总线入账");
    has_not("已签收");
    /* It was waited for, and did not come. */
    assert_int_equal(try_act(POLICE, "accept", id, "--wait 0"), 3);
    has("accept it: submitted, not in the journal yet");
    has_not("accepted");
    thread_until(POLICE, "zh", id, "未入账");
    assert_true(town_start_broker(&agents.town));
    thread_until(POLICE, "zh", id, "已受理");
    for (int i = 0; i < TURN_MAX && strstr(output, "未入账"); i++)
        thread_until(POLICE, "zh", id, "已受理");
    has_not("未入账");
    must(POLICE, "close", id, "--outcome unfounded");
    has("closed  id ");
}

static void what_the_bus_refuses_says_why_for_ever(void **state)
{
    (void)state;
    char id[37], arguments[ARGUMENTS_LEN];
    ask_release(id);
    must(SCHOOL, "release", id, "--outcome denied --text x");
    /* Whether it was answered knows the bus alone. */
    assert_int_equal(try_act(SCHOOL, "release", id, "--outcome granted --text x --wait 20"), 75);
    has("lifecycle_order");
    thread_until(SCHOOL, "en", id, "refused by the bus: lifecycle_order");
    has_not("not in the journal yet");
    thread_until(SCHOOL, "zh", id, "被总线拒绝: lifecycle_order — 此时不能这样办理");
    has_not("未入账");
    snprintf(arguments, sizeof arguments, "thread %s --json", id);
    json_t *thread = agents_must_json(&agents, SCHOOL, arguments, output);
    const json_t *timeline = json_object_get(thread, "timeline"), *item;
    size_t i, refused = 0;
    json_array_foreach(timeline, i, item)
    {
        const json_t *error = json_object_get(item, "error");
        if (!error) continue;
        refused++;
        assert_string_equal(json_string_value(json_object_get(error, "code")), "lifecycle_order");
        assert_string_equal(json_string_value(json_object_get(item, "state")), "refused");
    }
    assert_int_equal(refused, 1);
    json_decref(thread);
}

static void who_acts_is_said_in_one_way(void **state)
{
    (void)state;
    char id[37];
    send("lead.mandatory-report", "report.json", id);
    thread_until(POLICE, "en", id, "delivered");
    assert_int_equal(try_act(POLICE, "sign", id, "--set officer=B9"), 65);
    has("officer");
    has("--officer");
    assert_int_equal(try_act(POLICE, "sign", id, "--set act=accept"), 65);
    assert_int_equal(try_act(POLICE, "sign", id, "--officer B9 --set officer=A7"), 65);
    assert_int_equal(try_act(POLICE, "sign", id, "--officer B9 --wait 20"), 0);
    thread_until(POLICE, "en", id, "(officer B9)");
    /* Of a file, too. */
    agents_must(&agents, SCHOOL, "status >/dev/null; echo '{\"officer\":\"B9\"}' > b9.json",
                output);
    assert_int_equal(
        try_act(SCHOOL, "send", "lead.mandatory-report", "--file b9.json --officer A7"), 65);
    has("--officer");
}

static void only_what_may_come_early_takes_a_reason_for_it(void **state)
{
    (void)state;
    int status = try_act(CIVIL, "send", "handoff.medical",
                         "--file result.json --set full.gap_reason=urgent");
    if (status != 65) fail_msg("%d %s", status, output);
    has("full.gap_reason");
    has("handoff.medical/result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_called_done_before_the_bus_has_it),
        cmocka_unit_test(what_the_bus_refuses_says_why_for_ever),
        cmocka_unit_test(who_acts_is_said_in_one_way),
        cmocka_unit_test(only_what_may_come_early_takes_a_reason_for_it),
    };
    return cmocka_run_group_tests_name("scenario.decide", tests, set_up, tear_down);
}
