/* nats: JetStream, one stream in a file with six durable push consumers, every message acknowledged
 * on its own. Confirmed: the stream's own acknowledgement of the publication. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/rivals/harness.h"

enum { CONNECT_MS = 2000, SUBSCRIBE_MS = 60000, ACK_PENDING_MAX = 1024, RETRY_MS = 2 };

static void must(natsStatus status, const char *what)
{
    if (status != NATS_OK)
        harness_fail("%s: %s %s", what, natsStatus_GetText(status), nats_GetLastError(NULL));
}

static natsStatus connect_once(const struct harness *harness, natsConnection **ret)
{
    natsOptions *options = NULL;
    char url[64];
    (void)snprintf(url, sizeof url, "nats://127.0.0.1:%d", harness->port);
    must(natsOptions_Create(&options), "options");
    must(natsOptions_SetURL(options, url), "url");
    must(natsOptions_SetTimeout(options, CONNECT_MS), "timeout");
    must(natsOptions_SetSecure(options, true), "TLS");
    must(natsOptions_LoadCATrustedCertificates(options, harness->ca), "certificate");
    natsStatus status = natsConnection_Connect(ret, options);
    natsOptions_Destroy(options);
    return status;
}

static jsCtx *connect_stream(const struct harness *harness, natsConnection **ret_connection)
{
    jsCtx *stream = NULL;
    must(connect_once(harness, ret_connection), "connect");
    must(natsConnection_JetStream(&stream, *ret_connection, NULL), "JetStream");
    return stream;
}

static void ping(struct harness *harness)
{
    natsConnection *connection = NULL;
    while (connect_once(harness, &connection) != NATS_OK) harness_pause_ms(RETRY_MS);
    natsConnection_Destroy(connection);
}

static void setup(struct harness *harness)
{
    natsConnection *connection = NULL;
    jsErrCode error = 0;
    const char *subjects[] = {"bus"};
    jsCtx *stream = connect_stream(harness, &connection);
    jsStreamConfig config;
    (void)js_DeleteStream(stream, "BUS", NULL, &error); /* there is none the first time */
    (void)jsStreamConfig_Init(&config);
    config.Name = "BUS";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    config.Retention = js_InterestPolicy;
    must(js_AddStream(NULL, stream, &config, NULL, &error), "stream");
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++) {
        char name[16], subject[32];
        jsConsumerConfig consumer;
        (void)snprintf(name, sizeof name, "D%zu", i);
        (void)snprintf(subject, sizeof subject, "delivery.%zu", i);
        (void)jsConsumerConfig_Init(&consumer);
        consumer.Durable = name;
        consumer.DeliverSubject = subject;
        consumer.AckPolicy = js_AckExplicit;
        consumer.MaxAckPending = ACK_PENDING_MAX;
        must(js_AddConsumer(NULL, stream, "BUS", &consumer, NULL, &error), "consumer");
    }
    jsCtx_Destroy(stream);
    natsConnection_Destroy(connection);
}

struct reader {
    struct harness *harness;
    size_t consumer;
};

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                       void *closure)
{
    const struct reader *reader = closure;
    (void)connection;
    (void)subscription;
    harness_delivered(reader->harness, reader->consumer, natsMsg_GetData(message),
                      (size_t)natsMsg_GetDataLength(message));
    must(natsMsg_Ack(message, NULL), "acknowledge");
    natsMsg_Destroy(message);
}

static void consume(struct harness *harness, size_t consumer)
{
    struct reader reader = {harness, consumer};
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    jsErrCode error = 0;
    jsOptions wait;
    jsSubOptions options;
    char name[16];
    jsCtx *stream = connect_stream(harness, &connection);
    (void)snprintf(name, sizeof name, "D%zu", consumer);
    (void)jsOptions_Init(&wait);
    wait.Wait = SUBSCRIBE_MS;
    (void)jsSubOptions_Init(&options);
    options.Stream = "BUS";
    options.Consumer = name;
    options.ManualAck = true;
    must(js_Subscribe(&subscription, stream, "bus", on_message, &reader, &wait, &options, &error),
         "subscribe");
    must(natsConnection_Flush(connection), "flush");
    harness_ready(harness);
    for (;;) (void)pause();
}

/* The subject that it answers on ends in the message's number. */
static void on_confirmation(natsConnection *connection, natsSubscription *subscription,
                            natsMsg *message, void *closure)
{
    struct harness *harness = closure;
    const char *data = natsMsg_GetData(message), *dot = strrchr(natsMsg_GetSubject(message), '.');
    size_t len = (size_t)natsMsg_GetDataLength(message);
    (void)connection;
    (void)subscription;
    size_t number = dot ? strtoul(dot + 1, NULL, 10) : SIZE_MAX;
    if (len < 5 || memmem(data, len, "\"error\"", 7))
        harness_fail("confirmation: %.*s", (int)len, data);
    harness_confirmed(harness, number);
    natsMsg_Destroy(message);
    harness_window_free(harness);
}

static void publish(struct harness *harness)
{
    natsConnection *connection = NULL;
    natsSubscription *subscription = NULL;
    must(connect_once(harness, &connection), "connect");
    must(natsConnection_Subscribe(&subscription, connection, "_INBOX.confirm.*", on_confirmation,
                                  harness),
         "subscribe");
    must(natsSubscription_SetPendingLimits(subscription, -1, -1), "limits");
    must(natsConnection_Flush(connection), "flush");
    harness_begin(harness);
    for (size_t i = 0; i < harness->count; i++) {
        char answer[64];
        harness_window_take(harness);
        harness_stamp(harness, i);
        (void)snprintf(answer, sizeof answer, "_INBOX.confirm.%zu", i);
        must(natsConnection_PublishRequest(connection, "bus", answer, harness->body,
                                           HARNESS_BODY_LEN),
             "publish");
    }
    harness_window_drain(harness);
}

const struct rival rival = {"leadbus-rival-nats", ping, setup, consume, publish};
