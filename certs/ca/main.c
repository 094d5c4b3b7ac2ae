/* leadbus-ca: the authority's tool: roots, requests, certificates, bundles. Works off line. */
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "certs/ca/ca.h"
#include "proto/host/i18n.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *zh, *en;
} commands[] = {
    {"init", ca_init, "建立信任根与授权人密钥", "make the root of trust and the authorities' keys"},
    {"request", ca_request, "在单位生成密钥与入网申请", "make a unit's keys and its request"},
    {"issue", ca_issue, "核验申请，写入名录草稿",
     "check requests, add certificates to a directory"},
    {"bundle", ca_bundle, "由方案与名录生成方案包草稿",
     "make a bundle draft of plan and directory"},
    {"sign", ca_sign, "以一位授权人的密钥签名", "add one authority's signature"},
    {"combine", ca_combine, "合并分头签名的副本", "combine copies signed apart"},
    {"adopt", ca_adopt, "把签发的序列号写入密钥文件", "write the issued serial into keyrings"},
    {"show", ca_show, "查看任何一种文件", "show any of these files"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void help(FILE *file)
{
    (void)fprintf(file, "%s",
                  T("用法：leadbus-ca 命令 [选项]\n\n"
                    "授权机构的离线工具：信任根、证书、方案包。\n\n命令：\n",
                    "Usage: leadbus-ca COMMAND [options]\n\n"
                    "The authority's tool, off line: root of trust, certificates, bundles.\n\n"
                    "Commands:\n"));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(file, "  %-10s%s\n", commands[i].name, T(commands[i].zh, commands[i].en));
    (void)fprintf(
        file, "%s",
        T("\n“leadbus-ca 命令 --help”说明各命令；--lang zh|en 选择语言。退出码按 sysexits.h。\n",
          "\n\"leadbus-ca COMMAND --help\" explains one; --lang zh|en is the language. Exit codes: "
          "sysexits.h.\n"));
}

int main(int argc, char **argv)
{
    /* Secrets pass through this process: no core file and no debugger of the same user. */
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
    if (sodium_init() < 0) return options_exit_code(E_IO);
    if (argc > 2 && strcmp(argv[1], "--lang") == 0) {
        if (options_lang("leadbus-ca", argv[2]) != 0) return options_exit_code(E_USAGE);
        argc -= 2;
        argv += 2;
    }
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("leadbus-ca %s\n", LEADBUS_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].run(argc - 1, argv + 1);
    if (*name)
        (void)fprintf(stderr, T("leadbus-ca：没有命令 %s\n\n", "leadbus-ca: no command %s\n\n"),
                      name);
    help(stderr);
    return options_exit_code(E_USAGE);
}
