/* rabbitmq: a fanout exchange with six quorum queues, persistent messages, publisher confirms;
 * acknowledged cumulatively, when ACK_AT_ONCE have come or no more is there; PREFETCH of them out
 * at most. */
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "tests/bench/rivals/harness.h"

enum {
    CHANNEL = 1,
    FRAME_LEN_MAX = 131072,
    PREFETCH = 256,
    CONNECT_S = 10,
    ANSWER_S = 5,
    RETRY_MS = 5,
    SENT_AT_ONCE = 16,
    ACK_AT_ONCE = 64
};

static void must(amqp_connection_state_t connection, const char *what)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        harness_fail("%s: %d %s", what, (int)reply.reply_type,
                     amqp_error_string2(reply.library_error));
}

/* NULL: it is not there, or not ready. */
static amqp_connection_state_t connect_once(const struct harness *harness)
{
    const struct timeval timeout = {.tv_sec = CONNECT_S};
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = connection ? amqp_ssl_socket_new(connection) : NULL;
    if (!socket || amqp_ssl_socket_set_cacert(socket, harness->ca) != AMQP_STATUS_OK)
        harness_fail("TLS");
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 0);
    bool good =
        amqp_socket_open_noblock(socket, "127.0.0.1", harness->port, &timeout) == AMQP_STATUS_OK &&
        amqp_login(connection, "/", 0, FRAME_LEN_MAX, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest")
                .reply_type == AMQP_RESPONSE_NORMAL &&
        amqp_channel_open(connection, CHANNEL) != NULL;
    if (good) return connection;
    (void)amqp_destroy_connection(connection);
    return NULL;
}

static amqp_connection_state_t connect_now(const struct harness *harness)
{
    amqp_connection_state_t connection = connect_once(harness);
    if (!connection) harness_fail("connect");
    return connection;
}

static void ping(struct harness *harness)
{
    amqp_connection_state_t connection;
    while (!(connection = connect_once(harness))) harness_pause_ms(RETRY_MS);
    (void)amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
}

static void queue_name(size_t consumer, char ret[16])
{
    (void)snprintf(ret, 16, "q%zu", consumer);
}

static void setup(struct harness *harness)
{
    amqp_connection_state_t connection = connect_now(harness);
    amqp_table_entry_t type = {.key = amqp_cstring_bytes("x-queue-type")};
    type.value.kind = AMQP_FIELD_KIND_UTF8;
    type.value.value.bytes = amqp_cstring_bytes("quorum");
    const amqp_table_t quorum = {1, &type};
    const amqp_bytes_t bus = amqp_cstring_bytes("bus"), none = amqp_empty_bytes;
    (void)amqp_exchange_declare(connection, CHANNEL, bus, amqp_cstring_bytes("fanout"), 0, 1, 0, 0,
                                amqp_empty_table);
    must(connection, "exchange");
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        char name[16];
        queue_name(i, name);
        amqp_bytes_t queue = amqp_cstring_bytes(name);
        (void)amqp_queue_delete(connection, CHANNEL, queue, 0, 0);
        must(connection, "delete");
        (void)amqp_queue_declare(connection, CHANNEL, queue, 0, 1, 0, 0, quorum);
        must(connection, "declare");
        (void)amqp_queue_bind(connection, CHANNEL, queue, bus, none, amqp_empty_table);
        must(connection, "bind");
    }
    (void)amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
}

/* After a kill the broker answers before its queues have elected who leads them, and throws out who
 * asks for messages until then: it is asked again. */
static amqp_connection_state_t subscribe(const struct harness *harness, size_t consumer)
{
    char name[16];
    queue_name(consumer, name);
    for (;;) {
        const struct timeval patience = {.tv_sec = ANSWER_S};
        amqp_connection_state_t connection = connect_now(harness);
        (void)amqp_set_rpc_timeout(connection, &patience);
        (void)amqp_basic_qos(connection, CHANNEL, 0, PREFETCH, 0);
        must(connection, "prefetch");
        (void)amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(name), amqp_empty_bytes, 0,
                                 0, 0, amqp_empty_table);
        amqp_rpc_reply_t reply = amqp_get_rpc_reply(connection);
        if (reply.reply_type == AMQP_RESPONSE_NORMAL) return connection;
        (void)amqp_destroy_connection(connection);
        harness_pause_ms(RETRY_MS);
    }
}

static void acknowledge(amqp_connection_state_t connection, uint64_t tag, uint64_t *acked)
{
    if (tag == *acked) return;
    if (amqp_basic_ack(connection, CHANNEL, tag, 1) != AMQP_STATUS_OK) harness_fail("acknowledge");
    *acked = tag;
}

