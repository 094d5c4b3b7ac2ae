#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clients/replay/audit_inner.h"

static struct bytes bytes_from(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}

int audit_fault_note(struct error *ret_error, int code, uint64_t index, const char *suffix,
                     const char *format, ...)
{
    char place[ERROR_FIELD_LEN_MAX + 1], detail[ERROR_DETAIL_LEN_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    snprintf(place, sizeof place, "records[%llu]%s", (unsigned long long)index, suffix);
    return error_set(ret_error, code, place, "%s", detail);
}

int audit_fault_from(struct error *ret_error, int code, uint64_t index, const char *suffix,
                     const struct error *cause)
{
    const char *colon = cause->field[0] != '\0' && cause->detail[0] != '\0' ? ": " : "";
    (void)audit_fault_note(ret_error, code, index, suffix, "%s%s%s", cause->field, colon,
                           cause->detail);
    if (cause->detail_zh[0] != '\0')
        (void)error_note_zh(ret_error, "%s%s%s", cause->field, colon, cause->detail_zh);
    return code;
}

/* ---- what stands beside a record --------------------------------------------------------------
 */
/* Reads blob `ordinal` and compares it. *ret_present false: erased, which is no fault here. */
static int check_blob(struct audit *audit, uint64_t index, size_t ordinal, struct bytes digest,
                      uint64_t size, bool *ret_present, struct error *ret_error)
{
    struct error cause = {0};
    uint8_t hash[32];
    char suffix[32];
    snprintf(suffix, sizeof suffix, ".blobs[%zu]", ordinal);
    buf_reset(&audit->blob);
    int code = store_blob(audit->store, index, (unsigned)ordinal, &audit->blob, &cause);
    if (code == E_NOT_FOUND) {
        *ret_present = false;
        return 0;
    }
    if (code != 0) return audit_fault_from(ret_error, code, index, suffix, &cause);
    if (audit->blob.len != size)
        return audit_fault(ret_error, E_SECTION_HASH, index, suffix, "%zu 字节，应为 %llu",
                           "%zu bytes instead of %llu", audit->blob.len, (unsigned long long)size);
    sha256(buf_bytes(&audit->blob), hash);
    if (!bytes_equal(bytes_of(hash, sizeof hash), digest))
        return audit_fault(ret_error, E_SECTION_HASH, index, suffix, "其 SHA-256 与记录所载不同",
                           "its SHA-256 is not the one in the record");
    *ret_present = true;
    audit->totals.blobs++;
    return 0;
}

/* ---- bundles ----------------------------------------------------------------------------------
 */
/* The root that bundles must verify under: the note given, or the one that genesis names. */
static int settle_root(struct audit *audit, uint64_t index, struct bytes note,
                       struct error *ret_error)
{
    struct error cause = {0};
    uint8_t hash[32];
    if (audit->root_known) return 0;
    sha256(note, hash);
    if (memcmp(hash, audit->genesis_root, 32) != 0)
        return audit_fault(ret_error, E_NOTE_INVALID, index, ".root",
                           "不是第 0 条记录所称的信任根；请以 --root 给出",
                           "not the root of trust that record 0 names; give it with --root");
    int code = trust_root_open(note, &audit->root, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".root", &cause);
    audit->root_known = true;
    return 0;
}

/* The next "part <name> ..." line of a manifest's text; false when there is none. */
static bool next_part_name(struct bytes text, size_t *at, char *ret_name, size_t cap)
{
    while (*at < text.len) {
        const uint8_t *line = text.data + *at;
        const uint8_t *end = memchr(line, '\n', text.len - *at);
        size_t len = end != NULL ? (size_t)(end - line) : text.len - *at;
        *at += len + 1;
        if (len < 6 || memcmp(line, "part ", 5) != 0) continue;
        const uint8_t *space = memchr(line + 5, ' ', len - 5);
        size_t name_len = space != NULL ? (size_t)(space - line) - 5 : 0;
        if (name_len == 0 || name_len >= cap) continue;
        memcpy(ret_name, line + 5, name_len);
        ret_name[name_len] = '\0';
        return true;
    }
    return false;
}

struct bundle_parts {
    Leadbus__BundlePart parts[LIMIT_BUNDLE_PART_COUNT_MAX];
    Leadbus__BundlePart *pointers[LIMIT_BUNDLE_PART_COUNT_MAX];
    char names[LIMIT_BUNDLE_PART_COUNT_MAX][128];
    size_t count;
};

/* Parts from the record's blobs, copied into the arena, named by the manifest. */
static int gather_parts(struct audit *audit, uint64_t index, const Leadbus__BundleInstalled *record,
                        struct bundle_parts *parts, struct error *ret_error)
{
    struct note note;
    struct error cause = {0};
    size_t at = 0;
    int code = note_parse(bytes_from(record->manifest), &note, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".manifest", &cause);
    if (record->n_parts > LIMIT_BUNDLE_PART_COUNT_MAX)
        return audit_fault(ret_error, E_TOO_LARGE, index, ".parts", "%zu 个部分", "%zu parts",
                           record->n_parts);
    for (size_t i = 0; i < record->n_parts; i++) {
        bool present = false;
        code = check_blob(audit, index, i, bytes_from(record->parts[i]->sha256),
                          record->parts[i]->size, &present, ret_error);
        if (code != 0) return code;
        if (!present)
            return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, ".blobs", "方案包缺第 %zu 部分",
                               "part %zu of the bundle is missing", i);
        if (!next_part_name(note.text, &at, parts->names[i], sizeof parts->names[i]))
            return audit_fault(ret_error, E_BAD_FORM, index, ".manifest", "清单所列少于记录所含",
                               "names fewer parts than the record has");
        uint8_t *copy = arena_alloc(&audit->arena, audit->blob.len + 1);
        if (copy == NULL)
            return audit_fault(ret_error, E_TOO_LARGE, index, ".parts", "方案包过大",
                               "bundle too large");
        memcpy(copy, audit->blob.data, audit->blob.len);
        leadbus__bundle_part__init(&parts->parts[i]);
        parts->parts[i].name = parts->names[i];
        parts->parts[i].content = (ProtobufCBinaryData){audit->blob.len, copy};
        parts->pointers[i] = &parts->parts[i];
        parts->count++;
    }
    return 0;
}

