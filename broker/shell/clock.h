/* clock: the only reader of time and entropy in the broker.
 *
 * now_ms never runs backwards within a process: an earlier wall clock is clamped to the last
 * answer. A wall clock that departs from the monotonic one by more than CLOCK_DEPARTURE_MS_MAX is
 * suspect, for good: ticks must stop, since a wrong clock must not expire anything. Thread-safe. */
#ifndef BROKER_SHELL_CLOCK_H
#define BROKER_SHELL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOCK_DEPARTURE_MS_MAX = 60000 };
#define CLOCK_GAP_MS_MAX (7ull * 24 * 3600 * 1000)

struct clock_alarms {
    bool backward; /* the wall clock was set back since the last call that asked */
    bool suspect;  /* wall and monotonic time have parted, or the start was too far from the journal
                    */
};

/* Sets the base of comparison. */
void clock_start(void);
/* UTC milliseconds since 1970, clamped. */
uint64_t clock_now_ms(void);
/* Since some moment in the past; for intervals. */
uint64_t clock_monotonic_ms(void);
/* Compares the journal's newest record time with the wall: more than CLOCK_GAP_MS_MAX behind makes
 * the clock suspect; a journal ahead of the wall clamps, and by more than CLOCK_DEPARTURE_MS_MAX it
 * makes the clock suspect as well. last_record_ms 0 = an empty journal. */
void clock_compare_journal(uint64_t last_record_ms);
/* Looks at both clocks; clears `backward`. */
struct clock_alarms clock_alarms_take(void);

void clock_random(void *ret_data, size_t len);

#endif
