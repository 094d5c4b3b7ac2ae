/* markup: XML and HTML as a row of events, from UTF-8, never failing: what is not well formed is
 * text.
 *
 * Comments, processing instructions and declarations are left out, CDATA and character references
 * are characters. Names are local ones (no prefix). Pure, no allocation, thread-safe. */
#ifndef PROTO_CONTENT_MARKUP_H
#define PROTO_CONTENT_MARKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum markup_event { MARKUP_END, MARKUP_OPEN, MARKUP_CLOSE, MARKUP_CHARACTER };

struct markup {
    struct bytes rest;
    bool in_cdata;
    /* of the last event */
    struct bytes name;       /* OPEN, CLOSE; borrowed */
    struct bytes attributes; /* OPEN: what stands between name and '>' */
    bool empty;              /* OPEN: <x/>; no CLOSE follows */
    uint32_t character;      /* CHARACTER */
};

void markup_init(struct markup *markup, struct bytes utf8);
enum markup_event markup_next(struct markup *markup);
bool markup_named(const struct markup *markup, const char *name); /* ASCII, case does not matter */
/* The value of an attribute as it stands, references not resolved; empty: none. */
struct bytes markup_attribute(const struct markup *markup, const char *name);

#endif
