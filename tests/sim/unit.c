/* A unit's machine: the shipped library, driven as its agent drives it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certs/keyring/keyring.h"
#include "proto/base/check.h"
#include "tests/sim/town.h"

enum { FIRST_PROCESS = 1000000, CALLS_MAX = 200, RESTART_MS = 2000 };

/* A keyring's file is written whole or not at all (certs/keyring tests that), so here it is simply
 * the unit's. Its path is "u/<number>/keyring". */
static struct town *the_town;

static struct unit *unit_of(const char *path)
{
    char *end;
    CHECK(strncmp(path, "u/", 2) == 0);
    unsigned long number = strtoul(path + 2, &end, 10);
    CHECK(*end == '/' && number < the_town->unit_count);
    return &the_town->units[number];
}

int __wrap_keyring_load(struct keyring *ret, const char *path, struct bytes passphrase,
                        struct error *ret_error);
int __wrap_keyring_load(struct keyring *ret, const char *path, struct bytes passphrase,
                        struct error *ret_error)
{
    (void)passphrase;
    (void)ret_error;
    *ret = unit_of(path)->keyring;
    return 0;
}

int __wrap_keyring_save(const struct keyring *keyring, const char *path, struct bytes passphrase,
                        struct error *ret_error);
int __wrap_keyring_save(const struct keyring *keyring, const char *path, struct bytes passphrase,
                        struct error *ret_error)
{
    (void)passphrase;
    (void)ret_error;
    unit_of(path)->keyring = *keyring;
    return 0;
}

void unit_keys(struct unit *unit)
{
    const struct district *district = unit->town->district;
    const struct district_unit *from = &district->units[unit->number];
    struct keyring *keyring = &unit->keyring;
    memset(keyring, 0, sizeof *keyring);
    (void)snprintf(keyring->unit, sizeof keyring->unit, "%s", from->key);
    keyring->role = LEADBUS__ROLE__ROLE_UNIT;
    keyring->serial = from->serial;
    district_fill(keyring->instance, 16, "instance", from->serial);
    memcpy(keyring->identity_public, from->identity, 32);
    memcpy(keyring->identity_secret, from->identity_secret, 64);
    memcpy(keyring->witness_public, from->witness, 32);
    memcpy(keyring->witness_secret, from->witness_secret, 64);
    memcpy(keyring->transport_public, from->transport, 32);
    memcpy(keyring->transport_secret, from->transport_secret, 32);
    keyring->epoch_count = 1;
    keyring->epochs[0].number = from->epoch;
    keyring->epochs[0].not_before_ms = district->epoch_not_before_ms;
    keyring->epochs[0].not_after_ms = district->epoch_not_after_ms;
    memcpy(keyring->epochs[0].secret, from->epoch_secret, 32);
    memcpy(keyring->epochs[0].public_key, from->epoch_public, 32);
}

void unit_init(struct town *town, struct unit *unit, size_t number)
{
    the_town = town;
    unit->town = town;
    unit->number = number;
    unit->key = strdup(town->district->units[number].key);
    CHECK(unit->key != NULL);
    unit->machine.name = unit->key;
    (void)snprintf(unit->folder, sizeof unit->folder, "u/%zu", number);
    (void)snprintf(unit->box, sizeof unit->box, "%s/box.db", unit->folder);
    CHECK(mkdir("u", 0700) == 0 || errno == EEXIST);
    CHECK(mkdir(unit->folder, 0700) == 0);
    unit->disk = vfs_disk_new(unit->folder, town->options.seed ^ (number << 32));
    unit->process = FIRST_PROCESS + number;
    unit->due_ms = FIBER_NEVER;
    unit_keys(unit);
}

void unit_fini(struct unit *unit)
{
    leadbus_close(unit->lb);
    vfs_copy_free(unit->copy);
    vfs_disk_free(unit->disk);
    free((void *)(uintptr_t)unit->key);
}

void unit_enter(struct unit *unit)
{
    fiber_machine(&unit->machine);
    vfs_process(unit->process);
    wire_unit(unit->number);
}

static void leave(void)
{
    fiber_machine(NULL);
    vfs_process(0);
}

