/* payload_same: the numbers that two leads have in common when they are about one person or thing.
 *
 * same.def says which fields: identity and document numbers, birth certificates, number plates,
 * case numbers. Nothing is compared here: whoever keeps an index gets each number folded, so that
 * the same one in another spelling (full-width digits, blanks, brackets, small letters) is the
 * same. What cannot tell one person from another ("unknown", 0000) is none.
 *
 * Pure; allocates while it unpacks and frees all of it, wiped. Thread-safe. */
#ifndef PROTO_PAYLOAD_PAYLOAD_SAME_H
#define PROTO_PAYLOAD_PAYLOAD_SAME_H

#include "proto/payload/payload.h"

enum { PAYLOAD_SAME_LEN_MAX = 256 }; /* bytes of a folded number */

/* A row of same.def. */
struct payload_same {
    const ProtobufCMessageDescriptor *message;
    const char *field;
    const char *what; /* "certificate": numbers of one `what` are compared with one another */
    const char *text_zh;
    const char *text_en;
};
const struct payload_same *payload_same_at(size_t index);       /* NULL behind the last one */
const struct payload_same *payload_same_find(const char *what); /* the first of them; or NULL */

/* The number as it is compared: letters and digits, capitals, without blanks, dashes and brackets.
 * Its length; 0: not one that tells anything (fewer than four letters and digits, or not two
 * different digits). */
size_t payload_same_fold(const char *value, char ret_text[static PAYLOAD_SAME_LEN_MAX + 1]);

/* Calls `each` with every number of a section, in order, until it returns other than 0, and returns
 * that. `number` is borrowed until it returns. Bytes that are no such message have none. */
int payload_same_each(const struct payload_message *message, struct bytes section,
                      int (*each)(void *ctx, const struct payload_same *same, struct bytes number),
                      void *ctx);

#endif
