/* trust: who is believed, and everything that is refused. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "certs/trust/trust.h"
#include "certs/trust/trust_text.h"
#include "proto/note.h"
#include "proto/record.h"
#include "tests/lib/plan_files.h"

#define BUS    "hedong.leadbus"
#define NOW_MS 1700000000000ull
#define DAY_MS (24ull * 3600 * 1000)

enum { KEY_COUNT = 4, UNIT_COUNT = 42, EPOCHS = 6, PART_COUNT_MAX = PLAN_PART_COUNT + 4 };

struct key {
    uint8_t public_key[32], secret[64];
    char name[32];
};

/* A bundle in the making: a test changes what it likes before or after the hashes are taken. */
struct world {
    struct key keys[KEY_COUNT];
    struct trust_root root;
    struct buf root_note;
    struct plan_files plan;
    size_t unit_count, epochs;
    struct key identities[UNIT_COUNT], witnesses[UNIT_COUNT];
    uint8_t transports[UNIT_COUNT][32];
    Leadbus__Certificate rows[UNIT_COUNT], *row_list[UNIT_COUNT];
    Leadbus__EpochKey *epoch_keys[UNIT_COUNT * EPOCHS];
    Leadbus__Revocation revoked[4], *revoked_list[4];
    uint32_t suite;
    Leadbus__Directory directory;
    Leadbus__Revocations revocations;
    Leadbus__Brokers brokers;
    struct trust_manifest stated;
    struct buf contents[3];
    Leadbus__BundlePart parts[PART_COUNT_MAX], *part_list[PART_COUNT_MAX];
    Leadbus__Bundle bundle;
    ProtobufCBinaryData roots[4];
    struct buf manifest, bytes;
    unsigned signers; /* bit i: keys[i] signs the manifest */
};

static void make_key(struct key *key, const char *name, size_t number)
{
    uint8_t seed[32] = {0};
    (void)snprintf(key->name, sizeof key->name, "%s-%zu", name, number);
    memcpy(seed, key->name, strlen(key->name));
    crypto_sign_seed_keypair(key->public_key, key->secret, seed);
}

static void make_root(const struct world *world, uint64_t version, unsigned threshold,
                      unsigned listed, unsigned signers, struct buf *note)
{
    struct trust_root root = {.version = version,
                              .expires_ms = NOW_MS + 1000 * DAY_MS,
                              .threshold_root = threshold,
                              .threshold_bundle = threshold};
    struct buf text = {0};
    strcpy(root.bus, BUS);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (!(listed >> i & 1)) continue;
        strcpy(root.keys[root.key_count].name, world->keys[i].name);
        memcpy(root.keys[root.key_count++].public_key, world->keys[i].public_key, 32);
    }
    assert_int_equal(trust_root_format(&root, &text, NULL), 0);
    assert_int_equal(note_begin(note, buf_bytes(&text), NULL), 0);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (signers >> i & 1)
            assert_int_equal(
                note_append_signature(note, world->keys[i].name, world->keys[i].secret, NULL), 0);
    buf_fini(&text);
}

static Leadbus__EpochKey *make_epoch(const struct world *world, size_t unit, uint64_t epoch,
                                     uint64_t span_ms)
{
    Leadbus__EpochKeyBody body = LEADBUS__EPOCH_KEY_BODY__INIT;
    uint8_t secret[32] = {0}, public_key[32], signature[64];
    struct buf bytes = {0};
    store_u64(secret, unit * 1000 + epoch);
    crypto_scalarmult_base(public_key, secret);
    body.unit = world->rows[unit].unit;
    body.epoch = epoch;
    body.public_key = (ProtobufCBinaryData){32, public_key};
    body.not_before_ms = NOW_MS;
    body.not_after_ms = NOW_MS + span_ms;
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_EPOCH, buf_bytes(&bytes), world->identities[unit].secret, signature);
    Leadbus__EpochKey *key = calloc(1, sizeof *key);
    *key = (Leadbus__EpochKey)LEADBUS__EPOCH_KEY__INIT;
    key->body = (ProtobufCBinaryData){bytes.len, bytes.data};
    key->signature = (ProtobufCBinaryData){64, malloc(64)};
    memcpy(key->signature.data, signature, 64);
    return key;
}

static void make_unit(struct world *world, size_t i, const char *unit)
{
    Leadbus__Certificate *row = &world->rows[i];
    uint8_t secret[32] = {1};
    make_key(&world->identities[i], "identity", i);
    make_key(&world->witnesses[i], "witness", i);
    store_u64(secret + 8, i + 1);
    crypto_scalarmult_base(world->transports[i], secret);
    *row = (Leadbus__Certificate)LEADBUS__CERTIFICATE__INIT;
    row->serial = 100 + i;
    row->unit = (char *)(uintptr_t)unit;
    row->role = LEADBUS__ROLE__ROLE_UNIT;
    row->not_before_ms = NOW_MS;
    row->not_after_ms = NOW_MS + 365 * DAY_MS;
    row->n_suites = 1;
    row->suites = &world->suite;
    row->identity = (ProtobufCBinaryData){32, world->identities[i].public_key};
    row->witness = (ProtobufCBinaryData){32, world->witnesses[i].public_key};
    row->transport = (ProtobufCBinaryData){32, world->transports[i]};
    world->row_list[i] = row;
    for (size_t k = 0; k < world->epochs; k++)
        world->epoch_keys[world->directory.n_epoch_keys++] = make_epoch(world, i, k + 1, DAY_MS);
}

