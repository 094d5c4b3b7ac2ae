/* A journal that was put back from a backup: what the broker shows of it, and whether we go along.
 */
#include "clients/lib/engine_goback.h"

static const char VALUE[] = "confirmed"; /* leaf hash of the last record shown, u64 size */

int engine_restored_load(struct engine *engine, struct error *ret_error)
{
    struct buf value = {0};
    int r = box_value_get(engine->box, VALUE, &value, ret_error);
    if (r == 0 && value.len == 40) {
        engine->confirmed = true;
        memcpy(engine->confirmed_leaf, value.data, 32);
        engine->confirmed_size = load_u64(value.data + 32);
    }
    buf_fini(&value);
    return r == E_NOT_FOUND ? 0 : r;
}

void engine_restored_greet(struct engine *engine)
{
    struct buf note_bytes = {0};
    struct note note = {0};
    struct checkpoint head;
    engine->seen = (struct checkpoint){0};
    if (!engine->trusted.held) return;
    if (!engine->confirmed || engine->trusted.checkpoint.size <= engine->confirmed_size) {
        engine->seen = engine->trusted.checkpoint;
        return;
    }
    /* What it had within the backup cannot be rewritten even now. */
    if (box_head_within(engine->box, engine->confirmed_size, &note_bytes, NULL) == 0 &&
        note_parse(buf_bytes(&note_bytes), &note, NULL) == 0 &&
        checkpoint_parse(note.text, &head, NULL) == 0 && strcmp(head.origin, engine->origin) == 0)
        engine->seen = head;
    buf_fini(&note_bytes);
}

int engine_restored_over(struct engine *engine, struct error *ret_error)
{
    bool other = engine->trusted.held && engine->seen.size != engine->trusted.checkpoint.size;
    if (!engine->restored.shown && !engine->confirmed) return 0;
    engine->restored.shown = engine->confirmed = false;
    int r = box_value_put(engine->box, VALUE, (struct bytes){0}, ret_error);
    if (r < 0 || !other) return r;
    return error_say(ret_error, E_ORIGIN_MISMATCH, "origin", "此前的日志又回来了，重新连接",
                     "the journal of before is back: greeting it anew");
}

/* ---- what is shown ----------------------------------------------------------------------------
 */

/* One record, proved under the head that came with it, from `origin` on to the next. */
static int read_one(struct engine *engine, const Leadbus__Restoration *one,
                    const struct checkpoint *head, const char *origin, uint8_t ret_leaf[32],
                    const Leadbus__Record **ret, struct error *ret_error)
{
    struct merkle_proof path;
    struct checkpoint backup = {0};
    struct note note = {0};
    const Leadbus__Record *record = NULL;
    merkle_leaf_hash(engine_bytes(one->record), ret_leaf);
    int r = engine_proof_of(one->inclusion, one->n_inclusion, &path, ret_error);
    if (r == 0)
        r = merkle_verify_inclusion(ret_leaf, one->index, head->size, &path, head->root, ret_error);
    if (r == 0) r = record_decode(engine_bytes(one->record), &engine->arena, &record, ret_error);
    if (r == 0 && record->what_case != LEADBUS__RECORD__WHAT_RESTORED)
        r = error_say(ret_error, E_BAD_FORM, "restored", "是另一种记录", "another record");
    if (r == 0)
        r = note_parse(engine_bytes(record->restored->previous_checkpoint), &note, ret_error);
    if (r == 0) r = checkpoint_parse(note.text, &backup, ret_error);
    if (r != 0) return r;
    if (strcmp(record->restored->previous_origin, origin) != 0 ||
        strcmp(backup.origin, origin) != 0 || backup.size != one->index)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "restored", "不是从 %.100s 接续的",
                         "not from %.100s on", origin);
    *ret = record;
    return 0;
}

/* From the origin that we hold to the one of the welcome. */
static int read_chain(struct engine *engine, const Leadbus__Welcome *welcome,
                      const struct checkpoint *head, struct engine_restored *ret,
                      struct error *ret_error)
{
    const char *origin = engine->origin;
    uint64_t least = 0;
    memset(ret, 0, sizeof *ret);
    if (welcome->n_restored == 0 || welcome->n_restored > LIMIT_RESTORED_COUNT_MAX)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "origin",
                         "对方为 %.100s，本单位记得的是 %.100s", "%.100s, we hold %.100s",
                         welcome->origin, engine->origin);
    for (size_t i = 0; i < welcome->n_restored; i++) {
        const Leadbus__Restoration *one = welcome->restored[i];
        const Leadbus__Record *record = NULL;
        int r = read_one(engine, one, head, origin, ret->leaf, &record, ret_error);
        if (r != 0) return r;
        if (one->index < least)
            return error_say(ret_error, E_ORIGIN_MISMATCH, "restored", "次序不对", "not in order");
        least = one->index + 1;
        if (i == 0) ret->size = one->index;
        ret->time_ms = record->time_ms;
        engine_copy(ret->reason, sizeof ret->reason, record->restored->reason);
        origin = record->restored->origin;
    }
    if (strcmp(origin, welcome->origin) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "restored", "接续到的是 %.100s",
                         "it leads to %.100s", origin);
    engine_copy(ret->origin, sizeof ret->origin, welcome->origin);
    return 0;
}

