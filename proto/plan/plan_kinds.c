/* The second half of plan_parse: what may be said. plan_rows.c holds to whom. */
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
    K_OUTCOMES,
    K_ACT,
    K_FLAGS,
    K_ATTACHMENTS,
    K_RETENTION,
    K_SENDERS,
    K_CLAUSES,
    K_COUNT
};

static const char *const plan_kinds_columns[] = {
    "slug",     "name_zh",     "name_en",   "urgency", "level",    "tags",
    "sections", "topic",       "position",  "expects", "outcomes", "act",
    "flags",    "attachments", "retention", "senders", "clauses"};

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
    static const char *const words[] = {"optional", "copy", "police", "small-group"};
    struct plan_section section = {.name = item};
    char *colon = strchr(item, ':');

    if (!colon)
        return table_refuse(table, ret_error, "分段 %.60s：应为 名称:消息结构",
                            "section %.60s: name:message wanted", item);
    *colon = '\0';
    char *message = colon + 1;
    char *marks = strchr(message, ':');
    if (marks) *marks++ = '\0';
    section.message = message;
    int r = plan_reader_slug(table, section.name, "section", ret_error);
    if (r < 0) return r;
    if (!plan_kinds_message_valid(message))
        return table_refuse(table, ret_error, "%.60s 不是消息结构的名称",
                            "%.60s is no message name", message);
    while (marks) {
        char *plus = strchr(marks, '+');
        size_t word = 0;
        if (plus) *plus++ = '\0';
        r = plan_reader_word(table, marks, words, 4, "mark", &word, ret_error);
        if (r < 0) return r;
        if (word == 0) section.optional = true;
        if (word == 1) section.copy = true;
        if (word == 2) section.police = true;
        if (word == 3) section.small_group = true;
        marks = plus;
    }
    if (section.copy && section.police)
        return table_refuse(table, ret_error, "分段 %.60s：只供公安读的内容不得抄送",
                            "%.60s: what the police alone read is no copy's", section.name);
    if (section.small_group && !section.copy)
        return table_refuse(table, ret_error, "分段 %.60s：small-group 只用于抄送可读的分段",
                            "%.60s: small-group is about what copies may open", section.name);
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
        return table_refuse(table, ret_error, "应有 1 到 %d 个分段", "1 to %d sections wanted",
                            LIMIT_SECTION_COUNT_MAX);
    char *item = field;
    for (size_t i = 0; i < count; i++) {
        char *comma = strchr(item, ',');
        if (comma) *comma = '\0';
        int r = plan_kinds_section(table, item, &sections[i], ret_error);
        if (r < 0) return r;
        for (size_t j = 0; j < i; j++) {
            if (strcmp(sections[i].name, sections[j].name) == 0)
                return table_refuse(table, ret_error, "分段 %.60s 重复列出",
                                    "section %.60s appears twice", item);
        }
        item = comma ? comma + 1 : item;
    }
    kind->sections = sections;
    kind->section_count = count;
    return 0;
}

static int plan_kinds_senders(struct plan *plan, const struct table *table, char *field,
                              struct plan_senders *senders, struct error *ret_error)
{
    const char *const *items = NULL;
    size_t count = 0;
    int r = plan_reader_strings(plan, table, field, &items, &count, ret_error);
    if (r < 0) return r;
    uint16_t *groups = plan_alloc(plan, count, sizeof *groups);
    if (!groups) return plan_reader_no_memory(ret_error);
    if (count == 0)
        return table_refuse(table, ret_error, "senders 为空：没有单位可以发送",
                            "nobody may send it");
    for (size_t i = 0; i < count; i++) {
        struct plan_named named;
        if (strcmp(items[i], "any") == 0) {
            senders->any = true;
            continue;
        }
        if (strcmp(items[i], "sender-of-reference") == 0) {
            senders->reference = true;
            continue;
        }
        r = plan_reader_named(plan, table, items[i], &named, ret_error);
        if (r < 0) return r;
        if (named.group)
            groups[senders->group_count++] = named.index;
        else
            plan_unit_set_add(&senders->units, plan->units[named.index].current);
    }
    senders->groups = groups;
    return 0;
}

