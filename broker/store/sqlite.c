/* The store on SQLite. One connection writes and moves the WAL; readers have connections of their
 * own. docs/JOURNAL.md describes the file. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/store.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/sqlite.h"
#include "proto/host/sqlite_gather.h"

enum {
    STORE_APPLICATION_ID = 0x4c424a31, /* "LBJ1" */
    STORE_PAGE_BYTES = 4096,
    /* In idle moments the WAL is moved from here on, under load at the latest from there. */
    STORE_WAL_IDLE_PAGES = 64,
    STORE_WAL_FULL_PAGES = 8192,
    STORE_WAL_LARGE_PAGES = 16384, /* so large it is cut when it is empty */
    STORE_BUSY_MS = 2000,
    STORE_PATH_LEN_MAX = 1023,
};

enum store_statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_SIZE,
    STATEMENT_RECORD_PUT,
    STATEMENT_BLOB_PUT,
    STATEMENT_CHECKPOINT_PUT,
    STATEMENT_RECORD_GET,
    STATEMENT_HASHES_GET,
    STATEMENT_BLOB_GET,
    STATEMENT_BLOB_ERASE,
    STATEMENT_CHECKPOINT_GET,
    STATEMENT_COUNT,
};
static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_SIZE] = "SELECT max(seq) FROM records",
    [STATEMENT_RECORD_PUT] = "INSERT INTO records(seq, hashes, bytes) VALUES(?1, ?2, ?3)",
    [STATEMENT_BLOB_PUT] = "INSERT INTO blobs(id, bytes) VALUES(?1, ?2)",
    [STATEMENT_CHECKPOINT_PUT] = "INSERT OR REPLACE INTO checkpoints(size, note) VALUES(?1, ?2)",
    [STATEMENT_RECORD_GET] = "SELECT bytes, hashes FROM records WHERE seq = ?1",
    [STATEMENT_HASHES_GET] = "SELECT hashes FROM records WHERE seq = ?1",
    [STATEMENT_BLOB_GET] = "SELECT bytes FROM blobs WHERE id = ?1",
    [STATEMENT_BLOB_ERASE] = "DELETE FROM blobs WHERE id = ?1",
    [STATEMENT_CHECKPOINT_GET] =
        "SELECT size, note FROM checkpoints WHERE size <= ?1 ORDER BY size DESC LIMIT 1",
};

static const char schema_text[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE records(seq INTEGER PRIMARY KEY, hashes BLOB NOT NULL, bytes BLOB NOT NULL) "
    "STRICT;"
    "CREATE TABLE blobs(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE checkpoints(size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;"
    "INSERT INTO meta VALUES('format', 'leadbus journal');"
    "INSERT INTO meta VALUES('version', '1');";

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int lock_fd; /* -1: a reader */
    bool writer;
    bool dead; /* something went wrong on this handle: nothing is retried */
    int wal_pages;
};

/* ---- errors ------------------------------------------------------------------------------- */

static int failed(struct store *store, int result, const char *doing, struct error *ret_error)
{
    store->dead = true;
    int r = sqlite_result(store->db, result, doing, ret_error);
    if (r != E_STORE_CORRUPT) return r;
    if (ret_error) ret_error->code = E_JOURNAL_CORRUPT;
    return E_JOURNAL_CORRUPT;
}

static int is_dead(const struct store *store, struct error *ret_error)
{
    if (!store->dead) return 0;
    return error_say(ret_error, E_IO, "journal", "此前已出错，请重新启动",
                     "this handle has failed before; start again");
}

static int execute(struct store *store, const char *sql, struct error *ret_error)
{
    int r = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return r == SQLITE_OK ? 0 : failed(store, r, "statement", ret_error);
}

/* ---- opening ------------------------------------------------------------------------------ */

/* The first value of a one-row query as text; empty when there is no row. A pragma that changes
 * something has done it only once it has run to its end. */
