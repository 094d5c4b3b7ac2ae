/* fake_broker: a broker without sockets, core or scruples. It journals whatever it is given and
 * delivers it; `bend` lets a test make it lie. One journal, positions and running hashes per unit
 * and lane, checkpoints signed with the district's broker key. */
#ifndef TESTS_UNIT_FAKE_BROKER_H
#define TESTS_UNIT_FAKE_BROKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/engine.h"
#include "proto/base/check.h"
#include "tests/lib/district.h"

enum { FAKE_SIZE_MAX = 16384, FAKE_UNIT_MAX = 64, FAKE_ROW_HASHES = 16 };

struct fake_unit {
    struct engine *engine;
    struct box *box;
    struct keyring keyring;
    uint64_t position[2], acked[2];
    uint8_t running[2][32];
    struct buf delivered[FAKE_SIZE_MAX]; /* frames, to be asked for again */
    size_t delivered_count;
    bool online;
    int failed; /* an error of its surroundings, where the test lets them fail */
    uint64_t changes;
};

struct fake {
    struct district *district;
    bool borrowed; /* it goes on when this broker is gone */
    struct trust_root root;
    struct moment moment;
    uint64_t drawn;
    size_t unit_count;
    struct fake_unit units[FAKE_UNIT_MAX];
    /* the journal */
    const char *origin;
    uint64_t size;
    size_t row_counts[FAKE_SIZE_MAX];
    uint8_t rows[FAKE_SIZE_MAX][FAKE_ROW_HASHES][32];
    struct merkle_frontier frontier;
    struct buf checkpoint;
    /* what a test wants */
    uint32_t refuse_code;   /* the next submit is refused with it */
    uint32_t refuse_rewrap; /* the next rewrap */
    uint32_t retry_after_ms;
    const char *refuse_detail_zh; /* beside an English one; NULL: none, as from an older broker */
    const char *participants[4];
    uint32_t participant_roles[4];
    size_t participant_count;
    uint64_t submits, acks, proofs, bundles_asked, keys_asked, again_asked, rewraps;
    uint64_t exceptions, exception_code, lates, late_code, late_index;
    bool no_acked;          /* acknowledgements are not answered */
    uint64_t bundle;        /* version said to be in force */
    struct fake_unit *tell; /* who hears of exceptions */
    void (*bend_delivery)(struct fake *fake, Leadbus__Delivery *delivery);
    void (*bend_receipt)(struct fake *fake, Leadbus__Receipt *receipt);
    void (*bend_welcome)(struct fake *fake, Leadbus__Welcome *welcome);
    void (*bend_proof)(struct fake *fake, Leadbus__Proof *proof);
    bool may_fail; /* a unit's disk: it is left alone from then on, until it is started again */
    /* What is said, byte by byte. */
    void (*bend_bytes)(struct fake *fake, struct buf *bytes);
    /* Frames that this broker does not know. */
    void (*other)(struct fake *fake, struct fake_unit *unit, const Leadbus__Frame *frame);
    /* Sees each envelope and its record ahead of the journal. */
    void (*witness)(struct fake *fake, const struct envelope *envelope, struct bytes record);
    Leadbus__HelloBody *hello; /* the last one, unpacked */
};

static inline ProtobufCBinaryData fake_binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static inline struct moment *fake_moment(struct fake *fake)
{
    fake->moment = (struct moment){.now_ms = fake->district->now_ms};
    district_fill(fake->moment.entropy, 32, "moment", ++fake->drawn);
    return &fake->moment;
}

static inline int fake_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    struct fake *fake = ctx;
    uint64_t row;
    size_t offset;
    merkle_node_place(level, index, &row, &offset);
    CHECK(row < fake->size && offset / 32 < fake->row_counts[row]);
    memcpy(ret_hash, fake->rows[row][offset / 32], 32);
    return 0;
}

static inline struct merkle_reader fake_reader(struct fake *fake)
{
    return (struct merkle_reader){.node = fake_node, .ctx = fake};
}

