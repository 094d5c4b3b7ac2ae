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
    must(SCHOOL, "kinds lead.mandatory-report --example > report.json", output);
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
    assert_non_null(strstr(output, "went as it was stated"));
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

/* The second column of the inbox: what this unit has to do with that item. */
static void state_is(size_t agent, long number, const char *state)
{
    static char output[OUTPUT_LEN];
    char wanted[64];
    char arguments[64];
    snprintf(arguments, sizeof arguments, "inbox --before %ld -n 1", number + 1);
    must(agent, arguments, output);
    snprintf(wanted, sizeof wanted, "%-5ld %s ", number, state);
    if (strncmp(output, wanted, strlen(wanted)) != 0) fail_msg("not \"%s\": %s", wanted, output);
}

/* The row of `inbox --due` that begins with this number has these words; NULL: there is none. */
static void due_says(size_t agent, const char *lang, long number, const char *words)
{
    static char output[OUTPUT_LEN + 1];
    char wanted[32];
    snprintf(wanted, sizeof wanted, "\n%-5ld ", number);
    output[0] = '\n';
    assert_int_equal(agents_run_in(&agents, agent, lang, "inbox --due", output + 1), 0);
    const char *row = strstr(output, wanted);
    if (!row != !words) fail_msg("%s: %s", words ? words : "no row", output);
    if (!row) return;
    const char *end = strchr(row + 1, '\n');
    const char *found = strstr(row, words);
    if (!found || found > end) fail_msg("%s: %s", words, output);
}

static void acts_follow_the_lifecycle_to_the_end(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[128];
    long number = wait_for(POLICE, "lead.mandatory-report");
    due_says(POLICE, "zh_CN.UTF-8", number, " 前签收");
    due_says(POLICE, "en", number, "signed for before to");
    snprintf(arguments, sizeof arguments, "inbox --before %ld -n 1", number + 1);
    must(POLICE, arguments, output);
    assert_non_null(strstr(output, "signed for before to"));
    assert_int_equal(leadbus(POLICE, "inbox --due --after 1", output), 64);
    assert_int_equal(leadbus(POLICE, "inbox --page 1", output), 64);
    assert_int_equal(leadbus(POLICE, "inbox --due --page 1", output), 65);
    snprintf(arguments, sizeof arguments, "close %ld", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 75); /* not signed for yet */
    assert_non_null(strstr(output, "sign for it first, then accept it"));
    state_is(POLICE, number, "to sign");
    snprintf(arguments, sizeof arguments, "sign %ld -O ''", number); /* nobody's */
    assert_int_equal(leadbus(POLICE, arguments, output), 65);
    if (!strstr(output, "missing_field") || !strstr(output, "--officer")) fail_msg("%s", output);
    state_is(POLICE, number, "to sign");
    snprintf(arguments, sizeof arguments, "sign %ld --wait 20 --set officer_name=Zhang", number);
    must(POLICE, arguments, output);
    assert_int_equal(leadbus(POLICE, arguments, output), 75);
    assert_non_null(strstr(output, "signed for it already"));
    state_is(POLICE, number, "to accept");
    snprintf(arguments, sizeof arguments, "return %ld", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 77); /* an immediate lead */
    assert_non_null(strstr(output, "return_not_allowed"));    /* and no words are asked for */
    snprintf(arguments, sizeof arguments,
             "accept %s --wait 20 --set decision=case-accepted --set reference_number=X-1",
             thread_id);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "progress %ld --wait 20 --set step=found --text there",
             number);
    must(POLICE, arguments, output);
    state_is(POLICE, number, "to close");
    due_says(POLICE, "zh_CN.UTF-8", number, " 前办结");
    snprintf(arguments, sizeof arguments, "thread %s", thread_id);
    must(POLICE, arguments, output);
    assert_non_null(strstr(output, "closed before"));
    /* What is missing or wrong has the name by which it is given. */
    static const struct {
        const char *act, *more, *says;
    } wrong[] = {
        {"close", "", "(outcome): one of: done"},
        {"close", "--outcome nonsense", "(outcome): nonsense is none of"},
        {"transfer", "--to procuratorate --text x", "(reason): one of: not-competent"},
        {"transfer", "--to procuratorate --text x --reason nonsense", "(reason): nonsense"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(arguments, sizeof arguments, "%s %ld %s", wrong[i].act, number, wrong[i].more);
        assert_int_equal(leadbus(POLICE, arguments, output), 65);
        if (!strstr(output, wrong[i].says)) fail_msg("%s: %s", arguments, output);
    }
    snprintf(arguments, sizeof arguments, "close %ld --wait 20 --outcome no-case", number);
    assert_int_equal(leadbus(POLICE, arguments, output), 65); /* needs its reason */
    assert_non_null(strstr(output, "receipt.text"));
    snprintf(arguments, sizeof arguments,
             "close %ld --wait 20 --outcome unfounded --text 'guardian confirmed'", number);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "show %ld", wait_for(SCHOOL, "receipt.closed"));
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "guardian confirmed"));
    state_is(POLICE, number, "closed");
    due_says(POLICE, "en", number, NULL);
    /* The timeline has what was said in the acts, and who said it. */
    snprintf(arguments, sizeof arguments, "thread %s", thread_id);
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "there"));
    assert_non_null(strstr(output, "found"));
    assert_non_null(strstr(output, "guardian confirmed"));
    assert_non_null(strstr(output, "officer A7"));
    /* An answer says which thread it is on. */
    must(SCHOOL, "inbox", output);
    snprintf(arguments, sizeof arguments, "  %s", thread_id);
    assert_non_null(strstr(output, "thread: "));
    assert_non_null(strstr(output, arguments));
    snprintf(arguments, sizeof arguments, "thread %s --json", thread_id);
    json_t *thread = must_json(SCHOOL, arguments, output);
    assert_string_equal(json_string_value(json_object_get(thread, "status")), "closed");
    assert_int_equal(json_array_size(json_object_get(thread, "timeline")), 5);
    json_decref(thread);
}

