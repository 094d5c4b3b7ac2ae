/* Lint: the shipped plan is clean, and each way of breaking it is found under its code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/plan/day.h"
#include "proto/plan/plan_lint.h"
#include "tests/lib/plan_files.h"

/* ---- what a plan says of itself ---------------------------------------------------------------
 */

enum { SEEN_COUNT_MAX = 256 };

struct seen {
    struct {
        enum plan_finding_class class;
        char code[48], table[32], subject[224];
        char text_en[PLAN_FINDING_TEXT_LEN_MAX + 1];
        size_t line;
    } rows[SEEN_COUNT_MAX];
    size_t count;
};

static void keep(void *ctx, const struct plan_finding *finding)
{
    struct seen *seen = ctx;
    assert_true(seen->count < SEEN_COUNT_MAX);
    assert_non_null(strstr(finding->text_zh, finding->subject));
    assert_non_null(strstr(finding->text_en, finding->subject));
    assert_int_equal(finding->class == PLAN_FINDING_WAIVED, finding->waiver != NULL);
    seen->rows[seen->count].class = finding->class;
    seen->rows[seen->count].line = finding->line;
    (void)snprintf(seen->rows[seen->count].code, 48, "%s", finding->code);
    (void)snprintf(seen->rows[seen->count].text_en, sizeof seen->rows->text_en, "%s",
                   finding->text_en);
    (void)snprintf(seen->rows[seen->count].table, 32, "%s", finding->table);
    (void)snprintf(seen->rows[seen->count].subject, 224, "%s", finding->subject);
    seen->count++;
}

static bool has(const struct seen *seen, enum plan_finding_class class, const char *code,
                const char *subject, size_t *ret_at)
{
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->rows[i].class != class || strcmp(seen->rows[i].code, code) != 0 ||
            strcmp(seen->rows[i].subject, subject) != 0)
            continue;
        *ret_at = i;
        return true;
    }
    return false;
}

/* Lints the tables of `files`; false and *ret_error where they do not parse. */
static bool lint(const struct plan_files *files, struct seen *seen, struct error *ret_error)
{
    struct plan *plan = NULL;
    memset(seen, 0, sizeof *seen);
    if (plan_parse(files->parts, PLAN_PART_COUNT_MAX, &plan, ret_error) < 0) return false;
    size_t grave = plan_lint(plan, keep, seen);
    for (size_t i = 0; i < seen->count; i++) grave -= seen->rows[i].class == PLAN_FINDING_GRAVE;
    assert_int_equal(grave, 0);
    plan_free(plan);
    return true;
}

static void the_shipped_plan_is_clean(void **unused)
{
    (void)unused;
    static struct seen seen;
    struct plan_files files;
    struct error error = {0};
    size_t waived = 0;
    plan_files_load(&files);
    if (!lint(&files, &seen, &error)) fail_msg("%s: %s", error.field, error.detail);
    for (size_t i = 0; i < seen.count; i++) {
        waived += seen.rows[i].class == PLAN_FINDING_WAIVED;
        if (seen.rows[i].class == PLAN_FINDING_GRAVE || seen.rows[i].class == PLAN_FINDING_NOTE)
            fail_msg("%s:%zu: %s %s: mend it, or waive it in waivers.tsv", seen.rows[i].table,
                     seen.rows[i].line, seen.rows[i].code, seen.rows[i].subject);
    }
    assert_true(waived > 0);
    plan_files_free(&files);
}

/* ---- broken plans -----------------------------------------------------------------------------
 */

/* One edit of the shipped plan, and the finding that it makes. `mark` is a text on the line that is
 * named, after the edit, in the table `where` (NULL: the edited one); NULL: the table as a whole.
 */
