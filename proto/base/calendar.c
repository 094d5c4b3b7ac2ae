#include "proto/base/calendar.h"

#include <stdio.h>

/* Howard Hinnant's civil calendar arithmetic: years begin in March, 719468 days before 1970. */
enum { DAYS_AHEAD = 719468, ERA_DAYS = 146097 };

int64_t calendar_days(int64_t year, int month, int day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - DAYS_AHEAD;
}

void calendar_text(uint64_t ms, char ret_text[CALENDAR_TEXT_LEN + 1])
{
    if (ms > CALENDAR_MS_MAX) ms = CALENDAR_MS_MAX;
    uint64_t day_ms = ms % 86400000;
    int64_t days = (int64_t)(ms / 86400000) + DAYS_AHEAD;
    int64_t era = days / ERA_DAYS;
    int64_t day_of_era = days - era * ERA_DAYS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t moved_month = (5 * day_of_year + 2) / 153;
    int day = (int)(day_of_year - (153 * moved_month + 2) / 5 + 1);
    int month = (int)(moved_month < 10 ? moved_month + 3 : moved_month - 9);
    int year = (int)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
    (void)snprintf(ret_text, CALENDAR_TEXT_LEN + 1, "%04d-%02d-%02dT%02u:%02u:%02u.%03uZ", year,
                   month, day, (unsigned)(day_ms / 3600000), (unsigned)(day_ms / 60000 % 60),
                   (unsigned)(day_ms / 1000 % 60), (unsigned)(day_ms % 1000));
}
