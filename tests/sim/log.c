/* What the broker logs, kept for the run instead of written: it stands in the place of the shipped
 * proto/host/log.c, behind the same header. */
#include "proto/host/log.h"

#include <string.h>

#include "tests/sim/said.h"

static said_heard the_heard;
static void *the_ctx;

void said_init(said_heard heard, void *ctx)
{
    the_heard = heard;
    the_ctx = ctx;
}

void log_init(enum log_level least, enum log_format format)
{
    (void)least;
    (void)format;
}

bool log_wanted(enum log_level level)
{
    return level >= LOG_LEVEL_INFO;
}

int log_level_parse(const char *text, enum log_level *ret, struct error *ret_error)
{
    (void)ret;
    return error_set(ret_error, E_BAD_VALUE, "level", "%s", text);
}

int log_format_parse(const char *text, enum log_format *ret, struct error *ret_error)
{
    (void)ret;
    return error_set(ret_error, E_BAD_VALUE, "format", "%s", text);
}

static void write_field(const struct log_field *field, struct buf *line)
{
    buf_printf(line, " %s=", field->key);
    switch (field->type) {
    case LOG_FIELD_TEXT: buf_append_str(line, field->value.text); return;
    case LOG_FIELD_U64: buf_printf(line, "%llu", (unsigned long long)field->value.u64); return;
    case LOG_FIELD_I64: buf_printf(line, "%lld", (long long)field->value.i64); return;
    case LOG_FIELD_BOOL: buf_append_str(line, field->value.u64 ? "true" : "false"); return;
    case LOG_FIELD_HEX:
        for (size_t i = 0; i < field->value.hex.len; i++)
            buf_printf(line, "%02x", field->value.hex.data[i]);
    }
}

void log_write(enum log_level level, const struct log_field *fields, size_t count)
{
    struct buf line = {0};
    if (!the_heard || count == 0) return;
    buf_append_str(&line, fields[0].value.text);
    for (size_t i = 1; i < count; i++) write_field(&fields[i], &line);
    buf_append_u8(&line, 0);
    the_heard(the_ctx, level >= LOG_LEVEL_ERROR, fields[0].value.text, (const char *)line.data);
    buf_fini(&line);
}

void log_failure(enum log_level level, const char *event, int code, const struct error *error)
{
    const struct log_field fields[] = {
        log_text("event", event),
        log_code(code),
        log_text("field", error ? error->field : ""),
        log_text("detail", error ? error->detail : ""),
    };
    log_write(level, fields, sizeof fields / sizeof *fields);
}