static const char *const unit_names[] = {"police-hedong", "civil-affairs", "health"};

static struct world *world_new(size_t unit_count, size_t epochs)
{
    static char names[UNIT_COUNT][16];
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->suite = SUITE_1;
    world->signers = 3;
    world->unit_count = unit_count;
    world->epochs = epochs;
    world->directory = (Leadbus__Directory)LEADBUS__DIRECTORY__INIT;
    world->revocations = (Leadbus__Revocations)LEADBUS__REVOCATIONS__INIT;
    world->brokers = (Leadbus__Brokers)LEADBUS__BROKERS__INIT;
    plan_files_load(&world->plan);
    for (size_t i = 0; i < KEY_COUNT; i++) make_key(&world->keys[i], "authority", i);
    make_root(world, 1, 2, 7, 7, &world->root_note);
    assert_int_equal(trust_root_open(buf_bytes(&world->root_note), &world->root, NULL), 0);
    world->directory.certificates = world->row_list;
    world->directory.epoch_keys = world->epoch_keys;
    for (size_t i = 0; i < unit_count; i++) {
        (void)snprintf(names[i], sizeof names[i], "unit-%zu", i);
        make_unit(world, i, i < 3 ? unit_names[i] : names[i]);
    }
    world->directory.n_certificates = unit_count;
    for (size_t i = 0; i < 4; i++) {
        world->revoked[i] = (Leadbus__Revocation)LEADBUS__REVOCATION__INIT;
        world->revoked_list[i] = &world->revoked[i];
    }
    world->revocations.revoked = world->revoked_list;
    struct trust_manifest *stated = &world->stated;
    strcpy(stated->bus, BUS);
    stated->version = 1;
    stated->issued_ms = NOW_MS;
    stated->expires_ms = NOW_MS + 30 * DAY_MS;
    stated->hard_limit_ms = NOW_MS + 90 * DAY_MS;
    stated->min_suite = 1;
    stated->root_version = 1;
    world->bundle = (Leadbus__Bundle)LEADBUS__BUNDLE__INIT;
    world->bundle.roots = world->roots;
    world->roots[world->bundle.n_roots++] =
        (ProtobufCBinaryData){world->root_note.len, world->root_note.data};
    return world;
}

static void world_free(struct world *world)
{
    for (size_t i = 0; i < UNIT_COUNT * EPOCHS && world->epoch_keys[i]; i++) {
        free(world->epoch_keys[i]->body.data);
        free(world->epoch_keys[i]->signature.data);
        free(world->epoch_keys[i]);
    }
    plan_files_free(&world->plan);
    for (size_t i = 0; i < 3; i++) buf_fini(&world->contents[i]);
    buf_fini(&world->root_note);
    buf_fini(&world->manifest);
    buf_fini(&world->bytes);
    free(world);
}

static void put_part(struct world *world, const char *name, struct bytes content)
{
    size_t i = world->bundle.n_parts++;
    world->parts[i] = (Leadbus__BundlePart)LEADBUS__BUNDLE_PART__INIT;
    world->parts[i].name = (char *)(uintptr_t)name;
    world->parts[i].content =
        (ProtobufCBinaryData){content.len, (uint8_t *)(uintptr_t)content.data};
    world->part_list[i] = &world->parts[i];
    struct trust_manifest_part *line = &world->stated.parts[world->stated.part_count++];
    strcpy(line->name, name);
    line->size = content.len;
    sha256(content, line->sha256);
}

/* Encodes the parts and states their hashes. */
static void world_parts(struct world *world)
{
    const ProtobufCMessage *messages[] = {&world->directory.base, &world->revocations.base,
                                          &world->brokers.base};
    const char *const names[] = {"directory", "revocations", "brokers"};
    world->bundle.n_parts = 0;
    world->bundle.parts = world->part_list;
    world->stated.part_count = 0;
    world->stated.revocation = world->revocations.number;
    for (size_t i = 0; i < 3; i++) {
        buf_reset(&world->contents[i]);
        message_encode(messages[i], &world->contents[i]);
        put_part(world, names[i], buf_bytes(&world->contents[i]));
    }
    for (size_t i = 0; i < PLAN_PART_COUNT; i++)
        put_part(world, world->plan.parts[i].name, world->plan.parts[i].content);
}