/* From now on checkpoints by these brokers count. */
static void learn_log_keys(struct audit *audit, const struct trust_bundle *bundle)
{
    for (size_t i = 0; i < trust_certificate_count(bundle); i++) {
        const struct trust_certificate *certificate = trust_certificate_at(bundle, i);
        bool known = certificate->role != LEADBUS__ROLE__ROLE_BROKER;
        for (size_t k = 0; k < audit->log_key_count && !known; k++)
            known = memcmp(audit->log_keys[k], certificate->witness, 32) == 0;
        if (!known && audit->log_key_count < AUDIT_LOG_KEY_COUNT_MAX)
            memcpy(audit->log_keys[audit->log_key_count++], certificate->witness, 32);
    }
}

static int check_bundle(struct audit *audit, uint64_t index, const Leadbus__BundleInstalled *record,
                        struct error *ret_error)
{
    struct bundle_parts parts = {.count = 0};
    struct buf encoded = {0};
    struct trust_bundle *bundle = NULL, *second = NULL;
    struct error cause = {0};
    Leadbus__Bundle message = LEADBUS__BUNDLE__INIT;
    ProtobufCBinaryData root = record->root;

    int code = gather_parts(audit, index, record, &parts, ret_error);
    if (code != 0) goto out;
    code = settle_root(audit, index, bytes_from(record->root), ret_error);
    if (code != 0) goto out;
    message.manifest = record->manifest;
    message.n_parts = parts.count;
    message.parts = parts.pointers;
    message.n_roots = root.len > 0 ? 1 : 0;
    message.roots = &root;
    message_encode(&message.base, &encoded);
    code = trust_bundle_open(buf_bytes(&encoded), &audit->root, &bundle, &cause);
    if (code == 0 && audit->core != NULL)
        code = trust_bundle_open(buf_bytes(&encoded), &audit->root, &second, &cause);
    if (code != 0) {
        code = audit_fault_from(ret_error, code, index, ".manifest", &cause);
        goto out;
    }
    if (audit->bundle != NULL) {
        code = trust_bundle_check_successor(audit->bundle, bundle, &cause);
        if (code != 0) {
            code = audit_fault_from(ret_error, code, index, ".manifest", &cause);
            goto out;
        }
    }
    if (trust_bundle_version(bundle) != record->version ||
        strcmp(trust_bundle_bus(bundle), audit->bus) != 0) {
        code = audit_fault(ret_error, E_JOURNAL_CORRUPT, index, ".version",
                           "与清单所写版本不符，或不属于本日志的总线",
                           "not the version that the manifest states, or not this journal's bus");
        goto out;
    }
    audit->root = *trust_bundle_root(bundle);
    learn_log_keys(audit, bundle);
    trust_bundle_free(audit->previous);
    audit->previous = audit->bundle;
    audit->bundle = bundle;
    audit->take_for_core = second;
    audit->totals.bundles++;
    audit->totals.signatures++;
    bundle = second = NULL;
out:
    trust_bundle_free(bundle);
    trust_bundle_free(second);
    buf_fini(&encoded);
    return code;
}

