/* explain: one lead as a person asks about it. Headers only; nobody here can read a section. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clients/replay/commands.h"
#include "clients/replay/out.h"
#include "clients/replay/story.h"
#include "proto/base/check.h"
#include "proto/merkle.h"

struct explaining {
    const struct story *story;
    struct trust_bundle *bundle; /* the one it was routed by */
    const struct plan *plan;
    struct route route;
    struct route_skip skips[LIMIT_UNIT_COUNT_MAX];
    size_t skip_count;
    const struct core *core; /* as of the journal's end */
};

/* What stands on a printed receipt: the leaf of the journal's tree. */
static void record_hash(const struct buf *record, char ret_hex[65])
{
    uint8_t leaf[32];
    merkle_leaf_hash(bytes_of(record->data, record->len), leaf);
    hex_encode(bytes_of(leaf, 32), ret_hex);
}

static const char *unit_name(const struct explaining *explaining, const char *key)
{
    uint16_t index = plan_unit_find(explaining->plan, key);
    const struct plan_unit *unit =
        index == PLAN_UNIT_NONE ? NULL : plan_unit(explaining->plan, index);
    return unit == NULL ? key : T(unit->name_zh, unit->name_en);
}

/* The route again, by the plan that the sender named, and who was left out of it. */
static int derive(struct explaining *explaining, struct error *ret_error)
{
    const struct story *story = explaining->story;
    const Leadbus__Header *head = story->envelope.head;
    struct route_stated stated[LIMIT_RECIPIENT_COUNT_MAX];
    struct route_query query = core_routing_query(explaining->plan, head, &story->routing);
    int code = route_compute(&query, &explaining->route, ret_error);
    if (code != 0) return code;
    explaining->skip_count =
        route_explain(&query, &explaining->route, explaining->skips, LIMIT_UNIT_COUNT_MAX);
    if (explaining->skip_count > LIMIT_UNIT_COUNT_MAX)
        explaining->skip_count = LIMIT_UNIT_COUNT_MAX;
    code = route_restrict(&explaining->route, (const char *const *)head->sections, head->n_sections,
                          ret_error);
    if (code != 0) return code;
    for (size_t i = 0; i < head->n_recipients; i++)
        stated[i] =
            (struct route_stated){head->recipients[i]->unit, head->recipients[i]->act,
                                  head->recipients[i]->citation, head->recipients[i]->sections};
    return route_compare(explaining->plan, &explaining->route, stated, head->n_recipients,
                         ret_error);
}

/* The sections that a plan's kinds have, in words; any other by its name. */
static const char *section_word(const char *name)
{
    static const struct {
        const char *name, *zh, *en;
    } words[] = {{"summary", "摘要", "summary"},     {"full", "全文", "full"},
                 {"reporter", "报告人", "reporter"}, {"alert", "警报", "alert"},
                 {"notice", "通知", "notice"},       {"receipt", "回执", "receipt"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, name) == 0) return T(words[i].zh, words[i].en);
    return name;
}

/* "summary, full" */
static void sections_text(const Leadbus__Header *head, uint32_t bits, struct buf *ret)
{
    buf_reset(ret);
    for (size_t i = 0; i < head->n_sections; i++)
        if ((bits >> i & 1) != 0)
            buf_printf(ret, "%s%s", ret->len > 0 ? T("、", ", ") : "",
                       section_word(head->sections[i]));
    if (ret->len == 0) buf_append_str(ret, T("仅信头", "header only"));
    buf_append_u8(ret, 0);
}

/* ---- as text ----------------------------------------------------------------------------------
 */
