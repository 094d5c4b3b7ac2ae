#include "broker/shell/net.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include <zmq.h>

#include "broker/shell/clock.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/host/file.h"

enum {
    RECEIVE_BURST = 256,
    SEND_BURST = 512,
    ALONE_BYTES_MAX = 16 * 1024,
    RETRY_MS = 10,
    HEARTBEAT_IVL_MS = 10000,
    HEARTBEAT_TIMEOUT_MS = 30000,
    HEARTBEAT_TTL_MS = 60000,
    HANDSHAKE_IVL_MS = 10000,
    TCP_BACKLOG = 256,
};

/* What a peer's full pipe has not taken yet, oldest first. */
struct backlog {
    struct backlog *next;
    struct peer peer;
    struct outgoing *first, *last;
    size_t bytes;
};

struct outgoing_list {
    struct outgoing *first, *last;
    size_t count;
};

struct net {
    void *socket;
    struct counters *counters;
    struct queue *gone;
    struct outgoing_list staged; /* the engine's, until net_flush */
    pthread_mutex_t out_mutex;   /* over out */
    pthread_cond_t out_room;
    struct outgoing_list out;
    int out_bell;
    struct verify *verify;
    struct job *waiting; /* read, but the pool had no room */
    struct backlog *backlogs;
    int room_bell;
    atomic_bool reading;
    atomic_bool stopping;
    bool running;
    pthread_t thread;
};

static void list_add(struct outgoing_list *list, struct outgoing *item)
{
    item->next = NULL;
    *(list->last ? &list->last->next : &list->first) = item;
    list->last = item;
    list->count++;
}

static struct outgoing *list_take(struct outgoing_list *list)
{
    struct outgoing *item = list->first;
    if (!item) return NULL;
    list->first = item->next;
    if (!list->first) list->last = NULL;
    list->count--;
    return item;
}

static void list_append(struct outgoing_list *list, struct outgoing_list *take_tail)
{
    if (!take_tail->first) return;
    *(list->last ? &list->last->next : &list->first) = take_tail->first;
    list->last = take_tail->last;
    list->count += take_tail->count;
    *take_tail = (struct outgoing_list){0};
}

static void outgoing_free(struct outgoing *item)
{
    buf_fini(&item->frame);
    free(item);
}

static void list_free(struct outgoing_list *list)
{
    for (struct outgoing *item; (item = list_take(list));) outgoing_free(item);
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int configure(void *socket, const uint8_t *server_secret)
{
    int64_t frame_max = LIMIT_FRAME_BYTES_MAX;
    return set_int(socket, ZMQ_ROUTER_MANDATORY, 1) || set_int(socket, ZMQ_ROUTER_HANDOVER, 0) ||
           set_int(socket, ZMQ_SNDHWM, NET_HWM) || set_int(socket, ZMQ_RCVHWM, NET_HWM) ||
           set_int(socket, ZMQ_LINGER, NET_LINGER_MS) ||
           set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_IVL_MS) ||
           set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) ||
           set_int(socket, ZMQ_HEARTBEAT_TTL, HEARTBEAT_TTL_MS) ||
           set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_IVL_MS) ||
           set_int(socket, ZMQ_BACKLOG, TCP_BACKLOG) || set_int(socket, ZMQ_IPV6, 1) ||
           zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_max, sizeof frame_max) ||
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) ||
           set_int(socket, ZAP_ENFORCE_DOMAIN_OPTION, 1) || set_int(socket, ZMQ_CURVE_SERVER, 1) ||
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server_secret, 32);
}

static void net_free(struct net *net)
{
    if (net->socket) zmq_close(net->socket);
    list_free(&net->staged);
    list_free(&net->out);
    pthread_mutex_destroy(&net->out_mutex);
    pthread_cond_destroy(&net->out_room);
    if (net->out_bell >= 0) close(net->out_bell);
    if (net->room_bell >= 0) close(net->room_bell);
    job_free(net->waiting);
    free(net);
}

