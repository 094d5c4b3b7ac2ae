#include "tests/lib/vfs.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

enum { SHM_REGION_MAX = 64, SECTOR_SAID_BYTES = 4096 };

/* A write or a cut that nobody has made durable yet. */
struct change {
    struct change *next;
    bool cut;
    bool doubtful; /* a sync of it failed: no later one makes it durable */
    uint64_t offset;
    size_t len;
    uint8_t *data;
};

/* The index of a WAL, shared by connections. Goes with the last that has it. */
struct shared {
    size_t users;
    uint8_t *regions[SHM_REGION_MAX];
    int region_bytes;
};

struct handle;

struct file {
    struct file *next;
    struct vfs_disk *disk;
    char path[VFS_PATH_LEN_MAX + 1];
    bool there, there_durably;
    bool lost_one; /* while a power cut is settled: a write was not kept */
    struct buf now, durable;
    struct change *first, *last;
    struct handle *handles;
    struct shared *shared;
};

struct vfs_disk {
    struct vfs_disk *next;
    char folder[VFS_PATH_LEN_MAX + 1];
    uint64_t random;
    struct file *files;
    uint64_t count, fault_at, read_fault_at, room;
    enum vfs_fault fault;
    bool lasting, faulted, lies, off;
    struct vfs_settled settled;
};

struct handle {
    sqlite3_file base;
    struct handle *next;
    struct file *file;
    uint64_t process;
    bool dead, delete_on_close;
    int lock;
    struct shared *shared;
    unsigned shared_mask, exclusive_mask;
};

static struct {
    sqlite3_vfs vfs, *system;
    struct vfs_hooks hooks;
    struct vfs_disk *disks;
    uint64_t process;
    uint64_t random; /* what SQLite draws */
} the;

/* SplitMix64. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* ---- files --------------------------------------------------------------------------------------
 */

static struct vfs_disk *disk_of(const char *path)
{
    struct vfs_disk *disk = the.disks;
    for (; disk; disk = disk->next) {
        size_t len = strlen(disk->folder);
        if (strncmp(path, disk->folder, len) == 0 && path[len] == '/') return disk;
    }
    return NULL;
}

static struct file *file_of(struct vfs_disk *disk, const char *path, bool make)
{
    struct file **place = &disk->files;
    while (*place && strcmp((*place)->path, path) != 0) place = &(*place)->next;
    if (*place || !make) return *place;
    struct file *file = (struct file *)calloc(1, sizeof *file);
    CHECK(file != NULL);
    file->disk = disk;
    CHECK(strlen(path) < sizeof file->path);
    (void)snprintf(file->path, sizeof file->path, "%s", path);
    *place = file;
    return file;
}

static void resize(struct buf *image, uint64_t len)
{
    if (len > image->len) {
        size_t more = (size_t)len - image->len;
        memset(buf_grow(image, more), 0, more);
    }
    image->len = (size_t)len;
}

static void put(struct buf *image, uint64_t offset, const uint8_t *data, size_t len)
{
    if (offset + len > image->len) resize(image, offset + len);
    memcpy(image->data + offset, data, len);
}

static void change_add(struct file *file, bool cut, uint64_t offset, const void *data, size_t len)
{
    struct change *change = (struct change *)calloc(1, sizeof *change);
    CHECK(change != NULL);
    *change = (struct change){.cut = cut, .offset = offset, .len = len};
    if (len) {
        change->data = (uint8_t *)malloc(len);
        CHECK(change->data != NULL);
        memcpy(change->data, data, len);
    }
    *(file->last ? &file->last->next : &file->first) = change;
    file->last = change;
}

static void changes_drop(struct file *file)
{
    while (file->first) {
        struct change *change = file->first;
        file->first = change->next;
        free(change->data);
        free(change);
    }
    file->last = NULL;
}

static void change_apply(struct buf *image, const struct change *change)
{
    if (change->cut)
        resize(image, change->offset);
    else
        put(image, change->offset, change->data, change->len);
}

static void write_now(struct file *file, uint64_t offset, const void *data, size_t len)
{
    put(&file->now, offset, data, len);
    change_add(file, false, offset, data, len);
}

