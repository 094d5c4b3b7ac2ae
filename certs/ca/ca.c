#include "certs/ca/ca.h"

#include <inttypes.h>
#include <sodium.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/host/config.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/line.h"
#include "proto/record.h"

int ca_fail(int code, const struct error *error)
{
    i18n_complain("leadbus-ca", code, error);
    return options_exit_code(code);
}

/* ---- secrets */

int ca_secret_read(const struct ca_secret *secret, const char *who, struct buf *ret,
                   struct error *ret_error)
{
    if (secret->key_file) {
        int rc = file_read_secret(secret->key_file, SUITE_KEY_LEN, ret, ret_error);
        if (rc == 0 && (ret->len != SUITE_KEY_LEN || line_text_valid(buf_bytes(ret))))
            rc = error_say(ret_error, E_BAD_VALUE, secret->key_file, "应为 32 个随机字节",
                           "should be 32 random bytes");
        return rc;
    }
    char prompt[256];
    (void)snprintf(prompt, sizeof prompt, T("%s 的口令", "passphrase of %s"), who);
    return keyring_passphrase_read(secret->passphrase_file, "leadbus-passphrase", prompt, ret,
                                   ret_error);
}

/* 0: the same twice; 1: they differ, ask again. */
static int ask_again(const char *who, struct bytes first, struct error *ret_error)
{
    struct buf again = {0};
    char prompt[256];
    (void)snprintf(prompt, sizeof prompt, T("再次输入 %s 的口令", "passphrase of %s again"), who);
    int rc = keyring_passphrase_read(NULL, NULL, prompt, &again, ret_error);
    if (rc == 0)
        rc = again.len != first.len || sodium_memcmp(again.data, first.data, first.len) != 0;
    buf_wipe_fini(&again);
    return rc;
}

static int check_length(size_t len, struct error *ret_error)
{
    if (len >= CA_PASSPHRASE_LEN_MIN) return 0;
    return error_say(ret_error, E_BAD_VALUE, "passphrase",
                     "口令至少 %d 字节（12 个字母或 4 个汉字）",
                     "a passphrase has at least %d bytes", CA_PASSPHRASE_LEN_MIN);
}

int ca_secret_choose(const struct ca_secret *secret, const char *who, struct buf *ret,
                     struct error *ret_error)
{
    bool asked = !secret->key_file && !secret->passphrase_file && !getenv("CREDENTIALS_DIRECTORY");
    for (;;) {
        int rc = ca_secret_read(secret, who, ret, ret_error);
        if (rc < 0 || secret->key_file) return rc;
        struct error error = {0};
        rc = check_length(ret->len, &error);
        if (!asked) return rc < 0 ? error_carry(ret_error, rc, error.field, &error) : 0;
        if (rc == 0)
            rc = ask_again(who, buf_bytes(ret), ret_error);
        else
            (void)fprintf(stderr, "%s\n", error_detail(&error, i18n_lang()));
        if (rc == 0) return 0;
        if (rc == 1)
            (void)fprintf(stderr, "%s\n",
                          T("两次输入不一致，请重新输入", "the two differ; once more"));
        else if (error.code == 0)
            return rc; /* the terminal gives no more */
        buf_wipe_fini(ret);
    }
}

/* ---- options */

int ca_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t fallback,
              uint64_t *ret, struct error *ret_error)
{
    uint64_t number = fallback;
    if (text && (!line_u64(bytes_of_str(text), &number) || number < min || number > max))
        return error_say(ret_error, E_BAD_VALUE, option,
                         "%.40s：应在 %" PRIu64 " 到 %" PRIu64 " 之间",
                         "%.40s: should be %" PRIu64 " to %" PRIu64, text, min, max);
    *ret = number;
    return 0;
}

int ca_now(const char *text, uint64_t *ret_ms, struct error *ret_error)
{
    struct timespec now = {0};
    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    uint64_t clock_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return ca_number("--now", text, 1, (uint64_t)1 << 50, clock_ms, ret_ms, ret_error);
}

static const struct {
    Leadbus__Role role;
    const char *name;
} roles[] = {
    {LEADBUS__ROLE__ROLE_UNIT, "unit"},         {LEADBUS__ROLE__ROLE_BROKER, "broker"},
    {LEADBUS__ROLE__ROLE_OPERATOR, "operator"}, {LEADBUS__ROLE__ROLE_AUDITOR, "auditor"},
    {LEADBUS__ROLE__ROLE_OFFICE, "office"},
};

