/* record: strict decoding of records, signed bodies and frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/record.h"
#include "tests/unit/envelope_maker.h"

enum { ARENA_BYTES = 4 * LIMIT_FRAME_BYTES_MAX };

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, ARENA_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct bytes tick_record(struct buf *buf)
{
    uint64_t expired[] = {3, 400, 70000};
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    tick.n_expired = 3;
    tick.expired = expired;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = 1700000000000;
    record.what_case = LEADBUS__RECORD__WHAT_TICK;
    record.tick = &tick;
    assert_int_equal(record_encode(&record, buf, NULL), 0);
    return buf_bytes(buf);
}

static void a_record_decodes_to_what_was_encoded(void **state)
{
    struct buf buf = {0};
    const Leadbus__Record *record;
    (void)state;
    assert_int_equal(record_decode(tick_record(&buf), &arena, &record, NULL), 0);
    assert_int_equal(record->time_ms, 1700000000000);
    assert_int_equal(record->what_case, LEADBUS__RECORD__WHAT_TICK);
    assert_int_equal(record->tick->n_expired, 3);
    assert_int_equal(record->tick->expired[2], 70000);
    buf_fini(&buf);
}

/* The fields 3 (number), 4 (bytes, twice), and 70 (bytes), by hand; and each of its cuts. */
static void a_field_is_found_without_decoding(void **state)
{
    static const char text[] = "\x18\x96\x01\x22\x02hi\x22\x01x\xb2\x04\x00";
    struct bytes message = bytes_of(text, sizeof text - 1), field = {0};
    (void)state;
    assert_true(message_peek(message, 4, &field));
    assert_true(bytes_equal(field, bytes_of_str("hi")));
    assert_true(message_peek(message, 70, &field));
    assert_int_equal(field.len, 0);
    assert_false(message_peek(message, 3, &field));
    assert_false(message_peek(message, 5, &field));
    assert_false(message_peek((struct bytes){0}, 4, &field));
    for (size_t len = 0; len < 7; len++) assert_false(message_peek(bytes_of(text, len), 4, &field));
    assert_false(
        message_peek(bytes_of("\x22\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01z", 12), 4, &field));
    assert_false(message_peek(bytes_of("\x25zzzz\x22\x01z", 8), 4, &field));
}

/* Every other spelling of a record, by hand. */
static void only_the_canonical_encoding_is_a_record(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int result;
    } cases[] = {
        {"\x08\x01\x10\x05\x52\x00", 6, 0},
        {"", 0, E_BAD_FORM},
        {"\x08\x01\x10\x05", 4, E_BAD_FORM},                       /* no body */
        {"\x10\x05\x08\x01\x52\x00", 6, E_BAD_FORM},               /* order */
        {"\x08\x81\x00\x10\x05\x52\x00", 7, E_BAD_FORM},           /* long varint */
        {"\x08\x01\x08\x01\x10\x05\x52\x00", 8, E_BAD_FORM},       /* twice */
        {"\x08\x00\x10\x05\x52\x00", 6, E_BAD_FORM},               /* a default */
        {"\x08\x01\x10\x05\x52\x00\x52\x00", 8, E_BAD_FORM},       /* body twice */
        {"\x08\x01\x10\x05\x52\x02\x08\x07", 8, E_BAD_FORM},       /* not packed */
        {"\x08\x01\x10\x05\x52\x03\x0a\x01\x07", 9, 0},            /* packed */
        {"\x08\x01\x10\x05\x52\x00\xf8\x07\x01", 9, E_BAD_FORM},   /* unknown field */
        {"\x08\x01\x10\x05\x52\x03\xf8\x07\x01", 9, E_BAD_FORM},   /* unknown inside */
        {"\x08\x01\x10\x05\x1a\x03\x0a\x01z", 9, 0},               /* genesis, origin z */
        {"\x08\x01\x10\x05\x1a\x04\x0a\x02z\x00", 10, E_BAD_FORM}, /* NUL in a string */
        {"\x08\x01\x10\x05\x1a\x03\x0a\x01\xff", 9, E_BAD_FORM},   /* not UTF-8 */
        {"\x08\x01\x10\x05\x1a\x03\x0a\x01\x1b", 9, E_BAD_FORM},   /* a control character */
        {"\x08\x01\x10\x05\x52\x01", 6, E_BAD_FORM},               /* cut */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const Leadbus__Record *record = NULL;
        struct error error = {0};
        int result = record_decode(bytes_of(cases[i].bytes, cases[i].len), &arena, &record, &error);
        if (result != cases[i].result)
            fail_msg("case %zu: %d (%s), not %d", i, result, error.detail, cases[i].result);
        assert_true((record != NULL) == (result == 0));
    }
}

