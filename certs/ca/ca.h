/* ca: what the commands of leadbus-ca share. Impure; one thread. No command needs a network.
 *
 * Files it makes and reads:
 *   NAME.key        an authority's key: a keyring without epochs (certs/keyring), mode 0600
 *   root.note       the root of trust (certs/trust/trust.h)
 *   *.request       an encoded EnrolmentRequest
 *   *.directory     an encoded Directory: the draft of the next bundle's part
 *   *.bundle        an encoded Bundle; a draft until enough authorities have signed its manifest */
#ifndef CERTS_CA_CA_H
#define CERTS_CA_CA_H

#include <stdint.h>
#include <stdio.h>

#include "certs/keyring/keyring.h"
#include "certs/trust/trust_text.h"
#include "proto/host/options.h"
#include "proto/note.h"
#include "proto/tables/plan_folder.h"

#define CA_DAY_MS (24ull * 3600 * 1000)
enum { CA_NOTE_NAME_LEN_MAX = TRUST_BUS_LEN_MAX };

/* A command: argv[0] is its name. Exit code of sysexits.h. */
int ca_init(int argc, char **argv);
int ca_request(int argc, char **argv);
int ca_issue(int argc, char **argv);
int ca_bundle(int argc, char **argv);
int ca_sign(int argc, char **argv);
int ca_combine(int argc, char **argv);
int ca_adopt(int argc, char **argv);
int ca_show(int argc, char **argv);

/* Tells on stderr what went wrong and gives the exit code. */
int ca_fail(int code, const struct error *error);

/* Where a keyring's secret comes from: --key-file (32 bytes as they are) or --passphrase-file, or
 * the credential leadbus-passphrase, or the terminal. `ret` is ended by buf_wipe_fini. E_BAD_VALUE:
 * a key file that is not 32 bytes, or that reads as text. */
struct ca_secret {
    const char *passphrase_file;
    const char *key_file;
};
int ca_secret_read(const struct ca_secret *secret, const char *who, struct buf *ret,
                   struct error *ret_error) MUST_USE;
/* A new passphrase, of at least CA_PASSPHRASE_LEN_MIN bytes; on a terminal it is asked for twice,
 * and again where the two differ or it is too short. E_BAD_VALUE: too short a one in a file. */
enum { CA_PASSPHRASE_LEN_MIN = 12 };
int ca_secret_choose(const struct ca_secret *secret, const char *who, struct buf *ret,
                     struct error *ret_error) MUST_USE;

/* An option's decimal number between min and max; the fallback where text is NULL. E_BAD_VALUE. */
int ca_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t fallback,
              uint64_t *ret, struct error *ret_error) MUST_USE;
/* --now in ms, or the clock. */
int ca_now(const char *text, uint64_t *ret_ms, struct error *ret_error) MUST_USE;

/* The tables of a plan's folder and what they say; the caller's to free by ca_plan_fini. Errors of
 * plan_folder_read and plan_parse. */
struct ca_plan {
    struct plan_folder folder;
    struct plan *plan;
};
int ca_plan_load(const char *folder, struct ca_plan *ret, struct error *ret_error) MUST_USE;
void ca_plan_fini(struct ca_plan *plan);

/* "<bus>/<authority>": the name in a signature line. E_BAD_VALUE: too long. */
int ca_note_name(const char *bus, const char *authority, char ret_name[CA_NOTE_NAME_LEN_MAX + 1],
                 struct error *ret_error) MUST_USE;
/* Has the note a signature line of this name? */
bool ca_note_has(struct bytes note, const char *name);
/* The text of a note that may have no signature yet. E_NOTE_INVALID. */
int ca_note_text(struct bytes note, struct bytes *ret_text, struct error *ret_error) MUST_USE;

/* Everything that trust_bundle_open asks of a bundle but the signatures of the manifest: no
 * authority should sign what no agent would open. Errors of trust_bundle_open. */
int ca_bundle_check(struct bytes bundle, struct error *ret_error) MUST_USE;
/* The same, opened; the caller's to trust_bundle_free. */
int ca_bundle_open(struct bytes bundle, struct trust_bundle **ret_bundle,
                   struct error *ret_error) MUST_USE;
/* Would broker and agents take `next` after `previous`? Both as of ca_bundle_check; errors of
 * trust_bundle_check_successor. */
int ca_bundle_successor(struct bytes previous, struct bytes next, struct error *ret_error) MUST_USE;
/* The newest root that a bundle carries, its own signatures checked. E_MISSING_FIELD: none. */
int ca_bundle_root(const Leadbus__Bundle *bundle, struct trust_root *ret,
                   struct error *ret_error) MUST_USE;

/* The `brokers` part of a bundle leads somewhere: at least one broker, each with an endpoint that
 * an agent can connect to. E_MISSING_FIELD, E_BAD_VALUE: agents would be cut off. */
int ca_brokers_check(const Leadbus__Brokers *brokers, struct error *ret_error) MUST_USE;
bool ca_endpoint_valid(const char *endpoint);

/* Prints what a bundle says, for who is about to sign it: validity in days and dates, certificates,
 * revocations, brokers; with `previous` (NULL: none) what differs from that bundle. */
void ca_tell(FILE *file, const Leadbus__Bundle *bundle, const Leadbus__Bundle *previous,
             struct arena *arena);

/* Role names: unit broker operator auditor office. Parsing gives ROLE_NONE for another word. */
const char *ca_role_name(Leadbus__Role role);
Leadbus__Role ca_role_parse(const char *text);

static inline struct bytes ca_binary(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}
static inline ProtobufCBinaryData ca_borrow(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

/* Options that several commands have. */
#define CA_OPTION_PASSPHRASE(field)                                                                \
    {                                                                                              \
        .name = "passphrase-file", .value_zh = "文件", .value_en = "FILE",                         \
        .doc_zh = "口令文件（权限 0600）", .doc_en = "file with the passphrase (mode 0600)",       \
        .text = (field)                                                                            \
    }
#define CA_OPTION_KEY_FILE(field)                                                                  \
    {                                                                                              \
        .name = "key-file", .value_zh = "文件", .value_en = "FILE",                                \
        .doc_zh = "32 字节原始密钥文件，代替口令",                                                 \
        .doc_en = "file with a raw key of 32 bytes, instead of a passphrase", .text = (field)      \
    }
#define CA_OPTION_NOW(field)                                                                       \
    {                                                                                              \
        .name = "now", .value_zh = "毫秒", .value_en = "MS",                                       \
        .doc_zh = "以此 UTC 时间代替系统时钟（演练用）",                                           \
        .doc_en = "this UTC time instead of the clock (for rehearsals)", .text = (field)           \
    }

#endif
