/* Drafts: from what the caller gave to a message in the outbox. */
#include <string.h>

#include "clients/lib/client.h"

/* What an idempotency key stands for: everything that the caller gave. */
static void digest_draft(const struct leadbus_draft *draft, uint8_t ret_digest[32])
{
    struct buf bytes = {0};
    const char *texts[] = {draft->kind, draft->topic, draft->area, draft->officer, draft->purpose};
    const uint8_t *ids[] = {draft->thread, draft->parent};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        buf_append_prefixed(&bytes, bytes_of_str(texts[i] ? texts[i] : ""));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        buf_append_prefixed(&bytes, bytes_of(ids[i], ids[i] ? 16 : 0));
    for (size_t i = 0; i < draft->section_count; i++) {
        uint8_t hash[32];
        sha256(bytes_of(draft->sections[i].data, draft->sections[i].len), hash);
        buf_append_prefixed(&bytes, bytes_of_str(draft->sections[i].name));
        buf_append(&bytes, hash, sizeof hash);
    }
    buf_append_u64(&bytes, draft->occurred_ms);
    buf_append_u64(&bytes, draft->expires_ms);
    buf_append_u32(&bytes, draft->flags);
    for (size_t i = 0; i < draft->attachment_count; i++) {
        buf_append(&bytes, draft->attachments[i].id, 16);
        buf_append_u8(&bytes, draft->attachments[i].confirmed != 0);
    }
    if (draft->target) buf_append_prefixed(&bytes, bytes_of_str(draft->target));
    if (draft->other) buf_append(&bytes, draft->other, 16);
    if (draft->due_ms) buf_append_u64(&bytes, draft->due_ms);
    sha256_labelled("leadbus/1 once", buf_bytes(&bytes), ret_digest);
    buf_fini(&bytes);
}

static int read_draft(const struct leadbus_draft *given, struct leadbus_draft *draft,
                      struct seal_section *sections, struct engine_attach *attachments,
                      struct engine_draft *ret, struct error *ret_error)
{
    memset(draft, 0, sizeof *draft);
    memcpy(draft, given, given->size < sizeof *draft ? given->size : sizeof *draft);
    if (!draft->kind) return error_say(ret_error, E_MISSING_FIELD, "kind", "缺失", "missing");
    if (draft->section_count > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_LEVEL_MISMATCH, "sections", "有 %zu 个，至多 %d 个",
                         "%zu, at most %d", draft->section_count, LIMIT_SECTION_COUNT_MAX);
    if (draft->flags &
        ~(uint32_t)(LEADBUS_DRAFT_AS_STATED | LEADBUS_DRAFT_LATE | LEADBUS_DRAFT_EARLY))
        return error_say(ret_error, E_BAD_VALUE, "flags", "含未定义的位", "unknown bits");
    if (draft->idempotency_key &&
        (!draft->idempotency_key[0] || strlen(draft->idempotency_key) > 255))
        return error_say(ret_error, E_BAD_VALUE, "idempotency_key", "1 至 255 字节",
                         "1 to 255 bytes");
    for (size_t i = 0; i < draft->section_count; i++) {
        if (!draft->sections[i].name)
            return error_say(ret_error, E_MISSING_FIELD, "sections", "有一个分段没有名称",
                             "one without a name");
        sections[i].name = draft->sections[i].name;
        sections[i].plaintext = bytes_of(draft->sections[i].data, draft->sections[i].len);
    }
    if (draft->attachment_count > LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "attachments", "%zu 个，最多 %d 个",
                         "%zu, at most %d", draft->attachment_count, LIMIT_ATTACHMENT_COUNT_MAX);
    for (size_t i = 0; i < draft->attachment_count; i++)
        attachments[i] =
            (struct engine_attach){draft->attachments[i].id, draft->attachments[i].confirmed != 0};
    *ret = (struct engine_draft){
        .kind = draft->kind,
        .topic = draft->topic ? draft->topic : "",
        .area = draft->area ? draft->area : "",
        .officer = draft->officer ? draft->officer : "",
        .purpose = draft->purpose ? draft->purpose : "",
        .id = draft->id,
        .thread = draft->thread,
        .parent = draft->parent,
        .target = draft->target ? draft->target : "",
        .other = draft->other,
        .sections = sections,
        .section_count = draft->section_count,
        .attachments = attachments,
        .attachment_count = draft->attachment_count,
        .occurred_ms = draft->occurred_ms,
        .expires_ms = draft->expires_ms,
        .due_ms = draft->due_ms,
        .flags = draft->flags,
    };
    return 0;
}

int leadbus_stage(leadbus *lb, const struct leadbus_draft *given, uint8_t *ret_id,
                  struct leadbus_error *ret_error)
{
    struct leadbus_draft draft;
    struct engine_draft own;
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    struct engine_attach attachments[LIMIT_ATTACHMENT_COUNT_MAX];
    struct error error = {0};
    struct moment moment = client_moment(lb);
    uint8_t digest[32], held[32], id[16];
    if (lb->dead) return client_refuse_dead(lb, ret_error);
    int r = read_draft(given, &draft, sections, attachments, &own, &error);
    if (r < 0) return client_failed(ret_error, &error);
    if (draft.idempotency_key) {
        digest_draft(&draft, digest);
        r = box_once_find(lb->box, draft.idempotency_key, held, id, &error);
        if (r == 0 && memcmp(held, digest, 32) == 0) {
            memcpy(ret_id, id, 16);
            return 0;
        }
        if (r == 0)
            r = error_say(&error, E_IDEMPOTENCY_CONFLICT, "idempotency_key", "该键已用于另一内容",
                          "used with another draft");
        if (r != E_NOT_FOUND) return client_failed(ret_error, &error);
    }
    r = engine_stage(lb->engine, &moment, &own, id, &error);
    if (r == 0 && draft.idempotency_key)
        r = box_once_put(lb->box, draft.idempotency_key, digest, id, moment.now_ms, &error);
    if (r == E_IO || r == E_DISK_FULL || r == E_NO_MEMORY)
        return client_died(lb, &error, ret_error);
    if (r < 0) return client_failed(ret_error, &error);
    memcpy(ret_id, id, 16);
    return 0;
}

int leadbus_submit(leadbus *lb, const struct leadbus_draft *draft, uint8_t *ret_id,
                   struct leadbus_error *ret_error)
{
    uint8_t id[16];
    int r = leadbus_stage(lb, draft, id, ret_error);
    if (r == 0) r = leadbus_commit(lb, ret_error);
    if (r == 0) memcpy(ret_id, id, 16);
    return r;
}

int leadbus_act(leadbus *lb, enum leadbus_act act, const uint8_t *parent, const char *officer,
                const char *outcome, const void *data, size_t len, uint8_t *ret_id,
                struct leadbus_error *ret_error)
{
    const struct plan *plan = trust_bundle_plan(lb->engine->bundle);
    const struct plan_kind *kind =
        (enum plan_act)act > PLAN_ACT_DELIVER ? plan_kind_of_act(plan, (enum plan_act)act) : NULL;
    struct error error;
    if (!kind || !parent) {
        (void)error_say(&error, E_BAD_VALUE, kind ? "parent" : "act", "缺失或未知",
                        "missing or unknown");
        return client_failed(ret_error, &error);
    }
    struct leadbus_section section = {kind->sections[0].name, data, len};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = kind->slug,
                                  .topic = outcome,
                                  .officer = officer,
                                  .parent = parent,
                                  .sections = &section,
                                  .section_count = 1};
    return leadbus_submit(lb, &draft, ret_id, ret_error);
}
