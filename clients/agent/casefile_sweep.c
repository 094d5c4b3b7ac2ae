/* What was told of a file is deleted where it was read. */
#include <stdlib.h>
#include <string.h>

#include "clients/agent/casefile.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/plan/day.h"

#define DAY_MS 86400000ull

struct threads {
    const struct agent *agent;
    uint8_t (*ids)[16];
    size_t count, cap;
};

/* Access that another unit gave to this one, and took back. */
static int gather(void *ctx, const struct leadbus_thread_summary *one)
{
    struct threads *threads = ctx;
    if (strcmp(one->kind, "file.access") != 0 || one->status != LEADBUS_THREAD_CLOSED ||
        strcmp(one->from, threads->agent->unit) == 0)
        return 0;
    if (threads->count == threads->cap) {
        threads->cap = threads->cap ? threads->cap * 2 : 16;
        threads->ids = realloc(threads->ids, threads->cap * sizeof *threads->ids);
        CHECK(threads->ids != NULL);
    }
    memcpy(threads->ids[threads->count++], one->thread, 16);
    return 0;
}

/* The day that a message that ends it names is over; what was deleted names none any more. */
static bool is_over(const struct agent *agent, const struct leadbus_item *item, uint64_t now_ms)
{
    leadbus_message *message = NULL;
    uint64_t day_ms = 0;
    const struct plan_kind *kind = agent->plan ? plan_kind_find(agent->plan, item->kind) : NULL;
    if (!kind || kind->act != PLAN_ACT_END_ACCESS || item->type != LEADBUS_ITEM_MESSAGE ||
        leadbus_message_get(agent->lb, item->id, &message, NULL))
        return false;
    json_t *sections = render_sections(agent, message);
    const char *day = casefile_text(json_object_get(sections, "full"), "delete_on");
    bool over = day_parse(day, &day_ms) && now_ms >= day_ms + DAY_MS;
    json_decref(sections);
    leadbus_message_free(message);
    return over;
}

static void sweep_thread(struct agent *agent, const uint8_t id[16], uint64_t now_ms)
{
    struct leadbus_error trouble = {0};
    struct error error = {0};
    leadbus_thread *thread = NULL;
    char text[37];
    bool over = false;
    int status = leadbus_thread_get(agent->lb, id, &thread, &trouble);
    for (size_t i = 0; !status && i < leadbus_thread_item_count(thread); i++)
        over = over || is_over(agent, leadbus_thread_item(thread, i), now_ms);
    leadbus_thread_free(thread);
    if (!status && !over) return;
    if (!status) status = leadbus_thread_erase(agent->lb, id, &trouble);
    if (!status) status = leadbus_commit(agent->lb, &trouble);
    uuid_text(id, text);
    if (status)
        log_failure(LOG_LEVEL_ERROR, "file_not_deleted", agent_error(&trouble, &error), &error);
    else
        log_info("file_deleted", log_text("thread", text));
}

void casefile_sweep(struct agent *agent)
{
    struct threads threads = {.agent = agent};
    struct leadbus_error trouble = {0};
    struct error error = {0};
    uint64_t now_ms = agent_now_ms();
    if (now_ms < agent->sweep_ms) return;
    agent->sweep_ms = day_start_ms(day_number(now_ms) + 1);
    if (leadbus_thread_each(agent->lb, INT64_MAX, gather, &threads, &trouble))
        log_failure(LOG_LEVEL_ERROR, "file_not_deleted", agent_error(&trouble, &error), &error);
    for (size_t i = 0; i < threads.count; i++) sweep_thread(agent, threads.ids[i], now_ms);
    free(threads.ids);
}

uint64_t casefile_sweep_ms(const struct agent *agent)
{
    return agent->sweep_ms;
}
