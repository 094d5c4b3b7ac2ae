#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "certs/ca/ca.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/record.h"

/* A file that bears a note: a root note as it is, or a bundle around its manifest. */
struct signable {
    struct arena arena;
    struct buf bytes; /* as read */
    struct buf note;
    const Leadbus__Bundle *bundle; /* NULL: a root note */
    struct bytes text;
    struct trust_root root; /* whose keys and thresholds count for it */
};

static void signable_fini(struct signable *signable)
{
    arena_fini(&signable->arena);
    buf_fini(&signable->bytes);
    buf_fini(&signable->note);
}

static int signable_open(const char *path, struct signable *ret, struct error *ret_error)
{
    static const char root_title[] = "leadbus/root/v1\n";
    const ProtobufCMessage *message = NULL;
    arena_init(&ret->arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
    int rc = file_read(path, LIMIT_BUNDLE_BYTES_MAX, &ret->bytes, ret_error);
    if (rc != 0) return rc;
    if (ret->bytes.len >= sizeof root_title &&
        memcmp(ret->bytes.data, root_title, sizeof root_title - 1) == 0) {
        buf_append_bytes(&ret->note, buf_bytes(&ret->bytes));
        rc = ca_note_text(buf_bytes(&ret->note), &ret->text, ret_error);
        if (rc == 0) rc = trust_root_parse(ret->text, &ret->root, ret_error);
        return rc;
    }
    rc = message_decode(&leadbus__bundle__descriptor, buf_bytes(&ret->bytes), &ret->arena, &message,
                        ret_error);
    if (rc != 0) return rc;
    ret->bundle = (const Leadbus__Bundle *)message;
    buf_append_bytes(&ret->note, ca_binary(ret->bundle->manifest));
    rc = ca_note_text(buf_bytes(&ret->note), &ret->text, ret_error);
    if (rc == 0) rc = ca_bundle_root(ret->bundle, &ret->root, ret_error);
    if (rc == 0) rc = ca_bundle_check(buf_bytes(&ret->bytes), ret_error);
    return rc;
}

/* Writes the file with the note as it is now, and says how far it is. */
static int signable_write(struct signable *signable, const char *path, struct error *ret_error)
{
    struct buf bytes = {0};
    uint64_t mask = 0;
    if (signable->bundle) {
        Leadbus__Bundle copy = *signable->bundle;
        copy.manifest = ca_borrow(buf_bytes(&signable->note));
        message_encode(&copy.base, &bytes);
    } else {
        buf_append_bytes(&bytes, buf_bytes(&signable->note));
    }
    int rc = trust_signers(&signable->root, buf_bytes(&signable->note), 0, &mask, ret_error);
    if (rc == 0) rc = file_write_atomic(path, buf_bytes(&bytes), 0644, ret_error);
    unsigned wanted =
        signable->bundle ? signable->root.threshold_bundle : signable->root.threshold_root;
    unsigned have = (unsigned)__builtin_popcountll(mask);
    if (rc == 0)
        printf(T("%s：有效签名 %u，需要 %u%s\n", "%s: %u valid signatures, %u needed%s\n"), path,
               have, wanted, have >= wanted ? T("，已生效", ", in force") : "");
    buf_fini(&bytes);
    return rc;
}

/* ---- sign */

/* On a terminal nothing is signed without a word. */
static int confirm(bool yes, struct error *ret_error)
{
    char line[16] = "";
    if (yes || !isatty(STDIN_FILENO)) return 0;
    (void)fprintf(stderr, "%s", T("签署请输入 yes：", "type yes to sign: "));
    if (fgets(line, sizeof line, stdin) && strcmp(line, "yes\n") == 0) return 0;
    return error_say(ret_error, E_USAGE, "sign", "未签署", "not signed");
}

/* What broker and agents would refuse after the bundle in force is not signed. */
static int check_previous(const struct signable *previous, const struct signable *signable,
                          struct error *ret_error)
{
    if (!previous->bundle)
        return error_say(ret_error, E_BAD_VALUE, "--previous", "不是方案包", "is no bundle");
    return ca_bundle_successor(buf_bytes(&previous->bytes), buf_bytes(&signable->bytes), ret_error);
}

static int sign_one(const char *path, const struct keyring *keyring,
                    const struct signable *previous, bool yes, struct error *ret_error)
{
    struct signable signable = {0};
    char name[CA_NOTE_NAME_LEN_MAX + 1];
    int rc = signable_open(path, &signable, ret_error);
    if (rc == 0) rc = ca_note_name(signable.root.bus, keyring->unit, name, ret_error);
    if (rc != 0) goto out;
    bool listed = false;
    for (size_t i = 0; i < signable.root.key_count; i++)
        listed = listed || (strcmp(signable.root.keys[i].name, name) == 0 &&
                            memcmp(signable.root.keys[i].public_key, keyring->identity_public,
                                   SUITE_PUBLIC_LEN) == 0);
    /* A root may also be signed by keys of the one before it. */
    if (!listed && signable.bundle) {
        rc = error_say(ret_error, E_ROLE_NOT_ALLOWED, keyring->unit, "信任根中没有这把密钥",
                       "the root does not have this key");
        goto out;
    }
    if (ca_note_has(buf_bytes(&signable.note), name)) {
        printf(T("%s：%s 已签过，未改动\n", "%s: %s has signed before, nothing changed\n"), path,
               name);
        goto out;
    }
    if (signable.bundle && previous) rc = check_previous(previous, &signable, ret_error);
    if (rc != 0) goto out;
    (void)fprintf(stderr, T("%s 将签署：\n%.*s", "%s signs:\n%.*s"), name, (int)signable.text.len,
                  (const char *)signable.text.data);
    if (signable.bundle)
        ca_tell(stderr, signable.bundle, previous ? previous->bundle : NULL, &signable.arena);
    rc = confirm(yes, ret_error);
    if (rc == 0)
        rc = note_append_signature(&signable.note, name, keyring->identity_secret, ret_error);
    if (rc == 0) rc = signable_write(&signable, path, ret_error);
out:
    signable_fini(&signable);
    return rc;
}

int ca_sign(int argc, char **argv)
{
    const char *key = NULL, *previous_path = NULL;
    bool yes = false;
    struct ca_secret secret = {0};
    struct signable previous = {0};
    const struct options_row rows[] = {
        {.name = "key",
         .letter = 'k',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "授权人的密钥文件",
         .doc_en = "the authority's key",
         .text = &key},
        {.name = "previous",
         .letter = 'p',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "现行方案包：须能接在其后，并列出差别",
         .doc_en =
             "the bundle in force: must be one that may follow it, and what differs is listed",
         .text = &previous_path},
        {.name = "yes",
         .letter = 'y',
         .doc_zh = "不再询问（终端上默认要求确认）",
         .doc_en = "do not ask (on a terminal a word is asked for)",
         .flag = &yes},
        CA_OPTION_PASSPHRASE(&secret.passphrase_file),
        CA_OPTION_KEY_FILE(&secret.key_file),
    };
    const struct options_spec spec = {
        "leadbus-ca sign",
        "--key 文件 文件...",
        "--key FILE FILE...",
        "核验方案包草稿（或信任根）的全部内容后，加上一位授权人的签名。",
        "Checks everything in a bundle draft (or a root note) and adds one authority's signature.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    struct keyring keyring = {0};
    struct buf passphrase = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, key, "--key");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 1, argc);
    if (rc != 0) return options_exit_code(rc);
    rc = ca_secret_read(&secret, key, &passphrase, &error);
    if (rc == 0) rc = keyring_load(&keyring, key, buf_bytes(&passphrase), &error);
    buf_wipe_fini(&passphrase);
    if (rc == 0 && keyring.role != LEADBUS__ROLE__ROLE_NONE)
        rc = error_say(&error, E_ROLE_NOT_ALLOWED, key, "不是授权人的密钥文件",
                       "not an authority's key");
    if (rc == 0 && previous_path) rc = signable_open(previous_path, &previous, &error);
    for (int i = first; rc == 0 && i < argc; i++)
        rc = sign_one(argv[i], &keyring, previous_path ? &previous : NULL, yes, &error);
    if (previous_path) signable_fini(&previous);
    keyring_fini(&keyring);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}