const char *ca_role_name(Leadbus__Role role)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (roles[i].role == role) return roles[i].name;
    return "none";
}

Leadbus__Role ca_role_parse(const char *text)
{
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strcmp(roles[i].name, text) == 0) return roles[i].role;
    return LEADBUS__ROLE__ROLE_NONE;
}

/* ---- plans */

int ca_plan_load(const char *folder, struct ca_plan *ret, struct error *ret_error)
{
    *ret = (struct ca_plan){0};
    int rc = plan_folder_read(folder, &ret->folder, ret_error);
    if (rc == 0) rc = plan_parse(ret->folder.parts, ret->folder.part_count, &ret->plan, ret_error);
    if (rc != 0) ca_plan_fini(ret);
    return rc;
}

void ca_plan_fini(struct ca_plan *plan)
{
    plan_free(plan->plan);
    plan_folder_fini(&plan->folder);
    *plan = (struct ca_plan){0};
}

/* ---- notes */

int ca_note_name(const char *bus, const char *authority, char ret_name[CA_NOTE_NAME_LEN_MAX + 1],
                 struct error *ret_error)
{
    if (strlen(bus) + 1 + strlen(authority) > CA_NOTE_NAME_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, authority, "名称过长", "the name is too long");
    (void)snprintf(ret_name, CA_NOTE_NAME_LEN_MAX + 1, "%s/%s", bus, authority);
    return 0;
}

bool ca_note_has(struct bytes data, const char *name)
{
    struct note note;
    if (note_parse(data, &note, NULL) < 0) return false;
    for (size_t i = 0; i < note.signature_count; i++)
        if (bytes_equal(note.signatures[i].name, bytes_of_str(name))) return true;
    return false;
}

int ca_note_text(struct bytes data, struct bytes *ret_text, struct error *ret_error)
{
    struct note note;
    int rc = note_parse(data, &note, ret_error);
    if (rc == 0) {
        *ret_text = note.text;
        return 0;
    }
    /* A draft: a text, the empty line, and nothing behind it yet. */
    struct bytes text = bytes_of(data.data, data.len > 0 ? data.len - 1 : 0);
    if (text.len < 2 || data.data[text.len] != '\n' || !note_text_valid(text)) return rc;
    *ret_text = text;
    return 0;
}

/* ---- bundles */

int ca_bundle_root(const Leadbus__Bundle *bundle, struct trust_root *ret, struct error *ret_error)
{
    if (bundle->n_roots == 0)
        return error_say(ret_error, E_MISSING_FIELD, "roots", "方案包中没有信任根",
                         "the bundle carries no root");
    int rc = trust_root_open(ca_binary(bundle->roots[0]), ret, ret_error);
    for (size_t i = 1; rc == 0 && i < bundle->n_roots; i++)
        rc = trust_root_advance(ret, ca_binary(bundle->roots[i]), ret, ret_error);
    return rc;
}

bool ca_endpoint_valid(const char *endpoint)
{
    /* One connects to a host and a port, not to all of them. */
    return config_endpoint_valid(endpoint) && !strchr(endpoint, '*') &&
           strncmp(endpoint, "tcp://0.0.0.0:", 14) != 0 &&
           strncmp(endpoint, "tcp://[::]:", 11) != 0;
}

int ca_brokers_check(const Leadbus__Brokers *brokers, struct error *ret_error)
{
    if (brokers->n_brokers == 0)
        return error_say(ret_error, E_MISSING_FIELD, "brokers",
                         "没有总线服务地址，各单位将无法连接；请用 --broker 名称=地址 给出",
                         "no broker's address: no unit could connect; give --broker NAME=ENDPOINT");
    for (size_t i = 0; i < brokers->n_brokers; i++) {
        const Leadbus__BrokerAddress *one = brokers->brokers[i];
        for (size_t k = 0; k < one->n_endpoints; k++)
            if (!ca_endpoint_valid(one->endpoints[k]))
                return error_say(
                    ret_error, E_BAD_VALUE, "brokers", "%.100s：应为 tcp://主机:端口 或 ipc://路径",
                    "%.100s: should be tcp://HOST:PORT or ipc://PATH", one->endpoints[k]);
        if (one->n_endpoints == 0)
            return error_say(ret_error, E_MISSING_FIELD, "brokers", "序列号 %" PRIu64,
                             "serial %" PRIu64, one->serial);
    }
    return 0;
}

