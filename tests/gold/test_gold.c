/* The project's tables against the checked gold tables, clause by clause and kind by kind. Skipped
 * where those are absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/base/bytes.h"
#include "proto/plan/plan_inner.h"
#include "proto/plan/route.h"
#include "tests/lib/plan_files.h"

enum { COLUMN_COUNT_MAX = 12, ROW_COUNT_MAX = 256, GOLD_SKIP = 77 };

/* A gold table: '#' comments, a header row, fields that may be empty. */
struct gold {
    char *text;
    char *rows[ROW_COUNT_MAX][COLUMN_COUNT_MAX];
    size_t row_count;
};

static struct plan *plan;
static char nothing[1];

static bool gold_load(struct gold *gold, const char *folder, const char *name)
{
    char path[512];
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    memset(gold, 0, sizeof *gold);
    gold->text = plan_files_read(path, &len);
    if (!gold->text) return false;
    bool header = true;
    char *rest = gold->text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (line[0] == '\0' || line[0] == '#') continue;
        if (header) {
            header = false;
            continue;
        }
        assert_true(gold->row_count < ROW_COUNT_MAX);
        size_t column = 0;
        for (char *field; column < COLUMN_COUNT_MAX && (field = strsep(&line, "\t")); column++)
            gold->rows[gold->row_count][column] = field;
        for (; column < COLUMN_COUNT_MAX; column++) gold->rows[gold->row_count][column] = nothing;
        gold->row_count++;
    }
    return true;
}

static void gold_must_load(struct gold *gold, const char *name)
{
    if (!gold_load(gold, LEADBUS_SHARED "/gold", name)) fail_msg("no %s", name);
}

/* ---- the clauses ------------------------------------------------------------------------------
 */

/* The unit key of a name as the plan writes it. */
static const char *key_of_name(const struct gold *units, const char *name)
{
    for (size_t i = 0; i < units->row_count; i++) {
        if (strcmp(units->rows[i][1], name) == 0) return units->rows[i][0];
    }
    fail_msg("no unit is called %s", name);
    return NULL;
}

static void same_list(const char *id, const struct gold *units, char *names,
                      const struct plan_named *list, size_t count)
{
    size_t at = 0;
    for (char *name = names[0] ? names : NULL; name; at++) {
        char *next = strstr(name, "、");
        if (next) {
            *next = '\0';
            next += strlen("、");
        }
        const char *want = key_of_name(units, name);
        if (at >= count) fail_msg("%s: %s is missing", id, want);
        if (strcmp(plan_named_key(plan, list[at]), want) != 0)
            fail_msg("%s: %s in place of %s", id, plan_named_key(plan, list[at]), want);
        if (strcmp(plan_named_zh(plan, list[at]), name) != 0)
            fail_msg("%s: %s is called %s", id, want, plan_named_zh(plan, list[at]));
        name = next;
    }
    if (at != count) fail_msg("%s: %zu units instead of %zu", id, count, at);
}

static void tasks_equal_the_gold_clauses(void **unused)
{
    (void)unused;
    struct gold units;
    struct gold clauses;
    gold_must_load(&units, "units.tsv");
    gold_must_load(&clauses, "plan.tsv");
    assert_int_equal(clauses.row_count, 73);
    assert_int_equal(plan_task_count(plan), 73);
    size_t leads = 0;
    size_t coops = 0;
    for (size_t i = 0; i < clauses.row_count; i++) {
        const struct plan_task *task = plan_task(plan, i);
        assert_string_equal(task->id, clauses.rows[i][0]);
        same_list(task->id, &units, clauses.rows[i][3], task->lead, task->lead_count);
        same_list(task->id, &units, clauses.rows[i][4], task->coop, task->coop_count);
        assert_int_equal(strstr(clauses.rows[i][8], "no-coop") != NULL,
                         strstr(task->flags, "no-coop") != NULL);
        assert_int_equal(strstr(clauses.rows[i][8], "group") != NULL,
                         strstr(task->flags, "group") != NULL);
        leads += task->lead_count;
        coops += task->coop_count;
    }
    assert_int_equal(leads, 138);
    assert_int_equal(coops, 180);
    free(units.text);
    free(clauses.text);
}

