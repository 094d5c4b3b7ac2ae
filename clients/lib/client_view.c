/* What the looking functions share, and the figures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "proto/base/check.h"

void view_fill(void *ret, const void *from, size_t size)
{
    memcpy(ret, from, *(const size_t *)ret < size ? *(const size_t *)ret : size);
}

const char *view_or_empty(const char *text)
{
    return text ? text : "";
}

void view_names(const struct plan *plan, const char *unit, const char **ret_zh, const char **ret_en)
{
    const struct plan_unit *one = plan_unit(plan, plan_unit_find(plan, unit));
    *ret_zh = one ? one->name_zh : unit;
    *ret_en = one ? one->name_en : unit;
}

int view_gather_out(void *ctx, const struct box_out *row)
{
    struct gathered *all = ctx;
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 64;
        all->out = realloc(all->out, all->cap * sizeof *all->out);
        CHECK(all->out != NULL);
    }
    all->out[all->count++] = *row;
    return 0;
}

int view_gather_in(void *ctx, const struct box_in *row)
{
    struct gathered *all = ctx;
    if (all->count == all->cap) {
        all->cap = all->cap ? all->cap * 2 : 64;
        all->in = realloc(all->in, all->cap * sizeof *all->in);
        CHECK(all->in != NULL);
    }
    all->in[all->count++] = *row;
    return 0;
}

void view_item_of_in(const struct box_in *row, struct leadbus_item *ret)
{
    memset(ret, 0, sizeof *ret);
    ret->number = row->number;
    ret->type = row->type;
    ret->notice = row->notice;
    ret->code = row->code;
    memcpy(ret->id, row->id, 16);
    memcpy(ret->thread, row->thread, 16);
    memcpy(ret->parent, row->parent, 16);
    ret->kind = row->kind;
    ret->topic = row->topic;
    ret->from = row->from;
    ret->officer = ret->area = ret->purpose = ret->citation = "";
    ret->must_sign = row->must_sign;
    ret->proved = row->proved;
    ret->lane = row->lane;
    ret->position = row->position;
    ret->index = row->index;
    ret->record_ms = row->record_ms;
    ret->received_ms = row->received_ms;
    ret->count = row->count;
    ret->missing_before = row->missing;
    ret->leg = ret->leg_zh = ret->leg_en = "";
    ret->due = ret->due_zh = ret->due_en = "";
    ret->late = ret->late_zh = ret->late_en = "";
    ret->target = "";
}

void view_item_of_out(const leadbus *lb, const struct box_out *row, struct leadbus_item *ret)
{
    const struct engine_pending *pending = map_find_pointer(&lb->engine->pending_of, row->id);
    memset(ret, 0, sizeof *ret);
    ret->type = LEADBUS_ITEM_SENT;
    memcpy(ret->id, row->id, 16);
    memcpy(ret->thread, row->thread, 16);
    memcpy(ret->parent, row->parent, 16);
    ret->kind = row->kind;
    ret->topic = row->topic;
    ret->from = lb->keyring.unit;
    ret->officer = ret->area = ret->purpose = ret->citation = "";
    ret->proved = row->state == BOX_OUT_RECEIPTED;
    ret->lane = row->lane;
    ret->index = row->index;
    ret->created_ms = row->created_ms;
    ret->record_ms = row->record_ms;
    ret->code = row->code;
    ret->state = pending && pending->sent ? LEADBUS_SENT : row->state;
    ret->leg = ret->leg_zh = ret->leg_en = "";
    ret->due = ret->due_zh = ret->due_en = "";
    ret->late = ret->late_zh = ret->late_en = "";
    ret->target = "";
}

void view_item_of_head(const leadbus *lb, const Leadbus__Header *head, struct leadbus_item *ret)
{
    ret->officer = head->officer;
    ret->area = head->area;
    ret->purpose = head->purpose;
    ret->target = head->target;
    ret->urgency = head->urgency;
    ret->level = head->level;
    ret->flags = head->flags;
    ret->created_ms = head->created_ms;
    ret->occurred_ms = head->occurred_ms;
    ret->expires_ms = head->expires_ms;
    for (size_t i = 0; i < head->n_recipients; i++)
        if (strcmp(head->recipients[i]->unit, lb->keyring.unit) == 0)
            ret->citation = head->recipients[i]->citation;
}

struct view_due view_due_of(const leadbus *lb, const struct thread_leg *leg)
{
    struct view_due due = {.name = "", .zh = "", .en = ""};
    enum plan_clock_index clock;
    if (!clocks_next(&leg->clocks, &clock, &due.due_ms)) return (struct view_due){0, "", "", "", 0};
    due.name = plan_clock_name(clock);
    due.zh = plan_clock_zh(clock);
    due.en = plan_clock_en(clock);
    due.overdue = client_now_ms(lb) >= due.due_ms;
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(lb->engine->bundle), leg->kind);
    if (kind && kind->erased && clock == PLAN_CLOCK_CLOSE) { /* that is what closes it */
        due.zh = "确认删除";
        due.en = "confirmed as deleted";
    }
    return due;
}

