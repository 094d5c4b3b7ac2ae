/* The engine against a broker that lies, refuses, forgets and comes back. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/lib/engine_inner.h"
#include "tests/unit/fake_broker.h"

static struct fake_unit *school, *police, *procuratorate;

static int setup(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    school = fake_add(&fake, "education");
    police = fake_add(&fake, "police-hedong");
    procuratorate = fake_add(&fake, "procuratorate");
    *state = &fake;
    return 0;
}

static int setup_online(void **state)
{
    (void)setup(state);
    struct fake *fake = *state;
    for (size_t i = 0; i < fake->unit_count; i++) fake_online(fake, &fake->units[i]);
    return 0;
}

static int teardown(void **state)
{
    fake_fini(*state);
    return 0;
}

static const struct seal_section report_sections[] = {{"summary", {(const uint8_t *)"codes", 5}},
                                                      {"full", {(const uint8_t *)"what", 4}}};
static const struct seal_section bulletin_sections[] = {{"notice", {(const uint8_t *)"news", 4}}};

static int stage(struct fake *fake, struct fake_unit *from, const char *kind, uint8_t id[16],
                 struct error *error)
{
    bool report = strncmp(kind, "lead.", 5) == 0;
    struct engine_draft draft = {.kind = kind,
                                 .topic = "",
                                 .area = "",
                                 .officer = "",
                                 .purpose = "",
                                 .sections = report ? report_sections : bulletin_sections,
                                 .section_count = report ? 2 : 1};
    return engine_stage(from->engine, fake_moment(fake), &draft, id, error);
}

static void must_stage(struct fake *fake, struct fake_unit *from, const char *kind, uint8_t id[16])
{
    struct error error = {0};
    int r = stage(fake, from, kind, id, &error);
    if (r < 0) (void)fprintf(stderr, "%s %s %s\n", error_name(r), error.field, error.detail);
    assert_int_equal(r, 0);
}

static int state_of(struct fake_unit *unit, const uint8_t id[16], struct box_out *row)
{
    assert_int_equal(box_out_find(unit->box, id, row, NULL), 0);
    return row->state;
}

#define REPORT "lead.mandatory-report"

static void a_message_is_sealed_delivered_acknowledged_and_receipted(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct box_in in;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(box_in_find(police->box, id, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    assert_true(in.proved && in.must_sign);
    assert_int_equal(police->engine->lanes[0].acked, 1);
    assert_int_equal(fake->exceptions, 0);
}

static void nothing_leaves_before_it_is_durable(void **state)
{
    struct fake *fake = *state;
    struct buf frame;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    assert_true(box_dirty(school->box));
    assert_false(engine_out(school->engine, &frame));
}

static void plaintext_and_section_keys_are_not_in_the_box_in_clear(void **state)
{
    struct fake *fake = *state;
    struct buf envelope = {0}, sealed = {0};
    struct box_out row;
    struct content content;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    (void)state_of(school, id, &row);
    assert_int_equal(box_out_body(school->box, row.number, &envelope, &sealed, NULL), 0);
    assert_null(memmem(sealed.data, sealed.len, "what", 4));
    assert_int_equal(
        content_open(school->engine, row.thread, row.id, buf_bytes(&sealed), &content, NULL), 0);
    assert_int_equal(content.section_count, 2);
    assert_memory_equal(content.sections[1].payload.data, "what", 4);
    content_fini(&content);
    sealed.data[sealed.len - 1] ^= 1;
    assert_int_equal(
        content_open(school->engine, row.thread, row.id, buf_bytes(&sealed), &content, NULL),
        E_DECRYPT_FAILED);
    buf_fini(&envelope);
    buf_fini(&sealed);
}

/* The session key in the header of a message that was just staged. */
static void session_of(struct fake *fake, struct fake_unit *unit, const char *kind,
                       uint8_t ret_key[32])
{
    struct buf bytes = {0};
    struct arena arena;
    struct envelope envelope;
    struct box_out row;
    uint8_t id[16];
    must_stage(fake, unit, kind, id);
    (void)state_of(unit, id, &row);
    arena_init(&arena, (size_t)1 << 22);
    assert_int_equal(box_out_body(unit->box, row.number, &bytes, NULL, NULL), 0);
    assert_int_equal(envelope_decode(buf_bytes(&bytes), &arena, &envelope, NULL), 0);
    memcpy(ret_key, envelope.head->session_key.data, 32);
    arena_fini(&arena);
    buf_fini(&bytes);
}

static void a_session_key_serves_its_window_and_a_sensitive_message_alone(void **state)
{
    struct fake *fake = *state;
    static const char *const kinds[] = {"notice.bulletin", "notice.bulletin", REPORT, REPORT,
                                        "notice.bulletin", "notice.bulletin"};
    uint8_t keys[8][32];
    for (size_t i = 0; i < 6; i++) session_of(fake, school, kinds[i], keys[i]);
    assert_memory_equal(keys[0], keys[1], 32);     /* one window */
    assert_memory_not_equal(keys[1], keys[2], 32); /* a report has its own */
    assert_memory_not_equal(keys[2], keys[3], 32); /* and so has the next */
    assert_memory_not_equal(keys[3], keys[4], 32); /* which nothing else is sealed under */
    assert_memory_equal(keys[4], keys[5], 32);
    fake->district->now_ms += school->engine->options.session_ms - 1;
    session_of(fake, school, "notice.bulletin", keys[6]);
    assert_memory_equal(keys[5], keys[6], 32);
    fake->district->now_ms++;
    session_of(fake, school, "notice.bulletin", keys[7]);
    assert_memory_not_equal(keys[6], keys[7], 32);
}

