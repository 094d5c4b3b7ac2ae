/* Agents and the command line over a real broker: one report from the school to its end, what each
 * unit may read of it, and what the API says to wrong input. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, PROCURATORATE, CIVIL, OFFICE, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_PROCURATORATE,
                                                  TOWN_CIVIL_AFFAIRS, TOWN_OFFICE};
enum { PATH_LEN = AGENTS_PATH_LEN, OUTPUT_LEN = AGENTS_OUTPUT_LEN };

static struct agents agents;
static char thread_id[37];

/* Short names for what is called on every line. */
static int leadbus(size_t agent, const char *arguments, char ret_output[OUTPUT_LEN])
{
    return agents_run(&agents, agent, arguments, ret_output);
}
static void must(size_t agent, const char *arguments, char ret_output[OUTPUT_LEN])
{
    agents_must(&agents, agent, arguments, ret_output);
}
static json_t *must_json(size_t agent, const char *arguments, char output[OUTPUT_LEN])
{
    return agents_must_json(&agents, agent, arguments, output);
}
static long wait_for(size_t agent, const char *kind)
{
    return agents_wait_for(&agents, agent, kind);
}

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

static void preview_cites_a_clause_for_every_recipient(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    json_t *answer = must_json(SCHOOL, "preview lead.mandatory-report --json", output);
    const json_t *recipients = json_object_get(answer, "recipients");
    assert_int_equal(json_array_size(recipients), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *one = json_array_get(recipients, i);
        const char *citation = json_string_value(json_object_get(one, "citation"));
        assert_non_null(strstr(citation, "2.2.2.5"));
        assert_int_equal(json_array_size(json_object_get(one, "sections")), i == 0 ? 3 : 1);
    }
    assert_true(json_array_size(json_object_get(answer, "not_addressed")) > 0);
    json_decref(answer);
}

static void a_report_is_sent_once_and_receipted(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    static const char send[] =
        "send lead.mandatory-report --json --wait 20 --key k1 --file report.json "
        "--set full.what='needle in the payload' "
        "--set full.persons[0].id_number=110105194912310021 --set reporter.name=Informant";
    must(SCHOOL, "send lead.mandatory-report --template > report.json", output);
    json_t *first = must_json(SCHOOL, send, output);
    assert_string_equal(json_string_value(json_object_get(first, "state")), "receipted");
    const json_t *remarks = json_object_get(first, "as_stated");
    assert_int_equal(json_array_size(remarks), 1);
    assert_string_equal(json_string_value(json_array_get(remarks, 0)), "full.persons[0].id_number");
    snprintf(thread_id, sizeof thread_id, "%s",
             json_string_value(json_object_get(first, "thread")));
    json_t *again = must_json(SCHOOL, send, output);
    assert_true(json_equal(json_object_get(first, "id"), json_object_get(again, "id")));
    json_decref(first);
    json_decref(again);
    assert_int_equal(leadbus(SCHOOL,
                             "send lead.mandatory-report --key k1 --file report.json "
                             "--set full.what=other",
                             output),
                     77);
    char arguments[64];
    snprintf(arguments, sizeof arguments, "receipt %s", thread_id);
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "c2sp.org/tlog-proof"));
}

static void each_unit_reads_what_its_row_says(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %ld", wait_for(POLICE, "lead.mandatory-report"));
    must(POLICE, arguments, output);
    assert_non_null(strstr(output, "needle in the payload"));
    assert_non_null(strstr(output, "Informant"));
    assert_non_null(strstr(output, "values as stated"));
    for (size_t unit = PROCURATORATE; unit <= CIVIL; unit++) {
        snprintf(arguments, sizeof arguments, "show %ld --json",
                 wait_for(unit, "lead.mandatory-report"));
        json_t *message = must_json(unit, arguments, output);
        const json_t *sections = json_object_get(message, "sections");
        assert_int_equal(json_object_size(sections), 1);
        assert_non_null(json_object_get(sections, "summary"));
        assert_null(strstr(output, "needle"));
        assert_null(strstr(output, "Informant"));
        json_decref(message);
    }
}

static void acts_follow_the_lifecycle_to_the_end(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[128];
    long number = wait_for(POLICE, "lead.mandatory-report");
    snprintf(arguments, sizeof arguments, "close %ld --outcome unfounded", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 75); /* not signed for yet */
    snprintf(arguments, sizeof arguments, "sign %ld --wait 20 --set officer_name=Zhang", number);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "return %ld --text no", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 77); /* an immediate lead */
    snprintf(arguments, sizeof arguments,
             "accept %s --wait 20 --set decision=case-accepted --set reference_number=X-1",
             thread_id);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "progress %ld --wait 20 --set step=found --text there",
             number);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "close %ld --wait 20 --outcome no-case", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 65); /* needs its reason */
    assert_non_null(strstr(output, "receipt.text"));
    snprintf(arguments, sizeof arguments,
             "close %ld --wait 20 --outcome unfounded --text 'guardian confirmed'", number);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "show %ld", wait_for(SCHOOL, "receipt.closed"));
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "guardian confirmed"));
    snprintf(arguments, sizeof arguments, "thread %s --json", thread_id);
    json_t *thread = must_json(SCHOOL, arguments, output);
    assert_string_equal(json_string_value(json_object_get(thread, "status")), "closed");
    assert_int_equal(json_array_size(json_object_get(thread, "timeline")), 5);
    json_decref(thread);
}

