/* disk: the disk under SQLite, for tests of what must be on it and when. The default VFS of this
 * process from disk_install on: it knows which files have bytes that nobody has synced yet, and
 * fails a sync when it is told to. Everything else is the system's own VFS. Threads of one process
 * may use it at once; installing is done once, before the first database is opened. */
#ifndef TESTS_LIB_DISK_H
#define TESTS_LIB_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* `fails` (may be NULL) is asked at every sync: true makes that sync fail with an I/O error. */
void disk_install(bool (*fails)(void));

/* Files written to since they were synced last. */
unsigned disk_unsynced(void);
/* Syncs that were done. */
uint64_t disk_syncs(void);

#endif
