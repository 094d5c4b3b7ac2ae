/* finding: what the analysis could not decide, and what it did that a person should know.
 *
 * Undecided: a person must settle it, and --strict makes it an error. Noted: done by rule, or left
 * out by rule. Texts in both languages are in findings.def; the detail is an excerpt of the plan.
 * Findings of one code are listed up to a bound and counted beyond it. Pure. */
#ifndef CLIENTS_PLAN_DERIVE_FINDING_H
#define CLIENTS_PLAN_DERIVE_FINDING_H

#include "clients/plan/derive/text.h"

enum finding_code {
#define X(name, slug, undecided, zh, en) FINDING_##name,
#include "clients/plan/derive/findings.def"
#undef X
    FINDING_COUNT
};

enum { FINDING_LIST_MAX = 1000, FINDING_DETAIL_MAX = 40 };

struct finding {
    enum finding_code code;
    uint32_t line;   /* physical; 0: the whole text */
    uint32_t detail; /* offset in findings.strings, 0: none */
};

struct findings {
    struct buf list;    /* struct finding */
    struct buf strings; /* the first byte is a terminator: the empty detail */
    size_t counts[FINDING_COUNT];
};

void findings_fini(struct findings *findings);
/* The first FINDING_DETAIL_MAX characters of the span are the detail. */
void findings_add(struct findings *findings, enum finding_code code, size_t line,
                  struct span detail);
void findings_add_text(struct findings *findings, enum finding_code code, size_t line,
                       const char *detail);
/* By line, then in the order of findings.def. */
void findings_sort(struct findings *findings);

const char *finding_slug(enum finding_code code);
bool finding_undecided(enum finding_code code);
const char *finding_text(enum finding_code code, enum lang lang);

#endif
