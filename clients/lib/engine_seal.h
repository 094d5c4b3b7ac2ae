/* engine_seal: one sealing, first or repeated. Not for anyone but engine's files. */
#ifndef CLIENTS_LIB_ENGINE_SEAL_H
#define CLIENTS_LIB_ENGINE_SEAL_H

#include "clients/lib/engine_inner.h"
#include "proto/plan/route.h"

struct seal_place {
    bool follows; /* an existing thread */
    uint8_t thread[16], parent[16];
    char reference[BOX_NAME_LEN]; /* who sent the parent */
};
struct seal_job {
    struct moment *moment;
    const struct engine_draft *draft; /* with id */
    struct seal_place place;
    uint64_t seq, created_ms, known_size;
    bool from_zero;
    uint8_t thread_key[32];
    /* made */
    struct route route;
    struct seal_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    uint8_t keks[LIMIT_RECIPIENT_COUNT_MAX][32];
    struct sealed sealed;
    struct buf content;
};
/* Who sent the message answered, and its thread. A thread that was asked for goes by the message
 * that opened it. E_PARENT_UNKNOWN. */
int seal_parent_find(struct engine *engine, const uint8_t *parent, char ret_from[BOX_NAME_LEN],
                     uint8_t ret_thread[16], struct error *ret_error) MUST_USE;
/* Where a draft goes: the thread and parent that it names, resolved; all zero for what opens one.
 */
int seal_place_find(struct engine *engine, const struct engine_draft *draft, struct seal_place *ret,
                    struct error *ret_error) MUST_USE;
int seal_job_run(struct engine *engine, struct seal_job *job, const struct thread *thread,
                 struct error *ret_error) MUST_USE;
void seal_job_fini(struct seal_job *job); /* wipes */

#endif
