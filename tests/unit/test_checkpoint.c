#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <string.h>
#include <cmocka.h>

#include "proto/checkpoint.h"
#include "proto/note.h"
#include "tests/unit/tree.h"

static uint8_t log_secret[64];
static uint8_t log_public[32];
static const char origin[] = "leadbus.example/hedong";

static struct checkpoint head_of(uint64_t size)
{
    struct checkpoint head = {.size = size};
    memcpy(head.origin, origin, sizeof origin);
    naive_root(0, size, head.root);
    return head;
}

static void signed_head_verifies_and_says_what_was_signed(void **state)
{
    struct checkpoint head = head_of(70);
    struct checkpoint got;
    struct buf note = {0};
    (void)state;
    buf_append_str(&note, "what was here goes");
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), 0);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), origin, log_public, &got, NULL), 0);
    assert_string_equal(got.origin, origin);
    assert_int_equal(got.size, 70);
    assert_memory_equal(got.root, head.root, 32);
    /* Signing is deterministic. */
    struct buf again = {0};
    assert_int_equal(checkpoint_sign(&head, log_secret, &again, NULL), 0);
    assert_true(bytes_equal(buf_bytes(&note), buf_bytes(&again)));
    buf_fini(&note);
    buf_fini(&again);
}

static void sizes_at_the_edge_survive(void **state)
{
    const uint64_t sizes[] = {1, 9, 10, 1ull << 62, UINT64_MAX};
    struct buf note = {0};
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct checkpoint head = head_of(1);
        struct checkpoint got;
        head.size = sizes[i];
        assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), 0);
        assert_int_equal(checkpoint_verify(buf_bytes(&note), origin, log_public, &got, NULL), 0);
        assert_true(got.size == sizes[i]);
    }
    struct checkpoint empty = head_of(0);
    assert_int_equal(checkpoint_sign(&empty, log_secret, &note, NULL), 0);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), origin, log_public, &empty, NULL), 0);
    buf_fini(&note);
}

static void another_key_origin_or_bit_is_refused(void **state)
{
    struct checkpoint head = head_of(70);
    struct checkpoint got = {.size = 4711};
    struct buf note = {0};
    uint8_t other_key[32];
    (void)state;
    memcpy(other_key, log_public, 32);
    other_key[31] ^= 1;
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), 0);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), origin, other_key, &got, NULL),
                     E_NOTE_INVALID);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), "leadbus.example", log_public, &got, NULL),
                     E_ORIGIN_MISMATCH);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), "", log_public, &got, NULL),
                     E_ORIGIN_MISMATCH);
    for (size_t i = 0; i < note.len * 8; i++) {
        note.data[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(checkpoint_verify(buf_bytes(&note), origin, log_public, &got, NULL) < 0);
        note.data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    assert_int_equal(got.size, 4711);
    buf_fini(&note);
}

#define ROOT "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n"

static void malformed_texts_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        "o\n",
        "o\n1\n",
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=", /* no last newline */
        "\n1\n" ROOT,
        "o o\n1\n" ROOT,
        "o+o\n1\n" ROOT,
        "o\r\n1\r\n" ROOT,
        "o\n1\r\n" ROOT,
        "o\n\n" ROOT,
        "o\n01\n" ROOT,
        "o\n00\n" ROOT,
        "o\n+1\n" ROOT,
        "o\n-1\n" ROOT,
        "o\n 1\n" ROOT,
        "o\n1 \n" ROOT,
        "o\n1.0\n" ROOT,
        "o\n0x1\n" ROOT,
        "o\n\xd9\xa1\n" ROOT,             /* an Arabic-Indic one */
        "o\n18446744073709551616\n" ROOT, /* 2^64 */
        "o\n18446744073709551620\n" ROOT,
        "o\n99999999999999999999\n" ROOT,
        "o\n111111111111111111111111111111111111111111\n" ROOT,
        "o\n0\n" ROOT, /* an empty tree has one root only */
        "o\n1\n\n",
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0\n",      /* no padding */
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB1=\n",     /* trailing bits */
        "o\n1\nbjQLnP-zepicpUTmu3gKLHiQHT-zNzh2hRGjBhevoB0=\n",     /* the URL alphabet */
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoA==\n",     /* 31 bytes */
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0A\n",     /* 33 bytes */
        "o\n1\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0AAAA=\n", /* 35 bytes */
        "o\n1\n " ROOT,
        "o\n1\n" ROOT "\n",
        "o\n1\n" ROOT "extension\n\n",
        "o\n1\n" ROOT "\nextension\n",
        "o\n1\n" ROOT "extension",
        "o\n1\n" ROOT "exten\tsion\n",
    };
    struct checkpoint head = {.size = 4711};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (checkpoint_parse(bytes_of_str(bad[i]), &head, NULL) != E_NOTE_INVALID)
            fail_msg("number %zu was not refused", i);
    assert_int_equal(head.size, 4711);
    assert_int_equal(checkpoint_parse(bytes_of_str("o\n1\n" ROOT), &head, NULL), 0);
    assert_int_equal(head.size, 1);
    assert_int_equal(checkpoint_parse(bytes_of_str("o\n18446744073709551615\n" ROOT), &head, NULL),
                     0);
    assert_true(head.size == UINT64_MAX);
    assert_int_equal(checkpoint_parse(bytes_of_str("o\n2\n" ROOT "one\ntwo more\n"), &head, NULL),
                     0);
}

