/* A record of a journal, and the request that must give it again. */
#include "broker/core/core.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t hash_key[16] = {1};
    struct arena arena;
    struct buf again = {0};
    const Leadbus__Record *record;
    struct core_request request;
    struct envelope envelope;
    arena_init(&arena, (size_t)8 << 20);
    if (record_decode(bytes_of(data, len), &arena, &record, NULL) == 0) {
        CHECK(record_encode(record, &again, NULL) == 0);
        CHECK(bytes_equal(buf_bytes(&again), bytes_of(data, len)));
        (void)!core_request_of_record(bytes_of(data, len), &arena, &request, &envelope, NULL);
    }
    /* As the first record of a journal it is a genesis or corruption, and nothing else. */
    struct core *core = core_new(hash_key);
    int r = core_apply(core, 0, bytes_of(data, len), NULL, NULL, NULL);
    CHECK(r == 0 || r == E_JOURNAL_CORRUPT);
    core_free(core);
    buf_fini(&again);
    arena_fini(&arena);
    return 0;
}
