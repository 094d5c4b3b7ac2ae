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

#include "proto/base/bytes.h"

bool personal_has_id_number(struct bytes utf8);
bool personal_has_phone(struct bytes utf8);

#endif
