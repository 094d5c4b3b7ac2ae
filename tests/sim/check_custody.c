/* At each moment one custodian at most: a custody begins with who takes the person over, where the
 * one before it ends, and never earlier than that one did. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "tests/sim/check.h"

void check_custody(struct town *town, const struct core *core, const struct envelope *envelope,
                   uint64_t time_ms)
{
    const Leadbus__Header *head = envelope->head;
    struct core_thread_custody now = core_thread_custody(core, head->thread.data);
    bool new;
    uint64_t *place = map_put(&town->custody_of, head->thread.data, &new);
    if (new) {
        *place = town->custody_count++;
        town->custodies = realloc(town->custodies, town->custody_count * sizeof *town->custodies);
        CHECK(town->custodies != NULL);
        town->custodies[*place] = (struct chains_custody){0};
    }
    struct chains_custody *before = &town->custodies[*place];
    const struct chains_custody *after = &now.custody;
    if (after->since_ms < before->since_ms || after->since_ms > time_ms)
        history_fail(town->history, "custody",
                     "a custody begins before the last one, or later than it was told");
    if ((after->holder == CHAINS_UNIT) != (now.unit[0] != 0))
        history_fail(town->history, "custody",
                     "a custodian without a name, or a name without custody");
    if (after->holder == CHAINS_UNIT &&
        (before->holder != CHAINS_UNIT || before->unit != after->unit) &&
        strcmp(now.unit, head->from) != 0)
        history_fail(town->history, "custody", "%s has custody by a message of %s", now.unit,
                     head->from);
    *before = *after;
}
