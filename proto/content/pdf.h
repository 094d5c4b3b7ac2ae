/* pdf: the objects of a PDF, its fonts and its pages; internal to the module.
 *
 * Objects are found by their own heads ("12 0 obj"), not by the cross-reference table: so what an
 * earlier save of the file left behind is looked at too, and a wrong table hides nothing. Where a
 * number is given twice the last object is the one that references mean. */
#ifndef PROTO_CONTENT_PDF_H
#define PROTO_CONTENT_PDF_H

#include "proto/content/examine.h"
#include "proto/content/pdf_lex.h"

struct pdf_font;

struct pdf_object {
    uint32_t number;
    bool has_stream;
    bool is_file; /* a file in the PDF */
    bool done;    /* its stream was looked at */
    struct bytes value;
    struct bytes type; /* of a dictionary: the value of /Type, or empty */
    struct bytes stream;
    const struct pdf_font *font;
};

struct pdf {
    struct examine *examine;
    struct bytes data;
    struct pdf_object *objects; /* by number when they are all there */
    size_t count;
    size_t cap;
    size_t sorted;      /* so many of them can be looked up */
    struct bytes fonts; /* of the last page: for what names none of its own */
    size_t page_count;
    size_t font_count;
    struct arena *scratch; /* of one stream */
};

enum { PDF_FONT_COUNT_MAX = 4096, PDF_PARENT_COUNT_MAX = 32, PDF_FILTER_COUNT_MAX = 4 };

/* NULL: there is none. */
struct pdf_object *pdf_object_of(struct pdf *pdf, uint32_t number);
/* A key's value; a reference is followed, once. What is read is charged: false at the bound. */
bool pdf_get(struct pdf *pdf, struct bytes dictionary, const char *key, struct bytes *ret_value);
struct bytes pdf_resolve(struct pdf *pdf, struct bytes value);

/* pdf_filter: the stream of an object, decoded, into memory of `arena`. ret_picture: a filter of
 * pictures; nothing is decoded. */
int pdf_stream(struct pdf *pdf, const struct pdf_object *object, struct arena *arena,
               struct bytes *ret_data, bool *ret_picture) MUST_USE;

/* pdf_font: how the codes of a font read. */
enum { PDF_CODE_CHARACTERS = 4 };
struct pdf_font {
    size_t code_len;  /* bytes: 1 or 2; 0: GBK */
    uint32_t **pages; /* of 256 codes each: at most four plain characters, the first in the lowest
                         byte; 0: none. NULL: no map */
    int offset;       /* without a map: added to the code; 0: as it is */
    bool is_utf16;
    bool is_unread; /* neither the font nor its encoding says what its codes mean */
};
/* The font that a dictionary of fonts has under a name; plain ASCII where it has none. Borrowed
 * until the look ends. NULL: at a bound. */
const struct pdf_font *pdf_font_of(struct pdf *pdf, struct bytes fonts, struct bytes name);
/* Takes a code off the string: its characters, packed as in the map. False at the end. */
bool pdf_font_take(const struct pdf_font *font, struct pdf_string *string, uint32_t *ret_packed);

/* pdf_text: the text that pages show. */
struct pdf_text {
    struct pdf *pdf;
    struct bytes fonts; /* dictionary in force, or empty */
    const struct pdf_font *font;
    double font_size;
    double leading;
    double matrix[6];
    double line[6];
    double start_x; /* of the last text */
    double end_x;   /* where it ended, about */
    double end_y;
    bool shown; /* there was a last text */
    bool moved; /* since then */
    bool unread;
    struct str_scan parted; /* a border at every move */
    struct str_scan joined; /* a border where there is a gap */
    struct str_scan
        wrapped; /* the same, but a line below goes on with the one above: a narrow cell */
};
void pdf_text_init(struct pdf_text *text, struct pdf *pdf, struct bytes fonts);
/* Runs a content stream. 0, or examine's error at a bound; what was found is in the scans. */
int pdf_text_run(struct pdf_text *text, struct bytes content) MUST_USE;
bool pdf_text_found(struct pdf_text *text);

#endif
