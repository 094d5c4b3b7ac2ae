/* outline_markers: the number, dash or bullet that an item begins with. Nobody but the outline
 * includes it. Pure; constant but for the last two, which are linear in the lines. */
#ifndef CLIENTS_PLAN_DERIVE_OUTLINE_MARKERS_H
#define CLIENTS_PLAN_DERIVE_OUTLINE_MARKERS_H

#include "clients/plan/derive/outline.h"

struct marker {
    enum outline_form form; /* OUTLINE_ROOT: none */
    uint8_t count;
    size_t len;
    uint32_t values[OUTLINE_DOTTED_MAX];
};

/* What the span begins with; OUTLINE_ROOT: nothing that an item begins with. Does not say whether
 * the number carries on the numbering. The span holds at least one character. */
struct marker marker_read(struct span span);
/* Is the character at `at` one of the set's? */
bool marker_follows(struct span span, size_t at, const uint32_t *set);

/* Does 1.1 begin a line, or 2.1 below a line that begins with 2? */
bool markers_have_dotted(const struct text *text);
/* Has the dump lost its line breaks? Long lines, and no numbers at their starts: then numbers are
 * looked for everywhere. */
bool markers_run_together(const struct text *text);

#endif
