#include "tests/vectors/envelopes.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/merkle.h"
#include "proto/note.h"
#include "proto/record.h"
#include "proto/schema/bundle.pb-c.h"
#include "proto/tlogproof.h"

enum { RECIPIENTS = 3, SECTIONS = 2, LEAVES = 5, ACCEPTED_INDEX = 2, ROW_HASHES_MAX = 4 };

static const char bus[] = "hedong.leadbus";
static const char origin[] = "hedong.leadbus/00c0ffee";
static const uint64_t record_time_ms = 1700000000250;
static const char *const section_names[SECTIONS] = {"summary", "full"};
static const char *const payloads[SECTIONS] = {"what copies may read",
                                               "what those who must sign for it may read too"};

struct person {
    uint8_t seed[32], identity_public[32], identity_secret[64];
    uint8_t session_secret[32], session_public[32];
};

struct reader {
    const char *unit;
    uint32_t act;
    const char *citation;
    uint32_t sections;
    uint64_t epoch;
    uint8_t secret[32], public_key[32], kek[32];
};

struct example {
    const struct suite *suite;
    struct person sender;
    struct reader readers[RECIPIENTS];
    uint8_t id[16], seen_root[32];
    uint8_t entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    Leadbus__Header head;
    struct seal_recipient recipients[RECIPIENTS];
    struct sealed sealed;
    struct arena arena;
    struct envelope envelope;
};

/* ---- JSON ----------------------------------------------------------------------------------- */

static json_t *hex_json(struct bytes bytes)
{
    struct buf text = {0};
    hex_encode(bytes, (char *)buf_grow(&text, 2 * bytes.len + 1));
    json_t *json = json_string((const char *)text.data);
    buf_fini(&text);
    return json;
}

static void put_hex(json_t *json, const char *name, struct bytes bytes)
{
    json_object_set_new(json, name, hex_json(bytes));
}

static void put_key(json_t *json, const char *name, const uint8_t key[32])
{
    put_hex(json, name, bytes_of(key, 32));
}

static void put_text(json_t *json, const char *name, const char *text)
{
    json_object_set_new(json, name, json_string(text));
}

static void put_buf_text(json_t *json, const char *name, const struct buf *buf)
{
    json_object_set_new(json, name, json_stringn((const char *)buf->data, buf->len));
}

static void put_number(json_t *json, const char *name, uint64_t number)
{
    json_object_set_new(json, name, json_integer((json_int_t)number));
}

/* ---- the scene ------------------------------------------------------------------------------ */

