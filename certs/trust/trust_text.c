#include "certs/trust/trust_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/line.h"
#include "proto/note.h"

/* Reading line by line; `rc` keeps the first fault, after which everything reads as nothing. */
struct reader {
    struct bytes rest;
    size_t line;
    const char *what;
    int rc;
    struct error *ret_error;
};

static void refuse(struct reader *reader, const char *wanted)
{
    if (reader->rc < 0) return;
    char field[48];
    (void)snprintf(field, sizeof field, "%s:%zu", reader->what, reader->line);
    reader->rc =
        error_say(reader->ret_error, E_NOTE_INVALID, field, "应为 %s", "should be %s", wanted);
}

/* The rest of the next line after "word "; the line stays where it does not start so. */
static bool take(struct reader *reader, const char *word, struct bytes *ret_value)
{
    struct bytes rest = reader->rest;
    struct bytes line;
    if (reader->rc < 0 || !line_next(&rest, &line) || !line_skip(&line, word)) return false;
    reader->rest = rest;
    reader->line++;
    *ret_value = line;
    return true;
}

static void take_exact(struct reader *reader, const char *text)
{
    struct bytes value;
    if (!take(reader, text, &value) || value.len > 0) refuse(reader, text);
}

static uint64_t take_u64(struct reader *reader, const char *word, uint64_t max)
{
    struct bytes value;
    uint64_t number = 0;
    if (!take(reader, word, &value) || !line_u64(value, &number) || number > max)
        refuse(reader, word);
    return number;
}

static bool copy_name(struct bytes value, char ret_name[TRUST_BUS_LEN_MAX + 1])
{
    if (value.len == 0 || value.len > TRUST_BUS_LEN_MAX || memchr(value.data, 0, value.len))
        return false;
    char name[TRUST_BUS_LEN_MAX + 1];
    memcpy(name, value.data, value.len);
    name[value.len] = 0;
    if (!trust_name_valid(name)) return false;
    memcpy(ret_name, name, value.len + 1);
    return true;
}

static void take_bus(struct reader *reader, char ret_bus[TRUST_BUS_LEN_MAX + 1])
{
    struct bytes value;
    if (!take(reader, "bus ", &value) || !copy_name(value, ret_bus)) refuse(reader, "bus <name>");
}

bool trust_name_valid(const char *name)
{
    size_t len = strnlen(name, TRUST_BUS_LEN_MAX + 1);
    if (len == 0 || len > TRUST_BUS_LEN_MAX) return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '+') return false;
    return true;
}

/* ---- root */

static void take_key(struct reader *reader, struct bytes value, struct trust_root *root)
{
    struct note_key key;
    if (root->key_count == TRUST_KEY_COUNT_MAX) {
        refuse(reader, "at most 32 keys");
        return;
    }
    if (note_key_parse(value, &key, NULL) < 0 || key.type != NOTE_KEY_ED25519 ||
        !trust_name_valid(key.name)) {
        refuse(reader, "key <Ed25519 verifier key>");
        return;
    }
    for (size_t i = 0; i < root->key_count; i++)
        if (strcmp(root->keys[i].name, key.name) == 0 ||
            memcmp(root->keys[i].public_key, key.public_key, SUITE_PUBLIC_LEN) == 0) {
            refuse(reader, "a key and a name that no line before has");
            return;
        }
    if (suite_find(SUITE_1)->check_sign_key(key.public_key) < 0) {
        reader->rc =
            error_say(reader->ret_error, E_KEY_WEAK, key.name, "在信任根中", "in the root");
        return;
    }
    memcpy(root->keys[root->key_count].name, key.name, strlen(key.name) + 1);
    memcpy(root->keys[root->key_count].public_key, key.public_key, SUITE_PUBLIC_LEN);
    root->key_count++;
}

