/* engine: the thread that owns the core. It takes verified frames in order of arrival, has the core
 * admit and fold them, collects groups for the writer, and releases what a group caused when it is
 * durable: receipts, deliveries within credit, acknowledgements. An answer that read state waits
 * until that state is durable. Nothing here waits for a peer; it waits for net only while its queue
 * of outgoing frames is full.
 *
 * Sessions: a unit has at most one, made by a signed HELLO; the newest takes over. Certificates are
 * judged again for every frame and before anything is sent. */
#ifndef BROKER_SHELL_ENGINE_H
#define BROKER_SHELL_ENGINE_H

#include <stdint.h>

#include "broker/core/core.h"
#include "broker/shell/counters.h"
#include "broker/shell/directory.h"
#include "broker/shell/disk.h"
#include "broker/shell/net.h"
#include "broker/shell/uploads.h"
#include "broker/shell/verify.h"
#include "broker/shell/writer.h"

struct engine;

struct engine_parts {
    struct core *core;     /* taken */
    struct writer *writer; /* borrowed, started */
    struct store *reader;  /* borrowed, the engine's thread's own */
    struct verify *verify; /* borrowed */
    struct net *net;       /* borrowed */
    struct queue *gone;    /* of malloc'd struct peer; with an event */
    struct directory_box *directories;
    struct uploads *uploads; /* borrowed; the engine's thread's own */
    struct disk *disk;       /* borrowed, started */
    const char *chunks;      /* folder of the attachments */
    struct counters *counters;
    const uint8_t *log_public; /* the key that signs checkpoints; borrowed */
    struct bytes checkpoint;   /* the newest durable one, over all of the journal */
    uint64_t wal_bytes_alarm;  /* a WAL of so much is alarmed */
    uint32_t credit_max;
    uint32_t session_count_max;
};

int engine_start(const struct engine_parts *parts, struct engine **ret_engine,
                 struct error *ret_error) MUST_USE;
/* A bundle file was read again: installed when it is newer and verifies. Takes the memory. From any
 * thread. */
void engine_offer_bundle(struct engine *engine, struct buf *take_bundle, const char *path);
/* Net no longer reads: finishes what is inside, makes it durable, releases it and ends the thread.
 * Gives the final size and state digest. */
void engine_stop(struct engine *engine, uint64_t *ret_size, uint8_t ret_digest[32]);
void engine_free(struct engine *engine);

/* Status as a JSON text, refreshed once a second; appended to buf. From any thread. */
void engine_status(struct engine *engine, struct buf *buf);
/* Grows while the thread makes its rounds: for the watchdog. */
uint64_t engine_rounds(const struct engine *engine);

#endif
