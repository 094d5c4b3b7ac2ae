/* What a caller may look at: previews, outbox, inbox, messages, threads, figures. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client.h"
#include "proto/base/check.h"
#include "proto/tlogproof.h"

static void fill(void *ret, const void *from, size_t size)
{
    memcpy(ret, from, *(const size_t *)ret < size ? *(const size_t *)ret : size);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void names_of(const struct plan *plan, const char *unit, const char **ret_zh,
                     const char **ret_en)
{
    const struct plan_unit *one = plan_unit(plan, plan_unit_find(plan, unit));
    *ret_zh = one ? one->name_zh : unit;
    *ret_en = one ? one->name_en : unit;
}

/* ---- preview
 * ----------------------------------------------------------------------------------------- */

struct leadbus_preview {
    uint32_t flags;
    size_t recipient_count, skipped_count, section_count;
    struct leadbus_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    struct leadbus_skipped skipped[LIMIT_UNIT_COUNT_MAX];
    const char *sections[LIMIT_SECTION_COUNT_MAX];
    struct bytes *texts; /* copies that the pointers above borrow */
    size_t text_count, text_cap;
};

/* The preview outlives the bundle: every string is copied. */
static const char *keep(leadbus_preview *preview, const char *text)
{
    if (preview->text_count == preview->text_cap) {
        preview->text_cap = preview->text_cap ? preview->text_cap * 2 : 64;
        preview->texts = realloc(preview->texts, preview->text_cap * sizeof *preview->texts);
        CHECK(preview->texts != NULL);
    }
    char *copy = strdup(or_empty(text));
    CHECK(copy != NULL);
    preview->texts[preview->text_count++] = bytes_of(copy, strlen(copy));
    return copy;
}

static void preview_recipients(leadbus *lb, leadbus_preview *preview, const struct plan *plan,
                               const struct route *route)
{
    uint64_t now_ms = client_now_ms(lb);
    preview->recipient_count = route->recipient_count;
    for (size_t i = 0; i < route->recipient_count; i++) {
        const struct route_recipient *row = &route->recipients[i];
        const struct plan_unit *unit = plan_unit(plan, row->unit);
        struct leadbus_recipient *one = &preview->recipients[i];
        one->unit = keep(preview, unit->key);
        one->name_zh = keep(preview, unit->name_zh);
        one->name_en = keep(preview, unit->name_en);
        one->must_sign = row->act == ROUTE_SIGN;
        one->primary = row->primary;
        one->citation = keep(preview, row->citation);
        one->citation_zh = keep(preview, route_citation_text(plan, row->citation, LANG_ZH));
        one->citation_en = keep(preview, route_citation_text(plan, row->citation, LANG_EN));
        one->reason_zh = keep(preview, route_reason(plan, route->kind, row->citation, LANG_ZH));
        one->reason_en = keep(preview, route_reason(plan, route->kind, row->citation, LANG_EN));
        one->sections = row->sections;
        for (size_t k = 0; k < lb->engine->key_count; k++)
            if (strcmp(lb->engine->keys[k].unit, unit->key) == 0 &&
                lb->engine->keys[k].not_after_ms > now_ms)
                one->keyed = 1;
    }
}

static void preview_skipped(leadbus_preview *preview, const struct plan *plan,
                            const struct route_query *query, const struct route *route)
{
    struct route_skip skips[LIMIT_UNIT_COUNT_MAX];
    size_t count = route_explain(query, route, skips, LIMIT_UNIT_COUNT_MAX);
    if (count > LIMIT_UNIT_COUNT_MAX) count = LIMIT_UNIT_COUNT_MAX;
    preview->skipped_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct plan_unit *unit = plan_unit(plan, skips[i].unit);
        struct leadbus_skipped *one = &preview->skipped[i];
        one->unit = keep(preview, unit->key);
        one->name_zh = keep(preview, unit->name_zh);
        one->name_en = keep(preview, unit->name_en);
        one->clause = keep(preview, skips[i].clause);
        one->reason_zh = keep(preview, route_skip_text(skips[i].reason, LANG_ZH));
        one->reason_en = keep(preview, route_skip_text(skips[i].reason, LANG_EN));
    }
}