static void cut_now(struct file *file, uint64_t len)
{
    resize(&file->now, len);
    change_add(file, true, len, NULL, 0);
}

/* Whatever of the list a later change, durable now, has written over. */
static void forget_under(struct change **first, const struct change *over)
{
    for (struct change **place = first; *place;) {
        struct change *old = *place;
        uint64_t end = over->offset + over->len;
        bool gone = old->cut    ? over->cut || end > old->offset
                    : over->cut ? old->offset >= over->offset
                                : old->offset >= over->offset && old->offset + old->len <= end;
        if (!gone) {
            place = &old->next;
            continue;
        }
        *place = old->next;
        free(old->data);
        free(old);
    }
}

/* What is doubtful stays so until it is written anew. */
static void make_durable(struct file *file)
{
    struct change *change = file->first, *kept = NULL;
    while (change) {
        struct change *next = change->next;
        change->next = NULL;
        if (change->doubtful) {
            struct change **end = &kept;
            while (*end) end = &(*end)->next;
            *end = change;
        } else {
            change_apply(&file->durable, change);
            forget_under(&kept, change);
            free(change->data);
            free(change);
        }
        change = next;
    }
    file->first = kept;
    file->last = NULL;
    for (change = kept; change; change = change->next) file->last = change;
}

/* A sync has failed: all of it by sectors, each for itself. */
static void make_doubtful(struct file *file)
{
    struct change *change = file->first;
    file->first = file->last = NULL;
    while (change) {
        struct change *next = change->next;
        for (size_t at = 0; at < change->len || (change->cut && at == 0);) {
            size_t len = VFS_SECTOR_BYTES - (size_t)((change->offset + at) % VFS_SECTOR_BYTES);
            if (change->cut || len > change->len - at) len = change->len - at;
            change_add(file, change->cut, change->offset + at,
                       change->data ? change->data + at : NULL, len);
            file->last->doubtful = true;
            at += len ? len : 1;
        }
        free(change->data);
        free(change);
        change = next;
    }
}

/* Names that came and went. */
static void names_durable(struct vfs_disk *disk)
{
    for (struct file *file = disk->files; file; file = file->next) {
        file->there_durably = file->there;
        if (file->there) continue;
        file->now.len = file->durable.len = 0;
        changes_drop(file);
    }
}

/* ---- faults -------------------------------------------------------------------------------------
 */

static bool due(struct vfs_disk *disk)
{
    disk->count++;
    return disk->fault != VFS_NO_FAULT &&
           (disk->count == disk->fault_at ||
            (disk->count > disk->fault_at && (disk->lasting || disk->fault == VFS_FAIL_FULL)));
}

static void had(struct vfs_disk *disk)
{
    if (!disk->faulted && the.hooks.met) the.hooks.met(the.hooks.ctx, disk, disk->fault);
    disk->faulted = true;
    if (!disk->lasting && disk->fault != VFS_FAIL_DEAD) disk->fault = VFS_NO_FAULT;
}

/* The fault that meets what is about to be done, or VFS_NO_FAULT. */
static enum vfs_fault meet(struct vfs_disk *disk, bool writes)
{
    if (disk->off) return VFS_FAIL_DEAD;
    if (!due(disk) || (disk->fault == VFS_FAIL_FULL && !writes)) return VFS_NO_FAULT;
    enum vfs_fault fault = disk->fault;
    had(disk);
    if (fault == VFS_FAIL_DEAD) disk->off = true;
    return fault;
}

static uint64_t used(const struct vfs_disk *disk)
{
    uint64_t bytes = 0;
    for (const struct file *file = disk->files; file; file = file->next)
        if (file->there) bytes += file->now.len;
    return bytes;
}

static bool dead(const struct handle *handle)
{
    return handle->dead || handle->file->disk->off;
}

/* ---- one file's methods -------------------------------------------------------------------------
 */

static struct handle *handle_of(sqlite3_file *base)
{
    return (struct handle *)(void *)base;
}

