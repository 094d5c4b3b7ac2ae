#include "clients/plan/tool.h"
#include "clients/plan/view/graph.h"
#include "clients/plan/view/lookup.h"

int cmd_graph(int argc, char **argv)
{
    const char *kind = NULL, *lang = NULL;
    struct graph_options graph = {0};
    const struct options_row rows[] = {
        {.name = "kind",
         .value_zh = "种类",
         .value_en = "KIND",
         .doc_zh = "只画一个种类，逐主题展开",
         .doc_en = "one kind only, topic by topic",
         .text = &kind},
        {.name = "streets",
         .doc_zh = "各街道办事处分别画出",
         .doc_en = "every street office apart",
         .flag = &graph.streets},
        TOOL_OPTION_LANG(&lang),
    };
    const struct options_spec spec = {
        "leadbus-plan graph",
        "[选项] [方案] >图.svg",
        "[options] [PLAN] >FILE.svg",
        "把方案画成一幅图（SVG）：谁发送、谁须签收、谁抄送。黑白打印亦可分辨。",
        "Draws a plan (SVG): who sends, who must sign, who gets a copy. Fit for black and white.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    struct tool_plan source;
    struct buf svg = {0};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &lang, 0, 1, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    rc = tool_plan_load(argc > first ? argv[first] : NULL, &source, &error);
    if (rc != 0) return tool_fail(rc, &error);
    graph.lang = i18n_lang();
    int status = 0;
    if (kind) rc = lookup_kind(source.plan, "--kind", kind, graph.lang, &graph.kind, &error);
    if (rc != 0) {
        status = tool_fail(rc, &error);
    } else {
        graph_write(source.plan, &graph, &svg);
        status = tool_print(buf_bytes(&svg));
    }
    buf_fini(&svg);
    tool_plan_fini(&source);
    return status;
}
