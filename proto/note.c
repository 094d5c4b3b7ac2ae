#include "proto/note.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/line.h"
#include "proto/sha256.h"

static const char line_start[] = "\xe2\x80\x94 "; /* em dash and space */

enum {
    KEY_ID_LEN = 4,
    SIGNATURE_LEN = KEY_ID_LEN + crypto_sign_BYTES,
    COSIGNATURE_LEN = KEY_ID_LEN + 8 + crypto_sign_BYTES,
    KEY_COUNT_MAX = 64,
    /* The empty line, and one signature line with the longest name. */
    SIGNATURE_ROOM = 1 + sizeof line_start + LIMIT_NOTE_NAME_LEN_MAX + 1 + 104 + 1,
};

/* ---- keys ---------------------------------------------------------------------------------------
 */

/* The characters of Unicode property White_Space beyond ASCII, as their UTF-8 bytes. */
static bool space_at(const uint8_t *data, size_t len)
{
    static const char *const spaces[] = {
        "\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
        "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };
    if (data[0] == ' ') return true;
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
        size_t space_len = strlen(spaces[i]);
        if (len >= space_len && memcmp(data, spaces[i], space_len) == 0) return true;
    }
    /* U+2000..U+200A */
    return len >= 3 && data[0] == 0xe2 && data[1] == 0x80 && data[2] >= 0x80 && data[2] <= 0x8a;
}

bool note_name_valid(struct bytes name)
{
    if (name.len == 0 || name.len > LIMIT_NOTE_NAME_LEN_MAX || !line_text_valid(name)) return false;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] == '+' || name.data[i] == '\n') return false;
        if (space_at(name.data + i, name.len - i)) return false;
    }
    return true;
}

static void key_id(struct bytes name, uint8_t type, const uint8_t public_key[static 32],
                   uint8_t ret_id[static KEY_ID_LEN])
{
    uint8_t hash[SHA256_LEN];
    const uint8_t middle[2] = {'\n', type};
    struct sha256_state state;
    sha256_begin(&state);
    sha256_add(&state, name);
    sha256_add(&state, bytes_of(middle, sizeof middle));
    sha256_add(&state, bytes_of(public_key, 32));
    sha256_end(&state, hash);
    memcpy(ret_id, hash, KEY_ID_LEN);
}

static void key_fill(struct note_key *ret_key, struct bytes name, uint8_t type,
                     const uint8_t public_key[static 32])
{
    struct note_key key = {.type = type};
    memcpy(key.name, name.data, name.len);
    memcpy(key.public_key, public_key, 32);
    key_id(name, type, public_key, key.id);
    *ret_key = key;
}

int note_key_init(struct note_key *ret_key, const char *name, enum note_key_type type,
                  const uint8_t public_key[static 32], struct error *ret_error)
{
    struct bytes view = bytes_of_str(name);
    if (!note_name_valid(view))
        return error_say(ret_error, E_BAD_VALUE, "name", "不能用作密钥名称",
                         "not allowed as a key name");
    if (type != NOTE_KEY_ED25519 && type != NOTE_KEY_COSIGNATURE)
        return error_set(ret_error, E_BAD_VALUE, "type", "%u", (unsigned)type);
    key_fill(ret_key, view, (uint8_t)type, public_key);
    return 0;
}

void note_key_format(const struct note_key *key, struct buf *buf)
{
    char hex[2 * KEY_ID_LEN + 1];
    uint8_t material[1 + 32];
    hex_encode(bytes_of(key->id, KEY_ID_LEN), hex);
    material[0] = key->type;
    memcpy(material + 1, key->public_key, 32);
    buf_append_str(buf, key->name);
    buf_append_u8(buf, '+');
    buf_append_str(buf, hex);
    buf_append_u8(buf, '+');
    base64_append(buf, bytes_of(material, sizeof material));
}

/* The base64 part, "type || public key". */
static int key_material_parse(struct bytes text, uint8_t ret_material[static 33],
                              struct error *ret_error)
{
    struct buf material = {0};
    int result = base64_decode((const char *)text.data, text.len, &material, ret_error);
    if (result < 0) goto out;
    if (material.len > 0 && material.data[0] != NOTE_KEY_ED25519 &&
        material.data[0] != NOTE_KEY_COSIGNATURE)
        result = error_say(ret_error, E_SUITE_UNSUPPORTED, "vkey", "密钥类型 0x%02x",
                           "key type 0x%02x", material.data[0]);
    else if (material.len != 33)
        result = error_say(ret_error, E_BAD_FORM, "vkey", "密钥为 %zu 字节，应为 33 字节",
                           "%zu bytes of key, expected 33", material.len);
    else
        memcpy(ret_material, material.data, 33);
out:
    buf_fini(&material);
    return result;
}

