#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clients/agent/http_inner.h"
#include "proto/base/check.h"
#include "proto/host/file.h"

static int system_error(struct error *ret_error, const char *field, const char *what)
{
    return file_said(ret_error, E_IO, field, what, errno);
}

static int listen_local(struct http *http, const struct http_options *options, int *ret_fd,
                        struct error *ret_error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(options->socket_path) >= sizeof address.sun_path)
        return error_say(ret_error, E_BAD_CONFIG, "http.socket", "路径至多 %zu 字节",
                         "a path of at most %zu bytes", sizeof address.sun_path - 1);
    memcpy(address.sun_path, options->socket_path, strlen(options->socket_path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return system_error(ret_error, "http.socket", "socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0) {
        close(fd);
        return error_say(ret_error, E_STORE_LOCKED, "http.socket", "%s 上已有另一个代理在应答",
                         "another agent answers at %s", options->socket_path);
    }
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return system_error(ret_error, "http.socket", "socket");
    struct stat there;
    bool taken = lstat(options->socket_path, &there) == 0;
    if (taken && !S_ISSOCK(there.st_mode)) {
        close(fd);
        return error_say(ret_error, E_IO, options->socket_path,
                         "http.socket 处已有别的文件或文件夹：请移走，或改用其他路径",
                         "at http.socket there is something that is no socket: move it away, or "
                         "choose another path");
    }
    if (taken) (void)unlink(options->socket_path);
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

bool http_address_valid(const char *address)
{
    struct in_addr v4;
    if (inet_pton(AF_INET, address, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return strcmp(address, "::1") == 0;
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
    CHECK(http_address_valid(options->address));
    socklen_t len = sizeof address.v4;
    if (inet_pton(AF_INET, options->address, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(options->port);
    } else {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_addr = in6addr_loopback;
        address.v6.sin6_port = htons(options->port);
        len = sizeof address.v6;
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

/* The last quarter of the connections is for who has something to ask. */
static void connected(void *ctx, struct MHD_Connection *connection, void **socket_context,
                      enum MHD_ConnectionNotificationCode code)
{
    struct http *http = ctx;
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
        http_peer_free(http, socket_context);
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_DAEMON);
    bool over_tcp = info && info->daemon == http->tcp;
    http_peer_new(http, connection, over_tcp, socket_context);
    if (info && http_crowded(http, over_tcp))
        (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                        (unsigned)HTTP_CROWDED_IDLE_S_MAX);
}

static struct MHD_Daemon *start_daemon(struct http *http, MHD_AccessHandlerCallback handle, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, handle, http,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, http_completed, http,
        MHD_OPTION_NOTIFY_CONNECTION, connected, http, MHD_OPTION_URI_LOG_CALLBACK, http_uri, http,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_IDLE_S_MAX, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)HTTP_CONNECTION_COUNT_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_HEAD_BYTES_MAX, MHD_OPTION_END);
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
        start_daemon(http, ret_daemon == &http->tcp ? http_handle_tcp : http_handle_local, fd);
    if (!daemon) {
        close(fd);
        return error_say(ret_error, E_IO, "http", "HTTP 服务无法启动",
                         "the HTTP server does not start");
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
                     : error_say(ret_error, E_BAD_CONFIG, "http.token_file",
                                 "使用地址时须有访问令牌：本机任何用户都能连接端口",
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
