/* engine_file: the files that a section names. For the files of engine. */
#ifndef CLIENTS_LIB_ENGINE_FILE_H
#define CLIENTS_LIB_ENGINE_FILE_H

#include "clients/lib/engine_inner.h"
#include "proto/payload/attached.h"

enum { ENGINE_FILES_ARENA_BYTES_MAX = 262144 };

/* Whether a section is the message that its kind says is for the schemas' owner to say: what is no
 * protobuf message names no files. Errors as attached_list. */
int engine_files_of(struct bytes payload, const char *section, struct arena *arena,
                    struct attached *ret, struct error *ret_error) MUST_USE;

#endif
