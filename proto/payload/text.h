/* text: the form of a payload's free text. What it must not say is proto/content's business.
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

enum text_fault {
    TEXT_FINE,
    TEXT_NOT_UTF8,
    TEXT_CONTROL,   /* a control, direction or noncharacter */
    TEXT_MANY_LINES /* a tab or line feed in a one-line field */
};
/* Checks the whole text and counts its characters (ret_count, set also on failure: those before the
 * fault). */
enum text_fault text_check(struct bytes text, bool many_lines, size_t *ret_count);

#endif
