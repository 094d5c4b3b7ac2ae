#include <string.h>

#include "clients/plan/derive/table_readers.h"

/* ---- columns: cells by where they start -------------------------------------------------------
 */

static uint32_t apart(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/* The column that starts nearest to the cell, by either measure. SIZE_MAX: the measures disagree
 * and neither is exact. */
static size_t column_of(const struct reader *reader, const struct cell *cell)
{
    size_t wide = 0, plain = 0;
    for (size_t i = 1; i < reader->head.count; i++) {
        if (apart(cell->wide, reader->starts[i].wide) <
            apart(cell->wide, reader->starts[wide].wide))
            wide = i;
        if (apart(cell->plain, reader->starts[i].plain) <
            apart(cell->plain, reader->starts[plain].plain))
            plain = i;
    }
    if (wide == plain) return wide;
    uint32_t by_wide = apart(cell->wide, reader->starts[wide].wide);
    uint32_t by_plain = apart(cell->plain, reader->starts[plain].plain);
    if (by_wide <= 1 && by_plain > 1) return wide;
    if (by_plain <= 1 && by_wide > 1) return plain;
    return by_wide == by_plain ? SIZE_MAX : by_wide < by_plain ? wide : plain;
}

static const struct piece *pieces_of(const struct buf *buf, size_t *ret_count)
{
    *ret_count = buf->len / sizeof(struct piece);
    return (const struct piece *)(const void *)buf->data;
}

static void append_piece(const struct reader *reader, const struct piece *piece, struct text *text)
{
    text_append(text, bytes_of(reader->source->bytes.data + piece->cell.at, piece->cell.len), 0, 1);
}

/* Is the last name of a column whole, as far as the pieces above `line` go? True for none. */
static bool ends_whole(const struct reader *reader, const struct buf *pieces, size_t column,
                       uint32_t line)
{
    enum { LOOK_BACK = 3 }; /* pieces that a name may run over */
    size_t count = 0, found = 0, index[LOOK_BACK];
    const struct piece *list = pieces_of(pieces, &count);
    struct text text = {0};
    for (size_t i = count; i-- > 0 && found < LOOK_BACK;)
        if (list[i].column == column && list[i].line < line) index[found++] = i;
    while (found > 0) append_piece(reader, &list[index[--found]], &text);
    struct span span = text_span(&text, 0, text_len(&text));
    size_t from = span.len;
    while (from > 0 && span.f[from - 1] != U'、' && span.f[from - 1] != ',') from--;
    struct span name = span_sub(span, from, span.len);
    bool whole =
        span.len == 0 || (words_whole_unit(name) && (name.len > 2 || words_prefix(name) == 0));
    text_fini(&text);
    return whole;
}

/* Does a piece begin with a name, and not in the middle of one? */
static bool begins_name(const struct reader *reader, const struct piece *piece)
{
    struct text text = {0};
    append_piece(reader, piece, &text);
    struct span span = text_span(&text, 0, text_len(&text));
    size_t end = 0;
    while (end < span.len && span.f[end] != U'、' && span.f[end] != ',') end++;
    struct span name = span_sub(span, 0, end);
    /* A sign for nothing is a whole cell. */
    bool begins = words_starts_name(name) || words_dash(span.f[0]) || span_is(span, U"无") ||
                  span_is(span, U"/");
    text_fini(&text);
    return begins;
}

/* Starts the cell where the column does, by one of the measures? */
static bool is_exact(const struct reader *reader, const struct cell *cell, size_t column)
{
    return apart(cell->wide, reader->starts[column].wide) <= 2 ||
           apart(cell->plain, reader->starts[column].plain) <= 2;
}

/* The last piece of a column in this row ends in the middle of a name. */
static bool is_open(const struct reader *reader, size_t column)
{
    return !ends_whole(reader, &reader->pieces, column, UINT32_MAX);
}

/* A cell that stands below no column's start, by what it says: units go to a column of units, the
 * one that is open if there are several, a deadline to one behind them. SIZE_MAX: it does not say.
 */
static size_t column_by_content(const struct reader *reader, const struct cell *cell, size_t least)
{
    struct text text = {0};
    text_append(&text, bytes_of(reader->source->bytes.data + cell->at, cell->len), 0, 1);
    struct span rest = text_span(&text, 0, text_len(&text));
    bool time = words_deadline(rest), units = !time && rest.len > 0;
    while (units && rest.len > 0) {
        size_t end = span_find_any(rest, U"、,");
        units = words_unit(span_sub(rest, 0, end == SPAN_NONE ? rest.len : end));
        rest = end == SPAN_NONE ? span_sub(rest, 0, 0) : span_sub(rest, end + 1, rest.len);
    }
    text_fini(&text);
    size_t found = SIZE_MAX;
    for (size_t i = least; i < reader->head.count; i++) {
        bool role = reader->head.roles[i] != ROLE_NONE;
        if (units && role && is_open(reader, i)) return i;
        if (found == SIZE_MAX && ((units && role) || (time && !role && i > reader->head.first)))
            found = i;
    }
    return found;
}

static void place(struct reader *reader, const struct cells *cells, size_t from, size_t line)
{
    size_t least = from;
    for (size_t i = from; i < cells->count; i++) {
        size_t column = column_of(reader, &cells->cells[i]);
        if (column == SIZE_MAX || column < least || !is_exact(reader, &cells->cells[i], column)) {
            size_t other = column_by_content(reader, &cells->cells[i], least);
            if (other != SIZE_MAX) column = other;
        }
        if (column == SIZE_MAX || column < least || column >= reader->head.count) {
            table_report(reader, FINDING_TABLE_CELL, line);
            column = least < reader->head.count ? least : reader->head.count - 1;
        }
        table_piece(reader, column, &cells->cells[i], line);
        least = column + 1;
    }
}

/* "1 深化联动" in front: the number stands apart by one space only. */
static void split_number(const struct reader *reader, struct cells *cells)
{
    const struct source *source = reader->source;
    struct cell *first = &cells->cells[0];
    uint32_t numbers[TABLE_NUMBER_MAX];
    bool dotted = false;
    if (cells->count == 0 || cells->count == TABLE_COLUMN_MAX ||
        cell_number(source, first, numbers, &dotted) > 0)
        return;
    struct cells words;
    struct source_line line = {.at = first->at, .len = first->len};
    cells_split(source, &line, CELLS_BY_SPACE, &words);
    if (words.count < 2 || cell_number(source, &words.cells[0], numbers, &dotted) == 0) return;
    memmove(first + 1, first, cells->count * sizeof *first);
    cells->count++;
    first[1].len = first->at + first->len - words.cells[1].at;
    first[1].at = words.cells[1].at;
    first[1].wide += words.cells[1].wide;
    first[1].plain += words.cells[1].plain;
    first->len = words.cells[0].len;
}

/* Cells by two spaces, or by single ones where that gives exactly as many as there are columns. */
static void split_columns(const struct reader *reader, size_t line, struct cells *ret)
{
    const struct source_line *source_line = &reader->source->lines[line];
    struct cells words;
    cells_split(reader->source, source_line, CELLS_BY_COLUMN, ret);
    if (reader->head.number == 0) split_number(reader, ret);
    if (ret->count >= reader->head.count || ret->more) return;
    cells_split(reader->source, source_line, CELLS_BY_SPACE, &words);
    bool dotted = false;
    uint32_t numbers[TABLE_NUMBER_MAX];
    bool number = reader->head.number == 0 && words.count > 0 &&
                  cell_number(reader->source, &words.cells[0], numbers, &dotted) > 0;
    bool loose = reader->head.by == CELLS_BY_SPACE && ret->count <= 2;
    /* 9 月底 in a line of wider gaps is no two cells. */
    bool tight = number && ret->count <= 3;
    if (words.count == reader->head.count && (tight || loose) && !words.more) *ret = words;
    /* The last column may be empty. */
    if (number && loose && words.count + 1 == reader->head.count) *ret = words;
}

static void full_row(struct reader *reader, const struct cells *cells, size_t line)
{
    for (size_t i = 0; i < cells->count; i++) {
        table_piece(reader, i, &cells->cells[i], line);
        reader->starts[i] = cells->cells[i];
    }
}

/* ---- where a row begins -----------------------------------------------------------------------
 */

/* How many columns of units are cut between two rows: those of `above` whose last name before
 * `line`, and those of both whose first name from there on, is not whole. */
static size_t cuts(const struct reader *reader, const struct buf *above, const struct buf *below,
                   uint32_t line)
{
    size_t count = 0, above_count = 0, below_count = 0;
    const struct piece *a = pieces_of(above, &above_count), *b = pieces_of(below, &below_count);
    for (size_t column = 0; column < reader->head.count; column++) {
        const struct piece *first = NULL;
        if (reader->head.roles[column] == ROLE_NONE) continue;
        for (size_t i = 0; i < above_count && !first; i++)
            if (a[i].column == column && a[i].line >= line) first = &a[i];
        for (size_t i = 0; i < below_count && !first; i++)
            if (b[i].column == column) first = &b[i];
        count += !ends_whole(reader, above, column, line);
        count += first && !begins_name(reader, first);
    }
    return count;
}

/* A number in the middle of its row: lines above it may belong to it. Where a row begins is where
 * the fewest names are cut; at equal cost where the number stands, or, once a number was seen to
 * stand in the middle, where as many lines are below it as above. The first line of the row. */
static uint32_t row_begin(const struct reader *reader, const struct buf *above,
                          const struct buf *fresh, uint32_t line)
{
    enum { LINES_MAX = 12 };
    uint32_t best = line;
    size_t least = cuts(reader, above, fresh, line);
    size_t wanted = reader->number_line + reader->lines_above + 1;
    if (least == 0 && !reader->centred) return line;
    for (uint32_t begin = line; begin > reader->number_line + 1 && line - begin < LINES_MAX;) {
        begin--;
        size_t count = cuts(reader, above, fresh, begin);
        bool nearer = reader->centred && count == least &&
                      apart(begin, (uint32_t)wanted) < apart(best, (uint32_t)wanted);
        if (count < least || nearer) {
            best = begin;
            least = count;
        }
    }
    return best;
}

/* Ends the row before and begins one on `line`, with those lines above it that are its own. `take`
 * are the pieces of the line itself. */
static void begin_balanced(struct reader *reader, struct buf *take_fresh, uint32_t line,
                           const uint32_t *numbers, size_t number_count, bool dotted)
{
    struct buf above = reader->pieces, kept = {0}, moved = {0};
    uint32_t begin = line;
    bool leading = !reader->open;
    reader->pieces = (struct buf){0};
    if (reader->head.number == 0 && !leading) begin = row_begin(reader, &above, take_fresh, line);
    size_t count = 0;
    const struct piece *pieces = pieces_of(&above, &count);
    for (size_t i = 0; i < count; i++)
        buf_append(leading || pieces[i].line >= begin ? &moved : &kept, &pieces[i],
                   sizeof pieces[i]);
    if (moved.len > 0 && !leading)
        findings_add(reader->findings, FINDING_TABLE_CENTRED, reader->source->lines[line].number,
                     (struct span){0});
    if (moved.len > 0) reader->centred = true;
    reader->pieces = kept;
    table_begin_row(reader, line);
    buf_fini(&reader->pieces);
    size_t moved_count = 0;
    const struct piece *first = pieces_of(&moved, &moved_count);
    if (moved_count > 0) reader->row.line_first = reader->source->lines[first->line].number;
    reader->number_line = line;
    reader->lines_above = moved_count > 0 ? line - first->line : 0;
    buf_append_bytes(&moved, buf_bytes(take_fresh));
    reader->pieces = moved;
    table_number(reader, numbers, number_count, dotted);
    buf_fini(take_fresh);
    buf_fini(&above);
}

/* ---- lines ------------------------------------------------------------------------------------
 */

/* The last piece of a row read by single spaces goes on in the next line. */
static bool is_unfinished(const struct reader *reader)
{
    size_t count = table_piece_count(reader);
    if (count == 0) return false;
    const struct piece *last = table_piece_at(reader, count - 1);
    return reader->head.roles[last->column] != ROLE_NONE && is_open(reader, last->column);
}

static bool continue_columns(struct reader *reader, const struct cells *cells, size_t line)
{
    const struct source_line *source_line = &reader->source->lines[line];
    const struct cell *first = &cells->cells[0];
    size_t column = column_of(reader, first);
    if (cells->count == 1 && reader->head.by == CELLS_BY_SPACE) {
        if (!is_unfinished(reader)) return false;
        table_piece(reader, reader->column, first, line);
        return true;
    }
    bool left = cells->count == 1 && (first->plain <= 1 || column == 0);
    if (left && (reader->head.number == 0 || table_ends_table(reader->source, source_line, first)))
        return false;
    place(reader, cells, 0, line);
    return true;
}

/* Lines above the first number belong to its row, if that is near. */
static bool leads_to_number(const struct reader *reader, size_t line)
{
    enum { NEAR = 8 };
    uint32_t numbers[TABLE_NUMBER_MAX];
    bool dotted = false;
    if (reader->head.number != 0 || reader->row_count > 0) return false;
    for (size_t i = line + 1; i < line + NEAR && i < reader->source->line_count; i++) {
        struct cells cells;
        split_columns(reader, i, &cells);
        if (cells.count > 1 && cell_number(reader->source, &cells.cells[0], numbers, &dotted) > 0)
            return true;
    }
    return false;
}

/* Does a row begin on this line? Without numbers where every column does, unless that cuts names.
 */
static bool begins(const struct reader *reader, const struct cells *cells, size_t line,
                   uint32_t numbers[static TABLE_NUMBER_MAX], size_t *ret_count, bool *ret_dotted)
{
    bool starts = table_starts_row(reader, cells, numbers, ret_count, ret_dotted);
    if (reader->head.number == 0) return starts && (cells->count > 1 || !reader->open);
    bool blank = reader->source->lines[line].blank_before && !reader->source->double_spaced;
    bool full = cells->count == reader->head.count;
    bool near = cells->count > 1 && column_of(reader, &cells->cells[0]) == 0;
    if (!reader->open || blank) return full || near;
    struct buf below = {0};
    for (size_t i = 0; full && i < cells->count; i++) {
        struct piece piece = {cells->cells[i], (uint32_t)line, (uint8_t)i};
        buf_append(&below, &piece, sizeof piece);
    }
    bool cut = full && cuts(reader, &reader->pieces, &below, (uint32_t)line) > 0;
    buf_fini(&below);
    return full && !cut;
}

bool table_by_column(struct reader *reader, size_t line)
{
    struct cells cells;
    uint32_t numbers[TABLE_NUMBER_MAX];
    size_t count = 0;
    bool dotted = false;
    split_columns(reader, line, &cells);
    if (cells.count == 0 || cells.more || cells.count > reader->head.count) {
        if (cells.count > reader->head.count && reader->open)
            table_report(reader, FINDING_TABLE_CELL, line);
        return reader->open && cells.count > reader->head.count;
    }
    if (!begins(reader, &cells, line, numbers, &count, &dotted)) {
        if (!reader->open && !leads_to_number(reader, line)) return false;
        return continue_columns(reader, &cells, line);
    }
    struct buf above = reader->pieces;
    reader->pieces = (struct buf){0};
    if (cells.count == reader->head.count) {
        full_row(reader, &cells, line);
    } else if (reader->head.by == CELLS_BY_SPACE) {
        for (size_t i = 0; i < cells.count; i++) table_piece(reader, i, &cells.cells[i], line);
    } else {
        size_t from = reader->head.number == 0 ? 1 : 0;
        if (from == 1) table_piece(reader, 0, &cells.cells[0], line);
        place(reader, &cells, from, line);
    }
    uint8_t column = reader->column;
    struct buf fresh = reader->pieces;
    reader->pieces = above;
    begin_balanced(reader, &fresh, (uint32_t)line, numbers, count, dotted);
    reader->column = column;
    return true;
}
