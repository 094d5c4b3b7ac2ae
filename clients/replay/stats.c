/* stats: the assessment, recomputed from the journal alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"
#include "proto/plan/assess.h"
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

static int read_by(const char *text, unsigned *ret_by)
{
    static const struct {
        const char *name;
        unsigned bit;
    } words[] = {{"unit", ASSESS_BY_UNIT}, {"task", ASSESS_BY_CLAUSE}, {"kind", ASSESS_BY_KIND}};
    *ret_by = 0;
    while (*text) {
        size_t len = strcspn(text, ","), i = 0;
        while (i < 3 && (strlen(words[i].name) != len || strncmp(words[i].name, text, len) != 0))
            i++;
        if (i == 3)
            return out_usage(T("--by 只有 unit、task、kind，可用逗号并列",
                               "--by takes unit, task and kind, with commas between"));
        *ret_by |= words[i].bit;
        text += len + (text[len] == ',');
    }
    return *ret_by ? 0 : out_usage(T("--by 为空", "--by names nothing"));
}

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

/* ---- columns ------------------------------------------------------------------------------------
 */

enum { COUNT_COLUMNS = 16, TIME_COLUMNS = 3 };
static const char *const count_names[COUNT_COLUMNS] = {
    "received_count",        "signed_count",      "signed_in_time_count", "overdue_count",
    "missed_deliver_count",  "missed_sign_count", "missed_accept_count",  "missed_progress_count",
    "missed_close_count",    "returned_count",    "transferred_count",    "closed_count",
    "ended_otherwise_count", "open_count",        "open_overdue_count",   "extended_count"};
static const char *const time_names[TIME_COLUMNS] = {"sign", "accept", "close"};

static void counts_of(const struct assess_row *row, uint64_t ret[COUNT_COLUMNS])
{
    const uint64_t counts[COUNT_COLUMNS] = {
        row->received,
        row->signed_for,
        row->signed_in_time,
        row->overdue,
        row->missed[PLAN_CLOCK_DELIVER],
        row->missed[PLAN_CLOCK_SIGN],
        row->missed[PLAN_CLOCK_ACCEPT],
        row->missed[PLAN_CLOCK_PROGRESS],
        row->missed[PLAN_CLOCK_CLOSE],
        row->returned,
        row->transferred,
        row->closed,
        row->ended,
        row->open,
        row->open_overdue,
        row->extended,
    };
    memcpy(ret, counts, sizeof counts);
}

static void times_of(const struct assess_row *row, struct assess_times ret[TIME_COLUMNS])
{
    ret[0] = row->to_sign;
    ret[1] = row->to_accept;
    ret[2] = row->to_close;
}

/* Times of few could be anybody's. */
static bool time_hidden(const struct stats *stats, const struct assess_times *times)
{
    return times->count == 0 || (stats->publish && times->count < ASSESS_SMALL);
}

/* ---- forms --------------------------------------------------------------------------------------
 */

static void set_count(const struct stats *stats, json_t *object, const char *name, uint64_t count)
{
    bool hidden = stats->publish && assess_is_small(count);
    json_object_set_new(object, name, hidden ? json_string("<5") : json_integer((json_int_t)count));
}

static json_t *row_json(const struct stats *stats, const struct assess_row *row)
{
    uint64_t counts[COUNT_COLUMNS];
    struct assess_times times[TIME_COLUMNS];
    char name[64];
    json_t *object = json_object();
    counts_of(row, counts);
    times_of(row, times);
    if (stats->by & ASSESS_BY_UNIT) json_object_set_new(object, "unit", json_string(row->unit));
    if (stats->by & ASSESS_BY_CLAUSE) json_object_set_new(object, "task", json_string(row->clause));
    if (stats->by & ASSESS_BY_KIND) json_object_set_new(object, "kind", json_string(row->kind));
    for (size_t i = 0; i < COUNT_COLUMNS; i++) set_count(stats, object, count_names[i], counts[i]);
    for (size_t i = 0; i < TIME_COLUMNS; i++) {
        bool hidden = time_hidden(stats, &times[i]);
        (void)snprintf(name, sizeof name, "%s_median_s", time_names[i]);
        json_object_set_new(object, name, hidden ? json_null() : json_integer(times[i].median_s));
        (void)snprintf(name, sizeof name, "%s_worst_s", time_names[i]);
        json_object_set_new(object, name, hidden ? json_null() : json_integer(times[i].worst_s));
    }
    return object;
}

