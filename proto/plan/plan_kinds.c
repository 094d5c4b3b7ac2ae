/* The second half of plan_parse: what may be said, and to whom. */
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

/* ---- kinds ------------------------------------------------------------------------------------
 */

enum {
    K_SLUG,
    K_ZH,
    K_EN,
    K_URGENCY,
    K_LEVEL,
    K_TAGS,
    K_SECTIONS,
    K_TOPIC,
    K_POSITION,
    K_EXPECTS,
    K_ACT,
    K_FLAGS,
    K_SENDERS,
    K_CLAUSES,
    K_COUNT
};

static const char *const plan_kinds_columns[] = {
    "slug",  "name_zh",  "name_en", "urgency", "level", "tags",    "sections",
    "topic", "position", "expects", "act",     "flags", "senders", "clauses"};

/* The vocabulary of the header; DNA-RESULT is the only one that a route may forbid to others. */
static const char *const plan_kinds_tags[] = {"VICTIM",   "MINOR",   "REPORTER", "HEALTH",
                                              "LOCATION", "FOREIGN", "CONVICT",  "DNA-RESULT"};

static bool plan_kinds_message_valid(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    size_t len = strlen(name);
    return len > 0 && len <= 63 && name[0] >= 'A' && name[0] <= 'Z' && strspn(name, letters) == len;
}

/* "reporter:Reporter:optional+police", in place. */
static int plan_kinds_section(const struct table *table, char *item,
                              struct plan_section *ret_section, struct error *ret_error)
{
    static const char *const words[] = {"optional", "copy", "police"};
    struct plan_section section = {.name = item};
    char *colon = strchr(item, ':');

    if (!colon) return table_refuse(table, ret_error, "section %.60s: name:message wanted", item);
    *colon = '\0';
    char *message = colon + 1;
    char *marks = strchr(message, ':');
    if (marks) *marks++ = '\0';
    section.message = message;
    int r = plan_reader_slug(table, section.name, "section", ret_error);
    if (r < 0) return r;
    if (!plan_kinds_message_valid(message))
        return table_refuse(table, ret_error, "%.60s is no message name", message);
    while (marks) {
        char *plus = strchr(marks, '+');
        size_t word = 0;
        if (plus) *plus++ = '\0';
        r = plan_reader_word(table, marks, words, 3, "mark", &word, ret_error);
        if (r < 0) return r;
        if (word == 0) section.optional = true;
        if (word == 1) section.copy = true;
        if (word == 2) section.police = true;
        marks = plus;
    }
    if (section.copy && section.police)
        return table_refuse(table, ret_error, "%.60s: what the police alone read is no copy's",
                            section.name);
    *ret_section = section;
    return 0;
}

static int plan_kinds_sections(struct plan *plan, const struct table *table, char *field,
                               struct plan_kind *kind, struct error *ret_error)
{
    size_t count = table_list_count(field);
    struct plan_section *sections = plan_alloc(plan, count, sizeof *sections);

    if (!sections) return plan_reader_no_memory(ret_error);
    if (count == 0 || count > LIMIT_SECTION_COUNT_MAX)
        return table_refuse(table, ret_error, "1 to %d sections wanted", LIMIT_SECTION_COUNT_MAX);
    char *item = field;
    for (size_t i = 0; i < count; i++) {
        char *comma = strchr(item, ',');
        if (comma) *comma = '\0';
        int r = plan_kinds_section(table, item, &sections[i], ret_error);
        if (r < 0) return r;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(sections[i].name, sections[j].name) == 0)
                return table_refuse(table, ret_error, "section %.60s appears twice", item);
        }
        item = comma ? comma + 1 : item;
    }
    kind->sections = sections;
    kind->section_count = count;
    return 0;
}

static int plan_kinds_senders(struct plan *plan, const struct table *table, char *field,
                              struct plan_kind *kind, struct error *ret_error)
{
    const char *const *items = NULL;
    size_t count = 0;
    int r = plan_reader_strings(plan, table, field, &items, &count, ret_error);
    if (r < 0) return r;
    uint16_t *groups = plan_alloc(plan, count, sizeof *groups);
    if (!groups) return plan_reader_no_memory(ret_error);
    if (count == 0) return table_refuse(table, ret_error, "nobody may send it");
    for (size_t i = 0; i < count; i++) {
        struct plan_named named;
        if (strcmp(items[i], "any") == 0) {
            kind->senders_any = true;
            continue;
        }
        if (strcmp(items[i], "sender-of-reference") == 0) {
            kind->senders_reference = true;
            continue;
        }
        r = plan_reader_named(plan, table, items[i], &named, ret_error);
        if (r < 0) return r;
        if (named.group)
            groups[kind->sender_group_count++] = named.index;
        else
            plan_unit_set_add(&kind->senders, plan->units[named.index].current);
    }
    kind->sender_groups = groups;
    return 0;
}

