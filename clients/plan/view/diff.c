#include "clients/plan/view/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/plan/view/diff_inner.h"
#include "proto/base/check.h"
#include "proto/plan/day.h"

/* ---- memory -----------------------------------------------------------------------------------
 */

void *diff_keep(struct diff *diff, size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    CHECK(memory != NULL);
    if (diff->kept_count == diff->kept_cap) {
        diff->kept_cap = diff->kept_cap ? diff->kept_cap * 2 : 64;
        diff->kept = realloc(diff->kept, diff->kept_cap * sizeof *diff->kept);
        CHECK(diff->kept != NULL);
    }
    diff->kept[diff->kept_count++] = memory;
    return memory;
}

const char *diff_keep_text(struct diff *diff, const char *text)
{
    size_t len = strlen(text);
    char *copy = diff_keep(diff, len + 1, 1);
    memcpy(copy, text, len);
    return copy;
}

void diff_fini(struct diff *diff)
{
    for (size_t i = 0; i < diff->kept_count; i++) free(diff->kept[i]);
    free(diff->kept);
    free(diff->changes);
    free(diff->routes);
    *diff = (struct diff){0};
}

/* ---- telling ----------------------------------------------------------------------------------
 */

static void diff_tell(struct diff *diff, const struct diff_change *change)
{
    if (diff->change_count == diff->change_cap) {
        diff->change_cap = diff->change_cap ? diff->change_cap * 2 : 64;
        diff->changes = realloc(diff->changes, diff->change_cap * sizeof *diff->changes);
        CHECK(diff->changes != NULL);
    }
    struct diff_change *kept = &diff->changes[diff->change_count++];
    *kept = *change;
    kept->key = diff_keep_text(diff, change->key);
    kept->old_text = diff_keep_text(diff, change->old_text ? change->old_text : "");
    kept->new_text = diff_keep_text(diff, change->new_text ? change->new_text : "");
}

/* One row of a table in either plan: what it is called and what its cells say. */
struct diff_row {
    const char *key, *name_zh, *name_en;
    size_t line;
    const void *row;
};

/* How a table is read. A cell is written as its table writes it. */
struct diff_table {
    enum diff_part part;
    const char *const *fields;
    size_t field_count;
    size_t (*count)(const struct plan *plan);
    struct diff_row (*row)(const struct plan *plan, size_t index);
    void (*cell)(const struct plan *plan, const void *row, size_t field, struct buf *buf);
};

static const char *diff_text(struct buf *buf)
{
    buf_append_u8(buf, 0);
    return (const char *)buf->data;
}

static void diff_cells(struct diff *diff, const struct diff_table *table,
                       const struct plan *const plans[2], const struct diff_row rows[2])
{
    for (size_t i = 0; i < table->field_count; i++) {
        struct buf old_cell = {0}, new_cell = {0};
        table->cell(plans[0], rows[0].row, i, &old_cell);
        table->cell(plans[1], rows[1].row, i, &new_cell);
        struct diff_change change = {.part = table->part,
                                     .op = DIFF_CHANGED,
                                     .key = rows[1].key,
                                     .name_zh = rows[1].name_zh,
                                     .name_en = rows[1].name_en,
                                     .field = table->fields[i],
                                     .old_text = diff_text(&old_cell),
                                     .new_text = diff_text(&new_cell),
                                     .old_line = rows[0].line,
                                     .new_line = rows[1].line};
        if (strcmp(change.old_text, change.new_text) != 0) diff_tell(diff, &change);
        buf_fini(&old_cell);
        buf_fini(&new_cell);
    }
}

static bool diff_row_find(const struct diff_table *table, const struct plan *plan, const char *key,
                          size_t guess, struct diff_row *ret_row)
{
    size_t count = table->count(plan);
    for (size_t i = 0; i < count; i++) { /* rows mostly stand where they stood */
        *ret_row = table->row(plan, (guess + i) % count);
        if (strcmp(ret_row->key, key) == 0) return true;
    }
    return false;
}