int leadbus_preview_make(leadbus *lb, const struct leadbus_draft *given,
                         leadbus_preview **ret_preview, struct leadbus_error *ret_error)
{
    struct leadbus_draft draft = {0};
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX] = {0};
    struct route route;
    struct route_query query;
    struct route_participant participants[LIMIT_UNIT_COUNT_MAX];
    struct thread thread = {0};
    struct error error = {0};
    uint64_t now_ms = client_now_ms(lb);
    memcpy(&draft, given, given->size < sizeof draft ? given->size : sizeof draft);
    size_t count = draft.section_count;
    if (count > LIMIT_SECTION_COUNT_MAX) count = LIMIT_SECTION_COUNT_MAX;
    for (size_t i = 0; i < count; i++) sections[i].name = draft.sections[i].name;
    struct engine_draft own = {.kind = or_empty(draft.kind),
                               .topic = draft.topic,
                               .area = draft.area,
                               .thread = draft.thread,
                               .parent = draft.parent,
                               .sections = sections,
                               .section_count = count};
    int r = engine_route(lb->engine, &own, now_ms, &route, &query, participants, &thread, &error);
    if (r < 0) {
        thread_fini(&thread);
        return client_failed(ret_error, &error);
    }
    leadbus_preview *preview = calloc(1, sizeof *preview);
    CHECK(preview != NULL);
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    preview->flags = route.flags;
    if (count == 0) {
        preview->section_count = route.kind->section_count;
        for (size_t i = 0; i < route.kind->section_count; i++)
            preview->sections[i] = keep(preview, route.kind->sections[i].name);
    } else {
        preview->section_count = count;
        for (size_t i = 0; i < count; i++) preview->sections[i] = keep(preview, sections[i].name);
    }
    preview_recipients(lb, preview, plan, &route);
    preview_skipped(preview, plan, &query, &route);
    thread_fini(&thread);
    *ret_preview = preview;
    return 0;
}

void leadbus_preview_free(leadbus_preview *preview)
{
    if (!preview) return;
    for (size_t i = 0; i < preview->text_count; i++)
        free((void *)(uintptr_t)preview->texts[i].data);
    free(preview->texts);
    free(preview);
}

size_t leadbus_preview_recipient_count(const leadbus_preview *preview)
{
    return preview->recipient_count;
}

const struct leadbus_recipient *leadbus_preview_recipient(const leadbus_preview *preview, size_t i)
{
    return i < preview->recipient_count ? &preview->recipients[i] : NULL;
}

size_t leadbus_preview_skipped_count(const leadbus_preview *preview)
{
    return preview->skipped_count;
}

const struct leadbus_skipped *leadbus_preview_skipped(const leadbus_preview *preview, size_t i)
{
    return i < preview->skipped_count ? &preview->skipped[i] : NULL;
}

size_t leadbus_preview_section_count(const leadbus_preview *preview)
{
    return preview->section_count;
}

const char *leadbus_preview_section(const leadbus_preview *preview, size_t i)
{
    return i < preview->section_count ? preview->sections[i] : NULL;
}

uint32_t leadbus_preview_flags(const leadbus_preview *preview)
{
    return preview->flags;
}

/* ---- outbox
 * ------------------------------------------------------------------------------------------ */

static void outgoing_of(leadbus *lb, const struct box_out *row, struct leadbus_outgoing *ret)
{
    struct error error = {.code = row->code};
    const struct engine_pending *pending = map_find_pointer(&lb->engine->pending_of, row->id);
    memset(ret, 0, sizeof *ret);
    ret->size = sizeof *ret;
    memcpy(ret->id, row->id, 16);
    memcpy(ret->thread, row->thread, 16);
    ret->state = pending && pending->sent ? LEADBUS_SENT : row->state;
    (void)snprintf(ret->kind, sizeof ret->kind, "%s", row->kind);
    (void)snprintf(ret->topic, sizeof ret->topic, "%s", row->topic);
    ret->created_ms = row->created_ms;
    ret->attempts = pending ? pending->attempts : row->attempts;
    ret->retry_ms = row->retry_ms;
    ret->index = row->index;
    ret->record_ms = row->record_ms;
    ret->provisional = row->provisional;
    if (row->code == 0) return;
    (void)snprintf(error.field, sizeof error.field, "%s", row->field);
    (void)snprintf(error.detail, sizeof error.detail, "%s", row->detail);
    (void)client_failed(&ret->error, &error);
}

