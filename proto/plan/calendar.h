/* calendar: when offices work, in China Standard Time, and when a period ends.
 *
 * A day is a working day when it is Monday to Friday, unless the state's yearly notice says
 * otherwise: holidays (off) and the weekend days worked in exchange (work). Those notices are data;
 * of a year without one only the weekday rule is known, and results that touch it say so.
 *
 * How periods end follows the Civil Code, articles 201 to 203: hours count from the moment, days do
 * not count the day on which they begin; the last day ends at 24:00, or with office hours where
 * those count; a last day that is no working day moves to the next one. Pure, no allocation,
 * thread-safe. */
#ifndef PROTO_PLAN_CALENDAR_H
#define PROTO_PLAN_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CALENDAR_EXCEPTION_COUNT_MAX = 4096, /* days, over all years */
    CALENDAR_YEAR_COUNT_MAX = 128,
    CALENDAR_HOURS_COUNT_MAX = 4,
    CALENDAR_LIMIT_MAX = 3660, /* of any unit */
};

struct calendar_exception {
    uint32_t day; /* day_number */
    bool works;
};

/* A stretch of office hours, minutes since 00:00; from < to <= 1440. */
struct calendar_hours {
    uint16_t from_minute, to_minute;
};

struct calendar {
    const struct calendar_exception *exceptions; /* ascending */
    size_t exception_count;
    const uint16_t *years; /* whose notice is in, ascending */
    size_t year_count;
    struct calendar_hours hours[CALENDAR_HOURS_COUNT_MAX]; /* ascending, apart */
    size_t hours_count;                                    /* 0: the whole day */
};

enum calendar_unit {
    CALENDAR_MINUTES,
    CALENDAR_HOURS,
    CALENDAR_DAYS,       /* to the end of the last day, moved to a working day */
    CALENDAR_WORK_HOURS, /* office hours alone count */
    CALENDAR_WORK_DAYS,  /* to the close of office hours of the last one */
    CALENDAR_UNIT_COUNT,
};

bool calendar_works(const struct calendar *calendar, uint32_t day);
/* The notice of the day's year is in. */
bool calendar_knows(const struct calendar *calendar, uint32_t day);

/* The moment at which a period of `limit` units (1 .. CALENDAR_LIMIT_MAX; more is taken as that) is
 * over: whoever acts before it is in time. *ret_assumed (or NULL): a year without a notice was
 * counted through by weekdays alone. */
uint64_t calendar_deadline(const struct calendar *calendar, uint64_t from_ms, uint32_t limit,
                           enum calendar_unit unit, bool *ret_assumed);

/* Office hours between two moments, ms; 0 when `to` is not after `from`. At most
 * CALENDAR_LIMIT_MAX days are looked at: more is as much as those hold. */
uint64_t calendar_work_ms(const struct calendar *calendar, uint64_t from_ms, uint64_t to_ms);

const char *calendar_unit_name(enum calendar_unit unit); /* "work-days": as in clocks.tsv */
const char *calendar_unit_zh(enum calendar_unit unit);   /* "个工作日" */

#endif
