/* table_rows: the row of a table that is being read: its number, the pieces of its cells, and what
 * becomes of them when it ends. The readers (table_readers.h) fill it. */
#ifndef CLIENTS_PLAN_DERIVE_TABLE_ROWS_H
#define CLIENTS_PLAN_DERIVE_TABLE_ROWS_H

#include "clients/plan/derive/table_cells.h"

/* Part of a row: a cell's text on one line. */
struct piece {
    struct cell cell;
    uint32_t line; /* index in source->lines */
    uint8_t column;
};

struct reader {
    struct tables *tables;
    struct source *source;
    struct findings *findings;
    struct head head;
    struct buf pieces;    /* of the row being read */
    struct table_row row; /* its numbers */
    bool open;            /* a row is being read */
    bool centred;         /* numbers stand in the middle of their rows */
    uint8_t column;       /* the last one that got something */
    uint32_t number_line; /* the line of the row's number, an index; lines of the row above it */
    uint32_t lines_above;
    size_t row_count; /* rows of this table */
    uint32_t last;    /* the number of the row before; 0: none */
    struct cell
        starts[TABLE_COLUMN_MAX]; /* where the columns start, by the last full row or head */
};

/* A row begins on a line of the source, gets its number and the pieces of its cells, and ends. */
void table_begin_row(struct reader *reader, size_t line);
void table_number(struct reader *reader, const uint32_t *numbers, size_t count, bool dotted);
void table_piece(struct reader *reader, size_t column, const struct cell *cell, size_t line);
void table_end_row(struct reader *reader);
/* The line is part of the table, and no running text. */
void table_take(struct reader *reader, size_t line);
/* A finding with the line. */
void table_report(struct reader *reader, enum finding_code code, size_t line);

const struct piece *table_piece_at(const struct reader *reader, size_t index);
size_t table_piece_count(const struct reader *reader);
/* Does the first cell of a line begin a row? Its numbers, if the table has them. */
bool table_starts_row(const struct reader *reader, const struct cells *cells,
                      uint32_t numbers[static TABLE_NUMBER_MAX], size_t *ret_count,
                      bool *ret_dotted);
/* One cell from the left margin that reads like text and not like part of a row. */
bool table_ends_table(const struct source *source, const struct source_line *line,
                      const struct cell *cell);

#endif
