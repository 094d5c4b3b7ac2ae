/* Deliveries: believed, opened, stored. */
#include <stdlib.h>

#include "clients/lib/engine_incoming.h"

/* ---- storing ----------------------------------------------------------------------------------
 */

/* What the sender says it holds receipts for, to us and in this lane, against what came: all of it
 * stands before this one in the lane. Returns how many are missing. */
static uint64_t held_against(const struct incoming *in, struct box_peer *peer, bool apart)
{
    const uint8_t *previous = in->opened.previous_hash;
    uint64_t count = in->opened.pair_seq > 0 ? in->opened.pair_seq - 1 : 0, missing = 0;
    if (count > in->delivery->index) count = in->delivery->index; /* more than were ever taken */
    if (peer->in_known && count > peer->in_count)
        missing = count - peer->in_count;
    else if (peer->in_known && count == peer->in_count && count > 0 && !apart &&
             memcmp(previous, peer->in_hash, 32) != 0)
        missing = 1; /* as many, and others: what it sent is not what came */
    if (!peer->in_known || count > peer->in_count) peer->in_count = count;
    peer->in_known = true;
    return missing;
}

/* Counts an envelope or a tombstone of its sender. What it did not sign, or not for us, it does not
 * count either. */
static uint64_t note_pair(struct engine *engine, const struct incoming *in)
{
    bool apart = engine->lanes[in->delivery->lane].apart;
    uint64_t missing = 0;
    if (!in->is_genuine || envelope_recipient_find(&in->envelope, engine->keyring->unit) < 0)
        return 0;
    struct box_peer *peer = engine_peer(engine, in->head->from, in->delivery->lane);
    if (in->delivery->again) {
        /* It stands before what was counted since: only that we know the sender is new. */
        if (peer->in_serial == 0) peer->in_serial = in->head->serial;
        engine_peer_changed(engine, peer);
        return 0;
    }
    if (peer->in_serial != in->head->serial) {
        /* Of a sender that we never heard of we have all, if we have all of the lane. */
        peer->in_known = peer->in_serial == 0 && !apart;
        peer->in_serial = in->head->serial;
        peer->in_count = 0;
    }
    if (in->is_opened) missing = held_against(in, peer, apart);
    peer->in_count++;
    memcpy(peer->in_hash, in->item, 32);
    engine_peer_changed(engine, peer);
    return missing;
}

static void row_of_head(const Leadbus__Header *head, struct box_in *row)
{
    memcpy(row->id, head->id.data, 16);
    memcpy(row->thread, head->thread.data, 16);
    if (head->parent.len == 16) memcpy(row->parent, head->parent.data, 16);
    engine_copy(row->kind, sizeof row->kind, head->kind);
    engine_copy(row->topic, sizeof row->topic, head->topic);
    engine_copy(row->from, sizeof row->from, head->from);
}

static int store_message(struct engine *engine, struct moment *moment, struct incoming *in,
                         struct box_in *row, struct error *ret_error)
{
    struct engine_thread thread = {0};
    struct buf sealed = {0}, encoded = {0};
    int r = engine_thread_load(engine, moment, row->thread, &thread, ret_error);
    if (r < 0) return r;
    if (in->is_opened)
        engine_content_of(moment, thread.key, row->id, &in->envelope, &in->opened, &sealed);
    else /* a rewrap may open it yet */
        message_encode(&in->delivery->envelope->base, &encoded);
    if (row->type == BOX_IN_MESSAGE) {
        thread_apply(&thread.thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                     in->head, row->proved ? row->index : THREAD_PENDING, row->record_ms);
        r = engine_rewrap_passed(engine, &thread.thread, in->head, ret_error);
    }
    if (r == 0) r = engine_thread_save(engine, moment, &thread, ret_error);
    if (r == 0)
        r = box_in_add(engine->box, row, buf_bytes(&in->record), buf_bytes(&sealed),
                       buf_bytes(&encoded), ret_error);
    if (r == 0 && row->type == BOX_IN_MESSAGE)
        r = engine_attach_received(engine, moment, &in->envelope, &in->opened, row, ret_error);
    if (r == 0 && row->type == BOX_IN_MESSAGE)
        r = engine_same_opened(engine, row, &in->envelope, &in->opened, ret_error);
    buf_fini(&sealed);
    buf_fini(&encoded);
    engine_thread_fini(&thread);
    if (r < 0) return r;
    engine->stats.in_type[row->type]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    engine_tell(engine, ENGINE_CHANGED_THREAD, row->thread);
    return 0;
}

