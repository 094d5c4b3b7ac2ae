/* The recipient rows of plan_parse: who receives what. */
#include <string.h>

#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

enum { R_KIND, R_TOPIC, R_WHEN, R_SELECTOR, R_EXPAND, R_ACT, R_SECTIONS, R_ZH, R_EN, R_COUNT };

static bool plan_rows_member(const struct plan *plan, uint16_t group, uint16_t unit)
{
    const struct plan_group *of = &plan->groups[group];
    for (size_t i = 0; i < of->member_count; i++) {
        if (plan->units[of->members[i].unit].current == plan->units[unit].current) return true;
    }
    return false;
}

/* Narrows the bracket or duty to one name: one that stands in it, or a member of a group that
 * does. None when there is no such name, which lint reports. */
static void plan_rows_narrow(const struct plan *plan, struct plan_row *row,
                             const struct plan_named *list, size_t count,
                             const struct plan_named *only)
{
    row->named = list;
    row->named_count = count;
    if (!only) return;
    row->named_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i].group == only->group && list[i].index == only->index) {
            row->named = &list[i];
            row->named_count = 1;
            return;
        }
    }
    for (size_t i = 0; i < count && !only->group; i++) {
        if (!list[i].group || !plan_rows_member(plan, list[i].index, only->index)) continue;
        row->named = only;
        row->named_count = 1;
        row->via = (int16_t)list[i].index;
        return;
    }
}

/* "coop:2.1.3.1=police-hedong": source, clause and an optional key. */
static int plan_rows_selector(struct plan *plan, const struct table *table, const char *selector,
                              struct plan_row *row, struct error *ret_error)
{
    static const char *const sources[] = {"lead", "coop", "text", "duty"};
    size_t source = 0;
    size_t len = strlen(selector);
    struct plan_named *only = NULL;

    if (len > LIMIT_CITATION_LEN_MAX)
        return table_refuse(table, ret_error, "selector 至多 %d 字节", "selector: at most %d bytes",
                            LIMIT_CITATION_LEN_MAX);
    char *word = plan_alloc(plan, len + 1, 1);
    if (!word) return plan_reader_no_memory(ret_error);
    memcpy(word, selector, len);
    char *clause = strchr(word, ':');
    if (!clause)
        return table_refuse(table, ret_error, "selector 应为 来源:条款，如 coop:2.1.3.1",
                            "selector: source:clause wanted");
    *clause++ = '\0';
    int r = plan_reader_word(table, word, sources, 4, "source", &source, ret_error);
    if (r < 0) return r;
    char *key = strchr(clause, '=');
    if (key) {
        *key++ = '\0';
        only = plan_alloc(plan, 1, sizeof *only);
        if (!only) return plan_reader_no_memory(ret_error);
        r = plan_reader_named(plan, table, key, only, ret_error);
        if (r < 0) return r;
    }
    row->citation = selector;
    row->clause = clause;
    row->source = (uint8_t)source;
    const struct plan_task *task = source == PLAN_ROW_DUTY ? NULL : plan_task_find(plan, clause);
    const struct plan_duty *duty = source == PLAN_ROW_DUTY ? plan_duty_find(plan, clause) : NULL;
    if (!task && !duty)
        return table_refuse(table, ret_error, "没有条款或职责 %.60s", "no clause or duty %.60s",
                            clause);
    if (source == PLAN_ROW_LEAD) plan_rows_narrow(plan, row, task->lead, task->lead_count, only);
    if (source == PLAN_ROW_COOP) plan_rows_narrow(plan, row, task->coop, task->coop_count, only);
    if (source == PLAN_ROW_DUTY) plan_rows_narrow(plan, row, duty->units, duty->unit_count, only);
    if (source == PLAN_ROW_TEXT) {
        if (!only)
            return table_refuse(table, ret_error, "应为 text:条款=单位", "text:CLAUSE=key wanted");
        row->named = only;
        row->named_count = 1;
    }
    if (duty && strcmp(duty->id, "thread") == 0) row->source = PLAN_ROW_THREAD;
    if (duty && strcmp(duty->id, "thread-signers") == 0) row->source = PLAN_ROW_THREAD_SIGNERS;
    if (duty && strcmp(duty->id, "sender-of-reference") == 0) row->source = PLAN_ROW_SENDER;
    if (duty && strcmp(duty->id, "target") == 0) row->source = PLAN_ROW_TARGET;
    if (duty && strcmp(duty->id, "alerted") == 0) row->source = PLAN_ROW_ALERTED;
    return 0;
}

