/* A thread folded anew from what the box holds. */
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

struct rebuild_row {
    uint64_t order, time_ms, number;
    bool own;
};
struct rebuild {
    struct rebuild_row *rows;
    size_t count, cap;
    bool recorded; /* all that the journal has, and nothing else; else messages alone */
};

static void rebuild_add(struct rebuild *rebuild, struct rebuild_row row)
{
    if (rebuild->count == rebuild->cap) {
        rebuild->cap = rebuild->cap ? rebuild->cap * 2 : 16;
        rebuild->rows = realloc(rebuild->rows, rebuild->cap * sizeof *rebuild->rows);
        CHECK(rebuild->rows != NULL);
    }
    rebuild->rows[rebuild->count++] = row;
}

static int rebuild_out(void *ctx, const struct box_out *row)
{
    const struct rebuild *rebuild = ctx;
    bool recorded = row->state == BOX_OUT_RECEIPTED || row->again == BOX_AGAIN_PROOF;
    if (row->state != BOX_OUT_REFUSED && (recorded || !rebuild->recorded))
        rebuild_add(ctx, (struct rebuild_row){recorded ? row->index : THREAD_PENDING,
                                              row->record_ms ? row->record_ms : row->created_ms,
                                              row->number, true});
    return 0;
}

static int rebuild_in(void *ctx, const struct box_in *row)
{
    const struct rebuild *rebuild = ctx;
    bool wanted = row->type == BOX_IN_MESSAGE;
    if (rebuild->recorded) wanted = row->proved && (wanted || row->type == BOX_IN_EXCEPTION);
    if (wanted)
        rebuild_add(ctx, (struct rebuild_row){row->proved ? row->index : THREAD_PENDING,
                                              row->record_ms, row->number, false});
    return 0;
}

static int rebuild_order(const void *a, const void *b)
{
    const struct rebuild_row *left = a, *right = b;
    if (left->order != right->order) return left->order < right->order ? -1 : 1;
    return left->number < right->number ? -1 : left->number > right->number;
}

static int rebuild_head(struct engine *engine, const struct rebuild_row *row,
                        engine_head_each *each, void *ctx, struct error *ret_error)
{
    struct buf bytes = {0};
    struct arena arena;
    struct envelope envelope;
    const Leadbus__Record *record = NULL;
    const ProtobufCMessage *head = NULL;
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = row->own ? box_out_body(engine->box, row->number, &bytes, NULL, ret_error)
                     : box_in_body(engine->box, row->number, &bytes, NULL, NULL, ret_error);
    if (r == 0 && row->own) {
        r = envelope_decode(buf_bytes(&bytes), &arena, &envelope, ret_error);
        if (r == 0) head = &envelope.head->base;
    } else if (r == 0) {
        r = record_decode(buf_bytes(&bytes), &arena, &record, ret_error);
        if (r == 0 && record->what_case == LEADBUS__RECORD__WHAT_ACCEPTED)
            r = message_decode(&leadbus__header__descriptor, engine_bytes(record->accepted->header),
                               &arena, &head, ret_error);
    }
    if (r == 0 && head) r = each(ctx, (const Leadbus__Header *)head, row->order, row->time_ms);
    arena_fini(&arena);
    buf_fini(&bytes);
    return r;
}

static int rebuild_walk(struct engine *engine, const uint8_t id[16], struct rebuild *rebuild,
                        engine_head_each *each, void *ctx, struct error *ret_error)
{
    int r = box_out_of_thread(engine->box, id, rebuild_out, rebuild, ret_error);
    if (r == 0) r = box_in_of_thread(engine->box, id, rebuild_in, rebuild, ret_error);
    if (rebuild->count > 0)
        qsort(rebuild->rows, rebuild->count, sizeof *rebuild->rows, rebuild_order);
    for (size_t i = 0; i < rebuild->count && r == 0; i++)
        r = rebuild_head(engine, &rebuild->rows[i], each, ctx, ret_error);
    free(rebuild->rows);
    return r;
}

int engine_thread_heads(struct engine *engine, const uint8_t id[16], engine_head_each *each,
                        void *ctx, struct error *ret_error)
{
    struct rebuild rebuild = {.recorded = true};
    return rebuild_walk(engine, id, &rebuild, each, ctx, ret_error);
}

struct rebuild_fold {
    const struct engine *engine;
    struct thread thread;
};

static int fold_head(void *ctx, const Leadbus__Header *head, uint64_t index, uint64_t time_ms)
{
    struct rebuild_fold *fold = ctx;
    thread_apply(&fold->thread, trust_bundle_plan(fold->engine->bundle),
                 fold->engine->keyring->unit, head, index, time_ms);
    return 0;
}

void engine_unanswered(const Leadbus__Tick *tick, struct thread *thread, bool *ret_any)
{
    for (size_t i = 0; i < tick->n_missed; i++) {
        const Leadbus__Missed *missed = tick->missed[i];
        if (missed->clock == 1 + PLAN_CLOCK_RELEASE && missed->thread.len == 16 &&
            memcmp(missed->thread.data, thread->id, 16) == 0 &&
            thread_unanswered(thread, missed->index, tick->unit, missed->due_ms) && ret_any)
            *ret_any = true;
    }
}

static int add_notice(void *ctx, const struct box_in *row)
{
    rebuild_add(ctx, (struct rebuild_row){.number = row->number});
    return 0;
}

