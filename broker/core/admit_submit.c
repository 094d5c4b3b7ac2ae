/* Deciding about an envelope. The order of the checks is the order of this file. */
#include <stdio.h>
#include <string.h>

#include "broker/core/core_inner.h"

/* What the checks find out about one envelope on the way. */
struct submission {
    const struct core *core;
    const struct envelope *envelope;
    const Leadbus__Header *head;
    uint64_t now_ms;
    struct core_verdict *verdict;
    const struct core_sender *sender; /* NULL: its first envelope */
    unsigned lane;
    uint32_t rules;                         /* to decide by */
    const struct core_installed *installed; /* whose plan it was routed by */
    const struct plan *plan;
    const struct plan_kind *kind;
    uint16_t from;
    uint32_t flags;
    const struct core_thread *thread;  /* NULL: it opens one */
    const struct core_message *parent; /* NULL with it */
    struct core_letter *letter;
};

/* Sent before? Asked ahead of everything that changes with time: a sender that repeats itself after
 * its bundle has gone must hear of its receipt and not be told to seal anew. */
static int check_sequence(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Header *head = s->head;
    s->lane = envelope_lane(head);
    s->sender = core_sender_find(s->core, head->serial);
    uint64_t highest = s->sender ? s->sender->lanes[s->lane].highest : 0;
    if (head->seq == 0)
        return error_say(error, E_BAD_VALUE, "seq", "序号从 1 开始", "sequence numbers begin at 1");
    const struct core_seen *seen = core_sender_seen(s->sender, s->lane, head->seq);
    if (seen) {
        s->verdict->index = seen->index;
        if (seen->hash == load_u64(s->envelope->hash))
            return error_say(error, E_DUPLICATE, "seq", "已在日志第 %llu 条", "stands at %llu",
                             (unsigned long long)seen->index);
        return error_say(error, E_SEQ_REPLAYED, "seq", "序号 %llu 已在日志第 %llu 条，内容不同",
                         "%llu stands at %llu with another content", (unsigned long long)head->seq,
                         (unsigned long long)seen->index);
    }
    if (head->seq > highest + LIMIT_SEQ_WINDOW)
        return error_say(error, E_SEQ_WINDOW, "seq", "序号 %llu 超前：最多比已受理的大 %d（%llu）",
                         "%llu, at most %d above %llu", (unsigned long long)head->seq,
                         LIMIT_SEQ_WINDOW, (unsigned long long)highest);
    uint32_t known = core_message_place(s->core, s->letter->id_hash, s->letter->id);
    if (known == CORE_NONE) return 0;
    s->verdict->index = s->core->messages[known].index;
    return error_say(error, E_SEQ_REPLAYED, "id", "此编号已在日志第 %llu 条",
                     "this id stands at %llu", (unsigned long long)s->verdict->index);
}

static int check_bundle(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const struct core *core = s->core;
    uint64_t current = trust_bundle_version(core->now.bundle), stated = s->head->bundle;
    s->installed = &core->now;
    if (stated > current)
        return error_say(error, E_BUNDLE_UNKNOWN, "bundle", "消息按方案包 %llu 编制，现行的是 %llu",
                         "%llu, %llu is in force", (unsigned long long)stated,
                         (unsigned long long)current);
    if (stated < current) {
        bool known = core->before.bundle && trust_bundle_version(core->before.bundle) == stated;
        if (!known || s->now_ms - core->now.since_ms > core->config.bundle_grace_ms)
            return error_say(error, E_BUNDLE_STALE, "bundle",
                             "消息按方案包 %llu 编制，现行的是 %llu", "%llu, %llu is in force",
                             (unsigned long long)stated, (unsigned long long)current);
        s->installed = &core->before;
        s->flags |= LEADBUS__ACCEPTED_FLAG__ACCEPTED_FLAG_PREVIOUS_BUNDLE;
    }
    s->plan = trust_bundle_plan(s->installed->bundle);
    s->kind = plan_kind_find(s->plan, s->head->kind);
    if (!s->kind) return error_set(error, E_KIND_UNKNOWN, "kind", "%s", s->head->kind);
    s->from = core_unit_find(core, s->head->from);
    if (s->from == CORE_UNIT_NONE)
        return error_set(error, E_UNIT_UNKNOWN, "from", "%s", s->head->from);
    return 0;
}