static void every_cut_of_a_record_is_refused(void **state)
{
    struct buf buf = {0};
    struct bytes whole = tick_record(&buf);
    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        const Leadbus__Record *record = NULL;
        assert_int_not_equal(record_decode(bytes_of(whole.data, len), &arena, &record, NULL), 0);
        assert_null(record);
    }
    buf_fini(&buf);
}

static void records_above_the_limit_are_refused_both_ways(void **state)
{
    size_t len = LIMIT_RECORD_BYTES_MAX + 1;
    uint8_t *data = calloc(1, len);
    Leadbus__Genesis genesis = LEADBUS__GENESIS__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    const Leadbus__Record *decoded = NULL;
    struct buf buf = {0};
    (void)state;
    assert_non_null(data);
    assert_int_equal(record_decode(bytes_of(data, len), &arena, &decoded, NULL), E_TOO_LARGE);
    record.rules = 1;
    record.time_ms = 1;
    record.what_case = LEADBUS__RECORD__WHAT_GENESIS;
    record.genesis = &genesis;
    genesis.root = (ProtobufCBinaryData){LIMIT_RECORD_BYTES_MAX - 12, data};
    assert_int_equal(record_encode(&record, &buf, NULL), 0);
    assert_int_equal(buf.len, LIMIT_RECORD_BYTES_MAX);
    genesis.root.len += 1;
    assert_int_equal(record_encode(&record, &buf, NULL), E_TOO_LARGE);
    assert_int_equal(buf.len, LIMIT_RECORD_BYTES_MAX);
    buf_fini(&buf);
    free(data);
}

static void the_accepted_record_rebuilt_is_the_one_decoded(void **state)
{
    struct maker *maker = calloc(1, sizeof *maker);
    struct sealed sealed;
    struct envelope envelope;
    struct envelope again;
    struct buf bytes = {0};
    struct buf rebuilt = {0};
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    const Leadbus__Record *record;
    (void)state;
    assert_non_null(maker);
    maker_init(maker, 6, 3);
    assert_int_equal(maker_seal(maker, &sealed, NULL), 0);
    assert_int_equal(envelope_decode(buf_bytes(&sealed.bytes), &arena, &envelope, NULL), 0);
    assert_int_equal(record_of_accepted(1, 99, 2, &envelope, &bytes, NULL), 0);
    assert_int_equal(record_decode(buf_bytes(&bytes), &arena, &record, NULL), 0);
    const Leadbus__Accepted *accepted = record->accepted;
    for (size_t i = 0; i < accepted->n_commits; i++)
        commits[i] = bytes_of(accepted->commits[i].data, accepted->commits[i].len);
    assert_int_equal(
        envelope_from_record(
            bytes_of(accepted->header.data, accepted->header.len),
            bytes_of(accepted->wraps.data, accepted->wraps.len), commits, accepted->n_commits,
            bytes_of(accepted->manifest.data, accepted->manifest.len),
            bytes_of(accepted->signature.data, accepted->signature.len), &arena, &again, NULL),
        0);
    assert_memory_equal(again.hash, envelope.hash, 32);
    assert_int_equal(envelope_verify(&again, maker->identity_public), 0);
    assert_int_equal(envelope_check_ciphertexts(&again, false, NULL), 0);
    assert_int_equal(envelope_check_ciphertexts(&again, true, NULL), E_SECTION_HASH);
    assert_int_equal(record_of_accepted(1, 99, 2, &again, &rebuilt, NULL), 0);
    assert_true(bytes_equal(buf_bytes(&bytes), buf_bytes(&rebuilt)));
    buf_fini(&bytes);
    buf_fini(&rebuilt);
    sealed_fini(&sealed);
    free(maker);
}

