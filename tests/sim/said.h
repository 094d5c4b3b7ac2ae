/* said: what the broker under simulation logs. */
#ifndef TESTS_SIM_SAID_H
#define TESTS_SIM_SAID_H

#include <stdbool.h>

/* line: "event key=value ...", until it returns. */
typedef void (*said_heard)(void *ctx, bool error, const char *event, const char *line);
void said_init(said_heard heard, void *ctx);

#endif
