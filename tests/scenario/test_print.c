/* Printed receipts and lists of what is handed over: what stands on them, what others may have
 * written into it, and that the paper is the journal's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/lib/command.h"
#include "tests/scenario/agents.h"

enum { SCHOOL, POLICE, CIVIL, AGENT_COUNT };
static const enum town_unit UNITS[AGENT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_CIVIL_AFFAIRS};
enum { OUTPUT_LEN = AGENTS_OUTPUT_LEN, TURN_MAX = 4000 };

/* What somebody would write to have a page do what it should not. Characters that are not seen are
 * refused before (payload), and shown by number (unit.html). */
#define MARKUP "</td><script>alert(1)</script><img src=x onerror=alert(2)>\"'&amp;"

static struct agents agents;

static void write_in(const char *name, const char *text)
{
    agents_write_in(&agents, name, text, 0600);
}

static int set_up(void **state)
{
    (void)state;
    agents_init(&agents, UNITS, AGENT_COUNT);
    write_in("markup", MARKUP);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return agents_fini(&agents);
}

static int run(const char *command, char output[OUTPUT_LEN])
{
    return command_run(agents.town.folder, command, output, OUTPUT_LEN);
}

/* The page stands up to check_print.py, with these words on it. */
static void stands(const char *page, const char *words)
{
    static char output[OUTPUT_LEN];
    char command[3000];
    snprintf(command, sizeof command, "'%s/tests/scenario/check_print.py' %s %s",
             LEADBUS_SOURCE_DIR, page, words);
    if (run(command, output) != 0) fail_msg("%s: %s", page, output);
}

/* Shows until the message is there and its place in the journal is proved. */
static void wait_until(size_t agent, const char *id, const char *words)
{
    static char output[OUTPUT_LEN];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "thread %s --json", id);
    for (int i = 0; i < TURN_MAX; i++)
        if (agents_run(&agents, agent, arguments, output) == 0 && strstr(output, words)) return;
    fail_msg("no %s: %s", words, output);
}

static void id_of(const json_t *sent, const char *key, char ret_id[37])
{
    snprintf(ret_id, 37, "%s", json_string_value(json_object_get(sent, key)));
}

