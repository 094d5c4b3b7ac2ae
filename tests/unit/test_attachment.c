/* attachment: lengths, chunks, leaves; attached: the entries of a section. Hostile first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/attachment.h"
#include "proto/payload/attached.h"
#include "proto/payload/payload.h"
#include "proto/record.h"

enum { CHUNK = LIMIT_CHUNK_PLAIN_BYTES };

/* Keeps what a sealer emits. */
struct kept {
    struct buf chunks[8];
    size_t count, fail_at;
};

static int keep(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    struct kept *kept = ctx;
    if (number == kept->fail_at) return error_set(ret_error, E_IO, "chunk", "on purpose");
    assert_int_equal(number, kept->count);
    buf_append_bytes(&kept->chunks[kept->count++], chunk);
    return 0;
}

static void kept_fini(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++) buf_fini(&kept->chunks[i]);
}

/* Seals `size` bytes of a pattern in pieces of `piece`. */
static void seal(uint64_t size, size_t piece, struct kept *ret_kept, struct buf *ret_leaves,
                 struct attachment_sealed *ret_sealed)
{
    struct attachment_sealer sealer;
    uint8_t key[32];
    uint8_t *data = malloc(piece);
    assert_non_null(data);
    memset(key, 5, sizeof key);
    *ret_kept = (struct kept){.fail_at = SIZE_MAX};
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, keep, ret_kept);
    for (uint64_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? (size_t)(size - at) : piece;
        for (size_t i = 0; i < len; i++) data[i] = (uint8_t)((at + i) * 7);
        assert_int_equal(attachment_sealer_add(&sealer, bytes_of(data, len), NULL), 0);
    }
    assert_int_equal(attachment_sealer_end(&sealer, ret_sealed, NULL), 0);
    buf_append_bytes(ret_leaves, buf_bytes(&sealer.leaves));
    attachment_sealer_fini(&sealer);
    free(data);
}

static void padded_lengths_hide_all_but_a_few_bits(void **state)
{
    (void)state;
    static const struct {
        uint64_t size, stream_len;
    } rows[] = {{0, 0},
                {1, 1024},
                {1024, 1024},
                {1025, 1088},
                {1088, 1088},
                {2047, 2048},
                {9999, 10240},
                {1048576, 1048576},
                {1048577, 1081344},
                {200000000, 201326592},
                {LIMIT_ATTACHMENT_BYTES_MAX, LIMIT_ATTACHMENT_BYTES_MAX},
                {LIMIT_ATTACHMENT_BYTES_MAX + 1ull, 0},
                {UINT64_MAX, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(attachment_stream_len(rows[i].size), rows[i].stream_len);
    uint64_t lengths = 0, last = 0;
    for (uint64_t size = 1; size < 3000000; size += 1 + size / 500) {
        uint64_t stream_len = attachment_stream_len(size);
        assert_true(stream_len >= size && attachment_stream_valid(stream_len));
        if (size > 65536) assert_true(stream_len - size <= size / 32);
        lengths += stream_len != last;
        last = stream_len;
    }
    assert_true(lengths < 350);
    assert_false(attachment_stream_valid(0));
    assert_false(attachment_stream_valid(1025));
    assert_false(attachment_stream_valid(LIMIT_ATTACHMENT_BYTES_MAX + 1ull));
    assert_int_equal(attachment_chunk_count(LIMIT_ATTACHMENT_BYTES_MAX), LIMIT_CHUNK_COUNT_MAX);
}

static void a_file_comes_out_as_it_went_in(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 1024, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 77};
    static const size_t pieces[] = {777, CHUNK, 5 * CHUNK};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t first_root[32];
        for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
            struct kept kept;
            struct buf leaves = {0};
            struct attachment_sealed sealed;
            uint8_t key[32], *plain = malloc(CHUNK);
            memset(key, 5, sizeof key);
            seal(sizes[i], pieces[p], &kept, &leaves, &sealed);
            assert_int_equal(kept.count, attachment_chunk_count(sealed.stream_len));
            assert_int_equal(
                attachment_leaves_check(buf_bytes(&leaves), sealed.stream_len, sealed.root, NULL),
                0);
            if (p == 0) memcpy(first_root, sealed.root, 32);
            assert_memory_equal(first_root, sealed.root, 32);
            uint64_t at = 0;
            for (uint64_t n = 0; n < kept.count; n++) {
                struct bytes chunk = buf_bytes(&kept.chunks[n]);
                assert_int_equal(
                    attachment_chunk_check(buf_bytes(&leaves), sealed.stream_len, n, chunk, NULL),
                    0);
                assert_int_equal(attachment_chunk_open(suite_find(SUITE_1), key, sealed.stream_len,
                                                       n, chunk, plain),
                                 0);
                for (size_t k = 0; k < chunk.len - SUITE_TAG_LEN; k++, at++)
                    if (plain[k] != (at < sizes[i] ? (uint8_t)(at * 7) : 0)) fail();
            }
            assert_int_equal(at, sealed.stream_len);
            kept_fini(&kept);
            buf_fini(&leaves);
            free(plain);
        }
    }
}

