/* fuzz_file: for what is read from a path: the input as a file in a folder of this run, which goes
 * when the run ends. */
#ifndef TESTS_FUZZ_FUZZ_FILE_H
#define TESTS_FUZZ_FUZZ_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/base/check.h"

static char fuzz_folder[64];

static void fuzz_file_end(void)
{
    char command[96];
    (void)snprintf(command, sizeof command, "rm -rf %s", fuzz_folder);
    (void)!system(command);
}

/* The path stays valid until the next call. */
static const char *fuzz_file(const char *name, struct bytes content)
{
    static char path[128];
    if (!fuzz_folder[0]) {
        (void)snprintf(fuzz_folder, sizeof fuzz_folder, "/tmp/leadbus-fuzz.XXXXXX");
        CHECK(mkdtemp(fuzz_folder) != NULL);
        CHECK(atexit(fuzz_file_end) == 0);
    }
    (void)snprintf(path, sizeof path, "%s/%s", fuzz_folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    for (size_t done = 0; done < content.len;) {
        ssize_t written = write(fd, content.data + done, content.len - done);
        CHECK(written > 0);
        done += (size_t)written;
    }
    CHECK(close(fd) == 0);
    return path;
}

#endif