int leadbus_outbox_get(leadbus *lb, const uint8_t *id, struct leadbus_outgoing *ret_outgoing,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct leadbus_outgoing outgoing;
    int r = box_out_find(lb->box, id, &row, &error);
    if (r < 0) return client_failed(ret_error, &error);
    outgoing_of(lb, &row, &outgoing);
    outgoing.size = ret_outgoing->size;
    fill(ret_outgoing, &outgoing, sizeof outgoing);
    return 0;
}

/* Rows are gathered first, so that the callback may ask for more. */
struct gathered {
    struct box_out *out;
    struct box_in *in;
    size_t count, cap;
};

static int gather_out(void *ctx, const struct box_out *row)
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

static int gather_in(void *ctx, const struct box_in *row)
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

int leadbus_outbox_each(leadbus *lb, unsigned states, size_t limit,
                        int (*each)(void *ctx, const struct leadbus_outgoing *outgoing), void *ctx,
                        struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct gathered all = {0};
    unsigned kept = states;
    /* On disk what was sent is queued. */
    if (states & (1u << LEADBUS_SENT)) kept |= 1u << BOX_OUT_QUEUED;
    int r = box_out_each(lb->box, kept, limit, gather_out, &all, &error);
    for (size_t i = 0; i < all.count && r == 0; i++) {
        struct leadbus_outgoing outgoing;
        outgoing_of(lb, &all.out[i], &outgoing);
        if (states && !(states >> outgoing.state & 1)) continue;
        if (each(ctx, &outgoing) != 0) break;
    }
    free(all.out);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_receipt(leadbus *lb, const uint8_t *id, char **ret_text, size_t *ret_len,
                    struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct tlogproof proof = {0};
    struct buf path = {0}, note = {0}, text = {0};
    int r = box_out_find(lb->box, id, &row, &error);
    if (r == 0 && row.state != BOX_OUT_RECEIPTED)
        r = error_set(&error, E_NOT_FOUND, "receipt", "none yet");
    if (r == 0) r = box_out_receipt_get(lb->box, row.number, &path, &error);
    if (r == 0) r = box_checkpoint_get(lb->box, row.checkpoint_size, &note, &error);
    for (size_t i = 0; r == 0 && i < path.len; i += 32)
        r = merkle_proof_add(&proof.inclusion, bytes_of(path.data + i, 32), &error);
    if (r == 0) {
        proof.index = row.index;
        proof.checkpoint = buf_bytes(&note);
        r = tlogproof_format(&proof, &text, &error);
    }
    buf_fini(&path);
    buf_fini(&note);
    if (r < 0) {
        buf_fini(&text);
        return client_failed(ret_error, &error);
    }
    *ret_len = text.len;
    buf_append_u8(&text, 0);
    *ret_text = (char *)text.data;
    return 0;
}

int leadbus_record(leadbus *lb, const uint8_t *id, uint8_t **ret_record, size_t *ret_len,
                   struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct box_in in;
    struct buf envelope = {0}, record = {0};
    struct envelope decoded;
    struct arena arena;
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    int r = box_out_find(lb->box, id, &row, &error);
    if (r == 0 && row.state != BOX_OUT_RECEIPTED)
        r = error_set(&error, E_NOT_FOUND, "record", "not in the journal yet");
    else if (r == E_NOT_FOUND) {
        r = box_in_find(lb->box, id, &in, &error);
        if (r == 0) r = box_in_body(lb->box, in.number, &record, NULL, NULL, &error);
        goto out;
    }
    if (r == 0) r = box_out_body(lb->box, row.number, &envelope, NULL, &error);
    if (r == 0) r = envelope_decode(buf_bytes(&envelope), &arena, &decoded, &error);
    if (r == 0)
        r = record_of_accepted(row.rules, row.record_ms, row.accepted_flags, &decoded, &record,
                               &error);
out:
    arena_fini(&arena);
    buf_fini(&envelope);
    if (r < 0) {
        buf_fini(&record);
        return client_failed(ret_error, &error);
    }
    *ret_record = record.data;
    *ret_len = record.len;
    return 0;
}

/* ---- messages
 * ------------------------------------------------------------------------------------------ */

struct leadbus_message {
    struct leadbus_item item;
    struct box_in in;
    struct box_out out;
    bool own;
    struct buf body;
    struct arena arena;
    const Leadbus__Header *head;
    struct content content;
    size_t recipient_count;
    struct leadbus_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    char names[LIMIT_RECIPIENT_COUNT_MAX][2][128];
};

static void item_of_in(const struct box_in *row, struct leadbus_item *ret)
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
}