static void chunks_of_another_place_length_or_key_do_not_open(void **state)
{
    (void)state;
    const struct suite *suite = suite_find(SUITE_1);
    struct kept kept;
    struct buf leaves = {0};
    struct attachment_sealed sealed;
    uint8_t key[32], *plain = malloc(CHUNK);
    memset(key, 5, sizeof key);
    seal(2 * CHUNK, CHUNK, &kept, &leaves, &sealed);
    assert_int_equal(kept.count, 2);
    struct bytes first = buf_bytes(&kept.chunks[0]), second = buf_bytes(&kept.chunks[1]);
    assert_int_equal(second.len, first.len);
    uint64_t len = sealed.stream_len;
    assert_int_equal(attachment_chunk_open(suite, key, len, 1, first, plain), E_DECRYPT_FAILED);
    assert_int_equal(attachment_chunk_open(suite, key, len, 0, second, plain), E_DECRYPT_FAILED);
    /* Cut behind the first chunk, or gone on behind the last: the last flag differs. */
    assert_int_equal(attachment_chunk_open(suite, key, CHUNK, 0, first, plain), E_DECRYPT_FAILED);
    assert_int_equal(attachment_chunk_open(suite, key, 4 * CHUNK, 1, second, plain),
                     E_DECRYPT_FAILED);
    assert_int_equal(
        attachment_chunk_open(suite, key, len, 1, bytes_of(second.data, second.len - 1), plain),
        E_CHUNK_INVALID);
    key[0] ^= 1;
    assert_int_equal(attachment_chunk_open(suite, key, len, 0, first, plain), E_DECRYPT_FAILED);

    /* Before any of that the leaves tell. */
    struct bytes all = buf_bytes(&leaves);
    assert_int_equal(attachment_chunk_check(all, len, 1, first, NULL), E_CHUNK_INVALID);
    assert_int_equal(attachment_chunk_check(all, len, 2, first, NULL), E_CHUNK_INVALID);
    assert_int_equal(attachment_chunk_check(all, len, UINT64_MAX, first, NULL), E_CHUNK_INVALID);
    kept.chunks[0].data[CHUNK / 2] ^= 0x10;
    assert_int_equal(attachment_chunk_check(all, len, 0, first, NULL), E_CHUNK_INVALID);
    kept_fini(&kept);
    buf_fini(&leaves);
    free(plain);
}

static void leaves_must_be_all_of_them_under_the_root(void **state)
{
    (void)state;
    struct kept kept;
    struct buf leaves = {0};
    struct attachment_sealed sealed;
    seal(3 * CHUNK, CHUNK, &kept, &leaves, &sealed);
    struct bytes all = buf_bytes(&leaves);
    uint64_t len = sealed.stream_len;
    assert_int_equal(attachment_leaves_check(all, len, sealed.root, NULL), 0);
    assert_int_equal(attachment_leaves_check(bytes_of(all.data, 64), len, sealed.root, NULL),
                     E_CHUNK_INVALID);
    assert_int_equal(attachment_leaves_check(bytes_of(all.data, 95), len, sealed.root, NULL),
                     E_CHUNK_INVALID);
    assert_int_equal(attachment_leaves_check(all, len + 1, sealed.root, NULL), E_CHUNK_INVALID);
    assert_int_equal(attachment_leaves_check(all, 0, sealed.root, NULL), E_CHUNK_INVALID);
    for (size_t i = 0; i < all.len; i += 31) {
        leaves.data[i] ^= 4;
        assert_int_equal(attachment_leaves_check(all, len, sealed.root, NULL), E_CHUNK_INVALID);
        leaves.data[i] ^= 4;
    }
    kept_fini(&kept);
    buf_fini(&leaves);
}

