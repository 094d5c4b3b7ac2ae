/* brackets: pairs of brackets that hold words of roles. Pure; linear.
 *
 * Word counts are of what stands directly in a bracket, not in one inside it, so that there are no
 * more pairs than words. An item's start closes what is still open: a bracket that was never closed
 * does not swallow the next clause. */
#ifndef CLIENTS_PLAN_DERIVE_BRACKETS_H
#define CLIENTS_PLAN_DERIVE_BRACKETS_H

#include "clients/plan/derive/finding.h"
#include "clients/plan/derive/outline.h"

enum { BRACKETS_DEPTH_MAX = 64 };

struct bracket {
    uint32_t open;  /* the opening bracket, or where its sentence begins if that is lost */
    uint32_t close; /* the closing bracket, or where the item ends */
    bool closed;
};

/* Appends struct bracket, by open, outer ones first. */
void brackets_find(struct buf *brackets, const struct text *text, const struct outline *outline,
                   struct findings *findings);

#endif