static int query_text(struct store *store, const char *sql, char *ret_text, size_t cap,
                      struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    ret_text[0] = '\0';
    if (r == SQLITE_OK) r = sqlite3_step(statement);
    if (r == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        if (text) (void)snprintf(ret_text, cap, "%s", (const char *)text);
        r = sqlite3_step(statement);
    }
    int result = r == SQLITE_DONE ? 0 : failed(store, r, sql, ret_error);
    (void)sqlite3_finalize(statement);
    return result;
}

static int expect_text(struct store *store, const char *sql, const char *wanted,
                       struct error *ret_error)
{
    char text[64];
    int r = query_text(store, sql, text, sizeof text, ret_error);
    if (r != 0) return r;
    if (strcmp(text, wanted) == 0) return 0;
    return error_set(ret_error, E_IO, "journal", "%s gives %s, not %s", sql, text, wanted);
}

static int check_version(struct store *store, struct error *ret_error)
{
    char text[64];
    int r = query_text(store, "PRAGMA application_id", text, sizeof text, ret_error);
    if (r != 0) return r;
    if (strtol(text, NULL, 10) != STORE_APPLICATION_ID)
        return error_say(ret_error, E_JOURNAL_CORRUPT, "journal", "这个文件不是日志",
                         "this file is no journal");
    r = query_text(store, "SELECT value FROM meta WHERE key = 'version'", text, sizeof text,
                   ret_error);
    if (r != 0) return r;
    char *end;
    long version = strtol(text, &end, 10);
    if (end == text || *end != '\0' || version < 1)
        return error_say(ret_error, E_JOURNAL_CORRUPT, "journal", "版本“%s”", "version '%s'", text);
    if (version > STORE_VERSION)
        return error_say(ret_error, E_STORE_VERSION, "journal", "版本为 %ld，本程序只认到 %d",
                         "version %ld, known up to %d", version, STORE_VERSION);
    return 0;
}

static int prepare_all(struct store *store, struct error *ret_error)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        bool writes = i == STATEMENT_BEGIN || i == STATEMENT_COMMIT || i == STATEMENT_RECORD_PUT ||
                      i == STATEMENT_BLOB_PUT || i == STATEMENT_CHECKPOINT_PUT ||
                      i == STATEMENT_BLOB_ERASE;
        if (writes && !store->writer) continue;
        int r = sqlite3_prepare_v3(store->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                   &store->statements[i], NULL);
        if (r != SQLITE_OK) return failed(store, r, statement_texts[i], ret_error);
    }
    return 0;
}

static int sync_folder(const char *path, struct error *ret_error)
{
    char copy[STORE_PATH_LEN_MAX + 1];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? -1 : fsync(fd);
    int saved = errno;
    if (fd >= 0) (void)close(fd);
    if (r == 0) return 0;
    return file_said(ret_error, E_IO, path, NULL, saved);
}

/* The lock of the one writer, in a file of its own so that readers of this process and others are
 * not in its way. It belongs to the open file: a second handle of the same process is refused too.
 */
static int take_lock(const char *path, int *ret_fd, struct error *ret_error)
{
    char lock_path[STORE_PATH_LEN_MAX + 8];
    (void)snprintf(lock_path, sizeof lock_path, "%s-lock", path);
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return file_said(ret_error, E_IO, lock_path, NULL, errno);
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        *ret_fd = fd;
        return 0;
    }
    int saved = errno;
    (void)close(fd);
    if (saved == EWOULDBLOCK)
        return error_say(ret_error, E_STORE_LOCKED, "journal", "%s 已被占用", "%s is held",
                         lock_path);
    return file_said(ret_error, E_IO, lock_path, NULL, saved);
}

static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct store *store = ctx;
    (void)db;
    (void)name;
    store->wal_pages = pages;
    return SQLITE_OK;
}