static void diff_table(struct diff *diff, const struct diff_table *table,
                       const struct plan *const plans[2])
{
    struct diff_row rows[2];
    for (size_t i = 0; i < table->count(plans[0]); i++) {
        rows[0] = table->row(plans[0], i);
        if (diff_row_find(table, plans[1], rows[0].key, i, &rows[1])) continue;
        struct diff_change change = {.part = table->part,
                                     .op = DIFF_REMOVED,
                                     .key = rows[0].key,
                                     .name_zh = rows[0].name_zh,
                                     .name_en = rows[0].name_en,
                                     .old_line = rows[0].line};
        diff_tell(diff, &change);
    }
    for (size_t i = 0; i < table->count(plans[1]); i++) {
        rows[1] = table->row(plans[1], i);
        if (diff_row_find(table, plans[0], rows[1].key, i, &rows[0])) {
            diff_cells(diff, table, plans, rows);
            continue;
        }
        struct diff_change change = {.part = table->part,
                                     .op = DIFF_ADDED,
                                     .key = rows[1].key,
                                     .name_zh = rows[1].name_zh,
                                     .name_en = rows[1].name_en,
                                     .new_line = rows[1].line};
        diff_tell(diff, &change);
    }
}

/* ---- about, units, areas, groups --------------------------------------------------------------
 */

static const char *const diff_about_fields[] = {"name", "title_zh", "title_en", "district", "date"};

static size_t diff_about_count(const struct plan *plan)
{
    (void)plan;
    return 1;
}

static struct diff_row diff_about_row(const struct plan *plan, size_t index)
{
    const struct plan_about *about = plan_about(plan);
    (void)index;
    return (struct diff_row){"about", about->title_zh, about->title_en, 0, about};
}

static void diff_about_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct plan_about *about = row;
    const char *const cells[] = {about->name, about->title_zh, about->title_en, about->district,
                                 about->date};
    (void)plan;
    buf_append_str(buf, cells[field]);
}

static const char *const diff_unit_fields[] = {"name_zh", "name_en", "full_zh",   "kind",
                                               "area",    "duty",    "successor", "to_confirm"};

static struct diff_row diff_unit_row(const struct plan *plan, size_t index)
{
    const struct plan_unit *unit = plan_unit(plan, (uint16_t)index);
    return (struct diff_row){unit->key, unit->name_zh, unit->name_en, unit->line, unit};
}

static void diff_unit_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    static const char *const kinds[] = {"bureau",      "committee", "court",       "procuratorate",
                                        "peoples-org", "office",    "institution", "street"};
    static const char *const duties[] = {"", "police", "office", "police,office"};
    const struct plan_unit *unit = row;
    const struct plan_unit *successor =
        unit->successor == PLAN_UNIT_NONE ? NULL : plan_unit(plan, unit->successor);
    const char *const cells[] = {unit->name_zh,
                                 unit->name_en,
                                 unit->full_zh,
                                 kinds[unit->kind],
                                 unit->area ? unit->area : "",
                                 duties[unit->duties & 3],
                                 successor ? successor->key : "",
                                 unit->to_confirm};
    buf_append_str(buf, cells[field]);
}

static const char *const diff_area_fields[] = {"name_zh", "name_en", "street"};

static struct diff_row diff_area_row(const struct plan *plan, size_t index)
{
    const struct plan_area *area = plan_area(plan, index);
    return (struct diff_row){area->code, area->name_zh, area->name_en, area->line, area};
}

static void diff_area_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct plan_area *area = row;
    const char *const cells[] = {
        area->name_zh, area->name_en,
        area->street == PLAN_UNIT_NONE ? "" : plan_unit(plan, area->street)->key};
    buf_append_str(buf, cells[field]);
}

static const char *const diff_name_fields[] = {"name_zh", "name_en"};

