#include "certs/keyring/keyring.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/envelope.h"
#include "proto/host/file.h"
#include "proto/line.h"
#include "proto/record.h"

/* head: magic, kdf, operations, memory in bytes, salt, nonce; then the sealed rest. */
static const char magic[] = "LBKEYRING1\n";
enum {
    MAGIC_LEN = sizeof magic - 1,
    KDF_RAW = 0,
    KDF_ARGON2ID = 1,
    SALT_LEN = crypto_pwhash_SALTBYTES,
    NONCE_LEN = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    HEAD_LEN = MAGIC_LEN + 1 + 8 + 8 + SALT_LEN + NONCE_LEN,
    TAG_LEN = crypto_aead_xchacha20poly1305_ietf_ABYTES,
    FILE_LEN_MAX = 16384,
    EPOCH_LEN = 8 * 3 + 32,
};
static const uint64_t memory_max_bytes = 1ull << 30, operations_max = 16;

/* A passphrase is text; 32 bytes that are none are a key as it is. Random bytes are text by chance
 * once in billions of times, and who makes them draws again (docs/man). */
static bool is_raw_key(struct bytes passphrase)
{
    return passphrase.len == 32 && !line_text_valid(passphrase);
}

static int derive(struct bytes passphrase, const uint8_t head[HEAD_LEN], uint8_t ret_key[32],
                  struct error *ret_error)
{
    const uint8_t *at = head + MAGIC_LEN;
    uint8_t kdf = at[0];
    uint64_t operations = load_u64(at + 1), memory = load_u64(at + 9);
    if (kdf == KDF_RAW) {
        if (!is_raw_key(passphrase))
            return error_say(ret_error, E_KEYRING_SEALED, "passphrase",
                             "此密钥文件以 32 字节密钥文件封存",
                             "this keyring is sealed by a 32 byte key file");
        memcpy(ret_key, passphrase.data, 32);
        return 0;
    }
    if (kdf != KDF_ARGON2ID || operations == 0 || operations > operations_max ||
        memory < crypto_pwhash_MEMLIMIT_MIN || memory > memory_max_bytes)
        return error_say(ret_error, E_BAD_FORM, "keyring", "口令派生参数未知或不合理",
                         "unknown or absurd KDF parameters");
    if (crypto_pwhash(ret_key, 32, (const char *)passphrase.data, passphrase.len, at + 17,
                      operations, (size_t)memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
        return error_set(ret_error, E_NO_MEMORY, "keyring", "Argon2id wants %llu bytes",
                         (unsigned long long)memory);
    return 0;
}

static void new_epoch(struct keyring *keyring, uint64_t number, uint64_t not_before_ms,
                      uint64_t epoch_ms)
{
    struct keyring_epoch *epoch = &keyring->epochs[keyring->epoch_count++];
    epoch->number = number;
    epoch->not_before_ms = not_before_ms;
    epoch->not_after_ms = not_before_ms + epoch_ms;
    randombytes_buf(epoch->secret, sizeof epoch->secret);
    suite_find(SUITE_1)->public_of(epoch->secret, epoch->public_key);
}

int keyring_generate(struct keyring *ret, const char *unit, Leadbus__Role role, uint64_t now_ms,
                     size_t epoch_count, uint64_t epoch_ms, struct error *ret_error)
{
    if (!slug_valid(unit)) return error_set(ret_error, E_BAD_VALUE, "unit", "%.60s", unit);
    if (epoch_count > KEYRING_EPOCH_COUNT_MAX)
        return error_say(ret_error, E_BAD_VALUE, "epochs", "至多 %d 把", "at most %d",
                         KEYRING_EPOCH_COUNT_MAX);
    if (sodium_init() < 0)
        return error_say(ret_error, E_IO, NULL, "系统不提供随机数", "no entropy");
    *ret = (struct keyring){.role = role};
    (void)sodium_mlock(ret, sizeof *ret);
    snprintf(ret->unit, sizeof ret->unit, "%s", unit);
    randombytes_buf(ret->instance, sizeof ret->instance);
    crypto_sign_keypair(ret->identity_public, ret->identity_secret);
    crypto_sign_keypair(ret->witness_public, ret->witness_secret);
    randombytes_buf(ret->transport_secret, sizeof ret->transport_secret);
    crypto_scalarmult_base(ret->transport_public, ret->transport_secret);
    for (size_t i = 0; i < epoch_count; i++) new_epoch(ret, i + 1, now_ms + i * epoch_ms, epoch_ms);
    return 0;
}

static void plain_write(const struct keyring *keyring, struct buf *plain)
{
    buf_append_u32(plain, (uint32_t)keyring->role);
    buf_append_u64(plain, keyring->serial);
    buf_append_prefixed(plain, bytes_of_str(keyring->unit));
    buf_append(plain, keyring->instance, 16);
    buf_append(plain, keyring->identity_secret, 32); /* seeds: the public halves follow from them */
    buf_append(plain, keyring->witness_secret, 32);
    buf_append(plain, keyring->transport_secret, 32);
    buf_append_u16(plain, (uint16_t)keyring->epoch_count);
    for (size_t i = 0; i < keyring->epoch_count; i++) {
        buf_append_u64(plain, keyring->epochs[i].number);
        buf_append_u64(plain, keyring->epochs[i].not_before_ms);
        buf_append_u64(plain, keyring->epochs[i].not_after_ms);
        buf_append(plain, keyring->epochs[i].secret, 32);
    }
}

static bool take(struct bytes *rest, void *ret, size_t len)
{
    if (rest->len < len) return false;
    memcpy(ret, rest->data, len);
    *rest = bytes_of(rest->data + len, rest->len - len);
    return true;
}

static bool plain_read(struct bytes rest, struct keyring *keyring)
{
    uint8_t fixed[14], seed[32], count[2], epoch[EPOCH_LEN];
    bool ok = take(&rest, fixed, 14);
    size_t unit_len = ok ? load_u16(fixed + 12) : 0;
    ok = ok && unit_len < sizeof keyring->unit && take(&rest, keyring->unit, unit_len);
    ok = ok && slug_valid(keyring->unit) && take(&rest, keyring->instance, 16);
    if (!ok) return false;
    keyring->role = (Leadbus__Role)load_u32(fixed);
    keyring->serial = load_u64(fixed + 4);
    ok = take(&rest, seed, 32);
    if (ok) crypto_sign_seed_keypair(keyring->identity_public, keyring->identity_secret, seed);
    ok = ok && take(&rest, seed, 32);
    if (ok) crypto_sign_seed_keypair(keyring->witness_public, keyring->witness_secret, seed);
    ok = ok && take(&rest, keyring->transport_secret, 32);
    if (ok) crypto_scalarmult_base(keyring->transport_public, keyring->transport_secret);
    ok = ok && take(&rest, count, 2) && load_u16(count) <= KEYRING_EPOCH_COUNT_MAX;
    for (size_t i = 0; ok && i < load_u16(count); i++) {
        struct keyring_epoch *one = &keyring->epochs[i];
        ok = take(&rest, epoch, EPOCH_LEN);
        if (!ok) break;
        one->number = load_u64(epoch);
        one->not_before_ms = load_u64(epoch + 8);
        one->not_after_ms = load_u64(epoch + 16);
        memcpy(one->secret, epoch + 24, 32);
        suite_find(SUITE_1)->public_of(one->secret, one->public_key);
        keyring->epoch_count++;
    }
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(epoch, sizeof epoch);
    return ok && rest.len == 0;
}

int keyring_save(const struct keyring *keyring, const char *path, struct bytes passphrase,
                 struct error *ret_error)
{
    if (passphrase.len == 0 || passphrase.len > KEYRING_PASSPHRASE_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, "passphrase", "应为 1 到 %d 字节", "1..%d bytes",
                         KEYRING_PASSPHRASE_LEN_MAX);
    bool raw = is_raw_key(passphrase);
    struct buf plain = {0}, file = {0};
    uint8_t key[32];
    buf_append(&file, magic, MAGIC_LEN);
    buf_append_u8(&file, raw ? KDF_RAW : KDF_ARGON2ID);
    buf_append_u64(&file, raw ? 0 : crypto_pwhash_OPSLIMIT_INTERACTIVE);
    buf_append_u64(&file, raw ? 0 : crypto_pwhash_MEMLIMIT_INTERACTIVE);
    randombytes_buf(buf_grow(&file, SALT_LEN + NONCE_LEN), SALT_LEN + NONCE_LEN);
    CHECK(file.len == HEAD_LEN);
    int code = derive(passphrase, file.data, key, ret_error);
    if (code == 0) {
        plain_write(keyring, &plain);
        buf_grow(&file, plain.len + TAG_LEN);
        crypto_aead_xchacha20poly1305_ietf_encrypt(file.data + HEAD_LEN, NULL, plain.data,
                                                   plain.len, file.data, HEAD_LEN, NULL,
                                                   file.data + HEAD_LEN - NONCE_LEN, key);
        code = file_write_atomic(path, buf_bytes(&file), 0600, ret_error);
    }
    sodium_memzero(key, sizeof key);
    buf_wipe_fini(&plain);
    buf_fini(&file);
    return code;
}

static int keyring_open(struct keyring *ret, struct bytes file, struct bytes passphrase,
                        struct error *ret_error)
{
    if (file.len < HEAD_LEN + TAG_LEN || memcmp(file.data, magic, MAGIC_LEN) != 0)
        return error_say(ret_error, E_BAD_FORM, "keyring", "不是密钥文件", "not a keyring file");
    uint8_t key[32];
    int code = derive(passphrase, file.data, key, ret_error);
    if (code != 0) return code;
    struct buf plain = {0};
    buf_grow(&plain, file.len - HEAD_LEN - TAG_LEN);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain.data, NULL, NULL, file.data + HEAD_LEN,
                                                   file.len - HEAD_LEN, file.data, HEAD_LEN,
                                                   file.data + HEAD_LEN - NONCE_LEN, key) != 0)
        code = error_say(ret_error, E_KEYRING_SEALED, "keyring", "口令不对，或文件被改动",
                         "wrong passphrase, or the file was changed");
    if (code == 0) {
        *ret = (struct keyring){0};
        (void)sodium_mlock(ret, sizeof *ret);
        if (!plain_read(buf_bytes(&plain), ret)) {
            keyring_fini(ret);
            code = error_say(ret_error, E_BAD_FORM, "keyring", "内容不是密钥文件",
                             "the content is not a keyring's");
        }
    }
    sodium_memzero(key, sizeof key);
    buf_wipe_fini(&plain);
    return code;
}