/* It came before from beyond the backup that the journal was put back from. */
static bool is_lost(const struct box_in *row)
{
    return !row->proved && row->index > 0;
}

/* The same text in the same sections as what is kept? Both were opened with our key. */
static bool same_content(struct engine *engine, const struct box_in *old, const struct incoming *in)
{
    const struct envelope *envelope = &in->envelope;
    struct buf sealed = {0};
    struct content content = {0};
    size_t present = 0;
    bool same = in->is_opened &&
                box_in_body(engine->box, old->number, NULL, &sealed, NULL, NULL) == 0 &&
                content_open(engine, old->thread, old->id, buf_bytes(&sealed), &content, NULL) == 0;
    for (size_t i = 0; same && i < envelope->section_count; i++) {
        if (!in->opened.present[i]) continue;
        bool found = false;
        for (size_t k = 0; k < content.section_count && !found; k++)
            found = strcmp(content.sections[k].name, envelope->head->sections[i]) == 0 &&
                    bytes_equal(content.sections[k].payload, buf_bytes(&in->opened.sections[i]));
        same = found;
        present++;
    }
    same = same && present == content.section_count;
    content_fini(&content);
    buf_fini(&sealed);
    return same;
}

/* Is it what came before, sealed anew because the journal lost it? Same id, sender, kind and text.
 */
static bool is_resealed(struct engine *engine, const struct box_in *old, struct incoming *in)
{
    const Leadbus__Header *head = in->head;
    struct error why;
    return is_lost(old) && old->type == BOX_IN_MESSAGE && strcmp(old->from, head->from) == 0 &&
           strcmp(old->kind, head->kind) == 0 && strcmp(old->topic, head->topic) == 0 &&
           memcmp(old->thread, head->thread.data, 16) == 0 &&
           (in->is_opened || incoming_judge(engine, in, &why) == 0) &&
           same_content(engine, old, in);
}

/* Its content under the keys that it came with now: a rewrap or an evidence is of those. */
static int store_resealed(struct engine *engine, struct moment *moment, const struct box_in *old,
                          const struct incoming *in, struct error *ret_error)
{
    struct engine_thread thread;
    struct buf sealed = {0};
    int r = engine_thread_load(engine, moment, old->thread, &thread, ret_error);
    if (r < 0) return r;
    engine_content_of(moment, thread.key, old->id, &in->envelope, &in->opened, &sealed);
    r = box_in_update(engine->box, old, buf_bytes(&in->record), buf_bytes(&sealed), ret_error);
    buf_fini(&sealed);
    engine_thread_fini(&thread);
    return r;
}

