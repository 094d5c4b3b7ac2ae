#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"
#include "proto/record.h"

/* What is shown is gathered as one JSON object first; people get the same facts as lines. */
struct show_work {
    bool json;
    struct ca_secret secret;
    uint64_t now_ms;
    struct arena arena;
};

static const struct {
    const char *key, *zh, *en;
} labels[] = {
    {"type", "类型", "type"},
    {"bus", "总线", "bus"},
    {"version", "版本", "version"},
    {"issued_ms", "签发", "issued"},
    {"expires_ms", "到期", "expires"},
    {"hard_limit_ms", "停发", "hard limit"},
    {"days_left", "剩余天数", "days left"},
    {"min_suite", "最低套件", "least suite"},
    {"revocation", "吊销号", "revocation number"},
    {"revoked", "已吊销", "revoked"},
    {"root_version", "信任根版本", "root version"},
    {"threshold_root", "信任根所需签名", "signatures for a root"},
    {"threshold_bundle", "方案包所需签名", "signatures for a bundle"},
    {"signed_by", "有效签名", "valid signatures"},
    {"not_signed_by", "未签名", "not signed by"},
    {"in_force", "签名足够", "enough signatures"},
    {"opens", "内容核验", "content holds"},
    {"error", "问题", "problem"},
    {"parts", "组成", "parts"},
    {"certificates", "证书", "certificates"},
    {"epoch_keys", "时段密钥数", "epoch keys"},
    {"brokers", "总线服务", "brokers"},
    {"unit", "单位", "unit"},
    {"role", "角色", "role"},
    {"serial", "序列号", "serial"},
    {"identity", "身份公钥", "identity key"},
    {"witness", "见证公钥", "witness key"},
    {"transport", "传输公钥", "transport key"},
    {"fingerprint", "指纹", "fingerprint"},
    {"time_ms", "时间", "time"},
    {"keys", "授权人密钥", "authorities"},
    {"name", "名称", "name"},
    {"reason", "原因", "reason"},
    {"endpoints", "地址", "endpoints"},
    /* values */
    {"root", "信任根", "root of trust"},
    {"bundle", "方案包", "bundle"},
    {"directory", "名录草稿", "directory draft"},
    {"request", "入网申请", "enrolment request"},
    {"keyring", "密钥文件", "keyring"},
    {"broker", "总线服务", "broker"},
    {"office", "联席会议办公室", "office"},
    {"operator", "运维", "operator"},
    {"auditor", "审计", "auditor"},
    {"authority", "授权人", "authority"},
};

static const char *label_of(const char *key)
{
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++)
        if (strcmp(labels[i].key, key) == 0) return T(labels[i].zh, labels[i].en);
    return key;
}

/* ---- gathering */

static void put_text(json_t *object, const char *key, const char *text)
{
    (void)json_object_set_new(object, key, json_string(text));
}

static void put_number(json_t *object, const char *key, uint64_t number)
{
    (void)json_object_set_new(object, key, json_integer((json_int_t)number));
}

static void put_hex(json_t *object, const char *key, struct bytes bytes)
{
    char text[2 * 64 + 1];
    hex_encode(bytes_of(bytes.data, bytes.len < 64 ? bytes.len : 64), text);
    put_text(object, key, text);
}

static void put_days(json_t *object, uint64_t now_ms, uint64_t end_ms)
{
    int64_t left_ms = (int64_t)end_ms - (int64_t)now_ms;
    (void)json_object_set_new(object, "days_left",
                              json_integer(left_ms / (int64_t)CA_DAY_MS - (left_ms < 0)));
}

static void put_fingerprint(json_t *object, struct bytes bytes)
{
    uint8_t hash[32];
    sha256(bytes, hash);
    put_hex(object, "fingerprint", bytes_of(hash, sizeof hash));
}

static void put_signers(json_t *object, const struct trust_root *root, struct bytes note,
                        unsigned threshold)
{
    uint64_t mask = 0;
    struct error error = {0};
    json_t *have = json_array(), *lack = json_array();
    int rc = trust_signers(root, note, 0, &mask, &error);
    struct bytes text;
    if (rc < 0 && ca_note_text(note, &text, NULL) == 0 && text.len + 1 == note.len) rc = 0;
    for (size_t i = 0; i < root->key_count; i++)
        (void)json_array_append_new(mask >> i & 1 ? have : lack, json_string(root->keys[i].name));
    (void)json_object_set_new(object, "in_force",
                              json_boolean((unsigned)__builtin_popcountll(mask) >= threshold));
    (void)json_object_set_new(object, "signed_by", have);
    (void)json_object_set_new(object, "not_signed_by", lack);
    if (rc != 0) put_text(object, "error", error_text(rc, i18n_lang()));
}

