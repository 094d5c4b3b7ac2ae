#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/tlogproof.h"
#include "tests/unit/tree.h"

static uint8_t log_secret[64];
static struct note_key log_key;
static struct tree tree;
static const char origin[] = "leadbus.example/hedong";

/* A proof of leaf `index` in the first `size`; the caller's buf holds the checkpoint. */
static struct tlogproof proof_of(uint64_t index, uint64_t size, struct buf *checkpoint)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct tlogproof proof = {.index = index};
    struct checkpoint head = {.size = size};
    memcpy(head.origin, origin, sizeof origin);
    naive_root(0, size, head.root);
    assert_int_equal(checkpoint_sign(&head, log_secret, checkpoint, NULL), 0);
    assert_int_equal(merkle_prove_inclusion(&reader, index, size, &proof.inclusion, NULL), 0);
    proof.checkpoint = buf_bytes(checkpoint);
    return proof;
}

static void text_of(uint64_t index, uint64_t size, struct bytes extra, struct buf *ret_text)
{
    struct buf checkpoint = {0};
    struct tlogproof proof = proof_of(index, size, &checkpoint);
    proof.extra = extra;
    buf_reset(ret_text);
    assert_int_equal(tlogproof_format(&proof, ret_text, NULL), 0);
    buf_fini(&checkpoint);
}

static int verify_leaf(struct bytes text, uint64_t leaf)
{
    uint8_t record[2];
    store_u16(record, (uint16_t)leaf);
    return tlogproof_verify(text, bytes_of(record, 2), &log_key, NULL, NULL, NULL);
}

static void every_leaf_has_a_proof_that_stands_alone(void **state)
{
    static const uint64_t sizes[] = {1, 2, 7, 8, 33};
    struct buf text = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (uint64_t index = 0; index < sizes[i]; index++) {
            uint8_t record[2];
            struct checkpoint head;
            uint64_t found;
            store_u16(record, (uint16_t)index);
            text_of(index, sizes[i], bytes_of(NULL, 0), &text);
            assert_int_equal(tlogproof_verify(buf_bytes(&text), bytes_of(record, 2), &log_key,
                                              &head, &found, NULL),
                             0);
            assert_int_equal(found, index);
            assert_int_equal(head.size, sizes[i]);
            assert_int_equal(verify_leaf(buf_bytes(&text), index + 1), E_PROOF_INVALID);
        }
    }
    buf_fini(&text);
}

static void parsing_gives_back_what_was_formatted(void **state)
{
    struct buf text = {0};
    struct buf again = {0};
    struct buf extra = {0};
    struct tlogproof proof;
    uint8_t data[LIMIT_PROOF_EXTRA_BYTES_MAX + 1] = {0xff, 0, 7};
    const size_t lens[] = {0, 1, 2, 3, 1000, LIMIT_PROOF_EXTRA_BYTES_MAX};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        text_of(5, 7, bytes_of(data, lens[i]), &text);
        assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), 0);
        assert_int_equal(proof.index, 5);
        assert_true(bytes_equal(proof.extra, bytes_of(data, lens[i])));
        buf_reset(&again);
        assert_int_equal(tlogproof_format(&proof, &again, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&text), buf_bytes(&again)));
        assert_int_equal(verify_leaf(buf_bytes(&text), 5), 0);
    }
    proof.extra = bytes_of(data, sizeof data);
    buf_reset(&again);
    assert_int_equal(tlogproof_format(&proof, &again, NULL), E_BAD_VALUE);
    proof.extra = bytes_of(NULL, 0);
    proof.inclusion.count = LIMIT_PROOF_HASH_COUNT_MAX + 1;
    assert_int_equal(tlogproof_format(&proof, &again, NULL), E_BAD_VALUE);
    proof.inclusion.count = 0;
    proof.checkpoint = bytes_of_str("no note\n");
    assert_int_equal(tlogproof_format(&proof, &again, NULL), E_BAD_VALUE);
    assert_int_equal(again.len, 0);
    buf_fini(&text);
    buf_fini(&again);
    buf_fini(&extra);
}

