#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/store/store.h"
#include "proto/base/check.h"
#include "proto/merkle.h"
#include "tests/lib/disk.h"

struct place {
    char folder[64];
    char path[128];
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place) return -1;
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/leadbus-store-XXXXXX");
    if (!mkdtemp(place->folder)) return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/journal.db", place->folder);
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"journal.db",      "journal.db-wal",     "journal.db-shm",
                                        "journal.db-lock", "journal.db-journal", "backup.db",
                                        "copy.db"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", place->folder, names[i]);
        (void)unlink(path);
    }
    int r = rmdir(place->folder);
    free(place);
    return r;
}

static struct store *open_store(const struct place *place)
{
    struct store *store = NULL;
    struct error error = {0};
    int r = store_open(place->path, &store, &error);
    if (r != 0) (void)fprintf(stderr, "%s: %s\n", error_name(r), error.detail);
    assert_int_equal(r, 0);
    return store;
}

static uint64_t size_of(struct store *store)
{
    uint64_t size = 99;
    struct error error = {0};
    assert_int_equal(store_size(store, &size, &error), 0);
    return size;
}

/* Record i of every journal of these tests: its number as text, padded; one blob with even ones. */
static size_t record_text(uint64_t i, char *ret_text, size_t cap)
{
    return (size_t)snprintf(ret_text, cap, "record %llu %0*d", (unsigned long long)i,
                            (int)(i * 37 % 900) + 1, 7);
}

static int append_some(struct store *store, struct merkle_frontier *frontier, uint64_t from,
                       size_t count, struct error *ret_error)
{
    static char texts[64][1024];
    static uint8_t hashes[64][MERKLE_LEVEL_COUNT_MAX + 1][32];
    struct store_record records[64];
    struct bytes blobs[64];
    char note[64];
    assert_true(count <= 64);
    for (size_t i = 0; i < count; i++) {
        size_t len = record_text(from + i, texts[i], sizeof texts[i]);
        merkle_leaf_hash(bytes_of(texts[i], len), hashes[i][0]);
        size_t nodes = merkle_frontier_append(frontier, hashes[i][0], &hashes[i][1]);
        blobs[i] = bytes_of_str("ciphertext");
        records[i] = (struct store_record){
            .bytes = bytes_of(texts[i], len),
            .hashes = bytes_of(hashes[i], 32 * (nodes + 1)),
            .blobs = &blobs[i],
            .blob_count = (from + i) % 2 == 0 ? 1 : 0,
        };
    }
    int len = snprintf(note, sizeof note, "checkpoint %llu", (unsigned long long)(from + count));
    return store_append(store, from, records, count, bytes_of(note, (size_t)len), ret_error);
}

static void fill(struct store *store, struct merkle_frontier *frontier, uint64_t from, size_t count)
{
    struct error error = {0};
    while (count > 0) {
        size_t group = count < 7 ? count : 7;
        assert_int_equal(append_some(store, frontier, from, group, &error), 0);
        from += group;
        count -= group;
    }
}

struct walked {
    uint64_t next;
    struct merkle_frontier frontier;
};
static int check_record(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes)
{
    struct walked *walked = ctx;
    char text[1024];
    uint8_t expected[MERKLE_LEVEL_COUNT_MAX + 1][32];
    size_t len = record_text(index, text, sizeof text);
    assert_int_equal(index, walked->next++);
    assert_true(bytes_equal(bytes, bytes_of(text, len)));
    merkle_leaf_hash(bytes, expected[0]);
    size_t nodes = merkle_frontier_append(&walked->frontier, expected[0], &expected[1]);
    assert_true(bytes_equal(hashes, bytes_of(expected, 32 * (nodes + 1))));
    return 0;
}

static uint64_t check_all(struct store *store)
{
    struct walked walked = {0};
    struct error error = {0};
    merkle_frontier_init(&walked.frontier);
    assert_int_equal(store_walk(store, 0, check_record, &walked, &error), 0);
    return walked.next;
}