/* A subscription that was taken may still end before its first message, for the same reason. */
static void consume(struct harness *harness, size_t consumer)
{
    static const struct timeval now = {0};
    uint64_t last = 0, acked = 0; /* delivery tags */
    bool wait = false;
    amqp_connection_state_t connection = subscribe(harness, consumer);
    harness_ready(harness);
    for (;;) {
        amqp_envelope_t envelope;
        amqp_maybe_release_buffers(connection);
        amqp_rpc_reply_t reply = amqp_consume_message(connection, &envelope, wait ? NULL : &now, 0);
        if (!wait && reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
            reply.library_error == AMQP_STATUS_TIMEOUT) {
            acknowledge(connection, last, &acked);
            wait = true;
            continue;
        }
        if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
            if (last > 0) harness_fail("consume: %s", amqp_error_string2(reply.library_error));
            (void)amqp_destroy_connection(connection);
            harness_pause_ms(RETRY_MS);
            connection = subscribe(harness, consumer);
            continue;
        }
        wait = false;
        last = envelope.delivery_tag;
        harness_delivered(harness, consumer, envelope.message.body.bytes,
                          envelope.message.body.len);
        amqp_destroy_envelope(&envelope);
        if (last - acked >= ACK_AT_ONCE) acknowledge(connection, last, &acked);
    }
}

/* Which are confirmed: tags are the numbers from 1, and one confirmation may speak for all up to
 * it. */
struct confirmations {
    bool *done; /* [count + 1] */
    size_t lowest, count;
};

static void take_confirmation(struct harness *harness, struct confirmations *confirmations,
                              const amqp_basic_ack_t *ack, size_t sent)
{
    size_t tag = ack->delivery_tag;
    if (tag == 0 || tag > sent) harness_fail("confirmation of what was not sent");
    for (size_t i = ack->multiple ? confirmations->lowest : tag; i <= tag; i++) {
        if (confirmations->done[i]) continue;
        confirmations->done[i] = true;
        confirmations->count++;
        harness_confirmed(harness, i - 1);
    }
    while (confirmations->lowest <= sent && confirmations->done[confirmations->lowest])
        confirmations->lowest++;
}

/* One frame; false: none was there, and it need not wait. */
static bool take_frame(struct harness *harness, amqp_connection_state_t connection,
                       struct confirmations *confirmations, size_t sent, bool wait)
{
    amqp_frame_t frame;
    const struct timeval none = {0};
    amqp_maybe_release_buffers(connection);
    int code = wait ? amqp_simple_wait_frame(connection, &frame)
                    : amqp_simple_wait_frame_noblock(connection, &frame, &none);
    if (code == AMQP_STATUS_TIMEOUT) return false;
    if (code != AMQP_STATUS_OK) harness_fail("frame: %s", amqp_error_string2(code));
    if (frame.frame_type != AMQP_FRAME_METHOD) return true;
    if (frame.payload.method.id != AMQP_BASIC_ACK_METHOD) harness_fail("no confirmation");
    take_confirmation(harness, confirmations, frame.payload.method.decoded, sent);
    return true;
}

static void publish(struct harness *harness)
{
    amqp_connection_state_t connection = connect_now(harness);
    const amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                .delivery_mode = AMQP_DELIVERY_PERSISTENT};
    struct confirmations confirmations = {calloc(harness->count + 2, sizeof(bool)), 1, 0};
    size_t sent = 0;
    if (!confirmations.done) harness_fail("memory");
    (void)amqp_confirm_select(connection, CHANNEL);
    must(connection, "confirms");
    harness_begin(harness);
    while (confirmations.count < harness->count) {
        for (size_t i = 0; i < SENT_AT_ONCE && sent < harness->count &&
                           sent - confirmations.count < harness->window;
             i++) {
            harness_stamp(harness, sent++);
            const amqp_bytes_t body = {HARNESS_BODY_LEN, harness->body};
            if (amqp_basic_publish(connection, CHANNEL, amqp_cstring_bytes("bus"), amqp_empty_bytes,
                                   0, 0, &persistent, body) != AMQP_STATUS_OK)
                harness_fail("publish");
        }
        bool more = true;
        while (more && confirmations.count < harness->count) {
            bool full = sent == harness->count || sent - confirmations.count >= harness->window;
            more = take_frame(harness, connection, &confirmations, sent, full);
        }
    }
    free(confirmations.done);
}

const struct rival rival = {"leadbus-rival-rabbitmq", ping, setup, consume, publish};
