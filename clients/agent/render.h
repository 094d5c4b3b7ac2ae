/* render: what the library knows, as JSON of the API. Everything returned is the caller's to
 * decref. */
#ifndef CLIENTS_AGENT_RENDER_H
#define CLIENTS_AGENT_RENDER_H

#include <jansson.h>

#include "clients/agent/agent.h"

void render_set(json_t *object, const char *key, const char *text); /* nothing when empty */
void render_set_time(json_t *object, const char *key, uint64_t ms); /* nothing when 0 */
/* What a leg owes next and before when: due_at, due, due_zh, due_en, overdue; paused. */
struct render_due {
    uint64_t due_ms;
    const char *name, *zh, *en;
    int overdue, paused;
};
void render_set_due(json_t *object, const struct render_due *due);
void render_set_id(json_t *object, const char *key, const uint8_t id[16]); /* nothing when zeros */
/* The term to close, which runs beside what is owed next: close_due_at, extended. */
void render_set_close(json_t *object, uint64_t close_ms, int extended);
/* KEY, KEY_zh, KEY_en of a unit; nothing when empty. */
void render_set_unit(const struct agent *agent, json_t *object, const char *key, const char *unit);
/* kind_zh, topic_zh, from_zh and the English ones, as far as the plan has them. */
void render_set_names(const struct agent *agent, json_t *object, const char *kind_slug,
                      const char *topic_slug, const char *from_key);
/* By which rule of the plan it came here, and what that rule is in words. */
void render_set_citation(const struct agent *agent, json_t *object, const char *citation);
/* What waits for a decision; `commands` where it is this unit's. */
json_t *render_decision(const struct agent *agent, const struct leadbus_decision *decision);
json_t *render_error(const struct leadbus_error *error);
json_t *render_item(const struct agent *agent, const struct leadbus_item *item);
json_t *render_outgoing(const struct agent *agent, const struct leadbus_outgoing *outgoing);
/* What we may read of it, by section. */
json_t *render_sections(const struct agent *agent, const leadbus_message *message);
/* The files that we may read, with how far they are. */
json_t *render_attachments(const leadbus_message *message);
/* item, sections that we may read, files, recipients. */
json_t *render_message(const struct agent *agent, const leadbus_message *message);
json_t *render_recipient(const struct leadbus_recipient *recipient);
const char *render_outbox_state(int state);
const char *render_thread_state(int status);

#endif