static void shared_leave(struct handle *handle)
{
    struct shared *shared = handle->shared;
    handle->shared = NULL;
    handle->shared_mask = handle->exclusive_mask = 0;
    if (!shared || --shared->users > 0) return;
    if (handle->file->shared == shared) handle->file->shared = NULL;
    for (size_t i = 0; i < SHM_REGION_MAX; i++) free(shared->regions[i]);
    free(shared);
}

static void handle_leave(struct handle *handle)
{
    struct handle **place = &handle->file->handles;
    while (*place && *place != handle) place = &(*place)->next;
    if (*place) *place = handle->next;
}

static int on_close(sqlite3_file *base)
{
    struct handle *handle = handle_of(base);
    if (handle->file) {
        shared_leave(handle);
        if (!handle->dead) handle_leave(handle);
        if (handle->delete_on_close && !dead(handle)) handle->file->there = false;
    }
    handle->base.pMethods = NULL;
    return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *data, int len, sqlite3_int64 offset)
{
    const struct handle *handle = handle_of(base);
    if (dead(handle)) return SQLITE_IOERR_READ;
    struct vfs_disk *disk = handle->file->disk;
    if (disk->read_fault_at && --disk->read_fault_at == 0) {
        disk->faulted = true;
        memset(data, 0xa5, (size_t)len);
        return SQLITE_IOERR_READ;
    }
    const struct buf *now = &handle->file->now;
    size_t at = (size_t)offset, wanted = (size_t)len;
    size_t have = at >= now->len ? 0 : now->len - at < wanted ? now->len - at : wanted;
    if (have) memcpy(data, now->data + at, have);
    if (have == wanted) return SQLITE_OK;
    memset((uint8_t *)data + have, 0, wanted - have);
    return SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 offset)
{
    struct handle *handle = handle_of(base);
    struct file *file = handle->file;
    if (dead(handle)) return SQLITE_IOERR_WRITE;
    uint64_t at = (uint64_t)offset;
    size_t bytes = (size_t)len;
    switch (meet(file->disk, true)) {
    case VFS_NO_FAULT: break;
    case VFS_FAIL_FULL: return SQLITE_FULL;
    case VFS_FAIL_DEAD: return SQLITE_IOERR_WRITE;
    case VFS_FAIL_IO: {
        size_t sectors = bytes / VFS_SECTOR_BYTES;
        size_t part = (size_t)(draw(&file->disk->random) % (sectors + 1)) * VFS_SECTOR_BYTES;
        if (part) write_now(file, at, data, part);
        return SQLITE_IOERR_WRITE;
    }
    }
    if (file->disk->room && at + bytes > file->now.len &&
        used(file->disk) + (at + bytes - file->now.len) > file->disk->room)
        return SQLITE_FULL;
    write_now(file, at, data, bytes);
    return SQLITE_OK;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct handle *handle = handle_of(base);
    if (dead(handle) || meet(handle->file->disk, false) != VFS_NO_FAULT)
        return SQLITE_IOERR_TRUNCATE;
    cut_now(handle->file, (uint64_t)size);
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *base, int flags)
{
    struct handle *handle = handle_of(base);
    struct file *file = handle->file;
    (void)flags;
    if (dead(handle)) return SQLITE_IOERR_FSYNC;
    if (the.hooks.sync) the.hooks.sync(the.hooks.ctx, file->path);
    enum vfs_fault fault = meet(file->disk, false);
    if (fault == VFS_FAIL_IO) make_doubtful(file);
    if (fault != VFS_NO_FAULT) return SQLITE_IOERR_FSYNC;
    if (file->disk->lies) return SQLITE_OK;
    make_durable(file);
    names_durable(file->disk);
    return SQLITE_OK;
}

static int on_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
    const struct handle *handle = handle_of(base);
    if (dead(handle)) return SQLITE_IOERR_FSTAT;
    *ret_size = (sqlite3_int64)handle->file->now.len;
    return SQLITE_OK;
}

/* The highest lock that somebody else has. */
static int others_lock(const struct handle *handle)
{
    int lock = SQLITE_LOCK_NONE;
    for (const struct handle *other = handle->file->handles; other; other = other->next)
        if (other != handle && other->lock > lock) lock = other->lock;
    return lock;
}