static void item_of_out(const leadbus *lb, const struct box_out *row, struct leadbus_item *ret)
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
}

static void item_of_head(const leadbus *lb, const Leadbus__Header *head, struct leadbus_item *ret)
{
    ret->officer = head->officer;
    ret->area = head->area;
    ret->purpose = head->purpose;
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

/* The header in a record's or an envelope's bytes; NULL: there is none. */
static const Leadbus__Header *head_of(struct bytes body, bool own, struct arena *arena)
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

static void message_recipients(const leadbus *lb, leadbus_message *message)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    bool primary = true;
    message->recipient_count = message->head->n_recipients;
    for (size_t i = 0; i < message->recipient_count; i++) {
        const Leadbus__Recipient *row = message->head->recipients[i];
        struct leadbus_recipient *one = &message->recipients[i];
        const char *zh, *en;
        names_of(plan, row->unit, &zh, &en);
        (void)snprintf(message->names[i][0], sizeof message->names[i][0], "%s", zh);
        (void)snprintf(message->names[i][1], sizeof message->names[i][1], "%s", en);
        one->unit = row->unit;
        one->name_zh = message->names[i][0];
        one->name_en = message->names[i][1];
        one->must_sign = row->act == ROUTE_SIGN;
        one->primary = one->must_sign && primary;
        if (one->must_sign) primary = false;
        one->citation = row->citation;
        one->citation_zh = one->citation_en = one->reason_zh = one->reason_en = "";
        one->sections = row->sections;
        one->keyed = row->epoch != 0;
    }
}

static int message_load(leadbus *lb, leadbus_message *message, struct error *ret_error)
{
    struct buf sealed = {0};
    int r =
        message->own
            ? box_out_body(lb->box, message->out.number, &message->body, &sealed, ret_error)
            : box_in_body(lb->box, message->in.number, &message->body, &sealed, NULL, ret_error);
    if (r < 0) goto out;
    if (message->own)
        item_of_out(lb, &message->out, &message->item);
    else
        item_of_in(&message->in, &message->item);
    message->head = message->own || message->in.type != BOX_IN_NOTICE
                        ? head_of(buf_bytes(&message->body), message->own, &message->arena)
                        : NULL;
    if (message->head) {
        item_of_head(lb, message->head, &message->item);
        message_recipients(lb, message);
    }
    if (sealed.len > 0)
        r = content_open(lb->engine, message->item.thread, message->item.id, buf_bytes(&sealed),
                         &message->content, ret_error);
out:
    buf_fini(&sealed);
    return r;
}

static int message_give(leadbus *lb, leadbus_message *message, int found, struct error *error,
                        leadbus_message **ret_message, struct leadbus_error *ret_error)
{
    int r = found;
    arena_init(&message->arena, LIMIT_FRAME_BYTES_MAX * 4);
    if (r == 0) r = message_load(lb, message, error);
    if (r < 0) {
        leadbus_message_free(message);
        return client_failed(ret_error, error);
    }
    *ret_message = message;
    return 0;
}

