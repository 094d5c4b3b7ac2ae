#include "proto/merkle.h"

#include <string.h>

#include "proto/base/check.h"
#include "proto/sha256.h"

static const uint8_t leaf_prefix = 0x00;
static const uint8_t node_prefix = 0x01;

void merkle_leaf_hash(struct bytes record, uint8_t ret_hash[static 32])
{
    struct sha256_state state;
    sha256_begin(&state);
    sha256_add(&state, bytes_of(&leaf_prefix, 1));
    sha256_add(&state, record);
    sha256_end(&state, ret_hash);
}

void merkle_node_hash(const uint8_t left[static 32], const uint8_t right[static 32],
                      uint8_t ret_hash[static 32])
{
    uint8_t input[1 + 64];
    input[0] = node_prefix;
    memcpy(input + 1, left, 32);
    memcpy(input + 33, right, 32);
    sha256(bytes_of(input, sizeof input), ret_hash);
}

void merkle_empty_root(uint8_t ret_root[static 32])
{
    sha256((struct bytes){0}, ret_root);
}

void merkle_frontier_init(struct merkle_frontier *ret_frontier)
{
    memset(ret_frontier, 0, sizeof *ret_frontier);
}

size_t merkle_frontier_append(struct merkle_frontier *frontier, const uint8_t leaf_hash[static 32],
                              uint8_t (*ret_nodes)[32])
{
    CHECK(frontier->size < MERKLE_SIZE_MAX);
    uint8_t node[32];
    size_t level = 0;
    memcpy(node, leaf_hash, 32);
    /* Like a carry in binary addition: every peak in a row of ones is joined into the next. */
    for (; frontier->size >> level & 1; level++) {
        merkle_node_hash(frontier->peaks[level], node, node);
        if (ret_nodes) memcpy(ret_nodes[level], node, 32);
    }
    memcpy(frontier->peaks[level], node, 32);
    frontier->size += 1;
    return level;
}

void merkle_frontier_root(const struct merkle_frontier *frontier, uint8_t ret_root[static 32])
{
    uint64_t rest = frontier->size;
    if (rest == 0) {
        merkle_empty_root(ret_root);
        return;
    }
    CHECK(rest <= MERKLE_SIZE_MAX);
    uint8_t root[32];
    memcpy(root, frontier->peaks[__builtin_ctzll(rest)], 32);
    for (rest &= rest - 1; rest != 0; rest &= rest - 1)
        merkle_node_hash(frontier->peaks[__builtin_ctzll(rest)], root, root);
    memcpy(ret_root, root, 32);
}

static int read_node(const struct merkle_reader *reader, unsigned level, uint64_t index,
                     uint8_t ret_hash[static 32], struct error *ret_error)
{
    int result = reader->node(reader->ctx, level, index, ret_hash);
    CHECK(result <= 0);
    if (result < 0)
        return error_say(ret_error, result, "journal", "第 %u 层第 %llu 个哈希",
                         "hash of level %u, index %llu", level, (unsigned long long)index);
    return 0;
}

/* Root over the leaves [start, end), start being a multiple of a power of two that is not less than
 * their number. It is folded from full subtrees, the smallest and rightmost first. */
static int range_root(const struct merkle_reader *reader, uint64_t start, uint64_t end,
                      uint8_t ret_root[static 32], struct error *ret_error)
{
    uint64_t rest = end - start;
    uint8_t root[32];
    bool first = true;
    while (rest != 0) {
        unsigned level = (unsigned)__builtin_ctzll(rest);
        uint8_t node[32];
        rest &= rest - 1;
        int result = read_node(reader, level, (start + rest) >> level, node, ret_error);
        if (result < 0) return result;
        if (first)
            memcpy(root, node, 32);
        else
            merkle_node_hash(node, root, root);
        first = false;
    }
    CHECK(!first);
    memcpy(ret_root, root, 32);
    return 0;
}

static int size_check(uint64_t size, struct error *ret_error)
{
    if (size > MERKLE_SIZE_MAX)
        return error_say(ret_error, E_BAD_VALUE, "size", "%llu，至多 2 的 62 次方",
                         "%llu, at most 2^62", (unsigned long long)size);
    return 0;
}

