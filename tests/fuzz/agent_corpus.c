/* Has the corpus of fuzz_agent a request for every route that is answered as docs/openapi.yaml
 * says? A route that is new is missing here until one is added.
 *
 * agent_corpus FOLDER */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/fuzz/agent_routes.h"
#include "tests/fuzz/fuzz.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* Answered otherwise on this scene, which has no journal that was put back. */
static const struct {
    const char *path;
    unsigned status;
} OTHERWISE[] = {{"/v1/restored", 404}};

static void run_file(const char *path)
{
    struct buf file = {0};
    CHECK(file_read(path, FILE_BYTES_MAX, &file, NULL) == 0);
    (void)LLVMFuzzerTestOneInput(file.data, file.len);
    buf_fini(&file);
}

static bool answered(const struct http_route *route)
{
    for (size_t i = 0; i < sizeof OTHERWISE / sizeof *OTHERWISE; i++)
        if (strcmp(OTHERWISE[i].path, route->path) == 0)
            return agent_routes_seen(route, OTHERWISE[i].status);
    for (unsigned status = 200; status < 300; status++)
        if (agent_routes_seen(route, status)) return true;
    return false;
}

int main(int argc, char **argv)
{
    int missing = 0;
    if (argc != 2) return 64;
    DIR *folder = opendir(argv[1]);
    CHECK(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        if (entry->d_name[0] == '.') continue;
        CHECK(snprintf(path, sizeof path, "%s/%s", argv[1], entry->d_name) < (int)sizeof path);
        run_file(path);
    }
    closedir(folder);
    for (const struct http_route *route = http_routes; route->method; route++) {
        if (answered(route)) continue;
        printf("no file of the corpus is answered with success: %s %s\n", route->method,
               route->path);
        missing++;
    }
    return missing ? 1 : 0;
}
