#include <string.h>

#include "clients/plan/derive/table_rows.h"

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

/* Numbers go up by one, or begin anew below a heading; anything else may be a row that was lost, or
 * cells that moved. */
static void check_number(struct reader *reader)
{
    const struct table_row *row = &reader->row;
    uint32_t number = row->number_count == 1 ? row->numbers[0] : 0;
    bool lost = number > 1 && reader->last > 0 && number != reader->last + 1;
    bool none = row->number_count == 0 && reader->head.number == 0;
    if (lost || none)
        findings_add_text(reader->findings, FINDING_TABLE_NUMBER, row->line_first, "");
    reader->last = number;
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
    check_number(reader);
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

void table_report(struct reader *reader, enum finding_code code, size_t line)
{
    struct text text = {0};
    const struct source_line *source_line = &reader->source->lines[line];
    text_append(&text, bytes_of(reader->source->bytes.data + source_line->at, source_line->len), 0,
                source_line->number);
    findings_add(reader->findings, code, source_line->number, text_span(&text, 0, text_len(&text)));
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
