/* Missing-child alerts with real agents. What nobody signs for is told again, across restarts,
 * until somebody does. An alert with a photo is issued to a street, widened twice and stood down
 * while one unit is off: who confirms has nothing of it left on disk, and who comes late sees it as
 * over. */
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
#include <sqlite3.h>
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
    agents_write_in(&agents, name, text, mode);
}

static void read_in(const char *name, char ret[OUTPUT_LEN])
{
    agents_read_in(&agents, name, ret);
}

static void configure(size_t agent, const char *more)
{
    agents_configure(&agents, agent, more);
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
    /* One that is over asks nobody to act; a widening is one of an alert. */
    assert_int_equal(agents_run_in(&agents, POLICE, "en",
                                   "send " ALERT " --topic issue --area " AREA
                                   " --file alert.json --set alert.lost_at=2020-01-01T00:00:00Z "
                                   "--set alert.valid_until=2020-01-02T00:00:00Z",
                                   output),
                     65);
    assert_non_null(strstr(output, "alert.valid_until"));
    assert_int_equal(agents_run_in(&agents, POLICE, "en",
                                   "send " ALERT " --topic district --file alert.json", output),
                     75);
    assert_non_null(strstr(output, "name the alert (--parent ID)"));
    send(ALERT, "--topic issue --area " AREA " --file alert.json", id);
    json_decref(await(STREET, id));
    json_decref(await(SCHOOL, id));
    /* Nobody is on the roster: not told, and not said to be. */
    await_line(STREET, "en", "inbox --due", "not signed for less than a minute");
    assert_int_equal(agents_run_in(&agents, STREET, "zh", "inbox --due", output), 0);
    assert_non_null(strstr(output, "不到 1 分钟未签收，尚未重复提醒"));
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

/* ---- from issue to the last confirmation --------------------------------------------------------
 */

enum { ALERT_COUNT = 3 };

static size_t chunk_count(size_t agent)
{
    char command[2 * PATH_LEN], folder[PATH_LEN];
    size_t count = 0;
    agents_path(&agents, agent, "db-chunks", folder);
    snprintf(command, sizeof command, "find '%s' -type f 2>/dev/null | wc -l", folder);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    assert_int_equal(fscanf(pipe, "%zu", &count), 1);
    (void)pclose(pipe);
    return count;
}

/* What a stopped agent's store holds of the contents of a kind, and whether header and proof are
 * there of so many. */
static void sealed_of(size_t agent, const char *kind, size_t count, struct buf *ret)
{
    char path[PATH_LEN];
    sqlite3 *db = NULL;
    sqlite3_stmt *rows = NULL;
    size_t found = 0;
    agents_path(&agents, agent, "db", path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "SELECT sealed,length(record),proved FROM inbox JOIN inbody "
                           "USING(number) WHERE kind=?1 ORDER BY number DESC LIMIT ?2",
                           -1, &rows, NULL),
        SQLITE_OK);
    sqlite3_bind_text(rows, 1, kind, -1, SQLITE_STATIC);
    sqlite3_bind_int64(rows, 2, (sqlite3_int64)count);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        int len = sqlite3_column_bytes(rows, 0);
        if (len > 0) buf_append(ret, sqlite3_column_blob(rows, 0), (size_t)len);
        assert_true(sqlite3_column_int(rows, 1) > 0);
        assert_int_equal(sqlite3_column_int(rows, 2), 1);
        found++;
    }
    assert_int_equal(found, count);
    sqlite3_finalize(rows);
    sqlite3_close(db);
}

/* Is any piece of those bytes in the store's files, as they lie there now? */
static bool on_disk(size_t agent, const struct buf *bytes)
{
    static const char *const names[] = {"db", "db-wal"};
    enum { PIECE_LEN = 64 };
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        char path[PATH_LEN];
        struct buf file = {0};
        agents_path(&agents, agent, names[i], path);
        int r = file_read(path, 64u << 20, &file, NULL);
        assert_true(r == 0 || (i == 1 && r == E_NOT_FOUND));
        for (size_t at = 0; at + PIECE_LEN <= bytes->len && !found; at += PIECE_LEN)
            found = memmem(file.data, file.len, bytes->data + at, PIECE_LEN) != NULL;
        buf_fini(&file);
    }
    return found;
}

