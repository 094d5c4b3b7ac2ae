#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "proto/host/options.h"

enum {
    TAKES_LEAD = 1,
    NEEDS_OUT = 2,
    TAKES_KEYS = 4,
    NEEDS_TRUST = 8,
    TAKES_CHUNKS = 16,
    TAKES_PERIOD = 32
};

static const struct command {
    const char *name;
    int (*run)(struct command_options *options);
    unsigned flags;
} commands[] = {
    {"verify", command_verify, TAKES_CHUNKS},
    {"replay", command_replay, TAKES_CHUNKS},
    {"list", command_list, 0},
    {"stats", command_stats, TAKES_PERIOD},
    {"explain", command_explain, TAKES_LEAD},
    {"prove", command_prove, TAKES_LEAD | NEEDS_OUT},
    {"check", command_check, TAKES_KEYS | NEEDS_TRUST},
};

static int add_key(struct command_options *options, const char *text)
{
    struct error error = {0};
    if (options->trust.key_count == EVIDENCE_KEY_COUNT_MAX)
        return out_usage(T("--key 过多", "too many --key"));
    int code =
        note_key_parse(bytes_of_str(text), &options->trust.keys[options->trust.key_count], &error);
    if (code != 0) return out_usage("--key %s: %s", text, error_detail(&error, i18n_lang()));
    options->trust.key_count++;
    return 0;
}

static const char about_zh[] =
    "核查日志副本。不联网，不用任何密钥，不写日志。\n"
    "\n"
    "  verify  日志              逐条核对：哈希树、密文、签名、检查点\n"
    "  replay  日志              verify 的全部，并逐条重新裁决，比对状态，给出各单位总账\n"
    "  list    日志              列出每条消息及其接收单位（只有信头，没有正文）\n"
    "  stats   日志              考核：各单位的签收、超期、退回、转办、办结及用时，只由日志算出\n"
    "  explain 日志 线索         一条线索：发给谁、依据哪一条、谁没有收到及原因、办理过程\n"
    "  prove   日志 线索 -o 文件 生成证据文件：一条线索及其收到、签收的证明\n"
    "  check   证据              只凭信任根的公钥核对证据文件\n"
    "\n"
    "线索：日志序号或消息编号（UUID）。日志须是已停写的副本（没有 -wal 文件）。\n"
    "退出码：0 全部成立；1 不成立（指出第一处）；64 用法；65 版本，或不是日志；66、74 读写；\n"
    "75 日志仍在写。";
static const char about_en[] =
    "Audits a copy of a journal. No network, no keys, writes nothing to the journal.\n"
    "\n"
    "  verify  JOURNAL              every record: hash tree, ciphertexts, signatures, heads\n"
    "  replay  JOURNAL              all of verify; decides every record again, compares the\n"
    "                               state, prints the account of every unit\n"
    "  list    JOURNAL              every message and its recipients (headers, no contents)\n"
    "  stats   JOURNAL              assessment: what each unit signed for, missed, returned,\n"
    "                               passed on and closed, and how long it took, from the\n"
    "                               journal alone\n"
    "  explain JOURNAL LEAD         one lead: to whom, by which clause, who was left out and\n"
    "                               why, and what was done\n"
    "  prove   JOURNAL LEAD -o FILE an evidence file: the lead, its delivery, its handling\n"
    "  check   EVIDENCE             checks one with nothing but the root's public keys\n"
    "\n"
    "LEAD: a journal index or a message id (UUID). The journal must be a copy that nobody\n"
    "writes to (no -wal file beside it).\n"
    "exit: 0 all holds; 1 it does not (the first fault is named); 64 usage; 65 version, or no\n"
    "journal at all; 66, 74 files; 75 the journal is still being written.";

