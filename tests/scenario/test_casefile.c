/* A victim's file at its keeper: real agents, what they refuse, what others get and do not get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "tests/scenario/agents.h"

enum { CIVIL, POLICE, SCHOOL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_CIVIL_AFFAIRS, TOWN_POLICE, TOWN_EDUCATION};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, ID_LEN = 37 };

static struct agents agents;
static char output[OUTPUT_LEN];

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    agents_must(&agents, SCHOOL, "kinds lead.street-minor --example > minor.json", output);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

static json_t *file(const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "file --json %s", arguments);
    return agents_must_json(&agents, CIVIL, command, output);
}

static void id_of(const json_t *answer, char ret_id[ID_LEN])
{
    snprintf(ret_id, ID_LEN, "%s", json_string_value(json_object_get(answer, "id")));
}

static void open_file(const char *more, char ret_id[ID_LEN])
{
    char arguments[256];
    snprintf(arguments, sizeof arguments, "open --purpose follow-up %s", more);
    json_t *answer = file(arguments);
    id_of(answer, ret_id);
    json_decref(answer);
}

/* The agent of the keeper says no, and why. */
static void refused(const char *arguments, const char *words)
{
    char command[512];
    snprintf(command, sizeof command, "file %s", arguments);
    int status = agents_run(&agents, CIVIL, command, output);
    if (status == 0 || !strstr(output, words)) fail_msg("%s: %d %s", command, status, output);
}

/* A lead that the school sends, and that the keeper has. */
static void lead(char ret_id[ID_LEN])
{
    char arguments[64];
    json_t *sent = agents_must_json(
        &agents, SCHOOL, "send lead.street-minor --json --wait 60 --file minor.json", output);
    id_of(sent, ret_id);
    json_decref(sent);
    snprintf(arguments, sizeof arguments, "show %s", ret_id);
    for (int turn = 0; turn < 400; turn++)
        if (agents_run(&agents, CIVIL, arguments, output) == 0) return;
    fail_msg("%s did not come", ret_id);
}

static size_t count_of(size_t who, const char *kind)
{
    json_t *answer = agents_must_json(&agents, who, "inbox --json -n 500", output);
    const json_t *items = json_object_get(answer, "items");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const char *its = json_string_value(json_object_get(json_array_get(items, i), "kind"));
        count += its && strcmp(its, kind) == 0;
    }
    json_decref(answer);
    return count;
}

static void a_keeper_opens_a_file_and_the_other_one_has_access(void **state)
{
    (void)state;
    char one[ID_LEN], two[ID_LEN], id[ID_LEN], arguments[256];
    json_t *answer = file("open --purpose follow-up");
    const char *pseudonym = json_string_value(json_object_get(answer, "pseudonym"));
    assert_int_equal(strlen(pseudonym), 12);
    assert_memory_equal(pseudonym, "F-", 2);
    assert_int_equal(json_array_size(json_object_get(answer, "sent")), 1);
    id_of(answer, one);
    json_t *other = file("open --purpose follow-up"); /* drawn, never derived */
    assert_string_not_equal(pseudonym, json_string_value(json_object_get(other, "pseudonym")));
    id_of(other, two);
    (void)agents_wait_for(&agents, POLICE, "file.access");
    json_decref(answer);
    json_decref(other);

    /* By the plan a school keeps none. */
    int status = agents_run(&agents, SCHOOL, "file open --purpose follow-up", output);
    if (status == 0 || !strstr(output, "keeps no files")) fail_msg("%s", output);
    agents_must(&agents, SCHOOL, "file list", output);
    assert_non_null(strstr(output, "no files"));

    /* Only what this unit is on, each thread in one file. */
    snprintf(arguments, sizeof arguments, "add %s --thread 00000000-0000-4000-8000-000000000001",
             one);
    refused(arguments, "not on that thread");
    lead(id);
    snprintf(arguments, sizeof arguments, "add %s --thread %s", one, id);
    answer = file(arguments);
    /* The police are on that thread and learn that it belongs to the file. */
    assert_int_equal(json_array_size(json_object_get(answer, "sent")), 1);
    json_decref(answer);
    refused(arguments, "in this file");
    snprintf(arguments, sizeof arguments, "add %s --thread %s", two, id);
    refused(arguments, "it is in the file F-");
    snprintf(arguments, sizeof arguments, "open --purpose aid --thread %s", id);
    refused(arguments, "it is in the file F-");
    (void)agents_wait_for(&agents, POLICE, "file.update");
}

