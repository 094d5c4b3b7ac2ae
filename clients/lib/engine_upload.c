/* Attachments on their way out: announced, then sent chunk by chunk; one at a time. */
#include "clients/lib/engine_transfer.h"

/* Our own disk no longer has what was sealed: the message can never go. */
static int lost(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                struct error *why, struct error *ret_error)
{
    struct engine_pending *pending = engine_pending_of(engine, transfer->row.message);
    if (engine_own_trouble(why->code) && why->code != E_IO) {
        transfer_rest(engine, transfer, moment->now_ms + ENGINE_TRANSFER_ROOM_MS);
        engine_note(engine, moment, why);
        return 0;
    }
    if (!pending) {
        transfer_free(engine, transfer);
        return 0;
    }
    return engine_row_refused(engine, moment, pending, why, ret_error);
}

static int announce(struct engine *engine, struct moment *moment, struct engine_transfer *transfer,
                    struct error *ret_error)
{
    struct error why = {0};
    int r = chunks_leaves(engine->options.chunks, transfer->row.root, &transfer->leaves, &why);
    if (r == 0)
        r = attachment_leaves_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                    transfer->row.root, &why);
    if (r < 0) return lost(engine, moment, transfer, &why, ret_error);
    Leadbus__OpenUpload open = LEADBUS__OPEN_UPLOAD__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    open.root = engine_binary(bytes_of(transfer->row.root, 32));
    open.size = transfer->row.stream_len;
    open.leaves = engine_binary(buf_bytes(&transfer->leaves));
    frame.body_case = LEADBUS__FRAME__BODY_OPEN_UPLOAD;
    frame.open_upload = &open;
    engine_emit(engine, &frame);
    transfer->state = TRANSFER_ASKED;
    transfer->heard_ms = moment->now_ms;
    return 0;
}

static int send_chunks(struct engine *engine, struct moment *moment,
                       struct engine_transfer *transfer, struct error *ret_error)
{
    uint32_t number = 0;
    while (transfer_take_off(transfer, &number)) {
        struct buf chunk = {0};
        struct error why = {0};
        Leadbus__PutChunk put = LEADBUS__PUT_CHUNK__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        int r = chunks_get(engine->options.chunks, transfer->row.root, number, &chunk, &why);
        if (r == 0)
            r = attachment_chunk_check(buf_bytes(&transfer->leaves), transfer->row.stream_len,
                                       number, buf_bytes(&chunk), &why);
        if (r == 0) {
            put.root = engine_binary(bytes_of(transfer->row.root, 32));
            put.number = number;
            put.data = engine_binary(buf_bytes(&chunk));
            frame.body_case = LEADBUS__FRAME__BODY_PUT_CHUNK;
            frame.put_chunk = &put;
            engine_emit(engine, &frame);
        }
        buf_fini(&chunk);
        if (r < 0) return lost(engine, moment, transfer, &why, ret_error);
    }
    return 0;
}

static int uploaded(struct engine *engine, struct engine_transfer *transfer,
                    struct error *ret_error)
{
    struct box_attachment row = transfer->row;
    row.state = BOX_ATTACHMENT_SENT;
    row.code = 0;
    transfer_free(engine, transfer);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row.message);
    return box_attachment_update(engine->box, &row, ret_error);
}

int engine_upload(struct engine *engine, struct moment *moment, const Leadbus__Upload *upload,
                  struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, true, upload->root);
    if (!transfer || transfer->state != TRANSFER_ASKED) return 0;
    if (upload->complete) return uploaded(engine, transfer, ret_error);
    memset(transfer->present, 0, sizeof transfer->present);
    transfer->done_count = 0;
    for (uint32_t i = 0; i < transfer->count && i / 8 < upload->present.len; i++)
        if (upload->present.data[i / 8] >> i % 8 & 1) transfer_mark(transfer, i);
    if (upload->window > 0 && upload->window < ENGINE_TRANSFER_WINDOW)
        transfer->window = upload->window;
    transfer->state = TRANSFER_RUNNING;
    transfer->heard_ms = moment->now_ms;
    /* All there, but not called complete: the last one again says what is the matter. */
    if (transfer->done_count == transfer->count) {
        transfer->present[(transfer->count - 1) / 8] &=
            (uint8_t) ~(1u << (transfer->count - 1) % 8);
        transfer->done_count--;
    }
    return 0;
}

int engine_chunk_stored(struct engine *engine, struct moment *moment,
                        const Leadbus__ChunkStored *stored, struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, true, stored->root);
    if (!transfer || transfer->state != TRANSFER_RUNNING || stored->number >= transfer->count)
        return 0;
    transfer_landed(transfer, stored->number);
    transfer_mark(transfer, stored->number);
    transfer->heard_ms = moment->now_ms;
    transfer->attempts = 0;
    if (stored->complete) return uploaded(engine, transfer, ret_error);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, transfer->row.message);
    return 0;
}

/* The row says what its message waits for. */
static int put_off(struct engine *engine, struct engine_transfer *transfer, const struct error *why,
                   struct error *ret_error)
{
    struct box_out row;
    int r = box_out_find(engine->box, transfer->row.message, &row, ret_error);
    if (r < 0) return r;
    engine_row_why(&row, why);
    r = box_out_update(engine->box, &row, ret_error);
    engine_tell(engine, ENGINE_CHANGED_OUTBOX, row.id);
    return r;
}

int engine_upload_refused(struct engine *engine, struct moment *moment,
                          const Leadbus__Refusal *refusal, const struct error *why,
                          struct error *ret_error)
{
    struct engine_transfer *transfer = transfer_at_work(engine, true, refusal->root);
    if (!transfer) return 0;
    /* Not announced: the broker has given it up, or begun anew. */
    if (error_retryable(why->code) || refusal->retry_after_ms != 0 || why->code == E_NOT_FOUND) {
        uint64_t wait_ms =
            refusal->retry_after_ms ? refusal->retry_after_ms : transfer_pause_ms(transfer);
        transfer_rest(engine, transfer, moment->now_ms + wait_ms);
        return put_off(engine, transfer, why, ret_error);
    }
    struct engine_pending *pending = engine_pending_of(engine, transfer->row.message);
    if (pending) return engine_row_refused(engine, moment, pending, why, ret_error);
    transfer_free(engine, transfer);
    return 0;
}

int engine_uploads_pump(struct engine *engine, struct moment *moment, struct error *ret_error)
{
    if (engine->up && transfer_silent(moment, engine->up)) transfer_rest(engine, engine->up, 0);
    if (!engine->up) engine->up = transfer_choose(engine, moment, true);
    struct engine_transfer *transfer = engine->up;
    if (!transfer) return 0;
    if (transfer->state == TRANSFER_IDLE) return announce(engine, moment, transfer, ret_error);
    if (transfer->state != TRANSFER_RUNNING) return 0;
    return send_chunks(engine, moment, transfer, ret_error);
}
