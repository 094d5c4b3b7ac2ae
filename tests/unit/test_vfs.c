/* The disks of the simulator and of the fault sweeps: what they promise SQLite, and that they do
 * lose what nobody synced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "proto/host/sqlite_gather.h"
#include "tests/lib/vfs.h"

#define FOLDER "/vfs/test"
#define PATH   FOLDER "/a.db"

enum { ROW_COUNT = 12, FAULT_MAX = 400 };

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(PATH, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, sqlite_gather()) !=
        SQLITE_OK) {
        (void)sqlite3_close(db);
        return NULL;
    }
    return db;
}

static bool execute(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool set_up(sqlite3 *db)
{
    return execute(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                       "PRAGMA wal_autocheckpoint=8;"
                       "CREATE TABLE IF NOT EXISTS t(n INTEGER PRIMARY KEY, x BLOB)");
}

/* Rows one by one; how many were said to be durable. */
static int work(void)
{
    int done = 0;
    sqlite3 *db = open_db();
    if (db && set_up(db)) {
        for (; done < ROW_COUNT; done++) {
            char sql[96];
            (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES(%d, zeroblob(%d))", done,
                           100 + done * 900);
            if (!execute(db, sql)) break;
        }
    }
    (void)sqlite3_close(db);
    return done;
}

static int number_of(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int(statement, 0);
    (void)sqlite3_finalize(statement);
    return number;
}

static int rows_left(void)
{
    sqlite3 *db = open_db();
    assert_non_null(db);
    assert_int_equal(
        number_of(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'"), 1);
    int tables = number_of(db, "SELECT count(*) FROM sqlite_schema");
    int rows = tables > 0 ? number_of(db, "SELECT count(*) FROM t") : 0;
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return rows;
}

static struct vfs_disk *disk;

static int install(void **state)
{
    (void)state;
    vfs_install(NULL);
    disk = vfs_disk_new(FOLDER, 7);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    vfs_disk_clear(disk);
    return 0;
}

static int forget(void **state)
{
    (void)state;
    vfs_disk_free(disk);
    return 0;
}

/* The thing at N goes wrong, for every N; then the power goes. */
static void sweep(enum vfs_fault fault)
{
    int n = 1, lost_none = 0;
    for (; n < FAULT_MAX; n++) {
        vfs_disk_clear(disk);
        vfs_disk_fault(disk, fault, (uint64_t)n, true);
        int done = work();
        if (!vfs_disk_faulted(disk)) break;
        vfs_disk_power_cut(disk);
        int left = rows_left();
        assert_in_range(left, done, ROW_COUNT);
        lost_none += left >= done;
    }
    assert_in_range(n, 30, FAULT_MAX - 1);
    assert_int_equal(lost_none, n - 1);
}

static void what_was_durable_outlives_every_fault(void **state)
{
    (void)state;
    sweep(VFS_FAIL_DEAD);
    sweep(VFS_FAIL_IO);
    sweep(VFS_FAIL_FULL);
}

/* SQLite says nothing of a checkpoint of its own whose sync failed and goes on: it may, since the
 * next one writes the same pages again. */
static void a_checkpoint_that_failed_is_made_anew(void **state)
{
    (void)state;
    int went_on = 0;
    for (int n = 1; n < FAULT_MAX; n++) {
        vfs_disk_clear(disk);
        vfs_disk_fault(disk, VFS_FAIL_IO, (uint64_t)n, false);
        int done = work();
        if (!vfs_disk_faulted(disk)) break;
        vfs_disk_power_cut(disk);
        assert_in_range(rows_left(), done, ROW_COUNT);
        went_on += done == ROW_COUNT;
    }
    assert_in_range(went_on, 10, FAULT_MAX);
}

static void a_disk_that_lies_loses(void **state)
{
    (void)state;
    int lost = 0;
    for (int n = 1; n < 60; n++) {
        vfs_disk_clear(disk);
        vfs_disk_lie(disk, true);
        vfs_disk_fault(disk, VFS_FAIL_DEAD, (uint64_t)n, true);
        int done = work();
        if (!vfs_disk_faulted(disk)) break;
        vfs_disk_power_cut(disk);
        vfs_disk_lie(disk, false);
        sqlite3 *db = open_db();
        int left = number_of(db, "SELECT count(*) FROM t");
        lost += left < done;
        (void)sqlite3_close(db);
    }
    assert_in_range(lost, 3, 60);
}

static void one_writer_many_readers_and_the_dead_hold_nothing(void **state)
{
    (void)state;
    sqlite3 *writer = open_db();
    assert_true(set_up(writer));
    vfs_process(2);
    sqlite3 *other = open_db();
    assert_true(execute(writer, "BEGIN IMMEDIATE; INSERT INTO t VALUES(1, x'01')"));
    assert_int_equal(number_of(other, "SELECT count(*) FROM t"), 0);
    assert_false(execute(other, "BEGIN IMMEDIATE"));
    vfs_kill(0);
    assert_false(execute(writer, "COMMIT"));
    assert_true(execute(other, "BEGIN IMMEDIATE; INSERT INTO t VALUES(2, x'02'); COMMIT"));
    assert_int_equal(number_of(other, "SELECT n FROM t"), 2);
    (void)sqlite3_close(writer);
    assert_true(execute(other, "INSERT INTO t VALUES(3, x'03')"));
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    vfs_process(0);
    assert_int_equal(rows_left(), 2);
}

static void a_full_disk_says_so_and_goes_on_once_there_is_room(void **state)
{
    (void)state;
    vfs_disk_room(disk, 40000);
    int done = work();
    assert_in_range(done, 1, ROW_COUNT - 1);
    vfs_disk_room(disk, 0);
    assert_int_equal(rows_left(), done);
}

static void a_copy_is_put_back(void **state)
{
    (void)state;
    assert_int_equal(work(), ROW_COUNT);
    struct vfs_copy *copy = vfs_disk_copy(disk);
    sqlite3 *db = open_db();
    assert_true(execute(db, "DELETE FROM t"));
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(rows_left(), 0);
    vfs_disk_put_back(disk, copy);
    assert_false(vfs_disk_in_doubt(disk));
    assert_int_equal(rows_left(), ROW_COUNT);
    vfs_copy_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_was_durable_outlives_every_fault, clear),
        cmocka_unit_test_setup(a_checkpoint_that_failed_is_made_anew, clear),
        cmocka_unit_test_setup(a_disk_that_lies_loses, clear),
        cmocka_unit_test_setup(one_writer_many_readers_and_the_dead_hold_nothing, clear),
        cmocka_unit_test_setup(a_full_disk_says_so_and_goes_on_once_there_is_room, clear),
        cmocka_unit_test_setup(a_copy_is_put_back, clear),
    };
    return cmocka_run_group_tests_name("unit.vfs", tests, install, forget);
}