/* The conclusion of a blood match comes from the police, whatever the author of the table meant. */
static int plan_kinds_senders_check(const struct plan *plan, const struct table *table,
                                    const struct plan_kind *kind, struct error *ret_error)
{
    struct plan_unit_set police = {{0}};
    const struct plan_senders *senders = &kind->senders;

    for (size_t i = 0; i < kind->tag_count; i++) {
        if (strcmp(kind->tags[i], "DNA-RESULT") != 0) continue;
        plan_unit_set_add(&police, plan->police);
        if (senders->any || senders->reference || senders->group_count > 0 ||
            memcmp(&senders->units, &police, sizeof police) != 0)
            return table_refuse(table, ret_error, "带 DNA-RESULT 标签的种类只能由公安发送",
                                "DNA-RESULT: sent by the police alone");
    }
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

    if (count > 5)
        return table_refuse(table, ret_error, "expects 的步骤过多", "expects: too many acts");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, items[i], words, 5, "act", &word, ret_error);
        if (r < 0) break;
        if ((i == 0 && word != 0) || (i == 1 && word != 1) || (i > 1 && word <= last))
            return table_refuse(table, ret_error, "expects 须先 deliver，再 sign，其余依次排列",
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
                                        "exempt",     "reported",    "dated",      "erased"};
    bool *const flags[] = {&kind->returnable, &kind->last_resort, &kind->may_expire,
                           &kind->sensitive,  &kind->exempt,      &kind->reported,
                           &kind->dated,      &kind->erased};
    enum { COUNT = sizeof words / sizeof *words };
    const char *items[COUNT];
    size_t count = table_list_count(field);

    if (count > COUNT) return table_refuse(table, ret_error, "flags 过多", "too many flags");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, items[i], words, COUNT, "flag", &word, ret_error);
        if (r == 0) *flags[word] = true;
    }
    if (r < 0) return r;
    if (kind->returnable && kind->last_resort)
        return table_refuse(table, ret_error, "last-resort 之后再无接办单位，不得同时为 returnable",
                            "last resort: nobody stands behind, not returnable");
    if (kind->returnable && kind->urgency == 1)
        return table_refuse(
            table, ret_error, "紧急程度 1 只能转办，不得退回：请去掉 returnable",
            "urgency 1 is passed on, never returned: take the flag returnable away");
    if (kind->reported && !plan_kind_expects(kind, PLAN_ACT_CLOSE))
        return table_refuse(table, ret_error, "reported：以报送结束的种类须办结",
                            "reported: what is ended by a report is closed by it");
    if (kind->erased && (kind->reported || !plan_kind_expects(kind, PLAN_ACT_CLOSE) ||
                         plan_kind_expects(kind, PLAN_ACT_ACCEPT)))
        return table_refuse(table, ret_error,
                            "erased：以确认删除结束的种类须办结，无须受理，且不得为 reported",
                            "erased: what is ended by confirming the deletion is closed by it, "
                            "accepted by nobody and not reported");
    if (kind->dated && plan_kind_expects(kind, PLAN_ACT_ACCEPT) && !kind->last_resort)
        return table_refuse(table, ret_error, "dated：限期的种类由本单位办理，须同时为 last-resort",
                            "dated: who is given a day keeps it, so last-resort as well");
    if (kind->returnable && !plan_kind_expects(kind, PLAN_ACT_ACCEPT))
        return table_refuse(table, ret_error, "只有须受理的种类可以为 returnable",
                            "returnable: only what must be accepted");
    if (kind->may_expire &&
        (kind->family == PLAN_FAMILY_LEAD || plan_kind_expects(kind, PLAN_ACT_ACCEPT)))
        return table_refuse(table, ret_error, "线索类或须受理的种类不得为 may-expire",
                            "a lead, or what must be accepted, never expires");
    return 0;
}

/* "none", or what files may come with it. */
static int plan_kinds_attachments(const struct table *table, char *field, uint32_t *ret_attachments,
                                  struct error *ret_error)
{
    static const char *const words[] = {"photo", "document", "media", "location"};
    static const uint32_t bits[] = {PLAN_ATTACHMENT_PHOTO, PLAN_ATTACHMENT_DOCUMENT,
                                    PLAN_ATTACHMENT_MEDIA, PLAN_ATTACHMENT_LOCATION};
    const char *items[4];
    size_t count = table_list_count(field);
    uint32_t attachments = 0;

    if (strcmp(field, "none") == 0) return 0;
    if (count == 0 || count > 4)
        return table_refuse(table, ret_error,
                            "attachments 应为 none，或 photo、document、media、location 中的几个",
                            "attachments: none, or photo, document, media, ...");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t word = 0;
        r = plan_reader_word(table, items[i], words, 4, "attachment", &word, ret_error);
        if (r < 0) break;
        if (attachments & bits[word])
            return table_refuse(table, ret_error, "%s 重复列出", "%s is listed twice", words[word]);
        attachments |= bits[word];
    }
    if (r < 0) return r;
    if (attachments & PLAN_ATTACHMENT_LOCATION && !(attachments & PLAN_ATTACHMENT_PHOTO))
        return table_refuse(table, ret_error, "location 指照片的拍摄地点，须与 photo 同列",
                            "location: where photos were taken, so with photo");
    *ret_attachments = attachments;
    return 0;
}

