/* A heap of things that fall due, the earliest on top. What an entry means, and whether it still
 * holds, is not known here: due.c asks. */
#include <stdlib.h>

#include "broker/core/core_inner.h"

static bool before(const struct core_due *a, const struct core_due *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->index < b->index;
}

void core_heap_push(struct core_heap *heap, struct core_due due)
{
    heap->items = core_grow(heap->items, &heap->cap, heap->count + 1, sizeof *heap->items);
    size_t at = heap->count++;
    while (at > 0 && before(&due, &heap->items[(at - 1) / 2])) {
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
        if (child + 1 < heap->count && before(&heap->items[child + 1], &heap->items[child]))
            child++;
        if (!before(&heap->items[child], &last)) break;
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

void core_heap_fini(struct core_heap *heap)
{
    free(heap->items);
    *heap = (struct core_heap){0};
}
