/* I7: whoever folds the journal comes to the same state. The shipped audit reads a copy of the
 * file, checks everything that can be checked and decides every record again. */
#include <stdio.h>
#include <string.h>

#include "clients/replay/audit.h"
#include "proto/base/check.h"
#include "tests/sim/check.h"

static int see(void *ctx, const struct audit_record *record, struct error *ret_error)
{
    struct town *town = ctx;
    (void)ret_error;
    if (record->envelope)
        check_custody(town, record->core, record->envelope, record->record->time_ms);
    return 0;
}

void check_replay(struct facts *facts, struct audit **ret_audit)
{
    struct town *town = facts->town;
    struct error error = {0};
    FILE *file = fopen("copy.db", "wb");
    CHECK(file != NULL);
    CHECK(fwrite(facts->journal.data, 1, facts->journal.len, file) == facts->journal.len);
    CHECK(fclose(file) == 0);
    const struct audit_options options = {.path = "copy.db",
                                          .root_note = buf_bytes(&town->district->root_note),
                                          .depth = AUDIT_DECIDE,
                                          .each = see,
                                          .ctx = town};
    int code = audit_run(&options, ret_audit, &error);
    if (code) {
        history_fail(town->history, "replay", "the audit stops: %s at %s: %s", error_name(code),
                     error.field, error.detail);
        return;
    }
    uint8_t digest[32];
    char hex[65];
    facts->core = audit_core(*ret_audit);
    core_digest(facts->core, digest);
    hex_encode(bytes_of(digest, 32), hex);
    if (strcmp(hex, town->bus.digest) != 0)
        history_fail(town->history, "replay", "the broker ended with state %s, the audit with %s",
                     town->bus.digest, hex);
    if (!core_stats_balanced(facts->core))
        history_fail(town->history, "sums", "the figures of some unit do not add up");
}
