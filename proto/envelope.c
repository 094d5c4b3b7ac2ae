/* Decoding, checking and verifying; the keys that both ends derive. */
#include "proto/envelope.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/envelope_inner.h"
#include "proto/record.h"

static const char hash_label[] = "leadbus/1 header";
static const char sign_label[] = "leadbus/1 envelope";

enum {
    HEAD_FLAGS_KNOWN =
        LEADBUS__HEADER_FLAG__HEADER_FLAG_AS_STATED | LEADBUS__HEADER_FLAG__HEADER_FLAG_LATE |
        LEADBUS__HEADER_FLAG__HEADER_FLAG_READDRESSED | LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED |
        LEADBUS__HEADER_FLAG__HEADER_FLAG_EARLY,
    URGENCY_MAX = 4,
    LEVEL_MAX = 4,
    BUCKET_LEN_MIN = 256,
    BUCKET_LEN_MAX = 131072,
    /* Holds the longest payload with its prefix, which the last power of two does not. */
    BUCKET_LEN_LAST = LIMIT_SECTION_BYTES_MAX - SUITE_TAG_LEN,
};

/* The closed vocabulary of Header.tags. */
static const char *const tag_names[] = {"VICTIM",   "MINOR",   "REPORTER", "HEALTH",
                                        "LOCATION", "FOREIGN", "CONVICT",  "DNA-RESULT"};

/* ---- derived keys --------------------------------------------------------------------------- */

void envelope_info_init(struct envelope_info *info, const char *label)
{
    size_t len = strlen(label) + 1;
    CHECK(len <= sizeof info->data);
    memcpy(info->data, label, len);
    info->len = len;
}

void envelope_info_add(struct envelope_info *info, struct bytes field)
{
    CHECK(field.len <= sizeof info->data);
    CHECK(info->len + 2 + field.len <= sizeof info->data);
    store_u16(info->data + info->len, (uint16_t)field.len);
    if (field.len > 0) memcpy(info->data + info->len + 2, field.data, field.len);
    info->len += 2 + field.len;
}

void envelope_info_add_u32(struct envelope_info *info, uint32_t value)
{
    uint8_t data[4];
    store_u32(data, value);
    envelope_info_add(info, bytes_of(data, sizeof data));
}

void envelope_info_add_u64(struct envelope_info *info, uint64_t value)
{
    uint8_t data[8];
    store_u64(data, value);
    envelope_info_add(info, bytes_of(data, sizeof data));
}

int envelope_kek(const struct envelope_kek_input *input, uint8_t ret_kek[SUITE_KEY_LEN])
{
    const struct suite *suite = suite_find(input->suite);
    if (!suite) return E_SUITE_UNSUPPORTED;
    if (!slug_valid(input->from) || !slug_valid(input->unit)) return E_BAD_VALUE;
    uint8_t shared[SUITE_KEY_LEN];
    uint8_t prk[SUITE_KEY_LEN];
    int result = suite->agree(input->own_secret, input->peer_public, shared);
    if (result != 0) return result;
    struct envelope_info info;
    envelope_info_init(&info, "leadbus/1 kek");
    envelope_info_add_u32(&info, input->suite);
    envelope_info_add(&info, bytes_of(input->session_public, SUITE_PUBLIC_LEN));
    envelope_info_add(&info, bytes_of(input->epoch_public, SUITE_PUBLIC_LEN));
    envelope_info_add(&info, bytes_of_str(input->from));
    envelope_info_add_u64(&info, input->serial);
    envelope_info_add(&info, bytes_of_str(input->unit));
    envelope_info_add_u64(&info, input->epoch);
    suite->extract(bytes_of_str("leadbus/1 kem"), bytes_of(shared, sizeof shared), prk);
    suite->expand(prk, envelope_info_bytes(&info), ret_kek, SUITE_KEY_LEN);
    sodium_memzero(shared, sizeof shared);
    sodium_memzero(prk, sizeof prk);
    return 0;
}

void envelope_epoch_fingerprint(const uint8_t epoch_public[SUITE_PUBLIC_LEN],
                                uint8_t ret_fingerprint[ENVELOPE_FINGERPRINT_LEN])
{
    uint8_t hash[SUITE_HASH_LEN];
    sha256(bytes_of(epoch_public, SUITE_PUBLIC_LEN), hash);
    memcpy(ret_fingerprint, hash, ENVELOPE_FINGERPRINT_LEN);
}

