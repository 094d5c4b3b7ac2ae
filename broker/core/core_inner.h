/* core_inner: the state of the core and what its files share. Not for anyone else.
 *
 * Everything in here is a function of the journal's records alone. Arrays keep the order in which
 * records brought things; maps and places only find them again, and nothing that is decided,
 * written or hashed walks one. Slots of the item pool are the one thing that depends on history in
 * another way, so the digest never names a slot. */
#ifndef BROKER_CORE_CORE_INNER_H
#define BROKER_CORE_CORE_INNER_H

#include "broker/core/core.h"
#include "proto/base/check.h"
#include "proto/base/limits.h"
#include "proto/base/map.h"
#include "proto/base/places.h"
#include "proto/plan/chains.h"
#include "proto/plan/clocks.h"

enum {
    CORE_NONE = UINT32_MAX,
    CORE_ORIGIN_LEN_MAX = 255,
    CORE_EPOCH_KEYS_PER_UNIT_MAX = 64, /* unexpired ones */
    CORE_TICK_COUNT_MAX = 4096,        /* expiries, or overdue clocks of a unit, in one record */
    CORE_RETRY_MS = 5000,
    CORE_DAY_MS = 24 * 3600 * 1000,
};

/* One place in a lane: 16 bytes, and the digest's unit of it. */
enum core_entry_flag {
    CORE_ENTRY_IS_NOTICE = 1,
    CORE_ENTRY_TOLD = 2, /* signed for before it was acknowledged: counted as delivered already */
    CORE_ENTRY_UNKEYED = 4, /* waits for a rewrap */
};
struct core_place {
    uint64_t index;
    uint32_t item;
    uint32_t flags;
};

/* What was acknowledged, two bytes or so an entry: differences of the journal indexes, seven bits a
 * byte, lowest first, the last one below 0x80. It follows from the queue: no part of the digest. */
enum { CORE_PAST_STEP = 1024 };
struct core_past {
    struct buf steps;
    uint64_t last; /* index of the last of them */
    struct {
        size_t offset;
        uint64_t index;
    } * marks; /* ahead of the positions 1, 1 + CORE_PAST_STEP, ... */
    size_t mark_count, mark_cap;
};

struct core_lane {
    struct core_place *ring; /* cap is a power of two */
    uint32_t cap, head, count;
    uint64_t acked; /* position of the last acknowledged entry; the ring starts behind it */
    uint8_t running[32];
    struct core_past past;
};

struct core_unit {
    char key[LIMIT_SLUG_LEN_MAX + 1];
    struct core_lane lanes[ENVELOPE_LANE_COUNT];
    uint64_t accepted, delivered, waiting, expired, undeliverable, withdrawn;
    uint64_t unkeyed; /* entries with CORE_ENTRY_UNKEYED */
    uint32_t keys;    /* its newest epoch key: 1 + place in core->keys, 0 = none */
};

/* What waits somewhere: a lead until its last recipient acknowledged, or a notice. */
struct core_item {
    uint8_t hash[32]; /* H of a lead, leaf hash of a notice's record */
    uint64_t index;
    uint64_t expires_ms; /* 0: never */
    uint32_t refs;       /* 0: free, `message` is then the next free slot */
    uint32_t message;    /* CORE_NONE: a notice */
    bool expired;
};

/* An accepted envelope: what later messages may refer to. */
struct core_message {
    uint8_t id[16];
    uint64_t index;
    uint32_t thread;
    uint32_t next;  /* next message of the thread, or CORE_NONE */
    uint32_t party; /* its first recipient in core->parties */
    uint32_t item;  /* while it waits; compare the item's index before use */
    uint32_t lead;  /* what its legs are about: itself, or what a transfer passed on */
    uint32_t
        about; /* of an act on one leg: the message where that leg stands, and its place there */
    uint32_t other; /* of a link and of a merger: the other thread; else CORE_NONE */
    uint16_t from;
    uint16_t kind;   /* row of core->kinds */
    uint16_t topic;  /* 1 + place in its kind's topics; 0: none */
    uint16_t target; /* of a transfer, a request for a release and a release that was given: whom
                        to; else CORE_UNIT_NONE */
    uint8_t leg;     /* CORE_LEG_NONE: no act on one leg */
    uint8_t bits;    /* enum core_message_bit */
    uint8_t party_count;
    uint8_t urgency;
    uint64_t due_ms;  /* of a request for a release: when the sender's time is over; else 0 */
    uint64_t time_ms; /* of its record */
};
enum { CORE_LEG_NONE = 0xff };

