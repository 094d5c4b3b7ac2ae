/* The plan's tables: what parses, what is refused and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/plan/plan_lint.h"
#include "tests/lib/plan_files.h"

static void plan_of_2022_is_whole(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    struct plan *plan = plan_files_parse();
    assert_int_equal(plan_unit_count(plan), plan_files_count(&files, "units.tsv", NULL));
    assert_int_equal(plan_kind_count(plan), plan_files_count(&files, "kinds.tsv", NULL));
    assert_int_equal(plan_task_count(plan), 73); /* the text of 2022 does not change */
    assert_int_equal(plan_group_find(plan, "street-offices")->member_count,
                     plan_files_count(&files, "units.tsv", "street"));
    plan_files_free(&files);
    assert_true(plan_group_find(plan, "street-offices")->streets);
    assert_false(plan_group_find(plan, "joint-conference-members")->streets);
    assert_string_equal(plan_about(plan)->name, "hedong-2022");
    for (size_t i = 0; i < plan_kind_count(plan); i++) {
        const struct plan_kind *kind = plan_kind(plan, i);
        assert_true(kind->name_zh[0] && kind->name_en[0]);
        for (size_t t = 0; t < kind->topic_count; t++)
            assert_true(kind->topics[t].name_zh[0] && kind->topics[t].name_en[0]);
    }
    assert_int_equal(plan_lint(plan, NULL, NULL), 0);
    plan_free(plan);
}

static void plan_finds_units_kinds_tasks_and_areas(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    for (uint16_t i = 0; i < plan_unit_count(plan); i++)
        assert_int_equal(plan_unit_find(plan, plan_unit(plan, i)->key), i);
    for (size_t i = 0; i < plan_kind_count(plan); i++)
        assert_ptr_equal(plan_kind_find(plan, plan_kind(plan, i)->slug), plan_kind(plan, i));
    for (size_t i = 0; i < plan_task_count(plan); i++)
        assert_ptr_equal(plan_task_find(plan, plan_task(plan, i)->id), plan_task(plan, i));
    static const char *const nobody[] = {"", "police", "police-hedong ", "POLICE-HEDONG"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(plan_unit_find(plan, nobody[i]), PLAN_UNIT_NONE);
        assert_null(plan_kind_find(plan, nobody[i]));
        assert_null(plan_task_find(plan, nobody[i]));
    }
    assert_null(plan_unit(plan, (uint16_t)plan_unit_count(plan)));
    assert_null(plan_unit(plan, PLAN_UNIT_NONE));
    assert_null(plan_area_find(plan, ""));
    assert_null(plan_area_find(plan, "1201"));
    assert_null(plan_area_find(plan, "330106001"));
    assert_string_equal(plan_area_find(plan, "120102013")->code, "120102013");
    assert_string_equal(plan_area_find(plan, "120102013002")->code, "120102013");
    assert_string_equal(plan_area_find(plan, "120102999")->code, "120102");
    plan_free(plan);
}

/* The line on which `text` stands in a table; a line feed in front of it is not part of it. */
static size_t line_of(const char *part, const char *text)
{
    struct plan_files files;
    size_t line = 1;
    plan_files_load(&files);
    const char *table = (const char *)plan_files_part(&files, part)->content.data;
    const char *found = strstr(table, text);
    assert_non_null(found);
    if (text[0] == '\n') found++;
    for (const char *at = table; at < found; at++) line += *at == '\n';
    plan_files_free(&files);
    return line;
}

/* Parses with one change; the refusal of that line says what to do, in both languages. */
static void refused_saying(const char *part, const char *old, const char *new, const char *words,
                           const char *words_zh)
{
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};
    char where[64];
    (void)snprintf(where, sizeof where, "plan/%s:%zu", part, line_of(part, old));
    plan_files_load(&files);
    plan_files_replace(&files, part, old, new);
    int r = plan_parse(files.parts, PLAN_PART_COUNT, &plan, &error);
    if (r != E_BAD_TABLE || strcmp(error.field, where) != 0 || !strstr(error.detail, words) ||
        !strstr(error.detail_zh, words_zh))
        fail_msg("%s: '%s': %s at '%s': '%s' '%s', wanted '%s' '%s'", part, new, error_name(r),
                 error.field, error.detail, error.detail_zh, words, words_zh);
    plan_files_free(&files);
}

