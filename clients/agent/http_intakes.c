/* Bodies that are taken as they come: few at a time, so none may take for ever over it. */
#include <sys/socket.h>

#include "clients/agent/http_inner.h"

void http_intake_new(struct http *http, struct http_request *request)
{
    http->intakes[http->intake_count++] = request;
}

void http_intake_end(struct http *http, const struct http_request *request)
{
    unsigned i = 0;
    while (i < http->intake_count && http->intakes[i] != request) i++;
    if (i < http->intake_count) http->intakes[i] = http->intakes[--http->intake_count];
}

/* While; and then a second for each HTTP_INTAKE_BYTES_MIN: who is as fast as that goes on. One that
 * is here to its end waits for us and not we for it. */
static uint64_t intake_until_ms(const struct http *http, const struct http_request *request)
{
    uint64_t first_ms = http->intake_count == HTTP_INTAKE_COUNT_MAX ? HTTP_CROWDED_IDLE_S_MAX * 1000
                                                                    : HTTP_REQUEST_MS_MAX;
    if (request->whole) return UINT64_MAX;
    return request->started_ms + first_ms + request->received * 1000 / HTTP_INTAKE_BYTES_MIN;
}

void http_intakes_sweep(struct http *http)
{
    uint64_t now_ms = agent_monotonic_ms();
    for (unsigned i = 0; i < http->intake_count; i++) {
        struct http_request *request = http->intakes[i];
        if (intake_until_ms(http, request) > now_ms) continue;
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        /* The library reads the end of it, and says so by http_completed. */
        if (info) (void)shutdown(info->connect_fd, SHUT_RDWR);
        request->whole = true;
    }
}

uint64_t http_intakes_rest_ms(const struct http *http)
{
    uint64_t now_ms = agent_monotonic_ms(), least = UINT64_MAX;
    for (unsigned i = 0; i < http->intake_count; i++) {
        uint64_t until_ms = intake_until_ms(http, http->intakes[i]);
        uint64_t rest_ms = until_ms > now_ms ? until_ms - now_ms : 0;
        if (until_ms != UINT64_MAX && rest_ms < least) least = rest_ms;
    }
    return least;
}
