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
#include "tests/unit/envelope_maker.h"

enum { ARENA_BYTES = 4 * LIMIT_FRAME_BYTES_MAX };

/* One sender, what it sealed, and that decoded. */
struct scene {
    struct maker maker;
    struct sealed sealed;
    struct envelope envelope;
    struct arena arena;
};

static int setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return 1;
    arena_init(&scene->arena, ARENA_BYTES);
    *state = scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    arena_fini(&scene->arena);
    sealed_fini(&scene->sealed);
    free(scene);
    return 0;
}

/* Seals what the maker holds and decodes it. */
static void seal(struct scene *scene)
{
    struct error error = {0};
    sealed_fini(&scene->sealed);
    arena_reset(&scene->arena);
    if (maker_seal(&scene->maker, &scene->sealed, &error) != 0)
        fail_msg("%s: %s", error.field, error.detail);
    if (envelope_decode(buf_bytes(&scene->sealed.bytes), &scene->arena, &scene->envelope, &error))
        fail_msg("%s: %s", error.field, error.detail);
}

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
    arena_init(&arena, ARENA_BYTES);
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
            seal(scene);
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
    seal(scene);
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
        seal(scene);
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
    seal(scene);
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
    seal(scene);
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
    seal(scene);
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
    seal(scene);
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
        seal(scene);
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
    seal(scene);
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
    seal(scene);
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
    seal(scene);
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
    arena_init(&arena, ARENA_BYTES);
    maker_init(&scene->maker, 2, 2);
    scene->maker.sections[1].plaintext = bytes_of("second", 6);
    maker_unkey(&scene->maker, 1);
    seal(scene);
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
    seal(scene);
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
    arena_init(&arena, ARENA_BYTES);
    maker_init(&scene->maker, 2, 2);
    seal(scene);
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

/* ---- header fields -------------------------------------------------------------------------- */

static char *text(const char *value)
{
    return (char *)(uintptr_t)value;
}

/* What sealing says after one change of a header that is good otherwise. */
static int seal_after(struct scene *scene, void (*change)(struct maker *maker))
{
    maker_init(&scene->maker, 2, 2);
    change(&scene->maker);
    sealed_fini(&scene->sealed);
    int result = maker_seal(&scene->maker, &scene->sealed, NULL);
    assert_true((scene->sealed.bytes.data != NULL) == (result == 0));
    return result;
}

static char *bad_tags[] = {(char *)(uintptr_t) "MINOR", (char *)(uintptr_t) "MINOR"};
static uint8_t zeros[64];

#define CHANGE(name, ...)                                                                          \
    static void name(struct maker *maker)                                                          \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
