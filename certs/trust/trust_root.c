#include <string.h>

#include "certs/trust/trust_inner.h"

int trust_root_verify(const struct trust_root *root, const struct note *note, unsigned threshold,
                      uint64_t *ret_mask, struct error *ret_error)
{
    struct note_key keys[TRUST_KEY_COUNT_MAX];
    uint64_t mask = 0;
    for (size_t i = 0; i < root->key_count; i++) {
        int code = note_key_init(&keys[i], root->keys[i].name, NOTE_KEY_ED25519,
                                 root->keys[i].public_key, ret_error);
        if (code != 0) return code;
    }
    int code =
        note_verify(note, keys, root->key_count, threshold ? threshold : 1, &mask, ret_error);
    /* None at all, where none is asked for. */
    if (threshold == 0 && code == E_THRESHOLD_NOT_MET) code = 0;
    if (code == 0 && ret_mask) *ret_mask = mask;
    return code;
}

int trust_signers(const struct trust_root *root, struct bytes data, unsigned threshold,
                  uint64_t *ret_mask, struct error *ret_error)
{
    struct note note;
    int code = note_parse(data, &note, ret_error);
    return code ? code : trust_root_verify(root, &note, threshold, ret_mask, ret_error);
}

static int root_read(struct bytes data, struct note *note, struct trust_root *root,
                     struct error *ret_error)
{
    *root = (struct trust_root){0};
    int code = note_parse(data, note, ret_error);
    if (code == 0) code = trust_root_parse(note->text, root, ret_error);
    if (code == 0) code = trust_root_verify(root, note, root->threshold_root, NULL, ret_error);
    if (code == 0) sha256(data, root->hash);
    return code;
}

int trust_root_open(struct bytes note, struct trust_root *ret, struct error *ret_error)
{
    struct note parsed;
    struct trust_root root;
    int code = root_read(note, &parsed, &root, ret_error);
    if (code == 0) *ret = root;
    return code;
}

int trust_root_advance(const struct trust_root *current, struct bytes note, struct trust_root *ret,
                       struct error *ret_error)
{
    struct note parsed;
    struct trust_root next;
    int code = root_read(note, &parsed, &next, ret_error);
    if (code != 0) return code;
    if (strcmp(next.bus, current->bus) != 0)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "bus", "是另一总线 %s 的信任根",
                         "root of another bus: %s", next.bus);
    if (next.version == current->version)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "root",
                         "第 %llu 版信任根与本地信任的不是同一份",
                         "another root of version %llu than the one trusted here",
                         (unsigned long long)next.version);
    if (current->version == UINT64_MAX || next.version != current->version + 1)
        return error_say(ret_error, E_BUNDLE_ROLLBACK, "version",
                         "信任根第 %llu 版不能接在第 %llu 版之后",
                         "root %llu does not follow root %llu", (unsigned long long)next.version,
                         (unsigned long long)current->version);
    code = trust_root_verify(current, &parsed, current->threshold_root, NULL, ret_error);
    if (code == 0) *ret = next;
    return code;
}
