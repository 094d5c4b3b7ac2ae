#include "clients/plan/derive/table_cells.h"

#include <string.h>

/* ---- cells of a line --------------------------------------------------------------------------
 */

static bool is_pipe(uint32_t point)
{
    return point == '|' || point == U'｜' || point == U'│' || point == U'┃';
}

static void cell_add(struct cells *cells, size_t at, size_t end, uint32_t wide, uint32_t plain)
{
    if (cells->count == TABLE_COLUMN_MAX) {
        cells->more = true;
        return;
    }
    cells->cells[cells->count++] =
        (struct cell){(uint32_t)at, (uint32_t)(end > at ? end - at : 0), wide, plain};
}

/* One walk over the line: a cell runs from its first to its last character that is no space. */
void cells_split(const struct source *source, const struct source_line *line, enum cells_by by,
                 struct cells *ret)
{
    struct bytes bytes = bytes_of(source->bytes.data, line->at + line->len);
    size_t start = SIZE_MAX, end = 0;
    uint32_t wide = 0, plain = 0, start_wide = 0, start_plain = 0, gap = 0;
    bool edge = by == CELLS_BY_PIPE;
    *ret = (struct cells){0};
    for (size_t at = line->at; at < bytes.len;) {
        size_t here = at;
        uint32_t point = text_next(bytes, &at);
        bool cut = (by == CELLS_BY_PIPE && is_pipe(point)) || (by == CELLS_BY_TAB && point == '\t');
        if (text_is_space(point) && !cut) {
            gap += point == '\t' || point == 0x3000 ? 2 : 1;
        } else if (cut) {
            /* A pipe before anything else is the edge of the table. */
            if (!edge || start != SIZE_MAX)
                cell_add(ret, start == SIZE_MAX ? here : start, end, start_wide, start_plain);
            edge = false;
            start = SIZE_MAX;
            end = 0;
            gap = 0;
        } else if (!text_is_nothing(point)) {
            bool apart = start != SIZE_MAX && ((by == CELLS_BY_COLUMN && gap >= 2) ||
                                               (by == CELLS_BY_SPACE && gap >= 1));
            if (apart) cell_add(ret, start, end, start_wide, start_plain);
            if (apart || start == SIZE_MAX) {
                start = here;
                start_wide = wide;
                start_plain = plain;
            }
            end = at;
            gap = 0;
        }
        bool double_width = point >= 0x1100;
        wide += point == '\t' ? 2 : double_width ? 2 : 1;
        plain += point == '\t' || point == 0x3000 ? 2 : 1;
    }
    if (start != SIZE_MAX || by == CELLS_BY_TAB)
        cell_add(ret, start == SIZE_MAX ? bytes.len : start, end, start_wide, start_plain);
}

void cell_read(const struct source *source, const struct cell *cell, struct cell_text *ret)
{
    struct bytes bytes = bytes_of(source->bytes.data, cell->at + cell->len);
    size_t len = 0;
    ret->span = (struct span){ret->c, ret->f, 0};
    for (size_t at = cell->at; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (text_is_space(point) || text_is_nothing(point)) continue;
        if (len == CELL_LEN_MAX) return;
        ret->c[len] = point;
        ret->f[len++] = words_fold(point);
    }
    ret->span.len = len;
}

size_t cell_number(const struct source *source, const struct cell *cell,
                   uint32_t ret[static TABLE_NUMBER_MAX], bool *ret_dotted)
{
    struct cell_text text;
    size_t count = 0;
    cell_read(source, cell, &text);
    struct span span = text.span;
    *ret_dotted = false;
    if (span.len == 0 || span.len > 12) return 0;
    if (words_opens(span.f[0])) span = span_sub(span, 1, span.len);
    if (span_starts(span, U"第")) span = span_sub(span, 1, span.len);
    while (span.len > 0 && count < TABLE_NUMBER_MAX) {
        size_t len = words_arabic(span, &ret[count]);
        if (len == 0 && count == 0) len = words_chinese(span, &ret[count]);
        if (len == 0) break;
        count++;
        span = span_sub(span, len, span.len);
        if (span.len < 2 || (span.f[0] != '.' && !words_dash(span.f[0]))) break;
        span = span_sub(span, 1, span.len);
    }
    *ret_dotted = count > 1;
    bool closed = span.len == 0 || (span.len == 1 && (span.f[0] == '.' || span.f[0] == U'、' ||
                                                      span.f[0] == ')' || span.f[0] == U'项'));
    return closed ? count : 0;
}

/* ---- heads ------------------------------------------------------------------------------------
 */

static enum role column_role(struct span span)
{
    size_t start = 0;
    enum role role = words_label(span_trim(span), &start);
    return role != ROLE_SKIP && start == 0 ? role : ROLE_NONE;
}

/* 任  务: a word whose characters are set apart is one cell. The index of the last of them. */
static size_t spaced_word(const struct source *source, const struct cells *cells, size_t at,
                          struct cell *ret, struct cell_text *ret_text)
{
    enum { CHARACTERS_MAX = 4 };
    *ret = cells->cells[at];
    cell_read(source, ret, ret_text);
    size_t last = at;
    while (ret_text->span.len == last - at + 1 && last + 1 < cells->count &&
           last - at + 1 < CHARACTERS_MAX && !words_column(ret_text->span)) {
        struct cell longer = cells->cells[at];
        struct cell_text text;
        cell_read(source, &cells->cells[last + 1], &text);
        if (text.span.len != 1) break;
        last++;
        longer.len = cells->cells[last].at + cells->cells[last].len - longer.at;
        *ret = longer;
        cell_read(source, ret, ret_text);
    }
    return last;
}