static void what_was_sealed_to_a_destroyed_key_is_an_exception(void **state)
{
    struct fake *fake = *state;
    struct box_in in;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    police->keyring.epoch_count = 0;
    fake_run(fake);
    assert_int_equal(box_in_find(police->box, id, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_EXCEPTION);
    assert_int_equal(in.code, E_EPOCH_DESTROYED);
    assert_int_equal(fake->exceptions, 1);
    assert_int_equal(fake->exception_code, -E_EPOCH_DESTROYED);
}

/* ---- a broker that lies -----------------------------------------------------------------------
 */

static uint8_t other_hash[32];
static struct buf other_note;

static void bad_inclusion(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    if (delivery->n_inclusion > 0) delivery->inclusion[0] = fake_binary(other_hash, 32);
}
static void bad_running(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    delivery->running = fake_binary(other_hash, 32);
}
static void gap(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    delivery->position++;
}
static void rolled_back(struct fake *fake, Leadbus__Delivery *delivery)
{
    fake_sign(fake, 1, fake->rows[0][0], &other_note);
    delivery->checkpoint = fake_binary(other_note.data, other_note.len);
}
static void forked(struct fake *fake, Leadbus__Delivery *delivery)
{
    const struct checkpoint *trusted = &police->engine->trusted.checkpoint;
    fake_sign(fake, trusted->size, other_hash, &other_note);
    delivery->checkpoint = fake_binary(other_note.data, other_note.len);
}
static void not_the_brokers_key(struct fake *fake, Leadbus__Delivery *delivery)
{
    struct checkpoint head = {.origin = DISTRICT_ORIGIN, .size = fake->size};
    merkle_frontier_root(&fake->frontier, head.root);
    CHECK(checkpoint_sign(&head, school->keyring.witness_secret, &other_note, NULL) == 0);
    delivery->checkpoint = fake_binary(other_note.data, other_note.len);
}
static void other_time(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    delivery->time_ms++; /* not the record that stands in the journal */
}
static void no_lane(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    delivery->lane = 7;
}

static void lies_of_a_broker_are_refused_with_a_code(void **state)
{
    static const struct {
        void (*bend)(struct fake *fake, Leadbus__Delivery *delivery);
        int code;
        bool alarm;
    } lies[] = {
        {bad_inclusion, E_PROOF_INVALID, true},
        {bad_running, E_ACK_MISMATCH, true},
        {gap, E_ACK_MISMATCH, true},
        {rolled_back, E_JOURNAL_FORKED, true},
        {forked, E_JOURNAL_FORKED, true},
        {not_the_brokers_key, E_NOTE_INVALID, true},
        {other_time, E_PROOF_INVALID, true},
        {no_lane, E_BAD_VALUE, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        struct fake *fake;
        uint8_t id[16];
        uint64_t after_ms;
        assert_int_equal(setup_online((void **)&fake), 0);
        must_stage(fake, school, "notice.bulletin", id);
        fake_run(fake);
        procuratorate->online = false;
        uint64_t last = box_in_last(police->box);
        fake->bend_delivery = lies[i].bend;
        must_stage(fake, school, REPORT, id);
        fake_run(fake);
        assert_int_equal(police->engine->stats.last.code, lies[i].code);
        assert_int_equal(police->engine->stats.refused_frames, 1);
        assert_int_equal(police->engine->stats.alarm_ms != 0, lies[i].alarm);
        assert_int_equal(police->engine->lanes[0].position, 0);
        assert_true(engine_wants_reset(police->engine, &after_ms));
        /* An immediate lead is shown where it is genuine, unproved. */
        struct box_in in;
        if (box_in_last(police->box) > last) {
            assert_int_equal(box_in_get(police->box, last + 1, &in, NULL), 0);
            assert_false(in.proved);
        }
        fake_fini(fake);
        buf_fini(&other_note);
        other_note = (struct buf){0};
    }
}

static void an_immediate_lead_without_proof_is_shown_and_proved_later(void **state)
{
    struct fake *fake = *state;
    struct box_in in;
    uint8_t id[16], running[32];
    memcpy(running, police->running[0], 32);
    fake->bend_delivery = bad_inclusion;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(box_in_find(police->box, id, &in, NULL), 0);
    assert_false(in.proved);
    assert_int_equal(police->engine->lanes[0].position, 0);
    /* The connection is made anew and the same lead comes with its proof. */
    struct box_out row;
    struct buf bytes = {0};
    struct arena arena;
    struct envelope envelope;
    (void)state_of(school, id, &row);
    assert_int_equal(box_out_body(school->box, row.number, &bytes, NULL, NULL), 0);
    engine_disconnected(police->engine, fake_moment(fake));
    fake->bend_delivery = NULL;
    police->position[0] = 0;
    memcpy(police->running[0], running, 32);
    fake_online(fake, police);
    arena_init(&arena, (size_t)8 << 20);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(message);
    assert_int_equal(envelope_from_message(message, &arena, &envelope, NULL), 0);
    fake_deliver(fake, police, row.index, &envelope, message);
    fake_run(fake);
    assert_int_equal(box_in_find(police->box, id, &in, NULL), 0);
    assert_true(in.proved);
    assert_int_equal(in.position, 1);
    assert_int_equal(box_in_last(police->box), 1);
    assert_int_equal(police->engine->lanes[0].acked, 1);
    leadbus__envelope__free_unpacked(message, NULL);
    arena_fini(&arena);
    buf_fini(&bytes);
}

static void wrong_receipt(struct fake *fake, Leadbus__Receipt *receipt)
{
    (void)fake;
    receipt->time_ms++;
}

static void a_receipt_that_proves_nothing_settles_nothing(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint64_t after_ms;
    uint8_t id[16];
    fake->bend_receipt = wrong_receipt;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_QUEUED);
    assert_int_equal(school->engine->stats.alarm.code, E_PROOF_INVALID);
    assert_true(engine_wants_reset(school->engine, &after_ms));
}

static void bent_greeting(struct fake *fake, Leadbus__Welcome *welcome)
{
    fake_sign(fake, 1, fake->rows[0][0], &other_note);
    welcome->checkpoint = fake_binary(other_note.data, other_note.len);
    welcome->n_consistency = 0;
}

static void a_broker_behind_what_we_saw_is_not_greeted(void **state)
{
    struct fake *fake = *state;
    uint64_t after_ms;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    engine_disconnected(school->engine, fake_moment(fake));
    fake_online(fake, school); /* now the newer head is trusted */
    engine_disconnected(school->engine, fake_moment(fake));
    fake->bend_welcome = bent_greeting;
    fake_online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_CONNECTED);
    assert_int_equal(school->engine->stats.alarm.code, E_JOURNAL_FORKED);
    assert_true(engine_wants_reset(school->engine, &after_ms));
    buf_fini(&other_note);
    other_note = (struct buf){0};
    /* The right journal is back: the alarm is over, and what went wrong last is still known. */
    engine_disconnected(school->engine, fake_moment(fake));
    fake->bend_welcome = NULL;
    fake_online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(school->engine->stats.alarm_ms, 0);
    assert_int_equal(school->engine->stats.alarm.code, 0);
    assert_int_equal(school->engine->stats.last.code, E_JOURNAL_FORKED);
    /* A proof that did not hold is no question of which journal answers: that alarm stays. */
    struct error proof;
    (void)error_set(&proof, E_PROOF_INVALID, "proof", "x");
    engine_alarm(school->engine, fake_moment(fake), &proof);
    engine_disconnected(school->engine, fake_moment(fake));
    fake_online(fake, school);
    assert_int_equal(school->engine->link, ENGINE_GREETED);
    assert_int_equal(school->engine->stats.alarm.code, E_PROOF_INVALID);
}

static void bent_proof(struct fake *fake, Leadbus__Proof *proof)
{
    (void)fake;
    if (proof->n_consistency > 0) proof->consistency[0] = fake_binary(other_hash, 32);
}

static void heads_are_trusted_for_good_only_with_a_consistency_proof(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    for (int i = 0; i < 3; i++) {
        must_stage(fake, school, REPORT, id);
        fake_run(fake);
    }
    uint64_t before = school->engine->trusted.checkpoint.size;
    assert_true(school->engine->latest.checkpoint.size > before);
    fake->district->now_ms += 1500;
    assert_int_equal(engine_tick(school->engine, fake_moment(fake), NULL), 0);
    fake_run(fake);
    assert_int_equal(fake->proofs, 2);
    assert_int_equal(school->engine->trusted.checkpoint.size, fake->size);
    for (int i = 0; i < 3; i++) {
        must_stage(fake, school, REPORT, id);
        fake_run(fake);
    }
    fake->bend_proof = bent_proof;
    fake->district->now_ms += 1500;
    before = school->engine->trusted.checkpoint.size;
    assert_int_equal(engine_tick(school->engine, fake_moment(fake), NULL), 0);
    fake_run(fake);
    assert_int_equal(school->engine->trusted.checkpoint.size, before);
    assert_int_equal(school->engine->stats.alarm.code, E_JOURNAL_FORKED);
}

/* ---- a sender that lies --------------------------------------------------------------------- */

static void add_section_bit(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                            void *ctx)
{
    (void)head;
    (void)ctx;
    for (size_t i = 0; i < *count; i++)
        if (recipients[i].act == ENVELOPE_ACT_COPY) recipients[i].sections |= 2;
}
static void drop_last(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                      void *ctx)
{
    (void)head;
    (void)recipients;
    (void)ctx;
    (*count)--;
}

static void recipients_compute_the_route_again_and_report_a_wrong_one(void **state)
{
    struct fake *fake = *state;
    void (*const bends[])(Leadbus__Header *, struct seal_recipient *, size_t *,
                          void *) = {add_section_bit, drop_last};
    for (size_t i = 0; i < 2; i++) {
        struct district_draft draft = {
            .kind = REPORT, .from = "health", .topic = "", .area = "", .bend = bends[i]};
        struct district_letter *letter = district_seal(fake->district, &draft, &(int){0});
        struct bytes bytes = buf_bytes(&letter->sealed.bytes);
        Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
        struct box_in in;
        (void)fake_accept(fake, message, police);
        fake_run(fake);
        assert_int_equal(box_in_find(police->box, letter->id, &in, NULL), 0);
        assert_int_equal(in.type, BOX_IN_EXCEPTION);
        assert_int_equal(in.code, E_ROUTE_MISMATCH);
        assert_int_equal(fake->exceptions, i + 1);
        assert_int_equal(fake->exception_code, -E_ROUTE_MISMATCH);
        assert_int_equal(police->engine->lanes[0].acked, i + 1); /* the queue goes on */
        leadbus__envelope__free_unpacked(message, NULL);
        district_letter_free(letter);
    }
}

static int deliver_letter(struct fake *fake, const struct district_draft *draft,
                          struct fake_unit *unit, struct box_in *ret)
{
    struct district_letter *letter = district_seal(fake->district, draft, &(int){0});
    struct bytes bytes = buf_bytes(&letter->sealed.bytes);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    (void)fake_accept(fake, message, unit);
    fake_run(fake);
    int r = box_in_find(unit->box, letter->id, ret, NULL);
    leadbus__envelope__free_unpacked(message, NULL);
    district_letter_free(letter);
    return r;
}