uint64_t view_close_ms(const struct thread_leg *leg)
{
    const struct clocks *clocks = &leg->clocks;
    bool runs = clocks->due_s[PLAN_CLOCK_CLOSE] != 0 && clocks->at_s[PLAN_CLOCK_CLOSE] == 0 &&
                clocks->ended_s == 0 && clocks->paused_s == 0;
    return runs ? (uint64_t)clocks->due_s[PLAN_CLOCK_CLOSE] * CLOCKS_SECOND_MS : 0;
}

void view_item_of_thread(const leadbus *lb, const struct thread *thread, struct leadbus_item *ret)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    ret->raised = thread->raised;
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        enum lifecycle_state state = (enum lifecycle_state)leg->state;
        const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
        if (memcmp(leg->message, ret->id, 16) != 0 || strcmp(leg->unit, lb->keyring.unit) != 0)
            continue;
        ret->leg = lifecycle_state_name(state);
        ret->leg_zh = lifecycle_state_text(state, LANG_ZH);
        ret->leg_en = lifecycle_state_text(state, LANG_EN);
        ret->leg_done = kind && lifecycle_leg_done(kind, state);
        ret->leg_next = kind ? (int)lifecycle_owed(kind, state) : 0;
        if (kind && kind->erased && ret->leg_next == PLAN_ACT_CLOSE)
            ret->leg_next = PLAN_ACT_CONFIRM_DELETION;
        struct view_due due = view_due_of(lb, leg);
        ret->due_ms = due.due_ms;
        ret->due = due.name;
        ret->due_zh = due.zh;
        ret->due_en = due.en;
        ret->overdue = due.overdue;
        ret->paused = leg->clocks.paused_s != 0;
        ret->close_ms = view_close_ms(leg);
        ret->extended = leg->clocks.extended;
    }
}

/* Who was told of it here. */
static int view_item_told(const leadbus *lb, struct leadbus_item *ret, struct error *ret_error)
{
    struct box_ladder row;
    int r = box_ladder_get(lb->box, ret->thread, ret->id, &row, ret_error);
    for (int i = 0; i < LEADBUS_RANK_COUNT && r == 0; i++)
        ret->told[i] = (struct leadbus_told){row.told_ms[i], row.result[i]};
    bool over = ret->expires_ms != 0 && client_now_ms(lb) >= ret->expires_ms;
    if (r == 0 && row.again_ms != BOX_LADDER_NO_STEP && !over) {
        ret->repeats = 1;
        ret->shown = row.shown;
        ret->shown_ms = row.shown_ms;
    }
    return r == E_NOT_FOUND ? 0 : r;
}

int view_item_leg(const leadbus *lb, struct leadbus_item *ret, struct error *ret_error)
{
    struct buf state = {0};
    struct thread thread;
    if (!ret->must_sign) return 0;
    thread_init(&thread, ret->thread);
    int r = box_thread_get(lb->box, ret->thread, NULL, &state, ret_error);
    if (r == 0) r = thread_decode(buf_bytes(&state), &thread, ret_error);
    if (r == 0) view_item_of_thread(lb, &thread, ret);
    if (r == 0) r = view_item_told(lb, ret, ret_error);
    thread_fini(&thread);
    buf_fini(&state);
    return r == E_NOT_FOUND ? 0 : r;
}

