/* Missing-child alerts with real agents: what nobody signs for is told again, across restarts,
 * until somebody does. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/scenario/agents.h"

/* The first has a port. */
enum { PROCURATORATE, POLICE, STREET, SCHOOL, CIVIL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_PROCURATORATE, TOWN_POLICE, TOWN_STREET,
                                                  TOWN_EDUCATION, TOWN_CIVIL_AFFAIRS};
enum { PATH_LEN = AGENTS_PATH_LEN, OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 4000 };
#define ALERT "alert.missing-child"
#define OVER  "alert.missing-child-cancel"
#define AREA  "120102006" /* of the street */
/* Whenever this runs. */
#define HEAD   "from,to,rank,officer\n"
#define ALWAYS "2020-01-01,2099-12-31,"

static struct agents agents;
static char output[OUTPUT_LEN];

static void write_in(const char *name, const char *text, mode_t mode)
{
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", agents.town.folder, name);
    CHECK(file_write_atomic(path, bytes_of_str(text), mode, NULL) == 0);
}

static void read_in(const char *name, char ret[OUTPUT_LEN])
{
    struct buf text = {0};
    char path[PATH_LEN];
    snprintf(path, sizeof path, "%s/%s", agents.town.folder, name);
    int r = file_read(path, OUTPUT_LEN - 1, &text, NULL);
    assert_true(r == 0 || r == E_NOT_FOUND);
    if (text.len) memcpy(ret, text.data, text.len);
    ret[text.len] = 0;
    buf_fini(&text);
}

static void configure(size_t agent, const char *more)
{
    struct buf config = {0};
    char path[PATH_LEN];
    agents_path(&agents, agent, "conf", path);
    CHECK(file_read(path, OUTPUT_LEN, &config, NULL) == 0);
    buf_append_str(&config, more);
    CHECK(file_write_atomic(path, buf_bytes(&config), 0600, NULL) == 0);
    buf_fini(&config);
}

static void stop(size_t agent)
{
    assert_int_equal(process_stop(&agents.processes[agent], PROCESS_DEADLINE_MS), 0);
}

static int set_up(void **state)
{
    (void)state;
    char more[1024];
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, POLICE, "kinds " ALERT " --example > alert.json", output);
    agents_must(&agents, POLICE, "kinds " OVER " --example > over.json", output);
    snprintf(more, sizeof more,
             "cd '%s' && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='%s/tests/unit' python3 -c 'from "
             "content_files import *\nopen(\"child.jpg\", \"wb\").write(jpeg())'",
             agents.town.folder, LEADBUS_SOURCE_DIR);
    assert_int_equal(system(more), 0);
    snprintf(more, sizeof more,
             "#!/bin/sh\nenv | grep ^LEADBUS_ | sort | tr '\\n' ' ' >>'%s/told'\n"
             "echo >>'%s/told'\n",
             agents.town.folder, agents.town.folder);
    write_in("tell", more, 0700);
    write_in("roster.csv", HEAD "2020-01-01,2020-01-02,duty,S-1\n", 0600);
    snprintf(more, sizeof more, "[roster]\nfile = %s/roster.csv\ncommand = %s/tell\nrepeat = 1s\n",
             agents.town.folder, agents.town.folder);
    configure(STREET, more);
    configure(SCHOOL, "[roster]\nrepeat = 1s\n");
    for (size_t i = STREET; i <= SCHOOL; i++) {
        stop(i);
        agents_start(&agents, i);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

static json_t *run(size_t agent, const char *act, const char *id, const char *more)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments, "%s %s --json --wait 20 %s", act, id, more);
    return agents_must_json(&agents, agent, arguments, output);
}

