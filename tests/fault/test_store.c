/* The broker's journal on a disk on which the thing at N goes wrong, for N = 1, 2, ... until the
 * work no longer comes to it: an I/O error, no room, the machine gone; once, or from then on. After
 * each the power goes, the journal is opened again, and holds everything that was promised, nothing
 * of a group that was not, and nothing else; the work is done to its end and an audit of the result
 * finds no fault. */
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

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/fault/work.h"
#include "tests/lib/vfs.h"

enum { FAULT_COUNT_MAX = 4000 };

static struct vfs_disk *disk;
/* The store makes its lock and an empty file itself, on the real disk; what SQLite writes to the
 * same path is in memory. */
static char folder[64], on_disk[80], journal_path[128], wal_path[128];

static int make(void **state)
{
    char path[128];
    (void)state;
    vfs_install(NULL);
    (void)snprintf(folder, sizeof folder, "/tmp/leadbus-fault.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    (void)snprintf(on_disk, sizeof on_disk, "%s/disk", folder);
    CHECK(mkdir(on_disk, 0700) == 0);
    (void)snprintf(journal_path, sizeof journal_path, "%s/journal.db", on_disk);
    (void)snprintf(wal_path, sizeof wal_path, "%s-wal", journal_path);
    disk = vfs_disk_new(on_disk, 11);
    (void)snprintf(path, sizeof path, "%s/good.db", folder);
    work_make(path);
    return 0;
}

static int clean(void **state)
{
    char command[128];
    (void)state;
    vfs_disk_free(disk);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

/* Nothing of what was erased is left anywhere on the disk. */
static void check_erased(void)
{
    const char *const names[] = {journal_path, wal_path};
    struct bytes gone = work_erased_bytes();
    for (size_t i = 0; i < 2; i++) {
        struct buf file = {0};
        if (vfs_file_read(names[i], &file))
            assert_null(memmem(file.data, file.len, gone.data, gone.len));
        buf_fini(&file);
    }
}

static void check_audit(void)
{
    struct buf file = {0};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/done.db", folder);
    assert_true(vfs_file_read(journal_path, &file));
    assert_int_equal(file_write_atomic(path, buf_bytes(&file), 0600, NULL), 0);
    work_audit(path);
    buf_fini(&file);
}

/* ---- the sweep --------------------------------------------------------------------------------*/

static bool says_why(int code, enum vfs_fault fault)
{
    return code == E_IO || (fault == VFS_FAIL_FULL && code == E_DISK_FULL);
}

static void sweep(enum vfs_fault fault, bool lasting, bool power)
{
    int n = 1;
    for (; n < FAULT_COUNT_MAX; n++) {
        struct work work = {0};
        struct error error = {0};
        vfs_disk_clear(disk);
        vfs_disk_fault(disk, fault, (uint64_t)n, lasting);
        int r = work_go_on(journal_path, &work, &error);
        bool faulted = vfs_disk_faulted(disk);
        if (r != 0) {
            if (!faulted) fail_msg("%d: %s %s", n, error_name(r), error.detail);
            if (!says_why(r, fault)) fail_msg("%d: %s %s", n, error_name(r), error.detail);
            assert_string_not_equal(error.detail, "");
        }
        vfs_disk_fault(disk, VFS_NO_FAULT, 0, false);
        if (power) vfs_disk_power_cut(disk);

        work_check(journal_path, &work);
        if (faulted && work_go_on(journal_path, &work, &error) != 0)
            fail_msg("%d: %s", n, error.detail);
        assert_int_equal(work.promised, work_count());
        work_check(journal_path, &work);
        check_erased();
        if (n % 16 == 1 || !faulted) check_audit();
        if (!faulted) break;
    }
    assert_in_range(n, 60, FAULT_COUNT_MAX - 1); /* it came to that many things */
    print_message("%d faults\n", n - 1);
}

static void an_io_error_once(void **state)
{
    (void)state;
    sweep(VFS_FAIL_IO, false, false);
}
static void an_io_error_once_and_then_the_power(void **state)
{
    (void)state;
    sweep(VFS_FAIL_IO, false, true);
}
static void io_errors_from_then_on(void **state)
{
    (void)state;
    sweep(VFS_FAIL_IO, true, true);
}
static void no_room_from_then_on(void **state)
{
    (void)state;
    sweep(VFS_FAIL_FULL, true, false);
}
static void no_room_and_then_the_power(void **state)
{
    (void)state;
    sweep(VFS_FAIL_FULL, true, true);
}
static void the_machine_is_gone(void **state)
{
    (void)state;
    sweep(VFS_FAIL_DEAD, true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_io_error_once),
        cmocka_unit_test(an_io_error_once_and_then_the_power),
        cmocka_unit_test(io_errors_from_then_on),
        cmocka_unit_test(no_room_from_then_on),
        cmocka_unit_test(no_room_and_then_the_power),
        cmocka_unit_test(the_machine_is_gone),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