static void changed(void *ctx, unsigned changes, const uint8_t *id)
{
    struct unit *unit = ctx;
    (void)changes;
    (void)id;
    unit->due_ms = fiber_now_ms();
}

static void power_cut(struct unit *unit)
{
    vfs_disk_power_cut(unit->disk);
    const struct vfs_settled settled = vfs_disk_settled(unit->disk);
    cover_settled(unit->town->cover, unit->number, &settled);
}

static void start(struct unit *unit)
{
    struct district *district = unit->town->district;
    struct leadbus_error error = {0};
    char keyring[TOWN_PATH_LEN + 16];
    struct buf bundle = {0};
    (void)snprintf(keyring, sizeof keyring, "%s/keyring", unit->folder);
    district_bundle_bytes(district, district->bundle_version, &bundle);
    const struct leadbus_options options = {.size = sizeof options,
                                            .store_path = unit->box,
                                            .keyring_path = keyring,
                                            .root = district->root_note.data,
                                            .root_len = district->root_note.len,
                                            .bundle = bundle.data,
                                            .bundle_len = bundle.len,
                                            .endpoint = "sim",
                                            .send_window = 16,
                                            .credit = 32,
                                            .changed = changed,
                                            .ctx = unit};
    unit->start_ms = FIBER_NEVER;
    unit_enter(unit);
    int code = leadbus_open(&options, &unit->lb, &error);
    leave();
    buf_fini(&bundle);
    if (code == 0) {
        unit->due_ms = fiber_now_ms();
        return;
    }
    unit->lb = NULL;
    history_note(unit->town->history, "%s did not start: %s %s", unit->key, error.name,
                 error.detail);
    bool disk = code == E_IO || code == E_DISK_FULL;
    if (disk) {
        vfs_kill(unit->process);
        power_cut(unit);
        vfs_disk_room(unit->disk, 0);
    }
    bool may = disk || code == E_CERT_REVOKED || code == E_CERT_EXPIRED;
    if (!may)
        history_fail(unit->town->history, "start", "%s does not start: %s %s %s", unit->key,
                     error.name, error.field, error.detail);
    if (!disk && may) return; /* until it is enrolled again */
    unit->start_ms = fiber_now_ms() + RESTART_MS;
}

void unit_kill(struct unit *unit, bool power, uint64_t again_ms)
{
    if (unit->lb) {
        vfs_kill(unit->process);
        unit_enter(unit);
        leadbus_close(unit->lb); /* its handles are dead: nothing is written any more */
        leave();
        unit->lb = NULL;
    }
    if (power) power_cut(unit);
    unit->due_ms = FIBER_NEVER;
    unit->start_ms = again_ms;
}

void unit_left(struct unit *unit, int code)
{
    leave();
    if (code == E_IO || code == E_DISK_FULL) {
        history_note(unit->town->history, "%s stopped: %s", unit->key, error_name(code));
        unit_kill(unit, true, fiber_now_ms() + RESTART_MS);
        vfs_disk_room(unit->disk, 0);
        return;
    }
    unit->due_ms = fiber_now_ms();
}

bool unit_step(struct unit *unit)
{
    uint64_t now_ms = fiber_now_ms();
    if (!unit->lb && unit->start_ms <= now_ms) start(unit);
    if (!unit->lb) return false;
    bool rang = wire_rang(unit->number);
    if (!rang && unit->due_ms > now_ms) return false;
    struct leadbus_error error = {0};
    unit_enter(unit);
    int code = leadbus_process(unit->lb, &error);
    int wait_ms = code == 0 ? leadbus_timeout_ms(unit->lb) : 0;
    unit_left(unit, code);
    if (!unit->lb) return true;
    if (code)
        history_fail(unit->town->history, "agent", "%s: %s %s", unit->key, error.name,
                     error.detail);
    if (wait_ms == 0 && ++unit->calls >= CALLS_MAX) {
        unit->calls = 0;
        wait_ms = 1;
    }
    if (wait_ms > 0) unit->calls = 0;
    unit->due_ms = now_ms + (uint64_t)wait_ms;
    return true;
}

uint64_t unit_next_ms(const struct unit *unit)
{
    return unit->lb ? unit->due_ms : unit->start_ms;
}
