/* Files: sealed on their way in, read on their way out. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clients/lib/client_view.h"
#include "proto/base/check.h"
#include "proto/payload/attached.h"

enum { FOLDER_LEN_MAX = 1023, PIECE_BYTES = 65536 };
#define DEFAULT_ATTACHMENTS_MAX (16ull << 30)

/* ---- the folder ---------------------------------------------------------------------------------
 */

int client_attachments_path(struct leadbus_options *options, char **ret, struct error *ret_error)
{
    const char *given = options->attachments_path, *suffix = given ? "" : "-chunks";
    if (!options->attachments_max) options->attachments_max = DEFAULT_ATTACHMENTS_MAX;
    if (!given) given = options->store_path;
    /* A store that is nowhere on a disk has no files beside it. */
    if (!options->attachments_path && strcmp(given, ":memory:") == 0) return 0;
    struct buf path = {0};
    buf_append_bytes(&path, bytes_of_str(given));
    buf_append_bytes(&path, bytes_of_str(suffix));
    size_t len = path.len;
    buf_append_u8(&path, 0);
    *ret = (char *)path.data;
    if (len <= FOLDER_LEN_MAX && *given) return 0;
    return error_say(ret_error, E_BAD_VALUE, "attachments_path", "1 至 %d 字节", "1 to %d bytes",
                     FOLDER_LEN_MAX);
}

static int erase_unknown(void *ctx, const uint8_t root[CHUNKS_ROOT_LEN])
{
    leadbus *lb = ctx;
    struct box_attachment row = {0};
    struct box_kept kept;
    memcpy(row.root, root, sizeof row.root);
    int r = box_attachment_kept(lb->box, &row, &kept, NULL);
    return r == 0 && !kept.root ? chunks_erase(lb->attachments, root, NULL) : r;
}

int client_attachments_sweep(leadbus *lb, struct error *ret_error)
{
    if (!lb->attachments) return 0;
    int r = chunks_walk(lb->attachments, erase_unknown, lb, ret_error);
    if (r < 0 && ret_error && ret_error->code != r)
        (void)error_say(ret_error, r, lb->attachments, "无法清理", "cannot be tidied up");
    return r;
}

/* ---- sealing ------------------------------------------------------------------------------------
 */

struct leadbus_upload {
    leadbus *lb;
    char kind[BOX_NAME_LEN];
    char name[LIMIT_ATTACHMENT_NAME_BYTES_MAX + 1];
    char media_type[LIMIT_ATTACHMENT_TYPE_BYTES_MAX + 1];
    bool needs_confirm, begun, kept;
    uint8_t spool[CHUNKS_ROOT_LEN]; /* what the folder is called until the root is known */
    uint64_t stored;
    struct attachment_sealer sealer;
};

static int room(const leadbus *lb, uint64_t more, struct error *ret_error)
{
    uint64_t held = lb->engine->attachment_bytes + lb->engine->uploading_bytes;
    uint64_t max = lb->options.attachments_max;
    if (held <= max && more <= max - held) return 0;
    return error_say(ret_error, E_OUTBOX_FULL, "attachments", "附件目录已有 %llu 字节，上限 %llu",
                     "%llu bytes are kept, at most %llu", (unsigned long long)held,
                     (unsigned long long)max);
}

static int store_chunk(void *ctx, uint64_t number, struct bytes chunk, struct error *ret_error)
{
    struct leadbus_upload *upload = ctx;
    int r = room(upload->lb, chunk.len, ret_error);
    if (r == 0 && !upload->begun) {
        r = chunks_begin(upload->lb->attachments, upload->spool, (struct bytes){0}, ret_error);
        upload->begun = r == 0;
    }
    if (r == 0)
        r = chunks_put(upload->lb->attachments, upload->spool, (uint32_t)number, chunk, ret_error);
    if (r < 0) return r;
    upload->stored += chunk.len;
    upload->lb->engine->uploading_bytes += chunk.len;
    return 0;
}

