#include "clients/plan/derive/table.h"

#include <string.h>

#include "clients/plan/derive/table_inner.h"
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

/* ---- rows -------------------------------------------------------------------------------------
 */

const struct piece *table_piece_at(const struct reader *reader, size_t index)
{
    return (const struct piece *)(const void *)reader->pieces.data + index;
}

size_t table_piece_count(const struct reader *reader)
{
    return reader->pieces.len / sizeof(struct piece);
}

void table_piece(struct reader *reader, size_t column, const struct cell *cell, size_t line)
{
    if (cell->len == 0) return;
    struct piece piece = {*cell, (uint32_t)line, (uint8_t)column};
    buf_append(&reader->pieces, &piece, sizeof piece);
    reader->column = (uint8_t)column;
}

/* What stands before a <br> of a table that was a web page's; moves behind it. */
static struct bytes until_break(struct bytes *rest)
{
    size_t at = 0;
    while (at < rest->len && !(rest->len - at >= 4 && memcmp(rest->data + at, "<br", 3) == 0)) at++;
    struct bytes part = bytes_of(rest->data, at);
    while (at < rest->len && rest->data[at] != '>') at++;
    at += at < rest->len;
    *rest = bytes_of(rest->data + at, rest->len - at);
    return part;
}

/* Appends a column's text to the cells; false: nothing, or a sign for nothing. */
static bool append_column(struct reader *reader, size_t column, uint32_t *ret_from,
                          uint32_t *ret_to)
{
    struct text *cells = &reader->tables->cells;
    *ret_from = (uint32_t)text_len(cells);
    for (size_t i = 0; i < table_piece_count(reader); i++) {
        const struct piece *piece = table_piece_at(reader, i);
        if (piece->column != column) continue;
        struct bytes rest = bytes_of(reader->source->bytes.data + piece->cell.at, piece->cell.len);
        while (rest.len > 0) {
            bool first = text_len(cells) == *ret_from;
            text_append(cells, until_break(&rest), first ? 0 : WORDS_GAP | WORDS_LINE,
                        reader->source->lines[piece->line].number);
        }
    }
    *ret_to = (uint32_t)text_len(cells);
    struct span span = span_trim(text_span(cells, *ret_from, *ret_to));
    bool sign = span.len == 0 || span_is(span, U"无");
    for (size_t i = 0; !sign && i < span.len && words_dash(span.f[i]); i++)
        sign = i + 1 == span.len;
    return !sign;
}

/* 一 and a title, among rows numbered 1, 2, 3: a heading. */
static bool is_chinese(const struct reader *reader, const struct table_row *row)
{
    struct cell_text text;
    uint32_t value = 0;
    if (row->number_count == 0 || table_piece_count(reader) == 0) return false;
    cell_read(reader->source, &table_piece_at(reader, 0)->cell, &text);
    return words_chinese(text.span, &value) > 0;
}

static struct span title_of(const struct reader *reader, const struct table_row *row)
{
    return text_span(&reader->tables->cells, row->title_from, row->title_to);
}

/* A list that ends with a separator goes on somewhere else: not where it was looked for. */
static bool is_cut(struct span span)
{
    uint32_t last = span.f[span.len - 1];
    return last == U'、' || last == ',' || last == '(';
}

void table_end_row(struct reader *reader)
{
    if (!reader->open) return;
    struct table_row *row = &reader->row;
    const struct source_line *lines = reader->source->lines;
    bool lead = false;
    reader->open = false;
    for (size_t i = 0; i < table_piece_count(reader); i++) {
        uint32_t number = lines[table_piece_at(reader, i)->line].number;
        row->line_last = number > row->line_last ? number : row->line_last;
    }
    if (reader->head.title != SIZE_MAX)
        (void)append_column(reader, reader->head.title, &row->title_from, &row->title_to);
    for (size_t i = 0; i < reader->head.count; i++) {
        if (reader->head.roles[i] == ROLE_NONE || row->cell_count == TABLE_CELL_MAX) continue;
        struct table_cell *cell = &row->cells[row->cell_count];
        cell->role = reader->head.roles[i];
        if (!append_column(reader, i, &cell->from, &cell->to)) continue;
        if (is_cut(text_span(&reader->tables->cells, cell->from, cell->to)))
            findings_add(reader->findings, FINDING_TABLE_CELL, row->line_last,
                         text_span(&reader->tables->cells, cell->from, cell->to));
        row->cell_count++;
        lead = lead || cell->role == ROLE_HEAD || cell->role == ROLE_LEAD;
    }
    bool heading = row->cell_count == 0 && is_chinese(reader, row);
    reader->pieces.len = 0;
    if (heading) return;
    if (!lead)
        findings_add(reader->findings, FINDING_TABLE_LEAD, row->line_first, title_of(reader, row));
    if (row->cell_count == 0) return;
    buf_append(&reader->tables->rows, row, sizeof *row);
    reader->row_count++;
}

