#include "clients/agent/api.h"

/* docs/openapi.yaml has the same paths and methods; a test compares the two. */
const struct http_route http_routes[] = {
    {"POST", "/v1/messages", api_submit, "wait timeout", false, NULL},
    {"GET", "/v1/messages", api_outbox, "state limit", false, NULL},
    {"GET", "/v1/messages/{id}", api_message, "", false, NULL},
    {"GET", "/v1/messages/{id}/receipt", api_receipt, "former", false, NULL},
    {"GET", "/v1/messages/{id}/record", api_record, "former", false, NULL},
    {"GET", "/v1/messages/{id}/attachments", api_attachments, "", false, NULL},
    {"GET", "/v1/messages/{id}/attachments/{n}", api_attachment, "wait", false, NULL},
    {"POST", "/v1/attachments", api_attach, "kind name", false, &api_attach_intake},
    {"DELETE", "/v1/attachments/{id}", api_attach_drop, "", false, NULL},
    {"POST", "/v1/preview", api_preview, "complete", false, NULL},
    {"GET", "/v1/inbox", api_inbox, "after before limit order page wait", false, NULL},
    {"GET", "/v1/inbox/{id}", api_inbox_one, "", false, NULL},
    {"GET", "/v1/threads", api_threads, "limit", false, NULL},
    {"GET", "/v1/threads/{id}", api_thread, "", false, NULL},
    {"POST", "/v1/threads/{id}/acts", api_act, "wait timeout", false, NULL},
    {"GET", "/v1/kinds", api_kinds, "", false, NULL},
    {"GET", "/v1/kinds/{kind}", api_kind, "topic", false, NULL},
    {"GET", "/v1/roster", api_roster, "", false, NULL},
    {"GET", "/v1/status", api_status, "", false, NULL},
    {"POST", "/v1/restored", api_restored, "", false, NULL},
    {"GET", "/livez", api_livez, "", true, NULL},
    {"GET", "/readyz", api_readyz, "", false, NULL},
    {"GET", "/metrics", api_metrics, "", false, NULL},
    {NULL, NULL, NULL, NULL, false, NULL},
};