/* Shows a message until what is to come of it has come. */
static void show_until(size_t agent, const char *id, const char *wanted, char output[OUTPUT_LEN])
{
    char arguments[64];
    snprintf(arguments, sizeof arguments, "show %s --json", id);
    for (int i = 0; i < 400; i++)
        if (leadbus(agent, arguments, output) == 0 && strstr(output, wanted)) return;
    fail_msg("no %s: %s", wanted, output);
}

/* The police pass a report on: its new unit reads the original, as the sender signed it, but who
 * told stays with the police. One had a copy before, one had nothing. */
static void what_is_passed_on_is_read_by_its_new_unit(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[256], id[37];
    static const struct {
        size_t agent;
        const char *unit;
    } targets[] = {{PROCURATORATE, "procuratorate"}, {OFFICE, "joint-conference-office"}};
    for (size_t i = 0; i < 2; i++) {
        size_t target = targets[i].agent;
        json_t *sent = must_json(SCHOOL,
                                 "send lead.mandatory-report --json --wait 20 --file report.json "
                                 "--set full.what='needle passed on' --set reporter.name=Informant",
                                 output);
        snprintf(id, sizeof id, "%s", json_string_value(json_object_get(sent, "thread")));
        json_decref(sent);
        show_until(POLICE, id, "Informant", output);
        snprintf(arguments, sizeof arguments, "sign %s --wait 20", id);
        must(POLICE, arguments, output);
        snprintf(arguments, sizeof arguments, "transfer %s --wait 20 --reason agreed --text theirs",
                 id);
        assert_int_equal(leadbus(POLICE, arguments, output), 77); /* to whom? */
        assert_non_null(strstr(output, "target_not_allowed"));
        snprintf(arguments, sizeof arguments,
                 "transfer %s --wait 20 --reason agreed --text theirs --to %s", id,
                 targets[i].unit);
        must(POLICE, arguments, output);
        show_until(target, id, "needle passed on", output);
        assert_null(strstr(output, "Informant"));
        if (!strstr(output, "\"state\": \"delivered\"")) fail_msg("%s", output);
        snprintf(arguments, sizeof arguments, "sign %s --wait 20", id);
        must(target, arguments, output);
        snprintf(arguments, sizeof arguments, "accept %s --wait 20 --set reference_number=P-1", id);
        must(target, arguments, output);
        snprintf(arguments, sizeof arguments, "close %s --wait 20 --outcome done", id);
        assert_int_equal(leadbus(POLICE, arguments, output), 75); /* theirs no more */
        must(target, arguments, output);
        snprintf(arguments, sizeof arguments, "thread %s --json", id);
        json_t *thread = must_json(target, arguments, output);
        assert_string_equal(json_string_value(json_object_get(thread, "status")), "closed");
        json_decref(thread);
        snprintf(arguments, sizeof arguments, "thread %s", id);
        must(target, arguments, output); /* whom it was passed on to, and why, in words */
        if (!strstr(output, "Agreed with that unit \u2192 ")) fail_msg("%s", output);
        assert_non_null(strstr(output, "transferred: Agreed with that unit"));
    }
}