static const struct {
    const char *part, *old, *new;
    enum plan_finding_class class;
    const char *code, *subject, *where, *mark;
} broken[] = {
    {"areas.tsv", "\tst-fuminlu", "\t-", PLAN_FINDING_GRAVE, "street-without-area", "st-fuminlu",
     "units.tsv", "\nst-fuminlu\t"},
    {"groups.tsv", "\nstreet-offices\tst-fuminlu\t2022-03-10\t-\t-\t-\t-", "", PLAN_FINDING_GRAVE,
     "street-without-group", "st-fuminlu", "units.tsv", "\nst-fuminlu\t"},
    {"areas.tsv", "\tst-fuminlu", "\t-", PLAN_FINDING_GRAVE, "area-without-street", "120102004",
     NULL, "\n120102004\t"},
    {"units.tsv", "天津市河东区人民法院\tcourt\t-", "天津市河东区人民法院\tcourt\t120102001",
     PLAN_FINDING_GRAVE, "area-without-street", "court", NULL, "\ncourt\t"},
    {"areas.tsv", "\n120102\t", "\n120101\t", PLAN_FINDING_GRAVE, "area-outside", "120101", NULL,
     "\n120101\t"},
    {"units.tsv", "\ncourt\t", "\nidle\t闲置单位\tIdle unit\t-\toffice\t-\t-\t-\t-\ncourt\t",
     PLAN_FINDING_NOTE, "unit-unused", "idle", NULL, "\nidle\t"},
    {"units.tsv", "procuratorate\t区检察院\t", "procuratorate\t区法院\t", PLAN_FINDING_GRAVE,
     "name-duplicated", "procuratorate", NULL, "\nprocuratorate\t"},
    {"groups.tsv", "\t各街道办事处\t", "\t区反拐联席会议各成员单位\t", PLAN_FINDING_GRAVE,
     "name-duplicated", "street-offices", NULL, "\nstreet-offices\t-"},
    {"areas.tsv", "\t富民路街道\t", "\t中山门街道\t", PLAN_FINDING_GRAVE, "name-duplicated",
     "120102004", NULL, "\n120102004\t"},
    {"kinds.tsv", "receipt.accepted\t受理\t", "receipt.accepted\t签收\t", PLAN_FINDING_GRAVE,
     "name-duplicated", "receipt.accepted", NULL, "\nreceipt.accepted\t"},
    {"topics.tsv", "\tlegal-aid\t法律援助\t", "\tlegal-aid\t入学就学\t", PLAN_FINDING_GRAVE,
     "name-duplicated", "handoff.service-referral/legal-aid", NULL,
     "\nhandoff.service-referral\tlegal-aid\t"},
    {"topics.tsv", "\t入学就学\tSchooling\t", "\t入学就学\t-\t", PLAN_FINDING_NOTE,
     "english-missing", "handoff.service-referral/schooling", NULL,
     "\nhandoff.service-referral\tschooling\t"},
    {"routes.tsv", "\tcivil affairs receives and settles", "\t-", PLAN_FINDING_NOTE,
     "english-missing", "handoff.victim lead:2.2.4=civil-affairs", NULL, "\nhandoff.victim\t"},
    {"groups.tsv", "\nstreet-offices\t-", "\nempty\t-\t-\t-\t空组\tEmpty\t-\nstreet-offices\t-",
     PLAN_FINDING_GRAVE, "group-empty", "empty", NULL, "\nempty\t-"},
    {"groups.tsv", "\nstreet-offices\t-",
     "\nlater\t-\t-\t-\t以后\tLater\t-\nlater\tcourt\t2023-01-01\t-\t-\t-\t-\nstreet-offices\t-",
     PLAN_FINDING_GRAVE, "group-empty-on-date", "later", NULL, "\nlater\t-"},
    {"tasks.tsv", "2.5.3.1\tcourt,procuratorate,police-hedong,justice\t", "2.5.3.1\t-\t",
     PLAN_FINDING_GRAVE, "task-without-unit", "2.5.3.1", NULL, "\n2.5.3.1\t"},
    {"tasks.tsv", "2.5.3.2\tcivil-affairs,health\t", "2.5.3.2\t-\t", PLAN_FINDING_GRAVE,
     "task-without-lead", "2.5.3.2", NULL, "\n2.5.3.2\t"},
    {"tasks.tsv", "\n2.6.0.1\t", "\n2.5.5\tcourt\t-\t新增条款\tA new clause\t-\n2.6.0.1\t",
     PLAN_FINDING_NOTE, "clause-without-kind", "2.5.5", NULL, "\n2.5.5\t"},
    {"duties.tsv", "\np3.1.b\t", "\np3.0\tcourt\tplan part three\t新职责\tA new duty\t-\np3.1.b\t",
     PLAN_FINDING_NOTE, "duty-unused", "p3.0", NULL, "\np3.0\t"},
    {"routes.tsv", "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs\tone\tsign\tsummary,full",
     "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs\tone\tcopy\tsummary",
     PLAN_FINDING_GRAVE, "kind-without-sign", "handoff.victim", "kinds.tsv", "\nhandoff.victim\t"},
    {"routes.tsv", "lead:2.3.4.1=education\tone\tsign\tsummary,full",
     "lead:2.3.4.1=education\tone\tcopy\tsummary", PLAN_FINDING_GRAVE, "kind-without-sign",
     "handoff.service-referral/schooling", "topics.tsv", "\nhandoff.service-referral\tschooling\t"},
    {"topics.tsv", "\nhandoff.service-referral\tschooling",
     "\nhandoff.service-referral\tlost\t遗漏\tLost\t-\t-\nhandoff.service-referral\tschooling",
     PLAN_FINDING_GRAVE, "topic-unrouted", "handoff.service-referral/lost", NULL,
     "\nhandoff.service-referral\tlost\t"},
    {"kinds.tsv", "\tcase\tpolice-hedong\t2.2.4,2.2.2.5", "\tcase\tcivil-affairs\t2.2.4,2.2.2.5",
     PLAN_FINDING_GRAVE, "kind-reaches-nobody", "handoff.victim", NULL, "\nhandoff.victim\t"},
    {"kinds.tsv", "\tcase\tpolice-hedong\t2.2.4,2.2.2.5",
     "\tcase\tpolice-hedong,civil-affairs\t2.2.4,2.2.2.5", PLAN_FINDING_NOTE,
     "sender-reaches-nobody", "handoff.victim", NULL, "\nhandoff.victim\t"},
    {"kinds.tsv", "-\taccept\t-\tdocument", "-\tprogress\t-\tdocument", PLAN_FINDING_GRAVE,
     "kind-unanswerable", "lead.suspected-trafficking", NULL, "\nlead.suspected-trafficking\t"},
    {"kinds.tsv", "\tstand-down\texempt,erased\t", "\tstand-down\tmay-expire,exempt,erased\t",
     PLAN_FINDING_NOTE, "exempt-expires", "alert.missing-child-cancel", NULL,
     "\nalert.missing-child-cancel\t"},
    {"kinds.tsv", "\tsensitive,exempt\tphoto,location\t", "\tsensitive\tphoto,location\t",
     PLAN_FINDING_NOTE, "immediate-not-exempt", "lead.street-minor", NULL, "\nlead.street-minor\t"},
    {"routes.tsv", "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
     "\nhandoff.victim\t*\talways\tlead:2.2.4=court", PLAN_FINDING_GRAVE, "selector-empty",
     "handoff.victim lead:2.2.4=court", NULL, "\nhandoff.victim\t"},
    {"groups.tsv", "\njoint-conference-members\thealth\t2022-03-10",
     "\njoint-conference-members\thealth\t2022-03-11", PLAN_FINDING_GRAVE, "selector-not-member",
     "lead.reproductive lead:2.1.3.2=health", "routes.tsv",
     "\nlead.reproductive\t*\talways\tlead:2.1.3.2=health"},
    {"routes.tsv", "text:2.1.2.6=joint-conference-members\tall",
     "text:2.1.2.6=joint-conference-members\tone", PLAN_FINDING_GRAVE, "group-not-expanded",
     "notice.bulletin text:2.1.2.6=joint-conference-members", NULL, "\nnotice.bulletin\t"},
    {"routes.tsv", "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs\tone\tsign\tsummary,full",
     "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs\tone\tsign\tsummary",
     PLAN_FINDING_GRAVE, "signer-cannot-act", "handoff.victim lead:2.2.4=civil-affairs", NULL,
     "\nhandoff.victim\t"},
    {"routes.tsv", "\nanomaly.marriage\t*\talways\tcoop:2.1.3.1=womens-federation",
     "\nanomaly.marriage\t*\talways\tlead:2.1.1=police-hedong\tone\tcopy\tsummary\t再抄送\tcopy"
     "\nanomaly.marriage\t*\talways\tcoop:2.1.3.1=womens-federation",
     PLAN_FINDING_NOTE, "row-shadowed", "anomaly.marriage lead:2.1.1=police-hedong", NULL,
     "\nanomaly.marriage\t*\talways\tlead:2.1.1=police-hedong"},
    {"routes.tsv", "duty:readdress=police-hedong\tone\tsign\tall",
     "duty:readdress=police-hedong\tone\tcopy\tcopies", PLAN_FINDING_GRAVE, "no-fallback", "*",
     NULL, NULL},
    {"units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
     "天津市河东区人民法院\tcourt\t-\t-\t-\tfull_zh", PLAN_FINDING_OPEN, "to-confirm", "court",
     NULL, "\ncourt\t"},
    {"clocks.tsv", "\n4\t-\trelease", "\n-\tnotice.campaign\trelease", PLAN_FINDING_GRAVE,
     "clock-missing", "4/release", NULL, NULL},
    {"chains.tsv", "\nrescue\tdna\tsend\thandoff.dna-conclusion\t-\tpolice-hedong",
     "\nrescue\tdna\tsend\thandoff.dna-conclusion\t-\tcivil-affairs", PLAN_FINDING_GRAVE,
     "step-never-comes", "rescue/dna handoff.dna-conclusion", NULL, "\nrescue\tdna\t"},
    {"chains.tsv", "\nrescue\treceived\taccept\thandoff.victim\t-\tcivil-affairs",
     "\nrescue\treceived\taccept\thandoff.victim\t-\thealth", PLAN_FINDING_GRAVE,
     "step-never-comes", "rescue/received handoff.victim", NULL, "\nrescue\treceived\taccept"},
    {"waivers.tsv", "\nduty-unused\tp3.2\t", "\nduty-unused\tp3.9\t", PLAN_FINDING_NOTE,
     "waiver-unused", "p3.9", NULL, "\nduty-unused\tp3.9\t"},
    {"waivers.tsv", "\nduty-unused\tp3.2\t", "\nkind-without-sign\tp3.2\t", PLAN_FINDING_NOTE,
     "duty-unused", "p3.2", "duties.tsv", "\np3.2\t"},
};
enum { BROKEN_COUNT = sizeof broken / sizeof broken[0] };

