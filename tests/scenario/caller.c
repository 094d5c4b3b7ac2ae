#include "tests/scenario/caller.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zmq.h>

#include "proto/base/check.h"
#include "proto/record.h"

static uint64_t clock_ms(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void caller_open(struct caller *caller, const struct town *town, const struct keyring *keyring,
                 bool curve)
{
    const int linger_ms = 0, reconnect_ms = 50;
    uint8_t public_key[32], secret_key[32];
    memset(caller, 0, sizeof *caller);
    arena_init(&caller->arena, (size_t)8 << 20);
    caller->keyring = keyring;
    caller->context = zmq_ctx_new();
    caller->socket = zmq_socket(caller->context, ZMQ_DEALER);
    CHECK(caller->socket != NULL);
    zmq_setsockopt(caller->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    zmq_setsockopt(caller->socket, ZMQ_RECONNECT_IVL, &reconnect_ms, sizeof reconnect_ms);
    if (keyring) {
        memcpy(public_key, keyring->transport_public, 32);
        memcpy(secret_key, keyring->transport_secret, 32);
    } else {
        randombytes_buf(secret_key, sizeof secret_key);
        CHECK(crypto_scalarmult_base(public_key, secret_key) == 0);
    }
    if (curve) {
        CHECK(zmq_setsockopt(caller->socket, ZMQ_CURVE_SERVERKEY,
                             town->keyrings[TOWN_BROKER].transport_public, 32) == 0);
        CHECK(zmq_setsockopt(caller->socket, ZMQ_CURVE_PUBLICKEY, public_key, 32) == 0);
        CHECK(zmq_setsockopt(caller->socket, ZMQ_CURVE_SECRETKEY, secret_key, 32) == 0);
    }
    CHECK(zmq_socket_monitor(caller->socket, "inproc://caller", ZMQ_EVENT_ALL) == 0);
    caller->monitor = zmq_socket(caller->context, ZMQ_PAIR);
    CHECK(zmq_connect(caller->monitor, "inproc://caller") == 0);
    CHECK(zmq_connect(caller->socket, town->endpoint) == 0);
}

void caller_close(struct caller *caller)
{
    if (!caller->context) return;
    zmq_socket_monitor(caller->socket, NULL, 0);
    zmq_close(caller->monitor);
    zmq_close(caller->socket);
    zmq_ctx_term(caller->context);
    arena_fini(&caller->arena);
    memset(caller, 0, sizeof *caller);
}

void caller_send_bytes(struct caller *caller, struct bytes bytes)
{
    CHECK(zmq_send(caller->socket, bytes.data, bytes.len, 0) == (int)bytes.len);
}

void caller_send(struct caller *caller, Leadbus__Frame *frame)
{
    struct buf bytes = {0};
    frame->version = 1;
    message_encode(&frame->base, &bytes);
    caller_send_bytes(caller, buf_bytes(&bytes));
    buf_fini(&bytes);
}

/* Whatever is refused, its detail is there for who reads Chinese as well. */
static void check_languages(const Leadbus__Refusal *refusal)
{
    if (!strchr(refusal->detail, ' ') || refusal->detail_zh[0]) return;
    (void)fprintf(stderr, "in English only: %s %s: %s\n", error_name(-(int)refusal->code),
                  refusal->field, refusal->detail);
    CHECK(refusal->detail_zh[0]);
}

const Leadbus__Frame *caller_receive(struct caller *caller, int deadline_ms)
{
    zmq_pollitem_t item = {.socket = caller->socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, deadline_ms) <= 0) return NULL;
    zmq_msg_t message;
    const Leadbus__Frame *frame = NULL;
    struct error error = {0};
    zmq_msg_init(&message);
    CHECK(zmq_msg_recv(&message, caller->socket, 0) >= 0);
    arena_reset(&caller->arena);
    int code = frame_decode(bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)),
                            &caller->arena, &frame, &error);
    zmq_msg_close(&message);
    CHECK(code == 0);
    if (frame->body_case == LEADBUS__FRAME__BODY_DELIVERY && frame->delivery->lane < 2) {
        caller->lanes[frame->delivery->lane].position = frame->delivery->position;
        CHECK(frame->delivery->running.len == 32);
        memcpy(caller->lanes[frame->delivery->lane].running, frame->delivery->running.data, 32);
    }
    if (frame->body_case == LEADBUS__FRAME__BODY_REFUSAL) check_languages(frame->refusal);
    return frame;
}

const Leadbus__Frame *caller_expect(struct caller *caller, Leadbus__Frame__BodyCase body)
{
    uint64_t deadline_ms = clock_ms(CLOCK_MONOTONIC) + CALLER_DEADLINE_MS;
    for (;;) {
        uint64_t now_ms = clock_ms(CLOCK_MONOTONIC);
        if (now_ms >= deadline_ms) return NULL;
        const Leadbus__Frame *frame = caller_receive(caller, (int)(deadline_ms - now_ms));
        if (!frame || frame->body_case == body) return frame;
    }
}

