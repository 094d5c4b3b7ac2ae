/* The broker's edges: strangers, liars and broken bytes get a refusal with a code, are counted, and
 * disturb nobody else. */
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <zmq.h>

#include "proto/record.h"
#include "tests/scenario/caller.h"

#include <cmocka.h>

static int setup(void **state)
{
    static struct town town;
    town_init(&town);
    *state = &town;
    return town_start_broker(&town) ? 0 : 1;
}

static int teardown(void **state)
{
    town_fini(*state);
    return 0;
}

static void seal_as(const struct town *town, enum town_unit from, uint64_t seq, uint64_t bundle,
                    struct sealed *ret)
{
    struct town_lead lead = {.seq = seq, .bundle = bundle};
    static uint8_t serial;
    memset(lead.id, ++serial, sizeof lead.id);
    lead.id[0] = (uint8_t)from;
    town_seal(town, from, &lead, ret);
}

/* The broker still serves: a fresh greeting is welcomed. */
static void assert_serves(const struct town *town)
{
    struct caller other;
    caller_open(&other, town, &town->keyrings[TOWN_CIVIL_AFFAIRS], true);
    assert_true(caller_greet(&other, town, 1));
    caller_close(&other);
}

static void strangers_are_turned_away(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    caller_open(&caller, town, NULL, true);
    assert_true(caller_is_refused(&caller));
    caller_close(&caller);
    caller_open(&caller, town, NULL, false);
    assert_true(caller_is_refused(&caller));
    caller_close(&caller);
    /* A certificate that has expired is no better than none. */
    caller_open(&caller, town, &town->keyrings[TOWN_JUSTICE], true);
    assert_true(caller_is_refused(&caller));
    caller_close(&caller);
    assert_serves(town);
}

static void nothing_is_done_before_hello(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    struct sealed sealed;
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    seal_as(town, TOWN_EDUCATION, 900, 1, &sealed);
    caller_submit(&caller, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&caller), E_NOT_GREETED);
    sealed_fini(&sealed);
    caller_close(&caller);
}

static void other_unit(Leadbus__HelloBody *body, void *ctx)
{
    (void)ctx;
    body->unit = (char *)(uintptr_t) "police-hedong";
}
static void other_serial(Leadbus__HelloBody *body, void *ctx)
{
    (void)ctx;
    body->serial++;
}
static void other_transport(Leadbus__HelloBody *body, void *ctx)
{
    static uint8_t zeros[32];
    (void)ctx;
    body->transport_key.data = zeros;
}
static void other_bus(Leadbus__HelloBody *body, void *ctx)
{
    (void)ctx;
    body->bus = (char *)(uintptr_t) "other.leadbus";
}
static void an_hour_ago(Leadbus__HelloBody *body, void *ctx)
{
    (void)ctx;
    body->time_ms -= 3600 * 1000;
}
static void seen_ahead(Leadbus__HelloBody *body, void *ctx)
{
    static uint8_t root[32];
    body->origin = ctx;
    body->seen_size = 1000000;
    body->seen_root = (ProtobufCBinaryData){32, root};
}
static void seen_forked(Leadbus__HelloBody *body, void *ctx)
{
    seen_ahead(body, ctx);
    body->seen_size = 2;
}

static void a_hello_that_lies_is_refused(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 1));
    const struct {
        void (*change)(Leadbus__HelloBody *body, void *ctx);
        int code;
    } lies[] = {
        {other_unit, E_IDENTITY_MISMATCH},      {other_serial, E_IDENTITY_MISMATCH},
        {other_transport, E_IDENTITY_MISMATCH}, {other_bus, E_ORIGIN_MISMATCH},
        {an_hour_ago, E_CREATED_OUT_OF_RANGE},  {seen_ahead, E_SEEN_AHEAD},
        {seen_forked, E_JOURNAL_FORKED},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        caller_send_hello(&caller, town, 1, lies[i].change, caller.origin);
        assert_int_equal(caller_expect_refusal(&caller), lies[i].code);
    }
    caller_close(&caller);
    /* The right transport key, and another unit's identity behind it. */
    struct keyring mixed = town->keyrings[TOWN_EDUCATION];
    memcpy(mixed.identity_secret, town->keyrings[TOWN_POLICE].identity_secret, 64);
    caller_open(&caller, town, &mixed, true);
    caller_send_hello(&caller, town, 1, NULL, NULL);
    assert_int_equal(caller_expect_refusal(&caller), E_SIGNATURE_INVALID);
    caller_close(&caller);
}