/* Bytes first, first + 1, first + 2 ... */
static void count_up(uint8_t *ret_data, size_t len, unsigned first)
{
    for (size_t i = 0; i < len; i++) ret_data[i] = (uint8_t)(first + i);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static char *text(const char *value)
{
    return (char *)(uintptr_t)value;
}

static void person_fill(const struct suite *suite, unsigned first, struct person *ret)
{
    count_up(ret->seed, 32, first);
    crypto_sign_seed_keypair(ret->identity_public, ret->identity_secret, ret->seed);
    count_up(ret->session_secret, 32, first + 0x20);
    suite->public_of(ret->session_secret, ret->session_public);
}

static void reader_kek(const struct example *example, const struct person *sender,
                       struct reader *reader)
{
    struct envelope_kek_input input = {.suite = SUITE_1,
                                       .own_secret = sender->session_secret,
                                       .peer_public = reader->public_key,
                                       .session_public = sender->session_public,
                                       .epoch_public = reader->public_key,
                                       .from = example->head.from,
                                       .serial = example->head.serial,
                                       .unit = reader->unit,
                                       .epoch = reader->epoch};
    CHECK(envelope_kek(&input, reader->kek) == 0);
}

static void readers_fill(struct example *example)
{
    static const struct reader rows[RECIPIENTS] = {
        {"police-hedong", ENVELOPE_ACT_SIGN, "lead:2.1.3.1", 3, 4, {0}, {0}, {0}},
        {"womens-federation", ENVELOPE_ACT_COPY, "coop:2.1.3.1", 1, 2, {0}, {0}, {0}},
        {"health", ENVELOPE_ACT_SIGN, "coop:2.1.3.1", 3, 0, {0}, {0}, {0}},
    };
    for (unsigned i = 0; i < RECIPIENTS; i++) {
        struct reader *reader = &example->readers[i];
        *reader = rows[i];
        count_up(reader->secret, 32, 0x60 + 0x20 * i);
        example->suite->public_of(reader->secret, reader->public_key);
        reader_kek(example, &example->sender, reader);
        bool keyed = reader->epoch != 0;
        example->recipients[i] =
            (struct seal_recipient){.unit = reader->unit,
                                    .act = reader->act,
                                    .citation = reader->citation,
                                    .sections = reader->sections,
                                    .epoch = reader->epoch,
                                    .epoch_public = keyed ? reader->public_key : NULL,
                                    .kek = keyed ? reader->kek : NULL,
                                    .pair_seq = 7 * i + 1};
        if (i > 0) memset(example->recipients[i].previous_hash, 0xd0 + (int)i, 32);
    }
}

static void head_fill(struct example *example)
{
    static char *tags[] = {(char *)(uintptr_t) "VICTIM"};
    Leadbus__Header *head = &example->head;
    leadbus__header__init(head);
    count_up(example->id, sizeof example->id, 0xc0);
    memset(example->seen_root, 0x5e, sizeof example->seen_root);
    head->suite = SUITE_1;
    head->flags = LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE;
    head->id = binary(example->id, 16);
    head->thread = binary(example->id, 16);
    head->kind = text("anomaly.marriage");
    head->from = text("civil-affairs");
    head->officer = text("0417");
    head->serial = 12;
    head->seq = 300;
    head->created_ms = 1700000000000;
    head->bundle = 3;
    head->seen_size = 2;
    head->seen_root = binary(example->seen_root, 32);
    head->area = text("120102");
    head->urgency = 1;
    head->level = 3;
    head->n_tags = 1;
    head->tags = tags;
    head->session_key = binary(example->sender.session_public, 32);
    head->occurred_ms = 1699990000000;
}

static void example_fill(struct example *ret)
{
    struct seal_section sections[SECTIONS];
    memset(ret, 0, sizeof *ret);
    ret->suite = suite_find(SUITE_1);
    CHECK(ret->suite != NULL);
    person_fill(ret->suite, 0x01, &ret->sender);
    head_fill(ret);
    readers_fill(ret);
    count_up(ret->entropy, sizeof ret->entropy, 0x11);
    for (size_t i = 0; i < SECTIONS; i++)
        sections[i] = (struct seal_section){section_names[i], bytes_of_str(payloads[i])};
    CHECK(envelope_seal(&(struct seal_input){.head = &ret->head,
                                             .sections = sections,
                                             .section_count = SECTIONS,
                                             .recipients = ret->recipients,
                                             .recipient_count = RECIPIENTS,
                                             .identity_secret = ret->sender.identity_secret,
                                             .entropy = ret->entropy},
                        &ret->sealed, NULL) == 0);
    arena_init(&ret->arena, 4 * LIMIT_FRAME_BYTES_MAX);
    CHECK(envelope_decode(buf_bytes(&ret->sealed.bytes), &ret->arena, &ret->envelope, NULL) == 0);
}

static void example_fini(struct example *example)
{
    sealed_fini(&example->sealed);
    arena_fini(&example->arena);
}

/* ---- what is written ------------------------------------------------------------------------ */

static json_t *person_json(const struct person *person)
{
    json_t *json = json_object();
    put_key(json, "identity_seed", person->seed);
    put_key(json, "identity_public", person->identity_public);
    put_key(json, "session_secret", person->session_secret);
    put_key(json, "session_public", person->session_public);
    return json;
}

static json_t *head_json(const struct example *example)
{
    const Leadbus__Header *head = example->envelope.head;
    json_t *json = json_object();
    json_t *tags = json_array();
    put_number(json, "suite", head->suite);
    put_number(json, "flags", head->flags);
    put_hex(json, "id", bytes_of(head->id.data, head->id.len));
    put_hex(json, "thread", bytes_of(head->thread.data, head->thread.len));
    put_hex(json, "parent", bytes_of(head->parent.data, head->parent.len));
    put_text(json, "kind", head->kind);
    put_text(json, "topic", head->topic);
    put_text(json, "from", head->from);
    put_text(json, "officer", head->officer);
    put_number(json, "serial", head->serial);
    put_number(json, "seq", head->seq);
    put_number(json, "created_ms", head->created_ms);
    put_number(json, "expires_ms", head->expires_ms);
    put_number(json, "bundle", head->bundle);
    put_number(json, "thread_index", head->thread_index);
    put_number(json, "seen_size", head->seen_size);
    put_hex(json, "seen_root", bytes_of(head->seen_root.data, head->seen_root.len));
    put_text(json, "area", head->area);
    put_number(json, "urgency", head->urgency);
    put_number(json, "level", head->level);
    for (size_t i = 0; i < head->n_tags; i++)
        json_array_append_new(tags, json_string(head->tags[i]));
    json_object_set_new(json, "tags", tags);
    put_text(json, "purpose", head->purpose);
    put_number(json, "occurred_ms", head->occurred_ms);
    return json;
}

static json_t *sections_json(const struct example *example)
{
    json_t *list = json_array();
    for (size_t i = 0; i < SECTIONS; i++) {
        json_t *json = json_object();
        put_text(json, "name", section_names[i]);
        put_hex(json, "payload", bytes_of_str(payloads[i]));
        put_key(json, "key", example->sealed.section_keys[i]);
        put_hex(json, "commit", example->envelope.commits[i]);
        put_hex(json, "ciphertext", example->envelope.ciphertexts[i]);
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *readers_json(const struct example *example)
{
    json_t *list = json_array();
    for (size_t i = 0; i < RECIPIENTS; i++) {
        const struct reader *reader = &example->readers[i];
        json_t *json = json_object();
        put_text(json, "unit", reader->unit);
        put_number(json, "act", reader->act);
        put_text(json, "citation", reader->citation);
        put_number(json, "sections", reader->sections);
        put_number(json, "epoch", reader->epoch);
        if (reader->epoch) {
            put_key(json, "epoch_secret", reader->secret);
            put_key(json, "epoch_public", reader->public_key);
            put_key(json, "kek", reader->kek);
        }
        put_number(json, "pair_seq", example->recipients[i].pair_seq);
        put_key(json, "previous_hash", example->recipients[i].previous_hash);
        put_hex(json, "wrap", example->envelope.wrap[i]);
        json_array_append_new(list, json);
    }
    return list;
}

/* The unit that had no key gets one, and the sender rewraps for it. */
static json_t *rewrap_json(struct example *example)
{
    struct person session;
    struct reader *reader = &example->readers[RECIPIENTS - 1];
    uint8_t salt[32];
    uint8_t signature[64];
    struct buf body = {0};
    json_t *json = json_object();
    person_fill(example->suite, 0x30, &session);
    count_up(salt, sizeof salt, 0x77);
    reader->epoch = 1;
    reader_kek(example, &session, reader);
    struct rewrap_input input = {.original = &example->envelope,
                                 .from = example->head.from,
                                 .serial = example->head.serial,
                                 .unit = reader->unit,
                                 .epoch = reader->epoch,
                                 .epoch_public = reader->public_key,
                                 .kek = reader->kek,
                                 .session_public = session.session_public,
                                 .sections = reader->sections,
                                 .keys = example->sealed.section_keys,
                                 .created_ms = 1700000500000,
                                 .identity_secret = example->sender.identity_secret,
                                 .salt = salt};
    CHECK(envelope_rewrap(&input, &body, signature, NULL) == 0);
    put_text(json, "from", input.from);
    put_number(json, "serial", input.serial);
    put_key(json, "session_secret", session.session_secret);
    put_key(json, "session_public", session.session_public);
    put_text(json, "unit", input.unit);
    put_number(json, "epoch", input.epoch);
    put_key(json, "epoch_secret", reader->secret);
    put_key(json, "epoch_public", reader->public_key);
    put_number(json, "sections", input.sections);
    put_key(json, "salt", salt);
    put_number(json, "created_ms", input.created_ms);
    put_key(json, "kek", reader->kek);
    put_hex(json, "body", buf_bytes(&body));
    put_hex(json, "signature", bytes_of(signature, 64));
    buf_fini(&body);
    return json;
}

/* ---- the journal around it ------------------------------------------------------------------ */

struct journal {
    struct buf records[LEAVES];
    uint8_t rows[LEAVES][ROW_HASHES_MAX][32];
};

static int journal_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    const struct journal *journal = ctx;
    uint64_t row;
    size_t offset;
    merkle_node_place(level, index, &row, &offset);
    CHECK(row < LEAVES && offset / 32 < ROW_HASHES_MAX);
    memcpy(ret_hash, journal->rows[row][offset / 32], 32);
    return 0;
}

static void journal_fill(const struct example *example, struct journal *ret)
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    memset(ret, 0, sizeof *ret);
    for (size_t i = 0; i < LEAVES; i++) {
        uint64_t expired[] = {i};
        Leadbus__Tick tick = LEADBUS__TICK__INIT;
        Leadbus__Record record = LEADBUS__RECORD__INIT;
        tick.n_expired = 1;
        tick.expired = expired;
        record.rules = RECORD_RULES_VERSION;
        record.time_ms = record_time_ms - ACCEPTED_INDEX + i;
        record.what_case = LEADBUS__RECORD__WHAT_TICK;
        record.tick = &tick;
        if (i == ACCEPTED_INDEX)
            CHECK(record_of_accepted(RECORD_RULES_VERSION, record.time_ms, 0, &example->envelope,
                                     &ret->records[i], NULL) == 0);
        else
            CHECK(record_encode(&record, &ret->records[i], NULL) == 0);
        merkle_leaf_hash(buf_bytes(&ret->records[i]), ret->rows[i][0]);
        merkle_frontier_append(&frontier, ret->rows[i][0], ret->rows[i] + 1);
    }
}

/* The Receipt as a frame of the wire. */
static void receipt_frame(const struct example *example, const struct tlogproof *proof,
                          struct buf *ret_frame)
{
    ProtobufCBinaryData hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__Receipt receipt = LEADBUS__RECEIPT__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    for (size_t i = 0; i < proof->inclusion.count; i++)
        hashes[i] = binary(proof->inclusion.hashes[i], 32);
    receipt.id = example->envelope.head->id;
    receipt.header_hash = binary(example->envelope.hash, 32);
    receipt.index = proof->index;
    receipt.n_inclusion = proof->inclusion.count;
    receipt.inclusion = hashes;
    receipt.checkpoint = binary(proof->checkpoint.data, proof->checkpoint.len);
    receipt.time_ms = record_time_ms;
    receipt.rules = RECORD_RULES_VERSION;
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_RECEIPT;
    frame.receipt = &receipt;
    message_encode(&frame.base, ret_frame);
}

static json_t *journal_json(const struct example *example)
{
    struct journal journal;
    struct merkle_reader reader = {.node = journal_node, .ctx = &journal};
    struct tlogproof proof = {.index = ACCEPTED_INDEX};
    struct checkpoint head = {.size = LEAVES};
    struct note_key key;
    uint8_t seed[32];
    uint8_t public_key[32];
    uint8_t secret[64];
    struct buf vkey = {0};
    struct buf note = {0};
    struct buf proof_text = {0};
    struct buf frame = {0};
    json_t *json = json_object();
    json_t *records = json_array();
    journal_fill(example, &journal);
    count_up(seed, sizeof seed, 0xb0);
    crypto_sign_seed_keypair(public_key, secret, seed);
    memcpy(head.origin, origin, sizeof origin);
    CHECK(note_key_init(&key, origin, NOTE_KEY_ED25519, public_key, NULL) == 0);
    CHECK(merkle_root_at(&reader, LEAVES, head.root, NULL) == 0);
    CHECK(checkpoint_sign(&head, secret, &note, NULL) == 0);
    CHECK(merkle_prove_inclusion(&reader, ACCEPTED_INDEX, LEAVES, &proof.inclusion, NULL) == 0);
    proof.checkpoint = buf_bytes(&note);
    CHECK(tlogproof_format(&proof, &proof_text, NULL) == 0);
    receipt_frame(example, &proof, &frame);
    note_key_format(&key, &vkey);
    for (size_t i = 0; i < LEAVES; i++)
        json_array_append_new(records, hex_json(buf_bytes(&journal.records[i])));
    put_text(json, "origin", origin);
    put_key(json, "log_seed", seed);
    put_buf_text(json, "log_vkey", &vkey);
    json_object_set_new(json, "records", records);
    put_number(json, "index", ACCEPTED_INDEX);
    put_number(json, "rules", RECORD_RULES_VERSION);
    put_number(json, "time_ms", record_time_ms);
    put_number(json, "accepted_flags", 0);
    put_key(json, "leaf_hash", journal.rows[ACCEPTED_INDEX][0]);
    put_buf_text(json, "checkpoint", &note);
    put_buf_text(json, "tlog_proof", &proof_text);
    put_hex(json, "receipt_frame", buf_bytes(&frame));
    for (size_t i = 0; i < LEAVES; i++) buf_fini(&journal.records[i]);
    buf_fini(&vkey);
    buf_fini(&note);
    buf_fini(&proof_text);
    buf_fini(&frame);
    return json;
}

/* ---- lanes and signed bodies ---------------------------------------------------------------- */

static json_t *lane_json(const struct example *example, uint8_t ret_running[32])
{
    static const uint64_t indexes[] = {ACCEPTED_INDEX, 9, 100000};
    json_t *json = json_object();
    json_t *items = json_array();
    memset(ret_running, 0, 32);
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        uint8_t item[32];
        json_t *step = json_object();
        memset(item, 0x10 + (int)i, sizeof item);
        lane_running(origin, ret_running, indexes[i], i == 0 ? example->envelope.hash : item,
                     ret_running);
        put_number(step, "index", indexes[i]);
        put_key(step, "item_hash", i == 0 ? example->envelope.hash : item);
        put_key(step, "running", ret_running);
        json_array_append_new(items, step);
    }
    put_text(json, "origin", origin);
    json_object_set_new(json, "items", items);
    return json;
}

