/* The clocks and the calendar of plan_parse: how long each unit has, and when offices work. */
#include <stdlib.h>
#include <string.h>

#include "proto/plan/day.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

/* ---- calendar ---------------------------------------------------------------------------------
 */

enum { D_FROM, D_TO, D_IS, D_ZH, D_EN, D_SOURCE, D_CONFIRM, D_COUNT };
enum { IS_HOURS, IS_YEAR, IS_OFF, IS_WORK, IS_COUNT };

/* "08:30"; 24:00 is the end of a day. */
static bool plan_clocks_minute(const char *text, uint16_t *ret_minute)
{
    if (strlen(text) != 5 || text[2] != ':') return false;
    for (size_t i = 0; i < 5; i++)
        if (i != 2 && (text[i] < '0' || text[i] > '9')) return false;
    unsigned hour = (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
    unsigned minute = (unsigned)(text[3] - '0') * 10 + (unsigned)(text[4] - '0');
    if (minute > 59 || hour * 60 + minute > 1440) return false;
    *ret_minute = (uint16_t)(hour * 60 + minute);
    return true;
}

static int plan_clocks_hours(struct plan *plan, const struct table *table, char **f,
                             struct error *ret_error)
{
    struct calendar *calendar = &plan->calendar;
    struct calendar_hours hours;
    uint16_t after =
        calendar->hours_count > 0 ? calendar->hours[calendar->hours_count - 1].to_minute : 0;
    if (!plan_clocks_minute(f[D_FROM], &hours.from_minute) ||
        !plan_clocks_minute(f[D_TO], &hours.to_minute) || hours.from_minute >= hours.to_minute)
        return table_refuse(table, ret_error, "办公时间的 from、to 应如 08:30、12:00，且前早后晚",
                            "hours from and to as 08:30 and 12:00");
    if (hours.from_minute < after)
        return table_refuse(table, ret_error, "各段办公时间须由早到晚，互不重叠",
                            "hours ascend and do not overlap");
    if (calendar->hours_count == CALENDAR_HOURS_COUNT_MAX)
        return table_refuse(table, ret_error, "办公时间至多 %d 段", "at most %d stretches of hours",
                            CALENDAR_HOURS_COUNT_MAX);
    calendar->hours[calendar->hours_count++] = hours;
    return 0;
}

static int plan_clocks_year(struct plan *plan, const struct table *table, uint32_t from,
                            uint32_t to, struct error *ret_error)
{
    unsigned year = day_year(from);
    if (from == to || day_year(to) != year || (from > 0 && day_year(from - 1) == year) ||
        (to < DAY_NUMBER_MAX && day_year(to + 1) == year))
        return table_refuse(table, ret_error, "year 一行应从该年首日写到末日",
                            "a year from its first day to its last");
    for (size_t i = 0; i < plan->calendar.year_count; i++)
        if (plan->calendar_years[i] >= year)
            return table_refuse(table, ret_error, "各年度须由小到大，每年一行",
                                "years ascend, each once");
    if (plan->calendar.year_count == CALENDAR_YEAR_COUNT_MAX)
        return table_refuse(table, ret_error, "至多 %d 个年度", "at most %d years",
                            CALENDAR_YEAR_COUNT_MAX);
    plan->calendar_years[plan->calendar.year_count++] = (uint16_t)year;
    return 0;
}

static int plan_clocks_days(struct plan *plan, const struct table *table, uint32_t from,
                            uint32_t to, bool works, struct error *ret_error)
{
    size_t count = plan->calendar.exception_count;
    if (to - from >= 366 || count + (to - from) >= CALENDAR_EXCEPTION_COUNT_MAX)
        return table_refuse(table, ret_error, "放假与补班至多 %d 天，一行不超过一年",
                            "at most %d days, and a year in one row", CALENDAR_EXCEPTION_COUNT_MAX);
    for (uint32_t day = from; day <= to; day++)
        plan->calendar_days[count++] = (struct calendar_exception){day, works};
    plan->calendar.exception_count = count;
    return 0;
}

static int plan_calendar_row(struct plan *plan, const struct table *table, char **f,
                             struct error *ret_error)
{
    static const char *const words[IS_COUNT] = {"hours", "year", "off", "work"};
    size_t is;
    uint64_t from_ms = 0, to_ms = 0;
    int r = plan_reader_word(table, f[D_IS], words, IS_COUNT, "is", &is, ret_error);
    if (r == 0) r = plan_reader_text(table, f[D_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[D_EN], "name_en", ret_error);
    if (r == 0) r = plan_reader_text(table, f[D_SOURCE], "source", ret_error);
    if (r < 0) return r;
    plan->calendar_rows[plan->calendar_row_count++] =
        (struct plan_calendar_row){is == IS_HOURS, f[D_FROM],   f[D_TO],      f[D_ZH],
                                   f[D_EN],        f[D_SOURCE], f[D_CONFIRM], table->line};
    if (is == IS_HOURS) return plan_clocks_hours(plan, table, f, ret_error);
    r = table_day(table, f[D_FROM], &from_ms, ret_error);
    if (r == 0) r = table_day(table, f[D_TO], &to_ms, ret_error);
    if (r < 0) return r;
    uint32_t from = day_number(from_ms), to = day_number(to_ms);
    if (from > to) return table_refuse(table, ret_error, "from 晚于 to", "from comes after to");
    return is == IS_YEAR ? plan_clocks_year(plan, table, from, to, ret_error)
                         : plan_clocks_days(plan, table, from, to, is == IS_WORK, ret_error);
}

static int plan_calendar_order(const void *a, const void *b)
{
    const struct calendar_exception *x = a, *y = b;
    return (x->day > y->day) - (x->day < y->day);
}

int plan_calendar_parse(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"from",    "to",     "is",        "name_zh",
                                          "name_en", "source", "to_confirm"};
    struct plan *plan = reader->plan;
    char *f[D_COUNT];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_CALENDAR, columns, D_COUNT, PLAN_ROW_COUNT_MAX,
                             ret_error);
    if (r < 0) return r;
    plan->calendar_rows = plan_alloc(plan, reader->row_cap, sizeof *plan->calendar_rows);
    plan->calendar_years = plan_alloc(plan, CALENDAR_YEAR_COUNT_MAX, sizeof *plan->calendar_years);
    plan->calendar_days =
        plan_alloc(plan, CALENDAR_EXCEPTION_COUNT_MAX, sizeof *plan->calendar_days);
    if (!plan->calendar_rows || !plan->calendar_years || !plan->calendar_days)
        return plan_reader_no_memory(ret_error);
    plan->calendar.years = plan->calendar_years;
    plan->calendar.exceptions = plan->calendar_days;
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        r = plan_calendar_row(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    if (r < 0) return r;
    struct calendar *calendar = &plan->calendar;
    qsort(plan->calendar_days, calendar->exception_count, sizeof *plan->calendar_days,
          plan_calendar_order);
    for (size_t i = 1; i < calendar->exception_count; i++) {
        char text[DAY_TEXT_LEN];
        if (plan->calendar_days[i].day != plan->calendar_days[i - 1].day) continue;
        day_text(day_start_ms(plan->calendar_days[i].day), text);
        return error_say(ret_error, E_BAD_TABLE, plan_part_names[PLAN_PART_CALENDAR], "%s 重复列出",
                         "%s stands there twice", text);
    }
    for (size_t i = 0; i < calendar->exception_count; i++) {
        char text[DAY_TEXT_LEN];
        if (calendar_knows(calendar, plan->calendar_days[i].day)) continue;
        day_text(day_start_ms(plan->calendar_days[i].day), text);
        return error_say(ret_error, E_BAD_TABLE, plan_part_names[PLAN_PART_CALENDAR],
                         "%s：没有 year 一行说明该年度已列全",
                         "%s: no row says that its year is complete", text);
    }
    return 0;
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

enum {
    C_URGENCY,
    C_KIND,
    C_CLOCK,
    C_FROM,
    C_LIMIT,
    C_UNIT,
    C_SOURCE_ZH,
    C_SOURCE_EN,
    C_CONFIRM,
    C_COUNT
};

const char *plan_clock_name(enum plan_clock_index clock)
{
    static const char *const names[PLAN_CLOCK_COUNT] = {
        "deliver", "sign", "accept", "progress", "close", "release", "extension"};
    return clock < PLAN_CLOCK_COUNT ? names[clock] : "?";
}

const char *plan_clock_zh(enum plan_clock_index clock)
{
    static const char *const names[PLAN_CLOCK_COUNT] = {
        "送达", "签收", "受理或退回", "首次反馈", "办结", "答复转办", "延长的期限"};
    return clock < PLAN_CLOCK_COUNT ? names[clock] : "?";
}

const char *plan_clock_en(enum plan_clock_index clock)
{
    static const char *const names[PLAN_CLOCK_COUNT] = {"delivered",
                                                        "signed for",
                                                        "accepted or returned",
                                                        "first progress",
                                                        "closed",
                                                        "answer about a release",
                                                        "length of an extension"};
    return clock < PLAN_CLOCK_COUNT ? names[clock] : "?";
}

static int plan_clocks_limit(const struct table *table, const char *text, uint32_t *ret_limit,
                             struct error *ret_error)
{
    size_t len = strspn(text, "0123456789");
    uint32_t limit = 0;
    for (size_t i = 0; len <= 5 && !text[len] && i < len; i++)
        limit = limit * 10 + (uint32_t)(text[i] - '0');
    if (limit == 0 || limit > CALENDAR_LIMIT_MAX)
        return table_refuse(table, ret_error, "limit 应为 1 到 %d", "a limit of 1 to %d",
                            CALENDAR_LIMIT_MAX);
    *ret_limit = limit;
    return 0;
}

/* A row of an urgency, or of a kind that has clocks of its own. */
static int plan_clocks_place(struct plan *plan, const struct table *table, char **f,
                             enum plan_clock_index clock, int16_t **ret_place,
                             struct error *ret_error)
{
    if (strcmp(f[C_KIND], "") == 0) {
        unsigned urgency = (unsigned)(unsigned char)f[C_URGENCY][0] - '0';
        if (strlen(f[C_URGENCY]) != 1 || urgency < 1 || urgency > 4)
            return table_refuse(table, ret_error, "应写紧急程度 1 到 4，或写一个种类",
                                "an urgency of 1 to 4, or a kind");
        *ret_place = &plan->clock_of_urgency[urgency][clock];
        return 0;
    }
    const struct plan_kind *kind = plan_kind_find(plan, f[C_KIND]);
    if (!kind) return table_refuse(table, ret_error, "没有种类 %.60s", "no kind %.60s", f[C_KIND]);
    if (f[C_URGENCY][0])
        return table_refuse(table, ret_error, "一行只能写紧急程度或种类之一",
                            "a row is of an urgency or of a kind, not of both");
    *ret_place = &plan->clock_of_kind[(size_t)(kind - plan->kinds) * PLAN_CLOCK_COUNT + clock];
    return 0;
}

static int plan_clocks_row(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    const char *clocks[PLAN_CLOCK_COUNT], *units[CALENDAR_UNIT_COUNT];
    static const char *const starts[] = {"submitted", "signed", "accepted", "asked", "due"};
    struct plan_clock row = {.source_zh = f[C_SOURCE_ZH],
                             .source_en = f[C_SOURCE_EN],
                             .to_confirm = f[C_CONFIRM],
                             .kind = f[C_KIND],
                             .line = table->line};
    size_t clock, start, unit;
    int16_t *place = NULL;
    for (size_t i = 0; i < PLAN_CLOCK_COUNT; i++)
        clocks[i] = plan_clock_name((enum plan_clock_index)i);
    for (size_t i = 0; i < CALENDAR_UNIT_COUNT; i++)
        units[i] = calendar_unit_name((enum calendar_unit)i);
    int r =
        plan_reader_word(table, f[C_CLOCK], clocks, PLAN_CLOCK_COUNT, "clock", &clock, ret_error);
    if (r == 0) r = plan_reader_word(table, f[C_FROM], starts, 5, "from", &start, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[C_UNIT], units, CALENDAR_UNIT_COUNT, "unit", &unit,
                             ret_error);
    if (r == 0) r = plan_clocks_limit(table, f[C_LIMIT], &row.limit, ret_error);
    if (r == 0) r = plan_reader_text(table, f[C_SOURCE_ZH], "source_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[C_SOURCE_EN], "source_en", ret_error);
    if (r == 0)
        r = plan_clocks_place(plan, table, f, (enum plan_clock_index)clock, &place, ret_error);
    if (r < 0 || !place) return r;
    if (*place != 0)
        return table_refuse(table, ret_error, "同一时限重复列出", "that clock stands there twice");
    row.clock = (enum plan_clock_index)clock;
    row.from = (enum plan_clock_start)start;
    row.unit = (enum calendar_unit)unit;
    row.urgency = f[C_URGENCY][0] ? (uint8_t)(f[C_URGENCY][0] - '0') : 0;
    plan->clocks[plan->clock_count++] = row;
    *place = (int16_t)plan->clock_count;
    return 0;
}

int plan_clocks_parse(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"urgency", "kind",      "clock",     "from",      "limit",
                                          "unit",    "source_zh", "source_en", "to_confirm"};
    struct plan *plan = reader->plan;
    char *f[C_COUNT];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_CLOCKS, columns, C_COUNT, PLAN_CLOCK_ROW_COUNT_MAX,
                             ret_error);
    if (r < 0) return r;
    plan->clocks = plan_alloc(plan, reader->row_cap, sizeof *plan->clocks);
    plan->clock_of_kind =
        plan_alloc(plan, plan->kind_count * PLAN_CLOCK_COUNT, sizeof *plan->clock_of_kind);
    if (!plan->clocks || !plan->clock_of_kind) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        r = plan_clocks_row(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    return r;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

const struct calendar *plan_calendar(const struct plan *plan)
{
    return &plan->calendar;
}

size_t plan_clock_count(const struct plan *plan)
{
    return plan->clock_count;
}

const struct plan_clock *plan_clock(const struct plan *plan, size_t index)
{
    return index < plan->clock_count ? &plan->clocks[index] : NULL;
}

bool plan_clock_owed(const struct plan_kind *kind, enum plan_clock_index clock)
{
    switch (clock) {
    case PLAN_CLOCK_DELIVER: return true;
    case PLAN_CLOCK_SIGN: return plan_kind_expects(kind, PLAN_ACT_SIGN);
    case PLAN_CLOCK_ACCEPT: return plan_kind_expects(kind, PLAN_ACT_ACCEPT);
    case PLAN_CLOCK_PROGRESS: return plan_kind_expects(kind, PLAN_ACT_PROGRESS);
    case PLAN_CLOCK_CLOSE: return plan_kind_expects(kind, PLAN_ACT_CLOSE);
    case PLAN_CLOCK_RELEASE:
    case PLAN_CLOCK_EXTENSION:
    case PLAN_CLOCK_COUNT: break;
    }
    return false;
}

enum plan_clock_start plan_clock_start_of(const struct plan_kind *kind,
                                          const struct plan_clock *row)
{
    enum plan_clock_start from = row->from;
    if (from == PLAN_CLOCK_FROM_ACCEPTED && !plan_kind_expects(kind, PLAN_ACT_ACCEPT))
        from = PLAN_CLOCK_FROM_SIGNED;
    if (from == PLAN_CLOCK_FROM_SIGNED && !plan_kind_expects(kind, PLAN_ACT_SIGN))
        from = PLAN_CLOCK_FROM_SUBMITTED;
    return from;
}

const struct plan_clock *plan_clock_of_urgency(const struct plan *plan, unsigned urgency,
                                               enum plan_clock_index clock)
{
    int16_t at = plan->clock_count > 0 && urgency >= 1 && urgency <= 4
                     ? plan->clock_of_urgency[urgency][clock]
                     : 0;
    return at > 0 ? &plan->clocks[at - 1] : NULL;
}

const struct plan_clock *plan_clock_of(const struct plan *plan, const struct plan_kind *kind,
                                       const char *topic, enum plan_clock_index clock)
{
    if (plan->clock_count == 0) return NULL;
    int16_t at = plan->clock_of_kind[(size_t)(kind - plan->kinds) * PLAN_CLOCK_COUNT + clock];
    if (at == 0) at = plan->clock_of_urgency[plan_kind_urgency(kind, topic)][clock];
    return at > 0 ? &plan->clocks[at - 1] : NULL;
}
