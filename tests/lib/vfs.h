/* vfs: disks in memory under SQLite, with everything that disks do to people.
 *
 * After vfs_install it is the default VFS of this process. What lies under the folder of a vfs_disk
 * lives in memory; everything else goes to the system's own VFS. A disk knows for each file what a
 * program sees and what would be left of it: writes, cuts and removals count as done only once the
 * file was synced. A power cut keeps any part of the rest, in sectors of VFS_SECTOR_BYTES: lost,
 * torn and out of order. That a file was made or removed is durable with the next sync of any file
 * of the disk, as journalled file systems have it; syncing of folders is not seen here.
 *
 *     vfs_install(NULL);
 *     struct vfs_disk *disk = vfs_disk_new("/sim/d", seed);
 *     for (n = 1;; n++) {
 *         vfs_disk_clear(disk);
 *         vfs_disk_fault(disk, VFS_FAIL_IO, n, false);
 *         ... open "/sim/d/x.db", work, close ...
 *         if (!vfs_disk_faulted(disk)) break;              it did fewer than n things
 *         vfs_disk_power_cut(disk);                        whatever was not synced is in doubt
 *         ... open again: is everything there that was promised? ...
 *     }
 *
 * Handles belong to the process that vfs_process named when they were opened. Those of one that was
 * killed, or of a disk that lost its power, answer everything with an I/O error and change nothing;
 * closing them is harmless. Everything random comes from the disk's seed. Not thread-safe. */
#ifndef TESTS_LIB_VFS_H
#define TESTS_LIB_VFS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"

enum { VFS_SECTOR_BYTES = 512, VFS_PATH_LEN_MAX = 511 };

struct vfs_disk;
enum vfs_fault {
    VFS_NO_FAULT,
    VFS_FAIL_IO,   /* the thing is not done; of a write some sectors may be. What a failed sync was
                      to make durable stays in doubt, whatever later syncs say, until it is written
                      anew */
    VFS_FAIL_FULL, /* no room: the next write from there on */
    VFS_FAIL_DEAD, /* the machine is gone: neither this nor anything after it happens */
};

/* All may be NULL. `sync` is called before a sync takes effect, `sleep` where SQLite waits for a
 * lock; `met` when it comes to a fault, the first time; `now_ms` is what SQLite takes for the time
 * (0 without it). */
struct vfs_hooks {
    void (*sync)(void *ctx, const char *path);
    void (*sleep)(void *ctx, uint64_t us);
    void (*met)(void *ctx, const struct vfs_disk *disk, enum vfs_fault fault);
    uint64_t (*now_ms)(void *ctx);
    void *ctx;
};
/* Once, before the first database is opened. */
void vfs_install(const struct vfs_hooks *hooks);

/* Whose handles are opened from here on. 0 at the start. */
void vfs_process(uint64_t process);
/* As after kill -9: what it wrote is there, its handles and locks are not. */
void vfs_kill(uint64_t process);

/* Every file whose path begins with the folder and a slash. */
struct vfs_disk *vfs_disk_new(const char *folder, uint64_t seed);
/* Its handles must be closed, or never be used again. NULL accepted. */
void vfs_disk_free(struct vfs_disk *disk);
/* Empty again, and without faults: a new disk. Handles are dead. */
void vfs_disk_clear(struct vfs_disk *disk);

/* The at-th thing that changes the disk from now on (write, cut, sync, removal; the first is 1)
 * goes wrong; lasting: and everything of its kind after it. Replaces what was set before. */
void vfs_disk_fault(struct vfs_disk *disk, enum vfs_fault fault, uint64_t at, bool lasting);
/* The at-th read from now on fails, and leaves rubbish where it was to read to. */
void vfs_disk_fault_read(struct vfs_disk *disk, uint64_t at);
/* Has it come to that? */
bool vfs_disk_faulted(const struct vfs_disk *disk);
/* Things done so far, since the disk was made or cleared. */
uint64_t vfs_disk_count(const struct vfs_disk *disk);
/* Room for all files together, as they are seen; 0: without end. */
void vfs_disk_room(struct vfs_disk *disk, uint64_t bytes);
/* Syncs say yes and do nothing: what a bad controller, or a program that forgets them, comes to. */
void vfs_disk_lie(struct vfs_disk *disk, bool lies);

/* The power goes and comes back: what was synced is there, of the rest any part. */
void vfs_disk_power_cut(struct vfs_disk *disk);
/* What the last power cut did to writes that were not synced. */
struct vfs_settled {
    bool lost;      /* one is not there at all */
    bool torn;      /* one is there in part */
    bool reordered; /* one is there, in part or whole, and one before it in that file is not */
};
struct vfs_settled vfs_disk_settled(const struct vfs_disk *disk);
/* Is something on it not synced? */
bool vfs_disk_in_doubt(const struct vfs_disk *disk);

/* What a program would read. False: there is no such file. */
bool vfs_file_read(const char *path, struct buf *ret_content);
/* Put there from outside, durable. */
void vfs_file_write(const char *path, struct bytes content);
/* All of a disk's files as they are now, and put back, durable, instead of what is there. */
struct vfs_copy;
struct vfs_copy *vfs_disk_copy(const struct vfs_disk *disk);
void vfs_disk_put_back(struct vfs_disk *disk, const struct vfs_copy *copy);
void vfs_copy_free(struct vfs_copy *copy);

#endif