/* The sender objects to a closing; the office decides, and it goes on. */
static void an_objection_is_decided_by_the_office(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[256], id[37];
    json_t *sent =
        must_json(SCHOOL, "send lead.mandatory-report --json --wait 20 --file report.json", output);
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(sent, "thread")));
    json_decref(sent);
    show_until(POLICE, id, "summary", output);
    static const char *const acts[] = {"sign", "accept", "close"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(arguments, sizeof arguments, "%s %s --wait 20%s", acts[i], id,
                 i == 2 ? " --outcome unfounded" : "");
        must(POLICE, arguments, output);
    }
    (void)wait_for(SCHOOL, "receipt.closed");
    snprintf(arguments, sizeof arguments, "thread %s", id);
    for (int i = 0; i < 400 && !strstr(output, "unfounded"); i++) must(SCHOOL, arguments, output);
    snprintf(arguments, sizeof arguments, "object %s --wait 20 --text 'nobody went there'", id);
    must(SCHOOL, arguments, output);
    (void)wait_for(OFFICE, "receipt.objected");
    /* Who supervises lists the threads that it was told of, without a word of what they say. */
    must(PROCURATORATE, "threads --json", output);
    if (!strstr(output, id) || strstr(output, "needle")) fail_msg("%s", output);
    snprintf(arguments, sizeof arguments,
             "reopen %s --wait 20 --reason not-handled --text 'go there'", id);
    assert_int_equal(leadbus(SCHOOL, arguments, output), 77);
    must(OFFICE, arguments, output);
    (void)wait_for(POLICE, "supervision.reopening");
    snprintf(arguments, sizeof arguments, "close %s --wait 20 --outcome case-opened", id);
    must(POLICE, arguments, output);
}

/* The police extend a term, the office stops and starts the clocks and puts the thread on its list;
 * what goes out goes on record. The office is told of the thread by the bus. */