static void signed_add(json_t *list, const struct example *example, const char *label,
                       const char *message_name, const ProtobufCMessage *message)
{
    struct buf body = {0};
    uint8_t signature[64];
    json_t *json = json_object();
    message_encode(message, &body);
    signed_body_sign(label, buf_bytes(&body), example->sender.identity_secret, signature);
    put_text(json, "label", label);
    put_text(json, "message", message_name);
    put_hex(json, "body", buf_bytes(&body));
    put_hex(json, "signature", bytes_of(signature, 64));
    json_array_append_new(list, json);
    buf_fini(&body);
}

static json_t *signed_json(const struct example *example, const uint8_t running[32])
{
    json_t *list = json_array();
    uint8_t counted[32];
    count_up(counted, sizeof counted, 0x40);

    Leadbus__LanePosition lane = LEADBUS__LANE_POSITION__INIT;
    Leadbus__LanePosition *lanes[] = {&lane};
    Leadbus__HelloBody hello = LEADBUS__HELLO_BODY__INIT;
    lane.position = 3;
    lane.running = binary(running, 32);
    hello.bus = text(bus);
    hello.unit = example->head.from;
    hello.serial = example->head.serial;
    hello.instance = binary(counted, 16);
    hello.time_ms = 1700000000000;
    hello.bundle = 3;
    hello.seen_size = 2;
    hello.seen_root = binary(example->seen_root, 32);
    hello.origin = text(origin);
    hello.n_lanes = 1;
    hello.lanes = lanes;
    hello.credit = 256;
    hello.transport_key = binary(example->readers[0].public_key, 32);
    signed_add(list, example, SIGNED_HELLO, "HelloBody", &hello.base);

    Leadbus__Exception exception = LEADBUS__EXCEPTION__INIT;
    Leadbus__Exception *exceptions[] = {&exception};
    Leadbus__AckBody ack = LEADBUS__ACK_BODY__INIT;
    exception.position = 2;
    exception.index = 9;
    exception.code = 600;
    ack.origin = text(origin);
    ack.unit = example->head.from;
    ack.serial = example->head.serial;
    ack.position = 3;
    ack.running = binary(running, 32);
    ack.n_exceptions = 1;
    ack.exceptions = exceptions;
    ack.time_ms = 1700000001000;
    signed_add(list, example, SIGNED_ACK, "AckBody", &ack.base);

    Leadbus__EpochKeyBody epoch = LEADBUS__EPOCH_KEY_BODY__INIT;
    epoch.unit = example->head.from;
    epoch.serial = example->head.serial;
    epoch.epoch = 8;
    epoch.public_key = binary(example->readers[1].public_key, 32);
    epoch.not_before_ms = 1700000000000;
    epoch.not_after_ms = 1700604800000;
    signed_add(list, example, SIGNED_EPOCH, "EpochKeyBody", &epoch.base);

    Leadbus__EnrolmentRequestBody request = LEADBUS__ENROLMENT_REQUEST_BODY__INIT;
    request.unit = example->head.from;
    request.role = LEADBUS__ROLE__ROLE_UNIT;
    request.identity = binary(example->sender.identity_public, 32);
    request.witness = binary(example->sender.identity_public, 32);
    request.transport = binary(example->readers[0].public_key, 32);
    request.time_ms = 1699000000000;
    signed_add(list, example, SIGNED_REQUEST, "EnrolmentRequestBody", &request.base);
    return list;
}

