#include "clients/agent/render.h"

#include <string.h>

#include "clients/agent/roster.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/route.h"
#include "proto/schema/envelope.pb-c.h"

static void set_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

json_t *render_error(const struct leadbus_error *error)
{
    json_t *object = json_object();
    render_set(object, "code", error->name);
    render_set(object, "title_zh", leadbus_error_text(error->code, LEADBUS_LANG_ZH));
    render_set(object, "title_en", leadbus_error_text(error->code, LEADBUS_LANG_EN));
    render_set(object, "field", error->field);
    render_set(object, "detail", error->detail);
    render_set(object, "detail_zh", error->detail_zh);
    return object;
}

const char *render_outbox_state(int state)
{
    static const char *const names[] = {"none", "queued", "sent", "receipted", "refused"};
    return state >= 0 && state < 5 ? names[state] : "unknown";
}

const char *render_thread_state(int status)
{
    static const char *const names[] = {"none", "open", "closed"};
    return status >= 0 && status < 3 ? names[status] : "unknown";
}

static json_t *flags_json(uint32_t flags)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } rows[] = {{LEADBUS__HEADER_FLAG__HEADER_FLAG_AS_STATED, "as_stated"},
                {LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE, "late"},
                {LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED, "readdressed"},
                {LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED, "unkeyed"},
                {LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY, "early"}};
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (flags & rows[i].bit) json_array_append_new(list, json_string(rows[i].name));
    return list;
}

void render_set_names(const struct agent *agent, json_t *object, const char *kind_slug,
                      const char *topic_slug, const char *from_key)
{
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, kind_slug) : NULL;
    uint16_t from = agent->plan ? plan_unit_find(agent->plan, from_key) : PLAN_UNIT_NONE;
    if (kind) {
        const struct plan_topic *topic = *topic_slug ? plan_topic_find(kind, topic_slug) : NULL;
        render_set(object, "kind_zh", kind->name_zh);
        render_set(object, "kind_en", kind->name_en);
        if (topic) render_set(object, "topic_zh", topic->name_zh);
        if (topic) render_set(object, "topic_en", topic->name_en);
    }
    if (from == PLAN_UNIT_NONE) return;
    render_set(object, "from_zh", plan_unit(agent->plan, from)->name_zh);
    render_set(object, "from_en", plan_unit(agent->plan, from)->name_en);
}

/* What the thread of an answer or of a notice is about; of a notice its id alone where no more is
 * known here. */
static void set_about(const struct agent *agent, json_t *object, const struct leadbus_item *item)
{
    static const uint8_t none[16];
    struct leadbus_opening opening = {0};
    const uint8_t *thread = item->thread;
    bool own = item->type != LEADBUS_ITEM_NOTICE && memcmp(thread, item->id, 16) == 0;
    if (memcmp(thread, none, 16) == 0 && item->missed_count) thread = item->missed[0].thread;
    if (own || memcmp(thread, none, 16) == 0) return;
    bool known = leadbus_thread_opening(agent->lb, thread, &opening, NULL) == 0 && opening.kind[0];
    if (!known && item->type != LEADBUS_ITEM_NOTICE) return;
    json_t *about = json_object();
    render_set_id(about, "thread", thread);
    json_object_set_new(object, "about", about);
    if (!known) return;
    render_set(about, "kind", opening.kind);
    render_set(about, "topic", opening.topic);
    render_set(about, "from", opening.from);
    render_set_names(agent, about, opening.kind, opening.topic, opening.from);
}

void render_set_citation(const struct agent *agent, json_t *object, const char *citation)
{
    render_set(object, "citation", citation);
    if (!agent->plan || !*citation) return;
    render_set(object, "citation_zh", route_citation_text(agent->plan, citation, LANG_ZH));
    render_set(object, "citation_en", route_citation_text(agent->plan, citation, LANG_EN));
}

void render_set_close(json_t *object, uint64_t close_ms, int extended)
{
    render_set_time(object, "close_due_at", close_ms);
    if (extended) json_object_set_new(object, "extended", json_true());
}

/* Who was told of it here, by rank. */
static json_t *told_json(const struct leadbus_item *item)
{
    static const char *const results[] = {"open", "told", "failed", "nobody", "again"};
    json_t *list = json_array();
    for (int rank = 0; rank < LEADBUS_RANK_COUNT; rank++) {
        const struct leadbus_told *told = &item->told[rank];
        if (told->at_ms == 0) continue;
        json_t *one = json_object();
        render_set(one, "rank", roster_rank_name(rank));
        render_set(one, "rank_zh", roster_rank_text(rank, LANG_ZH));
        render_set(one, "rank_en", roster_rank_text(rank, LANG_EN));
        render_set_time(one, "at", told->at_ms);
        render_set(one, "result",
                   told->result >= 0 && told->result < 5 ? results[told->result] : "open");
        json_array_append_new(list, one);
    }
    return list;
}