static int copy_checked(char *ret, size_t cap, const char *text, bool (*valid)(const char *text),
                        const char *field, const char *allowed_zh, const char *allowed_en,
                        struct error *ret_error)
{
    if (!text || !text[0]) return error_say(ret_error, E_MISSING_FIELD, field, "缺少", "missing");
    if (strlen(text) < cap && valid(text)) {
        memcpy(ret, text, strlen(text) + 1);
        return 0;
    }
    (void)error_set(ret_error, E_BAD_VALUE, field, "%s", allowed_en);
    (void)error_note_zh(ret_error, "%s", allowed_zh);
    return E_BAD_VALUE;
}

static int check_kind(const leadbus *lb, const char *name, struct error *ret_error)
{
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(lb->engine->bundle), name);
    if (!kind) return error_say(ret_error, E_KIND_UNKNOWN, "kind", "没有这个种类", "unknown");
    if (plan_attachment_section(kind) < 0)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "kind", "%s 不带附件",
                         "%s takes none", kind->slug);
    return 0;
}

static int upload_begin(leadbus *lb, const struct leadbus_file *file, struct leadbus_upload *upload,
                        struct error *ret_error)
{
    uint8_t key[SUITE_KEY_LEN];
    if (!lb->attachments)
        return error_say(ret_error, E_ATTACHMENT_NOT_ALLOWED, "attachments_path", "没有附件目录",
                         "no folder");
    int r = file->kind ? check_kind(lb, file->kind, ret_error) : 0;
    if (r == 0)
        r = copy_checked(upload->name, sizeof upload->name, file->name, attached_name_valid, "name",
                         "1 至 255 字节 UTF-8，一行，不含目录",
                         "1 to 255 bytes of UTF-8, one line, no folders", ret_error);
    if (r == 0)
        r = copy_checked(upload->media_type, sizeof upload->media_type, file->media_type,
                         attached_type_valid, "media_type", "小写的 type/subtype",
                         "type/subtype in lower case", ret_error);
    if (r == 0) r = room(lb, 1, ret_error);
    if (r < 0) return r;
    upload->lb = lb;
    if (file->kind) memcpy(upload->kind, file->kind, strlen(file->kind) + 1);
    upload->needs_confirm = file->needs_confirm != 0;
    randombytes_buf(upload->spool, sizeof upload->spool);
    randombytes_buf(key, sizeof key);
    attachment_sealer_init(&upload->sealer, lb->engine->suite, key, store_chunk, upload);
    sodium_memzero(key, sizeof key);
    return 0;
}

int leadbus_upload_begin(leadbus *lb, const struct leadbus_file *given, leadbus_upload **ret_upload,
                         struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct leadbus_file file = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    memcpy(&file, given, given->size < sizeof file ? given->size : sizeof file);
    struct leadbus_upload *upload = calloc(1, sizeof *upload);
    CHECK(upload != NULL);
    int r = upload_begin(lb, &file, upload, &error);
    if (r < 0) {
        free(upload);
        return client_failed(ret_error, &error);
    }
    *ret_upload = upload;
    return 0;
}

int leadbus_upload_write(leadbus_upload *upload, const void *data, size_t len,
                         struct leadbus_error *ret_error)
{
    struct error error = {0};
    int r = attachment_sealer_add(&upload->sealer, bytes_of(data, len), &error);
    return r < 0 ? client_failed(ret_error, &error) : 0;
}

void leadbus_upload_abort(leadbus_upload *upload)
{
    if (!upload) return;
    /* What stays behind on an error is removed when the store is opened. */
    if (upload->begun && !upload->kept)
        (void)!chunks_erase(upload->lb->attachments, upload->spool, NULL);
    upload->lb->engine->uploading_bytes -= upload->stored;
    attachment_sealer_fini(&upload->sealer);
    sodium_memzero(upload, sizeof *upload);
    free(upload);
}

