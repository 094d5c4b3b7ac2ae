/* The state's digest: SHA-256 over a serialisation that names no slot and follows no map. */
#include <string.h>

#include "broker/core/core_inner.h"

enum { DIGEST_CHUNK_BYTES = 16384 };

struct digest {
    uint32_t rules;
    struct sha256_state hash;
    struct buf buf;
};

static void digest_flush(struct digest *digest, size_t above)
{
    if (digest->buf.len <= above) return;
    sha256_add(&digest->hash, buf_bytes(&digest->buf));
    buf_reset(&digest->buf);
}

static void digest_text(struct buf *buf, const char *text)
{
    buf_append_prefixed(buf, bytes_of_str(text));
}

static void digest_head(const struct core *core, struct digest *digest)
{
    struct buf *buf = &digest->buf;
    digest_text(buf, "leadbus/1 state");
    digest_text(buf, core->origin);
    digest_text(buf, core->bus);
    buf_append(buf, core->root, sizeof core->root);
    buf_append_u64(buf, core->root_version);
    buf_append_u64(buf, core->size);
    buf_append_u64(buf, core->time_ms);
    buf_append_u64(buf, core->config_index);
    buf_append_u32(buf, core->config.credit_max);
    buf_append_u64(buf, core->config.created_skew_ms);
    buf_append_u64(buf, core->config.created_age_ms);
    buf_append_u64(buf, core->config.bundle_grace_ms);
    buf_append_u32(buf, core->config.quota_per_minute);
    buf_append_u64(buf, core->config.waiting_max);
    buf_append_u64(buf, core->config.attachment_bytes_max);
    const struct core_installed *installed[] = {&core->now, &core->before};
    for (size_t i = 0; i < 2; i++) {
        uint8_t hash[32] = {0};
        if (installed[i]->bundle) sha256(trust_bundle_manifest(installed[i]->bundle), hash);
        buf_append(buf, hash, sizeof hash);
        buf_append_u64(buf, installed[i]->since_ms);
        buf_append_u64(buf, installed[i]->index);
    }
    buf_append_u64(buf, core->kind_count);
    for (size_t i = 0; i < core->kind_count; i++) {
        const struct plan_kind *kind = &core->kinds[i]->kind;
        digest_text(buf, kind->slug);
        buf_append_u32(buf, kind->expects);
        buf_append_u8(buf, kind->returnable);
        buf_append_u8(buf, kind->last_resort);
        buf_append_u8(buf, (uint8_t)kind->family);
        buf_append_u8(buf, (uint8_t)kind->act);
        if (digest->rules == 1) continue;
        buf_append_u8(buf, kind->exempt);
        buf_append_u8(buf, (uint8_t)(kind->reported | kind->erased << 1));
        buf_append_u64(buf, core->kinds[i]->topic_count);
        for (size_t k = 0; k < core->kinds[i]->topic_count; k++)
            digest_text(buf, core->kinds[i]->topics[k]);
    }
    if (digest->rules > 1) {
        buf_append_u64(buf, core->clause_count);
        for (size_t i = 0; i < core->clause_count; i++) digest_text(buf, core->clauses[i]);
    }
    buf_append_u64(buf, core->key_count);
    for (size_t i = 0; i < core->key_count; i++) {
        buf_append_u64(buf, core->keys[i].serial);
        buf_append_prefixed(buf, buf_bytes(&core->keys[i].body));
        buf_append_prefixed(buf, buf_bytes(&core->keys[i].signature));
        buf_append_u64(buf, core->keys[i].index);
    }
    buf_append_u64(buf, core->keys_index);
    for (size_t i = 0; i < core->former_count; i++) {
        digest_text(buf, core->formers[i].origin);
        buf_append_u64(buf, core->formers[i].end);
    }
}

static void digest_lane(const struct core *core, const struct core_lane *lane,
                        struct digest *digest)
{
    struct buf *buf = &digest->buf;
    buf_append_u64(buf, lane->acked);
    buf_append(buf, lane->running, sizeof lane->running);
    buf_append_u64(buf, lane->count);
    for (uint32_t i = 0; i < lane->count; i++) {
        const struct core_place *place = &lane->ring[(lane->head + i) & (lane->cap - 1)];
        const struct core_item *item = &core->items[place->item];
        buf_append_u64(buf, place->index);
        buf_append_u8(buf, (uint8_t)place->flags);
        buf_append(buf, item->hash, sizeof item->hash);
        buf_append_u64(buf, item->expires_ms);
        buf_append_u8(buf, item->expired);
        digest_flush(digest, DIGEST_CHUNK_BYTES);
    }
}

