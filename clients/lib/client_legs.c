/* This unit's own legs as the journal has them: for its own figures. */
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "clients/lib/engine_inner.h"
#include "proto/plan/cited.h"

enum { PLAN_COUNT_MAX = 8 };

/* A plan that a message was routed by, opened from the store. */
struct held_plan {
    uint64_t version;
    struct trust_bundle *bundle; /* NULL: not held any more */
};

/* What the thread's clocks do not keep of a leg. */
struct own_leg {
    size_t at; /* of the thread's legs */
    uint64_t index, since_ms;
    char citation[LIMIT_CITATION_LEN_MAX + 1], clause[LIMIT_SLUG_LEN_MAX + 1];
    uint32_t due_s[PLAN_CLOCK_LEG_COUNT]; /* as long as it ran */
    uint64_t record[PLAN_CLOCK_LEG_COUNT];
    uint32_t extensions, paused_for_s;
    bool plan_known;
};

struct own_walk {
    leadbus *lb;
    struct held_plan plans[PLAN_COUNT_MAX];
    size_t plan_count;
    struct thread thread; /* the one at hand */
    struct own_leg *legs;
    size_t count, cap;
};

/* ---- plans --------------------------------------------------------------------------------------
 */

static const struct trust_bundle *stored(struct own_walk *walk, uint64_t version)
{
    struct buf bytes = {0};
    struct held_plan *plan = &walk->plans[walk->plan_count];
    for (size_t i = 0; i < walk->plan_count; i++)
        if (walk->plans[i].version == version) return walk->plans[i].bundle;
    if (walk->plan_count == PLAN_COUNT_MAX) return NULL;
    *plan = (struct held_plan){.version = version};
    walk->plan_count++;
    if (box_bundle_get(walk->lb->box, version, &bytes, NULL) == 0 &&
        trust_bundle_open(buf_bytes(&bytes), &walk->lb->engine->root, &plan->bundle, NULL) < 0)
        plan->bundle = NULL;
    buf_fini(&bytes);
    return plan->bundle;
}

/* The plan that a message was routed by: the bus goes by its terms. */
static const struct plan *plan_of(struct own_walk *walk, const Leadbus__Header *head,
                                  bool *ret_known)
{
    const struct engine *engine = walk->lb->engine;
    const struct trust_bundle *bundle = NULL;
    if (head->bundle == trust_bundle_version(engine->bundle))
        bundle = engine->bundle;
    else if (engine->previous && head->bundle == trust_bundle_version(engine->previous))
        bundle = engine->previous;
    else
        bundle = stored(walk, head->bundle);
    *ret_known = bundle != NULL;
    return trust_bundle_plan(bundle ? bundle : engine->bundle);
}

/* ---- one thread ---------------------------------------------------------------------------------
 */

static void begin_leg(struct own_walk *walk, const struct plan *plan, const Leadbus__Header *head,
                      size_t at, uint64_t index, uint64_t time_ms)
{
    const struct plan_task *task;
    const struct plan_duty *duty;
    if (walk->count == walk->cap) {
        walk->cap = walk->cap ? walk->cap * 2 : 16;
        walk->legs = realloc(walk->legs, walk->cap * sizeof *walk->legs);
        CHECK(walk->legs != NULL);
    }
    struct own_leg *leg = &walk->legs[walk->count++];
    *leg = (struct own_leg){.at = at, .index = index, .since_ms = time_ms};
    for (size_t i = 0; i < head->n_recipients; i++)
        if (strcmp(head->recipients[i]->unit, walk->lb->keyring.unit) == 0)
            engine_copy(leg->citation, sizeof leg->citation, head->recipients[i]->citation);
    if (cited_find(plan, leg->citation, &task, &duty))
        engine_copy(leg->clause, sizeof leg->clause, task ? task->id : duty->id);
}

/* What the message did to the clocks of a leg. */
static void note_change(struct own_leg *leg, const struct clocks *before, const struct clocks *now,
                        const struct plan_kind *kind, uint64_t time_ms)
{
    bool resumed = before->paused_s != 0 && now->paused_s == 0;
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++)
        if (now->due_s[i] != 0) leg->due_s[i] = now->due_s[i];
    if (kind && kind->act == PLAN_ACT_EXTEND &&
        now->due_s[PLAN_CLOCK_CLOSE] != before->due_s[PLAN_CLOCK_CLOSE])
        leg->extensions++;
    uint64_t now_s = time_ms / CLOCKS_SECOND_MS;
    if (resumed && now_s > before->paused_s)
        leg->paused_for_s += (uint32_t)(now_s - before->paused_s);
}