static void units_equal_the_gold_directory(void **unused)
{
    (void)unused;
    struct gold units;
    struct plan_unit_set known = {{0}};
    gold_must_load(&units, "units.tsv");
    for (size_t i = 0; i < units.row_count; i++) {
        char **row = units.rows[i];
        bool street = strcmp(row[5], "street") == 0;
        bool clause = strcmp(row[6], "clause") == 0 && strcmp(row[5], "group") != 0;
        if (!street && !clause && strcmp(row[0], "joint-conference-office") != 0) continue;
        uint16_t index = plan_unit_find(plan, row[0]);
        if (index == PLAN_UNIT_NONE) fail_msg("no unit %s", row[0]);
        const struct plan_unit *unit = plan_unit(plan, index);
        if (row[1][0]) assert_string_equal(unit->name_zh, row[1]);
        /* A name that was not verified is left out until somebody confirms it, never asserted. */
        bool doubtful = row[2][0] == '\0' || row[2][strlen(row[2]) - 1] == '?';
        if (doubtful) assert_string_equal(unit->full_zh, "");
        if (unit->full_zh[0]) assert_string_equal(unit->full_zh, row[2]);
        if (strcmp(row[3], "sure") != 0) assert_true(unit->to_confirm[0] != '\0');
        if (street) assert_non_null(strstr(row[4], unit->area));
        plan_unit_set_add(&known, index);
    }
    for (uint16_t i = 0; i < plan_unit_count(plan); i++)
        if (!plan_unit_set_has(&known, i))
            fail_msg("units.tsv:%zu: %s is not in the checked directory of units",
                     plan_unit(plan, i)->line, plan_unit(plan, i)->key);
    free(units.text);
}

/* ---- the kinds --------------------------------------------------------------------------------
 */

enum { DYNAMIC_THREAD, DYNAMIC_SENDER, DYNAMIC_ANY, DYNAMIC_COUNT };
static const char *const dynamic_names[DYNAMIC_COUNT] = {"THREAD", "SENDER(ref)", "any"};

/* Units, and what depends on the thread. */
struct addressees {
    struct plan_unit_set units;
    bool dynamic[DYNAMIC_COUNT];
};

static void add_group(struct addressees *set, const char *key)
{
    const struct plan_group *group = plan_group_find(plan, key);
    assert_non_null(group);
    for (size_t i = 0; i < group->member_count; i++)
        plan_unit_set_add(&set->units, group->members[i].unit);
}

static void read_gold_set(char *field, struct addressees *set)
{
    memset(set, 0, sizeof *set);
    for (char *item; (item = strsep(&field, ","));) {
        bool dynamic = false;
        for (size_t i = 0; i < DYNAMIC_COUNT; i++) {
            if (strcmp(item, dynamic_names[i]) != 0) continue;
            set->dynamic[i] = true;
            dynamic = true;
        }
        if (dynamic || item[0] == '\0') continue;
        if (strcmp(item, "MEMBERS") == 0) add_group(set, "joint-conference-members");
        /* One street by address, the agents of an area: over all areas, every street. */
        else if (strcmp(item, "STREETS") == 0 || strcmp(item, "STREET(addr)") == 0 ||
                 strcmp(item, "AREA") == 0)
            add_group(set, "street-offices");
        else {
            uint16_t unit = plan_unit_find(plan, item);
            if (unit == PLAN_UNIT_NONE) fail_msg("no unit %s", item);
            plan_unit_set_add(&set->units, unit);
        }
    }
}

/* Whom the rows of a kind with this act may address, over all topics and areas. */
static void read_own_set(const struct plan_kind *kind, uint8_t act, uint8_t when,
                         struct addressees *set)
{
    memset(set, 0, sizeof *set);
    for (size_t i = 0; i < kind->row_count; i++) {
        const struct plan_row *row = &kind->rows[i];
        if (row->act != act || row->when != when) continue;
        if (row->source == PLAN_ROW_THREAD || row->source == PLAN_ROW_THREAD_SIGNERS ||
            row->source == PLAN_ROW_ALERTED)
            set->dynamic[DYNAMIC_THREAD] = true;
        if (row->source == PLAN_ROW_SENDER) set->dynamic[DYNAMIC_SENDER] = true;
        for (size_t j = 0; j < row->named_count; j++) {
            if (row->named[j].group)
                add_group(set, plan_named_key(plan, row->named[j]));
            else
                plan_unit_set_add(&set->units, row->named[j].index);
        }
    }
}

static struct gold deviations;
static bool deviation_used[ROW_COUNT_MAX];