/* Signs the manifest as stated and encodes the bundle. */
static void world_sign(struct world *world)
{
    struct buf text = {0};
    buf_reset(&world->manifest);
    buf_reset(&world->bytes);
    assert_int_equal(trust_manifest_format(&world->stated, &text, NULL), 0);
    assert_int_equal(note_begin(&world->manifest, buf_bytes(&text), NULL), 0);
    for (size_t i = 0; i < KEY_COUNT; i++)
        if (world->signers >> i & 1)
            assert_int_equal(note_append_signature(&world->manifest, world->keys[i].name,
                                                   world->keys[i].secret, NULL),
                             0);
    world->bundle.manifest = (ProtobufCBinaryData){world->manifest.len, world->manifest.data};
    message_encode(&world->bundle.base, &world->bytes);
    buf_fini(&text);
}

static void world_make(struct world *world)
{
    world_parts(world);
    world_sign(world);
}

/* The code of opening; the bundle is freed again. */
static int opens(const struct world *world)
{
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    int rc = trust_bundle_open(buf_bytes(&world->bytes), &world->root, &bundle, &error);
    if (rc < 0) {
        assert_null(bundle);
        assert_int_equal(error.code, rc);
    }
    trust_bundle_free(bundle);
    return rc;
}

static struct trust_bundle *open_bundle(const struct world *world)
{
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    int rc = trust_bundle_open(buf_bytes(&world->bytes), &world->root, &bundle, &error);
    if (rc < 0) print_message("%s %s: %s\n", error_name(rc), error.field, error.detail);
    assert_int_equal(rc, 0);
    return bundle;
}

/* ---- roots */

