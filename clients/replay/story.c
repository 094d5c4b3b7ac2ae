#include "clients/replay/story.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"

static struct bytes bytes_from(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

int story_envelope(struct bytes record, struct arena *arena, struct envelope *ret,
                   uint64_t *ret_time_ms, uint32_t *ret_flags, struct error *ret_error)
{
    const Leadbus__Record *decoded = NULL;
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    int code = record_decode(record, arena, &decoded, ret_error);
    if (code != 0) return code;
    if (decoded->what_case != LEADBUS__RECORD__WHAT_ACCEPTED)
        return error_say(ret_error, E_NOT_FOUND, NULL, "这条记录不是已受理的消息",
                         "the record is not an accepted message");
    const Leadbus__Accepted *accepted = decoded->accepted;
    if (accepted->n_commits > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_BAD_FORM, "commits", "过多", "too many");
    for (size_t i = 0; i < accepted->n_commits; i++) commits[i] = bytes_from(accepted->commits[i]);
    code = envelope_from_record(bytes_from(accepted->header), bytes_from(accepted->wraps), commits,
                                accepted->n_commits, bytes_from(accepted->manifest),
                                bytes_from(accepted->signature), arena, ret, ret_error);
    if (code != 0) return code;
    *ret_time_ms = decoded->time_ms;
    *ret_flags = accepted->flags;
    return 0;
}

/* ---- finding ----------------------------------------------------------------------------------
 */
struct search {
    struct story *story;
    bool by_id, found;
    struct arena arena;
};

static int look_at(void *ctx, uint64_t index, struct bytes bytes, struct bytes hashes)
{
    struct search *search = ctx;
    struct story *story = search->story;
    struct envelope envelope;
    uint64_t time_ms;
    uint32_t flags;
    (void)hashes;
    if (!search->by_id && index != story->index) return 0;
    arena_reset(&search->arena);
    if (story_envelope(bytes, &search->arena, &envelope, &time_ms, &flags, NULL) != 0) return 0;
    if (search->by_id && memcmp(envelope.head->id.data, story->id, 16) != 0) return 0;
    search->found = true;
    story->index = index;
    memcpy(story->id, envelope.head->id.data, 16);
    memcpy(story->thread, envelope.head->thread.data, 16);
    return 1;
}

int story_find(struct story *story, const char *path, const char *lead, struct error *ret_error)
{
    struct search search = {.story = story};
    struct store *store = NULL;
    memset(story, 0, sizeof *story);
    story->path = path;
    arena_init(&story->arena, LIMIT_FRAME_BYTES_MAX * 4);
    if (lead[0] != '\0' && strspn(lead, "0123456789") == strlen(lead) && strlen(lead) < 19) {
        story->index = strtoull(lead, NULL, 10);
    } else {
        search.by_id = true;
        if (uuid_parse_text(lead, story->id, NULL) != 0)
            return error_say(ret_error, E_USAGE, "LEAD", "“%s”既不是日志序号，也不是消息编号",
                             "\"%s\" is neither a journal index nor a message id", lead);
    }
    int code = store_open_read(path, true, &store, ret_error);
    if (code != 0) return code;
    arena_init(&search.arena, LIMIT_FRAME_BYTES_MAX * 4);
    code = store_walk(store, search.by_id ? 0 : story->index, look_at, &search, ret_error);
    if (code > 0) code = 0;
    if (code == 0 && !search.found)
        code = error_say(ret_error, E_NOT_FOUND, "LEAD", "日志中没有消息 %s",
                         "%s: no such message in the journal", lead);
    arena_fini(&search.arena);
    store_close(store);
    return code;
}

void story_fini(struct story *story)
{
    for (size_t i = 0; i < story->recipient_count; i++) {
        buf_fini(&story->recipients[i].entries);
        buf_fini(&story->recipients[i].ack_record);
    }
    for (size_t i = 0; i < story->act_count; i++) buf_fini(&story->acts[i].record);
    free(story->acts);
    free(story->concerned);
    for (size_t i = 0; i < story->bundle_count; i++) buf_fini(&story->bundles[i].bytes);
    for (size_t i = 0; i < story->root_count; i++) buf_fini(&story->roots[i]);
    lanes_fini(&story->lanes);
    buf_fini(&story->record);
    arena_fini(&story->arena);
}

/* ---- gathering --------------------------------------------------------------------------------
 */
static int keep_bundle(struct story *story, const struct trust_bundle *bundle,
                       struct error *ret_error)
{
    if (bundle == NULL) return 0;
    for (size_t i = 0; i < story->bundle_count; i++)
        if (story->bundles[i].version == trust_bundle_version(bundle)) return 0;
    if (story->bundle_count == STORY_BUNDLE_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, NULL, "证明这条线索需要超过 %d 份方案包",
                         "more than %d bundles are needed to certify this story",
                         STORY_BUNDLE_COUNT_MAX);
    story->bundles[story->bundle_count].version = trust_bundle_version(bundle);
    story->bundles[story->bundle_count].root = *trust_bundle_root(bundle);
    buf_append_bytes(&story->bundles[story->bundle_count].bytes, trust_bundle_bytes(bundle));
    story->bundle_count++;
    return 0;
}

static int keep_root(struct story *story, struct bytes note, struct error *ret_error)
{
    for (size_t i = 0; i < story->root_count; i++)
        if (bytes_equal(buf_bytes(&story->roots[i]), note)) return 0;
    if (story->root_count == STORY_BUNDLE_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, NULL, "信任根超过 %d 份",
                         "more than %d root notes", STORY_BUNDLE_COUNT_MAX);
    buf_append_bytes(&story->roots[story->root_count++], note);
    return 0;
}

static void *grow(void *items, size_t count, size_t *cap, size_t size)
{
    if (count < *cap) return items;
    *cap = *cap == 0 ? 16 : *cap * 2;
    void *grown = realloc(items, *cap * size);
    CHECK(grown != NULL);
    return grown;
}

static void concern(struct story *story, uint64_t index)
{
    story->concerned = grow(story->concerned, story->concerned_count, &story->concerned_cap,
                            sizeof *story->concerned);
    story->concerned[story->concerned_count++] = index;
}

static int compare_indexes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool concerned(const struct story *story, uint64_t index)
{
    return bsearch(&index, story->concerned, story->concerned_count, sizeof index,
                   compare_indexes) != NULL;
}

static int begin(struct story *story, const struct audit_record *record, struct error *ret_error)
{
    const struct trust_bundle *routed = record->bundle;
    buf_append_bytes(&story->record, record->bytes);
    int code = story_envelope(buf_bytes(&story->record), &story->arena, &story->envelope,
                              &story->time_ms, &story->accepted_flags, ret_error);
    if (code != 0) return code;
    const Leadbus__Header *head = story->envelope.head;
    struct core_subject subject;
    CHECK(core_subject_at(record->core, record->index, &subject));
    story->legs = subject.legs;
    story->routing = *record->routing;
    concern(story, record->index);
    if (record->previous != NULL && trust_bundle_version(record->previous) == head->bundle)
        routed = record->previous;
    code = keep_bundle(story, routed, ret_error);
    if (code != 0) return code;
    story->recipient_count = head->n_recipients;
    for (size_t i = 0; i < head->n_recipients; i++)
        story->recipients[i].unit = head->recipients[i]->unit;
    return 0;
}

static void entry_append(struct buf *entries, uint64_t index, const uint8_t hash[32])
{
    buf_append_u64(entries, index);
    buf_append(entries, hash, 32);
}

/* Every queued entry moves its lane; those behind the lead are kept until it is acknowledged. */
static int queue_effects(struct story *story, const struct audit_record *record,
                         struct error *ret_error)
{
    const uint8_t *item = lanes_item_hash(record);
    for (size_t e = 0; e < record->effects->count; e++) {
        const struct core_effect *effect = &record->effects->items[e];
        if (effect->type != CORE_EFFECT_QUEUED) continue;
        int code = lanes_feed(&story->lanes, effect, item, ret_error);
        if (code != 0) return code;
        for (size_t i = 0; i < story->recipient_count; i++) {
            struct story_recipient *recipient = &story->recipients[i];
            if (strcmp(recipient->unit, effect->unit) != 0) continue;
            if (record->index == story->index) {
                recipient->lane = effect->lane;
                recipient->position = effect->position;
            } else if (recipient->position != 0 && recipient->lane == effect->lane &&
                       !recipient->acknowledged) {
                entry_append(&recipient->entries, effect->index, item);
            }
        }
    }
    return 0;
}

static void take_late(struct story *story, const struct audit_record *record)
{
    const Leadbus__AckBody *ack = record->ack;
    for (size_t i = 0; i < story->recipient_count; i++) {
        struct story_recipient *recipient = &story->recipients[i];
        if (strcmp(recipient->unit, ack->unit) != 0) continue;
        for (size_t e = 0; e < ack->n_late; e++) {
            if (ack->late[e]->index != story->index) continue;
            recipient->late = ack->late[e]->code;
            recipient->late_ms = record->record->time_ms;
        }
    }
}

static int take_ack(struct story *story, const struct audit_record *record, struct error *ret_error)
{
    const Leadbus__AckBody *ack = record->ack;
    take_late(story, record);
    for (size_t i = 0; i < story->recipient_count; i++) {
        struct story_recipient *recipient = &story->recipients[i];
        if (recipient->acknowledged || recipient->position == 0 ||
            strcmp(recipient->unit, ack->unit) != 0 || recipient->lane != ack->lane ||
            ack->position < recipient->position)
            continue;
        const struct lane *lane = lanes_find(&story->lanes, ack->unit, ack->lane);
        CHECK(lane != NULL);
        lane_running_at(lane, story->origin, recipient->position - 1, recipient->previous_running);
        recipient->acknowledged = true;
        recipient->ack_index = record->index;
        recipient->ack_ms = record->record->time_ms;
        buf_append_bytes(&recipient->ack_record, record->bytes);
        /* What was queued after the position acknowledged is no part of this receipt. */
        size_t covered = (size_t)(ack->position - recipient->position) * 40;
        if (covered < recipient->entries.len) recipient->entries.len = covered;
        for (size_t e = 0; e < ack->n_exceptions; e++)
            if (ack->exceptions[e]->position == recipient->position)
                recipient->exception = ack->exceptions[e]->code;
        return keep_bundle(story, record->bundle, ret_error);
    }
    return 0;
}

/* The core has folded the record: it says what its act is about. */
static int take_act(struct story *story, const struct audit_record *record, struct error *ret_error)
{
    const Leadbus__Header *head = record->envelope->head;
    struct core_subject subject, parent = {.target = ""};
    uint64_t parent_index;
    bool answers = head->parent.len == 16 && memcmp(head->parent.data, story->id, 16) == 0;
    CHECK(core_subject_at(record->core, record->index, &subject));
    bool follows = core_message_index(record->core, bytes_from(head->parent), &parent_index);
    bool about = follows && concerned(story, parent_index);
    if (subject.has_leg && concerned(story, subject.about)) about = true;
    if (subject.whole && story->legs) about = true;
    if (!about) return 0;
    concern(story, record->index);
    size_t others = story->act_count - story->answer_count;
    if ((answers ? story->answer_count : others) == STORY_ACT_COUNT_MAX) {
        story->acts_left_out++;
        return 0;
    }
    story->acts = grow(story->acts, story->act_count, &story->act_cap, sizeof *story->acts);
    struct story_act *act = &story->acts[story->act_count++];
    *act = (struct story_act){.index = record->index, .answers = answers};
    /* A release that was refused was asked for somebody, too. */
    const struct plan_kind *kind = plan_kind_find(trust_bundle_plan(record->bundle), head->kind);
    if (subject.target[0] == '\0' && follows && kind != NULL && kind->act == PLAN_ACT_RELEASE &&
        core_subject_at(record->core, parent_index, &parent))
        subject.target = parent.target;
    strncpy(act->target, subject.target, LIMIT_SLUG_LEN_MAX);
    buf_append_bytes(&act->record, record->bytes);
    if (!answers) return 0;
    story->answer_count++;
    return keep_bundle(story, record->bundle, ret_error);
}

int story_each(void *ctx, const struct audit_record *record, struct error *ret_error)
{
    struct story *story = ctx;
    int code = 0;
    if (record->index == 0 && record->record->what_case == LEADBUS__RECORD__WHAT_GENESIS)
        strncpy(story->origin, record->record->genesis->origin, LIMIT_NOTE_NAME_LEN_MAX);
    if (record->record->what_case == LEADBUS__RECORD__WHAT_RESTORED)
        strncpy(story->origin, record->record->restored->origin, LIMIT_NOTE_NAME_LEN_MAX);
    if (record->record->what_case == LEADBUS__RECORD__WHAT_BUNDLE) {
        code = keep_root(story, bytes_from(record->record->bundle->root), ret_error);
        if (code != 0) return code;
    }
    if (record->index == story->index) {
        code = begin(story, record, ret_error);
        if (code != 0) return code;
    } else if (record->envelope != NULL && record->index > story->index &&
               memcmp(record->envelope->head->thread.data, story->thread, 16) == 0) {
        code = take_act(story, record, ret_error);
        if (code != 0) return code;
    }
    code = queue_effects(story, record, ret_error);
    if (code == 0 && record->ack != NULL) code = take_ack(story, record, ret_error);
    if (code == 0 && record->ack != NULL) {
        struct lane *lane = lanes_find(&story->lanes, record->ack->unit, record->ack->lane);
        if (lane != NULL) lane_acked(lane, story->origin, record->ack->position);
    }
    return code;
}
