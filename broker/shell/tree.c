#include "broker/shell/tree.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

enum { LEVEL_RING_MIN = 4 };

struct slot {
    uint64_t index; /* plus one; 0 = empty */
    uint8_t hash[32];
};

struct tree {
    struct merkle_reader store;
    uint64_t size;
    struct buf checkpoint;
    struct slot *levels[MERKLE_LEVEL_COUNT_MAX];
    struct slot slots[]; /* rings of a power of two for each level */
};

static size_t ring_len(unsigned level)
{
    size_t len = level < 12 ? (size_t)TREE_CACHE_LEAVES >> level : 0;
    return len < LEVEL_RING_MIN ? LEVEL_RING_MIN : len;
}

static struct slot *slot_of(const struct tree *tree, unsigned level, uint64_t index)
{
    return &tree->levels[level][index & (ring_len(level) - 1)];
}

int tree_new(struct store *reader, struct tree **ret_tree, struct error *ret_error)
{
    size_t count = 0;
    for (unsigned level = 0; level < MERKLE_LEVEL_COUNT_MAX; level++) count += ring_len(level);
    struct tree *tree = (struct tree *)calloc(1, sizeof *tree + count * sizeof tree->slots[0]);
    if (!tree) return error_set(ret_error, E_NO_MEMORY, NULL, "tree");
    size_t at = 0;
    for (unsigned level = 0; level < MERKLE_LEVEL_COUNT_MAX; level++) {
        tree->levels[level] = &tree->slots[at];
        at += ring_len(level);
    }
    tree->store = store_merkle_reader(reader);
    *ret_tree = tree;
    return 0;
}

void tree_free(struct tree *tree)
{
    if (!tree) return;
    buf_fini(&tree->checkpoint);
    free(tree);
}

void tree_add(struct tree *tree, uint64_t index, struct bytes hashes)
{
    CHECK(hashes.len % 32 == 0);
    for (unsigned level = 0; level < hashes.len / 32; level++) {
        uint64_t at = ((index + 1) >> level) - 1;
        struct slot *slot = slot_of(tree, level, at);
        slot->index = at + 1;
        memcpy(slot->hash, hashes.data + 32 * (size_t)level, 32);
    }
}

void tree_advance(struct tree *tree, uint64_t size, struct bytes checkpoint)
{
    tree->size = size;
    buf_reset(&tree->checkpoint);
    buf_append_bytes(&tree->checkpoint, checkpoint);
}

uint64_t tree_size(const struct tree *tree)
{
    return tree->size;
}

struct bytes tree_checkpoint(const struct tree *tree)
{
    return buf_bytes(&tree->checkpoint);
}

static int node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    struct tree *tree = ctx;
    struct slot *slot = slot_of(tree, level, index);
    if (slot->index == index + 1) {
        memcpy(ret_hash, slot->hash, 32);
        return 0;
    }
    int code = tree->store.node(tree->store.ctx, level, index, ret_hash);
    /* Kept unless a newer one is there, which more will ask for. */
    if (!code && slot->index < index + 1) {
        slot->index = index + 1;
        memcpy(slot->hash, ret_hash, 32);
    }
    return code;
}

static struct merkle_reader reader(struct tree *tree)
{
    return (struct merkle_reader){.node = node, .ctx = tree};
}

int tree_inclusion(struct tree *tree, uint64_t index, struct merkle_proof *ret_proof,
                   struct error *ret_error)
{
    struct merkle_reader from = reader(tree);
    return merkle_prove_inclusion(&from, index, tree->size, ret_proof, ret_error);
}

int tree_consistency(struct tree *tree, uint64_t from_size, struct merkle_proof *ret_proof,
                     struct error *ret_error)
{
    struct merkle_reader from = reader(tree);
    return merkle_prove_consistency(&from, from_size, tree->size, ret_proof, ret_error);
}

int tree_root_at(struct tree *tree, uint64_t size, uint8_t ret_root[32], struct error *ret_error)
{
    struct merkle_reader from = reader(tree);
    return merkle_root_at(&from, size, ret_root, ret_error);
}
