#include "broker/shell/engine_inner.h"
#include "proto/base/check.h"
#include "proto/host/log.h"
#include "proto/record.h"

/* What one delivery borrows while it is put together. */
struct parts {
    struct merkle_proof proof;
    ProtobufCBinaryData hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    Leadbus__Envelope envelope;
    Leadbus__Section sections[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Section *section_list[LIMIT_SECTION_COUNT_MAX];
    struct buf record;
    struct arena arena;
    Leadbus__PassedOn original;
    struct merkle_proof original_proof;
    ProtobufCBinaryData original_hashes[LIMIT_PROOF_HASH_COUNT_MAX];
    const char *holders[LIMIT_UNIT_COUNT_MAX]; /* nobody has it twice */
};

static ProtobufCBinaryData data_of(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

/* The envelope as this unit may have it: every byte that is signed, and the ciphertexts of the
 * sections that it may open. */
static void fill_envelope(const struct engine *engine, struct parts *parts, const struct lead *lead,
                          uint64_t index, const char *unit)
{
    const struct envelope *envelope = &lead->envelope;
    int at = envelope_recipient_find(envelope, unit);
    uint32_t may_open = at < 0 ? 0 : envelope->head->recipients[at]->sections;
    may_open |= core_readable(engine->core, unit, index);
    leadbus__envelope__init(&parts->envelope);
    parts->envelope.header = data_of(envelope->header);
    parts->envelope.wraps = data_of(envelope->wraps);
    parts->envelope.manifest = data_of(envelope->manifest);
    parts->envelope.signature = data_of(envelope->signature);
    for (size_t i = 0; i < envelope->section_count; i++) {
        leadbus__section__init(&parts->sections[i]);
        parts->sections[i].commit = data_of(envelope->commits[i]);
        if (may_open >> i & 1) parts->sections[i].ciphertext = data_of(envelope->ciphertexts[i]);
        parts->section_list[i] = &parts->sections[i];
    }
    parts->envelope.n_sections = envelope->section_count;
    parts->envelope.sections = parts->section_list;
}

static void fill_lead(const struct engine *engine, struct parts *parts, const struct lead *lead,
                      uint64_t index, const char *unit, Leadbus__Delivery *delivery)
{
    fill_envelope(engine, parts, lead, index, unit);
    delivery->what_case = LEADBUS__DELIVERY__WHAT_ENVELOPE;
    delivery->envelope = &parts->envelope;
    delivery->time_ms = lead->time_ms;
    delivery->accepted_flags = lead->accepted_flags;
    delivery->rules = lead->rules;
}

/* What was passed on to the unit comes with the notice of its keys. */
static int fill_original(struct engine *engine, struct parts *parts, const Leadbus__Record *record,
                         const char *unit, Leadbus__Delivery *delivery, struct error *ret_error)
{
    const Leadbus__RewrapBody *body;
    const struct lead *lead;
    uint64_t index;
    int code =
        envelope_rewrap_decode(bytes_of(record->rewrapped->body.data, record->rewrapped->body.len),
                               &parts->arena, &body, ret_error);
    if (code) return code;
    if (strcmp(body->unit, unit) != 0 ||
        !core_passed_on(engine->core, unit, bytes_of(body->header_hash.data, body->header_hash.len),
                        &index))
        return 0;
    code = lead_cache_get(engine->leads, index, &lead, ret_error);
    if (!code) code = tree_inclusion(engine->tree, index, &parts->original_proof, ret_error);
    if (code) return code;
    fill_envelope(engine, parts, lead, index, unit);
    leadbus__passed_on__init(&parts->original);
    parts->original.envelope = &parts->envelope;
    parts->original.index = index;
    parts->original.n_inclusion = reply_proof(&parts->original_proof, parts->original_hashes);
    parts->original.inclusion = parts->original_hashes;
    parts->original.time_ms = lead->time_ms;
    parts->original.accepted_flags = lead->accepted_flags;
    parts->original.rules = lead->rules;
    size_t count = core_passed_by(engine->core, unit, index, parts->holders, LIMIT_UNIT_COUNT_MAX);
    CHECK(count <= LIMIT_UNIT_COUNT_MAX);
    parts->original.n_holders = count;
    parts->original.holders = (char **)(uintptr_t)parts->holders;
    delivery->original = &parts->original;
    return 0;
}

/* A record's own bytes, as notice or behind a tombstone. */
static int fill_record(struct engine *engine, struct parts *parts, const struct core_entry *entry,
                       const char *unit, Leadbus__Delivery *delivery, struct error *ret_error)
{
    int code = store_read_intact(engine->parts.reader, entry->index, &parts->record, ret_error);
    if (code) return code;
    arena_init(&parts->arena, (size_t)LIMIT_RECORD_BYTES_MAX * 16);
    const Leadbus__Record *record;
    code = record_decode(buf_bytes(&parts->record), &parts->arena, &record, ret_error);
    if (code) return code;
    delivery->time_ms = record->time_ms;
    delivery->rules = record->rules;
    if (entry->type == CORE_ENTRY_NOTICE) {
        delivery->what_case = LEADBUS__DELIVERY__WHAT_NOTICE;
        delivery->notice = data_of(buf_bytes(&parts->record));
        if (record->what_case != LEADBUS__RECORD__WHAT_REWRAPPED) return 0;
        return fill_original(engine, parts, record, unit, delivery, ret_error);
    }
    delivery->what_case = LEADBUS__DELIVERY__WHAT_TOMBSTONE;
    delivery->tombstone = true;
    delivery->record = data_of(buf_bytes(&parts->record));
    if (record->what_case == LEADBUS__RECORD__WHAT_ACCEPTED)
        delivery->accepted_flags = record->accepted->flags;
    return 0;
}

/* The frame of an entry. running NULL: it was acknowledged before. */
static int delivery_encode(struct engine *engine, const struct session *session, unsigned lane,
                           const struct core_entry *entry, const uint8_t *running,
                           struct buf *ret_bytes, struct error *ret_error)
{
    struct parts parts = {0};
    Leadbus__Delivery delivery = LEADBUS__DELIVERY__INIT;
    int code = tree_inclusion(engine->tree, entry->index, &parts.proof, ret_error);
    if (code) goto out;
    if (entry->type == CORE_ENTRY_LEAD) {
        const struct lead *lead;
        code = lead_cache_get(engine->leads, entry->index, &lead, ret_error);
        if (!code) fill_lead(engine, &parts, lead, entry->index, session->unit, &delivery);
    } else {
        code = fill_record(engine, &parts, entry, session->unit, &delivery, ret_error);
    }
    if (code) goto out;
    delivery.lane = lane;
    delivery.position = entry->position;
    delivery.index = entry->index;
    if (running) delivery.running = data_of(bytes_of(running, 32));
    delivery.again = !running;
    delivery.n_inclusion = reply_proof(&parts.proof, parts.hashes);
    delivery.inclusion = parts.hashes;
    delivery.checkpoint = data_of(tree_checkpoint(engine->tree));
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_DELIVERY;
    frame.delivery = &delivery;
    reply_encode(&frame, ret_bytes);
out:
    buf_fini(&parts.record);
    arena_fini(&parts.arena);
    return code;
}

static int deliver_one(struct engine *engine, struct session *session, unsigned lane,
                       const struct core_entry *entry, struct error *ret_error)
{
    struct lane *state = &session->lanes[lane];
    struct buf bytes = {0};
    uint8_t running[32];
    lane_running(core_origin(engine->core), state->running, entry->index, entry->item_hash,
                 running);
    int code = delivery_encode(engine, session, lane, entry, running, &bytes, ret_error);
    if (code) return code;
    state->sizes[entry->position % LIMIT_CREDIT_MAX] = (uint32_t)bytes.len;
    state->flight_bytes += bytes.len;
    state->sent = entry->position;
    memcpy(state->running, running, sizeof running);
    net_send(engine->parts.net, &session->peer, &bytes);
    counters_add(&engine->parts.counters->deliveries, 1);
    return 0;
}

/* What stands there: an envelope, one that has run out of time since, or a record that was a
 * notice. */
static int past_type(struct engine *engine, uint64_t index, enum core_entry_type *ret_type,
                     struct error *ret_error)
{
    const struct lead *lead;
    int code = lead_cache_get(engine->leads, index, &lead, ret_error);
    *ret_type = CORE_ENTRY_NOTICE;
    if (code == E_NOT_FOUND) return 0;
    if (code) return code;
    uint64_t expires_ms = lead->envelope.head->expires_ms;
    bool expired = expires_ms && expires_ms <= core_time_ms(engine->core);
    *ret_type = expired ? CORE_ENTRY_TOMBSTONE : CORE_ENTRY_LEAD;
    return 0;
}

int deliver_again(struct engine *engine, struct session *session, unsigned lane, uint64_t after,
                  size_t count, struct error *ret_error)
{
    uint64_t indexes[LIMIT_AGAIN_COUNT_MAX];
    if (count > LIMIT_AGAIN_COUNT_MAX) count = LIMIT_AGAIN_COUNT_MAX;
    count = core_past(engine->core, session->unit, lane, after, indexes, count);
    if (count == 0)
        return error_say(
            ret_error, E_NOT_FOUND, "get_delivered.after", "通道 %u 在 %llu 之后没有已确认的消息",
            "nothing acknowledged in lane %u behind %llu", lane, (unsigned long long)after);
    for (size_t i = 0; i < count; i++) {
        struct core_entry entry = {.position = after + 1 + i, .index = indexes[i]};
        struct buf bytes = {0};
        int code = past_type(engine, entry.index, &entry.type, ret_error);
        if (!code) code = delivery_encode(engine, session, lane, &entry, NULL, &bytes, ret_error);
        if (!code) code = session_take_bulk(session, bytes.len, ret_error);
        if (code && code != E_BUSY) engine_fatal("delivery_failed", code, ret_error);
        if (code) {
            buf_fini(&bytes);
            return code;
        }
        net_send(engine->parts.net, &session->peer, &bytes);
    }
    return 0;
}

/* May this entry be sent now? It is durable, and so is whatever made it a tombstone. */
static bool is_durable(const struct engine *engine, const struct core_entry *entry)
{
    uint64_t size = tree_size(engine->tree);
    if (entry->index >= size) return false;
    return entry->type != CORE_ENTRY_TOMBSTONE || engine->last_tick_index <= size;
}

bool deliver_pump(struct engine *engine, struct session *session)
{
    session->wants_pump = false;
    int sent = 0;
    for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
        struct lane *state = &session->lanes[lane];
        struct core_entry entry;
        /* An acknowledgement leaves the queue when it is folded, ahead of the disk and perhaps of
         * what this connection was sent again: go on behind it, or the hashes would not chain. */
        uint64_t position;
        uint8_t running[32];
        core_acknowledged(engine->core, session->unit, lane, &position, running);
        if (position > state->sent) session_acked(engine, session, lane);
        while (state->sent - state->acked < state->window &&
               (state->flight_bytes < FLIGHT_BYTES_MAX || state->sent == state->acked) &&
               core_entry_after(engine->core, session->unit, lane, state->sent, &entry) &&
               is_durable(engine, &entry)) {
            if (++sent > PUMP_BURST) {
                session->wants_pump = true;
                return true;
            }
            struct error error = {0};
            int code = deliver_one(engine, session, lane, &entry, &error);
            if (code) engine_fatal("delivery_failed", code, &error);
        }
    }
    return false;
}
