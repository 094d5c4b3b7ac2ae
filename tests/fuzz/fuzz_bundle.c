/* A bundle that the authorities signed, whatever is in it: the first byte says which part is edited
 * (directory, revocations, addresses of brokers, a table), the rest is the edit. What opens answers
 * every question that is asked of a bundle. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/district.h"

struct edit {
    const uint8_t *data;
    size_t len;
    size_t wanted, at; /* which part */
};

static void bend(const char *name, struct bytes content, struct buf *ret, void *ctx)
{
    struct edit *edit = ctx;
    (void)name;
    if (edit->at++ == edit->wanted)
        fuzz_edit(content, edit->data, edit->len, ret);
    else
        buf_append_bytes(ret, content);
}

static void ask(const struct district *district, const struct trust_bundle *bundle)
{
    for (size_t i = 0; i < district->unit_count; i++) {
        const struct trust_certificate *certificate;
        (void)!trust_verdict(bundle, district->units[i].serial, district->units[i].key,
                             district->now_ms, SUITE_1, &certificate, NULL);
    }
    CHECK(trust_bundle_plan(bundle) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    enum { PART_COUNT = 3 + PLAN_PART_COUNT_MAX };
    static struct district *district;
    struct trust_bundle *bundle = NULL;
    struct buf bytes = {0};
    if (!district) district = district_new();
    if (len == 0) return 0;
    struct edit edit = {data + 1, len - 1, data[0] % PART_COUNT, 0};
    district->bend_part = bend;
    district->bend_ctx = &edit;
    district_bundle_bytes(district, 1, &bytes);
    if (trust_bundle_open(buf_bytes(&bytes), &district->root, &bundle, NULL) == 0)
        ask(district, bundle);
    trust_bundle_free(bundle);
    buf_fini(&bytes);
    return 0;
}
