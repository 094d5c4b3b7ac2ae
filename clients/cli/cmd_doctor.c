/* doctor: what is wrong with this unit's end, in sentences, each with the next step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clients/cli/cli.h"
#include "proto/payload/codes.h"

enum {
    CERTIFICATE_SOON_DAYS = 30,
    BUNDLE_SOON_DAYS = 7,
    CLOCK_OFFSET_MS_MAX = 5000,
    SHOWN_MAX = 3,
    EXIT_FINDINGS = 1
};

/* What was found; sentences in both languages, so that --json has them too. */
struct findings {
    json_t *list;
};

static void find(struct findings *findings, const char *code, json_t *take_zh, json_t *take_en,
                 const char *do_zh, const char *do_en)
{
    json_array_append_new(findings->list,
                          json_pack("{s:s,s:o,s:o,s:s,s:s}", "code", code, "text_zh", take_zh,
                                    "text_en", take_en, "do_zh", do_zh, "do_en", do_en));
}

/* Refused because the two have seen different journals: no cable and no address mends that. */
static bool of_another_journal(const char *code)
{
    static const char *const codes[] = {"seen_ahead", "journal_forked", "origin_mismatch",
                                        "ack_mismatch"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(codes[i], code) == 0) return true;
    return false;
}

static void look_at_bus(struct findings *findings, const json_t *status)
{
    const json_t *bus = json_object_get(status, "bus");
    const json_t *error = json_object_get(status, "last_error");
    long long waiting = (long long)cli_number(json_object_get(status, "outbox"), "queued");
    int64_t offset_ms = cli_number(bus, "clock_offset_ms");
    const char *since = cli_time(bus, "since");
    if (!cli_true(bus, "connected")) {
        bool told = error && strcmp(cli_get(error, "code"), "network") != 0;
        bool of_journal = told && of_another_journal(cli_get(error, "code"));
        find(findings, "not_connected",
             json_sprintf("未连接总线 %s%s%s；%lld 条待发%s%s", cli_get(bus, "endpoint"),
                          *since ? "，自 " : "", since, waiting, told ? "；最近问题：" : "",
                          told ? cli_trouble(error, LANG_ZH) : ""),
             json_sprintf("not connected to the bus at %s%s%s; %lld wait to be sent%s%s",
                          cli_get(bus, "endpoint"), *since ? " since " : "", since, waiting,
                          told ? "; last trouble: " : "", told ? cli_trouble(error, LANG_EN) : ""),
             of_journal ? "这不是网络问题：总线现在的日志不是本单位见过的那份；请与总线管理员核实，"
                          "保留代理的数据库文件"
                        : "核对地址与网络；地址无误时，请总线管理员查看日志中对本单位的拒绝原因",
             of_journal
                 ? "this is not the network: the bus's journal is not the one that this unit has "
                   "seen; ask the bus operator, and keep the agent's store"
                 : "check address and network; where they are right, ask the bus operator why "
                   "the broker refuses this unit");
    }
    if (cli_true(bus, "connected") &&
        (offset_ms > CLOCK_OFFSET_MS_MAX || offset_ms < -CLOCK_OFFSET_MS_MAX))
        find(findings, "clock",
             json_sprintf("本机时钟与总线相差 %lld 秒", (long long)(offset_ms / 1000)),
             json_sprintf("this machine's clock is %lld s off the bus",
                          (long long)(offset_ms / 1000)),
             "启用时间同步（timedatectl set-ntp true）",
             "turn time synchronisation on (timedatectl set-ntp true)");
}

/* Days from now to a time of the answer; false where it has none. */
static bool days_to(const json_t *object, const char *key, int64_t *ret_days)
{
    uint64_t ms = 0;
    if (!codes_time_parse(cli_get(object, key), &ms)) return false;
    *ret_days = ((int64_t)(ms / 1000) - (int64_t)time(NULL)) / 86400;
    if (ms / 1000 < (uint64_t)time(NULL)) *ret_days = -1;
    return true;
}

static void look_at_term(struct findings *findings, const json_t *trust, const char *key,
                         int64_t soon_days, const char *code, const char *zh, const char *en,
                         const char *do_zh, const char *do_en)
{
    int64_t days = 0;
    if (!days_to(trust, key, &days) || days > soon_days) return;
    if (days < 0)
        find(findings, code, json_sprintf("%s已于 %s 过期", zh, cli_time(trust, key)),
             json_sprintf("%s expired on %s", en, cli_time(trust, key)), do_zh, do_en);
    else
        find(
            findings, code,
            json_sprintf("%s还有 %lld 天到期（%s）", zh, (long long)days, cli_time(trust, key)),
            json_sprintf("%s expires in %lld days (%s)", en, (long long)days, cli_time(trust, key)),
            do_zh, do_en);
}