int leadbus_message_get(leadbus *lb, const uint8_t *id, leadbus_message **ret_message,
                        struct leadbus_error *ret_error)
{
    struct error error = {0};
    leadbus_message *message = calloc(1, sizeof *message);
    CHECK(message != NULL);
    int r = box_in_find(lb->box, id, &message->in, &error);
    if (r == E_NOT_FOUND) {
        r = box_out_find(lb->box, id, &message->out, &error);
        message->own = r == 0;
    }
    return message_give(lb, message, r, &error, ret_message, ret_error);
}

int leadbus_inbox_get(leadbus *lb, uint64_t number, leadbus_message **ret_message,
                      struct leadbus_error *ret_error)
{
    struct error error = {0};
    leadbus_message *message = calloc(1, sizeof *message);
    CHECK(message != NULL);
    int r = box_in_get(lb->box, number, &message->in, &error);
    return message_give(lb, message, r, &error, ret_message, ret_error);
}

void leadbus_message_free(leadbus_message *message)
{
    if (!message) return;
    content_fini(&message->content);
    arena_fini(&message->arena);
    buf_fini(&message->body);
    sodium_memzero(message, sizeof *message);
    free(message);
}

const struct leadbus_item *leadbus_message_item(const leadbus_message *message)
{
    return &message->item;
}

size_t leadbus_message_section_count(const leadbus_message *message)
{
    return message->content.section_count;
}

int leadbus_message_section(const leadbus_message *message, size_t i,
                            struct leadbus_section *ret_section)
{
    if (i >= message->content.section_count) return 0;
    const struct content_section *section = &message->content.sections[i];
    *ret_section =
        (struct leadbus_section){section->name, section->payload.data, section->payload.len};
    return 1;
}

size_t leadbus_message_recipient_count(const leadbus_message *message)
{
    return message->recipient_count;
}

const struct leadbus_recipient *leadbus_message_recipient(const leadbus_message *message, size_t i)
{
    return i < message->recipient_count ? &message->recipients[i] : NULL;
}

