#include "tests/scenario/journal_maker.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/note.h"
#include "tests/lib/plan_files.h"

#define BUS "test.leadbus"

/* Every error stops the test with its words. */
static void must(int code, const struct error *error)
{
    if (code != 0)
        (void)fprintf(stderr, "%s %s: %s\n", error_name(code), error->field, error->detail);
    CHECK(code == 0);
}

static void seed_of(uint8_t seed[32], const char *role, uint64_t number)
{
    char text[128];
    (void)snprintf(text, sizeof text, "%s %llu", role, (unsigned long long)number);
    sha256(bytes_of_str(text), seed);
}

static void sign_key(const char *role, uint64_t number, uint8_t public_key[32], uint8_t secret[64])
{
    uint8_t seed[32];
    seed_of(seed, role, number);
    CHECK(crypto_sign_seed_keypair(public_key, secret, seed) == 0);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static char *text(const char *value)
{
    return (char *)(uintptr_t)value;
}

/* ---- root and bundle --------------------------------------------------------------------------
 */
static void sign_note(struct journal_maker *maker, struct buf *note_text, size_t signers,
                      struct buf *ret_note)
{
    struct error error = {0};
    must(note_begin(ret_note, buf_bytes(note_text), &error), &error);
    for (size_t i = 0; i < signers; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "authority-%zu", i + 1);
        must(note_append_signature(ret_note, name, maker->authority_secret[i], &error), &error);
    }
}

static void make_root(struct journal_maker *maker)
{
    struct buf body = {0};
    struct error error = {0};
    buf_printf(&body,
               "leadbus/root/v1\nbus " BUS "\nversion 1\nexpires %llu\nthreshold-root 2\n"
               "threshold-bundle 2\n",
               (unsigned long long)(maker->now_ms + 400ull * 86400000));
    for (size_t i = 0; i < MAKER_AUTHORITY_COUNT; i++) {
        struct note_key key;
        char name[32];
        sign_key("authority", i, maker->authority_public[i], maker->authority_secret[i]);
        (void)snprintf(name, sizeof name, "authority-%zu", i + 1);
        must(note_key_init(&key, name, NOTE_KEY_ED25519, maker->authority_public[i], &error),
             &error);
        buf_append_str(&body, "key ");
        note_key_format(&key, &body);
        buf_append_str(&body, "\n");
    }
    sign_note(maker, &body, 2, &maker->root_note);
    must(trust_root_open(buf_bytes(&maker->root_note), &maker->root, &error), &error);
    buf_fini(&body);
}

struct maker_certificate {
    Leadbus__Certificate row;
    uint8_t witness_public[32], witness_secret[64], transport_secret[32], transport_public[32];
    uint32_t suites[1];
    Leadbus__EpochKey key;
    struct buf key_body;
    uint8_t key_signature[64];
};

static void make_certificate(struct journal_maker *maker, struct maker_unit *unit,
                             Leadbus__Role role, struct maker_certificate *made)
{
    const struct suite *suite = suite_find(SUITE_1);
    sign_key("identity", unit->serial, unit->identity_public, unit->identity_secret);
    sign_key("witness", unit->serial, made->witness_public, made->witness_secret);
    seed_of(made->transport_secret, "transport", unit->serial);
    suite->public_of(made->transport_secret, made->transport_public);
    seed_of(unit->epoch_secret, "epoch", unit->serial);
    suite->public_of(unit->epoch_secret, unit->epoch_public);
    leadbus__certificate__init(&made->row);
    made->suites[0] = 1;
    made->row.serial = unit->serial;
    made->row.unit = text(unit->key);
    made->row.role = role;
    made->row.not_before_ms = maker->now_ms - 3600000;
    made->row.not_after_ms = maker->now_ms + 300ull * 86400000;
    made->row.n_suites = 1;
    made->row.suites = made->suites;
    made->row.identity = binary(unit->identity_public, 32);
    made->row.witness = binary(made->witness_public, 32);
    made->row.transport = binary(made->transport_public, 32);

    Leadbus__EpochKeyBody body;
    leadbus__epoch_key_body__init(&body);
    body.unit = text(unit->key);
    body.serial = unit->serial;
    body.epoch = 1;
    body.public_key = binary(unit->epoch_public, 32);
    body.not_before_ms = maker->now_ms - 3600000;
    body.not_after_ms = maker->now_ms + 7ull * 86400000;
    message_encode(&body.base, &made->key_body);
    signed_body_sign(SIGNED_EPOCH, buf_bytes(&made->key_body), unit->identity_secret,
                     made->key_signature);
    leadbus__epoch_key__init(&made->key);
    made->key.body = binary(made->key_body.data, made->key_body.len);
    made->key.signature = binary(made->key_signature, 64);
}