static void who_has_access_is_told_and_nobody_else(void **state)
{
    (void)state;
    char id[ID_LEN], arguments[256];
    open_file("", id);
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-05 --text 平安", id);
    json_t *answer = file(arguments); /* a visit that nobody planned */
    assert_int_equal(json_array_size(json_object_get(answer, "sent")), 1);
    json_decref(answer);
    assert_int_equal(count_of(SCHOOL, "file.update"), 0);
    snprintf(arguments, sizeof arguments, "grant %s --to education --purpose schooling", id);
    json_decref(file(arguments));
    (void)agents_wait_for(&agents, SCHOOL, "file.access");
    refused(arguments, "has access already");
    snprintf(arguments, sizeof arguments, "grant %s --to health --purpose curiosity", id);
    refused(arguments, "full.purpose");
    snprintf(arguments, sizeof arguments, "grant %s --to no-such --purpose aid", id);
    refused(arguments, "leadbus");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-06 --next-on 2099-01-01",
             id);
    answer = file(arguments);
    assert_int_equal(json_array_size(json_object_get(answer, "sent")), 2);
    json_decref(answer);
    (void)agents_wait_for(&agents, SCHOOL, "file.update");

    /* Taken back from one unit, the other goes on. */
    snprintf(arguments, sizeof arguments, "revoke %s --to education --delete-on 2099-12-31", id);
    json_decref(file(arguments));
    (void)agents_wait_for(&agents, SCHOOL, "file.end");
    refused(arguments, "has no access");
    size_t told = count_of(SCHOOL, "file.update");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-07", id);
    answer = file(arguments);
    assert_int_equal(json_array_size(json_object_get(answer, "sent")), 1);
    json_decref(answer);
    assert_int_equal(count_of(SCHOOL, "file.update"), told);

    /* The end is for all, and nothing follows it. */
    snprintf(arguments, sizeof arguments, "end %s --reason revoked --delete-on 2099-12-31", id);
    refused(arguments, "one unit");
    snprintf(arguments, sizeof arguments, "end %s --reason purpose-served", id);
    refused(arguments, "delete_on");
    snprintf(arguments, sizeof arguments, "end %s --reason purpose-served --delete-on 2099-12-31",
             id);
    json_decref(file(arguments));
    (void)agents_wait_for(&agents, POLICE, "file.end");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-08", id);
    refused(arguments, "has ended");
}

