/* engine_goback: taking the place that a journal put back from a backup has for us. Not for anyone
 * but engine's files. */
#ifndef CLIENTS_LIB_ENGINE_GOBACK_H
#define CLIENTS_LIB_ENGINE_GOBACK_H

#include "clients/lib/engine_inner.h"

/* The journal has lost its records from `size` on and goes on under the welcome's origin, with
 * `head`, verified. Lanes go back to where it acknowledges them, what had a receipt from there is
 * sent again, what came from there counts as not proved. Nothing of it is durable before the
 * commit. */
int engine_go_back(struct engine *engine, struct moment *moment, const Leadbus__Welcome *welcome,
                   const struct checkpoint *head, uint64_t size, struct error *ret_error) MUST_USE;

#endif