static int check_brokers_of(const Leadbus__Bundle *bundle, struct arena *arena,
                            struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    for (size_t i = 0; i < bundle->n_parts; i++) {
        if (strcmp(bundle->parts[i]->name, "brokers") != 0) continue;
        int rc = message_decode(&leadbus__brokers__descriptor, ca_binary(bundle->parts[i]->content),
                                arena, &message, ret_error);
        return rc == 0 ? ca_brokers_check((const Leadbus__Brokers *)message, ret_error) : rc;
    }
    const Leadbus__Brokers none = LEADBUS__BROKERS__INIT;
    return ca_brokers_check(&none, ret_error);
}

int ca_bundle_check(struct bytes input, struct error *ret_error)
{
    struct trust_bundle *opened = NULL;
    int rc = ca_bundle_open(input, &opened, ret_error);
    trust_bundle_free(opened);
    return rc;
}

int ca_bundle_successor(struct bytes previous, struct bytes next, struct error *ret_error)
{
    struct trust_bundle *old = NULL, *new = NULL;
    int rc = ca_bundle_open(previous, &old, ret_error);
    if (rc == 0) rc = ca_bundle_open(next, &new, ret_error);
    if (rc == 0) rc = trust_bundle_check_successor(old, new, ret_error);
    trust_bundle_free(old);
    trust_bundle_free(new);
    return rc;
}

/* As it would be if a key made for this moment were the only authority. */
int ca_bundle_open(struct bytes input, struct trust_bundle **ret_bundle, struct error *ret_error)
{
    struct arena arena;
    const ProtobufCMessage *message = NULL;
    struct buf manifest = {0}, root_text = {0}, root_note = {0}, bytes = {0};
    struct bytes text;
    struct trust_manifest stated;
    struct trust_root root = {.version = 1, .threshold_root = 1, .threshold_bundle = 1};
    struct trust_bundle *opened = NULL;
    uint8_t secret[SUITE_SIGN_SECRET_LEN];
    arena_init(&arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
    int rc = message_decode(&leadbus__bundle__descriptor, input, &arena, &message, ret_error);
    if (rc != 0) goto out;
    Leadbus__Bundle copy = *(const Leadbus__Bundle *)message;
    rc = ca_note_text(ca_binary(copy.manifest), &text, ret_error);
    if (rc == 0) rc = trust_manifest_parse(text, &stated, ret_error);
    if (rc != 0) goto out;
    crypto_sign_keypair(root.keys[0].public_key, secret);
    root.key_count = 1;
    root.version = stated.root_version;
    root.expires_ms = stated.hard_limit_ms;
    memcpy(root.bus, stated.bus, sizeof root.bus);
    (void)snprintf(root.keys[0].name, sizeof root.keys[0].name, "check");
    rc = trust_root_format(&root, &root_text, ret_error);
    if (rc == 0) rc = note_begin(&root_note, buf_bytes(&root_text), ret_error);
    if (rc == 0) rc = note_append_signature(&root_note, "check", secret, ret_error);
    if (rc == 0) rc = trust_root_open(buf_bytes(&root_note), &root, ret_error);
    if (rc == 0) rc = note_begin(&manifest, text, ret_error);
    if (rc == 0) rc = note_append_signature(&manifest, "check", secret, ret_error);
    if (rc != 0) goto out;
    copy.manifest = ca_borrow(buf_bytes(&manifest));
    copy.n_roots = 0;
    message_encode(&copy.base, &bytes);
    rc = trust_bundle_open(buf_bytes(&bytes), &root, &opened, ret_error);
    if (rc == 0) rc = check_brokers_of(&copy, &arena, ret_error);
    if (rc == 0)
        *ret_bundle = opened;
    else
        trust_bundle_free(opened);
out:
    sodium_memzero(secret, sizeof secret);
    buf_fini(&manifest);
    buf_fini(&root_text);
    buf_fini(&root_note);
    buf_fini(&bytes);
    arena_fini(&arena);
    return rc;
}
