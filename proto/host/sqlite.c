#include "proto/host/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/sqlite_gather.h"

static int code_of(int result)
{
    switch (result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return 0;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return E_STORE_LOCKED;
    case SQLITE_FULL: return E_DISK_FULL;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return E_STORE_CORRUPT;
    case SQLITE_NOMEM: return E_NO_MEMORY;
    default: return E_IO;
    }
}

int sqlite_result(sqlite3 *db, int result, const char *what, struct error *ret_error)
{
    int code = code_of(result);
    if (code == 0) return 0;
    /* A disk quota shows as a failed write. */
    int number = db ? sqlite3_system_errno(db) : 0;
    if (result == SQLITE_IOERR_WRITE && (number == ENOSPC || number == EDQUOT)) code = E_DISK_FULL;
    return error_set(ret_error, code, "", "%s%ssqlite %d: %s", what ? what : "", what ? ": " : "",
                     result, db ? sqlite3_errmsg(db) : sqlite3_errstr(result));
}

int sqlite_exec(sqlite3 *db, const char *sql, struct error *ret_error)
{
    return sqlite_result(db, sqlite3_exec(db, sql, NULL, NULL, NULL), NULL, ret_error);
}

int sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement,
                   struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL);
    if (result != SQLITE_OK) return sqlite_result(db, result, sql, ret_error);
    *ret_statement = statement;
    return 0;
}

int sqlite_step(sqlite3_stmt *statement, bool *ret_row, struct error *ret_error)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        if (ret_row) *ret_row = true;
        return 0;
    }
    int rc = 0;
    if (result != SQLITE_DONE)
        rc = sqlite_result(sqlite3_db_handle(statement), result, sqlite3_sql(statement), ret_error);
    (void)sqlite3_reset(statement);
    if (rc == 0 && ret_row) *ret_row = false;
    return rc;
}

int sqlite_run(sqlite3_stmt *statement, struct error *ret_error)
{
    bool row = true;
    int rc = 0;
    while (rc == 0 && row) rc = sqlite_step(statement, &row, ret_error);
    (void)sqlite3_clear_bindings(statement);
    return rc;
}

void sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct bytes bytes)
{
    const void *data = bytes.len ? (const void *)bytes.data : "";
    CHECK(sqlite3_bind_blob64(statement, index, data, bytes.len, SQLITE_STATIC) == SQLITE_OK);
}

void sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    CHECK(sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC) == SQLITE_OK);
}

void sqlite_bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
    CHECK(value <= INT64_MAX);
    CHECK(sqlite3_bind_int64(statement, index, (sqlite3_int64)value) == SQLITE_OK);
}

struct bytes sqlite_column_bytes(sqlite3_stmt *statement, int index)
{
    const void *data = sqlite3_column_blob(statement, index);
    return bytes_of(data, (size_t)sqlite3_column_bytes(statement, index));
}

const char *sqlite_column_str(sqlite3_stmt *statement, int index)
{
    const unsigned char *text = sqlite3_column_text(statement, index);
    return text ? (const char *)text : "";
}

uint64_t sqlite_column_u64(sqlite3_stmt *statement, int index)
{
    sqlite3_int64 value = sqlite3_column_int64(statement, index);
    return value < 0 ? 0 : (uint64_t)value;
}

/* ---- opening */

/* The first column of the only row, as text. A pragma that changes something has done it only once
 * it has run to its end. */
static int read_pragma(sqlite3 *db, const char *sql, char *ret_text, size_t size,
                       struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    int rc = sqlite_prepare(db, sql, &statement, ret_error);
    if (rc == 0) rc = sqlite_step(statement, &row, ret_error);
    if (rc == 0) (void)snprintf(ret_text, size, "%s", row ? sqlite_column_str(statement, 0) : "");
    if (rc == 0 && row) rc = sqlite_step(statement, &row, ret_error);
    (void)sqlite3_finalize(statement);
    return rc;
}

static int expect_pragma(sqlite3 *db, const char *sql, const char *wanted, struct error *ret_error)
{
    char text[64] = "";
    int rc = read_pragma(db, sql, text, sizeof text, ret_error);
    if (rc == 0 && strcmp(text, wanted) != 0)
        rc = error_set(ret_error, E_IO, "", "%s is %s, not %s", sql, text, wanted);
    return rc;
}

static int read_number(sqlite3 *db, const char *sql, int64_t *ret, struct error *ret_error)
{
    char text[64] = "";
    int rc = read_pragma(db, sql, text, sizeof text, ret_error);
    long long number = 0;
    if (rc == 0 && sscanf(text, "%lld", &number) == 1) *ret = number;
    return rc;
}

static int set_up(sqlite3 *db, const struct sqlite_options *options, struct error *ret_error)
{
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, options->busy_ms);
    int rc = sqlite_exec(db,
                         "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
                         "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;",
                         ret_error);
    if (rc == 0 && options->exclusive)
        rc = sqlite_exec(db, "PRAGMA locking_mode=EXCLUSIVE", ret_error);
    if (rc == 0 && options->secure_delete)
        rc = sqlite_exec(db, "PRAGMA secure_delete=ON", ret_error);
    if (rc == 0 && options->page_bytes) {
        char pragma[64];
        (void)snprintf(pragma, sizeof pragma, "PRAGMA page_size=%d", options->page_bytes);
        rc = sqlite_exec(db, pragma, ret_error);
    }
    if (rc == 0 && !options->read_only && !options->memory) {
        rc = expect_pragma(db, "PRAGMA journal_mode=WAL", "wal", ret_error);
        if (rc == 0) rc = sqlite_exec(db, "PRAGMA synchronous=FULL", ret_error);
        if (rc == 0) rc = expect_pragma(db, "PRAGMA synchronous", "2", ret_error);
    }
    return rc;
}

