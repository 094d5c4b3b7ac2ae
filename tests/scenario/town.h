/* town: a small bus for scenarios: an authority, a broker and a few units with keys, on disk in a
 * folder of its own, and leads sealed as an agent would seal them. */
#ifndef TESTS_SCENARIO_TOWN_H
#define TESTS_SCENARIO_TOWN_H

#include "certs/keyring/keyring.h"
#include "proto/envelope.h"
#include "proto/plan/plan.h"
#include "proto/plan/route.h"
#include "tests/lib/process.h"

#define TOWN_BUS "test.leadbus"
enum town_unit {
    TOWN_BROKER,
    TOWN_EDUCATION,
    TOWN_POLICE,
    TOWN_PROCURATORATE,
    TOWN_CIVIL_AFFAIRS,
    TOWN_OFFICE,
    TOWN_HEALTH,  /* revoked from bundle 2 on */
    TOWN_JUSTICE, /* its certificate has expired */
    TOWN_STREET,  /* of the area 120102006 */
    TOWN_UNIT_COUNT,
};

struct town {
    char folder[PROCESS_PATH_LEN_MAX];
    struct keyring keyrings[TOWN_UNIT_COUNT];
    uint8_t authority_public[32], authority_secret[64];
    uint8_t manifest_hash[32]; /* of the bundle written last */
    uint64_t made_ms;
    struct plan *plan;
    const char *program; /* leadbusd, or one in its place */
    struct process broker;
    char endpoint[2 * PROCESS_PATH_LEN_MAX]; /* ipc */
    char log[2 * PROCESS_PATH_LEN_MAX];
    const char *act_left_out; /* the next bundle's plan has no kind that does it; NULL: all */
    const char *more_config;  /* of the broker, behind everything else; NULL: nothing */
};

void town_init(struct town *town);
/* Stops the broker and removes the folder. */
void town_fini(struct town *town);
/* Writes bundle file `version`; from 2 on TOWN_HEALTH is revoked. */
void town_write_bundle(struct town *town, uint64_t version);
/* Starts leadbusd and waits until it is ready; true when it is. */
bool town_start_broker(struct town *town);

/* leadbus-replay's `explain` of what was accepted, by the journal of the broker, which has stopped:
 * of every message, or of the first of each kind, sender and recipients. How many it explained; 0:
 * there were none, or one does not hold (stderr says which). */
enum town_explained { TOWN_EXPLAIN_ALL, TOWN_EXPLAIN_SORTS };
size_t town_explain(const struct town *town, const char *program, enum town_explained which);

/* What makes a message follow another one. */
struct town_act {
    const uint8_t *thread, *parent; /* 16 bytes each */
    const char *parent_from;        /* unit */
    const char *topic, *target;     /* NULL: none */
    const uint8_t *other;           /* 16 bytes; NULL: none */
    uint64_t thread_index;
    const struct route_participant *participants;
    size_t participant_count;
};

/* A mandatory report: the police sign for it, procuratorate and civil affairs get the summary. Or
 * another kind; who of the plan is not of the town has no key. */
struct town_lead {
    uint64_t seq, bundle;
    uint8_t id[16];
    const char *kind;    /* NULL: a mandatory report */
    uint64_t expires_ms; /* 0: never */
    enum town_unit deaf; /* its wrap is sealed under a wrong key; 0: nobody's */
    uint64_t seen_size;  /* a head that it claims to have seen, of a root that was never there; 0 */
    const struct seal_attachment *attachments;
    size_t attachment_count;
    const struct town_act *act; /* NULL: it opens a thread */
};
/* The code of a route that there is not; nothing is sealed then. */
int town_try_seal(const struct town *town, enum town_unit from, const struct town_lead *lead,
                  struct sealed *ret_sealed) MUST_USE;
void town_seal(const struct town *town, enum town_unit from, const struct town_lead *lead,
               struct sealed *ret_sealed);

#endif
