/* trace FILE: runs a trace against the core and compares what it says with what the file says.
 *
 * A line that begins at the margin is a command, indented lines below it are what it must answer,
 * `#` lines and empty ones are for the reader. Behind the last command every record is decided
 * again on a second core with another hash key: same bytes, same digest. I3 is checked after each
 * command. `trace --write FILE` writes the answers that it got; read the difference. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/core/core.h"
#include "broker/store/store.h"
#include "proto/base/check.h"
#include "proto/checkpoint.h"
#include "proto/merkle.h"
#include "tests/lib/district.h"

enum {
    NAME_COUNT_MAX = 256,
    RECORD_COUNT_MAX = 1024,
    WORD_COUNT_MAX = 24,
    QUEUED_SHOWN_MAX = 8,
    LEG_SHOWN_MAX = 64
};

struct words {
    char *items[WORD_COUNT_MAX];
    size_t count;
};

struct trace {
    struct district *district;
    struct core *core;
    struct buf out;
    struct {
        char name[32];
        struct district_letter *letter;
        uint64_t index;
        bool accepted;
    } letters[NAME_COUNT_MAX];
    size_t letter_count;
    struct buf rewrap; /* body of the last one */
    const struct district_unit *rewrap_from;
    struct buf records[RECORD_COUNT_MAX];
    struct trust_bundle *again[RECORD_COUNT_MAX]; /* bundle records: opened once more for the end */
};

static void say(struct trace *trace, const char *text)
{
    buf_printf(&trace->out, "    %s\n", text);
}

static const char *value_of(const struct words *words, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 1; i < words->count; i++)
        if (strncmp(words->items[i], key, len) == 0 && words->items[i][len] == '=')
            return words->items[i] + len + 1;
    return NULL;
}

static uint64_t number_of(const struct words *words, const char *key, uint64_t otherwise)
{
    const char *value = value_of(words, key);
    return value ? strtoull(value, NULL, 10) : otherwise;
}

/* "+5m", "-2d", "3h", "10" (ms) */
static int64_t span_of(const char *text)
{
    char *end;
    int64_t value = strtoll(text, &end, 10);
    switch (*end) {
    case 's': return value * 1000;
    case 'm': return value * 60 * 1000;
    case 'h': return value * 3600 * 1000;
    case 'd': return value * 24 * 3600 * 1000;
    default: return value;
    }
}

static uint64_t moment_of(const struct trace *trace, const struct words *words, const char *key)
{
    const char *value = value_of(words, key);
    return value ? (uint64_t)((int64_t)trace->district->now_ms + span_of(value)) : 0;
}

static int letter_find(const struct trace *trace, const char *name)
{
    for (size_t i = 0; i < trace->letter_count; i++)
        if (strcmp(trace->letters[i].name, name) == 0) return (int)i;
    (void)fprintf(stderr, "no letter called %s\n", name);
    abort();
}

/* ---- deciding and folding ------------------------------------------------------------------ */

static void say_effects(struct trace *trace, const struct core_effects *effects)
{
    static const char *const lanes[] = {"urgent", "normal"};
    char text[256];
    size_t queued = 0;
    for (size_t i = 0; i < effects->count; i++)
        if (effects->items[i].type == CORE_EFFECT_QUEUED) queued++;
    if (queued > QUEUED_SHOWN_MAX) {
        (void)snprintf(text, sizeof text, "queued for %zu units", queued);
        say(trace, text);
    }
    for (size_t i = 0; i < effects->count; i++) {
        const struct core_effect *effect = &effects->items[i];
        switch (effect->type) {
        case CORE_EFFECT_RECEIPT:
            (void)snprintf(text, sizeof text, "receipt to %s", effect->unit);
            break;
        case CORE_EFFECT_QUEUED:
            if (queued > QUEUED_SHOWN_MAX) continue;
            (void)snprintf(text, sizeof text, "queued for %s %s %llu", effect->unit,
                           lanes[effect->lane], (unsigned long long)effect->position);
            break;
        case CORE_EFFECT_ACKED:
            (void)snprintf(text, sizeof text, "acknowledged by %s %s %llu", effect->unit,
                           lanes[effect->lane], (unsigned long long)effect->position);
            break;
        case CORE_EFFECT_KEY: (void)snprintf(text, sizeof text, "key of %s", effect->unit); break;
        case CORE_EFFECT_BUNDLE: (void)snprintf(text, sizeof text, "bundle in force"); break;
        }
        say(trace, text);
    }
}