static void print_head(const struct explaining *explaining)
{
    const struct story *story = explaining->story;
    const Leadbus__Header *head = story->envelope.head;
    const struct plan_kind *kind = plan_kind_find(explaining->plan, head->kind);
    char id[37], thread[37], time[I18N_TIME_LEN], created[I18N_TIME_LEN], hash[65];
    uuid_text(story->id, id);
    uuid_text(story->thread, thread);
    printf(T("消息 %s（日志序号 %llu）\n", "message %s (journal index %llu)\n"), id,
           (unsigned long long)story->index);
    printf(T("  种类 %s（%s）\n", "  kind %s (%s)\n"),
           kind == NULL ? head->kind : T(kind->name_zh, kind->name_en), head->kind);
    printf(T("  来自 %s（%s），经办 %s\n", "  from %s (%s), officer %s\n"),
           unit_name(explaining, head->from), head->from, out_officer(head->officer));
    printf(T("  创建 %s，入账 %s\n", "  created %s, journaled %s\n"),
           out_time(head->created_ms, created), out_time(story->time_ms, time));
    record_hash(&story->record, hash);
    printf(T("  记录散列 %s\n", "  record hash %s\n"), hash);
    if (memcmp(story->id, story->thread, 16) != 0)
        printf(T("  所属线索 %s\n", "  on thread %s\n"), thread);
    if (head->target[0] != '\0')
        printf(T("  所指单位 %s（%s）\n", "  names %s (%s)\n"), unit_name(explaining, head->target),
               head->target);
    if (head->area[0] != '\0') printf(T("  区划 %s\n", "  area %s\n"), head->area);
}

static void print_recipient(const struct explaining *explaining, size_t i, struct buf *scratch)
{
    const Leadbus__Header *head = explaining->story->envelope.head;
    const Leadbus__Recipient *recipient = head->recipients[i];
    const struct story_recipient *told = &explaining->story->recipients[i];
    const struct plan_kind *kind = explaining->route.kind;
    char time[I18N_TIME_LEN];
    const char *text = route_citation_text(explaining->plan, recipient->citation, i18n_lang());
    const char *reason = route_reason(explaining->plan, kind, recipient->citation, i18n_lang());
    sections_text(head, recipient->sections, scratch);
    printf(T("  %s %s（%s）\n", "  %s %s (%s)\n"),
           recipient->act == ENVELOPE_ACT_SIGN ? T("须签收", "must sign") : T("抄送", "copy"),
           unit_name(explaining, recipient->unit), recipient->unit);
    printf(T("    依据 %s　%s；%s\n", "    by %s: %s; %s\n"), recipient->citation,
           text == NULL ? "" : text, reason == NULL ? "" : reason);
    printf(T("    可读 %s\n", "    may read %s\n"), (const char *)scratch->data);
    if (recipient->epoch == 0)
        puts(T("    封装时该单位尚无密钥，待补封后才能打开",
               "    it had no key when this was sealed: it opens it once it is sealed again"));
    if (!told->acknowledged)
        puts(T("    尚未收到", "    not received yet"));
    else if (told->exception != 0)
        printf(T("    %s 无法打开：%s\n", "    %s could not open it: %s\n"),
               out_time(told->ack_ms, time), error_text(-(int)told->exception, i18n_lang()));
    else
        printf(T("    %s 收到（记录 %llu）\n", "    received %s (record %llu)\n"),
               out_time(told->ack_ms, time), (unsigned long long)told->ack_index);
    if (told->late != 0)
        printf(T("    %s 拒收所附文件：%s\n", "    %s refused what came with it: %s\n"),
               out_time(told->late_ms, time), error_text(-(int)told->late, i18n_lang()));
}

static void print_skips(const struct explaining *explaining)
{
    if (explaining->skip_count == 0) return;
    puts(T("条款提到、但没有发给：", "named by the clauses, but not addressed:"));
    for (size_t i = 0; i < explaining->skip_count; i++) {
        const struct route_skip *skip = &explaining->skips[i];
        const struct plan_unit *unit = plan_unit(explaining->plan, skip->unit);
        printf(T("  %s（%s）%s %s：%s\n", "  %s (%s) %s %s: %s\n"), T(unit->name_zh, unit->name_en),
               unit->key, skip->clause, skip->lead ? T("负责", "lead") : T("配合", "cooperates"),
               route_skip_text(skip->reason, i18n_lang()));
    }
}

