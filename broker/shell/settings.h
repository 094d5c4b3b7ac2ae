/* settings: what leadbusd is told by its configuration file, checked. Plain values; the texts live
 * as long as the settings. */
#ifndef BROKER_SHELL_SETTINGS_H
#define BROKER_SHELL_SETTINGS_H

#include <stdint.h>
#include <stdio.h>

#include "broker/shell/net.h"
#include "proto/host/config.h"
#include "proto/host/log.h"
#include "proto/schema/record.pb-c.h"

struct settings {
    struct config *config;
    const char *bus;
    const char *state;           /* folder */
    char chunks[1024];           /* folder of the attachments, in state */
    const char *root;            /* path of the signed root note */
    const char *bundle;          /* path of the bundle */
    const char *keyring;         /* path */
    const char *passphrase_file; /* "" = none */
    const char *credential;
    size_t endpoint_count;
    const char *endpoints[NET_ENDPOINT_COUNT_MAX];
    uint32_t connection_count_max;
    size_t thread_count;  /* of the verify pool */
    bool begin;           /* by option, not by file: a new journal, and only that */
    const char *restored; /* by option: the journal is a backup's, and why; NULL: it is not */
    Leadbus__Configured limits;
    uint64_t upload_bytes_max; /* per unit, not yet accepted */
    uint64_t day_bytes_max;    /* per unit, with what was accepted within a day */
    uint64_t upload_keep_ms;
    uint64_t wal_bytes_alarm; /* a write-ahead log of so much is an alarm */
    enum log_level log_level;
    enum log_format log_format;
};

/* E_BAD_CONFIG, E_NOT_FOUND, E_IO with "file:line" or the key as field. */
int settings_load(const char *path, struct settings *ret_settings,
                  struct error *ret_error) MUST_USE;
void settings_fini(struct settings *settings);
/* The commented example, from the same table that reads it. */
void settings_describe(FILE *file);

#endif
