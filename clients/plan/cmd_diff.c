#include <string.h>

#include "clients/plan/tool.h"
#include "clients/plan/view/diff.h"
#include "clients/plan/view/words.h"
#include "proto/plan/day.h"

/* As diff(1) does; sysexits begin at 64. */
enum { EXIT_DIFFERS = 1 };

struct diff_options {
    const char *names[2];
    const char *at, *lang;
    bool json;
};

static const char *part_name(enum diff_part part)
{
    static const char *const names[DIFF_PART_COUNT] = {"about", "unit", "area", "group", "member",
                                                       "task",  "duty", "kind", "topic"};
    return names[part];
}

static const char *part_title(enum diff_part part)
{
    static const char *const titles[DIFF_PART_COUNT][2] = {
        {"方案", "Plan"},   {"单位", "Units"},   {"区划", "Areas"},
        {"组", "Groups"},   {"成员", "Members"}, {"条款", "Clauses"},
        {"职责", "Duties"}, {"种类", "Kinds"},   {"主题", "Topics"}};
    return T(titles[part][0], titles[part][1]);
}

static const char *part_file(enum diff_part part)
{
    static const char *const files[DIFF_PART_COUNT] = {"about.tsv",  "units.tsv",  "areas.tsv",
                                                       "groups.tsv", "groups.tsv", "tasks.tsv",
                                                       "duties.tsv", "kinds.tsv",  "topics.tsv"};
    return files[part];
}

static const char *op_name(enum diff_op op)
{
    static const char *const names[] = {"added", "removed", "changed"};
    return names[op];
}

static const char *cause_name(enum diff_cause cause)
{
    static const char *const names[] = {"row", "clause", "members", "others"};
    return names[cause];
}

/* ---- for people: tables */

/* "units.tsv:10", or "units.tsv:10 → 12" */
static void show_lines(const char *file, size_t before, size_t after)
{
    if (before && after && before != after)
        printf("  %s:%zu → %zu", file, before, after);
    else if (before || after)
        printf("  %s:%zu", file, after ? after : before);
}

static void show_change(const struct diff_change *change)
{
    static const char signs[] = "+-~";
    printf(T("  %c %s（%s）", "  %c %s (%s)"), signs[change->op],
           words_of(i18n_lang(), change->name_zh, change->name_en), change->key);
    if (change->field && strcmp(change->field, "successor") == 0 && change->new_text[0])
        printf(T("  并入 %s", "  succeeded by %s"), change->new_text);
    else if (change->field)
        printf(T("  %s：%s → %s", "  %s: %s → %s"), change->field,
               change->old_text[0] ? change->old_text : "-",
               change->new_text[0] ? change->new_text : "-");
    else if (change->part == DIFF_MEMBER)
        printf("  %s", change->op == DIFF_ADDED ? change->new_text : change->old_text);
    show_lines(part_file(change->part), change->old_line, change->new_line);
    (void)putchar('\n');
}

static void show_changes(const struct diff *diff)
{
    for (int part = 0; part < DIFF_PART_COUNT; part++) {
        bool any = false;
        for (size_t i = 0; i < diff->change_count; i++) {
            if (diff->changes[i].part != (enum diff_part)part) continue;
            if (!any) printf("\n%s\n", part_title((enum diff_part)part));
            any = true;
            show_change(&diff->changes[i]);
        }
    }
}

/* ---- for people: routes */

static void put_names(struct buf *buf, const struct diff_name *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(buf, "%s%s", i ? T("、", ", ") : "",
                   words_of(i18n_lang(), names[i].zh, names[i].en));
}

/* "全部主题，所有发送单位，给出街道时" */
static void put_scope(struct buf *buf, const struct diff_route *route)
{
    if (route->all_topics && route->topic_count > 1) {
        buf_append_str(buf, T("全部主题，", "all topics, "));
    } else if (route->topics[0].key[0] || route->topic_count > 1 || !route->all_topics) {
        put_names(buf, route->topics, route->topic_count);
        buf_append_str(buf, T("，", ", "));
    }
    switch (route->sender_scope) {
    case DIFF_ALL: buf_append_str(buf, T("所有发送单位", "for all senders")); break;
    case DIFF_THESE:
        buf_append_str(buf, T("", "when "));
        put_names(buf, route->senders, route->sender_count);
        buf_append_str(buf, route->sender_count > 1 ? T("发送时", " send") : T("发送时", " sends"));
        break;
    case DIFF_ALL_BUT:
        buf_append_str(buf, T("除", "for all senders but "));
        put_names(buf, route->senders, route->sender_count);
        buf_append_str(buf, T("外的发送单位", ""));
        break;
    }
    if (route->area_scope == DIFF_ALL_BUT)
        buf_append_str(buf, T("，给出街道时", ", where a street is given"));
    if (route->area_scope == DIFF_THESE) {
        buf_append_str(buf, T("，区划：", ", area: "));
        put_names(buf, route->areas, route->area_count);
    }
    if (route->partly) buf_append_str(buf, T("（其中部分组合）", " (some of these combinations)"));
    buf_append_str(buf, T("：", ":"));
    buf_append_u8(buf, 0);
}

