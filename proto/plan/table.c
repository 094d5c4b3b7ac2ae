#include "proto/plan/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/plan/day.h"
#include "proto/plan/plan.h"

int table_note(const struct table *table, struct error *ret_error, const char *format, ...)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    char detail[ERROR_DETAIL_LEN_MAX + 1];
    va_list args;

    if (!ret_error) return E_BAD_TABLE;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    (void)snprintf(field, sizeof field, "%s:%zu", table->name, table->line);
    return error_set(ret_error, E_BAD_TABLE, field, "%s", detail);
}

static int table_check_text(struct table *table, struct error *ret_error)
{
    const uint8_t *data = (const uint8_t *)table->text;
    size_t at = 0;

    table->line = 1;
    while (at < table->len) {
        uint8_t byte = data[at];
        uint32_t character = 0;
        size_t len = utf8_next(bytes_of(data + at, table->len - at), &character);
        if (len == 0)
            return table_refuse(table, ret_error, "不是有效的 UTF-8", "not well-formed UTF-8");
        if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f)
            return table_refuse(table, ret_error, "含控制字符 0x%02x", "control character 0x%02x",
                                byte);
        if (byte == '\n') table->line++;
        at += len;
    }
    if (table->len == 0 || data[table->len - 1] != '\n')
        return table_refuse(table, ret_error, "表格末尾没有换行：是否被截断？",
                            "the table does not end with a line end: truncated?");
    return 0;
}

/* The next line that is neither empty nor a comment, as a string; NULL at the end. */
static char *table_line(struct table *table)
{
    while (table->at < table->len) {
        char *line = table->text + table->at;
        char *end = memchr(line, '\n', table->len - table->at);
        CHECK(end != NULL); /* table_check_text saw the last one */
        *end = '\0';
        table->at = (size_t)(end - table->text) + 1;
        table->line++;
        if (line[0] != '\0' && line[0] != '#') return line;
    }
    return NULL;
}

/* What stands in the field, by the line that names the columns. */
static const char *table_column(const struct table *table, size_t field)
{
    return table->columns[table->order[field]];
}

/* Splits a line at its tabs into exactly column_count fields. */
static int table_split(const struct table *table, char *line, char **ret_fields,
                       struct error *ret_error)
{
    size_t count = 0;
    char *field = line;

    while (field) {
        char *tab = strchr(field, '\t');
        if (count == table->column_count)
            return table_refuse(table, ret_error, "多于 %zu 列（以制表符分隔）",
                                "more than %zu fields, separated by tabs", table->column_count);
        if (tab) *tab = '\0';
        size_t len = strlen(field);
        if (len == 0)
            return table_refuse(table, ret_error, "第 %zu 列为空；请写 -",
                                "field %zu is empty; write -", count + 1);
        if (len > PLAN_FIELD_LEN_MAX)
            return table_refuse(table, ret_error, "第 %zu 列有 %zu 字节，至多 %d 字节",
                                "field %zu has %zu bytes, at most %d allowed", count + 1, len,
                                PLAN_FIELD_LEN_MAX);
        if (field[0] == ' ' || field[len - 1] == ' ')
            return table_refuse(table, ret_error, "第 %zu 列以空格开头或结尾",
                                "field %zu starts or ends with a space", count + 1);
        ret_fields[count++] = field;
        field = tab ? tab + 1 : NULL;
    }
    if (count != table->column_count && !table->columns)
        return table_refuse(table, ret_error, "有 %zu 列，应为 %zu 列（以制表符分隔）",
                            "%zu fields instead of %zu, separated by tabs", count,
                            table->column_count);
    if (count != table->column_count)
        return table_refuse(table, ret_error, "有 %zu 列，应为 %zu 列（以制表符分隔）：缺 %s",
                            "%zu fields instead of %zu, separated by tabs: nothing for %s", count,
                            table->column_count, table_column(table, count));
    return 0;
}

static int table_header(struct table *table, const char *const *columns, struct error *ret_error)
{
    char *names[TABLE_COLUMN_COUNT_MAX];
    bool seen[TABLE_COLUMN_COUNT_MAX] = {false};
    char *line = table_line(table);

    if (!line)
        return table_refuse(table, ret_error, "没有列名行", "no line that names the columns");
    int r = table_split(table, line, names, ret_error);
    if (r < 0) return r;
    for (size_t i = 0; i < table->column_count; i++) {
        size_t column = 0;
        while (column < table->column_count && strcmp(columns[column], names[i]) != 0) column++;
        if (column == table->column_count)
            return table_refuse(table, ret_error, "未知的列 %.40s", "unknown column %.40s",
                                names[i]);
        if (seen[column])
            return table_refuse(table, ret_error, "列 %.40s 出现两次", "column %.40s appears twice",
                                names[i]);
        seen[column] = true;
        table->order[i] = (uint8_t)column;
    }
    table->columns = columns;
    return 0;
}

int table_open(struct table *table, const char *name, char *text, size_t len,
               const char *const *columns, size_t column_count, size_t row_count_max,
               struct error *ret_error)
{
    CHECK(column_count > 0 && column_count <= TABLE_COLUMN_COUNT_MAX);
    *table = (struct table){.name = name,
                            .text = text,
                            .len = len,
                            .row_count_max = row_count_max,
                            .column_count = column_count};
    int r = table_check_text(table, ret_error);
    if (r < 0) return r;
    table->line = 0;
    return table_header(table, columns, ret_error);
}

int table_next(struct table *table, char **ret_fields, bool *ret_row, struct error *ret_error)
{
    char *fields[TABLE_COLUMN_COUNT_MAX];
    char *line = table_line(table);

    if (!line) {
        *ret_row = false;
        return 0;
    }
    int r = table_split(table, line, fields, ret_error);
    if (r < 0) return r;
    if (table->row_count == table->row_count_max)
        return table_refuse(table, ret_error, "多于 %zu 行", "more than %zu rows",
                            table->row_count_max);
    table->row_count++;
    for (size_t i = 0; i < table->column_count; i++) {
        bool blank = strcmp(fields[i], "-") == 0;
        ret_fields[table->order[i]] = blank ? fields[i] + 1 : fields[i];
    }
    *ret_row = true;
    return 0;
}

size_t table_list_count(const char *field)
{
    size_t count = field[0] != '\0';
    for (; *field; field++) count += *field == ',';
    return count;
}

int table_list(const struct table *table, char *field, const char **ret_items,
               struct error *ret_error)
{
    size_t count = 0;

    for (char *item = field[0] ? field : NULL; item;) {
        char *comma = strchr(item, ',');
        if (comma) *comma = '\0';
        if (item[0] == '\0')
            return table_refuse(table, ret_error, "列表中有空项", "an empty item in a list");
        ret_items[count++] = item;
        item = comma ? comma + 1 : NULL;
    }
    return 0;
}

int table_day(const struct table *table, const char *field, uint64_t *ret_ms,
              struct error *ret_error)
{
    if (!day_parse(field, ret_ms))
        return table_refuse(table, ret_error, "%.40s 不是日期（YYYY-MM-DD）",
                            "%.40s is not a day (YYYY-MM-DD)", field);
    return 0;
}
