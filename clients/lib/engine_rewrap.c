/* Rewraps: made for those who could not open what we sent, and opened where we could not. */
#include <sodium.h>

#include "clients/lib/engine_inner.h"

enum {
    REWRAP_ASK_MS = 15000,
    REWRAP_SCAN_MS = 60000,
    /* Of one message that has not come yet: who may rewrap it is its sender and its recipients. */
    REWRAP_EARLY_MAX = 16,
};

/* What another wrap mends. */
static bool wants_key(int code)
{
    return code == E_REWRAP_NEEDED || code == E_EPOCH_DESTROYED || code == E_WRAP_INVALID;
}

/* ---- owed -----------------------------------------------------------------------------------
 */

static int owe(struct engine *engine, const char *unit, uint64_t number, struct error *ret_error)
{
    bool new = false;
    int r = box_rewrap_owe(engine->box, unit, number, &new, ret_error);
    if (r < 0 || !new) return r;
    engine->rewrap.owed++;
    engine->rewrap.scan_ms = 0;
    return 0;
}

int engine_rewrap_receipted(struct engine *engine, const struct envelope *envelope, uint64_t number,
                            struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *one = head->recipients[i];
        if (one->epoch != 0 || one->sections == 0) continue;
        int r = owe(engine, one->unit, number, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

int engine_rewrap_reported(struct engine *engine, const Leadbus__AckBody *body, struct box_in *row,
                           struct error *ret_error)
{
    bool first = true;
    for (size_t i = 0; i < body->n_exceptions + body->n_late; i++) {
        bool late = i >= body->n_exceptions;
        const Leadbus__Exception *one =
            late ? body->late[i - body->n_exceptions] : body->exceptions[i];
        struct box_out sent;
        int code = -(int)(one->code & 0xffff);
        int r = box_out_at(engine->box, one->index, &sent, NULL);
        if (r == E_NOT_FOUND) continue; /* of another unit: the office is told of all */
        if (r < 0) return error_say(ret_error, r, "store", "读取发件箱", "reading the outbox");
        if (first) {
            row->code = code;
            memcpy(row->id, sent.id, 16);
            memcpy(row->thread, sent.thread, 16);
        }
        first = false;
        if (!late && wants_key(code)) r = owe(engine, body->unit, sent.number, ret_error);
        if (r < 0) return r;
    }
    if (first && body->n_exceptions > 0)
        row->code = -(int)(body->exceptions[0]->code & 0xffff);
    else if (first && body->n_late > 0)
        row->code = -(int)(body->late[0]->code & 0xffff);
    return 0;
}

int engine_rewrap_passed(struct engine *engine, const struct thread *thread,
                         const Leadbus__Header *head, struct error *ret_error)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(engine->bundle), head->kind);
    struct box_out sent;
    if (!kind || kind->act != PLAN_ACT_TRANSFER) return 0;
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        if (strcmp(leg->unit, head->target) != 0 || strcmp(leg->reads_as, leg->unit) == 0) continue;
        int r = box_out_find(engine->box, leg->message, &sent, NULL);
        if (r == E_NOT_FOUND) continue;
        if (r < 0) return error_say(ret_error, r, "store", "读取发件箱", "reading the outbox");
        r = owe(engine, leg->unit, sent.number, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

/* ---- making one ------------------------------------------------------------------------------
 */

struct making {
    struct box_out row;
    struct buf bytes, sealed;
    struct arena arena;
    struct envelope original;
    struct content content;
};

static void making_fini(struct making *making)
{
    content_fini(&making->content);
    arena_fini(&making->arena);
    buf_fini(&making->bytes);
    buf_fini(&making->sealed);
}

static int making_load(struct engine *engine, uint64_t number, struct making *ret,
                       struct error *ret_error)
{
    int r = box_out_get(engine->box, number, &ret->row, ret_error);
    if (r == 0) r = box_out_body(engine->box, number, &ret->bytes, &ret->sealed, ret_error);
    if (r == 0) r = envelope_decode(buf_bytes(&ret->bytes), &ret->arena, &ret->original, ret_error);
    if (r == 0)
        r = content_open(engine, ret->row.thread, ret->row.id, buf_bytes(&ret->sealed),
                         &ret->content, ret_error);
    return r;
}

/* The section keys in the header's order. */
static int making_keys(const struct making *making, uint8_t ret[LIMIT_SECTION_COUNT_MAX][32],
                       struct error *ret_error)
{
    const Leadbus__Header *head = making->original.head;
    for (size_t i = 0; i < head->n_sections; i++) {
        size_t k = 0;
        while (k < making->content.section_count &&
               strcmp(making->content.sections[k].name, head->sections[i]) != 0)
            k++;
        if (k == making->content.section_count)
            return error_say(ret_error, E_BAD_FORM, "store", "分段 %s 的密钥已不在",
                             "the key of section %s is gone", head->sections[i]);
        memcpy(ret[i], making->content.sections[k].key, 32);
    }
    return 0;
}

/* What the reader may open: a recipient what the header says; who it was passed on to what the unit
 * may that had it first, but nothing that is for the police alone. */
static int making_sections(struct engine *engine, const struct making *making, const char *unit,
                           uint32_t *ret, struct error *ret_error)
{
    const Leadbus__Header *head = making->original.head;
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(engine->bundle), head->kind);
    int at = envelope_recipient_find(&making->original, unit);
    struct engine_thread thread;
    *ret = at < 0 ? 0 : head->recipients[at]->sections;
    int r = engine_thread_load(engine, NULL, making->row.thread, &thread, ret_error);
    if (r < 0) return r;
    const struct thread_leg *leg = thread_leg_of(&thread.thread, unit, making->row.id);
    int first = leg && strcmp(leg->reads_as, unit) != 0
                    ? envelope_recipient_find(&making->original, leg->reads_as)
                    : -1;
    uint32_t passed = first < 0 ? 0 : head->recipients[first]->sections;
    for (size_t i = 0; i < head->n_sections; i++)
        for (size_t k = 0; kind && k < kind->section_count; k++)
            if (kind->sections[k].police && strcmp(kind->sections[k].name, head->sections[i]) == 0)
                passed &= ~(1u << i);
    engine_thread_fini(&thread);
    *ret |= kind ? passed : 0;
    return *ret ? 0 : error_set(ret_error, E_NOT_A_RECIPIENT, "unit", "%s", unit);
}

static void frame_of(const struct buf *body, const uint8_t signature[SUITE_SIGNATURE_LEN],
                     struct buf *ret)
{
    Leadbus__SubmitRewrap submit = LEADBUS__SUBMIT_REWRAP__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    submit.body = engine_binary(buf_bytes(body));
    submit.signature = engine_binary(bytes_of(signature, SUITE_SIGNATURE_LEN));
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_SUBMIT_REWRAP;
    frame.submit_rewrap = &submit;
    buf_reset(ret);
    message_encode(&frame.base, ret);
}

static int make(struct engine *engine, struct moment *moment, const struct making *making,
                const char *unit, struct error *ret_error)
{
    const Leadbus__Header *head = making->original.head;
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(engine->bundle), head->kind);
    uint8_t keys[LIMIT_SECTION_COUNT_MAX][32], kek[32], salt[32], signature[SUITE_SIGNATURE_LEN];
    struct buf body = {0};
    uint64_t bus_ms = engine_bus_ms(engine, moment);
    bool sensitive = !kind || kind->sensitive;
    uint32_t sections = 0;
    int r = making_sections(engine, making, unit, &sections, ret_error);
    if (r < 0) return r;
    engine_session(engine, moment, sensitive);
    struct engine_key *key = engine_key_newest(engine, unit, bus_ms);
    CHECK(key != NULL); /* the walk found one */
    r = making_keys(making, keys, ret_error);
    if (r == 0) r = engine_kek_out(engine, key, !sensitive, kek, ret_error);
    if (r < 0) goto out;
    moment_draw(moment, salt, sizeof salt);
    r = envelope_rewrap(&(struct rewrap_input){.original = &making->original,
                                               .from = engine->keyring->unit,
                                               .serial = engine->keyring->serial,
                                               .unit = unit,
                                               .epoch = key->epoch,
                                               .epoch_public = key->public_key,
                                               .kek = kek,
                                               .session_public = engine->session_public,
                                               .sections = sections,
                                               .keys = (const uint8_t(*)[SUITE_KEY_LEN])keys,
                                               .created_ms = bus_ms,
                                               .identity_secret = engine->keyring->identity_secret,
                                               .salt = salt},
                        &body, signature, ret_error);
    if (r < 0) goto out;
    frame_of(&body, signature, &engine->rewrap.frame);
    memcpy(engine->rewrap.hash, making->original.hash, 32);
out:
    sodium_memzero(keys, sizeof keys);
    sodium_memzero(kek, sizeof kek);
    buf_fini(&body);
    return r;
}

