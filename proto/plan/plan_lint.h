/* plan_lint: what parses but is not right, or still has to be settled.
 *
 * plan_parse refuses what no program may act on; lint lists what its author must still look at.
 * lint.def is the list of codes. A finding names a row of a table and what it is about (subject): a
 * key, an id, a slug, "KIND/TOPIC", for a recipient row "KIND SELECTOR" or "KIND/TOPIC SELECTOR",
 * for a membership "GROUP/UNIT". A note whose code and subject stand in waivers.tsv is waived; what
 * is grave cannot be.
 *
 * Pure; CHECKs on allocation failure only. Some milliseconds for a plan of a district; seconds at
 * the bounds of the tables. Thread-safe. Findings come in a fixed order; their strings are borrowed
 * for the call. */
#ifndef PROTO_PLAN_PLAN_LINT_H
#define PROTO_PLAN_PLAN_LINT_H

#include "proto/plan/plan.h"

enum plan_finding_class {
    PLAN_FINDING_GRAVE,
    PLAN_FINDING_NOTE,
    PLAN_FINDING_OPEN,   /* for the office to settle: see plan_open */
    PLAN_FINDING_WAIVED, /* a note with a waiver */
};

/* Room for the longest subject and detail that tables can hold: nothing is cut. */
enum { PLAN_FINDING_TEXT_LEN_MAX = 2559 };

struct plan_finding {
    enum plan_finding_class class;
    const char *code;  /* of lint.def */
    const char *table; /* part name */
    size_t line;       /* from 1; 0: the table as a whole */
    const char *subject;
    const char *text_zh; /* "SUBJECT：WHAT（DETAIL）" */
    const char *text_en;
    const struct plan_waiver *waiver; /* of a waived one */
};

/* Calls `found` (may be NULL) for each finding and returns how many are grave. */
size_t plan_lint(const struct plan *plan,
                 void (*found)(void *ctx, const struct plan_finding *finding), void *ctx);

/* Which current units hold keys at a moment, as a bundle's directory has them. */
struct plan_key_holders {
    struct plan_unit_set certified; /* a valid certificate as unit or office */
    struct plan_unit_set keyed;     /* a valid epoch key */
};
/* The findings of a plan beside its directory: every current unit needs both. As plan_lint. */
size_t plan_lint_keys(const struct plan *plan, const struct plan_key_holders *holders,
                      void (*found)(void *ctx, const struct plan_finding *finding), void *ctx);

/* The codes: index 0.. until it returns NULL. */
const char *plan_lint_code_at(size_t index, enum plan_finding_class *ret_class);

/* One thing that the office must settle: a word of a to_confirm column, or a value that is
 * configuration because no rule sets it. */
struct plan_open_item {
    const char *table;
    size_t line;
    const char *subject;
    const char *name_zh; /* of the row: a unit's name, a duty's text, ... */
    const char *name_en;
    const char *word; /* "full_zh": of confirm.def, or another that the author chose */
    const char *what_zh, *what_en;
    const char *why_zh, *why_en; /* empty for a word that confirm.def does not have */
    const char *value_zh;        /* what the tables say now; empty: nothing */
    const char *value_en;
};
/* Calls `item` for each, tables in the order of the parts, rows in theirs; returns how many. */
size_t plan_open(const struct plan *plan,
                 void (*item)(void *ctx, const struct plan_open_item *item), void *ctx);

#endif
