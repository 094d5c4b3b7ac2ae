/* floor_broker PORT FOLDER: the thinnest broker of leadbus's own shape, to show what its parts
 * allow together. A bound, no design: it keeps no state of any recipient, and hands nothing out
 * again.
 *
 * One thread, one ROUTER with CURVE. It drains what has arrived, verifies the Ed25519 signature of
 * every message, appends to one log, makes each drained group durable with one fdatasync, and then
 * confirms to the producer and sends to all consumers that are there. Acknowledgements are logged
 * with the next group. Frames: 'H' hello; 'P' number signature body; 'A' number; 'K' numbers. A
 * client's routing id is two bytes: "p0", or "c" and the consumer's digit. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "tests/bench/rivals/floor_keys.h"

enum { CONSUMERS = 6, LOG_LEN_MAX = 8 << 20, LOG_HIGH = LOG_LEN_MAX - 65536, HIGH_WATER = 100000 };

struct floor {
    void *router;
    int log;
    uint8_t *pending; /* of the log */
    size_t pending_len;
    bool present[CONSUMERS];
    uint8_t sign_public[32];
    char producer[2];
    size_t count; /* of the group */
    zmq_msg_t messages[FLOOR_GROUP_MAX];
};

static _Noreturn void fail(const char *what)
{
    (void)fprintf(stderr, "floor: %s: %s\n", what, zmq_strerror(errno));
    exit(1);
}

static void set(void *socket, int option, const void *value, size_t len)
{
    if (zmq_setsockopt(socket, option, value, len) != 0) fail("option");
}

static void listen_on(struct floor *floor, const char *port)
{
    const int one = 1, high_water = HIGH_WATER;
    char endpoint[64], secret_text[41];
    uint8_t public_key[32], secret[32];
    floor_transport_keys(public_key, secret);
    if (!zmq_z85_encode(secret_text, secret, sizeof secret)) fail("key");
    floor->router = zmq_socket(zmq_ctx_new(), ZMQ_ROUTER);
    if (!floor->router) fail("socket");
    set(floor->router, ZMQ_ROUTER_MANDATORY, &one, sizeof one);
    set(floor->router, ZMQ_SNDHWM, &high_water, sizeof high_water);
    set(floor->router, ZMQ_RCVHWM, &high_water, sizeof high_water);
    set(floor->router, ZMQ_CURVE_SERVER, &one, sizeof one);
    set(floor->router, ZMQ_CURVE_SECRETKEY, secret_text, sizeof secret_text);
    (void)snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", port);
    if (zmq_bind(floor->router, endpoint) != 0) fail(endpoint);
}

/* Takes the message. A consumer that went away gets nothing more. */
static void send_to(const struct floor *floor, const char id[2], zmq_msg_t *message)
{
    if (zmq_send(floor->router, id, 2, ZMQ_SNDMORE) < 0 ||
        zmq_msg_send(message, floor->router, 0) < 0) {
        if (errno != EHOSTUNREACH) fail("send");
        (void)zmq_msg_close(message);
    }
}

static void send_bytes(const struct floor *floor, const char id[2], const void *data, size_t len)
{
    zmq_msg_t message;
    if (zmq_msg_init_size(&message, len) != 0) fail("memory");
    memcpy(zmq_msg_data(&message), data, len);
    send_to(floor, id, &message);
}

static void log_append(struct floor *floor, const void *data, size_t len)
{
    if (floor->pending_len + len > LOG_LEN_MAX) fail("log");
    memcpy(floor->pending + floor->pending_len, data, len);
    floor->pending_len += len;
}

static void log_write(struct floor *floor)
{
    if (write(floor->log, floor->pending, floor->pending_len) != (ssize_t)floor->pending_len)
        fail("log");
    floor->pending_len = 0;
}

static void take_hello(struct floor *floor, const char id[2])
{
    if (id[0] == 'c' && id[1] >= '0' && id[1] < '0' + CONSUMERS) floor->present[id[1] - '0'] = true;
    send_bytes(floor, id, "H", 1);
}

/* Goes into the group, signature and all. */
static void take_message(struct floor *floor, const char id[2], zmq_msg_t *message)
{
    const uint8_t *data = zmq_msg_data(message);
    size_t len = zmq_msg_size(message);
    if (len <= FLOOR_HEAD_LEN) fail("a short message");
    if (crypto_sign_verify_detached(data + 9, data + FLOOR_HEAD_LEN, len - FLOOR_HEAD_LEN,
                                    floor->sign_public) != 0)
        fail("signature");
    log_append(floor, &len, sizeof len);
    log_append(floor, data, len);
    memcpy(floor->producer, id, 2);
    floor->messages[floor->count++] = *message;
}

/* What has arrived, up to a group. */
static void drain(struct floor *floor)
{
    while (floor->count < FLOOR_GROUP_MAX) {
        char id[2];
        zmq_msg_t message;
        if (zmq_recv(floor->router, id, sizeof id, ZMQ_DONTWAIT) < 0) return;
        if (zmq_msg_init(&message) != 0 || zmq_msg_recv(&message, floor->router, 0) < 0)
            fail("receive");
        char type = zmq_msg_size(&message) > 0 ? *(char *)zmq_msg_data(&message) : 0;
        if (type == 'P') {
            take_message(floor, id, &message);
            continue;
        }
        if (type == 'H') take_hello(floor, id);
        if (type == 'K') log_append(floor, zmq_msg_data(&message), zmq_msg_size(&message));
        if (floor->pending_len > LOG_HIGH) log_write(floor);
        (void)zmq_msg_close(&message);
    }
}

/* Durable; now confirm and hand out. */
static void release(struct floor *floor)
{
    for (size_t i = 0; i < floor->count; i++) {
        uint8_t confirmation[9] = {'A'};
        memcpy(confirmation + 1, (const uint8_t *)zmq_msg_data(&floor->messages[i]) + 1, 8);
        send_bytes(floor, floor->producer, confirmation, sizeof confirmation);
        for (size_t k = 0; k < CONSUMERS; k++) {
            const char id[2] = {'c', (char)('0' + k)};
            zmq_msg_t copy;
            if (!floor->present[k]) continue;
            if (zmq_msg_init(&copy) != 0 || zmq_msg_copy(&copy, &floor->messages[i]) != 0)
                fail("memory");
            send_to(floor, id, &copy);
        }
        (void)zmq_msg_close(&floor->messages[i]);
    }
    floor->count = 0;
}

int main(int argc, char **argv)
{
    static struct floor floor;
    char path[1024];
    uint8_t secret[64];
    if (argc != 3 || sodium_init() < 0) {
        (void)fprintf(stderr, "floor_broker PORT FOLDER\n");
        return 64;
    }
    (void)snprintf(path, sizeof path, "%s/log", argv[2]);
    floor.log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    floor.pending = malloc(LOG_LEN_MAX);
    if (floor.log < 0 || !floor.pending) fail(path);
    floor_sign_keys(floor.sign_public, secret);
    listen_on(&floor, argv[1]);
    for (;;) {
        zmq_pollitem_t item = {.socket = floor.router, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, -1) < 0) fail("poll");
        drain(&floor);
        if (floor.count == 0) continue;
        log_write(&floor);
        if (fdatasync(floor.log) != 0) fail("fdatasync");
        release(&floor);
    }
}