static void make_directory(struct journal_maker *maker, struct buf *ret)
{
    struct maker_certificate *made = calloc(LIMIT_UNIT_COUNT_MAX, sizeof *made);
    Leadbus__Certificate *rows[LIMIT_UNIT_COUNT_MAX];
    Leadbus__EpochKey *keys[LIMIT_UNIT_COUNT_MAX];
    Leadbus__Directory directory = LEADBUS__DIRECTORY__INIT;
    struct maker_unit broker = {.key = "broker", .serial = 9000};
    CHECK(made != NULL);
    maker->unit_count = plan_unit_count(maker->plan);
    uint16_t office = plan_unit_with_duty(maker->plan, PLAN_DUTY_OFFICE);
    for (size_t i = 0; i < maker->unit_count; i++) {
        maker->units[i].key = plan_unit(maker->plan, (uint16_t)i)->key;
        maker->units[i].serial = 100 + i;
        make_certificate(maker, &maker->units[i],
                         i == office ? LEADBUS__ROLE__ROLE_OFFICE : LEADBUS__ROLE__ROLE_UNIT,
                         &made[i]);
        rows[i] = &made[i].row;
        keys[i] = &made[i].key;
    }
    struct maker_certificate *log = &made[maker->unit_count];
    make_certificate(maker, &broker, LEADBUS__ROLE__ROLE_BROKER, log);
    memcpy(maker->log_public, log->witness_public, 32);
    memcpy(maker->log_secret, log->witness_secret, 64);
    rows[maker->unit_count] = &log->row;
    directory.n_certificates = maker->unit_count + 1;
    directory.certificates = rows;
    directory.n_epoch_keys = maker->unit_count;
    directory.epoch_keys = keys;
    message_encode(&directory.base, ret);
    for (size_t i = 0; i <= maker->unit_count; i++) buf_fini(&made[i].key_body);
    free(made);
}

