#include "broker/shell/zap.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "broker/shell/clock.h"
#include "proto/host/file.h"
#include "proto/host/log.h"

enum { FIELD_COUNT = 7, FIELD_LEN_MAX = 255, POLL_MS = 1000, SERIAL_SLOTS = 4096 };
/* Past the bound of connections a key is let in so often. */
enum { CROWDED_MS = 2000 };
enum { REFUSAL_LOG_PER_MINUTE = 20 };

struct zap {
    pthread_t thread;
    void *context;
    void *handler; /* REP */
    void *control; /* PAIR: watch <address> | stop */
    void *control_peer;
    void *monitor; /* PAIR or NULL */
    struct directory_box *directories;
    struct counters *counters;
    uint64_t connection_count_max;
    atomic_bool serving;
    uint64_t minute_ms; /* in which refusals are logged so often: */
    uint32_t logged;
    uint64_t passed_ms[SERIAL_SLOTS]; /* by serial, monotonic: when one of its keys last passed */
};

struct request {
    size_t count;
    size_t len[FIELD_COUNT];
    uint8_t data[FIELD_COUNT][FIELD_LEN_MAX];
};
enum { VERSION, REQUEST_ID, DOMAIN_NAME, ADDRESS, IDENTITY, MECHANISM, CREDENTIAL };

static int receive_request(void *socket, struct request *ret)
{
    memset(ret, 0, sizeof *ret);
    for (;;) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return -1;
        }
        size_t len = zmq_msg_size(&part);
        if (ret->count < FIELD_COUNT && len <= FIELD_LEN_MAX) {
            memcpy(ret->data[ret->count], zmq_msg_data(&part), len);
            ret->len[ret->count] = len;
        }
        ret->count++;
        int more = zmq_msg_more(&part);
        zmq_msg_close(&part);
        if (!more) return 0;
    }
}

static bool field_is(const struct request *request, size_t field, const char *text)
{
    return request->len[field] == strlen(text) &&
           memcmp(request->data[field], text, request->len[field]) == 0;
}

struct verdict {
    const char *status;
    const char *reason; /* a word of the log; NULL where it is 200 */
    uint64_t serial;    /* where the key is a certificate's */
    char unit[LIMIT_SLUG_LEN_MAX + 1];
};

static void judge_key(const struct directory_entry *entry, struct verdict *ret)
{
    uint64_t now_ms = clock_now_ms();
    *ret = (struct verdict){.status = "400", .reason = "unknown_key"};
    if (!entry) return;
    ret->serial = entry->serial;
    snprintf(ret->unit, sizeof ret->unit, "%s", entry->unit);
    if (entry->revoked)
        ret->reason = "revoked";
    else if (now_ms < entry->not_before_ms)
        ret->reason = "not_yet_valid";
    else if (now_ms >= entry->not_after_ms)
        ret->reason = "expired";
    else
        *ret = (struct verdict){.status = "200", .serial = entry->serial};
}

/* Past the bound an enrolled key still gets in, though not many times: what fills the bound may be
 * strangers who never finish their handshake. */
static void judge_crowd(struct zap *zap, struct verdict *verdict)
{
    uint64_t *passed_ms = &zap->passed_ms[verdict->serial % SERIAL_SLOTS];
    uint64_t now_ms = clock_monotonic_ms();
    bool crowded = counters_get(&zap->counters->connections) > zap->connection_count_max;
    if (crowded && *passed_ms && now_ms - *passed_ms < CROWDED_MS) {
        verdict->status = "300";
        verdict->reason = "too_many_connections";
        return;
    }
    *passed_ms = now_ms;
}

static struct verdict judge(struct zap *zap, const struct request *request)
{
    struct verdict verdict = {.status = "400", .reason = "not_curve"};
    if (request->count != FIELD_COUNT || !field_is(request, VERSION, "1.0") ||
        !field_is(request, MECHANISM, "CURVE") || request->len[CREDENTIAL] != 32 ||
        !field_is(request, DOMAIN_NAME, ZAP_DOMAIN))
        return verdict;
    const struct directory *directory = directory_get(zap->directories);
    if (!directory) return (struct verdict){.status = "300", .reason = "starting"};
    judge_key(directory_by_transport(directory, request->data[CREDENTIAL]), &verdict);
    directory_put(directory);
    if (!verdict.reason) judge_crowd(zap, &verdict);
    return verdict;
}

