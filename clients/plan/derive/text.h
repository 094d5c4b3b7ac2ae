/* text: a plan's bytes as lines, and lines as one run of characters without white space.
 *
 * A dump of a PDF breaks lines anywhere, also inside names and keywords; it has page numbers,
 * running heads and a table of contents in the middle of sentences. What is left of it here: the
 * characters in order, each with what stood before it (words.h), and for each the physical line it
 * is on. Physical lines are counted as an editor does: LF, CR LF or CR ends one; a form feed does
 * not. Pure. */
#ifndef CLIENTS_PLAN_DERIVE_TEXT_H
#define CLIENTS_PLAN_DERIVE_TEXT_H

#include "clients/plan/derive/words.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum {
    TEXT_BYTES_MAX = 16 * 1024 * 1024,
    TEXT_LINE_COUNT_MAX = 1000000, /* that are not empty */
};

enum source_use {
    SOURCE_TEXT,     /* running text */
    SOURCE_NUMBER,   /* a page number */
    SOURCE_HEAD,     /* a running head or foot */
    SOURCE_CONTENTS, /* a line of a table of contents */
    SOURCE_TABLE,    /* part of a pasted table: table.h reads it */
};

/* A line that is not empty. */
struct source_line {
    uint32_t at, len; /* bytes, without the line end */
    uint32_t number;  /* from 1 */
    uint8_t use;      /* enum source_use */
    bool blank_before;
    bool page_before; /* a form feed or a page number stands between it and the line before */
};

struct source {
    struct bytes bytes; /* borrowed */
    struct source_line *lines;
    size_t line_count;
    bool double_spaced; /* nearly every line has an empty one behind it: empty lines mean nothing */
};

/* Splits the bytes and tells page furniture from text. `bytes` is borrowed until source_fini and
 * has passed encoding_check. E_TOO_LARGE: more than the limits above. */
int source_read(struct bytes bytes, struct source *ret, struct error *ret_error) MUST_USE;
void source_fini(struct source *source);

/* Where a physical line starts in a text. */
struct text_line {
    uint32_t first;
    uint32_t number;
};

struct text {
    struct buf points; /* uint32_t each: struct span.c */
    struct buf folded; /* uint32_t each: struct span.f */
    struct buf lines;  /* struct text_line each, ascending */
};
void text_fini(struct text *text);
size_t text_len(const struct text *text);
struct span text_span(const struct text *text, size_t from, size_t to);
/* The physical line of a character. */
size_t text_line_of(const struct text *text, size_t at);

/* Appends the characters of some UTF-8 bytes that stand on the physical line `number`. The first
 * one gets the flags. White space becomes flags of what follows. */
void text_append(struct text *text, struct bytes bytes, uint32_t flags, size_t number);
/* All running text of a source. */
void text_build(struct text *text, const struct source *source);

/* The characters of a span as UTF-8 with a terminator, appended. */
void text_utf8(struct buf *buf, struct span span);

/* A reader of UTF-8 that is known to be well formed: the point at data[*at], which moves on. */
uint32_t text_next(struct bytes bytes, size_t *at);
bool text_is_space(uint32_t point);
/* Takes no room and means nothing: zero-width spaces, soft hyphens, control characters. */
bool text_is_nothing(uint32_t point);

#endif
