/* From a draft to an outbox row, and from the row onto the wire. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_inner.h"
#include "clients/lib/engine_seal.h"

/* ---- routing
 * ------------------------------------------------------------------------------------- */

/* Who sent the message answered, and its thread. */
static int parent_of(struct engine *engine, const uint8_t *parent, char ret_from[BOX_NAME_LEN],
                     uint8_t ret_thread[16], struct error *ret_error)
{
    struct box_in in;
    struct box_out out;
    int r = box_in_find(engine->box, parent, &in, NULL);
    if (r == 0) {
        engine_copy(ret_from, BOX_NAME_LEN, in.from);
        memcpy(ret_thread, in.thread, 16);
        return 0;
    }
    if (r == E_NOT_FOUND) r = box_out_find(engine->box, parent, &out, NULL);
    if (r == 0) {
        engine_copy(ret_from, BOX_NAME_LEN, engine->keyring->unit);
        memcpy(ret_thread, out.thread, 16);
        return 0;
    }
    if (r == E_NOT_FOUND)
        return error_say(ret_error, E_PARENT_UNKNOWN, "parent", "不在收件箱或发件箱中",
                         "not in the inbox or outbox");
    return error_set(ret_error, r, "store", "reading the parent");
}

static int check_position(const struct engine_draft *draft, const struct plan_kind *kind,
                          struct error *ret_error)
{
    if (kind->position == PLAN_OPENS && (draft->parent || draft->thread)) {
        (void)error_set(ret_error, E_BAD_VALUE, "parent", "%s opens a thread of its own",
                        kind->slug);
        (void)error_note_zh(ret_error, "“%s”自成一条线索，不引用其他消息", kind->name_zh);
        return E_BAD_VALUE;
    }
    if (kind->position == PLAN_FOLLOWS && !draft->parent) {
        (void)error_set(ret_error, E_MISSING_FIELD, "parent", "%s answers a message", kind->slug);
        (void)error_note_zh(ret_error, "“%s”须引用所答复的消息", kind->name_zh);
        return E_MISSING_FIELD;
    }
    return 0;
}

/* draft->thread and ->parent resolved; the thread as we know it, empty on an opening message. */
static int draft_thread(struct engine *engine, const struct engine_draft *draft,
                        struct seal_place *ret, struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    const struct plan_kind *kind = plan_kind_find(plan, draft->kind);
    uint8_t thread[16];
    memset(ret, 0, sizeof *ret);
    if (!kind)
        return error_set(ret_error, E_KIND_UNKNOWN, "kind", "%.*s", LIMIT_SLUG_LEN_MAX,
                         draft->kind);
    int r = check_position(draft, kind, ret_error);
    if (r < 0) return r;
    if (!draft->parent && !draft->thread) return 0;
    ret->follows = true;
    memcpy(ret->parent, draft->parent ? draft->parent : draft->thread, 16);
    r = parent_of(engine, ret->parent, ret->reference, thread, ret_error);
    if (r < 0)
        return draft->parent ? r
                             : error_say(ret_error, E_THREAD_UNKNOWN, "thread",
                                         "本单位没有这条线索", "not known here");
    if (draft->thread && memcmp(draft->thread, thread, 16) != 0)
        return error_say(ret_error, E_PARENT_UNKNOWN, "parent", "属于另一条线索",
                         "is on another thread");
    memcpy(ret->thread, thread, 16);
    return 0;
}

static int compute(struct engine *engine, const struct engine_draft *draft,
                   const struct seal_place *place, const struct thread *thread, uint64_t now_ms,
                   struct route *ret_route, struct route_query *ret_query,
                   struct route_participant *participants, struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    *ret_query = (struct route_query){
        .plan = plan,
        .at_ms = now_ms,
        .kind = draft->kind,
        .topic = draft->topic,
        .area = draft->area,
        .from = engine->keyring->unit,
        .reference_sender = place->follows ? place->reference : NULL,
        .participants = participants,
    };
    if (place->follows)
        ret_query->participant_count = thread_participants(thread, plan, participants);
    return route_compute(ret_query, ret_route, ret_error);
}

static int restrict_to(const struct engine_draft *draft, struct route *route,
                       struct error *ret_error)
{
    const char *names[LIMIT_SECTION_COUNT_MAX];
    if (draft->section_count > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_LEVEL_MISMATCH, "sections", "%zu 个，最多 %d 个",
                         "%zu, at most %d", draft->section_count, LIMIT_SECTION_COUNT_MAX);
    for (size_t i = 0; i < draft->section_count; i++) names[i] = draft->sections[i].name;
    return route_restrict(route, names, draft->section_count, ret_error);
}

