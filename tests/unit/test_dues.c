/* What a unit owes and before when: the index of its legs, terms that were not kept in their place
 * on a thread, and moments in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/cli/due.h"
#include "clients/lib/box_inner.h"
#include "clients/lib/client.h"
#include "clients/lib/engine_inner.h"
#include "tests/unit/fake_broker.h"

enum { MINUTE_MS = 60000, FOUND_MAX = 16 };

static struct fake_unit *school, *police;
static uint64_t now_ms;

static uint64_t test_now(void *ctx)
{
    (void)ctx;
    return now_ms;
}

static int setup(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    school = fake_add(&fake, "education");
    police = fake_add(&fake, "police-hedong");
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    now_ms = fake.district->now_ms;
    *state = &fake;
    return 0;
}

static int teardown(void **state)
{
    fake_fini(*state);
    return 0;
}

static void pass(struct fake *fake, uint64_t ms)
{
    fake->district->now_ms += ms;
    now_ms = fake->district->now_ms;
}

static void send(struct fake *fake, const char *kind, const char *topic, uint8_t ret_id[16])
{
    static const struct seal_section report[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                                 {"full", {(const uint8_t *)"what", 4}}};
    static const struct seal_section question = {"full", {(const uint8_t *)"who", 3}};
    bool lead = strncmp(kind, "lead.", 5) == 0;
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = "",
                                 .officer = "",
                                 .purpose = "",
                                 .sections = lead ? report : &question,
                                 .section_count = lead ? 2 : 1};
    assert_int_equal(engine_stage(school->engine, fake_moment(fake), &draft, ret_id, NULL), 0);
    fake_run(fake);
}

static void act(struct fake *fake, const char *kind, const char *topic, const uint8_t parent[16],
                uint8_t ret_id[16])
{
    struct seal_section section = {"receipt", {(const uint8_t *)"ok", 2}};
    struct error error = {0};
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = "",
                                 .officer = "P-1",
                                 .purpose = "",
                                 .parent = parent,
                                 .sections = &section,
                                 .section_count = 1};
    if (engine_stage(police->engine, fake_moment(fake), &draft, ret_id, &error) < 0)
        fail_msg("%s: %s %s", kind, error.field, error.detail);
    fake_run(fake);
}

static struct leadbus handle_of(struct fake_unit *unit)
{
    return (struct leadbus){.engine = unit->engine,
                            .box = unit->box,
                            .keyring = unit->keyring,
                            .options = {.now_ms = test_now}};
}

struct found {
    size_t count;
    struct {
        uint8_t id[16];
        uint64_t due_ms;
        char due[16];
        int overdue;
    } items[FOUND_MAX];
};

static int find(void *ctx, const struct leadbus_item *item)
{
    struct found *found = ctx;
    assert_true(found->count < FOUND_MAX);
    memcpy(found->items[found->count].id, item->id, 16);
    (void)snprintf(found->items[found->count].due, 16, "%s", item->due);
    found->items[found->count].overdue = item->overdue;
    found->items[found->count++].due_ms = item->due_ms;
    return 0;
}

static struct found due_of(struct fake_unit *unit, const struct leadbus_due_place *after,
                           size_t limit)
{
    struct found found = {0};
    struct leadbus lb = handle_of(unit);
    assert_int_equal(leadbus_inbox_due(&lb, after, limit, find, &found, NULL), 0);
    return found;
}

/* ---- the index ----------------------------------------------------------------------------------
 */

static void what_is_due_first_is_on_top(void **state)
{
    struct fake *fake = *state;
    uint8_t calm[16], first[16], second[16], own[16];
    uint64_t begun_ms = fake->district->now_ms;
    send(fake, "notice.verify", "staff-vetting", calm); /* a working day and more */
    send(fake, "lead.mandatory-report", "", first);     /* ten minutes */
    pass(fake, MINUTE_MS);
    send(fake, "lead.mandatory-report", "", second);
    struct found found = due_of(police, NULL, 10);
    assert_int_equal(found.count, 3);
    assert_memory_equal(found.items[0].id, first, 16);
    assert_memory_equal(found.items[1].id, second, 16);
    assert_memory_equal(found.items[2].id, calm, 16);
    assert_int_equal(found.items[0].due_ms, begun_ms + 10 * MINUTE_MS);
    assert_string_equal(found.items[0].due, "sign");
    assert_false(found.items[0].overdue);
    assert_int_equal(due_of(school, NULL, 10).count, 0); /* who sent it owes nothing */

    /* signed for, the first has an hour until it is accepted */
    act(fake, "receipt.signed", "", first, own);
    found = due_of(police, NULL, 10);
    assert_memory_equal(found.items[0].id, second, 16);
    assert_memory_equal(found.items[1].id, first, 16);
    assert_string_equal(found.items[1].due, "accept");

    pass(fake, (uint64_t)10 * MINUTE_MS);
    found = due_of(police, NULL, 10);
    assert_true(found.items[0].overdue);
    assert_false(found.items[1].overdue);

    /* page by page it is the same list, each once */
    struct leadbus_due_place place = {0};
    for (size_t i = 0; i < 4; i++) {
        struct found one = due_of(police, i ? &place : NULL, 1);
        assert_int_equal(one.count, i < 3);
        if (i == 3) break;
        assert_memory_equal(one.items[0].id, found.items[i].id, 16);
        place.due_ms = one.items[0].due_ms;
        memcpy(place.thread, one.items[0].id, 16); /* each opened its thread */
        memcpy(place.id, one.items[0].id, 16);
    }

    act(fake, "receipt.signed", "", second, own);
    act(fake, "receipt.accepted", "", second, own);
    act(fake, "receipt.closed", "unfounded", second, own);
    found = due_of(police, NULL, 10);
    assert_int_equal(found.count, 2);
    assert_memory_equal(found.items[0].id, first, 16);
}

