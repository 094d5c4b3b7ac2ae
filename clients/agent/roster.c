#include "clients/agent/roster.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/utf8.h"
#include "proto/plan/day.h"

enum { FIELD_LEN_MAX = 512, FIELD_COUNT_MAX = 32, MINUTE_MS = 60000, DAY_MINUTES = 1440 };

enum column { FROM, TO, RANK, OFFICER, NAME, CONTACT, NOTE, COLUMN_COUNT };
enum { NAMES_MAX = 6 };

static const struct {
    const char *names[NAMES_MAX]; /* the first is what we call it */
    bool required;
} columns[COLUMN_COUNT] = {
    [FROM] = {{"from", "开始", "开始时间", "起", "起始时间"}, true},
    [TO] = {{"to", "结束", "结束时间", "止", "截止时间"}, true},
    [RANK] = {{"rank", "岗位", "班次", "值班岗位"}, true},
    [OFFICER] = {{"officer", "经办人代码", "代码", "工号", "经办人"}, true},
    [NAME] = {{"name", "姓名"}, false},
    [CONTACT] = {{"contact", "联系方式", "联系电话", "电话", "手机"}, false},
    [NOTE] = {{"note", "备注", "说明"}, false},
};
static const struct {
    const char *names[NAMES_MAX];
    const char *zh, *en;
} ranks[LEADBUS_RANK_COUNT] = {
    [LEADBUS_RANK_DUTY] = {{"duty", "值班", "主班", "值班员"}, "值班", "on duty"},
    [LEADBUS_RANK_DEPUTY] = {{"deputy", "副班"}, "副班", "deputy"},
    [LEADBUS_RANK_HEAD] = {{"head", "负责人", "带班", "带班领导", "领导"}, "负责人", "head"},
};

const char *roster_rank_name(int rank)
{
    return rank >= 0 && rank < LEADBUS_RANK_COUNT ? ranks[rank].names[0] : "none";
}

const char *roster_rank_text(int rank, enum lang lang)
{
    if (rank < 0 || rank >= LEADBUS_RANK_COUNT) return lang == LANG_ZH ? "无" : "none";
    return lang == LANG_ZH ? ranks[rank].zh : ranks[rank].en;
}

static bool named(const char *const names[NAMES_MAX], const char *text)
{
    for (size_t i = 0; i < NAMES_MAX && names[i]; i++)
        if (strcmp(names[i], text) == 0) return true;
    return false;
}

/* ---- CSV ----------------------------------------------------------------------------------------
 */

struct reader {
    struct bytes rest;
    size_t line;  /* of the row that was read last */
    size_t ahead; /* where the next one begins */
    char fields[FIELD_COUNT_MAX][FIELD_LEN_MAX + 1];
    size_t count;
    char place[64];
};

/* "17", "17.from": what an error is about. */
static const char *place(struct reader *reader, const char *column)
{
    (void)snprintf(reader->place, sizeof reader->place, "%zu%s%s", reader->line, *column ? "." : "",
                   column);
    return reader->place;
}

static int next_byte(const struct reader *reader)
{
    return reader->rest.len > 0 ? reader->rest.data[0] : -1;
}

static void skip(struct reader *reader, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (reader->rest.data[i] == '\n') reader->ahead++;
    reader->rest = bytes_of(reader->rest.data + len, reader->rest.len - len);
}

static void trim(char *text)
{
    size_t len = strlen(text);
    size_t start = strspn(text, " \t");
    while (len > start && (text[len - 1] == ' ' || text[len - 1] == '\t')) len--;
    memmove(text, text + start, len - start);
    text[len - start] = 0;
}

/* One field; what stands behind it (a comma, the end of the line or of the file) is left. */
static int read_field(struct reader *reader, char ret[FIELD_LEN_MAX + 1], struct error *ret_error)
{
    size_t len = 0;
    bool quoted = next_byte(reader) == '"';
    if (quoted) skip(reader, 1);
    for (;;) {
        int c = next_byte(reader);
        if (quoted && c == '"') {
            skip(reader, 1);
            if (next_byte(reader) != '"') break;
        } else if (quoted && c < 0) {
            return error_say(ret_error, E_BAD_TABLE, place(reader, ""), "引号没有结束",
                             "a quote that does not end");
        } else if (!quoted && (c < 0 || c == ',' || c == '\n' || c == '\r')) {
            break;
        }
        if (len == FIELD_LEN_MAX)
            return error_say(ret_error, E_BAD_TABLE, place(reader, ""), "一格最多 %d 字节",
                             "a field of more than %d bytes", FIELD_LEN_MAX);
        ret[len++] = (char)next_byte(reader);
        skip(reader, 1);
    }
    ret[len] = 0;
    trim(ret);
    int c = next_byte(reader);
    if (quoted && c >= 0 && c != ',' && c != '\n' && c != '\r')
        return error_say(ret_error, E_BAD_TABLE, place(reader, ""), "引号之后应为逗号或换行",
                         "a comma or the end of the line is expected behind a quote");
    return 0;
}