static void wrong_input_is_refused_with_its_path(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    assert_int_equal(leadbus(SCHOOL,
                             "send lead.mandatory-report --set summary.danger=likely "
                             "--set summary.signs[0]=7",
                             output),
                     65);
    assert_non_null(strstr(output, "(full)"));
    assert_int_equal(leadbus(SCHOOL,
                             "send lead.mandatory-report --file report.json "
                             "--set full.persons[0].nick=x",
                             output),
                     65);
    assert_non_null(strstr(output, "full.persons[0].nick"));
    assert_int_equal(leadbus(SCHOOL,
                             "send lead.mandatory-report --file report.json "
                             "--set full.what='D3S1358 15,16 vWA 14,18 FGA 21,24 TH01 7,9'",
                             output),
                     77);
    assert_non_null(strstr(output, "forbidden_content"));
    assert_int_equal(leadbus(SCHOOL, "send handoff.victim --file report.json", output), 65);
    assert_int_equal(leadbus(SCHOOL, "send no.such-kind --set a.b=1", output), 65);
    assert_int_equal(leadbus(SCHOOL, "preview handoff.victim", output), 77);
    assert_non_null(strstr(output, "sender_not_allowed"));
    assert_int_equal(leadbus(SCHOOL, "show 999999", output), 66);
    assert_int_equal(leadbus(SCHOOL, "show", output), 64);
}

static void the_api_is_as_documented(void **state)
{
    (void)state;
    char command[4 * PATH_LEN];
    char socket[PATH_LEN];
    agents_path(&agents, SCHOOL, "sock", socket);
    snprintf(command, sizeof command,
             "python3 '%s/tests/scenario/check_api.py' '%s' '%s' '%s' %ld %s", LEADBUS_SOURCE_DIR,
             LEADBUS_SOURCE_DIR, socket, thread_id, agents_port(&agents), AGENTS_TOKEN);
    assert_int_equal(system(command), 0);
}

static void a_token_opens_the_port_and_nothing_else_does(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[160];
    snprintf(arguments, sizeof arguments, "status --agent http://127.0.0.1:%ld",
             agents_port(&agents));
    assert_int_equal(leadbus(SCHOOL, arguments, output), 77);
    assert_non_null(strstr(output, "token_invalid"));
    snprintf(arguments, sizeof arguments,
             "status --agent http://127.0.0.1:%ld/ --token-file education.token",
             agents_port(&agents));
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "education"));
}

/* Durable means durable: killed, started again, everything is there and the bus goes on. */
static void an_agent_killed_keeps_what_it_took(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[96];
    process_kill(&agents.processes[SCHOOL]);
    assert_int_equal(leadbus(SCHOOL, "status", output), 69);
    agents_start(&agents, SCHOOL);
    snprintf(arguments, sizeof arguments, "thread %s", thread_id);
    must(SCHOOL, arguments, output);
    must(SCHOOL, "send lead.mandatory-report --wait 20 --file report.json", output);
    assert_non_null(strstr(output, "journal index"));
}

static void configuration_is_checked(void **state)
{
    (void)state;
    char command[4 * PATH_LEN];
    char config[PATH_LEN];
    agents_path(&agents, SCHOOL, "conf", config);
    static const struct {
        const char *more;
        int code;
    } rows[] = {{"", 0},
                {"--set http.adress=127.0.0.1", 78},
                {"--set http.socket_mode=0777", 78},
                {"--set http.socket=", 0},
                {"--set http.token_file=", 78},
                {"--set broker.endpoint=", 78},
                {"--set log.level=loud", 78}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(command, sizeof command, "'%s' --config '%s' --check-config %s >/dev/null 2>&1",
                 LEADBUS_AGENT, config, rows[i].more);
        int status = system(command);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), rows[i].code);
    }
}

/* Another file where the bundle belongs, and an empty one: told by name, with what to do. */
static void a_wrong_bundle_file_is_named(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char command[4 * PATH_LEN];
    char config[PATH_LEN];
    static const char *const files[] = {"root", "empty"};
    agents_path(&agents, SCHOOL, "conf", config);
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "cd '%s' && : > empty && LANG=en '%s' -c '%s' --set trust.bundle='%s/%s' "
                 "--set unit.store='%s/other.db' 2>&1",
                 agents.town.folder, LEADBUS_AGENT, config, agents.town.folder, files[i],
                 agents.town.folder);
        FILE *pipe = popen(command, "r");
        CHECK(pipe != NULL);
        output[fread(output, 1, OUTPUT_LEN - 1, pipe)] = 0;
        int status = pclose(pipe);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 65);
        assert_non_null(strstr(output, files[i]));
        assert_non_null(strstr(output, "signed bundle"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preview_cites_a_clause_for_every_recipient),
        cmocka_unit_test(a_report_is_sent_once_and_receipted),
        cmocka_unit_test(each_unit_reads_what_its_row_says),
        cmocka_unit_test(acts_follow_the_lifecycle_to_the_end),
        cmocka_unit_test(wrong_input_is_refused_with_its_path),
        cmocka_unit_test(the_api_is_as_documented),
        cmocka_unit_test(a_token_opens_the_port_and_nothing_else_does),
        cmocka_unit_test(an_agent_killed_keeps_what_it_took),
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(a_wrong_bundle_file_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
