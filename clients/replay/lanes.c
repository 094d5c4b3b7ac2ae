#include "clients/replay/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

enum { ENTRY_LEN = 8 + 32 };

void lanes_fini(struct lanes *lanes)
{
    for (size_t i = 0; i < lanes->count; i++) buf_fini(&lanes->items[i].entries);
    free(lanes->items);
    *lanes = (struct lanes){0};
}

struct lane *lanes_find(const struct lanes *lanes, const char *unit, unsigned number)
{
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = &lanes->items[i];
        if (lane->number == number && strcmp(lane->unit, unit) == 0) return lane;
    }
    return NULL;
}

const uint8_t *lanes_item_hash(const struct audit_record *record)
{
    return record->envelope != NULL ? record->envelope->hash : record->leaf;
}

int lanes_feed(struct lanes *lanes, const struct core_effect *effect, const uint8_t item_hash[32],
               struct error *ret_error)
{
    struct lane *lane = lanes_find(lanes, effect->unit, effect->lane);
    if (lane == NULL) {
        if (lanes->count == lanes->cap) {
            lanes->cap = lanes->cap == 0 ? 128 : lanes->cap * 2;
            lanes->items = realloc(lanes->items, lanes->cap * sizeof *lanes->items);
            CHECK(lanes->items != NULL);
        }
        lane = &lanes->items[lanes->count++];
        *lane = (struct lane){.unit = effect->unit, .number = effect->lane};
    }
    if (effect->position != lane->position + 1)
        return error_say(ret_error, E_JOURNAL_CORRUPT, NULL, "%s：队列第 %llu 件排在第 %llu 件之后",
                         "%s: queue position %llu after %llu", effect->unit,
                         (unsigned long long)effect->position, (unsigned long long)lane->position);
    lane->position++;
    buf_append_u64(&lane->entries, effect->index);
    buf_append(&lane->entries, item_hash, 32);
    return 0;
}

void lane_running_at(const struct lane *lane, const char *origin, uint64_t position,
                     uint8_t ret_running[32])
{
    CHECK(position >= lane->acked && position <= lane->position);
    const uint8_t *entry = lane->entries.data + lane->gone;
    memcpy(ret_running, lane->running, 32);
    for (uint64_t at = lane->acked; at < position; at++, entry += ENTRY_LEN)
        lane_running(origin, ret_running, load_u64(entry), entry + 8, ret_running);
}

void lane_acked(struct lane *lane, const char *origin, uint64_t position)
{
    if (position <= lane->acked) return;
    lane_running_at(lane, origin, position, lane->running);
    lane->gone += (size_t)(position - lane->acked) * ENTRY_LEN;
    lane->acked = position;
    if (lane->gone * 2 < lane->entries.len) return;
    memmove(lane->entries.data, lane->entries.data + lane->gone, lane->entries.len - lane->gone);
    lane->entries.len -= lane->gone;
    lane->gone = 0;
}