/* The names of units on a side of what the police know of the deletion, as ",a,b,". */
static void deletion(const char *thread, const char *side, char ret[1024])
{
    char arguments[64];
    size_t i;
    json_t *one;
    snprintf(arguments, sizeof arguments, "thread %s --json", thread);
    json_t *all = agents_must_json(&agents, POLICE, arguments, output);
    snprintf(ret, 1024, ",");
    json_array_foreach(json_object_get(json_object_get(all, "deletion"), side), i, one)
    {
        size_t len = strlen(ret);
        snprintf(ret + len, 1024 - len, "%s,", text(one, "unit"));
        if (strcmp(side, "confirmed") == 0)
            assert_string_not_equal(text(one, "at"), "");
        else
            assert_string_not_equal(text(one, "due_at"), "");
    }
    json_decref(all);
}

static size_t commas(const char *list)
{
    return count_of(list, ",") - 1;
}

static void await_confirmed(const char *thread, const char *unit, size_t count)
{
    char confirmed[1024], missing[1024], name[64];
    snprintf(name, sizeof name, ",%s,", unit);
    for (int i = 0; i < TURN_MAX; i++) {
        deletion(thread, "confirmed", confirmed);
        deletion(thread, "missing", missing);
        if (strstr(confirmed, name)) {
            assert_int_equal(commas(confirmed), count);
            assert_null(strstr(missing, name));
            return;
        }
    }
    fail_msg("%s has not confirmed: %s", unit, confirmed);
}

/* Of one alert's legs as the police have them. */
static void leg_is(const char *thread, const char *unit, const char *id, const char *state)
{
    char arguments[64];
    size_t i;
    json_t *leg;
    snprintf(arguments, sizeof arguments, "thread %s --json", thread);
    for (int turn = 0; turn < TURN_MAX; turn++) {
        json_t *all = agents_must_json(&agents, POLICE, arguments, output);
        bool is = false;
        json_array_foreach(json_object_get(all, "legs"), i, leg)
        {
            if (strcmp(text(leg, "unit"), unit) == 0 && strcmp(text(leg, "message"), id) == 0)
                is = strcmp(text(leg, "state"), state) == 0;
        }
        json_decref(all);
        if (is) return;
    }
    fail_msg("%s of %s is not %s", id, unit, state);
}

/* Over the port, as a program would. */
static void act_by_http(const char *act, const char *thread, const char *id)
{
    char command[1024];
    snprintf(
        command, sizeof command,
        "python3 -c 'import urllib.request as u\n"
        "r = u.Request(\"http://127.0.0.1:%ld/v1/threads/%s/acts?wait=receipt\", "
        "b\"{\\\"act\\\":\\\"%s\\\",\\\"officer\\\":\\\"p-1\\\",\\\"message\\\":\\\"%s\\\"}\", "
        "{\"Authorization\": \"Bearer " AGENTS_TOKEN
        "\", \"Content-Type\": \"application/json\"})\n"
        "assert u.urlopen(r, timeout=30).status == 202'",
        agents_port(&agents), thread, act, id);
    assert_int_equal(system(command), 0);
}

static void await_photo(size_t agent, const char *id)
{
    char arguments[96];
    snprintf(arguments, sizeof arguments, "attachment %s --json", id);
    for (int i = 0; i < TURN_MAX; i++) {
        json_t *list =
            agents_run(&agents, agent, arguments, output) == 0 ? json_loads(output, 0, NULL) : NULL;
        bool ready = strcmp(text(json_array_get(list, 0), "state"), "here") == 0;
        json_decref(list);
        if (ready) return;
    }
    fail_msg("no photo: %s", output);
}

static void must_be_deleted(size_t agent, char ids[ALERT_COUNT][37], size_t from)
{
    for (size_t i = from; i < ALERT_COUNT; i++) {
        json_t *shown = await(agent, ids[i]);
        assert_true(json_is_true(json_object_get(shown, "deleted")));
        assert_int_equal(json_object_size(json_object_get(shown, "sections")), 0);
        assert_true(json_is_true(json_object_get(shown, "proved")));
        json_decref(shown);
    }
    assert_int_equal(chunk_count(agent), 0);
}

