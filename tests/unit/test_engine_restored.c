/* A journal that was put back from a backup: whom it takes a word of people to go along with, and
 * what a broker with its own key cannot do to a unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "clients/lib/engine_inner.h"
#include "tests/unit/fake_broker.h"

#define LATER "hedong.leadbus/00000002"

static struct fake_unit *school, *police;
static struct {
    uint64_t size, position[FAKE_UNIT_MAX][2];
    uint8_t running[FAKE_UNIT_MAX][2][32];
    struct merkle_frontier frontier;
    struct buf note, record; /* of the act */
    uint64_t index;
} backup;
static uint8_t first[16], second[16];

/* ---- the broker -------------------------------------------------------------------------------
 */

static void take_backup(struct fake *fake)
{
    backup.size = fake->size;
    backup.frontier = fake->frontier;
    buf_reset(&backup.note);
    buf_append_bytes(&backup.note, buf_bytes(&fake->checkpoint));
    for (size_t i = 0; i < fake->unit_count; i++) {
        memcpy(backup.position[i], fake->units[i].position, sizeof backup.position[i]);
        memcpy(backup.running[i], fake->units[i].running, sizeof backup.running[i]);
    }
}

/* The chain, and where the backup acknowledges the lanes of who greets. */
static void show(struct fake *fake, Leadbus__Welcome *welcome)
{
    static struct merkle_proof proof;
    static ProtobufCBinaryData path[64];
    static Leadbus__Restoration row, *list[1] = {&row};
    static Leadbus__LanePosition lanes[2], *lane_list[2] = {&lanes[0], &lanes[1]};
    struct merkle_reader reader = fake_reader(fake);
    struct fake_unit *unit = fake_unit(fake, fake->hello->unit);
    for (unsigned i = 0; i < 2; i++) {
        leadbus__lane_position__init(&lanes[i]);
        lanes[i].lane = i;
        lanes[i].position = unit->position[i];
        lanes[i].running = fake_binary(unit->running[i], 32);
    }
    welcome->n_lanes = 2;
    welcome->lanes = lane_list;
    if (strcmp(fake->hello->origin, fake->origin) == 0) return;
    CHECK(merkle_prove_inclusion(&reader, backup.index, fake->size, &proof, NULL) == 0);
    leadbus__restoration__init(&row);
    row.index = backup.index;
    row.record = fake_binary(backup.record.data, backup.record.len);
    row.n_inclusion = fake_path(&proof, path);
    row.inclusion = path;
    welcome->n_restored = 1;
    welcome->restored = list;
}

static void record_act(struct fake *fake, const char *reason)
{
    Leadbus__Restored restored = LEADBUS__RESTORED__INIT;
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    restored.origin = (char *)(uintptr_t)LATER;
    restored.previous_origin = (char *)(uintptr_t)DISTRICT_ORIGIN;
    restored.previous_checkpoint = fake_binary(backup.note.data, backup.note.len);
    restored.reason = (char *)(uintptr_t)reason;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = fake->district->now_ms;
    record.what_case = LEADBUS__RECORD__WHAT_RESTORED;
    record.restored = &restored;
    buf_reset(&backup.record);
    CHECK(record_encode(&record, &backup.record, NULL) == 0);
    fake->origin = LATER;
    backup.index = fake_append(fake, buf_bytes(&backup.record));
    fake->bend_welcome = show;
}

static void put_back(struct fake *fake, const char *reason)
{
    fake->size = backup.size;
    fake->frontier = backup.frontier;
    for (size_t i = 0; i < fake->unit_count; i++) {
        memcpy(fake->units[i].position, backup.position[i], sizeof backup.position[i]);
        memcpy(fake->units[i].running, backup.running[i], sizeof backup.running[i]);
        engine_disconnected(fake->units[i].engine, fake_moment(fake));
        fake->units[i].online = false;
    }
    record_act(fake, reason);
}

/* ---- the units --------------------------------------------------------------------------------
 */

static int stage(struct fake *fake, struct fake_unit *from, const uint8_t *id, const char *what,
                 uint8_t ret_id[16])
{
    const struct seal_section report[] = {{"summary", bytes_of_str("codes")},
                                          {"full", bytes_of_str(what)}};
    struct engine_draft draft = {.kind = "lead.mandatory-report",
                                 .topic = "",
                                 .area = "",
                                 .officer = "O-1",
                                 .purpose = "",
                                 .id = id,
                                 .sections = report,
                                 .section_count = 2};
    int r = engine_stage(from->engine, fake_moment(fake), &draft, ret_id, NULL);
    fake_run(fake);
    return r;
}

