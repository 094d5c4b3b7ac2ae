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
        r = box_legs_forget(engine->box, id, ret_error);
        if (r == 0) r = engine_thread_save(engine, moment, &thread, ret_error);
    }
    thread_fini(anew);
    engine_thread_fini(&thread);
    return r;
}

/* ---- the index of what this unit owes -----------------------------------------------------------
 *
 * Counted up where the index of a store was made by other rules than these. */
static const uint8_t legs_rules[] = {4};

struct legs_walk {
    struct engine *engine;
    struct error *ret_error;
    uint8_t (*unled)[16]; /* threads on which nothing is for us to sign */
    size_t count, cap;
};

static void note_unled(struct legs_walk *walk, const struct thread *thread)
{
    for (size_t i = 0; i < thread->leg_count; i++)
        if (strcmp(thread->legs[i].unit, walk->engine->keyring->unit) == 0) return;
    if (walk->count == walk->cap) {
        walk->cap = walk->cap ? walk->cap * 2 : 64;
        walk->unled = realloc(walk->unled, walk->cap * sizeof *walk->unled);
        CHECK(walk->unled != NULL);
    }
    memcpy(walk->unled[walk->count++], thread->id, 16);
}

static int legs_list(void *ctx, const uint8_t id[16], uint64_t changed_ms, struct bytes state)
{
    struct legs_walk *walk = ctx;
    struct thread thread;
    (void)changed_ms;
    thread_init(&thread, id);
    int r = thread_decode(state, &thread, walk->ret_error);
    if (r == 0) r = engine_legs_note(walk->engine, &thread, 0, walk->ret_error);
    if (r == 0) note_unled(walk, &thread);
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
 * followed yet is folded anew. */
static int legs_mend(struct legs_walk *walk, struct moment *moment)
{
    int r = 0;
    for (size_t i = 0; i < walk->count && r == 0; i++) {
        bool ours = false;
        r = box_in_of_thread(walk->engine->box, walk->unled[i], note_must_sign, &ours,
                             walk->ret_error);
        if (r == 0 && ours)
            r = engine_thread_rebuild(walk->engine, moment, walk->unled[i], walk->ret_error);
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
    free(walk.unled);
    return r;
}
