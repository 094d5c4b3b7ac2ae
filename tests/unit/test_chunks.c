/* chunks: attachments on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/host/chunks.h"
#include "proto/host/file.h"

static char folder[64];
static const uint8_t root_a[32] = {0xab, 0x01}, root_b[32] = {0xab, 0x02}, root_c[32] = {0};

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/leadbus-chunks.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    char path[128];
    (void)state;
    const uint8_t *roots[] = {root_a, root_b, root_c};
    for (size_t i = 0; i < 3; i++) assert_int_equal(chunks_erase(folder, roots[i], NULL), 0);
    snprintf(path, sizeof path, "%s/ab/strange", folder);
    (void)rmdir(path);
    snprintf(path, sizeof path, "%s/ab", folder);
    (void)rmdir(path);
    snprintf(path, sizeof path, "%s/00", folder);
    (void)rmdir(path);
    snprintf(path, sizeof path, "%s/pending", folder);
    (void)rmdir(path);
    return rmdir(folder);
}

static void a_chunk_is_there_whole_or_not_at_all(void **state)
{
    (void)state;
    struct buf got = {0};
    struct stat status;
    char path[256];
    uint8_t leaves[64] = {7}, present[CHUNKS_PRESENT_LEN];
    assert_int_equal(chunks_get(folder, root_a, 0, &got, NULL), E_NOT_FOUND);
    assert_int_equal(chunks_leaves(folder, root_a, &got, NULL), E_NOT_FOUND);
    /* Not before it was begun: nothing makes a folder by itself. */
    assert_int_equal(chunks_put(folder, root_a, 0, bytes_of("x", 1), NULL), E_NOT_FOUND);
    assert_int_equal(chunks_begin(folder, root_a, bytes_of(leaves, sizeof leaves), NULL), 0);
    assert_int_equal(chunks_begin(folder, root_a, bytes_of("other", 5), NULL), 0);
    assert_int_equal(chunks_leaves(folder, root_a, &got, NULL), 0);
    assert_int_equal(got.len, sizeof leaves); /* what was there stays */
    assert_memory_equal(got.data, leaves, sizeof leaves);

    assert_int_equal(chunks_put(folder, root_a, 1, bytes_of("hello", 5), NULL), 0);
    assert_int_equal(chunks_put(folder, root_a, 1023, bytes_of("last", 4), NULL), 0);
    assert_int_equal(chunks_sync(folder, root_a, NULL), 0);
    assert_int_equal(chunks_present(folder, root_a, 1024, present), 2);
    assert_true(chunks_has(present, 1) && chunks_has(present, 1023));
    assert_false(chunks_has(present, 0) || chunks_has(present, UINT32_MAX));
    assert_int_equal(chunks_present_len(present), CHUNKS_PRESENT_LEN);
    assert_int_equal(chunks_present(folder, root_a, 1023, present), 1);
    assert_int_equal(chunks_present_len(present), 1);
    buf_reset(&got);
    assert_int_equal(chunks_get(folder, root_a, 1, &got, NULL), 0);
    assert_int_equal(got.len, 5);
    snprintf(path, sizeof path, "%s/ab/ab01%060d/0001", folder, 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    /* What a crash left beside it is no chunk, and in nobody's way. */
    snprintf(path, sizeof path, "%s/ab/ab01%060d/0002.new", folder, 0);
    assert_int_equal(file_write_atomic(path, bytes_of("ha", 2), 0600, NULL), 0);
    assert_int_equal(chunks_get(folder, root_a, 2, &got, NULL), E_NOT_FOUND);
    assert_int_equal(chunks_put(folder, root_a, 2, bytes_of("half", 4), NULL), 0);
    assert_int_equal(access(path, F_OK), -1);
    buf_fini(&got);
}

static void erasing_takes_one_chunk_or_all(void **state)
{
    (void)state;
    struct buf got = {0};
    assert_int_equal(chunks_begin(folder, root_a, bytes_of("l", 1), NULL), 0);
    assert_int_equal(chunks_begin(folder, root_b, bytes_of("l", 1), NULL), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(chunks_put(folder, root_a, i, bytes_of("x", 1), NULL), 0);
        assert_int_equal(chunks_put(folder, root_b, i, bytes_of("y", 1), NULL), 0);
    }
    assert_int_equal(chunks_erase_one(folder, root_a, 1, NULL), 0);
    assert_int_equal(chunks_erase_one(folder, root_a, 1, NULL), E_NOT_FOUND);
    assert_int_equal(chunks_present(folder, root_a, 3, NULL), 2);
    assert_int_equal(chunks_erase(folder, root_a, NULL), 0);
    assert_int_equal(chunks_erase(folder, root_a, NULL), 0);
    assert_int_equal(chunks_present(folder, root_a, 3, NULL), 0);
    assert_int_equal(chunks_leaves(folder, root_a, &got, NULL), E_NOT_FOUND);
    assert_int_equal(chunks_present(folder, root_b, 3, NULL), 3);
    buf_fini(&got);
}

static void what_was_stored_under_another_name_gets_its_own(void **state)
{
    (void)state;
    struct buf got = {0};
    assert_int_equal(chunks_begin(folder, root_c, (struct bytes){0}, NULL), 0);
    assert_int_equal(chunks_put(folder, root_c, 0, bytes_of("x", 1), NULL), 0);
    assert_int_equal(chunks_adopt(folder, root_c, root_a, bytes_of("leaves", 6), NULL), 0);
    assert_int_equal(chunks_present(folder, root_c, 1, NULL), 0);
    assert_int_equal(chunks_present(folder, root_a, 1, NULL), 1);
    assert_int_equal(chunks_leaves(folder, root_a, &got, NULL), 0);
    assert_int_equal(got.len, 6);
    assert_int_equal(chunks_begin(folder, root_c, (struct bytes){0}, NULL), 0);
    assert_int_equal(chunks_adopt(folder, root_c, root_a, bytes_of("l", 1), NULL), E_DUPLICATE);
    buf_fini(&got);
}

static int count_root(void *ctx, const uint8_t root[32])
{
    size_t *seen = ctx;
    if (memcmp(root, root_a, 32) == 0) *seen |= 1;
    if (memcmp(root, root_b, 32) == 0) *seen |= 2;
    if (memcmp(root, root_c, 32) == 0) *seen |= 4;
    return 0;
}

static int stop_walk(void *ctx, const uint8_t root[32])
{
    (void)root;
    ++*(size_t *)ctx;
    return 17;
}

static void a_walk_meets_every_attachment_and_nothing_else(void **state)
{
    (void)state;
    size_t seen = 0, stopped = 0;
    char path[128];
    assert_int_equal(chunks_walk("/tmp/leadbus-no-such-folder", count_root, &seen, NULL), 0);
    const uint8_t *roots[] = {root_a, root_b, root_c};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(chunks_begin(folder, roots[i], bytes_of("l", 1), NULL), 0);
    snprintf(path, sizeof path, "%s/pending", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/ab/strange", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chunks_walk(folder, count_root, &seen, NULL), 0);
    assert_int_equal(seen, 7);
    assert_int_equal(chunks_walk(folder, stop_walk, &stopped, NULL), 17);
    assert_int_equal(stopped, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_chunk_is_there_whole_or_not_at_all),
        TEST(erasing_takes_one_chunk_or_all),
        TEST(what_was_stored_under_another_name_gets_its_own),
        TEST(a_walk_meets_every_attachment_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
