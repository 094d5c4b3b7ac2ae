#include "clients/replay/lanes.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

void lanes_fini(struct lanes *lanes)
{
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

int lanes_feed(struct lanes *lanes, const char *origin, const struct core_effect *effect,
               const uint8_t item_hash[32], struct lane **ret_lane, struct error *ret_error)
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
    lane_running(origin, lane->running, effect->index, item_hash, lane->running);
    *ret_lane = lane;
    return 0;
}
