/* commands: what leadbus-replay can be asked; one function each, its exit status returned. */
#ifndef CLIENTS_REPLAY_COMMANDS_H
#define CLIENTS_REPLAY_COMMANDS_H

#include "clients/replay/audit.h"
#include "clients/replay/evidence.h"

struct command_options {
    const char *journal;   /* or the evidence file of `check` */
    const char *lead;      /* explain, prove */
    const char *out_path;  /* prove */
    const char *root_path; /* NULL: none given */
    struct evidence_trust trust;
    struct buf root_note;
    const char *checkpoint_path; /* NULL: none given */
    struct buf checkpoint;
    const char *chunks_path; /* NULL: the folder "chunks" beside the journal, where there is one */
    const char *by, *from, *until, *unit; /* stats; NULL: not given */
    bool csv, publish;
    bool json;
};

int command_verify(struct command_options *options);
int command_replay(struct command_options *options);
int command_list(struct command_options *options);
int command_explain(struct command_options *options);
int command_prove(struct command_options *options);
int command_check(struct command_options *options);
int command_stats(struct command_options *options);

/* Looks at the chunks of attachments, too, where their folder is at hand. */
const char *command_chunks(const struct command_options *options, char ret_path[4096]);

/* chunks: NULL: not looked at. The walk with this program's progress bar; errors and the warning
 * about a root that nobody gave are told. Exit status; 0: *ret_audit is the caller's to audit_free.
 */
int command_walk(const struct command_options *options, enum audit_depth depth, const char *chunks,
                 int (*each)(void *ctx, const struct audit_record *record, struct error *ret_error),
                 void *ctx, struct audit **ret_audit);

#endif
