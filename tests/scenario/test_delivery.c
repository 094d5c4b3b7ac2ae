/* The walk of one lead through a real broker: hello, submit, receipt, delivery, acknowledgement. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lead_walks_from_sender_to_recipients),
    };
    return cmocka_run_group_tests_name("delivery", tests, setup, teardown);
}
