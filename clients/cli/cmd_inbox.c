#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_row(const json_t *item)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)cli_number(item, "number"));
    i18n_pad(stdout, number, 6);
    putchar(' ');
    i18n_pad(stdout, cli_true(item, "must_sign") ? T("须签收", "sign") : T("阅知", "read"), 6);
    putchar(' ');
    const char *label = cli_label(item, "kind");
    i18n_pad(stdout, *label ? cli_safe(label) : cli_get(item, "type"), 30);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 22);
    printf(" %s  %s%s%s\n", cli_time(item, "received_at"), cli_get(item, "id"),
           *cli_get(item, "code") ? "  " : "", cli_get(item, "code"));
}

int cli_inbox(struct cli *cli, int argc, char **argv)
{
    const char *after = "0";
    const char *limit = "100";
    const char *wait = "0";
    struct error error = {0};
    json_t *answer = NULL;
    char path[160];
    int first = 0;
    const struct options_row rows[] = {
        {"after", 0, "序号", "NUMBER", "只列此序号之后的", "only those after this number", NULL,
         &after, NULL},
        {"limit", 'n', "条数", "COUNT", "最多列出（默认 100）", "at most (default 100)", NULL,
         &limit, NULL},
        {"wait", 'w', "秒", "SECONDS", "没有新消息时等待", "wait for something new", NULL, &wait,
         NULL},
    };
    struct options_spec spec = {.program = "leadbus inbox",
                                .usage_zh = "[选项]",
                                .usage_en = "[OPTIONS]",
                                .about_zh = "列出收到的消息；序号可用于 show、sign 等命令。",
                                .about_en = "Lists what arrived; numbers work with show, sign, ...",
                                .rows = rows,
                                .row_count = sizeof rows / sizeof *rows};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc || strspn(after, "0123456789") != strlen(after) ||
        strspn(limit, "0123456789") != strlen(limit) ||
        strspn(wait, "0123456789") != strlen(wait)) {
        (void)error_set(&error, E_USAGE, NULL, "%s",
                        T("只接受数字选项", "options with numbers only"));
        return cli_fail(E_USAGE, &error);
    }
    snprintf(path, sizeof path, "/v1/inbox?after=%.20s&limit=%.20s&wait=%.20s", after, limit, wait);
    status = cli_call(cli, "GET", path, NULL, &answer, NULL, &error);
    if (status) return cli_fail(status, &error);
    const json_t *items = json_object_get(answer, "items");
    if (cli->json) {
        status = cli_print_json(answer);
    } else {
        if (!json_array_size(items)) printf("%s\n", T("没有消息", "nothing there"));
        for (size_t i = 0; i < json_array_size(items); i++) print_row(json_array_get(items, i));
    }
    json_decref(answer);
    return status;
}
