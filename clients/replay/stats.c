/* stats: the assessment, recomputed from the journal alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"
#include "proto/plan/assess_form.h"
#include "proto/plan/day.h"

struct stats {
    unsigned by;
    uint64_t from_ms, until_ms;
    const char *unit; /* NULL: all */
    const struct plan *plan;
    struct assess *assess;
    bool publish;
};

/* ---- what is wanted -----------------------------------------------------------------------------
 */

static int read_period(const struct command_options *options, struct stats *stats)
{
    stats->from_ms = 0;
    stats->until_ms = UINT64_MAX;
    if (options->from && !day_parse(options->from, &stats->from_ms))
        return out_usage(T("--from %s：应为日期，如 2026-01-01", "--from %s: a day as 2026-01-01"),
                         options->from);
    if (options->until && !day_parse(options->until, &stats->until_ms))
        return out_usage(
            T("--until %s：应为日期，如 2026-04-01", "--until %s: a day as 2026-04-01"),
            options->until);
    if (stats->from_ms >= stats->until_ms)
        return out_usage(T("--from 应早于 --until", "--from is to be before --until"));
    return 0;
}

static void add_leg(void *ctx, const struct core_leg *leg)
{
    struct stats *stats = ctx;
    if (stats->unit && strcmp(stats->unit, leg->unit) != 0) return;
    const struct assess_leg one = {.unit = leg->unit,
                                   .kind = leg->kind,
                                   .clause = leg->clause,
                                   .since_ms = leg->since_ms,
                                   .clocks = leg->clocks};
    assess_add(stats->assess, &one);
}

/* ---- names --------------------------------------------------------------------------------------
 */

static const char *unit_label(const struct stats *stats, const char *key)
{
    uint16_t unit = stats->plan ? plan_unit_find(stats->plan, key) : PLAN_UNIT_NONE;
    const struct plan_unit *row = unit == PLAN_UNIT_NONE ? NULL : plan_unit(stats->plan, unit);
    return row ? T(row->name_zh, row->name_en) : key;
}

static const char *kind_label(const struct stats *stats, const char *slug)
{
    const struct plan_kind *kind = stats->plan ? plan_kind_find(stats->plan, slug) : NULL;
    return kind ? T(kind->name_zh, kind->name_en) : slug;
}

/* ---- forms --------------------------------------------------------------------------------------
 */

static json_t *row_json(const struct stats *stats, const struct assess_row *row)
{
    struct buf text = {0};
    assess_json(row, stats->by, stats->publish, &text);
    json_t *object = json_loadb((const char *)text.data, text.len, 0, NULL);
    CHECK(object != NULL);
    buf_fini(&text);
    return object;
}

static void print_csv(const struct stats *stats, const struct assess_row *rows, size_t count)
{
    struct buf text = {0};
    assess_csv_head(&text);
    for (size_t i = 0; i < count; i++) assess_csv(&rows[i], stats->publish, &text);
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

static void print_row(const struct stats *stats, const struct assess_row *row)
{
    struct buf text = {0};
    bool named = false;
    fputs("  ", stdout);
    if (stats->by & ASSESS_BY_UNIT)
        named = printf("%s（%s）", unit_label(stats, row->unit), row->unit) > 0;
    if (stats->by & ASSESS_BY_CLAUSE)
        named = printf(T("%s任务 %s", "%stask %s"), named ? "  " : "",
                       row->clause[0] ? row->clause : "-") > 0;
    if (stats->by & ASSESS_BY_KIND)
        (void)printf("%s%s", named ? "  " : "", kind_label(stats, row->kind));
    putchar('\n');
    assess_words(row, stats->publish, i18n_lang(), &text);
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

static void print_rows(const struct stats *stats, const struct audit *audit,
                       const struct assess_row *rows, size_t count)
{
    char last[I18N_TIME_LEN];
    printf(T("考核（日志 %s，截至 %s，共 %llu 条记录）\n",
             "Assessment (journal %s, as of %s, %llu records)\n"),
           audit_origin(audit), out_time(audit_totals(audit)->last_ms, last),
           (unsigned long long)audit_totals(audit)->size);
    for (size_t i = 0; i < count; i++) print_row(stats, &rows[i]);
    if (count == 0) puts(T("  此期间没有承办事项", "  nothing began in this period"));
}

int command_stats(struct command_options *options)
{
    struct audit *audit = NULL;
    struct stats stats = {.by = ASSESS_BY_UNIT, .unit = options->unit};
    const struct assess_row *rows;
    stats.publish = options->publish;
    struct error error = {0};
    int status = 0;
    if (options->by && assess_by_parse(options->by, &stats.by, &error) < 0)
        status = out_usage("--by %s", error_detail(&error, i18n_lang()));
    if (status == 0) status = read_period(options, &stats);
    if (status == 0 && options->csv && options->json)
        status = out_usage(T("--csv 与 --json 只能选一", "--csv or --json, not both"));
    if (status == 0) status = command_walk(options, AUDIT_FOLD, NULL, NULL, NULL, &audit);
    if (status != 0) return status;
    const struct trust_bundle *bundle = audit_bundle(audit);
    stats.plan = bundle ? trust_bundle_plan(bundle) : NULL;
    stats.assess = assess_new(stats.by, stats.from_ms, stats.until_ms);
    core_legs(audit_core(audit), stats.from_ms, stats.until_ms, add_leg, &stats);
    size_t count = assess_rows(stats.assess, &rows);
    if (options->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) json_array_append_new(list, row_json(&stats, &rows[i]));
        out_json(json_pack("{s:s, s:I, s:I, s:b, s:o}", "origin", audit_origin(audit),
                           "record_count", (json_int_t)audit_totals(audit)->size, "last_ms",
                           (json_int_t)audit_totals(audit)->last_ms, "publishable",
                           (int)stats.publish, "rows", list));
    } else if (options->csv) {
        print_csv(&stats, rows, count);
    } else {
        print_rows(&stats, audit, rows, count);
    }
    assess_free(stats.assess);
    audit_free(audit);
    return 0;
}