int engine_route(struct engine *engine, const struct engine_draft *draft, uint64_t now_ms,
                 struct route *ret_route, struct route_query *ret_query,
                 struct route_participant participants[LIMIT_UNIT_COUNT_MAX],
                 struct thread *ret_thread, struct error *ret_error)
{
    struct seal_place place;
    struct engine_thread held;
    int r = draft_thread(engine, draft, &place, ret_error);
    if (r < 0) return r;
    if (place.follows) {
        r = engine_thread_load(engine, NULL, place.thread, &held, ret_error);
        if (r < 0) return r;
        thread_fini(ret_thread);
        *ret_thread = held.thread;
        memset(&held.thread, 0, sizeof held.thread);
        engine_thread_fini(&held);
    }
    r = compute(engine, draft, &place, ret_thread, now_ms, ret_route, ret_query, participants,
                ret_error);
    /* The caller explains with the query: its strings must not be ours. */
    ret_query->reference_sender = NULL;
    for (size_t i = 0; i < ret_thread->participant_count && place.follows; i++)
        if (strcmp(ret_thread->participants[i].unit, place.reference) == 0)
            ret_query->reference_sender = ret_thread->participants[i].unit;
    if (r == 0 && draft->section_count > 0) r = restrict_to(draft, ret_route, ret_error);
    return r;
}

/* ---- sealing
 * ------------------------------------------------------------------------------------- */

/* What seal needs for each recipient of the route. */
static int prepare_recipients(struct engine *engine, struct seal_job *job, bool sensitive,
                              struct error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    unsigned lane = plan_kind_urgency(job->route.kind, job->draft->topic) == 1
                        ? ENVELOPE_LANE_URGENT
                        : ENVELOPE_LANE_NORMAL;
    for (size_t i = 0; i < job->route.recipient_count; i++) {
        const struct route_recipient *row = &job->route.recipients[i];
        const char *unit = plan_unit(plan, row->unit)->key;
        struct engine_key *key =
            engine_key_newest(engine, unit, engine_bus_ms(engine, job->moment));
        const struct box_peer *peer = engine_peer(engine, unit, lane);
        struct seal_recipient *one = &job->recipients[i];
        *one = (struct seal_recipient){.unit = unit,
                                       .act = row->act,
                                       .citation = row->citation,
                                       .sections = row->sections,
                                       .pair_seq = peer->out_count + 1};
        memcpy(one->previous_hash, peer->out_hash, 32);
        if (!key) continue;
        int r = engine_kek_out(engine, key, !sensitive, job->keks[i], ret_error);
        if (r < 0) return r;
        one->epoch = key->epoch;
        one->epoch_public = key->public_key;
        one->kek = job->keks[i];
    }
    return 0;
}

static void fill_head(const struct engine *engine, const struct seal_job *job,
                      Leadbus__Header *head)
{
    const struct engine_draft *draft = job->draft;
    const struct plan_kind *kind = job->route.kind;
    leadbus__header__init(head);
    head->suite = SUITE_1;
    head->flags = draft->flags;
    if (job->route.flags & ROUTE_FLAG_READDRESSED)
        head->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED;
    head->id = engine_binary(bytes_of(draft->id, 16));
    head->thread = engine_binary(bytes_of(job->place.follows ? job->place.thread : draft->id, 16));
    if (job->place.follows) {
        head->parent = engine_binary(bytes_of(job->place.parent, 16));
        head->thread_index = job->from_zero ? 0 : job->known_size;
    }
    head->kind = engine_text(draft->kind);
    head->topic = engine_text(draft->topic);
    head->from = engine_text(engine->keyring->unit);
    head->officer = engine_text(draft->officer);
    head->serial = engine->keyring->serial;
    head->seq = job->seq;
    head->created_ms = job->created_ms;
    head->expires_ms = draft->expires_ms;
    head->bundle = trust_bundle_version(engine->bundle);
    if (engine->trusted.held && engine->trusted.checkpoint.size > 0) {
        head->seen_size = engine->trusted.checkpoint.size;
        head->seen_root = engine_binary(bytes_of(engine->trusted.checkpoint.root, 32));
    }
    head->area = engine_text(draft->area);
    head->urgency = plan_kind_urgency(kind, draft->topic);
    head->level = kind->level;
    head->n_tags = kind->tag_count;
    head->tags = (char **)(uintptr_t)kind->tags;
    head->purpose = engine_text(draft->purpose);
    head->session_key = engine_binary(bytes_of(engine->session_public, 32));
    head->occurred_ms = draft->occurred_ms;
}

