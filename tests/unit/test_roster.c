/* The duty roster: what a spreadsheet may save, what is refused and where, who is on duty when, and
 * where nobody is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clients/agent/roster.h"
#include "proto/plan/day.h"

#define HEAD "from,to,rank,officer,name,contact\n"

static void parse(const char *csv, struct roster *roster)
{
    struct error error = {0};
    *roster = (struct roster){0};
    if (roster_parse(bytes_of_str(csv), roster, &error) < 0)
        fail_msg("%s: %s", error.field, error.detail);
}

/* In China Standard Time. */
static uint64_t at(const char *day, unsigned hour, unsigned minute)
{
    uint64_t ms = 0;
    assert_true(day_parse(day, &ms));
    return ms + (hour * 60 + minute) * 60000ull;
}

static void a_table_is_read_as_people_save_it(void **state)
{
    (void)state;
    static const char *const tables[] = {
        HEAD "2026-11-25 08:30,2026-11-26 08:30,duty,P-1,张三,123\n"
             "2026-11-25,2026-11-25,head,P-9,李四,\n",
        "\xef\xbb\xbf经办人代码,姓名,岗位,开始,结束,联系方式,备注\r\n"
        "P-1,张三,值班,2026/11/25 8:30,2026/11/26 8:30,123,\"一行\n两行，\"\"引号\"\"\"\r\n"
        ",,,,,,\r\n# 说明\r\n"
        "P-9,李四,负责人,2026/11/25,2026/11/25,,\r\n",
        "from,to,rank,officer,name,contact,\n"
        "\"2026-11-25T08:30:00\", 2026-11-26 08:30 ,duty,P-1,\"张三\",123,\n\n"
        "2026-11-25 00:00,2026-11-25 24:00,head,P-9,李四",
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        struct roster roster;
        parse(tables[i], &roster);
        assert_int_equal(roster.count, 2);
        const struct roster_row *head = &roster.rows[0];
        const struct roster_row *duty = &roster.rows[1];
        assert_int_equal(head->rank, LEADBUS_RANK_HEAD);
        assert_int_equal(head->from_ms, at("2026-11-25", 0, 0));
        assert_int_equal(head->until_ms, at("2026-11-26", 0, 0));
        assert_string_equal(head->officer, "P-9");
        assert_string_equal(head->contact, "");
        assert_int_equal(duty->rank, LEADBUS_RANK_DUTY);
        assert_int_equal(duty->from_ms, at("2026-11-25", 8, 30));
        assert_int_equal(duty->until_ms, at("2026-11-26", 8, 30));
        assert_string_equal(duty->officer, "P-1");
        assert_string_equal(duty->name, "张三");
        assert_string_equal(duty->contact, "123");
        roster_fini(&roster);
    }
    struct roster roster;
    parse(HEAD, &roster); /* nobody yet */
    assert_int_equal(roster.count, 0);
    roster_fini(&roster);
}

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *csv, *field, *zh;
    } rows[] = {
        {"", "1", "空文件"},
        {"from,to,rank\n", "1.officer", "经办人代码"},
        {"from,to,rank,officer,nmae\n", "1", "nmae"},
        {"from,to,rank,officer,开始\n", "1.from", "两次"},
        {"\xbf\xaa\xca\xbc,to,rank,officer\n", "1", "UTF-8"}, /* as older spreadsheets save it */
        {HEAD "2026-02-30,2026-03-01,duty,A,,\n", "2.from", "日期"},
        {HEAD "2026-11-25 24:01,2026-11-26,duty,A,,\n", "2.from", "日期"},
        {HEAD "2026-11-25 08:60,2026-11-26,duty,A,,\n", "2.from", "日期"},
        {HEAD "2026-11-25 08:30:30,2026-11-26,duty,A,,\n", "2.from", "日期"},
        {HEAD "2026-11-25,tomorrow,duty,A,,\n", "2.to", "日期"},
        {HEAD "2026-11-25 08:30,2026-11-25 08:30,duty,A,,\n", "2.to", "之后"},
        {HEAD "\n2026-11-25,2026-11-26,boss,A,,\n", "3.rank", "副班"},
        {HEAD "2026-11-25,2026-11-26,duty,,,\n", "2.officer", "ASCII"},
        {HEAD "2026-11-25,2026-11-26,duty,A B,,\n", "2.officer", "ASCII"},
        {HEAD "2026-11-25,2026-11-26,duty,张三,,\n", "2.officer", "ASCII"},
        {HEAD "2026-11-25,2026-11-26,duty,A,\"two\nlines\",\n", "2.name", "一行"},
        {HEAD "2026-11-25,2026-11-26,duty,A,\xff,\n", "2.name", "UTF-8"},
        {HEAD "2026-11-25,2026-11-26,duty,A,x,\x1b[31m\n", "2.contact", "一行"},
        {HEAD "2026-11-25,2026-11-26,duty,A,\"x", "2", "引号"},
        {HEAD "2026-11-25,2026-11-26,duty,A,\"x\"y,\n", "2", "引号"},
        {HEAD "2026-11-25\n", "2.to", "日期"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct roster roster = {0};
        struct error error = {0};
        assert_int_equal(roster_parse(bytes_of_str(rows[i].csv), &roster, &error), E_BAD_TABLE);
        if (strcmp(error.field, rows[i].field) != 0 || !strstr(error.detail_zh, rows[i].zh) ||
            !error.detail[0])
            fail_msg("%zu: %s: %s / %s", i, error.field, error.detail, error.detail_zh);
        assert_null(roster.rows);
    }
    struct roster roster = {0};
    static const uint8_t zip[] = {'P', 'K', 3, 4, 0, 0, 20};
    assert_int_equal(roster_parse(bytes_of(zip, sizeof zip), &roster, NULL), E_BAD_TABLE);
}