/* 0: *ret_first is the command in argv. OPTIONS_DONE, or EX_USAGE. */
static int parse_options(int argc, char **argv, struct command_options *options, int *ret_first)
{
    const char *threshold = NULL;
    struct options_list keys = {0};
    const struct options_row rows[] = {
        {"root", 0, "文件", "FILE", "信任根；不给时采用日志自称的根并警告",
         "the root of trust; without it the one that the journal names, with a warning", NULL,
         &options->root_path, NULL},
        {"checkpoint", 0, "文件", "FILE",
         "他处留存的检查点或回执（.tlog-proof）；没有它看不出日志被截短",
         "a head or receipt (.tlog-proof) kept elsewhere; without one a journal that was cut looks "
         "whole",
         NULL, &options->checkpoint_path, NULL},
        {"chunks", 0, "目录", "FOLDER",
         "verify、replay 用：附件分块目录；默认为日志旁的 chunks（如有）",
         "verify, replay: the chunks of attachments; \"chunks\" beside the journal by default",
         NULL, &options->chunks_path, NULL},
        {"by", 0, "项[,项]", "WHAT[,WHAT]",
         "stats 用：按 unit（单位）、task（任务条款）、kind（种类）分行；默认 unit",
         "stats: a row for each unit, task and kind named here (default unit)", NULL, &options->by,
         NULL},
        {"from", 0, "日期", "DAY", "stats 用：自此日起算的，如 2026-01-01",
         "stats: of what began from that day on, e.g. 2026-01-01", NULL, &options->from, NULL},
        {"until", 0, "日期", "DAY", "stats 用：此日之前起算的（不含此日）",
         "stats: of what began before that day", NULL, &options->until, NULL},
        {"unit", 0, "单位", "UNIT", "stats 用：只算该单位", "stats: of that unit alone", NULL,
         &options->unit, NULL},
        {"csv", 0, NULL, NULL, "stats 用：输出 CSV（UTF-8，有表头）",
         "stats: print CSV (UTF-8, with a header)", &options->csv, NULL, NULL},
        {"publish", 0, NULL, NULL, "stats 用：对外公布；1 至 4 的数写作 <5，不给其用时",
         "stats: for others to see: 1 to 4 is written <5, without its times", &options->publish,
         NULL, NULL},
        {"key", 0, "公钥", "VKEY", "check 用：信任根的公钥（vkey），可多次给出",
         "check: a public key of the root; may be repeated", NULL, NULL, &keys},
        {"threshold", 0, "数", "N", "check 用：其中至少几个公钥须已签名（默认全部）",
         "check: how many of those keys must have signed (all by default)", NULL, &threshold, NULL},
        {"output", 'o', "文件", "FILE", "prove 用：证据文件", "prove: the evidence file", NULL,
         &options->out_path, NULL},
        {"json", 0, NULL, NULL, "输出 JSON", "print JSON", &options->json, NULL, NULL},
    };
    const struct options_spec spec = {.program = "leadbus-replay",
                                      .usage_zh = "命令 [选项] 文件 [线索]",
                                      .usage_en = "COMMAND [options] FILE [LEAD]",
                                      .about_zh = about_zh,
                                      .about_en = about_en,
                                      .rows = rows,
                                      .row_count = sizeof rows / sizeof rows[0]};
    int code = options_parse(&spec, argc, argv, false, ret_first);
    if (code != 0) return code == OPTIONS_DONE ? code : EX_USAGE;
    int status = 0;
    for (size_t i = 0; status == 0 && i < keys.count; i++) status = add_key(options, keys.items[i]);
    if (status == 0 && threshold != NULL) {
        if (threshold[strspn(threshold, "0123456789")] != '\0' || atoi(threshold) < 1)
            status = out_usage(T("--threshold %s：应为正整数", "--threshold %s: a number from 1"),
                               threshold);
        else
            options->trust.threshold = (size_t)atoi(threshold);
    }
    return status;
}

static int load(const char *path, size_t cap, struct buf *ret)
{
    struct error error = {0};
    if (path == NULL) return 0;
    int code = out_file_load(path, cap, ret, &error);
    if (code == 0) return 0;
    return out_error_as(EX_NOINPUT, code, &error, false);
}

