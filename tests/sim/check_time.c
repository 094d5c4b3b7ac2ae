/* Time in the journal never runs back, and never ahead of the world by more than the broker had to
 * believe when it was started: nothing falls due by a clock that jumps. */
#include "broker/shell/clock.h"
#include "tests/sim/check.h"

void check_time(const struct facts *facts)
{
    struct history *history = facts->town->history;
    const struct history_lists *lists = history_lists(history);
    for (size_t i = 1; i < facts->count; i++)
        if (facts->records[i].time_ms < facts->records[i - 1].time_ms)
            history_fail(history, "time", "record %zu is earlier than the one before it", i);
    /* A head that was sent says how late its records were at the latest. */
    for (size_t i = 0; i < lists->head_count; i++) {
        const struct history_head *head = &lists->heads[i];
        if (head->size == 0 || head->size > facts->count) continue;
        uint64_t said_ms = facts->records[head->size - 1].time_ms;
        uint64_t true_ms = FIBER_EPOCH_MS + head->at_ms;
        if (said_ms > true_ms + facts->town->bus.believed_ms + CLOCK_DEPARTURE_MS_MAX)
            history_fail(history, "time", "record %llu says it is %llu ms later than it is",
                         (unsigned long long)(head->size - 1),
                         (unsigned long long)(said_ms - true_ms));
    }
}