static void what_is_closed_or_refused_is_owed_no_more_or_again(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], own[16];
    struct box_out row;
    send(fake, "notice.verify", "staff-vetting", id);
    fake->refuse_code = (uint32_t)-E_LIFECYCLE_ORDER;
    uint64_t before_ms = due_of(police, NULL, 1).items[0].due_ms;
    act(fake, "receipt.signed", "", id, own); /* the broker does not take it */
    assert_int_equal(box_out_find(police->box, own, &row, NULL), 0);
    assert_int_equal(row.state, BOX_OUT_REFUSED);
    struct found found = due_of(police, NULL, 10);
    assert_int_equal(found.count, 1);
    assert_string_equal(found.items[0].due, "sign");
    assert_int_equal(found.items[0].due_ms, before_ms);
    act(fake, "receipt.signed", "", id, own);
    act(fake, "receipt.closed", "confirmed", id, own);
    assert_int_equal(due_of(police, NULL, 10).count, 0);
}

static void must_do(struct box *box, const char *sql)
{
    if (sqlite3_exec(box->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(box->db));
}

/* A store from before has threads and no index. */
static void an_older_store_is_listed_once(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], other[16], own[16];
    send(fake, "notice.verify", "staff-vetting", id);
    send(fake, "lead.mandatory-report", "", other);
    act(fake, "receipt.signed", "", id, own);
    struct found before = due_of(police, NULL, 10);
    assert_int_equal(before.count, 2);
    assert_int_equal(box_commit(police->box, NULL), 0);
    must_do(police->box, "DELETE FROM leg; DELETE FROM value WHERE name='legs'");
    assert_int_equal(due_of(police, NULL, 10).count, 0);
    assert_int_equal(engine_legs_load(police->engine, fake_moment(fake), NULL), 0);
    struct found after = due_of(police, NULL, 10);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(box_commit(police->box, NULL), 0);
    must_do(police->box, "DELETE FROM leg"); /* and then no more: saving keeps it */
    assert_int_equal(engine_legs_load(police->engine, fake_moment(fake), NULL), 0);
    assert_int_equal(due_of(police, NULL, 10).count, 0);
}

/* However many threads there are, a page reads its own rows: an index gives them in their order. */
static void a_page_walks_an_index(void **state)
{
    (void)state;
    struct box *box = NULL;
    sqlite3_stmt *statement = NULL;
    char text[512] = "";
    assert_int_equal(box_open(":memory:", &box, NULL), 0);
    assert_int_equal(
        sqlite3_prepare_v2(
            box->db,
            "EXPLAIN QUERY PLAN SELECT thread,message,due_ms FROM leg WHERE "
            "(due_ms,thread,message)>(?1,?2,?3) ORDER BY due_ms,thread,message LIMIT 5",
            -1, &statement, NULL),
        SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof text - len, "%s;", sqlite3_column_text(statement, 3));
    }
    (void)sqlite3_finalize(statement);
    if (!strstr(text, "SEARCH") || !strstr(text, "leg_due") || strstr(text, "SORT") ||
        strstr(text, "SCAN"))
        fail_msg("%s", text);
    box_close(box);
}

/* ---- on a thread --------------------------------------------------------------------------------
 */

/* The bus tells a unit of terms that it did not keep, of as many threads as there are. */
static void tell_missed(struct fake *fake, struct fake_unit *unit, uint8_t threads[][16],
                        size_t count, uint64_t due_ms)
{
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Missed missed[4];
    Leadbus__Missed *list[4];
    struct buf bytes = {0};
    assert_true(count <= 4);
    for (size_t i = 0; i < count; i++) {
        leadbus__missed__init(&missed[i]);
        missed[i].index = i;
        missed[i].thread = fake_binary(threads[i], 16);
        missed[i].clock = 1 + PLAN_CLOCK_SIGN;
        missed[i].due_ms = due_ms;
        list[i] = &missed[i];
    }
    tick.unit = unit->keyring.unit;
    tick.n_missed = count;
    tick.missed = list;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = fake->district->now_ms;
    record.what_case = LEADBUS__RECORD__WHAT_TICK;
    record.tick = &tick;
    assert_int_equal(record_encode(&record, &bytes, NULL), 0);
    fake_notice(fake, unit, fake_append(fake, buf_bytes(&bytes)), buf_bytes(&bytes));
    fake_run(fake);
    buf_fini(&bytes);
}

