/* Somebody has all keys of one unit and the transport key of another, and the plan. They connect
 * and try what a broker must not let them do: forge for the other unit, choose recipients of their
 * own, send what is stale, send a number or an id twice, act where they have no part, and bytes
 * that mean nothing. Each such letter is in the history's list of wrongs before it is sent. Now and
 * then they send what is right, so that the rest is not refused for a trivial reason. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/record.h"
#include "tests/sim/town.h"

enum { FRAME_MAX = 600, TRIES = 64 };

struct intruder {
    struct town *town;
    struct unit *own, *other; /* all keys; the transport key alone */
    struct random random;
    struct stranger *as_own, *as_other;
    bool greeted_own, greeted_other;
    uint64_t next_ms;
    struct opening *openings; /* of both */
    size_t opening_count;
    struct district_letter *last; /* that was right */
    bool last_known;              /* its number is used */
};

static char *text_of(const char *text)
{
    return (char *)(uintptr_t)text;
}

static ProtobufCBinaryData data_of(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static void say_frame(struct stranger *stranger, Leadbus__Frame *frame)
{
    struct buf bytes = {0};
    frame->version = 1;
    message_encode(&frame->base, &bytes);
    stranger_say(stranger, buf_bytes(&bytes));
    buf_fini(&bytes);
}

/* By the unit's identity key, or by one that is not. */
static void greet(struct intruder *intruder, struct stranger *stranger, const struct unit *unit,
                  bool by_its_key)
{
    struct district *district = intruder->town->district;
    const struct district_unit *keys = &district->units[unit->number];
    const struct district_unit *own = &district->units[intruder->own->number];
    Leadbus__HelloBody body = LEADBUS__HELLO_BODY__INIT;
    Leadbus__Hello hello = LEADBUS__HELLO__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    static char origin[] = "";
    uint8_t instance[16] = {9}, signature[64];
    struct buf bytes = {0};
    body.bus = text_of(DISTRICT_BUS);
    body.unit = text_of(unit->key);
    body.serial = keys->serial;
    body.instance = data_of(instance, sizeof instance);
    body.time_ms = fiber_wall_ms(&intruder->town->bus.machine);
    body.bundle = district->bundle_version;
    body.origin = origin;
    body.credit = 1;
    body.transport_key = data_of(keys->transport, 32);
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_HELLO, buf_bytes(&bytes),
                     by_its_key ? keys->identity_secret : own->identity_secret, signature);
    hello.body = data_of(bytes.data, bytes.len);
    hello.signature = data_of(signature, sizeof signature);
    frame.body_case = LEADBUS__FRAME__BODY_HELLO;
    frame.hello = &hello;
    say_frame(stranger, &frame);
    buf_fini(&bytes);
}

static void submit(struct stranger *stranger, struct bytes sealed)
{
    Leadbus__Submit submit = LEADBUS__SUBMIT__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    submit.envelope = leadbus__envelope__unpack(NULL, sealed.len, sealed.data);
    CHECK(submit.envelope != NULL);
    frame.body_case = LEADBUS__FRAME__BODY_SUBMIT;
    frame.submit = &submit;
    say_frame(stranger, &frame);
    leadbus__envelope__free_unpacked(submit.envelope, NULL);
}

/* ---- letters ------------------------------------------------------------------------------------
 */

/* Something that the unit may open; {0}: nothing that fits. */
static struct district_draft draft_of(struct intruder *intruder, const struct unit *unit,
                                      bool (*fits)(const struct plan_kind *kind))
{
    struct district_draft draft = {0};
    for (int i = 0; i < TRIES; i++) {
        const struct opening *opening =
            &intruder->openings[random_below(&intruder->random, intruder->opening_count)];
        if (opening->unit != unit->number) continue;
        const struct plan_kind *kind =
            plan_kind_find(intruder->town->district->plan, opening->kind);
        if (!kind || kind->exempt || (fits && !fits(kind))) continue;
        draft.kind = kind->slug;
        draft.topic = opening->topic;
        draft.area = "120102006";
        draft.from = unit->key;
        return draft;
    }
    return draft;
}