/* A lead that nothing may block is taken whatever its sender's clock says: both times are in the
 * record. */
static int check_times(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Header *head = s->head;
    const Leadbus__Configured *config = &s->core->config;
    bool ahead =
        head->created_ms > s->now_ms && head->created_ms - s->now_ms > config->created_skew_ms;
    bool old =
        head->created_ms < s->now_ms && s->now_ms - head->created_ms > config->created_age_ms;
    if ((ahead || old) && !s->kind->exempt)
        return error_say(error, E_CREATED_OUT_OF_RANGE, "created_ms",
                         "%llu，总线时间为 %llu（毫秒）", "%llu, bus time is %llu",
                         (unsigned long long)head->created_ms, (unsigned long long)s->now_ms);
    if (head->seen_size > s->core->size)
        return error_say(error, E_SEEN_AHEAD, "seen_size", "%llu，总线日志只有 %llu 条",
                         "%llu, this journal has %llu", (unsigned long long)head->seen_size,
                         (unsigned long long)s->core->size);
    if (head->due_ms != 0 && !s->kind->dated)
        return error_say(error, E_BAD_VALUE, "due_ms", "%s 不得指定期限", "%s sets no day",
                         s->kind->slug);
    if (head->due_ms != 0 &&
        (head->due_ms <= head->created_ms || head->due_ms - head->created_ms > LIMIT_DUE_AHEAD_MS))
        return error_say(error, E_BAD_VALUE, "due_ms", "最多在创建时间之后 %llu 毫秒",
                         "at most %llu ms after created_ms",
                         (unsigned long long)LIMIT_DUE_AHEAD_MS);
    if (head->expires_ms == 0) return 0;
    if (!s->kind->may_expire)
        return error_say(error, E_EXPIRY_NOT_ALLOWED, "expires_ms", "%s 不得设置失效时间",
                         "%s never expires", s->kind->slug);
    if (head->expires_ms <= head->created_ms ||
        head->expires_ms - head->created_ms > LIMIT_EXPIRY_AHEAD_MS)
        return error_say(error, E_EXPIRY_NOT_ALLOWED, "expires_ms", "最多在创建时间之后 %llu 毫秒",
                         "at most %llu ms after created_ms",
                         (unsigned long long)LIMIT_EXPIRY_AHEAD_MS);
    if (head->expires_ms <= s->now_ms)
        return error_say(error, E_EXPIRED, "expires_ms", "%llu，总线时间为 %llu（毫秒）",
                         "%llu, bus time is %llu", (unsigned long long)head->expires_ms,
                         (unsigned long long)s->now_ms);
    return 0;
}

static int check_kind(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Header *head = s->head;
    uint8_t urgency = plan_kind_urgency(s->kind, head->topic);
    if (head->urgency != urgency)
        return error_say(error, E_LEVEL_MISMATCH, "urgency", "%u，%s 应为 %u", "%u, %s has %u",
                         (unsigned)head->urgency, s->kind->slug, (unsigned)urgency);
    if (head->level != s->kind->level)
        return error_say(error, E_LEVEL_MISMATCH, "level", "%u，%s 应为 %u", "%u, %s has %u",
                         (unsigned)head->level, s->kind->slug, (unsigned)s->kind->level);
    if (head->n_tags != s->kind->tag_count)
        return error_say(error, E_LEVEL_MISMATCH, "tags", "%zu 个，%s 应有 %zu 个",
                         "%zu, %s has %zu", head->n_tags, s->kind->slug, s->kind->tag_count);
    for (size_t i = 0; i < head->n_tags; i++)
        if (strcmp(head->tags[i], s->kind->tags[i]) != 0)
            return error_say(error, E_LEVEL_MISMATCH, "tags", "%s，应为 %s", "%s, not %s",
                             head->tags[i], s->kind->tags[i]);
    return lifecycle_check_officer(s->kind, head->officer, error);
}

