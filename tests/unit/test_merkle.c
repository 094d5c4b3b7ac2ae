#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/tree.h"

static struct tree tree; /* of TREE_SIZE_MAX - 1 = 130 leaves, made once */

enum { SIZE_TOP = TREE_SIZE_MAX - 1 };

static int make_tree(void **state)
{
    (void)state;
    tree_init(&tree, SIZE_TOP);
    return 0;
}

static void assert_proof_equal(const struct merkle_proof *proof, const struct merkle_proof *other)
{
    assert_int_equal(proof->count, other->count);
    assert_memory_equal(proof->hashes, other->hashes, proof->count * 32);
}

static void assert_hex(const uint8_t hash[static 32], const char *expected)
{
    char hex[65];
    hex_encode(bytes_of(hash, 32), hex);
    assert_string_equal(hex, expected);
}

static void hashes_are_those_of_the_standard(void **state)
{
    uint8_t hash[32];
    (void)state;
    merkle_empty_root(hash);
    assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    merkle_leaf_hash((struct bytes){NULL, 0}, hash);
    assert_hex(hash, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    /* A leaf of 64 bytes and a node over the same 64 bytes must differ. */
    uint8_t both[64] = {1};
    uint8_t node[32];
    merkle_leaf_hash(bytes_of(both, 64), hash);
    merkle_node_hash(both, both + 32, node);
    assert_memory_not_equal(hash, node, 32);
    /* In place. */
    uint8_t left[32] = {1};
    uint8_t right[32] = {0};
    merkle_node_hash(left, right, right);
    assert_memory_equal(right, node, 32);
    memset(right, 0, 32);
    merkle_node_hash(left, right, left);
    assert_memory_equal(left, node, 32);
}

static void every_full_node_stands_in_its_row(void **state)
{
    (void)state;
    size_t stored = 0;
    size_t found = 0;
    for (size_t i = 0; i < SIZE_TOP; i++) stored += tree.row_counts[i];
    for (unsigned level = 0; 1u << level <= SIZE_TOP; level++) {
        for (uint64_t index = 0; (index + 1) << level <= SIZE_TOP; index++) {
            uint8_t node[32];
            uint8_t expected[32];
            assert_int_equal(tree_node(&tree, level, index, node), 0);
            naive_root(index << level, (index + 1) << level, expected);
            assert_memory_equal(node, expected, 32);
            found += 1;
        }
    }
    assert_int_equal(stored, found);
}

static void roots_of_every_size_agree(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_frontier grown;
    (void)state;
    merkle_frontier_init(&grown);
    for (uint64_t size = 0; size <= SIZE_TOP; size++) {
        uint8_t expected[32];
        uint8_t root[32];
        struct merkle_frontier loaded;
        naive_root(0, size, expected);
        tree.bound = size; /* nothing beyond the size may be read */
        assert_int_equal(merkle_root_at(&reader, size, root, NULL), 0);
        assert_memory_equal(root, expected, 32);
        assert_int_equal(merkle_frontier_load(&reader, size, &loaded, NULL), 0);
        merkle_frontier_root(&loaded, root);
        assert_memory_equal(root, expected, 32);
        merkle_frontier_root(&grown, root);
        assert_memory_equal(root, expected, 32);
        if (size == SIZE_TOP) break;
        /* A loaded frontier goes on like the one that grew. */
        uint8_t leaf[32];
        uint8_t nodes[64][32];
        tree_leaf(size, leaf);
        assert_int_equal(merkle_frontier_append(&loaded, leaf, nodes) + 1, tree.row_counts[size]);
        assert_memory_equal(nodes, tree.rows[size][1], 32 * (tree.row_counts[size] - 1));
        merkle_frontier_append(&grown, leaf, NULL);
        assert_int_equal(loaded.size, grown.size);
    }
    tree.bound = SIZE_TOP;
}

static void every_leaf_of_every_size_is_proved(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    (void)state;
    for (uint64_t size = 1; size <= SIZE_TOP; size++) {
        uint8_t root[32];
        tree.bound = size;
        naive_root(0, size, root);
        for (uint64_t index = 0; index < size; index++) {
            struct merkle_proof proof;
            struct merkle_proof expected = {0};
            tree.read_count = 0;
            assert_int_equal(merkle_prove_inclusion(&reader, index, size, &proof, NULL), 0);
            assert_true(tree.read_count <= 16);
            naive_path(index, 0, size, &expected);
            assert_proof_equal(&proof, &expected);
            assert_int_equal(
                merkle_verify_inclusion(tree.rows[index][0], index, size, &proof, root, NULL), 0);
        }
    }
    tree.bound = SIZE_TOP;
}

static void every_growth_is_proved(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    (void)state;
    for (uint64_t size2 = 1; size2 <= SIZE_TOP; size2++) {
        uint8_t root2[32];
        tree.bound = size2;
        naive_root(0, size2, root2);
        for (uint64_t size1 = 1; size1 <= size2; size1++) {
            struct merkle_proof proof;
            struct merkle_proof expected = {0};
            uint8_t root1[32];
            naive_root(0, size1, root1);
            tree.read_count = 0;
            assert_int_equal(merkle_prove_consistency(&reader, size1, size2, &proof, NULL), 0);
            assert_true(tree.read_count <= 17);
            naive_subproof(size1, 0, size2, true, &expected);
            assert_proof_equal(&proof, &expected);
            assert_int_equal(merkle_verify_consistency(size1, root1, size2, root2, &proof, NULL),
                             0);
        }
    }
    tree.bound = SIZE_TOP;
}

/* Each way to spoil a list of hashes, numbered from 0: every bit, every hash left out, every hash
 * doubled, a foreign one put in at every place. False when there is no such number. */
static bool spoil(const struct merkle_proof *proof, size_t number, struct merkle_proof *ret_proof)
{
    *ret_proof = *proof;
    if (number < proof->count * 256) {
        ret_proof->hashes[number / 256][number % 256 / 8] ^= (uint8_t)(1 << number % 8);
        return true;
    }
    number -= proof->count * 256;
    if (number < proof->count) {
        memmove(ret_proof->hashes[number], ret_proof->hashes[number + 1],
                32 * (proof->count - number - 1));
        ret_proof->count -= 1;
        return true;
    }
    number -= proof->count;
    if (number < proof->count) {
        memmove(ret_proof->hashes[number + 1], ret_proof->hashes[number],
                32 * (proof->count - number));
        ret_proof->count += 1;
        return true;
    }
    number -= proof->count;
    if (number > proof->count) return false;
    memmove(ret_proof->hashes[number + 1], ret_proof->hashes[number], 32 * (proof->count - number));
    memset(ret_proof->hashes[number], 0, 32);
    ret_proof->count += 1;
    return true;
}

static const uint64_t spoilt_sizes[] = {1, 2, 3, 4, 5, 7, 8, 13, 33, 130};

static void refuse_inclusion(uint64_t index, uint64_t size)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_proof proof;
    struct merkle_proof bad;
    uint8_t root[32];
    const uint8_t *leaf = tree.rows[index][0];
    naive_root(0, size, root);
    assert_int_equal(merkle_prove_inclusion(&reader, index, size, &proof, NULL), 0);
    for (size_t i = 0; spoil(&proof, i, &bad); i++)
        assert_int_equal(merkle_verify_inclusion(leaf, index, size, &bad, root, NULL),
                         E_PROOF_INVALID);
    for (size_t bit = 0; bit < 256; bit++) {
        uint8_t other[32];
        memcpy(other, leaf, 32);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(merkle_verify_inclusion(other, index, size, &proof, root, NULL),
                         E_PROOF_INVALID);
        memcpy(other, root, 32);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(merkle_verify_inclusion(leaf, index, size, &proof, other, NULL),
                         E_PROOF_INVALID);
    }
    for (uint64_t other = 0; other < size + 3; other++)
        if (other != index)
            assert_int_equal(merkle_verify_inclusion(leaf, other, size, &proof, root, NULL),
                             E_PROOF_INVALID);
}

