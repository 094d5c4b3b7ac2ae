/* Deciding about acknowledgements, epoch keys and rewraps: bodies with a signature beside them. */
#include <string.h>

#include "broker/core/core_inner.h"

/* Walks the queue to the stated position: its running hash and the exceptions must be the queue's.
 */
static int check_ack_queue(const struct core *core, const struct core_lane *lane,
                           const Leadbus__AckBody *body, struct error *ret_error)
{
    uint8_t running[32];
    size_t next = 0;
    memcpy(running, lane->running, sizeof running);
    for (uint64_t position = lane->acked + 1; position <= body->position; position++) {
        const struct core_place *place = core_lane_at(lane, position);
        lane_running(core->origin, running, place->index, core->items[place->item].hash, running);
        if (next == body->n_exceptions || body->exceptions[next]->position != position) continue;
        if (body->exceptions[next]->index != place->index)
            return error_say(ret_error, E_ACK_MISMATCH, "exceptions", "队列第 %llu 位是记录 %llu",
                             "position %llu holds record %llu", (unsigned long long)position,
                             (unsigned long long)place->index);
        next++;
    }
    if (next != body->n_exceptions)
        return error_say(ret_error, E_ACK_MISMATCH, "exceptions", "须按位置递增，自 %llu 至 %llu",
                         "ascending positions from %llu to %llu",
                         (unsigned long long)lane->acked + 1, (unsigned long long)body->position);
    if (body->running.len != 32 || memcmp(body->running.data, running, 32) != 0)
        return error_say(ret_error, E_ACK_MISMATCH, "running", "与第 %llu 位的累计摘要不符",
                         "not the running hash of position %llu",
                         (unsigned long long)body->position);
    return 0;
}

static int check_codes(const Leadbus__Exception *const *list, size_t count, const char *field,
                       struct error *ret_error)
{
    if (count > LIMIT_EXCEPTION_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, field, "%zu 项，最多 %d 项", "%zu, at most %d",
                         count, LIMIT_EXCEPTION_COUNT_MAX);
    for (size_t i = 0; i < count; i++)
        if (list[i]->code == 0 || list[i]->code > 999)
            return error_say(ret_error, E_BAD_VALUE, field, "错误码 %u", "code %u",
                             (unsigned)list[i]->code);
    return 0;
}

/* Each once, of a lead that this unit has taken with this acknowledgement at the latest. */
static int check_late(const struct core *core, uint16_t unit, const Leadbus__AckBody *body,
                      struct error *ret_error)
{
    const struct core_lane *lane = &core->units[unit]->lanes[body->lane];
    for (size_t i = 0; i < body->n_late; i++) {
        const Leadbus__Exception *late = body->late[i];
        const struct core_message *message = core_message_at(core, late->index);
        const struct core_party *party =
            message ? core_reader_find(core, message, unit).party : NULL;
        if (!party || (message->urgency == 1) != (body->lane == ENVELOPE_LANE_URGENT) ||
            late->position != 0 || (i > 0 && body->late[i - 1]->index >= late->index))
            return error_say(ret_error, E_ACK_MISMATCH, "late", "记录 %llu", "index %llu",
                             (unsigned long long)late->index);
        for (uint64_t position = body->position + 1; position <= lane->acked + lane->count;
             position++)
            if (core_lane_at(lane, position)->index == late->index)
                return error_say(ret_error, E_ACK_MISMATCH, "late", "记录 %llu 尚未收取",
                                 "index %llu is not taken yet", (unsigned long long)late->index);
        if (party->bits & CORE_PARTY_LATE)
            return error_say(ret_error, E_DUPLICATE, "late", "记录 %llu 已报告过",
                             "index %llu was reported", (unsigned long long)late->index);
    }
    return 0;
}