static int run_step(sqlite3 *db, const struct sqlite_options *options, size_t step,
                    struct error *ret_error)
{
    char pragmas[128];
    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id=%d; PRAGMA user_version=%zu",
                   (int)options->application_id, step + 1);
    int rc = sqlite_exec(db, "BEGIN IMMEDIATE", ret_error);
    if (rc < 0) return rc;
    rc = sqlite_exec(db, options->steps[step], ret_error);
    if (rc == 0) rc = sqlite_exec(db, pragmas, ret_error);
    if (rc == 0) rc = sqlite_exec(db, "COMMIT", ret_error);
    if (rc < 0 && !sqlite3_get_autocommit(db)) (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

static int check_version(sqlite3 *db, const struct sqlite_options *options, struct error *ret_error)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t objects = 0;
    int rc = read_number(db, "PRAGMA application_id", &id, ret_error);
    if (rc == 0) rc = read_number(db, "PRAGMA user_version", &version, ret_error);
    if (rc == 0) rc = read_number(db, "SELECT count(*) FROM sqlite_master", &objects, ret_error);
    if (rc < 0) return rc;
    bool fresh = id == 0 && version == 0 && objects == 0;
    if (!fresh && (uint32_t)id != options->application_id)
        return error_say(ret_error, E_STORE_VERSION, "",
                         "是其他程序的文件（application_id 为 %08x，应为 %08x）",
                         "application_id is %08x, not %08x: another program's file", (unsigned)id,
                         (unsigned)options->application_id);
    if (version < 0 || (uint64_t)version > options->step_count)
        return error_say(ret_error, E_STORE_VERSION, "", "版本为 %lld，本程序只认到 %zu",
                         "version %lld, this program knows %zu", (long long)version,
                         options->step_count);
    if (options->read_only && (uint64_t)version < options->step_count)
        return error_say(ret_error, E_STORE_VERSION, "", "版本 %lld 早于 %zu，而只读方式不能升级",
                         "version %lld is older than %zu and is opened for reading only",
                         (long long)version, options->step_count);
    for (size_t i = (size_t)version; rc == 0 && i < options->step_count; i++)
        rc = run_step(db, options, i, ret_error);
    return rc;
}

/* SQLite makes files with mode 0644 and gives -wal and -shm the mode of the database. */
static int make_file(const char *path, struct error *ret_error)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return file_said(ret_error, errno == ENOSPC || errno == EDQUOT ? E_DISK_FULL : E_IO, path,
                         "open", errno);
    close(fd);
    return 0;
}

static void uri_of(const char *path, bool immutable, struct buf *uri)
{
    buf_append_str(uri, "file:");
    for (const char *at = path; *at; at++) {
        if (*at == '%' || *at == '?' || *at == '#')
            buf_printf(uri, "%%%02X", (unsigned char)*at);
        else
            buf_append_u8(uri, (uint8_t)*at);
    }
    if (immutable) buf_append_str(uri, "?immutable=1");
    buf_append_u8(uri, 0);
}

int sqlite_open(const char *path, const struct sqlite_options *options, sqlite3 **ret_db,
                struct error *ret_error)
{
    int rc = 0;
    struct error error = {0};
    sqlite3 *db = NULL;
    struct buf uri = {0};
    CHECK(options->application_id != 0);
    CHECK(!options->immutable || options->read_only);
    bool was_there = options->memory || file_exists(path);
    if (options->read_only && !was_there)
        return error_say(ret_error, E_NOT_FOUND, path, "没有这个文件", "no such file");
    if (!options->read_only && !options->memory) rc = make_file(path, &error);
    if (rc < 0) goto out;
    uri_of(options->memory ? ":memory:" : path, options->immutable, &uri);
    int flags = options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    int result =
        sqlite3_open_v2((const char *)uri.data, &db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        options->exclusive ? sqlite_gather_alone() : sqlite_gather());
    rc = sqlite_result(db, result, "open", &error);
    if (rc == 0) rc = set_up(db, options, &error);
    if (rc == 0) rc = check_version(db, options, &error);
    /* The name of a file that was just made must outlive a crash. */
    if (rc == 0 && !was_there) {
        struct buf folder = {0};
        file_folder_of(path, &folder);
        rc = file_sync_folder((const char *)folder.data, &error);
        buf_fini(&folder);
    }
out:
    buf_fini(&uri);
    if (rc < 0) {
        sqlite_close(db);
        return error_carry(ret_error, rc, path, &error);
    }
    *ret_db = db;
    return 0;
}

void sqlite_close(sqlite3 *db)
{
    if (!db) return;
    sqlite3_stmt *statement = NULL;
    while ((statement = sqlite3_next_stmt(db, NULL)) != NULL) (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
}
