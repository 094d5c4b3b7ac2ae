/* What was passed on to us: an original that was not sent here, beside the notice of its keys. */
#include <stdlib.h>

#include "clients/lib/engine_incoming.h"

/* The original as if it had been delivered. */
static Leadbus__Delivery delivery_of(const Leadbus__Delivery *delivery)
{
    const Leadbus__PassedOn *original = delivery->original;
    Leadbus__Delivery as = LEADBUS__DELIVERY__INIT;
    as.what_case = LEADBUS__DELIVERY__WHAT_ENVELOPE;
    as.envelope = original->envelope;
    as.lane = delivery->lane;
    as.index = original->index;
    as.n_inclusion = original->n_inclusion;
    as.inclusion = original->inclusion;
    as.checkpoint = delivery->checkpoint;
    as.time_ms = original->time_ms;
    as.accepted_flags = original->accepted_flags;
    as.rules = original->rules;
    as.again = true;
    return as;
}

static int judge(struct engine *engine, struct incoming *in, const Leadbus__Rewrapped *rewrapped,
                 struct error *ret_error)
{
    const Leadbus__RewrapBody *body = NULL;
    int r = incoming_prove_record(engine, in, ret_error);
    if (r == 0) r = incoming_genuine(engine, in, ret_error);
    if (r == 0)
        r = envelope_rewrap_decode(engine_bytes(rewrapped->body), &engine->arena, &body, ret_error);
    if (r != 0) return r;
    if (memcmp(body->header_hash.data, in->envelope.hash, 32) != 0 ||
        strcmp(body->unit, engine->keyring->unit) != 0)
        return error_say(ret_error, E_NOT_A_RECIPIENT, "original", "与密钥所属的原件不同",
                         "another than the keys are of");
    /* The keys come from who sent it, and it is whole for who it was passed on to. */
    if (strcmp(body->from, in->head->from) != 0)
        return error_set(ret_error, E_UNKNOWN_SENDER, "rewrap.from", "%s", body->from);
    return engine_rewrap_open(engine, rewrapped, body, &in->envelope, &in->opened, ret_error);
}

/* A unit that had a copy has the row already, with less in it. */
static int store(struct engine *engine, struct moment *moment, struct incoming *in,
                 const Leadbus__PassedOn *original, struct box_in *row, struct error *ret_error)
{
    struct engine_thread thread = {0};
    struct buf sealed = {0};
    struct box_in known;
    int r = box_in_find(engine->box, in->head->id.data, &known, NULL);
    bool fresh = r == E_NOT_FOUND;
    if (r < 0 && !fresh) return error_say(ret_error, r, "store", "读取收件箱", "reading the inbox");
    if (!fresh && memcmp(known.hash, in->envelope.hash, 32) != 0) return 0;
    if (!fresh && known.type == BOX_IN_EXCEPTION) engine->stats.in_type[BOX_IN_EXCEPTION]--;
    if (fresh || known.type == BOX_IN_EXCEPTION) engine->stats.in_type[BOX_IN_MESSAGE]++;
    r = engine_thread_load(engine, moment, in->head->thread.data, &thread, ret_error);
    if (r < 0) return r;
    thread_came_by(&thread.thread, in->head->id.data, original->holders, original->n_holders);
    engine_content_of(moment, thread.key, in->head->id.data, &in->envelope, &in->opened, &sealed);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    if (fresh) {
        if (r == 0)
            r = box_in_add(engine->box, row, buf_bytes(&in->record), buf_bytes(&sealed),
                           (struct bytes){0}, ret_error);
    } else {
        *row = known;
        row->type = BOX_IN_MESSAGE;
        row->code = 0;
        row->must_sign = true;
        if (r == 0)
            r = box_in_update(engine->box, row, (struct bytes){0}, buf_bytes(&sealed), ret_error);
    }
    buf_fini(&sealed);
    if (r == 0)
        r = engine_attach_received(engine, moment, &in->envelope, &in->opened, row, ret_error);
    if (r == 0) r = engine_same_opened(engine, row, &in->envelope, &in->opened, ret_error);
    if (r == 0) r = engine_thread_rebuild(engine, moment, row->thread, ret_error);
    engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    engine_tell(engine, ENGINE_CHANGED_THREAD, row->thread);
    return r;
}

static struct box_in row_of(const struct incoming *in, const struct moment *moment)
{
    struct box_in row = {.type = BOX_IN_MESSAGE,
                         .lane = envelope_lane(in->head),
                         .index = in->delivery->index,
                         .record_ms = in->delivery->time_ms,
                         .received_ms = moment->now_ms,
                         .proved = true,
                         .must_sign = true};
    memcpy(row.id, in->head->id.data, 16);
    memcpy(row.thread, in->head->thread.data, 16);
    if (in->head->parent.len == 16) memcpy(row.parent, in->head->parent.data, 16);
    memcpy(row.hash, in->envelope.hash, 32);
    engine_copy(row.kind, sizeof row.kind, in->head->kind);
    engine_copy(row.topic, sizeof row.topic, in->head->topic);
    engine_copy(row.from, sizeof row.from, in->head->from);
    return row;
}

int engine_passed_on(struct engine *engine, struct moment *moment,
                     const Leadbus__Delivery *delivery, const Leadbus__Rewrapped *rewrapped,
                     struct box_in *notice, struct error *ret_error)
{
    struct error why = {0};
    Leadbus__Delivery as = delivery_of(delivery);
    if (!as.envelope) return 0;
    struct incoming *in = calloc(1, sizeof *in);
    CHECK(in != NULL);
    in->delivery = &as;
    int r = incoming_read(engine, in, &why);
    if (r == 0) as.lane = envelope_lane(in->head);
    if (r == 0) r = judge(engine, in, rewrapped, &why);
    if (r == 0) {
        struct box_in row = row_of(in, moment);
        r = store(engine, moment, in, delivery->original, &row, ret_error);
        memcpy(notice->id, row.id, 16);
        memcpy(notice->thread, row.thread, 16);
        engine_copy(notice->from, sizeof notice->from, row.from);
    } else if (engine_own_trouble(r)) {
        if (ret_error) *ret_error = why;
    } else {
        engine_note(engine, moment, &why);
        r = 0;
    }
    opened_fini(&in->opened);
    buf_fini(&in->record);
    free(in);
    return r;
}
