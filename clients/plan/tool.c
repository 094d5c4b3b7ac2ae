#include "clients/plan/tool.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proto/host/file.h"

int tool_fail(int code, const struct error *error)
{
    i18n_complain("leadbus-plan", code, error);
    return options_exit_code(code);
}

int tool_options(const struct options_spec *spec, int argc, char **argv, const char **lang,
                 int operands_min, int operands_max, int *ret_first)
{
    int rc = options_parse(spec, argc, argv, false, ret_first);
    if (rc != 0) return rc;
    if (*lang && strcmp(*lang, "zh") != 0 && strcmp(*lang, "en") != 0)
        return options_wrong(spec, T("--lang 应为 zh 或 en", "--lang takes zh or en"));
    if (*lang) i18n_set(strcmp(*lang, "en") == 0 ? LANG_EN : LANG_ZH);
    return options_count(spec, argc, argv, *ret_first, operands_min, operands_max);
}

static int read_input(size_t len_max, struct buf *buf, struct error *ret_error)
{
    enum { CHUNK = 65536 };
    size_t taken = 0;
    for (;;) {
        uint8_t chunk[CHUNK];
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return file_said(ret_error, E_IO, "-", NULL, errno);
        if (got == 0) return 0;
        if ((size_t)got > len_max - taken)
            return error_say(ret_error, E_TOO_LARGE, "-", "超过 %zu 字节", "more than %zu bytes",
                             len_max);
        buf_append(buf, chunk, (size_t)got);
        taken += (size_t)got;
    }
}

int tool_read(const char *path, size_t len_max, struct buf *buf, struct error *ret_error)
{
    if (strcmp(path, "-") == 0) return read_input(len_max, buf, ret_error);
    return file_read(path, len_max, buf, ret_error);
}