static inline void fake_sign(struct fake *fake, uint64_t size, const uint8_t root[32],
                             struct buf *ret_note)
{
    struct checkpoint head = {.size = size};
    (void)snprintf(head.origin, sizeof head.origin, "%s", fake->origin);
    memcpy(head.root, root, 32);
    CHECK(checkpoint_sign(&head, fake->district->broker.witness_secret, ret_note, NULL) == 0);
}

static inline uint64_t fake_append(struct fake *fake, struct bytes record)
{
    uint8_t root[32];
    uint64_t at = fake->size;
    CHECK(at < FAKE_SIZE_MAX);
    merkle_leaf_hash(record, fake->rows[at][0]);
    fake->row_counts[at] =
        1 + merkle_frontier_append(&fake->frontier, fake->rows[at][0], fake->rows[at] + 1);
    fake->size++;
    merkle_frontier_root(&fake->frontier, root);
    fake_sign(fake, fake->size, root, &fake->checkpoint);
    return at;
}

static inline size_t fake_path(const struct merkle_proof *proof, ProtobufCBinaryData *ret)
{
    for (size_t i = 0; i < proof->count; i++) ret[i] = fake_binary(proof->hashes[i], 32);
    return proof->count;
}

static inline struct fake_unit *fake_unit(struct fake *fake, const char *key)
{
    for (size_t i = 0; i < fake->unit_count; i++)
        if (strcmp(fake->units[i].keyring.unit, key) == 0) return &fake->units[i];
    return NULL;
}

static inline void fake_may(const struct fake *fake, struct fake_unit *unit, int code)
{
    if (code == 0) return;
    CHECK(fake->may_fail && (code == E_IO || code == E_DISK_FULL));
    unit->failed = code;
}

static inline void fake_say(struct fake *fake, struct fake_unit *unit, Leadbus__Frame *frame)
{
    struct buf bytes = {0};
    frame->version = 1;
    message_encode(&frame->base, &bytes);
    if (fake->bend_bytes) fake->bend_bytes(fake, &bytes);
    if (!unit->failed)
        fake_may(fake, unit,
                 engine_frame(unit->engine, fake_moment(fake), buf_bytes(&bytes), NULL));
    buf_fini(&bytes);
}

static inline void fake_welcome(struct fake *fake, struct fake_unit *unit,
                                const Leadbus__Hello *hello)
{
    Leadbus__Welcome welcome = LEADBUS__WELCOME__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct merkle_proof proof = {0};
    struct merkle_reader reader = fake_reader(fake);
    ProtobufCBinaryData path[64];
    if (fake->hello) leadbus__hello_body__free_unpacked(fake->hello, NULL);
    fake->hello = leadbus__hello_body__unpack(NULL, hello->body.len, hello->body.data);
    CHECK(fake->hello != NULL);
    CHECK(signed_body_verify(SIGNED_HELLO, bytes_of(hello->body.data, hello->body.len),
                             bytes_of(hello->signature.data, hello->signature.len),
                             unit->keyring.identity_public) == 0);
    if (fake->hello->seen_size > 0 && fake->hello->seen_size <= fake->size)
        CHECK(merkle_prove_consistency(&reader, fake->hello->seen_size, fake->size, &proof, NULL) ==
              0);
    welcome.origin = (char *)(uintptr_t)fake->origin;
    welcome.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
    welcome.n_consistency = fake_path(&proof, path);
    welcome.consistency = path;
    welcome.bundle = fake->bundle;
    welcome.time_ms = fake->district->now_ms;
    frame.body_case = LEADBUS__FRAME__BODY_WELCOME;
    frame.welcome = &welcome;
    if (fake->bend_welcome) fake->bend_welcome(fake, &welcome);
    fake_say(fake, unit, &frame);
}

