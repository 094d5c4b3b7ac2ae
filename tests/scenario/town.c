#include "tests/scenario/town.h"

#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/base/check.h"
#include "proto/host/file.h"
#include "proto/note.h"
#include "proto/plan/route.h"
#include "proto/record.h"
#include "tests/lib/plan_files.h"

#define PASSPHRASE "a passphrase for tests"
enum { PART_COUNT = PLAN_PART_COUNT_MAX + 3 };
static const uint64_t DAY_MS = (uint64_t)24 * 3600 * 1000;

static const struct {
    const char *unit;
    Leadbus__Role role;
} UNITS[TOWN_UNIT_COUNT] = {
    {"joint-conference-office", LEADBUS__ROLE__ROLE_BROKER},
    {"education", LEADBUS__ROLE__ROLE_UNIT},
    {"police-hedong", LEADBUS__ROLE__ROLE_UNIT},
    {"procuratorate", LEADBUS__ROLE__ROLE_UNIT},
    {"civil-affairs", LEADBUS__ROLE__ROLE_UNIT},
    {"joint-conference-office", LEADBUS__ROLE__ROLE_OFFICE},
    {"health", LEADBUS__ROLE__ROLE_UNIT},
    {"justice", LEADBUS__ROLE__ROLE_UNIT},
    {"st-chunhua", LEADBUS__ROLE__ROLE_UNIT},
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void must(int code, const struct error *error)
{
    if (code) fprintf(stderr, "%s: %s: %s\n", error_name(code), error->field, error->detail);
    CHECK(code == 0);
}

static void write_file(const struct town *town, const char *name, struct bytes bytes)
{
    char path[2 * PROCESS_PATH_LEN_MAX];
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", town->folder, name);
    must(file_write_atomic(path, bytes, 0600, &error), &error);
}

static void write_root(const struct town *town)
{
    struct error error = {0};
    struct note_key key;
    struct buf text = {0}, note = {0};
    must(note_key_init(&key, "authority", NOTE_KEY_ED25519, town->authority_public, &error),
         &error);
    buf_printf(&text,
               "leadbus/root/v1\nbus %s\nversion 1\nexpires %" PRIu64
               "\nthreshold-root 1\nthreshold-bundle 1\nkey ",
               TOWN_BUS, town->made_ms + 365 * DAY_MS);
    note_key_format(&key, &text);
    buf_append_str(&text, "\n");
    must(note_begin(&note, buf_bytes(&text), &error), &error);
    must(note_append_signature(&note, "authority", town->authority_secret, &error), &error);
    write_file(town, "root", buf_bytes(&note));
    buf_fini(&text);
    buf_fini(&note);
}

static ProtobufCBinaryData data_of(const uint8_t *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static void make_directory(const struct town *town, struct buf *ret)
{
    Leadbus__Certificate certificates[TOWN_UNIT_COUNT], *list[TOWN_UNIT_COUNT];
    Leadbus__EpochKey *keys[TOWN_UNIT_COUNT] = {NULL};
    uint32_t suite = SUITE_1;
    Leadbus__Directory directory = LEADBUS__DIRECTORY__INIT;
    for (size_t i = 0; i < TOWN_UNIT_COUNT; i++) {
        const struct keyring *keyring = &town->keyrings[i];
        Leadbus__Certificate *one = &certificates[i];
        leadbus__certificate__init(one);
        one->serial = keyring->serial;
        one->unit = (char *)(uintptr_t)keyring->unit;
        one->role = keyring->role;
        one->not_before_ms = town->made_ms - 30 * DAY_MS;
        one->not_after_ms = town->made_ms + 300 * DAY_MS;
        if (i == TOWN_JUSTICE) one->not_after_ms = town->made_ms - DAY_MS;
        one->n_suites = 1;
        one->suites = &suite;
        one->identity = data_of(keyring->identity_public, 32);
        one->witness = data_of(keyring->witness_public, 32);
        one->transport = data_of(keyring->transport_public, 32);
        list[i] = one;
        if (keyring->epoch_count == 0 || i == TOWN_BROKER) continue;
        struct buf announced = {0};
        keyring_epoch_announce(keyring, &keyring->epochs[0], &announced);
        Leadbus__EpochKey *key = leadbus__epoch_key__unpack(NULL, announced.len, announced.data);
        CHECK(key != NULL);
        keys[directory.n_epoch_keys++] = key;
        buf_fini(&announced);
    }
    directory.n_certificates = TOWN_UNIT_COUNT;
    directory.certificates = list;
    directory.epoch_keys = keys;
    message_encode(&directory.base, ret);
    for (size_t i = 0; i < directory.n_epoch_keys; i++)
        leadbus__epoch_key__free_unpacked(keys[i], NULL);
}

void town_write_bundle(struct town *town, uint64_t version)
{
    struct plan_files files;
    struct buf directory = {0}, revocations = {0}, brokers = {0}, text = {0}, note = {0};
    struct buf bytes = {0};
    struct error error = {0};
    Leadbus__Revocation revoked = LEADBUS__REVOCATION__INIT, *revoked_list = &revoked;
    Leadbus__Revocations all_revoked = LEADBUS__REVOCATIONS__INIT;
    Leadbus__Brokers no_brokers = LEADBUS__BROKERS__INIT;
    char previous[65];
    hex_encode(bytes_of(town->manifest_hash, 32), previous);
    revoked.serial = town->keyrings[TOWN_HEALTH].serial;
    revoked.time_ms = town->made_ms;
    revoked.reason = (char *)(uintptr_t) "superseded";
    if (version > 1) {
        all_revoked.number = version - 1;
        all_revoked.n_revoked = 1;
        all_revoked.revoked = &revoked_list;
    }
    make_directory(town, &directory);
    message_encode(&all_revoked.base, &revocations);
    message_encode(&no_brokers.base, &brokers);
    plan_files_load(&files);
    if (town->act_left_out) {
        char act[32];
        (void)snprintf(act, sizeof act, "\t%s\t", town->act_left_out);
        plan_files_replace(&files, "kinds.tsv", act, "\tnone\t");
    }
    struct plan_part contents[PART_COUNT] = {{"directory", buf_bytes(&directory)},
                                             {"revocations", buf_bytes(&revocations)},
                                             {"brokers", buf_bytes(&brokers)}};
    memcpy(&contents[3], files.parts, PLAN_PART_COUNT_MAX * sizeof *files.parts);
    buf_printf(&text,
               "leadbus/bundle/v1\nbus %s\nversion %" PRIu64 "\nissued %" PRIu64
               "\nexpires %" PRIu64 "\nhard-limit %" PRIu64 "\nmin-suite 1\nrevocation %" PRIu64
               "\nprevious %s\nroot 1\n",
               TOWN_BUS, version, town->made_ms, town->made_ms + 100 * DAY_MS,
               town->made_ms + 200 * DAY_MS, version - 1, previous);
    Leadbus__BundlePart parts[PART_COUNT], *list[PART_COUNT];
    for (size_t i = 0; i < PART_COUNT; i++) {
        uint8_t hash[32];
        char hex[65];
        sha256(contents[i].content, hash);
        hex_encode(bytes_of(hash, 32), hex);
        buf_printf(&text, "part %s %s %zu\n", contents[i].name, hex, contents[i].content.len);
        leadbus__bundle_part__init(&parts[i]);
        parts[i].name = (char *)(uintptr_t)contents[i].name;
        parts[i].content = data_of(contents[i].content.data, contents[i].content.len);
        list[i] = &parts[i];
    }
    sha256(buf_bytes(&text), town->manifest_hash);
    must(note_begin(&note, buf_bytes(&text), &error), &error);
    must(note_append_signature(&note, "authority", town->authority_secret, &error), &error);
    Leadbus__Bundle bundle = LEADBUS__BUNDLE__INIT;
    bundle.manifest = data_of(note.data, note.len);
    bundle.n_parts = PART_COUNT;
    bundle.parts = list;
    message_encode(&bundle.base, &bytes);
    write_file(town, "bundle", buf_bytes(&bytes));
    plan_files_free(&files);
    struct buf *bufs[] = {&directory, &revocations, &brokers, &text, &note, &bytes};
    for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) buf_fini(bufs[i]);
}

static void write_config(const struct town *town)
{
    struct buf config = {0};
    const char *folder = town->folder;
    buf_printf(&config,
               "[bus]\nname = %s\nstate = %s/state\nroot = %s/root\nbundle = %s/bundle\n"
               "keyring = %s/keyring\npassphrase_file = %s/passphrase\n"
               "[listen]\nendpoint = %s\n[log]\nlevel = debug\n",
               TOWN_BUS, folder, folder, folder, folder, folder, town->endpoint);
    if (town->more_config) buf_append_str(&config, town->more_config);
    write_file(town, "leadbusd.conf", buf_bytes(&config));
    buf_fini(&config);
}

void town_init(struct town *town)
{
    struct error error = {0};
    uint8_t seed[32];
    char path[2 * PROCESS_PATH_LEN_MAX];
    CHECK(sodium_init() >= 0);
    memset(town, 0, sizeof *town);
    town->program = LEADBUSD;
    process_folder_make(town->folder);
    town->made_ms = wall_ms();
    memset(seed, 42, sizeof seed);
    crypto_sign_seed_keypair(town->authority_public, town->authority_secret, seed);
    for (size_t i = 0; i < TOWN_UNIT_COUNT; i++) {
        must(keyring_generate(&town->keyrings[i], UNITS[i].unit, UNITS[i].role,
                              town->made_ms - DAY_MS, 1, 30 * DAY_MS, &error),
             &error);
        town->keyrings[i].serial = 100 + i;
    }
    town->plan = plan_files_parse();
    snprintf(town->endpoint, sizeof town->endpoint, "ipc://%s/broker", town->folder);
    snprintf(town->log, sizeof town->log, "%s/leadbusd.log", town->folder);
    write_root(town);
    town_write_bundle(town, 1);
    write_file(town, "passphrase", bytes_of_str(PASSPHRASE));
    snprintf(path, sizeof path, "%s/keyring", town->folder);
    must(keyring_save(&town->keyrings[TOWN_BROKER], path, bytes_of_str(PASSPHRASE), &error),
         &error);
}

void town_fini(struct town *town)
{
    if (town->broker.pid) (void)process_stop(&town->broker, PROCESS_DEADLINE_MS);
    for (size_t i = 0; i < TOWN_UNIT_COUNT; i++) keyring_fini(&town->keyrings[i]);
    plan_free(town->plan);
    if (!getenv("LEADBUS_KEEP")) process_folder_remove(town->folder);
}

size_t town_explain(const struct town *town, const char *program, enum town_explained which)
{
    static const char format[] =
        "cd '%s' && LANG=en && export LANG && '%s' list --root root state/journal.db >messages && "
        "for i in $(awk -F '\t' '%s { print $1 }' messages); do "
        "'%s' explain --root root state/journal.db $i >explained 2>&1 || "
        "{ echo \"record $i\" >&2; cat explained >&2; exit 1; }; echo $i; done";
    char command[4 * PROCESS_PATH_LEN_MAX], line[64];
    size_t count = 0;
    int len = snprintf(command, sizeof command, format, town->folder, program,
                       which == TOWN_EXPLAIN_SORTS ? "!seen[$4, $5, $6]++" : "", program);
    CHECK(len > 0 && (size_t)len < sizeof command);
    FILE *pipe = popen(command, "r");
    CHECK(pipe != NULL);
    while (fgets(line, sizeof line, pipe) != NULL) count++;
    return pclose(pipe) == 0 ? count : 0;
}

bool town_start_broker(struct town *town)
{
    char config[2 * PROCESS_PATH_LEN_MAX];
    write_config(town);
    snprintf(config, sizeof config, "%s/leadbusd.conf", town->folder);
    char journal[2 * PROCESS_PATH_LEN_MAX];
    snprintf(journal, sizeof journal, "%s/state/journal.db", town->folder);
    const char *argv[] = {town->program, "--config", config,
                          access(journal, F_OK) == 0 ? NULL : "--begin", NULL};
    process_start(&town->broker, town->folder, town->log, argv);
    return process_wait_ready(&town->broker, PROCESS_DEADLINE_MS);
}

/* TOWN_UNIT_COUNT: not of the town. */
static enum town_unit unit_of(const char *key)
{
    size_t i = 1;
    while (i < TOWN_UNIT_COUNT && strcmp(UNITS[i].unit, key) != 0) i++;
    return (enum town_unit)i;
}

/* A key counts as long as the certificate that vouches for it does. */
static bool has_good_key(enum town_unit who, uint64_t bundle)
{
    return who != TOWN_UNIT_COUNT && who != TOWN_JUSTICE && !(who == TOWN_HEALTH && bundle > 1);
}

static void fill_head(const struct town *town, enum town_unit from, const struct town_lead *lead,
                      const struct plan_kind *kind, const uint8_t session_public[32],
                      char *(*tags)[LIMIT_TAG_COUNT_MAX], Leadbus__Header *head)
{
    leadbus__header__init(head);
    head->suite = SUITE_1;
    head->id = head->thread = data_of(lead->id, sizeof lead->id);
    head->kind = (char *)(uintptr_t)kind->slug;
    head->topic = (char *)(uintptr_t)(kind->topic_required ? kind->topics[0].slug : "");
    head->from = (char *)(uintptr_t)town->keyrings[from].unit;
    head->serial = town->keyrings[from].serial;
    head->seq = lead->seq;
    head->created_ms = wall_ms();
    head->expires_ms = lead->expires_ms;
    head->bundle = lead->bundle;
    head->urgency = plan_kind_urgency(kind, head->topic);
    head->level = kind->level;
    head->seen_size = lead->seen_size;
    static const uint8_t no_root[32] = {1};
    if (lead->seen_size) head->seen_root = data_of(no_root, sizeof no_root);
    head->session_key = data_of(session_public, 32);
    const struct town_act *act = lead->act;
    if (act) {
        head->thread = data_of(act->thread, 16);
        head->parent = data_of(act->parent, 16);
        if (act->other) head->other = data_of(act->other, 16);
        if (act->topic) head->topic = (char *)(uintptr_t)act->topic;
        if (act->target) head->target = (char *)(uintptr_t)act->target;
        head->thread_index = act->thread_index;
        head->urgency = plan_kind_urgency(kind, head->topic);
    }
    static char officer[] = "o-1";
    if (kind->act != PLAN_ACT_NONE) head->officer = officer;
    for (size_t i = 0; i < kind->tag_count; i++) (*tags)[i] = (char *)(uintptr_t)kind->tags[i];
    head->n_tags = kind->tag_count;
    head->tags = *tags;
}

void town_seal(const struct town *town, enum town_unit from, const struct town_lead *lead,
               struct sealed *ret_sealed)
{
    CHECK(town_try_seal(town, from, lead, ret_sealed) == 0);
}

int town_try_seal(const struct town *town, enum town_unit from, const struct town_lead *lead,
                  struct sealed *ret_sealed)
{
    const struct plan_kind *kind =
        plan_kind_find(town->plan, lead->kind ? lead->kind : "lead.mandatory-report");
    const struct suite *suite = suite_find(SUITE_1);
    uint8_t session_secret[32], session_public[32], entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    uint8_t keks[LIMIT_RECIPIENT_COUNT_MAX][32];
    char *tags[LIMIT_TAG_COUNT_MAX];
    Leadbus__Header head;
    struct route route;
    struct error error = {0};
    CHECK(kind != NULL);
    randombytes_buf(session_secret, sizeof session_secret);
    randombytes_buf(entropy, sizeof entropy);
    suite->public_of(session_secret, session_public);
    fill_head(town, from, lead, kind, session_public, &tags, &head);
    struct route_query query = {.plan = town->plan,
                                .at_ms = head.created_ms,
                                .kind = head.kind,
                                .topic = head.topic,
                                .from = head.from};
    if (lead->act) {
        query.target = lead->act->target;
        query.participants = lead->act->participants;
        query.participant_count = lead->act->participant_count;
        query.reference_sender = lead->act->parent_from;
    }
    int code = route_compute(&query, &route, &error);
    if (code != 0) return code;
    struct seal_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    for (size_t i = 0; i < route.recipient_count; i++) {
        const char *unit = plan_unit(town->plan, route.recipients[i].unit)->key;
        recipients[i] = (struct seal_recipient){.unit = unit,
                                                .act = route.recipients[i].act,
                                                .citation = route.recipients[i].citation,
                                                .sections = route.recipients[i].sections,
                                                .pair_seq = lead->seq};
        if (!has_good_key(unit_of(unit), lead->bundle)) {
            head.flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED;
            continue;
        }
        const struct keyring_epoch *epoch = &town->keyrings[unit_of(unit)].epochs[0];
        const struct envelope_kek_input input = {.suite = SUITE_1,
                                                 .own_secret = session_secret,
                                                 .peer_public = epoch->public_key,
                                                 .session_public = session_public,
                                                 .epoch_public = epoch->public_key,
                                                 .from = head.from,
                                                 .serial = head.serial,
                                                 .unit = unit,
                                                 .epoch = epoch->number};
        CHECK(envelope_kek(&input, keks[i]) == 0);
        if (lead->deaf && unit_of(unit) == lead->deaf) keks[i][0] ^= 1;
        recipients[i].epoch = epoch->number;
        recipients[i].epoch_public = epoch->public_key;
        recipients[i].kek = keks[i];
    }
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    for (size_t i = 0; i < kind->section_count; i++)
        sections[i] = (struct seal_section){kind->sections[i].name, bytes_of_str("what is sealed")};
    const struct seal_input input = {.head = &head,
                                     .sections = sections,
                                     .section_count = kind->section_count,
                                     .attachments = lead->attachments,
                                     .attachment_count = lead->attachment_count,
                                     .recipients = recipients,
                                     .recipient_count = route.recipient_count,
                                     .identity_secret = town->keyrings[from].identity_secret,
                                     .entropy = entropy};
    memset(ret_sealed, 0, sizeof *ret_sealed);
    must(envelope_seal(&input, ret_sealed, &error), &error);
    return 0;
}
