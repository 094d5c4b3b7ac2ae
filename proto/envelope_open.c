/* Opening: by a recipient's own wrap, or by a rewrap made for it. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/envelope.h"
#include "proto/envelope_inner.h"
#include "proto/record.h"

void opened_fini(struct opened *opened)
{
    if (!opened) return;
    for (size_t i = 0; i < LIMIT_SECTION_COUNT_MAX; i++) {
        if (opened->sections[i].data)
            sodium_memzero(opened->sections[i].data, opened->sections[i].cap);
        buf_fini(&opened->sections[i]);
    }
    sodium_memzero(opened, sizeof *opened);
}

/* The payload out of a section's plaintext: H || length || payload || zeros. */
static int take_payload(const struct envelope *envelope, const char *name, struct bytes plain,
                        struct buf *ret_payload, struct error *ret_error)
{
    if (sodium_memcmp(plain.data, envelope->hash, SUITE_HASH_LEN) != 0)
        return error_say(ret_error, E_HEADER_COPY_MISMATCH, name, "是按另一信头封装的",
                         "sealed under another header");
    size_t len = load_u32(plain.data + SUITE_HASH_LEN);
    struct bytes rest =
        bytes_of(plain.data + ENVELOPE_PLAIN_PREFIX_LEN, plain.len - ENVELOPE_PLAIN_PREFIX_LEN);
    if (len > rest.len || envelope_bucket(len) != plain.len)
        return error_say(ret_error, E_BAD_FORM, name, "正文 %zu 字节，补齐为 %zu 字节",
                         "a payload of %zu bytes padded to %zu", len, plain.len);
    if (!sodium_is_zero(rest.data + len, rest.len - len))
        return error_say(ret_error, E_BAD_FORM, name, "补齐部分不是零", "padding that is not zero");
    buf_append_bytes(ret_payload, bytes_of(rest.data, len));
    return 0;
}

static int open_section(const struct envelope *envelope, size_t i, struct opened *opened,
                        struct error *ret_error)
{
    const struct suite *suite = suite_find(envelope->head->suite);
    const char *name = envelope->head->sections[i];
    struct bytes ciphertext = envelope->ciphertexts[i];
    struct envelope_section_keys keys;
    uint8_t *plain = NULL;
    size_t plain_len = 0;
    CHECK(suite != NULL);
    if (ciphertext.len == 0)
        return error_say(ret_error, E_SECTION_HASH, name, "本单位可读，但没有随附",
                         "allowed to this unit but not carried");
    envelope_section_keys(suite, opened->keys[i], envelope_binary(envelope->head->salt), name,
                          envelope->hash, &keys);
    int result = 0;
    if (sodium_memcmp(keys.commit, envelope->commits[i].data, SUITE_HASH_LEN) != 0) {
        result = error_say(ret_error, E_COMMIT_MISMATCH, name, "不是所承诺的分段密钥",
                           "not the committed section key");
        goto out;
    }
    if (ciphertext.len < ENVELOPE_PLAIN_PREFIX_LEN + SUITE_TAG_LEN) {
        result = error_say(ret_error, E_DECRYPT_FAILED, name, "有 %zu 字节", "%zu bytes",
                           ciphertext.len);
        goto out;
    }
    plain_len = ciphertext.len - SUITE_TAG_LEN;
    plain = malloc(plain_len);
    CHECK(plain != NULL);
    result = suite->open(keys.body, bytes_of(envelope->hash, SUITE_HASH_LEN), ciphertext, plain);
    if (result != 0)
        result = error_say(ret_error, result, name, "校验不符", "the tag is wrong");
    else
        result = take_payload(envelope, name, bytes_of(plain, plain_len), &opened->sections[i],
                              ret_error);
    if (result == 0) opened->present[i] = true;
out:
    if (plain) sodium_memzero(plain, plain_len);
    free(plain);
    sodium_memzero(&keys, sizeof keys);
    return result;
}

/* Spreads the unwrapped keys over their sections and opens each. */
static int open_sections(const struct envelope *envelope, uint32_t sections, const uint8_t *keys,
                         struct opened *opened, struct error *ret_error)
{
    int result = 0;
    for (size_t i = 0; i < envelope->section_count && result == 0; i++) {
        if (!(sections >> i & 1)) continue;
        memcpy(opened->keys[i], keys, SUITE_KEY_LEN);
        keys += SUITE_KEY_LEN;
        result = open_section(envelope, i, opened, ret_error);
    }
    return result;
}