static void make_bundle(struct journal_maker *maker, const struct maker_stated *stated,
                        struct buf *ret_bundle, uint8_t ret_hash[32])
{
    char previous[65];
    struct plan_files files;
    struct buf contents[3] = {{0}}, manifest = {0}, note = {0};
    Leadbus__BundlePart parts[3 + PLAN_PART_COUNT], *pointers[3 + PLAN_PART_COUNT];
    Leadbus__Revocations revocations = LEADBUS__REVOCATIONS__INIT;
    Leadbus__Brokers brokers = LEADBUS__BROKERS__INIT;
    Leadbus__Bundle bundle = LEADBUS__BUNDLE__INIT;
    static const char *const names[] = {"directory", "revocations", "brokers"};
    ProtobufCBinaryData root = binary(maker->root_note.data, maker->root_note.len);
    hex_encode(bytes_of(stated->previous, 32), previous);
    plan_files_load(&files);
    make_directory(maker, &contents[0]);
    message_encode(&revocations.base, &contents[1]);
    message_encode(&brokers.base, &contents[2]);
    buf_printf(&manifest,
               "leadbus/bundle/v1\nbus " BUS "\nversion %llu\nissued %llu\nexpires %llu\n"
               "hard-limit %llu\nmin-suite 1\nrevocation 0\nprevious %s\nroot 1\n",
               (unsigned long long)stated->version, (unsigned long long)stated->issued_ms,
               (unsigned long long)(stated->issued_ms + 30ull * 86400000),
               (unsigned long long)(stated->issued_ms + 60ull * 86400000), previous);
    for (size_t i = 0; i < 3 + PLAN_PART_COUNT; i++) {
        uint8_t hash[32];
        char hex[65];
        struct bytes content = i < 3 ? buf_bytes(&contents[i]) : files.parts[i - 3].content;
        leadbus__bundle_part__init(&parts[i]);
        parts[i].name = text(i < 3 ? names[i] : files.parts[i - 3].name);
        parts[i].content = binary(content.data, content.len);
        pointers[i] = &parts[i];
        sha256(content, hash);
        hex_encode(bytes_of(hash, 32), hex);
        buf_printf(&manifest, "part %s %s %zu\n", parts[i].name, hex, content.len);
    }
    sign_note(maker, &manifest, 2, &note);
    bundle.manifest = binary(note.data, note.len);
    bundle.n_parts = 3 + PLAN_PART_COUNT;
    bundle.parts = pointers;
    bundle.n_roots = 1;
    bundle.roots = &root;
    message_encode(&bundle.base, ret_bundle);
    sha256(buf_bytes(&manifest), ret_hash);
    plan_files_free(&files);
    for (size_t i = 0; i < 3; i++) buf_fini(&contents[i]);
    buf_fini(&manifest);
    buf_fini(&note);
}

/* ---- records ----------------------------------------------------------------------------------
 */
static struct bytes copy_of(struct bytes bytes)
{
    uint8_t *copy = malloc(bytes.len + 1);
    CHECK(copy != NULL);
    if (bytes.len > 0) memcpy(copy, bytes.data, bytes.len);
    return bytes_of(copy, bytes.len);
}

/* Puts a decided record with its tree hashes and blobs among the pending. */
static uint64_t take_record(struct journal_maker *maker, struct bytes bytes,
                            const struct bytes *blobs, size_t blob_count,
                            struct trust_bundle *take_bundle)
{
    uint8_t hashes[1 + MERKLE_LEVEL_COUNT_MAX][32];
    struct error error = {0};
    uint64_t index = core_size(maker->core);
    CHECK(maker->pending_count < MAKER_PENDING_MAX);
    must(core_apply(maker->core, index, bytes, take_bundle, NULL, &error), &error);
    struct buf stored = {0};
    buf_append_bytes(&stored, bytes);
    if (maker->replace != NULL) maker->replace(&stored);
    bytes = buf_bytes(&stored);
    merkle_leaf_hash(bytes, hashes[0]);
    size_t nodes = merkle_frontier_append(&maker->frontier, hashes[0], &hashes[1]);
    struct bytes *copies = calloc(blob_count + 1, sizeof *copies);
    CHECK(copies != NULL);
    for (size_t i = 0; i < blob_count; i++) copies[i] = copy_of(blobs[i]);
    maker->pending[maker->pending_count++] = (struct store_record){
        copy_of(bytes), copy_of(bytes_of(hashes, 32 * (nodes + 1))), copies, blob_count};
    buf_fini(&stored);
    return index;
}

static uint64_t decide(struct journal_maker *maker, struct core_request *request,
                       const struct bytes *blobs, size_t blob_count,
                       struct trust_bundle *take_bundle)
{
    struct core_verdict *verdict = calloc(1, sizeof *verdict);
    struct buf record = {0};
    CHECK(verdict != NULL);
    maker->now_ms += 17;
    request->now_ms = maker->now_ms;
    int code = core_admit(maker->core, request, &record, verdict);
    must(code, &verdict->error);
    if (maker->forge != NULL) maker->forge(&record);
    uint64_t index = take_record(maker, buf_bytes(&record), blobs, blob_count, take_bundle);
    buf_fini(&record);
    free(verdict);
    return index;
}

