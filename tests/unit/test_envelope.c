/* envelope: what is sealed opens, for the right readers only, and nothing changed passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/envelope.h"
#include "proto/record.h"
#include "tests/unit/envelope_scene.h"

/* A recipient's KEK, from its own end. */
static void reader_kek(const struct scene *scene, size_t i, uint8_t ret_kek[32])
{
    const struct maker *maker = &scene->maker;
    struct envelope_kek_input input = {.suite = SUITE_1,
                                       .own_secret = maker->epoch_secrets[i],
                                       .peer_public = scene->envelope.head->session_key.data,
                                       .session_public = scene->envelope.head->session_key.data,
                                       .epoch_public = maker->epoch_publics[i],
                                       .from = scene->envelope.head->from,
                                       .serial = scene->envelope.head->serial,
                                       .unit = maker->units[i],
                                       .epoch = maker->recipients[i].epoch};
    assert_int_equal(envelope_kek(&input, ret_kek), 0);
}

/* What a careful reader does with bytes that came in: 0 or the first refusal. */
static int receive(const struct scene *scene, struct bytes input, size_t reader, bool need_all)
{
    struct arena arena;
    struct envelope envelope;
    struct opened opened;
    arena_init(&arena, SCENE_ARENA_BYTES);
    int result = envelope_decode(input, &arena, &envelope, NULL);
    if (result == 0) result = envelope_verify(&envelope, scene->maker.identity_public);
    if (result == 0) result = envelope_check_ciphertexts(&envelope, need_all, NULL);
    if (result == 0)
        result = envelope_open(&envelope, scene->maker.units[reader], scene->maker.keks[reader],
                               &opened, NULL);
    if (result == 0) opened_fini(&opened);
    arena_fini(&arena);
    return result;
}

static void assert_opens(const struct scene *scene, size_t reader)
{
    const struct seal_recipient *recipient = &scene->maker.recipients[reader];
    struct opened opened;
    struct error error = {0};
    uint8_t kek[32];
    reader_kek(scene, reader, kek);
    assert_memory_equal(kek, scene->maker.keks[reader], 32);
    if (envelope_open(&scene->envelope, recipient->unit, kek, &opened, &error) != 0)
        fail_msg("%s: %s", error.field, error.detail);
    assert_int_equal(opened.pair_seq, recipient->pair_seq);
    assert_memory_equal(opened.previous_hash, recipient->previous_hash, 32);
    for (size_t i = 0; i < scene->maker.section_count; i++) {
        struct bytes plaintext = scene->maker.sections[i].plaintext;
        bool allowed = recipient->sections >> i & 1;
        assert_int_equal(opened.present[i], allowed);
        assert_int_equal(opened.sections[i].len, allowed ? plaintext.len : 0);
        if (allowed && plaintext.len > 0)
            assert_memory_equal(opened.sections[i].data, plaintext.data, plaintext.len);
        if (allowed) assert_memory_equal(opened.keys[i], scene->sealed.section_keys[i], 32);
    }
    opened_fini(&opened);
}

static void every_recipient_opens_its_sections_for_every_count(void **state)
{
    struct scene *scene = *state;
    static const size_t counts[] = {1, 2, 3, 7, 16, 64, 127, 128};
    static const char text[] = "payload of the section";
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        for (size_t sections = 1; sections <= LIMIT_SECTION_COUNT_MAX; sections++) {
            if (counts[c] > 16 && sections != 3) continue; /* each recipient costs an X25519 */
            maker_init(&scene->maker, counts[c], sections);
            for (size_t i = 0; i < sections; i++)
                scene->maker.sections[i].plaintext = bytes_of(text, i * 7);
            for (size_t i = 0; i < counts[c]; i++)
                scene->maker.recipients[i].sections = (uint32_t)i & ((1u << sections) - 1);
            scene_seal(scene);
            assert_int_equal(scene->envelope.recipient_count, counts[c]);
            assert_memory_equal(scene->envelope.hash, scene->sealed.hash, 32);
            assert_int_equal(envelope_verify(&scene->envelope, scene->maker.identity_public), 0);
            assert_int_equal(envelope_check_ciphertexts(&scene->envelope, true, NULL), 0);
            for (size_t i = 0; i < counts[c]; i += counts[c] / 5 + 1) assert_opens(scene, i);
        }
    }
}

