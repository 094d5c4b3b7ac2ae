/* What a unit hands to the authority. */
#include "certs/trust/trust.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena;
    const Leadbus__EnrolmentRequestBody *body;
    arena_init(&arena, (size_t)8 << 20);
    (void)!trust_request_open(bytes_of(data, len), &arena, &body, NULL);
    arena_fini(&arena);
    return 0;
}
