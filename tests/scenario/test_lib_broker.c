/* Units with the library over a real broker: send, receive, acknowledge, receipt, acts; a broker
 * killed and started again; units opened anew. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "clients/lib/include/leadbus.h"
#include "proto/host/file.h"
#include "proto/note.h"
#include "proto/tlogproof.h"
#include "tests/scenario/town.h"

#include <cmocka.h>

#define PASSPHRASE "a passphrase for tests"
enum { DEADLINE_MS = 20000, UNIT_COUNT = 4 };

static const enum town_unit UNITS[UNIT_COUNT] = {TOWN_EDUCATION, TOWN_POLICE, TOWN_PROCURATORATE,
                                                 TOWN_CIVIL_AFFAIRS};
enum { SCHOOL, POLICE, PROCURATORATE, CIVIL };

struct desk {
    struct town town;
    struct buf root, bundle;
    leadbus *units[UNIT_COUNT];
};

static void path_of(const struct desk *desk, const char *name, int unit, char *ret, size_t cap)
{
    (void)snprintf(ret, cap, "%s/%s%d", desk->town.folder, name, unit);
}

static void show(const char *what, const struct leadbus_error *error)
{
    (void)fprintf(stderr, "%s: %s %s %s\n", what, error->name, error->field, error->detail);
}

static void open_unit_at(struct desk *desk, int unit, uint64_t (*now_ms)(void *ctx))
{
    char store[256], keyring[256];
    struct leadbus_error error = {0};
    path_of(desk, "store", unit, store, sizeof store);
    path_of(desk, "keyring", unit, keyring, sizeof keyring);
    struct leadbus_options options = {.size = sizeof options,
                                      .store_path = store,
                                      .keyring_path = keyring,
                                      .passphrase = PASSPHRASE,
                                      .passphrase_len = strlen(PASSPHRASE),
                                      .root = desk->root.data,
                                      .root_len = desk->root.len,
                                      .bundle = desk->bundle.data,
                                      .bundle_len = desk->bundle.len,
                                      .endpoint = desk->town.endpoint,
                                      .now_ms = now_ms};
    int r = leadbus_open(&options, &desk->units[unit], &error);
    if (r < 0) show("open", &error);
    assert_int_equal(r, 0);
}

static void open_unit(struct desk *desk, int unit)
{
    open_unit_at(desk, unit, NULL);
}

static int setup(void **state)
{
    static struct desk desk;
    char path[256];
    memset(&desk, 0, sizeof desk);
    town_init(&desk.town);
    (void)snprintf(path, sizeof path, "%s/root", desk.town.folder);
    assert_int_equal(file_read(path, 1 << 20, &desk.root, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/bundle", desk.town.folder);
    assert_int_equal(file_read(path, 8 << 20, &desk.bundle, NULL), 0);
    for (int i = 0; i < UNIT_COUNT; i++) {
        path_of(&desk, "keyring", i, path, sizeof path);
        assert_int_equal(
            keyring_save(&desk.town.keyrings[UNITS[i]], path, bytes_of_str(PASSPHRASE), NULL), 0);
    }
    *state = &desk;
    if (!town_start_broker(&desk.town)) return 1;
    for (int i = 0; i < UNIT_COUNT; i++) open_unit(&desk, i);
    return 0;
}

static int teardown(void **state)
{
    struct desk *desk = *state;
    for (int i = 0; i < UNIT_COUNT; i++) leadbus_close(desk->units[i]);
    town_fini(&desk->town);
    buf_fini(&desk->root);
    buf_fini(&desk->bundle);
    return 0;
}

static uint64_t clock_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Drives all units until the condition holds. */
static bool until(struct desk *desk, bool (*holds)(struct desk *desk, void *ctx), void *ctx)
{
    uint64_t end_ms = clock_ms() + DEADLINE_MS;
    while (clock_ms() < end_ms) {
        for (int i = 0; i < UNIT_COUNT; i++) {
            struct leadbus_error error = {0};
            if (!desk->units[i]) continue;
            int r = leadbus_wait(desk->units[i], 5, &error);
            if (r < 0) show("wait", &error);
            assert_true(r >= 0);
        }
        if (holds(desk, ctx)) return true;
    }
    for (int i = 0; i < UNIT_COUNT; i++) {
        struct leadbus_stats stats = {.size = sizeof stats};
        if (!desk->units[i]) continue;
        leadbus_stats(desk->units[i], &stats);
        (void)fprintf(stderr,
                      "%s connected %d queued %llu sent %llu receipted %llu refused %llu in %llu "
                      "exceptions %llu acked %llu/%llu frames %llu/%llu",
                      stats.unit, stats.connected, (unsigned long long)stats.queued,
                      (unsigned long long)stats.sent, (unsigned long long)stats.receipted,
                      (unsigned long long)stats.refused, (unsigned long long)stats.received,
                      (unsigned long long)stats.exceptions,
                      (unsigned long long)stats.acknowledged[0],
                      (unsigned long long)stats.position[0], (unsigned long long)stats.frames_in,
                      (unsigned long long)stats.frames_out);
        show(" last error", &stats.last_error);
    }
    return false;
}

