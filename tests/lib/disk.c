#include "tests/lib/disk.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stddef.h>
#include <string.h>

#include "proto/base/check.h"

enum { METHODS_MAX = 4, FILES_MAX = 64 };

static struct {
    sqlite3_vfs vfs, *system;
    bool (*fails)(void);
    pthread_mutex_t mutex;
    /* The system's methods, and the same with ours in their place; SQLite has a few sets. */
    struct {
        const sqlite3_io_methods *system;
        sqlite3_io_methods ours;
    } methods[METHODS_MAX];
    size_t method_count;
    sqlite3_file *dirty[FILES_MAX]; /* written to and not synced */
    size_t dirty_count;
    uint64_t syncs;
} disk = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static const sqlite3_io_methods *system_of(const sqlite3_file *file)
{
    size_t i = 0;
    while (i < disk.method_count && &disk.methods[i].ours != file->pMethods) i++;
    CHECK(i < disk.method_count);
    return disk.methods[i].system;
}

static void set_dirty(sqlite3_file *file, bool dirty)
{
    pthread_mutex_lock(&disk.mutex);
    size_t i = 0;
    while (i < disk.dirty_count && disk.dirty[i] != file) i++;
    if (dirty && i == disk.dirty_count) {
        CHECK(disk.dirty_count < FILES_MAX);
        disk.dirty[disk.dirty_count++] = file;
    } else if (!dirty && i < disk.dirty_count) {
        disk.dirty[i] = disk.dirty[--disk.dirty_count];
    }
    pthread_mutex_unlock(&disk.mutex);
}

static int on_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
    set_dirty(file, true);
    return system_of(file)->xWrite(file, data, len, offset);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    set_dirty(file, true);
    return system_of(file)->xTruncate(file, size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    if (disk.fails && disk.fails()) return SQLITE_IOERR_FSYNC;
    int r = system_of(file)->xSync(file, flags);
    if (r != SQLITE_OK) return r;
    set_dirty(file, false);
    pthread_mutex_lock(&disk.mutex);
    disk.syncs++;
    pthread_mutex_unlock(&disk.mutex);
    return SQLITE_OK;
}

static int on_close(sqlite3_file *file)
{
    set_dirty(file, false);
    return system_of(file)->xClose(file);
}

static const sqlite3_io_methods *ours_for(const sqlite3_io_methods *system)
{
    pthread_mutex_lock(&disk.mutex);
    size_t i = 0;
    while (i < disk.method_count && disk.methods[i].system != system) i++;
    if (i == disk.method_count) {
        CHECK(i < METHODS_MAX);
        disk.methods[i].system = system;
        disk.methods[i].ours = *system;
        /* Pages mapped into memory would be written past us. */
        if (disk.methods[i].ours.iVersion > 2) disk.methods[i].ours.iVersion = 2;
        disk.methods[i].ours.xWrite = on_write;
        disk.methods[i].ours.xTruncate = on_truncate;
        disk.methods[i].ours.xSync = on_sync;
        disk.methods[i].ours.xClose = on_close;
        disk.method_count++;
    }
    pthread_mutex_unlock(&disk.mutex);
    return &disk.methods[i].ours;
}

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *ret_flags)
{
    (void)vfs;
    int r = disk.system->xOpen(disk.system, name, file, flags, ret_flags);
    if (r == SQLITE_OK && file->pMethods) file->pMethods = ours_for(file->pMethods);
    return r;
}

void disk_install(bool (*fails)(void))
{
    CHECK(!disk.system);
    disk.system = sqlite3_vfs_find(NULL);
    CHECK(disk.system != NULL);
    disk.fails = fails;
    disk.vfs = *disk.system;
    disk.vfs.zName = "leadbus-tests";
    disk.vfs.xOpen = on_open;
    CHECK(sqlite3_vfs_register(&disk.vfs, 1) == SQLITE_OK);
}

unsigned disk_unsynced(void)
{
    pthread_mutex_lock(&disk.mutex);
    unsigned count = (unsigned)disk.dirty_count;
    pthread_mutex_unlock(&disk.mutex);
    return count;
}

uint64_t disk_syncs(void)
{
    pthread_mutex_lock(&disk.mutex);
    uint64_t count = disk.syncs;
    pthread_mutex_unlock(&disk.mutex);
    return count;
}