/* Exactly once, in one transaction: a crash leaves an empty file, which is created anew. */
static int create_schema(struct store *store, const char *path, struct error *ret_error)
{
    char pragma[64];
    (void)snprintf(pragma, sizeof pragma, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    int r = execute(store, "BEGIN IMMEDIATE", ret_error);
    if (r == 0) r = execute(store, pragma, ret_error);
    if (r == 0) r = execute(store, schema_text, ret_error);
    if (r == 0) r = execute(store, "COMMIT", ret_error);
    if (r == 0) r = sync_folder(path, ret_error);
    return r;
}

static int open_writer(struct store *store, const char *path, struct error *ret_error)
{
    char tables[16], pragma[64];
    int r =
        query_text(store, "SELECT count(*) FROM sqlite_schema", tables, sizeof tables, ret_error);
    if (r != 0) return r;
    bool fresh = strcmp(tables, "0") == 0;
    if (!fresh) r = check_version(store, ret_error);
    (void)snprintf(pragma, sizeof pragma, "PRAGMA page_size = %d", STORE_PAGE_BYTES);
    if (r == 0 && fresh) r = execute(store, pragma, ret_error);
    if (r == 0) r = expect_text(store, "PRAGMA journal_mode = WAL", "wal", ret_error);
    if (r == 0)
        r = execute(store,
                    "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                    "PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
                    "PRAGMA cache_size = -4096; PRAGMA temp_store = MEMORY",
                    ret_error);
    if (r == 0) r = expect_text(store, "PRAGMA synchronous", "2", ret_error);
    if (r == 0 && fresh) r = create_schema(store, path, ret_error);
    (void)sqlite3_wal_hook(store->db, on_wal, store);
    /* What a crash left in the WAL is counted from here. */
    store->wal_pages = STORE_WAL_IDLE_PAGES;
    return r;
}

static struct store *store_new(void)
{
    struct store *store = calloc(1, sizeof *store);
    CHECK(store != NULL);
    store->lock_fd = -1;
    return store;
}

static int finish_open(struct store *store, int r, struct store **ret_store)
{
    if (r == 0) {
        *ret_store = store;
        return 0;
    }
    store_close(store);
    return r;
}

int store_open(const char *path, struct store **ret_store, struct error *ret_error)
{
    if (strlen(path) > STORE_PATH_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "journal", "路径超过 %d 字节",
                         "a path of more than %d bytes", STORE_PATH_LEN_MAX);
    struct store *store = store_new();
    store->writer = true;
    int r = take_lock(path, &store->lock_fd, ret_error);
    if (r != 0) return finish_open(store, r, ret_store);
    /* Made here for its permissions: SQLite gives its -wal and -shm the same. */
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        r = file_said(ret_error, E_IO, path, NULL, errno);
        return finish_open(store, r, ret_store);
    }
    (void)close(fd);
    int result = sqlite3_open_v2(
        path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        sqlite_gather());
    if (result != SQLITE_OK)
        r = failed(store, result, path, ret_error);
    else
        (void)sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    if (r == 0) r = error_in(ret_error, open_writer(store, path, ret_error), path);
    if (r == 0) r = error_in(ret_error, prepare_all(store, ret_error), path);
    return finish_open(store, r, ret_store);
}

/* A path as SQLite's URI takes it. */
static void uri_of(const char *path, bool immutable, struct buf *ret_uri)
{
    buf_append_str(ret_uri, "file:");
    for (const char *at = path; *at; at++) {
        if (*at == '?' || *at == '#' || *at == '%')
            buf_printf(ret_uri, "%%%02x", (unsigned)(unsigned char)*at);
        else
            buf_append(ret_uri, at, 1);
    }
    buf_append_str(ret_uri, immutable ? "?mode=ro&immutable=1" : "?mode=ro");
    buf_append_u8(ret_uri, 0);
}