static int run(struct trace *trace, const struct core_request *request,
               struct trust_bundle *take_bundle, uint64_t bundle_version)
{
    struct core_verdict verdict;
    struct buf record = {0};
    struct error error = {0};
    char text[512];
    uint64_t index = core_size(trace->core);
    uint8_t before[32], after[32];
    core_digest(trace->core, before);
    int r = core_admit(trace->core, request, &record, &verdict);
    core_digest(trace->core, after);
    CHECK(memcmp(before, after, 32) == 0); /* admit changes nothing */
    if (r != 0) {
        /* What a unit is told is there in both languages. */
        const bool of_unit = request->type == CORE_SUBMIT || request->type == CORE_ACK ||
                             request->type == CORE_PUBLISH_KEY || request->type == CORE_REWRAP;
        if (of_unit && strchr(verdict.error.detail, ' ') && !verdict.error.detail_zh[0]) {
            (void)fprintf(stderr, "in English only: %s %s: %s\n", error_name(r),
                          verdict.error.field, verdict.error.detail);
            CHECK(verdict.error.detail_zh[0]);
        }
        (void)snprintf(text, sizeof text, "refused %s %s", error_name(r), verdict.error.field);
        if (verdict.index)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), " index=%llu",
                           (unsigned long long)verdict.index);
        if (verdict.retry_after_ms)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), " retry");
        for (size_t i = 0; i < verdict.participant_count; i++)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s",
                           i ? "," : " now=", verdict.participants[i],
                           (verdict.participant_roles[i] & 3) == ROUTE_ROLE_SIGNER ? "(signs)"
                                                                                   : "");
        say(trace, text);
        CHECK(record.len == 0);
        trust_bundle_free(take_bundle);
        return r;
    }
    (void)snprintf(text, sizeof text, "record %llu%s%s", (unsigned long long)index,
                   verdict.accepted_flags & 1 ? " previous-bundle" : "",
                   verdict.accepted_flags & 2 ? " bundle-expired" : "");
    say(trace, text);
    struct core_effects effects = {0};
    CHECK(index < RECORD_COUNT_MAX);
    r = core_apply(trace->core, index, buf_bytes(&record), take_bundle, &effects, &error);
    if (r != 0) (void)fprintf(stderr, "apply: %s\n", error.detail);
    CHECK(r == 0);
    say_effects(trace, &effects);
    core_effects_fini(&effects);
    trace->records[index] = record;
    if (take_bundle) trace->again[index] = district_bundle_open(trace->district, bundle_version);
    return 0;
}

/* ---- commands ------------------------------------------------------------------------------ */

static void command_genesis(struct trace *trace, const struct words *words)
{
    struct core_request request = {.type = CORE_GENESIS, .now_ms = trace->district->now_ms};
    request.conn_serial = number_of(words, "serial", 0);
    request.genesis.origin = DISTRICT_ORIGIN;
    request.genesis.bus = DISTRICT_BUS;
    request.genesis.root = trace->district->root.hash;
    (void)run(trace, &request, NULL, 0);
}

/* What a bundle must carry on from the one before, changed; and changed back. */
static void bend_bundle(struct district *district, uint64_t version, const char *how)
{
    if (!how) return;
    if (strcmp(how, "previous") == 0) {
        district->manifest_hashes[version - 1][0] ^= 1;
    } else if (strcmp(how, "revocations") == 0 && district->revocation_count > 0) {
        district->revocations[0].time_ms ^= (uint64_t)1 << 45; /* later */
    } else {
        (void)fprintf(stderr, "bend %s?\n", how);
        abort();
    }
}

static void command_bundle(struct trace *trace, const struct words *words)
{
    uint64_t version = number_of(words, "version", 1);
    const char *hard = value_of(words, "hard-limit");
    if (hard) {
        trace->district->hard_limit_ms = moment_of(trace, words, "hard-limit");
        trace->district->expires_ms = trace->district->hard_limit_ms;
    }
    bend_bundle(trace->district, version, value_of(words, "bend"));
    struct trust_bundle *bundle = district_bundle_open(trace->district, version);
    bend_bundle(trace->district, version, value_of(words, "bend"));
    struct core_request request = {.type = CORE_BUNDLE, .now_ms = trace->district->now_ms};
    request.bundle = bundle;
    if (run(trace, &request, bundle, version) == 0) district_bundle_use(trace->district, version);
}

static void command_configure(struct trace *trace, const struct words *words)
{
    Leadbus__Configured configured = *core_config(trace->core);
    const char *skew = value_of(words, "skew"), *grace = value_of(words, "grace");
    const char *age = value_of(words, "age");
    configured.credit_max = (uint32_t)number_of(words, "credit", configured.credit_max);
    configured.quota_per_minute = (uint32_t)number_of(words, "quota", configured.quota_per_minute);
    configured.waiting_max = number_of(words, "waiting", configured.waiting_max);
    if (skew) configured.created_skew_ms = (uint64_t)span_of(skew);
    if (age) configured.created_age_ms = (uint64_t)span_of(age);
    if (grace) configured.bundle_grace_ms = (uint64_t)span_of(grace);
    struct core_request request = {.type = CORE_CONFIGURE, .now_ms = trace->district->now_ms};
    request.configured = &configured;
    (void)run(trace, &request, NULL, 0);
}

