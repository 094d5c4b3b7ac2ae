/* clocks: what runs out for one leg: the plan's table on the leg's steps.
 *
 * A clock starts with the message or with a step of the leg, stops when what it waits for is done
 * or the leg ends, and is missed when neither comes before its moment. A clock that runs keeps the
 * moment that it was given, whatever a later plan says; clocks that start later go by the plan then
 * in force. Moments are whole seconds since 1970, rounded up: nobody is late by part of a second.
 *
 * A message of a dated kind says itself by when it is to be closed: that clock runs from the
 * beginning, to that moment, and only what takes the leg up again may set another one.
 *
 * A thread under supervision is as pressing as what put it there: what runs is due by that urgency
 * from then on, and what starts later by the earlier of the two; nothing later than it was, and a
 * day that was set stays.
 *
 * A pause stops all of them; afterwards each has as long again as it had left. An extension moves
 * the term to close, from the moment that was due. Broker, replay and agents share this. Pure, no
 * allocation, thread-safe. */
#ifndef PROTO_PLAN_CLOCKS_H
#define PROTO_PLAN_CLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/plan/lifecycle.h"
#include "proto/plan/plan.h"

struct clocks {
    uint32_t due_s[PLAN_CLOCK_LEG_COUNT]; /* it must be done before; 0: does not run */
    uint32_t at_s[PLAN_CLOCK_LEG_COUNT];  /* it was done, rounded down; 0: not yet */
    uint32_t ended_s;                     /* nothing is owed any more; 0: something is */
    uint32_t paused_s;                    /* since then; 0: they run */
    uint8_t missed;   /* bit i: enum plan_clock_index i was not kept, now or before it was taken up
                         again */
    uint8_t over;     /* the same of what runs now */
    uint8_t ended_by; /* enum plan_act */
    bool extended;    /* by the unit itself, which may once */
    bool dated;       /* the term to close was set by a message */
};

/* What the table is asked for: kind and topic of the message that the leg is about. */
struct clocks_terms {
    const struct plan *plan;        /* in force for what happens now */
    const struct plan_kind *kind;   /* of that plan; NULL: it has none like it, nothing starts */
    const struct plan_kind *expect; /* what the leg owes: as the kind was when the leg began */
    const char *topic;              /* "" : none */
    uint8_t raised;  /* urgency of what put the thread under supervision; 0: it is not */
    uint64_t set_ms; /* by when it is to be closed, as the message that begins the leg, or takes it
                        up again, says; 0: it does not */
};

/* The leg begins with a message recorded at time_ms. */
void clocks_begin(struct clocks *ret_clocks, const struct clocks_terms *terms, uint64_t time_ms);
/* The machine of its unit has it. */
void clocks_delivered(struct clocks *clocks, const struct plan_kind *expect, uint64_t time_ms);
/* The leg took this step of the lifecycle by `act`; own: of the leg's own unit. */
void clocks_step(struct clocks *clocks, const struct clocks_terms *terms,
                 const struct lifecycle_step *step, enum plan_act act, bool own, uint64_t time_ms);
/* The thread is under supervision from now on (terms->raised): what runs is due sooner. */
void clocks_raise(struct clocks *clocks, const struct clocks_terms *terms, uint64_t time_ms);
/* The facts RUNS, EXTENDABLE, EXTENDED, PAUSED and DATED of enum lifecycle_fact. */
uint32_t clocks_facts(const struct clocks *clocks, const struct clocks_terms *terms,
                      uint64_t now_ms);
/* It runs, is not missed, and is over at due_ms. */
bool clocks_run(const struct clocks *clocks, enum plan_clock_index clock, uint64_t due_ms);
void clocks_miss(struct clocks *clocks, enum plan_clock_index clock);
/* Of those that run, missed or not, the one that is over first; false: none, or they are paused. */
bool clocks_next(const struct clocks *clocks, enum plan_clock_index *ret_clock,
                 uint64_t *ret_due_ms);
/* When the part `part` / `of` (0 < part < of) of a term that runs is over, which began at from_ms:
 * of office hours where those count, else of the time between. 0: it does not run, or is paused. */
uint64_t clocks_part_ms(const struct clocks *clocks, const struct clocks_terms *terms,
                        enum plan_clock_index clock, uint64_t from_ms, uint32_t part, uint32_t of);
/* What the originator has for its answer to a request recorded at time_ms; 0: for ever. */
uint64_t clocks_answer_due(const struct clocks_terms *terms, uint64_t time_ms);

enum { CLOCKS_SECOND_MS = 1000 };

#endif