static void print_csv(const struct stats *stats, const struct assess_row *rows, size_t count)
{
    uint64_t counts[COUNT_COLUMNS];
    struct assess_times times[TIME_COLUMNS];
    fputs("unit,task,kind", stdout);
    for (size_t i = 0; i < COUNT_COLUMNS; i++) printf(",%s", count_names[i]);
    for (size_t i = 0; i < TIME_COLUMNS; i++)
        printf(",%s_median_s,%s_worst_s", time_names[i], time_names[i]);
    putchar('\n');
    for (size_t r = 0; r < count; r++) {
        counts_of(&rows[r], counts);
        times_of(&rows[r], times);
        printf("%s,%s,%s", rows[r].unit, rows[r].clause, rows[r].kind);
        for (size_t i = 0; i < COUNT_COLUMNS; i++) {
            if (stats->publish && assess_is_small(counts[i]))
                fputs(",<5", stdout);
            else
                printf(",%llu", (unsigned long long)counts[i]);
        }
        for (size_t i = 0; i < TIME_COLUMNS; i++) {
            if (time_hidden(stats, &times[i]))
                fputs(",,", stdout);
            else
                printf(",%u,%u", times[i].median_s, times[i].worst_s);
        }
        putchar('\n');
    }
}

/* "3 d 04:05", "04:05:06": what people read. */
static const char *duration(uint32_t seconds, char ret[32])
{
    if (seconds >= 86400)
        (void)snprintf(ret, 32, T("%u天%02u:%02u", "%ud %02u:%02u"), seconds / 86400,
                       seconds % 86400 / 3600, seconds % 3600 / 60);
    else
        (void)snprintf(ret, 32, "%02u:%02u:%02u", seconds / 3600, seconds % 3600 / 60,
                       seconds % 60);
    return ret;
}

static const char *shown(const struct stats *stats, uint64_t count, char ret[24])
{
    if (stats->publish && assess_is_small(count))
        (void)snprintf(ret, 24, "<5");
    else
        (void)snprintf(ret, 24, "%llu", (unsigned long long)count);
    return ret;
}

static void print_time(const struct stats *stats, const char *name,
                       const struct assess_times *times)
{
    char median[32], worst[32];
    if (time_hidden(stats, times)) return;
    printf(T("    %s用时：中位 %s，最长 %s\n", "    %s: median %s, worst %s\n"), name,
           duration(times->median_s, median), duration(times->worst_s, worst));
}

static void print_row(const struct stats *stats, const struct assess_row *row)
{
    char text[10][24];
    bool named = false;
    fputs("  ", stdout);
    if (stats->by & ASSESS_BY_UNIT)
        named = printf("%s（%s）", unit_label(stats, row->unit), row->unit) > 0;
    if (stats->by & ASSESS_BY_CLAUSE)
        named = printf(T("%s任务 %s", "%stask %s"), named ? "  " : "",
                       row->clause[0] ? row->clause : "-") > 0;
    if (stats->by & ASSESS_BY_KIND)
        (void)printf("%s%s", named ? "  " : "", kind_label(stats, row->kind));
    printf(
        T("\n    收到 %s，签收 %s（按时 %s），超期 %s，退回 %s，转办 %s，办结 %s，其他终结 %s，"
          "在办 %s（超期 %s）\n",
          "\n    received %s, signed for %s (in time %s), overdue %s, returned %s, passed on %s, "
          "closed %s, ended otherwise %s, open %s (overdue %s)\n"),
        shown(stats, row->received, text[0]), shown(stats, row->signed_for, text[1]),
        shown(stats, row->signed_in_time, text[2]), shown(stats, row->overdue, text[3]),
        shown(stats, row->returned, text[4]), shown(stats, row->transferred, text[5]),
        shown(stats, row->closed, text[6]), shown(stats, row->ended, text[7]),
        shown(stats, row->open, text[8]), shown(stats, row->open_overdue, text[9]));
    print_time(stats, T("签收", "to sign for it"), &row->to_sign);
    print_time(stats, T("受理", "to accept it"), &row->to_accept);
    print_time(stats, T("办结", "to close it"), &row->to_close);
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
    int status = options->by ? read_by(options->by, &stats.by) : 0;
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