static void root_needs_its_threshold_of_distinct_keys(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct trust_root root;
    const struct {
        unsigned signers;
        int code;
    } rows[] = {{0, E_NOTE_INVALID},
                {1, E_THRESHOLD_NOT_MET},
                {4, E_THRESHOLD_NOT_MET},
                {8, E_THRESHOLD_NOT_MET},
                {9, E_THRESHOLD_NOT_MET},
                {3, 0},
                {5, 0},
                {7, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf note = {0};
        make_root(world, 1, 2, 7, rows[i].signers, &note);
        assert_int_equal(trust_root_open(buf_bytes(&note), &root, NULL), rows[i].code);
        buf_fini(&note);
    }
    world_free(world);
}

static void root_key_that_signs_twice_counts_once(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct trust_root root;
    struct buf note = {0};
    make_root(world, 1, 2, 7, 1, &note);
    assert_int_equal(note_append_signature(&note, world->keys[0].name, world->keys[0].secret, NULL),
                     0);
    assert_int_equal(trust_root_open(buf_bytes(&note), &root, NULL), E_THRESHOLD_NOT_MET);
    buf_fini(&note);
    world_free(world);
}

static void root_with_a_bad_signature_is_refused_whatever_else_signs(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct trust_root root;
    struct buf note = {0};
    make_root(world, 1, 2, 7, 3, &note);
    /* The third key's name over another key's signature. */
    struct buf other = {0};
    make_root(world, 2, 2, 7, 4, &other);
    struct note parsed;
    assert_int_equal(note_parse(buf_bytes(&other), &parsed, NULL), 0);
    buf_append_bytes(&note, parsed.signatures[0].line);
    assert_int_equal(trust_root_open(buf_bytes(&note), &root, NULL), E_NOTE_INVALID);
    buf_fini(&note);
    buf_fini(&other);
    world_free(world);
}

static void root_text_has_one_spelling(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct note note;
    struct trust_root root;
    assert_int_equal(note_parse(buf_bytes(&world->root_note), &note, NULL), 0);
    char *good = calloc(1, note.text.len + 1);
    memcpy(good, note.text.data, note.text.len);
    assert_int_equal(trust_root_parse(note.text, &root, NULL), 0);
    struct buf again = {0};
    assert_int_equal(trust_root_format(&root, &again, NULL), 0);
    assert_true(bytes_equal(buf_bytes(&again), note.text));
    static const struct {
        const char *from, *to;
    } changes[] = {
        {"root/v1", "root/v2"},
        {"version 1", "version 01"},
        {"version 1", "version 0"},
        {"version 1", "version +1"},
        {"bus ", "bus  "},
        {"threshold-root 2", "threshold-root 0"},
        {"threshold-root 2", "threshold-root 4"},
        {"threshold-bundle 2", "threshold-bundle 99"},
        {"key ", "kex "},
        {"expires ", "expired "},
        {"version 1\n", ""},
        {"bus " BUS "\n", "bus " BUS "\nbus " BUS "\n"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const char *at = strstr(good, changes[i].from);
        assert_non_null(at);
        struct buf text = {0};
        buf_append(&text, good, (size_t)(at - good));
        buf_append_str(&text, changes[i].to);
        buf_append_str(&text, at + strlen(changes[i].from));
        assert_int_equal(trust_root_parse(buf_bytes(&text), &root, NULL), E_NOTE_INVALID);
        buf_fini(&text);
    }
    buf_fini(&again);
    free(good);
    world_free(world);
}

static void root_with_a_weak_key_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct trust_root root = world->root;
    struct note note;
    struct note_key weak;
    static const uint8_t identity_point[32] = {1};
    struct buf text = {0};
    assert_int_equal(note_parse(buf_bytes(&world->root_note), &note, NULL), 0);
    assert_int_equal(note_key_init(&weak, "weak", NOTE_KEY_ED25519, identity_point, NULL), 0);
    buf_append_bytes(&text, note.text);
    buf_append_str(&text, "key ");
    note_key_format(&weak, &text);
    buf_append_str(&text, "\n");
    assert_int_equal(trust_root_parse(buf_bytes(&text), &root, NULL), E_KEY_WEAK);
    assert_int_equal(root.key_count, 3);
    buf_fini(&text);
    world_free(world);
}

static void root_rotates_only_with_both_thresholds(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    const struct {
        uint64_t version;
        unsigned listed, signers;
        int code;
    } rows[] = {
        {2, 14, 14, 0},                   /* 1 and 2 of the old; 1, 2, 3 of the new */
        {2, 12, 14, 0},                   /* the old ones leave */
        {2, 14, 10, E_THRESHOLD_NOT_MET}, /* 1 and 3: one of the old */
        {2, 12, 6, E_THRESHOLD_NOT_MET},  /* 1 and 2: one of the new */
        {3, 14, 14, E_BUNDLE_ROLLBACK},   /* a version is left out */
        {1, 14, 14, E_BUNDLE_ROLLBACK},   /* does not grow */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf note = {0};
        struct trust_root next = {0};
        make_root(world, rows[i].version, 2, rows[i].listed, rows[i].signers, &note);
        assert_int_equal(trust_root_advance(&world->root, buf_bytes(&note), &next, NULL),
                         rows[i].code);
        assert_int_equal(next.version, rows[i].code ? 0 : 2);
        buf_fini(&note);
    }
    world_free(world);
}

static void bundle_walks_the_roots_it_carries(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    struct buf second = {0}, third = {0};
    make_root(world, 2, 2, 14, 14, &second);
    make_root(world, 3, 2, 12, 14, &third);
    world->roots[1] = (ProtobufCBinaryData){second.len, second.data};
    world->roots[2] = (ProtobufCBinaryData){third.len, third.data};
    world->bundle.n_roots = 3;
    world->stated.root_version = 3;
    world->signers = 12;
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    assert_int_equal(trust_bundle_root(bundle)->version, 3);
    assert_int_equal(world->root.version, 1);
    trust_bundle_free(bundle);
    /* The keys of the root before do not sign bundles any more. */
    world->signers = 3;
    world_sign(world);
    assert_int_equal(opens(world), E_THRESHOLD_NOT_MET);
    /* A gap in the chain, and a manifest made under an older root. */
    world->signers = 12;
    world->roots[1] = world->roots[2];
    world->bundle.n_roots = 2;
    world_sign(world);
    assert_int_equal(opens(world), E_BUNDLE_ROLLBACK);
    world->roots[1] = (ProtobufCBinaryData){second.len, second.data};
    world->stated.root_version = 1;
    world->signers = 6;
    world_sign(world);
    assert_int_equal(opens(world), E_NOTE_INVALID);
    buf_fini(&second);
    buf_fini(&third);
    world_free(world);
}

/* ---- bundles */

static void bundle_needs_its_threshold_of_distinct_keys(void **state)
{
    (void)state;
    struct world *world = world_new(3, 1);
    const struct {
        unsigned signers;
        int code;
    } rows[] = {{0, E_NOTE_INVALID},
                {1, E_THRESHOLD_NOT_MET},
                {2, E_THRESHOLD_NOT_MET},
                {9, E_THRESHOLD_NOT_MET},
                {3, 0},
                {6, 0},
                {5, 0},
                {7, 0},
                {15, 0}};
    world_parts(world);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world->signers = rows[i].signers;
        world_sign(world);
        assert_int_equal(opens(world), rows[i].code);
    }
    /* The same key's line again. */
    world->signers = 1;
    world_sign(world);
    assert_int_equal(
        note_append_signature(&world->manifest, world->keys[0].name, world->keys[0].secret, NULL),
        0);
    world->bundle.manifest = (ProtobufCBinaryData){world->manifest.len, world->manifest.data};
    buf_reset(&world->bytes);
    message_encode(&world->bundle.base, &world->bytes);
    assert_int_equal(opens(world), E_THRESHOLD_NOT_MET);
    world_free(world);
}