int net_open(void *zmq_context, const uint8_t server_secret[static 32], struct zap *zap,
             struct counters *counters, struct queue *gone, struct net **ret_net,
             struct error *ret_error)
{
    struct net *net = (struct net *)calloc(1, sizeof *net);
    if (!net) return error_set(ret_error, E_NO_MEMORY, NULL, "net");
    net->counters = counters;
    net->gone = gone;
    net->room_bell = net->out_bell = -1;
    CHECK(pthread_mutex_init(&net->out_mutex, NULL) == 0);
    CHECK(pthread_cond_init(&net->out_room, NULL) == 0);
    atomic_init(&net->reading, true);
    atomic_init(&net->stopping, false);
    int code = bell_init(&net->out_bell, ret_error);
    if (!code) code = bell_init(&net->room_bell, ret_error);
    if (code) goto out;
    const char *monitor = "inproc://leadbusd.net.monitor";
    net->socket = zmq_socket(zmq_context, ZMQ_ROUTER);
    if (!net->socket || configure(net->socket, server_secret) ||
        zmq_socket_monitor(net->socket, monitor, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)) {
        code = file_said(ret_error, E_NETWORK, "router", NULL, zmq_errno());
        goto out;
    }
    code = zap_watch(zap, monitor, ret_error);
out:
    if (code) {
        net_free(net);
        return code;
    }
    *ret_net = net;
    return 0;
}

int net_bind(struct net *net, const char *endpoint, char ret_bound[NET_ENDPOINT_LEN_MAX + 1],
             struct error *ret_error)
{
    char bound[NET_ENDPOINT_LEN_MAX + 1];
    size_t len = sizeof bound;
    if (zmq_bind(net->socket, endpoint) ||
        zmq_getsockopt(net->socket, ZMQ_LAST_ENDPOINT, bound, &len))
        return file_said(ret_error, E_NETWORK, endpoint, NULL, zmq_errno());
    /* With IPv6 on, libzmq says an IPv4 address as a mapped one; people gave it without. */
    static const char mapped[] = "tcp://[::ffff:";
    const char *end = strrchr(bound, ']');
    if (strncmp(bound, mapped, sizeof mapped - 1) == 0 && strchr(bound, '.') && end)
        (void)snprintf(ret_bound, NET_ENDPOINT_LEN_MAX + 1, "tcp://%.*s%s",
                       (int)(end - bound - (long)sizeof mapped + 1), bound + sizeof mapped - 1,
                       end + 1);
    else
        memcpy(ret_bound, bound, sizeof bound);
    return 0;
}

int net_room_bell(const struct net *net)
{
    return net->room_bell;
}

/* ---- in ------------------------------------------------------------------------------------ */

static uint64_t user_id(zmq_msg_t *frame)
{
    const char *text = zmq_msg_gets(frame, "User-Id");
    if (!text || !*text) return 0;
    char *end;
    errno = 0;
    unsigned long long serial = strtoull(text, &end, 10);
    return *end || errno ? 0 : serial;
}

/* A whole message: its routing id and its one frame, or NULL with *ret_empty = true when there is
 * none, false when it was dropped. */
static struct job *receive(struct net *net, bool *ret_empty)
{
    zmq_msg_t routing, frame;
    zmq_msg_init(&routing);
    *ret_empty = zmq_msg_recv(&routing, net->socket, ZMQ_DONTWAIT) < 0;
    if (*ret_empty) {
        zmq_msg_close(&routing);
        return NULL;
    }
    zmq_msg_init(&frame);
    size_t count = 0;
    for (int more = zmq_msg_more(&routing); more; count++) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, net->socket, 0) < 0) {
            zmq_msg_close(&part);
            break;
        }
        more = zmq_msg_more(&part);
        if (count == 0) zmq_msg_move(&frame, &part);
        zmq_msg_close(&part);
    }
    struct job *job = NULL;
    uint64_t serial = count ? user_id(&frame) : 0;
    counters_add(&net->counters->frames_in, 1);
    counters_add(&net->counters->bytes_in, zmq_msg_size(&frame));
    if (!serial)
        counters_add(&net->counters->dropped_unauthenticated, 1);
    else if (count != 1)
        counters_add(&net->counters->dropped_frame_count, 1);
    else if (zmq_msg_size(&routing) > PEER_ID_LEN_MAX)
        counters_add(&net->counters->dropped_routing_id, 1);
    else
        job = (struct job *)calloc(1, sizeof *job);
    if (job) {
        job->serial = serial;
        job->peer.len = (uint8_t)zmq_msg_size(&routing);
        memcpy(job->peer.id, zmq_msg_data(&routing), job->peer.len);
        job->frame_len = zmq_msg_size(&frame);
        if (job->frame_len) buf_append(&job->input, zmq_msg_data(&frame), job->frame_len);
    }
    zmq_msg_close(&routing);
    zmq_msg_close(&frame);
    return job;
}

