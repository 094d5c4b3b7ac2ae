#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clients/agent/http_inner.h"
#include "proto/base/check.h"

enum { SOURCE_PIECE_BYTES = 65536 };

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
    case E_ATTACHMENT_ERASED: return 410;
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

static json_t *problem_json(int code, unsigned status, const struct error *error)
{
    json_t *problem = json_object();
    json_object_set_new(problem, "type", json_sprintf("urn:leadbus:error:%s", error_name(code)));
    json_object_set_new(
        problem, "title",
        json_sprintf("%s / %s", error_text(code, LANG_ZH), error_text(code, LANG_EN)));
    json_object_set_new(problem, "status", json_integer(status));
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

/* What is said beside the body. */
struct manner {
    const char *content_type;
    const char *allow; /* of a 405 */
    bool close;        /* the connection is not read any further */
};

/* Takes the response. */
static enum MHD_Result send_response(struct http *http, const struct http_request *request,
                                     unsigned status, struct MHD_Response *response,
                                     const struct manner *manner)
{
    MHD_add_response_header(response, "Content-Type", manner->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == 503) MHD_add_response_header(response, "Retry-After", "2");
    if (status == 401) MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    if (manner->allow) MHD_add_response_header(response, "Allow", manner->allow);
    if (manner->close || http_crowded(http, request->over_tcp))
        MHD_add_response_header(response, "Connection", "close");
    http->agent->counts.responses[status / 100 < 6 ? status / 100 : 5]++;
    enum MHD_Result result = MHD_queue_response(request->connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_bytes(struct http *http, const struct http_request *request,
                                  unsigned status, struct bytes body, const struct manner *manner)
{
    union {
        const void *in;
        void *out;
    } held = {.in = body.data};
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body.len, held.out, MHD_RESPMEM_MUST_COPY);
    return response ? send_response(http, request, status, response, manner) : MHD_NO;
}

static ssize_t source_read(void *ctx, uint64_t at, char *ret, size_t cap)
{
    const struct http_source *source = ctx;
    long len = source->read(source->ctx, at, ret, cap);
    return len < 0 ? MHD_CONTENT_READER_END_WITH_ERROR : (ssize_t)len;
}

static void source_close(void *ctx)
{
    struct http_source *source = ctx;
    source->close(source->ctx);
    free(source);
}

/* Takes the source. */
static enum MHD_Result send_source(struct http *http, const struct http_request *request,
                                   struct http_reply *reply)
{
    const struct manner manner = {.content_type = reply->content_type};
    struct http_source *source = malloc(sizeof *source);
    CHECK(source != NULL);
    *source = reply->source;
    reply->source.read = NULL;
    struct MHD_Response *response = MHD_create_response_from_callback(
        source->len, SOURCE_PIECE_BYTES, source_read, source, source_close);
    if (!response) {
        source_close(source);
        return MHD_NO;
    }
    if (reply->disposition.len > 0) {
        buf_append_u8(&reply->disposition, 0);
        MHD_add_response_header(response, "Content-Disposition",
                                (const char *)reply->disposition.data);
    }
    /* A page that came as a file is no page of ours. */
    MHD_add_response_header(response, "Content-Security-Policy", "default-src 'none'; sandbox");
    return send_response(http, request, reply->status, response, &manner);
}

static enum MHD_Result send_json(struct http *http, const struct http_request *request,
                                 unsigned status, json_t *take_json, const struct manner *manner)
{
    char *text = json_dumps(take_json, JSON_COMPACT);
    json_decref(take_json);
    if (!text) return MHD_NO;
    size_t len = strlen(text);
    enum MHD_Result result = send_bytes(http, request, status, bytes_of(text, len), manner);
    sodium_memzero(text, len);
    free(text);
    return result;
}

/* `status` 0: that of the code. */
static enum MHD_Result send_problem(struct http *http, const struct http_request *request,
                                    unsigned status, const struct error *error)
{
    const struct manner manner = {.content_type = "application/problem+json",
                                  .allow = error->code == E_USAGE ? request->allow : NULL,
                                  .close = error->code == E_BAD_FORM || error->code == E_TOO_LARGE};
    if (!status) status = http_status_of(error->code);
    return send_json(http, request, status, problem_json(error->code, status, error), &manner);
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

static void reply_fini(struct http_reply *reply)
{
    if (reply->source.read) reply->source.close(reply->source.ctx);
    if (reply->text.len) sodium_memzero(reply->text.data, reply->text.len);
    buf_fini(&reply->text);
    buf_fini(&reply->disposition);
}

static enum MHD_Result answer(struct http *http, struct http_request *request)
{
    struct error error = {0};
    struct http_reply reply = {.status = 200};
    if (request->refusal.code)
        return send_problem(http, request, request->refusal_status, &request->refusal);
    int status = ask(http, request, &reply, &error);
    if (!status && reply.wait) {
        json_decref(reply.json);
        suspend(http, request);
        return MHD_YES;
    }
    enum MHD_Result result = MHD_YES;
    release_place(http, request);
    if (status) {
        json_decref(reply.json);
        result = send_problem(http, request, 0, &error);
    } else if (reply.source.read) {
        result = send_source(http, request, &reply);
    } else if (reply.json) {
        const struct manner manner = {.content_type = "application/json"};
        result = send_json(http, request, reply.status, reply.json, &manner);
    } else {
        const struct manner manner = {.content_type = reply.content_type};
        result = send_bytes(http, request, reply.status, buf_bytes(&reply.text), &manner);
    }
    reply_fini(&reply);
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
    if (!status) http->intake_count++;
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
        if (request->route->intake->take(request, upload, &request->refusal))
            request->started_ms = agent_monotonic_ms();
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
    if (!request->begun) return begin(http, request);
    return upload.len ? take(request, upload) : answer(http, request);
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
    (void)connection;
    (void)code;
    if (!request) return;
    if (request->waiting) unlink_waiting(http, request);
    release_place(http, request);
    if (request->taken) {
        request->route->intake->drop(request);
        http->intake_count--;
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
    run_daemon(http->local);
    run_daemon(http->tcp);
}
