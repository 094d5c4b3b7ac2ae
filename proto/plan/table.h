/* table: reads one tab-separated table of the plan (form: plan.h). Strict, in place, over a copy
 * that the caller owns.
 *
 * Every error is E_BAD_TABLE with field "<part name>:<line>". Pure; no allocation. Hostile bytes
 * end in an error: each byte is looked at once, in order, and no field or row is kept that was not
 * checked. */
#ifndef PROTO_PLAN_TABLE_H
#define PROTO_PLAN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

enum { TABLE_COLUMN_COUNT_MAX = 24 };

struct table {
    const char *name; /* part name, for errors */
    char *text;       /* len bytes and a NUL; changed in place: fields become strings */
    size_t len;
    size_t at;        /* start of the next line */
    size_t line;      /* 1-based number of the row last read */
    size_t row_count; /* rows read so far, the header row not counted */
    size_t row_count_max;
    size_t column_count;
    uint8_t order[TABLE_COLUMN_COUNT_MAX]; /* position in the row -> index in `columns` */
    const char *const *columns;            /* NULL until the line that names them is read */
};

/* Checks that all of text is well-formed UTF-8 without control characters and reads the header row.
 * `columns` are the names wanted; text stays the caller's and must outlive the fields, `columns`
 * the table. */
int table_open(struct table *table, const char *name, char *text, size_t len,
               const char *const *columns, size_t column_count, size_t row_count_max,
               struct error *ret_error) MUST_USE;

/* The next row's fields in the order of `columns`, "-" as "". *ret_row is false at the end, and
 * fields are untouched. */
int table_next(struct table *table, char **ret_fields, bool *ret_row,
               struct error *ret_error) MUST_USE;

/* E_BAD_TABLE at the current line, its detail in both languages as error_say has it (who writes a
 * table need not read English); a macro as that one is, so that analyzers see the code. */
#define table_refuse(table, ret_error, zh, en, ...)                                                \
    error_pass(E_BAD_TABLE, ((void)table_note(table, ret_error, en, ##__VA_ARGS__),                \
                             error_note_zh(ret_error, zh, ##__VA_ARGS__)))
int table_note(const struct table *table, struct error *ret_error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Number of items of a comma list; 0 for "". */
size_t table_list_count(const char *field);
/* Splits a list in place; ret_items has room for table_list_count(). Empty items are refused. */
int table_list(const struct table *table, char *field, const char **ret_items,
               struct error *ret_error) MUST_USE;

/* "2022-03-10" as the start of that day in China Standard Time (UTC+8, without summer time), UTC
 * ms. Days that do not exist, and years outside 1970..2999, are refused. */
int table_day(const struct table *table, const char *field, uint64_t *ret_ms,
              struct error *ret_error) MUST_USE;

#endif