static void sign_head(const struct journal_maker *maker, struct buf *ret_note)
{
    struct checkpoint head = {.size = maker->frontier.size};
    struct error error = {0};
    (void)snprintf(head.origin, sizeof head.origin, "%s", maker->origin);
    merkle_frontier_root(&maker->frontier, head.root);
    must(checkpoint_sign(&head, maker->log_secret, ret_note, &error), &error);
}

void maker_commit(struct journal_maker *maker)
{
    struct buf note = {0};
    struct error error = {0};
    if (maker->pending_count == 0) return;
    sign_head(maker, &note);
    must(store_append(maker->store, maker->frontier.size - maker->pending_count, maker->pending,
                      maker->pending_count, buf_bytes(&note), &error),
         &error);
    for (size_t i = 0; i < maker->pending_count; i++) {
        struct store_record *record = &maker->pending[i];
        for (size_t b = 0; b < record->blob_count; b++)
            free((void *)(uintptr_t)record->blobs[b].data);
        free((void *)(uintptr_t)record->blobs);
        free((void *)(uintptr_t)record->bytes.data);
        free((void *)(uintptr_t)record->hashes.data);
    }
    maker->pending_count = 0;
    buf_fini(&note);
}

uint64_t maker_restart(struct journal_maker *maker)
{
    struct core_request request = {.type = CORE_START, .version = "test"};
    return decide(maker, &request, NULL, 0, NULL);
}

uint64_t maker_restored(struct journal_maker *maker, const char *origin)
{
    struct core_request request = {.type = CORE_RESTORE};
    struct buf note = {0};
    maker_commit(maker);
    sign_head(maker, &note);
    request.restored.origin = origin;
    request.restored.reason = "a disk was lost";
    request.restored.checkpoint = buf_bytes(&note);
    uint64_t index = decide(maker, &request, NULL, 0, NULL);
    buf_fini(&note);
    (void)snprintf(maker->origin, sizeof maker->origin, "%s", origin);
    return index;
}

static void open_journal(struct journal_maker *maker)
{
    struct core_request request = {.type = CORE_GENESIS};
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    struct bytes parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    Leadbus__Configured configured = LEADBUS__CONFIGURED__INIT;
    request.genesis.origin = maker->origin;
    request.genesis.bus = BUS;
    request.genesis.root = maker->root.hash;
    decide(maker, &request, NULL, 0, NULL);

    must(trust_bundle_open(buf_bytes(&maker->bundle_bytes), &maker->root, &bundle, &error), &error);
    memset(&request, 0, sizeof request);
    request.type = CORE_BUNDLE;
    request.bundle = bundle;
    for (size_t i = 0; i < trust_bundle_part_count(bundle); i++) {
        const char *name;
        uint8_t hash[32];
        trust_bundle_part(bundle, i, &name, &parts[i], hash);
    }
    decide(maker, &request, parts, trust_bundle_part_count(bundle), bundle);

    memset(&request, 0, sizeof request);
    request.type = CORE_CONFIGURE;
    configured.credit_max = 256;
    configured.created_skew_ms = LIMIT_CREATED_SKEW_MS;
    configured.created_age_ms = LIMIT_CREATED_AGE_MS;
    configured.bundle_grace_ms = LIMIT_BUNDLE_GRACE_MS;
    request.configured = &configured;
    decide(maker, &request, NULL, 0, NULL);
    maker_restart(maker);
    maker_commit(maker);
}

