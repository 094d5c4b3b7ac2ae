#include "tests/sim/cover.h"

#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "proto/base/check.h"
#include "tests/sim/town.h"

enum { GONE = -1, ARENA_BYTES = 64 << 20 };
#define NO_LEAD UINT64_MAX /* a notice stands there */

/* A recipient of a lead. */
struct stand {
    size_t unit;
    int state; /* GONE: not durable yet */
};
struct lead {
    size_t sender; /* SIZE_MAX: of none that is here */
    int state;     /* GONE: refused, or forgotten by its sender */
    struct stand *stands;
    size_t stand_count;
};

struct cover {
    struct town *town;
    struct lead *leads;
    size_t lead_count;
    struct map by_id, by_index;      /* -> place in leads */
    struct map by_position;          /* unit, lane, position -> place in leads */
    struct map heard;                /* unit, lane -> position acknowledged */
    size_t (*at)[COVER_STATE_COUNT]; /* by unit: its leads */
    size_t all[COVER_STATE_COUNT];   /* of everybody */
    uint64_t faults[COVER_FAULT_COUNT], cells[COVER_FAULT_COUNT][COVER_STATE_COUNT];
    struct arena arena;
};

/* store_append comes without one. There is one town in a process. */
static struct cover *the_cover;

struct cover *cover_new(struct town *town)
{
    static const uint8_t key[MAP_HASH_KEY_LEN] = {6};
    struct cover *cover = (struct cover *)calloc(1, sizeof *cover);
    CHECK(cover != NULL);
    cover->town = town;
    cover->at = calloc(town->unit_count, sizeof *cover->at);
    CHECK(cover->at != NULL);
    map_init(&cover->by_id, 16, key);
    map_init(&cover->by_index, 8, key);
    map_init(&cover->by_position, 16, key);
    map_init(&cover->heard, 16, key);
    arena_init(&cover->arena, ARENA_BYTES);
    the_cover = cover;
    return cover;
}

void cover_free(struct cover *cover)
{
    if (!cover) return;
    for (size_t i = 0; i < cover->lead_count; i++) free(cover->leads[i].stands);
    free(cover->leads);
    free(cover->at);
    map_fini(&cover->by_id);
    map_fini(&cover->by_index);
    map_fini(&cover->by_position);
    map_fini(&cover->heard);
    arena_fini(&cover->arena);
    free(cover);
    the_cover = NULL;
}

/* ---- where leads stand --------------------------------------------------------------------------
 */

static void move(struct cover *cover, size_t unit, int *state, int to)
{
    if (unit == SIZE_MAX || *state == to) return;
    if (*state != GONE) {
        cover->at[unit][*state]--;
        cover->all[*state]--;
    }
    *state = to;
    if (to == GONE) return;
    cover->at[unit][to]++;
    cover->all[to]++;
}

static void move_on(struct cover *cover, size_t unit, int *state, int to)
{
    if (*state < to) move(cover, unit, state, to);
}

static struct lead *find(struct cover *cover, ProtobufCBinaryData id)
{
    const uint64_t *place = id.len == 16 ? map_find(&cover->by_id, id.data) : NULL;
    return place ? &cover->leads[*place] : NULL;
}

static struct lead *add(struct cover *cover, size_t sender, const uint8_t id[16])
{
    bool new;
    uint64_t *place = map_put(&cover->by_id, id, &new);
    if (!new) return &cover->leads[*place];
    if ((cover->lead_count & (cover->lead_count - 1)) == 0) {
        size_t cap = cover->lead_count ? 2 * cover->lead_count : 1;
        cover->leads = realloc(cover->leads, cap * sizeof *cover->leads);
        CHECK(cover->leads != NULL);
    }
    *place = cover->lead_count;
    cover->leads[cover->lead_count] = (struct lead){.sender = sender, .state = GONE};
    return &cover->leads[cover->lead_count++];
}

static size_t number_of(const struct cover *cover, const char *key)
{
    for (size_t i = 0; i < cover->town->unit_count; i++)
        if (strcmp(cover->town->units[i].key, key) == 0) return i;
    return SIZE_MAX;
}

void cover_staging(struct cover *cover, size_t unit, bool begins)
{
    int state = begins ? GONE : COVER_STAGED;
    move(cover, unit, &state, begins ? COVER_STAGED : GONE);
}

void cover_taken(struct cover *cover, size_t unit, const uint8_t id[16])
{
    struct lead *lead = add(cover, unit, id);
    move_on(cover, unit, &lead->state, COVER_TAKEN);
}

