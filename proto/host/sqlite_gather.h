/* sqlite_gather: a VFS of SQLite's that hands what is written in one go to the system in one write.
 *
 * SQLite appends to the WAL frame by frame, two writes a page. This VFS stands before the system's
 * own, keeps what is appended without a gap and writes it when SQLite syncs, reads, asks for the
 * size, cuts or closes, or when GATHER_BYTES_MAX are held. Every other file goes to the system's
 * VFS untouched. With synchronous=FULL each commit syncs, and SQLite shows frames to other
 * connections only after that: they never see less than was written. A failed write is reported by
 * the call that caused it, at the latest by the sync of the commit.
 *
 * A checkpoint reads the WAL and writes the database page by page. Who has a database to itself
 * (locking_mode=EXCLUSIVE) may have that gathered too, by sqlite_gather_alone: other connections
 * may be told of pages before SQLite syncs them, so it is not for them. Its reads of one page
 * behind the other are read ahead, as nobody else changes what was read; what came before the lock
 * is forgotten with it.
 *
 * Thread-safe: a file belongs to one connection. */
#ifndef PROTO_HOST_SQLITE_GATHER_H
#define PROTO_HOST_SQLITE_GATHER_H

/* The system's VFS writes at most 128 KiB less one byte at a time, and takes 128 KiB for none. */
enum { GATHER_BYTES_MAX = 64 * 1024, GATHER_AHEAD_BYTES = 32 * 1024 };

/* Registers the VFS once in the process and gives its name for sqlite3_open_v2. NULL, which means
 * the system's own VFS, where that cannot be built upon. */
const char *sqlite_gather(void);
const char *sqlite_gather_alone(void);

#endif
