#include "broker/shell/lead.h"

#include "proto/base/check.h"
#include "proto/base/map.h"
#include "proto/host/log.h"
#include "proto/record.h"

struct entry {
    struct lead lead;
    struct arena arena;
    struct buf record; /* of one that was read back */
    struct buf blobs[LIMIT_SECTION_COUNT_MAX];
    size_t bytes;
    struct entry *newer, *older;
};

struct lead_cache {
    struct store *reader;
    struct map by_index;
    struct entry *newest, *oldest;
    size_t bytes;
};

int lead_cache_new(struct store *reader, const uint8_t hash_key[16], struct lead_cache **ret_cache,
                   struct error *ret_error)
{
    struct lead_cache *cache = (struct lead_cache *)calloc(1, sizeof *cache);
    if (!cache) return error_set(ret_error, E_NO_MEMORY, NULL, "lead cache");
    cache->reader = reader;
    map_init(&cache->by_index, 8, hash_key);
    *ret_cache = cache;
    return 0;
}

static void entry_free(struct entry *entry)
{
    if (!entry) return;
    arena_fini(&entry->arena);
    buf_fini(&entry->record);
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) buf_fini(&entry->blobs[i]);
    free(entry);
}

static void detach(struct lead_cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
    entry->newer = entry->older = NULL;
}

static void attach(struct lead_cache *cache, struct entry *entry)
{
    entry->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

void lead_cache_free(struct lead_cache *cache)
{
    if (!cache) return;
    while (cache->oldest) {
        struct entry *entry = cache->oldest;
        detach(cache, entry);
        entry_free(entry);
    }
    map_fini(&cache->by_index);
    free(cache);
}

static void drop(struct lead_cache *cache, struct entry *entry)
{
    detach(cache, entry);
    cache->bytes -= entry->bytes;
    map_delete(&cache->by_index, &entry->lead.index, NULL);
    entry_free(entry);
}

static void insert(struct lead_cache *cache, struct entry *entry)
{
    entry->bytes = sizeof *entry + entry->arena.used_bytes + entry->record.cap;
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) entry->bytes += entry->blobs[i].cap;
    cache->bytes += entry->bytes;
    attach(cache, entry);
    map_put_pointer(&cache->by_index, &entry->lead.index, entry);
    while (cache->bytes > LEAD_CACHE_BYTES_MAX && cache->oldest != entry)
        drop(cache, cache->oldest);
}

void lead_cache_put(struct lead_cache *cache, uint64_t index, uint64_t time_ms,
                    uint32_t accepted_flags, uint32_t rules, struct job *job)
{
    CHECK(job->envelope != NULL);
    if (map_find(&cache->by_index, &index)) return;
    struct entry *entry = (struct entry *)calloc(1, sizeof *entry);
    if (!entry) return; /* it will be read back */
    entry->lead = (struct lead){.index = index,
                                .time_ms = time_ms,
                                .accepted_flags = accepted_flags,
                                .rules = rules,
                                .envelope = *job->envelope};
    entry->arena = job->arena;
    job->arena = (struct arena){0};
    job->envelope = NULL;
    job->frame = NULL;
    insert(cache, entry);
}

void lead_cache_forget(struct lead_cache *cache, uint64_t index)
{
    struct entry *entry = (struct entry *)map_find_pointer(&cache->by_index, &index);
    if (entry) drop(cache, entry);
}

static int load(struct lead_cache *cache, uint64_t index, struct entry *entry,
                struct error *ret_error)
{
    int code = store_read_intact(cache->reader, index, &entry->record, ret_error);
    if (code) return code;
    arena_init(&entry->arena, (size_t)LIMIT_RECORD_BYTES_MAX * 16);
    const Leadbus__Record *record;
    code = record_decode(buf_bytes(&entry->record), &entry->arena, &record, ret_error);
    if (code) return code;
    if (record->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return error_say(ret_error, E_NOT_FOUND, NULL, "记录 %llu 不是已入账的消息",
                         "record %llu is no accepted envelope", (unsigned long long)index);
    const Leadbus__Accepted *accepted = record->accepted;
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    if (accepted->n_commits > LIMIT_SECTION_COUNT_MAX)
        return error_set(ret_error, E_JOURNAL_CORRUPT, NULL, "record %llu",
                         (unsigned long long)index);
    for (size_t i = 0; i < accepted->n_commits; i++)
        commits[i] = bytes_of(accepted->commits[i].data, accepted->commits[i].len);
    struct envelope *envelope = &entry->lead.envelope;
    code = envelope_from_record(bytes_of(accepted->header.data, accepted->header.len),
                                bytes_of(accepted->wraps.data, accepted->wraps.len), commits,
                                accepted->n_commits,
                                bytes_of(accepted->manifest.data, accepted->manifest.len),
                                bytes_of(accepted->signature.data, accepted->signature.len),
                                &entry->arena, envelope, ret_error);
    if (code) return code;
    for (size_t i = 0; i < envelope->section_count; i++) {
        code = store_blob(cache->reader, index, (unsigned)i, &entry->blobs[i], ret_error);
        if (code && code != E_NOT_FOUND) return code;
        envelope->ciphertexts[i] = buf_bytes(&entry->blobs[i]);
    }
    /* The recipient refuses what is damaged and the sender hears of it; the queue goes on. The
     * operator hears of the disk here. */
    struct error damage = {0};
    code = envelope_check_ciphertexts(envelope, false, &damage);
    if (code) log_failure(LOG_LEVEL_ERROR, "ciphertext_damaged", code, &damage);
    entry->lead.index = index;
    entry->lead.time_ms = record->time_ms;
    entry->lead.accepted_flags = accepted->flags;
    entry->lead.rules = record->rules;
    return 0;
}

int lead_cache_get(struct lead_cache *cache, uint64_t index, const struct lead **ret_lead,
                   struct error *ret_error)
{
    struct entry *entry = (struct entry *)map_find_pointer(&cache->by_index, &index);
    if (entry) {
        detach(cache, entry);
        attach(cache, entry);
        *ret_lead = &entry->lead;
        return 0;
    }
    entry = (struct entry *)calloc(1, sizeof *entry);
    if (!entry) return error_set(ret_error, E_NO_MEMORY, NULL, "lead");
    int code = load(cache, index, entry, ret_error);
    if (code) {
        entry_free(entry);
        return code;
    }
    insert(cache, entry);
    *ret_lead = &entry->lead;
    return 0;
}