/* A row that says something into the fields; *ret_row false: there is none left. */
static int read_row(struct reader *reader, bool *ret_row, struct error *ret_error)
{
    for (;;) {
        bool comment = next_byte(reader) == '#';
        bool any = false;
        if (next_byte(reader) < 0) {
            *ret_row = false;
            return 0;
        }
        reader->line = reader->ahead;
        reader->count = 0;
        do {
            if (reader->count > 0) skip(reader, 1);
            if (reader->count == FIELD_COUNT_MAX)
                return error_say(ret_error, E_BAD_TABLE, place(reader, ""), "最多 %d 列",
                                 "more than %d columns", FIELD_COUNT_MAX);
            int r = read_field(reader, reader->fields[reader->count], ret_error);
            if (r < 0 && !comment) return r;
            any = any || reader->fields[reader->count][0];
            reader->count++;
        } while (!comment && next_byte(reader) == ',');
        while (comment && next_byte(reader) >= 0 && next_byte(reader) != '\n') skip(reader, 1);
        if (next_byte(reader) == '\r') skip(reader, 1);
        if (next_byte(reader) == '\n') skip(reader, 1);
        if (comment || !any) continue;
        *ret_row = true;
        return 0;
    }
}

/* ---- rows ---------------------------------------------------------------------------------------
 */

/* Up to `max` digits as a number. */
static bool take_number(const char **at, size_t max, unsigned *ret)
{
    size_t len = strspn(*at, "0123456789");
    if (len == 0 || len > max) return false;
    *ret = 0;
    for (size_t i = 0; i < len; i++) *ret = *ret * 10 + (unsigned)((*at)[i] - '0');
    *at += len;
    return true;
}

/* A day, and a time where one follows; without: the day's start, or its end. */
static bool parse_time(const char *text, bool end, uint64_t *ret_ms)
{
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned hour = end ? 24 : 0;
    unsigned minute = 0;
    unsigned second = 0;
    char name[DAY_TEXT_LEN + 24];
    uint64_t start_ms;
    const char *at = text;
    if (!take_number(&at, 4, &year)) return false;
    char dash = *at;
    if ((dash != '-' && dash != '/') || *at++ != dash || !take_number(&at, 2, &month)) return false;
    if (*at++ != dash || !take_number(&at, 2, &day)) return false;
    (void)snprintf(name, sizeof name, "%04u-%02u-%02u", year, month, day);
    if (!day_parse(name, &start_ms)) return false;
    if (*at == 'T' || *at == ' ') {
        at += *at == 'T' ? 1 : strspn(at, " ");
        if (!take_number(&at, 2, &hour) || *at++ != ':' || !take_number(&at, 2, &minute))
            return false;
        if (*at == ':' && (at++, !take_number(&at, 2, &second))) return false;
    }
    if (*at || minute > 59 || second != 0 || hour * 60 + minute > DAY_MINUTES) return false;
    *ret_ms = start_ms + (uint64_t)(hour * 60 + minute) * MINUTE_MS;
    return true;
}

/* Text of one line, and all of it characters. */
static bool text_fits(const char *text)
{
    struct bytes rest = bytes_of_str(text);
    uint32_t character;
    if (rest.len >= ROSTER_TEXT_LEN) return false;
    while (rest.len > 0) {
        size_t len = utf8_next(rest, &character);
        if (len == 0 || character < 0x20 || (character >= 0x7f && character <= 0x9f)) return false;
        rest = bytes_of(rest.data + len, rest.len - len);
    }
    return true;
}

static bool officer_fits(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] > '~') return false;
    return len > 0 && len < ROSTER_OFFICER_LEN;
}

struct shape {
    int at[COLUMN_COUNT]; /* of which field; -1: there is none */
};

