/* encoding: is this the UTF-8 text of a plan at all? Pure. */
#ifndef CLIENTS_PLAN_DERIVE_ENCODING_H
#define CLIENTS_PLAN_DERIVE_ENCODING_H

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* 0, or E_BAD_FORM with the line as field and what was found as detail: UTF-16 or UTF-32 (by mark
 * or by NULs), a PDF or an office file instead of its text, a NUL, bytes that are no UTF-8. Linear.
 */
int encoding_check(struct bytes text, struct error *ret_error) MUST_USE;

#endif
