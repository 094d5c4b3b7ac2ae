/* runner: a unit of the town as real processes, over one store: either scenario_unit, a loop over
 * the library, or leadbus-agent with scenario_unit at its socket as the unit's own system would be.
 * They write what they saw into a pipe; the pipe outlives a kill -9 of them, so what was promised
 * to a sender is known here even where its process no longer is.
 *
 * A unit that sends works towards a goal: leads 1 to goal, each under the idempotency key of its
 * number, 16 at a time. After a restart it begins again at the first one without a receipt; the
 * keys make that harmless, or the test fails. */
#ifndef TESTS_SCENARIO_RUNNER_H
#define TESTS_SCENARIO_RUNNER_H

#include <jansson.h>

#include "clients/lib/include/leadbus.h"
#include "tests/scenario/town.h"

enum { RUNNER_PATH_LEN_MAX = 2 * PROCESS_PATH_LEN_MAX, RUNNER_EVENT_LEN_MAX = 512 };

/* What is known of lead n of this sender. */
struct runner_lead {
    uint8_t id[16];
    bool taken;     /* submit was answered: durable in the outbox */
    bool receipted; /* the receipt was seen */
};

struct runner {
    const struct town *town;
    enum town_unit who;
    const char *unit;
    char folder[RUNNER_PATH_LEN_MAX];
    char endpoint[RUNNER_PATH_LEN_MAX];
    char draft[RUNNER_PATH_LEN_MAX]; /* file; "" = sends nothing */
    char log[RUNNER_PATH_LEN_MAX];
    bool agent;             /* as it runs now */
    struct process process; /* the loop, or leadbus-agent */
    struct process driver;  /* at the agent's socket */
    int events_fd, control_fd;
    char line[RUNNER_EVENT_LEN_MAX];
    size_t line_len;

    uint64_t goal;
    struct runner_lead *leads; /* leads[n - 1] */
    size_t lead_cap;
    uint64_t taken_count, receipted_count;
    uint64_t inbox_number;   /* newest item seen */
    uint64_t received_count; /* messages */
    uint64_t other_count;    /* notices, tombstones, exceptions */
    uint64_t event_count;
    char trouble[RUNNER_EVENT_LEN_MAX]; /* first thing that a process complained of; "" = none */
};

/* Its folder with the keyring. `draft`: JSON of the agent's API, NULL: sends nothing. "@N@" stands
 * for the number of the lead. */
void runner_init(struct runner *runner, const struct town *town, enum town_unit who,
                 const char *endpoint, const char *draft);
/* Kills what runs. */
void runner_fini(struct runner *runner);

/* Starts and waits until it is ready; false: it did not come up. */
bool runner_start(struct runner *runner, bool as_agent);
/* SIGTERM to what has the store open, reads what is left in the pipe. The exit code. */
int runner_stop(struct runner *runner);
/* kill -9 to what has the store open; the driver ends with it. */
void runner_kill(struct runner *runner);
/* Leads 1 to goal are to be sent. */
void runner_goal(struct runner *runner, uint64_t goal);

/* Waits for an event of any of them and takes in all that is there. False: nothing until the
 * deadline. A deadline in the past takes what is there without waiting. */
bool runner_wait(struct runner *const *runners, size_t count, long long deadline_ms);
long long runner_now_ms(void);

/* The broker's status as it wrote it last; NULL: none. The caller's to json_decref. */
json_t *runner_status(const struct town *town);
/* The row of a unit in it; NULL: none. */
json_t *runner_status_unit(json_t *status, const char *unit);
uint64_t runner_figure(const json_t *row, const char *name);
/* Looks at every status that the broker writes (each second anew) until one holds. False: none did
 * within the deadline. */
bool runner_status_wait(const struct town *town, bool (*holds)(json_t *status, void *ctx),
                        void *ctx, int deadline_ms);

/* Opens the store of a stopped runner, for looking; it reaches no broker. */
leadbus *runner_open(const struct runner *runner);

#endif
