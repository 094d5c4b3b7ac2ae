#include "clients/plan/tool.h"
#include "clients/plan/view/legs.h"

int cmd_lifecycle(int argc, char **argv)
{
    const char *lang = NULL;
    const struct options_row rows[] = {TOOL_OPTION_LANG(&lang)};
    const struct options_spec spec = {
        "leadbus-plan lifecycle",
        "[选项] >图.svg",
        "[options] >FILE.svg",
        "把办理流程表画成一幅图（SVG）：何种状态下谁可作何种操作、结果如何。各方案相同。",
        "Draws the lifecycle table (SVG): who may do what in which state, and what follows. The "
        "same for every plan.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct buf svg = {0};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &lang, 0, 0, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    legs_write(i18n_lang(), &svg);
    int status = tool_print(buf_bytes(&svg));
    buf_fini(&svg);
    return status;
}
