/* outbox and threads: lists, newest first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_outgoing(const json_t *item)
{
    const json_t *error = json_object_get(item, "error");
    const char *topic = cli_label(item, "topic");
    i18n_pad(stdout, cli_outbox_state(cli_get(item, "state")), 10);
    putchar(' ');
    printf("%s  ", cli_time(item, "created_at"));
    i18n_pad(stdout, cli_safe(cli_label(item, "kind")), 28);
    printf(" %s%s%s\n", cli_get(item, "id"), *topic ? "  " : "", cli_safe(topic));
    if (error) printf("           %s\n", cli_trouble(error, i18n_lang()));
}

static void print_thread(const json_t *item)
{
    const char *status = cli_get(item, "status");
    const char *topic = cli_label(item, "topic");
    const char *leg = cli_label(item, "leg");
    i18n_pad(stdout,
             strcmp(status, "open") == 0     ? T("办理中", "open")
             : strcmp(status, "closed") == 0 ? T("已办结", "closed")
                                             : "-",
             8);
    printf(" %s  ", cli_time(item, "changed_at"));
    const char *kind = cli_label(item, "kind");
    i18n_pad(stdout, *kind ? cli_safe(kind) : T("（未收到首条消息）", "(its first is not here)"),
             28);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 20);
    printf(" %s%s%s%s%s\n", cli_get(item, "id"), *topic ? "  " : "", cli_safe(topic),
           *leg ? T("  本单位", "  this unit: ") : "", cli_safe(leg));
}

struct listing {
    const char *program, *path;
    const char *about_zh, *about_en;
    bool state; /* takes --state */
    void (*print)(const json_t *item);
};

static int list(struct cli *cli, const struct listing *listing, int argc, char **argv)
{
    static const char *const states[] = {"queued", "sent", "receipted", "refused"};
    const char *limit = "50";
    const char *state = NULL;
    struct error error = {0};
    json_t *answer = NULL;
    char path[96];
    int first = 0;
    const struct options_row rows[] = {
        {"limit", 'n', "条数", "COUNT", "最多列出（默认 50，至多 500）",
         "at most (default 50, no more than 500)", NULL, &limit, NULL},
        {"state", 0, "状态", "STATE", "只列 queued、sent、receipted 或 refused",
         "queued, sent, receipted or refused only", NULL, &state, NULL},
    };
    struct options_spec spec = {.program = listing->program,
                                .usage_zh = "[选项]",
                                .usage_en = "[OPTIONS]",
                                .about_zh = listing->about_zh,
                                .about_en = listing->about_en,
                                .rows = rows,
                                .row_count = listing->state ? 2 : 1};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    if (!cli_count(limit, 1, 500))
        return cli_misuse(cli, "--limit", "应在 1 到 500 之间", "1 to 500");
    bool known = !state;
    for (size_t i = 0; i < 4; i++) known = known || strcmp(state, states[i]) == 0;
    if (!known)
        return cli_misuse(cli, "--state", "应为 queued、sent、receipted 或 refused",
                          "queued, sent, receipted or refused");
    snprintf(path, sizeof path, "%s?limit=%s%s%s", listing->path, limit, state ? "&state=" : "",
             state ? state : "");
    status = cli_call(cli, "GET", path, NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    const json_t *items = json_object_get(answer, "items");
    if (cli->json) {
        status = cli_print_json(answer);
    } else {
        if (!json_array_size(items)) printf("%s\n", T("没有", "nothing there"));
        for (size_t i = 0; i < json_array_size(items); i++)
            listing->print(json_array_get(items, i));
        if (cli_true(answer, "more"))
            printf("%s\n",
                   T("还有更早的，可用 -n 增加条数", "there are older ones: -n shows more"));
    }
    json_decref(answer);
    return status;
}

int cli_outbox(struct cli *cli, int argc, char **argv)
{
    static const struct listing outbox = {
        "leadbus outbox",
        "/v1/messages",
        "列出本单位发出的消息，新的在前：待发、在途、已入账，或被拒及其原因。",
        "Lists what this unit sent, newest first: queued, on the wire, in the journal, or refused "
        "and why.",
        true,
        print_outgoing};
    return list(cli, &outbox, argc, argv);
}

int cli_threads(struct cli *cli, int argc, char **argv)
{
    static const struct listing threads = {
        "leadbus threads",
        "/v1/threads",
        "列出本单位参与的线索，最近有变化的在前。",
        "Lists the threads that this unit is on, the latest change first.",
        false,
        print_thread};
    return list(cli, &threads, argc, argv);
}
