#include "tests/fuzz/agent_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/host/file.h"

enum { ROUTES_MAX = 64, STATUSES_MAX = 8, DOCUMENT_BYTES_MAX = 1 << 20, SEEN_BYTES = 600 / 8 };

static struct entry {
    char method[8], path[80];
    unsigned statuses[STATUSES_MAX];
    size_t status_count;
    uint8_t seen[SEEN_BYTES]; /* a bit for each status */
} entries[ROUTES_MAX];
static size_t entry_count;

static size_t route_count(void)
{
    size_t count = 0;
    while (http_routes[count].method) count++;
    return count;
}

/* The lines that are wanted stand at fixed depths: a path, a method, a status. */
static void read_line(const char *line, char path[80])
{
    char word[80];
    unsigned status;
    struct entry *entry = entry_count ? &entries[entry_count - 1] : NULL;
    if (sscanf(line, "  /%77[^:]:", word) == 1 && strncmp(line, "  /", 3) == 0) {
        (void)snprintf(path, 80, "/%s", word);
    } else if (strncmp(line, "    ", 4) == 0 && path[0] &&
               (strcmp(line + 4, "get:") == 0 || strcmp(line + 4, "post:") == 0 ||
                strcmp(line + 4, "put:") == 0 || strcmp(line + 4, "delete:") == 0)) {
        CHECK(entry_count < ROUTES_MAX);
        entry = &entries[entry_count++];
        (void)snprintf(entry->path, sizeof entry->path, "%s", path);
        for (size_t i = 0; line[4 + i] != ':' && i < sizeof entry->method - 1; i++)
            entry->method[i] = (char)(line[4 + i] - 'a' + 'A');
    } else if (entry && strncmp(line, "        \"", 9) == 0 &&
               sscanf(line + 9, "%3u\":", &status) == 1) {
        CHECK(entry->status_count < STATUSES_MAX);
        entry->statuses[entry->status_count++] = status;
    }
}

static void read_document(void)
{
    struct buf document = {0};
    char path[80] = "";
    if (entry_count) return;
    CHECK(file_read(LEADBUS_SOURCE_DIR "/docs/openapi.yaml", DOCUMENT_BYTES_MAX, &document, NULL) ==
          0);
    buf_append_u8(&document, 0);
    char *rest = NULL;
    for (char *line = strtok_r((char *)document.data, "\n", &rest);
         line && strcmp(line, "components:") != 0; line = strtok_r(NULL, "\n", &rest))
        read_line(line, path);
    buf_fini(&document);
    CHECK(entry_count == route_count());
}

static struct entry *entry_of(const struct http_route *route)
{
    read_document();
    size_t i = 0;
    while (i < entry_count && (strcmp(entries[i].method, route->method) != 0 ||
                               strcmp(entries[i].path, route->path) != 0))
        i++;
    CHECK(i < entry_count); /* else the document lacks it */
    return &entries[i];
}

bool agent_routes_documents(const struct http_route *route, unsigned status)
{
    const struct entry *entry = entry_of(route);
    for (size_t i = 0; i < entry->status_count; i++)
        if (entry->statuses[i] == status) return true;
    return false;
}

void agent_routes_note(const struct http_route *route, unsigned status)
{
    if (!route || status / 8 >= SEEN_BYTES) return;
    entry_of(route)->seen[status / 8] |= (uint8_t)(1u << status % 8);
}

bool agent_routes_seen(const struct http_route *route, unsigned status)
{
    return entry_of(route)->seen[status / 8] >> status % 8 & 1;
}
