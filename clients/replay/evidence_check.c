#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients/replay/evidence.h"
#include "clients/replay/out.h"
#include "proto/base/check.h"
#include "proto/tlogproof.h"

struct reading {
    json_t *whole;
    struct evidence *evidence;
    struct buf scratch;
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
    struct error *error;
};

/* ---- JSON, strictly ---------------------------------------------------------------------------
 */
static int form(struct reading *reading, int code, const char *place, const char *zh,
                const char *en)
{
    (void)error_note(reading->error, code, place, "%s", en);
    (void)error_note_zh(reading->error, "%s", zh);
    return code;
}

/* Exactly these members, each of its type. */
struct member {
    const char *name;
    json_type type;
};
static int check_members(struct reading *reading, const json_t *object, const char *place,
                         const struct member *members, size_t count)
{
    if (!json_is_object(object))
        return form(reading, E_BAD_FORM, place, "不是对象", "not an object");
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        char path[ERROR_FIELD_LEN_MAX + 1];
        snprintf(path, sizeof path, "%s.%s", place, members[i].name);
        if (value == NULL) return form(reading, E_MISSING_FIELD, path, "缺少", "missing");
        if (json_typeof(value) != members[i].type)
            return form(reading, E_BAD_FORM, path, "类型不符", "of another type");
        if (json_is_integer(value) && json_integer_value(value) < 0)
            return form(reading, E_BAD_VALUE, path, "为负数", "negative");
    }
    if (json_object_size(object) != count)
        return form(reading, E_UNKNOWN_FIELD, place, "含有格式中没有的成员",
                    "has members that are not in the format");
    return 0;
}

static struct bytes string_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return bytes_of(json_string_value(value), json_string_length(value));
}

static uint64_t number_of(const json_t *object, const char *name)
{
    return (uint64_t)json_integer_value(json_object_get(object, name));
}

static int decode_base64(struct reading *reading, const json_t *value, const char *place,
                         struct buf *ret)
{
    buf_reset(ret);
    if (!json_is_string(value))
        return form(reading, E_BAD_FORM, place, "不是字符串", "not a string");
    if (base64_decode(json_string_value(value), json_string_length(value), ret, NULL) != 0)
        return form(reading, E_BAD_FORM, place, "不是规范的 base64", "not strict base64");
    return 0;
}

static int decode_hash(struct reading *reading, struct bytes text, const char *place,
                       uint8_t ret_hash[32])
{
    if (hex_decode((const char *)text.data, text.len, ret_hash, 32, NULL) != 0)
        return form(reading, E_BAD_FORM, place, "不是 64 位小写十六进制",
                    "not 64 lower-case hex digits");
    return 0;
}

/* ---- whom to trust ----------------------------------------------------------------------------
 */
static int root_by_keys(struct reading *reading, const struct evidence_trust *trust,
                        struct bytes note_data, struct trust_root *ret)
{
    struct note note;
    int code = note_parse(note_data, &note, reading->error);
    if (code == 0)
        code = note_verify(&note, trust->keys, trust->key_count, trust->threshold, NULL,
                           reading->error);
    if (code == 0) code = trust_root_open(note_data, ret, reading->error);
    return code;
}

/* One more root note: the successor of the newest trusted one, or one that is known, or older than
 * what the reader began with (those are carried for who holds an older one). */
static int take_root(struct reading *reading, struct bytes note)
{
    struct evidence *evidence = reading->evidence;
    struct trust_root *next = &evidence->roots[evidence->root_count];
    uint8_t hash[32];
    sha256(note, hash);
    for (size_t i = 0; i < evidence->root_count; i++)
        if (memcmp(evidence->roots[i].hash, hash, sizeof hash) == 0) return 0;
    int code = trust_root_open(note, next, reading->error);
    if (code != 0 || next->version < evidence->roots[0].version) return code;
    code = trust_root_advance(next - 1, note, next, reading->error);
    if (code == 0) evidence->root_count++;
    return code;
}