/* What is to be decided about an act that asks. */
static void decision_words(enum plan_act act, struct leadbus_decision *ret)
{
    switch (act) {
    case PLAN_ACT_ASK_RELEASE:
        ret->owed_zh = "答复是否同意转办";
        ret->owed_en = "answer whether it may be passed on";
        break;
    case PLAN_ACT_OBJECT:
        ret->owed_zh = "裁定办结异议";
        ret->owed_en = "decide about the objection";
        break;
    case PLAN_ACT_RETURN:
        ret->owed_zh = "处理退回";
        ret->owed_en = "settle what was returned";
        break;
    case PLAN_ACT_HAND_IN:
        ret->owed_zh = "复核报送";
        ret->owed_en = "review the report";
        break;
    default: ret->owed_zh = ret->owed_en = ""; break;
    }
}

bool view_decision(const leadbus *lb, const struct thread *thread, size_t i,
                   struct leadbus_decision *ret)
{
    struct thread_decision decision;
    if (!thread_decision(thread, trust_bundle_plan(lb->engine->bundle), lb->keyring.unit, i,
                         &decision))
        return false;
    const struct thread_question *question = decision.question;
    *ret = (struct leadbus_decision){.act = question->act,
                                     .unit = decision.unit,
                                     .from = question->from,
                                     .kind = decision.leg ? decision.leg->kind : "",
                                     .topic = question->topic,
                                     .asked_ms = question->at_ms,
                                     .due_ms = question->due_ms,
                                     .own = decision.own,
                                     .overdue = question->due_ms != 0 &&
                                                client_now_ms(lb) >= question->due_ms,
                                     .escalated = decision.escalated};
    memcpy(ret->message, question->message, 16);
    if (decision.leg) memcpy(ret->about, decision.leg->message, 16);
    decision_words((enum plan_act)question->act, ret);
    return true;
}

void view_item_decision(const leadbus *lb, const struct thread *thread, struct leadbus_item *ret)
{
    struct leadbus_decision decision;
    for (size_t i = 0; view_decision(lb, thread, i, &decision); i++)
        if (decision.own && memcmp(decision.message, ret->id, 16) == 0) ret->decision = decision;
}

int view_item_owed(const leadbus *lb, struct thread *thread, struct leadbus_item *ret,
                   struct error *ret_error)
{
    struct buf state = {0};
    thread_init(thread, ret->thread);
    int r = box_thread_get(lb->box, ret->thread, NULL, &state, ret_error);
    if (r == 0) r = thread_decode(buf_bytes(&state), thread, ret_error);
    buf_fini(&state);
    if (r < 0) return r == E_NOT_FOUND ? 0 : r;
    view_item_of_thread(lb, thread, ret);
    view_item_decision(lb, thread, ret);
    ret->must_sign = ret->must_sign && *ret->leg;
    return *ret->leg ? view_item_told(lb, ret, ret_error) : 0;
}

void view_item_missed(struct bytes body, const uint8_t *thread, struct arena *arena,
                      struct leadbus_item *ret)
{
    const Leadbus__Record *record = NULL;
    if (ret->notice != LEADBUS_NOTICE_OVERDUE || record_decode(body, arena, &record, NULL) != 0 ||
        record->what_case != LEADBUS__RECORD__WHAT_TICK)
        return;
    const Leadbus__Tick *tick = record->tick;
    struct leadbus_missed *list =
        tick->n_missed ? arena_alloc(arena, tick->n_missed * sizeof *list) : NULL;
    for (size_t i = 0; list && i < tick->n_missed; i++) {
        const Leadbus__Missed *from = tick->missed[i];
        enum plan_clock_index clock = (enum plan_clock_index)(from->clock - 1);
        if (from->thread.len != 16 || from->clock == 0) continue;
        if (thread && memcmp(from->thread.data, thread, 16) != 0) continue;
        struct leadbus_missed *one = &list[ret->missed_count++];
        *one = (struct leadbus_missed){.index = from->index,
                                       .term = plan_clock_name(clock),
                                       .term_zh = plan_clock_zh(clock),
                                       .term_en = plan_clock_en(clock),
                                       .due_ms = from->due_ms};
        memcpy(one->thread, from->thread.data, 16);
    }
    ret->missed = list;
}