int merkle_frontier_load(const struct merkle_reader *reader, uint64_t size,
                         struct merkle_frontier *ret_frontier, struct error *ret_error)
{
    int result = size_check(size, ret_error);
    if (result < 0) return result;
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    frontier.size = size;
    for (uint64_t rest = size; rest != 0;) {
        unsigned level = (unsigned)__builtin_ctzll(rest);
        rest &= rest - 1;
        result = read_node(reader, level, rest >> level, frontier.peaks[level], ret_error);
        if (result < 0) return result;
    }
    *ret_frontier = frontier;
    return 0;
}

int merkle_root_at(const struct merkle_reader *reader, uint64_t size, uint8_t ret_root[static 32],
                   struct error *ret_error)
{
    int result = size_check(size, ret_error);
    if (result < 0) return result;
    if (size == 0) {
        merkle_empty_root(ret_root);
        return 0;
    }
    return range_root(reader, 0, size, ret_root, ret_error);
}

int merkle_proof_add(struct merkle_proof *proof, struct bytes hash, struct error *ret_error)
{
    if (hash.len != 32)
        return error_say(ret_error, E_PROOF_INVALID, "proof", "哈希为 %zu 字节，应为 32 字节",
                         "a hash of %zu bytes, expected 32", hash.len);
    if (proof->count >= LIMIT_PROOF_HASH_COUNT_MAX)
        return error_say(ret_error, E_PROOF_INVALID, "proof", "多于 %d 个哈希",
                         "more than %d hashes", LIMIT_PROOF_HASH_COUNT_MAX);
    memcpy(proof->hashes[proof->count++], hash.data, 32);
    return 0;
}

/* Adds the siblings met on the way from the full node (level, index) to the root of the tree of
 * `size`. Where the right sibling is cut by the edge, its root is folded; that happens at most once
 * on a path, since from there on the path itself runs along the edge and has only full left
 * siblings. */
static int add_path(const struct merkle_reader *reader, unsigned level, uint64_t index,
                    uint64_t size, struct merkle_proof *proof, struct error *ret_error)
{
    for (; (size - 1) >> level != 0; level++, index >>= 1) {
        uint64_t sibling = index ^ 1;
        uint64_t start = sibling << level;
        int result;
        if (start >= size) continue;
        CHECK(proof->count < LIMIT_PROOF_HASH_COUNT_MAX);
        uint8_t *hash = proof->hashes[proof->count];
        if (size - start >= 1ull << level)
            result = read_node(reader, level, sibling, hash, ret_error);
        else
            result = range_root(reader, start, size, hash, ret_error);
        if (result < 0) return result;
        proof->count += 1;
    }
    return 0;
}

int merkle_prove_inclusion(const struct merkle_reader *reader, uint64_t index, uint64_t size,
                           struct merkle_proof *ret_proof, struct error *ret_error)
{
    int result = size_check(size, ret_error);
    if (result < 0) return result;
    if (index >= size)
        return error_say(ret_error, E_BAD_VALUE, "index", "%llu，树中共 %llu 条",
                         "%llu in a tree of %llu", (unsigned long long)index,
                         (unsigned long long)size);
    struct merkle_proof proof = {0};
    result = add_path(reader, 0, index, size, &proof, ret_error);
    if (result < 0) return result;
    *ret_proof = proof;
    return 0;
}

int merkle_prove_consistency(const struct merkle_reader *reader, uint64_t size1, uint64_t size2,
                             struct merkle_proof *ret_proof, struct error *ret_error)
{
    int result = size_check(size2, ret_error);
    if (result < 0) return result;
    if (size1 == 0 || size1 > size2)
        return error_say(ret_error, E_BAD_VALUE, "size", "自 %llu 至 %llu", "from %llu to %llu",
                         (unsigned long long)size1, (unsigned long long)size2);
    struct merkle_proof proof = {0};
    if (size1 < size2) {
        /* The last full subtree of the smaller tree is where both trees are walked up from. A
         * smaller tree that is one full subtree has its root there, which the verifier knows
         * already. */
        unsigned level = (unsigned)__builtin_ctzll(size1);
        uint64_t index = (size1 >> level) - 1;
        if (index != 0) {
            result = read_node(reader, level, index, proof.hashes[0], ret_error);
            if (result < 0) return result;
            proof.count = 1;
        }
        result = add_path(reader, level, index, size2, &proof, ret_error);
        if (result < 0) return result;
    }
    *ret_proof = proof;
    return 0;
}

