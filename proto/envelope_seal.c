/* Sealing and rewrapping: what a sender makes. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attachment.h"
#include "proto/base/check.h"
#include "proto/envelope.h"
#include "proto/envelope_inner.h"
#include "proto/record.h"

/* Drafts are small: names are borrowed, only the lists of the header are built here. */
enum { DRAFT_BYTES_MAX = 65536 };

/* What one seal builds up; wiped whole. */
struct draft {
    const struct seal_input *input;
    const struct suite *suite;
    struct arena arena;
    Leadbus__Header head;
    struct buf header, wraps, manifest;
    uint8_t hash[SUITE_HASH_LEN];
    uint8_t commits[LIMIT_SECTION_COUNT_MAX][SUITE_HASH_LEN];
    uint8_t signature[SUITE_SIGNATURE_LEN];
    struct buf ciphertexts[LIMIT_SECTION_COUNT_MAX];
};

static void draft_fini(struct draft *draft)
{
    arena_fini(&draft->arena);
    buf_fini(&draft->header);
    buf_fini(&draft->wraps);
    buf_fini(&draft->manifest);
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) buf_fini(&draft->ciphertexts[i]);
    sodium_memzero(draft, sizeof *draft);
}

static ProtobufCBinaryData binary(const void *data, size_t len)
{
    return (ProtobufCBinaryData){len, (uint8_t *)(uintptr_t)data};
}

static char *borrowed(const char *text)
{
    return (char *)(uintptr_t)text;
}

static const uint8_t *section_key(const struct seal_input *input, size_t i)
{
    return input->entropy + SUITE_KEY_LEN + i * SUITE_KEY_LEN;
}

static int check_counts(const struct seal_input *input, struct error *ret_error)
{
    if (input->section_count < 1 || input->section_count > LIMIT_SECTION_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "sections", "有 %zu 个，应为 1 到 %d 个",
                         "%zu, not 1 to %d", input->section_count, LIMIT_SECTION_COUNT_MAX);
    if (input->recipient_count < 1 || input->recipient_count > LIMIT_RECIPIENT_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "recipients", "有 %zu 个，应为 1 到 %d 个",
                         "%zu, not 1 to %d", input->recipient_count, LIMIT_RECIPIENT_COUNT_MAX);
    if (input->attachment_count > LIMIT_ATTACHMENT_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "attachments", "有 %zu 个，至多 %d 个",
                         "%zu, at most %d", input->attachment_count, LIMIT_ATTACHMENT_COUNT_MAX);
    for (size_t i = 0; i < input->section_count; i++)
        if (input->sections[i].plaintext.len > LIMIT_PLAINTEXT_BYTES_MAX)
            return error_say(ret_error, E_TOO_LARGE, input->sections[i].name,
                             "有 %zu 字节，至多 %d 字节", "%zu bytes, at most %d",
                             input->sections[i].plaintext.len, LIMIT_PLAINTEXT_BYTES_MAX);
    for (size_t i = 0; i < input->recipient_count; i++) {
        const struct seal_recipient *recipient = &input->recipients[i];
        bool keyed = recipient->epoch != 0;
        if (keyed != (recipient->epoch_public != NULL) || keyed != (recipient->kek != NULL))
            return error_say(ret_error, E_BAD_VALUE, recipient->unit,
                             "时段密钥的编号、公钥与 KEK 须同时给出",
                             "epoch, its public key and a KEK go together");
    }
    return 0;
}