static void every_changed_bit_and_truncation_is_refused(void **state)
{
    struct buf text = {0};
    struct tlogproof proof;
    struct buf extra = {0};
    (void)state;
    text_of(5, 7, bytes_of(NULL, 0), &text);
    for (size_t i = 0; i < text.len * 8; i++) {
        text.data[i / 8] ^= (uint8_t)(1 << i % 8);
        if (verify_leaf(buf_bytes(&text), 5) == 0) fail_msg("bit %zu may be changed", i);
        text.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    buf_append_str(&extra, "kept");
    for (size_t cut = 0; cut < text.len; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        assert_non_null(exact);
        memcpy(exact, text.data, cut);
        assert_int_equal(tlogproof_parse(bytes_of(exact, cut), &proof, &extra, NULL),
                         E_PROOF_INVALID);
        free(exact);
    }
    assert_true(bytes_equal(buf_bytes(&extra), bytes_of_str("kept")));
    buf_fini(&text);
    buf_fini(&extra);
}

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define HASH  "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"
#define NOTE  "o\n1\n" HASH "\n\xe2\x80\x94 o AAAAAAA=\n"

static void malformed_proofs_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        FIRST,
        FIRST "index 0\n",
        FIRST "index 0\n\n",
        FIRST "index 0\n" NOTE, /* no empty line: the origin is no hash */
        FIRST "index 0\n" HASH NOTE,
        FIRST "\n" NOTE,
        FIRST "index \n\n" NOTE,
        FIRST "index 00\n\n" NOTE,
        FIRST "index 01\n\n" NOTE,
        FIRST "index -1\n\n" NOTE,
        FIRST "index 18446744073709551616\n\n" NOTE,
        FIRST "index  0\n\n" NOTE,
        FIRST "index 0 \n\n" NOTE,
        FIRST "Index 0\n\n" NOTE,
        FIRST "index 0\r\n\r\n" NOTE,
        FIRST "index 0\n\n\n" NOTE "\n",
        FIRST "extra\nindex 0\n\n" NOTE,
        FIRST "extra \nindex 0\n\n" NOTE,
        FIRST "extra AAAB=\nindex 0\n\n" NOTE,
        FIRST "extra AB==\nindex 0\n\n" NOTE, /* trailing bits */
        FIRST "extra AA==\nextra AA==\nindex 0\n\n" NOTE,
        FIRST "extra AA==\n",
        FIRST "extra AA==\n\n" NOTE,
        FIRST "index 0\nextra AA==\n\n" NOTE,
        FIRST "index 0\nindex 0\n\n" NOTE,
        FIRST "index 0\nAAAA\n\n" NOTE,
        FIRST "index 0\n " HASH "\n" NOTE,
        "c2sp.org/tlog-proof@v2\nindex 0\n\n" NOTE,
        "c2sp.org/tlog-proof@v1 \nindex 0\n\n" NOTE,
        " " FIRST "index 0\n\n" NOTE,
        "\n" FIRST "index 0\n\n" NOTE,
    };
    struct tlogproof proof;
    struct buf extra = {0};
    (void)state;
    assert_int_equal(tlogproof_parse(bytes_of_str(FIRST "index 0\n\n" NOTE), &proof, &extra, NULL),
                     0);
    assert_int_equal(
        tlogproof_parse(
            bytes_of_str(FIRST "extra AA==\nindex 18446744073709551615\n" HASH "\n" NOTE), &proof,
            &extra, NULL),
        0);
    assert_true(proof.index == UINT64_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (tlogproof_parse(bytes_of_str(bad[i]), &proof, &extra, NULL) != E_PROOF_INVALID)
            fail_msg("number %zu was not refused", i);
    buf_fini(&extra);
}