static int plan_rows_row_sections(const struct table *table, const struct plan_kind *kind,
                                  char *field, struct plan_row *row, struct error *ret_error)
{
    const char *items[LIMIT_SECTION_COUNT_MAX];
    size_t count = table_list_count(field);

    if (strcmp(field, "all") == 0 || strcmp(field, "copies") == 0) {
        row->sections = field[0] == 'a' ? PLAN_SECTIONS_ALL : PLAN_SECTIONS_COPIES;
        if (kind && field[0] == 'a') row->sections = (1u << kind->section_count) - 1;
        if (kind && field[0] == 'c') row->sections = plan_copy_sections(kind);
        return 0;
    }
    if (!kind && count > 0)
        return table_refuse(table, ret_error, "kind 为 * 的行：sections 应为 all、copies 或 -",
                            "kind *: sections are all, copies or -");
    if (count > LIMIT_SECTION_COUNT_MAX)
        return table_refuse(table, ret_error, "分段过多", "too many sections");
    int r = table_list(table, field, items, ret_error);
    if (r < 0) return r;
    for (size_t i = 0; i < count; i++) {
        int section = plan_section_find(kind, items[i]);
        if (section < 0)
            return table_refuse(table, ret_error, "%s 没有分段 %.60s", "%s has no section %.60s",
                                kind->slug, items[i]);
        row->sections |= 1u << section;
    }
    return 0;
}

/* Least knowledge, whatever the author of the table meant. */
static int plan_rows_row_check(const struct plan *plan, const struct table *table,
                               const struct plan_kind *kind, const struct plan_row *row,
                               struct error *ret_error)
{
    /* A selector that matches nobody gives nothing away: lint reports it. */
    bool police = (row->named_count == 0 && row->source < PLAN_ROW_THREAD) ||
                  (row->named_count == 1 && !row->named[0].group &&
                   plan->units[row->named[0].index].current == plan->police);

    if (row->source >= PLAN_ROW_THREAD && row->when != PLAN_ROW_ALWAYS)
        return table_refuse(table, ret_error, "按线索或发送单位选取的行：when 应为 always",
                            "thread and sender rows are walked always");
    if (!kind) {
        if (row->when != PLAN_ROW_NO_RULE || row->source >= PLAN_ROW_THREAD)
            return table_refuse(table, ret_error, "kind 为 * 的行：when 应为 no-rule，且须写明单位",
                                "kind *: when is no-rule, units are named");
        if (row->sections == PLAN_SECTIONS_ALL && !police)
            return table_refuse(table, ret_error, "kind 为 * 的行：只有公安可以读 all",
                                "kind *: all sections are for the police");
        return 0;
    }
    if (row->when == PLAN_ROW_NO_RULE)
        return table_refuse(table, ret_error, "no-rule 只用于 kind 为 * 的行",
                            "no-rule belongs to kind *");
    if (row->act == 1 && row->sections == 0)
        return table_refuse(table, ret_error, "须签收的单位至少应能读一个分段",
                            "who must sign must be able to open something");
    for (size_t i = 0; i < kind->section_count; i++) {
        if ((row->sections >> i & 1) == 0) continue;
        if (row->act == 2 && !kind->sections[i].copy)
            return table_refuse(table, ret_error, "分段 %s 不得抄送",
                                "section %s is not for copies", kind->sections[i].name);
        if (kind->sections[i].police && !police)
            return table_refuse(table, ret_error, "分段 %s 只供公安读",
                                "section %s is for the police alone", kind->sections[i].name);
    }
    return 0;
}