/* The line on which `mark` stands; a line feed in front of it is not part of it. */
static size_t line_of(struct plan_files *files, const char *part, const char *mark)
{
    const struct bytes table = plan_files_part(files, part)->content;
    const char *found = memmem(table.data, table.len, mark, strlen(mark));
    size_t line = 1;
    if (!found) fail_msg("%s has no '%s'", part, mark);
    found += mark[0] == '\n';
    for (const char *at = (const char *)table.data; at < found; at++) line += *at == '\n';
    return line;
}

static void lint_finds_each_way_of_breaking_the_plan(void **unused)
{
    (void)unused;
    static struct seen before, after;
    for (size_t i = 0; i < BROKEN_COUNT; i++) {
        struct plan_files files;
        struct error error = {0};
        size_t at = 0;
        plan_files_load(&files);
        assert_true(lint(&files, &before, &error));
        plan_files_replace(&files, broken[i].part, broken[i].old, broken[i].new);
        if (!lint(&files, &after, &error))
            fail_msg("case %zu: %s: %s", i, error.field, error.detail);
        if (has(&before, broken[i].class, broken[i].code, broken[i].subject, &at))
            fail_msg("case %zu: %s %s: found before the edit", i, broken[i].code,
                     broken[i].subject);
        if (!has(&after, broken[i].class, broken[i].code, broken[i].subject, &at))
            fail_msg("case %zu: %s %s: not found", i, broken[i].code, broken[i].subject);
        const char *where = broken[i].where ? broken[i].where : broken[i].part;
        size_t line = broken[i].mark ? line_of(&files, where, broken[i].mark) : 0;
        assert_string_equal(after.rows[at].table + strlen("plan/"), where);
        assert_int_equal(after.rows[at].line, line);
        plan_files_free(&files);
    }
}