static void limits_hold_against_floods(void **state)
{
    struct tlogproof proof;
    struct buf extra = {0};
    struct buf text = {0};
    (void)state;
    buf_append_str(&text, FIRST "index 0\n");
    for (int i = 0; i < LIMIT_PROOF_HASH_COUNT_MAX; i++) buf_append_str(&text, HASH);
    size_t len = text.len;
    buf_append_str(&text, "\n" NOTE);
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), 0);
    text.len = len;
    buf_append_str(&text, HASH "\n" NOTE);
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), E_PROOF_INVALID);
    text.len = len;
    for (int i = 0; i < 1000000; i++) buf_append_str(&text, HASH);
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), E_TOO_LARGE);

    buf_reset(&text);
    buf_append_str(&text, FIRST "extra ");
    memset(buf_grow(&text, 87384), 'A', 87384); /* 65538 bytes */
    buf_append_str(&text, "\nindex 0\n\n" NOTE);
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), E_TOO_LARGE);
    buf_reset(&text);
    memset(buf_grow(&text, LIMIT_TLOGPROOF_BYTES_MAX), '\n', LIMIT_TLOGPROOF_BYTES_MAX);
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), E_PROOF_INVALID);
    buf_append_u8(&text, '\n');
    assert_int_equal(tlogproof_parse(buf_bytes(&text), &proof, &extra, NULL), E_TOO_LARGE);
    buf_fini(&text);
    buf_fini(&extra);
}

static void another_journal_or_key_is_refused(void **state)
{
    struct buf text = {0};
    struct note_key other = log_key;
    uint8_t record[2] = {0, 5};
    (void)state;
    text_of(5, 7, bytes_of(NULL, 0), &text);
    struct bytes view = buf_bytes(&text);
    assert_int_equal(
        note_key_init(&other, "another.example", NOTE_KEY_ED25519, log_key.public_key, NULL), 0);
    assert_int_equal(tlogproof_verify(view, bytes_of(record, 2), &other, NULL, NULL, NULL),
                     E_ORIGIN_MISMATCH);
    other = log_key;
    other.public_key[3] ^= 1;
    assert_int_equal(tlogproof_verify(view, bytes_of(record, 2), &other, NULL, NULL, NULL),
                     E_NOTE_INVALID);
    other = log_key;
    other.type = NOTE_KEY_COSIGNATURE;
    assert_int_equal(tlogproof_verify(view, bytes_of(record, 2), &other, NULL, NULL, NULL),
                     E_BAD_VALUE);
    /* A signed note that is no checkpoint. */
    struct buf note = {0};
    struct buf again = {0};
    assert_int_equal(note_begin(&note, bytes_of_str("leadbus.example/hedong\nhello\n"), NULL), 0);
    assert_int_equal(note_append_signature(&note, origin, log_secret, NULL), 0);
    struct tlogproof proof = {.index = 0, .checkpoint = buf_bytes(&note)};
    assert_int_equal(tlogproof_format(&proof, &again, NULL), 0);
    assert_int_equal(verify_leaf(buf_bytes(&again), 0), E_NOTE_INVALID);
    buf_fini(&note);
    buf_fini(&again);
    buf_fini(&text);
}

int main(void)
{
    uint8_t seed[32] = {0};
    uint8_t public_key[32];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_leaf_has_a_proof_that_stands_alone),
        cmocka_unit_test(parsing_gives_back_what_was_formatted),
        cmocka_unit_test(every_changed_bit_and_truncation_is_refused),
        cmocka_unit_test(malformed_proofs_are_refused),
        cmocka_unit_test(limits_hold_against_floods),
        cmocka_unit_test(another_journal_or_key_is_refused),
    };
    if (sodium_init() < 0) return 1;
    crypto_sign_seed_keypair(public_key, log_secret, seed);
    if (note_key_init(&log_key, origin, NOTE_KEY_ED25519, public_key, NULL) < 0) return 1;
    tree_init(&tree, 40);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