void envelope_wrap_key(const struct suite *suite, const uint8_t kek[SUITE_KEY_LEN],
                       const uint8_t hash[SUITE_HASH_LEN], uint8_t ret_key[SUITE_KEY_LEN])
{
    struct envelope_info info;
    envelope_info_init(&info, "leadbus/1 wrap");
    envelope_info_add(&info, bytes_of(hash, SUITE_HASH_LEN));
    suite->expand(kek, envelope_info_bytes(&info), ret_key, SUITE_KEY_LEN);
}

void envelope_rewrap_key(const struct suite *suite, const uint8_t kek[SUITE_KEY_LEN],
                         const uint8_t hash[SUITE_HASH_LEN], struct bytes salt,
                         uint8_t ret_key[SUITE_KEY_LEN])
{
    struct envelope_info info;
    envelope_info_init(&info, "leadbus/1 rewrap");
    envelope_info_add(&info, bytes_of(hash, SUITE_HASH_LEN));
    envelope_info_add(&info, salt);
    suite->expand(kek, envelope_info_bytes(&info), ret_key, SUITE_KEY_LEN);
}

void envelope_section_keys(const struct suite *suite, const uint8_t section_key[SUITE_KEY_LEN],
                           struct bytes salt, const char *name, const uint8_t hash[SUITE_HASH_LEN],
                           struct envelope_section_keys *ret)
{
    uint8_t prk[SUITE_KEY_LEN];
    struct envelope_info info;
    suite->extract(salt, bytes_of(section_key, SUITE_KEY_LEN), prk);
    envelope_info_init(&info, "leadbus/1 body");
    envelope_info_add(&info, bytes_of_str(name));
    envelope_info_add(&info, bytes_of(hash, SUITE_HASH_LEN));
    suite->expand(prk, envelope_info_bytes(&info), ret->body, sizeof ret->body);
    envelope_info_init(&info, "leadbus/1 commit");
    envelope_info_add(&info, bytes_of_str(name));
    envelope_info_add(&info, bytes_of(hash, SUITE_HASH_LEN));
    suite->expand(prk, envelope_info_bytes(&info), ret->commit, sizeof ret->commit);
    sodium_memzero(prk, sizeof prk);
}

size_t envelope_wrap_len(uint32_t sections)
{
    return (size_t)__builtin_popcount(sections) * SUITE_KEY_LEN + ENVELOPE_WRAP_TAIL_LEN +
           SUITE_TAG_LEN;
}

size_t envelope_bucket(size_t payload_len)
{
    if (payload_len > LIMIT_PLAINTEXT_BYTES_MAX) return 0;
    size_t len = payload_len + ENVELOPE_PLAIN_PREFIX_LEN;
    for (size_t bucket = BUCKET_LEN_MIN; bucket <= BUCKET_LEN_MAX; bucket *= 2)
        if (len <= bucket) return bucket;
    return BUCKET_LEN_LAST;
}

bool envelope_bucket_valid(uint64_t len)
{
    bool power = (len & (len - 1)) == 0;
    return len == BUCKET_LEN_LAST || (len >= BUCKET_LEN_MIN && len <= BUCKET_LEN_MAX && power);
}

void lane_running(const char *origin, const uint8_t previous[32], uint64_t index,
                  const uint8_t item_hash[32], uint8_t ret_running[32])
{
    uint8_t data[LIMIT_NOTE_NAME_LEN_MAX + 1 + 32 + 8 + 32];
    size_t len = strlen(origin) + 1;
    CHECK(len <= LIMIT_NOTE_NAME_LEN_MAX + 1);
    memcpy(data, origin, len);
    memcpy(data + len, previous, 32);
    store_u64(data + len + 32, index);
    memcpy(data + len + 40, item_hash, 32);
    sha256_labelled("leadbus/1 lane", bytes_of(data, len + 72), ret_running);
}

/* ---- the header's fields -------------------------------------------------------------------- */