static struct leadbus_stats stats_of(struct desk *desk, int unit)
{
    struct leadbus_stats stats = {.size = sizeof stats};
    leadbus_stats(desk->units[unit], &stats);
    return stats;
}

static void submit_report(struct desk *desk, uint8_t id[16])
{
    const struct leadbus_section sections[] = {{"summary", "a summary", 9},
                                               {"full", "what was seen", 13},
                                               {"reporter", "who told us", 11}};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = "lead.mandatory-report",
                                  .area = "120102004",
                                  .officer = "T-17",
                                  .sections = sections,
                                  .section_count = 3};
    struct leadbus_error error = {0};
    int r = leadbus_submit(desk->units[SCHOOL], &draft, id, &error);
    if (r < 0) show("submit", &error);
    assert_int_equal(r, 0);
}

struct settled {
    uint64_t receipted, received;
};
static bool settled(struct desk *desk, void *ctx)
{
    const struct settled *wanted = ctx;
    if (stats_of(desk, SCHOOL).receipted < wanted->receipted) return false;
    for (int i = 1; i < UNIT_COUNT; i++) {
        struct leadbus_stats stats = stats_of(desk, i);
        if (stats.received < wanted->received || stats.acknowledged[0] != stats.position[0])
            return false;
    }
    return true;
}

static void check_section(leadbus *lb, const uint8_t id[16], const char *name, const char *text)
{
    leadbus_message *message = NULL;
    struct leadbus_section section;
    bool found = false;
    assert_int_equal(leadbus_message_get(lb, id, &message, NULL), 0);
    for (size_t i = 0; leadbus_message_section(message, i, &section); i++) {
        if (strcmp(section.name, name) != 0) continue;
        found = true;
        if (!text) continue;
        assert_int_equal(section.len, strlen(text));
        assert_memory_equal(section.data, text, section.len);
    }
    assert_int_equal(found, text != NULL);
    leadbus_message_free(message);
}

static void a_report_reaches_who_must_and_nobody_opens_more(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {1, 1};
    struct leadbus_outgoing outgoing = {.size = sizeof outgoing};
    uint8_t id[16];
    submit_report(desk, id);
    assert_true(until(desk, settled, &wanted));
    assert_int_equal(leadbus_outbox_get(desk->units[SCHOOL], id, &outgoing, NULL), 0);
    assert_int_equal(outgoing.state, LEADBUS_RECEIPTED);
    check_section(desk->units[POLICE], id, "full", "what was seen");
    check_section(desk->units[POLICE], id, "reporter", "who told us");
    check_section(desk->units[PROCURATORATE], id, "summary", "a summary");
    check_section(desk->units[PROCURATORATE], id, "full", NULL);
    check_section(desk->units[CIVIL], id, "reporter", NULL);
    check_section(desk->units[SCHOOL], id, "full", "what was seen");
}

static void the_receipt_proves_itself_off_line(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {1, 1};
    struct note_key key;
    uint8_t id[16], *record = NULL;
    char *text = NULL;
    size_t record_len = 0, text_len = 0;
    submit_report(desk, id);
    assert_true(until(desk, settled, &wanted));
    assert_int_equal(leadbus_receipt(desk->units[SCHOOL], id, &text, &text_len, NULL), 0);
    assert_int_equal(leadbus_record(desk->units[SCHOOL], id, &record, &record_len, NULL), 0);
    assert_int_equal(note_key_init(&key, stats_of(desk, SCHOOL).origin, NOTE_KEY_ED25519,
                                   desk->town.keyrings[TOWN_BROKER].witness_public, NULL),
                     0);
    assert_int_equal(tlogproof_verify(bytes_of(text, text_len), bytes_of(record, record_len), &key,
                                      NULL, NULL, NULL),
                     0);
    record[record_len / 2] ^= 1;
    assert_true(tlogproof_verify(bytes_of(text, text_len), bytes_of(record, record_len), &key, NULL,
                                 NULL, NULL) < 0);
    leadbus_free(record);
    leadbus_free(text);
}

