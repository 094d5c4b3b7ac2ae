/* lifecycle: what may follow what on a leg: lifecycle.def as a function.
 *
 * A leg is what one unit owes for one message that it must sign for: the message's kind makes legs
 * (plan_kind_makes_legs) and the recipient's act is sign. Copies, the originator and the office
 * have no leg. An act is an envelope whose kind has `act` set: receipt.signed, receipt.accepted,
 * ... A transfer gives the leg to another unit: the new leg stands on the transfer's message and is
 * about the kind that the old one was about.
 *
 *     submitted -> delivered -> signed -> accepted -> progress* -> closed
 *                                  |-> returned, transferred (end the leg)
 *
 * The rest of it is the table; docs/lifecycle.en.svg is its picture. A kind that expects only some
 * acts (alerts: sign) ends its legs with the last one it expects; acts it does not expect are out
 * of order, except progress, which anybody who accepted may send. Pure, no allocation,
 * thread-safe. */
#ifndef PROTO_PLAN_LIFECYCLE_H
#define PROTO_PLAN_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"
#include "proto/plan/plan.h"

/* Numbers are kept in the broker's state: never renumber. */
enum lifecycle_state {
#define STATE(name, number, ...) LIFECYCLE_##name = (number),
#include "proto/plan/lifecycle.def"
    LIFECYCLE_STATE_COUNT,
};

/* The acting unit with respect to the leg: the unit whose leg it is; who sent the message that the
 * leg is about; a unit that had a copy; the joint-conference office; the machine; nobody on the
 * thread. */
enum lifecycle_role {
#define ROLE(name, ...) LIFECYCLE_ROLE_##name,
#include "proto/plan/lifecycle.def"
    LIFECYCLE_ROLE_COUNT,
};
#define LIFECYCLE_ROLE_BIT(role) (1u << (role))

enum lifecycle_fact_number {
#define FACT(name, ...) LIFECYCLE_FACT_NUMBER_##name,
#include "proto/plan/lifecycle.def"
    LIFECYCLE_FACT_COUNT,
};
/* What the table may ask beyond state, act and role. The first ten are the kind's own and added
 * by lifecycle_next; those that an act's topic means come from lifecycle_topic_facts. The caller
 * finds out the rest: BOUND: the thread is about a case of child trafficking and the leg is of who
 * opened it; FREE: no release is needed, or it was given; ASKED: the parent is a request for a
 * release that nobody has answered; WAITED: for as long as the plan's clock `release` says;
 * IN_TIME: the leg ended at most LIFECYCLE_OBJECTION_DAYS working days ago; TAKEN: some leg about
 * the same message was accepted, and this one is not over; RUNS,
 * EXTENDABLE, EXTENDED, PAUSED, DATED: of the leg's clocks; OTHER: `other` of the header names
 * another thread that the acting unit is on; JOINABLE: where it has an open leg. */
enum lifecycle_fact {
#define FACT(name, ...) LIFECYCLE_FACT_##name = 1u << LIFECYCLE_FACT_NUMBER_##name,
#include "proto/plan/lifecycle.def"
};

enum lifecycle_effect {
    LIFECYCLE_EFFECT_TELLS = 1, /* counts as delivered from now on if it was not */
    LIFECYCLE_EFFECT_ENDS = 2,
    LIFECYCLE_EFFECT_RESUMES = 4, /* it is owed again */
    LIFECYCLE_EFFECT_BINDS = 8,   /* the thread: BOUND from now on */
    LIFECYCLE_EFFECT_JOINS = 16,  /* what binds this thread binds the other one too */
    LIFECYCLE_EFFECT_MOVES = 32,  /* the target has the leg from now on */
    LIFECYCLE_EFFECT_ASKS = 64,   /* the originator, and in the end the office, owes an answer */
    LIFECYCLE_EFFECT_ANSWERS = 128,
    LIFECYCLE_EFFECT_GIVES = 256, /* the answer is yes */
    LIFECYCLE_EFFECT_LINKS = 512,
    LIFECYCLE_EFFECT_EXTENDS = 1024,   /* the term to close */
    LIFECYCLE_EFFECT_PAUSES = 2048,    /* the leg's clocks */
    LIFECYCLE_EFFECT_CONTINUES = 4096, /* with what was left of them */
    LIFECYCLE_EFFECT_LISTS = 8192,     /* the thread is under supervision */
    LIFECYCLE_EFFECT_UNLISTS = 16384,  /* and no more */
};

struct lifecycle_step {
    enum lifecycle_state next; /* may equal the old state: a repeated progress, an urge */
    uint32_t effects;
};

struct lifecycle_query {
    const struct plan_kind *kind; /* of the message that the leg is about */
    enum lifecycle_state state;
    enum plan_act act;
    uint32_t roles; /* LIFECYCLE_ROLE_BIT()s: all that the acting unit is */
    uint32_t facts; /* enum lifecycle_fact; those of the kind are added */
};

