/* From a draft to a row of the outbox. */
#include "clients/lib/engine_seal.h"
#include "clients/lib/include/leadbus.h"

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

static int check_early(const struct engine *engine, const struct engine_draft *draft,
                       const struct plan_kind *kind, struct error *ret_error)
{
    bool early = (draft->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY) != 0;
    if (!early || chains_may_come_early(trust_bundle_plan(engine->bundle), kind, draft->topic))
        return 0;
    return error_say(ret_error, E_BAD_VALUE, "flags", "方案的环节表中没有 %s 可以先行的规定",
                     "the plan's chains do not let this %s come early", kind->slug);
}

static int check_draft(const struct engine *engine, const struct engine_draft *draft,
                       const struct plan_kind *kind, uint64_t now_ms, struct error *ret_error)
{
    int r = lifecycle_check_officer(kind, draft->officer, ret_error);
    if (r == 0) r = check_early(engine, draft, kind, ret_error);
    if (r == 0)
        r = lifecycle_check_named(kind, draft->topic, draft->target, draft->other != NULL,
                                  ret_error);
    if (r < 0) return r;
    if (draft->expires_ms != 0 && (!kind->may_expire || draft->expires_ms <= now_ms ||
                                   draft->expires_ms > now_ms + LIMIT_EXPIRY_AHEAD_MS))
        return kind->may_expire ? error_say(ret_error, E_EXPIRY_NOT_ALLOWED, "expires_at",
                                            "应在现在之后 %d 天之内", "within %d days from now",
                                            (int)(LIMIT_EXPIRY_AHEAD_MS / 86400000))
                                : error_say(ret_error, E_EXPIRY_NOT_ALLOWED, "expires_at",
                                            "%s 不得设置失效时间", "%s may not expire", kind->slug);
    if (draft->due_ms != 0 &&
        (!kind->dated || draft->due_ms <= now_ms || draft->due_ms > now_ms + LIMIT_DUE_AHEAD_MS))
        return kind->dated
                   ? error_say(ret_error, E_BAD_VALUE, "due_on", "应在今后 %d 天之内",
                               "within %d days from now", (int)(LIMIT_DUE_AHEAD_MS / 86400000))
                   : error_say(ret_error, E_BAD_VALUE, "due_on", "%s 不得指定期限",
                               "%s sets no day", kind->slug);
    const struct leadbus_marks marks = {.kind = draft->kind,
                                        .topic = draft->topic ? draft->topic : "",
                                        .flags = draft->flags,
                                        .occurred_ms = draft->occurred_ms,
                                        .expires_ms = draft->expires_ms,
                                        .due_ms = draft->due_ms};
    for (size_t i = 0; i < draft->section_count; i++) {
        const struct seal_section *section = &draft->sections[i];
        if (section->plaintext.len > LIMIT_PLAINTEXT_BYTES_MAX)
            return error_say(ret_error, E_TOO_LARGE, section->name, "%zu 字节，最多 %d 字节",
                             "%zu bytes, at most %d", section->plaintext.len,
                             LIMIT_PLAINTEXT_BYTES_MAX);
        if (!engine->options.check_section) continue;
        r = engine->options.check_section(engine->options.ctx, &marks, section->name,
                                          section->plaintext, ret_error);
        if (r < 0) return r;
    }
    return 0;
}

/* Of what is known here; the broker knows the rest. */
static int check_parent(struct engine *engine, const struct plan_kind *kind, const char *topic,
                        const struct engine_thread *thread, const uint8_t parent[16],
                        struct error *ret_error)
{
    struct box_in in;
    struct box_out out;
    const char *named = "";
    if (box_in_find(engine->box, parent, &in, NULL) == 0)
        named = in.kind;
    else if (box_out_find(engine->box, parent, &out, NULL) == 0)
        named = out.kind;
    else if (memcmp(thread->thread.id, parent, 16) == 0)
        named = thread->thread.kind;
    const struct plan_kind *found = plan_kind_find(trust_bundle_plan(engine->bundle), named);
    return found ? lifecycle_check_parent(kind, topic, found, ret_error) : 0;
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
    if (r == 0)
        r = engine_same_note(engine, row->id, row->thread, row->kind, job->draft->sections,
                             job->draft->section_count, ret_error);
    if (r < 0) goto out;
    thread_apply(&thread->thread, trust_bundle_plan(engine->bundle), engine->keyring->unit,
                 envelope.head, THREAD_PENDING, row->created_ms);
    r = engine_thread_save(engine, job->moment, thread, ret_error);
out:
    arena_fini(&arena);
    return r;
}

/* It came to us, and the journal, put back from a backup, does not have it yet. */
static bool parent_lost(struct engine *engine, const uint8_t parent[16])
{
    struct box_in row;
    return box_in_find(engine->box, parent, &row, NULL) == 0 && !row.proved && row.index > 0;
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
    int r = seal_place_find(engine, draft, &job.place, ret_error);
    if (r < 0) return r;
    const struct plan *plan = trust_bundle_plan(engine->bundle);
    const struct plan_kind *kind = plan_kind_find(plan, draft->kind);
    CHECK(kind != NULL);
    r = check_sending(engine, kind, &job.place, moment->now_ms, ret_error);
    if (r == 0) r = engine_attach_prepare(engine, kind, &own, &attach, ret_error);
    if (r == 0) r = check_draft(engine, &own, kind, moment->now_ms, ret_error);
    if (r == 0)
        r = engine_revision_check(engine, kind, &own, job.place.follows ? job.place.thread : NULL,
                                  ret_error);
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
        engine_make_id(moment, id);
    }
    own.id = id;
    r = engine_thread_load(engine, moment, job.place.follows ? job.place.thread : id, &thread,
                           ret_error);
    if (r < 0) goto out;
    if (!job.place.follows) {
        r = lifecycle_check_opening(kind, draft->topic, ret_error);
        if (r < 0) goto out;
    } else if (kind->act == PLAN_ACT_NONE) {
        r = check_parent(engine, kind, draft->topic, &thread, job.place.parent, ret_error);
        if (r < 0) goto out;
    } else {
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
    if (job.place.follows && parent_lost(engine, job.place.parent)) row.again = BOX_AGAIN_SEND;
    engine_copy(row.kind, sizeof row.kind, draft->kind);
    engine_copy(row.topic, sizeof row.topic, draft->topic ? draft->topic : "");
    row.lane = (unsigned)(lane - engine->lanes);
    row.seq = job.seq;
    row.created_ms = job.created_ms;
    r = stage_write(engine, &job, &thread, &row, ret_error);
    if (r == 0 && kind->act == PLAN_ACT_CONFIRM_DELETION)
        r = engine_erase_alerts(engine, row.thread, ret_error);
    if (r < 0) goto out;
    lane->seq = job.seq;
    lane->dirty = true;
    r = engine_attach_staged(engine, &attach, engine_pending_new(engine, &row), ret_error);
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
