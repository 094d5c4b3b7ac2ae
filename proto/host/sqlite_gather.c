#include "proto/host/sqlite_gather.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A WAL file, or the file beside it that one connection alone has open; the system's own file
 * object follows it in SQLite's memory. */
struct gather_file {
    sqlite3_file base;
    unsigned char *held;
    int held_len;
    sqlite3_int64 held_at; /* offset of held[0] in the file */
    int failed;            /* of a checkpoint that has still to be told of it */
    /* Of the file as it is, read ahead of who reads one page behind the other; only of a file that
     * nobody else may change. */
    bool alone;
    unsigned char *ahead;
    int ahead_len;
    sqlite3_int64 ahead_at, read_end;
};

enum { FRAME_HEAD_LEN = 24 };

static sqlite3_vfs gather_vfs, gather_alone_vfs;
static sqlite3_vfs *system_vfs;
static pthread_once_t gather_once = PTHREAD_ONCE_INIT;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((struct gather_file *)(void *)file + 1);
}

static int flush(struct gather_file *file)
{
    if (file->held_len == 0) return SQLITE_OK;
    sqlite3_file *real = real_of(&file->base);
    int result = real->pMethods->xWrite(real, file->held, file->held_len, file->held_at);
    file->held_len = 0; /* after a failure the transaction is lost, and SQLite is told so */
    return result;
}

static int gather_close(sqlite3_file *base)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = flush(file);
    int closed = real->pMethods->xClose(real);
    free(file->held);
    free(file->ahead);
    file->held = file->ahead = NULL;
    return result ? result : closed;
}

/* What is wanted and what lies behind it. Short, or not readable: whoever reads what was wanted
 * alone will hear of it. */
static void read_ahead(struct gather_file *file, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(&file->base);
    sqlite3_int64 size = 0;
    file->ahead_len = 0;
    if (!file->ahead) file->ahead = (unsigned char *)malloc(GATHER_AHEAD_BYTES);
    if (!file->ahead || real->pMethods->xFileSize(real, &size) != SQLITE_OK || size <= at) return;
    int len = size - at < GATHER_AHEAD_BYTES ? (int)(size - at) : GATHER_AHEAD_BYTES;
    if (real->pMethods->xRead(real, file->ahead, len, at) != SQLITE_OK) return;
    file->ahead_at = at;
    file->ahead_len = len;
}

static bool have_ahead(const struct gather_file *file, int len, sqlite3_int64 at)
{
    return at >= file->ahead_at && at + len <= file->ahead_at + file->ahead_len;
}

static int gather_read(sqlite3_file *base, void *data, int len, sqlite3_int64 at)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = flush(file);
    /* After a full disk SQLite may keep what the transaction did before, and this may be lost. */
    if (result) return result == SQLITE_FULL ? SQLITE_IOERR_WRITE : result;
    bool follows = file->alone && at >= file->read_end && at - file->read_end <= FRAME_HEAD_LEN;
    file->read_end = at + len;
    if (follows && !have_ahead(file, len, at)) read_ahead(file, at);
    if (!have_ahead(file, len, at)) return real->pMethods->xRead(real, data, len, at);
    memcpy(data, file->ahead + (at - file->ahead_at), (size_t)len);
    return SQLITE_OK;
}

static int gather_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    bool follows = file->held_len > 0 && at == file->held_at + file->held_len;
    int result = SQLITE_OK;
    file->ahead_len = 0;
    if (!follows || file->held_len + len > GATHER_BYTES_MAX) result = flush(file);
    if (result) return result;
    if (!file->held) file->held = (unsigned char *)malloc(GATHER_BYTES_MAX);
    if (!file->held || len > GATHER_BYTES_MAX) return real->pMethods->xWrite(real, data, len, at);
    if (file->held_len == 0) file->held_at = at;
    memcpy(file->held + file->held_len, data, (size_t)len);
    file->held_len += len;
    return SQLITE_OK;
}

/* What a checkpoint wrote and lost: it is told once, and writes the same again the next time. */
static int take_failed(struct gather_file *file)
{
    int result = file->failed;
    file->failed = SQLITE_OK;
    return result;
}

