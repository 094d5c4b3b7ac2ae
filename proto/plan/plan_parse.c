/* The first half of plan_parse: who there is and what the brackets say. plan_kinds.c and
 * plan_rows.c hold the second. */
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/plan_reader.h"

static int plan_parse_about(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"name", "title_zh", "title_en", "district", "date"};
    struct plan *plan = reader->plan;
    char *f[5];
    bool row = false;
    uint64_t date_ms = 0;

    int r = plan_reader_open(reader, PLAN_PART_ABOUT, columns, 5, 1, ret_error);
    if (r == 0) r = table_next(&reader->table, f, &row, ret_error);
    if (r == 0 && !row) r = table_refuse(&reader->table, ret_error, "应恰有一行", "one row wanted");
    if (r == 0) r = plan_reader_slug(&reader->table, f[0], "name", ret_error);
    if (r == 0) r = plan_reader_text(&reader->table, f[1], "title_zh", ret_error);
    if (r == 0) r = table_day(&reader->table, f[4], &date_ms, ret_error);
    if (r == 0 && (strlen(f[3]) != 6 || !plan_area_well_formed(f[3])))
        r = table_refuse(&reader->table, ret_error, "district 应为 6 位数字",
                         "district: 6 digits wanted");
    if (r < 0) return r;
    plan->about = (struct plan_about){f[0], f[1], f[2], f[3], f[4], date_ms};
    return table_next(&reader->table, f, &row, ret_error);
}

/* ---- units ------------------------------------------------------------------------------------
 */

enum { U_KEY, U_ZH, U_EN, U_FULL, U_KIND, U_AREA, U_DUTY, U_SUCCESSOR, U_CONFIRM, U_COUNT };

static int plan_parse_unit_duties(struct plan *plan, const struct table *table, char *field,
                                  uint16_t index, struct error *ret_error)
{
    static const char *const duties[] = {"police", "office"};
    const char *items[2];
    size_t count = table_list_count(field);

    if (count > 2)
        return table_refuse(table, ret_error, "duty 应为 police、office 或 -",
                            "duty: police, office or -");
    int r = table_list(table, field, items, ret_error);
    for (size_t i = 0; r == 0 && i < count; i++) {
        size_t duty = 0;
        r = plan_reader_word(table, items[i], duties, 2, "duty", &duty, ret_error);
        if (r < 0) break;
        uint16_t *holder = duty == 0 ? &plan->police : &plan->office;
        if (*holder != PLAN_UNIT_NONE)
            return table_refuse(table, ret_error, "已有单位的 duty 为 %s",
                                "a second unit with the duty %s", duties[duty]);
        *holder = index;
        plan->units[index].duties |= duty == 0 ? PLAN_DUTY_POLICE : PLAN_DUTY_OFFICE;
    }
    return r;
}

static int plan_parse_unit(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    static const char *const kinds[] = {"bureau",      "committee", "court",       "procuratorate",
                                        "peoples-org", "office",    "institution", "street"};
    uint16_t index = (uint16_t)plan->unit_count;
    struct plan_unit *unit = &plan->units[index];
    size_t kind = 0;

    int r = plan_reader_slug(table, f[U_KEY], "key", ret_error);
    if (r == 0) r = plan_reader_text(table, f[U_ZH], "name_zh", ret_error);
    if (r == 0) r = plan_reader_text(table, f[U_EN], "name_en", ret_error);
    if (r == 0) r = plan_reader_word(table, f[U_KIND], kinds, 8, "kind", &kind, ret_error);
    if (r < 0) return r;
    if (plan_unit_find(plan, f[U_KEY]) != PLAN_UNIT_NONE)
        return table_refuse(table, ret_error, "单位 %.60s 重复列出", "unit %.60s appears twice",
                            f[U_KEY]);
    if (f[U_AREA][0] && (strlen(f[U_AREA]) != 9 || !plan_area_well_formed(f[U_AREA])))
        return table_refuse(table, ret_error, "area 应为 9 位数字", "area: 9 digits wanted");
    *unit = (struct plan_unit){.key = f[U_KEY],
                               .name_zh = f[U_ZH],
                               .name_en = f[U_EN],
                               .full_zh = f[U_FULL],
                               .kind = (enum plan_unit_kind)kind,
                               .area = f[U_AREA][0] ? f[U_AREA] : NULL,
                               .successor = PLAN_UNIT_NONE,
                               .current = index,
                               .to_confirm = f[U_CONFIRM],
                               .line = table->line};
    r = plan_parse_unit_duties(plan, table, f[U_DUTY], index, ret_error);
    if (r < 0) return r;
    plan->unit_count++;
    plan_index_unit(plan, index);
    return 0;
}

