/* pdf_lex: the tokens of PDF's syntax, and lookups in dictionaries as they stand in the file.
 *
 * Never fails: what is no token is passed over. Pure, no allocation, thread-safe. */
#ifndef PROTO_CONTENT_PDF_LEX_H
#define PROTO_CONTENT_PDF_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum pdf_kind {
    PDF_END,
    PDF_NUMBER,
    PDF_NAME,   /* text: without the slash */
    PDF_STRING, /* text: between the brackets, escapes in it; as the next */
    PDF_HEX,
    PDF_ARRAY,
    PDF_ARRAY_END,
    PDF_DICT,
    PDF_DICT_END,
    PDF_WORD, /* an operator or keyword */
};

struct pdf_token {
    enum pdf_kind kind;
    struct bytes text;
    double number;
};

struct pdf_lex {
    struct bytes rest;
};

/* False at the end (kind PDF_END). */
bool pdf_next(struct pdf_lex *lex, struct pdf_token *ret_token);
bool pdf_is(const struct pdf_token *token, enum pdf_kind kind, const char *text);

/* The bytes of a string token, one by one. */
struct pdf_string {
    struct bytes rest;
    bool hex;
};
struct pdf_string pdf_string_of(const struct pdf_token *token);
bool pdf_string_take(struct pdf_string *string, uint8_t *ret_byte);

/* What is near, for a look that takes nothing off: an unclosed string there would be read to the
 * end of the file at every look. */
enum { PDF_AHEAD_BYTES = 256 };
struct pdf_lex pdf_ahead(const struct pdf_lex *lex);

/* Takes one value off the front: a scalar, a reference of three tokens, or a whole array or
 * dictionary. ret_value is all of it. False at the end, where a bracket closes what is around, and
 * where one is never closed. */
bool pdf_value(struct pdf_lex *lex, struct bytes *ret_value);
/* The value of a key of a dictionary, given as it stands with "<<" and ">>" or without. */
bool pdf_find(struct bytes dictionary, const char *key, struct bytes *ret_value);

bool pdf_is_name(struct bytes value, const char *name);
bool pdf_reference(struct bytes value, uint32_t *ret_number);
bool pdf_integer(struct bytes value, uint32_t *ret_integer); /* 0 to 2^31 */
bool pdf_is_dictionary(struct bytes value);
bool pdf_is_array(struct bytes value);

/* The first place of a text at or behind `from`; data.len: none. */
size_t pdf_search(struct bytes data, size_t from, const char *text);

#endif