static int plan_kinds_expects(const struct table *table, char *field, uint32_t *ret_expects,
                              struct error *ret_error)
{
    static const char *const words[] = {"deliver", "sign", "accept", "progress", "close"};
    static const enum plan_act acts[] = {PLAN_ACT_DELIVER, PLAN_ACT_SIGN, PLAN_ACT_ACCEPT,
                                         PLAN_ACT_PROGRESS, PLAN_ACT_CLOSE};
    const char *items[5];
    size_t count = table_list_count(field);
    size_t last = 0;

    if (count > 5) return table_refuse(table, ret_error, "expects: too many acts");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, items[i], words, 5, "act", &word, ret_error);
        if (r < 0) break;
        if ((i == 0 && word != 0) || (i == 1 && word != 1) || (i > 1 && word <= last))
            return table_refuse(table, ret_error,
                                "expects: deliver, then sign, then the others in their order");
        last = word;
        *ret_expects |= PLAN_ACT_BIT(acts[word]);
    }
    return r;
}

static int plan_kinds_flags(const struct table *table, char *field, struct plan_kind *kind,
                            struct error *ret_error)
{
    static const char *const words[] = {"returnable", "last-resort", "may-expire", "sensitive",
                                        "exempt"};
    bool *const flags[] = {&kind->returnable, &kind->last_resort, &kind->may_expire,
                           &kind->sensitive, &kind->exempt};
    const char *items[5];
    size_t count = table_list_count(field);

    if (count > 5) return table_refuse(table, ret_error, "too many flags");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, items[i], words, 5, "flag", &word, ret_error);
        if (r == 0) *flags[word] = true;
    }
    if (r < 0) return r;
    if (kind->returnable && kind->last_resort)
        return table_refuse(table, ret_error, "last resort: nobody stands behind, not returnable");
    if (kind->returnable && kind->urgency == 1)
        return table_refuse(table, ret_error, "urgency 1 is passed on, never returned");
    if (kind->returnable && !plan_kind_expects(kind, PLAN_ACT_ACCEPT))
        return table_refuse(table, ret_error, "returnable: only what must be accepted");
    if (kind->may_expire &&
        (kind->family == PLAN_FAMILY_LEAD || plan_kind_expects(kind, PLAN_ACT_ACCEPT)))
        return table_refuse(table, ret_error, "a lead, or what must be accepted, never expires");
    return 0;
}

static int plan_kinds_tag_list(struct plan *plan, const struct table *table, char *field,
                               struct plan_kind *kind, struct error *ret_error)
{
    int r = plan_reader_strings(plan, table, field, &kind->tags, &kind->tag_count, ret_error);
    for (size_t i = 0; r == 0 && i < kind->tag_count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, kind->tags[i], plan_kinds_tags, 8, "tag", &word, ret_error);
    }
    return r;
}

static int plan_kinds_clauses(struct plan *plan, const struct table *table, char *field,
                              struct plan_kind *kind, struct error *ret_error)
{
    int r = plan_reader_strings(plan, table, field, &kind->clauses, &kind->clause_count, ret_error);
    if (r < 0) return r;
    if (kind->clause_count == 0) return table_refuse(table, ret_error, "no clause");
    for (size_t i = 0; i < kind->clause_count; i++) {
        if (!plan_task_find(plan, kind->clauses[i]) && !plan_duty_find(plan, kind->clauses[i]))
            return table_refuse(table, ret_error, "no clause or duty %.60s", kind->clauses[i]);
    }
    return 0;
}

/* The fields that are one word out of a closed set. */
static int plan_kinds_words(const struct table *table, char **f, struct plan_kind *kind,
                            struct error *ret_error)
{
    static const char *const families[] = {"lead",   "anomaly",     "alert",  "handoff",
                                           "notice", "supervision", "receipt"};
    static const char *const urgencies[] = {"1", "2", "3", "4"};
    static const char *const levels[] = {"0", "1", "2", "3", "4"};
    static const char *const topics[] = {"none", "optional", "required"};
    static const char *const positions[] = {"opens", "follows", "either"};
    static const char *const acts[] = {"none",     "sign",  "accept", "return",
                                       "progress", "close", "urge",   "stand-down"};
    static const enum plan_act act_values[] = {PLAN_ACT_NONE,   PLAN_ACT_SIGN,      PLAN_ACT_ACCEPT,
                                               PLAN_ACT_RETURN, PLAN_ACT_PROGRESS,  PLAN_ACT_CLOSE,
                                               PLAN_ACT_URGE,   PLAN_ACT_STAND_DOWN};
    char family_word[16] = "";
    size_t family = 0, urgency = 0, level = 0, topic = 0, position = 0, act = 0;