/* How far this unit is with what it must sign for. */
static json_t *leg_json(const struct leadbus_item *item)
{
    json_t *object = json_object();
    enum plan_act next = (enum plan_act)item->leg_next;
    render_set(object, "state", item->leg);
    render_set(object, "state_zh", item->leg_zh);
    render_set(object, "state_en", item->leg_en);
    json_object_set_new(object, "done", json_boolean(item->leg_done));
    const struct render_due due = {item->due_ms, item->due,     item->due_zh,
                                   item->due_en, item->overdue, item->paused};
    render_set_due(object, &due);
    if (!item->leg_done) render_set_close(object, item->close_ms, item->extended);
    json_t *told = told_json(item);
    if (json_array_size(told))
        json_object_set_new(object, "told", told);
    else
        json_decref(told);
    if (item->repeats) {
        json_t *repeats = json_pack("{s:I}", "shown", (json_int_t)item->shown);
        render_set_time(repeats, "shown_at", item->shown_ms);
        json_object_set_new(object, "repeats", repeats);
    }
    if (next == PLAN_ACT_NONE) return object;
    render_set(object, "next", plan_act_name(next));
    render_set(object, "next_zh", lifecycle_act_text(next, LANG_ZH));
    render_set(object, "next_en", lifecycle_act_text(next, LANG_EN));
    return object;
}

void render_set_due(json_t *object, const struct render_due *due)
{
    if (due->paused) json_object_set_new(object, "paused", json_true());
    if (due->due_ms == 0) return;
    render_set_time(object, "due_at", due->due_ms);
    render_set(object, "due", due->name);
    render_set(object, "due_zh", due->zh);
    render_set(object, "due_en", due->en);
    json_object_set_new(object, "overdue", json_boolean(due->overdue));
}

/* Receipts name their reader as one who signs, and nobody signs for a receipt. */
static bool signable(const struct agent *agent, const struct leadbus_item *item)
{
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, item->kind) : NULL;
    return !kind || plan_kind_expects(kind, PLAN_ACT_SIGN);
}

/* Other threads that have a number of this message. Nothing where there are none. */
static void set_same(const struct agent *agent, json_t *object, const uint8_t id[16])
{
    enum { SAME_COUNT_MAX = 8 };
    struct leadbus_same same[SAME_COUNT_MAX];
    size_t count = 0;
    int more = 0;
    if (leadbus_same_numbers(agent->lb, id, same, SAME_COUNT_MAX, &count, &more, NULL) || !count)
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *one = json_object();
        render_set_id(one, "thread", same[i].thread);
        render_set(one, "what", same[i].what);
        render_set(one, "what_zh", same[i].what_zh);
        render_set(one, "what_en", same[i].what_en);
        json_array_append_new(list, one);
    }
    json_object_set_new(object, "same_number", list);
    if (more) json_object_set_new(object, "same_number_more", json_true());
}

/* The terms that a notice names. */
static void set_missed(json_t *object, const struct leadbus_item *item)
{
    json_t *list = json_array();
    for (size_t i = 0; i < item->missed_count; i++) {
        const struct leadbus_missed *missed = &item->missed[i];
        json_t *one = json_object();
        render_set_id(one, "thread", missed->thread);
        set_number(one, "index", missed->index);
        render_set(one, "term", missed->term);
        render_set(one, "term_zh", missed->term_zh);
        render_set(one, "term_en", missed->term_en);
        render_set_time(one, "due_at", missed->due_ms);
        json_array_append_new(list, one);
    }
    json_object_set_new(object, "missed", list);
}

