#include "tests/sim/history.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/envelope.h"
#include "proto/record.h"
#include "proto/schema/wire.pb-c.h"
#include "proto/sha256.h"
#include "tests/sim/town.h"

struct history {
    struct town *town;
    bool loud;
    struct history_lists lists;
    struct map sent_of, wrong_of;     /* by H: place in sent; by H: the reason */
    struct map heads_of, receipts_of; /* by size; by H */
    struct map acked_of;              /* by unit and lane: position */
    struct history_failure failure;
    struct sha256_state digest;
    struct arena arena;
};

static const uint8_t map_key[MAP_HASH_KEY_LEN] = {1};

struct history *history_new(struct town *town, bool loud)
{
    struct history *history = (struct history *)calloc(1, sizeof *history);
    CHECK(history != NULL);
    history->town = town;
    history->loud = loud;
    map_init(&history->sent_of, 32, map_key);
    map_init(&history->wrong_of, 32, map_key);
    map_init(&history->receipts_of, 32, map_key);
    map_init(&history->heads_of, 8, map_key);
    map_init(&history->acked_of, 8, map_key);
    sha256_begin(&history->digest);
    arena_init(&history->arena, (size_t)LIMIT_FRAME_BYTES_MAX * 4);
    return history;
}

void history_free(struct history *history)
{
    if (!history) return;
    map_fini(&history->sent_of);
    map_fini(&history->wrong_of);
    map_fini(&history->receipts_of);
    map_fini(&history->heads_of);
    map_fini(&history->acked_of);
    free(history->lists.sent);
    free(history->lists.receipts);
    free(history->lists.heads);
    free(history->lists.acked);
    free(history->lists.submitted);
    free(history->lists.took);
    arena_fini(&history->arena);
    free(history);
}

/* Room for one more in a list that doubles. */
#define LIST_ADD(list, count)                                                                      \
    ((void)(((count) & ((count)-1)) == 0 &&                                                        \
            ((list) = realloc((list), ((count) ? 2 * (count) : 1) * sizeof *(list))) == NULL &&    \
            (abort(), 0)),                                                                         \
     &(list)[(count)++])

static void mix(struct history *history, const void *data, size_t len)
{
    sha256_add(&history->digest, bytes_of(data, len));
}

static void mix_u64(struct history *history, uint64_t value)
{
    uint8_t bytes[8];
    store_u64(bytes, value);
    mix(history, bytes, sizeof bytes);
}

void history_note(struct history *history, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    mix_u64(history, fiber_now_ms());
    mix(history, text, strlen(text));
    if (history->loud)
        (void)fprintf(stderr, "%10llu %s\n", (unsigned long long)fiber_now_ms(), text);
}

void history_fail(struct history *history, const char *checker, const char *format, ...)
{
    struct history_failure *failure = &history->failure;
    if (failure->failed) return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(failure->what, sizeof failure->what, format, arguments);
    va_end(arguments);
    (void)snprintf(failure->checker, sizeof failure->checker, "%s", checker);
    failure->failed = true;
    failure->at_ms = fiber_now_ms();
    failure->step = history->town->steps;
    history_note(history, "FOUND by %s: %s", checker, failure->what);
}

const struct history_failure *history_failure(const struct history *history)
{
    return &history->failure;
}

void history_digest(const struct history *history, uint8_t ret_digest[32])
{
    struct sha256_state state = history->digest;
    sha256_end(&state, ret_digest);
}

const struct history_lists *history_lists(const struct history *history)
{
    return &history->lists;
}

const struct history_sent *history_find(const struct history *history, const uint8_t hash[32])
{
    const uint64_t *place = map_find(&history->sent_of, hash);
    return place ? &history->lists.sent[*place] : NULL;
}

void history_submit(struct history *history, size_t unit, const uint8_t id[16], bool exempt)
{
    struct history_submitted *row =
        LIST_ADD(history->lists.submitted, history->lists.submitted_count);
    *row = (struct history_submitted){.unit = unit,
                                      .at_ms = fiber_now_ms(),
                                      .disk = history->town->units[unit].generation,
                                      .exempt = exempt};
    memcpy(row->id, id, 16);
    mix_u64(history, unit);
    mix(history, id, 16);
}

void history_wrong(struct history *history, const uint8_t hash[32], const char *why)
{
    *map_put(&history->wrong_of, hash, NULL) = (uint64_t)(uintptr_t)why;
}

/* ---- to the broker ------------------------------------------------------------------------------
 */

static void see_submit(struct history *history, size_t unit, const Leadbus__Submit *submit)
{
    struct envelope envelope;
    bool new;
    if (!submit->envelope) return;
    if (envelope_from_message(submit->envelope, &history->arena, &envelope, NULL) != 0) return;
    uint64_t *place = map_put(&history->sent_of, envelope.hash, &new);
    if (!new) return;
    *place = history->lists.sent_count;
    struct history_sent *row = LIST_ADD(history->lists.sent, history->lists.sent_count);
    *row = (struct history_sent){.unit = unit, .first_ms = fiber_now_ms()};
    memcpy(row->hash, envelope.hash, 32);
    memcpy(row->id, envelope.head->id.data, 16);
    const uint64_t *why = map_find(&history->wrong_of, envelope.hash);
    if (why) row->wrong = (const char *)(uintptr_t)*why;
}

static void see_ack(struct history *history, size_t unit, const Leadbus__Ack *ack)
{
    const ProtobufCMessage *message;
    if (message_decode(&leadbus__ack_body__descriptor, bytes_of(ack->body.data, ack->body.len),
                       &history->arena, &message, NULL) != 0)
        return;
    const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
    if (body->lane >= ENVELOPE_LANE_COUNT) return;
    struct history_took *row = LIST_ADD(history->lists.took, history->lists.took_count);
    *row = (struct history_took){unit, body->lane, body->position, body->serial};
}