void cover_forgot(struct cover *cover, size_t unit)
{
    for (size_t i = 0; i < cover->lead_count; i++) {
        struct lead *lead = &cover->leads[i];
        if (lead->sender == unit && (lead->state == COVER_TAKEN || lead->state == COVER_SENT))
            move(cover, unit, &lead->state, GONE);
    }
}

/* ---- the journal --------------------------------------------------------------------------------
 */

/* What a person at a recipient did about a lead, in the journal. */
static void act(struct cover *cover, const Leadbus__Header *head)
{
    const struct plan_kind *kind = plan_kind_find(cover->town->district->plan, head->kind);
    struct lead *lead = find(cover, head->parent);
    size_t unit = number_of(cover, head->from);
    if (!kind || !lead || (kind->act != PLAN_ACT_SIGN && kind->act != PLAN_ACT_CLOSE)) return;
    int to = kind->act == PLAN_ACT_SIGN ? COVER_SIGNED : COVER_CLOSED;
    for (size_t i = 0; i < lead->stand_count; i++)
        if (lead->stands[i].unit == unit) move_on(cover, unit, &lead->stands[i].state, to);
}

static void durable(struct cover *cover, struct lead *lead)
{
    move_on(cover, lead->sender, &lead->state, COVER_DURABLE);
    for (size_t i = 0; i < lead->stand_count; i++)
        move_on(cover, lead->stands[i].unit, &lead->stands[i].state, COVER_WAITING);
}

static void recipients(struct cover *cover, struct lead *lead, const Leadbus__Header *head)
{
    if (lead->stands) return;
    lead->stands = calloc(head->n_recipients + 1, sizeof *lead->stands);
    CHECK(lead->stands != NULL);
    for (size_t i = 0; i < head->n_recipients; i++) {
        size_t unit = number_of(cover, head->recipients[i]->unit);
        if (unit == SIZE_MAX) continue;
        lead->stands[lead->stand_count++] = (struct stand){.unit = unit, .state = GONE};
    }
}

/* written: the transaction came to its end. Only then are later acts looked at. */
static void append(struct cover *cover, uint64_t from, const struct store_record *records,
                   size_t count, bool written)
{
    for (size_t i = 0; i < count; i++) {
        struct core_request request;
        struct envelope envelope;
        uint8_t key[8];
        arena_reset(&cover->arena);
        if (core_request_of_record(records[i].bytes, &cover->arena, &request, &envelope, NULL) !=
                0 ||
            request.type != CORE_SUBMIT)
            continue;
        const Leadbus__Header *head = envelope.head;
        struct lead *lead = add(cover, number_of(cover, head->from), head->id.data);
        recipients(cover, lead, head);
        if (!written) {
            move_on(cover, lead->sender, &lead->state, COVER_ADMITTED);
            continue;
        }
        store_u64(key, from + i);
        *map_put(&cover->by_index, key, NULL) = (uint64_t)(lead - cover->leads);
        durable(cover, lead);
        act(cover, head);
    }
}

int __real_store_append(struct store *store, uint64_t expected_size,
                        const struct store_record *records, size_t count, struct bytes checkpoint,
                        struct error *ret_error);
int __wrap_store_append(struct store *store, uint64_t expected_size,
                        const struct store_record *records, size_t count, struct bytes checkpoint,
                        struct error *ret_error);
int __wrap_store_append(struct store *store, uint64_t expected_size,
                        const struct store_record *records, size_t count, struct bytes checkpoint,
                        struct error *ret_error)
{
    append(the_cover, expected_size, records, count, false);
    int code = __real_store_append(store, expected_size, records, count, checkpoint, ret_error);
    if (code == 0) append(the_cover, expected_size, records, count, true);
    return code;
}

/* ---- the wire -----------------------------------------------------------------------------------
 */

static void see_submit(struct cover *cover, const Leadbus__Submit *submit)
{
    struct envelope envelope;
    if (!submit->envelope) return;
    arena_reset(&cover->arena);
    if (envelope_from_message(submit->envelope, &cover->arena, &envelope, NULL) != 0) return;
    struct lead *lead = find(cover, envelope.head->id);
    if (!lead || lead->state >= COVER_DURABLE) return;
    /* Of what a broker was writing when it ended nobody knows: it is sent again. */
    move(cover, lead->sender, &lead->state, COVER_SENT);
}

static void see_receipt(struct cover *cover, const Leadbus__Receipt *receipt)
{
    struct lead *lead = find(cover, receipt->id);
    uint8_t key[8];
    if (!lead) return;
    store_u64(key, receipt->index);
    *map_put(&cover->by_index, key, NULL) = (uint64_t)(lead - cover->leads);
    durable(cover, lead);
    move_on(cover, lead->sender, &lead->state, COVER_RECEIPTED);
}