static struct district_letter *seal(struct intruder *intruder, struct district_draft *draft)
{
    struct district *district = intruder->town->district;
    int code = 0;
    district->now_ms = fiber_wall_ms(&intruder->town->bus.machine);
    struct district_unit *from = district_unit(district, draft->from);
    /* A letter that is refused uses no number up. */
    unsigned lane =
        plan_kind_urgency(plan_kind_find(district->plan, draft->kind), draft->topic) == 1
            ? ENVELOPE_LANE_URGENT
            : ENVELOPE_LANE_NORMAL;
    if (!draft->seq) draft->seq = from->seqs[lane] + 1;
    return district_seal(district, draft, &code);
}

static void send_wrong(struct intruder *intruder, struct stranger *stranger,
                       struct district_draft *draft, const char *why)
{
    struct district_letter *letter = draft->kind ? seal(intruder, draft) : NULL;
    if (!letter) return;
    history_wrong(intruder->town->history, letter->sealed.hash, why);
    submit(stranger, buf_bytes(&letter->sealed.bytes));
    district_letter_free(letter);
}

static void send_right(struct intruder *intruder)
{
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    if (!draft.kind) return;
    struct district_letter *letter = seal(intruder, &draft);
    if (!letter) return;
    submit(intruder->as_own, buf_bytes(&letter->sealed.bytes));
    district_letter_free(intruder->last);
    intruder->last = letter;
    intruder->last_known = false;
}

/* ---- what they try ------------------------------------------------------------------------------
 */

static void drop_last(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                      void *ctx)
{
    (void)head;
    (void)recipients;
    (void)ctx;
    if (*count > 1) (*count)--;
}

static void open_more(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                      void *ctx)
{
    (void)head;
    (void)ctx;
    recipients[*count - 1].sections ^= 1;
}

static void bend_route(struct intruder *intruder)
{
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    draft.bend = random_below(&intruder->random, 2) ? drop_last : open_more;
    struct district_letter *straight = draft.kind ? seal(intruder, &draft) : NULL;
    bool alone = !straight || straight->envelope.head->n_recipients < 2;
    district_letter_free(straight);
    if (alone) draft.bend = open_more;
    send_wrong(intruder, intruder->as_own, &draft, "its recipients are not those of the plan");
}

static bool may_expire(const struct plan_kind *kind)
{
    return kind->may_expire;
}

static void send_expired(struct intruder *intruder)
{
    if (intruder->town->bus.machine.wall_offset_ms) return; /* which time is it? */
    struct district_draft draft = draft_of(intruder, intruder->own, may_expire);
    uint64_t now_ms = fiber_wall_ms(&intruder->town->bus.machine);
    draft.created_ms = now_ms - 240000;
    draft.expires_ms = now_ms - 120000;
    send_wrong(intruder, intruder->as_own, &draft, "it had expired");
}

static void send_old(struct intruder *intruder)
{
    if (intruder->town->bus.machine.wall_offset_ms) return;
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    draft.created_ms = fiber_wall_ms(&intruder->town->bus.machine) - LIMIT_CREATED_AGE_MS - 3600000;
    send_wrong(intruder, intruder->as_own, &draft, "it is too old");
}

static void use_number_twice(struct intruder *intruder)
{
    const struct district_letter *last = intruder->last;
    if (!last || !intruder->last_known) return;
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    if (!draft.kind) return;
    const struct plan_kind *kind = plan_kind_find(intruder->town->district->plan, draft.kind);
    unsigned lane =
        plan_kind_urgency(kind, draft.topic) == 1 ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL;
    if (lane != envelope_lane(last->envelope.head)) return;
    draft.seq = last->envelope.head->seq;
    send_wrong(intruder, intruder->as_own, &draft, "its number stands for another letter");
}

