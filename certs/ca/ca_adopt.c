#include <inttypes.h>
#include <string.h>

#include "certs/ca/ca.h"
#include "proto/host/file.h"
#include "proto/host/i18n.h"

static const struct trust_certificate *find(const struct trust_bundle *bundle,
                                            const struct keyring *keyring)
{
    const struct trust_certificate *found = NULL;
    for (size_t i = 0; i < trust_certificate_count(bundle); i++) {
        const struct trust_certificate *one = trust_certificate_at(bundle, i);
        if (!one->revoked && memcmp(one->identity, keyring->identity_public, 32) == 0 &&
            memcmp(one->witness, keyring->witness_public, 32) == 0 &&
            memcmp(one->transport, keyring->transport_public, 32) == 0 &&
            one->role == keyring->role && strcmp(one->unit, keyring->unit) == 0)
            found = one;
    }
    return found;
}

static int adopt(const char *path, const struct trust_bundle *bundle,
                 const struct ca_secret *secret, struct error *ret_error)
{
    struct keyring keyring = {0};
    struct buf passphrase = {0};
    int rc = ca_secret_read(secret, path, &passphrase, ret_error);
    if (rc == 0) rc = keyring_load(&keyring, path, buf_bytes(&passphrase), ret_error);
    const struct trust_certificate *found = rc == 0 ? find(bundle, &keyring) : NULL;
    if (rc == 0 && !found)
        rc = error_say(ret_error, E_NOT_FOUND, path, "方案包中没有这份密钥的有效证书",
                       "the bundle has no certificate for these keys");
    if (rc == 0 && keyring.serial != found->serial) {
        keyring.serial = found->serial;
        rc = keyring_save(&keyring, path, buf_bytes(&passphrase), ret_error);
    }
    if (rc == 0) printf("%8" PRIu64 "  %s  %s\n", keyring.serial, keyring.unit, path);
    buf_wipe_fini(&passphrase);
    keyring_fini(&keyring);
    return rc;
}

int ca_adopt(int argc, char **argv)
{
    const char *bundle_path = NULL, *root_path = NULL;
    struct ca_secret secret = {0};
    const struct options_row rows[] = {
        {.name = "root",
         .letter = 'r',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "信任根",
         .doc_en = "the root of trust",
         .text = &root_path},
        {.name = "bundle",
         .letter = 'b',
         .value_zh = "文件",
         .value_en = "FILE",
         .doc_zh = "已签名的方案包",
         .doc_en = "the signed bundle",
         .text = &bundle_path},
        CA_OPTION_PASSPHRASE(&secret.passphrase_file),
        CA_OPTION_KEY_FILE(&secret.key_file),
    };
    const struct options_spec spec = {
        "leadbus-ca adopt",
        "--root 文件 --bundle 文件 密钥文件...",
        "--root FILE --bundle FILE KEYRING...",
        "在单位核验方案包，把签发给本密钥的序列号写入密钥文件。",
        "At the unit: verifies the bundle and writes the serial issued to these keys into the\n"
        "keyring.",
        rows,
        sizeof rows / sizeof rows[0]};
    struct error error = {0};
    struct buf root_bytes = {0}, bundle_bytes = {0};
    struct trust_root root;
    struct trust_bundle *bundle = NULL;
    int first = 0;
    int rc = options_parse(&spec, argc, argv, false, &first);
    if (rc == OPTIONS_DONE) return 0;
    if (rc == 0) rc = options_need(&spec, root_path, "--root");
    if (rc == 0) rc = options_need(&spec, bundle_path, "--bundle");
    if (rc == 0) rc = options_count(&spec, argc, argv, first, 1, argc);
    if (rc != 0) return options_exit_code(rc);
    rc = file_read(root_path, LIMIT_NOTE_BYTES_MAX, &root_bytes, &error);
    if (rc == 0) rc = file_read(bundle_path, LIMIT_BUNDLE_BYTES_MAX, &bundle_bytes, &error);
    if (rc == 0)
        rc = error_in(&error, trust_root_open(buf_bytes(&root_bytes), &root, &error), root_path);
    if (rc == 0)
        rc = error_in(&error, trust_bundle_open(buf_bytes(&bundle_bytes), &root, &bundle, &error),
                      bundle_path);
    for (int i = first; rc == 0 && i < argc; i++) rc = adopt(argv[i], bundle, &secret, &error);
    trust_bundle_free(bundle);
    buf_fini(&root_bytes);
    buf_fini(&bundle_bytes);
    return rc < 0 ? ca_fail(rc, &error) : 0;
}