static void a_refusal_says_what_to_do(void **unused)
{
    (void)unused;
    refused_saying("areas.tsv", "\tst-fuminlu", "\tst-chunhua",
                   "st-chunhua has area 120102006 in units.tsv, here 120102004",
                   "在 units.tsv 中的 area 为 120102006，此处为 120102004");
    refused_saying("units.tsv", "\ncourt\t区法院", "\ncourt 区法院",
                   "8 fields instead of 9, separated by tabs: nothing for to_confirm",
                   "缺 to_confirm");
    refused_saying("units.tsv", "\ncourt\t", "\ncourt\t-\t", "more than 9 fields", "多于 9 列");
    refused_saying("units.tsv", "天津市河东区人民法院\tcourt", "天津市河东区人民法院\tcastle",
                   "kind castle is not a known word: one of bureau, committee, court,",
                   "kind 不能为“castle”，应为其中之一：bureau,");
    refused_saying("kinds.tsv", "HEALTH,MINOR", "HEALTH,PUPIL", "MINOR, REPORTER, HEALTH",
                   "tag 不能为“PUPIL”");
    refused_saying("tasks.tsv", "2.5.3.2\tcivil-affairs,health\t",
                   "2.5.3.2\tcivil-affairs;health\t", "lists are separated by commas",
                   "以半角逗号分隔");
    refused_saying("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
                   "schooling\t入学就学\tSchooling\t1\tcivil-affairs,police-hedong",
                   "handoff.service-referral is returnable, so no topic of it may have urgency 1: "
                   "write -, or take the flag away",
                   "或去掉 returnable");
}

/* Parses with one change and expects a refusal that names this place. */
static void refused_at(const char *part, const char *old, const char *new, const char *where)
{
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};
    plan_files_load(&files);
    plan_files_replace(&files, part, old, new);
    int r = plan_parse(files.parts, PLAN_PART_COUNT, &plan, &error);
    if (r != E_BAD_TABLE || strcmp(error.field, where) != 0)
        fail_msg("%s: '%s' for '%s': %s at '%s': %s", part, new, old, error_name(r), error.field,
                 error.detail);
    assert_true(error.detail[0] != '\0' && error.detail_zh[0] != '\0');
    assert_null(plan);
    plan_files_free(&files);
}

/* The same, in the row that was changed. */
static void refused(const char *part, const char *old, const char *new)
{
    char where[64];
    (void)snprintf(where, sizeof where, "plan/%s:%zu", part, line_of(part, old));
    refused_at(part, old, new, where);
}

/* Where a table ends whose rows are known only together. */
static size_t last_line(const char *part)
{
    struct plan_files files;
    plan_files_load(&files);
    struct bytes content = plan_files_part(&files, part)->content;
    size_t lines = 0;
    for (size_t i = 0; i < content.len; i++) lines += content.data[i] == '\n';
    plan_files_free(&files);
    return lines;
}

