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
#include "proto/host/file.h"
#include "tests/scenario/town.h"

#define PASSPHRASE "a passphrase for tests"
#define TOKEN      "0123456789abcdef"
enum { PATH_LEN = 2 * PROCESS_PATH_LEN_MAX, OUTPUT_LEN = 262144 };

static const struct {
    enum town_unit unit;
    const char *key;
} UNITS[] = {{TOWN_EDUCATION, "education"},
             {TOWN_POLICE, "police-hedong"},
             {TOWN_PROCURATORATE, "procuratorate"},
             {TOWN_CIVIL_AFFAIRS, "civil-affairs"},
             {TOWN_OFFICE, "joint-conference-office"}};
enum { SCHOOL, POLICE, PROCURATORATE, CIVIL, OFFICE, AGENT_COUNT };

static struct town town;
static struct process agents[AGENT_COUNT];
static char thread_id[37];

static void path_of(int agent, const char *what, char ret_path[PATH_LEN])
{
    snprintf(ret_path, PATH_LEN, "%s/%s.%s", town.folder, UNITS[agent].key, what);
}

static void write_agent_files(int agent)
{
    struct error error = {0};
    struct buf config = {0};
    char path[PATH_LEN];
    char base[PATH_LEN];
    path_of(agent, "keyring", path);
    CHECK(keyring_save(&town.keyrings[UNITS[agent].unit], path, bytes_of_str(PASSPHRASE), &error) ==
          0);
    snprintf(base, sizeof base, "%s/%s", town.folder, UNITS[agent].key);
    buf_printf(&config,
               "[unit]\nkeyring = %s.keyring\npassphrase_file = %s/passphrase\nstore = %s.db\n"
               "[trust]\nroot = %s/root\nbundle = %s/bundle\n[broker]\nendpoint = %s\n"
               "[http]\nsocket = %s.sock\n",
               base, town.folder, base, town.folder, town.folder, town.endpoint, base);
    if (agent == SCHOOL) {
        buf_printf(&config, "address = 127.0.0.1\nport = 0\ntoken_file = %s.token\n", base);
        path_of(agent, "token", path);
        CHECK(file_write_atomic(path, bytes_of_str(TOKEN "\n"), 0600, &error) == 0);
    }
    path_of(agent, "conf", path);
    CHECK(file_write_atomic(path, buf_bytes(&config), 0600, &error) == 0);
    buf_fini(&config);
}

static void start_agent(int agent)
{
    char config[PATH_LEN];
    char log[PATH_LEN];
    path_of(agent, "conf", config);
    path_of(agent, "log", log);
    const char *argv[] = {LEADBUS_AGENT, "--config", config, NULL};
    process_start(&agents[agent], town.folder, log, argv);
    assert_true(process_wait_ready(&agents[agent], PROCESS_DEADLINE_MS));
}

/* Runs `leadbus ARGUMENTS` against an agent. Its exit code; stdout and stderr into *ret_output. */
static int leadbus(int agent, const char *arguments, char ret_output[OUTPUT_LEN])
{
    char command[2048];
    char socket[PATH_LEN];
    path_of(agent, "sock", socket);
    snprintf(command, sizeof command,
             "cd '%s' && LANG=en LEADBUS_AGENT='%s' LEADBUS_OFFICER=A7 '%s' %s 2>&1", town.folder,
             socket, LEADBUS_CLI, arguments);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    size_t len = fread(ret_output, 1, OUTPUT_LEN - 1, pipe);
    ret_output[len] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void must(int agent, const char *arguments, char ret_output[OUTPUT_LEN])
{
    int status = leadbus(agent, arguments, ret_output);
    if (status) print_error("leadbus %s: %d\n%s\n", arguments, status, ret_output);
    assert_int_equal(status, 0);
}

static json_t *must_json(int agent, const char *arguments, char output[OUTPUT_LEN])
{
    must(agent, arguments, output);
    json_t *answer = json_loads(output, 0, NULL);
    if (!answer) print_error("%s\n", output);
    assert_non_null(answer);
    return answer;
}

/* The port that the school's agent chose, from the newest line of its log that has one. */
static long chosen_port(void)
{
    char log[PATH_LEN];
    struct error error = {0};
    struct buf text = {0};
    long number = 0;
    path_of(SCHOOL, "log", log);
    CHECK(file_read(log, OUTPUT_LEN, &text, &error) == 0);
    buf_append_u8(&text, 0);
    for (const char *at = (const char *)text.data; (at = strstr(at, " port=")) != NULL; at += 6)
        number = strtol(at + 6, NULL, 10);
    CHECK(number > 0);
    buf_fini(&text);
    return number;
}

/* Waits until the inbox of an agent has a message of that kind; its number. */
static long wait_for(int agent, const char *kind)
{
    static char output[OUTPUT_LEN];
    char arguments[96];
    long after = 0;
    for (int turn = 0; turn < 100; turn++) {
        snprintf(arguments, sizeof arguments, "inbox --json --wait 20 --after %ld", after);
        json_t *answer = must_json(agent, arguments, output);
        const json_t *items = json_object_get(answer, "items");
        if (!json_array_size(items)) fail_msg("%s did not arrive", kind);
        for (size_t i = 0; i < json_array_size(items); i++) {
            const json_t *item = json_array_get(items, i);
            const char *its = json_string_value(json_object_get(item, "kind"));
            after = (long)json_integer_value(json_object_get(item, "number"));
            if (!its || strcmp(its, kind) != 0) continue;
            json_decref(answer);
            return after;
        }
        json_decref(answer);
    }
    fail();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    town_init(&town);
    assert_true(town_start_broker(&town));
    for (int i = 0; i < AGENT_COUNT; i++) {
        write_agent_files(i);
        start_agent(i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    int clean = 0;
    for (int i = 0; i < AGENT_COUNT; i++)
        if (agents[i].pid) clean |= process_stop(&agents[i], PROCESS_DEADLINE_MS);
    town_fini(&town);
    return clean;
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
    for (int unit = PROCURATORATE; unit <= CIVIL; unit++) {
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
    path_of(SCHOOL, "sock", socket);
    snprintf(command, sizeof command,
             "python3 '%s/tests/scenario/check_api.py' '%s' '%s' '%s' %ld %s", LEADBUS_SOURCE_DIR,
             LEADBUS_SOURCE_DIR, socket, thread_id, chosen_port(), TOKEN);
    assert_int_equal(system(command), 0);
}

static void a_token_opens_the_port_and_nothing_else_does(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[160];
    snprintf(arguments, sizeof arguments, "status --agent http://127.0.0.1:%ld", chosen_port());
    assert_int_equal(leadbus(SCHOOL, arguments, output), 77);
    assert_non_null(strstr(output, "token_invalid"));
    snprintf(arguments, sizeof arguments,
             "status --agent http://127.0.0.1:%ld/ --token-file education.token", chosen_port());
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "education"));
}

/* Durable means durable: killed, started again, everything is there and the bus goes on. */
static void an_agent_killed_keeps_what_it_took(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[96];
    process_kill(&agents[SCHOOL]);
    assert_int_equal(leadbus(SCHOOL, "status", output), 69);
    start_agent(SCHOOL);
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
    path_of(SCHOOL, "conf", config);
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
    path_of(SCHOOL, "conf", config);
    for (size_t i = 0; i < 2; i++) {
        snprintf(command, sizeof command,
                 "cd '%s' && : > empty && LANG=en '%s' -c '%s' --set trust.bundle='%s/%s' "
                 "--set unit.store='%s/other.db' 2>&1",
                 town.folder, LEADBUS_AGENT, config, town.folder, files[i], town.folder);
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