static int read_head(struct reader *reader, struct shape *shape, struct error *ret_error)
{
    bool row = false;
    int r = read_row(reader, &row, ret_error);
    if (r < 0) return r;
    if (!row)
        return error_say(ret_error, E_BAD_TABLE, "1", "空文件：第一行应为列名",
                         "empty: the first line names the columns");
    for (int column = 0; column < COLUMN_COUNT; column++) shape->at[column] = -1;
    for (size_t i = 0; i < reader->count; i++) {
        int column = 0;
        const char *text = reader->fields[i];
        while (column < COLUMN_COUNT && !named(columns[column].names, text)) column++;
        if (column == COLUMN_COUNT && !*text) continue; /* a spreadsheet's empty column */
        if (column == COLUMN_COUNT)
            return error_say(ret_error, E_BAD_TABLE, place(reader, ""),
                             "没有“%.60s”这一列：可用 开始、结束、岗位、经办人代码、姓名、"
                             "联系方式、备注；编码须为 UTF-8",
                             "no column \"%.60s\": from, to, rank, officer, name, contact, note; "
                             "the file is in UTF-8",
                             text_fits(text) ? text : "?");
        if (shape->at[column] >= 0)
            return error_say(ret_error, E_BAD_TABLE, place(reader, columns[column].names[0]),
                             "此列出现两次", "this column stands there twice");
        shape->at[column] = (int)i;
    }
    for (int column = 0; column < COLUMN_COUNT; column++)
        if (columns[column].required && shape->at[column] < 0)
            return error_say(ret_error, E_BAD_TABLE, place(reader, columns[column].names[0]),
                             "缺少这一列（%s）", "the column is missing (%s)",
                             columns[column].names[1]);
    return 0;
}

static const char *field_of(const struct reader *reader, const struct shape *shape,
                            enum column column)
{
    int at = shape->at[column];
    return at >= 0 && (size_t)at < reader->count ? reader->fields[at] : "";
}

static int read_times(struct reader *reader, const struct shape *shape, struct roster_row *row,
                      struct error *ret_error)
{
    bool from = parse_time(field_of(reader, shape, FROM), false, &row->from_ms);
    bool to = parse_time(field_of(reader, shape, TO), true, &row->until_ms);
    if (!from || !to)
        return error_say(ret_error, E_BAD_TABLE, place(reader, columns[from ? TO : FROM].names[0]),
                         "应为日期与时刻，如 2026-11-25 08:30",
                         "a day and time, as 2026-11-25 08:30");
    if (row->from_ms >= row->until_ms)
        return error_say(ret_error, E_BAD_TABLE, place(reader, columns[TO].names[0]),
                         "结束应在开始之后", "the end comes after the start");
    return 0;
}

static int read_person(struct reader *reader, const struct shape *shape, struct roster_row *row,
                       struct error *ret_error)
{
    const char *rank = field_of(reader, shape, RANK);
    const char *officer = field_of(reader, shape, OFFICER);
    row->rank = 0;
    while (row->rank < LEADBUS_RANK_COUNT && !named(ranks[row->rank].names, rank)) row->rank++;
    if (row->rank == LEADBUS_RANK_COUNT)
        return error_say(ret_error, E_BAD_TABLE, place(reader, columns[RANK].names[0]),
                         "应为 值班（duty）、副班（deputy）或 负责人（head）",
                         "duty, deputy or head");
    if (!officer_fits(officer))
        return error_say(ret_error, E_BAD_TABLE, place(reader, columns[OFFICER].names[0]),
                         "应为经办人代码：1 至 %d 个不含空格的 ASCII 字符",
                         "a code: 1 to %d printable ASCII characters without blanks",
                         ROSTER_OFFICER_LEN - 1);
    for (int column = NAME; column <= CONTACT; column++)
        if (!text_fits(field_of(reader, shape, (enum column)column)))
            return error_say(ret_error, E_BAD_TABLE, place(reader, columns[column].names[0]),
                             "应为一行 UTF-8 文字，最多 %d 字节",
                             "one line of UTF-8, at most %d bytes", ROSTER_TEXT_LEN - 1);
    (void)snprintf(row->officer, sizeof row->officer, "%s", officer);
    (void)snprintf(row->name, sizeof row->name, "%s", field_of(reader, shape, NAME));
    (void)snprintf(row->contact, sizeof row->contact, "%s", field_of(reader, shape, CONTACT));
    return 0;
}