static int print_acts(const struct explaining *explaining, struct error *ret_error)
{
    const struct story *story = explaining->story;
    struct arena arena;
    int code = 0;
    if (story->act_count > 0) puts(T("此后：", "after that:"));
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    for (size_t i = 0; i < story->act_count && code == 0; i++) {
        struct envelope envelope;
        uint64_t time_ms = 0;
        uint32_t flags = 0;
        char time[I18N_TIME_LEN], hash[65];
        arena_reset(&arena);
        code = story_envelope(buf_bytes(&story->acts[i].record), &arena, &envelope, &time_ms,
                              &flags, ret_error);
        if (code != 0) break;
        record_hash(&story->acts[i].record, hash);
        const struct plan_kind *kind = plan_kind_find(explaining->plan, envelope.head->kind);
        const struct plan_topic *topic = kind == NULL || envelope.head->topic[0] == '\0'
                                             ? NULL
                                             : plan_topic_find(kind, envelope.head->topic);
        const char *target = story->acts[i].target;
        printf(T("  %s %s：%s%s%s%s%s（经办 %s）\n", "  %s %s: %s%s%s%s%s (officer %s)\n"),
               out_time(time_ms, time), unit_name(explaining, envelope.head->from),
               kind == NULL ? envelope.head->kind : T(kind->name_zh, kind->name_en),
               envelope.head->topic[0] != '\0' ? T("，", ", ") : "",
               topic == NULL ? envelope.head->topic : T(topic->name_zh, topic->name_en),
               target[0] != '\0' ? " → " : "",
               target[0] != '\0' ? unit_name(explaining, target) : "",
               out_officer(envelope.head->officer));
        printf(T("    日志序号 %llu，记录散列 %s\n", "    journal index %llu, record hash %s\n"),
               (unsigned long long)story->acts[i].index, hash);
    }
    if (story->acts_left_out > 0)
        printf(T("  另有 %llu 条未列\n", "  and %llu more\n"),
               (unsigned long long)story->acts_left_out);
    arena_fini(&arena);
    return code;
}

/* "rescue/dna" in words; a step that the plan does not have any more as it is. */
static const char *step_name(const struct explaining *explaining, const char *step)
{
    for (size_t i = 0; i < plan_step_count(explaining->plan); i++) {
        const struct plan_step *found = plan_step(explaining->plan, i);
        size_t len = strlen(found->chain);
        if (strncmp(step, found->chain, len) == 0 && step[len] == '/' &&
            strcmp(step + len + 1, found->step) == 0)
            return T(found->name_zh, found->name_en);
    }
    return step;
}

/* As of the journal's end, of the whole thread. */
static void print_chains(const struct explaining *explaining)
{
    struct core_thread_step steps[PLAN_STEP_COUNT_MAX];
    char time[I18N_TIME_LEN], until[I18N_TIME_LEN], late[sizeof until + 32];
    const uint8_t *thread = explaining->story->thread;
    struct core_thread_custody view = core_thread_custody(explaining->core, thread);
    size_t count = core_thread_steps(explaining->core, thread, steps, PLAN_STEP_COUNT_MAX);
    if (count > PLAN_STEP_COUNT_MAX) count = PLAN_STEP_COUNT_MAX;
    if (count > 0) puts(T("线索上的环节：", "steps on the thread:"));
    for (size_t i = 0; i < count; i++) {
        late[0] = 0;
        if (steps[i].recorded_ms - steps[i].at_ms >= 60000)
            (void)snprintf(late, sizeof late, T("（%s 录入）", " (entered %s)"),
                           out_time(steps[i].recorded_ms, until));
        if (steps[i].at_ms != 0)
            printf("  %s  %s%s\n", out_time(steps[i].at_ms, time),
                   step_name(explaining, steps[i].step), late);
        else if (steps[i].moot)
            printf(T("  已免除：%s\n", "  needed no more: %s\n"),
                   step_name(explaining, steps[i].step));
        else
            printf(T("  尚缺：%s\n", "  owed: %s\n"), step_name(explaining, steps[i].step));
    }
    if (view.custody.holder != CHAINS_NOBODY)
        printf(T("  责任：%s，自 %s\n", "  custody: %s, since %s\n"),
               view.unit[0] != '\0'
                   ? unit_name(explaining, view.unit)
                   : chains_holder_text((enum chains_holder)view.custody.holder, i18n_lang()),
               out_time(view.custody.since_ms, time));
    if (view.custody.gap_count > 0)
        printf(T("  责任空档 %u 次，最近一次：%s 至 %s\n",
                 "  gaps in custody: %u, the newest from %s to %s\n"),
               (unsigned)view.custody.gap_count, out_time(view.custody.gap_from_ms, time),
               out_time(view.custody.gap_until_ms, until));
}

static int print_all(const struct explaining *explaining, struct error *ret_error)
{
    struct buf scratch = {0};
    print_head(explaining);
    puts(T("发给：", "addressed:"));
    for (size_t i = 0; i < explaining->story->recipient_count; i++)
        print_recipient(explaining, i, &scratch);
    print_skips(explaining);
    buf_fini(&scratch);
    print_chains(explaining);
    return print_acts(explaining, ret_error);
}