static void use_id_twice(struct intruder *intruder)
{
    if (!intruder->last || !intruder->last_known) return;
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    draft.id = intruder->last->id;
    send_wrong(intruder, intruder->as_own, &draft, "its id stands for another letter");
}

static void run_ahead(struct intruder *intruder)
{
    struct district_draft draft = draft_of(intruder, intruder->own, NULL);
    draft.seq = 1000000 + random_below(&intruder->random, 1000);
    send_wrong(intruder, intruder->as_own, &draft, "its number is far ahead");
}

static void act_without_part(struct intruder *intruder)
{
    static const char *const kinds[] = {"receipt.signed", "receipt.accepted", "receipt.progress"};
    if (!intruder->last || !intruder->last_known) return;
    struct district_draft draft = {.kind = kinds[random_below(&intruder->random, 3)],
                                   .topic = "",
                                   .area = "120102006",
                                   .from = intruder->own->key,
                                   .parent = intruder->last};
    send_wrong(intruder, intruder->as_own, &draft, "its sender has no part in it");
}

/* As the unit of which they have no more than the transport key. */
static void forge(struct intruder *intruder)
{
    struct district_draft draft = draft_of(intruder, intruder->other, NULL);
    struct district_letter *letter = draft.kind ? seal(intruder, &draft) : NULL;
    if (!letter) return;
    Leadbus__Envelope *envelope =
        leadbus__envelope__unpack(NULL, letter->sealed.bytes.len, letter->sealed.bytes.data);
    CHECK(envelope && envelope->signature.len == 64);
    for (size_t i = 0; i < 64; i++)
        envelope->signature.data[i] = (uint8_t)random_next(&intruder->random);
    struct buf bytes = {0};
    message_encode(&envelope->base, &bytes);
    history_wrong(intruder->town->history, letter->sealed.hash, "nobody signed it");
    submit(intruder->as_other, buf_bytes(&bytes));
    buf_fini(&bytes);
    leadbus__envelope__free_unpacked(envelope, NULL);
    district_letter_free(letter);
}

static void send_nonsense(struct intruder *intruder)
{
    uint8_t bytes[FRAME_MAX];
    size_t len = 1 + (size_t)random_below(&intruder->random, sizeof bytes);
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)random_next(&intruder->random);
    if (random_below(&intruder->random, 2) && len > 4) {
        /* A frame of some kind whose inside is not. */
        bytes[0] = 0x08;
        bytes[1] = 1;
        bytes[2] = (uint8_t)((2 + random_below(&intruder->random, 14)) << 3 | 2);
        bytes[3] = (uint8_t)(len - 4 < 127 ? len - 4 : 127);
    }
    stranger_say(random_below(&intruder->random, 2) ? intruder->as_own : intruder->as_other,
                 bytes_of(bytes, len));
}

static void cut_short(struct intruder *intruder)
{
    if (!intruder->last) return;
    struct bytes whole = buf_bytes(&intruder->last->sealed.bytes);
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    Leadbus__Submit submit = LEADBUS__SUBMIT__INIT;
    struct buf bytes = {0};
    submit.envelope = leadbus__envelope__unpack(NULL, whole.len, whole.data);
    CHECK(submit.envelope != NULL);
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_SUBMIT;
    frame.submit = &submit;
    message_encode(&frame.base, &bytes);
    stranger_say(intruder->as_own,
                 bytes_of(bytes.data, 1 + (size_t)random_below(&intruder->random, bytes.len - 1)));
    leadbus__envelope__free_unpacked(submit.envelope, NULL);
    buf_fini(&bytes);
}

static void (*const tricks[])(struct intruder *intruder) = {
    send_right,   send_right,    send_right, bend_route,       bend_route,
    send_expired, send_old,      forge,      use_id_twice,     use_number_twice,
    run_ahead,    send_nonsense, cut_short,  use_number_twice, act_without_part,
};

/* ---- their connections --------------------------------------------------------------------------
 */