static int settle(struct engine *engine, struct error *ret_error)
{
    struct engine_rewrap *rewrap = &engine->rewrap;
    int r = box_rewrap_done(engine->box, rewrap->unit, rewrap->number, ret_error);
    rewrap->active = false;
    rewrap->scan_ms = 0;
    if (rewrap->owed > 0) rewrap->owed--;
    engine_tell(engine, ENGINE_CHANGED_OUTBOX, NULL);
    return r;
}

static int begin(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct engine_rewrap *rewrap = &engine->rewrap;
    struct making making = {0};
    struct error why = {0};
    arena_init(&making.arena, ENGINE_ARENA_BYTES_MAX);
    int r = making_load(engine, rewrap->number, &making, &why);
    if (r == 0) r = make(engine, moment, &making, rewrap->unit, &why);
    making_fini(&making);
    if (r < 0 && engine_own_trouble(r)) {
        if (ret_error) *ret_error = why;
        return r;
    }
    if (r < 0) { /* what is gone here nobody can give again */
        engine_note(engine, moment, &why);
        return settle(engine, ret_error);
    }
    rewrap->active = true;
    rewrap->retry_ms = 0;
    return 0;
}

struct search {
    struct engine *engine;
    uint64_t bus_ms;
};

static int has_key(void *ctx, const char *unit)
{
    const struct search *search = ctx;
    if (strcmp(unit, search->engine->rewrap.put_off) <= 0) return 0;
    if (!engine_key_newest(search->engine, unit, search->bus_ms)) return 0;
    engine_copy(search->engine->rewrap.unit, BOX_NAME_LEN, unit);
    return 1;
}

