/* floor: the driver of floor_broker. Variant "": bodies signed, in clear. Variant "sealed": as
 * leadbus's work is, every body under a fresh key that is sealed to six recipients, the whole
 * signed; each consumer verifies, opens and decrypts. Acknowledgements go out FLOOR_ACKS_MAX at
 * once, or sooner when nothing more is waiting. */
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "tests/bench/rivals/floor_keys.h"
#include "tests/bench/rivals/harness.h"

enum {
    SLOT_LEN = 32 + crypto_box_SEALBYTES,
    NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    SEALED_HEAD_LEN = NONCE_LEN + HARNESS_CONSUMERS * SLOT_LEN,
    SENT_AT_ONCE = 8,
    HIGH_WATER = 100000
};

static bool sealed(const struct harness *harness)
{
    return strcmp(harness->variant, "sealed") == 0;
}

static void set(void *socket, int option, const void *value, size_t len)
{
    if (zmq_setsockopt(socket, option, value, len) != 0)
        harness_fail("option: %s", zmq_strerror(errno));
}

/* Connected and greeted. */
static void *connect_as(const struct harness *harness, const char id[2])
{
    const int high_water = HIGH_WATER;
    char endpoint[64], server_text[41], public_text[41], secret_text[41], hello[8];
    uint8_t server_public[32], server_secret[32];
    if (sodium_init() < 0) harness_fail("sodium");
    floor_transport_keys(server_public, server_secret);
    void *dealer = zmq_socket(zmq_ctx_new(), ZMQ_DEALER);
    if (!dealer || !zmq_z85_encode(server_text, server_public, sizeof server_public) ||
        zmq_curve_keypair(public_text, secret_text) != 0)
        harness_fail("socket: %s", zmq_strerror(errno));
    set(dealer, ZMQ_ROUTING_ID, id, 2);
    set(dealer, ZMQ_RCVHWM, &high_water, sizeof high_water);
    set(dealer, ZMQ_SNDHWM, &high_water, sizeof high_water);
    set(dealer, ZMQ_CURVE_SERVERKEY, server_text, sizeof server_text);
    set(dealer, ZMQ_CURVE_PUBLICKEY, public_text, sizeof public_text);
    set(dealer, ZMQ_CURVE_SECRETKEY, secret_text, sizeof secret_text);
    (void)snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", harness->port);
    if (zmq_connect(dealer, endpoint) != 0 || zmq_send(dealer, "H", 1, 0) < 0 ||
        zmq_recv(dealer, hello, sizeof hello, 0) != 1)
        harness_fail("connect: %s", zmq_strerror(errno));
    return dealer;
}

static void ping(struct harness *harness)
{
    (void)connect_as(harness, "pp");
}

static void setup(struct harness *harness)
{
    (void)harness; /* it keeps nothing of consumers */
}

/* ---- consumer ---------------------------------------------------------------------------------
 */

struct reader {
    uint8_t sign_public[32], box_public[32], box_secret[32];
    size_t consumer;
};

/* Verifies, opens, decrypts: the body's length. */
static size_t open_body(const struct reader *reader, const uint8_t *frame, size_t len,
                        uint8_t ret_body[FLOOR_FRAME_MAX])
{
    const uint8_t *data = frame + FLOOR_HEAD_LEN;
    size_t data_len = len - FLOOR_HEAD_LEN;
    uint8_t key[32];
    unsigned long long body_len = 0;
    if (data_len <= SEALED_HEAD_LEN) harness_fail("a short message");
    if (crypto_sign_verify_detached(frame + 9, data, data_len, reader->sign_public) != 0)
        harness_fail("signature");
    if (crypto_box_seal_open(key, data + NONCE_LEN + reader->consumer * SLOT_LEN, SLOT_LEN,
                             reader->box_public, reader->box_secret) != 0)
        harness_fail("key");
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            ret_body, &body_len, NULL, data + SEALED_HEAD_LEN, data_len - SEALED_HEAD_LEN, NULL, 0,
            data, key) != 0)
        harness_fail("decrypt");
    return (size_t)body_len;
}

