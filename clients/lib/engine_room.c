/* Room in the folder of attachments: what is kept there, and how much of it one sender may have. */
#include <stdlib.h>

#include "clients/lib/engine_inner.h"

static struct engine_share *share_of(struct engine *engine, const char *unit)
{
    for (size_t i = 0; i < engine->share_count; i++)
        if (strcmp(engine->shares[i].unit, unit) == 0) return &engine->shares[i];
    if (engine->share_count == engine->share_cap) {
        engine->share_cap = engine->share_cap ? engine->share_cap * 2 : 16;
        engine->shares = realloc(engine->shares, engine->share_cap * sizeof *engine->shares);
        CHECK(engine->shares != NULL);
    }
    struct engine_share *share = &engine->shares[engine->share_count++];
    memset(share, 0, sizeof *share);
    engine_copy(share->unit, sizeof share->unit, unit);
    return share;
}

static int load_share(void *ctx, const char *unit, uint64_t bytes)
{
    share_of(ctx, unit)->bytes = bytes;
    return 0;
}

int engine_room_load(struct engine *engine, struct error *ret_error)
{
    int r = box_attachment_bytes(engine->box, &engine->attachment_bytes, ret_error);
    return r < 0 ? r : box_attachment_shares(engine->box, load_share, engine, ret_error);
}

/* Half of what others leave, and what is here already costs nothing more. */
static int check_share(struct engine *engine, const struct box_attachment *row,
                       struct error *ret_error)
{
    uint64_t max = engine->options.attachment_bytes_max, used = share_of(engine, row->from)->bytes;
    uint64_t others = engine->attachment_bytes + engine->uploading_bytes - used;
    uint64_t share = others < max ? (max - others) / 2 : 0;
    if (max == 0 || (used <= share && row->stream_len <= share - used)) return 0;
    return error_say(ret_error, E_ATTACHMENT_ROOM, "attachments",
                     "%s 的附件已占 %llu 字节，再收 %llu 字节即超过其份额 %llu 字节（其他附件"
                     "余下空间的一半；上限 %llu）",
                     "%s has %llu bytes here; %llu more are above its share of %llu (half of what "
                     "all others leave of %llu)",
                     row->from, (unsigned long long)used, (unsigned long long)row->stream_len,
                     (unsigned long long)share, (unsigned long long)max);
}

int engine_room_take(struct engine *engine, struct moment *moment, struct box_attachment *row,
                     struct error *ret_error)
{
    struct box_kept kept;
    struct error why = {0};
    if (row->kept) return 0;
    int r = box_attachment_kept(engine->box, row, &kept, ret_error);
    if (r < 0) return r;
    if (row->from[0] && !kept.stream && check_share(engine, row, &why) < 0) {
        if (row->code != why.code) engine_note(engine, moment, &why);
        return 1;
    }
    if (!kept.stream) engine->attachment_bytes += row->stream_len;
    if (row->from[0] && !kept.of_sender) share_of(engine, row->from)->bytes += row->stream_len;
    row->kept = true;
    return 0;
}

int engine_room_leave(struct engine *engine, const struct box_attachment *row,
                      struct error *ret_error)
{
    struct box_kept kept;
    int r = box_attachment_kept(engine->box, row, &kept, ret_error);
    if (r == 0 && !kept.root) r = chunks_erase(engine->options.chunks, row->root, ret_error);
    if (r < 0) return r;
    if (!kept.stream) engine->attachment_bytes -= row->stream_len;
    if (row->from[0] && !kept.of_sender) share_of(engine, row->from)->bytes -= row->stream_len;
    return 0;
}
