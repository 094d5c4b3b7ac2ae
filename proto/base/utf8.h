/* utf8: one character of a text, strictly. Pure. */
#ifndef PROTO_BASE_UTF8_H
#define PROTO_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* The character at the start of a UTF-8 text, and how many bytes it takes (1 to 4); 0, and nothing
 * returned: not UTF-8 (overlong forms, surrogates and what is above U+10FFFF included: table 3-7 of
 * the Unicode standard), or the text is empty. */
size_t utf8_next(struct bytes text, uint32_t *ret_character);

#endif
