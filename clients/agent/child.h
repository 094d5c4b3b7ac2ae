/* child: starts a program beside the agent that gets nothing of it but what is said here: no other
 * descriptors, no blocked signals, SIGPIPE as usual. */
#ifndef CLIENTS_AGENT_CHILD_H
#define CLIENTS_AGENT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child_start {
    const char *program; /* path */
    char **argv, **envp;
    int input,
        output;     /* its descriptors 0 and 1; -1: /dev/null. Its standard error is the agent's */
    bool own_group; /* what it starts can be ended with it */
};
/* 0, or an errno; *ret_child is set on 0 alone. The caller waits for it. */
int child_start(const struct child_start *start, pid_t *ret_child);

#endif
