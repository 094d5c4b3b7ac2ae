/* district: a whole bus in memory for tests, benches and replays: a root of 2 of 3 keys, bundles
 * over the plan's tables, keys of every unit from seeds, and letters routed and sealed as an agent
 * would. Everything follows from the options: the same calls give the same bytes on every machine.
 *
 * Time stands still unless the caller moves now_ms. It keeps its own account of threads and their
 * participants (district_accepted), so that it is an oracle for the core and not its mirror. */
#ifndef TESTS_LIB_DISTRICT_H
#define TESTS_LIB_DISTRICT_H

#include "certs/trust/trust.h"
#include "proto/envelope.h"
#include "proto/plan/route.h"
#include "proto/schema/record.pb-c.h"

#define DISTRICT_BUS      "hedong.leadbus"
#define DISTRICT_ORIGIN   "hedong.leadbus/00000001"
#define DISTRICT_START_MS 1700000000000ull
#define DISTRICT_DAY_MS   (24ull * 3600 * 1000)

enum { DISTRICT_THREAD_COUNT_MAX = 4096 };

struct district_unit {
    const char *key; /* of the plan */
    uint64_t serial; /* 1000 + its number in the plan, 1000 more for each later enrolment */
    uint8_t identity_secret[64], identity[32];
    uint8_t witness_secret[64], witness[32];
    uint8_t transport_secret[32], transport[32];
    uint8_t session_secret[32], session[32];
    uint8_t epoch_secret[32], epoch_public[32];
    uint64_t epoch; /* 1; 0: has published no key and is unkeyed */
    bool revoked;
    uint64_t not_after_ms; /* of its certificate */
    uint64_t seqs[ENVELOPE_LANE_COUNT];
};

/* What two units agreed on, as long as neither has other keys. */
struct district_kek {
    uint64_t serial, epoch;
    uint8_t session[32], epoch_public[32], kek[32];
};

struct district_thread {
    uint8_t id[16];
    uint64_t index; /* journal size as of the newest message */
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    size_t participant_count;
};

enum { DISTRICT_REVOCATION_COUNT_MAX = 16, DISTRICT_VERSION_MAX = 16, DISTRICT_EDIT_COUNT_MAX = 8 };

struct district {
    uint64_t now_ms;
    uint64_t bundle_version;                       /* the newest made */
    uint64_t expires_ms, hard_limit_ms, min_suite; /* of the next bundle */
    uint64_t epoch_not_before_ms, epoch_not_after_ms;
    struct trust_bundle *bundle; /* for routing */
    const struct plan *plan;
    struct trust_root root;
    struct buf root_note;
    struct district_unit broker; /* serial 900; its witness key signs checkpoints */
    size_t unit_count;
    struct district_unit *units; /* by plan number */
    uint64_t *pair_seqs;         /* (from * unit_count + to) * 2 + lane: as if all were receipted */
    uint8_t (*pair_hashes)[32];
    struct district_kek *keks; /* from * unit_count + to; as an agent, which keeps them too */
    /* What a bundle carries on from the one before. */
    size_t revocation_count;
    struct {
        uint64_t serial, time_ms;
    } revocations[DISTRICT_REVOCATION_COUNT_MAX];
    size_t edit_count;
    struct {
        uint64_t version;
        const char *part, *old, *new;
    } edits[DISTRICT_EDIT_COUNT_MAX];
    uint8_t manifest_hashes[DISTRICT_VERSION_MAX][32]; /* by version; zeros: not made yet */
    /* NULL, or has the parts of the next bundle be something else: signed for all the same. */
    void (*bend_part)(const char *name, struct bytes content, struct buf *ret, void *ctx);
    void *bend_ctx;
    const char *origin; /* that acknowledgements state; NULL: DISTRICT_ORIGIN */
    uint64_t letters;   /* sealed so far: ids and entropy come from it */
    size_t thread_count;
    struct district_thread *threads;
};

/* All units of the plan of 2022, bundle version 1. */
struct district *district_new(void);
void district_free(struct district *district);
struct district_unit *district_unit(struct district *district, const char *key);
/* It lost its keyring and was enrolled again: fresh keys, another serial, epochs from 1. From the
 * next bundle on. */
void district_enrol_again(struct district *district, const char *key);
/* The identity key of the certificate that has, or had, a unit's serial; false: there is none. */
bool district_identity(const struct district *district, uint64_t serial, uint8_t ret_identity[32]);
void district_fill(uint8_t *ret_data, size_t len, const char *label, uint64_t number);

/* The encoded bundle of a version, from the district as it stands. The caller frees. */
void district_bundle_bytes(struct district *district, uint64_t version, struct buf *ret_bytes);
struct trust_bundle *district_bundle_open(struct district *district, uint64_t version);
/* From this version on the plan's table (as "units.tsv") has `new` where `old` stood, once. The
 * texts are borrowed. Rows of units keep their places. */
void district_edit(struct district *district, uint64_t version, const char *part, const char *old,
                   const char *new);
/* Routes with this version from now on (opened anew; the district keeps its own copy). */
void district_bundle_use(struct district *district, uint64_t version);

/* What a sender wants; {0} but kind and from is enough. */
struct district_draft {
    const char *kind, *topic, *area, *from;
    const struct district_letter *parent; /* NULL: opens a thread */
    const char *target;                   /* whom it is passed on to; NULL: nobody */
    const struct district_letter *other;  /* a message of another thread; NULL: none */
    uint64_t seq;                         /* 0: the next one */
    uint64_t created_ms;                  /* 0: now */
    uint64_t expires_ms, seen_size, occurred_ms, due_ms;
    bool early;            /* states why it comes before what should have come first */
    uint64_t bundle;       /* 0: the version in use */
    uint64_t thread_index; /* 0: as of the newest message accepted */
    const uint8_t *id;     /* NULL: a new one */
    bool reporter;         /* with the optional section */
    bool nobody;           /* an act without the officer who is named otherwise */
    const struct seal_attachment *attachments;
    size_t attachment_count;
    void (*bend)(Leadbus__Header *head, struct seal_recipient *recipients, size_t *count,
                 void *ctx); /* a last chance to be wrong */
    void *ctx;
};

struct district_letter {
    struct sealed sealed;
    struct arena arena;
    struct envelope envelope; /* decoded from sealed.bytes */
    uint8_t id[16], thread[16];
    uint16_t from; /* plan number */
    char kind[LIMIT_SLUG_LEN_MAX + 1];
};

/* Routed, sealed, signed, decoded. NULL when the route refuses (*ret_code). */
struct district_letter *district_seal(struct district *district, const struct district_draft *draft,
                                      int *ret_code);
void district_letter_free(struct district_letter *letter);
/* The bus took it at that journal index: the thread has grown. */
void district_accepted(struct district *district, const struct district_letter *letter,
                       uint64_t index);
/* The unit's numbers go on from here as if the letter had not been sealed. */
void district_unsend(struct district *district, const struct district_letter *letter);

/* Signed bodies; the buffers are the caller's. */
void district_ack(const struct district *district, const char *unit, unsigned lane,
                  uint64_t position, const uint8_t running[32],
                  const Leadbus__Exception *exceptions, size_t exception_count,
                  struct buf *ret_body, uint8_t ret_signature[64]);
void district_epoch_key(const struct district *district, const char *unit, uint64_t epoch,
                        struct buf *ret_body, uint8_t ret_signature[64]);

#endif
