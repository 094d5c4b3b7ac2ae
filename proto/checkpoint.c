#include "proto/checkpoint.h"

#include <string.h>

#include "proto/line.h"
#include "proto/note.h"

static int form_invalid(const char *zh, const char *en, struct error *ret_error)
{
    (void)error_set(ret_error, E_NOTE_INVALID, "checkpoint", "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_NOTE_INVALID;
}

int checkpoint_parse(struct bytes text, struct checkpoint *ret_checkpoint, struct error *ret_error)
{
    struct checkpoint checkpoint = {0};
    struct bytes rest = text;
    struct bytes line;
    uint8_t empty_root[32];
    if (!line_next(&rest, &line) || !note_name_valid(line))
        return form_invalid("来源标识不能用作密钥名称", "the origin is no key name", ret_error);
    memcpy(checkpoint.origin, line.data, line.len);
    if (!line_next(&rest, &line) || !line_u64(line, &checkpoint.size))
        return form_invalid("记录数不是 64 位十进制数", "the size is no decimal of 64 bits",
                            ret_error);
    if (!line_next(&rest, &line) || !line_hash(line, checkpoint.root))
        return form_invalid("根不是 32 字节的 base64", "the root is not base64 of 32 bytes",
                            ret_error);
    while (line_next(&rest, &line))
        if (line.len == 0 || !line_text_valid(line))
            return form_invalid("扩展行为空或无效", "an empty or invalid extension line",
                                ret_error);
    if (rest.len > 0) return form_invalid("末尾没有换行", "no newline at the end", ret_error);
    merkle_empty_root(empty_root);
    if (checkpoint.size == 0 && memcmp(checkpoint.root, empty_root, 32) != 0)
        return form_invalid("不是空树的根", "a root that an empty tree does not have", ret_error);
    *ret_checkpoint = checkpoint;
    return 0;
}

static bool origin_valid(const char origin[static LIMIT_NOTE_NAME_LEN_MAX + 1])
{
    size_t len = strnlen(origin, LIMIT_NOTE_NAME_LEN_MAX + 1);
    return len <= LIMIT_NOTE_NAME_LEN_MAX && note_name_valid(bytes_of(origin, len));
}

int checkpoint_format(const struct checkpoint *checkpoint, struct buf *buf, struct error *ret_error)
{
    if (!origin_valid(checkpoint->origin))
        return error_say(ret_error, E_BAD_VALUE, "origin", "不能用作密钥名称",
                         "not allowed as a key name");
    buf_printf(buf, "%s\n%llu\n", checkpoint->origin, (unsigned long long)checkpoint->size);
    base64_append(buf, bytes_of(checkpoint->root, 32));
    buf_append_u8(buf, '\n');
    return 0;
}

int checkpoint_sign(const struct checkpoint *checkpoint, const uint8_t secret_key[static 64],
                    struct buf *ret_note, struct error *ret_error)
{
    struct buf text = {0};
    struct buf note = {0};
    int result = checkpoint_format(checkpoint, &text, ret_error);
    if (result < 0) goto out;
    result = note_begin(&note, buf_bytes(&text), ret_error);
    if (result < 0) goto out;
    result = note_append_signature(&note, checkpoint->origin, secret_key, ret_error);
    if (result < 0) goto out;
    buf_reset(ret_note);
    buf_append_bytes(ret_note, buf_bytes(&note));
out:
    buf_fini(&text);
    buf_fini(&note);
    return result;
}

int checkpoint_verify(struct bytes note_data, const char *origin,
                      const uint8_t log_public_key[static 32], struct checkpoint *ret_checkpoint,
                      struct error *ret_error)
{
    struct note note;
    struct note_key key;
    struct checkpoint checkpoint;
    int result = note_parse(note_data, &note, ret_error);
    if (result < 0) return result;
    result = checkpoint_parse(note.text, &checkpoint, ret_error);
    if (result < 0) return result;
    if (strcmp(checkpoint.origin, origin) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "origin", "为 %.100s，应为 %.100s",
                         "%.100s, expected %.100s", checkpoint.origin, origin);
    result = note_key_init(&key, checkpoint.origin, NOTE_KEY_ED25519, log_public_key, ret_error);
    if (result < 0) return result;
    result = note_verify(&note, &key, 1, 1, NULL, ret_error);
    if (result == E_THRESHOLD_NOT_MET)
        return form_invalid("没有日志密钥的签名", "not signed by the journal's key", ret_error);
    if (result < 0) return result;
    *ret_checkpoint = checkpoint;
    return 0;
}

int checkpoint_verify_extends(const struct checkpoint *older, const struct checkpoint *newer,
                              const struct merkle_proof *proof, struct error *ret_error)
{
    if (strcmp(older->origin, newer->origin) != 0)
        return error_say(ret_error, E_ORIGIN_MISMATCH, "origin", "为 %.100s，应为 %.100s",
                         "%.100s, expected %.100s", newer->origin, older->origin);
    if (older->size == 0 && newer->size > 0) {
        if (proof->count != 0)
            return error_say(ret_error, E_PROOF_INVALID, "proof", "带有多余的哈希",
                             "hashes where none are needed");
        return 0;
    }
    if (older->size == 0) {
        uint8_t empty_root[32];
        merkle_empty_root(empty_root);
        if (proof->count != 0 || memcmp(newer->root, empty_root, 32) != 0)
            return error_say(ret_error, E_PROOF_INVALID, "proof", "不是空树的根",
                             "not an empty tree");
        return 0;
    }
    return merkle_verify_consistency(older->size, older->root, newer->size, newer->root, proof,
                                     ret_error);
}
