/* What was rewrapped before, so that nobody fills the journal and a reader's queue with one
 * message. */
#include <string.h>

#include "broker/core/core_inner.h"

static void name_of(const Leadbus__RewrapBody *body, uint16_t from, uint16_t unit,
                    uint8_t ret_name[32])
{
    struct buf buf = {0};
    buf_append_bytes(&buf, core_binary(body->header_hash));
    buf_append_u16(&buf, from);
    buf_append_u16(&buf, unit);
    buf_append_u64(&buf, body->epoch);
    buf_append_bytes(&buf, core_binary(body->epoch_key));
    sha256(buf_bytes(&buf), ret_name);
    buf_fini(&buf);
}

static uint64_t body_mark(struct bytes raw)
{
    uint8_t hash[32];
    sha256(raw, hash);
    return load_u64(hash);
}

int core_rewrap_check(const struct core *core, const Leadbus__RewrapBody *body, struct bytes raw,
                      uint16_t from, uint16_t unit, struct core_verdict *verdict)
{
    uint8_t name[32];
    name_of(body, from, unit, name);
    const uint64_t *slot = map_find(&core->rewrap_of, name);
    if (!slot) return 0;
    const struct core_rewrap *rewrap = &core->rewraps[*slot];
    uint64_t mark = body_mark(raw);
    for (uint32_t i = 0; i < rewrap->count; i++) {
        if (rewrap->bodies[i] != mark) continue;
        verdict->index = rewrap->indexes[i];
        return error_say(&verdict->error, E_DUPLICATE, "body", "已在记录 %llu", "stands at %llu",
                         (unsigned long long)verdict->index);
    }
    if (rewrap->count < LIMIT_REWRAP_COUNT_MAX) return 0;
    verdict->index = rewrap->indexes[rewrap->count - 1];
    return error_say(&verdict->error, E_DUPLICATE, "epoch",
                     "此消息已为这把密钥补封 %u 次，最近一次在记录 %llu",
                     "%u rewraps of this message for this key, the last at %llu",
                     (unsigned)rewrap->count, (unsigned long long)verdict->index);
}

void core_rewrap_note(struct core *core, const Leadbus__RewrapBody *body, struct bytes raw,
                      uint16_t from, uint16_t unit, uint64_t index)
{
    uint8_t name[32];
    bool new;
    name_of(body, from, unit, name);
    uint64_t *slot = map_put(&core->rewrap_of, name, &new);
    if (new) {
        core->rewraps = core_grow(core->rewraps, &core->rewrap_cap, core->rewrap_count + 1,
                                  sizeof *core->rewraps);
        *slot = core->rewrap_count++;
        core->rewraps[*slot] = (struct core_rewrap){0};
        memcpy(core->rewraps[*slot].name, name, sizeof name);
    }
    struct core_rewrap *rewrap = &core->rewraps[*slot];
    rewrap->indexes[rewrap->count] = index;
    rewrap->bodies[rewrap->count++] = body_mark(raw);
}