static void command_start(struct trace *trace, const struct words *words)
{
    (void)words;
    struct core_request request = {.type = CORE_START, .now_ms = trace->district->now_ms};
    request.version = "0.1.0";
    (void)run(trace, &request, NULL, 0);
}

/* The signed head over the first `size` records, under a name. */
static void sign_head(const struct trace *trace, uint64_t size, const char *origin,
                      struct buf *ret_note)
{
    struct merkle_frontier frontier;
    struct checkpoint checkpoint = {.size = size};
    struct error error = {0};
    merkle_frontier_init(&frontier);
    for (uint64_t i = 0; i < size; i++) {
        uint8_t leaf[32], nodes[MERKLE_LEVEL_COUNT_MAX][32];
        merkle_leaf_hash(buf_bytes(&trace->records[i]), leaf);
        (void)merkle_frontier_append(&frontier, leaf, nodes);
    }
    (void)snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s",
                   origin[0] ? origin : DISTRICT_ORIGIN);
    merkle_frontier_root(&frontier, checkpoint.root);
    CHECK(checkpoint_sign(&checkpoint, trace->district->broker.witness_secret, ret_note, &error) ==
          0);
}

/* restored ORIGIN: the records so far were put back from a backup. missing=N: the head is of so
 * many records fewer; head=NAME: of another origin. */
static void command_restored(struct trace *trace, const struct words *words)
{
    struct core_request request = {.type = CORE_RESTORE, .now_ms = trace->district->now_ms};
    const char *head = value_of(words, "head"), *reason = value_of(words, "reason");
    struct buf note = {0};
    request.conn_serial = number_of(words, "serial", 0);
    sign_head(trace, core_size(trace->core) - number_of(words, "missing", 0),
              head ? head : core_origin(trace->core), &note);
    request.restored.origin = words->items[1];
    request.restored.reason = reason ? reason : "disk-lost";
    request.restored.checkpoint = buf_bytes(&note);
    (void)run(trace, &request, NULL, 0);
    buf_fini(&note);
}

static void command_tick(struct trace *trace, const struct words *words)
{
    (void)words;
    struct core_request request = {.type = CORE_TICK, .now_ms = trace->district->now_ms};
    (void)run(trace, &request, NULL, 0);
}

static uint8_t first_key[32];

static void first_key_of(const struct trace *trace, const char *unit)
{
    uint64_t number = district_unit(trace->district, unit)->serial % 1000;
    uint8_t secret[32];
    district_fill(secret, sizeof secret, "epoch", number * 1000 + 1);
    suite_find(SUITE_1)->public_of(secret, first_key);
}

/* What a dishonest or broken sender would write instead. */
static void bend(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count, void *ctx)
{
    const char *how = ctx;
    static char other_tag[] = "DNA-RESULT";
    static char *tags[] = {other_tag};
    static uint8_t elsewhere[32] = {9, 1};
    if (strcmp(how, "missing") == 0) {
        (*count)--;
    } else if (strcmp(how, "added") == 0) {
        recipients[*count] = recipients[0];
        recipients[(*count)++].unit = "finance";
    } else if (strcmp(how, "wrong") == 0) {
        recipients[0].unit = "finance";
    } else if (strcmp(how, "swapped") == 0) {
        struct seal_recipient first = recipients[0];
        recipients[0] = recipients[1];
        recipients[1] = first;
    } else if (strcmp(how, "copy") == 0) {
        recipients[0].act = ENVELOPE_ACT_COPY;
    } else if (strcmp(how, "citation") == 0) {
        recipients[0].citation = "lead:9.9.9";
    } else if (strcmp(how, "sections") == 0) {
        recipients[*count - 1].sections = 3;
    } else if (strcmp(how, "epoch") == 0) {
        recipients[0].epoch = 77;
    } else if (strcmp(how, "fingerprint") == 0) {
        recipients[0].epoch_public = elsewhere;
    } else if (strcmp(how, "first-key") == 0) {
        /* to what the first recipient published before it was enrolled again */
        recipients[0].epoch = 1;
        recipients[0].epoch_public = first_key;
    } else if (strcmp(how, "unkeyed") == 0) {
        recipients[0].epoch = 0;
        recipients[0].epoch_public = NULL;
        recipients[0].kek = NULL;
        head->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED;
    } else if (strcmp(how, "urgency") == 0) {
        head->urgency = head->urgency == 1 ? 2 : 1;
    } else if (strcmp(how, "level") == 0) {
        head->level = 4;
    } else if (strcmp(how, "tags") == 0) {
        head->n_tags = 1;
        head->tags = tags;
    } else if (strcmp(how, "readdressed") == 0) {
        head->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED;
    } else if (strcmp(how, "parent") == 0) {
        head->parent.data = elsewhere;
    } else if (strcmp(how, "thread") == 0) {
        head->thread.data = elsewhere;
    } else if (strcmp(how, "serial") == 0) {
        head->serial = 4711;
    } else if (strcmp(how, "topic") == 0) {
        static char topic[] = "no-such-topic";
        head->topic = topic;
    } else if (strcmp(how, "area") == 0) {
        static char area[] = "12";
        head->area = area;
    } else if (strcmp(how, "kind") == 0) {
        static char kind[] = "no.such.kind";
        head->kind = kind;
    } else {
        (void)fprintf(stderr, "bend %s?\n", how);
        abort();
    }
}

