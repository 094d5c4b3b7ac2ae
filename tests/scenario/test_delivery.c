/* The walk of one lead through a real broker: hello, submit, receipt, delivery, acknowledgement. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proto/checkpoint.h"
#include "proto/record.h"
#include "tests/scenario/caller.h"

#include <cmocka.h>

static int setup(void **state)
{
    static struct town town;
    town_init(&town);
    *state = &town;
    return town_start_broker(&town) ? 0 : 1;
}

static int teardown(void **state)
{
    town_fini(*state);
    return 0;
}

static void seal_next(const struct town *town, uint64_t seq, struct sealed *ret)
{
    struct town_lead lead = {.seq = seq, .bundle = 1};
    memset(lead.id, (int)seq, sizeof lead.id);
    lead.id[0] = 0x1e;
    town_seal(town, TOWN_EDUCATION, &lead, ret);
}

/* Rebuilds the record from what the sender holds and checks the receipt's proof. */
static void check_receipt(const struct town *town, const struct caller *caller,
                          const Leadbus__Receipt *receipt, struct bytes sealed)
{
    struct arena arena;
    struct envelope envelope;
    struct buf record = {0};
    struct checkpoint head;
    struct merkle_proof proof = {0};
    uint8_t leaf[32];
    arena_init(&arena, (size_t)8 << 20);
    assert_int_equal(envelope_decode(sealed, &arena, &envelope, NULL), 0);
    assert_memory_equal(receipt->header_hash.data, envelope.hash, 32);
    assert_int_equal(record_of_accepted(receipt->rules, receipt->time_ms, receipt->accepted_flags,
                                        &envelope, &record, NULL),
                     0);
    merkle_leaf_hash(buf_bytes(&record), leaf);
    assert_int_equal(checkpoint_verify(bytes_of(receipt->checkpoint.data, receipt->checkpoint.len),
                                       caller->origin, town->keyrings[TOWN_BROKER].witness_public,
                                       &head, NULL),
                     0);
    for (size_t i = 0; i < receipt->n_inclusion; i++)
        assert_int_equal(
            merkle_proof_add(&proof,
                             bytes_of(receipt->inclusion[i].data, receipt->inclusion[i].len), NULL),
            0);
    assert_int_equal(
        merkle_verify_inclusion(leaf, receipt->index, head.size, &proof, head.root, NULL), 0);
    buf_fini(&record);
    arena_fini(&arena);
}

