#include "proto/plan/calendar.h"

#include "proto/plan/day.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, DAY_MINUTES = 1440 };

static const struct calendar_hours calendar_whole_day = {0, DAY_MINUTES};

static const struct calendar_hours *calendar_hours_of(const struct calendar *calendar,
                                                      size_t *ret_count)
{
    *ret_count = calendar->hours_count > 0 ? calendar->hours_count : 1;
    return calendar->hours_count > 0 ? calendar->hours : &calendar_whole_day;
}

bool calendar_works(const struct calendar *calendar, uint32_t day)
{
    size_t low = 0, high = calendar->exception_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calendar->exceptions[middle].day == day) return calendar->exceptions[middle].works;
        if (calendar->exceptions[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    return day_weekday(day) >= 1 && day_weekday(day) <= 5;
}

bool calendar_knows(const struct calendar *calendar, uint32_t day)
{
    unsigned year = day_year(day);
    for (size_t i = 0; i < calendar->year_count; i++)
        if (calendar->years[i] == year) return true;
    return false;
}

/* One more day, and whether it was guessed. */
static bool calendar_looks(const struct calendar *calendar, uint32_t day, bool *assumed)
{
    *assumed = *assumed || !calendar_knows(calendar, day);
    return calendar_works(calendar, day);
}

static uint64_t calendar_close(const struct calendar *calendar, uint32_t day)
{
    size_t count;
    const struct calendar_hours *hours = calendar_hours_of(calendar, &count);
    return day_start_ms(day) + (uint64_t)hours[count - 1].to_minute * MINUTE_MS;
}

static uint64_t calendar_days(const struct calendar *calendar, uint64_t from_ms, uint32_t limit,
                              bool *assumed)
{
    uint32_t day = day_number(from_ms) + limit;
    while (day < DAY_NUMBER_MAX && !calendar_looks(calendar, day, assumed)) day++;
    return day_start_ms(day + 1);
}

static uint64_t calendar_work_days(const struct calendar *calendar, uint64_t from_ms,
                                   uint32_t limit, bool *assumed)
{
    uint32_t day = day_number(from_ms);
    for (uint32_t counted = 0; counted < limit && day < DAY_NUMBER_MAX;)
        counted += calendar_looks(calendar, ++day, assumed);
    return calendar_close(calendar, day);
}

/* What of a stretch of hours on a day lies at or after `from_ms`. */
static uint64_t calendar_begin(uint32_t day, const struct calendar_hours *hours, uint64_t from_ms)
{
    uint64_t begin = day_start_ms(day) + (uint64_t)hours->from_minute * MINUTE_MS;
    return begin > from_ms ? begin : from_ms;
}

static uint64_t calendar_end(uint32_t day, const struct calendar_hours *hours)
{
    return day_start_ms(day) + (uint64_t)hours->to_minute * MINUTE_MS;
}

static uint64_t calendar_work_hours(const struct calendar *calendar, uint64_t from_ms,
                                    uint32_t limit, bool *assumed)
{
    uint64_t left = (uint64_t)limit * HOUR_MS;
    size_t count;
    const struct calendar_hours *hours = calendar_hours_of(calendar, &count);
    for (uint32_t day = day_number(from_ms); day < DAY_NUMBER_MAX; day++) {
        if (!calendar_looks(calendar, day, assumed)) continue;
        for (size_t i = 0; i < count; i++) {
            uint64_t begin = calendar_begin(day, &hours[i], from_ms);
            uint64_t end = calendar_end(day, &hours[i]);
            if (end <= begin) continue;
            if (end - begin >= left) return begin + left;
            left -= end - begin;
        }
    }
    return day_start_ms(DAY_NUMBER_MAX);
}

uint64_t calendar_deadline(const struct calendar *calendar, uint64_t from_ms, uint32_t limit,
                           enum calendar_unit unit, bool *ret_assumed)
{
    uint64_t last_ms = day_start_ms(DAY_NUMBER_MAX), at_ms = last_ms;
    bool assumed = false;
    if (limit > CALENDAR_LIMIT_MAX) limit = CALENDAR_LIMIT_MAX;
    if (from_ms < last_ms) {
        switch (unit) {
        case CALENDAR_MINUTES: at_ms = from_ms + (uint64_t)limit * MINUTE_MS; break;
        case CALENDAR_HOURS: at_ms = from_ms + (uint64_t)limit * HOUR_MS; break;
        case CALENDAR_DAYS: at_ms = calendar_days(calendar, from_ms, limit, &assumed); break;
        case CALENDAR_WORK_HOURS:
            at_ms = calendar_work_hours(calendar, from_ms, limit, &assumed);
            break;
        case CALENDAR_WORK_DAYS:
            at_ms = calendar_work_days(calendar, from_ms, limit, &assumed);
            break;
        case CALENDAR_UNIT_COUNT: break;
        }
    }
    if (ret_assumed) *ret_assumed = assumed;
    return at_ms < last_ms ? at_ms : last_ms;
}

uint64_t calendar_work_ms(const struct calendar *calendar, uint64_t from_ms, uint64_t to_ms)
{
    uint64_t sum = 0;
    size_t count;
    const struct calendar_hours *hours = calendar_hours_of(calendar, &count);
    uint32_t first = day_number(from_ms), last = day_number(to_ms);
    if (to_ms <= from_ms) return 0;
    if (last - first > CALENDAR_LIMIT_MAX) last = first + CALENDAR_LIMIT_MAX;
    for (uint32_t day = first; day <= last; day++) {
        if (!calendar_works(calendar, day)) continue;
        for (size_t i = 0; i < count; i++) {
            uint64_t begin = calendar_begin(day, &hours[i], from_ms);
            uint64_t end = calendar_end(day, &hours[i]);
            if (end > to_ms) end = to_ms;
            if (end > begin) sum += end - begin;
        }
    }
    return sum;
}

const char *calendar_unit_name(enum calendar_unit unit)
{
    static const char *const names[CALENDAR_UNIT_COUNT] = {"minutes", "hours", "days", "work-hours",
                                                           "work-days"};
    return unit < CALENDAR_UNIT_COUNT ? names[unit] : "?";
}

const char *calendar_unit_zh(enum calendar_unit unit)
{
    static const char *const names[CALENDAR_UNIT_COUNT] = {"分钟", "小时", "日", "个工作小时",
                                                           "个工作日"};
    return unit < CALENDAR_UNIT_COUNT ? names[unit] : "?";
}