CHANGE(nothing, (void)maker)
CHANGE(suite_0, maker->head.suite = 0)
CHANGE(suite_2, maker->head.suite = 2)
CHANGE(flag_unknown, maker->head.flags = 16)
CHANGE(id_short, maker->head.id.len = 15)
CHANGE(thread_none, maker->head.thread.len = 0)
CHANGE(parent_short, maker->head.parent = maker->head.id; maker->head.parent.len = 1)
CHANGE(kind_none, maker->head.kind = text(""))
CHANGE(kind_upper, maker->head.kind = text("Notice"))
CHANGE(topic_space, maker->head.topic = text("a b"))
CHANGE(from_chinese, maker->head.from = text("\xe6\xb0\x91"))
CHANGE(from_long, maker->head.from = text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
CHANGE(officer_space, maker->head.officer = text("a b"))
CHANGE(officer_long, maker->head.officer = text("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
CHANGE(seq_0, maker->head.seq = 0)
CHANGE(created_0, maker->head.created_ms = 0)
CHANGE(seen_without_root, maker->head.seen_size = 1)
CHANGE(root_without_seen, maker->head.seen_root = (ProtobufCBinaryData){32, zeros})
CHANGE(area_letters, maker->head.area = text("12010a"))
CHANGE(area_short, maker->head.area = text("12010"))
CHANGE(urgency_0, maker->head.urgency = 0)
CHANGE(urgency_5, maker->head.urgency = 5)
CHANGE(level_5, maker->head.level = 5)
CHANGE(tag_twice, maker->head.tags = bad_tags; maker->head.n_tags = 2)
CHANGE(purpose_newline, maker->head.purpose = text("a\n"))
CHANGE(session_short, maker->head.session_key.len = 31)
CHANGE(session_weak, maker->head.session_key.data = zeros)
CHANGE(blind_index_set, maker->head.blind_index = (ProtobufCBinaryData){1, zeros})
CHANGE(sections_twice, maker->sections[1].name = "s0")
CHANGE(section_upper, maker->sections[1].name = "S1")
CHANGE(sections_0, maker->section_count = 0)
CHANGE(sections_5, maker->section_count = 5)
CHANGE(recipients_0, maker->recipient_count = 0)
CHANGE(recipients_129, maker->recipient_count = 129)
CHANGE(recipient_twice, maker->recipients[1].unit = "unit-0")
CHANGE(unit_none, maker->recipients[1].unit = "")
CHANGE(act_0, maker->recipients[1].act = 0)
CHANGE(act_3, maker->recipients[1].act = 3)
CHANGE(citation_none, maker->recipients[1].citation = "")
CHANGE(citation_chinese, maker->recipients[1].citation = "\xe6\xb0\x91")
CHANGE(bit_without_section, maker->recipients[1].sections = 4)
CHANGE(good_tag, bad_tags[1] = text("DNA-RESULT"); maker->head.tags = bad_tags;
       maker->head.n_tags = 2)
CHANGE(bad_tag, bad_tags[1] = text("minor"); maker->head.tags = bad_tags; maker->head.n_tags = 2)
CHANGE(good_area, maker->head.area = text("120102004000"))
CHANGE(good_seen, maker->head.seen_size = 1;
       maker->head.seen_root = (ProtobufCBinaryData){32, zeros})

static void header_fields_are_checked_one_by_one(void **state)
{
    static const struct {
        void (*change)(struct maker *maker);
        int result;
    } cases[] = {
        {nothing, 0},
        {good_area, 0},
        {good_seen, 0},
        {tag_twice, E_BAD_VALUE},
        {good_tag, 0},
        {bad_tag, E_BAD_VALUE},
        {suite_0, E_SUITE_UNSUPPORTED},
        {suite_2, E_SUITE_UNSUPPORTED},
        {flag_unknown, E_BAD_VALUE},
        {id_short, E_BAD_VALUE},
        {thread_none, E_BAD_VALUE},
        {parent_short, E_BAD_VALUE},
        {kind_none, E_BAD_VALUE},
        {kind_upper, E_BAD_VALUE},
        {topic_space, E_BAD_VALUE},
        {from_chinese, E_BAD_VALUE},
        {from_long, E_BAD_VALUE},
        {officer_space, E_BAD_VALUE},
        {officer_long, E_BAD_VALUE},
        {seq_0, E_BAD_VALUE},
        {created_0, E_BAD_VALUE},
        {seen_without_root, E_BAD_VALUE},
        {root_without_seen, E_BAD_VALUE},
        {area_letters, E_BAD_VALUE},
        {area_short, E_BAD_VALUE},
        {urgency_0, E_BAD_VALUE},
        {urgency_5, E_BAD_VALUE},
        {level_5, E_BAD_VALUE},
        {purpose_newline, E_BAD_VALUE},
        {session_short, E_BAD_VALUE},
        {session_weak, E_KEY_WEAK},
        {blind_index_set, E_BAD_VALUE},
        {sections_twice, E_BAD_VALUE},
        {section_upper, E_BAD_VALUE},
        {sections_0, E_BAD_VALUE},
        {sections_5, E_BAD_VALUE},
        {recipients_0, E_BAD_VALUE},
        {recipients_129, E_BAD_VALUE},
        {recipient_twice, E_RECIPIENT_DUPLICATE},
        {unit_none, E_BAD_VALUE},
        {act_0, E_BAD_VALUE},
        {act_3, E_BAD_VALUE},
        {citation_none, E_BAD_VALUE},
        {citation_chinese, E_BAD_VALUE},
        {bit_without_section, E_BAD_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int result = seal_after(*state, cases[i].change);
        if (result != cases[i].result)
            fail_msg("case %zu: %s, not %s", i, error_name(result), error_name(cases[i].result));
    }
}

/* ---- hostile encodings ---------------------------------------------------------------------- */

/* The parts of a sealed envelope, to be encoded again with something else in it. */
static Leadbus__Envelope *unpacked(const struct scene *scene)
{
    Leadbus__Envelope *message =
        leadbus__envelope__unpack(NULL, scene->sealed.bytes.len, scene->sealed.bytes.data);
    assert_non_null(message);
    return message;
}

static int decode_message(struct scene *scene, const Leadbus__Envelope *message)
{
    struct buf bytes = {0};
    struct envelope envelope;
    message_encode(&message->base, &bytes);
    arena_reset(&scene->arena);
    int result = envelope_decode(buf_bytes(&bytes), &scene->arena, &envelope, NULL);
    buf_fini(&bytes);
    return result;
}

static void replace(ProtobufCBinaryData *data, const void *bytes, size_t len)
{
    free(data->data);
    data->data = malloc(len ? len : 1);
    assert_non_null(data->data);
    if (len > 0) memcpy(data->data, bytes, len);
    data->len = len;
}

static void headers_in_another_spelling_are_refused(void **state)
{
    struct scene *scene = *state;
    struct buf header = {0};
    maker_init(&scene->maker, 1, 1);
    seal(scene);
    struct bytes good = scene->envelope.header;
    static const struct {
        const char *bytes;
        size_t len;
        int result;
    } tails[] = {
        {"", 0, 0},
        {"\x08\x01", 2, E_BAD_FORM},                       /* suite again */
        {"\xd8\x01\x00", 3, E_BAD_FORM},                   /* a default written */
        {"\xd8\x01\x81\x00", 4, E_BAD_FORM},               /* long varint */
        {"\x4a\x02o\x00", 4, E_BAD_FORM},                  /* NUL in the officer */
        {"\xfa\x07\x01x", 4, E_UNKNOWN_FIELD},             /* field 127 */
        {"\xd2\x01\x04\xfa\x07\x01x", 7, E_UNKNOWN_FIELD}, /* in a recipient */
        {"\x07", 1, E_BAD_FORM},                           /* wire type 7 */
        {"\xd8\x01", 2, E_BAD_FORM},                       /* cut */
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        Leadbus__Envelope *message = unpacked(scene);
        buf_reset(&header);
        buf_append_bytes(&header, good);
        buf_append(&header, tails[i].bytes, tails[i].len);
        replace(&message->header, header.data, header.len);
        struct arena arena;
        struct envelope envelope;
        arena_init(&arena, ARENA_BYTES);
        int result = envelope_from_message(message, &arena, &envelope, NULL);
        if (result != tails[i].result)
            fail_msg("tail %zu: %s, not %s", i, error_name(result), error_name(tails[i].result));
        arena_fini(&arena);
        leadbus__envelope__free_unpacked(message, NULL);
    }
    buf_fini(&header);
}

static void parts_of_wrong_size_and_count_are_refused(void **state)
{
    struct scene *scene = *state;
    uint8_t *large = calloc(1, LIMIT_SECTION_BYTES_MAX + 1);
    Leadbus__Envelope *message;
    assert_non_null(large);
    maker_init(&scene->maker, 2, 2);
    seal(scene);
    size_t wraps_len = scene->envelope.wraps.len;
    uint8_t wraps[1024];
    assert_true(wraps_len < sizeof wraps);
    memcpy(wraps, scene->envelope.wraps.data, wraps_len);

    for (size_t len = 0; len <= wraps_len + 1; len++) {
        message = unpacked(scene);
        replace(&message->wraps, wraps, len);
        int result = decode_message(scene, message);
        assert_true((result == 0) == (len == wraps_len));
        leadbus__envelope__free_unpacked(message, NULL);
    }
#define REFUSED(code, ...)                                                                         \
    do {                                                                                           \
        message = unpacked(scene);                                                                 \
        __VA_ARGS__;                                                                               \
        assert_int_equal(decode_message(scene, message), code);                                    \
        leadbus__envelope__free_unpacked(message, NULL);                                           \
    } while (0)
    REFUSED(E_BAD_VALUE, replace(&message->signature, large, 63));
    REFUSED(E_BAD_VALUE, replace(&message->signature, large, 0));
    REFUSED(E_BAD_VALUE, replace(&message->sections[0]->commit, large, 31));
    REFUSED(E_MISSING_FIELD, replace(&message->header, large, 0));
    REFUSED(E_MISSING_FIELD, replace(&message->manifest, large, 0));
    REFUSED(E_TOO_LARGE, replace(&message->header, large, LIMIT_HEADER_BYTES_MAX + 1));
    REFUSED(E_TOO_LARGE, replace(&message->wraps, large, LIMIT_WRAPS_BYTES_MAX + 1));
    REFUSED(E_TOO_LARGE, replace(&message->manifest, large, LIMIT_MANIFEST_BYTES_MAX + 1));
    REFUSED(E_TOO_LARGE,
            replace(&message->sections[1]->ciphertext, large, LIMIT_SECTION_BYTES_MAX + 1));
    REFUSED(0, replace(&message->sections[1]->ciphertext, large, 0)); /* not carried */
#undef REFUSED
    message = unpacked(scene);
    Leadbus__Section *last = message->sections[1];
    message->n_sections = 1;
    assert_int_equal(decode_message(scene, message), E_BAD_VALUE);
    message->n_sections = 2;
    Leadbus__Section *five[] = {last, last, last, last, last};
    Leadbus__Section **two = message->sections;
    message->sections = five;
    message->n_sections = 5;
    assert_int_equal(decode_message(scene, message), E_BAD_VALUE);
    message->sections = two;
    message->n_sections = 2;
    leadbus__envelope__free_unpacked(message, NULL);

    uint8_t *input = calloc(1, LIMIT_ENVELOPE_BYTES_MAX + 1);
    assert_non_null(input);
    assert_int_equal(envelope_decode(bytes_of(input, LIMIT_ENVELOPE_BYTES_MAX + 1), &scene->arena,
                                     &scene->envelope, NULL),
                     E_TOO_LARGE);
    free(input);
    free(large);
}

static int decode_with_manifest(struct scene *scene, const Leadbus__Manifest *manifest)
{
    struct buf bytes = {0};
    Leadbus__Envelope *message = unpacked(scene);
    message_encode(&manifest->base, &bytes);
    replace(&message->manifest, bytes.data, bytes.len);
    int result = decode_message(scene, message);
    leadbus__envelope__free_unpacked(message, NULL);
    buf_fini(&bytes);
    return result;
}

static void manifests_say_one_bucket_for_each_section_and_no_attachment(void **state)
{
    struct scene *scene = *state;
    uint8_t hash[33] = {0};
    maker_init(&scene->maker, 1, 1);
    seal(scene);
    Leadbus__SectionDigest digest = LEADBUS__SECTION_DIGEST__INIT;
    Leadbus__SectionDigest *digests[] = {&digest, &digest};
    Leadbus__Attachment attachment = LEADBUS__ATTACHMENT__INIT;
    Leadbus__Attachment *attachments[] = {&attachment};
    Leadbus__Manifest manifest = LEADBUS__MANIFEST__INIT;
    manifest.n_sections = 1;
    manifest.sections = digests;
    digest.sha256 = (ProtobufCBinaryData){32, hash};
    static const uint64_t good[] = {272, 528, 131088, 135168};
    static const uint64_t bad[] = {0,   15,     16,     17,     144,        271,       273,
                                   400, 131089, 135167, 262160, 1ull << 40, UINT64_MAX};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        digest.size = good[i];
        assert_int_equal(decode_with_manifest(scene, &manifest), 0);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        digest.size = bad[i];
        assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    }
    digest.size = 272;
    digest.sha256.len = 31;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    digest.sha256.len = 33;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    digest.sha256.len = 32;
    manifest.n_sections = 2;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    manifest.n_sections = 1;
    manifest.n_attachments = 1;
    manifest.attachments = attachments;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
}

static void a_small_arena_refuses_and_nothing_more(void **state)
{
    struct scene *scene = *state;
    maker_init(&scene->maker, 8, 2);
    seal(scene);
    bool fitted = false;
    for (size_t cap = 0; cap < 65536 && !fitted; cap += 64) {
        struct arena arena;
        struct envelope envelope;
        arena_init(&arena, cap);
        int result = envelope_decode(buf_bytes(&scene->sealed.bytes), &arena, &envelope, NULL);
        assert_true(result == 0 || result == E_TOO_LARGE);
        fitted = result == 0;
        arena_fini(&arena);
    }
    assert_true(fitted);
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
    crypto_hash_sha256(expected, data, sizeof data);
    lane_running("org", previous, 0x0102030405060708, item, running);
    assert_memory_equal(running, expected, 32);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
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
        TEST(header_fields_are_checked_one_by_one),
        TEST(headers_in_another_spelling_are_refused),
        TEST(parts_of_wrong_size_and_count_are_refused),
        TEST(manifests_say_one_bucket_for_each_section_and_no_attachment),
        TEST(a_small_arena_refuses_and_nothing_more),
        TEST(the_running_hash_is_as_documented),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
