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

#include "clients/replay/audit.h"
#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/host/file.h"
#include "tests/lib/vfs.h"
#include "tests/scenario/journal_maker.h"

enum { ROW_COUNT_MAX = 64, FAULT_COUNT_MAX = 4000, LEAD_COUNT = 9, BLOB_MAX = 32 };

/* What the journal is to hold in the end, taken from one that was made on a good disk. */
static struct {
    struct buf bytes, hashes;
    struct buf blobs[BLOB_MAX];
    size_t blob_count;
} rows[ROW_COUNT_MAX];
static size_t row_count;
static struct buf notes[ROW_COUNT_MAX + 1]; /* the signed head over so many records */
static struct buf root_note;
static struct vfs_disk *disk;
/* The store makes its lock and an empty file itself, on the real disk; what SQLite writes to the
 * same path is in memory. */
static char folder[64], on_disk[80], journal_path[128], wal_path[128];
enum { ERASED_ROW = 4 }; /* the first lead: a section of it is erased */

static void take_notes(const struct journal_maker *maker)
{
    struct merkle_frontier frontier;
    uint8_t nodes[64][32];
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < row_count; i++) {
        struct checkpoint head = {.size = i + 1};
        (void)snprintf(head.origin, sizeof head.origin, "%s", maker->origin);
        (void)merkle_frontier_append(&frontier, rows[i].hashes.data, nodes);
        merkle_frontier_root(&frontier, head.root);
        assert_int_equal(checkpoint_sign(&head, maker->log_secret, &notes[i + 1], NULL), 0);
    }
}

static void take_rows(struct store *store)
{
    uint64_t size = 0;
    assert_int_equal(store_size(store, &size, NULL), 0);
    assert_in_range(size, 8, ROW_COUNT_MAX);
    for (row_count = 0; row_count < size; row_count++) {
        struct buf *blobs = rows[row_count].blobs;
        size_t *count = &rows[row_count].blob_count;
        assert_int_equal(
            store_read(store, row_count, &rows[row_count].bytes, &rows[row_count].hashes, NULL), 0);
        while (*count < BLOB_MAX &&
               store_blob(store, row_count, (unsigned)*count, &blobs[*count], NULL) == 0)
            ++*count;
    }
    assert_true(rows[ERASED_ROW].blob_count > 0);
}

static int make(void **state)
{
    static struct journal_maker maker;
    struct maker_message lead;
    struct store *store = NULL;
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
    maker_open(&maker, path);
    for (int i = 0; i < LEAD_COUNT; i++) {
        (void)maker_submit(&maker, "education", "lead.mandatory-report", "", "", NULL, &lead);
        (void)maker_ack(&maker, "police-hedong", 0, 0);
        (void)maker_submit(&maker, "police-hedong", "receipt.signed", "", "", &lead, NULL);
    }
    maker_commit(&maker);
    buf_append_bytes(&root_note, buf_bytes(&maker.root_note));
    CHECK(store_open_read(path, false, &store, NULL) == 0);
    take_rows(store);
    take_notes(&maker);
    store_close(store);
    maker_close(&maker);
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

/* ---- the work ---------------------------------------------------------------------------------*/

/* How many records a group has that begins at `from`: 4, 1, 2, 3, 1, 2, 3, ... */
static size_t group_at(size_t from)
{
    size_t count = from == 0 ? 4 : 1 + from % 3;
    return from + count <= row_count ? count : row_count - from;
}

static int append(struct store *store, size_t from, size_t count, struct error *error)
{
    struct store_record records[4];
    struct bytes blobs[4][BLOB_MAX];
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; b < rows[from + i].blob_count; b++)
            blobs[i][b] = buf_bytes(&rows[from + i].blobs[b]);
        records[i] = (struct store_record){buf_bytes(&rows[from + i].bytes),
                                           buf_bytes(&rows[from + i].hashes), blobs[i],
                                           rows[from + i].blob_count};
    }
    return store_append(store, from, records, count, buf_bytes(&notes[from + count]), error);
}

struct work {
    size_t promised;  /* records: append said that they are durable */
    size_t attempted; /* as far as the group went that failed */
    bool erased;      /* the section is gone, it was said */
    bool erasing;
};

