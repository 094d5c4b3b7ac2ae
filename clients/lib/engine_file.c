/* The file behind a row of a message, read back chunk by chunk. */
#include <sodium.h>

#include "clients/lib/engine_file.h"

int engine_files_of(struct bytes payload, const char *section, struct arena *arena,
                    struct attached *ret, struct error *ret_error)
{
    int r = attached_list(payload, section, arena, ret, ret_error);
    if (r != E_BAD_FORM) return r;
    if (ret_error) ret_error->code = 0;
    ret->count = 0;
    return 0;
}

/* The entry with that root among a message's sections. */
static int find_entry(struct engine *engine, const uint8_t thread[16], const uint8_t id[16],
                      struct bytes sealed, struct engine_file *file, struct error *ret_error)
{
    struct content content;
    struct arena arena;
    bool found = false;
    int r = content_open(engine, thread, id, sealed, &content, ret_error);
    if (r < 0) return r;
    arena_init(&arena, ENGINE_FILES_ARENA_BYTES_MAX);
    for (size_t i = 0; i < content.section_count && r == 0 && !found; i++) {
        const struct content_section *section = &content.sections[i];
        struct attached attached;
        r = engine_files_of(section->payload, section->name, &arena, &attached, ret_error);
        for (size_t k = 0; r == 0 && k < attached.count && !found; k++) {
            const Leadbus__Payload__Attachment *one = attached.items[k];
            if (memcmp(one->root.data, file->row.root, 32) != 0) continue;
            found = true;
            engine_copy(file->section, sizeof file->section, section->name);
            engine_copy(file->name, sizeof file->name, one->name);
            engine_copy(file->media_type, sizeof file->media_type, one->media_type);
            file->size = one->size;
            file->confirmed = one->confirmed;
            memcpy(file->key, one->key.data, SUITE_KEY_LEN);
            memcpy(file->sha256, one->sha256.data, 32);
        }
    }
    arena_fini(&arena);
    content_fini(&content);
    if (r == 0 && !found)
        r = error_say(ret_error, E_NOT_FOUND, "attachment", "消息内容中没有它",
                      "not among the message's sections");
    return r;
}

int engine_file_open(struct engine *engine, const struct box_attachment *row,
                     struct engine_file *ret, struct error *ret_error)
{
    struct box_in in;
    struct box_out out;
    struct buf sealed = {0};
    const uint8_t *thread = in.thread;
    struct engine_file file = {.engine = engine, .row = *row};
    int r = box_in_find(engine->box, row->message, &in, NULL);
    if (r == 0) {
        engine_copy(file.kind, sizeof file.kind, in.kind);
        r = box_in_body(engine->box, in.number, NULL, &sealed, NULL, ret_error);
    } else if (r == E_NOT_FOUND) {
        r = box_out_find(engine->box, row->message, &out, ret_error);
        if (r == 0) engine_copy(file.kind, sizeof file.kind, out.kind);
        if (r == 0) r = box_out_body(engine->box, out.number, NULL, &sealed, ret_error);
        thread = out.thread;
    }
    if (r == 0) r = find_entry(engine, thread, row->message, buf_bytes(&sealed), &file, ret_error);
    buf_fini(&sealed);
    if (r == 0) *ret = file;
    sodium_memzero(&file, sizeof file);
    return r;
}

void engine_file_fini(struct engine_file *file)
{
    buf_fini(&file->leaves);
    sodium_memzero(file, sizeof *file);
}

int engine_file_read(struct engine_file *file, uint64_t number, uint8_t *ret_plain, size_t *ret_len,
                     struct error *ret_error)
{
    const char *folder = file->engine->options.chunks;
    const struct suite *suite = file->engine->suite;
    uint64_t stream_len = file->row.stream_len;
    struct buf chunk = {0};
    int r = 0;
    if (!folder || number >= attachment_chunk_count(stream_len))
        return error_say(ret_error, E_NOT_FOUND, "attachment", "没有这个分块", "no such chunk");
    if (file->leaves.len == 0) {
        r = chunks_leaves(folder, file->row.root, &file->leaves, ret_error);
        if (r == 0)
            r = attachment_leaves_check(buf_bytes(&file->leaves), stream_len, file->row.root,
                                        ret_error);
        if (r < 0) buf_fini(&file->leaves);
    }
    if (r == 0) r = chunks_get(folder, file->row.root, (uint32_t)number, &chunk, ret_error);
    if (r == 0)
        r = attachment_chunk_check(buf_bytes(&file->leaves), stream_len, number, buf_bytes(&chunk),
                                   ret_error);
    if (r == 0) {
        r = attachment_chunk_open(suite, file->key, stream_len, number, buf_bytes(&chunk),
                                  ret_plain);
        if (r < 0)
            r = error_say(ret_error, E_CHUNK_INVALID, "attachment",
                          "分块 %llu 解不开：发送方封装有误",
                          "chunk %llu does not open: its sender sealed it wrongly",
                          (unsigned long long)number);
    }
    if (r == 0) {
        uint64_t start = number * LIMIT_CHUNK_PLAIN_BYTES;
        size_t len = chunk.len - SUITE_TAG_LEN;
        size_t own = file->size <= start                  ? 0
                     : file->size - start < (uint64_t)len ? (size_t)(file->size - start)
                                                          : len;
        if (own < len && !sodium_is_zero(ret_plain + own, len - own))
            r = error_say(ret_error, E_CHUNK_INVALID, "attachment", "填充不全为零",
                          "padding that is not zero");
        *ret_len = own;
    }
    buf_fini(&chunk);
    return r;
}
