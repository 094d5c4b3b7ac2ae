/* places: compared with a plain search at every key length; equal hashes, growth, memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/places.h"

static const uint8_t hash_key[PLACES_HASH_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const size_t key_lens[] = {8, 16, 32};
enum { KEY_LEN_COUNT = 3, ENTRY_COUNT = 5000 };

/* As the core has them: the key inside something larger. */
struct entry {
    uint32_t other;
    uint8_t key[PLACES_KEY_LEN_MAX];
    uint32_t more;
};

/* Keys that differ in one place only: the worst case for a weak hash. */
static void key_of(uint64_t n, size_t key_len, uint8_t *ret_key)
{
    memset(ret_key, 0x11, PLACES_KEY_LEN_MAX);
    store_u64(ret_key + key_len - 8, n);
}

static void an_empty_table_finds_nothing(void **state)
{
    (void)state;
    uint8_t key[PLACES_KEY_LEN_MAX] = {0};
    struct places places;
    places_init(&places, 16, hash_key);
    uint32_t hash = places_hash(&places, key);
    places_expect(&places, hash);
    assert_int_equal(places_guess(&places, hash), PLACES_NONE);
    assert_int_equal(places_find(&places, hash, key, (struct places_keys){NULL, 0}), PLACES_NONE);
    assert_int_equal(places_memory_bytes(&places), 0);
    places_fini(&places);
    places_fini(&places);
    places_fini(NULL);
}

static void every_key_is_found_where_it_stands_and_no_other(void **state)
{
    (void)state;
    for (size_t k = 0; k < KEY_LEN_COUNT; k++) {
        struct entry *entries = calloc(ENTRY_COUNT, sizeof *entries);
        assert_non_null(entries);
        struct places_keys keys = {entries[0].key, sizeof *entries};
        struct places places;
        places_init(&places, key_lens[k], hash_key);
        for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
            uint8_t absent[PLACES_KEY_LEN_MAX];
            key_of(i, key_lens[k], entries[i].key);
            uint32_t hash = places_hash(&places, entries[i].key);
            assert_int_equal(places_find(&places, hash, entries[i].key, keys), PLACES_NONE);
            places_add(&places, hash, i);
            uint32_t seen = i / 2;
            hash = places_hash(&places, entries[seen].key);
            places_expect(&places, hash);
            assert_int_equal(places_find(&places, hash, entries[seen].key, keys), seen);
            assert_int_not_equal(places_guess(&places, hash), PLACES_NONE);
            key_of(ENTRY_COUNT + i, key_lens[k], absent);
            hash = places_hash(&places, absent);
            assert_int_equal(places_find(&places, hash, absent, keys), PLACES_NONE);
            if (i >= 64) assert_true(places_memory_bytes(&places) <= (size_t)16 * (i + 1));
        }
        places_fini(&places);
        free(entries);
    }
}

/* 32 bits of hash are not the key: whoever has the same ones is told apart by it. */
static void equal_hashes_are_told_apart_by_the_keys(void **state)
{
    (void)state;
    enum { SAME_COUNT = 100 };
    static const uint32_t hashes[] = {0, 0x80000000u, UINT32_MAX};
    for (size_t h = 0; h < 3; h++) {
        struct entry entries[SAME_COUNT];
        struct places_keys keys = {entries[0].key, sizeof *entries};
        struct places places;
        places_init(&places, 16, hash_key);
        for (uint32_t i = 0; i < SAME_COUNT; i++) {
            key_of(i, 16, entries[i].key);
            assert_int_equal(places_find(&places, hashes[h], entries[i].key, keys), PLACES_NONE);
            places_add(&places, hashes[h], i);
        }
        for (uint32_t i = 0; i < SAME_COUNT; i++)
            assert_int_equal(places_find(&places, hashes[h], entries[i].key, keys), i);
        assert_true(places_guess(&places, hashes[h]) < SAME_COUNT);
        assert_int_equal(places_guess(&places, hashes[h] ^ 1), PLACES_NONE);
        places_fini(&places);
    }
}

static void the_hash_key_decides_the_order(void **state)
{
    (void)state;
    static const uint8_t other_key[PLACES_HASH_KEY_LEN] = {9};
    struct places one, other;
    size_t same = 0;
    places_init(&one, 16, hash_key);
    places_init(&other, 16, other_key);
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t key[PLACES_KEY_LEN_MAX];
        key_of(i, 16, key);
        assert_int_equal(places_hash(&one, key), places_hash(&one, key));
        if (places_hash(&one, key) == places_hash(&other, key)) same++;
    }
    assert_true(same < 3);
    places_fini(&one);
    places_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_finds_nothing),
        cmocka_unit_test(every_key_is_found_where_it_stands_and_no_other),
        cmocka_unit_test(equal_hashes_are_told_apart_by_the_keys),
        cmocka_unit_test(the_hash_key_decides_the_order),
    };
    return cmocka_run_group_tests_name("unit.places", tests, NULL, NULL);
}
