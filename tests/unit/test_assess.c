/* Assessment: figures over legs, counted by hand, and from the core's own legs. */
#include "proto/plan/assess_form.h"
#include "tests/mission/scene.h"

#define SECOND_MS 1000ull
enum { START_S = 1700000000 };

static struct assess_leg leg(const char *unit, const char *clause, const char *kind,
                             uint32_t since_s)
{
    return (struct assess_leg){
        .unit = unit, .clause = clause, .kind = kind, .since_ms = since_s * SECOND_MS};
}

static void rows_count_what_the_clocks_say(void **state)
{
    (void)state;
    struct assess *assess = assess_new(ASSESS_BY_UNIT | ASSESS_BY_KIND, START_S * SECOND_MS,
                                       (START_S + 1000) * SECOND_MS);
    const struct assess_row *rows;
    for (uint32_t i = 0; i < 4; i++) {
        struct assess_leg one = leg("b", "2.1", "k", START_S + i);
        one.clocks.at_s[PLAN_CLOCK_SIGN] = START_S + i + 10 * (i + 1); /* 10, 20, 30, 40 s */
        one.clocks.ended_s = START_S + 900;
        one.clocks.ended_by = i == 3 ? PLAN_ACT_RETURN : PLAN_ACT_CLOSE;
        if (i > 1) one.clocks.missed = 1u << PLAN_CLOCK_SIGN;
        if (i == 2) one.clocks.missed |= 1u << PLAN_CLOCK_CLOSE;
        assess_add(assess, &one);
    }
    struct assess_leg open = leg("a", "2.2", "k", START_S);
    open.clocks.missed = 1u << PLAN_CLOCK_DELIVER;
    open.clocks.due_s[PLAN_CLOCK_SIGN] = START_S + 600;
    open.clocks.extended = true;
    assess_add(assess, &open);
    struct assess_leg before = leg("a", "2.2", "k", START_S - 1);
    struct assess_leg after = leg("a", "2.2", "k", START_S + 1000);
    assess_add(assess, &before);
    assess_add(assess, &after);
    assert_int_equal(assess_rows(assess, &rows), 2);
    assert_string_equal(rows[0].unit, "a");
    assert_string_equal(rows[0].clause, "");
    assert_int_equal(rows[0].received, 1);
    assert_int_equal(rows[0].open, 1);
    assert_int_equal(rows[0].open_overdue, 1);
    assert_int_equal(rows[0].extended, 1);
    assert_int_equal(rows[0].to_sign.count, 0);
    assert_int_equal(rows[1].received, 4);
    assert_int_equal(rows[1].signed_for, 4);
    assert_int_equal(rows[1].signed_in_time, 2);
    assert_int_equal(rows[1].overdue, 2);
    assert_int_equal(rows[1].missed[PLAN_CLOCK_SIGN], 2);
    assert_int_equal(rows[1].missed[PLAN_CLOCK_CLOSE], 1);
    assert_int_equal(rows[1].closed, 3);
    assert_int_equal(rows[1].returned, 1);
    assert_int_equal(rows[1].open, 0);
    assert_int_equal(rows[1].to_sign.count, 4);
    assert_int_equal(rows[1].to_sign.median_s, 20); /* the lower one of the two in the middle */
    assert_int_equal(rows[1].to_sign.worst_s, 40);
    assess_free(assess);
}