static void missed_terms_and_late_acts_stand_in_their_place(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[2][16], own[16];
    leadbus_thread *thread = NULL;
    leadbus_message *message = NULL;
    send(fake, "lead.mandatory-report", "", ids[0]);
    send(fake, "lead.mandatory-report", "", ids[1]);
    uint64_t due_ms = due_of(police, NULL, 1).items[0].due_ms;
    pass(fake, (uint64_t)11 * MINUTE_MS);
    tell_missed(fake, police, ids, 2, due_ms);
    act(fake, "receipt.signed", "", ids[1], own);
    act(fake, "receipt.accepted", "", ids[1], own);
    struct leadbus lb = handle_of(police);
    assert_int_equal(leadbus_thread_get(&lb, ids[1], &thread, NULL), 0);
    assert_int_equal(leadbus_thread_item_count(thread), 4);
    const struct leadbus_item *item = leadbus_thread_item(thread, 1);
    assert_int_equal(item->notice, LEADBUS_NOTICE_OVERDUE);
    assert_string_equal(item->from, "police-hedong");
    assert_int_equal(item->missed_count, 1); /* the other one is of the other thread */
    assert_memory_equal(item->missed[0].thread, ids[1], 16);
    assert_string_equal(item->missed[0].term, "sign");
    assert_int_equal(item->missed[0].due_ms, due_ms);
    assert_string_equal(leadbus_thread_item(thread, 0)->late, "");
    assert_string_equal(leadbus_thread_item(thread, 2)->late, "sign");
    assert_string_equal(leadbus_thread_item(thread, 2)->late_zh, "签收");
    assert_string_equal(leadbus_thread_item(thread, 3)->late, "");
    assert_int_equal(leadbus_thread_leg(thread, 0)->missed, 1);
    leadbus_thread_free(thread);

    /* in the inbox it is one notice of both; 1 and 2 are the reports */
    assert_int_equal(leadbus_inbox_get(&lb, 3, &message, NULL), 0);
    assert_int_equal(leadbus_message_item(message)->missed_count, 2);
    leadbus_message_free(message);

    /* who gets the act sees that it was late */
    lb = handle_of(school);
    assert_int_equal(leadbus_thread_get(&lb, ids[1], &thread, NULL), 0);
    assert_int_equal(leadbus_thread_item_count(thread), 3);
    assert_string_equal(leadbus_thread_item(thread, 1)->late, "sign");
    leadbus_thread_free(thread);
}

/* ---- who inside the unit is told ----------------------------------------------------------------
 */

static bool rung_of(struct leadbus *lb, struct leadbus_rung *ret)
{
    *ret = (struct leadbus_rung){.size = sizeof *ret};
    return leadbus_rung_next(lb, ret, NULL) == 0;
}

static const struct leadbus_told *told_of(struct leadbus *lb, const uint8_t id[16])
{
    static struct leadbus_item item;
    leadbus_message *message = NULL;
    assert_int_equal(leadbus_message_get(lb, id, &message, NULL), 0);
    item = *leadbus_message_item(message);
    leadbus_message_free(message);
    return item.told;
}

static void each_rank_is_told_once_in_its_time(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct leadbus_rung rung;
    uint64_t begun_ms = fake->district->now_ms;
    struct leadbus lb = handle_of(police);
    assert_false(rung_of(&lb, &rung));
    send(fake, "lead.mandatory-report", "", id); /* ten minutes to sign */
    for (int rank = 0; rank < LEADBUS_RANK_COUNT; rank++) {
        static const uint64_t after_ms[] = {0, 5 * MINUTE_MS, 7 * MINUTE_MS + MINUTE_MS / 2};
        assert_true(rung_of(&lb, &rung));
        assert_memory_equal(rung.id, id, 16);
        assert_string_equal(rung.kind, "lead.mandatory-report");
        assert_int_equal(rung.rank, rank);
        assert_int_equal(rung.at_ms, begun_ms + after_ms[rank]);
        assert_int_equal(told_of(&lb, id)[rank].at_ms, 0);
        pass(fake, rung.at_ms - fake->district->now_ms);
        assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
        /* killed here, it is not said to have been told */
        assert_int_equal(told_of(&lb, id)[rank].at_ms, fake->district->now_ms);
        assert_int_equal(told_of(&lb, id)[rank].result, LEADBUS_RUNG_OPEN);
        assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), E_BAD_VALUE);
        assert_int_equal(leadbus_rung_end(&lb, &rung, LEADBUS_RUNG_TOLD, NULL), 0);
        assert_int_equal(told_of(&lb, id)[rank].result, LEADBUS_RUNG_TOLD);
    }
    assert_false(rung_of(&lb, &rung)); /* the office is the bus's to tell */
    assert_int_equal(told_of(&lb, id)[0].at_ms, begun_ms);
    struct leadbus sender = handle_of(school);
    assert_false(rung_of(&sender, &rung)); /* has nothing to sign for */
}

/* Killed in the middle of a step, it is done once more, and marked; not a third time, and not where
 * the message is signed for by then. */
