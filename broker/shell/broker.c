#include "broker/shell/broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "broker/shell/clock.h"
#include "broker/shell/engine.h"
#include "broker/shell/journal.h"
#include "broker/shell/zap.h"
#include "proto/host/log.h"

enum { GONE_COUNT_MAX = 4096 };

/* Everything that runs. Zeroed members are not there. */
struct broker {
    const struct settings *settings;
    const struct keyring *keyring;
    struct counters counters;
    struct directory_box directories;
    struct uploads *uploads;
    struct disk *disk;
    struct journal journal;
    void *zmq;
    struct zap *zap;
    struct net *net;
    struct verify *verify;
    struct queue gone;
    struct engine *engine;
    bool drained;
    uint64_t size; /* when drained */
    uint8_t digest[32];
    char endpoints[NET_ENDPOINT_COUNT_MAX][NET_ENDPOINT_LEN_MAX + 1];
};

/* Where a client on this machine reaches what was bound. */
static void local_endpoint(const char *bound, char ret_endpoint[NET_ENDPOINT_LEN_MAX + 1])
{
    const char *port = strrchr(bound, ':');
    if (strncmp(bound, "tcp://0.0.0.0:", 14) == 0)
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "tcp://127.0.0.1%s", port);
    else if (strncmp(bound, "tcp://[::]:", 11) == 0)
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "tcp://[::1]%s", port);
    else
        snprintf(ret_endpoint, NET_ENDPOINT_LEN_MAX + 1, "%s", bound);
}

static int open_network(struct broker *broker, struct error *ret_error)
{
    const struct settings *settings = broker->settings;
    broker->zmq = zmq_ctx_new();
    if (!broker->zmq) return error_set(ret_error, E_NO_MEMORY, NULL, "zmq");
    int code = zap_start(broker->zmq, &broker->directories, &broker->counters,
                         settings->connection_count_max, &broker->zap, ret_error);
    if (!code)
        code = net_open(broker->zmq, broker->keyring->transport_secret, broker->zap,
                        &broker->counters, &broker->gone, &broker->net, ret_error);
    for (size_t i = 0; !code && i < settings->endpoint_count; i++) {
        char local[NET_ENDPOINT_LEN_MAX + 1];
        code = net_bind(broker->net, settings->endpoints[i], broker->endpoints[i], ret_error);
        if (code) break;
        local_endpoint(broker->endpoints[i], local);
        code = zap_prove(broker->zmq, local, broker->keyring->transport_public, ret_error);
        if (!code) log_info("listening", log_text("endpoint", broker->endpoints[i]));
    }
    if (!code) zap_serving(broker->zap);
    return code;
}

static int start(struct broker *broker, struct error *ret_error)
{
    const struct settings *settings = broker->settings;
    uint8_t hash_key[16];
    directory_box_init(&broker->directories);
    clock_random(hash_key, sizeof hash_key);
    int code = queue_init(&broker->gone, GONE_COUNT_MAX, true, ret_error);
    if (!code)
        code = uploads_new(settings->upload_bytes_max, settings->day_bytes_max,
                           settings->upload_keep_ms, hash_key, &broker->uploads, ret_error);
    if (!code)
        code =
            journal_open(settings, broker->keyring, broker->uploads, &broker->journal, ret_error);
    if (!code) code = disk_start(settings->chunks, &broker->disk, ret_error);
    if (!code)
        code = directory_box_publish(&broker->directories, core_bundle(broker->journal.core),
                                     ret_error);
    if (!code) code = open_network(broker, ret_error);
    if (!code)
        code = verify_start(settings->thread_count, &broker->directories,
                            net_room_bell(broker->net), &broker->verify, ret_error);
    if (!code) code = writer_start(broker->journal.writer, ret_error);
    if (code) return code;
    const struct engine_parts parts = {.core = broker->journal.core,
                                       .writer = broker->journal.writer,
                                       .reader = broker->journal.reader,
                                       .verify = broker->verify,
                                       .net = broker->net,
                                       .gone = &broker->gone,
                                       .directories = &broker->directories,
                                       .uploads = broker->uploads,
                                       .disk = broker->disk,
                                       .chunks = settings->chunks,
                                       .counters = &broker->counters,
                                       .log_public = broker->keyring->witness_public,
                                       .checkpoint = buf_bytes(&broker->journal.checkpoint),
                                       .wal_bytes_alarm = settings->wal_bytes_alarm,
                                       .credit_max = settings->limits.credit_max,
                                       .session_count_max = settings->connection_count_max};
    code = engine_start(&parts, &broker->engine, ret_error);
    if (code) return code;
    broker->journal.core = NULL; /* the engine's now */
    return net_run(broker->net, broker->verify, ret_error);
}

void broker_drain(struct broker *broker)
{
    if (broker->drained) return;
    broker->drained = true;
    if (broker->net) net_stop_reading(broker->net);
    if (broker->engine) engine_stop(broker->engine, &broker->size, broker->digest);
}

void broker_stop(struct broker *take_broker)
{
    if (!take_broker) return;
    broker_drain(take_broker);
    net_stop(take_broker->net);
    verify_stop(take_broker->verify);
    zap_stop(take_broker->zap);
    if (take_broker->zmq) zmq_ctx_term(take_broker->zmq);
    if (take_broker->engine)
        log_info("stopped", log_u64("size", take_broker->size),
                 log_hex("digest", bytes_of(take_broker->digest, sizeof take_broker->digest)));
    engine_free(take_broker->engine);
    disk_stop(take_broker->disk);
    uploads_free(take_broker->uploads);
    journal_fini(&take_broker->journal);
    for (void *peer; take_broker->gone.items && (peer = queue_try_pop(&take_broker->gone));)
        free(peer);
    queue_fini(&take_broker->gone);
    directory_box_fini(&take_broker->directories);
    free(take_broker);
}

int broker_start(const struct settings *settings, const struct keyring *keyring,
                 struct broker **ret_broker, struct error *ret_error)
{
    struct broker *broker = (struct broker *)calloc(1, sizeof *broker);
    if (!broker) return error_set(ret_error, E_NO_MEMORY, NULL, "broker");
    broker->settings = settings;
    broker->keyring = keyring;
    clock_start();
    int code = start(broker, ret_error);
    if (code) {
        broker_stop(broker);
        return code;
    }
    *ret_broker = broker;
    return 0;
}

const char *broker_endpoint(const struct broker *broker, size_t i)
{
    return i < broker->settings->endpoint_count ? broker->endpoints[i] : NULL;
}

void broker_offer_bundle(struct broker *broker, struct buf *take_bundle, const char *path)
{
    engine_offer_bundle(broker->engine, take_bundle, path);
}

void broker_status(struct broker *broker, struct buf *buf)
{
    engine_status(broker->engine, buf);
}

uint64_t broker_rounds(const struct broker *broker)
{
    return engine_rounds(broker->engine);
}