static void plan_refuses_wrong_rows_by_line(void **unused)
{
    (void)unused;
    const char *court =
        "court\t区法院\tDistrict People's Court\t天津市河东区人民法院\tcourt\t-\t-\t-\t-\n";
    char doubled[512];
    (void)snprintf(doubled, sizeof doubled, "%s%s", court, court);
    char where[64];
    (void)snprintf(where, sizeof where, "plan/units.tsv:%zu", line_of("units.tsv", court) + 1);
    refused_at("units.tsv", court, doubled, where);
    refused("units.tsv", "\ncourt\t", "\nCourt\t");
    refused("units.tsv", "\ncourt\t", "\n\t");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt");
    refused("units.tsv", "\ncourt\t", "\ncourt\t-\t");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt\t区\xff院");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt\t区\xed\xa0\x80院");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt\t\xc0\xaf");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt\t区法院\r");
    refused("units.tsv", "\ncourt\t区法院", "\ncourt\t 区法院");
    refused("units.tsv", "key\tname_zh", "key\tname_de");
    refused("units.tsv", "key\tname_zh", "name_zh\tname_zh");
    (void)snprintf(where, sizeof where, "plan/units.tsv:%zu", last_line("units.tsv"));
    refused_at("units.tsv", "bureau\t-\tpolice", "bureau\t-\t-", where);
    refused("units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
            "天津市河东区人民法院\tcourt\t-\tpolice\t-\t-");
    refused("units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
            "天津市河东区人民法院\tcourt\t-\t-\tcourt\t-");
    refused("units.tsv", "天津市河东区人民法院\tcourt\t-\t-\t-\t-",
            "天津市河东区人民法院\tcourt\t-\t-\tnobody\t-");
    refused("units.tsv", "天津市河东区人民法院\tcourt", "天津市河东区人民法院\tcastle");
    refused("areas.tsv", "120102005", "120102004");
    refused("areas.tsv", "\tst-fuminlu", "\tcourt");
    refused("areas.tsv", "\tst-fuminlu", "\tst-chunhua");
    refused("groups.tsv", "\thousing\t2022-03-10", "\thousing\t2022-02-29");
    refused("groups.tsv", "\thousing\t2022-03-10\t-", "\thousing\t2022-03-10\t2022-03-10");
    refused("groups.tsv", "\thousing\t", "\tcourt\t");
    refused("groups.tsv", "\thousing\t", "\thouse\t");
    refused("tasks.tsv", "\n2.1.3.2\t", "\n2.1.3.1\t");
    refused("tasks.tsv", "\n2.1.3.2\t", "\n2.1.3.02\t");
    refused("tasks.tsv", "\n2.1.2.8\tcivil-affairs,", "\n2.1.2.8\tcivil-affairs,,");
    refused("tasks.tsv", "\n2.1.2.8\tcivil-affairs,", "\n2.1.2.8\tcivil-affairs,civil-affairs,");
    refused("tasks.tsv", "\n2.1.2.8\tcivil-affairs,", "\n2.1.2.8\tcivil-affairs,education,");
    refused("tasks.tsv", "\n2.1.2.8\tcivil-affairs,", "\n2.1.2.8\tnobody,");
    refused("duties.tsv", "p3.1.b\t", "p3.1.a\t");
    refused("kinds.tsv", "anomaly.birth\t", "anomaly.marriage\t");
    refused("kinds.tsv", "anomaly.birth\t", "oddity.birth\t");
    refused("kinds.tsv", "HEALTH,MINOR", "HEALTH,MINORS");
    refused("kinds.tsv", "summary:BirthSummary:copy,", "summary:BirthSummary:copy,full:BirthFull,");
    refused("kinds.tsv", "summary:BirthSummary:copy", "summary:BirthSummary:copies");
    refused("kinds.tsv", "summary:BirthSummary:copy", "summary");
    refused("kinds.tsv", "sensitive,last-resort,exempt\tphoto", "sensitive,returnable\tphoto");
    refused("kinds.tsv", "deliver,sign,close\tconfirmed,", "sign,deliver,close\tconfirmed,");
    refused("kinds.tsv", "deliver,sign,close\tconfirmed,", "deliver,sign\tconfirmed,");
    refused("kinds.tsv", "\tconfirmed,not-confirmed,", "\tconfirmed,not-competent,");
    refused("kinds.tsv", "\tconfirmed,not-confirmed,", "\tconfirmed,,");
    refused("kinds.tsv", "photo,document\t365\thealth", "photo,papers\t365\thealth");
    refused("kinds.tsv", "photo,document\t365\thealth", "photo,photo\t365\thealth");
    refused("kinds.tsv", "photo,document\t365\thealth", "none,photo\t365\thealth");
    refused("kinds.tsv", "photo,document\t365\thealth", "-\t365\thealth");
    refused("kinds.tsv", "photo,document\t365\thealth", "document,location\t365\thealth");
    refused("kinds.tsv", "photo,document\t365\thealth",
            "photo,document,media,location,photo\t365\thealth");
    static const char *const retentions[] = {
        "-", "0", "0365", "365d", "36501", "100000", "-1", "forever", "99999999999999999999"};
    for (size_t i = 0; i < sizeof retentions / sizeof retentions[0]; i++) {
        char changed[64];
        (void)snprintf(changed, sizeof changed, "photo,document\t%s\thealth", retentions[i]);
        refused("kinds.tsv", "photo,document\t365\thealth", changed);
    }
    refused("kinds.tsv", "2.1.3.1,2.1.3.4,2.1.2.5,2.4.2.1", "2.1.3.1,2.1.3.9");
    refused("topics.tsv", "anomaly.birth\tmother-unknown", "anomaly.birth\tassumed-identity");
    refused("topics.tsv", "alert.missing-child\tissue", "anomaly.marriage\tissue");
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t3\tcivil-affairs,police-hedong"); /* no more pressing
                                                                                  than the kind */
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t0\tcivil-affairs,police-hedong");
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t1\tcivil-affairs,police-hedong"); /* may be returned */
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t2x\tcivil-affairs,police-hedong");
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t-\tcourt"); /* may not send the kind */
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t-\tany");
    refused("topics.tsv", "schooling\t入学就学\tSchooling\t-\tcivil-affairs,police-hedong",
            "schooling\t入学就学\tSchooling\t-\tnobody");
    refused("routes.tsv", "handoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
            "handoff.victim\t*\talways\tlead:2.2.9=civil-affairs");
    refused("routes.tsv", "handoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
            "handoff.victim\t*\talways\tlead:2.2.4=nobody");
    refused("routes.tsv", "handoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
            "handoff.victim\t*\talways\thead:2.2.4=civil-affairs");
    refused("routes.tsv", "handoff.victim\t*\talways\tlead:2.2.4=civil-affairs",
            "handoff.victim\t*\talways\ttext:2.2.4");
}