/* Files go with the one section of the kind that takes them. What they are only their readers see.
 */
static int check_attachments(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Manifest *manifest = s->envelope->contents;
    uint64_t total = 0, allowed = s->core->config.attachment_bytes_max;
    if (manifest->n_attachments == 0) return 0;
    int section = plan_attachment_section(s->kind);
    if (section < 0)
        return error_say(error, E_ATTACHMENT_NOT_ALLOWED, "attachments", "%s 不带附件",
                         "%s takes none", s->kind->slug);
    for (size_t i = 0; i < manifest->n_attachments; i++) {
        const char *name = s->head->sections[manifest->attachments[i]->section];
        if (strcmp(name, s->kind->sections[section].name) != 0)
            return error_say(error, E_ATTACHMENT_NOT_ALLOWED, "attachments",
                             "附在内容部分 %s，应为 %s", "with section %s, not %s", name,
                             s->kind->sections[section].name);
        total += manifest->attachments[i]->size;
    }
    if (allowed == 0) allowed = LIMIT_ATTACHMENT_BYTES_MAX;
    if (total > allowed)
        return error_say(error, E_TOO_LARGE, "attachments", "共 %llu 字节，最多 %llu 字节",
                         "%llu bytes together, at most %llu", (unsigned long long)total,
                         (unsigned long long)allowed);
    return 0;
}

/* Last of all: who hears of missing chunks has nothing else to mend. */
static int check_chunks(struct submission *s, uint32_t durable)
{
    char field[ERROR_FIELD_LEN_MAX + 1];
    for (size_t i = 0; i < s->envelope->contents->n_attachments; i++) {
        if (durable >> i & 1) continue;
        (void)snprintf(field, sizeof field, "attachments[%zu]", i);
        return error_say(&s->verdict->error, E_ATTACHMENT_MISSING, field, "须先上传其分块",
                         "upload its chunks first");
    }
    return 0;
}

static int say_moved(struct submission *s)
{
    struct core_verdict *verdict = s->verdict;
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    verdict->participant_count = core_thread_participants(s->core, &s->core->now, s->thread,
                                                          participants, LIMIT_RECIPIENT_COUNT_MAX);
    const struct plan *plan = trust_bundle_plan(s->core->now.bundle);
    for (size_t i = 0; i < verdict->participant_count; i++) {
        verdict->participants[i] = plan_unit(plan, participants[i].unit)->key;
        verdict->participant_roles[i] = participants[i].role;
    }
    verdict->thread_index = s->core->size;
    return error_say(&verdict->error, E_THREAD_MOVED, "thread_index",
                     "按日志第 %llu 条时的参与单位编制，第 %llu 条时已有变化",
                     "%llu, changed at %llu", (unsigned long long)s->head->thread_index,
                     (unsigned long long)s->thread->changed_size);
}

static int check_thread(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Header *head = s->head;
    bool opens = bytes_equal(core_binary(head->id), core_binary(head->thread));
    if (opens) {
        if (s->kind->position == PLAN_FOLLOWS)
            return error_say(error, E_THREAD_UNKNOWN, "thread", "%s 须跟在已有消息之后",
                             "%s follows an earlier message", s->kind->slug);
        if (head->parent.len > 0)
            return error_say(error, E_BAD_VALUE, "parent", "开启线索的消息不引用其他消息",
                             "an opening message has none");
        if (head->thread_index != 0)
            return error_say(error, E_BAD_VALUE, "thread_index", "开启线索的消息应为 0",
                             "0 on an opening message");
        return 0;
    }
    if (s->kind->position == PLAN_OPENS)
        return error_say(error, E_BAD_VALUE, "thread", "%s 自成一条线索",
                         "%s always opens a thread", s->kind->slug);
    s->thread = core_thread_find(s->core, core_binary(head->thread));
    /* Who is not on a thread is told no more than who invents one. */
    if (!s->thread || (!core_thread_has(s->core, s->thread, s->from) &&
                       !core_unit_same(s->core, s->from, core_unit_office(s->core))))
        return error_say(error, E_THREAD_UNKNOWN, "thread", "本单位没有这条线索",
                         "no such thread of this unit");
    s->parent = core_message_find(s->core, core_binary(head->parent));
    if (!s->parent || &s->core->threads[s->parent->thread] != s->thread)
        return error_say(error, E_PARENT_UNKNOWN, "parent", "该线索中没有这条消息",
                         "no such message on the thread");
    if (head->thread_index > s->core->size)
        return error_say(error, E_SEEN_AHEAD, "thread_index", "%llu，总线日志只有 %llu 条",
                         "%llu, this journal has %llu", (unsigned long long)head->thread_index,
                         (unsigned long long)s->core->size);
    if (head->thread_index < s->thread->changed_size) return say_moved(s);
    return 0;
}