/* Seen before under another position or without a proof. 1: nothing more to do. */
static int store_again(struct engine *engine, struct moment *moment, struct incoming *in,
                       struct box_in *fresh, struct error *ret_error)
{
    struct box_in old;
    struct engine_thread thread;
    int r = box_in_find(engine->box, fresh->id, &old, NULL);
    if (r == E_NOT_FOUND) return 0;
    if (r < 0) return error_say(ret_error, r, "store", "读取收件箱", "reading the inbox");
    bool lost = is_lost(&old), resealed = false;
    if (memcmp(old.hash, fresh->hash, 32) != 0) {
        resealed = fresh->proved && is_resealed(engine, &old, in);
        if (!resealed) {
            opened_fini(&in->opened); /* it is judged as any other */
            in->is_opened = in->is_genuine = false;
            return 0;
        }
    }
    if (old.type == BOX_IN_EXCEPTION && fresh->proved && old.position == 0) {
        /* The journal was put back behind its acknowledgement: that is to say so once more. */
        fresh->type = BOX_IN_EXCEPTION;
        fresh->code = old.code;
        memcpy(old.running, fresh->running, 32);
    } else if (old.proved || !fresh->proved) {
        return 1;
    }
    if (lost && !resealed) (void)!incoming_judge(engine, in, NULL);
    if (lost) (void)note_pair(engine, in);
    old.proved = true;
    memcpy(old.hash, fresh->hash, 32);
    old.lane = fresh->lane;
    old.position = fresh->position;
    old.index = fresh->index;
    old.record_ms = fresh->record_ms;
    r = resealed ? store_resealed(engine, moment, &old, in, ret_error)
                 : box_in_update(engine->box, &old, buf_bytes(&in->record), (struct bytes){0},
                                 ret_error);
    if (r == 0) r = engine_attach_proved(engine, old.id, old.index, ret_error);
    if (r == 0) r = engine_thread_load(engine, moment, old.thread, &thread, ret_error);
    if (r < 0) return r;
    if (old.type == BOX_IN_MESSAGE)
        thread_apply(&thread.thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                     in->head, old.index, old.record_ms);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    if (lost) engine_outbox_wake(engine);
    engine_tell(engine, ENGINE_CHANGED_INBOX, old.id);
    return r < 0 ? r : 1;
}

static int take_message(struct engine *engine, struct moment *moment, struct incoming *in,
                        struct box_in *row, struct error *ret_error)
{
    struct error why = {0};
    row_of_head(in->head, row);
    memcpy(row->hash, in->envelope.hash, 32);
    int r = store_again(engine, moment, in, row, ret_error);
    if (r != 0) return r < 0 ? r : 0;
    row->type = BOX_IN_MESSAGE;
    int own = envelope_recipient_find(&in->envelope, engine->keyring->unit);
    row->must_sign = own >= 0 && in->head->recipients[own]->act == ENVELOPE_ACT_SIGN;
    r = incoming_judge(engine, in, &why);
    if (engine_own_trouble(r)) {
        if (ret_error) *ret_error = why;
        return r;
    }
    if (r < 0) {
        row->type = BOX_IN_EXCEPTION;
        row->code = r;
        engine_note(engine, moment, &why);
    }
    row->missing = note_pair(engine, in);
    r = store_message(engine, moment, in, row, ret_error);
    return r < 0 ? r : engine_rewrapped_early(engine, moment, row, ret_error);
}

/* What expired carries its signature and everything that it covers. */
static bool tombstone_genuine(struct engine *engine, struct incoming *in)
{
    return in->notice && in->notice->what_case == LEADBUS__RECORD__WHAT_ACCEPTED &&
           incoming_accepted(engine, in->notice, &in->envelope, NULL) == 0;
}

static int take_tombstone(struct engine *engine, struct incoming *in, struct box_in *row,
                          struct error *ret_error)
{
    row_of_head(in->head, row);
    struct box_in known;
    if (box_in_find(engine->box, row->id, &known, NULL) == 0) {
        bool here = known.proved && known.index == in->delivery->index;
        if (in->delivery->again || here) return 0;
        if (is_lost(&known) && memcmp(known.hash, in->item, 32) == 0) {
            known.proved = true;
            known.index = in->delivery->index;
            known.position = in->delivery->position;
            return box_in_update(engine->box, &known, buf_bytes(&in->record), (struct bytes){0},
                                 NULL);
        }
    }
    row->type = BOX_IN_TOMBSTONE;
    row->code = E_EXPIRED;
    memcpy(row->hash, in->item, 32);
    in->is_genuine = tombstone_genuine(engine, in);
    (void)note_pair(engine, in);
    int r = box_in_add(engine->box, row, buf_bytes(&in->record), (struct bytes){0},
                       (struct bytes){0}, ret_error);
    if (r < 0) return r;
    engine->stats.in_type[BOX_IN_TOMBSTONE]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    return 0;
}