static int submit_letter(struct trace *trace, const struct words *words,
                         const struct district_letter *letter)
{
    struct core_request request = {.type = CORE_SUBMIT, .now_ms = trace->district->now_ms};
    const struct district_unit *from = &trace->district->units[letter->from];
    const char *signature = value_of(words, "signature");
    request.conn_serial = number_of(words, "serial", letter->envelope.head->serial);
    request.envelope = &letter->envelope;
    request.signature_checked = !(signature && strcmp(signature, "unchecked") == 0);
    CHECK(envelope_verify(&letter->envelope, from->identity) == 0);
    memcpy(request.checked_key, from->identity, 32);
    if (signature && strcmp(signature, "other") == 0) request.checked_key[0] ^= 1;
    return run(trace, &request, NULL, 0);
}

static void command_submit(struct trace *trace, const struct words *words)
{
    const char *parent = value_of(words, "parent"), *id = value_of(words, "id");
    const char *other = value_of(words, "other");
    const char *how = value_of(words, "bend");
    const char *first = value_of(words, "first-key");
    uint64_t index = core_size(trace->core);
    int code = 0;
    if (first) first_key_of(trace, first);
    if (first) how = "first-key";
    struct district_draft draft = {
        .kind = value_of(words, "kind"),
        .topic = value_of(words, "topic"),
        .area = value_of(words, "area"),
        .from = value_of(words, "from"),
        .parent = parent ? trace->letters[letter_find(trace, parent)].letter : NULL,
        .target = value_of(words, "target"),
        .other = other ? trace->letters[letter_find(trace, other)].letter : NULL,
        .seq = number_of(words, "seq", 0),
        .created_ms = moment_of(trace, words, "created"),
        .expires_ms = moment_of(trace, words, "expires"),
        .occurred_ms = moment_of(trace, words, "occurred"),
        .early = value_of(words, "early") != NULL,
        .seen_size = number_of(words, "seen", 0),
        .bundle = number_of(words, "bundle", 0),
        .thread_index = number_of(words, "thread-index", 0),
        .id = id ? trace->letters[letter_find(trace, id)].letter->id : NULL,
        .reporter = value_of(words, "reporter") != NULL,
        .bend = how ? bend : NULL,
        .ctx = (void *)(uintptr_t)how,
    };
    struct district_letter *letter = district_seal(trace->district, &draft, &code);
    if (!letter) {
        char text[128];
        (void)snprintf(text, sizeof text, "not sealed: %s", error_name(code));
        say(trace, text);
        return;
    }
    CHECK(trace->letter_count < NAME_COUNT_MAX);
    size_t slot = trace->letter_count++;
    (void)snprintf(trace->letters[slot].name, sizeof trace->letters[slot].name, "%s",
                   words->items[1]);
    trace->letters[slot].letter = letter;
    trace->letters[slot].index = index;
    trace->letters[slot].accepted = submit_letter(trace, words, letter) == 0;
    if (trace->letters[slot].accepted)
        district_accepted(trace->district, letter, index);
    else if (draft.seq == 0 && !(how && strcmp(how, "urgency") == 0))
        district_unsend(trace->district, letter);
}

static void command_again(struct trace *trace, const struct words *words)
{
    (void)submit_letter(trace, words, trace->letters[letter_find(trace, words->items[1])].letter);
}

/* The same body with a report about the lead at an index, signed anew. */
static void add_late(const struct district_unit *signer, const char *index, struct buf *body,
                     uint8_t signature[64])
{
    Leadbus__AckBody *decoded = leadbus__ack_body__unpack(NULL, body->len, body->data);
    Leadbus__Exception late = LEADBUS__EXCEPTION__INIT, *list[] = {&late};
    CHECK(decoded != NULL);
    late.index = strtoull(index, NULL, 10);
    late.code = 13;
    Leadbus__AckBody with = *decoded;
    with.n_late = 1;
    with.late = list;
    buf_reset(body);
    message_encode(&with.base, body);
    signed_body_sign(SIGNED_ACK, buf_bytes(body), signer->identity_secret, signature);
    leadbus__ack_body__free_unpacked(decoded, NULL);
}

