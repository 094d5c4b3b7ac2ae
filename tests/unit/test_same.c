/* The same number in two threads: found by each unit in what it may open, and by nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "clients/lib/box_inner.h"
#include "clients/lib/engine_inner.h"
#include "proto/payload/payload_same.h"
#include "tests/unit/fake_broker.h"

/* ---- which numbers ----------------------------------------------------------------------------
 */
static const struct payload_field *field_of(const struct payload_message *message, const char *name)
{
    for (size_t i = 0; i < message->field_count; i++)
        if (strcmp(message->fields[i].name, name) == 0) return &message->fields[i];
    return NULL;
}

static void every_row_names_a_number(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct payload_same *same; (same = payload_same_at(count)); count++) {
        const struct payload_message *message = payload_of_descriptor(same->message);
        const struct payload_field *field = message ? field_of(message, same->field) : NULL;
        if (!field) {
            fail_msg("row %zu: no field %s", count, same->field);
            return;
        }
        assert_true(field->check == PAYLOAD_ID_NUMBER || field->check == PAYLOAD_DOCUMENT ||
                    field->check == PAYLOAD_CERTIFICATE || field->check == PAYLOAD_REFERENCE);
        assert_true(field->len_max * 4 <= PAYLOAD_SAME_LEN_MAX);
        assert_string_not_equal(message->name, "Reporter");
        assert_true(strlen(same->what) < sizeof((struct box_same *)NULL)->what);
        const struct payload_same *first = payload_same_find(same->what);
        assert_string_equal(first->text_zh, same->text_zh);
        assert_string_equal(first->text_en, same->text_en);
    }
    assert_true(count >= 10);
    assert_null(payload_same_find("reporter"));
    /* Every certificate of the schema is among them. */
    for (size_t m = 0; payload_at(m); m++) {
        const struct payload_message *message = payload_at(m);
        for (size_t f = 0; f < message->field_count; f++) {
            if (message->fields[f].check != PAYLOAD_CERTIFICATE) continue;
            bool found = false;
            for (size_t i = 0; i < count && !found; i++)
                found = payload_same_at(i)->message == message->descriptor &&
                        strcmp(payload_same_at(i)->field, message->fields[f].name) == 0;
            if (!found) fail_msg("%s.%s is not compared", message->name, message->fields[f].name);
        }
    }
}

/* The most numbers that one message of the schema can have. */
static size_t numbers_of(const struct payload_message *message)
{
    size_t count = 0;
    for (size_t i = 0; payload_same_at(i); i++)
        count += payload_same_at(i)->message == message->descriptor;
    for (unsigned f = 0; f < message->descriptor->n_fields; f++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[f];
        if (message->fields[f].check != PAYLOAD_MESSAGE) continue;
        size_t times = message->fields[f].count_max ? message->fields[f].count_max : 1;
        count += times * numbers_of(payload_of_descriptor(field->descriptor));
    }
    return count;
}

static void no_kind_has_more_numbers_than_are_kept(void **state)
{
    (void)state;
    struct district *district = district_new();
    size_t most = 0;
    for (size_t k = 0; k < plan_kind_count(district->plan); k++) {
        const struct plan_kind *kind = plan_kind(district->plan, k);
        size_t count = 0;
        for (size_t s = 0; s < kind->section_count; s++)
            count += numbers_of(payload_find(kind->sections[s].message));
        if (count > most) most = count;
    }
    assert_true(most > 20 && most <= BOX_SAME_COUNT_MAX);
    district_free(district);
}

