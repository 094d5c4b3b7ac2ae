/* Going back to where a journal stands that was put back from a backup. */
#include "clients/lib/engine_goback.h"

#include <stdlib.h>

struct numbers {
    uint64_t *items;
    size_t count, cap;
};

static int note_number(void *ctx, const struct box_out *row)
{
    struct numbers *numbers = ctx;
    if (numbers->count == numbers->cap) {
        numbers->cap = numbers->cap ? numbers->cap * 2 : 64;
        numbers->items = realloc(numbers->items, numbers->cap * sizeof *numbers->items);
        CHECK(numbers->items != NULL);
    }
    numbers->items[numbers->count++] = row->number;
    return 0;
}

/* An envelope of ours, as it was sealed last. */
struct own {
    struct buf bytes;
    struct arena arena;
    struct envelope envelope;
};

static int own_open(struct engine *engine, uint64_t number, struct own *ret,
                    struct error *ret_error)
{
    memset(ret, 0, sizeof *ret);
    arena_init(&ret->arena, ENGINE_ARENA_BYTES_MAX);
    int r = box_out_body(engine->box, number, &ret->bytes, NULL, ret_error);
    return r < 0 ? r
                 : envelope_decode(buf_bytes(&ret->bytes), &ret->arena, &ret->envelope, ret_error);
}

static void own_fini(struct own *own)
{
    arena_fini(&own->arena);
    buf_fini(&own->bytes);
}

/* ---- peers: counted by what the journal still has ---------------------------------------------
 */

/* Stands in out_index while the newest is looked for that went to a peer and is not lost. */
#define NEWEST_WANTED UINT64_MAX

static int uncount(struct engine *engine, uint64_t number, uint64_t size, struct error *ret_error)
{
    struct box_out row;
    struct own own;
    int r = box_out_get(engine->box, number, &row, ret_error);
    if (r < 0 || row.index < size) return r;
    r = own_open(engine, number, &own, ret_error);
    for (size_t i = 0; r == 0 && i < own.envelope.head->n_recipients; i++) {
        struct box_peer *peer =
            engine_peer(engine, own.envelope.head->recipients[i]->unit, row.lane);
        if (peer->out_count > 0) peer->out_count--;
        peer->out_index = NEWEST_WANTED;
        engine_peer_changed(engine, peer);
    }
    own_fini(&own);
    return r;
}

static bool any_wanted(const struct engine *engine)
{
    for (size_t i = 0; i < engine->peer_count; i++)
        if (engine->peers[i].out_index == NEWEST_WANTED) return true;
    return false;
}

struct finding {
    struct engine *engine;
    struct error *error;
};

static int find_newest(void *ctx, const struct box_out *row)
{
    struct finding *finding = ctx;
    struct own own;
    if (!any_wanted(finding->engine)) return 1;
    int r = own_open(finding->engine, row->number, &own, finding->error);
    for (size_t i = 0; r == 0 && i < own.envelope.head->n_recipients; i++) {
        struct box_peer *peer =
            engine_peer(finding->engine, own.envelope.head->recipients[i]->unit, row->lane);
        if (peer->out_index != NEWEST_WANTED) continue;
        peer->out_index = row->index;
        memcpy(peer->out_hash, own.envelope.hash, 32);
    }
    own_fini(&own);
    return r;
}

static int uncount_sender(void *ctx, const char *unit, unsigned lane, uint64_t count)
{
    struct engine *engine = ctx;
    struct box_peer *peer = engine_peer(engine, unit, lane);
    peer->in_count -= count < peer->in_count ? count : peer->in_count;
    engine_peer_changed(engine, peer);
    return 0;
}

static int peers_back(struct engine *engine, const struct numbers *lost, uint64_t size,
                      struct error *ret_error)
{
    struct finding finding = {engine, ret_error};
    int r = 0;
    for (size_t i = 0; i < lost->count && r == 0; i++)
        r = uncount(engine, lost->items[i], size, ret_error);
    if (r == 0) r = box_lost_before(engine->box, size, find_newest, &finding, ret_error);
    if (r < 0) return r; /* 1: all were found */
    for (size_t i = 0; i < engine->peer_count; i++) {
        struct box_peer *peer = &engine->peers[i];
        if (peer->out_index != NEWEST_WANTED) continue;
        peer->out_index = 0;
        memset(peer->out_hash, 0, sizeof peer->out_hash);
    }
    return box_lost_senders(engine->box, size, uncount_sender, engine, ret_error);
}