/* Successors may stand further down, so they are looked up when all rows are there. */
static int plan_parse_successors(struct plan *plan, struct table *table, char *const *successors,
                                 struct error *ret_error)
{
    for (uint16_t i = 0; i < plan->unit_count; i++) {
        if (!successors[i][0]) continue;
        table->line = plan->units[i].line;
        plan->units[i].successor = plan_unit_find(plan, successors[i]);
        if (plan->units[i].successor == PLAN_UNIT_NONE)
            return table_refuse(table, ret_error, "没有承继单位 %.60s", "no successor %.60s",
                                successors[i]);
        if (plan->units[i].duties != 0)
            return table_refuse(table, ret_error, "已有承继单位的，duty 应为 -",
                                "a unit with a successor has no duty of the bus");
    }
    for (uint16_t i = 0; i < plan->unit_count; i++) {
        uint16_t at = i;
        for (size_t steps = 0; plan->units[at].successor != PLAN_UNIT_NONE; steps++) {
            table->line = plan->units[i].line;
            if (steps > plan->unit_count)
                return table_refuse(table, ret_error, "承继单位相互循环",
                                    "successors run in a circle");
            at = plan->units[at].successor;
        }
        plan->units[i].current = at;
    }
    return 0;
}

static int plan_parse_units(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"key",  "name_zh", "name_en",   "full_zh",   "kind",
                                          "area", "duty",    "successor", "to_confirm"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    char *f[U_COUNT];
    bool row = true;

    plan->police = PLAN_UNIT_NONE;
    plan->office = PLAN_UNIT_NONE;
    int r = plan_reader_open(reader, PLAN_PART_UNITS, columns, U_COUNT, LIMIT_UNIT_COUNT_MAX,
                             ret_error);
    if (r < 0) return r;
    plan->units = plan_alloc(plan, reader->row_cap, sizeof *plan->units);
    char **successors = plan_alloc(plan, reader->row_cap, sizeof *successors);
    if (!plan->units || !successors) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &row, ret_error)) == 0 && row) {
        successors[plan->unit_count] = f[U_SUCCESSOR];
        r = plan_parse_unit(plan, table, f, ret_error);
        if (r < 0) return r;
    }
    if (r == 0) r = plan_parse_successors(plan, table, successors, ret_error);
    if (r == 0 && (plan->police == PLAN_UNIT_NONE || plan->office == PLAN_UNIT_NONE))
        r = table_refuse(table, ret_error, "没有单位的 duty 为 police，或没有单位的 duty 为 office",
                         "no unit has the duty police, or none office");
    return r;
}

/* ---- areas ------------------------------------------------------------------------------------
 */