/* What to do stands in the finding, where the tables show what was meant. */
static void a_finding_says_what_to_do(void **unused)
{
    (void)unused;
    static const struct {
        const char *part, *old, *new, *code, *text;
    } cases[] = {
        {"areas.tsv", "\n120102004\t富民路街道\tFuminlu Street\tst-fuminlu", "",
         "street-without-area", "no row of areas.tsv gives its area 120102004 to it"},
        {"groups.tsv", "\nstreet-offices\tst-fuminlu\t2022-03-10\t-\t-\t-\t-", "",
         "street-without-group", "add it to one in groups.tsv (street-offices)"},
        {"routes.tsv", "\nhandoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
         "\nhandoff.victim\t*\talways\tcoop:2.2.4=civil-affairs", "selector-empty",
         "civil-affairs leads in 2.2.4: write lead:"},
    };
    static struct seen seen;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct plan_files files;
        struct error error = {0};
        size_t at = 0;
        plan_files_load(&files);
        plan_files_replace(&files, cases[i].part, cases[i].old, cases[i].new);
        if (!lint(&files, &seen, &error)) fail_msg("%s: %s", error.field, error.detail);
        while (at < seen.count && strcmp(seen.rows[at].code, cases[i].code) != 0) at++;
        if (at == seen.count) fail_msg("no %s", cases[i].code);
        if (!strstr(seen.rows[at].text_en, cases[i].text))
            fail_msg("'%s' does not say '%s'", seen.rows[at].text_en, cases[i].text);
        /* one fault, one finding of the unit */
        for (size_t j = 0; j < seen.count; j++)
            if (j != at && strcmp(seen.rows[j].subject, seen.rows[at].subject) == 0)
                fail_msg("%s is found as %s too", seen.rows[at].subject, seen.rows[j].code);
        plan_files_free(&files);
    }
}

