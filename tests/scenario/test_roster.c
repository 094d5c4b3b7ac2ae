/* The duty roster of a real agent: who is told of what waits to be signed for, with what in the
 * environment and nothing else, once across restarts; what fails is seen; the table is checked. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, CIVIL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS};
enum { PATH_LEN = AGENTS_PATH_LEN, OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 4000 };

static struct agents agents;

#define HEAD "开始,结束,岗位,经办人代码,姓名,联系方式\n"
/* Whenever this runs. */
#define ALWAYS "2020-01-01,2099-12-31,"

static void write_in(const char *name, const char *text, mode_t mode)
{
    agents_write_in(&agents, name, text, mode);
}

static void read_in(const char *name, char ret[OUTPUT_LEN])
{
    agents_read_in(&agents, name, ret);
}

/* A program that writes its environment down, sorted, as one line. */
static void write_command(const char *more)
{
    char text[1024];
    snprintf(text, sizeof text,
             "#!/bin/sh\nenv | grep ^LEADBUS_ | sort | tr '\\n' ' ' >>'%s/told'\n"
             "echo >>'%s/told'\n%s\n",
             agents.town.folder, agents.town.folder, more);
    write_in("tell", text, 0700);
}

static void configure(void)
{
    char more[2 * PATH_LEN];
    snprintf(more, sizeof more,
             "[roster]\nfile = %s/roster.csv\ncommand = %s/tell\ncommand_timeout = 1s\n",
             agents.town.folder, agents.town.folder);
    agents_configure(&agents, POLICE, more);
}

static void restart(void)
{
    if (agents.processes[POLICE].pid)
        assert_int_equal(process_stop(&agents.processes[POLICE], PROCESS_DEADLINE_MS), 0);
    agents_start(&agents, POLICE);
}

static int set_up(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
    configure();
    write_command("");
    write_in("roster.csv",
             HEAD ALWAYS "值班,P-1,张三,123\n" ALWAYS "值班,P-2,李四,\n" ALWAYS "副班,P-3,王五,\n",
             0600);
    restart();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

static void send(char ret_id[37])
{
    static char output[OUTPUT_LEN];
    json_t *sent = agents_must_json(&agents, SCHOOL,
                                    "send lead.mandatory-report --json --wait 20 --file "
                                    "report.json --set full.what=needle",
                                    output);
    snprintf(ret_id, 37, "%s", json_string_value(json_object_get(sent, "id")));
    json_decref(sent);
}

/* Shows a message until the words are there. */
static void show_until(const char *id, const char *words, char output[OUTPUT_LEN])
{
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %s", id);
    for (int i = 0; i < TURN_MAX; i++)
        if (agents_run_in(&agents, POLICE, "zh", arguments, output) == 0 && strstr(output, words))
            return;
    fail_msg("no %s: %s", words, output);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) count++;
    return count;
}

static void who_is_on_duty_is_told_once(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char id[37], line[256];
    send(id);
    show_until(id, "已通知值班", output);
    read_in("told", output);
    for (int i = 1; i <= 2; i++) {
        snprintf(line, sizeof line,
                 "LEADBUS_ID=%s LEADBUS_KIND=lead.mandatory-report LEADBUS_OFFICER=P-%d "
                 "LEADBUS_RANK=duty \n",
                 id, i);
        if (count_of(output, line) != 1) fail_msg("%s: %s", line, output);
    }
    assert_int_equal(count_of(output, "\n"), 2); /* and nothing else */
    assert_null(strstr(output, "needle"));
    agents_must(&agents, POLICE, "inbox", output);
    assert_non_null(strstr(output, "told: on duty"));
    agents_must(&agents, POLICE, "inbox --due", output);
    assert_non_null(strstr(output, "told: on duty"));

    /* stopped or killed, it does not begin again */
    restart();
    process_kill(&agents.processes[POLICE]);
    restart();
    send(line);
    show_until(line, "已通知值班", output);
    read_in("told", output);
    assert_int_equal(count_of(output, id), 2);
    assert_int_equal(count_of(output, line), 2);
}

static void the_roster_is_shown_and_gaps_are_told_ahead(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", "roster", output), 0);
    if (!strstr(output, "P-1") || !strstr(output, "张三") || !strstr(output, "123") ||
        !strstr(output, "负责人") || !strstr(output, "现在无人"))
        fail_msg("%s", output);
    assert_null(strstr(output, "! 无人")); /* a rank that nobody has is no gap */
    agents_must(&agents, CIVIL, "roster", output);
    assert_non_null(strstr(output, "roster.file"));

    /* a table that is wrong changes nothing, and is told */
    write_in("roster.csv", HEAD "2020-01-01,2099-12-31,老板,P-1,,\n", 0600);
    process_signal(&agents.processes[POLICE], SIGHUP);
    for (int i = 0; i < TURN_MAX && !strstr(output, "2.rank"); i++)
        (void)agents_run(&agents, POLICE, "roster", output);
    if (!strstr(output, "2.rank") || !strstr(output, "P-1")) fail_msg("%s", output);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", "doctor", output), 1);
    if (!strstr(output, "值班表有误")) fail_msg("%s", output);

    write_in("roster.csv", HEAD "2020-01-01,2020-12-31,值班,P-1,,\n" ALWAYS "副班,P-3,,\n", 0600);
    process_signal(&agents.processes[POLICE], SIGHUP);
    for (int i = 0; i < TURN_MAX && !strstr(output, "! nobody"); i++)
        (void)agents_run(&agents, POLICE, "roster", output);
    if (!strstr(output, "! nobody is on duty from")) fail_msg("%s", output);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", "doctor", output), 1);
    if (!strstr(output, "起无人值班")) fail_msg("%s", output);
    read_in("police-hedong.log", output);
    assert_non_null(strstr(output, "roster_gap"));

    /* nobody is on duty: the deputy is told at once */
    char id[37];
    send(id);
    show_until(id, "已通知副班，未通知到值班", output);
    read_in("told", output);
    assert_int_equal(count_of(output, id), 1);
    assert_non_null(strstr(output, "LEADBUS_RANK=deputy"));
}