/* Messages that ran out of time, or terms that a unit did not keep. */
static void tick_row(const Leadbus__Tick *tick, struct box_in *row)
{
    if (tick->alarm) { /* LEADBUS_NOTICE_GAP and those that follow */
        bool known = tick->alarm->what >= 1 && tick->alarm->what <= 5;
        row->notice = known ? 5 + (int)tick->alarm->what : 4;
        row->count = 1;
        if (tick->alarm->thread.len == 16) memcpy(row->thread, tick->alarm->thread.data, 16);
        return;
    }
    row->notice = tick->n_missed > 0 ? 5 : 1;
    row->count = tick->n_missed > 0 ? tick->n_missed : tick->n_expired;
    engine_copy(row->from, sizeof row->from, tick->unit);
    for (size_t i = 0; i < tick->n_missed; i++) {
        const ProtobufCBinaryData *thread = &tick->missed[i]->thread;
        bool same = thread->len == 16 && (i == 0 || memcmp(row->thread, thread->data, 16) == 0);
        if (!same) {
            memset(row->thread, 0, sizeof row->thread);
            break;
        }
        memcpy(row->thread, thread->data, 16);
    }
}

/* What was asked and not answered in time is the office's to decide now. */
static int tick_unanswered(struct engine *engine, struct moment *moment, const Leadbus__Tick *tick,
                           const uint8_t id[16], struct error *ret_error)
{
    struct engine_thread thread;
    bool any = false;
    int r = engine_thread_load(engine, NULL, id, &thread, ret_error);
    if (r < 0) return r == E_NOT_FOUND ? 0 : r;
    engine_unanswered(tick, &thread.thread, &any);
    if (any) r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    if (any) engine_tell(engine, ENGINE_CHANGED_THREAD, id);
    return r;
}

/* So that each thread shows it in its place. */
static int tick_threads(struct engine *engine, struct moment *moment, const Leadbus__Tick *tick,
                        uint64_t number, struct error *ret_error)
{
    int r = 0;
    if (tick->alarm && tick->alarm->thread.len == 16)
        r = box_about_add(engine->box, tick->alarm->thread.data, number, ret_error);
    for (size_t i = 0; i < tick->n_missed && r == 0; i++)
        if (tick->missed[i]->thread.len == 16)
            r = box_about_add(engine->box, tick->missed[i]->thread.data, number, ret_error);
    for (size_t i = 0; i < tick->n_missed && r == 0; i++)
        if (tick->missed[i]->thread.len == 16 && tick->missed[i]->clock == 1 + PLAN_CLOCK_RELEASE)
            r = tick_unanswered(engine, moment, tick, tick->missed[i]->thread.data, ret_error);
    return r;
}