static void bad_origins_are_not_signed(void **state)
{
    struct checkpoint head = head_of(3);
    struct buf note = {0};
    (void)state;
    buf_append_str(&note, "kept");
    memset(head.origin, 'x', sizeof head.origin); /* no terminator */
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), E_BAD_VALUE);
    memcpy(head.origin, "a b", 4);
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), E_BAD_VALUE);
    head.origin[0] = '\0';
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), E_BAD_VALUE);
    assert_true(bytes_equal(buf_bytes(&note), bytes_of_str("kept")));
    memset(head.origin, 'x', sizeof head.origin - 1);
    head.origin[sizeof head.origin - 1] = '\0';
    assert_int_equal(checkpoint_sign(&head, log_secret, &note, NULL), 0);
    assert_int_equal(checkpoint_verify(buf_bytes(&note), head.origin, log_public, &head, NULL), 0);
    buf_fini(&note);
}

static void witnesses_add_to_a_checkpoint_without_disturbing_it(void **state)
{
    struct checkpoint head = head_of(70);
    struct checkpoint got;
    struct buf data = {0};
    struct note note;
    struct note_key keys[3];
    uint64_t mask;
    (void)state;
    assert_int_equal(checkpoint_sign(&head, log_secret, &data, NULL), 0);
    for (uint8_t i = 0; i < 3; i++) {
        uint8_t seed[32] = {i};
        uint8_t public_key[32];
        uint8_t secret[64];
        const char *const names[] = {"w/one", "w/two", "w/three"};
        crypto_sign_seed_keypair(public_key, secret, seed);
        assert_int_equal(note_key_init(&keys[i], names[i], NOTE_KEY_COSIGNATURE, public_key, NULL),
                         0);
        if (i < 2)
            assert_int_equal(note_append_cosignature(&data, names[i], secret, 1000 + i, NULL), 0);
    }
    assert_int_equal(checkpoint_verify(buf_bytes(&data), origin, log_public, &got, NULL), 0);
    assert_int_equal(note_parse(buf_bytes(&data), &note, NULL), 0);
    assert_int_equal(note_verify(&note, keys, 3, 2, &mask, NULL), 0);
    assert_int_equal(mask, 3);
    assert_int_equal(note_verify(&note, keys, 3, 3, &mask, NULL), E_THRESHOLD_NOT_MET);
    buf_fini(&data);
}

static void holders_move_only_to_heads_that_extend_theirs(void **state)
{
    struct tree tree;
    struct merkle_proof proof;
    struct merkle_proof none = {0};
    struct checkpoint heads[3] = {head_of(0), head_of(20), head_of(41)};
    (void)state;
    tree_init(&tree, 41);
    struct merkle_reader reader = tree_reader(&tree);
    assert_int_equal(merkle_prove_consistency(&reader, 20, 41, &proof, NULL), 0);
    assert_int_equal(checkpoint_verify_extends(&heads[1], &heads[2], &proof, NULL), 0);
    assert_int_equal(checkpoint_verify_extends(&heads[0], &heads[2], &none, NULL), 0);
    assert_int_equal(checkpoint_verify_extends(&heads[0], &heads[0], &none, NULL), 0);
    assert_int_equal(checkpoint_verify_extends(&heads[1], &heads[1], &none, NULL), 0);
    assert_int_equal(checkpoint_verify_extends(&heads[0], &heads[2], &proof, NULL),
                     E_PROOF_INVALID);
    assert_int_equal(checkpoint_verify_extends(&heads[2], &heads[1], &proof, NULL),
                     E_PROOF_INVALID);
    assert_int_equal(checkpoint_verify_extends(&heads[1], &heads[0], &none, NULL), E_PROOF_INVALID);
    assert_int_equal(checkpoint_verify_extends(&heads[1], &heads[2], &none, NULL), E_PROOF_INVALID);
    struct checkpoint forked = heads[1];
    forked.root[0] ^= 1;
    assert_int_equal(checkpoint_verify_extends(&heads[1], &forked, &none, NULL), E_PROOF_INVALID);
    forked = heads[2];
    forked.root[0] ^= 1;
    assert_int_equal(checkpoint_verify_extends(&heads[1], &forked, &proof, NULL), E_PROOF_INVALID);
    forked = heads[2];
    forked.origin[0] = 'L';
    assert_int_equal(checkpoint_verify_extends(&heads[1], &forked, &proof, NULL),
                     E_ORIGIN_MISMATCH);
}

int main(void)
{
    uint8_t seed[32] = {0};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_head_verifies_and_says_what_was_signed),
        cmocka_unit_test(sizes_at_the_edge_survive),
        cmocka_unit_test(another_key_origin_or_bit_is_refused),
        cmocka_unit_test(malformed_texts_are_refused),
        cmocka_unit_test(bad_origins_are_not_signed),
        cmocka_unit_test(witnesses_add_to_a_checkpoint_without_disturbing_it),
        cmocka_unit_test(holders_move_only_to_heads_that_extend_theirs),
    };
    if (sodium_init() < 0) return 1;
    crypto_sign_seed_keypair(log_public, log_secret, seed);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