static void note_refused(struct zap *zap, const struct request *request,
                         const struct verdict *verdict)
{
    if (!atomic_load(&zap->serving)) return;
    counters_add(&zap->counters->handshakes_refused, 1);
    uint64_t now_ms = clock_monotonic_ms();
    if (now_ms - zap->minute_ms > 60000) {
        zap->minute_ms = now_ms;
        zap->logged = 0;
    }
    if (zap->logged++ >= REFUSAL_LOG_PER_MINUTE) return;
    char address[FIELD_LEN_MAX + 1];
    snprintf(address, sizeof address, "%.*s", (int)request->len[ADDRESS],
             (const char *)request->data[ADDRESS]);
    log_warn("handshake_refused", log_text("reason", verdict->reason),
             log_text("unit", verdict->unit), log_u64("serial", verdict->serial),
             log_text("address", address));
}

static void answer(struct zap *zap)
{
    struct request request;
    if (receive_request(zap->handler, &request)) return;
    struct verdict verdict = judge(zap, &request);
    char user[24] = "";
    if (verdict.reason)
        note_refused(zap, &request, &verdict);
    else
        snprintf(user, sizeof user, "%" PRIu64, verdict.serial);
    zmq_send(zap->handler, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(zap->handler, request.data[REQUEST_ID], request.len[REQUEST_ID], ZMQ_SNDMORE);
    zmq_send(zap->handler, verdict.status, 3, ZMQ_SNDMORE);
    zmq_send(zap->handler, "", 0, ZMQ_SNDMORE);
    zmq_send(zap->handler, user, strlen(user), ZMQ_SNDMORE);
    zmq_send(zap->handler, "", 0, 0);
}

/* One monitor message: u16 event, u32 value; then the address. 0, or -1 when there is none now. */
static int monitor_event(void *monitor, uint16_t *ret_event)
{
    uint8_t head[6];
    if (zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT) != sizeof head) return -1;
    memcpy(ret_event, head, sizeof *ret_event);
    char address[256];
    int more = 0;
    size_t more_len = sizeof more;
    if (zmq_getsockopt(monitor, ZMQ_RCVMORE, &more, &more_len) == 0 && more)
        (void)zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
    return 0;
}

static void follow(struct zap *zap)
{
    uint16_t event;
    while (monitor_event(zap->monitor, &event) == 0) {
        if (event == ZMQ_EVENT_ACCEPTED) counters_add(&zap->counters->connections, 1);
        if (event == ZMQ_EVENT_DISCONNECTED && counters_get(&zap->counters->connections) > 0)
            counters_add(&zap->counters->connections, (uint64_t)-1);
    }
}

/* False: stop. */
static bool obey(struct zap *zap)
{
    char address[128];
    int len = zmq_recv(zap->control, address, sizeof address - 1, 0);
    if (len <= 0 || len >= (int)sizeof address) return false;
    address[len] = 0;
    const int linger_ms = 0;
    zap->monitor = zmq_socket(zap->context, ZMQ_PAIR);
    if (zap->monitor) {
        zmq_setsockopt(zap->monitor, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        if (zmq_connect(zap->monitor, address)) {
            zmq_close(zap->monitor);
            zap->monitor = NULL;
        }
    }
    zmq_send(zap->control, zap->monitor ? "+" : "-", 1, 0);
    return true;
}

static void *run(void *ctx)
{
    struct zap *zap = ctx;
    for (bool go = true; go;) {
        zmq_pollitem_t items[3] = {{.socket = zap->control, .events = ZMQ_POLLIN},
                                   {.socket = zap->handler, .events = ZMQ_POLLIN},
                                   {.socket = zap->monitor, .events = ZMQ_POLLIN}};
        if (zmq_poll(items, zap->monitor ? 3 : 2, POLL_MS) < 0) continue;
        if (items[1].revents) answer(zap);
        if (zap->monitor && items[2].revents) follow(zap);
        if (items[0].revents) go = obey(zap);
    }
    if (zap->monitor) zmq_close(zap->monitor);
    zmq_close(zap->handler);
    zmq_close(zap->control);
    return NULL;
}

static void *quick_socket(void *context, int type)
{
    const int linger_ms = 0;
    void *socket = zmq_socket(context, type);
    if (socket) zmq_setsockopt(socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    return socket;
}

int zap_start(void *zmq_context, struct directory_box *directories, struct counters *counters,
              uint64_t connection_count_max, struct zap **ret_zap, struct error *ret_error)
{
    struct zap *zap = (struct zap *)calloc(1, sizeof *zap);
    if (!zap) return error_set(ret_error, E_NO_MEMORY, NULL, "zap");
    *zap = (struct zap){.context = zmq_context,
                        .directories = directories,
                        .counters = counters,
                        .connection_count_max = connection_count_max};
    zap->handler = quick_socket(zmq_context, ZMQ_REP);
    zap->control = quick_socket(zmq_context, ZMQ_PAIR);
    zap->control_peer = quick_socket(zmq_context, ZMQ_PAIR);
    int code = 0;
    if (!zap->handler || !zap->control || !zap->control_peer ||
        zmq_bind(zap->handler, "inproc://zeromq.zap.01") ||
        zmq_bind(zap->control, "inproc://leadbusd.zap.control") ||
        zmq_connect(zap->control_peer, "inproc://leadbusd.zap.control") ||
        pthread_create(&zap->thread, NULL, run, zap)) {
        code = file_said(ret_error, E_NETWORK, "zap", NULL, zmq_errno());
        if (zap->handler) zmq_close(zap->handler);
        if (zap->control) zmq_close(zap->control);
        if (zap->control_peer) zmq_close(zap->control_peer);
        free(zap);
        return code;
    }
    *ret_zap = zap;
    return 0;
}

int zap_watch(struct zap *zap, const char *monitor_address, struct error *ret_error)
{
    char reply[1] = "";
    zmq_send(zap->control_peer, monitor_address, strlen(monitor_address), 0);
    if (zmq_recv(zap->control_peer, reply, sizeof reply, 0) != 1 || reply[0] != '+')
        return error_set(ret_error, E_NETWORK, "monitor", "%s", monitor_address);
    return 0;
}

void zap_serving(struct zap *zap)
{
    atomic_store(&zap->serving, true);
}

void zap_stop(struct zap *take_zap)
{
    if (!take_zap) return;
    zmq_send(take_zap->control_peer, "", 0, 0);
    pthread_join(take_zap->thread, NULL);
    zmq_close(take_zap->control_peer);
    free(take_zap);
}

enum proof_outcome { PROOF_REFUSED, PROOF_LET_IN, PROOF_SILENT };

/* What the monitor of a connecting socket says first about its handshake. Without CURVE, being cut
 * off before the handshake is done is a refusal as well. */
static enum proof_outcome outcome(void *monitor, bool cut_is_refusal)
{
    uint64_t deadline_ms = clock_monotonic_ms() + ZAP_PROOF_TIMEOUT_MS;
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= deadline_ms) return PROOF_SILENT;
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)(deadline_ms - now_ms)) < 0) continue;
        uint16_t event;
        while (monitor_event(monitor, &event) == 0) {
            if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return PROOF_LET_IN;
            if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return PROOF_REFUSED;
            if (cut_is_refusal &&
                (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
                 event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL || event == ZMQ_EVENT_DISCONNECTED))
                return PROOF_REFUSED;
        }
    }
}

