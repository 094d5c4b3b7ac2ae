/* wire: the network of a run, in the place of ZeroMQ. It stands where the shipped
 * broker/shell/net.c, zap.c and clients/lib/io.c would, behind the same headers, and adds what
 * networks do: frames are late, lost, doubled and out of order, connections break with what is on
 * its way, a unit is cut off, a machine falls silent.
 *
 * A connection is let in as the ZAP handler would: by the transport key of a certificate that the
 * broker's directory has, valid and not revoked. Everything is drawn from one stream of the seed.
 */
#ifndef TESTS_SIM_WIRE_H
#define TESTS_SIM_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "tests/sim/fiber.h"

struct wire_weather {
    uint64_t delay_least_ms, delay_most_ms;
    uint64_t lost, doubled, overtaking, breaking; /* of a million frames */
};

/* Every frame that is put on the wire, before anything happens to it. unit: who connected. */
typedef void (*wire_seen)(void *ctx, size_t unit, bool to_broker, struct bytes frame);

void wire_init(uint64_t seed, const struct machine *broker, size_t unit_count, wire_seen seen,
               void *ctx);
void wire_fini(void);
/* What the weather does to a frame, when it is put on the wire. LATE: by WIRE_LATE_MS or more. */
enum wire_fault { WIRE_LOST, WIRE_DOUBLED, WIRE_OVERTOOK, WIRE_LATE, WIRE_BROKEN };
enum { WIRE_LATE_MS = 100 };
void wire_watch(void (*met)(void *ctx, size_t unit, enum wire_fault fault), void *ctx);
void wire_weather(const struct wire_weather *weather);
/* Nothing passes between the unit and the broker; what is on its way is lost. */
void wire_partition(size_t unit, bool cut);
bool wire_partitioned(size_t unit);
/* All connections break. */
void wire_break_all(void);

/* Hands over what is due. False: nothing was. */
bool wire_step(void);
uint64_t wire_next_ms(void); /* FIBER_NEVER: nothing is on its way */

/* The broker's process is gone: its peers hear of it at once, or (silent) when they miss it. */
void wire_broker_gone(bool silent);
/* Whose io is made from here on. */
void wire_unit(size_t unit);
/* Something came for the unit since this was asked last. */
bool wire_rang(size_t unit);

/* A connection without a client library, for who means no good: by a stolen transport key. */
struct stranger;
struct stranger *stranger_new(size_t unit, const uint8_t transport[32]);
void stranger_free(struct stranger *stranger);
bool stranger_connected(const struct stranger *stranger);
bool stranger_broken(const struct stranger *stranger);
void stranger_say(struct stranger *stranger, struct bytes frame);
bool stranger_hear(struct stranger *stranger, struct buf *ret_frame);

struct wire_counts {
    uint64_t frames, lost, doubled, overtook, connections, broken, turned_away;
};
struct wire_counts wire_counts(void);

#endif
