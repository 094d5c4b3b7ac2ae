#include "tests/lib/district.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/note.h"
#include "proto/record.h"
#include "tests/lib/plan_files.h"

enum { ROOT_KEY_COUNT = 3, ROOT_THRESHOLD = 2 };

void district_fill(uint8_t *ret_data, size_t len, const char *label, uint64_t number)
{
    struct buf buf = {0};
    for (uint64_t counter = 0; len > 0; counter++) {
        uint8_t hash[32];
        buf_reset(&buf);
        buf_append_str(&buf, label);
        buf_append_u64(&buf, number);
        buf_append_u64(&buf, counter);
        sha256(buf_bytes(&buf), hash);
        size_t part = len < sizeof hash ? len : sizeof hash;
        memcpy(ret_data, hash, part);
        ret_data += part;
        len -= part;
    }
    buf_fini(&buf);
}

static void sign_keys(const char *label, uint64_t number, uint8_t ret_public[32],
                      uint8_t ret_secret[64])
{
    uint8_t seed[32];
    district_fill(seed, sizeof seed, label, number);
    CHECK(crypto_sign_seed_keypair(ret_public, ret_secret, seed) == 0);
}

static void agree_keys(const char *label, uint64_t number, uint8_t ret_public[32],
                       uint8_t ret_secret[32])
{
    district_fill(ret_secret, 32, label, number);
    suite_find(SUITE_1)->public_of(ret_secret, ret_public);
}

static void root_key_name(size_t i, char ret_name[32])
{
    (void)snprintf(ret_name, 32, "authority-%zu", i);
}

static void sign_note(struct bytes text, struct buf *ret_note)
{
    CHECK(note_begin(ret_note, text, NULL) == 0);
    for (size_t i = 0; i < ROOT_THRESHOLD; i++) {
        uint8_t public_key[32], secret[64];
        char name[32];
        sign_keys("root", i, public_key, secret);
        root_key_name(i, name);
        CHECK(note_append_signature(ret_note, name, secret, NULL) == 0);
    }
}

static void make_root(struct district *district)
{
    struct buf text = {0};
    buf_printf(&text,
               "leadbus/root/v1\nbus %s\nversion 1\nexpires %llu\nthreshold-root %d\n"
               "threshold-bundle %d\n",
               DISTRICT_BUS, (unsigned long long)(DISTRICT_START_MS + 3650 * DISTRICT_DAY_MS),
               ROOT_THRESHOLD, ROOT_THRESHOLD);
    for (size_t i = 0; i < ROOT_KEY_COUNT; i++) {
        uint8_t public_key[32], secret[64];
        char name[32];
        struct note_key key;
        sign_keys("root", i, public_key, secret);
        root_key_name(i, name);
        CHECK(note_key_init(&key, name, NOTE_KEY_ED25519, public_key, NULL) == 0);
        buf_append_str(&text, "key ");
        note_key_format(&key, &text);
        buf_append_str(&text, "\n");
    }
    sign_note(buf_bytes(&text), &district->root_note);
    CHECK(trust_root_open(buf_bytes(&district->root_note), &district->root, NULL) == 0);
    buf_fini(&text);
}

/* Of a unit's first certificate the seeds are its number in the plan, of a later one 1000 more. */
static void unit_keys(struct district_unit *unit)
{
    uint64_t seed = unit->serial - 1000;
    sign_keys("identity", seed, unit->identity, unit->identity_secret);
    sign_keys("witness", seed, unit->witness, unit->witness_secret);
    agree_keys("transport", seed, unit->transport, unit->transport_secret);
    agree_keys("session", seed, unit->session, unit->session_secret);
    agree_keys("epoch", seed * 1000 + 1, unit->epoch_public, unit->epoch_secret);
    unit->epoch = 1;
}

void district_enrol_again(struct district *district, const char *key)
{
    struct district_unit *unit = district_unit(district, key);
    unit->serial += 1000;
    unit->revoked = false;
    memset(unit->seqs, 0, sizeof unit->seqs);
    unit_keys(unit);
}

bool district_identity(const struct district *district, uint64_t serial, uint8_t ret_identity[32])
{
    uint8_t secret[64];
    if (serial < 1000 || serial % 1000 >= district->unit_count) return false;
    sign_keys("identity", serial - 1000, ret_identity, secret);
    return true;
}

