/* plan_inner: what a compiled plan looks like inside proto/plan. Nobody else includes it. */
#ifndef PROTO_PLAN_PLAN_INNER_H
#define PROTO_PLAN_PLAN_INNER_H

#include "proto/plan/plan.h"

enum plan_row_when { PLAN_ROW_ALWAYS, PLAN_ROW_ORIGIN_ONLY, PLAN_ROW_NO_RULE };
enum plan_row_source {
    PLAN_ROW_LEAD,
    PLAN_ROW_COOP,
    PLAN_ROW_TEXT,
    PLAN_ROW_DUTY,
    PLAN_ROW_THREAD, /* everybody on the thread */
    PLAN_ROW_SENDER, /* the sender of the message referred to */
};
#define PLAN_SECTIONS_ALL                                                                          \
    0xffffffffu /* of a row of kind `*`: masked by the kind it is applied to */
#define PLAN_SECTIONS_COPIES 0xfffffffeu

/* A recipient row of routes.tsv. */
struct plan_row {
    int16_t topic;  /* index in the kind's topics, -1: every topic */
    uint8_t when;   /* enum plan_row_when */
    uint8_t source; /* enum plan_row_source */
    uint8_t act;    /* 1 sign, 2 copy */
    bool all;       /* a group as a whole; else only street groups, the one of the area */
    uint32_t sections;
    int16_t via; /* index of the group in the brackets out of which it selects a unit, or -1: the
                    unit must be a member of it then */
    const struct plan_named *named; /* whom it selects; none: a selector that matches nothing */
    size_t named_count;
    const char *citation; /* the selector as written */
    const char *clause;   /* id of the task or duty */
    const char *reason_zh;
    const char *reason_en;
    size_t line;
};

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
    uint16_t police;
    uint16_t office;
    size_t *unit_lines; /* lines of the tables, for findings */
    size_t *task_lines;
    size_t *kind_lines;
    uint16_t
        unit_slots[PLAN_UNIT_SLOTS]; /* index + 1 by hash of the key, linear probing; 0 empty */
    uint16_t kind_slots[PLAN_KIND_SLOTS];
};

static inline const struct plan_row *plan_rows(const struct plan_kind *kind)
{
    return kind->rows;
}

/* Zeroed memory that lives as long as the plan; NULL when there is none. */
void *plan_alloc(struct plan *plan, size_t count, size_t size);
void plan_index_unit(struct plan *plan, uint16_t unit);
void plan_index_kind(struct plan *plan, uint16_t kind);
/* Mask of the kind's sections that copies may open. */
uint32_t plan_copy_sections(const struct plan_kind *kind);
/* Component-wise order of dotted numbers: 2.1.2 < 2.1.2.1 < 2.1.2.10 < 2.1.3. */
int plan_clause_compare(const char *a, const char *b);

#endif