static int on_lock(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    if (dead(handle)) return SQLITE_IOERR_LOCK;
    if (level <= handle->lock) return SQLITE_OK;
    int others = others_lock(handle);
    bool may = level == SQLITE_LOCK_SHARED     ? others < SQLITE_LOCK_PENDING
               : level == SQLITE_LOCK_RESERVED ? others < SQLITE_LOCK_RESERVED
                                               : others == SQLITE_LOCK_NONE;
    /* Who waits for all readers to go keeps new ones out. */
    if (!may && level == SQLITE_LOCK_EXCLUSIVE && others < SQLITE_LOCK_RESERVED)
        handle->lock = SQLITE_LOCK_PENDING;
    if (!may) return SQLITE_BUSY;
    handle->lock = level;
    return SQLITE_OK;
}

static int on_unlock(sqlite3_file *base, int level)
{
    struct handle *handle = handle_of(base);
    if (handle->lock > level) handle->lock = level;
    return SQLITE_OK;
}

static int on_check_lock(sqlite3_file *base, int *ret_held)
{
    const struct handle *handle = handle_of(base);
    *ret_held = handle->lock >= SQLITE_LOCK_RESERVED || others_lock(handle) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int on_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int on_sector(sqlite3_file *base)
{
    (void)base;
    return SECTOR_SAID_BYTES;
}

/* Nothing beside what is written changes when a write is torn: the system's VFS says so too. */
static int on_device(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int on_shm_map(sqlite3_file *base, int region, int bytes, int extend,
                      void volatile **ret_memory)
{
    struct handle *handle = handle_of(base);
    *ret_memory = NULL;
    if (dead(handle)) return SQLITE_IOERR_SHMMAP;
    struct file *file = handle->file;
    if (!handle->shared) {
        if (!file->shared) file->shared = (struct shared *)calloc(1, sizeof *file->shared);
        CHECK(file->shared != NULL);
        file->shared->users++;
        handle->shared = file->shared;
    }
    struct shared *shared = handle->shared;
    if (region >= SHM_REGION_MAX) return SQLITE_IOERR_SHMSIZE;
    CHECK(shared->region_bytes == 0 || shared->region_bytes == bytes);
    shared->region_bytes = bytes;
    if (!shared->regions[region] && extend) {
        shared->regions[region] = (uint8_t *)calloc(1, (size_t)bytes);
        CHECK(shared->regions[region] != NULL);
    }
    *ret_memory = shared->regions[region];
    return SQLITE_OK;
}

static int on_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct handle *handle = handle_of(base);
    unsigned mask = ((1u << count) - 1) << first;
    if (flags & SQLITE_SHM_UNLOCK) {
        handle->shared_mask &= ~mask;
        handle->exclusive_mask &= ~mask;
        return SQLITE_OK;
    }
    if (dead(handle)) return SQLITE_IOERR_SHMLOCK;
    unsigned barred = 0;
    for (const struct handle *other = handle->file->handles; other; other = other->next) {
        if (other == handle) continue;
        barred |= other->exclusive_mask;
        if (flags & SQLITE_SHM_EXCLUSIVE) barred |= other->shared_mask;
    }
    if (barred & mask) return SQLITE_BUSY;
    if (flags & SQLITE_SHM_EXCLUSIVE)
        handle->exclusive_mask |= mask;
    else
        handle->shared_mask |= mask;
    return SQLITE_OK;
}

static void on_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static int on_shm_unmap(sqlite3_file *base, int remove)
{
    (void)remove;
    shared_leave(handle_of(base));
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_lock,
    .xFileControl = on_control,
    .xSectorSize = on_sector,
    .xDeviceCharacteristics = on_device,
    .xShmMap = on_shm_map,
    .xShmLock = on_shm_lock,
    .xShmBarrier = on_shm_barrier,
    .xShmUnmap = on_shm_unmap,
};

/* ---- the VFS ------------------------------------------------------------------------------------
 */

/* Programs make a database's file themselves, for its mode, so one that is not there is made
 * whatever the flags say, unless it is opened for reading. */
static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                   int *ret_flags)
{
    (void)vfs;
    struct vfs_disk *disk = name ? disk_of(name) : NULL;
    if (!disk) return the.system->xOpen(the.system, name, base, flags, ret_flags);
    struct handle *handle = handle_of(base);
    *handle = (struct handle){.process = the.process};
    if (disk->off) return SQLITE_CANTOPEN;
    bool make = (flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_READWRITE)) != 0;
    struct file *file = file_of(disk, name, make);
    if (!file || (!file->there && !make)) return SQLITE_CANTOPEN;
    if (!file->there) {
        file->there = true;
        if (file->now.len) cut_now(file, 0);
    }
    handle->file = file;
    handle->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    handle->base.pMethods = &methods;
    handle->next = file->handles;
    file->handles = handle;
    if (ret_flags) *ret_flags = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    (void)vfs;
    struct vfs_disk *disk = disk_of(name);
    if (!disk) return the.system->xDelete(the.system, name, sync_folder);
    struct file *file = file_of(disk, name, false);
    if (disk->off) return SQLITE_IOERR_DELETE;
    if (!file || !file->there) return SQLITE_IOERR_DELETE_NOENT;
    if (meet(disk, false) != VFS_NO_FAULT) return SQLITE_IOERR_DELETE;
    file->there = false;
    if (!sync_folder || disk->lies) return SQLITE_OK;
    names_durable(disk);
    return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret_yes)
{
    (void)vfs;
    struct vfs_disk *disk = disk_of(name);
    if (!disk) return the.system->xAccess(the.system, name, flags, ret_yes);
    const struct file *file = file_of(disk, name, false);
    *ret_yes = file && file->there;
    return SQLITE_OK;
}

