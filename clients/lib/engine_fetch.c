/* Attachments on their way in: fetched, looked through and kept; one at a time. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_transfer.h"

enum {
    FETCH_DAMAGED_MS = 600000, /* the broker's disk: its operator has to mend that */
    FETCH_LOOK_MAX = 64,       /* files for which there is no room, at one time */
};

/* `report`: the sender and the office are to hear of it. */
static int give_up(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   bool report, const struct error *why, struct error *ret_error)
{
    struct box_attachment row = transfer->row;
    row.state = report ? BOX_ATTACHMENT_REFUSED : BOX_ATTACHMENT_CLOSED;
    row.code = why->code;
    row.kept = false;
    if (report) engine->late = true;
    engine_note(engine, moment, why);
    transfer_free(engine, transfer);
    int r = box_attachment_update(engine->box, &row, ret_error);
    if (r == 0) r = engine_room_leave(engine, &row, ret_error);
    if (r == 0) engine_transfers_room(engine);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return r;
}

/* Our own disk takes no more now. */
static int no_room(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   const struct error *why)
{
    engine_note(engine, moment, why);
    transfer_rest(engine, transfer, moment->now_ms + ENGINE_TRANSFER_ROOM_MS);
    return 0;
}

/* What the signed root does not stand behind: this connection is given up, and other files go
 * first on the next. */
static int disbelieve(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer, const struct error *why)
{
    transfer_rest(engine, transfer, moment->now_ms + transfer_pause_ms(transfer));
    engine_refuse(engine, moment, why);
    return 0;
}

static int begin_check(struct engine *engine, struct moment *moment,
                       struct engine_transfer *transfer, struct error *ret_error)
{
    struct error why = {0};
    int r = chunks_sync(engine->options.chunks, transfer->row.root, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    transfer->check = calloc(1, sizeof *transfer->check);
    CHECK(transfer->check != NULL);
    sha256_begin(&transfer->check->hash);
    r = engine_file_open(engine, &transfer->row, &transfer->check->file, &why);
    transfer->state = TRANSFER_CHECKING;
    return r < 0 ? give_up(engine, moment, transfer, false, &why, ret_error) : 0;
}

static int start_fetching(struct engine *engine, struct moment *moment,
                          struct engine_transfer *transfer)
{
    transfer->done_count = chunks_present(engine->options.chunks, transfer->row.root,
                                          transfer->count, transfer->present);
    transfer->state = TRANSFER_RUNNING;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

static int ask_leaves(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer)
{
    int r = chunks_leaves(engine->options.chunks, transfer->row.root, &transfer->leaves, NULL);
    if (r == 0)
        r = attachment_leaves_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                    transfer->row.root, NULL);
    if (r == 0) return start_fetching(engine, moment, transfer);
    buf_fini(&transfer->leaves);
    Leadbus__GetLeaves get = LEADBUS__GET_LEAVES__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    get.index = transfer->row.index;
    get.root = engine_binary(bytes_of(transfer->row.root, 32));
    frame.body_case = LEADBUS__FRAME__BODY_GET_LEAVES;
    frame.get_leaves = &get;
    engine_emit(engine, &frame);
    transfer->state = TRANSFER_ASKED;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

int engine_leaves(struct engine *engine, struct moment *moment, const Leadbus__Leaves *leaves,
                  struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, false, leaves->root);
    struct error why = {0};
    (void)ret_error;
    if (!transfer || transfer->state != TRANSFER_ASKED) return 0;
    struct bytes given = engine_bytes(leaves->leaves);
    int r = attachment_leaves_check(given, transfer->row.stream_len, transfer->row.root, &why);
    if (r < 0) return disbelieve(engine, moment, transfer, &why);
    /* What a crash may have left of the leaves does not count. */
    r = chunks_erase(engine->options.chunks, transfer->row.root, &why);
    if (r == 0) r = chunks_begin(engine->options.chunks, transfer->row.root, given, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    buf_reset(&transfer->leaves);
    buf_append_bytes(&transfer->leaves, given);
    return start_fetching(engine, moment, transfer);
}

static void ask_chunks(struct engine *engine, struct engine_transfer *transfer)
{
    uint32_t number = 0;
    while (transfer_take_off(transfer, &number)) {
        Leadbus__GetChunk get = LEADBUS__GET_CHUNK__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        get.index = transfer->row.index;
        get.root = engine_binary(bytes_of(transfer->row.root, 32));
        get.number = number;
        frame.body_case = LEADBUS__FRAME__BODY_GET_CHUNK;
        frame.get_chunk = &get;
        engine_emit(engine, &frame);
    }
}

int engine_chunk(struct engine *engine, struct moment *moment, const Leadbus__Chunk *chunk,
                 struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, false, chunk->root);
    struct error why = {0};
    (void)ret_error;
    if (!transfer || transfer->state != TRANSFER_RUNNING ||
        !transfer_in_flight(transfer, chunk->number))
        return 0; /* not asked for: nothing of it is looked at */
    struct bytes data = engine_bytes(chunk->data);
    int r = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                   chunk->number, data, &why);
    if (r < 0) return disbelieve(engine, moment, transfer, &why);
    r = chunks_put(engine->options.chunks, transfer->row.root, chunk->number, data, &why);
    if (r < 0) return no_room(engine, moment, transfer, &why);
    transfer_landed(transfer, chunk->number);
    transfer_mark(transfer, chunk->number);
    transfer->heard_ms = moment->now_ms;
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, transfer->row.message);
    return 0;
}