static int upload_end(leadbus_upload *upload, struct leadbus_uploaded *ret, struct error *ret_error)
{
    leadbus *lb = upload->lb;
    struct attachment_sealed sealed;
    Leadbus__Payload__Attachment entry = LEADBUS__PAYLOAD__ATTACHMENT__INIT;
    int r = attachment_sealer_end(&upload->sealer, &sealed, ret_error);
    if (r == 0)
        r = chunks_adopt(lb->attachments, upload->spool, sealed.root,
                         buf_bytes(&upload->sealer.leaves), ret_error);
    if (r < 0) return r;
    upload->kept = true;
    struct moment moment = client_moment(lb);
    entry.key = (ProtobufCBinaryData){SUITE_KEY_LEN, upload->sealer.key};
    entry.root = (ProtobufCBinaryData){sizeof sealed.root, sealed.root};
    entry.sha256 = (ProtobufCBinaryData){sizeof sealed.sha256, sealed.sha256};
    entry.size = sealed.size;
    entry.name = upload->name;
    entry.media_type = upload->media_type;
    r = engine_attach_add(lb->engine, &moment, upload->kind, &entry, upload->needs_confirm, ret->id,
                          ret_error);
    if (r < 0) {
        (void)!chunks_erase(lb->attachments, sealed.root, NULL);
        return r;
    }
    ret->bytes = sealed.size;
    memcpy(ret->sha256, sealed.sha256, sizeof ret->sha256);
    return 0;
}

int leadbus_upload_end(leadbus_upload *upload, struct leadbus_uploaded *ret_uploaded,
                       struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct leadbus_uploaded uploaded = {.size = ret_uploaded->size};
    leadbus *lb = upload->lb;
    int r = upload_end(upload, &uploaded, &error);
    leadbus_upload_abort(upload);
    if (r < 0) return client_failed(ret_error, &error);
    r = leadbus_commit(lb, ret_error);
    if (r == 0) view_fill(ret_uploaded, &uploaded, sizeof uploaded);
    return r;
}

int leadbus_attach(leadbus *lb, const struct leadbus_file *file,
                   long (*read)(void *ctx, void *data, size_t cap), void *ctx,
                   struct leadbus_uploaded *ret_uploaded, struct leadbus_error *ret_error)
{
    leadbus_upload *upload = NULL;
    int r = leadbus_upload_begin(lb, file, &upload, ret_error);
    if (r < 0 || !upload) return r;
    uint8_t *piece = malloc(PIECE_BYTES);
    CHECK(piece != NULL);
    for (;;) {
        long len = read(ctx, piece, PIECE_BYTES);
        if (len < 0) {
            struct error error = {0};
            r = error_say(&error, len > -65536 ? (int)len : E_IO, "file", "无法读取",
                          "cannot be read");
            (void)client_failed(ret_error, &error);
        }
        if (len <= 0) break;
        CHECK((size_t)len <= PIECE_BYTES);
        r = leadbus_upload_write(upload, piece, (size_t)len, ret_error);
        if (r < 0) break;
    }
    sodium_memzero(piece, PIECE_BYTES);
    free(piece);
    if (r == 0) return leadbus_upload_end(upload, ret_uploaded, ret_error);
    leadbus_upload_abort(upload);
    return r;
}

static long read_fd(void *ctx, void *data, size_t cap)
{
    const int *fd = ctx;
    ssize_t got;
    do got = read(*fd, data, cap);
    while (got < 0 && errno == EINTR);
    return got < 0 ? E_IO : (long)got;
}

int leadbus_attach_fd(leadbus *lb, const struct leadbus_file *file, int fd,
                      struct leadbus_uploaded *ret_uploaded, struct leadbus_error *ret_error)
{
    return leadbus_attach(lb, file, read_fd, &fd, ret_uploaded, ret_error);
}

int leadbus_attach_drop(leadbus *lb, const uint8_t *id, struct leadbus_error *ret_error)
{
    struct error error = {0};
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = engine_attach_drop(lb->engine, id, &error);
    if (r < 0) return client_failed(ret_error, &error);
    return leadbus_commit(lb, ret_error);
}

/* ---- what messages have -------------------------------------------------------------------------
 */

