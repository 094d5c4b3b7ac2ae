/* backup: a copy of the journal while the broker runs, read back before it is called one. */
#ifndef BROKER_SHELL_BACKUP_H
#define BROKER_SHELL_BACKUP_H

#include "broker/shell/settings.h"
#include "proto/checkpoint.h"

/* Copies journal.db of the state folder to `path`, a new file of mode 0600, as of one instant. Then
 * reads the copy: every record against its stored hash, the tree of them all against the root that
 * the newest checkpoint of the copy states, which *ret_head is. (Whether that is signed as it
 * should be, and every record decided rightly, leadbus-replay says.) On failure the file is gone.
 * E_DUPLICATE: `path` is there; E_NOT_FOUND: no journal, or none with a record; E_JOURNAL_CORRUPT;
 * E_DISK_FULL, E_IO. */
int backup_make(const struct settings *settings, const char *path, struct checkpoint *ret_head,
                struct error *ret_error) MUST_USE;

#endif