/* A unit, or a member of the group that the deviation is about. */
static bool names(const char *word, const char *unit)
{
    const struct plan_group *group = plan_group_find(plan, word);
    if (!group) return strcmp(word, unit) == 0;
    for (size_t i = 0; i < group->member_count; i++) {
        if (strcmp(plan_unit(plan, group->members[i].unit)->key, unit) == 0) return true;
    }
    return false;
}

/* Looks a difference up among the deviations and marks it used. */
static void expect_deviation(const char *kind, const char *set, const char *change,
                             const char *unit)
{
    for (size_t i = 0; i < deviations.row_count; i++) {
        char **row = deviations.rows[i];
        if (strcmp(row[0], kind) == 0 && strcmp(row[1], set) == 0 && strcmp(row[2], change) == 0 &&
            names(row[3], unit)) {
            assert_true(strlen(row[4]) > 20);
            deviation_used[i] = true;
            return;
        }
    }
    fail_msg(
        "%s: %s: %s is %s in the plan, against the checked catalogue: mend the plan, or list it "
        "with the reason in tests/gold/deviations.tsv",
        kind, set, unit, change);
}

/* `stronger`: those who must sign, where copies are compared: a unit that must sign for one topic
 * and has a copy of another counts as what it is in the catalogue. */
static void compare_sets(const char *kind, const char *name, const struct addressees *own,
                         const struct addressees *gold, const struct addressees *stronger)
{
    for (size_t i = 0; i < DYNAMIC_COUNT; i++) {
        bool mine = own->dynamic[i];
        if (mine == gold->dynamic[i] || (mine && stronger && stronger->dynamic[i])) continue;
        expect_deviation(kind, name, mine ? "added" : "missing", dynamic_names[i]);
    }
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        bool mine = plan_unit_set_has(&own->units, i);
        if (mine == plan_unit_set_has(&gold->units, i)) continue;
        if (mine && stronger && plan_unit_set_has(&stronger->units, i)) continue;
        expect_deviation(kind, name, mine ? "added" : "missing", plan_unit(plan, i)->key);
    }
}

/* Whoever is added where only the sender is left. */
static void compare_origin_only(const struct plan_kind *kind, uint8_t act, const char *name,
                                const struct addressees *always)
{
    struct addressees extra;
    read_own_set(kind, act, PLAN_ROW_ORIGIN_ONLY, &extra);
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        if (plan_unit_set_has(&extra.units, i) && !plan_unit_set_has(&always->units, i))
            expect_deviation(kind->slug, name, "added", plan_unit(plan, i)->key);
    }
}

/* Who looks on where the office acts on a unit in which it sits. */
static void compare_own_host(const struct plan_kind *kind, const struct addressees *always)
{
    struct addressees extra;
    read_own_set(kind, ROUTE_COPY, PLAN_ROW_OWN_HOST, &extra);
    for (uint16_t i = 0; i < plan_unit_count(plan); i++) {
        if (plan_unit_set_has(&extra.units, i) && !plan_unit_set_has(&always->units, i))
            expect_deviation(kind->slug, "cc", "added", plan_unit(plan, i)->key);
    }
}

/* Sign beats copy: whoever must sign has no copy besides. */
static void without(struct addressees *set, const struct addressees *other)
{
    for (size_t i = 0; i < PLAN_UNIT_SET_WORDS; i++) set->units.words[i] &= ~other->units.words[i];
    if (other->dynamic[DYNAMIC_THREAD]) set->dynamic[DYNAMIC_THREAD] = false;
}

static void read_own_senders(const struct plan_kind *kind, struct addressees *set)
{
    memset(set, 0, sizeof *set);
    set->units = kind->senders.units;
    for (size_t i = 0; i < kind->senders.group_count; i++)
        add_group(set, plan_group(plan, kind->senders.groups[i])->key);
    set->dynamic[DYNAMIC_ANY] = kind->senders.any;
    set->dynamic[DYNAMIC_SENDER] = kind->senders.reference;
    if (kind->senders.any) memset(&set->units, 0, sizeof set->units);
}

