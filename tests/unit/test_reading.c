/* reading: a store read ahead gives each record once, in order, decoded, and stops when it is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/shell/reading.h"
#include "proto/merkle.h"
#include "proto/record.h"

enum { RECORD_COUNT = 500, BROKEN = 333, LONG = 200 };

struct place {
    char folder[64], path[128];
    struct store *store;
    struct buf records[RECORD_COUNT];
};

/* Ticks of growing size: one that fills a batch alone, and one that is no record. */
static void make(struct place *place, uint64_t i)
{
    static uint64_t expired[6000];
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    for (size_t k = 0; k < 6000; k++) expired[k] = 1000000000 + k;
    tick.n_expired = i == LONG ? 6000 : (size_t)(i % 40);
    tick.expired = expired;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = 1700000000000 + i;
    record.what_case = LEADBUS__RECORD__WHAT_TICK;
    record.tick = &tick;
    message_encode(&record.base, &place->records[i]);
    if (i == BROKEN) buf_append_u8(&place->records[i], 0xff);
}

static int setup(void **state)
{
    struct place *place = (struct place *)calloc(1, sizeof *place);
    struct merkle_frontier frontier;
    merkle_frontier_init(&frontier);
    if (!place) return -1;
    (void)snprintf(place->folder, sizeof place->folder, "/tmp/leadbus-reading-XXXXXX");
    if (!mkdtemp(place->folder)) return -1;
    (void)snprintf(place->path, sizeof place->path, "%s/journal.db", place->folder);
    if (store_open(place->path, &place->store, NULL)) return -1;
    for (uint64_t i = 0; i < RECORD_COUNT; i++) {
        uint8_t hashes[MERKLE_LEVEL_COUNT_MAX + 1][32];
        make(place, i);
        merkle_leaf_hash(buf_bytes(&place->records[i]), hashes[0]);
        size_t nodes = merkle_frontier_append(&frontier, hashes[0], &hashes[1]);
        struct store_record record = {.bytes = buf_bytes(&place->records[i]),
                                      .hashes = bytes_of(hashes, 32 * (nodes + 1))};
        if (store_append(place->store, i, &record, 1, bytes_of_str("note"), NULL)) return -1;
    }
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    static const char *const names[] = {"journal.db", "journal.db-wal", "journal.db-shm",
                                        "journal.db-lock"};
    store_close(place->store);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[160];
        (void)snprintf(path, sizeof path, "%s/%s", place->folder, names[i]);
        (void)unlink(path);
    }
    for (size_t i = 0; i < RECORD_COUNT; i++) buf_fini(&place->records[i]);
    int r = rmdir(place->folder);
    free(place);
    return r;
}

struct seen {
    const struct place *place;
    uint64_t next, end;
};

static int look(void *ctx, const struct reading_record *record)
{
    struct seen *seen = ctx;
    assert_int_equal(record->index, seen->next);
    assert_true(bytes_equal(record->bytes, buf_bytes(&seen->place->records[seen->next])));
    if (seen->next == BROKEN)
        assert_null(record->decoded.record);
    else
        assert_int_equal(record->decoded.record->time_ms, 1700000000000 + seen->next);
    return seen->next++ == seen->end ? E_JOURNAL_CORRUPT : 0;
}

static void every_record_comes_once_in_order(void **state)
{
    const struct place *place = *state;
    for (uint64_t from = 0; from <= RECORD_COUNT; from += 50) {
        struct seen seen = {.place = place, .next = from, .end = UINT64_MAX};
        assert_int_equal(reading_walk(place->store, from, look, &seen, NULL), 0);
        assert_int_equal(seen.next, RECORD_COUNT);
    }
}

/* At each record in turn: the thread ahead of it ends too, and the store can be walked again. */
static void it_ends_where_it_is_told(void **state)
{
    const struct place *place = *state;
    for (uint64_t end = 0; end < RECORD_COUNT; end += 7) {
        struct seen seen = {.place = place, .end = end};
        assert_int_equal(reading_walk(place->store, 0, look, &seen, NULL), E_JOURNAL_CORRUPT);
        assert_int_equal(seen.next, end + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_record_comes_once_in_order),
        cmocka_unit_test(it_ends_where_it_is_told),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, setup, teardown);
}
