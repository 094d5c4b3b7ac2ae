/* fuzz: what every target is: hostile bytes in, no crash, no hang, no leak, and whatever is taken
 * is taken in one spelling only. With clang in the fuzz preset libFuzzer drives it; everywhere else
 * fuzz_main.c runs it over the committed corpus and over each file of it with bits flipped and ends
 * cut, so that what was found once stays found. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline void fuzz_edit_at(struct bytes text, size_t at, const uint8_t *data, size_t len,
                                struct buf *ret)
{
    size_t gone = len >= 3 ? data[2] : 0;
    if (gone > text.len - at) gone = text.len - at;
    if (at > 0) buf_append(ret, text.data, at);
    if (len > 3) buf_append(ret, data + 3, len - 3);
    if (at + gone < text.len) buf_append(ret, text.data + at + gone, text.len - at - gone);
}

/* For texts that random bytes never come near: the input is an edit of a good one. u16 (big endian)
 * where, u8 how many bytes go, the rest is put in. Appends the edited text. */
static inline void fuzz_edit(struct bytes text, const uint8_t *data, size_t len, struct buf *ret)
{
    size_t at = len >= 2 ? ((size_t)data[0] << 8 | data[1]) % (text.len + 1) : text.len;
    fuzz_edit_at(text, at, data, len, ret);
}

/* The same for what is longer than 64 KiB: where is counted in 65,535th parts of it. */
static inline void fuzz_edit_long(struct bytes text, const uint8_t *data, size_t len,
                                  struct buf *ret)
{
    size_t part = len >= 2 ? (size_t)data[0] << 8 | data[1] : 0xffff;
    fuzz_edit_at(text, text.len * part / 0xffff, data, len, ret);
}

#endif