static void compare_attributes(const struct plan_kind *kind, char **row)
{
    char level[8];
    struct buf tags = {0};
    struct buf receipts = {0};
    static const char letters[] = {'\0', 'd', 's', 'a', 'r', 'p', 'c'};

    assert_string_equal(kind->name_en[0] ? row[2] : "", plan_family_name(kind->family));
    assert_int_equal(row[7][1] - '0', kind->urgency);
    (void)snprintf(level, sizeof level, "C%d", kind->level);
    assert_memory_equal(level, row[8], 2);
    for (size_t i = 0; i < kind->tag_count; i++)
        buf_printf(&tags, "%s%s", i ? " " : "", kind->tags[i]);
    buf_append_u8(&tags, '\0');
    assert_string_equal((const char *)tags.data, row[8] + (row[8][2] ? 3 : 2));
    for (int act = PLAN_ACT_DELIVER; act <= PLAN_ACT_CLOSE; act++) {
        if (!plan_kind_expects(kind, (enum plan_act)act)) continue;
        if (act == PLAN_ACT_CLOSE && kind->erased) {
            expect_deviation(kind->slug, "expects", "added", "close");
            continue;
        }
        buf_printf(&receipts, "%s%c", receipts.len ? "," : "", letters[act]);
    }
    if (receipts.len == 0) buf_append_u8(&receipts, '-');
    buf_append_u8(&receipts, '\0');
    assert_string_equal((const char *)receipts.data, row[9]);
    buf_fini(&tags);
    buf_fini(&receipts);
}

/* A topic that is more pressing than its kind is a deviation with a reason. */
static void compare_topics(const struct plan_kind *kind)
{
    for (size_t i = 0; i < kind->topic_count; i++) {
        if (kind->topics[i].urgency != kind->urgency)
            expect_deviation(kind->slug, "urgency", "added", kind->topics[i].slug);
    }
}

static void kinds_equal_the_gold_catalogue(void **unused)
{
    (void)unused;
    struct gold kinds;
    size_t found = 0;
    gold_must_load(&kinds, "kinds.tsv");
    if (!gold_load(&deviations, LEADBUS_SOURCE_DIR "/tests/gold", "deviations.tsv"))
        fail_msg("no deviations.tsv");
    for (size_t i = 0; i < kinds.row_count; i++) {
        char **row = kinds.rows[i];
        struct addressees gold_to, gold_cc, own_to, own_cc, gold_from, own_from;
        const struct plan_kind *kind = plan_kind_find(plan, row[0]);
        if (!kind) {
            expect_deviation(row[0], "kind", "missing", "-");
            continue;
        }
        found++;
        compare_attributes(kind, row);
        compare_topics(kind);
        read_gold_set(row[5], &gold_to);
        read_gold_set(row[6], &gold_cc);
        read_own_set(kind, ROUTE_SIGN, PLAN_ROW_ALWAYS, &own_to);
        read_own_set(kind, ROUTE_COPY, PLAN_ROW_ALWAYS, &own_cc);
        without(&gold_cc, &gold_to);
        compare_sets(row[0], "to", &own_to, &gold_to, NULL);
        compare_sets(row[0], "cc", &own_cc, &gold_cc, &own_to);
        compare_origin_only(kind, ROUTE_SIGN, "to", &own_to);
        compare_origin_only(kind, ROUTE_COPY, "cc", &own_cc);
        compare_own_host(kind, &own_cc);
        read_gold_set(row[4], &gold_from);
        read_own_senders(kind, &own_from);
        if (gold_from.dynamic[DYNAMIC_ANY]) memset(&gold_from.units, 0, sizeof gold_from.units);
        compare_sets(row[0], "senders", &own_from, &gold_from, NULL);
    }
    for (size_t k = 0; k < plan_kind_count(plan); k++) {
        bool known = false;
        for (size_t i = 0; i < kinds.row_count; i++)
            known = known || strcmp(kinds.rows[i][0], plan_kind(plan, k)->slug) == 0;
        if (!known) expect_deviation(plan_kind(plan, k)->slug, "kind", "added", "-");
        found += !known;
    }
    assert_int_equal(found, plan_kind_count(plan));
    for (size_t i = 0; i < deviations.row_count; i++) {
        if (!deviation_used[i])
            fail_msg("stale deviation: %s %s %s %s", deviations.rows[i][0], deviations.rows[i][1],
                     deviations.rows[i][2], deviations.rows[i][3]);
    }
    free(kinds.text);
    free(deviations.text);
}

int main(void)
{
    size_t len = 0;
    char *probe = plan_files_read(LEADBUS_SHARED "/gold/plan.tsv", &len);
    if (!probe) {
        (void)printf("skipped: no gold tables under %s\n", LEADBUS_SHARED);
        return GOLD_SKIP;
    }
    free(probe);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_equal_the_gold_clauses),
        cmocka_unit_test(units_equal_the_gold_directory),
        cmocka_unit_test(kinds_equal_the_gold_catalogue),
    };
    plan = plan_files_parse();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plan_free(plan);
    return failed;
}