int engine_rewrap_flush(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct engine_rewrap *rewrap = &engine->rewrap;
    struct search search = {engine, engine_bus_ms(engine, moment)};
    if (rewrap->owed == 0 || engine->link != ENGINE_GREETED || engine->reset || !engine->keys_known)
        return 0;
    if (!rewrap->active) {
        if (moment->now_ms < rewrap->scan_ms || moment->now_ms < rewrap->hold_ms) return 0;
        rewrap->scan_ms = moment->now_ms + REWRAP_SCAN_MS;
        int r = box_rewrap_units(engine->box, has_key, &search, ret_error);
        if (r == 0 && rewrap->put_off[0]) {
            rewrap->put_off[0] = 0;
            r = box_rewrap_units(engine->box, has_key, &search, ret_error);
        }
        if (r == 1)
            r = box_rewrap_first(engine->box, rewrap->unit, &rewrap->number, ret_error);
        else if (r == 0)
            return 0;
        if (r == 0) r = begin(engine, moment, ret_error);
        if (r < 0) return r;
    }
    if (rewrap->active && moment->now_ms >= rewrap->retry_ms) {
        struct buf copy = {0};
        buf_append_bytes(&copy, buf_bytes(&rewrap->frame));
        engine_emit_bytes(engine, &copy);
        rewrap->retry_ms = moment->now_ms + REWRAP_ASK_MS;
    }
    return 0;
}

static bool is_active(const struct engine *engine, ProtobufCBinaryData hash)
{
    return engine->rewrap.active && hash.len == 32 &&
           memcmp(hash.data, engine->rewrap.hash, 32) == 0;
}

int engine_rewrap_done(struct engine *engine, const Leadbus__RewrapDone *done,
                       struct error *ret_error)
{
    if (!is_active(engine, done->header_hash) || strcmp(done->unit, engine->rewrap.unit) != 0)
        return 0;
    return settle(engine, ret_error);
}

/* It will never be taken. Anything else, a certificate of ours that has run out among it, may mend.
 */
static bool is_final(int code)
{
    return error_class(code) == ERROR_CLASS_INPUT || code == E_NOT_FOUND ||
           code == E_NOT_A_RECIPIENT || code == E_ROUTE_MISMATCH;
}

bool engine_rewrap_refused(struct engine *engine, struct moment *moment,
                           const Leadbus__Refusal *refusal, const struct error *why, int *ret_code,
                           struct error *ret_error)
{
    *ret_code = 0;
    if (!is_active(engine, refusal->header_hash)) return false;
    engine_note(engine, moment, why);
    if (!is_final(why->code)) {
        /* Made anew: the reader's key may be another one by then. Other readers first. */
        engine->rewrap.active = false;
        engine_copy(engine->rewrap.put_off, BOX_NAME_LEN, engine->rewrap.unit);
        engine->rewrap.scan_ms = 0;
        engine->rewrap.hold_ms =
            moment->now_ms + (refusal->retry_after_ms ? refusal->retry_after_ms : REWRAP_ASK_MS);
        if (why->code == E_EPOCH_UNKNOWN || why->code == E_EPOCH_EXPIRED)
            engine_ask_keys(engine, moment, true);
    } else {
        *ret_code = settle(engine, ret_error);
    }
    return true;
}

