/* leadbus: a table of commands. */
#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/cli/cli.h"

static const struct cli_command commands[] = {
    {"kinds", cli_kinds, "消息种类；某一种类的字段、代码与样例", "kinds; fields, codes of one"},
    {"preview", cli_preview, "查看将发给谁、依据何在", "who would receive it, and why"},
    {"send", cli_send, "发送一条消息", "send a message"},
    {"inbox", cli_inbox, "收到的消息，各自还要做什么", "what arrived, and what is left to do"},
    {"outbox", cli_outbox, "发出的消息，各自到了哪一步", "what was sent, and how far it is"},
    {"threads", cli_threads, "线索一览", "the threads"},
    {"show", cli_show, "显示一条消息", "show a message"},
    {"thread", cli_thread, "一条线索的经过和各单位进度", "a thread and where each unit is"},
#define COMMAND(id, slug, list_zh, list_en, ...) {slug, cli_act, list_zh, list_en},
#include "clients/cli/acts.def"
    {"attachment", cli_attachment, "列出或保存附件", "list or save attachments"},
    {"receipt", cli_receipt, "打印总线回执", "print the receipt of the bus"},
    {"print", cli_print, "打印签收回执或移交清单", "print who signed, or what is handed over"},
    {"roster", cli_roster, "谁在值班", "who is on duty"},
    {"file", cli_file, "受害人专门档案（保管单位）", "files of victims, at their keeper"},
    {"stats", cli_stats, "本单位的考核数字及其由来", "this unit's figures, and what they are of"},
    {"status", cli_status, "代理状态", "how the agent is"},
    {"confirm-restored", cli_confirm_restored, "确认由备份恢复的总线日志",
     "go along with a bus put back from a backup"},
    {"doctor", cli_doctor, "哪里不对、怎么办", "what is wrong, and what to do"},
    {"complete", cli_complete, NULL, NULL},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

/* The command list in the language of the reader, for the about text of --help. */
static void command_list(enum lang lang, char *ret_text, size_t cap)
{
    size_t len = (size_t)snprintf(
        ret_text, cap, "%s",
        lang == LANG_ZH
            ? "经本单位代理收发反拐线索。\n\n命令（各自有 --help）:\n"
            : "Sends and receives leads through the unit's agent.\n\nCommands (each has "
              "--help):\n");
    for (size_t i = 0; i < COMMAND_COUNT && commands[i].about_zh && len < cap; i++)
        len += (size_t)snprintf(ret_text + len, cap - len, "%s  %-16s %s", i ? "\n" : "",
                                commands[i].name,
                                lang == LANG_ZH ? commands[i].about_zh : commands[i].about_en);
}

static const struct cli_command *find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static char about_zh[2048];
    static char about_en[2048];
    const char *agent = getenv("LEADBUS_AGENT");
    struct cli cli = {.agent = agent && *agent ? agent : "/run/leadbus/agent.sock",
                      .officer = getenv("LEADBUS_OFFICER")};
    struct options_row rows[CLI_GLOBAL_ROWS];
    int first = 0;
    cli_global_rows(&cli, rows);
    command_list(LANG_ZH, about_zh, sizeof about_zh);
    command_list(LANG_EN, about_en, sizeof about_en);
    const struct options_spec spec = {.program = "leadbus",
                                      .usage_zh = "[选项] 命令 [参数...]",
                                      .usage_en = "[OPTIONS] COMMAND [ARGUMENTS...]",
                                      .about_zh = about_zh,
                                      .about_en = about_en,
                                      .rows = rows,
                                      .row_count = CLI_GLOBAL_ROWS};
    int status = options_parse(&spec, argc, argv, true, &first);
    if (status == OPTIONS_DONE) return 0;
    if (status) return options_exit_code(status);
    if (!cli_set_lang(&cli)) return cli_misuse(&cli, "--lang", "应为 zh 或 en", "zh or en");
    const struct cli_command *command = first < argc ? find(argv[first]) : NULL;
    if (!command && first < argc)
        return cli_misuse(&cli, argv[first], "没有这个命令", "no such command");
    if (!command) return cli_misuse(&cli, NULL, "请给出命令", "give a command");
    if (sodium_init() < 0 || curl_global_init(CURL_GLOBAL_DEFAULT)) return options_exit_code(E_IO);
    status = command->run(&cli, argc - first, argv + first);
    if (cli.curl) curl_easy_cleanup(cli.curl);
    json_decref(cli.problem);
    curl_global_cleanup();
    if (fflush(stdout) && !status) status = options_exit_code(E_IO);
    return status;
}