static void show_names(const struct diff_name *names, size_t count)
{
    struct buf text = {0};
    put_names(&text, names, count);
    printf("%.*s", (int)text.len, (const char *)text.data);
    buf_fini(&text);
}

static void show_sections(const struct diff_side *side)
{
    const char *at = side->sections;
    if (!at[0]) printf("%s", T("仅信头", "the header alone"));
    while (at[0]) {
        char name[LIMIT_SLUG_LEN_MAX + 1];
        size_t len = strcspn(at, ",");
        (void)snprintf(name, sizeof name, "%.*s", (int)len, at);
        printf("%s%s", at == side->sections ? "" : T("、", ", "), words_section(name, i18n_lang()));
        at += len + (at[len] == ',');
    }
}

static void show_side(const struct diff_side *side)
{
    printf(T("%s；可读", "%s; reads "), words_act(side->act, side->primary, i18n_lang()));
    show_sections(side);
}

static void show_cause(const struct diff_route *route)
{
    const struct diff_side *before = &route->before, *after = &route->after;
    static const char *const causes[][2] = {
        {"路由行", "the row"},
        {"条款括号改动", "the clause's units changed"},
        {"成员、区划或单位改动", "members, areas or units changed"},
        {"其他接收单位改变所致", "because other recipients changed"}};
    printf("        ");
    if (before->there && after->there && strcmp(before->citation, after->citation) == 0)
        printf("%s", after->citation);
    else
        printf("%s%s%s", before->there ? before->citation : "",
               before->there && after->there ? " → " : "", after->there ? after->citation : "");
    show_lines("routes.tsv", before->line, after->line);
    printf(T("（%s）\n", " (%s)\n"), T(causes[route->cause][0], causes[route->cause][1]));
}

static void show_route(const struct diff_route *route)
{
    static const char signs[] = "+-~";
    printf("      %c ", signs[route->op]);
    show_names(route->who, route->who_count);
    printf("  ");
    if (route->before.there) show_side(&route->before);
    if (route->before.there && route->after.there) printf(" → ");
    if (route->after.there) show_side(&route->after);
    (void)putchar('\n');
    show_cause(route);
}

static void show(const struct diff_options *options, const struct plan *const plans[2],
                 const struct diff *diff, const char *day)
{
    const struct diff_route *last = NULL;
    struct buf scope = {0}, last_scope = {0};
    for (size_t i = 0; i < 2; i++)
        printf("%s %s  %s  %s\n", i ? "+++" : "---",
               options->names[i] ? options->names[i] : T("（内置）", "(shipped)"),
               plan_about(plans[i])->name, plan_about(plans[i])->date);
    if (diff->change_count + diff->route_count == 0) {
        printf("%s\n", T("效力相同", "the same in effect"));
        return;
    }
    show_changes(diff);
    printf(T("\n路由（%s）\n", "\nRoutes (on %s)\n"), day);
    if (diff->route_count == 0) printf("%s\n", T("  没有接收单位改变", "  no recipient changes"));
    for (size_t i = 0; i < diff->route_count; i++) {
        const struct diff_route *route = &diff->routes[i];
        bool same_kind = last && last->kind == route->kind;
        if (!same_kind)
            printf(T("  %s（%s）\n", "  %s (%s)\n"), words_kind(route->kind, i18n_lang()),
                   route->kind->slug);
        buf_reset(&scope);
        put_scope(&scope, route);
        if (!same_kind || !bytes_equal(buf_bytes(&scope), buf_bytes(&last_scope)))
            printf("    %s\n", (const char *)scope.data);
        buf_reset(&last_scope);
        buf_append_bytes(&last_scope, buf_bytes(&scope));
        show_route(route);
        last = route;
    }
    buf_fini(&scope);
    buf_fini(&last_scope);
}

/* ---- for programs */

static json_t *names_json(const struct diff_name *names, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        (void)json_array_append_new(array, json_string(names[i].key));
    return array;
}

static json_t *side_json(const struct diff_side *side)
{
    if (!side->there) return json_null();
    json_t *sections = json_array();
    for (const char *at = side->sections; at[0];) {
        size_t len = strcspn(at, ",");
        (void)json_array_append_new(sections, json_stringn(at, len));
        at += len + (at[len] == ',');
    }
    return json_pack("{s:s, s:b, s:o, s:s, s:I}", "act", side->act == ROUTE_SIGN ? "sign" : "copy",
                     "primary", side->primary, "sections", sections, "citation", side->citation,
                     "line", (json_int_t)side->line);
}

static json_t *scope_json(enum diff_scope scope, const struct diff_name *names, size_t count)
{
    if (scope == DIFF_ALL) return json_pack("{s:s}", "scope", "all");
    return json_pack("{s:s, s:o}", "scope", scope == DIFF_THESE ? "these" : "all-but", "keys",
                     names_json(names, count));
}