static void one_number_in_any_spelling_is_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *value, *folded; /* "": tells nothing */
    } rows[] = {
        {"T120000001", "T120000001"},
        {" t12-0000 001 ", "T120000001"},
        {"Ｔ１２００００００１", "T120000001"},
        {"11010519491231002x", "11010519491231002X"},
        {"津A·12345", "津A12345"},
        {"河公（刑）立字〔2019〕88号", "河公刑立字201988号"},
        {"河公(刑)立字[2019]88号", "河公刑立字201988号"},
        {"unknown", ""},
        {"不详", ""},
        {"00000000", ""},
        {"111111111", ""},
        {"A12", ""},
        {"ABCDEF", ""},
        {"", ""},
        {"\xff\xfe\x80 12 34", "\xfe\x80"
                               "1234"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[PAYLOAD_SAME_LEN_MAX + 1];
        size_t len = payload_same_fold(rows[i].value, text);
        if (len != strlen(rows[i].folded) || (len && strcmp(text, rows[i].folded) != 0))
            fail_msg("%s: %s (%zu)", rows[i].value, text, len);
    }
    char longer[1024], text[PAYLOAD_SAME_LEN_MAX + 1];
    memset(longer, '7', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    longer[3] = '1';
    assert_int_equal(payload_same_fold(longer, text), PAYLOAD_SAME_LEN_MAX);
}

/* ---- the store --------------------------------------------------------------------------------
 */
static const uint8_t *id_of(unsigned number)
{
    static uint8_t ids[8][16];
    static unsigned turn;
    uint8_t *id = ids[turn++ % 8];
    memset(id, 0, 16);
    id[0] = 1;
    id[14] = (uint8_t)(number >> 8);
    id[15] = (uint8_t)number;
    return id;
}

static void must_add(struct box *box, unsigned blind, unsigned thread, unsigned message,
                     const char *what)
{
    assert_int_equal(box_same_add(box, id_of(blind), id_of(thread), id_of(message), what, NULL), 0);
}

static size_t threads_of(struct box *box, unsigned message, struct box_same *ret, size_t cap,
                         bool *more)
{
    size_t count = 99;
    assert_int_equal(box_same_of(box, id_of(message), ret, cap, &count, more, NULL), 0);
    return count;
}

static void the_other_threads_of_a_number_are_found(void **state)
{
    (void)state;
    struct box *box = NULL;
    struct box_same found[8];
    bool more = true;
    assert_int_equal(box_open(":memory:", &box, NULL), 0);
    must_add(box, 1, 10, 100, "certificate");
    must_add(box, 1, 10, 101, "certificate"); /* the same thread goes on */
    assert_int_equal(threads_of(box, 100, found, 8, &more), 0);
    assert_false(more);
    must_add(box, 1, 11, 110, "certificate");
    must_add(box, 1, 11, 111, "certificate");
    must_add(box, 2, 11, 110, "identity");
    must_add(box, 2, 12, 120, "identity");
    must_add(box, 3, 12, 120, "identity");
    must_add(box, 3, 11, 110, "identity"); /* two persons in common: told once */
    must_add(box, 3, 11, 110, "identity");
    assert_int_equal(threads_of(box, 100, found, 8, &more), 1);
    assert_memory_equal(found[0].thread, id_of(11), 16);
    assert_string_equal(found[0].what, "certificate");
    assert_int_equal(threads_of(box, 110, found, 8, &more), 2);
    assert_memory_equal(found[0].thread, id_of(10), 16);
    assert_memory_equal(found[1].thread, id_of(12), 16);
    assert_string_equal(found[1].what, "identity");
    assert_int_equal(threads_of(box, 999, found, 8, &more), 0);
    for (unsigned i = 0; i < 20; i++) must_add(box, 4, 200 + i, 300 + i, "plate");
    assert_int_equal(threads_of(box, 300, found, 8, &more), 8);
    assert_true(more);
    assert_int_equal(threads_of(box, 300, found, 0, &more), 0);
    assert_true(more);
    assert_int_equal(box_same_drop(box, id_of(110), NULL), 0);
    assert_int_equal(threads_of(box, 100, found, 8, &more), 1); /* 111 has it still */
    assert_int_equal(box_same_drop(box, id_of(111), NULL), 0);
    assert_int_equal(threads_of(box, 100, found, 8, &more), 0);
    box_close(box);
}

static void must_do(struct box *box, const char *sql)
{
    if (sqlite3_exec(box->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(box->db));
}

/* By whatever way a message or its content is taken away: its numbers go with it. */
static void erased_content_leaves_no_number(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "DELETE FROM inbox WHERE number=1",
        "DELETE FROM inbody WHERE number=1",
        "UPDATE inbody SET sealed=x'' WHERE number=1",
        "DELETE FROM outbox WHERE number=1",
        "DELETE FROM outbody WHERE number=1",
        "UPDATE outbody SET sealed=x'' WHERE number=1",
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct box *box = NULL;
        struct box_in in = {.type = BOX_IN_MESSAGE};
        struct box_out out = {.state = BOX_OUT_QUEUED};
        struct bytes sealed = bytes_of_str("content");
        struct box_same found[2];
        bool more;
        memcpy(in.id, id_of(1), 16);
        memcpy(out.id, id_of(2), 16);
        assert_int_equal(box_open(":memory:", &box, NULL), 0);
        assert_int_equal(box_in_add(box, &in, sealed, sealed, (struct bytes){0}, NULL), 0);
        assert_int_equal(box_out_add(box, &out, sealed, sealed, NULL), 0);
        must_add(box, 7, 21, 1, "certificate");
        must_add(box, 7, 22, 2, "certificate");
        assert_int_equal(threads_of(box, 1, found, 2, &more), 1);
        assert_int_equal(box_out_reseal(box, out.number, sealed, sealed, NULL), 0);
        assert_int_equal(threads_of(box, 2, found, 2, &more), 1); /* sealed anew is not erased */
        must_do(box, ways[i]);
        assert_int_equal(threads_of(box, 1, found, 2, &more), 0);
        assert_int_equal(threads_of(box, 2, found, 2, &more), 0);
        box_close(box);
    }
}

/* ---- from unit to unit ------------------------------------------------------------------------
 */
static struct fake_unit *health, *police, *civil;
static struct buf summary, birth, adoption;

static int set_up(void **state)
{
    static struct fake fake;
    fake_init(&fake);
    health = fake_add(&fake, "health");
    police = fake_add(&fake, "police-hedong");
    civil = fake_add(&fake, "civil-affairs");
    for (size_t i = 0; i < fake.unit_count; i++) fake_online(&fake, &fake.units[i]);
    Leadbus__Payload__BirthFull full = LEADBUS__PAYLOAD__BIRTH_FULL__INIT;
    full.certificate_number = (char *)(uintptr_t) "T120000001";
    message_encode(&full.base, &birth);
    Leadbus__Payload__AdoptionFull doubt = LEADBUS__PAYLOAD__ADOPTION_FULL__INIT;
    doubt.certificate_number = (char *)(uintptr_t) "t12 0000001";
    message_encode(&doubt.base, &adoption);
    *state = &fake;
    return 0;
}

static int tear_down(void **state)
{
    buf_fini(&summary);
    buf_fini(&birth);
    buf_fini(&adoption);
    fake_fini(*state);
    return 0;
}

static void must_send(struct fake *fake, struct fake_unit *from, const char *kind,
                      const char *topic, const struct buf *full, uint8_t ret_id[16])
{
    const struct seal_section sections[] = {{"summary", buf_bytes(&summary)},
                                            {"full", buf_bytes(full)}};
    const struct engine_draft draft = {.kind = kind,
                                       .topic = topic,
                                       .area = "",
                                       .officer = "X-1",
                                       .purpose = "",
                                       .sections = sections,
                                       .section_count = 2};
    struct error error = {0};
    if (engine_stage(from->engine, fake_moment(fake), &draft, ret_id, &error))
        fail_msg("%s: %s %s", kind, error_name(error.code), error.detail);
    fake_run(fake);
}

static size_t same_of(const struct fake_unit *unit, const uint8_t id[16], struct box_same *ret)
{
    size_t count = 99;
    bool more = true;
    assert_int_equal(box_same_of(unit->box, id, ret, 4, &count, &more, NULL), 0);
    assert_false(more);
    return count;
}

static void each_unit_finds_it_in_what_it_may_open_itself(void **state)
{
    struct fake *fake = *state;
    struct box_same found[4];
    struct box_in in;
    uint8_t first[16], second[16];
    must_send(fake, health, "anomaly.birth", "certificate-forged", &birth, first);
    must_send(fake, civil, "anomaly.adoption", "", &adoption, second);
    /* The police read both in full. */
    assert_int_equal(same_of(police, second, found), 1);
    assert_memory_equal(found[0].thread, first, 16);
    assert_string_equal(found[0].what, "certificate");
    assert_int_equal(same_of(police, first, found), 1);
    assert_memory_equal(found[0].thread, second, 16);
    /* Civil affairs has the summary of the first alone and cannot know; health has not the second.
     */
    assert_int_equal(box_in_find(civil->box, first, &in, NULL), 0);
    assert_int_equal(in.type, BOX_IN_MESSAGE);
    assert_int_equal(same_of(civil, second, found), 0);
    assert_int_equal(same_of(civil, first, found), 0);
    assert_int_equal(box_in_find(health->box, second, &in, NULL), E_NOT_FOUND);
    assert_int_equal(same_of(health, first, found), 0);
}

static void who_sends_twice_is_told_too(void **state)
{
    struct fake *fake = *state;
    struct box_same found[4];
    uint8_t first[16], second[16];
    must_send(fake, health, "anomaly.birth", "certificate-forged", &birth, first);
    must_send(fake, health, "anomaly.birth", "certificate-traded", &birth, second);
    assert_int_equal(same_of(health, second, found), 1);
    assert_memory_equal(found[0].thread, first, 16);
}

/* Two tips about one vehicle by one person: that it is one vehicle is told. */
static void what_a_tip_shares_is_told_and_never_who_told_it(void **state)
{
    struct fake *fake = *state;
    struct box_same found[4];
    uint8_t ids[2][16];
    struct buf full = {0}, who = {0};
    Leadbus__Payload__Vehicle vehicle = LEADBUS__PAYLOAD__VEHICLE__INIT, *vehicles[] = {&vehicle};
    Leadbus__Payload__TipFull tip = LEADBUS__PAYLOAD__TIP_FULL__INIT;
    Leadbus__Payload__Reporter reporter = LEADBUS__PAYLOAD__REPORTER__INIT;
    vehicle.plate = (char *)(uintptr_t) "津A12345";
    tip.n_vehicles = 1;
    tip.vehicles = vehicles;
    reporter.id_number = (char *)(uintptr_t) "11010519491231002X";
    message_encode(&tip.base, &full);
    message_encode(&reporter.base, &who);
    const struct seal_section sections[] = {{"summary", buf_bytes(&summary)},
                                            {"full", buf_bytes(&full)},
                                            {"reporter", buf_bytes(&who)}};
    const struct engine_draft draft = {.kind = "lead.public-tip",
                                       .topic = "",
                                       .area = "",
                                       .officer = "",
                                       .purpose = "",
                                       .sections = sections,
                                       .section_count = 3};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(engine_stage(health->engine, fake_moment(fake), &draft, ids[i], NULL), 0);
        fake_run(fake);
    }
    assert_int_equal(same_of(police, ids[1], found), 1);
    assert_string_equal(found[0].what, "plate");
    assert_memory_equal(found[0].thread, ids[0], 16);
    buf_fini(&full);
    buf_fini(&who);
}