static int check_ack(const struct core *core, const Leadbus__AckBody *body, struct error *ret_error)
{
    if (strcmp(body->origin, core->origin) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "origin", "%.64s，本日志为 %.64s",
                         "%.64s, this is %.64s", body->origin, core->origin);
    uint16_t unit = core_unit_find(core, body->unit);
    if (unit == CORE_UNIT_NONE)
        return error_set(ret_error, E_UNIT_UNKNOWN, "unit", "%.64s", body->unit);
    if (body->lane >= ENVELOPE_LANE_COUNT)
        return error_set(ret_error, E_BAD_VALUE, "lane", "%u", (unsigned)body->lane);
    int r = check_codes((const Leadbus__Exception *const *)body->exceptions, body->n_exceptions,
                        "exceptions", ret_error);
    if (r == 0)
        r = check_codes((const Leadbus__Exception *const *)body->late, body->n_late, "late",
                        ret_error);
    if (r != 0) return r;
    const struct core_lane *lane = &core->units[unit]->lanes[body->lane];
    if (body->position < lane->acked)
        return error_say(ret_error, E_DUPLICATE, "position", "已确认到 %llu",
                         "%llu is acknowledged", (unsigned long long)lane->acked);
    if (body->position > lane->acked + lane->count)
        return error_say(ret_error, E_ACK_MISMATCH, "position", "%llu，队列止于 %llu",
                         "%llu, the queue ends at %llu", (unsigned long long)body->position,
                         (unsigned long long)(lane->acked + lane->count));
    r = check_ack_queue(core, lane, body, ret_error);
    if (r == 0) r = check_late(core, unit, body, ret_error);
    if (r == 0 && body->position == lane->acked && body->n_late == 0)
        r = error_say(ret_error, E_DUPLICATE, "position", "已确认到 %llu", "%llu is acknowledged",
                      (unsigned long long)lane->acked);
    return r;
}

int core_admit_ack(const struct core *core, const struct core_request *request, uint64_t now_ms,
                   struct buf *ret_record, struct core_verdict *verdict)
{
    const ProtobufCMessage *message;
    const struct trust_certificate *certificate;
    struct error *error = &verdict->error;
    int r = message_decode(&leadbus__ack_body__descriptor, request->signed_body.body, core->scratch,
                           &message, error);
    if (r != 0) return r;
    const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
    r = core_admit_speaker(core, request, body->serial, body->unit, SUITE_1, now_ms, &certificate,
                           error);
    if (r == 0) r = check_ack(core, body, error);
    if (r != 0) return r;
    Leadbus__Acknowledged acknowledged = LEADBUS__ACKNOWLEDGED__INIT;
    acknowledged.body = core_data(request->signed_body.body);
    acknowledged.signature = core_data(request->signed_body.signature);
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_ACKNOWLEDGED);
    record.acknowledged = &acknowledged;
    return record_encode(&record, ret_record, error);
}

/* Every key costs every unit of the bus: it must be worth it. */
static int check_key_time(const Leadbus__EpochKeyBody *body, uint64_t now_ms,
                          struct error *ret_error)
{
    if (body->not_after_ms < now_ms + LIMIT_EPOCH_VALID_MS)
        return error_say(ret_error, E_EPOCH_EXPIRED, "not_after_ms",
                         "%llu，须在总线时间之后 %llu 毫秒以内（总线时间 %llu）",
                         "%llu, must be %llu ms after bus time %llu",
                         (unsigned long long)body->not_after_ms,
                         (unsigned long long)LIMIT_EPOCH_VALID_MS, (unsigned long long)now_ms);
    if (body->not_before_ms > now_ms && body->not_before_ms - now_ms > LIMIT_EPOCH_AHEAD_MS)
        return error_say(ret_error, E_BAD_VALUE, "not_before_ms",
                         "%llu，最多在总线时间之后 %llu 毫秒（总线时间 %llu）",
                         "%llu, at most %llu ms after bus time %llu",
                         (unsigned long long)body->not_before_ms,
                         (unsigned long long)LIMIT_EPOCH_AHEAD_MS, (unsigned long long)now_ms);
    return 0;
}

