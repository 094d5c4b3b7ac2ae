#include "proto/host/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static atomic_int level_least = LOG_LEVEL_INFO;
static atomic_int line_format = LOG_FORMAT_LOGFMT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const format_names[] = {"logfmt", "json"};
/* syslog priorities */
static const char *const level_prefixes[] = {"<7>", "<6>", "<4>", "<3>"};

void log_init(enum log_level least, enum log_format format)
{
    atomic_store(&level_least, (int)least);
    atomic_store(&line_format, (int)format);
}

bool log_wanted(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&level_least, memory_order_relaxed);
}

int log_level_parse(const char *text, enum log_level *ret, struct error *ret_error)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++)
        if (strcmp(text, level_names[i]) == 0) {
            *ret = (enum log_level)i;
            return 0;
        }
    return error_say(ret_error, E_BAD_VALUE, "level", "应为 debug、info、warn、error 之一",
                     "one of debug, info, warn, error");
}

int log_format_parse(const char *text, enum log_format *ret, struct error *ret_error)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++)
        if (strcmp(text, format_names[i]) == 0) {
            *ret = (enum log_format)i;
            return 0;
        }
    return error_say(ret_error, E_BAD_VALUE, "format", "应为 logfmt、json 之一",
                     "one of logfmt, json");
}

/* A line under construction; what does not fit sets `cut`. Room is kept for the ending. */
enum { ENDING_LEN = 16 };
struct line {
    char text[LOG_LINE_LEN_MAX];
    size_t len;
    bool cut;
};

static void put(struct line *line, const char *text, size_t len)
{
    if (line->cut || len > sizeof line->text - ENDING_LEN - line->len) {
        line->cut = true;
        return;
    }
    memcpy(line->text + line->len, text, len);
    line->len += len;
}

__attribute__((format(printf, 2, 3))) static void put_format(struct line *line, const char *format,
                                                             ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put(line, text, len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1);
}

/* Both formats escape as JSON does. C1 controls arrive as C2 80..9F and are escaped as well. */
static void put_escaped(struct line *line, const char *text)
{
    size_t len = strnlen(text, LOG_TEXT_LEN_MAX);
    bool shortened = text[len] != 0;
    /* Not inside a character. */
    while (shortened && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            put_format(line, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            put_format(line, "\\u%04x", c);
        } else if (c == 0xc2 && i + 1 < len && (unsigned char)text[i + 1] >= 0x80 &&
                   (unsigned char)text[i + 1] <= 0x9f) {
            put_format(line, "\\u%04x", (unsigned char)text[i + 1]);
            i++;
        } else {
            put(line, &text[i], 1);
        }
    }
    if (shortened) put(line, "...", 3);
}

static bool bare(const char *text)
{
    if (!*text) return false;
    for (const unsigned char *at = (const unsigned char *)text; *at; at++)
        if (*at <= ' ' || *at == '"' || *at == '=' || *at == '\\' || *at >= 0x7f) return false;
    return strlen(text) <= LOG_TEXT_LEN_MAX;
}

static void put_text(struct line *line, const char *text, bool json)
{
    if (!json && bare(text)) {
        put(line, text, strlen(text));
        return;
    }
    put(line, "\"", 1);
    put_escaped(line, text);
    put(line, "\"", 1);
}

static void put_field(struct line *line, const struct log_field *field, bool json)
{
    size_t before = line->len;
    if (json)
        put_format(line, ",\"%s\":", field->key);
    else
        put_format(line, " %s=", field->key);
    switch (field->type) {
    case LOG_FIELD_TEXT: put_text(line, field->value.text, json); break;
    case LOG_FIELD_U64: put_format(line, "%" PRIu64, field->value.u64); break;
    case LOG_FIELD_I64: put_format(line, "%" PRId64, field->value.i64); break;
    case LOG_FIELD_BOOL: put_format(line, "%s", field->value.u64 ? "true" : "false"); break;
    case LOG_FIELD_HEX: {
        char text[129];
        struct bytes hex = field->value.hex;
        hex_encode(bytes_of(hex.data, hex.len < 64 ? hex.len : 64), text);
        put_text(line, text, json);
        break;
    }
    }
    /* A field that did not fit is left out whole, so that the line stays well formed. */
    if (line->cut) line->len = before;
}

static void put_time(struct line *line)
{
    struct timespec now = {0};
    struct tm parts = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    put_format(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900, parts.tm_mon + 1,
               parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, now.tv_nsec / 1000000);
}

void log_write(enum log_level level, const struct log_field *fields, size_t count)
{
    if (!log_wanted(level)) return;
    bool json = atomic_load_explicit(&line_format, memory_order_relaxed) == LOG_FORMAT_JSON;
    struct line line;
    line.len = 0;
    line.cut = false;
    if (getenv("JOURNAL_STREAM")) put_format(&line, "%s", level_prefixes[level]);
    put_format(&line, "%s", json ? "{\"time\":\"" : "time=");
    put_time(&line);
    put_format(&line, json ? "\",\"level\":\"%s\"" : " level=%s", level_names[level]);
    for (size_t i = 0; i < count && !line.cut; i++) put_field(&line, &fields[i], json);
    const char *whole = json ? "}\n" : "\n";
    const char *shortened = json ? ",\"cut\":true}\n" : " cut=true\n";
    const char *ending = line.cut ? shortened : whole;
    memcpy(line.text + line.len, ending, strlen(ending));
    line.len += strlen(ending);
    size_t done = 0;
    while (done < line.len) {
        ssize_t wrote = write(STDERR_FILENO, line.text + done, line.len - done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return; /* nobody can be told */
        done += (size_t)wrote;
    }
}

void log_failure(enum log_level level, const char *event, int code, const struct error *error)
{
    bool told = error && error->code == code;
    const struct log_field fields[] = {
        log_text("event", event),
        log_code(code),
        log_text("field", told ? error->field : ""),
        log_text("detail", told ? error->detail : ""),
    };
    log_write(level, fields, sizeof fields / sizeof fields[0]);
}
