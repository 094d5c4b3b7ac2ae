/* Heaps of things that fall due. What an entry means, and whether it still holds, is not known
 * here: due.c asks. */
#include <stdlib.h>

#include "broker/core/core_inner.h"

static bool before(bool by_rank, const struct core_due *a, const struct core_due *b)
{
    if (by_rank) {
        if (a->rank != b->rank) return a->rank < b->rank;
        return a->index != b->index ? a->index < b->index : a->what < b->what;
    }
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->index < b->index;
}

void core_heap_push(struct core_heap *heap, struct core_due due)
{
    heap->items = core_grow(heap->items, &heap->cap, heap->count + 1, sizeof *heap->items);
    size_t at = heap->count++;
    while (at > 0 && before(heap->by_rank, &due, &heap->items[(at - 1) / 2])) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = due;
}

void core_heap_pop(struct core_heap *heap)
{
    CHECK(heap->count > 0);
    struct core_due last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= heap->count) break;
        if (child + 1 < heap->count &&
            before(heap->by_rank, &heap->items[child + 1], &heap->items[child]))
            child++;
        if (!before(heap->by_rank, &heap->items[child], &last)) break;
        heap->items[at] = heap->items[child];
        at = child;
    }
    if (heap->count > 0) heap->items[at] = last;
}

void core_heap_each(const struct core_heap *heap, uint64_t time_ms,
                    void (*each)(void *ctx, const struct core_due *due), void *ctx)
{
    size_t open[64], depth = 0; /* places still to be looked at: one a level and its sibling */
    if (heap->count > 0) open[depth++] = 0;
    while (depth > 0) {
        size_t at = open[--depth];
        if (heap->items[at].at_ms > time_ms) continue;
        for (size_t child = at * 2 + 1; child <= at * 2 + 2 && child < heap->count; child++) {
            CHECK(depth < sizeof open / sizeof *open);
            open[depth++] = child;
        }
        each(ctx, &heap->items[at]);
    }
}

/* Places of a heap that come next, the first on top: what was shown is replaced by its children. */
struct front {
    const struct core_heap *heap;
    size_t *places;
    size_t count, cap;
};

static bool first(const struct front *front, size_t a, size_t b)
{
    return before(front->heap->by_rank, &front->heap->items[front->places[a]],
                  &front->heap->items[front->places[b]]);
}

static void swap(struct front *front, size_t a, size_t b)
{
    size_t place = front->places[a];
    front->places[a] = front->places[b];
    front->places[b] = place;
}

static void front_push(struct front *front, size_t place)
{
    if (place >= front->heap->count) return;
    front->places = core_grow(front->places, &front->cap, front->count + 1, sizeof *front->places);
    size_t at = front->count++;
    front->places[at] = place;
    for (; at > 0 && first(front, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(front, at, (at - 1) / 2);
}

static size_t front_pop(struct front *front)
{
    size_t place = front->places[0], at = 0;
    front->places[0] = front->places[--front->count];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= front->count) return place;
        if (child + 1 < front->count && first(front, child + 1, child)) child++;
        if (!first(front, child, at)) return place;
        swap(front, child, at);
        at = child;
    }
}

void core_heap_walk(const struct core_heap *heap,
                    bool (*each)(void *ctx, const struct core_due *due), void *ctx)
{
    struct front front = {.heap = heap};
    front_push(&front, 0);
    while (front.count > 0) {
        size_t at = front_pop(&front);
        if (!each(ctx, &heap->items[at])) break;
        front_push(&front, at * 2 + 1);
        front_push(&front, at * 2 + 2);
    }
    free(front.places);
}

void core_heap_fini(struct core_heap *heap)
{
    free(heap->items);
    *heap = (struct core_heap){0};
}
