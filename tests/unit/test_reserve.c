/* reserve: what is left of the disk belongs to the journal. The disk's size is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <poll.h>
#include <string.h>
#include <sys/statvfs.h>
#include <cmocka.h>

#include "broker/shell/disk.h"
#include "proto/attachment.h"
#include "proto/base/check.h"

enum { FILE_LEN = 1500, BLOCK = 4096 };
#define GIB ((uint64_t)1 << 30)

static struct {
    uint64_t all, free; /* bytes */
    bool fails;
} room;

/* In the place of the C library's: see the linker's --wrap. */
int __wrap_statvfs(const char *path, struct statvfs *ret); // NOLINT: the linker's name
int __wrap_statvfs(const char *path, struct statvfs *ret)  // NOLINT
{
    (void)path;
    if (room.fails) return -1;
    memset(ret, 0, sizeof *ret);
    ret->f_frsize = BLOCK;
    ret->f_blocks = room.all / BLOCK;
    ret->f_bavail = room.free / BLOCK;
    return 0;
}

struct scene {
    char folder[64];
    struct disk *disk;
    struct buf chunk, leaves;
    uint8_t root[32];
    uint64_t stream_len;
};

static int keep(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    struct scene *scene = ctx;
    (void)ret_error;
    assert_int_equal(number, 0);
    buf_append_bytes(&scene->chunk, chunk);
    return 0;
}

static int setup(void **state)
{
    static struct scene scene;
    struct attachment_sealer sealer;
    struct attachment_sealed sealed;
    uint8_t key[32] = {1}, data[FILE_LEN] = {2};
    memset(&scene, 0, sizeof scene);
    (void)snprintf(scene.folder, sizeof scene.folder, "/tmp/leadbus-disk.XXXXXX");
    if (!mkdtemp(scene.folder)) return -1;
    attachment_sealer_init(&sealer, suite_find(SUITE_1), key, keep, &scene);
    assert_int_equal(attachment_sealer_add(&sealer, bytes_of(data, sizeof data), NULL), 0);
    assert_int_equal(attachment_sealer_end(&sealer, &sealed, NULL), 0);
    buf_append_bytes(&scene.leaves, buf_bytes(&sealer.leaves));
    memcpy(scene.root, sealed.root, 32);
    scene.stream_len = sealed.stream_len;
    attachment_sealer_fini(&sealer);
    assert_int_equal(disk_start(scene.folder, &scene.disk, NULL), 0);
    room.all = 100 * GIB;
    room.free = 50 * GIB;
    room.fails = false;
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    char command[128];
    disk_stop(scene->disk);
    buf_fini(&scene->chunk);
    buf_fini(&scene->leaves);
    (void)snprintf(command, sizeof command, "rm -r '%s'", scene->folder);
    return system(command); // NOLINT(cert-env33-c): a folder of our own
}

/* One task to its end. */
static int perform(struct scene *scene, enum disk_what what, struct error *ret_error)
{
    struct disk_task *task = calloc(1, sizeof *task), *done = NULL;
    CHECK(task != NULL);
    task->what = what;
    memcpy(task->root, scene->root, 32);
    (void)snprintf(task->unit, sizeof task->unit, "health");
    task->stream_len = scene->stream_len;
    if (what == DISK_OPEN) buf_append_bytes(&task->leaves, buf_bytes(&scene->leaves));
    task->data = buf_bytes(&scene->chunk);
    memcpy(task->leaf, scene->leaves.data, 32);
    assert_true(disk_offer(scene->disk, task));
    while (!done) {
        struct pollfd item = {.fd = disk_fd(scene->disk), .events = POLLIN};
        assert_int_equal(poll(&item, 1, 60000), 1);
        disk_clear(scene->disk);
        done = disk_take(scene->disk);
    }
    int code = done->code;
    if (ret_error) *ret_error = done->error;
    disk_task_free(done);
    return code;
}

/* A twentieth of the disk, and 1 GiB at most. */
static void the_reserve_is_a_twentieth_and_a_gibibyte_at_most(void **state)
{
    struct scene *scene = *state;
    const struct {
        uint64_t all, reserve;
    } rows[] = {{GIB, GIB / 20}, {10 * GIB, GIB / 2}, {20 * GIB, GIB}, {4096 * GIB, GIB}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct error error = {0};
        room.all = rows[i].all;
        /* Whole blocks, as a disk counts. */
        room.free = rows[i].reserve / BLOCK * BLOCK;
        assert_int_equal(perform(scene, DISK_OPEN, &error), E_DISK_FULL);
        assert_non_null(strstr(error.detail, "kept for the journal"));
        assert_true(error.detail_zh[0] != 0);
        room.free = rows[i].reserve / BLOCK * BLOCK + 2 * (uint64_t)BLOCK;
        assert_int_equal(perform(scene, DISK_OPEN, NULL), 0);
        assert_int_equal(perform(scene, DISK_ERASE, NULL), 0);
    }
}

/* What was begun in time does not use up the reserve either, and goes on when there is room. */
static void chunks_stop_at_the_reserve_and_go_on_when_there_is_room(void **state)
{
    struct scene *scene = *state;
    struct buf back = {0};
    assert_int_equal(perform(scene, DISK_OPEN, NULL), 0);
    room.free = GIB;
    assert_int_equal(perform(scene, DISK_PUT, NULL), E_DISK_FULL);
    assert_int_equal(chunks_get(scene->folder, scene->root, 0, &back, NULL), E_NOT_FOUND);
    /* What takes no room is done meanwhile: the rest, and what is read. */
    assert_int_equal(perform(scene, DISK_LEAVES, NULL), 0);
    assert_int_equal(perform(scene, DISK_SEAL, NULL), 0);
    room.free = 2 * GIB;
    assert_int_equal(perform(scene, DISK_PUT, NULL), 0);
    assert_int_equal(chunks_get(scene->folder, scene->root, 0, &back, NULL), 0);
    assert_int_equal(back.len, scene->chunk.len);
    room.free = 0;
    assert_int_equal(perform(scene, DISK_CHUNK, NULL), 0);
    assert_int_equal(perform(scene, DISK_SETTLE, NULL), 0);
    buf_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_reserve_is_a_twentieth_and_a_gibibyte_at_most, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(chunks_stop_at_the_reserve_and_go_on_when_there_is_room,
                                        setup, teardown),
    };
    return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