static void command_ack(struct trace *trace, const struct words *words)
{
    const char *unit = words->items[1], *except = value_of(words, "except");
    const char *how = value_of(words, "bend");
    unsigned lane = strcmp(words->items[2], "urgent") == 0 ? 0 : 1;
    uint64_t wanted = strtoull(words->items[3], NULL, 10), position;
    uint8_t running[32], signature[64];
    Leadbus__Exception exception = LEADBUS__EXCEPTION__INIT;
    struct core_entry entry;
    struct buf body = {0};
    const char *origin = value_of(words, "origin");
    trace->district->origin = origin ? origin : core_origin(trace->core);
    core_acknowledged(trace->core, unit, lane, &position, running);
    if (except) {
        exception.position = strtoull(except, NULL, 10);
        exception.code = 600;
    }
    while (position < wanted && core_entry_after(trace->core, unit, lane, position, &entry)) {
        position = entry.position;
        lane_running(trace->district->origin, running, entry.index, entry.item_hash, running);
        if (except && position == exception.position) exception.index = entry.index;
    }
    if (how && strcmp(how, "running") == 0) running[0] ^= 1;
    if (how && strcmp(how, "index") == 0) exception.index++;
    district_ack(trace->district, unit, lane, wanted, running, &exception, except ? 1 : 0, &body,
                 signature);
    if (how && strcmp(how, "origin") == 0) {
        /* the origin's last digit stands where the text says so */
        uint8_t *at = memmem(body.data, body.len, DISTRICT_ORIGIN, strlen(DISTRICT_ORIGIN));
        CHECK(at != NULL);
        at[strlen(DISTRICT_ORIGIN) - 1] = '2';
    }
    const struct district_unit *signer = district_unit(trace->district, unit);
    if (value_of(words, "late")) add_late(signer, value_of(words, "late"), &body, signature);
    struct core_request request = {.type = CORE_ACK, .now_ms = trace->district->now_ms};
    request.conn_serial = number_of(words, "serial", signer->serial);
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, signer->identity, 32);
    if (how && strcmp(how, "signature") == 0) request.signature_checked = false;
    (void)run(trace, &request, NULL, 0);
    buf_fini(&body);
}

static void command_key(struct trace *trace, const struct words *words)
{
    const char *unit = words->items[1];
    uint64_t epoch = number_of(words, "epoch", 1);
    uint8_t signature[64];
    struct buf body = {0};
    district_epoch_key(trace->district, unit, epoch, &body, signature);
    if (value_of(words, "bend")) signature[0] ^= 1;
    const struct district_unit *signer = district_unit(trace->district, unit);
    struct core_request request = {.type = CORE_PUBLISH_KEY, .now_ms = trace->district->now_ms};
    request.conn_serial = signer->serial;
    request.signed_body.body = buf_bytes(&body);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, signer->identity, 32);
    (void)run(trace, &request, NULL, 0);
    buf_fini(&body);
}

static void submit_rewrap(struct trace *trace)
{
    const struct district_unit *from = trace->rewrap_from;
    uint8_t signature[64];
    struct core_request request = {.type = CORE_REWRAP, .now_ms = trace->district->now_ms};
    signed_body_sign(SIGNED_REWRAP, buf_bytes(&trace->rewrap), from->identity_secret, signature);
    request.conn_serial = from->serial;
    request.signed_body.body = buf_bytes(&trace->rewrap);
    request.signed_body.signature = bytes_of(signature, 64);
    request.signature_checked = true;
    memcpy(request.checked_key, from->identity, 32);
    (void)run(trace, &request, NULL, 0);
}

static void command_rewrap(struct trace *trace, const struct words *words)
{
    const struct district_letter *letter =
        trace->letters[letter_find(trace, words->items[1])].letter;
    const struct district_unit *from = district_unit(trace->district, value_of(words, "from"));
    const struct district_unit *to = district_unit(trace->district, value_of(words, "to"));
    uint8_t secret[32], public_key[32], kek[32], salt[32], signature[64];
    struct buf body = {0};
    uint64_t epoch = number_of(words, "epoch", 1);
    district_fill(secret, 32, "epoch", (to->serial - 1000) * 1000 + epoch);
    suite_find(SUITE_1)->public_of(secret, public_key);
    district_fill(salt, 32, "salt", core_size(trace->core));
    struct envelope_kek_input kek_input = {.suite = SUITE_1,
                                           .own_secret = from->session_secret,
                                           .peer_public = public_key,
                                           .session_public = from->session,
                                           .epoch_public = public_key,
                                           .from = from->key,
                                           .serial = from->serial,
                                           .unit = to->key,
                                           .epoch = epoch};
    CHECK(envelope_kek(&kek_input, kek) == 0);
    struct rewrap_input input = {
        .original = &letter->envelope,
        .from = from->key,
        .serial = from->serial,
        .unit = to->key,
        .epoch = epoch,
        .epoch_public = public_key,
        .kek = kek,
        .session_public = from->session,
        .sections = (uint32_t)number_of(words, "sections", 1),
        .keys = (const uint8_t(*)[32])letter->sealed.section_keys,
        .created_ms = value_of(words, "created") ? moment_of(trace, words, "created")
                                                 : trace->district->now_ms,
        .identity_secret = from->identity_secret,
        .salt = salt,
    };
    CHECK(envelope_rewrap(&input, &body, signature, NULL) == 0);
    buf_fini(&trace->rewrap);
    trace->rewrap = body;
    trace->rewrap_from = from;
    submit_rewrap(trace);
}