void table_begin_row(struct reader *reader, size_t line)
{
    table_end_row(reader);
    reader->row = (struct table_row){.line_first = reader->source->lines[line].number,
                                     .line_last = reader->source->lines[line].number};
    reader->open = true;
    reader->column = 0;
}

void table_number(struct reader *reader, const uint32_t *numbers, size_t count, bool dotted)
{
    reader->row.number_count = (uint8_t)count;
    reader->row.dotted = dotted;
    memcpy(reader->row.numbers, numbers, count * sizeof *numbers);
}

/* Does the first cell of a line begin a row? */
bool table_starts_row(const struct reader *reader, const struct cells *cells,
                      uint32_t numbers[static TABLE_NUMBER_MAX], size_t *ret_count,
                      bool *ret_dotted)
{
    *ret_count = 0;
    if (cells->count == 0 || cells->cells[0].len == 0) return false;
    if (reader->head.number == 0) {
        *ret_count = cell_number(reader->source, &cells->cells[0], numbers, ret_dotted);
        return *ret_count > 0;
    }
    bool units = false;
    for (size_t i = reader->head.first; i < reader->head.count && i < cells->count; i++)
        units = units || (reader->head.roles[i] != ROLE_NONE && cells->cells[i].len > 0);
    return units;
}

void table_report(struct reader *reader, size_t line)
{
    struct text text = {0};
    const struct source_line *source_line = &reader->source->lines[line];
    text_append(&text, bytes_of(reader->source->bytes.data + source_line->at, source_line->len), 0,
                source_line->number);
    findings_add(reader->findings, FINDING_TABLE_CELL, source_line->number,
                 text_span(&text, 0, text_len(&text)));
    text_fini(&text);
}

void table_take(struct reader *reader, size_t line)
{
    reader->source->lines[line].use = SOURCE_TABLE;
}

/* ---- what ends a table ------------------------------------------------------------------------
 */

/* One cell from the left margin that reads like text and not like part of a row. */
bool table_ends_table(const struct source *source, const struct source_line *line,
                      const struct cell *cell)
{
    static const uint32_t *const words[] = {U"附件", U"附表",  U"附录", U"备注:",
                                            U"注:",  U"说明:", U"抄送", U"主送"};
    enum { TEXT_LEN_MAX = 30 };
    struct bytes bytes = bytes_of(source->bytes.data, cell->at + cell->len);
    struct cell_text text;
    size_t len = 0;
    bool sentence = false;
    for (size_t at = cell->at; at < bytes.len; len++) {
        uint32_t point = words_fold(text_next(bytes, &at));
        sentence = sentence || point == U'。' || (point == ':' && len > 0);
    }
    cell_read(source, cell, &text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (span_starts(text.span, words[i])) return true;
    return sentence || len > TEXT_LEN_MAX || (line->blank_before && !source->double_spaced);
}

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
            if (cells->cells[i].len > 0) table_report(reader, line);
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

/* One line; false: the table ends before it. */
static bool read_by_tab(struct reader *reader, size_t line)
{
    struct cells cells;
    uint32_t numbers[TABLE_NUMBER_MAX];
    size_t count = 0;
    bool dotted = false;
    cells_split(reader->source, &reader->source->lines[line], reader->head.by, &cells);
    if (cells.more || cells.count == 0) return false;
    if (table_starts_row(reader, &cells, numbers, &count, &dotted) &&
        (reader->head.number != 0 || joins_number(&cells) || cells.count == 1)) {
        table_begin_row(reader, line);
        table_number(reader, numbers, count, dotted);
        if (cells.count > reader->head.count) table_report(reader, line);
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

static bool is_rule(const struct source *source, const struct cells *cells)
{
    struct cell_text text;
    for (size_t i = 0; i < cells->count; i++) {
        cell_read(source, &cells->cells[i], &text);
        for (size_t j = 0; j < text.span.len; j++)
            if (!words_dash(text.span.f[j]) && text.span.f[j] != ':') return false;
    }
    return true;
}

static bool read_by_pipe(struct reader *reader, size_t line)
{
    struct cells cells;
    uint32_t numbers[TABLE_NUMBER_MAX];
    struct bytes bytes = bytes_of(reader->source->bytes.data + reader->source->lines[line].at,
                                  reader->source->lines[line].len);
    cells_split(reader->source, &reader->source->lines[line], CELLS_BY_PIPE, &cells);
    if (cells.more || cells.count == 0) return false;
    bool last_open = true;
    for (size_t at = 0; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (!text_is_space(point)) last_open = words_fold(point) != '|';
    }
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

/* ---- a table ----------------------------------------------------------------------------------
 */

static bool read_line(struct reader *reader, size_t line)
{
    if (reader->head.by == CELLS_BY_PIPE && reader->head.closed) return read_by_pipe(reader, line);
    if (reader->head.by == CELLS_BY_PIPE || reader->head.by == CELLS_BY_TAB)
        return read_by_tab(reader, line);
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
        } else if ((lines = upright_head(source, line, &reader.head)) > 0) {
            line = upright_read(&reader, line, lines);
        } else {
            line++;
        }
    }
    buf_fini(&reader.pieces);
}
