/* A journal that was put back from a backup: it goes on under another origin. */
#include <stdlib.h>
#include <string.h>

#include "broker/core/core_inner.h"
#include "proto/base/utf8.h"
#include "proto/checkpoint.h"
#include "proto/note.h"

static bool reason_fits(const char *reason)
{
    struct bytes left = bytes_of_str(reason);
    if (left.len == 0 || left.len > LIMIT_REASON_LEN_MAX) return false;
    while (left.len > 0) {
        uint32_t character;
        size_t len = utf8_next(left, &character);
        if (len == 0 || character < 0x20 || character == 0x7f) return false;
        left = bytes_of(left.data + len, left.len - len);
    }
    return true;
}

static bool had_origin(const struct core *core, const char *origin)
{
    for (size_t i = 0; i < core->former_count; i++)
        if (strcmp(core->formers[i].origin, origin) == 0) return true;
    return strcmp(core->origin, origin) == 0;
}

/* Whose signature it bears and whether its root is that of the tree, which is not here, an audit
 * says. */
static int check_head(const struct core *core, struct bytes note_bytes, struct error *ret_error)
{
    struct note note = {0};
    struct checkpoint head;
    int r = note_parse(note_bytes, &note, ret_error);
    if (r == 0) r = checkpoint_parse(note.text, &head, ret_error);
    if (r != 0) return error_pass(E_NOTE_INVALID, r);
    if (strcmp(head.origin, core->origin) != 0)
        return error_set(ret_error, E_ORIGIN_MISMATCH, "previous_checkpoint", "%.100s, this is %s",
                         head.origin, core->origin);
    if (head.size != core->size)
        return error_set(ret_error, E_JOURNAL_FORKED, "previous_checkpoint",
                         "over %llu records, the journal has %llu", (unsigned long long)head.size,
                         (unsigned long long)core->size);
    return 0;
}

int core_admit_restored(const struct core *core, const struct core_request *request,
                        uint64_t now_ms, struct buf *ret_record, struct core_verdict *verdict)
{
    struct error *error = &verdict->error;
    struct bytes origin = bytes_of_str(request->restored.origin);
    if (origin.len > CORE_ORIGIN_LEN_MAX || !note_name_valid(origin) ||
        had_origin(core, request->restored.origin))
        return error_set(error, E_BAD_VALUE, "origin", "a name that this journal never had");
    if (!reason_fits(request->restored.reason))
        return error_say(error, E_BAD_VALUE, "reason", "一行文字，1 至 %d 字节",
                         "one line of 1 to %d bytes", LIMIT_REASON_LEN_MAX);
    if (core->former_count >= LIMIT_RESTORED_COUNT_MAX)
        return error_set(error, E_TOO_LARGE, "restored", "%zu times already", core->former_count);
    if (!core->now.bundle)
        return error_set(error, E_BUNDLE_UNKNOWN, "restored", "the journal has no bundle yet");
    int r = check_head(core, request->restored.checkpoint, error);
    if (r != 0) return r;
    Leadbus__Restored restored = LEADBUS__RESTORED__INIT;
    restored.origin = (char *)(uintptr_t)request->restored.origin;
    restored.previous_origin = (char *)(uintptr_t)core->origin;
    restored.previous_checkpoint = core_data(request->restored.checkpoint);
    restored.reason = (char *)(uintptr_t)request->restored.reason;
    Leadbus__Record record = core_record(request, now_ms, LEADBUS__RECORD__WHAT_RESTORED);
    record.restored = &restored;
    return record_encode(&record, ret_record, error);
}

int core_apply_restored(struct core *core, const struct core_folding *folding,
                        const Leadbus__Restored *restored, struct error *ret_error)
{
    struct bytes origin = bytes_of_str(restored->origin);
    if (origin.len > CORE_ORIGIN_LEN_MAX || !note_name_valid(origin) ||
        had_origin(core, restored->origin) || !reason_fits(restored->reason) ||
        strcmp(restored->previous_origin, core->origin) != 0 ||
        core->former_count >= LIMIT_RESTORED_COUNT_MAX ||
        check_head(core, core_binary(restored->previous_checkpoint), NULL) != 0)
        return core_corrupt(ret_error, folding->index, "not what a backup that is put back begins");
    struct core_former *formers =
        realloc(core->formers, (core->former_count + 1) * sizeof *core->formers);
    CHECK(formers != NULL);
    core->formers = formers;
    struct core_former *former = &formers[core->former_count++];
    memcpy(former->origin, core->origin, sizeof former->origin);
    former->end = folding->index;
    memcpy(core->origin, origin.data, origin.len);
    core->origin[origin.len] = '\0';
    return 0;
}
