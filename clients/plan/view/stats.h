/* stats: a plan in figures. Pure. Everything is counted as the tables name it: a group counts as
 * itself and not for its members, unless a field says otherwise. */
#ifndef CLIENTS_PLAN_VIEW_STATS_H
#define CLIENTS_PLAN_VIEW_STATS_H

#include "proto/plan/plan.h"

enum {
    STATS_FAMILY_COUNT = PLAN_FAMILY_COUNT,
    STATS_NAMED_COUNT_MAX = LIMIT_UNIT_COUNT_MAX + PLAN_GROUP_COUNT_MAX,
};

/* A current unit or a group. */
struct stats_named {
    struct plan_named named;
    size_t lead, coop; /* clauses whose brackets name it */
    size_t duties;     /* duties that name it */
    /* of a unit: kinds that it may send, must sign for, gets copies of, on the plan's date, as a
     * member of groups too; "any unit may send" counts. Of a group: 0 */
    size_t sends, signs, copies;
};

/* Who receives a kind, over all topics, on the plan's date; rows for the sender alone left out. */
struct stats_kind {
    const struct plan_kind *kind;
    size_t senders; /* units that may send it */
    size_t signs,
        copies; /* units; members of groups that a row expands; a unit once, signs first */
    bool sign_street, copy_street;       /* and the street office of the area */
    bool sign_thread, copy_thread;       /* and everybody on the thread */
    bool sign_reference, copy_reference; /* and the sender of the message referred to */
};

struct stats {
    size_t units, groups, streets, areas, duties;
    size_t tasks, tasks_with_coop;
    size_t lead_mentions, coop_mentions;
    size_t rows; /* of routes.tsv, those of kind * too */
    size_t topics;
    size_t families[STATS_FAMILY_COUNT]; /* kinds */
    size_t kind_count;
    struct stats_kind kinds[PLAN_KIND_COUNT_MAX]; /* table order */
    size_t named_count;
    struct stats_named named[STATS_NAMED_COUNT_MAX]; /* units, then groups, table order */
    size_t never_lead;                               /* units of brackets that lead no clause */
    size_t unrouted_count; /* clauses that no kind derives from and no row cites */
    const struct plan_task *unrouted[PLAN_TASK_COUNT_MAX];
};

/* Large: not for the stack of a thread. Borrows from the plan. */
void stats_compute(const struct plan *plan, struct stats *ret);

#endif