/* The very same body once more. */
static void command_rewrap_again(struct trace *trace, const struct words *words)
{
    (void)words;
    submit_rewrap(trace);
}

static void command_time(struct trace *trace, const struct words *words)
{
    trace->district->now_ms =
        (uint64_t)((int64_t)trace->district->now_ms + span_of(words->items[1]));
}

static void command_revoke(struct trace *trace, const struct words *words)
{
    district_unit(trace->district, words->items[1])->revoked = true;
}

static void command_unkey(struct trace *trace, const struct words *words)
{
    district_unit(trace->district, words->items[1])->epoch = 0;
}

static void command_enrol_again(struct trace *trace, const struct words *words)
{
    district_enrol_again(trace->district, words->items[1]);
}

static void command_rekey(struct trace *trace, const struct words *words)
{
    struct district_unit *unit = district_unit(trace->district, words->items[1]);
    unit->epoch = number_of(words, "epoch", 1);
    district_fill(unit->epoch_secret, 32, "epoch", (unit->serial - 1000) * 1000 + unit->epoch);
    suite_find(SUITE_1)->public_of(unit->epoch_secret, unit->epoch_public);
}

static void command_keys_until(struct trace *trace, const struct words *words)
{
    trace->district->epoch_not_after_ms =
        (uint64_t)((int64_t)trace->district->now_ms + span_of(words->items[1]));
}

static void command_keys_from(struct trace *trace, const struct words *words)
{
    trace->district->epoch_not_before_ms =
        (uint64_t)((int64_t)trace->district->now_ms + span_of(words->items[1]));
}

static void command_certificate_until(struct trace *trace, const struct words *words)
{
    district_unit(trace->district, words->items[1])->not_after_ms =
        (uint64_t)((int64_t)trace->district->now_ms + span_of(words->items[2]));
}

static void command_legs(struct trace *trace, const struct words *words)
{
    struct core_leg legs[LEG_SHOWN_MAX];
    bool known;
    char text[128];
    const struct district_letter *letter =
        trace->letters[letter_find(trace, words->items[1])].letter;
    size_t count = core_thread_legs(trace->core, letter->thread, legs, LEG_SHOWN_MAX, &known);
    if (!known) say(trace, "unknown thread");
    for (size_t i = 0; i < count && i < LEG_SHOWN_MAX; i++) {
        (void)snprintf(text, sizeof text, "%llu %s %s%s", (unsigned long long)legs[i].index,
                       legs[i].unit, lifecycle_state_name(legs[i].state),
                       legs[i].primary ? " primary" : "");
        say(trace, text);
    }
    if (count <= LEG_SHOWN_MAX) return;
    (void)snprintf(text, sizeof text, "and %zu more", count - LEG_SHOWN_MAX);
    say(trace, text);
}

static void command_stats(struct trace *trace, const struct words *words)
{
    char text[160];
    for (size_t i = 0; i < core_unit_count(trace->core); i++) {
        struct core_unit_stats s;
        core_unit_stats(trace->core, i, &s);
        if (strcmp(s.unit, words->items[1]) != 0) continue;
        (void)snprintf(text, sizeof text,
                       "accepted %llu = delivered %llu + waiting %llu + expired %llu + "
                       "undeliverable %llu + withdrawn %llu",
                       (unsigned long long)s.accepted, (unsigned long long)s.delivered,
                       (unsigned long long)s.waiting, (unsigned long long)s.expired,
                       (unsigned long long)s.undeliverable, (unsigned long long)s.withdrawn);
        say(trace, text);
        if (s.oldest_waiting_index == UINT64_MAX) continue;
        (void)snprintf(text, sizeof text, "oldest waiting %llu",
                       (unsigned long long)s.oldest_waiting_index);
        say(trace, text);
    }
}

static void command_queue(struct trace *trace, const struct words *words)
{
    static const char *const types[] = {"lead", "notice", "tombstone"};
    struct core_entry entry;
    uint64_t position = 0;
    char text[96];
    unsigned lane = strcmp(words->items[2], "urgent") == 0 ? 0 : 1;
    while (core_entry_after(trace->core, words->items[1], lane, position, &entry)) {
        position = entry.position;
        (void)snprintf(text, sizeof text, "%llu %s %llu", (unsigned long long)position,
                       types[entry.type], (unsigned long long)entry.index);
        say(trace, text);
    }
    if (position == 0) say(trace, "empty");
}

