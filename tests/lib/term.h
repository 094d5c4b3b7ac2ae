/* term: the facts about a leg's clocks that a test expects of the plan of 2022, where nothing has
 * fallen due. */
#ifndef TESTS_LIB_TERM_H
#define TESTS_LIB_TERM_H

#include "proto/plan/lifecycle.h"

static inline uint32_t term_facts(const struct plan *plan, const struct plan_kind *kind,
                                  const char *topic, enum lifecycle_state state)
{
    const struct plan_clock *close = plan_clock_of(plan, kind, topic, PLAN_CLOCK_CLOSE);
    uint32_t facts = 0;
    if (plan_clock_of(plan, kind, topic, PLAN_CLOCK_EXTENSION)) facts |= LIFECYCLE_FACT_EXTENDABLE;
    if (!close || !plan_clock_owed(kind, PLAN_CLOCK_CLOSE)) return facts;
    enum plan_clock_start from = plan_clock_start_of(kind, close);
    bool fresh = state == LIFECYCLE_SUBMITTED || state == LIFECYCLE_DELIVERED;
    bool taken = state == LIFECYCLE_ACCEPTED || state == LIFECYCLE_PROGRESS ||
                 state == LIFECYCLE_GONE_OUT || state == LIFECYCLE_REOPENED;
    bool runs = taken || (state == LIFECYCLE_SIGNED && from != PLAN_CLOCK_FROM_ACCEPTED) ||
                (fresh && from == PLAN_CLOCK_FROM_SUBMITTED);
    return runs ? facts | LIFECYCLE_FACT_RUNS : facts;
}

#endif