enum core_message_bit {
    CORE_MESSAGE_ASKS = 1,         /* for a release that nobody has answered */
    CORE_MESSAGE_OVERDUE = 2,      /* in the time that the sender had */
    CORE_MESSAGE_TAKEN = 4,        /* some leg about it was accepted */
    CORE_MESSAGE_POLICE_SHIFT = 4, /* the sections for the police alone, in the upper half */
};

enum core_party_bit {
    CORE_PARTY_SIGN = 1,
    CORE_PARTY_PRIMARY = 2,
    CORE_PARTY_LEG = 4,
    CORE_PARTY_LATE = 8,          /* has said that it could not take what came after the message */
    CORE_PARTY_SECTION_SHIFT = 4, /* the sections it may open, in the upper half */
};
struct core_party {
    uint16_t unit;
    uint8_t state; /* enum lifecycle_state of a leg */
    uint8_t bits;
    uint32_t last;   /* the message that brought a leg into its state, deliveries apart */
    uint32_t clocks; /* of a leg; else, and by the first rules, CORE_NONE */
};

/* What runs for one leg, and what came of it. */
struct core_clocks {
    uint32_t message; /* where the leg stands, and its place there */
    uint8_t place;
    uint16_t clause; /* that makes it this unit's, 1 + place in core->clauses; 0: none */
    struct clocks clocks;
};

/* The chains of a thread: steps that have come or are owed, and custody. */
struct core_step {
    uint16_t name; /* 1 + place in core->clauses: "rescue/handover" */
    bool owed;
    bool moot;      /* needed no more */
    uint64_t at_ms; /* as stated; 0: it has not come */
    uint64_t recorded_ms;
};
struct core_chain {
    uint32_t thread;
    struct core_step *steps;
    size_t step_count, step_cap;
    struct chains_custody custody;
    uint32_t alarm; /* what is told at its newest message's end; CORE_NONE: nothing */
};

/* What is told because of a chain, once. */
enum core_alarm_what {
    CORE_ALARM_GAP = 1,        /* a custody with a gap before it */
    CORE_ALARM_END = 2,        /* an alert past its end that nobody has stood down */
    CORE_ALARM_AGAIN = 3,      /* a step that should come once came again */
    CORE_ALARM_UNANSWERED = 4, /* who must act on an exempt lead did not in time */
    CORE_ALARM_CUT = 5,        /* a step that did not wait for a period to be over */
};
struct core_alarm {
    uint32_t message;
    uint16_t unit; /* of a gap: who had custody before; else CORE_UNIT_NONE */
    uint8_t what;
    bool done; /* told, or no longer so */
    uint64_t from_ms, until_ms;
};
/* Units as of the plan in force, each once. */
struct core_told {
    uint16_t units[LIMIT_RECIPIENT_COUNT_MAX + 4];
    size_t count;
};

struct core_participant {
    uint16_t unit;
    uint8_t role; /* enum route_role */
};

/* 64 bytes; the participants of nearly every thread stand in it. */
enum { CORE_PARTICIPANT_NEAR_COUNT = 8 };
struct core_thread {
    uint32_t first, last; /* messages */
    uint32_t chain;       /* in core->chains; CORE_NONE: no step of any has come */
    uint16_t participant_count;
    uint16_t far_cap;      /* 0: they are near */
    uint64_t changed_size; /* journal size at which the list became what it is */
    union {
        struct core_participant near[CORE_PARTICIPANT_NEAR_COUNT];
        struct core_participant *far;
    };
    bool passed;    /* a leg of it was passed on */
    bool bound;     /* the police opened a case of child trafficking */
    bool listed;    /* under supervision */
    uint8_t raised; /* by a message of that urgency; 0: it is not */
};