static void digest_units(const struct core *core, struct digest *digest)
{
    struct buf *buf = &digest->buf;
    buf_append_u64(buf, core->unit_count);
    for (size_t i = 0; i < core->unit_count; i++) {
        const struct core_unit *unit = core->units[i];
        digest_text(buf, unit->key);
        buf_append_u64(buf, unit->accepted);
        buf_append_u64(buf, unit->delivered);
        buf_append_u64(buf, unit->waiting);
        buf_append_u64(buf, unit->expired);
        buf_append_u64(buf, unit->undeliverable);
        buf_append_u64(buf, unit->withdrawn);
        buf_append_u64(buf, unit->unkeyed);
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++)
            digest_lane(core, &unit->lanes[lane], digest);
    }
}

static void digest_senders(const struct core *core, struct digest *digest)
{
    struct buf *buf = &digest->buf;
    buf_append_u64(buf, core->sender_count);
    for (size_t i = 0; i < core->sender_count; i++) {
        const struct core_sender *sender = &core->senders[i];
        buf_append_u64(buf, sender->serial);
        buf_append_u64(buf, sender->quota_minute);
        buf_append_u32(buf, sender->quota_count);
        buf_append_u64(buf, sender->epoch);
        buf_append_u64(buf, sender->keys_day);
        buf_append_u32(buf, sender->keys_count);
        for (unsigned lane = 0; lane < ENVELOPE_LANE_COUNT; lane++) {
            buf_append_u64(buf, sender->lanes[lane].highest);
            for (uint64_t k = 0; k < sender->lanes[lane].highest; k++) {
                buf_append_u64(buf, sender->lanes[lane].seen[k].index);
                buf_append_u64(buf, sender->lanes[lane].seen[k].hash);
                digest_flush(digest, DIGEST_CHUNK_BYTES);
            }
        }
    }
}

static void digest_clocks(const struct core_clocks *leg, struct buf *buf)
{
    const struct clocks *clocks = &leg->clocks;
    for (int i = 0; i < PLAN_CLOCK_LEG_COUNT; i++) {
        buf_append_u32(buf, clocks->due_s[i]);
        buf_append_u32(buf, clocks->at_s[i]);
    }
    buf_append_u32(buf, clocks->ended_s);
    buf_append_u32(buf, clocks->paused_s);
    buf_append_u16(buf, leg->clause);
    buf_append_u8(buf, clocks->missed);
    buf_append_u8(buf, clocks->ended_by);
    buf_append_u8(buf, clocks->extended);
    buf_append_u8(buf, clocks->dated);
    buf_append_u8(buf, clocks->over);
}

/* What the second rules ask of a message. */
static void digest_message(const struct core_message *message, struct buf *buf)
{
    buf_append_u32(buf, message->lead);
    buf_append_u32(buf, message->about);
    buf_append_u32(buf, message->other);
    buf_append_u16(buf, message->topic);
    buf_append_u16(buf, message->target);
    buf_append_u8(buf, message->leg);
    buf_append_u8(buf, message->bits);
    buf_append_u64(buf, message->time_ms);
    buf_append_u64(buf, message->due_ms);
}

static void digest_chain(const struct core_chain *chain, struct buf *buf)
{
    const struct chains_custody *custody = &chain->custody;
    buf_append_u64(buf, chain->step_count);
    for (size_t i = 0; i < chain->step_count; i++) {
        buf_append_u16(buf, chain->steps[i].name);
        buf_append_u8(buf, chain->steps[i].owed);
        buf_append_u8(buf, chain->steps[i].moot);
        buf_append_u64(buf, chain->steps[i].at_ms);
        buf_append_u64(buf, chain->steps[i].recorded_ms);
    }
    buf_append_u8(buf, custody->holder);
    buf_append_u16(buf, custody->unit);
    buf_append_u32(buf, custody->gap_count);
    buf_append_u64(buf, custody->since_ms);
    buf_append_u64(buf, custody->offered_ms);
    buf_append_u64(buf, custody->gap_from_ms);
    buf_append_u64(buf, custody->gap_until_ms);
    buf_append_u32(buf, chain->alarm);
}