static void terms_are_extended_paused_and_resumed(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[512], id[37];
    json_t *sent =
        must_json(SCHOOL, "send lead.mandatory-report --json --wait 20 --file report.json", output);
    snprintf(id, sizeof id, "%s", json_string_value(json_object_get(sent, "thread")));
    json_decref(sent);
    show_until(POLICE, id, "summary", output);
    snprintf(arguments, sizeof arguments, "extend %s --reason complex --text more", id);
    assert_int_equal(leadbus(POLICE, arguments, output), 77); /* no term to close runs yet */
    assert_non_null(strstr(output, "deadline_over"));
    snprintf(arguments, sizeof arguments, "sign %s --wait 20", id);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "accept %s --wait 20", id);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "extend %s --wait 20 --reason complex --text more", id);
    must(POLICE, arguments, output);
    assert_int_equal(leadbus(POLICE, arguments, output), 77); /* once */
    assert_non_null(strstr(output, "extension_not_allowed"));

    /* An urge has legs as well, and they are not what is paused. */
    snprintf(arguments, sizeof arguments, "urge %s --wait 20 --reason close", id);
    must(OFFICE, arguments, output);
    snprintf(arguments, sizeof arguments, "pause %s --wait 20 --reason awaiting-result", id);
    assert_int_equal(leadbus(POLICE, arguments, output), 77);
    must(OFFICE, arguments, output);
    (void)wait_for(POLICE, "supervision.pausing");
    snprintf(arguments, sizeof arguments, "show %s", id);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", arguments, output), 0);
    if (!strstr(output, "计时已中止")) fail_msg("%s", output);
    snprintf(arguments, sizeof arguments, "resume %s --wait 20 --reason cause-ended", id);
    must(POLICE, arguments, output);
    assert_int_equal(leadbus(POLICE, arguments, output), 75); /* they run */
    assert_non_null(strstr(output, "its clocks are not paused"));
    snprintf(arguments, sizeof arguments, "resume %s --message %s --reason cause-ended", id, id);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", arguments, output), 75);
    if (!strstr(output, "计时没有中止")) fail_msg("%s", output);

    snprintf(arguments, sizeof arguments, "go-out %s --set summary.channel=other-district", id);
    if (leadbus(POLICE, arguments, output) != 65 || !strstr(output, "summary.content"))
        fail_msg("%s", output);
    snprintf(arguments, sizeof arguments,
             "go-out %s --wait 20 --set summary.channel=other-district --set "
             "summary.content=minimum --set summary.left_on=2026-03-02 --set "
             "full.external_reference=X-1 --set full.receiver=them --set "
             "full.left_at=2026-03-02T16:00:00+08:00 --set full.handed_by=Li",
             id);
    must(POLICE, arguments, output);
    snprintf(arguments, sizeof arguments, "thread %s", id);
    must(POLICE, arguments, output);
    assert_non_null(strstr(output, "gone out"));

    snprintf(arguments, sizeof arguments, "supervise %s --reason unsolved", id);
    if (leadbus(OFFICE, arguments, output) != 65 || !strstr(output, "lift-case"))
        fail_msg("%s", output);
    snprintf(arguments, sizeof arguments,
             "supervise %s --wait 20 --topic case --reason unsolved --set reference_number=D-1 "
             "--set case_number=C-1 --set condition=solved",
             id);
    must(OFFICE, arguments, output);
    (void)wait_for(POLICE, "supervision.listing");
    snprintf(arguments, sizeof arguments, "thread %s --json", id);
    json_t *thread = must_json(POLICE, arguments, output);
    assert_true(json_is_true(json_object_get(thread, "listed")));
    assert_int_equal(json_integer_value(json_object_get(thread, "urgency_raised")), 2);
    json_decref(thread);
    snprintf(arguments, sizeof arguments, "thread %s", id);
    assert_int_equal(agents_run_in(&agents, POLICE, "zh", arguments, output), 0);
    if (!strstr(output, "已挂牌督办，未办事项按紧急程度 2 计时")) fail_msg("%s", output);
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
    assert_int_equal(leadbus(SCHOOL, "send handoff.victim --file report.json", output), 64);
    assert_non_null(strstr(output, "the file is of kind lead.mandatory-report"));
    assert_int_equal(leadbus(SCHOOL, "send no.such-kind --set a.b=1", output), 65);
    assert_int_equal(leadbus(SCHOOL, "preview handoff.victim", output), 77);
    assert_non_null(strstr(output, "sender_not_allowed"));
    assert_int_equal(leadbus(SCHOOL, "show 999999", output), 66);
    assert_int_equal(leadbus(SCHOOL, "show", output), 64);
    assert_int_equal(leadbus(SCHOOL, "show abc", output), 64);
    assert_int_equal(leadbus(SCHOOL, "status --lang fr", output), 64);
    assert_int_equal(leadbus(SCHOOL, "inbox -n 0", output), 64);
    assert_int_equal(leadbus(SCHOOL, "send lead.online --file report.json --officer 'a b'", output),
                     64);
    assert_int_equal(
        leadbus(SCHOOL, "send lead.mandatory-report --file report.json -O 'a b'", output), 65);
    assert_non_null(strstr(output, "officer"));
    assert_int_equal(leadbus(SCHOOL, "status --agent /nowhere.sock", output), 69);
    assert_non_null(strstr(output, "nobody answers on this socket"));
    /* A template is no message; what is wrong with --json is JSON. */
    must(SCHOOL, "send handoff.service-referral --template --topic legal-aid > blank.json", output);
    must(SCHOOL, "send lead.mandatory-report --template > blank.json", output);
    assert_int_equal(leadbus(SCHOOL, "send --file blank.json", output), 65);
    assert_non_null(strstr(output, "a blank of the template"));
    assert_int_equal(leadbus(SCHOOL, "preview handoff.victim --json", output), 77);
    json_t *problem = json_loads(output, JSON_DISABLE_EOF_CHECK, NULL); /* words come behind it */
    assert_non_null(problem);
    assert_string_equal(json_string_value(json_object_get(problem, "code")), "sender_not_allowed");
    json_decref(problem);
}

