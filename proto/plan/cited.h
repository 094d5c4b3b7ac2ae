/* cited: what a recipient's citation names in a plan. Pure. */
#ifndef PROTO_PLAN_CITED_H
#define PROTO_PLAN_CITED_H

#include <stdbool.h>

#include "proto/plan/plan.h"

/* The task ("lead:2.1.3.1=key") or the duty ("duty:ID=key"); the other one NULL. Both are borrowed
 * from the plan. False, outputs untouched: neither. */
bool cited_find(const struct plan *plan, const char *citation, const struct plan_task **ret_task,
                const struct plan_duty **ret_duty);

#endif