/* Errors, ret_step untouched: E_LIFECYCLE_ROLE: none of these roles may ever do that act;
 * E_LIFECYCLE_ORDER: not in this state, or the kind does not expect it; else the code of the fact
 * that is in the way. */
int lifecycle_next(const struct lifecycle_query *query, struct lifecycle_step *ret_step,
                   struct error *ret_error) MUST_USE;

/* An act is a person's, apart from what the machines do: the header of a kind that acts names the
 * officer by a code that only the unit resolves. Held by the sending end, the broker and every
 * receiving end. Error: E_MISSING_FIELD with field "officer". */
int lifecycle_check_officer(const struct plan_kind *kind, const char *officer,
                            struct error *ret_error) MUST_USE;

/* May a message of this kind and topic open a thread? Acts follow something, but that a street is
 * put under supervision, or a report that nobody asked for, is a
 * thread of its own; an alert is issued first, and revised and widened on its thread. Held by the
 * sending end and the broker. Error: E_LIFECYCLE_ORDER with field "parent". */
int lifecycle_check_opening(const struct plan_kind *kind, const char *topic,
                            struct error *ret_error) MUST_USE;

/* May a message of this kind and topic refer to one of kind `parent`? What revises or widens an
 * alert refers to an alert. Held by the sending end and the broker. Error: E_LIFECYCLE_ORDER with
 * field "parent". */
int lifecycle_check_parent(const struct plan_kind *kind, const char *topic,
                           const struct plan_kind *parent, struct error *ret_error) MUST_USE;

/* May `kind` be closed with this outcome, the topic of the message `closing` (of any act: others
 * than closing pass)? An empty outcome passes: whether one is required is the closing kind's own
 * matter. Held by the sending end, the broker and who is answered. Error: E_TOPIC_UNKNOWN with
 * field "topic" and the outcomes that may be. */
int lifecycle_check_outcome(const struct plan_kind *kind, const struct plan_kind *closing,
                            const char *outcome, struct error *ret_error) MUST_USE;

uint32_t lifecycle_kind_facts(const struct plan_kind *kind);
/* topic NULL or empty: none. */
uint32_t lifecycle_topic_facts(enum plan_act act, const char *topic);
/* In order also where there is no leg that it could be about. */
bool lifecycle_act_is_note(enum plan_act act);
/* Some row lets the leg's own unit do it. */
bool lifecycle_act_of_leg(enum plan_act act);
/* About the leg that its parent acted on, where it did, ahead of the unit's own for the parent:
 * what is nobody's own act, and what is handed in again. */
bool lifecycle_act_of_parent(enum plan_act act);
/* An act on every leg of the thread that it fits, of which one must; else on one leg. */
bool lifecycle_act_on_thread(enum plan_act act);

/* Another unit (`target`, "" or NULL: none) and another thread (`other`: one is named) stand in the
 * header of acts that are about them and of kinds whose routes lead to the one named, and nowhere
 * else. Held by the sending end, the broker and
 * every receiving end. Errors: E_TARGET_NOT_ALLOWED, E_OTHER_THREAD: it is missing; E_BAD_VALUE:
 * none belongs there. */
int lifecycle_check_named(const struct plan_kind *kind, const char *topic, const char *target,
                          bool other, struct error *ret_error) MUST_USE;

enum { LIFECYCLE_OBJECTION_DAYS = 5 };

/* Nothing more is owed on this leg: it has ended, or the last act that the kind expects is done. */
bool lifecycle_leg_done(const struct plan_kind *kind, enum lifecycle_state state);

/* The next act that this leg owes: sign, accept or close; none when it is done. */
enum plan_act lifecycle_owed(const struct plan_kind *kind, enum lifecycle_state state);

/* One row of the table, for drawing and for tests. */
struct lifecycle_row {
    uint32_t states; /* bits 1 << enum lifecycle_state */
    enum plan_act act;
    uint32_t roles;
    int next; /* enum lifecycle_state, or LIFECYCLE_SAME */
    uint32_t effects;
    uint32_t needs, bars; /* enum lifecycle_fact */
};
enum { LIFECYCLE_SAME = -1 };
const struct lifecycle_row *lifecycle_rows(size_t *ret_count);

/* A thread as its legs have it. Closed when every leg is done; the primary's leg decides the
 * outcome: a thread whose youngest primary leg was returned stays open until somebody else signs as
 * primary of a new message. */
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
const char *lifecycle_fact_name(enum lifecycle_fact_number fact);  /* "BOUND" */
const char *lifecycle_fact_text(enum lifecycle_fact_number fact, enum lang lang);
int lifecycle_fact_code(enum lifecycle_fact_number fact); /* the refusal where it is in the way */
const char *lifecycle_role_name(enum lifecycle_role role);
const char *lifecycle_role_text(enum lifecycle_role role,
                                enum lang lang); /* "抄送单位", "a unit that has a copy" */

#endif