char *envelopes_vectors(void)
{
    struct example example;
    uint8_t running[32];
    json_t *root = json_object();
    example_fill(&example);
    put_text(root, "about",
             "One envelope to three units, one of them without a key. Bytes are hex. Made by "
             "tests/vectors/make_envelope.c, compared by unit.envelope_vectors, opened and made "
             "again by tests/interop/interop.py.");
    json_object_set_new(root, "sender", person_json(&example.sender));
    json_object_set_new(root, "header_fields", head_json(&example));
    put_key(root, "salt", example.entropy);
    json_object_set_new(root, "sections", sections_json(&example));
    json_object_set_new(root, "recipients", readers_json(&example));
    put_hex(root, "header", example.envelope.header);
    put_key(root, "header_hash", example.envelope.hash);
    put_hex(root, "wraps", example.envelope.wraps);
    put_hex(root, "manifest", example.envelope.manifest);
    put_hex(root, "signature", example.envelope.signature);
    put_hex(root, "envelope", buf_bytes(&example.sealed.bytes));
    json_object_set_new(root, "rewrap", rewrap_json(&example));
    json_object_set_new(root, "journal", journal_json(&example));
    json_object_set_new(root, "lane", lane_json(&example, running));
    json_object_set_new(root, "signed_bodies", signed_json(&example, running));
    example_fini(&example);
    char *dumped = json_dumps(root, JSON_INDENT(2));
    CHECK(dumped != NULL);
    json_decref(root);
    size_t len = strlen(dumped);
    char *grown = realloc(dumped, len + 2);
    CHECK(grown != NULL);
    memcpy(grown + len, "\n", 2);
    return grown;
}