static void a_lead_walks_from_sender_to_recipients(void **state)
{
    struct town *town = *state;
    struct caller school, police, procuratorate;
    struct sealed sealed;
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    caller_open(&police, town, &town->keyrings[TOWN_POLICE], true);
    caller_open(&procuratorate, town, &town->keyrings[TOWN_PROCURATORATE], true);
    assert_true(caller_greet(&school, town, 16));
    assert_true(caller_greet(&police, town, 16));
    assert_true(caller_greet(&procuratorate, town, 16));
    seal_next(town, 1, &sealed);
    caller_submit(&school, buf_bytes(&sealed.bytes));
    const Leadbus__Frame *frame = caller_receive(&school, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_RECEIPT);
    assert_false(frame->receipt->duplicate);
    check_receipt(town, &school, frame->receipt, buf_bytes(&sealed.bytes));

    frame = caller_receive(&police, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
    assert_int_equal(frame->delivery->position, 1);
    assert_int_equal(frame->delivery->what_case, LEADBUS__DELIVERY__WHAT_ENVELOPE);
    assert_int_equal(frame->delivery->envelope->n_sections, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(frame->delivery->envelope->sections[i]->ciphertext.len > 0);
    caller_ack(&police, 0);
    frame = caller_receive(&police, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_ACKED);
    assert_int_equal(frame->acked->position, 1);

    /* A copy comes with the one section that it may open. */
    frame = caller_receive(&procuratorate, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
    assert_true(frame->delivery->envelope->sections[0]->ciphertext.len > 0);
    assert_int_equal(frame->delivery->envelope->sections[1]->ciphertext.len, 0);
    assert_int_equal(frame->delivery->envelope->sections[2]->ciphertext.len, 0);

    /* The same bytes again: the same receipt. */
    caller_submit(&school, buf_bytes(&sealed.bytes));
    frame = caller_receive(&school, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_RECEIPT);
    assert_true(frame->receipt->duplicate);
    check_receipt(town, &school, frame->receipt, buf_bytes(&sealed.bytes));
    sealed_fini(&sealed);
    caller_close(&school);
    caller_close(&police);
    caller_close(&procuratorate);
}

/* Whose header is not even well formed is told which of its envelopes that was. */
static void a_header_that_does_not_decode_is_refused_by_its_hash(void **state)
{
    struct town *town = *state;
    static const uint8_t unknown[] = {0xf8, 0x07, 0x01};
    struct caller school;
    struct sealed sealed;
    struct buf header = {0}, changed = {0};
    uint8_t hash[32];
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, town, 16));
    seal_next(town, 900, &sealed);
    Leadbus__Envelope *envelope =
        leadbus__envelope__unpack(NULL, sealed.bytes.len, sealed.bytes.data);
    assert_non_null(envelope);
    buf_append_bytes(&header, bytes_of(envelope->header.data, envelope->header.len));
    buf_append_bytes(&header, bytes_of(unknown, sizeof unknown));
    ProtobufCBinaryData own = envelope->header;
    envelope->header = (ProtobufCBinaryData){header.len, header.data};
    message_encode(&envelope->base, &changed);
    envelope->header = own;
    leadbus__envelope__free_unpacked(envelope, NULL);
    caller_submit(&school, buf_bytes(&changed));
    const Leadbus__Frame *frame = caller_expect(&school, LEADBUS__FRAME__BODY_REFUSAL);
    assert_non_null(frame);
    assert_int_equal(frame->refusal->code, -E_UNKNOWN_FIELD);
    envelope_header_hash(buf_bytes(&header), hash);
    assert_int_equal(frame->refusal->header_hash.len, sizeof hash);
    assert_memory_equal(frame->refusal->header_hash.data, hash, sizeof hash);
    assert_int_equal(frame->refusal->id.len, 0);
    buf_fini(&header);
    buf_fini(&changed);
    sealed_fini(&sealed);
    caller_close(&school);
}

static uint64_t receipt_index(struct caller *caller)
{
    const Leadbus__Frame *frame = caller_receive(caller, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_RECEIPT);
    return frame->receipt->index;
}

static void assert_delivered(struct caller *caller, uint64_t position, uint64_t index)
{
    const Leadbus__Frame *frame = caller_receive(caller, CALLER_DEADLINE_MS);
    assert_non_null(frame);
    assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
    assert_int_equal(frame->delivery->position, position);
    assert_int_equal(frame->delivery->index, index);
}

static void assert_acked(struct caller *caller, uint64_t position)
{
    const Leadbus__Frame *frame = caller_expect(caller, LEADBUS__FRAME__BODY_ACKED);
    assert_non_null(frame);
    assert_int_equal(frame->acked->position, position);
}

/* Nothing is on its way: the answer to a question comes first. */
static void assert_silent(struct caller *caller)
{
    Leadbus__Ping ping = LEADBUS__PING__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_PING;
    frame.ping = &ping;
    caller_send(caller, &frame);
    const Leadbus__Frame *answer = caller_receive(caller, CALLER_DEADLINE_MS);
    assert_non_null(answer);
    assert_int_equal(answer->body_case, LEADBUS__FRAME__BODY_PONG);
}

static void no_more_is_in_flight_than_credit_allows(void **state)
{
    struct town *town = *state;
    struct caller school, civil;
    struct sealed sealed[2];
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    caller_open(&civil, town, &town->keyrings[TOWN_CIVIL_AFFAIRS], true);
    assert_true(caller_greet(&school, town, 0));
    assert_true(caller_greet(&civil, town, 1));
    /* The lead of the test before waited for it. */
    assert_non_null(caller_expect(&civil, LEADBUS__FRAME__BODY_DELIVERY));
    uint64_t index[2];
    for (uint64_t i = 0; i < 2; i++) {
        seal_next(town, 2 + i, &sealed[i]);
        caller_submit(&school, buf_bytes(&sealed[i].bytes));
        index[i] = receipt_index(&school);
        sealed_fini(&sealed[i]);
    }
    assert_silent(&civil);
    caller_ack(&civil, 0);
    assert_acked(&civil, 1);
    assert_delivered(&civil, 2, index[0]);
    assert_silent(&civil);
    caller_ack(&civil, 0);
    assert_acked(&civil, 2);
    assert_delivered(&civil, 3, index[1]);
    caller_close(&school);
    caller_close(&civil);
}

/* What is immediate goes ahead of everything that waits, however long it has waited. */
static void what_is_immediate_overtakes_a_backlog(void **state)
{
    enum { BACKLOG = 5 };
    struct town *town = *state;
    struct caller school, police;
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, town, 16));
    for (uint64_t i = 1; i <= BACKLOG + 1; i++) {
        bool immediate = i > BACKLOG;
        struct sealed sealed;
        struct town_lead lead = {
            .seq = immediate ? 5 : i, .bundle = 1, .kind = immediate ? NULL : "anomaly.enrolment"};
        memset(lead.id, (int)(0x40 + i), sizeof lead.id);
        town_seal(town, TOWN_EDUCATION, &lead, &sealed);
        caller_submit(&school, buf_bytes(&sealed.bytes));
        const Leadbus__Frame *frame = caller_receive(&school, CALLER_DEADLINE_MS);
        assert_non_null(frame);
        assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_RECEIPT);
        sealed_fini(&sealed);
    }
    caller_open(&police, town, &town->keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&police, town, 16));
    for (uint64_t i = 0; i <= BACKLOG; i++) {
        const Leadbus__Frame *frame = caller_receive(&police, CALLER_DEADLINE_MS);
        assert_non_null(frame);
        assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
        assert_int_equal(frame->delivery->lane, i == 0 ? 0 : 1);
        assert_int_equal(frame->delivery->position, i == 0 ? 5 : i);
    }
    caller_close(&police);
    caller_close(&school);
}