static const struct {
    const char *name;
    void (*run)(struct trace *trace, const struct words *words);
} commands[] = {
    {"genesis", command_genesis},
    {"bundle", command_bundle},
    {"configure", command_configure},
    {"start", command_start},
    {"tick", command_tick},
    {"restored", command_restored},
    {"submit", command_submit},
    {"again", command_again},
    {"ack", command_ack},
    {"key", command_key},
    {"rewrap", command_rewrap},
    {"rewrap-again", command_rewrap_again},
    {"time", command_time},
    {"revoke", command_revoke},
    {"unkey", command_unkey},
    {"rekey", command_rekey},
    {"enrol-again", command_enrol_again},
    {"keys-from", command_keys_from},
    {"keys-until", command_keys_until},
    {"certificate-until", command_certificate_until},
    {"legs", command_legs},
    {"stats", command_stats},
    {"queue", command_queue},
};

static void execute(struct trace *trace, char *line)
{
    struct words words = {0};
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word && words.count < WORD_COUNT_MAX;
         word = strtok_r(NULL, " ", &rest))
        words.items[words.count++] = word;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, words.items[0]) != 0) continue;
        commands[i].run(trace, &words);
        CHECK(core_stats_balanced(trace->core));
        return;
    }
    (void)fprintf(stderr, "no command %s\n", words.items[0]);
    abort();
}

/* ---- a journal of it ---------------------------------------------------------------------------
 */

static size_t blobs_of(const struct trace *trace, uint64_t index, struct bytes *ret_blobs)
{
    const struct trust_bundle *bundle = trace->again[index];
    if (bundle) {
        for (size_t i = 0; i < trust_bundle_part_count(bundle); i++) {
            const char *name;
            uint8_t hash[32];
            trust_bundle_part(bundle, i, &name, &ret_blobs[i], hash);
        }
        return trust_bundle_part_count(bundle);
    }
    for (size_t i = 0; i < trace->letter_count; i++) {
        const struct envelope *envelope = &trace->letters[i].letter->envelope;
        if (trace->letters[i].index != index || !trace->letters[i].accepted) continue;
        memcpy(ret_blobs, envelope->ciphertexts, envelope->section_count * sizeof *ret_blobs);
        return envelope->section_count;
    }
    return 0;
}

/* Of the head over so many records. */
static const char *origin_of(const struct trace *trace, uint64_t size)
{
    for (size_t i = 0; i < core_former_count(trace->core); i++) {
        uint64_t end;
        const char *origin = core_former_at(trace->core, i, &end);
        if (size <= end) return origin;
    }
    return core_origin(trace->core);
}

/* Groups of three records, a signed checkpoint over each. */
static void write_journal(const struct trace *trace, const char *path)
{
    enum { GROUP = 3 };
    struct store *store = NULL;
    struct merkle_frontier frontier;
    struct error error = {0};
    uint64_t size = core_size(trace->core);
    CHECK(store_open(path, &store, &error) == 0);
    merkle_frontier_init(&frontier);
    for (uint64_t from = 0; from < size; from += GROUP) {
        struct store_record records[GROUP];
        struct bytes blobs[GROUP][STORE_BLOB_COUNT_MAX];
        uint8_t hashes[GROUP][MERKLE_LEVEL_COUNT_MAX + 1][32];
        struct buf note = {0};
        size_t count = 0;
        for (; count < GROUP && from + count < size; count++) {
            struct bytes bytes = buf_bytes(&trace->records[from + count]);
            merkle_leaf_hash(bytes, hashes[count][0]);
            size_t nodes = merkle_frontier_append(&frontier, hashes[count][0], &hashes[count][1]);
            records[count] = (struct store_record){
                .bytes = bytes,
                .hashes = bytes_of(hashes[count], 32 * (nodes + 1)),
                .blobs = blobs[count],
                .blob_count = blobs_of(trace, from + count, blobs[count]),
            };
        }
        sign_head(trace, from + count, origin_of(trace, from + count), &note);
        CHECK(store_append(store, from, records, count, buf_bytes(&note), &error) == 0);
        buf_fini(&note);
    }
    store_close(store);
    /* The root of trust, which a verifier has from elsewhere. */
    char root_path[1024];
    (void)snprintf(root_path, sizeof root_path, "%s-root", path);
    FILE *file = fopen(root_path, "wb");
    const struct buf *note = &trace->district->root_note;
    CHECK(file != NULL);
    CHECK(fwrite(note->data, 1, note->len, file) == note->len);
    CHECK(fclose(file) == 0);
}

