/* random: the numbers that a run is made of. Streams of one seed do not depend on one another, so
 * that what one part of the simulator draws does not change what another gets. SplitMix64: it need
 * not be unpredictable, only the same everywhere. */
#ifndef TESTS_SIM_RANDOM_H
#define TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
    uint64_t z = (random->state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static inline void random_init(struct random *random, uint64_t seed, const char *stream)
{
    uint64_t hash = 0xcbf29ce484222325ull; /* FNV-1a */
    for (; *stream; stream++) hash = (hash ^ (uint8_t)*stream) * 0x100000001b3ull;
    random->state = seed ^ hash;
    random->state = random_next(random);
}

/* 0..count-1; the bias of a modulus over 64 bits is nothing here. */
static inline uint64_t random_below(struct random *random, uint64_t count)
{
    return count ? random_next(random) % count : 0;
}

static inline uint64_t random_between(struct random *random, uint64_t least, uint64_t most)
{
    return least + random_below(random, most - least + 1);
}

/* True in `parts` of a million. */
static inline bool random_chance(struct random *random, uint64_t parts)
{
    return random_below(random, 1000000) < parts;
}

#endif
