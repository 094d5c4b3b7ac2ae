/* core: the deterministic state machine of the bus. The journal is the only truth; this is the fold
 * over it.
 *
 *   core_admit(state, request) -> record bytes + verdict    decides; changes nothing
 *   core_apply(state, index, record) -> effects             cannot fail, cannot refuse
 *
 * The same code runs in the broker, the simulator and the replay. Pure: no I/O, clock, entropy,
 * threads. The caller makes a record durable before it releases the record's effects, and releases
 * nothing that read an index not yet durable (verdict.read_index). Record time is monotonic: an
 * earlier now_ms is clamped to the last record's. Memory: 16 bytes a queue entry; at most 512 bytes
 * a lead with its thread. One owner thread. */
#ifndef BROKER_CORE_CORE_H
#define BROKER_CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "certs/trust/trust.h"
#include "proto/base/arena.h"
#include "proto/base/bytes.h"
#include "proto/envelope.h"
#include "proto/plan/chains.h"
#include "proto/plan/clocks.h"
#include "proto/plan/lifecycle.h"
#include "proto/plan/route.h"
#include "proto/record.h"

struct core;

/* hash_key seeds the hash tables only; state and digest do not depend on it. */
struct core *core_new(const uint8_t hash_key[16]);
void core_free(struct core *core);

enum core_request_type {
    CORE_GENESIS, /* first record of a journal */
    CORE_BUNDLE,
    CORE_CONFIGURE,
    CORE_START,
    CORE_SUBMIT,
    CORE_ACK,
    CORE_PUBLISH_KEY,
    CORE_REWRAP,
    CORE_TICK,
    CORE_RESTORE, /* the journal is a backup's, put back: another origin from here on */
};

struct core_request {
    enum core_request_type type;
    uint32_t rules;  /* to decide by: those of the record in a replay; 0: the newest */
    uint64_t now_ms; /* wall clock as the shell read it */
    /* Who speaks, as the transport authenticated it and HELLO confirmed; serial 0 = the broker
     * itself. */
    uint64_t conn_serial;
    /* The key under which a signature was checked by the verify pool; whether it is the right key
     * is decided here. */
    bool signature_checked;
    uint8_t checked_key[SUITE_PUBLIC_LEN];
    union {
        struct {
            const char *origin, *bus;
            const uint8_t *root; /* sha256 of the root note, 32 */
            const char *previous_origin;
            struct bytes previous_checkpoint;
        } genesis;
        const struct trust_bundle
            *bundle; /* CORE_BUNDLE: borrowed by admit; handed to core_apply with the record */
        const Leadbus__Configured *configured;
        const char *version; /* CORE_START */
        struct {
            const char *origin, *reason;
            struct bytes checkpoint; /* the newest signed note over this journal */
        } restored; /* CORE_RESTORE: E_JOURNAL_FORKED where the note is of another head */
        struct {
            const struct envelope *envelope; /* ciphertext hashes already checked by the pool */
            /* Bit i: every chunk of the manifest's attachment i is on the disk, its folder
             * included. The shell knows; an accepted record implies it for all of them. */
            uint32_t attachments_durable;
        }; /* CORE_SUBMIT */
        struct {
            struct bytes body, signature; /* CORE_ACK, CORE_PUBLISH_KEY, CORE_REWRAP */
        } signed_body;
    };
};

struct core_verdict {
    int code;           /* 0: ret_record holds the record; E_DUPLICATE: see index; else refused */
    struct error error; /* field and detail of a refusal */
    uint32_t retry_after_ms;
    uint64_t read_index; /* journal size that the verdict depends on: hold the answer until it is
                            durable */
    uint64_t index;      /* E_DUPLICATE: where the original stands */
    uint32_t accepted_flags;
    /* E_THREAD_MOVED: the participants now, in order, and the journal size they are of. */
    size_t participant_count;
    const char *participants[LIMIT_RECIPIENT_COUNT_MAX];
    uint32_t participant_roles[LIMIT_RECIPIENT_COUNT_MAX]; /* enum route_role */
    uint64_t thread_index;
};