static void bounds_hold(void **state)
{
    (void)state;
    struct buf csv = {0};
    struct roster roster = {0};
    struct error error = {0};
    buf_append_str(&csv, "from,to,rank,officer\n");
    for (int i = 0; i < ROSTER_ROW_COUNT_MAX; i++)
        buf_append_str(&csv, "2026-11-25,2026-11-26,duty,A\n");
    assert_int_equal(roster_parse(buf_bytes(&csv), &roster, &error), 0);
    assert_int_equal(roster.count, ROSTER_ROW_COUNT_MAX);
    const struct roster_row *rows[ROSTER_TOGETHER_MAX];
    assert_int_equal(
        roster_at(&roster, LEADBUS_RANK_DUTY, at("2026-11-25", 1, 0), rows, ROSTER_TOGETHER_MAX),
        ROSTER_TOGETHER_MAX);
    roster_fini(&roster);
    buf_append_str(&csv, "2026-11-25,2026-11-26,duty,A\n");
    assert_int_equal(roster_parse(buf_bytes(&csv), &roster, &error), E_TOO_LARGE);
    buf_fini(&csv);
    buf_append_str(&csv, "from,to,rank,officer,note\n2026-11-25,2026-11-26,duty,A,");
    for (int i = 0; i < 600; i++) buf_append_str(&csv, "x");
    assert_int_equal(roster_parse(buf_bytes(&csv), &roster, &error), E_BAD_TABLE);
    buf_fini(&csv);
    for (int i = 0; i < 40; i++) buf_append_str(&csv, ",");
    assert_int_equal(roster_parse(buf_bytes(&csv), &roster, &error), E_BAD_TABLE);
    buf_fini(&csv);
    for (int i = 0; i <= ROSTER_BYTES_MAX; i++) buf_append_str(&csv, "\n");
    assert_int_equal(roster_parse(buf_bytes(&csv), &roster, &error), E_TOO_LARGE);
    buf_fini(&csv);
}

static void who_is_on_duty_and_where_nobody_is(void **state)
{
    (void)state;
    struct roster roster;
    const struct roster_row *rows[ROSTER_TOGETHER_MAX];
    uint64_t from_ms = 0;
    uint64_t until_ms = 0;
    parse(HEAD "2026-11-25 08:00,2026-11-26 08:00,duty,A,,\n"
               "2026-11-25 20:00,2026-11-27 08:00,duty,B,,\n"
               "2026-11-28 08:00,2026-11-29 08:00,duty,C,,\n"
               "2026-11-25 08:00,2026-12-25 08:00,deputy,D,,\n",
          &roster);
    assert_int_equal(roster_at(&roster, LEADBUS_RANK_DUTY, at("2026-11-25", 7, 59), rows, 8), 0);
    assert_int_equal(roster_at(&roster, LEADBUS_RANK_DUTY, at("2026-11-25", 8, 0), rows, 8), 1);
    assert_string_equal(rows[0]->officer, "A");
    assert_int_equal(roster_at(&roster, LEADBUS_RANK_DUTY, at("2026-11-25", 21, 0), rows, 8), 2);
    assert_int_equal(roster_at(&roster, LEADBUS_RANK_DUTY, at("2026-11-26", 8, 0), rows, 8), 1);
    assert_string_equal(rows[0]->officer, "B");
    assert_string_equal(roster_next(&roster, LEADBUS_RANK_DUTY, at("2026-11-26", 8, 0))->officer,
                        "C");
    assert_null(roster_next(&roster, LEADBUS_RANK_DUTY, at("2026-11-28", 8, 0)));

    /* a week ahead: the first hole, and when it ends */
    uint64_t now = at("2026-11-25", 9, 0);
    uint64_t week = now + 7ull * 24 * 3600000;
    assert_true(roster_gap(&roster, LEADBUS_RANK_DUTY, now, week, &from_ms, &until_ms));
    assert_int_equal(from_ms, at("2026-11-27", 8, 0));
    assert_int_equal(until_ms, at("2026-11-28", 8, 0));
    assert_false(
        roster_gap(&roster, LEADBUS_RANK_DUTY, now, at("2026-11-27", 8, 0), &from_ms, &until_ms));
    assert_true(roster_gap(&roster, LEADBUS_RANK_DUTY, at("2026-11-28", 9, 0),
                           at("2026-12-05", 9, 0), &from_ms, &until_ms));
    assert_int_equal(from_ms, at("2026-11-29", 8, 0));
    assert_int_equal(until_ms, 0); /* nobody follows */
    assert_false(roster_gap(&roster, LEADBUS_RANK_DEPUTY, now, week, &from_ms, &until_ms));
    assert_false(roster_gap(&roster, LEADBUS_RANK_HEAD, now, week, &from_ms, &until_ms));
    roster_fini(&roster);
    assert_true(roster_gap(&roster, LEADBUS_RANK_DUTY, now, week, &from_ms, &until_ms));
    assert_int_equal(from_ms, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_read_as_people_save_it),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(bounds_hold),
        cmocka_unit_test(who_is_on_duty_and_where_nobody_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
