/* table_cells: the cells of one line, and what a line of cells is. Used by the readers of tables
 * alone. */
#ifndef CLIENTS_PLAN_DERIVE_TABLE_CELLS_H
#define CLIENTS_PLAN_DERIVE_TABLE_CELLS_H

#include "clients/plan/derive/table.h"

enum cells_by { CELLS_BY_PIPE, CELLS_BY_TAB, CELLS_BY_COLUMN, CELLS_BY_SPACE, CELLS_BY_COUNT };

struct cell {
    uint32_t at, len;     /* bytes of the source, without white space at the ends; len 0: empty */
    uint32_t wide, plain; /* where it starts: columns with Chinese characters as two, as one */
};

struct cells {
    size_t count;
    bool more; /* more than TABLE_COLUMN_MAX: no table */
    struct cell cells[TABLE_COLUMN_MAX];
};

/* Empty cells are kept between tabs and pipes. */
void cells_split(const struct source *source, const struct source_line *line, enum cells_by by,
                 struct cells *ret);

enum { CELL_LEN_MAX = 32 };
/* The characters of a cell, as long as it is short; len 0 otherwise. */
struct cell_text {
    uint32_t c[CELL_LEN_MAX], f[CELL_LEN_MAX];
    struct span span;
};
void cell_read(const struct source *source, const struct cell *cell, struct cell_text *ret);

/* A row's number: 1, 1., （1）, 一, 2.3. Count of numbers; 0: none. */
size_t cell_number(const struct source *source, const struct cell *cell,
                   uint32_t ret[static TABLE_NUMBER_MAX], bool *ret_dotted);

/* The head of a task table. */
struct head {
    enum cells_by by;
    bool closed; /* each cell ends with a pipe: cells may run over lines */
    size_t count;
    size_t unknown; /* columns whose names say nothing */
    size_t number;  /* column of the row's number; SIZE_MAX: none */
    size_t title;   /* first column that is neither number nor units; SIZE_MAX: none */
    size_t first;   /* first column of units */
    enum role roles[TABLE_COLUMN_MAX]; /* ROLE_NONE: no column of units */
    struct cell cells[TABLE_COLUMN_MAX];
};
/* Is a line a head? `next` may be the rest of one whose words are broken (牵头/单位); *ret_lines is
 * 1 or 2 then. */
bool head_read(const struct source *source, const struct source_line *line,
               const struct source_line *next, struct head *ret, size_t *ret_lines);
/* Cells as parts of a head. False: not all could be names of columns; strict: are such names. */
bool head_take(const struct source *source, const struct cells *cells, bool strict,
               struct head *head);
bool head_complete(const struct head *head);
/* Finds the column that says what the task is. */
void head_title(const struct source *source, struct head *head);

#endif