/* Decides a request against the state. On code 0 the record's bytes are appended to ret_record.
 * CORE_TICK with nothing due gives E_NOT_FOUND. An acknowledgement that adds nothing gives
 * E_DUPLICATE. Returns verdict.code. */
int core_admit(const struct core *core, const struct core_request *request, struct buf *ret_record,
               struct core_verdict *ret_verdict);

/* What a record caused; released by the shell when the record is durable. */
enum core_effect_type {
    CORE_EFFECT_RECEIPT, /* unit/serial gets a receipt for the envelope at index */
    CORE_EFFECT_QUEUED,  /* a unit's lane has a new entry */
    CORE_EFFECT_ACKED,   /* a unit's acknowledgement is durable: position of lane */
    CORE_EFFECT_KEY,     /* an epoch key was published */
    CORE_EFFECT_BUNDLE,  /* another bundle is in force */
};
struct core_effect {
    enum core_effect_type type;
    uint64_t index;   /* of the record */
    const char *unit; /* owned by core, valid for its life */
    uint64_t serial;
    unsigned lane;
    uint64_t position;
};
struct core_effects { /* growing array in the caller's storage; {0} is empty */
    struct core_effect *items;
    size_t count, cap;
};
void core_effects_fini(struct core_effects *effects);

/* Folds the record at `index` (which must be core_size()). `bundle` is needed for a BundleInstalled
 * record only and is taken (owned by core from then on). effects NULL: not wanted (replay, start).
 * A record that a correct admit cannot have produced is the journal's corruption, not a refusal:
 * E_JOURNAL_CORRUPT, and the state must be thrown away. The record that was admitted last, on this
 * very state, is folded from what admission looked up; any other from its bytes, by the same
 * function. */
int core_apply(struct core *core, uint64_t index, struct bytes record,
               struct trust_bundle *take_bundle, struct core_effects *effects,
               struct error *ret_error) MUST_USE;

/* The part of folding that asks no state, for who reads a journal ahead on another thread: the
 * record and, of an accepted one, its header with its hash. Borrows from arena and record.
 * E_BAD_FORM, E_UNKNOWN_FIELD, E_TOO_LARGE: core_apply of the same bytes says E_JOURNAL_CORRUPT,
 * with the reason. */
struct core_decoded {
    struct bytes bytes; /* of the record */
    const Leadbus__Record *record;
    const Leadbus__Header *header; /* NULL: not an accepted one */
    uint8_t hash[SUITE_HASH_LEN];
};
int core_decode(struct bytes record, struct arena *arena, struct core_decoded *ret,
                struct error *ret_error) MUST_USE;
/* core_apply of what core_decode gave, which is borrowed until it returns. */
int core_apply_decoded(struct core *core, uint64_t index, const struct core_decoded *decoded,
                       struct trust_bundle *take_bundle, struct core_effects *effects,
                       struct error *ret_error) MUST_USE;

/* Rebuilds the request of a record (replay): fills *ret_request borrowing from arena and record, so
 * that admitting it again must give the same bytes. The caller checks signatures and sets
 * signature_checked/checked_key. E_BAD_FORM. */
int core_request_of_record(struct bytes record, struct arena *arena,
                           struct core_request *ret_request, struct envelope *ret_envelope,
                           struct error *ret_error) MUST_USE;

