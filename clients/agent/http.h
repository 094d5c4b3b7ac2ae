/* http: the agent's local API over libmicrohttpd: routes, bounds, tokens, problem details, waiting.
 *
 * A request is checked by its head (target, framing; over TCP host and token), matched against the
 * table of routes, collected whole (HTTP_BODY_BYTES_MAX) and answered by its handler, which fills a
 * reply or asks to be called again when something has changed (long-poll). Errors become RFC 9457
 * problem details whose code is that of errors.def. Files go both ways in pieces: a route with an
 * intake takes a body of any length as it comes, a reply with a source is made as it goes out. One
 * thread, the agent's; nothing here blocks, and however many wait there is room for who does not.
 */
#ifndef CLIENTS_AGENT_HTTP_H
#define CLIENTS_AGENT_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "clients/agent/agent.h"
#include "proto/base/bytes.h"
#include "proto/base/error.h"

enum {
    HTTP_BODY_BYTES_MAX = 1048576,
    HTTP_HEAD_BYTES_MAX = 32768,       /* of one request, with libmicrohttpd's own needs */
    HTTP_DROPPED_BYTES_MAX = 16777216, /* read of a body that is refused, before it is cut off */
    HTTP_CONNECTION_COUNT_MAX = 256,   /* of the socket, and of the port */
    HTTP_WAITING_COUNT_MAX = 64,       /* long polls and submissions that wait; more are told so */
    HTTP_IDLE_S_MAX = 30,              /* of a connection that sends nothing */
    HTTP_CROWDED_IDLE_S_MAX = 2,       /* the same, where most connections are taken */
    HTTP_REQUEST_MS_MAX = 60000,       /* for sending a request, however slowly */
    HTTP_PATH_LEN_MAX = 511,
    HTTP_INTAKE_COUNT_MAX = 8,     /* bodies taken as they come, at a time */
    HTTP_INTAKE_BYTES_MIN = 65536, /* of one in a second, on the average */
};

struct http_request {
    const char *method;
    const char *path;
    const char *id;   /* what stood for the first {part} of the route, or NULL */
    const char *part; /* for the second */
    const struct http_route *route;
    char matched[HTTP_PATH_LEN_MAX + 1]; /* the path that `id` and `part` point into */
    char allow[48];                      /* the methods that the path takes */
    bool begun;                          /* its head was looked at */
    bool sound;                          /* of the raw target */
    struct error refusal;                /* by the head, or by the length of the body */
    unsigned refusal_status;             /* 0: of the code */
    uint64_t received;                   /* bytes of the body; of one refused, since then */
    bool whole;                          /* of one taken: nothing more of it is waited for */
    struct buf body;
    void *taken;              /* what the route's intake keeps of it */
    uint64_t started_ms;      /* monotonic */
    uint64_t wait_until_ms;   /* monotonic; 0: has not waited yet */
    uint8_t submitted_id[16]; /* a message that this request already submitted before it waited */
    bool submitted;
    json_t *remarks; /* of that submission; owned */
    void *connection;
    struct http_request *next_waiting;
    bool waiting, has_place;
    bool over_tcp;
};

/* A body that is made while it goes out. */
struct http_source {
    /* Bytes from `at` on, at most cap; -1: it breaks off there, and the client sees that. */
    long (*read)(void *ctx, uint64_t at, char *ret, size_t cap);
    void (*close)(void *ctx);
    void *ctx;
    uint64_t len;
};

struct http_reply {
    unsigned status;           /* 0: 200 */
    json_t *json;              /* taken; or: */
    struct buf text;           /* owned, sent as content_type; or: */
    struct http_source source; /* where read is set; closed in the end */
    const char *content_type;  /* valid until the reply was sent, or its source closed */
    bool page;                 /* text is a page of ours (print.h): its policy goes with it */
    struct buf disposition;    /* owned; the header of that name, where not empty */
    bool wait; /* call the handler again when something has changed, or at wait_until_ms */
};

/* 0 with a filled reply, or an error code with *ret_error: a problem. */
typedef int http_handler(struct agent *agent, struct http_request *request,
                         struct http_reply *reply, struct error *ret_error);

/* How a body is taken as it comes. */
struct http_intake {
    /* The head is there. Sets request->taken. */
    int (*begin)(struct agent *agent, struct http_request *request, struct error *ret_error);
    int (*take)(struct http_request *request, struct bytes piece, struct error *ret_error);
    void (*drop)(struct http_request *request); /* in the end, whatever happened */
};

struct http_route {
    const char *method;
    const char *path; /* "/v1/messages/{id}/receipt" */
    http_handler *handler;
    const char *query;                /* the parameters that it takes, "after limit wait" */
    bool open;                        /* no token needed: for probes */
    const struct http_intake *intake; /* NULL: the body is collected */
};

struct http_options {
    const char *socket_path; /* or NULL */
    unsigned socket_mode;
    const char *address; /* "127.0.0.1" or "::1", or NULL */
    uint16_t port;       /* 0: any */
    struct bytes token;  /* for the address, required there; the socket has its mode */
};

/* Is it of this machine alone: 127.0.0.0/8 or ::1? */
bool http_address_valid(const char *address);
/* Starts to listen. A stale socket file is replaced, one that answers is E_STORE_LOCKED. The
 * address is one that http_address_valid takes. E_BAD_CONFIG (too long a path), E_IO, E_NO_MEMORY.
 */
int http_start(struct agent *agent, const struct http_options *options, struct http **ret_http,
               struct error *ret_error) MUST_USE;
/* Answers those who wait, closes everything, removes the socket file. NULL accepted. */
void http_stop(struct http *http);
int http_fd(const struct http *http);   /* readable: call http_run */
int http_timeout_ms(struct http *http); /* until http_run is wanted; -1 = no need */
void http_run(struct http *http);
void http_wake(struct http *http);           /* something changed: those who wait look again */
uint16_t http_port(const struct http *http); /* of the TCP listener, 0 = none */

/* For handlers. */
const char *http_query(const struct http_request *request, const char *name); /* NULL: absent */
const char *http_header(const struct http_request *request, const char *name);
/* A decimal query parameter. E_BAD_VALUE names it. Absent: fallback. */
int http_query_number(const struct http_request *request, const char *name, uint64_t fallback,
                      uint64_t max, uint64_t *ret_number, struct error *ret_error) MUST_USE;
/* Keys of `object` other than those of the NULL-terminated list: E_UNKNOWN_FIELD names the first.
 */
int http_only_keys(const json_t *object, const char *const *known, const char *path,
                   struct error *ret_error) MUST_USE;
/* Sets reply->wait unless the time is over; the first call fixes the end. True: waits. */
bool http_wait(struct http_request *request, struct http_reply *reply, uint64_t wait_ms);

unsigned http_status_of(int code);

extern const struct http_route http_routes[]; /* ends with a NULL method; routes.c */

#endif
