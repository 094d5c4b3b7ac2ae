/* table_readers: how the lines of a table are read, by the way its cells are told apart. Each takes
 * lines into rows (table_rows.h); table.c chooses among them. */
#ifndef CLIENTS_PLAN_DERIVE_TABLE_READERS_H
#define CLIENTS_PLAN_DERIVE_TABLE_READERS_H

#include "clients/plan/derive/table_rows.h"

/* Cells by their place in the line, between tabs or pipes; and between pipes that close each cell,
 * so that cells may run over lines. One line; false: the table ends before it. */
bool table_by_tab(struct reader *reader, size_t line);
bool table_by_pipe(struct reader *reader, size_t line);

/* Columns told apart by where cells start. One line; false: the table ends before it. */
bool table_by_column(struct reader *reader, size_t line);

/* Tables that were copied cell by cell, each on a line of its own: the head's cells, then 1 and the
 * cells of the first row, 2 and so on. Lines of the head; 0: none here. */
size_t upright_head(struct reader *reader, size_t line, struct head *ret);
/* The index of the first line behind the table. */
size_t upright_read(struct reader *reader, size_t line, size_t head_lines);

#endif