static void position_key(size_t unit, unsigned lane, uint64_t position, uint8_t ret_key[16])
{
    store_u64(ret_key, (uint64_t)unit << 32 | lane);
    store_u64(ret_key + 8, position);
}

static void recipient_to(struct cover *cover, struct lead *lead, size_t unit, int state)
{
    for (size_t i = 0; i < lead->stand_count; i++)
        if (lead->stands[i].unit == unit) move_on(cover, unit, &lead->stands[i].state, state);
}

/* Of a broker that ended while it wrote, the journal's index was never seen. */
static void see_index(struct cover *cover, const Leadbus__Delivery *delivery, const uint8_t key[8])
{
    struct envelope envelope;
    arena_reset(&cover->arena);
    if (envelope_from_message(delivery->envelope, &cover->arena, &envelope, NULL) != 0) return;
    struct lead *lead = find(cover, envelope.head->id);
    if (lead) *map_put(&cover->by_index, key, NULL) = (uint64_t)(lead - cover->leads);
}

static void see_delivery(struct cover *cover, size_t unit, const Leadbus__Delivery *delivery)
{
    uint8_t index[8], position[16];
    bool of_lead = delivery->what_case == LEADBUS__DELIVERY__WHAT_ENVELOPE;
    store_u64(index, delivery->index);
    if (of_lead && !map_find(&cover->by_index, index)) see_index(cover, delivery, index);
    const uint64_t *place = of_lead ? map_find(&cover->by_index, index) : NULL;
    position_key(unit, delivery->lane, delivery->position, position);
    *map_put(&cover->by_position, position, NULL) = place ? *place : NO_LEAD;
    if (!place) return;
    durable(cover, &cover->leads[*place]);
    recipient_to(cover, &cover->leads[*place], unit, COVER_DELIVERED);
}

static void see_ack(struct cover *cover, size_t unit, const Leadbus__Ack *ack)
{
    const ProtobufCMessage *message;
    uint8_t key[16];
    arena_reset(&cover->arena);
    if (message_decode(&leadbus__ack_body__descriptor, bytes_of(ack->body.data, ack->body.len),
                       &cover->arena, &message, NULL) != 0)
        return;
    const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
    position_key(unit, body->lane, 0, key);
    uint64_t *heard = map_put(&cover->heard, key, NULL);
    for (; *heard < body->position; ++*heard) {
        position_key(unit, body->lane, *heard + 1, key);
        const uint64_t *place = map_find(&cover->by_position, key);
        if (!place) return; /* nobody was given it: an intruder says what it likes */
        if (*place != NO_LEAD) recipient_to(cover, &cover->leads[*place], unit, COVER_ACKNOWLEDGED);
    }
}

static void see_refusal(struct cover *cover, const Leadbus__Refusal *refusal)
{
    struct lead *lead = find(cover, refusal->id);
    if (lead && lead->state < COVER_ADMITTED) move(cover, lead->sender, &lead->state, GONE);
}

void cover_frame(struct cover *cover, size_t unit, const Leadbus__Frame *frame)
{
    switch (frame->body_case) {
    case LEADBUS__FRAME__BODY_SUBMIT: see_submit(cover, frame->submit); return;
    case LEADBUS__FRAME__BODY_RECEIPT: see_receipt(cover, frame->receipt); return;
    case LEADBUS__FRAME__BODY_DELIVERY: see_delivery(cover, unit, frame->delivery); return;
    case LEADBUS__FRAME__BODY_ACK: see_ack(cover, unit, frame->ack); return;
    case LEADBUS__FRAME__BODY_REFUSAL: see_refusal(cover, frame->refusal); return;
    default: return;
    }
}

/* ---- what went wrong ----------------------------------------------------------------------------
 */

void cover_met(struct cover *cover, enum cover_fault fault, size_t unit)
{
    cover->faults[fault]++;
    for (size_t state = 0; state < COVER_STATE_COUNT; state++)
        cover->cells[fault][state] +=
            (unit == COVER_BUS ? cover->all[state] : cover->at[unit][state]) > 0;
}

void cover_disk_met(struct cover *cover, size_t unit, enum vfs_fault fault)
{
    bool bus = unit == COVER_BUS;
    switch (fault) {
    case VFS_NO_FAULT: return;
    case VFS_FAIL_IO: cover_met(cover, bus ? COVER_BUS_IO : COVER_UNIT_IO, unit); return;
    case VFS_FAIL_FULL: cover_met(cover, bus ? COVER_BUS_FULL : COVER_UNIT_FULL, unit); return;
    case VFS_FAIL_DEAD: cover_met(cover, bus ? COVER_BUS_DEAD : COVER_UNIT_DEAD, unit); return;
    }
}

