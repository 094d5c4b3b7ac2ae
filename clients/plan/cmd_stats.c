#include <stdlib.h>
#include <string.h>

#include "clients/plan/tool.h"
#include "clients/plan/view/stats.h"
#include "clients/plan/view/words.h"
#include "proto/base/check.h"

struct stats_options {
    const char *name, *lang;
    bool json;
};

/* ---- for people */

static void number(size_t value, size_t columns)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%zu", value);
    printf("%*s", (int)columns, text);
}

/* A heading right over its numbers. */
static void heading(const char *text, size_t columns)
{
    size_t width = i18n_width(text);
    printf("%*s%s", (int)(width < columns ? columns - width : 0), "", text);
}

static void show_totals(const struct plan *plan, const struct stats *stats)
{
    const struct plan_about *about = plan_about(plan);
    printf("%s  %s\n\n", T(about->title_zh, about->title_en), about->date);
    printf(T("单位 %zu（其中街道 %zu），组 %zu，区划 %zu\n",
             "%zu units (%zu of them street offices), %zu groups, %zu areas\n"),
           stats->units, stats->streets, stats->groups, stats->areas);
    printf(T("条款 %zu（有配合单位的 %zu），负责 %zu 处，配合 %zu 处；职责 %zu\n",
             "%zu clauses (%zu with cooperating units): %zu leading and %zu cooperating mentions; "
             "%zu duties\n"),
           stats->tasks, stats->tasks_with_coop, stats->lead_mentions, stats->coop_mentions,
           stats->duties);
    printf(T("种类 %zu，主题 %zu，路由行 %zu\n", "%zu kinds, %zu topics, %zu recipient rows\n"),
           stats->kind_count, stats->topics, stats->rows);
    for (int family = 0; family < STATS_FAMILY_COUNT; family++)
        printf("%s%s %zu", family ? T("，", ", ") : "  ",
               words_family((enum plan_family)family, i18n_lang()), stats->families[family]);
    (void)putchar('\n');
}

static void show_named(const struct plan *plan, const struct stats *stats)
{
    size_t width = T(24, 64);
    (void)putchar('\n');
    i18n_pad(stdout, T("单位", "Unit"), width);
    heading(T("负责", "leads"), 8);
    heading(T("配合", "coop."), 8);
    heading(T("职责", "duties"), 8);
    heading(T("可发", "sends"), 8);
    heading(T("签收", "signs"), 8);
    heading(T("抄送", "copies"), 8);
    (void)putchar('\n');
    for (size_t i = 0; i < stats->named_count; i++) {
        const struct stats_named *row = &stats->named[i];
        i18n_pad(
            stdout,
            words_of(i18n_lang(), plan_named_zh(plan, row->named), plan_named_en(plan, row->named)),
            width);
        number(row->lead, 8);
        number(row->coop, 8);
        number(row->duties, 8);
        if (!row->named.group) {
            number(row->sends, 8);
            number(row->signs, 8);
            number(row->copies, 8);
        }
        (void)putchar('\n');
    }
    printf(T("从不负责的单位 %zu：", "%zu units never lead: "), stats->never_lead);
    bool any = false;
    for (size_t i = 0; i < stats->named_count; i++) {
        const struct stats_named *row = &stats->named[i];
        if (row->named.group || row->lead > 0 || row->coop == 0) continue;
        printf("%s%s", any ? T("、", ", ") : "",
               words_unit(plan_unit(plan, row->named.index), i18n_lang()));
        any = true;
    }
    (void)putchar('\n');
}

static void put_count(struct buf *buf, size_t count, bool street, bool thread, bool reference)
{
    if (count > 0 || (!street && !thread && !reference)) buf_printf(buf, "%zu", count);
    if (street) buf_printf(buf, "%s%s", buf->len ? "+" : "", T("街道", "street"));
    if (thread) buf_printf(buf, "%s%s", buf->len ? "+" : "", T("线索", "thread"));
    if (reference) buf_printf(buf, "%s%s", buf->len ? "+" : "", T("来件", "sender"));
    buf_append_u8(buf, 0);
}

static void show_kinds(const struct stats *stats)
{
    size_t width = T(40, 56);
    (void)putchar('\n');
    i18n_pad(stdout, T("种类", "Kind"), width);
    heading(T("可发单位", "senders"), 10);
    heading(T("须签收", "sign"), 14);
    heading(T("抄送", "copies"), 14);
    heading(T("主题", "topics"), 8);
    (void)putchar('\n');
    for (size_t i = 0; i < stats->kind_count; i++) {
        const struct stats_kind *row = &stats->kinds[i];
        struct buf signs = {0}, copies = {0};
        put_count(&signs, row->signs, row->sign_street, row->sign_thread, row->sign_reference);
        put_count(&copies, row->copies, row->copy_street, row->copy_thread, row->copy_reference);
        i18n_pad(stdout, words_kind(row->kind, i18n_lang()), width);
        number(row->senders, 10);
        heading((const char *)signs.data, 14);
        heading((const char *)copies.data, 14);
        number(row->kind->topic_count, 8);
        (void)putchar('\n');
        buf_fini(&signs);
        buf_fini(&copies);
    }
    printf(T("没有种类的条款 %zu", "%zu clauses without a kind"), stats->unrouted_count);
    for (size_t i = 0; i < stats->unrouted_count; i++)
        printf("%s%s", i ? T("、", ", ") : T("：", ": "), stats->unrouted[i]->id);
    (void)putchar('\n');
}