static int order(const void *a, const void *b)
{
    const struct roster_row *x = a;
    const struct roster_row *y = b;
    if (x->from_ms != y->from_ms) return x->from_ms < y->from_ms ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line;
}

static int read_rows(struct reader *reader, const struct shape *shape, struct roster *roster,
                     struct error *ret_error)
{
    size_t cap = 0;
    bool row = true;
    int r;
    while ((r = read_row(reader, &row, ret_error)) == 0 && row) {
        if (roster->count == ROSTER_ROW_COUNT_MAX)
            return error_say(ret_error, E_TOO_LARGE, place(reader, ""), "最多 %d 行",
                             "at most %d rows", ROSTER_ROW_COUNT_MAX);
        if (roster->count == cap) {
            cap = cap ? cap * 2 : 64;
            roster->rows = realloc(roster->rows, cap * sizeof *roster->rows);
            CHECK(roster->rows != NULL);
        }
        struct roster_row *to = &roster->rows[roster->count];
        memset(to, 0, sizeof *to);
        to->line = reader->line;
        r = read_times(reader, shape, to, ret_error);
        if (r == 0) r = read_person(reader, shape, to, ret_error);
        if (r < 0) return r;
        roster->count++;
    }
    if (roster->count > 1) qsort(roster->rows, roster->count, sizeof *roster->rows, order);
    return r;
}

int roster_parse(struct bytes csv, struct roster *ret_roster, struct error *ret_error)
{
    static const uint8_t mark[3] = {0xef, 0xbb, 0xbf};
    struct roster roster = {0};
    struct shape shape;
    if (csv.len > ROSTER_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "1", "最多 %d 字节", "at most %d bytes",
                         ROSTER_BYTES_MAX);
    struct reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    if (csv.len >= 3 && memcmp(csv.data, mark, 3) == 0) csv = bytes_of(csv.data + 3, csv.len - 3);
    reader->rest = csv;
    reader->line = reader->ahead = 1;
    int r = 0;
    if (csv.len > 0 && memchr(csv.data, 0, csv.len))
        r = error_say(ret_error, E_BAD_TABLE, "1", "不是文本：另存为“CSV UTF-8”",
                      "no text: save it as \"CSV UTF-8\"");
    if (r == 0) r = read_head(reader, &shape, ret_error);
    if (r == 0) r = read_rows(reader, &shape, &roster, ret_error);
    sodium_memzero(reader, sizeof *reader);
    free(reader);
    if (r < 0) {
        roster_fini(&roster);
        return r;
    }
    *ret_roster = roster;
    return 0;
}

void roster_fini(struct roster *roster)
{
    if (!roster) return;
    if (roster->rows) sodium_memzero(roster->rows, roster->count * sizeof *roster->rows);
    free(roster->rows);
    *roster = (struct roster){0};
}

/* ---- asking -------------------------------------------------------------------------------------
 */

size_t roster_at(const struct roster *roster, int rank, uint64_t at_ms,
                 const struct roster_row **ret_rows, size_t cap)
{
    size_t count = 0;
    for (size_t i = 0; i < roster->count && roster->rows[i].from_ms <= at_ms; i++) {
        const struct roster_row *row = &roster->rows[i];
        if (row->rank == rank && at_ms < row->until_ms && count < cap) ret_rows[count++] = row;
    }
    return count;
}

const struct roster_row *roster_next(const struct roster *roster, int rank, uint64_t after_ms)
{
    for (size_t i = 0; i < roster->count; i++)
        if (roster->rows[i].rank == rank && roster->rows[i].from_ms > after_ms)
            return &roster->rows[i];
    return NULL;
}

bool roster_gap(const struct roster *roster, int rank, uint64_t from_ms, uint64_t until_ms,
                uint64_t *ret_from_ms, uint64_t *ret_until_ms)
{
    uint64_t held_ms = from_ms; /* somebody is there up to here */
    uint64_t next_ms = 0;
    bool any = rank == LEADBUS_RANK_DUTY;
    for (size_t i = 0; i < roster->count && next_ms == 0; i++) {
        const struct roster_row *row = &roster->rows[i];
        if (row->rank != rank) continue;
        any = true;
        if (row->from_ms > held_ms)
            next_ms = row->from_ms;
        else if (row->until_ms > held_ms)
            held_ms = row->until_ms;
    }
    if (!any || held_ms >= until_ms) return false;
    *ret_from_ms = held_ms;
    *ret_until_ms = next_ms;
    return true;
}