/* What no program may act on is refused at once: lint never sees it. */
static void parsing_refuses_what_lint_need_not_find(void **unused)
{
    (void)unused;
    static const struct {
        const char *part, *old, *new, *detail;
    } refused[] = {
        {"units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
         "天津市河东区人民法院\tcourt\t-\t-\tcourt\t-", "circle"},
        {"routes.tsv", "coop:2.1.3.1=womens-federation\tone\tcopy\tsummary",
         "coop:2.1.3.1=womens-federation\tone\tcopy\tsummary,full", "not for copies"},
        {"routes.tsv", "lead:2.1.2.8=civil-affairs\tone\tsign\tsummary,full",
         "lead:2.1.2.8=civil-affairs\tone\tsign\tsummary,full,reporter", "police alone"},
        {"kinds.tsv", "\tsensitive,exempt\tphoto,location\t",
         "\tsensitive,returnable\tphoto,location\t", "never returned"},
        {"kinds.tsv", "\tsensitive,exempt\tphoto,location\t",
         "\tmay-expire,exempt\tphoto,location\t", "never expires"},
        {"waivers.tsv", "\nduty-unused\tp3.2\t", "\nduty-unused\tp3.1.a\t", "waived twice"},
        {"waivers.tsv", "\tproviding funds moves no lead between units", "\t-", "reason_en"},
    };
    static struct seen seen;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct plan_files files;
        struct error error = {0};
        plan_files_load(&files);
        plan_files_replace(&files, refused[i].part, refused[i].old, refused[i].new);
        if (lint(&files, &seen, &error)) fail_msg("case %zu parses", i);
        assert_int_equal(error.code, E_BAD_TABLE);
        if (!strstr(error.detail, refused[i].detail) || !strstr(error.field, refused[i].part))
            fail_msg("case %zu: %s: %s", i, error.field, error.detail);
        plan_files_free(&files);
    }
}

