/* progress: one line on stderr that says how far a file is, where stderr is a terminal. */
#ifndef CLIENTS_CLI_PROGRESS_H
#define CLIENTS_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *label; /* borrowed */
    uint64_t len;      /* 0: unknown */
    uint64_t begun_ms, shown_ms;
    bool quiet, drawn;
};
/* quiet, or no terminal: nothing is ever written. */
void progress_begin(struct progress *progress, const char *label, uint64_t len, bool quiet);
/* `done` bytes by now; draws ten times a second at most. */
void progress_show(struct progress *progress, uint64_t done);
void progress_end(struct progress *progress); /* takes the line away */

#endif
