/* I1: after a receipt nothing loses what it is about. */
#include <string.h>

#include "tests/sim/check.h"

void check_receipts(const struct facts *facts)
{
    struct history *history = facts->town->history;
    const struct history_lists *lists = history_lists(history);
    for (size_t i = 0; i < lists->receipt_count; i++) {
        const struct history_receipt *receipt = &lists->receipts[i];
        uint64_t index = facts_find(facts, receipt->hash);
        if (index != receipt->index)
            history_fail(history, "receipts",
                         "%s was told at %llu ms that its message stands at %llu; it %s",
                         facts->town->units[receipt->unit].key, (unsigned long long)receipt->at_ms,
                         (unsigned long long)receipt->index,
                         index == UINT64_MAX ? "is lost" : "stands elsewhere");
    }
    for (size_t i = 0; i < lists->head_count; i++) {
        const struct history_head *head = &lists->heads[i];
        if (head->size > facts->count)
            history_fail(
                history, "receipts", "a head over %llu records was sent at %llu ms, %zu are left",
                (unsigned long long)head->size, (unsigned long long)head->at_ms, facts->count);
        else if (memcmp(facts->roots[head->size], head->root, 32) != 0)
            history_fail(history, "receipts",
                         "the head sent at %llu ms over %llu records is of another journal",
                         (unsigned long long)head->at_ms, (unsigned long long)head->size);
    }
}

void check_acked(const struct facts *facts)
{
    struct history *history = facts->town->history;
    const struct history_lists *lists = history_lists(history);
    for (size_t i = 0; i < lists->acked_count; i++) {
        const struct history_acked *acked = &lists->acked[i];
        uint64_t position;
        uint8_t running[32];
        const char *key = facts->town->units[acked->unit].key;
        core_acknowledged(facts->core, key, acked->lane, &position, running);
        if (position < acked->position)
            history_fail(history, "receipts",
                         "%s was told that its acknowledgement up to %llu is kept: %llu is", key,
                         (unsigned long long)acked->position, (unsigned long long)position);
    }
}
