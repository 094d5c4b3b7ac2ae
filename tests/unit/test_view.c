/* Ways of looking at a plan: names as people type them, figures, and what changes between two
 * plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clients/plan/view/diff.h"
#include "clients/plan/view/graph_inner.h"
#include "clients/plan/view/lookup.h"
#include "clients/plan/view/markup.h"
#include "clients/plan/view/stats.h"
#include "tests/lib/plan_files.h"

/* ---- names ------------------------------------------------------------------------------------
 */

static void finds_unit(const struct plan *plan, const char *text, const char *key)
{
    struct error error = {0};
    uint16_t unit = 0;
    int r = lookup_unit(plan, "--from", text, LANG_ZH, &unit, &error);
    if (r < 0) fail_msg("%s: %s", text, error.detail);
    assert_string_equal(plan_unit(plan, unit)->key, key);
}

/* The refusal names each of the hints. */
static void misses_unit(const struct plan *plan, const char *text, enum lang lang,
                        const char *const *hints)
{
    struct error error = {0};
    uint16_t unit = 7;
    assert_int_equal(lookup_unit(plan, "--from", text, lang, &unit, &error), E_UNIT_UNKNOWN);
    assert_int_equal(unit, 7);
    assert_string_equal(error.field, "--from");
    for (size_t i = 0; hints[i]; i++) {
        if (!strstr(error.detail, hints[i])) fail_msg("%s: %s", text, error.detail);
    }
}

static void units_are_found_by_what_people_type(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    finds_unit(plan, "civil-affairs", "civil-affairs");
    finds_unit(plan, "区民政局", "civil-affairs");
    finds_unit(plan, "天津市河东区民政局", "civil-affairs");
    finds_unit(plan, "民政", "civil-affairs");
    finds_unit(plan, "district civil affairs bureau", "civil-affairs");
    finds_unit(plan, "CIVIL-AFFAIRS", "civil-affairs");
    finds_unit(plan, "大直沽", "st-dazhigu");
    finds_unit(plan, "公安", "police-hedong");
    misses_unit(plan, "police", LANG_EN,
                (const char *[]){"several", "police-hedong", "traffic-police-hedong", NULL});
    misses_unit(plan, "区卫建委", LANG_ZH, (const char *[]){"是否指", "区卫健委（health）", NULL});
    misses_unit(plan, "civil-afairs", LANG_EN,
                (const char *[]){"did you mean", "(civil-affairs)", NULL});
    misses_unit(plan, "procuratroate", LANG_EN, (const char *[]){"(procuratorate)", NULL});
    misses_unit(plan, "xyzzyxyzzy", LANG_EN, (const char *[]){"no \"xyzzyxyzzy\"", NULL});
    misses_unit(plan, "区", LANG_ZH, (const char *[]){"没有“区”", NULL});
    misses_unit(plan, "", LANG_ZH, (const char *[]){"没有“”", NULL});
    misses_unit(plan, "\xff\xe5\x8c", LANG_ZH, (const char *[]){"没有", NULL});
    char text[4096];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    misses_unit(plan, text, LANG_ZH, (const char *[]){"没有“xxxx", NULL});
    plan_free(plan);
}

static void a_unit_that_was_merged_is_found_exactly_or_not(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    plan_files_load(&files);
    plan_files_replace(&files, "units.tsv", "天津市河东区城市管理委员会\tbureau\t-\t-\t-",
                       "天津市河东区城市管理委员会\tbureau\t-\t-\thousing");
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    finds_unit(plan, "urban-management", "urban-management");
    finds_unit(plan, "区城管委", "urban-management");
    misses_unit(plan, "城管", LANG_ZH, (const char *[]){"没有", NULL});
    plan_free(plan);
    plan_files_free(&files);
}

