#include "clients/agent/api.h"

/* docs/openapi.yaml has the same paths and methods; a test compares the two. */
const struct http_route http_routes[] = {
    {"POST", "/v1/messages", api_submit, "wait timeout", false},
    {"GET", "/v1/messages", api_outbox, "state limit", false},
    {"GET", "/v1/messages/{id}", api_message, "", false},
    {"GET", "/v1/messages/{id}/receipt", api_receipt, "", false},
    {"GET", "/v1/messages/{id}/record", api_record, "", false},
    {"POST", "/v1/preview", api_preview, "", false},
    {"GET", "/v1/inbox", api_inbox, "after limit wait", false},
    {"GET", "/v1/inbox/{id}", api_inbox_one, "", false},
    {"GET", "/v1/threads", api_threads, "limit", false},
    {"GET", "/v1/threads/{id}", api_thread, "", false},
    {"POST", "/v1/threads/{id}/acts", api_act, "wait timeout", false},
    {"GET", "/v1/kinds", api_kinds, "", false},
    {"GET", "/v1/kinds/{kind}", api_kind, "", false},
    {"GET", "/v1/status", api_status, "", false},
    {"GET", "/livez", api_livez, "", true},
    {"GET", "/readyz", api_readyz, "", false},
    {"GET", "/metrics", api_metrics, "", false},
    {NULL, NULL, NULL, NULL, false},
};
