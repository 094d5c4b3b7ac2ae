/* What the traces (tests/trace) do not show: records that no core can have written, and memory. */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/core/core.h"
#include "proto/base/check.h"
#include "tests/lib/district.h"

enum { RECORD_COUNT_MAX = 8 };

struct journal {
    struct district *district;
    struct core *core;
    struct buf records[RECORD_COUNT_MAX];
};

static const uint8_t hash_key[16] = {3};

static int put(struct core *core, const struct core_request *request, struct trust_bundle *bundle,
               struct buf *ret_record, struct core_effects *effects)
{
    struct core_verdict verdict;
    struct error error = {0};
    struct buf record = {0};
    int r = core_admit(core, request, &record, &verdict);
    if (r == 0) r = core_apply(core, core_size(core), buf_bytes(&record), bundle, effects, &error);
    if (ret_record)
        *ret_record = record;
    else
        buf_fini(&record);
    return r;
}

static void put_genesis(struct district *district, struct core *core, struct buf *ret_record)
{
    struct core_request request = {.type = CORE_GENESIS, .now_ms = district->now_ms};
    request.genesis.origin = DISTRICT_ORIGIN;
    request.genesis.bus = DISTRICT_BUS;
    request.genesis.root = district->root.hash;
    assert_int_equal(put(core, &request, NULL, ret_record, NULL), 0);
}

static void put_bundle(struct district *district, struct core *core, struct buf *ret_record)
{
    struct trust_bundle *bundle = district_bundle_open(district, 1);
    struct core_request request = {.type = CORE_BUNDLE, .now_ms = district->now_ms};
    request.bundle = bundle;
    assert_int_equal(put(core, &request, bundle, ret_record, NULL), 0);
}

static int put_letter(struct district *district, struct core *core,
                      const struct district_letter *letter, struct buf *ret_record,
                      struct core_effects *effects)
{
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = district->now_ms};
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.signature_checked = true;
    memcpy(request.checked_key, district->units[letter->from].identity, 32);
    return put(core, &request, NULL, ret_record, effects);
}

static void put_ack(struct district *district, struct core *core, const char *unit, unsigned lane,
                    uint64_t count, struct buf *ret_record)
{
    uint8_t running[32], signature[64];
    uint64_t position;
    struct core_entry entry;
    struct buf body = {0};
    core_acknowledged(core, unit, lane, &position, running);
    while (count-- > 0 && core_entry_after(core, unit, lane, position, &entry)) {
        position = entry.position;
        lane_running(DISTRICT_ORIGIN, running, entry.index, entry.item_hash, running);
    }
    district_ack(district, unit, lane, position, running, NULL, 0, &body, signature);
    struct core_request request = {.type = CORE_ACK, .now_ms = district->now_ms};
    request.conn_serial = district_unit(district, unit)->serial;
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, district_unit(district, unit)->identity, 32);
    assert_int_equal(put(core, &request, NULL, ret_record, NULL), 0);
    buf_fini(&body);
}

static int put_key(struct district *district, struct core *core, const char *unit, uint64_t epoch)
{
    uint8_t signature[64];
    struct buf body = {0};
    district_epoch_key(district, unit, epoch, &body, signature);
    struct core_request request = {.type = CORE_PUBLISH_KEY, .now_ms = district->now_ms};
    request.conn_serial = district_unit(district, unit)->serial;
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, district_unit(district, unit)->identity, 32);
    int r = put(core, &request, NULL, NULL, NULL);
    buf_fini(&body);
    return r;
}

static struct district_letter *marriage(struct district *district)
{
    int code = 0;
    struct district_letter *letter = district_seal(
        district, &(struct district_draft){.kind = "anomaly.marriage", .from = "civil-affairs"},
        &code);
    assert_non_null(letter);
    return letter;
}

