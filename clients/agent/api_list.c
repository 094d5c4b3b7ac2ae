/* Lists of the API: one page of each. */
#include "clients/agent/api.h"

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