static void make_units(struct district *district, const struct plan *plan)
{
    district->unit_count = plan_unit_count(plan);
    district->units = calloc(district->unit_count, sizeof *district->units);
    district->pair_seqs =
        calloc(district->unit_count * district->unit_count, 2 * sizeof *district->pair_seqs);
    district->pair_hashes =
        calloc(district->unit_count * district->unit_count, 2 * sizeof *district->pair_hashes);
    district->keks = calloc(district->unit_count * district->unit_count, sizeof *district->keks);
    CHECK(district->units && district->pair_seqs && district->pair_hashes && district->keks);
    district->broker = (struct district_unit){
        .key = "broker",
        .serial = 900,
        .not_after_ms = DISTRICT_START_MS + 365 * DISTRICT_DAY_MS,
    };
    sign_keys("broker identity", 0, district->broker.identity, district->broker.identity_secret);
    sign_keys("broker witness", 0, district->broker.witness, district->broker.witness_secret);
    agree_keys("broker transport", 0, district->broker.transport,
               district->broker.transport_secret);
    for (size_t i = 0; i < district->unit_count; i++) {
        struct district_unit *unit = &district->units[i];
        unit->key = plan_unit(plan, (uint16_t)i)->key;
        unit->serial = 1000 + i;
        unit->not_after_ms = DISTRICT_START_MS + 365 * DISTRICT_DAY_MS;
        unit_keys(unit);
    }
}

struct district *district_new(void)
{
    struct district *district = calloc(1, sizeof *district);
    CHECK(district != NULL);
    district->threads = calloc(DISTRICT_THREAD_COUNT_MAX, sizeof *district->threads);
    CHECK(district->threads != NULL);
    district->now_ms = DISTRICT_START_MS;
    district->expires_ms = DISTRICT_START_MS + 30 * DISTRICT_DAY_MS;
    district->hard_limit_ms = DISTRICT_START_MS + 60 * DISTRICT_DAY_MS;
    district->min_suite = SUITE_1;
    district->epoch_not_before_ms = DISTRICT_START_MS - DISTRICT_DAY_MS;
    district->epoch_not_after_ms = DISTRICT_START_MS + 90 * DISTRICT_DAY_MS;
    make_root(district);
    struct plan *plan = plan_files_parse();
    make_units(district, plan);
    district->plan = plan;
    district_bundle_use(district, 1);
    plan_free(plan);
    return district;
}

void district_free(struct district *district)
{
    if (!district) return;
    trust_bundle_free(district->bundle);
    buf_fini(&district->root_note);
    free(district->units);
    free(district->pair_seqs);
    free(district->pair_hashes);
    free(district->keks);
    free(district->threads);
    free(district);
}

struct district_unit *district_unit(struct district *district, const char *key)
{
    for (size_t i = 0; i < district->unit_count; i++)
        if (strcmp(district->units[i].key, key) == 0) return &district->units[i];
    CHECK(key == NULL); /* no such unit */
    return NULL;
}

/* ---- bundles ------------------------------------------------------------------------------ */

static ProtobufCBinaryData data(const void *bytes, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)bytes};
}

static void directory_part(const struct district *district, struct buf *ret_content)
{
    size_t count = district->unit_count, keys = 0;
    static uint32_t suites[] = {SUITE_1};
    Leadbus__Certificate *certificates = calloc(count + 1, sizeof *certificates);
    Leadbus__Certificate **list = calloc(count + 1, sizeof *list);
    Leadbus__EpochKey *epochs = calloc(count, sizeof *epochs);
    Leadbus__EpochKey **epoch_list = calloc(count, sizeof *epoch_list);
    struct buf *bodies = calloc(count, sizeof *bodies);
    uint8_t(*signatures)[64] = calloc(count, sizeof *signatures);
    CHECK(certificates && list && epochs && epoch_list && bodies && signatures);
    for (size_t i = 0; i <= count; i++) {
        const struct district_unit *unit = i < count ? &district->units[i] : &district->broker;
        leadbus__certificate__init(&certificates[i]);
        certificates[i].serial = unit->serial;
        certificates[i].unit = (char *)(uintptr_t)unit->key;
        certificates[i].role = i < count ? LEADBUS__ROLE__ROLE_UNIT : LEADBUS__ROLE__ROLE_BROKER;
        certificates[i].not_before_ms = DISTRICT_START_MS - DISTRICT_DAY_MS;
        certificates[i].not_after_ms = unit->not_after_ms;
        certificates[i].n_suites = 1;
        certificates[i].suites = suites;
        certificates[i].identity = data(unit->identity, 32);
        certificates[i].witness = data(unit->witness, 32);
        certificates[i].transport = data(unit->transport, 32);
        list[i] = &certificates[i];
        if (i == count || unit->epoch != 1) continue;
        district_epoch_key(district, unit->key, 1, &bodies[i], signatures[i]);
        leadbus__epoch_key__init(&epochs[i]);
        epochs[i].body = data(bodies[i].data, bodies[i].len);
        epochs[i].signature = data(signatures[i], 64);
        epoch_list[keys++] = &epochs[i];
    }
    Leadbus__Directory directory = LEADBUS__DIRECTORY__INIT;
    directory.n_certificates = count + 1;
    directory.certificates = list;
    directory.n_epoch_keys = keys;
    directory.epoch_keys = epoch_list;
    message_encode(&directory.base, ret_content);
    for (size_t i = 0; i < count; i++) buf_fini(&bodies[i]);
    free(certificates);
    free(list);
    free(epochs);
    free(epoch_list);
    free(bodies);
    free(signatures);
}

