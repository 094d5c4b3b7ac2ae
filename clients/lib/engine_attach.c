/* Files of messages: staged with our own, checked and noted with what we get. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients/lib/engine_file.h"

enum { ATTACH_KEEP_MS = 24 * 3600 * 1000, SWEEP_MAX = 256 };

/* ---- sealed here, not yet named ---------------------------------------------------------------
 */

/* LP(kind), u8 needs_confirm, then the entry as its section will have it. */
static void local_encode(const char *kind, bool needs_confirm,
                         const Leadbus__Payload__Attachment *entry, struct buf *ret)
{
    /* Room at once: growing would leave a copy of the key behind. */
    (void)buf_grow(ret, 1024);
    buf_reset(ret);
    buf_append_prefixed(ret, bytes_of_str(kind));
    buf_append_u8(ret, needs_confirm);
    message_encode(&entry->base, ret);
}

struct local {
    struct buf plain;
    struct arena arena;
    char kind[BOX_NAME_LEN];
    bool needs_confirm;
    Leadbus__Payload__Attachment *entry;
};

static void local_fini(struct local *local)
{
    buf_wipe_fini(&local->plain);
    arena_fini(&local->arena);
}

static int local_open(struct engine *engine, const struct box_attachment *row, struct local *ret,
                      struct error *ret_error)
{
    struct buf sealed = {0};
    const ProtobufCMessage *message = NULL;
    memset(ret, 0, sizeof *ret);
    arena_init(&ret->arena, ENGINE_FILES_ARENA_BYTES_MAX);
    int r = box_attachment_sealed(engine->box, row->number, &sealed, ret_error);
    if (r == 0) r = engine_rest_open(engine, row->id, buf_bytes(&sealed), &ret->plain, ret_error);
    size_t kind_len = r == 0 && ret->plain.len > 3 ? load_u16(ret->plain.data) : 0;
    if (r == 0 && (ret->plain.len < 3 + kind_len || kind_len >= sizeof ret->kind))
        r = error_say(ret_error, E_BAD_FORM, "store", "附件记录损坏", "a damaged attachment");
    if (r == 0) {
        memcpy(ret->kind, ret->plain.data + 2, kind_len);
        ret->needs_confirm = ret->plain.data[2 + kind_len] != 0;
        r = message_decode(&leadbus__payload__attachment__descriptor,
                           bytes_of(ret->plain.data + 3 + kind_len, ret->plain.len - 3 - kind_len),
                           &ret->arena, &message, ret_error);
    }
    if (r == 0) ret->entry = (Leadbus__Payload__Attachment *)(uintptr_t)message;
    buf_fini(&sealed);
    if (r < 0) local_fini(ret);
    return r;
}

int engine_attach_add(struct engine *engine, struct moment *moment, const char *kind,
                      const Leadbus__Payload__Attachment *entry, bool needs_confirm,
                      uint8_t ret_id[16], struct error *ret_error)
{
    struct box_attachment row = {.state = BOX_ATTACHMENT_LOCAL, .created_ms = moment->now_ms};
    struct buf plain = {0}, sealed = {0};
    int r = attached_check(entry, "attachment", ret_error);
    if (r < 0) return r;
    row.stream_len = attachment_stream_len(entry->size);
    engine_make_id(moment, row.id);
    memcpy(row.root, entry->root.data, 32);
    local_encode(kind, needs_confirm, entry, &plain);
    engine_rest_seal(engine, moment, row.id, buf_bytes(&plain), &sealed);
    r = engine_room_take(engine, moment, &row, ret_error);
    if (r == 0) r = box_attachment_add(engine->box, &row, buf_bytes(&sealed), ret_error);
    buf_wipe_fini(&plain);
    buf_fini(&sealed);
    if (r < 0) return r;
    memcpy(ret_id, row.id, 16);
    return 0;
}

static int drop_row(struct engine *engine, const struct box_attachment *row,
                    struct error *ret_error)
{
    int r = box_attachment_delete(engine->box, row->number, ret_error);
    if (r == 0) r = engine_room_leave(engine, row, ret_error);
    if (r == 0) engine_transfers_room(engine);
    return r;
}

int engine_attach_drop(struct engine *engine, const uint8_t id[16], struct error *ret_error)
{
    struct box_attachment row;
    int r = box_attachment_find(engine->box, id, &row, ret_error);
    if (r < 0) return r;
    if (row.state != BOX_ATTACHMENT_LOCAL)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "id", "已属于一条消息",
                         "a message has it");
    return drop_row(engine, &row, ret_error);
}

int engine_attach_sweep(struct engine *engine, const struct moment *moment, struct error *ret_error)
{
    struct box_attachment rows[SWEEP_MAX];
    size_t count = 0;
    if (!engine->options.chunks || moment->now_ms < ATTACH_KEEP_MS) return 0;
    int r = box_attachments_idle(engine->box, moment->now_ms - ATTACH_KEEP_MS, rows, SWEEP_MAX,
                                 &count, ret_error);
    for (size_t i = 0; i < count && r == 0; i++) r = drop_row(engine, &rows[i], ret_error);
    return r;
}

