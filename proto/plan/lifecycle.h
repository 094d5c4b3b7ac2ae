/* lifecycle: what may follow what on a leg. One table (state x act x role), from which a picture
 * can be drawn.
 *
 * A leg is what one unit owes for one message that it must sign for: the message's kind makes legs
 * (plan_kind_makes_legs) and the recipient's act is sign. Copies, the originator and the office
 * have no leg. An act is an envelope whose kind has `act` set: receipt.signed, receipt.accepted,
 * ... sent by the leg's unit with the leg's message as parent. supervision.urge and a stand-down
 * (alert cancel) act on the whole thread: ask for every leg, skip those that refuse with
 * E_LIFECYCLE_ORDER (a stand-down moves legs of alerts only).
 *
 *     submitted -> delivered -> signed -> accepted -> progress* -> closed
 *                                  |-> returned (ends the leg; re-routing is a new message)
 *
 * Signing implies delivery (a file link may bring the receipt first). A kind that expects only some
 * acts (alerts: sign) ends its legs with the last one it expects; acts it does not expect are out
 * of order, except progress, which anybody who accepted may send. Pure, no allocation, thread-safe.
 */
#ifndef PROTO_PLAN_LIFECYCLE_H
#define PROTO_PLAN_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/plan/plan.h"

/* Numbers are kept in the broker's state: never renumber. */
enum lifecycle_state {
    LIFECYCLE_SUBMITTED = 0,
    LIFECYCLE_DELIVERED = 1,
    LIFECYCLE_SIGNED = 2,
    LIFECYCLE_ACCEPTED = 3,
    LIFECYCLE_RETURNED = 4,
    LIFECYCLE_PROGRESS = 5,
    LIFECYCLE_CLOSED = 6,
    LIFECYCLE_STOOD_DOWN = 7,
    LIFECYCLE_STATE_COUNT = 8,
};

/* The acting unit with respect to the leg. */
enum lifecycle_role {
    LIFECYCLE_ROLE_LEG = 0,    /* the unit that must sign: primary or not */
    LIFECYCLE_ROLE_ORIGINATOR, /* sent the message */
    LIFECYCLE_ROLE_COPY,
    LIFECYCLE_ROLE_OFFICE, /* the joint-conference office, whatever else it is */
    LIFECYCLE_ROLE_BUS,    /* the machine: delivery */
    LIFECYCLE_ROLE_NONE,   /* not on the thread */
    LIFECYCLE_ROLE_COUNT,
};

enum lifecycle_effect {
    LIFECYCLE_EFFECT_DELIVERED = 1, /* counts as delivered from now on if it was not */
    LIFECYCLE_EFFECT_ENDS_LEG = 2,
};

struct lifecycle_step {
    enum lifecycle_state next; /* may equal the old state: a repeated progress, an urge */
    uint32_t effects;
};

/* `kind` is the kind of the message that made the leg. Errors, ret_step untouched:
 * E_LIFECYCLE_ROLE: this role may never do that act; E_LIFECYCLE_ORDER: not in this state, or the
 * kind does not expect it; E_RETURN_NOT_ALLOWED: the kind may not be returned (immediate, or last
 * resort): pass it on or handle it. */
int lifecycle_next(const struct plan_kind *kind, enum lifecycle_state state, enum plan_act act,
                   enum lifecycle_role role, struct lifecycle_step *ret_step,
                   struct error *ret_error) MUST_USE;

/* An act is a person's, apart from what the machines do: the header of a kind that acts names the
 * officer by a code that only the unit resolves. Held by the sending end, the broker and every
 * receiving end. Error: E_MISSING_FIELD with field "officer". */
int lifecycle_check_officer(const struct plan_kind *kind, const char *officer,
                            struct error *ret_error) MUST_USE;

/* May `kind` be closed with this outcome, the topic of the message `closing` (of any act: others
 * than closing pass)? An empty outcome passes: whether one is required is the closing kind's own
 * matter. Held by the sending end, the broker and who is answered. Error: E_TOPIC_UNKNOWN with
 * field "topic" and the outcomes that may be. */
int lifecycle_check_outcome(const struct plan_kind *kind, const struct plan_kind *closing,
                            const char *outcome, struct error *ret_error) MUST_USE;

/* Nothing more is owed on this leg: closed, returned, stood down, or the last act that the kind
 * expects is done. */
bool lifecycle_leg_done(const struct plan_kind *kind, enum lifecycle_state state);

/* The next act that this leg owes: sign, accept or close; none when it is done. */
enum plan_act lifecycle_owed(const struct plan_kind *kind, enum lifecycle_state state);

/* One row of the table, for drawing and for the documents. `role` bits are 1 << enum
 * lifecycle_role. */
struct lifecycle_row {
    enum lifecycle_state state;
    enum plan_act act;
    uint32_t roles;
    enum lifecycle_state next;
    uint32_t effects;
    uint32_t wants;   /* PLAN_ACT_BIT()s, one of which the kind must expect; 0: any kind */
    uint32_t forbids; /* PLAN_ACT_BIT()s that the kind must not expect (a step that may be skipped
                         only then) */
};
const struct lifecycle_row *lifecycle_rows(size_t *ret_count);

/* A thread as its legs have it. Closed when every leg is done; the primary's leg decides the
 * outcome: a thread whose primary leg was returned stays open until somebody else signs as primary
 * of a new message. */
struct lifecycle_leg {
    const struct plan_kind *kind;
    enum lifecycle_state state;
    bool primary;
};
enum lifecycle_thread {
    LIFECYCLE_THREAD_NONE, /* no legs: a bulletin's or a receipt's thread */
    LIFECYCLE_THREAD_OPEN,
    LIFECYCLE_THREAD_CLOSED,
};
enum lifecycle_thread lifecycle_thread(const struct lifecycle_leg *legs, size_t count);

const char *lifecycle_state_name(enum lifecycle_state state); /* "signed" */
const char *lifecycle_state_text(enum lifecycle_state state,
                                 enum lang lang);                  /* "已签收", "signed for" */
const char *lifecycle_act_text(enum plan_act act, enum lang lang); /* "签收", "sign for" */
const char *lifecycle_role_name(enum lifecycle_role role);
const char *lifecycle_role_text(enum lifecycle_role role,
                                enum lang lang); /* "抄送单位", "a unit that has a copy" */

#endif
