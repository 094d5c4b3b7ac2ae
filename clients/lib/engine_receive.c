/* Deliveries: believed, opened, stored; then acknowledged. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

/* ---- lanes
 * ----------------------------------------------------------------------------------------- */

static void exception_add(struct engine_lane *lane, struct engine_exception one)
{
    if (lane->exception_count == lane->exception_cap) {
        lane->exception_cap = lane->exception_cap ? lane->exception_cap * 2 : 16;
        lane->exceptions =
            realloc(lane->exceptions, lane->exception_cap * sizeof *lane->exceptions);
        CHECK(lane->exceptions != NULL);
    }
    lane->exceptions[lane->exception_count++] = one;
}

static int load_exception(void *ctx, const struct box_in *row)
{
    struct engine_exception one = {row->position, row->index, (uint32_t)-row->code, {0}};
    memcpy(one.running, row->running, 32);
    exception_add(ctx, one);
    return 0;
}

static void lane_name(char ret[8], unsigned lane)
{
    (void)snprintf(ret, 8, "lane%u", lane);
}

int engine_lanes_load(struct engine *engine, struct error *ret_error)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        struct buf value = {0};
        char name[8];
        lane_name(name, i);
        int r = box_value_get(engine->box, name, &value, ret_error);
        if (r == 0 && value.len == 56) {
            lane->position = load_u64(value.data);
            memcpy(lane->running, value.data + 8, 32);
            lane->seq = load_u64(value.data + 40);
            lane->acked = lane->told = load_u64(value.data + 48);
        }
        (void)snprintf(name, sizeof name, "apart%u", i);
        buf_reset(&value);
        if (r == 0 || r == E_NOT_FOUND) r = box_value_get(engine->box, name, &value, ret_error);
        lane->apart = r == 0 && value.len == 1 && value.data[0];
        buf_fini(&value);
        if (r == 0 || r == E_NOT_FOUND) r = engine_again_load(engine, i, ret_error);
        if (r == 0)
            r = box_in_exceptions(engine->box, i, lane->acked, load_exception, lane, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

void engine_lane_acked(struct engine *engine, unsigned number, uint64_t position)
{
    if (number >= ENGINE_LANES) return;
    struct engine_lane *lane = &engine->lanes[number];
    if (lane->late_sent && position == lane->position) lane->late_known = true;
    if (position <= lane->acked || position > lane->position) return;
    lane->acked = position; /* kept with the next delivery: WELCOME tells it again */
    if (lane->told < position) lane->told = position;
    size_t gone = 0;
    while (gone < lane->exception_count && lane->exceptions[gone].position <= position) gone++;
    lane->exception_count -= gone;
    if (gone > 0)
        memmove(lane->exceptions, lane->exceptions + gone,
                lane->exception_count * sizeof *lane->exceptions);
}

int engine_lane_apart(struct engine *engine, unsigned number, bool apart, struct error *ret_error)
{
    const uint8_t value = apart;
    char name[8];
    engine->lanes[number].apart = apart;
    for (size_t i = 0; i < engine->peer_count; i++) {
        if (engine->peers[i].lane != number || !engine->peers[i].in_known) continue;
        engine->peers[i].in_known = false;
        engine_peer_changed(engine, &engine->peers[i]);
    }
    (void)snprintf(name, sizeof name, "apart%u", number);
    return box_value_put(engine->box, name, bytes_of(&value, 1), ret_error);
}

static void emit_ack(struct engine *engine, const struct moment *moment, unsigned number,
                     uint64_t position, const uint8_t running[32],
                     const struct engine_exception *exceptions, size_t count,
                     Leadbus__Exception *late)
{
    Leadbus__Exception rows[LIMIT_EXCEPTION_COUNT_MAX];
    Leadbus__Exception *list[LIMIT_EXCEPTION_COUNT_MAX];
    Leadbus__AckBody body = LEADBUS__ACK_BODY__INIT;
    Leadbus__Ack ack = LEADBUS__ACK__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    uint8_t signature[SUITE_SIGNATURE_LEN];
    struct buf bytes = {0};
    for (size_t i = 0; i < count; i++) {
        leadbus__exception__init(&rows[i]);
        rows[i].position = exceptions[i].position;
        rows[i].index = exceptions[i].index;
        rows[i].code = exceptions[i].code;
        list[i] = &rows[i];
    }
    body.origin = engine->origin;
    body.unit = engine_text(engine->keyring->unit);
    body.serial = engine->keyring->serial;
    body.lane = number;
    body.position = position;
    body.running = engine_binary(bytes_of(running, 32));
    body.n_exceptions = count;
    body.exceptions = list;
    body.n_late = late ? 1 : 0;
    body.late = &late;
    body.time_ms = moment->now_ms;
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_ACK, buf_bytes(&bytes), engine->keyring->identity_secret, signature);
    ack.body = engine_binary(buf_bytes(&bytes));
    ack.signature = engine_binary(bytes_of(signature, sizeof signature));
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_ACK;
    frame.ack = &ack;
    engine_emit(engine, &frame);
    buf_fini(&bytes);
}

