/* Lanes, and what waits in them. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"
#include "proto/merkle.h"

/* ---- items -------------------------------------------------------------------------------- */

uint32_t core_item_new(struct core *core, const uint8_t hash[32], uint64_t index,
                       uint64_t expires_ms, uint32_t message)
{
    uint32_t slot = core->item_free;
    if (slot != CORE_NONE) {
        core->item_free = core->items[slot].message;
    } else {
        CHECK(core->item_count < CORE_NONE);
        core->items =
            core_grow(core->items, &core->item_cap, core->item_count + 1, sizeof *core->items);
        slot = (uint32_t)core->item_count++;
    }
    core->items[slot] =
        (struct core_item){.index = index, .expires_ms = expires_ms, .message = message};
    memcpy(core->items[slot].hash, hash, 32);
    if (expires_ms)
        core_heap_push(&core->due, (struct core_due){.at_ms = expires_ms,
                                                     .index = index,
                                                     .slot = slot,
                                                     .what = CORE_DUE_EXPIRY});
    return slot;
}

void core_item_release(struct core *core, uint32_t slot)
{
    struct core_item *item = &core->items[slot];
    CHECK(item->refs > 0);
    if (--item->refs > 0) return;
    item->message = core->item_free;
    core->item_free = slot;
}

/* ---- lanes -------------------------------------------------------------------------------- */

uint64_t core_lane_push(struct core *core, uint16_t unit, unsigned lane, uint32_t item,
                        uint32_t flags)
{
    struct core_lane *queue = &core->units[unit]->lanes[lane];
    if (queue->count == queue->cap) {
        uint32_t cap = queue->cap ? queue->cap * 2 : 8;
        CHECK(cap > queue->cap);
        struct core_place *ring = malloc(cap * sizeof *ring);
        CHECK(ring != NULL);
        for (uint32_t i = 0; i < queue->count; i++)
            ring[i] = queue->ring[(queue->head + i) & (queue->cap - 1)];
        free(queue->ring);
        queue->ring = ring;
        queue->cap = cap;
        queue->head = 0;
    }
    queue->ring[(queue->head + queue->count) & (queue->cap - 1)] =
        (struct core_place){core->items[item].index, item, flags};
    queue->count++;
    core->items[item].refs++;
    if (flags & CORE_ENTRY_UNKEYED) core->units[unit]->unkeyed++;
    return queue->acked + queue->count;
}

struct core_place *core_lane_at(const struct core_lane *lane, uint64_t position)
{
    if (position <= lane->acked || position - lane->acked > lane->count) return NULL;
    return &lane->ring[(lane->head + (uint32_t)(position - lane->acked - 1)) & (lane->cap - 1)];
}

static void past_add(struct core_past *past, uint64_t position, uint64_t index)
{
    if (position % CORE_PAST_STEP == 1) {
        past->marks =
            core_grow(past->marks, &past->mark_cap, past->mark_count + 1, sizeof *past->marks);
        past->marks[past->mark_count].offset = past->steps.len;
        past->marks[past->mark_count++].index = past->last;
    }
    uint64_t step = index - past->last;
    for (; step >= 0x80; step >>= 7) buf_append_u8(&past->steps, (uint8_t)(step | 0x80));
    buf_append_u8(&past->steps, (uint8_t)step);
    past->last = index;
}

static uint64_t past_take(const struct core_past *past, size_t *offset, uint64_t index)
{
    unsigned shift = 0;
    uint64_t step = 0;
    uint8_t byte;
    do {
        byte = past->steps.data[(*offset)++];
        step |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return index + step;
}

size_t core_past(const struct core *core, const char *unit, unsigned lane, uint64_t after,
                 uint64_t *ret_indexes, size_t cap)
{
    uint16_t u = core_unit_find(core, unit);
    if (u == CORE_UNIT_NONE || lane >= ENVELOPE_LANE_COUNT) return 0;
    const struct core_lane *queue = &core->units[u]->lanes[lane];
    if (after >= queue->acked) return 0;
    uint64_t position = after - after % CORE_PAST_STEP;
    size_t offset = queue->past.marks[after / CORE_PAST_STEP].offset, count = 0;
    uint64_t index = queue->past.marks[after / CORE_PAST_STEP].index;
    while (count < cap && position < queue->acked) {
        index = past_take(&queue->past, &offset, index);
        if (++position > after) ret_indexes[count++] = index;
    }
    return count;
}

void core_lane_pop(struct core *core, struct core_lane *lane)
{
    CHECK(lane->count > 0);
    past_add(&lane->past, lane->acked + 1, lane->ring[lane->head].index);
    core_item_release(core, lane->ring[lane->head].item);
    lane->head = (lane->head + 1) & (lane->cap - 1);
    lane->count--;
    lane->acked++;
}

/* Indexes never fall along a lane, and mostly rise evenly: a few guesses in proportion come close
 * in a long one, where each look elsewhere is a miss in every cache. */
struct core_place *core_lane_find(const struct core_lane *lane, uint64_t index)
{
    enum { GUESS_COUNT = 6, GUESS_SPAN = 64 };
    uint64_t low = lane->acked + 1, high = lane->acked + lane->count + 1;
    for (int guess = 0; low < high; guess++) {
        uint64_t middle = low + (high - low) / 2;
        if (guess < GUESS_COUNT && high - low > GUESS_SPAN) {
            uint64_t first = core_lane_at(lane, low)->index;
            uint64_t last = core_lane_at(lane, high - 1)->index;
            if (index < first || index > last) return NULL;
            if (index - first <= UINT32_MAX) /* no overflow: a lane has fewer places than that */
                middle = low + (index - first) * (high - low) / (last - first + 1);
        }
        if (core_lane_at(lane, middle)->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    struct core_place *place = core_lane_at(lane, low);
    return place && place->index == index ? place : NULL;
}

void core_notify(struct core *core, const uint16_t *units, size_t count, struct bytes record,
                 uint64_t index, struct core_effects *effects)
{
    core_notify_on(core, ENVELOPE_LANE_NORMAL, units, count, record, index, effects);
}

void core_notify_on(struct core *core, unsigned lane, const uint16_t *units, size_t count,
                    struct bytes record, uint64_t index, struct core_effects *effects)
{
    uint8_t hash[32];
    uint32_t item = CORE_NONE;
    for (size_t i = 0; i < count; i++) {
        if (units[i] == CORE_UNIT_NONE) continue;
        size_t earlier = 0;
        while (earlier < i && units[earlier] != units[i]) earlier++;
        if (earlier < i) continue;
        if (item == CORE_NONE) {
            merkle_leaf_hash(record, hash);
            item = core_item_new(core, hash, index, 0, CORE_NONE);
        }
        uint64_t position = core_lane_push(core, units[i], lane, item, CORE_ENTRY_IS_NOTICE);
        core_effect_add(effects, (struct core_effect){.type = CORE_EFFECT_QUEUED,
                                                      .index = index,
                                                      .unit = core->units[units[i]]->key,
                                                      .lane = lane,
                                                      .position = position});
    }
}
