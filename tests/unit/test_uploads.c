/* uploads: the table of attachments on their way to the broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "broker/shell/uploads.h"

enum { MIB = 1048576 };
#define MANY (1ull << 50)
static const uint8_t hash_key[16] = {1};
static const uint8_t leaves[8 * 32] = {2};

static int add(struct uploads *uploads, const char *unit, uint8_t name, uint64_t stream_len,
               uint64_t now_ms, struct upload **ret)
{
    uint8_t root[32] = {name};
    size_t count = (size_t)((stream_len + MIB - 1) / MIB);
    return uploads_add(uploads, unit, root, stream_len, bytes_of(leaves, 32 * count), now_ms, ret,
                       NULL);
}

static void room_is_reserved_in_full_and_per_unit(void **state)
{
    (void)state;
    struct uploads *uploads = NULL;
    struct upload *first = NULL, *other = NULL;
    assert_int_equal(uploads_new(5 * MIB, MANY, 1000, hash_key, &uploads, NULL), 0);
    assert_int_equal(add(uploads, "police", 1, 4 * MIB, 10, &first), 0);
    assert_int_equal(add(uploads, "police", 2, 2 * MIB, 10, &other), E_QUOTA);
    assert_int_equal(add(uploads, "police", 2, MIB, 10, &other), 0);
    assert_int_equal(add(uploads, "police", 3, 1024, 10, &other), E_QUOTA);
    assert_int_equal(add(uploads, "health", 3, 5 * MIB, 10, &other), 0);
    assert_int_equal(uploads_unit_bytes(uploads, "police"), 5 * MIB);
    assert_int_equal(uploads_stats(uploads).count, 3);
    assert_int_equal(uploads_stats(uploads).bytes, 10 * MIB);
    uploads_remove(uploads, first);
    assert_int_equal(add(uploads, "police", 4, 4 * MIB, 10, &other), 0);
    uploads_free(uploads);
}

static void the_number_of_uploads_has_a_bound(void **state)
{
    (void)state;
    struct uploads *uploads = NULL;
    struct upload *one = NULL;
    assert_int_equal(uploads_new(1ull << 40, MANY, 1000, hash_key, &uploads, NULL), 0);
    for (unsigned i = 0; i < UPLOADS_PER_UNIT_MAX; i++)
        assert_int_equal(add(uploads, "police", (uint8_t)i, 1024, 0, &one), 0);
    assert_int_equal(add(uploads, "police", 200, 1024, 0, &one), E_BUSY);
    assert_int_equal(add(uploads, "health", 200, 1024, 0, &one), 0);
    uploads_free(uploads);
}

static void the_last_chunk_is_told_once(void **state)
{
    (void)state;
    struct uploads *uploads = NULL;
    struct upload *one = NULL;
    assert_int_equal(uploads_new(8 * MIB, MANY, 1000, hash_key, &uploads, NULL), 0);
    assert_int_equal(add(uploads, "police", 1, 3 * MIB, 0, &one), 0);
    assert_int_equal(one->state, UPLOAD_OPENING);
    assert_int_equal(one->chunk_count, 3);
    assert_false(uploads_stored(one, 2, 5));
    assert_false(uploads_stored(one, 0, 6));
    assert_false(uploads_stored(one, 0, 7));
    assert_int_equal(one->present_count, 2);
    assert_true(uploads_stored(one, 1, 8));
    assert_false(uploads_stored(one, 1, 9));
    assert_int_equal(one->touched_ms, 9);
    uint8_t root[32] = {1};
    assert_ptr_equal(uploads_find(uploads, root), one);
    root[31] = 1;
    assert_null(uploads_find(uploads, root));
    uploads_free(uploads);
}

static void only_what_is_idle_and_unclaimed_is_given_up(void **state)
{
    (void)state;
    struct uploads *uploads = NULL;
    struct upload *idle = NULL, *busy = NULL, *accepted = NULL, *fresh = NULL;
    assert_int_equal(uploads_new(8 * MIB, MANY, 1000, hash_key, &uploads, NULL), 0);
    assert_int_equal(add(uploads, "police", 1, 1024, 100, &idle), 0);
    assert_int_equal(add(uploads, "police", 2, 1024, 100, &busy), 0);
    assert_int_equal(add(uploads, "police", 3, 1024, 100, &accepted), 0);
    assert_int_equal(add(uploads, "police", 4, 1024, 900, &fresh), 0);
    busy->busy = 1;
    accepted->state = UPLOAD_ACCEPTED;
    assert_null(uploads_expired(uploads, 1099));
    assert_null(uploads_expired(uploads, 50)); /* a clock that went back gives up nothing */
    assert_ptr_equal(uploads_expired(uploads, 1100), idle);
    assert_int_equal(idle->state, UPLOAD_ERASING);
    assert_null(uploads_expired(uploads, 1100));
    (void)uploads_stored(fresh, 0, 5000);
    busy->busy = 0;
    assert_ptr_equal(uploads_expired(uploads, 5000), busy);
    assert_null(uploads_expired(uploads, 5000));
    uploads_free(uploads);
}