/* ---- the outbox -------------------------------------------------------------------------------
 */

/* The receipt, with all that it is about, stays what it is: a statement of the broker's. */
static int keep_receipt(struct engine *engine, const struct box_out *row, const struct own *own,
                        struct error *ret_error)
{
    struct box_former former = {.index = row->index,
                                .record_ms = row->record_ms,
                                .rules = row->rules,
                                .accepted_flags = row->accepted_flags};
    engine_copy(former.origin, sizeof former.origin, engine->origin);
    buf_append_bytes(&former.envelope, buf_bytes(&own->bytes));
    int r = box_out_receipt_get(engine->box, row->number, &former.inclusion, ret_error);
    if (r == 0) r = box_checkpoint_get(engine->box, row->checkpoint_size, &former.note, ret_error);
    if (r == 0) r = box_former_put(engine->box, row->number, &former, ret_error);
    if (r == E_NOT_FOUND) r = 0; /* a store that was mended by hand: there is no proof to keep */
    box_former_fini(&former);
    return r;
}

static int send_again(struct engine *engine, uint64_t number, uint64_t size,
                      struct error *ret_error)
{
    struct box_out row;
    struct own own;
    int r = box_out_get(engine->box, number, &row, ret_error);
    if (r < 0) return r;
    r = own_open(engine, number, &own, ret_error);
    if (r == 0) r = keep_receipt(engine, &row, &own, ret_error);
    if (r == 0) {
        const Leadbus__Header *head = own.envelope.head;
        bool names_lost = head->seen_size > size || head->thread_index > size;
        row.again = row.index < size ? BOX_AGAIN_PROOF
                    : names_lost     ? BOX_AGAIN_SEAL
                                     : BOX_AGAIN_SEND;
        row.state = BOX_OUT_QUEUED;
        row.attempts = 0;
        row.retry_ms = 0;
        row.checkpoint_size = 0;
        if (row.again != BOX_AGAIN_PROOF) row.index = row.record_ms = 0;
        r = box_out_update(engine->box, &row, ret_error);
    }
    own_fini(&own);
    return r;
}

/* ---- threads ----------------------------------------------------------------------------------
 */

struct threads {
    uint8_t (*ids)[16];
    size_t count, cap;
};

static int note_thread(void *ctx, const uint8_t id[16], uint64_t changed_ms, struct bytes state)
{
    struct threads *threads = ctx;
    (void)changed_ms, (void)state;
    if (threads->count == threads->cap) {
        threads->cap = threads->cap ? threads->cap * 2 : 64;
        threads->ids = realloc(threads->ids, threads->cap * sizeof *threads->ids);
        CHECK(threads->ids != NULL);
    }
    memcpy(threads->ids[threads->count++], id, 16);
    return 0;
}

static int thread_back(struct engine *engine, struct moment *moment, const uint8_t id[16],
                       uint64_t size, struct error *ret_error)
{
    struct engine_thread thread;
    int r = engine_thread_load(engine, moment, id, &thread, ret_error);
    if (r < 0) return r;
    bool cut = thread_cut(&thread.thread, size);
    if (cut) r = engine_thread_save(engine, moment, &thread, ret_error);
    engine_thread_fini(&thread);
    return r == 0 && cut ? engine_thread_rebuild(engine, moment, id, ret_error) : r;
}

static int threads_back(struct engine *engine, struct moment *moment, uint64_t size,
                        struct error *ret_error)
{
    struct threads threads = {0};
    int r = box_thread_each(engine->box, SIZE_MAX >> 1, note_thread, &threads, ret_error);
    for (size_t i = 0; i < threads.count && r == 0; i++)
        r = thread_back(engine, moment, threads.ids[i], size, ret_error);
    free(threads.ids);
    return r;
}