static void note_receipt(struct intruder *intruder, struct bytes bytes)
{
    Leadbus__Frame *frame = leadbus__frame__unpack(NULL, bytes.len, bytes.data);
    if (!frame) return;
    if (frame->body_case == LEADBUS__FRAME__BODY_RECEIPT && intruder->last &&
        frame->receipt->id.len == 16 &&
        memcmp(frame->receipt->id.data, intruder->last->id, 16) == 0 && !intruder->last_known) {
        intruder->last_known = true;
        struct district *district = intruder->town->district;
        const Leadbus__Header *head = intruder->last->envelope.head;
        uint64_t *seq = &district->units[intruder->own->number].seqs[envelope_lane(head)];
        if (head->seq > *seq) *seq = head->seq;
        district_accepted(district, intruder->last, frame->receipt->index);
    }
    leadbus__frame__free_unpacked(frame, NULL);
}

static bool keep_up(struct intruder *intruder, struct stranger **stranger, const struct unit *unit,
                    bool *greeted, bool by_its_key)
{
    const struct district_unit *keys = &intruder->town->district->units[unit->number];
    struct buf frame = {0};
    if (!*stranger) {
        *stranger = stranger_new(unit->number, keys->transport);
        *greeted = false;
    }
    while (stranger_hear(*stranger, &frame)) {
        note_receipt(intruder, buf_bytes(&frame));
        buf_reset(&frame);
    }
    buf_fini(&frame);
    if (stranger_broken(*stranger)) {
        stranger_free(*stranger);
        *stranger = NULL;
        return false;
    }
    if (!stranger_connected(*stranger)) return false;
    if (!*greeted) greet(intruder, *stranger, unit, by_its_key);
    *greeted = true;
    return true;
}

struct intruder *intruder_new(struct town *town)
{
    struct intruder *intruder = (struct intruder *)calloc(1, sizeof *intruder);
    CHECK(intruder != NULL);
    intruder->town = town;
    random_init(&intruder->random, town->options.seed, "intruder");
    const struct opening *opening =
        &town->openings[random_below(&intruder->random, town->opening_count)];
    intruder->own = &town->units[opening->unit];
    intruder->other =
        &town->units[(opening->unit + 1 + random_below(&intruder->random, town->unit_count - 1)) %
                     town->unit_count];
    intruder->openings = calloc(town->opening_count, sizeof *intruder->openings);
    CHECK(intruder->openings != NULL);
    for (size_t i = 0; i < town->opening_count; i++)
        if (town->openings[i].unit == intruder->own->number ||
            town->openings[i].unit == intruder->other->number)
            intruder->openings[intruder->opening_count++] = town->openings[i];
    intruder->own->stolen = true;
    intruder->own->start_ms = FIBER_NEVER;
    return intruder;
}

void intruder_free(struct intruder *intruder)
{
    if (!intruder) return;
    stranger_free(intruder->as_own);
    stranger_free(intruder->as_other);
    district_letter_free(intruder->last);
    free(intruder->openings);
    free(intruder);
}

uint64_t intruder_next_ms(const struct intruder *intruder)
{
    return intruder->town->healing ? FIBER_NEVER : intruder->next_ms;
}

/* Once everything is mended they are gone. */
void intruder_step(struct intruder *intruder)
{
    struct town *town = intruder->town;
    if (town->healing) {
        stranger_free(intruder->as_own);
        stranger_free(intruder->as_other);
        intruder->as_own = intruder->as_other = NULL;
        return;
    }
    if (fiber_now_ms() < intruder->next_ms) return;
    intruder->next_ms = fiber_now_ms() + random_below(&intruder->random, town->trick_ms);
    bool own = keep_up(intruder, &intruder->as_own, intruder->own, &intruder->greeted_own, true);
    bool other =
        keep_up(intruder, &intruder->as_other, intruder->other, &intruder->greeted_other, false);
    if (!own || !other) return;
    tricks[random_below(&intruder->random, sizeof tricks / sizeof *tricks)](intruder);
}
