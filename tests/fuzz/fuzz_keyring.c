/* A keyring file: first as it comes, and then sealed as it should be with these bytes in it, as who
 * knows the passphrase could write it. The first byte says which. */
#include <sodium.h>
#include <string.h>

#include "certs/keyring/keyring.h"
#include "proto/base/check.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_file.h"

enum { HEAD_LEN = 11 + 1 + 8 + 8 + 16 + 24, NONCE_LEN = 24, TAG_LEN = 16 };

/* Not a line of text, so it is the key as it is and nothing slow is derived. */
static const uint8_t secret[32] = {1, 0, 2};

static void sealed(const uint8_t *data, size_t len, struct buf *ret)
{
    static const uint8_t head[HEAD_LEN] = "LBKEYRING1\n";
    buf_append(ret, head, HEAD_LEN);
    buf_grow(ret, len + TAG_LEN);
    CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(ret->data + HEAD_LEN, NULL, data, len, head,
                                                     HEAD_LEN, NULL, head + HEAD_LEN - NONCE_LEN,
                                                     secret) == 0);
}

/* What a good one has inside: a role, a serial, a unit, an instance, three secrets, one epoch. */
static void plain(struct buf *ret)
{
    uint8_t secrets[16 + 3 * 32];
    memset(secrets, 7, sizeof secrets);
    buf_append_u32(ret, 1);
    buf_append_u64(ret, 1001);
    buf_append_prefixed(ret, bytes_of_str("health"));
    buf_append(ret, secrets, sizeof secrets);
    buf_append_u16(ret, 1);
    for (int i = 1; i <= 3; i++) buf_append_u64(ret, (uint64_t)i);
    buf_append(ret, secrets, 32);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct keyring keyring;
    struct buf good = {0}, edited = {0}, file = {0};
    if (len == 0) return 0;
    if (data[0] & 1) {
        plain(&good);
        fuzz_edit(buf_bytes(&good), data + 1, len - 1, &edited);
        sealed(edited.data, edited.len, &file);
    } else {
        buf_append(&file, data + 1, len - 1);
        /* Memory and rounds that a file asks for are bounded; here they would only be slow. */
        if (file.len > 11 && file.data[11] == 1) file.data[11] = 2;
    }
    const char *path = fuzz_file("keyring", buf_bytes(&file));
    if (keyring_load(&keyring, path, bytes_of(secret, 32), NULL) == 0) {
        CHECK(keyring.epoch_count <= KEYRING_EPOCH_COUNT_MAX);
        for (size_t i = 0; i < keyring.epoch_count; i++)
            CHECK(keyring_epoch_find(&keyring, keyring.epochs[i].number) != NULL);
        keyring_fini(&keyring);
    }
    buf_fini(&good);
    buf_fini(&edited);
    buf_fini(&file);
    return 0;
}