/* What the bus refused is nobody's lead. */
static void what_was_refused_is_not_pointed_at(void **state)
{
    struct fake *fake = *state;
    struct box_same found[4];
    uint8_t first[16], second[16];
    fake->refuse_code = (uint32_t)-E_SENDER_NOT_ALLOWED;
    must_send(fake, health, "anomaly.birth", "certificate-forged", &birth, first);
    fake->refuse_code = 0;
    must_send(fake, health, "anomaly.birth", "certificate-forged", &birth, second);
    assert_int_equal(same_of(health, second, found), 0);
}

static int read_blind(struct box *box, uint8_t ret_blind[BOX_BLIND_LEN])
{
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(box->db, "SELECT blind FROM same", -1, &statement, NULL),
                     SQLITE_OK);
    int rows = 0;
    while (sqlite3_step(statement) == SQLITE_ROW) {
        rows++;
        box_fixed(statement, 0, ret_blind, BOX_BLIND_LEN);
    }
    (void)sqlite3_finalize(statement);
    return rows;
}

static bool file_has(const char *path, const char *text)
{
    FILE *file = fopen(path, "rb");
    static char bytes[1 << 22];
    if (!file) return false;
    size_t len = fread(bytes, 1, sizeof bytes, file);
    assert_true(len > 0 && len < sizeof bytes);
    (void)fclose(file);
    return memmem(bytes, len, text, strlen(text)) != NULL;
}