json_t *render_item(const struct agent *agent, const struct leadbus_item *item)
{
    static const char *const types[] = {"none",      "message",   "notice",
                                        "tombstone", "exception", "sent"};
    static const char *const notices[] = {"none",  "expired",    "exception",   "rewrapped",
                                          "other", "overdue",    "custody-gap", "alert-end",
                                          "again", "unanswered", "period-cut"};
    json_t *object = json_object();
    if (item->number) set_number(object, "number", item->number);
    render_set(object, "type", item->type >= 0 && item->type < 6 ? types[item->type] : "unknown");
    if (item->notice)
        render_set(object, "notice",
                   item->notice > 0 && item->notice < 11 ? notices[item->notice] : "other");
    if (item->code) render_set(object, "code", leadbus_error_name(item->code));
    render_set_id(object, "id", item->id);
    render_set_id(object, "thread", item->thread);
    render_set_id(object, "parent", item->parent);
    render_set(object, "kind", item->kind);
    render_set(object, "topic", item->topic);
    render_set(object, "from", item->from);
    render_set_names(agent, object, item->kind, item->topic, item->from);
    render_set(object, "officer", item->officer);
    render_set(object, "area", item->area);
    render_set(object, "purpose", item->purpose);
    render_set_citation(agent, object, item->citation);
    render_set_unit(agent, object, "target", item->target);
    set_about(agent, object, item);
    set_number(object, "urgency", item->urgency);
    if (item->raised && (unsigned)item->raised < item->urgency)
        set_number(object, "urgency_raised", (uint64_t)item->raised);
    set_number(object, "level", item->level);
    json_object_set_new(object, "flags", flags_json(item->flags));
    json_object_set_new(object, "must_sign",
                        json_boolean(item->must_sign && signable(agent, item)));
    if (*item->leg) json_object_set_new(object, "leg", leg_json(item));
    if (item->decision.act)
        json_object_set_new(object, "decision", render_decision(agent, &item->decision));
    json_object_set_new(object, "proved", json_boolean(item->proved));
    if (item->type != LEADBUS_ITEM_SENT) {
        set_number(object, "lane", item->lane);
        set_number(object, "position", item->position);
    } else {
        render_set(object, "state", render_outbox_state(item->state));
    }
    if (item->index || item->record_ms) set_number(object, "index", item->index);
    if (item->count) set_number(object, "count", item->count);
    render_set(object, "late", item->late);
    render_set(object, "late_zh", item->late_zh);
    render_set(object, "late_en", item->late_en);
    if (item->missed_count) set_missed(object, item);
    if (item->missing_before) set_number(object, "missing_before", item->missing_before);
    render_set_time(object, "created_at", item->created_ms);
    render_set_time(object, "occurred_at", item->occurred_ms);
    render_set_time(object, "expires_at", item->expires_ms);
    render_set_time(object, "recorded_at", item->record_ms);
    render_set_time(object, "received_at", item->received_ms);
    if (item->type == LEADBUS_ITEM_MESSAGE || item->type == LEADBUS_ITEM_SENT)
        set_same(agent, object, item->id);
    return object;
}

json_t *render_outgoing(const struct agent *agent, const struct leadbus_outgoing *outgoing)
{
    json_t *object = json_object();
    render_set_id(object, "id", outgoing->id);
    render_set_id(object, "thread", outgoing->thread);
    render_set(object, "state", render_outbox_state(outgoing->state));
    render_set(object, "kind", outgoing->kind);
    render_set(object, "topic", outgoing->topic);
    render_set_names(agent, object, outgoing->kind, outgoing->topic, "");
    set_number(object, "attempts", outgoing->attempts);
    render_set_time(object, "created_at", outgoing->created_ms);
    render_set_time(object, "retry_at", outgoing->retry_ms);
    if (outgoing->state == LEADBUS_RECEIPTED) {
        set_number(object, "index", outgoing->index);
        render_set_time(object, "recorded_at", outgoing->record_ms);
        json_object_set_new(object, "provisional", json_boolean(outgoing->provisional));
    }
    if (outgoing->error.code) json_object_set_new(object, "error", render_error(&outgoing->error));
    return object;
}

json_t *render_recipient(const struct leadbus_recipient *recipient)
{
    json_t *object = json_object();
    render_set(object, "unit", recipient->unit);
    render_set(object, "name_zh", recipient->name_zh);
    render_set(object, "name_en", recipient->name_en);
    render_set(object, "act", recipient->must_sign ? "sign" : "copy");
    json_object_set_new(object, "primary", json_boolean(recipient->primary));
    render_set(object, "citation", recipient->citation);
    render_set(object, "citation_zh", recipient->citation_zh);
    render_set(object, "citation_en", recipient->citation_en);
    render_set(object, "reason_zh", recipient->reason_zh);
    render_set(object, "reason_en", recipient->reason_en);
    json_object_set_new(object, "keyed", json_boolean(recipient->keyed));
    return object;
}