static void spoilt_inclusion_proofs_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spoilt_sizes / sizeof spoilt_sizes[0]; i++) {
        uint64_t size = spoilt_sizes[i];
        uint64_t step = size > 16 ? 11 : 1;
        for (uint64_t index = 0; index < size; index += step) refuse_inclusion(index, size);
        refuse_inclusion(size - 1, size);
    }
}

static void refuse_growth(uint64_t size1, uint64_t size2)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_proof proof;
    struct merkle_proof bad;
    uint8_t root1[32];
    uint8_t root2[32];
    naive_root(0, size1, root1);
    naive_root(0, size2, root2);
    assert_int_equal(merkle_prove_consistency(&reader, size1, size2, &proof, NULL), 0);
    for (size_t i = 0; spoil(&proof, i, &bad); i++)
        assert_int_equal(merkle_verify_consistency(size1, root1, size2, root2, &bad, NULL),
                         E_PROOF_INVALID);
    for (size_t bit = 0; bit < 256; bit++) {
        uint8_t other[32];
        memcpy(other, root1, 32);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(merkle_verify_consistency(size1, other, size2, root2, &proof, NULL),
                         E_PROOF_INVALID);
        memcpy(other, root2, 32);
        other[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(merkle_verify_consistency(size1, root1, size2, other, &proof, NULL),
                         E_PROOF_INVALID);
    }
    if (size1 == size2) return;
    assert_int_equal(merkle_verify_consistency(size2, root2, size1, root1, &proof, NULL),
                     E_PROOF_INVALID);
    assert_int_equal(merkle_verify_consistency(size1, root2, size2, root1, &proof, NULL),
                     E_PROOF_INVALID);
    assert_int_equal(merkle_verify_consistency(0, root1, size2, root2, &proof, NULL),
                     E_PROOF_INVALID);
}