/* By serial. Nobody is taken back: a unit that is enrolled again leaves its old serial revoked. */
static void revoke_units(struct district *district)
{
    for (size_t i = 0; i < district->unit_count; i++) {
        const struct district_unit *unit = &district->units[i];
        size_t at = 0;
        while (at < district->revocation_count && district->revocations[at].serial != unit->serial)
            at++;
        if (!unit->revoked || at < district->revocation_count) continue;
        CHECK(at < DISTRICT_REVOCATION_COUNT_MAX);
        for (at = district->revocation_count++;
             at > 0 && district->revocations[at - 1].serial > unit->serial; at--)
            district->revocations[at] = district->revocations[at - 1];
        district->revocations[at].serial = unit->serial;
        district->revocations[at].time_ms = district->now_ms;
    }
}

static void revocations_part(struct district *district, uint64_t number, struct buf *ret_content)
{
    Leadbus__Revocation rows[DISTRICT_REVOCATION_COUNT_MAX], *list[DISTRICT_REVOCATION_COUNT_MAX];
    static char reason[] = "key-lost";
    revoke_units(district);
    Leadbus__Revocations revocations = LEADBUS__REVOCATIONS__INIT;
    revocations.number = number;
    for (size_t i = 0; i < district->revocation_count; i++) {
        Leadbus__Revocation *row = &rows[i];
        leadbus__revocation__init(row);
        row->serial = district->revocations[i].serial;
        row->time_ms = district->revocations[i].time_ms;
        row->reason = reason;
        list[revocations.n_revoked++] = row;
    }
    revocations.revoked = list;
    message_encode(&revocations.base, ret_content);
}

void district_bundle_bytes(struct district *district, uint64_t version, struct buf *ret_bytes)
{
    enum { FIXED_PARTS = 3, PARTS = FIXED_PARTS + PLAN_PART_COUNT_MAX };
    struct plan_files files;
    struct buf content[FIXED_PARTS] = {0}, bent[PARTS] = {0}, text = {0}, note = {0};
    Leadbus__BundlePart parts[PARTS], *list[PARTS];
    static const char *const names[FIXED_PARTS] = {"directory", "revocations", "brokers"};
    char previous[65];
    CHECK(version > 0 && version < DISTRICT_VERSION_MAX);
    hex_encode(bytes_of(district->manifest_hashes[version - 1], 32), previous);
    plan_files_load(&files);
    for (size_t i = 0; i < district->edit_count; i++)
        if (district->edits[i].version <= version)
            plan_files_replace(&files, district->edits[i].part, district->edits[i].old,
                               district->edits[i].new);
    directory_part(district, &content[0]);
    revocations_part(district, version, &content[1]);
    Leadbus__Brokers brokers = LEADBUS__BROKERS__INIT;
    message_encode(&brokers.base, &content[2]);
    buf_printf(&text,
               "leadbus/bundle/v1\nbus %s\nversion %llu\nissued %llu\nexpires %llu\n"
               "hard-limit %llu\nmin-suite %llu\nrevocation %llu\nprevious %s\nroot 1\n",
               DISTRICT_BUS, (unsigned long long)version, (unsigned long long)DISTRICT_START_MS,
               (unsigned long long)district->expires_ms,
               (unsigned long long)district->hard_limit_ms, (unsigned long long)district->min_suite,
               (unsigned long long)version, previous);
    for (size_t i = 0; i < PARTS; i++) {
        const char *name = i < FIXED_PARTS ? names[i] : files.parts[i - FIXED_PARTS].name;
        struct bytes bytes =
            i < FIXED_PARTS ? buf_bytes(&content[i]) : files.parts[i - FIXED_PARTS].content;
        uint8_t hash[32];
        char hex[65];
        if (district->bend_part) {
            district->bend_part(name, bytes, &bent[i], district->bend_ctx);
            bytes = buf_bytes(&bent[i]);
        }
        leadbus__bundle_part__init(&parts[i]);
        parts[i].name = (char *)(uintptr_t)name;
        parts[i].content = data(bytes.data, bytes.len);
        list[i] = &parts[i];
        sha256(bytes, hash);
        hex_encode(bytes_of(hash, 32), hex);
        buf_printf(&text, "part %s %s %zu\n", name, hex, bytes.len);
    }
    sha256(buf_bytes(&text), district->manifest_hashes[version]);
    sign_note(buf_bytes(&text), &note);
    Leadbus__Bundle bundle = LEADBUS__BUNDLE__INIT;
    bundle.manifest = data(note.data, note.len);
    bundle.n_parts = PARTS;
    bundle.parts = list;
    message_encode(&bundle.base, ret_bytes);
    for (size_t i = 0; i < FIXED_PARTS; i++) buf_fini(&content[i]);
    for (size_t i = 0; i < PARTS; i++) buf_fini(&bent[i]);
    buf_fini(&text);
    buf_fini(&note);
    plan_files_free(&files);
}