static void bundle_gives_back_what_was_put_in(void **state)
{
    (void)state;
    struct world *world = world_new(3, 2);
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    assert_string_equal(trust_bundle_bus(bundle), BUS);
    assert_int_equal(trust_bundle_version(bundle), 1);
    assert_int_equal(trust_bundle_hard_limit_ms(bundle), NOW_MS + 90 * DAY_MS);
    assert_int_equal(trust_bundle_part_count(bundle), PLAN_PART_COUNT + 3);
    assert_true(bytes_equal(trust_bundle_bytes(bundle), buf_bytes(&world->bytes)));
    assert_true(bytes_equal(trust_bundle_manifest(bundle), buf_bytes(&world->manifest)));
    assert_true(plan_unit_find(trust_bundle_plan(bundle), "health") != PLAN_UNIT_NONE);
    assert_int_equal(trust_bundle_epoch_key_count(bundle), 6);
    assert_int_equal(trust_certificate_count(bundle), 3);
    const struct trust_certificate *health = trust_certificate_by_serial(bundle, 102);
    assert_non_null(health);
    assert_string_equal(health->unit, "health");
    assert_ptr_equal(trust_certificate_by_transport(bundle, world->transports[2]), health);
    assert_ptr_equal(trust_certificate_of_unit(bundle, "health", NOW_MS), health);
    assert_null(trust_certificate_of_unit(bundle, "health", NOW_MS - 1));
    assert_null(trust_certificate_of_unit(bundle, "heal", NOW_MS));
    assert_null(trust_certificate_by_transport(bundle, world->identities[2].public_key));
    trust_bundle_free(bundle);
    world_free(world);
}

static void bundle_part_changed_missing_added_or_moved_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    struct bytes tasks = world->plan.parts[4].content;
    char *changed = malloc(tasks.len);
    memcpy(changed, tasks.data, tasks.len);
    world_parts(world);
    size_t last = world->bundle.n_parts - 1;
    /* One byte. */
    changed[tasks.len - 2] ^= 1;
    world->parts[7].content.data = (uint8_t *)changed;
    world_sign(world);
    assert_int_equal(opens(world), E_SECTION_HASH);
    /* One byte less. */
    changed[tasks.len - 2] ^= 1;
    world->parts[7].content.len--;
    world_sign(world);
    assert_int_equal(opens(world), E_SECTION_HASH);
    world->parts[7].content.len++;
    world_sign(world);
    assert_int_equal(opens(world), 0);
    /* The hash is right, the length stated is not. */
    world->stated.parts[7].size++;
    world_sign(world);
    assert_int_equal(opens(world), E_SECTION_HASH);
    world->stated.parts[7].size--;
    /* The last one is missing. */
    world->bundle.n_parts--;
    world_sign(world);
    assert_int_equal(opens(world), E_TRUNCATED);
    world->bundle.n_parts++;
    /* One that the manifest does not have. */
    world->stated.part_count--;
    world_sign(world);
    assert_int_equal(opens(world), E_BAD_FORM);
    world->stated.part_count++;
    /* Two change places. */
    Leadbus__BundlePart *moved = world->part_list[last];
    world->part_list[last] = world->part_list[0];
    world->part_list[0] = moved;
    world_sign(world);
    assert_int_equal(opens(world), E_BAD_FORM);
    free(changed);
    world_free(world);
}

static void bundle_of_an_unknown_part_opens(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world_parts(world);
    put_part(world, "calendar/2027.tsv", bytes_of_str("of a later version\n"));
    world_sign(world);
    assert_int_equal(opens(world), 0);
    world_free(world);
}

static void bundle_of_another_bus_or_absurd_times_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world_parts(world);
    strcpy(world->stated.bus, "hebei.leadbus");
    world_sign(world);
    assert_int_equal(opens(world), E_NOTE_INVALID);
    strcpy(world->stated.bus, BUS);
    struct buf text = {0};
    world->stated.hard_limit_ms = world->stated.expires_ms - 1;
    assert_int_equal(trust_manifest_format(&world->stated, &text, NULL), E_BAD_VALUE);
    world->stated.hard_limit_ms = world->stated.expires_ms;
    world->stated.min_suite = 0;
    assert_int_equal(trust_manifest_format(&world->stated, &text, NULL), E_BAD_VALUE);
    assert_int_equal(text.len, 0);
    buf_fini(&text);
    world_free(world);
}

static void directory_rows_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static uint8_t weak[32] = {1}, zero[32];
    struct world *world = world_new(3, 0);
    Leadbus__Certificate *row = &world->rows[1], kept = *row;
    uint32_t suite_40 = 40;
    const struct {
        size_t field;
        uint64_t value;
        int code;
    } numbers[] = {
        {offsetof(Leadbus__Certificate, serial), 100, E_BAD_VALUE}, /* of another row */
        {offsetof(Leadbus__Certificate, serial), 0, E_BAD_VALUE},
        {offsetof(Leadbus__Certificate, not_after_ms), NOW_MS, E_BAD_VALUE},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        memcpy((char *)row + numbers[i].field, &numbers[i].value, 8);
        world_make(world);
        assert_int_equal(opens(world), numbers[i].code);
        *row = kept;
    }
    struct {
        ProtobufCBinaryData *field;
        ProtobufCBinaryData value;
        int code;
    } keys[] = {
        {&row->identity, {32, weak}, E_KEY_WEAK},
        {&row->identity, {32, zero}, E_KEY_WEAK},
        {&row->witness, {32, weak}, E_KEY_WEAK},
        {&row->transport, {32, zero}, E_KEY_WEAK},
        {&row->transport, {32, weak}, E_KEY_WEAK},
        {&row->identity, {31, world->identities[1].public_key}, E_BAD_VALUE},
        {&row->identity, {32, world->identities[0].public_key}, E_BAD_VALUE}, /* shared */
        {&row->transport, {32, world->transports[0]}, E_BAD_VALUE},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        *keys[i].field = keys[i].value;
        world_make(world);
        assert_int_equal(opens(world), keys[i].code);
        *row = kept;
    }
    row->role = LEADBUS__ROLE__ROLE_NONE;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    *row = kept;
    row->unit = (char *)(uintptr_t) "Not A Slug";
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    *row = kept;
    row->suites = &suite_40;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    *row = kept;
    row->unit = world->rows[0].unit; /* a second valid certificate of one unit */
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    row->role = LEADBUS__ROLE__ROLE_OPERATOR; /* of another role it may */
    world_make(world);
    assert_int_equal(opens(world), 0);
    world_free(world);
}

