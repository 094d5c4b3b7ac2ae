/* show, thread, receipt: commands with one ID. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"
#include "proto/base/limits.h"

/* The one operand of a command without options of its own. 0 and *ret_id, OPTIONS_DONE, E_USAGE. */
static int one_id(struct cli *cli, const char *program, const char *about_zh, const char *about_en,
                  int argc, char **argv, const char **ret_id)
{
    static const struct options_row none[1];
    int first = 0;
    struct options_spec spec = {.program = program,
                                .usage_zh = "[选项] 编号",
                                .usage_en = "[OPTIONS] ID",
                                .about_zh = about_zh,
                                .about_en = about_en,
                                .rows = none,
                                .row_count = 0};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status;
    if (first + 1 != argc) {
        (void)cli_misuse(cli, NULL, "请给出一个编号（收件序号或 UUID）",
                         "give one ID (inbox number or UUID)");
        return E_USAGE;
    }
    *ret_id = argv[first];
    return 0;
}

/* For people: the fields in the words of the kind's schema, where the agent's plan has the kind. */
static void print_worded(struct cli *cli, const json_t *message)
{
    struct error ignored = {0};
    json_t *kind = NULL;
    const char *slug = cli_get(message, "kind");
    if (!*slug || cli_kind(cli, slug, NULL, &kind, &ignored)) kind = NULL;
    cli_print_message(message, kind);
    json_decref(kind);
}

int cli_show(struct cli *cli, int argc, char **argv)
{
    const char *id = NULL;
    struct error error = {0};
    json_t *answer = NULL;
    char path[96];
    int status = one_id(cli, "leadbus show", "显示一条消息及本单位可读的内容。",
                        "Shows a message and what this unit may read of it.", argc, argv, &id);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    uint8_t bytes[16];
    bool number = cli_count(id, 1, INT64_MAX);
    if (!number && uuid_parse_text(id, bytes, NULL))
        return cli_misuse(cli, id, "应为收件序号（leadbus inbox）或 UUID",
                          "an inbox number (leadbus inbox) or a UUID");
    snprintf(path, sizeof path, "/v1/%s/%.40s", number ? "inbox" : "messages", id);
    status = cli_call(cli, "GET", path, NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        print_worded(cli, answer);
    json_decref(answer);
    return status;
}

/* `more`: the thread holds messages of several kinds to be signed for; each leg names its own. */
static void print_leg(const json_t *leg, bool more)
{
    const char *due = cli_due(leg);
    const char *close = cli_close(leg);
    const char *outcome = cli_label(leg, "outcome");
    long long missed = (long long)cli_number(leg, "missed_count");
    printf("  ");
    i18n_pad(stdout, cli_safe(cli_label(leg, "name")), 24);
    printf(" %s%s%s%s  %s%s%s", cli_true(leg, "primary") ? T("（主责）", "(primary) ") : "",
           cli_safe(cli_label(leg, "state")), *outcome ? T("：", ": ") : "", cli_safe(outcome),
           cli_time(leg, "changed_at"), more ? "  " : "",
           more ? cli_safe(cli_label(leg, "kind")) : "");
    if (*due) printf("  %s", cli_safe(due));
    if (*close) printf("  %s", cli_safe(close));
    if (missed)
        printf(
            T("  曾超期 %lld 次", missed == 1 ? "  %lld term not kept" : "  %lld terms not kept"),
            missed);
    putchar('\n');
}

/* Kinds asked for once each: a timeline has few of them. */
struct known_kinds {
    struct cli *cli;
    json_t *by_slug;
};

static const json_t *known_kind(struct known_kinds *known, const char *slug)
{
    struct error ignored = {0};
    json_t *kind = json_object_get(known->by_slug, slug);
    if (kind || !*slug) return kind;
    if (cli_kind(known->cli, slug, NULL, &kind, &ignored)) return NULL;
    json_object_set_new(known->by_slug, slug, kind);
    return kind;
}

/* What the journal says of a thread: nobody's message. `from` is whose term ran out, where one did.
 */
static void print_notice(const json_t *item)
{
    printf("! %s  ", cli_time(item, "recorded_at"));
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 20);
    printf(" %s\n", cli_safe(cli_notice(item)));
}

/* The bus did not take it, and never will: why, and what to do. */
static void print_refusal(const json_t *error)
{
    printf("        %s %s — %s\n", T("被总线拒绝:", "refused by the bus:"),
           cli_safe(cli_get(error, "code")), cli_trouble(error, i18n_lang()));
}

