/* stats: this unit's own figures, and what each was counted from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"
#include "proto/plan/assess_form.h"

struct wanted {
    const char *period, *from, *until, *by, *task, *kind, *why, *limit;
    bool csv;
};

/* ---- figures ------------------------------------------------------------------------------------
 */

/* The agent's row as the assessment has it: printed by the same code as the audit's. */
static struct assess_row row_of(const json_t *row)
{
    struct assess_row ret = {
        .unit = cli_get(row, "unit"), .clause = cli_get(row, "task"), .kind = cli_get(row, "kind")};
    for (size_t i = 0; i < ASSESS_COUNTS; i++) {
        int64_t count = cli_number(row, assess_count_name(i));
        assess_count_set(&ret, i, count > 0 ? (uint64_t)count : 0);
    }
    for (size_t i = 0; i < ASSESS_TIMES; i++) {
        char median[32], worst[32];
        (void)snprintf(median, sizeof median, "%s_median_s", assess_times_name(i));
        (void)snprintf(worst, sizeof worst, "%s_worst_s", assess_times_name(i));
        struct assess_times times = {.count = json_is_integer(json_object_get(row, median)),
                                     .median_s = (uint32_t)cli_number(row, median),
                                     .worst_s = (uint32_t)cli_number(row, worst)};
        assess_times_set(&ret, i, times);
    }
    return ret;
}

static void print_csv(const json_t *answer)
{
    const json_t *rows = json_object_get(answer, "rows");
    struct buf text = {0};
    assess_csv_head(&text);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        struct assess_row row = row_of(json_array_get(rows, i));
        assess_csv(&row, false, &text);
    }
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

static void print_row(const json_t *json, const char *unit)
{
    struct assess_row row = row_of(json);
    struct buf text = {0};
    const char *task = cli_get(json, "task");
    printf("  %s", cli_safe(unit));
    if (json_object_get(json, "task")) {
        printf(T("  任务 %s", "  task %s"), *task ? cli_safe(task) : "-");
        printf(" %s", cli_safe(cli_label(json, "task")));
    }
    if (json_object_get(json, "kind")) printf("  %s", cli_safe(cli_label(json, "kind")));
    putchar('\n');
    assess_words(&row, false, i18n_lang(), &text);
    (void)fwrite(text.data, 1, text.len, stdout);
    buf_fini(&text);
}

/* ---- what they were counted from ----------------------------------------------------------------
 */

static void print_term(const json_t *term)
{
    const char *due = cli_time(term, "due_at");
    printf("      ");
    i18n_pad(stdout, cli_safe(cli_label(term, "term")), 12);
    if (*due) printf(T("应在 %s 前", "before %s"), due);
    const char *at = cli_time(term, "at");
    if (*at) printf(T("%s实际 %s", "%sdone %s"), *due ? T("，", ", ") : "", at);
    if (cli_true(term, "missed")) printf("%s", T("，超期", ", late"));
    if (json_object_get(term, "record"))
        printf(T("（日志记录 %lld）", " (record %lld)"), (long long)cli_number(term, "record"));
    putchar('\n');
}

static void print_counted(const json_t *leg)
{
    const json_t *counted = json_object_get(leg, "counted");
    printf("%s", T("      计入：", "      counted as: "));
    for (size_t i = 0; i < json_array_size(counted); i++) {
        const char *name = json_string_value(json_array_get(counted, i));
        size_t column = 0;
        while (column < ASSESS_COUNTS && name && strcmp(name, assess_count_name(column)) != 0)
            column++;
        printf("%s%s", i ? T("、", ", ") : "", assess_count_text(column, i18n_lang()));
    }
    putchar('\n');
}

static void print_leg(const json_t *leg)
{
    const json_t *terms = json_object_get(leg, "terms");
    const char *task = cli_get(leg, "task");
    printf("  %s  ", cli_time(leg, "since"));
    i18n_pad(stdout, cli_safe(cli_label(leg, "kind")), 28);
    printf(" %s", cli_get(leg, "id"));
    printf(T("  依据 %s", "  under %s"), *task ? cli_safe(task) : "-");
    if (json_object_get(leg, "citation_zh")) printf(" %s", cli_safe(cli_label(leg, "citation")));
    printf("  %s\n", cli_safe(cli_label(leg, "state")));
    for (size_t i = 0; i < json_array_size(terms); i++) print_term(json_array_get(terms, i));
    int64_t paused_s = cli_number(leg, "paused_for_s");
    if (cli_number(leg, "extensions"))
        printf(T("      延期 %lld 次\n", "      extended %lld times\n"),
               (long long)cli_number(leg, "extensions"));
    if (paused_s)
        printf(
            T("      暂停计时 %02lld:%02lld:%02lld\n", "      paused for %02lld:%02lld:%02lld\n"),
            (long long)paused_s / 3600, (long long)paused_s % 3600 / 60, (long long)paused_s % 60);
    if (cli_true(leg, "paused")) printf("      %s\n", T("现在暂停计时", "paused now"));
    print_counted(leg);
}

