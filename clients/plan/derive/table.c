#include "clients/plan/derive/table.h"

#include <string.h>

#include "clients/plan/derive/table_readers.h"
#include "proto/base/check.h"

void tables_fini(struct tables *tables)
{
    text_fini(&tables->cells);
    buf_fini(&tables->rows);
}

size_t tables_count(const struct tables *tables)
{
    return tables->rows.len / sizeof(struct table_row);
}

const struct table_row *tables_row(const struct tables *tables, size_t index)
{
    CHECK(index < tables_count(tables));
    return (const struct table_row *)(const void *)tables->rows.data + index;
}

/* ---- a table ----------------------------------------------------------------------------------
 */

/* 一、, （一）, 第一章 between rows: a heading for the rows below. */
static bool is_heading(const struct source *source, const struct cell *cell)
{
    struct cell_text text;
    uint32_t value = 0;
    cell_read(source, cell, &text);
    struct span span = text.span;
    bool bracket = span.len > 0 && span.f[0] == '(';
    bool ordinal = span_starts(span, U"第");
    if (bracket || ordinal) span = span_sub(span, 1, span.len);
    size_t len = words_chinese(span, &value);
    if (len == 0 || len >= span.len) return false;
    return bracket ? span.f[len] == ')' : ordinal || span.f[len] == U'、' || span.f[len] == '.';
}

static bool read_line(struct reader *reader, size_t line)
{
    if (reader->head.by == CELLS_BY_PIPE && reader->head.closed) return table_by_pipe(reader, line);
    if (reader->head.by == CELLS_BY_PIPE || reader->head.by == CELLS_BY_TAB)
        return table_by_tab(reader, line);
    return table_by_column(reader, line);
}

/* A heading stays text if rows go on below it. */
static bool is_heading_line(const struct reader *reader, size_t line)
{
    struct cells cells;
    cells_split(reader->source, &reader->source->lines[line], CELLS_BY_COLUMN, &cells);
    return cells.count == 1 && is_heading(reader->source, &cells.cells[0]);
}

/* A remark or a heading between rows, and the next number behind it: the line of that; SIZE_MAX:
 * the table is over. Its rows have as many cells as the head. */
static size_t resumes_at(struct reader *reader, size_t line)
{
    enum { NEAR = 6 };
    uint32_t numbers[TABLE_NUMBER_MAX];
    size_t count = 0;
    bool dotted = false;
    if (reader->head.number != 0 || reader->head.closed || !reader->open ||
        reader->row.number_count != 1)
        return SIZE_MAX;
    for (size_t i = line + 1; i <= line + NEAR && i < reader->source->line_count; i++) {
        struct cells cells;
        if (reader->source->lines[i].use != SOURCE_TEXT) continue;
        cells_split(reader->source, &reader->source->lines[i], reader->head.by, &cells);
        if (cells.more || cells.count + 1 < reader->head.count || cells.count < 3) continue;
        if (table_starts_row(reader, &cells, numbers, &count, &dotted) && count == 1 &&
            numbers[0] == reader->row.numbers[0] + 1)
            return i;
    }
    return SIZE_MAX;
}

/* A line at which the table was left, though it is made of cells. */
static bool is_like_row(const struct reader *reader, size_t line)
{
    enum { CELLS_MIN = 3 };
    struct cells cells;
    size_t filled = 0;
    cells_split(reader->source, &reader->source->lines[line], reader->head.by, &cells);
    for (size_t i = 0; i < cells.count; i++) filled += cells.cells[i].len > 0;
    if (reader->head.by == CELLS_BY_SPACE) return false;
    return filled >= CELLS_MIN || (filled > 1 && reader->head.by != CELLS_BY_COLUMN);
}

/* Reads rows from `line` on; the index of the first line that is not of the table. */
static size_t read_rows(struct reader *reader, size_t line)
{
    const struct source *source = reader->source;
    size_t end = line;
    while (line < source->line_count) {
        const struct source_line *next =
            line + 1 < source->line_count ? &source->lines[line + 1] : NULL;
        struct head again;
        size_t lines = 1;
        if (source->lines[line].use != SOURCE_TEXT) {
            line++;
        } else if (head_read(source, &source->lines[line], next, &again, &lines)) {
            /* The head again on the next page, or another table. */
            if (again.count != reader->head.count ||
                memcmp(again.roles, reader->head.roles, sizeof again.roles) != 0)
                break;
            for (size_t i = 0; i < lines; i++) table_take(reader, line + i);
            line += lines;
            end = line;
        } else if (is_heading_line(reader, line) && !reader->head.closed) {
            table_end_row(reader);
            line++;
        } else if (read_line(reader, line)) {
            table_take(reader, line++);
            end = line;
        } else {
            size_t again_at = resumes_at(reader, line);
            table_end_row(reader);
            if (again_at == SIZE_MAX && is_like_row(reader, line))
                table_report(reader, FINDING_TABLE_END, line);
            if (again_at == SIZE_MAX) break;
            line = again_at;
        }
    }
    table_end_row(reader);
    return end;
}