/* ---- signatures -------------------------------------------------------------------------------
 */
/* Who says that it signed a record. */
struct speaker {
    uint64_t serial;
    const char *unit;
    uint32_t suite;
};

/* The signer's certificate, by the bundle in force and at the record's time, as the broker had to
 * find it: of that unit, neither revoked nor outside its validity then. */
static int signer_of(const struct audit *audit, uint64_t index, uint64_t time_ms,
                     const struct speaker *speaker, const struct trust_certificate **ret,
                     struct error *ret_error)
{
    struct error cause = {0};
    if (audit->bundle == NULL)
        return audit_fault(ret_error, E_UNKNOWN_SENDER, index, ".signature",
                           "签名时尚无生效的方案包", "signed before any bundle is in force");
    int code = trust_verdict(audit->bundle, speaker->serial, speaker->unit, time_ms, speaker->suite,
                             ret, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".signature", &cause);
    if ((*ret)->role != LEADBUS__ROLE__ROLE_UNIT && (*ret)->role != LEADBUS__ROLE__ROLE_OFFICE)
        return audit_fault(ret_error, E_ROLE_NOT_ALLOWED, index, ".signature",
                           "证书 %llu 不是单位的", "certificate %llu is not a unit's",
                           (unsigned long long)speaker->serial);
    return 0;
}

static void note_signer(struct audit *audit, struct audit_seen *seen,
                        const struct trust_certificate *certificate)
{
    seen->is_signed = true;
    memcpy(seen->signing_key, certificate->identity, 32);
    audit->totals.signatures++;
}

static int check_signed_body(struct audit *audit, uint64_t index, const char *label,
                             struct bytes body, struct bytes signature,
                             const struct speaker *speaker, struct audit_seen *seen,
                             struct error *ret_error)
{
    const struct trust_certificate *certificate = NULL;
    int code = signer_of(audit, index, seen->time_ms, speaker, &certificate, ret_error);
    if (code != 0) return code;
    if (signed_body_verify(label, body, signature, certificate->identity) != 0)
        return audit_fault(ret_error, E_SIGNATURE_INVALID, index, ".signature",
                           "以 %s 的身份密钥核对不成立", "does not verify under %s's identity key",
                           speaker->unit);
    note_signer(audit, seen, certificate);
    return 0;
}

/* The head that the sender says it had seen is one of this journal, or two were told two stories.
 */
static int check_seen_head(struct audit *audit, uint64_t index, const Leadbus__Header *head,
                           struct error *ret_error)
{
    if (head->seen_size == 0) return 0;
    if (head->seen_size > index)
        return audit_fault(ret_error, E_SEEN_AHEAD, index, ".header.seen_size", "%llu", "%llu",
                           (unsigned long long)head->seen_size);
    if (head->seen_size != audit->seen_size) {
        struct merkle_reader reader = store_merkle_reader(audit->store);
        struct error cause = {0};
        int code = merkle_root_at(&reader, head->seen_size, audit->seen_root, &cause);
        if (code != 0) return audit_fault_from(ret_error, code, index, ".header.seen_size", &cause);
        audit->seen_size = head->seen_size;
    }
    if (head->seen_root.len == 32 && memcmp(head->seen_root.data, audit->seen_root, 32) == 0)
        return 0;
    return audit_fault(ret_error, E_JOURNAL_FORKED, index, ".header.seen_root",
                       "%s 见过 %llu 条记录时的另一个树根", "%s had seen another root of size %llu",
                       head->from, (unsigned long long)head->seen_size);
}

