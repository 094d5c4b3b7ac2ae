#include "proto/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *condition, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof text, "CHECK failed: %s at %s:%d\n", condition, file, line);
    size_t shown = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
    /* write(2) and not stdio: the process is broken, its buffers and locks may be too. Whether the
     * text gets out changes nothing about what follows. */
    ssize_t written = write(STDERR_FILENO, text, shown);
    (void)written;
    abort();
}