static int check_key(const struct core *core, const Leadbus__EpochKeyBody *body, struct bytes raw,
                     uint64_t now_ms, struct core_verdict *verdict)
{
    struct error *error = &verdict->error;
    uint16_t unit = core_unit_find(core, body->unit);
    if (unit == CORE_UNIT_NONE)
        return error_set(error, E_UNIT_UNKNOWN, "unit", "%.64s", body->unit);
    const struct core_epoch_key *known = core_key_of_serial(core, unit, body->serial, body->epoch);
    const struct core_sender *sender = core_sender_find(core, body->serial);
    uint64_t last = sender ? sender->epoch : 0;
    if (known && bytes_equal(buf_bytes(&known->body), raw)) {
        verdict->index = known->index;
        return error_say(error, E_DUPLICATE, "epoch", "已在记录 %llu 公布", "published at %llu",
                         (unsigned long long)known->index);
    }
    if (body->epoch <= last)
        return error_say(error, E_BAD_VALUE, "epoch", "%llu，已公布到 %llu",
                         "%llu, %llu is published", (unsigned long long)body->epoch,
                         (unsigned long long)last);
    /* Not the very next one alone: an agent that was long without the bus has keys behind it that
     * ran out before anybody heard of them. */
    if (body->epoch - last > LIMIT_EPOCH_STEP)
        return error_say(error, E_BAD_VALUE, "epoch", "%1$llu，最多比 %3$llu 大 %2$d",
                         "%llu, at most %d above %llu", (unsigned long long)body->epoch,
                         LIMIT_EPOCH_STEP, (unsigned long long)last);
    int r = check_key_time(body, now_ms, error);
    if (r != 0) return r;
    if (sender && sender->keys_day == now_ms / CORE_DAY_MS &&
        sender->keys_count >= LIMIT_EPOCH_KEYS_PER_DAY) {
        verdict->retry_after_ms = (uint32_t)(CORE_DAY_MS - now_ms % CORE_DAY_MS);
        return error_say(error, E_QUOTA, "epoch", "一天已公布 %d 把密钥", "%d keys in a day",
                         LIMIT_EPOCH_KEYS_PER_DAY);
    }
    if (core_key_usable_count(core, body->serial, unit, now_ms) >= CORE_EPOCH_KEYS_PER_UNIT_MAX) {
        verdict->retry_after_ms = CORE_RETRY_MS;
        return error_say(error, E_BUSY, "epoch", "已提前公布 %d 把密钥", "%d keys published ahead",
                         CORE_EPOCH_KEYS_PER_UNIT_MAX);
    }
    return core_sender_check_quota(core, body->serial, now_ms, verdict);
}

int core_admit_key(const struct core *core, const struct core_request *request, uint64_t now_ms,
                   struct buf *ret_record, struct core_verdict *verdict)
{
    const ProtobufCMessage *message;
    const Leadbus__EpochKeyBody *body;
    const struct trust_certificate *certificate;
    struct error *error = &verdict->error;
    int r = message_decode(&leadbus__epoch_key_body__descriptor, request->signed_body.body,
                           core->scratch, &message, error);
    if (r != 0) return r;
    body = (const Leadbus__EpochKeyBody *)message;
    r = core_admit_speaker(core, request, body->serial, body->unit, SUITE_1, now_ms, &certificate,
                           error);
    if (r != 0) return r;
    Leadbus__EpochKey key = LEADBUS__EPOCH_KEY__INIT;
    key.body = core_data(request->signed_body.body);
    key.signature = core_data(request->signed_body.signature);
    r = trust_epoch_key_check(certificate, &key, core->scratch, &body, error);
    if (r == 0) r = check_key(core, body, request->signed_body.body, now_ms, verdict);
    if (r != 0) return r;
    Leadbus__KeyPublished published = LEADBUS__KEY_PUBLISHED__INIT;
    published.body = key.body;
    published.signature = key.signature;
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_KEY_PUBLISHED);
    record.key_published = &published;
    return record_encode(&record, ret_record, error);
}

/* Sections that a unit holds the keys of: the sender all, a recipient its own. */
static uint32_t sections_held(const struct core *core, const struct core_message *message,
                              uint16_t unit)
{
    if (core_unit_same(core, message->from, unit)) return (1u << LIMIT_SECTION_COUNT_MAX) - 1;
    return core_reader_find(core, message, unit).sections;
}