void district_edit(struct district *district, uint64_t version, const char *part, const char *old,
                   const char *new)
{
    CHECK(district->edit_count < DISTRICT_EDIT_COUNT_MAX);
    district->edits[district->edit_count].version = version;
    district->edits[district->edit_count].part = part;
    district->edits[district->edit_count].old = old;
    district->edits[district->edit_count++].new = new;
}

struct trust_bundle *district_bundle_open(struct district *district, uint64_t version)
{
    struct buf bytes = {0};
    struct trust_bundle *bundle = NULL;
    struct error error = {0};
    district_bundle_bytes(district, version, &bytes);
    int r = trust_bundle_open(buf_bytes(&bytes), &district->root, &bundle, &error);
    if (r != 0) (void)fprintf(stderr, "bundle: %s %s\n", error.field, error.detail);
    CHECK(r == 0);
    buf_fini(&bytes);
    return bundle;
}

void district_bundle_use(struct district *district, uint64_t version)
{
    struct trust_bundle *bundle = district_bundle_open(district, version);
    trust_bundle_free(district->bundle);
    district->bundle = bundle;
    district->bundle_version = version;
    district->plan = trust_bundle_plan(bundle);
    for (size_t i = 0; i < district->unit_count; i++)
        district->units[i].key = plan_unit(district->plan, (uint16_t)i)->key;
}

/* ---- letters ------------------------------------------------------------------------------ */

static struct district_thread *thread_of(struct district *district, const uint8_t id[16])
{
    for (size_t i = district->thread_count; i-- > 0;)
        if (memcmp(district->threads[i].id, id, 16) == 0) return &district->threads[i];
    return NULL;
}

static void thread_join(struct district_thread *thread, uint16_t unit, enum route_role role)
{
    for (size_t i = 0; i < thread->participant_count; i++) {
        if (thread->participants[i].unit != unit) continue;
        /* as route.h says, in other words */
        unsigned old = (unsigned)thread->participants[i].role, alerted = (old | (unsigned)role) & 4;
        old &= 3;
        unsigned now = (unsigned)role & 3;
        if (now == ROUTE_ROLE_SIGNER || (old != ROUTE_ROLE_SIGNER && now < old)) old = now;
        thread->participants[i].role = (enum route_role)(old | alerted);
        return;
    }
    CHECK(thread->participant_count < LIMIT_RECIPIENT_COUNT_MAX);
    thread->participants[thread->participant_count++] = (struct route_participant){unit, role};
}