static void directory_epoch_keys_are_verified(void **state)
{
    (void)state;
    struct world *world = world_new(3, 2);
    world_make(world);
    assert_int_equal(opens(world), 0);
    world->epoch_keys[3]->signature.data[5] ^= 1;
    world_make(world);
    assert_int_equal(opens(world), E_SIGNATURE_INVALID);
    world->epoch_keys[3]->signature.data[5] ^= 1;
    world->epoch_keys[3]->signature.len = 63;
    world_make(world);
    assert_int_equal(opens(world), E_SIGNATURE_INVALID);
    world->epoch_keys[3]->signature.len = 64;
    Leadbus__EpochKey *kept = world->epoch_keys[3];
    world->epoch_keys[3] = world->epoch_keys[2]; /* the same number twice */
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    world->epoch_keys[3] = kept;
    world->directory.n_certificates = 2; /* its unit is not enrolled */
    world_make(world);
    assert_int_equal(opens(world), E_SIGNATURE_INVALID);
    world_free(world);
}

static void epoch_key_of_an_absurd_span_or_another_unit_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(3, 1);
    struct arena arena;
    const Leadbus__EpochKeyBody *body = NULL;
    arena_init(&arena, 65536);
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    const struct trust_certificate *one = trust_certificate_by_serial(bundle, 101);
    const struct {
        size_t unit;
        uint64_t epoch, span_ms;
        int code;
    } rows[] = {
        {1, 7, DAY_MS, 0},      {1, 7, 400 * DAY_MS, 0},     {1, 7, 400 * DAY_MS + 1, E_BAD_VALUE},
        {1, 7, 0, E_BAD_VALUE}, {1, 0, DAY_MS, E_BAD_VALUE}, {2, 7, DAY_MS, E_IDENTITY_MISMATCH}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Leadbus__EpochKey *key = make_epoch(world, rows[i].unit, rows[i].epoch, rows[i].span_ms);
        assert_int_equal(trust_epoch_key_check(one, key, &arena, &body, NULL), rows[i].code);
        free(key->body.data);
        free(key->signature.data);
        free(key);
    }
    trust_bundle_free(bundle);
    arena_fini(&arena);
    world_free(world);
}

static void brokers_and_revocations_are_checked(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    Leadbus__BrokerAddress address = LEADBUS__BROKER_ADDRESS__INIT, *list[] = {&address};
    char endpoint[] = "tcp://127.0.0.1:5555", blank[] = "tcp:// x", *endpoints[] = {endpoint};
    char code[] = "key-lost", sentence[] = "she lost it";
    address.serial = 102;
    address.endpoints = endpoints;
    address.n_endpoints = 1;
    world->brokers.brokers = list;
    world->brokers.n_brokers = 1;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE); /* a unit is no broker */
    world->rows[2].role = LEADBUS__ROLE__ROLE_BROKER;
    world_make(world);
    assert_int_equal(opens(world), 0);
    endpoints[0] = blank;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    endpoints[0] = endpoint;
    world->revocations.n_revoked = 2;
    world->revoked[0].serial = 101;
    world->revoked[0].reason = code;
    world->revoked[1].serial = 101;
    world->revoked[1].reason = code;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE); /* twice */
    world->revoked[1].serial = 9999;             /* of one that has left the directory */
    world_make(world);
    assert_int_equal(opens(world), 0);
    world->revoked[1].reason = sentence;
    world_make(world);
    assert_int_equal(opens(world), E_BAD_VALUE); /* no free text */
    world->revoked[1].reason = code;
    world_parts(world);
    world->stated.revocation = 5; /* not the part's number */
    world_sign(world);
    assert_int_equal(opens(world), E_BAD_VALUE);
    world_free(world);
}

/* ---- verdicts */