static void plan_says_what_may_be_attached_and_for_how_long_it_is_kept(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    plan_files_load(&files);
    plan_files_replace(&files, "kinds.tsv", "photo,document\t365\thealth",
                       "location,media,document,photo\t36500\thealth");
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    plan_files_free(&files);
    const struct plan_kind *birth = plan_kind_find(plan, "anomaly.birth");
    assert_int_equal(birth->attachments, PLAN_ATTACHMENT_PHOTO | PLAN_ATTACHMENT_DOCUMENT |
                                             PLAN_ATTACHMENT_MEDIA | PLAN_ATTACHMENT_LOCATION);
    assert_int_equal(birth->retention_days, PLAN_RETENTION_DAYS_MAX);
    const struct plan_kind *urge = plan_kind_find(plan, "supervision.urge");
    assert_int_equal(urge->attachments, 0);
    assert_int_equal(urge->retention_days, 180);
    assert_int_equal(plan_kind_find(plan, "handoff.victim")->retention_days, PLAN_RETENTION_CASE);
    plan_free(plan);
}

static void plan_keeps_least_knowledge_whatever_the_table_says(void **unused)
{
    (void)unused;
    /* a copy may not open what is not marked copy */
    refused("routes.tsv", "coop:2.1.3.1=womens-federation\tone\tcopy\tsummary",
            "coop:2.1.3.1=womens-federation\tone\tcopy\tsummary,full");
    /* the reporter goes to the police alone */
    refused("routes.tsv", "lead:2.1.2.8=civil-affairs\tone\tsign\tsummary,full",
            "lead:2.1.2.8=civil-affairs\tone\tsign\tsummary,full,reporter");
    refused("routes.tsv", "duty:readdress=joint-conference-office\tone\tcopy\tcopies",
            "duty:readdress=joint-conference-office\tone\tcopy\tall");
    refused("kinds.tsv", "full:BirthFull", "full:BirthFull:copy+police");
    /* small groups are named only where copies are meant to know */
    refused("kinds.tsv", "full:BirthFull", "full:BirthFull:small-group");
    /* the conclusion of a blood match is said by the police alone */
    refused("kinds.tsv", "HEALTH,MINOR", "HEALTH,DNA-RESULT");
    /* a lead never expires */
    refused("kinds.tsv", "none\tsensitive,last-resort,exempt\tphoto",
            "none\tmay-expire,last-resort\tphoto");
}

static void plan_wants_every_part_once(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};
    plan_files_load(&files);
    for (size_t i = 0; i < PLAN_PART_COUNT; i++) {
        struct plan_part parts[PLAN_PART_COUNT + 1];
        memcpy(parts, files.parts, PLAN_PART_COUNT * sizeof *parts);
        parts[PLAN_PART_COUNT] = parts[i];
        assert_int_equal(plan_parse(parts, PLAN_PART_COUNT + 1, &plan, &error), E_BAD_TABLE);
        assert_string_equal(error.field, files.parts[i].name);
        parts[PLAN_PART_COUNT].name = "directory"; /* others are no concern of ours */
        assert_int_equal(plan_parse(parts, PLAN_PART_COUNT + 1, &plan, &error), 0);
        plan_free(plan);
        plan = NULL;
        parts[i].name = "plan/other.tsv";
        assert_int_equal(plan_parse(parts, PLAN_PART_COUNT, &plan, &error), E_BAD_TABLE);
        assert_string_equal(error.field, files.parts[i].name);
    }
    assert_int_equal(plan_parse(NULL, 0, &plan, &error), E_BAD_TABLE);
    assert_null(plan);
    plan_files_free(&files);
}

/* Every prefix (of a long table a good part of them) is refused or, at a line end, may parse: never
 * more than that. */
