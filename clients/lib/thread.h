/* thread: what a unit knows of a lead or case: who is on it, which legs there are and how far each
 * is. A fold over the headers of the messages that the unit sent or got; kept encoded in the box.
 *
 * Participants stand in the order in which they came onto the thread in the journal, as routing
 * needs them; what is still on its way to the journal (index THREAD_PENDING) moves legs but adds no
 * participants. The broker knows more than one unit does: its list, when it sends one, replaces
 * ours.
 *
 * A leg that went through units whose transfers were not sent here is inherited by the one transfer
 * that was. Whether it is the leading one, and who had it first, is said of it where the broker
 * named those units (thread_came_by), or where one leg alone could have led to it. Pure; no I/O,
 * clock or entropy. */
#ifndef CLIENTS_LIB_THREAD_H
#define CLIENTS_LIB_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"
#include "proto/plan/chains.h"
#include "proto/plan/clocks.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/plan.h"
#include "proto/plan/route.h"
#include "proto/schema/envelope.pb-c.h"

#define THREAD_PENDING UINT64_MAX
enum {
    THREAD_NAME_LEN = LIMIT_SLUG_LEN_MAX + 1,
    THREAD_LEG_COUNT_MAX = 4096, /* of others; a unit keeps its own beyond that */
    THREAD_OWN_LEG_COUNT_MAX = 8192,
    THREAD_PATH_COUNT_MAX = 64,
    THREAD_HOLDER_COUNT_MAX = LIMIT_UNIT_COUNT_MAX,
    THREAD_ACT_COUNT_MAX = 4096,
    THREAD_QUESTION_COUNT_MAX = 1024
};

struct thread_participant {
    char unit[THREAD_NAME_LEN];
    uint8_t role;   /* enum route_role */
    uint64_t index; /* of the record that brought it */
};
/* `from` sent the message that the leg is about; a leg that was passed on is about the same one. */
struct thread_leg {
    char unit[THREAD_NAME_LEN], kind[THREAD_NAME_LEN], outcome[THREAD_NAME_LEN];
    char topic[THREAD_NAME_LEN]; /* of the message that it is about */
    char from[THREAD_NAME_LEN];
    char reads_as[THREAD_NAME_LEN]; /* the recipient whose sections it has */
    uint8_t message[16];
    bool primary;
    uint8_t state; /* enum lifecycle_state */
    uint64_t changed_ms;
    struct clocks clocks; /* by record times; of what is still on its way, by this machine's */
};
/* A message that acted: others refer to it, and it acts once though it is folded again when its
 * receipt comes. */
enum { THREAD_ACT_ALL = 0xffff };
struct thread_act {
    uint8_t message[16];
    uint16_t leg; /* THREAD_ACT_ALL: not on one alone */
};
/* An act that waits for somebody's decision: a request for a release, an objection, a return, or a
 * report that was asked for. Kept while it waits; of very many by one unit, the newest. */
struct thread_question {
    uint8_t message[16], parent[16]; /* of the act */
    uint16_t leg;                    /* THREAD_ACT_ALL: not known here */
    uint8_t act;                     /* enum plan_act */
    bool overdue;                    /* the bus has said that nobody answered in time */
    char from[THREAD_NAME_LEN];      /* who asks */
    char topic[THREAD_NAME_LEN];
    char late[THREAD_NAME_LEN];    /* who did not answer in time, as the bus said; "" */
    uint64_t index, at_ms, due_ms; /* due_ms 0: no clock of the plan runs */
};
/* A step of a chain: as far as this unit had the messages. */
struct thread_step {
    char name[THREAD_NAME_LEN]; /* "rescue/handover" */
    uint64_t at_ms;             /* as stated; 0: it has not come */
    uint64_t recorded_ms;       /* its period runs from then */
    bool owed;
    bool moot; /* it was owed, and is needed no more */
};
/* Whose leg about a message it was before it was this unit's: the broker's word. */
struct thread_path {
    uint8_t message[16];
    size_t count;
    char (*holders)[THREAD_NAME_LEN]; /* the recipient first */
};
struct thread {
    uint8_t id[16];
    char kind[THREAD_NAME_LEN], topic[THREAD_NAME_LEN], area[16], from[THREAD_NAME_LEN];
    uint32_t urgency;
    uint64_t opened_ms, message_count;
    uint64_t known_size; /* k: journal size up to which the participants are known */
    struct thread_participant *participants;
    size_t participant_count, participant_cap;
    struct thread_leg *legs;
    size_t leg_count, leg_cap;
    struct thread_act *acts; /* at most THREAD_ACT_COUNT_MAX, the newest */
    size_t act_count, act_cap;
    struct thread_question *questions;
    size_t question_count, question_cap;
    bool bound;     /* a case of child trafficking was opened */
    bool cut;       /* it has more legs than are kept */
    bool listed;    /* under supervision */
    uint8_t raised; /* by a message of that urgency, by which its clocks run; 0: it is not */
    struct thread_step *steps;
    size_t step_count, step_cap;
    struct chains_custody custody;   /* .unit: not used, the key stands beside */
    char custodian[THREAD_NAME_LEN]; /* of CHAINS_UNIT; else empty */
    struct thread_path *paths;       /* at most THREAD_PATH_COUNT_MAX, the newest */
    size_t path_count;
};

