/* harness: what the drivers of all brokers share, so that each does the same work: one producer
 * (this process), one process with six durable consumers, bodies of HARNESS_BODY_LEN bytes with
 * their number and the time of sending in front, everything counted at each consumer, lost or
 * doubled included.
 *
 * A driver defines `rival`; main is the harness's. A message is confirmed when the broker said that
 * it has it, and delivered when a consumer has it and is about to acknowledge it. What goes wrong
 * ends the program with its words. */
#ifndef TESTS_BENCH_RIVALS_HARNESS_H
#define TESTS_BENCH_RIVALS_HARNESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { HARNESS_CONSUMERS = 6, HARNESS_BODY_LEN = 1536 };

struct harness;

struct rival {
    const char *name;
    void (*ping)(struct harness *harness); /* returns when the broker answers its protocol */
    void (*setup)(
        struct harness *harness); /* six durable consumers, with nothing waiting for them */
    /* One consumer, on a thread of its own; calls harness_ready once it would be delivered to.
     * Never returns: its process is ended. */
    void (*consume)(struct harness *harness, size_t consumer);
    void (*publish)(struct harness *harness); /* all of them; returns when all are confirmed */
};
extern const struct rival rival;

/* What producer and consumers share. */
struct harness_shared {
    _Atomic int ready;
    _Atomic uint64_t received[HARNESS_CONSUMERS], twice[HARNESS_CONSUMERS];
    _Atomic uint64_t last_ns[HARNESS_CONSUMERS];
    uint64_t delivery_ns[]; /* [count]: from sending to the first consumer */
};

struct harness {
    int port;
    const char *ca;      /* certificate of the broker, "" where the protocol brings its own */
    const char *variant; /* the driver's own */
    size_t count, window;
    struct harness_shared *shared;
    uint8_t *seen[HARNESS_CONSUMERS]; /* of the consumers' process */
    uint8_t body[HARNESS_BODY_LEN];
    uint64_t *sent_ns, *confirm_ns; /* confirm_ns: from sending to the confirmation */
    uint64_t began_ns;
    _Atomic size_t confirmed;
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    size_t in_flight; /* under mutex */
};

_Noreturn void harness_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void harness_pause_ms(unsigned ms); /* between two tries of a ping */

/* The producer: connected, the first message is next. */
void harness_begin(struct harness *harness);
/* Writes number and time into harness->body; it is sent now. */
void harness_stamp(struct harness *harness, size_t message);
void harness_confirmed(struct harness *harness, size_t message);
/* For clients whose confirmations come on another thread: waits for room in the window; makes room;
 * waits until all is confirmed. */
void harness_window_take(struct harness *harness);
void harness_window_free(struct harness *harness);
void harness_window_drain(struct harness *harness);

void harness_ready(struct harness *harness);
void harness_delivered(struct harness *harness, size_t consumer, const void *body, size_t len);

#endif