static void an_alert_goes_from_issue_to_the_last_confirmation(void **state)
{
    (void)state;
    static const char *const topics[ALERT_COUNT] = {("issue --area " AREA), "streets", "district"};
    char ids[ALERT_COUNT][37], over[37], more[256], list[1024];
    struct buf sealed = {0};
    stop(SCHOOL);
    for (size_t i = 0; i < ALERT_COUNT; i++) {
        snprintf(more, sizeof more,
                 "--topic %s --file alert.json --attach child.jpg "
                 "--confirm-no-dna --set alert.revision=%zu%s%s",
                 topics[i], i + 1, i ? " --parent " : "", i ? ids[i - 1] : "");
        send(ALERT, more, ids[i]);
        json_decref(await(STREET, ids[i]));
        must(STREET, "sign", ids[i]);
        await_photo(STREET, ids[i]);
        leg_is(ids[0], "st-chunhua", ids[i], "signed");
        leg_is(ids[0], "education", ids[i], "submitted");
    }
    for (size_t agent = 0; agent < AGENT_COUNT; agent++) {
        if (agent != CIVIL && agent != PROCURATORATE) continue;
        json_decref(await(agent, ids[2]));
        await_photo(agent, ids[2]);
        must(agent, "sign", ids[2]);
        char arguments[64];
        snprintf(arguments, sizeof arguments, "show %s", ids[0]);
        assert_int_not_equal(agents_run(&agents, agent, arguments, output), 0);
    }
    snprintf(more, sizeof more, "confirm-deletion %s", ids[2]);
    assert_int_not_equal(agents_run(&agents, STREET, more, output), 0); /* it is live */
    deletion(ids[0], "missing", list);
    assert_string_equal(list, ",");
    /* What is on the disk before. */
    assert_true(chunk_count(STREET) > 0 && chunk_count(CIVIL) > 0);
    stop(STREET);
    sealed_of(STREET, ALERT, ALERT_COUNT, &sealed);
    assert_true(sealed.len > 0 && on_disk(STREET, &sealed));
    agents_start(&agents, STREET);

    /* The number goes up by one, and what is stood down is the last: said before it is sealed. */
    snprintf(more, sizeof more,
             "send " ALERT " --topic update --file alert.json --parent %s "
             "--set alert.revision=3",
             ids[2]);
    assert_int_not_equal(agents_run(&agents, POLICE, more, output), 0);
    assert_non_null(strstr(output, "alert.revision"));
    assert_non_null(strstr(output, "this one is 4"));
    snprintf(more, sizeof more, "send " OVER " --file over.json --parent %s", ids[2]);
    assert_int_not_equal(agents_run(&agents, POLICE, more, output), 0); /* the example's is 1 */
    assert_non_null(strstr(output, "the last revision that was issued is 3"));
    snprintf(more, sizeof more, "--parent %s --file over.json --set alert.revision=3", ids[2]);
    send(OVER, more, over);
    deletion(ids[0], "confirmed", list);
    assert_string_equal(list, ",");
    deletion(ids[0], "missing", list);
    size_t all = commas(list);
    assert_true(strstr(list, ",education,") && strstr(list, ",st-chunhua,") &&
                strstr(list, ",civil-affairs,") && strstr(list, ",procuratorate,"));
    json_decref(await(STREET, over));
    must(STREET, "sign", over);
    must(STREET, "confirm-deletion", over);
    await_confirmed(ids[0], "st-chunhua", 1);
    must_be_deleted(STREET, ids, 0);
    assert_false(on_disk(STREET, &sealed)); /* while it runs */
    stop(STREET);
    buf_reset(&sealed);
    sealed_of(STREET, ALERT, ALERT_COUNT, &sealed);
    assert_int_equal(sealed.len, 0);
    agents_start(&agents, STREET);

    json_decref(await(CIVIL, over));
    must(CIVIL, "sign", over);
    must(CIVIL, "confirm-deletion", over);
    await_confirmed(ids[0], "civil-affairs", 2);
    must_be_deleted(CIVIL, ids, 2);
    /* In words: by version and by what each unit has done, not line by line. */
    snprintf(more, sizeof more, "thread %s", ids[0]);
    agents_must(&agents, POLICE, more, output);
    assert_non_null(strstr(output, "version 1 of the alert"));
    assert_non_null(strstr(output, "version 3 of the alert"));
    assert_null(strstr(output, "version 4"));
    assert_non_null(strstr(output, "confirmed that it is deleted 2: "));
    assert_non_null(strstr(output, "not signed for before it was stood down by "));
    snprintf(more, sizeof more, "not confirmed yet %zu: ", all - 2);
    assert_non_null(strstr(output, more));
    snprintf(more, sizeof more, "show %s", ids[2]);
    agents_must(&agents, CIVIL, more, output);
    assert_non_null(strstr(output, "deleted on 20"));
    json_decref(await(PROCURATORATE, over));
    act_by_http("sign", ids[0], over);
    act_by_http("confirm-deletion", ids[0], over);
    await_confirmed(ids[0], "procuratorate", 3);
    must_be_deleted(PROCURATORATE, ids, 2);

    /* Who was off gets all of it, in order, and nothing of it is live. */
    agents_start(&agents, SCHOOL);
    json_decref(await(SCHOOL, over));
    assert_int_equal(unsigned_count(SCHOOL), 0);
    json_t *due = agents_must_json(&agents, SCHOOL, "inbox --due --json", output);
    const json_t *items = json_object_get(due, "items");
    assert_int_equal(json_array_size(items), 2); /* with the one of the test before */
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(text(json_array_get(items, i), "kind"), OVER);
    json_decref(due);
    long long before = 0;
    for (size_t i = 0; i <= ALERT_COUNT; i++) {
        json_t *shown = await(SCHOOL, i < ALERT_COUNT ? ids[i] : over);
        long long number = (long long)json_integer_value(json_object_get(shown, "number"));
        const json_t *leg = json_object_get(shown, "leg");
        assert_true(number > before);
        before = number;
        assert_null(json_object_get(leg, "repeats"));
        if (i < ALERT_COUNT) assert_string_equal(text(leg, "state"), "stood-down");
        json_decref(shown);
    }
    read_in("education.log", output);
    for (size_t i = 0; i < ALERT_COUNT; i++) {
        snprintf(more, sizeof more, "event=alert_not_signed id=%s", ids[i]);
        assert_null(strstr(output, more));
        if (i == 0) continue; /* its id is the thread's, on which the stand-down is open */
        snprintf(more, sizeof more, "sign %s", ids[i]);
        assert_int_not_equal(agents_run(&agents, SCHOOL, more, output), 0);
        read_in("education.log", output);
    }
    must(SCHOOL, "sign", over);
    must(SCHOOL, "confirm-deletion", over);
    await_confirmed(ids[0], "education", 4);
    must_be_deleted(SCHOOL, ids, 0);
    deletion(ids[0], "missing", list);
    assert_int_equal(commas(list), all - 4);
    buf_fini(&sealed);
}

static void the_journal_agrees(void **state)
{
    (void)state;
    char command[4 * PATH_LEN];
    assert_int_equal(process_stop(&agents.town.broker, PROCESS_DEADLINE_MS), 0);
    snprintf(command, sizeof command,
             "LANG=en '%s' replay --root '%s/root' '%s/state/journal.db' 2>&1", LEADBUS_REPLAY,
             agents.town.folder, agents.town.folder);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    output[fread(output, 1, sizeof output - 1, pipe)] = 0;
    if (pclose(pipe) != 0) fail_msg("%s", output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_that_nobody_signs_for_is_told_again),
        cmocka_unit_test(an_alert_goes_from_issue_to_the_last_confirmation),
        cmocka_unit_test(the_journal_agrees),
    };
    return cmocka_run_group_tests_name("scenario.alert", tests, set_up, tear_down);
}
