/* assess: how the units kept their terms (考核): figures over legs, and nothing but legs.
 *
 * A leg is counted in the period in which it began. The same figures come from the broker's state,
 * from a replay of the journal, and for its own legs from a unit's agent, since all three hold the
 * same clocks. Times are of a leg alone: from the record that began it to that of the act, in whole
 * seconds, round the clock. Pure; one owner thread. */
#ifndef PROTO_PLAN_ASSESS_H
#define PROTO_PLAN_ASSESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/plan/clocks.h"

/* Borrowed until assess_free; every name NUL terminated. */
struct assess_leg {
    const char *unit, *kind;
    const char *clause; /* task or duty that makes it this unit's; "": none */
    uint64_t since_ms;  /* record that began it */
    struct clocks clocks;
};

enum assess_by {
    ASSESS_BY_UNIT = 1,
    ASSESS_BY_CLAUSE = 2,
    ASSESS_BY_KIND = 4,
};

struct assess_times {
    uint64_t count;
    uint32_t median_s, worst_s; /* of an even number the lower one of the two in the middle */
};

struct assess_row {
    const char *unit, *clause, *kind; /* "" where the rows are not split by it */
    uint64_t received;
    uint64_t signed_for, signed_in_time;
    uint64_t overdue;                              /* legs that did not keep some term */
    uint64_t missed[PLAN_CLOCK_LEG_COUNT];         /* by term */
    uint64_t returned, transferred, closed, ended; /* `ended`: in any other way */
    uint64_t open, open_overdue;
    uint64_t extended;
    struct assess_times to_sign, to_accept, to_close;
};

struct assess;
/* by: enum assess_by bits, 0: one row. Legs that began outside [from_ms, until_ms) are left out. */
struct assess *assess_new(unsigned by, uint64_t from_ms, uint64_t until_ms);
void assess_free(struct assess *assess); /* NULL accepted */
void assess_add(struct assess *assess, const struct assess_leg *leg);
/* Rows by unit, clause (as text) and kind; those that counted nothing do not exist. Once, after all
 * are added; borrowed. */
size_t assess_rows(struct assess *assess, const struct assess_row **ret_rows);

/* The counts of a row as the columns of every table of them: "received_count". column <
 * ASSESS_COUNTS. */
enum { ASSESS_COUNTS = 16, ASSESS_TIMES = 3 };
const char *assess_count_name(size_t column);
uint64_t assess_count(const struct assess_row *row, size_t column);
void assess_count_set(struct assess_row *row, size_t column, uint64_t count);
/* "sign", "accept", "close". column < ASSESS_TIMES. */
const char *assess_times_name(size_t column);
struct assess_times assess_times(const struct assess_row *row, size_t column);
void assess_times_set(struct assess_row *row, size_t column, struct assess_times times);

/* A count that could point at a person when it is published: 1 .. ASSESS_SMALL - 1. */
enum { ASSESS_SMALL = 5 };
static inline bool assess_is_small(uint64_t count)
{
    return count > 0 && count < ASSESS_SMALL;
}

#endif