/* The header's message in draft->head: the caller's fields, and the lists and salt of this seal. */
static int fill_head(struct draft *draft, struct error *ret_error)
{
    const struct seal_input *input = draft->input;
    Leadbus__Header *head = &draft->head;
    size_t count = input->recipient_count;
    Leadbus__Recipient *rows = arena_alloc(&draft->arena, count * sizeof *rows);
    Leadbus__Recipient **list = arena_alloc(&draft->arena, count * sizeof *list);
    char **names = arena_alloc(&draft->arena, input->section_count * sizeof *names);
    uint8_t *fingerprints = arena_alloc(&draft->arena, count * ENVELOPE_FINGERPRINT_LEN);
    if (!rows || !list || !names || !fingerprints)
        return error_set(ret_error, E_NO_MEMORY, NULL, "no memory for the header");
    *head = *input->head;
    head->base.n_unknown_fields = 0;
    head->flags &= ~(uint32_t)LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED;
    head->salt = binary(input->entropy, SUITE_KEY_LEN);
    for (size_t i = 0; i < input->section_count; i++) names[i] = borrowed(input->sections[i].name);
    for (size_t i = 0; i < count; i++) {
        const struct seal_recipient *recipient = &input->recipients[i];
        uint8_t *fingerprint = fingerprints + i * ENVELOPE_FINGERPRINT_LEN;
        leadbus__recipient__init(&rows[i]);
        rows[i].unit = borrowed(recipient->unit);
        rows[i].act = recipient->act;
        rows[i].citation = borrowed(recipient->citation);
        rows[i].sections = recipient->sections;
        rows[i].epoch = recipient->epoch;
        if (recipient->epoch) {
            envelope_epoch_fingerprint(recipient->epoch_public, fingerprint);
            rows[i].epoch_key = binary(fingerprint, ENVELOPE_FINGERPRINT_LEN);
        } else {
            head->flags |= LEADBUS__HEADER_FLAG__HEADER_FLAG_UNKEYED;
        }
        list[i] = &rows[i];
    }
    head->n_sections = input->section_count;
    head->sections = names;
    head->n_recipients = count;
    head->recipients = list;
    return envelope_check_head(head, ret_error);
}

static void seal_section(struct draft *draft, size_t i, struct sealed *sealed)
{
    const struct seal_section *section = &draft->input->sections[i];
    const uint8_t *key = section_key(draft->input, i);
    struct envelope_section_keys keys;
    envelope_section_keys(draft->suite, key, envelope_binary(draft->head.salt), section->name,
                          draft->hash, &keys);
    size_t len = envelope_bucket(section->plaintext.len);
    uint8_t *plain = calloc(1, len);
    CHECK(plain != NULL);
    memcpy(plain, draft->hash, SUITE_HASH_LEN);
    store_u32(plain + SUITE_HASH_LEN, (uint32_t)section->plaintext.len);
    if (section->plaintext.len > 0)
        memcpy(plain + ENVELOPE_PLAIN_PREFIX_LEN, section->plaintext.data, section->plaintext.len);
    uint8_t *ciphertext = buf_grow(&draft->ciphertexts[i], len + SUITE_TAG_LEN);
    draft->suite->seal(keys.body, bytes_of(draft->hash, SUITE_HASH_LEN), bytes_of(plain, len),
                       ciphertext);
    memcpy(draft->commits[i], keys.commit, SUITE_HASH_LEN);
    memcpy(sealed->section_keys[i], key, SUITE_KEY_LEN);
    sodium_memzero(plain, len);
    free(plain);
    sodium_memzero(&keys, sizeof keys);
}

static void seal_wrap(struct draft *draft, const struct seal_recipient *recipient)
{
    uint8_t plain[ENVELOPE_WRAP_PLAIN_LEN_MAX];
    uint8_t key[SUITE_KEY_LEN];
    size_t len = 0;
    if (!recipient->epoch) {
        buf_append_u16(&draft->wraps, 0);
        return;
    }
    for (size_t i = 0; i < draft->input->section_count; i++) {
        if (!(recipient->sections >> i & 1)) continue;
        memcpy(plain + len, section_key(draft->input, i), SUITE_KEY_LEN);
        len += SUITE_KEY_LEN;
    }
    store_u64(plain + len, recipient->pair_seq);
    memcpy(plain + len + 8, recipient->previous_hash, SUITE_HASH_LEN);
    len += ENVELOPE_WRAP_TAIL_LEN;
    envelope_wrap_key(draft->suite, recipient->kek, draft->hash, key);
    buf_append_u16(&draft->wraps, (uint16_t)(len + SUITE_TAG_LEN));
    draft->suite->seal(key, bytes_of(draft->hash, SUITE_HASH_LEN), bytes_of(plain, len),
                       buf_grow(&draft->wraps, len + SUITE_TAG_LEN));
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);
}