/* ---- for programs */

static json_t *named_json(const struct plan *plan, const struct stats_named *row)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", row->named.group ? "group" : "unit",
                  plan_named_key(plan, row->named), "name_zh", plan_named_zh(plan, row->named),
                  "name_en", plan_named_en(plan, row->named), "lead", (json_int_t)row->lead, "coop",
                  (json_int_t)row->coop, "duties", (json_int_t)row->duties);
    if (row->named.group) return object;
    (void)json_object_set_new(object, "sends", json_integer((json_int_t)row->sends));
    (void)json_object_set_new(object, "signs", json_integer((json_int_t)row->signs));
    (void)json_object_set_new(object, "copies", json_integer((json_int_t)row->copies));
    return object;
}

static json_t *side_json(size_t units, bool street, bool thread, bool reference)
{
    return json_pack("{s:I, s:b, s:b, s:b}", "units", (json_int_t)units, "street", street, "thread",
                     thread, "reference", reference);
}

static json_t *kind_json(const struct stats_kind *row)
{
    return json_pack(
        "{s:s, s:s, s:I, s:I, s:o, s:o}", "kind", row->kind->slug, "family",
        plan_family_name(row->kind->family), "senders", (json_int_t)row->senders, "topics",
        (json_int_t)row->kind->topic_count, "sign",
        side_json(row->signs, row->sign_street, row->sign_thread, row->sign_reference), "copy",
        side_json(row->copies, row->copy_street, row->copy_thread, row->copy_reference));
}

static int show_json(const struct plan *plan, const struct stats *stats)
{
    json_t *named = json_array(), *kinds = json_array(), *families = json_object();
    json_t *unrouted = json_array();
    for (size_t i = 0; i < stats->named_count; i++)
        (void)json_array_append_new(named, named_json(plan, &stats->named[i]));
    for (size_t i = 0; i < stats->kind_count; i++)
        (void)json_array_append_new(kinds, kind_json(&stats->kinds[i]));
    for (int family = 0; family < STATS_FAMILY_COUNT; family++)
        (void)json_object_set_new(families, plan_family_name((enum plan_family)family),
                                  json_integer((json_int_t)stats->families[family]));
    for (size_t i = 0; i < stats->unrouted_count; i++)
        (void)json_array_append_new(unrouted, json_string(stats->unrouted[i]->id));
    return tool_print_json(json_pack(
        "{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "plan",
        plan_about(plan)->name, "date", plan_about(plan)->date, "units", (json_int_t)stats->units,
        "streets", (json_int_t)stats->streets, "areas", (json_int_t)stats->areas, "clauses",
        (json_int_t)stats->tasks, "clauses_with_coop", (json_int_t)stats->tasks_with_coop,
        "lead_mentions", (json_int_t)stats->lead_mentions, "coop_mentions",
        (json_int_t)stats->coop_mentions, "duties", (json_int_t)stats->duties, "topics",
        (json_int_t)stats->topics, "rows", (json_int_t)stats->rows, "families", families, "named",
        named, "kinds", kinds, "clauses_without_kind", unrouted));
}

int cmd_stats(int argc, char **argv)
{
    struct stats_options options = {0};
    const struct options_row rows[] = {
        TOOL_OPTION_JSON(&options.json),
        TOOL_OPTION_LANG(&options.lang),
    };
    const struct options_spec spec = {
        "leadbus-plan stats",
        "[选项] [方案]",
        "[options] [PLAN]",
        "方案的数字：条款、各单位负责与配合的次数、种类、接收单位。",
        "A plan in figures: clauses, how often each unit leads and cooperates, kinds, recipients.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    struct tool_plan source;
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &options.lang, 0, 1, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    rc = tool_plan_load(argc > first ? argv[first] : NULL, &source, &error);
    if (rc != 0) return tool_fail(rc, &error);
    struct stats *stats = malloc(sizeof *stats);
    CHECK(stats != NULL);
    int status = 0;
    stats_compute(source.plan, stats);
    if (options.json) {
        status = show_json(source.plan, stats);
    } else {
        show_totals(source.plan, stats);
        show_named(source.plan, stats);
        show_kinds(stats);
    }
    free(stats);
    tool_plan_fini(&source);
    return status;
}