/* When, who, what; below an act what was said in it, as far as this unit may read it. */
static void print_step(struct known_kinds *known, const json_t *item)
{
    const json_t *sections = json_object_get(item, "sections");
    const char *officer = cli_get(item, "officer");
    const char *topic = cli_label(item, "topic");
    const char *late = cli_label(item, "late");
    const char *target = cli_label(item, "target");
    const char *when = cli_time(item, "recorded_at");
    bool recorded = *when;
    bool refused = strcmp(cli_get(item, "state"), "refused") == 0;
    if (!recorded) when = cli_time(item, "created_at");
    printf("%c %s  ", *late ? '!' : ' ', when);
    i18n_pad(stdout, cli_safe(cli_label(item, "from")), 20);
    printf(" %s%s%s%s%s%s%s%s", cli_safe(cli_label(item, "kind")), *topic ? T("：", ": ") : "",
           cli_safe(topic), *target ? " → " : "", cli_safe(target),
           *officer ? T("（经办 ", " (officer ") : "", cli_safe(officer),
           *officer ? T("）", ")") : "");
    if (*late) printf(T("  超期%s", "  late: %s"), cli_safe(late));
    printf("  %s%s\n", cli_get(item, "id"),
           recorded || refused ? "" : T("  未入账", "  not in the journal yet"));
    if (refused) print_refusal(json_object_get(item, "error"));
    if (*cli_get(item, "occurred_at"))
        printf("        %s %s\n", T("发生于:", "it happened:"), cli_time(item, "occurred_at"));
    const char *name = NULL;
    json_t *section = NULL;
    const json_t *schemas = json_object_get(
        json_object_get(known_kind(known, cli_get(item, "kind")), "schema"), "properties");
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = sections};
    json_object_foreach(held.out, name, section)
        cli_print_fields(section, json_object_get(schemas, name), 8);
}

static void print_cut(const json_t *answer)
{
    if (cli_true(answer, "legs_more"))
        puts(T("承办事项过多，本机未全部保存；总线有全部记录（leadbus-replay explain）",
               "there are more parts than are kept here; the bus has them all (leadbus-replay "
               "explain)"));
}

/* Under supervision, and by which urgency its clocks run since then. */
static void print_listed(const json_t *answer)
{
    long long raised = (long long)cli_number(answer, "urgency_raised");
    if (!cli_true(answer, "listed")) return;
    printf("%s", T("已挂牌督办", "under supervision"));
    if (raised)
        printf(T("，未办事项按紧急程度 %lld 计时（不晚于原期限）",
                 ": what is open is due by urgency %lld, and no later than before"),
               raised);
    putchar('\n');
}

/* What has come of the plan's chains, and what is owed or needed no more. */
static void print_steps(const json_t *steps)
{
    if (json_array_size(steps)) printf("%s\n", T("环节:", "steps:"));
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *at = cli_time(step, "at");
        const char *state = cli_true(step, "owed")   ? T("尚缺", "owed")
                            : cli_true(step, "moot") ? T("已免除", "needed no more")
                                                     : at;
        printf("  ");
        i18n_pad(stdout, cli_safe(cli_label(step, "name")), 24);
        printf(" %s\n", cli_safe(state));
    }
}

/* Whose decision is waited for, since when and until when; of this unit, how it is given. */
static void print_decisions(const json_t *decisions)
{
    if (json_array_size(decisions)) printf("%s\n", T("等待决定:", "waiting for a decision:"));
    for (size_t i = 0; i < json_array_size(decisions); i++) {
        const json_t *one = json_array_get(decisions, i);
        bool own = cli_true(one, "own");
        const char *unit = cli_label(one, "unit");
        printf("%c ", cli_true(one, "overdue") ? '!' : ' ');
        i18n_pad(stdout, own ? T("本单位", "this unit") : cli_safe(unit), 24);
        printf(" %s  ", cli_safe(cli_decision(one)));
        printf(T("（%s 于 %s %s）\n", "(asked by %s, %s: %s)\n"), cli_safe(cli_label(one, "from")),
               cli_time(one, "asked_at"), cli_safe(cli_label(one, "asked")));
        cli_print_commands(one, 8);
    }
}

/* Who has the person now, since when, and what is not known of the time before. */
static void print_custody(const json_t *custody)
{
    const char *holder = cli_get(custody, "holder");
    const char *unit = cli_label(custody, "unit");
    long long gaps = (long long)cli_number(custody, "gap_count");
    if (!*holder) return;
    printf(T("现由%s照护", "now in the care of: %s"),
           cli_safe(*unit ? unit : cli_label(custody, "holder")));
    if (*cli_get(custody, "since"))
        printf(T("（自 %s 起）", " (since %s)"), cli_time(custody, "since"));
    putchar('\n');
    if (!gaps) return;
    printf(T("  ! 交接有 %lld 处空档",
             gaps == 1 ? "  ! %lld gap in custody" : "  ! %lld gaps in custody"),
           gaps);
    if (*cli_get(custody, "gap_from")) {
        printf(T("，最近一处自 %s", "; the last one from %s"), cli_time(custody, "gap_from"));
        printf(T(" 至 %s", " to %s"), cli_time(custody, "gap_until"));
    }
    putchar('\n');
}