static int plan_parse_areas(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"code", "name_zh", "name_en", "street"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    char *f[4];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_AREAS, columns, 4, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    plan->areas = plan_alloc(plan, reader->row_cap, sizeof *plan->areas);
    if (!plan->areas) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &row, ret_error)) == 0 && row) {
        uint16_t street = PLAN_UNIT_NONE;
        if (!plan_area_well_formed(f[0]) || strlen(f[0]) > 9)
            return table_refuse(table, ret_error, "code 应为 6 位或 9 位数字",
                                "code: 6 or 9 digits wanted");
        if (plan->area_count > 0 && strcmp(plan->areas[plan->area_count - 1].code, f[0]) >= 0)
            return table_refuse(table, ret_error, "code 须由小到大，每个一次",
                                "codes must ascend, each once");
        r = plan_reader_text(table, f[1], "name_zh", ret_error);
        if (r < 0) return r;
        if (f[3][0]) {
            street = plan_unit_find(plan, f[3]);
            if (street == PLAN_UNIT_NONE || plan->units[street].kind != PLAN_UNIT_STREET)
                return table_refuse(table, ret_error, "%.60s 不是街道办事处",
                                    "%.60s is no street office", f[3]);
            if (!plan->units[street].area || strcmp(plan->units[street].area, f[0]) != 0)
                return table_refuse(
                    table, ret_error, "%.60s 在 units.tsv 中的 area 为 %s，此处为 %s",
                    "%.60s has area %s in units.tsv, here %s", f[3],
                    plan->units[street].area ? plan->units[street].area : "-", f[0]);
            street = plan->units[street].current;
        }
        plan->areas[plan->area_count++] = (struct plan_area){f[0], f[1], f[2], street, table->line};
    }
    return r;
}

/* ---- groups -----------------------------------------------------------------------------------
 */

enum { G_GROUP, G_MEMBER, G_FROM, G_TO, G_ZH, G_EN, G_CONFIRM, G_COUNT };

static int plan_parse_member(struct plan *plan, const struct table *table, char **f,
                             struct plan_member *ret_member, struct error *ret_error)
{
    struct plan_group *group = plan->group_count ? &plan->groups[plan->group_count - 1] : NULL;
    struct plan_member member = {
        .valid_to_ms = UINT64_MAX, .to_confirm = f[G_CONFIRM], .line = table->line};

    if (!group || strcmp(group->key, f[G_GROUP]) != 0)
        return table_refuse(table, ret_error, "成员须紧接在其组的首行之后",
                            "members follow the row that names their group");
    member.unit = plan_unit_find(plan, f[G_MEMBER]);
    if (member.unit == PLAN_UNIT_NONE)
        return table_refuse(table, ret_error, "没有单位 %.60s", "no unit %.60s", f[G_MEMBER]);
    int r = table_day(table, f[G_FROM], &member.valid_from_ms, ret_error);
    if (r == 0 && f[G_TO][0]) r = table_day(table, f[G_TO], &member.valid_to_ms, ret_error);
    if (r < 0) return r;
    if (member.valid_to_ms <= member.valid_from_ms)
        return table_refuse(table, ret_error, "valid_to 应晚于 valid_from",
                            "valid_to is not after valid_from");
    for (size_t i = 0; i < group->member_count; i++) {
        const struct plan_member *other = &group->members[i];
        if (other->unit == member.unit && other->valid_from_ms < member.valid_to_ms &&
            member.valid_from_ms < other->valid_to_ms)
            return table_refuse(table, ret_error, "%.60s 在同一时间重复为成员",
                                "%.60s is a member twice at one time", f[G_MEMBER]);
    }
    if (plan->units[member.unit].kind != PLAN_UNIT_STREET) group->streets = false;
    group->member_count++;
    *ret_member = member;
    return 0;
}