/* A broker that lets it pass does not make it a person's act. */
static void an_act_that_names_no_officer_is_reported_by_who_receives_it(void **state)
{
    struct fake *fake = *state;
    struct district_draft report = {.kind = REPORT, .from = "health", .topic = "", .area = ""};
    struct district_letter *letter = district_seal(fake->district, &report, &(int){0});
    struct bytes bytes = buf_bytes(&letter->sealed.bytes);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    struct box_in in;
    district_accepted(fake->district, letter, fake_accept(fake, message, police));
    fake_run(fake);
    struct district_draft urge = {
        .kind = "supervision.urge", .from = "health", .topic = "", .area = "", .parent = letter};
    assert_int_equal(deliver_letter(fake, &urge, police, &in), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    urge.nobody = true;
    assert_int_equal(deliver_letter(fake, &urge, police, &in), 0);
    assert_int_equal(in.type, BOX_IN_EXCEPTION);
    assert_int_equal(in.code, E_MISSING_FIELD);
    assert_int_equal(fake->exception_code, -E_MISSING_FIELD);
    leadbus__envelope__free_unpacked(message, NULL);
    district_letter_free(letter);
}

/* Whether the urging unit sent that message the bus alone can know: it decided so. */
static void an_urge_about_what_never_came_here_is_read(void **state)
{
    struct fake *fake = *state;
    struct district_draft report = {.kind = REPORT, .from = "health", .topic = "", .area = ""};
    struct district_letter *letter = district_seal(fake->district, &report, &(int){0});
    struct box_in in;
    district_accepted(fake->district, letter, 1);
    struct district_draft urge = {
        .kind = "supervision.urge", .from = "health", .topic = "", .area = "", .parent = letter};
    assert_int_equal(deliver_letter(fake, &urge, police, &in), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    district_letter_free(letter);
}

static void what_is_not_for_us_is_an_exception(void **state)
{
    struct fake *fake = *state;
    struct district_draft draft = {.kind = REPORT, .from = "health", .topic = "", .area = ""};
    struct district_letter *letter = district_seal(fake->district, &draft, &(int){0});
    struct bytes bytes = buf_bytes(&letter->sealed.bytes);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    (void)fake_accept(fake, message, school);
    fake_run(fake);
    assert_int_equal(fake->exception_code, -E_NOT_A_RECIPIENT);
    leadbus__envelope__free_unpacked(message, NULL);
    district_letter_free(letter);
}

static void more_exceptions_than_one_acknowledgement_holds_go_in_several(void **state)
{
    struct fake *fake = *state;
    enum { COUNT = LIMIT_EXCEPTION_COUNT_MAX * 2 + 5 };
    for (int i = 0; i < COUNT; i++) {
        struct district_draft draft = {.kind = REPORT, .from = "health", .topic = "", .area = ""};
        struct district_letter *letter = district_seal(fake->district, &draft, &(int){0});
        struct bytes bytes = buf_bytes(&letter->sealed.bytes);
        Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
        (void)fake_accept(fake, message, school);
        leadbus__envelope__free_unpacked(message, NULL);
        district_letter_free(letter);
    }
    fake_run(fake);
    assert_int_equal(fake->exceptions, COUNT);
    assert_int_equal(fake->acks, 3);
    assert_int_equal(school->engine->lanes[0].exception_count, 0);
}

/* ---- what a sender counts and a recipient has --------------------------------------------------
 */

static uint64_t missing_before(struct fake_unit *unit, const uint8_t id[16])
{
    struct box_in in;
    assert_int_equal(box_in_find(unit->box, id, &in, NULL), 0);
    return in.missing;
}

/* Whatever overtakes, is refused, or sealed again: nothing that came is called missing. */
static void what_comes_in_another_order_is_not_missing(void **state)
{
    struct fake *fake = *state;
    static const int refusals[] = {0, E_SENDER_NOT_ALLOWED, E_BUNDLE_STALE, E_BUSY};
    uint8_t ids[5][16];
    for (size_t r = 0; r < sizeof refusals / sizeof *refusals; r++) {
        for (int i = 0; i < 3; i++) must_stage(fake, school, "notice.bulletin", ids[i]);
        must_stage(fake, school, REPORT, ids[3]); /* goes first */
        must_stage(fake, school, REPORT, ids[4]);
        fake->refuse_code = (uint32_t)-refusals[r];
        fake_run(fake);
        fake->district->now_ms += 10000;
        fake_run(fake);
        uint64_t total = 0;
        for (uint64_t n = 1; n <= box_in_last(police->box); n++) {
            struct box_in in;
            assert_int_equal(box_in_get(police->box, n, &in, NULL), 0);
            total += in.missing;
        }
        assert_int_equal(total, 0);
    }
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], 19); /* one was refused */
}

static void what_is_withheld_is_counted_by_the_next(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 0);
    police->online = false; /* the broker takes three and says nothing of them */
    for (int i = 0; i < 3; i++) must_stage(fake, school, REPORT, id);
    fake_run(fake);
    police->online = true;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 3);
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 0); /* said once */
    must_stage(fake, school, "notice.bulletin", id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 0); /* another lane */
}

/* From its very first one on: who has the whole lane has the beginning too. */
static void the_first_envelope_may_be_missing_too(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    police->online = false;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    police->online = true;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 1);
}

static void another_hash_before(Leadbus__Header *head, struct seal_recipient *recipients,
                                size_t *count, void *ctx)
{
    (void)head;
    (void)ctx;
    for (size_t i = 0; i < *count; i++) recipients[i].previous_hash[0] ^= 1;
}

/* As many, but not the same: two recipients of one sender were told two stories. */
static void a_fork_of_what_a_sender_sent_shows(void **state)
{
    struct fake *fake = *state;
    for (int i = 0; i < 3; i++) {
        struct district_draft draft = {.kind = REPORT,
                                       .from = "health",
                                       .topic = "",
                                       .area = "",
                                       .bend = i == 2 ? another_hash_before : NULL};
        struct district_letter *letter = district_seal(fake->district, &draft, &(int){0});
        struct bytes bytes = buf_bytes(&letter->sealed.bytes);
        Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
        (void)fake_accept(fake, message, police);
        fake_run(fake);
        assert_int_equal(missing_before(police, letter->id), i == 2 ? 1 : 0);
        leadbus__envelope__free_unpacked(message, NULL);
        district_letter_free(letter);
    }
}

/* ---- a store that is older than the journal
 * ------------------------------------------------------
 */

/* What the journal holds as acknowledged of the police. */
static void welcome_acknowledged(struct fake *fake, Leadbus__Welcome *welcome)
{
    static Leadbus__LanePosition rows[2], *list[2];
    (void)fake;
    for (unsigned i = 0; i < 2; i++) {
        leadbus__lane_position__init(&rows[i]);
        rows[i].lane = i;
        rows[i].position = police->position[i];
        rows[i].running = fake_binary(police->running[i], 32);
        list[i] = &rows[i];
    }
    welcome->n_lanes = 2;
    welcome->lanes = list;
}

/* COUNT reports came and were acknowledged; then the police's store is an empty one. */
enum { AGAIN_COUNT = 20 };
static void lose_store(struct fake *fake, uint8_t ids[AGAIN_COUNT][16])
{
    for (int i = 0; i < AGAIN_COUNT; i++) must_stage(fake, school, REPORT, ids[i]);
    fake_run(fake);
    assert_int_equal(police->engine->lanes[0].acked, AGAIN_COUNT);
    engine_free(police->engine);
    box_close(police->box);
    police->online = false;
    fake_start(fake, police, ":memory:", NULL);
    fake->bend_welcome = welcome_acknowledged;
}

static void what_was_acknowledged_and_lost_comes_again(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[AGAIN_COUNT][16], id[16];
    struct box_in in;
    lose_store(fake, ids);
    fake_online(fake, police);
    assert_int_equal(fake->again_asked, 2); /* pages */
    for (int i = 0; i < AGAIN_COUNT; i++) {
        assert_int_equal(box_in_find(police->box, ids[i], &in, NULL), 0);
        assert_int_equal(in.position, i + 1);
        assert_true(in.proved);
    }
    assert_int_equal(police->engine->stats.alarm_ms, 0);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], AGAIN_COUNT);
    assert_false(police->engine->lanes[0].apart);
    /* New ones go on behind, and none is missing. */
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(missing_before(police, id), 0);
    assert_int_equal(police->engine->lanes[0].acked, AGAIN_COUNT + 1);
}