static int setup(void **state)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal) return -1;
    journal->district = district_new();
    journal->core = core_new(hash_key);
    put_genesis(journal->district, journal->core, &journal->records[0]);
    put_bundle(journal->district, journal->core, &journal->records[1]);
    *state = journal;
    return 0;
}

static int teardown(void **state)
{
    struct journal *journal = *state;
    for (size_t i = 0; i < RECORD_COUNT_MAX; i++) buf_fini(&journal->records[i]);
    core_free(journal->core);
    district_free(journal->district);
    free(journal);
    return 0;
}

/* A core folded up to record `size`. */
static struct core *folded(struct journal *journal, uint64_t size)
{
    static const uint8_t other_key[16] = {9, 9};
    struct core *core = core_new(other_key);
    struct error error = {0};
    for (uint64_t i = 0; i < size; i++) {
        struct trust_bundle *bundle = i == 1 ? district_bundle_open(journal->district, 1) : NULL;
        int r = core_apply(core, i, buf_bytes(&journal->records[i]), bundle, NULL, &error);
        assert_int_equal(r, 0);
    }
    return core;
}

static void a_certificate_publishes_so_many_keys_a_day(void **state)
{
    struct journal *journal = *state;
    struct district *district = journal->district;
    uint64_t epoch = 2;
    district->now_ms += DISTRICT_DAY_MS - district->now_ms % DISTRICT_DAY_MS;
    for (int i = 0; i < LIMIT_EPOCH_KEYS_PER_DAY; i++)
        assert_int_equal(put_key(district, journal->core, "health", epoch++), 0);
    assert_int_equal(put_key(district, journal->core, "health", epoch), E_QUOTA);
    assert_int_equal(put_key(district, journal->core, "education", 2), 0);
    district->now_ms += DISTRICT_DAY_MS - 1;
    assert_int_equal(put_key(district, journal->core, "health", epoch), E_QUOTA);
    district->now_ms++;
    assert_int_equal(put_key(district, journal->core, "health", epoch), 0);
}

/* A key's number cannot be driven to the end of the range, however patient somebody is. */
static void numbers_of_keys_do_not_jump(void **state)
{
    struct journal *journal = *state;
    const uint64_t far[] = {UINT64_MAX, UINT64_MAX - 1, 1 + LIMIT_EPOCH_STEP + 1};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        assert_int_equal(put_key(journal->district, journal->core, "health", far[i]), E_BAD_VALUE);
    assert_int_equal(put_key(journal->district, journal->core, "health", 1 + LIMIT_EPOCH_STEP), 0);
}

/* Keys that ran out are forgotten, and those that stay are still found. */
static void old_keys_are_forgotten(void **state)
{
    struct journal *journal = *state;
    struct district *district = journal->district;
    size_t before = core_epoch_key_count(journal->core);
    district->epoch_not_after_ms = district->now_ms + DISTRICT_DAY_MS;
    assert_int_equal(put_key(district, journal->core, "health", 2), 0);
    assert_int_equal(put_key(district, journal->core, "police-hedong", 2), 0);
    assert_int_equal(core_epoch_key_count(journal->core), before + 2);
    district->now_ms += DISTRICT_DAY_MS + LIMIT_CREATED_AGE_MS + LIMIT_CREATED_SKEW_MS + 1;
    district->epoch_not_after_ms = district->now_ms + DISTRICT_DAY_MS;
    assert_int_equal(put_key(district, journal->core, "police-hedong", 3), 0);
    assert_int_equal(core_epoch_key_count(journal->core), before + 1);
    struct district_letter *letter = marriage(district); /* sealed to the first keys */
    assert_int_equal(put_letter(district, journal->core, letter, NULL, NULL), 0);
    district_letter_free(letter);
}