static void what_was_begun_is_done_once_more(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], own[16];
    struct leadbus_rung rung;
    uint64_t count;
    struct leadbus lb = handle_of(police);
    send(fake, "lead.mandatory-report", "", id);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.again, 0);
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    assert_int_equal(leadbus_rung_resume(&lb, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_DUTY);
    assert_int_equal(rung.again, 1);
    assert_true(rung.at_ms <= fake->district->now_ms);
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    assert_int_equal(told_of(&lb, id)[0].result, LEADBUS_RUNG_AGAIN);
    assert_int_equal(leadbus_rung_resume(&lb, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(leadbus_rung_end(&lb, &rung, LEADBUS_RUNG_TOLD, NULL), 0);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_DEPUTY); /* in its own time */
    assert_int_equal(rung.again, 0);
    assert_int_equal(rung.at_ms, fake->district->now_ms + 5 * MINUTE_MS);
    pass(fake, 5 * MINUTE_MS);
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    act(fake, "receipt.signed", "", id, own);
    assert_int_equal(leadbus_rung_resume(&lb, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_false(rung_of(&lb, &rung));
}

static void what_is_owed_is_counted(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[2][16], own[16];
    struct leadbus lb = handle_of(police);
    struct leadbus_stats stats = {.size = sizeof stats};
    for (int i = 0; i < 2; i++) send(fake, "lead.mandatory-report", "", ids[i]);
    leadbus_stats(&lb, &stats);
    assert_int_equal(stats.owed, 2);
    assert_int_equal(stats.overdue, 0);
    act(fake, "receipt.signed", "", ids[0], own);
    pass(fake, 10 * MINUTE_MS);
    leadbus_stats(&lb, &stats);
    assert_int_equal(stats.owed, 2);
    assert_int_equal(stats.overdue, 1);
}

static void who_has_signed_is_not_pressed_further(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], own[16];
    struct leadbus_rung rung;
    struct leadbus lb = handle_of(police);
    send(fake, "lead.mandatory-report", "", id);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    assert_int_equal(leadbus_rung_end(&lb, &rung, LEADBUS_RUNG_FAILED, NULL), 0);
    /* an act that is refused leaves it waiting, and who was told is not told again */
    fake->refuse_code = (uint32_t)-E_LIFECYCLE_ORDER;
    act(fake, "receipt.signed", "", id, own);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_DEPUTY);
    assert_int_equal(told_of(&lb, id)[0].result, LEADBUS_RUNG_FAILED);
    act(fake, "receipt.signed", "", id, own);
    assert_false(rung_of(&lb, &rung));
}

static void where_nobody_is_there_the_next_follows_at_once(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct leadbus_rung rung;
    struct leadbus lb = handle_of(police);
    send(fake, "lead.mandatory-report", "", id);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    assert_int_equal(leadbus_rung_end(&lb, &rung, LEADBUS_RUNG_NOBODY, NULL), 0);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_DEPUTY);
    assert_int_equal(rung.at_ms, fake->district->now_ms);
}

/* ---- told again until it is signed for ----------------------------------------------------------
 */

enum { REPEAT_MS = 5 * MINUTE_MS, HOUR_MS = 60 * MINUTE_MS };

/* The police issue an alert to the schools, among others; it holds for an hour. */
static void alert(struct fake *fake, const char *kind, const char *topic, const uint8_t *parent,
                  uint8_t ret_id[16])
{
    static const struct seal_section section = {"alert", {(const uint8_t *)"who", 3}};
    bool holds = strcmp(kind, "alert.missing-child") == 0;
    struct error error = {0};
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = holds ? "120102006" : "",
                                 .officer = "P-1",
                                 .purpose = "",
                                 .parent = parent,
                                 .expires_ms = holds ? fake->district->now_ms + HOUR_MS : 0,
                                 .sections = &section,
                                 .section_count = 1};
    if (engine_stage(police->engine, fake_moment(fake), &draft, ret_id, &error) < 0)
        fail_msg("%s: %s %s", kind, error.field, error.detail);
    fake_run(fake);
}

static void act_of(struct fake *fake, struct fake_unit *unit, const char *kind,
                   const uint8_t parent[16])
{
    struct fake_unit *others = police;
    uint8_t own[16];
    police = unit; /* who acts */
    act(fake, kind, "", parent, own);
    police = others;
}

static void tell(struct leadbus *lb, struct leadbus_rung *rung, enum leadbus_rung_result result)
{
    assert_int_equal(leadbus_rung_begin(lb, rung, NULL), 0);
    assert_int_equal(leadbus_rung_end(lb, rung, result, NULL), 0);
}

/* Until no rank is to come. */
static void tell_ranks(struct fake *fake, struct leadbus *lb)
{
    struct leadbus_rung rung;
    for (int rank = 0; rank < LEADBUS_RANK_COUNT; rank++) {
        assert_true(rung_of(lb, &rung));
        assert_int_equal(rung.rank, rank);
        if (rung.at_ms > fake->district->now_ms) pass(fake, rung.at_ms - fake->district->now_ms);
        tell(lb, &rung, LEADBUS_RUNG_TOLD);
    }
}

static int keep_item(void *ctx, const struct leadbus_item *item)
{
    *(struct leadbus_item *)ctx = *item;
    return 0;
}

static bool is_unsigned(struct leadbus *lb, struct leadbus_item *ret)
{
    *ret = (struct leadbus_item){0};
    assert_int_equal(leadbus_inbox_unsigned(lb, 10, keep_item, ret, NULL), 0);
    return ret->repeats != 0;
}