void thread_init(struct thread *thread, const uint8_t id[16]);
void thread_fini(struct thread *thread); /* NULL accepted; {0} again */
void thread_encode(const struct thread *thread, struct buf *ret_bytes);
/* Our own bytes: E_BAD_FORM means a damaged store. thread must be fresh from thread_init. */
int thread_decode(struct bytes input, struct thread *thread, struct error *ret_error) MUST_USE;

/* Folds one message in. self: the unit's own key, whose own legs count as delivered. time_ms:
 * record time. Acts that the lifecycle does not allow (seen out of order) change nothing. */
void thread_apply(struct thread *thread, const struct plan *plan, const char *self,
                  const Leadbus__Header *head, uint64_t index, uint64_t time_ms);
/* A message (16 bytes) was passed on to this unit by those, the recipient first. Transfers that are
 * folded from then on go by it. What cannot be so (no names, none, too many) is passed over. */
void thread_came_by(struct thread *thread, const uint8_t *message, char *const *holders,
                    size_t count);
/* Of another fold of the same thread. */
void thread_paths_move(struct thread *thread, struct thread *from);
/* The broker's list of participants as of a journal size, with enum route_role of each. */
void thread_moved(struct thread *thread, char *const *units, const uint32_t *roles, size_t count,
                  uint64_t size);
/* The journal has lost its records from `size` on: what they brought is not known any more. True:
 * there was something. */
bool thread_cut(struct thread *thread, uint64_t size);
/* As route_compute wants them; units that the plan does not have are left out. While nothing of the
 * thread is in the journal: those that its own messages on their way bring, as far as they sign.
 * ret has room for LIMIT_UNIT_COUNT_MAX. */
size_t thread_participants(const struct thread *thread, const struct plan *plan,
                           struct route_participant *ret);
bool thread_has(const struct thread *thread, const char *unit);
/* The unit's leg for a message (16 bytes); NULL: none. Borrowed until the thread changes. */
const struct thread_leg *thread_leg_of(const struct thread *thread, const char *unit,
                                       const uint8_t *message);

/* The one leg that an act (16 bytes: its message) was about; NULL: none alone. Borrowed likewise.
 */
const struct thread_leg *thread_leg_of_act(const struct thread *thread, const uint8_t *message);

/* The bus has said that `unit` did not answer the request of that journal index in time. True: it
 * waits here. */
bool thread_unanswered(struct thread *thread, uint64_t index, const char *unit, uint64_t due_ms);

/* A question and who decides it. */
struct thread_decision {
    const struct thread_question *question;
    const struct thread_leg *leg; /* that it is about; NULL: not known here */
    const char *unit;             /* who decides; "" : not known here */
    bool own;                     /* this unit does */
    bool escalated;               /* as the office, since who was asked did not in time */
};
/* Of each question that waits, i = 0.. until false. Borrowed until the thread changes. */
bool thread_decision(const struct thread *thread, const struct plan *plan, const char *self,
                     size_t i, struct thread_decision *ret);

/* While a leg waits to be signed for: when each step of the ladder inside its unit is due (at once,
 * at half of the term to sign, at three quarters; 0: no term runs). False: it does not wait. */
enum { THREAD_STEP_COUNT = 3 };
bool thread_leg_steps(const struct thread_leg *leg, const struct plan *plan,
                      uint64_t ret_at_ms[THREAD_STEP_COUNT]);

/* Is it of a kind that is told again until it is signed for, and waits for that? An immediate
 * alert; what ends one is not. */
bool thread_leg_repeats(const struct thread_leg *leg, const struct plan *plan);

/* Would this act, a message of kind `acting` with this topic (NULL, "": none), be in order? Errors
 * of lifecycle_next and lifecycle_check_outcome; E_LIFECYCLE_ROLE when the unit has no leg for that
 * message. What the broker alone can know (whether a release was given, how long ago something was)
 * is taken to be in favour. parent: 16 bytes. */
int thread_act_check(const struct thread *thread, const struct plan *plan,
                     const struct plan_kind *acting, const char *topic, const char *self,
                     const uint8_t *parent, struct error *ret_error) MUST_USE;
enum lifecycle_thread thread_status(const struct thread *thread, const struct plan *plan);

#endif
