/* The joint-conference office asks for a thread that it is not on: what it believes, and what a
 * broker that lies is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "clients/lib/engine_inner.h"
#include "tests/unit/fake_broker.h"

enum { KEPT_MAX = 64 };
static struct fake_unit *school, *police, *office;
static struct {
    struct buf record;
    uint64_t index;
    uint8_t thread[16];
} kept[KEPT_MAX];
static size_t kept_count;
static uint64_t asked, page_max;
static bool lose_first, wrong_thread;
static struct buf forged; /* in place of the last record */

static void witness(struct fake *fake, const struct envelope *envelope, struct bytes record)
{
    CHECK(kept_count < KEPT_MAX);
    buf_append_bytes(&kept[kept_count].record, record);
    memcpy(kept[kept_count].thread, envelope->head->thread.data, 16);
    kept[kept_count++].index = fake->size;
}

static void answer(struct fake *fake, struct fake_unit *unit, const Leadbus__Frame *frame)
{
    Leadbus__ThreadRecord rows[KEPT_MAX], *list[KEPT_MAX];
    struct merkle_proof proofs[KEPT_MAX];
    ProtobufCBinaryData paths[KEPT_MAX][64];
    struct merkle_reader reader = fake_reader(fake);
    Leadbus__ThreadReply reply = LEADBUS__THREAD_REPLY__INIT;
    Leadbus__Frame out = LEADBUS__FRAME__INIT;
    size_t count = 0;
    if (frame->body_case != LEADBUS__FRAME__BODY_GET_THREAD) return;
    const Leadbus__GetThread *ask = frame->get_thread;
    asked++;
    for (size_t i = lose_first ? 1 : 0; i < kept_count; i++) {
        bool same = memcmp(kept[i].thread, ask->id.data, 16) == 0;
        if (kept[i].index <= ask->after || same == wrong_thread) continue;
        if (count == page_max) {
            reply.more = true;
            break;
        }
        CHECK(merkle_prove_inclusion(&reader, kept[i].index, fake->size, &proofs[count], NULL) ==
              0);
        leadbus__thread_record__init(&rows[count]);
        rows[count].index = kept[i].index;
        rows[count].record = fake_binary(kept[i].record.data, kept[i].record.len);
        rows[count].n_inclusion = fake_path(&proofs[count], paths[count]);
        rows[count].inclusion = paths[count];
        list[count] = &rows[count];
        count++;
    }
    if (forged.len) list[count - 1]->record = fake_binary(forged.data, forged.len);
    reply.id = ask->id;
    reply.n_records = count;
    reply.records = list;
    reply.checkpoint = fake_binary(fake->checkpoint.data, fake->checkpoint.len);
    out.body_case = LEADBUS__FRAME__BODY_THREAD;
    out.thread = &reply;
    fake_say(fake, unit, &out);
}

static int setup(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    school = fake_add(&fake, "education");
    police = fake_add(&fake, "police-hedong");
    office = fake_add(&fake, "joint-conference-office");
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    fake.witness = witness;
    fake.other = answer;
    page_max = KEPT_MAX;
    asked = 0;
    lose_first = wrong_thread = false;
    *state = &fake;
    return 0;
}

static int teardown(void **state)
{
    for (; kept_count > 0; kept_count--) {
        buf_fini(&kept[kept_count - 1].record);
        kept[kept_count - 1].record = (struct buf){0};
    }
    buf_fini(&forged);
    forged = (struct buf){0};
    fake_fini(*state);
    return 0;
}

static int stage(struct fake *fake, struct fake_unit *from, const char *kind, const char *topic,
                 const uint8_t *thread, uint8_t id[16], struct error *error)
{
    static const struct seal_section report[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                                 {"full", {(const uint8_t *)"what", 4}}};
    static const struct seal_section notice[] = {{"notice", {(const uint8_t *)"hurry", 5}}};
    static const struct seal_section receipt[] = {{"receipt", {(const uint8_t *)"ok", 2}}};
    bool lead = strncmp(kind, "lead.", 5) == 0, urge = strcmp(kind, "supervision.urge") == 0;
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = "",
                                 .officer = "O-1",
                                 .purpose = "",
                                 .thread = urge ? thread : NULL,
                                 .parent = thread,
                                 .sections = lead   ? report
                                             : urge ? notice
                                                    : receipt,
                                 .section_count = lead ? 2 : 1};
    return engine_stage(from->engine, fake_moment(fake), &draft, id, error);
}

/* A report that the police signed for: two messages, and the office has neither. */
static void open_thread(struct fake *fake, uint8_t id[16])
{
    uint8_t signed_id[16];
    assert_int_equal(stage(fake, school, "lead.mandatory-report", "", NULL, id, NULL), 0);
    fake_run(fake);
    assert_int_equal(stage(fake, police, "receipt.signed", "", id, signed_id, NULL), 0);
    fake_run(fake);
    assert_int_equal(kept_count, 2);
    assert_int_equal(office->engine->stats.in_type[BOX_IN_MESSAGE], 0);
}

static int ask(struct fake *fake, struct fake_unit *unit, const uint8_t id[16])
{
    int r = engine_thread_ask(unit->engine, fake_moment(fake), id, NULL);
    fake_run(fake);
    return r;
}