static void a_command_that_fails_or_hangs_is_seen(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char id[37];
    static const struct {
        const char *more, *words;
    } rows[] = {{"exit 3", "退出码 3"}, {"exec tail -f /dev/null", "1 秒内没有结束"}};
    write_in("roster.csv", HEAD ALWAYS "值班,P-1,,\n", 0600);
    process_signal(&agents.processes[POLICE], SIGHUP);
    for (size_t i = 0; i < 2; i++) {
        write_command(rows[i].more);
        for (int turn = 0; turn < TURN_MAX; turn++) {
            agents_must(&agents, POLICE, "roster", output);
            if (!strstr(output, "! nobody")) break;
        }
        send(id);
        show_until(id, "未通知到值班", output);
        assert_int_equal(agents_run_in(&agents, POLICE, "zh", "roster", output), 0);
        if (!strstr(output, rows[i].words)) fail_msg("%s: %s", rows[i].words, output);
    }
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", "doctor", output), 1);
    if (!strstr(output, "通知失败")) fail_msg("%s", output);
    read_in("police-hedong.log", output);
    assert_non_null(strstr(output, "roster_command_failed"));
    assert_null(strstr(output, "张三")); /* a name is nobody's in a log */

    /* once it works again nothing is left to say */
    write_command("");
    send(id);
    show_until(id, "已通知值班", output);
    (void)agents_run_in(&agents, POLICE, "zh", "doctor", output);
    assert_null(strstr(output, "通知失败"));
}

/* The command ends the agent that waits for it: started again, that tells once more, and says so to
 * the command. */
static void a_step_that_was_cut_short_is_done_once_more(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char id[37];
    enum { KILLED = 128 + SIGKILL };
    write_command("[ -n \"$LEADBUS_AGAIN\" ] || kill -9 $PPID");
    send(id);
    assert_int_equal(process_wait_end(&agents.processes[POLICE], PROCESS_DEADLINE_MS), KILLED);
    restart();
    show_until(id, "已通知值班", output);
    read_in("told", output);
    assert_int_equal(count_of(output, id), 2);
    if (count_of(output, "LEADBUS_AGAIN=1") != 1) fail_msg("%s", output);
    agents_must(&agents, POLICE, "roster --json", output);
    read_in("police-hedong.log", output);
    assert_non_null(strstr(output, "duty_again"));
    restart(); /* and it is over */
    read_in("told", output);
    assert_int_equal(count_of(output, id), 2);
    write_command("");
}

static void the_table_is_part_of_the_checked_configuration(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    static const struct {
        const char *csv;
        const char *more;
        int code;
        const char *words;
    } rows[] = {
        {HEAD ALWAYS "值班,P-1,,\n", "", 0, "roster.csv"},
        {HEAD ALWAYS "值班,P 1,,\n", "", 65, "roster.csv"},
        {HEAD ALWAYS "值班,P-1,,\n", "--set roster.command=/etc/passwd", 78, "roster.command"},
        {HEAD ALWAYS "值班,P-1,,\n", "--set roster.file=", 78, "roster.file"},
        {HEAD ALWAYS "值班,P-1,,\n", "--set roster.file=/nowhere.csv", 66, "/nowhere.csv"},
        {HEAD ALWAYS "值班,P-1,,\n", "--set roster.command_timeout=1ms", 78, "command_timeout"},
    };
    char config[PATH_LEN];
    char command[4 * PATH_LEN];
    agents_path(&agents, POLICE, "conf", config);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_in("roster.csv", rows[i].csv, 0600);
        snprintf(command, sizeof command, "'%s' --config '%s' --check-config %s 2>&1",
                 LEADBUS_AGENT, config, rows[i].more);
        FILE *pipe = popen(command, "r");
        CHECK(pipe != NULL);
        size_t len = fread(output, 1, OUTPUT_LEN - 1, pipe);
        output[len] = 0;
        int status = pclose(pipe);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != rows[i].code ||
            !strstr(output, rows[i].words))
            fail_msg("%s: %d %s", rows[i].more, WEXITSTATUS(status), output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_on_duty_is_told_once),
        cmocka_unit_test(the_roster_is_shown_and_gaps_are_told_ahead),
        cmocka_unit_test(a_command_that_fails_or_hangs_is_seen),
        cmocka_unit_test(a_step_that_was_cut_short_is_done_once_more),
        cmocka_unit_test(the_table_is_part_of_the_checked_configuration),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
