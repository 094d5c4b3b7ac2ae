#include "proto/tlogproof.h"

#include <string.h>

#include "proto/line.h"

static const char first_line[] = "c2sp.org/tlog-proof@v1";

static int form_invalid(const char *zh, const char *en, struct error *ret_error)
{
    (void)error_set(ret_error, E_PROOF_INVALID, "tlog-proof", "%s", en);
    (void)error_note_zh(ret_error, "%s", zh);
    return E_PROOF_INVALID;
}

int tlogproof_format(const struct tlogproof *proof, struct buf *buf, struct error *ret_error)
{
    struct note note;
    if (proof->extra.len > LIMIT_PROOF_EXTRA_BYTES_MAX)
        return error_say(ret_error, E_BAD_VALUE, "extra", "有 %zu 字节，至多 %d 字节",
                         "%zu bytes, at most %d", proof->extra.len, LIMIT_PROOF_EXTRA_BYTES_MAX);
    if (proof->inclusion.count > LIMIT_PROOF_HASH_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "inclusion", "有 %zu 个哈希，至多 %d 个",
                         "%zu hashes, at most %d", proof->inclusion.count,
                         LIMIT_PROOF_HASH_COUNT_MAX);
    if (note_parse(proof->checkpoint, &note, ret_error) < 0)
        return error_say(ret_error, E_BAD_VALUE, "checkpoint", "不是签名文本", "not a signed note");
    buf_printf(buf, "%s\n", first_line);
    if (proof->extra.len > 0) {
        buf_append_str(buf, "extra ");
        base64_append(buf, proof->extra);
        buf_append_u8(buf, '\n');
    }
    buf_printf(buf, "index %llu\n", (unsigned long long)proof->index);
    for (size_t i = 0; i < proof->inclusion.count; i++) {
        base64_append(buf, bytes_of(proof->inclusion.hashes[i], 32));
        buf_append_u8(buf, '\n');
    }
    buf_append_u8(buf, '\n');
    buf_append_bytes(buf, proof->checkpoint);
    return 0;
}

/* The hash lines up to the empty line, which is taken too. */
static int hashes_parse(struct bytes *rest, struct merkle_proof *ret_inclusion,
                        struct error *ret_error)
{
    struct bytes line;
    while (line_next(rest, &line)) {
        uint8_t hash[32];
        if (line.len == 0) return 0;
        if (!line_hash(line, hash))
            return form_invalid("有一行不是哈希", "a line that is no hash", ret_error);
        int result = merkle_proof_add(ret_inclusion, bytes_of(hash, 32), ret_error);
        if (result < 0) return result;
    }
    return form_invalid("在检查点之前结束", "ends before the checkpoint", ret_error);
}

int tlogproof_parse(struct bytes text, struct tlogproof *ret_proof, struct buf *ret_extra,
                    struct error *ret_error)
{
    struct tlogproof proof = {0};
    struct bytes rest = text;
    struct bytes line;
    struct note note;
    struct buf extra = {0};
    int result = 0;
    if (text.len > LIMIT_TLOGPROOF_BYTES_MAX)
        return error_say(ret_error, E_TOO_LARGE, "tlog-proof", "有 %zu 字节，至多 %d 字节",
                         "%zu bytes, at most %d", text.len, LIMIT_TLOGPROOF_BYTES_MAX);
    if (!line_next(&rest, &line) || !bytes_equal(line, bytes_of_str(first_line)))
        return form_invalid("首行不符", "the first line is another", ret_error);
    if (!line_next(&rest, &line)) return form_invalid("没有序号", "no index", ret_error);
    if (line_skip(&line, "extra ")) {
        if (base64_decode((const char *)line.data, line.len, &extra, NULL) < 0 || extra.len == 0)
            result = form_invalid("extra 不是 base64", "extra is not base64", ret_error);
        else if (extra.len > LIMIT_PROOF_EXTRA_BYTES_MAX)
            result = error_say(ret_error, E_TOO_LARGE, "extra", "有 %zu 字节，至多 %d 字节",
                               "%zu bytes, at most %d", extra.len, LIMIT_PROOF_EXTRA_BYTES_MAX);
        else if (!line_next(&rest, &line))
            result = form_invalid("没有序号", "no index", ret_error);
        if (result < 0) goto out;
    }
    if (!line_skip(&line, "index ") || !line_u64(line, &proof.index)) {
        result = form_invalid("没有序号", "no index", ret_error);
        goto out;
    }
    result = hashes_parse(&rest, &proof.inclusion, ret_error);
    if (result < 0) goto out;
    proof.checkpoint = rest;
    result = note_parse(rest, &note, ret_error);
    if (result == E_NOTE_INVALID)
        result = form_invalid("检查点不是签名文本", "the checkpoint is no note", ret_error);
    if (result < 0) goto out;
    buf_reset(ret_extra);
    buf_append_bytes(ret_extra, buf_bytes(&extra));
    proof.extra = buf_bytes(ret_extra);
    *ret_proof = proof;
out:
    buf_fini(&extra);
    return result;
}

int tlogproof_verify_parts(const struct tlogproof *proof, const uint8_t leaf_hash[static 32],
                           const struct note_key *log_key, struct checkpoint *ret_checkpoint,
                           struct error *ret_error)
{
    struct checkpoint checkpoint;
    if (log_key->type != NOTE_KEY_ED25519)
        return error_say(ret_error, E_BAD_VALUE, "log_key", "密钥类型 0x%02x", "key type 0x%02x",
                         log_key->type);
    int result = checkpoint_verify(proof->checkpoint, log_key->name, log_key->public_key,
                                   &checkpoint, ret_error);
    if (result < 0) return result;
    result = merkle_verify_inclusion(leaf_hash, proof->index, checkpoint.size, &proof->inclusion,
                                     checkpoint.root, ret_error);
    if (result < 0) return result;
    if (ret_checkpoint) *ret_checkpoint = checkpoint;
    return 0;
}

int tlogproof_verify(struct bytes text, struct bytes record, const struct note_key *log_key,
                     struct checkpoint *ret_checkpoint, uint64_t *ret_index,
                     struct error *ret_error)
{
    struct tlogproof proof;
    struct buf extra = {0};
    uint8_t leaf_hash[32];
    int result = tlogproof_parse(text, &proof, &extra, ret_error);
    if (result < 0) goto out;
    merkle_leaf_hash(record, leaf_hash);
    result = tlogproof_verify_parts(&proof, leaf_hash, log_key, ret_checkpoint, ret_error);
    if (result < 0) goto out;
    if (ret_index) *ret_index = proof.index;
out:
    buf_fini(&extra);
    return result;
}