int engine_thread_notices(struct engine *engine, struct thread *thread, struct error *ret_error)
{
    struct rebuild rebuild = {0};
    if (thread->question_count == 0) return 0;
    int r = box_about_of(engine->box, thread->id, add_notice, &rebuild, ret_error);
    for (size_t i = 0; i < rebuild.count && r == 0; i++) {
        struct buf body = {0};
        struct arena arena;
        const Leadbus__Record *record = NULL;
        arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
        r = box_in_body(engine->box, rebuild.rows[i].number, &body, NULL, NULL, ret_error);
        if (r == 0) r = record_decode(buf_bytes(&body), &arena, &record, ret_error);
        if (r == 0 && record->what_case == LEADBUS__RECORD__WHAT_TICK)
            engine_unanswered(record->tick, thread, NULL);
        arena_fini(&arena);
        buf_fini(&body);
    }
    free(rebuild.rows);
    return r;
}

int engine_thread_rebuild(struct engine *engine, struct moment *moment, const uint8_t id[16],
                          struct error *ret_error)
{
    struct rebuild rebuild = {0};
    struct engine_thread thread;
    struct rebuild_fold fold = {.engine = engine};
    struct thread *anew = &fold.thread;
    int r = engine_thread_load(engine, moment, id, &thread, ret_error);
    if (r < 0) return r;
    thread_init(anew, id);
    thread_paths_move(anew, &thread.thread);
    r = rebuild_walk(engine, id, &rebuild, fold_head, &fold, ret_error);
    /* What was asked of the broker is known without its messages: they are not here to be folded.
     */
    bool asked = thread.thread.kind[0] && !anew->kind[0];
    if (r == 0 && !asked) {
        /* What the broker said of participants stays. */
        struct thread_participant *participants = thread.thread.participants;
        size_t count = thread.thread.participant_count, cap = thread.thread.participant_cap;
        thread.thread.participants = anew->participants;
        anew->participants = participants;
        anew->participant_count = count;
        anew->participant_cap = cap;
        anew->known_size = thread.thread.known_size;
        thread_fini(&thread.thread);
        thread.thread = *anew;
        memset(anew, 0, sizeof *anew);
        r = engine_thread_notices(engine, &thread.thread, ret_error);
        if (r == 0) r = engine_thread_save(engine, moment, &thread, ret_error);
    } else {
        thread_paths_move(&thread.thread, anew);
    }
    thread_fini(anew);
    engine_thread_fini(&thread);
    return r;
}

/* ---- the index of what this unit owes -----------------------------------------------------------
 *
 * Counted up where the index of a store was made by other rules than these. */
static const uint8_t legs_rules[] = {5};

struct legs_walk {
    struct engine *engine;
    struct error *ret_error;
    struct {
        uint8_t id[16];
        bool unled; /* nothing is for us to sign on it */
    } * threads;    /* that may have to be folded anew */
    size_t count, cap;
};

/* Stores of before kept no questions, which are to whoever sent what a leg is about, and to the
 * office. */
static void note_thread(struct legs_walk *walk, const struct thread *thread)
{
    const struct plan *plan = trust_bundle_plan(walk->engine->bundle);
    const char *self = walk->engine->keyring->unit;
    bool led = false;
    bool asked = plan_unit_current(plan, self) == plan_unit_with_duty(plan, PLAN_DUTY_OFFICE);
    for (size_t i = 0; i < thread->leg_count; i++) {
        led = led || strcmp(thread->legs[i].unit, self) == 0;
        asked = asked || strcmp(thread->legs[i].from, self) == 0;
    }
    if (led && !asked) return;
    if (walk->count == walk->cap) {
        walk->cap = walk->cap ? walk->cap * 2 : 64;
        walk->threads = realloc(walk->threads, walk->cap * sizeof *walk->threads);
        CHECK(walk->threads != NULL);
    }
    memcpy(walk->threads[walk->count].id, thread->id, 16);
    walk->threads[walk->count++].unled = !asked;
}

static int legs_list(void *ctx, const uint8_t id[16], uint64_t changed_ms, struct bytes state)
{
    struct legs_walk *walk = ctx;
    struct thread thread;
    (void)changed_ms;
    thread_init(&thread, id);
    int r = thread_decode(state, &thread, walk->ret_error);
    if (r == 0) r = engine_legs_note(walk->engine, &thread, 0, walk->ret_error);
    if (r == 0) note_thread(walk, &thread);
    thread_fini(&thread);
    return r;
}

static int note_must_sign(void *ctx, const struct box_in *row)
{
    bool *ret = ctx;
    *ret = *ret || (row->type == BOX_IN_MESSAGE && row->must_sign);
    return 0;
}

/* What is ours to sign has a leg: a thread that was folded when a leg passed on by others was not
 * followed yet is folded anew; so is what may hold a question to us. */
static int legs_mend(struct legs_walk *walk, struct moment *moment)
{
    int r = 0;
    for (size_t i = 0; i < walk->count && r == 0; i++) {
        const uint8_t *id = walk->threads[i].id;
        bool ours = !walk->threads[i].unled;
        if (!ours)
            r = box_in_of_thread(walk->engine->box, id, note_must_sign, &ours, walk->ret_error);
        if (r == 0 && ours) r = engine_thread_rebuild(walk->engine, moment, id, walk->ret_error);
    }
    return r;
}

int engine_legs_load(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct legs_walk walk = {.engine = engine, .ret_error = ret_error};
    struct buf rules = {0};
    int r = box_value_get(engine->box, "legs", &rules, ret_error);
    bool listed = r == 0 && rules.len == sizeof legs_rules &&
                  memcmp(rules.data, legs_rules, sizeof legs_rules) == 0;
    buf_fini(&rules);
    if (listed || (r < 0 && r != E_NOT_FOUND)) return r;
    r = box_thread_each(engine->box, INT64_MAX, legs_list, &walk, ret_error);
    if (r == 0) r = legs_mend(&walk, moment);
    if (r == 0)
        r = box_value_put(engine->box, "legs", bytes_of(legs_rules, sizeof legs_rules), ret_error);
    free(walk.threads);
    return r;
}