/* Every position that was acknowledged keeps its index, from wherever one asks. */
static void what_was_acknowledged_is_still_known(void **state)
{
    enum { COUNT = 2500 };
    struct journal *journal = *state;
    static uint64_t indexes[COUNT], got[COUNT];
    struct core_entry entry;
    size_t count = 0;
    assert_int_equal(core_past(journal->core, "police-hedong", 0, 0, got, COUNT), 0);
    while (count < COUNT) {
        for (int i = 0; i < 1 + (int)(count % 50); i++) {
            struct district_letter *letter = marriage(journal->district);
            assert_int_equal(put_letter(journal->district, journal->core, letter, NULL, NULL), 0);
            district_letter_free(letter);
        }
        size_t from = count;
        for (uint64_t at = from; core_entry_after(journal->core, "police-hedong", 0, at, &entry);
             at = entry.position)
            if (count < COUNT) indexes[count++] = entry.index;
        put_ack(journal->district, journal->core, "police-hedong", 0, count - from, NULL);
    }
    const size_t starts[] = {0, 1, 2, 1022, 1023, 1024, 1025, 2047, 2048, COUNT - 1};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        assert_int_equal(core_past(journal->core, "police-hedong", 0, starts[i], got, COUNT),
                         COUNT - starts[i]);
        assert_memory_equal(got, indexes + starts[i], (COUNT - starts[i]) * sizeof *got);
        assert_int_equal(core_past(journal->core, "police-hedong", 0, starts[i], got, 1), 1);
        assert_int_equal(got[0], indexes[starts[i]]);
    }
    assert_int_equal(core_past(journal->core, "police-hedong", 0, COUNT, got, COUNT), 0);
    assert_int_equal(core_past(journal->core, "police-hedong", 0, UINT64_MAX, got, COUNT), 0);
    assert_int_equal(core_past(journal->core, "police-hedong", 1, 0, got, COUNT), 0);
    assert_int_equal(core_past(journal->core, "police-hedong", 7, 0, got, COUNT), 0);
    assert_int_equal(core_past(journal->core, "nobody", 0, 0, got, COUNT), 0);
}

/* The office sees the headers of all threads, in pages; everybody else is told of none. */
static void only_the_office_is_told_of_a_thread(void **state)
{
    struct journal *journal = *state;
    struct district *district = journal->district;
    uint64_t indexes[4];
    size_t count = 9;
    bool more = true;
    struct district_letter *first = marriage(district), *other = marriage(district);
    assert_int_equal(put_letter(district, journal->core, first, NULL, NULL), 0);
    district_accepted(district, first, core_size(journal->core) - 1);
    assert_int_equal(put_letter(district, journal->core, other, NULL, NULL), 0);
    struct district_letter *urge =
        district_seal(district,
                      &(struct district_draft){
                          .kind = "supervision.urge", .from = "civil-affairs", .parent = first},
                      &(int){0});
    assert_non_null(urge);
    assert_int_equal(put_letter(district, journal->core, urge, NULL, NULL), 0);
    struct bytes id = bytes_of(first->envelope.head->id.data, 16);
    uint64_t at = core_size(journal->core) - 3;
    static const char *const others[] = {"civil-affairs", "police-hedong", "court", "nobody", ""};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(
            core_thread_messages(journal->core, others[i], id, 0, indexes, 4, &count, &more, NULL),
            E_THREAD_UNKNOWN);
    const char *office = "joint-conference-office";
    assert_int_equal(
        core_thread_messages(journal->core, office, id, 0, indexes, 4, &count, &more, NULL), 0);
    assert_int_equal(count, 2);
    assert_false(more);
    assert_int_equal(indexes[0], at);
    assert_int_equal(indexes[1], at + 2);
    assert_int_equal(
        core_thread_messages(journal->core, office, id, 0, indexes, 1, &count, &more, NULL), 0);
    assert_true(count == 1 && more && indexes[0] == at);
    assert_int_equal(
        core_thread_messages(journal->core, office, id, at, indexes, 1, &count, &more, NULL), 0);
    assert_true(count == 1 && !more && indexes[0] == at + 2);
    assert_int_equal(
        core_thread_messages(journal->core, office, id, at + 2, indexes, 4, &count, &more, NULL),
        0);
    assert_true(count == 0 && !more);
    /* Only the first message's id is a thread's. */
    assert_int_equal(core_thread_messages(journal->core, office,
                                          bytes_of(urge->envelope.head->id.data, 16), 0, indexes, 4,
                                          &count, &more, NULL),
                     E_THREAD_UNKNOWN);
    assert_int_equal(core_thread_messages(journal->core, office, bytes_of("short", 5), 0, indexes,
                                          4, &count, &more, NULL),
                     E_THREAD_UNKNOWN);
    district_letter_free(urge);
    district_letter_free(first);
    district_letter_free(other);
}

