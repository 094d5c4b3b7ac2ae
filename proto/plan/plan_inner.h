/* plan_inner: what a compiled plan looks like inside proto/plan. Nobody else includes it. */
#ifndef PROTO_PLAN_PLAN_INNER_H
#define PROTO_PLAN_PLAN_INNER_H

#include "proto/plan/plan.h"

enum { PLAN_UNIT_SLOTS = 2 * LIMIT_UNIT_COUNT_MAX, PLAN_KIND_SLOTS = 2 * PLAN_KIND_COUNT_MAX };

struct plan_block;

struct plan {
    struct plan_block *blocks; /* everything that the plan owns */
    struct plan_about about;
    struct plan_unit *units;
    size_t unit_count;
    struct plan_area *areas; /* ascending codes */
    size_t area_count;
    struct plan_group *groups;
    size_t group_count;
    struct plan_task *tasks; /* ascending ids */
    size_t task_count;
    struct plan_duty *duties;
    size_t duty_count;
    struct plan_kind *kinds;
    size_t kind_count;
    const struct plan_row *fallback; /* the rows of kind `*` */
    size_t fallback_count;
    struct plan_waiver *waivers;
    size_t waiver_count;
    struct plan_clock *clocks;
    size_t clock_count;
    int16_t clock_of_urgency[5][PLAN_CLOCK_COUNT]; /* index + 1; 0: none */
    int16_t *clock_of_kind;                        /* the same, kind_count rows of them */
    struct calendar calendar;
    struct calendar_exception *calendar_days;
    uint16_t *calendar_years;
    struct plan_calendar_row *calendar_rows;
    size_t calendar_row_count;
    struct plan_step *steps;
    size_t step_count;
    struct plan_chain_row *chain_rows;
    size_t chain_row_count;
    uint16_t police;
    uint16_t office;
    uint16_t
        unit_slots[PLAN_UNIT_SLOTS]; /* index + 1 by hash of the key, linear probing; 0 empty */
    uint16_t kind_slots[PLAN_KIND_SLOTS];
};

/* Zeroed memory that lives as long as the plan; NULL when there is none. */
void *plan_alloc(struct plan *plan, size_t count, size_t size);
void plan_index_unit(struct plan *plan, uint16_t unit);
void plan_index_kind(struct plan *plan, uint16_t kind);
/* Mask of the kind's sections that copies may open. */
uint32_t plan_copy_sections(const struct plan_kind *kind);
/* Component-wise order of dotted numbers: 2.1.2 < 2.1.2.1 < 2.1.2.10 < 2.1.3. */
int plan_clause_compare(const char *a, const char *b);

#endif
