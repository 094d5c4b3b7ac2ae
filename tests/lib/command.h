/* command: a line of shell in a folder, for scenarios. */
#ifndef TESTS_LIB_COMMAND_H
#define TESTS_LIB_COMMAND_H

#include <stddef.h>

/* Runs the line in the folder, stdout and stderr into ret_output, as far as it has room. Its exit
 * code; -1: it was ended by a signal. */
int command_run(const char *folder, const char *line, char *ret_output, size_t cap);

#endif