/* Time for the proofs to reach the newest head. */
static void prove(struct fake *fake, struct fake_unit *unit)
{
    fake->district->now_ms += 2000;
    CHECK(engine_tick(unit->engine, fake_moment(fake), NULL) == 0);
    fake_run(fake);
    assert_int_equal(unit->engine->trusted.checkpoint.size, fake->size);
}

static void online(struct fake *fake, struct fake_unit *unit)
{
    uint64_t after_ms;
    (void)engine_wants_reset(unit->engine, &after_ms);
    fake_online(fake, unit);
}

static int confirm(struct fake *fake, struct fake_unit *unit)
{
    return engine_restored_confirm(unit->engine, fake_moment(fake), LATER, NULL);
}

static int state_of(struct fake_unit *unit, const uint8_t id[16])
{
    struct box_out row;
    CHECK(box_out_find(unit->box, id, &row, NULL) == 0);
    return row.state;
}

static uint64_t messages(const struct fake_unit *unit)
{
    return unit->engine->stats.in_type[BOX_IN_MESSAGE];
}

/* One report before the backup, one after it that names a head from after it. */
static int setup(void **state)
{
    static struct fake fake;
    uint8_t between[16];
    fake_init(&fake);
    school = fake_add(&fake, "education");
    police = fake_add(&fake, "police-hedong");
    fake_online(&fake, school);
    fake_online(&fake, police);
    assert_int_equal(stage(&fake, school, NULL, "one", first), 0);
    take_backup(&fake);
    assert_int_equal(stage(&fake, school, NULL, "between", between), 0);
    prove(&fake, school);
    assert_int_equal(stage(&fake, school, NULL, "two", second), 0);
    assert_int_equal(messages(police), 3);
    *state = &fake;
    return 0;
}

static int teardown(void **state)
{
    fake_fini(*state);
    buf_fini(&backup.note);
    buf_fini(&backup.record);
    return 0;
}

/* ---- what holds -------------------------------------------------------------------------------
 */

static void nobody_goes_back_unasked(void **state)
{
    struct fake *fake = *state;
    put_back(fake, "disk lost");
    online(fake, school);
    assert_int_not_equal(school->engine->link, ENGINE_GREETED);
    assert_true(school->engine->restored.shown);
    assert_string_equal(school->engine->restored.origin, LATER);
    assert_string_equal(school->engine->restored.reason, "disk lost");
    assert_int_equal(school->engine->restored.size, backup.size);
    assert_int_equal(school->engine->restored.out_count, 2);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
    assert_int_equal(school->engine->stats.last.code, E_JOURNAL_RESTORED);
    assert_string_equal(school->engine->origin, DISTRICT_ORIGIN);
    /* Another name than the one shown is no word for it. */
    assert_int_equal(
        engine_restored_confirm(school->engine, fake_moment(fake), DISTRICT_ORIGIN, NULL),
        E_ORIGIN_MISMATCH);
    assert_int_equal(engine_restored_confirm(police->engine, fake_moment(fake), LATER, NULL),
                     E_NOT_FOUND);
}

static void what_it_saw_no_more_than_goes_along_by_itself(void **state)
{
    struct fake *fake = *state;
    struct fake_unit *civil = fake_add(fake, "civil-affairs");
    fake_online(fake, civil);
    take_backup(fake);
    put_back(fake, "precaution");
    online(fake, civil);
    assert_int_equal(civil->engine->link, ENGINE_GREETED);
    assert_string_equal(civil->engine->origin, LATER);
    online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
}