int keyring_load(struct keyring *ret, const char *path, struct bytes passphrase,
                 struct error *ret_error)
{
    if (sodium_init() < 0)
        return error_say(ret_error, E_IO, NULL, "系统不提供随机数", "no entropy");
    struct buf file = {0};
    struct buf folder = {0};
    file_folder_of(path, &folder);
    int code = file_check_folder((const char *)folder.data, ret_error);
    buf_fini(&folder);
    if (code == 0) code = file_read_secret(path, FILE_LEN_MAX, &file, ret_error);
    if (code == 0) code = keyring_open(ret, buf_bytes(&file), passphrase, ret_error);
    /* Which of several it is, the caller's configuration may not say. */
    if (code != 0 && ret_error && strcmp(ret_error->field, path) != 0)
        snprintf(ret_error->field, sizeof ret_error->field, "%s", path);
    buf_fini(&file);
    return code;
}

void keyring_fini(struct keyring *keyring)
{
    if (!keyring) return;
    (void)sodium_munlock(keyring, sizeof *keyring); /* wipes */
    sodium_memzero(keyring, sizeof *keyring);
}

const struct keyring_epoch *keyring_epoch_find(const struct keyring *keyring, uint64_t number)
{
    for (size_t i = 0; i < keyring->epoch_count; i++)
        if (keyring->epochs[i].number == number) return &keyring->epochs[i];
    return NULL;
}