static void must(size_t agent, const char *act, const char *id)
{
    json_decref(run(agent, act, id, ""));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void send(const char *kind, const char *more, char ret_id[37])
{
    json_t *sent = run(POLICE, "send", kind, more);
    snprintf(ret_id, 37, "%s", text(sent, "id"));
    json_decref(sent);
}

static size_t count_of(const char *in, const char *word)
{
    size_t count = 0;
    for (const char *at = in; (at = strstr(at, word)) != NULL; at++) count++;
    return count;
}

/* Until a file of the town's folder has the words so often. */
static void await_words(const char *name, const char *words, size_t count)
{
    for (int i = 0; i < TURN_MAX; i++) {
        agents_must(&agents, STREET, "status", output); /* takes its time */
        read_in(name, output);
        if (count_of(output, words) >= count) return;
    }
    fail_msg("%s in %s: %s", words, name, output);
}

static void await_line(size_t agent, const char *lang, const char *arguments, const char *words)
{
    for (int i = 0; i < TURN_MAX; i++) {
        assert_int_equal(agents_run_in(&agents, agent, lang, arguments, output), 0);
        if (strstr(output, words)) return;
    }
    fail_msg("no %s: %s", words, output);
}

/* Waits until the agent has a message; shows it. */
static json_t *await(size_t agent, const char *id)
{
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %s --json", id);
    for (int i = 0; i < TURN_MAX; i++)
        if (agents_run(&agents, agent, arguments, output) == 0) return json_loads(output, 0, NULL);
    fail_msg("no %s: %s", id, output);
    return NULL;
}

static size_t unsigned_count(size_t agent)
{
    json_t *due = agents_must_json(&agents, agent, "inbox --due --json", output);
    const json_t *list = json_object_get(due, "unsigned");
    assert_true(json_is_array(list));
    size_t count = json_array_size(list);
    json_decref(due);
    return count;
}

static void an_alert_that_nobody_signs_for_is_told_again(void **state)
{
    (void)state;
    static char told[OUTPUT_LEN];
    char id[37], line[256];
    send(ALERT, "--topic issue --area " AREA " --file alert.json", id);
    json_decref(await(STREET, id));
    json_decref(await(SCHOOL, id));
    /* Nobody is on the roster: not told, and not said to be. */
    await_line(STREET, "en", "inbox --due", "not signed for less than a minute, shown 0 times");
    assert_int_equal(agents_run_in(&agents, STREET, "zh", "inbox --due", output), 0);
    assert_non_null(strstr(output, "不到 1 分钟未签收，已提醒 0 次"));
    assert_non_null(strstr(output, "!")); /* above all else */
    assert_true(strcspn(output, "!") < strcspn(output, "\n"));
    await_words("st-chunhua.log", "event=nobody_on_roster", 4);
    read_in("told", told);
    assert_string_equal(told, "");
    /* Now there is somebody: of two ranks, and told once each time. */
    write_in("roster.csv", HEAD ALWAYS "duty,S-1\n" ALWAYS "head,S-2\n" ALWAYS "head,S-1\n", 0600);
    process_signal(&agents.processes[STREET], SIGHUP);
    await_words("told", "LEADBUS_OFFICER=S-2", 2);
    read_in("told", told);
    snprintf(line, sizeof line,
             "LEADBUS_AGAIN=1 LEADBUS_ID=%s LEADBUS_KIND=" ALERT
             " LEADBUS_OFFICER=S-1 LEADBUS_RANK=duty \n",
             id);
    if (count_of(told, line) < 2) fail_msg("%s: %s", line, told);
    assert_non_null(strstr(told, "LEADBUS_OFFICER=S-2 LEADBUS_RANK=head"));
    assert_null(strstr(told, "LEADBUS_OFFICER=S-1 LEADBUS_RANK=head"));
    /* Killed and started again it goes on. */
    process_kill(&agents.processes[STREET]);
    read_in("told", told);
    size_t before = count_of(told, "LEADBUS_OFFICER=S-2");
    agents_start(&agents, STREET);
    await_words("told", "LEADBUS_OFFICER=S-2", before + 1);
    json_t *shown = await(STREET, id);
    const json_t *repeats = json_object_get(json_object_get(shown, "leg"), "repeats");
    assert_true(json_integer_value(json_object_get(repeats, "shown")) >= 1);
    assert_string_not_equal(text(repeats, "shown_at"), "");
    json_decref(shown);
    /* Without a roster the log tells. */
    await_words("education.log", "event=alert_not_signed", 2);
    assert_int_equal(unsigned_count(SCHOOL), 1);
    /* Signed for, it is over. */
    must(STREET, "sign", id);
    must(SCHOOL, "sign", id);
    assert_int_equal(unsigned_count(STREET), 0);
    assert_int_equal(unsigned_count(SCHOOL), 0);
    agents_must(&agents, STREET, "inbox --due", output);
    assert_null(strstr(output, "not signed"));
    read_in("told", told);
    char arguments[64];
    json_t *inbox = agents_must_json(&agents, STREET, "inbox --json", output);
    snprintf(arguments, sizeof arguments, "inbox --after %lld --wait 3 --json",
             (long long)json_integer_value(json_object_get(inbox, "last")));
    json_decref(inbox);
    json_decref(agents_must_json(&agents, STREET, arguments, output)); /* three intervals */
    read_in("told", output);
    assert_string_equal(output, told);
    char over[37], more[96];
    snprintf(more, sizeof more, "--parent %s --file over.json", id);
    send(OVER, more, over);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_that_nobody_signs_for_is_told_again),
    };
    return cmocka_run_group_tests_name("scenario.alert", tests, set_up, tear_down);
}
