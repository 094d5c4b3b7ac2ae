#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"

int api_list_begin(const struct agent *agent, const struct http_request *request,
                   struct api_list *ret_list, struct error *ret_error)
{
    uint64_t limit = 0;
    int status =
        http_query_number(request, "limit", API_LIST_COUNT, API_LIST_COUNT_MAX, &limit, ret_error);
    if (!status && limit == 0)
        status = error_say(ret_error, E_BAD_VALUE, "limit", "应在 1 到 %d 之间", "1 to %d",
                           API_LIST_COUNT_MAX);
    if (status) return status;
    *ret_list = (struct api_list){.agent = agent, .items = json_array(), .limit = limit};
    return 0;
}

bool api_list_add(struct api_list *list, json_t *take_item)
{
    list->more = json_array_size(list->items) >= list->limit;
    if (list->more)
        json_decref(take_item);
    else
        json_array_append_new(list->items, take_item);
    return !list->more;
}

static int add_item(void *ctx, const struct leadbus_item *item)
{
    struct api_list *list = ctx;
    return api_list_add(list, render_item(list->agent, item)) ? 0 : 1;
}

/* The page that was asked for; the number of its last item goes into *ret_last. */
static int page(struct agent *agent, struct api_list *list, bool newest, uint64_t start,
                uint64_t *ret_last, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    size_t limit = (size_t)list->limit + 1;
    int status = newest ? leadbus_inbox_newest(agent->lb, start, limit, add_item, list, &trouble)
                        : leadbus_inbox_each(agent->lb, start, limit, add_item, list, &trouble);
    if (status) return agent_error(&trouble, ret_error);
    size_t count = json_array_size(list->items);
    const json_t *last = json_array_get(list->items, count ? count - 1 : 0);
    *ret_last = count ? (uint64_t)json_integer_value(json_object_get(last, "number")) : start;
    return 0;
}

static int read_order(const struct http_request *request, bool *ret_newest, struct error *ret_error)
{
    const char *order = http_query(request, "order");
    *ret_newest = order && strcmp(order, "newest") == 0;
    if (order && !*ret_newest && strcmp(order, "oldest") != 0)
        return error_say(ret_error, E_BAD_VALUE, "order", "应为 oldest 或 newest",
                         "oldest or newest");
    const char *other = *ret_newest ? "after" : "before";
    if (*ret_newest && http_query(request, "wait")) other = "wait";
    if (http_query(request, other))
        return error_say(ret_error, E_BAD_VALUE, other,
                         "after 和 wait 用于从旧到新，before 用于从新到旧",
                         "after and wait go with oldest first, before with newest first");
    return 0;
}

int api_inbox(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    bool newest = false;
    uint64_t start = 0;
    uint64_t last = 0;
    uint64_t wait_s = 0;
    struct api_list list = {0};
    int status = read_order(request, &newest, ret_error);
    if (!status)
        status = http_query_number(request, newest ? "before" : "after", 0, INT64_MAX, &start,
                                   ret_error);
    if (!status) status = http_query_number(request, "wait", 0, API_WAIT_S_MAX, &wait_s, ret_error);
    if (status) return status;
    if (!newest && leadbus_inbox_last(agent->lb) <= start &&
        http_wait(request, reply, wait_s * 1000))
        return 0;
    status = api_list_begin(agent, request, &list, ret_error);
    if (!status) status = page(agent, &list, newest, start, &last, ret_error);
    if (status) {
        json_decref(list.items);
        return status;
    }
    reply->json = json_pack("{s:o,s:b,s:I,s:I}", "items", list.items, "more", list.more,
                            newest ? "next_before" : "next_after", (json_int_t)last, "last",
                            (json_int_t)leadbus_inbox_last(agent->lb));
    return 0;
}

/* By message id, or by number: notices and exceptions have no id of their own. */
int api_inbox_one(struct agent *agent, struct http_request *request, struct http_reply *reply,
                  struct error *ret_error)
{
    uint8_t id[16];
    struct leadbus_error trouble = {0};
    leadbus_message *message = NULL;
    int status = 0;
    if (strlen(request->id) < 20 && strspn(request->id, "0123456789") == strlen(request->id)) {
        uint64_t number = 0;
        for (const char *at = request->id; *at; at++) number = number * 10 + (uint64_t)(*at - '0');
        status = leadbus_inbox_get(agent->lb, number, &message, &trouble);
    } else {
        if (uuid_parse_text(request->id, id, NULL))
            return error_say(ret_error, E_BAD_VALUE, "id", "应为 UUID 或收件序号",
                             "a UUID or an inbox number");
        status = leadbus_message_get(agent->lb, id, &message, &trouble);
    }
    if (status) return agent_error(&trouble, ret_error);
    if (leadbus_message_item(message)->type == LEADBUS_ITEM_SENT) {
        leadbus_message_free(message);
        return error_say(ret_error, E_NOT_FOUND, "id", "这是发出的消息，见 /v1/messages",
                         "sent, not received: see /v1/messages");
    }
    reply->json = render_message(agent, message);
    leadbus_message_free(message);
    return 0;
}