static void spoilt_consistency_proofs_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof spoilt_sizes / sizeof spoilt_sizes[0]; i++)
        for (size_t k = 0; k <= i; k++) refuse_growth(spoilt_sizes[k], spoilt_sizes[i]);
}

static void a_forked_tree_is_not_consistent(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_frontier forked;
    uint8_t root1[32];
    uint8_t fork[32];
    struct merkle_proof proof;
    (void)state;
    merkle_frontier_init(&forked);
    naive_root(0, 20, root1);
    for (uint64_t i = 0; i < 40; i++) {
        uint8_t leaf[32];
        tree_leaf(i == 19 ? 500 : i, leaf); /* one record within the old part was exchanged */
        merkle_frontier_append(&forked, leaf, NULL);
    }
    merkle_frontier_root(&forked, fork);
    assert_int_equal(merkle_prove_consistency(&reader, 20, 40, &proof, NULL), 0);
    assert_int_equal(merkle_verify_consistency(20, root1, 40, fork, &proof, NULL), E_PROOF_INVALID);
}

/* Roots made to measure for one hash more than the sizes allow: only the count gives it away. */
static void a_longer_proof_is_refused_even_where_its_roots_fit(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_proof proof;
    const uint8_t more[32] = {0x77};
    uint8_t root1[32];
    uint8_t root2[32];
    (void)state;
    naive_root(0, 6, root1);
    naive_root(0, 7, root2);
    assert_int_equal(merkle_prove_consistency(&reader, 6, 7, &proof, NULL), 0);
    assert_int_equal(merkle_proof_add(&proof, bytes_of(more, 32), NULL), 0);
    merkle_node_hash(more, root1, root1);
    merkle_node_hash(more, root2, root2);
    assert_int_equal(merkle_verify_consistency(6, root1, 7, root2, &proof, NULL), E_PROOF_INVALID);

    assert_int_equal(merkle_prove_inclusion(&reader, 6, 7, &proof, NULL), 0);
    assert_int_equal(merkle_proof_add(&proof, bytes_of(more, 32), NULL), 0);
    assert_int_equal(merkle_verify_inclusion(tree.rows[6][0], 6, 7, &proof, root2, NULL),
                     E_PROOF_INVALID);
}