/* Goes on from where the journal stands. 0, or the code of what failed. */
static int go_on(struct work *work, struct error *error)
{
    struct store *store = NULL;
    uint64_t size = 0;
    int r = store_open(journal_path, &store, error);
    if (r == 0) r = store_size(store, &size, error);
    while (r == 0 && size < row_count) {
        size_t count = group_at(size);
        work->attempted = size + count;
        r = append(store, size, count, error);
        if (r == 0) work->promised = size = work->attempted;
        if (r == 0 && size % 4 == 0) r = store_idle(store, error);
    }
    if (r == 0 && !work->erased) {
        r = store_blob_erase(store, ERASED_ROW, 0, error);
        /* It failed the last time, and had been done all the same. */
        if (r == E_NOT_FOUND && work->erasing) r = 0;
        work->erasing = true;
        work->erased = r == 0;
    }
    if (r == 0) r = store_idle(store, error);
    store_close(store);
    return r;
}

/* ---- what it left -----------------------------------------------------------------------------*/

static void check_row(struct store *store, size_t i, const struct work *work)
{
    struct buf bytes = {0}, hashes = {0};
    assert_int_equal(store_read(store, i, &bytes, &hashes, NULL), 0);
    assert_true(bytes_equal(buf_bytes(&bytes), buf_bytes(&rows[i].bytes)));
    assert_true(bytes_equal(buf_bytes(&hashes), buf_bytes(&rows[i].hashes)));
    for (size_t b = 0; b < rows[i].blob_count; b++) {
        struct buf blob = {0};
        bool erasable = i == ERASED_ROW && b == 0;
        int r = store_blob(store, i, (unsigned)b, &blob, NULL);
        if (erasable && work->erased)
            assert_int_equal(r, E_NOT_FOUND);
        else if (!erasable || !work->erasing)
            assert_int_equal(r, 0);
        if (r == 0) assert_true(bytes_equal(buf_bytes(&blob), buf_bytes(&rows[i].blobs[b])));
        buf_fini(&blob);
    }
    buf_fini(&bytes);
    buf_fini(&hashes);
}

static void check_journal(const struct work *work)
{
    struct store *store = NULL;
    struct buf note = {0};
    struct error error = {0};
    uint64_t size = 0, head = 0;
    int r = store_open(journal_path, &store, &error);
    if (r != 0) fail_msg("%s %s %s", error_name(r), error.field, error.detail);
    assert_int_equal(store_size(store, &size, NULL), 0);
    if (size != work->promised) assert_int_equal(size, work->attempted);
    for (size_t i = 0; i < size; i++) check_row(store, i, work);
    r = store_checkpoint(store, UINT64_MAX, &note, &head, NULL);
    assert_int_equal(r, size > 0 ? 0 : E_NOT_FOUND);
    if (r == 0) assert_true(bytes_equal(buf_bytes(&note), buf_bytes(&notes[size])));
    if (r == 0) assert_int_equal(head, size);
    buf_fini(&note);
    store_close(store);
}

/* Nothing of what was erased is left anywhere on the disk. */
static void check_erased(void)
{
    const char *const names[] = {journal_path, wal_path};
    struct bytes gone = buf_bytes(&rows[ERASED_ROW].blobs[0]);
    for (size_t i = 0; i < 2; i++) {
        struct buf file = {0};
        if (vfs_file_read(names[i], &file))
            assert_null(memmem(file.data, file.len, gone.data, gone.len));
        buf_fini(&file);
    }
}

static void check_audit(void)
{
    struct audit *audit = NULL;
    struct buf file = {0};
    struct error error = {0};
    char path[128];
    (void)snprintf(path, sizeof path, "%s/done.db", folder);
    assert_true(vfs_file_read(journal_path, &file));
    assert_int_equal(file_write_atomic(path, buf_bytes(&file), 0600, NULL), 0);
    struct audit_options options = {.path = path,
                                    .root_note = buf_bytes(&root_note),
                                    .held = buf_bytes(&notes[row_count]),
                                    .depth = AUDIT_DECIDE};
    int r = audit_run(&options, &audit, &error);
    if (r != 0) fail_msg("%s %s %s", error_name(r), error.field, error.detail);
    assert_int_equal(audit_totals(audit)->size, row_count);
    assert_int_equal(audit_totals(audit)->blobs_erased, 1);
    audit_free(audit);
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
        int r = go_on(&work, &error);
        bool faulted = vfs_disk_faulted(disk);
        if (r != 0) {
            if (!faulted) fail_msg("%d: %s %s", n, error_name(r), error.detail);
            if (!says_why(r, fault)) fail_msg("%d: %s %s", n, error_name(r), error.detail);
            assert_string_not_equal(error.detail, "");
        }
        vfs_disk_fault(disk, VFS_NO_FAULT, 0, false);
        if (power) vfs_disk_power_cut(disk);

        check_journal(&work);
        if (faulted && go_on(&work, &error) != 0) fail_msg("%d: %s", n, error.detail);
        assert_int_equal(work.promised, row_count);
        check_journal(&work);
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