static void who_signed_is_on_paper_at_both_ends(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char id[37], act[37], arguments[600], words[1200];
    agents_must(&agents, SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
    json_t *sent = agents_must_json(&agents, SCHOOL,
                                    "send lead.mandatory-report --json --wait 20 --file "
                                    "report.json --set full.what=needle",
                                    output);
    id_of(sent, "id", id);
    json_decref(sent);
    wait_until(POLICE, id, "\"proved\": true");
    snprintf(arguments, sizeof arguments, "print receipt %s", id);
    assert_int_equal(agents_run(&agents, POLICE, arguments, output), 75);
    if (!strstr(output, "lifecycle_order")) fail_msg("%s", output);
    snprintf(arguments, sizeof arguments,
             "sign %s --json --wait 20 --set officer_name=\"$(cat markup)\"", id);
    sent = agents_must_json(&agents, POLICE, arguments, output);
    id_of(sent, "id", act);
    json_decref(sent);
    wait_until(SCHOOL, id, act);

    /* the one who signed, the sender, by the message or by the signing */
    static const struct {
        size_t agent;
        const char *name;
        bool by_act;
    } rows[] = {
        {POLICE, "police.html", false}, {POLICE, "act.html", true}, {SCHOOL, "school.html", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(arguments, sizeof arguments, "print receipt %s --output %s",
                 rows[i].by_act ? act : id, rows[i].name);
        agents_must(&agents, rows[i].agent, arguments, output);
        snprintf(words, sizeof words,
                 "签收回执 侵害未成年人强制报告 公安河东分局 区教育局 A7 %s %s '(UTC+8)' "
                 "leadbus-replay 经办人签名 '!needle' '!<script' '!<img' \"$(cat markup)\"",
                 id, act);
        stands(rows[i].name, words);
        assert_int_equal(agents_run(&agents, rows[i].agent, arguments, output), 75);
    }
    agents_must(&agents, POLICE, "print receipt 1 > number.html", output);
    stands("number.html", id);
    snprintf(arguments, sizeof arguments, "print handover %s", id);
    assert_int_equal(agents_run(&agents, POLICE, arguments, output), 65);
    assert_int_equal(agents_run(&agents, POLICE, "print paper 1", output), 64);
    assert_int_equal(agents_run(&agents, POLICE, "print receipt 99", output), 66);
}

static void what_is_handed_over_is_on_paper(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char id[37], arguments[600];
    agents_must(&agents, POLICE, "kinds handoff.victim --example > handoff.json", output);
    write_in("list.txt", "one\ntwo\n");
    snprintf(arguments, sizeof arguments,
             "send handoff.victim --json --wait 20 --file handoff.json --attach list.txt --set "
             "full.gap_reason=emergency --set full.persons[0].name=\"$(cat markup)\"");
    json_t *sent = agents_must_json(&agents, POLICE, arguments, output);
    id_of(sent, "id", id);
    json_decref(sent);
    wait_until(CIVIL, id, "\"proved\": true");
    static const struct {
        size_t agent;
        const char *name;
    } rows[] = {{POLICE, "given.html"}, {CIVIL, "taken.html"}};
    for (size_t i = 0; i < 2; i++) {
        char words[1200];
        snprintf(arguments, sizeof arguments, "print handover %s --output %s", id, rows[i].name);
        agents_must(&agents, rows[i].agent, arguments, output);
        snprintf(words, sizeof words,
                 "移交清单 解救受害人移交 区民政局 移交人 接收人 见证人 姓名 附件 list.txt "
                 "须签收 含个人信息 %s '!<script' '!<img' \"$(cat markup)\"",
                 id);
        stands(rows[i].name, words);
    }
    /* What came after it is needed no more, and each on the thread sees that. */
    agents_must(&agents, POLICE, "kinds notice.moot --example > moot.json", output);
    snprintf(arguments, sizeof arguments,
             "send notice.moot --json --wait 20 --file moot.json --topic dna --parent %s", id);
    json_decref(agents_must_json(&agents, POLICE, arguments, output));
    wait_until(CIVIL, id, "\"moot\": true");
    snprintf(arguments, sizeof arguments, "thread %s", id);
    assert_int_equal(agents_run_in(&agents, CIVIL, "zh", arguments, output), 0);
    if (!strstr(output, "血样比对结论") || !strstr(output, "已免除")) fail_msg("%s", output);
    snprintf(arguments, sizeof arguments,
             "send notice.moot --wait 20 --file moot.json --topic dna --parent %s", id);
    if (agents_run(&agents, POLICE, arguments, output) == 0 || !strstr(output, "chain_order"))
        fail_msg("%s", output);
}

/* The paper against a copy of the journal: hashes, places and the checkpoint that stands on it. */
/* Civil affairs comes to the thread of somebody else's lead with a handover: what it sends on that
 * thread goes on from there, without its being said. The recipients are shown by the clause's
 * words.
 */
static void who_came_later_goes_on_from_its_own_first(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char thread[37], id[37], arguments[600];
    agents_must(&agents, SCHOOL, "kinds lead.suspected-trafficking --example > lead.json", output);
    json_t *sent = agents_must_json(
        &agents, SCHOOL, "send lead.suspected-trafficking --json --wait 20 --file lead.json",
        output);
    id_of(sent, "id", thread);
    json_decref(sent);
    wait_until(POLICE, thread, "\"proved\": true");
    snprintf(arguments, sizeof arguments, "sign %s --wait 20", thread);
    agents_must(&agents, POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "accept %s --wait 20", thread);
    agents_must(&agents, POLICE, arguments, output);
    snprintf(arguments, sizeof arguments,
             "send handoff.victim --json --wait 20 --file handoff.json --thread %s --set "
             "full.gap_reason=emergency",
             thread);
    sent = agents_must_json(&agents, POLICE, arguments, output);
    id_of(sent, "id", id);
    json_decref(sent);
    wait_until(CIVIL, thread, id);
    snprintf(arguments, sizeof arguments, "sign %s --wait 20", thread);
    agents_must(&agents, CIVIL, arguments, output);
    snprintf(arguments, sizeof arguments, "accept %s --wait 20", thread);
    agents_must(&agents, CIVIL, arguments, output);
    agents_must(&agents, CIVIL, "kinds handoff.medical --topic request --example > medical.json",
                output);
    snprintf(arguments, sizeof arguments,
             "send handoff.medical --json --wait 20 --file medical.json --thread %s", thread);
    sent = agents_must_json(&agents, CIVIL, arguments, output);
    snprintf(arguments, sizeof arguments, "show %s --json",
             json_string_value(json_object_get(sent, "id")));
    json_t *shown = agents_must_json(&agents, CIVIL, arguments, output);
    assert_string_equal(json_string_value(json_object_get(shown, "parent")), id);
    const json_t *one = json_array_get(json_object_get(shown, "recipients"), 0);
    const char *words = json_string_value(json_object_get(one, "citation_zh"));
    assert_true(words && *words);
    json_decref(shown);
    json_decref(sent);
}

static void the_paper_is_the_journals(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    static char page[OUTPUT_LEN];
    char command[1024];
    if (run("'" LEADBUSD "' --config leadbusd.conf --backup journal.db", output) != 0)
        fail_msg("%s", output);
    assert_int_equal(run("'" LEADBUS_SOURCE_DIR
                         "/tests/scenario/check_print.py' --checkpoint school.html >kept.note",
                         output),
                     0);
    assert_int_equal(run("cat school.html", page), 0);
    const char *at = strstr(page, "journal.db ");
    assert_non_null(at);
    snprintf(command, sizeof command,
             "'" LEADBUS_REPLAY "' --lang en explain --root root --checkpoint kept.note --json "
             "journal.db %.36s",
             at + strlen("journal.db "));
    assert_int_equal(run(command, output), 0);
    json_t *told = json_loads(strchr(output, '{'), JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(told);
    const json_t *act = json_array_get(json_object_get(told, "acts"), 0);
    const char *hashes[] = {json_string_value(json_object_get(told, "record_hash")),
                            json_string_value(json_object_get(act, "record_hash"))};
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(hashes[i]);
        if (!strstr(page, hashes[i])) fail_msg("%s is not on the page", hashes[i]);
    }
    snprintf(command, sizeof command, ">%lld<",
             (long long)json_integer_value(json_object_get(told, "index")));
    if (!strstr(page, command)) fail_msg("%s is not on the page", command);
    json_decref(told);
    /* a checkpoint of another journal does not pass */
    assert_int_equal(run("sed 's/^[0-9]*$/7/' kept.note >bent.note; '" LEADBUS_REPLAY
                         "' --lang en verify --root root --checkpoint bent.note journal.db",
                         output),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_signed_is_on_paper_at_both_ends),
        cmocka_unit_test(what_is_handed_over_is_on_paper),
        cmocka_unit_test(who_came_later_goes_on_from_its_own_first),
        cmocka_unit_test(the_paper_is_the_journals),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