static void digest_alarm(const struct core_alarm *alarm, struct buf *buf)
{
    buf_append_u32(buf, alarm->message);
    buf_append_u16(buf, alarm->unit);
    buf_append_u8(buf, alarm->what);
    buf_append_u8(buf, alarm->done);
    buf_append_u64(buf, alarm->from_ms);
    buf_append_u64(buf, alarm->until_ms);
}

static void digest_threads(const struct core *core, struct digest *digest)
{
    struct buf *buf = &digest->buf;
    buf_append_u64(buf, core->message_count);
    for (size_t i = 0; i < core->message_count; i++) {
        const struct core_message *message = &core->messages[i];
        buf_append(buf, message->id, sizeof message->id);
        buf_append_u64(buf, message->index);
        buf_append_u32(buf, message->thread);
        buf_append_u16(buf, message->from);
        buf_append_u16(buf, message->kind);
        buf_append_u8(buf, message->urgency);
        buf_append_u8(buf, message->party_count);
        for (size_t k = 0; k < message->party_count; k++) {
            const struct core_party *party = &core->parties[message->party + k];
            buf_append_u16(buf, party->unit);
            buf_append_u8(buf, party->state);
            buf_append_u8(buf, party->bits);
            if (digest->rules > 1) buf_append_u32(buf, party->last);
            if (digest->rules > 1 && party->clocks != CORE_NONE)
                digest_clocks(&core->clocks[party->clocks], buf);
        }
        if (digest->rules > 1) digest_message(message, buf);
        digest_flush(digest, DIGEST_CHUNK_BYTES);
    }
    buf_append_u64(buf, core->thread_count);
    for (size_t i = 0; i < core->thread_count; i++) {
        const struct core_thread *thread = &core->threads[i];
        buf_append_u64(buf, thread->changed_size);
        buf_append_u32(buf, thread->participant_count);
        const struct core_participant *participants = core_thread_list(thread);
        for (size_t k = 0; k < thread->participant_count; k++) {
            buf_append_u16(buf, participants[k].unit);
            buf_append_u8(buf, participants[k].role);
        }
        if (digest->rules > 1) buf_append_u8(buf, thread->bound);
        if (digest->rules > 1) buf_append_u8(buf, thread->passed);
        if (digest->rules > 1) buf_append_u8(buf, thread->listed);
        if (digest->rules > 1) buf_append_u8(buf, thread->raised);
        if (digest->rules > 1 && thread->chain != CORE_NONE)
            digest_chain(&core->chains[thread->chain], buf);
        digest_flush(digest, DIGEST_CHUNK_BYTES);
    }
    for (size_t i = 0; digest->rules > 1 && i < core->alarm_count; i++) {
        digest_alarm(&core->alarms[i], buf);
        digest_flush(digest, DIGEST_CHUNK_BYTES);
    }
}

static void digest_rewraps(const struct core *core, struct digest *digest)
{
    struct buf *buf = &digest->buf;
    buf_append_u64(buf, core->rewrap_count);
    for (size_t i = 0; i < core->rewrap_count; i++) {
        const struct core_rewrap *rewrap = &core->rewraps[i];
        buf_append(buf, rewrap->name, sizeof rewrap->name);
        buf_append_u32(buf, rewrap->count);
        for (uint32_t k = 0; k < rewrap->count; k++) {
            buf_append_u64(buf, rewrap->indexes[k]);
            buf_append_u64(buf, rewrap->bodies[k]);
        }
        digest_flush(digest, DIGEST_CHUNK_BYTES);
    }
}

void core_digest(const struct core *core, uint8_t ret_digest[32])
{
    core_digest_by(core, RECORD_RULES_VERSION, ret_digest);
}

void core_digest_by(const struct core *core, uint32_t rules, uint8_t ret_digest[32])
{
    struct digest digest;
    memset(&digest, 0, sizeof digest);
    digest.rules = rules;
    sha256_begin(&digest.hash);
    digest_head(core, &digest);
    digest_units(core, &digest);
    digest_senders(core, &digest);
    digest_threads(core, &digest);
    digest_rewraps(core, &digest);
    digest_flush(&digest, 0);
    sha256_end(&digest.hash, ret_digest);
    buf_fini(&digest.buf);
}