static void an_alert_is_told_again_until_it_is_signed_for(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct leadbus_rung rung;
    struct leadbus_item item;
    struct leadbus lb = handle_of(school);
    uint64_t count = 0;
    leadbus_rung_repeat(&lb, REPEAT_MS, 1);
    alert(fake, "alert.missing-child", "issue", NULL, id);
    assert_true(is_unsigned(&lb, &item));
    assert_int_equal(item.shown, 0);
    assert_int_equal(item.shown_ms, 0);
    tell_ranks(fake, &lb);
    for (uint64_t i = 0; i < 3; i++) {
        assert_true(rung_of(&lb, &rung));
        assert_int_equal(rung.rank, LEADBUS_RANK_ALL);
        assert_int_equal(rung.again, 1);
        assert_int_equal(rung.shown, 3 + i);
        assert_memory_equal(rung.id, id, 16);
        assert_string_equal(rung.kind, "alert.missing-child");
        assert_int_equal(rung.at_ms, fake->district->now_ms + REPEAT_MS);
        pass(fake, REPEAT_MS);
        tell(&lb, &rung, LEADBUS_RUNG_TOLD);
        assert_true(is_unsigned(&lb, &item));
        assert_int_equal(item.shown, 4 + i);
        assert_int_equal(item.shown_ms, fake->district->now_ms);
    }
    /* Off for a while and started again, without the end of what it was in the middle of: once, and
     * one interval later. */
    pass(fake, 3 * REPEAT_MS + MINUTE_MS);
    assert_true(rung_of(&lb, &rung));
    assert_true(rung.at_ms < fake->district->now_ms);
    assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
    struct leadbus again = handle_of(school);
    leadbus_rung_repeat(&again, REPEAT_MS, 1);
    assert_int_equal(leadbus_rung_resume(&again, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_true(rung_of(&again, &rung));
    assert_int_equal(rung.at_ms, fake->district->now_ms + REPEAT_MS);
    assert_int_equal(rung.shown, 6); /* the end of the seventh is not known */
    pass(fake, REPEAT_MS);
    tell(&again, &rung, LEADBUS_RUNG_NOBODY); /* nobody was there: that is no showing */
    assert_true(is_unsigned(&again, &item));
    assert_int_equal(item.shown, 6);
    /* Another interval holds at once. */
    leadbus_rung_repeat(&again, MINUTE_MS, 1);
    assert_true(rung_of(&again, &rung));
    assert_int_equal(rung.at_ms, fake->district->now_ms + MINUTE_MS);
    /* A signature that the bus refuses was none. */
    fake->refuse_code = (uint32_t)-E_LIFECYCLE_ORDER;
    act_of(fake, school, "receipt.signed", id);
    assert_true(rung_of(&again, &rung));
    assert_int_equal(rung.at_ms, fake->district->now_ms + MINUTE_MS);
    act_of(fake, school, "receipt.signed", id);
    assert_int_equal(leadbus_rung_begin(&again, &rung, NULL), E_BAD_VALUE);
    assert_false(rung_of(&again, &rung));
    assert_false(is_unsigned(&again, &item));
}

static void an_alert_past_its_end_or_stood_down_is_told_no_more(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], next[16], over[16];
    struct leadbus_rung rung;
    struct leadbus_item item;
    struct leadbus lb = handle_of(school);
    leadbus_rung_repeat(&lb, REPEAT_MS, 1);
    alert(fake, "alert.missing-child", "issue", NULL, id);
    uint64_t end_ms = fake->district->now_ms + HOUR_MS;
    tell_ranks(fake, &lb);
    uint64_t count = 0;
    while (rung_of(&lb, &rung)) {
        assert_true(rung.at_ms < end_ms);
        pass(fake, rung.at_ms - fake->district->now_ms);
        tell(&lb, &rung, LEADBUS_RUNG_TOLD);
        count++;
    }
    assert_int_equal(count, (HOUR_MS - 7 * MINUTE_MS - MINUTE_MS / 2) / REPEAT_MS);
    pass(fake, end_ms - fake->district->now_ms);
    assert_false(is_unsigned(&lb, &item));
    /* What revises it has an end of its own. */
    alert(fake, "alert.missing-child", "district", id, next);
    assert_true(is_unsigned(&lb, &item));
    assert_memory_equal(item.id, next, 16);
    tell_ranks(fake, &lb);
    assert_true(rung_of(&lb, &rung));
    assert_memory_equal(rung.id, next, 16);
    assert_int_equal(rung.rank, LEADBUS_RANK_ALL);
    alert(fake, "alert.missing-child-cancel", "", next, over);
    assert_false(is_unsigned(&lb, &item));
    tell_ranks(fake, &lb); /* the stand-down is to be signed for, and is no alert */
    assert_false(rung_of(&lb, &rung));
}

/* Between the journal and the units. */
static void take_long(struct fake *fake, const struct envelope *envelope, struct bytes record)
{
    (void)envelope;
    (void)record;
    pass(fake, (uint64_t)3 * REPEAT_MS);
}

/* Without a roster no rank is given, and what waits is told from its delivery on. */
static void without_a_roster_an_alert_alone_is_told(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], other[16];
    struct leadbus_rung rung;
    struct leadbus lb = handle_of(school);
    struct leadbus unit = handle_of(police);
    leadbus_rung_repeat(&lb, REPEAT_MS, 0);
    leadbus_rung_repeat(&unit, REPEAT_MS, 0);
    send(fake, "lead.mandatory-report", "", other);
    assert_false(rung_of(&unit, &rung));
    alert(fake, "alert.missing-child", "issue", NULL, id);
    for (int i = 0; i < 3; i++) {
        assert_true(rung_of(&lb, &rung));
        assert_int_equal(rung.rank, LEADBUS_RANK_ALL);
        assert_int_equal(rung.at_ms, fake->district->now_ms + REPEAT_MS);
        pass(fake, REPEAT_MS);
        tell(&lb, &rung, LEADBUS_RUNG_TOLD);
    }
    /* What was long on its way counts from when it came. */
    uint8_t next[16];
    fake->witness = take_long;
    alert(fake, "alert.missing-child", "district", id, next);
    fake->witness = NULL;
    assert_true(rung_of(&lb, &rung));
    assert_memory_equal(rung.id, id, 16);
    assert_int_equal(rung.at_ms + 2 * REPEAT_MS, fake->district->now_ms);
    tell(&lb, &rung, LEADBUS_RUNG_TOLD);
    act_of(fake, school, "receipt.signed", id);
    assert_true(rung_of(&lb, &rung));
    assert_memory_equal(rung.id, next, 16);
    assert_int_equal(rung.at_ms, fake->district->now_ms + REPEAT_MS);
    /* A roster that comes later begins with its first rank. */
    leadbus_rung_repeat(&lb, REPEAT_MS, 1);
    tell_ranks(fake, &lb);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_ALL);
}

