/* An envelope as it stands in a frame or a file. */
#include "proto/base/check.h"
#include "proto/envelope.h"
#include "proto/record.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    struct envelope envelope;
    struct buf record = {0};
    const Leadbus__Record *decoded;
    arena_init(&arena, (size_t)8 << 20);
    if (envelope_decode(bytes_of(data, len), &arena, &envelope, NULL) == 0) {
        (void)!envelope_check_ciphertexts(&envelope, false, NULL);
        CHECK(envelope_recipient_find(&envelope, "nobody of this name") < 0);
        /* What is an envelope fits into a record, which is read again; or it is too large. */
        int r = record_of_accepted(RECORD_RULES_VERSION, 1, 0, &envelope, &record, NULL);
        CHECK(r == 0 || r == E_TOO_LARGE);
        if (r == 0) CHECK(record_decode(buf_bytes(&record), &arena, &decoded, NULL) == 0);
    }
    buf_fini(&record);
    arena_fini(&arena);
    return 0;
}