static inline void fake_deliver(struct fake *fake, struct fake_unit *unit, uint64_t index,
                                const struct envelope *envelope, Leadbus__Envelope *message)
{
    Leadbus__Delivery delivery = LEADBUS__DELIVERY__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct merkle_proof proof;
    struct merkle_reader reader = fake_reader(fake);
    ProtobufCBinaryData path[64];
    Leadbus__Section sections[LIMIT_SECTION_COUNT_MAX], *list[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Envelope cut = *message;
    unsigned lane = envelope_lane(envelope->head);
    int own = envelope_recipient_find(envelope, unit->keyring.unit);
    for (size_t i = 0; i < message->n_sections; i++) {
        sections[i] = *message->sections[i];
        if (own >= 0 && !(envelope->head->recipients[own]->sections >> i & 1))
            sections[i].ciphertext = (ProtobufCBinaryData){0};
        list[i] = &sections[i];
    }
    cut.sections = list;
    lane_running(fake->origin, unit->running[lane], index, envelope->hash, unit->running[lane]);
    CHECK(merkle_prove_inclusion(&reader, index, fake->size, &proof, NULL) == 0);
    delivery.lane = lane;
    delivery.position = ++unit->position[lane];
    delivery.index = index;
    delivery.running = fake_binary(unit->running[lane], 32);
    delivery.what_case = LEADBUS__DELIVERY__WHAT_ENVELOPE;
    delivery.envelope = &cut;
    delivery.n_inclusion = fake_path(&proof, path);
    delivery.inclusion = path;
    delivery.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
    delivery.time_ms = fake->district->now_ms;
    delivery.rules = RECORD_RULES_VERSION;
    frame.body_case = LEADBUS__FRAME__BODY_DELIVERY;
    frame.delivery = &delivery;
    CHECK(unit->delivered_count < FAKE_SIZE_MAX);
    message_encode(&frame.base, &unit->delivered[unit->delivered_count++]);
    if (fake->bend_delivery) fake->bend_delivery(fake, &delivery);
    fake_say(fake, unit, &frame);
}

/* A record as a notice in the normal lane. */
static inline void fake_notice(struct fake *fake, struct fake_unit *unit, uint64_t index,
                               struct bytes record)
{
    Leadbus__Delivery delivery = LEADBUS__DELIVERY__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct merkle_proof proof;
    struct merkle_reader reader = fake_reader(fake);
    ProtobufCBinaryData path[64];
    uint8_t leaf[32];
    merkle_leaf_hash(record, leaf);
    lane_running(fake->origin, unit->running[1], index, leaf, unit->running[1]);
    CHECK(merkle_prove_inclusion(&reader, index, fake->size, &proof, NULL) == 0);
    delivery.lane = 1;
    delivery.position = ++unit->position[1];
    delivery.index = index;
    delivery.running = fake_binary(unit->running[1], 32);
    delivery.what_case = LEADBUS__DELIVERY__WHAT_NOTICE;
    delivery.notice = fake_binary(record.data, record.len);
    delivery.n_inclusion = fake_path(&proof, path);
    delivery.inclusion = path;
    delivery.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
    delivery.time_ms = fake->district->now_ms;
    delivery.rules = RECORD_RULES_VERSION;
    frame.body_case = LEADBUS__FRAME__BODY_DELIVERY;
    frame.delivery = &delivery;
    fake_say(fake, unit, &frame);
}

/* Journals a rewrap, tells its reader, answers. */
static inline void fake_rewrap(struct fake *fake, struct fake_unit *unit,
                               const Leadbus__SubmitRewrap *submit)
{
    struct arena arena;
    const Leadbus__RewrapBody *body;
    Leadbus__Rewrapped rewrapped = LEADBUS__REWRAPPED__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    Leadbus__RewrapDone done = LEADBUS__REWRAP_DONE__INIT;
    Leadbus__Refusal refusal = LEADBUS__REFUSAL__INIT;
    struct buf bytes = {0};
    arena_init(&arena, (size_t)8 << 20);
    CHECK(envelope_rewrap_decode(bytes_of(submit->body.data, submit->body.len), &arena, &body,
                                 NULL) == 0);
    CHECK(signed_body_verify(SIGNED_REWRAP, bytes_of(submit->body.data, submit->body.len),
                             bytes_of(submit->signature.data, submit->signature.len),
                             unit->keyring.identity_public) == 0);
    fake->rewraps++;
    if (fake->refuse_rewrap) {
        refusal.header_hash = body->header_hash;
        refusal.code = fake->refuse_rewrap;
        refusal.retry_after_ms = fake->retry_after_ms;
        frame.body_case = LEADBUS__FRAME__BODY_REFUSAL;
        frame.refusal = &refusal;
        fake->refuse_rewrap = 0;
    } else {
        rewrapped.body = submit->body;
        rewrapped.signature = submit->signature;
        record.rules = RECORD_RULES_VERSION;
        record.time_ms = fake->district->now_ms;
        record.what_case = LEADBUS__RECORD__WHAT_REWRAPPED;
        record.rewrapped = &rewrapped;
        CHECK(record_encode(&record, &bytes, NULL) == 0);
        done.header_hash = body->header_hash;
        done.unit = body->unit;
        done.index = fake_append(fake, buf_bytes(&bytes));
        frame.body_case = LEADBUS__FRAME__BODY_REWRAP_DONE;
        frame.rewrap_done = &done;
        struct fake_unit *reader = fake_unit(fake, body->unit);
        if (reader && reader->online) fake_notice(fake, reader, done.index, buf_bytes(&bytes));
    }
    fake_say(fake, unit, &frame);
    buf_fini(&bytes);
    arena_fini(&arena);
}

/* What it was sent before, once more, under the newest head. */
static inline void fake_again(struct fake *fake, struct fake_unit *unit,
                              const Leadbus__GetDelivered *ask)
{
    fake->again_asked++;
    for (size_t i = 0; i < unit->delivered_count; i++) {
        struct merkle_proof proof;
        struct merkle_reader reader = fake_reader(fake);
        ProtobufCBinaryData path[64];
        Leadbus__Frame *frame =
            leadbus__frame__unpack(NULL, unit->delivered[i].len, unit->delivered[i].data);
        Leadbus__Delivery delivery = *frame->delivery;
        if (delivery.lane == ask->lane && delivery.position > ask->after &&
            delivery.position <= ask->after + ask->count) {
            Leadbus__Frame reply = LEADBUS__FRAME__INIT;
            CHECK(merkle_prove_inclusion(&reader, delivery.index, fake->size, &proof, NULL) == 0);
            delivery.again = true;
            delivery.running = (ProtobufCBinaryData){0};
            delivery.n_inclusion = fake_path(&proof, path);
            delivery.inclusion = path;
            delivery.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
            reply.body_case = LEADBUS__FRAME__BODY_DELIVERY;
            reply.delivery = &delivery;
            if (fake->bend_delivery) fake->bend_delivery(fake, &delivery);
            fake_say(fake, unit, &reply);
        }
        leadbus__frame__free_unpacked(frame, NULL);
    }
}

/* Journals an envelope and delivers it to whoever it names and is online. */
static inline uint64_t fake_accept(struct fake *fake, Leadbus__Envelope *message,
                                   struct fake_unit *only)
{
    struct arena arena;
    struct envelope envelope;
    struct buf record = {0};
    arena_init(&arena, (size_t)8 << 20);
    CHECK(envelope_from_message(message, &arena, &envelope, NULL) == 0);
    CHECK(record_of_accepted(RECORD_RULES_VERSION, fake->district->now_ms, 0, &envelope, &record,
                             NULL) == 0);
    if (fake->witness) fake->witness(fake, &envelope, buf_bytes(&record));
    uint64_t index = fake_append(fake, buf_bytes(&record));
    for (size_t i = 0; i < fake->unit_count; i++) {
        struct fake_unit *unit = &fake->units[i];
        if (!unit->online || (only && only != unit)) continue;
        if (only || envelope_recipient_find(&envelope, unit->keyring.unit) >= 0)
            fake_deliver(fake, unit, index, &envelope, message);
    }
    buf_fini(&record);
    arena_fini(&arena);
    return index;
}

static inline void fake_submit(struct fake *fake, struct fake_unit *unit,
                               const Leadbus__Submit *submit)
{
    struct arena arena;
    struct envelope envelope;
    struct merkle_proof proof;
    struct merkle_reader reader = fake_reader(fake);
    ProtobufCBinaryData path[64];
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    arena_init(&arena, (size_t)8 << 20);
    CHECK(envelope_from_message(submit->envelope, &arena, &envelope, NULL) == 0);
    CHECK(envelope_verify(&envelope, unit->keyring.identity_public) == 0);
    fake->submits++;
    if (fake->refuse_code) {
        Leadbus__Refusal refusal = LEADBUS__REFUSAL__INIT;
        refusal.id = envelope.head->id;
        refusal.header_hash = fake_binary(envelope.hash, 32);
        refusal.detail = (char *)(uintptr_t) "in English";
        if (fake->refuse_detail_zh) refusal.detail_zh = (char *)(uintptr_t)fake->refuse_detail_zh;
        refusal.code = fake->refuse_code;
        refusal.retry_after_ms = fake->retry_after_ms;
        refusal.n_participants = fake->participant_count;
        refusal.participants = (char **)(uintptr_t)fake->participants;
        refusal.n_participant_roles = fake->participant_count;
        refusal.participant_roles = fake->participant_roles;
        refusal.thread_index = fake->size;
        frame.body_case = LEADBUS__FRAME__BODY_REFUSAL;
        frame.refusal = &refusal;
        fake->refuse_code = 0;
        fake_say(fake, unit, &frame);
    } else {
        Leadbus__Receipt receipt = LEADBUS__RECEIPT__INIT;
        uint64_t index = fake_accept(fake, submit->envelope, NULL);
        CHECK(merkle_prove_inclusion(&reader, index, fake->size, &proof, NULL) == 0);
        receipt.id = envelope.head->id;
        receipt.header_hash = fake_binary(envelope.hash, 32);
        receipt.index = index;
        receipt.n_inclusion = fake_path(&proof, path);
        receipt.inclusion = path;
        receipt.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
        receipt.time_ms = fake->district->now_ms;
        receipt.rules = RECORD_RULES_VERSION;
        frame.body_case = LEADBUS__FRAME__BODY_RECEIPT;
        frame.receipt = &receipt;
        if (fake->bend_receipt) fake->bend_receipt(fake, &receipt);
        fake_say(fake, unit, &frame);
    }
    arena_fini(&arena);
}

/* An acknowledgement with exceptions, journaled and told to a sender. */
static inline void fake_tell(struct fake *fake, const Leadbus__Ack *ack, struct fake_unit *sender)
{
    Leadbus__Acknowledged acknowledged = LEADBUS__ACKNOWLEDGED__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    struct buf bytes = {0};
    acknowledged.body = ack->body;
    acknowledged.signature = ack->signature;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = fake->district->now_ms;
    record.what_case = LEADBUS__RECORD__WHAT_ACKNOWLEDGED;
    record.acknowledged = &acknowledged;
    CHECK(record_encode(&record, &bytes, NULL) == 0);
    fake_notice(fake, sender, fake_append(fake, buf_bytes(&bytes)), buf_bytes(&bytes));
    buf_fini(&bytes);
}

static inline void fake_ack(struct fake *fake, struct fake_unit *unit, const Leadbus__Ack *ack)
{
    Leadbus__AckBody *body = leadbus__ack_body__unpack(NULL, ack->body.len, ack->body.data);
    Leadbus__Acked acked = LEADBUS__ACKED__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    CHECK(body != NULL && body->lane < 2);
    CHECK(signed_body_verify(SIGNED_ACK, bytes_of(ack->body.data, ack->body.len),
                             bytes_of(ack->signature.data, ack->signature.len),
                             unit->keyring.identity_public) == 0);
    fake->acks++;
    unit->acked[body->lane] = body->position;
    fake->exceptions += body->n_exceptions;
    if (fake->tell && body->n_exceptions) fake_tell(fake, ack, fake->tell);
    if (body->n_exceptions) fake->exception_code = body->exceptions[0]->code;
    fake->lates += body->n_late;
    if (body->n_late) fake->late_code = body->late[0]->code;
    if (body->n_late) fake->late_index = body->late[0]->index;
    acked.lane = body->lane;
    acked.position = body->position;
    if (fake->no_acked) {
        leadbus__ack_body__free_unpacked(body, NULL);
        return;
    }
    frame.body_case = LEADBUS__FRAME__BODY_ACKED;
    frame.acked = &acked;
    fake_say(fake, unit, &frame);
    leadbus__ack_body__free_unpacked(body, NULL);
}

static inline void fake_proof(struct fake *fake, struct fake_unit *unit, uint64_t from)
{
    Leadbus__Proof proof = LEADBUS__PROOF__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    struct merkle_proof consistency;
    struct merkle_reader reader = fake_reader(fake);
    ProtobufCBinaryData path[64];
    fake->proofs++;
    CHECK(merkle_prove_consistency(&reader, from, fake->size, &consistency, NULL) == 0);
    proof.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
    proof.n_consistency = fake_path(&consistency, path);
    proof.consistency = path;
    frame.body_case = LEADBUS__FRAME__BODY_PROOF;
    frame.proof = &proof;
    if (fake->bend_proof) fake->bend_proof(fake, &proof);
    fake_say(fake, unit, &frame);
}

static inline void fake_take(struct fake *fake, struct fake_unit *unit, struct bytes bytes)
{
    Leadbus__Frame *frame = leadbus__frame__unpack(NULL, bytes.len, bytes.data);
    Leadbus__Frame reply = LEADBUS__FRAME__INIT;
    Leadbus__Keys keys = LEADBUS__KEYS__INIT;
    Leadbus__BundleReply bundle = LEADBUS__BUNDLE_REPLY__INIT;
    struct buf buf = {0};
    CHECK(frame != NULL && frame->version == 1);
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_HELLO: fake_welcome(fake, unit, frame->hello); break;
    case LEADBUS__FRAME__BODY_SUBMIT: fake_submit(fake, unit, frame->submit); break;
    case LEADBUS__FRAME__BODY_ACK: fake_ack(fake, unit, frame->ack); break;
    case LEADBUS__FRAME__BODY_GET_PROOF: fake_proof(fake, unit, frame->get_proof->from_size); break;
    case LEADBUS__FRAME__BODY_SUBMIT_REWRAP: fake_rewrap(fake, unit, frame->submit_rewrap); break;
    case LEADBUS__FRAME__BODY_GET_DELIVERED: fake_again(fake, unit, frame->get_delivered); break;
    case LEADBUS__FRAME__BODY_GET_KEYS:
        fake->keys_asked++;
        keys.keys_index = fake->size;
        reply.body_case = LEADBUS__FRAME__BODY_KEYS;
        reply.keys = &keys;
        fake_say(fake, unit, &reply);
        break;
    case LEADBUS__FRAME__BODY_GET_BUNDLE:
        fake->bundles_asked++;
        district_bundle_bytes(fake->district, fake->bundle, &buf);
        bundle.bundle = fake_binary(buf.data, buf.len);
        reply.body_case = LEADBUS__FRAME__BODY_BUNDLE;
        reply.bundle = &bundle;
        fake_say(fake, unit, &reply);
        buf_fini(&buf);
        break;
    default:
        if (fake->other) fake->other(fake, unit, frame);
        break;
    }
    leadbus__frame__free_unpacked(frame, NULL);
}

