/* What waits for a decision is in the list of whoever is to give it, until when, with the command
 * that gives it; and what a person is told of an act: that it was handed over, what the bus made of
 * it, and that it is done only when it is. Real agents, and a broker whose clock goes on. */
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
#include "tests/scenario/agents.h"
#include "tests/scenario/bent.h"

enum { SCHOOL, POLICE, CIVIL, OFFICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS,
                                                  TOWN_OFFICE};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, ARGUMENTS_LEN = 512, TURN_MAX = 400 };

static struct agents agents;
static char output[OUTPUT_LEN];
static struct bent *bent;

/* Later by so much; the broker was away meanwhile. */
static void pass(int64_t ms)
{
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    bent->clock_ms += ms;
    assert_true(town_start_broker(&agents.town));
}

struct figures {
    json_int_t size, time_ms;
};

/* As the broker writes them down every second. */
static struct figures figures(void)
{
    char path[AGENTS_PATH_LEN];
    snprintf(path, sizeof path, "%s/state/status.json", agents.town.folder);
    json_t *status = json_load_file(path, 0, NULL);
    struct figures now = {json_integer_value(json_object_get(status, "size")),
                          json_integer_value(json_object_get(status, "time_ms"))};
    json_decref(status);
    return now;
}

/* All that is due by then is on record; units with the right time are greeted again afterwards, and
 * time goes on from there. */
static void pass_alone(int64_t ms)
{
    struct figures before = figures(), last = before;
    bool still = false;
    pass(ms);
    for (int i = 0; i < 10 * TURN_MAX && !still; i++) {
        struct figures now = figures();
        still = now.size > before.size && now.size == last.size && now.time_ms > last.time_ms;
        last = now.time_ms > last.time_ms ? now : last;
        agents_must(&agents, OFFICE, "status", output); /* takes its time */
    }
    assert_true(still);
    pass(-ms);
}