/* The store has no number, and another one for each unit; it is found again after a restart. */
static void the_index_is_blind_and_survives_a_restart(void **state)
{
    struct fake *fake = *state;
    char folder[] = "/tmp/same.XXXXXX", path[64], name[80];
    uint8_t first[16], second[16], ours[BOX_BLIND_LEN], theirs[BOX_BLIND_LEN];
    struct box_same found[4];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/store", folder);
    engine_free(health->engine);
    box_close(health->box);
    fake_start(fake, health, path, NULL);
    fake_online(fake, health);
    must_send(fake, health, "anomaly.birth", "certificate-forged", &birth, first);
    assert_int_equal(box_commit(health->box, NULL), 0);
    assert_int_equal(read_blind(health->box, ours), 1);
    assert_int_equal(read_blind(police->box, theirs), 1);
    assert_memory_not_equal(ours, theirs, BOX_BLIND_LEN);
    engine_free(health->engine);
    box_close(health->box);
    assert_true(file_has(path, "certificate-forged")); /* the header's, in the clear */
    assert_false(file_has(path, "T120000001"));
    fake->drawn += 1000000;
    fake_start(fake, health, path, NULL);
    fake_online(fake, health);
    must_send(fake, health, "anomaly.birth", "certificate-traded", &birth, second);
    assert_int_equal(same_of(health, second, found), 1);
    assert_memory_equal(found[0].thread, first, 16);
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
}

#define ONLINE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_names_a_number),
        cmocka_unit_test(no_kind_has_more_numbers_than_are_kept),
        cmocka_unit_test(one_number_in_any_spelling_is_the_same),
        cmocka_unit_test(the_other_threads_of_a_number_are_found),
        cmocka_unit_test(erased_content_leaves_no_number),
        ONLINE(each_unit_finds_it_in_what_it_may_open_itself),
        ONLINE(who_sends_twice_is_told_too),
        ONLINE(what_a_tip_shares_is_told_and_never_who_told_it),
        ONLINE(what_was_refused_is_not_pointed_at),
        ONLINE(the_index_is_blind_and_survives_a_restart),
    };
    return cmocka_run_group_tests_name("same", tests, NULL, NULL);
}
