/* inbox: what arrived, newest first, and what is left to do with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

struct wanted {
    const char *after, *before, *limit, *wait, *page;
    bool due;
};

/* What this unit has to do next, or what it is where nothing is owed. */
static const char *state_of(const json_t *item)
{
    static char next[64];
    const json_t *leg = json_object_get(item, "leg");
    const char *type = cli_get(item, "type");
    if (strcmp(type, "notice") == 0) return T("通知", "notice");
    if (strcmp(type, "tombstone") == 0) return T("已失效", "expired");
    if (strcmp(type, "exception") == 0) return T("无法打开", "unreadable");
    if (!leg)
        return strncmp(cli_get(item, "kind"), "receipt.", 8) == 0 ? T("回复", "answer")
                                                                  : T("抄送", "copy");
    if (cli_true(leg, "done")) return cli_safe(cli_label(leg, "state"));
    (void)snprintf(next, sizeof next, "%s%s", T("待", "to "), cli_label(leg, "next"));
    return next;
}

/* What a notice says; the kind of anything else. */
static const char *subject_of(const json_t *item)
{
    const char *notice = cli_notice(item);
    if (*notice) return notice;
    static char shown[400];
    const char *label = cli_label(item, "kind");
    const char *topic = cli_label(item, "topic");
    if (!*label) return cli_get(item, "type");
    if (!*topic) return label;
    (void)snprintf(shown, sizeof shown, T("%.250s：%.120s", "%.250s: %.120s"), label, topic);
    return shown;
}

static bool is_overdue(const json_t *item)
{
    const json_t *leg = json_object_get(item, "leg");
    return (!cli_true(leg, "done") && cli_true(leg, "overdue")) ||
           cli_true(json_object_get(item, "decision"), "overdue");
}

static bool is_open(const json_t *item)
{
    const json_t *leg = json_object_get(item, "leg");
    return (leg && !cli_true(leg, "done")) || json_object_get(item, "decision");
}

/* While it waits to be signed for. */
static void print_told(const json_t *item)
{
    const json_t *leg = json_object_get(item, "leg");
    const char *told = cli_told(leg);
    const char *repeats = cli_repeats(item);
    if (*repeats) printf("  %s", cli_safe(repeats));
    if (*told && strcmp(cli_get(leg, "next"), "sign") == 0) printf("  %s", cli_safe(told));
}

/* What is to be done before when; what is late begins with a mark. */
static void print_due_row(const json_t *item)
{
    char number[24] = "-";
    const json_t *leg = json_object_get(item, "leg");
    const json_t *decision = json_object_get(item, "decision");
    const char *due = leg && !cli_true(leg, "done") ? cli_due(leg) : "";
    if (!*due && decision) due = cli_decision(decision);
    bool here = cli_number(item, "number") != 0;
    if (here) snprintf(number, sizeof number, "%lld", (long long)cli_number(item, "number"));
    i18n_pad(stdout, number, 5);
    printf(" %c ", is_overdue(item) ? '!' : ' ');
    i18n_pad(stdout, cli_safe(*due ? due : state_of(item)), 44);
    putchar(' ');
    here = here || strcmp(cli_get(item, "type"), "sent") == 0;
    i18n_pad(stdout, here ? cli_safe(subject_of(item)) : T("原件未到", "not here yet"), 28);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 20);
    printf(" %s", here ? cli_get(item, "thread") : cli_get(item, "id"));
    print_told(item);
    putchar('\n');
    if (*cli_get(decision, "asked_at"))
        printf(T("        %s 于 %s %s\n", "        asked by %s, %s (%s)\n"),
               cli_safe(cli_label(decision, "from")), cli_time(decision, "asked_at"),
               cli_safe(cli_label(decision, "asked")));
    cli_print_commands(decision, 8);
}

