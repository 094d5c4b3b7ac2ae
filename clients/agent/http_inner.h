/* http_inner: what the files of http share.
 *
 * http_reply.c sends answers, http_head.c says what is wrong with a request by its head alone,
 * http.c leads it through its handler, http_listen.c has the sockets. libmicrohttpd reads a request
 * and answers by itself, as HTML, what it cannot read: a line or a header that is malformed or
 * larger than HTTP_HEAD_BYTES_MAX, a length that is no number, a chunk without a size. Everything
 * else ends here and is a problem. */
#ifndef CLIENTS_AGENT_HTTP_INNER_H
#define CLIENTS_AGENT_HTTP_INNER_H

#include <microhttpd.h>
#include <sodium.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clients/agent/http.h"

enum { HTTP_CROWDED_COUNT = HTTP_CONNECTION_COUNT_MAX / 4 * 3 };

/* A connection; in the list, oldest first, while the head of a request is missing. */
struct http_peer {
    struct http_peer *next, *previous;
    int fd;
    bool over_tcp, listed;
    uint64_t since_ms; /* monotonic: connected, or answered the request before */
};

struct http {
    struct agent *agent;
    struct MHD_Daemon *local; /* the unix socket */
    struct MHD_Daemon *tcp;
    int epoll_fd; /* of both */
    char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    uint16_t port;
    uint8_t token_hash[crypto_generichash_BYTES];
    struct http_request *waiting;
    struct http_request *intakes[HTTP_INTAKE_COUNT_MAX];
    unsigned intake_count;
    unsigned place_count; /* of those who wait, or were woken and are not answered yet */
    bool stopping;
    struct http_peer *first_peer, *last_peer;
};

/* http_peers.c: connected and closed; the head of a request is whole; the request is done. */
void http_peer_new(struct http *http, struct MHD_Connection *connection, bool over_tcp,
                   void **ret_context);
void http_peer_free(struct http *http, void **context);
void http_peer_headed(struct http *http, struct MHD_Connection *connection);
void http_peer_again(struct http *http, struct MHD_Connection *connection);
/* Cuts off those whose head takes longer than HTTP_REQUEST_MS_MAX; where most connections are
 * taken, than HTTP_CROWDED_IDLE_S_MAX. */
void http_peers_sweep(struct http *http);
uint64_t http_peers_rest_ms(struct http *http); /* until that is due; UINT64_MAX: nothing is */

/* http_intakes.c: a body is taken from now on; not any more. */
void http_intake_new(struct http *http, struct http_request *request);
void http_intake_end(struct http *http, const struct http_request *request);
/* Cuts off those that come more slowly than HTTP_INTAKE_BYTES_MIN a second, after
 * HTTP_REQUEST_MS_MAX; where all places are taken, after HTTP_CROWDED_IDLE_S_MAX. */
void http_intakes_sweep(struct http *http);
uint64_t http_intakes_rest_ms(const struct http *http); /* as http_peers_rest_ms */

/* libmicrohttpd's callbacks, with the http as context. */
void *http_uri(void *ctx, const char *uri, struct MHD_Connection *connection);
enum MHD_Result http_handle_local(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state);
enum MHD_Result http_handle_tcp(void *ctx, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_len, void **state);
void http_completed(void *ctx, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode code);

unsigned http_connection_count(struct MHD_Daemon *daemon); /* NULL: 0 */
/* Most connections are taken: who is idle, or has been answered, makes room for others. */
bool http_crowded(struct http *http, bool over_tcp);
/* Queues the problem; `status` 0: that of the code. */
enum MHD_Result http_send_problem(struct http *http, const struct http_request *request,
                                  unsigned status, const struct error *error);
/* Queues what the reply holds; the source goes with it, the rest stays for http_reply_fini. */
enum MHD_Result http_send_reply(struct http *http, const struct http_request *request,
                                struct http_reply *reply);
void http_reply_fini(struct http_reply *reply);

/* A percent sign without two hex digits behind it, or a NUL: the library would cut there. */
bool http_uri_sound(const char *uri);
/* What is wrong with the request by its head, or 0: two lengths, or a length and chunks; a header
 * that may stand once and does not; over TCP a host that is none of loopback, or no token. Finds
 * the route; what does not belong to it, an unknown path, another method, a parameter unknown or
 * given twice, is wrong as well. *ret_status: of HTTP, where it is not that of the code. Fills
 * request->route, id, part and allow. */
int http_head_check(const struct http *http, struct http_request *request, unsigned *ret_status,
                    struct error *ret_error) MUST_USE;

#endif
