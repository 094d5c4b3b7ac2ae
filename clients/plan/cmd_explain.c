#include <stdarg.h>
#include <string.h>

#include "clients/plan/tool.h"
#include "clients/plan/view/lookup.h"
#include "clients/plan/view/recipient.h"
#include "clients/plan/view/words.h"
#include "proto/plan/day.h"
#include "proto/plan/route.h"

enum { SKIP_COUNT_MAX = LIMIT_UNIT_COUNT_MAX };

struct explain_options {
    const char *plan, *kind, *from, *topic, *area, *at, *parent, *lang;
    struct options_list thread;
    bool json;
};

struct explain_work {
    const struct explain_options *options;
    struct tool_plan source;
    const struct plan *plan;
    const struct plan_kind *kind;
    const struct plan_topic *topic; /* NULL: none */
    uint16_t from;
    char day[DAY_TEXT_LEN];
    struct route_participant participants[LIMIT_UNIT_COUNT_MAX];
    struct route_query query;
    struct route route;
    struct route_skip skips[SKIP_COUNT_MAX];
    size_t skip_count;
};

/* ---- the question */

static int resolve_thread(struct explain_work *work, struct error *ret_error)
{
    const struct explain_options *options = work->options;
    uint16_t unit = 0;
    int rc = 0;
    if (options->parent) {
        rc = lookup_unit(work->plan, "--parent-from", options->parent, i18n_lang(), &unit,
                         ret_error);
        if (rc != 0) return rc;
        work->query.reference_sender = plan_unit(work->plan, unit)->key;
        work->participants[work->query.participant_count++] =
            (struct route_participant){unit, ROUTE_ROLE_ORIGINATOR};
    }
    for (size_t i = 0; i < options->thread.count; i++) {
        rc = lookup_unit(work->plan, "--thread", options->thread.items[i], i18n_lang(), &unit,
                         ret_error);
        if (rc != 0) return rc;
        if (work->query.participant_count == LIMIT_UNIT_COUNT_MAX)
            return error_say(ret_error, E_TOO_LARGE, "--thread", "至多 %d 个单位",
                             "at most %d units", LIMIT_UNIT_COUNT_MAX);
        work->participants[work->query.participant_count++] =
            (struct route_participant){unit, ROUTE_ROLE_COPY_ALERTED};
    }
    return 0;
}

static int resolve(struct explain_work *work, struct error *ret_error)
{
    const struct explain_options *options = work->options;
    uint64_t at_ms = 0;
    enum lang lang = i18n_lang();
    int rc = tool_plan_load(options->plan, &work->source, ret_error);
    if (rc != 0) return rc;
    work->plan = work->source.plan;
    rc = lookup_kind(work->plan, "KIND", options->kind, lang, &work->kind, ret_error);
    if (rc == 0)
        rc = lookup_unit(work->plan, "--from", options->from, lang, &work->from, ret_error);
    if (rc == 0 && options->topic)
        rc = lookup_topic(work->kind, "--topic", options->topic, lang, &work->topic, ret_error);
    if (rc == 0 && options->area)
        rc = lookup_area(work->plan, "--area", options->area, lang, &work->query.area, ret_error);
    if (rc == 0) rc = tool_day(options->at, tool_now_ms(), &at_ms, ret_error);
    if (rc == 0) rc = resolve_thread(work, ret_error);
    if (rc != 0) return rc;
    day_text(at_ms, work->day);
    work->query.plan = work->plan;
    work->query.at_ms = at_ms;
    work->query.kind = work->kind->slug;
    work->query.topic = work->topic ? work->topic->slug : NULL;
    work->query.from = plan_unit(work->plan, work->from)->key;
    work->query.participants = work->participants;
    return 0;
}

/* What a person can do about a question that has no answer. */
static void advise(const struct explain_work *work, int code)
{
    struct buf text = {0};
    if (code == E_TOPIC_UNKNOWN) {
        buf_append_str(&text, T("主题：", "topics:"));
        for (size_t i = 0; i < work->kind->topic_count; i++) {
            const struct plan_topic *topic = &work->kind->topics[i];
            buf_printf(&text, "\n  %-20s %s", topic->slug, T(topic->name_zh, topic->name_en));
        }
    } else if (code == E_SENDER_NOT_ALLOWED) {
        bool narrow = work->topic && work->topic->senders;
        buf_append_str(&text, T("可发送：", "may send it: "));
        words_senders(work->plan, narrow ? work->topic->senders : &work->kind->senders, i18n_lang(),
                      &text);
    } else if (code == E_ROUTE_EMPTY && work->kind->position == PLAN_FOLLOWS) {
        buf_append_str(&text,
                       T("该种类发给线索上的单位：请用 --parent-from 给出来件单位，用 --thread "
                         "给出其他参与单位",
                         "it goes to the units of a thread: give the sender of the message "
                         "referred to by --parent-from, others on the thread by --thread"));
    }
    if (text.len) (void)fprintf(stderr, "%.*s\n", (int)text.len, (const char *)text.data);
    buf_fini(&text);
}

