#include "proto/host/sqlite_gather.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A WAL file; the system's own file object follows it in SQLite's memory. */
struct gather_file {
    sqlite3_file base;
    unsigned char *held;
    int held_len;
    sqlite3_int64 held_at; /* offset of held[0] in the file */
};

static sqlite3_vfs gather_vfs;
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
    file->held = NULL;
    return result ? result : closed;
}

static int gather_read(sqlite3_file *base, void *data, int len, sqlite3_int64 at)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xRead(real, data, len, at);
}

static int gather_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    bool follows = file->held_len > 0 && at == file->held_at + file->held_len;
    int result = SQLITE_OK;
    if (!follows || file->held_len + len > GATHER_BYTES_MAX) result = flush(file);
    if (result) return result;
    if (!file->held) file->held = (unsigned char *)malloc(GATHER_BYTES_MAX);
    if (!file->held || len > GATHER_BYTES_MAX) return real->pMethods->xWrite(real, data, len, at);
    if (file->held_len == 0) file->held_at = at;
    memcpy(file->held + file->held_len, data, (size_t)len);
    file->held_len += len;
    return SQLITE_OK;
}

static int gather_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xTruncate(real, size);
}

static int gather_sync(sqlite3_file *base, int flags)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xSync(real, flags);
}

static int gather_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xFileSize(real, ret_size);
}

static int gather_lock(sqlite3_file *base, int level)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xLock(real, level);
}

static int gather_unlock(sqlite3_file *base, int level)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xUnlock(real, level);
}

static int gather_check_lock(sqlite3_file *base, int *ret_held)
{
    sqlite3_file *real = real_of(base);
    return real->pMethods->xCheckReservedLock(real, ret_held);
}

static int gather_control(sqlite3_file *base, int op, void *arg)
{
    sqlite3_file *real = real_of(base);
    int result = flush((struct gather_file *)(void *)base);
    return result ? result : real->pMethods->xFileControl(real, op, arg);
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

/* A WAL file is neither shared memory nor mapped: version 1 has all that is called. */
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
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return system_vfs->xOpen(system_vfs, name, base, flags, ret_flags);
    struct gather_file *file = (struct gather_file *)(void *)base;
    sqlite3_file *real = real_of(base);
    *file = (struct gather_file){0};
    memset(real, 0, (size_t)system_vfs->szOsFile);
    int result = system_vfs->xOpen(system_vfs, name, real, flags, ret_flags);
    /* SQLite closes what has methods, also after a failure. */
    if (real->pMethods) file->base.pMethods = &gather_methods;
    return result;
}

static void gather_register(void)
{
    if (sqlite3_initialize() != SQLITE_OK) return;
    system_vfs = sqlite3_vfs_find(NULL);
    if (!system_vfs) return;
    gather_vfs = *system_vfs;
    gather_vfs.zName = "leadbus-gather";
    gather_vfs.pNext = NULL;
    gather_vfs.szOsFile += (int)sizeof(struct gather_file);
    gather_vfs.xOpen = gather_open;
    if (sqlite3_vfs_register(&gather_vfs, 0) != SQLITE_OK) system_vfs = NULL;
}

const char *sqlite_gather(void)
{
    (void)pthread_once(&gather_once, gather_register);
    return system_vfs ? gather_vfs.zName : NULL;
}
