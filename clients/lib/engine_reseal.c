/* A message sealed anew, because what it was sealed with or addressed to has changed. */
#include <stdlib.h>

#include "clients/lib/engine_seal.h"

/* The draft of a row, from the header that was sealed and the content kept. */
static void draft_of(const Leadbus__Header *head, const struct content *content,
                     struct seal_section sections[LIMIT_SECTION_COUNT_MAX],
                     struct engine_draft *ret)
{
    for (size_t i = 0; i < content->section_count; i++) {
        sections[i].name = content->sections[i].name;
        sections[i].plaintext = content->sections[i].payload;
    }
    *ret = (struct engine_draft){
        .kind = head->kind,
        .topic = head->topic,
        .area = head->area,
        .officer = head->officer,
        .purpose = head->purpose,
        .target = head->target,
        .other = head->other.len == 16 ? head->other.data : NULL,
        .id = head->id.data,
        .sections = sections,
        .section_count = content->section_count,
        .occurred_ms = head->occurred_ms,
        .expires_ms = head->expires_ms,
        .due_ms = head->due_ms,
        .flags = head->flags &
                 (LEADBUS__HEADER_FLAG__HEADER_FLAG_AS_STATED |
                  LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE | LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY),
    };
}

/* created_ms stays as long as the bus will take it; what could not go in time is late. */
static void renew_created(const struct engine *engine, const struct moment *moment,
                          const struct box_out *row, struct engine_draft *draft,
                          uint64_t *ret_created_ms)
{
    uint64_t bus_ms = engine_bus_ms(engine, moment);
    *ret_created_ms = row->created_ms;
    if (row->code != E_CREATED_OUT_OF_RANGE && row->code != E_EPOCH_EXPIRED &&
        row->created_ms + LIMIT_CREATED_AGE_MS > bus_ms)
        return;
    *ret_created_ms = bus_ms;
    draft->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE;
    if (!draft->occurred_ms) draft->occurred_ms = row->created_ms;
}

static int reseal_write(struct engine *engine, struct engine_pending *pending,
                        const struct seal_job *job, struct box_out *row, struct error *ret_error)
{
    memcpy(row->hash, job->sealed.hash, 32);
    row->seq = pending->seq = job->seq;
    if (row->again == BOX_AGAIN_SEAL) row->again = BOX_AGAIN_SEND;
    row->created_ms = job->created_ms;
    row->attempts = pending->attempts;
    int r = box_out_reseal(engine->box, row->number, buf_bytes(&job->sealed.bytes),
                           buf_bytes(&job->content), ret_error);
    if (r == 0) r = box_out_update(engine->box, row, ret_error);
    if (r == 0) memcpy(pending->hash, row->hash, 32);
    return r;
}

/* It cannot be sealed now. What is sent again may be later, when what it refers to has come back.
 */
static int put_off(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                   struct box_out *row, const struct error *why, struct error *ret_error)
{
    if (!pending->again) return engine_row_refused(engine, moment, pending, why, ret_error);
    pending->attempts++;
    pending->retry_ms = moment->now_ms + engine_backoff_ms(pending);
    row->attempts = pending->attempts;
    row->retry_ms = pending->retry_ms;
    engine_row_why(row, why);
    return box_out_update(engine->box, row, ret_error);
}

/* A number that is far behind is taken by the bus no more. */
static uint64_t seq_for(struct engine *engine, struct engine_pending *pending,
                        const struct box_out *row)
{
    struct engine_lane *lane = &engine->lanes[row->lane];
    if (!pending->adrift) return row->seq;
    pending->adrift = false;
    lane->dirty = true;
    return ++lane->seq;
}

int engine_reseal(struct engine *engine, struct moment *moment, struct engine_pending *pending,
                  struct error *ret_error)
{
    struct buf bytes = {0}, kept = {0};
    struct content content = {0};
    struct envelope old;
    struct arena arena;
    struct engine_draft draft;
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    struct box_out row;
    struct engine_thread thread = {0};
    struct seal_job *job = calloc(1, sizeof *job);
    struct error error = {0};
    CHECK(job != NULL);
    arena_init(&arena, ENGINE_ARENA_BYTES_MAX);
    int r = box_out_find(engine->box, pending->id, &row, &error);
    if (r == 0) r = box_out_body(engine->box, row.number, &bytes, &kept, &error);
    if (r == 0) r = envelope_decode(buf_bytes(&bytes), &arena, &old, &error);
    if (r == 0) r = content_open(engine, row.thread, row.id, buf_bytes(&kept), &content, &error);
    if (r == 0) r = engine_thread_load(engine, moment, row.thread, &thread, &error);
    if (r != 0) goto out;
    draft_of(old.head, &content, sections, &draft);
    *job = (struct seal_job){.moment = moment,
                             .draft = &draft,
                             .seq = seq_for(engine, pending, &row),
                             .known_size = thread.thread.known_size,
                             .from_zero = pending->from_zero};
    renew_created(engine, moment, &row, &draft, &job->created_ms);
    memcpy(job->thread_key, thread.key, 32);
    if (memcmp(row.thread, row.id, 16) != 0) {
        job->place.follows = true;
        memcpy(job->place.thread, row.thread, 16);
        memcpy(job->place.parent, row.parent, 16);
        uint8_t of[16];
        r = seal_parent_find(engine, row.parent, job->place.reference, of, &error);
        if (r != 0) goto out;
    }
    r = seal_job_run(engine, job, &thread.thread, &error);
    if (r < 0 && !engine_own_trouble(r)) {
        r = put_off(engine, moment, pending, &row, &error, ret_error);
        if (r == 0) r = 1;
        error.code = 0;
        goto out;
    }
    if (r == 0) r = reseal_write(engine, pending, job, &row, &error);
    if (r == 0) pending->wants = ENGINE_WANT_NOTHING;
out:
    if (r < 0 && error.code != 0 && ret_error) *ret_error = error;
    seal_job_fini(job);
    free(job);
    engine_thread_fini(&thread);
    content_fini(&content);
    arena_fini(&arena);
    buf_fini(&bytes);
    buf_fini(&kept);
    return r;
}