/* ---- lanes ------------------------------------------------------------------------------------
 */

static int lane_back(struct engine *engine, const Leadbus__LanePosition *one,
                     struct error *ret_error)
{
    struct engine_lane *lane = &engine->lanes[one->lane];
    /* A store that was older than the journal lacks what it lacked; no hash leads over the act. */
    if (lane->again.at != lane->again.until) {
        lane->again.until = lane->again.at;
        lane->again.asked = 0;
        lane->again.dirty = true;
    }
    if (lane->position <= one->position) return 0; /* the welcome says the rest */
    lane->position = lane->acked = lane->told = one->position;
    memcpy(lane->running, one->running.data, 32);
    lane->exception_count = 0; /* they come again */
    lane->due = false;
    lane->dirty = true;
    int r = box_lost_places(engine->box, one->lane, one->position, ret_error);
    for (size_t i = 0; i < engine->peer_count; i++) {
        if (engine->peers[i].lane != one->lane || !engine->peers[i].in_known) continue;
        engine->peers[i].in_known = false; /* until the next of each says how many there are */
        engine_peer_changed(engine, &engine->peers[i]);
    }
    return r;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int head_back(struct engine *engine, const Leadbus__Welcome *welcome,
                     const struct checkpoint *head, struct error *ret_error)
{
    engine_copy(engine->origin, sizeof engine->origin, welcome->origin);
    int r = box_value_put(engine->box, "origin", bytes_of_str(engine->origin), ret_error);
    if (r == 0) r = engine_head_trust(engine, head, engine_bytes(welcome->checkpoint), ret_error);
    engine_heads_restart(engine);
    engine->kept_size = 0;
    return r;
}

/* What is in memory of the outbox, anew from the box. */
static int outbox_back(struct engine *engine, struct error *ret_error)
{
    engine_transfers_free(engine);
    engine_outbox_free(engine);
    engine->up = engine->down = NULL;
    int r = engine_outbox_load(engine, ret_error);
    if (r == 0) r = engine_transfers_load(engine, ret_error);
    for (int i = 1; i <= 4 && r == 0; i++)
        r = box_out_count(engine->box, i, &engine->stats.out_state[i], ret_error);
    engine->late = true;
    return r;
}

int engine_go_back(struct engine *engine, struct moment *moment, const Leadbus__Welcome *welcome,
                   const struct checkpoint *head, uint64_t size, struct error *ret_error)
{
    struct numbers lost = {0};
    for (size_t i = 0; i < welcome->n_lanes; i++)
        if (welcome->lanes[i]->lane >= ENGINE_LANES || welcome->lanes[i]->running.len != 32)
            return error_say(ret_error, E_BAD_VALUE, "lanes", "队列 %u", "lane %u",
                             welcome->lanes[i]->lane);
    int r = box_lost_each(engine->box, size, note_number, &lost, ret_error);
    if (r == 0) r = peers_back(engine, &lost, size, ret_error);
    for (size_t i = 0; i < lost.count && r == 0; i++)
        r = send_again(engine, lost.items[i], size, ret_error);
    free(lost.items);
    if (r == 0) r = box_lost_forget(engine->box, size, ret_error);
    for (size_t i = 0; i < welcome->n_lanes && r == 0; i++)
        r = lane_back(engine, welcome->lanes[i], ret_error);
    if (r == 0) r = threads_back(engine, moment, size, ret_error);
    if (r == 0) r = head_back(engine, welcome, head, ret_error);
    if (r == 0) r = outbox_back(engine, ret_error);
    if (r == 0) r = engine_keys_restart(engine, ret_error);
    engine_tell(engine,
                ENGINE_CHANGED_INBOX | ENGINE_CHANGED_OUTBOX | ENGINE_CHANGED_THREAD |
                    ENGINE_CHANGED_CONNECTION,
                NULL);
    /* Half of it is in the transaction: whatever it was, that must not be committed. */
    return r < 0 ? error_pass(E_IO, r) : 0;
}