static void plan_survives_truncation_anywhere(void **unused)
{
    (void)unused;
    struct plan_files files;
    plan_files_load(&files);
    for (size_t i = 0; i < PLAN_PART_COUNT; i++) {
        struct plan_part parts[PLAN_PART_COUNT];
        size_t full = files.parts[i].content.len;
        memcpy(parts, files.parts, sizeof parts);
        for (size_t len = 0; len < full; len += len % 7 + 1 + full / 2048) {
            struct plan *plan = NULL;
            struct error error = {0};
            parts[i].content.len = len;
            int r = plan_parse(parts, PLAN_PART_COUNT, &plan, &error);
            bool line_end = len > 0 && parts[i].content.data[len - 1] == '\n';
            if (!line_end) assert_int_equal(r, E_BAD_TABLE);
            if (r < 0) assert_int_equal(r, E_BAD_TABLE);
            if (r < 0) assert_non_null(strstr(error.field, "plan/"));
            plan_free(plan);
        }
    }
    plan_files_free(&files);
}

/* Any byte changed: an error or a plan, never a crash (run under the sanitizers too). */
static void plan_survives_any_changed_byte(void **unused)
{
    (void)unused;
    static const uint8_t bytes[] = {0x00, '\t', '\n', ',', ':', '=', '-', 0x80, 0xff, '9'};
    struct plan_files files;
    uint32_t random = 12345;
    plan_files_load(&files);
    for (size_t i = 0; i < PLAN_PART_COUNT; i++) {
        uint8_t *data = (uint8_t *)(uintptr_t)files.parts[i].content.data;
        for (size_t n = 0; n < 250; n++) {
            struct plan *plan = NULL;
            random = random * 1664525u + 1013904223u;
            size_t at = (random >> 4) % files.parts[i].content.len;
            uint8_t kept = data[at];
            data[at] = bytes[n % sizeof bytes];
            int r = plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL);
            assert_true(r == 0 || r == E_BAD_TABLE);
            if (r == 0) (void)plan_lint(plan, NULL, NULL);
            plan_free(plan);
            data[at] = kept;
        }
    }
    plan_files_free(&files);
}

static void expect_code(const char *part, const void *data, size_t len, int code)
{
    struct plan_files files;
    struct plan *plan = NULL;
    struct error error = {0};
    plan_files_load(&files);
    plan_files_set(&files, part, data, len);
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, &error), code);
    assert_non_null(strstr(error.field, part));
    plan_files_free(&files);
}

static void plan_bounds_its_tables(void **unused)
{
    (void)unused;
    size_t len = LIMIT_TABLE_BYTES_MAX + 1;
    char *big = malloc(len);
    assert_non_null(big);
    memset(big, 'a', len);
    big[len - 1] = '\n';
    expect_code("units.tsv", big, len, E_TOO_LARGE);
    expect_code("units.tsv", big + 1, len - 1, E_BAD_TABLE); /* one line of 4 MB */
    memset(big, '\t', len - 1);
    expect_code("units.tsv", big + 1, len - 1, E_BAD_TABLE);
    memset(big, '\n', len);
    expect_code("units.tsv", big, len - 1, E_BAD_TABLE);
    memset(big, ',', len - 1);
    expect_code("tasks.tsv", big + 1, len - 1, E_BAD_TABLE);
    expect_code("tasks.tsv", "", 0, E_BAD_TABLE);
    free(big);
    struct buf units = {0};
    struct plan_files files;
    plan_files_load(&files);
    buf_append_bytes(&units, plan_files_part(&files, "units.tsv")->content);
    for (int i = 0; i < LIMIT_UNIT_COUNT_MAX; i++)
        buf_printf(&units, "u%d\t单位\tunit\t-\tbureau\t-\t-\t-\t-\n", i);
    expect_code("units.tsv", units.data, units.len, E_BAD_TABLE);
    buf_fini(&units);
    plan_files_free(&files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_of_2022_is_whole),
        cmocka_unit_test(plan_finds_units_kinds_tasks_and_areas),
        cmocka_unit_test(plan_refuses_wrong_rows_by_line),
        cmocka_unit_test(a_refusal_says_what_to_do),
        cmocka_unit_test(plan_says_what_may_be_attached_and_for_how_long_it_is_kept),
        cmocka_unit_test(plan_keeps_least_knowledge_whatever_the_table_says),
        cmocka_unit_test(plan_wants_every_part_once),
        cmocka_unit_test(plan_survives_truncation_anywhere),
        cmocka_unit_test(plan_survives_any_changed_byte),
        cmocka_unit_test(plan_bounds_its_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
