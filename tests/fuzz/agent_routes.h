/* agent_routes: which statuses docs/openapi.yaml has for each route of the agent, and which of them
 * were given. CHECKs that the document has every route of the table and no other one. */
#ifndef TESTS_FUZZ_AGENT_ROUTES_H
#define TESTS_FUZZ_AGENT_ROUTES_H

#include <stdbool.h>

#include "clients/agent/http.h"

/* Has the document that status, spelt out, for the route? Problems are its "default". */
bool agent_routes_documents(const struct http_route *route, unsigned status);
/* A request was answered; route NULL: it had none. */
void agent_routes_note(const struct http_route *route, unsigned status);
/* Was the route ever answered with that status? */
bool agent_routes_seen(const struct http_route *route, unsigned status);

#endif
