/* I8: what stands in the journal was sealed by a unit and sent by it; nothing that must be refused
 * is there; no id and no number of a sender's is there twice. */
#include <string.h>

#include "tests/sim/check.h"

struct seen {
    struct map ids, numbers;
};

static void check_one(const struct facts *facts, struct seen *seen, size_t index)
{
    struct history *history = facts->town->history;
    const struct envelope *envelope = facts->records[index].envelope;
    const Leadbus__Header *head = envelope->head;
    const struct history_sent *sent = history_find(history, envelope->hash);
    uint8_t key[16];
    bool new;
    if (!sent)
        history_fail(history, "honest", "record %zu was never sent by anybody", index);
    else if (sent->wrong)
        history_fail(history, "honest", "record %zu (%s of %s) should have been refused: %s", index,
                     head->kind, head->from, sent->wrong);
    (void)map_put(&seen->ids, head->id.data, &new);
    if (!new) history_fail(history, "once", "the id of record %zu was there before", index);
    store_u64(key, head->serial * ENVELOPE_LANE_COUNT + envelope_lane(head));
    store_u64(key + 8, head->seq);
    (void)map_put(&seen->numbers, key, &new);
    if (!new)
        history_fail(history, "honest", "record %zu has a number that its sender used before",
                     index);
    if (head->expires_ms && head->expires_ms <= facts->records[index].time_ms)
        history_fail(history, "honest", "record %zu had expired when it was taken", index);
}

void check_honest(const struct facts *facts)
{
    static const uint8_t hash_key[MAP_HASH_KEY_LEN] = {3};
    struct seen seen;
    map_init(&seen.ids, 16, hash_key);
    map_init(&seen.numbers, 16, hash_key);
    for (size_t i = 0; i < facts->count; i++)
        if (facts->records[i].envelope) check_one(facts, &seen, i);
    map_fini(&seen.ids);
    map_fini(&seen.numbers);
}