struct core_seen {
    uint64_t index; /* 0: this sequence number was not used (record 0 is the genesis) */
    uint64_t hash;  /* first 8 bytes of H */
};
struct core_sender {
    uint64_t serial;
    struct {
        uint64_t highest;
        struct core_seen *seen; /* seq - 1 */
        size_t cap;
    } lanes[ENVELOPE_LANE_COUNT];
    uint64_t quota_minute;
    uint32_t quota_count;
    uint64_t epoch; /* highest number of an epoch key of this certificate */
    uint64_t keys_day;
    uint32_t keys_count; /* published on that day */
};

/* What one unit has rewrapped of one message for one key of a reader. */
struct core_rewrap {
    uint8_t name[32]; /* hash of the four */
    uint32_t count;
    uint64_t indexes[LIMIT_REWRAP_COUNT_MAX];
    uint64_t bodies[LIMIT_REWRAP_COUNT_MAX]; /* first 8 bytes of each body's hash */
};

/* A kind as the lifecycle needs it, kept for threads older than the plan in force. */
struct core_kind {
    char slug[LIMIT_SLUG_LEN_MAX + 1];
    struct plan_kind kind; /* slug, expects, returnable, last_resort, exempt, reported, erased,
                              family, act are set */
    char (*topics)[LIMIT_SLUG_LEN_MAX + 1]; /* those that it has or had */
    size_t topic_count, topic_cap;
};

struct core_epoch_key {
    uint16_t unit;
    uint32_t older; /* the unit's key before this one, as core_unit.keys */
    uint64_t serial, epoch, not_before_ms, not_after_ms, index;
    uint8_t fingerprint[16];
    struct buf body, signature;
};

/* A bundle in force, or the one before it, and how its plan's numbers and ours go together. */
struct core_installed {
    struct trust_bundle *bundle; /* NULL: none */
    uint64_t since_ms, index;
    uint16_t unit_of_plan[LIMIT_UNIT_COUNT_MAX];
    uint16_t plan_of_unit[LIMIT_UNIT_COUNT_MAX]; /* the current unit; PLAN_UNIT_NONE: not in it */
    uint16_t kind_of_plan[PLAN_KIND_COUNT_MAX];
    uint16_t
        *clauses; /* of its tasks, duties, then steps of chains, as core_clocks.clause; owned */
};

/* One thing that falls due. `what`: a clock of the leg's at core->clocks[slot]; PLAN_CLOCK_RELEASE:
 * an answer to core->messages[slot]; CORE_DUE_EXPIRY: the lead at core->items[slot]. */
enum {
    CORE_DUE_EXPIRY = 0xff,
    CORE_DUE_ALARM = 0x80, /* and enum core_alarm_what: core->alarms[slot] */
};
struct core_due {
    uint64_t at_ms, index;
    uint32_t slot;
    uint16_t what;
    uint16_t rank; /* once its moment has passed: whose turn it is */
};
/* The first on top, by (at_ms, index) or by (rank, index, what); what was done in time lingers
 * inside. */
struct core_heap {
    struct core_due *items;
    size_t count, cap;
    bool by_rank;
};
/* What one tick takes, by index: expiries, or what one unit has missed. */
struct core_due_list {
    struct core_due *items; /* the caller frees */
    size_t count, cap;
    uint16_t unit; /* CORE_UNIT_NONE: expiries; CORE_UNIT_ALARM: an alarm */
};

/* An origin that the journal had, and the record that ended it. */
struct core_former {
    char origin[CORE_ORIGIN_LEN_MAX + 1];
    uint64_t end;
};

struct core {
    uint8_t hash_key[16];
    char origin[CORE_ORIGIN_LEN_MAX + 1], bus[CORE_ORIGIN_LEN_MAX + 1];
    struct core_former *formers; /* at most LIMIT_RESTORED_COUNT_MAX */
    size_t former_count;
    uint8_t root[32]; /* hash of the newest root note */
    uint64_t root_version;
    uint64_t size, time_ms;
    uint32_t rules; /* of the last record: they never fall */
    Leadbus__Configured config;
    uint64_t config_index; /* 0: none yet, the defaults hold */
    struct core_installed now, before;

