/* sqlite: a SQLite file opened the one way that keeps "written" true, and its errors as ours.
 *
 * WAL journal, synchronous=FULL: both set and read back, so that a build or a file system that does
 * not give them is refused (E_IO) and never used with less. The WAL is written through
 * sqlite_gather.h. Foreign keys on, schema not trusted,
 * cell sizes checked. The file is made with mode 0600. application_id says whose file it is,
 * user_version how old: steps missing at the end are run, each in its own transaction; a newer file
 * is refused.
 *
 * After E_IO, E_DISK_FULL or E_STORE_CORRUPT from a write or a commit: no retry on the same
 * handle. Close it, leave the process or stop accepting, open again. Impure. A handle belongs to
 * one thread at a time (SQLITE_OPEN_NOMUTEX). */
#ifndef PROTO_HOST_SQLITE_H
#define PROTO_HOST_SQLITE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"

struct sqlite_options {
    uint32_t application_id; /* not 0 */
    /* steps[i] brings user_version i to i + 1; step_count is the newest version. */
    const char *const *steps;
    size_t step_count;
    bool read_only;     /* nothing is made or stepped: an older version is E_STORE_VERSION too */
    bool immutable;     /* with read_only: nobody writes, no -wal is looked for (a copy on read-only
                           media) */
    bool exclusive;     /* one process only: locked for the life of the handle, E_STORE_LOCKED for
                           others, and no shared memory file */
    bool secure_delete; /* deleted content is overwritten */
    bool memory;        /* nothing on disk and nothing kept: for tests of what stands above */
    int page_bytes;     /* of a file that is made; 0 = SQLite's own choice */
    int busy_ms;        /* how long to wait for another's lock; 0 = not at all */
};

/* E_STORE_LOCKED, E_STORE_VERSION (newer, or another program's file), E_STORE_CORRUPT (no
 * database, damaged), E_NOT_FOUND (read_only), E_DISK_FULL, E_IO. Field: the path. */
int sqlite_open(const char *path, const struct sqlite_options *options, sqlite3 **ret_db,
                struct error *ret_error) MUST_USE;
/* Finalizes what is left and closes. NULL accepted. */
void sqlite_close(sqlite3 *db);

/* The code for a result of SQLite, with what it says in the detail; `what` (may be NULL) names the
 * operation. SQLITE_OK, ROW and DONE give 0. `db` may be NULL. */
int sqlite_result(sqlite3 *db, int result, const char *what, struct error *ret_error) MUST_USE;

int sqlite_exec(sqlite3 *db, const char *sql, struct error *ret_error) MUST_USE;
/* A statement kept for the life of the handle. The caller finalizes, or leaves it to sqlite_close.
 */
int sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_statement,
                   struct error *ret_error) MUST_USE;
/* One step; *ret_row (may be NULL when no row is wanted) says whether there is a row. On failure,
 * and after the last row, the statement is reset. */
int sqlite_step(sqlite3_stmt *statement, bool *ret_row, struct error *ret_error) MUST_USE;
/* Steps to the end, resets and clears bindings. */
int sqlite_run(sqlite3_stmt *statement, struct error *ret_error) MUST_USE;

/* Numbered from 1. Bytes are borrowed until the statement is reset; an empty view binds an empty
 * blob, not NULL. Our own statements: a failure to bind is a CHECK. */
void sqlite_bind_bytes(sqlite3_stmt *statement, int index, struct bytes bytes);
void sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* u64 as SQLite's 64-bit integer: above INT64_MAX is a CHECK. */
void sqlite_bind_u64(sqlite3_stmt *statement, int index, uint64_t value);
/* Numbered from 0. Borrowed until the next step or reset. A negative integer reads as 0. */
struct bytes sqlite_column_bytes(sqlite3_stmt *statement, int index);
const char *sqlite_column_str(sqlite3_stmt *statement, int index); /* never NULL */
uint64_t sqlite_column_u64(sqlite3_stmt *statement, int index);

#endif
