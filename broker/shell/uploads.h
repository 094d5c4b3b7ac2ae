/* uploads: attachments on their way in: announced by a unit, chunks arriving, not yet accepted with
 * an envelope. Whose they are, what is there of each, and how much room a unit has left.
 *
 * An attachment belongs to the unit that announced it first until its envelope is accepted; the
 * room it takes is reserved in full when it is announced, so what was begun can be finished. What
 * nobody continued for upload_keep_ms is given up.
 *
 * What a unit's accepted envelopes name is counted by the hour and stays counted for a day. What is
 * on its way and that together have a bound: no unit fills the disk with what nobody may remove. It
 * decides when an upload is announced, of which the journal knows nothing, so it is not the core's
 * business; the count is a sum over the journal's newest day, so a restart makes the same again.
 *
 * A table in memory, filled from the disk and the journal at start; the disk work itself is
 * disk.h's. No I/O, no clock; owned by one thread. */
#ifndef BROKER_SHELL_UPLOADS_H
#define BROKER_SHELL_UPLOADS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"
#include "proto/host/chunks.h"

enum {
    UPLOADS_PER_UNIT_MAX = 64,
    UPLOADS_WINDOW = 4, /* chunks of one unit on their way to the disk */
    UPLOADS_RETRY_MS = 5000,
    UPLOADS_RETRY_MAX_MS =
        600000, /* where the day's bytes are used up: its operator may raise them */
    UPLOADS_HOUR_COUNT = 24,
    UPLOADS_HOUR_MS = 3600000,
};

enum upload_state {
    UPLOAD_OPENING, /* its folder is being made */
    UPLOAD_OPEN,    /* takes chunks */
    UPLOAD_SEALING, /* all are there; the folder is being made durable */
    UPLOAD_COMPLETE,
    UPLOAD_ACCEPTED, /* an envelope that names it is in the journal, or about to be */
    UPLOAD_ERASING,  /* given up */
};

struct upload {
    struct upload *next;
    uint8_t root[32];
    char unit[LIMIT_SLUG_LEN_MAX + 1];
    enum upload_state state;
    uint64_t stream_len;
    uint32_t chunk_count, present_count;
    uint32_t busy; /* tasks of it at the disk */
    uint64_t touched_ms;
    uint64_t accepted_index; /* of the record that accepted it */
    struct buf leaves;
    uint8_t present[CHUNKS_PRESENT_LEN];
};

struct uploads;

/* bytes_max: of one unit, not yet accepted; day_bytes_max: with what was accepted within a day.
 * hash_key seeds the table of roots. E_NO_MEMORY. */
int uploads_new(uint64_t bytes_max, uint64_t day_bytes_max, uint64_t keep_ms,
                const uint8_t hash_key[16], struct uploads **ret_uploads,
                struct error *ret_error) MUST_USE;
void uploads_free(struct uploads *uploads);

/* NULL: none. */
struct upload *uploads_find(const struct uploads *uploads, const uint8_t root[32]);
/* A new one, UPLOAD_OPENING, with its room reserved. leaves are copied and were checked. E_QUOTA:
 * the unit has no room now, or has had its bytes of the day; E_BUSY: too many begun: wait in all
 * cases. */
int uploads_add(struct uploads *uploads, const char *unit, const uint8_t root[32],
                uint64_t stream_len, struct bytes leaves, uint64_t now_ms,
                struct upload **ret_upload, struct error *ret_error) MUST_USE;
/* How long a unit should wait that was refused with E_QUOTA. */
uint32_t uploads_wait_ms(const struct uploads *uploads, const char *unit, uint64_t stream_len,
                         uint64_t now_ms);
/* An envelope of the unit that names so many bytes is in the journal since then. */
void uploads_accepted(struct uploads *uploads, const char *unit, uint64_t bytes, uint64_t time_ms);
/* Of the last day. */
uint64_t uploads_day_bytes(const struct uploads *uploads, const char *unit, uint64_t now_ms);
/* Gives its room back and frees it. */
void uploads_remove(struct uploads *uploads, struct upload *upload);

/* In no order; NULL: the first, or none. */
struct upload *uploads_next(const struct uploads *uploads, const struct upload *after);
/* Chunk n is on the disk. True: it was the last one missing. */
bool uploads_stored(struct upload *upload, uint32_t number, uint64_t now_ms);
/* One that nobody continued, that is at no work and not accepted; NULL: none. Its state becomes
 * UPLOAD_ERASING. */
struct upload *uploads_expired(struct uploads *uploads, uint64_t now_ms);

struct uploads_stats {
    uint64_t count, bytes; /* reserved, of all units */
};
struct uploads_stats uploads_stats(const struct uploads *uploads);
uint64_t uploads_unit_bytes(const struct uploads *uploads, const char *unit);

#endif
