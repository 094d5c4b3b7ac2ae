/* A thread as this unit knows it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "clients/lib/engine_inner.h"
#include "proto/base/check.h"

struct leadbus_thread {
    int status;
    struct thread thread;
    struct leadbus_leg *legs;
    char (*leg_names)[2][128];
    struct leadbus_step *steps;
    char (*step_names)[2][128];
    struct leadbus_decision *decisions;
    char (*deciders)[THREAD_NAME_LEN];
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
            view_item_of_out(lb, out, item);
        else
            view_item_of_in(in, item);
        const Leadbus__Header *head =
            own || in->type != BOX_IN_NOTICE
                ? view_head_of(buf_bytes(&thread->bodies[i]), own, &thread->arena)
                : NULL;
        if (head) view_item_of_head(lb, head, item);
        if (head) view_item_late(trust_bundle_plan(lb->engine->bundle), &thread->thread, item);
        if (!head)
            view_item_missed(buf_bytes(&thread->bodies[i]), thread->thread.id, &thread->arena,
                             item);
        if (item->must_sign) view_item_of_thread(lb, &thread->thread, item);
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
        view_names(plan, leg->unit, &zh, &en);
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
        struct view_due due = view_due_of(lb, leg);
        one->due_ms = due.due_ms;
        one->due = due.name;
        one->due_zh = due.zh;
        one->due_en = due.en;
        one->overdue = due.overdue;
        one->paused = leg->clocks.paused_s != 0;
        one->close_ms = view_close_ms(leg);
        one->extended = leg->clocks.extended;
        one->signed_ms = (uint64_t)leg->clocks.at_s[PLAN_CLOCK_SIGN] * CLOCKS_SECOND_MS;
        for (unsigned bit = 0; bit < PLAN_CLOCK_LEG_COUNT; bit++)
            one->missed += leg->clocks.missed >> bit & 1;
    }
}

/* The step's number in the plan; its count: it has none such. */
static size_t step_number(const struct plan *plan, const char *name)
{
    size_t i = 0;
    for (; i < plan_step_count(plan); i++) {
        const struct plan_step *step = plan_step(plan, i);
        size_t len = strlen(step->chain);
        if (strncmp(name, step->chain, len) == 0 && name[len] == '/' &&
            strcmp(name + len + 1, step->step) == 0)
            break;
    }
    return i;
}

static void thread_steps(const leadbus *lb, leadbus_thread *thread)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    size_t count = thread->thread.step_count;
    thread->steps = calloc(count + 1, sizeof *thread->steps);
    thread->step_names = calloc(count + 1, sizeof *thread->step_names);
    CHECK(thread->steps != NULL && thread->step_names != NULL);
    for (size_t i = 0; i < count; i++) {
        const struct thread_step *step = &thread->thread.steps[i];
        size_t number = step_number(plan, step->name);
        const struct plan_step *found = plan_step(plan, number);
        char(*names)[128] = thread->step_names[i];
        (void)snprintf(names[0], sizeof names[0], "%s", found ? found->name_zh : "");
        (void)snprintf(names[1], sizeof names[1], "%s", found ? found->name_en : "");
        thread->steps[i] = (struct leadbus_step){
            .step = step->name,
            .name_zh = names[0],
            .name_en = names[1],
            .at_ms = step->at_ms,
            .until_ms = step->at_ms ? chains_period_end(plan, number, step->recorded_ms) : 0,
            .owed = step->owed,
            .moot = step->moot};
    }
}

