/* The plan with one table edited: the first byte says which, the rest is the edit. */
#include "proto/plan/plan_lint.h"
#include "proto/plan/route.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/plan_files.h"

static void found(void *ctx, const struct plan_finding *finding)
{
    (void)ctx;
    CHECK(finding->text_zh[0] && finding->text_en[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct plan_files files;
    struct plan *plan = NULL;
    if (!files.parts[0].name) plan_files_load(&files);
    if (len == 0) return 0;
    struct plan_part parts[PLAN_PART_COUNT_MAX];
    memcpy(parts, files.parts, sizeof parts);
    struct buf table = {0};
    struct plan_part *part = &parts[data[0] % PLAN_PART_COUNT_MAX];
    fuzz_edit(part->content, data + 1, len - 1, &table);
    part->content = buf_bytes(&table);
    int r = plan_parse(parts, PLAN_PART_COUNT_MAX, &plan, NULL);
    buf_fini(&table); /* the plan keeps nothing of what it was read from */
    if (r != 0) return 0;
    (void)plan_lint(plan, found, NULL);
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        struct route route;
        const struct route_query query = {.plan = plan,
                                          .at_ms = 1700000000000,
                                          .kind = plan_kind(plan, k)->slug,
                                          .area = "120102001",
                                          .from = plan_unit(plan, 0)->key};
        (void)!route_compute(&query, &route, NULL);
    }
    plan_free(plan);
    return 0;
}