/* One cumulative acknowledgement; more only where exceptions are too many for one. */
static void lane_ack(struct engine *engine, const struct moment *moment, unsigned number)
{
    struct engine_lane *lane = &engine->lanes[number];
    size_t first = 0;
    while (first < lane->exception_count && lane->exceptions[first].position <= lane->told) first++;
    while (lane->exception_count - first > LIMIT_EXCEPTION_COUNT_MAX) {
        const struct engine_exception *end =
            &lane->exceptions[first + LIMIT_EXCEPTION_COUNT_MAX - 1];
        emit_ack(engine, moment, number, end->position, end->running, &lane->exceptions[first],
                 LIMIT_EXCEPTION_COUNT_MAX, NULL);
        lane->told = end->position;
        first += LIMIT_EXCEPTION_COUNT_MAX;
    }
    const struct engine_exception *rest = lane->exceptions ? lane->exceptions + first : NULL;
    emit_ack(engine, moment, number, lane->position, lane->running, rest,
             lane->exception_count - first, NULL);
    lane->told = lane->position;
    lane->due = false;
}

uint64_t engine_ack_ms(const struct engine *engine)
{
    const struct engine_lane *lane = &engine->lanes[ENVELOPE_LANE_NORMAL];
    if (!lane->due || engine->link != ENGINE_GREETED || lane->position == 0) return UINT64_MAX;
    return lane->due_ms + ENGINE_ACK_MS;
}

/* One signature, one record and one verification speak for a run of deliveries; what is urgent, or
 * wrong, is told at once. */
static bool ack_now(const struct engine *engine, const struct moment *moment, unsigned number)
{
    const struct engine_lane *lane = &engine->lanes[number];
    if (!lane->due || engine->link != ENGINE_GREETED || lane->position == 0) return false;
    bool exception = lane->exception_count > 0 &&
                     lane->exceptions[lane->exception_count - 1].position > lane->told;
    return number == ENVELOPE_LANE_URGENT || exception ||
           lane->position - lane->told >= ENGINE_ACK_COUNT || moment->now_ms < lane->due_ms ||
           moment->now_ms - lane->due_ms >= ENGINE_ACK_MS;
}

/* When all is acknowledged and answered, so that the next answer is the one to this. */
static int lane_late(struct engine *engine, const struct moment *moment, unsigned number,
                     struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[number];
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count = 0;
    if (lane->late_sent || engine->link != ENGINE_GREETED || lane->position == 0 ||
        lane->acked != lane->position)
        return 0;
    int r = box_attachments_refused(engine->box, number, rows, LIMIT_ATTACHMENT_COUNT_MAX, &count,
                                    ret_error);
    if (r < 0 || count == 0) return r;
    Leadbus__Exception late = LEADBUS__EXCEPTION__INIT;
    late.index = rows[0].index;
    late.code = (uint32_t)-rows[0].code;
    for (size_t i = 0; i < count; i++) lane->late[i] = rows[i].number;
    lane->late_count = count;
    lane->late_sent = true;
    emit_ack(engine, moment, number, lane->position, lane->running, NULL, 0, &late);
    return 0;
}