static void sent_again_it_is_one_message_at_who_has_it(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct box_in here;
    struct box_former former;
    uint8_t old_hash[32];
    assert_int_equal(box_out_find(school->box, second, &row, NULL), 0);
    memcpy(old_hash, row.hash, 32);
    uint64_t old_index = row.index;
    put_back(fake, "disk lost");
    online(fake, school);
    online(fake, police);
    assert_int_equal(confirm(fake, police), 0);
    online(fake, police);
    assert_int_equal(police->engine->link, ENGINE_GREETED);
    assert_int_equal(police->engine->lanes[1].position, 0);
    assert_int_equal(box_in_find(police->box, second, &here, NULL), 0);
    assert_false(here.proved);
    assert_int_equal(confirm(fake, school), 0);
    online(fake, school);
    assert_int_equal(state_of(school, first), BOX_OUT_RECEIPTED);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
    assert_int_equal(box_out_find(school->box, second, &row, NULL), 0);
    assert_memory_not_equal(row.hash, old_hash, 32); /* it named a head that is lost */
    assert_int_equal(row.again, BOX_AGAIN_NOT);
    assert_int_equal(messages(police), 3);
    assert_int_equal(box_in_find(police->box, second, &here, NULL), 0);
    assert_true(here.proved);
    assert_memory_equal(here.hash, row.hash, 32);
    assert_int_equal(here.index, row.index);
    assert_int_equal(box_former_get(school->box, row.number, 0, &former, NULL), 0);
    assert_string_equal(former.origin, DISTRICT_ORIGIN);
    assert_int_equal(former.index, old_index);
    box_former_fini(&former);
    /* And what both count is the same again: the next one misses nothing. */
    uint8_t third[16];
    assert_int_equal(stage(fake, school, NULL, "three", third), 0);
    assert_int_equal(messages(police), 4);
    assert_int_equal(box_in_find(police->box, third, &here, NULL), 0);
    assert_int_equal(here.missing, 0);
    assert_int_equal(stage(fake, school, NULL, "four", third), 0);
    assert_int_equal(box_in_find(police->box, third, &here, NULL), 0);
    assert_int_equal(here.missing, 0);
}

static void another_text_under_the_same_id_is_another_message(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    struct box_in here;
    put_back(fake, "disk lost");
    online(fake, police);
    assert_int_equal(confirm(fake, police), 0);
    online(fake, police);
    struct fake_unit *liar = fake_add(fake, "education");
    fake->units[0].keyring.unit[0] = 'x'; /* the fake finds the new one by its key */
    fake_online(fake, liar);
    assert_int_equal(stage(fake, liar, second, "two, as I would rather have said", id), 0);
    fake->units[0].keyring.unit[0] = 'e';
    assert_int_equal(messages(police), 4);
    assert_int_equal(box_in_find(police->box, second, &here, NULL), 0);
    assert_false(here.proved); /* what came first stays, and is not in the journal */
}

static void a_word_holds_for_the_record_that_was_shown(void **state)
{
    struct fake *fake = *state;
    put_back(fake, "disk lost");
    online(fake, school);
    assert_int_equal(confirm(fake, school), 0);
    put_back(fake, "another story under the same name");
    online(fake, school);
    assert_int_not_equal(school->engine->link, ENGINE_GREETED);
    assert_string_equal(school->engine->origin, DISTRICT_ORIGIN);
    assert_string_equal(school->engine->restored.reason, "another story under the same name");
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
    /* Asked again, it goes. */
    assert_int_equal(confirm(fake, school), 0);
    online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_GREETED);
}

/* A newer copy was found after all, between the word and the next greeting: nothing was given up.
 */
static void a_word_is_void_when_the_journal_of_before_comes_back(void **state)
{
    struct fake *fake = *state;
    uint64_t size = fake->size, place = backup.size;
    struct merkle_frontier frontier = fake->frontier;
    struct buf note = {0};
    static uint8_t row[FAKE_ROW_HASHES][32];
    size_t count = fake->row_counts[place];
    memcpy(row, fake->rows[place], sizeof row);
    buf_append_bytes(&note, buf_bytes(&fake->checkpoint));
    put_back(fake, "disk lost");
    online(fake, school);
    assert_int_equal(confirm(fake, school), 0);
    fake->origin = DISTRICT_ORIGIN;
    fake->size = size;
    fake->frontier = frontier;
    memcpy(fake->rows[place], row, sizeof row);
    fake->row_counts[place] = count;
    buf_fini(&fake->checkpoint);
    fake->checkpoint = note;
    fake->bend_welcome = NULL;
    online(fake, school);
    assert_int_not_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(school->engine->stats.alarm.code, 0);
    online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_GREETED);
    assert_false(school->engine->restored.shown);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
    assert_int_equal(confirm(fake, school), E_NOT_FOUND);
}

/* The same size, other records, all signed by the broker: a head kept from within the backup shows
 * it even to who was talked into a yes. */