static void look_at_trust(struct findings *findings, const json_t *status)
{
    const json_t *trust = json_object_get(status, "trust");
    const json_t *alarm = json_object_get(status, "alarm");
    if (alarm)
        find(findings, "alarm",
             json_sprintf("警报：总线的证明不成立（%s），日志可能被分叉",
                          cli_trouble(alarm, LANG_ZH)),
             json_sprintf("ALARM: a proof of the bus did not hold (%s): the journal may be forked",
                          cli_trouble(alarm, LANG_EN)),
             "立即报告授权机构，保留代理的数据库文件",
             "tell the authority at once, and keep the agent's store");
    look_at_term(findings, trust, "certificate_not_after", CERTIFICATE_SOON_DAYS, "certificate",
                 "本单位证书", "this unit's certificate",
                 "向授权机构申请换发（leadbus-ca request --again）",
                 "ask the authority for a new one (leadbus-ca request --again)");
    look_at_term(findings, trust, "bundle_expires_at", BUNDLE_SOON_DAYS, "bundle", "方案包",
                 "the bundle", "请授权机构签发新的方案包；总线会把它送到各代理",
                 "ask the authority for a new bundle; the bus brings it to the agents");
}

static void look_at_restored(struct findings *findings, const json_t *status)
{
    const json_t *restored = json_object_get(status, "restored");
    if (!restored) return;
    long long again = (long long)cli_number(restored, "send_again");
    find(
        findings, "restored",
        json_sprintf("总线日志由备份恢复，新名称 %s；确认后重发 %lld 条",
                     cli_get(restored, "origin"), again),
        json_sprintf("the bus was put back from a backup and is called %s now; %lld messages would "
                     "be sent again",
                     cli_get(restored, "origin"), again),
        "向总线运维电话核对名称，一致时执行 leadbus confirm-restored 名称",
        "ask the bus's operator for the name by telephone; where it is this one: leadbus "
        "confirm-restored ORIGIN");
}

static void look_at_outbox(struct findings *findings, const json_t *refused)
{
    const json_t *items = json_object_get(refused, "items");
    for (size_t i = 0; i < json_array_size(items) && i < SHOWN_MAX; i++) {
        const json_t *item = json_array_get(items, i);
        const json_t *why = json_object_get(item, "error");
        find(findings, "refused",
             json_sprintf("被拒：%s（%s），%s", cli_get(item, "kind_zh"), cli_get(item, "id"),
                          cli_trouble(why, LANG_ZH)),
             json_sprintf("refused: %s (%s), %s", cli_get(item, "kind_en"), cli_get(item, "id"),
                          cli_trouble(why, LANG_EN)),
             "按原因改正后重新发送；leadbus outbox --state refused 列出全部",
             "mend it and send it again; leadbus outbox --state refused lists them all");
    }
}

static void look_at_inbox(struct findings *findings, const json_t *status, const json_t *inbox)
{
    const json_t *items = json_object_get(inbox, "items");
    long long exceptions = (long long)cli_number(json_object_get(status, "inbox"), "exceptions");
    size_t to_sign = 0;
    const json_t *oldest = NULL;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *item = json_array_get(items, i);
        if (strcmp(cli_get(json_object_get(item, "leg"), "next"), "sign") != 0) continue;
        to_sign++;
        oldest = item; /* they come newest first */
    }
    if (oldest)
        find(findings, "to_sign",
             json_sprintf("%zu 条待签收，最早的收到于 %s（序号 %lld）", to_sign,
                          cli_time(oldest, "received_at"), (long long)cli_number(oldest, "number")),
             json_sprintf("%zu wait to be signed for, the oldest since %s (number %lld)", to_sign,
                          cli_time(oldest, "received_at"), (long long)cli_number(oldest, "number")),
             "leadbus inbox，再 leadbus show 序号、leadbus sign 序号",
             "leadbus inbox, then leadbus show NUMBER and leadbus sign NUMBER");
    if (exceptions)
        find(findings, "exceptions", json_sprintf("%lld 条收到但不能打开", exceptions),
             json_sprintf("%lld arrived and could not be opened", exceptions),
             "发送单位已得到通知；leadbus inbox 显示原因",
             "their senders have been told; leadbus inbox shows why");
}