int seal_job_run(struct engine *engine, struct seal_job *job, const struct thread *thread,
                 struct error *ret_error)
{
    struct route_query query;
    struct route_participant participants[LIMIT_UNIT_COUNT_MAX];
    uint8_t entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    struct seal_attachment attachments[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t attachment_count = 0;
    Leadbus__Header head;
    int r = compute(engine, job->draft, &job->place, thread, job->created_ms, &job->route, &query,
                    participants, ret_error);
    if (r == 0) r = restrict_to(job->draft, &job->route, ret_error);
    if (r == 0)
        r = engine_attach_manifest(job->draft->sections, job->draft->section_count, attachments,
                                   &attachment_count, ret_error);
    if (r < 0) return r;
    bool sensitive = job->route.kind->sensitive;
    engine_session(engine, job->moment, sensitive);
    r = prepare_recipients(engine, job, sensitive, ret_error);
    if (r < 0) goto out;
    fill_head(engine, job, &head);
    moment_draw(job->moment, entropy, sizeof entropy);
    r = envelope_seal(&(struct seal_input){.head = &head,
                                           .sections = job->draft->sections,
                                           .section_count = job->draft->section_count,
                                           .attachments = attachments,
                                           .attachment_count = attachment_count,
                                           .recipients = job->recipients,
                                           .recipient_count = job->route.recipient_count,
                                           .identity_secret = engine->keyring->identity_secret,
                                           .entropy = entropy},
                      &job->sealed, ret_error);
    if (r < 0) goto out;
    content_seal(job->moment, job->thread_key, job->draft->id, job->draft->sections,
                 (const uint8_t(*)[SUITE_KEY_LEN])job->sealed.section_keys,
                 job->draft->section_count, &job->content);
out:
    sodium_memzero(entropy, sizeof entropy);
    return r;
}

void seal_job_fini(struct seal_job *job)
{
    sealed_fini(&job->sealed);
    buf_fini(&job->content);
    sodium_memzero(job, sizeof *job);
}

/* ---- staging
 * -------------------------------------------------------------------------------------- */

/* A receipt of a message that nothing may hold up: as the broker has it (admit_submit.c). */
static bool answers_exempt(struct engine *engine, const struct plan_kind *kind,
                           const struct seal_place *place)
{
    struct box_in row;
    if (kind->family != PLAN_FAMILY_RECEIPT || !place->follows ||
        box_in_find(engine->box, place->parent, &row, NULL) < 0)
        return false;
    const struct plan_kind *answered = plan_kind_find(trust_bundle_plan(engine->bundle), row.kind);
    return answered && answered->exempt;
}

static int check_sending(struct engine *engine, const struct plan_kind *kind,
                         const struct seal_place *place, uint64_t now_ms, struct error *ret_error)
{
    const struct trust_certificate *certificate = NULL;
    const struct keyring *keyring = engine->keyring;
    int r = trust_verdict(engine->bundle, keyring->serial, keyring->unit, now_ms, SUITE_1,
                          &certificate, ret_error);
    if (r < 0) return r;
    if (now_ms >= trust_bundle_hard_limit_ms(engine->bundle) && !kind->exempt &&
        !answers_exempt(engine, kind, place))
        return error_say(ret_error, E_BUNDLE_EXPIRED, "bundle", "版本 %llu", "version %llu",
                         (unsigned long long)trust_bundle_version(engine->bundle));
    /* An immediate lead or a mandatory report is never held up by a full outbox. */
    if (engine->pending_count >= engine->options.outbox_max && !kind->exempt)
        return error_say(ret_error, E_OUTBOX_FULL, "outbox", "%llu 条待发", "%llu wait",
                         (unsigned long long)engine->pending_count);
    return 0;
}

static int check_draft(const struct engine *engine, const struct engine_draft *draft,
                       const struct plan_kind *kind, uint64_t now_ms, struct error *ret_error)
{
    int officer = lifecycle_check_officer(kind, draft->officer, ret_error);
    if (officer < 0) return officer;
    if (draft->expires_ms != 0 && (!kind->may_expire || draft->expires_ms <= now_ms ||
                                   draft->expires_ms > now_ms + LIMIT_EXPIRY_AHEAD_MS))
        return kind->may_expire ? error_say(ret_error, E_EXPIRY_NOT_ALLOWED, "expires_at",
                                            "应在现在之后 %d 天之内", "within %d days from now",
                                            (int)(LIMIT_EXPIRY_AHEAD_MS / 86400000))
                                : error_say(ret_error, E_EXPIRY_NOT_ALLOWED, "expires_at",
                                            "%s 不得设置失效时间", "%s may not expire", kind->slug);
    for (size_t i = 0; i < draft->section_count; i++) {
        const struct seal_section *section = &draft->sections[i];
        if (section->plaintext.len > LIMIT_PLAINTEXT_BYTES_MAX)
            return error_say(ret_error, E_TOO_LARGE, section->name, "%zu 字节，最多 %d 字节",
                             "%zu bytes, at most %d", section->plaintext.len,
                             LIMIT_PLAINTEXT_BYTES_MAX);
        if (!engine->options.check_section) continue;
        int r = engine->options.check_section(engine->options.ctx, draft->kind,
                                              draft->topic ? draft->topic : "", section->name,
                                              section->plaintext, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

static struct engine_pending *pending_new(struct engine *engine, const struct box_out *row)
{
    struct engine_pending *pending = calloc(1, sizeof *pending);
    CHECK(pending != NULL);
    pending->number = row->number;
    pending->seq = row->seq;
    pending->retry_ms = row->retry_ms;
    pending->lane = (uint8_t)row->lane;
    pending->attempts = row->attempts;
    memcpy(pending->id, row->id, 16);
    memcpy(pending->parent, row->parent, 16);
    memcpy(pending->hash, row->hash, 32);
    TAILQ_INSERT_TAIL(&engine->lanes[row->lane].waiting, pending, link);
    map_put_pointer(&engine->pending_of, pending->id, pending);
    engine->pending_count++;
    return pending;
}

/* Writes the row, the thread and what hangs on them. */
static int stage_write(struct engine *engine, struct seal_job *job, struct engine_thread *thread,
                       struct box_out *row, struct error *ret_error)
{
    struct envelope envelope;
    struct arena arena;
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = envelope_decode(buf_bytes(&job->sealed.bytes), &arena, &envelope, ret_error);
    if (r < 0) goto out;
    memcpy(row->hash, job->sealed.hash, 32);
    r = box_out_add(engine->box, row, buf_bytes(&job->sealed.bytes), buf_bytes(&job->content),
                    ret_error);
    if (r < 0) goto out;
    thread_apply(&thread->thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                 envelope.head, THREAD_PENDING, row->created_ms);
    r = engine_thread_save(engine, job->moment, thread, ret_error);
out:
    arena_fini(&arena);
    return r;
}

int engine_stage(struct engine *engine, struct moment *moment, const struct engine_draft *draft,
                 uint8_t ret_id[16], struct error *ret_error)
{
    struct engine_draft own = *draft;
    struct seal_job job = {.moment = moment, .draft = &own, .created_ms = moment->now_ms};
    struct engine_thread thread = {0};
    struct box_out row = {.state = BOX_OUT_QUEUED};
    struct attach_stage attach = {0};
    uint8_t id[16];
    int r = draft_thread(engine, draft, &job.place, ret_error);
    if (r < 0) return r;
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    const struct plan_kind *kind = plan_kind_find(plan, draft->kind);
    CHECK(kind != NULL);
    r = check_sending(engine, kind, &job.place, moment->now_ms, ret_error);
    if (r == 0) r = engine_attach_prepare(engine, kind, &own, &attach, ret_error);
    if (r == 0) r = check_draft(engine, &own, kind, moment->now_ms, ret_error);
    if (r < 0) goto out;
    if (draft->id) {
        memcpy(id, draft->id, 16);
        if (box_out_find(engine->box, id, &row, NULL) == 0) {
            r = error_say(ret_error, E_DUPLICATE, "id", "此编号已发送过", "sent before");
            goto out;
        }
        memset(&row, 0, sizeof row);
        row.state = BOX_OUT_QUEUED;
    } else {
        moment_draw(moment, id, sizeof id);
        id[6] = (uint8_t)((id[6] & 0x0f) | 0x40); /* RFC 9562 version 4 */
        id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    }
    own.id = id;
    r = engine_thread_load(engine, moment, job.place.follows ? job.place.thread : id, &thread,
                           ret_error);
    if (r < 0) goto out;
    if (job.place.follows && kind->act != PLAN_ACT_NONE) {
        r = thread_act_check(&thread.thread, plan, kind, draft->topic, engine->keyring->unit,
                             job.place.parent, ret_error);
        if (r < 0) goto out;
    }
    bool urgent = plan_kind_urgency(kind, draft->topic) == 1;
    struct engine_lane *lane = &engine->lanes[urgent ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL];
    job.seq = lane->seq + 1;
    job.known_size = thread.thread.known_size;
    memcpy(job.thread_key, thread.key, 32);
    r = seal_job_run(engine, &job, &thread.thread, ret_error);
    if (r < 0) goto out;
    memcpy(row.id, id, 16);
    memcpy(row.thread, job.place.follows ? job.place.thread : id, 16);
    if (job.place.follows) memcpy(row.parent, job.place.parent, 16);
    engine_copy(row.kind, sizeof row.kind, draft->kind);
    engine_copy(row.topic, sizeof row.topic, draft->topic ? draft->topic : "");
    row.lane = (unsigned)(lane - engine->lanes);
    row.seq = job.seq;
    row.created_ms = job.created_ms;
    r = stage_write(engine, &job, &thread, &row, ret_error);
    if (r < 0) goto out;
    lane->seq = job.seq;
    lane->dirty = true;
    r = engine_attach_staged(engine, &attach, pending_new(engine, &row), ret_error);
    if (r < 0) goto out;
    engine->stats.out_state[BOX_OUT_QUEUED]++;
    memcpy(ret_id, id, 16);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD, row.id);
out:
    attach_stage_fini(&attach);
    seal_job_fini(&job);
    engine_thread_fini(&thread);
    return r;
}

/* ---- the window
 * ----------------------------------------------------------------------------------- */

static int load_pending(void *ctx, const struct box_out *row)
{
    struct engine *engine = ctx;
    if (row->lane < ENGINE_LANES) pending_new(engine, row);
    return 0;
}

int engine_outbox_load(struct engine *engine, struct error *ret_error)
{
    return box_out_pending(engine->box, load_pending, engine, ret_error);
}

void engine_outbox_free(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_queue *queues[2] = {&engine->lanes[i].waiting, &engine->lanes[i].sent};
        for (size_t q = 0; q < 2; q++) {
            struct engine_pending *pending;
            while ((pending = TAILQ_FIRST(queues[q])) != NULL) {
                TAILQ_REMOVE(queues[q], pending, link);
                free(pending);
            }
        }
    }
}

/* Back among those that wait, in order of number. */
void engine_pending_wait(struct engine *engine, struct engine_pending *pending)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    if (pending->sent) {
        TAILQ_REMOVE(&lane->sent, pending, link);
        engine->sent_count--;
        engine->stats.out_state[BOX_OUT_SENT]--;
        engine->stats.out_state[BOX_OUT_QUEUED]++;
    } else {
        TAILQ_REMOVE(&lane->waiting, pending, link);
    }
    pending->sent = false;
    struct engine_pending *at = TAILQ_FIRST(&lane->waiting);
    while (at && at->number < pending->number) at = TAILQ_NEXT(at, link);
    if (at)
        TAILQ_INSERT_BEFORE(at, pending, link);
    else
        TAILQ_INSERT_TAIL(&lane->waiting, pending, link);
}

void engine_pending_settle(struct engine *engine, struct engine_pending *pending)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    TAILQ_REMOVE(pending->sent ? &lane->sent : &lane->waiting, pending, link);
    engine->stats.out_state[pending->sent ? BOX_OUT_SENT : BOX_OUT_QUEUED]--;
    if (pending->sent) engine->sent_count--;
    map_delete(&engine->pending_of, pending->id, NULL);
    engine->pending_count--;
    free(pending);
}

