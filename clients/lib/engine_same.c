/* The blind index of numbers that messages have in common (payload_same.h). The key comes from the
 * unit's sealed secrets: who has the store without them learns which messages share a number, and
 * no number. What this unit may not open is not in it. */
#include <sodium.h>
#include <string.h>

#include "clients/lib/engine_inner.h"
#include "proto/payload/payload_same.h"

struct noting {
    struct engine *engine;
    const uint8_t *id, *thread;
    uint8_t key[32];
    size_t count;
    struct error *error;
};

/* Which number it is goes into the hash: a case number is not a number plate. */
static void blind_of(const struct noting *noting, const struct payload_same *same,
                     struct bytes number, uint8_t ret_blind[BOX_BLIND_LEN])
{
    struct buf text = {0};
    uint8_t hash[32];
    buf_append_str(&text, same->what);
    buf_append_u8(&text, 0);
    buf_append_bytes(&text, number);
    noting->engine->suite->extract(bytes_of(noting->key, sizeof noting->key), buf_bytes(&text),
                                   hash);
    memcpy(ret_blind, hash, BOX_BLIND_LEN);
    sodium_memzero(hash, sizeof hash);
    buf_wipe_fini(&text);
}

/* A library that checks no payloads may be handed more numbers than the schema has. */
static int note(void *ctx, const struct payload_same *same, struct bytes number)
{
    struct noting *noting = ctx;
    uint8_t blind[BOX_BLIND_LEN];
    if (noting->count++ >= BOX_SAME_COUNT_MAX) return 0;
    blind_of(noting, same, number, blind);
    return box_same_add(noting->engine->box, blind, noting->thread, noting->id, same->what,
                        noting->error);
}

int engine_same_note(struct engine *engine, const uint8_t id[16], const uint8_t thread[16],
                     const char *kind_slug, const struct seal_section *sections, size_t count,
                     struct error *ret_error)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(engine->bundle), kind_slug);
    struct noting noting = {.engine = engine, .id = id, .thread = thread, .error = ret_error};
    int r = 0;
    engine_rest_key(engine, "leadbus/1 same number", noting.key);
    for (size_t i = 0; kind && i < count && r == 0; i++) {
        int index = plan_section_find(kind, sections[i].name);
        const struct payload_message *message =
            index < 0 ? NULL : payload_find(kind->sections[index].message);
        if (message) r = payload_same_each(message, sections[i].plaintext, note, &noting);
    }
    sodium_memzero(noting.key, sizeof noting.key);
    return r;
}

int engine_same_opened(struct engine *engine, const struct box_in *row,
                       const struct envelope *envelope, const struct opened *opened,
                       struct error *ret_error)
{
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < envelope->section_count; i++) {
        if (!opened->present[i]) continue;
        sections[count].name = envelope->head->sections[i];
        sections[count++].plaintext = buf_bytes(&opened->sections[i]);
    }
    return engine_same_note(engine, row->id, row->thread, row->kind, sections, count, ret_error);
}