static void effects_name_the_receipt_and_every_queue(void **state)
{
    struct journal *journal = *state;
    struct core_effects effects = {0};
    struct district_letter *letter = marriage(journal->district);
    assert_int_equal(put_letter(journal->district, journal->core, letter, NULL, &effects), 0);
    assert_int_equal(effects.count, 3);
    assert_int_equal(effects.items[0].type, CORE_EFFECT_RECEIPT);
    assert_int_equal(effects.items[0].serial, letter->envelope.head->serial);
    assert_string_equal(effects.items[1].unit, "police-hedong");
    assert_int_equal(effects.items[1].index, 2);
    assert_int_equal(effects.items[1].position, 1);
    core_effects_fini(&effects);
    district_letter_free(letter);
}

static void damaged_records_are_corruption_and_never_a_crash(void **state)
{
    struct journal *journal = *state;
    struct district_letter *letter = marriage(journal->district);
    assert_int_equal(
        put_letter(journal->district, journal->core, letter, &journal->records[2], NULL), 0);
    put_ack(journal->district, journal->core, "police-hedong", ENVELOPE_LANE_URGENT, 1,
            &journal->records[3]);
    size_t refused = 0, tried = 0;
    for (uint64_t at = 2; at < 4; at++) {
        struct buf *whole = &journal->records[at];
        for (size_t i = 0; i < whole->len; i += 1 + whole->len / 60) {
            struct core *core = folded(journal, at);
            struct buf bent = {0};
            struct error error = {0};
            buf_append_bytes(&bent, buf_bytes(whole));
            bent.data[i] ^= (uint8_t)(1u << (i % 8));
            if (i % 5 == 0) bent.len = i;
            int r = core_apply(core, at, buf_bytes(&bent), NULL, NULL, &error);
            assert_true(r == 0 || r == E_JOURNAL_CORRUPT);
            tried++;
            if (r != 0) refused++;
            core_free(core);
            buf_fini(&bent);
        }
    }
    /* What only a signature protects passes the fold; replay verifies it. */
    assert_true(tried > 60);
    assert_true(refused > tried / 4);
    district_letter_free(letter);
}

static void a_record_out_of_place_is_corruption(void **state)
{
    struct journal *journal = *state;
    struct error error = {0};
    struct district_letter *letter = marriage(journal->district);
    assert_int_equal(
        put_letter(journal->district, journal->core, letter, &journal->records[2], NULL), 0);
    struct core *core = folded(journal, 0);
    int r = core_apply(core, 0, buf_bytes(&journal->records[2]), NULL, NULL, &error);
    assert_int_equal(r, E_JOURNAL_CORRUPT);
    core_free(core);
    core = folded(journal, 1);
    r = core_apply(core, 1, buf_bytes(&journal->records[0]), NULL, NULL, &error);
    assert_int_equal(r, E_JOURNAL_CORRUPT);
    core_free(core);
    /* A bundle record without its bundle, and with another one. */
    core = folded(journal, 1);
    r = core_apply(core, 1, buf_bytes(&journal->records[1]), NULL, NULL, &error);
    assert_int_equal(r, E_JOURNAL_CORRUPT);
    core_free(core);
    core = folded(journal, 1);
    r = core_apply(core, 1, buf_bytes(&journal->records[1]),
                   district_bundle_open(journal->district, 2), NULL, &error);
    assert_int_equal(r, E_JOURNAL_CORRUPT);
    core_free(core);
    /* The same lead twice. */
    core = folded(journal, 3);
    r = core_apply(core, 3, buf_bytes(&journal->records[2]), NULL, NULL, &error);
    assert_int_equal(r, E_JOURNAL_CORRUPT);
    core_free(core);
    district_letter_free(letter);
}

