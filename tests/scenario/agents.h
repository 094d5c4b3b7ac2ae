/* agents: leadbus-agent processes of a town's units, and `leadbus` run against them. */
#ifndef TESTS_SCENARIO_AGENTS_H
#define TESTS_SCENARIO_AGENTS_H

#include <jansson.h>
#include <sys/types.h>

#include "tests/scenario/town.h"

#define AGENTS_TOKEN "0123456789abcdef"
enum { AGENTS_PATH_LEN = 2 * PROCESS_PATH_LEN_MAX, AGENTS_OUTPUT_LEN = 262144, AGENTS_MAX = 8 };

struct agents {
    struct town town;
    size_t count;
    enum town_unit units[AGENTS_MAX];
    const char *keys[AGENTS_MAX];
    struct process processes[AGENTS_MAX];
};

/* A town with a broker and an agent for each; the first also listens on a port with the token, and
 * has a duty roster. */
void agents_init(struct agents *agents, const enum town_unit *units, size_t count);
/* 0 when all ended well; removes everything. */
int agents_fini(struct agents *agents);
void agents_start(struct agents *agents, size_t which);
/* FOLDER/KEY.WHAT */
void agents_path(const struct agents *agents, size_t which, const char *what,
                 char ret_path[AGENTS_PATH_LEN]);
/* Runs `leadbus ARGUMENTS` in the town's folder, in a language. Its exit code; stdout and stderr
 * into the output. */
int agents_run_in(const struct agents *agents, size_t which, const char *lang,
                  const char *arguments, char ret_output[AGENTS_OUTPUT_LEN]);
/* In English. */
int agents_run(const struct agents *agents, size_t which, const char *arguments,
               char ret_output[AGENTS_OUTPUT_LEN]);
void agents_must(const struct agents *agents, size_t which, const char *arguments,
                 char ret_output[AGENTS_OUTPUT_LEN]);
json_t *agents_must_json(const struct agents *agents, size_t which, const char *arguments,
                         char output[AGENTS_OUTPUT_LEN]);
/* A file of the town's folder; "" where there is none. */
void agents_write_in(const struct agents *agents, const char *name, const char *text, mode_t mode);
void agents_read_in(const struct agents *agents, const char *name, char ret[AGENTS_OUTPUT_LEN]);
/* More at the end of a configuration, for the next start. */
void agents_configure(const struct agents *agents, size_t which, const char *more);
/* The port that the first one chose, from the newest line of its log that has one. */
long agents_port(const struct agents *agents);
/* Waits until the inbox has a message of that kind; its number. */
long agents_wait_for(const struct agents *agents, size_t which, const char *kind);
/* The same behind a number. */
long agents_wait_after(const struct agents *agents, size_t which, const char *kind, long after);

#endif