static void nobody_submits_for_another_unit(void **state)
{
    const struct town *town = *state;
    struct caller police;
    struct sealed sealed;
    caller_open(&police, town, &town->keyrings[TOWN_POLICE], true);
    assert_true(caller_greet(&police, town, 0));
    seal_as(town, TOWN_EDUCATION, 901, 1, &sealed);
    caller_submit(&police, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&police), E_IDENTITY_MISMATCH);
    sealed_fini(&sealed);
    caller_close(&police);
}

static void frame_of(struct bytes sealed, struct buf *ret)
{
    Leadbus__Submit submit = LEADBUS__SUBMIT__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    submit.envelope = leadbus__envelope__unpack(NULL, sealed.len, sealed.data);
    assert_non_null(submit.envelope);
    frame.version = 1;
    frame.body_case = LEADBUS__FRAME__BODY_SUBMIT;
    frame.submit = &submit;
    message_encode(&frame.base, ret);
    leadbus__envelope__free_unpacked(submit.envelope, NULL);
}

static void no_flipped_bit_and_no_cut_passes(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    struct sealed sealed;
    struct buf frame = {0};
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 0));
    seal_as(town, TOWN_EDUCATION, 1, 1, &sealed);
    frame_of(buf_bytes(&sealed.bytes), &frame);
    size_t step = frame.len / 400 + 1;
    for (size_t at = 0; at < frame.len; at += at < 64 ? 1 : step) {
        uint8_t bit = (uint8_t)(1u << at % 8);
        frame.data[at] ^= bit;
        caller_send_bytes(&caller, buf_bytes(&frame));
        frame.data[at] ^= bit;
        assert_int_not_equal(caller_expect_refusal(&caller), 0);
    }
    for (size_t len = 0; len < frame.len; len += frame.len / 50 + 1) {
        caller_send_bytes(&caller, bytes_of(frame.data, len));
        assert_int_not_equal(caller_expect_refusal(&caller), 0);
    }
    /* And unchanged it is taken. */
    caller_send_bytes(&caller, buf_bytes(&frame));
    const Leadbus__Frame *answer = caller_receive(&caller, CALLER_DEADLINE_MS);
    assert_non_null(answer);
    assert_int_equal(answer->body_case, LEADBUS__FRAME__BODY_RECEIPT);
    buf_fini(&frame);
    sealed_fini(&sealed);
    caller_close(&caller);
}

static void a_used_number_is_a_replay(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    struct sealed sealed;
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 0));
    seal_as(town, TOWN_EDUCATION, 1, 1, &sealed);
    caller_submit(&caller, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&caller), E_SEQ_REPLAYED);
    sealed_fini(&sealed);
    seal_as(town, TOWN_EDUCATION, 2, 7, &sealed);
    caller_submit(&caller, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&caller), E_BUNDLE_UNKNOWN);
    sealed_fini(&sealed);
    caller_close(&caller);
}

static void extra_frames_are_dropped_and_the_connection_goes_on(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 0));
    assert_int_equal(zmq_send(caller.socket, "one", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(caller.socket, "two", 3, 0), 3);
    Leadbus__Ping ping = LEADBUS__PING__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    ping.nonce = 77;
    frame.body_case = LEADBUS__FRAME__BODY_PING;
    frame.ping = &ping;
    caller_send(&caller, &frame);
    const Leadbus__Frame *answer = caller_receive(&caller, CALLER_DEADLINE_MS);
    assert_non_null(answer);
    assert_int_equal(answer->body_case, LEADBUS__FRAME__BODY_PONG);
    assert_int_equal(answer->pong->nonce, 77);
    caller_close(&caller);
}

static void an_oversized_frame_costs_its_sender_the_connection(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    static uint8_t large[LIMIT_FRAME_BYTES_MAX + 1];
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 0));
    assert_int_equal(zmq_send(caller.socket, large, sizeof large, 0), (int)sizeof large);
    assert_true(caller_wait_disconnected(&caller));
    caller_close(&caller);
    assert_serves(town);
}