/* Details are sentences in the reader's language; the code stays what it is. */
static void a_clerk_reads_errors_in_chinese(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    static const struct {
        size_t agent;
        const char *arguments, *detail, *code;
    } rows[] = {
        {SCHOOL, "preview anomaly.marriage", "区教育局不能发送“婚姻登记疑似情形”",
         "sender_not_allowed"},
        {SCHOOL, "preview handoff.service-referral --topic legalaid", "legal-aid 法律援助",
         "topic_unknown"},
        {SCHOOL, "send no.such", "leadbus kinds", "kind_unknown"},
        {SCHOOL, "send lead.mandatory-report", "须有此部分", "missing_field"},
        {SCHOOL, "send lead.mandatory-report -f report.json --set summary.danger=some",
         "可填：immediate 正处于危险", "bad_value"},
        {SCHOOL, "send lead.mandatory-report -f report.json --set full.nick=x", "没有这个字段",
         "unknown_field"},
        {SCHOOL, "send lead.mandatory-report -f report.json --area 12", "应为 6、9 或 12 位数字",
         "area_unknown"},
        {SCHOOL, "show 999999", "不在收件箱中", "not_found"},
        {SCHOOL, "show abc", "收件序号", "usage"},
        {SCHOOL, "thread 00000000-0000-4000-8000-000000000000", "本单位没有这条线索", "not_found"},
        {SCHOOL, "status --agent /nowhere.sock", "此套接字无人应答", "agent_unreachable"},
        {SCHOOL, "nonsense", "没有这个命令", "usage"},
        {POLICE, "close 1 --outcome unfounded", "本单位办理已结束：已办结", "lifecycle_order"},
        {PROCURATORATE, "sign 1", "抄送单位不能签收", "lifecycle_role"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_not_equal(agents_run_in(&agents, rows[i].agent, "zh", rows[i].arguments, output),
                             0);
        if (!strstr(output, rows[i].detail) || !strstr(output, rows[i].code))
            fail_msg("%s: %s", rows[i].arguments, output);
    }
}

/* A second report, urged: who must sign is urged, who had a copy gets a copy. */
static void copies_of_a_thread_get_copies_of_an_urge(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[128];
    json_t *report =
        must_json(SCHOOL, "send lead.mandatory-report --json --wait 20 --file report.json", output);
    snprintf(arguments, sizeof arguments, "urge %s --reason sign --wait 20",
             json_string_value(json_object_get(report, "id")));
    json_decref(report);
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "urged"));
    long before = wait_for(POLICE, "supervision.urge"); /* of the terms above */
    state_is(POLICE, agents_wait_after(&agents, POLICE, "supervision.urge", before), "to sign");
    long number = wait_for(PROCURATORATE, "supervision.urge");
    state_is(PROCURATORATE, number, "copy");
    snprintf(arguments, sizeof arguments, "sign %ld", number);
    assert_int_equal(leadbus(PROCURATORATE, arguments, output), 77);

    /* The list shows how the matter stands, not the urge: it is signed for, the matter is not; then
     * it is the other way round. */
    static const struct {
        const char *act, *of, *leg;
    } steps[] = {{"sign", "supervision.urge", "delivered"},
                 {"sign", "lead.mandatory-report", "signed"}};
    for (size_t i = 0; i < 2; i++) {
        long newest = 0;
        json_t *list = must_json(POLICE, "inbox --json -n 200", output);
        const json_t *items = json_object_get(list, "items");
        for (size_t k = 0; k < json_array_size(items); k++) {
            const json_t *one = json_array_get(items, k);
            long at = (long)json_integer_value(json_object_get(one, "number"));
            if (strcmp(json_string_value(json_object_get(one, "kind")), steps[i].of) == 0 &&
                at > newest)
                newest = at;
        }
        json_decref(list);
        snprintf(arguments, sizeof arguments, "%s %ld --wait 20", steps[i].act, newest);
        must(POLICE, arguments, output);
        list = must_json(POLICE, "threads --json -n 1", output);
        assert_string_equal(json_string_value(json_object_get(
                                json_array_get(json_object_get(list, "items"), 0), "leg")),
                            steps[i].leg);
        json_decref(list);
    }
}

/* The joint-conference office has no message of the thread: its agent asks the bus for the headers,
 * shows how far each unit is, nothing of what was said, and urges. */
static void the_office_urges_on_a_thread_that_it_is_not_on(void **state)
{
    (void)state;
    static const char nowhere[] = "00000000-0000-4000-8000-000000000001";
    static char output[OUTPUT_LEN];
    char arguments[256], thread[37];
    long before = wait_for(POLICE, "supervision.urge"); /* those of the tests before */
    before = agents_wait_after(&agents, POLICE, "supervision.urge", before);
    json_t *report = must_json(
        SCHOOL,
        "send lead.mandatory-report --json --wait 20 --file report.json --set full.what=unheard",
        output);
    snprintf(thread, sizeof thread, "%s", json_string_value(json_object_get(report, "id")));
    json_decref(report);

    snprintf(arguments, sizeof arguments, "thread %s --json", thread);
    json_t *seen = must_json(OFFICE, arguments, output);
    assert_null(strstr(output, "unheard"));
    assert_int_equal(json_array_size(json_object_get(seen, "timeline")), 0);
    const json_t *legs = json_object_get(seen, "legs");
    assert_int_equal(json_array_size(legs), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(legs, 0), "unit")),
                        "police-hedong");
    json_decref(seen);

    snprintf(arguments, sizeof arguments, "urge %s --reason sign --wait 20", thread);
    must(OFFICE, arguments, output);
    long number = agents_wait_after(&agents, POLICE, "supervision.urge", before);
    snprintf(arguments, sizeof arguments, "show %ld --json", number);
    json_t *urge = must_json(POLICE, arguments, output);
    assert_string_equal(json_string_value(json_object_get(urge, "from")),
                        "joint-conference-office");
    assert_string_equal(json_string_value(json_object_get(urge, "thread")), thread);
    json_decref(urge);

    /* There is no more than there is. */
    snprintf(arguments, sizeof arguments, "thread %s", nowhere);
    assert_int_equal(leadbus(OFFICE, arguments, output), 66);
    snprintf(arguments, sizeof arguments, "urge %s --reason sign", nowhere);
    assert_int_equal(leadbus(OFFICE, arguments, output), 66);
}

