/* leadbus-plan: from a published plan to routes. Works off line. */
#include <string.h>

#include "clients/plan/tool.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *zh, *en;
} commands[] = {
    {"lint", cmd_lint, "检查方案数据表", "check a plan's tables"},
    {"explain", cmd_explain, "谁会收到、依据哪一条", "who receives it, and by which clause"},
    {"diff", cmd_diff, "两份方案之间谁多收、少收", "who gains or loses what between two plans"},
    {"graph", cmd_graph, "把方案画成一幅图", "a plan as a picture"},
    {"lifecycle", cmd_lifecycle, "把办理流程画成一幅图", "the lifecycle as a picture"},
    {"chains", cmd_chains, "把环节的先后画成一幅图", "the chains of steps as a picture"},
    {"stats", cmd_stats, "方案的数字", "a plan in figures"},
    {"derive", cmd_derive, "由方案原文草拟任务分工表", "draft the task table from a plan's text"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void help(FILE *file)
{
    (void)fprintf(file, "%s",
                  T("用法：leadbus-plan 命令 [选项]\n\n"
                    "由方案原文到路由的离线工具。\n\n命令：\n",
                    "Usage: leadbus-plan COMMAND [options]\n\n"
                    "From a published plan to routes, off line.\n\n"
                    "Commands:\n"));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        (void)fprintf(file, "  %-11s%s\n", commands[i].name, T(commands[i].zh, commands[i].en));
    (void)fprintf(file, "%s",
                  T("\n“leadbus-plan 命令 --help”说明各命令。退出码按 sysexits.h。\n",
                    "\n\"leadbus-plan COMMAND --help\" explains one. Exit codes: sysexits.h.\n"));
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

int main(int argc, char **argv)
{
    while (argc > 1 && strncmp(argv[1], "--lang", 6) == 0) {
        bool apart = argv[1][6] == 0;
        const char *value = argv[1][6] == '=' ? argv[1] + 7 : "";
        if (apart && argc > 2) value = argv[2];
        if (options_lang("leadbus-plan", value) != 0) return options_exit_code(E_USAGE);
        argc -= 1 + apart;
        argv += 1 + apart;
    }
    const char *name = argc > 1 ? argv[1] : "";
    bool then_lang = argc > 3 && is_help(name) && strcmp(argv[2], "--lang") == 0;
    if (then_lang && options_lang("leadbus-plan", argv[3]) != 0) return options_exit_code(E_USAGE);
    if (is_help(name)) {
        help(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("leadbus-plan %s\n", LEADBUS_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0) return commands[i].run(argc - 1, argv + 1);
    if (*name)
        (void)fprintf(stderr, T("leadbus-plan：没有命令 %s\n\n", "leadbus-plan: no command %s\n\n"),
                      name);
    help(stderr);
    return options_exit_code(E_USAGE);
}