const struct keyring_epoch *keyring_epoch_match(const struct keyring *keyring, uint64_t number,
                                                struct bytes fingerprint)
{
    const struct keyring_epoch *epoch = keyring_epoch_find(keyring, number);
    uint8_t own[16];
    if (!epoch) return NULL;
    envelope_epoch_fingerprint(epoch->public_key, own);
    return bytes_equal(fingerprint, bytes_of(own, sizeof own)) ? epoch : NULL;
}

int keyring_epoch_add(struct keyring *keyring, uint64_t now_ms, uint64_t epoch_ms,
                      struct error *ret_error)
{
    if (keyring->epoch_count == KEYRING_EPOCH_COUNT_MAX)
        return error_say(ret_error, E_TOO_LARGE, "epochs", "已有 %d 把，请先销毁旧的",
                         "%d are held: destroy old ones first", KEYRING_EPOCH_COUNT_MAX);
    const struct keyring_epoch *last =
        keyring->epoch_count ? &keyring->epochs[keyring->epoch_count - 1] : NULL;
    uint64_t from_ms = last && last->not_after_ms > now_ms ? last->not_after_ms : now_ms;
    new_epoch(keyring, last ? last->number + 1 : 1, from_ms, epoch_ms);
    return 0;
}

size_t keyring_epoch_expire(struct keyring *keyring, uint64_t now_ms, uint64_t keep_ms)
{
    size_t kept = 0, count = keyring->epoch_count;
    for (size_t i = 0; i < count; i++) {
        /* The newest stays: its number is what the next one counts from. */
        bool keep = i + 1 == count || keyring->epochs[i].not_after_ms + keep_ms >= now_ms;
        if (keep) keyring->epochs[kept++] = keyring->epochs[i];
    }
    keyring->epoch_count = kept;
    sodium_memzero(&keyring->epochs[kept], (count - kept) * sizeof keyring->epochs[0]);
    return count - kept;
}