int engine_rewrap_load(struct engine *engine, struct error *ret_error)
{
    return box_rewrap_count(engine->box, &engine->rewrap.owed, ret_error);
}

void engine_rewrap_wake(struct engine *engine, bool bundle)
{
    engine->rewrap.scan_ms = 0;
    if (bundle) engine->rewrap.hold_ms = 0;
}

void engine_rewrap_forget(struct engine *engine)
{
    engine->rewrap.retry_ms = 0;
}

uint64_t engine_rewrap_ms(const struct engine *engine)
{
    const struct engine_rewrap *rewrap = &engine->rewrap;
    if (rewrap->owed == 0 || engine->link != ENGINE_GREETED || !engine->keys_known)
        return UINT64_MAX;
    if (rewrap->active) return rewrap->retry_ms;
    return rewrap->scan_ms > rewrap->hold_ms ? rewrap->scan_ms : rewrap->hold_ms;
}

/* ---- opening one -----------------------------------------------------------------------------
 */

/* One that is on its way in. */
struct opening {
    const Leadbus__RewrapBody *body;
    struct box_in row; /* of the exception */
    struct buf encoded;
    struct arena arena;
    struct envelope original;
    struct opened opened;
};

int engine_rewrap_open(struct engine *engine, const Leadbus__Rewrapped *rewrapped,
                       const Leadbus__RewrapBody *body, const struct envelope *original,
                       struct opened *ret_opened, struct error *ret_error)
{
    const struct trust_certificate *certificate =
        trust_certificate_by_serial(engine->bundle, body->serial);
    const struct keyring_epoch *epoch =
        keyring_epoch_match(engine->keyring, body->epoch, engine_bytes(body->epoch_key));
    uint8_t kek[32];
    if (!certificate || strcmp(certificate->unit, body->from) != 0)
        return error_set(ret_error, E_UNKNOWN_SENDER, "rewrap.serial", "%s", body->from);
    if (!epoch)
        return error_say(ret_error, E_EPOCH_DESTROYED, "rewrap.epoch", "不是本单位的时段密钥",
                         "not of ours");
    int r = signed_body_verify(SIGNED_REWRAP, engine_bytes(rewrapped->body),
                               engine_bytes(rewrapped->signature), certificate->identity);
    if (r < 0) return error_say(ret_error, r, "rewrap.signature", "单位 %s", "of %s", body->from);
    r = envelope_kek(&(struct envelope_kek_input){.suite = body->suite,
                                                  .own_secret = epoch->secret,
                                                  .peer_public = body->session_key.data,
                                                  .session_public = body->session_key.data,
                                                  .epoch_public = epoch->public_key,
                                                  .from = body->from,
                                                  .serial = body->serial,
                                                  .unit = body->unit,
                                                  .epoch = body->epoch},
                     kek);
    if (r == 0) r = envelope_open_rewrapped(original, body, kek, ret_opened, ret_error);
    sodium_memzero(kek, sizeof kek);
    if (r == 0) r = engine_check_payloads(engine, original, ret_opened, ret_error);
    if (r == 0) r = engine_attach_check(original, ret_opened, ret_error);
    return r;
}

static int opening_unwrap(struct engine *engine, const Leadbus__Rewrapped *rewrapped,
                          struct opening *opening, struct error *ret_error)
{
    const Leadbus__RewrapBody *body = opening->body;
    int r = envelope_decode(buf_bytes(&opening->encoded), &opening->arena, &opening->original,
                            ret_error);
    if (r < 0) return r;
    int at = envelope_recipient_find(&opening->original, engine->keyring->unit);
    /* A part would stand for the whole for good. */
    if (at < 0 || opening->original.head->recipients[at]->sections != body->sections)
        return error_say(ret_error, E_ROUTE_MISMATCH, "rewrap.sections", "分段 %x，来自单位 %s",
                         "%x by %s", (unsigned)body->sections, body->from);
    return engine_rewrap_open(engine, rewrapped, body, &opening->original, &opening->opened,
                              ret_error);
}