int leadbus_inbox_each(leadbus *lb, uint64_t after, size_t limit,
                       int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct gathered all = {0};
    int r = box_in_each(lb->box, after, limit, gather_in, &all, &error);
    for (size_t i = 0; i < all.count && r == 0; i++) {
        struct leadbus_item item;
        struct buf body = {0};
        struct arena arena;
        arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
        item_of_in(&all.in[i], &item);
        r = box_in_body(lb->box, all.in[i].number, &body, NULL, NULL, &error);
        const Leadbus__Header *head = r == 0 && all.in[i].type != BOX_IN_NOTICE
                                          ? head_of(buf_bytes(&body), false, &arena)
                                          : NULL;
        if (head) item_of_head(lb, head, &item);
        bool stop = r == 0 && each(ctx, &item) != 0;
        arena_fini(&arena);
        buf_fini(&body);
        if (stop) break;
    }
    free(all.in);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

uint64_t leadbus_inbox_last(leadbus *lb)
{
    return box_in_last(lb->box);
}

/* ---- threads
 * ---------------------------------------------------------------------------------------- */

struct leadbus_thread {
    int status;
    struct thread thread;
    struct leadbus_leg *legs;
    char (*leg_names)[2][128];
    struct gathered in, out;
    struct leadbus_item *items;
    struct buf *bodies;
    struct arena arena;
    size_t item_count;
};

static int item_order(const void *a, const void *b)
{
    const struct leadbus_item *left = a, *right = b;
    uint64_t l = left->type == LEADBUS_ITEM_SENT && !left->proved ? UINT64_MAX : left->index;
    uint64_t r = right->type == LEADBUS_ITEM_SENT && !right->proved ? UINT64_MAX : right->index;
    if (l != r) return l < r ? -1 : 1;
    return left->created_ms < right->created_ms ? -1 : left->created_ms > right->created_ms;
}

static int thread_items(leadbus *lb, leadbus_thread *thread, struct error *ret_error)
{
    size_t count = thread->in.count + thread->out.count;
    thread->items = calloc(count + 1, sizeof *thread->items);
    thread->bodies = calloc(count + 1, sizeof *thread->bodies);
    CHECK(thread->items != NULL && thread->bodies != NULL);
    for (size_t i = 0; i < count; i++) {
        bool own = i >= thread->in.count;
        const struct box_in *in = own ? NULL : &thread->in.in[i];
        const struct box_out *out = own ? &thread->out.out[i - thread->in.count] : NULL;
        struct leadbus_item *item = &thread->items[i];
        int r = own ? box_out_body(lb->box, out->number, &thread->bodies[i], NULL, ret_error)
                    : box_in_body(lb->box, in->number, &thread->bodies[i], NULL, NULL, ret_error);
        thread->item_count = i + 1;
        if (r < 0) return r;
        if (own)
            item_of_out(lb, out, item);
        else
            item_of_in(in, item);
        const Leadbus__Header *head = head_of(buf_bytes(&thread->bodies[i]), own, &thread->arena);
        if (head) item_of_head(lb, head, item);
    }
    if (count > 0) qsort(thread->items, count, sizeof *thread->items, item_order);
    return 0;
}

static void thread_legs(const leadbus *lb, leadbus_thread *thread)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    thread->legs = calloc(thread->thread.leg_count + 1, sizeof *thread->legs);
    thread->leg_names = calloc(thread->thread.leg_count + 1, sizeof *thread->leg_names);
    CHECK(thread->legs != NULL && thread->leg_names != NULL);
    for (size_t i = 0; i < thread->thread.leg_count; i++) {
        const struct thread_leg *leg = &thread->thread.legs[i];
        const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
        enum lifecycle_state state = (enum lifecycle_state)leg->state;
        struct leadbus_leg *one = &thread->legs[i];
        const char *zh, *en;
        names_of(plan, leg->unit, &zh, &en);
        (void)snprintf(thread->leg_names[i][0], sizeof thread->leg_names[i][0], "%s", zh);
        (void)snprintf(thread->leg_names[i][1], sizeof thread->leg_names[i][1], "%s", en);
        one->unit = leg->unit;
        one->name_zh = thread->leg_names[i][0];
        one->name_en = thread->leg_names[i][1];
        memcpy(one->message, leg->message, 16);
        one->kind = leg->kind;
        one->primary = leg->primary;
        one->done = kind && lifecycle_leg_done(kind, state);
        one->state = lifecycle_state_name(state);
        one->state_zh = lifecycle_state_text(state, LANG_ZH);
        one->state_en = lifecycle_state_text(state, LANG_EN);
        one->changed_ms = leg->changed_ms;
        one->outcome = leg->outcome;
    }
}

int leadbus_thread_get(leadbus *lb, const uint8_t *id, leadbus_thread **ret_thread,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct buf state = {0};
    leadbus_thread *thread = calloc(1, sizeof *thread);
    CHECK(thread != NULL);
    arena_init(&thread->arena, (size_t)256 << 20);
    thread_init(&thread->thread, id);
    int r = box_thread_get(lb->box, id, NULL, &state, &error);
    if (r == 0) r = thread_decode(buf_bytes(&state), &thread->thread, &error);
    if (r == 0) r = box_in_of_thread(lb->box, id, gather_in, &thread->in, &error);
    if (r == 0) r = box_out_of_thread(lb->box, id, gather_out, &thread->out, &error);
    if (r == 0) r = thread_items(lb, thread, &error);
    buf_fini(&state);
    if (r < 0) {
        leadbus_thread_free(thread);
        return client_failed(ret_error, &error);
    }
    thread_legs(lb, thread);
    thread->status = (int)thread_status(&thread->thread, trust_bundle_plan(lb->engine->bundle));
    *ret_thread = thread;
    return 0;
}

