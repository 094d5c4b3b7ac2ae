#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clients/agent/http_inner.h"

/* ---- the target -------------------------------------------------------------------------------
 */

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool http_uri_sound(const char *uri)
{
    for (const char *at = uri; (at = strchr(at, '%')) != NULL; at++)
        if (!is_hex(at[1]) || !is_hex(at[2]) || (at[1] == '0' && at[2] == '0')) return false;
    return true;
}

enum { PART_COUNT_MAX = 2 };

/* A path against a route's, with its {parts}. Cuts the path behind each of them. */
static bool path_matches(const char *route, char *path, const char *ret_parts[PART_COUNT_MAX])
{
    char *ends[PART_COUNT_MAX];
    size_t count = 0;
    while (*route) {
        if (*route != '{') {
            if (*route++ != *path++) return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (!len || count == PART_COUNT_MAX) return false;
        ret_parts[count] = path;
        path += len;
        ends[count++] = path;
        route = strchr(route, '}') + 1;
    }
    if (*path) return false;
    while (count > 0) *ends[--count] = 0;
    return true;
}

/* What a GET gives, a HEAD gives without its body. */
static bool method_is(const struct http_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

static void allow(struct http_request *request, const char *method)
{
    size_t len = strlen(request->allow);
    (void)snprintf(request->allow + len, sizeof request->allow - len, "%s%s%s", len ? ", " : "",
                   method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static int find_route(struct http_request *request, struct error *ret_error)
{
    size_t len = strlen(request->path);
    if (len < sizeof request->matched) {
        for (const struct http_route *route = http_routes; route->method; route++) {
            const char *parts[PART_COUNT_MAX] = {NULL, NULL};
            memcpy(request->matched, request->path, len + 1);
            if (!path_matches(route->path, request->matched, parts)) continue;
            allow(request, route->method);
            if (!method_is(route, request->method)) continue;
            request->route = route;
            request->id = parts[0];
            request->part = parts[1];
            return 0;
        }
    }
    if (!request->allow[0])
        return error_say(ret_error, E_NOT_FOUND, NULL, "没有这个路径", "no such path");
    return error_say(ret_error, E_USAGE, NULL, "此路径只接受 %s", "this path takes %s alone",
                     request->allow);
}

/* ---- parameters -------------------------------------------------------------------------------
 */

struct parameters {
    const char *known; /* "after limit wait" */
    uint32_t seen;     /* bit i: its i-th word */
    int status;
    struct error *error;
};

/* The place of a word in a list with blanks between; -1: none. */
static int word_find(const char *words, const char *word)
{
    size_t len = strlen(word);
    int index = 0;
    for (const char *at = words; *at; index++) {
        size_t its = strcspn(at, " ");
        if (its == len && memcmp(at, word, len) == 0) return index;
        at += its + strspn(at + its, " ");
    }
    return -1;
}

static enum MHD_Result look_at_parameter(void *ctx, enum MHD_ValueKind kind, const char *name,
                                         const char *value)
{
    struct parameters *all = ctx;
    (void)kind;
    int index = word_find(all->known, name);
    if (index < 0 && !*all->known)
        all->status = error_say(all->error, E_UNKNOWN_FIELD, name, "此路径不接受查询参数",
                                "this path takes no parameters");
    else if (index < 0)
        all->status = error_say(all->error, E_UNKNOWN_FIELD, name, "查询参数只有：%s",
                                "the parameters are: %s", all->known);
    else if (all->seen >> index & 1)
        all->status = error_say(all->error, E_BAD_VALUE, name, "查询参数重复", "given twice");
    else if (!value)
        all->status = error_say(all->error, E_BAD_VALUE, name, "查询参数缺少取值", "has no value");
    else
        all->seen |= 1u << index;
    return all->status ? MHD_NO : MHD_YES;
}

/* ---- headers ----------------------------------------------------------------------------------
 */

struct heads {
    unsigned lengths, encodings, hosts, tokens, keys;
    const char *encoding, *host, *token;
};

static enum MHD_Result look_at_header(void *ctx, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct heads *heads = ctx;
    (void)kind;
    if (strcasecmp(name, "Content-Length") == 0) {
        heads->lengths++;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        heads->encodings++;
        heads->encoding = value;
    } else if (strcasecmp(name, "Host") == 0) {
        heads->hosts++;
        heads->host = value;
    } else if (strcasecmp(name, "Authorization") == 0) {
        heads->tokens++;
        heads->token = value;
    } else if (strcasecmp(name, "Idempotency-Key") == 0) {
        heads->keys++;
    }
    return MHD_YES;
}

/* Where a body ends must have one answer: a proxy in front might take the other one. */
static int check_framing(const struct heads *heads, struct error *ret_error)
{
    if (heads->lengths > 1)
        return error_say(ret_error, E_BAD_FORM, "Content-Length", "出现两次", "given twice");
    if (heads->lengths && heads->encodings)
        return error_say(ret_error, E_BAD_FORM, "Transfer-Encoding",
                         "不得与 Content-Length 同时使用", "together with a Content-Length");
    if (heads->encodings > 1 ||
        (heads->encodings && (!heads->encoding || strcasecmp(heads->encoding, "chunked") != 0)))
        return error_say(ret_error, E_BAD_FORM, "Transfer-Encoding", "只支持 chunked",
                         "chunked and nothing else");
    return 0;
}

static int check_once(const struct heads *heads, struct error *ret_error)
{
    const char *twice = heads->hosts > 1    ? "Host"
                        : heads->tokens > 1 ? "Authorization"
                        : heads->keys > 1   ? "Idempotency-Key"
                                            : NULL;
    if (!twice) return 0;
    return error_say(ret_error, E_BAD_FORM, twice, "出现两次", "given twice");
}

/* A page of somebody else's whose name was made to point here names its own host. */
static bool host_is_loopback(const char *host)
{
    char name[64];
    size_t len = strcspn(host, host[0] == '[' ? "]" : ":");
    if (host[0] == '[' && host[len]) len++;
    const char *rest = host + len;
    if (!len || len >= sizeof name) return false;
    if (*rest == ':') rest += 1 + strspn(rest + 1, "0123456789");
    if (*rest) return false;
    memcpy(name, host, len);
    name[len] = 0;
    struct in_addr v4;
    return strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0 ||
           (inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

static bool token_holds(const struct http *http, const char *given)
{
    uint8_t hash[crypto_generichash_BYTES];
    if (!given || strncasecmp(given, "Bearer ", 7) != 0) return false;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)given + 7, strlen(given + 7), NULL, 0);
    return sodium_memcmp(hash, http->token_hash, sizeof hash) == 0;
}

/* Over TCP; on the socket its mode says who may. */
static int check_stranger(const struct http *http, const struct http_request *request,
                          const struct heads *heads, struct error *ret_error)
{
    if (!heads->host || !host_is_loopback(heads->host))
        return error_say(ret_error, E_HOST_NOT_ALLOWED, "Host", "须为 localhost 或回环地址",
                         "localhost or a loopback address");
    if ((request->route && request->route->open) || token_holds(http, heads->token)) return 0;
    return error_say(ret_error, E_TOKEN_INVALID, NULL, "请发送 Authorization: Bearer <令牌>",
                     "send Authorization: Bearer <token>");
}

int http_head_check(const struct http *http, struct http_request *request, unsigned *ret_status,
                    struct error *ret_error)
{
    struct heads heads = {0};
    struct error lost = {0};
    MHD_get_connection_values(request->connection, MHD_HEADER_KIND, look_at_header, &heads);
    if (!request->sound)
        return error_say(ret_error, E_BAD_FORM, NULL, "地址中有零字节或不完整的 %% 转义",
                         "a NUL or half a %% escape in the target");
    int status = check_framing(&heads, ret_error);
    if (!status) status = check_once(&heads, ret_error);
    if (status) return status;
    int found = find_route(request, &lost);
    if (request->over_tcp) status = check_stranger(http, request, &heads, ret_error);
    if (status) return status;
    if (found) {
        *ret_error = lost;
        return found;
    }
    struct parameters all = {.known = request->route->query, .error = ret_error};
    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, look_at_parameter, &all);
    if (all.status) *ret_status = 400;
    return all.status;
}