    struct core_unit **units; /* at most LIMIT_UNIT_COUNT_MAX; addresses never change */
    size_t unit_count;
    struct core_kind **kinds;
    size_t kind_count, kind_cap;
    struct core_epoch_key *keys;
    size_t key_count, key_cap;
    uint64_t keys_index;

    struct map sender_of; /* serial, 8 bytes */
    struct core_sender *senders;
    size_t sender_count, sender_cap;

    struct core_message *messages;
    size_t message_count, message_cap;
    struct places message_of; /* by id */
    uint8_t (*hashes)[32];    /* H of each message: for rewraps */
    size_t hash_cap;
    struct places hash_of;
    struct core_party *parties;
    size_t party_count, party_cap;
    struct core_thread *threads;
    size_t thread_count, thread_cap;

    struct map rewrap_of; /* name, 32 bytes */
    struct core_rewrap *rewraps;
    size_t rewrap_count, rewrap_cap;

    struct core_item *items;
    size_t item_count, item_cap;
    uint32_t item_free;
    struct core_heap due;  /* by time: later than the last record */
    struct core_heap past; /* by rank: not later, and not told yet */
    struct core_clocks *clocks;
    size_t clock_count, clock_cap;
    struct core_chain *chains;
    size_t chain_count, chain_cap;
    struct core_alarm *alarms;
    struct map alarm_of; /* message and what, 8 bytes */
    size_t alarm_count, alarm_cap;
    /* Ids of tasks and duties, and names of steps, that plans have or had. */
    char (*clauses)[LIMIT_SLUG_LEN_MAX + 1];
    size_t clause_count, clause_cap;

    struct arena *scratch; /* for decoding inside one call */
    struct core_admitted *admitted;
    bool broken; /* a record could not be folded: nothing may be asked any more */
};

/* A record that is folded. */
struct core_folding {
    uint64_t index;
    uint64_t time_ms;
    uint32_t rules; /* that it was decided by */
    struct bytes bytes;
    struct core_effects *effects;
};

/* An act on its way through act.c, clock.c, chain.c and alarm.c. */
struct core_act {
    enum plan_act act;
    const struct plan_kind *kind; /* of the message, and its topic */
    const char *topic;
    uint32_t facts; /* what its topic means */
    /* Places, which stay when arrays move. CORE_NONE: it opens a thread, that one not made yet; it
     * names no other that `from` is on. */
    uint32_t thread, parent, other;
    uint16_t from, target;                  /* CORE_UNIT_NONE: it names none */
    const struct core_installed *installed; /* whose plan it was sent by */
    uint64_t now_ms, occurred_ms;           /* occurred_ms: as stated, or 0 */
    uint8_t urgency;                        /* of the message */
    uint64_t due_ms; /* by when what it begins or takes up again is closed, as stated; or 0 */
    uint32_t rules;  /* it is decided by */
    bool early;      /* it states a reason for that */
    /* Filled in. */
    uint32_t effects;                  /* of all its steps */
    bool gap, again, until, ends, cut; /* of the thread's chains, see struct chains_change */
    uint64_t cut_ms;
    uint16_t giver; /* of a gap: who had custody before it */
    uint32_t about; /* the leg, where it is one; else CORE_NONE, CORE_LEG_NONE */
    uint8_t leg;
};

/* An envelope in the core's own numbers: all that is folded of it. */
struct core_letter {
    struct core_act act; /* as core_letter_read begins it */
    uint8_t id[16], hash[32];
    uint32_t id_hash, thread_hash; /* in core->message_of */
    uint32_t hash_hash;            /* in core->hash_of */
    uint64_t serial, seq, expires_ms;
    uint16_t kind, topic; /* as core_message.kind and .topic */
    uint8_t urgency, lane;
    uint8_t police; /* its sections that are for the police alone */
    uint8_t recipient_count;
    struct core_addressee {
        uint16_t unit, clause;
        uint8_t sections;
        bool signs, unkeyed;
    } recipients[LIMIT_RECIPIENT_COUNT_MAX];
};

/* The message that opened its thread; then the thread, and that message's recipients. */
enum core_letter_step { CORE_LETTER_OPENING, CORE_LETTER_THREAD };