uint64_t core_size(const struct core *core);    /* records folded */
uint64_t core_time_ms(const struct core *core); /* record time of the last */
const char *core_origin(const struct core *core);
/* Origins that it had before, oldest first, and the index of the record that ended each. */
size_t core_former_count(const struct core *core);
const char *core_former_at(const struct core *core, size_t i, uint64_t *ret_end);
const Leadbus__Configured *core_config(const struct core *core); /* defaults before the first */
const struct trust_bundle *
core_bundle(const struct core *core); /* in force; NULL before the first */
const struct trust_bundle *
core_bundle_previous(const struct core *core); /* NULL or the one before */
/* SHA-256 of a canonical serialisation of the whole state: equal on every machine and run. */
void core_digest(const struct core *core, uint8_t ret_digest[32]);
/* As records of earlier rules state it (Started.state_digest). */
void core_digest_by(const struct core *core, uint32_t rules, uint8_t ret_digest[32]);
uint64_t core_next_deadline_ms(const struct core *core); /* earliest of all that falls due;
                                                            UINT64_MAX = none: CORE_TICK then */

/* Delivery. Entries of a unit's lane in order of position, from 1. */
enum core_entry_type { CORE_ENTRY_LEAD, CORE_ENTRY_NOTICE, CORE_ENTRY_TOMBSTONE };
struct core_entry {
    enum core_entry_type type;
    uint64_t position;
    uint64_t index;        /* journal index of the lead or notice */
    uint8_t item_hash[32]; /* H, or leaf hash of the notice's record */
};
/* The entry after `position`; false when there is none. Serial order, O(1) amortised. */
bool core_entry_after(const struct core *core, const char *unit, unsigned lane, uint64_t position,
                      struct core_entry *ret_entry);
/* The sections of the envelope at `index` that a unit may open: a recipient those of the header,
 * and who something was passed on to those of the unit that had it, without what is for the police
 * alone. 0: none, or no envelope. */
uint32_t core_readable(const struct core *core, const char *unit, uint64_t index);
/* Was the envelope of this hash passed on to the unit? *ret_index: where it stands. */
bool core_passed_on(const struct core *core, const char *unit, struct bytes hash,
                    uint64_t *ret_index);
/* Whose leg that was before, from the recipient to who passed it on to the unit: at most cap of
 * them, the number there are returned; 0: it was not passed on to it. Names stay valid. */
size_t core_passed_by(const struct core *core, const char *unit, uint64_t index,
                      const char **ret_units, size_t cap);
/* The journal indexes of a thread's messages behind `after`, in order: fills at most cap, *ret_more
 * says whether there are others. For the joint-conference office, which sees the headers of all
 * threads; to every other unit, and of what is no thread, E_THREAD_UNKNOWN. */
int core_thread_messages(const struct core *core, const char *unit, struct bytes id, uint64_t after,
                         uint64_t *ret_indexes, size_t cap, size_t *ret_count, bool *ret_more,
                         struct error *ret_error) MUST_USE;
/* The journal indexes of what a lane held before it was acknowledged, from the position after
 * `after` on: fills at most cap, returns how many. For a unit that lost what it had acknowledged.
 */
size_t core_past(const struct core *core, const char *unit, unsigned lane, uint64_t after,
                 uint64_t *ret_indexes, size_t cap);
/* What the journal holds as acknowledged: position and running hash. The shell continues the
 * running hash from here. */
void core_acknowledged(const struct core *core, const char *unit, unsigned lane,
                       uint64_t *ret_position, uint8_t ret_running[32]);
/* Highest sequence number admitted. */
uint64_t core_seq(const struct core *core, uint64_t serial, unsigned lane);

/* Published epoch keys (from bundles and journal), newest last; borrowed until the next apply. */
size_t core_epoch_key_count(const struct core *core);
void core_epoch_key_at(const struct core *core, size_t i, struct bytes *ret_body,
                       struct bytes *ret_signature, uint64_t *ret_index);
uint64_t core_keys_index(const struct core *core);

/* Figures per unit, I3: accepted = delivered + waiting + expired + undeliverable + withdrawn. */
struct core_unit_stats {
    const char *unit;
    uint64_t accepted, delivered, waiting, expired, undeliverable, withdrawn;
    uint64_t oldest_waiting_index; /* UINT64_MAX = none */
};
size_t core_unit_count(const struct core *core);
void core_unit_stats(const struct core *core, size_t i, struct core_unit_stats *ret_stats);
/* I3 for every unit, with `waiting` counted anew from the queues. Walks them: for tests, the
 * simulator and the console, not for every lead. */
