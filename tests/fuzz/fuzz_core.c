/* A journal in which one record is not what the core had decided: the first byte says which, the
 * rest is an edit of it. Folding it ends in corruption, or goes on; what was folded is decided
 * again. Whatever a record may be, nothing crashes, and I3 adds up as long as the fold goes on. */
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/mission/scene.h"

static struct buf *records;
static size_t record_count;
static struct scene *scene; /* stays, as what follows does */
static struct district *district;

/* A lead that was signed for, passed on, supervised and closed, and an alert beside it. */
static void make_records(void)
{
    void *state = NULL;
    CHECK(scene_set_up(&state) == 0);
    scene = state;
    district = scene->district;
    const struct district_letter *lead =
        scene_send(scene, "lead.suspected-trafficking", "", "education", NULL);
    scene_acknowledge(scene, "police-hedong", 0);
    (void)scene_send(scene, "receipt.signed", "", "police-hedong", lead);
    (void)scene_send(scene, "receipt.accepted", "", "police-hedong", lead);
    (void)scene_send(scene, "anomaly.marriage", "", "civil-affairs", NULL);
    district->now_ms += 40 * DISTRICT_DAY_MS;
    (void)scene_tick(scene);
    scene_records(scene, &records, &record_count);
    CHECK(record_count >= 8);
}

static void decide_again(const struct core *core, struct bytes record)
{
    struct arena arena;
    struct core_request request;
    struct core_verdict verdict;
    struct envelope envelope;
    struct buf again = {0};
    arena_init(&arena, (size_t)8 << 20);
    if (core_request_of_record(record, &arena, &request, &envelope, NULL) == 0) {
        if (request.type == CORE_BUNDLE) request.bundle = district->bundle;
        (void)core_admit(core, &request, &again, &verdict);
    }
    buf_fini(&again);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const uint8_t hash_key[16] = {1};
    if (!records) make_records();
    if (len == 0) return 0;
    size_t at = data[0] % record_count;
    struct core *core = core_new(hash_key);
    struct buf edited = {0};
    uint8_t digest[32];
    int r = 0;
    fuzz_edit(buf_bytes(&records[at]), data + 1, len - 1, &edited);
    for (size_t i = 0; i < record_count && r == 0; i++) {
        struct bytes record = buf_bytes(i == at ? &edited : &records[i]);
        struct trust_bundle *bundle = i == 1 ? district_bundle_open(district, 1) : NULL;
        if (i == at) decide_again(core, record);
        r = core_apply(core, i, record, bundle, NULL, NULL);
        CHECK(r == 0 || r == E_JOURNAL_CORRUPT);
    }
    if (r == 0) {
        core_digest(core, digest);
        CHECK(core_stats_balanced(core));
    }
    core_free(core);
    buf_fini(&edited);
    return 0;
}