static void what_was_seen_within_the_backup_cannot_be_rewritten(void **state)
{
    struct fake *fake = *state;
    uint64_t size = backup.size;
    put_back(fake, "disk lost");
    online(fake, school);
    fake->origin = DISTRICT_ORIGIN;
    fake->size = 0;
    merkle_frontier_init(&fake->frontier);
    while (fake->size < size) (void)fake_append(fake, bytes_of_str("rewritten"));
    take_backup(fake);
    record_act(fake, "disk lost");
    online(fake, school);
    assert_true(school->engine->restored.shown);
    assert_int_equal(confirm(fake, school), 0);
    online(fake, school);
    assert_int_not_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(school->engine->stats.alarm.code, E_JOURNAL_FORKED);
    assert_string_equal(school->engine->origin, DISTRICT_ORIGIN);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
}

static void bend_index(struct fake *fake, Leadbus__Welcome *welcome)
{
    show(fake, welcome);
    if (welcome->n_restored) welcome->restored[0]->index--;
}
static void bend_record(struct fake *fake, Leadbus__Welcome *welcome)
{
    show(fake, welcome);
    if (welcome->n_restored) welcome->restored[0]->record.len--;
}
static void leave_out(struct fake *fake, Leadbus__Welcome *welcome)
{
    show(fake, welcome);
    welcome->n_restored = 0;
}
static void twice(struct fake *fake, Leadbus__Welcome *welcome)
{
    static Leadbus__Restoration *list[2];
    show(fake, welcome);
    list[0] = list[1] = welcome->restored[0];
    welcome->n_restored = 2;
    welcome->restored = list;
}
static void bend_lane(struct fake *fake, Leadbus__Welcome *welcome)
{
    show(fake, welcome);
    welcome->lanes[0]->running.len--;
}

static void a_chain_that_does_not_hold_is_not_shown(void **state)
{
    struct fake *fake = *state;
    void (*const bends[])(struct fake *, Leadbus__Welcome *) = {bend_index, bend_record, leave_out,
                                                                twice};
    put_back(fake, "disk lost");
    for (size_t i = 0; i < sizeof bends / sizeof *bends; i++) {
        fake->bend_welcome = bends[i];
        online(fake, school);
        assert_int_not_equal(school->engine->link, ENGINE_GREETED);
        assert_false(school->engine->restored.shown);
        engine_disconnected(school->engine, fake_moment(fake));
    }
    fake->bend_welcome = show;
    online(fake, school);
    assert_int_equal(confirm(fake, school), 0);
    fake->bend_welcome = bend_lane;
    online(fake, school);
    assert_int_not_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
}

/* What it refers to may come back later: it waits, and others do not wait for it. */
static void what_refers_to_what_is_not_back_yet_is_patient(void **state)
{
    struct fake *fake = *state;
    uint8_t third[16];
    put_back(fake, "disk lost");
    online(fake, school);
    assert_int_equal(confirm(fake, school), 0);
    fake->refuse_code = (uint32_t)-E_THREAD_UNKNOWN;
    online(fake, school);
    assert_int_equal(school->engine->stats.out_state[BOX_OUT_REFUSED], 0);
    assert_int_equal(stage(fake, school, NULL, "three", third), 0);
    assert_int_equal(state_of(school, third), BOX_OUT_RECEIPTED);
    for (int i = 0; i < 8; i++) {
        fake->district->now_ms += 500;
        CHECK(engine_tick(school->engine, fake_moment(fake), NULL) == 0);
        fake_run(fake);
    }
    assert_int_equal(school->engine->pending_count, 0);
    assert_int_equal(state_of(school, second), BOX_OUT_RECEIPTED);
    assert_int_equal(school->engine->stats.out_state[BOX_OUT_REFUSED], 0);
    /* One that is not sent again is refused for good, as ever. */
    fake->refuse_code = (uint32_t)-E_THREAD_UNKNOWN;
    assert_int_equal(stage(fake, school, NULL, "five", third), 0);
    assert_int_equal(state_of(school, third), BOX_OUT_REFUSED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nobody_goes_back_unasked),
        TEST(what_it_saw_no_more_than_goes_along_by_itself),
        TEST(sent_again_it_is_one_message_at_who_has_it),
        TEST(another_text_under_the_same_id_is_another_message),
        TEST(a_word_holds_for_the_record_that_was_shown),
        TEST(a_word_is_void_when_the_journal_of_before_comes_back),
        TEST(what_was_seen_within_the_backup_cannot_be_rewritten),
        TEST(a_chain_that_does_not_hold_is_not_shown),
        TEST(what_refers_to_what_is_not_back_yet_is_patient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