/* ---- as JSON ----------------------------------------------------------------------------------
 */
static json_t *steps_json(const struct explaining *explaining)
{
    struct core_thread_step steps[PLAN_STEP_COUNT_MAX];
    json_t *list = json_array();
    size_t count =
        core_thread_steps(explaining->core, explaining->story->thread, steps, PLAN_STEP_COUNT_MAX);
    for (size_t i = 0; i < count && i < PLAN_STEP_COUNT_MAX; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:I, s:b}", "step", steps[i].step, "at_ms",
                                        (json_int_t)steps[i].at_ms, "recorded_ms",
                                        (json_int_t)steps[i].recorded_ms, "owed", steps[i].owed));
    return list;
}

static json_t *custody_json(const struct explaining *explaining)
{
    struct core_thread_custody view =
        core_thread_custody(explaining->core, explaining->story->thread);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "holder",
                     chains_holder_name((enum chains_holder)view.custody.holder), "unit", view.unit,
                     "since_ms", (json_int_t)view.custody.since_ms, "gap_count",
                     (json_int_t)view.custody.gap_count, "gap_from_ms",
                     (json_int_t)view.custody.gap_from_ms, "gap_until_ms",
                     (json_int_t)view.custody.gap_until_ms);
}

static json_t *recipients_json(const struct explaining *explaining)
{
    const Leadbus__Header *head = explaining->story->envelope.head;
    json_t *list = json_array();
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        const struct story_recipient *told = &explaining->story->recipients[i];
        const char *zh = route_citation_text(explaining->plan, recipient->citation, LANG_ZH);
        const char *en = route_citation_text(explaining->plan, recipient->citation, LANG_EN);
        json_t *sections = json_array();
        for (size_t s = 0; s < head->n_sections; s++)
            if ((recipient->sections >> s & 1) != 0)
                json_array_append_new(sections, json_string(head->sections[s]));
        json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "unit", recipient->unit,
                                   "act", recipient->act == ENVELOPE_ACT_SIGN ? "sign" : "copy",
                                   "citation", recipient->citation, "citation_zh",
                                   zh == NULL ? "" : zh, "citation_en", en == NULL ? "" : en,
                                   "sections", sections, "received", told->acknowledged ? 1 : 0);
        if (told->acknowledged) {
            json_object_set_new(object, "received_ms", json_integer((json_int_t)told->ack_ms));
            json_object_set_new(object, "received_index",
                                json_integer((json_int_t)told->ack_index));
        }
        if (told->exception != 0)
            json_object_set_new(object, "exception",
                                json_string(error_name(-(int)told->exception)));
        if (told->late != 0)
            json_object_set_new(object, "late", json_string(error_name(-(int)told->late)));
        json_array_append_new(list, object);
    }
    return list;
}

static json_t *skips_json(const struct explaining *explaining)
{
    json_t *list = json_array();
    for (size_t i = 0; i < explaining->skip_count; i++) {
        const struct route_skip *skip = &explaining->skips[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s}", "unit",
                                        plan_unit(explaining->plan, skip->unit)->key, "clause",
                                        skip->clause, "role", skip->lead ? "lead" : "coop",
                                        "reason_zh", route_skip_text(skip->reason, LANG_ZH),
                                        "reason_en", route_skip_text(skip->reason, LANG_EN)));
    }
    return list;
}

static int acts_json(const struct explaining *explaining, json_t *list, struct error *ret_error)
{
    const struct story *story = explaining->story;
    struct arena arena;
    int code = 0;
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX * 4);
    for (size_t i = 0; i < story->act_count && code == 0; i++) {
        struct envelope envelope;
        uint64_t time_ms = 0;
        uint32_t flags = 0;
        char hash[65];
        arena_reset(&arena);
        record_hash(&story->acts[i].record, hash);
        code = story_envelope(buf_bytes(&story->acts[i].record), &arena, &envelope, &time_ms,
                              &flags, ret_error);
        if (code == 0)
            json_array_append_new(
                list, json_pack("{s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:b}", "index",
                                (json_int_t)story->acts[i].index, "record_hash", hash, "time_ms",
                                (json_int_t)time_ms, "from", envelope.head->from, "kind",
                                envelope.head->kind, "topic", envelope.head->topic, "officer",
                                envelope.head->officer, "target", story->acts[i].target,
                                "answers_it", story->acts[i].answers ? 1 : 0));
    }
    arena_fini(&arena);
    return code;
}

