#include "tests/sim/town.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "tests/sim/check.h"
#include "tests/sim/said.h"

enum {
    SYNC_MOST_MS = 8,
    DRAIN_MS = 15 * 60 * 1000, /* after which whatever still waits waits for good */
    PAUSE_MS = 500,
    BREAK_MS = 8000,
    TRICK_MS = 1500,
    OUTAGE_MS = 60000,
    LONG_MS = 15 * 60 * 1000,
    STEPS_AT_ONE_TIME = 200000,
    LONGER = 10,
};

/* ---- what is drawn and what takes time ----------------------------------------------------------
 */

/* libsodium's numbers come from the seed. There is one town in a process. */
static struct random *the_entropy;

static const char *entropy_name(void)
{
    return "sim";
}

static uint32_t entropy_u32(void)
{
    return (uint32_t)random_next(the_entropy);
}

static void entropy_buf(void *const data, const size_t len)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < len; i++) bytes[i] = (uint8_t)random_next(the_entropy);
}

static struct randombytes_implementation entropy = {
    .implementation_name = entropy_name,
    .random = entropy_u32,
    .buf = entropy_buf,
};

static void on_sync(void *ctx, const char *path)
{
    struct town *town = ctx;
    (void)path;
    if (fiber_process()) fiber_sleep(random_below(&town->disk, SYNC_MOST_MS));
}

static void on_sleep(void *ctx, uint64_t us)
{
    (void)ctx;
    if (fiber_process()) fiber_sleep(us / 1000 + 1);
}

static void on_met(void *ctx, const struct vfs_disk *disk, enum vfs_fault fault)
{
    struct town *town = ctx;
    if (disk == town->bus.disk) cover_disk_met(town->cover, COVER_BUS, fault);
    for (size_t i = 0; i < town->unit_count; i++)
        if (disk == town->units[i].disk) cover_disk_met(town->cover, i, fault);
}

/* What the weather did to a frame. */
static void on_weather(void *ctx, size_t unit, enum wire_fault fault)
{
    static const enum cover_fault faults[] = {
        [WIRE_LOST] = COVER_LOST, [WIRE_DOUBLED] = COVER_DOUBLED, [WIRE_OVERTOOK] = COVER_OVERTOOK,
        [WIRE_LATE] = COVER_LATE, [WIRE_BROKEN] = COVER_BROKEN,
    };
    struct town *town = ctx;
    cover_met(town->cover, faults[fault], unit);
}

/* What the broker logs; and the state that it ended with. */
static void on_said(void *ctx, bool error, const char *event, const char *line)
{
    struct town *town = ctx;
    const char *digest = strcmp(event, "stopped") == 0 ? strstr(line, " digest=") : NULL;
    if (digest) (void)snprintf(town->bus.digest, sizeof town->bus.digest, "%s", digest + 8);
    (void)error;
    history_note(town->history, "bus says: %s", line);
}

/* ---- a run --------------------------------------------------------------------------------------
 */

struct town *town_new(const struct town_options *options)
{
    struct town *town = (struct town *)calloc(1, sizeof *town);
    CHECK(town != NULL);
    town->options = *options;
    random_init(&town->people, options->seed, "people");
    random_init(&town->nemesis, options->seed, "nemesis");
    random_init(&town->entropy, options->seed, "entropy");
    random_init(&town->disk, options->seed, "disk");
    the_entropy = &town->entropy;
    CHECK(randombytes_set_implementation(&entropy) == 0);
    CHECK(sodium_init() >= 0);
    fiber_init(options->seed);
    vfs_install(
        &(struct vfs_hooks){.sync = on_sync, .sleep = on_sleep, .met = on_met, .ctx = town});
    town->district = district_new();
    town->history = history_new(town, options->loud);
    said_init(on_said, town);
    town->unit_count = town->district->unit_count;
    if (options->unit_count && options->unit_count < town->unit_count)
        town->unit_count = options->unit_count;
    town->end_ms = options->minutes * 60000;
    uint64_t stretch = 1 + town->end_ms / LONG_MS;
    town->pause_ms = PAUSE_MS * stretch;
    if (options->lead_count && town->end_ms / options->lead_count < town->pause_ms)
        town->pause_ms = town->end_ms / options->lead_count;
    town->break_ms = BREAK_MS * stretch;
    town->trick_ms = TRICK_MS * stretch;
    town->outage_ms = OUTAGE_MS * stretch;
    town->cover = cover_new(town);
    wire_init(options->seed, &town->bus.machine, town->unit_count, history_frame, town->history);
    wire_watch(on_weather, town);
    bus_init(town);
    town->units = (struct unit *)calloc(town->unit_count, sizeof *town->units);
    CHECK(town->units != NULL);
    for (size_t i = 0; i < town->unit_count; i++) unit_init(town, &town->units[i], i);
    people_init(town);
    nemesis_init(town);
    if (!options->calm) town->intruder = intruder_new(town);
    return town;
}