static void the_newest_connection_of_a_unit_takes_over(void **state)
{
    const struct town *town = *state;
    struct caller first, second;
    Leadbus__Ping ping = LEADBUS__PING__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_PING;
    frame.ping = &ping;
    caller_open(&first, town, &town->keyrings[TOWN_OFFICE], true);
    caller_open(&second, town, &town->keyrings[TOWN_OFFICE], true);
    assert_true(caller_greet(&first, town, 0));
    assert_true(caller_greet(&second, town, 0));
    caller_send(&first, &frame);
    assert_int_equal(caller_expect_refusal(&first), E_NOT_GREETED);
    caller_send(&second, &frame);
    assert_non_null(caller_expect(&second, LEADBUS__FRAME__BODY_PONG));
    caller_close(&first);
    caller_close(&second);
}

static void a_head_that_is_not_of_this_journal_is_a_fork(void **state)
{
    const struct town *town = *state;
    struct caller caller;
    struct sealed sealed;
    const struct town_lead lead = {.seq = 2, .bundle = 1, .id = {0x5e, 0xed}, .seen_size = 2};
    caller_open(&caller, town, &town->keyrings[TOWN_EDUCATION], true);
    assert_true(caller_greet(&caller, town, 0));
    town_seal(town, TOWN_EDUCATION, &lead, &sealed);
    for (int i = 0; i < 2; i++) {
        caller_submit(&caller, buf_bytes(&sealed.bytes));
        assert_int_equal(caller_expect_refusal(&caller), E_JOURNAL_FORKED);
    }
    sealed_fini(&sealed);
    caller_close(&caller);
}

static void who_asks_without_reading_is_told_to_wait(void **state)
{
    const struct town *town = *state;
    enum { QUESTIONS = 400, PER_WHILE = 16 * 1024 * 1024 };
    struct caller caller;
    Leadbus__GetBundle question = LEADBUS__GET_BUNDLE__INIT;
    Leadbus__Frame frame = LEADBUS__FRAME__INIT;
    frame.body_case = LEADBUS__FRAME__BODY_GET_BUNDLE;
    frame.get_bundle = &question;
    caller_open(&caller, town, &town->keyrings[TOWN_CIVIL_AFFAIRS], true);
    assert_true(caller_greet(&caller, town, 0));
    for (int i = 0; i < QUESTIONS; i++) caller_send(&caller, &frame);
    size_t bytes = 0, busy = 0;
    for (int i = 0; i < QUESTIONS; i++) {
        const Leadbus__Frame *answer = caller_receive(&caller, CALLER_DEADLINE_MS);
        assert_non_null(answer);
        if (answer->body_case == LEADBUS__FRAME__BODY_BUNDLE) {
            bytes += answer->bundle->bundle.len;
        } else {
            assert_int_equal(answer->body_case, LEADBUS__FRAME__BODY_REFUSAL);
            assert_int_equal(answer->refusal->code, -E_BUSY);
            busy++;
        }
    }
    assert_true(bytes > 0);
    /* A slow machine may take longer than one while. */
    assert_true(busy > 0 || bytes > PER_WHILE);
    caller_close(&caller);
    assert_serves(town);
}

/* Asks until the bundle is in force; every question waits for its answer. */
static bool wait_bundle(struct caller *caller, uint64_t version)
{
    for (int i = 0; i < 20000; i++) {
        Leadbus__Ping ping = LEADBUS__PING__INIT;
        Leadbus__Frame frame = LEADBUS__FRAME__INIT;
        frame.body_case = LEADBUS__FRAME__BODY_PING;
        frame.ping = &ping;
        caller_send(caller, &frame);
        const Leadbus__Frame *answer = caller_expect(caller, LEADBUS__FRAME__BODY_PONG);
        if (!answer) return false;
        if (answer->pong->bundle == version) return true;
    }
    return false;
}

