/* sign, accept, return, ...: acts on a thread, one table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

enum {
    TAKES_OUTCOME = 1, /* --outcome */
    TAKES_REASON = 2,
    TAKES_TEXT = 4,
    TAKES_TARGET = 8, /* --to */
    TAKES_OTHER = 16,
};

struct act {
    const char *name;
    const char *about_zh, *about_en;
    const char *done_zh, *done_en;
    unsigned takes; /* options beyond those of all */
};

static const struct act acts[] = {
    {"sign", "签收：确认本单位已有人接手。", "Signs for a message: a person of this unit has it.",
     "已签收", "signed for", 0},
    {"accept", "受理。", "Accepts it.", "已受理", "accepted", 0},
    {"return", "退回，须以 --text 说明理由；不是每个种类都可退回。",
     "Returns it, with a reason in words (--text); not every kind may be returned.", "已退回",
     "returned", TAKES_REASON | TAKES_TEXT},
    {"progress", "反馈办理进展；须 --set step=代码，如 contacted、found、investigating。",
     "Reports progress; needs --set step=CODE: contacted, found, investigating, ...", "已反馈",
     "reported", TAKES_OUTCOME | TAKES_TEXT},
    {"close", "办结，须给出结果代码（leadbus kinds receipt.closed 列出全部）。",
     "Closes this unit's part, with its outcome (leadbus kinds receipt.closed lists them).",
     "已办结", "closed", TAKES_OUTCOME | TAKES_TEXT | TAKES_OTHER},
    {"urge", "催办；原因代码：sign、accept、progress、close、supervised。",
     "Urges those who are late; reasons: sign, accept, progress, close, supervised.", "已催办",
     "urged", TAKES_REASON},
    {"transfer", "转办给其他单位（--to），须说明理由；原件随之转去。",
     "Passes it on to another unit (--to), with a reason; the original goes along.", "已转办",
     "transferred", TAKES_REASON | TAKES_TEXT | TAKES_TARGET},
    {"ask-release", "请求发送单位同意转办给另一单位（--to）。",
     "Asks the sender whether it may be passed on to a unit (--to).", "已请求放行", "asked",
     TAKES_TEXT | TAKES_TARGET},
    {"release", "答复放行请求：--outcome granted 或 denied。",
     "Answers a request for a release: --outcome granted or denied.", "已答复", "answered",
     TAKES_OUTCOME | TAKES_TEXT},
    {"withdraw", "撤回本单位发送的线索；紧急线索与强制报告仅作备注。",
     "Withdraws what this unit sent; an immediate lead or mandatory report goes on, with a note.",
     "已说明", "noted", TAKES_REASON | TAKES_TEXT},
    {"object", "对办结提出异议（五个工作日内），须说明理由。",
     "Objects to a closing, within five working days, with a reason.", "已提出异议", "objected",
     TAKES_TEXT},
    {"uphold", "维持办结（办公室）。", "Upholds a closing (the office).", "已维持", "upheld",
     TAKES_REASON | TAKES_TEXT},
    {"reopen", "责成重新办理（办公室），须说明理由。",
     "Reopens what was closed (the office), with a reason.", "已重新办理", "reopened",
     TAKES_REASON | TAKES_TEXT},
    {"link", "关联另一线索（--other）：same-matter、same-person 或 split。",
     "Links another thread (--other): same-matter, same-person or split.", "已关联", "linked",
     TAKES_REASON | TAKES_TEXT | TAKES_OTHER},
};

struct values {
    const char *outcome;
    const char *reason;
    const char *text;
    const char *target;
    const char *other;
    const char *wait;
    struct options_list sets;
};

