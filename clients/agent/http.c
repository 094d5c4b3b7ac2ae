#include "clients/agent/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/base/check.h"

struct http {
    struct agent *agent;
    struct MHD_Daemon *local; /* the unix socket */
    struct MHD_Daemon *tcp;
    int epoll_fd; /* of both */
    char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    uint16_t port;
    uint8_t token_hash[crypto_generichash_BYTES];
    struct http_request *waiting;
    bool stopping;
};

/* ---- what handlers use ------------------------------------------------------------------------
 */

const char *http_query(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(const struct http_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

int http_query_number(const struct http_request *request, const char *name, uint64_t fallback,
                      uint64_t max, uint64_t *ret_number, struct error *ret_error)
{
    const char *text = http_query(request, name);
    uint64_t value = 0;
    if (!text) {
        *ret_number = fallback;
        return 0;
    }
    for (const char *at = text; *at || at == text; at++) {
        if (*at < '0' || *at > '9' || value > UINT64_MAX / 10 - 1)
            return error_set(ret_error, E_BAD_VALUE, name, "a whole number up to %llu",
                             (unsigned long long)max);
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (value > max)
        return error_set(ret_error, E_BAD_VALUE, name, "at most %llu", (unsigned long long)max);
    *ret_number = value;
    return 0;
}

int http_only_keys(const json_t *object, const char *const *known, const char *path,
                   struct error *ret_error)
{
    union {
        const json_t *in;
        json_t *out;
    } held = {.in = object};
    for (void *at = json_object_iter(held.out); at; at = json_object_iter_next(held.out, at)) {
        const char *key = json_object_iter_key(at);
        size_t i = 0;
        while (known[i] && strcmp(known[i], key) != 0) i++;
        if (known[i]) continue;
        char field[ERROR_FIELD_LEN_MAX + 1];
        snprintf(field, sizeof field, "%s%s%.47s", path, *path ? "." : "", key);
        return error_set(ret_error, E_UNKNOWN_FIELD, field, "not a field of this request");
    }
    return 0;
}

bool http_wait(struct http_request *request, struct http_reply *reply, uint64_t wait_ms)
{
    uint64_t now_ms = agent_monotonic_ms();
    if (!request->wait_until_ms) request->wait_until_ms = now_ms + wait_ms;
    reply->wait = now_ms < request->wait_until_ms;
    return reply->wait;
}

unsigned http_status_of(int code)
{
    switch (code) {
    case E_BAD_JSON:
    case E_BAD_FORM: return 400;
    case E_USAGE: /* only from the table of routes */ return 405;
    case E_TOKEN_INVALID: return 401;
    case E_NOT_FOUND:
    case E_THREAD_UNKNOWN: return 404;
    case E_IDEMPOTENCY_CONFLICT: return 409;
    case E_TOO_LARGE: return 413;
    case E_DISK_FULL: return 507;
    default: break;
    }
    switch (error_class(code)) {
    case ERROR_CLASS_INPUT: return 422;
    case ERROR_CLASS_REFUSED: return 403;
    case ERROR_CLASS_STATE: return 409;
    case ERROR_CLASS_BUSY:
    case ERROR_CLASS_ENVIRONMENT: return 503;
    case ERROR_CLASS_PROOF: return 502;
    }
    return 500;
}

json_t *http_problem(int code, const struct error *error)
{
    json_t *problem = json_object();
    json_object_set_new(problem, "type", json_sprintf("urn:leadbus:error:%s", error_name(code)));
    json_object_set_new(
        problem, "title",
        json_sprintf("%s / %s", error_text(code, LANG_ZH), error_text(code, LANG_EN)));
    json_object_set_new(problem, "status", json_integer(http_status_of(code)));
    json_object_set_new(problem, "code", json_string(error_name(code)));
    json_object_set_new(problem, "title_zh", json_string(error_text(code, LANG_ZH)));
    json_object_set_new(problem, "title_en", json_string(error_text(code, LANG_EN)));
    json_object_set_new(problem, "retryable", json_boolean(error_retryable(code)));
    /* Field names may quote what a client sent: not always UTF-8. */
    json_t *field = json_string(error->field);
    json_t *detail = json_string(error->detail);
    json_t *detail_zh = json_string(error->detail_zh);
    if (field && error->field[0]) json_object_set(problem, "field", field);
    if (detail && error->detail[0]) json_object_set(problem, "detail", detail);
    if (detail_zh && error->detail_zh[0]) json_object_set(problem, "detail_zh", detail_zh);
    json_decref(field);
    json_decref(detail);
    json_decref(detail_zh);
    return problem;
}

/* ---- one request ------------------------------------------------------------------------------
 */

static enum MHD_Result send_bytes(struct http *http, struct MHD_Connection *connection,
                                  unsigned status, const void *data, size_t len,
                                  const char *content_type, bool retry)
{
    union {
        const void *in;
        void *out;
    } held = {.in = data};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, held.out, MHD_RESPMEM_MUST_COPY);
    if (!response) return MHD_NO;
    MHD_add_response_header(response, "Content-Type", content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (retry) MHD_add_response_header(response, "Retry-After", "2");
    if (status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    http->agent->counts.responses[status / 100 < 6 ? status / 100 : 5]++;
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_json(struct http *http, struct MHD_Connection *connection,
                                 unsigned status, json_t *take_json, const char *content_type)
{
    char *text = json_dumps(take_json, JSON_COMPACT);
    json_decref(take_json);
    if (!text) return MHD_NO;
    size_t len = strlen(text);
    enum MHD_Result result =
        send_bytes(http, connection, status, text, len, content_type, status == 503);
    sodium_memzero(text, len);
    free(text);
    return result;
}

static enum MHD_Result send_problem(struct http *http, struct MHD_Connection *connection, int code,
                                    const struct error *error)
{
    return send_json(http, connection, http_status_of(code), http_problem(code, error),
                     "application/problem+json");
}

static bool token_holds(const struct http *http, const struct http_request *request)
{
    const char *given = http_header(request, "Authorization");
    uint8_t hash[crypto_generichash_BYTES];
    if (!request->over_tcp) return true; /* the socket's mode says who may */
    if (!given || strncasecmp(given, "Bearer ", 7) != 0) return false;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)given + 7, strlen(given + 7), NULL, 0);
    return sodium_memcmp(hash, http->token_hash, sizeof hash) == 0;
}

/* A path against a route's; one {part} at most. */
static bool path_matches(const char *route, char *path, const char **ret_id)
{
    while (*route && *route != '{' && *route == *path) {
        route++;
        path++;
    }
    if (*route != '{') return *route == 0 && *path == 0;
    size_t len = strcspn(path, "/");
    const char *rest = strchr(route, '}') + 1;
    if (!len || strcmp(rest, path + len) != 0) return false;
    path[len] = 0;
    *ret_id = path;
    return true;
}

/* NULL with *ret_error: no such path, or not with this method. */
static const struct http_route *find_route(struct http_request *request, char *path,
                                           struct error *ret_error)
{
    bool known = false;
    size_t path_len = strlen(path);
    char whole[512];
    memcpy(whole, path, path_len + 1);
    for (const struct http_route *route = http_routes; route->method; route++) {
        memcpy(path, whole, path_len + 1);
        if (!path_matches(route->path, path, &request->id)) continue;
        known = true;
        if (strcmp(route->method, request->method) == 0) return route;
    }
    (void)error_set(ret_error, known ? E_USAGE : E_NOT_FOUND, NULL,
                    known ? "this path does not take that method" : "no such path");
    return NULL;
}

static void stop_waiting(struct http *http, struct http_request *request)
{
    struct http_request **at = &http->waiting;
    while (*at && *at != request) at = &(*at)->next_waiting;
    if (*at) *at = request->next_waiting;
    request->waiting = false;
    request->next_waiting = NULL;
}

static enum MHD_Result answer(struct http *http, struct MHD_Connection *connection,
                              struct http_request *request)
{
    struct error error = {0};
    struct http_reply reply = {.status = 200};
    char path[512];
    if (strlen(request->path) >= sizeof path) {
        (void)error_set(&error, E_NOT_FOUND, NULL, "no such path");
        return send_problem(http, connection, E_NOT_FOUND, &error);
    }
    memcpy(path, request->path, strlen(request->path) + 1);
    const struct http_route *route = find_route(request, path, &error);
    if (!(route && route->open) && !token_holds(http, request)) {
        (void)error_set(&error, E_TOKEN_INVALID, NULL, "send Authorization: Bearer <token>");
        return send_problem(http, connection, E_TOKEN_INVALID, &error);
    }
    if (!route) return send_problem(http, connection, error.code, &error);
    if (http->stopping) request->wait_until_ms = 1;
    int status = route->handler(http->agent, request, &reply, &error);
    enum MHD_Result result = MHD_YES;
    if (status) {
        json_decref(reply.json);
        result = send_problem(http, connection, status, &error);
    } else if (reply.wait && !http->stopping) {
        json_decref(reply.json);
        request->waiting = true;
        request->next_waiting = http->waiting;
        http->waiting = request;
        MHD_suspend_connection(connection);
    } else if (reply.json) {
        result = send_json(http, connection, reply.status, reply.json, "application/json");
    } else {
        result = send_bytes(http, connection, reply.status, reply.text.data, reply.text.len,
                            reply.content_type, false);
    }
    if (reply.text.len) sodium_memzero(reply.text.data, reply.text.len);
    buf_fini(&reply.text);
    return result;
}

/* The declared length is looked at before anything is read. */
static enum MHD_Result begin(struct http *http, struct MHD_Connection *connection, bool over_tcp,
                             struct http_request **ret_request)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    http->agent->counts.requests++;
    struct http_request *request = calloc(1, sizeof *request);
    if (!request) return MHD_NO;
    request->started_ms = agent_monotonic_ms();
    request->connection = connection;
    request->over_tcp = over_tcp;
    *ret_request = request;
    if (!length || strtoull(length, NULL, 10) <= HTTP_BODY_BYTES_MAX) return MHD_YES;
    struct error error = {0};
    (void)error_set(&error, E_TOO_LARGE, NULL, "at most %d bytes", HTTP_BODY_BYTES_MAX);
    return send_problem(http, connection, E_TOO_LARGE, &error);
}

/* One step of a request: its head, a piece of its body, its end. */
static enum MHD_Result step(struct http *http, bool over_tcp, struct MHD_Connection *connection,
                            const char *url, const char *method, struct bytes upload, void **state)
{
    struct http_request *request = *state;
    if (!request) return begin(http, connection, over_tcp, (struct http_request **)(void *)state);
    request->method = method;
    request->path = url;
    if (!upload.len) return answer(http, connection, request);
    bool late = agent_monotonic_ms() - request->started_ms > HTTP_REQUEST_MS_MAX;
    if (late || request->body.len + upload.len > HTTP_BODY_BYTES_MAX) return MHD_NO;
    buf_append_bytes(&request->body, upload);
    return MHD_YES;
}

static enum MHD_Result handle_local(void *ctx, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload,
                                    size_t *upload_len, void **state)
{
    (void)version;
    struct bytes piece = bytes_of(upload, *upload_len);
    *upload_len = 0;
    return step(ctx, false, connection, url, method, piece, state);
}

static enum MHD_Result handle_tcp(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    (void)version;
    struct bytes piece = bytes_of(upload, *upload_len);
    *upload_len = 0;
    return step(ctx, true, connection, url, method, piece, state);
}

static void completed(void *ctx, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode code)
{
    struct http *http = ctx;
    struct http_request *request = *state;
    (void)connection;
    (void)code;
    if (!request) return;
    if (request->waiting) stop_waiting(http, request);
    if (request->body.len) sodium_memzero(request->body.data, request->body.len);
    buf_fini(&request->body);
    json_decref(request->remarks);
    free(request);
    *state = NULL;
}

/* ---- listening --------------------------------------------------------------------------------
 */

static int system_error(struct error *ret_error, const char *field, const char *what)
{
    return error_set(ret_error, E_IO, field, "%s: %s", what, strerror(errno));
}

static int listen_local(struct http *http, const struct http_options *options, int *ret_fd,
                        struct error *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(options->socket_path) >= sizeof address.sun_path)
        return error_set(ret_error, E_BAD_CONFIG, "http.socket", "a path of at most %zu bytes",
                         sizeof address.sun_path - 1);
    memcpy(address.sun_path, options->socket_path, strlen(options->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(ret_error, "http.socket", "socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        close(fd);
        return error_set(ret_error, E_STORE_LOCKED, "http.socket", "another agent answers there");
    }
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error(ret_error, "http.socket", "socket");
    struct stat there;
    if (lstat(options->socket_path, &there) == 0 && S_ISSOCK(there.st_mode))
        (void)unlink(options->socket_path);
    /* Nobody may connect before the mode is right. */
    mode_t mask = umask(0177);
    int status = bind(fd, (const struct sockaddr *)&address, sizeof address);
    umask(mask);
    if (status || chmod(options->socket_path, options->socket_mode) || listen(fd, 128)) {
        status = system_error(ret_error, "http.socket", options->socket_path);
        close(fd);
        return status;
    }
    memcpy(http->socket_path, address.sun_path, sizeof http->socket_path);
    *ret_fd = fd;
    return 0;
}

static int listen_tcp(struct http *http, const struct http_options *options, int *ret_fd,
                      struct error *ret_error)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    memset(&address, 0, sizeof address);
    socklen_t len = sizeof address.v4;
    if (inet_pton(AF_INET, options->address, &address.v4.sin_addr) == 1 &&
        (ntohl(address.v4.sin_addr.s_addr) >> 24) == 127) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(options->port);
    } else if (strcmp(options->address, "::1") == 0) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = in6addr_loopback;
        address.v6.sin6_port = htons(options->port);
        len = sizeof address.v6;
    } else {
        return error_set(ret_error, E_BAD_CONFIG, "http.address",
                         "a loopback address; others reach the agent through an HTTPS proxy");
    }
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error(ret_error, "http.address", "socket");
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, &address.any, len) || listen(fd, 128) || getsockname(fd, &address.any, &len)) {
        int status = system_error(ret_error, "http.address", options->address);
        close(fd);
        return status;
    }
    http->port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *ret_fd = fd;
    return 0;
}

