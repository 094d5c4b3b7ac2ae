#include "clients/lib/io.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

#include "proto/base/limits.h"
#include "proto/host/file.h"

enum { IO_HWM = 16384, IO_HANDSHAKE_MS = 10000, IO_LINGER_MS = 1000 };

struct io {
    void *context, *socket, *monitor;
    int epoll;
    uint8_t public_key[32], secret_key[32], server_key[32];
    char endpoint[IO_ENDPOINT_LEN_MAX + 1];
    bool connected;
    uint64_t since_ms, next_ms, pause_ms, dropped, sockets;
};

int io_new(const uint8_t public_key[32], const uint8_t secret_key[32], struct io **ret_io,
           struct error *ret_error)
{
    struct io *io = calloc(1, sizeof *io);
    if (!io) return error_set(ret_error, E_NO_MEMORY, NULL, "io");
    io->epoll = epoll_create1(EPOLL_CLOEXEC);
    io->context = zmq_ctx_new();
    if (io->epoll < 0 || !io->context) {
        int code = file_said(ret_error, E_NETWORK, "zmq", NULL, errno);
        io_free(io);
        return code;
    }
    memcpy(io->public_key, public_key, 32);
    memcpy(io->secret_key, secret_key, 32);
    io->pause_ms = IO_PAUSE_MIN_MS;
    io->next_ms = UINT64_MAX;
    *ret_io = io;
    return 0;
}

static void watch(struct io *io, void *socket, int operation)
{
    int fd = -1;
    size_t len = sizeof fd;
    struct epoll_event event = {.events = EPOLLIN};
    if (socket && zmq_getsockopt(socket, ZMQ_FD, &fd, &len) == 0)
        (void)epoll_ctl(io->epoll, operation, fd, &event);
}

static void shut(struct io *io)
{
    if (io->socket) {
        watch(io, io->socket, EPOLL_CTL_DEL);
        (void)zmq_socket_monitor(io->socket, NULL, 0);
    }
    if (io->monitor) {
        watch(io, io->monitor, EPOLL_CTL_DEL);
        (void)zmq_close(io->monitor);
    }
    if (io->socket) (void)zmq_close(io->socket);
    io->socket = io->monitor = NULL;
    io->connected = false;
}

void io_free(struct io *io)
{
    if (!io) return;
    shut(io);
    if (io->context) (void)zmq_ctx_term(io->context);
    if (io->epoll >= 0) (void)close(io->epoll);
    sodium_memzero(io, sizeof *io);
    free(io);
}

int io_fd(const struct io *io)
{
    return io->epoll;
}

void io_target(struct io *io, const char *endpoint, const uint8_t server_key[32])
{
    (void)snprintf(io->endpoint, sizeof io->endpoint, "%s", endpoint);
    memcpy(io->server_key, server_key, 32);
    if (!io->socket && io->next_ms == UINT64_MAX) io->next_ms = 0;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static bool configure(struct io *io)
{
    int64_t frame_max = LIMIT_FRAME_BYTES_MAX;
    void *socket = io->socket;
    return !(set_int(socket, ZMQ_LINGER, IO_LINGER_MS) || set_int(socket, ZMQ_SNDHWM, IO_HWM) ||
             set_int(socket, ZMQ_RCVHWM, IO_HWM) || set_int(socket, ZMQ_RECONNECT_IVL, -1) ||
             set_int(socket, ZMQ_IPV6, 1) || set_int(socket, ZMQ_IMMEDIATE, 1) ||
             set_int(socket, ZMQ_HANDSHAKE_IVL, IO_HANDSHAKE_MS) ||
             set_int(socket, ZMQ_HEARTBEAT_IVL, 10000) ||
             set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 30000) ||
             set_int(socket, ZMQ_HEARTBEAT_TTL, 60000) ||
             zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) ||
             zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, io->server_key, 32) ||
             zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, io->public_key, 32) ||
             zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, io->secret_key, 32));
}