static void a_route_wider_than_the_limit_is_found(void **unused)
{
    (void)unused;
    static struct seen seen;
    struct plan_files files;
    struct error error = {0};
    struct buf units = {0}, members = {0};
    size_t at = 0;
    plan_files_load(&files);
    for (int i = 0; i < LIMIT_RECIPIENT_COUNT_MAX; i++) {
        buf_printf(&units, "u%d\t单位%d\tUnit %d\t-\toffice\t-\t-\t-\t-\n", i, i, i);
        buf_printf(&members, "joint-conference-members\tu%d\t2022-03-10\t-\t-\t-\t-\n", i);
    }
    buf_append_str(&units, "court\t区法院");
    buf_append_u8(&units, 0);
    buf_append_str(&members, "street-offices\t-");
    buf_append_u8(&members, 0);
    plan_files_replace(&files, "units.tsv", "court\t区法院", (const char *)units.data);
    plan_files_replace(&files, "groups.tsv", "street-offices\t-", (const char *)members.data);
    if (!lint(&files, &seen, &error)) fail_msg("%s: %s", error.field, error.detail);
    assert_true(has(&seen, PLAN_FINDING_GRAVE, "route-too-wide", "notice.bulletin", &at));
    buf_fini(&units);
    buf_fini(&members);
    plan_files_free(&files);
}

static void an_empty_calendar_is_found(void **unused)
{
    (void)unused;
    static struct seen seen;
    static const char empty[] = "from\tto\tis\tname_zh\tname_en\tsource\tto_confirm\n";
    struct plan_files files;
    struct error error = {0};
    size_t at = 0;
    plan_files_load(&files);
    plan_files_set(&files, "calendar.tsv", empty, strlen(empty));
    if (!lint(&files, &seen, &error)) fail_msg("%s: %s", error.field, error.detail);
    assert_true(has(&seen, PLAN_FINDING_NOTE, "calendar-without-year", "calendar", &at));
    assert_true(has(&seen, PLAN_FINDING_NOTE, "calendar-without-hours", "calendar", &at));
    plan_files_free(&files);
}

static void every_code_has_a_case(void **unused)
{
    (void)unused;
    const char *code = NULL;
    for (size_t i = 0; (code = plan_lint_code_at(i, NULL)) != NULL; i++) {
        bool found = strcmp(code, "route-too-wide") == 0 ||
                     strncmp(code, "unit-without-", 13) == 0 ||
                     strncmp(code, "calendar-without-", 17) == 0;
        for (size_t j = 0; j < BROKEN_COUNT && !found; j++)
            found = strcmp(broken[j].code, code) == 0;
        if (!found) fail_msg("no broken plan shows %s", code);
    }
}

static void page_lists_every_code(const char *path)
{
    size_t len = 0;
    char *page = plan_files_read(path, &len);
    const char *code = NULL;
    assert_non_null(page);
    for (size_t i = 0; (code = plan_lint_code_at(i, NULL)) != NULL; i++) {
        char line[128] = ".B ";
        size_t at = strlen(line);
        for (const char *c = code; *c; c++) {
            if (*c == '-') line[at++] = '\\';
            line[at++] = *c;
        }
        line[at] = '\0';
        if (!strstr(page, line)) fail_msg("%s does not list %s", path, code);
    }
    free(page);
}

static void the_manual_pages_list_every_code(void **unused)
{
    (void)unused;
    page_lists_every_code(LEADBUS_SOURCE_DIR "/docs/man/leadbus-plan.1");
    page_lists_every_code(LEADBUS_SOURCE_DIR "/docs/man/zh_CN/leadbus-plan.1");
}

