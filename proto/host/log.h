/* log: one line on stderr for each event, to be read by a machine and still by a person.
 *
 *   logfmt  time=2026-03-02T01:12:44.031Z level=info event=started unit=police-hedong serial=7
 *   JSON    {"time":"...","level":"info","event":"started","unit":"police-hedong","serial":7}
 *
 * Programs log; libraries return errors and never come here. Event names are stable slugs in the
 * past tense. A value is an identifier, a number or a code: never a payload, a secret or a name of
 * a person. A line is written with one write(), so lines of several threads do not mix. Text is
 * escaped: a value cannot make a line of its own or an escape sequence for a terminal. Under
 * journald ($JOURNAL_STREAM is set) the priority goes in front as "<6>". A text over
 * LOG_TEXT_LEN_MAX bytes ends in "..."; fields past LOG_LINE_LEN_MAX are left out whole and
 * cut=true says so. Thread-safe. */
#ifndef PROTO_HOST_LOG_H
#define PROTO_HOST_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum { LOG_LINE_LEN_MAX = 4096, LOG_TEXT_LEN_MAX = 512 };

/* Without it: info, logfmt. */
void log_init(enum log_level least, enum log_format format);
bool log_wanted(enum log_level level);
/* "debug", "info", "warn", "error"; "logfmt", "json". E_BAD_VALUE. */
int log_level_parse(const char *text, enum log_level *ret, struct error *ret_error) MUST_USE;
int log_format_parse(const char *text, enum log_format *ret, struct error *ret_error) MUST_USE;

enum log_field_type { LOG_FIELD_TEXT, LOG_FIELD_U64, LOG_FIELD_I64, LOG_FIELD_BOOL, LOG_FIELD_HEX };

struct log_field {
    const char *key; /* lower_snake, unit last */
    enum log_field_type type;
    union {
        const char *text;
        uint64_t u64;
        int64_t i64;
        struct bytes hex;
    } value;
};
static inline struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){key, LOG_FIELD_TEXT, {.text = text ? text : ""}};
}
static inline struct log_field log_u64(const char *key, uint64_t value)
{
    return (struct log_field){key, LOG_FIELD_U64, {.u64 = value}};
}
static inline struct log_field log_i64(const char *key, int64_t value)
{
    return (struct log_field){key, LOG_FIELD_I64, {.i64 = value}};
}
static inline struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){key, LOG_FIELD_BOOL, {.u64 = value}};
}
/* Ids and hashes, lower-case hex, at most 64 bytes of them. */
static inline struct log_field log_hex(const char *key, struct bytes bytes)
{
    return (struct log_field){key, LOG_FIELD_HEX, {.hex = bytes}};
}
/* The stable name of an errors.def code. */
static inline struct log_field log_code(int code)
{
    return log_text("code", error_name(code));
}

/* fields[0] is the event. */
void log_write(enum log_level level, const struct log_field *fields, size_t count);
/* An event that failed: code, field and detail of the error. */
void log_failure(enum log_level level, const char *event, int code, const struct error *error);

/* log_info("started", log_text("unit", unit), log_u64("serial", serial)); fields are optional and
 * are not evaluated when the level is not wanted. */
#define LOG_FIELDS(event, ...)                                                                     \
    (const struct log_field[])                                                                     \
    {                                                                                              \
        log_text("event", event), ##__VA_ARGS__                                                    \
    }
#define LOG_AT(level, ...)                                                                         \
    do {                                                                                           \
        if (log_wanted(level))                                                                     \
            log_write(level, LOG_FIELDS(__VA_ARGS__),                                              \
                      sizeof(LOG_FIELDS(__VA_ARGS__)) / sizeof(struct log_field));                 \
    } while (0)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...)  LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...)  LOG_AT(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)

#endif
