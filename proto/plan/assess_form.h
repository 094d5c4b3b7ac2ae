/* assess_form: the rows of an assessment as people and programs read them: words, CSV, JSON.
 *
 * One form for the audit and for a unit's own view, so that the two can be held against each other
 * line by line. publish: counts below ASSESS_SMALL read "<5", and times of so few are left out.
 * Keys and ids in rows are those of a plan and need no quoting. Pure. */
#ifndef PROTO_PLAN_ASSESS_FORM_H
#define PROTO_PLAN_ASSESS_FORM_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/plan/assess.h"

/* "unit,task": enum assess_by bits. E_BAD_VALUE, field "by". */
int assess_by_parse(const char *text, unsigned *ret_by, struct error *ret_error) MUST_USE;

void assess_csv_head(struct buf *ret);
void assess_csv(const struct assess_row *row, bool publish, struct buf *ret);
/* One object: unit, task and kind where `by` splits by them, the counts, median and worst of each
 * time in seconds (null: none). */
void assess_json(const struct assess_row *row, unsigned by, bool publish, struct buf *ret);
/* The figures in words, indented lines; what they are of is the caller's to write above. */
void assess_words(const struct assess_row *row, bool publish, enum lang lang, struct buf *ret);
/* A count's name in words: "超期", "overdue". */
const char *assess_count_text(size_t column, enum lang lang);

#endif