/* ASCII from `first` to '~', at most len_max of it. */
static bool printable(const char *text, char first, size_t len_max)
{
    size_t len = 0;
    for (; text[len]; len++)
        if (len == len_max || text[len] < first || text[len] > '~') return false;
    return true;
}

static bool area_valid(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] < '0' || text[i] > '9') return false;
    return len == 0 || len == 6 || len == 9 || len == LIMIT_AREA_LEN_MAX;
}

static int bad(struct error *ret_error, const char *field, const char *zh, const char *en)
{
    (void)error_set(ret_error, E_BAD_VALUE, field, "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_BAD_VALUE;
}

static int check_len(size_t len, size_t expected, const char *field, struct error *ret_error)
{
    if (len == expected) return 0;
    return error_say(ret_error, E_BAD_VALUE, field, "%zu 字节，应为 %zu 字节", "%zu bytes, not %zu",
                     len, expected);
}

static int check_names(const Leadbus__Header *head, struct error *ret_error)
{
    if (!slug_valid(head->kind))
        return bad(ret_error, "kind", "不是代码（小写字母、数字与连字符）", "not a slug");
    if (head->topic[0] && !slug_valid(head->topic))
        return bad(ret_error, "topic", "不是代码（小写字母、数字与连字符）", "not a slug");
    if (!slug_valid(head->from)) return bad(ret_error, "from", "不是单位代码", "not a unit key");
    if (!printable(head->officer, '!', LIMIT_OFFICER_LEN_MAX))
        return bad(ret_error, "officer", "不是经办人代码", "not an officer code");
    if (head->target[0] && !slug_valid(head->target))
        return bad(ret_error, "target", "不是单位代码", "not a unit key");
    if (!area_valid(head->area))
        return bad(ret_error, "area", "应为 6、9 或 12 位数字", "not 6, 9 or 12 digits");
    if (!printable(head->purpose, '!', LIMIT_PURPOSE_LEN_MAX))
        return bad(ret_error, "purpose", "不是用途代码", "not a purpose code");
    if (head->n_tags > LIMIT_TAG_COUNT_MAX) return bad(ret_error, "tags", "过多", "too many");
    for (size_t i = 0; i < head->n_tags; i++) {
        size_t known = 0;
        while (known < sizeof tag_names / sizeof tag_names[0] &&
               strcmp(tag_names[known], head->tags[i]) != 0)
            known++;
        if (known == sizeof tag_names / sizeof tag_names[0])
            return bad(ret_error, "tags", "不在标签表中", "not a tag of the closed list");
        for (size_t k = 0; k < i; k++)
            if (strcmp(head->tags[k], head->tags[i]) == 0)
                return bad(ret_error, "tags", "标签重复", "the same tag twice");
    }
    return 0;
}

static int check_numbers(const Leadbus__Header *head, struct error *ret_error)
{
    if (head->flags & ~(uint32_t)HEAD_FLAGS_KNOWN)
        return bad(ret_error, "flags", "含有未定义的标志位", "unknown bits");
    int result = check_len(head->id.len, ENVELOPE_ID_LEN, "id", ret_error);
    if (result == 0) result = check_len(head->thread.len, ENVELOPE_ID_LEN, "thread", ret_error);
    if (result == 0 && head->parent.len != 0)
        result = check_len(head->parent.len, ENVELOPE_ID_LEN, "parent", ret_error);
    if (result == 0)
        result = check_len(head->seen_root.len, head->seen_size ? SUITE_HASH_LEN : 0, "seen_root",
                           ret_error);
    if (result == 0)
        result = check_len(head->session_key.len, SUITE_PUBLIC_LEN, "session_key", ret_error);
    if (result == 0) result = check_len(head->salt.len, SUITE_KEY_LEN, "salt", ret_error);
    if (result == 0 && head->other.len != 0)
        result = check_len(head->other.len, ENVELOPE_ID_LEN, "other", ret_error);
    if (result == 0) result = check_len(head->blind_index.len, 0, "blind_index", ret_error);
    if (result != 0) return result;
    if (head->seq == 0) return bad(ret_error, "seq", "从 1 起计", "counts from 1");
    if (head->created_ms == 0) return bad(ret_error, "created_ms", "缺少", "missing");
    if (head->urgency < 1 || head->urgency > URGENCY_MAX)
        return bad(ret_error, "urgency", "应为 1 至 4", "not 1 to 4");
    if (head->level > LEVEL_MAX) return bad(ret_error, "level", "应为 0 至 4", "not 0 to 4");
    return 0;
}

static int check_section_names(const Leadbus__Header *head, struct error *ret_error)
{
    if (head->n_sections < 1 || head->n_sections > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "sections", "%zu 项，应为 1 至 %d 项",
                         "%zu, not 1 to %d", head->n_sections, LIMIT_SECTION_COUNT_MAX);
    for (size_t i = 0; i < head->n_sections; i++) {
        if (!slug_valid(head->sections[i]))
            return bad(ret_error, "sections", "不是代码（小写字母、数字与连字符）", "not a slug");
        for (size_t k = 0; k < i; k++)
            if (strcmp(head->sections[k], head->sections[i]) == 0)
                return bad(ret_error, "sections", "内容部分重复", "the same section twice");
    }
    return 0;
}

static int check_recipient(const Leadbus__Header *head, size_t i, struct error *ret_error)
{
    const Leadbus__Recipient *recipient = head->recipients[i];
    const char *zh = NULL, *en = NULL;
    size_t fingerprint_len = recipient->epoch ? ENVELOPE_FINGERPRINT_LEN : 0;
    if (!slug_valid(recipient->unit))
        zh = "unit：不是单位代码", en = "unit: not a unit key";
    else if (recipient->act != ENVELOPE_ACT_SIGN && recipient->act != ENVELOPE_ACT_COPY)
        zh = "act：应为 1 或 2", en = "act: neither 1 nor 2";
    else if (!recipient->citation[0] ||
             !printable(recipient->citation, ' ', LIMIT_CITATION_LEN_MAX))
        zh = "citation：缺少、过长或含不可打印字符",
        en = "citation: missing, too long or not printable ASCII";
    else if (recipient->sections >> head->n_sections)
        zh = "sections：有一位没有对应的内容部分", en = "sections: a bit without a section";
    else if (recipient->epoch_key.len != fingerprint_len)
        zh = "epoch_key：有时段号时 16 字节，否则为空",
        en = "epoch_key: 16 bytes with an epoch, none without";
    if (en) {
        char field[32];
        (void)snprintf(field, sizeof field, "recipients[%zu]", i);
        return bad(ret_error, field, zh, en);
    }
    for (size_t k = 0; k < i; k++)
        if (strcmp(head->recipients[k]->unit, recipient->unit) == 0)
            return error_say(ret_error, E_RECIPIENT_DUPLICATE, "recipients", "%s 重复列出",
                             "%s is listed twice", recipient->unit);
    return 0;
}

static int check_recipients(const Leadbus__Header *head, struct error *ret_error)
{
    if (head->n_recipients < 1 || head->n_recipients > LIMIT_RECIPIENT_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "recipients", "%zu 项，应为 1 至 %d 项",
                         "%zu, not 1 to %d", head->n_recipients, LIMIT_RECIPIENT_COUNT_MAX);
    bool unkeyed = false;
    for (size_t i = 0; i < head->n_recipients; i++) {
        int result = check_recipient(head, i, ret_error);
        if (result != 0) return result;
        unkeyed = unkeyed || head->recipients[i]->epoch == 0;
    }
    bool flagged = (head->flags & LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED) != 0;
    if (flagged != unkeyed)
        return bad(ret_error, "flags", "无密钥接收单位的标志与名单不符",
                   "the bit for unkeyed recipients does not fit the list");
    return 0;
}

int envelope_check_head(const Leadbus__Header *head, struct error *ret_error)
{
    const struct suite *suite = suite_find(head->suite);
    if (!suite)
        return error_set(ret_error, E_SUITE_UNSUPPORTED, "suite", "%u", (unsigned)head->suite);
    int result = check_names(head, ret_error);
    if (result == 0) result = check_numbers(head, ret_error);
    if (result == 0) result = check_section_names(head, ret_error);
    if (result == 0) result = check_recipients(head, ret_error);
    if (result != 0) return result;
    if (suite->check_agree_key(head->session_key.data) != 0)
        return error_say(ret_error, E_KEY_WEAK, "session_key", "弱密钥或编码不规范",
                         "weak or not canonical");
    return 0;
}

/* ---- decoding ------------------------------------------------------------------------------- */

static int check_size(struct bytes part, size_t len_max, const char *field, struct error *ret_error)
{
    if (part.len > len_max)
        return error_say(ret_error, E_TOO_LARGE, field, "%zu 字节，最多 %zu 字节",
                         "%zu bytes, at most %zu", part.len, len_max);
    if (part.len == 0) return error_say(ret_error, E_MISSING_FIELD, field, "缺少", "missing");
    return 0;
}

static int split_wraps(struct envelope *envelope, struct error *ret_error)
{
    const Leadbus__Header *head = envelope->head;
    struct bytes rest = envelope->wraps;
    for (size_t i = 0; i < head->n_recipients; i++) {
        const Leadbus__Recipient *recipient = head->recipients[i];
        if (rest.len < 2 || (size_t)load_u16(rest.data) > rest.len - 2)
            return error_say(ret_error, E_TRUNCATED, "wraps", "在 %s 的密钥封装中间结束",
                             "end within the wrap of %s", recipient->unit);
        size_t len = load_u16(rest.data);
        size_t expected = recipient->epoch ? envelope_wrap_len(recipient->sections) : 0;
        if (len != expected)
            return error_say(ret_error, E_BAD_VALUE, "wraps",
                             "%2$s 的封装为 %1$zu 字节，应为 %3$zu 字节",
                             "%zu bytes for %s, not %zu", len, recipient->unit, expected);
        envelope->wrap[i] = bytes_of(rest.data + 2, len);
        rest = bytes_of(rest.data + 2 + len, rest.len - 2 - len);
    }
    if (rest.len > 0)
        return error_say(ret_error, E_BAD_VALUE, "wraps", "最后一项之后还有 %zu 字节",
                         "%zu bytes after the last", rest.len);
    return 0;
}

int envelope_check_attachments(Leadbus__Attachment *const *attachments, size_t count,
                               size_t section_count, struct error *ret_error)
{
    static const char field[] = "manifest.attachments";
    uint64_t total = 0;
    if (count > LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, field, "%zu 项，最多 %d 项", "%zu, at most %d",
                         count, LIMIT_ATTACHMENT_COUNT_MAX);
    for (size_t i = 0; i < count; i++) {
        const Leadbus__Attachment *one = attachments[i];
        if (one->section >= section_count)
            return bad(ret_error, field, "不属于任何内容部分", "of no section");
        if (i > 0 && one->section < attachments[i - 1]->section)
            return bad(ret_error, field, "未按内容部分的顺序", "not in the order of the sections");
        if (one->root.len != SUITE_HASH_LEN)
            return bad(ret_error, field, "根不是 32 字节", "a root is not 32 bytes");
        if (!attachment_stream_valid(one->size))
            return bad(ret_error, field, "不是填充后的长度", "not a padded size");
        if (one->chunks != attachment_chunk_count(one->size))
            return bad(ret_error, field, "分块数与长度不符", "chunks and size differ");
        for (size_t k = 0; k < i; k++)
            if (memcmp(attachments[k]->root.data, one->root.data, SUITE_HASH_LEN) == 0)
                return bad(ret_error, field, "附件重复", "the same attachment twice");
        total += one->size;
    }
    if (total > LIMIT_ATTACHMENT_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, field, "合计 %llu 字节，最多 %d 字节",
                         "%llu bytes together, at most %d", (unsigned long long)total,
                         LIMIT_ATTACHMENT_BYTES_MAX);
    return 0;
}

static int check_contents(const Leadbus__Manifest *contents, size_t section_count,
                          struct error *ret_error)
{
    if (contents->n_sections != section_count)
        return error_say(ret_error, E_BAD_VALUE, "manifest.sections", "%zu 项，共 %zu 个内容部分",
                         "%zu for %zu sections", contents->n_sections, section_count);
    for (size_t i = 0; i < section_count; i++) {
        const Leadbus__SectionDigest *digest = contents->sections[i];
        if (digest->sha256.len != SUITE_HASH_LEN)
            return bad(ret_error, "manifest.sections", "sha256 不是 32 字节",
                       "a sha256 is not 32 bytes");
        if (digest->size < SUITE_TAG_LEN || !envelope_bucket_valid(digest->size - SUITE_TAG_LEN))
            return bad(ret_error, "manifest.sections", "长度不是规定的档位",
                       "a size is none of the buckets");
    }
    return envelope_check_attachments(contents->attachments, contents->n_attachments, section_count,
                                      ret_error);
}

/* From parts that are in place: header, wraps, commits, manifest, signature and section_count. */
static int decode_parts(struct envelope *envelope, struct arena *arena, struct error *ret_error)
{
    const ProtobufCMessage *head;
    const ProtobufCMessage *contents;
    int result = check_size(envelope->header, LIMIT_HEADER_BYTES_MAX, "header", ret_error);
    if (result == 0)
        result = check_size(envelope->wraps, LIMIT_WRAPS_BYTES_MAX, "wraps", ret_error);
    if (result == 0)
        result = check_size(envelope->manifest, LIMIT_MANIFEST_BYTES_MAX, "manifest", ret_error);
    if (result == 0)
        result = check_len(envelope->signature.len, SUITE_SIGNATURE_LEN, "signature", ret_error);
    if (result == 0)
        result =
            message_decode(&leadbus__header__descriptor, envelope->header, arena, &head, ret_error);
    if (result != 0) return result;
    envelope->head = (const Leadbus__Header *)head;
    result = envelope_check_head(envelope->head, ret_error);
    if (result != 0) return result;
    if (envelope->section_count != envelope->head->n_sections)
        return error_say(ret_error, E_BAD_VALUE, "sections", "%zu 项，信头列有 %zu 项",
                         "%zu, the header names %zu", envelope->section_count,
                         envelope->head->n_sections);
    for (size_t i = 0; i < envelope->section_count; i++) {
        result = check_len(envelope->commits[i].len, SUITE_HASH_LEN, "commit", ret_error);
        if (result != 0) return result;
    }
    envelope->recipient_count = envelope->head->n_recipients;
    result = split_wraps(envelope, ret_error);
    if (result == 0)
        result = message_decode(&leadbus__manifest__descriptor, envelope->manifest, arena,
                                &contents, ret_error);
    if (result != 0) return result;
    envelope->contents = (const Leadbus__Manifest *)contents;
    result = check_contents(envelope->contents, envelope->section_count, ret_error);
    if (result != 0) return result;
    envelope_header_hash(envelope->header, envelope->hash);
    return 0;
}

void envelope_header_hash(struct bytes header, uint8_t ret_hash[SUITE_HASH_LEN])
{
    sha256_labelled(hash_label, header, ret_hash);
}

int envelope_from_message(const Leadbus__Envelope *message, struct arena *arena,
                          struct envelope *ret, struct error *ret_error)
{
    struct envelope envelope;
    if (message->n_sections > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "sections", "%zu 项，最多 %d 项",
                         "%zu, at most %d", message->n_sections, LIMIT_SECTION_COUNT_MAX);
    envelope.header = envelope_binary(message->header);
    envelope.wraps = envelope_binary(message->wraps);
    envelope.manifest = envelope_binary(message->manifest);
    envelope.signature = envelope_binary(message->signature);
    envelope.section_count = message->n_sections;
    for (size_t i = 0; i < message->n_sections; i++) {
        const Leadbus__Section *section = message->sections[i];
        if (section->ciphertext.len > LIMIT_SECTION_BYTES_MAX)
            return error_say(ret_error, E_TOO_LARGE, "ciphertext", "%zu 字节，最多 %d 字节",
                             "%zu bytes, at most %d", section->ciphertext.len,
                             LIMIT_SECTION_BYTES_MAX);
        envelope.commits[i] = envelope_binary(section->commit);
        envelope.ciphertexts[i] = envelope_binary(section->ciphertext);
    }
    int result = decode_parts(&envelope, arena, ret_error);
    if (result == 0) *ret = envelope;
    return result;
}

int envelope_decode(struct bytes input, struct arena *arena, struct envelope *ret,
                    struct error *ret_error)
{
    const ProtobufCMessage *message;
    if (input.len > LIMIT_ENVELOPE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "Envelope", "%zu 字节，最多 %d 字节",
                         "%zu bytes, at most %d", input.len, LIMIT_ENVELOPE_BYTES_MAX);
    int result = message_decode(&leadbus__envelope__descriptor, input, arena, &message, ret_error);
    if (result != 0) return result;
    return envelope_from_message((const Leadbus__Envelope *)message, arena, ret, ret_error);
}

int envelope_from_record(struct bytes header, struct bytes wraps, const struct bytes *commits,
                         size_t commit_count, struct bytes manifest, struct bytes signature,
                         struct arena *arena, struct envelope *ret, struct error *ret_error)
{
    struct envelope envelope;
    if (commit_count > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "commits", "%zu 项，最多 %d 项", "%zu, at most %d",
                         commit_count, LIMIT_SECTION_COUNT_MAX);
    envelope.header = header;
    envelope.wraps = wraps;
    envelope.manifest = manifest;
    envelope.signature = signature;
    envelope.section_count = commit_count;
    for (size_t i = 0; i < commit_count; i++) {
        envelope.commits[i] = commits[i];
        envelope.ciphertexts[i] = (struct bytes){0};
    }
    int result = decode_parts(&envelope, arena, ret_error);
    if (result == 0) *ret = envelope;
    return result;
}

/* ---- verifying ------------------------------------------------------------------------------ */

struct bytes envelope_signed_message(const struct suite *suite, const uint8_t hash[SUITE_HASH_LEN],
                                     struct bytes wraps, const struct bytes *commits, size_t count,
                                     struct bytes manifest,
                                     uint8_t ret_message[ENVELOPE_SIGNED_LEN_MAX])
{
    uint8_t *at = ret_message;
    _Static_assert(sizeof sign_label == 19, "the label with its zero");
    memcpy(at, sign_label, sizeof sign_label);
    at += sizeof sign_label;
    memcpy(at, hash, SUITE_HASH_LEN);
    at += SUITE_HASH_LEN;
    suite->hash(wraps, at);
    at += SUITE_HASH_LEN;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, commits[i].data, SUITE_HASH_LEN);
        at += SUITE_HASH_LEN;
    }
    suite->hash(manifest, at);
    at += SUITE_HASH_LEN;
    return bytes_of(ret_message, (size_t)(at - ret_message));
}

