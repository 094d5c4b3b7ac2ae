/* clock: the only reader of time and entropy in the broker.
 *
 * now_ms never runs backwards within a process. The wall clock is believed for as long as it keeps
 * in step with the monotonic one and with the journal. When it parts from either by more than
 * clocks do, it is suspect: from then on now_ms goes on from the last moment that was believed, by
 * the monotonic clock, so that nothing falls due by a jump; and ticks must stop until an operator
 * has looked and said that the wall clock is right (clock_confirm). Thread-safe. */
#ifndef BROKER_SHELL_CLOCK_H
#define BROKER_SHELL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CLOCK_DEPARTURE_MS_MAX = 60000 };
#define CLOCK_GAP_MS_MAX (7ull * 24 * 3600 * 1000)

struct clock_alarms {
    bool backward;        /* the wall clock was set back since the last call that asked */
    bool suspect;         /* until clock_confirm */
    int64_t departure_ms; /* of a suspect one: the wall clock minus what is gone by */
};

/* Sets the base of comparison: the wall clock as it is now. */
void clock_start(void);
/* UTC milliseconds since 1970. */
uint64_t clock_now_ms(void);
/* The wall clock as it is, believed or not, ahead of or behind what was handed out. */
uint64_t clock_wall_ms(void);
/* Since some moment in the past; for intervals. */
uint64_t clock_monotonic_ms(void);
/* Compares the journal's newest record time with the wall. More than CLOCK_GAP_MS_MAX behind it, or
 * ahead of it by more than CLOCK_DEPARTURE_MS_MAX, makes the clock suspect, and time goes on from
 * the journal's; a little ahead clamps. last_record_ms 0 = an empty journal. */
void clock_compare_journal(uint64_t last_record_ms);
/* The wall clock is right, whatever it was suspected of. What was handed out before is not taken
 * back: where it was ahead, time stands still until the wall clock is there. */
void clock_confirm(void);
/* Looks at both clocks; clears `backward`. */
struct clock_alarms clock_alarms_take(void);

/* Reads the clocks by another function, for tests: UTC milliseconds of the wall clock, or those of
 * the monotonic one. NULL: the system's again. Forgets all that was known. */
void clock_use(uint64_t (*read_ms)(bool wall));

void clock_random(void *ret_data, size_t len);

#endif