/* An immutable file is read without its WAL: records that stand only there would seem cut off. */
static int check_no_wal(const char *path, struct error *ret_error)
{
    char wal_path[STORE_PATH_LEN_MAX + 8];
    struct stat status;
    (void)snprintf(wal_path, sizeof wal_path, "%s-wal", path);
    if (stat(wal_path, &status) != 0 || status.st_size == 0) return 0;
    return error_say(ret_error, E_BAD_VALUE, "journal",
                     "%s 中还有它的记录：两个文件须放在一起，且不以只读副本方式打开",
                     "%s holds records of it: keep both files together and open it not immutable",
                     wal_path);
}

int store_open_read(const char *path, bool immutable, struct store **ret_store,
                    struct error *ret_error)
{
    if (strlen(path) > STORE_PATH_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "journal", "路径超过 %d 字节",
                         "a path of more than %d bytes", STORE_PATH_LEN_MAX);
    if (access(path, R_OK) != 0) return file_said(ret_error, E_IO, path, NULL, errno);
    int r = immutable ? check_no_wal(path, ret_error) : 0;
    if (r != 0) return r;
    struct store *store = store_new();
    struct buf uri = {0};
    uri_of(path, immutable, &uri);
    int result = sqlite3_open_v2(
        (const char *)uri.data, &store->db,
        SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    buf_fini(&uri);
    if (result != SQLITE_OK)
        r = failed(store, result, path, ret_error);
    else
        (void)sqlite3_busy_timeout(store->db, STORE_BUSY_MS);
    if (r == 0) r = check_version(store, ret_error);
    if (r == 0) r = execute(store, "PRAGMA trusted_schema = OFF", ret_error);
    if (r == 0) r = prepare_all(store, ret_error);
    return finish_open(store, r, ret_store);
}

void store_close(struct store *store)
{
    if (!store) return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++) (void)sqlite3_finalize(store->statements[i]);
    (void)sqlite3_close(store->db);
    if (store->lock_fd >= 0) (void)close(store->lock_fd);
    free(store);
}

/* ---- writing ------------------------------------------------------------------------------ */

static sqlite3_stmt *statement_of(struct store *store, enum store_statement which)
{
    CHECK(store->statements[which] != NULL); /* a writer's call on a reader's handle */
    return store->statements[which];
}

static int step_done(struct store *store, enum store_statement which, struct error *ret_error)
{
    sqlite3_stmt *statement = statement_of(store, which);
    int r = sqlite3_step(statement);
    /* Before the reset, which clears the message. */
    int result = r == SQLITE_DONE ? 0 : failed(store, r, statement_texts[which], ret_error);
    (void)sqlite3_reset(statement);
    return result;
}

static int put_row(struct store *store, enum store_statement which, uint64_t key,
                   struct bytes first, struct bytes second, struct error *ret_error)
{
    sqlite3_stmt *statement = statement_of(store, which);
    /* An empty blob and not NULL where a view has no address. */
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)key);
    (void)sqlite3_bind_blob64(statement, 2, first.len ? (const void *)first.data : "", first.len,
                              SQLITE_STATIC);
    if (which == STATEMENT_RECORD_PUT)
        (void)sqlite3_bind_blob64(statement, 3, second.len ? (const void *)second.data : "",
                                  second.len, SQLITE_STATIC);
    int r = step_done(store, which, ret_error);
    (void)sqlite3_clear_bindings(statement);
    return r;
}

static int read_size(struct store *store, uint64_t *ret_size, struct error *ret_error)
{
    sqlite3_stmt *statement = statement_of(store, STATEMENT_SIZE);
    int r = sqlite3_step(statement), result = 0;
    if (r != SQLITE_ROW)
        result = failed(store, r, "size", ret_error);
    else
        *ret_size = sqlite3_column_type(statement, 0) == SQLITE_NULL
                        ? 0
                        : (uint64_t)sqlite3_column_int64(statement, 0) + 1;
    (void)sqlite3_reset(statement);
    return result;
}

