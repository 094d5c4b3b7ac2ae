#include "clients/replay/out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/file.h"

const char *out_time(uint64_t time_ms, char ret_text[I18N_TIME_LEN])
{
    i18n_time(time_ms, ret_text);
    return ret_text;
}

const char *out_officer(const char *officer)
{
    return officer[0] == '\0' ? T("未填", "not stated") : officer;
}

/* ---- progress ---------------------------------------------------------------------------------
 */
static bool progress_shown;

static bool can_redraw(void)
{
    static int known = -1;
    if (known < 0) {
        const char *term = getenv("TERM");
        known = isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0 ? 1 : 0;
    }
    return known == 1;
}

void out_progress(uint64_t done, uint64_t size)
{
    enum { WIDTH = 40, SHORT = 2000 };
    static uint64_t last_step = UINT64_MAX;
    char bar[WIDTH + 1];
    if (size < SHORT || !can_redraw()) return;
    uint64_t step = done * 1000 / size;
    if (step == last_step) return;
    last_step = step;
    size_t filled = (size_t)(done * WIDTH / size);
    memset(bar, '-', WIDTH);
    memset(bar, '#', filled);
    bar[WIDTH] = '\0';
    fprintf(stderr, "\r[%s] %llu/%llu", bar, (unsigned long long)done, (unsigned long long)size);
    progress_shown = true;
}

void out_progress_end(void)
{
    if (progress_shown) fputs("\r\033[K", stderr);
    progress_shown = false;
}

/* ---- errors -----------------------------------------------------------------------------------
 */
static int exit_of(int code)
{
    switch (code) {
    case E_USAGE: return EX_USAGE;
    case E_IO: return EX_IOERR;
    case E_STORE_LOCKED: return EX_TEMPFAIL;
    case E_STORE_VERSION: return EX_DATAERR;
    default: return error_class(code) == ERROR_CLASS_ENVIRONMENT ? EX_OSERR : 1;
    }
}

int out_error_as(int status, int code, const struct error *error, bool json)
{
    const char *detail = error_detail(error, i18n_lang());
    out_progress_end();
    if (json) {
        json_t *object = json_pack("{s:s, s:i, s:s, s:s, s:s}", "code", error_name(code), "number",
                                   -code, "place", error->field, "detail", error->detail, "text",
                                   error_text(code, i18n_lang()));
        if (status == 1) json_object_set_new(object, "holds", json_false());
        if (error->detail_zh[0] != '\0')
            json_object_set_new(object, "detail_zh", json_string(error->detail_zh));
        out_json(object);
    }
    fflush(stdout);
    fprintf(stderr, "%s%s%s: %s (%s)\n", status == 1 ? T("不成立：", "does not hold: ") : "",
            error->field, error->field[0] != '\0' ? "" : "leadbus-replay",
            error_text(code, i18n_lang()), error_name(code));
    if (detail[0] != '\0') fprintf(stderr, "  %s\n", detail);
    return status;
}

int out_error(int code, const struct error *error, bool json)
{
    return out_error_as(exit_of(code), code, error, json);
}

int out_usage(const char *format, ...)
{
    va_list args;
    fputs(T("leadbus-replay：", "leadbus-replay: "), stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(T("\n用法见 leadbus-replay --help\n", "\nsee leadbus-replay --help\n"), stderr);
    return EX_USAGE;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */
void out_json(json_t *take_object)
{
    CHECK(take_object != NULL);
    json_dumpf(take_object, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(take_object);
}

json_t *out_hex(struct bytes bytes)
{
    char *text = malloc(2 * bytes.len + 1);
    CHECK(text != NULL);
    hex_encode(bytes, text);
    json_t *value = json_string(text);
    free(text);
    return value;
}

json_t *out_base64(struct bytes bytes)
{
    struct buf text = {0};
    base64_append(&text, bytes);
    json_t *value = json_stringn((const char *)text.data, text.len);
    buf_fini(&text);
    return value;
}

/* ---- files ------------------------------------------------------------------------------------
 */
int out_file_load(const char *path, size_t cap, struct buf *ret, struct error *ret_error)
{
    struct buf content = {0};
    int code = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return file_said(ret_error, E_IO, path, NULL, errno);
    for (;;) {
        uint8_t chunk[65536];
        ssize_t got = read(file, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) code = file_said(ret_error, E_IO, path, NULL, errno);
        if (got <= 0) break;
        if (content.len + (size_t)got > cap) {
            code = error_say(ret_error, E_TOO_LARGE, path, "超过 %zu 字节", "more than %zu bytes",
                             cap);
            break;
        }
        buf_append(&content, chunk, (size_t)got);
    }
    close(file);
    if (code == 0) buf_append_bytes(ret, buf_bytes(&content));
    buf_fini(&content);
    return code;
}

static int write_whole(int file, struct bytes content)
{
    while (content.len > 0) {
        ssize_t put = write(file, content.data, content.len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return -1;
        content.data += put;
        content.len -= (size_t)put;
    }
    return fsync(file);
}

int out_file_save(const char *path, struct bytes content, struct error *ret_error)
{
    struct buf temporary = {0};
    int code = 0, file;
    buf_printf(&temporary, "%s.XXXXXX", path);
    buf_append_u8(&temporary, 0);
    char *name = (char *)temporary.data;
    file = mkstemp(name);
    if (file < 0) {
        code = file_said(ret_error, E_IO, path, NULL, errno);
        goto out;
    }
    if (write_whole(file, content) != 0 || fchmod(file, 0644) != 0 || rename(name, path) != 0) {
        code = file_said(ret_error, E_IO, path, NULL, errno);
        unlink(name);
    }
    close(file);
out:
    buf_fini(&temporary);
    return code;
}