    size_t len = strcspn(f[K_SLUG], ".");
    if (len >= sizeof family_word || f[K_SLUG][len] != '.')
        return table_refuse(table, ret_error, "slug %.60s: family.name wanted", f[K_SLUG]);
    memcpy(family_word, f[K_SLUG], len);
    int r = plan_reader_word(table, family_word, families, 7, "family", &family, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[K_URGENCY], urgencies, 4, "urgency", &urgency, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_LEVEL], levels, 5, "level", &level, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_TOPIC], topics, 3, "topic", &topic, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[K_POSITION], positions, 3, "position", &position, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_ACT], acts, 8, "act", &act, ret_error);
    if (r < 0) return r;
    kind->family = (enum plan_family)family;
    kind->urgency = (uint8_t)(urgency + 1);
    kind->level = (uint8_t)level;
    kind->topic_required = topic == 2;
    kind->position = (enum plan_position)position;
    kind->act = act_values[act];
    if (kind->act != PLAN_ACT_NONE && kind->position != PLAN_FOLLOWS)
        return table_refuse(table, ret_error, "an act refers to something: position follows");
    return 0;
}

static int plan_kinds_kind(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    struct plan_kind *kind = &plan->kinds[plan->kind_count];

    *kind = (struct plan_kind){.slug = f[K_SLUG], .name_zh = f[K_ZH], .name_en = f[K_EN]};
    int r = plan_reader_slug(table, f[K_SLUG], "slug", ret_error);
    if (r == 0) r = plan_reader_text(table, f[K_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[K_EN], "name_en", ret_error);
    if (r < 0) return r;
    if (plan_kind_find(plan, f[K_SLUG]))
        return table_refuse(table, ret_error, "kind %.60s appears twice", f[K_SLUG]);
    r = plan_kinds_words(table, f, kind, ret_error);
    if (r == 0) r = plan_kinds_tag_list(plan, table, f[K_TAGS], kind, ret_error);
    if (r == 0) r = plan_kinds_sections(plan, table, f[K_SECTIONS], kind, ret_error);
    if (r == 0) r = plan_kinds_expects(table, f[K_EXPECTS], &kind->expects, ret_error);
    if (r == 0) r = plan_kinds_flags(table, f[K_FLAGS], kind, ret_error);
    if (r == 0) r = plan_kinds_senders(plan, table, f[K_SENDERS], kind, ret_error);
    if (r == 0) r = plan_kinds_clauses(plan, table, f[K_CLAUSES], kind, ret_error);
    if (r < 0) return r;
    plan->kind_lines[plan->kind_count] = table->line;
    plan_index_kind(plan, (uint16_t)plan->kind_count++);
    return 0;
}

static int plan_kinds_all(struct plan_reader *reader, char **ret_topic_words,
                          struct error *ret_error)
{
    struct plan *plan = reader->plan;
    char *f[K_COUNT];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_KINDS, plan_kinds_columns, K_COUNT,
                             PLAN_KIND_COUNT_MAX, ret_error);
    if (r < 0) return r;
    plan->kinds = plan_alloc(plan, reader->row_cap, sizeof *plan->kinds);
    plan->kind_lines = plan_alloc(plan, reader->row_cap, sizeof *plan->kind_lines);
    if (!plan->kinds || !plan->kind_lines) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        ret_topic_words[plan->kind_count] = f[K_TOPIC];
        r = plan_kinds_kind(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    return r;
}

/* ---- topics -----------------------------------------------------------------------------------
 */

/* What a kind's row says of its topics: none at all. */
static bool plan_kinds_topicless(const char *words)
{
    return words && strcmp(words, "none") == 0;
}

static int plan_kinds_topics(struct plan_reader *reader, char *const *topic_words,
                             struct error *ret_error)
{
    static const char *const columns[] = {"kind", "topic", "name_zh", "name_en"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    struct plan_kind *last = NULL;
    char *f[4];
    bool row = true;
    size_t used = 0;

    int r = plan_reader_open(reader, PLAN_PART_TOPICS, columns, 4, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    struct plan_topic *topics = plan_alloc(plan, reader->row_cap, sizeof *topics);
    if (!topics) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &row, ret_error)) == 0 && row) {
        const struct plan_kind *found = plan_kind_find(plan, f[0]);
        if (!found) return table_refuse(table, ret_error, "no kind %.60s", f[0]);
        struct plan_kind *kind = &plan->kinds[found - plan->kinds];
        if (kind->topic_count > 0 && kind != last)
            return table_refuse(table, ret_error, "the topics of %s do not stand together", f[0]);
        if (plan_kinds_topicless(topic_words[kind - plan->kinds]))
            return table_refuse(table, ret_error, "%s has no topics by its row", f[0]);
        r = plan_reader_slug(table, f[1], "topic", ret_error);
        if (r == 0) r = plan_reader_text(table, f[2], "name_zh", ret_error);
        if (r < 0) return r;
        if (plan_topic_find(kind, f[1]))
            return table_refuse(table, ret_error, "topic %.60s appears twice", f[1]);
        if (kind->topic_count == 0) kind->topics = &topics[used];
        topics[used++] = (struct plan_topic){f[1], f[2], f[3]};
        kind->topic_count++;
        last = kind;
    }
    for (size_t i = 0; r == 0 && i < plan->kind_count; i++) {
        if (plan->kinds[i].topic_count == 0 && !plan_kinds_topicless(topic_words[i]))
            return table_refuse(table, ret_error, "no topic of %s", plan->kinds[i].slug);
    }
    return r;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

enum { R_KIND, R_TOPIC, R_WHEN, R_SELECTOR, R_EXPAND, R_ACT, R_SECTIONS, R_ZH, R_EN, R_COUNT };

/* Narrows the bracket or duty to one name; none when it is not in it, which lint reports. */
static void plan_kinds_narrow(struct plan_row *row, const struct plan_named *list, size_t count,
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
        }
    }
}