static json_t *route_json(const struct diff_route *route)
{
    return json_pack("{s:s, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:b}", "kind",
                     route->kind->slug, "topics", names_json(route->topics, route->topic_count),
                     "who", names_json(route->who, route->who_count), "change", op_name(route->op),
                     "cause", cause_name(route->cause), "before", side_json(&route->before),
                     "after", side_json(&route->after), "senders",
                     scope_json(route->sender_scope, route->senders, route->sender_count), "areas",
                     scope_json(route->area_scope, route->areas, route->area_count), "partly",
                     route->partly);
}

static json_t *change_json(const struct diff_change *change)
{
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:s}", "table", part_name(change->part),
                               "change", op_name(change->op), "key", change->key, "name_zh",
                               change->name_zh, "name_en", change->name_en);
    if (change->field) (void)json_object_set_new(object, "field", json_string(change->field));
    if (change->field || change->part == DIFF_MEMBER) {
        (void)json_object_set_new(object, "before", json_string(change->old_text));
        (void)json_object_set_new(object, "after", json_string(change->new_text));
    }
    if (change->old_line)
        (void)json_object_set_new(object, "before_line",
                                  json_integer((json_int_t)change->old_line));
    if (change->new_line)
        (void)json_object_set_new(object, "after_line", json_integer((json_int_t)change->new_line));
    return object;
}

static int show_json(const struct plan *const plans[2], const struct diff *diff, const char *day)
{
    json_t *changes = json_array(), *routes = json_array();
    for (size_t i = 0; i < diff->change_count; i++)
        (void)json_array_append_new(changes, change_json(&diff->changes[i]));
    for (size_t i = 0; i < diff->route_count; i++)
        (void)json_array_append_new(routes, route_json(&diff->routes[i]));
    return tool_print_json(json_pack(
        "{s:{s:s, s:s}, s:{s:s, s:s}, s:s, s:b, s:o, s:o}", "before", "name",
        plan_about(plans[0])->name, "date", plan_about(plans[0])->date, "after", "name",
        plan_about(plans[1])->name, "date", plan_about(plans[1])->date, "at", day, "same",
        diff->change_count + diff->route_count == 0, "tables", changes, "routes", routes));
}

static int run(const struct diff_options *options, struct tool_plan sources[2])
{
    struct error error = {0};
    struct diff diff;
    uint64_t at_ms = 0;
    char day[DAY_TEXT_LEN];
    int rc = tool_plan_load(options->names[0], &sources[0], &error);
    if (rc == 0) rc = tool_plan_load(options->names[1], &sources[1], &error);
    if (rc != 0) return tool_fail(rc, &error);
    const struct plan *const plans[2] = {sources[0].plan, sources[1].plan};
    uint64_t old_ms = plan_about(plans[0])->date_ms, new_ms = plan_about(plans[1])->date_ms;
    rc = tool_day(options->at, old_ms > new_ms ? old_ms : new_ms, &at_ms, &error);
    if (rc != 0) return tool_fail(rc, &error);
    day_text(at_ms, day);
    diff_plans(plans[0], plans[1], at_ms, &diff);
    bool same = diff.change_count + diff.route_count == 0;
    int status = 0;
    if (options->json)
        status = show_json(plans, &diff, day);
    else
        show(options, plans, &diff, day);
    diff_fini(&diff);
    if (status != 0) return status;
    return same ? 0 : EXIT_DIFFERS;
}

int cmd_diff(int argc, char **argv)
{
    struct diff_options options = {0};
    const struct options_row rows[] = {
        {.name = "at",
         .value_zh = "日期",
         .value_en = "DAY",
         .doc_zh = "按该日的成员名单（默认两份方案日期中较晚的）",
         .doc_en = "by the memberships of that day (the later of the plans' dates by default)",
         .text = &options.at},
        TOOL_OPTION_JSON(&options.json),
        TOOL_OPTION_LANG(&options.lang),
    };
    const struct options_spec spec = {
        "leadbus-plan diff",
        "[选项] 旧方案 [新方案]",
        "[options] OLD [NEW]",
        "签署之前看：哪些种类由谁多收、少收，因哪一行、哪一条而变。新方案不写则为内置方案。\n"
        "退出码：0 效力相同，1 有改变，其他按 sysexits.h。",
        "To be read before signing: which kinds gain or lose whom, by which row and clause. NEW is "
        "the shipped plan where it is not given.\nExit code: 0 the same in effect, 1 different, "
        "others by sysexits.h.",
        rows,
        sizeof rows / sizeof rows[0]};
    int first = 0;
    int rc = tool_options(&spec, argc, argv, &options.lang, 1, 2, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc != 0) return options_exit_code(rc);
    for (int i = 0; i < argc - first; i++) options.names[i] = argv[first + i];
    struct tool_plan sources[2] = {{0}, {0}};
    int status = run(&options, sources);
    tool_plan_fini(&sources[0]);
    tool_plan_fini(&sources[1]);
    return status;
}
