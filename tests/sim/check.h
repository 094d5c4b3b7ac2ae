/* check: the checkers, a file for each kind of promise. They judge by the history and by what is in
 * the journal, the inboxes and the outboxes at the end; where they compute something they do it on
 * their own account.
 *
 * - I1 receipts: what was receipted, acknowledged or signed stands in the journal where it was
 * said.
 * - I2 once: every lead once in every recipient's inbox, none that was not sent, in order.
 * - I3 sums: accepted = delivered + waiting + expired + undeliverable + withdrawn, all the time.
 * - I4 secret: nothing that people wrote can be read on any disk.
 * - I5 route: recipients are those of the plan, computed from the journal alone.
 * - I6 heads: one root for each size, whoever is told (history.c).
 * - I7 replay: the shipped audit decides every record again and comes to the broker's digest.
 * - I8 honest: only what a unit sealed and sent is accepted: nothing forged, stale or replayed.
 * - I9: hostile bytes: any failed CHECK ends the run.
 * - I10 bounds: frames are within their size. Deliveries in flight are not looked at.
 * - I11 exempt: no immediate lead or mandatory report is refused for the reasons it names
 *   (history.c).
 * - fencing: a second broker is turned away (bus.c).
 * - custody: at most one custodian at a time, who took the person over.
 * - time: no record is ahead of the world's time, whatever clocks said.
 * - drain: once everything is mended nothing waits; nothing that was taken is forgotten. */
#ifndef TESTS_SIM_CHECK_H
#define TESTS_SIM_CHECK_H

#include "broker/core/core.h"
#include "clients/replay/audit.h"
#include "tests/sim/town.h"

/* While it runs: what can be seen of the broker at any moment. */
void check_now(struct town *town);
/* Nobody has anything to send or to take any more. */
bool check_drained(struct town *town);
/* Fails the run where somebody still has. */
void check_waiting(struct town *town);
/* After the broker was stopped. */
void check_end(struct town *town);

/* The journal, decoded. */
struct fact {
    struct bytes bytes;
    uint64_t time_ms;
    const Leadbus__Record *record;
    const struct envelope *envelope; /* NULL: no accepted envelope */
};
struct facts {
    struct town *town;
    struct fact *records;
    size_t count;
    uint8_t (*roots)[32]; /* of the tree of each size, from 0 */
    struct map index_of;  /* H -> place */
    struct arena arena;
    struct buf journal;      /* the file's bytes */
    const struct core *core; /* as the audit folded it; NULL before */
};
/* False: it cannot be read, and the run has failed. */
bool facts_load(struct town *town, struct facts *facts);
void facts_fini(struct facts *facts);
/* The place of an envelope in the journal; UINT64_MAX: it is not there. */
uint64_t facts_find(const struct facts *facts, const uint8_t hash[32]);
/* Number of the unit; SIZE_MAX: of none that is here. */
size_t facts_unit(const struct facts *facts, const char *key);

void check_receipts(const struct facts *facts);
void check_once(const struct facts *facts);
void check_route(const struct facts *facts);
void check_honest(const struct facts *facts);
void check_secret(const struct facts *facts);
void check_time(const struct facts *facts);
/* Sets core of the facts, for those that come after. */
void check_replay(struct facts *facts, struct audit **ret_audit);
void check_custody(struct town *town, const struct core *core, const struct envelope *envelope,
                   uint64_t time_ms);
/* After check_replay. */
void check_acked(const struct facts *facts);

#endif