int client_attachments_load(leadbus *lb, const uint8_t id[16], const struct content *content,
                            struct arena *arena, struct client_attachments *ret,
                            struct error *ret_error)
{
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t row_count = 0;
    int r =
        box_attachments_of(lb->box, id, rows, LIMIT_ATTACHMENT_COUNT_MAX, &row_count, ret_error);
    ret->count = 0;
    for (size_t i = 0; i < content->section_count && r == 0 && row_count > 0; i++) {
        const struct content_section *section = &content->sections[i];
        struct attached attached;
        r = attached_list(section->payload, section->name, arena, &attached, ret_error);
        for (size_t k = 0; r == 0 && k < attached.count; k++) {
            for (size_t j = 0; j < row_count && ret->count < LIMIT_ATTACHMENT_COUNT_MAX; j++) {
                if (memcmp(rows[j].root, attached.items[k]->root.data, 32) != 0) continue;
                ret->items[ret->count++] = (struct client_attachment){
                    .row = rows[j], .section = section->name, .entry = attached.items[k]};
                break;
            }
        }
    }
    return r;
}

static int shown_state(const struct box_attachment *row)
{
    if (row->state == BOX_ATTACHMENT_CLOSED) return LEADBUS_ATTACHMENT_REFUSED;
    bool roomless = row->state == BOX_ATTACHMENT_WANTED && row->code == E_ATTACHMENT_ROOM;
    return roomless ? LEADBUS_ATTACHMENT_NO_ROOM : row->state;
}

