/* caller: a raw client for scenarios: CURVE, frames out, frames in, with deadlines. It checks
 * nothing by itself and will say anything that a test makes it say. */
#ifndef TESTS_SCENARIO_CALLER_H
#define TESTS_SCENARIO_CALLER_H

#include "proto/base/arena.h"
#include "proto/schema/wire.pb-c.h"
#include "tests/scenario/town.h"

enum { CALLER_DEADLINE_MS = 10000 };

struct caller {
    void *context, *socket, *monitor;
    const struct keyring *keyring;
    struct arena arena; /* of the last frame received */
    char origin[256];   /* from the Welcome */
    struct {
        uint64_t position;
        uint8_t running[32];
    } lanes[2]; /* of the last delivery */
};

/* Connects with the keyring's transport key; NULL: a random one; server_public NULL: no CURVE. */
void caller_open(struct caller *caller, const struct town *town, const struct keyring *keyring,
                 bool curve);
void caller_close(struct caller *caller);

void caller_send_bytes(struct caller *caller, struct bytes bytes);
void caller_send(struct caller *caller, Leadbus__Frame *frame);
/* The next frame within the deadline, borrowed until the next call; NULL: none came. */
const Leadbus__Frame *caller_receive(struct caller *caller, int deadline_ms);
/* The next frame of this body, others passed over. */
const Leadbus__Frame *caller_expect(struct caller *caller, Leadbus__Frame__BodyCase body);
/* The next must be a refusal; its code as E_*. 0: it was not. */
int caller_expect_refusal(struct caller *caller);

/* HELLO as it should be; the body may be changed by `change` before it is signed. */
void caller_send_hello(struct caller *caller, const struct town *town, uint32_t credit,
                       void (*change)(Leadbus__HelloBody *body, void *ctx), void *ctx);
/* HELLO and the Welcome. False: refused or silent. */
bool caller_greet(struct caller *caller, const struct town *town, uint32_t credit);
void caller_submit(struct caller *caller, struct bytes envelope);
/* Acknowledges what the last delivery in this lane was. */
void caller_ack(struct caller *caller, uint32_t lane);
/* Waits for the end of the handshake: true when it was refused or cut off. */
bool caller_is_refused(struct caller *caller);
/* Waits until a connection that stood was cut. */
bool caller_wait_disconnected(struct caller *caller);

#endif
