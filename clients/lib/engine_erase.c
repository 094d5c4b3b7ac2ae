/* Deleting what was stood down, or may be read no more: contents and files go, headers and proofs
 * stay. */
#include <stdlib.h>

#include "clients/lib/engine_transfer.h"

struct erase {
    const struct plan *plan; /* alerts alone; NULL: all */
    struct box_in *rows;
    size_t count, cap;
};

static int gather(void *ctx, const struct box_in *row)
{
    struct erase *erase = ctx;
    const struct plan_kind *kind = erase->plan ? plan_kind_find(erase->plan, row->kind) : NULL;
    bool wanted =
        !erase->plan || (kind && kind->family == PLAN_FAMILY_ALERT && kind->act == PLAN_ACT_NONE);
    if (!wanted || (row->type != BOX_IN_MESSAGE && row->type != BOX_IN_EXCEPTION)) return 0;
    if (erase->count == erase->cap) {
        erase->cap = erase->cap ? erase->cap * 2 : 8;
        erase->rows = realloc(erase->rows, erase->cap * sizeof *erase->rows);
        CHECK(erase->rows != NULL);
    }
    erase->rows[erase->count++] = *row;
    return 0;
}

/* What is on its way, or waits for room, comes no more. */
static void stop_fetching(struct engine *engine, uint64_t number)
{
    struct engine_transfer *transfer;
    TAILQ_FOREACH(transfer, &engine->transfers, link)
    if (transfer->row.number == number) break;
    if (transfer) {
        transfer_free(engine, transfer);
        return;
    }
    TAILQ_FOREACH(transfer, &engine->roomless, link)
    if (transfer->row.number == number) break;
    if (!transfer) return;
    TAILQ_REMOVE(&engine->roomless, transfer, link);
    free(transfer);
}

static int erase_file(struct engine *engine, struct box_attachment *row, struct error *ret_error)
{
    bool kept = row->kept;
    stop_fetching(engine, row->number);
    row->state = BOX_ATTACHMENT_CLOSED;
    row->code = E_ATTACHMENT_ERASED;
    row->kept = false;
    int r = box_attachment_update(engine->box, row, ret_error);
    if (r == 0 && kept) r = engine_room_leave(engine, row, ret_error);
    if (r == 0) engine_transfers_room(engine);
    return r;
}

static int erase_message(struct engine *engine, const struct box_in *row, struct error *ret_error)
{
    struct box_attachment files[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count = 0;
    int r = box_in_erase(engine->box, row->number, ret_error);
    if (r == 0) r = box_same_drop(engine->box, row->id, ret_error);
    if (r == 0)
        r = box_attachments_of(engine->box, row->id, files, LIMIT_ATTACHMENT_COUNT_MAX, &count,
                               ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) r = erase_file(engine, &files[i], ret_error);
    if (r == 0) engine_tell(engine, ENGINE_CHANGED_INBOX, row->id);
    return r;
}

static int erase_thread(struct engine *engine, const struct plan *plan, const uint8_t thread[16],
                        struct error *ret_error)
{
    struct erase erase = {.plan = plan};
    int r = box_in_of_thread(engine->box, thread, gather, &erase, ret_error);
    for (size_t i = 0; r == 0 && i < erase.count; i++)
        r = erase_message(engine, &erase.rows[i], ret_error);
    free(erase.rows);
    return r;
}

int engine_erase_alerts(struct engine *engine, const uint8_t thread[16], struct error *ret_error)
{
    return erase_thread(engine, trust_bundle_plan(engine->bundle), thread, ret_error);
}

int engine_erase_thread(struct engine *engine, const uint8_t thread[16], struct error *ret_error)
{
    return erase_thread(engine, NULL, thread, ret_error);
}
