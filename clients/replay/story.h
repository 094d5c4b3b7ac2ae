/* story: everything a journal says about one lead: to whom and by which clause, when each agent
 * had it, what was done on it afterwards. Gathered during a folding walk (audit.h), so every piece
 * has passed every check. Keeps the bytes that an evidence file needs. One thread. */
#ifndef CLIENTS_REPLAY_STORY_H
#define CLIENTS_REPLAY_STORY_H

#include "clients/replay/audit.h"
#include "clients/replay/lanes.h"

enum { STORY_BUNDLE_COUNT_MAX = 16, STORY_ACT_COUNT_MAX = 4096 };

/* What one recipient's agent did with it. */
struct story_recipient {
    const char *unit; /* borrowed from the story's own record */
    unsigned lane;
    uint64_t position;            /* 0: never queued */
    uint8_t previous_running[32]; /* of the lane before this entry */
    struct buf entries;           /* what was queued after it up to the acknowledgement: u64
                                     index and 32 bytes item hash, each */
    bool acknowledged;
    uint32_t exception; /* number of errors.def, 0: taken as it is */
    uint32_t late;      /* likewise, of what came after it: attachments */
    uint64_t ack_index, ack_ms, late_ms;
    struct buf ack_record;
};

/* A later message on the thread that concerns this one: it answers it or one that does, is an act
 * on a leg that came of it, or one on every leg of the thread. */
struct story_act {
    uint64_t index;
    bool answers;                        /* this very one: evidence holds these */
    char target[LIMIT_SLUG_LEN_MAX + 1]; /* the unit that it passes on to, releases for; "": none */
    struct buf record;
};

struct story {
    const char *path;
    uint64_t index;
    uint8_t id[16], thread[16];
    uint64_t time_ms;
    uint32_t accepted_flags;
    struct buf record;
    struct arena arena;
    struct envelope envelope; /* decoded again from record; borrows it and the arena */
    size_t recipient_count;
    struct story_recipient recipients[LIMIT_RECIPIENT_COUNT_MAX];
    bool legs; /* it made some */
    size_t act_count, act_cap, answer_count;
    struct story_act *acts; /* in journal order */
    uint64_t acts_left_out; /* above STORY_ACT_COUNT_MAX, counted apart for those that answer */
    uint64_t *concerned;    /* ascending: indexes of all of them, and its own */
    size_t concerned_count, concerned_cap;
    struct core_routing routing; /* borrows from the core of the walk */
    /* Encoded bundles that certify the keys seen, by version; [0] is the one it was routed by. */
    size_t bundle_count;
    struct {
        uint64_t version;
        struct trust_root root; /* that it verified under */
        struct buf bytes;
    } bundles[STORY_BUNDLE_COUNT_MAX];
    size_t root_count;
    struct buf roots[STORY_BUNDLE_COUNT_MAX]; /* signed root notes, as journaled, no doubles */
    struct lanes lanes;
    char origin[LIMIT_NOTE_NAME_LEN_MAX + 1];
};

/* Finds the lead by journal index (digits) or id (UUID). E_NOT_FOUND, E_USAGE, and as store.h. */
int story_find(struct story *story, const char *path, const char *lead,
               struct error *ret_error) MUST_USE;
void story_fini(struct story *story);
/* The hook for audit_run with fold; ctx is the story. */
int story_each(void *ctx, const struct audit_record *record, struct error *ret_error) MUST_USE;

/* Decodes an accepted record's envelope. E_BAD_FORM. */
int story_envelope(struct bytes record, struct arena *arena, struct envelope *ret,
                   uint64_t *ret_time_ms, uint32_t *ret_flags, struct error *ret_error) MUST_USE;

#endif
