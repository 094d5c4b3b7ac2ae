#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clients/agent/http_inner.h"
#include "proto/base/check.h"

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
            return error_say(ret_error, E_BAD_VALUE, name, "应为不超过 %llu 的整数",
                             "a whole number up to %llu", (unsigned long long)max);
        value = value * 10 + (uint64_t)(*at - '0');
    }
    if (value > max)
        return error_say(ret_error, E_BAD_VALUE, name, "最多 %llu", "at most %llu",
                         (unsigned long long)max);
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
        return error_say(ret_error, E_UNKNOWN_FIELD, field, "该请求没有这个字段",
                         "not a field of this request");
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

static void unlink_waiting(struct http *http, struct http_request *request)
{
    struct http_request **at = &http->waiting;
    while (*at && *at != request) at = &(*at)->next_waiting;
    if (*at) *at = request->next_waiting;
    request->waiting = false;
    request->next_waiting = NULL;
}

static void release_place(struct http *http, struct http_request *request)
{
    if (request->has_place) http->place_count--;
    request->has_place = false;
}

/* Whoever waits for us while the other end is gone would keep a place until its time is over. */
static void resume_gone(struct http *http)
{
    struct http_request **at = &http->waiting;
    while (*at) {
        struct http_request *request = *at;
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd end = {.fd = info ? info->connect_fd : -1, .events = POLLRDHUP};
        if (poll(&end, 1, 0) != 1) {
            at = &request->next_waiting;
            continue;
        }
        *at = request->next_waiting;
        request->next_waiting = NULL;
        request->waiting = false;
        request->wait_until_ms = 1;
        release_place(http, request);
        MHD_resume_connection(request->connection);
    }
}

/* A place among those who may wait; kept until the request is answered. */
static bool take_place(struct http *http, struct http_request *request)
{
    if (request->has_place) return true;
    if (http->place_count >= HTTP_WAITING_COUNT_MAX) resume_gone(http);
    if (http->place_count >= HTTP_WAITING_COUNT_MAX) return false;
    request->has_place = true;
    http->place_count++;
    return true;
}

static void suspend(struct http *http, struct http_request *request)
{
    request->waiting = true;
    request->next_waiting = http->waiting;
    http->waiting = request;
    MHD_suspend_connection(request->connection);
}

/* Asks the handler. Where nobody more may wait, what was submitted is answered as it stands, and a
 * poll is told to come again. */
static int ask(struct http *http, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    if (http->stopping) request->wait_until_ms = 1;
    int status = request->route->handler(http->agent, request, reply, ret_error);
    if (status || !reply->wait || take_place(http, request)) return status;
    json_decref(reply->json);
    *reply = (struct http_reply){.status = 200};
    if (!request->submitted)
        return error_say(ret_error, E_BUSY, "wait", "同时等待的请求已达 %d 个",
                         "%d requests are waiting already", HTTP_WAITING_COUNT_MAX);
    request->wait_until_ms = 1;
    return request->route->handler(http->agent, request, reply, ret_error);
}

static enum MHD_Result answer(struct http *http, struct http_request *request)
{
    struct error error = {0};
    struct http_reply reply = {.status = 200};
    if (request->refusal.code)
        return http_send_problem(http, request, request->refusal_status, &request->refusal);
    int status = ask(http, request, &reply, &error);
    if (!status && reply.wait) {
        http_reply_fini(&reply);
        suspend(http, request);
        return MHD_YES;
    }
    release_place(http, request);
    enum MHD_Result result = status ? http_send_problem(http, request, 0, &error)
                                    : http_send_reply(http, request, &reply);
    http_reply_fini(&reply);
    return result;
}

/* The raw target, before the library takes it apart: what is decoded afterwards may hide a NUL. */
void *http_uri(void *ctx, const char *uri, struct MHD_Connection *connection)
{
    struct http_request *request = calloc(1, sizeof *request);
    (void)ctx;
    if (!request) return NULL;
    request->connection = connection;
    request->sound = http_uri_sound(uri);
    request->started_ms = agent_monotonic_ms();
    return request;
}

static int begin_intake(struct http *http, struct http_request *request, struct error *ret_error)
{
    if (http->intake_count == HTTP_INTAKE_COUNT_MAX)
        return error_say(ret_error, E_BUSY, NULL, "同时上传的文件已达 %d 个",
                         "%d files are on their way in", HTTP_INTAKE_COUNT_MAX);
    int status = request->route->intake->begin(http->agent, request, ret_error);
    if (!status) http_intake_new(http, request);
    return status;
}

/* The head is there. Where it leaves open where the body ends, or that is too far away, or who
 * sends it waits for a word, it is answered at once; anything else that is wrong when the body has
 * been read: who still writes would see a reset and not the answer. */