/* Nothing new past the hard limit, but what nothing may block: exempt kinds, and the receipts of
 * messages of such kinds, so that an immediate lead is signed for and answered then too. */
static int check_hard_limit(struct submission *s)
{
    const struct core *core = s->core;
    if (s->now_ms <= trust_bundle_hard_limit_ms(core->now.bundle)) return 0;
    bool exempt = s->kind->exempt;
    if (!exempt && s->kind->family == PLAN_FAMILY_RECEIPT && s->parent) {
        const struct plan_kind *answered =
            plan_kind_find(s->plan, core->kinds[s->parent->kind]->slug);
        exempt = answered && answered->exempt;
    }
    if (!exempt)
        return error_say(&s->verdict->error, E_BUNDLE_EXPIRED, "bundle",
                         "方案包版本 %llu 已过最后期限", "version %llu is past its hard limit",
                         (unsigned long long)trust_bundle_version(core->now.bundle));
    s->flags |= LEADBUS__ACCEPTED_FLAG__ACCEPTED_FLAG_BUNDLE_EXPIRED;
    return 0;
}

/* Which outcomes there are is the present plan's matter; one that no longer has the kind allows
 * any. */
static int check_outcome(struct submission *s)
{
    if (s->kind->act != PLAN_ACT_CLOSE || !s->parent) return 0;
    const struct core_message *lead = &s->core->messages[s->parent->lead];
    const struct plan_kind *closed = plan_kind_find(s->plan, s->core->kinds[lead->kind]->slug);
    if (!closed) return 0;
    return lifecycle_check_outcome(closed, s->kind, s->head->topic, &s->verdict->error);
}

/* thread and parent: NULL, it opens one. */
static void routing_of(const struct core *core, const struct core_installed *installed,
                       const struct core_thread *thread, const struct core_message *parent,
                       struct core_routing *ret)
{
    ret->participant_count = 0;
    ret->reference_sender = NULL;
    if (!thread || !parent) return;
    ret->participant_count = core_thread_participants(core, installed, thread, ret->participants,
                                                      LIMIT_RECIPIENT_COUNT_MAX);
    ret->reference_sender = core->units[parent->from]->key;
}

void core_routing_find(const struct core *core, const Leadbus__Header *head,
                       struct core_routing *ret)
{
    const struct core_installed *installed = core_routed_by(core, head);
    const struct core_thread *thread = NULL;
    const struct core_message *parent = NULL;
    if (installed && !bytes_equal(core_binary(head->id), core_binary(head->thread))) {
        thread = core_thread_find(core, core_binary(head->thread));
        parent = core_message_find(core, core_binary(head->parent));
    }
    routing_of(core, installed, thread, parent, ret);
}

struct route_query core_routing_query(const struct plan *plan, const Leadbus__Header *head,
                                      const struct core_routing *routing)
{
    return (struct route_query){
        .plan = plan,
        .at_ms = head->created_ms,
        .kind = head->kind,
        .topic = head->topic,
        .area = head->area,
        .from = head->from,
        .participants = routing->participants,
        .participant_count = routing->participant_count,
        .reference_sender = routing->reference_sender,
        .target = head->target[0] ? head->target : NULL,
    };
}

