#include <sysexits.h>

#include "clients/plan/derive/encoding.h"
#include "clients/plan/tool.h"

/* A plan that runs to more than this is no plan. */
enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

int cmd_derive(int argc, char **argv)
{
    const struct options_spec spec = {
        "leadbus-plan derive",
        "文件|-",
        "FILE|-",
        "读取方案原文（UTF-8 文本），草拟任务分工表。",
        "Reads a plan as published (UTF-8 text) and drafts the task table.",
        NULL,
        0};
    struct buf text = {0};
    struct error error = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    if (first + 1 != argc) {
        options_help(&spec, stderr);
        return options_exit_code(E_USAGE);
    }
    rc = tool_read(argv[first], TEXT_BYTES_MAX, &text, &error);
    if (rc == 0) rc = encoding_check(buf_bytes(&text), &error);
    buf_fini(&text);
    if (rc != 0) return tool_fail(rc, &error);
    (void)fprintf(stderr, "%s\n",
                  T("leadbus-plan：编码无误；本版尚不能推导",
                    "leadbus-plan: the encoding is right; this build does not derive yet"));
    return EX_UNAVAILABLE;
}