static int gather_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = flush(file);
    if (!result) result = take_failed(file);
    file->ahead_len = 0;
    return result ? result : real->pMethods->xTruncate(real, size);
}

static int gather_sync(sqlite3_file *base, int flags)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = flush(file);
    if (!result) result = take_failed(file);
    return result ? result : real->pMethods->xSync(real, flags);
}

static int gather_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xFileSize(real, ret_size);
}

/* What was read before a lock was had may since have been changed by who had it. */
static int gather_lock(sqlite3_file *base, int level)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = real->pMethods->xLock(real, level);
    file->ahead_len = 0;
    return result;
}

static int gather_unlock(sqlite3_file *base, int level)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    int result = flush(file);
    file->ahead_len = 0;
    int unlocked = real->pMethods->xUnlock(real, level);
    return result ? result : unlocked;
}

static int gather_check_lock(sqlite3_file *base, int *ret_held)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xCheckReservedLock(real, ret_held);
}

/* SQLite says by it that a checkpoint has written its pages, and looks at no answer: the cut or the
 * sync that makes them count says it. Where there is none, the checkpoint has failed before. */
static int gather_control(sqlite3_file *base, int op, void *arg)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    if (op == SQLITE_FCNTL_CKPT_START) file->failed = SQLITE_OK;
    if (op == SQLITE_FCNTL_CKPT_DONE) file->failed = flush(file);
    return real->pMethods->xFileControl(real, op, arg);
}

static int gather_sector(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xSectorSize(real);
}

static int gather_device(sqlite3_file *base)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xDeviceCharacteristics(real);
}

/* A WAL file is neither shared nor mapped, and neither is what one connection has to itself:
 * version 1 has all that is called. */
static const sqlite3_io_methods gather_methods = {
    .iVersion = 1,
    .xClose = gather_close,
    .xRead = gather_read,
    .xWrite = gather_write,
    .xTruncate = gather_truncate,
    .xSync = gather_sync,
    .xFileSize = gather_size,
    .xLock = gather_lock,
    .xUnlock = gather_unlock,
    .xCheckReservedLock = gather_check_lock,
    .xFileControl = gather_control,
    .xSectorSize = gather_sector,
    .xDeviceCharacteristics = gather_device,
};

static int gather_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                       int *ret_flags)
{
    int gathered =
        vfs == &gather_alone_vfs ? SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB : SQLITE_OPEN_WAL;
    if (!(flags & gathered)) return system_vfs->xOpen(system_vfs, name, base, flags, ret_flags);
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    *file = (struct gather_file){.alone = vfs == &gather_alone_vfs};
    memset(real, 0, (size_t)system_vfs->szOsFile);
    int result = system_vfs->xOpen(system_vfs, name, real, flags, ret_flags);
    /* SQLite closes what has methods, also after a failure. */
    if (real->pMethods) file->base.pMethods = &gather_methods;
    return result;
}

static void gather_register(void)
{
    /* Its figures of memory cost a lock at every allocation, and nobody asks for them. Refused, and
     * as well, where somebody else in the process has begun with it. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sqlite3_initialize() != SQLITE_OK) return;
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs) return;
    gather_vfs = *system_vfs;
    gather_vfs.zName = "leadbus-gather";
    gather_vfs.pNext = NULL;
    gather_vfs.szOsFile += (int)sizeof(struct gather_file);
    gather_vfs.xOpen = gather_open;
    gather_alone_vfs = gather_vfs;
    gather_alone_vfs.zName = "leadbus-gather-alone";
    if (sqlite3_vfs_register(&gather_vfs, 0) != SQLITE_OK ||
        sqlite3_vfs_register(&gather_alone_vfs, 0) != SQLITE_OK)
        system_vfs = NULL;
}

const char *sqlite_gather(void)
{
    (void)pthread_once(&gather_once, gather_register);
    return system_vfs ? gather_vfs.zName : NULL;
}

const char *sqlite_gather_alone(void)
{
    (void)pthread_once(&gather_once, gather_register);
    return system_vfs ? gather_alone_vfs.zName : NULL;
}