/* What ends names why, once, and a day that is to come. */
static void an_end_has_its_reason_and_a_day_to_come(void **state)
{
    (void)state;
    char id[ID_LEN], thread[ID_LEN], pseudonym[32], arguments[512];
    json_t *answer = file("open --purpose aid");
    const json_t *sent = json_array_get(json_object_get(answer, "sent"), 0);
    id_of(answer, id);
    snprintf(thread, sizeof thread, "%s", json_string_value(json_object_get(sent, "id")));
    snprintf(pseudonym, sizeof pseudonym, "%s",
             json_string_value(json_object_get(answer, "pseudonym")));
    json_decref(answer);
    snprintf(arguments, sizeof arguments, "end %s --delete-on 2099-12-31", id);
    refused(arguments, "victim-asked");
    snprintf(arguments, sizeof arguments, "end %s --reason luck --delete-on 2099-12-31", id);
    refused(arguments, "victim-asked");
    snprintf(arguments, sizeof arguments, "end %s --reason mistaken --delete-on 2020-01-01", id);
    refused(arguments, "that day is over");
    snprintf(arguments, sizeof arguments, "revoke %s --to police-hedong --delete-on 2020-01-01",
             id);
    refused(arguments, "that day is over");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-06 --purpose luck", id);
    refused(arguments, "one of: follow-up");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-06 --purpose aid", id);
    json_decref(file(arguments));
    snprintf(arguments, sizeof arguments, "file show %s --purpose follow-up", id);
    agents_must(&agents, CIVIL, arguments, output);
    assert_non_null(
        strstr(output, "planned for 2026-01-06; made on 2026-01-06; officer A7; purpose aid"));

    /* The act, past the index. */
    snprintf(arguments, sizeof arguments,
             "end-access %s --set pseudonym=%s --set delete_on=2099-12-31", thread, pseudonym);
    int status = agents_run(&agents, CIVIL, arguments, output);
    if (status != 65 || !strstr(output, "outcome") || !strstr(output, "victim-asked"))
        fail_msg("%d %s", status, output);
    snprintf(arguments, sizeof arguments,
             "end-access %s --outcome died --set pseudonym=%s --set delete_on=2020-01-01", thread,
             pseudonym);
    status = agents_run(&agents, CIVIL, arguments, output);
    if (status != 65 || !strstr(output, "delete_on")) fail_msg("%d %s", status, output);
    snprintf(arguments, sizeof arguments,
             "end-access %s --outcome died --set pseudonym=%s --set delete_on=2099-12-31 --wait 60",
             thread, pseudonym);
    agents_must(&agents, CIVIL, arguments, output);
}

#ifdef SCENARIO_AHEAD
static void restart_school(const char *ahead_s, bool bus)
{
    assert_int_equal(process_stop(&agents.processes[SCHOOL], PROCESS_DEADLINE_MS), 0);
    if (bus) assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    if (ahead_s) CHECK(setenv("LD_PRELOAD", SCENARIO_AHEAD, 1) == 0);
    if (ahead_s) CHECK(setenv("LEADBUS_AHEAD_S", ahead_s, 1) == 0);
    if (bus) assert_true(town_start_broker(&agents.town));
    agents_start(&agents, SCHOOL);
    CHECK(unsetenv("LD_PRELOAD") == 0 && unsetenv("LEADBUS_AHEAD_S") == 0);
}

/* What the reader was told is gone there when its day is over, by its own clock and the bus's, and
 * not before; that it was told, and that it is gone, stays. The bus is on another day then. */