/* A store of before knows nothing of repeating: what waits in it is told again all the same. */
static void an_alert_in_an_older_store_is_told_again(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct leadbus_rung rung;
    struct leadbus lb = handle_of(school);
    leadbus_rung_repeat(&lb, REPEAT_MS, 1);
    alert(fake, "alert.missing-child", "issue", NULL, id);
    tell_ranks(fake, &lb);
    assert_int_equal(box_commit(school->box, NULL), 0);
    must_do(school->box, "UPDATE ladder SET shown=0,shown_ms=0,again_ms=9223372036854775807;"
                         "DELETE FROM value WHERE name='legs'");
    assert_false(rung_of(&lb, &rung));
    assert_int_equal(engine_legs_load(school->engine, fake_moment(fake), NULL), 0);
    assert_true(rung_of(&lb, &rung));
    assert_int_equal(rung.rank, LEADBUS_RANK_ALL);
    assert_memory_equal(rung.id, id, 16);
}

/* Nights and Sundays are no part of a term that counts office hours. */
static void half_of_a_term_is_half_of_its_office_hours(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct leadbus_rung rung;
    struct leadbus lb = handle_of(police);
    const struct calendar *calendar = plan_calendar(fake->district->plan);
    uint64_t begun_ms = fake->district->now_ms;
    send(fake, "notice.verify", "staff-vetting", id);
    uint64_t due_ms = due_of(police, NULL, 1).items[0].due_ms;
    uint64_t whole_ms = calendar_work_ms(calendar, begun_ms, due_ms);
    assert_true(whole_ms > 0);
    for (int rank = 0; rank < LEADBUS_RANK_COUNT; rank++) {
        assert_true(rung_of(&lb, &rung));
        assert_int_equal(leadbus_rung_begin(&lb, &rung, NULL), 0);
        if (rank == 0) continue;
        uint64_t worked_ms = calendar_work_ms(calendar, begun_ms, rung.at_ms);
        uint64_t wanted_ms = whole_ms / 4 * (uint64_t)(rank + 1);
        assert_in_range(worked_ms, wanted_ms, wanted_ms + CLOCKS_SECOND_MS);
        assert_true(rung.at_ms < due_ms);
    }
}

/* While the bus is away a second message on a thread goes to whom the first one is on its way to.
 */
static void what_follows_a_message_on_its_way_has_its_recipients(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], after[16];
    struct box_in got;
    static const struct seal_section full = {"full", {(const uint8_t *)"why", 3}};
    school->online = false;
    send(fake, "lead.mandatory-report", "", id);
    struct engine_draft draft = {.kind = "notice.withdrawal",
                                 .topic = "",
                                 .area = "",
                                 .officer = "S-1",
                                 .purpose = "",
                                 .parent = id,
                                 .sections = &full,
                                 .section_count = 1};
    struct error error = {0};
    if (engine_stage(school->engine, fake_moment(fake), &draft, after, &error) < 0)
        fail_msg("%s %s", error.field, error.detail);
    fake_run(fake);
    assert_int_equal(box_in_find(police->box, after, &got, NULL), E_NOT_FOUND);
    fake_online(fake, school);
    assert_int_equal(box_in_find(police->box, id, &got, NULL), 0);
    assert_int_equal(box_in_find(police->box, after, &got, NULL), 0);
    assert_memory_equal(got.thread, id, 16);
}

/* ---- records of the unit's own ------------------------------------------------------------------
 */

struct seen {
    size_t count, stop;
    char texts[4][8];
};

static int see(void *ctx, const struct leadbus_local *local)
{
    struct seen *seen = ctx;
    (void)snprintf(seen->texts[seen->count++], 8, "%.*s", (int)local->len,
                   (const char *)local->data);
    return seen->count == seen->stop;
}