/* The root notes of the file from the first that the reader vouches for. */
static int check_roots(struct reading *reading, const struct evidence_trust *trust)
{
    const json_t *roots = json_object_get(reading->whole, "roots");
    struct evidence *evidence = reading->evidence;
    int code = 0;
    if (json_array_size(roots) == 0 || json_array_size(roots) > STORY_BUNDLE_COUNT_MAX)
        return form(reading, E_BAD_FORM, "roots", "没有，或过多", "none, or too many");
    if (trust->root_note.len > 0) {
        code = trust_root_open(trust->root_note, &evidence->roots[0], reading->error);
        if (code != 0) return code;
        evidence->root_count = 1;
    }
    for (size_t i = 0; i < json_array_size(roots); i++) {
        const json_t *value = json_array_get(roots, i);
        if (!json_is_string(value))
            return form(reading, E_BAD_FORM, "roots", "不是字符串", "not a string");
        struct bytes note = bytes_of(json_string_value(value), json_string_length(value));
        if (evidence->root_count > 0) {
            code = take_root(reading, note);
            if (code != 0) return code;
            continue;
        }
        /* Older roots than the one that the reader's keys signed may stand before it. */
        code = root_by_keys(reading, trust, note, &evidence->roots[0]);
        if (code == 0) evidence->root_count = 1;
    }
    return evidence->root_count > 0 ? 0 : code;
}

/* Under any of the roots, the newest first. */
static int open_bundle(struct reading *reading, struct trust_bundle **ret)
{
    struct evidence *evidence = reading->evidence;
    int code = E_NOTE_INVALID;
    for (size_t i = evidence->root_count; i > 0 && code != 0; i--)
        code = trust_bundle_open(buf_bytes(&reading->scratch), &evidence->roots[i - 1], ret,
                                 reading->error);
    return code;
}

static int check_bundles(struct reading *reading)
{
    struct evidence *evidence = reading->evidence;
    const json_t *bundles = json_object_get(reading->whole, "bundles");
    if (json_array_size(bundles) == 0 || json_array_size(bundles) > STORY_BUNDLE_COUNT_MAX)
        return form(reading, E_BAD_FORM, "bundles", "没有，或过多", "none, or too many");
    for (size_t i = 0; i < json_array_size(bundles); i++) {
        int code = decode_base64(reading, json_array_get(bundles, i), "bundles", &reading->scratch);
        if (code == 0) code = open_bundle(reading, &evidence->bundles[i]);
        if (code != 0) return code;
        evidence->bundle_count = i + 1;
    }
    return 0;
}

static int add_log_keys(struct reading *reading, const struct trust_bundle *bundle)
{
    struct evidence *evidence = reading->evidence;
    for (size_t i = 0; i < trust_certificate_count(bundle); i++) {
        const struct trust_certificate *certificate = trust_certificate_at(bundle, i);
        struct note_key key;
        bool known = certificate->role != LEADBUS__ROLE__ROLE_BROKER;
        for (size_t k = 0; k < evidence->log_key_count && !known; k++)
            known = memcmp(evidence->log_keys[k].public_key, certificate->witness, 32) == 0;
        if (known || evidence->log_key_count == STORY_BUNDLE_COUNT_MAX) continue;
        int code = note_key_init(&key, reading->origin, NOTE_KEY_ED25519, certificate->witness,
                                 reading->error);
        if (code != 0) return code;
        evidence->log_keys[evidence->log_key_count++] = key;
    }
    return 0;
}

/* May this serial have signed for this unit at that time? Any of the certified bundles may say so.
 */
static int find_signer(struct reading *reading, uint64_t serial, const char *unit, uint64_t at_ms,
                       const struct trust_certificate **ret)
{
    const struct evidence *evidence = reading->evidence;
    int code = E_UNKNOWN_SENDER;
    for (size_t i = 0; i < evidence->bundle_count; i++) {
        code =
            trust_verdict(evidence->bundles[i], serial, unit, at_ms, SUITE_1, ret, reading->error);
        if (code == 0) return 0;
    }
    return code;
}

/* ---- records ----------------------------------------------------------------------------------
 */
/* {"index", "record", "proof"}: decodes the record into ret_record and proves that it is in the
 * journal of a certified log key, where it says. */
