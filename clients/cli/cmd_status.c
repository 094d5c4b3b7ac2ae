#include <stdio.h>
#include <string.h>

#include "clients/cli/cli.h"

static void print_restored(const json_t *restored)
{
    if (!restored) return;
    printf(T("总线日志由备份恢复（%s，%s）：备份 %lld 条，本单位见过 %lld 条。在此确认之前不收发\n",
             "the bus was put back from a backup (%s, %s): %lld records, this unit has seen %lld; "
             "nothing is sent or received until that is confirmed here\n"),
           cli_time(restored, "at"), cli_safe(cli_get(restored, "reason")),
           (long long)cli_number(restored, "backup_size"),
           (long long)cli_number(restored, "seen_size"));
    printf(
        T("  确认后重发 %lld 条已有回执的消息；已收的 %lld 条仍在本单位\n",
          "  then %lld messages that had receipts are sent again; the %lld that came stay here\n"),
        (long long)cli_number(restored, "send_again"), (long long)cli_number(restored, "received"));
    printf(T("  向总线运维电话核对名称后执行：leadbus confirm-restored %s\n",
             "  ask the bus's operator for the name by telephone, then: leadbus confirm-restored "
             "%s\n"),
           cli_safe(cli_get(restored, "origin")));
}

static void print_status(const json_t *answer)
{
    const json_t *bus = json_object_get(answer, "bus");
    const json_t *trust = json_object_get(answer, "trust");
    const json_t *outbox = json_object_get(answer, "outbox");
    const json_t *inbox = json_object_get(answer, "inbox");
    const json_t *files = json_object_get(answer, "attachments");
    const json_t *error = json_object_get(answer, "last_error");
    const json_t *alarm = json_object_get(answer, "alarm");
    printf("%s (%s)  leadbus %s\n", cli_safe(cli_label(answer, "unit")), cli_get(answer, "unit"),
           cli_get(answer, "version"));
    const char *since = cli_time(bus, "since");
    printf("%s %s%s%s\n",
           cli_true(bus, "connected") ? T("已连接", "connected to")
                                      : T("未连接", "not connected to"),
           cli_safe(cli_get(bus, "endpoint")), *since ? T("  自 ", "  since ") : "", since);
    printf(T("发件: 待发 %lld，在途 %lld，已入账 %lld，被拒 %lld\n",
             "outbox: %lld queued, %lld on the wire, %lld receipted, %lld refused\n"),
           (long long)cli_number(outbox, "queued"), (long long)cli_number(outbox, "sent"),
           (long long)cli_number(outbox, "receipted"), (long long)cli_number(outbox, "refused"));
    if (cli_number(outbox, "rewraps_owed") > 0)
        printf(T("待接收单位有了密钥再重新封装: %lld 件\n",
                 "to be rewrapped when their recipients have a key: %lld\n"),
               (long long)cli_number(outbox, "rewraps_owed"));
    printf(T("收件: 消息 %lld，通知 %lld，过期 %lld，异常 %lld\n",
             "inbox: %lld messages, %lld notices, %lld expired, %lld exceptions\n"),
           (long long)cli_number(inbox, "received"), (long long)cli_number(inbox, "notices"),
           (long long)cli_number(inbox, "tombstones"), (long long)cli_number(inbox, "exceptions"));
    printf(T("附件: 待上传 %lld，待接收 %lld，存有 %lld 字节\n",
             "attachments: %lld to send, %lld to fetch, %lld bytes kept\n"),
           (long long)cli_number(files, "uploads"), (long long)cli_number(files, "downloads"),
           (long long)cli_number(files, "bytes"));
    const json_t *again = json_object_get(inbox, "again");
    if (again)
        printf(T("收件库是旧备份：正从总线重新取回此前确认过的紧急 %lld 件、普通 %lld 件\n",
                 "the store is an older copy: %lld urgent and %lld normal that were acknowledged "
                 "before are being fetched again\n"),
               (long long)cli_number(again, "urgent"), (long long)cli_number(again, "normal"));
    printf(T("方案包 %lld，有效至 %s\n", "bundle %lld, until %s\n"),
           (long long)cli_number(trust, "bundle"), cli_time(trust, "bundle_expires_at"));
    printf("%s %s\n", T("证书有效至", "certificate until"),
           cli_time(trust, "certificate_not_after"));
    print_restored(json_object_get(answer, "restored"));
    if (error)
        printf("%s %s  %s\n", T("最近问题:", "last trouble:"), cli_time(error, "at"),
               cli_trouble(error, i18n_lang()));
    if (alarm)
        printf("%s %s  %s\n", T("警报（请立即报告授权机构）:", "ALARM (tell the authority):"),
               cli_time(alarm, "at"), cli_trouble(alarm, i18n_lang()));
}

int cli_status(struct cli *cli, int argc, char **argv)
{
    static const struct options_row none[1];
    struct error error = {0};
    json_t *answer = NULL;
    int first = 0;
    struct options_spec spec = {.program = "leadbus status",
                                .usage_zh = "[选项]",
                                .usage_en = "[OPTIONS]",
                                .about_zh =
                                    "显示本单位代理的状态；哪里不对、怎么办，见 leadbus doctor。",
                                .about_en = "Shows how the unit's agent is; what is wrong and what "
                                            "to do, says leadbus doctor.",
                                .rows = none,
                                .row_count = 0};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (first < argc) return cli_misuse(cli, argv[first], "不接受参数", "no operands");
    status = cli_call(cli, "GET", "/v1/status", NULL, &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        print_status(answer);
    json_decref(answer);
    return status;
}

int cli_confirm_restored(struct cli *cli, int argc, char **argv)
{
    static const struct options_row none[1];
    struct error error = {0};
    json_t *answer = NULL;
    int first = 0;
    struct options_spec spec = {
        .program = "leadbus confirm-restored",
        .usage_zh = "[选项] 日志名称",
        .usage_en = "[OPTIONS] ORIGIN",
        .about_zh = "确认总线日志已由备份恢复，并以此名称续行。名称须向总线运维电话核对。\n"
                    "备份之后已有回执的消息随即重发，已收的仍在本单位；对方已有的只算一次。",
        .about_en =
            "Says that the bus was put back from a backup and goes on under this name, which "
            "its operator told you by telephone.\nMessages with a receipt from after the "
            "backup are sent again; who has them already has them once.",
        .rows = none,
        .row_count = 0};
    int status = cli_options(cli, &spec, argc, argv, &first);
    if (status) return status == OPTIONS_DONE ? 0 : options_exit_code(status);
    if (argc - first != 1)
        return cli_misuse(cli, NULL, "须给出一个日志名称", "one ORIGIN is needed");
    status = cli_call(cli, "POST", "/v1/restored", json_pack("{s:s}", "origin", argv[first]),
                      &answer, NULL, &error);
    if (status) return cli_fail(cli, status, &error);
    if (cli->json)
        status = cli_print_json(answer);
    else
        puts(T("已确认。重发情况见 leadbus outbox。",
               "confirmed; leadbus outbox shows what is sent again"));
    json_decref(answer);
    return status;
}