static struct MHD_Daemon *start_daemon(struct http *http, MHD_AccessHandlerCallback handle, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, http,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, completed,
                            http, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S_MAX,
                            MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTION_COUNT_MAX,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_BYTES_MAX,
                            MHD_OPTION_END);
}

/* One listener of one daemon, watched through the common descriptor. */
static int serve(struct http *http, const struct http_options *options,
                 int (*listen_on)(struct http *, const struct http_options *, int *,
                                  struct error *),
                 struct MHD_Daemon **ret_daemon, struct error *ret_error)
{
    int fd = -1;
    int status = listen_on(http, options, &fd, ret_error);
    if (status) return status;
    struct MHD_Daemon *daemon =
        start_daemon(http, ret_daemon == &http->tcp ? handle_tcp : handle_local, fd);
    if (!daemon) {
        close(fd);
        return error_set(ret_error, E_IO, "http", "the HTTP server does not start");
    }
    *ret_daemon = daemon;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct epoll_event event = {.events = EPOLLIN};
    if (!info || epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event))
        return system_error(ret_error, "http", "epoll");
    return 0;
}

int http_start(struct agent *agent, const struct http_options *options, struct http **ret_http,
               struct error *ret_error)
{
    struct http *http = calloc(1, sizeof *http);
    if (!http) return error_set(ret_error, E_NO_MEMORY, NULL, "http");
    http->agent = agent;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (http->epoll_fd < 0) {
        free(http);
        return system_error(ret_error, NULL, "epoll");
    }
    if (options->token.len) {
        crypto_generichash(http->token_hash, sizeof http->token_hash, options->token.data,
                           options->token.len, NULL, 0);
    }
    int status = 0;
    if (options->socket_path && *options->socket_path)
        status = serve(http, options, listen_local, &http->local, ret_error);
    if (!status && options->address && *options->address)
        status = options->token.len
                     ? serve(http, options, listen_tcp, &http->tcp, ret_error)
                     : error_set(ret_error, E_BAD_CONFIG, "http.token_file",
                                 "an address needs a token: any user can reach a port");
    if (status)
        http_stop(http);
    else
        *ret_http = http;
    return status;
}

