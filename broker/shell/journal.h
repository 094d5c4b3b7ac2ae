/* journal: taking the journal up at start: fold every record, prove the newest checkpoint, and put
 * on record what changed since (bundle, settings) and that a process took it up. */
#ifndef BROKER_SHELL_JOURNAL_H
#define BROKER_SHELL_JOURNAL_H

#include "broker/core/core.h"
#include "broker/shell/settings.h"
#include "broker/shell/uploads.h"
#include "broker/shell/writer.h"
#include "certs/keyring/keyring.h"

struct journal {
    struct core *core;
    struct writer *writer; /* not started */
    struct store *reader;  /* for the engine's thread */
    struct buf checkpoint; /* over all of it */
};

/* E_STORE_LOCKED, E_STORE_VERSION, E_JOURNAL_CORRUPT, E_JOURNAL_FORKED (the newest checkpoint is
 * not that of the records, or not signed by this keyring's log key), E_BAD_CONFIG (another root or
 * bus than the journal's), everything of trust_bundle_open, E_IO. Nothing serves after any of them.
 *
 * uploads: filled with what the attachments' folder says is on its way (disk.h); those that an
 * envelope of the journal names are taken out again and their marks removed.
 */
int journal_open(const struct settings *settings, const struct keyring *keyring,
                 struct uploads *uploads, struct journal *ret_journal,
                 struct error *ret_error) MUST_USE;
/* A record carries one root note: a bundle whose root is two or more versions ahead of the one in
 * force could not be verified again from the journal. E_BUNDLE_UNKNOWN: install one made under the
 * next root first. */
int journal_check_root_step(const struct trust_root *current, const struct trust_bundle *bundle,
                            struct error *ret_error) MUST_USE;
/* What was not handed on. */
void journal_fini(struct journal *journal);

#endif