/* ---- with a draft -----------------------------------------------------------------------------
 */

static int bad_ref(size_t i, const char *what, int code, const char *why_zh, const char *why_en,
                   struct error *ret_error)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(field, sizeof field, "attachments[%zu]%s", i, what);
    (void)error_set(ret_error, code, field, "%s", why_en);
    (void)error_note_zh(ret_error, "%s", why_zh);
    return code;
}

/* One file into the section's bytes, under the row that it has here. */
static int stage_one(struct engine *engine, const struct engine_draft *draft, size_t i,
                     struct attach_stage *stage, struct error *ret_error)
{
    const struct engine_attach *ref = &draft->attachments[i];
    struct box_attachment *row = &stage->rows[i];
    struct local local;
    int r = box_attachment_find(engine->box, ref->id, row, ret_error);
    if (r == E_NOT_FOUND) return bad_ref(i, ".id", r, "没有这个上传", "no such upload", ret_error);
    if (r < 0) return r;
    if (row->state != BOX_ATTACHMENT_LOCAL)
        return bad_ref(i, ".id", E_ATTACHMENT_NOT_ALLOWED, "已属于另一条消息",
                       "another message has it", ret_error);
    for (size_t k = 0; k < i; k++)
        if (stage->rows[k].number == row->number)
            return bad_ref(i, ".id", E_BAD_VALUE, "重复列出", "listed twice", ret_error);
    r = local_open(engine, row, &local, ret_error);
    if (r < 0) return r;
    if (local.kind[0] && strcmp(local.kind, draft->kind) != 0)
        r = bad_ref(i, ".id", E_ATTACHMENT_NOT_ALLOWED, "是为另一种类上传的",
                    "uploaded for another kind", ret_error);
    else if (local.needs_confirm && !ref->confirmed)
        r = bad_ref(i, ".confirm_no_dna", E_MISSING_FIELD,
                    "须由本人查看并确认其中没有 DNA 分型数据",
                    "a person must look at it and confirm that it shows no DNA profile", ret_error);
    if (r == 0) {
        local.entry->confirmed = ref->confirmed;
        attached_append(local.entry, &stage->section);
    }
    local_fini(&local);
    return r;
}

int engine_attach_prepare(struct engine *engine, const struct plan_kind *kind,
                          struct engine_draft *draft, struct attach_stage *ret,
                          struct error *ret_error)
{
    size_t at = 0;
    if (draft->attachment_count == 0) return 0;
    if (!engine->options.chunks)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "attachments", "没有附件目录",
                         "this store has no folder for them");
    int carrier = plan_attachment_section(kind);
    if (carrier < 0)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "attachments", "%s 不带附件",
                         "%s takes none", kind->slug);
    if (draft->attachment_count > LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "attachments", "%zu 个，最多 %d 个",
                         "%zu, at most %d", draft->attachment_count, LIMIT_ATTACHMENT_COUNT_MAX);
    const char *name = kind->sections[carrier].name;
    while (at < draft->section_count && strcmp(draft->sections[at].name, name) != 0) at++;
    if (at == draft->section_count || draft->section_count > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_MISSING_FIELD, name, "附件所属的内容部分",
                         "the section that the files go with");
    /* Room at once, so that no key stays behind where the buffer stood before. */
    (void)buf_grow(&ret->section,
                   draft->sections[at].plaintext.len + draft->attachment_count * (size_t)1024);
    buf_reset(&ret->section);
    buf_append_bytes(&ret->section, draft->sections[at].plaintext);
    int r = 0;
    for (size_t i = 0; i < draft->attachment_count && r == 0; i++)
        r = stage_one(engine, draft, i, ret, ret_error);
    if (r < 0) return r;
    ret->count = draft->attachment_count;
    memcpy(ret->sections, draft->sections, draft->section_count * sizeof *ret->sections);
    ret->sections[at].plaintext = buf_bytes(&ret->section);
    draft->sections = ret->sections;
    return 0;
}

void attach_stage_fini(struct attach_stage *stage)
{
    buf_wipe_fini(&stage->section);
    stage->count = 0;
}

int engine_attach_staged(struct engine *engine, struct attach_stage *stage,
                         const struct engine_pending *pending, struct error *ret_error)
{
    int r = 0;
    for (size_t i = 0; i < stage->count && r == 0; i++) {
        struct box_attachment *row = &stage->rows[i];
        memcpy(row->message, pending->id, 16);
        row->ordinal = (uint32_t)i;
        row->lane = pending->lane;
        row->state = BOX_ATTACHMENT_WAITING;
        r = box_attachment_update(engine->box, row, ret_error);
        /* The key stands in the message's content now, and goes with its thread. */
        if (r == 0) r = box_attachment_unseal(engine->box, row->number, ret_error);
        if (r == 0) engine_transfer_add(engine, row);
    }
    return r;
}