/* What an act may end the waiting for. */
static unsigned terms_of_act(enum plan_act act)
{
    switch (act) {
    case PLAN_ACT_SIGN: return 1u << PLAN_CLOCK_SIGN;
    case PLAN_ACT_ACCEPT:
    case PLAN_ACT_RETURN:
    case PLAN_ACT_TRANSFER: return 1u << PLAN_CLOCK_ACCEPT;
    case PLAN_ACT_PROGRESS:
    case PLAN_ACT_GO_OUT: return 1u << PLAN_CLOCK_PROGRESS;
    case PLAN_ACT_HAND_IN:
    case PLAN_ACT_CONFIRM_DELETION:
    case PLAN_ACT_CLOSE:
        return 1u << PLAN_CLOCK_ACCEPT | 1u << PLAN_CLOCK_PROGRESS | 1u << PLAN_CLOCK_CLOSE;
    default: return 0;
    }
}

/* The terms of its leg know when each was done: of an act that was on its way then, by this
 * machine's clock. */
void view_item_late(const struct plan *plan, const struct thread *thread, struct leadbus_item *ret)
{
    const struct thread_leg *leg = thread_leg_of_act(thread, ret->id);
    const struct plan_kind *kind = plan_kind_find(plan, ret->kind);
    unsigned terms = kind ? terms_of_act(kind->act) : 0;
    if (!leg || strcmp(leg->unit, ret->from) != 0) return;
    for (int clock = 0; clock < PLAN_CLOCK_LEG_COUNT; clock++) {
        uint64_t at_s = leg->clocks.at_s[clock];
        bool by_it = at_s != 0 && (at_s == ret->record_ms / CLOCKS_SECOND_MS ||
                                   at_s == ret->created_ms / CLOCKS_SECOND_MS);
        if (!by_it || !(leg->clocks.missed & terms & 1u << clock)) continue;
        ret->late = plan_clock_name((enum plan_clock_index)clock);
        ret->late_zh = plan_clock_zh((enum plan_clock_index)clock);
        ret->late_en = plan_clock_en((enum plan_clock_index)clock);
    }
}

