/* calendar: between milliseconds since 1970 and days that people read, in UTC. Pure: no clock, zone
 * or locale; leap seconds do not exist. Thread-safe. */
#ifndef PROTO_BASE_CALENDAR_H
#define PROTO_BASE_CALENDAR_H

#include <stdint.h>

enum { CALENDAR_TEXT_LEN = 24 };
#define CALENDAR_MS_MAX 7258118399999ull /* the end of 2199 */

/* Days from 1970-01-01 to a day that exists; year 1..9999. */
int64_t calendar_days(int64_t year, int month, int day);
/* "2026-03-02T06:20:00.000Z"; what lies beyond CALENDAR_MS_MAX is shown as that. */
void calendar_text(uint64_t ms, char ret_text[CALENDAR_TEXT_LEN + 1]);

#endif