static int append_rows(struct store *store, uint64_t expected_size,
                       const struct store_record *records, size_t count, struct bytes checkpoint,
                       struct error *ret_error)
{
    uint64_t size = 0;
    int r = read_size(store, &size, ret_error);
    if (r == 0 && size != expected_size)
        return error_say(ret_error, E_STORE_SIZE, "journal", "有 %llu 条记录，应为 %llu 条",
                         "%llu records, expected %llu", (unsigned long long)size,
                         (unsigned long long)expected_size);
    for (size_t i = 0; r == 0 && i < count; i++) {
        uint64_t seq = expected_size + i;
        CHECK(records[i].blob_count <= STORE_BLOB_COUNT_MAX);
        r = put_row(store, STATEMENT_RECORD_PUT, seq, records[i].hashes, records[i].bytes,
                    ret_error);
        for (size_t k = 0; r == 0 && k < records[i].blob_count; k++)
            r = put_row(store, STATEMENT_BLOB_PUT, seq * STORE_BLOB_COUNT_MAX + k,
                        records[i].blobs[k], (struct bytes){0}, ret_error);
    }
    if (r == 0 && checkpoint.len > 0)
        r = put_row(store, STATEMENT_CHECKPOINT_PUT, expected_size + count, checkpoint,
                    (struct bytes){0}, ret_error);
    return r;
}

static int move_wal(struct store *store, int mode, bool *ret_busy, struct error *ret_error)
{
    int log = 0, moved = 0;
    int r = sqlite3_wal_checkpoint_v2(store->db, "main", mode, &log, &moved);
    *ret_busy = r == SQLITE_BUSY || (r == SQLITE_OK && moved < log);
    if (r != SQLITE_OK && r != SQLITE_BUSY) return failed(store, r, "moving the WAL", ret_error);
    if (!*ret_busy) store->wal_pages = 0;
    return 0;
}

int store_append(struct store *store, uint64_t expected_size, const struct store_record *records,
                 size_t count, struct bytes checkpoint, struct error *ret_error)
{
    bool busy;
    int r = is_dead(store, ret_error);
    if (r == 0) r = step_done(store, STATEMENT_BEGIN, ret_error);
    if (r != 0) return r;
    r = append_rows(store, expected_size, records, count, checkpoint, ret_error);
    if (r == 0) r = step_done(store, STATEMENT_COMMIT, ret_error);
    if (r != 0) {
        /* The error that counts is the one already told. */
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        return r;
    }
    if (store->wal_pages >= STORE_WAL_FULL_PAGES)
        r = move_wal(store, SQLITE_CHECKPOINT_PASSIVE, &busy, ret_error);
    return r;
}

int store_idle(struct store *store, struct error *ret_error)
{
    bool busy;
    int r = is_dead(store, ret_error);
    if (r != 0 || store->wal_pages < STORE_WAL_IDLE_PAGES) return r;
    bool large = store->wal_pages >= STORE_WAL_LARGE_PAGES;
    r = move_wal(store, SQLITE_CHECKPOINT_PASSIVE, &busy, ret_error);
    if (r == 0 && large && !busy) r = move_wal(store, SQLITE_CHECKPOINT_TRUNCATE, &busy, ret_error);
    return r;
}

uint64_t store_wal_bytes(const struct store *store)
{
    return (uint64_t)store->wal_pages * STORE_PAGE_BYTES;
}

int store_blob_erase(struct store *store, uint64_t index, unsigned ordinal, struct error *ret_error)
{
    bool busy;
    int r = is_dead(store, ret_error);
    if (r != 0) return r;
    if (ordinal >= STORE_BLOB_COUNT_MAX)
        return error_set(ret_error, E_NOT_FOUND, "blob", "ordinal %u", ordinal);
    sqlite3_stmt *statement = statement_of(store, STATEMENT_BLOB_ERASE);
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)(index * STORE_BLOB_COUNT_MAX + ordinal));
    r = step_done(store, STATEMENT_BLOB_ERASE, ret_error);
    if (r != 0) return r;
    bool there = sqlite3_changes(store->db) > 0;
    /* Its old pages also stand in the WAL: gone only when that is cut, which is tried again when
     * a reader was in the way and the caller asks again. */
    r = move_wal(store, SQLITE_CHECKPOINT_TRUNCATE, &busy, ret_error);
    if (r != 0) return r;
    if (busy)
        return error_say(ret_error, E_BUSY, "blob", "仍有读取者占用 WAL，请再次删除",
                         "a reader still holds the WAL; erase again");
    if (!there)
        return error_set(ret_error, E_NOT_FOUND, "blob", "%llu/%u is not there",
                         (unsigned long long)index, ordinal);
    return 0;
}