int note_key_parse(struct bytes text, struct note_key *ret_key, struct error *ret_error)
{
    if (text.len > LIMIT_NOTE_NAME_LEN_MAX + 64)
        return error_say(ret_error, E_BAD_FORM, "vkey", "长于任何验证公钥",
                         "longer than any verifier key");
    const uint8_t *plus = text.len > 0 ? memchr(text.data, '+', text.len) : NULL;
    if (!plus)
        return error_say(ret_error, E_BAD_FORM, "vkey", "应为 名称+编号+公钥",
                         "expected name+id+key");
    struct bytes name = bytes_of(text.data, (size_t)(plus - text.data));
    size_t id_at = name.len + 1;
    size_t key_at = id_at + 2 * KEY_ID_LEN + 1;
    if (!note_name_valid(name))
        return error_say(ret_error, E_BAD_FORM, "vkey", "名称不合规", "bad name");
    if (text.len <= key_at || text.data[key_at - 1] != '+')
        return error_say(ret_error, E_BAD_FORM, "vkey", "应为 名称+编号+公钥",
                         "expected name+id+key");

    uint8_t material[33];
    int result =
        key_material_parse(bytes_of(text.data + key_at, text.len - key_at), material, ret_error);
    if (result < 0) return result;
    struct note_key key;
    char hex[2 * KEY_ID_LEN + 1];
    key_fill(&key, name, material[0], material + 1);
    hex_encode(bytes_of(key.id, KEY_ID_LEN), hex);
    if (memcmp(text.data + id_at, hex, 2 * KEY_ID_LEN) != 0)
        return error_say(ret_error, E_BAD_FORM, "vkey", "标识与密钥不符：%s",
                         "the id is not that of the key: %s", hex);
    *ret_key = key;
    return 0;
}

/* ---- form ---------------------------------------------------------------------------------------
 */

bool note_text_valid(struct bytes text)
{
    return text.len > 0 && text.len <= LIMIT_NOTE_BYTES_MAX - SIGNATURE_ROOM &&
           text.data[text.len - 1] == '\n' && line_text_valid(text);
}

/* Length of the text: up to and with the newline before the last empty line; 0 when there is none.
 */
static size_t text_len_of(struct bytes data)
{
    for (size_t i = data.len; i >= 2; i--)
        if (data.data[i - 1] == '\n' && data.data[i - 2] == '\n') return i - 1;
    return 0;
}