static void skip_one_again(struct fake *fake, Leadbus__Delivery *delivery)
{
    (void)fake;
    if (delivery->again && delivery->position == 8) delivery->position = 0;
}

/* The whole of it must give the hash that was acknowledged: one in the place of another shows. */
static void what_comes_again_is_held_against_what_was_acknowledged(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[AGAIN_COUNT][16];
    lose_store(fake, ids);
    police->running[0][0] ^= 1; /* as if the journal held another history */
    fake_online(fake, police);
    assert_int_equal(police->engine->stats.alarm.code, E_ACK_MISMATCH);
    assert_true(police->engine->lanes[0].apart);
    assert_int_equal(police->engine->lanes[0].again.at, AGAIN_COUNT); /* it is over all the same */
}

/* What is left out is waited for, and asked for once more. */
static void a_gap_in_what_comes_again_is_asked_for(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[AGAIN_COUNT][16];
    lose_store(fake, ids);
    fake->bend_delivery = skip_one_again;
    fake_online(fake, police);
    assert_int_equal(police->engine->lanes[0].again.at, 7);
    fake->bend_delivery = NULL;
    assert_int_equal(fake->again_asked, 1);
    assert_true(engine_next_ms(police->engine) <= fake->district->now_ms + 15000);
    fake->district->now_ms += 15000;
    fake_run(fake);
    assert_int_equal(police->engine->lanes[0].again.at, AGAIN_COUNT);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], AGAIN_COUNT);
}

/* ---- refusals ------------------------------------------------------------------------------- */

static void a_stale_bundle_is_fetched_and_the_message_sealed_again(void **state)
{
    struct fake *fake = *state;
    struct box_out row, before;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    (void)state_of(school, id, &before);
    fake->refuse_code = (uint32_t)-E_BUNDLE_STALE;
    fake->bundle = 2;
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(trust_bundle_version(school->engine->bundle), 2);
    assert_int_equal(row.seq, before.seq);
    assert_memory_not_equal(row.hash, before.hash, 32);
    /* Recipients that still hold version 1 fetch it before they judge. */
    assert_int_equal(trust_bundle_version(police->engine->bundle), 2);
    assert_int_equal(fake->exceptions, 0);
}

/* The header of a message as it would be sent now, and what it says of the police. */
struct outgoing {
    struct buf bytes;
    struct arena arena;
    struct envelope envelope;
    const Leadbus__Recipient *police;
};

static void outgoing_read(struct fake_unit *from, const uint8_t id[16], struct outgoing *ret)
{
    struct box_out row;
    (void)state_of(from, id, &row);
    *ret = (struct outgoing){0};
    arena_init(&ret->arena, (size_t)8 << 20);
    assert_int_equal(box_out_body(from->box, row.number, &ret->bytes, NULL, NULL), 0);
    assert_int_equal(envelope_decode(buf_bytes(&ret->bytes), &ret->arena, &ret->envelope, NULL), 0);
    int at = envelope_recipient_find(&ret->envelope, "police-hedong");
    assert_true(at >= 0);
    ret->police = ret->envelope.head->recipients[at];
}

static void outgoing_fini(struct outgoing *outgoing)
{
    arena_fini(&outgoing->arena);
    buf_fini(&outgoing->bytes);
}

/* Stages a report and compares what it is sealed to. key NULL: to nothing. */
static void check_sealed_to(struct fake *fake, const uint8_t key[32])
{
    struct outgoing sent;
    uint8_t id[16], fingerprint[16];
    must_stage(fake, school, REPORT, id);
    outgoing_read(school, id, &sent);
    assert_int_equal(sent.police->epoch, key ? 1 : 0);
    assert_int_equal(sent.envelope.head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED,
                     key ? 0 : LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED);
    if (key) {
        envelope_epoch_fingerprint(key, fingerprint);
        assert_memory_equal(sent.police->epoch_key.data, fingerprint, 16);
    }
    outgoing_fini(&sent);
}

static void install(struct fake *fake, uint64_t version)
{
    struct buf bytes = {0};
    district_bundle_bytes(fake->district, version, &bytes);
    fake->bundle = version;
    assert_int_equal(
        engine_bundle_install(school->engine, fake_moment(fake), buf_bytes(&bytes), NULL), 0);
    buf_fini(&bytes);
}

static int try_install(struct fake *fake, uint64_t version)
{
    struct buf bytes = {0};
    struct error error = {0};
    district_bundle_bytes(fake->district, version, &bytes);
    int r = engine_bundle_install(school->engine, fake_moment(fake), buf_bytes(&bytes), &error);
    buf_fini(&bytes);
    return r;
}

/* Authorities that sign another past, or take a revocation back, are not followed. */
static void a_bundle_that_does_not_go_on_from_ours_is_refused(void **state)
{
    struct fake *fake = *state;
    struct district *district = fake->district;
    district->manifest_hashes[1][0] ^= 1;
    assert_int_equal(try_install(fake, 2), E_BUNDLE_ROLLBACK);
    assert_int_equal(trust_bundle_version(school->engine->bundle), 1);
    district->manifest_hashes[1][0] ^= 1;
    district_unit(district, "health")->revoked = true;
    install(fake, 2);
    assert_int_equal(trust_bundle_version(school->engine->bundle), 2);
    assert_int_equal(district->revocation_count, 1);
    uint64_t since_ms = district->revocations[0].time_ms;
    district->revocations[0].time_ms = since_ms + 1;
    assert_int_equal(try_install(fake, 3), E_BUNDLE_ROLLBACK);
    assert_int_equal(trust_bundle_version(school->engine->bundle), 2);
    district->revocations[0].time_ms = since_ms;
    install(fake, 3);
    assert_int_equal(trust_bundle_version(school->engine->bundle), 3);
}

/* Whoever holds a keyring that was revoked or replaced reads nothing that is sealed from then on.
 */
static void nothing_is_sealed_to_a_keyring_that_is_lost(void **state)
{
    struct fake *fake = *state;
    struct district_unit *unit = district_unit(fake->district, "police-hedong");
    check_sealed_to(fake, unit->epoch_public);
    fake_run(fake);
    district_enrol_again(fake->district, "police-hedong");
    install(fake, 2);
    check_sealed_to(fake, unit->epoch_public);
    fake_run(fake);
    assert_int_equal(fake->exception_code, -E_EPOCH_DESTROYED); /* the lost keyring got it */
    unit->revoked = true;
    install(fake, 3);
    check_sealed_to(fake, NULL);
    district_enrol_again(fake->district, "police-hedong");
    install(fake, 4);
    check_sealed_to(fake, unit->epoch_public);
}

/* A certificate that has run out takes its keys with it, by the bus's time. */
static void a_key_is_none_once_its_certificate_has_run_out(void **state)
{
    struct fake *fake = *state;
    struct district_unit *unit = district_unit(fake->district, "police-hedong");
    unit->not_after_ms = fake->district->now_ms + 3600000;
    install(fake, 2);
    check_sealed_to(fake, unit->epoch_public);
    school->engine->stats.clock_offset_ms = 3600000;
    check_sealed_to(fake, NULL);
}

static void what_outlived_its_recipients_key_is_sealed_again_and_says_so(void **state)
{
    struct fake *fake = *state;
    const uint64_t day_ms = DISTRICT_DAY_MS;
    struct outgoing sent;
    struct box_out row;
    uint8_t id[16];
    uint64_t staged_ms = fake->district->now_ms;
    must_stage(fake, school, REPORT, id);
    fake->district->now_ms += 9 * day_ms;
    fake->refuse_code = (uint32_t)-E_EPOCH_EXPIRED;
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(fake->submits, 2);
    outgoing_read(school, id, &sent);
    assert_int_equal(sent.envelope.head->created_ms, fake->district->now_ms);
    assert_int_equal(sent.envelope.head->occurred_ms, staged_ms);
    assert_true(sent.envelope.head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE);
    outgoing_fini(&sent);
}

