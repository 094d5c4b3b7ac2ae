/* config: INI files against a table of the keys that a program knows.
 *
 * <path> is read first, then <path>.d/ *.conf in byte order of their names; a later file replaces
 * what an earlier one set. An unknown section or key, a value of the wrong type or out of range, a
 * key given twice in one file, a line without `=` and a line over 198 bytes are E_BAD_CONFIG with
 * "file:line" as the field; for an unknown key the detail names the nearest known one. Nothing is
 * ignored. `;` and `#` start comments; a `;` after a blank does so inside a line.
 *
 * Types: text; path (absolute); u64 (decimal); bool (yes no true false on off 1 0); duration
 * (250ms 5s 10m 24h 7d, in ms); size (bytes, or 64K 64M 1G of 1024); list (may be given several
 * times, and each value may hold several separated by commas).
 *
 * Impure (files). A loaded config never changes: any number of threads may read it. SIGHUP: load a
 * new one and compare. */
#ifndef PROTO_HOST_CONFIG_H
#define PROTO_HOST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/base/error.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_PATH,
    CONFIG_U64,
    CONFIG_BOOL,
    CONFIG_DURATION,
    CONFIG_SIZE,
    CONFIG_LIST,
};

enum { CONFIG_LINE_LEN_MAX = 198, CONFIG_FILE_BYTES_MAX = 1048576, CONFIG_LIST_COUNT_MAX = 256 };

struct config_key {
    const char *section;
    const char *key;
    enum config_type type;
    const char *fallback; /* the default as it would be written; NULL: not set (text "", number 0);
                             a default that does not pass its own row is a CHECK */
    uint64_t min, max;    /* of numbers (duration: ms, size: bytes), of the length of a text, of the
                             count of a list; max 0 = no bound */
    bool required;        /* must be set when there is no default */
    const char *doc_zh, *doc_en;
};

struct config;

/* Reads path and its drop-ins; NULL: defaults alone. `keys` is borrowed as long as the config.
 * E_BAD_CONFIG (a path that is not there as well: pass NULL where a program can do without),
 * E_KEYRING_PERMISSIONS (others may write to a file, or to its folder: it names keys and tokens),
 * E_TOO_LARGE, E_IO. */
int config_load(const struct config_key *keys, size_t count, const char *path,
                struct config **ret_config, struct error *ret_error) MUST_USE;
/* As if `section.key=value` stood in a last drop-in: for the command line. E_BAD_CONFIG. */
int config_override(struct config *config, const char *assignment,
                    struct error *ret_error) MUST_USE;
void config_free(struct config *config); /* NULL accepted */

/* The value of a key of the table; another section or key, or another type, is a CHECK. Texts live
 * as long as the config; never NULL. */
const char *config_text(const struct config *config, const char *section, const char *key);
uint64_t config_u64(const struct config *config, const char *section, const char *key);
bool config_bool(const struct config *config, const char *section, const char *key);
size_t config_list_count(const struct config *config, const char *section, const char *key);
const char *config_list_at(const struct config *config, const char *section, const char *key,
                           size_t index);
/* Is it an address that ZeroMQ takes as it is read: ipc://PATH, or tcp://HOST:PORT with a port of
 * 0..65535 (or *)? It would cut a larger port to 16 bits. E_BAD_CONFIG with the origin of the key.
 */
/* ipc://PATH or tcp://HOST:PORT, the port 0 to 65535 or *. */
bool config_endpoint_valid(const char *endpoint);
int config_check_endpoint(const struct config *config, const char *section, const char *key,
                          const char *endpoint, struct error *ret_error) MUST_USE;
/* A text that the program itself does not take: E_BAD_CONFIG with the origin of the key; `zh` and
 * `en` say what it should be. */
int config_refuse(const struct config *config, const char *section, const char *key, const char *zh,
                  const char *en, struct error *ret_error);
/* "file:line" that set it, "default" or "command line"; "" when it is not set at all. */
const char *config_origin(const struct config *config, const char *section, const char *key);

/* What is in force, as a file that could be loaded, with where each value comes from: the output of
 * --check-config. Keys whose name ends in "token" or "passphrase" are not printed. */
void config_print(const struct config *config, FILE *file);
/* The table as a commented example file in the reader's language. */
void config_describe(const struct config_key *keys, size_t count, FILE *file);

#endif