static int plan_parse_groups(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"group",   "member",  "valid_from", "valid_to",
                                          "name_zh", "name_en", "to_confirm"};
    struct plan *plan = reader->plan;
    struct table *table = &reader->table;
    char *f[G_COUNT];
    bool row = true;
    size_t used = 0;

    int r =
        plan_reader_open(reader, PLAN_PART_GROUPS, columns, G_COUNT, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    plan->groups = plan_alloc(plan, PLAN_GROUP_COUNT_MAX, sizeof *plan->groups);
    struct plan_member *members = plan_alloc(plan, reader->row_cap, sizeof *members);
    if (!plan->groups || !members) return plan_reader_no_memory(ret_error);
    while ((r = table_next(table, f, &row, ret_error)) == 0 && row) {
        if (f[G_MEMBER][0]) {
            r = plan_parse_member(plan, table, f, &members[used], ret_error);
            if (r < 0) return r;
            used++;
            continue;
        }
        r = plan_reader_slug(table, f[G_GROUP], "group", ret_error);
        if (r == 0) r = plan_reader_text(table, f[G_ZH], "name_zh", ret_error);
        if (r < 0) return r;
        if (plan_group_find(plan, f[G_GROUP]) || plan_unit_find(plan, f[G_GROUP]) != PLAN_UNIT_NONE)
            return table_refuse(table, ret_error, "%.60s 已被其他组或单位使用", "%.60s is taken",
                                f[G_GROUP]);
        if (plan->group_count == PLAN_GROUP_COUNT_MAX)
            return table_refuse(table, ret_error, "多于 %d 个组", "more than %d groups",
                                PLAN_GROUP_COUNT_MAX);
        plan->groups[plan->group_count++] = (struct plan_group){.key = f[G_GROUP],
                                                                .name_zh = f[G_ZH],
                                                                .name_en = f[G_EN],
                                                                .streets = true,
                                                                .members = &members[used],
                                                                .line = table->line};
    }
    for (size_t i = 0; i < plan->group_count; i++) {
        if (plan->groups[i].member_count == 0) plan->groups[i].streets = false;
    }
    return r;
}

/* ---- tasks and duties -------------------------------------------------------------------------
 */

/* Dotted numbers without leading zeros, at most 9 digits each: "2.1.2.10". */
static bool plan_clause_valid(const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > 31 || strspn(id, "0123456789.") != len) return false;
    for (const char *at = id;;) {
        size_t digits = strcspn(at, ".");
        if (digits == 0 || digits > 9 || (at[0] == '0' && digits > 1)) return false;
        if (!at[digits]) return true;
        at += digits + 1;
    }
}

static int plan_parse_task(struct plan *plan, const struct table *table, char **f,
                           struct error *ret_error)
{
    struct plan_task *task = &plan->tasks[plan->task_count];

    *task = (struct plan_task){
        .id = f[0], .title_zh = f[3], .title_en = f[4], .flags = f[5], .line = table->line};
    if (!plan_clause_valid(f[0]))
        return table_refuse(table, ret_error, "id %.40s：应为以点分隔的数字",
                            "id %.40s: numbers with dots wanted", f[0]);
    if (plan->task_count > 0 && plan_clause_compare(task[-1].id, task->id) >= 0)
        return table_refuse(table, ret_error, "id 须由小到大，每个一次",
                            "ids must ascend, each once");
    int r = plan_reader_text(table, f[3], "title_zh", ret_error);
    if (r == 0)
        r = plan_reader_named_list(plan, table, f[1], &task->lead, &task->lead_count, ret_error);
    if (r == 0)
        r = plan_reader_named_list(plan, table, f[2], &task->coop, &task->coop_count, ret_error);
    if (r < 0) return r;
    for (size_t i = 0; i < task->lead_count; i++) {
        for (size_t j = 0; j < task->coop_count; j++) {
            if (task->lead[i].group == task->coop[j].group &&
                task->lead[i].index == task->coop[j].index)
                return table_refuse(table, ret_error, "%s 既负责又配合", "%s leads and cooperates",
                                    plan_named_key(plan, task->lead[i]));
        }
    }
    plan->task_count++;
    return 0;
}

static int plan_parse_tasks(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"id", "lead", "coop", "title_zh", "title_en", "flags"};
    struct plan *plan = reader->plan;
    char *f[6];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_TASKS, columns, 6, PLAN_TASK_COUNT_MAX, ret_error);
    if (r < 0) return r;
    plan->tasks = plan_alloc(plan, reader->row_cap, sizeof *plan->tasks);
    if (!plan->tasks) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        r = plan_parse_task(plan, &reader->table, f, ret_error);
        if (r < 0) return r;
    }
    return r;
}