static void a_busy_broker_is_asked_again_when_it_said(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16];
    fake->refuse_code = (uint32_t)-E_BUSY;
    fake->retry_after_ms = 3000;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_QUEUED);
    assert_int_equal(row.code, E_BUSY);
    assert_int_equal(engine_next_ms(school->engine), fake->district->now_ms + 3000);
    assert_int_equal(fake->submits, 1);
    fake->district->now_ms += 3000;
    fake_run(fake);
    assert_int_equal(fake->submits, 2);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
}

static void what_is_refused_for_good_stays_visible_with_its_code(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    uint8_t id[16];
    fake->refuse_code = (uint32_t)-E_SENDER_NOT_ALLOWED;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_REFUSED);
    assert_int_equal(row.code, E_SENDER_NOT_ALLOWED);
    assert_string_equal(row.detail, "in English");
    assert_string_equal(row.detail_zh, "");
    assert_int_equal(school->engine->pending_count, 0);
    /* With its words in both languages, where the broker has them. */
    fake->refuse_code = (uint32_t)-E_SENDER_NOT_ALLOWED;
    fake->refuse_detail_zh = "中文的说明";
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_REFUSED);
    assert_string_equal(row.detail, "in English");
    assert_string_equal(row.detail_zh, "中文的说明");
    /* One that waits says so too, and nothing is left of it once it is through. */
    fake->refuse_code = (uint32_t)-E_BUSY;
    fake->retry_after_ms = 5000;
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_QUEUED);
    assert_string_equal(row.detail_zh, "中文的说明");
    fake->district->now_ms += 5000;
    fake_run(fake);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
    assert_string_equal(row.detail, "");
    assert_string_equal(row.detail_zh, "");
}

static int act(struct fake *fake, struct fake_unit *from, const char *kind, const uint8_t *parent,
               uint8_t id[16], struct error *error)
{
    struct seal_section section = {"receipt", {(const uint8_t *)"ok", 2}};
    struct engine_draft draft = {.kind = kind,
                                 .topic = "",
                                 .area = "",
                                 .officer = "P-1",
                                 .purpose = "",
                                 .parent = parent,
                                 .sections = &section,
                                 .section_count = 1};
    return engine_stage(from->engine, fake_moment(fake), &draft, id, error);
}

/* ---- alerts that are over
 * ------------------------------------------------------------------------
 */

static void must_say(struct fake *fake, const char *kind, const char *topic, const uint8_t *parent,
                     uint8_t id[16])
{
    struct seal_section section = {"alert", {(const uint8_t *)"blue coat", 9}};
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = "",
                                 .officer = "P-1",
                                 .purpose = "",
                                 .parent = parent,
                                 .sections = &section,
                                 .section_count = 1};
    struct error error = {0};
    int r = engine_stage(police->engine, fake_moment(fake), &draft, id, &error);
    if (r < 0) fail_msg("%s %s: %s %s", kind, topic, error.field, error.detail);
    fake_run(fake);
}

/* How much of its content is kept. */
static size_t kept_of(struct fake_unit *unit, const uint8_t id[16])
{
    struct box_in in;
    struct buf record = {0}, sealed = {0}, envelope = {0};
    assert_int_equal(box_in_find(unit->box, id, &in, NULL), 0);
    assert_int_equal(box_in_body(unit->box, in.number, &record, &sealed, &envelope, NULL), 0);
    assert_true(record.len > 0 && in.proved); /* the header and its proof stay */
    size_t kept = sealed.len + envelope.len;
    buf_fini(&record);
    buf_fini(&sealed);
    buf_fini(&envelope);
    return kept;
}

static void who_confirms_a_deletion_has_deleted_every_revision(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct error error = {0};
    uint8_t first[16], second[16], over[16], signed_id[16], gone[16];
    must_say(fake, "alert.missing-child", "issue", NULL, first);
    must_say(fake, "alert.missing-child", "update", first, second);
    must_say(fake, "alert.missing-child-cancel", "", second, over);
    assert_true(kept_of(school, first) > 0 && kept_of(school, second) > 0);
    /* What is refused deletes nothing. */
    assert_int_equal(act(fake, school, "receipt.deleted", over, gone, &error), E_LIFECYCLE_ORDER);
    assert_true(kept_of(school, first) > 0);
    assert_int_equal(act(fake, school, "receipt.signed", over, signed_id, NULL), 0);
    assert_int_equal(act(fake, school, "receipt.deleted", over, gone, NULL), 0);
    assert_int_equal(kept_of(school, first), 0);
    assert_int_equal(kept_of(school, second), 0);
    assert_true(kept_of(school, over) > 0); /* why it is over holds nothing of the child */
    fake_run(fake);
    assert_int_equal(state_of(school, gone, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], 2);
    /* The sender keeps its own. */
    struct buf envelope = {0}, sealed = {0};
    (void)state_of(police, second, &row);
    assert_int_equal(box_out_body(police->box, row.number, &envelope, &sealed, NULL), 0);
    assert_true(sealed.len > 0);
    buf_fini(&envelope);
    buf_fini(&sealed);
}

/* An alert that states a number, or a stand-down: field 1 of both. */
static int state_revision(struct fake *fake, const char *kind, const char *topic,
                          const uint8_t *parent, uint8_t revision, uint8_t id[16],
                          struct error *error)
{
    const uint8_t bytes[] = {0x08, revision};
    struct seal_section section = {"alert", {bytes, sizeof bytes}};
    struct engine_draft draft = {.kind = kind,
                                 .topic = topic,
                                 .area = "",
                                 .officer = "P-1",
                                 .purpose = "",
                                 .parent = parent,
                                 .sections = &section,
                                 .section_count = 1};
    int r = engine_stage(police->engine, fake_moment(fake), &draft, id, error);
    if (r == 0) fake_run(fake);
    return r;
}

static void expect_revision(struct fake_unit *unit, const uint8_t id[16], uint32_t stated,
                            uint32_t expected)
{
    uint32_t found[2];
    assert_int_equal(engine_revision_find(unit->engine, id, &found[0], &found[1], NULL), 0);
    assert_int_equal(found[0], stated);
    assert_int_equal(found[1], expected);
}

static void revisions_rise_by_one_and_others_are_marked(void **state)
{
    struct fake *fake = *state;
    static const char ALERT[] = "alert.missing-child", OVER[] = "alert.missing-child-cancel";
    struct error error = {0};
    struct box_out row;
    struct buf envelope = {0}, sealed = {0};
    uint8_t first[16], next[16], third[16], over[16];
    assert_int_equal(state_revision(fake, ALERT, "issue", NULL, 2, first, &error), E_BAD_VALUE);
    assert_string_equal(error.field, "alert.revision");
    assert_int_equal(state_revision(fake, ALERT, "issue", NULL, 1, first, &error), 0);
    static const uint8_t wrong[] = {1, 3, 100};
    for (size_t i = 0; i < sizeof wrong; i++)
        assert_int_equal(state_revision(fake, ALERT, "update", first, wrong[i], next, &error),
                         E_BAD_VALUE);
    assert_int_equal(state_revision(fake, ALERT, "update", first, 2, next, &error), 0);
    assert_int_equal(state_revision(fake, OVER, "", next, 1, over, &error), E_BAD_VALUE);
    assert_int_equal(state_revision(fake, OVER, "", next, 3, over, &error), E_BAD_VALUE);
    expect_revision(school, first, 1, 1);
    expect_revision(school, next, 2, 2);
    expect_revision(police, next, 2, 2);
    /* A sender that does not know what it sent is not held to it; who has it tells its reader. */
    const uint8_t *lost[] = {first, next};
    for (size_t i = 0; i < 2; i++) {
        (void)state_of(police, lost[i], &row);
        assert_int_equal(box_out_body(police->box, row.number, &envelope, &sealed, NULL), 0);
        assert_int_equal(
            box_out_reseal(police->box, row.number, buf_bytes(&envelope), (struct bytes){0}, NULL),
            0);
    }
    assert_int_equal(state_revision(fake, ALERT, "update", next, 7, third, &error), 0);
    assert_true(kept_of(school, third) > 0); /* and it is kept */
    expect_revision(school, third, 7, 3);
    assert_int_equal(state_revision(fake, OVER, "", third, 7, over, &error), 0);
    expect_revision(school, over, 7, 7);
    expect_revision(school, first, 1, 1); /* by what came before it */
    buf_fini(&envelope);
    buf_fini(&sealed);
}

