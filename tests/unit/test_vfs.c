/* The disks of the simulator and of the fault sweeps: what they promise SQLite, and that they do
 * lose what nobody synced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/host/sqlite_gather.h"
#include "tests/lib/vfs.h"

#define FOLDER "/vfs/test"
#define PATH   FOLDER "/a.db"

enum { ROW_COUNT = 12, FAULT_MAX = 400 };

/* Of one connection alone: its checkpoints are gathered as well. */
static bool alone;

static bool execute(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static sqlite3 *open_db(void)
{
    sqlite3 *db = NULL;
    if (sqlite3_open_v2(PATH, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                        alone ? sqlite_gather_alone() : sqlite_gather()) != SQLITE_OK ||
        (alone && !execute(db, "PRAGMA locking_mode=EXCLUSIVE"))) {
        (void)sqlite3_close(db);
        return NULL;
    }
    return db;
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

static int clear_for_one(void **state)
{
    (void)state;
    alone = true;
    vfs_disk_clear(disk);
    return 0;
}

static int for_all_again(void **state)
{
    (void)state;
    alone = false;
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

/* One thing goes wrong once, wherever it is: the same connection does it at the second try, and so
 * on to the end. A failed checkpoint is SQLite's own affair, of which a commit says nothing. */
static void go_on_after(enum vfs_fault fault)
{
    int n = 1, refused = 0;
    for (; n < FAULT_MAX; n++) {
        vfs_disk_clear(disk);
        sqlite3 *db = open_db();
        assert_true(set_up(db));
        vfs_disk_fault(disk, fault, (uint64_t)n, false);
        for (int i = 0; i < ROW_COUNT; i++) {
            char sql[96];
            (void)snprintf(sql, sizeof sql, "INSERT INTO t VALUES(%d, randomblob(%d))", i,
                           4000 + i * 900);
            if (execute(db, sql)) continue;
            refused++;
            if (!execute(db, sql)) fail_msg("fault %d: row %d: %s", n, i, sqlite3_errmsg(db));
        }
        bool faulted = vfs_disk_faulted(disk);
        assert_int_equal(number_of(db, "SELECT count(*) FROM t"), ROW_COUNT);
        (void)sqlite3_close(db);
        assert_int_equal(rows_left(), ROW_COUNT);
        if (!faulted) break;
    }
    assert_in_range(n, 30, FAULT_MAX - 1);
    assert_in_range(refused, 5, n);
}

static void what_failed_once_is_done_at_the_second_try(void **state)
{
    (void)state;
    go_on_after(VFS_FAIL_FULL);
    go_on_after(VFS_FAIL_IO);
}

/* A read ahead that fails is nobody's failure, and spoils nothing that was read before it. */
static void what_cannot_be_read_ahead_is_read(void **state)
{
    (void)state;
    enum { PAGE = 1024, PAGE_COUNT = 2 * GATHER_AHEAD_BYTES / PAGE };
    sqlite3_vfs *vfs = sqlite3_vfs_find(sqlite_gather_alone());
    assert_non_null(vfs);
    sqlite3_file *file = (sqlite3_file *)calloc(1, (size_t)vfs->szOsFile);
    assert_non_null(file);
    unsigned char page[PAGE];
    int flags = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    assert_int_equal(vfs->xOpen(vfs, PATH, file, flags, NULL), SQLITE_OK);
    for (int i = 0; i < PAGE_COUNT; i++) {
        memset(page, i, sizeof page);
        assert_int_equal(file->pMethods->xWrite(file, page, PAGE, i * PAGE), SQLITE_OK);
    }
    /* The first half is read ahead; what lies behind it cannot be; back again. */
    const int wanted[] = {0, 1, PAGE_COUNT / 2 - 1, PAGE_COUNT / 2, 2, 3};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (wanted[i] == PAGE_COUNT / 2) vfs_disk_fault_read(disk, 1);
        assert_int_equal(file->pMethods->xRead(file, page, PAGE, wanted[i] * PAGE), SQLITE_OK);
        for (int at = 0; at < PAGE; at++) assert_int_equal(page[at], wanted[i]);
    }
    assert_true(vfs_disk_faulted(disk));
    assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
}

/* What a transaction wrote to the log when its cache was full is held back, and then there is no
 * room for it: nothing of the transaction may count any more, also when the room is back. */
static void a_transaction_that_lost_its_pages_is_lost(void **state)
{
    (void)state;
    int lost = 0;
    for (int n = 1; n < 60; n++) {
        vfs_disk_clear(disk);
        sqlite3 *db = open_db();
        assert_true(set_up(db));
        assert_true(execute(db, "PRAGMA cache_size=4; CREATE TABLE u(x UNIQUE, y);"
                                "INSERT INTO u WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
                                "i + 1 FROM n WHERE i < 40) SELECT i, zeroblob(3000) FROM n"));
        assert_true(execute(db, "BEGIN; INSERT INTO t VALUES(1, x'01')"));
        vfs_disk_fault(disk, VFS_FAIL_FULL, (uint64_t)n, false);
        bool done = true;
        for (int i = 0; done && i < 4; i++) {
            done = execute(db, "UPDATE u SET y = randomblob(3000)");
            (void)execute(db, "UPDATE u SET x = -x");
        }
        bool faulted = vfs_disk_faulted(disk);
        bool kept = execute(db, "COMMIT");
        lost += !kept;
        int rows = number_of(db, "SELECT count(*) FROM t");
        assert_int_equal(rows, kept);
        vfs_disk_power_cut(disk);
        (void)sqlite3_close(db);
        assert_int_equal(rows_left(), kept);
        if (!faulted) break;
    }
    assert_in_range(lost, 1, 59);
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
        cmocka_unit_test_setup(what_failed_once_is_done_at_the_second_try, clear),
        cmocka_unit_test_setup_teardown(what_was_durable_outlives_every_fault, clear_for_one,
                                        for_all_again),
        cmocka_unit_test_setup_teardown(a_checkpoint_that_failed_is_made_anew, clear_for_one,
                                        for_all_again),
        cmocka_unit_test_setup_teardown(what_failed_once_is_done_at_the_second_try, clear_for_one,
                                        for_all_again),
        cmocka_unit_test_setup_teardown(a_full_disk_says_so_and_goes_on_once_there_is_room,
                                        clear_for_one, for_all_again),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_ahead_is_read, clear_for_one,
                                        for_all_again),
        cmocka_unit_test_setup(a_transaction_that_lost_its_pages_is_lost, clear),
        cmocka_unit_test_setup(a_disk_that_lies_loses, clear),
        cmocka_unit_test_setup(one_writer_many_readers_and_the_dead_hold_nothing, clear),
        cmocka_unit_test_setup(a_full_disk_says_so_and_goes_on_once_there_is_room, clear),
        cmocka_unit_test_setup(a_copy_is_put_back, clear),
    };
    return cmocka_run_group_tests_name("unit.vfs", tests, install, forget);
}
