/* lead: accepted envelopes at hand for delivery, newest in memory, the rest read from the journal.
 *
 * The cache is bounded by bytes; the least recently used goes first. A lead is borrowed until the
 * next call that puts or gets one. Owned by one thread. */
#ifndef BROKER_SHELL_LEAD_H
#define BROKER_SHELL_LEAD_H

#include <stdint.h>

#include "broker/shell/job.h"
#include "broker/store/store.h"

enum { LEAD_CACHE_BYTES_MAX = 16 * 1024 * 1024 };

struct lead {
    uint64_t index;
    uint64_t time_ms;
    uint32_t accepted_flags, rules;
    /* Ciphertexts included, as far as they have not been erased. */
    struct envelope envelope;
};

struct lead_cache;

/* The reader's handle is borrowed. */
int lead_cache_new(struct store *reader, const uint8_t hash_key[16], struct lead_cache **ret_cache,
                   struct error *ret_error) MUST_USE;
void lead_cache_free(struct lead_cache *cache);

/* Takes the decoded envelope out of a job whose record is durable; the job's memory stays the
 * caller's, without its arena. */
void lead_cache_put(struct lead_cache *cache, uint64_t index, uint64_t time_ms,
                    uint32_t accepted_flags, uint32_t rules, struct job *job);
/* Nobody is about to want it; what is borrowed of it ends. */
void lead_cache_forget(struct lead_cache *cache, uint64_t index);
/* E_NOT_FOUND: no accepted envelope stands there. Otherwise the store's errors. */
int lead_cache_get(struct lead_cache *cache, uint64_t index, const struct lead **ret_lead,
                   struct error *ret_error) MUST_USE;

#endif