struct leg_wanted {
    const uint8_t *thread;
    const char *state;
};
static bool leg_is(struct desk *desk, void *ctx)
{
    const struct leg_wanted *wanted = ctx;
    leadbus_thread *thread = NULL;
    bool is = false;
    if (leadbus_thread_get(desk->units[SCHOOL], wanted->thread, &thread, NULL) < 0) return false;
    for (size_t i = 0; i < leadbus_thread_leg_count(thread); i++) {
        const struct leadbus_leg *leg = leadbus_thread_leg(thread, i);
        if (leg->primary && strcmp(leg->state, wanted->state) == 0) is = true;
    }
    leadbus_thread_free(thread);
    return is;
}

static void act(struct desk *desk, enum leadbus_act which, const uint8_t *id, const char *outcome)
{
    struct leadbus_error error = {0};
    uint8_t own[16];
    int r = leadbus_act(desk->units[POLICE], which, id, "P-03", outcome, "done", 4, own, &error);
    if (r < 0) show("act", &error);
    assert_int_equal(r, 0);
}

static void acts_walk_the_chain_and_the_sender_sees_each(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {1, 1};
    struct leadbus_error error = {0};
    uint8_t id[16], own[16];
    submit_report(desk, id);
    assert_true(until(desk, settled, &wanted));
    assert_true(leadbus_act(desk->units[POLICE], LEADBUS_ACT_ACCEPT, id, "P-03", NULL, "x", 1, own,
                            &error) < 0);
    assert_string_equal(error.name, "lifecycle_order");
    assert_true(leadbus_act(desk->units[PROCURATORATE], LEADBUS_ACT_SIGN, id, "C-1", NULL, "x", 1,
                            own, &error) < 0);
    assert_string_equal(error.name, "lifecycle_role");
    act(desk, LEADBUS_ACT_SIGN, id, NULL);
    act(desk, LEADBUS_ACT_ACCEPT, id, NULL); /* at once: its parent is on its way still */
    assert_true(until(desk, leg_is, &(struct leg_wanted){id, "accepted"}));
    act(desk, LEADBUS_ACT_PROGRESS, id, NULL);
    assert_true(until(desk, leg_is, &(struct leg_wanted){id, "progress"}));
    act(desk, LEADBUS_ACT_CLOSE, id, "unfounded");
    assert_true(until(desk, leg_is, &(struct leg_wanted){id, "closed"}));
    leadbus_thread *thread = NULL;
    assert_int_equal(leadbus_thread_get(desk->units[SCHOOL], id, &thread, NULL), 0);
    assert_int_equal(leadbus_thread_item_count(thread), 5);
    assert_int_equal(leadbus_thread_status(thread), LEADBUS_THREAD_CLOSED);
    leadbus_thread_free(thread);
    for (int i = 0; i < UNIT_COUNT; i++) {
        assert_int_equal(stats_of(desk, i).exceptions, 0);
        assert_int_equal(stats_of(desk, i).refused, 0);
        assert_int_equal(stats_of(desk, i).alarm_ms, 0);
    }
}

static void a_killed_broker_loses_nothing_and_units_find_it_again(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {1, 1};
    uint8_t id[16];
    submit_report(desk, id);
    assert_true(until(desk, settled, &wanted));
    process_kill(&desk->town.broker);
    for (int i = 0; i < 20; i++) submit_report(desk, id);
    assert_int_equal(stats_of(desk, SCHOOL).queued + stats_of(desk, SCHOOL).sent, 20);
    assert_true(town_start_broker(&desk->town));
    wanted = (struct settled){21, 21};
    assert_true(until(desk, settled, &wanted));
    for (int i = 0; i < UNIT_COUNT; i++) assert_int_equal(stats_of(desk, i).exceptions, 0);
}

