/* net: the thread that owns the ROUTER socket; no other thread touches it.
 *
 * In: a message is a routing id and exactly one frame of at most LIMIT_FRAME_BYTES_MAX, and the
 * frame carries the User-Id that the ZAP handler gave the connection; anything else is dropped and
 * counted. Out: frames in the order given; a peer whose pipe is full is retried while its backlog
 * is within NET_BACKLOG_BYTES_MAX; past that, or when its connection is gone, the backlog is
 * dropped and the core is told through `gone`: it starts again from what was acknowledged when the
 * agent greets again. Net never waits for the core. */
#ifndef BROKER_SHELL_NET_H
#define BROKER_SHELL_NET_H

#include <stddef.h>
#include <stdint.h>

#include "broker/shell/counters.h"
#include "broker/shell/job.h"
#include "broker/shell/verify.h"
#include "broker/shell/zap.h"
#include "proto/host/queue.h"

enum {
    NET_OUT_COUNT_MAX = 8192,
    NET_BACKLOG_BYTES_MAX = 16 * 1024 * 1024,
    NET_HWM = 1000,
    NET_LINGER_MS = 2000,
    NET_ENDPOINT_COUNT_MAX = 8,
    NET_ENDPOINT_LEN_MAX = 255,
};

struct outgoing {
    struct outgoing *next; /* net's */
    struct peer peer;
    struct buf frame;
};

struct net;

/* Binds nothing yet. server_secret is copied into libzmq. Everything else borrowed until net_stop.
 * The `gone` queue takes malloc'd struct peer, freed by who pops it. E_NETWORK, E_NO_MEMORY. */
int net_open(void *zmq_context, const uint8_t server_secret[static 32], struct zap *zap,
             struct counters *counters, struct queue *gone, struct net **ret_net,
             struct error *ret_error) MUST_USE;
/* Before net_run. ret_bound: what the endpoint became ("*" replaced by the port). E_NETWORK. */
int net_bind(struct net *net, const char *endpoint, char ret_bound[NET_ENDPOINT_LEN_MAX + 1],
             struct error *ret_error) MUST_USE;
/* Rung by the verify pool. */
int net_room_bell(const struct net *net);
/* Starts the thread: from here on the socket is its own. */
int net_run(struct net *net, struct verify *verify, struct error *ret_error) MUST_USE;
/* Takes the frame's memory and keeps it until net_flush. From one thread, that of net_flush. */
void net_send(struct net *net, const struct peer *peer, struct buf *take_frame);
/* Hands everything since the last call to the socket's thread, which is woken once for all of it;
 * waits while NET_OUT_COUNT_MAX are on their way. */
void net_flush(struct net *net);
/* No more reading from the socket; what is inside goes on. From any thread. */
void net_stop_reading(struct net *net);
/* Sends what was given to net_send, waits at most NET_LINGER_MS for the network to take it, ends.
 */
void net_stop(struct net *take_net);

#endif
