/* history: everything that was said and promised in a run, by whom, when; not what anybody's state
 * says of it. Frames are looked at as they are put on the wire. What is wrong by itself at that
 * moment fails the run at once; the rest is held against the end (check.h).
 *
 * All of it goes into one digest: two runs of a seed and a build have the same, or the run was not
 * one of that seed alone. */
#ifndef TESTS_SIM_HISTORY_H
#define TESTS_SIM_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/map.h"

struct history;
struct town;

/* An envelope that was put on the wire. */
struct history_sent {
    uint8_t hash[32], id[16];
    size_t unit; /* whose connection */
    uint64_t first_ms;
    const char *wrong; /* why no broker may ever take it; NULL: nothing is wrong with it */
};
/* The broker said: it stands in the journal. */
struct history_receipt {
    uint8_t hash[32];
    size_t unit;
    uint64_t index, at_ms;
};
/* The broker signed: so many records, that root. */
struct history_head {
    uint64_t size, at_ms;
    uint8_t root[32];
};
/* The broker said: the unit's acknowledgement up to there is in the journal. */
struct history_acked {
    size_t unit;
    unsigned lane;
    uint64_t position;
};
/* A unit's library said: it is durable, and will be sent. */
struct history_submitted {
    uint8_t id[16];
    size_t unit;
    uint64_t at_ms, disk; /* which of the unit's disks has it */
    bool exempt;
};
/* A unit said to the broker: I have everything of the lane up to there. */
struct history_took {
    size_t unit;
    unsigned lane;
    uint64_t position, serial;
};

struct history *history_new(struct town *town, bool loud);
void history_free(struct history *history);

void history_frame(void *ctx, size_t unit, bool to_broker, struct bytes frame);
void history_submit(struct history *history, size_t unit, const uint8_t id[16], bool exempt);
/* No broker may take an envelope of this hash. why: static. */
void history_wrong(struct history *history, const uint8_t hash[32], const char *why);
void history_note(struct history *history, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A checker found something. The first is kept. */
void history_fail(struct history *history, const char *checker, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct history_failure {
    bool failed;
    char checker[32], what[512];
    uint64_t at_ms, step;
};
const struct history_failure *history_failure(const struct history *history);
static inline bool history_failed(const struct history *history)
{
    return history_failure(history)->failed;
}
void history_digest(const struct history *history, uint8_t ret_digest[32]);

/* Growing arrays, in the order of their happening. */
struct history_lists {
    struct history_sent *sent;
    struct history_receipt *receipts;
    struct history_head *heads;
    struct history_acked *acked;
    struct history_submitted *submitted;
    struct history_took *took;
    size_t sent_count, receipt_count, head_count, acked_count, submitted_count, took_count;
    uint64_t refusals, deliveries, duplicate_receipts;
};
const struct history_lists *history_lists(const struct history *history);
/* NULL: never put on the wire. */
const struct history_sent *history_find(const struct history *history, const uint8_t hash[32]);

#endif
