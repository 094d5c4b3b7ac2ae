/* legs: the lifecycle table as a picture: a line for each state, a column for each row of the
 * table. A dot stands where the row applies, the arrow ends at the state that it leads to; a ring
 * changes nothing. One SVG file: text as text, no script, nothing from elsewhere, fit for black and
 * white; each column says as its title what the row says. Pure; the same bytes everywhere. */
#ifndef CLIENTS_PLAN_VIEW_LEGS_H
#define CLIENTS_PLAN_VIEW_LEGS_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Appends the SVG document. */
void legs_write(enum lang lang, struct buf *ret_svg);

#endif
