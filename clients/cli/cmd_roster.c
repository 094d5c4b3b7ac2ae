/* roster: who is on duty here, and where nobody will be. */
#include <stdio.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_person(const char *rank, const json_t *row, bool later)
{
    printf("  ");
    i18n_pad(stdout, rank, 10);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_get(row, "officer")), 10);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_get(row, "name")), 12);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_get(row, "contact")), 16);
    if (later)
        printf(T(" 自 %s", " from %s"), cli_time(row, "from"));
    else
        printf(T(" 至 %s", " until %s"), cli_time(row, "until"));
    putchar('\n');
}

static void print_rank(const json_t *rank)
{
    const json_t *now = json_object_get(rank, "now");
    const json_t *next = json_object_get(rank, "next");
    const char *label = cli_safe(cli_label(rank, "rank"));
    for (size_t i = 0; i < json_array_size(now); i++)
        print_person(i ? "" : label, json_array_get(now, i), false);
    if (!json_array_size(now)) {
        printf("  ");
        i18n_pad(stdout, label, 10);
        printf(" %s\n", T("现在无人", "nobody now"));
    }
    if (next) print_person(T("  其后", "  then"), next, true);
}

static void print_roster(const json_t *answer)
{
    const json_t *ranks = json_object_get(answer, "ranks");
    const json_t *gaps = json_object_get(answer, "gaps");
    const json_t *error = json_object_get(answer, "error");
    const json_t *failure = json_object_get(answer, "command_error");
    if (!cli_true(answer, "configured")) {
        printf("%s\n", T("没有值班表：请在代理配置中设置 roster.file",
                         "no roster: set roster.file in the agent's configuration"));
        return;
    }
    if (error)
        printf("%s %s\n",
               T("值班表有误，沿用此前的:", "the roster is wrong, the one before stays:"),
               cli_trouble(error, i18n_lang()));
    for (size_t i = 0; i < json_array_size(ranks); i++) print_rank(json_array_get(ranks, i));
    for (size_t i = 0; i < json_array_size(gaps); i++) {
        const json_t *gap = json_array_get(gaps, i);
        char from[I18N_TIME_LEN];
        (void)snprintf(from, sizeof from, "%s", cli_time(gap, "from"));
        const char *until = cli_time(gap, "until");
        printf(T("! 无人%s：自 %s%s%s\n", "! nobody is %s from %s%s%s\n"),
               cli_safe(cli_label(gap, "rank")), from, *until ? T(" 至 ", " until ") : "", until);
    }
    if (failure)
        printf("%s %s  %s\n", T("最近一次通知失败:", "last notification that failed:"),
               cli_time(failure, "at"), cli_trouble(failure, i18n_lang()));
}

int cli_roster(struct cli *cli, int argc, char **argv)
{
    static const struct options_row none[1];
    struct error error = {0};
    json_t *answer = NULL;
    int first = 0;
    struct options_spec spec = {
        .program = "leadbus roster",
        .usage_zh = "[选项]",
        .usage_en = "[OPTIONS]",
        .about_zh = "显示本单位现在谁值班、其后是谁，以及七天内哪里无人。值班表由代理配置 "
                    "roster.file 指定。",
        .about_en = "Shows who is on duty in this unit, who follows, and where nobody will be "
                    "within seven days. The table is the agent's roster.file.",
        .rows = none,
        .row_count = 0};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    status = cli_call(cli, "GET", "/v1/roster", NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        print_roster(answer);
    json_decref(answer);
    return status;
}
