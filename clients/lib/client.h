/* client: the handle behind leadbus.h, for this folder's files and, through client_bundle, for our
 * own programs that link the static library. */
#ifndef CLIENTS_LIB_CLIENT_H
#define CLIENTS_LIB_CLIENT_H

#include "clients/lib/engine.h"
#include "clients/lib/include/leadbus.h"
#include "clients/lib/io.h"

/* The bundle in force, opened; borrowed until the next call that is not a reading one. */
const struct trust_bundle *client_bundle(const leadbus *lb);

/* What can be had again waits so long for a commit of something that cannot. */
enum { CLIENT_LAZY_MS = 20 };

uint64_t client_now_ms(const leadbus *lb);
uint64_t client_steady_ms(void);
struct moment client_moment(const leadbus *lb);
/* Flush, commit, release, tell: the order that makes every promise durable first. After an error
 * the caller calls client_died. */
int client_settle(leadbus *lb, struct moment *moment, struct error *ret_error) MUST_USE;
/* Sends the frames that are free to go. */
void client_release(leadbus *lb);
/* The handle is dead from now on; and what a dead one answers. Both return the code. */
int client_died(leadbus *lb, const struct error *error, struct leadbus_error *ret_error);
int client_refuse_dead(const leadbus *lb, struct leadbus_error *ret_error);

/* client_attach.c: the folder, from the options (NULL: none); what was begun in it and never ended
 * is removed. */
int client_attachments_path(struct leadbus_options *options, char **ret,
                            struct error *ret_error) MUST_USE;
int client_attachments_sweep(leadbus *lb, struct error *ret_error) MUST_USE;
/* The engine's question, passed on. */
int client_check_attachment(void *ctx, struct engine_file *file, struct error *ret_error);
int client_examine_attachment(void *ctx, const struct engine_file *file, uint64_t offset,
                              struct bytes piece, struct error *ret_error);

/* An internal error to the caller's form; returns its code. */
int client_failed(struct leadbus_error *ret_error, const struct error *error);

struct leadbus {
    struct engine *engine;
    struct box *box;
    struct io *io;
    struct keyring keyring;
    struct buf passphrase;
    char *keyring_path, *endpoint, *attachments;
    size_t broker, broker_endpoint; /* which one is tried */
    char current[IO_ENDPOINT_LEN_MAX + 1];
    struct leadbus_options options;
    struct buf unsent; /* the frame that the socket did not take */
    bool dead, more, was_greeted;
    struct box_in rung_row; /* the message of the step that was given last */
    uint64_t repeat_ms;     /* leadbus_rung_repeat; 0: nothing is repeated */
    bool rankless;          /* no rank is given */
    struct error death;     /* where dead: what every later call answers */
    uint64_t rotate_ms;
    uint64_t
        lazy_ms; /* since when something that is not pressing waits for a commit; 0 = nothing */
    struct {     /* told after the commit */
        unsigned changes;
        bool has_id;
        uint8_t id[16];
    } * changes;
    size_t change_count, change_cap;
};

#endif