static int take_notice(struct engine *engine, struct moment *moment, struct incoming *in,
                       struct box_in *row, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    bool known = false;
    CHECK(in->notice);
    int r = box_in_has_notice(engine->box, row->index, in->item, &known, ret_error);
    if (r < 0 || known) return r;
    row->type = BOX_IN_NOTICE;
    row->notice = 4; /* LEADBUS_NOTICE_OTHER */
    memcpy(row->hash, in->item, 32);
    if (in->notice->what_case == LEADBUS__RECORD__WHAT_TICK) {
        tick_row(in->notice->tick, row);
    } else if (in->notice->what_case == LEADBUS__RECORD__WHAT_ACKNOWLEDGED &&
               message_decode(&leadbus__ack_body__descriptor,
                              engine_bytes(in->notice->acknowledged->body), &engine->arena,
                              &message, NULL) == 0) {
        const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
        row->notice = 2;
        row->count = body->n_exceptions + body->n_late;
        engine_copy(row->from, sizeof row->from, body->unit);
        r = engine_rewrap_reported(engine, body, row, ret_error);
        if (r < 0) return r;
    } else if (in->notice->what_case == LEADBUS__RECORD__WHAT_REWRAPPED) {
        row->notice = 3; /* LEADBUS_NOTICE_REWRAPPED */
        r = in->delivery->original ? engine_passed_on(engine, moment, in->delivery,
                                                      in->notice->rewrapped, row, ret_error)
                                   : engine_rewrapped(engine, moment, in->notice,
                                                      buf_bytes(&in->record), row, ret_error);
        if (r < 0) return r;
    } else if (in->notice->what_case == LEADBUS__RECORD__WHAT_KEY_PUBLISHED) {
        engine_ask_keys(engine, moment, false);
    }
    r = box_in_add(engine->box, row, buf_bytes(&in->record), (struct bytes){0}, (struct bytes){0},
                   ret_error);
    if (r == 0 && in->notice->what_case == LEADBUS__RECORD__WHAT_TICK)
        r = tick_threads(engine, moment, in->notice->tick, row->number, ret_error);
    if (r < 0) return r;
    engine->stats.in_type[BOX_IN_NOTICE]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, NULL);
    return 0;
}

/* ---- one delivery -----------------------------------------------------------------------------
 */

/* An immediate lead whose proof does not hold is shown all the same, marked; it is not
 * acknowledged, so it comes again. */
static int show_unproved(struct engine *engine, struct moment *moment, struct incoming *in,
                         struct error *ret_error)
{
    struct box_in row = {.received_ms = moment->now_ms, .record_ms = in->delivery->time_ms};
    struct error why;
    if (!in->head || in->delivery->what_case != LEADBUS__DELIVERY__WHAT_ENVELOPE ||
        in->head->urgency != 1)
        return 0;
    row.lane = in->delivery->lane;
    row.type = BOX_IN_MESSAGE;
    row_of_head(in->head, &row);
    memcpy(row.hash, in->envelope.hash, 32);
    int r = store_again(engine, moment, in, &row, ret_error);
    if (r != 0) return r < 0 ? r : 0;
    r = incoming_judge(engine, in, &why);
    if (r < 0) return 0; /* neither proved nor genuine */
    int own = envelope_recipient_find(&in->envelope, engine->keyring->unit);
    row.must_sign = own >= 0 && in->head->recipients[own]->act == ENVELOPE_ACT_SIGN;
    row.missing = note_pair(engine, in);
    return store_message(engine, moment, in, &row, ret_error);
}

static int hold(struct engine *engine, const struct moment *moment, struct bytes frame,
                uint64_t version)
{
    struct error error;
    if (engine->held_count >= ENGINE_HELD_MAX) {
        (void)error_say(&error, E_BUNDLE_UNKNOWN, "bundle", "第 %llu 版未能取得",
                        "%llu did not come", (unsigned long long)version);
        engine_refuse(engine, moment, &error);
        return 0;
    }
    if (engine->held_count == engine->held_cap) {
        engine->held_cap = engine->held_cap ? engine->held_cap * 2 : 16;
        engine->held = realloc(engine->held, engine->held_cap * sizeof *engine->held);
        CHECK(engine->held != NULL);
    }
    struct buf copy = {0};
    buf_append_bytes(&copy, frame);
    engine->held[engine->held_count++] = copy;
    engine_ask_bundle(engine, moment, 0);
    return 0;
}