static void the_digest_sees_every_change(void **state)
{
    struct journal *journal = *state;
    uint8_t digests[5][32];
    core_digest(journal->core, digests[0]);
    struct district_letter *letter = marriage(journal->district);
    assert_int_equal(
        put_letter(journal->district, journal->core, letter, &journal->records[2], NULL), 0);
    core_digest(journal->core, digests[1]);
    put_ack(journal->district, journal->core, "police-hedong", ENVELOPE_LANE_URGENT, 1,
            &journal->records[3]);
    core_digest(journal->core, digests[2]);
    struct core_request request = {.type = CORE_START, .now_ms = journal->district->now_ms};
    request.version = "1";
    assert_int_equal(put(journal->core, &request, NULL, &journal->records[4], NULL), 0);
    core_digest(journal->core, digests[3]);
    for (size_t i = 0; i < 4; i++)
        for (size_t k = 0; k < i; k++) assert_memory_not_equal(digests[i], digests[k], 32);
    struct core *core = folded(journal, 5);
    core_digest(core, digests[4]);
    assert_memory_equal(digests[3], digests[4], 32);
    core_free(core);
    district_letter_free(letter);
}

static int admit_with(struct journal *journal, const char *kind,
                      const struct seal_attachment *attachments, size_t count, uint32_t durable,
                      struct buf *ret_record, struct core_verdict *ret_verdict)
{
    const struct district_draft draft = {.kind = kind,
                                         .from = "civil-affairs",
                                         .attachments = attachments,
                                         .attachment_count = count};
    struct district_letter *letter = district_seal(journal->district, &draft, NULL);
    assert_non_null(letter);
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = journal->district->now_ms};
    request.conn_serial = letter->envelope.head->serial;
    request.envelope = &letter->envelope;
    request.attachments_durable = durable;
    request.signature_checked = true;
    memcpy(request.checked_key, journal->district->units[letter->from].identity, 32);
    int r = core_admit(journal->core, &request, ret_record, ret_verdict);
    district_unsend(journal->district, letter);
    district_letter_free(letter);
    return r;
}

/* What the shell says of chunks is an argument; what the record says is enough to decide again. */
static void files_are_admitted_where_the_kind_takes_them_and_their_chunks_are_durable(void **state)
{
    struct journal *journal = *state;
    struct seal_attachment files[2] = {{.section = 1, .stream_len = 2 << 20, .root = {1}},
                                       {.section = 1, .stream_len = 1024, .root = {2}}};
    struct buf record = {0};
    struct core_verdict verdict;
    assert_int_equal(admit_with(journal, "anomaly.marriage", files, 2, 0, &record, &verdict),
                     E_ATTACHMENT_MISSING);
    assert_string_equal(verdict.error.field, "attachments[0]");
    assert_int_equal(admit_with(journal, "anomaly.marriage", files, 2, 1, &record, &verdict),
                     E_ATTACHMENT_MISSING);
    assert_string_equal(verdict.error.field, "attachments[1]");
    files[0].section = files[1].section = 0; /* the summary, which copies may open */
    assert_int_equal(admit_with(journal, "anomaly.marriage", files, 2, 3, &record, &verdict),
                     E_ATTACHMENT_NOT_ALLOWED);
    assert_int_equal(admit_with(journal, "notice.bulletin", files, 1, 1, &record, &verdict),
                     E_ATTACHMENT_NOT_ALLOWED);
    files[0].section = files[1].section = 1;
    assert_int_equal(record.len, 0);
    assert_int_equal(admit_with(journal, "anomaly.marriage", files, 2, 3, &record, &verdict), 0);

    struct core_request again;
    struct envelope envelope;
    struct buf second = {0};
    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_int_equal(core_request_of_record(buf_bytes(&record), &arena, &again, &envelope, NULL),
                     0);
    again.signature_checked = true;
    memcpy(again.checked_key, district_unit(journal->district, "civil-affairs")->identity, 32);
    assert_int_equal(core_admit(journal->core, &again, &second, &verdict), 0);
    assert_true(bytes_equal(buf_bytes(&record), buf_bytes(&second)));
    arena_fini(&arena);
    buf_fini(&second);
    buf_fini(&record);
}

