/* uploads: the table of attachments on their way to the broker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "broker/shell/uploads.h"

enum { MIB = 1048576 };
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
    assert_int_equal(uploads_new(5 * MIB, 1000, hash_key, &uploads, NULL), 0);
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
    assert_int_equal(uploads_new(1ull << 40, 1000, hash_key, &uploads, NULL), 0);
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
    assert_int_equal(uploads_new(8 * MIB, 1000, hash_key, &uploads, NULL), 0);
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
    assert_int_equal(uploads_new(8 * MIB, 1000, hash_key, &uploads, NULL), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_is_reserved_in_full_and_per_unit),
        cmocka_unit_test(the_number_of_uploads_has_a_bound),
        cmocka_unit_test(the_last_chunk_is_told_once),
        cmocka_unit_test(only_what_is_idle_and_unclaimed_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