static int show_root(const struct show_work *work, struct bytes bytes, json_t *object,
                     struct error *ret_error)
{
    struct bytes text;
    struct trust_root root;
    int rc = ca_note_text(bytes, &text, ret_error);
    if (rc == 0) rc = trust_root_parse(text, &root, ret_error);
    if (rc != 0) return rc;
    put_text(object, "type", "root");
    put_text(object, "bus", root.bus);
    put_number(object, "version", root.version);
    put_number(object, "expires_ms", root.expires_ms);
    put_days(object, work->now_ms, root.expires_ms);
    put_number(object, "threshold_root", root.threshold_root);
    put_number(object, "threshold_bundle", root.threshold_bundle);
    json_t *keys = json_array();
    for (size_t i = 0; i < root.key_count; i++) {
        json_t *key = json_object();
        put_text(key, "name", root.keys[i].name);
        put_hex(key, "identity", bytes_of(root.keys[i].public_key, SUITE_PUBLIC_LEN));
        (void)json_array_append_new(keys, key);
    }
    (void)json_object_set_new(object, "keys", keys);
    put_signers(object, &root, bytes, root.threshold_root);
    put_fingerprint(object, bytes);
    return 0;
}

static json_t *certificate_row(const struct show_work *work, const Leadbus__Certificate *one)
{
    json_t *row = json_object();
    put_number(row, "serial", one->serial);
    put_text(row, "role", ca_role_name(one->role));
    put_text(row, "unit", one->unit);
    put_hex(row, "identity", ca_binary(one->identity));
    put_number(row, "expires_ms", one->not_after_ms);
    put_days(row, work->now_ms, one->not_after_ms);
    return row;
}

static void put_directory(const struct show_work *work, const Leadbus__Directory *directory,
                          json_t *object)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < directory->n_certificates; i++)
        (void)json_array_append_new(rows, certificate_row(work, directory->certificates[i]));
    (void)json_object_set_new(object, "certificates", rows);
    put_number(object, "epoch_keys", directory->n_epoch_keys);
}

static void put_revoked(const Leadbus__Revocations *list, json_t *object)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < list->n_revoked; i++) {
        json_t *row = json_object();
        put_number(row, "serial", list->revoked[i]->serial);
        put_text(row, "reason", list->revoked[i]->reason);
        put_number(row, "time_ms", list->revoked[i]->time_ms);
        (void)json_array_append_new(rows, row);
    }
    (void)json_object_set_new(object, "revoked", rows);
}

static void put_brokers(const Leadbus__Brokers *brokers, json_t *object)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < brokers->n_brokers; i++) {
        json_t *row = json_object();
        json_t *endpoints = json_array();
        put_number(row, "serial", brokers->brokers[i]->serial);
        for (size_t k = 0; k < brokers->brokers[i]->n_endpoints; k++)
            (void)json_array_append_new(endpoints, json_string(brokers->brokers[i]->endpoints[k]));
        (void)json_object_set_new(row, "endpoints", endpoints);
        (void)json_array_append_new(rows, row);
    }
    (void)json_object_set_new(object, "brokers", rows);
}

static void put_parts(struct show_work *work, const Leadbus__Bundle *bundle, json_t *object)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < bundle->n_parts; i++) {
        const Leadbus__BundlePart *part = bundle->parts[i];
        const ProtobufCMessage *message = NULL;
        struct bytes content = ca_binary(part->content);
        (void)json_array_append_new(rows, json_string(part->name));
        if (strcmp(part->name, "directory") == 0 &&
            message_decode(&leadbus__directory__descriptor, content, &work->arena, &message,
                           NULL) == 0)
            put_directory(work, (const Leadbus__Directory *)message, object);
        if (strcmp(part->name, "revocations") == 0 &&
            message_decode(&leadbus__revocations__descriptor, content, &work->arena, &message,
                           NULL) == 0)
            put_revoked((const Leadbus__Revocations *)message, object);
        if (strcmp(part->name, "brokers") == 0 &&
            message_decode(&leadbus__brokers__descriptor, content, &work->arena, &message, NULL) ==
                0)
            put_brokers((const Leadbus__Brokers *)message, object);
    }
    (void)json_object_set_new(object, "parts", rows);
}

