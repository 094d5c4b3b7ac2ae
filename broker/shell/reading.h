/* reading: a journal read ahead of who folds it.
 *
 * A thread of its own takes the records from the store and decodes them, some batches ahead; the
 * caller's thread, which owns the core, only folds. A start over a million records then takes as
 * long as the fold alone. */
#ifndef BROKER_SHELL_READING_H
#define BROKER_SHELL_READING_H

#include "broker/core/core.h"
#include "broker/store/store.h"

/* A record with what core_decode made of it; both borrowed until `each` returns. */
struct reading_record {
    uint64_t index;
    struct bytes bytes;
    struct core_decoded
        decoded; /* .record NULL: it cannot be, and core_apply of the bytes says why */
};

/* Every record from `from` to the newest, in order, on the caller's thread. Until it returns the
 * store is the reading thread's alone. What `each` returns but 0 ends the walk and is returned;
 * else errors of store_walk; E_NO_MEMORY. */
int reading_walk(struct store *store, uint64_t from,
                 int (*each)(void *ctx, const struct reading_record *record), void *ctx,
                 struct error *ret_error) MUST_USE;

#endif
