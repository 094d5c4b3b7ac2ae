/* names: from what stands between two separators to units' names.
 *
 * White space inside belongs to the dump, or separates two units; 和 belongs to the name
 * (文化和旅游局), or joins two units. What the same text writes elsewhere in one piece decides
 * first, then whether both halves are units. Pure; n log n in the names. */
#ifndef CLIENTS_PLAN_DERIVE_NAMES_H
#define CLIENTS_PLAN_DERIVE_NAMES_H

#include "clients/plan/derive/clause.h"

/* Splits, removes repetitions, ranks: afterwards every name of a clause that is not dropped has
 * ROLE_LEAD or ROLE_COOP. *ret_flags of a clause are bits of enum name_flag. */
enum name_flag {
    NAMES_RANKED = 1,
    NAMES_GROUP = 2,
    NAMES_GENERIC = 4,
    NAMES_NESTED = 8, /* brackets inside a name */
    NAMES_SHARED_PREFIX = 16,
    NAMES_BROKEN = 32, /* a name is cut by a line or page break */
};
void names_refine(const struct clauses *clauses, struct findings *findings, unsigned *ret_flags);

#endif