static int fold_head(void *ctx, const Leadbus__Header *head, uint64_t index, uint64_t time_ms)
{
    struct own_walk *walk = ctx;
    struct thread *thread = &walk->thread;
    bool known;
    const struct plan *plan = plan_of(walk, head, &known);
    const struct plan_kind *kind = plan_kind_find(plan, head->kind);
    size_t legs = thread->leg_count;
    struct clocks *before = calloc(walk->count + 1, sizeof *before);
    CHECK(before != NULL);
    for (size_t i = 0; i < walk->count; i++) before[i] = thread->legs[walk->legs[i].at].clocks;
    size_t count = walk->count;
    thread_apply(thread, plan, walk->lb->keyring.unit, head, index, time_ms);
    for (size_t i = 0; i < count; i++)
        note_change(&walk->legs[i], &before[i], &thread->legs[walk->legs[i].at].clocks, kind,
                    time_ms);
    free(before);
    for (size_t at = legs; at < thread->leg_count; at++) {
        static const struct clocks none;
        if (strcmp(thread->legs[at].unit, walk->lb->keyring.unit) != 0) continue;
        begin_leg(walk, plan, head, at, index, time_ms);
        struct own_leg *leg = &walk->legs[walk->count - 1];
        leg->plan_known = known;
        note_change(leg, &none, &thread->legs[at].clocks, NULL, time_ms);
    }
    return 0;
}

/* The bus's word that a term was not kept is the truth, whatever this unit made of it. */
static void note_missed(struct own_walk *walk, const Leadbus__Tick *tick, uint64_t record)
{
    for (size_t i = 0; i < tick->n_missed; i++) {
        const Leadbus__Missed *missed = tick->missed[i];
        if (missed->clock == 0 || missed->clock > PLAN_CLOCK_LEG_COUNT) continue;
        enum plan_clock_index clock = (enum plan_clock_index)(missed->clock - 1);
        for (size_t k = 0; k < walk->count; k++) {
            struct own_leg *leg = &walk->legs[k];
            if (leg->index != missed->index) continue;
            clocks_miss(&walk->thread.legs[leg->at].clocks, clock);
            leg->record[clock] = record;
            leg->due_s[clock] = (uint32_t)(missed->due_ms / CLOCKS_SECOND_MS);
        }
    }
}

static int fold_notices(struct own_walk *walk, struct error *ret_error)
{
    struct gathered all = {0};
    int r = box_about_of(walk->lb->box, walk->thread.id, view_gather_in, &all, ret_error);
    for (size_t i = 0; i < all.count && r == 0; i++) {
        struct buf body = {0};
        struct arena arena;
        const Leadbus__Record *record = NULL;
        if (all.in[i].notice != LEADBUS_NOTICE_OVERDUE) continue;
        arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
        r = box_in_body(walk->lb->box, all.in[i].number, &body, NULL, NULL, ret_error);
        if (r == 0) r = record_decode(buf_bytes(&body), &arena, &record, ret_error);
        if (r == 0 && record->what_case == LEADBUS__RECORD__WHAT_TICK &&
            strcmp(record->tick->unit, walk->lb->keyring.unit) == 0)
            note_missed(walk, record->tick, all.in[i].index);
        arena_fini(&arena);
        buf_fini(&body);
    }
    free(all.in);
    return r;
}

/* ---- told ---------------------------------------------------------------------------------------
 */

static uint64_t ms_of(uint32_t seconds)
{
    return (uint64_t)seconds * CLOCKS_SECOND_MS;
}

static void view_leg(const struct own_walk *walk, const struct own_leg *own,
                     struct leadbus_own_leg *ret)
{
    const struct thread_leg *leg = &walk->thread.legs[own->at];
    const struct clocks *clocks = &leg->clocks;
    enum lifecycle_state state = (enum lifecycle_state)leg->state;
    *ret = (struct leadbus_own_leg){.kind = leg->kind,
                                    .topic = leg->topic,
                                    .from = leg->from,
                                    .clause = own->clause,
                                    .citation = own->citation,
                                    .index = own->index,
                                    .since_ms = own->since_ms,
                                    .state = lifecycle_state_name(state),
                                    .state_zh = lifecycle_state_text(state, LANG_ZH),
                                    .state_en = lifecycle_state_text(state, LANG_EN),
                                    .ended_ms = ms_of(clocks->ended_s),
                                    .ended_by = clocks->ended_s ? clocks->ended_by : 0,
                                    .extended = clocks->extended,
                                    .extensions = own->extensions,
                                    .paused_for_ms = ms_of(own->paused_for_s),
                                    .paused = clocks->paused_s != 0,
                                    .plan_known = own->plan_known};
    memcpy(ret->thread, walk->thread.id, 16);
    memcpy(ret->message, leg->message, 16);
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        enum plan_clock_index clock = (enum plan_clock_index)i;
        /* What the unit's own machine has was delivered, but when the bus heard of it is not known
         * here. */
        bool heard = clock != PLAN_CLOCK_DELIVER;
        ret->terms[i] = (struct leadbus_term){.term = plan_clock_name(clock),
                                              .term_zh = plan_clock_zh(clock),
                                              .term_en = plan_clock_en(clock),
                                              .due_ms = ms_of(own->due_s[i]),
                                              .at_ms = heard ? ms_of(clocks->at_s[i]) : 0,
                                              .missed = clocks->missed >> i & 1,
                                              .record = own->record[i]};
    }
}