static void kinds_topics_and_areas_are_found_by_what_people_type(void **unused)
{
    (void)unused;
    struct plan *plan = plan_files_parse();
    struct error error = {0};
    const struct plan_kind *kind = NULL;
    const struct plan_topic *topic = NULL;
    const char *code = NULL;
    static const char *const marriage[] = {"anomaly.marriage", "婚姻登记疑似情形", "婚姻登记",
                                           "marriage", "doubt at a marriage registration"};
    for (size_t i = 0; i < sizeof marriage / sizeof marriage[0]; i++) {
        if (lookup_kind(plan, "KIND", marriage[i], LANG_ZH, &kind, &error) < 0)
            fail_msg("%s: %s", marriage[i], error.detail);
        assert_string_equal(kind->slug, "anomaly.marriage");
    }
    /* exactly a name, though another begins with it */
    assert_int_equal(lookup_kind(plan, "KIND", "missing-child", LANG_ZH, &kind, &error), 0);
    assert_string_equal(kind->slug, "alert.missing-child");
    assert_int_equal(lookup_kind(plan, "KIND", "婚烟", LANG_ZH, &kind, &error), E_KIND_UNKNOWN);
    assert_non_null(strstr(error.detail, "anomaly.marriage"));
    kind = plan_kind_find(plan, "handoff.service-referral");
    assert_int_equal(lookup_topic(kind, "--topic", "法律", LANG_ZH, &topic, &error), 0);
    assert_string_equal(topic->slug, "legal-aid");
    assert_int_equal(lookup_topic(kind, "--topic", "legal-ade", LANG_EN, &topic, &error),
                     E_TOPIC_UNKNOWN);
    assert_non_null(strstr(error.detail, "(legal-aid)"));
    assert_int_equal(lookup_area(plan, "--area", "大直沽", LANG_ZH, &code, &error), 0);
    assert_string_equal(code, "120102002");
    assert_int_equal(lookup_area(plan, "--area", "330106001", LANG_ZH, &code, &error), 0);
    assert_string_equal(code, "330106001"); /* another place is a fact, not a mistake */
    assert_int_equal(lookup_area(plan, "--area", "1201", LANG_ZH, &code, &error), E_AREA_UNKNOWN);
    assert_int_equal(lookup_area(plan, "--area", "街道", LANG_ZH, &code, &error), E_AREA_UNKNOWN);
    assert_non_null(strstr(error.detail, "符合多个"));
    plan_free(plan);
}

static void markup_escapes_what_would_be_markup(void **unused)
{
    (void)unused;
    struct buf buf = {0};
    markup_text(&buf, "区<法>院 & \"a\" 'b'<");
    buf_append_u8(&buf, 0);
    assert_string_equal((const char *)buf.data,
                        "区&lt;法&gt;院 &amp; &quot;a&quot; &#39;b&#39;&lt;");
    buf_fini(&buf);
}

/* ---- pictures ---------------------------------------------------------------------------------
 */

static void wraps(const char *text, int width, const char *const *lines)
{
    struct graph_text wrapped;
    size_t count = 0;
    graph_text_wrap(text, 10, width, &wrapped);
    while (lines[count]) count++;
    assert_int_equal(wrapped.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(wrapped.lines[i], lines[i]);
        assert_true(graph_text_width(wrapped.lines[i], 10) <= width || width < 10);
    }
}

static void text_is_wrapped_between_words_and_characters(void **unused)
{
    (void)unused;
    wraps("", 100, (const char *[]){NULL});
    wraps("区民政局", 100, (const char *[]){"区民政局", NULL});
    wraps("天津市河东区民政局", 40, (const char *[]){"天津市河", "东区民政", "局", NULL});
    wraps("civil affairs bureau", 70, (const char *[]){"civil affairs", "bureau", NULL});
    wraps("DNA（脱氧核糖核酸）检验", 58, (const char *[]){"DNA（脱氧", "核糖核酸）", "检验", NULL});
    wraps("unbreakablewordhere", 60, (const char *[]){"unbreakable", "wordhere", NULL});
    wraps("一二三四五六七八九十", 20, (const char *[]){"一二", "三四", "五六", "七…", NULL});
    wraps("一二", 5, (const char *[]){"一", "二", NULL}); /* narrower than a character */
}

static void a_picture_bears_the_longest_names(void **unused)
{
    (void)unused;
    struct plan_files files;
    struct plan *plan = NULL;
    struct buf name = {0}, svg = {0};
    plan_files_load(&files);
    buf_append_str(&name, "civil-affairs\t");
    for (int i = 0; i < 300; i++) buf_append_str(&name, i % 7 ? "长" : "&");
    buf_append_str(&name, "\t");
    buf_append_u8(&name, 0);
    plan_files_replace(&files, "units.tsv", "civil-affairs\t区民政局\t", (const char *)name.data);
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    for (int streets = 0; streets < 2; streets++) {
        for (size_t kind = 0; kind <= plan_kind_count(plan); kind++) {
            const struct graph_options options = {
                .lang = LANG_ZH, .kind = plan_kind(plan, kind), .streets = streets == 1};
            buf_reset(&svg);
            graph_write(plan, &options, &svg);
            buf_append_u8(&svg, 0);
            assert_non_null(strstr((const char *)svg.data, "</svg>\n"));
        }
    }
    assert_non_null(strstr((const char *)svg.data, "…</text>"));
    assert_non_null(strstr((const char *)svg.data, "长长长&amp;长长"));
    buf_fini(&name);
    buf_fini(&svg);
    plan_free(plan);
    plan_files_free(&files);
}

