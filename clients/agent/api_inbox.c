#include <stdio.h>
#include <string.h>

#include "clients/agent/api.h"
#include "clients/agent/render.h"
#include "proto/payload/codes.h"

static int add_item(void *ctx, const struct leadbus_item *item)
{
    struct api_list *list = ctx;
    return api_list_add(list, render_item(list->agent, item)) ? 0 : 1;
}

enum order { OLDEST, NEWEST, DUE, ORDER_COUNT };

/* Which parameters an order takes besides limit, and what its answer calls the next page. */
static const struct {
    const char *name, *start, *next;
} orders[ORDER_COUNT] = {[OLDEST] = {"oldest", "after", "next_after"},
                         [NEWEST] = {"newest", "before", "next_before"},
                         [DUE] = {"due", "page", "next_page"}};

/* What was asked for, and where the next page begins. */
struct page {
    enum order order;
    uint64_t number;
    struct leadbus_due_place place;
    bool placed;
};

/* DUE_MS.THREAD.MESSAGE of the last item: opaque to who asks. */
enum { PLACE_LEN = 20 + 1 + 36 + 1 + 36 };

static int read_place(const char *text, struct page *page, struct error *ret_error)
{
    char thread[37];
    char id[37];
    int end = 0;
    unsigned long long due_ms = 0;
    bool fits =
        strlen(text) <= PLACE_LEN && strspn(text, "0123456789") >= 1 &&
        sscanf(text, "%19llu.%36[0-9a-f-].%36[0-9a-f-]%n", &due_ms, thread, id, &end) == 3 &&
        text[end] == 0 && due_ms <= INT64_MAX &&
        uuid_parse_text(thread, page->place.thread, NULL) == 0 &&
        uuid_parse_text(id, page->place.id, NULL) == 0;
    if (!fits)
        return error_say(ret_error, E_BAD_VALUE, "page", "应为上一页的 next_page",
                         "the next_page of the page before");
    page->place.due_ms = due_ms;
    page->placed = true;
    return 0;
}

static json_t *place_text(const json_t *last)
{
    static const char *const owed[] = {"leg", "decision"};
    uint64_t due_ms = 0, next_ms;
    for (size_t i = 0; i < sizeof owed / sizeof *owed; i++) {
        const json_t *one = json_object_get(last, owed[i]);
        const char *due = json_string_value(json_object_get(one, "due_at"));
        if (due && !codes_time_parse(due, &next_ms)) return NULL;
        if (due && (due_ms == 0 || next_ms < due_ms)) due_ms = next_ms;
    }
    return json_sprintf("%llu.%s.%s", (unsigned long long)due_ms,
                        json_string_value(json_object_get(last, "thread")),
                        json_string_value(json_object_get(last, "id")));
}

/* The page that was asked for; where the next one begins goes into *ret_next, or NULL. */
static int read_page(struct agent *agent, struct api_list *list, const struct page *page,
                     json_t **ret_next, struct error *ret_error)
{
    struct leadbus_error trouble = {0};
    size_t limit = (size_t)list->limit + 1;
    int status = 0;
    if (page->order == DUE)
        status = leadbus_inbox_due(agent->lb, page->placed ? &page->place : NULL, limit, add_item,
                                   list, &trouble);
    else if (page->order == NEWEST)
        status = leadbus_inbox_newest(agent->lb, page->number, limit, add_item, list, &trouble);
    else
        status = leadbus_inbox_each(agent->lb, page->number, limit, add_item, list, &trouble);
    if (status) return agent_error(&trouble, ret_error);
    size_t count = json_array_size(list->items);
    const json_t *last = json_array_get(list->items, count ? count - 1 : 0);
    if (page->order == DUE)
        *ret_next = list->more ? place_text(last) : NULL;
    else
        *ret_next = json_integer(last ? json_integer_value(json_object_get(last, "number"))
                                      : (json_int_t)page->number);
    return 0;
}

/* The alerts that nobody here has signed for: above all else. */
static int add_unsigned(struct agent *agent, json_t *answer, struct error *ret_error)
{
    struct api_list list = {.agent = agent, .items = json_array(), .limit = API_LIST_COUNT_MAX};
    struct leadbus_error trouble = {0};
    int status =
        leadbus_inbox_unsigned(agent->lb, API_LIST_COUNT_MAX + 1, add_item, &list, &trouble);
    json_object_set_new(answer, "unsigned", list.items);
    if (list.more) json_object_set_new(answer, "unsigned_more", json_true());
    return status ? agent_error(&trouble, ret_error) : 0;
}

/* Parameters of one order do not go with another. */
static int read_order(const struct http_request *request, struct page *page,
                      struct error *ret_error)
{
    const char *order = http_query(request, "order");
    int at = order ? 0 : OLDEST;
    while (order && at < ORDER_COUNT && strcmp(order, orders[at].name) != 0) at++;
    if (at == ORDER_COUNT)
        return error_say(ret_error, E_BAD_VALUE, "order", "应为 oldest、newest 或 due",
                         "oldest, newest or due");
    page->order = (enum order)at;
    for (int i = 0; i < ORDER_COUNT; i++) {
        const char *other = i == at ? NULL : orders[i].start;
        if (i == OLDEST && other && http_query(request, "wait")) other = "wait";
        if (other && http_query(request, other))
            return error_say(ret_error, E_BAD_VALUE, other,
                             "after 和 wait 用于 order=oldest，before 用于 newest，page 用于 due",
                             "after and wait go with order=oldest, before with newest, page with "
                             "due");
    }
    const char *place = page->order == DUE ? http_query(request, "page") : NULL;
    if (page->order != DUE)
        return http_query_number(request, orders[at].start, 0, INT64_MAX, &page->number, ret_error);
    return place ? read_place(place, page, ret_error) : 0;
}

int api_inbox(struct agent *agent, struct http_request *request, struct http_reply *reply,
              struct error *ret_error)
{
    struct page page = {0};
    uint64_t wait_s = 0;
    json_t *next = NULL;
    struct api_list list = {0};
    int status = read_order(request, &page, ret_error);
    if (!status) status = http_query_number(request, "wait", 0, API_WAIT_S_MAX, &wait_s, ret_error);
    if (status) return status;
    if (page.order == OLDEST && leadbus_inbox_last(agent->lb) <= page.number &&
        http_wait(request, reply, wait_s * 1000))
        return 0;
    status = api_list_begin(agent, request, &list, ret_error);
    if (!status) status = read_page(agent, &list, &page, &next, ret_error);
    if (status) {
        json_decref(list.items);
        return status;
    }
    reply->json = json_pack("{s:o,s:b,s:I}", "items", list.items, "more", list.more, "last",
                            (json_int_t)leadbus_inbox_last(agent->lb));
    if (page.order == DUE && !page.placed) {
        json_object_set_new(reply->json, "visits", api_file_visits(agent));
        status = add_unsigned(agent, reply->json, ret_error);
    }
    if (next) json_object_set_new(reply->json, orders[page.order].next, next);
    return status;
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