static void rows_that_do_something_are_not_called_shadowed(void **unused)
{
    (void)unused;
    static const char *const additions[] = {
        /* more sections than the earlier row */
        "anomaly.marriage\t*\talways\tlead:2.1.3.1=civil-affairs\tone\tcopy\t-\tz\te\n"
        "anomaly.marriage\t*\talways\tlead:2.1.3.1=civil-affairs\tone\tcopy\tsummary",
        /* all streets after the one of the area */
        "anomaly.marriage\t*\talways\tduty:street-vicinity=street-"
        "offices\tone\tcopy\tsummary\tz\te\n"
        "anomaly.marriage\t*\talways\tduty:street-vicinity=street-offices\tall\tcopy\tsummary",
        /* who is left where the sender alone would sign */
        "anomaly.marriage\t*\torigin-only\tcoop:2.1.3.1=police-hedong\tone\tsign\tsummary,full",
    };
    static struct seen seen;
    for (size_t i = 0; i < sizeof additions / sizeof additions[0]; i++) {
        struct plan_files files;
        struct error error = {0};
        char row[512];
        plan_files_load(&files);
        (void)snprintf(row, sizeof row,
                       "\n%s\t理由\treason\nanomaly.birth\t*\talways\tlead:2.1.3.3=police-hedong",
                       additions[i]);
        plan_files_replace(&files, "routes.tsv",
                           "\nanomaly.birth\t*\talways\tlead:2.1.3.3=police-hedong", row);
        if (!lint(&files, &seen, &error)) fail_msg("%s: %s", error.field, error.detail);
        for (size_t j = 0; j < seen.count; j++) {
            if (strcmp(seen.rows[j].code, "row-shadowed") == 0)
                fail_msg("case %zu: %s", i, seen.rows[j].subject);
        }
        plan_files_free(&files);
    }
}

/* ---- keys, and what is open -------------------------------------------------------------------
 */

static void units_without_keys_are_found(void **unused)
{
    (void)unused;
    static struct seen seen;
    struct plan *plan = plan_files_parse();
    struct plan_key_holders holders = {{{0}}, {{0}}};
    size_t at = 0;
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        plan_unit_set_add(&holders.certified, i);
        plan_unit_set_add(&holders.keyed, i);
    }
    assert_int_equal(plan_lint_keys(plan, &holders, keep, &seen), 0);
    assert_int_equal(seen.count, 0);
    uint16_t court = plan_unit_find(plan, "court"), health = plan_unit_find(plan, "health");
    holders.certified.words[court / 64] &= ~((uint64_t)1 << (court % 64));
    holders.keyed.words[health / 64] &= ~((uint64_t)1 << (health % 64));
    assert_int_equal(plan_lint_keys(plan, &holders, keep, &seen), 2);
    assert_int_equal(seen.count, 2);
    assert_true(has(&seen, PLAN_FINDING_GRAVE, "unit-without-certificate", "court", &at));
    assert_int_equal(seen.rows[at].line, plan_unit(plan, court)->line);
    assert_true(has(&seen, PLAN_FINDING_GRAVE, "unit-without-key", "health", &at));
    plan_free(plan);
}

struct open_wanted {
    const struct plan_files *files;
    size_t count, members, retentions;
    bool host, word;
};

/* The value is the day of the row, in both languages. */
static void open_member(const struct plan_files *files, const struct plan_open_item *item)
{
    struct plan_files *all = (struct plan_files *)(uintptr_t)files;
    const char *row = (const char *)plan_files_part(all, "groups.tsv")->content.data;
    char zh[32], en[32];
    for (size_t line = 1; line < item->line; line++) row = strchr(row, '\n') + 1;
    row = strchr(strchr(row, '\t') + 1, '\t') + 1; /* group, member, valid_from */
    (void)snprintf(zh, sizeof zh, "%.10s 起", row);
    (void)snprintf(en, sizeof en, "from %.10s", row);
    if (!strstr(item->value_zh, zh) || !strstr(item->value_en, en))
        fail_msg("groups.tsv:%zu: '%s' and '%s' instead of '%s' and '%s'", item->line,
                 item->value_zh, item->value_en, zh, en);
}

