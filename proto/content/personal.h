/* personal: identity numbers and telephone numbers in a text that may not have any.
 *
 * Digits may be full-width or of another script, and up to two spaces, hyphens or closing brackets
 * may stand between groups of them. Numbers in a row are looked at one by one and together.
 *
 * An identity number is 18 characters with an area that exists as a province, a birth date that
 * exists and a check digit that fits, or 15 digits with the first two. Where the text speaks of
 * identities or papers, an 18-digit number with a wrong check digit counts too: a miswritten number
 * is a person's all the same. A telephone number is a mobile one (11 digits from 13 to 19, however
 * it is commonly grouped, +86 or not) or a landline with its area code. Service numbers (110,
 * 12338, 400...), local numbers of eight digits, amounts, dates and codes of areas are none. Pure,
 * no allocation, thread-safe. */
#ifndef PROTO_CONTENT_PERSONAL_H
#define PROTO_CONTENT_PERSONAL_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/base/bytes.h"

bool personal_has_id_number(struct bytes utf8);
bool personal_has_phone(struct bytes utf8);

/* The same over plain characters (plain.h) that come one by one, as texts of files do: of any
 * length, in constant memory. What the whole text speaks of is not known then: `lenient` says
 * whether a wrong check digit counts. */
enum { PERSONAL_DIGITS_MAX = 64 };

/* Groups of digits with separators between; the older half goes when it is full. */
struct personal_run {
    size_t len;
    char digits[PERSONAL_DIGITS_MAX];
    size_t group_count;
    size_t starts[PERSONAL_DIGITS_MAX + 1]; /* of each group; starts[group_count] == len */
    bool hyphens;                           /* every separator so far is a hyphen */
    bool whole;                             /* nothing has gone: group 0 began the run */
};

/* {0} is a scan at its start. */
struct personal_scan {
    bool id_number, phone; /* found so far */
    bool lenient;
    bool inside; /* a run, with so many separators behind its last digit */
    size_t separators;
    bool hyphens; /* all of these */
    struct personal_run run;
};
void personal_scan_put(struct personal_scan *scan, char plain);
/* Ends the run: between two fields, two files, and at the end. What was found stays. */
void personal_scan_break(struct personal_scan *scan);

#endif