/* The street office is that of the area; contents about another street are remarked on. */
static void another_street_in_the_contents_is_told(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    must(SCHOOL, "preview lead.mandatory-report -f report.json", output);
    assert_null(strstr(output, "another street"));
    must(SCHOOL, "preview lead.mandatory-report -f report.json --area 120102001", output);
    assert_non_null(strstr(output, "another street"));
    json_t *answer = must_json(
        SCHOOL, "preview lead.mandatory-report -f report.json --area 120102001 --json", output);
    const json_t *flags = json_object_get(answer, "flags");
    assert_int_equal(json_array_size(flags), 1);
    assert_string_equal(json_string_value(json_array_get(flags, 0)), "area_differs");
    json_decref(answer);
}

/* Units that have published no key are named before, at and after sending. */
static void who_cannot_read_yet_is_named(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[64];
    must(SCHOOL, "kinds lead.online --example > online.json", output);
    must(SCHOOL, "preview lead.online -f online.json", output);
    assert_non_null(strstr(output, "has no key yet"));
    json_t *sent = must_json(SCHOOL, "send lead.online -f online.json --json --wait 20", output);
    const json_t *unkeyed = json_object_get(sent, "unkeyed");
    assert_int_equal(json_array_size(unkeyed), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(unkeyed, 0), "unit")),
                        "cyberspace");
    snprintf(arguments, sizeof arguments, "show %s",
             json_string_value(json_object_get(sent, "id")));
    json_decref(sent);
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, "has no key yet"));
}