/* Flush, commit, hand over, until nobody has anything to say. */
static inline void fake_run(struct fake *fake)
{
    bool more = true;
    for (int round = 0; more; round++) {
        CHECK(round < 1000);
        more = false;
        for (size_t i = 0; i < fake->unit_count; i++) {
            struct fake_unit *unit = &fake->units[i];
            struct buf frame;
            if (unit->failed) continue;
            fake_may(fake, unit, engine_flush(unit->engine, fake_moment(fake), NULL));
            if (!unit->failed) fake_may(fake, unit, box_commit(unit->box, NULL));
            if (unit->failed) continue;
            if (engine_next_ms(unit->engine) == 0 && !unit->engine->reset) more = true;
            while (!unit->failed && engine_out(unit->engine, &frame)) {
                if (unit->online) fake_take(fake, unit, buf_bytes(&frame));
                buf_fini(&frame);
                more = true;
            }
        }
    }
}

static inline void fake_online(struct fake *fake, struct fake_unit *unit)
{
    unit->online = true;
    fake_may(fake, unit, engine_connected(unit->engine, fake_moment(fake), NULL));
    fake_run(fake);
}

static inline void fake_changed(void *ctx, unsigned changes, const uint8_t *id)
{
    (void)changes;
    (void)id;
    ((struct fake_unit *)ctx)->changes++;
}

