/* store: the journal on disk, behind one interface.
 *
 * Records are rows in order; beside each stand its tree hashes and its blobs (section ciphertexts,
 * bundle parts). append() is one transaction and durable when it returns. After any E_IO,
 * E_DISK_FULL or E_JOURNAL_CORRUPT the handle is dead: close it, exit the process, start again and
 * fold. Never retried on the same handle. docs/JOURNAL.md specifies every byte. One writer; a
 * handle belongs to one thread; store_open_read gives further handles for readers. Impure;
 * libsodium-free. */
#ifndef BROKER_STORE_STORE_H
#define BROKER_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/merkle.h"

enum { STORE_VERSION = 1, STORE_BLOB_COUNT_MAX = 64 };

struct store;

struct store_record {
    struct bytes bytes;
    struct bytes hashes; /* leaf hash || interior nodes that this leaf completes, level 1 upwards */
    const struct bytes *blobs; /* in manifest order */
    size_t blob_count;
};

/* Opens or creates for writing, with an exclusive lock on the journal (E_STORE_LOCKED when another
 * broker holds it), WAL and synchronous=FULL asserted. E_STORE_VERSION for a newer one;
 * E_JOURNAL_CORRUPT for a file that is no journal. */
int store_open(const char *path, struct store **ret_store, struct error *ret_error) MUST_USE;
/* Read only: for replay (a copy; immutable=true takes no lock and writes nothing beside it) and for
 * the broker's readers. */
int store_open_read(const char *path, bool immutable, struct store **ret_store,
                    struct error *ret_error) MUST_USE;
void store_close(struct store *store);

/* Appends count records at expected_size in one transaction, with the signed checkpoint over them;
 * durable on return. E_STORE_SIZE when the journal is not of expected_size, and nothing was
 * written. */
int store_append(struct store *store, uint64_t expected_size, const struct store_record *records,
                 size_t count, struct bytes checkpoint, struct error *ret_error) MUST_USE;

int store_size(struct store *store, uint64_t *ret_size, struct error *ret_error) MUST_USE;
/* Appends to the buffers. E_NOT_FOUND past the end. hashes may be NULL. */
int store_read(struct store *store, uint64_t index, struct buf *ret_bytes, struct buf *ret_hashes,
               struct error *ret_error) MUST_USE;
/* The same, and the record must be the one whose leaf hash stands beside it: E_JOURNAL_CORRUPT
 * where the disk gave something else. What is passed on is read so. */
int store_read_intact(struct store *store, uint64_t index, struct buf *ret_bytes,
                      struct error *ret_error) MUST_USE;
/* Walks records from `from` in order; the callback borrows until it returns; non-zero ends the walk
 * and is returned. */
int store_walk(struct store *store, uint64_t from,
               int (*each)(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes),
               void *ctx, struct error *ret_error) MUST_USE;
/* E_NOT_FOUND when erased or never there. */
int store_blob(struct store *store, uint64_t index, unsigned ordinal, struct buf *ret_bytes,
               struct error *ret_error) MUST_USE;
/* Erases a blob's bytes for good (secure_delete); the record and every proof stay. */
int store_blob_erase(struct store *store, uint64_t index, unsigned ordinal,
                     struct error *ret_error) MUST_USE;
/* Newest checkpoint at or below size (UINT64_MAX: newest). */
int store_checkpoint(struct store *store, uint64_t size_max, struct buf *ret_note,
                     uint64_t *ret_size, struct error *ret_error) MUST_USE;
int store_checkpoint_walk(struct store *store,
                          int (*each)(void *ctx, uint64_t size, struct bytes note), void *ctx,
                          struct error *ret_error) MUST_USE;
/* Bytes of the WAL that are not moved into the database yet. That is done from 32 MiB on under
 * load, earlier in idle moments; what holds it up is a reader that does not end, another program on
 * the live file, and until then the WAL grows with every append. */
uint64_t store_wal_bytes(const struct store *store);
/* Moves WAL pages into the database; call in idle moments. Bounded work. Cuts a file that has grown
 * large. */
int store_idle(struct store *store, struct error *ret_error) MUST_USE;
int store_backup(struct store *store, const char *path, struct error *ret_error) MUST_USE;

/* A reader of tree nodes over rows, for merkle.h. */
struct merkle_reader store_merkle_reader(struct store *store);

#endif
