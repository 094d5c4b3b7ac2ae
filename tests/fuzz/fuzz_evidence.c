/* An evidence file, which comes from who wants to be believed: an edit of a good one. What passes
 * says what the good one says. */
#include <string.h>

#include "clients/replay/evidence.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_journal.h"

static void make(const char *path, struct bytes root, struct buf *ret)
{
    struct story *story = calloc(1, sizeof *story);
    struct audit *audit = NULL;
    struct audit_options options = {
        .path = path, .root_note = root, .depth = AUDIT_DECIDE, .each = story_each, .ctx = story};
    CHECK(story != NULL);
    CHECK(story_find(story, path, "4", NULL) == 0);
    CHECK(audit_run(&options, &audit, NULL) == 0);
    CHECK(evidence_make(audit, story, ret, NULL) == 0);
    audit_free(audit);
    story_fini(story);
    free(story);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct buf good, root;
    static uint8_t hash[32];
    static struct evidence evidence;
    if (!good.data) {
        const char *path = fuzz_journal(&root);
        make(path, buf_bytes(&root), &good);
    }
    const struct evidence_trust trust = {.root_note = buf_bytes(&root)};
    struct buf edited = {0};
    fuzz_edit_long(buf_bytes(&good), data, len, &edited);
    int r = evidence_check(buf_bytes(&edited), &trust, &evidence, NULL);
    bool same = bytes_equal(buf_bytes(&edited), buf_bytes(&good));
    CHECK(!same || r == 0);
    if (r == 0) {
        if (same) memcpy(hash, evidence.envelope.hash, 32);
        CHECK(memcmp(hash, evidence.envelope.hash, 32) == 0 && evidence.index == 4);
    }
    evidence_fini(&evidence);
    buf_fini(&edited);
    return 0;
}
