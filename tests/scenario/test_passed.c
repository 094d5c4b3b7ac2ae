/* Real agents pass one lead on three times: each new unit gets the leg that it inherits, though it
 * is told of the last transfer alone; and it keeps it behind a new start of its agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, HEALTH, CIVIL, PROCURATORATE, OFFICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {
    TOWN_EDUCATION, TOWN_POLICE, TOWN_HEALTH, TOWN_CIVIL_AFFAIRS, TOWN_PROCURATORATE, TOWN_OFFICE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, ARGUMENTS_LEN = 512 };

static struct agents agents;
static long asked_number; /* of the newest request for a release at the school */

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

static void must(size_t agent, const char *act, const char *id, const char *more)
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "%s %s --wait 20 %s", act, id, more);
    agents_must(&agents, agent, arguments, output);
}

/* Until the thread that this agent knows has such a leg. */
static void wait_leg(size_t agent, const char *id, const char *unit, const char *state,
                     bool primary)
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "thread %s --json", id);
    for (int i = 0; i < 400; i++) {
        if (agents_run(&agents, agent, arguments, output) != 0) continue;
        json_t *thread = json_loads(output, 0, NULL);
        const json_t *legs = json_object_get(thread, "legs"), *leg;
        size_t k;
        bool found = false;
        json_array_foreach(legs, k, leg)
        {
            const char *of = json_string_value(json_object_get(leg, "unit"));
            const char *is = json_string_value(json_object_get(leg, "state"));
            found = found || (of && is && strcmp(of, unit) == 0 && strcmp(is, state) == 0 &&
                              (!primary || json_is_true(json_object_get(leg, "primary"))));
        }
        json_decref(thread);
        if (found) return;
    }
    const char *legs = strstr(output, "\"legs\"");
    fail_msg("no %s of %s at %s: %s", state, unit, agents.keys[agent], legs ? legs : output);
}

static size_t due_count(size_t agent, const char *id)
{
    static char output[OUTPUT_LEN];
    size_t count = 0, i;
    json_t *answer = agents_must_json(&agents, agent, "inbox --due --json", output);
    const json_t *items = json_is_array(answer) ? answer : json_object_get(answer, "items"), *item;
    json_array_foreach(items, i, item)
    {
        const char *thread = json_string_value(json_object_get(item, "thread"));
        count += thread && strcmp(thread, id) == 0;
    }
    json_decref(answer);
    return count;
}

/* The notice that it can be opened here says of which thread, and who sealed it. */
static void notice_says_of_what(size_t agent, const char *id)
{
    static char output[OUTPUT_LEN];
    size_t count = 0, i;
    json_t *answer = agents_must_json(&agents, agent, "inbox --limit 500 --json", output);
    const json_t *items = json_is_array(answer) ? answer : json_object_get(answer, "items"), *item;
    json_array_foreach(items, i, item)
    {
        const char *notice = json_string_value(json_object_get(item, "notice"));
        const char *of =
            json_string_value(json_object_get(json_object_get(item, "about"), "thread"));
        if (!notice || strcmp(notice, "rewrapped") != 0 || !of || strcmp(of, id) != 0) continue;
        assert_string_equal(json_string_value(json_object_get(item, "from")), agents.keys[SCHOOL]);
        count++;
    }
    json_decref(answer);
    assert_int_equal(count, 1);
}

/* Passed on by agreement, where its sender must release it first, then too. */
static void pass_on(size_t from, size_t to, const char *id)
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "transfer %s --wait 20 --reason agreed --text x --to %s",
             id, agents.keys[to]);
    if (agents_run(&agents, from, arguments, output) == 0) return;
    snprintf(arguments, sizeof arguments, "--text x --to %s", agents.keys[to]);
    must(from, "ask-release", id, arguments);
    asked_number = agents_wait_after(&agents, SCHOOL, "receipt.release-asked", asked_number);
    must(SCHOOL, "release", id, "--outcome granted --text x");
    snprintf(arguments, sizeof arguments, "--reason agreed --text x --to %s", agents.keys[to]);
    must(from, "transfer", id, arguments);
}