/* The envelope that was admitted last. Folding its record next, as a broker does, need not read a
 * second time what has just been looked up and written. No part of the state. */
struct core_admitted {
    struct buf record;
    uint64_t size, time_ms; /* of the journal when it was admitted; of the record */
    uint32_t rules;
    struct core_letter letter;
};

static inline struct bytes core_binary(ProtobufCBinaryData data)
{
    return bytes_of(data.data, data.len);
}
static inline ProtobufCBinaryData core_data(struct bytes bytes)
{
    return (ProtobufCBinaryData){bytes.len, (uint8_t *)(uintptr_t)bytes.data};
}

/* The files stand on each other in the order of the sections from here on, and none calls one whose
 * section is below its own. */

/* ---- ground.c: what all stand on ----------------------------------------------------------------
 */
/* Room for `need` items of `size` bytes in an array that doubles. */
void *core_grow(void *items, size_t *cap, size_t need, size_t size);
void core_effect_add(struct core_effects *effects, struct core_effect effect);
int core_corrupt(struct error *ret_error, uint64_t index, const char *what);

/* ---- heap.c: what falls due, in order -----------------------------------------------------------
 */
void core_heap_push(struct core_heap *heap, struct core_due due);
void core_heap_pop(struct core_heap *heap);
/* Everything up to a moment, in no order that means anything; looks no further down than that. */
void core_heap_each(const struct core_heap *heap, uint64_t time_ms,
                    void (*each)(void *ctx, const struct core_due *due), void *ctx);
/* In the heap's order, as long as `each` returns true; looks no further than that. */
void core_heap_walk(const struct core_heap *heap,
                    bool (*each)(void *ctx, const struct core_due *due), void *ctx);
void core_heap_fini(struct core_heap *heap);

/* ---- units.c: units, kinds, bundles -------------------------------------------------------------
 */
enum { CORE_UNIT_NONE = 0xffff, CORE_UNIT_ALARM = 0xfffe };
uint16_t core_unit_find(const struct core *core, const char *key);
uint16_t core_unit_put(struct core *core, const char *key);
uint16_t core_unit_office(const struct core *core);
/* 1 + place of a topic that the kind has or had, 0 of none; CORE_TOPIC_NONE: it never had that. */
enum { CORE_TOPIC_NONE = 0xffff };
uint16_t core_kind_topic(const struct core_kind *kind, const char *topic);
/* The same unit as of the plan in force, successors resolved? */
bool core_unit_same(const struct core *core, uint16_t a, uint16_t b);
/* What a unit has become by the plan in force; itself, where that has no word of it. */
uint16_t core_unit_now(const struct core *core, uint16_t unit);
/* Of a recipient's citation; 0: of none of the plan's. */
uint16_t core_clause(const struct core_installed *installed, const char *citation);
void core_install(struct core *core, struct trust_bundle *take_bundle, uint64_t index,
                  uint64_t time_ms);

/* ---- senders.c: what each certificate has sent --------------------------------------------------
 */
const struct core_sender *core_sender_find(const struct core *core, uint64_t serial);
struct core_sender *core_sender_put(struct core *core, uint64_t serial);
const struct core_seen *core_sender_seen(const struct core_sender *sender, unsigned lane,
                                         uint64_t seq);
void core_sender_note(struct core_sender *sender, unsigned lane, uint64_t seq, uint64_t index,
                      const uint8_t hash[32]);
/* One record more in that minute: an envelope, a key or a rewrap. */
void core_sender_count(struct core_sender *sender, uint64_t time_ms);
/* E_QUOTA where the certificate has used up its minute. */
int core_sender_check_quota(const struct core *core, uint64_t serial, uint64_t now_ms,
                            struct core_verdict *verdict);

/* ---- keys.c: epoch keys -------------------------------------------------------------------------
 */
/* A key counts only while it is live: its certificate stands in the bundle in force, is not revoked
 * and is within its validity. */
bool core_key_live(const struct core *core, const struct core_epoch_key *key, uint64_t at_ms);
/* The unit's key of that number and fingerprint, a live one ahead of others; NULL: never published.
 */