static int prove_one(void *context, const char *endpoint, const uint8_t *server_public,
                     struct error *ret_error)
{
    int code = error_say(ret_error, E_ZAP_NOT_ENFORCED, endpoint, "无法检验：%s",
                         "cannot be tried: %s", zmq_strerror(zmq_errno()));
    char address[64];
    uint64_t nonce;
    clock_random(&nonce, sizeof nonce);
    snprintf(address, sizeof address, "inproc://leadbusd.proof.%016" PRIx64, nonce);
    void *socket = quick_socket(context, ZMQ_DEALER);
    void *monitor = quick_socket(context, ZMQ_PAIR);
    if (!socket || !monitor) goto out;
    if (server_public) {
        uint8_t public_key[32], secret_key[32];
        clock_random(secret_key, sizeof secret_key);
        int failed = crypto_scalarmult_base(public_key, secret_key) ||
                     zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 32) ||
                     zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 32) ||
                     zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 32);
        sodium_memzero(secret_key, sizeof secret_key);
        if (failed) goto out;
    }
    if (zmq_socket_monitor(socket, address, ZMQ_EVENT_ALL) || zmq_connect(monitor, address) ||
        zmq_connect(socket, endpoint))
        goto out;
    switch (outcome(monitor, server_public == NULL)) {
    case PROOF_REFUSED: code = 0; break;
    case PROOF_LET_IN:
        code = error_set(ret_error, E_ZAP_NOT_ENFORCED, endpoint, "%s was let in",
                         server_public ? "an unknown key" : "a connection without CURVE");
        break;
    case PROOF_SILENT:
        code = error_set(ret_error, E_ZAP_NOT_ENFORCED, endpoint, "no answer to %s in %d ms",
                         server_public ? "an unknown key" : "a connection without CURVE",
                         (int)ZAP_PROOF_TIMEOUT_MS);
        break;
    }
out:
    if (socket) {
        zmq_socket_monitor(socket, NULL, 0);
        zmq_close(socket);
    }
    if (monitor) zmq_close(monitor);
    return code;
}

int zap_prove(void *zmq_context, const char *endpoint, const uint8_t server_public[static 32],
              struct error *ret_error)
{
    int code = prove_one(zmq_context, endpoint, server_public, ret_error);
    if (!code) code = prove_one(zmq_context, endpoint, NULL, ret_error);
    return code;
}