static void keeps_records_blobs_and_checkpoints_over_a_reopening(void **state)
{
    struct store *store = open_store(*state);
    struct merkle_frontier frontier;
    struct buf buf = {0};
    struct error error = {0};
    uint64_t size = 0;
    merkle_frontier_init(&frontier);
    assert_int_equal(size_of(store), 0);
    assert_int_equal(store_checkpoint(store, UINT64_MAX, &buf, &size, &error), E_NOT_FOUND);
    fill(store, &frontier, 0, 40);
    store_close(store);

    store = open_store(*state);
    assert_int_equal(size_of(store), 40);
    assert_int_equal(check_all(store), 40);
    assert_int_equal(store_blob(store, 4, 0, &buf, &error), 0);
    assert_true(bytes_equal(buf_bytes(&buf), bytes_of_str("ciphertext")));
    buf_reset(&buf);
    assert_int_equal(store_blob(store, 5, 0, &buf, &error), E_NOT_FOUND);
    assert_int_equal(store_blob(store, 4, 1, &buf, &error), E_NOT_FOUND);
    assert_int_equal(store_blob(store, 4, STORE_BLOB_COUNT_MAX, &buf, &error), E_NOT_FOUND);
    assert_int_equal(store_checkpoint(store, UINT64_MAX, &buf, &size, &error), 0);
    assert_int_equal(size, 40);
    buf_reset(&buf);
    assert_int_equal(store_checkpoint(store, 34, &buf, &size, &error), 0);
    assert_int_equal(size, 28);
    assert_true(bytes_equal(buf_bytes(&buf), bytes_of_str("checkpoint 28")));
    buf_reset(&buf);
    assert_int_equal(store_checkpoint(store, 6, &buf, &size, &error), E_NOT_FOUND);
    assert_int_equal(store_read(store, 40, &buf, NULL, &error), E_NOT_FOUND);
    assert_int_equal(store_read(store, UINT64_MAX, &buf, NULL, &error), E_NOT_FOUND);
    buf_fini(&buf);
    store_close(store);
}

static void makes_proofs_from_stored_nodes(void **state)
{
    struct store *store = open_store(*state);
    struct merkle_frontier frontier, loaded;
    struct error error = {0};
    uint8_t root[32], again[32], leaf[32];
    merkle_frontier_init(&frontier);
    fill(store, &frontier, 0, 45);
    struct merkle_reader reader = store_merkle_reader(store);
    merkle_frontier_root(&frontier, root);
    assert_int_equal(merkle_root_at(&reader, 45, again, &error), 0);
    assert_memory_equal(root, again, 32);
    assert_int_equal(merkle_frontier_load(&reader, 45, &loaded, &error), 0);
    for (uint64_t i = 0; i < 45; i++) {
        struct merkle_proof proof;
        char text[1024];
        merkle_leaf_hash(bytes_of(text, record_text(i, text, sizeof text)), leaf);
        assert_int_equal(merkle_prove_inclusion(&reader, i, 45, &proof, &error), 0);
        assert_int_equal(merkle_verify_inclusion(leaf, i, 45, &proof, root, &error), 0);
    }
    struct merkle_proof proof;
    assert_int_equal(merkle_prove_inclusion(&reader, 50, 64, &proof, &error), E_NOT_FOUND);
    store_close(store);
}

static void refuses_another_size_and_writes_nothing(void **state)
{
    struct store *store = open_store(*state);
    struct merkle_frontier frontier;
    struct error error = {0};
    merkle_frontier_init(&frontier);
    fill(store, &frontier, 0, 3);
    assert_int_equal(append_some(store, &frontier, 2, 1, &error), E_STORE_SIZE);
    assert_int_equal(append_some(store, &frontier, 4, 1, &error), E_STORE_SIZE);
    assert_int_equal(size_of(store), 3);
    /* It was a refusal: the handle goes on. */
    merkle_frontier_init(&frontier);
    store_close(store);
    store = open_store(*state);
    assert_int_equal(check_all(store), 3);
    store_close(store);
}