/* The header in a record's or an envelope's bytes; NULL: there is none. */
const Leadbus__Header *view_head_of(struct bytes body, bool own, struct arena *arena)
{
    struct envelope envelope;
    const Leadbus__Record *record = NULL;
    const ProtobufCMessage *head = NULL;
    if (own) return envelope_decode(body, arena, &envelope, NULL) == 0 ? envelope.head : NULL;
    if (record_decode(body, arena, &record, NULL) != 0 ||
        record->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return NULL;
    struct bytes header = bytes_of(record->accepted->header.data, record->accepted->header.len);
    if (message_decode(&leadbus__header__descriptor, header, arena, &head, NULL) != 0) return NULL;
    return (const Leadbus__Header *)head;
}

void leadbus_stats(leadbus *lb, struct leadbus_stats *ret_stats)
{
    const struct engine *engine = lb->engine;
    const struct engine_stats *own = &engine->stats;
    struct leadbus_stats stats = {.size = ret_stats->size};
    (void)snprintf(stats.unit, sizeof stats.unit, "%s", lb->keyring.unit);
    stats.serial = lb->keyring.serial;
    (void)snprintf(stats.bus, sizeof stats.bus, "%s", trust_bundle_bus(engine->bundle));
    (void)snprintf(stats.origin, sizeof stats.origin, "%s", engine->origin);
    (void)snprintf(stats.endpoint, sizeof stats.endpoint, "%s", lb->current);
    stats.connected = engine->link == ENGINE_GREETED;
    stats.connected_ms = own->connected_ms;
    stats.heard_ms = own->heard_ms;
    stats.clock_offset_ms = own->clock_offset_ms;
    stats.bus_ms = own->bus_ms;
    stats.provisional = own->provisional;
    stats.queued = own->out_state[BOX_OUT_QUEUED];
    stats.sent = own->out_state[BOX_OUT_SENT];
    stats.receipted = own->out_state[BOX_OUT_RECEIPTED];
    stats.refused = own->out_state[BOX_OUT_REFUSED];
    stats.received = own->in_type[BOX_IN_MESSAGE];
    stats.notices = own->in_type[BOX_IN_NOTICE];
    stats.tombstones = own->in_type[BOX_IN_TOMBSTONE];
    stats.exceptions = own->in_type[BOX_IN_EXCEPTION];
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        stats.position[i] = engine->lanes[i].position;
        stats.acknowledged[i] = engine->lanes[i].acked;
        stats.again[i] = engine->lanes[i].again.until - engine->lanes[i].again.at;
    }
    stats.rewraps = engine->rewrap.owed;
    /* A store that fails is said by whatever is asked of it next. */
    if (box_legs_count(lb->box, client_now_ms(lb), &stats.owed, &stats.overdue, NULL) < 0)
        stats.owed = stats.overdue = 0;
    stats.bundle = trust_bundle_version(engine->bundle);
    stats.bundle_expires_ms = trust_bundle_expires_ms(engine->bundle);
    stats.bundle_hard_limit_ms = trust_bundle_hard_limit_ms(engine->bundle);
    const struct trust_certificate *certificate =
        trust_certificate_by_serial(engine->bundle, lb->keyring.serial);
    if (certificate) stats.certificate_not_after_ms = certificate->not_after_ms;
    if (certificate && certificate->revoked && certificate->revoked_ms < certificate->not_after_ms)
        stats.certificate_not_after_ms = certificate->revoked_ms;
    stats.checkpoint_size = engine->trusted.checkpoint.size;
    memcpy(stats.checkpoint_root, engine->trusted.checkpoint.root, 32);
    for (size_t i = 0; i < engine->key_count; i++) {
        if (strcmp(engine->keys[i].unit, lb->keyring.unit) != 0 ||
            engine->keys[i].serial != lb->keyring.serial)
            continue;
        stats.epoch = engine->keys[i].epoch;
        stats.epoch_not_after_ms = engine->keys[i].not_after_ms;
    }
    stats.frames_in = own->frames_in;
    stats.frames_out = own->frames_out;
    stats.refused_frames = own->refused_frames + (lb->io ? io_dropped(lb->io) : 0);
    if (own->last.code != 0) (void)client_failed(&stats.last_error, &own->last);
    stats.last_error_ms = own->last_ms;
    if (own->alarm.code != 0) (void)client_failed(&stats.alarm, &own->alarm);
    stats.alarm_ms = own->alarm_ms;
    const struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    (*(transfer->out ? &stats.uploads : &stats.downloads))++;
    TAILQ_FOREACH(transfer, &engine->roomless, link) stats.roomless++;
    stats.downloads += stats.roomless;
    stats.attachment_bytes = engine->attachment_bytes;
    view_fill(ret_stats, &stats, sizeof stats);
}

void leadbus_bundle(leadbus *lb, const void **ret_bundle, size_t *ret_len)
{
    struct bytes bytes = trust_bundle_bytes(lb->engine->bundle);
    *ret_bundle = bytes.data;
    *ret_len = bytes.len;
}

void leadbus_checkpoint(leadbus *lb, const void **ret_note, size_t *ret_len)
{
    *ret_note = lb->engine->trusted.note.data;
    *ret_len = lb->engine->trusted.note.len;
}

int leadbus_restored(leadbus *lb, struct leadbus_restored *ret_restored)
{
    const struct engine_restored *shown = &lb->engine->restored;
    struct leadbus_restored restored = {.size = ret_restored->size,
                                        .time_ms = shown->time_ms,
                                        .backup_size = shown->size,
                                        .seen_size = shown->seen_size,
                                        .send_again = shown->out_count,
                                        .received = shown->in_count};
    if (!shown->shown) return 0;
    (void)snprintf(restored.origin, sizeof restored.origin, "%s", shown->origin);
    (void)snprintf(restored.reason, sizeof restored.reason, "%s", shown->reason);
    view_fill(ret_restored, &restored, sizeof restored);
    return 1;
}
