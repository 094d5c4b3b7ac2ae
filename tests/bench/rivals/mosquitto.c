/* mosquitto: MQTT at QoS 1, six persistent sessions on one topic. The library acknowledges once the
 * message was handed over. Confirmed: PUBACK. */
#include <mosquitto.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/bench/rivals/harness.h"

enum {
    QOS = 1,
    IN_FLIGHT_MAX = 1024,
    KEEPALIVE_S = 60,
    RETRY_MS = 2,
    PRODUCER = HARNESS_CONSUMERS
};

/* What the library's thread knows of a connection. */
struct session {
    struct harness *harness;
    size_t number; /* of the consumer, or PRODUCER */
    _Atomic bool settled;
    _Atomic size_t confirmed;
    struct mosquitto *client;
};

static void must(int code, const char *what)
{
    if (code != MOSQ_ERR_SUCCESS) harness_fail("%s: %s", what, mosquitto_strerror(code));
}

static void on_connect(struct mosquitto *client, void *closure, int code)
{
    struct session *session = closure;
    if (code != 0) harness_fail("connect: %d", code);
    if (session->number == PRODUCER)
        atomic_store(&session->settled, true);
    else
        must(mosquitto_subscribe(client, NULL, "bus", QOS), "subscribe");
}

static void on_subscribe(struct mosquitto *client, void *closure, int id, int count,
                         const int *granted)
{
    struct session *session = closure;
    (void)client;
    (void)id;
    if (count != 1 || granted[0] != QOS) harness_fail("subscription");
    atomic_store(&session->settled, true);
}

static void on_message(struct mosquitto *client, void *closure,
                       const struct mosquitto_message *message)
{
    const struct session *session = closure;
    (void)client;
    harness_delivered(session->harness, session->number, message->payload,
                      (size_t)message->payloadlen);
}

/* In the order of publishing: there is one connection. */
static void on_publish(struct mosquitto *client, void *closure, int id)
{
    struct session *session = closure;
    (void)client;
    (void)id;
    harness_confirmed(session->harness, atomic_fetch_add(&session->confirmed, 1));
    harness_window_free(session->harness);
}

/* Until it is connected and, a consumer, subscribed; false: the broker is not there. */
static bool session_open(struct session *session)
{
    char id[16];
    (void)mosquitto_lib_init();
    (void)snprintf(id, sizeof id, "session-%zu", session->number);
    session->client = mosquitto_new(id, session->number == PRODUCER, session);
    if (!session->client) harness_fail("client");
    must(mosquitto_int_option(session->client, MOSQ_OPT_TCP_NODELAY, 1), "nodelay");
    must(mosquitto_max_inflight_messages_set(session->client, IN_FLIGHT_MAX), "in flight");
    must(mosquitto_tls_set(session->client, session->harness->ca, NULL, NULL, NULL, NULL), "TLS");
    mosquitto_connect_callback_set(session->client, on_connect);
    mosquitto_subscribe_callback_set(session->client, on_subscribe);
    mosquitto_message_callback_set(session->client, on_message);
    mosquitto_publish_callback_set(session->client, on_publish);
    if (mosquitto_connect(session->client, "127.0.0.1", session->harness->port, KEEPALIVE_S) !=
        MOSQ_ERR_SUCCESS) {
        mosquitto_destroy(session->client);
        return false;
    }
    must(mosquitto_loop_start(session->client), "loop");
    while (!atomic_load(&session->settled)) harness_pause_ms(1);
    return true;
}

static void session_close(struct session *session)
{
    must(mosquitto_disconnect(session->client), "disconnect");
    must(mosquitto_loop_stop(session->client, false), "loop");
    mosquitto_destroy(session->client);
}

static void ping(struct harness *harness)
{
    static struct session session;
    session = (struct session){.harness = harness, .number = PRODUCER};
    while (!session_open(&session)) harness_pause_ms(RETRY_MS);
    session_close(&session);
}

static void setup(struct harness *harness)
{
    static struct session sessions[HARNESS_CONSUMERS];
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        sessions[i] = (struct session){.harness = harness, .number = i};
        if (!session_open(&sessions[i])) harness_fail("connect");
        session_close(&sessions[i]);
    }
}

static void consume(struct harness *harness, size_t consumer)
{
    static struct session sessions[HARNESS_CONSUMERS];
    struct session *session = &sessions[consumer];
    session->harness = harness;
    session->number = consumer;
    if (!session_open(session)) harness_fail("connect");
    harness_ready(harness);
    for (;;) (void)pause();
}

static void publish(struct harness *harness)
{
    static struct session session;
    session = (struct session){.harness = harness, .number = PRODUCER};
    if (!session_open(&session)) harness_fail("connect");
    harness_begin(harness);
    for (size_t i = 0; i < harness->count; i++) {
        harness_window_take(harness);
        harness_stamp(harness, i);
        must(mosquitto_publish(session.client, NULL, "bus", HARNESS_BODY_LEN, harness->body, QOS,
                               false),
             "publish");
    }
    harness_window_drain(harness);
    session_close(&session);
}

const struct rival rival = {"leadbus-rival-mosquitto", ping, setup, consume, publish};
