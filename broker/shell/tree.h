/* tree: the durable tree as the core's thread sees it, and proofs from it.
 *
 * Looks for a node among the newest ones in memory first, then asks the store. Holds the newest
 * durable checkpoint: what every receipt, delivery and welcome is proved under. Owned by one
 * thread. Memory: about 3 * TREE_CACHE_LEAVES * 32 bytes. */
#ifndef BROKER_SHELL_TREE_H
#define BROKER_SHELL_TREE_H

#include <stdint.h>

#include "broker/store/store.h"
#include "proto/base/bytes.h"
#include "proto/merkle.h"

enum { TREE_CACHE_LEAVES = 4096 };

struct tree;

/* The reader's handle is borrowed. E_NO_MEMORY. */
int tree_new(struct store *reader, struct tree **ret_tree, struct error *ret_error) MUST_USE;
void tree_free(struct tree *tree);

/* A row of the journal became durable: its leaf hash and the interior nodes it completes. */
void tree_add(struct tree *tree, uint64_t index, struct bytes hashes);
/* After the rows: the head over them. */
void tree_advance(struct tree *tree, uint64_t size, struct bytes checkpoint);

uint64_t tree_size(const struct tree *tree);
/* The signed checkpoint over tree_size; borrowed until the next advance. */
struct bytes tree_checkpoint(const struct tree *tree);

/* Under the newest checkpoint. The store's errors. */
int tree_inclusion(struct tree *tree, uint64_t index, struct merkle_proof *ret_proof,
                   struct error *ret_error) MUST_USE;
int tree_consistency(struct tree *tree, uint64_t from_size, struct merkle_proof *ret_proof,
                     struct error *ret_error) MUST_USE;
int tree_root_at(struct tree *tree, uint64_t size, uint8_t ret_root[32],
                 struct error *ret_error) MUST_USE;

#endif