void town_free(struct town *town)
{
    if (!town) return;
    intruder_free(town->intruder);
    for (size_t i = 0; i < town->unit_count; i++) unit_fini(&town->units[i]);
    bus_fini(&town->bus);
    wire_fini();
    history_free(town->history);
    cover_free(town->cover);
    district_free(town->district);
    people_fini(town);
    free(town->units);
    free(town);
}

/* Everything that can be done without time passing. */
static void do_what_is_due(struct town *town)
{
    bool did = true;
    for (unsigned n = 0; did && !history_failed(town->history); n++) {
        if (n >= STEPS_AT_ONE_TIME) {
            history_fail(town->history, "drain", "something turns round and round");
            return;
        }
        town->steps++;
        did = wire_step();
        did = bus_step(town) || did;
        for (size_t i = 0; i < town->unit_count; i++) did = unit_step(&town->units[i]) || did;
    }
}

static void sooner(uint64_t *next_ms, uint64_t at_ms)
{
    if (at_ms < *next_ms) *next_ms = at_ms;
}

static uint64_t next_ms(const struct town *town)
{
    uint64_t at_ms = FIBER_NEVER;
    sooner(&at_ms, wire_next_ms());
    sooner(&at_ms, bus_next_ms(&town->bus));
    for (size_t i = 0; i < town->unit_count; i++) sooner(&at_ms, unit_next_ms(&town->units[i]));
    if (town->bus.clock_back_ms < at_ms) at_ms = town->bus.clock_back_ms;
    if (!town->healing) {
        sooner(&at_ms, town->people_ms);
        sooner(&at_ms, town->nemesis_ms);
        if (town->intruder) sooner(&at_ms, intruder_next_ms(town->intruder));
    }
    uint64_t now_ms = fiber_now_ms();
    return at_ms > now_ms ? at_ms : now_ms + 1;
}

static void run_until(struct town *town, uint64_t until_ms, bool (*enough)(struct town *town))
{
    while (!history_failed(town->history) && fiber_now_ms() < until_ms) {
        people_step(town);
        nemesis_step(town);
        if (town->intruder) intruder_step(town->intruder);
        do_what_is_due(town);
        check_now(town);
        if (town->options.progress) town->options.progress(town->options.ctx, fiber_now_ms(), town);
        if (enough && enough(town)) return;
        uint64_t at_ms = next_ms(town);
        fiber_time_to(at_ms < until_ms ? at_ms : until_ms);
    }
}

static bool stopped(struct town *town)
{
    return !town->bus.process && town->bus.start_ms == FIBER_NEVER;
}

static bool much_happened(struct town *town)
{
    return history_lists(town->history)->submitted_count >= town->options.lead_count &&
           cover_kinds(town->cover) >= TOWN_KINDS_LEAST;
}

void town_run(struct town *town)
{
    if (town->options.lead_count)
        run_until(town, LONGER * town->end_ms, much_happened);
    else
        run_until(town, town->end_ms, NULL);
    if (history_failed(town->history)) return;
    town->healing = true;
    nemesis_heal(town);
    uint64_t mended_ms = fiber_now_ms();
    run_until(town, mended_ms + DRAIN_MS, check_drained);
    town->drain_ms = town->quiet_ms > mended_ms ? town->quiet_ms - mended_ms : 0;
    if (history_failed(town->history)) return;
    check_waiting(town);
    if (history_failed(town->history)) return;
    bus_stop(town);
    run_until(town, fiber_now_ms() + DRAIN_MS, stopped);
    if (!history_failed(town->history)) check_end(town);
}
