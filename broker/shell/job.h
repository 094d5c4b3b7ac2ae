/* job: one frame of a peer on its way net -> verify pool -> core. Owned by one thread at a time. */
#ifndef BROKER_SHELL_JOB_H
#define BROKER_SHELL_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/envelope.h"
#include "proto/schema/wire.pb-c.h"

/* A connection: the routing id that the ROUTER gave it. Agents set none of their own; one that is
 * longer than this is nobody we serve. */
enum { PEER_ID_LEN_MAX = 32 };
struct peer {
    uint8_t len; /* 0 = none */
    uint8_t id[PEER_ID_LEN_MAX];
};
static inline bool peer_equal(const struct peer *a, const struct peer *b)
{
    return a->len == b->len && memcmp(a->id, b->id, a->len) == 0;
}

struct job {
    struct peer peer;
    uint64_t serial;   /* User-Id: what the transport authenticated */
    uint64_t sequence; /* order of arrival */
    struct buf input;  /* the frame, until it is decoded */
    size_t frame_len;
    /* filled by the verify pool */
    int code; /* 0, or why the frame is refused before the core sees it */
    struct error error;
    struct arena arena;
    const Leadbus__Frame *frame; /* NULL where it could not be decoded */
    struct envelope *envelope;   /* of a Submit, in the arena; NULL where it could not be decoded */
    bool has_hash;               /* of a Submit: H of the header's bytes, well formed or not */
    uint8_t header_hash[SUITE_HASH_LEN];
    const Leadbus__RewrapBody *rewrap; /* of a SubmitRewrap, in the arena; NULL as above */
    bool signature_checked;
    uint8_t checked_key[SUITE_PUBLIC_LEN];
};

static inline void job_free(struct job *job)
{
    if (!job) return;
    buf_fini(&job->input);
    arena_fini(&job->arena);
    free(job);
}

#endif