static void what_was_told_is_deleted_when_its_day_is_over(void **state)
{
    (void)state;
    char id[ID_LEN], thread[ID_LEN], other[ID_LEN], day[16], arguments[256];
    time_t now = time(NULL) + 24 * 3600;
    struct tm parts;
    CHECK(gmtime_r(&now, &parts) != NULL);
    CHECK(strftime(day, sizeof day, "%Y-%m-%d", &parts) > 0);
    char *threads[] = {thread, other};
    for (int i = 0; i < 2; i++) {
        open_file("", id);
        snprintf(arguments, sizeof arguments,
                 "grant %s --to education --purpose schooling --text needle-%d", id, i);
        json_t *answer = file(arguments);
        id_of(json_array_get(json_object_get(answer, "sent"), 0), threads[i]);
        json_decref(answer);
        snprintf(arguments, sizeof arguments, "revoke %s --to education --delete-on %s", id,
                 i == 0 ? day : "2099-12-31");
        json_decref(file(arguments));
        snprintf(arguments, sizeof arguments, "thread %s", threads[i]);
        for (int turn = 0; turn < 400; turn++)
            if (agents_run(&agents, SCHOOL, arguments, output) == 0 &&
                strstr(output, "End of access"))
                break;
        assert_non_null(strstr(output, "End of access"));
    }
    static const struct {
        const char *ahead_s;
        bool bus, gone;
    } rows[] = {{NULL, false, false},
                {"259200", false, false},
                {"259200", true, true},
                {NULL, false, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        restart_school(rows[i].ahead_s, rows[i].bus);
        for (int turn = 0; turn < 400; turn++)
            if (rows[i].ahead_s && agents_run(&agents, SCHOOL, "status", output) == 0) break;
        snprintf(arguments, sizeof arguments, "show %s --json", thread);
        for (int turn = 0; turn < 400; turn++) {
            json_t *shown = agents_must_json(&agents, SCHOOL, arguments, output);
            bool gone = json_is_true(json_object_get(shown, "deleted"));
            json_decref(shown);
            if (gone == rows[i].gone) break;
        }
        if ((strstr(output, "\"deleted\": true") != NULL) != rows[i].gone ||
            (strstr(output, "needle-0") != NULL) == rows[i].gone)
            fail_msg("%zu: %s", i, output);
        snprintf(arguments, sizeof arguments, "show %s", other);
        agents_must(&agents, SCHOOL, arguments, output);
        assert_non_null(strstr(output, "needle-1"));
    }
    snprintf(arguments, sizeof arguments, "thread %s", thread);
    agents_must(&agents, SCHOOL, arguments, output);
    assert_non_null(strstr(output, "Access to a victim's file"));
}
#endif

/* Past the keeper's own index, too: what comes after the end is refused where it is signed. */
static void nothing_is_told_on_a_thread_whose_access_has_ended(void **state)
{
    (void)state;
    char id[ID_LEN], thread[ID_LEN] = "", pseudonym[32], arguments[512];
    json_t *answer = file("open --purpose aid");
    const json_t *sent = json_array_get(json_object_get(answer, "sent"), 0);
    id_of(answer, id);
    snprintf(pseudonym, sizeof pseudonym, "%s",
             json_string_value(json_object_get(answer, "pseudonym")));
    snprintf(thread, sizeof thread, "%s", json_string_value(json_object_get(sent, "id")));
    json_decref(answer);
    /* Of another file it is not told there. */
    snprintf(arguments, sizeof arguments,
             "inform %s --set pseudonym=F-AAAAAAAAAA --set change=visited --set "
             "changed_on=2026-01-01 --wait 60",
             thread);
    int status = agents_run(&agents, CIVIL, arguments, output);
    if (status != 65 || !strstr(output, "pseudonym") || !strstr(output, pseudonym))
        fail_msg("%d %s", status, output);
    snprintf(arguments, sizeof arguments,
             "inform %s --set pseudonym=%s --set change=visited --set changed_on=2026-01-01 --wait "
             "60",
             thread, pseudonym);
    agents_must(&agents, CIVIL, arguments, output);
    snprintf(arguments, sizeof arguments, "end %s --reason mistaken --delete-on 2099-12-31", id);
    json_decref(file(arguments));
    snprintf(arguments, sizeof arguments,
             "inform %s --set pseudonym=%s --set change=visited --set changed_on=2026-01-01 --wait "
             "60",
             thread, pseudonym);
    status = agents_run(&agents, CIVIL, arguments, output);
    if (status == 0 || !strstr(output, "lifecycle_order")) fail_msg("%d %s", status, output);
}

static void visits_fall_due_and_who_looks_leaves_a_record(void **state)
{
    (void)state;
    char id[ID_LEN], arguments[256];
    open_file("", id);
    snprintf(arguments, sizeof arguments, "visit %s --on 2026-01-02", id);
    json_decref(file(arguments));
    snprintf(arguments, sizeof arguments, "visit %s --on 2026-02-30", id);
    refused(arguments, "2026-01-01");
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2999-01-01", id);
    refused(arguments, "still to come");
    agents_must(&agents, CIVIL, "inbox --due", output);
    if (!strstr(output, "! file F-") || !strstr(output, "2026-01-02")) fail_msg("%s", output);
    assert_int_equal(agents_run_in(&agents, CIVIL, "zh", "inbox --due", output), 0);
    assert_non_null(strstr(output, "2026-01-02 前回访"));
    snprintf(arguments, sizeof arguments, "visit %s --visited-on 2026-01-02", id);
    json_decref(file(arguments));
    agents_must(&agents, CIVIL, "inbox --due", output);
    assert_null(strstr(output, "2026-01-02"));

    snprintf(arguments, sizeof arguments, "show %s", id);
    refused(arguments, "purpose");
    /* Who cannot be written down does not look. */
    static const char *const nobody[] = {"\xff", "王", "0123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof nobody / sizeof *nobody; i++) {
        snprintf(arguments, sizeof arguments, "show %s --purpose aid --officer %s", id, nobody[i]);
        refused(arguments, "officer");
    }
    snprintf(arguments, sizeof arguments, "show %s --purpose luck", id);
    refused(arguments, "one of: follow-up");
    snprintf(arguments, sizeof arguments, "show %s --purpose aid", id);
    json_decref(file(arguments));
    json_t *answer = file(arguments);
    /* Its pseudonym names it too, and what is shown has a name. */
    char shown[256];
    snprintf(shown, sizeof shown, "file show %s --purpose aid",
             json_string_value(json_object_get(answer, "pseudonym")));
    static const char *const labels[][2] = {{"en", "pseudonym"},
                                            {"en", "made on 2026-01-02"},
                                            {"zh", "用途"},
                                            {"zh", "回访日期 2026-01-02"}};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
        assert_int_equal(agents_run_in(&agents, CIVIL, labels[i][0], shown, output), 0);
        if (!strstr(output, labels[i][1])) fail_msg("no %s: %s", labels[i][1], output);
        assert_null(strstr(output, "Z;")); /* local time */
    }
    refused("show F-NOSUCHFILES --purpose aid", "no file has this id or pseudonym");
    const json_t *looks = json_object_get(answer, "looks");
    assert_int_equal(json_array_size(looks), 2); /* this one is there too; those refused are not */
    assert_string_equal(json_string_value(json_object_get(json_array_get(looks, 0), "officer")),
                        "A7");
    assert_string_equal(json_string_value(json_object_get(json_array_get(looks, 1), "purpose")),
                        "aid");
    json_decref(answer);

    /* It is there after a restart, and nothing of it is readable on the disk. */
    assert_int_equal(process_stop(&agents.processes[CIVIL], PROCESS_DEADLINE_MS), 0);
    char command[512];
    snprintf(command, sizeof command,
             "cd '%s' && cat %s.db* | grep -aq -e visited_on -e 'F-[2-9A-Z]\\{10\\}'",
             agents.town.folder, agents.keys[CIVIL]);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    assert_int_not_equal(pclose(pipe), 0);
    agents_start(&agents, CIVIL);
    snprintf(arguments, sizeof arguments, "show %s --purpose aid", id);
    answer = file(arguments);
    assert_int_equal(json_array_size(json_object_get(answer, "visits")), 1);
    json_decref(answer);
}

/* By the journal alone. */
static void every_record_is_explained(void **state)
{
    (void)state;
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    assert_true(town_explain(&agents.town, LEADBUS_REPLAY, TOWN_EXPLAIN_ALL) > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_keeper_opens_a_file_and_the_other_one_has_access),
        cmocka_unit_test(who_has_access_is_told_and_nobody_else),
        cmocka_unit_test(an_end_has_its_reason_and_a_day_to_come),
        cmocka_unit_test(nothing_is_told_on_a_thread_whose_access_has_ended),
        cmocka_unit_test(visits_fall_due_and_who_looks_leaves_a_record),
#ifdef SCENARIO_AHEAD
        cmocka_unit_test(what_was_told_is_deleted_when_its_day_is_over),
#endif
        cmocka_unit_test(every_record_is_explained),
    };
    return cmocka_run_group_tests_name("scenario.casefile", tests, set_up, tear_down);
}
