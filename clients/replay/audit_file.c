/* What the file itself must be: nothing beside the tables of a journal, no row that no record owns,
 * no write-ahead log. docs/JOURNAL.md describes the tables. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clients/replay/audit_inner.h"

#include "proto/host/file.h"

int audit_check_kind(const char *path, struct error *ret_error)
{
    enum { MARK_AT = 68, HEAD_LEN = 72 }; /* fileformat2.html: "Application ID" */
    static const uint8_t magic[16] = "SQLite format 3";
    uint8_t head[HEAD_LEN] = {0};
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
    FILE *file = fopen(path, "rbe");
    if (file == NULL) return 0;
    bool whole = fread(head, 1, sizeof head, file) == sizeof head;
    (void)fclose(file);
    if (whole && memcmp(head, magic, sizeof magic) == 0 && memcmp(head + MARK_AT, "LBJ1", 4) == 0)
        return 0;
    return error_say(ret_error, E_BAD_FORM, path, "不是日志，也不是日志的备份",
                     "not a journal, nor a backup of one");
}

int audit_check_copy(const char *path, struct error *ret_error)
{
    char wal[4096];
    struct stat status;
    int len = snprintf(wal, sizeof wal, "%s-wal", path);
    if (len < 0 || (size_t)len >= sizeof wal)
        return error_say(ret_error, E_IO, NULL, "路径过长", "the path is too long");
    if (stat(path, &status) != 0) return file_said(ret_error, E_IO, path, NULL, errno);
    if (stat(wal, &status) == 0 && status.st_size > 0)
        return error_say(ret_error, E_STORE_LOCKED, NULL,
                         "%s 不是空的：请先正常停止总线服务，或做一份备份，再审计副本",
                         "%s is not empty: stop the broker cleanly or make a backup, and audit "
                         "the copy",
                         wal);
    return 0;
}

static void uri_of(const char *path, struct buf *ret_uri)
{
    buf_append_str(ret_uri, "file:");
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '?' || *at == '#' || *at == '%')
            buf_printf(ret_uri, "%%%02x", (unsigned)(unsigned char)*at);
        else
            buf_append(ret_uri, at, 1);
    }
    buf_append_str(ret_uri, "?mode=ro&immutable=1");
    buf_append_u8(ret_uri, 0);
}

/* The one value of a query, compared with what it must be. */
static int expect(sqlite3 *db, const char *sql, const char *wanted, const char *place,
                  struct error *ret_error)
{
    sqlite3_stmt *statement = NULL;
    int code = 0;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        code = error_set(ret_error, E_JOURNAL_CORRUPT, place, "%s", sqlite3_errmsg(db));
    const char *found = code == 0 ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (code == 0 && found == NULL)
        code = error_say(ret_error, E_JOURNAL_CORRUPT, place, "没有，应为 %.100s",
                         "nothing instead of %.100s", wanted);
    if (code == 0 && strcmp(found, wanted) != 0)
        code = error_say(ret_error, E_JOURNAL_CORRUPT, place, "为 %.100s，应为 %.100s",
                         "%.100s instead of %.100s", found, wanted);
    sqlite3_finalize(statement);
    return code;
}

static int expect_count(sqlite3 *db, const char *sql, uint64_t wanted, const char *place,
                        struct error *ret_error)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)wanted);
    return expect(db, sql, text, place, ret_error);
}

int audit_check_file(const struct audit *audit, struct error *ret_error)
{
    const struct audit_totals *totals = &audit->totals;
    struct buf uri = {0};
    sqlite3 *db = NULL;
    int code = 0;
    uri_of(audit->options->path, &uri);
    if (sqlite3_open_v2((const char *)uri.data, &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                        NULL) != SQLITE_OK)
        code = error_set(ret_error, E_IO, "journal", "%s", sqlite3_errmsg(db));
    if (code == 0)
        code = expect(db,
                      "SELECT group_concat(name) FROM (SELECT name FROM sqlite_schema WHERE name "
                      "NOT LIKE 'sqlite_autoindex%' ORDER BY name)",
                      "blobs,checkpoints,meta,records", "tables", ret_error);
    if (code == 0)
        code = expect(db,
                      "SELECT group_concat(key || '=' || value) FROM (SELECT * FROM meta "
                      "ORDER BY key)",
                      "format=leadbus journal,version=1", "meta", ret_error);
    if (code == 0)
        code = expect_count(db, "SELECT count(*) FROM records", totals->size, "records", ret_error);
    if (code == 0)
        code = expect_count(db, "SELECT count(*) FROM blobs", totals->blobs, "blobs", ret_error);
    if (code == 0) code = expect(db, "PRAGMA integrity_check", "ok", "journal", ret_error);
    sqlite3_close(db);
    buf_fini(&uri);
    return code;
}