struct wanted {
    uint8_t (*ids)[16];
    size_t count, cap;
    const char *unit;
    uint64_t from_ms, until_ms;
};

/* A leg begins before it last changed. What was on its way then has this machine's time, which is
 * not a day off: the bus would not have taken it. */
static int want_thread(void *ctx, const uint8_t id[16], uint64_t changed_ms, struct bytes state)
{
    struct wanted *wanted = ctx;
    struct thread thread;
    const uint64_t day_ms = 86400000;
    bool any = false;
    (void)changed_ms;
    thread_init(&thread, id);
    int r = thread_decode(state, &thread, NULL);
    for (size_t i = 0; i < thread.leg_count && r == 0; i++)
        any |= strcmp(thread.legs[i].unit, wanted->unit) == 0 &&
               thread.legs[i].changed_ms + day_ms >= wanted->from_ms;
    any = any && (thread.opened_ms == 0 || thread.opened_ms < wanted->until_ms);
    thread_fini(&thread);
    if (!any) return r;
    if (wanted->count == wanted->cap) {
        wanted->cap = wanted->cap ? wanted->cap * 2 : 64;
        wanted->ids = realloc(wanted->ids, wanted->cap * sizeof *wanted->ids);
        CHECK(wanted->ids != NULL);
    }
    memcpy(wanted->ids[wanted->count++], id, 16);
    return r;
}

static int last_out(void *ctx, const struct box_out *row)
{
    *(struct box_out *)ctx = *row;
    return 0;
}

static int view_state(leadbus *lb, struct leadbus_own_state *ret_state, struct error *ret_error)
{
    struct leadbus_own_state state = {.size = ret_state->size};
    struct box_in in = {0};
    struct box_out out = {0};
    uint64_t last = box_in_last(lb->box);
    int r = last ? box_in_get(lb->box, last, &in, ret_error) : 0;
    if (r == 0) r = box_out_each(lb->box, 1u << BOX_OUT_RECEIPTED, 1, last_out, &out, ret_error);
    if (r < 0) return r;
    bool sent = out.index + (out.number > 0) > in.index + (last > 0 && in.proved);
    if (sent) {
        state.record_count = out.index + 1;
        state.record_ms = out.record_ms;
    } else if (last > 0 && in.proved) {
        state.record_count = in.index + 1;
        state.record_ms = in.record_ms;
    }
    const struct engine_stats *stats = &lb->engine->stats;
    state.pending = stats->out_state[BOX_OUT_QUEUED] + stats->out_state[BOX_OUT_SENT];
    state.expired = stats->in_type[BOX_IN_TOMBSTONE];
    view_fill(ret_state, &state, sizeof state);
    return 0;
}

static int walk_thread(struct own_walk *walk, const uint8_t id[16], const struct wanted *wanted,
                       int (*each)(void *ctx, const struct leadbus_own_leg *leg), void *ctx,
                       bool *going, struct error *ret_error)
{
    walk->count = 0;
    thread_init(&walk->thread, id);
    int r = engine_thread_heads(walk->lb->engine, id, fold_head, walk, ret_error);
    if (r == 0 && walk->count > 0) r = fold_notices(walk, ret_error);
    for (size_t i = 0; i < walk->count && r == 0 && *going; i++) {
        struct leadbus_own_leg leg;
        uint64_t since_ms = walk->legs[i].since_ms;
        if (since_ms < wanted->from_ms || since_ms >= wanted->until_ms) continue;
        view_leg(walk, &walk->legs[i], &leg);
        *going = each(ctx, &leg) == 0;
    }
    thread_fini(&walk->thread);
    return r;
}

int leadbus_own_legs(leadbus *lb, uint64_t from_ms, uint64_t until_ms,
                     int (*each)(void *ctx, const struct leadbus_own_leg *leg), void *ctx,
                     struct leadbus_own_state *ret_state, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct wanted wanted = {.unit = lb->keyring.unit, .from_ms = from_ms, .until_ms = until_ms};
    struct own_walk walk = {.lb = lb};
    bool going = true;
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = box_thread_each(lb->box, INT64_MAX, want_thread, &wanted, &error);
    for (size_t i = 0; i < wanted.count && r == 0 && going; i++)
        r = walk_thread(&walk, wanted.ids[i], &wanted, each, ctx, &going, &error);
    if (r == 0 && ret_state) r = view_state(lb, ret_state, &error);
    for (size_t i = 0; i < walk.plan_count; i++) trust_bundle_free(walk.plans[i].bundle);
    free(wanted.ids);
    free(walk.legs);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}