/* A head whose cells stand on lines of their own, each with a pipe behind it. */
static size_t head_over_lines(const struct source *source, size_t line, struct head *ret)
{
    struct cells cells;
    size_t lines = 0;
    *ret =
        (struct head){.by = CELLS_BY_PIPE, .closed = true, .number = SIZE_MAX, .first = SIZE_MAX};
    for (; line + lines < source->line_count; lines++) {
        cells_split(source, &source->lines[line + lines], CELLS_BY_PIPE, &cells);
        if (cells.more || cells.count == 0) return 0;
        if (memchr(source->bytes.data + source->lines[line + lines].at, '|',
                   source->lines[line + lines].len) == NULL)
            return 0;
        if (!head_take(source, &cells, true, ret)) break;
    }
    ret->title = ret->number == 0 && ret->first > 1 ? 1 : 0;
    return lines > 1 && head_complete(ret) ? lines : 0;
}

/* Numbers that stand before the first column, which the head does not name: a column of their own.
 */
static void find_numbers(struct reader *reader, size_t line)
{
    enum { NEAR = 24 };
    struct head *head = &reader->head;
    struct cell number = {0};
    uint32_t numbers[TABLE_NUMBER_MAX], wanted = 1;
    bool dotted = false;
    if (head->by != CELLS_BY_COLUMN || head->number != SIZE_MAX || head->count == TABLE_COLUMN_MAX)
        return;
    for (size_t i = line; i < line + NEAR && i < reader->source->line_count; i++) {
        struct cells cells;
        cells_split(reader->source, &reader->source->lines[i], CELLS_BY_SPACE, &cells);
        if (cells.count < 2 || cells.cells[0].wide >= head->cells[0].wide ||
            cell_number(reader->source, &cells.cells[0], numbers, &dotted) != 1 ||
            numbers[0] != wanted)
            continue;
        if (wanted++ == 1) number = cells.cells[0];
    }
    if (wanted <= 2) return;
    for (size_t i = head->count++; i > 0; i--) {
        head->cells[i] = head->cells[i - 1];
        head->roles[i] = head->roles[i - 1];
    }
    head->cells[0] = number;
    head->roles[0] = ROLE_NONE;
    head->number = 0;
    head->first++;
    if (head->title != SIZE_MAX) head->title++;
}

static size_t read_table(struct reader *reader, size_t line, size_t head_lines)
{
    size_t number = reader->source->lines[line].number;
    for (size_t i = 0; i < head_lines; i++) table_take(reader, line + i);
    find_numbers(reader, line + head_lines);
    memcpy(reader->starts, reader->head.cells, sizeof reader->starts);
    reader->open = reader->centred = false;
    reader->row_count = 0;
    reader->last = 0;
    reader->pieces.len = 0;
    size_t end = read_rows(reader, line + head_lines);
    if (reader->row_count == 0)
        findings_add(reader->findings, FINDING_TABLE_EMPTY, number, (struct span){0});
    return end > line + head_lines ? end : line + head_lines;
}

void tables_read(struct tables *tables, struct source *source, struct findings *findings)
{
    struct reader reader = {.tables = tables, .source = source, .findings = findings};
    for (size_t line = 0; line < source->line_count;) {
        const struct source_line *next =
            line + 1 < source->line_count ? &source->lines[line + 1] : NULL;
        size_t lines = 0;
        if (source->lines[line].use != SOURCE_TEXT) {
            line++;
        } else if (head_read(source, &source->lines[line], next, &reader.head, &lines) ||
                   (lines = head_over_lines(source, line, &reader.head)) > 0) {
            line = read_table(&reader, line, lines);
        } else if ((lines = upright_head(&reader, line, &reader.head)) > 0) {
            line = upright_read(&reader, line, lines);
        } else {
            line++;
        }
    }
    buf_fini(&reader.pieces);
}
