/* files: what may go out and come in with a message: proto/content at both ends of the agent.
 *
 * A file comes in pieces. A recording is told by its first bytes and sealed as it comes, of any
 * size. Anything else is collected (CONTENT_DOCUMENT_BYTES_MAX) and looked into before a byte of it
 * is sealed: no DNA profile, nothing that cannot be examined, and of a photo only what it shows.
 * Looking into a document takes up to some seconds, and is another process's (examiner.h).
 * The media type is what the bytes are, whatever the request calls them. */
#ifndef CLIENTS_AGENT_FILES_H
#define CLIENTS_AGENT_FILES_H

#include "clients/agent/agent.h"
#include "proto/base/bytes.h"
#include "proto/content/content.h"

enum { FILES_HELD_BYTES_MAX = 2 * CONTENT_DOCUMENT_BYTES_MAX }; /* of all that are collected */

struct files_intake; /* one file on its way in */

struct files_taken {
    struct leadbus_uploaded uploaded;
    char media_type[128];
    bool needs_confirm;   /* shows what no program reads: a draft must confirm it */
    size_t removed_bytes; /* taken out of a photo */
};

/* kind, name: as of the request, checked here. size_hint: of the whole file, 0 where unknown.
 * Errors: E_KIND_UNKNOWN, E_ATTACHMENT_NOT_ALLOWED, E_MISSING_FIELD, E_BAD_VALUE, E_BUSY. */
int files_begin(struct agent *agent, const char *kind, const char *name, uint64_t size_hint,
                struct files_intake **ret_intake, struct error *ret_error) MUST_USE;
/* As of leadbus_upload_write; E_BAD_VALUE: a recording, and the kind takes none; E_TOO_LARGE. */
int files_take(struct files_intake *intake, struct bytes piece, struct error *ret_error) MUST_USE;
/* Examined, sealed, durable. LEADBUS_LATER: it is being looked into; ask again when http_wake
 * comes. Else as of content_check_outgoing and leadbus_upload_end; E_NO_MEMORY: it could not be
 * looked into now. The intake is to be dropped afterwards all the same. */
int files_end(struct files_intake *intake, struct files_taken *ret_taken,
              struct error *ret_error) MUST_USE;
void files_drop(struct files_intake *take_intake); /* wipes; NULL accepted */

/* The library's callback for what came: the same rules. ctx is the agent. A recording is told by
 * its first piece; anything else is looked into by a process of its own (examiner.h), and the
 * answer is LEADBUS_LATER until that is over. One that did not come to an end is refused with
 * E_CONTENT_UNEXAMINABLE; where it was ended from outside, the second time. */
int files_examine(void *ctx, const char *kind, const struct leadbus_attachment *attachment,
                  uint64_t offset, const void *piece, size_t len, struct leadbus_error *ret_error);

/* ---- what is looked into at this moment: one file of those that came, one of those that go ------
 */
enum { FILES_FD_COUNT = 2 };
/* Descriptors to poll for reading; -1 where there is none. */
void files_fds(const struct agent *agent, int ret_fds[FILES_FD_COUNT]);
uint64_t files_next_ms(const struct agent *agent); /* monotonic; UINT64_MAX: none */
/* Takes what is over, and tells the library and those who wait. */
void files_run(struct agent *agent);
void files_stop(struct agent *agent);

#endif