void maker_next_bundle(struct journal_maker *maker, const struct maker_stated *stated)
{
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    struct buf encoded = {0}, bytes = {0};
    struct bytes parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    uint8_t hashes[LIMIT_BUNDLE_PART_COUNT_MAX][32], own[32];
    Leadbus__BlobDigest digests[LIMIT_BUNDLE_PART_COUNT_MAX],
        *pointers[LIMIT_BUNDLE_PART_COUNT_MAX];
    make_bundle(maker, stated, &encoded, own);
    must(trust_bundle_open(buf_bytes(&encoded), &maker->root, &bundle, &error), &error);
    struct bytes manifest = trust_bundle_manifest(bundle);
    size_t count = trust_bundle_part_count(bundle);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        trust_bundle_part(bundle, i, &name, &parts[i], hashes[i]);
        leadbus__blob_digest__init(&digests[i]);
        digests[i].sha256 = binary(hashes[i], 32);
        digests[i].size = parts[i].len;
        pointers[i] = &digests[i];
    }
    Leadbus__BundleInstalled installed = LEADBUS__BUNDLE_INSTALLED__INIT;
    installed.version = stated->version;
    installed.manifest = binary(manifest.data, manifest.len);
    installed.n_parts = count;
    installed.parts = pointers;
    installed.root = binary(maker->root_note.data, maker->root_note.len);
    Leadbus__Record record = LEADBUS__RECORD__INIT;
    maker->now_ms += 17;
    record.rules = RECORD_RULES_VERSION;
    record.time_ms = maker->now_ms;
    record.what_case = LEADBUS__RECORD__WHAT_BUNDLE;
    record.bundle = &installed;
    must(record_encode(&record, &bytes, &error), &error);
    take_record(maker, buf_bytes(&bytes), parts, count, bundle);
    buf_fini(&bytes);
    buf_fini(&encoded);
}

void maker_open(struct journal_maker *maker, const char *path)
{
    static const uint8_t hash_key[16] = {1, 2, 3};
    struct error error = {0};
    CHECK(sodium_init() >= 0);
    memset(maker, 0, sizeof *maker);
    maker->now_ms = 1770000000000;
    (void)snprintf(maker->origin, sizeof maker->origin, BUS "/0badcafe");
    maker->plan = plan_files_parse();
    make_root(maker);
    make_bundle(maker, &(struct maker_stated){.version = 1, .issued_ms = maker->now_ms},
                &maker->bundle_bytes, maker->bundle_hash);
    merkle_frontier_init(&maker->frontier);
    maker->core = core_new(hash_key);
    must(store_open(path, &maker->store, &error), &error);
    open_journal(maker);
}

void maker_close(struct journal_maker *maker)
{
    maker_commit(maker);
    store_close(maker->store);
    core_free(maker->core);
    plan_free(maker->plan);
    buf_fini(&maker->root_note);
    buf_fini(&maker->bundle_bytes);
}

/* ---- messages ---------------------------------------------------------------------------------
 */
static struct maker_unit *unit_of(struct journal_maker *maker, const char *key)
{
    for (size_t i = 0; i < maker->unit_count; i++)
        if (strcmp(maker->units[i].key, key) == 0) return &maker->units[i];
    CHECK(key == NULL);
    return NULL;
}

struct maker_draft {
    Leadbus__Header head;
    struct route route;
    const char *sections[LIMIT_SECTION_COUNT_MAX];
    struct seal_section bodies[LIMIT_SECTION_COUNT_MAX];
    size_t section_count;
    uint8_t session_secret[32], session_public[32], id[16];
    struct seal_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    uint8_t keks[LIMIT_RECIPIENT_COUNT_MAX][32];
    uint8_t entropy[ENVELOPE_SEAL_ENTROPY_LEN];
};