static void revocation_takes_hold_of_a_connection_that_stands(void **state)
{
    struct town *town = *state;
    struct caller school, hospital;
    struct sealed sealed;
    caller_open(&school, town, &town->keyrings[TOWN_EDUCATION], true);
    caller_open(&hospital, town, &town->keyrings[TOWN_HEALTH], true);
    assert_true(caller_greet(&school, town, 0));
    assert_true(caller_greet(&hospital, town, 0));
    town_write_bundle(town, 2);
    process_signal(&town->broker, SIGHUP);
    assert_true(wait_bundle(&school, 2));
    seal_as(town, TOWN_HEALTH, 1, 2, &sealed);
    caller_submit(&hospital, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&hospital), E_CERT_REVOKED);
    sealed_fini(&sealed);
    caller_close(&hospital);
    caller_open(&hospital, town, &town->keyrings[TOWN_HEALTH], true);
    assert_true(caller_is_refused(&hospital));
    caller_close(&hospital);
    /* The bundle before is still taken, the one before that is not. */
    seal_as(town, TOWN_EDUCATION, 3, 1, &sealed);
    caller_submit(&school, buf_bytes(&sealed.bytes));
    assert_non_null(caller_expect(&school, LEADBUS__FRAME__BODY_RECEIPT));
    sealed_fini(&sealed);
    town_write_bundle(town, 3);
    process_signal(&town->broker, SIGHUP);
    assert_true(wait_bundle(&school, 3));
    seal_as(town, TOWN_EDUCATION, 4, 1, &sealed);
    caller_submit(&school, buf_bytes(&sealed.bytes));
    assert_int_equal(caller_expect_refusal(&school), E_BUNDLE_STALE);
    sealed_fini(&sealed);
    caller_close(&school);
}

static json_int_t figure(json_t *status, const char *name)
{
    json_t *value = json_object_get(status, name);
    return value ? json_integer_value(value) : 0;
}

static void everything_refused_was_counted(void **state)
{
    struct town *town = *state;
    char path[2 * PROCESS_PATH_LEN_MAX];
    assert_int_equal(process_stop(&town->broker, PROCESS_DEADLINE_MS), 0);
    snprintf(path, sizeof path, "%s/state/status.json", town->folder);
    json_t *status = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(status);
    json_t *refused = json_object_get(status, "refused");
    assert_int_equal(figure(refused, "not_greeted"), 2);
    /* Some flipped bits turn the serial into another as well. */
    assert_true(figure(refused, "identity_mismatch") >= 4);
    assert_int_equal(figure(refused, "seen_ahead"), 1);
    assert_int_equal(figure(refused, "journal_forked"), 3);
    assert_int_equal(figure(refused, "seq_replayed"), 1);
    assert_int_equal(figure(refused, "bundle_unknown"), 1);
    assert_int_equal(figure(refused, "bundle_stale"), 1);
    assert_int_equal(figure(refused, "cert_revoked"), 1);
    assert_int_equal(figure(status, "dropped_frame_count"), 1);
    assert_int_equal(figure(status, "accepted"), 2);
    assert_true(figure(status, "handshakes_refused") >= 2);
    json_decref(status);
}

static void broker_must_not_start(struct town *town, int exit_code)
{
    assert_false(town_start_broker(town));
    assert_int_equal(process_wait_end(&town->broker, PROCESS_DEADLINE_MS), exit_code);
}

static void assert_logged(const struct town *town, const char *words)
{
    static char text[1 << 20];
    FILE *file = fopen(town->log, "rb");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    assert_int_equal(fclose(file), 0);
    if (!strstr(text, words)) fail_msg("not in the log: %s", words);
}

static void who_was_turned_away_stands_in_the_log_with_the_reason(void **state)
{
    const struct town *town = *state;
    assert_logged(town, "event=handshake_refused reason=unknown_key");
    assert_logged(town, "event=handshake_refused reason=expired unit=justice");
    assert_logged(town, "event=handshake_refused reason=revoked unit=health");
}

static void a_journal_begins_once_and_not_by_itself(void **state)
{
    struct town *town = *state;
    char config[2 * PROCESS_PATH_LEN_MAX], state_path[2 * PROCESS_PATH_LEN_MAX],
        away[2 * PROCESS_PATH_LEN_MAX];
    snprintf(config, sizeof config, "%s/leadbusd.conf", town->folder);
    snprintf(state_path, sizeof state_path, "%s/state", town->folder);
    snprintf(away, sizeof away, "%s/away", town->folder);
    const char *argv[] = {LEADBUSD, "--config", config, "--begin", NULL};
    process_start(&town->broker, town->folder, town->log, argv);
    assert_int_equal(process_wait_end(&town->broker, PROCESS_DEADLINE_MS), EX_USAGE);
    assert_logged(town, "日志已存在");
    assert_int_equal(rename(state_path, away), 0);
    argv[3] = NULL;
    process_start(&town->broker, town->folder, town->log, argv);
    assert_int_equal(process_wait_end(&town->broker, PROCESS_DEADLINE_MS), EX_NOINPUT);
    assert_logged(town, "磁盘是否已挂载");
    process_folder_remove(state_path);
    assert_int_equal(rename(away, state_path), 0);
}