static int plan_parse_duties(struct plan_reader *reader, struct error *ret_error)
{
    static const char *const columns[] = {"id",      "units",   "source",
                                          "text_zh", "text_en", "to_confirm"};
    struct plan *plan = reader->plan;
    const struct table *table = &reader->table;
    char *f[6];
    bool row = true;

    int r = plan_reader_open(reader, PLAN_PART_DUTIES, columns, 6, PLAN_ROW_COUNT_MAX, ret_error);
    if (r < 0) return r;
    plan->duties = plan_alloc(plan, reader->row_cap, sizeof *plan->duties);
    if (!plan->duties) return plan_reader_no_memory(ret_error);
    while ((r = table_next(&reader->table, f, &row, ret_error)) == 0 && row) {
        struct plan_duty *duty = &plan->duties[plan->duty_count];
        r = plan_reader_slug(table, f[0], "id", ret_error);
        if (r == 0) r = plan_reader_text(table, f[2], "source", ret_error);
        if (r == 0) r = plan_reader_text(table, f[3], "text_zh", ret_error);
        if (r < 0) return r;
        if (plan_duty_find(plan, f[0]))
            return table_refuse(table, ret_error, "职责 %.60s 重复列出", "duty %.60s appears twice",
                                f[0]);
        *duty = (struct plan_duty){.id = f[0],
                                   .source = f[2],
                                   .text_zh = f[3],
                                   .text_en = f[4],
                                   .to_confirm = f[5],
                                   .line = table->line};
        r = plan_reader_named_list(plan, table, f[1], &duty->units, &duty->unit_count, ret_error);
        if (r < 0) return r;
        plan->duty_count++;
    }
    return r;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int plan_parse_contents(struct plan_reader *reader, const struct plan_part *parts,
                               size_t count, struct error *ret_error)
{
    for (size_t i = 0; i < PLAN_PART_COUNT_MAX; i++) {
        for (size_t j = 0; j < count; j++) {
            if (strcmp(parts[j].name, plan_part_names[i]) != 0) continue;
            if (reader->given[i])
                return error_say(ret_error, E_BAD_TABLE, plan_part_names[i], "重复给出",
                                 "given twice");
            reader->contents[i] = parts[j].content;
            reader->given[i] = true;
        }
        if (!reader->given[i] && i < PLAN_PART_COUNT)
            return error_say(ret_error, E_BAD_TABLE, plan_part_names[i], "缺少此表", "missing");
    }
    return 0;
}

int plan_parse(const struct plan_part *parts, size_t count, struct plan **ret_plan,
               struct error *ret_error)
{
    struct plan_reader reader = {.plan = calloc(1, sizeof(struct plan))};

    if (!reader.plan) return plan_reader_no_memory(ret_error);
    int r = plan_parse_contents(&reader, parts, count, ret_error);
    if (r == 0) r = plan_parse_about(&reader, ret_error);
    if (r == 0) r = plan_parse_units(&reader, ret_error);
    if (r == 0) r = plan_parse_areas(&reader, ret_error);
    if (r == 0) r = plan_parse_groups(&reader, ret_error);
    if (r == 0) r = plan_parse_tasks(&reader, ret_error);
    if (r == 0) r = plan_parse_duties(&reader, ret_error);
    if (r == 0) r = plan_kinds_parse(&reader, ret_error);
    if (r == 0) r = plan_rows_parse(&reader, ret_error);
    if (r == 0 && reader.given[PLAN_PART_WAIVERS]) r = plan_waivers_parse(&reader, ret_error);
    if (r == 0 && reader.given[PLAN_PART_CLOCKS]) r = plan_clocks_parse(&reader, ret_error);
    if (r == 0 && reader.given[PLAN_PART_CALENDAR]) r = plan_calendar_parse(&reader, ret_error);
    if (r == 0 && reader.given[PLAN_PART_CHAINS]) r = plan_chains_parse(&reader, ret_error);
    if (r < 0) {
        plan_free(reader.plan);
        return r;
    }
    *ret_plan = reader.plan;
    return 0;
}