static void an_act_names_its_officer_or_is_not_sealed(void **state)
{
    struct fake *fake = *state;
    const char *const nobody[] = {NULL, ""};
    struct seal_section section = {"receipt", {(const uint8_t *)"ok", 2}};
    uint8_t id[16], act_id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    struct engine_draft draft = {.kind = "receipt.signed",
                                 .topic = "",
                                 .area = "",
                                 .purpose = "",
                                 .parent = id,
                                 .sections = &section,
                                 .section_count = 1};
    for (size_t i = 0; i < 2; i++) {
        struct error error = {0};
        draft.officer = nobody[i];
        assert_int_equal(engine_stage(police->engine, fake_moment(fake), &draft, act_id, &error),
                         E_MISSING_FIELD);
        assert_string_equal(error.field, "officer");
        assert_non_null(strstr(error_detail(&error, LANG_ZH), "经办人代码"));
    }
    assert_int_equal(police->engine->pending_count, 0);
    draft.officer = "P-1";
    assert_int_equal(engine_stage(police->engine, fake_moment(fake), &draft, act_id, NULL), 0);
}

/* A question to verify is closed with the codes of an answer, whatever the answering unit's
 * software or the broker would let through. */
static void an_answer_outside_the_codes_is_refused_at_both_ends(void **state)
{
    struct fake *fake = *state;
    struct seal_section question = {"full", {(const uint8_t *)"who", 3}};
    struct seal_section answer = {"receipt", {(const uint8_t *)"", 0}};
    struct error error = {0};
    struct box_in in;
    uint8_t id[16], own[16];
    struct engine_draft draft = {.kind = "notice.verify",
                                 .topic = "staff-vetting",
                                 .area = "",
                                 .officer = "S-1",
                                 .purpose = "",
                                 .sections = &question,
                                 .section_count = 1};
    assert_int_equal(engine_stage(school->engine, fake_moment(fake), &draft, id, NULL), 0);
    fake_run(fake);
    assert_int_equal(act(fake, police, "receipt.signed", id, own, NULL), 0);
    fake_run(fake);
    draft.kind = "receipt.closed";
    draft.topic = "done";
    draft.parent = id;
    draft.sections = &answer;
    assert_int_equal(engine_stage(police->engine, fake_moment(fake), &draft, own, &error),
                     E_TOPIC_UNKNOWN);
    assert_string_equal(error.field, "topic");
    assert_non_null(strstr(error.detail, "confirmed, not-confirmed, referred"));
    draft.topic = "not-confirmed";
    assert_int_equal(engine_stage(police->engine, fake_moment(fake), &draft, own, NULL), 0);
    fake_run(fake);
    assert_int_equal(box_in_find(school->box, own, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    /* the same from a unit that does not look, through a broker that does not */
    struct district_draft asked = {
        .kind = "notice.verify", .topic = "staff-vetting", .from = "education", .id = id};
    struct district_letter *letter = district_seal(fake->district, &asked, &(int){0});
    district_accepted(fake->district, letter, 1);
    struct district_draft done = {.kind = "receipt.closed",
                                  .topic = "done",
                                  .area = "",
                                  .from = "procuratorate",
                                  .parent = letter};
    assert_int_equal(deliver_letter(fake, &done, school, &in), 0);
    assert_int_equal(in.type, BOX_IN_EXCEPTION);
    assert_int_equal(in.code, E_TOPIC_UNKNOWN);
    assert_int_equal(fake->exception_code, -E_TOPIC_UNKNOWN);
    district_letter_free(letter);
}

static void a_thread_that_moved_is_sealed_to_who_is_on_it_now(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct engine_thread thread;
    uint8_t id[16], signed_id[16], accepted_id[16], progress_id[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(act(fake, police, "receipt.signed", id, signed_id, NULL), 0);
    assert_int_equal(act(fake, police, "receipt.accepted", id, accepted_id, NULL), 0);
    fake_run(fake);
    const char *now[] = {"education", "police-hedong", "procuratorate", "court"};
    const uint32_t roles[] = {ROUTE_ROLE_ORIGINATOR, ROUTE_ROLE_SIGNER, ROUTE_ROLE_COPY,
                              ROUTE_ROLE_COPY};
    memcpy(fake->participants, now, sizeof now);
    memcpy(fake->participant_roles, roles, sizeof roles);
    fake->participant_count = 4;
    fake->refuse_code = (uint32_t)-E_THREAD_MOVED;
    assert_int_equal(act(fake, police, "receipt.progress", id, progress_id, NULL), 0);
    fake_run(fake);
    assert_int_equal(state_of(police, progress_id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(engine_thread_load(police->engine, NULL, id, &thread, NULL), 0);
    assert_true(thread_has(&thread.thread, "court"));
    engine_thread_fini(&thread);
    assert_int_equal(procuratorate->engine->stats.in_type[BOX_IN_MESSAGE], 2);
    assert_int_equal(fake->exceptions, 0);
}

static void a_refused_act_is_undone_on_the_thread(void **state)
{
    struct fake *fake = *state;
    struct engine_thread thread;
    struct error error = {0};
    uint8_t id[16], other[16];
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(act(fake, police, "receipt.accepted", id, other, &error), E_LIFECYCLE_ORDER);
    assert_int_equal(act(fake, procuratorate, "receipt.signed", id, other, &error),
                     E_LIFECYCLE_ROLE);
    assert_int_equal(act(fake, police, "receipt.signed", other, other, &error), E_PARENT_UNKNOWN);
    fake->refuse_code = (uint32_t)-E_LIFECYCLE_ORDER;
    assert_int_equal(act(fake, police, "receipt.signed", id, other, &error), 0);
    fake_run(fake);
    assert_int_equal(engine_thread_load(police->engine, NULL, id, &thread, NULL), 0);
    assert_int_equal(thread.thread.leg_count, 1);
    assert_int_equal(thread.thread.legs[0].state, LIFECYCLE_DELIVERED);
    engine_thread_fini(&thread);
    assert_int_equal(act(fake, police, "receipt.signed", id, other, &error), 0);
    fake_run(fake);
    assert_int_equal(engine_thread_load(school->engine, NULL, id, &thread, NULL), 0);
    assert_int_equal(thread.thread.legs[0].state, LIFECYCLE_SIGNED);
    engine_thread_fini(&thread);
}

/* ---- rewraps ------------------------------------------------------------------------------------
 */

/* The police have a keyring with a key that nobody knows of until they publish it. */
static int setup_unkeyed(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    struct district_unit *unit = district_unit(fake.district, "police-hedong");
    unit->epoch = 0;
    school = fake_add(&fake, "education");
    police = fake_add(&fake, "police-hedong");
    police->keyring.epochs[0].number = 1;
    *state = &fake;
    return 0;
}

/* From now on the key of their keyring is known. */
static void publish_police(struct fake *fake, uint64_t version)
{
    district_unit(fake->district, "police-hedong")->epoch = 1;
    install(fake, version);
    fake_run(fake);
}

static void check_full(struct fake_unit *unit, const uint8_t id[16])
{
    struct buf sealed = {0};
    struct content content;
    struct box_in in;
    assert_int_equal(box_in_find(unit->box, id, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    assert_int_equal(in.code, 0);
    assert_int_equal(box_in_body(unit->box, in.number, NULL, &sealed, NULL, NULL), 0);
    assert_int_equal(
        content_open(unit->engine, in.thread, in.id, buf_bytes(&sealed), &content, NULL), 0);
    assert_int_equal(content.section_count, 2);
    assert_memory_equal(content.sections[1].payload.data, "what", 4);
    content_fini(&content);
    buf_fini(&sealed);
}

/* A report about a person with that identity number. */
static void stage_about(struct fake *fake, const char *number, uint8_t id[16])
{
    Leadbus__Payload__Person person = LEADBUS__PAYLOAD__PERSON__INIT, *persons[] = {&person};
    Leadbus__Payload__MandatoryFull full = LEADBUS__PAYLOAD__MANDATORY_FULL__INIT;
    struct buf bytes = {0};
    person.id_number = (char *)(uintptr_t)number;
    full.n_persons = 1;
    full.persons = persons;
    message_encode(&full.base, &bytes);
    const struct seal_section sections[] = {report_sections[0], {"full", buf_bytes(&bytes)}};
    const struct engine_draft draft = {.kind = REPORT,
                                       .topic = "",
                                       .area = "",
                                       .officer = "",
                                       .purpose = "",
                                       .sections = sections,
                                       .section_count = 2};
    assert_int_equal(engine_stage(school->engine, fake_moment(fake), &draft, id, NULL), 0);
    buf_fini(&bytes);
}

/* What both reports have in common is not known before they are open. */
static void what_a_rewrap_opens_is_compared_then(void **state)
{
    struct fake *fake = *state;
    struct box_same found[2];
    size_t count = 9;
    bool more;
    uint8_t ids[2][16];
    fake_online(fake, police);
    fake_online(fake, school);
    for (int i = 0; i < 2; i++) stage_about(fake, "11010519491231002X", ids[i]);
    fake_run(fake);
    assert_int_equal(box_same_of(police->box, ids[0], found, 2, &count, &more, NULL), 0);
    assert_int_equal(count, 0);
    publish_police(fake, 2);
    assert_int_equal(box_same_of(police->box, ids[0], found, 2, &count, &more, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(found[0].what, "identity");
    assert_memory_equal(found[0].thread, ids[1], 16);
}

static void who_had_no_key_reads_it_once_there_is_one(void **state)
{
    struct fake *fake = *state;
    uint8_t ids[3][16];
    fake_online(fake, police);
    fake_online(fake, school);
    for (int i = 0; i < 3; i++) must_stage(fake, school, REPORT, ids[i]);
    fake_run(fake);
    assert_int_equal(fake->exception_code, -E_REWRAP_NEEDED);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_EXCEPTION], 3);
    assert_int_equal(school->engine->rewrap.owed, 3);
    assert_int_equal(fake->rewraps, 0);
    publish_police(fake, 2);
    assert_int_equal(fake->rewraps, 3);
    assert_int_equal(school->engine->rewrap.owed, 0);
    for (int i = 0; i < 3; i++) check_full(police, ids[i]);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_EXCEPTION], 0);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_MESSAGE], 3);
    /* A person can sign for it now. */
    uint8_t receipt[16];
    assert_int_equal(act(fake, police, "receipt.signed", ids[0], receipt, NULL), 0);
}

/* The notice lies in another lane than the original and may be faster. */
static void a_rewrap_that_comes_first_waits_for_what_it_opens(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct buf bytes = {0};
    struct arena arena;
    struct envelope envelope;
    uint8_t id[16];
    fake_online(fake, school);
    must_stage(fake, school, REPORT, id);
    fake_run(fake); /* the police are away */
    fake_online(fake, police);
    publish_police(fake, 2);
    assert_int_equal(fake->rewraps, 1);
    assert_int_equal(police->engine->stats.in_type[BOX_IN_NOTICE], 1);
    (void)state_of(school, id, &row);
    assert_int_equal(box_out_body(school->box, row.number, &bytes, NULL, NULL), 0);
    arena_init(&arena, (size_t)8 << 20);
    Leadbus__Envelope *message = leadbus__envelope__unpack(NULL, bytes.len, bytes.data);
    assert_non_null(message);
    assert_int_equal(envelope_from_message(message, &arena, &envelope, NULL), 0);
    fake_deliver(fake, police, row.index, &envelope, message);
    fake_run(fake);
    check_full(police, id);
    leadbus__envelope__free_unpacked(message, NULL);
    arena_fini(&arena);
    buf_fini(&bytes);
}

/* A keyring that was lost: the recipient says so of each message, and its sender seals the original
 * keys to the new one. */
static void what_a_lost_keyring_could_have_opened_is_rewrapped(void **state)
{
    struct fake *fake = *state;
    struct district_unit *unit = district_unit(fake->district, "police-hedong");
    uint8_t id[16];
    fake->tell = school;
    district_enrol_again(fake->district, "police-hedong"); /* the school does not know yet */
    engine_free(police->engine);
    box_close(police->box);
    fake_keyring(unit, fake->district->epoch_not_before_ms, fake->district->epoch_not_after_ms,
                 &police->keyring);
    fake_start_with(fake, police, ":memory:", 2, NULL);
    fake_online(fake, police);
    must_stage(fake, school, REPORT, id);
    fake->refuse_rewrap = (uint32_t)-E_EPOCH_UNKNOWN; /* to the lost key, which the bus knows of */
    fake_run(fake);
    assert_int_equal(fake->exception_code, -E_EPOCH_DESTROYED);
    assert_int_equal(fake->rewraps, 1);
    assert_int_equal(school->engine->rewrap.owed, 1);
    install(fake, 2);
    fake_run(fake);
    assert_int_equal(fake->rewraps, 2);
    check_full(police, id);
    /* The sender reads which message it was about. */
    struct box_in in;
    assert_int_equal(box_in_get(school->box, 1, &in, NULL), 0);
    assert_int_equal(in.notice, 2);
    assert_memory_equal(in.id, id, 16);
    assert_int_equal(in.code, E_EPOCH_DESTROYED);
}

static void a_refused_rewrap_is_made_again_or_given_up(void **state)
{
    struct fake *fake = *state;
    uint8_t id[16];
    fake_online(fake, police);
    fake_online(fake, school);
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    fake->refuse_rewrap = (uint32_t)-E_QUOTA;
    fake->retry_after_ms = 30000;
    publish_police(fake, 2);
    assert_int_equal(fake->rewraps, 1);
    assert_int_equal(school->engine->rewrap.owed, 1);
    assert_true(engine_next_ms(school->engine) <= fake->district->now_ms + 30000);
    fake->district->now_ms += 30000;
    fake->refuse_rewrap = (uint32_t)-E_NOT_FOUND;
    fake_run(fake);
    assert_int_equal(fake->rewraps, 2);
    assert_int_equal(school->engine->rewrap.owed, 0);
    assert_int_equal(school->engine->stats.last.code, E_NOT_FOUND);
}

static void a_rewrap_without_an_answer_goes_again_as_it_is(void **state)
{
    struct fake *fake = *state;
    struct buf first, again;
    uint8_t id[16];
    fake_online(fake, police);
    fake_online(fake, school);
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    district_unit(fake->district, "police-hedong")->epoch = 1;
    install(fake, 2);
    fake_run(fake); /* keys asked for, and the rewrap sent and answered */
    assert_int_equal(fake->rewraps, 1);
    must_stage(fake, school, REPORT, id);
    fake_run(fake);
    assert_int_equal(box_rewrap_owe(school->box, "police-hedong", 1, &(bool){false}, NULL), 0);
    school->engine->rewrap.owed++;
    engine_rewrap_wake(school->engine, false);
    assert_int_equal(engine_flush(school->engine, fake_moment(fake), NULL), 0);
    assert_true(engine_out(school->engine, &first)); /* lost on the wire */
    assert_int_equal(engine_flush(school->engine, fake_moment(fake), NULL), 0);
    assert_false(engine_out(school->engine, &again));
    fake->district->now_ms += 15000;
    assert_int_equal(engine_flush(school->engine, fake_moment(fake), NULL), 0);
    assert_true(engine_out(school->engine, &again));
    assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&again)));
    buf_fini(&first);
    buf_fini(&again);
}