/* ---- combine */

/* The signature lines of `from` that the note does not have yet. */
static int merge(struct buf *buf, struct bytes from, struct error *ret_error)
{
    struct note note;
    int rc = 0;
    if (note_parse(from, &note, NULL) < 0) return 0; /* a draft that nobody signed */
    for (size_t i = 0; rc == 0 && i < note.signature_count; i++) {
        struct bytes line = note.signatures[i].line;
        if (buf->len >= line.len && memmem(buf->data, buf->len, line.data, line.len)) continue;
        if (buf->len + line.len > LIMIT_NOTE_BYTES_MAX)
            rc = error_set(ret_error, E_TOO_LARGE, "note", "%d", LIMIT_NOTE_BYTES_MAX);
        else
            buf_append_bytes(buf, line);
    }
    return rc;
}

/* All but the manifest's signatures must be the same bytes. */
static bool same_content(const struct signable *a, const struct signable *b)
{
    if (!a->bundle != !b->bundle || !bytes_equal(a->text, b->text)) return false;
    if (!a->bundle) return true;
    struct buf left = {0}, right = {0};
    Leadbus__Bundle left_copy = *a->bundle, right_copy = *b->bundle;
    left_copy.manifest = right_copy.manifest = ca_borrow(a->text);
    message_encode(&left_copy.base, &left);
    message_encode(&right_copy.base, &right);
    bool same = bytes_equal(buf_bytes(&left), buf_bytes(&right));
    buf_fini(&left);
    buf_fini(&right);
    return same;
}

static int combine(char **paths, size_t count, const char *out, struct error *ret_error)
{
    struct signable whole = {0};
    int rc = signable_open(paths[0], &whole, ret_error);
    for (size_t i = 1; rc == 0 && i < count; i++) {
        struct signable other = {0};
        rc = signable_open(paths[i], &other, ret_error);
        if (rc == 0 && !same_content(&whole, &other))
            rc = error_say(ret_error, E_BAD_VALUE, paths[i], "与 %s 不是同一份内容",
                           "is not a copy of %s", paths[0]);
        if (rc == 0) {
            size_t text_len = whole.text.len;
            rc = merge(&whole.note, buf_bytes(&other.note), ret_error);
            whole.text = bytes_of(whole.note.data, text_len);
        }
        signable_fini(&other);
    }
    if (rc == 0) rc = signable_write(&whole, out, ret_error);
    signable_fini(&whole);
    return rc;
}

int ca_combine(int argc, char **argv)
{
    const char *out = NULL;
    const struct options_row rows[] = {
        {.name = "out",
         .letter = 'o',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "合并结果写入此文件",
         .doc_en = "where the result goes",
         .text = &out},
    };
    const struct options_spec spec = {
        "leadbus-ca combine",
        "--out 文件 副本 副本...",
        "--out FILE COPY COPY...",
        "把各授权人分头签名的副本合成一份；内容必须逐字节相同。",
        "Puts copies that authorities signed apart into one; their content must be the same.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, out, "--out");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 1, argc);
    if (rc != 0) return options_exit_code(rc);
    rc = combine(argv + first, (size_t)(argc - first), out, &error);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