static void signed_epoch(const struct keyring *keyring, const struct keyring_epoch *epoch,
                         uint64_t serial, struct buf *body, uint8_t signature[64])
{
    Leadbus__EpochKeyBody message = LEADBUS__EPOCH_KEY_BODY__INIT;
    message.unit = (char *)(uintptr_t)keyring->unit;
    message.serial = serial;
    message.epoch = epoch->number;
    message.public_key = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)epoch->public_key};
    message.not_before_ms = epoch->not_before_ms;
    message.not_after_ms = epoch->not_after_ms;
    message_encode(&message.base, body);
    signed_body_sign(SIGNED_EPOCH, buf_bytes(body), keyring->identity_secret, signature);
}

void keyring_epoch_announce(const struct keyring *keyring, const struct keyring_epoch *epoch,
                            struct buf *ret_epoch_key)
{
    struct buf body = {0};
    uint8_t signature[64];
    signed_epoch(keyring, epoch, keyring->serial, &body, signature);
    Leadbus__EpochKey message = LEADBUS__EPOCH_KEY__INIT;
    message.body = (ProtobufCBinaryData){body.len, body.data};
    message.signature = (ProtobufCBinaryData){64, signature};
    message_encode(&message.base, ret_epoch_key);
    buf_fini(&body);
}