static int show_json(const struct explaining *explaining, struct error *ret_error)
{
    const struct story *story = explaining->story;
    const Leadbus__Header *head = story->envelope.head;
    char id[37], thread[37], hash[65];
    json_t *acts = json_array();
    int code = acts_json(explaining, acts, ret_error);
    if (code != 0) {
        json_decref(acts);
        return code;
    }
    uuid_text(story->id, id);
    uuid_text(story->thread, thread);
    record_hash(&story->record, hash);
    out_json(json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:o, "
                       "s:o, s:o, s:I, s:o, "
                       "s:o}",
                       "index", (json_int_t)story->index, "id", id, "record_hash", hash, "thread",
                       thread, "kind", head->kind, "topic", head->topic, "from", head->from,
                       "officer", head->officer, "target", head->target, "area", head->area,
                       "created_ms", (json_int_t)head->created_ms, "time_ms",
                       (json_int_t)story->time_ms, "bundle", (json_int_t)head->bundle, "recipients",
                       recipients_json(explaining), "not_addressed", skips_json(explaining), "acts",
                       acts, "acts_left_out", (json_int_t)story->acts_left_out, "steps",
                       steps_json(explaining), "custody", custody_json(explaining)));
    return 0;
}

/* ---- the commands on one lead -----------------------------------------------------------------
 */
static int gather(struct command_options *options, struct story *story, struct audit **ret_audit)
{
    struct error error = {0};
    int code = audit_check_copy(options->journal, &error);
    if (code != 0) {
        if (code == E_IO) return out_error_as(EX_NOINPUT, code, &error, options->json);
        return out_error(code, &error, options->json);
    }
    code = story_find(story, options->journal, options->lead, &error);
    if (code == E_NOT_FOUND) return out_error_as(EX_DATAERR, code, &error, options->json);
    if (code != 0) return out_error(code, &error, options->json);
    return command_walk(options, AUDIT_DECIDE, NULL, story_each, story, ret_audit);
}

int command_explain(struct command_options *options)
{
    struct story *story = calloc(1, sizeof *story);
    struct explaining *explaining = calloc(1, sizeof *explaining);
    struct audit *audit = NULL;
    struct error error = {0};
    CHECK(story != NULL && explaining != NULL);
    int status = gather(options, story, &audit);
    if (status == 0) {
        /* The hook has kept the very bundle that it was routed by. */
        explaining->story = story;
        explaining->core = audit_core(audit);
        int code = trust_bundle_open(buf_bytes(&story->bundles[0].bytes), &story->bundles[0].root,
                                     &explaining->bundle, &error);
        if (code == 0) {
            explaining->plan = trust_bundle_plan(explaining->bundle);
            code = derive(explaining, &error);
        }
        if (code == 0)
            code = options->json ? show_json(explaining, &error) : print_all(explaining, &error);
        if (code != 0) status = out_error(code, &error, options->json);
    }
    trust_bundle_free(explaining->bundle);
    audit_free(audit);
    story_fini(story);
    free(story);
    free(explaining);
    return status;
}

int command_prove(struct command_options *options)
{
    struct story *story = calloc(1, sizeof *story);
    struct audit *audit = NULL;
    struct error error = {0};
    struct buf text = {0};
    CHECK(story != NULL);
    int status = gather(options, story, &audit);
    if (status == 0) {
        int code = evidence_make(audit, story, &text, &error);
        if (code == 0) code = out_file_save(options->out_path, buf_bytes(&text), &error);
        if (code != 0) {
            status = out_error(code, &error, options->json);
        } else if (options->json) {
            out_json(json_pack("{s:b, s:s, s:I}", "holds", 1, "file", options->out_path,
                               "size_bytes", (json_int_t)text.len));
        } else {
            printf(T("已写出证据文件 %s（%zu 字节）\n", "evidence written to %s (%zu bytes)\n"),
                   options->out_path, text.len);
        }
    }
    buf_fini(&text);
    audit_free(audit);
    story_fini(story);
    free(story);
    return status;
}