static int read_values(struct cli *cli, const struct act *act, struct values *values, int argc,
                       char **argv, int *ret_first)
{
    char program[32];
    struct options_row rows[10];
    size_t count = 0;
    rows[count++] = (struct options_row){"set",
                                         's',
                                         "字段=值",
                                         "FIELD=VALUE",
                                         "设置回执的一个字段，可重复",
                                         "set a field of the receipt, may be repeated",
                                         NULL,
                                         NULL,
                                         &values->sets};
    rows[count++] = (struct options_row){
        "wait", 'w',           "秒", "SECONDS", "等待总线回执", "wait for the receipt of the bus",
        NULL,   &values->wait, NULL};
    if (act->takes & TAKES_OUTCOME)
        rows[count++] = (struct options_row){"outcome",
                                             0,
                                             "代码",
                                             "CODE",
                                             "结果代码，如 unfounded、case-opened、solved",
                                             "outcome: unfounded, case-opened, solved, ...",
                                             NULL,
                                             &values->outcome,
                                             NULL};
    if (act->takes & TAKES_REASON)
        rows[count++] = (struct options_row){
            "reason", 'r', "代码", "CODE", "原因代码", "reason code", NULL, &values->reason, NULL};
    if (act->takes & TAKES_TEXT)
        rows[count++] = (struct options_row){"text",     't',  "文字",        "TEXT", "说明",
                                             "in words", NULL, &values->text, NULL};
    if (act->takes & TAKES_TARGET)
        rows[count++] = (struct options_row){"to",         0,
                                             "单位",       "UNIT",
                                             "转给的单位", "the unit that it is passed on to",
                                             NULL,         &values->target,
                                             NULL};
    if (act->takes & TAKES_OTHER)
        rows[count++] = (struct options_row){
            "other",        0,   "编号", "ID", "另一线索（UUID）", "the other thread (UUID)", NULL,
            &values->other, NULL};
    snprintf(program, sizeof program, "leadbus %s", act->name);
    struct options_spec spec = {.program = program,
                                .usage_zh = "[选项] 编号",
                                .usage_en = "[OPTIONS] ID",
                                .about_zh = act->about_zh,
                                .about_en = act->about_en,
                                .rows = rows,
                                .row_count = count};
    return cli_options(cli, &spec, argc, argv, ret_first);
}

static void put(json_t *body, const char *key, const char *value)
{
    if (value && *value) json_object_set_new(body, key, json_string(value));
}

/* An inbox number means that message; a UUID may be a thread (the agent chooses our leg) or a
 * message of one. */
static int find_target(struct cli *cli, const char *text, json_t *body, char ret_thread[37],
                       struct error *ret_error)
{
    char id[37];
    char path[96];
    json_t *message = NULL;
    int status = cli_resolve(cli, text, false, id, ret_error);
    if (status) return status;
    snprintf(path, sizeof path, "/v1/messages/%s", id);
    status = cli_call(cli, "GET", path, NULL, &message, NULL, ret_error);
    if (status == E_NOT_FOUND) { /* a thread whose first message did not come to us */
        memcpy(ret_thread, id, sizeof id);
        return 0;
    }
    if (status) return status;
    const char *thread = cli_get(message, "thread");
    bool number = strspn(text, "0123456789") == strlen(text);
    if (number || strcmp(thread, id) != 0) put(body, "message", id);
    snprintf(ret_thread, 37, "%s", thread);
    json_decref(message);
    return 0;
}

static int post(struct cli *cli, const struct act *act, const char *thread, const char *wait,
                json_t *take_body)
{
    struct error error = {0};
    json_t *answer = NULL;
    char path[128];
    snprintf(path, sizeof path, "/v1/threads/%s/acts%s%s", thread,
             wait ? "?wait=receipt&timeout=" : "", wait ? wait : "");
    int status = cli_call(cli, "POST", path, take_body, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    status = cli_tell_outgoing(cli, T(act->done_zh, act->done_en), answer, wait != NULL);
    json_decref(answer);
    return status;
}

int cli_act(struct cli *cli, int argc, char **argv)
{
    const struct act *act = acts;
    struct values values = {0};
    struct error error = {0};
    char thread[37];
    int first = 0;
    while (strcmp(act->name, argv[0]) != 0) act++;
    int status = read_values(cli, act, &values, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (values.wait && !cli_count(values.wait, 0, 60))
        return cli_misuse(cli, "--wait", "应在 0 到 60 秒之间", "0 to 60 seconds");
    if (first + 1 != argc)
        return cli_misuse(cli, NULL, "请给出一个编号（收件序号或 UUID）",
                          "give one ID (inbox number or UUID)");
    json_t *body = json_object();
    put(body, "act", act->name);
    put(body, "officer", cli->officer);
    put(body, "outcome", values.outcome);
    put(body, "reason", values.reason);
    put(body, "text", values.text);
    put(body, "target", values.target);
    put(body, "other", values.other);
    for (size_t i = 0; !status && i < values.sets.count; i++)
        status = cli_assign(body, NULL, values.sets.items[i], &error);
    if (!status) status = find_target(cli, argv[first], body, thread, &error);
    if (!status) return post(cli, act, thread, values.wait, body);
    json_decref(body);
    return cli_fail(cli, status, &error);
}
