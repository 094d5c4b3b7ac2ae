/* What the other files stand on: arrays that grow, the list of effects among them, and the word for
 * a journal that no broker has written. */
#include <stdlib.h>

#include "broker/core/core_inner.h"

void *core_grow(void *items, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return items;
    size_t wanted = *cap ? *cap * 2 : 8;
    while (wanted < need) wanted *= 2;
    void *grown = realloc(items, wanted * size);
    CHECK(grown != NULL);
    *cap = wanted;
    return grown;
}

void core_effect_add(struct core_effects *effects, struct core_effect effect)
{
    if (!effects) return;
    effects->items =
        core_grow(effects->items, &effects->cap, effects->count + 1, sizeof *effects->items);
    effects->items[effects->count++] = effect;
}

void core_effects_fini(struct core_effects *effects)
{
    if (!effects) return;
    free(effects->items);
    *effects = (struct core_effects){0};
}

int core_corrupt(struct error *ret_error, uint64_t index, const char *what)
{
    return error_set(ret_error, E_JOURNAL_CORRUPT, NULL, "record %llu: %s",
                     (unsigned long long)index, what);
}