static int on_full_path(sqlite3_vfs *vfs, const char *name, int size, char *ret_path)
{
    (void)vfs;
    if (!disk_of(name)) return the.system->xFullPathname(the.system, name, size, ret_path);
    (void)snprintf(ret_path, (size_t)size, "%s", name);
    return SQLITE_OK;
}

static int on_random(sqlite3_vfs *vfs, int len, char *ret_data)
{
    (void)vfs;
    for (int i = 0; i < len; i++) ret_data[i] = (char)draw(&the.random);
    return len;
}

static int on_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    if (the.hooks.sleep) the.hooks.sleep(the.hooks.ctx, (uint64_t)us);
    return us;
}

static int on_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
    (void)vfs;
    uint64_t now_ms = the.hooks.now_ms ? the.hooks.now_ms(the.hooks.ctx) : 0;
    *ret_ms = (sqlite3_int64)(210866760000000ull + now_ms); /* since noon of a day in 4714 BC */
    return SQLITE_OK;
}

static int on_time_days(sqlite3_vfs *vfs, double *ret_days)
{
    sqlite3_int64 ms = 0;
    int result = on_time(vfs, &ms);
    *ret_days = (double)ms / 86400000.0;
    return result;
}

void vfs_install(const struct vfs_hooks *hooks)
{
    CHECK(sqlite3_initialize() == SQLITE_OK);
    the.system = sqlite3_vfs_find(NULL);
    CHECK(the.system != NULL);
    if (hooks) the.hooks = *hooks;
    the.vfs = *the.system;
    the.vfs.zName = "leadbus-memory";
    the.vfs.pNext = NULL;
    if (the.vfs.szOsFile < (int)sizeof(struct handle)) the.vfs.szOsFile = sizeof(struct handle);
    the.vfs.xOpen = on_open;
    the.vfs.xDelete = on_delete;
    the.vfs.xAccess = on_access;
    the.vfs.xFullPathname = on_full_path;
    the.vfs.xRandomness = on_random;
    the.vfs.xSleep = on_sleep;
    the.vfs.xCurrentTime = on_time_days;
    the.vfs.xCurrentTimeInt64 = on_time;
    CHECK(sqlite3_vfs_register(&the.vfs, 1) == SQLITE_OK);
}

/* ---- processes and disks ------------------------------------------------------------------------
 */