static int check_proved(struct reading *reading, const json_t *object, const char *place,
                        struct buf *ret_record, uint64_t *ret_index)
{
    static const struct member members[] = {
        {"index", JSON_INTEGER}, {"record", JSON_STRING}, {"proof", JSON_STRING}};
    struct evidence *evidence = reading->evidence;
    struct checkpoint head;
    struct error cause = {0};
    int code = check_members(reading, object, place, members, 3);
    if (code == 0)
        code = decode_base64(reading, json_object_get(object, "record"), place, ret_record);
    if (code != 0) return code;
    code = E_SIGNATURE_INVALID;
    for (size_t i = 0; i < evidence->log_key_count && code != 0; i++)
        code = tlogproof_verify(string_of(object, "proof"), buf_bytes(ret_record),
                                &evidence->log_keys[i], &head, ret_index, &cause);
    if (code != 0) {
        char path[ERROR_FIELD_LEN_MAX + 1];
        snprintf(path, sizeof path, "%s.proof", place);
        if (evidence->log_key_count == 0)
            return form(reading, code, path, "方案包没有认证任何日志密钥",
                        "the bundles certify no log key");
        return form(reading, code, path, error_detail(&cause, LANG_ZH), cause.detail);
    }
    if (*ret_index != number_of(object, "index"))
        return form(reading, E_PROOF_INVALID, place, "证明所指的是另一序号",
                    "the proof is for another index");
    if (head.size > evidence->checkpoint.size) evidence->checkpoint = head;
    return 0;
}

static int check_lead(struct reading *reading)
{
    struct evidence *evidence = reading->evidence;
    const struct trust_certificate *certificate = NULL;
    int code = check_proved(reading, json_object_get(reading->whole, "lead"), "lead",
                            &evidence->record, &evidence->index);
    if (code != 0) return code;
    code = story_envelope(buf_bytes(&evidence->record), &evidence->arena, &evidence->envelope,
                          &evidence->time_ms, &evidence->accepted_flags, reading->error);
    if (code != 0) return code;
    const Leadbus__Header *head = evidence->envelope.head;
    code = find_signer(reading, head->serial, head->from, evidence->time_ms, &certificate);
    if (code != 0) return code;
    if (envelope_verify(&evidence->envelope, certificate->identity) != 0)
        return form(reading, E_SIGNATURE_INVALID, "lead", "不是发送单位经认证的身份密钥所签",
                    "not signed by the identity key certified for its sender");
    if (trust_bundle_version(evidence->bundles[0]) != head->bundle)
        return form(reading, E_BUNDLE_UNKNOWN, "bundles",
                    "第一份不是推导这条线索接收单位所用的方案包",
                    "the first is not the one that the lead was routed by");
    return 0;
}

/* The running hash from before the lead, over it and what followed, must be the one signed: under
 * the origin that the acknowledgement states, the journal's own or one that it had before. */
static int check_chain(struct reading *reading, const json_t *receipt, const char *place,
                       const Leadbus__AckBody *ack)
{
    const struct evidence *evidence = reading->evidence;
    const json_t *entries = json_object_get(receipt, "entries");
    uint64_t position = number_of(receipt, "position");
    uint8_t running[32], hash[32];
    static const struct member members[] = {{"index", JSON_INTEGER}, {"hash", JSON_STRING}};
    size_t count = json_array_size(entries);
    int code = decode_hash(reading, string_of(receipt, "previous_running"), place, running);
    if (code != 0) return code;
    if (count > EVIDENCE_ENTRY_COUNT_MAX)
        return form(reading, E_TOO_LARGE, place, "条目过多", "entries");
    lane_running(ack->origin, running, evidence->index, evidence->envelope.hash, running);
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(entries, i);
        code = check_members(reading, entry, place, members, 2);
        if (code == 0) code = decode_hash(reading, string_of(entry, "hash"), place, hash);
        if (code != 0) return code;
        lane_running(ack->origin, running, number_of(entry, "index"), hash, running);
    }
    if (position == 0 || ack->position != position + count || ack->running.len != 32 ||
        memcmp(ack->running.data, running, 32) != 0)
        return form(reading, E_ACK_MISMATCH, place, "该单位所签收的队列中没有这条线索",
                    "what the unit acknowledged does not contain this lead");
    return 0;
}

