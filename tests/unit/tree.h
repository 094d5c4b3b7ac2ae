/* tree: a small stored tree for tests, laid out as a journal stores it, and the definitions of
 * RFC 6962 section 2.1 written down literally as the oracle. Leaf i is the two bytes of i, big
 * endian. */
#ifndef TESTS_UNIT_TREE_H
#define TESTS_UNIT_TREE_H

#include <string.h>

#include "proto/base/bytes.h"
#include "proto/merkle.h"

enum { TREE_SIZE_MAX = 131, TREE_ROW_HASH_COUNT_MAX = 9, TREE_FAULT = E_JOURNAL_CORRUPT };

struct tree {
    uint64_t size;
    size_t row_counts[TREE_SIZE_MAX];
    uint8_t rows[TREE_SIZE_MAX][TREE_ROW_HASH_COUNT_MAX][32];
    struct merkle_frontier frontier;
    uint64_t bound; /* nodes standing in rows from here on are refused, as is what does not exist */
    size_t read_count;
};

static inline void tree_leaf(uint64_t index, uint8_t ret_hash[static 32])
{
    uint8_t record[2];
    store_u16(record, (uint16_t)index);
    merkle_leaf_hash(bytes_of(record, 2), ret_hash);
}

static inline void tree_init(struct tree *tree, uint64_t size)
{
    memset(tree, 0, sizeof *tree);
    merkle_frontier_init(&tree->frontier);
    for (uint64_t i = 0; i < size; i++) {
        tree_leaf(i, tree->rows[i][0]);
        tree->row_counts[i] =
            1 + merkle_frontier_append(&tree->frontier, tree->rows[i][0], tree->rows[i] + 1);
    }
    tree->size = size;
    tree->bound = size;
}

static inline int tree_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    struct tree *tree = ctx;
    uint64_t row;
    size_t offset;
    tree->read_count += 1;
    merkle_node_place(level, index, &row, &offset);
    if (row >= tree->bound || offset / 32 >= tree->row_counts[row]) return TREE_FAULT;
    memcpy(ret_hash, tree->rows[row][offset / 32], 32);
    return 0;
}

static inline struct merkle_reader tree_reader(struct tree *tree)
{
    return (struct merkle_reader){.node = tree_node, .ctx = tree};
}

/* The largest power of two smaller than n, n > 1. */
static inline uint64_t naive_split(uint64_t n)
{
    uint64_t k = 1;
    while (k * 2 < n) k *= 2;
    return k;
}

/* MTH(D[start:end]) */
static inline void naive_root(uint64_t start, uint64_t end, uint8_t ret_root[static 32])
{
    uint64_t n = end - start;
    if (n == 0) {
        merkle_empty_root(ret_root);
    } else if (n == 1) {
        tree_leaf(start, ret_root);
    } else {
        uint64_t k = naive_split(n);
        uint8_t left[32];
        uint8_t right[32];
        naive_root(start, start + k, left);
        naive_root(start + k, end, right);
        merkle_node_hash(left, right, ret_root);
    }
}

/* PATH(m, D[start:end]) */
static inline void naive_path(uint64_t m, uint64_t start, uint64_t end, struct merkle_proof *proof)
{
    uint64_t n = end - start;
    if (n <= 1) return;
    uint64_t k = naive_split(n);
    if (m < k) {
        naive_path(m, start, start + k, proof);
        naive_root(start + k, end, proof->hashes[proof->count++]);
    } else {
        naive_path(m - k, start + k, end, proof);
        naive_root(start, start + k, proof->hashes[proof->count++]);
    }
}

/* SUBPROOF(m, D[start:end], known) */
static inline void naive_subproof(uint64_t m, uint64_t start, uint64_t end, bool known,
                                  struct merkle_proof *proof)
{
    uint64_t n = end - start;
    if (m == n) {
        if (!known) naive_root(start, end, proof->hashes[proof->count++]);
        return;
    }
    uint64_t k = naive_split(n);
    if (m <= k) {
        naive_subproof(m, start, start + k, known, proof);
        naive_root(start + k, end, proof->hashes[proof->count++]);
    } else {
        naive_subproof(m - k, start + k, end, false, proof);
        naive_root(start, start + k, proof->hashes[proof->count++]);
    }
}

#endif
