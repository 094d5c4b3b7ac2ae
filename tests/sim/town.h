/* town: a whole bus under simulation: the broker's program, the program of every unit's library,
 * their disks and clocks, the network between them, people who use it and a nemesis who breaks it.
 * What runs is shipped code; see fiber.h, wire.h and tests/lib/vfs.h for what stands around it.
 *
 * The town knows everything that was ever put on the wire or promised to a person (history.h). When
 * the time is over everything is mended, and what is then in the journal and in the inboxes must be
 * what was promised (check.h). */
#ifndef TESTS_SIM_TOWN_H
#define TESTS_SIM_TOWN_H

#include "broker/shell/broker.h"
#include "clients/lib/client.h"
#include "tests/lib/district.h"
#include "tests/lib/vfs.h"
#include "tests/sim/cover.h"
#include "tests/sim/fiber.h"
#include "tests/sim/history.h"
#include "tests/sim/random.h"
#include "tests/sim/wire.h"

enum { TOWN_PATH_LEN = 64, TOWN_KINDS_LEAST = 3 };
/* Stands in every section that people write. */
#define TOWN_CANARY "nobody-may-read-this"

/* A unit: a machine with a disk and the library's program on it. */
struct unit {
    struct town *town;
    size_t number;
    const char *key;
    struct machine machine;
    struct vfs_disk *disk;
    char folder[TOWN_PATH_LEN], box[TOWN_PATH_LEN + 8];
    struct keyring keyring; /* as its file would have it */
    leadbus *lb;            /* NULL: its program does not run */
    uint64_t start_ms;      /* when it is started again; FIBER_NEVER: it runs, or nobody will */
    uint64_t due_ms;        /* when it wants to be called */
    unsigned calls;         /* without time passing */
    uint64_t process;
    bool revoked, stolen; /* stolen: its keys are the intruder's, and it has no program */
    uint64_t lost_disks;
    struct vfs_copy *copy; /* of its disk, some time ago; NULL: none */
    bool put_back;         /* its disk was once an older copy */
    uint64_t generation;   /* of what its disk knows: one more with each of both */
};

/* The broker's machine. */
struct bus {
    struct machine machine;
    struct vfs_disk *disk;
    struct settings settings;
    struct keyring keyring;
    struct process *process; /* NULL: does not run */
    struct broker *broker;   /* serving */
    bool stop, began;
    bool restart;           /* started again after it was told to stop */
    uint64_t clock_back_ms; /* when its clock is put right; FIBER_NEVER: it is */
    uint64_t believed_ms;   /* the most that its clock was ahead when it was started */
    char digest[65];        /* of its state, as it said when it was stopped */
    struct second *second;  /* another broker on the same journal; NULL: none */
    int start_code;
    struct error start_error;
    uint64_t start_ms;
    uint64_t number;         /* of processes so far */
    uint64_t process_number; /* of this one */
    unsigned slices_left;    /* until it is killed; 0: it is not going to be */
    bool power_goes;         /* with the kill */
};

struct opening {
    uint16_t unit;
    char *kind, *topic;
};

struct town_options {
    uint64_t seed;
    uint64_t minutes;
    size_t unit_count; /* 0: every unit of the plan */
    size_t lead_count; /* not 0: the time is over when so many were sent and TOWN_KINDS_LEAST kinds
                          of fault have happened, or ten times the minutes */
    bool calm;         /* nothing is broken */
    bool loud;         /* what happens is said on stderr */
    void (*progress)(void *ctx, uint64_t now_ms, const struct town *town);
    void *ctx;
};

struct town {
    struct town_options options;
    struct district *district;
    struct bus bus;
    struct unit *units;
    size_t unit_count;
    struct opening *openings;
    size_t opening_count;
    struct random people, nemesis, entropy, disk;
    uint64_t people_ms, nemesis_ms; /* their next deed */
    /* Between two deeds of people, of the nemesis and of the intruder, and of an outage, at most;
     * all grow with the run, so that a day has no more of them than a quarter of an hour. */
    uint64_t pause_ms, break_ms, trick_ms, outage_ms;
    bool healing;
    struct history *history;
    struct cover *cover;
    struct intruder *intruder;
    uint64_t end_ms, look_ms, quiet_ms, drained_ms;
    uint64_t drain_ms; /* how long it took, once everything was mended, until nothing waited */
    uint64_t steps;
    size_t records, envelopes, ticks; /* of the journal in the end */
    struct map custody_of;            /* check_custody.c: thread -> place */
    struct chains_custody *custodies;
    size_t custody_count;
    struct {
        uint64_t crashes, power_cuts, unit_crashes, unit_power_cuts, partitions, jumps, bundles,
            revocations, lost_disks, disk_faults, second_brokers, put_back;
    } counts;
};

/* In the current folder, which must be empty. */
struct town *town_new(const struct town_options *options);
void town_free(struct town *town);
/* Until the time is over, everything is mended and nothing moves any more, or something was found
 * on the way (history_failed). */
void town_run(struct town *town);

/* bus.c */
void bus_init(struct town *town);
void bus_fini(struct bus *bus);
bool bus_step(struct town *town); /* one slice of the broker's program; false: nothing to do */
uint64_t bus_next_ms(const struct bus *bus);
void bus_kill(struct town *town, bool power);
void bus_stop(struct town *town); /* as by SIGTERM */
void bus_start_second(struct town *town);
void bus_write_bundle(struct town *town, uint64_t version, bool offer);

/* unit.c */
void unit_init(struct town *town, struct unit *unit, size_t number);
void unit_fini(struct unit *unit);
bool unit_step(struct unit *unit);
uint64_t unit_next_ms(const struct unit *unit);
void unit_kill(struct unit *unit, bool power, uint64_t again_ms);
/* Calls that people make run as the unit's program. */
void unit_enter(struct unit *unit);
/* After one of them failed for the environment's sake the program ends. */
void unit_left(struct unit *unit, int code);
void unit_keys(struct unit *unit); /* from the district */

/* people.c */
void people_init(struct town *town);
void people_fini(struct town *town);
void people_step(struct town *town);

/* nemesis.c */
void nemesis_init(struct town *town);
void nemesis_step(struct town *town);
void nemesis_heal(struct town *town);

/* intruder.c: who has the keys of one unit, and would like more. After people_init. */
struct intruder *intruder_new(struct town *town);
uint64_t intruder_next_ms(const struct intruder *intruder);
void intruder_free(struct intruder *intruder);
void intruder_step(struct intruder *intruder);

#endif