static enum MHD_Result begin(struct http *http, struct http_request *request)
{
    const char *length = http_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t len = length ? strtoull(length, NULL, 10) : 0;
    http->agent->counts.requests++;
    request->begun = true;
    int status = http_head_check(http, request, &request->refusal_status, &request->refusal);
    bool now =
        status == E_BAD_FORM || len > HTTP_DROPPED_BYTES_MAX || http_header(request, "Expect");
    if (!status && request->route->intake)
        status = begin_intake(http, request, &request->refusal);
    else if (!status && len > HTTP_BODY_BYTES_MAX)
        status = error_say(&request->refusal, E_TOO_LARGE, NULL, "最多 %d 字节", "at most %d bytes",
                           HTTP_BODY_BYTES_MAX);
    return status && (now || status == E_TOO_LARGE) ? answer(http, request) : MHD_YES;
}

/* A piece of the body. Of one that is refused the rest is read and dropped, within bounds. */
static enum MHD_Result take(struct http_request *request, struct bytes upload)
{
    if (request->taken && !request->refusal.code) {
        request->received += upload.len;
        if (!request->route->intake->take(request, upload, &request->refusal)) return MHD_YES;
        request->started_ms = agent_monotonic_ms();
        request->received = 0;
        return MHD_YES;
    }
    bool late = agent_monotonic_ms() - request->started_ms > HTTP_REQUEST_MS_MAX;
    request->received += upload.len;
    if (late || request->received > HTTP_DROPPED_BYTES_MAX) return MHD_NO;
    if (!request->refusal.code && request->received > HTTP_BODY_BYTES_MAX)
        (void)error_say(&request->refusal, E_TOO_LARGE, NULL, "最多 %d 字节", "at most %d bytes",
                        HTTP_BODY_BYTES_MAX);
    if (!request->refusal.code) buf_append_bytes(&request->body, upload);
    return MHD_YES;
}

/* One step of a request: its head, a piece of its body, its end. */
static enum MHD_Result step(struct http *http, bool over_tcp, const char *url, const char *method,
                            struct bytes upload, void **state)
{
    struct http_request *request = *state;
    if (!request) return MHD_NO; /* no memory */
    request->over_tcp = over_tcp;
    request->method = method;
    request->path = url;
    if (!request->begun) {
        http_peer_headed(http, request->connection);
        return begin(http, request);
    }
    if (upload.len) return take(request, upload);
    request->whole = true;
    return answer(http, request);
}

enum MHD_Result http_handle_local(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **state)
{
    (void)connection;
    (void)version;
    struct bytes piece = bytes_of(upload, *upload_len);
    *upload_len = 0;
    return step(ctx, false, url, method, piece, state);
}

enum MHD_Result http_handle_tcp(void *ctx, struct MHD_Connection *connection, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_len, void **state)
{
    (void)connection;
    (void)version;
    struct bytes piece = bytes_of(upload, *upload_len);
    *upload_len = 0;
    return step(ctx, true, url, method, piece, state);
}

void http_completed(void *ctx, struct MHD_Connection *connection, void **state,
                    enum MHD_RequestTerminationCode code)
{
    struct http *http = ctx;
    struct http_request *request = *state;
    (void)code;
    http_peer_again(http, connection);
    if (!request) return;
    if (request->waiting) unlink_waiting(http, request);
    release_place(http, request);
    if (request->taken) {
        request->route->intake->drop(request);
        http_intake_end(http, request);
    }
    if (request->body.len) sodium_memzero(request->body.data, request->body.len);
    buf_fini(&request->body);
    json_decref(request->remarks);
    free(request);
    *state = NULL;
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

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
    uint64_t rests_ms[] = {http_peers_rest_ms(http), http_intakes_rest_ms(http)};
    for (size_t i = 0; i < 2; i++)
        if (rests_ms[i] < least) least = rests_ms[i];
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

/* A daemon that is full takes its listener out of its epoll set, and puts it back only when it is
 * run with room; nothing would wake us for that. */
static void run_daemon(struct MHD_Daemon *daemon)
{
    if (!daemon) return;
    bool full = http_connection_count(daemon) >= HTTP_CONNECTION_COUNT_MAX;
    (void)MHD_run(daemon);
    if (full && http_connection_count(daemon) < HTTP_CONNECTION_COUNT_MAX) (void)MHD_run(daemon);
}

void http_run(struct http *http)
{
    resume(http, false);
    http_peers_sweep(http);
    http_intakes_sweep(http);
    run_daemon(http->local);
    run_daemon(http->tcp);
}