static void the_operator_may_allow_less_than_the_protocol(void **state)
{
    struct journal *journal = *state;
    struct seal_attachment file = {.section = 1, .stream_len = 2 << 20, .root = {1}};
    Leadbus__Configured configured = *core_config(journal->core);
    struct core_request request = {.type = CORE_CONFIGURE, .now_ms = journal->district->now_ms};
    struct buf record = {0};
    struct core_verdict verdict;
    request.configured = &configured;
    configured.attachment_bytes_max = (2 << 20) - 1;
    assert_int_equal(put(journal->core, &request, NULL, NULL, NULL), 0);
    assert_int_equal(admit_with(journal, "anomaly.marriage", &file, 1, 1, &record, &verdict),
                     E_TOO_LARGE);
    configured.attachment_bytes_max = 2 << 20;
    assert_int_equal(put(journal->core, &request, NULL, NULL, NULL), 0);
    assert_int_equal(admit_with(journal, "anomaly.marriage", &file, 1, 1, &record, &verdict), 0);
    configured.attachment_bytes_max = LIMIT_ATTACHMENT_BYTES_MAX + 1ull;
    assert_int_equal(put(journal->core, &request, NULL, NULL, NULL), E_BAD_VALUE);
    buf_fini(&record);
}

/* At most 512 bytes a lead with its thread and 16 a queue entry, wherever it goes. */
static void memory_stays_within_its_budget(void **state)
{
    enum { LEADS = 4000 };
    struct journal *journal = *state;
    struct district_letter **letters = calloc(LEADS, sizeof *letters);
    assert_non_null(letters);
    for (size_t i = 0; i < LEADS; i++) letters[i] = marriage(journal->district);
    size_t before = mallinfo2().uordblks;
    for (size_t i = 0; i < LEADS; i++)
        assert_int_equal(put_letter(journal->district, journal->core, letters[i], NULL, NULL), 0);
    size_t used = mallinfo2().uordblks - before;
    assert_true(core_stats_balanced(journal->core));
    /* Arrays double, so up to twice what is in use may be held; sanitizers keep their own books. */
    if (before > 0) assert_true(used / LEADS <= 512 + 2 * 2 * 16);
    put_ack(journal->district, journal->core, "police-hedong", ENVELOPE_LANE_URGENT, LEADS, NULL);
    assert_true(core_stats_balanced(journal->core));
    for (size_t i = 0; i < LEADS; i++) district_letter_free(letters[i]);
    free(letters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_certificate_publishes_so_many_keys_a_day, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(numbers_of_keys_do_not_jump, setup, teardown),
        cmocka_unit_test_setup_teardown(old_keys_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_acknowledged_is_still_known, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_office_is_told_of_a_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(effects_name_the_receipt_and_every_queue, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_records_are_corruption_and_never_a_crash, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_record_out_of_place_is_corruption, setup, teardown),
        cmocka_unit_test_setup_teardown(the_digest_sees_every_change, setup, teardown),
        cmocka_unit_test_setup_teardown(
            files_are_admitted_where_the_kind_takes_them_and_their_chunks_are_durable, setup,
            teardown),
        cmocka_unit_test_setup_teardown(the_operator_may_allow_less_than_the_protocol, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(memory_stays_within_its_budget, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