/* ---- bounds and time --------------------------------------------------------------------------
 */

static void a_full_outbox_is_an_error_but_not_for_an_immediate_lead(void **state)
{
    struct fake *fake = *state;
    struct error error = {0};
    uint8_t id[16];
    for (int i = 0; i < 100; i++) must_stage(fake, school, "notice.bulletin", id);
    assert_int_equal(stage(fake, school, "notice.bulletin", id, &error), E_OUTBOX_FULL);
    must_stage(fake, school, REPORT, id);
    fake_online(fake, school);
    assert_int_equal(school->engine->pending_count, 0);
    assert_int_equal(school->engine->stats.out_state[BOX_OUT_RECEIPTED], 101);
}

/* Past the bundle's hard limit the police sign for an immediate lead, and for nothing else. */
static void what_nothing_may_block_is_answered_past_the_hard_limit(void **state)
{
    struct fake *fake = *state;
    struct box_out row;
    struct error error = {0};
    uint8_t lead[16], bulletin[16], id[16];
    must_stage(fake, school, REPORT, lead);
    must_stage(fake, school, "notice.bulletin", bulletin);
    fake_run(fake);
    fake->district->now_ms = fake->district->hard_limit_ms;
    assert_int_equal(act(fake, police, "receipt.signed", bulletin, id, &error), E_BUNDLE_EXPIRED);
    assert_int_equal(stage(fake, police, "notice.bulletin", id, &error), E_BUNDLE_EXPIRED);
    assert_int_equal(act(fake, police, "receipt.signed", lead, id, &error), 0);
    fake_run(fake);
    assert_int_equal(state_of(police, id, &row), BOX_OUT_RECEIPTED);
}

