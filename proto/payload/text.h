/* text: what the free text of a payload may hold.
 *
 * Strict UTF-8: no overlong forms, surrogates, noncharacters; no control characters but tab and
 * line feed (none in one-line fields), no characters that turn the direction of writing: they can
 * make a text look like another. Every other character is taken, rare Han of any extension and the
 * private-use areas included: names need them. Pure, no allocation, thread-safe. */
#ifndef PROTO_PAYLOAD_TEXT_H
#define PROTO_PAYLOAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* The character at the start of the text, and how many bytes it takes; 0 bytes: not UTF-8. */
size_t text_next(struct bytes text, uint32_t *ret_character);

enum text_fault {
    TEXT_FINE,
    TEXT_NOT_UTF8,
    TEXT_CONTROL,   /* a control, direction or noncharacter */
    TEXT_MANY_LINES /* a tab or line feed in a one-line field */
};
/* Checks the whole text and counts its characters (ret_count, set also on failure: those before the
 * fault). */
enum text_fault text_check(struct bytes text, bool many_lines, size_t *ret_count);

/* How many results of STR typing the text has: a locus name (D3S1358, vWA, FGA, TH01, DYS391, ...;
 * any case, full-width letters too) followed by one or two alleles. From TEXT_LOCUS_COUNT_MAX on it
 * is a DNA profile, which may never travel. A word with a locus name alone is talk about DNA and
 * counts for nothing. */
enum { TEXT_LOCUS_COUNT_MAX = 3 };
size_t text_locus_count(struct bytes text);

/* Personal numbers in a text that may not have any: an identity number (18 or 15 characters with a
 * birth date that exists, whatever its check digit) or a mobile or landline number. Digits may be
 * full-width, and single spaces or hyphens may stand between them. */
bool text_has_id_number(struct bytes text);
bool text_has_phone(struct bytes text);

#endif