/* ---- from the broker ----------------------------------------------------------------------------
 */

/* One head a size, whoever is told: anything else is a fork. */
static void see_head(struct history *history, ProtobufCBinaryData note)
{
    struct checkpoint head;
    const struct district *district = history->town->district;
    struct bytes bytes = bytes_of(note.data, note.len);
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1] = "";
    size_t len = 0;
    while (len < bytes.len && len < LIMIT_NOTE_NAME_LEN_MAX && bytes.data[len] != '\n') len++;
    memcpy(origin, bytes.data, len);
    int code = checkpoint_verify(bytes, origin, district->broker.witness, &head, NULL);
    if (code) {
        history_fail(history, "heads", "a checkpoint that does not verify was sent: %s",
                     error_name(code));
        return;
    }
    uint8_t key[8];
    bool new;
    store_u64(key, head.size);
    uint64_t *place = map_put(&history->heads_of, key, &new);
    if (!new) {
        if (memcmp(history->lists.heads[*place].root, head.root, 32) != 0)
            history_fail(history, "heads", "two roots were signed for size %llu",
                         (unsigned long long)head.size);
        return;
    }
    *place = history->lists.head_count;
    struct history_head *row = LIST_ADD(history->lists.heads, history->lists.head_count);
    *row = (struct history_head){.size = head.size, .at_ms = fiber_now_ms()};
    memcpy(row->root, head.root, 32);
}

static void see_receipt(struct history *history, size_t unit, const Leadbus__Receipt *receipt)
{
    bool new;
    if (receipt->header_hash.len != 32) return;
    see_head(history, receipt->checkpoint);
    if (receipt->duplicate) history->lists.duplicate_receipts++;
    const struct history_sent *sent = history_find(history, receipt->header_hash.data);
    if (!sent)
        history_fail(history, "honest", "a receipt was given for what nobody sent");
    else if (sent->wrong)
        history_fail(history, "honest", "a receipt was given for what should have been refused: %s",
                     sent->wrong);
    uint64_t *place = map_put(&history->receipts_of, receipt->header_hash.data, &new);
    if (!new) {
        if (history->lists.receipts[*place].index != receipt->index)
            history_fail(history, "once", "one envelope was receipted at %llu and at %llu",
                         (unsigned long long)history->lists.receipts[*place].index,
                         (unsigned long long)receipt->index);
        return;
    }
    *place = history->lists.receipt_count;
    struct history_receipt *row = LIST_ADD(history->lists.receipts, history->lists.receipt_count);
    *row = (struct history_receipt){.unit = unit, .index = receipt->index, .at_ms = fiber_now_ms()};
    memcpy(row->hash, receipt->header_hash.data, 32);
}

static void see_acked(struct history *history, size_t unit, const Leadbus__Acked *acked)
{
    uint8_t key[8];
    store_u64(key, unit * 2 + acked->lane);
    uint64_t *position = map_put(&history->acked_of, key, NULL);
    if (acked->position <= *position) return;
    *position = acked->position;
    struct history_acked *row = LIST_ADD(history->lists.acked, history->lists.acked_count);
    *row = (struct history_acked){unit, acked->lane, acked->position};
}

/* Nothing may stand in the way of an immediate lead or a mandatory report. */
static void see_refusal(struct history *history, size_t unit, const Leadbus__Refusal *refusal)
{
    history->lists.refusals++;
    int code = -(int)refusal->code;
    history_note(history, "%s was refused: %s %s %s", history->town->units[unit].key,
                 error_name(code), refusal->field, refusal->detail);
    if (refusal->id.len != 16 ||
        (code != E_QUOTA && code != E_BUNDLE_EXPIRED && code != E_CREATED_OUT_OF_RANGE))
        return;
    for (size_t i = history->lists.submitted_count; i-- > 0;) {
        const struct history_submitted *row = &history->lists.submitted[i];
        if (!row->exempt || memcmp(row->id, refusal->id.data, 16) != 0) continue;
        history_fail(history, "exempt", "what nothing may block was refused to %s: %s",
                     history->town->units[unit].key, error_name(code));
    }
}

void history_frame(void *ctx, size_t unit, bool to_broker, struct bytes bytes)
{
    struct history *history = ctx;
    const Leadbus__Frame *frame;
    mix_u64(history, fiber_now_ms());
    mix_u64(history, unit * 2 + to_broker);
    mix(history, bytes.data, bytes.len);
    if (bytes.len > LIMIT_FRAME_BYTES_MAX)
        history_fail(history, "bounds", "a frame of %zu bytes", bytes.len);
    arena_reset(&history->arena);
    if (frame_decode(bytes, &history->arena, &frame, NULL) != 0) return;
    cover_frame(history->town->cover, unit, frame);
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_SUBMIT: see_submit(history, unit, frame->submit); return;
    case LEADBUS__FRAME__BODY_ACK: see_ack(history, unit, frame->ack); return;
    case LEADBUS__FRAME__BODY_WELCOME: see_head(history, frame->welcome->checkpoint); return;
    case LEADBUS__FRAME__BODY_PROOF: see_head(history, frame->proof->checkpoint); return;
    case LEADBUS__FRAME__BODY_RECEIPT: see_receipt(history, unit, frame->receipt); return;
    case LEADBUS__FRAME__BODY_REFUSAL: see_refusal(history, unit, frame->refusal); return;
    case LEADBUS__FRAME__BODY_ACKED: see_acked(history, unit, frame->acked); return;
    case LEADBUS__FRAME__BODY_DELIVERY:
        history->lists.deliveries++;
        see_head(history, frame->delivery->checkpoint);
        return;
    default: return;
    }
}