static void verdict_names_what_is_wrong(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    char code[] = "key-lost";
    uint32_t suite_2 = 2;
    world->revocations.number = 1;
    world->revocations.n_revoked = 1;
    world->revoked[0].serial = 101;
    world->revoked[0].time_ms = NOW_MS + 10 * DAY_MS;
    world->revoked[0].reason = code;
    world->rows[2].suites = &suite_2;
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    const uint64_t end_ms = NOW_MS + 365 * DAY_MS;
    const struct {
        uint64_t serial;
        const char *unit;
        uint64_t at_ms;
        uint32_t suite;
        int code;
    } rows[] = {
        {100, "police-hedong", NOW_MS, 1, 0},
        {100, NULL, NOW_MS, 1, 0},
        {100, NULL, end_ms - 1, 1, 0},
        {100, NULL, end_ms, 1, E_CERT_EXPIRED},
        {100, NULL, NOW_MS - 1, 1, E_CERT_EXPIRED},
        {100, "health", NOW_MS, 1, E_IDENTITY_MISMATCH},
        {100, "", NOW_MS, 1, E_IDENTITY_MISMATCH},
        {99, NULL, NOW_MS, 1, E_UNKNOWN_SENDER},
        {0, NULL, NOW_MS, 1, E_UNKNOWN_SENDER},
        {UINT64_MAX, NULL, NOW_MS, 1, E_UNKNOWN_SENDER},
        {101, NULL, NOW_MS + 10 * DAY_MS - 1, 1, 0}, /* before the revocation */
        {101, NULL, NOW_MS + 10 * DAY_MS, 1, E_CERT_REVOKED},
        {101, NULL, end_ms, 1, E_CERT_REVOKED}, /* worse than expired */
        {100, NULL, NOW_MS, 0, E_SUITE_UNSUPPORTED},
        {100, NULL, NOW_MS, 2, E_SUITE_UNSUPPORTED},
        {100, NULL, NOW_MS, 257, E_SUITE_UNSUPPORTED},
        {102, NULL, NOW_MS, 1, E_CERT_UNKNOWN_SUITE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct trust_certificate *certificate = NULL;
        struct error error = {0};
        int rc = trust_verdict(bundle, rows[i].serial, rows[i].unit, rows[i].at_ms, rows[i].suite,
                               &certificate, &error);
        assert_int_equal(rc, rows[i].code);
        assert_true((certificate != NULL) == (rc == 0));
        assert_int_equal(error.code, rc);
    }
    assert_null(trust_certificate_of_unit(bundle, "civil-affairs", NOW_MS + 10 * DAY_MS));
    assert_non_null(trust_certificate_of_unit(bundle, "civil-affairs", NOW_MS));
    trust_bundle_free(bundle);
    world_free(world);
}

static void verdict_below_the_least_suite_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    const struct trust_certificate *certificate = NULL;
    world->stated.min_suite = 2;
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    assert_int_equal(trust_verdict(bundle, 100, NULL, NOW_MS, 1, &certificate, NULL),
                     E_SUITE_UNSUPPORTED);
    trust_bundle_free(bundle);
    world_free(world);
}

static void operator_does_not_speak_for_its_unit(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    world->rows[0].role = LEADBUS__ROLE__ROLE_OPERATOR;
    world_make(world);
    struct trust_bundle *bundle = open_bundle(world);
    assert_null(trust_certificate_of_unit(bundle, "police-hedong", NOW_MS));
    trust_bundle_free(bundle);
    world_free(world);
}

/* ---- successors */

static void successor_only_grows(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    char code[] = "key-lost";
    uint8_t first_hash[32];
    struct note note;
    world->revocations.number = 1;
    world->revocations.n_revoked = 1;
    world->revoked[0].serial = 101;
    world->revoked[0].reason = code;
    world_make(world);
    assert_int_equal(note_parse(buf_bytes(&world->manifest), &note, NULL), 0);
    sha256(note.text, first_hash);
    struct trust_bundle *first = open_bundle(world), *next = NULL;
    assert_int_equal(trust_bundle_check_successor(first, first, NULL), E_BUNDLE_ROLLBACK);
    world->stated.version = 2;
    world_make(world);
    next = open_bundle(world);
    assert_int_equal(trust_bundle_check_successor(first, next, NULL), E_BUNDLE_ROLLBACK);
    trust_bundle_free(next);
    memcpy(world->stated.previous, first_hash, 32);
    world_make(world);
    next = open_bundle(world);
    assert_int_equal(trust_bundle_check_successor(first, next, NULL), 0);
    assert_int_equal(trust_bundle_check_successor(next, first, NULL), E_BUNDLE_ROLLBACK);
    trust_bundle_free(next);
    world->stated.issued_ms--;
    world_make(world);
    next = open_bundle(world);
    assert_int_equal(trust_bundle_check_successor(first, next, NULL), E_BUNDLE_ROLLBACK);
    trust_bundle_free(next);
    world->stated.issued_ms++;
    world->revocations.n_revoked = 0; /* a revocation is taken back */
    world->revocations.number = 2;
    world_make(world);
    next = open_bundle(world);
    assert_int_equal(trust_bundle_check_successor(first, next, NULL), E_BUNDLE_ROLLBACK);
    trust_bundle_free(next);
    trust_bundle_free(first);
    world_free(world);
}

