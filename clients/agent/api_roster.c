/* Who is on duty here. */
#include "clients/agent/api.h"
#include "clients/agent/duty.h"
#include "clients/agent/render.h"

static json_t *row_json(const struct roster_row *row)
{
    json_t *object = json_object();
    render_set(object, "officer", row->officer);
    render_set(object, "name", row->name);
    render_set(object, "contact", row->contact);
    render_set_time(object, "from", row->from_ms);
    render_set_time(object, "until", row->until_ms);
    return object;
}

static void set_rank(json_t *object, int rank)
{
    render_set(object, "rank", roster_rank_name(rank));
    render_set(object, "rank_zh", roster_rank_text(rank, LANG_ZH));
    render_set(object, "rank_en", roster_rank_text(rank, LANG_EN));
}

static json_t *rank_json(const struct roster *roster, int rank, uint64_t now_ms)
{
    const struct roster_row *rows[ROSTER_TOGETHER_MAX];
    const struct roster_row *next = roster_next(roster, rank, now_ms);
    size_t count = roster_at(roster, rank, now_ms, rows, ROSTER_TOGETHER_MAX);
    json_t *object = json_object();
    json_t *now = json_array();
    set_rank(object, rank);
    for (size_t i = 0; i < count; i++) json_array_append_new(now, row_json(rows[i]));
    json_object_set_new(object, "now", now);
    if (next) json_object_set_new(object, "next", row_json(next));
    return object;
}

json_t *api_roster_gaps(const struct duty_view *view)
{
    json_t *gaps = json_array();
    uint64_t now_ms = agent_now_ms();
    for (int rank = 0; view->loaded && rank < LEADBUS_RANK_COUNT; rank++) {
        uint64_t from_ms = 0;
        uint64_t until_ms = 0;
        if (!roster_gap(view->roster, rank, now_ms, now_ms + DUTY_WARN_MS, &from_ms, &until_ms))
            continue;
        json_t *gap = json_object();
        set_rank(gap, rank);
        render_set_time(gap, "from", from_ms);
        render_set_time(gap, "until", until_ms);
        json_array_append_new(gaps, gap);
    }
    return gaps;
}

static json_t *error_json(const struct error *error, uint64_t at_ms)
{
    struct leadbus_error shown = {0};
    agent_fill_error(error, &shown);
    json_t *object = render_error(&shown);
    render_set_time(object, "at", at_ms);
    return object;
}

void api_roster_troubles(const struct duty_view *view, json_t *object)
{
    if (view->trouble.code) json_object_set_new(object, "error", error_json(&view->trouble, 0));
    if (view->failure.code)
        json_object_set_new(object, "command_error", error_json(&view->failure, view->failure_ms));
}

int api_roster(struct agent *agent, struct http_request *request, struct http_reply *reply,
               struct error *ret_error)
{
    const struct duty_view *view = duty_view(agent);
    (void)request;
    (void)ret_error;
    json_t *ranks = json_array();
    for (int rank = 0; view && view->loaded && rank < LEADBUS_RANK_COUNT; rank++)
        json_array_append_new(ranks, rank_json(view->roster, rank, agent_now_ms()));
    reply->json = json_pack("{s:b,s:o,s:o}", "configured", view != NULL, "ranks", ranks, "gaps",
                            view ? api_roster_gaps(view) : json_array());
    if (!view) return 0;
    render_set(reply->json, "file", view->path);
    render_set_time(reply->json, "loaded_at", view->loaded_ms);
    api_roster_troubles(view, reply->json);
    return 0;
}