static void print_row(const json_t *item)
{
    char number[24];
    const char *code = cli_get(item, "code");
    const char *due = cli_due(json_object_get(item, "leg"));
    long long missing = (long long)cli_number(item, "missing_before");
    snprintf(number, sizeof number, "%lld", (long long)cli_number(item, "number"));
    i18n_pad(stdout, number, 5);
    putchar(' ');
    i18n_pad(stdout, state_of(item), 10);
    putchar(' ');
    i18n_pad(stdout, cli_safe(subject_of(item)), 28);
    putchar(' ');
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 20);
    printf(" %s", cli_time(item, "received_at"));
    if (*due) printf("  %s", cli_safe(due));
    const char *close = cli_close(json_object_get(item, "leg"));
    if (*close) printf("  %s", cli_safe(close));
    const char *about = cli_about(item);
    if (*about) printf("  %s", cli_safe(about));
    print_told(item);
    if (*code) printf("  %s", error_text(error_code_of(code), i18n_lang()));
    size_t same = json_array_size(json_object_get(item, "same_number"));
    if (same)
        printf(T("  另有 %zu%s线索出现相同号码", "  same number in %zu%s"), same,
               cli_true(item, "same_number_more") ? T(" 条以上", " threads or more")
                                                  : T(" 条", same == 1 ? " thread" : " threads"));
    if (missing)
        printf(T("  该单位此前另有 %lld 条尚未收到", "  %lld before it have not arrived"), missing);
    putchar('\n');
}

/* Open items and those not shown, below the list. */
static void print_rest(const json_t *answer, const struct wanted *wanted)
{
    const json_t *items = json_object_get(answer, "items");
    size_t open = 0;
    size_t overdue = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        open += is_open(json_array_get(items, i));
        overdue += is_overdue(json_array_get(items, i));
    }
    if (open) printf(T("本页待办 %zu 条", "%zu of these are left to do"), open);
    if (overdue) printf(T("，其中超期 %zu 条", ", %zu of them overdue"), overdue);
    if (open) putchar('\n');
    if (!cli_true(answer, "more")) return;
    if (wanted->due)
        printf(T("还有更多：leadbus inbox --due --page %s\n",
                 "there are more: leadbus inbox --due --page %s\n"),
               cli_get(answer, "next_page"));
    else if (!wanted->after)
        printf(T("还有更早的：leadbus inbox --before %lld\n",
                 "there are older ones: leadbus inbox --before %lld\n"),
               (long long)cli_number(answer, "next_before"));
    else
        printf(T("还有更多：leadbus inbox --after %lld\n",
                 "there are more: leadbus inbox --after %lld\n"),
               (long long)cli_number(answer, "next_after"));
}