static void run_sql(const struct town *town, const char *sql)
{
    char path[2 * PROCESS_PATH_LEN_MAX];
    sqlite3 *db = NULL;
    snprintf(path, sizeof path, "%s/state/journal.db", town->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A bit of its signature. */
static void flip_in_newest_lead(const struct town *town)
{
    char path[2 * PROCESS_PATH_LEN_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *newest = NULL;
    sqlite3_blob *bytes = NULL;
    uint8_t byte;
    snprintf(path, sizeof path, "%s/state/journal.db", town->folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT max(seq) FROM records WHERE instr(bytes, "
                                        "CAST('lead.mandatory-report' AS BLOB)) > 0",
                                        -1, &newest, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(newest), SQLITE_ROW);
    assert_int_equal(sqlite3_blob_open(db, "main", "records", "bytes",
                                       sqlite3_column_int64(newest, 0), 1, &bytes),
                     SQLITE_OK);
    assert_int_equal(sqlite3_finalize(newest), SQLITE_OK);
    int at = sqlite3_blob_bytes(bytes) - 40;
    assert_int_equal(sqlite3_blob_read(bytes, &byte, 1, at), SQLITE_OK);
    byte ^= 1;
    assert_int_equal(sqlite3_blob_write(bytes, &byte, 1, at), SQLITE_OK);
    assert_int_equal(sqlite3_blob_close(bytes), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A lead waits for the police. */
static void a_journal_that_the_disk_changed_is_not_taken_up(void **state)
{
    struct town *town = *state;
    run_sql(town, "CREATE TABLE kept AS SELECT * FROM checkpoints;"
                  "CREATE TABLE kept_records AS SELECT * FROM records");
    flip_in_newest_lead(town);
    broker_must_not_start(town, EX_PROTOCOL);
    run_sql(town, "DELETE FROM records; INSERT INTO records SELECT * FROM kept_records;"
                  "DELETE FROM checkpoints");
    broker_must_not_start(town, EX_PROTOCOL);
    run_sql(town, "INSERT INTO checkpoints SELECT * FROM kept; DROP TABLE kept;"
                  "DROP TABLE kept_records");
    assert_true(town_start_broker(town));
    assert_int_equal(process_stop(&town->broker, PROCESS_DEADLINE_MS), 0);
}

static void without_descriptors_for_its_connections_it_does_not_start(void **state)
{
    struct town *town = *state;
    char config[2 * PROCESS_PATH_LEN_MAX];
    snprintf(config, sizeof config, "%s/leadbusd.conf", town->folder);
    const char *argv[] = {
        "/usr/bin/prlimit", "--nofile=100:100", LEADBUSD, "--config", config, NULL};
    process_start(&town->broker, town->folder, town->log, argv);
    assert_false(process_wait_ready(&town->broker, PROCESS_DEADLINE_MS));
    assert_int_equal(process_wait_end(&town->broker, PROCESS_DEADLINE_MS), EX_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_asks_without_reading_is_told_to_wait),
        cmocka_unit_test(strangers_are_turned_away),
        cmocka_unit_test(nothing_is_done_before_hello),
        cmocka_unit_test(a_hello_that_lies_is_refused),
        cmocka_unit_test(nobody_submits_for_another_unit),
        cmocka_unit_test(no_flipped_bit_and_no_cut_passes),
        cmocka_unit_test(a_used_number_is_a_replay),
        cmocka_unit_test(extra_frames_are_dropped_and_the_connection_goes_on),
        cmocka_unit_test(an_oversized_frame_costs_its_sender_the_connection),
        cmocka_unit_test(the_newest_connection_of_a_unit_takes_over),
        cmocka_unit_test(a_head_that_is_not_of_this_journal_is_a_fork),
        cmocka_unit_test(revocation_takes_hold_of_a_connection_that_stands),
        cmocka_unit_test(everything_refused_was_counted),
        cmocka_unit_test(who_was_turned_away_stands_in_the_log_with_the_reason),
        cmocka_unit_test(a_journal_begins_once_and_not_by_itself),
        cmocka_unit_test(a_journal_that_the_disk_changed_is_not_taken_up),
        cmocka_unit_test(without_descriptors_for_its_connections_it_does_not_start),
    };
    return cmocka_run_group_tests_name("edges", tests, setup, teardown);
}