static int decode_ack(struct reading *reading, struct bytes record, const char *place,
                      const Leadbus__AckBody **ret, uint64_t *ret_time_ms)
{
    const Leadbus__Record *decoded = NULL;
    const ProtobufCMessage *message = NULL;
    const struct trust_certificate *certificate = NULL;
    int code = record_decode(record, &reading->evidence->arena, &decoded, reading->error);
    if (code != 0) return code;
    if (decoded->what_case != LEADBUS__RECORD__WHAT_ACKNOWLEDGED)
        return form(reading, E_BAD_FORM, place, "不是回执", "not an acknowledgement");
    struct bytes body = bytes_of(decoded->acknowledged->body.data, decoded->acknowledged->body.len);
    code = message_decode(&leadbus__ack_body__descriptor, body, &reading->evidence->arena, &message,
                          reading->error);
    if (code != 0) return code;
    const Leadbus__AckBody *ack = (const Leadbus__AckBody *)message;
    code = find_signer(reading, ack->serial, ack->unit, decoded->time_ms, &certificate);
    if (code != 0) return code;
    if (signed_body_verify(
            SIGNED_ACK, body,
            bytes_of(decoded->acknowledged->signature.data, decoded->acknowledged->signature.len),
            certificate->identity) != 0)
        return form(reading, E_SIGNATURE_INVALID, place, "不是该单位的身份密钥所签",
                    "not signed by that unit's identity key");
    *ret = ack;
    *ret_time_ms = decoded->time_ms;
    return 0;
}

/* The decoded record borrows its bytes: they move to the arena. */
static int keep_in_arena(struct reading *reading, struct bytes bytes, struct bytes *ret)
{
    uint8_t *copy = arena_alloc(&reading->evidence->arena, bytes.len);
    if (copy == NULL)
        return form(reading, E_TOO_LARGE, NULL, "证据过大", "the evidence is too large");
    memcpy(copy, bytes.data, bytes.len);
    *ret = bytes_of(copy, bytes.len);
    return 0;
}

static int check_receipt(struct reading *reading, const json_t *object, size_t i)
{
    static const struct member members[] = {
        {"unit", JSON_STRING},      {"lane", JSON_INTEGER},
        {"position", JSON_INTEGER}, {"previous_running", JSON_STRING},
        {"entries", JSON_ARRAY},    {"ack", JSON_OBJECT}};
    struct evidence *evidence = reading->evidence;
    struct evidence_receipt *ret = &evidence->receipts[i];
    const Leadbus__AckBody *ack = NULL;
    struct bytes record;
    char place[32];
    snprintf(place, sizeof place, "receipts[%zu]", i);
    int code = check_members(reading, object, place, members, 6);
    if (code == 0)
        code = check_proved(reading, json_object_get(object, "ack"), place, &reading->scratch,
                            &ret->index);
    if (code == 0) code = keep_in_arena(reading, buf_bytes(&reading->scratch), &record);
    if (code == 0) code = decode_ack(reading, record, place, &ack, &ret->time_ms);
    if (code != 0 || ack == NULL) return code;
    if (!bytes_equal(bytes_of_str(ack->unit), string_of(object, "unit")) ||
        ack->lane != number_of(object, "lane") || !note_name_valid(bytes_of_str(ack->origin)) ||
        envelope_lane(evidence->envelope.head) != ack->lane ||
        envelope_recipient_find(&evidence->envelope, ack->unit) < 0)
        return form(reading, E_ACK_MISMATCH, place, "属于另一单位、队列或日志",
                    "of another unit, queue or journal");
    for (size_t k = 0; k < i; k++)
        if (strcmp(evidence->receipts[k].unit, ack->unit) == 0)
            return form(reading, E_RECIPIENT_DUPLICATE, place, "同一单位出现两次", "a unit twice");
    code = check_chain(reading, object, place, ack);
    if (code != 0) return code;
    ret->unit = ack->unit;
    ret->position = number_of(object, "position");
    for (size_t e = 0; e < ack->n_exceptions; e++)
        if (ack->exceptions[e]->position == ret->position)
            ret->exception = ack->exceptions[e]->code;
    evidence->receipt_count = i + 1;
    return 0;
}