/* ---- deciding everything again -------------------------------------------------------------- */

static bool signature_key(const struct trace *trace, const struct core_request *request,
                          uint8_t ret_key[32])
{
    return district_identity(trace->district, request->conn_serial, ret_key);
}

static bool decide_again(struct trace *trace)
{
    static const uint8_t hash_key[16] = {77, 1};
    struct core *core = core_new(hash_key);
    uint64_t size = core_size(trace->core);
    bool equal = true;
    for (uint64_t i = 0; equal && i < size; i++) {
        struct arena arena;
        struct core_request request;
        struct core_verdict verdict;
        static struct envelope envelope;
        struct buf record = {0};
        struct error error = {0};
        arena_init(&arena, (size_t)LIMIT_FRAME_BYTES_MAX * 4);
        struct bytes bytes = buf_bytes(&trace->records[i]);
        int r = core_request_of_record(bytes, &arena, &request, &envelope, &error);
        CHECK(r == 0);
        if (request.type == CORE_BUNDLE) request.bundle = trace->again[i];
        request.signature_checked = signature_key(trace, &request, request.checked_key);
        r = core_admit(core, &request, &record, &verdict);
        equal = r == 0 && bytes_equal(buf_bytes(&record), bytes);
        if (!equal)
            (void)fprintf(stderr, "record %llu decided again: %s %s %s\n", (unsigned long long)i,
                          error_name(r), verdict.error.field, verdict.error.detail);
        if (equal) {
            r = core_apply(core, i, bytes, trace->again[i], NULL, &error);
            trace->again[i] = NULL;
            CHECK(r == 0);
        }
        buf_fini(&record);
        arena_fini(&arena);
    }
    if (equal) {
        uint8_t a[32], b[32];
        core_digest(trace->core, a);
        core_digest(core, b);
        equal = memcmp(a, b, 32) == 0;
        if (!equal) (void)fprintf(stderr, "the digests differ\n");
    }
    core_free(core);
    return equal;
}

/* ---- files ---------------------------------------------------------------------------------- */

static void run_file(struct trace *trace, FILE *file, struct buf *ret_text)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    while ((len = getline(&line, &cap, file)) >= 0) {
        buf_append(ret_text, line, (size_t)len);
        if (line[0] == ' ') continue;
        buf_append(&trace->out, line, (size_t)len);
        if (len > 0 && line[len - 1] == '\n') line[len - 1] = '\0';
        if (line[0] != '#' && line[0] != '\0') execute(trace, line);
    }
    free(line);
}

static void trace_free(struct trace *trace)
{
    for (size_t i = 0; i < trace->letter_count; i++) district_letter_free(trace->letters[i].letter);
    for (size_t i = 0; i < RECORD_COUNT_MAX; i++) {
        buf_fini(&trace->records[i]);
        trust_bundle_free(trace->again[i]);
    }
    buf_fini(&trace->rewrap);
    core_free(trace->core);
    district_free(trace->district);
    buf_fini(&trace->out);
    free(trace);
}

/* The first line in which the two differ. */
static void say_difference(struct bytes expected, struct bytes got)
{
    size_t i = 0, start = 0, line = 1;
    while (i < expected.len && i < got.len && expected.data[i] == got.data[i])
        if (expected.data[i++] == '\n') start = i, line++;
    const uint8_t *end = memchr(got.data + start, '\n', got.len - start);
    size_t len = end ? (size_t)(end - got.data) - start : got.len - start;
    (void)fprintf(stderr, "line %zu: got: %.*s\n", line, (int)len, (const char *)got.data + start);
}

int main(int argc, char **argv)
{
    static const uint8_t hash_key[16] = {1};
    bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
    const char *path = argv[argc - 1];
    const char *journal = argc == 4 && strcmp(argv[1], "--journal") == 0 ? argv[2] : NULL;
    struct buf text = {0};
    if (argc != 2 && !write && !journal) return 2;
    FILE *file = fopen(path, "r");
    if (!file) return 2;
    struct trace *trace = calloc(1, sizeof *trace);
    CHECK(trace != NULL);
    trace->district = district_new();
    trace->core = core_new(hash_key);
    run_file(trace, file, &text);
    (void)fclose(file);
    if (journal) write_journal(trace, journal);
    bool good = decide_again(trace);
    bool same = bytes_equal(buf_bytes(&text), buf_bytes(&trace->out));
    if (write && !same) {
        file = fopen(path, "w");
        CHECK(file != NULL);
        CHECK(fwrite(trace->out.data, 1, trace->out.len, file) == trace->out.len);
        CHECK(fclose(file) == 0);
    } else if (!same) {
        say_difference(buf_bytes(&text), buf_bytes(&trace->out));
        good = false;
    }
    buf_fini(&text);
    trace_free(trace);
    return good ? 0 : 1;
}
