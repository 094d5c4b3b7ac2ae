/* The list of attachments that are to be sent or fetched, and what of one is where. */
#include <sodium.h>
#include <stdlib.h>

#include "clients/lib/engine_transfer.h"

enum { TRANSFER_SILENT_MS = 60000, TRANSFER_RETRY_MAX_MS = 60000 };

/* ---- the list ---------------------------------------------------------------------------------
 */

void engine_transfer_add(struct engine *engine, const struct box_attachment *row)
{
    struct engine_transfer *transfer = calloc(1, sizeof *transfer);
    CHECK(transfer != NULL);
    transfer->row = *row;
    transfer->out = row->state == BOX_ATTACHMENT_WAITING;
    transfer->count = (uint32_t)attachment_chunk_count(row->stream_len);
    transfer->window = ENGINE_TRANSFER_WINDOW;
    struct engine_transfer *at = TAILQ_LAST(&engine->transfers, engine_transfers);
    while (at && at->row.lane > row->lane) at = TAILQ_PREV(at, engine_transfers, link);
    if (at)
        TAILQ_INSERT_AFTER(&engine->transfers, at, transfer, link);
    else
        TAILQ_INSERT_HEAD(&engine->transfers, transfer, link);
    struct engine_pending *pending = transfer->out ? engine_pending_of(engine, row->message) : NULL;
    if (pending) pending->uploads++;
}

static void check_free(struct engine_check *check)
{
    if (!check) return;
    engine_file_fini(&check->file);
    sodium_memzero(check, sizeof *check);
    free(check);
}

void transfer_rest(struct engine *engine, struct engine_transfer *transfer, uint64_t retry_ms)
{
    transfer->state = TRANSFER_IDLE;
    transfer->flight_count = 0;
    transfer->retry_ms = retry_ms;
    buf_fini(&transfer->leaves);
    check_free(transfer->check);
    transfer->check = NULL;
    if (engine->up == transfer) engine->up = NULL;
    if (engine->down == transfer) engine->down = NULL;
}

void transfer_free(struct engine *engine, struct engine_transfer *transfer)
{
    struct engine_pending *pending =
        transfer->out ? engine_pending_of(engine, transfer->row.message) : NULL;
    if (pending && pending->uploads > 0) pending->uploads--;
    transfer_rest(engine, transfer, 0);
    TAILQ_REMOVE(&engine->transfers, transfer, link);
    free(transfer);
}

static int load_row(void *ctx, const struct box_attachment *row)
{
    struct engine *engine = ctx;
    /* One whose message has been refused since waits for nothing. */
    if (row->state == BOX_ATTACHMENT_WANTED || engine_pending_of(engine, row->message))
        engine_transfer_add(engine, row);
    return 0;
}

int engine_transfers_load(struct engine *engine, struct error *ret_error)
{
    int r = box_attachments_pending(engine->box, load_row, engine, ret_error);
    return r < 0 ? r : engine_room_load(engine, ret_error);
}

void transfer_roomless(struct engine *engine, struct engine_transfer *transfer)
{
    transfer_rest(engine, transfer, 0);
    TAILQ_REMOVE(&engine->transfers, transfer, link);
    TAILQ_INSERT_TAIL(&engine->roomless, transfer, link);
}

/* Ahead of what has come since, each in its lane; in one walk, for they may be many. */
void engine_transfers_room(struct engine *engine)
{
    struct engine_transfer *first[ENGINE_LANES], *transfer;
    for (unsigned lane = 0; lane < ENGINE_LANES; lane++) {
        first[lane] = TAILQ_FIRST(&engine->transfers);
        while (first[lane] && first[lane]->row.lane < lane)
            first[lane] = TAILQ_NEXT(first[lane], link);
    }
    while ((transfer = TAILQ_LAST(&engine->roomless, engine_transfers))) {
        unsigned lane = transfer->row.lane < ENGINE_LANES ? transfer->row.lane : ENGINE_LANES - 1;
        struct engine_transfer *at = first[lane];
        TAILQ_REMOVE(&engine->roomless, transfer, link);
        if (at)
            TAILQ_INSERT_BEFORE(at, transfer, link);
        else
            TAILQ_INSERT_TAIL(&engine->transfers, transfer, link);
        for (unsigned k = 0; k <= lane; k++)
            if (first[k] == at) first[k] = transfer;
    }
}

static void free_all(struct engine_transfers *transfers)
{
    struct engine_transfer *transfer = TAILQ_FIRST(transfers);
    while (transfer) {
        struct engine_transfer *next = TAILQ_NEXT(transfer, link);
        check_free(transfer->check);
        buf_fini(&transfer->leaves);
        free(transfer);
        transfer = next;
    }
    TAILQ_INIT(transfers);
}

void engine_transfers_free(struct engine *engine)
{
    free_all(&engine->transfers);
    free_all(&engine->roomless);
    free(engine->shares);
    engine->shares = NULL;
    engine->share_count = engine->share_cap = 0;
}