void engine_outbox_unsent(struct engine *engine)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_pending *pending;
        while ((pending = TAILQ_LAST(&engine->lanes[i].sent, engine_queue)) != NULL)
            engine_pending_wait(engine, pending);
    }
}

void engine_outbox_release(struct engine *engine, enum engine_want want)
{
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_pending *pending;
        TAILQ_FOREACH(pending, &engine->lanes[i].waiting, link)
        {
            if (pending->wants != want) continue;
            pending->wants = ENGINE_WANT_RESEAL;
            /* At once, unless that has not helped before: then no faster than the backoff. */
            if (pending->attempts < ENGINE_AT_ONCE_MAX) pending->retry_ms = 0;
        }
    }
}

static uint64_t lowest_seq(const struct engine_lane *lane)
{
    uint64_t lowest = UINT64_MAX;
    const struct engine_pending *pending;
    TAILQ_FOREACH(pending, &lane->sent, link)
    if (pending->seq < lowest) lowest = pending->seq;
    pending = TAILQ_FIRST(&lane->waiting);
    if (pending && pending->seq < lowest) lowest = pending->seq;
    return lowest;
}

static uint8_t *put_varint(uint8_t *at, size_t value)
{
    for (; value >= 0x80; value >>= 7) *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    return at;
}

/* Frame{version 1, submit{envelope}} around envelope bytes that go as they were signed, without
 * being decoded again. */