static void numbers_at_the_edge_are_judged_not_feared(void **state)
{
    struct merkle_proof proof = {0};
    uint8_t hash[32] = {0};
    const uint64_t numbers[] = {
        0, 1, 2, 1ull << 32, MERKLE_SIZE_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX};
    const size_t counts[] = {0, 1, 62, 63, 64, SIZE_MAX};
    (void)state;
    for (size_t c = 0; c < 6; c++) {
        proof.count = counts[c];
        for (size_t i = 0; i < 8; i++) {
            for (size_t k = 0; k < 8; k++) {
                uint64_t a = numbers[i];
                uint64_t b = numbers[k];
                bool same = proof.count == 0 && a == b && a > 0; /* equal roots of one size */
                bool only = proof.count == 0 && a == 0 && b == 1;
                assert_int_equal(merkle_verify_inclusion(hash, a, b, &proof, hash, NULL),
                                 only ? 0 : E_PROOF_INVALID);
                assert_int_equal(merkle_verify_consistency(a, hash, b, hash, &proof, NULL),
                                 same ? 0 : E_PROOF_INVALID);
            }
        }
    }
}

/* A tree of equal leaves: one hash for each level, so that any size can be read. */
struct uniform {
    uint8_t levels[63][32];
};

static int uniform_node(void *ctx, unsigned level, uint64_t index, uint8_t ret_hash[32])
{
    const struct uniform *uniform = ctx;
    if (level > 62 || index > (MERKLE_SIZE_MAX >> level) - 1) return TREE_FAULT;
    memcpy(ret_hash, uniform->levels[level], 32);
    return 0;
}

static void the_largest_tree_has_proofs_within_the_limit(void **state)
{
    struct uniform uniform;
    struct merkle_reader reader = {.node = uniform_node, .ctx = &uniform};
    const uint64_t sizes[] = {
        MERKLE_SIZE_MAX,    MERKLE_SIZE_MAX - 1, MERKLE_SIZE_MAX / 2 + 1,   MERKLE_SIZE_MAX / 2,
        0x2aaaaaaaaaaaaaaa, 0x1555555555555555,  (1ull << 61) + (1ull << 7)};
    struct merkle_proof proof;
    uint8_t root1[32];
    uint8_t root2[32];
    size_t longest = 0;
    (void)state;
    tree_leaf(0, uniform.levels[0]);
    for (size_t i = 1; i < 63; i++)
        merkle_node_hash(uniform.levels[i - 1], uniform.levels[i - 1], uniform.levels[i]);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(merkle_root_at(&reader, sizes[i], root2, NULL), 0);
        for (size_t k = 0; k < 7; k++) {
            uint64_t index = sizes[k] - 1;
            if (index >= sizes[i]) continue;
            assert_int_equal(merkle_prove_inclusion(&reader, index, sizes[i], &proof, NULL), 0);
            assert_int_equal(
                merkle_verify_inclusion(uniform.levels[0], index, sizes[i], &proof, root2, NULL),
                0);
            assert_int_equal(merkle_root_at(&reader, sizes[k], root1, NULL), 0);
            assert_int_equal(merkle_prove_consistency(&reader, sizes[k], sizes[i], &proof, NULL),
                             0);
            assert_int_equal(
                merkle_verify_consistency(sizes[k], root1, sizes[i], root2, &proof, NULL), 0);
            if (proof.count > longest) longest = proof.count;
        }
    }
    assert_int_equal(longest, LIMIT_PROOF_HASH_COUNT_MAX);

    struct merkle_frontier frontier;
    uint8_t nodes[64][32];
    assert_int_equal(merkle_frontier_load(&reader, MERKLE_SIZE_MAX - 1, &frontier, NULL), 0);
    assert_int_equal(merkle_frontier_append(&frontier, uniform.levels[0], nodes), 62);
    merkle_frontier_root(&frontier, root1);
    assert_memory_equal(root1, uniform.levels[62], 32);
}