/* The journal holds what was reported: here it is closed. */
static int lane_late_known(struct engine *engine, unsigned number, struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[number];
    int r = 0;
    for (size_t i = 0; i < lane->late_count && r == 0; i++)
        r = box_attachment_close(engine->box, lane->late[i], ret_error);
    lane->late_count = 0;
    lane->late_sent = lane->late_known = false;
    return r;
}

static int lates_flush(struct engine *engine, const struct moment *moment, struct error *ret_error)
{
    bool left = false;
    int r = 0;
    for (unsigned i = 0; i < ENGINE_LANES && r == 0; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        if (lane->late_known) r = lane_late_known(engine, i, ret_error);
        if (r == 0) r = lane_late(engine, moment, i, ret_error);
        if (lane->late_sent || lane->acked != lane->position) left = true;
    }
    /* All lanes were asked, and none had any. */
    if (r == 0 && engine->link == ENGINE_GREETED) engine->late = left;
    return r;
}

int engine_lanes_flush(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    for (unsigned i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        if (lane->dirty) {
            uint8_t value[56];
            char name[8];
            store_u64(value, lane->position);
            memcpy(value + 8, lane->running, 32);
            store_u64(value + 40, lane->seq);
            store_u64(value + 48, lane->acked);
            lane_name(name, i);
            int r = box_value_put(engine->box, name, bytes_of(value, sizeof value), ret_error);
            if (r < 0) return r;
            lane->dirty = false;
        }
        int r = engine_again_flush(engine, moment, i, ret_error);
        if (r < 0) return r;
        if (ack_now(engine, moment, i)) lane_ack(engine, moment, i);
    }
    return engine->late ? lates_flush(engine, moment, ret_error) : 0;
}

/* ---- is it what it says
 * --------------------------------------------------------------------------- */

/* One delivery on its way in. */
struct incoming {
    const Leadbus__Delivery *delivery;
    struct buf record;
    uint8_t item[32], running[32];
    struct envelope envelope; /* of a message */
    const Leadbus__Record *notice;
    const Leadbus__Header *head; /* of a message or tombstone */
    struct opened opened;
    bool is_genuine, is_opened;
};