static void emit_submit(struct engine *engine, struct bytes envelope)
{
    uint8_t inner[12], head[32];
    size_t inner_len = (size_t)(put_varint(inner, envelope.len) - inner);
    uint8_t *at = head;
    struct buf bytes = {0};
    *at++ = 0x08;
    *at++ = 1;
    *at++ = 0x1a;
    at = put_varint(at, 1 + inner_len + envelope.len);
    *at++ = 0x0a;
    at = put_varint(at, envelope.len);
    (void)buf_grow(&bytes, 32 + envelope.len);
    buf_reset(&bytes);
    buf_append(&bytes, head, (size_t)(at - head));
    buf_append_bytes(&bytes, envelope);
    engine_emit_bytes(engine, &bytes);
}

static int send_one(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                    struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[pending->lane];
    struct buf envelope = {0};
    if (pending->wants == ENGINE_WANT_RESEAL) {
        int r = engine_reseal(engine, moment, pending, ret_error);
        if (r != 0) return r < 0 ? r : 0;
    }
    int r = box_out_body(engine->box, pending->number, &envelope, NULL, ret_error);
    if (r == 0) {
        emit_submit(engine, buf_bytes(&envelope));
        TAILQ_REMOVE(&lane->waiting, pending, link);
        TAILQ_INSERT_TAIL(&lane->sent, pending, link);
        pending->sent = true;
        pending->attempts++;
        engine->sent_count++;
        engine->stats.out_state[BOX_OUT_QUEUED]--;
        engine->stats.out_state[BOX_OUT_SENT]++;
    }
    buf_fini(&envelope);
    return r;
}