static int check_rewrap_key(const struct core *core, const Leadbus__RewrapBody *body, uint16_t unit,
                            uint64_t now_ms, struct error *ret_error)
{
    bool live;
    const struct core_epoch_key *key =
        core_key_find(core, unit, body->epoch, core_binary(body->epoch_key), now_ms, &live);
    if (!key)
        return error_say(ret_error, E_EPOCH_UNKNOWN, "epoch", "%.64s 没有这样公布过 %llu",
                         "%.64s has not published %llu so", body->unit,
                         (unsigned long long)body->epoch);
    if (!live)
        return error_say(
            ret_error, E_EPOCH_UNKNOWN, "epoch", "%2$.64s 的 %1$llu：其证书 %3$llu 已不再有效",
            "%llu of %.64s: its certificate %llu holds no longer", (unsigned long long)body->epoch,
            body->unit, (unsigned long long)key->serial);
    if (now_ms > key->not_after_ms)
        return error_say(ret_error, E_EPOCH_EXPIRED, "epoch", "%llu 有效至 %llu",
                         "%llu held to %llu", (unsigned long long)body->epoch,
                         (unsigned long long)key->not_after_ms);
    bool ahead =
        body->created_ms > now_ms && body->created_ms - now_ms > core->config.created_skew_ms;
    bool old = body->created_ms < now_ms && now_ms - body->created_ms > core->config.created_age_ms;
    if (ahead || old)
        return error_say(ret_error, E_CREATED_OUT_OF_RANGE, "created_ms", "%llu，总线时间为 %llu",
                         "%llu, bus time is %llu", (unsigned long long)body->created_ms,
                         (unsigned long long)now_ms);
    return 0;
}

static int check_rewrap(const struct core *core, const Leadbus__RewrapBody *body, struct bytes raw,
                        uint64_t now_ms, struct core_verdict *verdict)
{
    struct error *ret_error = &verdict->error;
    const struct core_message *message = core_message_of_hash(core, body->header_hash.data);
    uint16_t from = core_unit_find(core, body->from), unit = core_unit_find(core, body->unit);
    if (!message || from == CORE_UNIT_NONE)
        return error_say(ret_error, E_NOT_FOUND, "header_hash", "本单位没有这条消息",
                         "no such message of this unit");
    uint32_t held = sections_held(core, message, from);
    if (held == 0)
        return error_say(ret_error, E_NOT_FOUND, "header_hash", "本单位没有这条消息",
                         "no such message of this unit");
    struct core_reader reader = {0};
    if (unit != CORE_UNIT_NONE) reader = core_reader_find(core, message, unit);
    if (!reader.party)
        return error_say(ret_error, E_NOT_A_RECIPIENT, "unit", "%.64s 不是原消息的接收单位",
                         "%.64s is not on the original", body->unit);
    /* All that the reader may open, or nothing: with a part it would hold the message for whole. */
    uint32_t whole = reader.sections;
    if (body->sections == 0 || body->sections != whole || (whole & ~held) != 0)
        return error_say(ret_error, E_ROUTE_MISMATCH, "sections",
                         "%x；%.64s 可读 %x，%.64s 持有其中 %x",
                         "%x; %.64s reads %x and %.64s holds %x of it", (unsigned)body->sections,
                         body->unit, (unsigned)whole, body->from, (unsigned)(whole & held));
    /* Sent before? Asked ahead of what changes with time. */
    int r = core_rewrap_check(core, body, raw, from, unit, verdict);
    if (r == 0) r = check_rewrap_key(core, body, unit, now_ms, ret_error);
    if (r == 0) r = core_sender_check_quota(core, body->serial, now_ms, verdict);
    return r;
}

int core_admit_rewrap(const struct core *core, const struct core_request *request, uint64_t now_ms,
                      struct buf *ret_record, struct core_verdict *verdict)
{
    const Leadbus__RewrapBody *body;
    const struct trust_certificate *certificate;
    struct error *error = &verdict->error;
    int r = envelope_rewrap_decode(request->signed_body.body, core->scratch, &body, error);
    if (r != 0) return r;
    r = core_admit_speaker(core, request, body->serial, body->from, body->suite, now_ms,
                           &certificate, error);
    if (r == 0) r = check_rewrap(core, body, request->signed_body.body, now_ms, verdict);
    if (r != 0) return r;
    Leadbus__Rewrapped rewrapped = LEADBUS__REWRAPPED__INIT;
    rewrapped.body = core_data(request->signed_body.body);
    rewrapped.signature = core_data(request->signed_body.signature);
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_REWRAPPED);
    record.rewrapped = &rewrapped;
    return record_encode(&record, ret_record, error);
}