/* ---- looking through --------------------------------------------------------------------------
 */

/* Of what may not be here, or of our own trouble, with which it is done again later. */
static int refuse_file(struct engine *engine, struct moment *moment,
                       struct engine_transfer *transfer, const struct error *why,
                       struct error *ret_error)
{
    if (engine_own_trouble(why->code)) return no_room(engine, moment, transfer, why);
    return give_up(engine, moment, transfer, true, why, ret_error);
}

static int check_hash(struct engine_check *check, struct error *ret_error)
{
    uint8_t hash[32];
    sha256_end(&check->hash, hash);
    if (memcmp(hash, check->file.sha256, 32) == 0) return 0;
    return error_say(ret_error, E_CHUNK_INVALID, "sha256", "不是发送方所述的文件",
                     "not the file that the sender names");
}

static int checked(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                   struct error *ret_error)
{
    struct engine_check *check = transfer->check;
    struct error why = {0};
    int r = check->same ? 0 : check_hash(check, &why);
    check->same = r == 0;
    if (r == 0 && engine->options.check_attachment)
        r = engine->options.check_attachment(engine->options.ctx, &check->file, &why);
    if (r == 0 && engine->options.examine_attachment)
        r = engine->options.examine_attachment(engine->options.ctx, &check->file, check->offset,
                                               (struct bytes){0}, &why);
    check->waits = r == 1;
    if (r == 1) return 0;
    if (r < 0) return refuse_file(engine, moment, transfer, &why, ret_error);
    struct box_attachment row = transfer->row;
    row.state = BOX_ATTACHMENT_HERE;
    row.code = 0;
    transfer_free(engine, transfer);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return box_attachment_update(engine->box, &row, ret_error);
}