static struct diff_row diff_group_row(const struct plan *plan, size_t index)
{
    const struct plan_group *group = plan_group(plan, index);
    return (struct diff_row){group->key, group->name_zh, group->name_en, group->line, group};
}

static void diff_group_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct plan_group *group = row;
    (void)plan;
    buf_append_str(buf, field == 0 ? group->name_zh : group->name_en);
}

/* Memberships have no key of their own: a unit may be a member at several times. */
static void diff_members_cell(const struct plan *plan, const struct plan_group *group,
                              const char *unit, struct buf *buf, size_t *ret_line)
{
    *ret_line = 0;
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *member = &group->members[i];
        char from[DAY_TEXT_LEN], to[DAY_TEXT_LEN] = "";
        if (strcmp(plan_unit(plan, member->unit)->key, unit) != 0) continue;
        day_text(member->valid_from_ms, from);
        if (member->valid_to_ms != UINT64_MAX) day_text(member->valid_to_ms, to);
        if (*ret_line == 0) *ret_line = member->line;
        buf_printf(buf, "%s%s..%s%s%s", buf->len ? " " : "", from, to,
                   member->to_confirm[0] ? " ?" : "", member->to_confirm);
    }
}

static void diff_member(struct diff *diff, const struct plan *const plans[2],
                        const struct plan_group *const groups[2], const struct plan_unit *unit)
{
    char key[2 * LIMIT_SLUG_LEN_MAX + 2];
    struct buf cells[2] = {{0}, {0}};
    struct diff_change change = {
        .part = DIFF_MEMBER, .key = key, .name_zh = unit->name_zh, .name_en = unit->name_en};

    diff_members_cell(plans[0], groups[0], unit->key, &cells[0], &change.old_line);
    diff_members_cell(plans[1], groups[1], unit->key, &cells[1], &change.new_line);
    (void)snprintf(key, sizeof key, "%s/%s", groups[1]->key, unit->key);
    change.op = !change.old_line ? DIFF_ADDED : !change.new_line ? DIFF_REMOVED : DIFF_CHANGED;
    change.field = change.op == DIFF_CHANGED ? "valid" : NULL;
    change.old_text = diff_text(&cells[0]);
    change.new_text = diff_text(&cells[1]);
    if (strcmp(change.old_text, change.new_text) != 0) diff_tell(diff, &change);
    buf_fini(&cells[0]);
    buf_fini(&cells[1]);
}

static bool diff_is_member(const struct plan *plan, const struct plan_group *group, const char *key,
                           size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(plan_unit(plan, group->members[i].unit)->key, key) == 0) return true;
    }
    return false;
}

static void diff_members(struct diff *diff, const struct plan *const plans[2])
{
    for (size_t g = 0; g < plan_group_count(plans[1]); g++) {
        const struct plan_group *groups[2] = {NULL, plan_group(plans[1], g)};
        groups[0] = plan_group_find(plans[0], groups[1]->key);
        if (!groups[0]) continue;
        for (size_t side = 0; side < 2; side++) {
            const struct plan_group *group = groups[side];
            for (size_t i = 0; i < group->member_count; i++) {
                const struct plan_unit *unit = plan_unit(plans[side], group->members[i].unit);
                if (diff_is_member(plans[side], group, unit->key, i)) continue; /* told */
                if (side == 1 &&
                    diff_is_member(plans[0], groups[0], unit->key, groups[0]->member_count))
                    continue;
                diff_member(diff, plans, groups, unit);
            }
        }
    }
}

/* ---- tasks and duties -------------------------------------------------------------------------
 */

void diff_cell_named(const struct plan *plan, const struct plan_named *list, size_t count,
                     struct buf *buf)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(buf, "%s%s", i ? "," : "", plan_named_key(plan, list[i]));
}

static const char *const diff_task_fields[] = {"lead", "coop", "title_zh", "title_en"};

static struct diff_row diff_task_row(const struct plan *plan, size_t index)
{
    const struct plan_task *task = plan_task(plan, index);
    return (struct diff_row){task->id, task->title_zh, task->title_en, task->line, task};
}