void district_accepted(struct district *district, const struct district_letter *letter,
                       uint64_t index)
{
    struct district_thread *thread = thread_of(district, letter->thread);
    if (!thread) {
        CHECK(district->thread_count < DISTRICT_THREAD_COUNT_MAX);
        thread = &district->threads[district->thread_count++];
        memcpy(thread->id, letter->thread, 16);
        thread_join(thread, letter->from, ROUTE_ROLE_ORIGINATOR);
    }
    const struct plan_kind *kind = plan_kind_find(district->plan, letter->kind);
    for (size_t i = 0; i < letter->envelope.head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = letter->envelope.head->recipients[i];
        bool moves = kind->act == PLAN_ACT_TRANSFER &&
                     strcmp(recipient->unit, letter->envelope.head->target) == 0;
        bool signs = moves || (recipient->act == ENVELOPE_ACT_SIGN && plan_kind_makes_legs(kind));
        bool alert = strcmp(letter->kind, "alert.missing-child") == 0 ||
                     strcmp(letter->kind, "alert.risk") == 0;
        thread_join(thread, plan_unit_find(district->plan, recipient->unit),
                    (enum route_role)((signs ? 2 : 3) + (alert ? 4 : 0)));
    }
    thread->index = index + 1;
}

void district_unsend(struct district *district, const struct district_letter *letter)
{
    district->units[letter->from].seqs[envelope_lane(letter->envelope.head)]--;
}

struct sealing {
    struct district *district;
    const struct district_draft *draft;
    const struct plan_kind *kind;
    uint16_t from;
    struct route route;
    Leadbus__Header head;
    char plain[LIMIT_SECTION_COUNT_MAX][32];
    struct seal_section sections[LIMIT_SECTION_COUNT_MAX];
    const char *names[LIMIT_SECTION_COUNT_MAX];
    size_t section_count;
    struct seal_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    uint8_t keks[LIMIT_RECIPIENT_COUNT_MAX][32];
    size_t recipient_count;
};

/* What the units on the thread have become by the plan in use. */
static void current_of(const struct district *district, const struct district_thread *thread,
                       struct district_thread *ret)
{
    ret->participant_count = 0;
    for (size_t i = 0; i < thread->participant_count; i++)
        thread_join(ret, plan_unit(district->plan, thread->participants[i].unit)->current,
                    thread->participants[i].role);
}

static int seal_route(struct sealing *s)
{
    const struct district_draft *draft = s->draft;
    struct route_query query = {
        .plan = s->district->plan,
        .at_ms = s->head.created_ms,
        .kind = draft->kind,
        .topic = draft->topic,
        .area = draft->area,
        .from = draft->from,
        .target = draft->target,
    };
    const struct district_thread *thread = NULL;
    struct district_thread now;
    if (draft->parent) {
        thread = thread_of(s->district, draft->parent->thread);
        query.reference_sender = s->district->units[draft->parent->from].key;
    }
    if (thread) {
        current_of(s->district, thread, &now);
        query.participants = now.participants;
        query.participant_count = now.participant_count;
        s->head.thread_index = thread->index;
    }
    if (draft->thread_index) s->head.thread_index = draft->thread_index;
    int r = route_compute(&query, &s->route, NULL);
    return r ? r : route_restrict(&s->route, s->names, s->section_count, NULL);
}

static void seal_sections(struct sealing *s)
{
    for (size_t i = 0; i < s->kind->section_count; i++) {
        if (s->kind->sections[i].optional && !s->draft->reporter) continue;
        size_t k = s->section_count++;
        (void)snprintf(s->plain[k], sizeof s->plain[k], "section %zu", i);
        s->names[k] = s->kind->sections[i].name;
        s->sections[k] = (struct seal_section){s->names[k], bytes_of_str(s->plain[k])};
    }
}

static size_t pair_of(const struct sealing *s, uint16_t to)
{
    return (s->from * s->district->unit_count + to) * 2 + envelope_lane(&s->head);
}

static void pair_kek(const struct sealing *s, uint16_t unit, uint8_t ret_kek[32])
{
    const struct district_unit *from = &s->district->units[s->from];
    const struct district_unit *to = &s->district->units[unit];
    struct district_kek *held = &s->district->keks[s->from * s->district->unit_count + unit];
    bool same = held->serial == from->serial && held->epoch == to->epoch &&
                memcmp(held->session, from->session, 32) == 0 &&
                memcmp(held->epoch_public, to->epoch_public, 32) == 0;
    if (!same) {
        struct envelope_kek_input input = {.suite = SUITE_1,
                                           .own_secret = from->session_secret,
                                           .peer_public = to->epoch_public,
                                           .session_public = from->session,
                                           .epoch_public = to->epoch_public,
                                           .from = from->key,
                                           .serial = from->serial,
                                           .unit = to->key,
                                           .epoch = to->epoch};
        CHECK(envelope_kek(&input, held->kek) == 0);
        held->serial = from->serial;
        held->epoch = to->epoch;
        memcpy(held->session, from->session, 32);
        memcpy(held->epoch_public, to->epoch_public, 32);
    }
    memcpy(ret_kek, held->kek, 32);
}

