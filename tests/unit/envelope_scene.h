/* A sender, what it sealed, and that decoded: what tests of the envelope stand on. Needs cmocka. */
#ifndef TESTS_UNIT_ENVELOPE_SCENE_H
#define TESTS_UNIT_ENVELOPE_SCENE_H

#include <stdlib.h>

#include "tests/unit/envelope_maker.h"

enum { SCENE_ARENA_BYTES = 4 * LIMIT_FRAME_BYTES_MAX };

/* One sender, what it sealed, and that decoded. */
struct scene {
    struct maker maker;
    struct sealed sealed;
    struct envelope envelope;
    struct arena arena;
};

static inline int scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof *scene);
    if (!scene) return 1;
    arena_init(&scene->arena, SCENE_ARENA_BYTES);
    *state = scene;
    return 0;
}

static inline int scene_teardown(void **state)
{
    struct scene *scene = *state;
    arena_fini(&scene->arena);
    sealed_fini(&scene->sealed);
    free(scene);
    return 0;
}

/* Seals what the maker holds and decodes it. */
static inline void scene_seal(struct scene *scene)
{
    struct error error = {0};
    sealed_fini(&scene->sealed);
    arena_reset(&scene->arena);
    if (maker_seal(&scene->maker, &scene->sealed, &error) != 0)
        fail_msg("%s: %s", error.field, error.detail);
    if (envelope_decode(buf_bytes(&scene->sealed.bytes), &scene->arena, &scene->envelope, &error))
        fail_msg("%s: %s", error.field, error.detail);
}

#endif