/* ---- figures ----------------------------------------------------------------------------------
 */

static const struct stats_named *stats_of(const struct plan *plan, const struct stats *stats,
                                          const char *key)
{
    for (size_t i = 0; i < stats->named_count; i++) {
        if (strcmp(plan_named_key(plan, stats->named[i].named), key) == 0) return &stats->named[i];
    }
    fail_msg("no %s", key);
    return NULL;
}

static void stats_count_what_the_plan_says(void **unused)
{
    (void)unused;
    static struct stats stats;
    struct plan *plan = plan_files_parse();
    size_t lead = 0, coop = 0, kinds = 0, never = 0;
    stats_compute(plan, &stats);
    /* Counted by hand in the published text. */
    assert_int_equal(stats.tasks, 73);
    assert_int_equal(stats.tasks_with_coop, 55);
    assert_int_equal(stats.lead_mentions, 138);
    assert_int_equal(stats.coop_mentions, 180);
    assert_int_equal(stats_of(plan, &stats, "police-hedong")->lead, 46);
    assert_int_equal(stats_of(plan, &stats, "police-hedong")->coop, 12);
    assert_int_equal(stats_of(plan, &stats, "civil-affairs")->lead, 24);
    assert_int_equal(stats_of(plan, &stats, "womens-federation")->coop, 30);
    assert_int_equal(stats_of(plan, &stats, "joint-conference-members")->lead, 4);
    assert_int_equal(stats_of(plan, &stats, "street-offices")->lead, 2);
    assert_int_equal(stats.never_lead, 11);
    assert_int_equal(stats.units, 42);
    assert_int_equal(stats.streets, 13);
    for (size_t i = 0; i < stats.named_count; i++) {
        lead += stats.named[i].lead;
        coop += stats.named[i].coop;
        never += !stats.named[i].named.group && !stats.named[i].lead && stats.named[i].coop;
    }
    assert_int_equal(lead, stats.lead_mentions);
    assert_int_equal(coop, stats.coop_mentions);
    assert_int_equal(never, stats.never_lead);
    for (size_t i = 0; i < STATS_FAMILY_COUNT; i++) kinds += stats.families[i];
    assert_int_equal(kinds, plan_kind_count(plan));
    assert_int_equal(stats.kind_count, plan_kind_count(plan));
    plan_free(plan);
}

static void stats_count_recipients_of_a_kind(void **unused)
{
    (void)unused;
    static struct stats stats;
    struct plan_files files;
    struct plan *plan = NULL;
    plan_files_load(&files);
    plan_files_replace(&files, "tasks.tsv", "\n2.6.0.1\t",
                       "\n2.5.5\tcourt\t-\t新增条款\tA new clause\t-\n2.6.0.1\t");
    assert_int_equal(plan_parse(files.parts, PLAN_PART_COUNT, &plan, NULL), 0);
    stats_compute(plan, &stats);
    assert_int_equal(stats.unrouted_count, 1);
    assert_string_equal(stats.unrouted[0]->id, "2.5.5");
    for (size_t i = 0; i < stats.kind_count; i++) {
        const struct stats_kind *row = &stats.kinds[i];
        if (strcmp(row->kind->slug, "anomaly.marriage") == 0) {
            assert_int_equal(row->senders, 1);
            assert_int_equal(row->signs, 1);
            assert_int_equal(row->copies, 1);
        }
        if (strcmp(row->kind->slug, "alert.missing-child") == 0) {
            assert_true(row->sign_street);
            assert_int_equal(row->signs, 13 + 28); /* the streets and the members */
            assert_int_equal(row->copies, 0);
        }
        if (strcmp(row->kind->slug, "receipt.closed") == 0)
            assert_true(row->sign_reference && row->copy_thread && !row->sign_thread);
    }
    plan_free(plan);
    plan_files_free(&files);
}