/* "180" days, or "case". */
static int plan_kinds_retention(const struct table *table, const char *field, uint32_t *ret_days,
                                struct error *ret_error)
{
    size_t len = strlen(field);
    uint32_t days = 0;

    if (strcmp(field, "case") == 0) {
        *ret_days = PLAN_RETENTION_CASE;
        return 0;
    }
    if (len > 0 && len <= 5 && strspn(field, "0123456789") == len && field[0] != '0')
        for (size_t i = 0; i < len; i++) days = days * 10 + (uint32_t)(field[i] - '0');
    if (days == 0 || days > PLAN_RETENTION_DAYS_MAX)
        return table_refuse(table, ret_error, "retention 应为 case，或 1 到 %d 天",
                            "retention: case, or 1 to %d days", PLAN_RETENTION_DAYS_MAX);
    *ret_days = days;
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
    if (kind->clause_count == 0) return table_refuse(table, ret_error, "没有写条款", "no clause");
    for (size_t i = 0; i < kind->clause_count; i++) {
        if (!plan_task_find(plan, kind->clauses[i]) && !plan_duty_find(plan, kind->clauses[i]))
            return table_refuse(table, ret_error, "没有条款或职责 %.60s", "no clause or duty %.60s",
                                kind->clauses[i]);
    }
    return 0;
}

/* The fields that are one word out of a closed set. */
static int plan_kinds_words(const struct table *table, char **f, struct plan_kind *kind,
                            struct error *ret_error)
{
    const char *families[PLAN_FAMILY_COUNT];
    static const char *const urgencies[] = {"1", "2", "3", "4"};
    static const char *const levels[] = {"0", "1", "2", "3", "4"};
    static const char *const topics[] = {"none", "optional", "required"};
    static const char *const positions[] = {"opens", "follows", "either"};
    const char *acts[PLAN_ACT_COUNT];
    char family_word[16] = "";
    size_t family = 0, urgency = 0, level = 0, topic = 0, position = 0, act = 0;

    for (int i = 0; i < PLAN_ACT_COUNT; i++) acts[i] = plan_act_name((enum plan_act)i);
    for (int i = 0; i < PLAN_FAMILY_COUNT; i++) families[i] = plan_family_name((enum plan_family)i);
    size_t len = strcspn(f[K_SLUG], ".");
    if (len >= sizeof family_word || f[K_SLUG][len] != '.')
        return table_refuse(table, ret_error, "slug %.60s：应为 类别.名称",
                            "slug %.60s: family.name wanted", f[K_SLUG]);
    memcpy(family_word, f[K_SLUG], len);
    int r = plan_reader_word(table, family_word, families, PLAN_FAMILY_COUNT, "family", &family,
                             ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[K_URGENCY], urgencies, 4, "urgency", &urgency, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_LEVEL], levels, 5, "level", &level, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_TOPIC], topics, 3, "topic", &topic, ret_error);
    if (r == 0)
        r = plan_reader_word(table, f[K_POSITION], positions, 3, "position", &position, ret_error);
    if (r == 0) r = plan_reader_word(table, f[K_ACT], acts, PLAN_ACT_COUNT, "act", &act, ret_error);
    if (r < 0) return r;
    kind->family = (enum plan_family)family;
    kind->urgency = (uint8_t)(urgency + 1);
    kind->level = (uint8_t)level;
    kind->topic_required = topic == 2;
    kind->position = (enum plan_position)position;
    kind->act = (enum plan_act)act;
    if (kind->act == PLAN_ACT_DELIVER)
        return table_refuse(table, ret_error, "deliver 由代理自动完成，不是消息的步骤",
                            "deliver: the machine's act, no message's");
    if (kind->act != PLAN_ACT_NONE && kind->position == PLAN_OPENS)
        return table_refuse(table, ret_error,
                            "有 act 的种类须针对已有的消息：position 应为 follows",
                            "an act refers to something: position follows");
    if (kind->act != PLAN_ACT_NONE && kind->act != PLAN_ACT_SUPERVISE &&
        kind->act != PLAN_ACT_HAND_IN && kind->position != PLAN_FOLLOWS)
        return table_refuse(table, ret_error,
                            "只有督办与报送可以由此新开线索：其余 act 的 position 应为 follows",
                            "only what is supervised or handed in may open a thread by it");
    return 0;
}