int envelope_open(const struct envelope *envelope, const char *unit,
                  const uint8_t kek[SUITE_KEY_LEN], struct opened *ret, struct error *ret_error)
{
    const struct suite *suite = suite_find(envelope->head->suite);
    struct opened opened = {0};
    uint8_t plain[ENVELOPE_WRAP_PLAIN_LEN_MAX];
    uint8_t key[SUITE_KEY_LEN];
    CHECK(suite != NULL);
    int found = envelope_recipient_find(envelope, unit);
    if (found < 0)
        return error_say(ret_error, E_NOT_A_RECIPIENT, "recipients", "没有列出单位 %s",
                         "%s is not listed", unit);
    uint32_t sections = envelope->head->recipients[found]->sections;
    struct bytes wrap = envelope->wrap[found];
    if (wrap.len == 0)
        return error_say(ret_error, E_REWRAP_NEEDED, "wraps", "封装时单位 %s 没有时段密钥",
                         "%s had no epoch key", unit);
    envelope_wrap_key(suite, kek, envelope->hash, key);
    /* Its length was held against the section count when the envelope was decoded. */
    int result = suite->open(key, bytes_of(envelope->hash, SUITE_HASH_LEN), wrap, plain);
    if (result != 0) {
        result = error_say(ret_error, E_WRAP_INVALID, "wraps", "给单位 %s 的密钥封装无法解开",
                           "the wrap of %s does not open", unit);
        goto out;
    }
    result = open_sections(envelope, sections, plain, &opened, ret_error);
    if (result != 0) goto out;
    const uint8_t *tail = plain + (wrap.len - SUITE_TAG_LEN - ENVELOPE_WRAP_TAIL_LEN);
    opened.pair_seq = load_u64(tail);
    memcpy(opened.previous_hash, tail + 8, SUITE_HASH_LEN);
    *ret = opened;
    sodium_memzero(&opened, sizeof opened);
out:
    opened_fini(&opened);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);
    return result;
}

static int check_rewrap(const Leadbus__RewrapBody *body, struct error *ret_error)
{
    const struct suite *suite = suite_find(body->suite);
    const char *field = NULL;
    if (!suite)
        return error_set(ret_error, E_SUITE_UNSUPPORTED, "suite", "%u", (unsigned)body->suite);
    size_t keys_len = (size_t)__builtin_popcount(body->sections) * SUITE_KEY_LEN;
    if (body->header_hash.len != SUITE_HASH_LEN)
        field = "header_hash";
    else if (!slug_valid(body->from))
        field = "from";
    else if (!slug_valid(body->unit))
        field = "unit";
    else if (body->epoch == 0)
        field = "epoch";
    else if (body->epoch_key.len != ENVELOPE_FINGERPRINT_LEN)
        field = "epoch_key";
    else if (body->sections == 0 || body->sections >> LIMIT_SECTION_COUNT_MAX)
        field = "sections";
    else if (body->session_key.len != SUITE_PUBLIC_LEN)
        field = "session_key";
    else if (body->salt.len != SUITE_KEY_LEN)
        field = "salt";
    else if (body->wrap.len != keys_len + SUITE_TAG_LEN)
        field = "wrap";
    else if (body->created_ms == 0)
        field = "created_ms";
    if (field)
        return error_say(ret_error, E_BAD_VALUE, field, "缺失或形式不对",
                         "missing or of the wrong form");
    if (suite->check_agree_key(body->session_key.data) != 0)
        return error_say(ret_error, E_KEY_WEAK, "session_key", "弱密钥，或编码不规范",
                         "weak or not canonical");
    return 0;
}

int envelope_rewrap_decode(struct bytes input, struct arena *arena, const Leadbus__RewrapBody **ret,
                           struct error *ret_error)
{
    const ProtobufCMessage *message;
    int result =
        message_decode(&leadbus__rewrap_body__descriptor, input, arena, &message, ret_error);
    if (result != 0) return result;
    const Leadbus__RewrapBody *body = (const Leadbus__RewrapBody *)message;
    result = check_rewrap(body, ret_error);
    if (result == 0) *ret = body;
    return result;
}

int envelope_open_rewrapped(const struct envelope *original, const Leadbus__RewrapBody *rewrap,
                            const uint8_t kek[SUITE_KEY_LEN], struct opened *ret,
                            struct error *ret_error)
{
    const struct suite *suite = suite_find(original->head->suite);
    struct opened opened = {0};
    uint8_t plain[LIMIT_SECTION_COUNT_MAX * SUITE_KEY_LEN];
    uint8_t key[SUITE_KEY_LEN];
    CHECK(suite != NULL);
    if (rewrap->suite != suite->number)
        return error_say(ret_error, E_BAD_VALUE, "suite", "与原件不同",
                         "another than the original's");
    if (memcmp(rewrap->header_hash.data, original->hash, SUITE_HASH_LEN) != 0)
        return error_say(ret_error, E_HEADER_COPY_MISMATCH, "header_hash", "属于另一份信封",
                         "of another envelope");
    if (rewrap->sections >> original->section_count)
        return error_say(ret_error, E_BAD_VALUE, "sections", "有一位没有对应的分段",
                         "a bit without a section");
    envelope_rewrap_key(suite, kek, original->hash, envelope_binary(rewrap->salt), key);
    /* The wrap's length was held against the section count when the rewrap was decoded. */
    int result = suite->open(key, bytes_of(original->hash, SUITE_HASH_LEN),
                             envelope_binary(rewrap->wrap), plain);
    if (result != 0)
        result = error_say(ret_error, E_WRAP_INVALID, "wrap", "无法解开", "does not open");
    else
        result = open_sections(original, rewrap->sections, plain, &opened, ret_error);
    if (result == 0) {
        *ret = opened;
        sodium_memzero(&opened, sizeof opened);
    }
    opened_fini(&opened);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);
    return result;
}
