/* line: what the line-based text formats (note, checkpoint, tlogproof) share: lines, decimals and
 * hashes, each in exactly one accepted spelling. Pure; no allocation but in line_hash; thread-safe.
 */
#ifndef PROTO_LINE_H
#define PROTO_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"

/* Takes the first line off *rest, its newline dropped. False, and nothing taken, where no newline
 * is left: the formats end every line with one. */
bool line_next(struct bytes *rest, struct bytes *ret_line);
/* Drops `prefix` from the line's start; false, and the line as it was, where it does not start so.
 */
bool line_skip(struct bytes *line, const char *prefix);
/* ASCII decimal, no sign, no leading zeros, at most 2^64 - 1. */
bool line_u64(struct bytes line, uint64_t *ret_value);
/* Strict base64 of exactly 32 bytes. */
bool line_hash(struct bytes line, uint8_t ret_hash[static 32]);
/* UTF-8 in shortest form, without surrogates, without ASCII control characters other than newline.
 */
bool line_text_valid(struct bytes text);

#endif
