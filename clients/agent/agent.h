/* agent: one unit's daemon: a handle of libleadbus, the plan in force, and a local HTTP API.
 *
 * One thread: an event loop around leadbus_fd, libmicrohttpd's epoll descriptor and a signalfd.
 * Everything durable is in the library's store; what is here may be lost at any time. */
#ifndef CLIENTS_AGENT_AGENT_H
#define CLIENTS_AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "clients/lib/include/leadbus.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/payload/payload.h"
#include "proto/plan/plan.h"

struct http;         /* http.h */
struct files_look;   /* files.c */
struct files_intake; /* files.h */
struct duty;         /* duty.c */

/* Counters for /metrics. */
struct agent_counts {
    uint64_t requests;
    uint64_t responses[6]; /* by first digit of the status */
    uint64_t submitted;
    uint64_t payload_refused;            /* sections that did not pass, ours or a peer's */
    uint64_t files_taken, files_refused; /* refused: of peers, that is */
};

struct agent {
    leadbus *lb;
    struct plan *plan; /* of the bundle in force */
    uint64_t plan_bundle;
    char unit[64];
    uint64_t started_ms;
    uint64_t idle_ms_max; /* longest long-poll */
    struct agent_counts counts;
    struct http *http;
    size_t files_bytes;            /* of files that are collected to be looked into */
    struct files_look *look;       /* at what came */
    struct files_intake *outgoing; /* is being looked into */
    struct duty *duty;             /* the roster, and what is told again */
    unsigned downloads;            /* files on their way out, each with a chunk in memory */
    unsigned changes;              /* leadbus_change bits since the loop last looked */
    uint64_t alarm_ms, trouble_ms; /* what of the library's troubles is in the log already */
    uint64_t sweep_ms;             /* UTC: when files of victims are looked for that are to go */
    uint64_t sweep_look_ms;        /* monotonic: when to look again whether it is that late */
    uint64_t lonely_look_ms;       /* monotonic: when to look again for a connection */
    bool lonely;                   /* there was none the last time */
};

/* UTC ms, and ms of the monotonic clock. */
uint64_t agent_now_ms(void);
uint64_t agent_monotonic_ms(void);

/* Parses the plan of the library's bundle if another one is in force. On failure the old plan
 * stays. */
int agent_plan_refresh(struct agent *agent, struct error *ret_error) MUST_USE;

/* Is it a bundle by its form? Signatures are the library's business. */
bool agent_is_bundle(struct bytes encoded);

/* The end of the day that a section states as due_on, UTC ms; 0: it states none. */
uint64_t agent_due_ms(const struct payload_report *report);

/* The library's callback: does a section fit the kind's schema? ctx is the agent. */
int agent_check_section(void *ctx, const struct leadbus_marks *marks, const char *section,
                        const void *data, size_t len, struct leadbus_error *ret_error);

/* An error of ours as the library takes it from its callbacks. ret_error may be NULL. */
void agent_fill_error(const struct error *error, struct leadbus_error *ret_error);
/* The library's error as ours, for problem details. */
int agent_error(const struct leadbus_error *from, struct error *ret_error);

#endif