void engine_transfers_unsent(struct engine *engine)
{
    if (engine->up) transfer_rest(engine, engine->up, 0);
    if (engine->down && engine->down->state != TRANSFER_CHECKING)
        transfer_rest(engine, engine->down, 0);
}

void engine_transfers_cancel(struct engine *engine, const uint8_t message[16])
{
    struct engine_transfer *transfer = TAILQ_FIRST(&engine->transfers);
    while (transfer) {
        struct engine_transfer *next = TAILQ_NEXT(transfer, link);
        if (transfer->out && memcmp(transfer->row.message, message, 16) == 0)
            transfer_free(engine, transfer);
        transfer = next;
    }
}

const struct engine_transfer *engine_transfer_find(const struct engine *engine, uint64_t number)
{
    const struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    if (transfer->row.number == number) return transfer;
    return NULL;
}

void engine_file_damaged(struct engine *engine, const struct box_attachment *row)
{
    struct box_attachment again = *row;
    if (row->state != BOX_ATTACHMENT_HERE || engine_transfer_find(engine, row->number)) return;
    again.state = BOX_ATTACHMENT_WANTED;
    /* Not written: it is found again by the next who reads. */
    if (box_attachment_update(engine->box, &again, NULL) < 0) return;
    engine_transfer_add(engine, &again);
    engine_tell(engine, ENGINE_CHANGED_ATTACHMENT, row->message);
}

/* ---- chunks of one ----------------------------------------------------------------------------
 */

struct engine_transfer *transfer_at_work(struct engine *engine, bool out, ProtobufCBinaryData root)
{
    struct engine_transfer *transfer = out ? engine->up : engine->down;
    if (!transfer || root.len != 32 || memcmp(root.data, transfer->row.root, 32) != 0) return NULL;
    return transfer;
}

void transfer_landed(struct engine_transfer *transfer, uint32_t number)
{
    for (uint32_t i = 0; i < transfer->flight_count; i++) {
        if (transfer->flight[i] != number) continue;
        transfer->flight[i] = transfer->flight[--transfer->flight_count];
        return;
    }
}

bool transfer_in_flight(const struct engine_transfer *transfer, uint32_t number)
{
    for (uint32_t i = 0; i < transfer->flight_count; i++)
        if (transfer->flight[i] == number) return true;
    return false;
}

bool transfer_take_off(struct engine_transfer *transfer, uint32_t *ret_number)
{
    if (transfer->flight_count >= transfer->window) return false;
    for (uint32_t i = 0; i < transfer->count; i++) {
        if (chunks_has(transfer->present, i) || transfer_in_flight(transfer, i)) continue;
        transfer->flight[transfer->flight_count++] = i;
        *ret_number = i;
        return true;
    }
    return false;
}

void transfer_mark(struct engine_transfer *transfer, uint32_t number)
{
    if (chunks_has(transfer->present, number)) return;
    chunks_set(transfer->present, number);
    transfer->done_count++;
}

/* ---- whose turn it is -------------------------------------------------------------------------
 */

uint64_t transfer_pause_ms(struct engine_transfer *transfer)
{
    uint32_t shift = transfer->attempts < 6 ? transfer->attempts++ : 6;
    uint64_t wait_ms = (uint64_t)ENGINE_TRANSFER_RETRY_MS << shift;
    return wait_ms > TRANSFER_RETRY_MAX_MS ? TRANSFER_RETRY_MAX_MS : wait_ms;
}

struct engine_transfer *transfer_choose(struct engine *engine, const struct moment *moment,
                                        bool out)
{
    struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    {
        if (transfer->out != out || transfer->retry_ms > moment->now_ms) continue;
        if (!out && transfer->row.index == 0) continue; /* not proved yet */
        transfer->retry_ms = 0;
        return transfer;
    }
    return NULL;
}

bool transfer_silent(const struct moment *moment, const struct engine_transfer *transfer)
{
    return moment->now_ms >= transfer->heard_ms &&
           moment->now_ms - transfer->heard_ms >= TRANSFER_SILENT_MS;
}

uint64_t engine_transfers_next_ms(const struct engine *engine)
{
    const struct engine_transfer *at[] = {engine->up, engine->down}, *transfer;
    uint64_t next = UINT64_MAX;
    if (!engine->options.chunks) return next;
    if (engine->down && engine->down->state == TRANSFER_CHECKING && !engine->down->check->waits)
        return 0;
    if (engine->link != ENGINE_GREETED) return next;
    for (size_t i = 0; i < 2; i++)
        if (at[i] && at[i]->state != TRANSFER_CHECKING &&
            at[i]->heard_ms + TRANSFER_SILENT_MS < next)
            next = at[i]->heard_ms + TRANSFER_SILENT_MS;
    size_t looked = 0;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    {
        if (++looked > 64) break;
        if (transfer == engine->up || transfer == engine->down) continue;
        if (transfer->out ? engine->up != NULL : engine->down != NULL) continue;
        if (!transfer->out && transfer->row.index == 0) continue;
        if (transfer->retry_ms < next) next = transfer->retry_ms;
    }
    return next;
}