static int plan_kinds_kind(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    struct plan_kind *kind = &plan->kinds[plan->kind_count];

    *kind = (struct plan_kind){
        .slug = f[K_SLUG], .name_zh = f[K_ZH], .name_en = f[K_EN], .line = table->line};
    int r = plan_reader_slug(table, f[K_SLUG], "slug", ret_error);
    if (r == 0) r = plan_reader_text(table, f[K_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[K_EN], "name_en", ret_error);
    if (r < 0) return r;
    if (plan_kind_find(plan, f[K_SLUG]))
        return table_refuse(table, ret_error, "种类 %.60s 重复列出", "kind %.60s appears twice",
                            f[K_SLUG]);
    r = plan_kinds_words(table, f, kind, ret_error);
    if (r == 0) r = plan_kinds_tag_list(plan, table, f[K_TAGS], kind, ret_error);
    if (r == 0) r = plan_kinds_sections(plan, table, f[K_SECTIONS], kind, ret_error);
    if (r == 0) r = plan_kinds_expects(table, f[K_EXPECTS], &kind->expects, ret_error);
    if (r == 0)
        r = plan_reader_strings(plan, table, f[K_OUTCOMES], &kind->outcomes, &kind->outcome_count,
                                ret_error);
    if (r == 0) r = plan_kinds_flags(table, f[K_FLAGS], kind, ret_error);
    if (r == 0) r = plan_kinds_attachments(table, f[K_ATTACHMENTS], &kind->attachments, ret_error);
    if (r == 0) r = plan_kinds_retention(table, f[K_RETENTION], &kind->retention_days, ret_error);
    if (r == 0) r = plan_kinds_senders(plan, table, f[K_SENDERS], &kind->senders, ret_error);
    if (r == 0) r = plan_kinds_senders_check(plan, table, kind, ret_error);
    if (r == 0) r = plan_kinds_clauses(plan, table, f[K_CLAUSES], kind, ret_error);
    if (r < 0) return r;
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
    if (!plan->kinds) return plan_reader_no_memory(ret_error);
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

enum { T_KIND, T_TOPIC, T_ZH, T_EN, T_URGENCY, T_SENDERS, T_COUNT };

/* Raises the urgency of the kind, or leaves it ("-"). */
static int plan_kinds_topic_urgency(const struct table *table, const struct plan_kind *kind,
                                    const char *field, uint8_t *ret_urgency,
                                    struct error *ret_error)
{
    *ret_urgency = kind->urgency;
    if (!field[0]) return 0;
    if (strlen(field) != 1 || field[0] < '1' || field[0] >= '0' + kind->urgency)
        return table_refuse(table, ret_error, "urgency 应为 -，或比该种类的 %d 更紧急",
                            "urgency: -, or more pressing than the kind's %d", kind->urgency);
    if (kind->returnable && field[0] == '1')
        return table_refuse(table, ret_error,
                            "%s 可以退回，其主题不得为紧急程度 1：请写 -，或去掉 returnable",
                            "%s is returnable, so no topic of it may have urgency 1: write -, or "
                            "take the flag away",
                            kind->slug);
    *ret_urgency = (uint8_t)(field[0] - '0');
    return 0;
}

/* Narrows the senders of the kind. */
static int plan_kinds_topic_senders(struct plan *plan, const struct table *table,
                                    const struct plan_kind *kind, char *field,
                                    const struct plan_senders **ret_senders,
                                    struct error *ret_error)
{
    if (!field[0]) return 0;
    struct plan_senders *senders = plan_alloc(plan, 1, sizeof *senders);
    if (!senders) return plan_reader_no_memory(ret_error);
    int r = plan_kinds_senders(plan, table, field, senders, ret_error);
    if (r < 0) return r;
    if (senders->any)
        return table_refuse(table, ret_error, "不写 any：与种类的 senders 相同时写 -",
                            "any: leave the kind's senders (-)");
    for (uint16_t i = 0; i < plan->unit_count && !kind->senders.any; i++) {
        bool found =
            !plan_unit_set_has(&senders->units, i) || plan_unit_set_has(&kind->senders.units, i);
        for (size_t g = 0; g < kind->senders.group_count && !found; g++) {
            const struct plan_group *group = &plan->groups[kind->senders.groups[g]];
            for (size_t m = 0; m < group->member_count; m++)
                found = found || plan->units[group->members[m].unit].current == i;
        }
        if (!found)
            return table_refuse(table, ret_error, "单位 %s 本不能发送 %s",
                                "%s may not send %s at all", plan->units[i].key, kind->slug);
    }
    *ret_senders = senders;
    return 0;
}

static int plan_kinds_topic(struct plan *plan, const struct table *table, char **f,
                            const struct plan_kind *kind, struct plan_topic *topic,
                            struct error *ret_error)
{
    *topic = (struct plan_topic){
        .slug = f[T_TOPIC], .name_zh = f[T_ZH], .name_en = f[T_EN], .line = table->line};
    int r = plan_reader_slug(table, f[T_TOPIC], "topic", ret_error);
    if (r == 0) r = plan_reader_text(table, f[T_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_kinds_topic_urgency(table, kind, f[T_URGENCY], &topic->urgency, ret_error);
    if (r == 0)
        r = plan_kinds_topic_senders(plan, table, kind, f[T_SENDERS], &topic->senders, ret_error);
    return r;
}

static int plan_kinds_topics(struct plan_reader *reader, char *const *topic_words,
                             struct error *ret_error)
{
    static const char *const columns[] = {"kind",    "topic",   "name_zh",
                                          "name_en", "urgency", "senders"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    struct plan_kind *last = NULL;
    char *f[T_COUNT];
    bool row = true;
    size_t used = 0;

    int r =
        plan_reader_open(reader, PLAN_PART_TOPICS, columns, T_COUNT, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    struct plan_topic *topics = plan_alloc(plan, reader->row_cap, sizeof *topics);
    if (!topics) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &row, ret_error)) == 0 && row) {
        const struct plan_kind *found = plan_kind_find(plan, f[T_KIND]);
        if (!found)
            return table_refuse(table, ret_error, "没有种类 %.60s", "no kind %.60s", f[T_KIND]);
        struct plan_kind *kind = &plan->kinds[found - plan->kinds];
        if (kind->topic_count > 0 && kind != last)
            return table_refuse(table, ret_error, "%s 的主题没有排在一起",
                                "the topics of %s do not stand together", f[T_KIND]);
        if (plan_kinds_topicless(topic_words[kind - plan->kinds]))
            return table_refuse(table, ret_error, "%s 在 kinds.tsv 中写明没有主题",
                                "%s has no topics by its row", f[T_KIND]);
        r = plan_kinds_topic(plan, table, f, kind, &topics[used], ret_error);
        if (r < 0) return r;
        if (plan_topic_find(kind, f[T_TOPIC]))
            return table_refuse(table, ret_error, "主题 %.60s 重复列出",
                                "topic %.60s appears twice", f[T_TOPIC]);
        if (kind->topic_count == 0) kind->topics = &topics[used];
        used++;
        kind->topic_count++;
        last = kind;
    }
    for (size_t i = 0; r == 0 && i < plan->kind_count; i++) {
        if (plan->kinds[i].topic_count == 0 && !plan_kinds_topicless(topic_words[i]))
            return table_refuse(table, ret_error, "%s 没有任何主题", "no topic of %s",
                                plan->kinds[i].slug);
    }
    return r;
}

/* Every outcome is one of a kind that closes; only what is closed has some. */
static int plan_kinds_outcomes(const struct plan *plan, const struct plan_kind *kind,
                               struct error *ret_error)
{
    const struct table table = {.name = plan_part_names[PLAN_PART_KINDS], .line = kind->line};
    if (kind->outcome_count > 0 && !plan_kind_expects(kind, PLAN_ACT_CLOSE))
        return table_refuse(&table, ret_error, "outcomes：%s 不会办结",
                            "outcomes: %s is never closed", kind->slug);
    for (size_t i = 0; i < kind->outcome_count; i++) {
        bool found = false;
        for (size_t k = 0; k < plan->kind_count && !found; k++)
            found = plan->kinds[k].act == PLAN_ACT_CLOSE &&
                    plan_topic_find(&plan->kinds[k], kind->outcomes[i]) != NULL;
        if (!found)
            return table_refuse(&table, ret_error, "%.60s 不是办结种类的结果代码",
                                "%.60s is no outcome of a kind that closes", kind->outcomes[i]);
    }
    return 0;
}

int plan_kinds_parse(struct plan_reader *reader, struct error *ret_error)
{
    char *topic_words[PLAN_KIND_COUNT_MAX] = {NULL};

    int r = plan_kinds_all(reader, topic_words, ret_error);
    if (r == 0) r = plan_kinds_topics(reader, topic_words, ret_error);
    for (size_t i = 0; r == 0 && i < reader->plan->kind_count; i++)
        r = plan_kinds_outcomes(reader->plan, &reader->plan->kinds[i], ret_error);
    return r;
}
