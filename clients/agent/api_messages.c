#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/print.h"
#include "clients/agent/render.h"
#include "proto/payload/payload_json.h"
#include "proto/plan/lifecycle.h"

int api_submit(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    if (request->submitted) return api_submitted(agent, request, reply, ret_error);
    struct api_draft draft = {0};
    json_t *body = NULL;
    int status = api_draft_read(agent, request, true, &body, &draft, ret_error);
    if (!status) status = api_draft_submit(agent, request, &draft, reply, ret_error);
    const uint8_t *thread = draft.draft.thread ? draft.draft.thread : draft.draft.parent;
    if (thread && api_thread_elsewhere(&draft, status) &&
        api_thread_waits(agent, request, reply, thread, &status, ret_error))
        status = 0;
    api_draft_fini(&draft);
    json_decref(body);
    return status;
}

static json_t *preview_json(const leadbus_preview *preview)
{
    json_t *recipients = json_array();
    json_t *skipped = json_array();
    json_t *flags = json_array();
    static const char *const flag_names[] = {"readdressed", "only_origin", "area_unknown"};
    for (size_t i = 0; i < leadbus_preview_recipient_count(preview); i++) {
        const struct leadbus_recipient *one = leadbus_preview_recipient(preview, i);
        json_t *object = render_recipient(one);
        json_t *sections = json_array();
        for (size_t s = 0; s < leadbus_preview_section_count(preview); s++)
            if (one->sections >> s & 1)
                json_array_append_new(sections, json_string(leadbus_preview_section(preview, s)));
        json_object_set_new(object, "sections", sections);
        json_array_append_new(recipients, object);
    }
    for (size_t i = 0; i < leadbus_preview_skipped_count(preview); i++) {
        const struct leadbus_skipped *one = leadbus_preview_skipped(preview, i);
        json_t *object = json_object();
        render_set(object, "unit", one->unit);
        render_set(object, "name_zh", one->name_zh);
        render_set(object, "name_en", one->name_en);
        render_set(object, "clause", one->clause);
        render_set(object, "reason_zh", one->reason_zh);
        render_set(object, "reason_en", one->reason_en);
        json_array_append_new(skipped, object);
    }
    for (size_t i = 0; i < 3; i++)
        if (leadbus_preview_flags(preview) >> i & 1)
            json_array_append_new(flags, json_string(flag_names[i]));
    return json_pack("{s:o,s:o,s:o}", "recipients", recipients, "not_addressed", skipped, "flags",
                     flags);
}

/* What each section says, read back from the bytes that would be sealed: as its readers' agents
 * will show it. */
static int contents_json(const struct api_draft *draft, json_t **ret, struct error *ret_error)
{
    json_t *contents = json_object();
    int status = 0;
    for (size_t i = 0; i < draft->draft.section_count && !status; i++) {
        const struct leadbus_section *section = &draft->sections[i];
        int index = plan_section_find(draft->kind, section->name);
        json_t *object = NULL;
        status = payload_json_write(payload_find(draft->kind->sections[index].message),
                                    bytes_of(section->data, section->len), &object, ret_error);
        if (!status) json_object_set_new(contents, section->name, object);
    }
    if (status)
        json_decref(contents);
    else
        *ret = contents;
    return status;
}

static int read_complete(const struct http_request *request, bool *ret_complete,
                         struct error *ret_error)
{
    const char *complete = http_query(request, "complete");
    *ret_complete = complete && strcmp(complete, "true") == 0;
    if (complete && !*ret_complete && strcmp(complete, "false") != 0)
        return error_say(ret_error, E_BAD_VALUE, "complete", "应为 true 或 false", "true or false");
    return 0;
}

int api_preview(struct agent *agent, struct http_request *request, struct http_reply *reply,
                struct error *ret_error)
{
    struct api_draft draft = {0};
    struct leadbus_error trouble = {0};
    leadbus_preview *preview = NULL;
    json_t *body = NULL;
    json_t *contents = NULL;
    bool complete = false;
    int status = read_complete(request, &complete, ret_error);
    if (!status) status = api_draft_read(agent, request, complete, &body, &draft, ret_error);
    if (!status && leadbus_preview_make(agent->lb, &draft.draft, &preview, &trouble))
        status = agent_error(&trouble, ret_error);
    if (!status && complete)
        status = lifecycle_check_officer(draft.kind, draft.draft.officer, ret_error);
    if (!status) status = contents_json(&draft, &contents, ret_error);
    if (!status) {
        int files = draft.draft.attachment_count ? plan_attachment_section(draft.kind) : -1;
        reply->json = preview_json(preview);
        json_object_set_new(reply->json, "contents", contents);
        if (files >= 0) render_set(reply->json, "files_with", draft.kind->sections[files].name);
        json_object_set(reply->json, "as_stated", draft.remarks);
        if (draft.area_differs)
            json_array_append_new(json_object_get(reply->json, "flags"),
                                  json_string("area_differs"));
    }
    leadbus_preview_free(preview);
    api_draft_fini(&draft);
    json_decref(body);
    return status;
}

