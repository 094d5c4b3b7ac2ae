/* Where a draft goes, and the envelope that is made of it. */
#include <sodium.h>

#include "clients/lib/engine_seal.h"

/* ---- routing ----------------------------------------------------------------------------------
 */

/* The message that opened a thread which we know and did not get it of. */
static int opener_of(struct engine *engine, const uint8_t *id, char ret_from[BOX_NAME_LEN],
                     struct error *ret_error)
{
    struct engine_thread held;
    int r = engine_thread_load(engine, NULL, id, &held, NULL);
    if (r == E_NOT_FOUND) return r;
    if (r < 0) return error_say(ret_error, r, "store", "读取线索", "reading a thread");
    engine_copy(ret_from, BOX_NAME_LEN, held.thread.from);
    engine_thread_fini(&held);
    return ret_from[0] ? 0 : E_NOT_FOUND;
}

int seal_parent_find(struct engine *engine, const uint8_t *parent, char ret_from[BOX_NAME_LEN],
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
    if (r != E_NOT_FOUND)
        return error_say(ret_error, r, "store", "读取所答复的消息", "reading the parent");
    r = opener_of(engine, parent, ret_from, ret_error);
    if (r == 0) memcpy(ret_thread, parent, 16);
    if (r != E_NOT_FOUND) return r;
    return error_say(ret_error, E_PARENT_UNKNOWN, "parent", "不在收件箱或发件箱中",
                     "not in the inbox or outbox");
}

/* Of a thread, what came here first that is no act. */
struct first {
    const struct plan *plan;
    struct box_in row;
    bool found;
};

static int take_first(void *ctx, const struct box_in *row)
{
    struct first *first = ctx;
    const struct plan_kind *kind = plan_kind_find(first->plan, row->kind);
    bool message = row->type == BOX_IN_MESSAGE && kind && kind->act == PLAN_ACT_NONE;
    if (message && (!first->found || row->number < first->row.number)) {
        first->row = *row;
        first->found = true;
    }
    return 0;
}

/* Who came to a thread later does not have the message that opened it, and goes on from its own
 * first one. */
static int first_find(struct engine *engine, const struct engine_draft *draft,
                      struct seal_place *ret, struct error *ret_error)
{
    struct first first = {.plan = trust_bundle_plan(engine->bundle)};
    int r = box_in_of_thread(engine->box, draft->thread, take_first, &first, NULL);
    if (r < 0) return error_say(ret_error, r, "store", "读取收件箱", "reading the inbox");
    if (!first.found)
        return error_say(ret_error, E_THREAD_UNKNOWN, "thread", "本单位没有这条线索",
                         "not known here");
    memcpy(ret->parent, first.row.id, 16);
    memcpy(ret->thread, draft->thread, 16);
    engine_copy(ret->reference, sizeof ret->reference, first.row.from);
    return 0;
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

int seal_place_find(struct engine *engine, const struct engine_draft *draft, struct seal_place *ret,
                    struct error *ret_error)
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
    r = seal_parent_find(engine, ret->parent, ret->reference, thread, ret_error);
    if (r == E_PARENT_UNKNOWN && !draft->parent) return first_find(engine, draft, ret, ret_error);
    if (r < 0) return r;
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
        .target = draft->target,
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
    int r = seal_place_find(engine, draft, &place, ret_error);
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

/* ---- sealing ----------------------------------------------------------------------------------
 */

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
    head->target = engine_text(draft->target ? draft->target : "");
    if (draft->other) head->other = engine_binary(bytes_of(draft->other, 16));
    head->serial = engine->keyring->serial;
    head->seq = job->seq;
    head->created_ms = job->created_ms;
    head->expires_ms = draft->expires_ms;
    head->due_ms = draft->due_ms;
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
