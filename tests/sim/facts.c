/* The journal as it is in the end, read and decoded without the broker's help. */
#include <stdlib.h>
#include <string.h>

#include "broker/store/store.h"
#include "proto/base/check.h"
#include "tests/sim/check.h"

enum { ARENA_BYTES = 1 << 30 };

static int keep(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes)
{
    struct facts *facts = ctx;
    struct core_request request;
    struct envelope envelope;
    (void)hashes;
    if ((facts->count & (facts->count - 1)) == 0) {
        size_t cap = facts->count ? 2 * facts->count : 1;
        facts->records = realloc(facts->records, cap * sizeof *facts->records);
        CHECK(facts->records != NULL);
    }
    struct fact *fact = &facts->records[facts->count++];
    uint8_t *copy = (uint8_t *)arena_alloc(&facts->arena, bytes.len ? bytes.len : 1);
    CHECK(copy != NULL);
    memcpy(copy, bytes.data, bytes.len);
    *fact = (struct fact){.bytes = bytes_of(copy, bytes.len)};
    if (record_decode(fact->bytes, &facts->arena, &fact->record, NULL) != 0 ||
        core_request_of_record(fact->bytes, &facts->arena, &request, &envelope, NULL) != 0) {
        history_fail(facts->town->history, "journal", "record %llu does not decode",
                     (unsigned long long)index);
        return E_JOURNAL_CORRUPT;
    }
    fact->time_ms = fact->record->time_ms;
    if (request.type != CORE_SUBMIT) return 0;
    struct envelope *kept = (struct envelope *)arena_alloc(&facts->arena, sizeof *kept);
    CHECK(kept != NULL);
    *kept = envelope;
    fact->envelope = kept;
    bool new;
    *map_put(&facts->index_of, kept->hash, &new) = index;
    if (!new) history_fail(facts->town->history, "once", "an envelope stands in the journal twice");
    return 0;
}

static void grow_tree(struct facts *facts)
{
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    facts->roots = calloc(facts->count + 1, sizeof *facts->roots);
    CHECK(facts->roots != NULL);
    merkle_frontier_root(&frontier, facts->roots[0]);
    for (size_t i = 0; i < facts->count; i++) {
        uint8_t leaf[32], nodes[MERKLE_LEVEL_COUNT_MAX][32];
        merkle_leaf_hash(facts->records[i].bytes, leaf);
        (void)merkle_frontier_append(&frontier, leaf, nodes);
        merkle_frontier_root(&frontier, facts->roots[i + 1]);
    }
}

bool facts_load(struct town *town, struct facts *facts)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {2};
    struct store *store = NULL;
    struct error error = {0};
    *facts = (struct facts){.town = town};
    map_init(&facts->index_of, 32, hash_key);
    arena_init(&facts->arena, ARENA_BYTES);
    int code = store_open_read("bus/journal.db", false, &store, &error);
    if (code == 0) code = store_walk(store, 0, keep, facts, &error);
    store_close(store);
    if (code)
        history_fail(town->history, "journal", "it cannot be read: %s %s", error_name(code),
                     error.detail);
    if (code == 0) grow_tree(facts);
    if (!vfs_file_read("bus/journal.db", &facts->journal))
        history_fail(town->history, "journal", "its file is gone");
    return !history_failed(town->history);
}

void facts_fini(struct facts *facts)
{
    free(facts->records);
    free(facts->roots);
    map_fini(&facts->index_of);
    arena_fini(&facts->arena);
    buf_fini(&facts->journal);
}

uint64_t facts_find(const struct facts *facts, const uint8_t hash[32])
{
    const uint64_t *place = map_find(&facts->index_of, hash);
    return place ? *place : UINT64_MAX;
}

size_t facts_unit(const struct facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->town->unit_count; i++)
        if (strcmp(facts->town->units[i].key, key) == 0) return i;
    return SIZE_MAX;
}
