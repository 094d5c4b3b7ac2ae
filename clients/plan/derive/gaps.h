/* gaps: white space inside what stands between two separators: cut by the dump, or between two
 * units? Pure; in the worst case quadratic in the white spaces, of which GAPS_MAX are looked at. */
#ifndef CLIENTS_PLAN_DERIVE_GAPS_H
#define CLIENTS_PLAN_DERIVE_GAPS_H

#include "clients/plan/derive/words.h"

enum { GAPS_MAX = 48 };

/* Names that the text has elsewhere in one piece. */
struct gaps_known {
    bool (*has)(const void *ctx, struct span span);
    const void *ctx;
};

/* Where a span is cut: ret_ends are the ends of its parts, the last one its length. The number of
 * parts; 1: it is one name, or has more white spaces than are looked at. *ret_doubtful: a part does
 * not begin like a name; or what stays joined could be two. */
enum gaps_doubt { GAPS_SURE, GAPS_CUT, GAPS_JOINED };
size_t gaps_cut(struct span span, const struct gaps_known *known, size_t ret_ends[static GAPS_MAX],
                enum gaps_doubt *ret_doubt);

#endif
