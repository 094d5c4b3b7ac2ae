#include "clients/plan/derive/table_readers.h"

enum { ROW_LINES_MAX = 64 };

/* The whole line as one cell. */
static struct cell line_cell(const struct source *source, size_t line)
{
    struct cells cells;
    cells_split(source, &source->lines[line], CELLS_BY_TAB, &cells);
    return cells.count == 1 ? cells.cells[0] : (struct cell){0};
}

static uint32_t line_number(const struct source *source, size_t line)
{
    uint32_t numbers[TABLE_NUMBER_MAX] = {0};
    bool dotted = false;
    struct cell cell = line_cell(source, line);
    size_t count = cell.len > 0 ? cell_number(source, &cell, numbers, &dotted) : 0;
    return count == 1 ? numbers[0] : 0;
}

size_t upright_head(const struct source *source, size_t line, struct head *ret)
{
    size_t lines = 0;
    *ret = (struct head){.by = CELLS_BY_TAB, .number = SIZE_MAX, .first = SIZE_MAX};
    while (line + lines < source->line_count && lines < TABLE_COLUMN_MAX &&
           source->lines[line + lines].use == SOURCE_TEXT) {
        struct cells cells = {.count = 1};
        cells.cells[0] = line_cell(source, line + lines);
        if (cells.cells[0].len == 0 || !head_take(source, &cells, true, ret)) break;
        lines++;
    }
    if (lines < 3 || !head_complete(ret) || ret->number != 0) return 0;
    if (line + lines >= source->line_count || line_number(source, line + lines) != 1) return 0;
    head_title(source, ret);
    return lines;
}

/* Does the cell of a line go on in the next line? */
static bool goes_on(const struct source *source, size_t line)
{
    struct cell_text text, next;
    struct cell cell = line_cell(source, line), below = line_cell(source, line + 1);
    cell_read(source, &cell, &text);
    cell_read(source, &below, &next);
    if (text.span.len == 0 || next.span.len == 0) return false;
    uint32_t last = text.span.f[text.span.len - 1], first = next.span.f[0];
    return last == U'、' || last == ',' || last == '(' || first == U'、' || first == ',' ||
           first == ')';
}

/* Lines from `line` on that belong to a row: up to the next number, or as many cells as there are
 * columns. Fills the column of each. */
static size_t row_lines(const struct reader *reader, size_t line, uint32_t next,
                        uint8_t columns[static ROW_LINES_MAX], bool *ret_exact)
{
    const struct source *source = reader->source;
    size_t count = 0, column = 1;
    *ret_exact = true;
    for (; line + count < source->line_count && count < ROW_LINES_MAX; count++) {
        if (source->lines[line + count].use != SOURCE_TEXT) break;
        if (line_number(source, line + count) == next) break;
        if (column == reader->head.count) {
            /* More lines than cells, and no number behind them: the table has ended. */
            size_t ahead = count;
            while (ahead < ROW_LINES_MAX && line + ahead < source->line_count &&
                   line_number(source, line + ahead) != next)
                ahead++;
            bool more = line + ahead < source->line_count && ahead < ROW_LINES_MAX;
            *ret_exact = !more;
            return more ? ahead : count;
        }
        columns[count] = (uint8_t)column;
        bool last = line + count + 1 >= source->line_count;
        if (last || !goes_on(source, line + count)) column++;
    }
    *ret_exact = column == reader->head.count;
    return count;
}

size_t upright_read(struct reader *reader, size_t line, size_t head_lines)
{
    const struct source *source = reader->source;
    uint8_t columns[ROW_LINES_MAX];
    for (size_t i = 0; i < head_lines; i++) table_take(reader, line + i);
    line += head_lines;
    for (uint32_t number = 1; line < source->line_count && line_number(source, line) == number;
         number++) {
        bool exact = false;
        size_t count = row_lines(reader, line + 1, number + 1, columns, &exact);
        table_begin_row(reader, line);
        table_number(reader, &number, 1, false);
        table_take(reader, line);
        for (size_t i = 0; i < count; i++) {
            struct cell cell = line_cell(source, line + 1 + i);
            if (exact) table_piece(reader, columns[i], &cell, line + 1 + i);
            table_take(reader, line + 1 + i);
        }
        /* Too many or too few lines for the columns: nobody can say which is which. */
        if (!exact) table_report(reader, line);
        reader->open = reader->open && exact;
        table_end_row(reader);
        reader->pieces.len = 0;
        line += 1 + count;
    }
    return line;
}