int api_message(struct agent *agent, struct http_request *request, struct http_reply *reply,
                struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
    leadbus_message *message = NULL;
    int status = api_path_id(request, id, ret_error);
    if (status) return status;
    if (leadbus_message_get(agent->lb, id, &message, &trouble))
        return agent_error(&trouble, ret_error);
    reply->json = render_message(agent, message);
    leadbus_message_free(message);
    if (!leadbus_outbox_get(agent->lb, id, &outgoing, NULL))
        json_object_set_new(reply->json, "outbox", render_outgoing(agent, &outgoing));
    return 0;
}

int api_receipt(struct agent *agent, struct http_request *request, struct http_reply *reply,
                struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    char *text = NULL;
    size_t len = 0;
    uint64_t former = 0;
    int status = api_path_id(request, id, ret_error);
    if (!status)
        status =
            http_query_number(request, "former", 0, LIMIT_RESTORED_COUNT_MAX, &former, ret_error);
    if (status) return status;
    if (former ? leadbus_former(agent->lb, id, former, &text, &len, NULL, NULL, &trouble)
               : leadbus_receipt(agent->lb, id, &text, &len, &trouble))
        return agent_error(&trouble, ret_error);
    buf_append(&reply->text, text, len);
    leadbus_free(text);
    reply->content_type = "text/plain; charset=utf-8";
    return 0;
}

int api_record(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    uint8_t *record = NULL;
    size_t len = 0;
    uint64_t former = 0;
    int status = api_path_id(request, id, ret_error);
    if (!status)
        status =
            http_query_number(request, "former", 0, LIMIT_RESTORED_COUNT_MAX, &former, ret_error);
    if (status) return status;
    if (former ? leadbus_former(agent->lb, id, former, NULL, NULL, &record, &len, &trouble)
               : leadbus_record(agent->lb, id, &record, &len, &trouble))
        return agent_error(&trouble, ret_error);
    buf_append(&reply->text, record, len);
    leadbus_free(record);
    reply->content_type = "application/octet-stream";
    return 0;
}

static int add_outgoing(void *ctx, const struct leadbus_outgoing *outgoing)
{
    struct api_list *list = ctx;
    return api_list_add(list, render_outgoing(list->agent, outgoing)) ? 0 : 1;
}

int api_outbox(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    static const char *const names[] = {"", "queued", "sent", "receipted", "refused"};
    const char *state = http_query(request, "state");
    struct leadbus_error trouble = {0};
    struct api_list list = {0};
    unsigned states = 0;
    for (unsigned i = 1; state && i < 5; i++)
        if (strcmp(state, names[i]) == 0) states = 1u << i;
    if (state && !states)
        return error_say(ret_error, E_BAD_VALUE, "state", "应为 queued、sent、receipted 或 refused",
                         "queued, sent, receipted or refused");
    int status = api_list_begin(agent, request, &list, ret_error);
    if (status) return status;
    if (leadbus_outbox_each(agent->lb, states, (size_t)list.limit + 1, add_outgoing, &list,
                            &trouble)) {
        json_decref(list.items);
        return agent_error(&trouble, ret_error);
    }
    reply->json = json_pack("{s:o,s:b}", "items", list.items, "more", list.more);
    return 0;
}

int api_print(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    uint8_t id[16];
    const char *name = http_query(request, "form");
    int form = 0;
    int status = api_path_id(request, id, ret_error);
    if (status) return status;
    while (name && form < PRINT_FORM_COUNT &&
           strcmp(name, print_form_name((enum print_form)form)) != 0)
        form++;
    if (!name || form == PRINT_FORM_COUNT)
        return error_say(ret_error, name ? E_BAD_VALUE : E_MISSING_FIELD, "form",
                         "应为 receipt（签收回执）或 handover（移交清单）", "receipt or handover");
    status = print_page(agent, (enum print_form)form, id, &reply->text, ret_error);
    if (status) return status;
    reply->content_type = "text/html; charset=utf-8";
    reply->page = true;
    return 0;
}
