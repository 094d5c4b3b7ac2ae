/* keyring: a unit's secrets in one file, sealed at rest. Impure (files, entropy); not thread-safe
 * per keyring.
 *
 * File: magic "LBKEYRING1\n", version, KDF parameters and salt, nonce, then XChaCha20-Poly1305 over
 * all of it (the head is associated data). Key: Argon2id of the passphrase (INTERACTIVE limits at
 * least), or 32 raw bytes of a systemd credential. Mode 0600 in a folder not writable by others;
 * anything wider is refused. Saved atomically: temporary file, fsync, rename, fsync of the folder.
 */
#ifndef CERTS_KEYRING_KEYRING_H
#define CERTS_KEYRING_KEYRING_H

#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/schema/bundle.pb-c.h"
#include "proto/suite.h"

struct keyring_epoch {
    uint64_t number;
    uint64_t not_before_ms, not_after_ms;
    uint8_t secret[32], public_key[32];
};

enum { KEYRING_EPOCH_COUNT_MAX = 64, KEYRING_PASSPHRASE_LEN_MAX = 1023 };

/* An open keyring: the caller's storage, locked memory where possible, wiped by keyring_fini. */
struct keyring {
    char unit[64];
    Leadbus__Role role;
    uint64_t serial; /* 0 until a certificate is issued and adopted */
    uint8_t instance[16];
    uint8_t identity_public[32], identity_secret[64];
    uint8_t witness_public[32], witness_secret[64]; /* of a broker: the log key */
    uint8_t transport_public[32], transport_secret[32];
    size_t epoch_count;
    struct keyring_epoch epochs[KEYRING_EPOCH_COUNT_MAX];
};

/* Fresh keys; `epoch_count` epochs of epoch_ms each, the first from now_ms. Draws entropy. */
int keyring_generate(struct keyring *ret, const char *unit, Leadbus__Role role, uint64_t now_ms,
                     size_t epoch_count, uint64_t epoch_ms, struct error *ret_error) MUST_USE;
int keyring_save(const struct keyring *keyring, const char *path, struct bytes passphrase,
                 struct error *ret_error) MUST_USE;
/* E_KEYRING_PERMISSIONS, E_KEYRING_SEALED (wrong passphrase or changed file: not told apart),
 * E_BAD_FORM, E_IO. */
int keyring_load(struct keyring *ret, const char *path, struct bytes passphrase,
                 struct error *ret_error) MUST_USE;
void keyring_fini(struct keyring *keyring);
const struct keyring_epoch *keyring_epoch_find(const struct keyring *keyring, uint64_t number);
/* The one of that number whose public key has this fingerprint: another keyring of the unit may
 * have used the number before. NULL: its secret is not here. */
const struct keyring_epoch *keyring_epoch_match(const struct keyring *keyring, uint64_t number,
                                                struct bytes fingerprint);
/* Adds an epoch after the last; destroys those whose not_after_ms + keep_ms is before now_ms.
 * Caller saves. */
int keyring_epoch_add(struct keyring *keyring, uint64_t now_ms, uint64_t epoch_ms,
                      struct error *ret_error) MUST_USE;
size_t keyring_epoch_expire(struct keyring *keyring, uint64_t now_ms, uint64_t keep_ms);
/* Announcements signed by the identity, appended as an encoded EpochKey. */
void keyring_epoch_announce(const struct keyring *keyring, const struct keyring_epoch *epoch,
                            struct buf *ret_epoch_key);
/* Encoded EnrolmentRequest. */
void keyring_request(const struct keyring *keyring, uint64_t now_ms, struct buf *ret_request);

/* Reads a passphrase from where it may come: a file (mode checked), or the systemd credential
 * `name` in $CREDENTIALS_DIRECTORY, or a terminal. ret is wiped by buf_wipe_fini. */
int keyring_passphrase_read(const char *file, const char *credential, const char *prompt,
                            struct buf *ret, struct error *ret_error) MUST_USE;

#endif