bool head_take(const struct source *source, const struct cells *cells, bool strict,
               struct head *head)
{
    struct cell_text text;
    for (size_t i = 0; i < cells->count; i++) {
        struct cell cell;
        if (cells->cells[i].len == 0) continue;
        i = spaced_word(source, cells, i, &cell, &text);
        enum role role = column_role(text.span);
        /* 序号 任务 are two columns. */
        if (span_starts(text.span, U"序号") && text.span.len > 2) return false;
        /* 序 over 号, in a column too narrow for both. */
        bool narrow = span_is(text.span, U"序") && head->count == 0 && cells->count > 1;
        if (role == ROLE_NONE && !narrow && !words_column(text.span)) {
            enum { NAME_LEN_MAX = 8 };
            if (strict || text.span.len == 0 || text.span.len > NAME_LEN_MAX) return false;
            head->unknown++;
        }
        if (head->count == TABLE_COLUMN_MAX) return false;
        size_t column = head->count++;
        bool number = narrow || span_is(text.span, U"序号") || span_is(text.span, U"编号");
        head->cells[column] = cell;
        head->roles[column] = role;
        if (number && column == 0) head->number = 0;
        if (role != ROLE_NONE && head->first == SIZE_MAX) head->first = column;
    }
    return true;
}

bool head_complete(const struct head *head)
{
    return head->first != SIZE_MAX && head->count >= 2 && head->unknown == 0;
}

/* Columns of other names among those of a task table: 序号, 镇街, 数量, 责任单位. */
static bool is_mostly_known(const struct head *head)
{
    size_t units = 0;
    for (size_t i = 0; i < head->count; i++) units += head->roles[i] != ROLE_NONE;
    bool closed = head->by == CELLS_BY_PIPE && head->closed;
    bool table = ((head->number == 0 || closed) && units > 0) || units > 1;
    return table && head->by != CELLS_BY_SPACE && head->count > 2 &&
           head->unknown * 2 <= head->count;
}

/* The column that says what the task is: the last of that sense before those of units, or else the
 * first that is no number. */
void head_title(const struct source *source, struct head *head)
{
    static const uint32_t *const tasks[] = {U"任务", U"内容", U"事项", U"措施", U"举措",
                                            U"工作", U"目录", U"名称", U"要求"};
    struct cell_text text;
    bool found = false;
    head->title = SIZE_MAX;
    for (size_t i = 0; i < head->count; i++) {
        if (head->roles[i] != ROLE_NONE || i == head->number) continue;
        bool task = false;
        cell_read(source, &head->cells[i], &text);
        for (size_t j = 0; j < sizeof tasks / sizeof tasks[0]; j++)
            task = task || span_ends(text.span, tasks[j]);
        if (head->title == SIZE_MAX || (task && (!found || i < head->first))) head->title = i;
        found = found || task;
    }
}

/* The second line of a head whose words are broken: nothing but such halves. */
static bool is_second_half(const struct source *source, const struct source_line *line)
{
    static const uint32_t *const halves[] = {U"单位", U"部门", U"时限", U"时间", U"名称",
                                             U"内容", U"任务", U"措施", U"领导", U"号"};
    struct cells cells;
    struct cell_text text;
    cells_split(source, line, CELLS_BY_SPACE, &cells);
    for (size_t i = 0; i < cells.count; i++) {
        bool half = false;
        cell_read(source, &cells.cells[i], &text);
        for (size_t j = 0; j < sizeof halves / sizeof halves[0]; j++)
            half = half || span_is(text.span, halves[j]);
        if (!half) return false;
    }
    return cells.count > 0 && !cells.more;
}

static bool ends_with_pipe(const struct source *source, const struct source_line *line)
{
    struct bytes bytes = bytes_of(source->bytes.data, line->at + line->len);
    bool pipe = false;
    for (size_t at = line->at; at < bytes.len;) {
        uint32_t point = text_next(bytes, &at);
        if (!text_is_space(point) && !text_is_nothing(point)) pipe = is_pipe(point);
    }
    return pipe;
}

bool head_read(const struct source *source, const struct source_line *line,
               const struct source_line *next, struct head *ret, size_t *ret_lines)
{
    enum { HEAD_BYTES_MAX = 1024 };
    struct cells cells;
    if (line->len > HEAD_BYTES_MAX) return false;
    for (int by = 0; by < CELLS_BY_COUNT; by++) {
        *ret = (struct head){.by = (enum cells_by)by, .number = SIZE_MAX, .first = SIZE_MAX};
        cells_split(source, line, ret->by, &cells);
        if (cells.more || cells.count < 2 || !head_take(source, &cells, false, ret)) continue;
        ret->closed = by == CELLS_BY_PIPE && ends_with_pipe(source, line);
        if (!head_complete(ret) && !is_mostly_known(ret)) continue;
        /* 牵头 and 配合 alone are the words of a head only with the rest of it below. */
        *ret_lines = next && is_second_half(source, next) ? 2 : 1;
        /* 序号 and 任务 apart by one space, the others by more. */
        cells_split(source, line, CELLS_BY_COLUMN, &cells);
        if (by == CELLS_BY_SPACE && cells.count > 2) ret->by = CELLS_BY_COLUMN;
        head_title(source, ret);
        return true;
    }
    return false;
}