const struct core_epoch_key *core_key_find(const struct core *core, uint16_t unit, uint64_t epoch,
                                           struct bytes fingerprint, uint64_t at_ms,
                                           bool *ret_live);
/* Has the unit a key to seal to at that time that a sender who goes by `installed` can know of? */
bool core_key_offered(const struct core *core, uint16_t unit,
                      const struct core_installed *installed, uint64_t at_ms);
const struct core_epoch_key *core_key_of_serial(const struct core *core, uint16_t unit,
                                                uint64_t serial, uint64_t epoch);
size_t core_key_usable_count(const struct core *core, uint64_t serial, uint16_t unit,
                             uint64_t at_ms);
int core_key_put(struct core *core, const Leadbus__EpochKeyBody *body, uint64_t serial,
                 struct bytes raw, struct bytes signature, uint64_t index, uint64_t time_ms);

/* ---- speaker.c: who may speak, and how a record begins ------------------------------------------
 */
/* The certificate that may speak for (serial, unit) on this connection and whose key signed. */
int core_admit_speaker(const struct core *core, const struct core_request *request, uint64_t serial,
                       const char *unit, uint32_t suite, uint64_t now_ms,
                       const struct trust_certificate **ret_certificate, struct error *ret_error);
Leadbus__Record core_record(const struct core_request *request, uint64_t now_ms,
                            Leadbus__Record__WhatCase what);
/* The rules that a request is decided by. */
uint32_t core_rules(const struct core_request *request);

/* ---- rewraps.c: what was rewrapped before -------------------------------------------------------
 */
/* `from` and `unit`: places of who rewraps and who reads. E_DUPLICATE with verdict.index: this very
 * body stands there, or as many as there may be. */
int core_rewrap_check(const struct core *core, const Leadbus__RewrapBody *body, struct bytes raw,
                      uint16_t from, uint16_t unit, struct core_verdict *verdict);
void core_rewrap_note(struct core *core, const Leadbus__RewrapBody *body, struct bytes raw,
                      uint16_t from, uint16_t unit, uint64_t index);

/* ---- thread.c: messages, threads, participants; core_thread_messages of core.h ------------------
 */
struct core_message *core_message_find(const struct core *core, struct bytes id);
/* CORE_NONE, or where it stands, by the hash of its id. */
uint32_t core_message_place(const struct core *core, uint32_t hash, const uint8_t id[16]);
/* The first message whose index, or the time of whose record, is not below a value: a place. */
enum core_message_order { CORE_MESSAGE_INDEX, CORE_MESSAGE_TIME };
size_t core_message_from(const struct core *core, enum core_message_order order, uint64_t value);
struct core_message *core_message_at(const struct core *core, uint64_t index);
struct core_message *core_message_of_hash(const struct core *core, const uint8_t hash[32]);
struct core_thread *core_thread_find(const struct core *core, struct bytes id);
/* participant_count of them. */
const struct core_participant *core_thread_list(const struct core_thread *thread);
bool core_thread_has(const struct core *core, const struct core_thread *thread, uint16_t unit);
/* Participants in the numbers of a plan. */
size_t core_thread_participants(const struct core *core, const struct core_installed *installed,
                                const struct core_thread *thread,
                                struct route_participant *ret_participants, size_t cap);
void core_thread_join(struct core_thread *thread, uint16_t unit, enum route_role role,
                      uint64_t size);
struct core_party *core_party_find(const struct core *core, const struct core_message *message,
                                   uint16_t unit);

/* A unit as a reader of a message: a recipient, or who it was passed on to. */
struct core_reader {
    struct core_party *party; /* of the message, else of the transfer; NULL: no reader */
    uint32_t sections;        /* those of the message that it may open */
    uint32_t transfer;        /* the transfer's message, CORE_NONE: only a recipient */
};
struct core_reader core_reader_find(const struct core *core, const struct core_message *message,
                                    uint16_t unit);

/* ---- queue.c: lanes and what waits in them; core_past of core.h ---------------------------------
 */
uint32_t core_item_new(struct core *core, const uint8_t hash[32], uint64_t index,
                       uint64_t expires_ms, uint32_t message);
