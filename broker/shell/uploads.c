#include "broker/shell/uploads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/base/map.h"

struct uploads {
    struct map by_root;
    struct upload *first;
    uint64_t bytes_max, keep_ms;
};

int uploads_new(uint64_t bytes_max, uint64_t keep_ms, const uint8_t hash_key[16],
                struct uploads **ret_uploads, struct error *ret_error)
{
    struct uploads *uploads = (struct uploads *)calloc(1, sizeof *uploads);
    if (!uploads) return error_set(ret_error, E_NO_MEMORY, NULL, "uploads");
    uploads->bytes_max = bytes_max;
    uploads->keep_ms = keep_ms;
    map_init(&uploads->by_root, 32, hash_key);
    *ret_uploads = uploads;
    return 0;
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads) return;
    while (uploads->first) uploads_remove(uploads, uploads->first);
    map_fini(&uploads->by_root);
    free(uploads);
}

struct upload *uploads_find(const struct uploads *uploads, const uint8_t root[32])
{
    return (struct upload *)map_find_pointer(&uploads->by_root, root);
}

struct upload *uploads_next(const struct uploads *uploads, const struct upload *after)
{
    return after ? after->next : uploads->first;
}

uint64_t uploads_unit_bytes(const struct uploads *uploads, const char *unit)
{
    uint64_t bytes = 0;
    for (const struct upload *one = uploads->first; one; one = one->next)
        if (strcmp(one->unit, unit) == 0) bytes += one->stream_len;
    return bytes;
}

int uploads_add(struct uploads *uploads, const char *unit, const uint8_t root[32],
                uint64_t stream_len, struct bytes leaves, uint64_t now_ms,
                struct upload **ret_upload, struct error *ret_error)
{
    size_t count = 0;
    for (const struct upload *one = uploads->first; one; one = one->next)
        count += strcmp(one->unit, unit) == 0;
    if (count >= UPLOADS_PER_UNIT_MAX)
        return error_set(ret_error, E_BUSY, "attachments", "%zu of %s wait for their envelopes",
                         count, unit);
    uint64_t taken = uploads_unit_bytes(uploads, unit);
    if (taken + stream_len > uploads->bytes_max)
        return error_set(ret_error, E_QUOTA, "attachments",
                         "%llu bytes of %s wait for their envelopes, at most %llu",
                         (unsigned long long)taken, unit, (unsigned long long)uploads->bytes_max);
    struct upload *upload = (struct upload *)calloc(1, sizeof *upload);
    if (!upload) return error_set(ret_error, E_NO_MEMORY, NULL, "upload");
    memcpy(upload->root, root, sizeof upload->root);
    CHECK(strlen(unit) < sizeof upload->unit);
    (void)snprintf(upload->unit, sizeof upload->unit, "%s", unit);
    upload->stream_len = stream_len;
    upload->chunk_count = (uint32_t)attachment_chunk_count(stream_len);
    CHECK(leaves.len == (size_t)upload->chunk_count * MERKLE_HASH_LEN);
    buf_append_bytes(&upload->leaves, leaves);
    upload->touched_ms = now_ms;
    upload->next = uploads->first;
    uploads->first = upload;
    map_put_pointer(&uploads->by_root, upload->root, upload);
    *ret_upload = upload;
    return 0;
}

void uploads_remove(struct uploads *uploads, struct upload *upload)
{
    struct upload **place = &uploads->first;
    while (*place != upload) place = &(*place)->next;
    *place = upload->next;
    map_delete(&uploads->by_root, upload->root, NULL);
    buf_fini(&upload->leaves);
    free(upload);
}

bool uploads_stored(struct upload *upload, uint32_t number, uint64_t now_ms)
{
    upload->touched_ms = now_ms;
    if (chunks_has(upload->present, number)) return false;
    chunks_set(upload->present, number);
    return ++upload->present_count == upload->chunk_count;
}

struct upload *uploads_expired(struct uploads *uploads, uint64_t now_ms)
{
    for (struct upload *one = uploads->first; one; one = one->next) {
        if (one->busy || one->state == UPLOAD_ACCEPTED || one->state == UPLOAD_ERASING) continue;
        if (now_ms < one->touched_ms || now_ms - one->touched_ms < uploads->keep_ms) continue;
        one->state = UPLOAD_ERASING;
        return one;
    }
    return NULL;
}

struct uploads_stats uploads_stats(const struct uploads *uploads)
{
    struct uploads_stats stats = {0};
    for (const struct upload *one = uploads->first; one; one = one->next) {
        stats.count++;
        stats.bytes += one->stream_len;
    }
    return stats;
}