static int incoming_read(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    const ProtobufCMessage *head = NULL;
    struct arena *arena = &engine->arena;
    int r = 0;
    if (delivery->what_case == LEADBUS__DELIVERY__WHAT_ENVELOPE) {
        r = envelope_from_message(delivery->envelope, arena, &in->envelope, ret_error);
        if (r == 0)
            r = record_of_accepted(delivery->rules, delivery->time_ms, delivery->accepted_flags,
                                   &in->envelope, &in->record, ret_error);
        if (r != 0) return r;
        in->head = in->envelope.head;
        memcpy(in->item, in->envelope.hash, 32);
        return 0;
    }
    bool tombstone = delivery->what_case == LEADBUS__DELIVERY__WHAT_TOMBSTONE;
    if (!tombstone && delivery->what_case != LEADBUS__DELIVERY__WHAT_NOTICE)
        return error_set(ret_error, E_BAD_FORM, "what", "an empty delivery");
    struct bytes record = engine_bytes(tombstone ? delivery->record : delivery->notice);
    r = record_decode(record, arena, &in->notice, ret_error);
    if (r < 0) return r;
    buf_append_bytes(&in->record, record);
    if (!tombstone) {
        merkle_leaf_hash(record, in->item);
        return 0;
    }
    if (in->notice->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return error_set(ret_error, E_BAD_FORM, "record", "a tombstone of no message");
    struct bytes header = engine_bytes(in->notice->accepted->header);
    r = message_decode(&leadbus__header__descriptor, header, arena, &head, ret_error);
    if (r < 0) return r;
    in->head = (const Leadbus__Header *)head;
    if (in->head->id.len != 16 || in->head->thread.len != 16)
        return error_set(ret_error, E_BAD_FORM, "record", "a tombstone of no message");
    sha256_labelled("leadbus/1 header", header, in->item);
    return 0;
}

/* In the journal, and next in our lane's history. What comes again is held against the history when
 * all of it is here. */
static int incoming_prove(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const Leadbus__Delivery *delivery = in->delivery;
    const struct engine_lane *lane = &engine->lanes[delivery->lane];
    struct checkpoint head;
    struct merkle_proof path;
    uint8_t leaf[32];
    merkle_leaf_hash(buf_bytes(&in->record), leaf);
    int r = engine_head_check(engine, engine_bytes(delivery->checkpoint), &head, ret_error);
    if (r == 0) r = engine_proof_of(delivery->inclusion, delivery->n_inclusion, &path, ret_error);
    if (r == 0)
        r = merkle_verify_inclusion(leaf, delivery->index, head.size, &path, head.root, ret_error);
    if (r != 0) return r;
    lane_running(engine->origin, delivery->again ? lane->again.running : lane->running,
                 delivery->index, in->item, in->running);
    if (delivery->again) return 0;
    if (delivery->running.len != 32 || memcmp(delivery->running.data, in->running, 32) != 0)
        return error_set(ret_error, E_ACK_MISMATCH, "running", "lane %u at position %llu",
                         delivery->lane, (unsigned long long)delivery->position);
    return 0;
}

/* The route, computed again. What only the broker can know, who is on the thread and who sent a
 * parent that we never got, is taken from the header: the rest must follow from it. */
static int check_route(struct engine *engine, const Leadbus__Header *head,
                       const struct trust_bundle *bundle, struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(bundle);
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    struct route_stated stated[LIMIT_RECIPIENT_COUNT_MAX];
    struct route route;
    struct box_in parent;
    struct box_out own;
    struct route_query query = {.plan = plan,
                                .at_ms = head->created_ms,
                                .kind = head->kind,
                                .topic = head->topic,
                                .area = head->area,
                                .from = head->from,
                                .participants = participants};
    bool follows = head->parent.len == 16;
    const char *answered = NULL;
    if (follows && box_in_find(engine->box, head->parent.data, &parent, NULL) == 0) {
        query.reference_sender = parent.from;
        answered = parent.kind;
    } else if (follows && box_out_find(engine->box, head->parent.data, &own, NULL) == 0) {
        query.reference_sender = engine->keyring->unit;
        answered = own.kind;
    }
    bool known = query.reference_sender != NULL;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *one = head->recipients[i];
        stated[i] = (struct route_stated){one->unit, one->act, one->citation, one->sections};
        bool signer = strcmp(one->citation, "duty:thread-signers") == 0;
        if (follows && (signer || strcmp(one->citation, "duty:thread") == 0)) {
            uint16_t unit = plan_unit_current(plan, one->unit);
            if (unit == PLAN_UNIT_NONE)
                return error_set(ret_error, E_ROUTE_MISMATCH, "recipients", "%s", one->unit);
            participants[query.participant_count++] =
                (struct route_participant){unit, signer ? ROUTE_ROLE_SIGNER : ROUTE_ROLE_COPY};
        }
        if (follows && !known && strcmp(one->citation, "duty:sender-of-reference") == 0)
            query.reference_sender = one->unit;
    }
    int r = route_compute(&query, &route, ret_error);
    if (r == 0)
        r = route_restrict(&route, (const char *const *)head->sections, head->n_sections,
                           ret_error);
    if (r == 0) r = route_compare(plan, &route, stated, head->n_recipients, ret_error);
    if (r == 0 && (head->urgency != plan_kind_urgency(route.kind, head->topic) ||
                   head->level != route.kind->level))
        r = error_set(ret_error, E_LEVEL_MISMATCH, "level", "not that of %s", head->kind);
    if (r == 0) r = lifecycle_check_officer(route.kind, head->officer, ret_error);
    const struct plan_kind *closed = answered ? plan_kind_find(plan, answered) : NULL;
    return r == 0 && closed ? lifecycle_check_outcome(closed, route.kind, head->topic, ret_error)
                            : r;
}

int engine_check_payloads(struct engine *engine, const struct envelope *envelope,
                          const struct opened *opened, struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    if (!engine->options.check_section) return 0;
    for (size_t i = 0; i < envelope->section_count; i++) {
        if (!opened->present[i]) continue;
        int r = engine->options.check_section(engine->options.ctx, head->kind, head->topic,
                                              head->sections[i], buf_bytes(&opened->sections[i]),
                                              ret_error);
        if (r < 0) return E_PAYLOAD_INVALID;
    }
    return 0;
}