static void own_records_are_kept_sealed_what_is_due_first_on_top(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t due_ms;
        uint8_t id;
    } rows[] = {{"never", 0, 1}, {"later", 20, 2}, {"soon", 10, 3}, {"sooner", 5, 2}};
    struct leadbus lb = handle_of(police);
    struct seen seen = {0}, first = {.stop = 1};
    struct buf sealed = {0};
    struct box_local row;
    void *data = NULL;
    size_t len = 0;
    uint8_t id[16] = {2};
    for (size_t i = 0; i < 4; i++) {
        struct leadbus_local one = {
            .id = {rows[i].id}, .due_ms = rows[i].due_ms, .data = rows[i].text};
        one.len = strlen(rows[i].text);
        assert_int_equal(leadbus_local_put(&lb, &one, NULL), 0);
    }
    assert_int_equal(leadbus_local_each(&lb, 10, see, &seen, NULL), 0);
    assert_int_equal(seen.count, 3); /* the last one took the place of that with its id */
    assert_string_equal(seen.texts[0], "sooner");
    assert_string_equal(seen.texts[1], "soon");
    assert_string_equal(seen.texts[2], "never");
    assert_int_equal(leadbus_local_each(&lb, 10, see, &first, NULL), 0);
    assert_int_equal(first.count, 1);
    assert_int_equal(leadbus_local_get(&lb, id, &data, &len, NULL), 0);
    assert_int_equal(len, 6);
    assert_memory_equal(data, "sooner", 6);
    leadbus_free(data);
    assert_int_equal(box_local_get(police->box, id, &row, &sealed, NULL), 0);
    assert_null(memmem(sealed.data, sealed.len, "sooner", 6));
    /* Another's place, and it does not open. */
    assert_int_equal(
        box_local_put(police->box, &(struct box_local){.id = {7}}, buf_bytes(&sealed), NULL), 0);
    id[0] = 7;
    assert_int_equal(leadbus_local_get(&lb, id, &data, &len, NULL), E_DECRYPT_FAILED);
    id[0] = 8;
    assert_int_equal(leadbus_local_get(&lb, id, &data, &len, NULL), E_NOT_FOUND);
    buf_fini(&sealed);
}

/* ---- own figures --------------------------------------------------------------------------------
 */

struct own {
    size_t count;
    struct leadbus_own_leg legs[4];
    char clauses[4][32];
};

static int keep_leg(void *ctx, const struct leadbus_own_leg *leg)
{
    struct own *own = ctx;
    assert_true(own->count < 4);
    (void)snprintf(own->clauses[own->count], 32, "%s", leg->clause);
    own->legs[own->count++] = *leg;
    return 0;
}

static struct own legs_of(struct fake_unit *unit, uint64_t from_ms, uint64_t until_ms)
{
    struct own own = {0};
    struct leadbus lb = handle_of(unit);
    assert_int_equal(leadbus_own_legs(&lb, from_ms, until_ms, keep_leg, &own, NULL, NULL), 0);
    return own;
}

/* This unit thinks that it was in time; the journal says that it was not, and that is what counts.
 */
static void what_the_bus_called_missed_was_missed(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[1][16], own_act[16];
    send(fake, "lead.mandatory-report", "", ids[0]);
    uint64_t begun_ms = fake->district->now_ms;
    pass(fake, MINUTE_MS);
    act(fake, "receipt.signed", "", ids[0], own_act);
    struct own own = legs_of(police, 0, UINT64_MAX);
    assert_int_equal(own.count, 1);
    assert_int_equal(legs_of(school, 0, UINT64_MAX).count, 0); /* who sent it has no part in it */
    const struct leadbus_term *sign = &own.legs[0].terms[PLAN_CLOCK_SIGN];
    assert_string_equal(sign->term, "sign");
    assert_int_equal(sign->missed, 0);
    assert_int_equal(sign->record, 0);
    assert_int_equal(sign->at_ms, begun_ms + MINUTE_MS);
    assert_int_equal(sign->due_ms, begun_ms + 10 * MINUTE_MS);
    assert_string_equal(own.clauses[0], "2.2.2.5");
    assert_int_equal(own.legs[0].since_ms, begun_ms);
    assert_int_equal(own.legs[0].plan_known, 1);
    assert_int_equal(own.legs[0].terms[PLAN_CLOCK_DELIVER].at_ms, 0); /* the bus knows when */

    Leadbus__Record record = LEADBUS__RECORD__INIT;
    Leadbus__Tick tick = LEADBUS__TICK__INIT;
    Leadbus__Missed missed[2] = {LEADBUS__MISSED__INIT, LEADBUS__MISSED__INIT};
    Leadbus__Missed *list[] = {&missed[0], &missed[1]};
    struct buf bytes = {0};
    for (int i = 0; i < 2; i++) {
        missed[i].index = own.legs[0].index + (uint64_t)i; /* the second is of no leg of ours */
        missed[i].thread = fake_binary(ids[0], 16);
        missed[i].clock = 1 + (i ? PLAN_CLOCK_CLOSE : PLAN_CLOCK_SIGN);
        missed[i].due_ms = begun_ms + 30000;
    }
    char other[] = "health";
    char *units[] = {other, police->keyring.unit};
    for (int i = 0; i < 2; i++) { /* of another unit first, as the office would hear it */
        tick.unit = units[i];
        tick.n_missed = 2;
        tick.missed = list;
        record.rules = RECORD_RULES_VERSION;
        record.time_ms = fake->district->now_ms;
        record.what_case = LEADBUS__RECORD__WHAT_TICK;
        record.tick = &tick;
        buf_reset(&bytes);
        assert_int_equal(record_encode(&record, &bytes, NULL), 0);
        uint64_t index = fake_append(fake, buf_bytes(&bytes));
        fake_notice(fake, police, index, buf_bytes(&bytes));
        fake_run(fake);
        own = legs_of(police, 0, UINT64_MAX);
        sign = &own.legs[0].terms[PLAN_CLOCK_SIGN];
        assert_int_equal(sign->missed, i);
        assert_int_equal(sign->record, i ? index : 0);
        assert_int_equal(own.legs[0].terms[PLAN_CLOCK_CLOSE].missed, 0);
    }
    assert_int_equal(sign->due_ms, begun_ms + 30000);
    assert_int_equal(sign->at_ms, begun_ms + MINUTE_MS);
    buf_fini(&bytes);
}

