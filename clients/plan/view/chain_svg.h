/* chain_svg: the chains of a plan as a picture: a line for each step in its order, a column for
 * what comes before what. A dot stands at the step that waits, an arrow's tail at what must have
 * come, a cross at what must not have; beside each step what brings it about and who has custody
 * from then on. One SVG file: text as text, no script, nothing from elsewhere, fit for black and
 * white. Pure; the same bytes everywhere. */
#ifndef CLIENTS_PLAN_VIEW_CHAIN_SVG_H
#define CLIENTS_PLAN_VIEW_CHAIN_SVG_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/plan/plan.h"

/* Appends the SVG document; of a plan without chains one that says so. */
void chain_svg_write(const struct plan *plan, enum lang lang, struct buf *ret_svg);

#endif
