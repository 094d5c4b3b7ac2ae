#include "clients/replay/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/replay/audit_inner.h"
#include "proto/base/check.h"

/* ---- the tree ---------------------------------------------------------------------------------
 */
static int check_tree(struct audit *audit, uint64_t index, uint8_t ret_leaf[32],
                      struct error *ret_error)
{
    uint8_t nodes[MERKLE_LEVEL_COUNT_MAX][32];
    merkle_leaf_hash(buf_bytes(&audit->bytes), ret_leaf);
    size_t count = merkle_frontier_append(&audit->frontier, ret_leaf, nodes);
    if (audit->hashes.len != 32 * (count + 1))
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, ".hashes", "%zu 字节，应为 %zu",
                           "%zu bytes instead of %zu", audit->hashes.len, 32 * (count + 1));
    if (memcmp(audit->hashes.data, ret_leaf, 32) != 0)
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, ".hashes[0]",
                           "这条记录的字节与旁边存的叶哈希不符",
                           "the record's bytes do not have the leaf hash stored beside them");
    for (size_t i = 0; i < count; i++) {
        char suffix[32];
        if (memcmp(audit->hashes.data + 32 * (i + 1), nodes[i], 32) == 0) continue;
        snprintf(suffix, sizeof suffix, ".hashes[%zu]", i + 1);
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, suffix,
                           "存的树节点不是由记录算出的那个",
                           "the tree node stored is not the one computed from the records");
    }
    audit->totals.nodes += count + 1;
    return 0;
}

/* ---- checkpoints ------------------------------------------------------------------------------
 */
