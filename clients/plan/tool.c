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

static int read_input(size_t len_max, struct buf *buf, struct error *ret_error)
{
    enum { CHUNK = 65536 };
    size_t taken = 0;
    for (;;) {
        uint8_t chunk[CHUNK];
        ssize_t got = read(STDIN_FILENO, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return error_set(ret_error, E_IO, "-", "%s", strerror(errno));
        if (got == 0) return 0;
        if ((size_t)got > len_max - taken)
            return error_set(ret_error, E_TOO_LARGE, "-", T("超过 %zu 字节", "more than %zu bytes"),
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

int tool_plan_load(const char *folder, struct tool_plan *ret, struct error *ret_error)
{
    int rc = 0;
    struct buf path = {0};
    *ret = (struct tool_plan){0};
    for (size_t i = 0; rc == 0 && i < PLAN_PART_COUNT; i++) {
        ret->parts[i] = tool_shipped[i];
        if (!folder) continue;
        buf_reset(&path);
        buf_printf(&path, "%s/%s", folder, plan_part_names[i] + strlen("plan/"));
        buf_append_u8(&path, 0);
        rc =
            file_read((const char *)path.data, LIMIT_TABLE_BYTES_MAX, &ret->contents[i], ret_error);
        ret->parts[i].content = buf_bytes(&ret->contents[i]);
    }
    buf_fini(&path);
    if (rc == 0) rc = plan_parse(ret->parts, PLAN_PART_COUNT, &ret->plan, ret_error);
    if (rc != 0) tool_plan_fini(ret);
    return rc;
}

void tool_plan_fini(struct tool_plan *plan)
{
    plan_free(plan->plan);
    for (size_t i = 0; i < PLAN_PART_COUNT; i++) buf_fini(&plan->contents[i]);
    *plan = (struct tool_plan){0};
}