static void seal_recipients(struct sealing *s)
{
    struct district *district = s->district;
    for (size_t i = 0; i < s->route.recipient_count; i++) {
        const struct route_recipient *routed = &s->route.recipients[i];
        const struct district_unit *to = &district->units[routed->unit];
        size_t pair = pair_of(s, routed->unit);
        bool keyed = to->epoch > 0;
        s->recipients[i] = (struct seal_recipient){
            .unit = to->key,
            .act = routed->act,
            .citation = routed->citation,
            .sections = routed->sections,
            .epoch = to->epoch,
            .epoch_public = keyed ? to->epoch_public : NULL,
            .kek = keyed ? s->keks[i] : NULL,
            .pair_seq = ++district->pair_seqs[pair],
        };
        memcpy(s->recipients[i].previous_hash, district->pair_hashes[pair], 32);
        if (!keyed) {
            s->head.flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED;
            continue;
        }
        pair_kek(s, routed->unit, s->keks[i]);
    }
    s->recipient_count = s->route.recipient_count;
    if (s->route.flags & ROUTE_FLAG_READDRESSED)
        s->head.flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED;
}

static char *text_of(const char *text)
{
    static char none[] = "";
    return text ? (char *)(uintptr_t)text : none;
}

static void seal_head(struct sealing *s, struct district_letter *letter)
{
    const struct district_draft *draft = s->draft;
    struct district_unit *from = &s->district->units[s->from];
    Leadbus__Header *head = &s->head;
    uint8_t urgency = plan_kind_urgency(s->kind, draft->topic);
    unsigned lane = urgency == 1 ? ENVELOPE_LANE_URGENT : ENVELOPE_LANE_NORMAL;
    leadbus__header__init(head);
    head->suite = SUITE_1;
    if (draft->id) {
        memcpy(letter->id, draft->id, 16);
    } else {
        district_fill(letter->id, 16, "id", s->district->letters);
        letter->id[6] = (uint8_t)((letter->id[6] & 0x0f) | 0x40);
        letter->id[8] = (uint8_t)((letter->id[8] & 0x3f) | 0x80);
    }
    memcpy(letter->thread, draft->parent ? draft->parent->thread : letter->id, 16);
    head->id = data(letter->id, 16);
    head->thread = data(letter->thread, 16);
    if (draft->parent) head->parent = data(draft->parent->id, 16);
    if (draft->other) head->other = data(draft->other->thread, 16);
    head->target = text_of(draft->target);
    head->kind = text_of(draft->kind);
    head->topic = text_of(draft->topic);
    head->from = text_of(from->key);
    if (s->kind->act != PLAN_ACT_NONE && !draft->nobody) head->officer = text_of("p-17");
    head->area = text_of(draft->area);
    head->serial = from->serial;
    head->seq = draft->seq ? draft->seq : ++from->seqs[lane];
    head->created_ms = draft->created_ms ? draft->created_ms : s->district->now_ms;
    head->expires_ms = draft->expires_ms;
    head->occurred_ms = draft->occurred_ms;
    head->due_ms = draft->due_ms;
    if (draft->early) head->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY;
    head->bundle = draft->bundle ? draft->bundle : s->district->bundle_version;
    head->seen_size = draft->seen_size;
    head->urgency = urgency;
    head->level = s->kind->level;
    head->n_tags = s->kind->tag_count;
    head->tags = (char **)(uintptr_t)s->kind->tags;
    head->session_key = data(from->session, 32);
}