static void diff_task_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct plan_task *task = row;
    if (field == 0) diff_cell_named(plan, task->lead, task->lead_count, buf);
    if (field == 1) diff_cell_named(plan, task->coop, task->coop_count, buf);
    if (field == 2) buf_append_str(buf, task->title_zh);
    if (field == 3) buf_append_str(buf, task->title_en);
}

static const char *const diff_duty_fields[] = {"units", "source", "text_zh", "text_en",
                                               "to_confirm"};

static struct diff_row diff_duty_row(const struct plan *plan, size_t index)
{
    const struct plan_duty *duty = plan_duty(plan, index);
    return (struct diff_row){duty->id, duty->text_zh, duty->text_en, duty->line, duty};
}

static void diff_duty_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct plan_duty *duty = row;
    const char *const cells[] = {"", duty->source, duty->text_zh, duty->text_en, duty->to_confirm};
    if (field == 0) diff_cell_named(plan, duty->units, duty->unit_count, buf);
    buf_append_str(buf, cells[field]);
}

/* ---- kinds and topics -------------------------------------------------------------------------
 */

enum diff_kind_field {
    KF_ZH,
    KF_EN,
    KF_URGENCY,
    KF_LEVEL,
    KF_TAGS,
    KF_SECTIONS,
    KF_TOPIC,
    KF_POSITION,
    KF_EXPECTS,
    KF_OUTCOMES,
    KF_ACT,
    KF_FLAGS,
    KF_ATTACHMENTS,
    KF_RETENTION,
    KF_SENDERS,
    KF_CLAUSES,
    KF_COUNT
};
static const char *const diff_kind_fields[KF_COUNT] = {
    "name_zh", "name_en",  "urgency", "level", "tags",        "sections",  "topic",   "position",
    "expects", "outcomes", "act",     "flags", "attachments", "retention", "senders", "clauses"};

static struct diff_row diff_kind_row(const struct plan *plan, size_t index)
{
    const struct plan_kind *kind = plan_kind(plan, index);
    return (struct diff_row){kind->slug, kind->name_zh, kind->name_en, kind->line, kind};
}

/* Words of a set, comma between. */
static void diff_words(const char *const *words, const bool *set, size_t count, struct buf *buf)
{
    for (size_t i = 0; i < count; i++) {
        if (set[i]) buf_printf(buf, "%s%s", buf->len ? "," : "", words[i]);
    }
}

static void diff_kind_sections(const struct plan_kind *kind, struct buf *buf)
{
    static const char *const marks[] = {"optional", "copy", "small-group", "police"};
    for (size_t i = 0; i < kind->section_count; i++) {
        const struct plan_section *section = &kind->sections[i];
        const bool set[] = {section->optional, section->copy, section->small_group,
                            section->police};
        const char *separator = ":";
        buf_printf(buf, "%s%s:%s", i ? "," : "", section->name, section->message);
        for (size_t j = 0; j < 4; j++) {
            if (!set[j]) continue;
            buf_printf(buf, "%s%s", separator, marks[j]);
            separator = "+";
        }
    }
}

static void diff_senders(const struct plan *plan, const struct plan_senders *senders,
                         struct buf *buf)
{
    if (senders->any) buf_append_str(buf, "any");
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        if (plan_unit_set_has(&senders->units, i))
            buf_printf(buf, "%s%s", buf->len ? "," : "", plan_unit(plan, i)->key);
    }
    for (size_t i = 0; i < senders->group_count; i++)
        buf_printf(buf, "%s%s", buf->len ? "," : "", plan_group(plan, senders->groups[i])->key);
    if (senders->reference) buf_printf(buf, "%ssender-of-reference", buf->len ? "," : "");
}