int store_backup(struct store *store, const char *path, struct error *ret_error)
{
    sqlite3 *target = NULL;
    int r = is_dead(store, ret_error);
    if (r != 0) return r;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return file_said(ret_error, E_IO, path, NULL, errno);
    (void)close(fd);
    int result = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE, NULL);
    if (result == SQLITE_OK) {
        sqlite3_backup *backup = sqlite3_backup_init(target, "main", store->db, "main");
        if (backup) (void)sqlite3_backup_step(backup, -1);
        result = backup ? sqlite3_backup_finish(backup) : sqlite3_errcode(target);
    }
    if (result != SQLITE_OK) r = sqlite_result(target, result, path, ret_error);
    (void)sqlite3_close(target);
    if (r == 0) r = sync_folder(path, ret_error);
    if (r != 0) (void)unlink(path);
    return r;
}

/* ---- reading ------------------------------------------------------------------------------ */

static struct bytes column(sqlite3_stmt *statement, int i)
{
    const void *data = sqlite3_column_blob(statement, i);
    return bytes_of(data, (size_t)sqlite3_column_bytes(statement, i));
}

int store_size(struct store *store, uint64_t *ret_size, struct error *ret_error)
{
    int r = is_dead(store, ret_error);
    return r == 0 ? read_size(store, ret_size, ret_error) : r;
}

/* One row of a statement; the caller resets it. */
static int get_row(struct store *store, enum store_statement which, uint64_t key,
                   sqlite3_stmt **ret_statement, struct error *ret_error)
{
    int r = is_dead(store, ret_error);
    if (r != 0) return r;
    if (key > INT64_MAX) key = INT64_MAX;
    sqlite3_stmt *statement = statement_of(store, which);
    (void)sqlite3_bind_int64(statement, 1, (sqlite3_int64)key);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_statement = statement;
        return 0;
    }
    if (result == SQLITE_DONE)
        r = error_set(ret_error, E_NOT_FOUND, "journal", "%llu", (unsigned long long)key);
    else
        r = failed(store, result, statement_texts[which], ret_error);
    (void)sqlite3_reset(statement);
    return r;
}

int store_read(struct store *store, uint64_t index, struct buf *ret_bytes, struct buf *ret_hashes,
               struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = get_row(store, STATEMENT_RECORD_GET, index, &statement, ret_error);
    if (r != 0) return r;
    buf_append_bytes(ret_bytes, column(statement, 0));
    if (ret_hashes) buf_append_bytes(ret_hashes, column(statement, 1));
    (void)sqlite3_reset(statement);
    return 0;
}

int store_read_intact(struct store *store, uint64_t index, struct buf *ret_bytes,
                      struct error *ret_error)
{
    struct buf bytes = {0}, hashes = {0};
    uint8_t leaf[32];
    int r = store_read(store, index, &bytes, &hashes, ret_error);
    if (r == 0) merkle_leaf_hash(buf_bytes(&bytes), leaf);
    if (r == 0 && (hashes.len < sizeof leaf || memcmp(hashes.data, leaf, sizeof leaf) != 0))
        r = error_say(ret_error, E_JOURNAL_CORRUPT, "journal", "记录 %llu 与哈希不符",
                      "record %llu is not the hashed one", (unsigned long long)index);
    if (r == 0) buf_append_bytes(ret_bytes, buf_bytes(&bytes));
    buf_fini(&bytes);
    buf_fini(&hashes);
    return r;
}

