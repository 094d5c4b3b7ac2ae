/* A journal's file, changed in places: an edit of a good one. The audit ends with a code, or finds
 * the very tree that the good one has. */
#include <string.h>

#include "clients/replay/audit.h"
#include "proto/host/file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct buf good, root;
    static uint8_t tree[32];
    struct audit *audit = NULL;
    struct buf edited = {0};
    uint8_t found[32];
    if (!good.data) CHECK(file_read(fuzz_journal(&root), 1 << 24, &good, NULL) == 0);
    fuzz_edit_long(buf_bytes(&good), data, len, &edited);
    struct audit_options options = {.path = fuzz_file("edited.db", buf_bytes(&edited)),
                                    .root_note = buf_bytes(&root),
                                    .depth = AUDIT_DECIDE};
    int r = audit_run(&options, &audit, NULL);
    bool same = bytes_equal(buf_bytes(&edited), buf_bytes(&good));
    CHECK(!same || r == 0);
    if (r == 0) {
        audit_root(audit, found);
        if (same) memcpy(tree, found, 32);
        CHECK(memcmp(tree, found, 32) == 0);
    }
    audit_free(audit);
    buf_fini(&edited);
    return 0;
}
