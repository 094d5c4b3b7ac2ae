#include "tests/fault/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clients/replay/audit.h"
#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "tests/scenario/journal_maker.h"

enum { ROW_COUNT_MAX = 64, LEAD_COUNT = 15, BLOB_MAX = 32 };
enum { ERASED_ROW = 4 }; /* the first lead: a section of it is erased */

static struct {
    struct buf bytes, hashes;
    struct buf blobs[BLOB_MAX];
    size_t blob_count;
} rows[ROW_COUNT_MAX];
static size_t row_count;
static struct buf notes[ROW_COUNT_MAX + 1]; /* the signed head over so many records */
static struct buf root_note;

/* ---- the good one -----------------------------------------------------------------------------*/

static void take_notes(const struct journal_maker *maker)
{
    struct merkle_frontier frontier;
    uint8_t nodes[64][32];
    merkle_frontier_init(&frontier);
    for (size_t i = 0; i < row_count; i++) {
        struct checkpoint head = {.size = i + 1};
        (void)snprintf(head.origin, sizeof head.origin, "%s", maker->origin);
        (void)merkle_frontier_append(&frontier, rows[i].hashes.data, nodes);
        merkle_frontier_root(&frontier, head.root);
        assert_int_equal(checkpoint_sign(&head, maker->log_secret, &notes[i + 1], NULL), 0);
    }
}

static void take_rows(struct store *store)
{
    uint64_t size = 0;
    assert_int_equal(store_size(store, &size, NULL), 0);
    assert_in_range(size, 8, ROW_COUNT_MAX);
    for (row_count = 0; row_count < size; row_count++) {
        struct buf *blobs = rows[row_count].blobs;
        size_t *count = &rows[row_count].blob_count;
        assert_int_equal(
            store_read(store, row_count, &rows[row_count].bytes, &rows[row_count].hashes, NULL), 0);
        while (*count < BLOB_MAX &&
               store_blob(store, row_count, (unsigned)*count, &blobs[*count], NULL) == 0)
            ++*count;
    }
    assert_true(rows[ERASED_ROW].blob_count > 0);
}

void work_make(const char *good_path)
{
    static struct journal_maker maker;
    struct maker_message lead;
    struct store *store = NULL;
    maker_open(&maker, good_path);
    for (int i = 0; i < LEAD_COUNT; i++) {
        (void)maker_submit(&maker, "education", "lead.mandatory-report", "", "", NULL, &lead);
        (void)maker_ack(&maker, "police-hedong", 0, 0);
        (void)maker_submit(&maker, "police-hedong", "receipt.signed", "", "", &lead, NULL);
    }
    maker_commit(&maker);
    buf_append_bytes(&root_note, buf_bytes(&maker.root_note));
    CHECK(store_open_read(good_path, false, &store, NULL) == 0);
    take_rows(store);
    take_notes(&maker);
    store_close(store);
    maker_close(&maker);
}

size_t work_count(void)
{
    return row_count;
}

struct bytes work_erased_bytes(void)
{
    return buf_bytes(&rows[ERASED_ROW].blobs[0]);
}

/* ---- the work ---------------------------------------------------------------------------------*/

/* How many records a group has that begins at `from`: 4, 1, 2, 3, 1, 2, 3, ... */
static size_t group_at(size_t from)
{
    size_t count = from == 0 ? 4 : 1 + from % 3;
    return from + count <= row_count ? count : row_count - from;
}

static int append(struct store *store, size_t from, size_t count, struct error *error)
{
    struct store_record records[4];
    struct bytes blobs[4][BLOB_MAX];
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; b < rows[from + i].blob_count; b++)
            blobs[i][b] = buf_bytes(&rows[from + i].blobs[b]);
        records[i] = (struct store_record){buf_bytes(&rows[from + i].bytes),
                                           buf_bytes(&rows[from + i].hashes), blobs[i],
                                           rows[from + i].blob_count};
    }
    return store_append(store, from, records, count, buf_bytes(&notes[from + count]), error);
}

int work_go_on(const char *path, struct work *work, struct error *error)
{
    struct store *store = NULL;
    uint64_t size = 0;
    int r = store_open(path, &store, error);
    if (r == 0) r = store_size(store, &size, error);
    /* A group that failed, and is there all the same. */
    if (r == 0 && size > work->promised) work->promised = size;
    while (r == 0 && size < row_count) {
        size_t count = group_at(size);
        work->attempted = size + count;
        r = append(store, size, count, error);
        if (r == 0) work->promised = size = work->attempted;
        if (r == 0 && size % 4 == 0) r = store_idle(store, error);
    }
    if (r == 0 && !work->erased) {
        r = store_blob_erase(store, ERASED_ROW, 0, error);
        /* It failed the last time, and had been done all the same. */
        if (r == E_NOT_FOUND && work->erasing) r = 0;
        work->erasing = true;
        work->erased = r == 0;
    }
    if (r == 0) r = store_idle(store, error);
    store_close(store);
    return r;
}

/* ---- what it left -----------------------------------------------------------------------------*/

static void check_row(struct store *store, size_t i, const struct work *work)
{
    struct buf bytes = {0}, hashes = {0};
    assert_int_equal(store_read(store, i, &bytes, &hashes, NULL), 0);
    assert_true(bytes_equal(buf_bytes(&bytes), buf_bytes(&rows[i].bytes)));
    assert_true(bytes_equal(buf_bytes(&hashes), buf_bytes(&rows[i].hashes)));
    for (size_t b = 0; b < rows[i].blob_count; b++) {
        struct buf blob = {0};
        bool erasable = i == ERASED_ROW && b == 0;
        int r = store_blob(store, i, (unsigned)b, &blob, NULL);
        if (erasable && work->erased)
            assert_int_equal(r, E_NOT_FOUND);
        else if (!erasable || !work->erasing)
            assert_int_equal(r, 0);
        if (r == 0) assert_true(bytes_equal(buf_bytes(&blob), buf_bytes(&rows[i].blobs[b])));
        buf_fini(&blob);
    }
    buf_fini(&bytes);
    buf_fini(&hashes);
}

void work_check(const char *path, const struct work *work)
{
    struct store *store = NULL;
    struct buf note = {0};
    struct error error = {0};
    uint64_t size = 0, head = 0;
    int r = store_open(path, &store, &error);
    if (r != 0) fail_msg("%s %s %s", error_name(r), error.field, error.detail);
    assert_int_equal(store_size(store, &size, NULL), 0);
    if (size != work->promised) assert_int_equal(size, work->attempted);
    for (size_t i = 0; i < size; i++) check_row(store, i, work);
    r = store_checkpoint(store, UINT64_MAX, &note, &head, NULL);
    assert_int_equal(r, size > 0 ? 0 : E_NOT_FOUND);
    if (r == 0) assert_true(bytes_equal(buf_bytes(&note), buf_bytes(&notes[size])));
    if (r == 0) assert_int_equal(head, size);
    buf_fini(&note);
    store_close(store);
}

void work_audit(const char *path)
{
    struct audit *audit = NULL;
    struct error error = {0};
    struct audit_options options = {.path = path,
                                    .root_note = buf_bytes(&root_note),
                                    .held = buf_bytes(&notes[row_count]),
                                    .depth = AUDIT_DECIDE};
    int r = audit_run(&options, &audit, &error);
    if (r != 0) fail_msg("%s %s %s", error_name(r), error.field, error.detail);
    assert_int_equal(audit_totals(audit)->size, row_count);
    assert_int_equal(audit_totals(audit)->blobs_erased, 1);
    audit_free(audit);
}