static void open_item(void *ctx, const struct plan_open_item *item)
{
    struct open_wanted *wanted = ctx;
    wanted->count++;
    assert_true(item->line > 0);
    assert_true(item->name_zh[0] && item->name_en[0] && item->what_zh[0] && item->what_en[0]);
    if (strcmp(item->word, "member") == 0) {
        wanted->members++;
        assert_string_equal(item->table, "plan/groups.tsv");
        open_member(wanted->files, item);
    }
    if (strcmp(item->word, "retention") == 0) wanted->retentions++;
    if (strcmp(item->word, "host") == 0 && strcmp(item->table, "plan/units.tsv") == 0)
        wanted->host = strcmp(item->subject, "joint-conference-office") == 0 && !item->value_zh[0];
    if (strcmp(item->word, "own-word") == 0)
        wanted->word = strcmp(item->what_zh, "own-word") == 0 && !item->why_zh[0];
}

static void what_is_open_is_listed_with_its_value(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    struct open_wanted wanted = {.files = &files};
    plan_files_load(&files);
    plan_files_replace(&files, "units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
                       "天津市河东区人民法院\tcourt\t-\t-\t-\tfull_zh,own-word");
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    size_t count = plan_open(plan, open_item, &wanted);
    assert_int_equal(count, wanted.count);
    assert_int_equal(wanted.members, plan_files_count(&files, "groups.tsv", "member"));
    assert_true(wanted.members > 0);
    assert_int_equal(wanted.retentions, plan_kind_count(plan));
    assert_true(wanted.host && wanted.word);
    plan_free(plan);
    plan_files_free(&files);
}

/* ---- days -------------------------------------------------------------------------------------
 */

static void days_go_there_and_back(void **unused)
{
    (void)unused;
    static const char *const days[] = {"1970-01-01", "1970-01-02", "1972-02-29", "1999-12-31",
                                       "2000-02-29", "2022-03-10", "2100-03-01", "2999-12-31"};
    static const char *const wrong[] = {
        "",           "2022-3-10",  "2022-02-29", "2100-02-29", "2022-13-01",  "2022-00-10",
        "2022-01-00", "1969-12-31", "3000-01-01", "2022/03/10", "2022-03-10 ", "２０２２-03-10"};
    char text[DAY_TEXT_LEN];
    uint64_t ms = 0, last = 0;
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        assert_true(day_parse(days[i], &ms));
        day_text(ms, text);
        assert_string_equal(text, days[i]);
        day_text(ms + (i == 0 ? 57599999u : 86399999u), text); /* the first is clamped to UTC */
        assert_string_equal(text, days[i]);
        assert_true(i == 0 || ms > last);
        last = ms;
    }
    assert_true(day_parse("2022-03-10", &ms));
    assert_true(ms == 1646841600000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ms = 7;
        if (day_parse(wrong[i], &ms)) fail_msg("'%s' is taken for a day", wrong[i]);
        assert_true(ms == 7);
    }
    day_text(UINT64_MAX, text);
    assert_string_equal(text, "2999-12-31");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_plan_is_clean),
        cmocka_unit_test(lint_finds_each_way_of_breaking_the_plan),
        cmocka_unit_test(a_finding_says_what_to_do),
        cmocka_unit_test(parsing_refuses_what_lint_need_not_find),
        cmocka_unit_test(a_route_wider_than_the_limit_is_found),
        cmocka_unit_test(an_empty_calendar_is_found),
        cmocka_unit_test(every_code_has_a_case),
        cmocka_unit_test(the_manual_pages_list_every_code),
        cmocka_unit_test(rows_that_do_something_are_not_called_shadowed),
        cmocka_unit_test(units_without_keys_are_found),
        cmocka_unit_test(what_is_open_is_listed_with_its_value),
        cmocka_unit_test(days_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