/* Everything a recipient checks of the message itself. 0, or the code of the exception. */
static int judge(struct engine *engine, struct incoming *in, struct error *ret_error)
{
    const struct envelope *envelope = &in->envelope;
    const Leadbus__Header *head = envelope->head;
    const struct trust_certificate *certificate = NULL;
    uint8_t kek[32];
    int own = envelope_recipient_find(envelope, engine->keyring->unit);
    if (own < 0) return error_set(ret_error, E_NOT_A_RECIPIENT, "recipients", "not for us");
    if (envelope_lane(head) != in->delivery->lane)
        return error_set(ret_error, E_LEVEL_MISMATCH, "lane", "urgency %u in lane %u",
                         head->urgency, in->delivery->lane);
    const struct trust_bundle *bundle = engine_bundle_of(engine, head->bundle);
    int r = trust_verdict(engine->bundle, head->serial, head->from, in->delivery->time_ms,
                          head->suite, &certificate, ret_error);
    /* A directory that no longer lists it does not undo what was valid then. */
    if (r == E_UNKNOWN_SENDER && bundle && bundle != engine->bundle)
        r = trust_verdict(bundle, head->serial, head->from, in->delivery->time_ms, head->suite,
                          &certificate, ret_error);
    if (r < 0) return r;
    r = envelope_verify(envelope, certificate->identity);
    if (r < 0) return error_set(ret_error, r, "signature", "of %s", head->from);
    in->is_genuine = true;
    r = envelope_check_ciphertexts(envelope, false, ret_error);
    /* Older than every bundle kept here: the broker's decision stands in the journal. */
    if (r == 0 && bundle) r = check_route(engine, head, bundle, ret_error);
    if (r < 0) return r;
    const struct plan_kind *kind =
        plan_kind_find(trust_bundle_plan(bundle ? bundle : engine->bundle), head->kind);
    r = engine_kek_in(engine, envelope, own, kind && !kind->sensitive, kek, ret_error);
    if (r == 0) {
        r = envelope_open(envelope, engine->keyring->unit, kek, &in->opened, ret_error);
        in->is_opened = r == 0;
    }
    sodium_memzero(kek, sizeof kek);
    if (r == 0) r = engine_check_payloads(engine, envelope, &in->opened, ret_error);
    if (r == 0) r = engine_attach_check(envelope, &in->opened, ret_error);
    return r;
}

/* ---- storing
 * ---------------------------------------------------------------------------------------- */

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

void engine_content_of(struct moment *moment, const uint8_t thread_key[32], const uint8_t id[16],
                       const struct envelope *envelope, const struct opened *opened,
                       struct buf *ret_sealed)
{
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    uint8_t keys[LIMIT_SECTION_COUNT_MAX][SUITE_KEY_LEN];
    size_t count = 0;
    for (size_t i = 0; i < envelope->section_count; i++) {
        if (!opened->present[i]) continue;
        sections[count].name = envelope->head->sections[i];
        sections[count].plaintext = buf_bytes(&opened->sections[i]);
        memcpy(keys[count++], opened->keys[i], SUITE_KEY_LEN);
    }
    content_seal(moment, thread_key, id, sections, (const uint8_t(*)[SUITE_KEY_LEN])keys, count,
                 ret_sealed);
    sodium_memzero(keys, sizeof keys);
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
    if (row->type == BOX_IN_MESSAGE)
        thread_apply(&thread.thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                     in->head, row->proved ? row->index : THREAD_PENDING, row->record_ms);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    if (r == 0)
        r = box_in_add(engine->box, row, buf_bytes(&in->record), buf_bytes(&sealed),
                       buf_bytes(&encoded), ret_error);
    if (r == 0 && row->type == BOX_IN_MESSAGE)
        r = engine_attach_received(engine, moment, &in->envelope, &in->opened, row, ret_error);
    buf_fini(&sealed);
    buf_fini(&encoded);
    engine_thread_fini(&thread);
    if (r < 0) return r;
    engine->stats.in_type[row->type]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    engine_tell(engine, ENGINE_CHANGED_THREAD, row->thread);
    return 0;
}