void leadbus_thread_free(leadbus_thread *thread)
{
    if (!thread) return;
    for (size_t i = 0; i < thread->item_count; i++) buf_fini(&thread->bodies[i]);
    free(thread->bodies);
    free(thread->items);
    free(thread->in.in);
    free(thread->out.out);
    free(thread->legs);
    free(thread->leg_names);
    thread_fini(&thread->thread);
    arena_fini(&thread->arena);
    free(thread);
}

int leadbus_thread_status(const leadbus_thread *thread)
{
    return thread->status;
}

size_t leadbus_thread_item_count(const leadbus_thread *thread)
{
    return thread->item_count;
}

const struct leadbus_item *leadbus_thread_item(const leadbus_thread *thread, size_t i)
{
    return i < thread->item_count ? &thread->items[i] : NULL;
}

size_t leadbus_thread_leg_count(const leadbus_thread *thread)
{
    return thread->thread.leg_count;
}

const struct leadbus_leg *leadbus_thread_leg(const leadbus_thread *thread, size_t i)
{
    return i < thread->thread.leg_count ? &thread->legs[i] : NULL;
}

struct thread_walk {
    struct {
        uint64_t changed_ms;
        struct thread thread;
    } * rows;
    size_t count, cap;
};

static int gather_thread(void *ctx, const uint8_t id[16], uint64_t changed_ms, struct bytes state)
{
    struct thread_walk *walk = ctx;
    if (walk->count == walk->cap) {
        walk->cap = walk->cap ? walk->cap * 2 : 64;
        walk->rows = realloc(walk->rows, walk->cap * sizeof *walk->rows);
        CHECK(walk->rows != NULL);
    }
    struct thread *thread = &walk->rows[walk->count].thread;
    thread_init(thread, id);
    walk->rows[walk->count++].changed_ms = changed_ms;
    return thread_decode(state, thread, NULL);
}

int leadbus_thread_each(leadbus *lb, size_t limit,
                        int (*each)(void *ctx, const struct leadbus_thread_summary *one), void *ctx,
                        struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct thread_walk walk = {0};
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    int r = box_thread_each(lb->box, limit, gather_thread, &walk, &error);
    if (r == E_BAD_FORM) (void)error_set(&error, r, "store", "a damaged thread");
    bool going = r == 0;
    for (size_t i = 0; i < walk.count; i++) {
        struct thread *thread = &walk.rows[i].thread;
        struct leadbus_thread_summary one = {.kind = thread->kind,
                                             .topic = thread->topic,
                                             .area = thread->area,
                                             .from = thread->from,
                                             .urgency = thread->urgency,
                                             .opened_ms = thread->opened_ms,
                                             .changed_ms = walk.rows[i].changed_ms,
                                             .message_count = thread->message_count,
                                             .leg = ""};
        memcpy(one.thread, thread->id, 16);
        one.status = (int)thread_status(thread, plan);
        for (size_t k = 0; k < thread->leg_count; k++)
            if (strcmp(thread->legs[k].unit, lb->keyring.unit) == 0)
                one.leg = lifecycle_state_name((enum lifecycle_state)thread->legs[k].state);
        if (going && each(ctx, &one) != 0) going = false;
        thread_fini(thread);
    }
    free(walk.rows);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

/* ---- figures
 * ------------------------------------------------------------------------------------------ */

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
    }
    stats.bundle = trust_bundle_version(engine->bundle);
    stats.bundle_expires_ms = trust_bundle_expires_ms(engine->bundle);
    stats.bundle_hard_limit_ms = trust_bundle_hard_limit_ms(engine->bundle);
    const struct trust_certificate *certificate =
        trust_certificate_by_serial(engine->bundle, lb->keyring.serial);
    if (certificate) stats.certificate_not_after_ms = certificate->not_after_ms;
    stats.checkpoint_size = engine->trusted.checkpoint.size;
    memcpy(stats.checkpoint_root, engine->trusted.checkpoint.root, 32);
    for (size_t i = 0; i < engine->key_count; i++) {
        if (strcmp(engine->keys[i].unit, lb->keyring.unit) != 0) continue;
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
    fill(ret_stats, &stats, sizeof stats);
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