static int read_wanted(struct cli *cli, struct wanted *wanted, int argc, char **argv,
                       int *ret_first)
{
    const struct options_row rows[] = {
        {"due", 'd', NULL, NULL, "只列本单位待办，最先到期的在前，超期的以 ! 标出",
         "what this unit owes, what is due first on top; what is overdue has a !", &wanted->due,
         NULL, NULL},
        {"page", 0, "位置", "PLACE", "与 --due 同用：上一页末尾给出的位置",
         "goes with --due: as the end of the page before gives it", NULL, &wanted->page, NULL},
        {"after", 0, "序号", "NUMBER", "从旧到新，只列此序号之后的",
         "oldest first, those after this number", NULL, &wanted->after, NULL},
        {"before", 0, "序号", "NUMBER", "从新到旧，只列此序号之前的",
         "newest first, those before this number", NULL, &wanted->before, NULL},
        {"limit", 'n', "条数", "COUNT", "最多列出（默认 50，至多 500）",
         "at most (default 50, no more than 500)", NULL, &wanted->limit, NULL},
        {"wait", 'w', "秒", "SECONDS", "没有新消息时等待（须与 --after 同用）",
         "wait for something new (goes with --after)", NULL, &wanted->wait, NULL},
    };
    struct options_spec spec = {
        .program = "leadbus inbox",
        .usage_zh = "[选项]",
        .usage_en = "[OPTIONS]",
        .about_zh = "列出收到的消息，新的在前；第二列是本单位还要做什么。\n"
                    "序号可用于 show、sign 等命令。",
        .about_en = "Lists what arrived, newest first; the second column is what this unit has to "
                    "do.\nNumbers work with show, sign, ...",
        .rows = rows,
        .row_count = sizeof rows / sizeof *rows};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

/* 0, or the exit code of a complaint. */
static int check_wanted(struct cli *cli, const struct wanted *wanted)
{
    if (wanted->due && (wanted->after || wanted->before || wanted->wait))
        return cli_misuse(cli, "--due", "不能与 --after、--before、--wait 同用",
                          "does not go with --after, --before, --wait");
    if (wanted->page && !wanted->due)
        return cli_misuse(cli, "--page", "须与 --due 同用", "goes with --due");
    if (!cli_count(wanted->limit, 1, 500))
        return cli_misuse(cli, "--limit", "应在 1 到 500 之间", "1 to 500");
    if (wanted->after && !cli_count(wanted->after, 0, INT64_MAX))
        return cli_misuse(cli, "--after", "应为收件序号", "an inbox number");
    if (wanted->before && !cli_count(wanted->before, 1, INT64_MAX))
        return cli_misuse(cli, "--before", "应为收件序号", "an inbox number");
    if (wanted->after && wanted->before)
        return cli_misuse(cli, "--before", "不能与 --after 同用", "does not go with --after");
    if (wanted->wait && !cli_count(wanted->wait, 0, 60))
        return cli_misuse(cli, "--wait", "应在 0 到 60 秒之间", "0 to 60 seconds");
    if (wanted->wait && !wanted->after)
        return cli_misuse(cli, "--wait", "须与 --after 同用", "goes with --after");
    return 0;
}

static void path_of(struct cli *cli, const struct wanted *wanted, char *ret_path, size_t cap)
{
    char *page = wanted->page ? cli_escape(cli, wanted->page) : NULL;
    if (wanted->due)
        snprintf(ret_path, cap, "/v1/inbox?order=due&limit=%s%s%.200s", wanted->limit,
                 page ? "&page=" : "", page ? page : "");
    else if (wanted->after)
        snprintf(ret_path, cap, "/v1/inbox?after=%s&limit=%s&wait=%s", wanted->after, wanted->limit,
                 wanted->wait ? wanted->wait : "0");
    else
        snprintf(ret_path, cap, "/v1/inbox?order=newest&limit=%s%s%s", wanted->limit,
                 wanted->before ? "&before=" : "", wanted->before ? wanted->before : "");
    free(page);
}

/* Nobody here has signed for it: above all else. */
static void print_alert(const json_t *item)
{
    char number[24] = "-";
    if (cli_number(item, "number"))
        snprintf(number, sizeof number, "%lld", (long long)cli_number(item, "number"));
    i18n_pad(stdout, number, 5);
    printf(" ! %s  ", cli_safe(subject_of(item)));
    printf("%s  %s\n", cli_safe(cli_repeats(item)), cli_get(item, "id"));
}

static void print_items(const json_t *answer, const struct wanted *wanted)
{
    const json_t *items = json_object_get(answer, "items");
    const json_t *visits = json_object_get(answer, "visits");
    const json_t *alerts = json_object_get(answer, "unsigned");
    for (size_t i = 0; i < json_array_size(alerts); i++) print_alert(json_array_get(alerts, i));
    if (cli_true(answer, "unsigned_more"))
        printf("%s\n", T("! 还有更多未签收的警报", "! there are more alerts not signed for"));
    for (size_t i = 0; i < json_array_size(visits); i++) {
        const json_t *file = json_array_get(visits, i);
        printf(T("%s 专门档案 %s：%s 前回访  %s\n", "%s file %s: a visit is due on %s  %s\n"),
               cli_true(file, "overdue") ? "!" : " ", cli_safe(cli_get(file, "pseudonym")),
               cli_safe(cli_get(file, "next_visit_on")), cli_get(file, "id"));
    }
    if (!json_array_size(items))
        printf("%s\n", wanted->due ? T("没有待办", "nothing is left to do")
                                   : T("没有消息", "nothing there"));
    for (size_t i = 0; i < json_array_size(items); i++)
        (wanted->due ? print_due_row : print_row)(json_array_get(items, i));
    print_rest(answer, wanted);
}

int cli_inbox(struct cli *cli, int argc, char **argv)
{
    struct wanted wanted = {.limit = "50"};
    struct error error = {0};
    json_t *answer = NULL;
    char path[320];
    int first = 0;
    int status = read_wanted(cli, &wanted, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    status = check_wanted(cli, &wanted);
    if (status) return status;
    path_of(cli, &wanted, path, sizeof path);
    status = cli_call(cli, "GET", path, NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        print_items(answer, &wanted);
    json_decref(answer);
    return status;
}
