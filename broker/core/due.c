/* What falls due: the expiries of leads, the clocks of legs, the answers that are waited for and
 * the alarms, in one heap by time, and once their moment has passed in another by whose turn it is.
 * So a tick costs what it tells, however much is due. An entry says when and where; whether it
 * still holds is asked of what it is about, so nobody takes entries out when something was done in
 * time. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

static bool due_live(const struct core *core, const struct core_due *due)
{
    if (due->what == CORE_DUE_EXPIRY) {
        const struct core_item *item = &core->items[due->slot];
        return item->refs > 0 && item->index == due->index && !item->expired;
    }
    if (due->what >= CORE_DUE_ALARM) return core_alarm_live(core, due->slot);
    if (due->what == PLAN_CLOCK_RELEASE) return core_asks(&core->messages[due->slot]);
    return clocks_run(&core->clocks[due->slot].clocks, (enum plan_clock_index)due->what,
                      due->at_ms);
}

struct core_item *core_due_find(struct core *core, uint64_t index)
{
    const struct core_message *message = core_message_at(core, index);
    if (!message) return NULL;
    struct core_item *item = &core->items[message->item];
    bool live = item->refs > 0 && item->index == index && item->expires_ms > 0 && !item->expired;
    return live ? item : NULL;
}

/* ---- what a tick takes --------------------------------------------------------------------------
 */

/* Whose it is; CORE_UNIT_NONE: an expiry, CORE_UNIT_ALARM: an alarm, which are nobody's. */
static uint16_t due_unit(const struct core *core, const struct core_due *due)
{
    if (due->what == CORE_DUE_EXPIRY) return CORE_UNIT_NONE;
    if (due->what >= CORE_DUE_ALARM) return CORE_UNIT_ALARM;
    if (due->what == PLAN_CLOCK_RELEASE) return core_asked(core, &core->messages[due->slot]);
    const struct core_clocks *clocks = &core->clocks[due->slot];
    return core->parties[core->messages[clocks->message].party + clocks->place].unit;
}

/* Expiries first, then alarms, then one unit after the other. */
static uint32_t due_rank(uint16_t unit)
{
    if (unit == CORE_UNIT_NONE) return 0;
    return unit == CORE_UNIT_ALARM ? 1 : 2 + (uint32_t)unit;
}

/* By index, and then by clock. */
static int due_order(const void *a, const void *b)
{
    const struct core_due *x = a, *y = b;
    if (x->index != y->index) return x->index < y->index ? -1 : 1;
    return x->what < y->what ? -1 : x->what > y->what;
}

void core_due_settle(struct core *core)
{
    struct core_heap *due = &core->due, *past = &core->past;
    while (due->count > 0 &&
           (due->items[0].at_ms <= core->time_ms || !due_live(core, &due->items[0]))) {
        struct core_due top = due->items[0];
        core_heap_pop(due);
        if (!due_live(core, &top)) continue;
        top.rank = (uint16_t)due_rank(due_unit(core, &top));
        core_heap_push(past, top);
    }
    while (past->count > 0 && !due_live(core, &past->items[0])) core_heap_pop(past);
}

uint64_t core_next_deadline_ms(const struct core *core)
{
    if (core->past.count > 0) return core->past.items[0].at_ms;
    return core->due.count > 0 ? core->due.items[0].at_ms : UINT64_MAX;
}

/* What the first in rank has, of all that is due. */
struct gathering {
    const struct core *core;
    struct core_due_list *list;
};

/* False: somebody else's, whose turn comes later. */
static bool gather_one(const struct gathering *gathering, const struct core_due *due)
{
    struct core_due_list *list = gathering->list;
    if (!due_live(gathering->core, due)) return true;
    uint16_t unit = due_unit(gathering->core, due);
    if (list->count > 0 && unit != list->unit) {
        if (due_rank(unit) > due_rank(list->unit)) return false;
        list->count = 0;
    }
    list->unit = unit;
    list->items = core_grow(list->items, &list->cap, list->count + 1, sizeof *list->items);
    list->items[list->count++] = *due;
    return true;
}