static int show_bundle(struct show_work *work, const Leadbus__Bundle *bundle, struct bytes bytes,
                       json_t *object, struct error *ret_error)
{
    static struct trust_manifest stated;
    struct trust_root root;
    struct bytes text;
    struct bytes note = ca_binary(bundle->manifest);
    int rc = ca_note_text(note, &text, ret_error);
    if (rc == 0) rc = trust_manifest_parse(text, &stated, ret_error);
    if (rc == 0) rc = ca_bundle_root(bundle, &root, ret_error);
    if (rc != 0) return rc;
    put_text(object, "type", "bundle");
    put_text(object, "bus", stated.bus);
    put_number(object, "version", stated.version);
    put_number(object, "issued_ms", stated.issued_ms);
    put_number(object, "expires_ms", stated.expires_ms);
    put_number(object, "hard_limit_ms", stated.hard_limit_ms);
    put_days(object, work->now_ms, stated.expires_ms);
    put_number(object, "min_suite", stated.min_suite);
    put_number(object, "revocation", stated.revocation);
    put_number(object, "root_version", stated.root_version);
    put_number(object, "threshold_bundle", root.threshold_bundle);
    put_signers(object, &root, note, root.threshold_bundle);
    struct error error = {0};
    int holds = ca_bundle_check(bytes, &error);
    (void)json_object_set_new(object, "opens", json_boolean(holds == 0));
    if (holds < 0) put_text(object, "error", error_text(holds, i18n_lang()));
    put_parts(work, bundle, object);
    put_fingerprint(object, text);
    return 0;
}

static void show_request(const Leadbus__EnrolmentRequestBody *body, struct bytes bytes,
                         json_t *object)
{
    put_text(object, "type", "request");
    put_text(object, "unit", body->unit);
    put_text(object, "role", ca_role_name(body->role));
    put_number(object, "time_ms", body->time_ms);
    put_hex(object, "identity", ca_binary(body->identity));
    put_hex(object, "witness", ca_binary(body->witness));
    put_hex(object, "transport", ca_binary(body->transport));
    put_number(object, "epoch_keys", body->n_epoch_keys);
    put_fingerprint(object, bytes);
}

static int show_keyring(const struct show_work *work, const char *path, json_t *object,
                        struct error *ret_error)
{
    struct keyring keyring = {0};
    struct buf passphrase = {0};
    int rc = ca_secret_read(&work->secret, path, &passphrase, ret_error);
    if (rc == 0) rc = keyring_load(&keyring, path, buf_bytes(&passphrase), ret_error);
    buf_wipe_fini(&passphrase);
    if (rc != 0) return rc;
    put_text(object, "type", "keyring");
    put_text(object, "unit", keyring.unit);
    put_text(object, "role",
             keyring.role == LEADBUS__ROLE__ROLE_NONE ? "authority" : ca_role_name(keyring.role));
    put_number(object, "serial", keyring.serial);
    put_hex(object, "identity", bytes_of(keyring.identity_public, 32));
    put_hex(object, "witness", bytes_of(keyring.witness_public, 32));
    put_hex(object, "transport", bytes_of(keyring.transport_public, 32));
    put_number(object, "epoch_keys", keyring.epoch_count);
    if (keyring.epoch_count > 0) {
        uint64_t end_ms = keyring.epochs[keyring.epoch_count - 1].not_after_ms;
        put_number(object, "expires_ms", end_ms);
        put_days(object, work->now_ms, end_ms);
    }
    keyring_fini(&keyring);
    return 0;
}