static int set_up(void **state)
{
    (void)state;
    char path[AGENTS_PATH_LEN];
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
    agents_must(&agents, SCHOOL, "kinds anomaly.enrolment --example > enrolment.json", output);
    agents_must(&agents, CIVIL, "kinds handoff.medical --topic result --example > result.json",
                output);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int clean = agents_fini(&agents);
    return clean | munmap(bent, sizeof *bent);
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

/* ---- what waits for a decision ------------------------------------------------------------------
 */

/* The decision about that thread in the list of what is owed; NULL: none. The caller's to decref.
 */
static json_t *due_decision(size_t agent, const char *id)
{
    json_t *answer = agents_must_json(&agents, agent, "inbox --due --json", output);
    const json_t *items = json_object_get(answer, "items"), *item;
    json_t *found = NULL;
    size_t i;
    json_array_foreach(items, i, item)
    {
        const char *thread = json_string_value(json_object_get(item, "thread"));
        if (!found && thread && strcmp(thread, id) == 0)
            found = json_incref(json_object_get(item, "decision"));
    }
    json_decref(answer);
    return found;
}

static json_t *must_decide(size_t agent, const char *id)
{
    json_t *decision = NULL;
    for (int i = 0; i < 5 * TURN_MAX && !decision; i++) decision = due_decision(agent, id);
    if (!decision) fail_msg("%s has nothing to decide: %s", agents.keys[agent], output);
    return decision;
}

static void nothing_to_decide(size_t agent, const char *id)
{
    json_t *decision = due_decision(agent, id);
    if (decision) fail_msg("%s: %s", agents.keys[agent], output);
}

static void no_decision_left(size_t agent, const char *id)
{
    json_t *decision = NULL;
    for (int i = 0; i < TURN_MAX; i++) {
        decision = due_decision(agent, id);
        if (!decision) return;
        json_decref(decision);
    }
    fail_msg("%s: %s", agents.keys[agent], output);
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

/* Up to the first option of an act, or up to the file. */
static size_t blank_of(const char *command)
{
    const char *file = strstr(command, "FILE"), *option = strstr(command, " --");
    return (size_t)((file ? file : option) - command);
}

/* The command that the list names, with its blanks filled in. */
static void do_command(size_t agent, const json_t *decision, size_t which, const char *more)
{
    char arguments[ARGUMENTS_LEN];
    const char *command =
        json_string_value(json_array_get(json_object_get(decision, "commands"), which));
    assert_non_null(command);
    assert_memory_equal(command, "leadbus ", 8);
    snprintf(arguments, sizeof arguments, "%.*s %s --wait 20", (int)blank_of(command + 8),
             command + 8, more);
    agents_must(&agents, agent, arguments, output);
}

static void a_release_waits_for_the_sender(void **state)
{
    (void)state;
    char id[37];
    ask_release(id);
    json_t *decision = must_decide(SCHOOL, id);
    assert_string_equal(text(decision, "asked"), "ask-release");
    assert_string_equal(text(decision, "unit"), "education");
    assert_string_equal(text(decision, "from"), "civil-affairs");
    assert_string_equal(text(decision, "owed_zh"), "答复是否同意转办");
    assert_true(*text(decision, "due_at") && *text(decision, "asked_at"));
    assert_string_equal(text(decision, "about"), id);
    assert_true(json_is_false(json_object_get(decision, "overdue")));
    assert_int_equal(agents_run_in(&agents, SCHOOL, "zh", "inbox --due", output), 0);
    has(" 前答复是否同意转办");
    has("请求放行");
    has("leadbus release ");
    has("本页待办");
    thread_until(SCHOOL, "zh", id, "等待决定:");
    has("前答复是否同意转办");
    has("leadbus release ");
    /* Who asked, and who has a copy, see whom it waits for, and cannot answer it. */
    thread_until(CIVIL, "en", id, "waiting for a decision:");
    has("answer whether it may be passed on before");
    has_not("leadbus release ");
    nothing_to_decide(CIVIL, id);
    nothing_to_decide(OFFICE, id);
    /* It is there behind a new start. */
    assert_int_equal(process_stop(&agents.processes[SCHOOL], PROCESS_DEADLINE_MS), 0);
    agents_start(&agents, SCHOOL);
    json_decref(decision);
    decision = must_decide(SCHOOL, id);
    do_command(SCHOOL, decision, 0, "--outcome granted --text x");
    json_decref(decision);
    nothing_to_decide(SCHOOL, id);
    thread_until(SCHOOL, "en", id, "Answer about a release");
    has_not("waiting for a decision:");
}

static void what_the_sender_does_not_answer_waits_for_the_office(void **state)
{
    (void)state;
    char id[37];
    ask_release(id);
    json_t *decision = must_decide(SCHOOL, id);
    json_decref(decision);
    pass_alone(61 * 60000);
    decision = must_decide(OFFICE, id);
    assert_true(json_is_true(json_object_get(decision, "escalated")));
    assert_string_equal(text(decision, "unit"), "education");
    agents_must(&agents, OFFICE, "inbox --due", output);
    has("who was asked is late: the office decides");
    do_command(OFFICE, decision, 1, "--outcome denied --text x");
    json_decref(decision);
    nothing_to_decide(OFFICE, id);
    no_decision_left(SCHOOL, id);
}

static void an_objection_waits_for_the_office(void **state)
{
    (void)state;
    char id[37];
    send("lead.mandatory-report", "report.json", id);
    thread_until(POLICE, "en", id, "delivered");
    must(POLICE, "sign", id, "");
    must(POLICE, "accept", id, "");
    must(POLICE, "close", id, "--outcome unfounded");
    thread_until(SCHOOL, "en", id, "Unfounded");
    must(SCHOOL, "object", id, "--text 'nobody went there'");
    json_t *decision = must_decide(OFFICE, id);
    assert_string_equal(text(decision, "asked"), "object");
    assert_string_equal(text(decision, "from"), "education");
    assert_int_equal(agents_run_in(&agents, OFFICE, "zh", "inbox --due", output), 0);
    has("待裁定办结异议");
    has("leadbus uphold ");
    has("leadbus reopen ");
    nothing_to_decide(SCHOOL, id);
    nothing_to_decide(POLICE, id);
    do_command(OFFICE, decision, 1, "--reason not-handled --text 'go there'");
    json_decref(decision);
    nothing_to_decide(OFFICE, id);
}

static void what_was_returned_waits_for_its_sender(void **state)
{
    (void)state;
    char id[37], arguments[ARGUMENTS_LEN];
    send("anomaly.enrolment", "enrolment.json", id);
    thread_until(POLICE, "en", id, "delivered");
    must(POLICE, "sign", id, "");
    must(POLICE, "return", id, "--reason insufficient --text 'which school?'");
    json_t *decision = must_decide(SCHOOL, id);
    assert_string_equal(text(decision, "asked"), "return");
    assert_string_equal(text(decision, "from"), "police-hedong");
    snprintf(arguments, sizeof arguments, "leadbus send anomaly.enrolment --parent %s --file FILE",
             id);
    assert_string_equal(json_string_value(json_array_get(json_object_get(decision, "commands"), 0)),
                        arguments);
    assert_int_equal(agents_run_in(&agents, SCHOOL, "zh", "inbox --due", output), 0);
    has("待处理退回");
    has(arguments);
    thread_until(SCHOOL, "zh", id, "等待决定:");
    do_command(SCHOOL, decision, 0, "enrolment.json");
    json_decref(decision);
    nothing_to_decide(SCHOOL, id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_waits_for_the_sender),
        cmocka_unit_test(an_objection_waits_for_the_office),
        cmocka_unit_test(what_was_returned_waits_for_its_sender),
        cmocka_unit_test(nothing_is_called_done_before_the_bus_has_it),
        cmocka_unit_test(what_the_bus_refuses_says_why_for_ever),
        cmocka_unit_test(who_acts_is_said_in_one_way),
        cmocka_unit_test(only_what_may_come_early_takes_a_reason_for_it),
        cmocka_unit_test(what_the_sender_does_not_answer_waits_for_the_office),
    };
    return cmocka_run_group_tests_name("scenario.decide", tests, set_up, tear_down);
}