static void print_answer(const json_t *answer, const struct wanted *wanted)
{
    const json_t *rows = json_object_get(answer, "rows");
    const json_t *legs = json_object_get(answer, "legs");
    const json_t *limits = json_object_get(answer, "limits");
    printf(T("%s的考核数字（截至 %s，日志前 %lld 条记录）\n",
             "Figures of %s (as of %s, the first %lld records of the journal)\n"),
           cli_safe(cli_label(answer, "unit")), cli_time(answer, "as_of"),
           (long long)cli_number(answer, "record_count"));
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_row(json_array_get(rows, i), cli_label(answer, "unit"));
    if (!json_array_size(rows)) puts(T("  此期间没有承办事项", "  nothing began in this period"));
    if (wanted->why) printf(T("由来（%s）：\n", "Counted from (%s):\n"), cli_safe(wanted->why));
    for (size_t i = 0; i < json_array_size(legs); i++) print_leg(json_array_get(legs, i));
    if (wanted->why && !json_array_size(legs)) puts(T("  没有", "  nothing"));
    if (cli_true(answer, "more"))
        puts(T("  还有未列出的：用 -n 增加条数，或缩短期间", "  there are more: -n shows more, or "
                                                             "ask for a shorter period"));
    puts(T("本单位不能得知的：", "What this unit cannot know:"));
    for (size_t i = 0; i < json_array_size(limits); i++) {
        const json_t *limit = json_array_get(limits, i);
        int64_t count = cli_number(limit, "count");
        printf("  ");
        if (count) printf(T("%lld 件：", "%lld: "), (long long)count);
        printf("%s\n", cli_safe(cli_label(limit, "text")));
    }
}

/* ---- the command --------------------------------------------------------------------------------
 */

/* Appends "&name=value" where there is a value. */
static void put(struct cli *cli, struct buf *path, const char *name, const char *value)
{
    if (!value) return;
    char *safe = cli_escape(cli, value);
    buf_printf(path, "%s%s=%s", path->data[path->len - 1] == '?' ? "" : "&", name, safe);
    free(safe);
}

static int ask(struct cli *cli, const struct wanted *wanted, json_t **ret_answer,
               struct error *ret_error)
{
    struct buf path = {0};
    buf_append_str(&path, "/v1/stats?");
    put(cli, &path, "by", wanted->by);
    put(cli, &path, "period", wanted->period);
    put(cli, &path, "from", wanted->from);
    put(cli, &path, "until", wanted->until);
    put(cli, &path, "task", wanted->task);
    put(cli, &path, "kind", wanted->kind);
    put(cli, &path, "why", wanted->why);
    put(cli, &path, "limit", wanted->limit);
    buf_append_u8(&path, 0);
    int status = cli_call(cli, "GET", (const char *)path.data, NULL, ret_answer, NULL, ret_error);
    buf_fini(&path);
    return status;
}

static int read_wanted(struct cli *cli, struct wanted *wanted, int argc, char **argv,
                       int *ret_first)
{
    const struct options_row rows[] = {
        {"period", 'p', "期间", "PERIOD", "此期间开始的：2026、2026-Q1、2026-03 或 2026-03-10",
         "of what began in it: 2026, 2026-Q1, 2026-03 or 2026-03-10", NULL, &wanted->period, NULL},
        {"from", 0, "日期", "DAY", "自此日开始的", "of what began from that day on", NULL,
         &wanted->from, NULL},
        {"until", 0, "日期", "DAY", "此日之前开始的（不含此日）", "of what began before that day",
         NULL, &wanted->until, NULL},
        {"by", 0, "项[,项]", "WHAT[,WHAT]", "按 task（任务条款）、kind（种类）分行",
         "a row for each task and kind", NULL, &wanted->by, NULL},
        {"task", 0, "条款", "TASK", "只算该任务", "of that task alone", NULL, &wanted->task, NULL},
        {"kind", 0, "种类", "KIND", "只算该种类", "of that kind alone", NULL, &wanted->kind, NULL},
        {"why", 0, "数字", "FIGURE",
         "列出计入该数字的事项及其期限，如 overdue、missed_sign；all 为全部",
         "list what a figure was counted from, with its terms, as overdue or missed_sign; all: "
         "everything",
         NULL, &wanted->why, NULL},
        {"limit", 'n', "条数", "COUNT", "--why 最多列出（默认 50，至多 500）",
         "--why lists at most (default 50, no more than 500)", NULL, &wanted->limit, NULL},
        {"csv", 0, NULL, NULL, "输出 CSV（UTF-8，有表头）", "print CSV (UTF-8, with a header)",
         &wanted->csv, NULL, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus stats",
        .usage_zh = "[选项]",
        .usage_en = "[OPTIONS]",
        .about_zh = "显示本单位的考核数字：收到、签收、超期、退回、转办、办结及用时，以及每项数字由"
                    "哪些事项得来。与审计（leadbus-replay stats）同一算法，只用本单位代理所存。",
        .about_en = "Shows this unit's figures of the assessment: what was received, signed for, "
                    "late, returned, passed on and closed, the times, and what each figure was "
                    "counted from. Reckoned as the audit does (leadbus-replay stats), from what "
                    "this unit's agent holds alone.",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

int cli_stats(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = {.by = "unit", .limit = "50"};
    struct error error = {0};
    json_t *answer = NULL;
    int first = 0;
    int status = read_wanted(cli, &wanted, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    if (!cli_count(wanted.limit, 1, 500))
        return cli_misuse(cli, "--limit", "应在 1 到 500 之间", "1 to 500");
    if (wanted.csv && cli->json)
        return cli_misuse(cli, "--csv", "不与 --json 同用", "does not go with --json");
    status = ask(cli, &wanted, &answer, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else if (wanted.csv)
        print_csv(answer);
    else
        print_answer(answer, &wanted);
    json_decref(answer);
    return status;
}