struct district_letter *district_seal(struct district *district, const struct district_draft *draft,
                                      int *ret_code)
{
    static const uint8_t root[32] = {1};
    struct sealing *s = calloc(1, sizeof *s);
    struct district_letter *letter = calloc(1, sizeof *letter);
    uint8_t entropy[ENVELOPE_SEAL_ENTROPY_LEN];
    struct error error = {0};
    CHECK(s && letter);
    s->district = district;
    s->draft = draft;
    s->kind = plan_kind_find(district->plan, draft->kind);
    s->from = plan_unit_find(district->plan, draft->from);
    CHECK(s->kind != NULL);
    CHECK(s->from != PLAN_UNIT_NONE);
    letter->from = s->from;
    (void)snprintf(letter->kind, sizeof letter->kind, "%s", draft->kind);
    district->letters++;
    seal_head(s, letter);
    if (draft->seen_size) s->head.seen_root = data(root, 32);
    seal_sections(s);
    int r = seal_route(s);
    if (r == 0) {
        seal_recipients(s);
        if (draft->bend) draft->bend(&s->head, s->recipients, &s->recipient_count, draft->ctx);
        district_fill(entropy, sizeof entropy, "entropy", district->letters);
        r = envelope_seal(
            &(struct seal_input){.head = &s->head,
                                 .sections = s->sections,
                                 .section_count = s->section_count,
                                 .attachments = draft->attachments,
                                 .attachment_count = draft->attachment_count,
                                 .recipients = s->recipients,
                                 .recipient_count = s->recipient_count,
                                 .identity_secret = district->units[s->from].identity_secret,
                                 .entropy = entropy},
            &letter->sealed, &error);
    }
    arena_init(&letter->arena, (size_t)LIMIT_FRAME_BYTES_MAX * 4);
    if (r == 0)
        r = envelope_decode(buf_bytes(&letter->sealed.bytes), &letter->arena, &letter->envelope,
                            &error);
    if (r == 0) {
        for (size_t i = 0; i < s->route.recipient_count; i++)
            memcpy(district->pair_hashes[pair_of(s, s->route.recipients[i].unit)],
                   letter->sealed.hash, 32);
    } else {
        if (error.code) (void)fprintf(stderr, "seal: %s %s\n", error.field, error.detail);
        district_letter_free(letter);
        letter = NULL;
    }
    free(s);
    if (ret_code) *ret_code = r;
    return letter;
}

void district_letter_free(struct district_letter *letter)
{
    if (!letter) return;
    sealed_fini(&letter->sealed);
    arena_fini(&letter->arena);
    free(letter);
}

/* ---- signed bodies ------------------------------------------------------------------------- */

void district_ack(const struct district *district, const char *unit, unsigned lane,
                  uint64_t position, const uint8_t running[32],
                  const Leadbus__Exception *exceptions, size_t exception_count,
                  struct buf *ret_body, uint8_t ret_signature[64])
{
    static char origin[] = DISTRICT_ORIGIN;
    const Leadbus__Exception *list[LIMIT_EXCEPTION_COUNT_MAX];
    const struct district_unit *signer =
        district_unit((struct district *)(uintptr_t)district, unit);
    CHECK(exception_count <= LIMIT_EXCEPTION_COUNT_MAX);
    for (size_t i = 0; i < exception_count; i++) list[i] = &exceptions[i];
    Leadbus__AckBody body = LEADBUS__ACK_BODY__INIT;
    body.origin = district->origin ? (char *)(uintptr_t)district->origin : origin;
    body.unit = (char *)(uintptr_t)unit;
    body.serial = signer->serial;
    body.lane = lane;
    body.position = position;
    body.running = data(running, 32);
    body.n_exceptions = exception_count;
    body.exceptions = (Leadbus__Exception **)(uintptr_t)list;
    body.time_ms = district->now_ms;
    message_encode(&body.base, ret_body);
    signed_body_sign(SIGNED_ACK, buf_bytes(ret_body), signer->identity_secret, ret_signature);
}

void district_epoch_key(const struct district *district, const char *unit, uint64_t epoch,
                        struct buf *ret_body, uint8_t ret_signature[64])
{
    const struct district_unit *signer =
        district_unit((struct district *)(uintptr_t)district, unit);
    uint8_t secret[32], public_key[32];
    agree_keys("epoch", (signer->serial - 1000) * 1000 + epoch, public_key, secret);
    Leadbus__EpochKeyBody body = LEADBUS__EPOCH_KEY_BODY__INIT;
    body.unit = (char *)(uintptr_t)signer->key;
    body.serial = signer->serial;
    body.epoch = epoch;
    body.public_key = data(public_key, 32);
    body.not_before_ms = district->epoch_not_before_ms;
    body.not_after_ms = district->epoch_not_after_ms;
    message_encode(&body.base, ret_body);
    signed_body_sign(SIGNED_EPOCH, buf_bytes(ret_body), signer->identity_secret, ret_signature);
}
