/* ends: the two ends of a load, each a whole unit with its own keys, store and CURVE connection:
 * one sender in this process, the receivers in a process of their own; of these the first are the
 * recipients of every lead, the others are connected and get nothing. What both know stands in
 * shared memory. Anything that goes wrong ends the program with its words. */
#ifndef TESTS_BENCH_ENDS_H
#define TESTS_BENCH_ENDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clients/lib/include/leadbus.h"
#include "proto/base/limits.h"

enum {
    ENDS_RECEIVERS = 6, /* the usual load: each of them a recipient */
    ENDS_BODY_LEN = 1536,
    ENDS_RECEIVERS_MAX = LIMIT_UNIT_COUNT_MAX - 1,
    ENDS_RECIPIENTS_MAX = 64, /* as many as a clause names in one half of its brackets */
    ENDS_BODY_LEN_MAX = LIMIT_PLAINTEXT_BYTES_MAX,
    ENDS_DEADLINE_S = 120
};
#define ENDS_USUAL                                                                                 \
    {                                                                                              \
        .receivers = ENDS_RECEIVERS, .recipients = ENDS_RECEIVERS, .body_len = ENDS_BODY_LEN       \
    }

/* Who comes first on the cores that all share here. In a district the receivers' work runs on the
 * departments' own machines: TURN_YIELD gives them what sender and broker leave over (SCHED_IDLE),
 * TURN_EQUAL lets them compete. Both do all of the work. */
enum ends_turn { ENDS_TURN_YIELD, ENDS_TURN_EQUAL };

/* Shared between the processes; times are of measure_now_ns. */
struct ends_shared {
    _Atomic int ready; /* receivers that are connected */
    _Atomic int stop;
    _Atomic uint64_t received[ENDS_RECIPIENTS_MAX], twice[ENDS_RECIPIENTS_MAX];
    size_t lead_count;
    uint64_t times[]; /* submitted[n], receipted[n], delivered[recipients][n] */
};

struct ends {
    const char *folder; /* keyrings NAME.keyring, key, root.note, bundle; stores NAME.db are made */
    const char *endpoint; /* of the broker */
    size_t receivers, recipients, body_len;
    uint8_t run; /* ids of another run are other leads' */
    int told[2]; /* a pipe, while there are receivers: what they have is news */
    struct ends_shared *shared;
};

/* Another run: its number goes up, its memory is empty. Unmapped by ends_finish. */
void ends_start(struct ends *ends, size_t lead_count);
void ends_finish(struct ends *ends);

uint64_t *ends_submitted_ns(const struct ends *ends, size_t lead);
uint64_t *ends_receipted_ns(const struct ends *ends, size_t lead);
uint64_t *ends_delivered_ns(const struct ends *ends, size_t receiver, size_t lead);
uint64_t ends_received(const struct ends *ends); /* by all recipients together */
uint64_t ends_taken_twice(const struct ends *ends);

struct ends_sender;
struct ends_sender *ends_sender_open(struct ends *ends);
void ends_sender_close(struct ends_sender *sender);
/* Sends all leads, `window` of them unreceipted at most; returns when all are receipted. */
void ends_send(struct ends_sender *sender, size_t window);
/* Processes what comes for the sender, for at most timeout_ms. */
void ends_sender_wait(struct ends_sender *sender, int timeout_ms);

/* Forks the receivers; they stop when shared->stop is set, and die with this process. */
pid_t ends_receivers_start(struct ends *ends, enum ends_turn turn);
void ends_receivers_stop(struct ends *ends, pid_t receivers);
/* Ends the program when the receivers have ended. */
void ends_receivers_check(pid_t receivers);
/* Waits until a receiver is connected, or a recipient has another part of the leads or all of them:
 * some of these are told at once. False: nothing for timeout_ms. Ends the program when the
 * receivers have ended. */
bool ends_receivers_wait(const struct ends *ends, int timeout_ms);

#endif