/* "coop:2.1.3.1=police-hedong": source, clause and an optional key. */
static int plan_kinds_selector(struct plan *plan, const struct table *table, const char *selector,
                               struct plan_row *row, struct error *ret_error)
{
    static const char *const sources[] = {"lead", "coop", "text", "duty"};
    size_t source = 0;
    size_t len = strlen(selector);
    struct plan_named *only = NULL;

    if (len > LIMIT_CITATION_LEN_MAX)
        return table_refuse(table, ret_error, "selector: at most %d bytes", LIMIT_CITATION_LEN_MAX);
    char *word = plan_alloc(plan, len + 1, 1);
    if (!word) return plan_reader_no_memory(ret_error);
    memcpy(word, selector, len);
    char *clause = strchr(word, ':');
    if (!clause) return table_refuse(table, ret_error, "selector: source:clause wanted");
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
    if (!task && !duty) return table_refuse(table, ret_error, "no clause or duty %.60s", clause);
    if (source == PLAN_ROW_LEAD) plan_kinds_narrow(row, task->lead, task->lead_count, only);
    if (source == PLAN_ROW_COOP) plan_kinds_narrow(row, task->coop, task->coop_count, only);
    if (source == PLAN_ROW_DUTY) plan_kinds_narrow(row, duty->units, duty->unit_count, only);
    if (source == PLAN_ROW_TEXT) {
        if (!only) return table_refuse(table, ret_error, "text:CLAUSE=key wanted");
        row->named = only;
        row->named_count = 1;
    }
    if (duty && strcmp(duty->id, "thread") == 0) row->source = PLAN_ROW_THREAD;
    if (duty && strcmp(duty->id, "sender-of-reference") == 0) row->source = PLAN_ROW_SENDER;
    return 0;
}

static int plan_kinds_row_sections(const struct table *table, const struct plan_kind *kind,
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
        return table_refuse(table, ret_error, "kind *: sections are all, copies or -");
    if (count > LIMIT_SECTION_COUNT_MAX) return table_refuse(table, ret_error, "too many sections");
    int r = table_list(table, field, items, ret_error);
    if (r < 0) return r;
    for (size_t i = 0; i < count; i++) {
        int section = plan_section_find(kind, items[i]);
        if (section < 0)
            return table_refuse(table, ret_error, "%s has no section %.60s", kind->slug, items[i]);
        row->sections |= 1u << section;
    }
    return 0;
}

/* Least knowledge, whatever the author of the table meant. */
static int plan_kinds_row_check(const struct plan *plan, const struct table *table,
                                const struct plan_kind *kind, const struct plan_row *row,
                                struct error *ret_error)
{
    bool police = row->named_count == 1 && !row->named[0].group &&
                  plan->units[row->named[0].index].current == plan->police;

