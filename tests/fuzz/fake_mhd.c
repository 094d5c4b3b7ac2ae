#include "tests/fuzz/fake_mhd.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/base/check.h"

enum { PIECE_BYTES = 4096 };

struct MHD_Connection {
    struct fake_mhd_pair headers[FAKE_MHD_PAIRS_MAX], parameters[FAKE_MHD_PAIRS_MAX];
    size_t header_count, parameter_count;
    bool suspended;
    struct fake_mhd_answer *answer;
};

struct MHD_Response {
    struct buf body;
    char content_type[128];
    MHD_ContentReaderCallback read;
    MHD_ContentReaderFreeCallback close;
    void *ctx;
    uint64_t len;
};

static const struct http_route *last_route;

const struct http_route *fake_mhd_route(void)
{
    return last_route;
}

/* ---- what a request has -----------------------------------------------------------------------*/

static const struct fake_mhd_pair *pairs(const struct MHD_Connection *connection,
                                         enum MHD_ValueKind kind, size_t *ret_count)
{
    bool header = kind == MHD_HEADER_KIND;
    *ret_count = header ? connection->header_count : connection->parameter_count;
    return header ? connection->headers : connection->parameters;
}

int MHD_get_connection_values(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                              MHD_KeyValueIterator iterator, void *iterator_cls)
{
    size_t count = 0;
    const struct fake_mhd_pair *all = pairs(connection, kind, &count);
    for (size_t i = 0; i < count; i++)
        if (iterator(iterator_cls, kind, all[i].name, all[i].value) != MHD_YES) return (int)i + 1;
    return (int)count;
}

const char *MHD_lookup_connection_value(struct MHD_Connection *connection, enum MHD_ValueKind kind,
                                        const char *key)
{
    size_t count = 0;
    const struct fake_mhd_pair *all = pairs(connection, kind, &count);
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(all[i].name, key) == 0) return all[i].value;
    return NULL;
}

/* No socket is behind it. */
const union MHD_ConnectionInfo *MHD_get_connection_info(struct MHD_Connection *connection,
                                                        enum MHD_ConnectionInfoType info_type, ...)
{
    (void)connection;
    (void)info_type;
    return NULL;
}

const union MHD_DaemonInfo *MHD_get_daemon_info(struct MHD_Daemon *daemon,
                                                enum MHD_DaemonInfoType info_type, ...)
{
    (void)daemon;
    (void)info_type;
    return NULL;
}

enum MHD_Result MHD_get_timeout(struct MHD_Daemon *daemon, MHD_UNSIGNED_LONG_LONG *timeout)
{
    (void)daemon;
    (void)timeout;
    return MHD_NO;
}

enum MHD_Result MHD_run(struct MHD_Daemon *daemon)
{
    (void)daemon;
    return MHD_YES;
}

void MHD_suspend_connection(struct MHD_Connection *connection)
{
    CHECK(!connection->suspended);
    connection->suspended = true;
}

void MHD_resume_connection(struct MHD_Connection *connection)
{
    CHECK(connection->suspended);
    connection->suspended = false;
}

/* ---- what comes back --------------------------------------------------------------------------*/

static struct MHD_Response *response_new(void)
{
    struct MHD_Response *response = calloc(1, sizeof *response);
    CHECK(response != NULL);
    return response;
}

struct MHD_Response *MHD_create_response_from_buffer(size_t size, void *buffer,
                                                     enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = response_new();
    CHECK(mode == MHD_RESPMEM_MUST_COPY);
    if (size > 0) buf_append(&response->body, buffer, size);
    return response;
}

struct MHD_Response *MHD_create_response_from_callback(uint64_t size, size_t block_size,
                                                       MHD_ContentReaderCallback crc, void *crc_cls,
                                                       MHD_ContentReaderFreeCallback crfc)
{
    struct MHD_Response *response = response_new();
    CHECK(block_size > 0);
    response->read = crc;
    response->close = crfc;
    response->ctx = crc_cls;
    response->len = size;
    return response;
}

/* As the library: a header whose value could be two lines is refused. */
enum MHD_Result MHD_add_response_header(struct MHD_Response *response, const char *header,
                                        const char *content)
{
    if (!content || !*content || strpbrk(content, "\r\n\t")) return MHD_NO;
    if (strcasecmp(header, "Content-Type") == 0)
        (void)snprintf(response->content_type, sizeof response->content_type, "%s", content);
    return MHD_YES;
}

static void read_source(struct MHD_Response *response, struct fake_mhd_answer *answer)
{
    char piece[PIECE_BYTES];
    answer->source = true;
    while (answer->body.len < response->len) {
        size_t rest = (size_t)response->len - answer->body.len;
        ssize_t len = response->read(response->ctx, answer->body.len, piece,
                                     rest < sizeof piece ? rest : sizeof piece);
        if (len <= 0) {
            answer->cut_short = true;
            return;
        }
        buf_append(&answer->body, piece, (size_t)len);
    }
}

