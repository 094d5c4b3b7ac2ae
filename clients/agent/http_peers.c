/* Connections that have not sent a whole head: none may take for ever over it, byte by byte. */
#include <stdlib.h>
#include <sys/socket.h>

#include "clients/agent/http_inner.h"

static void peer_unlink(struct http *http, struct http_peer *peer)
{
    if (!peer->listed) return;
    *(peer->previous ? &peer->previous->next : &http->first_peer) = peer->next;
    *(peer->next ? &peer->next->previous : &http->last_peer) = peer->previous;
    peer->next = peer->previous = NULL;
    peer->listed = false;
}

static void peer_begin(struct http *http, struct http_peer *peer)
{
    peer_unlink(http, peer);
    peer->since_ms = agent_monotonic_ms();
    peer->previous = http->last_peer;
    *(http->last_peer ? &http->last_peer->next : &http->first_peer) = peer;
    http->last_peer = peer;
    peer->listed = true;
}

static struct http_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void http_peer_new(struct http *http, struct MHD_Connection *connection, bool over_tcp,
                   void **ret_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_peer *peer = info ? calloc(1, sizeof *peer) : NULL;
    *ret_context = peer;
    if (!peer) return; /* the library's own bounds hold still */
    peer->fd = info->connect_fd;
    peer->over_tcp = over_tcp;
    peer_begin(http, peer);
}

void http_peer_free(struct http *http, void **context)
{
    struct http_peer *peer = *context;
    if (peer) peer_unlink(http, peer);
    free(peer);
    *context = NULL;
}

void http_peer_headed(struct http *http, struct MHD_Connection *connection)
{
    struct http_peer *peer = peer_of(connection);
    if (peer) peer_unlink(http, peer);
}

void http_peer_again(struct http *http, struct MHD_Connection *connection)
{
    struct http_peer *peer = peer_of(connection);
    if (peer) peer_begin(http, peer);
}

static uint64_t peer_until_ms(struct http *http, const struct http_peer *peer)
{
    uint64_t limit_ms =
        http_crowded(http, peer->over_tcp) ? HTTP_CROWDED_IDLE_S_MAX * 1000 : HTTP_REQUEST_MS_MAX;
    return peer->since_ms + limit_ms;
}

void http_peers_sweep(struct http *http)
{
    uint64_t now_ms = agent_monotonic_ms();
    for (struct http_peer *peer = http->first_peer, *next; peer; peer = next) {
        next = peer->next;
        if (peer_until_ms(http, peer) > now_ms) continue;
        /* The library reads the end of it and closes. */
        (void)shutdown(peer->fd, SHUT_RDWR);
        peer_unlink(http, peer);
    }
}

uint64_t http_peers_rest_ms(struct http *http)
{
    uint64_t now_ms = agent_monotonic_ms(), least = UINT64_MAX;
    for (struct http_peer *peer = http->first_peer; peer; peer = peer->next) {
        uint64_t until_ms = peer_until_ms(http, peer);
        uint64_t rest_ms = until_ms > now_ms ? until_ms - now_ms : 0;
        if (rest_ms < least) least = rest_ms;
    }
    return least;
}
