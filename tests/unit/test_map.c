/* map: compared step by step with a plain array, at every key length; memory, order, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/base/map.h"

static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
static const size_t key_lens[] = {8, 16, 32};
enum { KEY_LEN_COUNT = 3 };

/* xorshift: the same steps on every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Keys that differ in one place only: the worst case for a weak hash. */
static void key_of(uint64_t n, size_t key_len, uint8_t *ret_key)
{
    memset(ret_key, 0x11, MAP_KEY_LEN_MAX);
    store_u64(ret_key + key_len - 8, n);
}

static void an_empty_map_finds_and_deletes_nothing(void **state)
{
    (void)state;
    uint8_t key[MAP_KEY_LEN_MAX] = {0};
    struct map map;
    map_init(&map, 16, hash_key);
    assert_null(map_find(&map, key));
    assert_false(map_delete(&map, key, NULL));
    assert_null(map_find_pointer(&map, key));
    assert_int_equal(map_memory_bytes(&map), 0);
    struct map_entry *entries = (struct map_entry *)key;
    size_t len = 9;
    assert_int_equal(map_sorted(&map, &entries, &len, NULL), 0);
    assert_null(entries);
    assert_int_equal(len, 0);
    map_fini(&map);
    map_fini(&map);
    map_fini(NULL);
}

static void put_keeps_the_value_of_a_known_key(void **state)
{
    (void)state;
    uint8_t key[MAP_KEY_LEN_MAX];
    key_of(0, 16, key);
    struct map map;
    map_init(&map, 16, hash_key);
    bool added = false;
    uint64_t *value = map_put(&map, key, &added);
    assert_true(added);
    assert_true(*value == 0);
    *value = UINT64_MAX;
    assert_true(*map_put(&map, key, &added) == UINT64_MAX);
    assert_false(added);
    assert_int_equal(map.len, 1);
    map_put_pointer(&map, key, &map);
    assert_ptr_equal(map_find_pointer(&map, key), &map);
    map_fini(&map);
}

/* A window of few keys with as many deletes as puts: clusters form, wrap round and close again. */
static void it_agrees_with_an_array_over_random_steps(void **state)
{
    (void)state;
    enum { KEYS = 300, STEPS = 60000 };
    for (size_t l = 0; l < KEY_LEN_COUNT; l++) {
        uint64_t model[KEYS] = {0}; /* 0: not there */
        size_t model_len = 0;
        uint64_t random = 88172645463325252u;
        uint8_t key[MAP_KEY_LEN_MAX];
        struct map map;
        map_init(&map, key_lens[l], hash_key);
        for (uint64_t step = 1; step <= STEPS; step++) {
            size_t n = next_random(&random) % KEYS;
            key_of(n, key_lens[l], key);
            /* Waves: the share of deletes swings, so the map fills to the brim and empties. */
            bool delete = next_random(&random) % 100 < (step / 5000 % 2 ? 70u : 30u);
            if (delete) {
                uint64_t value = 0;
                assert_int_equal(map_delete(&map, key, &value), model[n] != 0);
                assert_true(value == model[n]);
                model_len -= model[n] != 0;
                model[n] = 0;
            } else {
                bool added = false;
                uint64_t *value = map_put(&map, key, &added);
                assert_int_equal(added, model[n] == 0);
                assert_true(*value == model[n]);
                model_len += added;
                *value = model[n] = step;
            }
            assert_int_equal(map.len, model_len);
            if (step % 500) continue;
            for (size_t k = 0; k < KEYS; k++) {
                key_of(k, key_lens[l], key);
                const uint64_t *value = map_find(&map, key);
                assert_true((value ? *value : 0) == model[k]);
            }
        }
        map_fini(&map);
    }
}