static int check_route(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Header *head = s->head;
    struct route_stated stated[LIMIT_RECIPIENT_COUNT_MAX];
    struct route route;
    struct core_routing routing;
    routing_of(s->core, s->installed, s->thread, s->parent, &routing);
    struct route_query query = core_routing_query(s->plan, head, &routing);
    int r = route_compute(&query, &route, error);
    if (r == 0)
        r = route_restrict(&route, (const char *const *)head->sections, head->n_sections, error);
    if (r != 0) return r;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        stated[i] = (struct route_stated){recipient->unit, recipient->act, recipient->citation,
                                          recipient->sections};
    }
    r = route_compare(s->plan, &route, stated, head->n_recipients, error);
    if (r != 0) return r;
    bool readdressed = (route.flags & ROUTE_FLAG_READDRESSED) != 0;
    bool flagged = (head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED) != 0;
    if (readdressed != flagged)
        return readdressed
                   ? error_say(error, E_ROUTE_MISMATCH, "flags", "此消息无规则可循，应标明改投",
                               "the message is readdressed")
                   : error_say(error, E_ROUTE_MISMATCH, "flags", "此消息有规则可循，不得标明改投",
                               "the message is not readdressed");
    return 0;
}

/* On the thread of a victim's file are who keeps it and the one unit that was given access. What is
 * told there goes to all who are on it, so nobody comes to it by another message. */
static int check_circle(struct submission *s)
{
    if (!s->thread) return 0;
    const struct core *core = s->core;
    const struct core_message *opening = &core->messages[s->thread->first];
    if (core->kinds[opening->kind]->kind.family != PLAN_FAMILY_FILE) return 0;
    bool joins = !core_thread_has(core, s->thread, s->from);
    for (size_t i = 0; i < s->head->n_recipients; i++)
        joins = joins || !core_thread_has(core, s->thread,
                                          core_unit_find(core, s->head->recipients[i]->unit));
    if (!joins) return 0;
    return error_say(&s->verdict->error, E_LIFECYCLE_ORDER, "thread",
                     "专门档案的授权线索上不得带入其他单位，请另开线索",
                     "on the thread of a victim's file it would bring in others: "
                     "open a thread of its own");
}

/* Judged by the bus's time alone: a lead may have waited long for its way to the bus, and was
 * sealed to what was a key then, or sealed again to what is one now. */
static int check_epoch(struct submission *s, size_t i)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Recipient *recipient = s->head->recipients[i];
    const Leadbus__Configured *config = &s->core->config;
    uint16_t unit = core_unit_find(s->core, recipient->unit);
    char field[ERROR_FIELD_LEN_MAX + 1];
    (void)snprintf(field, sizeof field, "recipients[%zu].epoch", i);
    CHECK(unit != CORE_UNIT_NONE); /* the route named it */
    if (recipient->epoch == 0) {
        if (!core_key_offered(s->core, unit, s->installed, s->now_ms)) return 0;
        return error_say(error, E_EPOCH_UNKNOWN, field, "%s 已公布接收密钥",
                         "%s has published a key", recipient->unit);
    }
    bool live;
    const struct core_epoch_key *key = core_key_find(
        s->core, unit, recipient->epoch, core_binary(recipient->epoch_key), s->now_ms, &live);
    if (!key)
        return error_say(error, E_EPOCH_UNKNOWN, field, "%s 没有公布过这样的接收密钥 %llu",
                         "%s has not published %llu so", recipient->unit,
                         (unsigned long long)recipient->epoch);
    /* What the sender's bundle did not know yet is in the one in force. */
    if (!live)
        return error_say(error, s->installed == &s->core->now ? E_EPOCH_UNKNOWN : E_BUNDLE_STALE,
                         field, "接收密钥 %llu（%s）：其证书 %llu 已失效",
                         "%llu of %s: its certificate %llu holds no longer",
                         (unsigned long long)recipient->epoch, recipient->unit,
                         (unsigned long long)key->serial);
    bool early =
        s->now_ms < key->not_before_ms && key->not_before_ms - s->now_ms > config->created_skew_ms;
    bool late =
        s->now_ms > key->not_after_ms && s->now_ms - key->not_after_ms > config->created_age_ms;
    if (early || late)
        return error_say(
            error, E_EPOCH_EXPIRED, field, "%s 的接收密钥 %llu 有效期为 %llu 至 %llu（毫秒）",
            "%s: %llu holds from %llu to %llu", recipient->unit,
            (unsigned long long)recipient->epoch, (unsigned long long)key->not_before_ms,
            (unsigned long long)key->not_after_ms);
    return 0;
}