/* The thread as the sender knows it: here the opening message's sender and recipients. */
static void route_draft(struct journal_maker *maker, struct maker_draft *draft,
                        const struct maker_message *parent)
{
    struct error error = {0};
    struct route_query query = {.plan = maker->plan,
                                .at_ms = maker->now_ms,
                                .kind = draft->head.kind,
                                .topic = draft->head.topic,
                                .area = draft->head.area,
                                .from = draft->head.from,
                                .reference_sender = parent != NULL ? parent->from : NULL};
    struct core_leg legs[16];
    struct route_participant participants[17];
    if (parent != NULL) {
        bool known = false;
        size_t count = core_thread_legs(maker->core, parent->thread, legs, 16, &known);
        participants[query.participant_count++] = (struct route_participant){
            plan_unit_find(maker->plan, parent->from), ROUTE_ROLE_ORIGINATOR};
        for (size_t i = 0; i < count && i < 16; i++)
            participants[query.participant_count++] = (struct route_participant){
                plan_unit_find(maker->plan, legs[i].unit), ROUTE_ROLE_SIGNER};
        query.participants = participants;
    }
    must(route_compute(&query, &draft->route, &error), &error);
    for (size_t i = 0; i < draft->route.kind->section_count; i++) {
        const struct plan_section *section = &draft->route.kind->sections[i];
        if (section->optional) continue;
        draft->bodies[draft->section_count] =
            (struct seal_section){section->name, bytes_of_str("what only the addressees read")};
        draft->sections[draft->section_count++] = section->name;
    }
    must(route_restrict(&draft->route, draft->sections, draft->section_count, &error), &error);
}

static void fill_head(struct journal_maker *maker, struct maker_draft *draft,
                      struct maker_unit *from, const struct maker_message *parent)
{
    const struct plan_kind *kind = plan_kind_find(maker->plan, draft->head.kind);
    Leadbus__Header *head = &draft->head;
    unsigned lane;
    CHECK(kind != NULL);
    sha256(bytes_of(&maker->entropy, sizeof maker->entropy), draft->session_secret);
    memcpy(draft->id, draft->session_secret, 16);
    for (size_t i = 0; i < sizeof draft->entropy; i++)
        draft->entropy[i] = (uint8_t)(draft->id[i % 16] ^ i);
    suite_find(SUITE_1)->public_of(draft->session_secret, draft->session_public);
    head->suite = SUITE_1;
    head->id = binary(draft->id, 16);
    head->thread = parent != NULL ? binary(parent->thread, 16) : head->id;
    if (parent != NULL) head->parent = binary(parent->id, 16);
    head->officer = text("officer-7");
    head->serial = from->serial;
    head->created_ms = maker->now_ms;
    head->bundle = 1;
    head->thread_index = parent != NULL ? core_size(maker->core) : 0;
    static const uint8_t false_root[32] = {1};
    if (maker->names_false_head) {
        head->seen_size = 1;
        head->seen_root = binary(false_root, sizeof false_root);
    }
    head->urgency = plan_kind_urgency(kind, head->topic);
    head->level = kind->level;
    head->n_tags = kind->tag_count;
    head->tags = (char **)(uintptr_t)kind->tags;
    head->session_key = binary(draft->session_public, 32);
    lane = envelope_lane(head);
    head->seq = ++from->seq[lane];
}

static void address_draft(struct journal_maker *maker, struct maker_draft *draft,
                          const struct maker_unit *from)
{
    for (size_t i = 0; i < draft->route.recipient_count; i++) {
        const struct route_recipient *to = &draft->route.recipients[i];
        const struct maker_unit *unit = &maker->units[to->unit];
        struct envelope_kek_input input = {.suite = SUITE_1,
                                           .own_secret = draft->session_secret,
                                           .peer_public = unit->epoch_public,
                                           .session_public = draft->session_public,
                                           .epoch_public = unit->epoch_public,
                                           .from = from->key,
                                           .serial = from->serial,
                                           .unit = unit->key,
                                           .epoch = 1};
        CHECK(envelope_kek(&input, draft->keks[i]) == 0);
        draft->recipients[i] = (struct seal_recipient){.unit = unit->key,
                                                       .act = to->act,
                                                       .citation = to->citation,
                                                       .sections = to->sections,
                                                       .epoch = 1,
                                                       .epoch_public = unit->epoch_public,
                                                       .kek = draft->keks[i],
                                                       .pair_seq = 1};
    }
}