void keyring_request(const struct keyring *keyring, uint64_t now_ms, struct buf *ret_request)
{
    Leadbus__EpochKey keys[KEYRING_EPOCH_COUNT_MAX], *key_list[KEYRING_EPOCH_COUNT_MAX];
    struct buf bodies[KEYRING_EPOCH_COUNT_MAX];
    uint8_t signatures[KEYRING_EPOCH_COUNT_MAX][64], signature[64];
    for (size_t i = 0; i < keyring->epoch_count; i++) {
        bodies[i] = (struct buf){0};
        signed_epoch(keyring, &keyring->epochs[i], 0, &bodies[i], signatures[i]);
        keys[i] = (Leadbus__EpochKey)LEADBUS__EPOCH_KEY__INIT;
        keys[i].body = (ProtobufCBinaryData){bodies[i].len, bodies[i].data};
        keys[i].signature = (ProtobufCBinaryData){64, signatures[i]};
        key_list[i] = &keys[i];
    }
    Leadbus__EnrolmentRequestBody body = LEADBUS__ENROLMENT_REQUEST_BODY__INIT;
    body.unit = (char *)(uintptr_t)keyring->unit;
    body.role = keyring->role;
    body.identity = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)keyring->identity_public};
    body.witness = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)keyring->witness_public};
    body.transport = (ProtobufCBinaryData){32, (uint8_t *)(uintptr_t)keyring->transport_public};
    body.epoch_keys = key_list;
    body.n_epoch_keys = keyring->epoch_count;
    body.time_ms = now_ms;
    struct buf bytes = {0};
    message_encode(&body.base, &bytes);
    signed_body_sign(SIGNED_REQUEST, buf_bytes(&bytes), keyring->identity_secret, signature);
    Leadbus__EnrolmentRequest request = LEADBUS__ENROLMENT_REQUEST__INIT;
    request.body = (ProtobufCBinaryData){bytes.len, bytes.data};
    request.signature = (ProtobufCBinaryData){64, signature};
    message_encode(&request.base, ret_request);
    buf_fini(&bytes);
    for (size_t i = 0; i < keyring->epoch_count; i++) buf_fini(&bodies[i]);
}

static int from_terminal(const char *prompt, struct buf *ret, struct error *ret_error)
{
    FILE *terminal = fopen("/dev/tty", "r+");
    if (!terminal)
        return error_say(
            ret_error, E_MISSING_FIELD, "passphrase",
            "没有终端可询问：请指定口令文件（配置项 passphrase_file，命令行 --passphrase-file）",
            "no terminal to ask at: name a passphrase file (passphrase_file in a "
            "configuration, --passphrase-file on a command line)");
    struct termios before, silent;
    bool echo_off = tcgetattr(fileno(terminal), &before) == 0;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (echo_off) tcsetattr(fileno(terminal), TCSAFLUSH, &silent);
    char line[KEYRING_PASSPHRASE_LEN_MAX + 2];
    fprintf(terminal, "%s: ", prompt);
    fflush(terminal);
    char *got = fgets(line, sizeof line, terminal);
    if (echo_off) tcsetattr(fileno(terminal), TCSAFLUSH, &before);
    fputc('\n', terminal);
    fclose(terminal);
    size_t len = got ? strcspn(line, "\n") : 0;
    if (len > 0) buf_append(ret, line, len);
    sodium_memzero(line, sizeof line);
    return len > 0 ? 0
                   : error_say(ret_error, E_MISSING_FIELD, "passphrase", "没有输入",
                               "nothing was typed");
}

int keyring_passphrase_read(const char *file, const char *credential, const char *prompt,
                            struct buf *ret, struct error *ret_error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    char path[4096];
    if (!file && credential && folder) {
        snprintf(path, sizeof path, "%s/%s", folder, credential);
        if (access(path, R_OK) == 0) file = path;
    }
    if (!file) return from_terminal(prompt, ret, ret_error);
    /* systemd hands credentials out in a folder of its own, with its own modes. */
    int code = file == path
                   ? file_read(file, KEYRING_PASSPHRASE_LEN_MAX + 1, ret, ret_error)
                   : file_read_secret(file, KEYRING_PASSPHRASE_LEN_MAX + 1, ret, ret_error);
    if (code != 0) return code;
    /* A text file ends in a newline that is not part of the passphrase; a raw key may end in any
     * byte. */
    if (!is_raw_key(buf_bytes(ret)) && ret->len > 0 && ret->data[ret->len - 1] == '\n') ret->len--;
    if (ret->len == 0 || ret->len > KEYRING_PASSPHRASE_LEN_MAX)
        return error_say(ret_error, E_BAD_VALUE, file, "口令应为 1 至 %d 字节",
                         "a passphrase of 1 to %d bytes is wanted", KEYRING_PASSPHRASE_LEN_MAX);
    return 0;
}