static int check_act(struct submission *s)
{
    int r = core_letter_read(s->core, s->head, s->now_ms, s->rules, s->letter, &s->verdict->error);
    CHECK(r == 0); /* every name in it was looked at */
    struct core_act act = s->letter->act;
    r = core_act(s->core, NULL, CORE_NONE, &act, &s->verdict->error);
    return r != 0 ? r : core_chain(s->core, NULL, &act, &s->verdict->error);
}

static int check_room(struct submission *s)
{
    struct error *error = &s->verdict->error;
    const Leadbus__Configured *config = &s->core->config;
    if (s->kind->exempt) return 0;
    int r = core_sender_check_quota(s->core, s->head->serial, s->now_ms, s->verdict);
    if (r != 0) return r;
    for (size_t i = 0; config->waiting_max > 0 && i < s->head->n_recipients; i++) {
        uint16_t unit = core_unit_find(s->core, s->head->recipients[i]->unit);
        if (s->core->units[unit]->waiting < config->waiting_max) continue;
        s->verdict->retry_after_ms = CORE_RETRY_MS;
        return error_say(error, E_BUSY, "recipients", "%s 尚有 %llu 条待投递",
                         "%s has %llu leads waiting", s->head->recipients[i]->unit,
                         (unsigned long long)s->core->units[unit]->waiting);
    }
    return 0;
}

int core_admit_submit(const struct core *core, const struct core_request *request, uint64_t now_ms,
                      struct buf *ret_record, struct core_verdict *verdict)
{
    const Leadbus__Header *head = request->envelope->head;
    const struct trust_certificate *certificate;
    struct core_admitted *admitted = core->admitted;
    size_t before = ret_record->len;
    struct submission s = {
        .core = core,
        .envelope = request->envelope,
        .head = head,
        .now_ms = now_ms,
        .rules = core_rules(request),
        .verdict = verdict,
        .letter = &admitted->letter,
    };
    buf_reset(&admitted->record);
    int r = core_letter_begin(core, head, request->envelope->hash, s.letter, &verdict->error);
    CHECK(r == 0); /* its form was looked at when it was decoded */
    r = core_admit_speaker(core, request, head->serial, head->from, head->suite, now_ms,
                           &certificate, &verdict->error);
    core_letter_expect(core, s.letter, CORE_LETTER_OPENING);
    if (r == 0) r = check_sequence(&s);
    if (r == 0) r = check_bundle(&s);
    core_letter_expect(core, s.letter, CORE_LETTER_THREAD);
    if (r == 0) r = check_times(&s);
    if (r == 0) r = check_kind(&s);
    if (r == 0) r = check_attachments(&s);
    if (r == 0) r = check_thread(&s);
    if (r == 0) r = check_hard_limit(&s);
    if (r == 0) r = check_route(&s);
    if (r == 0) r = check_circle(&s);
    for (size_t i = 0; r == 0 && i < head->n_recipients; i++) r = check_epoch(&s, i);
    if (r == 0) r = check_outcome(&s);
    if (r == 0)
        r = lifecycle_check_named(s.kind, head->topic, head->target, head->other.len > 0,
                                  &verdict->error);
    if (r == 0) r = check_act(&s);
    if (r == 0) r = check_room(&s);
    if (r == 0) r = check_chunks(&s, request->attachments_durable);
    if (r == 0)
        r = record_of_accepted(s.rules, now_ms, s.flags, request->envelope, ret_record,
                               &verdict->error);
    if (r != 0) return r;
    verdict->accepted_flags = s.flags;
    admitted->size = core->size;
    admitted->time_ms = now_ms;
    admitted->rules = s.rules;
    buf_append(&admitted->record, ret_record->data + before, ret_record->len - before);
    return 0;
}
