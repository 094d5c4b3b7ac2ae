#include "proto/plan/day.h"

#include <stdio.h>
#include <string.h>

enum { DAY_YEAR_MIN = 1970, DAY_YEAR_MAX = 2999 };
#define DAY_MS      86400000u
#define DAY_EAST_MS 28800000u

static bool day_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned day_month_len(unsigned year, unsigned month)
{
    static const unsigned lengths[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return lengths[month - 1] + (month == 2 && day_leap(year));
}

/* Days from 1970-01-01 to the first of a year, proleptic Gregorian. */
static uint64_t day_year_start(unsigned year)
{
    unsigned past = year - 1; /* whole years before this one */
    unsigned leaps = past / 4 - past / 100 + past / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    return (uint64_t)(year - DAY_YEAR_MIN) * 365 + leaps;
}

bool day_parse(const char *text, uint64_t *ret_ms)
{
    unsigned number[3] = {0, 0, 0};

    if (strlen(text) != 10) return false;
    for (size_t i = 0, part = 0; i < 10; i++) {
        bool dash = i == 4 || i == 7;
        if (dash != (text[i] == '-') || (!dash && (text[i] < '0' || text[i] > '9'))) return false;
        if (dash)
            part++;
        else
            number[part] = number[part] * 10 + (unsigned)(text[i] - '0');
    }
    unsigned year = number[0], month = number[1], day = number[2];
    if (year < DAY_YEAR_MIN || year > DAY_YEAR_MAX || month < 1 || month > 12 || day < 1 ||
        day > day_month_len(year, month))
        return false;
    uint64_t days = day_year_start(year) + day - 1;
    for (unsigned i = 1; i < month; i++) days += day_month_len(year, i);
    *ret_ms = day_start_ms((uint32_t)days);
    return true;
}

static bool day_of(unsigned year, unsigned month, uint64_t *ret_ms)
{
    char text[32];
    year += (month - 1) / 12;
    month = (month - 1) % 12 + 1;
    (void)snprintf(text, sizeof text, "%04u-%02u-01", year, month);
    return day_parse(text, ret_ms);
}

bool day_period(const char *text, uint64_t *ret_from_ms, uint64_t *ret_until_ms)
{
    unsigned year = 0, first = 1, months = 12;
    uint64_t from_ms, until_ms;
    size_t len = strlen(text);
    if (len == 10) {
        if (!day_parse(text, &from_ms)) return false;
        *ret_from_ms = from_ms;
        *ret_until_ms = day_start_ms(day_number(from_ms) + 1);
        return true;
    }
    if ((len != 4 && len != 7) || strspn(text, "0123456789") != 4) return false;
    for (size_t i = 0; i < 4; i++) year = year * 10 + (unsigned)(text[i] - '0');
    if (len == 7) {
        const char *part = text + 5;
        bool quarter = part[0] == 'Q' && part[1] >= '1' && part[1] <= '4';
        bool month = strspn(part, "0123456789") == 2;
        if (text[4] != '-' || (!quarter && !month)) return false;
        first = quarter ? 1 + 3 * (unsigned)(part[1] - '1')
                        : 10 * (unsigned)(part[0] - '0') + (unsigned)(part[1] - '0');
        months = quarter ? 3 : 1;
        if (first < 1 || first > 12) return false;
    }
    if (!day_of(year, first, &from_ms) || !day_of(year, first + months, &until_ms)) return false;
    *ret_from_ms = from_ms;
    *ret_until_ms = until_ms;
    return true;
}

/* A day in China starts 8 hours before it does in UTC; the first one of 1970 is clamped. */
uint64_t day_start_ms(uint32_t number)
{
    return number > 0 ? (uint64_t)number * DAY_MS - DAY_EAST_MS : 0;
}

uint32_t day_number(uint64_t at_ms)
{
    uint64_t days = at_ms / DAY_MS + (at_ms % DAY_MS >= DAY_MS - DAY_EAST_MS);
    return days < DAY_NUMBER_MAX ? (uint32_t)days : DAY_NUMBER_MAX;
}

unsigned day_year(uint32_t number)
{
    unsigned year = DAY_YEAR_MIN + number / 366;
    while (year < DAY_YEAR_MAX && day_year_start(year + 1) <= number) year++;
    return year;
}

unsigned day_weekday(uint32_t number)
{
    return (number + 4) % 7; /* 1970-01-01 was a Thursday */
}

void day_text(uint64_t at_ms, char ret_text[DAY_TEXT_LEN])
{
    uint32_t number = day_number(at_ms);
    unsigned year = day_year(number);
    uint64_t days = number - day_year_start(year);
    unsigned month = 1;
    while (days >= day_month_len(year, month)) days -= day_month_len(year, month++);
    (void)snprintf(ret_text, DAY_TEXT_LEN, "%04u-%02u-%02u", year % 10000, month % 100,
                   (unsigned)days % 100 + 1);
}