void vfs_process(uint64_t process)
{
    the.process = process;
}

/* Its locks go; what it had mapped stays its own until it is closed, if it ever is. */
static void handle_kill(struct handle *handle)
{
    handle->dead = true;
    handle->lock = SQLITE_LOCK_NONE;
    handle->shared_mask = handle->exclusive_mask = 0;
    if (handle->file->shared == handle->shared && handle->shared) {
        bool others = false;
        for (const struct handle *other = handle->file->handles; other; other = other->next)
            others = others || (other->shared == handle->shared && !other->dead);
        if (!others) handle->file->shared = NULL;
    }
}

static void kill_where(struct file *file, bool all, uint64_t process)
{
    for (struct handle **place = &file->handles; *place;) {
        struct handle *handle = *place;
        if (!all && handle->process != process) {
            place = &handle->next;
            continue;
        }
        *place = handle->next;
        handle_kill(handle);
    }
}

void vfs_kill(uint64_t process)
{
    for (struct vfs_disk *disk = the.disks; disk; disk = disk->next)
        for (struct file *file = disk->files; file; file = file->next)
            kill_where(file, false, process);
}

struct vfs_disk *vfs_disk_new(const char *folder, uint64_t seed)
{
    struct vfs_disk *disk = (struct vfs_disk *)calloc(1, sizeof *disk);
    CHECK(disk != NULL);
    CHECK(the.system != NULL); /* vfs_install comes first */
    CHECK(strlen(folder) < sizeof disk->folder);
    (void)snprintf(disk->folder, sizeof disk->folder, "%s", folder);
    disk->random = seed;
    disk->next = the.disks;
    the.disks = disk;
    return disk;
}

static void file_empty(struct file *file)
{
    kill_where(file, true, 0);
    file->there = file->there_durably = false;
    file->now.len = file->durable.len = 0;
    changes_drop(file);
}

/* Files stay as long as the disk: dead handles look at them when they are closed. */
void vfs_disk_clear(struct vfs_disk *disk)
{
    for (struct file *file = disk->files; file; file = file->next) file_empty(file);
    disk->count = disk->room = 0;
    disk->fault = VFS_NO_FAULT;
    disk->faulted = disk->lies = disk->off = false;
}

void vfs_disk_free(struct vfs_disk *disk)
{
    if (!disk) return;
    vfs_disk_clear(disk);
    struct vfs_disk **place = &the.disks;
    while (*place != disk) place = &(*place)->next;
    *place = disk->next;
    while (disk->files) {
        struct file *file = disk->files;
        disk->files = file->next;
        buf_fini(&file->now);
        buf_fini(&file->durable);
        free(file);
    }
    free(disk);
}

void vfs_disk_fault(struct vfs_disk *disk, enum vfs_fault fault, uint64_t at, bool lasting)
{
    disk->fault = fault;
    disk->fault_at = disk->count + at;
    disk->lasting = lasting;
    disk->faulted = false;
}

void vfs_disk_fault_read(struct vfs_disk *disk, uint64_t at)
{
    disk->read_fault_at = at;
}

bool vfs_disk_faulted(const struct vfs_disk *disk)
{
    return disk->faulted;
}

uint64_t vfs_disk_count(const struct vfs_disk *disk)
{
    return disk->count;
}

void vfs_disk_room(struct vfs_disk *disk, uint64_t bytes)
{
    disk->room = bytes;
}

void vfs_disk_lie(struct vfs_disk *disk, bool lies)
{
    disk->lies = lies;
}

/* Of what was in doubt each sector is there or not, whatever came first: by one of three tempers of
 * the disk, so that all and nothing happen often enough. */
static void settle_change(struct file *file, const struct change *change, unsigned keep_of_8)
{
    struct vfs_disk *disk = file->disk;
    bool kept = false, dropped = false;
    for (size_t at = 0; at < change->len;) {
        size_t len = VFS_SECTOR_BYTES - (size_t)((change->offset + at) % VFS_SECTOR_BYTES);
        if (len > change->len - at) len = change->len - at;
        bool keep = draw(&disk->random) % 8 < keep_of_8;
        if (keep) put(&file->durable, change->offset + at, change->data + at, len);
        kept = kept || keep;
        dropped = dropped || !keep;
        at += len;
    }
    disk->settled.torn = disk->settled.torn || (kept && dropped);
    disk->settled.reordered = disk->settled.reordered || (kept && file->lost_one);
    if (dropped && !kept) disk->settled.lost = file->lost_one = true;
}