void http_stop(struct http *http)
{
    if (!http) return;
    http->stopping = true;
    http_wake(http);
    http_run(http);
    CHECK(!http->waiting);
    if (http->local) MHD_stop_daemon(http->local);
    if (http->tcp) MHD_stop_daemon(http->tcp);
    if (http->socket_path[0]) (void)unlink(http->socket_path);
    close(http->epoll_fd);
    sodium_memzero(http->token_hash, sizeof http->token_hash);
    free(http);
}

int http_fd(const struct http *http)
{
    return http->epoll_fd;
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

int http_timeout_ms(struct http *http)
{
    uint64_t least = UINT64_MAX;
    MHD_UNSIGNED_LONG_LONG one = 0;
    if (http->local && MHD_get_timeout(http->local, &one) == MHD_YES && one < least) least = one;
    if (http->tcp && MHD_get_timeout(http->tcp, &one) == MHD_YES && one < least) least = one;
    uint64_t now_ms = agent_monotonic_ms();
    for (struct http_request *at = http->waiting; at; at = at->next_waiting) {
        uint64_t rest = at->wait_until_ms > now_ms ? at->wait_until_ms - now_ms : 0;
        if (rest < least) least = rest;
    }
    if (least == UINT64_MAX) return -1;
    return least > 60000 ? 60000 : (int)least;
}

static void resume(struct http *http, bool all)
{
    uint64_t now_ms = agent_monotonic_ms();
    struct http_request **at = &http->waiting;
    while (*at) {
        struct http_request *request = *at;
        if (!all && request->wait_until_ms > now_ms) {
            at = &request->next_waiting;
            continue;
        }
        *at = request->next_waiting;
        request->next_waiting = NULL;
        request->waiting = false;
        MHD_resume_connection(request->connection);
    }
}

void http_wake(struct http *http)
{
    resume(http, true);
}

void http_run(struct http *http)
{
    resume(http, false);
    if (http->local) (void)MHD_run(http->local);
    if (http->tcp) (void)MHD_run(http->tcp);
}
