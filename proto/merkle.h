/* merkle: the journal's hash tree (RFC 6962 section 2.1, RFC 9162 section 2.1; SHA-256).
 *
 * A leaf is SHA-256(00 || record), an interior node SHA-256(01 || left || right), the root of the
 * empty tree SHA-256(""). Node (level L, index k) is the root of the full subtree over the leaves
 * [k * 2^L, (k + 1) * 2^L); leaves are level 0. A node that is full never changes again, so the
 * journal stores it once, in the row of the leaf that completes it:
 *
 *     hashes of row i = leaf hash of i || the interior nodes that leaf i completes, level 1 upwards
 *     node (L, k) stands in row (k + 1) * 2^L - 1 at byte offset 32 * L     (merkle_node_place)
 *
 * Row i thus holds 1 + trailing_ones(i) hashes. Proofs and roots of any size up to what is stored
 * are made from these through a reader; roots of the ragged right edge are folded from full nodes
 * as needed.
 *
 * Limits: a tree has at most MERKLE_SIZE_MAX leaves, so that no proof is longer than
 * LIMIT_PROOF_HASH_COUNT_MAX hashes. Pure, no allocation, no state but the caller's; thread-safe on
 * distinct objects. Outputs untouched on failure. Hashes are public: comparisons are not constant
 * time. */
#ifndef PROTO_MERKLE_H
#define PROTO_MERKLE_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/error.h"
#include "proto/base/limits.h"

enum { MERKLE_HASH_LEN = 32, MERKLE_LEVEL_COUNT_MAX = 63 };
#define MERKLE_SIZE_MAX (1ull << 62)

void merkle_leaf_hash(struct bytes record, uint8_t ret_hash[static 32]);
/* ret_hash may be one of the inputs. */
void merkle_node_hash(const uint8_t left[static 32], const uint8_t right[static 32],
                      uint8_t ret_hash[static 32]);
void merkle_empty_root(uint8_t ret_root[static 32]);

/* Where a full node is stored; level < 63 and (index + 1) << level <= MERKLE_SIZE_MAX. */
static inline void merkle_node_place(unsigned level, uint64_t index, uint64_t *ret_row,
                                     size_t *ret_offset)
{
    *ret_row = ((index + 1) << level) - 1;
    *ret_offset = (size_t)32 * level;
}

/* The right edge of a growing tree: the root of one full subtree for each bit set in `size`, in
 * peaks[bit]; other entries mean nothing. Plain data: may be copied, and written off as a snapshot.
 */
struct merkle_frontier {
    uint64_t size;
    uint8_t peaks[MERKLE_LEVEL_COUNT_MAX][32];
};
void merkle_frontier_init(struct merkle_frontier *ret_frontier);
/* Adds leaf number `size`. The interior nodes it completes go to ret_nodes, level 1 first, and
 * their count (the trailing ones of the leaf's number) is returned: leaf_hash followed by them is
 * the row's `hashes`. ret_nodes may be NULL where they are not wanted. Amortised one hash. The
 * caller keeps size < MERKLE_SIZE_MAX (CHECKed). */
size_t merkle_frontier_append(struct merkle_frontier *frontier, const uint8_t leaf_hash[static 32],
                              uint8_t (*ret_nodes)[32]);
/* Root of everything appended so far; at most 62 hashes. */
void merkle_frontier_root(const struct merkle_frontier *frontier, uint8_t ret_root[static 32]);

/* Gives full node (level, index) of the stored tree: 0, or a negative error code that the calling
 * function passes on unchanged. Only nodes complete within the size asked for are requested. */
struct merkle_reader {
    int (*node)(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32]);
    void *ctx;
};

/* The frontier of the first `size` leaves, at most 62 reads: how a journal starts without hashing
 * everything again. E_BAD_VALUE: size beyond MERKLE_SIZE_MAX. Otherwise the reader's errors. */
int merkle_frontier_load(const struct merkle_reader *reader, uint64_t size,
                         struct merkle_frontier *ret_frontier, struct error *ret_error) MUST_USE;
/* The root at any stored size, 0 included. Errors as above. */
int merkle_root_at(const struct merkle_reader *reader, uint64_t size, uint8_t ret_root[static 32],
                   struct error *ret_error) MUST_USE;

/* Hashes of an inclusion or consistency proof in the order of RFC 6962 (from the leaf's side to the
 * root). */
struct merkle_proof {
    size_t count;
    uint8_t hashes[LIMIT_PROOF_HASH_COUNT_MAX][32];
};
/* For a proof that arrives hash by hash ({0} first). E_PROOF_INVALID: not 32 bytes, or one too
 * many. */
int merkle_proof_add(struct merkle_proof *proof, struct bytes hash,
                     struct error *ret_error) MUST_USE;

/* PATH(index, D[size]); O(log size) reads and hashes. E_BAD_VALUE: index >= size, or size beyond
 * MERKLE_SIZE_MAX. Otherwise the reader's errors. */
int merkle_prove_inclusion(const struct merkle_reader *reader, uint64_t index, uint64_t size,
                           struct merkle_proof *ret_proof, struct error *ret_error) MUST_USE;
/* PROOF(size1, D[size2]); empty when the sizes are equal. E_BAD_VALUE: size1 is 0 or over size2, or
 * size2 beyond MERKLE_SIZE_MAX. Otherwise the reader's errors. */
int merkle_prove_consistency(const struct merkle_reader *reader, uint64_t size1, uint64_t size2,
                             struct merkle_proof *ret_proof, struct error *ret_error) MUST_USE;

/* Does the leaf stand at `index` in the tree of this size and root? Any 64-bit numbers are fit to
 * be asked about. 0, or E_PROOF_INVALID: index outside, wrong number of hashes, or another root. */
int merkle_verify_inclusion(const uint8_t leaf_hash[static 32], uint64_t index, uint64_t size,
                            const struct merkle_proof *proof, const uint8_t root[static 32],
                            struct error *ret_error) MUST_USE;
/* Is the tree (size1, root1) a prefix of (size2, root2)? 0, or E_PROOF_INVALID: the second is
 * smaller, wrong number of hashes, or other roots. Equal sizes need equal roots and no hash. From
 * an empty tree there is nothing to prove: size1 = 0 is refused as in the published vectors
 * (checkpoint_verify_extends lets callers not think of it). */
int merkle_verify_consistency(uint64_t size1, const uint8_t root1[static 32], uint64_t size2,
                              const uint8_t root2[static 32], const struct merkle_proof *proof,
                              struct error *ret_error) MUST_USE;

#endif