static void settle_changes(struct file *file)
{
    unsigned keep_of_8 = (unsigned[]){0, 4, 8, 7}[draw(&file->disk->random) % 4];
    file->lost_one = false;
    for (const struct change *change = file->first; change; change = change->next) {
        if (!change->cut)
            settle_change(file, change, keep_of_8);
        else if (draw(&file->disk->random) % 8 < keep_of_8)
            resize(&file->durable, change->offset);
    }
    changes_drop(file);
}

void vfs_disk_power_cut(struct vfs_disk *disk)
{
    disk->settled = (struct vfs_settled){0};
    for (struct file *file = disk->files; file; file = file->next) {
        kill_where(file, true, 0);
        settle_changes(file);
        if (file->there != file->there_durably && draw(&disk->random) % 2)
            file->there_durably = file->there;
        file->there = file->there_durably;
        if (!file->there) file->durable.len = 0;
        buf_reset(&file->now);
        buf_append_bytes(&file->now, buf_bytes(&file->durable));
    }
    disk->off = false;
    disk->fault = VFS_NO_FAULT;
}

struct vfs_settled vfs_disk_settled(const struct vfs_disk *disk)
{
    return disk->settled;
}

bool vfs_disk_in_doubt(const struct vfs_disk *disk)
{
    for (const struct file *file = disk->files; file; file = file->next)
        if (file->first || file->there != file->there_durably) return true;
    return false;
}

/* ---- from outside -------------------------------------------------------------------------------
 */

bool vfs_file_read(const char *path, struct buf *ret_content)
{
    struct vfs_disk *disk = disk_of(path);
    const struct file *file = disk ? file_of(disk, path, false) : NULL;
    if (!file || !file->there) return false;
    buf_append_bytes(ret_content, buf_bytes(&file->now));
    return true;
}

static void file_set(struct vfs_disk *disk, const char *path, struct bytes content)
{
    struct file *file = file_of(disk, path, true);
    file_empty(file);
    file->there = file->there_durably = true;
    buf_append_bytes(&file->now, content);
    buf_append_bytes(&file->durable, content);
}

void vfs_file_write(const char *path, struct bytes content)
{
    struct vfs_disk *disk = disk_of(path);
    CHECK(disk != NULL);
    file_set(disk, path, content);
}

struct copied {
    struct copied *next;
    char path[VFS_PATH_LEN_MAX + 1];
    struct buf content;
};
struct vfs_copy {
    struct copied *first;
};

struct vfs_copy *vfs_disk_copy(const struct vfs_disk *disk)
{
    struct vfs_copy *copy = (struct vfs_copy *)calloc(1, sizeof *copy);
    CHECK(copy != NULL);
    for (const struct file *file = disk->files; file; file = file->next) {
        if (!file->there) continue;
        struct copied *one = (struct copied *)calloc(1, sizeof *one);
        CHECK(one != NULL);
        memcpy(one->path, file->path, sizeof one->path);
        buf_append_bytes(&one->content, buf_bytes(&file->now));
        one->next = copy->first;
        copy->first = one;
    }
    return copy;
}

void vfs_disk_put_back(struct vfs_disk *disk, const struct vfs_copy *copy)
{
    for (struct file *file = disk->files; file; file = file->next) file_empty(file);
    disk->off = false;
    for (const struct copied *one = copy->first; one; one = one->next)
        file_set(disk, one->path, buf_bytes(&one->content));
}

void vfs_copy_free(struct vfs_copy *copy)
{
    if (!copy) return;
    while (copy->first) {
        struct copied *one = copy->first;
        copy->first = one->next;
        buf_fini(&one->content);
        free(one);
    }
    free(copy);
}