static void a_unit_opened_again_goes_on_where_it_stopped(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {1, 1};
    uint8_t id[16];
    submit_report(desk, id);
    assert_true(until(desk, settled, &wanted));
    leadbus_close(desk->units[SCHOOL]);
    leadbus_close(desk->units[POLICE]);
    desk->units[SCHOOL] = desk->units[POLICE] = NULL;
    open_unit(desk, SCHOOL);
    submit_report(desk, id);
    leadbus_close(desk->units[SCHOOL]); /* never connected: it is in the outbox */
    desk->units[SCHOOL] = NULL;
    open_unit(desk, SCHOOL);
    open_unit(desk, POLICE);
    wanted = (struct settled){2, 2};
    assert_true(until(desk, settled, &wanted));
    check_section(desk->units[POLICE], id, "full", "what was seen");
    assert_int_equal(leadbus_inbox_last(desk->units[POLICE]), 2);
}

/* ---- a store put back ----------------------------------------------------------------------- */

static void copy_store(const struct desk *desk, int unit, const char *from, const char *to)
{
    static const char *const tails[] = {"-wal", "-shm"};
    char source[256], target[256], stray[272];
    struct buf bytes = {0};
    path_of(desk, from, unit, source, sizeof source);
    path_of(desk, to, unit, target, sizeof target);
    assert_int_equal(file_read(source, 64 << 20, &bytes, NULL), 0);
    assert_int_equal(file_write_atomic(target, buf_bytes(&bytes), 0600, NULL), 0);
    buf_fini(&bytes);
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(stray, sizeof stray, "%s%s", target, tails[i]);
        (void)remove(stray);
    }
}

static bool whole(struct desk *desk, void *ctx)
{
    struct leadbus_stats stats = stats_of(desk, POLICE);
    return stats.received >= *(const uint64_t *)ctx && stats.again[0] == 0 && stats.again[1] == 0;
}

static int count_missing(void *ctx, const struct leadbus_item *item)
{
    *(uint64_t *)ctx += item->missing_before;
    return 0;
}

/* What the police acknowledged after the copy was made is in no store of theirs any more; the bus
 * has it, and brings it beside what is new. */
static void a_store_put_back_is_made_whole_again(void **state)
{
    struct desk *desk = *state;
    enum { BEFORE = 3, LOST = 40 };
    struct settled wanted = {BEFORE, BEFORE};
    uint8_t before[BEFORE][16], lost[LOST][16], later[2][16];
    for (int i = 0; i < BEFORE; i++) submit_report(desk, before[i]);
    assert_true(until(desk, settled, &wanted));
    leadbus_close(desk->units[POLICE]);
    copy_store(desk, POLICE, "store", "copy");
    open_unit(desk, POLICE);
    for (int i = 0; i < LOST; i++) submit_report(desk, lost[i]);
    wanted = (struct settled){BEFORE + LOST, BEFORE + LOST};
    assert_true(until(desk, settled, &wanted));
    act(desk, LEADBUS_ACT_SIGN, lost[0], NULL);
    assert_true(until(desk, leg_is, &(struct leg_wanted){lost[0], "signed"}));
    leadbus_close(desk->units[POLICE]);
    desk->units[POLICE] = NULL;
    submit_report(desk, later[0]);
    copy_store(desk, POLICE, "copy", "store");
    open_unit(desk, POLICE);
    uint64_t all = BEFORE + LOST + 1;
    assert_true(until(desk, whole, &all));
    struct leadbus_stats stats = stats_of(desk, POLICE);
    assert_int_equal(stats.received, all); /* once each */
    assert_int_equal(stats.exceptions, 0);
    assert_int_equal(stats.alarm_ms, 0);
    for (int i = 0; i < LOST; i++)
        check_section(desk->units[POLICE], lost[i], "full", "what was seen");
    check_section(desk->units[POLICE], before[0], "full", "what was seen");
    check_section(desk->units[POLICE], later[0], "full", "what was seen");
    /* Nothing that the senders count is called missing, then or afterwards. */
    submit_report(desk, later[1]);
    all++;
    assert_true(until(desk, whole, &all));
    uint64_t missing = 0;
    assert_int_equal(
        leadbus_inbox_each(desk->units[POLICE], 0, 1000, count_missing, &missing, NULL), 0);
    assert_int_equal(missing, 0);
    /* Opened once more it has nothing to ask for. */
    leadbus_close(desk->units[POLICE]);
    open_unit(desk, POLICE);
    assert_true(until(desk, whole, &all));
}

