#include <string.h>

#include "certs/trust/trust_inner.h"
#include "proto/line.h"

int trust_text_u64(struct bytes *rest, const char *name, uint64_t *ret_value,
                   struct error *ret_error)
{
    struct bytes line;
    if (!line_next(rest, &line) || !line_skip(&line, name) || !line_skip(&line, " ") ||
        !line_u64(line, ret_value))
        return error_set(ret_error, E_NOTE_INVALID, name, "expected a line: %s NUMBER", name);
    return 0;
}

int trust_text_bus(struct bytes *rest, const char *title, char ret_bus[TRUST_BUS_LEN_MAX + 1],
                   struct error *ret_error)
{
    struct bytes line;
    if (!line_next(rest, &line) || !bytes_equal(line, bytes_of_str(title)))
        return error_set(ret_error, E_NOTE_INVALID, NULL, "expected a first line: %s", title);
    if (!line_next(rest, &line) || !line_skip(&line, "bus ") || !note_name_valid(line) ||
        line.len > TRUST_BUS_LEN_MAX)
        return error_set(ret_error, E_NOTE_INVALID, "bus", "expected a line: bus NAME");
    memcpy(ret_bus, line.data, line.len);
    ret_bus[line.len] = '\0';
    return 0;
}

static int root_keys(struct bytes rest, struct trust_root *root, struct error *ret_error)
{
    const struct suite *suite = suite_find(SUITE_1);
    struct bytes line;
    while (rest.len > 0) {
        struct note_key key;
        if (!line_next(&rest, &line) || !line_skip(&line, "key "))
            return error_set(ret_error, E_NOTE_INVALID, "key", "expected a line: key VKEY");
        if (root->key_count == TRUST_KEY_COUNT_MAX)
            return error_set(ret_error, E_TOO_LARGE, "key", "more than %d keys",
                             TRUST_KEY_COUNT_MAX);
        int code = note_key_parse(line, &key, ret_error);
        if (code != 0) return code;
        if (key.type != NOTE_KEY_ED25519 || strlen(key.name) > TRUST_BUS_LEN_MAX)
            return error_set(ret_error, E_NOTE_INVALID, "key", "not an Ed25519 note key");
        if (suite->check_sign_key(key.public_key) != 0)
            return error_set(ret_error, E_KEY_WEAK, "key", "%s", key.name);
        for (size_t i = 0; i < root->key_count; i++)
            if (memcmp(root->keys[i].public_key, key.public_key, 32) == 0)
                return error_set(ret_error, E_NOTE_INVALID, "key", "%s: a key stands twice",
                                 key.name);
        memcpy(root->keys[root->key_count].name, key.name, strlen(key.name) + 1);
        memcpy(root->keys[root->key_count++].public_key, key.public_key, 32);
    }
    return 0;
}

static int root_parse(struct bytes text, struct trust_root *root, struct error *ret_error)
{
    uint64_t threshold_root = 0, threshold_bundle = 0;
    int code = trust_text_bus(&text, "leadbus/root/v1", root->bus, ret_error);
    if (code == 0) code = trust_text_u64(&text, "version", &root->version, ret_error);
    if (code == 0) code = trust_text_u64(&text, "expires", &root->expires_ms, ret_error);
    if (code == 0) code = trust_text_u64(&text, "threshold-root", &threshold_root, ret_error);
    if (code == 0) code = trust_text_u64(&text, "threshold-bundle", &threshold_bundle, ret_error);
    if (code == 0) code = root_keys(text, root, ret_error);
    if (code != 0) return code;
    if (root->version == 0) return error_set(ret_error, E_NOTE_INVALID, "version", "0: from 1");
    if (threshold_root == 0 || threshold_bundle == 0 || threshold_root > root->key_count ||
        threshold_bundle > root->key_count)
        return error_set(ret_error, E_NOTE_INVALID, "threshold",
                         "a threshold is between 1 and the number of keys, %zu", root->key_count);
    root->threshold_root = (unsigned)threshold_root;
    root->threshold_bundle = (unsigned)threshold_bundle;
    return 0;
}

int trust_root_verify(const struct trust_root *root, const struct note *note, unsigned threshold,
                      struct error *ret_error)
{
    struct note_key keys[TRUST_KEY_COUNT_MAX];
    for (size_t i = 0; i < root->key_count; i++) {
        int code = note_key_init(&keys[i], root->keys[i].name, NOTE_KEY_ED25519,
                                 root->keys[i].public_key, ret_error);
        if (code != 0) return code;
    }
    return note_verify(note, keys, root->key_count, threshold, NULL, ret_error);
}

static int root_read(struct bytes data, struct note *note, struct trust_root *root,
                     struct error *ret_error)
{
    *root = (struct trust_root){0};
    int code = note_parse(data, note, ret_error);
    if (code == 0) code = root_parse(note->text, root, ret_error);
    if (code == 0) code = trust_root_verify(root, note, root->threshold_root, ret_error);
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
        return error_set(ret_error, E_NOTE_INVALID, "bus", "root of another bus: %s", next.bus);
    if (next.version != current->version + 1)
        return error_set(ret_error, E_BUNDLE_ROLLBACK, "version",
                         "root %llu does not follow root %llu", (unsigned long long)next.version,
                         (unsigned long long)current->version);
    code = trust_root_verify(current, &parsed, current->threshold_root, ret_error);
    if (code == 0) *ret = next;
    return code;
}