static int note_invalid(const char *zh, const char *en, struct error *ret_error)
{
    (void)error_set(ret_error, E_NOTE_INVALID, "note", "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_NOTE_INVALID;
}

/* `line` is without its newline, which is known to follow it. */
static int signature_parse(struct bytes line, struct buf *scratch,
                           struct note_signature *ret_signature, struct error *ret_error)
{
    struct bytes rest = line;
    if (!line_skip(&rest, line_start))
        return note_invalid("不是签名行", "not a signature line", ret_error);
    const uint8_t *space = rest.len > 0 ? memchr(rest.data, ' ', rest.len) : NULL;
    if (!space)
        return note_invalid("签名行中没有签名", "a signature line without signature", ret_error);
    size_t name_len = (size_t)(space - rest.data);
    struct bytes base64 = bytes_of(space + 1, rest.len - name_len - 1);
    if (!note_name_valid(bytes_of(rest.data, name_len)))
        return note_invalid("密钥名称不合规定", "a bad key name", ret_error);
    buf_reset(scratch);
    if (base64_decode((const char *)base64.data, base64.len, scratch, NULL) < 0)
        return note_invalid("签名不是 base64", "a signature that is not base64", ret_error);
    if (scratch->len <= KEY_ID_LEN)
        return note_invalid("签名过短", "a signature too short", ret_error);
    ret_signature->line = bytes_of(line.data, line.len + 1);
    ret_signature->name = bytes_of(rest.data, name_len);
    ret_signature->base64 = base64;
    memcpy(ret_signature->id, scratch->data, KEY_ID_LEN);
    return 0;
}

int note_parse(struct bytes data, struct note *ret_note, struct error *ret_error)
{
    if (data.len > LIMIT_NOTE_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "note", "%zu 字节，至多 %d 字节",
                         "%zu bytes, at most %d", data.len, LIMIT_NOTE_BYTES_MAX);
    if (!line_text_valid(data))
        return note_invalid("不是 UTF-8，或含控制字符", "not UTF-8 or control characters",
                            ret_error);
    size_t text_len = text_len_of(data);
    if (text_len == 0)
        return note_invalid("签名之前没有空行", "no empty line before signatures", ret_error);

    struct note note = {.text = bytes_of(data.data, text_len)};
    struct bytes rest = bytes_of(data.data + text_len + 1, data.len - text_len - 1);
    struct bytes line;
    struct buf scratch = {0};
    int result = 0;
    while (result == 0 && line_next(&rest, &line)) {
        if (note.signature_count == LIMIT_NOTE_SIGNATURE_COUNT_MAX)
            result = error_say(ret_error, E_TOO_LARGE, "note", "签名多于 %d 个",
                               "more than %d signatures", LIMIT_NOTE_SIGNATURE_COUNT_MAX);
        else
            result = signature_parse(line, &scratch, &note.signatures[note.signature_count++],
                                     ret_error);
    }
    buf_fini(&scratch);
    if (result < 0) return result;
    if (rest.len > 0) return note_invalid("末尾没有换行", "no newline at the end", ret_error);
    if (note.signature_count == 0) return note_invalid("没有签名", "no signature", ret_error);
    *ret_note = note;
    return 0;
}

/* ---- verifying ----------------------------------------------------------------------------------
 */

/* What a cosigner signs. */
static void cosigned_message(uint64_t time_s, struct bytes text, struct buf *ret_message)
{
    buf_reset(ret_message);
    buf_printf(ret_message, "cosignature/v1\ntime %llu\n", (unsigned long long)time_s);
    buf_append_bytes(ret_message, text);
}

/* Does this key's line hold? For a cosignature *ret_time_s is its time. */
static bool signature_verify(struct bytes text, const struct note_signature *signature,
                             const struct note_key *key, uint64_t *ret_time_s)
{
    struct buf decoded = {0};
    struct buf message = {0};
    bool good = false;
    if (base64_decode((const char *)signature->base64.data, signature->base64.len, &decoded, NULL))
        goto out;
    if (key->type == NOTE_KEY_ED25519) {
        good = decoded.len == SIGNATURE_LEN &&
               crypto_sign_verify_detached(decoded.data + KEY_ID_LEN, text.data, text.len,
                                           key->public_key) == 0;
    } else if (key->type == NOTE_KEY_COSIGNATURE && decoded.len == COSIGNATURE_LEN) {
        uint64_t time_s = load_u64(decoded.data + KEY_ID_LEN);
        if (time_s > INT64_MAX) goto out;
        cosigned_message(time_s, text, &message);
        good = crypto_sign_verify_detached(decoded.data + KEY_ID_LEN + 8, message.data, message.len,
                                           key->public_key) == 0;
        if (good) *ret_time_s = time_s;
    }
out:
    buf_fini(&decoded);
    buf_fini(&message);
    return good;
}

static bool signature_is_of(const struct note_signature *signature, const struct note_key *key)
{
    return memcmp(signature->id, key->id, KEY_ID_LEN) == 0 &&
           bytes_equal(signature->name, bytes_of_str(key->name));
}

/* Keys of the mask whose public key no earlier key of the mask has. */
static size_t distinct_count(const struct note_key *keys, size_t key_count, uint64_t mask)
{
    size_t count = 0;
    for (size_t i = 0; i < key_count; i++) {
        bool distinct = mask >> i & 1;
        for (size_t k = 0; distinct && k < i; k++)
            if (mask >> k & 1 && memcmp(keys[i].public_key, keys[k].public_key, 32) == 0)
                distinct = false;
        count += distinct;
    }
    return count;
}

int note_verify(const struct note *note, const struct note_key *keys, size_t key_count,
                size_t threshold, uint64_t *ret_valid_mask, struct error *ret_error)
{
    if (threshold == 0 || key_count > KEY_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "threshold", "门限 %zu，共 %zu 把密钥",
                         "%zu of %zu keys", threshold, key_count);
    uint64_t mask = 0;
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct note_signature *signature = &note->signatures[i];
        bool known = false;
        bool good = false;
        /* Two keys given may share name and id, by being the same or by a collision: one must fit.
         */
        for (size_t k = 0; k < key_count; k++) {
            uint64_t time_s;
            if (!signature_is_of(signature, &keys[k])) continue;
            known = true;
            if (!signature_verify(note->text, signature, &keys[k], &time_s)) continue;
            good = true;
            mask |= 1ull << k;
        }
        if (known && !good)
            return error_say(ret_error, E_NOTE_INVALID, "note", "%.*s 的签名无效",
                             "bad signature of %.*s", (int)signature->name.len,
                             (const char *)signature->name.data);
    }
    size_t count = distinct_count(keys, key_count, mask);
    if (count < threshold)
        return error_say(ret_error, E_THRESHOLD_NOT_MET, "note", "有效签名 %zu 个，需要 %zu 个",
                         "%zu of %zu needed", count, threshold);
    if (ret_valid_mask) *ret_valid_mask = mask;
    return 0;
}