int caller_expect_refusal(struct caller *caller)
{
    const Leadbus__Frame *frame = caller_receive(caller, CALLER_DEADLINE_MS);
    if (!frame || frame->body_case != LEADBUS__FRAME__BODY_REFUSAL) return 0;
    return -(int)frame->refusal->code;
}

void caller_send_hello(struct caller *caller, const struct town *town, uint32_t credit,
                       void (*change)(Leadbus__HelloBody *body, void *ctx), void *ctx)
{
    const struct keyring *keyring = caller->keyring;
    Leadbus__HelloBody body = LEADBUS__HELLO_BODY__INIT;
    struct buf bytes = {0};
    uint8_t signature[64];
    (void)town;
    body.bus = (char *)(uintptr_t)TOWN_BUS;
    body.unit = (char *)(uintptr_t)keyring->unit;
    body.serial = keyring->serial;
    body.instance = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)keyring->instance};
    body.time_ms = clock_ms(CLOCK_REALTIME);
    body.bundle = 1;
    body.credit = credit;
    body.transport_key = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)keyring->transport_public};
    if (change) change(&body, ctx);
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_HELLO, buf_bytes(&bytes), keyring->identity_secret, signature);
    Leadbus__Hello hello = LEADBUS__HELLO__INIT;
    hello.body = (ProtobufCBinaryData){bytes.len, bytes.data};
    hello.signature = (ProtobufCBinaryData){sizeof signature, signature};
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_HELLO;
    frame.hello = &hello;
    caller_send(caller, &frame);
    buf_fini(&bytes);
}

bool caller_greet(struct caller *caller, const struct town *town, uint32_t credit)
{
    caller_send_hello(caller, town, credit, NULL, NULL);
    const Leadbus__Frame *frame = caller_receive(caller, CALLER_DEADLINE_MS);
    if (!frame || frame->body_case != LEADBUS__FRAME__BODY_WELCOME) return false;
    CHECK(strlen(frame->welcome->origin) < sizeof caller->origin);
    strcpy(caller->origin, frame->welcome->origin);
    return true;
}

void caller_submit(struct caller *caller, struct bytes envelope)
{
    Leadbus__Submit submit = LEADBUS__SUBMIT__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    submit.envelope = leadbus__envelope__unpack(NULL, envelope.len, envelope.data);
    CHECK(submit.envelope != NULL);
    frame.body_case = LEADBUS__FRAME__BODY_SUBMIT;
    frame.submit = &submit;
    caller_send(caller, &frame);
    leadbus__envelope__free_unpacked(submit.envelope, NULL);
}

void caller_ack(struct caller *caller, uint32_t lane)
{
    Leadbus__AckBody body = LEADBUS__ACK_BODY__INIT;
    struct buf bytes = {0};
    uint8_t signature[64];
    body.origin = caller->origin;
    body.unit = (char *)(uintptr_t)caller->keyring->unit;
    body.serial = caller->keyring->serial;
    body.lane = lane;
    body.position = caller->lanes[lane].position;
    body.running = (ProtobufCBinaryData){32, caller->lanes[lane].running};
    body.time_ms = clock_ms(CLOCK_REALTIME);
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_ACK, buf_bytes(&bytes), caller->keyring->identity_secret, signature);
    Leadbus__Ack ack = LEADBUS__ACK__INIT;
    ack.body = (ProtobufCBinaryData){bytes.len, bytes.data};
    ack.signature = (ProtobufCBinaryData){sizeof signature, signature};
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_ACK;
    frame.ack = &ack;
    caller_send(caller, &frame);
    buf_fini(&bytes);
}

/* The next event of the socket's own; 0: none in time. */
static uint16_t next_event(struct caller *caller, uint64_t deadline_ms)
{
    for (uint64_t now_ms; (now_ms = clock_ms(CLOCK_MONOTONIC)) < deadline_ms;) {
        zmq_pollitem_t item = {.socket = caller->monitor, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, (long)(deadline_ms - now_ms)) <= 0) continue;
        uint8_t head[6];
        char address[256];
        uint16_t event;
        CHECK(zmq_recv(caller->monitor, head, sizeof head, 0) == sizeof head);
        (void)zmq_recv(caller->monitor, address, sizeof address, 0);
        memcpy(&event, head, sizeof event);
        return event;
    }
    return 0;
}

bool caller_is_refused(struct caller *caller)
{
    uint64_t deadline_ms = clock_ms(CLOCK_MONOTONIC) + CALLER_DEADLINE_MS;
    for (uint16_t event; (event = next_event(caller, deadline_ms));) {
        if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) return false;
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
            event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
            event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL || event == ZMQ_EVENT_DISCONNECTED)
            return true;
    }
    return false;
}

bool caller_wait_disconnected(struct caller *caller)
{
    uint64_t deadline_ms = clock_ms(CLOCK_MONOTONIC) + CALLER_DEADLINE_MS;
    for (uint16_t event; (event = next_event(caller, deadline_ms));)
        if (event == ZMQ_EVENT_DISCONNECTED) return true;
    return false;
}
