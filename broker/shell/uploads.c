#include "broker/shell/uploads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/base/map.h"

/* What one unit's envelopes named, by the hour: slot n % UPLOADS_HOUR_COUNT is of the hour n that
 * stands beside it. */
struct day {
    struct day *next;
    char unit[LIMIT_SLUG_LEN_MAX + 1];
    uint64_t hours[UPLOADS_HOUR_COUNT], bytes[UPLOADS_HOUR_COUNT];
};

struct uploads {
    struct map by_root;
    struct upload *first;
    struct day *days;
    uint64_t bytes_max, day_bytes_max, keep_ms;
};

int uploads_new(uint64_t bytes_max, uint64_t day_bytes_max, uint64_t keep_ms,
                const uint8_t hash_key[16], struct uploads **ret_uploads, struct error *ret_error)
{
    struct uploads *uploads = (struct uploads *)calloc(1, sizeof *uploads);
    if (!uploads) return error_set(ret_error, E_NO_MEMORY, NULL, "uploads");
    uploads->bytes_max = bytes_max;
    uploads->day_bytes_max = day_bytes_max;
    uploads->keep_ms = keep_ms;
    map_init(&uploads->by_root, 32, hash_key);
    *ret_uploads = uploads;
    return 0;
}

void uploads_free(struct uploads *uploads)
{
    if (!uploads) return;
    while (uploads->first) uploads_remove(uploads, uploads->first);
    for (struct day *day = uploads->days, *next; day; day = next) {
        next = day->next;
        free(day);
    }
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

/* ---- of a day -----------------------------------------------------------------------------------
 */

static struct day *day_of(const struct uploads *uploads, const char *unit)
{
    struct day *day = uploads->days;
    while (day && strcmp(day->unit, unit) != 0) day = day->next;
    return day;
}

/* A slot that the clock has left behind by a day counts no more; one ahead of it does. */
static bool slot_counts(const struct day *day, uint64_t i, uint64_t now_ms)
{
    return day->bytes[i] > 0 && day->hours[i] + UPLOADS_HOUR_COUNT > now_ms / UPLOADS_HOUR_MS;
}

void uploads_accepted(struct uploads *uploads, const char *unit, uint64_t bytes, uint64_t time_ms)
{
    struct day *day = day_of(uploads, unit);
    uint64_t hour = time_ms / UPLOADS_HOUR_MS, i = hour % UPLOADS_HOUR_COUNT;
    if (!day) {
        day = (struct day *)calloc(1, sizeof *day);
        CHECK(day != NULL);
        (void)snprintf(day->unit, sizeof day->unit, "%s", unit);
        day->next = uploads->days;
        uploads->days = day;
    }
    if (day->hours[i] > hour) return; /* of a day that is over */
    if (day->hours[i] < hour) day->bytes[i] = 0;
    day->hours[i] = hour;
    day->bytes[i] += bytes;
}

uint64_t uploads_day_bytes(const struct uploads *uploads, const char *unit, uint64_t now_ms)
{
    const struct day *day = day_of(uploads, unit);
    uint64_t bytes = 0;
    for (uint64_t i = 0; day && i < UPLOADS_HOUR_COUNT; i++)
        if (slot_counts(day, i, now_ms)) bytes += day->bytes[i];
    return bytes;
}

/* When so many bytes fit into the unit's day; now_ms: at once. */
static uint64_t day_fits_ms(const struct uploads *uploads, const char *unit, uint64_t stream_len,
                            uint64_t now_ms)
{
    uint64_t at_ms = now_ms, wanted = stream_len;
    /* What is accepted and only waits for its mark to go is counted with the day. */
    for (const struct upload *one = uploads->first; one; one = one->next)
        if (one->state != UPLOAD_ACCEPTED && strcmp(one->unit, unit) == 0)
            wanted += one->stream_len;
    for (uint64_t turn = 0; turn < UPLOADS_HOUR_COUNT; turn++) {
        if (uploads_day_bytes(uploads, unit, at_ms) + wanted <= uploads->day_bytes_max) break;
        at_ms = (at_ms / UPLOADS_HOUR_MS + 1) * UPLOADS_HOUR_MS;
    }
    return at_ms;
}

uint32_t uploads_wait_ms(const struct uploads *uploads, const char *unit, uint64_t stream_len,
                         uint64_t now_ms)
{
    uint64_t wait_ms = day_fits_ms(uploads, unit, stream_len, now_ms) - now_ms;
    if (wait_ms < UPLOADS_RETRY_MS) return UPLOADS_RETRY_MS;
    return wait_ms > UPLOADS_RETRY_MAX_MS ? UPLOADS_RETRY_MAX_MS : (uint32_t)wait_ms;
}

static int check_day(const struct uploads *uploads, const char *unit, uint64_t stream_len,
                     uint64_t now_ms, struct error *ret_error)
{
    uint64_t fits_ms = day_fits_ms(uploads, unit, stream_len, now_ms);
    if (fits_ms == now_ms) return 0;
    unsigned long long minutes = (fits_ms - now_ms + 59999) / 60000;
    return error_say(
        ret_error, E_QUOTA, "attachments",
        "24 小时内附件已入账 %llu 字节，上限 %llu；约 %llu 分钟后自动续传，急件请先不带附件发送",
        "%llu bytes of attachments in 24 hours, at most %llu; it goes on by itself in about %llu "
        "minutes: send what is urgent without files",
        (unsigned long long)uploads_day_bytes(uploads, unit, now_ms),
        (unsigned long long)uploads->day_bytes_max, minutes);
}

/* ---- on their way -------------------------------------------------------------------------------
 */

int uploads_add(struct uploads *uploads, const char *unit, const uint8_t root[32],
                uint64_t stream_len, struct bytes leaves, uint64_t now_ms,
                struct upload **ret_upload, struct error *ret_error)
{
    size_t count = 0;
    for (const struct upload *one = uploads->first; one; one = one->next)
        count += strcmp(one->unit, unit) == 0;
    if (count >= UPLOADS_PER_UNIT_MAX)
        return error_say(ret_error, E_BUSY, "attachments", "%2$s 有 %1$zu 个附件尚未随消息入账",
                         "%zu of %s wait for their envelopes", count, unit);
    uint64_t taken = uploads_unit_bytes(uploads, unit);
    if (taken + stream_len > uploads->bytes_max)
        return error_say(ret_error, E_QUOTA, "attachments",
                         "%2$s 尚有 %1$llu 字节附件未随消息入账，上限 %3$llu",
                         "%1$llu bytes of %2$s wait for their envelopes, at most %3$llu",
                         (unsigned long long)taken, unit, (unsigned long long)uploads->bytes_max);
    int code = check_day(uploads, unit, stream_len, now_ms, ret_error);
    if (code) return code;
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