void core_item_release(struct core *core, uint32_t item);
uint64_t core_lane_push(struct core *core, uint16_t unit, unsigned lane, uint32_t item,
                        uint32_t flags);
struct core_place *core_lane_at(const struct core_lane *lane, uint64_t position);
void core_lane_pop(struct core *core, struct core_lane *lane);
/* The place of the record at `index`, or NULL. */
struct core_place *core_lane_find(const struct core_lane *lane, uint64_t index);
void core_notify(struct core *core, const uint16_t *units, size_t count, struct bytes record,
                 uint64_t index, struct core_effects *effects);
void core_notify_on(struct core *core, unsigned lane, const uint16_t *units, size_t count,
                    struct bytes record, uint64_t index, struct core_effects *effects);

/* ---- clock.c: the clocks of legs, and the time that a sender has to answer about a release ------
 */
uint32_t core_clocks_new(struct core *core, uint32_t message, uint8_t place, uint16_t clause,
                         const struct core_act *act);
/* A request for a release, the message at `slot`, waits for its answer from now on. */
void core_ask(struct core *core, uint32_t slot, const struct core_installed *installed);
void core_answer(struct core *core, uint32_t slot);
/* The time that the sender alone has is over. */
bool core_answer_late(const struct core_message *message, uint64_t now_ms);
bool core_asks(const struct core_message *message); /* and is not overdue */
uint16_t core_asked(const struct core *core, const struct core_message *message); /* whom */
uint32_t core_clock_facts(const struct core *core, const struct core_party *party,
                          const struct core_act *act);
void core_clock_step(struct core *core, const struct core_party *party,
                     const struct lifecycle_step *step, const struct core_act *act);
/* The thread of the act is under supervision from now on, and what runs on it is due sooner. */
void core_clocks_raise(struct core *core, const struct core_thread *thread,
                       const struct core_act *act);
/* Its clocks will be changed soon: brought close. */
void core_clock_expect(const struct core *core, const struct core_party *party);
void core_clock_delivered(struct core *core, const struct core_party *party, uint64_t time_ms);
/* Marks a clock of a tick, 1 + enum plan_clock_index; false: it does not run, or not until then. */
bool core_miss(struct core *core, struct core_message *message, uint16_t unit, uint32_t clock,
               uint64_t due_ms);

/* ---- alarm.c: what is told because of chains ----------------------------------------------------
 */
/* Of the message at `slot`, whose act core_chain kept. */
void core_alarms(struct core *core, uint32_t slot, const struct core_act *act, uint64_t expires_ms);
/* A clock of a leg was missed: the procuratorate, where it has a copy, supervises reports. */
void core_alarm_missed(struct core *core, uint32_t slot, enum plan_clock_index clock,
                       uint64_t due_ms, uint64_t now_ms);
bool core_alarm_live(const struct core *core, uint32_t alarm);
void core_alarm_told(const struct core *core, uint32_t alarm, struct core_told *ret);
int core_apply_alarm(struct core *core, const struct core_folding *folding,
                     const Leadbus__Alarm *said, struct error *ret_error);

/* ---- chain.c: the chains of threads, and their views of core.h ----------------------------------
 */
/* core_act has filled the act in; thread: a place, CORE_NONE where it opens one. With `change`,
 * which is the same core, the message's steps are kept. E_CHAIN_ORDER. */
int core_chain(const struct core *core, struct core *change, struct core_act *act,
               struct error *ret_error) MUST_USE;

/* ---- act.c: what an act does to the legs --------------------------------------------------------
 */
/* Asks the lifecycle; with `change`, which is the same core, does it as well: `slot` is the place
 * that the act's message will have. Errors of lifecycle_next; E_TARGET_NOT_ALLOWED. */
int core_act(const struct core *core, struct core *change, uint32_t slot, struct core_act *act,
             struct error *ret_error) MUST_USE;

/* ---- letter.c: envelopes in the core's own numbers ----------------------------------------------
 */
/* Who it is: its id and H. What it will be asked about stands far apart in a large state: here, and
 * with each step of core_letter_expect, the next of it is brought close while other things are
 * looked at. */