static void a_sealer_says_what_may_not_be_sent(void **state)
{
    (void)state;
    struct attachment_sealer sealer;
    struct attachment_sealed sealed;
    struct kept kept = {.fail_at = 1};
    uint8_t key[32] = {0}, *data = calloc(1, CHUNK);
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, keep, &kept);
    assert_int_equal(attachment_sealer_end(&sealer, &sealed, NULL), E_BAD_VALUE);
    sealer.size = LIMIT_ATTACHMENT_BYTES_MAX - 1; /* as if so much had gone through */
    assert_int_equal(attachment_sealer_add(&sealer, bytes_of(data, 2), NULL), E_TOO_LARGE);
    attachment_sealer_fini(&sealer);
    /* What the caller cannot store ends it. */
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, keep, &kept);
    int r = 0;
    for (size_t i = 0; i < 3 && r == 0; i++)
        r = attachment_sealer_add(&sealer, bytes_of(data, CHUNK), NULL);
    assert_int_equal(r, E_IO);
    attachment_sealer_fini(&sealer);
    kept_fini(&kept);
    free(data);
}

/* ---- entries ------------------------------------------------------------------------------------
 */

static uint8_t key_bytes[33], root_bytes[33], hash_bytes[33];

static Leadbus__Payload__Attachment good_entry(void)
{
    Leadbus__Payload__Attachment one = LEADBUS__PAYLOAD__ATTACHMENT__INIT;
    one.key = (ProtobufCBinaryData){32, key_bytes};
    one.root = (ProtobufCBinaryData){32, root_bytes};
    one.sha256 = (ProtobufCBinaryData){32, hash_bytes};
    one.size = 1;
    one.name = (char *)(uintptr_t) "a.jpg";
    one.media_type = (char *)(uintptr_t) "image/jpeg";
    return one;
}

static void entries_are_checked_field_by_field(void **state)
{
    (void)state;
    struct error error;
    Leadbus__Payload__Attachment one = good_entry();
    assert_int_equal(attached_check(&one, "full.attachments[0]", &error), 0);
    one.key.len = 31;
    assert_int_equal(attached_check(&one, "full.attachments[0]", &error), E_BAD_VALUE);
    assert_string_equal(error.field, "full.attachments[0].key");
    one = good_entry();
    one.root.len = 33;
    assert_int_equal(attached_check(&one, "x", &error), E_BAD_VALUE);
    one = good_entry();
    one.sha256.len = 0;
    assert_int_equal(attached_check(&one, "x", &error), E_BAD_VALUE);
    one = good_entry();
    one.size = 0;
    assert_int_equal(attached_check(&one, "x", &error), E_BAD_VALUE);
    one.size = LIMIT_ATTACHMENT_BYTES_MAX + 1ull;
    assert_int_equal(attached_check(&one, "x", &error), E_BAD_VALUE);
}

static void names_and_types_are_what_every_system_can_take(void **state)
{
    (void)state;
    char long_name[258];
    static const char *const good_names[] = {"a",   "照片 (1).jpg", "..a",
                                             "a..", ".hidden",      "a;b\"c"};
    static const char *const bad_names[] = {
        "",    ".",    "..",   "a/b",  "/etc/passwd", "..\\x",
        "a\n", "a\tb", "\x7f", "\xff", "a\u202e.b" /* direction */};
    static const char *const good_types[] = {"image/jpeg", "application/vnd.ms-excel",
                                             "image/svg+xml", "a/b"};
    static const char *const bad_types[] = {"",          "image",      "image/",    "/jpeg",
                                            "Image/png", "image/png;", "a/b/c",     "image/ png",
                                            "a/.b",      "a//b",       "\xc3\xa9/b"};
    for (size_t i = 0; i < sizeof good_names / sizeof *good_names; i++)
        assert_true(attached_name_valid(good_names[i]));
    for (size_t i = 0; i < sizeof bad_names / sizeof *bad_names; i++)
        assert_false(attached_name_valid(bad_names[i]));
    for (size_t i = 0; i < sizeof good_types / sizeof *good_types; i++)
        assert_true(attached_type_valid(good_types[i]));
    for (size_t i = 0; i < sizeof bad_types / sizeof *bad_types; i++)
        assert_false(attached_type_valid(bad_types[i]));
    memset(long_name, 'a', sizeof long_name);
    long_name[256] = 0;
    assert_false(attached_name_valid(long_name));
    long_name[255] = 0;
    assert_true(attached_name_valid(long_name));
    long_name[1] = '/';
    assert_false(attached_type_valid(long_name));
    long_name[127] = 0;
    assert_true(attached_type_valid(long_name));
}

static int list_of(const struct buf *section, struct attached *ret, struct error *ret_error)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    int r = attached_list(buf_bytes(section), "full", &arena, ret, ret_error);
    arena_fini(&arena); /* only the count is looked at afterwards */
    return r;
}