/* What was accepted within a day counts beside what is on its way; of each unit for itself. */
static void a_day_of_a_unit_has_a_bound(void **state)
{
    (void)state;
    struct uploads *uploads = NULL;
    struct upload *one = NULL;
    struct error error = {0};
    const uint8_t root[32] = {9};
    const uint64_t hour = UPLOADS_HOUR_MS, start = 1000 * hour + 1800000;
    assert_int_equal(uploads_new(64 * MIB, 10 * MIB, 1000, hash_key, &uploads, NULL), 0);
    uploads_accepted(uploads, "police", 3 * MIB, start);
    uploads_accepted(uploads, "police", 3 * MIB, start + 2 * hour);
    assert_int_equal(uploads_day_bytes(uploads, "police", start + 2 * hour), 6 * MIB);
    uint64_t now = start + 2 * hour;
    assert_int_equal(add(uploads, "police", 1, 2 * MIB, now, &one), 0);
    assert_int_equal(uploads_add(uploads, "police", root, 2 * MIB + 1,
                                 bytes_of(leaves, 32 * (size_t)3), now, &one, &error),
                     E_QUOTA);
    assert_string_equal(error.field, "attachments");
    assert_non_null(strstr(error.detail, "in about 1290 minutes")); /* the first hour leaves */
    assert_non_null(strstr(error.detail_zh, "1290"));
    assert_int_equal(uploads_wait_ms(uploads, "police", 2 * MIB + 1, now), UPLOADS_RETRY_MAX_MS);
    assert_int_equal(uploads_wait_ms(uploads, "police", 2 * MIB, now), UPLOADS_RETRY_MS);
    assert_int_equal(add(uploads, "health", 2, 8 * MIB, now, &one), 0);
    /* Accepted and not settled yet is not counted twice. */
    uploads_find(uploads, (const uint8_t[32]){1})->state = UPLOAD_ACCEPTED;
    uploads_accepted(uploads, "police", 2 * MIB, now);
    assert_int_equal(add(uploads, "police", 3, 2 * MIB, now, &one), 0);
    assert_int_equal(add(uploads, "police", 4, 1024, now, &one), E_QUOTA);
    /* The first hour is over after a day, to the hour; the slot is taken by the next day's. */
    uint64_t later = (1000 + UPLOADS_HOUR_COUNT) * hour;
    assert_int_equal(add(uploads, "police", 4, 1024, later - 1, &one), E_QUOTA);
    assert_int_equal(uploads_wait_ms(uploads, "police", 1024, later - 6000), 6000);
    assert_int_equal(add(uploads, "police", 4, 1024, later, &one), 0);
    uploads_accepted(uploads, "police", 5 * MIB, later);
    assert_int_equal(uploads_day_bytes(uploads, "police", later), 10 * MIB);
    uploads_accepted(uploads, "police", MIB,
                     start); /* a clock that went back: of no day any more */
    assert_int_equal(uploads_day_bytes(uploads, "police", later), 10 * MIB);
    uploads_free(uploads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_reserved_in_full_and_per_unit),
        cmocka_unit_test(the_number_of_uploads_has_a_bound),
        cmocka_unit_test(the_last_chunk_is_told_once),
        cmocka_unit_test(a_day_of_a_unit_has_a_bound),
        cmocka_unit_test(only_what_is_idle_and_unclaimed_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