static void look_at_roster(struct findings *findings, const json_t *roster)
{
    const json_t *gap = json_array_get(json_object_get(roster, "gaps"), 0);
    const json_t *error = json_object_get(roster, "error");
    const json_t *failure = json_object_get(roster, "command_error");
    if (error)
        find(findings, "roster", json_sprintf("值班表有误：%s", cli_trouble(error, LANG_ZH)),
             json_sprintf("the roster is wrong: %s", cli_trouble(error, LANG_EN)),
             "按所说的行改正；代理会自行重读，此前的值班表在此期间有效",
             "mend the line named; the agent reads it again by itself, the roster before is in "
             "force meanwhile");
    if (gap)
        find(findings, "roster_gap",
             json_sprintf("值班表自 %s 起无人%s", cli_time(gap, "from"), cli_get(gap, "rank_zh")),
             json_sprintf("nobody on the roster is %s from %s", cli_get(gap, "rank_en"),
                          cli_time(gap, "from")),
             "补排值班表；leadbus roster 显示全部",
             "add to the roster; leadbus roster shows it all");
    if (failure)
        find(
            findings, "roster_command",
            json_sprintf("%s 通知失败：%s", cli_time(failure, "at"), cli_trouble(failure, LANG_ZH)),
            json_sprintf("telling who is on duty failed at %s: %s", cli_time(failure, "at"),
                         cli_trouble(failure, LANG_EN)),
            "检查 roster.command 所指的程序；下一次通知成功后不再提示",
            "look at the program of roster.command; this goes when it next succeeds");
}

static void tell(const json_t *findings)
{
    for (size_t i = 0; i < json_array_size(findings); i++) {
        const json_t *one = json_array_get(findings, i);
        printf("%zu. %s\n   %s %s\n", i + 1, cli_safe(cli_label(one, "text")), T("→", "->"),
               cli_safe(cli_label(one, "do")));
    }
    if (!json_array_size(findings))
        printf("%s\n",
               T("一切正常：已连接总线，证书和方案包有效，没有待签收或被拒的消息",
                 "all is well: connected, certificate and bundle are good, nothing waits to "
                 "be signed for or was refused"));
}

static int examine(struct cli *cli, struct findings *findings, struct error *ret_error)
{
    json_t *status = NULL;
    json_t *refused = NULL;
    json_t *inbox = NULL;
    int code = cli_call(cli, "GET", "/v1/status", NULL, &status, NULL, ret_error);
    if (!code)
        code = cli_call(cli, "GET", "/v1/messages?state=refused&limit=3", NULL, &refused, NULL,
                        ret_error);
    if (!code)
        code =
            cli_call(cli, "GET", "/v1/inbox?order=newest&limit=500", NULL, &inbox, NULL, ret_error);
    if (!code) {
        look_at_bus(findings, status);
        look_at_trust(findings, status);
        look_at_restored(findings, status);
        look_at_outbox(findings, refused);
        look_at_roster(findings, json_object_get(status, "roster"));
        look_at_inbox(findings, status, inbox);
    }
    json_decref(status);
    json_decref(refused);
    json_decref(inbox);
    return code;
}

int cli_doctor(struct cli *cli, int argc, char **argv)
{
    static const struct options_row none[1];
    struct findings findings = {0};
    struct error error = {0};
    int first = 0;
    struct options_spec spec = {
        .program = "leadbus doctor",
        .usage_zh = "[选项]",
        .usage_en = "[OPTIONS]",
        .about_zh = "检查本单位这一端：哪里不对，下一步做什么。有需要处理的事项时退出码为 1。",
        .about_en =
            "Looks at this unit's end: what is wrong, and the next step. Exits with 1 where "
            "there is something to do.",
        .rows = none,
        .row_count = 0};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    findings.list = json_array();
    status = examine(cli, &findings, &error);
    bool any = json_array_size(findings.list) > 0;
    if (!status && cli->json) {
        json_t *answer = json_pack("{s:b,s:O}", "ok", !any, "findings", findings.list);
        status = cli_print_json(answer);
        json_decref(answer);
    } else if (!status) {
        tell(findings.list);
    } else {
        status = cli_fail(cli, status, &error);
    }
    json_decref(findings.list);
    return !status && any ? EXIT_FINDINGS : status;
}