static void sorted_is_the_order_of_keys_whatever_the_hash_key(void **state)
{
    (void)state;
    enum { KEYS = 1000 };
    for (size_t l = 0; l < KEY_LEN_COUNT; l++) {
        for (uint8_t salt = 0; salt < 2; salt++) {
            uint8_t other_key[MAP_HASH_KEY_LEN] = {salt};
            uint8_t key[MAP_KEY_LEN_MAX];
            struct map map;
            map_init(&map, key_lens[l], other_key);
            for (uint64_t n = KEYS; n-- > 0;) {
                key_of(n * 257, key_lens[l], key);
                *map_put(&map, key, NULL) = n;
            }
            struct map_entry *entries = NULL;
            size_t len = 0;
            assert_int_equal(map_sorted(&map, &entries, &len, NULL), 0);
            assert_int_equal(len, KEYS);
            for (size_t i = 0; i < len; i++) {
                key_of(i * 257, key_lens[l], key);
                assert_memory_equal(entries[i].key, key, key_lens[l]);
                assert_true(entries[i].value == i);
            }
            free(entries);
            map_fini(&map);
        }
    }
}

static void memory_per_entry_of_16_byte_keys_stays_within_24_bytes_over_key_and_value(void **state)
{
    (void)state;
    uint8_t key[MAP_KEY_LEN_MAX];
    struct map map;
    map_init(&map, 16, hash_key);
    for (uint64_t n = 0; n < 200000; n++) {
        key_of(n, 16, key);
        map_put(&map, key, NULL);
        if (map.len >= 64) assert_true(map_memory_bytes(&map) <= map.len * (24 + 24));
    }
    map_fini(&map);
}

static void reserve_refuses_the_impossible_and_leaves_the_map_as_it_was(void **state)
{
    (void)state;
    uint8_t key[MAP_KEY_LEN_MAX];
    key_of(5, 8, key);
    struct map map;
    map_init(&map, 8, hash_key);
    *map_put(&map, key, NULL) = 55;
    struct error error = {0};
    assert_int_equal(map_reserve(&map, SIZE_MAX, &error), E_NO_MEMORY);
    assert_int_equal(error.code, E_NO_MEMORY);
    assert_int_equal(map_reserve(&map, SIZE_MAX / 4 - 1, NULL), E_NO_MEMORY);
    assert_true(*map_find(&map, key) == 55);
    assert_int_equal(map_reserve(&map, 5000, NULL), 0);
    size_t held_bytes = map_memory_bytes(&map);
    for (uint64_t n = 100; n < 5100; n++) {
        key_of(n, 8, key);
        map_put(&map, key, NULL);
    }
    assert_int_equal(map_memory_bytes(&map), held_bytes); /* no growth after a reserve */
    map_fini(&map);
}

static uint64_t drained;
static void count_drained(uint64_t take_value)
{
    drained += take_value;
}

static void drain_hands_over_each_value_once(void **state)
{
    (void)state;
    uint8_t key[MAP_KEY_LEN_MAX];
    struct map map;
    map_init(&map, 16, hash_key);
    for (uint64_t n = 1; n <= 100; n++) {
        key_of(n, 16, key);
        *map_put(&map, key, NULL) = n;
    }
    drained = 0;
    map_drain(&map, count_drained);
    assert_true(drained == 5050);
    assert_int_equal(map.len, 0);
    assert_null(map_find(&map, key));
    *map_put(&map, key, NULL) = 1; /* still usable */
    assert_int_equal(map.len, 1);
    map_fini(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_map_finds_and_deletes_nothing),
        cmocka_unit_test(put_keeps_the_value_of_a_known_key),
        cmocka_unit_test(it_agrees_with_an_array_over_random_steps),
        cmocka_unit_test(sorted_is_the_order_of_keys_whatever_the_hash_key),
        cmocka_unit_test(memory_per_entry_of_16_byte_keys_stays_within_24_bytes_over_key_and_value),
        cmocka_unit_test(reserve_refuses_the_impossible_and_leaves_the_map_as_it_was),
        cmocka_unit_test(drain_hands_over_each_value_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