static int proof_invalid(const char *zh, const char *en, struct error *ret_error)
{
    (void)error_set(ret_error, E_PROOF_INVALID, "proof", "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_PROOF_INVALID;
}

int merkle_verify_inclusion(const uint8_t leaf_hash[static 32], uint64_t index, uint64_t size,
                            const struct merkle_proof *proof, const uint8_t root[static 32],
                            struct error *ret_error)
{
    if (index >= size)
        return proof_invalid("序号在树之外", "the index is outside the tree", ret_error);
    if (proof->count > LIMIT_PROOF_HASH_COUNT_MAX)
        return proof_invalid("哈希过多", "too many hashes", ret_error);
    uint64_t node = index;
    uint64_t last = size - 1; /* the last node of the same level */
    uint8_t hash[32];
    memcpy(hash, leaf_hash, 32);
    for (size_t i = 0; i < proof->count; i++) {
        if (last == 0) return proof_invalid("哈希过多", "too many hashes", ret_error);
        if ((node & 1) || node == last) {
            merkle_node_hash(proof->hashes[i], hash, hash);
            /* A last node without a sibling stands for its parents up to where it is a right child.
             */
            for (; !(node & 1) && node != 0; node >>= 1) last >>= 1;
        } else {
            merkle_node_hash(hash, proof->hashes[i], hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return proof_invalid("哈希不足", "too few hashes", ret_error);
    if (memcmp(hash, root, 32) != 0)
        return proof_invalid("得到的根不同", "leads to another root", ret_error);
    return 0;
}

/* The general case 0 < size1 < size2, RFC 9162 section 2.1.4.2. */
static int verify_growth(uint64_t size1, const uint8_t root1[static 32], uint64_t size2,
                         const uint8_t root2[static 32], const struct merkle_proof *proof,
                         struct error *ret_error)
{
    unsigned level = (unsigned)__builtin_ctzll(size1);
    uint64_t node = (size1 - 1) >> level;
    uint64_t last = (size2 - 1) >> level;
    uint8_t old_hash[32];
    uint8_t new_hash[32];
    size_t i = 0;
    const uint8_t *seed = root1;
    if (node != 0) {
        if (proof->count == 0) return proof_invalid("哈希不足", "too few hashes", ret_error);
        seed = proof->hashes[i++];
    }
    memcpy(old_hash, seed, 32);
    memcpy(new_hash, seed, 32);
    for (; i < proof->count; i++) {
        if (last == 0) return proof_invalid("哈希过多", "too many hashes", ret_error);
        if ((node & 1) || node == last) {
            merkle_node_hash(proof->hashes[i], old_hash, old_hash);
            merkle_node_hash(proof->hashes[i], new_hash, new_hash);
            for (; !(node & 1) && node != 0; node >>= 1) last >>= 1;
        } else {
            merkle_node_hash(new_hash, proof->hashes[i], new_hash);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0) return proof_invalid("哈希不足", "too few hashes", ret_error);
    if (memcmp(old_hash, root1, 32) != 0)
        return proof_invalid("较早的根不同", "another first root", ret_error);
    if (memcmp(new_hash, root2, 32) != 0)
        return proof_invalid("较晚的根不同", "another second root", ret_error);
    return 0;
}

int merkle_verify_consistency(uint64_t size1, const uint8_t root1[static 32], uint64_t size2,
                              const uint8_t root2[static 32], const struct merkle_proof *proof,
                              struct error *ret_error)
{
    if (size1 == 0)
        return proof_invalid("空树无可证明", "nothing to prove from an empty tree", ret_error);
    if (size2 < size1)
        return proof_invalid("较晚的树反而较小", "the second tree is smaller", ret_error);
    if (proof->count > LIMIT_PROOF_HASH_COUNT_MAX)
        return proof_invalid("哈希过多", "too many hashes", ret_error);
    if (size1 < size2) return verify_growth(size1, root1, size2, root2, proof, ret_error);
    if (proof->count != 0) return proof_invalid("哈希过多", "too many hashes", ret_error);
    if (memcmp(root1, root2, 32) != 0)
        return proof_invalid("同样大小有两个不同的根", "two roots for the same size", ret_error);
    return 0;
}