/* The exception becomes the message that it is. */
static int opening_store(struct engine *engine, struct moment *moment, struct opening *opening,
                         struct error *ret_error)
{
    const struct envelope *original = &opening->original;
    struct box_in *row = &opening->row;
    struct engine_thread thread;
    struct buf sealed = {0};
    int r = engine_thread_load(engine, moment, row->thread, &thread, ret_error);
    if (r < 0) return r;
    engine_content_of(moment, thread.key, row->id, original, &opening->opened, &sealed);
    r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    row->type = BOX_IN_MESSAGE;
    row->code = 0;
    if (r == 0)
        r = box_in_update(engine->box, row, (struct bytes){0}, buf_bytes(&sealed), ret_error);
    buf_fini(&sealed);
    if (r == 0)
        r = engine_attach_received(engine, moment, original, &opening->opened, row, ret_error);
    if (r == 0) r = engine_same_opened(engine, row, original, &opening->opened, ret_error);
    if (r == 0) r = engine_thread_rebuild(engine, moment, row->thread, ret_error);
    if (r < 0) return r;
    engine->stats.in_type[BOX_IN_EXCEPTION]--;
    engine->stats.in_type[BOX_IN_MESSAGE]++;
    engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    engine_tell(engine, ENGINE_CHANGED_THREAD, row->thread);
    return 0;
}

/* 1: opened; 0: it does not open this, and the exception stays. */
static int open_with(struct engine *engine, struct moment *moment,
                     const Leadbus__Rewrapped *rewrapped, const Leadbus__RewrapBody *body,
                     const struct box_in *row, struct error *ret_error)
{
    struct opening opening = {.body = body, .row = *row};
    struct error why = {0};
    arena_init(&opening.arena, ENGINE_ARENA_BYTES_MAX);
    int r = box_in_body(engine->box, row->number, NULL, NULL, &opening.encoded, ret_error);
    if (r < 0) goto out;
    int opened = opening_unwrap(engine, rewrapped, &opening, &why);
    if (opened < 0) {
        engine_note(engine, moment, &why);
        goto out;
    }
    r = opening_store(engine, moment, &opening, ret_error);
    if (r == 0) r = 1;
out:
    opened_fini(&opening.opened);
    arena_fini(&opening.arena);
    buf_fini(&opening.encoded);
    return r;
}

int engine_rewrapped(struct engine *engine, struct moment *moment, const Leadbus__Record *record,
                     struct bytes bytes, struct box_in *row, struct error *ret_error)
{
    const Leadbus__RewrapBody *body = NULL;
    struct box_in at;
    if (envelope_rewrap_decode(engine_bytes(record->rewrapped->body), &engine->arena, &body,
                               NULL) != 0 ||
        strcmp(body->unit, engine->keyring->unit) != 0)
        return 0;
    engine_copy(row->from, sizeof row->from, body->from);
    int r = box_in_unopened(engine->box, body->header_hash.data, &at, NULL);
    if (r == E_NOT_FOUND)
        return box_early_put(engine->box, body->header_hash.data, moment->now_ms, bytes,
                             REWRAP_EARLY_MAX, ret_error);
    if (r < 0) return error_say(ret_error, r, "store", "读取收件箱", "reading the inbox");
    memcpy(row->id, at.id, 16);
    memcpy(row->thread, at.thread, 16);
    if (!wants_key(at.code)) return 0;
    r = open_with(engine, moment, record->rewrapped, body, &at, ret_error);
    return r < 0 ? r : 0;
}

struct early {
    struct engine *engine;
    struct moment *moment;
    const struct box_in *row;
    struct error *error;
};

static int try_early(void *ctx, struct bytes bytes)
{
    const struct early *early = ctx;
    const Leadbus__Record *record = NULL;
    const Leadbus__RewrapBody *body = NULL;
    struct arena arena;
    int r = 0;
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    if (record_decode(bytes, &arena, &record, NULL) == 0 &&
        record->what_case == LEADBUS__RECORD__WHAT_REWRAPPED &&
        envelope_rewrap_decode(engine_bytes(record->rewrapped->body), &arena, &body, NULL) == 0)
        r = open_with(early->engine, early->moment, record->rewrapped, body, early->row,
                      early->error);
    arena_fini(&arena);
    return r;
}

int engine_rewrapped_early(struct engine *engine, struct moment *moment, const struct box_in *row,
                           struct error *ret_error)
{
    struct early early = {engine, moment, row, ret_error};
    if (row->type != BOX_IN_EXCEPTION || !wants_key(row->code)) return 0;
    int r = box_early_each(engine->box, row->hash, try_early, &early, ret_error);
    if (r == 1) r = box_early_done(engine->box, row->hash, ret_error);
    return r;
}