static int plan_rows_row(struct plan *plan, const struct table *table, const struct plan_kind *kind,
                         char **f, struct plan_row *row, struct error *ret_error)
{
    static const char *const whens[PLAN_ROW_WHEN_COUNT] = {"always", "origin-only", "no-rule",
                                                           "own-host"};
    static const char *const expands[] = {"one", "all"};
    static const char *const acts[] = {"sign", "copy"};
    size_t when = 0, expand = 0, act = 0;

    *row = (struct plan_row){
        .topic = -1, .via = -1, .reason_zh = f[R_ZH], .reason_en = f[R_EN], .line = table->line};
    int r =
        plan_reader_word(table, f[R_WHEN], whens, PLAN_ROW_WHEN_COUNT, "when", &when, ret_error);
    if (r == 0 && f[R_EXPAND][0])
        r = plan_reader_word(table, f[R_EXPAND], expands, 2, "expand", &expand, ret_error);
    if (r == 0) r = plan_reader_word(table, f[R_ACT], acts, 2, "act", &act, ret_error);
    if (r == 0) r = plan_reader_text(table, f[R_ZH], "reason_zh", ret_error);
    if (r < 0) return r;
    row->when = (uint8_t)when;
    row->all = expand == 1;
    row->act = (uint8_t)(act + 1);
    if (when == PLAN_ROW_OWN_HOST && act == 0)
        return table_refuse(table, ret_error, "when 为 own-host 的行：act 应为 copy，不得要求签收",
                            "own-host rows are copies: nobody else must sign");
    if (strcmp(f[R_TOPIC], "*") != 0) {
        const struct plan_topic *topic = kind ? plan_topic_find(kind, f[R_TOPIC]) : NULL;
        if (!topic)
            return table_refuse(table, ret_error, "没有主题 %.60s", "no topic %.60s", f[R_TOPIC]);
        row->topic = (int16_t)(topic - kind->topics);
    }
    r = plan_rows_selector(plan, table, f[R_SELECTOR], row, ret_error);
    if (r == 0) r = plan_rows_row_sections(table, kind, f[R_SECTIONS], row, ret_error);
    if (r == 0) r = plan_rows_row_check(plan, table, kind, row, ret_error);
    return r;
}

int plan_rows_parse(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"kind", "topic",    "when",      "selector", "expand",
                                          "act",  "sections", "reason_zh", "reason_en"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    char *f[R_COUNT];
    bool more = true;
    size_t used = 0;
    const char *last = "";

    int r =
        plan_reader_open(reader, PLAN_PART_ROUTES, columns, R_COUNT, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    struct plan_row *rows = plan_alloc(plan, reader->row_cap, sizeof *rows);
    if (!rows) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &more, ret_error)) == 0 && more) {
        bool star = strcmp(f[R_KIND], "*") == 0;
        const struct plan_kind *found = star ? NULL : plan_kind_find(plan, f[R_KIND]);
        if (!star && !found)
            return table_refuse(table, ret_error, "没有种类 %.60s", "no kind %.60s", f[R_KIND]);
        struct plan_kind *kind = found ? &plan->kinds[found - plan->kinds] : NULL;
        size_t *count = kind ? &kind->row_count : &plan->fallback_count;
        if (strcmp(last, f[R_KIND]) != 0 && *count > 0)
            return table_refuse(table, ret_error, "%.60s 的各行没有排在一起",
                                "the rows of %.60s do not stand together", f[R_KIND]);
        r = plan_rows_row(plan, table, kind, f, &rows[used], ret_error);
        if (r < 0) return r;
        if (*count == 0 && kind) kind->rows = &rows[used];
        if (*count == 0 && !kind) plan->fallback = &rows[used];
        used++;
        ++*count;
        last = f[R_KIND];
    }
    return r;
}
