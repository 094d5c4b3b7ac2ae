/* attached: the files of a section, as its payload names them.
 *
 * Every section message that may carry files has `repeated Attachment attachments = 100`. Because
 * the number is the same in all of them and the highest, entries are appended to encoded sections
 * and found in them without knowing the message: a new kind needs its field and nothing here.
 * payload_check checks them with everything else; a library that is given no schemas checks them by
 * attached_list. Pure; thread-safe. */
#ifndef PROTO_PAYLOAD_ATTACHED_H
#define PROTO_PAYLOAD_ATTACHED_H

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"
#include "proto/schema/payload.pb-c.h"

enum { ATTACHED_FIELD = 100 };

/* Form of one entry: lengths of key and hashes, a size that may be sent, a file name of one line
 * without folders (not "." or ".."), a media type in lower case. Errors name path.field:
 * E_BAD_VALUE, E_MISSING_FIELD, E_TOO_LARGE. */
int attached_check(const Leadbus__Payload__Attachment *attachment, const char *path,
                   struct error *ret_error) MUST_USE;
/* Whether a name or media type would pass. */
bool attached_name_valid(const char *name);
bool attached_type_valid(const char *media_type);

/* Appends the entry to a section's bytes, behind everything else that stands there. */
void attached_append(const Leadbus__Payload__Attachment *attachment, struct buf *section);

/* The entries of a section, checked, in order. Borrows the arena. E_BAD_FORM: not a protobuf
 * message, or an entry that is not an Attachment; E_TOO_LARGE: more than
 * LIMIT_ATTACHMENT_COUNT_MAX; E_BAD_VALUE: one root twice; those of attached_check. Paths begin
 * with `section`. */
struct attached {
    size_t count;
    const Leadbus__Payload__Attachment *items[LIMIT_ATTACHMENT_COUNT_MAX];
};
int attached_list(struct bytes payload, const char *section, struct arena *arena,
                  struct attached *ret, struct error *ret_error) MUST_USE;

#endif