static void entries_are_found_behind_any_message(void **state)
{
    (void)state;
    struct buf section = {0};
    struct attached attached;
    struct error error;
    Leadbus__Payload__LeadFull full = LEADBUS__PAYLOAD__LEAD_FULL__INIT;
    Leadbus__Payload__Attachment one = good_entry();
    full.what = (char *)(uintptr_t) "something was seen";
    full.seen_at = 1700000000000;
    message_encode(&full.base, &section);
    assert_int_equal(list_of(&section, &attached, &error), 0);
    assert_int_equal(attached.count, 0);
    for (size_t i = 0; i < LIMIT_ATTACHMENT_COUNT_MAX; i++) {
        root_bytes[0] = (uint8_t)i;
        attached_append(&one, &section);
    }
    assert_int_equal(list_of(&section, &attached, &error), 0);
    assert_int_equal(attached.count, LIMIT_ATTACHMENT_COUNT_MAX);

    /* The schema's own reader sees the same, and every rule lets it pass. */
    Leadbus__Payload__LeadFull *read =
        leadbus__payload__lead_full__unpack(NULL, section.len, section.data);
    assert_non_null(read);
    assert_int_equal(read->n_attachments, LIMIT_ATTACHMENT_COUNT_MAX);
    leadbus__payload__lead_full__free_unpacked(read, NULL);
    const struct payload_context context = {.section = "full"};
    assert_int_equal(
        payload_check(payload_find("LeadFull"), buf_bytes(&section), &context, NULL, &error), 0);
    /* A message without the field knows no files. */
    struct buf other = {0};
    attached_append(&one, &other);
    assert_int_equal(
        payload_check(payload_find("LeadSummary"), buf_bytes(&other), &context, NULL, &error),
        E_UNKNOWN_FIELD);

    root_bytes[0] = 99;
    attached_append(&one, &section);
    assert_int_equal(list_of(&section, &attached, &error), E_TOO_LARGE);
    buf_fini(&section);
    buf_fini(&other);
}

static void hostile_sections_are_refused_with_a_code(void **state)
{
    (void)state;
    struct buf section = {0};
    struct attached attached;
    struct error error;
    Leadbus__Payload__Attachment one = good_entry();
    root_bytes[0] = 1;
    attached_append(&one, &section);
    attached_append(&one, &section);
    assert_int_equal(list_of(&section, &attached, &error), E_BAD_VALUE);
    assert_string_equal(error.field, "full.attachments[1].root");
    section.len /= 2; /* one entry */
    assert_int_equal(list_of(&section, &attached, &error), 0);
    size_t whole = section.len;
    for (section.len = 1; section.len < whole; section.len++)
        assert_true(list_of(&section, &attached, &error) < 0);
    for (size_t i = 0; i < whole; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            section.data[i] ^= (uint8_t)(1u << bit);
            (void)!list_of(&section, &attached, &error); /* any verdict; no sanitizer's */
            section.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    /* The field as a number, an unknown field inside, a group. */
    static const uint8_t number[] = {0xa0, 0x06, 0x01};
    static const uint8_t unknown[] = {0xa2, 0x06, 0x02, 0x78, 0x01};
    static const uint8_t group[] = {0x0b};
    static const uint8_t endless[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
    struct arena arena;
    arena_init(&arena, 65536);
    assert_int_equal(
        attached_list(bytes_of(number, sizeof number), "full", &arena, &attached, &error),
        E_BAD_FORM);
    assert_int_equal(
        attached_list(bytes_of(unknown, sizeof unknown), "full", &arena, &attached, &error),
        E_UNKNOWN_FIELD);
    assert_int_equal(
        attached_list(bytes_of(group, sizeof group), "full", &arena, &attached, &error),
        E_BAD_FORM);
    assert_int_equal(
        attached_list(bytes_of(endless, sizeof endless), "full", &arena, &attached, &error),
        E_BAD_FORM);
    arena_fini(&arena);
    buf_fini(&section);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(padded_lengths_hide_all_but_a_few_bits),
        cmocka_unit_test(a_file_comes_out_as_it_went_in),
        cmocka_unit_test(chunks_of_another_place_length_or_key_do_not_open),
        cmocka_unit_test(leaves_must_be_all_of_them_under_the_root),
        cmocka_unit_test(a_sealer_says_what_may_not_be_sent),
        cmocka_unit_test(entries_are_checked_field_by_field),
        cmocka_unit_test(names_and_types_are_what_every_system_can_take),
        cmocka_unit_test(entries_are_found_behind_any_message),
        cmocka_unit_test(hostile_sections_are_refused_with_a_code),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