static void diff_kind_acts(const struct plan_kind *kind, struct buf *buf)
{
    for (int act = PLAN_ACT_DELIVER; act < PLAN_ACT_COUNT; act++) {
        if (plan_kind_expects(kind, (enum plan_act)act))
            buf_printf(buf, "%s%s", buf->len ? "," : "", plan_act_name((enum plan_act)act));
    }
}

static void diff_kind_flags(const struct plan_kind *kind, struct buf *buf)
{
    static const char *const words[] = {"returnable", "last-resort", "may-expire", "sensitive",
                                        "exempt",     "reported",    "dated",      "erased"};
    const bool set[] = {kind->returnable, kind->last_resort, kind->may_expire, kind->sensitive,
                        kind->exempt,     kind->reported,    kind->dated,      kind->erased};
    diff_words(words, set, sizeof set / sizeof *set, buf);
}

static void diff_kind_attachments(const struct plan_kind *kind, struct buf *buf)
{
    static const char *const words[] = {"photo", "document", "media", "location"};
    const bool set[] = {(kind->attachments & PLAN_ATTACHMENT_PHOTO) != 0,
                        (kind->attachments & PLAN_ATTACHMENT_DOCUMENT) != 0,
                        (kind->attachments & PLAN_ATTACHMENT_MEDIA) != 0,
                        (kind->attachments & PLAN_ATTACHMENT_LOCATION) != 0};
    diff_words(words, set, 4, buf);
}

static void diff_list(const char *const *items, size_t count, struct buf *buf)
{
    for (size_t i = 0; i < count; i++) buf_printf(buf, "%s%s", i ? "," : "", items[i]);
}

static void diff_kind_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    static const char *const positions[] = {"opens", "follows", "either"};
    const struct plan_kind *kind = row;

    switch ((enum diff_kind_field)field) {
    case KF_ZH: buf_append_str(buf, kind->name_zh); break;
    case KF_EN: buf_append_str(buf, kind->name_en); break;
    case KF_URGENCY: buf_printf(buf, "%d", kind->urgency); break;
    case KF_LEVEL: buf_printf(buf, "%d", kind->level); break;
    case KF_TAGS: diff_list(kind->tags, kind->tag_count, buf); break;
    case KF_SECTIONS: diff_kind_sections(kind, buf); break;
    case KF_TOPIC:
        buf_append_str(buf, !kind->topic_count     ? "none"
                            : kind->topic_required ? "required"
                                                   : "optional");
        break;
    case KF_POSITION: buf_append_str(buf, positions[kind->position]); break;
    case KF_EXPECTS: diff_kind_acts(kind, buf); break;
    case KF_OUTCOMES: diff_list(kind->outcomes, kind->outcome_count, buf); break;
    case KF_ACT: buf_append_str(buf, plan_act_name(kind->act)); break;
    case KF_FLAGS: diff_kind_flags(kind, buf); break;
    case KF_ATTACHMENTS: diff_kind_attachments(kind, buf); break;
    case KF_RETENTION:
        if (kind->retention_days == PLAN_RETENTION_CASE)
            buf_append_str(buf, "case");
        else
            buf_printf(buf, "%u", kind->retention_days);
        break;
    case KF_SENDERS: diff_senders(plan, &kind->senders, buf); break;
    case KF_CLAUSES: diff_list(kind->clauses, kind->clause_count, buf); break;
    case KF_COUNT: break;
    }
}

static const char *const diff_topic_fields[] = {"name_zh", "name_en", "urgency", "senders"};

struct diff_topic_row {
    const struct plan_kind *kind;
    const struct plan_topic *topic;
};

static void diff_topic_cell(const struct plan *plan, const void *row, size_t field, struct buf *buf)
{
    const struct diff_topic_row *both = row;
    const struct plan_topic *topic = both->topic;
    if (field == 0) buf_append_str(buf, topic->name_zh);
    if (field == 1) buf_append_str(buf, topic->name_en);
    if (field == 2 && topic->urgency != both->kind->urgency) buf_printf(buf, "%d", topic->urgency);
    if (field == 3 && topic->senders) diff_senders(plan, topic->senders, buf);
}

