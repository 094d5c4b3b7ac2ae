/* recipient: from a recipient of a route back to the row of routes.tsv that made it one. Pure. */
#ifndef CLIENTS_PLAN_VIEW_RECIPIENT_H
#define CLIENTS_PLAN_VIEW_RECIPIENT_H

#include "proto/plan/route.h"

/* The first row that applies to the topic (NULL: none) and has the recipient's act and citation. A
 * route of this plan has one for each of its recipients. */
const struct plan_row *recipient_row(const struct plan *plan, const struct route *route,
                                     const struct plan_topic *topic,
                                     const struct route_recipient *recipient);

#endif