static bool socket_readable(struct net *net)
{
    int events = 0;
    size_t len = sizeof events;
    return zmq_getsockopt(net->socket, ZMQ_EVENTS, &events, &len) == 0 && (events & ZMQ_POLLIN);
}

/* True: there may be more. */
static bool read_some(struct net *net)
{
    for (int i = 0; i < RECEIVE_BURST; i++) {
        bool empty = false;
        if (!net->waiting && !atomic_load(&net->reading)) return false;
        if (!net->waiting) net->waiting = receive(net, &empty);
        if (empty) return false;
        if (!net->waiting) continue;
        /* One frame alone is checked here: waking another thread would take longer. */
        bool alone = i == 0 && net->waiting->frame_len <= ALONE_BYTES_MAX && !socket_readable(net);
        if (!verify_offer(net->verify, net->waiting, alone)) return false;
        net->waiting = NULL;
    }
    return true;
}

/* ---- out ----------------------------------------------------------------------------------- */

static struct backlog **backlog_of(struct net *net, const struct peer *peer)
{
    struct backlog **place = &net->backlogs;
    while (*place && !peer_equal(&(*place)->peer, peer)) place = &(*place)->next;
    return place;
}

static void backlog_drop(struct backlog **place)
{
    struct backlog *backlog = *place;
    *place = backlog->next;
    while (backlog->first) {
        struct outgoing *item = backlog->first;
        backlog->first = item->next;
        outgoing_free(item);
    }
    free(backlog);
}

static void tell_gone(struct net *net, const struct peer *peer)
{
    struct peer *told = (struct peer *)malloc(sizeof *told);
    CHECK(told != NULL);
    *told = *peer;
    /* Full only when the core is far behind; the same peer will be noticed again. */
    if (!queue_try_push(net->gone, told)) free(told);
}