static void every_combination_of_sections_opens(void **state)
{
    struct scene *scene = *state;
    maker_init(&scene->maker, 16, 4);
    for (size_t i = 0; i < 16; i++) scene->maker.recipients[i].sections = (uint32_t)i;
    for (size_t i = 0; i < 4; i++) scene->maker.sections[i].plaintext = bytes_of("abcdefg", i + 1);
    scene_seal(scene);
    for (size_t i = 0; i < 16; i++) assert_opens(scene, i);
}

static void payloads_are_padded_to_buckets(void **state)
{
    static const struct {
        size_t payload_len, ciphertext_len;
    } cases[] = {{0, 272},         {220, 272},      {221, 528},      {476, 528},
                 {477, 1040},      {65500, 65552},  {65501, 131088}, {131036, 131088},
                 {131037, 135168}, {131072, 135168}};
    struct scene *scene = *state;
    uint8_t *data = malloc(LIMIT_PLAINTEXT_BYTES_MAX + 1);
    assert_non_null(data);
    memset(data, 0x5a, LIMIT_PLAINTEXT_BYTES_MAX + 1);
    maker_init(&scene->maker, 1, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scene->maker.sections[0].plaintext = bytes_of(data, cases[i].payload_len);
        scene_seal(scene);
        assert_int_equal(scene->envelope.ciphertexts[0].len, cases[i].ciphertext_len);
        assert_opens(scene, 0);
    }
    scene->maker.sections[0].plaintext.len = LIMIT_PLAINTEXT_BYTES_MAX + 1;
    sealed_fini(&scene->sealed);
    assert_int_equal(maker_seal(&scene->maker, &scene->sealed, NULL), E_TOO_LARGE);
    assert_null(scene->sealed.bytes.data);
    free(data);
}