int trust_root_parse(struct bytes text, struct trust_root *ret, struct error *ret_error)
{
    struct reader reader = {.rest = text, .what = "root", .ret_error = ret_error};
    struct trust_root root = {0};
    struct bytes value;
    take_exact(&reader, "leadbus/root/v1");
    take_bus(&reader, root.bus);
    root.version = take_u64(&reader, "version ", UINT64_MAX);
    root.expires_ms = take_u64(&reader, "expires ", INT64_MAX);
    root.threshold_root = (unsigned)take_u64(&reader, "threshold-root ", TRUST_KEY_COUNT_MAX);
    root.threshold_bundle = (unsigned)take_u64(&reader, "threshold-bundle ", TRUST_KEY_COUNT_MAX);
    while (reader.rc == 0 && take(&reader, "key ", &value)) take_key(&reader, value, &root);
    if (reader.rest.len > 0) refuse(&reader, "key <verifier key>, or the end");
    if (root.version == 0) refuse(&reader, "a version from 1");
    if (root.threshold_root == 0 || root.threshold_root > root.key_count ||
        root.threshold_bundle == 0 || root.threshold_bundle > root.key_count)
        refuse(&reader, "thresholds between 1 and the number of keys");
    if (reader.rc < 0) return reader.rc;
    *ret = root;
    return 0;
}

int trust_root_format(const struct trust_root *root, struct buf *buf, struct error *ret_error)
{
    int rc = 0;
    struct buf text = {0};
    buf_printf(&text,
               "leadbus/root/v1\nbus %s\nversion %" PRIu64 "\nexpires %" PRIu64
               "\nthreshold-root %u\nthreshold-bundle %u\n",
               root->bus, root->version, root->expires_ms, root->threshold_root,
               root->threshold_bundle);
    CHECK(root->key_count <= TRUST_KEY_COUNT_MAX);
    for (size_t i = 0; rc == 0 && i < root->key_count; i++) {
        struct note_key key;
        rc = note_key_init(&key, root->keys[i].name, NOTE_KEY_ED25519, root->keys[i].public_key,
                           ret_error);
        if (rc < 0) break;
        buf_append_str(&text, "key ");
        note_key_format(&key, &text);
        buf_append_str(&text, "\n");
    }
    struct trust_root again;
    struct error error = {0};
    if (rc == 0 && trust_root_parse(buf_bytes(&text), &again, &error) < 0)
        rc = error_carry(ret_error, E_BAD_VALUE, error.field, &error);
    if (rc == 0) buf_append_bytes(buf, buf_bytes(&text));
    buf_fini(&text);
    return rc;
}

/* ---- manifest */

/* Cuts the next blank-separated word off; false when there is none. */
static bool next_word(struct bytes *rest, struct bytes *ret_word)
{
    size_t len = 0;
    while (len < rest->len && rest->data[len] != ' ') len++;
    if (len == 0) return false;
    *ret_word = bytes_of(rest->data, len);
    /* A blank is only ever between two words. */
    if (len < rest->len) len++;
    if (len == rest->len && rest->data[len - 1] == ' ') return false;
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static bool part_name_valid(struct bytes name)
{
    if (name.len == 0 || name.len > TRUST_PART_NAME_LEN_MAX) return false;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!plain && (i == 0 || (c != '.' && c != '-' && c != '/'))) return false;
    }
    return true;
}

/* hex_decode takes both cases; a text with one accepted spelling takes the lower one. */
static bool lower_hash(struct bytes word, uint8_t ret_hash[32])
{
    if (word.len != 64) return false;
    for (size_t i = 0; i < word.len; i++)
        if (word.data[i] >= 'A' && word.data[i] <= 'F') return false;
    return hex_decode((const char *)word.data, word.len, ret_hash, 32, NULL) == 0;
}