static void what_cannot_be_proved_is_refused_and_outputs_kept(void **state)
{
    struct merkle_reader reader = tree_reader(&tree);
    struct merkle_proof proof;
    struct merkle_proof kept;
    struct merkle_frontier frontier;
    struct merkle_frontier kept_frontier;
    struct error error;
    uint8_t root[32];
    uint8_t kept_root[32];
    (void)state;
    memset(&proof, 0xa5, sizeof proof);
    kept = proof;
    memset(&frontier, 0xa5, sizeof frontier);
    kept_frontier = frontier;
    memset(root, 0xa5, 32);
    memset(kept_root, 0xa5, 32);
    assert_int_equal(merkle_prove_inclusion(&reader, 0, 0, &proof, &error), E_BAD_VALUE);
    assert_int_equal(error.code, E_BAD_VALUE);
    assert_int_equal(merkle_prove_inclusion(&reader, 5, 5, &proof, NULL), E_BAD_VALUE);
    assert_int_equal(merkle_prove_inclusion(&reader, 0, MERKLE_SIZE_MAX + 1, &proof, NULL),
                     E_BAD_VALUE);
    assert_int_equal(merkle_prove_consistency(&reader, 0, 5, &proof, NULL), E_BAD_VALUE);
    assert_int_equal(merkle_prove_consistency(&reader, 6, 5, &proof, NULL), E_BAD_VALUE);
    assert_int_equal(merkle_prove_consistency(&reader, 1, UINT64_MAX, &proof, NULL), E_BAD_VALUE);
    assert_int_equal(merkle_root_at(&reader, UINT64_MAX, root, NULL), E_BAD_VALUE);
    assert_int_equal(merkle_frontier_load(&reader, UINT64_MAX, &frontier, NULL), E_BAD_VALUE);
    /* More than is stored: the reader's own code comes through. */
    assert_int_equal(merkle_prove_inclusion(&reader, 3, 140, &proof, &error), TREE_FAULT);
    assert_int_equal(error.code, TREE_FAULT);
    assert_int_equal(merkle_prove_consistency(&reader, 3, 140, &proof, NULL), TREE_FAULT);
    assert_int_equal(merkle_prove_consistency(&reader, 139, 140, &proof, NULL), TREE_FAULT);
    assert_int_equal(merkle_root_at(&reader, 140, root, NULL), TREE_FAULT);
    assert_int_equal(merkle_frontier_load(&reader, 140, &frontier, NULL), TREE_FAULT);
    assert_memory_equal(&proof, &kept, sizeof proof);
    assert_memory_equal(&frontier, &kept_frontier, sizeof frontier);
    assert_memory_equal(root, kept_root, 32);
}

static void a_proof_takes_only_whole_hashes_and_not_too_many(void **state)
{
    struct merkle_proof proof = {0};
    uint8_t hash[33] = {7};
    (void)state;
    assert_int_equal(merkle_proof_add(&proof, bytes_of(hash, 0), NULL), E_PROOF_INVALID);
    assert_int_equal(merkle_proof_add(&proof, (struct bytes){NULL, 0}, NULL), E_PROOF_INVALID);
    assert_int_equal(merkle_proof_add(&proof, bytes_of(hash, 31), NULL), E_PROOF_INVALID);
    assert_int_equal(merkle_proof_add(&proof, bytes_of(hash, 33), NULL), E_PROOF_INVALID);
    assert_int_equal(proof.count, 0);
    for (int i = 0; i < LIMIT_PROOF_HASH_COUNT_MAX; i++)
        assert_int_equal(merkle_proof_add(&proof, bytes_of(hash, 32), NULL), 0);
    assert_int_equal(merkle_proof_add(&proof, bytes_of(hash, 32), NULL), E_PROOF_INVALID);
    assert_int_equal(proof.count, LIMIT_PROOF_HASH_COUNT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_the_standard),
        cmocka_unit_test(every_full_node_stands_in_its_row),
        cmocka_unit_test(roots_of_every_size_agree),
        cmocka_unit_test(every_leaf_of_every_size_is_proved),
        cmocka_unit_test(every_growth_is_proved),
        cmocka_unit_test(spoilt_inclusion_proofs_are_refused),
        cmocka_unit_test(spoilt_consistency_proofs_are_refused),
        cmocka_unit_test(a_forked_tree_is_not_consistent),
        cmocka_unit_test(a_longer_proof_is_refused_even_where_its_roots_fit),
        cmocka_unit_test(numbers_at_the_edge_are_judged_not_feared),
        cmocka_unit_test(the_largest_tree_has_proofs_within_the_limit),
        cmocka_unit_test(what_cannot_be_proved_is_refused_and_outputs_kept),
        cmocka_unit_test(a_proof_takes_only_whole_hashes_and_not_too_many),
    };
    return cmocka_run_group_tests(tests, make_tree, NULL);
}
