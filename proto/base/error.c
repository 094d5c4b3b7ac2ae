#include "proto/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

struct error_row {
    int code;
    enum error_class class;
    bool retryable;
    const char *name;
    const char *zh;
    const char *en;
};

static const struct error_row rows[] = {
#define X(name, number, class, retryable, zh, en)                                                  \
    {-(number), ERROR_CLASS_##class, retryable, #name, zh, en},
#include "proto/base/errors.def"
#undef X
};

enum { ROW_COUNT = sizeof rows / sizeof rows[0], NAME_LEN_MAX = 40 };

/* The table spells each name once, in upper case for the enum; everywhere outside C it is lower
 * case. C cannot lower a literal at compile time, so this is done once, before main. */
static char lower_names[ROW_COUNT][NAME_LEN_MAX];

__attribute__((constructor)) static void lower_all_names(void)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        CHECK(strlen(rows[i].name) < NAME_LEN_MAX);
        for (size_t k = 0; rows[i].name[k]; k++) {
            char c = rows[i].name[k];
            lower_names[i][k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
    }
}

static const struct error_row *row_of(int code)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].code == code) return &rows[i];
    return NULL;
}

/* UTF-8 that snprintf cut: without the piece of a character at its end. */
static void drop_half_character(char *text, size_t len)
{
    size_t at = len;
    while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xc0) == 0x80) at--;
    if (at == 0) return;
    unsigned char lead = (unsigned char)text[at - 1];
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (len - (at - 1) < wanted) text[at - 1] = 0;
}

int error_note(struct error *ret_error, int code, const char *field, const char *format, ...)
{
    if (!ret_error) return code;
    ret_error->code = code;
    ret_error->detail_zh[0] = 0;
    int len = snprintf(ret_error->field, sizeof ret_error->field, "%s", field ? field : "");
    if (len > ERROR_FIELD_LEN_MAX) drop_half_character(ret_error->field, ERROR_FIELD_LEN_MAX);
    va_list args;
    va_start(args, format);
    len = vsnprintf(ret_error->detail, sizeof ret_error->detail, format, args);
    va_end(args);
    if (len > ERROR_DETAIL_LEN_MAX) drop_half_character(ret_error->detail, ERROR_DETAIL_LEN_MAX);
    return code;
}

int error_note_zh(struct error *ret_error, const char *format, ...)
{
    if (!ret_error) return 0;
    va_list args;
    va_start(args, format);
    int len = vsnprintf(ret_error->detail_zh, sizeof ret_error->detail_zh, format, args);
    va_end(args);
    if (len > ERROR_DETAIL_LEN_MAX) drop_half_character(ret_error->detail_zh, ERROR_DETAIL_LEN_MAX);
    return 0;
}

int error_carry_note(struct error *ret_error, int code, const char *field,
                     const struct error *cause)
{
    if (!ret_error) return code;
    struct error copy = *cause;
    (void)error_note(&copy, code, field, "%s", cause->detail);
    memcpy(copy.detail_zh, cause->detail_zh, sizeof copy.detail_zh);
    *ret_error = copy;
    return code;
}

/* "before: " in front of a text; what no longer fits is cut off. */
static void put_before(const char *before, char text[ERROR_DETAIL_LEN_MAX + 1])
{
    char old[ERROR_DETAIL_LEN_MAX + 1];
    memcpy(old, text, sizeof old);
    int len = snprintf(text, sizeof old, "%s: %s", before, old);
    if (len > ERROR_DETAIL_LEN_MAX) drop_half_character(text, ERROR_DETAIL_LEN_MAX);
}

int error_in(struct error *error, int code, const char *where)
{
    if (!error || code == 0 || error->code != code) return code;
    size_t len = strlen(where);
    const char *end = len > ERROR_FIELD_LEN_MAX ? where + len - ERROR_FIELD_LEN_MAX : where;
    while (((unsigned char)*end & 0xc0) == 0x80) end++;
    if (strcmp(error->field, end) == 0 || strncmp(error->field, where, ERROR_FIELD_LEN_MAX) == 0)
        return code;
    if (error->field[0] && error->detail[0]) put_before(error->field, error->detail);
    if (error->field[0] && error->detail_zh[0]) put_before(error->field, error->detail_zh);
    (void)snprintf(error->field, sizeof error->field, "%s", end);
    return code;
}

const char *error_detail(const struct error *error, enum lang lang)
{
    return lang == LANG_ZH && error->detail_zh[0] ? error->detail_zh : error->detail;
}

const char *error_name(int code)
{
    if (code == 0) return "ok";
    const struct error_row *row = row_of(code);
    return row ? lower_names[row - rows] : "unknown";
}

const char *error_text(int code, enum lang lang)
{
    const struct error_row *row = row_of(code);
    if (!row) return lang == LANG_ZH ? "未知错误" : "unknown error";
    return lang == LANG_ZH ? row->zh : row->en;
}

enum error_class error_class(int code)
{
    const struct error_row *row = row_of(code);
    return row ? row->class : ERROR_CLASS_ENVIRONMENT;
}

bool error_retryable(int code)
{
    const struct error_row *row = row_of(code);
    return row && row->retryable;
}

int error_code_of(const char *name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (strcmp(lower_names[i], name) == 0) return rows[i].code;
    return 0;
}

int error_code_at(size_t index)
{
    return index < ROW_COUNT ? rows[index].code : 0;
}
