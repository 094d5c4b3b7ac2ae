/* The broker's machine: the shipped broker_start to broker_stop in a process of fibers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/shell/clock.h"
#include "proto/base/check.h"
#include "proto/host/file.h"
#include "tests/sim/town.h"

enum { RESTART_MS = 500, DAYS_MS = 24 * 3600 * 1000 };

static void write_file(const char *path, struct bytes bytes)
{
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK(fwrite(bytes.data, 1, bytes.len, file) == bytes.len);
    CHECK(fclose(file) == 0);
}

void bus_write_bundle(struct town *town, uint64_t version, bool offer)
{
    struct buf bytes = {0};
    district_bundle_bytes(town->district, version, &bytes);
    write_file("bundle", buf_bytes(&bytes));
    if (offer && town->bus.broker) broker_offer_bundle(town->bus.broker, &bytes, "bundle");
    buf_fini(&bytes);
}

/* What is on a simulated disk is as long as it is there; on the real one stands an empty file. */
int __real_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret);
int __wrap_stat(const char *path, struct stat *ret)
{
    struct buf content = {0};
    int result = __real_stat(path, ret);
    if (result == 0 && vfs_file_read(path, &content)) ret->st_size = (off_t)content.len;
    buf_fini(&content);
    return result;
}

void bus_init(struct town *town)
{
    struct bus *bus = &town->bus;
    const struct district_unit *keys = &town->district->broker;
    bus->machine.name = "bus";
    bus->disk = vfs_disk_new("bus", town->options.seed ^ 0xb05);
    bus->settings = (struct settings){.bus = DISTRICT_BUS,
                                      .state = "bus",
                                      .root = "root.note",
                                      .bundle = "bundle",
                                      .connection_count_max = 1024,
                                      .thread_count = 2,
                                      .wal_bytes_alarm = 64u << 20,
                                      .upload_bytes_max = 1u << 30,
                                      .day_bytes_max = 1u << 30,
                                      .upload_keep_ms = DAYS_MS};
    (void)snprintf(bus->settings.chunks, sizeof bus->settings.chunks, "bus/chunks");
    leadbus__configured__init(&bus->settings.limits);
    bus->settings.limits.credit_max = 64;
    bus->settings.limits.created_skew_ms = LIMIT_CREATED_SKEW_MS;
    bus->settings.limits.created_age_ms = LIMIT_CREATED_AGE_MS;
    bus->settings.limits.bundle_grace_ms = LIMIT_BUNDLE_GRACE_MS;
    memcpy(bus->keyring.identity_public, keys->identity, 32);
    memcpy(bus->keyring.identity_secret, keys->identity_secret, 64);
    memcpy(bus->keyring.witness_public, keys->witness, 32);
    memcpy(bus->keyring.witness_secret, keys->witness_secret, 64);
    memcpy(bus->keyring.transport_public, keys->transport, 32);
    memcpy(bus->keyring.transport_secret, keys->transport_secret, 32);
    (void)snprintf(bus->keyring.unit, sizeof bus->keyring.unit, "%s", keys->key);
    bus->keyring.role = LEADBUS__ROLE__ROLE_BROKER;
    bus->keyring.serial = keys->serial;
    write_file("root.note", buf_bytes(&town->district->root_note));
    bus_write_bundle(town, 1, false);
}

static void second_gone(struct bus *bus);

void bus_fini(struct bus *bus)
{
    second_gone(bus);
    if (bus->process) {
        if (!process_ended(bus->process, NULL)) process_kill(bus->process);
        process_free(bus->process);
    }
    vfs_disk_free(bus->disk);
}

/* ---- the program --------------------------------------------------------------------------------
 */

static void run(void *ctx)
{
    struct bus *bus = ctx;
    bus->settings.begin = !bus->began;
    bus->start_code = broker_start(&bus->settings, &bus->keyring, &bus->broker, &bus->start_error);
    if (bus->start_code) return;
    bus->began = true;
    while (!bus->stop) fiber_park(&bus->stop);
    struct broker *broker = bus->broker;
    bus->broker = NULL;
    broker_stop(broker);
}

/* A clock that is ahead when it is started is believed (by less than a week: clock.h); put right,
 * the bus's time stands still for as long. */
static void start(struct town *town)
{
    struct bus *bus = &town->bus;
    if (bus->machine.wall_offset_ms)
        history_note(town->history, "bus is started with a clock that is off by %lld ms",
                     (long long)bus->machine.wall_offset_ms);
    if (bus->machine.wall_offset_ms > (int64_t)bus->believed_ms)
        bus->believed_ms = (uint64_t)bus->machine.wall_offset_ms;
    bus->stop = false;
    bus->broker = NULL;
    bus->start_code = 0;
    bus->start_error = (struct error){0};
    fiber_machine(&bus->machine);
    clock_use(NULL); /* a new process has not seen the clock yet */
    fiber_machine(NULL);
    bus->process_number = ++bus->number;
    bus->process = process_new(&bus->machine, bus->process_number, run, bus);
    bus->start_ms = FIBER_NEVER;
}

