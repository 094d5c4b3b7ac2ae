/* journal: makes a journal of very many records without waiting for a network: sealed and signed
 * leads, decided by the broker's core, written by its writer.
 *
 *     leadbus-bench-journal -c broker.conf -d FOLDER --records N
 *
 * FOLDER holds the keyrings of a sender and of six receivers; the broker of the configuration was
 * begun and has ended. A round is ROUND leads and six acknowledgements: each receiver takes all
 * that waits for it, so nothing waits at the end. It is what a broker would have written:
 * leadbus-replay decides it again, byte for byte. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/shell/clock.h"
#include "broker/shell/journal.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/host/log.h"
#include "proto/host/options.h"
#include "proto/plan/route.h"
#include "tests/bench/measure.h"

enum { RECEIVERS = 6, ROUND = 64, COUNT_MAX = 10000000, BODY_LEN = 64 };

/* One unit's keys. */
struct end {
    struct keyring keyring;
    uint8_t kek[SUITE_KEY_LEN]; /* between the sender's session and this receiver */
};

struct maker {
    struct settings settings;
    struct keyring broker;
    struct uploads *uploads;
    struct journal journal;
    struct group *group;
    struct end sender, receivers[RECEIVERS];
    uint8_t session_secret[32], session_public[32];
    struct route route;
    uint64_t leads, seq;
};