/* Seen before under another position or without a proof. 1: nothing more to do. */
static int store_again(struct engine *engine, struct moment *moment, struct incoming *in,
                       const struct box_in *fresh, struct error *ret_error)
{
    struct box_in old;
    struct engine_thread thread;
    int r = box_in_find(engine->box, fresh->id, &old, NULL);
    if (r == E_NOT_FOUND) return 0;
    if (r < 0) return error_set(ret_error, r, "store", "reading the inbox");
    if (memcmp(old.hash, fresh->hash, 32) != 0) return 0;
    if (old.proved || !fresh->proved) return 1;
    old.proved = true;
    old.lane = fresh->lane;
    old.position = fresh->position;
    old.index = fresh->index;
    old.record_ms = fresh->record_ms;
    r = box_in_update(engine->box, &old, buf_bytes(&in->record), (struct bytes){0}, ret_error);
    if (r == 0) r = engine_attach_proved(engine, old.id, old.index, ret_error);
    if (r == 0) r = engine_thread_load(engine, moment, old.thread, &thread, ret_error);
    if (r < 0) return r;
    thread_apply(&thread.thread, trust_bundle_plan(engine->bundle), engine->keyring->unit, in->head,
                 old.index, old.record_ms);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
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
    r = judge(engine, in, &why);
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
    if (!in->notice || in->notice->what_case != LEADBUS__RECORD__WHAT_ACCEPTED) return false;
    const Leadbus__Accepted *accepted = in->notice->accepted;
    const struct trust_certificate *certificate = NULL;
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    if (accepted->n_commits > LIMIT_SECTION_COUNT_MAX) return false;
    for (size_t i = 0; i < accepted->n_commits; i++)
        commits[i] = engine_bytes(accepted->commits[i]);
    return envelope_from_record(engine_bytes(accepted->header), engine_bytes(accepted->wraps),
                                commits, accepted->n_commits, engine_bytes(accepted->manifest),
                                engine_bytes(accepted->signature), &engine->arena, &in->envelope,
                                NULL) == 0 &&
           trust_verdict(engine->bundle, in->head->serial, in->head->from, in->notice->time_ms,
                         in->head->suite, &certificate, NULL) == 0 &&
           envelope_verify(&in->envelope, certificate->identity) == 0;
}

static int take_tombstone(struct engine *engine, struct incoming *in, struct box_in *row,
                          struct error *ret_error)
{
    row_of_head(in->head, row);
    struct box_in known;
    if (in->delivery->again && box_in_find(engine->box, row->id, &known, NULL) == 0) return 0;
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

static int take_notice(struct engine *engine, struct moment *moment, struct incoming *in,
                       struct box_in *row, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    int r = 0;
    CHECK(in->notice);
    row->type = BOX_IN_NOTICE;
    row->notice = 4; /* LEADBUS_NOTICE_OTHER */
    memcpy(row->hash, in->item, 32);
    if (in->notice->what_case == LEADBUS__RECORD__WHAT_TICK) {
        row->notice = 1;
        row->count = in->notice->tick->n_expired;
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
        r = engine_rewrapped(engine, moment, in->notice, buf_bytes(&in->record), row, ret_error);
        if (r < 0) return r;
    } else if (in->notice->what_case == LEADBUS__RECORD__WHAT_KEY_PUBLISHED) {
        engine_ask_keys(engine, moment, false);
    }
    r = box_in_add(engine->box, row, buf_bytes(&in->record), (struct bytes){0}, (struct bytes){0},
                   ret_error);
    if (r < 0) return r;
    engine->stats.in_type[BOX_IN_NOTICE]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, NULL);
    return 0;
}

/* ---- one delivery
 * ----------------------------------------------------------------------------------- */

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
    r = judge(engine, in, &why);
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
        (void)error_set(&error, E_BUNDLE_UNKNOWN, "bundle", "%llu did not come",
                        (unsigned long long)version);
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
        return error_set(ret_error, E_ACK_MISMATCH, "position", "%llu after %llu in lane %u: a gap",
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
    if (row.type == BOX_IN_EXCEPTION) (void)load_exception(lane, &row);
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