/* Its own clock is ahead; what counts is when the journal had it. */
static void own_acts_count_from_their_receipt_at_its_time(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16], own_act[16];
    send(fake, "lead.mandatory-report", "", id);
    uint64_t begun_ms = fake->district->now_ms;
    police->online = false;
    pass(fake, 2 * MINUTE_MS);
    act(fake, "receipt.signed", "", id, own_act);
    struct own own = legs_of(police, 0, UINT64_MAX);
    assert_int_equal(own.legs[0].terms[PLAN_CLOCK_SIGN].at_ms, 0);
    assert_string_equal(own.legs[0].state, "delivered");
    pass(fake, 3 * MINUTE_MS);
    fake_online(fake, police);
    own = legs_of(police, 0, UINT64_MAX);
    assert_int_equal(own.legs[0].terms[PLAN_CLOCK_SIGN].at_ms, begun_ms + 5 * MINUTE_MS);
    assert_string_equal(own.legs[0].state, "signed");
    pass(fake, 3 * MINUTE_MS);
    act(fake, "receipt.accepted", "", id, own_act);
    act(fake, "receipt.closed", "unfounded", id, own_act);
    own = legs_of(police, 0, UINT64_MAX);
    assert_int_equal(own.legs[0].ended_by, LEADBUS_ACT_CLOSE);
    assert_int_equal(own.legs[0].ended_ms, begun_ms + 8 * MINUTE_MS);

    /* a period takes what began in it, and its first moment */
    assert_int_equal(legs_of(police, begun_ms, begun_ms + 1).count, 1);
    assert_int_equal(legs_of(police, begun_ms + 1, UINT64_MAX).count, 0);
    assert_int_equal(legs_of(police, 0, begun_ms).count, 0);
}

/* ---- in words -----------------------------------------------------------------------------------
 */

static uint64_t at(int day, int hour, int minute)
{
    struct tm parts = {
        .tm_year = 126, .tm_mon = 10, .tm_mday = day, .tm_hour = hour, .tm_min = minute};
    return (uint64_t)mktime(&parts) * 1000;
}

static void says(uint64_t due_ms, uint64_t when_ms, const char *zh, const char *en)
{
    char text[DUE_TEXT_LEN];
    due_words("签收", due_ms, when_ms, LANG_ZH, text);
    assert_string_equal(text, zh);
    due_words("signed for", due_ms, when_ms, LANG_EN, text);
    assert_string_equal(text, en);
}

static void a_moment_is_said_in_words(void **state)
{
    (void)state;
    assert_int_equal(setenv("TZ", "CST-8", 1), 0);
    tzset();
    uint64_t now = at(25, 12, 0);
    says(at(25, 14, 10), now, "今天 14:10 前签收", "signed for before today 14:10");
    says(at(26, 9, 0), now, "明天 09:00 前签收", "signed for before tomorrow 09:00");
    says(at(26, 0, 0), now, "今天 24:00 前签收", "signed for before today 24:00");
    says(at(27, 0, 0), now, "明天 24:00 前签收", "signed for before tomorrow 24:00");
    says(at(28, 17, 30), now, "11-28 17:30 前签收", "signed for before 11-28 17:30");
    says(at(31 + 31, 8, 0), now, "2027-01-01 08:00 前签收", "signed for before 2027-01-01 08:00");
    says(at(25, 10, 0), now, "已超期 2 小时（应在今天 10:00 前签收）",
         "overdue by 2 h (signed for before today 10:00)");
    says(at(24, 10, 30), now, "已超期 1 天 1 小时（应在昨天 10:30 前签收）",
         "overdue by 1 day 1 h (signed for before yesterday 10:30)");
    says(at(22, 12, 0), now, "已超期 3 天（应在11-22 12:00 前签收）",
         "overdue by 3 days (signed for before 11-22 12:00)");
    says(now, now, "已超期 不到 1 分钟（应在今天 12:00 前签收）",
         "overdue by less than a minute (signed for before today 12:00)");
    char text[DUE_TEXT_LEN];
    due_length((uint64_t)130 * MINUTE_MS, LANG_ZH, text);
    assert_string_equal(text, "2 小时 10 分钟");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_due_first_is_on_top, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_closed_or_refused_is_owed_no_more_or_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_older_store_is_listed_once, setup, teardown),
        cmocka_unit_test(a_page_walks_an_index),
        cmocka_unit_test_setup_teardown(missed_terms_and_late_acts_stand_in_their_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_bus_called_missed_was_missed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_follows_a_message_on_its_way_has_its_recipients, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(own_records_are_kept_sealed_what_is_due_first_on_top, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(own_acts_count_from_their_receipt_at_its_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(each_rank_is_told_once_in_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_begun_is_done_once_more, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_owed_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_signed_is_not_pressed_further, setup, teardown),
        cmocka_unit_test_setup_teardown(where_nobody_is_there_the_next_follows_at_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_alert_is_told_again_until_it_is_signed_for, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_alert_past_its_end_or_stood_down_is_told_no_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(without_a_roster_an_alert_alone_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(an_alert_in_an_older_store_is_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(half_of_a_term_is_half_of_its_office_hours, setup,
                                        teardown),
        cmocka_unit_test(a_moment_is_said_in_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