static void diff_topic(struct diff *diff, const struct plan *const plans[2],
                       const struct plan_kind *const kinds[2], const char *slug)
{
    static const struct diff_table table = {
        .part = DIFF_TOPIC, .fields = diff_topic_fields, .field_count = 4, .cell = diff_topic_cell};
    struct diff_topic_row both[2];
    struct diff_row rows[2];
    char key[2 * LIMIT_SLUG_LEN_MAX + 2];

    (void)snprintf(key, sizeof key, "%s/%s", kinds[1]->slug, slug);
    for (size_t i = 0; i < 2; i++) {
        const struct plan_topic *topic = plan_topic_find(kinds[i], slug);
        both[i] = (struct diff_topic_row){kinds[i], topic};
        rows[i] = (struct diff_row){key, "", "", 0, &both[i]};
        if (topic)
            rows[i] = (struct diff_row){key, topic->name_zh, topic->name_en, topic->line, &both[i]};
    }
    if (both[0].topic && both[1].topic) {
        diff_cells(diff, &table, plans, rows);
        return;
    }
    const struct diff_row *row = &rows[both[1].topic ? 1 : 0];
    struct diff_change change = {.part = DIFF_TOPIC,
                                 .op = both[1].topic ? DIFF_ADDED : DIFF_REMOVED,
                                 .key = key,
                                 .name_zh = row->name_zh,
                                 .name_en = row->name_en,
                                 .old_line = rows[0].line,
                                 .new_line = rows[1].line};
    diff_tell(diff, &change);
}

static void diff_topics(struct diff *diff, const struct plan *const plans[2])
{
    for (size_t i = 0; i < plan_kind_count(plans[1]); i++) {
        const struct plan_kind *kinds[2] = {NULL, plan_kind(plans[1], i)};
        kinds[0] = plan_kind_find(plans[0], kinds[1]->slug);
        for (size_t j = 0; kinds[0] && j < kinds[0]->topic_count; j++) {
            if (!plan_topic_find(kinds[1], kinds[0]->topics[j].slug))
                diff_topic(diff, plans, kinds, kinds[0]->topics[j].slug);
        }
        for (size_t j = 0; kinds[0] && j < kinds[1]->topic_count; j++)
            diff_topic(diff, plans, kinds, kinds[1]->topics[j].slug);
    }
}

/* ---- all of it --------------------------------------------------------------------------------
 */

void diff_plans(const struct plan *before, const struct plan *after, uint64_t at_ms,
                struct diff *ret)
{
#define FIELDS(array) array, sizeof(array) / sizeof(array)[0]
    static const struct diff_table tables[] = {
        {DIFF_ABOUT, FIELDS(diff_about_fields), diff_about_count, diff_about_row, diff_about_cell},
        {DIFF_UNIT, FIELDS(diff_unit_fields), plan_unit_count, diff_unit_row, diff_unit_cell},
        {DIFF_AREA, FIELDS(diff_area_fields), plan_area_count, diff_area_row, diff_area_cell},
        {DIFF_GROUP, FIELDS(diff_name_fields), plan_group_count, diff_group_row, diff_group_cell},
        {DIFF_TASK, FIELDS(diff_task_fields), plan_task_count, diff_task_row, diff_task_cell},
        {DIFF_DUTY, FIELDS(diff_duty_fields), plan_duty_count, diff_duty_row, diff_duty_cell},
        {DIFF_KIND, FIELDS(diff_kind_fields), plan_kind_count, diff_kind_row, diff_kind_cell},
    };
#undef FIELDS
    const struct plan *const plans[2] = {before, after};

    *ret = (struct diff){0};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        diff_table(ret, &tables[i], plans);
        if (tables[i].part == DIFF_GROUP) diff_members(ret, plans);
    }
    diff_topics(ret, plans);
    diff_routes(ret, before, after, at_ms);
}