/* Texts of the plan are copied: another one may replace it while the caller has the thread. */
static void thread_decisions(const leadbus *lb, leadbus_thread *thread)
{
    thread->decisions = calloc(thread->thread.question_count + 1, sizeof *thread->decisions);
    thread->deciders = calloc(thread->thread.question_count + 1, sizeof *thread->deciders);
    CHECK(thread->decisions != NULL && thread->deciders != NULL);
    for (size_t i = 0; view_decision(lb, &thread->thread, i, &thread->decisions[i]); i++) {
        (void)snprintf(thread->deciders[i], sizeof thread->deciders[i], "%s",
                       thread->decisions[i].unit);
        thread->decisions[i].unit = thread->deciders[i];
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
    if (r == 0) r = box_in_of_thread(lb->box, id, view_gather_in, &thread->in, &error);
    if (r == 0) r = box_about_of(lb->box, id, view_gather_in, &thread->in, &error);
    if (r == 0) r = box_out_of_thread(lb->box, id, view_gather_out, &thread->out, &error);
    if (r == 0) r = thread_items(lb, thread, &error);
    buf_fini(&state);
    if (r < 0) {
        leadbus_thread_free(thread);
        return client_failed(ret_error, &error);
    }
    thread_legs(lb, thread);
    thread_steps(lb, thread);
    thread_decisions(lb, thread);
    thread->status = (int)thread_status(&thread->thread, trust_bundle_plan(lb->engine->bundle));
    *ret_thread = thread;
    return 0;
}

int leadbus_thread_ask(leadbus *lb, const uint8_t *id, struct leadbus_error *ret_error)
{
    const struct moment now = {.now_ms = client_now_ms(lb)};
    struct error error = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = engine_thread_ask(lb->engine, &now, id, &error);
    if (r < 0) return client_failed(ret_error, &error);
    lb->more = true; /* the question goes with the next turn, which is due */
    return r;
}

int leadbus_thread_erase(leadbus *lb, const uint8_t *id, struct leadbus_error *ret_error)
{
    struct error error = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = engine_erase_thread(lb->engine, id, &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
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
    free(thread->steps);
    free(thread->step_names);
    free(thread->decisions);
    free(thread->deciders);
    thread_fini(&thread->thread);
    arena_fini(&thread->arena);
    free(thread);
}

int leadbus_thread_status(const leadbus_thread *thread)
{
    return thread->status;
}

int leadbus_thread_cut(const leadbus_thread *thread)
{
    return thread->thread.cut;
}

int leadbus_thread_listed(const leadbus_thread *thread)
{
    return thread->thread.listed;
}

int leadbus_thread_raised(const leadbus_thread *thread)
{
    return thread->thread.raised;
}

int leadbus_thread_decision(const leadbus_thread *thread, size_t i, struct leadbus_decision *ret)
{
    if (i >= thread->thread.question_count) return 0;
    *ret = thread->decisions[i];
    return 1;
}

size_t leadbus_thread_step_count(const leadbus_thread *thread)
{
    return thread->thread.step_count;
}

int leadbus_thread_step(const leadbus_thread *thread, size_t i, struct leadbus_step *ret)
{
    if (i >= thread->thread.step_count) return 0;
    *ret = thread->steps[i];
    return 1;
}

void leadbus_thread_custody(const leadbus_thread *thread, struct leadbus_custody *ret)
{
    const struct chains_custody *custody = &thread->thread.custody;
    *ret =
        (struct leadbus_custody){.holder = chains_holder_name((enum chains_holder)custody->holder),
                                 .unit = thread->thread.custodian,
                                 .since_ms = custody->since_ms,
                                 .gap_count = custody->gap_count,
                                 .gap_from_ms = custody->gap_from_ms,
                                 .gap_until_ms = custody->gap_until_ms};
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

/* Of a thread whose first message did not come here: what its units are about. */
static const char *opening_kind(const struct thread *thread)
{
    if (thread->kind[0] || thread->leg_count == 0) return thread->kind;
    return thread->legs[0].kind;
}

int leadbus_thread_opening(leadbus *lb, const uint8_t *id, struct leadbus_opening *ret_opening,
                           struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct buf state = {0};
    struct thread thread;
    thread_init(&thread, id);
    int r = box_thread_get(lb->box, id, NULL, &state, &error);
    if (r == 0) r = thread_decode(buf_bytes(&state), &thread, &error);
    if (r == 0) {
        (void)snprintf(ret_opening->kind, sizeof ret_opening->kind, "%s", opening_kind(&thread));
        (void)snprintf(ret_opening->topic, sizeof ret_opening->topic, "%s",
                       thread.kind[0]     ? thread.topic
                       : thread.leg_count ? thread.legs[0].topic
                                          : "");
        (void)snprintf(ret_opening->from, sizeof ret_opening->from, "%s", thread.from);
    }
    thread_fini(&thread);
    buf_fini(&state);
    return r < 0 ? client_failed(ret_error, &error) : 0;
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

/* Our leg that says most: not done before done, a matter before what is only to be read or signed
 * for (an urge beside the matter that it is about), newer before older. NULL: none is ours. */
static const struct thread_leg *leg_that_matters(const struct thread *thread, const char *unit,
                                                 const struct plan *plan)
{
    const struct thread_leg *best = NULL;
    unsigned best_rank = 0;
    for (size_t i = 0; i < thread->leg_count; i++) {
        const struct thread_leg *leg = &thread->legs[i];
        if (strcmp(leg->unit, unit) != 0) continue;
        const struct plan_kind *kind = plan_kind_find(plan, leg->kind);
        bool open = !kind || !lifecycle_leg_done(kind, (enum lifecycle_state)leg->state);
        bool matter =
            !kind || kind->act == PLAN_ACT_NONE || plan_kind_expects(kind, PLAN_ACT_CLOSE);
        unsigned rank = (open ? 2U : 0U) + (matter ? 1U : 0U);
        if (best && rank < best_rank) continue;
        best = leg;
        best_rank = rank;
    }
    return best;
}

int leadbus_thread_each(leadbus *lb, size_t limit,
                        int (*each)(void *ctx, const struct leadbus_thread_summary *one), void *ctx,
                        struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct thread_walk walk = {0};
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    int r = box_thread_each(lb->box, limit, gather_thread, &walk, &error);
    if (r == E_BAD_FORM)
        (void)error_say(&error, r, "store", "线索的存储内容损坏", "a damaged thread");
    bool going = r == 0;
    for (size_t i = 0; i < walk.count; i++) {
        struct thread *thread = &walk.rows[i].thread;
        struct leadbus_thread_summary one = {.kind = opening_kind(thread),
                                             .topic = thread->topic,
                                             .area = thread->area,
                                             .from = thread->from,
                                             .urgency = thread->urgency,
                                             .opened_ms = thread->opened_ms,
                                             .changed_ms = walk.rows[i].changed_ms,
                                             .message_count = thread->message_count,
                                             .leg = "",
                                             .leg_zh = "",
                                             .leg_en = ""};
        memcpy(one.thread, thread->id, 16);
        one.status = (int)thread_status(thread, plan);
        const struct thread_leg *leg = leg_that_matters(thread, lb->keyring.unit, plan);
        if (leg) {
            enum lifecycle_state state = (enum lifecycle_state)leg->state;
            one.leg = lifecycle_state_name(state);
            one.leg_zh = lifecycle_state_text(state, LANG_ZH);
            one.leg_en = lifecycle_state_text(state, LANG_EN);
        }
        if (going && each(ctx, &one) != 0) going = false;
        thread_fini(thread);
    }
    free(walk.rows);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}
