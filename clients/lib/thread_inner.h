/* thread_inner: what thread.c and thread_code.c share. Not for anyone else. */
#ifndef CLIENTS_LIB_THREAD_INNER_H
#define CLIENTS_LIB_THREAD_INNER_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

/* Room for one more of `count` items in an array that doubles. */
static inline void *grown(void *items, size_t *cap, size_t count, size_t size)
{
    if (count < *cap) return items;
    *cap = *cap ? *cap * 2 : 8;
    void *more = realloc(items, *cap * size);
    CHECK(more != NULL);
    return more;
}

/* What does not fit is cut. */
static inline void copy_text(char *ret, size_t cap, const char *text)
{
    (void)snprintf(ret, cap, "%s", text ? text : "");
}

#endif