static void take_part(struct reader *reader, struct bytes value, struct trust_manifest *manifest)
{
    struct bytes name, hash, size;
    if (manifest->part_count == LIMIT_BUNDLE_PART_COUNT_MAX) {
        refuse(reader, "at most 64 parts");
        return;
    }
    struct trust_manifest_part *part = &manifest->parts[manifest->part_count];
    if (!next_word(&value, &name) || !next_word(&value, &hash) || !next_word(&value, &size) ||
        value.len > 0 || !part_name_valid(name) || !lower_hash(hash, part->sha256) ||
        !line_u64(size, &part->size)) {
        refuse(reader, "part <name> <sha256> <length>");
        return;
    }
    memcpy(part->name, name.data, name.len);
    part->name[name.len] = 0;
    for (size_t i = 0; i < manifest->part_count; i++)
        if (strcmp(manifest->parts[i].name, part->name) == 0) refuse(reader, "a part named once");
    manifest->part_count++;
}

int trust_manifest_parse(struct bytes text, struct trust_manifest *ret, struct error *ret_error)
{
    struct reader reader = {.rest = text, .what = "manifest", .ret_error = ret_error};
    struct trust_manifest manifest = {0};
    struct bytes value;
    take_exact(&reader, "leadbus/bundle/v1");
    take_bus(&reader, manifest.bus);
    manifest.version = take_u64(&reader, "version ", INT64_MAX);
    manifest.issued_ms = take_u64(&reader, "issued ", INT64_MAX);
    manifest.expires_ms = take_u64(&reader, "expires ", INT64_MAX);
    manifest.hard_limit_ms = take_u64(&reader, "hard-limit ", INT64_MAX);
    manifest.min_suite = (uint32_t)take_u64(&reader, "min-suite ", 255);
    manifest.revocation = take_u64(&reader, "revocation ", UINT64_MAX);
    if (!take(&reader, "previous ", &value) || !lower_hash(value, manifest.previous))
        refuse(&reader, "previous <sha256>");
    manifest.root_version = take_u64(&reader, "root ", UINT64_MAX);
    while (reader.rc == 0 && take(&reader, "part ", &value)) take_part(&reader, value, &manifest);
    if (reader.rest.len > 0) refuse(&reader, "part <name> <sha256> <length>, or the end");
    if (manifest.version == 0) refuse(&reader, "a version from 1");
    if (manifest.min_suite == 0) refuse(&reader, "a min-suite from 1");
    if (manifest.issued_ms > manifest.expires_ms || manifest.expires_ms > manifest.hard_limit_ms)
        refuse(&reader, "issued <= expires <= hard-limit");
    if (reader.rc < 0) return reader.rc;
    *ret = manifest;
    return 0;
}

int trust_manifest_format(const struct trust_manifest *manifest, struct buf *buf,
                          struct error *ret_error)
{
    int rc = 0;
    char hash[65];
    struct buf text = {0};
    hex_encode(bytes_of(manifest->previous, 32), hash);
    buf_printf(&text,
               "leadbus/bundle/v1\nbus %s\nversion %" PRIu64 "\nissued %" PRIu64
               "\nexpires %" PRIu64 "\nhard-limit %" PRIu64 "\nmin-suite %" PRIu32
               "\nrevocation %" PRIu64 "\nprevious %s\nroot %" PRIu64 "\n",
               manifest->bus, manifest->version, manifest->issued_ms, manifest->expires_ms,
               manifest->hard_limit_ms, manifest->min_suite, manifest->revocation, hash,
               manifest->root_version);
    CHECK(manifest->part_count <= LIMIT_BUNDLE_PART_COUNT_MAX);
    for (size_t i = 0; i < manifest->part_count; i++) {
        hex_encode(bytes_of(manifest->parts[i].sha256, 32), hash);
        buf_printf(&text, "part %s %s %" PRIu64 "\n", manifest->parts[i].name, hash,
                   manifest->parts[i].size);
    }
    struct trust_manifest again;
    struct error error = {0};
    if (trust_manifest_parse(buf_bytes(&text), &again, &error) < 0)
        rc = error_carry(ret_error, E_BAD_VALUE, error.field, &error);
    if (rc == 0) buf_append_bytes(buf, buf_bytes(&text));
    buf_fini(&text);
    return rc;
}