static void must(int code, const struct error *error)
{
    if (code == 0) return;
    i18n_complain("leadbus-bench-journal", code, error);
    exit(1);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static char *text(const char *value)
{
    return (char *)(uintptr_t)value;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static void load_keyring(const char *folder, const char *name, struct bytes passphrase,
                         struct keyring *ret)
{
    char path[1024];
    struct error error = {0};
    (void)snprintf(path, sizeof path, "%s/%s.keyring", folder, name);
    must(keyring_load(ret, path, passphrase, &error), &error);
}

static void make_keks(struct maker *maker)
{
    randombytes_buf(maker->session_secret, sizeof maker->session_secret);
    suite_find(SUITE_1)->public_of(maker->session_secret, maker->session_public);
    for (size_t i = 0; i < RECEIVERS; i++) {
        struct end *end = &maker->receivers[i];
        struct envelope_kek_input input = {.suite = SUITE_1,
                                           .own_secret = maker->session_secret,
                                           .peer_public = end->keyring.epochs[0].public_key,
                                           .session_public = maker->session_public,
                                           .epoch_public = end->keyring.epochs[0].public_key,
                                           .from = maker->sender.keyring.unit,
                                           .serial = maker->sender.keyring.serial,
                                           .unit = end->keyring.unit,
                                           .epoch = end->keyring.epochs[0].number};
        must(envelope_kek(&input, end->kek), NULL);
    }
}

static void find_route(struct maker *maker)
{
    struct error error = {0};
    static const char *const sections[] = {"summary", "full"};
    struct route_query query = {.plan = trust_bundle_plan(core_bundle(maker->journal.core)),
                                .at_ms = clock_now_ms(),
                                .kind = "lead.bench",
                                .topic = "",
                                .area = "",
                                .from = maker->sender.keyring.unit};
    must(route_compute(&query, &maker->route, &error), &error);
    must(route_restrict(&maker->route, sections, 2, &error), &error);
    CHECK(maker->route.recipient_count == RECEIVERS);
}

static void maker_open(struct maker *maker, const char *config, const char *folder)
{
    struct error error = {0};
    struct buf passphrase = {0};
    uint8_t hash_key[16];
    log_init(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
    clock_start();
    clock_random(hash_key, sizeof hash_key);
    must(settings_load(config, &maker->settings, &error), &error);
    must(keyring_passphrase_read(maker->settings.passphrase_file, NULL, NULL, &passphrase, &error),
         &error);
    must(keyring_load(&maker->broker, maker->settings.keyring, buf_bytes(&passphrase), &error),
         &error);
    load_keyring(folder, "sender", buf_bytes(&passphrase), &maker->sender.keyring);
    for (size_t i = 0; i < RECEIVERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "receiver-%zu", i + 1);
        load_keyring(folder, name, buf_bytes(&passphrase), &maker->receivers[i].keyring);
    }
    buf_wipe_fini(&passphrase);
    must(uploads_new(maker->settings.upload_bytes_max, maker->settings.day_bytes_max,
                     maker->settings.upload_keep_ms, hash_key, &maker->uploads, &error),
         &error);
    must(journal_open(&maker->settings, &maker->broker, maker->uploads, &maker->journal, &error),
         &error);
    maker->group = calloc(1, sizeof *maker->group);
    CHECK(maker->group != NULL);
    maker->seq = core_seq(maker->journal.core, maker->sender.keyring.serial, ENVELOPE_LANE_NORMAL);
    find_route(maker);
    make_keks(maker);
}

static void maker_close(struct maker *maker)
{
    group_free(maker->group);
    journal_fini(&maker->journal);
    uploads_free(maker->uploads);
    keyring_fini(&maker->broker);
    keyring_fini(&maker->sender.keyring);
    for (size_t i = 0; i < RECEIVERS; i++) keyring_fini(&maker->receivers[i].keyring);
    settings_fini(&maker->settings);
}

/* ---- records ----------------------------------------------------------------------------------
 */

/* Decides and folds; what it decided goes into the group with the blobs, which are lent until the
 * group is durable. */
static void put(struct maker *maker, struct core_request *request, const struct bytes *blobs,
                size_t blob_count)
{
    struct group *group = maker->group;
    struct group_record *record = &group->records[group->count];
    struct core_verdict verdict = {0};
    struct error error = {0};
    uint64_t index = core_size(maker->journal.core);
    request->now_ms = clock_now_ms();
    must(core_admit(maker->journal.core, request, &record->bytes, &verdict), &verdict.error);
    must(core_apply(maker->journal.core, index, buf_bytes(&record->bytes), NULL, NULL, &error),
         &error);
    record->blobs = blobs;
    record->blob_count = blob_count;
    if (group->count++ == 0) group->first = index;
}

static void commit(struct maker *maker)
{
    struct error error = {0};
    if (maker->group->count > 0)
        must(writer_commit(maker->journal.writer, maker->group, &error), &error);
    group_reset(maker->group);
}

/* A sealed lead and what it was decoded into; lives until its group is durable. */
struct lead {
    struct sealed sealed;
    struct arena arena;
    struct envelope envelope;
};

static void seal(struct maker *maker, struct lead *lead)
{
    static const uint8_t summary[BODY_LEN], full[BODY_LEN];
    const struct seal_section sections[] = {{"summary", bytes_of(summary, sizeof summary)},
                                            {"full", bytes_of(full, sizeof full)}};
    const struct plan *plan = trust_bundle_plan(core_bundle(maker->journal.core));
    const struct plan_kind *kind = maker->route.kind;
    struct seal_recipient recipients[RECEIVERS] = {{0}};
    uint8_t id[16], entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    Leadbus__Header head = LEADBUS__HEADER__INIT;
    struct error error = {0};
    randombytes_buf(id, sizeof id);
    randombytes_buf(entropy, sizeof entropy);
    head.suite = SUITE_1;
    head.id = head.thread = binary(id, sizeof id);
    head.kind = text("lead.bench");
    head.from = text(maker->sender.keyring.unit);
    head.officer = text("BENCH-1");
    head.serial = maker->sender.keyring.serial;
    head.seq = ++maker->seq;
    head.created_ms = clock_now_ms();
    head.bundle = trust_bundle_version(core_bundle(maker->journal.core));
    head.urgency = plan_kind_urgency(kind, "");
    head.level = kind->level;
    head.session_key = binary(maker->session_public, sizeof maker->session_public);
    for (size_t i = 0; i < RECEIVERS; i++) {
        const struct route_recipient *to = &maker->route.recipients[i];
        const char *unit = plan_unit(plan, to->unit)->key;
        const struct end *end = maker->receivers;
        while (strcmp(end->keyring.unit, unit) != 0) end++;
        recipients[i] = (struct seal_recipient){.unit = unit,
                                                .act = to->act,
                                                .citation = to->citation,
                                                .sections = to->sections,
                                                .epoch = end->keyring.epochs[0].number,
                                                .epoch_public = end->keyring.epochs[0].public_key,
                                                .kek = end->kek,
                                                .pair_seq = maker->seq};
    }
    const struct seal_input input = {.head = &head,
                                     .sections = sections,
                                     .section_count = 2,
                                     .recipients = recipients,
                                     .recipient_count = RECEIVERS,
                                     .identity_secret = maker->sender.keyring.identity_secret,
                                     .entropy = entropy};
    must(envelope_seal(&input, &lead->sealed, &error), &error);
    must(envelope_decode(buf_bytes(&lead->sealed.bytes), &lead->arena, &lead->envelope, &error),
         &error);
}

static void put_leads(struct maker *maker, size_t count)
{
    static struct lead leads[ROUND];
    for (size_t i = 0; i < count; i++) {
        struct lead *lead = &leads[i];
        arena_init(&lead->arena, (size_t)LIMIT_FRAME_BYTES_MAX * 4);
        seal(maker, lead);
        struct core_request request = {.type = CORE_SUBMIT,
                                       .conn_serial = maker->sender.keyring.serial,
                                       .signature_checked = true};
        request.envelope = &lead->envelope;
        memcpy(request.checked_key, maker->sender.keyring.identity_public, 32);
        put(maker, &request, lead->envelope.ciphertexts, lead->envelope.section_count);
    }
    commit(maker);
    for (size_t i = 0; i < count; i++) {
        sealed_fini(&leads[i].sealed);
        arena_fini(&leads[i].arena);
    }
    maker->leads += count;
}

/* The unit takes all that waits for it. */
static void put_ack(struct maker *maker, const struct end *end)
{
    const struct core *core = maker->journal.core;
    Leadbus__AckBody body = LEADBUS__ACK_BODY__INIT;
    struct buf encoded = {0};
    struct core_entry entry;
    uint8_t running[32], signature[64];
    uint64_t position;
    core_acknowledged(core, end->keyring.unit, ENVELOPE_LANE_NORMAL, &position, running);
    while (core_entry_after(core, end->keyring.unit, ENVELOPE_LANE_NORMAL, position, &entry)) {
        lane_running(core_origin(core), running, entry.index, entry.item_hash, running);
        position = entry.position;
    }
    body.origin = text(core_origin(core));
    body.unit = text(end->keyring.unit);
    body.serial = end->keyring.serial;
    body.lane = ENVELOPE_LANE_NORMAL;
    body.position = position;
    body.running = binary(running, sizeof running);
    body.time_ms = clock_now_ms();
    message_encode(&body.base, &encoded);
    signed_body_sign(SIGNED_ACK, buf_bytes(&encoded), end->keyring.identity_secret, signature);
    struct core_request request = {
        .type = CORE_ACK, .conn_serial = end->keyring.serial, .signature_checked = true};
    request.signed_body.body = buf_bytes(&encoded);
    request.signed_body.signature = bytes_of(signature, sizeof signature);
    memcpy(request.checked_key, end->keyring.identity_public, 32);
    put(maker, &request, NULL, 0);
    buf_fini(&encoded);
}

/* Rounds of leads and acknowledgements until the journal has so many records; the last round is as
 * long as it takes. */
static void fill(struct maker *maker, uint64_t size)
{
    uint64_t have;
    while ((have = core_size(maker->journal.core)) + RECEIVERS < size) {
        uint64_t left = size - have - RECEIVERS;
        put_leads(maker, left < ROUND ? (size_t)left : ROUND);
        for (size_t i = 0; i < RECEIVERS; i++) put_ack(maker, &maker->receivers[i]);
        commit(maker);
    }
}

int main(int argc, char **argv)
{
    const char *config = NULL, *folder = NULL, *records_text = "1000000";
    const struct options_row rows[] = {
        {"config", 'c', "文件", "FILE", "总线服务的配置文件", "the broker's configuration", NULL,
         &config, NULL},
        {"folder", 'd', "目录", "FOLDER", "各单位的密钥所在", "keyrings of the units", NULL,
         &folder, NULL},
        {"records", 'n', "数", "N", "日志的记录数（默认 1000000）",
         "records of the journal (default 1000000)", NULL, &records_text, NULL},
    };
    const struct options_spec spec = {
        .program = "leadbus-bench-journal",
        .usage_zh = "-c 文件 -d 目录 [选项]",
        .usage_en = "-c FILE -d FOLDER [options]",
        .about_zh = "不经网络生成一份很长的日志。通常由 ./run bench start 运行。",
        .about_en =
            "Makes a very long journal without a network. Usually run by ./run bench start.",
        .rows = rows,
        .row_count = sizeof rows / sizeof rows[0]};
    static struct maker maker;
    char *end;
    int first = 0;
    int code = options_parse(&spec, argc, argv, false, &first);
    if (code == 0) code = options_count(&spec, argc, argv, first, 0, 0);
    if (code == 0) code = options_need(&spec, config != NULL, "--config");
    if (code == 0) code = options_need(&spec, folder != NULL, "--folder");
    if (code != 0) return code == OPTIONS_DONE ? 0 : options_exit_code(code);
    unsigned long long size = strtoull(records_text, &end, 10);
    if (*end || size < 100 || size > COUNT_MAX)
        return options_exit_code(
            options_wrong(&spec, T("--records 为 100 至 10000000", "--records is 100..10000000")));
    if (sodium_init() < 0) return 1;
    maker_open(&maker, config, folder);
    uint64_t start_ns = measure_now_ns();
    fill(&maker, size);
    printf("{\"records\":%llu,\"leads\":%llu,\"seconds\":%.3f}\n",
           (unsigned long long)core_size(maker.journal.core), (unsigned long long)maker.leads,
           (double)(measure_now_ns() - start_ns) / 1e9);
    maker_close(&maker);
    return 0;
}