int store_walk(struct store *store, uint64_t from,
               int (*each)(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes),
               void *ctx, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int result = is_dead(store, ret_error);
    if (result != 0) return result;
    int r = sqlite3_prepare_v2(
        store->db, "SELECT seq, bytes, hashes FROM records WHERE seq >= ?1 ORDER BY seq", -1,
        &statement, NULL);
    if (r == SQLITE_OK)
        r = sqlite3_bind_int64(statement, 1, from > INT64_MAX ? INT64_MAX : (sqlite3_int64)from);
    while (r == SQLITE_OK || r == SQLITE_ROW) {
        r = sqlite3_step(statement);
        if (r != SQLITE_ROW) break;
        uint64_t seq = (uint64_t)sqlite3_column_int64(statement, 0);
        if (seq != from)
            result = error_say(ret_error, E_JOURNAL_CORRUPT, "journal", "缺少记录 %llu",
                               "record %llu is missing", (unsigned long long)from);
        else
            result = each(ctx, seq, column(statement, 1), column(statement, 2));
        if (result != 0) break;
        from++;
    }
    if (result == 0 && r != SQLITE_DONE) result = failed(store, r, "walking records", ret_error);
    (void)sqlite3_finalize(statement);
    return result;
}

int store_blob(struct store *store, uint64_t index, unsigned ordinal, struct buf *ret_bytes,
               struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    if (ordinal >= STORE_BLOB_COUNT_MAX || index > INT64_MAX / STORE_BLOB_COUNT_MAX)
        return error_set(ret_error, E_NOT_FOUND, "blob", "ordinal %u", ordinal);
    int r = get_row(store, STATEMENT_BLOB_GET, index * STORE_BLOB_COUNT_MAX + ordinal, &statement,
                    ret_error);
    if (r != 0) return r;
    buf_append_bytes(ret_bytes, column(statement, 0));
    (void)sqlite3_reset(statement);
    return 0;
}

int store_checkpoint(struct store *store, uint64_t size_max, struct buf *ret_note,
                     uint64_t *ret_size, struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int r = get_row(store, STATEMENT_CHECKPOINT_GET, size_max, &statement, ret_error);
    if (r != 0) return r;
    if (ret_size) *ret_size = (uint64_t)sqlite3_column_int64(statement, 0);
    buf_append_bytes(ret_note, column(statement, 1));
    (void)sqlite3_reset(statement);
    return 0;
}

int store_checkpoint_walk(struct store *store,
                          int (*each)(void *ctx, uint64_t size, struct bytes note), void *ctx,
                          struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int result = is_dead(store, ret_error);
    if (result != 0) return result;
    int r = sqlite3_prepare_v2(store->db, "SELECT size, note FROM checkpoints ORDER BY size", -1,
                               &statement, NULL);
    while (result == 0 && (r == SQLITE_OK || r == SQLITE_ROW)) {
        r = sqlite3_step(statement);
        if (r == SQLITE_ROW)
            result = each(ctx, (uint64_t)sqlite3_column_int64(statement, 0), column(statement, 1));
    }
    if (result == 0 && r != SQLITE_DONE)
        result = failed(store, r, "walking checkpoints", ret_error);
    (void)sqlite3_finalize(statement);
    return result;
}

static int read_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    struct store *store = ctx;
    sqlite3_stmt *statement = NULL;
    uint64_t row;
    size_t offset;
    merkle_node_place(level, index, &row, &offset);
    int r = get_row(store, STATEMENT_HASHES_GET, row, &statement, NULL);
    if (r != 0) return r;
    struct bytes hashes = column(statement, 0);
    if (hashes.len < offset + 32)
        r = E_JOURNAL_CORRUPT;
    else
        memcpy(ret_hash, hashes.data + offset, 32);
    (void)sqlite3_reset(statement);
    return r;
}

struct merkle_reader store_merkle_reader(struct store *store)
{
    return (struct merkle_reader){read_node, store};
}
