/* day: days of the calendar in China Standard Time (UTC+8, without summer time). Pure. */
#ifndef PROTO_PLAN_DAY_H
#define PROTO_PLAN_DAY_H

#include <stdbool.h>
#include <stdint.h>

/* A day's number counts from 1970-01-01; the last one is the end of 2999. */
enum { DAY_TEXT_LEN = 11, DAY_NUMBER_MAX = 376199 };

/* "2022-03-10" as the start of that day, UTC ms. False, *ret_ms untouched: no day that exists
 * within 1970..2999. */
bool day_parse(const char *text, uint64_t *ret_ms);
/* "2026", "2026-Q1" (quarter), "2026-03" (month) or "2026-03-10" as [*ret_from_ms, *ret_until_ms).
 * False, outputs untouched: nothing of the kind, or not over by the end of 2999. */
bool day_period(const char *text, uint64_t *ret_from_ms, uint64_t *ret_until_ms);
/* The day on which a moment falls; after 2999 that year's last. */
void day_text(uint64_t at_ms, char ret_text[DAY_TEXT_LEN]);

uint32_t day_number(uint64_t at_ms); /* on which a moment falls; at most DAY_NUMBER_MAX */
/* Its first moment, UTC ms (of 1970-01-01, which begins before that: 0). Up to DAY_NUMBER_MAX + 1.
 */
uint64_t day_start_ms(uint32_t number);
unsigned day_year(uint32_t number);
unsigned day_weekday(uint32_t number); /* 0 = Sunday .. 6 */

#endif