static int check_accepted(struct audit *audit, uint64_t index, const Leadbus__Accepted *record,
                          struct audit_seen *seen, struct error *ret_error)
{
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    struct error cause = {0};
    const struct trust_certificate *certificate = NULL;
    if (record->n_commits > LIMIT_SECTION_COUNT_MAX)
        return audit_fault(ret_error, E_BAD_FORM, index, ".commits", "过多", "too many");
    for (size_t i = 0; i < record->n_commits; i++) commits[i] = bytes_from(record->commits[i]);
    int code =
        envelope_from_record(bytes_from(record->header), bytes_from(record->wraps), commits,
                             record->n_commits, bytes_from(record->manifest),
                             bytes_from(record->signature), &audit->arena, &seen->envelope, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, "", &cause);
    const Leadbus__Header *head = seen->envelope.head;
    const struct speaker sender = {head->serial, head->from, head->suite};
    code = signer_of(audit, index, seen->time_ms, &sender, &certificate, ret_error);
    if (code != 0) return code;
    if (envelope_verify(&seen->envelope, certificate->identity) != 0)
        return audit_fault(ret_error, E_SIGNATURE_INVALID, index, ".signature",
                           "以 %s 的身份密钥核对不成立", "does not verify under %s's identity key",
                           head->from);
    note_signer(audit, seen, certificate);
    code = check_seen_head(audit, index, head, ret_error);
    if (code != 0) return code;
    for (size_t i = 0; i < seen->envelope.contents->n_sections; i++) {
        const Leadbus__SectionDigest *digest = seen->envelope.contents->sections[i];
        bool present = false;
        code = check_blob(audit, index, i, bytes_from(digest->sha256), digest->size, &present,
                          ret_error);
        if (code != 0) return code;
        if (!present) audit->totals.blobs_erased++;
    }
    code = audit_check_chunks(audit, index, seen->envelope.contents, ret_error);
    if (code != 0) return code;
    seen->is_envelope = true;
    audit->totals.accepted++;
    return 0;
}

static int check_ack(struct audit *audit, uint64_t index, const Leadbus__Acknowledged *record,
                     struct audit_seen *seen, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    struct error cause = {0};
    int code = message_decode(&leadbus__ack_body__descriptor, bytes_from(record->body),
                              &audit->arena, &message, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".body", &cause);
    const Leadbus__AckBody *body = (const Leadbus__AckBody *)message;
    if (strcmp(body->origin, audit->origin) != 0)
        return audit_fault(ret_error, E_ORIGIN_MISMATCH, index, ".body.origin", "属于另一日志",
                           "of another journal");
    const struct speaker unit = {body->serial, body->unit, SUITE_1};
    code = check_signed_body(audit, index, SIGNED_ACK, bytes_from(record->body),
                             bytes_from(record->signature), &unit, seen, ret_error);
    if (code != 0) return code;
    seen->ack = body;
    audit->totals.acknowledged++;
    return 0;
}

static int check_key(struct audit *audit, uint64_t index, const Leadbus__KeyPublished *record,
                     struct audit_seen *seen, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    struct error cause = {0};
    const struct trust_certificate *certificate = NULL;
    const Leadbus__EpochKeyBody *body = NULL;
    Leadbus__EpochKey key = LEADBUS__EPOCH_KEY__INIT;
    int code = message_decode(&leadbus__epoch_key_body__descriptor, bytes_from(record->body),
                              &audit->arena, &message, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".body", &cause);
    body = (const Leadbus__EpochKeyBody *)message;
    const struct speaker unit = {body->serial, body->unit, SUITE_1};
    code = signer_of(audit, index, seen->time_ms, &unit, &certificate, ret_error);
    if (code != 0) return code;
    key.body = record->body;
    key.signature = record->signature;
    code = trust_epoch_key_check(certificate, &key, &audit->arena, &body, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".signature", &cause);
    note_signer(audit, seen, certificate);
    audit->totals.keys++;
    return 0;
}