/* Each of the chain signs and passes it on; the last one ends it. */
static void passed_along(const char *kind, const size_t chain[4], char id[37])
{
    static char output[OUTPUT_LEN];
    char arguments[ARGUMENTS_LEN];
    snprintf(arguments, sizeof arguments, "kinds %s --example > lead.json", kind);
    agents_must(&agents, SCHOOL, arguments, output);
    snprintf(arguments, sizeof arguments, "send %s --json --wait 20 --file lead.json", kind);
    json_t *sent = agents_must_json(&agents, SCHOOL, arguments, output);
    snprintf(id, 37, "%s", json_string_value(json_object_get(sent, "thread")));
    json_decref(sent);
    for (size_t i = 0; i < 4; i++) {
        size_t at = chain[i];
        wait_leg(at, id, agents.keys[at], "delivered", true);
        if (i > 0)
            for (size_t k = 0; k < i; k++)
                wait_leg(at, id, agents.keys[chain[k]], "transferred", true);
        assert_int_equal(due_count(at, id), 1);
        if (i > 0) notice_says_of_what(at, id);
        assert_int_equal(process_stop(&agents.processes[at], PROCESS_DEADLINE_MS), 0);
        agents_start(&agents, at);
        wait_leg(at, id, agents.keys[at], "delivered", true);
        assert_int_equal(due_count(at, id), 1);
        must(at, "sign", id, "");
        if (i == 3) break;
        pass_on(at, chain[i + 1], id);
        assert_int_equal(due_count(at, id), 0);
    }
    must(chain[3], "accept", id, "--set reference_number=P-1");
    must(chain[3], "close", id, "--outcome done");
    wait_leg(SCHOOL, id, agents.keys[chain[3]], "closed", true);
    assert_int_equal(due_count(chain[3], id), 0);
}

/* What a unit reckons of it is what the audit has of the journal; and nothing is wrong with it. */
static void reckoned(size_t who)
{
    static char own[OUTPUT_LEN], theirs[OUTPUT_LEN];
    char command[4 * AGENTS_PATH_LEN];
    snprintf(
        command, sizeof command,
        "cd '%s' && rm -f copy.db && '%s' --config leadbusd.conf --backup copy.db >/dev/null && "
        "LANG=en '%s' stats --root root --unit %s --by unit,kind --csv copy.db 2>&1",
        agents.town.folder, LEADBUSD, LEADBUS_REPLAY, agents.keys[who]);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    theirs[fread(theirs, 1, sizeof theirs - 1, pipe)] = 0;
    if (pclose(pipe) != 0) fail_msg("%s", theirs);
    bool same = false;
    for (int turn = 0; turn < 400 && !same; turn++) {
        agents_must(&agents, who, "stats --by unit,kind --csv", own);
        same = strcmp(own, theirs) == 0;
    }
    if (!same) fail_msg("the unit: %s\nthe audit: %s", own, theirs);
    /* Where it had to ask for a release first it was refused once: that, and nothing else. */
    (void)agents_run(&agents, who, "doctor --json", own);
    json_t *found = json_loads(own, 0, NULL);
    const json_t *findings = json_object_get(found, "findings"), *one;
    size_t i;
    assert_non_null(findings);
    json_array_foreach(findings, i, one)
    {
        const char *code = json_string_value(json_object_get(one, "code"));
        if (!code || strcmp(code, "refused") != 0) fail_msg("%s", own);
    }
    json_decref(found);
}

static void a_lead_of_one_signer_is_passed_on_three_times(void **state)
{
    (void)state;
    static const size_t chain[] = {POLICE, HEALTH, CIVIL, PROCURATORATE};
    char id[37];
    passed_along("lead.mandatory-report", chain, id);
    for (size_t i = 0; i < 4; i++) reckoned(chain[i]);
}

/* Whose part it was is told to those who come late: of two it is the one, and the other unit's part
 * is as it was. */
static void a_lead_of_two_signers_is_passed_on_three_times(void **state)
{
    (void)state;
    static const size_t chain[] = {POLICE, HEALTH, PROCURATORATE, OFFICE};
    char id[37];
    passed_along("anomaly.enrolment", chain, id);
    wait_leg(OFFICE, id, "civil-affairs", "submitted", false);
    for (size_t i = 0; i < 4; i++) reckoned(chain[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lead_of_one_signer_is_passed_on_three_times),
        cmocka_unit_test(a_lead_of_two_signers_is_passed_on_three_times)};
    return cmocka_run_group_tests_name("scenario.passed", tests, set_up, tear_down);
}