static inline void fake_keyring(const struct district_unit *from, uint64_t not_before_ms,
                                uint64_t not_after_ms, struct keyring *ret)
{
    memset(ret, 0, sizeof *ret);
    (void)snprintf(ret->unit, sizeof ret->unit, "%s", from->key);
    ret->role = LEADBUS__ROLE__ROLE_UNIT;
    ret->serial = from->serial;
    memcpy(ret->identity_public, from->identity, 32);
    memcpy(ret->identity_secret, from->identity_secret, 64);
    memcpy(ret->witness_public, from->witness, 32);
    memcpy(ret->witness_secret, from->witness_secret, 64);
    memcpy(ret->transport_public, from->transport, 32);
    memcpy(ret->transport_secret, from->transport_secret, 32);
    ret->epoch_count = 1;
    ret->epochs[0].number = from->epoch;
    ret->epochs[0].not_before_ms = not_before_ms;
    ret->epochs[0].not_after_ms = not_after_ms;
    memcpy(ret->epochs[0].secret, from->epoch_secret, 32);
    memcpy(ret->epochs[0].public_key, from->epoch_public, 32);
}

static inline void fake_start_with(struct fake *fake, struct fake_unit *unit, const char *path,
                                   uint64_t bundle, const struct engine_options *given)
{
    struct engine_options options = {.send_window = 8,
                                     .credit = 64,
                                     .outbox_max = 100,
                                     .session_ms = 900000,
                                     .changed = fake_changed,
                                     .ctx = unit};
    struct error error = {0};
    if (given) options = *given;
    CHECK(box_open(path, &unit->box, &error) == 0);
    int r = engine_new(&options, unit->box, &unit->keyring, &fake->root,
                       district_bundle_open(fake->district, bundle), fake_moment(fake),
                       &unit->engine, &error);
    if (r < 0) (void)fprintf(stderr, "%s %s %s\n", error_name(r), error.field, error.detail);
    CHECK(r == 0);
}

