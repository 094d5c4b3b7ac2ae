/* journal_maker: a real journal without processes, for tests of what reads journals: real keys
 * (from fixed seeds), a real root and bundle over the plan of 2022, envelopes sealed and signed,
 * decided by the broker's core, stored by its store. Everything CHECKs; a test that cannot build
 * its journal has nothing to say. */
#ifndef TESTS_SCENARIO_JOURNAL_MAKER_H
#define TESTS_SCENARIO_JOURNAL_MAKER_H

#include "broker/core/core.h"
#include "broker/store/store.h"

enum { MAKER_AUTHORITY_COUNT = 3, MAKER_PENDING_MAX = 64 };

struct maker_unit {
    const char *key; /* of the plan */
    uint64_t serial;
    uint8_t identity_public[32], identity_secret[64];
    uint8_t epoch_public[32], epoch_secret[32];
    uint64_t seq[ENVELOPE_LANE_COUNT];
};

struct journal_maker {
    uint64_t now_ms;
    char origin[64];
    uint8_t authority_public[MAKER_AUTHORITY_COUNT][32];
    uint8_t authority_secret[MAKER_AUTHORITY_COUNT][64];
    struct buf root_note, bundle_bytes;
    uint8_t bundle_hash[32]; /* of its manifest's text */
    struct trust_root root;
    struct plan *plan;
    size_t unit_count;
    struct maker_unit units[LIMIT_UNIT_COUNT_MAX];
    uint8_t log_public[32], log_secret[64];
    struct core *core;
    struct store *store;
    struct merkle_frontier frontier;
    /* Decided, not yet appended. */
    struct store_record pending[MAKER_PENDING_MAX];
    size_t pending_count;
    uint32_t entropy;
    /* Changes a record after it was decided: a broker that lies. NULL: an honest one. */
    void (*forge)(struct buf *record);
    /* Changes what is stored and signed for once the core has folded the honest record. NULL: no.
     */
    void (*replace)(struct buf *record);
    bool names_false_head; /* senders say that they saw a root of size 1 that was never there */
};

/* Keys, root, bundle, and a journal at `path` with genesis, bundle, configuration and start. */
void maker_open(struct journal_maker *maker, const char *path);
/* Another bundle over the same plan, installed whether or not it may follow the first: a broker
 * that does not ask. */
struct maker_stated {
    uint64_t version, issued_ms;
    uint8_t previous[32];
};
void maker_next_bundle(struct journal_maker *maker, const struct maker_stated *stated);
/* Appends what is pending, folds the write-ahead log in, frees everything. */
void maker_close(struct journal_maker *maker);
/* One checkpoint over all that is pending. */
void maker_commit(struct journal_maker *maker);

/* Decides and folds one message; gives its journal index. parent NULL: opens a thread. ret_id has
 * room for 16 bytes, or is NULL. */
struct maker_message {
    uint8_t id[16], thread[16];
    uint64_t index;
    const char *from;
};
uint64_t maker_submit(struct journal_maker *maker, const char *from, const char *kind,
                      const char *topic, const char *area, const struct maker_message *parent,
                      struct maker_message *ret_message);
/* The unit acknowledges everything in its lane; its journal index. exception_code 0: none, else of
 * the last entry. */
uint64_t maker_ack(struct journal_maker *maker, const char *unit, unsigned lane,
                   uint32_t exception_code);
/* Another Started record, with the digest of the state. */
uint64_t maker_restart(struct journal_maker *maker);
/* Commits, and then: what there is was put back from a backup; it goes on under another origin. */
uint64_t maker_restored(struct journal_maker *maker, const char *origin);

#endif
