/* What goes wrong, and when: drawn from a stream of its own, so that people do the same whatever
 * breaks. Every deed has a weight; zero pauses are as likely as long ones. */
#include <stdlib.h>

#include "broker/shell/clock.h"
#include "proto/base/check.h"
#include "tests/sim/town.h"

enum {
    SLICES_MOST = 400,
    DISK_OPS_MOST = 300,
};

static struct unit *some_unit(struct town *town)
{
    return &town->units[random_below(&town->nemesis, town->unit_count)];
}

static uint64_t later_ms(struct town *town, uint64_t most_ms)
{
    return fiber_now_ms() + random_below(&town->nemesis, most_ms);
}

/* Somewhere in what it is doing, or right now. */
static void crash_bus(struct town *town)
{
    struct bus *bus = &town->bus;
    bus->power_goes = random_below(&town->nemesis, 2) == 0;
    bus->slices_left = 1 + (unsigned)random_below(&town->nemesis, SLICES_MOST);
}

static void stop_bus(struct town *town)
{
    if (!town->bus.broker) return;
    history_note(town->history, "bus is restarted");
    cover_met(town->cover, COVER_BUS_RESTART, COVER_BUS);
    bus_stop(town);
    town->bus.restart = true;
}

static void break_disk(struct town *town, struct vfs_disk *disk, const char *whose)
{
    static const enum vfs_fault faults[] = {VFS_FAIL_IO, VFS_FAIL_FULL, VFS_FAIL_DEAD};
    enum vfs_fault fault = faults[random_below(&town->nemesis, 3)];
    uint64_t at = 1 + random_below(&town->nemesis, DISK_OPS_MOST);
    /* A single failure that the program does not see is worth most. */
    bool lasting = fault == VFS_FAIL_FULL || random_below(&town->nemesis, 2) == 0;
    history_note(town->history, "disk of %s will fail (%d) at %llu", whose, (int)fault,
                 (unsigned long long)at);
    vfs_disk_fault(disk, fault, at, lasting);
    town->counts.disk_faults++;
}

static void crash_unit(struct town *town)
{
    struct unit *unit = some_unit(town);
    if (!unit->lb || unit->stolen) return;
    bool power = random_below(&town->nemesis, 2) == 0;
    history_note(town->history, "%s %s", unit->key, power ? "lost its power" : "was killed");
    town->counts.unit_crashes++;
    town->counts.unit_power_cuts += power;
    cover_met(town->cover, power ? COVER_UNIT_POWER : COVER_UNIT_KILLED, unit->number);
    unit_kill(unit, power, later_ms(town, town->outage_ms));
}

static void cut_off(struct town *town)
{
    struct unit *unit = some_unit(town);
    bool cut = !wire_partitioned(unit->number);
    history_note(town->history, "%s is %s", unit->key, cut ? "cut off" : "back");
    wire_partition(unit->number, cut);
    town->counts.partitions += cut;
    if (cut) cover_met(town->cover, COVER_CUT_OFF, unit->number);
}

static void change_weather(struct town *town)
{
    static const uint64_t parts[] = {0, 0, 1000, 10000, 50000};
    struct random *random = &town->nemesis;
    struct wire_weather weather = {.delay_least_ms = 1};
    weather.delay_most_ms = (uint64_t[]){2, 20, 200, 2000}[random_below(random, 4)];
    weather.lost = parts[random_below(random, 5)] / 10;
    weather.doubled = parts[random_below(random, 5)];
    weather.overtaking = parts[random_below(random, 5)];
    weather.breaking = parts[random_below(random, 5)] / 10;
    history_note(town->history, "weather: late %llu lost %llu doubled %llu overtaking %llu",
                 (unsigned long long)weather.delay_most_ms, (unsigned long long)weather.lost,
                 (unsigned long long)weather.doubled, (unsigned long long)weather.overtaking);
    wire_weather(&weather);
}

/* A unit's clock is wrong; the broker's is put right again before long, and its operator says so.
 */
static void jump_clock(struct town *town)
{
    static const int64_t jumps_ms[] = {-7200000, -90000, -30000, 30000, 90000, 7200000, 86400000};
    bool bus = random_below(&town->nemesis, 2) == 0;
    struct unit *unit = bus ? NULL : some_unit(town);
    struct machine *machine = bus ? &town->bus.machine : &unit->machine;
    if (bus && town->bus.clock_back_ms != FIBER_NEVER) return;
    machine->wall_offset_ms =
        machine->wall_offset_ms ? 0 : jumps_ms[random_below(&town->nemesis, 7)];
    history_note(town->history, "clock of %s is off by %lld ms", machine->name,
                 (long long)machine->wall_offset_ms);
    town->counts.jumps++;
    cover_met(town->cover, bus ? COVER_BUS_CLOCK : COVER_UNIT_CLOCK,
              bus ? COVER_BUS : unit->number);
    if (bus) town->bus.clock_back_ms = later_ms(town, town->outage_ms);
}

static void clock_back(struct town *town)
{
    struct bus *bus = &town->bus;
    bus->machine.wall_offset_ms = 0;
    bus->clock_back_ms = FIBER_NEVER;
    history_note(town->history, "clock of the bus is right again, and confirmed");
    fiber_machine(&bus->machine);
    if (bus->broker) clock_confirm();
    fiber_machine(NULL);
}

/* The authority signs another bundle; false: there have been as many as a district makes. */
static bool new_bundle(struct town *town, const char *why)
{
    struct district *district = town->district;
    if (district->bundle_version + 1 >= DISTRICT_VERSION_MAX) return false;
    district->now_ms = FIBER_EPOCH_MS + fiber_now_ms();
    district_bundle_use(district, district->bundle_version + 1);
    history_note(town->history, "bundle %llu: %s", (unsigned long long)district->bundle_version,
                 why);
    bus_write_bundle(town, district->bundle_version, true);
    town->counts.bundles++;
    cover_met(town->cover, COVER_BUNDLE, COVER_BUS);
    return true;
}