void cover_settled(struct cover *cover, size_t unit, const struct vfs_settled *settled)
{
    bool bus = unit == COVER_BUS;
    if (settled->lost) cover_met(cover, bus ? COVER_BUS_LOST : COVER_UNIT_LOST, unit);
    if (settled->torn) cover_met(cover, bus ? COVER_BUS_TORN : COVER_UNIT_TORN, unit);
    if (settled->reordered)
        cover_met(cover, bus ? COVER_BUS_REORDERED : COVER_UNIT_REORDERED, unit);
}

size_t cover_kinds(const struct cover *cover)
{
    size_t count = 0;
    for (size_t i = 0; i < COVER_FAULT_COUNT; i++) count += cover->faults[i] > 0;
    return count;
}

uint64_t cover_crashes(const struct cover *cover)
{
    static const enum cover_fault crashes[] = {
        COVER_UNIT_KILLED, COVER_UNIT_POWER, COVER_UNIT_IO, COVER_UNIT_FULL, COVER_UNIT_DEAD,
        COVER_BUS_KILLED,  COVER_BUS_POWER,  COVER_BUS_IO,  COVER_BUS_FULL,  COVER_BUS_DEAD,
    };
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        count += cover->faults[crashes[i]];
    return count;
}

/* ---- what is said of it -------------------------------------------------------------------------
 */

static const struct {
    const char *slug, *zh, *en;
} states[] =
    {
#define STATE(name, ...) {__VA_ARGS__},
#define FAULT(...)
#include "tests/sim/cover.def"
#undef STATE
#undef FAULT
},
  faults[] = {
#define STATE(...)
#define FAULT(name, ...) {__VA_ARGS__},
#include "tests/sim/cover.def"
#undef STATE
#undef FAULT
};

bool cover_can(enum cover_fault fault, enum cover_state state)
{
    return state != COVER_STAGED || fault <= COVER_BROKEN || fault == COVER_UNIT_IO ||
           fault == COVER_UNIT_FULL || fault == COVER_UNIT_DEAD || fault == COVER_UNIT_LOST ||
           fault == COVER_UNIT_TORN || fault == COVER_UNIT_REORDERED;
}

void cover_print(const struct cover *cover, FILE *to)
{
    const char *between = "";
    (void)fprintf(to, "\"faults\":{");
    for (size_t i = 0; i < COVER_FAULT_COUNT; i++) {
        if (cover->faults[i] == 0) continue;
        (void)fprintf(to, "%s\"%s\":%llu", between, faults[i].slug,
                      (unsigned long long)cover->faults[i]);
        between = ",";
    }
    between = "";
    (void)fprintf(to, "},\"cells\":{");
    for (size_t i = 0; i < COVER_FAULT_COUNT; i++) {
        if (cover->faults[i] == 0) continue;
        (void)fprintf(to, "%s\"%s\":[", between, faults[i].slug);
        between = ",";
        for (size_t k = 0; k < COVER_STATE_COUNT; k++)
            (void)fprintf(to, "%s%llu", k ? "," : "", (unsigned long long)cover->cells[i][k]);
        (void)fprintf(to, "]");
    }
    (void)fprintf(to, "}");
}

void cover_print_names(FILE *to)
{
    (void)fprintf(to, "{\"states\":[");
    for (size_t k = 0; k < COVER_STATE_COUNT; k++)
        (void)fprintf(to, "%s{\"slug\":\"%s\",\"zh\":\"%s\",\"en\":\"%s\"}", k ? "," : "",
                      states[k].slug, states[k].zh, states[k].en);
    (void)fprintf(to, "],\"faults\":[");
    for (size_t i = 0; i < COVER_FAULT_COUNT; i++) {
        (void)fprintf(to, "%s{\"slug\":\"%s\",\"zh\":\"%s\",\"en\":\"%s\",\"never\":[",
                      i ? "," : "", faults[i].slug, faults[i].zh, faults[i].en);
        const char *between = "";
        for (size_t k = 0; k < COVER_STATE_COUNT; k++) {
            if (cover_can((enum cover_fault)i, (enum cover_state)k)) continue;
            (void)fprintf(to, "%s\"%s\"", between, states[k].slug);
            between = ",";
        }
        (void)fprintf(to, "]}");
    }
    (void)fprintf(to, "]}\n");
}