/* Did the message that it began with come here? */
static bool has_opening(const json_t *answer)
{
    const json_t *timeline = json_object_get(answer, "timeline");
    for (size_t i = 0; i < json_array_size(timeline); i++)
        if (strcmp(cli_get(json_array_get(timeline, i), "id"), cli_get(answer, "id")) == 0)
            return true;
    return false;
}

static void print_thread(struct cli *cli, const json_t *answer)
{
    struct known_kinds known = {cli, json_object()};
    const json_t *timeline = json_object_get(answer, "timeline");
    const json_t *legs = json_object_get(answer, "legs");
    const char *status = cli_get(answer, "status");
    bool alert = cli_is_alert(answer);
    const char *label = strcmp(status, "open") == 0     ? T("办理中", "open")
                        : strcmp(status, "closed") == 0 ? T("已办结", "closed")
                        : has_opening(answer)
                            ? T("无须办理", "nothing owed")
                            : T("本单位只收到部分消息，进度不详",
                                "some of its messages came here: how far it is is not "
                                "known");
    printf("%s %s  %s\n", T("线索", "thread"), cli_get(answer, "id"), label);
    print_listed(answer);
    print_cut(answer);
    for (size_t i = 0; i < json_array_size(timeline); i++) {
        const json_t *item = json_array_get(timeline, i);
        if (alert && cli_alert_counts(item)) continue; /* counted below, by version */
        if (*cli_get(item, "notice"))
            print_notice(item);
        else
            print_step(&known, item);
    }
    json_decref(known.by_slug);
    print_steps(json_object_get(answer, "steps"));
    print_custody(json_object_get(answer, "custody"));
    print_decisions(json_object_get(answer, "decisions"));
    if (alert) {
        cli_print_alert(answer);
        return;
    }
    bool more = false;
    for (size_t i = 1; i < json_array_size(legs); i++)
        more = more || strcmp(cli_get(json_array_get(legs, i), "message"),
                              cli_get(json_array_get(legs, 0), "message")) != 0;
    if (json_array_size(legs)) printf("%s\n", T("各单位进度:", "where each unit is:"));
    for (size_t i = 0; i < json_array_size(legs); i++) print_leg(json_array_get(legs, i), more);
}

int cli_thread(struct cli *cli, int argc, char **argv)
{
    const char *text = NULL;
    struct error error = {0};
    json_t *answer = NULL;
    char id[37];
    char path[96];
    int status =
        one_id(cli, "leadbus thread",
               "显示一条线索的经过（谁、何时、做了什么；超期的以 ! 标出）和各单位进度与期限。",
               "Shows a thread: who did what when (what was late has a !), and where each unit is "
               "and what it is to do before when.",
               argc, argv, &text);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    status = cli_resolve(cli, text, true, id, &error);
    if (status) return cli_fail(cli, status, &error);
    snprintf(path, sizeof path, "/v1/threads/%s", id);
    status = cli_call(cli, "GET", path, NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        print_thread(cli, answer);
    json_decref(answer);
    return status;
}

int cli_receipt(struct cli *cli, int argc, char **argv)
{
    const char *former = NULL;
    struct error error = {0};
    json_t *answer = NULL;
    struct buf receipt = {0};
    char id[37], path[128];
    int first = 0;
    const struct options_row rows[] = {
        {"former", 0, "第几", "NTH", "日志由备份恢复之前、此前名称下的回执；1 为最近一次",
         "of a name that the journal had before it was put back from a backup; 1: the last one",
         NULL, &former, NULL}};
    struct options_spec spec = {
        .program = "leadbus receipt",
        .usage_zh = "[选项] 编号",
        .usage_en = "[OPTIONS] ID",
        .about_zh = "打印总线回执（入账证明），可离线验证。",
        .about_en = "Prints the receipt of the bus: a proof that can be checked off line.",
        .rows = rows,
        .row_count = 1};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (argc - first != 1)
        return cli_misuse(cli, NULL, "请给出一个编号（收件序号或 UUID）",
                          "give one ID (inbox number or UUID)");
    if (former && !cli_count(former, 1, LIMIT_RESTORED_COUNT_MAX))
        return cli_misuse(cli, former, "须为 1 至 64 的整数", "a number from 1 to 64");
    status = cli_resolve(cli, argv[first], false, id, &error);
    if (status) return cli_fail(cli, status, &error);
    snprintf(path, sizeof path, "/v1/messages/%s/receipt%s%s", id, former ? "?former=" : "",
             former ? former : "");
    status = cli_call(cli, "GET", path, NULL, &answer, &receipt, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json) {
        answer =
            json_pack("{s:s,s:s%}", "id", id, "receipt", (const char *)receipt.data, receipt.len);
        status = cli_print_json(answer);
        json_decref(answer);
    } else if (fwrite(receipt.data, 1, receipt.len, stdout) != receipt.len || fflush(stdout)) {
        status = options_exit_code(E_IO);
    }
    buf_fini(&receipt);
    return status;
}
