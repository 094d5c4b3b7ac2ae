/* counters: figures of the shell that several threads add to; outside the state, lost at a restart.
 * Relaxed atomics: each is exact, a set read together is not one instant. */
#ifndef BROKER_SHELL_COUNTERS_H
#define BROKER_SHELL_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum { COUNTERS_CODE_MAX = 1000 };

struct counters {
    _Atomic uint64_t frames_in, bytes_in, frames_out, bytes_out;
    _Atomic uint64_t dropped_unauthenticated; /* no User-Id */
    _Atomic uint64_t dropped_frame_count;     /* not exactly one frame */
    _Atomic uint64_t dropped_routing_id;      /* a routing id of the peer's own making, too long */
    _Atomic uint64_t dropped_slow;            /* to a peer that doesn't read */
    _Atomic uint64_t handshakes_refused;
    _Atomic uint64_t chunks_in, chunks_out, uploads_erased;
    _Atomic uint64_t accepted, receipts, deliveries, acknowledged;
    _Atomic uint64_t connections;
    _Atomic uint64_t refused[COUNTERS_CODE_MAX]; /* by positive number of errors.def */
};

static inline void counters_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}
static inline uint64_t counters_get(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}
static inline void counters_refused(struct counters *counters, int code)
{
    if (code < 0 && -code < COUNTERS_CODE_MAX) counters_add(&counters->refused[-code], 1);
}

#endif
