#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"

struct listing {
    const struct agent *agent;
    json_t *items;
    uint64_t last;
};

static int add_item(void *ctx, const struct leadbus_item *item)
{
    struct listing *listing = ctx;
    json_array_append_new(listing->items, render_item(listing->agent, item));
    listing->last = item->number;
    return 0;
}

int api_inbox(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    uint64_t after = 0;
    uint64_t limit = 0;
    uint64_t wait_s = 0;
    struct leadbus_error trouble = {0};
    int status = http_query_number(request, "after", 0, INT64_MAX, &after, ret_error);
    if (!status)
        status = http_query_number(request, "limit", API_LIST_COUNT, API_LIST_COUNT_MAX, &limit,
                                   ret_error);
    if (!status) status = http_query_number(request, "wait", 0, API_WAIT_S_MAX, &wait_s, ret_error);
    if (status) return status;
    if (leadbus_inbox_last(agent->lb) <= after && http_wait(request, reply, wait_s * 1000))
        return 0;
    struct listing listing = {agent, json_array(), after};
    if (leadbus_inbox_each(agent->lb, after, (size_t)limit, add_item, &listing, &trouble)) {
        json_decref(listing.items);
        return agent_error(&trouble, ret_error);
    }
    reply->json =
        json_pack("{s:o,s:I,s:I}", "items", listing.items, "next_after", (json_int_t)listing.last,
                  "last", (json_int_t)leadbus_inbox_last(agent->lb));
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