static bool open_socket(struct io *io)
{
    char address[64];
    int events = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED |
                 ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_CONNECT_RETRIED;
    (void)snprintf(address, sizeof address, "inproc://leadbus.monitor.%" PRIu64, ++io->sockets);
    io->socket = zmq_socket(io->context, ZMQ_DEALER);
    io->monitor = zmq_socket(io->context, ZMQ_PAIR);
    if (!io->socket || !io->monitor || !configure(io) ||
        zmq_socket_monitor(io->socket, address, events) || set_int(io->monitor, ZMQ_LINGER, 0) ||
        zmq_connect(io->monitor, address) || zmq_connect(io->socket, io->endpoint))
        return false;
    watch(io, io->socket, EPOLL_CTL_ADD);
    watch(io, io->monitor, EPOLL_CTL_ADD);
    return true;
}

void io_drop(struct io *io, uint64_t now_ms, uint64_t wait_ms)
{
    shut(io);
    uint64_t pause_ms = io->pause_ms > wait_ms ? io->pause_ms : wait_ms;
    /* Jitter, so that a restarted broker does not meet every agent at once. */
    io->next_ms = now_ms + pause_ms / 2 + randombytes_uniform((uint32_t)(pause_ms / 2 + 1));
    io->pause_ms = io->pause_ms * 2 > IO_PAUSE_MAX_MS ? IO_PAUSE_MAX_MS : io->pause_ms * 2;
}

void io_tick(struct io *io, uint64_t now_ms)
{
    if (io->socket && !io->connected && now_ms - io->since_ms > IO_HANDSHAKE_MS)
        io_drop(io, now_ms, 0);
    if (io->socket || now_ms < io->next_ms) return;
    io->since_ms = now_ms;
    io->next_ms = UINT64_MAX;
    if (!open_socket(io)) io_drop(io, now_ms, 0);
}

uint64_t io_next_ms(const struct io *io)
{
    if (io->socket && !io->connected) return io->since_ms + IO_HANDSHAKE_MS + 1;
    return io->socket ? UINT64_MAX : io->next_ms;
}

enum io_event io_event(struct io *io, uint64_t now_ms)
{
    while (io->monitor) {
        uint8_t data[6];
        char where[IO_ENDPOINT_LEN_MAX + 1];
        int len = zmq_recv(io->monitor, data, sizeof data, ZMQ_DONTWAIT);
        if (len < 0) break;
        (void)zmq_recv(io->monitor, where, sizeof where, ZMQ_DONTWAIT);
        uint16_t event;
        if (len != (int)sizeof data) continue;
        memcpy(&event, data, sizeof event);
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
            io->connected = true;
            return IO_CONNECTED;
        }
        bool was = io->connected;
        io_drop(io, now_ms, 0);
        return was ? IO_LOST : IO_NOTHING;
    }
    return IO_NOTHING;
}

void io_settled(struct io *io)
{
    io->pause_ms = IO_PAUSE_MIN_MS;
}

bool io_receive(struct io *io, struct buf *ret_frame)
{
    while (io->socket) {
        zmq_msg_t message;
        (void)zmq_msg_init(&message);
        if (zmq_msg_recv(&message, io->socket, ZMQ_DONTWAIT) < 0) {
            (void)zmq_msg_close(&message);
            return false;
        }
        bool single = !zmq_msg_more(&message) && zmq_msg_size(&message) <= LIMIT_FRAME_BYTES_MAX &&
                      zmq_msg_size(&message) > 0;
        if (single) buf_append(ret_frame, zmq_msg_data(&message), zmq_msg_size(&message));
        bool more = zmq_msg_more(&message) != 0;
        (void)zmq_msg_close(&message);
        while (more) {
            (void)zmq_msg_init(&message);
            more = zmq_msg_recv(&message, io->socket, 0) >= 0 && zmq_msg_more(&message);
            (void)zmq_msg_close(&message);
        }
        if (single) return true;
        io->dropped++;
    }
    return false;
}

bool io_send(struct io *io, struct bytes frame)
{
    return io->connected && zmq_send(io->socket, frame.data, frame.len, ZMQ_DONTWAIT) >= 0;
}

bool io_readable(struct io *io)
{
    int events = 0;
    size_t len = sizeof events;
    void *sockets[2] = {io->socket, io->monitor};
    for (size_t i = 0; i < 2; i++)
        if (sockets[i] && zmq_getsockopt(sockets[i], ZMQ_EVENTS, &events, &len) == 0 &&
            (events & ZMQ_POLLIN))
            return true;
    return false;
}

uint64_t io_dropped(const struct io *io)
{
    return io->dropped;
}