bool core_stats_balanced(const struct core *core);

/* A thread as the state has it, for explain, the agent's tests and the console. */
struct core_leg {
    const char *unit;
    const char *kind;  /* of the message that it is about */
    uint64_t index;    /* of the message that made the leg */
    uint64_t since_ms; /* of its record */
    enum lifecycle_state state;
    bool primary;
    const char *clause;   /* of its citation: id of a task or duty; "" : none */
    struct clocks clocks; /* all 0 where the first rules made it */
};
/* What the route of a header follows from beside the header and the plan: the thread that it goes
 * on, in the numbers of that plan. */
struct core_routing {
    struct route_participant participants[LIMIT_RECIPIENT_COUNT_MAX];
    size_t participant_count;
    const char *reference_sender; /* NULL: it opens a thread; lives as long as the core */
};
/* As of now: core_admit asks it, and who derives a route again asks it before the record is
 * applied. No participants where the thread, its parent or the bundle is not known. */
void core_routing_find(const struct core *core, const Leadbus__Header *head,
                       struct core_routing *ret);
/* The one query that a header's route is the answer to; borrows all three. */
struct route_query core_routing_query(const struct plan *plan, const Leadbus__Header *head,
                                      const struct core_routing *routing);

/* What an accepted message is about, in the eyes of who tells the story of a thread. */
struct core_subject {
    bool has_leg;       /* it is an act on one leg: */
    uint64_t about;     /* index of the message that made it */
    bool whole;         /* it is an act on every leg of its thread */
    bool legs;          /* it made legs */
    const char *target; /* key of the unit that it names, or that the release was given for; "":
                           none; valid until the next apply */
};
/* By journal index. false: no message stands there. */
bool core_subject_at(const struct core *core, uint64_t index, struct core_subject *ret);
/* Where the message with this id stands. false: there is none. */
bool core_message_index(const struct core *core, struct bytes id, uint64_t *ret_index);

/* Fills at most cap legs; returns the number there are; 0 and *ret_known=false for an unknown
 * thread. */
size_t core_thread_legs(const struct core *core, const uint8_t thread[16],
                        struct core_leg *ret_legs, size_t cap, bool *ret_known);
/* A step of a chain on a thread, "rescue/handover", in the order in which they were first heard of.
 */
struct core_thread_step {
    const char *step;
    uint64_t at_ms;       /* as stated; 0: it has not come */
    uint64_t recorded_ms; /* when the bus heard of that: its period runs from then */
    bool owed;            /* and was wanted before what came early */
    bool moot;            /* it was, and is needed no more */
};
/* Fills at most cap steps; returns the number there are; 0: none, or no such thread. */
size_t core_thread_steps(const struct core *core, const uint8_t thread[16],
                         struct core_thread_step *ret_steps, size_t cap);
/* Who has the person of a thread in their care. */
struct core_thread_custody {
    struct chains_custody custody; /* .unit is the core's own number */
    const char *unit;              /* its key; "": no unit has */
};
struct core_thread_custody core_thread_custody(const struct core *core, const uint8_t thread[16]);
/* Is it under supervision? false: no, or no such thread. */
bool core_thread_listed(const struct core *core, const uint8_t thread[16]);
/* The urgency by which its clocks run since then; 0: each by its own. */
unsigned core_thread_raised(const struct core *core, const uint8_t thread[16]);
/* Every leg that began within [from_ms, until_ms), in journal order; names stay valid until the
 * next apply. */
void core_legs(const struct core *core, uint64_t from_ms, uint64_t until_ms,
               void (*each)(void *ctx, const struct core_leg *leg), void *ctx);

#endif