static int encode_manifest(struct draft *draft, struct error *ret_error)
{
    uint8_t hashes[LIMIT_SECTION_COUNT_MAX][SUITE_HASH_LEN];
    Leadbus__SectionDigest digests[LIMIT_SECTION_COUNT_MAX];
    Leadbus__SectionDigest *list[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Attachment rows[LIMIT_ATTACHMENT_COUNT_MAX];
    Leadbus__Attachment *attachments[LIMIT_ATTACHMENT_COUNT_MAX];
    Leadbus__Manifest manifest = LEADBUS__MANIFEST__INIT;
    for (size_t i = 0; i < draft->input->section_count; i++) {
        draft->suite->hash(buf_bytes(&draft->ciphertexts[i]), hashes[i]);
        leadbus__section_digest__init(&digests[i]);
        digests[i].sha256 = binary(hashes[i], SUITE_HASH_LEN);
        digests[i].size = draft->ciphertexts[i].len;
        list[i] = &digests[i];
    }
    manifest.n_sections = draft->input->section_count;
    manifest.sections = list;
    for (size_t i = 0; i < draft->input->attachment_count; i++) {
        const struct seal_attachment *one = &draft->input->attachments[i];
        leadbus__attachment__init(&rows[i]);
        rows[i].section = one->section;
        rows[i].size = one->stream_len;
        rows[i].chunks = attachment_chunk_count(one->stream_len);
        rows[i].root = binary(one->root, SUITE_HASH_LEN);
        attachments[i] = &rows[i];
    }
    manifest.n_attachments = draft->input->attachment_count;
    manifest.attachments = attachments;
    int result = envelope_check_attachments(attachments, manifest.n_attachments,
                                            draft->input->section_count, ret_error);
    if (result == 0) message_encode(&manifest.base, &draft->manifest);
    return result;
}

static void sign(struct draft *draft)
{
    struct bytes commits[LIMIT_SECTION_COUNT_MAX];
    uint8_t message[ENVELOPE_SIGNED_LEN_MAX];
    for (size_t i = 0; i < draft->input->section_count; i++)
        commits[i] = bytes_of(draft->commits[i], SUITE_HASH_LEN);
    struct bytes signed_bytes =
        envelope_signed_message(draft->suite, draft->hash, buf_bytes(&draft->wraps), commits,
                                draft->input->section_count, buf_bytes(&draft->manifest), message);
    draft->suite->sign(draft->input->identity_secret, signed_bytes, draft->signature);
}

static int encode_envelope(const struct draft *draft, struct buf *ret_bytes,
                           struct error *ret_error)
{
    Leadbus__Section sections[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Section *list[LIMIT_SECTION_COUNT_MAX];
    Leadbus__Envelope message = LEADBUS__ENVELOPE__INIT;
    for (size_t i = 0; i < draft->input->section_count; i++) {
        leadbus__section__init(&sections[i]);
        sections[i].commit = binary(draft->commits[i], SUITE_HASH_LEN);
        sections[i].ciphertext = binary(draft->ciphertexts[i].data, draft->ciphertexts[i].len);
        list[i] = &sections[i];
    }
    message.header = binary(draft->header.data, draft->header.len);
    message.wraps = binary(draft->wraps.data, draft->wraps.len);
    message.n_sections = draft->input->section_count;
    message.sections = list;
    message.manifest = binary(draft->manifest.data, draft->manifest.len);
    message.signature = binary(draft->signature, SUITE_SIGNATURE_LEN);
    size_t len = leadbus__envelope__get_packed_size(&message);
    if (len > LIMIT_ENVELOPE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "Envelope", "有 %zu 字节，至多 %d 字节",
                         "%zu bytes, at most %d", len, LIMIT_ENVELOPE_BYTES_MAX);
    message_encode(&message.base, ret_bytes);
    return 0;
}

int envelope_seal(const struct seal_input *input, struct sealed *ret, struct error *ret_error)
{
    struct draft draft = {.input = input, .suite = suite_find(input->head->suite)};
    struct sealed sealed = {0};
    arena_init(&draft.arena, DRAFT_BYTES_MAX);
    int result = E_SUITE_UNSUPPORTED;
    if (draft.suite)
        result = check_counts(input, ret_error);
    else
        (void)error_set(ret_error, result, "suite", "%u", (unsigned)input->head->suite);
    if (result == 0) result = fill_head(&draft, ret_error);
    if (result != 0) goto out;
    message_encode(&draft.head.base, &draft.header);
    if (draft.header.len > LIMIT_HEADER_BYTES_MAX) {
        result = error_say(ret_error, E_TOO_LARGE, "header", "有 %zu 字节，至多 %d 字节",
                           "%zu bytes, at most %d", draft.header.len, LIMIT_HEADER_BYTES_MAX);
        goto out;
    }
    sha256_labelled("leadbus/1 header", buf_bytes(&draft.header), draft.hash);
    for (size_t i = 0; i < input->section_count; i++) seal_section(&draft, i, &sealed);
    for (size_t i = 0; i < input->recipient_count; i++) seal_wrap(&draft, &input->recipients[i]);
    result = encode_manifest(&draft, ret_error);
    if (result != 0) goto out;
    sign(&draft);
    result = encode_envelope(&draft, &sealed.bytes, ret_error);
    if (result != 0) goto out;
    memcpy(sealed.hash, draft.hash, SUITE_HASH_LEN);
    *ret = sealed;
    sodium_memzero(&sealed, sizeof sealed);
out:
    sealed_fini(&sealed);
    draft_fini(&draft);
    return result;
}

void sealed_fini(struct sealed *sealed)
{
    if (!sealed) return;
    buf_fini(&sealed->bytes);
    sodium_memzero(sealed, sizeof *sealed);
}

int envelope_rewrap(const struct rewrap_input *input, struct buf *ret_body,
                    uint8_t ret_signature[SUITE_SIGNATURE_LEN], struct error *ret_error)
{
    const struct envelope *original = input->original;
    const struct suite *suite = suite_find(original->head->suite);
    CHECK(suite != NULL);
    uint8_t fingerprint[ENVELOPE_FINGERPRINT_LEN];
    uint8_t plain[LIMIT_SECTION_COUNT_MAX * SUITE_KEY_LEN];
    uint8_t wrap[sizeof plain + SUITE_TAG_LEN];
    uint8_t key[SUITE_KEY_LEN];
    size_t len = 0;
    if (!slug_valid(input->from) || !slug_valid(input->unit))
        return error_say(ret_error, E_BAD_VALUE, "unit", "不是单位代码", "not a unit key");
    if (input->epoch == 0)
        return error_say(ret_error, E_BAD_VALUE, "epoch", "从 1 起", "counts from 1");
    if (input->created_ms == 0)
        return error_say(ret_error, E_BAD_VALUE, "created_ms", "缺失", "missing");
    if (input->sections == 0 || input->sections >> original->section_count)
        return error_say(ret_error, E_BAD_VALUE, "sections", "为空，或有一位没有对应的分段",
                         "none, or a bit without a section");
    if (suite->check_agree_key(input->session_public) != 0)
        return error_say(ret_error, E_KEY_WEAK, "session_key", "弱密钥，或编码不规范",
                         "weak or not canonical");
    for (size_t i = 0; i < original->section_count; i++) {
        if (!(input->sections >> i & 1)) continue;
        memcpy(plain + len, input->keys[i], SUITE_KEY_LEN);
        len += SUITE_KEY_LEN;
    }
    envelope_rewrap_key(suite, input->kek, original->hash, bytes_of(input->salt, SUITE_KEY_LEN),
                        key);
    suite->seal(key, bytes_of(original->hash, SUITE_HASH_LEN), bytes_of(plain, len), wrap);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);

    Leadbus__RewrapBody body = LEADBUS__REWRAP_BODY__INIT;
    envelope_epoch_fingerprint(input->epoch_public, fingerprint);
    body.suite = suite->number;
    body.header_hash = binary(original->hash, SUITE_HASH_LEN);
    body.from = borrowed(input->from);
    body.serial = input->serial;
    body.unit = borrowed(input->unit);
    body.epoch = input->epoch;
    body.epoch_key = binary(fingerprint, sizeof fingerprint);
    body.sections = input->sections;
    body.session_key = binary(input->session_public, SUITE_PUBLIC_LEN);
    body.salt = binary(input->salt, SUITE_KEY_LEN);
    body.wrap = binary(wrap, len + SUITE_TAG_LEN);
    body.created_ms = input->created_ms;
    size_t start = ret_body->len;
    message_encode(&body.base, ret_body);
    signed_body_sign(SIGNED_REWRAP, bytes_of(ret_body->data + start, ret_body->len - start),
                     input->identity_secret, ret_signature);
    return 0;
}