/* ---- two plans --------------------------------------------------------------------------------
 */

static void put_names(struct buf *buf, const struct diff_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++) buf_printf(buf, "%s%s", i ? "," : "", names[i].key);
}

static void put_side(struct buf *buf, const struct diff_side *side)
{
    if (!side->there)
        buf_append_str(buf, "-");
    else
        buf_printf(buf, "%s%s[%s]%s", side->act == ROUTE_SIGN ? "sign" : "copy",
                   side->primary ? "!" : "", side->sections, side->citation);
}

static void put_scope(struct buf *buf, enum diff_scope scope, const struct diff_name *names,
                      size_t count)
{
    static const char *const words[] = {"all", "of:", "all-but:"};
    buf_append_str(buf, words[scope]);
    put_names(buf, names, count);
}

/* One line a change; lines of tables and names left out. */
static void put_diff(const struct diff *diff, struct buf *buf)
{
    static const char signs[] = "+-~";
    static const char *const causes[] = {"row", "clause", "members", "others"};
    for (size_t i = 0; i < diff->change_count; i++) {
        const struct diff_change *change = &diff->changes[i];
        buf_printf(buf, "%c%s", signs[change->op], change->key);
        if (change->field)
            buf_printf(buf, " %s '%s' '%s'", change->field, change->old_text, change->new_text);
        buf_append_str(buf, "\n");
    }
    for (size_t i = 0; i < diff->route_count; i++) {
        const struct diff_route *route = &diff->routes[i];
        buf_printf(buf, "%s/", route->kind->slug);
        if (route->all_topics)
            buf_append_str(buf, "*");
        else
            put_names(buf, route->topics, route->topic_count);
        buf_printf(buf, " %c", signs[route->op]);
        put_names(buf, route->who, route->who_count);
        buf_append_str(buf, " ");
        put_side(buf, &route->before);
        buf_append_str(buf, " ");
        put_side(buf, &route->after);
        buf_printf(buf, " by %s from ", causes[route->cause]);
        put_scope(buf, route->sender_scope, route->senders, route->sender_count);
        buf_append_str(buf, " in ");
        put_scope(buf, route->area_scope, route->areas, route->area_count);
        buf_append_str(buf, route->partly ? " partly\n" : "\n");
    }
    buf_append_u8(buf, 0);
}