static void rows_are_split_as_asked(void **state)
{
    (void)state;
    static const struct {
        unsigned by;
        size_t rows;
    } cases[] = {{0, 1},
                 {ASSESS_BY_UNIT, 2},
                 {ASSESS_BY_CLAUSE, 3},
                 {ASSESS_BY_KIND, 2},
                 {ASSESS_BY_UNIT | ASSESS_BY_CLAUSE | ASSESS_BY_KIND, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct assess_leg legs[] = {
            leg("b", "2.1", "k", START_S), leg("a", "2.1", "k", START_S),
            leg("a", "2.2", "l", START_S), leg("a", "", "l", START_S), leg("b", "2.1", "k", 5)};
        struct assess *assess = assess_new(cases[i].by, 0, UINT64_MAX);
        const struct assess_row *rows;
        uint64_t received = 0;
        for (size_t k = 0; k < sizeof legs / sizeof *legs; k++) assess_add(assess, &legs[k]);
        size_t count = assess_rows(assess, &rows);
        assert_int_equal(count, cases[i].rows);
        for (size_t k = 0; k < count; k++) received += rows[k].received;
        assert_int_equal(received, 5);
        assess_free(assess);
    }
    struct assess *none = assess_new(ASSESS_BY_UNIT, 0, UINT64_MAX);
    const struct assess_row *rows;
    assert_int_equal(assess_rows(none, &rows), 0);
    assess_free(none);
}

/* One form for the audit and for a unit: what is printed of a row is this, to the letter. */
static void forms_say_the_same_row(void **state)
{
    (void)state;
    struct assess_row row = {.unit = "police-hedong", .clause = "2.1.1", .kind = "lead.online"};
    struct buf text = {0};
    for (size_t i = 0; i < ASSESS_COUNTS; i++) {
        assess_count_set(&row, i, i + 1);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(assess_count_name(i), assess_count_name(k));
        assert_true(assess_count_text(i, LANG_ZH)[0] && assess_count_text(i, LANG_EN)[0]);
    }
    for (size_t i = 0; i < ASSESS_COUNTS; i++) assert_int_equal(assess_count(&row, i), i + 1);
    assert_int_equal(row.received, 1);
    assert_int_equal(row.missed[PLAN_CLOCK_CLOSE], 9);
    assert_int_equal(row.extended, 16);
    assess_times_set(&row, 0, (struct assess_times){.count = 4, .median_s = 60, .worst_s = 90000});
    assess_times_set(&row, 2, (struct assess_times){.count = 5, .median_s = 1, .worst_s = 2});
    assert_int_equal(row.to_sign.median_s, 60);
    assess_csv(&row, false, &text);
    buf_append_u8(&text, 0);
    assert_string_equal((char *)text.data,
                        "police-hedong,2.1.1,lead.online,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,60,"
                        "90000,,,1,2\n");
    buf_reset(&text);
    assess_csv(&row, true, &text); /* few hide in "<5", and so do their times */
    buf_append_u8(&text, 0);
    assert_string_equal((char *)text.data,
                        "police-hedong,2.1.1,lead.online,<5,<5,<5,<5,5,6,7,8,9,10,11,12,13,14,15,"
                        "16,,,,,1,2\n");
    buf_reset(&text);
    assess_json(&row, ASSESS_BY_CLAUSE, true, &text);
    buf_append_u8(&text, 0);
    const char *json = (const char *)text.data;
    assert_ptr_equal(strstr(json, "{\"task\":\"2.1.1\",\"received_count\":\"<5\","), json);
    assert_non_null(strstr(json, "\"missed_deliver_count\":5,"));
    assert_non_null(strstr(json, "\"sign_median_s\":null,\"sign_worst_s\":null,"));
    assert_non_null(strstr(json, "\"close_median_s\":1,\"close_worst_s\":2}"));
    buf_reset(&text);
    assess_words(&row, false, LANG_ZH, &text);
    buf_append_u8(&text, 0);
    assert_non_null(strstr((char *)text.data, "收到 1，签收 2（按时 3），超期 4，退回 10"));
    assert_non_null(strstr((char *)text.data, "签收用时：中位 00:01:00，最长 1天01:00"));
    assert_null(strstr((char *)text.data, "受理用时"));
    buf_fini(&text);
}

static void what_rows_are_split_by_is_read_to_its_end(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", ",", "units", "unit;task", ",task", "task,,kind"};
    unsigned by = 77;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(assess_by_parse(wrong[i], &by, NULL), E_BAD_VALUE);
    assert_int_equal(by, 77);
    assert_int_equal(assess_by_parse("kind,unit", &by, NULL), 0);
    assert_int_equal(by, ASSESS_BY_KIND | ASSESS_BY_UNIT);
}

/* ---- from the core ------------------------------------------------------------------------------
 */

static void add_leg(void *ctx, const struct core_leg *one)
{
    const struct assess_leg added = {one->unit, one->kind, one->clause, one->since_ms, one->clocks};
    assess_add(ctx, &added);
}

static void a_late_unit_is_told_apart_from_one_in_time(void **state)
{
    struct scene *scene = *state;
    const char police[] = "police-hedong";
    const uint64_t minute_ms = 60 * SECOND_MS;
    uint64_t begin_ms = scene->district->now_ms;
    struct district_letter *first = scene_send(scene, "lead.public-tip", "", "education", NULL);
    scene->district->now_ms += 5 * minute_ms;
    scene_acknowledge(scene, police, ENVELOPE_LANE_NORMAL);
    (void)scene_send(scene, "receipt.signed", "", police, first);
    (void)scene_send(scene, "receipt.accepted", "", police, first);
    (void)scene_send(scene, "receipt.closed", "unfounded", police, first);
    struct district_letter *second = scene_send(scene, "lead.public-tip", "", "health", NULL);
    scene->district->now_ms += 20 * DISTRICT_DAY_MS;
    (void)scene_tick(scene);
    (void)scene_send(scene, "receipt.signed", "", police, second);
    struct assess *assess =
        assess_new(ASSESS_BY_UNIT | ASSESS_BY_KIND | ASSESS_BY_CLAUSE, begin_ms, UINT64_MAX);
    const struct assess_row *rows;
    core_legs(scene->core, begin_ms, UINT64_MAX, add_leg, assess);
    size_t count = assess_rows(assess, &rows), found = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].unit, police) != 0) continue;
        found++;
        assert_string_equal(rows[i].kind, "lead.public-tip");
        assert_true(rows[i].clause[0] != 0);
        assert_int_equal(rows[i].received, 2);
        assert_int_equal(rows[i].signed_for, 2);
        assert_int_equal(rows[i].signed_in_time, 1);
        assert_int_equal(rows[i].overdue, 1);
        assert_int_equal(rows[i].closed, 1);
        assert_int_equal(rows[i].open_overdue, 1);
        assert_int_equal(rows[i].to_sign.worst_s, 20 * 86400);
        assert_int_equal(rows[i].to_close.median_s, 300);
    }
    assert_int_equal(found, 1);
    assess_free(assess);
    /* Nothing of it began later. */
    assess = assess_new(ASSESS_BY_UNIT, scene->district->now_ms + 1, UINT64_MAX);
    core_legs(scene->core, scene->district->now_ms + 1, UINT64_MAX, add_leg, assess);
    assert_int_equal(assess_rows(assess, &rows), 0);
    assess_free(assess);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_count_what_the_clocks_say),
        cmocka_unit_test(rows_are_split_as_asked),
        cmocka_unit_test(forms_say_the_same_row),
        cmocka_unit_test(what_rows_are_split_by_is_read_to_its_end),
        scene_test(a_late_unit_is_told_apart_from_one_in_time),
    };
    return cmocka_run_group_tests_name("unit.assess", tests, NULL, NULL);
}