static void gather(void *ctx, const struct core_due *due)
{
    (void)gather_one(ctx, due);
}

/* In order: a clock that was stopped and set to the same moment again stands there twice, one
 * behind the other, and counts once. */
static bool gather_past(void *ctx, const struct core_due *due)
{
    const struct gathering *gathering = ctx;
    struct core_due_list *list = gathering->list;
    bool again = list->count > 0 && due_order(&list->items[list->count - 1], due) == 0;
    if (again) return true;
    if (!gather_one(gathering, due)) return false;
    /* An alarm is a record of its own: the first is enough. */
    bool alarm = list->count > 0 && list->unit == CORE_UNIT_ALARM;
    return !alarm && list->count < CORE_TICK_COUNT_MAX;
}

void core_due_take(const struct core *core, uint64_t time_ms, struct core_due_list *ret_list)
{
    struct gathering gathering = {core, ret_list};
    *ret_list = (struct core_due_list){.unit = CORE_UNIT_NONE};
    core_heap_walk(&core->past, gather_past, &gathering);
    core_heap_each(&core->due, time_ms, gather, &gathering);
    struct core_due *items = ret_list->items;
    size_t count = 0;
    if (ret_list->count > 1) qsort(items, ret_list->count, sizeof *items, due_order);
    for (size_t i = 0; i < ret_list->count && count < CORE_TICK_COUNT_MAX; i++)
        if (i == 0 || due_order(&items[i - 1], &items[i]) != 0) items[count++] = items[i];
    /* Each is told to others. */
    if (ret_list->unit == CORE_UNIT_ALARM && count > 1) count = 1;
    ret_list->count = count;
}

/* ---- ticks --------------------------------------------------------------------------------------
 */

/* A message in a list: tag and length, of which there are less than 128, and itself. */
static size_t field_len(const ProtobufCMessage *message)
{
    return 2 + protobuf_c_message_get_packed_size(message);
}

static int encode_missed(const struct core *core, const struct core_due_list *list,
                         Leadbus__Tick *tick, Leadbus__Record *record, struct buf *ret_record,
                         struct error *ret_error)
{
    Leadbus__Missed *missed = calloc(list->count, sizeof *missed);
    Leadbus__Missed **listed = calloc(list->count, sizeof *listed);
    CHECK(missed != NULL);
    CHECK(listed != NULL);
    for (size_t i = 0; i < list->count; i++) {
        const struct core_due *due = &list->items[i];
        const struct core_message *message = core_message_at(core, due->index);
        const struct core_thread *thread = &core->threads[message->thread];
        leadbus__missed__init(&missed[i]);
        missed[i].index = due->index;
        missed[i].thread = core_data(bytes_of(core->messages[thread->first].id, 16));
        missed[i].clock = 1 + due->what;
        missed[i].due_ms = due->at_ms;
        listed[i] = &missed[i];
    }
    tick->unit = core->units[list->unit]->key;
    tick->n_missed = list->count;
    tick->missed = listed;
    /* As many as fit: the rest is the next record's. */
    size_t len = protobuf_c_message_get_packed_size(&record->base);
    while (len > LIMIT_RECORD_BYTES_MAX) len -= field_len(&listed[--tick->n_missed]->base);
    int r = record_encode(record, ret_record, ret_error);
    free(listed);
    free(missed);
    return r;
}

static int encode_alarm(const struct core *core, const struct core_request *request,
                        uint64_t now_ms, const struct core_due *due, struct buf *ret_record,
                        struct error *ret_error)
{
    const struct core_alarm *raised = &core->alarms[due->slot];
    const struct core_thread *thread = &core->threads[core->messages[raised->message].thread];
    Leadbus__Alarm alarm = LEADBUS__ALARM__INIT;
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_TICK);
    struct core_told told;
    char *names[sizeof told.units / sizeof *told.units];
    core_alarm_told(core, due->slot, &told);
    for (size_t i = 0; i < told.count; i++) names[i] = core->units[told.units[i]]->key;
    alarm.index = due->index;
    alarm.thread = core_data(bytes_of(core->messages[thread->first].id, 16));
    alarm.what = raised->what;
    alarm.from_ms = raised->from_ms;
    alarm.until_ms = raised->until_ms;
    alarm.n_told = told.count;
    alarm.told = names;
    tick.alarm = &alarm;
    record.tick = &tick;
    return record_encode(&record, ret_record, ret_error);
}