static inline void fake_start(struct fake *fake, struct fake_unit *unit, const char *path,
                              const struct engine_options *given)
{
    fake_start_with(fake, unit, path, 1, given);
}

static inline struct fake_unit *fake_add(struct fake *fake, const char *key)
{
    struct fake_unit *unit = &fake->units[fake->unit_count++];
    fake_keyring(district_unit(fake->district, key), fake->district->epoch_not_before_ms,
                 fake->district->epoch_not_after_ms, &unit->keyring);
    fake_start(fake, unit, ":memory:", NULL);
    return unit;
}

/* An empty journal over a district that the caller keeps. */
static inline void fake_init_on(struct fake *fake, struct district *district)
{
    memset(fake, 0, sizeof *fake);
    fake->district = district;
    fake->borrowed = true;
    fake->root = fake->district->root;
    fake->bundle = 1;
    fake->origin = DISTRICT_ORIGIN;
    merkle_frontier_init(&fake->frontier);
}

/* An empty journal: the caller puts its first records. */
static inline void fake_init_empty(struct fake *fake)
{
    fake_init_on(fake, district_new());
    fake->borrowed = false;
}

static inline void fake_init(struct fake *fake)
{
    fake_init_empty(fake);
    (void)fake_append(fake, bytes_of_str("genesis"));
}

static inline void fake_fini(struct fake *fake)
{
    for (size_t i = 0; i < fake->unit_count; i++) {
        engine_free(fake->units[i].engine);
        box_close(fake->units[i].box);
        for (size_t k = 0; k < fake->units[i].delivered_count; k++)
            buf_fini(&fake->units[i].delivered[k]);
    }
    if (fake->hello) leadbus__hello_body__free_unpacked(fake->hello, NULL);
    buf_fini(&fake->checkpoint);
    if (!fake->borrowed) district_free(fake->district);
}

#endif
