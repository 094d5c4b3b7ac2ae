/* envelope: what a header, its parts and their encoding must be. */
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
CHANGE(flag_unknown, maker->head.flags = 32)
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
    scene_seal(scene);
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
        arena_init(&arena, SCENE_ARENA_BYTES);
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
    scene_seal(scene);
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

static void manifests_say_one_bucket_for_each_section(void **state)
{
    struct scene *scene = *state;
    uint8_t hash[33] = {0};
    maker_init(&scene->maker, 1, 1);
    scene_seal(scene);
    Leadbus__SectionDigest digest = LEADBUS__SECTION_DIGEST__INIT;
    Leadbus__SectionDigest *digests[] = {&digest, &digest};
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
}

static void attachments_of_a_manifest_are_distinct_ordered_and_within_the_limits(void **state)
{
    struct scene *scene = *state;
    uint8_t hash[32] = {0}, roots[LIMIT_ATTACHMENT_COUNT_MAX + 1][32] = {{0}};
    maker_init(&scene->maker, 1, 2);
    scene_seal(scene);
    Leadbus__SectionDigest digest = LEADBUS__SECTION_DIGEST__INIT;
    Leadbus__SectionDigest *digests[] = {&digest, &digest};
    Leadbus__Attachment rows[LIMIT_ATTACHMENT_COUNT_MAX + 1], *list[LIMIT_ATTACHMENT_COUNT_MAX + 1];
    Leadbus__Manifest manifest = LEADBUS__MANIFEST__INIT;
    digest.sha256 = (ProtobufCBinaryData){32, hash};
    digest.size = 272;
    manifest.n_sections = 2;
    manifest.sections = digests;
    manifest.attachments = list;
    for (size_t i = 0; i <= LIMIT_ATTACHMENT_COUNT_MAX; i++) {
        leadbus__attachment__init(&rows[i]);
        list[i] = &rows[i];
        roots[i][0] = (uint8_t)i;
        rows[i].root = (ProtobufCBinaryData){32, roots[i]};
        rows[i].section = i > 3;
        rows[i].size = 1024;
        rows[i].chunks = 1;
    }
    manifest.n_attachments = LIMIT_ATTACHMENT_COUNT_MAX;
    assert_int_equal(decode_with_manifest(scene, &manifest), 0);
    manifest.n_attachments++;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_TOO_LARGE);
    manifest.n_attachments = 2;

    rows[1].section = 2; /* of no section */
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    rows[1].section = 0;
    rows[0].section = 1; /* behind the next one */
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    rows[0].section = 0;
    rows[1].root.data = roots[0]; /* twice */
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    rows[1].root.data = roots[1];
    rows[1].root.len = 31;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    rows[1].root.len = 32;
    static const uint64_t bad[][2] = {{0, 0},
                                      {1024, 2},
                                      {1024, 0},
                                      {1025, 1},
                                      {1048576, 2},
                                      {1081344, 1},
                                      {1ull << 40, 1ull << 20},
                                      {UINT64_MAX, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rows[1].size = bad[i][0];
        rows[1].chunks = bad[i][1];
        assert_int_equal(decode_with_manifest(scene, &manifest), E_BAD_VALUE);
    }
    rows[1].size = 1081344;
    rows[1].chunks = 2;
    assert_int_equal(decode_with_manifest(scene, &manifest), 0);
    rows[1].size = LIMIT_ATTACHMENT_BYTES_MAX; /* with the first one: above */
    rows[1].chunks = LIMIT_CHUNK_COUNT_MAX;
    assert_int_equal(decode_with_manifest(scene, &manifest), E_TOO_LARGE);
    manifest.n_attachments = 1;
    list[0] = &rows[1];
    assert_int_equal(decode_with_manifest(scene, &manifest), 0);
}

static void a_small_arena_refuses_and_nothing_more(void **state)
{
    struct scene *scene = *state;
    maker_init(&scene->maker, 8, 2);
    scene_seal(scene);
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)
    const struct CMUnitTest tests[] = {
        TEST(header_fields_are_checked_one_by_one),
        TEST(headers_in_another_spelling_are_refused),
        TEST(parts_of_wrong_size_and_count_are_refused),
        TEST(manifests_say_one_bucket_for_each_section),
        TEST(attachments_of_a_manifest_are_distinct_ordered_and_within_the_limits),
        TEST(a_small_arena_refuses_and_nothing_more),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
