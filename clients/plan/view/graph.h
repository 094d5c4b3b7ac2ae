/* graph: a plan as a picture: who sends on the left, kinds by family in the middle, who receives on
 * the right. One SVG file: text as text, no script, nothing from elsewhere; families differ by
 * colour and by pattern, acts by the line, so that it can be printed in black and white.
 *
 * Groups stand as one node: the members of the joint conference, all street offices, and the one
 * street office of the area. Whoever is on the thread and the sender of the message referred to are
 * nodes of their own. Memberships are those of the plan's date. Every line and node says as its
 * title what it is and by which rows.
 *
 * Pure; the same bytes for the same tables everywhere: coordinates are whole numbers. Some
 * milliseconds for a plan of a district, seconds at the bounds of the tables. */
#ifndef CLIENTS_PLAN_VIEW_GRAPH_H
#define CLIENTS_PLAN_VIEW_GRAPH_H

#include "proto/base/bytes.h"
#include "proto/plan/plan.h"

struct graph_options {
    enum lang lang;
    const struct plan_kind *kind; /* this kind alone, topic by topic; NULL: all */
    bool streets;                 /* every street office as a node */
};

/* Appends the SVG document. */
void graph_write(const struct plan *plan, const struct graph_options *options, struct buf *ret_svg);

#endif