int core_letter_begin(const struct core *core, const Leadbus__Header *head, const uint8_t hash[32],
                      struct core_letter *ret, struct error *ret_error) MUST_USE;
void core_letter_expect(const struct core *core, const struct core_letter *letter,
                        enum core_letter_step step);
/* The bundle whose plan it was routed by; NULL: neither the one in force nor the one before it. */
const struct core_installed *core_routed_by(const struct core *core, const Leadbus__Header *head);
/* What the header of a letter begun means to this state, for a record of that time and those rules.
 * E_JOURNAL_CORRUPT of both: nobody who was admitted has sent that. */
int core_letter_read(const struct core *core, const Leadbus__Header *head, uint64_t now_ms,
                     uint32_t rules, struct core_letter *letter, struct error *ret_error) MUST_USE;

/* ---- due.c: whether what falls due still holds, and ticks ---------------------------------------
 */
/* Behind each record: what it left behind in time goes to core->past; whatever stands at the tops
 * still holds. */
void core_due_settle(struct core *core);
/* At most CORE_TICK_COUNT_MAX; none: nothing is due. */
void core_due_take(const struct core *core, uint64_t time_ms, struct core_due_list *ret_list);
struct core_item *core_due_find(struct core *core, uint64_t index);
int core_admit_tick(const struct core *core, const struct core_request *request, uint64_t now_ms,
                    struct buf *ret_record, struct core_verdict *verdict);
int core_apply_tick(struct core *core, const struct core_folding *folding,
                    const Leadbus__Tick *tick, struct error *ret_error);

/* ---- apply_accepted.c ---------------------------------------------------------------------------
 */
int core_apply_accepted(struct core *core, const struct core_folding *folding,
                        const struct core_decoded *decoded, struct error *ret_error);
/* The same of what was read already. */
int core_apply_letter(struct core *core, const struct core_folding *folding,
                      const struct core_letter *letter, struct error *ret_error);

/* ---- apply_signed.c: acknowledgements, epoch keys and rewraps -----------------------------------
 */
int core_apply_ack(struct core *core, const struct core_folding *folding,
                   const Leadbus__Acknowledged *acknowledged, struct error *ret_error);
int core_apply_key(struct core *core, const struct core_folding *folding,
                   const Leadbus__KeyPublished *published, struct error *ret_error);
int core_apply_rewrap(struct core *core, const struct core_folding *folding,
                      const Leadbus__Rewrapped *rewrapped, struct error *ret_error);

/* ---- restored.c: a backup that was put back -----------------------------------------------------
 */
int core_admit_restored(const struct core *core, const struct core_request *request,
                        uint64_t now_ms, struct buf *ret_record, struct core_verdict *verdict);
int core_apply_restored(struct core *core, const struct core_folding *folding,
                        const Leadbus__Restored *restored, struct error *ret_error);

/* ---- apply.c: core_apply of core.h --------------------------------------------------------------
 */

/* ---- digest.c: core_digest of core.h ------------------------------------------------------------
 */

/* ---- admit_submit.c: envelopes -----------------------------------------------------------------
 */
/* Here and below: `now_ms` is record time; each fills in the verdict's error and returns its code.
 */
int core_admit_submit(const struct core *core, const struct core_request *request, uint64_t now_ms,
                      struct buf *ret_record, struct core_verdict *verdict);

/* ---- admit_signed.c: acknowledgements, epoch keys and rewraps -----------------------------------
 */
int core_admit_ack(const struct core *core, const struct core_request *request, uint64_t now_ms,
                   struct buf *ret_record, struct core_verdict *verdict);
int core_admit_key(const struct core *core, const struct core_request *request, uint64_t now_ms,
                   struct buf *ret_record, struct core_verdict *verdict);
int core_admit_rewrap(const struct core *core, const struct core_request *request, uint64_t now_ms,
                      struct buf *ret_record, struct core_verdict *verdict);

/* ---- admit.c: core_admit of core.h --------------------------------------------------------------
 */

/* ---- request.c: core_request_of_record of core.h ------------------------------------------------
 */

/* ---- core.c: life, and the views of core.h ------------------------------------------------------
 */

#endif
