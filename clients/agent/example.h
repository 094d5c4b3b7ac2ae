/* example: a message of a kind as GET /v1/kinds/{kind} shows it.
 *
 * What it states fits the kind and the topic, its sections agree with each other, and what ends is
 * over in some days from now: the agent takes it. Pure; thread-safe. */
#ifndef CLIENTS_AGENT_EXAMPLE_H
#define CLIENTS_AGENT_EXAMPLE_H

#include <jansson.h>
#include <stdint.h>

#include "proto/plan/plan.h"

/* The body of POST /v1/messages. topic NULL: the first one, where the kind has topics. The caller's
 * (json_decref). */
json_t *example_json(const struct plan *plan, const struct plan_kind *kind,
                     const struct plan_topic *topic, uint64_t now_ms);

#endif
