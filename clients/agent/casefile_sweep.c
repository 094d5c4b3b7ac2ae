/* What was told of a file is deleted where it was read. */
#include <stdlib.h>
#include <string.h>

#include "clients/agent/casefile.h"
#include "clients/agent/render.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/plan/day.h"

#define DAY_MS 86400000ull
enum { LOOK_MS = 1000 };

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

/* Not where both clocks were put back behind the day on which it was done. */
static bool sweep_waits(const struct agent *agent, uint64_t now_ms)
{
    return now_ms < agent->sweep_ms && agent->sweep_ms - now_ms <= DAY_MS;
}

/* The earlier one of this machine's time and the bus's, as it said it last; 0: it has not yet. */
static uint64_t time_of_both(const struct agent *agent)
{
    uint64_t now_ms = agent_now_ms();
    struct leadbus_stats stats = {.size = sizeof stats};
    leadbus_stats(agent->lb, &stats);
    return stats.bus_ms < now_ms ? stats.bus_ms : now_ms;
}

void casefile_sweep(struct agent *agent)
{
    struct threads threads = {.agent = agent};
    struct leadbus_error trouble = {0};
    struct error error = {0};
    uint64_t steady_ms = agent_monotonic_ms();
    if (sweep_waits(agent, agent_now_ms()) || steady_ms < agent->sweep_look_ms) return;
    agent->sweep_look_ms = steady_ms + LOOK_MS;
    uint64_t now_ms = time_of_both(agent);
    if (now_ms == 0 || sweep_waits(agent, now_ms)) return;
    agent->sweep_ms = day_start_ms(day_number(now_ms) + 1);
    if (leadbus_thread_each(agent->lb, INT64_MAX, gather, &threads, &trouble))
        log_failure(LOG_LEVEL_ERROR, "file_not_deleted", agent_error(&trouble, &error), &error);
    for (size_t i = 0; i < threads.count; i++) sweep_thread(agent, threads.ids[i], now_ms);
    free(threads.ids);
}