int note_verify_cosignature(const struct note *note, const struct note_key *key,
                            uint64_t *ret_time_s, struct error *ret_error)
{
    if (key->type != NOTE_KEY_COSIGNATURE)
        return error_say(ret_error, E_BAD_VALUE, "key", "不是会签密钥", "not a cosignature key");
    uint64_t newest_s = 0;
    bool found = false;
    for (size_t i = 0; i < note->signature_count; i++) {
        uint64_t time_s;
        if (!signature_is_of(&note->signatures[i], key)) continue;
        if (!signature_verify(note->text, &note->signatures[i], key, &time_s))
            return error_say(ret_error, E_NOTE_INVALID, "note", "%s 的联署无效",
                             "bad cosignature of %s", key->name);
        if (!found || time_s > newest_s) newest_s = time_s;
        found = true;
    }
    if (!found)
        return error_say(ret_error, E_THRESHOLD_NOT_MET, "note", "没有 %s 的联署",
                         "no cosignature of %s", key->name);
    *ret_time_s = newest_s;
    return 0;
}

/* ---- signing ------------------------------------------------------------------------------------
 */

int note_begin(struct buf *buf, struct bytes text, struct error *ret_error)
{
    CHECK(buf->len == 0);
    if (!note_text_valid(text))
        return error_say(ret_error, E_BAD_VALUE, "text", "不是可以签名的文本",
                         "not a text that may be signed");
    buf_append_bytes(buf, text);
    buf_append_u8(buf, '\n');
    return 0;
}

/* Checks that a line may be added to what `buf` holds, and gives the text to sign. */
static int appendable(const struct buf *buf, const char *name, struct bytes *ret_text,
                      struct error *ret_error)
{
    struct bytes data = buf_bytes(buf);
    size_t text_len = text_len_of(data);
    struct bytes text = bytes_of(data.data, text_len);
    struct note note = {0};
    if (!note_name_valid(bytes_of_str(name)))
        return error_say(ret_error, E_BAD_VALUE, "name", "不能用作密钥名称",
                         "not allowed as a key name");
    if (text_len == 0)
        return error_say(ret_error, E_BAD_FORM, "note", "还没有签名文本", "no note begun");
    if (data.len == text_len + 1) {
        if (!line_text_valid(text))
            return error_say(ret_error, E_BAD_FORM, "note", "文本不合规", "bad text");
    } else {
        int result = note_parse(data, &note, ret_error);
        if (result == E_TOO_LARGE) return result;
        if (result < 0)
            return error_say(ret_error, E_BAD_FORM, "note", "不是签名文本", "not a signed note");
    }
    if (data.len > LIMIT_NOTE_BYTES_MAX - SIGNATURE_ROOM ||
        note.signature_count == LIMIT_NOTE_SIGNATURE_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "note", "放不下更多签名",
                         "no room for another signature");
    *ret_text = text;
    return 0;
}

static void append_line(struct buf *buf, const char *name, const uint8_t *signature, size_t len)
{
    buf_append_str(buf, line_start);
    buf_append_str(buf, name);
    buf_append_u8(buf, ' ');
    base64_append(buf, bytes_of(signature, len));
    buf_append_u8(buf, '\n');
}

int note_append_signature(struct buf *buf, const char *name, const uint8_t secret_key[static 64],
                          struct error *ret_error)
{
    struct bytes text;
    uint8_t signature[SIGNATURE_LEN];
    int result = appendable(buf, name, &text, ret_error);
    if (result < 0) return result;
    key_id(bytes_of_str(name), NOTE_KEY_ED25519, secret_key + 32, signature);
    crypto_sign_detached(signature + KEY_ID_LEN, NULL, text.data, text.len, secret_key);
    append_line(buf, name, signature, sizeof signature);
    return 0;
}

int note_append_cosignature(struct buf *buf, const char *name, const uint8_t secret_key[static 64],
                            uint64_t time_s, struct error *ret_error)
{
    struct bytes text;
    struct buf message = {0};
    uint8_t signature[COSIGNATURE_LEN];
    if (time_s > INT64_MAX)
        return error_set(ret_error, E_BAD_VALUE, "time_s", "%llu", (unsigned long long)time_s);
    int result = appendable(buf, name, &text, ret_error);
    if (result < 0) return result;
    key_id(bytes_of_str(name), NOTE_KEY_COSIGNATURE, secret_key + 32, signature);
    store_u64(signature + KEY_ID_LEN, time_s);
    cosigned_message(time_s, text, &message);
    crypto_sign_detached(signature + KEY_ID_LEN + 8, NULL, message.data, message.len, secret_key);
    append_line(buf, name, signature, sizeof signature);
    buf_fini(&message);
    return 0;
}