enum MHD_Result MHD_queue_response(struct MHD_Connection *connection, unsigned status_code,
                                   struct MHD_Response *response)
{
    struct fake_mhd_answer *answer = connection->answer;
    CHECK(!connection->suspended);
    answer->status = status_code;
    if (answer->count++) return MHD_NO;
    (void)snprintf(answer->content_type, sizeof answer->content_type, "%s", response->content_type);
    if (response->read)
        read_source(response, answer);
    else
        buf_append_bytes(&answer->body, buf_bytes(&response->body));
    return MHD_YES;
}

void MHD_destroy_response(struct MHD_Response *response)
{
    if (response->close) response->close(response->ctx);
    buf_fini(&response->body);
    free(response);
}

/* ---- a text taken apart -----------------------------------------------------------------------*/

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* In place, as the library does: what is no escape stays. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *at = text; *at; at++) {
        int high = *at == '%' ? hex_of(at[1]) : -1;
        int low = high >= 0 ? hex_of(at[2]) : -1;
        *to++ = (char)(low >= 0 ? high << 4 | low : *at);
        if (low >= 0) at += 2;
    }
    *to = 0;
}

static void put(struct fake_mhd_pair *list, size_t *count, const char *name, const char *value)
{
    if (*count < FAKE_MHD_PAIRS_MAX) list[(*count)++] = (struct fake_mhd_pair){name, value};
}

static void read_parameters(struct MHD_Connection *connection, char *query)
{
    for (char *one = query; one;) {
        char *next = strchr(one, '&');
        if (next) *next++ = 0;
        for (char *at = one; *at; at++)
            if (*at == '+') *at = ' ';
        char *value = strchr(one, '=');
        if (value) *value++ = 0;
        unescape(one);
        if (value) unescape(value);
        if (*one || value) put(connection->parameters, &connection->parameter_count, one, value);
        one = next;
    }
}

/* The line, without its end; NULL: the text ends before one does. Moves on behind it. */
static char *line_of(char **at, const char *end)
{
    char *line = *at;
    char *feed = memchr(line, '\n', (size_t)(end - line));
    if (!feed) return NULL;
    *feed = 0;
    if (feed > line && feed[-1] == '\r') feed[-1] = 0;
    *at = feed + 1;
    return line;
}

static struct bytes read_headers(struct MHD_Connection *connection, char *at, const char *end)
{
    for (char *line; (line = line_of(&at, end)) && *line;) {
        char *value = strchr(line, ':');
        if (!value || value == line) continue;
        *value++ = 0;
        put(connection->headers, &connection->header_count, line, value + strspn(value, " \t"));
    }
    return bytes_of(at, (size_t)(end - at));
}

/* ---- its callbacks ----------------------------------------------------------------------------*/

typedef enum MHD_Result handle(void *ctx, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **state);

struct exchange {
    struct http *http;
    struct MHD_Connection connection;
    handle *handle;
    const char *method, *path;
    void *state;
};

/* True: it goes on. */
static bool call(struct exchange *exchange, struct bytes piece)
{
    size_t len = piece.len;
    struct fake_mhd_answer *answer = exchange->connection.answer;
    if (exchange->handle(exchange->http, &exchange->connection, exchange->path, exchange->method,
                         "HTTP/1.1", (const char *)piece.data, &len, &exchange->state) != MHD_YES) {
        answer->broken = true;
        return false;
    }
    CHECK(len == 0);
    return answer->count == 0;
}

static void run(struct exchange *exchange, struct bytes body, void (*passes)(void))
{
    struct fake_mhd_answer *answer = exchange->connection.answer;
    size_t half = body.len / 2;
    if (!call(exchange, bytes_of("", 0))) return;
    const struct http_request *request = exchange->state;
    last_route = request->route;
    if (half > 0 && !call(exchange, bytes_of(body.data, half))) return;
    if (body.len > 0 && !call(exchange, bytes_of(body.data + half, body.len - half))) return;
    while (call(exchange, bytes_of("", 0)) && answer->turns < FAKE_MHD_TURNS_MAX) {
        CHECK(exchange->connection.suspended);
        answer->turns++;
        passes();
        http_wake(exchange->http);
    }
    last_route = request->route;
}

void fake_mhd_request(struct http *http, bool over_tcp, char *text, size_t len,
                      void (*passes)(void), struct fake_mhd_answer *ret)
{
    struct exchange exchange = {.http = http,
                                .handle = over_tcp ? http_handle_tcp : http_handle_local};
    char *at = text;
    char nothing[1] = "";
    const char *end = text + len;
    *ret = (struct fake_mhd_answer){0};
    exchange.connection.answer = ret;
    last_route = NULL;
    char *method = line_of(&at, end);
    if (!method) method = nothing;
    char *target = method + strcspn(method, " ");
    if (*target) *target++ = 0;
    exchange.method = method;
    exchange.path = target;
    exchange.state = http_uri(http, target, &exchange.connection);
    char *query = strchr(target, '?');
    if (query) *query++ = 0;
    unescape(target);
    read_parameters(&exchange.connection, query);
    struct bytes body = read_headers(&exchange.connection, at, end);
    run(&exchange, body, passes);
    if (exchange.connection.suspended) ret->broken = true;
    http_completed(http, &exchange.connection, &exchange.state,
                   MHD_REQUEST_TERMINATED_COMPLETED_OK);
}