static void gone(struct town *town, bool silent)
{
    struct bus *bus = &town->bus;
    second_gone(bus);
    vfs_kill(bus->process_number);
    process_kill(bus->process);
    process_free(bus->process);
    bus->process = NULL;
    bus->broker = NULL;
    bus->slices_left = 0;
    wire_broker_gone(silent);
    bus->start_ms = fiber_now_ms() + RESTART_MS;
}

static void power_cut(struct town *town)
{
    vfs_disk_power_cut(town->bus.disk);
    const struct vfs_settled settled = vfs_disk_settled(town->bus.disk);
    cover_settled(town->cover, COVER_BUS, &settled);
}

void bus_kill(struct town *town, bool power)
{
    struct bus *bus = &town->bus;
    if (!bus->process) return;
    history_note(town->history, "bus %s", power ? "lost its power" : "was killed");
    cover_met(town->cover, power ? COVER_BUS_POWER : COVER_BUS_KILLED, COVER_BUS);
    gone(town, power);
    town->counts.crashes++;
    if (!power) return;
    town->counts.power_cuts++;
    power_cut(town);
}

void bus_stop(struct town *town)
{
    town->bus.stop = true;
    town->bus.restart = false; /* one that was told to start again may have been killed instead */
    fiber_wake(&town->bus.stop);
}

/* It ended by itself: told to, at the start, or by _exit after the disk failed. */
static void ended(struct town *town, int code)
{
    struct bus *bus = &town->bus;
    bool asked = bus->stop;
    int start_code = bus->start_code;
    history_note(town->history, "bus ended with %d, start code %s %s %s", code,
                 error_name(start_code), bus->start_error.field, bus->start_error.detail);
    gone(town, false);
    /* What the first start leaves when it dies before, or after, its first record. */
    if (start_code == E_NOT_FOUND) bus->began = false;
    if (start_code == E_USAGE) bus->began = true;
    bool disk = start_code == E_IO || start_code == E_DISK_FULL || (start_code == 0 && code != 0);
    if (disk) power_cut(town); /* its operator changes what is broken */
    if (disk) vfs_disk_room(bus->disk, 0);
    if (start_code && !disk && start_code != E_NOT_FOUND && start_code != E_USAGE)
        history_fail(town->history, "start", "the broker does not start: %s %s %s",
                     error_name(start_code), bus->start_error.field, bus->start_error.detail);
    if (asked && code == 0 && !bus->restart) bus->start_ms = FIBER_NEVER;
    bus->restart = false;
}

/* ---- another one on the same journal ------------------------------------------------------------
 */

struct second {
    struct process *process;
    struct settings settings;
    const struct keyring *keyring;
    uint64_t number;
    struct broker *broker;
    int code;
    bool serves;
};

static void run_second(void *ctx)
{
    struct second *second = ctx;
    struct error error = {0};
    second->code = broker_start(&second->settings, second->keyring, &second->broker, &error);
    second->serves = second->code == 0;
    while (second->serves) fiber_park(second);
}

void bus_start_second(struct town *town)
{
    struct bus *bus = &town->bus;
    if (bus->second) return;
    struct second *second = (struct second *)calloc(1, sizeof *second);
    CHECK(second != NULL);
    *second = (struct second){
        .settings = bus->settings, .keyring = &bus->keyring, .number = ++bus->number};
    second->settings.begin = false;
    second->process = process_new(&bus->machine, second->number, run_second, second);
    bus->second = second;
    history_note(town->history, "a second broker is started");
    cover_met(town->cover, COVER_SECOND, COVER_BUS);
}

static void second_gone(struct bus *bus)
{
    struct second *second = bus->second;
    if (!second) return;
    vfs_kill(second->number);
    process_kill(second->process);
    process_free(second->process);
    free(second);
    bus->second = NULL;
}

/* It must be turned away, and the first one must not notice. */
static bool step_second(struct town *town)
{
    struct bus *bus = &town->bus;
    struct second *second = bus->second;
    if (!second) return false;
    vfs_process(second->number);
    bool ran = process_step(second->process);
    vfs_process(0);
    if (second->serves) history_fail(town->history, "fencing", "two brokers serve one journal");
    if (process_ended(second->process, NULL)) {
        history_note(town->history, "the second broker: %s", error_name(second->code));
        if (second->code != E_STORE_LOCKED)
            history_fail(town->history, "fencing", "a second broker was turned away with %s",
                         error_name(second->code));
        second_gone(bus);
    }
    return ran;
}

bool bus_step(struct town *town)
{
    struct bus *bus = &town->bus;
    int code = 0;
    if (!bus->process) {
        if (bus->start_ms > fiber_now_ms()) return false;
        start(town);
    }
    bool other_ran = step_second(town);
    vfs_process(bus->process_number);
    bool ran = process_step(bus->process);
    vfs_process(0);
    if (process_ended(bus->process, &code)) {
        ended(town, code);
        return true;
    }
    if (ran && bus->slices_left && --bus->slices_left == 0) bus_kill(town, bus->power_goes);
    return ran || other_ran;
}

uint64_t bus_next_ms(const struct bus *bus)
{
    uint64_t next_ms = bus->process ? process_next_ms(bus->process) : bus->start_ms;
    uint64_t second_ms = bus->second ? process_next_ms(bus->second->process) : FIBER_NEVER;
    return second_ms < next_ms ? second_ms : next_ms;
}