int engine_outbox_fill(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    /* Routes and keys are those of the bus only once its keys are known. */
    if (engine->link != ENGINE_GREETED || engine->reset || !engine->keys_known) return 0;
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        struct engine_lane *lane = &engine->lanes[i];
        struct engine_pending *next = TAILQ_FIRST(&lane->waiting);
        if (!next) continue;
        uint64_t lowest = lowest_seq(lane);
        size_t looked = 0;
        while (next && engine->sent_count < engine->options.send_window) {
            struct engine_pending *pending = next;
            next = TAILQ_NEXT(pending, link);
            /* Those put off in front of it must not make this a walk over the whole outbox. */
            if (++looked > 4 * (size_t)LIMIT_SEQ_WINDOW) break;
            if (pending->seq >= lowest + LIMIT_SEQ_WINDOW - 1) break;
            if (pending->retry_ms > moment->now_ms) continue;
            pending->retry_ms = 0;
            if (pending->wants > ENGINE_WANT_RESEAL) {
                /* The answer did not come, or did not help: ask again. */
                if (pending->wants == ENGINE_WANT_BUNDLE)
                    engine_ask_bundle(engine, moment, 0);
                else
                    engine_ask_keys(engine, moment, true);
                pending->retry_ms = moment->now_ms + ENGINE_ASK_AGAIN_MS;
                continue;
            }
            if (map_find(&engine->pending_of, pending->parent)) continue;
            if (pending->uploads > 0) continue;
            int r = send_one(engine, moment, pending, ret_error);
            if (r < 0) return r;
        }
    }
    return 0;
}

uint64_t engine_outbox_next_ms(const struct engine *engine)
{
    uint64_t next = UINT64_MAX;
    if (engine->sent_count >= engine->options.send_window || !engine->keys_known) return next;
    for (size_t i = 0; i < ENGINE_LANES; i++) {
        const struct engine_pending *pending;
        size_t looked = 0;
        TAILQ_FOREACH(pending, &engine->lanes[i].waiting, link)
        {
            if (++looked > 64) break;
            /* What waits for an answer, or was kept out by the window, goes on with it. */
            if (pending->retry_ms && pending->retry_ms < next) next = pending->retry_ms;
        }
    }
    return next;
}