/* Edits of the shipped plan, and everything that changes by them, or a line of it. */
static const struct {
    const char *part, *old, *new;
    const char *wanted;
    bool among_others;
} edits[] = {
    {"routes.tsv", "# kind *:", "# Kind *:", "", false},
    {"routes.tsv", "coop:2.1.3.1=womens-federation\tone\tcopy\tsummary",
     "coop:2.1.3.1=womens-federation\tone\tsign\tsummary,full",
     "anomaly.marriage/* ~womens-federation copy[summary]coop:2.1.3.1=womens-federation "
     "sign[summary,full]coop:2.1.3.1=womens-federation by row from all in all\n",
     false},
    /* The brackets lose a unit: the same row selects nobody. */
    {"tasks.tsv", "2.1.3.1\tcivil-affairs\tpolice-hedong,womens-federation",
     "2.1.3.1\tcivil-affairs\tpolice-hedong",
     "~2.1.3.1 coop 'police-hedong,womens-federation' 'police-hedong'\n"
     "anomaly.marriage/* -womens-federation copy[summary]coop:2.1.3.1=womens-federation - by "
     "clause "
     "from all in all\n",
     false},
    /* A merger alone changes no route. */
    {"units.tsv", "天津市河东区城市管理委员会\tbureau\t-\t-\t-",
     "天津市河东区城市管理委员会\tbureau\t-\t-\thousing",
     "~urban-management successor '' 'housing'\n", false},
    {"units.tsv", "urban-management\t区城管委\t", "urban-management\t区城市管理委\t",
     "~urban-management name_zh '区城管委' '区城市管理委'\n", false},
    {"kinds.tsv", "\tcase\tpolice-hedong\t2.2.4,2.2.2.5",
     "\t365\tpolice-hedong,procuratorate\t2.2.4,2.2.2.5",
     "~handoff.victim retention 'case' '365'\n"
     "~handoff.victim senders 'police-hedong' 'police-hedong,procuratorate'\n",
     false},
    {"topics.tsv", "\nhandoff.service-referral\tschooling\t",
     "\nhandoff.service-referral\tlost\t遗漏\tLost\t-\t-\nhandoff.service-referral\tschooling\t",
     "+handoff.service-referral/lost\n", false},
    /* One of two who sign is taken out: the other one leads. */
    {"routes.tsv",
     "lead.street-minor\t*\talways\tlead:2.1.2.8=civil-affairs\tone\tsign\tsummary,full",
     "lead.street-minor\t*\talways\tlead:2.1.2.8=civil-affairs\tone\tcopy\tsummary",
     "lead.street-minor/* ~civil-affairs sign![summary,full]lead:2.1.2.8=civil-affairs "
     "copy[summary]lead:2.1.2.8=civil-affairs by row from all in all\n"
     "lead.street-minor/* ~police-hedong sign[summary,full,reporter]lead:2.1.2.8=police-hedong "
     "sign![summary,full,reporter]lead:2.1.2.8=police-hedong by others from all-but:civil-affairs "
     "in all\n",
     false},
    /* What only one sender meets. */
    {"routes.tsv",
     "lead.suspected-trafficking\t*\torigin-only\tduty:p3.1.c=joint-conference-office\tone\tcopy"
     "\tsummary",
     "lead.suspected-trafficking\t*\torigin-only\tduty:p3.1.c=joint-conference-"
     "office\tone\tcopy\t-",
     "lead.suspected-trafficking/* ~joint-conference-office "
     "copy[summary]duty:p3.1.c=joint-conference-office copy[]duty:p3.1.c=joint-conference-office "
     "by "
     "row from of:police-hedong in all\n",
     false},
    /* One street without an office: its area alone. */
    {"areas.tsv", "\tst-fuminlu", "\t-",
     "anomaly.enrolment/* -@street copy[summary]duty:street-screening=street-offices - by members "
     "from all in of:120102004\n",
     true},
    /* No member yet on the day that is looked at. */
    {"groups.tsv", "joint-conference-members\thousing\t2022-03-10",
     "joint-conference-members\thousing\t2022-03-11",
     "notice.bulletin/* -housing sign[notice]text:2.1.2.6=joint-conference-members - by members "
     "from all in all\n",
     true},
    /* Whoever refers to it signs in another way. */
    {"routes.tsv", "receipt.closed\t*\talways\tduty:thread\t-\tcopy\t-",
     "receipt.closed\t*\talways\tduty:thread\t-\tsign\treceipt",
     "receipt.closed/* ~@thread copy[]duty:thread sign[receipt]duty:thread by row from all in "
     "all\n",
     false},
};

static void diff_says_what_an_edit_does(void **unused)
{
    (void)unused;
    struct plan *before = plan_files_parse();
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        struct plan_files files;
        struct plan *after = NULL;
        struct error error = {0};
        struct diff diff;
        struct buf text = {0};
        plan_files_load(&files);
        plan_files_replace(&files, edits[i].part, edits[i].old, edits[i].new);
        if (plan_parse(files.parts, PLAN_PART_COUNT, &after, &error) < 0)
            fail_msg("case %zu: %s: %s", i, error.field, error.detail);
        diff_plans(before, after, plan_about(after)->date_ms, &diff);
        put_diff(&diff, &text);
        const char *got = (const char *)text.data;
        bool good = edits[i].among_others ? strstr(got, edits[i].wanted) != NULL
                                          : strcmp(got, edits[i].wanted) == 0;
        if (!good) fail_msg("case %zu:\n%s", i, got);
        diff_fini(&diff);
        buf_fini(&text);
        plan_free(after);
        plan_files_free(&files);
    }
    plan_free(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units_are_found_by_what_people_type),
        cmocka_unit_test(a_unit_that_was_merged_is_found_exactly_or_not),
        cmocka_unit_test(kinds_topics_and_areas_are_found_by_what_people_type),
        cmocka_unit_test(markup_escapes_what_would_be_markup),
        cmocka_unit_test(text_is_wrapped_between_words_and_characters),
        cmocka_unit_test(a_picture_bears_the_longest_names),
        cmocka_unit_test(stats_count_what_the_plan_says),
        cmocka_unit_test(stats_count_recipients_of_a_kind),
        cmocka_unit_test(diff_says_what_an_edit_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
