/* lookup: units, kinds, topics and areas by what people type: a key, a name in Chinese or English,
 * or a part of one that fits a single row ("民政", "marriage"). What fits nothing is answered with
 * the nearest ones. Pure. */
#ifndef CLIENTS_PLAN_VIEW_LOOKUP_H
#define CLIENTS_PLAN_VIEW_LOOKUP_H

#include "proto/plan/plan.h"

/* Each: 0, or a code whose detail, in `lang`, names the nearest rows or, where several fit, those.
 * Shorter than two characters must be exact. `what` is the error's field.
 *
 * A unit that has a successor is found by its key and exact names only. E_UNIT_UNKNOWN. */
int lookup_unit(const struct plan *plan, const char *what, const char *text, enum lang lang,
                uint16_t *ret_unit, struct error *ret_error) MUST_USE;
int lookup_kind(const struct plan *plan, const char *what, const char *text, enum lang lang,
                const struct plan_kind **ret_kind, struct error *ret_error) MUST_USE;
int lookup_topic(const struct plan_kind *kind, const char *what, const char *text, enum lang lang,
                 const struct plan_topic **ret_topic, struct error *ret_error) MUST_USE;
/* Digits are taken as a code, whatever area they name. E_AREA_UNKNOWN. */
int lookup_area(const struct plan *plan, const char *what, const char *text, enum lang lang,
                const char **ret_code, struct error *ret_error) MUST_USE;

#endif