/* 0: the pipe took it; EAGAIN: full; anything else: there is no such connection any more. */
static int send_now(struct net *net, const struct outgoing *item)
{
    if (zmq_send(net->socket, item->peer.id, item->peer.len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
        return zmq_errno();
    if (zmq_send(net->socket, item->frame.data, item->frame.len, ZMQ_DONTWAIT) < 0)
        return zmq_errno();
    counters_add(&net->counters->frames_out, 1);
    counters_add(&net->counters->bytes_out, item->frame.len);
    return 0;
}

static void postpone(struct net *net, struct backlog **place, struct outgoing *item)
{
    if (!*place) {
        struct backlog *made = (struct backlog *)calloc(1, sizeof *made);
        CHECK(made != NULL);
        made->peer = item->peer;
        *place = made;
    }
    struct backlog *backlog = *place;
    item->next = NULL;
    if (backlog->last && backlog->first)
        backlog->last->next = item;
    else
        backlog->first = item;
    backlog->last = item;
    backlog->bytes += item->frame.len;
    if (backlog->bytes <= NET_BACKLOG_BYTES_MAX) return;
    counters_add(&net->counters->dropped_slow, 1);
    tell_gone(net, &backlog->peer);
    backlog_drop(place);
}

static void send_or_postpone(struct net *net, struct outgoing *item)
{
    struct backlog **place = backlog_of(net, &item->peer);
    if (*place) {
        postpone(net, place, item);
        return;
    }
    int reason = send_now(net, item);
    if (reason == EAGAIN) {
        postpone(net, place, item);
        return;
    }
    if (reason) tell_gone(net, &item->peer);
    outgoing_free(item);
}

static void retry_backlogs(struct net *net)
{
    for (struct backlog **place = &net->backlogs; *place;) {
        struct backlog *backlog = *place;
        int reason = 0;
        while (backlog->first && !(reason = send_now(net, backlog->first))) {
            struct outgoing *item = backlog->first;
            backlog->first = item->next;
            backlog->bytes -= item->frame.len;
            outgoing_free(item);
        }
        if (reason && reason != EAGAIN) tell_gone(net, &backlog->peer);
        if (!backlog->first || (reason && reason != EAGAIN))
            backlog_drop(place);
        else
            place = &backlog->next;
    }
}

/* What was handed over, a burst at a time. True: there is more. */
static bool send_some(struct net *net)
{
    struct outgoing_list burst = {0};
    bell_clear(net->out_bell);
    pthread_mutex_lock(&net->out_mutex);
    while (burst.count < SEND_BURST && net->out.first) list_add(&burst, list_take(&net->out));
    bool more = net->out.count > 0;
    if (burst.count) pthread_cond_signal(&net->out_room);
    pthread_mutex_unlock(&net->out_mutex);
    for (struct outgoing *item; (item = list_take(&burst));) send_or_postpone(net, item);
    return more;
}

/* ---- the thread ---------------------------------------------------------------------------- */

static void *run(void *ctx)
{
    struct net *net = ctx;
    uint64_t stop_at_ms = 0;
    bool more_in = false, more_out = false;
    for (;;) {
        bool reading = atomic_load(&net->reading) && !net->waiting;
        zmq_pollitem_t items[3] = {
            {.fd = net->out_bell, .events = ZMQ_POLLIN},
            {.fd = net->room_bell, .events = ZMQ_POLLIN},
            {.socket = net->socket, .events = ZMQ_POLLIN},
        };
        long wait_ms = more_in || more_out ? 0 : net->backlogs ? RETRY_MS : 1000;
        if (zmq_poll(items, reading ? 3 : 2, wait_ms) < 0) {
            CHECK(zmq_errno() == EINTR);
            continue;
        }
        if (items[1].revents) bell_clear(net->room_bell);
        if (net->backlogs) retry_backlogs(net);
        more_out = send_some(net);
        more_in = false;
        if (atomic_load(&net->reading) || net->waiting) more_in = read_some(net);
        if (!atomic_load(&net->stopping)) continue;
        uint64_t now_ms = clock_monotonic_ms();
        if (!stop_at_ms) stop_at_ms = now_ms + NET_LINGER_MS;
        /* Nothing is handed over any more: what is not sent by now was seen above. */
        if ((!more_out && !net->backlogs) || now_ms > stop_at_ms) break;
    }
    while (net->backlogs) backlog_drop(&net->backlogs);
    zmq_socket_monitor(net->socket, NULL, 0);
    zmq_close(net->socket);
    net->socket = NULL;
    return NULL;
}

int net_run(struct net *net, struct verify *verify, struct error *ret_error)
{
    net->verify = verify;
    if (pthread_create(&net->thread, NULL, run, net))
        return error_set(ret_error, E_NO_MEMORY, NULL, "thread of net");
    net->running = true;
    return 0;
}

void net_send(struct net *net, const struct peer *peer, struct buf *take_frame)
{
    struct outgoing *item = (struct outgoing *)malloc(sizeof *item);
    CHECK(item != NULL);
    *item = (struct outgoing){.peer = *peer, .frame = *take_frame};
    *take_frame = (struct buf){0};
    list_add(&net->staged, item);
}

void net_flush(struct net *net)
{
    if (!net->staged.first) return;
    pthread_mutex_lock(&net->out_mutex);
    while (net->out.count >= NET_OUT_COUNT_MAX) pthread_cond_wait(&net->out_room, &net->out_mutex);
    bool was_empty = net->out.count == 0;
    list_append(&net->out, &net->staged);
    pthread_mutex_unlock(&net->out_mutex);
    if (was_empty) bell_ring(net->out_bell);
}

void net_stop_reading(struct net *net)
{
    atomic_store(&net->reading, false);
    bell_ring(net->room_bell);
}

void net_stop(struct net *take_net)
{
    if (!take_net) return;
    atomic_store(&take_net->reading, false);
    atomic_store(&take_net->stopping, true);
    bell_ring(take_net->room_bell);
    if (take_net->running) pthread_join(take_net->thread, NULL);
    net_free(take_net);
}