static bool all_receipted(struct desk *desk, void *ctx)
{
    return settled(desk, ctx);
}

static void many_go_through_a_small_window_in_one_commit(void **state)
{
    struct desk *desk = *state;
    struct settled wanted = {200, 200};
    const struct leadbus_section sections[] = {{"summary", "a summary", 9},
                                               {"full", "what was seen", 13}};
    struct leadbus_draft draft = {.size = sizeof draft,
                                  .kind = "lead.mandatory-report",
                                  .sections = sections,
                                  .section_count = 2};
    for (int i = 0; i < 200; i++) {
        uint8_t id[16];
        assert_int_equal(leadbus_stage(desk->units[SCHOOL], &draft, id, NULL), 0);
    }
    assert_int_equal(leadbus_commit(desk->units[SCHOOL], NULL), 0);
    assert_true(until(desk, all_receipted, &wanted));
}

/* ---- receiving keys ---------------------------------------------------------------------------
 */
static bool published(struct desk *desk, void *ctx)
{
    const uint64_t *epoch = ctx;
    for (int i = 0; i < UNIT_COUNT; i++)
        if (stats_of(desk, i).epoch < *epoch) return false;
    return true;
}

static void keyring_of(const struct desk *desk, int unit, struct keyring *ret)
{
    char path[256];
    path_of(desk, "keyring", unit, path, sizeof path);
    assert_int_equal(keyring_load(ret, path, bytes_of_str(PASSPHRASE), NULL), 0);
}

static uint64_t later_ms;
static uint64_t later(void *ctx)
{
    struct timespec now;
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + later_ms;
}

/* Five hold at any time, the journal has them; past its time and the longest that a lead to it may
 * take, a key is gone from the file, and only then. */
static void receiving_keys_are_made_ahead_and_destroyed_in_time(void **state)
{
    const uint64_t day_ms = 24ull * 3600 * 1000;
    struct desk *desk = *state;
    struct keyring keyring;
    uint64_t five = 5;
    assert_true(until(desk, published, &five));
    keyring_of(desk, POLICE, &keyring);
    assert_int_equal(keyring.epoch_count, 5);
    uint64_t ends_ms = keyring.epochs[0].not_after_ms;
    uint8_t first[32];
    memcpy(first, keyring.epochs[0].public_key, 32);
    keyring_fini(&keyring);
    const struct {
        uint64_t at_ms;
        bool held;
    } rows[] = {{ends_ms + LIMIT_CREATED_AGE_MS - day_ms, true},
                {ends_ms + LIMIT_CREATED_AGE_MS + day_ms, false}};
    for (size_t i = 0; i < 2; i++) {
        struct leadbus_error error = {0};
        later_ms = 0;
        later_ms = rows[i].at_ms - later(NULL);
        leadbus_close(desk->units[POLICE]);
        open_unit_at(desk, POLICE, later);
        assert_int_equal(leadbus_process(desk->units[POLICE], &error), 0);
        keyring_of(desk, POLICE, &keyring);
        bool held = false;
        size_t ahead = 0;
        for (size_t k = 0; k < keyring.epoch_count; k++) {
            held = held || memcmp(keyring.epochs[k].public_key, first, 32) == 0;
            ahead += keyring.epochs[k].not_after_ms > rows[i].at_ms;
        }
        assert_int_equal(held, rows[i].held);
        assert_int_equal(ahead, 5);
        keyring_fini(&keyring);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(receiving_keys_are_made_ahead_and_destroyed_in_time, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_report_reaches_who_must_and_nobody_opens_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_receipt_proves_itself_off_line, setup, teardown),
        cmocka_unit_test_setup_teardown(acts_walk_the_chain_and_the_sender_sees_each, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_killed_broker_loses_nothing_and_units_find_it_again,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_unit_opened_again_goes_on_where_it_stopped, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_store_put_back_is_made_whole_again, setup, teardown),
        cmocka_unit_test_setup_teardown(many_go_through_a_small_window_in_one_commit, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("lib_broker", tests, NULL, NULL);
}