static void renew(struct town *town)
{
    (void)new_bundle(town, "renewed");
}

/* Its certificate is taken away for good. */
static void revoke(struct town *town)
{
    struct unit *unit = some_unit(town);
    if (unit->stolen || unit->revoked || unit->lost_disks || town->counts.revocations >= 2 ||
        town->district->bundle_version + 1 >= DISTRICT_VERSION_MAX)
        return;
    town->district->units[unit->number].revoked = unit->revoked = true;
    town->counts.revocations++;
    cover_met(town->cover, COVER_REVOKED, unit->number);
    (void)new_bundle(town, unit->key);
}

/* Keyring and store are gone: the unit is enrolled again and begins with nothing. */
static void lose_disk(struct town *town)
{
    struct unit *unit = some_unit(town);
    if (unit->stolen || unit->revoked || unit->lost_disks ||
        town->district->bundle_version + 1 >= DISTRICT_VERSION_MAX)
        return;
    history_note(town->history, "%s lost its disk", unit->key);
    cover_met(town->cover, COVER_UNIT_DISK_GONE, unit->number);
    cover_forgot(town->cover, unit->number);
    unit_kill(unit, false, later_ms(town, town->outage_ms));
    vfs_disk_clear(unit->disk);
    vfs_copy_free(unit->copy); /* of the keyring that is lost */
    unit->copy = NULL;
    unit->lost_disks++;
    unit->generation++;
    town->counts.lost_disks++;
    district_enrol_again(town->district, unit->key);
    unit_keys(unit);
    (void)new_bundle(town, unit->key);
}

/* A copy of its disk is made, and some time later put back: it has forgotten what came since. */
static void put_back(struct town *town)
{
    struct unit *unit = some_unit(town);
    for (size_t i = 0; i < town->unit_count; i++)
        if (town->units[i].copy) unit = &town->units[i];
    if (unit->stolen || unit->revoked) return;
    if (!unit->copy) {
        if (unit->lb) unit->copy = vfs_disk_copy(unit->disk);
        return;
    }
    history_note(town->history, "an older copy of its disk is put back at %s", unit->key);
    cover_met(town->cover, COVER_UNIT_PUT_BACK, unit->number);
    cover_forgot(town->cover, unit->number);
    unit_kill(unit, false, later_ms(town, town->outage_ms));
    vfs_disk_put_back(unit->disk, unit->copy);
    vfs_copy_free(unit->copy);
    unit->copy = NULL;
    unit->put_back = true;
    unit->generation++;
    town->counts.put_back++;
}

/* Somebody starts the broker where one runs. */
static void start_second(struct town *town)
{
    if (!town->bus.broker || town->bus.machine.wall_offset_ms) return;
    bus_start_second(town);
    town->counts.second_brokers++;
}

struct deed {
    unsigned weight;
    void (*does)(struct town *town);
};

static void break_bus_disk(struct town *town)
{
    break_disk(town, town->bus.disk, "bus");
}

static void break_unit_disk(struct town *town)
{
    struct unit *unit = some_unit(town);
    break_disk(town, unit->disk, unit->key);
}

static const struct deed deeds[] = {
    {10, crash_bus},   {3, stop_bus}, {4, break_bus_disk},  {12, break_unit_disk},
    {20, crash_unit},  {15, cut_off}, {12, change_weather}, {14, jump_clock},
    {3, renew},        {1, revoke},   {2, lose_disk},       {12, put_back},
    {8, start_second},
};
enum { DEED_COUNT = sizeof deeds / sizeof *deeds };

void nemesis_init(struct town *town)
{
    town->bus.clock_back_ms = FIBER_NEVER;
    town->nemesis_ms = random_below(&town->nemesis, town->break_ms);
}

void nemesis_step(struct town *town)
{
    uint64_t now_ms = fiber_now_ms();
    if (town->bus.clock_back_ms <= now_ms) clock_back(town);
    if (town->healing || town->options.calm || now_ms < town->nemesis_ms) return;
    town->nemesis_ms = now_ms + random_below(&town->nemesis, town->break_ms);
    uint64_t sum = 0, drawn;
    for (size_t i = 0; i < DEED_COUNT; i++) sum += deeds[i].weight;
    drawn = random_below(&town->nemesis, sum);
    for (size_t i = 0; i < DEED_COUNT; i++) {
        if (drawn < deeds[i].weight) {
            deeds[i].does(town);
            return;
        }
        drawn -= deeds[i].weight;
    }
}

/* Everything works again. Connections are made anew: a frame that a line lost is missed only then.
 */
void nemesis_heal(struct town *town)
{
    static const struct wire_weather fine = {.delay_least_ms = 1, .delay_most_ms = 5};
    history_note(town->history, "everything is mended");
    wire_weather(&fine);
    vfs_disk_fault(town->bus.disk, VFS_NO_FAULT, 0, false);
    town->bus.slices_left = 0;
    clock_back(town);
    for (size_t i = 0; i < town->unit_count; i++) {
        struct unit *unit = &town->units[i];
        wire_partition(i, false);
        vfs_disk_fault(unit->disk, VFS_NO_FAULT, 0, false);
        unit->machine.wall_offset_ms = 0;
        if (!unit->lb && unit->start_ms != FIBER_NEVER) unit->start_ms = fiber_now_ms();
    }
    wire_break_all();
}