static int check_act(struct reading *reading, const json_t *object, size_t i)
{
    struct evidence *evidence = reading->evidence;
    struct evidence_act *ret = &evidence->acts[i];
    const struct trust_certificate *certificate = NULL;
    struct envelope envelope;
    struct bytes record;
    uint32_t flags = 0;
    char place[32];
    snprintf(place, sizeof place, "acts[%zu]", i);
    int code = check_proved(reading, object, place, &reading->scratch, &ret->index);
    if (code == 0) code = keep_in_arena(reading, buf_bytes(&reading->scratch), &record);
    if (code == 0)
        code = story_envelope(record, &evidence->arena, &envelope, &ret->time_ms, &flags,
                              reading->error);
    if (code != 0) return code;
    const Leadbus__Header *head = envelope.head;
    if (!bytes_equal(bytes_of(head->parent.data, head->parent.len),
                     bytes_of(evidence->envelope.head->id.data, 16)))
        return form(reading, E_PARENT_UNKNOWN, place, "不是对这条线索的答复",
                    "does not answer this lead");
    code = find_signer(reading, head->serial, head->from, ret->time_ms, &certificate);
    if (code != 0) return code;
    if (envelope_verify(&envelope, certificate->identity) != 0)
        return form(reading, E_SIGNATURE_INVALID, place, "不是其发送单位的身份密钥所签",
                    "not signed by its sender's identity key");
    ret->from = head->from;
    ret->officer = head->officer;
    ret->kind = head->kind;
    ret->topic = head->topic;
    evidence->act_count = i + 1;
    return 0;
}

/* ---- the whole --------------------------------------------------------------------------------
 */
static int check_whole(struct reading *reading, const struct evidence_trust *trust)
{
    static const struct member members[] = {{"format", JSON_STRING}, {"origin", JSON_STRING},
                                            {"roots", JSON_ARRAY},   {"bundles", JSON_ARRAY},
                                            {"lead", JSON_OBJECT},   {"receipts", JSON_ARRAY},
                                            {"acts", JSON_ARRAY}};
    struct evidence *evidence = reading->evidence;
    int code = check_members(reading, reading->whole, "evidence", members, 7);
    if (code != 0) return code;
    if (!bytes_equal(string_of(reading->whole, "format"), bytes_of_str(EVIDENCE_FORMAT)))
        return form(reading, E_VERSION_UNSUPPORTED, "format", "不是 " EVIDENCE_FORMAT,
                    "not " EVIDENCE_FORMAT);
    struct bytes origin = string_of(reading->whole, "origin");
    if (!note_name_valid(origin))
        return form(reading, E_BAD_VALUE, "origin", "不是密钥名称", "not a key name");
    memcpy(reading->origin, origin.data, origin.len);
    code = check_roots(reading, trust);
    if (code == 0) code = check_bundles(reading);
    for (size_t i = 0; i < evidence->bundle_count && code == 0; i++)
        code = add_log_keys(reading, evidence->bundles[i]);
    if (code == 0) code = check_lead(reading);
    if (code != 0) return code;

    const json_t *receipts = json_object_get(reading->whole, "receipts");
    const json_t *acts = json_object_get(reading->whole, "acts");
    if (json_array_size(receipts) > LIMIT_RECIPIENT_COUNT_MAX ||
        json_array_size(acts) > STORY_ACT_COUNT_MAX)
        return form(reading, E_TOO_LARGE, "receipts", "回执或办理过多",
                    "too many receipts or acts");
    for (size_t i = 0; i < json_array_size(receipts) && code == 0; i++)
        code = check_receipt(reading, json_array_get(receipts, i), i);
    evidence->acts = calloc(json_array_size(acts) + 1, sizeof *evidence->acts);
    CHECK(evidence->acts != NULL);
    for (size_t i = 0; i < json_array_size(acts) && code == 0; i++)
        code = check_act(reading, json_array_get(acts, i), i);
    return code;
}

int evidence_check(struct bytes text, const struct evidence_trust *trust, struct evidence *ret,
                   struct error *ret_error)
{
    struct reading reading = {.evidence = ret, .error = ret_error};
    json_error_t json_error;
    memset(ret, 0, sizeof *ret);
    arena_init(&ret->arena, (size_t)EVIDENCE_BYTES_MAX * 4);
    if (text.len > EVIDENCE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, NULL, "%zu 字节", "%zu bytes", text.len);
    reading.whole =
        json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &json_error);
    if (reading.whole == NULL) {
        (void)error_set(ret_error, E_BAD_JSON, NULL, "line %d: %s", json_error.line,
                        json_error.text);
        (void)error_note_zh(ret_error, "第 %d 行第 %d 列不符合 JSON 语法", json_error.line,
                            json_error.column);
        return E_BAD_JSON;
    }
    int code = check_whole(&reading, trust);
    json_decref(reading.whole);
    buf_fini(&reading.scratch);
    return code;
}

void evidence_fini(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->bundle_count; i++) trust_bundle_free(evidence->bundles[i]);
    free(evidence->acts);
    buf_fini(&evidence->record);
    arena_fini(&evidence->arena);
}
