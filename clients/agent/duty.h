/* duty: the unit's roster in force, and telling the people on it of what waits to be signed for.
 *
 * The library says which rank is to be told of which message and when (leadbus_rung_next); the
 * roster who that is; the configured command does it, once for each of them: it is run with
 * LEADBUS_ID, LEADBUS_KIND, LEADBUS_RANK and LEADBUS_OFFICER in its environment and nothing of what
 * the message holds, one at a time, and is ended when its time is over. A step is durable before
 * its command is run. Where this machine stopped before the end of it was known, it is done once
 * more after the start, with LEADBUS_AGAIN=1: somebody may be told twice, nobody not at all.
 * Without a command the log tells. An alert that nobody signs for is told again to everybody on the
 * roster, after the last rank and every repeat_ms, with LEADBUS_AGAIN=1; the log says so too, and
 * where there is no roster it alone, from the delivery on.
 *
 * The roster is read at the start, by SIGHUP, and when its file has changed; a file that is wrong
 * leaves the one in force, and is said in log, status and doctor. While there has been none, nobody
 * is told and nothing is marked as told. */
#ifndef CLIENTS_AGENT_DUTY_H
#define CLIENTS_AGENT_DUTY_H

#include "clients/agent/agent.h"
#include "clients/agent/roster.h"

enum {
    DUTY_LOOK_MS = 15000,                /* how often the file is looked at */
    DUTY_WARN_MS = 7 * 24 * 3600 * 1000, /* a gap is told so long before */
};

struct duty_options {
    const char *path;    /* "": no roster */
    const char *command; /* "": the log tells */
    uint64_t timeout_ms; /* of one run */
    uint64_t repeat_ms;  /* what is told again until it is signed for; not 0 */
};
/* What is wrong with them: E_BAD_TABLE, E_NOT_FOUND, E_KEYRING_PERMISSIONS (others may write to
 * it), E_BAD_CONFIG (the command is no program). For --check-config. */
int duty_check(const struct duty_options *options, struct error *ret_error) MUST_USE;

/* The options are borrowed until duty_stop. A wrong file is no error here: it is logged. */
void duty_start(struct agent *agent, const struct duty_options *options);
void duty_stop(struct agent *agent); /* a command that runs is left alone */
void duty_reload(struct agent *agent);
/* Something changed: the next step may be another. */
void duty_wake(struct agent *agent);
int duty_fd(const struct agent *agent);           /* to poll for reading; -1: none */
uint64_t duty_next_ms(const struct agent *agent); /* monotonic; UINT64_MAX: never */
/* Does what is due. Errors: of the store, after which the agent ends. */
int duty_run(struct agent *agent, struct error *ret_error) MUST_USE;

/* How often an alert was told again since the start. */
uint64_t duty_repeated(const struct agent *agent);

/* For status and API. NULL: no roster is configured. */
struct duty_view {
    const char *path;
    const struct roster *roster;
    bool loaded; /* some roster is in force */
    uint64_t loaded_ms;
    struct error trouble;  /* of the file as it is now; code 0: none */
    uint64_t told, failed; /* commands since the start */
    uint64_t again;        /* steps done once more since then */
    struct error failure;  /* the last that failed; code 0: none */
    uint64_t failure_ms;
};
const struct duty_view *duty_view(const struct agent *agent);

#endif
