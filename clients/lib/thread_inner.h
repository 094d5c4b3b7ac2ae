/* thread_inner: what thread.c, thread_code.c and thread_questions.c share. Not for anyone else. */
#ifndef CLIENTS_LIB_THREAD_INNER_H
#define CLIENTS_LIB_THREAD_INNER_H

#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/thread.h"
#include "proto/base/check.h"

/* Room for a message's path of so many units, the oldest of too many gone. */
struct thread_path *thread_path_add(struct thread *thread, const uint8_t message[16], size_t count);

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

/* ---- thread_questions.c -------------------------------------------------------------------------
 */
struct thread_question *thread_question_find(const struct thread *thread,
                                             const uint8_t message[16]);
/* leg: its number; THREAD_ACT_ALL: not known here. */
void thread_question_put(struct thread *thread, const struct plan *plan,
                         const Leadbus__Header *head, enum plan_act act, size_t leg, uint64_t index,
                         uint64_t time_ms);
/* The act took a step on that leg: it may be one that asks. */
void thread_question_of_step(struct thread *thread, const struct plan *plan,
                             const Leadbus__Header *head, enum plan_act act, size_t leg,
                             uint64_t index, uint64_t time_ms);
/* A message was folded: what it decides, or what its step has overtaken, waits no more. fresh: for
 * the first time. */
void thread_questions_settle(struct thread *thread, const struct plan *plan,
                             const Leadbus__Header *head, const struct plan_kind *kind, bool fresh);

#endif