static int load_files(struct command_options *options)
{
    struct stat folder;
    if (options->chunks_path != NULL &&
        (stat(options->chunks_path, &folder) != 0 || !S_ISDIR(folder.st_mode))) {
        fprintf(stderr, T("leadbus-replay：没有目录 %s\n", "leadbus-replay: no folder %s\n"),
                options->chunks_path);
        return EX_NOINPUT;
    }
    int status = load(options->root_path, LIMIT_NOTE_BYTES_MAX, &options->root_note);
    if (status == 0)
        status = load(options->checkpoint_path, LIMIT_TLOGPROOF_BYTES_MAX, &options->checkpoint);
    options->trust.root_note = buf_bytes(&options->root_note);
    return status;
}

static int run(const struct command *command, struct command_options *options, int count,
               char **words)
{
    int wanted = command->flags & TAKES_LEAD ? 2 : 1;
    if (count != wanted)
        return out_usage(T("%s 需要 %d 个参数", "%s takes %d arguments"), command->name, wanted);
    options->journal = words[0];
    if (wanted == 2) options->lead = words[1];
    if ((command->flags & NEEDS_OUT) != 0 && options->out_path == NULL)
        return out_usage(T("%s 需要 -o 文件", "%s needs -o FILE"), command->name);
    if ((command->flags & TAKES_KEYS) == 0 && options->trust.key_count > 0)
        return out_usage(T("%s 不用 --key", "%s takes no --key"), command->name);
    if ((command->flags & TAKES_KEYS) != 0 && options->checkpoint_path != NULL)
        return out_usage(T("%s 不用 --checkpoint", "%s takes no --checkpoint"), command->name);
    if ((command->flags & NEEDS_TRUST) != 0 &&
        (options->root_path == NULL) == (options->trust.key_count == 0))
        return out_usage(T("%s 需要 --root 或 --key，二者之一", "%s needs either --root or --key"),
                         command->name);
    if ((command->flags & TAKES_CHUNKS) == 0 && options->chunks_path != NULL)
        return out_usage(T("%s 不用 --chunks", "%s takes no --chunks"), command->name);
    if ((command->flags & TAKES_PERIOD) == 0 && (options->by || options->from || options->until ||
                                                 options->unit || options->csv || options->publish))
        return out_usage(T("%s 不用 --by、--from、--until、--unit、--csv、--publish",
                           "%s takes no --by, --from, --until, --unit, --csv or --publish"),
                         command->name);
    if (options->trust.threshold == 0) options->trust.threshold = options->trust.key_count;
    if (options->trust.threshold > options->trust.key_count)
        return out_usage(T("--threshold 大于公钥个数", "--threshold is above the number of keys"));
    struct error error = {0};
    int code = command->flags & TAKES_KEYS ? 0 : audit_check_kind(options->journal, &error);
    if (code != 0) return out_error_as(EX_DATAERR, code, &error, options->json);
    int status = load_files(options);
    return status != 0 ? status : command->run(options);
}

int main(int argc, char **argv)
{
    struct command_options options = {0};
    int first = 0;
    if (sodium_init() < 0) return EX_SOFTWARE;
    int status = parse_options(argc, argv, &options, &first);
    if (status == OPTIONS_DONE) return fflush(stdout) != 0 ? EX_IOERR : 0;
    if (status == 0 && first == argc) {
        status = out_usage(T("缺少命令", "no command"));
    } else if (status == 0) {
        const struct command *command = NULL;
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
            if (strcmp(commands[i].name, argv[first]) == 0) command = &commands[i];
        status = command == NULL ? out_usage(T("没有命令 %s", "no command %s"), argv[first])
                                 : run(command, &options, argc - first - 1, argv + first + 1);
    }
    buf_fini(&options.root_note);
    buf_fini(&options.checkpoint);
    if (fflush(stdout) != 0 && status == 0) status = EX_IOERR;
    return status;
}