static void every_flipped_bit_is_refused(void **state)
{
    struct scene *scene = *state;
    struct buf copy = {0};
    maker_init(&scene->maker, 2, 1);
    scene->maker.sections[0].plaintext = bytes_of("x", 1);
    scene_seal(scene);
    assert_int_equal(receive(scene, buf_bytes(&scene->sealed.bytes), 0, true), 0);
    buf_append_bytes(&copy, buf_bytes(&scene->sealed.bytes));
    for (size_t bit = 0; bit < copy.len * 8; bit++) {
        copy.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (receive(scene, buf_bytes(&copy), 0, true) == 0) fail_msg("bit %zu passes", bit);
        copy.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buf_fini(&copy);
}

static void every_cut_and_every_appended_byte_is_refused(void **state)
{
    struct scene *scene = *state;
    struct buf copy = {0};
    maker_init(&scene->maker, 3, 2);
    scene_seal(scene);
    buf_append_bytes(&copy, buf_bytes(&scene->sealed.bytes));
    for (size_t len = 0; len < copy.len; len++)
        if (receive(scene, bytes_of(copy.data, len), 0, true) == 0) fail_msg("%zu bytes pass", len);
    buf_append_u8(&copy, 0);
    for (unsigned byte = 0; byte < 256; byte++) {
        copy.data[copy.len - 1] = (uint8_t)byte;
        assert_int_not_equal(receive(scene, buf_bytes(&copy), 0, true), 0);
    }
    buf_fini(&copy);
}

static void outputs_are_untouched_on_failure(void **state)
{
    struct scene *scene = *state;
    struct envelope envelope;
    struct envelope before;
    struct opened opened;
    struct opened opened_before;
    struct sealed sealed;
    struct sealed sealed_before;
    const uint8_t kek[32] = {1};
    uint8_t key[32];
    maker_init(&scene->maker, 2, 2);
    scene_seal(scene);
    memset(&envelope, 0xaa, sizeof envelope);
    memcpy(&before, &envelope, sizeof envelope);
    scene->sealed.bytes.len -= 1;
    assert_int_not_equal(
        envelope_decode(buf_bytes(&scene->sealed.bytes), &scene->arena, &envelope, NULL), 0);
    scene->sealed.bytes.len += 1;
    assert_memory_equal(&envelope, &before, sizeof envelope);
    memset(&opened, 0xaa, sizeof opened);
    memcpy(&opened_before, &opened, sizeof opened);
    assert_int_equal(envelope_open(&scene->envelope, "unit-0", kek, &opened, NULL), E_WRAP_INVALID);
    assert_memory_equal(&opened, &opened_before, sizeof opened);
    memset(&sealed, 0xaa, sizeof sealed);
    memcpy(&sealed_before, &sealed, sizeof sealed);
    scene->maker.recipients[1].unit = "unit-0";
    assert_int_equal(maker_seal(&scene->maker, &sealed, NULL), E_RECIPIENT_DUPLICATE);
    assert_memory_equal(&sealed, &sealed_before, sizeof sealed);
    memset(key, 0xaa, sizeof key);
    struct envelope_kek_input input = {.suite = SUITE_1,
                                       .own_secret = scene->maker.session_secret,
                                       .peer_public = (const uint8_t[32]){0},
                                       .session_public = scene->maker.session_public,
                                       .epoch_public = (const uint8_t[32]){0},
                                       .from = "a",
                                       .unit = "b"};
    assert_int_equal(envelope_kek(&input, key), E_KEY_WEAK);
    for (size_t i = 0; i < sizeof key; i++) assert_int_equal(key[i], 0xaa);
}

static void nobody_else_opens(void **state)
{
    struct scene *scene = *state;
    struct opened opened;
    uint8_t kek[32];
    maker_init(&scene->maker, 3, 1);
    scene_seal(scene);
    assert_int_equal(envelope_open(&scene->envelope, "unit-9", scene->maker.keks[0], &opened, NULL),
                     E_NOT_A_RECIPIENT);
    assert_int_equal(envelope_open(&scene->envelope, "unit-1", scene->maker.keks[0], &opened, NULL),
                     E_WRAP_INVALID);
    scene->maker.recipients[0].epoch += 1; /* the right secret under another epoch's number */
    reader_kek(scene, 0, kek);
    assert_int_equal(envelope_open(&scene->envelope, "unit-0", kek, &opened, NULL), E_WRAP_INVALID);
    scene->maker.recipients[0].epoch -= 1;
    scene->maker.epoch_secrets[0][5] ^= 1; /* another secret */
    reader_kek(scene, 0, kek);
    assert_int_equal(envelope_open(&scene->envelope, "unit-0", kek, &opened, NULL), E_WRAP_INVALID);
}

static void the_kek_hangs_on_every_name_and_number(void **state)
{
    uint8_t secret[32];
    uint8_t session[32];
    uint8_t epoch[32];
    uint8_t other[32];
    uint8_t keks[8][32];
    const struct suite *suite = suite_find(SUITE_1);
    (void)state;
    memset(secret, 3, sizeof secret);
    suite->public_of(secret, session);
    memset(epoch, 4, sizeof epoch);
    suite->public_of(epoch, epoch);
    memcpy(other, epoch, sizeof other);
    other[0] ^= 1;
    const struct envelope_kek_input base = {.suite = SUITE_1,
                                            .own_secret = secret,
                                            .peer_public = epoch,
                                            .session_public = session,
                                            .epoch_public = epoch,
                                            .from = "ab",
                                            .serial = 1,
                                            .unit = "c",
                                            .epoch = 2};
    struct envelope_kek_input inputs[8];
    for (size_t i = 0; i < 8; i++) inputs[i] = base;
    inputs[1].session_public = other;
    inputs[2].epoch_public = other;
    inputs[3].from = "a";
    inputs[3].unit = "bc";
    inputs[4].serial = 2;
    inputs[5].unit = "d";
    inputs[6].epoch = 3;
    inputs[7].serial = 2;
    inputs[7].epoch = 1;
    for (size_t i = 0; i < 8; i++) assert_int_equal(envelope_kek(&inputs[i], keks[i]), 0);
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(keks[i], keks[k], 32);
    inputs[0].suite = 2;
    assert_int_equal(envelope_kek(&inputs[0], keks[0]), E_SUITE_UNSUPPORTED);
}

static void wraps_of_another_envelope_do_not_open(void **state)
{
    struct scene *scene = *state;
    struct opened opened;
    uint8_t wraps[2][512];
    struct bytes wrap[2];
    maker_init(&scene->maker, 1, 1);
    for (size_t i = 0; i < 2; i++) {
        scene->maker.entropy[0] = (uint8_t)i; /* another salt, so another H */
        scene_seal(scene);
        wrap[i] = bytes_of(wraps[i], scene->envelope.wrap[0].len);
        memcpy(wraps[i], scene->envelope.wrap[0].data, wrap[i].len);
    }
    scene->envelope.wrap[0] = wrap[0];
    assert_int_equal(envelope_open(&scene->envelope, "unit-0", scene->maker.keks[0], &opened, NULL),
                     E_WRAP_INVALID);
    scene->envelope.wrap[0] = wrap[1];
    assert_int_equal(envelope_open(&scene->envelope, "unit-0", scene->maker.keks[0], &opened, NULL),
                     0);
    opened_fini(&opened);
}

static void swapped_commits_and_ciphertexts_are_refused(void **state)
{
    struct scene *scene = *state;
    struct opened opened;
    maker_init(&scene->maker, 1, 2);
    scene_seal(scene);
    struct envelope envelope = scene->envelope;
    envelope.commits[0] = scene->envelope.commits[1];
    envelope.commits[1] = scene->envelope.commits[0];
    assert_int_equal(envelope_verify(&envelope, scene->maker.identity_public), E_SIGNATURE_INVALID);
    assert_int_equal(envelope_open(&envelope, "unit-0", scene->maker.keks[0], &opened, NULL),
                     E_COMMIT_MISMATCH);
    envelope = scene->envelope;
    envelope.ciphertexts[0] = scene->envelope.ciphertexts[1];
    envelope.ciphertexts[1] = scene->envelope.ciphertexts[0];
    assert_int_equal(envelope_check_ciphertexts(&envelope, false, NULL), E_SECTION_HASH);
    assert_int_equal(envelope_open(&envelope, "unit-0", scene->maker.keks[0], &opened, NULL),
                     E_DECRYPT_FAILED);
    envelope.ciphertexts[0] = (struct bytes){0};
    assert_int_equal(envelope_open(&envelope, "unit-0", scene->maker.keks[0], &opened, NULL),
                     E_SECTION_HASH);
}

/* A section sealed with its right key but other plaintext bytes. */
static int open_with_plaintext(struct scene *scene, const uint8_t plain[256])
{
    struct envelope envelope = scene->envelope;
    struct opened opened;
    const struct suite *suite = suite_find(SUITE_1);
    uint8_t prk[32];
    uint8_t key[32];
    uint8_t cipher[256 + SUITE_TAG_LEN];
    struct buf info = {0};
    buf_append(&info, "leadbus/1 body", 15);
    buf_append_prefixed(&info, bytes_of_str("s0"));
    buf_append_prefixed(&info, bytes_of(envelope.hash, 32));
    suite->extract(bytes_of(scene->maker.entropy, 32), bytes_of(scene->sealed.section_keys[0], 32),
                   prk);
    suite->expand(prk, buf_bytes(&info), key, sizeof key);
    suite->seal(key, bytes_of(envelope.hash, 32), bytes_of(plain, 256), cipher);
    envelope.ciphertexts[0] = bytes_of(cipher, sizeof cipher);
    int result = envelope_open(&envelope, "unit-0", scene->maker.keks[0], &opened, NULL);
    if (result == 0) opened_fini(&opened);
    buf_fini(&info);
    return result;
}

static void the_plaintext_must_name_its_header_and_be_padded_with_zeros(void **state)
{
    struct scene *scene = *state;
    uint8_t plain[256] = {0};
    maker_init(&scene->maker, 1, 1);
    scene_seal(scene);
    memcpy(plain, scene->envelope.hash, 32);
    plain[35] = 3;
    memcpy(plain + 36, "abc", 3);
    assert_int_equal(open_with_plaintext(scene, plain), 0);
    plain[31] ^= 1;
    assert_int_equal(open_with_plaintext(scene, plain), E_HEADER_COPY_MISMATCH);
    plain[31] ^= 1;
    for (size_t i = 39; i < sizeof plain; i++) {
        plain[i] = 1;
        assert_int_equal(open_with_plaintext(scene, plain), E_BAD_FORM);
        plain[i] = 0;
    }
    plain[35] = 220;
    assert_int_equal(open_with_plaintext(scene, plain), 0);
    plain[35] = 221;
    assert_int_equal(open_with_plaintext(scene, plain), E_BAD_FORM);
    memset(plain + 32, 0xff, 4);
    assert_int_equal(open_with_plaintext(scene, plain), E_BAD_FORM);
}

static void an_unkeyed_recipient_is_listed_and_waits(void **state)
{
    struct scene *scene = *state;
    struct opened opened;
    maker_init(&scene->maker, 3, 2);
    maker_unkey(&scene->maker, 1);
    scene_seal(scene);
    assert_true(scene->envelope.head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED);
    assert_int_equal(scene->envelope.wrap[1].len, 0);
    assert_int_equal(envelope_open(&scene->envelope, "unit-1", scene->maker.keks[1], &opened, NULL),
                     E_REWRAP_NEEDED);
    assert_opens(scene, 0);
    assert_opens(scene, 2);
    scene->maker.recipients[1].kek = scene->maker.keks[1];
    sealed_fini(&scene->sealed);
    assert_int_equal(maker_seal(&scene->maker, &scene->sealed, NULL), E_BAD_VALUE);
}

/* The first envelope's section keys for unit-1, which had none. */
static struct rewrap_input rewrap_for(const struct scene *scene, const uint8_t salt[32])
{
    return (struct rewrap_input){.original = &scene->envelope,
                                 .from = "civil-affairs",
                                 .serial = 77,
                                 .unit = "unit-1",
                                 .epoch = 2,
                                 .epoch_public = scene->maker.epoch_publics[1],
                                 .kek = scene->maker.keks[1],
                                 .session_public = scene->maker.session_public,
                                 .sections = 2,
                                 .keys = scene->sealed.section_keys,
                                 .created_ms = 5,
                                 .identity_secret = scene->maker.identity_secret,
                                 .salt = salt};
}

static void a_rewrap_opens_the_same_original_and_no_other(void **state)
{
    struct scene *scene = *state;
    const uint8_t salt[32] = {8};
    struct buf body = {0};
    uint8_t signature[64];
    struct opened opened;
    const Leadbus__RewrapBody *rewrap;
    struct arena arena;
    arena_init(&arena, SCENE_ARENA_BYTES);
    maker_init(&scene->maker, 2, 2);
    scene->maker.sections[1].plaintext = bytes_of("second", 6);
    maker_unkey(&scene->maker, 1);
    scene_seal(scene);
    struct rewrap_input input = rewrap_for(scene, salt);
    assert_int_equal(envelope_rewrap(&input, &body, signature, NULL), 0);
    assert_int_equal(signed_body_verify(SIGNED_REWRAP, buf_bytes(&body), bytes_of(signature, 64),
                                        scene->maker.identity_public),
                     0);
    assert_int_equal(envelope_rewrap_decode(buf_bytes(&body), &arena, &rewrap, NULL), 0);
    assert_int_equal(
        envelope_open_rewrapped(&scene->envelope, rewrap, scene->maker.keks[1], &opened, NULL), 0);
    assert_false(opened.present[0]);
    assert_true(opened.present[1]);
    assert_int_equal(opened.sections[1].len, 6);
    assert_memory_equal(opened.sections[1].data, "second", 6);
    opened_fini(&opened);
    assert_int_equal(
        envelope_open_rewrapped(&scene->envelope, rewrap, scene->maker.keks[0], &opened, NULL),
        E_WRAP_INVALID);
    scene->maker.entropy[0] ^= 1;
    scene_seal(scene);
    assert_int_equal(
        envelope_open_rewrapped(&scene->envelope, rewrap, scene->maker.keks[1], &opened, NULL),
        E_HEADER_COPY_MISMATCH);
    /* Even with its H rewritten to the other's. */
    memcpy(rewrap->header_hash.data, scene->envelope.hash, 32);
    assert_int_equal(
        envelope_open_rewrapped(&scene->envelope, rewrap, scene->maker.keks[1], &opened, NULL),
        E_WRAP_INVALID);
    buf_fini(&body);
    arena_fini(&arena);
}

static void a_changed_rewrap_is_refused(void **state)
{
    struct scene *scene = *state;
    const uint8_t salt[32] = {8};
    struct buf body = {0};
    uint8_t signature[64];
    struct arena arena;
    arena_init(&arena, SCENE_ARENA_BYTES);
    maker_init(&scene->maker, 2, 2);
    scene_seal(scene);
    struct rewrap_input input = rewrap_for(scene, salt);
    assert_int_equal(envelope_rewrap(&input, &body, signature, NULL), 0);
    for (size_t bit = 0; bit < body.len * 8; bit++) {
        body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(signed_body_verify(SIGNED_REWRAP, buf_bytes(&body),
                                            bytes_of(signature, 64), scene->maker.identity_public),
                         E_SIGNATURE_INVALID);
        body.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < body.len; len++) {
        const Leadbus__RewrapBody *rewrap = NULL;
        arena_reset(&arena);
        assert_int_not_equal(
            envelope_rewrap_decode(bytes_of(body.data, len), &arena, &rewrap, NULL), 0);
        assert_null(rewrap);
    }
    input.sections = 0;
    assert_int_equal(envelope_rewrap(&input, &body, signature, NULL), E_BAD_VALUE);
    input.sections = 4;
    assert_int_equal(envelope_rewrap(&input, &body, signature, NULL), E_BAD_VALUE);
    input.sections = 1;
    input.session_public = (const uint8_t[32]){1};
    assert_int_equal(envelope_rewrap(&input, &body, signature, NULL), E_KEY_WEAK);
    buf_fini(&body);
    arena_fini(&arena);
}

static void the_running_hash_is_as_documented(void **state)
{
    uint8_t data[15 + 4 + 32 + 8 + 32] = "leadbus/1 lane";
    uint8_t expected[32];
    uint8_t running[32];
    uint8_t previous[32];
    uint8_t item[32];
    (void)state;
    memset(previous, 1, 32);
    memset(item, 2, 32);
    memcpy(data + 15, "org", 4);
    memcpy(data + 19, previous, 32);
    store_u64(data + 51, 0x0102030405060708);
    memcpy(data + 59, item, 32);
    sha256(bytes_of(data, sizeof data), expected);
    lane_running("org", previous, 0x0102030405060708, item, running);
    assert_memory_equal(running, expected, 32);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_recipient_opens_its_sections_for_every_count),
        TEST(every_combination_of_sections_opens),
        TEST(payloads_are_padded_to_buckets),
        TEST(every_flipped_bit_is_refused),
        TEST(every_cut_and_every_appended_byte_is_refused),
        TEST(outputs_are_untouched_on_failure),
        TEST(nobody_else_opens),
        TEST(the_kek_hangs_on_every_name_and_number),
        TEST(wraps_of_another_envelope_do_not_open),
        TEST(swapped_commits_and_ciphertexts_are_refused),
        TEST(the_plaintext_must_name_its_header_and_be_padded_with_zeros),
        TEST(an_unkeyed_recipient_is_listed_and_waits),
        TEST(a_rewrap_opens_the_same_original_and_no_other),
        TEST(a_changed_rewrap_is_refused),
        TEST(the_running_hash_is_as_documented),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
