/* Answers: what goes out, with the headers that go with it. */
#include <stdlib.h>
#include <string.h>

#include "clients/agent/http_inner.h"
#include "clients/agent/print.h"
#include "proto/base/check.h"

enum { SOURCE_PIECE_BYTES = 65536 };

unsigned http_connection_count(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info =
        daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS) : NULL;
    return info ? info->num_connections : 0;
}

bool http_crowded(struct http *http, bool over_tcp)
{
    return http_connection_count(over_tcp ? http->tcp : http->local) > HTTP_CROWDED_COUNT;
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

/* What is said beside the body. */
struct manner {
    const char *content_type;
    const char *allow;  /* of a 405 */
    const char *policy; /* of a page */
    bool close;         /* the connection is not read any further */
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
    if (manner->policy)
        MHD_add_response_header(response, "Content-Security-Policy", manner->policy);
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

enum MHD_Result http_send_problem(struct http *http, const struct http_request *request,
                                  unsigned status, const struct error *error)
{
    const struct manner manner = {.content_type = "application/problem+json",
                                  .allow = error->code == E_USAGE ? request->allow : NULL,
                                  .close = error->code == E_BAD_FORM || error->code == E_TOO_LARGE};
    if (!status) status = http_status_of(error->code);
    return send_json(http, request, status, problem_json(error->code, status, error), &manner);
}

enum MHD_Result http_send_reply(struct http *http, const struct http_request *request,
                                struct http_reply *reply)
{
    if (reply->source.read) return send_source(http, request, reply);
    if (reply->json) {
        const struct manner manner = {.content_type = "application/json"};
        json_t *json = reply->json;
        reply->json = NULL;
        return send_json(http, request, reply->status, json, &manner);
    }
    char policy[PRINT_POLICY_LEN];
    if (reply->page) print_policy(policy);
    const struct manner manner = {.content_type = reply->content_type,
                                  .policy = reply->page ? policy : NULL};
    return send_bytes(http, request, reply->status, buf_bytes(&reply->text), &manner);
}

void http_reply_fini(struct http_reply *reply)
{
    json_decref(reply->json);
    if (reply->source.read) reply->source.close(reply->source.ctx);
    if (reply->text.len) sodium_memzero(reply->text.data, reply->text.len);
    buf_fini(&reply->text);
    buf_fini(&reply->disposition);
}
