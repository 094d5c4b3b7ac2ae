/* day: days of the calendar in China Standard Time (UTC+8, without summer time). Pure. */
#ifndef PROTO_PLAN_DAY_H
#define PROTO_PLAN_DAY_H

#include <stdbool.h>
#include <stdint.h>

enum { DAY_TEXT_LEN = 11 };

/* "2022-03-10" as the start of that day, UTC ms. False, *ret_ms untouched: no day that exists
 * within 1970..2999. */
bool day_parse(const char *text, uint64_t *ret_ms);
/* The day on which a moment falls; after 2999 that year's last. */
void day_text(uint64_t at_ms, char ret_text[DAY_TEXT_LEN]);

#endif
