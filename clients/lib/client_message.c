/* The inbox, and one message with what we may read of it. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "proto/base/check.h"
#include "proto/payload/payload_same.h"

struct leadbus_message {
    struct leadbus_item item;
    struct box_in in;
    struct box_out out;
    bool own;
    struct buf body;
    struct arena arena;
    const Leadbus__Header *head;
    struct content content;
    const leadbus *lb;
    struct client_attachments attachments;
    size_t recipient_count;
    struct leadbus_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    char names[LIMIT_RECIPIENT_COUNT_MAX][2][128];
};

/* The message outlives the bundle: what the plan says is copied. */
static const char *keep(leadbus_message *message, const char *text)
{
    if (!text || !*text) return "";
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(&message->arena, size);
    return copy ? memcpy(copy, text, size) : "";
}

static void message_recipients(const leadbus *lb, leadbus_message *message)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    const struct plan_kind *kind = plan_kind_find(plan, message->head->kind);
    bool primary = true;
    message->recipient_count = message->head->n_recipients;
    for (size_t i = 0; i < message->recipient_count; i++) {
        const Leadbus__Recipient *row = message->head->recipients[i];
        struct leadbus_recipient *one = &message->recipients[i];
        const char *zh, *en;
        view_names(plan, row->unit, &zh, &en);
        (void)snprintf(message->names[i][0], sizeof message->names[i][0], "%s", zh);
        (void)snprintf(message->names[i][1], sizeof message->names[i][1], "%s", en);
        one->unit = row->unit;
        one->name_zh = message->names[i][0];
        one->name_en = message->names[i][1];
        one->must_sign = row->act == ROUTE_SIGN;
        one->primary = one->must_sign && primary;
        if (one->must_sign) primary = false;
        one->citation = row->citation;
        one->citation_zh = keep(message, route_citation_text(plan, row->citation, LANG_ZH));
        one->citation_en = keep(message, route_citation_text(plan, row->citation, LANG_EN));
        one->reason_zh =
            keep(message, kind ? route_reason(plan, kind, row->citation, LANG_ZH) : NULL);
        one->reason_en =
            keep(message, kind ? route_reason(plan, kind, row->citation, LANG_EN) : NULL);
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
        view_item_of_out(lb, &message->out, &message->item);
    else
        view_item_of_in(&message->in, &message->item);
    message->head = message->own || message->in.type != BOX_IN_NOTICE
                        ? view_head_of(buf_bytes(&message->body), message->own, &message->arena)
                        : NULL;
    if (message->head) {
        view_item_of_head(lb, message->head, &message->item);
        message_recipients(lb, message);
    }
    if (!message->head)
        view_item_missed(buf_bytes(&message->body), NULL, &message->arena, &message->item);
    message->item.deleted = !message->own && message->in.type == BOX_IN_MESSAGE && sealed.len == 0;
    if (!message->own) r = view_item_leg(lb, &message->item, ret_error);
    if (r == 0 && sealed.len > 0)
        r = content_open(lb->engine, message->item.thread, message->item.id, buf_bytes(&sealed),
                         &message->content, ret_error);
    if (r == 0)
        r = client_attachments_load(lb, message->item.id, &message->content, &message->arena,
                                    &message->attachments, ret_error);
    message->lb = lb;
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

int leadbus_same_numbers(leadbus *lb, const uint8_t *id, struct leadbus_same *ret_same, size_t cap,
                         size_t *ret_count, int *ret_more, struct leadbus_error *ret_error)
{
    struct error error = {0};
    bool more = false;
    size_t count = 0;
    struct box_same *found = calloc(cap + 1, sizeof *found);
    CHECK(found != NULL);
    int r = box_same_of(lb->box, id, found, cap, &count, &more, &error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        /* The table may have lost its row. */
        const struct payload_same *same = payload_same_find(found[i].what);
        memcpy(ret_same[i].thread, found[i].thread, 16);
        ret_same[i].what = same ? same->what : "number";
        ret_same[i].what_zh = same ? same->text_zh : "编号";
        ret_same[i].what_en = same ? same->text_en : "number";
    }
    free(found);
    if (r < 0) return client_failed(ret_error, &error);
    *ret_count = count;
    *ret_more = more;
    return 0;
}

int leadbus_alert_revision(leadbus *lb, const uint8_t *id, uint32_t *ret_stated,
                           uint32_t *ret_expected, struct leadbus_error *ret_error)
{
    struct error error = {0};
    int r = engine_revision_find(lb->engine, id, ret_stated, ret_expected, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
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

size_t leadbus_message_attachment_count(const leadbus_message *message)
{
    return message->attachments.count;
}

int leadbus_message_attachment(const leadbus_message *message, size_t i,
                               struct leadbus_attachment *ret_attachment)
{
    struct leadbus_attachment attachment;
    if (i >= message->attachments.count) return 0;
    client_attachment_view(message->lb, &message->attachments.items[i], &attachment);
    attachment.size = ret_attachment->size;
    view_fill(ret_attachment, &attachment, sizeof attachment);
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

/* One row as an item, with what its header says. owed: this unit owes something about it, whatever
 * the row knows of that. *ret_going: the caller wants more. */
static int give_item(leadbus *lb, const struct box_in *row, bool owed,
                     int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                     bool *ret_going, struct error *ret_error)
{
    struct leadbus_item item;
    struct buf body = {0};
    struct arena arena;
    struct thread thread = {0};
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    view_item_of_in(row, &item);
    int r = row->number ? box_in_body(lb->box, row->number, &body, NULL, NULL, ret_error) : 0;
    const Leadbus__Header *head =
        r == 0 && row->type != BOX_IN_NOTICE ? view_head_of(buf_bytes(&body), false, &arena) : NULL;
    if (head) view_item_of_head(lb, head, &item);
    if (r == 0 && !head) view_item_missed(buf_bytes(&body), NULL, &arena, &item);
    if (owed) item.must_sign = 1;
    if (r == 0)
        r = owed ? view_item_owed(lb, &thread, &item, ret_error)
                 : view_item_leg(lb, &item, ret_error);
    /* What another plan says nothing is owed for any more is not given. */
    bool leg = *item.leg && !item.leg_done;
    bool gives = r == 0 && (!owed || leg || item.decision.act);
    *ret_going = r == 0 && (!gives || each(ctx, &item) == 0);
    thread_fini(&thread);
    arena_fini(&arena);
    buf_fini(&body);
    return r;
}

static int give_items(leadbus *lb, const struct gathered *all,
                      int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                      struct error *ret_error)
{
    int r = 0;
    bool going = true;
    for (size_t i = 0; i < all->count && going && r == 0; i++)
        r = give_item(lb, &all->in[i], false, each, ctx, &going, ret_error);
    return r;
}

int leadbus_inbox_each(leadbus *lb, uint64_t after, size_t limit,
                       int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct gathered all = {0};
    int r = box_in_each(lb->box, after, limit, view_gather_in, &all, &error);
    if (r == 0) r = give_items(lb, &all, each, ctx, &error);
    free(all.in);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_inbox_newest(leadbus *lb, uint64_t before, size_t limit,
                         int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                         struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct gathered all = {0};
    int r =
        box_in_newest(lb->box, before ? before : INT64_MAX, limit, view_gather_in, &all, &error);
    if (r == 0) r = give_items(lb, &all, each, ctx, &error);
    free(all.in);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

struct legs_walk {
    struct box_leg *legs;
    size_t count, cap;
};

static int gather_leg(void *ctx, const struct box_leg *leg)
{
    struct legs_walk *walk = ctx;
    if (walk->count == walk->cap) {
        walk->cap = walk->cap ? walk->cap * 2 : 64;
        walk->legs = realloc(walk->legs, walk->cap * sizeof *walk->legs);
        CHECK(walk->legs != NULL);
    }
    walk->legs[walk->count++] = *leg;
    return 0;
}

struct due_giving {
    leadbus *lb;
    int (*each)(void *ctx, const struct leadbus_item *item);
    void *ctx;
    size_t given, limit;
    bool going;
};

static int count_given(void *ctx, const struct leadbus_item *item)
{
    struct due_giving *giving = ctx;
    giving->given++;
    return giving->each(giving->ctx, item);
}

/* Of our own, about which we decide ourselves: the office objects, too. */
static int give_own(struct due_giving *giving, const struct box_out *out,
                    int (*each)(void *ctx, const struct leadbus_item *item),
                    struct error *ret_error)
{
    leadbus *lb = giving->lb;
    struct leadbus_item item;
    struct buf body = {0};
    struct arena arena;
    struct thread thread = {0};
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    int r = box_out_body(lb->box, out->number, &body, NULL, ret_error);
    view_item_of_out(lb, out, &item);
    const Leadbus__Header *head = r == 0 ? view_head_of(buf_bytes(&body), true, &arena) : NULL;
    if (head) view_item_of_head(lb, head, &item);
    if (r == 0) r = view_item_owed(lb, &thread, &item, ret_error);
    giving->going = r == 0 && (!item.decision.act || each(giving, &item) == 0);
    thread_fini(&thread);
    arena_fini(&arena);
    buf_fini(&body);
    return r;
}

static int give_leg(struct due_giving *giving, const struct box_leg *leg,
                    int (*each)(void *ctx, const struct leadbus_item *item),
                    struct error *ret_error)
{
    struct box_in row;
    struct box_out out;
    int r = box_in_find(giving->lb->box, leg->message, &row, ret_error);
    if (r == E_NOT_FOUND && box_out_find(giving->lb->box, leg->message, &out, NULL) == 0)
        return give_own(giving, &out, each, ret_error);
    if (r == E_NOT_FOUND) {
        r = 0;
        row = (struct box_in){.type = BOX_IN_MESSAGE};
        memcpy(row.id, leg->message, 16);
        memcpy(row.thread, leg->thread, 16);
    }
    if (r < 0) return r;
    return give_item(giving->lb, &row, true, each, giving, &giving->going, ret_error);
}

int leadbus_inbox_due(leadbus *lb, const struct leadbus_due_place *after, size_t limit,
                      int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                      struct leadbus_error *ret_error)
{
    struct due_giving giving = {.lb = lb, .each = each, .ctx = ctx, .going = true};
    struct error error = {0};
    struct legs_walk walk = {0};
    struct box_leg from = {0};
    if (after) {
        from.due_ms = after->due_ms ? after->due_ms : BOX_LEG_NO_TERM;
        memcpy(from.thread, after->thread, 16);
        memcpy(from.message, after->id, 16);
    }
    int r = 0;
    do { /* as many more as were left out */
        walk.count = 0;
        r = box_legs_due(lb->box, &from, limit - giving.given, gather_leg, &walk, &error);
        for (size_t i = 0; i < walk.count && giving.going && r == 0; i++)
            r = give_leg(&giving, &walk.legs[i], count_given, &error);
        if (walk.count > 0) from = walk.legs[walk.count - 1];
    } while (r == 0 && giving.going && walk.count > 0 && giving.given < limit);
    free(walk.legs);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

static int gather_waiting(void *ctx, const struct box_ladder *row)
{
    struct box_leg leg = {.due_ms = 0};
    memcpy(leg.thread, row->thread, 16);
    memcpy(leg.message, row->message, 16);
    return gather_leg(ctx, &leg);
}

static int give_waiting(void *ctx, const struct leadbus_item *item)
{
    struct due_giving *giving = ctx;
    if (!item->repeats || giving->given == giving->limit) return 0;
    giving->given++;
    return giving->each(giving->ctx, item);
}

int leadbus_inbox_unsigned(leadbus *lb, size_t limit,
                           int (*each)(void *ctx, const struct leadbus_item *item), void *ctx,
                           struct leadbus_error *ret_error)
{
    struct due_giving giving = {.lb = lb, .each = each, .ctx = ctx, .limit = limit, .going = true};
    struct error error = {0};
    struct legs_walk walk = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_ladder_again(lb->box, false, SIZE_MAX, gather_waiting, &walk, &error);
    for (size_t i = 0; i < walk.count && giving.going && r == 0; i++)
        r = give_leg(&giving, &walk.legs[i], give_waiting, &error);
    free(walk.legs);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

uint64_t leadbus_inbox_last(leadbus *lb)
{
    return box_in_last(lb->box);
}