static int gather(struct show_work *work, const char *path, json_t *object, struct error *ret_error)
{
    const ProtobufCMessage *message = NULL;
    const Leadbus__EnrolmentRequestBody *request = NULL;
    struct buf file = {0};
    int rc = file_read(path, LIMIT_BUNDLE_BYTES_MAX, &file, ret_error);
    struct bytes bytes = buf_bytes(&file);
    if (rc != 0) goto out;
    if (bytes.len > 16 && memcmp(bytes.data, "leadbus/root/v1\n", 16) == 0) {
        rc = show_root(work, bytes, object, ret_error);
    } else if (bytes.len > 10 && memcmp(bytes.data, "LBKEYRING1", 10) == 0) {
        rc = show_keyring(work, path, object, ret_error);
    } else if (message_decode(&leadbus__bundle__descriptor, bytes, &work->arena, &message, NULL) ==
                   0 &&
               ((const Leadbus__Bundle *)message)->n_parts > 0) {
        rc = show_bundle(work, (const Leadbus__Bundle *)message, bytes, object, ret_error);
    } else if (message_decode(&leadbus__directory__descriptor, bytes, &work->arena, &message,
                              NULL) == 0 &&
               bytes.len > 0) {
        put_text(object, "type", "directory");
        put_directory(work, (const Leadbus__Directory *)message, object);
    } else if (message_decode(&leadbus__enrolment_request__descriptor, bytes, &work->arena,
                              &message, NULL) == 0) {
        rc = trust_request_open(bytes, &work->arena, &request, ret_error);
        if (rc == 0) show_request(request, bytes, object);
    } else {
        rc = error_say(ret_error, E_BAD_FORM, path,
                       "不是信任根、方案包、名录草稿、入网申请或密钥文件",
                       "neither a root, a bundle, a directory draft, a request nor a keyring");
    }
out:
    buf_fini(&file);
    return error_in(ret_error, rc, path);
}

/* ---- for people */

static bool is_time(const char *key)
{
    size_t len = strlen(key);
    return len > 3 && strcmp(key + len - 3, "_ms") == 0;
}

static void print_value(const char *key, const json_t *value)
{
    char time[I18N_TIME_LEN];
    if (json_is_string(value)) {
        bool word = strcmp(key, "type") == 0 || strcmp(key, "role") == 0;
        printf("%s", word ? label_of(json_string_value(value)) : json_string_value(value));
    } else if (json_is_boolean(value)) {
        printf("%s", json_is_true(value) ? T("是", "yes") : T("否", "no"));
    } else if (json_is_integer(value) && is_time(key)) {
        i18n_time((uint64_t)json_integer_value(value), time);
        printf("%s", time);
    } else if (json_is_integer(value)) {
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    }
}

static void print_rows(const json_t *rows)
{
    size_t i;
    const json_t *row;
    json_array_foreach(rows, i, row)
    {
        printf("\n   ");
        if (!json_is_object(row)) {
            printf(" ");
            print_value("", row);
            continue;
        }
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)(uintptr_t)row, key, value)
        {
            printf(" %s ", label_of(key));
            if (!json_is_array(value)) {
                print_value(key, value);
                continue;
            }
            size_t k;
            const json_t *item;
            json_array_foreach(value, k, item)
                printf("%s%s", k ? "," : "", json_string_value(item));
        }
    }
}

static void print_object(const char *path, json_t *object)
{
    const char *key;
    json_t *value;
    printf("%s\n", path);
    json_object_foreach(object, key, value)
    {
        printf("  ");
        i18n_pad(stdout, label_of(key), 24);
        if (json_is_array(value))
            print_rows(value);
        else
            print_value(key, value);
        printf("\n");
    }
}

int ca_show(int argc, char **argv)
{
    struct show_work work = {0};
    const char *now_text = NULL;
    const struct options_row rows[] = {
        {.name = "json",
         .doc_zh = "以 JSON 输出，每个文件一行",
         .doc_en = "JSON, one line for each file",
         .flag = &work.json},
        CA_OPTION_PASSPHRASE(&work.secret.passphrase_file),
        CA_OPTION_KEY_FILE(&work.secret.key_file),
        CA_OPTION_NOW(&now_text),
    };
    const struct options_spec spec = {
        "leadbus-ca show",
        "[选项] 文件...",
        "[options] FILE...",
        "查看信任根、方案包、名录草稿、入网申请或密钥文件的公开部分。",
        "Shows a root, a bundle, a directory draft, a request, or the public part of a keyring.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 1, argc);
    if (rc != 0) return options_exit_code(rc);
    rc = ca_now(now_text, &work.now_ms, &error);
    for (int i = first; rc == 0 && i < argc; i++) {
        json_t *object = json_object();
        arena_init(&work.arena, (size_t)LIMIT_BUNDLE_BYTES_MAX * 4);
        rc = gather(&work, argv[i], object, &error);
        if (rc == 0 && work.json) {
            (void)json_dumpf(object, stdout, JSON_COMPACT);
            printf("\n");
        } else if (rc == 0) {
            print_object(argv[i], object);
        }
        arena_fini(&work.arena);
        json_decref(object);
    }
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
