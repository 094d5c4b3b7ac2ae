#include "clients/plan/derive/table_readers.h"

/* ---- tabs and open pipes: cells by their place in the line ------------------------------------
 */

static bool joins_number(const struct cells *cells)
{
    size_t filled = 0;
    for (size_t i = 0; i < cells->count; i++) filled += cells->cells[i].len > 0;
    return filled > 1;
}

/* A line without a first cell fills the columns it names; one with text goes on where the row
 * stopped. False: not of this table. */
static bool continue_by_tab(struct reader *reader, const struct cells *cells, size_t line)
{
    size_t column = 0;
    if (cells->count == 1 || cells->cells[0].len > 0) {
        if (cells->count == 1 &&
            table_ends_table(reader->source, &reader->source->lines[line], &cells->cells[0]) &&
            reader->column + 1u >= reader->head.count)
            return false;
        column = reader->column;
    }
    for (size_t i = 0; i < cells->count; i++) {
        if (column + i >= reader->head.count) {
            if (cells->cells[i].len > 0) table_report(reader, FINDING_TABLE_CELL, line);
            break;
        }
        table_piece(reader, column + i, &cells->cells[i], line);
    }
    if (cells->cells[0].len > 0 || column > 0) {
        size_t last = column + cells->count - 1;
        reader->column = (uint8_t)(last < reader->head.count ? last : reader->head.count - 1);
    }
    return true;
}

/* ---- | --- below a head. */
static bool is_rule(const struct source *source, const struct cells *cells)
{
    struct cell_text text;
    bool any = false;
    for (size_t i = 0; i < cells->count; i++) {
        cell_read(source, &cells->cells[i], &text);
        any = any || text.span.len > 0;
        if (cells->cells[i].len > 0 && text.span.len == 0) return false; /* too long for one */
        for (size_t j = 0; j < text.span.len; j++)
            if (!words_dash(text.span.f[j]) && text.span.f[j] != ':') return false;
    }
    return any;
}

bool table_by_tab(struct reader *reader, size_t line)
{
    struct cells cells;
    uint32_t numbers[TABLE_NUMBER_MAX];
    size_t count = 0;
    bool dotted = false;
    cells_split(reader->source, &reader->source->lines[line], reader->head.by, &cells);
    if (cells.more || cells.count == 0) return false;
    if (reader->head.by == CELLS_BY_PIPE && is_rule(reader->source, &cells)) return true;
    if (table_starts_row(reader, &cells, numbers, &count, &dotted) &&
        (reader->head.number != 0 || joins_number(&cells) || cells.count == 1)) {
        table_begin_row(reader, line);
        table_number(reader, numbers, count, dotted);
        if (cells.count > reader->head.count) table_report(reader, FINDING_TABLE_CELL, line);
        for (size_t i = 0; i < cells.count && i < reader->head.count; i++)
            table_piece(reader, i, &cells.cells[i], line);
        reader->column =
            (uint8_t)((cells.count < reader->head.count ? cells.count : reader->head.count) - 1);
        return true;
    }
    if (!reader->open) return false;
    return continue_by_tab(reader, &cells, line);
}

/* ---- closed pipes: cells run over lines -------------------------------------------------------
 */

bool table_by_pipe(struct reader *reader, size_t line)
{
    struct cells cells;
    uint32_t numbers[TABLE_NUMBER_MAX];
    struct bytes bytes = bytes_of(reader->source->bytes.data + reader->source->lines[line].at,
                                  reader->source->lines[line].len);
    cells_split(reader->source, &reader->source->lines[line], CELLS_BY_PIPE, &cells);
    if (cells.more) return false;
    bool last_open = true;
    for (size_t at = 0; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (!text_is_space(point)) last_open = words_fold(point) != '|';
    }
    /* A pipe alone ends an empty cell. */
    if (cells.count == 0 && reader->open && !last_open) cells.count = 1;
    if (cells.count == 0) return false;
    if (!reader->open && cells.count == 1 && last_open) return false;
    if (is_rule(reader->source, &cells)) return true;
    for (size_t i = 0; i < cells.count; i++) {
        if (!reader->open) {
            bool dotted = false;
            table_begin_row(reader, line);
            size_t count = reader->head.number == 0
                               ? cell_number(reader->source, &cells.cells[i], numbers, &dotted)
                               : 0;
            table_number(reader, numbers, count, dotted);
        }
        uint8_t column = reader->column;
        table_piece(reader, column, &cells.cells[i], line);
        reader->column = column;
        if (i + 1 < cells.count || !last_open) reader->column++;
        if (reader->column == reader->head.count) table_end_row(reader);
    }
    return true;
}