/* A chunk each time, so that nobody waits for a large file. */
static int check_step(struct engine *engine, struct moment *moment,
                      struct engine_transfer *transfer, struct error *ret_error)
{
    struct engine_check *check = transfer->check;
    struct error why = {0};
    size_t len = 0;
    if (check->number == transfer->count) return checked(engine, moment, transfer, ret_error);
    uint8_t *plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    CHECK(plain != NULL);
    uint32_t number = (uint32_t)check->number++;
    int r = engine_file_read(&check->file, number, plain, &len, &why);
    bool read = r == 0;
    if (read) sha256_add(&check->hash, bytes_of(plain, len));
    if (read && len > 0 && engine->options.examine_attachment)
        r = engine->options.examine_attachment(engine->options.ctx, &check->file, check->offset,
                                               bytes_of(plain, len), &why);
    check->offset += len;
    sodium_memzero(plain, LIMIT_CHUNK_PLAIN_BYTES);
    free(plain);
    if (r == 0) return 0;
    if (read) return refuse_file(engine, moment, transfer, &why, ret_error);
    /* Our own disk changed it: once more. What does not open was sealed so. */
    bool ours = false;
    struct buf chunk = {0};
    if (chunks_get(engine->options.chunks, transfer->row.root, number, &chunk, NULL) == 0)
        ours = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                      number, buf_bytes(&chunk), NULL) != 0;
    buf_fini(&chunk);
    if (r == E_NOT_FOUND || ours) {
        if (ours) (void)!chunks_erase_one(engine->options.chunks, transfer->row.root, number, NULL);
        engine_note(engine, moment, &why);
        transfer_rest(engine, transfer, moment->now_ms + ENGINE_TRANSFER_RETRY_MS);
        return 0;
    }
    return refuse_file(engine, moment, transfer, &why, ret_error);
}

/* ---- at work ----------------------------------------------------------------------------------
 */

int engine_fetch_refused(struct engine *engine, struct moment *moment,
                         const Leadbus__Refusal *refusal, const struct error *why,
                         struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, false, refusal->root);
    if (!transfer || transfer->state == TRANSFER_CHECKING) return 0;
    if (why->code == E_CHUNK_INVALID) {
        transfer_rest(engine, transfer, moment->now_ms + FETCH_DAMAGED_MS);
        return 0;
    }
    if (error_retryable(why->code) || refusal->retry_after_ms != 0) {
        uint64_t wait_ms =
            refusal->retry_after_ms ? refusal->retry_after_ms : transfer_pause_ms(transfer);
        transfer_rest(engine, transfer, moment->now_ms + wait_ms);
        return 0;
    }
    return give_up(engine, moment, transfer, false, why, ret_error);
}

void engine_examined(struct engine *engine)
{
    if (engine->down && engine->down->state == TRANSFER_CHECKING)
        engine->down->check->waits = false;
}

int engine_fetch_check(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (!engine->down || engine->down->state != TRANSFER_CHECKING) return 0;
    if (engine->down->check->waits) return 0;
    return check_step(engine, moment, engine->down, ret_error);
}

/* Takes room for the file, before anything of it is asked for. 1: there is none, and its row says
 * so. */
static int take_room(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                     struct error *ret_error)
{
    struct box_attachment *row = &transfer->row;
    int code = row->code;
    bool kept = row->kept;
    int r = engine_room_take(engine, moment, row, ret_error);
    if (r < 0) return r;
    if (r == 1) transfer_roomless(engine, transfer);
    row->code = r == 1 ? E_ATTACHMENT_ROOM : 0;
    if (row->kept == kept && row->code == code) return r;
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row->message);
    int written = box_attachment_update(engine->box, row, ret_error);
    return written < 0 ? written : r;
}

/* The next one for which there is room. */
static int choose(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    for (unsigned looked = 0; looked < FETCH_LOOK_MAX; looked++) {
        struct engine_transfer *transfer = transfer_choose(engine, moment, false);
        if (!transfer) return 0;
        int r = take_room(engine, moment, transfer, ret_error);
        if (r == 0) engine->down = transfer;
        if (r <= 0) return r;
    }
    return 0;
}

int engine_fetches_pump(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    struct engine_transfer *transfer = engine->down;
    if (transfer && transfer->state != TRANSFER_CHECKING && transfer_silent(moment, transfer))
        transfer_rest(engine, transfer, 0);
    if (!engine->down) {
        int r = choose(engine, moment, ret_error);
        if (r < 0) return r;
    }
    transfer = engine->down;
    if (!transfer) return 0;
    if (transfer->state == TRANSFER_IDLE) (void)ask_leaves(engine, moment, transfer);
    if (transfer->state != TRANSFER_RUNNING) return 0;
    if (transfer->done_count == transfer->count)
        return begin_check(engine, moment, transfer, ret_error);
    ask_chunks(engine, transfer);
    return 0;
}