static void admits_one_writer_and_many_readers(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place), *other = NULL, *reader = NULL;
    struct merkle_frontier frontier;
    struct error error = {0};
    merkle_frontier_init(&frontier);
    assert_int_equal(store_open(place->path, &other, &error), E_STORE_LOCKED);
    assert_null(other);
    assert_int_equal(store_open_read(place->path, false, &reader, &error), 0);
    fill(store, &frontier, 0, 9);
    assert_int_equal(size_of(reader), 9);
    assert_int_equal(check_all(reader), 9);
    fill(store, &frontier, 9, 60);
    assert_int_equal(size_of(reader), 69);
    assert_int_equal(store_idle(store, &error), 0);
    assert_int_equal(check_all(reader), 69);
    store_close(reader);
    store_close(store);
    store = open_store(place);
    store_close(store);
}

static void reads_a_copy_without_writing_beside_it(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place), *reader = NULL;
    struct merkle_frontier frontier;
    struct error error = {0};
    char backup[160], beside[176];
    struct stat status;
    merkle_frontier_init(&frontier);
    fill(store, &frontier, 0, 30);
    /* The newest records stand in the WAL only. */
    assert_int_equal(store_open_read(place->path, true, &reader, &error), E_BAD_VALUE);
    (void)snprintf(backup, sizeof backup, "%s/backup.db", place->folder);
    assert_int_equal(store_backup(store, backup, &error), 0);
    assert_int_equal(store_backup(store, backup, &error), E_IO);
    assert_int_equal(chmod(backup, 0400), 0);
    assert_int_equal(store_open_read(backup, true, &reader, &error), 0);
    assert_int_equal(check_all(reader), 30);
    store_close(reader);
    (void)snprintf(beside, sizeof beside, "%s-shm", backup);
    assert_int_not_equal(stat(beside, &status), 0);
    (void)snprintf(beside, sizeof beside, "%s-wal", backup);
    assert_int_not_equal(stat(beside, &status), 0);
    store_close(store);
}

static bool file_has(const char *path, const char *text)
{
    FILE *file = fopen(path, "rb");
    if (!file) return false;
    static char data[4 * 1024 * 1024];
    size_t len = fread(data, 1, sizeof data, file);
    (void)fclose(file);
    return memmem(data, len, text, strlen(text)) != NULL;
}

static void erases_a_blob_for_good_and_keeps_the_record(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place);
    struct error error = {0};
    struct buf buf = {0};
    char wal[160];
    struct bytes blobs[2] = {bytes_of_str("to-be-erased-4711"), bytes_of_str("stays-here-4712")};
    struct store_record record = {.bytes = bytes_of_str("r"),
                                  .hashes = bytes_of_str("0123456789abcdef0123456789abcdef"),
                                  .blobs = blobs,
                                  .blob_count = 2};
    (void)snprintf(wal, sizeof wal, "%s-wal", place->path);
    assert_int_equal(store_append(store, 0, &record, 1, bytes_of_str("c"), &error), 0);
    assert_true(file_has(wal, "to-be-erased-4711"));
    assert_int_equal(store_blob_erase(store, 0, 0, &error), 0);
    assert_false(file_has(wal, "to-be-erased-4711"));
    assert_false(file_has(place->path, "to-be-erased-4711"));
    assert_true(file_has(place->path, "stays-here-4712"));
    assert_int_equal(store_blob(store, 0, 0, &buf, &error), E_NOT_FOUND);
    assert_int_equal(store_blob(store, 0, 1, &buf, &error), 0);
    assert_int_equal(store_blob_erase(store, 0, 0, &error), E_NOT_FOUND);
    assert_int_equal(size_of(store), 1);
    buf_fini(&buf);
    store_close(store);
}

static void write_file(const char *path, const char *text, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void refuses_what_is_no_journal(void **state)
{
    struct place *place = *state;
    struct store *store = NULL;
    struct error error = {0};
    char text[8192];
    memset(text, 'x', sizeof text);
    write_file(place->path, text, sizeof text);
    assert_int_equal(store_open(place->path, &store, &error), E_JOURNAL_CORRUPT);
    assert_int_equal(store_open_read(place->path, true, &store, &error), E_JOURNAL_CORRUPT);
    assert_int_equal(unlink(place->path), 0);
    sql(place->path, "CREATE TABLE records(x)");
    assert_int_equal(store_open(place->path, &store, &error), E_JOURNAL_CORRUPT);
    assert_null(store);
}

static void refuses_a_newer_version(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place);
    struct error error = {0};
    store_close(store);
    store = NULL;
    sql(place->path, "UPDATE meta SET value = '2' WHERE key = 'version'");
    assert_int_equal(store_open(place->path, &store, &error), E_STORE_VERSION);
    assert_int_equal(store_open_read(place->path, false, &store, &error), E_STORE_VERSION);
    assert_null(store);
}