    if (row->source >= PLAN_ROW_THREAD && row->when != PLAN_ROW_ALWAYS)
        return table_refuse(table, ret_error, "thread and sender rows are walked always");
    if (!kind) {
        if (row->when != PLAN_ROW_NO_RULE || row->source >= PLAN_ROW_THREAD)
            return table_refuse(table, ret_error, "kind *: when is no-rule, units are named");
        if (row->sections == PLAN_SECTIONS_ALL && !police)
            return table_refuse(table, ret_error, "kind *: all sections are for the police");
        return 0;
    }
    if (row->when == PLAN_ROW_NO_RULE)
        return table_refuse(table, ret_error, "no-rule belongs to kind *");
    if (row->act == 1 && row->sections == 0)
        return table_refuse(table, ret_error, "who must sign must be able to open something");
    for (size_t i = 0; i < kind->section_count; i++) {
        if ((row->sections >> i & 1) == 0) continue;
        if (row->act == 2 && !kind->sections[i].copy)
            return table_refuse(table, ret_error, "section %s is not for copies",
                                kind->sections[i].name);
        if (kind->sections[i].police && !police)
            return table_refuse(table, ret_error, "section %s is for the police alone",
                                kind->sections[i].name);
    }
    return 0;
}

static int plan_kinds_row(struct plan *plan, const struct table *table,
                          const struct plan_kind *kind, char **f, struct plan_row *row,
                          struct error *ret_error)
{
    static const char *const whens[] = {"always", "origin-only", "no-rule"};
    static const char *const expands[] = {"one", "all"};
    static const char *const acts[] = {"sign", "copy"};
    size_t when = 0, expand = 0, act = 0;

    *row = (struct plan_row){
        .topic = -1, .reason_zh = f[R_ZH], .reason_en = f[R_EN], .line = table->line};
    int r = plan_reader_word(table, f[R_WHEN], whens, 3, "when", &when, ret_error);
    if (r == 0 && f[R_EXPAND][0])
        r = plan_reader_word(table, f[R_EXPAND], expands, 2, "expand", &expand, ret_error);
    if (r == 0) r = plan_reader_word(table, f[R_ACT], acts, 2, "act", &act, ret_error);
    if (r == 0) r = plan_reader_text(table, f[R_ZH], "reason_zh", ret_error);
    if (r < 0) return r;
    row->when = (uint8_t)when;
    row->all = expand == 1;
    row->act = (uint8_t)(act + 1);
    if (strcmp(f[R_TOPIC], "*") != 0) {
        const struct plan_topic *topic = kind ? plan_topic_find(kind, f[R_TOPIC]) : NULL;
        if (!topic) return table_refuse(table, ret_error, "no topic %.60s", f[R_TOPIC]);
        row->topic = (int16_t)(topic - kind->topics);
    }
    r = plan_kinds_selector(plan, table, f[R_SELECTOR], row, ret_error);
    if (r == 0) r = plan_kinds_row_sections(table, kind, f[R_SECTIONS], row, ret_error);
    if (r == 0) r = plan_kinds_row_check(plan, table, kind, row, ret_error);
    return r;
}

static int plan_kinds_routes(struct plan_reader *reader, struct error *ret_error)
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
        if (!star && !found) return table_refuse(table, ret_error, "no kind %.60s", f[R_KIND]);
        struct plan_kind *kind = found ? &plan->kinds[found - plan->kinds] : NULL;
        size_t *count = kind ? &kind->row_count : &plan->fallback_count;
        if (strcmp(last, f[R_KIND]) != 0 && *count > 0)
            return table_refuse(table, ret_error, "the rows of %.60s do not stand together",
                                f[R_KIND]);
        r = plan_kinds_row(plan, table, kind, f, &rows[used], ret_error);
        if (r < 0) return r;
        if (*count == 0 && kind) kind->rows = &rows[used];
        if (*count == 0 && !kind) plan->fallback = &rows[used];
        used++;
        ++*count;
        last = f[R_KIND];
    }
    return r;
}

int plan_kinds_parse(struct plan_reader *reader, struct error *ret_error)
{
    char *topic_words[PLAN_KIND_COUNT_MAX] = {NULL};

    int r = plan_kinds_all(reader, topic_words, ret_error);
    if (r == 0) r = plan_kinds_topics(reader, topic_words, ret_error);
    if (r == 0) r = plan_kinds_routes(reader, ret_error);
    return r;
}