/* ---- hostile bytes */

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(3, 1);
    world_make(world);
    /* The list of roots comes last, and who holds the root can do without it: there alone a shorter
     * file is whole. */
    struct buf bare = {0};
    world->bundle.n_roots = 0;
    message_encode(&world->bundle.base, &bare);
    /* Every length near the start and the end, and steps between. */
    for (size_t len = 0; len < world->bytes.len;) {
        struct trust_bundle *bundle = NULL;
        uint8_t *copy = malloc(len + 1);
        memcpy(copy, world->bytes.data, len);
        int rc = trust_bundle_open(bytes_of(copy, len), &world->root, &bundle, NULL);
        assert_true(len == bare.len ? rc == 0 : rc < 0);
        assert_true((bundle != NULL) == (rc == 0));
        trust_bundle_free(bundle);
        free(copy);
        bool edge = len < 2600 || world->bytes.len - len < 1200;
        len += edge ? 1 : 97;
    }
    assert_true(world->bytes.len - bare.len < 1200);
    buf_fini(&bare);
    world_free(world);
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct world *world = world_new(3, 1);
    world_make(world);
    uint64_t draw = 88172645463325252ull;
    size_t opened = 0;
    for (size_t i = 0; i < 6000; i++) {
        draw ^= draw << 13;
        draw ^= draw >> 7;
        draw ^= draw << 17;
        size_t at = (size_t)(draw % world->bytes.len);
        uint8_t bit = (uint8_t)(1u << (draw >> 40 & 7));
        world->bytes.data[at] ^= bit;
        struct trust_bundle *bundle = NULL;
        struct error error = {0};
        int rc = trust_bundle_open(buf_bytes(&world->bytes), &world->root, &bundle, &error);
        if (rc == 0) opened++;
        assert_true(rc == 0 || error_class(rc) == ERROR_CLASS_INPUT ||
                    error_class(rc) == ERROR_CLASS_PROOF || error_class(rc) == ERROR_CLASS_REFUSED);
        trust_bundle_free(bundle);
        world->bytes.data[at] ^= bit;
    }
    /* A changed id makes a signature line an unknown one, and then the threshold is missed; the
     * copy of a root that is held is compared by its hash. So nothing opens. */
    assert_int_equal(opened, 0);
    assert_int_equal(opens(world), 0);
    world_free(world);
}

static void larger_than_the_limit_is_refused_unread(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct trust_bundle *bundle = NULL;
    uint8_t *large = calloc(1, LIMIT_BUNDLE_BYTES_MAX + 1);
    assert_int_equal(
        trust_bundle_open(bytes_of(large, LIMIT_BUNDLE_BYTES_MAX + 1), &world->root, &bundle, NULL),
        E_TOO_LARGE);
    free(large);
    world_free(world);
}

/* A whole district opens in a moment: brokers and agents do it at every start. */
static void district_of_42_units_opens(void **state)
{
    (void)state;
    struct world *world = world_new(UNIT_COUNT, EPOCHS);
    struct timespec from, to;
    world_make(world);
    trust_bundle_free(open_bundle(world));
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    struct trust_bundle *bundle = open_bundle(world);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    double ms = (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6;
    print_message("42 units with 6 epoch keys each: %.1f ms of CPU\n", ms);
    assert_int_equal(trust_bundle_epoch_key_count(bundle), UNIT_COUNT * EPOCHS);
    trust_bundle_free(bundle);
    world_free(world);
}

int main(void)
{
    if (sodium_init() < 0) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_needs_its_threshold_of_distinct_keys),
        cmocka_unit_test(root_key_that_signs_twice_counts_once),
        cmocka_unit_test(root_with_a_bad_signature_is_refused_whatever_else_signs),
        cmocka_unit_test(root_text_has_one_spelling),
        cmocka_unit_test(root_with_a_weak_key_is_refused),
        cmocka_unit_test(root_rotates_only_with_both_thresholds),
        cmocka_unit_test(bundle_walks_the_roots_it_carries),
        cmocka_unit_test(bundle_needs_its_threshold_of_distinct_keys),
        cmocka_unit_test(bundle_gives_back_what_was_put_in),
        cmocka_unit_test(bundle_part_changed_missing_added_or_moved_is_refused),
        cmocka_unit_test(bundle_of_an_unknown_part_opens),
        cmocka_unit_test(bundle_of_another_bus_or_absurd_times_is_refused),
        cmocka_unit_test(directory_rows_that_cannot_be_are_refused),
        cmocka_unit_test(directory_epoch_keys_are_verified),
        cmocka_unit_test(epoch_key_of_an_absurd_span_or_another_unit_is_refused),
        cmocka_unit_test(brokers_and_revocations_are_checked),
        cmocka_unit_test(verdict_names_what_is_wrong),
        cmocka_unit_test(verdict_below_the_least_suite_is_refused),
        cmocka_unit_test(operator_does_not_speak_for_its_unit),
        cmocka_unit_test(successor_only_grows),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(larger_than_the_limit_is_refused_unread),
        cmocka_unit_test(district_of_42_units_opens),
    };
    return cmocka_run_group_tests_name("trust", tests, NULL, NULL);
}