/* ---- for people */

static void line(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void line(const char *label, const char *format, ...)
{
    va_list args;
    i18n_pad(stdout, label, T(10, 12));
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

static void show_question(const struct explain_work *work)
{
    const struct plan_kind *kind = work->kind;
    const struct plan_about *about = plan_about(work->plan);
    const struct plan_unit *from = plan_unit(work->plan, work->from);
    const char *code = work->query.area ? work->query.area : "";
    const struct plan_area *area = plan_area_find(work->plan, code);
    printf(T("%s（%s）\n", "%s (%s)\n"), words_kind(kind, i18n_lang()), kind->slug);
    if (work->topic)
        line(T("主题", "topic"), T("%s（%s）", "%s (%s)"),
             T(work->topic->name_zh, work->topic->name_en), work->topic->slug);
    line(T("发送", "from"), T("%s（%s）", "%s (%s)"), words_unit(from, i18n_lang()), from->key);
    if (from->successor != PLAN_UNIT_NONE)
        line("", T("由 %s 承继", "succeeded by %s"),
             words_unit(plan_unit(work->plan, from->current), i18n_lang()));
    line(T("区划", "area"), "%s%s%s", code[0] ? code : T("未给出", "not given"), area ? "  " : "",
         area ? T(area->name_zh, area->name_en) : "");
    line(T("日期", "day"), "%s", work->day);
    line(T("级别", "level"), T("C%d，%s", "C%d, %s"), kind->level,
         words_urgency(plan_kind_urgency(kind, work->query.topic), i18n_lang()));
    line(T("方案", "plan"), T("%s，%s", "%s, %s"), T(about->title_zh, about->title_en),
         about->date);
}

static void show_clause(const struct explain_work *work, const struct plan_row *row)
{
    const struct plan_task *task = plan_task_find(work->plan, row->clause);
    const struct plan_duty *duty = plan_duty_find(work->plan, row->clause);
    struct buf text = {0};
    if (row->source != PLAN_ROW_DUTY && row->source < PLAN_ROW_THREAD && task) {
        words_brackets(work->plan, task, i18n_lang(), &text);
        line(T("    条款", "    clause"), T("%s %s（%.*s）", "%s %s (%.*s)"), task->id,
             T(task->title_zh, task->title_en), (int)text.len, (const char *)text.data);
    } else if (duty) {
        line(T("    职责", "    duty"), T("%s（%s）", "%s (%s)"),
             words_of(i18n_lang(), duty->text_zh, duty->text_en), duty->id);
    }
    buf_fini(&text);
}

/* Recipients that one row made alike are shown together. */
static size_t alike(const struct explain_work *work, size_t first)
{
    const struct route *route = &work->route;
    const struct route_recipient *one = &route->recipients[first];
    size_t end = first + 1;
    while (end < route->recipient_count && !one->primary) {
        const struct route_recipient *other = &route->recipients[end];
        if (other->act != one->act || other->sections != one->sections ||
            recipient_row(work->plan, route, work->topic, other) !=
                recipient_row(work->plan, route, work->topic, one))
            break;
        end++;
    }
    return end;
}

static void show_recipients(const struct explain_work *work, size_t first, size_t end)
{
    const struct route_recipient *recipient = &work->route.recipients[first];
    const struct plan_row *row = recipient_row(work->plan, &work->route, work->topic, recipient);
    const char *act = words_act(recipient->act, recipient->primary, i18n_lang());
    struct buf text = {0};
    if (end == first + 1) {
        const struct plan_unit *unit = plan_unit(work->plan, recipient->unit);
        printf(T("%2zu  %s（%s）  %s\n", "%2zu  %s (%s)  %s\n"), end, words_unit(unit, i18n_lang()),
               unit->key, act);
    } else {
        for (size_t i = first; i < end; i++)
            buf_printf(
                &text, "%s%s", i > first ? T("、", ", ") : "",
                words_unit(plan_unit(work->plan, work->route.recipients[i].unit), i18n_lang()));
        printf(T("%2zu-%zu  %s：%.*s\n", "%2zu-%zu  %s: %.*s\n"), first + 1, end, act,
               (int)text.len, (const char *)text.data);
        buf_reset(&text);
    }
    words_sections(work->kind, recipient->sections, i18n_lang(), &text);
    line(T("    可读", "    reads"), "%.*s", (int)text.len, (const char *)text.data);
    buf_fini(&text);
    if (!row) return;
    line(T("    依据", "    by"), "%s  routes.tsv:%zu", recipient->citation, row->line);
    show_clause(work, row);
    line(T("    理由", "    why"), "%s", words_of(i18n_lang(), row->reason_zh, row->reason_en));
}

static void show(const struct explain_work *work)
{
    static const enum route_flag flags[] = {ROUTE_FLAG_READDRESSED, ROUTE_FLAG_ONLY_ORIGIN_LEFT,
                                            ROUTE_FLAG_OWN_HOST, ROUTE_FLAG_AREA_UNKNOWN};
    show_question(work);
    printf("\n%s\n", T("接收单位", "Recipients"));
    for (size_t i = 0, end = 0; i < work->route.recipient_count; i = end) {
        end = alike(work, i);
        show_recipients(work, i, end);
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
        if (work->route.flags & flags[i])
            printf(T("！ %s\n", "!  %s\n"), words_flag(flags[i], i18n_lang()));
    if (work->skip_count == 0) return;
    printf("\n%s\n", T("条款列名而未发送", "Named by the clauses, not addressed"));
    for (size_t i = 0; i < work->skip_count; i++) {
        const struct route_skip *skip = &work->skips[i];
        char where[64];
        (void)snprintf(where, sizeof where, "%s %s", skip->clause,
                       skip->lead ? T("负责", "lead") : T("配合", "cooperating"));
        (void)fputs("    ", stdout);
        i18n_pad(stdout, words_unit(plan_unit(work->plan, skip->unit), i18n_lang()), T(24, 52));
        i18n_pad(stdout, where, T(16, 22));
        printf("%s\n", route_skip_text(skip->reason, i18n_lang()));
    }
}

/* ---- for programs */

static json_t *unit_json(const struct plan *plan, uint16_t index)
{
    const struct plan_unit *unit = plan_unit(plan, index);
    return json_pack("{s:s, s:s, s:s}", "unit", unit->key, "name_zh", unit->name_zh, "name_en",
                     unit->name_en);
}

static json_t *recipient_json(const struct explain_work *work, size_t index)
{
    const struct route_recipient *recipient = &work->route.recipients[index];
    const struct plan_row *row = recipient_row(work->plan, &work->route, work->topic, recipient);
    json_t *object = unit_json(work->plan, recipient->unit);
    json_t *sections = json_array();
    for (size_t i = 0; i < work->kind->section_count; i++)
        if (recipient->sections >> i & 1)
            (void)json_array_append_new(sections, json_string(work->kind->sections[i].name));
    (void)json_object_set_new(object, "act",
                              json_string(recipient->act == ROUTE_SIGN ? "sign" : "copy"));
    (void)json_object_set_new(object, "primary", json_boolean(recipient->primary));
    (void)json_object_set_new(object, "sections", sections);
    (void)json_object_set_new(object, "citation", json_string(recipient->citation));
    (void)json_object_set_new(
        object, "citation_zh",
        tool_json_text(route_citation_text(work->plan, recipient->citation, LANG_ZH)));
    (void)json_object_set_new(
        object, "citation_en",
        tool_json_text(route_citation_text(work->plan, recipient->citation, LANG_EN)));
    if (!row) return object;
    (void)json_object_set_new(object, "clause", json_string(row->clause));
    (void)json_object_set_new(object, "reason_zh", tool_json_text(row->reason_zh));
    (void)json_object_set_new(object, "reason_en", tool_json_text(row->reason_en));
    (void)json_object_set_new(object, "line", json_integer((json_int_t)row->line));
    return object;
}

static json_t *skip_json(const struct explain_work *work, const struct route_skip *skip)
{
    static const char *const names[] = {"origin",      "other-street", "area-unknown",
                                        "other-topic", "not-member",   "no-row"};
    json_t *object = unit_json(work->plan, skip->unit);
    (void)json_object_set_new(object, "clause", json_string(skip->clause));
    (void)json_object_set_new(object, "role", json_string(skip->lead ? "lead" : "coop"));
    (void)json_object_set_new(object, "reason", json_string(names[skip->reason]));
    (void)json_object_set_new(object, "reason_zh",
                              json_string(route_skip_text(skip->reason, LANG_ZH)));
    (void)json_object_set_new(object, "reason_en",
                              json_string(route_skip_text(skip->reason, LANG_EN)));
    return object;
}

static int show_json(const struct explain_work *work)
{
    const struct route *route = &work->route;
    json_t *recipients = json_array(), *skipped = json_array(), *flags = json_array();
    json_t *object = json_object();
    for (size_t i = 0; i < route->recipient_count; i++)
        (void)json_array_append_new(recipients, recipient_json(work, i));
    for (size_t i = 0; i < work->skip_count; i++)
        (void)json_array_append_new(skipped, skip_json(work, &work->skips[i]));
    if (route->flags & ROUTE_FLAG_READDRESSED)
        (void)json_array_append_new(flags, json_string("readdressed"));
    if (route->flags & ROUTE_FLAG_ONLY_ORIGIN_LEFT)
        (void)json_array_append_new(flags, json_string("only-origin-left"));
    if (route->flags & ROUTE_FLAG_OWN_HOST)
        (void)json_array_append_new(flags, json_string("own-host"));
    if (route->flags & ROUTE_FLAG_AREA_UNKNOWN)
        (void)json_array_append_new(flags, json_string("area-unknown"));
    (void)json_object_set_new(object, "plan", json_string(plan_about(work->plan)->name));
    (void)json_object_set_new(object, "date", json_string(plan_about(work->plan)->date));
    (void)json_object_set_new(object, "kind", json_string(work->kind->slug));
    (void)json_object_set_new(object, "topic", tool_json_text(work->query.topic));
    (void)json_object_set_new(object, "from", json_string(work->query.from));
    (void)json_object_set_new(object, "area", tool_json_text(work->query.area));
    (void)json_object_set_new(object, "at", json_string(work->day));
    (void)json_object_set_new(object, "flags", flags);
    (void)json_object_set_new(object, "recipients", recipients);
    (void)json_object_set_new(object, "skipped", skipped);
    return tool_print_json(object);
}

static int run(struct explain_work *work)
{
    struct error error = {0};
    int rc = resolve(work, &error);
    bool resolved = rc == 0;
    if (rc == 0) rc = route_compute(&work->query, &work->route, &error);
    if (rc != 0) {
        int status = tool_fail(rc, &error);
        if (resolved || rc == E_TOPIC_UNKNOWN) advise(work, rc);
        return status;
    }
    work->skip_count = route_explain(&work->query, &work->route, work->skips, SKIP_COUNT_MAX);
    if (work->skip_count > SKIP_COUNT_MAX) work->skip_count = SKIP_COUNT_MAX; /* a unit once */
    if (work->options->json) return show_json(work);
    show(work);
    return 0;
}

int cmd_explain(int argc, char **argv)
{
    struct explain_options options = {0};
    const struct options_row rows[] = {
        {.name = "from",
         .value_zh = "单位",
         .value_en = "UNIT",
         .doc_zh = "发送单位：代码、名称，或名称中独有的一部分",
         .doc_en = "the sender: its key, its name, or a part of it that fits no other unit",
         .text = &options.from},
        {.name = "topic",
         .value_zh = "主题",
         .value_en = "TOPIC",
         .doc_zh = "主题",
         .doc_en = "topic",
         .text = &options.topic},
        {.name = "area",
         .value_zh = "区划",
         .value_en = "AREA",
         .doc_zh = "区划代码，或街道名称",
         .doc_en = "area code, or a street's name",
         .text = &options.area},
        {.name = "at",
         .value_zh = "日期",
         .value_en = "DAY",
         .doc_zh = "按该日的成员名单（默认今天）",
         .doc_en = "by the memberships of that day (today by default)",
         .text = &options.at},
        {.name = "parent-from",
         .value_zh = "单位",
         .value_en = "UNIT",
         .doc_zh = "所引用消息的发送单位",
         .doc_en = "the sender of the message referred to",
         .text = &options.parent},
        {.name = "thread",
         .value_zh = "单位",
         .value_en = "UNIT",
         .doc_zh = "线索上的其他单位（可多次）",
         .doc_en = "another unit of the thread (may be repeated)",
         .list = &options.thread},
        {.name = "plan",
         .value_zh = "方案",
         .value_en = "PLAN",
         .doc_zh = "数据表目录或方案包（默认内置方案）",
         .doc_en = "a folder of tables or a bundle (the shipped plan by default)",
         .text = &options.plan},
        TOOL_OPTION_JSON(&options.json),
        TOOL_OPTION_LANG(&options.lang),
    };
    const struct options_spec spec = {
        "leadbus-plan explain",
        "种类 --from 单位 [选项]",
        "KIND --from UNIT [options]",
        "某单位发出某种类时，谁会收到、依据哪一条；条款列名而不发送的又是为什么。",
        "Who receives a kind from a unit and by which clause; who is named and not addressed, and "
        "why.",
        rows,
        sizeof rows / sizeof rows[0]};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &options.lang, 1, 1, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, options.from, "--from");
    if (rc != 0) return options_exit_code(rc);
    options.kind = argv[first];
    struct explain_work work = {.options = &options};
    int status = run(&work);
    tool_plan_fini(&work.source);
    return status;
}