static void the_largest_envelope_still_fits_a_record(void **state)
{
    struct maker *maker = calloc(1, sizeof *maker);
    struct sealed sealed;
    struct envelope envelope;
    struct buf bytes = {0};
    char citation[LIMIT_CITATION_LEN_MAX + 1];
    char units[LIMIT_RECIPIENT_COUNT_MAX][LIMIT_SLUG_LEN_MAX + 1];
    (void)state;
    assert_non_null(maker);
    maker_init(maker, LIMIT_RECIPIENT_COUNT_MAX, LIMIT_SECTION_COUNT_MAX);
    memset(citation, 'c', sizeof citation - 1);
    citation[sizeof citation - 1] = '\0';
    for (size_t i = 0; i < LIMIT_RECIPIENT_COUNT_MAX; i++) {
        snprintf(units[i], sizeof units[i], "%047zu", i);
        maker->recipients[i].unit = units[i];
        maker->recipients[i].citation = citation;
        maker->recipients[i].epoch = UINT64_MAX;
    }
    assert_int_equal(maker_seal(maker, &sealed, NULL), 0);
    assert_int_equal(envelope_decode(buf_bytes(&sealed.bytes), &arena, &envelope, NULL), 0);
    assert_int_equal(record_of_accepted(1, UINT64_MAX, 3, &envelope, &bytes, NULL), 0);
    buf_fini(&bytes);
    sealed_fini(&sealed);
    free(maker);
}

static void frames_need_version_1_and_a_known_body(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int result;
    } cases[] = {
        {"\x08\x01\x52\x02\x08\x07", 6, 0},                     /* Ping */
        {"\x08\x02\x52\x02\x08\x07", 6, E_VERSION_UNSUPPORTED}, /* another version */
        {"\x08\x02\xfa\x07\x01x", 6, E_VERSION_UNSUPPORTED},    /* ... with news in it */
        {"\x52\x02\x08\x07", 4, E_VERSION_UNSUPPORTED},         /* none */
        {"", 0, E_VERSION_UNSUPPORTED},
        {"\x08\x01", 2, E_BAD_FORM},                                  /* no body */
        {"\x08\x01\xfa\x07\x01x", 6, E_UNKNOWN_FIELD},                /* unknown body */
        {"\x08\x01\x52\x05\x08\x07\xf8\x07\x01", 9, E_UNKNOWN_FIELD}, /* unknown inside */
        {"\x08\x01\x52\x03\x08\x87\x00", 7, E_BAD_FORM},              /* long varint */
        {"\x08\x01\x52\x02\x08", 5, E_BAD_FORM},                      /* cut */
        {"\x08\x01\x52\x02\x08\x07\xda\x01\x00", 9, E_BAD_FORM},      /* two bodies */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const Leadbus__Frame *frame = NULL;
        struct error error = {0};
        int result = frame_decode(bytes_of(cases[i].bytes, cases[i].len), &arena, &frame, &error);
        if (result != cases[i].result)
            fail_msg("case %zu: %d (%s), not %d", i, result, error.detail, cases[i].result);
        assert_true((frame != NULL) == (result == 0));
    }
}

static void frames_beyond_the_limits_are_refused(void **state)
{
    size_t len = LIMIT_FRAME_BYTES_MAX + 1;
    uint8_t *data = calloc(1, len);
    const Leadbus__Frame *frame = NULL;
    struct arena small;
    struct buf keys = {0};
    (void)state;
    assert_non_null(data);
    assert_int_equal(frame_decode(bytes_of(data, len), &arena, &frame, NULL), E_TOO_LARGE);
    /* A few bytes on the wire that would unpack to many: Keys with 5,000 empty ones. */
    buf_append(&keys, "\x08\x01\xca\x01\x90\x4e", 6);
    memset(buf_grow(&keys, 10000), 0, 10000);
    for (size_t i = 0; i < 5000; i++) keys.data[6 + 2 * i] = 0x0a;
    arena_init(&small, 65536);
    assert_int_equal(frame_decode(buf_bytes(&keys), &small, &frame, NULL), E_TOO_LARGE);
    assert_null(frame);
    assert_int_equal(frame_decode(buf_bytes(&keys), &arena, &frame, NULL), 0);
    arena_fini(&small);
    buf_fini(&keys);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_decodes_to_what_was_encoded, setup, teardown),
        cmocka_unit_test(a_field_is_found_without_decoding),
        cmocka_unit_test_setup_teardown(only_the_canonical_encoding_is_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(every_cut_of_a_record_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(records_above_the_limit_are_refused_both_ways, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_accepted_record_rebuilt_is_the_one_decoded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_largest_envelope_still_fits_a_record, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_need_version_1_and_a_known_body, setup, teardown),
        cmocka_unit_test_setup_teardown(frames_beyond_the_limits_are_refused, setup, teardown),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