static void names_a_missing_record(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place);
    struct merkle_frontier frontier;
    struct walked walked = {0};
    struct error error = {0};
    merkle_frontier_init(&frontier);
    merkle_frontier_init(&walked.frontier);
    fill(store, &frontier, 0, 12);
    store_close(store);
    sql(place->path, "DELETE FROM records WHERE seq = 5");
    store = open_store(place);
    assert_int_equal(store_walk(store, 0, check_record, &walked, &error), E_JOURNAL_CORRUPT);
    assert_non_null(strstr(error.detail, "record 5"));
    assert_int_equal(walked.next, 5);
    store_close(store);
}

static void passes_on_no_record_that_the_disk_changed(void **state)
{
    struct place *place = *state;
    struct store *store = open_store(place);
    struct merkle_frontier frontier;
    struct buf buf = {0}, whole = {0};
    struct error error = {0};
    merkle_frontier_init(&frontier);
    fill(store, &frontier, 0, 8);
    assert_int_equal(store_read_intact(store, 5, &buf, &error), 0);
    assert_int_equal(store_read(store, 5, &whole, NULL, &error), 0);
    assert_true(bytes_equal(buf_bytes(&buf), buf_bytes(&whole)));
    assert_int_equal(store_read_intact(store, 8, &buf, &error), E_NOT_FOUND);
    store_close(store);

    sql(place->path, "UPDATE records SET bytes = CAST(bytes || x'00' AS BLOB) WHERE seq = 5");
    sql(place->path, "UPDATE records SET hashes = x'00' WHERE seq = 6");
    store = open_store(place);
    buf_reset(&buf);
    assert_int_equal(store_read_intact(store, 5, &buf, &error), E_JOURNAL_CORRUPT);
    assert_int_equal(store_read_intact(store, 6, &buf, &error), E_JOURNAL_CORRUPT);
    assert_int_equal(buf.len, 0);
    assert_int_equal(store_read_intact(store, 4, &buf, &error), 0);
    buf_fini(&buf);
    buf_fini(&whole);
    store_close(store);
}

static void says_that_the_disk_is_full_and_dies(void **state)
{
    struct place *place = *state;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = NULL;
        struct merkle_frontier frontier;
        struct error error = {0};
        struct rlimit limit = {256 * 1024, 256 * 1024};
        (void)signal(SIGXFSZ, SIG_IGN);
        merkle_frontier_init(&frontier);
        if (store_open(place->path, &store, &error) != 0) _exit(1);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
        int r = 0;
        uint64_t from = 0;
        for (; r == 0 && from < 100000; from += 32)
            r = append_some(store, &frontier, from, 32, &error);
        /* The kernel's own limit is no ENOSPC: some writes get the one, some the other. */
        if (r != E_DISK_FULL && r != E_IO) {
            (void)fprintf(stderr, "%s: %s\n", error_name(r), error.detail);
            _exit(3);
        }
        if (append_some(store, &frontier, from - 32, 32, &error) != E_IO) _exit(4);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    /* Whatever was acknowledged is whole. */
    struct store *store = open_store(place);
    uint64_t size = check_all(store);
    assert_true(size > 0);
    assert_int_equal(size % 32, 0);
    store_close(store);
}

