/* stages_curve: CURVE is libzmq's, which asks libsodium: the program's own functions of those names
 * come before the library's. Included once, by the file of the program's stages, which says which
 * stage STAGE_CURVE is. */
#ifndef TESTS_BENCH_STAGES_CURVE_H
#define TESTS_BENCH_STAGES_CURVE_H

#include <dlfcn.h>
#include <string.h>

#include "proto/base/check.h"
#include "tests/bench/stages.h"

typedef int stages_box(unsigned char *, const unsigned char *, unsigned long long,
                       const unsigned char *, const unsigned char *);

/* A pointer to data and one to a function are one size where there is dlsym. */
static stages_box *next_box(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    stages_box *box;
    CHECK(found != NULL);
    memcpy(&box, &found, sizeof box);
    return box;
}

#define STAGES_BOX(function)                                                                       \
    static stages_box *next_##function;                                                            \
    int function(unsigned char *to, const unsigned char *from, unsigned long long len,             \
                 const unsigned char *nonce, const unsigned char *key);                            \
    int function(unsigned char *to, const unsigned char *from, unsigned long long len,             \
                 const unsigned char *nonce, const unsigned char *key)                             \
    {                                                                                              \
        struct stages_span span;                                                                   \
        stages_begin(&span);                                                                       \
        int result = next_##function(to, from, len, nonce, key);                                   \
        stages_end(&span, STAGE_CURVE);                                                            \
        return result;                                                                             \
    }

STAGES_BOX(crypto_box_afternm)
STAGES_BOX(crypto_box_open_afternm)
STAGES_BOX(crypto_box_easy_afternm)
STAGES_BOX(crypto_box_open_easy_afternm)

static void stages_find_boxes(void)
{
    next_crypto_box_afternm = next_box("crypto_box_afternm");
    next_crypto_box_open_afternm = next_box("crypto_box_open_afternm");
    next_crypto_box_easy_afternm = next_box("crypto_box_easy_afternm");
    next_crypto_box_open_easy_afternm = next_box("crypto_box_open_easy_afternm");
}

#endif