uint64_t maker_submit(struct journal_maker *maker, const char *from_key, const char *kind,
                      const char *topic, const char *area, const struct maker_message *parent,
                      struct maker_message *ret_message)
{
    struct maker_draft *draft = calloc(1, sizeof *draft);
    struct maker_unit *from = unit_of(maker, from_key);
    struct envelope *envelope = calloc(1, sizeof *envelope);
    struct core_request request = {.type = CORE_SUBMIT, .signature_checked = true};
    struct error error = {0};
    struct sealed sealed;
    struct arena arena;
    CHECK(draft != NULL && envelope != NULL);
    maker->entropy++;
    leadbus__header__init(&draft->head);
    draft->head.kind = text(kind);
    draft->head.topic = text(topic);
    draft->head.area = text(area);
    draft->head.from = text(from_key);
    fill_head(maker, draft, from, parent);
    route_draft(maker, draft, parent);
    address_draft(maker, draft, from);
    struct seal_input input = {.head = &draft->head,
                               .sections = draft->bodies,
                               .section_count = draft->section_count,
                               .recipients = draft->recipients,
                               .recipient_count = draft->route.recipient_count,
                               .identity_secret = from->identity_secret,
                               .entropy = draft->entropy};
    must(envelope_seal(&input, &sealed, &error), &error);
    arena_init(&arena, (size_t)LIMIT_FRAME_BYTES_MAX * 4);
    must(envelope_decode(buf_bytes(&sealed.bytes), &arena, envelope, &error), &error);
    request.envelope = envelope;
    request.conn_serial = from->serial;
    memcpy(request.checked_key, from->identity_public, 32);
    uint64_t index = decide(maker, &request, envelope->ciphertexts, envelope->section_count, NULL);
    if (ret_message != NULL) {
        memcpy(ret_message->id, draft->id, 16);
        memcpy(ret_message->thread, parent != NULL ? parent->thread : draft->id, 16);
        ret_message->index = index;
        ret_message->from = from->key;
    }
    sealed_fini(&sealed);
    arena_fini(&arena);
    free(draft);
    free(envelope);
    return index;
}

uint64_t maker_ack(struct journal_maker *maker, const char *unit_key, unsigned lane,
                   uint32_t exception_code)
{
    struct maker_unit *unit = unit_of(maker, unit_key);
    struct core_request request = {.type = CORE_ACK, .signature_checked = true};
    Leadbus__AckBody body;
    Leadbus__Exception exception = LEADBUS__EXCEPTION__INIT, *exceptions = &exception;
    struct core_entry entry;
    struct buf encoded = {0};
    uint8_t running[32], signature[64];
    uint64_t position;
    leadbus__ack_body__init(&body);
    core_acknowledged(maker->core, unit_key, lane, &position, running);
    while (core_entry_after(maker->core, unit_key, lane, position, &entry)) {
        lane_running(maker->origin, running, entry.index, entry.item_hash, running);
        position = entry.position;
        exception.index = entry.index;
    }
    body.origin = maker->origin;
    body.unit = text(unit_key);
    body.serial = unit->serial;
    body.lane = lane;
    body.position = position;
    body.running = binary(running, 32);
    body.time_ms = maker->now_ms;
    if (exception_code != 0) {
        exception.position = position;
        exception.code = exception_code;
        body.n_exceptions = 1;
        body.exceptions = &exceptions;
    }
    message_encode(&body.base, &encoded);
    signed_body_sign(SIGNED_ACK, buf_bytes(&encoded), unit->identity_secret, signature);
    request.signed_body.body = buf_bytes(&encoded);
    request.signed_body.signature = bytes_of(signature, 64);
    request.conn_serial = unit->serial;
    memcpy(request.checked_key, unit->identity_public, 32);
    uint64_t index = decide(maker, &request, NULL, 0, NULL);
    buf_fini(&encoded);
    return index;
}