/* What we saw within the backup stands in the tree. */
static int check_seen(struct engine *engine, const Leadbus__Welcome *welcome,
                      const struct checkpoint *head, uint64_t size, struct error *ret_error)
{
    struct checkpoint seen = engine->seen;
    struct merkle_proof path;
    if (seen.size == 0 || seen.size > size) return 0;
    memcpy(seen.origin, head->origin, sizeof seen.origin);
    int r = engine_proof_of(welcome->consistency, welcome->n_consistency, &path, ret_error);
    if (r == 0) r = checkpoint_verify_extends(&seen, head, &path, ret_error);
    return r == E_PROOF_INVALID
               ? error_say(ret_error, E_JOURNAL_FORKED, "consistency", "从 %llu 到 %llu",
                           "from %llu to %llu", (unsigned long long)seen.size,
                           (unsigned long long)head->size)
               : r;
}

/* Whether anything would be given up, and what. */
static int holds_more(struct engine *engine, struct engine_restored *restored, bool *ret_more,
                      struct error *ret_error)
{
    struct box_lost lost = {0};
    int r = box_lost_count(engine->box, restored->size, &lost, ret_error);
    if (r < 0) return r;
    restored->out_count = lost.out_count;
    restored->in_count = lost.in_count;
    if (engine->trusted.held) restored->seen_size = engine->trusted.checkpoint.size;
    if (engine->latest.held && engine->latest.checkpoint.size > restored->seen_size &&
        strcmp(engine->latest.checkpoint.origin, engine->origin) == 0)
        restored->seen_size = engine->latest.checkpoint.size;
    *ret_more =
        restored->seen_size > restored->size || lost.out_count || lost.in_count || lost.head_count;
    return 0;
}

static int say_waits(const struct engine_restored *restored, struct error *ret_error)
{
    return error_say(ret_error, E_JOURNAL_RESTORED, restored->origin,
                     "备份 %llu 条，本单位见过 %llu 条；已有回执须重发 %llu 条，已收 %llu 条",
                     "the backup has %llu records, this unit has seen %llu: %llu of its messages "
                     "would be sent again, %llu came to it",
                     (unsigned long long)restored->size, (unsigned long long)restored->seen_size,
                     (unsigned long long)restored->out_count,
                     (unsigned long long)restored->in_count);
}

int engine_restored_welcome(struct engine *engine, struct moment *moment,
                            const Leadbus__Welcome *welcome, struct error *ret_error)
{
    struct engine_restored restored = {0};
    struct checkpoint head = {0};
    bool more = false;
    int r = engine_head_verify(engine, engine_bytes(welcome->checkpoint), welcome->origin, &head,
                               ret_error);
    if (r == 0) r = read_chain(engine, welcome, &head, &restored, ret_error);
    if (r == 0) r = check_seen(engine, welcome, &head, restored.size, ret_error);
    if (r == 0) r = holds_more(engine, &restored, &more, ret_error);
    if (r != 0) return r;
    bool confirmed = engine->confirmed && memcmp(engine->confirmed_leaf, restored.leaf, 32) == 0;
    if (more && !confirmed) {
        engine->restored = restored;
        engine->restored.shown = true;
        engine->confirmed = false;
        return say_waits(&restored, ret_error);
    }
    r = engine_go_back(engine, moment, welcome, &head, restored.size, ret_error);
    if (r == 0) r = box_value_put(engine->box, VALUE, (struct bytes){0}, ret_error);
    if (r < 0) return r;
    engine->restored.shown = engine->confirmed = false;
    return 0;
}

/* ---- what people say --------------------------------------------------------------------------
 */

int engine_restored_confirm(struct engine *engine, struct moment *moment, const char *origin,
                            struct error *ret_error)
{
    const struct engine_restored *restored = &engine->restored;
    uint8_t value[40];
    if (!restored->shown)
        return error_say(ret_error, E_NOT_FOUND, "origin", "没有须确认的事项",
                         "there is nothing to confirm");
    if (strcmp(origin, restored->origin) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "origin",
                         "总线出示的名称是 %.100s；如运维所告知的不同，不得确认",
                         "the broker shows %.100s; do not confirm if its operator says another",
                         restored->origin);
    memcpy(value, restored->leaf, 32);
    store_u64(value + 32, restored->size);
    int r = box_value_put(engine->box, VALUE, bytes_of(value, sizeof value), ret_error);
    if (r < 0) return r;
    engine->confirmed = true;
    memcpy(engine->confirmed_leaf, restored->leaf, 32);
    engine->confirmed_size = restored->size;
    engine->reset = true;
    engine->reset_after_ms = moment->now_ms;
    return 0;
}
