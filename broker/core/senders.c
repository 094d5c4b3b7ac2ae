/* What each certificate has sent: sequence numbers, and what stood behind each of them. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"

const struct core_sender *core_sender_find(const struct core *core, uint64_t serial)
{
    uint8_t key[8];
    store_u64(key, serial);
    const uint64_t *slot = map_find(&core->sender_of, key);
    return slot ? &core->senders[*slot] : NULL;
}

struct core_sender *core_sender_put(struct core *core, uint64_t serial)
{
    uint8_t key[8];
    bool new;
    store_u64(key, serial);
    uint64_t *slot = map_put(&core->sender_of, key, &new);
    if (new) {
        core->senders = core_grow(core->senders, &core->sender_cap, core->sender_count + 1,
                                  sizeof *core->senders);
        *slot = core->sender_count++;
        core->senders[*slot] = (struct core_sender){.serial = serial};
    }
    return &core->senders[*slot];
}

const struct core_seen *core_sender_seen(const struct core_sender *sender, unsigned lane,
                                         uint64_t seq)
{
    if (!sender || seq == 0 || seq > sender->lanes[lane].highest) return NULL;
    const struct core_seen *seen = &sender->lanes[lane].seen[seq - 1];
    return seen->index ? seen : NULL;
}

void core_sender_count(struct core_sender *sender, uint64_t time_ms)
{
    uint64_t minute = time_ms / 60000;
    if (sender->quota_minute != minute) sender->quota_count = 0;
    sender->quota_minute = minute;
    sender->quota_count++;
}

int core_sender_check_quota(const struct core *core, uint64_t serial, uint64_t now_ms,
                            struct core_verdict *verdict)
{
    uint32_t quota = core->config.quota_per_minute;
    const struct core_sender *sender = quota > 0 ? core_sender_find(core, serial) : NULL;
    if (!sender || sender->quota_minute != now_ms / 60000 || sender->quota_count < quota) return 0;
    verdict->retry_after_ms = (uint32_t)(60000 - now_ms % 60000);
    return error_say(&verdict->error, E_QUOTA, "serial", "每分钟最多 %u 条", "%u in a minute",
                     (unsigned)quota);
}

void core_sender_note(struct core_sender *sender, unsigned lane, uint64_t seq, uint64_t index,
                      const uint8_t hash[32])
{
    uint64_t highest = sender->lanes[lane].highest;
    if (seq > highest) {
        sender->lanes[lane].seen = core_grow(sender->lanes[lane].seen, &sender->lanes[lane].cap,
                                             (size_t)seq, sizeof(struct core_seen));
        memset(&sender->lanes[lane].seen[highest], 0,
               (size_t)(seq - highest) * sizeof(struct core_seen));
        sender->lanes[lane].highest = seq;
    }
    sender->lanes[lane].seen[seq - 1] = (struct core_seen){index, load_u64(hash)};
}