static int encode_tick(const struct core *core, const struct core_request *request, uint64_t now_ms,
                       const struct core_due_list *list, struct buf *ret_record,
                       struct core_verdict *verdict)
{
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_TICK);
    uint64_t expired[CORE_TICK_COUNT_MAX];
    record.tick = &tick;
    if (list->unit == CORE_UNIT_ALARM)
        return encode_alarm(core, request, now_ms, &list->items[0], ret_record, &verdict->error);
    if (list->unit != CORE_UNIT_NONE)
        return encode_missed(core, list, &tick, &record, ret_record, &verdict->error);
    for (size_t i = 0; i < list->count; i++) expired[i] = list->items[i].index;
    tick.n_expired = list->count;
    tick.expired = expired;
    return record_encode(&record, ret_record, &verdict->error);
}

int core_admit_tick(const struct core *core, const struct core_request *request, uint64_t now_ms,
                    struct buf *ret_record, struct core_verdict *verdict)
{
    struct core_due_list list = {0};
    if (core_next_deadline_ms(core) <= now_ms) core_due_take(core, now_ms, &list);
    int r = list.count == 0 ? error_set(&verdict->error, E_NOT_FOUND, "tick", "nothing is due")
                            : encode_tick(core, request, now_ms, &list, ret_record, verdict);
    free(list.items);
    return r;
}

static int apply_expired(struct core *core, const struct core_folding *folding,
                         const Leadbus__Tick *tick, struct error *ret_error)
{
    uint16_t told[LIMIT_UNIT_COUNT_MAX];
    bool marked[LIMIT_UNIT_COUNT_MAX] = {false};
    size_t count = 0;
    for (size_t i = 0; i < tick->n_expired; i++) {
        struct core_item *item = core_due_find(core, tick->expired[i]);
        if (!item || item->expires_ms > folding->time_ms)
            return core_corrupt(ret_error, folding->index, "expires what is not due");
        item->expired = true;
        uint16_t from = core->messages[item->message].from;
        if (marked[from]) continue;
        marked[from] = true;
        told[count++] = from;
    }
    core_notify(core, told, count, folding->bytes, folding->index, folding->effects);
    return 0;
}

/* The unit is urged by it, and the office knows. */
static int apply_missed(struct core *core, const struct core_folding *folding,
                        const Leadbus__Tick *tick, struct error *ret_error)
{
    uint16_t unit = core_unit_find(core, tick->unit);
    const uint16_t told[] = {core_unit_now(core, unit), core_unit_office(core)};
    for (size_t i = 0; i < tick->n_missed; i++) {
        const Leadbus__Missed *missed = tick->missed[i];
        struct core_message *message = core_message_at(core, missed->index);
        if (unit == CORE_UNIT_NONE || !message || missed->due_ms > folding->time_ms ||
            !core_miss(core, message, unit, missed->clock, missed->due_ms))
            return core_corrupt(ret_error, folding->index, "finds overdue what is not");
        if (missed->clock <= PLAN_CLOCK_LEG_COUNT)
            core_alarm_missed(core, (uint32_t)(message - core->messages),
                              (enum plan_clock_index)(missed->clock - 1), missed->due_ms,
                              folding->time_ms);
    }
    core_notify(core, told, 2, folding->bytes, folding->index, folding->effects);
    return 0;
}

int core_apply_tick(struct core *core, const struct core_folding *folding,
                    const Leadbus__Tick *tick, struct error *ret_error)
{
    if ((tick->n_expired > 0) + (tick->n_missed > 0) + (tick->alarm != NULL) != 1)
        return core_corrupt(ret_error, folding->index, "a tick of none or of several");
    if (tick->alarm) return core_apply_alarm(core, folding, tick->alarm, ret_error);
    return tick->n_expired > 0 ? apply_expired(core, folding, tick, ret_error)
                               : apply_missed(core, folding, tick, ret_error);
}
