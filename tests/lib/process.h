/* process: real programs under test. A child gets a notify socket, so that readiness is an event
 * and not a guess; everything has a deadline; nothing sleeps. CHECKs on what the test's machine
 * cannot do. Not thread-safe. */
#ifndef TESTS_LIB_PROCESS_H
#define TESTS_LIB_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROCESS_PATH_LEN_MAX = 100, PROCESS_DEADLINE_MS = 20000 };

struct process {
    pid_t pid; /* 0: not running */
    int notify_fd;
    char notify_path[PROCESS_PATH_LEN_MAX];
    bool ready;
};

/* Starts argv[0] with NOTIFY_SOCKET in `folder` and stderr appended to `log_path`. */
void process_start(struct process *ret, const char *folder, const char *log_path,
                   const char *const *argv);
/* Waits for READY=1. False: it ended, or the deadline passed. */
bool process_wait_ready(struct process *process, int deadline_ms);
/* Waits for the end. Its exit code; 128 + signal; -1: still running at the deadline. */
int process_wait_end(struct process *process, int deadline_ms);
void process_signal(const struct process *process, int signal_number);
/* SIGTERM, then the exit code as process_wait_end; at the deadline SIGKILL and -1. */
int process_stop(struct process *process, int deadline_ms);
/* kill -9 and reaps. */
void process_kill(struct process *process);

/* A fresh folder under TMPDIR or /tmp, mode 0700; short enough for ipc paths. */
void process_folder_make(char ret_path[PROCESS_PATH_LEN_MAX]);
/* Removes it with everything inside. */
void process_folder_remove(const char *path);

#endif
