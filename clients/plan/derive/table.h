/* table: task tables that were pasted as text: a head that names the columns (序号 任务 牵头单位
 * 配合单位), then rows whose cells may run over several lines.
 *
 * Cells are told apart by tabs, by `|`, or by two spaces and the columns they start in (a Chinese
 * character is two columns wide, or one, as the rows themselves show). A row starts where its
 * number stands, or, without a column of numbers, where all cells are filled. Lines that are read
 * here are marked SOURCE_TABLE; headings between rows are left to the outline. Pure; linear but for
 * lines of at most TABLE_COLUMN_MAX cells. */
#ifndef CLIENTS_PLAN_DERIVE_TABLE_H
#define CLIENTS_PLAN_DERIVE_TABLE_H

#include "clients/plan/derive/finding.h"
#include "clients/plan/derive/text.h"

enum { TABLE_COLUMN_MAX = 16, TABLE_NUMBER_MAX = 6, TABLE_CELL_MAX = 6 };

/* A cell of a column of units: characters [from, to) of tables.cells. */
struct table_cell {
    enum role role;
    uint32_t from, to;
};

struct table_row {
    uint32_t line_first, line_last;
    uint8_t number_count; /* 0: the row has no number */
    uint8_t cell_count;
    bool dotted;
    uint32_t numbers[TABLE_NUMBER_MAX];
    struct table_cell cells[TABLE_CELL_MAX];
    uint32_t title_from, title_to; /* of the first other column, in tables.cells */
};

struct tables {
    struct text cells;
    struct buf rows; /* struct table_row in the order of the text */
};

void tables_read(struct tables *tables, struct source *source, struct findings *findings);
void tables_fini(struct tables *tables);
size_t tables_count(const struct tables *tables);
const struct table_row *tables_row(const struct tables *tables, size_t index);

#endif