static void what_had_a_receipt_outlives_kill_9(void **state)
{
    struct town *town = *state;
    struct caller school, police;
    struct sealed sealed;
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, town, 0));
    seal_next(town, 4, &sealed);
    caller_submit(&school, buf_bytes(&sealed.bytes));
    uint64_t index = receipt_index(&school);
    process_kill(&town->broker);
    caller_close(&school);
    assert_true(town_start_broker(town));
    /* Sent again: the receipt names the same place. */
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&school, town, 0));
    caller_submit(&school, buf_bytes(&sealed.bytes));
    assert_int_equal(receipt_index(&school), index);
    /* The police acknowledged the first before; the rest comes now, in order, and only once
     * acknowledged it stays away. */
    caller_open(&police, town, &town->keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&police, town, 16));
    for (uint64_t position = 2; position <= 4; position++) {
        const Leadbus__Frame *frame = caller_receive(&police, CALLER_DEADLINE_MS);
        assert_non_null(frame);
        assert_int_equal(frame->body_case, LEADBUS__FRAME__BODY_DELIVERY);
        assert_int_equal(frame->delivery->position, position);
        assert_int_equal(frame->delivery->envelope->n_sections, 3);
        assert_true(frame->delivery->envelope->sections[1]->ciphertext.len > 0);
    }
    caller_ack(&police, 0);
    assert_acked(&police, 4);
    assert_true(caller_greet(&police, town, 16));
    assert_silent(&police);
    sealed_fini(&sealed);
    caller_close(&school);
    caller_close(&police);
}

static void a_clean_stop_leaves_one_file(void **state)
{
    struct town *town = *state;
    char path[2 * PROCESS_PATH_LEN_MAX];
    assert_int_equal(process_stop(&town->broker, PROCESS_DEADLINE_MS), 0);
    (void)snprintf(path, sizeof path, "%s/state/journal.db-wal", town->folder);
    assert_int_not_equal(access(path, F_OK), 0);
    (void)snprintf(path, sizeof path, "%s/state/journal.db", town->folder);
    assert_int_equal(access(path, F_OK), 0);
    assert_true(town_start_broker(town));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lead_walks_from_sender_to_recipients),
        cmocka_unit_test(a_header_that_does_not_decode_is_refused_by_its_hash),
        cmocka_unit_test(no_more_is_in_flight_than_credit_allows),
        cmocka_unit_test(what_had_a_receipt_outlives_kill_9),
        cmocka_unit_test(what_is_immediate_overtakes_a_backlog),
        cmocka_unit_test(a_clean_stop_leaves_one_file),
    };
    return cmocka_run_group_tests_name("delivery", tests, setup, teardown);
}