static int checkpoint_fault(struct error *ret_error, int code, uint64_t size, const char *zh,
                            const char *en)
{
    char place[64];
    snprintf(place, sizeof place, "checkpoints[%llu]", (unsigned long long)size);
    (void)error_note(ret_error, code, place, "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return code;
}

/* Root and, once a key is certified, signature of the note in audit->note. */
static int check_note(struct audit *audit, uint64_t size, const uint8_t *root, bool *ret_signed,
                      struct error *ret_error)
{
    struct note note;
    struct checkpoint head;
    struct error cause = {0};
    int code = note_parse(buf_bytes(&audit->note), &note, &cause);
    if (code == 0) code = checkpoint_parse(note.text, &head, &cause);
    if (code != 0)
        return checkpoint_fault(ret_error, code, size, error_detail(&cause, LANG_ZH), cause.detail);
    if (strcmp(head.origin, audit->origin) != 0)
        return checkpoint_fault(ret_error, E_ORIGIN_MISMATCH, size, "属于另一日志",
                                "of another journal");
    if (head.size != size)
        return checkpoint_fault(ret_error, E_JOURNAL_FORKED, size, "所写条数不符",
                                "states another size");
    if (root != NULL && memcmp(head.root, root, 32) != 0)
        return checkpoint_fault(ret_error, E_JOURNAL_FORKED, size, "其树根不是此前记录的树根",
                                "its root is not that of the records before it");
    *ret_signed = false;
    for (size_t i = 0; i < audit->log_key_count && !*ret_signed; i++)
        *ret_signed = checkpoint_verify(buf_bytes(&audit->note), audit->origin, audit->log_keys[i],
                                        &head, &cause) == 0;
    return 0;
}

/* Checkpoints made before the bundle that certifies their key: looked at again. */
static int check_pending(struct audit *audit, struct error *ret_error)
{
    for (size_t i = 0; i < audit->pending_count; i++) {
        struct error cause = {0};
        bool is_signed = false;
        uint64_t size = 0;
        buf_reset(&audit->note);
        int code = store_checkpoint(audit->store, audit->pending[i], &audit->note, &size, &cause);
        if (code == 0) code = check_note(audit, audit->pending[i], NULL, &is_signed, ret_error);
        if (code != 0) return code;
        if (!is_signed)
            return checkpoint_fault(ret_error, E_SIGNATURE_INVALID, audit->pending[i],
                                    "没有经认证的日志密钥签过它", "no certified log key signed it");
    }
    audit->pending_count = 0;
    return 0;
}

/* Is there a checkpoint of exactly the size walked so far? Then it must hold. */
static int check_checkpoint(struct audit *audit, struct error *ret_error)
{
    struct error cause = {0};
    uint64_t size = 0;
    uint8_t root[32];
    bool is_signed = false;
    buf_reset(&audit->note);
    int code = store_checkpoint(audit->store, audit->frontier.size, &audit->note, &size, &cause);
    if (code == E_NOT_FOUND) return 0;
    if (code != 0)
        return checkpoint_fault(ret_error, code, audit->frontier.size,
                                error_detail(&cause, LANG_ZH), cause.detail);
    if (size != audit->frontier.size) return 0;
    merkle_frontier_root(&audit->frontier, root);
    code = check_note(audit, size, root, &is_signed, ret_error);
    if (code != 0) return code;
    if (!is_signed) {
        if (audit->log_key_count > 0 || audit->pending_count == AUDIT_PENDING_COUNT_MAX)
            return checkpoint_fault(ret_error, E_SIGNATURE_INVALID, size,
                                    "没有经认证的日志密钥签过它", "no certified log key signed it");
        audit->pending[audit->pending_count++] = size;
    }
    audit->totals.checkpoints++;
    audit->checkpoint_size = size;
    buf_reset(&audit->checkpoint_note);
    buf_append_bytes(&audit->checkpoint_note, buf_bytes(&audit->note));
    if (audit->log_key_count > 0 && audit->pending_count > 0)
        return check_pending(audit, ret_error);
    return 0;
}

struct checkpoint_count {
    uint64_t count, last;
};

static int count_checkpoint(void *ctx, uint64_t size, struct bytes note)
{
    struct checkpoint_count *counted = ctx;
    (void)note;
    counted->count++;
    counted->last = size;
    return 0;
}

/* Nothing may stand behind the last signed head, and no head behind the last record. */
static int check_end(struct audit *audit, struct error *ret_error)
{
    struct checkpoint_count counted = {0};
    struct error cause = {0};
    int code = store_checkpoint_walk(audit->store, count_checkpoint, &counted, &cause);
    if (code != 0)
        return checkpoint_fault(ret_error, code, audit->frontier.size,
                                error_detail(&cause, LANG_ZH), cause.detail);
    if (counted.count != audit->totals.checkpoints)
        return checkpoint_fault(ret_error, E_JOURNAL_FORKED, counted.last, "检查点所指条数超出日志",
                                "a checkpoint of a size that the journal does not have");
    if (audit->pending_count > 0)
        return checkpoint_fault(ret_error, E_SIGNATURE_INVALID, audit->pending[0],
                                "日志没有认证任何日志密钥", "the journal certifies no log key");
    if (audit->checkpoint_size != audit->frontier.size)
        return audit_fault(ret_error, E_JOURNAL_FORKED, audit->checkpoint_size, "",
                           "从这里起的记录没有任何已签名的检查点覆盖",
                           "no signed checkpoint covers the records from here on");
    return 0;
}

/* ---- deciding again ---------------------------------------------------------------------------
 */
static int compare_decision(struct audit *audit, uint64_t index, const Leadbus__Record *record,
                            const struct audit_seen *seen, struct error *ret_error)
{
    struct core_request request;
    struct core_verdict verdict;
    struct envelope envelope;
    struct error cause = {0};
    struct buf again = {0};
    uint8_t digest[32];

    if (record->what_case == LEADBUS__RECORD__WHAT_STARTED) {
        core_digest_by(audit->core, record->rules, digest);
        if (!bytes_equal(bytes_of(digest, 32), bytes_of(record->started->state_digest.data,
                                                        record->started->state_digest.len)))
            return audit_fault(ret_error, E_DIGEST_DIFFERS, index, ".started.state_digest",
                               "由此前的记录折叠出的状态，摘要与此不同",
                               "the state folded from the records before it has another digest");
    }
    memset(&verdict, 0, sizeof verdict);
    int code = core_request_of_record(buf_bytes(&audit->bytes), &audit->arena, &request, &envelope,
                                      &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    if (record->what_case == LEADBUS__RECORD__WHAT_BUNDLE) request.bundle = audit->take_for_core;
    if (seen->is_signed) {
        request.signature_checked = true;
        memcpy(request.checked_key, seen->signing_key, sizeof request.checked_key);
    }
    code = core_admit(audit->core, &request, &again, &verdict);
    if (code != 0)
        code = audit_fault(ret_error, E_REDECIDE_DIFFERS, index, "", "重新裁决时拒绝：%s %s %s",
                           "deciding again refuses it: %s %s %s", error_name(code),
                           verdict.error.field, verdict.error.detail);
    else if (!bytes_equal(buf_bytes(&again), buf_bytes(&audit->bytes)))
        code = audit_fault(ret_error, E_REDECIDE_DIFFERS, index, "", "重新裁决得到的字节不同",
                           "deciding again gives other bytes");
    buf_fini(&again);
    return code;
}

static int fold_record(struct audit *audit, uint64_t index, const Leadbus__Record *record,
                       const struct audit_seen *seen, struct error *ret_error)
{
    struct error cause = {0};
    int code = 0;
    if (audit->options->depth == AUDIT_DECIDE)
        code = compare_decision(audit, index, record, seen, ret_error);
    if (code != 0) return code;
    struct trust_bundle *taken = audit->take_for_core;
    audit->take_for_core = NULL;
    audit->effects.count = 0;
    code = core_apply(audit->core, index, buf_bytes(&audit->bytes), taken, &audit->effects, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    return 0;
}

/* ---- the walk ---------------------------------------------------------------------------------
 */
static int walk_record(struct audit *audit, uint64_t index, struct error *ret_error)
{
    const Leadbus__Record *record = NULL;
    struct audit_record shown = {.index = index};
    struct audit_seen seen;
    struct error cause = {0};

    arena_reset(&audit->arena);
    buf_reset(&audit->bytes);
    buf_reset(&audit->hashes);
    int code = store_read(audit->store, index, &audit->bytes, &audit->hashes, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    code = check_tree(audit, index, shown.leaf, ret_error);
    if (code != 0) return code;
    code = record_decode(buf_bytes(&audit->bytes), &audit->arena, &record, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    if (record->rules == 0 || record->rules > RECORD_RULES_VERSION)
        return audit_fault(ret_error, E_VERSION_UNSUPPORTED, index, ".rules", "%u", "%u",
                           record->rules);
    if (record->time_ms < audit->totals.last_ms)
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, ".time_ms", "早于前一条记录",
                           "earlier than the record before it");
    code = audit_check_record(audit, index, record, &seen, ret_error);
    if (code != 0) return code;
    if (audit->core != NULL) {
        if (seen.is_envelope) core_routing_find(audit->core, seen.envelope.head, &audit->routing);
        code = fold_record(audit, index, record, &seen, ret_error);
        if (code != 0) return code;
    }
    code = check_checkpoint(audit, ret_error);
    if (code != 0) return code;
    if (index == 0) audit->totals.first_ms = record->time_ms;
    audit->totals.last_ms = record->time_ms;
    audit->totals.size = index + 1;
    if (audit->options->each == NULL) return 0;
    shown.bytes = buf_bytes(&audit->bytes);
    shown.record = record;
    shown.envelope = seen.is_envelope ? &seen.envelope : NULL;
    shown.ack = seen.ack;
    shown.routing = audit->core != NULL && seen.is_envelope ? &audit->routing : NULL;
    shown.effects = audit->core != NULL ? &audit->effects : NULL;
    shown.bundle = audit->bundle;
    shown.previous = audit->previous;
    shown.core = audit->core;
    return audit->options->each(audit->options->ctx, &shown, ret_error);
}

static int walk(struct audit *audit, struct error *ret_error)
{
    uint64_t size = 0;
    int code = store_size(audit->store, &size, ret_error);
    if (code != 0) return code;
    if (size == 0)
        return error_say(ret_error, E_JOURNAL_CORRUPT, NULL, "日志是空的", "the journal is empty");
    for (uint64_t index = 0; index < size; index++) {
        code = walk_record(audit, index, ret_error);
        if (code != 0) return code;
        if (audit->options->progress != NULL)
            audit->options->progress(audit->options->ctx, index + 1, size);
    }
    code = check_end(audit, ret_error);
    if (code == 0) code = audit_check_held(audit, ret_error);
    return code != 0 ? code : audit_check_file(audit, ret_error);
}

static int open_all(struct audit *audit, struct error *ret_error)
{
    static const uint8_t hash_key[16] = {0};
    const struct audit_options *options = audit->options;
    int code = audit_check_copy(options->path, ret_error);
    if (code != 0) return code;
    if (options->root_note.len > 0) {
        code = trust_root_open(options->root_note, &audit->root, ret_error);
        if (code != 0) return code;
        audit->root_known = true;
    }
    code = store_open_read(options->path, true, &audit->store, ret_error);
    if (code != 0) return code;
    if (options->depth != AUDIT_RECORDS) {
        audit->core = core_new(hash_key);
        CHECK(audit->core != NULL);
    }
    return 0;
}

int audit_run(const struct audit_options *options, struct audit **ret_audit,
              struct error *ret_error)
{
    struct audit *audit = calloc(1, sizeof *audit);
    CHECK(audit != NULL);
    audit->options = options;
    merkle_frontier_init(&audit->frontier);
    arena_init(&audit->arena, AUDIT_ARENA_BYTES_MAX);
    int code = open_all(audit, ret_error);
    if (code != 0) {
        audit_free(audit);
        *ret_audit = NULL;
        return code;
    }
    code = walk(audit, ret_error);
    *ret_audit = audit;
    return code;
}

void audit_free(struct audit *audit)
{
    if (audit == NULL) return;
    if (audit->store != NULL) store_close(audit->store);
    if (audit->core != NULL) core_free(audit->core);
    trust_bundle_free(audit->bundle);
    trust_bundle_free(audit->previous);
    trust_bundle_free(audit->take_for_core);
    core_effects_fini(&audit->effects);
    buf_fini(&audit->bytes);
    buf_fini(&audit->hashes);
    buf_fini(&audit->blob);
    buf_fini(&audit->note);
    buf_fini(&audit->checkpoint_note);
    arena_fini(&audit->arena);
    free(audit);
}

const struct audit_totals *audit_totals(const struct audit *audit)
{
    return &audit->totals;
}

const char *audit_origin(const struct audit *audit)
{
    return audit->origin;
}

size_t audit_former_count(const struct audit *audit)
{
    return audit->former_count;
}

const char *audit_former(const struct audit *audit, size_t i, uint64_t *ret_end)
{
    CHECK(i < audit->former_count);
    *ret_end = audit->formers[i].end;
    return audit->formers[i].origin;
}

const struct core *audit_core(const struct audit *audit)
{
    return audit->core;
}

const struct trust_bundle *audit_bundle(const struct audit *audit)
{
    return audit->bundle;
}

void audit_root(const struct audit *audit, uint8_t ret_root[32])
{
    merkle_frontier_root(&audit->frontier, ret_root);
}

bool audit_anchored(const struct audit *audit)
{
    return audit->anchored;
}

struct store *audit_store(struct audit *audit)
{
    return audit->store;
}

struct bytes audit_checkpoint(const struct audit *audit, uint64_t *ret_size)
{
    *ret_size = audit->checkpoint_size;
    return buf_bytes(&audit->checkpoint_note);
}
