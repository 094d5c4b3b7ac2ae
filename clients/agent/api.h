/* api: the handlers of the routes; see docs/openapi.yaml for what they take and give. */
#ifndef CLIENTS_AGENT_API_H
#define CLIENTS_AGENT_API_H

#include "clients/agent/http.h"

enum {
    API_WAIT_S_MAX = 60,
    API_LIST_COUNT_MAX = 500,
    API_LIST_COUNT = 100,
};

/* api_messages.c */
http_handler api_submit, api_preview, api_message, api_receipt, api_record, api_outbox, api_print;
/* api_attachments.c */
http_handler api_attach, api_attach_drop, api_attachments, api_attachment;
extern const struct http_intake api_attach_intake;
/* api_inbox.c */
http_handler api_inbox, api_inbox_one;
/* api_threads.c */
http_handler api_threads, api_thread;
/* api_acts.c */
http_handler api_act;
/* api_kinds.c */
http_handler api_kinds, api_kind;
/* api_roster.c */
http_handler api_roster;
struct duty_view;
json_t *api_roster_gaps(const struct duty_view *view);
/* "error" of the file, "command_error" of the last run that failed; nothing where there is none. */
void api_roster_troubles(const struct duty_view *view, json_t *object);
/* api_files.c */
http_handler api_files, api_file_open, api_file, api_file_act;
/* The files with a visit to come, the next one on top. */
json_t *api_file_visits(struct agent *agent);
/* api_stats.c */
http_handler api_stats;
/* api_status.c */
http_handler api_status, api_restored, api_livez, api_readyz, api_metrics;

/* A list of at most `limit` items; the one more that was asked for says that there are more. */
struct api_list {
    const struct agent *agent;
    json_t *items;
    uint64_t limit;
    bool more;
};
/* Reads ?limit. */
int api_list_begin(const struct agent *agent, const struct http_request *request,
                   struct api_list *ret_list, struct error *ret_error) MUST_USE;
/* Takes the item; false: the list is full. */
bool api_list_add(struct api_list *list, json_t *take_item);

/* Shared by handlers that send. */
struct api_draft {
    struct leadbus_draft draft;
    struct leadbus_section sections[LIMIT_SECTION_COUNT_MAX];
    struct buf payloads[LIMIT_SECTION_COUNT_MAX];
    struct leadbus_draft_attachment attachments[LIMIT_ATTACHMENT_COUNT_MAX];
    uint8_t thread[16], parent[16], other[16];
    const struct plan_kind *kind;
    json_t *remarks;   /* paths of values that travel as stated */
    bool area_differs; /* a section is about another street than the header routes by */
};
void api_draft_fini(struct api_draft *draft); /* wipes */
/* From the body of a request, which *ret_body keeps (the caller frees it): the draft borrows it.
 * need_all as below. */
int api_draft_read(struct agent *agent, const struct http_request *request, bool need_all,
                   json_t **ret_body, struct api_draft *draft, struct error *ret_error) MUST_USE;
/* Adds one section from JSON: checked against its schema. Errors name "section.path". */
int api_draft_section(struct agent *agent, struct api_draft *draft, size_t section,
                      const json_t *object, struct error *ret_error) MUST_USE;
/* All sections of the kind that the object (NULL: none) has by name; need_all: those that are
 * required must be there. */
int api_draft_sections(struct agent *agent, struct api_draft *draft, const json_t *sections,
                       bool need_all, struct error *ret_error) MUST_USE;
/* Submits, and waits for the receipt where ?wait=receipt asks for it: fills the reply with 202. */
int api_draft_submit(struct agent *agent, struct http_request *request, struct api_draft *draft,
                     struct http_reply *reply, struct error *ret_error) MUST_USE;
/* The second half of it, when the request is called again. */
int api_submitted(struct agent *agent, struct http_request *request, struct http_reply *reply,
                  struct error *ret_error) MUST_USE;

/* Of an act on the whole thread: is something wrong only because this unit does not know the
 * thread, or not all of its legs? */
bool api_thread_elsewhere(const struct api_draft *draft, int status);
/* May the bus be asked for a thread that is not here, and the request wait for it? True: the reply
 * waits. False: it is as fresh as it gets, or cannot be asked for; where that is the trouble of the
 * moment (no connection, say), *ret_error says so and *status is its code. */
bool api_thread_waits(struct agent *agent, struct http_request *request, struct http_reply *reply,
                      const uint8_t id[16], int *status, struct error *ret_error);

/* E_TOPIC_UNKNOWN with the codes there are; *ret_topic NULL where none is named, which is an error
 * where one is `wanted` and the kind requires it. */
int api_topic(const struct plan_kind *kind, const char *slug, bool wanted,
              const struct plan_topic **ret_topic, struct error *ret_error) MUST_USE;

/* The id in the path of the request. */
int api_path_id(const struct http_request *request, uint8_t ret_id[16],
                struct error *ret_error) MUST_USE;
/* A member of the request's object, by type; absent is not an error. E_BAD_VALUE names it. */
int api_string(const json_t *object, const char *key, const char **ret_text,
               struct error *ret_error) MUST_USE;
/* Who acts, as the header takes it. E_BAD_VALUE, field "officer". */
int api_officer_check(const char *text, struct error *ret_error) MUST_USE;
/* The member "officer": the same. */
int api_officer(const json_t *object, const char **ret_text, struct error *ret_error) MUST_USE;
int api_time(const json_t *object, const char *key, uint64_t *ret_ms,
             struct error *ret_error) MUST_USE;
int api_id(const json_t *object, const char *key, uint8_t ret_id[16], const uint8_t **ret_set,
           struct error *ret_error) MUST_USE;

#endif
