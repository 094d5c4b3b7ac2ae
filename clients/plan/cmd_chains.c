#include "clients/plan/tool.h"
#include "clients/plan/view/chain_svg.h"

int cmd_chains(int argc, char **argv)
{
    const char *lang = NULL;
    const struct options_row rows[] = {TOOL_OPTION_LANG(&lang)};
    const struct options_spec spec = {
        "leadbus-plan chains",
        "[选项] [方案] >图.svg",
        "[options] [PLAN] >FILE.svg",
        "把方案规定的环节先后画成一幅图（SVG）：何者在前、何者相斥、责任何时归谁。",
        "Draws a plan's chains (SVG): what comes before what, what excludes what, and who has "
        "custody.",
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
    chain_svg_write(source.plan, i18n_lang(), &svg);
    int status = tool_print(buf_bytes(&svg));
    buf_fini(&svg);
    tool_plan_fini(&source);
    return status;
}