static int check_rewrap(struct audit *audit, uint64_t index, const Leadbus__Rewrapped *record,
                        struct audit_seen *seen, struct error *ret_error)
{
    const Leadbus__RewrapBody *body = NULL;
    struct error cause = {0};
    int code = envelope_rewrap_decode(bytes_from(record->body), &audit->arena, &body, &cause);
    if (code != 0) return audit_fault_from(ret_error, code, index, ".body", &cause);
    audit->totals.rewraps++;
    const struct speaker unit = {body->serial, body->from, body->suite};
    return check_signed_body(audit, index, SIGNED_REWRAP, bytes_from(record->body),
                             bytes_from(record->signature), &unit, seen, ret_error);
}

static int check_genesis(struct audit *audit, uint64_t index, const Leadbus__Genesis *record,
                         struct error *ret_error)
{
    struct bytes origin = bytes_of_str(record->origin);
    if (index != 0)
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, "", "又一条创始记录",
                           "a second genesis record");
    struct bytes bus = bytes_of_str(record->bus);
    if (!note_name_valid(origin) || !note_name_valid(bus) || record->root.len != 32)
        return audit_fault(ret_error, E_BAD_FORM, index, ".genesis",
                           "来源标识、总线或信任根哈希有误", "origin, bus or root hash");
    memcpy(audit->bus, bus.data, bus.len);
    audit->bus[bus.len] = '\0';
    memcpy(audit->origin, origin.data, origin.len);
    audit->origin[origin.len] = '\0';
    memcpy(audit->genesis_root, record->root.data, 32);
    if (!audit->root_known) return 0;
    if (memcmp(audit->root.hash, audit->genesis_root, 32) != 0)
        return audit_fault(ret_error, E_NOTE_INVALID, index, ".genesis.root",
                           "本日志启用时的信任根与所给的不同",
                           "this journal was opened under another root note than the one given");
    audit->anchored = true;
    return 0;
}

int audit_check_record(struct audit *audit, uint64_t index, const Leadbus__Record *record,
                       struct audit_seen *ret_seen, struct error *ret_error)
{
    memset(ret_seen, 0, sizeof *ret_seen);
    ret_seen->time_ms = record->time_ms;
    if (index == 0 && record->what_case != LEADBUS__RECORD__WHAT_GENESIS)
        return audit_fault(ret_error, E_JOURNAL_CORRUPT, index, "", "不是创始记录",
                           "not a genesis record");
    switch (record->what_case) {
    case LEADBUS__RECORD__WHAT_GENESIS:
        return check_genesis(audit, index, record->genesis, ret_error);
    case LEADBUS__RECORD__WHAT_BUNDLE: return check_bundle(audit, index, record->bundle, ret_error);
    case LEADBUS__RECORD__WHAT_ACCEPTED:
        return check_accepted(audit, index, record->accepted, ret_seen, ret_error);
    case LEADBUS__RECORD__WHAT_ACKNOWLEDGED:
        return check_ack(audit, index, record->acknowledged, ret_seen, ret_error);
    case LEADBUS__RECORD__WHAT_KEY_PUBLISHED:
        return check_key(audit, index, record->key_published, ret_seen, ret_error);
    case LEADBUS__RECORD__WHAT_REWRAPPED:
        return check_rewrap(audit, index, record->rewrapped, ret_seen, ret_error);
    case LEADBUS__RECORD__WHAT_CONFIGURED: audit->totals.configured++; return 0;
    case LEADBUS__RECORD__WHAT_STARTED:
        audit->totals.starts++;
        if (record->started->state_digest.len == SUITE_HASH_LEN) return 0;
        return audit_fault(ret_error, E_BAD_FORM, index, ".started.state_digest", "不是 32 字节",
                           "not 32 bytes");
    case LEADBUS__RECORD__WHAT_TICK:
        audit->totals.ticks++;
        if (record->tick->n_expired > 0 || record->tick->n_missed > 0 || record->tick->alarm)
            return 0;
        return audit_fault(ret_error, E_BAD_FORM, index, ".tick", "未列出任何一条",
                           "names nothing");
    case LEADBUS__RECORD__WHAT_RESTORED:
        return audit_check_restored(audit, index, record->restored, ret_error);
    case LEADBUS__RECORD__WHAT__NOT_SET:
    default:
        return audit_fault(ret_error, E_BAD_FORM, index, "", "未知的记录种类",
                           "an unknown kind of record");
    }
}