static void what_was_sent_without_an_answer_goes_again_after_a_reconnect(void **state)
{
    struct fake *fake = *state;
    struct buf frame;
    struct box_out row;
    uint8_t id[16];
    must_stage(fake, school, REPORT, id);
    assert_int_equal(engine_flush(school->engine, fake_moment(fake), NULL), 0);
    assert_int_equal(box_commit(school->box, NULL), 0);
    while (engine_out(school->engine, &frame)) buf_fini(&frame); /* lost on the wire */
    assert_int_equal(school->engine->sent_count, 1);
    engine_disconnected(school->engine, fake_moment(fake));
    assert_int_equal(school->engine->sent_count, 0);
    fake_online(fake, school);
    assert_int_equal(state_of(school, id, &row), BOX_OUT_RECEIPTED);
    assert_int_equal(box_in_last(police->box), 1);
}

static void a_silent_broker_is_given_up(void **state)
{
    struct fake *fake = *state;
    uint64_t after_ms;
    fake->district->now_ms += 60000;
    assert_int_equal(engine_tick(school->engine, fake_moment(fake), NULL), 0);
    assert_true(engine_wants_reset(school->engine, &after_ms));
}

static void random_bytes_are_counted_and_change_nothing(void **state)
{
    struct fake *fake = *state;
    uint8_t bytes[256];
    for (uint64_t i = 0; i < 500; i++) {
        district_fill(bytes, sizeof bytes, "noise", i);
        assert_int_equal(engine_frame(police->engine, fake_moment(fake),
                                      bytes_of(bytes, (size_t)(i % sizeof bytes)), NULL),
                         0);
    }
    assert_int_equal(police->engine->link, ENGINE_GREETED);
    assert_true(police->engine->stats.refused_frames >= 499);
    assert_int_equal(box_in_last(police->box), 0);
}

/* ---- a process that is killed -----------------------------------------------------------------
 */

enum { KILL_AFTER = 12 };

/* Stages and commits until it is killed; says each id after its commit, never before. */
static void child(struct fake *fake, const char *path, int fd)
{
    fake_start(fake, school, path, NULL);
    for (;;) {
        uint8_t id[16];
        must_stage(fake, school, REPORT, id);
        CHECK(engine_flush(school->engine, fake_moment(fake), NULL) == 0);
        CHECK(box_commit(school->box, NULL) == 0);
        if (write(fd, id, sizeof id) != (ssize_t)sizeof id) _exit(0);
    }
}

static void what_was_committed_survives_a_kill_and_no_number_is_used_twice(void **state)
{
    struct fake *fake = *state;
    char folder[] = "/tmp/engine.XXXXXX", path[64], name[80];
    uint8_t ids[KILL_AFTER][16];
    int pipes[2], status;
    struct box_out row;
    uint64_t seq = 0;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/store", folder);
    assert_int_equal(pipe(pipes), 0);
    engine_free(school->engine);
    box_close(school->box);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) child(fake, path, pipes[1]);
    for (size_t i = 0; i < KILL_AFTER; i++) assert_int_equal(read(pipes[0], ids[i], 16), 16);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fake->drawn += 1000000; /* other entropy than the child drew */
    fake_start(fake, school, path, NULL);
    for (size_t i = 0; i < KILL_AFTER; i++) {
        assert_int_equal(state_of(school, ids[i], &row), BOX_OUT_QUEUED);
        assert_true(row.seq > seq);
        seq = row.seq;
    }
    uint8_t id[16];
    uint64_t pending = school->engine->pending_count;
    must_stage(fake, school, REPORT, id);
    (void)state_of(school, id, &row);
    assert_int_equal(row.seq, pending + 1);
    fake_online(fake, police);
    fake_online(fake, school);
    assert_int_equal(school->engine->pending_count, 0);
    assert_int_equal(box_in_last(police->box), pending + 1);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

static void a_second_process_is_kept_out_of_the_store(void **state)
{
    char folder[] = "/tmp/engine.XXXXXX", path[64];
    struct box *first = NULL, *second = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/store", folder);
    assert_int_equal(box_open(path, &first, NULL), 0);
    assert_int_equal(box_open(path, &second, NULL), E_STORE_LOCKED);
    box_close(first);
    (void)unlink(path);
    (void)rmdir(folder);
}

#define ONLINE(test)  cmocka_unit_test_setup_teardown(test, setup_online, teardown)
#define OFFLINE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define UNKEYED(test) cmocka_unit_test_setup_teardown(test, setup_unkeyed, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONLINE(a_message_is_sealed_delivered_acknowledged_and_receipted),
        OFFLINE(nothing_leaves_before_it_is_durable),
        ONLINE(plaintext_and_section_keys_are_not_in_the_box_in_clear),
        ONLINE(a_session_key_serves_its_window_and_a_sensitive_message_alone),
        ONLINE(what_was_sealed_to_a_destroyed_key_is_an_exception),
        cmocka_unit_test(lies_of_a_broker_are_refused_with_a_code),
        ONLINE(an_immediate_lead_without_proof_is_shown_and_proved_later),
        ONLINE(a_receipt_that_proves_nothing_settles_nothing),
        ONLINE(a_broker_behind_what_we_saw_is_not_greeted),
        ONLINE(heads_are_trusted_for_good_only_with_a_consistency_proof),
        ONLINE(recipients_compute_the_route_again_and_report_a_wrong_one),
        ONLINE(an_act_that_names_no_officer_is_reported_by_who_receives_it),
        ONLINE(an_urge_about_what_never_came_here_is_read),
        ONLINE(who_confirms_a_deletion_has_deleted_every_revision),
        ONLINE(revisions_rise_by_one_and_others_are_marked),
        ONLINE(an_act_names_its_officer_or_is_not_sealed),
        ONLINE(an_answer_outside_the_codes_is_refused_at_both_ends),
        ONLINE(what_is_not_for_us_is_an_exception),
        ONLINE(more_exceptions_than_one_acknowledgement_holds_go_in_several),
        ONLINE(what_comes_in_another_order_is_not_missing),
        ONLINE(what_is_withheld_is_counted_by_the_next),
        ONLINE(the_first_envelope_may_be_missing_too),
        ONLINE(a_fork_of_what_a_sender_sent_shows),
        ONLINE(what_was_acknowledged_and_lost_comes_again),
        ONLINE(what_comes_again_is_held_against_what_was_acknowledged),
        ONLINE(a_gap_in_what_comes_again_is_asked_for),
        UNKEYED(what_a_rewrap_opens_is_compared_then),
        UNKEYED(who_had_no_key_reads_it_once_there_is_one),
        UNKEYED(a_rewrap_that_comes_first_waits_for_what_it_opens),
        ONLINE(what_a_lost_keyring_could_have_opened_is_rewrapped),
        UNKEYED(a_refused_rewrap_is_made_again_or_given_up),
        UNKEYED(a_rewrap_without_an_answer_goes_again_as_it_is),
        ONLINE(a_stale_bundle_is_fetched_and_the_message_sealed_again),
        ONLINE(a_bundle_that_does_not_go_on_from_ours_is_refused),
        ONLINE(nothing_is_sealed_to_a_keyring_that_is_lost),
        ONLINE(a_key_is_none_once_its_certificate_has_run_out),
        ONLINE(what_outlived_its_recipients_key_is_sealed_again_and_says_so),
        ONLINE(a_busy_broker_is_asked_again_when_it_said),
        ONLINE(what_is_refused_for_good_stays_visible_with_its_code),
        ONLINE(a_thread_that_moved_is_sealed_to_who_is_on_it_now),
        ONLINE(a_refused_act_is_undone_on_the_thread),
        OFFLINE(a_full_outbox_is_an_error_but_not_for_an_immediate_lead),
        ONLINE(what_nothing_may_block_is_answered_past_the_hard_limit),
        ONLINE(what_was_sent_without_an_answer_goes_again_after_a_reconnect),
        ONLINE(a_silent_broker_is_given_up),
        ONLINE(random_bytes_are_counted_and_change_nothing),
        OFFLINE(what_was_committed_survives_a_kill_and_no_number_is_used_twice),
        cmocka_unit_test(a_second_process_is_kept_out_of_the_store),
    };
    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
