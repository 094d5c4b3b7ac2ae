/* file: small files read whole within a bound, written so that a crash leaves the old or the new,
 * never half; folders; permissions; locks.
 *
 * Impure. Thread-safe on distinct paths. Every error names the path as its field and says what the
 * system said. Outputs are untouched on failure. */
#ifndef PROTO_HOST_FILE_H
#define PROTO_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

/* Appends the whole file to `buf`. E_NOT_FOUND: no such file; E_TOO_LARGE: more than len_max bytes;
 * E_IO: anything else, a folder included. */
int file_read(const char *path, size_t len_max, struct buf *buf, struct error *ret_error) MUST_USE;
/* As file_read; anything but a regular file (a pipe, a device, a socket) is E_IO at once, and
 * nobody is waited for. */
int file_read_regular(const char *path, size_t len_max, struct buf *buf,
                      struct error *ret_error) MUST_USE;
/* As file_read, for what names secrets and says what a program does: it and its folder belong to us
 * or to root, and neither group nor others may write to them, or E_KEYRING_PERMISSIONS. */
int file_read_trusted(const char *path, size_t len_max, struct buf *buf,
                      struct error *ret_error) MUST_USE;
/* As file_read, for secrets: a regular file (no link at the end of the path) that belongs to us or
 * to root and that nobody else may read or write, or E_KEYRING_PERMISSIONS. `buf` must be empty: it
 * is allocated once, so that no copy stays behind; the caller ends it with buf_wipe_fini. */
int file_read_secret(const char *path, size_t len_max, struct buf *buf,
                     struct error *ret_error) MUST_USE;
/* The rule of file_read_secret alone; and for the folder a secret lies in: not writable by group or
 * others (a sticky folder such as /tmp is allowed), belongs to us or to root.
 * E_KEYRING_PERMISSIONS, E_NOT_FOUND, E_IO. */
int file_check_private(const char *path, struct error *ret_error) MUST_USE;
int file_check_folder(const char *path, struct error *ret_error) MUST_USE;

/* Replaces or creates `path`: a temporary file beside it with `mode` whatever the umask, fsync,
 * rename, fsync of the folder. On failure before the rename the old content is as it was.
 * E_NOT_FOUND: no such folder; E_DISK_FULL, E_IO. */
int file_write_atomic(const char *path, struct bytes content, mode_t mode,
                      struct error *ret_error) MUST_USE;
/* As file_write_atomic, but refuses to replace: E_DUPLICATE when `path` is there. */
int file_write_new(const char *path, struct bytes content, mode_t mode,
                   struct error *ret_error) MUST_USE;
/* fsync of a folder: makes a rename or unlink in it durable. E_IO. */
int file_sync_folder(const char *path, struct error *ret_error) MUST_USE;

/* Makes the folder and its missing parents, each with mode 0700. One that is there stays as it is.
 * E_IO, E_DISK_FULL. */
int file_make_folders(const char *path, struct error *ret_error) MUST_USE;
/* The folder part of a path, "." where there is none; appended to `buf` with a terminator that is
 * not counted. */
void file_folder_of(const char *path, struct buf *buf);
bool file_exists(const char *path);

/* What the system said, in both languages: `number` is an errno, `what` what was tried ("open", for
 * who reads English) or NULL. */
#define file_said(ret_error, code, field, what, number)                                            \
    error_pass(code, file_said_note(ret_error, code, field, what, number))
int file_said_note(struct error *ret_error, int code, const char *field, const char *what,
                   int number);

/* Takes an exclusive lock on `path` (created 0600) for the life of the descriptor, which the caller
 * closes. E_STORE_LOCKED: another process holds it, the detail names its id; E_IO. */
int file_lock(const char *path, int *ret_fd, struct error *ret_error) MUST_USE;

/* Wipes all of a buffer's memory and frees it; {0} again. NULL accepted. */
void buf_wipe_fini(struct buf *buf);

#endif
