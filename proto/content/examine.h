/* examine: what the examinations of all formats share; internal to the module.
 *
 * A struct examine is one look at one file: its path, its bounds, what it found so far. Each format
 * has one function that takes the bytes and returns 0, or an error that examine_refuse has set.
 */
#ifndef PROTO_CONTENT_EXAMINE_H
#define PROTO_CONTENT_EXAMINE_H

#include <stdint.h>

#include "proto/base/arena.h"
#include "proto/content/content.h"
#include "proto/content/personal.h"
#include "proto/content/refusal.h"
#include "proto/content/str_scan.h"
#include "proto/content/text_decode.h"

struct examine {
    struct content_report report;
    struct error *error;
    struct arena *arena; /* lives as long as the look */
    uint64_t work_left_bytes;
    bool wants_numbers; /* of people, which may not stand in it */
    struct personal_scan numbers;
    size_t depth; /* containers around what is looked at */
    char path[ERROR_FIELD_LEN_MAX + 1];
};

/* The error of a row of refusals.def, with the path where the look is. */
int examine_refuse(struct examine *examine, enum refusal refusal) MUST_USE;
/* Counts bytes that are about to be looked at: E_CONTENT_UNEXAMINABLE at the bound. */
int examine_charge(struct examine *examine, size_t len) MUST_USE;
/* Memory of the look; NULL at its bound: the caller refuses with REFUSAL_NO_ROOM. */
void *examine_alloc(struct examine *examine, size_t len);

/* Of the text in which words are whole: every character, and what stands between two texts. */
static inline void examine_number(struct examine *examine, char plain)
{
    if (examine->wants_numbers) personal_scan_put(&examine->numbers, plain);
}
/* At the end of a part: an identity or telephone number stood in it. */
int examine_numbers_end(struct examine *examine) MUST_USE;

/* Puts " > name" behind the path; a name that is not printable UTF-8 becomes "#index". What does
 * not fit is cut. Returns what examine_leave takes. */
size_t examine_enter(struct examine *examine, struct bytes name, size_t index);
void examine_leave(struct examine *examine, size_t len);

/* Any file: by its type. */
int examine_any(struct examine *examine, struct bytes data) MUST_USE;
/* The formats. */
int examine_text(struct examine *examine, struct bytes data, enum text_encoding encoding) MUST_USE;
int examine_raw(struct examine *examine, struct bytes data) MUST_USE;
int examine_markup(struct examine *examine, struct bytes data) MUST_USE;
int examine_rtf(struct examine *examine, struct bytes data) MUST_USE;
int examine_zip(struct examine *examine, struct bytes data) MUST_USE;
int examine_office(struct examine *examine, struct bytes data) MUST_USE;
int examine_pdf(struct examine *examine, struct bytes data) MUST_USE;

/* XML as UTF-8: borrowed where it is, in the look's memory otherwise. */
int examine_utf8(struct examine *examine, struct bytes data, struct bytes *ret_utf8) MUST_USE;

#endif
