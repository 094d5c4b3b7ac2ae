#include "tests/lib/command.h"

#include <stdio.h>
#include <sys/wait.h>

#include "proto/base/check.h"

enum { LINE_LEN_MAX = 8192 };

int command_run(const char *folder, const char *line, char *ret_output, size_t cap)
{
    char whole[LINE_LEN_MAX], rest[256];
    int len = snprintf(whole, sizeof whole, "cd '%s' && %s 2>&1", folder, line);
    CHECK(len > 0 && len < LINE_LEN_MAX && cap > 0);
    FILE *pipe = popen(whole, "r");
    CHECK(pipe != NULL);
    size_t filled = fread(ret_output, 1, cap - 1, pipe);
    ret_output[filled] = 0;
    while (fread(rest, 1, sizeof rest, pipe) > 0) continue; /* or it would end by a signal */
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
