/* Journals that were put back from a backup, and heads that somebody kept of what they were. */
#include <string.h>

#include "clients/replay/audit_inner.h"
#include "proto/tlogproof.h"

static bool had_origin(const struct audit *audit, const char *origin)
{
    for (size_t i = 0; i < audit->former_count; i++)
        if (strcmp(audit->formers[i].origin, origin) == 0) return true;
    return strcmp(audit->origin, origin) == 0;
}

static int verify_head(const struct audit *audit, struct bytes note, const char *origin,
                       struct checkpoint *ret, struct error *ret_error)
{
    int code = error_say(ret_error, E_SIGNATURE_INVALID, "", "尚无经认证的日志密钥",
                         "no log key was certified yet");
    for (size_t i = 0; i < audit->log_key_count && code != 0; i++)
        code = checkpoint_verify(note, origin, audit->log_keys[i], ret, ret_error);
    return code;
}

/* Is it the head over this many of the records walked? */
static int compare_root(struct audit *audit, const struct checkpoint *head, bool *ret_same,
                        struct error *ret_error)
{
    struct merkle_reader reader = store_merkle_reader(audit->store);
    uint8_t root[32];
    int code = merkle_root_at(&reader, head->size, root, ret_error);
    *ret_same = code == 0 && memcmp(root, head->root, 32) == 0;
    return code;
}

int audit_check_restored(struct audit *audit, uint64_t index, const Leadbus__Restored *record,
                         struct error *ret_error)
{
    struct bytes origin = bytes_of_str(record->origin);
    struct bytes note = bytes_of(record->previous_checkpoint.data, record->previous_checkpoint.len);
    struct checkpoint head;
    struct error cause = {0};
    bool same = false;
    if (!note_name_valid(origin) || had_origin(audit, record->origin) ||
        audit->former_count == LIMIT_RESTORED_COUNT_MAX)
        return audit_fault(ret_error, E_BAD_FORM, index, ".restored.origin",
                           "应为本日志从未用过的名称", "not a name that this journal never had");
    if (strcmp(record->previous_origin, audit->origin) != 0)
        return audit_fault(ret_error, E_ORIGIN_MISMATCH, index, ".restored.previous_origin",
                           "此前的名称是 %.100s", "it is %.100s", audit->origin);
    int code = verify_head(audit, note, audit->origin, &head, &cause);
    if (code != 0)
        return audit_fault_from(ret_error, code, index, ".restored.previous_checkpoint", &cause);
    code = head.size == index ? compare_root(audit, &head, &same, &cause) : 0;
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    if (!same)
        return audit_fault(ret_error, E_JOURNAL_FORKED, index, ".restored.previous_checkpoint",
                           "不是此前各条记录的树根",
                           "not the head over the records before this one");
    struct audit_former *former = &audit->formers[audit->former_count++];
    memcpy(former->origin, audit->origin, sizeof former->origin);
    former->end = index;
    memcpy(audit->origin, origin.data, origin.len);
    audit->origin[origin.len] = '\0';
    return 0;
}

/* Under which of the journal's names does it stand? *ret_end: how many records that had when a
 * backup was put back. */
static const char *name_of(const struct audit *audit, struct bytes note_bytes, uint64_t *ret_end)
{
    struct note note = {0};
    struct checkpoint head;
    *ret_end = UINT64_MAX;
    if (note_parse(note_bytes, &note, NULL) != 0 || checkpoint_parse(note.text, &head, NULL) != 0)
        return audit->origin;
    for (size_t i = 0; i < audit->former_count; i++) {
        if (strcmp(audit->formers[i].origin, head.origin) != 0) continue;
        *ret_end = audit->formers[i].end;
        return audit->formers[i].origin;
    }
    return audit->origin;
}

/* Signed by the broker, and given up when the backup was put back. */
static int say_lost(const struct checkpoint *head, uint64_t end, const struct tlogproof *proof,
                    struct error *ret_error)
{
    unsigned long long size = head->size, kept = end;
    if (proof && proof->index >= end)
        return error_say(
            ret_error, E_JOURNAL_RESTORED, "--checkpoint",
            "总线所签，日志 %.100s 第 %llu 条的凭证；该日志由备份恢复，只保留此前 %llu "
            "条：这一条不在其中",
            "signed by the broker for record %2$llu of %1$.100s, which was put back "
            "from a backup of %3$llu records: that record is not in it",
            head->origin, (unsigned long long)proof->index, kept);
    return error_say(
        ret_error, E_JOURNAL_RESTORED, "--checkpoint",
        "总线所签，日志 %.100s 共 %llu 条；该日志由备份恢复，只保留其前 %llu 条",
        "signed by the broker over %2$llu records of %1$.100s, which was put back from "
        "a backup that has the first %3$llu of them",
        head->origin, size, kept);
}

int audit_check_held(struct audit *audit, struct error *ret_error)
{
    struct bytes held = audit->options->held, note = held;
    struct tlogproof proof;
    struct checkpoint head;
    struct error cause = {0};
    uint64_t end;
    bool same = false;
    if (held.len == 0) return 0;
    bool is_proof = tlogproof_parse(held, &proof, &audit->blob, NULL) == 0;
    if (is_proof) note = proof.checkpoint;
    int code = verify_head(audit, note, name_of(audit, note, &end), &head, &cause);
    if (code != 0) return error_carry(ret_error, code, "--checkpoint", &cause);
    if (head.size > end) return say_lost(&head, end, is_proof ? &proof : NULL, ret_error);
    if (head.size > audit->frontier.size)
        return error_say(ret_error, E_JOURNAL_FORKED, "--checkpoint",
                         "它签到 %llu 条记录，日志只有 %llu 条：日志被截短",
                         "signed over %llu records, the journal has %llu: it was cut",
                         (unsigned long long)head.size, (unsigned long long)audit->frontier.size);
    code = compare_root(audit, &head, &same, ret_error);
    if (code == 0 && !same)
        code = error_say(ret_error, E_JOURNAL_FORKED, "--checkpoint",
                         "%llu 条记录时的树不同：它所签的不是这份日志",
                         "another tree at size %llu: this is not the journal that it was signed "
                         "over",
                         (unsigned long long)head.size);
    return code;
}
