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

size_t upright_head(struct reader *reader, size_t line, struct head *ret)
{
    enum { UNKNOWN_MAX = 1 };
    const struct source *source = reader->source;
    size_t lines = 0;
    *ret = (struct head){.by = CELLS_BY_TAB, .number = SIZE_MAX, .first = SIZE_MAX};
    while (line + lines < source->line_count && lines < TABLE_COLUMN_MAX &&
           source->lines[line + lines].use == SOURCE_TEXT) {
        struct cells cells = {.count = 1};
        cells.cells[0] = line_cell(source, line + lines);
        if (cells.cells[0].len == 0 || (lines > 0 && line_number(source, line + lines) > 0)) break;
        if (!head_take(source, &cells, lines == 0 || ret->number != 0, ret)) break;
        lines++;
    }
    if (lines < 3 || ret->first == SIZE_MAX || ret->unknown > UNKNOWN_MAX) return 0;
    bool numbered = ret->number == 0 && line + lines < source->line_count &&
                    line_number(source, line + lines) > 0;
    head_title(source, ret);
    if (numbered) return lines;
    /* Without numbers nobody can say where a row ends, and which of its units are in which column.
     */
    if (ret->unknown == 0)
        findings_add(reader->findings, FINDING_TABLE_EMPTY, source->lines[line].number,
                     (struct span){0});
    return 0;
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

/* Are the characters of a line units, one or several, all beyond doubt? */
static bool is_units(const struct source *source, size_t line)
{
    struct text text = {0};
    struct cell cell = line_cell(source, line);
    text_append(&text, bytes_of(source->bytes.data + cell.at, cell.len), 0, 1);
    struct span rest = text_span(&text, 0, text_len(&text));
    bool units = rest.len > 0;
    while (units && rest.len > 0) {
        size_t end = span_find_any(rest, U"、,;");
        struct span name = span_sub(rest, 0, end == SPAN_NONE ? rest.len : end);
        units = words_certain(name) || words_whole_group(name);
        rest = end == SPAN_NONE ? span_sub(rest, 0, 0) : span_sub(rest, end + 1, rest.len);
    }
    text_fini(&text);
    return units;
}

/* Could a name begin at the end of one line and go on in the next? */
static bool may_be_cut(const struct source *source, size_t line)
{
    struct text text = {0};
    struct cell cell = line_cell(source, line), next = line_cell(source, line + 1);
    text_append(&text, bytes_of(source->bytes.data + cell.at, cell.len), 0, 1);
    size_t first = text_len(&text);
    text_append(&text, bytes_of(source->bytes.data + next.at, next.len), 0, 1);
    struct span both = text_span(&text, 0, text_len(&text));
    bool cut = first > 0 && words_prefix(both) > 0 && words_unit(both) && first < 8;
    text_fini(&text);
    return cut;
}

/* Do the lines that were given to columns one by one fit them: units in those of units alone? */
static bool fits(const struct reader *reader, size_t line, size_t count,
                 const uint8_t columns[static ROW_LINES_MAX])
{
    for (size_t i = 0; i < count; i++) {
        bool units = is_units(reader->source, line + i);
        bool role = reader->head.roles[columns[i]] != ROLE_NONE;
        if (units && !role && columns[i] != reader->head.title) return false;
    }
    return true;
}

/* Several units one below the other, where only one column holds units: the lines of them that
 * stand together. False: none, or there are others. */
static bool find_units(const struct reader *reader, size_t line, size_t count, size_t *ret_from,
                       size_t *ret_to)
{
    size_t columns = 0, from = reader->head.first - 1, to = 0;
    for (size_t i = 0; i < reader->head.count; i++) columns += reader->head.roles[i] != ROLE_NONE;
    while (from < count && !is_units(reader->source, line + from)) from++;
    for (to = from; to < count && is_units(reader->source, line + to);) to++;
    for (size_t i = to; i < count; i++)
        if (is_units(reader->source, line + i)) return false;
    *ret_from = from;
    *ret_to = to;
    return columns == 1 && reader->head.first > 1 && from < to;
}

/* A row whose lines are more or fewer than the columns, told apart by what they say. False: that
 * does not tell. */
static bool read_by_content(struct reader *reader, size_t line, size_t count)
{
    size_t from = 0, to = 0;
    if (!find_units(reader, line, count, &from, &to)) return false;
    for (size_t i = 0; i < to; i++) {
        struct cell cell = line_cell(reader->source, line + i);
        size_t column = i < from ? reader->head.title : reader->head.first;
        if (column != SIZE_MAX) table_piece(reader, column, &cell, line + i);
    }
    bool more =
        from > reader->head.first - 1 || count - to > reader->head.count - reader->head.first - 1;
    bool cut = from > 0 && may_be_cut(reader->source, line + from - 1);
    if (more || cut) table_report(reader, FINDING_TABLE_CELL, line + from);
    return true;
}

/* The last row has no number behind it: units and times that follow still belong to it. */
static size_t with_rest(const struct reader *reader, size_t line, size_t count)
{
    const struct source *source = reader->source;
    while (count < ROW_LINES_MAX && line + count < source->line_count &&
           source->lines[line + count].use == SOURCE_TEXT) {
        struct cell_text text;
        struct cell cell = line_cell(source, line + count);
        cell_read(source, &cell, &text);
        if (!is_units(source, line + count) && !words_deadline(text.span)) break;
        count++;
    }
    return count;
}

size_t upright_read(struct reader *reader, size_t line, size_t head_lines)
{
    const struct source *source = reader->source;
    uint8_t columns[ROW_LINES_MAX];
    for (size_t i = 0; i < head_lines; i++) table_take(reader, line + i);
    line += head_lines;
    reader->row_count = 0;
    reader->last = 0;
    for (uint32_t number = line_number(source, line);
         line < source->line_count && line_number(source, line) == number; number++) {
        bool exact = false;
        size_t count = row_lines(reader, line + 1, number + 1, columns, &exact);
        bool final = line + 1 + count >= source->line_count ||
                     line_number(source, line + 1 + count) != number + 1;
        size_t all = final ? with_rest(reader, line + 1, count) : count;
        exact = exact && all == count && fits(reader, line + 1, count, columns);
        count = all;
        table_begin_row(reader, line);
        table_number(reader, &number, 1, false);
        for (size_t i = 0; i < count + 1; i++) table_take(reader, line + i);
        for (size_t i = 0; exact && i < count; i++) {
            struct cell cell = line_cell(source, line + 1 + i);
            table_piece(reader, columns[i], &cell, line + 1 + i);
        }
        bool read = exact || read_by_content(reader, line + 1, count);
        /* Too many or too few lines for the columns: nobody can say which is which. */
        if (!read) table_report(reader, FINDING_TABLE_CELL, line);
        reader->open = reader->open && read;
        reader->row.line_last = source->lines[line + count].number;
        table_end_row(reader);
        reader->pieces.len = 0;
        line += 1 + count;
    }
    return line;
}
