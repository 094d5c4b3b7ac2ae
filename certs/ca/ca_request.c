#include <inttypes.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"

struct request_work {
    const char *unit, *role, *keyring, *out;
    bool again;
    struct ca_secret secret;
    uint64_t now_ms, epochs, epoch_ms;
};

static int make_folder_of(const char *path, struct error *ret_error)
{
    struct buf folder = {0};
    file_folder_of(path, &folder);
    int rc = file_make_folders((const char *)folder.data, ret_error);
    if (rc == 0) rc = file_check_folder((const char *)folder.data, ret_error);
    buf_fini(&folder);
    return rc;
}

static int open_or_make(const struct request_work *work, struct keyring *keyring,
                        struct error *ret_error)
{
    struct buf passphrase = {0};
    int rc = 0;
    if (work->again) {
        rc = ca_secret_read(&work->secret, work->keyring, &passphrase, ret_error);
        if (rc == 0) rc = keyring_load(keyring, work->keyring, buf_bytes(&passphrase), ret_error);
        goto out;
    }
    if (file_exists(work->keyring)) {
        rc = error_say(ret_error, E_EXISTS, work->keyring, "密钥文件已存在；重新申请请加 --again",
                       "the keyring is there; --again makes another request from it");
        goto out;
    }
    rc = make_folder_of(work->keyring, ret_error);
    if (rc == 0)
        rc = keyring_generate(keyring, work->unit, ca_role_parse(work->role), work->now_ms,
                              (size_t)work->epochs, work->epoch_ms, ret_error);
    if (rc == 0) rc = ca_secret_choose(&work->secret, work->keyring, &passphrase, ret_error);
    if (rc == 0) rc = keyring_save(keyring, work->keyring, buf_bytes(&passphrase), ret_error);
out:
    buf_wipe_fini(&passphrase);
    return rc;
}

static int run(const struct request_work *work, struct error *ret_error)
{
    struct keyring keyring = {0};
    struct arena arena;
    struct buf request = {0};
    const Leadbus__EnrolmentRequestBody *body = NULL;
    char id[65];
    arena_init(&arena, LIMIT_FRAME_BYTES_MAX);
    int rc = open_or_make(work, &keyring, ret_error);
    if (rc != 0) goto out;
    keyring_request(&keyring, work->now_ms, &request);
    rc = trust_request_open(buf_bytes(&request), &arena, &body, ret_error);
    if (rc == 0) rc = file_write_atomic(work->out, buf_bytes(&request), 0644, ret_error);
    if (rc != 0) goto out;
    uint8_t hash[32];
    sha256(buf_bytes(&request), hash);
    hex_encode(bytes_of(hash, sizeof hash), id);
    printf(T("%s 入网申请：%s\n指纹（请当面核对）：%s\n",
             "request of %s: %s\nfingerprint (compare it in person): %s\n"),
           keyring.unit, work->out, id);
out:
    keyring_fini(&keyring);
    arena_fini(&arena);
    buf_fini(&request);
    return rc;
}

int ca_request(int argc, char **argv)
{
    struct request_work work = {.role = "unit"};
    const char *epochs_text = NULL, *days_text = NULL, *now_text = NULL;
    const struct options_row rows[] = {
        {.name = "unit",
         .letter = 'u',
         .value_zh = "单位",
         .value_en = "UNIT",
         .doc_zh = "单位代码",
         .doc_en = "the unit's key in the plan",
         .text = &work.unit},
        {.name = "role",
         .value_zh = "角色",
         .value_en = "ROLE",
         .doc_zh = "unit office broker operator auditor，默认 unit",
         .doc_en = "unit office broker operator auditor (unit)",
         .text = &work.role},
        {.name = "keyring",
         .letter = 'k',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "新建的密钥文件（0600，目录 0700）",
         .doc_en = "keyring to make (mode 0600, folder 0700)",
         .text = &work.keyring},
        {.name = "out",
         .letter = 'o',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "申请写入此文件",
         .doc_en = "where the request goes",
         .text = &work.out},
        {.name = "epochs",
         .value_zh = "N",
         .value_en = "N",
         .doc_zh = "预备的时段密钥数，默认 6",
         .doc_en = "epoch keys prepared ahead (6)",
         .text = &epochs_text},
        {.name = "epoch-days",
         .value_zh = "天",
         .value_en = "DAYS",
         .doc_zh = "每个时段的天数，默认 7",
         .doc_en = "days of an epoch (7)",
         .text = &days_text},
        {.name = "again",
         .doc_zh = "从已有密钥文件再出一份申请",
         .doc_en = "another request from a keyring that is there",
         .flag = &work.again},
        CA_OPTION_PASSPHRASE(&work.secret.passphrase_file),
        CA_OPTION_KEY_FILE(&work.secret.key_file),
        CA_OPTION_NOW(&now_text),
    };
    const struct options_spec spec = {
        "leadbus-ca request",
        "--unit 单位 --keyring 文件 --out 文件 [选项]",
        "--unit UNIT --keyring FILE --out FILE [options]",
        "在本单位生成密钥，并写出自签名的入网申请，交授权机构签发。私钥不出本机。",
        "Makes a unit's keys, at the unit, and a request signed by them for the authority.\n"
        "Secrets never leave the machine.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    uint64_t days = 0;
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, work.unit || work.again, "--unit");
    if (rc == 0) rc = options_need(&spec, work.keyring, "--keyring");
    if (rc == 0) rc = options_need(&spec, work.out, "--out");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 0, 0);
    if (rc == 0 && ca_role_parse(work.role) == LEADBUS__ROLE__ROLE_NONE)
        rc = options_wrong(&spec, T("--role 应为 unit、office、broker、operator 或 auditor",
                                    "--role takes unit, office, broker, operator or auditor"));
    if (rc != 0) return options_exit_code(rc);
    rc = ca_number("--epochs", epochs_text, 0, KEYRING_EPOCH_COUNT_MAX, 6, &work.epochs, &error);
    if (rc == 0) rc = ca_number("--epoch-days", days_text, 1, 366, 7, &days, &error);
    if (rc == 0) rc = ca_now(now_text, &work.now_ms, &error);
    work.epoch_ms = days * CA_DAY_MS;
    if (rc == 0) rc = run(&work, &error);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