void client_attachment_view(const leadbus *lb, const struct client_attachment *item,
                            struct leadbus_attachment *ret)
{
    const struct engine_transfer *transfer = engine_transfer_find(lb->engine, item->row.number);
    *ret = (struct leadbus_attachment){
        .size = sizeof *ret,
        .section = item->section,
        .name = item->entry->name,
        .media_type = item->entry->media_type,
        .bytes = item->entry->size,
        .confirmed = item->entry->confirmed,
        .state = shown_state(&item->row),
        .code = item->row.code,
        .chunks = (uint32_t)attachment_chunk_count(item->row.stream_len),
    };
    memcpy(ret->sha256, item->entry->sha256.data, sizeof ret->sha256);
    bool through = ret->state == LEADBUS_ATTACHMENT_SENT || ret->state == LEADBUS_ATTACHMENT_HERE;
    ret->chunks_done = transfer ? transfer->done_count : through ? ret->chunks : 0;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

struct leadbus_reader {
    struct engine *engine;
    struct engine_file own, *file; /* own where nobody lent one */
    uint8_t *plain;
    uint64_t number; /* of the chunk in plain */
    size_t len;
    bool loaded, own_open;
};

static int find_row(leadbus *lb, const uint8_t *message, size_t i, struct box_attachment *ret,
                    struct error *ret_error)
{
    struct box_attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    size_t count = 0;
    int r =
        box_attachments_of(lb->box, message, rows, LIMIT_ATTACHMENT_COUNT_MAX, &count, ret_error);
    if (r == 0 && i >= count)
        r = error_say(ret_error, E_NOT_FOUND, "attachment", "共 %zu 个附件", "of %zu attachments",
                      count);
    if (r < 0) return r;
    *ret = rows[i];
    if (ret->state == BOX_ATTACHMENT_WANTED && ret->code == E_ATTACHMENT_ROOM)
        return error_say(ret_error, E_ATTACHMENT_ROOM, "attachment", "超过发送单位的份额，尚未接收",
                         "above its sender's share: not fetched yet");
    if (ret->state == BOX_ATTACHMENT_WANTED)
        return error_say(ret_error, E_ATTACHMENT_PENDING, "attachment", "尚未收全",
                         "not all of it is here");
    if (ret->state == BOX_ATTACHMENT_REFUSED || ret->state == BOX_ATTACHMENT_CLOSED)
        return error_say(ret_error, ret->code, "attachment", "收到时已拒收",
                         "refused when it came");
    return 0;
}

static struct leadbus_reader *reader_new(struct engine *engine)
{
    struct leadbus_reader *reader = calloc(1, sizeof *reader);
    CHECK(reader != NULL);
    reader->engine = engine;
    reader->plain = malloc(LIMIT_CHUNK_PLAIN_BYTES);
    CHECK(reader->plain != NULL);
    return reader;
}

int leadbus_attachment_open(leadbus *lb, const uint8_t *message, size_t i,
                            leadbus_reader **ret_reader, struct leadbus_error *ret_error)
{
    struct error error = {0};
    struct box_attachment row;
    if (lb->dead) return client_failed(ret_error, &lb->death);
    int r = find_row(lb, message, i, &row, &error);
    if (r < 0) return client_failed(ret_error, &error);
    struct leadbus_reader *reader = reader_new(lb->engine);
    r = engine_file_open(lb->engine, &row, &reader->own, &error);
    if (r < 0) {
        leadbus_attachment_close(reader);
        return client_failed(ret_error, &error);
    }
    reader->own_open = true;
    reader->file = &reader->own;
    *ret_reader = reader;
    return 0;
}

void leadbus_attachment_close(leadbus_reader *reader)
{
    if (!reader) return;
    if (reader->own_open) engine_file_fini(&reader->own);
    sodium_memzero(reader->plain, LIMIT_CHUNK_PLAIN_BYTES);
    free(reader->plain);
    free(reader);
}

int leadbus_attachment_read(leadbus_reader *reader, uint64_t offset, void *ret_data, size_t cap,
                            size_t *ret_len, struct leadbus_error *ret_error)
{
    struct error error = {0};
    uint8_t *to = ret_data;
    size_t done = 0;
    while (done < cap && offset < reader->file->size) {
        uint64_t number = offset / LIMIT_CHUNK_PLAIN_BYTES;
        size_t skip = (size_t)(offset % LIMIT_CHUNK_PLAIN_BYTES);
        if (!reader->loaded || reader->number != number) {
            reader->loaded = false;
            int r = engine_file_read(reader->file, number, reader->plain, &reader->len, &error);
            if (r == E_CHUNK_INVALID || r == E_NOT_FOUND)
                engine_file_damaged(reader->engine, &reader->file->row);
            if (r < 0) return client_failed(ret_error, &error);
            reader->loaded = true;
            reader->number = number;
        }
        size_t len = reader->len - skip < cap - done ? reader->len - skip : cap - done;
        memcpy(to + done, reader->plain + skip, len);
        done += len;
        offset += len;
    }
    *ret_len = done;
    return 0;
}

static struct leadbus_attachment file_view(const struct engine_file *file)
{
    struct leadbus_attachment view = {
        .size = sizeof view,
        .section = file->section,
        .name = file->name,
        .media_type = file->media_type,
        .bytes = file->size,
        .confirmed = file->confirmed,
        .state = LEADBUS_ATTACHMENT_FETCHING,
        .chunks = (uint32_t)attachment_chunk_count(file->row.stream_len),
        .chunks_done = (uint32_t)attachment_chunk_count(file->row.stream_len),
    };
    memcpy(view.sha256, file->sha256, sizeof view.sha256);
    return view;
}

/* What the driver found wrong. */
static int verdict(int r, const struct leadbus_error *error, struct error *ret_error)
{
    if (r == 0) return 0;
    (void)error_set(ret_error, r < 0 ? r : E_PAYLOAD_INVALID, error->field, "%s", error->detail);
    (void)error_note_zh(ret_error, "%s", error->detail_zh);
    return r < 0 ? r : E_PAYLOAD_INVALID;
}

int client_examine_attachment(void *ctx, const struct engine_file *file, uint64_t offset,
                              struct bytes piece, struct error *ret_error)
{
    leadbus *lb = ctx;
    struct leadbus_error error = {0};
    struct leadbus_attachment view = file_view(file);
    int r = lb->options.examine_attachment(lb->options.ctx, file->kind, &view, offset, piece.data,
                                           piece.len, &error);
    return r == LEADBUS_LATER && piece.len == 0 ? 1 : verdict(r, &error, ret_error);
}

void leadbus_examined(leadbus *lb)
{
    if (!lb->dead) engine_examined(lb->engine);
}

int client_check_attachment(void *ctx, struct engine_file *file, struct error *ret_error)
{
    leadbus *lb = ctx;
    struct leadbus_error error = {0};
    struct leadbus_attachment view = file_view(file);
    struct leadbus_reader *reader = reader_new(lb->engine);
    reader->file = file;
    int r = lb->options.check_attachment(lb->options.ctx, file->kind, &view, reader, &error);
    leadbus_attachment_close(reader);
    return verdict(r, &error, ret_error);
}