static void consume(struct harness *harness, size_t consumer)
{
    const char id[2] = {'c', (char)('0' + consumer)};
    uint8_t sign_secret[64], frame[FLOOR_FRAME_MAX], body[FLOOR_FRAME_MAX];
    uint8_t acks[1 + 8 * FLOOR_ACKS_MAX] = {'K'};
    size_t ack_count = 0;
    struct reader reader = {.consumer = consumer};
    void *dealer = connect_as(harness, id);
    floor_sign_keys(reader.sign_public, sign_secret);
    floor_box_keys(consumer, reader.box_public, reader.box_secret);
    harness_ready(harness);
    for (;;) {
        int len = zmq_recv(dealer, frame, sizeof frame, ack_count ? ZMQ_DONTWAIT : 0);
        if (len < 0 && errno == EINTR) continue;
        bool idle = len < 0;
        if (!idle) {
            if (len <= FLOOR_HEAD_LEN || len > FLOOR_FRAME_MAX) harness_fail("%d bytes", len);
            if (sealed(harness))
                harness_delivered(harness, consumer, body,
                                  open_body(&reader, frame, (size_t)len, body));
            else
                harness_delivered(harness, consumer, frame + FLOOR_HEAD_LEN,
                                  (size_t)len - FLOOR_HEAD_LEN);
            memcpy(acks + 1 + 8 * ack_count++, frame + 1, 8);
        }
        if (!idle && ack_count < FLOOR_ACKS_MAX) continue;
        if (zmq_send(dealer, acks, 1 + 8 * ack_count, 0) < 0)
            harness_fail("acknowledge: %s", zmq_strerror(errno));
        ack_count = 0;
    }
}

/* ---- producer ---------------------------------------------------------------------------------
 */

struct writer {
    void *dealer;
    uint8_t sign_secret[64], box_publics[HARNESS_CONSUMERS][32];
};

static size_t seal_body(const struct writer *writer, const uint8_t *body, uint8_t *ret_data)
{
    uint8_t key[32];
    unsigned long long len = 0;
    randombytes_buf(key, sizeof key);
    randombytes_buf(ret_data, NONCE_LEN);
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++)
        if (crypto_box_seal(ret_data + NONCE_LEN + i * SLOT_LEN, key, sizeof key,
                            writer->box_publics[i]) != 0)
            harness_fail("seal");
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        ret_data + SEALED_HEAD_LEN, &len, body, HARNESS_BODY_LEN, NULL, 0, NULL, ret_data, key);
    return SEALED_HEAD_LEN + (size_t)len;
}

static void send_one(struct harness *harness, const struct writer *writer, size_t message)
{
    uint8_t frame[FLOOR_FRAME_MAX] = {'P'};
    uint64_t number = message;
    size_t len = HARNESS_BODY_LEN;
    harness_stamp(harness, message);
    memcpy(frame + 1, &number, sizeof number);
    if (sealed(harness))
        len = seal_body(writer, harness->body, frame + FLOOR_HEAD_LEN);
    else
        memcpy(frame + FLOOR_HEAD_LEN, harness->body, HARNESS_BODY_LEN);
    crypto_sign_detached(frame + 9, NULL, frame + FLOOR_HEAD_LEN, len, writer->sign_secret);
    if (zmq_send(writer->dealer, frame, FLOOR_HEAD_LEN + len, 0) < 0)
        harness_fail("send: %s", zmq_strerror(errno));
}

static void publish(struct harness *harness)
{
    struct writer writer;
    uint8_t sign_public[32], box_secret[32];
    size_t sent = 0, confirmed = 0;
    writer.dealer = connect_as(harness, "p0");
    floor_sign_keys(sign_public, writer.sign_secret);
    for (size_t i = 0; i < HARNESS_CONSUMERS; i++)
        floor_box_keys(i, writer.box_publics[i], box_secret);
    harness_begin(harness);
    while (confirmed < harness->count) {
        for (size_t i = 0; i < SENT_AT_ONCE; i++)
            if (sent < harness->count && sent - confirmed < harness->window)
                send_one(harness, &writer, sent++);
        for (;;) {
            bool full = sent == harness->count || sent - confirmed >= harness->window;
            uint8_t frame[16];
            uint64_t number;
            int len = zmq_recv(writer.dealer, frame, sizeof frame, full ? 0 : ZMQ_DONTWAIT);
            if (len < 0) break;
            if (len != 9 || frame[0] != 'A') harness_fail("no confirmation");
            memcpy(&number, frame + 1, sizeof number);
            harness_confirmed(harness, (size_t)number);
            if (++confirmed == harness->count) break;
        }
    }
}

const struct rival rival = {"leadbus-rival-floor", ping, setup, consume, publish};