int envelope_verify(const struct envelope *envelope, const uint8_t identity[SUITE_PUBLIC_LEN])
{
    const struct suite *suite = suite_find(envelope->head->suite);
    CHECK(suite != NULL);
    uint8_t message[ENVELOPE_SIGNED_LEN_MAX];
    struct bytes signed_bytes =
        envelope_signed_message(suite, envelope->hash, envelope->wraps, envelope->commits,
                                envelope->section_count, envelope->manifest, message);
    return suite->verify(identity, signed_bytes, envelope->signature);
}

int envelope_check_ciphertexts(const struct envelope *envelope, bool need_all,
                               struct error *ret_error)
{
    const struct suite *suite = suite_find(envelope->head->suite);
    CHECK(suite != NULL);
    for (size_t i = 0; i < envelope->section_count; i++) {
        const Leadbus__SectionDigest *digest = envelope->contents->sections[i];
        struct bytes ciphertext = envelope->ciphertexts[i];
        uint8_t hash[SUITE_HASH_LEN];
        if (ciphertext.len == 0 && !need_all) continue;
        if (ciphertext.len != digest->size)
            return error_say(ret_error, E_SECTION_HASH, envelope->head->sections[i],
                             "%zu 字节，清单为 %llu 字节", "%zu bytes, the manifest says %llu",
                             ciphertext.len, (unsigned long long)digest->size);
        suite->hash(ciphertext, hash);
        if (memcmp(hash, digest->sha256.data, sizeof hash) != 0)
            return error_say(ret_error, E_SECTION_HASH, envelope->head->sections[i],
                             "与清单的 sha256 不符", "another sha256 than the manifest's");
    }
    return 0;
}

int envelope_recipient_find(const struct envelope *envelope, const char *unit)
{
    for (size_t i = 0; i < envelope->recipient_count; i++)
        if (strcmp(envelope->head->recipients[i]->unit, unit) == 0) return (int)i;
    return -1;
}
