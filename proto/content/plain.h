/* plain: text as the examinations read it, one small character for every character of the writer's.
 *
 * Letters become capitals, full-width forms and the digits of other scripts their ASCII ones, every
 * kind of space and hyphen ' ' and '-', the middle comma and the middle dot ','. Characters that
 * nobody sees (zero-width joiners, variation selectors, soft hyphens) become nothing, so that they
 * hide nothing. What is left over is one of the marks below. Pure, no allocation, thread-safe. */
#ifndef PROTO_CONTENT_PLAIN_H
#define PROTO_CONTENT_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum {
    PLAIN_NONE = 0,    /* invisible */
    PLAIN_OTHER = 1,   /* any other character: Han, above all */
    PLAIN_MEASURE = 2, /* a Han measure word or unit: the number before it counts something */
    PLAIN_STOP = 3,    /* the end of a sentence */
};

/* The plain character: '\t', '\n', ' ' to '~' without small letters, or a mark of above. */
char plain_of(uint32_t character);

/* The character at the start of a text in GB 18030 as far as plain_of needs it, and how many bytes
 * it takes: ASCII, the full-width forms, spaces and commas, measure words; every other one is
 * U+FFFD. 0 bytes: not GB 18030, or the text is empty. */
size_t plain_gb18030(struct bytes text, uint32_t *ret_character);

static inline bool plain_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool plain_is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Reads a UTF-8 text as plain characters, invisible ones left out. */
struct plain_reader {
    struct bytes rest;
};
/* PLAIN_NONE at the end. A byte that is not UTF-8 reads as PLAIN_OTHER. */
char plain_read(struct plain_reader *reader);

#endif