/* The child appends and reports every durable size on a pipe; the parent kills it at any moment. */
static uint64_t append_until_killed(const struct place *place, unsigned round)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store *store = NULL;
        struct merkle_frontier frontier;
        struct error error = {0};
        uint64_t size = 0;
        (void)close(ends[0]);
        if (store_open(place->path, &store, &error) != 0) _exit(1);
        if (store_size(store, &size, &error) != 0) _exit(2);
        struct merkle_reader reader = store_merkle_reader(store);
        if (merkle_frontier_load(&reader, size, &frontier, &error) != 0) _exit(3);
        for (;; size += 5) {
            uint64_t durable = size + 5;
            if (append_some(store, &frontier, size, 5, &error) != 0) _exit(4);
            if (write(ends[1], &durable, sizeof durable) != sizeof durable) _exit(5);
        }
    }
    (void)close(ends[1]);
    uint64_t durable = 0;
    ssize_t got = 0;
    for (unsigned i = 0; i <= round; i++) {
        uint64_t size;
        got = read(ends[0], &size, sizeof size);
        if (got != sizeof size) break;
        durable = size;
    }
    assert_int_equal(got, sizeof durable);
    assert_int_equal(kill(pid, SIGKILL), 0);
    uint64_t size;
    while (read(ends[0], &size, sizeof size) == sizeof size) durable = size;
    (void)close(ends[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return durable;
}

static void loses_nothing_durable_when_killed(void **state)
{
    const struct place *place = *state;
    for (unsigned round = 0; round < 12; round++) {
        uint64_t durable = append_until_killed(place, round);
        struct store *store = open_store(place);
        uint64_t size = check_all(store);
        assert_true(size >= durable);
        assert_int_equal(size % 5, 0);
        store_close(store);
    }
}

/* kill -9 does not tell: what is in the page cache outlives a process, but not the power. */
static void an_append_has_synced_whatever_it_wrote(void **state)
{
    struct store *store = open_store(*state);
    struct merkle_frontier frontier;
    struct error error = {0};
    merkle_frontier_init(&frontier);
    assert_int_equal(disk_unsynced(), 0);
    for (uint64_t i = 0; i < 5; i++) {
        uint64_t before = disk_syncs();
        assert_int_equal(append_some(store, &frontier, i * 3, 3, &error), 0);
        assert_true(disk_syncs() > before);
        assert_int_equal(disk_unsynced(), 0);
    }
    /* Moving the WAL changes the file itself, which is synced before the WAL is used anew. */
    struct bytes blob = bytes_of_str("to be erased");
    struct store_record record = {.bytes = bytes_of_str("r"),
                                  .hashes = bytes_of_str("0123456789abcdef0123456789abcdef"),
                                  .blobs = &blob,
                                  .blob_count = 1};
    assert_int_equal(store_append(store, 15, &record, 1, bytes_of_str("c"), &error), 0);
    uint64_t before = disk_syncs();
    assert_int_equal(store_blob_erase(store, 15, 0, &error), 0);
    assert_true(disk_syncs() >= before + 2); /* the deletion, then the file */
    store_close(store);
}

static bool sync_fails_now;
static bool sync_fails(void)
{
    return sync_fails_now;
}

static void a_failed_sync_is_an_error_and_the_end_of_the_handle(void **state)
{
    struct store *store = open_store(*state);
    struct merkle_frontier frontier;
    struct error error = {0};
    merkle_frontier_init(&frontier);
    fill(store, &frontier, 0, 7);
    sync_fails_now = true;
    assert_int_equal(append_some(store, &frontier, 7, 1, &error), E_IO);
    sync_fails_now = false;
    /* The kernel may have forgotten what it could not write: nothing is tried again here. */
    assert_int_equal(append_some(store, &frontier, 7, 1, &error), E_IO);
    store_close(store);
    store = open_store(*state);
    assert_true(size_of(store) >= 7);
    store_close(store);
}

int main(void)
{
    disk_install(sync_fails);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_records_blobs_and_checkpoints_over_a_reopening, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(makes_proofs_from_stored_nodes, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_another_size_and_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(admits_one_writer_and_many_readers, setup, teardown),
        cmocka_unit_test_setup_teardown(reads_a_copy_without_writing_beside_it, setup, teardown),
        cmocka_unit_test_setup_teardown(erases_a_blob_for_good_and_keeps_the_record, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_newer_version, setup, teardown),
        cmocka_unit_test_setup_teardown(names_a_missing_record, setup, teardown),
        cmocka_unit_test_setup_teardown(passes_on_no_record_that_the_disk_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_append_has_synced_whatever_it_wrote, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_sync_is_an_error_and_the_end_of_the_handle, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(says_that_the_disk_is_full_and_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(loses_nothing_durable_when_killed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
