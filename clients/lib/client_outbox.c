/* What became of our own messages, and their receipts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/lib/client_view.h"
#include "proto/tlogproof.h"

static void outgoing_of(leadbus *lb, const struct box_out *row, struct leadbus_outgoing *ret)
{
    struct error error = {.code = row->code};
    const struct engine_pending *pending = map_find_pointer(&lb->engine->pending_of, row->id);
    memset(ret, 0, sizeof *ret);
    ret->size = sizeof *ret;
    memcpy(ret->id, row->id, 16);
    memcpy(ret->thread, row->thread, 16);
    ret->state = pending && pending->sent ? LEADBUS_SENT : row->state;
    (void)snprintf(ret->kind, sizeof ret->kind, "%s", row->kind);
    (void)snprintf(ret->topic, sizeof ret->topic, "%s", row->topic);
    ret->created_ms = row->created_ms;
    ret->attempts = pending ? pending->attempts : row->attempts;
    ret->retry_ms = row->retry_ms;
    ret->index = row->index;
    ret->record_ms = row->record_ms;
    ret->provisional = row->provisional;
    if (row->code == 0) return;
    (void)snprintf(error.field, sizeof error.field, "%s", row->field);
    (void)snprintf(error.detail, sizeof error.detail, "%s", row->detail);
    (void)snprintf(error.detail_zh, sizeof error.detail_zh, "%s", row->detail_zh);
    (void)client_failed(&ret->error, &error);
}

int leadbus_outbox_get(leadbus *lb, const uint8_t *id, struct leadbus_outgoing *ret_outgoing,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct leadbus_outgoing outgoing;
    int r = box_out_find(lb->box, id, &row, &error);
    if (r < 0) return client_failed(ret_error, &error);
    outgoing_of(lb, &row, &outgoing);
    outgoing.size = ret_outgoing->size;
    view_fill(ret_outgoing, &outgoing, sizeof outgoing);
    return 0;
}

int leadbus_outbox_each(leadbus *lb, unsigned states, size_t limit,
                        int (*each)(void *ctx, const struct leadbus_outgoing *outgoing), void *ctx,
                        struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct gathered all = {0};
    unsigned kept = states;
    /* On disk what was sent is queued. */
    if (states & (1u << LEADBUS_SENT)) kept |= 1u << BOX_OUT_QUEUED;
    int r = box_out_each(lb->box, kept, limit, view_gather_out, &all, &error);
    for (size_t i = 0; i < all.count && r == 0; i++) {
        struct leadbus_outgoing outgoing;
        outgoing_of(lb, &all.out[i], &outgoing);
        if (states && !(states >> outgoing.state & 1)) continue;
        if (each(ctx, &outgoing) != 0) break;
    }
    free(all.out);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

static int proof_text(uint64_t index, struct bytes path, struct bytes note, struct buf *ret_text,
                      struct error *ret_error)
{
    struct tlogproof proof = {.index = index, .checkpoint = note};
    int r = 0;
    for (size_t i = 0; r == 0 && i + 32 <= path.len; i += 32)
        r = merkle_proof_add(&proof.inclusion, bytes_of(path.data + i, 32), ret_error);
    return r == 0 ? tlogproof_format(&proof, ret_text, ret_error) : r;
}

static void give_text(struct buf *take_text, char **ret_text, size_t *ret_len)
{
    *ret_len = take_text->len;
    buf_append_u8(take_text, 0);
    *ret_text = (char *)take_text->data;
}

int leadbus_receipt(leadbus *lb, const uint8_t *id, char **ret_text, size_t *ret_len,
                    struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct buf path = {0}, note = {0}, text = {0};
    int r = box_out_find(lb->box, id, &row, &error);
    if (r == 0 && row.state != BOX_OUT_RECEIPTED)
        r = error_say(&error, E_NOT_FOUND, "receipt", "尚未获得", "none yet");
    if (r == 0) r = box_out_receipt_get(lb->box, row.number, &path, &error);
    if (r == 0) r = box_checkpoint_get(lb->box, row.checkpoint_size, &note, &error);
    if (r == 0) r = proof_text(row.index, buf_bytes(&path), buf_bytes(&note), &text, &error);
    buf_fini(&path);
    buf_fini(&note);
    if (r < 0) {
        buf_fini(&text);
        return client_failed(ret_error, &error);
    }
    give_text(&text, ret_text, ret_len);
    return 0;
}

int leadbus_former(leadbus *lb, const uint8_t *id, size_t nth, char **ret_text, size_t *ret_len,
                   uint8_t **ret_record, size_t *ret_record_len, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct box_former former = {0};
    struct envelope envelope;
    struct arena arena;
    struct buf text = {0}, record = {0};
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    int r = box_out_find(lb->box, id, &row, &error);
    if (r == 0) r = box_former_get(lb->box, row.number, nth ? nth - 1 : 0, &former, &error);
    if (r == 0)
        r = proof_text(former.index, buf_bytes(&former.inclusion), buf_bytes(&former.note), &text,
                       &error);
    if (r == 0) r = envelope_decode(buf_bytes(&former.envelope), &arena, &envelope, &error);
    if (r == 0)
        r = record_of_accepted(former.rules, former.record_ms, former.accepted_flags, &envelope,
                               &record, &error);
    if (r == 0 && ret_text) {
        give_text(&text, ret_text, ret_len);
        text = (struct buf){0};
    }
    if (r == 0 && ret_record) {
        *ret_record = record.data;
        *ret_record_len = record.len;
        record = (struct buf){0};
    }
    box_former_fini(&former);
    arena_fini(&arena);
    buf_fini(&text);
    buf_fini(&record);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

int leadbus_record(leadbus *lb, const uint8_t *id, uint8_t **ret_record, size_t *ret_len,
                   struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_out row;
    struct box_in in;
    struct buf envelope = {0}, record = {0};
    struct envelope decoded;
    struct arena arena;
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    int r = box_out_find(lb->box, id, &row, &error);
    if (r == 0 && row.state != BOX_OUT_RECEIPTED)
        r = error_say(&error, E_NOT_FOUND, "record", "尚未入账", "not in the journal yet");
    else if (r == E_NOT_FOUND) {
        r = box_in_find(lb->box, id, &in, &error);
        if (r == 0) r = box_in_body(lb->box, in.number, &record, NULL, NULL, &error);
        goto out;
    }
    if (r == 0) r = box_out_body(lb->box, row.number, &envelope, NULL, &error);
    if (r == 0) r = envelope_decode(buf_bytes(&envelope), &arena, &decoded, &error);
    if (r == 0)
        r = record_of_accepted(row.rules, row.record_ms, row.accepted_flags, &decoded, &record,
                               &error);
out:
    arena_fini(&arena);
    buf_fini(&envelope);
    if (r < 0) {
        buf_fini(&record);
        return client_failed(ret_error, &error);
    }
    *ret_record = record.data;
    *ret_len = record.len;
    return 0;
}