int engine_attach_again(struct engine *engine, const struct engine_pending *pending,
                        struct error *ret_error)
{
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count = 0;
    int r = box_attachments_of(engine->box, pending->id, rows, LIMIT_ATTACHMENT_COUNT_MAX, &count,
                               ret_error);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (rows[i].state != BOX_ATTACHMENT_SENT) continue;
        rows[i].state = BOX_ATTACHMENT_WAITING;
        r = box_attachment_update(engine->box, &rows[i], ret_error);
        if (r == 0) engine_transfer_add(engine, &rows[i]);
    }
    return r;
}

int engine_attach_manifest(const struct seal_section *sections, size_t section_count,
                           struct seal_attachment ret[LIMIT_ATTACHMENT_COUNT_MAX],
                           size_t *ret_count, struct error *ret_error)
{
    struct arena arena;
    size_t count = 0;
    int r = 0;
    arena_init(&arena, ENGINE_FILES_ARENA_BYTES_MAX);
    for (size_t i = 0; i < section_count && r == 0; i++) {
        struct attached attached;
        r = engine_files_of(sections[i].plaintext, sections[i].name, &arena, &attached, ret_error);
        for (size_t k = 0; r == 0 && k < attached.count; k++) {
            if (count == LIMIT_ATTACHMENT_COUNT_MAX) {
                r = error_say(ret_error, E_TOO_LARGE, "attachments", "超过 %d 个", "more than %d",
                              LIMIT_ATTACHMENT_COUNT_MAX);
                break;
            }
            ret[count].section = (uint32_t)i;
            ret[count].stream_len = attachment_stream_len(attached.items[k]->size);
            memcpy(ret[count++].root, attached.items[k]->root.data, 32);
        }
    }
    arena_fini(&arena);
    *ret_count = count;
    return r;
}

/* ---- with what comes --------------------------------------------------------------------------
 */

int engine_attach_check(const struct envelope *envelope, const struct opened *opened,
                        struct error *ret_error)
{
    const Leadbus__Manifest *manifest = envelope->contents;
    struct arena arena;
    int r = 0;
    arena_init(&arena, ENGINE_FILES_ARENA_BYTES_MAX);
    for (uint32_t i = 0; i < envelope->section_count && r == 0; i++) {
        struct attached attached;
        size_t at = 0;
        const char *name = envelope->head->sections[i];
        if (!opened->present[i]) continue;
        if (engine_files_of(buf_bytes(&opened->sections[i]), name, &arena, &attached, ret_error) !=
            0)
            r = E_PAYLOAD_INVALID;
        for (size_t k = 0; r == 0 && k < manifest->n_attachments; k++) {
            const Leadbus__Attachment *row = manifest->attachments[k];
            if (row->section != i) continue;
            bool same = at < attached.count &&
                        memcmp(attached.items[at]->root.data, row->root.data, 32) == 0 &&
                        attachment_stream_len(attached.items[at]->size) == row->size;
            if (!same) r = E_PAYLOAD_INVALID;
            at++;
        }
        if (r == 0 && at != attached.count) r = E_PAYLOAD_INVALID;
        if (r != 0 && (!ret_error || ret_error->code == 0))
            (void)error_say(ret_error, r, name, "附件与清单不符",
                            "its attachments are not those of the manifest");
        if (ret_error && r != 0) ret_error->code = r;
    }
    arena_fini(&arena);
    return r;
}

int engine_attach_received(struct engine *engine, struct moment *moment,
                           const struct envelope *envelope, const struct opened *opened,
                           const struct box_in *row, struct error *ret_error)
{
    const Leadbus__Manifest *manifest = envelope->contents;
    int r = 0;
    for (uint32_t i = 0; i < manifest->n_attachments && r == 0; i++) {
        const Leadbus__Attachment *one = manifest->attachments[i];
        struct box_attachment fresh = {.ordinal = i,
                                       .stream_len = one->size,
                                       .state = BOX_ATTACHMENT_WANTED,
                                       .lane = row->lane,
                                       .index = row->proved ? row->index : 0,
                                       .created_ms = moment->now_ms};
        if (!opened->present[one->section]) continue;
        engine_make_id(moment, fresh.id);
        memcpy(fresh.message, row->id, 16);
        memcpy(fresh.root, one->root.data, 32);
        engine_copy(fresh.from, sizeof fresh.from, row->from);
        r = box_attachment_add(engine->box, &fresh, (struct bytes){0}, ret_error);
        if (r == 0) engine_transfer_add(engine, &fresh);
    }
    return r;
}

int engine_attach_proved(struct engine *engine, const uint8_t message[16], uint64_t index,
                         struct error *ret_error)
{
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    struct engine_transfer *transfer;
    size_t count = 0;
    int r = box_attachments_of(engine->box, message, rows, LIMIT_ATTACHMENT_COUNT_MAX, &count,
                               ret_error);
    for (size_t i = 0; i < count && r == 0; i++) {
        rows[i].index = index;
        r = box_attachment_update(engine->box, &rows[i], ret_error);
        TAILQ_FOREACH(transfer, &engine->transfers, link)
        if (transfer->row.number == rows[i].number) transfer->row.index = index;
    }
    return r;
}