static void a_clerk_finds_kinds_lists_and_the_next_step(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    must(SCHOOL, "kinds lead.mandatory-report", output);
    assert_non_null(strstr(output, "any unit; this unit may send it"));
    assert_non_null(strstr(output, "* full.what"));
    assert_non_null(strstr(output, "immediate              in danger now"));
    assert_non_null(strstr(output, "copies may open it"));
    must(SCHOOL, "kinds handoff.service-referral", output);
    assert_non_null(strstr(output, "legal-aid"));
    assert_non_null(strstr(output, "this unit may not send it"));
    must(SCHOOL, "outbox", output);
    assert_non_null(strstr(output, "receipted"));
    must(SCHOOL, "outbox --state refused", output);
    assert_non_null(strstr(output, "nothing there"));
    must(SCHOOL, "threads -n 1", output);
    assert_non_null(strstr(output, "there are older ones"));
    must(SCHOOL, "inbox -n 1", output);
    assert_non_null(strstr(output, "leadbus inbox --before"));
    assert_int_equal(leadbus(POLICE, "doctor", output), 1);
    assert_non_null(strstr(output, "wait to be signed for"));
    assert_non_null(strstr(output, "-> leadbus inbox"));
    must(SCHOOL, "complete topics handoff.service-referral", output);
    assert_non_null(strstr(output, "schooling\n"));
    must(SCHOOL, "complete outcomes", output);
    assert_non_null(strstr(output, "unfounded\n"));
    must(SCHOOL, "complete reasons return", output);
    assert_non_null(strstr(output, "not-competent\n"));
    must(SCHOOL, "complete reasons urge", output);
    assert_non_null(strstr(output, "sign\n"));
    must(SCHOOL, "complete fields lead.mandatory-report summary.danger=", output);
    assert_non_null(strstr(output, "summary.danger=immediate\n"));
    must(SCHOOL, "complete fields receipt.progress", output);
    assert_non_null(strstr(output, "step=\n"));
    /* Taken, and the receipt not waited for to its end: neither done nor wrong. */
    assert_int_equal(leadbus(SCHOOL, "send lead.mandatory-report -f report.json --wait 0", output),
                     3);
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

static void the_shell_completes_from_the_agent(void **state)
{
    (void)state;
    char command[4 * PATH_LEN];
    char socket[PATH_LEN];
    agents_path(&agents, SCHOOL, "sock", socket);
    snprintf(command, sizeof command,
             "'%s/tests/scenario/completion.sh' '%s/clients/cli' '%s' '%s'", LEADBUS_SOURCE_DIR,
             LEADBUS_SOURCE_DIR, LEADBUS_CLI, socket);
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

/* The inbox number of a message once it is there. */
static long wait_for_id(size_t agent, const char *id)
{
    static char output[OUTPUT_LEN];
    char arguments[96];
    long after = 0;
    for (int turn = 0; turn < 100; turn++) {
        snprintf(arguments, sizeof arguments, "inbox --json --wait 20 --after %ld", after);
        json_t *answer = must_json(agent, arguments, output);
        const json_t *items = json_object_get(answer, "items");
        bool found = false;
        if (!json_array_size(items)) fail_msg("%s did not arrive", id);
        for (size_t i = 0; i < json_array_size(items) && !found; i++) {
            const json_t *item = json_array_get(items, i);
            const char *own = json_string_value(json_object_get(item, "id"));
            found = own && strcmp(own, id) == 0;
            after = (long)json_integer_value(json_object_get(item, "number"));
        }
        json_decref(answer);
        if (found) return after;
    }
    fail();
    return 0;
}

/* Two reports about one child: whoever reads both is told, also after a restart; who has the
 * summaries alone is not. */
static void the_same_number_in_two_threads_is_told(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char ids[2][37], arguments[128], wanted[128];
    for (size_t i = 0; i < 2; i++) {
        json_t *sent = must_json(SCHOOL,
                                 "send lead.mandatory-report --json --wait 20 --file report.json "
                                 "--set full.persons[0].id_number=11010519491231002X",
                                 output);
        snprintf(ids[i], sizeof ids[i], "%s", json_string_value(json_object_get(sent, "id")));
        json_decref(sent);
    }
    snprintf(wanted, sizeof wanted, "identity number: also in thread %s", ids[0]);
    snprintf(arguments, sizeof arguments, "show %s", ids[1]);
    must(SCHOOL, arguments, output);
    assert_non_null(strstr(output, wanted));
    snprintf(arguments, sizeof arguments, "show %ld", wait_for_id(POLICE, ids[1]));
    for (size_t i = 0; i < 2; i++) {
        must(POLICE, arguments, output);
        assert_non_null(strstr(output, ids[1]));
        assert_non_null(strstr(output, wanted));
        must(POLICE, "inbox", output);
        assert_non_null(strstr(output, "same number in 1 thread"));
        assert_int_equal(agents_run_in(&agents, POLICE, "zh", "inbox", output), 0);
        assert_non_null(strstr(output, "另有 1 条线索出现相同号码"));
        if (i > 0) break;
        process_kill(&agents.processes[POLICE]);
        agents_start(&agents, POLICE);
    }
    snprintf(arguments, sizeof arguments, "show %ld --json", wait_for_id(PROCURATORATE, ids[1]));
    json_t *copy = must_json(PROCURATORATE, arguments, output);
    assert_string_equal(json_string_value(json_object_get(copy, "id")), ids[1]);
    assert_null(json_object_get(copy, "same_number"));
    json_decref(copy);
}

/* The sections that a preview promises to a unit. */
static json_t *promised(const json_t *preview, const char *unit)
{
    json_t *sections = json_object();
    const json_t *recipients = json_object_get(preview, "recipients");
    const json_t *contents = json_object_get(preview, "contents");
    for (size_t i = 0; i < json_array_size(recipients); i++) {
        const json_t *one = json_array_get(recipients, i);
        const json_t *names = json_object_get(one, "sections");
        if (strcmp(json_string_value(json_object_get(one, "unit")), unit) != 0) continue;
        for (size_t s = 0; s < json_array_size(names); s++) {
            const char *name = json_string_value(json_array_get(names, s));
            assert_non_null(json_object_get(contents, name));
            json_object_set(sections, name, json_object_get(contents, name));
        }
    }
    return sections;
}

/* What the sender is shown before is what each recipient has afterwards, to the letter. */
static void what_a_preview_shows_is_what_each_recipient_reads(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[128];
    must(SCHOOL, "outbox --json", output);
    json_t *before = json_loads(output, 0, NULL);
    json_t *preview =
        must_json(SCHOOL, "send lead.mandatory-report --preview --json -f report.json", output);
    must(SCHOOL, "send --preview -f report.json", output);
    const char *full = strstr(output, "will read:");
    assert_non_null(full);
    const char *copies = strstr(full + 1, "will read:");
    assert_non_null(copies);
    assert_null(strstr(copies + 1, "will read:")); /* those who read the same stand together */
    json_t *said = json_object_get(json_object_get(preview, "contents"), "full");
    const char *what = json_string_value(json_object_get(said, "what"));
    const char *place = strstr(full, what);
    assert_true(place && place < copies); /* and the copies have no such words */
    assert_null(strstr(copies, what));
    assert_non_null(strstr(output, "Nothing was sent."));
    assert_int_equal(agents_run_in(&agents, SCHOOL, "zh", "send --preview -f report.json", output),
                     0);
    assert_non_null(strstr(output, "将读到："));
    /* It refuses what sending would. */
    assert_int_equal(leadbus(SCHOOL, "send lead.mandatory-report --preview", output), 65);
    assert_int_equal(leadbus(SCHOOL, "send --preview --wait 5 -f report.json", output), 64);
    must(SCHOOL, "outbox --json", output);
    json_t *after = json_loads(output, 0, NULL);
    assert_true(json_equal(before, after)); /* nothing left */
    json_t *sent = must_json(SCHOOL, "send --json --wait 20 -f report.json", output);
    const char *id = json_string_value(json_object_get(sent, "id"));
    static const struct {
        size_t agent;
        const char *unit;
        size_t sections;
    } readers[] = {{POLICE, "police-hedong", 3}, {PROCURATORATE, "procuratorate", 1}};
    for (size_t i = 0; i < 2; i++) {
        snprintf(arguments, sizeof arguments, "show %ld --json", wait_for_id(readers[i].agent, id));
        json_t *shown = must_json(readers[i].agent, arguments, output);
        json_t *wanted = promised(preview, readers[i].unit);
        assert_int_equal(json_object_size(wanted), readers[i].sections);
        assert_true(json_equal(wanted, json_object_get(shown, "sections")));
        json_decref(wanted);
        json_decref(shown);
    }
    json_decref(sent);
    json_decref(before);
    json_decref(after);
    json_decref(preview);
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

/* The last test: the plan changes. New programs may have an older plan than they know acts. */
static void an_act_that_the_plan_does_not_have_is_told_as_that(void **state)
{
    (void)state;
    static char output[OUTPUT_LEN];
    char arguments[128];
    json_t *report =
        must_json(SCHOOL, "send lead.mandatory-report --json --wait 20 --file report.json", output);
    snprintf(arguments, sizeof arguments, "withdraw %s --reason duplicate",
             json_string_value(json_object_get(report, "id")));
    json_decref(report);
    agents.town.act_left_out = "withdraw";
    town_write_bundle(&agents.town, 2);
    process_signal(&agents.town.broker, SIGHUP);
    assert_int_equal(process_stop(&agents.processes[SCHOOL], PROCESS_DEADLINE_MS), 0);
    agents_start(&agents, SCHOOL);
    assert_int_equal(leadbus(SCHOOL, arguments, output), 65);
    if (!strstr(output, "has no kind that does withdraw") || !strstr(output, "[kind_unknown]"))
        fail_msg("%s", output);
    assert_int_equal(agents_run_in(&agents, SCHOOL, "zh", arguments, output), 65);
    if (!strstr(output, "没有“撤回”的种类：请授权机构签发")) fail_msg("%s", output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preview_cites_a_clause_for_every_recipient),
        cmocka_unit_test(a_report_is_sent_once_and_receipted),
        cmocka_unit_test(each_unit_reads_what_its_row_says),
        cmocka_unit_test(acts_follow_the_lifecycle_to_the_end),
        cmocka_unit_test(what_is_passed_on_is_read_by_its_new_unit),
        cmocka_unit_test(an_objection_is_decided_by_the_office),
        cmocka_unit_test(terms_are_extended_paused_and_resumed),
        cmocka_unit_test(wrong_input_is_refused_with_its_path),
        cmocka_unit_test(a_clerk_reads_errors_in_chinese),
        cmocka_unit_test(copies_of_a_thread_get_copies_of_an_urge),
        cmocka_unit_test(the_office_urges_on_a_thread_that_it_is_not_on),
        cmocka_unit_test(another_street_in_the_contents_is_told),
        cmocka_unit_test(who_cannot_read_yet_is_named),
        cmocka_unit_test(a_clerk_finds_kinds_lists_and_the_next_step),
        cmocka_unit_test(the_shell_completes_from_the_agent),
        cmocka_unit_test(the_api_is_as_documented),
        cmocka_unit_test(a_token_opens_the_port_and_nothing_else_does),
        cmocka_unit_test(an_agent_killed_keeps_what_it_took),
        cmocka_unit_test(the_same_number_in_two_threads_is_told),
        cmocka_unit_test(what_a_preview_shows_is_what_each_recipient_reads),
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(a_wrong_bundle_file_is_named),
        cmocka_unit_test(an_act_that_the_plan_does_not_have_is_told_as_that),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
