/* plan_lint_inner: what the files of plan_lint share. Nobody else includes it. */
#ifndef PROTO_PLAN_PLAN_LINT_INNER_H
#define PROTO_PLAN_PLAN_LINT_INNER_H

#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_lint.h"
#include "proto/plan/plan_reader.h"

enum plan_lint_code {
#define X(name, code, class, zh, en) PLAN_LINT_##name,
#include "proto/plan/lint.def"
#undef X
    PLAN_LINT_CODE_COUNT,
};

enum { PLAN_LINT_SUBJECT_LEN_MAX = 2 * LIMIT_SLUG_LEN_MAX + LIMIT_CITATION_LEN_MAX + 2 };

struct plan_lint_work {
    const struct plan *plan;
    void (*found)(void *ctx, const struct plan_finding *finding);
    void *ctx;
    size_t grave_count;
    uint64_t waived[PLAN_WAIVER_COUNT_MAX / 64]; /* waivers that matched */
};

/* A list of names as far as there is room; what is left out is counted at its end. */
struct plan_lint_names {
    char zh[256], en[256];
    size_t zh_len, en_len;
    size_t left_out;
};
void plan_lint_name(struct plan_lint_names *names, const char *zh, const char *en);
void plan_lint_names_end(struct plan_lint_names *names);

/* detail_zh NULL: none; detail_en NULL: the same as detail_zh. */
void plan_lint_tell(struct plan_lint_work *work, enum plan_lint_code code,
                    enum plan_part_index part, size_t line, const char *subject,
                    const char *detail_zh, const char *detail_en);
/* A row of recipients and its units. */
void plan_lint_tell_row(struct plan_lint_work *work, enum plan_lint_code code,
                        const struct plan_kind *kind, const struct plan_row *row,
                        const char *detail_zh, const char *detail_en);

/* The recipient rows of one kind, or of `*` (kind NULL), and whom each may select. */
struct plan_lint_rows {
    const struct plan_kind *kind;
    const struct plan_row *rows;
    size_t count;
    struct plan_unit_set *ever;    /* by row: whatever date and street */
    struct plan_unit_set *on_date; /* by row: on the plan's date, whatever street */
};
void plan_lint_rows_init(const struct plan *plan, const struct plan_kind *kind,
                         struct plan_lint_rows *rows);
void plan_lint_rows_fini(struct plan_lint_rows *rows);
/* Does the row apply to the topic (-1: to a message without one)? */
static inline bool plan_lint_applies(const struct plan_row *row, int topic)
{
    return row->topic < 0 || row->topic == topic;
}

void plan_lint_units(struct plan_lint_work *work);
void plan_lint_names_twice(struct plan_lint_work *work);
void plan_lint_kinds(struct plan_lint_work *work);
void plan_lint_rows_check(struct plan_lint_work *work, const struct plan_lint_rows *rows);

#endif