/* A section that this plan has no schema for is named, not shown. */
static json_t *section_json(const struct agent *agent, const char *kind_slug,
                            const struct leadbus_section *section)
{
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, kind_slug) : NULL;
    int index = kind ? plan_section_find(kind, section->name) : -1;
    const struct payload_message *message =
        index >= 0 ? payload_find(kind->sections[index].message) : NULL;
    json_t *object = NULL;
    if (!message ||
        payload_json_write(message, bytes_of(section->data, section->len), &object, NULL))
        return json_pack("{s:s}", "unreadable", "payload_invalid");
    return object;
}

static json_t *attachment_json(const struct leadbus_attachment *attachment, size_t number)
{
    static const char *const states[] = {"none",     "local", "sending", "sent",
                                         "fetching", "here",  "refused", "no_room"};
    char hash[65];
    json_t *object = json_object();
    set_number(object, "n", number);
    render_set(object, "section", attachment->section);
    render_set(object, "name", attachment->name);
    render_set(object, "media_type", attachment->media_type);
    set_number(object, "size", attachment->bytes);
    hex_encode(bytes_of(attachment->sha256, 32), hash);
    render_set(object, "sha256", hash);
    json_object_set_new(object, "confirm_no_dna", json_boolean(attachment->confirmed));
    render_set(object, "state",
               attachment->state >= 0 && attachment->state < 8 ? states[attachment->state]
                                                               : "unknown");
    if (attachment->code) render_set(object, "code", leadbus_error_name(attachment->code));
    set_number(object, "chunks", attachment->chunks);
    set_number(object, "chunks_done", attachment->chunks_done);
    return object;
}

json_t *render_attachments(const leadbus_message *message)
{
    json_t *list = json_array();
    for (size_t i = 0; i < leadbus_message_attachment_count(message); i++) {
        struct leadbus_attachment attachment = {.size = sizeof attachment};
        if (leadbus_message_attachment(message, i, &attachment))
            json_array_append_new(list, attachment_json(&attachment, i + 1));
    }
    return list;
}

json_t *render_sections(const struct agent *agent, const leadbus_message *message)
{
    const struct leadbus_item *item = leadbus_message_item(message);
    json_t *sections = json_object();
    for (size_t i = 0; i < leadbus_message_section_count(message); i++) {
        struct leadbus_section section = {0};
        if (leadbus_message_section(message, i, &section))
            json_object_set_new(sections, section.name, section_json(agent, item->kind, &section));
    }
    return sections;
}

/* An alert out of its turn: said, and left to the reader. */
static void set_revision(const struct agent *agent, json_t *object, const uint8_t id[16])
{
    uint32_t stated = 0, expected = 0;
    if (leadbus_alert_revision(agent->lb, id, &stated, &expected, NULL) || stated == 0) return;
    json_object_set_new(object, "revision", json_integer(stated));
    if (expected != 0 && expected != stated)
        json_object_set_new(object, "revision_expected", json_integer(expected));
}

/* The content went when this unit confirmed it, in the thread of its alert. */
static void set_deleted(const struct agent *agent, json_t *object, const struct leadbus_item *item)
{
    leadbus_thread *thread = NULL;
    json_object_set_new(object, "deleted", json_true());
    if (!agent->plan || leadbus_thread_get(agent->lb, item->thread, &thread, NULL)) return;
    for (size_t i = 0; i < leadbus_thread_item_count(thread); i++) {
        const struct leadbus_item *one = leadbus_thread_item(thread, i);
        const struct plan_kind *kind = plan_kind_find(agent->plan, one->kind);
        if (one->type == LEADBUS_ITEM_SENT && one->state != LEADBUS_REFUSED && kind &&
            kind->act == PLAN_ACT_CONFIRM_DELETION)
            render_set_time(object, "deleted_at", one->created_ms);
    }
    leadbus_thread_free(thread);
}

json_t *render_message(const struct agent *agent, const leadbus_message *message)
{
    const struct leadbus_item *item = leadbus_message_item(message);
    json_t *object = render_item(agent, item);
    json_t *sections = render_sections(agent, message);
    json_t *recipients = json_array();
    for (size_t i = 0; i < leadbus_message_recipient_count(message); i++)
        json_array_append_new(recipients, render_recipient(leadbus_message_recipient(message, i)));
    json_object_set_new(object, "sections", sections);
    if (item->type == LEADBUS_ITEM_MESSAGE || item->type == LEADBUS_ITEM_SENT)
        set_revision(agent, object, item->id);
    if (item->deleted) set_deleted(agent, object, item);
    json_object_set_new(object, "attachments", render_attachments(message));
    json_object_set_new(object, "recipients", recipients);
    return object;
}