static bool knows(struct fake_unit *unit, const uint8_t id[16])
{
    struct engine_thread thread;
    if (engine_thread_load(unit->engine, NULL, id, &thread, NULL) < 0) return false;
    engine_thread_fini(&thread);
    return true;
}

static void nobody_but_the_office_asks_and_not_without_a_bus(void **state)
{
    struct fake *fake = *state;
    const uint8_t id[16] = {1}, other[16] = {2};
    assert_int_equal(ask(fake, school, id), E_ROLE_NOT_ALLOWED);
    assert_int_equal(ask(fake, police, id), E_ROLE_NOT_ALLOWED);
    assert_int_equal(asked, 0);
    fake->other = NULL; /* no answer */
    assert_int_equal(ask(fake, office, id), 0);
    assert_int_equal(ask(fake, office, id), 0);
    assert_int_equal(ask(fake, office, other), E_BUSY);
    engine_disconnected(office->engine, fake_moment(fake));
    assert_int_equal(ask(fake, office, other), E_NETWORK);
}

static void what_the_journal_says_of_a_thread_lets_the_office_urge(void **state)
{
    struct fake *fake = *state;
    struct engine_thread thread;
    struct box_out row;
    uint8_t id[16], urge[16];
    struct error error = {0};
    open_thread(fake, id);
    assert_int_equal(stage(fake, office, "supervision.urge", "", id, urge, &error),
                     E_PARENT_UNKNOWN);
    for (page_max = 1; page_max <= 2; page_max++) { /* a page at a time, and in one */
        fake->district->now_ms += 60000;
        asked = 0;
        assert_int_equal(ask(fake, office, id), 0);
        assert_int_equal(asked, page_max == 1 ? 2 : 1);
        assert_int_equal(ask(fake, office, id), 1); /* fresh */
        assert_int_equal(engine_thread_load(office->engine, NULL, id, &thread, NULL), 0);
        assert_string_equal(thread.thread.from, "education");
        assert_int_equal(thread.thread.leg_count, 1);
        assert_string_equal(thread.thread.legs[0].unit, "police-hedong");
        assert_int_equal(thread.thread.legs[0].state, LIFECYCLE_SIGNED);
        assert_int_equal(thread.thread.message_count, 0);
        engine_thread_fini(&thread);
    }
    /* A refusal takes back the urge and nothing that was learnt. */
    fake->refuse_code = (uint32_t)-E_LIFECYCLE_ORDER;
    assert_int_equal(stage(fake, office, "supervision.urge", "", id, urge, &error), 0);
    fake_run(fake);
    assert_int_equal(box_out_find(office->box, urge, &row, NULL), 0);
    assert_int_equal(row.state, BOX_OUT_REFUSED);
    assert_int_equal(stage(fake, office, "supervision.urge", "", id, urge, &error), 0);
    /* Sealed again, it still answers the message that opened the thread. */
    fake->refuse_code = (uint32_t)-E_CREATED_OUT_OF_RANGE;
    uint64_t messages = police->engine->stats.in_type[BOX_IN_MESSAGE];
    fake_run(fake);
    assert_int_equal(box_out_find(office->box, urge, &row, NULL), 0);
    assert_int_equal(row.state, BOX_OUT_RECEIPTED);
    assert_memory_equal(row.parent, id, 16);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], messages + 1);
    assert_int_equal(fake->exceptions, 0);
}

static void a_refusal_and_an_empty_answer_are_no_thread(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    const uint8_t nowhere[16] = {7};
    open_thread(fake, id);
    assert_int_equal(ask(fake, office, nowhere), 0);
    assert_int_equal(ask(fake, office, nowhere), E_THREAD_UNKNOWN);
    assert_false(knows(office, nowhere));
    /* Without the message that opened it nothing else stands on anything. */
    lose_first = true;
    assert_int_equal(ask(fake, office, id), 0);
    assert_int_equal(ask(fake, office, id), E_THREAD_UNKNOWN);
    assert_false(knows(office, id));
    assert_int_equal(office->engine->stats.alarm.code, 0);
}

static void lies_about_a_thread_are_not_kept(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    open_thread(fake, id);
    /* Records of another thread, proved as they are. */
    const uint8_t nowhere[16] = {7};
    wrong_thread = true;
    assert_int_equal(ask(fake, office, nowhere), 0);
    assert_false(knows(office, nowhere));
    assert_int_equal(office->engine->stats.last.code, E_BAD_VALUE);
    wrong_thread = false;
    fake_online(fake, office);
    /* A record that the journal does not have. */
    buf_append_bytes(&forged, buf_bytes(&kept[1].record));
    forged.data[forged.len - 1] ^= 1;
    uint64_t refused = office->engine->stats.refused_frames;
    assert_int_equal(ask(fake, office, id), 0);
    assert_false(knows(office, id));
    assert_int_equal(office->engine->stats.refused_frames, refused + 1);
    assert_int_equal(office->engine->stats.alarm.code, E_PROOF_INVALID);
    /* Told the truth on the next connection, it believes that. */
    buf_reset(&forged);
    fake_online(fake, office);
    assert_int_equal(ask(fake, office, id), 0);
    assert_true(knows(office, id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_but_the_office_asks_and_not_without_a_bus, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_the_journal_says_of_a_thread_lets_the_office_urge,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_and_an_empty_answer_are_no_thread, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lies_about_a_thread_are_not_kept, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