/* Position, form and proof. 0: go on; 1: nothing to do; an error: not believed. */
static int incoming_check(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    if (delivery->lane >= ENGINE_LANES)
        return error_set(ret_error, E_BAD_VALUE, "lane", "%u", delivery->lane);
    struct engine_lane *lane = &engine->lanes[delivery->lane];
    if (delivery->again) {
        const struct engine_again *again = &lane->again;
        bool asked = again->at < again->asked && delivery->position == again->at + 1;
        return asked ? incoming_read(engine, in, ret_error) : 1;
    }
    if (delivery->position <= lane->position) {
        lane->due = true; /* it did not hear us: say it again */
        lane->due_ms = 0;
        return 1;
    }
    if (delivery->position != lane->position + 1)
        return error_say(ret_error, E_ACK_MISMATCH, "position",
                         "第 %llu 条接在第 %llu 条之后（队列 %u）：中间有缺失",
                         "%llu after %llu in lane %u: a gap",
                         (unsigned long long)delivery->position, (unsigned long long)lane->position,
                         delivery->lane);
    return incoming_read(engine, in, ret_error);
}

static int take(struct engine *engine, struct moment *moment, struct incoming *in,
                struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    struct engine_lane *lane = &engine->lanes[delivery->lane];
    struct box_in row = {.lane = delivery->lane,
                         .position = delivery->position,
                         .index = delivery->index,
                         .record_ms = in->notice ? in->notice->time_ms : delivery->time_ms,
                         .received_ms = moment->now_ms,
                         .proved = true};
    int r;
    memcpy(row.running, in->running, 32);
    if (delivery->what_case == LEADBUS__DELIVERY__WHAT_ENVELOPE)
        r = take_message(engine, moment, in, &row, ret_error);
    else if (delivery->what_case == LEADBUS__DELIVERY__WHAT_TOMBSTONE)
        r = take_tombstone(engine, in, &row, ret_error);
    else
        r = take_notice(engine, moment, in, &row, ret_error);
    if (r < 0) return r;
    if (delivery->again) {
        /* It stands before what the thread was told since. */
        if (row.type == BOX_IN_MESSAGE)
            r = engine_thread_rebuild(engine, moment, row.thread, ret_error);
        if (r < 0) return r;
        return engine_again_took(engine, moment, delivery->lane, in->running, ret_error);
    }
    if (row.type == BOX_IN_EXCEPTION) engine_lane_except(lane, &row);
    lane->position = delivery->position;
    memcpy(lane->running, in->running, 32);
    if (!lane->due) lane->due_ms = moment->now_ms;
    lane->dirty = lane->due = true;
    return 0;
}

int engine_delivery(struct engine *engine, struct moment *moment, const Leadbus__Delivery *delivery,
                    struct bytes frame, struct error *ret_error)
{
    struct incoming *in = calloc(1, sizeof *in);
    struct error why = {0};
    CHECK(in != NULL);
    in->delivery = delivery;
    int r = 0;
    if (engine->link != ENGINE_GREETED) goto out;
    if (engine->held_count > 0) {
        r = hold(engine, moment, frame, 0); /* in order, behind those that wait */
        goto out;
    }
    int checked = incoming_check(engine, in, &why);
    if (checked == 1) goto out;
    if (checked == 0 && delivery->what_case == LEADBUS__DELIVERY__WHAT_ENVELOPE &&
        in->head->bundle > trust_bundle_version(engine->bundle)) {
        r = hold(engine, moment, frame, in->head->bundle);
        goto out;
    }
    bool read = checked == 0;
    if (checked == 0) checked = incoming_prove(engine, in, &why);
    if (checked != 0) {
        engine_refuse(engine, moment, &why);
        if (read && !delivery->again) r = show_unproved(engine, moment, in, ret_error);
        goto out;
    }
    r = take(engine, moment, in, ret_error);
out:
    opened_fini(&in->opened);
    buf_fini(&in->record);
    free(in);
    return r;
}

void engine_held_forget(struct engine *engine)
{
    for (size_t i = 0; i < engine->held_count; i++) buf_fini(&engine->held[i]);
    engine->held_count = 0;
}
